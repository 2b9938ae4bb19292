"""Slow, plain oracles, and random games to hold the engine against.

Everything here follows definitions: it walks the rules state by state with dictionaries, and shares no code with the
engine but the constants CHANCE and LEAF.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from random import Random
from typing import Any

from counterplay.engine.rules import CHANCE, LEAF, Outcome, histories

Profile = dict[tuple[int, str], Sequence[float]]  # (player, what it sees) -> probability of each move


@dataclass(frozen=True)
class Node:
    """A state of a random game: a decision, a chance event or a leaf."""

    turn: int
    label: str = ""
    odds: tuple[float, ...] = ()
    children: tuple["Node", ...] = ()
    paid: tuple[float, ...] = ()


@dataclass(frozen=True)
class TreeGame:
    """A game given by its tree."""

    players: int
    top: Node

    def root(self) -> Node:
        return self.top

    def turn(self, state: Node) -> int:
        return state.turn

    def moves(self, state: Node) -> Sequence[str]:
        return [f"m{i}" for i in range(len(state.children))]

    def chance(self, state: Node) -> Sequence[float]:
        return state.odds

    def play(self, state: Node, move: int) -> Node:
        return state.children[move]

    def payoffs(self, state: Node) -> Sequence[float]:
        return state.paid

    def sees(self, state: Node, player: int) -> str:
        return state.label


def _number(rng: Random, generic: bool, low: int, high: int) -> float:
    """Return an integer, or, for games in which no two actions are worth the same, any number."""
    return rng.uniform(low, high) if generic else float(rng.randint(low, high))


def random_game(
    rng: Random, players: int = 2, depth: int = 4, zero_sum: bool = True, generic: bool = False
) -> TreeGame:
    """Return a random game with perfect recall, chance moves and information sets of several nodes.

    A player's label holds its own past labels and actions, so recall is perfect; which of two labels a node gets is
    drawn, so that nodes which differ only in what others or chance did share one.
    """

    def odds(n: int) -> tuple[float, ...]:
        weights = [rng.randint(1, 4) for _ in range(n)]
        return tuple(float(Fraction(w, sum(weights))) for w in weights)

    def grow(level: int, memory: tuple[str, ...]) -> Node:
        if level == 0 or rng.random() < 0.1:
            paid = [_number(rng, generic, -3, 3) for _ in range(players)]
            if zero_sum:
                paid[-1] = -sum(paid[:-1])
            return Node(LEAF, paid=tuple(paid))
        n = rng.randint(1, 3)
        if rng.random() < 0.2:
            return Node(CHANCE, odds=odds(n), children=tuple(grow(level - 1, memory) for _ in range(n)))
        p = rng.randrange(players)
        label = f"{memory[p]}/{n}{rng.choice('ab')}"
        children = tuple(grow(level - 1, (*memory[:p], f"{label}.{i}", *memory[p + 1 :])) for i in range(n))
        return Node(p, label, children=children)

    return TreeGame(players, grow(depth, ("",) * players))


@dataclass(frozen=True)
class DealtTree:
    """A random game of a private deal, a public tree, and payoffs that depend on all hands."""

    joint: tuple[tuple[float, ...], ...]  # [W of player 0][W of player 1]
    top: Node
    tables: tuple[tuple[tuple[float, ...], ...], ...]  # [kinds][W][W] payoff to player 0
    flips: tuple[tuple[tuple[float, ...], ...], ...]  # [W][W] odds of public chance events with two outcomes

    players = 2

    def hands(self, player: int) -> Sequence[str]:
        return [f"h{i}" for i in range(len(self.joint) if player == 0 else len(self.joint[0]))]

    def deal(self, hands: tuple[int, ...]) -> Sequence[float]:
        if not hands:
            return [sum(row) for row in self.joint]
        row = self.joint[hands[0]]
        return [x / sum(row) for x in row]

    def root(self) -> Node:
        return self.top

    def turn(self, state: Node) -> int:
        return state.turn

    def moves(self, state: Node) -> Sequence[str]:
        return [f"m{i}" for i in range(len(state.children))]

    def chance(self, state: Node, hands: tuple[int, ...]) -> Sequence[float]:
        p = self.flips[hands[0]][hands[1]][0]
        return (p, 1.0 - p)

    def play(self, state: Node, move: int) -> Node:
        return state.children[move]

    def outcome(self, state: Node) -> Outcome:
        return Outcome(int(state.paid[0]), state.paid[1])

    def payoffs(self, key: int, hands: tuple[int, ...]) -> Sequence[float]:
        value = self.tables[key][hands[0]][hands[1]]
        return (value, -value)

    def sees(self, state: Node) -> str:
        return state.label


def random_dealt_game(rng: Random, depth: int = 4, generic: bool = False) -> DealtTree:
    """Return a random two-player zero-sum game with a correlated deal and public chance that depends on the hands."""
    w0, w1, kinds = rng.randint(2, 5), rng.randint(2, 5), 3
    weights = [[rng.randint(0, 3) for _ in range(w1)] for _ in range(w0)]
    for row in weights:
        row[rng.randrange(w1)] += 1
    total = sum(map(sum, weights))

    def grow(level: int, label: str) -> Node:
        if level == 0 or rng.random() < 0.15:
            return Node(LEAF, paid=(float(rng.randrange(kinds)), _number(rng, generic, 1, 4)))
        if rng.random() < 0.2:
            return Node(CHANCE, children=tuple(grow(level - 1, f"{label}c{i}") for i in range(2)))
        children = tuple(grow(level - 1, f"{label}{i}") for i in range(rng.randint(1, 3)))
        return Node(rng.randrange(2), label, children=children)

    return DealtTree(
        joint=tuple(tuple(x / total for x in row) for row in weights),
        top=grow(depth, "-"),
        tables=tuple(
            tuple(tuple(_number(rng, generic, -3, 3) for _ in range(w1)) for _ in range(w0)) for _ in range(kinds)
        ),
        flips=tuple(tuple((rng.randint(0, 4) / 4,) for _ in range(w1)) for _ in range(w0)),
    )


def infosets(rules: Any) -> dict[tuple[int, str], int]:
    """Return every information set with its number of moves, found by walking all histories."""
    found: dict[tuple[int, str], int] = {}
    rules = histories(rules)

    def walk(state: Any) -> None:
        turn = rules.turn(state)
        if turn == LEAF:
            return
        if turn != CHANCE:
            found[turn, rules.sees(state, turn)] = len(rules.moves(state))
        for i in range(len(rules.moves(state))):
            walk(rules.play(state, i))

    walk(rules.root())
    return found


def expected(rules: Any, profile: Profile) -> list[float]:
    """Return what every player earns under the profile."""
    rules = histories(rules)

    def walk(state: Any) -> list[float]:
        turn = rules.turn(state)
        if turn == LEAF:
            return list(rules.payoffs(state))
        odds = rules.chance(state) if turn == CHANCE else profile[turn, rules.sees(state, turn)]
        values = [walk(rules.play(state, i)) for i in range(len(rules.moves(state)))]
        return [sum(p * v[q] for p, v in zip(odds, values, strict=True)) for q in range(rules.players)]

    return walk(rules.root())


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
    count = 1
    for (p, _), n in infosets(rules).items():
        count *= n if p == player else 1
    return count


def cfr(rules: Any, iterations: int, plus: bool) -> Profile:
    """Return the average strategy of textbook CFR (or CFR+ with linear averaging), recursively, alternating updates."""
    rules = histories(rules)
    sets = infosets(rules)
    regret = {key: [0.0] * n for key, n in sets.items()}
    total = {key: [0.0] * n for key, n in sets.items()}
    sigma: Profile = {key: [1.0 / n] * n for key, n in sets.items()}

    def walk(
        state: Any, me: int, t: int, own: float, others: float, gains: dict[tuple[int, str], list[float]]
    ) -> float:
        turn = rules.turn(state)
        if turn == LEAF:
            return float(rules.payoffs(state)[me])
        if turn == CHANCE:
            odds = rules.chance(state)
            return sum(p * walk(rules.play(state, i), me, t, own, others * p, gains) for i, p in enumerate(odds))
        key = (turn, rules.sees(state, turn))
        now = sigma[key]
        if turn != me:
            return sum(p * walk(rules.play(state, i), me, t, own, others * p, gains) for i, p in enumerate(now))
        values = [walk(rules.play(state, i), me, t, own * p, others, gains) for i, p in enumerate(now)]
        mean = sum(p * v for p, v in zip(now, values, strict=True))
        for i, v in enumerate(values):
            gains.setdefault(key, [0.0] * len(now))[i] += others * (v - mean)
        seen[key] = own
        return mean

    for t in range(1, iterations + 1):
        for me in range(rules.players):
            gains: dict[tuple[int, str], list[float]] = {}
            seen: dict[tuple[int, str], float] = {}
            walk(rules.root(), me, t, 1.0, 1.0, gains)
            for key, gain in gains.items():
                for i in range(len(gain)):
                    total[key][i] += (t if plus else 1) * seen[key] * sigma[key][i]
                    regret[key][i] += gain[i]
                    if plus:
                        regret[key][i] = max(regret[key][i], 0.0)
                positive = [max(r, 0.0) for r in regret[key]]
                norm = sum(positive)
                sigma[key] = [r / norm if norm > 0 else 1.0 / len(positive) for r in positive]
    return {
        key: [x / sum(row) for x in row] if sum(row) > 0 else [1.0 / len(row)] * len(row) for key, row in total.items()
    }


def to_profile(tree: Any, table: Any) -> Profile:
    """Return a strategy table [R, W] as a dictionary, with labels as `histories` gives them."""
    profile: Profile = {}
    for i, label in enumerate(tree.labels):
        p, lo, hi = int(tree.owner[i]), int(tree.first[i]), int(tree.first[i + 1])
        for w, hand in enumerate(tree.hands[p]):
            profile[p, f"{hand} {label}".strip()] = [float(x) for x in table[lo:hi, w]]
    return profile
