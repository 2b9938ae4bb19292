"""Rhode Island hold'em: one card each, two board cards one at a time, hands of three cards in which suits count.

J. Shi and M. L. Littman, "Abstraction methods for game theoretic poker", Computers and Games 2000; solved exactly by
A. Gilpin and T. Sandholm, "Lossless abstraction of imperfect information games", Journal of the ACM 54, 2007.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from counterplay.engine.errors import UserError
from counterplay.games.kuhn import rank_labels
from counterplay.games.leduc import Cards, Leduc
from counterplay.games.limit_steps import THREE_CARDS, LimitSteps

_SUITS = "cdhs"
_HIGH_CARD, _PAIR, _FLUSH, _STRAIGHT, _THREE, _STRAIGHT_FLUSH = range(6)


@dataclass(frozen=True)
class RhodeIsland(Leduc):
    """Limit poker with one private card and a board card before the second and the third street.

    A card is its own lane, 52 of them by default. Hands of three cards rank as straight flush, three of a kind,
    straight, flush, pair, high card, and then by their ranks; with thirteen ranks an ace is also below the two. Bets
    are 10, 20 and 20 with an ante of 5, and a street has at most `raises` bets and raises. Payoffs are chips won or
    lost.

    The whole game is three million public nodes of 52 lanes: minutes to lay out, and gigabytes. Fewer `ranks`, `suits`
    or `raises` make it a matter of seconds.
    """

    players: int = 2
    ranks: int = 13
    suits: int = 4
    hole: int = 1
    board: tuple[int, ...] = (1, 1)
    bets: tuple[int, ...] = (10, 20, 20)
    raises: int = 3
    ante: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hole + sum(self.board) != 3:
            raise UserError(f"hands have three cards: hole and board are {self.hole} and {self.board}")
        if self.ranks > 13 or self.suits > 4:
            raise UserError(f"the deck has 13 ranks and 4 suits at most, not {self.ranks} and {self.suits}")

    @property
    def _copies(self) -> int:
        """A card is a kind of its own."""
        return 1

    def _name(self, cards: Cards) -> str:
        labels = rank_labels(self.ranks)
        return "".join(labels[c // self.suits] + _SUITS[c % self.suits] for c in reversed(cards))

    def steps(self) -> LimitSteps:
        return self._in_steps(THREE_CARDS, strength=(self.suits,))

    def _strength(self, hand: Cards, board: Cards) -> tuple[int, ...]:
        return three_card_strength(tuple(sorted(hand + board)), self.ranks, self.suits)


@lru_cache(maxsize=100_000)
def three_card_strength(cards: Cards, ranks: int, suits: int) -> tuple[int, ...]:
    """Return a hand's strength, to be compared: category, then the ranks that decide; card c is of rank c // suits."""
    counts = sorted(((n, r) for r, n in Counter(c // suits for c in cards).items()), reverse=True)
    order = tuple(r for _, r in counts)
    if len(order) < 3:
        return (_THREE if len(order) == 1 else _PAIR, *order)
    flush = len({c % suits for c in cards}) == 1
    wheel = ranks == 13 and order == (12, 1, 0)
    if wheel or order[0] - order[2] == 2:
        return (_STRAIGHT_FLUSH if flush else _STRAIGHT, 1 if wheel else order[0])
    return (_FLUSH if flush else _HIGH_CARD, *order)
