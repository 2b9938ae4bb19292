"""Liar's dice: hidden dice, rising bids on all of them, and a call that ends the game."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.rules import LEAF, Array, Outcome, lanes_of


class Bidding(NamedTuple):
    """What everybody sees: how many bids there were, the last one's number (-1 for none), whether it was called."""

    bids: int
    last: int
    called: bool
    label: str


@dataclass(frozen=True)
class LiarsDice:
    """Liar's dice with `dice` dice of `faces` faces for each player, one round.

    A bid "q-f" claims that at least q of all dice show face f; each bid must be higher, by quantity and then by face.
    Instead of bidding, a player may call the last bid: the bidder wins one from the caller if it holds, else the
    caller wins one from the bidder. With `wild`, the highest face counts as every face.
    """

    players: int = 2
    dice: int = 1
    faces: int = 6
    wild: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.players <= 10:
            raise UserError(f"players must be 2 to 10, not {self.players}")
        if not 1 <= self.dice <= 5:
            raise UserError(f"dice must be 1 to 5, not {self.dice}")
        if not 2 <= self.faces <= 20:
            raise UserError(f"faces must be 2 to 20, not {self.faces}")

    @cached_property
    def _hands(self) -> list[tuple[int, ...]]:
        return list(combinations_with_replacement(range(1, self.faces + 1), self.dice))

    @cached_property
    def _bids(self) -> list[str]:
        return [f"{q}-{f}" for q in range(1, self.players * self.dice + 1) for f in range(1, self.faces + 1)]

    @cached_property
    def _moves(self) -> list[tuple[str, ...]]:
        """The moves after each last bid; the last entry is the opening."""
        return [(*self._bids[b + 1 :], "liar") for b in range(len(self._bids))] + [tuple(self._bids)]

    @cached_property
    def _odds(self) -> list[float]:
        ways = [math.factorial(self.dice) // math.prod(math.factorial(h.count(f)) for f in set(h)) for h in self._hands]
        return [w / self.faces**self.dice for w in ways]

    def hands(self, player: int) -> Sequence[str]:
        joint = "" if self.faces <= 9 else ","
        return [joint.join(map(str, hand)) for hand in self._hands]

    def deal(self, hands: tuple[int, ...]) -> Sequence[float]:
        return self._odds

    def root(self) -> Bidding:
        return Bidding(0, -1, False, "")

    def turn(self, state: Bidding) -> int:
        return LEAF if state.called else state.bids % self.players

    def moves(self, state: Bidding) -> Sequence[str]:
        return self._moves[state.last]

    def chance(self, state: Bidding, hands: tuple[int, ...]) -> Sequence[float]:
        raise AssertionError("liar's dice has no chance after the deal")

    def play(self, state: Bidding, move: int) -> Bidding:
        bid = state.last + 1 + move
        if bid == len(self._bids):
            return state._replace(called=True)
        return Bidding(
            state.bids + 1, bid, False, f"{state.label} {self._bids[bid]}" if state.bids else self._bids[bid]
        )

    def outcome(self, state: Bidding) -> Outcome:
        """Return the bid that was called and who made it, as the key of the payoffs."""
        return Outcome((state.last, (state.bids - 1) % self.players))

    def payoffs(self, key: tuple[int, int], hands: tuple[int, ...]) -> Sequence[float]:
        bid, bidder = key
        quantity, face = divmod(bid, self.faces)
        dice = [d for hand in hands for d in self._hands[hand]]
        matches = sum(d == face + 1 or (self.wild and d == self.faces) for d in dice)
        result = [0.0] * self.players
        holds = 1.0 if matches >= quantity + 1 else -1.0
        result[bidder] = holds
        result[(bidder + 1) % self.players] = -holds
        return result

    def sees(self, state: Bidding) -> str:
        return state.label

    def shape(self, state: Bidding) -> tuple[int, bool]:
        return state.last, state.called

    def future(self, state: Bidding) -> tuple[int, int, bool]:
        return state.last, state.bids % self.players, state.called

    def deals(self) -> Array:
        return functools.reduce(np.multiply, lanes_of(np.array(self._odds), self.players))

    def table(self, key: tuple[int, int]) -> Array:
        bid, bidder = key
        quantity, face = divmod(bid, self.faces)
        counted = {face + 1, self.faces} if self.wild else {face + 1}
        matches = np.array([sum(d in counted for d in hand) for hand in self._hands])
        holds = np.where(sum(lanes_of(matches, self.players)) >= quantity + 1, 1.0, -1.0)
        table = np.zeros((self.players, *holds.shape))
        table[bidder], table[(bidder + 1) % self.players] = holds, -holds
        return table
