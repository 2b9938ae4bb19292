"""Games as they are played in plain Python: any rules, and stepped games too; what is learned of them, and earned."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from counterplay.engine import stepped
from counterplay.engine.deals import check_odds, check_payoffs
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, chance_of
from counterplay.solvers.winnings import ASKED, DEALS, FOUND, SEATS, SQUARES, SUM, Winnings, generators, told

Name = tuple[int, Hashable]  # a player, and what it knows


@dataclass
class Record:
    """What an information set was told."""

    moves: tuple[str, ...]
    regret: list[float]
    total: list[float]
    baseline: list[list[float]]  # a list for each traverser, where there are any
    visits: int = 0
    before: int | None = None  # a hash of what its player saw and did last before it, once a walk has been there

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


def played(record: Record | None, count: int) -> list[float]:
    """Return the average strategy at an information set of so many moves, uniform where there is no record.

    Raises `ValueError` where the record is of other rules.
    """
    if record is None:
        return [1.0 / count] * count
    if len(record.moves) != count:
        raise UserError(
            f"the rules have {count} moves where the solution has {', '.join(record.moves)}: it is of others"
        )
    return record.average()


def plain_winnings(
    game: Game,
    ours: Mapping[Name, Record],
    theirs: Mapping[Name, Record],
    deals: int,
    seed: int = 0,
    above: bool = False,
) -> Winnings:
    """Return the same in a game played in Python."""
    sums = np.zeros(SEATS + 2 * game.players)
    each, luck, random = generators(seed), Numbers(0), Numbers(0)

    def once(seat: int, receiver: int) -> float:
        luck.state[0], random.state[0] = each[0] * np.uint64(0xD1342543DE82EF95), each[0]
        state = game.root()
        while (who := game.turn(state)) != LEAF:
            if who == CHANCE:
                state = game.play(state, game.draw(state, luck))
                continue
            names = game.moves(state)
            known = who, game.knows(state, who)
            record = (ours if who == seat else theirs).get(known)
            if who == seat and len(names) > 1:
                sums[ASKED] += 1
                sums[FOUND] += record is not None
            if record is None and above:
                record = theirs.get(known)
            odds = played(record, len(names))
            state = game.play(state, random.drawn(odds) if len(names) > 1 else 0)
        return game.payoff(state, receiver)

    for _ in range(deals):
        with np.errstate(over="ignore"):
            each[0] += np.uint64(0x9E3779B97F4A7C15)
            got = [once(p, p) - (once(-1, p) if above else 0.0) for p in range(game.players)]
        sums[SEATS:] += [*got, *(x * x for x in got)]
        mean = sum(got) / len(got)
        sums[[DEALS, SUM, SQUARES]] += 1.0, mean, mean**2
    return told(sums)
