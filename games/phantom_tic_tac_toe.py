"""Phantom tic-tac-toe: tic-tac-toe in which nobody sees the stones of the other (rules as in OpenSpiel)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from counterplay.engine.rules import Ints
from counterplay.games.in_the_dark import InTheDark

_LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


@dataclass(frozen=True)
class PhantomTicTacToe(InTheDark):
    """Tic-tac-toe on cells a1 to c3 in the dark: three in a line win 1 from the other, a full board is a draw.

    A player who tries a cell that the other has taken is told so, and tries another; with `abrupt` its turn is over
    instead. What it knows is what it tried, in order: "b2 a1x c3" has b2 and c3, and found a1 taken.

    OpenSpiel's `phantom_ttt` with obstype=reveal-nothing; `abrupt` is gameversion=abrupt.
    """

    abrupt: bool = False
    rows = 3
    columns = 3

    def won(self, player: int, stones: Any) -> Any:
        won = False
        for line in _LINES:
            three = sum(1 << cell for cell in line)
            won = won | ((stones & three) == three)
        return won

    def symmetries(self) -> Ints:
        """Return the eight symmetries of the square."""
        board = np.arange(9).reshape(3, 3)
        turned = [np.rot90(each, k) for each in (board, board.T) for k in range(4)]
        return np.stack([each.ravel() for each in turned])
