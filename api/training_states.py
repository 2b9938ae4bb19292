"""States to train value networks on: public states with ranges drawn at random, solved side by side.

Shape letters: N nodes, B states of a batch, W lanes.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents import module
from counterplay.api.subgame_play import Reached, play_through
from counterplay.engine.evaluator import Begin
from counterplay.engine.rules import LEAF
from counterplay.engine.subgames import PublicStates, forest, public_states
from counterplay.engine.tree import Tree, compile_tree
from counterplay.solvers.depth_limited import DepthLimited
from counterplay.solvers.variants import VARIANTS

BATCH = 64  # states that are solved side by side: what a job is
INSIDE = 15  # public states below each of them that are samples too, where solves go to the end
VARIANT = VARIANTS["dcfr"]
_LIKELY = 1e-3  # of a player's range has to come to a state that is a sample
_SPARSE, _SMOOTH = 0.05, 3.0  # of gamma's shape: ranges of few hands, and of all about alike

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Ground(NamedTuple):
    """A game as its states are drawn and solved."""

    tree: Tree
    public: PublicStates
    described: Any  # agents.public_features.Described
    odds: Floats  # [N] how often each node is drawn


def ground(rules: Any) -> Ground:
    """Lay out a game; raises `UserError` for one that value networks are not for."""
    describe = module("public_features").describe
    tree = compile_tree(rules)
    described = describe(rules, tree)
    return Ground(tree, public_states(tree), described, _odds(tree, described))


def _odds(tree: Tree, described: Any) -> Floats:
    """Return how often each node is drawn: half by play at random, half every kind of public state alike."""
    inner = tree.player != LEAF
    reach, parent = np.ones(len(tree.player)), tree.parent.tolist()
    moves = np.bincount(tree.parent[1:], minlength=len(reach))
    for node in range(1, len(reach)):
        reach[node] = reach[parent[node]] / moves[parent[node]]
    told = np.column_stack([described.numbers, tree.player])[inner]
    _, kind, count = np.unique(told, axis=0, return_inverse=True, return_counts=True)
    evenly = np.zeros(len(reach))
    evenly[inner] = 1.0 / count[kind.ravel()]
    reach[~inner] = 0.0
    odds: Floats = 0.5 * reach / reach.sum() + 0.5 * evenly / evenly.sum()
    return odds


def draw(ground: Ground, count: int, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Return public states [B] and ranges that sum to one [B, 2, W].

    A third of the ranges are gamma's of one shape, few hands or all (Dirichlet's distribution), a third what strategies
    drawn so leave of all hands on the way to the state, and a third one player's the one and the other's the other.
    """
    nodes = rng.choice(len(ground.odds), count, p=ground.odds)
    there = np.stack([np.arange(ground.tree.lanes) < len(hands) for hands in ground.tree.hands])
    free = rng.standard_gamma(_shapes(rng, (count, 2, 1)), (count, 2, ground.tree.lanes)) + 1e-30
    played = np.ones_like(free)
    for b, node in enumerate(nodes.tolist()):
        while node:
            above = int(ground.tree.parent[node])
            player, moves = int(ground.tree.player[above]), int(ground.public.moves[above])
            if player >= 0 and moves > 1:
                shape = _shapes(rng, ())
                played[b, player] *= rng.beta(shape, shape * (moves - 1), ground.tree.lanes) + 1e-12
            node = above
    chosen = rng.integers(0, 3, count)
    first = np.where(chosen == 2, rng.integers(0, 2, count), chosen)
    second = np.where(chosen == 2, 1 - first, chosen)
    by_play = np.stack([first, second], axis=1)[:, :, None] == 1
    ranges = np.where(by_play, played, free) * there
    return nodes, ranges / ranges.sum(axis=2, keepdims=True)


def _shapes(rng: np.random.Generator, size: tuple[int, ...]) -> Any:
    return np.exp(rng.uniform(np.log(_SPARSE), np.log(_SMOOTH), size))


def solved(
    ground: Ground,
    nodes: Ints,
    ranges: Floats,
    iterations: int,
    *,
    horizon: int | None = None,
    begin: Begin | None = None,
    inside: int = 0,
    rng: np.random.Generator | None = None,
) -> Any:
    """Return samples (`agents.value_training.Samples`): states with ranges, and what a solve says they are worth.

    Solves go to the end of the game, or, with a horizon, to where the evaluator that `begin` gives is asked. A solve
    is one of every public state below its root too, at the ranges with which it is reached there: of each that many
    are drawn and follow, where they are likely enough.
    """
    parts = forest(ground.public, nodes, horizon)
    leaves = parts.leaves.node
    evaluator = begin(ground.tree, leaves) if begin is not None and len(leaves) else None
    run = DepthLimited(parts, VARIANT, evaluator, ranges, horizon=iterations)
    run.advance(iterations)
    outcome = run.outcome()
    found: tuple[Any, ...] = nodes, ranges, outcome.values
    if inside and horizon is None and rng is not None:
        reached = play_through(ground.public, parts, None, outcome.sigma, ranges)
        below = _chosen(ground, reached, inside, rng)
        found = tuple(np.concatenate(both) for both in zip(found, below, strict=True))
    return samples(ground, *found)


def samples(ground: Ground, nodes: Ints, ranges: Floats, values: Floats) -> Any:
    """Return samples of ranges of any mass and their values."""
    mass = ranges.sum(axis=2)
    scale = ground.described.unit[nodes, None, None] * mass[:, ::-1, None]
    normal, units = ranges / mass[:, :, None], values / scale
    f32 = np.float32
    return module("value_training").Samples(nodes.astype(np.int32), normal.astype(f32), units.astype(f32))


def _chosen(ground: Ground, reached: Reached, count: int, rng: np.random.Generator) -> tuple[Ints, Floats, Floats]:
    """Return so many states of each part below its root, drawn by the ground's odds from those likely enough."""
    mass = reached.ranges.sum(axis=2).min(axis=1)
    inner = np.flatnonzero(
        (ground.odds[reached.node] > 0) & (mass > _LIKELY) & (np.diff(reached.part, prepend=-1) == 0)
    )
    keys = np.log(ground.odds[reached.node[inner]]) + rng.gumbel(size=len(inner))
    order = inner[np.lexsort((-keys, reached.part[inner]))]
    part = reached.part[order]
    rank = np.arange(len(order)) - np.searchsorted(part, part)
    kept = order[rank < count]
    return reached.node[kept], reached.ranges[kept], reached.values[kept]
