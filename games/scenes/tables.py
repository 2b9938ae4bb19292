"""Games that are tables, a room with a light, and boards of stones."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from counterplay.engine.scene import Circle, Rectangle, Scene, Shape, Text, table

_MOST = 12  # actions of an agent whose table is drawn
_STONES = ("", "agent", "rival")


def matrix(payoffs: npt.NDArray[np.float64], last: Sequence[int] | None, told: Sequence[str]) -> Scene:
    """Return what each joint action pays, [A, A], with the last one marked; of other shapes, what each agent did."""
    if payoffs.ndim != 2 or max(payoffs.shape) > _MOST:
        rows: list[tuple[str, ...]] = [
            ("agent", "action"),
            *((str(n), "-" if last is None else str(last[n])) for n in range(payoffs.ndim)),
        ]
        return table(rows[: _MOST + 1], told=told)
    rows = [("", *map(str, range(payoffs.shape[1])))]
    rows += [(str(a), *(f"{x:g}" for x in row)) for a, row in enumerate(payoffs.tolist())]
    return table(rows, () if last is None else ((1 + last[0], 1 + last[1]),), told)


def switch(been: Sequence[bool], inside: int, lit: bool, told: Sequence[str]) -> Scene:
    """Return the room with its light and who is in it, and all agents: those who have been there are filled."""
    columns = min(len(been), 20)
    rows = -(-len(been) // columns)
    wide = max(columns, 6)
    shapes: list[Shape] = [
        Rectangle(-0.3, -0.3, wide + 0.6, rows + 3.6, "floor"),
        Rectangle(0, rows + 0.2, wide, 2.8, "wall"),
        Circle(1.2, rows + 1.7, 0.55, "yellow" if lit else "dim", hollow=not lit),
        Text(1.2, rows + 0.75, 0.35, "light on" if lit else "light off"),
        Circle(wide - 1.4, rows + 1.7, 0.6, "agent"),
        Text(wide - 1.4, rows + 1.7, 0.5, str(inside)),
        Text(wide - 1.4, rows + 0.75, 0.35, "in the room"),
    ]
    for n, there in enumerate(been):
        x, y = n % columns + 0.5, rows - n // columns - 0.5
        shapes += [Circle(x, y, 0.38, "good" if there else "dim", hollow=not there), Text(x, y, 0.35, str(n))]
    return Scene(-0.3, -0.3, wide + 0.6, rows + 3.6, tuple(shapes), tuple(told))


def board(stones: Sequence[int], rows: int, slanted: bool, names: Sequence[str], told: Sequence[str]) -> Scene:
    """Return a board of cells, 0 empty, 1 and 2 with a stone of player 0 and 1; in slanted ones rows are shifted."""
    columns = len(stones) // rows
    wide = columns + (0.5 * (rows - 1) if slanted else 0)
    shapes: list[Shape] = [Rectangle(-0.2, -0.2, wide + 0.4, rows + 0.4, "floor")]
    for k, stone in enumerate(stones):
        r, c = divmod(k, columns)
        left, low = c + (0.5 * r if slanted else 0), rows - 1 - r
        shapes.append(Rectangle(left + 0.02, low + 0.02, 0.96, 0.96, "wall"))
        if stone:
            shapes.append(Circle(left + 0.5, low + 0.5, 0.36, _STONES[stone]))
            shapes.append(Text(left + 0.5, low + 0.5, 0.35, str(stone - 1)))
        else:
            shapes.append(Text(left + 0.5, low + 0.5, 0.25, names[k], "dim"))
    return Scene(-0.2, -0.2, wide + 0.4, rows + 0.4, tuple(shapes), tuple(told))
