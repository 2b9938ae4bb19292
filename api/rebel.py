"""ReBeL's self-play (Brown, Bakhtin, Lerer and Gong 2020, algorithm 1): public states met in games with oneself.

A game goes from one subgame to the next. Each is solved to its horizon, where the network answers; its root, with the
ranges that the players came with, and what the solve says it is worth are a sample. Play goes on as one iteration's
strategies say, drawn at random and late ones rather, and one player of each game explores: of its moves some are drawn
evenly. Ranges follow the strategies alone. Departures: iterations are drawn with the weights of the average (t squared
of DCFR), all games of a batch stop at the same one, and what several of them meet is one sample.
Shape letters: B games, M public states of their subgames, W lanes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.subgame_play import Reached, play_through
from counterplay.api.training_states import INSIDE, VARIANT, Ground, samples, solved
from counterplay.engine.evaluator import Begin
from counterplay.engine.rules import LEAF
from counterplay.engine.subgames import forest
from counterplay.solvers.depth_limited import TRACE, DepthLimited

EXPLORES = 0.25  # of the moves of a game's exploring player are drawn evenly
_HASTE = 4  # times fewer iterations where games only have to find states
_FLOOR = 1e-6  # of a range's mass is spread over all hands, so that an explored move leaves one

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def games(
    ground: Ground,
    number: int,
    horizon: int,
    iterations: int,
    begin: Begin,
    rng: np.random.Generator,
    *,
    anew: bool = False,
) -> Any:
    """Play so many games and return their samples (`agents.value_training.Samples`).

    Games that have gone the same way are in the same subgame, which is solved once for all of them and is one sample.
    With `anew` the states are solved once more, to the end of the game, and these solves are the samples; the games
    take a quarter of the iterations then.
    """
    tree = ground.tree
    count = max(1, iterations // _HASTE) if anew else iterations
    there = np.stack([np.arange(tree.lanes) < len(hands) for hands in tree.hands])
    evenly = there / there.sum(axis=1)[:, None]
    roots, ranges, part = np.zeros(1, np.int64), evenly[None], np.zeros(number, np.int64)
    found = []
    while len(roots):
        parts = forest(ground.public, roots, horizon)
        evaluator = begin(tree, parts.leaves.node) if len(parts.leaves.node) else None
        run = DepthLimited(parts, VARIANT, evaluator, ranges, horizon=count)
        run.advance(min(1 + int(count * rng.random() ** (1 / 3)), count))  # of odds that rise as t squared
        reached = play_through(ground.public, parts, horizon, run.sigma, ranges)
        if not anew:
            run.advance(count - run.iterations)
        found.append((roots, ranges, run.outcome().values))
        ends = _walk(ground, reached, part, rng)
        ends, part = np.unique(ends[tree.player[reached.node[ends]] != LEAF], return_inverse=True)
        roots = reached.node[ends]
        ranges = reached.ranges[ends] / np.maximum(reached.ranges[ends].sum(axis=2, keepdims=True), TRACE)
        ranges = (1 - _FLOOR) * ranges + _FLOOR * evenly
        ranges /= ranges.sum(axis=2, keepdims=True)
    states, reach, values = (np.concatenate(part) for part in zip(*found, strict=True))
    if anew:
        return solved(ground, states, reach, iterations, inside=INSIDE, rng=rng)
    return samples(ground, states, reach, values)


def _walk(ground: Ground, reached: Reached, part: Ints, rng: np.random.Generator) -> Ints:
    """Return where each game's play through its part ends, [B]: places of net leaves, or of leaves."""
    joint = _joint(ground, reached)
    roots = np.flatnonzero(reached.above < 0)
    explorer = rng.integers(0, 2, len(part))
    after: list[list[int]] = [[] for _ in reached.node]
    for child, above in enumerate(reached.above.tolist()):
        if above >= 0:
            after[above].append(child)
    ends = roots[part]
    for game, at in enumerate(ends.tolist()):
        while after[at]:
            odds = joint[after[at]]
            explores = ground.tree.player[reached.node[at]] == explorer[game] and rng.random() < EXPLORES
            if explores or not odds.sum() > 0:
                odds = np.ones(len(odds))
            at = after[at][int(rng.choice(len(odds), p=odds / odds.sum()))]
        ends[game] = at
    return ends


def _joint(ground: Ground, reached: Reached) -> Floats:
    """Return how likely the players come to each state, up to a factor of its part, [M]."""
    weights, first = ground.tree.weight[reached.node], ground.tree.weights
    found = np.empty(len(weights))
    for kind in np.unique(weights):
        rows = np.flatnonzero(weights == kind)
        w0, w1 = first.shape[1:]
        found[rows] = np.einsum("mi,ij,mj->m", reached.ranges[rows, 0, :w0], first[kind], reached.ranges[rows, 1, :w1])
    return found
