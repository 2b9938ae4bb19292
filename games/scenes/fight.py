"""A field of battle: units by kind, their health as bars."""

from collections.abc import Sequence
from typing import NamedTuple

from counterplay.engine.scene import Circle, Rectangle, Scene, Shape, Text


class Unit(NamedTuple):
    """A unit, its health as a share."""

    x: float
    y: float
    radius: float
    health: float
    kind: str
    label: str
    ours: bool


def scene(side: float, units: Sequence[Unit], told: Sequence[str]) -> Scene:
    """Return a square field with units on it; who has fallen is an empty ring."""
    shapes: list[Shape] = [Rectangle(0, 0, side, side, "floor")]
    for one in sorted(units, key=lambda one: one.health > 0):
        lives, size = one.health > 0, 1.5 * one.radius
        role = "agent" if one.ours else "rival"
        shapes.append(Circle(one.x, one.y, size, role if lives else "dim", hollow=not lives))
        if lives:
            low = one.y + size + 0.15
            shapes += [
                Text(one.x, one.y, 0.9, one.label),
                Rectangle(one.x - 0.8, low, 1.6, 0.3, "line"),
                Rectangle(one.x - 0.8, low, 1.6 * one.health, 0.3, "good" if one.health > 0.4 else "bad"),
            ]
    shapes.append(Rectangle(0, 0, side, side, "line", hollow=True))
    return Scene(-0.3, -0.3, side + 0.6, side + 0.6, tuple(shapes), tuple(told))
