"""A spot as `DealtRules`: the same game as the `Subgame` that solvers read, state by state, for play and for checks.

Compiled to a `Tree` it has a table of payoffs for each pair of hands on each run-out, so it suits small ranges; the
street-by-street solver and the engine's own sequence form then give the same values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.rules import CHANCE, LEAF, Outcome
from counterplay.games.holdem.cards import COMBO_CARDS, Deck, format_cards
from counterplay.games.holdem.spot import Spot
from counterplay.games.holdem.strength import strengths
from counterplay.games.holdem.trees import ALLIN, FOLD, NEXT, Start, Street, children


class Point(NamedTuple):
    """What everybody sees. `due` is the number of cards to be dealt before anything else happens.

    They come at once, but where these would be too many ways the flop comes first.
    """

    start: Start
    node: int
    board: tuple[int, ...]
    due: int
    label: str


_MOST_DRAWS = 100_000  # ways to deal that are listed at once


@lru_cache(maxsize=4)
def _draws(deck: tuple[int, ...], board: tuple[int, ...], cards: int) -> list[tuple[int, ...]]:
    return list(combinations([c for c in deck if c not in board], cards))


@dataclass(frozen=True)
class HoldemRules:
    """Hold'em from a spot on; payoffs are chips won or lost against an even share of the pot at the start."""

    spot: Spot

    players = 2

    @property
    def _trees(self) -> dict[Start, Street]:
        return self.spot.trees

    @cached_property
    def _combos(self) -> tuple[list[int], list[int]]:
        one, two = (np.flatnonzero(w > 0).tolist() for w in self.spot.weights)
        return one, two

    @property
    def _deck(self) -> Deck:
        return self.spot.deck

    def _cards(self, hands: tuple[int, ...]) -> set[int]:
        return {int(c) for p, hand in enumerate(hands) for c in COMBO_CARDS[self._combos[p][hand]]}

    @cached_property
    def _names(self) -> list[list[str]]:
        return [
            [format_cards(COMBO_CARDS[combo].tolist()).replace(" ", "") for combo in combos] for combos in self._combos
        ]

    def hands(self, player: int) -> Sequence[str]:
        return self._names[player]

    @cached_property
    def _pairs(self) -> npt.NDArray[np.float64]:
        """Return how much each pair of hands weighs, [hands of OOP, hands of IP]."""
        one, two = (w[c] for w, c in zip(self.spot.weights, self._combos, strict=True))
        apart = self._deck.apart(*(np.array(c, np.int64) for c in self._combos))
        joint: npt.NDArray[np.float64] = one[:, None] * two[None, :] * apart
        return joint

    def deal(self, hands: tuple[int, ...]) -> Sequence[float]:
        row = self._pairs.sum(axis=1) if not hands else self._pairs[hands[0]]
        odds: list[float] = (row / row.sum()).tolist() if row.sum() > 0 else [1.0 / len(row)] * len(row)
        return odds

    def root(self) -> Point:
        return Point(next(iter(self._trees)), 0, self.spot.board, 0, "")

    def turn(self, state: Point) -> int:
        if state.due:
            return CHANCE
        kind = int(self._trees[state.start].kind[state.node])
        return kind if kind < FOLD else LEAF

    def _deals(self, state: Point) -> list[tuple[int, ...]]:
        left = len(self._deck.cards) - len(state.board)
        cards = 3 if comb(left, state.due) > _MOST_DRAWS else state.due
        return _draws(self._deck.cards, state.board, cards)

    def moves(self, state: Point) -> Sequence[str]:
        if state.due:
            return [format_cards(deal) for deal in self._deals(state)]
        tree = self._trees[state.start]
        return [tree.action[child] for child in children(tree, state.node)]

    def chance(self, state: Point, hands: tuple[int, ...]) -> Sequence[float]:
        held = self._cards(hands)
        free = [held.isdisjoint(deal) for deal in self._deals(state)]
        share = 1.0 / sum(free)
        return [share if can else 0.0 for can in free]

    def play(self, state: Point, move: int) -> Point:
        if state.due:
            deal = self._deals(state)[move]
            label = f"{state.label} [{format_cards(deal)}]"
            return state._replace(board=(*state.board, *deal), due=state.due - len(deal), label=label)
        tree = self._trees[state.start]
        child = children(tree, state.node)[move]
        label = f"{state.label} {tree.action[child]}".strip()
        if tree.kind[child] == NEXT:
            start = tree.following(child, self.spot.betting)
            return Point(start, 0, state.board, self._deck.board[start.street] - len(state.board), label)
        due = self._deck.board[self.spot.betting.last] - len(state.board) if tree.kind[child] == ALLIN else 0
        return Point(state.start, child, state.board, due, label)

    def outcome(self, state: Point) -> Outcome:
        """Return who folded or the board to be shown down on, and the contested pot."""
        tree = self._trees[state.start]
        folder = int(tree.folder[state.node])
        pot = tree.pot(state.node)
        return Outcome((folder, () if folder >= 0 else tuple(sorted(state.board)), pot))

    def payoffs(self, key: tuple[int, tuple[int, ...], int], hands: tuple[int, ...]) -> Sequence[float]:
        folder, board, pot = key
        rake = self.spot.rake.of(pot)
        win, lose = pot / 2 - rake, -pot / 2
        if folder >= 0:
            return [lose, win] if folder == 0 else [win, lose]
        if self._cards(hands) & set(board):
            return [0.0, 0.0]  # cannot happen: the board holds a card of a hand
        combos = np.array([self._combos[p][hand] for p, hand in enumerate(hands)])
        one, two = strengths(np.array(board, np.uint8), combos, self._deck)
        if one == two:
            return [-rake / 2, -rake / 2]
        return [win, lose] if one > two else [lose, win]

    def sees(self, state: Point) -> str:
        return state.label
