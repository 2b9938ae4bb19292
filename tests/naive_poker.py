"""Poker hands judged the plain way: every five cards of a hand, each as (category, ranks), compared as tuples."""

from collections import Counter
from itertools import combinations

STANDARD = (
    "high card",
    "pair",
    "two pair",
    "three of a kind",
    "straight",
    "flush",
    "full house",
    "four of a kind",
    "straight flush",
)
SHORT = (*STANDARD[:5], "full house", "flush", *STANDARD[7:])
OLD_SHORT = (*SHORT[:3], "straight", "three of a kind", *SHORT[5:])


def five(cards, order, lowest):
    """Return (place of the category in `order`, ranks that decide) of five cards (rank, suit), ranks 2 .. 14.

    `lowest` is the lowest rank of the deck: an ace may stand just below it.
    """
    ranks = sorted((r for r, _ in cards), reverse=True)
    groups = sorted(Counter(ranks).items(), key=lambda group: (group[1], group[0]), reverse=True)
    shape = [n for _, n in groups]
    flush = len({s for _, s in cards}) == 1
    below = lowest - 1
    wheel = [14, *range(below + 4, below, -1)]
    straight = ranks == list(range(ranks[0], ranks[0] - 5, -1)) or ranks == wheel
    decide = [r for r, _ in groups]
    if straight:
        decide = [below + 4 if ranks == wheel else ranks[0]]
    name = {
        (4, 1): "four of a kind",
        (3, 2): "full house",
        (3, 1, 1): "three of a kind",
        (2, 2, 1): "two pair",
        (2, 1, 1, 1): "pair",
    }.get(tuple(shape), "high card")
    if straight and flush:
        name = "straight flush"
    elif flush:
        name = "flush"
    elif straight:
        name = "straight"
    return order.index(name), decide


def best(cards, order=STANDARD, lowest=2):
    """Return the best five's strength of any number of cards (rank, suit)."""
    return max(five(cards, order, lowest) for cards in combinations(cards, 5))
