"""Monte Carlo CFR on rules in plain Python, over a dictionary: slow, and for any game that can be played.

It does what `solvers.stepped` does, with the same random numbers, and is what the kernel is held against in tests. What
it learns it gives in the same records, by running numbers in place of keys.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.engine import stepped
from counterplay.engine.deals import check_odds, check_payoffs
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, chance_of
from counterplay.solvers.infosets import HEAD
from counterplay.solvers.samplings import ALL, ONE, Sampling
from counterplay.solvers.stepped import stride_of

Name = tuple[int, Hashable]  # a player, and what it knows
LONGEST = 900  # moves of a play


@dataclass
class Record:
    """What an information set was told."""

    moves: tuple[str, ...]
    regret: list[float]
    total: list[float]
    baseline: list[list[float]]  # a list for each traverser, where there are any
    visits: int = 0

    def average(self) -> list[float]:
        """Return the average strategy."""
        return shares(self.total)


class Game(Protocol):
    """A game as this walker plays it."""

    players: int

    def root(self) -> Any: ...
    def turn(self, state: Any) -> int: ...
    def moves(self, state: Any) -> Sequence[str]: ...
    def draw(self, state: Any, random: "Numbers") -> int: ...
    def play(self, state: Any, move: int) -> Any: ...
    def payoff(self, state: Any, player: int) -> float: ...
    def knows(self, state: Any, player: int) -> Hashable: ...


class Numbers:
    """The random numbers of `engine.stepped`."""

    def __init__(self, seed: int):
        self.state = np.random.SeedSequence(seed).generate_state(1, np.uint64).astype(np.uint64)

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        with np.errstate(over="ignore"):
            return float(stepped.unit(self.state))

    def drawn(self, odds: Sequence[float]) -> int:
        """Return an index with these probabilities."""
        left, last = self.unit(), 0
        for i, p in enumerate(odds):
            if p > 0.0:
                last = i
                left -= p
                if left < 0.0:
                    return i
        return last


class OfRules:
    """Rules of histories, played."""

    def __init__(self, rules: Any):
        self.rules, self.players = rules, rules.players
        self.root, self.turn, self.moves, self.play, self.knows = (
            rules.root,
            rules.turn,
            rules.moves,
            rules.play,
            rules.sees,
        )
        self._chance = chance_of(rules)

    def draw(self, state: Any, random: Numbers) -> int:
        """Return a move of chance; raises `ValueError` where there are no probabilities."""
        odds = self._chance(state)
        check_odds(odds, lambda: f"chance at {state}", len(self.moves(state)))
        return random.drawn(odds)

    def payoff(self, state: Any, player: int) -> float:
        """Return what a player receives; raises `ValueError` for what nobody can."""
        values = self.rules.payoffs(state)
        check_payoffs(values, self.players)
        return float(values[player])


class OfSteps:
    """A stepped game, played in Python."""

    def __init__(self, game: Any):
        self.game, self.players = game, game.players

    def root(self) -> Any:
        """Return the first state."""
        state = np.zeros(self.game.words, np.int64)
        stepped.setup(self.game, state)
        return state

    def turn(self, state: Any) -> int:
        """Return who is next."""
        return stepped.turn(self.game, state)

    def moves(self, state: Any) -> Sequence[str]:
        """Return as many names as there are moves."""
        return tuple(map(str, range(stepped.moves(self.game, state))))

    def draw(self, state: Any, random: Numbers) -> int:
        """Return a move of chance."""
        return stepped.draw(self.game, state, random.state)

    def play(self, state: Any, move: int) -> Any:
        """Return the state after a move."""
        after = state.copy()
        stepped.play(self.game, after, move)
        return after

    def payoff(self, state: Any, player: int) -> float:
        """Return what a player receives."""
        return stepped.payoff(self.game, state, player)

    def knows(self, state: Any, player: int) -> int:
        """Return the key."""
        return int(stepped.key(self.game, state))


def shares(values: Sequence[float]) -> list[float]:
    """Return numbers, where they are positive, as shares of their sum; uniform where none is."""
    positive = [max(x, 0.0) for x in values]
    norm = 0.0
    for x in positive:
        norm += x
    return [x / norm if norm > 0.0 else 1.0 / len(values) for x in positive]


class PlainWalker:
    """A run of one sampling over a dictionary; of at most `most` bytes, as records count them."""

    def __init__(
        self,
        game: Game,
        sampling: Sampling,
        seed: int,
        most: float = np.inf,
        book: "dict[Name, Record] | None" = None,
        hero: int = -1,
    ):
        self.game, self.sampling, self.random, self.most = game, sampling, Numbers(seed), most
        self.records: dict[Name, Record] = {}
        self.book, self.hero = book or {}, hero
        self.iterations = self.visited = self.bytes = 0
        self.full = False

    def advance(self, end: int, budget: int = 0) -> None:
        """Run one iteration, if fewer than so many are done."""
        if self.iterations >= end:
            return
        for p in range(self.game.players) if self.hero < 0 else (self.hero,):
            self._value(self.game.root(), p, 1.0, 1.0, 0)
        self.iterations += 1

    def _record(self, name: Name, moves: Sequence[str]) -> Record | None:
        """Return an information set's record; None where there is no room for a new one."""
        found = self.records.get(name)
        if found is not None:
            if found.moves != tuple(moves):
                raise UserError(f"an information set has different moves: player {name[0]} at {name[1]!r}")
            return found
        size = 8 * (HEAD + len(moves) * stride_of(self.sampling, self.game.players)) + PYTHON * (4 + len(moves))
        if self.bytes + size > self.most:
            self.full = True
            return None
        self.bytes += size
        zeros = [0.0] * len(moves)
        baseline = [[*zeros] for _ in range(self.game.players if self.sampling.rate else 0)]
        self.records[name] = Record(tuple(moves), [*zeros], [*zeros], baseline)
        return self.records[name]

    def _included(self, record: Record | None, sigma: Sequence[float]) -> list[float]:
        """Return with what probability each of the traverser's actions is drawn; 0 for those not in the sample."""
        s, count = self.sampling, len(sigma)
        if s.traverser == ALL:
            return [1.0] * count
        if s.traverser == ONE:
            odds = [s.explore / count + (1.0 - s.explore) * x for x in sigma]
            chosen = self.random.drawn(odds)
            return [x if a == chosen else 0.0 for a, x in enumerate(odds)]
        totals = record.total if record else [0.0] * count
        mass = 0.0
        for x in totals:
            mass += x
        each = [min(max(s.explore, (s.bonus + s.threshold * x) / (s.bonus + mass)), 1.0) for x in totals]
        return [x if self.random.unit() < x else 0.0 for x in each]

    def _value(self, state: Any, p: int, other: float, drawn: float, depth: int) -> float:
        """Return the estimate of what a state is worth to the traverser, and tell what is met below."""
        game, s, t = self.game, self.sampling, float(self.iterations + 1)
        while True:
            self.visited += 1
            depth += 1
            if depth > LONGEST:
                raise UserError(f"a play of the game had not ended after {LONGEST:,} moves: it may never end")
            who = game.turn(state)
            if who == LEAF:
                return game.payoff(state, p)
            if who == CHANCE:
                state = game.play(state, game.draw(state, self.random))
                continue
            moves = game.moves(state)
            if len(moves) == 1:
                state = game.play(state, 0)
                continue
            name = who, game.knows(state, who)
            if self.hero >= 0 and who != p:
                known = self.book.get(name)
                odds = known.average() if known else [1.0 / len(moves)] * len(moves)
                state = game.play(state, self.random.drawn(odds))
                continue
            record = self._record(name, moves)
            sigma = shares(record.regret if record else [0.0] * len(moves))
            if who == p:
                chance = self._included(record, sigma)
                break
            if record:
                for a, x in enumerate(sigma):
                    record.total[a] += t**s.power * other / drawn * x
            if s.others_all:
                chance = [1.0] * len(moves)
                break
            chosen = self.random.drawn(sigma)
            if s.rate:
                chance = [x if a == chosen else 0.0 for a, x in enumerate(sigma)]
                break
            state = game.play(state, chosen)
        values, total = [0.0] * len(moves), 0.0
        for a, q in enumerate(chance):
            if q > 0.0:
                further = (1.0 if who == p else sigma[a]) if s.others_all else 1.0
                after = drawn * q if who == p else drawn
                values[a] = self._value(game.play(state, a), p, other * further, after, depth)
        for a, q in enumerate(chance):
            b = record.baseline[p][a] if record and s.rate else 0.0
            if q > 0.0:
                if record and s.rate:
                    record.baseline[p][a] = b + s.rate * (values[a] - b)
                values[a] = b + (values[a] - b) / q
            else:
                values[a] = b
            total += sigma[a] * values[a]
        if who == p and record:
            for a in range(len(moves)):
                record.regret[a] += other / drawn * t**s.weight * (values[a] - total)
            record.visits += 1
        return total


PYTHON = 110  # bytes that a number of a record takes here, about: it is an object, in a list, and has a label


def packed(records: dict[Name, Record]) -> npt.NDArray[np.uint64]:
    """Return records as those of a table, one after another, by running numbers."""
    parts: list[npt.NDArray[np.uint64]] = []
    for i, ((player, _), r) in enumerate(records.items()):
        head = np.array([i, player | len(r.moves) << 8 | r.visits << 24], np.uint64)
        values = np.array([*r.regret, *r.total, *(x for each in r.baseline for x in each)], np.float64)
        parts += [head, values.view(np.uint64)]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)
