"""Liar's dice: hidden dice, rising bids on all of them, and a call that ends the game."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine import public_play, stepped
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, Array, Outcome, lanes_of


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

    What a player knows reads "26 1-6 2-2": it holds a two and a six, and the bids were one six and two twos.
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

    def steps(self) -> "DiceSteps":
        hands, bids = len(self._hands), len(self._bids)
        stepped.check_bits(hands << bids, "liar's dice", "take fewer dice, faces or players")
        counts = np.array([[hand.count(f + 1) for f in range(self.faces)] for hand in self._hands], np.int64)
        if self.wild:
            counts[:, :-1] += counts[:, -1:]
        return DiceSteps(
            self.players, 4 + self.players, bids, bids, self.faces, bids, hands, np.array(self._odds), counts.ravel()
        )

    def infoset(self, player: int, key: int) -> tuple[str, tuple[str, ...]]:
        made, hand = divmod(key, len(self._hands))
        bids = [bid for bid in range(len(self._bids)) if made >> bid & 1]
        state = self.root()
        for bid in bids:
            state = self.play(state, bid - state.last - 1)
        if made >> len(self._bids) or self.turn(state) != player or len(self.moves(state)) < 2:
            raise stepped.Unread(f"player {player} has no information set of that key")
        return f"{self.hands(player)[hand]} {self.sees(state)}".strip(), tuple(self.moves(state))

    def key_of(self, player: int, label: str) -> int:
        hand, moves = public_play.moves_to(self, player, label)
        made = sum([1 << int(state.last) + 1 + move for state, move in moves])
        return made * len(self._hands) + hand


class DiceSteps(NamedTuple):
    """Liar's dice in steps. A state is hands dealt, bids made, the last one (-1), the bids as a set, the hands.

    After a call `last` is lower by all bids and one. Bids rise, so the set says their order.
    """

    players: int
    words: int
    widest: int
    depth: int
    faces: int
    bids: int
    hands: int
    odds: npt.NDArray[np.float64]  # [W]
    counts: npt.NDArray[np.int64]  # [W * faces] how many of a hand's dice count as a face


_DEALT, _MADE, _LAST, _SET, _HANDS = range(5)


def _setup(game: Any, state: Any) -> None:
    for i in range(game.words):
        state[i] = 0
    state[_LAST] = -1


def _turn(game: Any, state: Any) -> Any:
    if state[_DEALT] < game.players:
        return CHANCE
    return LEAF if state[_LAST] < -1 else state[_MADE] % game.players


def _moves(game: Any, state: Any) -> Any:
    if state[_DEALT] < game.players:
        return game.hands
    return game.bids if state[_LAST] < 0 else game.bids - state[_LAST]  # the higher bids and the call


def _chance(game: Any, state: Any, move: int) -> Any:
    return game.odds[move]


def _play(game: Any, state: Any, move: int) -> None:
    if state[_DEALT] < game.players:
        state[_HANDS + state[_DEALT]] = move
        state[_DEALT] += 1
        return
    bid = state[_LAST] + 1 + move
    if bid == game.bids:
        state[_LAST] -= game.bids + 1
        return
    state[_LAST] = bid
    state[_SET] |= 1 << bid
    state[_MADE] += 1


def _payoff(game: Any, state: Any, player: int) -> Any:
    bid = state[_LAST] + game.bids + 1
    bidder = (state[_MADE] - 1) % game.players
    if player != bidder and player != (bidder + 1) % game.players:
        return 0.0
    matches = 0
    for p in range(game.players):
        matches += game.counts[state[_HANDS + p] * game.faces + bid % game.faces]
    holds = matches >= bid // game.faces + 1
    return 1.0 if holds == (player == bidder) else -1.0


def _key(game: Any, state: Any) -> Any:
    return state[_SET] * game.hands + state[_HANDS + state[_MADE] % game.players]


def _observe(game: Any, state: Any, seen: Any) -> None:
    seen[state[_HANDS + state[_MADE] % game.players]] = 1
    for bid in range(game.bids):
        seen[game.hands + bid] = state[_SET] >> bid & 1


def _number(game: Any, state: Any, move: int) -> Any:
    return state[_LAST] + 1 + move  # the bid; behind them all the call


stepped.register(
    DiceSteps,
    observed=lambda game: game.hands + game.bids,
    numbered=lambda game: game.bids + 1,
    observe=_observe,
    number=_number,
    setup=_setup,
    turn=_turn,
    moves=_moves,
    chance=_chance,
    play=_play,
    payoff=_payoff,
    key=_key,
)
