"""The solution of a game that is walked and never laid out: what was visited, and what it earns in games played out.

Nobody can judge it as a whole: there is no exploitability, but intervals of what it earns, and a lower bound on
exploitability. Where the game does have a tree, `exact` judges it by that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.api.export import as_csv, card, claims, version
from counterplay.api.solution import STEPPED, Facts, not_comparable
from counterplay.api.stepped_books import Book, Met, PlainBook, StepsBook, most_visited
from counterplay.api.trees import named
from counterplay.engine import arguments
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import DealtRules, Rules, join_label
from counterplay.engine.size import estimate, refusal
from counterplay.engine.stepped import is_steppable
from counterplay.engine.store import pack, write
from counterplay.engine.strategy import uniform
from counterplay.engine.system import available
from counterplay.engine.text import as_json, count, payoff, size, small
from counterplay.engine.tree import compile_tree
from counterplay.show.text import check_player
from counterplay.solvers.run import Method
from counterplay.solvers.samplings import SAMPLINGS
from counterplay.solvers.stepped import stride_of
from counterplay.solvers.stepped_run import Point
from counterplay.solvers.value import Judgement, judge_table
from counterplay.solvers.winnings import Winnings

DEALS, PLAIN_DEALS = 20_000, 200  # played out for what a solution says
MOST = 1_000_000  # information sets that are exported at most
SMALL = 200_000  # nodes of a tree by which a solution is judged without being asked


class Measured(NamedTuple):
    """What games played out say, and the tree where there is a small one."""

    itself: Winnings  # in all seats
    uniform: Winnings  # against uniform play
    exact: Judgement | None


class Bound(NamedTuple):
    """A lower bound on exploitability, and the gain of responses that it is the lower end of."""

    exploitability_at_least: float
    gain: Winnings


@dataclass(frozen=True, eq=False, repr=False)
class SteppedSolution:
    """The solution of a game that is walked and never laid out.

    `at(label)` says what is done somewhere, `visits(label)` how often that was learned from; iterating gives every
    information set that was met. `winnings` is what the average strategy earns against uniform play, with a 95 %
    interval, `value` what it earns against itself. Two solutions are equal if they are the same object.
    """

    game: str
    method: Method
    players: int
    iterations: int
    seconds: float
    seed: int
    processes: int
    stopped_by: str
    itself: Winnings
    winnings: Winnings
    points: tuple[Point, ...]
    state: Mapping[str, npt.NDArray[Any]]  # what a resumed run goes on from
    names: tuple[tuple[int, str], ...] | None = None  # where rules are plain Python: of each record
    moves: tuple[tuple[str, ...], ...] = ()
    rules: Rules | DealtRules | None = field(default=None)  # of a game that has no spec

    kind = STEPPED
    trace = ()  # nothing was judged
    best = ()
    exploitability = None
    nash_conv = None

    @property
    def algorithm(self) -> str:
        """Return the name of the algorithm that ran."""
        return self.method.algorithm

    @property
    def value(self) -> tuple[float, ...]:
        """Return what each player earns if all play the solution, estimated."""
        return self.itself.seats

    @property
    def figures(self) -> dict[str, Any]:
        """Return what there is to say in numbers."""
        last = self.points[-1] if self.points else None
        return {
            "value_error": list(self.itself.errors),
            "winnings_against_uniform": self.winnings.mean,
            "winnings_against_uniform_error": self.winnings.error,
            "information_sets": last.infosets if last else 0,
            "states_visited": last.visited if last else 0,
            "bytes": last.bytes if last else 0,
        }

    def made(self) -> Any:
        """Return the game's rules; raises `ValueError` for one's own game, which no file can make (`load(game=)`)."""
        if self.rules is not None:
            return self.rules
        made = named(self.game)
        if made.players != self.players or (self.names is None) != is_steppable(made):
            raise self._other()
        return made

    def _other(self) -> UserError:
        return UserError(f"the rules of {self.game} are not those that this solution was made for")

    @cached_property
    def book(self) -> Book:
        """Return what was learned, to look up and to play; raises `ValueError` where it does not fit the rules."""
        arena, stride = self.state["arena"], stride_of(SAMPLINGS[self.algorithm], self.players)
        if self.names is not None:
            return PlainBook(self.made, arena, stride, self.players, self.names, self.moves)
        return StepsBook(self.made(), arena, stride)

    def _met(self, where: tuple[str, ...], player: int | None) -> Met:
        if not where or not all(isinstance(part, str) for part in where):
            raise UserError("an information set is named by its label, or by a hand and what was seen: at('J', 'bet')")
        label = " ".join(" ".join(where).split())
        found, failed = [], None
        for p in range(self.players) if player is None else (arguments.player(player, self.players),):
            try:
                found.append(self.book.find(p, label))
            except UserError as error:
                failed = failed or error
        if not found:
            assert failed is not None
            raise failed
        if len(found) > 1:
            owners = " and ".join(str(met.player) for met in found)
            raise UserError(f"players {owners} both have an information set {label!r}: say whose, with player=")
        return found[0]

    def at(self, *where: str, player: int | None = None) -> dict[str, float]:
        """Return the probability of each action at an information set: uniform where it was never met.

        `where` is its label, as `sees` of the rules says it, behind the hand where there are hands. Raises `ValueError`
        for one that does not exist.
        """
        met = self._met(where, player)
        return dict(zip(met.actions, met.odds, strict=True))

    def visits(self, *where: str, player: int | None = None) -> int:
        """Return how often the run learned at an information set, named as for `at`; 0 where it was never met."""
        return self._met(where, player).visits

    def __getitem__(self, where: str | tuple[int, str]) -> dict[str, float]:
        """Return the probability of each action at a label, or at (player, label); raises `ValueError` as `at`."""
        if isinstance(where, tuple) and len(where) == 2:
            return self.at(where[1], player=where[0])
        return self.at(where)  # what is no label is refused there

    def __len__(self) -> int:
        """Return the number of information sets that were met."""
        return len(self.book.listed.key)

    def __iter__(self) -> Iterator[Met]:
        """Iterate over them in the order in which they were first met."""
        return (self.book.read(i) for i in range(len(self)))

    def most_visited(self, limit: int | None = None, player: int | None = None) -> Iterator[Met]:
        """Yield the information sets with the most visits first, at most so many."""
        return (self.book.read(i) for i in islice(most_visited(self.book, player), limit))

    def rows(self, limit: int | None = None, player: int | None = None) -> list[dict[str, Any]]:
        """Return a dictionary for each action of each information set, those with the most visits first.

        Raises `ValueError` where that is more than a million of them: give a limit, or a player.
        """
        return [
            {
                **{"player": met.player, "infoset": met.label, "action": action},
                **{"probability": odds, "visits": met.visits, "note": met.note},
            }
            for met in self._listed(limit, player)
            for action, odds in zip(met.actions, met.odds, strict=True)
        ]

    def _listed(self, limit: int | None, player: int | None) -> Iterator[Met]:
        """Return what is listed of the most visited; raises `ValueError` where that is more than a million."""
        limit = None if limit is None else arguments.whole("limit", limit, 0)
        found = self.book.listed
        many = len(found.key) if player is None else int(np.count_nonzero(found.player == player))
        if min(many, MOST + 1 if limit is None else limit) > MOST:
            raise UserError(
                f"the solution has {many:,} information sets, and at most {MOST:,} are listed: "
                "--limit N (in Python, limit=N) lists those with the most visits"
            )
        return self.most_visited(limit, player)

    def _played(self, deals: int | None, seed: int, times: int = 1) -> tuple[int, int]:
        """Return how many deals are played out, so often the usual number by default, and the seed."""
        usual = times * (DEALS if self.names is None else PLAIN_DEALS)
        return usual if deals is None else arguments.whole("deals", deals, 1), arguments.whole("seed", seed)

    def judge(self, deals: int | None = None, seed: int = 1) -> Measured:
        """Measure the strategy again, in games played out, and exactly if the game has a small tree."""
        deals, seed = self._played(deals, seed)
        itself, uniform = self.book.winnings(self.book, deals, seed), self.book.winnings(None, deals, seed)
        return Measured(itself, uniform, self.exact(SMALL))

    @property
    def has_small_tree(self) -> bool:
        """Tell whether `judge` also judges exactly."""
        return self._fits(self.made(), SMALL)

    def _fits(self, rules: Any, nodes: int | None) -> bool:
        found = estimate(rules)
        return refusal(found) is None and (nodes is None or found.nodes <= nodes)

    def exact(self, nodes: int | None = None) -> Judgement | None:
        """Judge the strategy exactly, by the game's tree: None where that does not fit, or has more nodes."""
        rules = self.made()
        if not self._fits(rules, nodes):
            return None
        tree = compile_tree(rules)
        table = uniform(tree)
        for i, (player, label) in enumerate(zip(tree.owner.tolist(), tree.labels, strict=True)):
            rows = slice(tree.first[i], tree.first[i + 1])
            if rows.stop - rows.start < 2:
                continue
            for lane, hand in enumerate(tree.hands[player]):
                try:
                    met = self.book.find(player, join_label(hand, label) if hand else label)
                except UserError:  # plain rules: never met
                    continue
                if len(met.odds) != rows.stop - rows.start:
                    raise self._other()
                table[rows, lane] = met.odds
        return judge_table(sequence_form(tree), table)

    def exploitability_at_least(
        self, seconds: float = 30.0, *, memory: int | None = None, deals: int | None = None, seed: int = 11
    ) -> "Bound":
        """Return a lower bound on exploitability: what responses gain that are trained for so many seconds.

        A response for each player learns against the fixed strategy by the run's own sampling, in as much memory (a
        quarter of what is free), and is then measured on fresh deals: the bound is the lower end of a 95 % interval,
        0 at the least. The longer responses are trained, the nearer it comes; how near, nobody knows.
        """
        arguments.number("seconds", seconds, above=0)
        deals, seed = self._played(deals, seed, 5)
        free = available()
        most = free // 4 if memory is None else arguments.whole("memory", memory, 100_000, free)
        sampling = SAMPLINGS[self.algorithm]
        gain = self.book.responded(sampling, seconds, most, deals, seed)
        return Bound(max(0.0, gain.mean - gain.error), gain)

    def against(self, other: "SteppedSolution", deals: int | None = None, seed: int = 2) -> Winnings:
        """Return what this strategy earns in each seat with the other in the rest, from games played out.

        Raises `ValueError` if the games differ.
        """
        if not isinstance(other, SteppedSolution) or other.game != self.game:
            raise not_comparable(self, other)
        if (self.names is None) != (other.names is None):
            raise UserError("one of the solutions was learned in plain Python, and the other in steps")
        return self.book.winnings(other.book, *self._played(deals, seed))

    def export(
        self,
        to: str = "csv",
        *,
        line: str | None = None,
        player: int | str | None = None,
        limit: int | None = None,
    ) -> str:
        """Return the strategy, or a player's, as text; "csv" has a line for each of `rows`, "json" an object a set.

        With a limit it is that of so many information sets, those with the most visits.
        """
        if line is not None:
            raise UserError(f"a line of play (--node) is for hold'em spots, and this solution is of {self.game}")
        if to not in ("csv", "json"):
            raise UserError(f"solutions are exported to csv or json, not to {to!r}")
        seat = check_player(player, self.players)
        if to == "csv":
            return as_csv(self.rows(limit, seat), ("player", "infoset", "action", "probability", "visits", "note"))
        sets = [
            {
                **{"player": met.player, "infoset": met.label, "visits": met.visits, "note": met.note},
                "strategy": dict(zip(met.actions, met.odds, strict=True)),
            }
            for met in self._listed(limit, seat)
        ]
        return as_json({**claims(self), "infosets": sets}, indent=1) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the solution to one file, whole or not at all."""
        header = {
            "version": version(),
            "kind": STEPPED,
            "game": self.game,
            "method": asdict(self.method),
            "iterations": self.iterations,
            "seconds": self.seconds,
            "seed": self.seed,
            "processes": self.processes,
            "stopped_by": self.stopped_by,
            "players": self.players,
            "plain": self.names is not None,
            "itself": asdict(self.itself),
            "winnings": asdict(self.winnings),
            "points": [tuple(asdict(point).values()) for point in self.points],
        }
        arrays = {f"state.{name}": array for name, array in self.state.items()}
        if self.names is not None:
            arrays["labels"] = pack([label for _, label in self.names])
            arrays["owner"] = np.array([player for player, _ in self.names], np.int8)
            arrays["actions"] = pack(self.moves)
        write(arguments.path("path", path), arrays, header)

    def facts(self) -> Facts:
        """Return what there is to say of the solution in a few lines."""
        last = self.points[-1] if self.points else None
        met = f"{count(last.infosets, 'information set')} met, {size(last.bytes)}" if last else "nothing met"
        return [
            ("game", f"{self.game}: {count(self.players, 'player')}, {met}"),
            ("algorithm", f"{self.algorithm}, {count(self.iterations, 'iteration')}"),
            ("value", ", ".join(map(payoff, self.value))),
            ("winnings", f"{payoff(self.winnings.mean)} ± {small(self.winnings.error)} against uniform play"),
        ]

    def __repr__(self) -> str:
        return card(self.facts())

    def _repr_html_(self) -> str:
        return card(self.facts(), html=True)
