"""What there is to see of an episode, as shapes in the units of its world, and what its actions are called in words.

An environment that offers `scene` is drawn by whatever draws scenes (`show.film_gif`, `show.film_page`); a scene says
nothing of pixels, and names colours by their role. Shapes are painted in their order, x to the right and y upwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple, Protocol, runtime_checkable

from counterplay.engine.errors import UserError

ROLES = (
    *("ink", "dim", "line", "floor", "wall", "sky"),  # text and outlines, what matters less, grids, ground
    *("agent", "rival", "other", "goal", "item", "asked", "good", "bad"),
    *("red", "yellow", "green", "blue", "white"),
)
MOST_SHAPES = 4000  # of a scene; beyond that nobody could tell them apart


class Rectangle(NamedTuple):
    """An upright rectangle."""

    left: float
    low: float
    width: float
    height: float
    role: str
    hollow: bool = False  # its outline alone


class Circle(NamedTuple):
    """A circle."""

    x: float
    y: float
    radius: float
    role: str
    hollow: bool = False


class Line(NamedTuple):
    """Straight lines from point to point."""

    points: tuple[tuple[float, float], ...]
    role: str
    width: float


class Text(NamedTuple):
    """Words whose letters are `size` high, around a point or, with `start`, from it to the right."""

    x: float
    y: float
    size: float
    words: str
    role: str = "ink"
    start: bool = False


Shape = Rectangle | Circle | Line | Text


@dataclass(frozen=True)
class Scene:
    """A moment of one episode: the window `width` x `height` units wide from (`left`, `low`) on, and what is in it.

    `told` are sentences of what no shape shows. What lies outside the window is cut off. Raises `UserError` for a role
    that is none of `ROLES`, for numbers that are not finite, and for an empty window.
    """

    left: float
    low: float
    width: float
    height: float
    shapes: tuple[Shape, ...]
    told: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        window = (self.left, self.low, self.width, self.height)
        if not all(map(isfinite, window)) or min(self.width, self.height) <= 0:
            raise UserError(f"a scene's window has a width and a height above 0, all finite, not {window}")
        if len(self.shapes) > MOST_SHAPES:
            raise UserError(f"a scene has {MOST_SHAPES:,} shapes at most, not {len(self.shapes):,}")
        for one in self.shapes:
            if one.role not in ROLES:
                raise UserError(f"the role of a shape is one of {', '.join(ROLES)}, not {one.role!r}")
            numbers = [x for at in one.points for x in at] if isinstance(one, Line) else []
            numbers += [x for x in one if isinstance(x, int | float)]
            if not all(map(isfinite, numbers)):
                raise UserError(f"the numbers of a shape are finite, not those of {one}")


@runtime_checkable
class Scenic(Protocol):
    """An environment whose episodes are drawn."""

    def scene(self, episode: int) -> Scene:
        """Return that episode's present state, with the same window at every step."""
        ...


@runtime_checkable
class Telling(Protocol):
    """An environment whose actions mean something else at each decision, in words."""

    def words(self, episode: int) -> Mapping[int, str]:
        """Return what the actions of who is to act in an episode are called, by number."""


@runtime_checkable
class Worded(Protocol):
    """A task whose actions have names."""

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A], empty where it has none; if continuous, what its numbers do."""
        ...


def grid(rows: int, columns: int, role: str = "floor") -> list[Shape]:
    """Return the cells of a board as lines; a cell is 1 x 1, and row 0 is the uppermost."""
    ground: list[Shape] = [Rectangle(0, 0, columns, rows, role)]
    if rows + columns <= 200:
        ground += [Line(((x, 0), (x, rows)), "line", 0.03) for x in range(columns + 1)]
        ground += [Line(((0, y), (columns, y)), "line", 0.03) for y in range(rows + 1)]
    return ground


def cells_of(rows: int, columns: int, things: Sequence[Shape], told: Sequence[str] = (), role: str = "floor") -> Scene:
    """Return the scene of a board of cells, with things on it; those that are too many are left out, and told."""
    ground = grid(rows, columns, role)
    room = MOST_SHAPES - len(ground)
    rest = (f"{len(things) - room:,} more shapes are not drawn",) if len(things) > room else ()
    return Scene(-0.2, -0.2, columns + 0.4, rows + 0.4, (*ground, *things[:room]), (*told, *rest))


def table(rows: Sequence[Sequence[str]], marked: Sequence[tuple[int, int]] = (), told: Sequence[str] = ()) -> Scene:
    """Return a table of words as a scene; its first row and column are headings, and marked cells stand out."""
    wide = max(len(word) for row in rows for word in row) * 0.24 + 0.5
    shapes: list[Shape] = []
    high, across = len(rows), wide * len(rows[0])
    for i, row in enumerate(rows):
        for j, word in enumerate(row):
            low, head = high - 1 - i, i == 0 or j == 0
            role = "goal" if (i, j) in marked else "wall" if head else "floor"
            shapes += [
                Rectangle(j * wide, low, wide, 1, role),
                Rectangle(j * wide, low, wide, 1, "line", hollow=True),
                Text((j + 0.5) * wide, low + 0.5, 0.4, word),
            ]
    return Scene(-0.1, -0.1, across + 0.2, high + 0.2, tuple(shapes), tuple(told))


def numbered(agents: int, actions: int) -> tuple[tuple[str, ...], ...]:
    """Return names of actions that mean no more than their numbers."""
    return (tuple(f"action {a}" for a in range(actions)),) * agents
