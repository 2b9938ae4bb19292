"""Leduc poker and its larger kin: limit poker where only ranks count (Southey et al. 2005, "Bayes' Bluff")."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, combinations_with_replacement
from typing import Any, NamedTuple

from counterplay.engine.rules import CHANCE, LEAF, Outcome
from counterplay.games.kuhn import rank_labels

Cards = tuple[int, ...]  # ranks, lowest first


class Betting(NamedTuple):
    """What everybody sees. `paid` are chips put in so far; `deal` is True while board cards are due."""

    street: int
    board: Cards
    paid: tuple[int, ...]
    folded: tuple[bool, ...]
    raises: int  # on this street
    calls: int  # since the last raise of this street
    turn: int
    deal: bool
    label: str


@dataclass(frozen=True)
class Leduc:
    """Limit poker from a deck of `ranks` x `suits` cards, with `hole` private cards and `board` cards a later street.

    The default is Leduc poker: six cards (J, Q, K twice), one private card, one board card after the first street,
    an ante of 1, bets of 2 and 4, at most two raises a street. Hands are ranked by the best five cards (or all, if
    fewer): pairs, two pairs, threes, straights (of five), full houses, fours; suits never count, so hands that differ
    in suits alone are one lane, which loses nothing. Ties split the pot. Payoffs are chips won or lost.

    Larger kin: `leduc(ranks=12)` is big Leduc, `leduc(players=3)` three-player Leduc, and
    `leduc(ranks=5, suits=4, hole=2, board=(3,), bets=(2, 4), raises=3)` plays the twenty cards of royal hold'em.
    """

    players: int = 2
    ranks: int = 0
    suits: int = 2
    hole: int = 1
    board: tuple[int, ...] = (1,)
    bets: tuple[int, ...] = (2, 4)
    raises: int = 2
    ante: int = 1

    def __post_init__(self) -> None:
        if not 2 <= self.players <= 10:
            raise ValueError(f"players must be 2 to 10, not {self.players}")
        if self.ranks == 0:
            object.__setattr__(self, "ranks", self.players + 1)
        for name, low, high in (
            ("ranks", 2, 100),
            ("suits", 1, 10),
            ("hole", 1, 4),
            ("raises", 0, 10),
            ("ante", 1, 10**6),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be {low} to {high}, not {getattr(self, name)}")
        if any(n < 1 for n in self.board) or sum(self.board) > 5:
            raise ValueError(f"board must list the cards of each later street, five in all at most, not {self.board}")
        if len(self.bets) != len(self.board) + 1 or min(self.bets) < 1:
            raise ValueError(f"bets must be {len(self.board) + 1} positive sizes, one a street, not {self.bets}")
        needed = self.players * self.hole + sum(self.board)
        if self.ranks * self.suits < needed:
            raise ValueError(f"{needed} cards are dealt; ranks x suits = {self.ranks * self.suits} is too few")

    @cached_property
    def _hands(self) -> list[Cards]:
        return self._draws(self.hole)

    def _draws(self, cards: int) -> list[Cards]:
        draws = combinations_with_replacement(range(self.ranks), cards)
        return [d for d in draws if max(map(d.count, d)) <= self.suits]

    def _draw_odds(self, cards: int, gone: Cards) -> list[float]:
        """Return the probability of each draw of that many cards when others are gone from the deck."""
        left = [self.suits - gone.count(r) for r in range(self.ranks)]
        ways = [math.prod(math.comb(left[r], n) for r, n in Counter(d).items()) for d in self._draws(cards)]
        return [w / math.comb(sum(left), cards) for w in ways]

    def _name(self, cards: Cards) -> str:
        labels = rank_labels(self.ranks)
        return ("" if self.ranks <= 13 else " ").join(labels[c] for c in reversed(cards))

    def hands(self, player: int) -> Sequence[str]:
        return [self._name(h) for h in self._hands]

    def deal(self, hands: tuple[int, ...]) -> Sequence[float]:
        return self._draw_odds(self.hole, sum((self._hands[h] for h in hands), ()))

    def root(self) -> Betting:
        nobody = (False,) * self.players
        return Betting(0, (), (self.ante,) * self.players, nobody, 0, 0, 0, False, "")

    def turn(self, state: Betting) -> int:
        return CHANCE if state.deal else state.turn

    def moves(self, state: Betting) -> Sequence[str]:
        if state.deal:
            return [self._name(d) for d in self._draws(self.board[state.street - 1])]
        facing = max(state.paid) > state.paid[state.turn]
        more = state.raises < self.raises
        if facing:
            return ("fold", "call", "raise") if more else ("fold", "call")
        return ("check", "bet" if state.raises == 0 else "raise") if more else ("check",)

    def chance(self, state: Betting, hands: tuple[int, ...]) -> Sequence[float]:
        gone = sum((self._hands[h] for h in hands), state.board)
        return self._draw_odds(self.board[state.street - 1], gone)

    def play(self, state: Betting, move: int) -> Betting:
        if state.deal:
            cards = self._draws(self.board[state.street - 1])[move]
            first = state.folded.index(False)
            label = f"{state.label} [{self._name(cards)}] "
            return state._replace(board=tuple(sorted(state.board + cards)), deal=False, turn=first, label=label)
        me, top = state.turn, max(state.paid)
        if self.moves(state)[move] == "fold":
            folded = (*state.folded[:me], True, *state.folded[me + 1 :])
            state = state._replace(folded=folded, label=state.label + "f")
        else:
            raised = self.moves(state)[move] in ("bet", "raise")
            paid = top + self.bets[state.street] if raised else top
            state = state._replace(
                paid=(*state.paid[:me], paid, *state.paid[me + 1 :]),
                raises=state.raises + raised,
                calls=0 if raised else state.calls + 1,
                label=state.label + ("r" if raised else "c"),
            )
        left = self.players - sum(state.folded)
        if left == 1:
            return state._replace(turn=LEAF)
        if state.calls == left - (state.raises > 0):
            last = state.street == len(self.board)
            return state._replace(street=state.street + 1, raises=0, calls=0, turn=LEAF, deal=not last)
        following = next(p for k in range(1, self.players) if not state.folded[p := (me + k) % self.players])
        return state._replace(turn=following)

    def outcome(self, state: Betting) -> Outcome:
        """Return who is in, on what board, with chips paid in units of the smallest stake that keeps them whole."""
        unit = math.gcd(*state.paid)
        stayed = tuple(p for p in range(self.players) if not state.folded[p])
        board = state.board if len(stayed) > 1 else ()
        return Outcome((stayed, board, tuple(c // unit for c in state.paid)), float(unit))

    def payoffs(self, key: tuple[Cards, Cards, tuple[int, ...]], hands: tuple[int, ...]) -> Sequence[float]:
        stayed, board, paid = key
        winners: Sequence[int] = stayed
        if len(stayed) > 1:
            strengths: dict[int, Any] = {p: self._strength(self._hands[hands[p]], board) for p in stayed}
            winners = [p for p in stayed if strengths[p] == max(strengths.values())]
        share = sum(paid) / len(winners)
        return [share - c if p in winners else -float(c) for p, c in enumerate(paid)]

    def _strength(self, hand: Cards, board: Cards) -> tuple[Any, ...]:
        return strength(hand + board, self.ranks)

    def sees(self, state: Betting) -> str:
        return state.label.strip()


def strength(cards: Cards, ranks: int) -> tuple[tuple[int, ...], ...]:
    """Return a hand's strength, to be compared: how often its ranks appear, then the ranks, best five cards.

    A straight of five comes between threes and full houses; suits do not count.
    """
    if len(cards) > 5:
        return max(strength(five, ranks) for five in combinations(cards, 5))
    counts = sorted(((n, r) for r, n in Counter(cards).items()), reverse=True)
    shape, order = tuple(n for n, _ in counts), tuple(r for _, r in counts)
    if shape == (1, 1, 1, 1, 1):
        if order[0] - order[4] == 4:
            return (3, 1, 2), order[:1]
        if order == (ranks - 1, 3, 2, 1, 0) and ranks == 13:
            return (3, 1, 2), (3,)
    return shape, order
