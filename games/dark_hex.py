"""Dark hex: hex in which nobody sees the other's stones (rules as in OpenSpiel)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.engine.rules import Ints
from counterplay.games.in_the_dark import InTheDark, half_turn, side


@dataclass(frozen=True)
class DarkHex(InTheDark):
    """Hex in the dark, on a board of `size` rows and columns; size=(2, 3) has two rows and three columns.

    The first player wins 1 from the second by joining the top to the bottom, the second by joining left to right; one
    of them always does. A player who tries a cell that the other has taken is told so, and tries another; with
    `abrupt` its turn is over instead. What it knows is what it tried, in order: "b2 a1x c3" has b2 and c3, and found
    a1 taken. Columns are letters, rows are numbers, and each row stands half a cell further to the right.

    OpenSpiel's `dark_hex` with obstype=reveal-nothing: `size` is num_rows and num_cols, `abrupt` gameversion=adh.
    """

    size: int | tuple[int, int] = 3
    abrupt: bool = False
    slanted = True

    def __post_init__(self) -> None:
        if isinstance(self.size, tuple | list):
            if len(self.size) != 2:
                raise UserError(f"size must be a number, or rows and columns such as (2, 3), not {self.size!r}")
            rows, columns = (side("each of size", length) for length in self.size)
        else:
            rows = columns = side("size", self.size)
        object.__setattr__(self, "size", rows if rows == columns else (rows, columns))
        if not isinstance(self.abrupt, bool):
            raise UserError(f"abrupt must be true or false, not {self.abrupt!r}")

    @property
    def rows(self) -> int:
        return self.size if isinstance(self.size, int) else self.size[0]

    @property
    def columns(self) -> int:
        return self.size if isinstance(self.size, int) else self.size[1]

    @cached_property
    def _sides(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the cells from which and to which each player has to get."""
        rows, columns = self.rows, self.columns
        top, left = (1 << columns) - 1, sum(1 << columns * row for row in range(rows))
        return (top, top << columns * (rows - 1)), (left, left << columns - 1)

    def won(self, player: int, stones: Any) -> Any:
        columns, cells = self.columns, self.rows * self.columns
        here, there = self._sides[player]
        everywhere, left = (1 << cells) - 1, self._sides[1][0]
        not_left, not_right = everywhere & ~left, everywhere & ~self._sides[1][1]
        joined = stones & here
        for _ in range(cells - 1):  # a cell's neighbours: beside it, above and to the right of that, below and left
            steps = (joined & not_right) << 1 | (joined & not_left) >> 1 | joined << columns | joined >> columns
            steps = steps | (joined & not_right) << 1 >> columns | (joined & not_left) << columns >> 1
            joined = joined | stones & steps
        return (joined & there) != 0

    def symmetries(self) -> Ints:
        """Return the half turn, and no turn at all."""
        return half_turn(self.rows * self.columns)
