"""Push or fold: no-limit hold'em before the flop where each player moves in or folds, calls or folds.

The game behind the charts for short stacks (Miltersen and Sørensen, "A near-optimal strategy for a heads-up no-limit
Texas hold'em poker tournament", AAMAS 2007). Each of the 169 hands is a lane, weighted by its combos and by those that
the others' hands leave. Heads-up an all-in is worth its equity over all 1,712,304 boards of every two combos; between
three players it is worth what the orders of three hands pay (`games.holdem.threeway`), whoever folds his.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.rules import LEAF, Array, Outcome
from counterplay.games import all_in
from counterplay.games.holdem.preflop import BOARDS, NAMES, matchups
from counterplay.games.holdem.threeway import PLACES, dealt, orders
from counterplay.games.icm import prizes

SMALL_BLIND, BIG_BLIND = 0, 1  # heads-up


@dataclass(frozen=True)
class PushFold:
    """Hold'em before the flop, all-in or fold: player 0 is the small blind and first to act.

    `stack` is what each player has before blinds and antes, or the smaller of two unequal stacks, in big blinds;
    `ante` is what each posts besides the blinds of 0.5 and 1. Payoffs are big blinds won or lost. An all-in that is
    called pays what it is worth on average over the boards, so that nothing is left to chance.

    In a tournament chips are worth prizes (`games.icm`): `stacks` are those of both players in place of `stack`,
    `others` those of players who have folded or wait, and `payouts` the prizes of the first place, the second and so
    on. Payoffs are prizes won or lost then, and what these two lose others may win: the sum is not zero.

    Three `stacks`, with payouts or for chips, are the button's, who acts first as player 0, the small blind's and the
    big blind's. Who is all-in plays for the part of the pot that all put in; the rest is a side pot. Strategies are
    judged by what each player could gain alone; for three players no algorithm is sure to get that to zero.

    `counterplay show` prints the charts, with suited hands above the diagonal.
    """

    stack: float = 10.0
    ante: float = 0.0
    stacks: tuple[float, ...] = ()
    payouts: tuple[float, ...] = ()
    others: tuple[float, ...] = ()

    @property
    def players(self) -> int:
        return 3 if len(self.stacks) == 3 else 2

    def __post_init__(self) -> None:
        if not 0 <= self.ante <= 1000:
            raise UserError(f"ante must be 0 to 1000 big blinds, not {self.ante:g}")
        if (self.players == 2 and bool(self.stacks) != bool(self.payouts)) or (self.others and not self.payouts):
            raise UserError(
                "stacks, payouts and others go together: stacks=(8, 12), payouts=(50, 30, 20), others=(15,)"
            )
        if self.stacks and len(self.stacks) not in (2, 3):
            raise UserError(
                "stacks are the small blind's and the big blind's, before them the button's if there are three: "
                f"not {len(self.stacks)}"
            )
        for stack in self.stacks or (self.stack,):
            if not 1 + self.ante < stack <= 10**6:
                least = f"the big blind{' and the ante' if self.ante else ''} ({1 + self.ante:g})"
                raise UserError(f"stack must be more than {least} and at most 1,000,000 big blinds, not {stack:g}")
        if self.payouts and not (0 < sum(self.payouts) <= 10**9 and max(self.others, default=0.0) <= 10**6):
            raise UserError("payouts must be more than nothing and at most 1e9 together, and others at most 1,000,000")
        if self.payouts:
            prizes((*self.stacks, *self.others), self.payouts)

    @cached_property
    def _gains(self) -> dict[str, tuple[float, float]]:
        """Return how much better off both players are after each thing that may happen, in prizes."""
        one, two = self.stacks
        all_in, before = min(one, two), prizes((one, two, *self.others), self.payouts)

        def after(won: float) -> tuple[float, float]:
            gain = prizes((one + won, two - won, *self.others), self.payouts) - before
            return float(gain[0]), float(gain[1])

        small, big = 0.5 + self.ante, 1.0 + self.ante
        return {"fold": after(-small), "all-in fold": after(big), "won": after(all_in), "lost": after(-all_in)}

    def hands(self, player: int) -> Sequence[str]:
        return NAMES

    def _paid(self, inside: tuple[int, ...]) -> Array:
        """Return what each of three players gains where these are all-in, for each order of their hands, [13, 3]."""
        posted = (self.ante, 0.5 + self.ante, 1.0 + self.ante)
        put = [stack if p in inside else posted[p] for p, stack in enumerate(self.stacks)]
        before = (*self.stacks, *self.others)
        start = np.array(all_in.worth(before, before, self.payouts))
        found = np.empty((len(PLACES), 3))
        for row, places in zip(found, PLACES, strict=True):
            chips = all_in.after(self.stacks, put, [places[p] if p in inside else None for p in range(3)])
            row[:] = (np.array(all_in.worth((*chips, *self.others), before, self.payouts)) - start)[:3]
        return found

    @cached_property
    def _pairs(self) -> list[list[int]]:
        pairs: list[list[int]] = matchups().pairs.tolist()
        return pairs

    @cached_property
    def _ahead(self) -> list[list[float]]:
        ahead: list[list[float]] = matchups().ahead.tolist()
        return ahead

    @cached_property
    def _odds(self) -> Array:
        """Return how often the small blind's hand wins and loses an all-in, [2, 169, 169]; else it ties."""
        met = matchups()
        return np.stack([met.wins, met.wins.T]) / np.maximum(met.pairs * BOARDS, 1)

    @property
    def _pairs_of_gains(self) -> tuple[tuple[float, float], ...]:
        """Return what each player gains where the small blind wins an all-in, and where it loses."""
        return tuple(zip(self._gains["won"], self._gains["lost"], strict=True))

    def deal(self, hands: tuple[int, ...]) -> Sequence[float]:
        if len(hands) == 2:
            combos = dealt()[hands].tolist()
        else:
            combos = self._pairs[hands[0]] if hands else [sum(row) for row in self._pairs]
        total = sum(combos)
        return [n / total for n in combos]

    def root(self) -> str:
        return ""

    def turn(self, state: str) -> int:
        moves = state.split()
        left = self.players - len(moves)  # to act: nobody has to where all others folded
        return LEAF if left == 0 or (left == 1 and "all-in" not in moves) else len(moves)

    def moves(self, state: str) -> Sequence[str]:
        return ("fold", "call" if "all-in" in state else "all-in")

    def chance(self, state: str, hands: tuple[int, ...]) -> Sequence[float]:
        raise AssertionError("an all-in pays its equity")

    def play(self, state: str, move: int) -> str:
        return f"{state} {self.moves(state)[move]}".strip()

    def outcome(self, state: str) -> Outcome:
        """Return who folded, or -1, and for how many big blinds; with payouts the gains say it all.

        Of three players, return who is left.
        """
        if self.players == 3:
            inside = tuple(p for p, move in enumerate(state.split()) if move != "fold")
            return Outcome(inside or (2,))
        if self.payouts:
            return Outcome({"fold": SMALL_BLIND, "all-in fold": BIG_BLIND}.get(state, -1), 1.0)
        if state == "fold":
            return Outcome(SMALL_BLIND, 0.5 + self.ante)
        return Outcome(BIG_BLIND, 1.0 + self.ante) if state == "all-in fold" else Outcome(-1, self.stack)

    def payoffs(self, key: Any, hands: tuple[int, ...]) -> Sequence[float]:
        if self.players == 3:
            return orders().of(hands, self._paid(key))
        if self.payouts:
            if key >= 0:
                return self._gains["fold" if key == SMALL_BLIND else "all-in fold"]
            odds = self._odds[0, hands[0], hands[1]], self._odds[1, hands[0], hands[1]]
            return tuple(float(odds[0] * w + odds[1] * x) for w, x in self._pairs_of_gains)
        won = self._ahead[hands[0]][hands[1]] if key < 0 else -1.0 if key == SMALL_BLIND else 1.0
        return won, -won

    def sees(self, state: str) -> str:
        return state

    def deals(self) -> Array:
        pairs = matchups().pairs.astype(np.float64)
        combos = pairs.sum(axis=1, keepdims=True)
        joint: Array = (combos / combos.sum()) * (pairs / combos)
        if self.players == 2:
            return joint
        third = dealt()
        all_three: Array = joint[:, :, None] * (third / np.maximum(third.sum(axis=2, keepdims=True), 1))
        return all_three

    def table(self, key: Any) -> Array:
        if self.players == 3:
            return orders().worth(self._paid(key))
        if self.payouts and key >= 0:
            gains = self._gains["fold" if key == SMALL_BLIND else "all-in fold"]
            return np.stack([np.full((len(NAMES), len(NAMES)), gain) for gain in gains])
        if self.payouts:
            return np.stack([self._odds[0] * won + self._odds[1] * lost for won, lost in self._pairs_of_gains])
        folded = np.full((len(NAMES), len(NAMES)), -1.0 if key == SMALL_BLIND else 1.0)
        won = matchups().ahead.astype(np.float64) if key < 0 else folded
        return np.stack([won, -won])
