"""Duplicate deals of two strategies that are known: both games' moves drawn together, so that their luck cancels.

A deal is two games with the same hands and cards, one with each strategy in each seat. That leaves the luck of the
players' own moves. Where both strategies are known, how likely each end of a deal is in either game is known too. One
number then draws both ends: the ends are lined up by what they pay, and each game takes the end at which its own
probabilities add up to that number. Each game is played as its strategies have it, and of all ways to draw the two
together this one leaves the least variance in what a side is paid (the monotone coupling of what the first seat is
paid, which is optimal for squared differences: Cambanis, Simons and Stout 1976).
"""

import numpy as np
import numpy.typing as npt

from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.strategy import Table
from counterplay.solvers.duels import Board, Luck, drawn, levels

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
NODES = 20_000  # of a tree whose ends are lined up for every deal; in larger ones games share their numbers alone
_ENTRIES = 4_000_000  # nodes times deals at a time


def ends(on: Board, order: tuple[Table, Table], swapped: tuple[Table, Table], luck: Luck) -> tuple[I64, I64]:
    """Return the leaf of each deal in the game of `order` and in that of `swapped`, drawn together, [D] each."""
    found = np.empty((2, len(luck.deal)), np.int64)
    deals = max(1, _ENTRIES // len(on.tree.player))
    for begin in range(0, len(luck.deal), deals):
        part = slice(begin, begin + deals)
        found[:, part] = _ends(on, (order, swapped), Luck(luck.deal[part], luck.chance[part], luck.moves[part]))
    return found[0], found[1]


def _ends(on: Board, orders: tuple[tuple[Table, Table], ...], luck: Luck) -> I64:
    tree, second = on.tree, len(on.tree.hands[1])
    leaves = np.flatnonzero(tree.player == LEAF)
    pair = drawn(tree.weights[tree.weight[0]].ravel(), luck.deal)
    hands = (pair // second, pair % second)
    ending = tree.infoset[leaves]
    paid = tree.payoffs.reshape(len(tree.payoffs), 2, -1)[tree.outcome[ending], 0][:, pair] * tree.stake[ending, None]
    rank = np.argsort(paid, axis=0, kind="stable")  # [L, D]
    chosen = np.empty((2, len(pair)), np.int64)
    for game, tables in enumerate(orders):
        odds = np.take_along_axis(_reach(on, tables, hands, pair, luck)[leaves], rank, axis=0)
        sums = np.cumsum(odds, axis=0)
        at = (sums <= luck.moves[:, 0] * sums[-1]).sum(axis=0)
        chosen[game] = leaves[np.take_along_axis(rank, at[None], axis=0)[0]]
    return chosen


def _reach(on: Board, tables: tuple[Table, Table], hands: tuple[I64, I64], pair: I64, luck: Luck) -> F64:
    """Return how likely the players are to come to each node of each deal with its cards, [N, D]."""
    tree, reach = on.tree, np.zeros((len(on.tree.player), len(pair)))
    weights = tree.weights.reshape(len(tree.weights), -1)
    reach[0], before = 1.0, np.zeros(len(tree.player), np.int64)  # moves of chance on the way
    for nodes in levels(on)[1:]:
        above = tree.parent[nodes]
        who = tree.player[above]
        reach[nodes], before[nodes] = reach[above], before[above] + (who == CHANCE)
        for p in range(2):
            mine = nodes[who == p]
            reach[mine] *= tables[p][on.row[mine][:, None], hands[p]]
        for node in np.unique(above[who == CHANCE]):
            kids = on.kids[on.start[node] : on.start[node] + on.many[node]]
            sums = np.cumsum(weights[tree.weight[kids]][:, pair], axis=0)
            taken = (sums <= luck.chance[:, before[node]] * sums[-1]).sum(axis=0)
            reach[kids] *= np.arange(len(kids))[:, None] == taken
    return reach


def paths(on: Board) -> I64:
    """Return the nodes on the way to each node by depth, itself from its own depth on, [N, depth + 1]."""
    deep = levels(on)
    way = np.zeros((len(on.tree.player), len(deep)), np.int64)
    for depth, nodes in enumerate(deep):
        way[nodes] = way[np.maximum(on.tree.parent[nodes], 0)]
        way[nodes, depth:] = nodes[:, None]
    return way
