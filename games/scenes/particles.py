"""Particles on a plane: agents by number, landmarks, and what was said."""

from collections.abc import Sequence
from typing import NamedTuple

from counterplay.engine.scene import Circle, Rectangle, Scene, Shape, Text

SIDE = 1.5  # the window is the square from -1.5 to 1.5; what is outside stands hollow at its border


class Dot(NamedTuple):
    """A body."""

    x: float
    y: float
    radius: float
    role: str
    label: str = ""


def scene(dots: Sequence[Dot], rings: Sequence[tuple[float, float, str]] = (), told: Sequence[str] = ()) -> Scene:
    """Return bodies, those that come first uppermost, and rings around places that matter, each with a word beside."""
    edge = SIDE + 0.1
    shapes: list[Shape] = [Rectangle(-edge, -edge, 2 * edge, 2 * edge, "floor")]
    for x, y, word in rings:
        shapes += [Circle(x, y, 0.13, "goal", hollow=True), Text(x + 0.16, y - 0.1, 0.1, word, "dim", start=True)]
    for dot in reversed(dots):
        x, y = (min(max(at, -SIDE), SIDE) for at in (dot.x, dot.y))
        shapes.append(Circle(x, y, dot.radius, dot.role, hollow=(x, y) != (dot.x, dot.y)))
        if dot.label and dot.radius < 0.04:
            shapes.append(Text(x + 1.5 * dot.radius, y + 0.03, 0.09, dot.label, start=True))
        elif dot.label:
            shapes.append(Text(x, y, max(1.2 * dot.radius, 0.09), dot.label))
    shapes.append(Rectangle(-edge, -edge, 2 * edge, 2 * edge, "line", hollow=True))
    return Scene(-edge, -edge, 2 * edge, 2 * edge, tuple(shapes), tuple(told))
