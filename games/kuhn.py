"""Kuhn poker: one card each, one bet, one chip (Kuhn 1950; with more players Abou Risk and Szafron 2010)."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from counterplay.engine import public_play, stepped
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, Array, Outcome, lanes_of


def rank_labels(ranks: int) -> list[str]:
    """Return the names of the ranks, lowest first: J Q K for three, J Q K A for four, numbers beyond thirteen."""
    if ranks <= 3:
        return list("JQK"[-ranks:])
    if ranks <= 13:
        return list("23456789TJQKA"[-ranks:])
    return [str(r + 1) for r in range(ranks)]


@dataclass(frozen=True)
class Kuhn:
    """Kuhn poker for two to ten players.

    Everybody antes one chip and gets one of `ranks` different cards (by default one more than players). In turn,
    players pass or bet one chip; after a bet each of the others, once, folds (pass) or calls (bet). The highest card
    of those who bet, or of all when nobody did, takes the pot. Payoffs are chips won or lost.
    """

    players: int = 2
    ranks: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.players <= 10:
            raise UserError(f"players must be 2 to 10, not {self.players}")
        if self.ranks == 0:
            object.__setattr__(self, "ranks", self.players + 1)
        if not self.players <= self.ranks <= 100_000:
            raise UserError(f"ranks must be at least players ({self.players}) and at most 100,000, not {self.ranks}")

    def hands(self, player: int) -> Sequence[str]:
        return rank_labels(self.ranks)

    def deal(self, hands: tuple[int, ...]) -> Sequence[float]:
        return [0.0 if card in hands else 1.0 / (self.ranks - len(hands)) for card in range(self.ranks)]

    def root(self) -> str:
        return ""

    def turn(self, state: str) -> int:
        first_bet = state.find("b")
        acts = self.players if first_bet < 0 else first_bet + self.players
        return LEAF if len(state) == acts else len(state) % self.players

    def moves(self, state: str) -> Sequence[str]:
        return ("fold", "call") if "b" in state else ("check", "bet")

    def chance(self, state: str, hands: tuple[int, ...]) -> Sequence[float]:
        raise AssertionError("Kuhn poker has no chance after the deal")

    def play(self, state: str, move: int) -> str:
        return state + "pb"[move]

    def outcome(self, state: str) -> Outcome:
        """Return who put in the second chip, as the key of the payoffs."""
        return Outcome(tuple(sorted(i % self.players for i, action in enumerate(state) if action == "b")))

    def payoffs(self, key: tuple[int, ...], hands: tuple[int, ...]) -> Sequence[float]:
        paid = [2.0 if p in key else 1.0 for p in range(self.players)]
        winner = max(key or range(self.players), key=hands.__getitem__)
        return [sum(paid) - paid[p] if p == winner else -paid[p] for p in range(self.players)]

    def sees(self, state: str) -> str:
        return state

    def shape(self, state: str) -> str:
        return state

    def deals(self) -> Array:
        joint = np.ones((self.ranks,) * self.players)
        cards = lanes_of(np.arange(self.ranks), self.players)
        for p in range(self.players):
            for q in range(p):
                joint *= cards[p] != cards[q]
            joint *= 1.0 / (self.ranks - p)
        return joint

    def table(self, key: tuple[int, ...]) -> Array:
        paid = [2.0 if p in key else 1.0 for p in range(self.players)]
        cards = lanes_of(np.arange(self.ranks), self.players)
        highest = functools.reduce(np.maximum, [cards[p] for p in key or range(self.players)])
        table = np.empty((self.players, *(self.ranks,) * self.players))
        for p in range(self.players):
            wins = cards[p] == highest if p in key or not key else False
            table[p] = np.where(wins, sum(paid) - paid[p], -paid[p])
        return table

    def steps(self) -> "KuhnSteps":
        return KuhnSteps(self.players, 4 + self.players, 2, 2 * self.players - 1, self.ranks)

    def infoset(self, player: int, key: int) -> tuple[str, tuple[str, ...]]:
        rest, hand = divmod(key, self.ranks)
        return public_play.infoset(self, player, hand, rest, lambda _, rest: (rest % 2, rest // 2))

    def key_of(self, player: int, label: str) -> int:
        hand, moves = public_play.moves_to(self, player, label)
        return (sum(move << i for i, (_, move) in enumerate(moves)) | 1 << len(moves)) * self.ranks + hand


class KuhnSteps(NamedTuple):
    """Kuhn poker in steps. A state is cards dealt, actions taken, which of them are bets, the first bet; the hands."""

    players: int
    words: int
    widest: int
    depth: int
    ranks: int


_DEALT, _ACTS, _BETS, _FIRST, _CARDS = range(5)


def _setup(game: Any, state: Any) -> None:
    for i in range(game.words):
        state[i] = 0
    state[_FIRST] = -1


def _turn(game: Any, state: Any) -> Any:
    if state[_DEALT] < game.players:
        return CHANCE
    acts = game.players if state[_FIRST] < 0 else state[_FIRST] + game.players
    return LEAF if state[_ACTS] == acts else state[_ACTS] % game.players


def _moves(game: Any, state: Any) -> Any:
    return game.ranks if state[_DEALT] < game.players else 2


def _chance(game: Any, state: Any, move: int) -> Any:
    for p in range(state[_DEALT]):
        if state[_CARDS + p] == move:
            return 0.0
    return 1.0 / (game.ranks - state[_DEALT])


def _draw(game: Any, state: Any, random: Any) -> Any:
    while True:
        move = stepped.below(random, game.ranks)
        if stepped.chance(game, state, move) > 0.0:
            return move


def _play(game: Any, state: Any, move: int) -> None:
    if state[_DEALT] < game.players:
        state[_CARDS + state[_DEALT]] = move
        state[_DEALT] += 1
        return
    if move == 1 and state[_FIRST] < 0:
        state[_FIRST] = state[_ACTS]
    state[_BETS] |= move << state[_ACTS]
    state[_ACTS] += 1


def _payoff(game: Any, state: Any, player: int) -> Any:
    pot, mine, best, winner = 0.0, 0.0, -1, -1
    for p in range(game.players):
        bet = (state[_BETS] >> p | state[_BETS] >> (p + game.players)) & 1
        paid = 1.0 + bet
        pot += paid
        if p == player:
            mine = paid
        if (bet or state[_FIRST] < 0) and state[_CARDS + p] > best:
            best, winner = state[_CARDS + p], p
    return pot - mine if winner == player else -mine


def _key(game: Any, state: Any) -> Any:
    return (state[_BETS] | 1 << state[_ACTS]) * game.ranks + state[_CARDS + state[_ACTS] % game.players]


stepped.register(
    KuhnSteps, setup=_setup, turn=_turn, moves=_moves, chance=_chance, draw=_draw, play=_play, payoff=_payoff, key=_key
)
