"""What a value network is told of public states: features as plain numbers, and which hands they allow.

Shape letters: N public states, F features, E chance events, W lanes, B batch.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import LEAF, has_future, is_dealt
from counterplay.engine.tree import Tree

MOST_FEATURES = 4096
_KINDS = 64  # different numbers up to which each is a feature of its own; more are one feature, to scale

Floats = npt.NDArray[np.float32]


class Described(NamedTuple):
    """Public states as a value network meets them.

    A counterfactual value is the chance of the hands times what is won: chance comes in tables of mean 1 over the
    lanes, and `unit` has the rest, times what is at stake, so that networks learn numbers about as large as 1.
    """

    numbers: Floats  # [N, F] features
    event: npt.NDArray[np.int64]  # [N] index into `chance`
    unit: Floats  # [N] what a value of 1 of the network is worth, in the game's units
    chance: Floats  # [E, W, W] chance of both hands and of all public chance so far, in units of its mean

    def at(self, states: npt.NDArray[np.int64]) -> "Described":
        """Return some of them, in that order."""
        return self._replace(numbers=self.numbers[states], event=self.event[states], unit=self.unit[states])


def describe(rules: Any, tree: Tree) -> Described:
    """Return all nodes of a dealt game's tree, leaves too, for a network of that game.

    Features are the parts of what the rules call a state's `future`, such as the last bid, the board or what each
    player has paid: each a number one-hot, or to scale where it may be one of many. Rules without `future` have each
    public state one-hot. The unit of a state is the least that play below it pays, half the pot in poker, so that
    values are of the same size before and after a raise. Raises `UserError` for games that are not dealt to two
    players, that do not sum to zero, and for more features than a network takes.
    """
    check_game(rules, tree)
    states = _states(rules, tree)
    lanes = [len(hands) for hands in tree.hands]
    width = max(lanes)
    mean = tree.weights.mean(axis=(1, 2))
    chance = np.zeros((len(mean), width, width), np.float32)
    chance[:, : lanes[0], : lanes[1]] = tree.weights / np.where(mean > 0, mean, 1.0)[:, None, None]
    return Described(
        numbers=_features(rules, tree, states),
        event=tree.weight.astype(np.int64),
        unit=(_least_paid(tree) * mean[tree.weight]).astype(np.float32),
        chance=chance,
    )


def check_game(rules: Any, tree: Tree) -> None:
    """Raise `UserError` for a game that value networks are not for."""
    if not is_dealt(rules) or rules.players != 2:
        raise UserError("value networks are for games with a private deal and public play between two players")
    if not tree.zero_sum:
        raise UserError("value networks are for games that sum to zero")


def _states(rules: Any, tree: Tree) -> list[Any]:
    """Return the public state at each node."""
    states, parent, slot = [rules.root()], tree.parent.tolist(), tree.slot.tolist()
    states += [None] * (len(parent) - 1)
    for node in range(1, len(parent)):
        states[node] = rules.play(states[parent[node]], slot[node])
    return states


def _least_paid(tree: Tree) -> npt.NDArray[np.float64]:
    """Return the least that any leaf below each node pays a hand for certain, [N]; of leaves that never pay, 1."""
    paid = np.abs(tree.payoffs).max(axis=(1, 2, 3))[tree.outcome] * np.abs(tree.stake)
    least, parent = np.full(len(tree.player), np.inf), tree.parent.tolist()
    least[tree.player == LEAF] = np.where(paid > 0, paid, np.inf)
    found = least.tolist()
    for node in range(len(parent) - 1, 0, -1):
        if found[node] < found[parent[node]]:
            found[parent[node]] = found[node]
    least = np.array(found)
    return np.where(np.isfinite(least), least, 1.0)


def _features(rules: Any, tree: Tree, states: Sequence[Any]) -> Floats:
    """Return the features of all nodes, [N, F]: what differs between those that are no leaves."""
    inner = np.flatnonzero(tree.player != LEAF)
    if not has_future(rules):
        _check_features(len(inner))
        found = np.zeros((len(states), len(inner)), np.float32)
        found[inner, np.arange(len(inner))] = 1.0
        return found
    told: Callable[[Any], Hashable] = rules.future
    parts = [dict(_parts(told(states[node]), ())) for node in inner.tolist()]
    places = sorted({place for part in parts for place in part})
    columns = [column for place in places for column in _columns([part.get(place) for part in parts])]
    _check_features(len(columns))
    found = np.zeros((len(states), len(columns)), np.float32)
    if columns:
        found[inner] = np.stack(columns, axis=1)
    return found


def _check_features(count: int) -> None:
    if count > MOST_FEATURES:
        raise UserError(
            f"the public states of this game would take {count:,} features, and a value network takes "
            f"{MOST_FEATURES:,}: give its rules a `future` that says them in few numbers"
        )


def _parts(value: Any, place: tuple[int, ...]) -> list[tuple[tuple[int, ...], Any]]:
    """Return what is in a value of nested tuples, each with its place."""
    if not isinstance(value, tuple):
        return [(place, value)]
    return [part for i, inner in enumerate(value) for part in _parts(inner, (*place, i))]


def _columns(values: Sequence[Any]) -> list[Floats]:
    """Return one part of all states as columns; none where it is everywhere the same."""
    kinds = sorted(set(values), key=lambda value: (value is not None, str(type(value)), value))
    numbers = [value for value in kinds if value is not None]
    if len(kinds) > _KINDS and all(isinstance(value, int | float) for value in numbers):
        most = max(abs(value) for value in numbers)
        column = np.array([0.0 if value is None else value / most for value in values], np.float32)
        return [column]
    _check_features(len(kinds))
    number = {kind: i for i, kind in enumerate(kinds)}
    which = np.array([number[value] for value in values])
    asked = range(len(kinds)) if len(kinds) > 2 else range(1, len(kinds))  # of two kinds one says it, of one nothing
    return [(which == i).astype(np.float32) for i in asked]
