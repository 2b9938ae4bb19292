"""Cards on a table: everybody's hands, what was told of each card, and what has been played."""

from collections.abc import Sequence
from typing import NamedTuple

from counterplay.engine.scene import Rectangle, Scene, Shape, Text

COLOURS = ("red", "yellow", "green", "white", "blue")


class Card(NamedTuple):
    """A card; no rank is no card. `known` is what its holder was told of it."""

    colour: int
    rank: int
    known: str = ""


def hanabi(hands: Sequence[Sequence[Card]], turn: int, fires: Sequence[int], told: Sequence[str]) -> Scene:
    """Return a row of cards for each player, from the oldest card on, and one of the fireworks below."""
    shapes: list[Shape] = []
    wide = 1.9 + max(*map(len, hands), len(fires))
    high = 1.75 * (len(hands) + 1)
    shapes.append(Rectangle(-0.2, -0.2, wide + 0.4, high + 0.2, "floor"))
    for n, hand in enumerate(hands):
        low = high - 1.75 * (n + 1) + 0.35
        shapes.append(Text(0, low + 0.6, 0.28, f"player {n}", start=True))
        if n == turn:
            shapes.append(Rectangle(-0.1, low - 0.35, wide + 0.1, 1.65, "agent", hollow=True))
        for k, card in enumerate(hand):
            _draw(shapes, card, 1.6 + k, low)
    shapes.append(Text(0, 0.95, 0.28, "fireworks", start=True))
    for colour, rank in enumerate(fires):
        _draw(shapes, Card(colour, rank, "" if rank else "none"), 1.6 + colour, 0.35)
    return Scene(-0.2, -0.2, wide + 0.4, high + 0.2, tuple(shapes), tuple(told))


def _draw(shapes: list[Shape], card: Card, left: float, low: float) -> None:
    if card.rank:
        shapes.append(Rectangle(left, low, 0.86, 1.2, COLOURS[card.colour]))
        shapes.append(Text(left + 0.43, low + 0.6, 0.6, str(card.rank)))
    shapes.append(Rectangle(left, low, 0.86, 1.2, "line", hollow=True))
    shapes.append(Text(left + 0.43, low - 0.17, 0.2, card.known, "dim"))
