"""What games of stones in the dark share: two players place stones in turn, and nobody sees the other's.

Who tries a cell that the other has taken is told so, and never tries it again. It tries another cell at once; in
*abrupt* games its turn is over, and the other's comes. What a player knows is what it tried, in order, and whether it
got it.
"""

import operator
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import GOES_ON, LEAF, Ints

NOTHING = "start"  # what a player sees who has tried no cell
IN_VAIN = "x"  # behind a cell that was taken
MOST = 16  # cells up to which all positions are listed


class Attempt(NamedTuple):
    """A cell that a player tried."""

    cell: int
    in_vain: bool


class Board(NamedTuple):
    """A state: who moves, whose stones are where, one bit a cell, and what each has tried, in order."""

    mover: int
    stones: tuple[int, int]
    tried: tuple[tuple[Attempt, ...], tuple[Attempt, ...]]


class InTheDark:
    """`Rules` and `Phantom` of a game on a board, once it says how large that is and what wins.

    A game gives `rows`, `columns`, `slanted` (each row begins half a cell further to the right), `abrupt`, `won` and
    `symmetries`. Cells are counted row by row, and named by a letter for the column and a number for the row.
    """

    rows: Any
    columns: Any
    abrupt: Any
    slanted = False
    players = 2

    def won(self, player: int, stones: Any) -> Any:
        """Tell whether a player's stones win: of an integer with a bit for each cell, or of an array of them."""
        raise NotImplementedError

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return what the cells are called: a1, b1 and so on in the first row."""
        return tuple(f"{'abcdefgh'[c]}{r + 1}" for r in range(self.rows) for c in range(self.columns))

    def root(self) -> Board:
        return Board(0, (0, 0), ((), ()))

    def turn(self, state: Board) -> int:
        return LEAF if self._paid(state) is not None else state.mover

    def _paid(self, state: Board) -> float | None:
        """Return what the first player receives, None while the game goes on."""
        for player in range(2):
            if self.won(player, state.stones[player]):
                return 1.0 - 2.0 * player
        return 0.0 if state.stones[0] | state.stones[1] == (1 << len(self.names)) - 1 else None

    def _open(self, state: Board) -> list[int]:
        """Return the cells that the mover has not tried."""
        tried = {attempt.cell for attempt in state.tried[state.mover]}
        return [cell for cell in range(len(self.names)) if cell not in tried]

    def moves(self, state: Board) -> Sequence[str]:
        return tuple(self.names[cell] for cell in self._open(state))

    def play(self, state: Board, move: int) -> Board:
        cell, me = self._open(state)[move], state.mover
        in_vain = bool(state.stones[1 - me] >> cell & 1)
        tried, stones = list(state.tried), list(state.stones)
        tried[me] += (Attempt(cell, in_vain),)
        if not in_vain:
            stones[me] |= 1 << cell
        mover = me if in_vain and not self.abrupt else 1 - me
        return Board(mover, (stones[0], stones[1]), (tried[0], tried[1]))

    def payoffs(self, state: Board) -> Sequence[float]:
        paid = self._paid(state) or 0.0
        return paid, 0.0 - paid

    def sees(self, state: Board, player: int) -> str:
        """Return the cells that the player tried, in order, those in vain with an x: "b2 a1x c3"."""
        return written(self.names, state.tried[player])

    def ends(self) -> npt.NDArray[np.int8]:
        """Return what the first player receives at each position, or `GOES_ON`, [3 ** cells] (`Phantom`)."""
        cells = len(self.names)
        if cells > MOST:
            raise UserError(f"a board of {cells} cells has too many positions to list; at most {MOST} cells can be")
        kind = np.min_scalar_type((1 << cells) - 1)
        stones = [np.zeros(1, kind), np.zeros(1, kind)]
        for cell in range(cells):
            bit = kind.type(1 << cell)
            first, second = stones
            stones = [np.concatenate([first, first | bit, first]), np.concatenate([second, second, second | bit])]
        sets = np.arange(1 << cells)
        full = (stones[0] | stones[1]) == sets[-1]
        found = np.where(full, np.int8(0), np.int8(GOES_ON))
        for player in (1, 0):
            found[self.won(player, sets)[stones[player]]] = 1 - 2 * player
        return found


def written(names: Sequence[str], tried: Sequence[tuple[int, bool]]) -> str:
    """Return attempts as a text, "b2 a1x c3"."""
    return " ".join(names[cell] + IN_VAIN * in_vain for cell, in_vain in tried) or NOTHING


def read(names: Sequence[str], text: str) -> tuple[Attempt, ...]:
    """Return the attempts in a text such as `written` makes; raises `ValueError` for what is none."""
    words = text.replace(",", " ").split()
    if words in ([], [NOTHING]):
        return ()
    known = {name + IN_VAIN: Attempt(cell, True) for cell, name in enumerate(names)}
    known |= {name: Attempt(cell, False) for cell, name in enumerate(names)}
    for word in words:
        if word not in known:
            raise UserError(
                f"{word[:40]!r} is no cell: a decision is named by the cells that its player tried, in order, those in "
                f"vain with an x, such as '{names[0]} {names[1]}x', or by 'start'; the cells are {', '.join(names)}"
            )
    attempts = tuple(known[word] for word in words)
    if len({attempt.cell for attempt in attempts}) < len(attempts):
        raise UserError(f"{text[:200]!r} has a cell twice, and nobody tries a cell again")
    return attempts


def drawn(rules: Any, marks: Sequence[str]) -> list[str]:
    """Return a board as lines of text, with a mark in each cell; one's own game that names no rows has one."""
    rows, slanted, names = getattr(rules, "rows", 1), getattr(rules, "slanted", False), rules.names
    columns = len(marks) // rows
    heads = [name.rstrip("0123456789") for name in names[:columns]] if rows > 1 else list(names)
    width = max(map(len, (*marks, *heads)))
    step = width + 2 + (slanted and width % 2)  # an even number of columns, where each row begins half of it later
    lines = ["   " + "".join(f"{head:<{step}}" for head in heads)]
    for r in range(rows):
        cells = "".join(f"{mark:<{step}}" for mark in marks[r * columns : (r + 1) * columns])
        lines.append(" " * (r * step // 2 if slanted else 0) + f"{r + 1 if rows > 1 else '':<3}" + cells)
    return [line.rstrip() for line in lines]


def side(name: str, value: Any) -> int:
    """Return the length of a board's side; raises `ValueError` for what is none."""
    try:
        length = operator.index(value)
    except TypeError:
        length = 0
    if not 2 <= length <= 8 or isinstance(value, bool):
        raise UserError(f"{name} must be 2 to 8, not {value!r}")
    return length


def half_turn(cells: int) -> Ints:
    """Return nothing and the half turn of a board, as permutations of its cells, [1 or 2, cells]."""
    return np.unique(np.stack([np.arange(cells), np.arange(cells)[::-1]]), axis=0)
