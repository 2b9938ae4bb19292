"""States to train value networks on: public states with ranges drawn at random, solved side by side.

Shape letters: N nodes, B states of a batch, W lanes.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents import module
from counterplay.engine.evaluator import Begin
from counterplay.engine.rules import LEAF
from counterplay.engine.subgames import Forest, PublicStates, forest, public_states
from counterplay.engine.tree import Tree, compile_tree
from counterplay.solvers.depth_limited import DepthLimited
from counterplay.solvers.variants import VARIANTS

BATCH = 64  # states that are solved side by side: what a job is
_VARIANT = VARIANTS["dcfr"]
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
    return 0.5 * reach / reach.sum() + 0.5 * evenly / evenly.sum()


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
    run = DepthLimited(parts, _VARIANT, evaluator, ranges, horizon=iterations)
    run.advance(iterations)
    outcome = run.outcome()
    found = nodes, ranges, outcome.values
    if inside and horizon is None and rng is not None:
        below = _chosen(ground, play_through(ground, parts, outcome.sigma, ranges), inside, rng)
        found = tuple(np.concatenate(both) for both in zip(found, below, strict=True))
    return _samples(ground, *found)


def _samples(ground: Ground, nodes: Ints, ranges: Floats, values: Floats) -> Any:
    """Return samples of ranges of any mass and their values."""
    mass = ranges.sum(axis=2)
    scale = ground.described.unit[nodes, None, None] * mass[:, ::-1, None]
    normal, units = ranges / mass[:, :, None], values / scale
    return module("value_training").Samples(*(
        part.astype(kind) for part, kind in ((nodes, np.int32), (normal, np.float32), (units, np.float32))
    ))


class Reached(NamedTuple):
    """All public states of a forest's parts, as strategies reach them. Shape letter: M, part by part in preorder."""

    node: Ints  # [M]
    part: Ints  # [M]
    ranges: Floats  # [M, 2, W] with which both players come there
    values: Floats  # [M, 2, W] counterfactual


def play_through(ground: Ground, parts: Forest, sigma: Floats, ranges: Floats) -> Reached:
    """Return what strategies [S * W] of a forest without net leaves make of every public state of its parts."""
    tree, form, lanes = ground.tree, parts.form, ground.tree.lanes
    sizes = ground.public.size[parts.roots]
    part = np.repeat(np.arange(len(sizes)), sizes)
    start = np.cumsum(sizes) - sizes
    node = np.arange(len(part)) - np.repeat(start - parts.roots, sizes)
    above = tree.parent[node] - np.repeat(parts.roots - start, sizes)  # places of parents
    above[start] = -1
    odds = np.ones((len(node), lanes))  # of each move that leads to a node, to the hands of who chose it
    acted = np.where(above >= 0, tree.player[tree.parent[node]], LEAF)
    deciding = ground.public.moves[node] > 1
    first = np.zeros(len(node), np.int64)
    for p in range(2):
        mine = deciding & (tree.player[node] == p)
        first[mine] = form.first[form.begin[p] : form.begin[p + 1]]
    chosen = np.flatnonzero((above >= 0) & deciding[above])
    sequence = first[above[chosen]] + tree.slot[node[chosen]]
    odds[chosen] = sigma.reshape(form.sequences, -1)[sequence, :lanes]
    depth = _depths(tree)[node]
    levels = [np.flatnonzero(depth == d) for d in range(int(depth.min()), int(depth.max()) + 1)]
    levels = [level[above[level] >= 0] for level in levels]
    own = [np.where((acted == p)[:, None], odds, 1.0) for p in range(2)]
    reach = np.zeros((len(node), 2, lanes))
    reach[start] = ranges
    for level in levels:
        for p in range(2):
            reach[level, p] = reach[above[level], p] * own[p][level]
    values = np.zeros_like(reach)
    ends = np.flatnonzero(tree.player[node] == LEAF)
    values[ends] = _paid(tree, tree.infoset[node[ends]], reach[ends])
    for level in reversed(levels):
        if len(level):
            groups = np.flatnonzero(np.diff(above[level], prepend=-2))  # siblings follow one another
            for p in range(2):
                values[above[level[groups]], p] += np.add.reduceat(values[level, p] * own[p][level], groups)
    return Reached(node, part, reach, values)


def _depths(tree: Tree) -> Ints:
    depth = np.zeros(len(tree.player), np.int64)
    for node, above in enumerate(tree.parent.tolist()[1:], 1):
        depth[node] = depth[above] + 1
    return depth


def _paid(tree: Tree, leaves: Ints, ranges: Floats) -> Floats:
    """Return the values of leaves [L] to ranges [L, 2, W], [L, 2, W]; leaves that pay alike go through one table."""
    values = np.zeros_like(ranges)
    pays = np.stack([tree.outcome[leaves], tree.leaf_weight[leaves]], axis=1)
    kinds, which = np.unique(pays, axis=0, return_inverse=True)
    first, second = (len(hands) for hands in tree.hands)
    for k, (outcome, weight) in enumerate(kinds):
        rows = np.flatnonzero(which.ravel() == k)
        table = tree.payoffs[outcome] * tree.weights[weight]
        stake = tree.stake[leaves[rows], None]
        values[rows, 0, :first] = stake * (ranges[rows, 1, :second] @ table[0].T)
        values[rows, 1, :second] = stake * (ranges[rows, 0, :first] @ table[1])
    return values


def _chosen(ground: Ground, reached: Reached, count: int, rng: np.random.Generator) -> tuple[Ints, Floats, Floats]:
    """Return so many states of each part below its root, drawn by the ground's odds from those likely enough."""
    mass = reached.ranges.sum(axis=2).min(axis=1)
    inner = np.flatnonzero((ground.odds[reached.node] > 0) & (mass > _LIKELY) & (np.diff(reached.part, prepend=-1) == 0))
    keys = np.log(ground.odds[reached.node[inner]]) + rng.gumbel(size=len(inner))
    order = inner[np.lexsort((-keys, reached.part[inner]))]
    part = reached.part[order]
    rank = np.arange(len(order)) - np.searchsorted(part, part)
    kept = order[rank < count]
    return reached.node[kept], reached.ranges[kept], reached.values[kept]
