"""Kuhn poker: one card each, one bet, one chip (Kuhn 1950; with more players Abou Risk and Szafron 2010)."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.rules import LEAF, Array, Outcome, lanes_of


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
