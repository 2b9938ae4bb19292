"""A run's picture on a terminal: a curve drawn in Braille dots, and a line of figures below it."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.compiling import telling
from counterplay.engine.text import printable

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille character, by row and column

Ticks = Sequence[tuple[float, str]]  # where, from 0 to 1, and what it says


def plot(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    width: int,
    height: int,
    x_ticks: Ticks,
    y_ticks: Ticks,
    dotted: float | None = None,
) -> list[str]:
    """Return a curve through points in the unit square, x rising, as `height` lines of Braille with axes.

    `dotted` is the height of a dotted line. Ticks come in the order of their importance: one that would cover an
    earlier one is left out, and so is the name of a row that has one. Less than 20 columns or 4 lines hold no curve.
    """
    if width < 20 or height < 4:
        return []
    rows, columns = height - 2, width - 8
    level = np.rint((1 - np.interp(np.linspace(x[0], x[-1], 2 * columns), x, y)) * (4 * rows - 1)).astype(int)
    canvas = np.zeros((rows, columns), int)
    if dotted is not None and 0 <= dotted <= 1:
        at = round((1 - dotted) * (4 * rows - 1))
        canvas[at // 4, ::2] |= _DOTS[at % 4][0]
    for c, at in enumerate(level):
        before = int(level[max(c - 1, 0)])
        for dot in range(min(at, before), max(at, before) + 1):
            canvas[dot // 4, c // 2] |= _DOTS[dot % 4][c % 2]
    names = [""] * rows
    for where, name in y_ticks:
        row = round((1 - where) * (4 * rows - 1)) // 4
        names[row] = names[row] or name
    lines = [
        f"{name:>6} {'┤' if name else '│'}" + "".join(chr(0x2800 + dots) for dots in row)
        for name, row in zip(names, canvas, strict=True)
    ]
    ticks, labels = "─" * columns, " " * columns
    for where, name in x_ticks:
        at = min(round(where * (columns - 1)), columns - len(name))
        if not labels[max(at - 1, 0) : at + len(name) + 1].strip():
            ticks = f"{ticks[:at]}┬{ticks[at + 1 :]}"
            labels = f"{labels[:at]}{name}{labels[at + len(name) :]}"
    return [*lines, f"{'':>6} └{ticks}", f"{'':>6}  {labels}"]


class Display:
    """The picture: `curve(width, height)` gives its lines, `line` stands below it."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.live import Live

        self.title = title
        self.curve: Callable[[int, int], list[str]] = lambda width, height: []
        self.line = "starting"
        self.console = Console(stderr=True)
        self.live = Live(get_renderable=self.picture, console=self.console, refresh_per_second=6)

    def tell(self, line: str) -> None:
        """Let a line stand below the picture until there is news."""
        self.line = line

    def picture(self) -> Any:
        """Return what to draw now."""
        from rich.panel import Panel
        from rich.text import Text

        size = self.console.size
        width = min(size.width, 100)
        lines = self.curve(width - 4, min(size.height - 6, 14))
        text = Text(printable("".join(f"{line}\n" for line in lines)), style="cyan", no_wrap=True, overflow="ellipsis")
        text.append(printable(self.line), style="default")
        return Panel(text, title=Text(printable(self.title)), title_align="left", width=width)


@contextmanager
def display(title: str) -> Iterator[Display | None]:
    """Yield a picture that stays on standard error, or None where that is no terminal that could show it."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    shown = Display(title)
    with shown.live, telling(shown.tell):
        yield shown
