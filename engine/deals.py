"""Chance weights and payoff tables of a tree that is being built, each stored once.

In a dealt game they are tensors over all players' lanes: a game that offers arrays (`rules.DealtArrays`) is asked for
whole tables, any other hand by hand. In a game of histories they are numbers.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import chance_of, has_arrays
from counterplay.engine.system import available

LARGEST = 1e100  # payoff: products of two, and sums of them, are still numbers
Array = npt.NDArray[np.float64]
Draws = list[tuple[int, int]]  # the possible moves of a chance state, the last first, and the weights they lead to


class Deals:
    """Weights and payoffs of a dealt game. Weight 0 is the joint probability of all hands."""

    def __init__(self, rules: Any, hands: tuple[tuple[str, ...], ...]):
        self.rules, self.players = rules, len(hands)
        self.arrays = has_arrays(rules)
        self.lanes = tuple(map(len, hands))
        size = 8 * math.prod(self.lanes) * (1 + self.players)  # at the least: the deal and one outcome
        if size > available():
            raise UserError(
                f"the game has {' x '.join(map(str, self.lanes))} combinations of hands: one table of their payoffs "
                f"takes {size / 1e9:,.1f} GB, and at most {available() / 1e9:,.1f} GB are free"
            )
        self._weights: list[Array] = []
        self._weight_of: dict[bytes, int] = {}
        self._draws: dict[tuple[int, Hashable], Draws] = {}
        self._outcome_of: dict[Hashable, int] = {}
        self._add(self._deal())

    def weights(self) -> Array:
        """Return the chance weights, [K, *lanes]."""
        return np.stack(self._weights)

    def outcome(self, key: Hashable) -> int:
        """Return the index of an outcome's payoff table."""
        return self._outcome_of.setdefault(key, len(self._outcome_of))

    def payoffs(self) -> Array:
        """Return the payoff tables, [T, P, *lanes]; hands that are never dealt together pay 0."""
        tables = np.zeros((len(self._outcome_of), self.players, *self.lanes))
        possible = self._weights[0] > 0
        dealt = np.nonzero(possible)
        few = len(dealt[0]) < possible.size / 8  # hands of many players are mostly of cards that exclude each other
        for table, key in zip(tables, self._outcome_of, strict=True):
            if self.arrays:
                values = self._array(self.rules.table(key), f"table({key!r})", (self.players, *self.lanes))
                if few:
                    at: Any = dealt
                    table[:, *at] = values = values[:, *at]
                else:
                    np.copyto(table, values, where=possible)
                    values = table
                if not np.isfinite(values).all():
                    raise UserError(f"payoffs must be {self.players} finite numbers; those of {key!r} are not")
                if np.abs(values).max(initial=0.0) > LARGEST:
                    raise UserError(f"payoffs must be at most {LARGEST:g}; those of {key!r} are larger")
                continue
            for hands in zip(*dealt, strict=True):
                values = self.rules.payoffs(key, tuple(map(int, hands)))
                check_payoffs(values, self.players)
                table[:, *hands] = values
        return tables

    def draws(self, state: Any, weight: int) -> Draws:
        """Return where a chance state with that weight may lead."""
        if not self.arrays:
            return self._follow(weight, self._by_hand(state, weight))
        event = self.rules.event(state)
        known = self._draws.get((weight, event))
        if known is None:
            known = self._draws[weight, event] = self._follow(
                weight, self._by_array(event, weight, len(self.rules.moves(state)))
            )
        return known

    def _follow(self, weight: int, odds: Array) -> Draws:
        before = self._weights[weight]
        return [(i, self._add(before * odds[i])) for i in range(len(odds) - 1, -1, -1) if odds[i].any()]

    def _add(self, weight: Array) -> int:
        key = weight.tobytes()
        index = self._weight_of.setdefault(key, len(self._weights))
        if index == len(self._weights):
            self._weights.append(weight)
        return index

    def _deal(self) -> Array:
        if self.arrays:
            joint = self._array(self.rules.deals(), "deals()", self.lanes)
            if not (joint.min() >= 0 and abs(joint.sum() - 1.0) <= 1e-9):
                raise UserError(f"the deal must be probabilities of shape {self.lanes} that sum to 1")
            return joint
        joint = np.zeros(self.lanes)

        def extend(hands: tuple[int, ...], reach: float) -> None:
            if len(hands) == self.players:
                joint[hands] = reach
                return
            odds = self.rules.deal(hands)
            check_odds(odds, lambda: f"the deal after {hands}", self.lanes[len(hands)])
            for hand, p in enumerate(odds):
                if p > 0:
                    extend((*hands, hand), reach * p)

        extend((), 1.0)
        return joint

    @staticmethod
    def _array(given: Any, name: str, shape: tuple[int, ...]) -> Array:
        """Return what a game offers as an array; raises `ValueError` where it is none of that shape."""
        if not isinstance(given, np.ndarray) or given.shape != shape:
            what = f"an array of shape {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
            raise UserError(f"{name} must be an array of shape {shape}, not {what}")
        return given

    def _by_array(self, event: Any, weight: int, moves: int) -> Array:
        """Return the probability of each move for all hands that reach it, [moves, *lanes]."""
        reached = self._weights[weight] > 0
        given = self._array(self.rules.odds(event), f"odds({event!r})", (moves, *self.lanes))
        odds = np.where(reached, given, 0.0)
        if not (odds.min() >= 0 and np.abs(odds.sum(axis=0)[reached] - 1.0).max(initial=0.0) <= 1e-9):
            raise UserError(f"chance at {event}: probabilities must be non-negative and sum to 1")
        return odds

    def _by_hand(self, state: Any, weight: int) -> Array:
        moves = len(self.rules.moves(state))
        odds = np.zeros((moves, *self.lanes))
        hands: Any
        for hands in product(*map(range, self.lanes)):
            if self._weights[weight][hands] > 0:
                given = chance_of(self.rules)(state, hands)
                check_odds(given, lambda hands=hands: f"chance at {state} with hands {hands}", moves)  # type: ignore[misc]
                odds[:, *hands] = given
        return odds


class Singles:
    """Weights and payoffs of a game of histories. Weight 0 is 1."""

    def __init__(self, players: int):
        self.players = players
        self.values = [1.0]
        self._weight_of = {1.0: 0}
        self._outcome_of: dict[tuple[float, ...], int] = {}

    def weights(self) -> Array:
        """Return the chance weights, [K, 1, 1, ...]."""
        return np.array(self.values).reshape(-1, *(1,) * self.players)

    def payoffs(self) -> Array:
        """Return the payoffs, [T, P, 1, 1, ...]."""
        return np.array(list(self._outcome_of), np.float64).reshape(-1, self.players, *(1,) * self.players)

    def outcome(self, payoffs: Sequence[float]) -> int:
        """Return the index of what a leaf pays."""
        key = tuple(payoffs)
        index = self._outcome_of.get(key)
        if index is None:
            check_payoffs(key, self.players)
            index = self._outcome_of[key] = len(self._outcome_of)
        return index

    def draws(self, odds: Sequence[float], weight: int) -> Draws:
        """Return where a chance state with these probabilities of its moves may lead."""
        before, found = self.values[weight], []
        for i in range(len(odds) - 1, -1, -1):
            if odds[i]:
                product = float(before * odds[i])
                index = self._weight_of.setdefault(product, len(self.values))
                if index == len(self.values):
                    self.values.append(product)
                found.append((i, index))
        return found


def check_payoffs(values: Sequence[float], players: int) -> None:
    """Raise `ValueError` where these are not what so many players may receive."""
    if len(values) != players or not all(map(math.isfinite, values)):
        raise UserError(f"payoffs must be {players} finite numbers, not {values!r}")
    if max(map(abs, values), default=0.0) > LARGEST:
        raise UserError(f"payoffs must be at most {LARGEST:g}, not {values!r}: give them in larger units")


def check_odds(odds: Sequence[float], where: Callable[[], str], size: int) -> None:
    """Raise `ValueError` where these are not so many probabilities."""
    if len(odds) != size:
        raise UserError(f"{where()} has {len(odds)} probabilities for {size} moves")
    if not (abs(sum(odds) - 1.0) <= 1e-9 and min(odds) >= 0):  # said so that what is not a number fails too
        raise UserError(f"{where()}: probabilities must be non-negative and sum to 1, not {sum(odds):.12g}")
