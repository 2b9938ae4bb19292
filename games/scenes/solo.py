"""Bodies of one agent: carts with poles, pendulums, a car in a valley, a corridor."""

from collections.abc import Callable, Sequence
from math import cos, sin

from counterplay.engine.scene import Circle, Line, Rectangle, Scene, Shape, Text


def cart(x: float, angle: float, length: float, edge: float, told: Sequence[str] = (), hangs: bool = False) -> Scene:
    """Return a cart at x with a pole; an angle of 0 points up, and grows clockwise. The track ends `edge` from 0."""
    wide, low = edge + 0.8, -length - 0.25 if hangs else -0.35
    place = min(max(x, -wide), wide)
    tip = (place + length * sin(angle), length * cos(angle))
    shapes: list[Shape] = [
        Rectangle(-wide, low, 2 * wide, length + 0.25 - low, "floor"),
        Line(((-edge, -0.12), (edge, -0.12)), "dim", 0.03),
        *(Line(((at, -0.25), (at, 0.05)), "bad", 0.04) for at in (-edge, edge)),
        Rectangle(place - 0.25, -0.12, 0.5, 0.24, "agent"),
        Line(((place, 0), tip), "goal", 0.08),
        Circle(place, 0, 0.05, "ink"),
    ]
    return Scene(-wide, low, 2 * wide, length + 0.25 - low, tuple(shapes), tuple(told))


def pendulum(angle: float, told: Sequence[str]) -> Scene:
    """Return a pendulum of length 1; an angle of 0 points up, and grows anticlockwise."""
    tip = (-sin(angle), cos(angle))
    shapes: list[Shape] = [
        Rectangle(-1.3, -1.3, 2.6, 2.6, "floor"),
        Circle(0, 1, 0.08, "goal", hollow=True),
        Line(((0, 0), tip), "agent", 0.12),
        Circle(*tip, 0.08, "agent"),
        Circle(0, 0, 0.05, "ink"),
    ]
    return Scene(-1.3, -1.3, 2.6, 2.6, tuple(shapes), tuple(told))


def valley(
    x: float, left: float, right: float, goal: float, height: Callable[[float], float], told: Sequence[str]
) -> Scene:
    """Return a car at x on a curve, and a flag where it has to go."""
    ground = tuple((at, height(at)) for at in (left + (right - left) * k / 60 for k in range(61)))
    top = height(goal)
    shapes: list[Shape] = [
        Rectangle(left - 0.1, -0.1, right - left + 0.2, 1.5, "floor"),
        Line(ground, "dim", 0.02),
        Line(((goal, top), (goal, top + 0.25)), "ink", 0.012),
        Rectangle(goal, top + 0.17, 0.12, 0.08, "goal"),
        Circle(x, height(x) + 0.05, 0.05, "agent"),
    ]
    return Scene(left - 0.1, -0.1, right - left + 0.2, 1.5, tuple(shapes), tuple(told))


def corridor(place: int, length: int, crumb: float, told: Sequence[str]) -> Scene:
    """Return who goes along a corridor, whose length is drawn as 20."""
    x = 0.5 + 19 * place / (length - 1)
    shapes: list[Shape] = [
        Rectangle(-0.3, -1.2, 20.6, 3.4, "floor"),
        Rectangle(0, 0, 20, 1, "wall"),
        Rectangle(0, 0, 1, 1, "item"),
        Rectangle(19, 0, 1, 1, "goal"),
        Text(0, -0.6, 0.55, f"pays {crumb:g}", "dim", start=True),
        Text(18.6, -0.6, 0.55, "pays 1", "dim"),
        Circle(x, 0.5, 0.4, "agent"),
        Text(10, 1.6, 0.55, f"place {place + 1:,} of {length:,}"),
    ]
    return Scene(-0.3, -1.2, 20.6, 3.4, tuple(shapes), tuple(told))
