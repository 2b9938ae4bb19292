"""Monte Carlo CFR on rules in plain Python, over a dictionary: slow, and for any game that can be played.

It does what `solvers.stepped` does, with the same random numbers, and is what the kernel is held against in tests. What
it learns it gives in the same records, by running numbers in place of keys.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.solvers import infosets
from counterplay.solvers.infosets import HEAD
from counterplay.solvers.plain_games import Game, Name, Numbers, Record, plain_winnings, played, shares
from counterplay.solvers.samplings import ALL, ONE, Sampling
from counterplay.solvers.stepped import rest_of, stride_of
from counterplay.solvers.winnings import Winnings

LONGEST = 10_000  # moves of a play


class Halted(Exception):
    """A walk was given up."""


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
        self.halt: Callable[[], bool] = lambda: False  # asked now and then: whether to give a walk up

    @property
    def infosets(self) -> int:
        """Return how many information sets were met."""
        return len(self.records)

    def advance(self, end: int, budget: int = 0) -> None:
        """Run one iteration, if fewer than so many are done.

        Where it is halted the iteration does not count, and what was told stays.
        """
        if self.iterations >= end:
            return
        try:
            for p in range(self.game.players) if self.hero < 0 else (self.hero,):
                self._value(self.game.root(), p, 1.0, 1.0, 0, (0,) * self.game.players)
        except Halted:
            return
        self.iterations += 1

    def settle(self, give_up: Callable[[], bool]) -> bool:
        """Do nothing: it stops after whole iterations alone, or gives up by itself."""
        return True

    def abandon(self) -> None:
        """Do nothing."""

    def winnings(self, deals: int, seed: int) -> Winnings:
        """Return what the average strategy earns against uniform play."""
        return plain_winnings(self.game, self.records, {}, deals, seed)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that a resumed run needs, by name."""
        here = np.array([self.iterations, self.visited], np.uint64)
        return {"arena": packed(self.records), "random": self.random.state.copy(), "here": here}

    def restore(
        self,
        state: dict[str, npt.NDArray[Any]],
        names: Sequence[Name],
        moves: Sequence[tuple[str, ...]],
        was_full: bool = False,
    ) -> None:
        """Go on from what `state` gave, with the names of its records; raises `ValueError` for what no run is.

        A run that was full still is, unless another information set as wide as the widest has room.
        """
        stride = stride_of(self.sampling, self.game.players)
        table = infosets.over(state["arena"], stride, self.game.players, max(map(len, moves), default=2))
        found = infosets.listed(table, stride)
        if found.key.tolist() != list(range(len(names))) or [*map(len, moves)] != found.moves.tolist():
            raise UserError("the saved run does not fit: its information sets are not those of its labels")
        for place, key, count, visits in zip(found.place, found.key, found.moves, found.visits, strict=True):
            values = table.values[place + HEAD : place + HEAD + count * stride].reshape(stride, count).tolist()
            record = Record(moves[key], values[0], values[1], values[2:], int(visits))
            self.records[names[key]] = record
            self.bytes += self._size(len(record.moves))
        self.full = was_full and self.bytes + self._size(max(map(len, moves), default=2)) > self.most
        saved = rest_of(state)
        self.random.state[:] = saved["random"]
        self.iterations, self.visited = map(int, saved["here"])

    def _size(self, moves: int) -> int:
        return 8 * (HEAD + moves * stride_of(self.sampling, self.game.players)) + PYTHON * (4 + moves)

    def _record(self, name: Name, moves: Sequence[str]) -> Record | None:
        """Return an information set's record; None where there is no room for a new one."""
        found = self.records.get(name)
        if found is not None:
            if found.moves != tuple(moves):
                raise UserError(f"an information set has different moves: player {name[0]} at {name[1]!r}")
            return found
        if len(moves) >= 2**16:
            raise UserError(
                f"player {name[0]} has {len(moves):,} moves at {name[1]!r}, and at most 65,535 are learned of"
            )
        size = self._size(len(moves))
        if self.bytes + size > self.most:
            self.full = True
            return None
        self.bytes += size
        zeros = [0.0] * len(moves)
        baseline = [[*zeros] for _ in range(self.game.players if self.sampling.rate else 0)]
        self.records[name] = Record(tuple(moves), [*zeros], [*zeros], baseline)
        return self.records[name]

    def _remembers(self, record: Record | None, name: Name, before: int) -> None:
        """Raise `ValueError` where an information set is reached in another way than before, for all its player did."""
        if record is None or record.before == before:
            return
        if record.before is not None:
            raise UserError(
                f"player {name[0]} forgets at {name[1]!r} what it did before: the game has imperfect recall"
            )
        record.before = before

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

    def _value(self, state: Any, p: int, other: float, drawn: float, depth: int, last: tuple[int, ...]) -> float:
        """Return the estimate of what a state is worth to the traverser, and tell what is met below.

        `last` are hashes of what each player saw and did last: its information set and action, with single moves since.
        """
        game, s, t = self.game, self.sampling, float(self.iterations + 1)
        while True:
            self.visited += 1
            depth += 1
            if self.visited % 1000 == 0 and self.halt():
                raise Halted
            if depth > LONGEST:
                raise UserError(f"a play of the game had not ended after {LONGEST:,} moves: it may never end")
            who = game.turn(state)
            if who == LEAF:
                return game.payoff(state, p)
            if who == CHANCE:
                state = game.play(state, game.draw(state, self.random))
                continue
            moves = game.moves(state)
            name = who, game.knows(state, who)
            if len(moves) == 1:
                last = _done(last, who, hash((last[who], name)))
                state = game.play(state, 0)
                continue
            if self.hero >= 0 and who != p:
                state = game.play(state, self.random.drawn(played(self.book.get(name), len(moves))))
                continue
            record = self._record(name, moves)
            self._remembers(record, name, last[who])
            sigma = shares(record.regret if record else [0.0] * len(moves))
            if who == p:
                chance = self._included(record, sigma)
                if self.hero >= 0 and record:
                    for a, x in enumerate(sigma):
                        record.total[a] += t**s.power * x
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
            last = _done(last, who, hash((name, chosen)))
            state = game.play(state, chosen)
        values, total = [0.0] * len(moves), 0.0
        for a, q in enumerate(chance):
            if q > 0.0:
                further = (1.0 if who == p else sigma[a]) if s.others_all else 1.0
                after = drawn * q if who == p else drawn
                now = _done(last, who, hash((name, a)))
                values[a] = self._value(game.play(state, a), p, other * further, after, depth, now)
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


def _done(last: tuple[int, ...], player: int, what: int) -> tuple[int, ...]:
    """Return what players did last, once one has done something."""
    return (*last[:player], what, *last[player + 1 :])


PYTHON = 110  # bytes that a number of a record takes here, about: it is an object, in a list, and has a label


def packed(records: dict[Name, Record]) -> npt.NDArray[np.uint64]:
    """Return records as those of a table, one after another, by running numbers."""
    parts: list[npt.NDArray[np.uint64]] = []
    for i, ((player, _), r) in enumerate(records.items()):
        head = np.array([i, player | len(r.moves) << 8 | min(r.visits, infosets.MOST_VISITS) << 24], np.uint64)
        values = np.array([*r.regret, *r.total, *(x for each in r.baseline for x in each)], np.float64)
        parts += [head, values.view(np.uint64)]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)
