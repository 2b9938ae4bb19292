"""Heads-up limit hold'em, every card by itself: blinds, four streets, four bets a street (as solved by Bowling 2015).

M. Bowling, N. Burch, M. Johanson and O. Tammelin, "Heads-up limit hold'em poker is solved", Science 347, 2015.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.engine.rules import LEAF
from counterplay.games.holdem.strength import hand_strength, ranking
from counterplay.games.kuhn import rank_labels
from counterplay.games.leduc import Betting, Cards, Leduc
from counterplay.games.limit_steps import HOLDEM, LimitSteps

_SUITS = "cdhs"


@dataclass(frozen=True)
class LimitHoldem(Leduc):
    """Heads-up limit hold'em with two private cards, and a flop of three, a turn and a river.

    Player 0 has the button and the small blind: it acts first before the flop, and last from then on. Blinds are 1 and
    2; bets and raises are 2 on the first two streets and 4 on the others, at most `raises` of them a street, of which
    the big blind is the first. Payoffs are in units of the small blind. Every card is one by itself: nothing is
    abstracted. `ranks` and `suits` make the deck smaller (the highest ranks stay), `board` lists the cards of later
    streets, `bets` the sizes.

    The whole game has no tree that fits: it is walked, not laid out (--algorithm mccfr-external).
    """

    players: int = 2
    ranks: int = 13
    suits: int = 4
    hole: int = 2
    board: tuple[int, ...] = (3, 1, 1)
    bets: tuple[int, ...] = (2, 2, 4, 4)
    raises: int = 4
    ante: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.players != 2 or self.ante != 1:
            raise UserError("limit hold'em is heads up here, with blinds of 1 and 2: players is 2 and ante 1")
        if self.ranks > 13 or self.suits > 4:
            raise UserError(f"the deck has 13 ranks and 4 suits at most, not {self.ranks} and {self.suits}")
        if self.raises < 1:
            raise UserError("raises must be 1 at least: the big blind is the first bet")
        if self.hole + sum(self.board) > 7:
            raise UserError(f"hands have seven cards at most: hole and board are {self.hole} and {self.board}")

    @property
    def _copies(self) -> int:
        """A card is a kind of its own."""
        return 1

    def _name(self, cards: Cards) -> str:
        labels = rank_labels(self.ranks)
        return "".join(labels[c // self.suits] + _SUITS[c % self.suits] for c in reversed(cards))

    def root(self) -> Betting:
        return Betting(0, (), (1, 2), (False, False), 1, 0, 0, False, "")

    def play(self, state: Betting, move: int) -> Betting:
        after = super().play(state, move)
        return after._replace(turn=1) if state.deal else after

    def _act(self, state: Betting, move: int) -> tuple[Any, ...]:
        after = super()._act(state, move)
        if state.street == 0 and state.raises == 1 and self.moves(state)[move] in ("call", "check"):
            if state.calls == 0:  # the big blind may still raise
                return 0, after[1], after[2], 1, 1, 1, False, after[-1]
            return 1, after[1], after[2], 0, 0, LEAF, bool(self.board), after[-1]
        return after

    def moves(self, state: Betting) -> Any:
        if not state.deal and state.street == 0 and state.raises == 1 and state.paid == (2, 2):
            return ("check", "raise") if self.raises > 1 else ("check",)
        return super().moves(state)

    def steps(self) -> LimitSteps:
        numbers = (*ranking(), self.suits)
        return self._in_steps(HOLDEM, paid=(1, 2), posted=1, first=1, strength=numbers)

    def _strength(self, hand: Cards, board: Cards) -> tuple[int, ...]:
        return (hold_strength(hand + board, self.ranks, self.suits),)

    def shape(self, state: Betting) -> Hashable:
        street, board, paid, folded, raises, calls, turn, deal, _ = state
        possible = len(set(board)) == len(board)
        return (street, len(board), paid, folded, raises, calls, turn, deal) if possible else None


@lru_cache(maxsize=100_000)
def hold_strength(cards: Cards, ranks: int, suits: int) -> int:
    """Return a hand's strength, to be compared; card c is of rank c // suits, and the highest rank an ace."""
    mask = sum(1 << c // suits + 13 - ranks + 16 * (c % suits) for c in cards)
    return int(hand_strength(mask, *ranking()))
