"""Strategies judged by definition: the rules walked state by state, with dictionaries.

Nothing here is shared with trees, sequence forms or sweeps, so that these can be held against it.
"""

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

from counterplay.engine.rules import CHANCE, LEAF, histories

Key = tuple[int, str]  # (player, what it sees)
Profile = dict[Key, Sequence[float]]  # probability of each move


class Verdict(NamedTuple):
    """What a profile is worth to each player, and what each could earn by deviating."""

    value: list[float]
    best: list[float]

    @property
    def exploitability(self) -> float:
        """Return NashConv divided by the number of players."""
        return sum(b - v for b, v in zip(self.best, self.value, strict=True)) / len(self.value)


def infosets(rules: Any) -> dict[Key, int]:
    """Return every information set with its number of moves, found by walking all histories."""
    found: dict[Key, int] = {}
    game = histories(rules)

    def walk(state: Any) -> None:
        turn = game.turn(state)
        if turn == LEAF:
            return
        if turn != CHANCE:
            found[turn, game.sees(state, turn)] = len(game.moves(state))
        for i in range(len(game.moves(state))):
            walk(game.play(state, i))

    walk(game.root())
    return found


def expected(rules: Any, profile: Profile) -> list[float]:
    """Return what every player earns under the profile."""
    game = histories(rules)

    def walk(state: Any) -> list[float]:
        turn = game.turn(state)
        if turn == LEAF:
            return list(game.payoffs(state))
        odds = game.chance(state) if turn == CHANCE else profile[turn, game.sees(state, turn)]
        values = [walk(game.play(state, i)) for i in range(len(game.moves(state)))]
        return [sum(p * v[q] for p, v in zip(odds, values, strict=True)) for q in range(game.players)]

    return walk(game.root())


def best_response(rules: Any, profile: Profile, player: int) -> tuple[float, dict[Key, int]]:
    """Return the most that the player can earn against the others, and a pure strategy that earns it.

    What a move of an information set is worth is the sum over its states of the others' reach times the value after it;
    with perfect recall, what follows is decided before.
    """
    game = histories(rules)
    states: dict[Key, list[tuple[Any, float]]] = {}  # of each information set of the player, with the others' reach
    chosen: dict[Key, int] = {}

    def spread(state: Any, reach: float) -> None:
        turn = game.turn(state)
        if turn == LEAF or reach == 0:
            return
        odds: Sequence[float] = [1.0] * len(game.moves(state))
        if turn == player:
            states.setdefault((turn, game.sees(state, turn)), []).append((state, reach))
        else:
            odds = game.chance(state) if turn == CHANCE else profile[turn, game.sees(state, turn)]
        for i, p in enumerate(odds):
            spread(game.play(state, i), reach * p)

    def value(state: Any) -> float:
        turn = game.turn(state)
        if turn == LEAF:
            return float(game.payoffs(state)[player])
        if turn == player:
            return value(game.play(state, choice((turn, game.sees(state, turn)))))
        odds = game.chance(state) if turn == CHANCE else profile[turn, game.sees(state, turn)]
        return sum(p * value(game.play(state, i)) for i, p in enumerate(odds) if p)

    def choice(key: Key) -> int:
        if key not in chosen:
            many = len(game.moves(states[key][0][0]))
            worth = [sum(r * value(game.play(s, i)) for s, r in states[key]) for i in range(many)]
            chosen[key] = max(range(many), key=worth.__getitem__)
        return chosen[key]

    spread(game.root(), 1.0)
    return value(game.root()), chosen


def judge(rules: Any, profile: Profile) -> Verdict:
    """Return what the profile is worth, and its best responses."""
    return Verdict(expected(rules, profile), [best_response(rules, profile, p)[0] for p in range(rules.players)])


def best_by_enumeration(rules: Any, profile: Profile, player: int) -> float:
    """Return the most that the player can earn against the others, over all its pure strategies."""
    own = [(key, n) for key, n in infosets(rules).items() if key[0] == player]
    top = float("-inf")
    for choice in product(*(range(n) for _, n in own)):
        pure = {key: [float(i == c) for i in range(n)] for (key, n), c in zip(own, choice, strict=True)}
        top = max(top, expected(rules, {**profile, **pure})[player])
    return top


def pure_strategies(rules: Any, player: int) -> int:
    """Return how many pure strategies the player has."""
    return reduce(operator.mul, (n for (p, _), n in infosets(rules).items() if p == player), 1)


def to_profile(tree: Any, table: Any) -> Profile:
    """Return a strategy table [R, W] as a dictionary, with labels as `histories` gives them."""
    profile: Profile = {}
    for i, label in enumerate(tree.labels):
        p, lo, hi = int(tree.owner[i]), int(tree.first[i]), int(tree.first[i + 1])
        for w, hand in enumerate(tree.hands[p]):
            profile[p, f"{hand} {label}".strip()] = [float(x) for x in table[lo:hi, w]]
    return profile


def line_of(game: Any, path: Sequence[int]) -> str:
    """Return the labels of the moves along a path, as a line of play."""
    state, said = game.root(), []
    for move in path:
        said.append(str(game.moves(state)[move]))
        state = game.play(state, move)
    return ", ".join(said) or "at the root"


Pick = Callable[[int], int]  # a whole number from 0 to one less than its argument
