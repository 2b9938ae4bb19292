"""Play through subgames side by side: how strategies reach their public states, and what these are worth then.

Shape letters: B parts, M public states of all parts, S sequences, W lanes.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.rules import LEAF
from counterplay.engine.subgames import Forest, Horizon, PublicStates
from counterplay.engine.tree import Tree

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Reached(NamedTuple):
    """The public states of a forest's parts, part by part in preorder, as strategies reach them."""

    node: Ints  # [M]
    part: Ints  # [M]
    above: Ints  # [M] the place of the state before; -1 at roots
    ranges: Floats  # [M, 2, W] with which both players come there
    values: Floats  # [M, 2, W] counterfactual; of parts that are cut at a horizon none is known: 0


def play_through(states: PublicStates, parts: Forest, horizon: Horizon, sigma: Floats, ranges: Floats) -> Reached:
    """Return what strategies [S * W] of a forest make of all its public states, from ranges [B, 2, W] at the roots."""
    tree, lanes = states.tree, states.tree.lanes
    node, part, above = _laid(states, parts.roots, horizon)
    acted = np.where(above >= 0, tree.player[tree.parent[node]], LEAF)
    odds = _odds(states, parts, node, part, above, sigma.reshape(parts.form.sequences, -1)[:, :lanes])
    own = [np.where((acted == p)[:, None], odds, 1.0) for p in range(2)]
    depth = _depths(above)
    levels = [np.flatnonzero(depth == d) for d in range(1, int(depth.max()) + 1)]
    reach = np.zeros((len(node), 2, lanes))
    reach[above < 0] = ranges
    for level in levels:
        for p in range(2):
            reach[level, p] = reach[above[level], p] * own[p][level]
    values = np.zeros_like(reach)
    if not len(parts.leaves.node):
        ends = np.flatnonzero(tree.player[node] == LEAF)
        values[ends] = _paid(tree, tree.infoset[node[ends]], reach[ends])
        for level in reversed(levels):
            groups = np.flatnonzero(np.diff(above[level], prepend=-2))  # siblings follow one another
            for p in range(2):
                values[above[level[groups]], p] += np.add.reduceat(values[level, p] * own[p][level], groups)
    return Reached(node, part, above, reach, values)


def _laid(states: PublicStates, roots: Ints, horizon: Horizon) -> tuple[Ints, Ints, Ints]:
    """Return node, part and place of the parent (-1 of roots) of all public states up to a horizon, [M] each."""
    parent, nodes = states.tree.parent, len(states.size)
    sizes = states.size[roots]
    part = np.repeat(np.arange(len(sizes)), sizes)
    node = np.arange(len(part)) + np.repeat(roots - np.cumsum(sizes) + sizes, sizes)
    before, root = np.maximum(parent[node], 0), roots[part]
    kept = (node == root) | ~states.beyond(before, root, horizon)
    node, part, root, before = node[kept], part[kept], root[kept], before[kept]
    above = np.searchsorted(part * nodes + node, part * nodes + before)
    return node, part, np.where(node == root, -1, above)


def _odds(states: PublicStates, parts: Forest, node: Ints, part: Ints, above: Ints, sigma: Floats) -> Floats:
    """Return how likely each lane of who chose the way to a state did so, [M, W]; 1 where nobody had a choice."""
    tree, form = states.tree, parts.form
    cut = np.isin(part * len(states.size) + node, parts.leaves.part * len(states.size) + parts.leaves.node)
    deciding = ~cut & (states.moves[node] > 1)
    first = np.zeros(len(node), np.int64)
    for p in range(2):
        first[deciding & (tree.player[node] == p)] = form.first[form.begin[p] : form.begin[p + 1]]
    chosen = np.flatnonzero((above >= 0) & deciding[above])
    odds = np.ones((len(node), sigma.shape[1]))
    odds[chosen] = sigma[first[above[chosen]] + tree.slot[node[chosen]]]
    return odds


def _depths(above: Ints) -> Ints:
    """Return how many states are on the way from each one's root, [M]."""
    depth, to = np.zeros(len(above), np.int64), above.copy()
    while (on := np.flatnonzero(to >= 0)).size:
        depth[on] += 1
        to[on] = above[to[on]]
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
