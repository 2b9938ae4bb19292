"""Flops up to suits, and subsets that stand for all of them.

1,755 kinds of flops differ by more than a renaming of suits. A spot that is solved on each of some of them, chosen so
that they are like all of them together, tells most of what all would. `benchmarks/flops.py` chooses the subsets of
`flop_subsets.py` and says how.
"""

from functools import cache
from typing import NamedTuple

from counterplay.engine.errors import UserError
from counterplay.games.holdem.boards import deal_on
from counterplay.games.holdem.cards import HOLDEM, Deck, card_name, parse_cards
from counterplay.games.holdem.flop_subsets import SUBSETS


class Kind(NamedTuple):
    """A flop that stands for others, and its share of all: weights sum to 1."""

    board: tuple[int, ...]  # highest card first
    weight: float

    @property
    def name(self) -> str:
        """Return the flop as text, "Ks9d4c"."""
        return "".join(map(card_name, self.board))


@cache
def kinds(deck: Deck = HOLDEM) -> tuple[Kind, ...]:
    """Return all flops up to suits, highest first, with how often they come."""
    outs = deal_on(deck, (), 1, ())
    whole = sum(outs.share)
    found = [Kind(tuple(sorted(b, reverse=True)), s / whole) for b, s in zip(outs.boards[1:], outs.share, strict=True)]
    return tuple(sorted(found, reverse=True))


def subset(size: int) -> tuple[Kind, ...]:
    """Return that many flops of 52 cards that stand for all; raises `ValueError` for a size that was not chosen."""
    if size not in SUBSETS:
        raise UserError(f"subsets of flops are of {', '.join(map(str, SUBSETS))} flops, not of {size}")
    parts = [line.split(":") for line in SUBSETS[size].flops.split()]
    return tuple(Kind(parse_cards(board), int(share) / 1e6) for board, share in parts)


TEXTURES = ("high card", "pairs", "suits", "ranks")


def texture(board: tuple[int, ...]) -> dict[str, str]:
    """Return what a flop is like: by its highest card, by pairs, by suits, by how near its ranks are."""
    ranks, suits = sorted({card // 4 for card in board[:3]}, reverse=True), len({card % 4 for card in board[:3]})
    pairs = {3: "unpaired", 2: "paired", 1: "trips"}[len(ranks)]
    names = "23456789TJQKA"
    return {
        "high card": names[ranks[0]],
        "pairs": pairs,
        "suits": {1: "monotone", 2: "two suits", 3: "rainbow"}[suits],
        "ranks": _near(ranks),
    }


def _near(ranks: list[int]) -> str:
    """Return whether a straight is possible with two hole cards: three ranks within five, an ace high or low."""
    if len(ranks) < 3:
        return "no straight"
    low = sorted(-1 if rank == 12 else rank for rank in ranks)
    return "straight possible" if min(ranks[0] - ranks[2], low[2] - low[0]) <= 4 else "no straight"
