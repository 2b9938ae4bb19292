"""What public states are worth under a strategy: every node of a dealt game's tree, lane by lane.

Shape letters: N nodes, W lanes of the player with more; entries beyond a player's own are zero.
"""

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints
from counterplay.engine.rules import LEAF
from counterplay.engine.strategy import Table
from counterplay.engine.subgames import PublicStates

Values = npt.NDArray[np.float64]
_BATCH = 4096  # leaves whose payoffs are laid out at once


def reaches(states: PublicStates, table: Table) -> Values:
    """Return both players' plans at every node if they follow the table from the root, [N, 2, W]."""
    tree = states.tree
    reach = np.zeros((len(tree.player), 2, tree.lanes))
    for p in range(2):
        reach[0, p, : len(tree.hands[p])] = 1.0
    row = rows_to(states)
    for level in states.levels[1:]:
        above = tree.parent[level]
        reach[level] = reach[above]
        for p in range(2):
            acted = tree.player[above] == p
            reach[level[acted], p] *= table[row[level[acted]]]
    return reach


def rows_to(states: PublicStates) -> Ints:
    """Return the strategy row of the move that leads to each node, [N]; -1 where nobody's does."""
    tree = states.tree
    above = np.maximum(tree.parent, 0)
    row = np.full(len(tree.player), -1)
    moved = (tree.parent >= 0) & (tree.player[above] >= 0)
    row[moved] = tree.first[tree.infoset[above[moved]]] + tree.slot[moved]
    return row


def node_values(states: PublicStates, table: Table, *, best: bool = False) -> Values:
    """Return both players' counterfactual values at every node against the table, [N, 2, W].

    A player itself follows the table too or, with `best`, plays a best response.
    """
    tree = states.tree
    reach, value = reaches(states, table), np.zeros((len(tree.player), 2, tree.lanes))
    leaves = np.flatnonzero(tree.player == LEAF)
    w0, w1 = map(len, tree.hands)
    for at in range(0, len(leaves), _BATCH):
        node = leaves[at : at + _BATCH]
        leaf = tree.infoset[node]
        paid = tree.payoffs[tree.outcome[leaf]] * (tree.weights[tree.leaf_weight[leaf]])[:, None]
        paid *= tree.stake[leaf, None, None, None]
        value[node, 0, :w0] = np.einsum("lij,lj->li", paid[:, 0], reach[node, 1, :w1])
        value[node, 1, :w1] = np.einsum("lij,li->lj", paid[:, 1], reach[node, 0, :w0])
    row = rows_to(states)
    for level in reversed(states.levels[1:]):
        above = tree.parent[level]
        for p in range(2):
            own = tree.player[above] == p
            np.add.at(value[:, p], above[~own], value[level[~own], p])
            mine, to = level[own], above[own]
            if best:
                value[to, p] = -np.inf
                np.maximum.at(value[:, p], to, value[mine, p])
            else:
                np.add.at(value[:, p], to, table[row[mine]] * value[mine, p])
    return value


def node_payoffs(states: PublicStates, table: Table) -> Values:
    """Return what each pair of hands earns at every node if both follow the table from there on, [N, 2, W0, W1].

    Chance of the deal and on the way is in it, so a player's values at ranges are products with the other's.
    """
    tree = states.tree
    worth = np.zeros((len(tree.player), *tree.payoffs.shape[1:]))
    leaves = np.flatnonzero(tree.player == LEAF)
    paid = tree.stake[:, None, None] * tree.weights[tree.leaf_weight]
    worth[leaves] = tree.payoffs[tree.outcome] * paid[:, None]
    row = rows_to(states)
    w0, w1 = map(len, tree.hands)
    for level in reversed(states.levels[1:]):
        above = tree.parent[level]
        share = np.ones((len(level), w0, w1))
        for p, lanes in ((0, np.s_[:, :w0, None]), (1, np.s_[:, None, :w1])):
            acted = tree.player[above] == p
            share[acted] *= table[row[level[acted]]][lanes]
        np.add.at(worth, above, worth[level] * share[:, None])
    return worth
