"""Several continuations for the opponent: an evaluator made of strategies for the rest of the game.

At a net leaf the player that solves keeps to a blueprint to the end of the game, while its opponent picks, hand by
hand, one of several continuations: that blueprint, and the same with a taste for some kind of action. The choice is one
of the solve itself, by regret matching plus. Brown, Sandholm and Amos, NeurIPS 2018 (Modicum; their tastes multiply by
ten).
Shape letters: K continuations, L states begun with, B states asked, W lanes.
"""

from collections.abc import Sequence

import numpy as np

from counterplay.engine.codes import Ints
from counterplay.engine.evaluator import Floats
from counterplay.engine.strategy import Table
from counterplay.engine.subgames import PublicStates
from counterplay.engine.tree import Tree
from counterplay.solvers.node_values import node_payoffs
from counterplay.solvers.value import seated


def tastes(tree: Tree, table: Table, factor: float = 10.0) -> list[Table]:
    """Return a strategy, and the same with its probabilities of some moves multiplied.

    These are the first moves of all decisions (in poker to fold or check), the last ones (the largest bet), and those
    between.
    """
    sizes = np.diff(tree.first)
    slot = np.arange(tree.rows) - np.repeat(tree.first[:-1], sizes)
    first, last = slot == 0, slot == np.repeat(sizes, sizes) - 1
    found = [table]
    for liked in (first, last, ~first & ~last):
        odds = table * np.where(liked, factor, 1.0)[:, None]
        found.append(odds / np.repeat(np.add.reduceat(odds, tree.first[:-1], axis=0), sizes, axis=0))
    return found


class Continuations:
    """The evaluator of states `nodes` [L] at which the opponent of `seat` picks one of `tables`.

    The player in that seat keeps to the first of them. It learns from call to call: a solve begins one of its own. A
    state that is asked for twice in one call learns once.
    """

    def __init__(self, states: PublicStates, nodes: Ints, tables: Sequence[Table], seat: int):
        self.seat, tree = seat, states.tree
        worth = [node_payoffs(states, seated(tree, _seats(tables[0], table, seat)))[nodes] for table in tables]
        both = np.stack(worth)  # [K, L, 2, W0, W1]
        if seat == 1:
            both = both.swapaxes(3, 4)[:, :, ::-1]  # the seat's own first
        self._own, self._other = both[:, :, 0], both[:, :, 1]  # [K, L, W of the seat, W of the opponent]
        self._regret = np.zeros((len(nodes), both.shape[4], len(tables)))  # [L, W of the opponent, K]

    def values(self, states: Ints, ranges: Floats) -> Floats:
        """Return both players' values [B, 2, W] at the opponent's choices so far, which are then brought up to date."""
        seat, (mine, theirs) = self.seat, self._own.shape[2:]
        regret = self._regret[states]
        total = regret.sum(axis=2, keepdims=True)
        choice = np.where(total > 0, regret / np.where(total > 0, total, 1), 1 / regret.shape[2])
        each = np.einsum("kbij,bi->bjk", self._other[:, states], ranges[:, seat, :mine])
        earned = (choice * each).sum(axis=2)
        comes = ranges[:, 1 - seat, :theirs, None] * choice
        found = np.zeros(ranges.shape)
        found[:, seat, :mine] = np.einsum("kbij,bjk->bi", self._own[:, states], comes)
        found[:, 1 - seat, :theirs] = earned
        self._regret[states] = np.maximum(regret + each - earned[:, :, None], 0)
        return found


def _seats(own: Table, other: Table, seat: int) -> list[Table]:
    return [own, other] if seat == 0 else [other, own]
