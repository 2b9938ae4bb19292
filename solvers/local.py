"""A local best response in a tree: always the action that would earn most if both went on as the other one plays.

It knows the other's strategy, hence how likely each of its hands is, and looks one action ahead; afterwards both are
taken to follow that strategy. Playing so everywhere is one step of policy improvement, so it earns at least what the
strategy earns against itself, and what it earns is a lower bound on what a best response does. Lisy and Bowling (2017)
look ahead so in hold'em, where both are taken to check and call; `solvers.streets.local_response` does.
"""

import numpy as np

from counterplay.engine.strategy import Table
from counterplay.solvers.duels import Board, weigh


def local_response(on: Board, table: Table) -> Table:
    """Return the local best response to a table, in both seats, [R, W]; raises `UserError` as `weigh` does."""
    tree, response = on.tree, np.zeros_like(table)
    for p in range(2):
        known = (None, table) if p == 0 else (table, None)
        worth, lanes = weigh(on, table, known, p).worth, len(tree.hands[p])
        moved = np.flatnonzero((tree.player[np.maximum(tree.parent, 0)] == p) & (tree.parent >= 0))
        gain = np.zeros((tree.rows, lanes))
        np.add.at(gain, on.row[moved], worth[moved])
        for i in np.flatnonzero(tree.owner == p):
            rows = slice(tree.first[i], tree.first[i + 1])
            response[rows, :lanes] = gain[rows].argmax(axis=0) == np.arange(rows.stop - rows.start)[:, None]
    return response
