"""A blueprint: average strategies of an abstraction of hold'em, what was visited, and what it is known to be worth.

Where all boards of the game can be laid out, as those of royal hold'em can, it is judged exactly in the whole game, by
best responses that see every hand as it is. Elsewhere there are intervals of what it earns against simple players and
against its own first snapshot.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.api.blueprint_measuring import (
    Bound,
    bounded,
    chain_for,
    play_out,
    tables_of,
    whole_run,
    whole_size,
)
from counterplay.api.blueprint_view import BlueprintView, view
from counterplay.api.export import as_csv, card, claims, version
from counterplay.api.kept_buckets import buckets_for
from counterplay.api.solution import BLUEPRINT, not_comparable
from counterplay.api.unchangeable import Unchangeable
from counterplay.engine import arguments, schema
from counterplay.engine.errors import UserError
from counterplay.engine.store import pack, write
from counterplay.engine.streets import Tables
from counterplay.engine.system import available, cores
from counterplay.engine.text import as_json, count, plus_minus
from counterplay.games.holdem.betting import seat
from counterplay.games.holdem.buckets import Buckets, BucketTables
from counterplay.games.holdem.chain import Chain, always, one_bucket
from counterplay.games.holdem.facts import stakes
from counterplay.games.holdem.spot import Spot, to_toml
from counterplay.solvers.streets import parts
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.sampled import vectors_of
from counterplay.solvers.value import Judgement
from counterplay.solvers.variants import VARIANTS
from counterplay.solvers.winnings import Winnings

_LEAST_OUTS, _MOST_OUTS = 40, 400  # run-outs that a blueprint is measured on
_VECTORS = 1.2e9  # entries of plans of one seat that measuring visits at most: half a minute of one core
_ALGORITHM = "mccfr-public"
CALL, RAISE, FIRST = "always call", "always raise", "first snapshot"


class Unit(NamedTuple):
    """How winnings and exploitabilities are told: chips times `scale`, with `name` behind."""

    scale: float
    name: str


def unit_of(spot: Spot) -> Unit:
    """Return milli-big-blinds a game where there are blinds, else per cent of the pot."""
    big = spot.betting.blinds[1]
    return Unit(1000 / float(big), "mbb/g") if big else Unit(100 / float(spot.pot), "% of pot")


@dataclass(frozen=True)
class Point:
    """How far a run was, and what it earned against a snapshot of its own: on average over the seats, in chips."""

    iterations: int
    seconds: float
    since: int  # iterations of the snapshot
    earned: float
    error: float  # half of the 95 % interval


class Measured(NamedTuple):
    """What a blueprint is worth as far as that can be known."""

    exact: Judgement | None  # in the whole game, where it fits
    winnings: Mapping[str, Winnings]  # against simple players, and the first snapshot, by name


@dataclass(frozen=True, eq=False, repr=False)
class Blueprint(Unchangeable):
    """Both players' average strategies in an abstraction of a hold'em spot.

    `judge()` says what it is worth, `against(other)` what it earns against another blueprint of the game, `view(line)`
    shows a decision, and `visits` how many hands each cell learned from. Two blueprints are equal if they are the same
    object.
    """

    spot: Spot
    buckets_spec: str
    buckets_seed: int
    digest: str  # of the buckets
    iterations: int
    seconds: float
    seed: int
    threads: int
    stopped_by: str
    points: tuple[Point, ...]
    first_at: int  # iterations of the first snapshot, 0 if there is none
    winnings: Mapping[str, Winnings]
    exploitability: float | None  # in chips, in the whole game
    values: tuple[float, ...]  # exact ones, or none
    bests: tuple[float, ...]
    state: Mapping[str, npt.NDArray[Any]] = field(repr=False)  # what a resumed run goes on from

    kind = BLUEPRINT
    algorithm = _ALGORITHM
    trace = ()

    @property
    def total(self) -> npt.NDArray[Any]:
        """Return the table of average strategies, [cells, actions] of each instance and player."""
        array = self.held["total"]
        return array if array.flags.writeable else array.copy()

    @property
    def game(self) -> str:
        """Return what the spot is called."""
        return self.spot.name

    @property
    def method(self) -> Any:
        """Return the algorithm, as other solutions have it."""
        from counterplay.solvers.run import Method

        return Method(_ALGORITHM)

    @property
    def value(self) -> tuple[float, ...]:
        """Return what each player earns if both play the blueprint, in chips: exact, or none where nobody can tell."""
        return self.values

    @property
    def best(self) -> tuple[float, ...]:
        """Return what each player's best response in the whole game would earn; none where nobody can tell."""
        return self.bests

    @property
    def nash_conv(self) -> float | None:
        """Return the sum over players of what each could gain in the whole game; None where nobody can tell."""
        return None if self.exploitability is None else 2 * self.exploitability

    @property
    def unit(self) -> Unit:
        """Return how chips are told."""
        return unit_of(self.spot)

    @property
    def figures(self) -> dict[str, Any]:
        """Return what there is to say in numbers."""
        scale, name = self.unit
        told = {} if self.exploitability is None else {f"exploitability ({name})": self.exploitability * scale}
        won = {
            f"winnings against {who} ({name})": [w.mean * scale, w.error * scale] for who, w in self.winnings.items()
        }
        visited, cells = self.visited
        return {"buckets": self.buckets_spec, "cells": cells, "cells_visited": visited, **told, **won}

    @cached_property
    def buckets(self) -> Buckets:
        """Return the buckets, from where they are kept or computed anew; raises `ValueError` if they are others."""
        found = buckets_for(self.spot, self.buckets_spec, self.buckets_seed, digest=self.digest)
        if found.digest != self.digest:
            raise UserError(
                f"the buckets {self.buckets_spec} computed here are not those that this blueprint of {self.game} was "
                "trained with"
            )
        return found

    def with_buckets(self, buckets: Buckets) -> "Blueprint":
        """Return the blueprint with its buckets at hand; raises `ValueError` for others."""
        if buckets.digest != self.digest:
            raise UserError(f"the blueprint was trained with other buckets: {self.buckets_spec}, {self.digest[:8]}")
        vars(self)["buckets"] = buckets
        return self

    @cached_property
    def tables(self) -> BucketTables:
        """Return the buckets as kernels take them."""
        return tables_of(self.buckets)

    @cached_property
    def chain(self) -> Chain:
        """Return a chain on which it plays in both seats; raises `ValueError` where its tables do not fit."""
        chain = chain_for(self.spot, self.tables, self.tables)
        game = chain.laid.game
        like = {"regret": np.broadcast_to(np.float32(0), (game.entries,))}
        like["total"] = like["regret"]
        schema.fit({name: self.state[name] for name in like}, like, "the blueprint")
        cells = int(game.boards.columns.sum())
        if len(self.state["visits"]) != cells or len(self.state["first"]) not in (0, game.entries):
            raise UserError("the blueprint does not fit: it has visits or a snapshot of other cells")
        if schema.least(self.total) < 0:
            raise UserError("the blueprint does not fit: its average strategies are negative")
        return chain

    @cached_property
    def pairs(self) -> float:
        """Return the sum of the weights of all pairs of hands that share no card."""
        none = np.zeros(0, np.float32)
        total = self.total
        game = self.chain.laid.game
        return SubgameCFR(game, self.spot.pot, VARIANTS["dcfr3"], kept=Tables(total, total, none, none)).deals

    @property
    def visited(self) -> tuple[int, int]:
        """Return how many cells learned from any hand, and how many there are, on all streets and of both players."""
        visits = self.state["visits"]
        return int(np.count_nonzero(visits)), len(visits)

    def visits(self, player: int | str, street: int) -> npt.NDArray[np.uint64]:
        """Return how many hands each cell of a player on a street learned from, u64 [cells].

        A cell learns at all decisions of the street from each hand that falls into it on a run-out.
        """
        p, columns = seat(player), self.chain.laid.game.boards.columns.astype(np.int64)
        level = arguments.whole("street", street) - int(self.chain.dealer.street[0])
        if p is None or not 0 <= level < len(columns):
            raise UserError("visits are of a player, oop or ip, on a street of the blueprint: 1 is the flop")
        ends = np.cumsum(columns.ravel()).reshape(-1, 2)
        end = int(ends[level, p])
        found: npt.NDArray[np.uint64] = self.state["visits"][end - int(columns[level, p]) : end]
        return found

    def _opponents(self) -> dict[str, tuple[BucketTables, Callable[[Chain], npt.NDArray[Any]]]]:
        """Return who a blueprint is measured against: buckets, and strategies on a chain of them."""
        simple = one_bucket(self.tables)
        found: dict[str, tuple[BucketTables, Callable[[Chain], npt.NDArray[Any]]]] = {
            CALL: (simple, lambda chain: parts.simple(chain.laid.game, always(chain.laid, False))),
            RAISE: (simple, lambda chain: parts.simple(chain.laid.game, always(chain.laid, True))),
        }
        if len(self.state["first"]) and self.first_at < self.iterations:
            found[FIRST] = (self.tables, lambda chain: self.held["first"])
        return found

    @property
    def run_outs(self) -> int:
        """Return how many run-outs it is measured on unless told otherwise: fewer in larger games, 40 to 400."""
        return int(np.clip(_VECTORS / vectors_of(self.chain.laid.game), _LEAST_OUTS, _MOST_OUTS))

    def measured(self, run_outs: int | None = None, seed: int = 1) -> dict[str, Winnings]:
        """Return what the blueprint earns against simple players and its first snapshot, on run-outs of the board."""
        many = self.run_outs if run_outs is None else arguments.whole("run_outs", run_outs, 2)
        return {
            name: self._against(tables, strategy, many, seed) for name, (tables, strategy) in self._opponents().items()
        }

    def _against(
        self, tables: BucketTables, strategy: Callable[[Chain], npt.NDArray[Any]], run_outs: int, seed: int
    ) -> Winnings:
        arguments.whole("seed", seed)
        other = chain_for(self.spot, tables, tables)
        return play_out(self.spot, (self.tables, self.chain, self.total), (tables, other, strategy(other)),
                        self.pairs, run_outs, seed)  # fmt: skip

    def against(self, other: "Blueprint", run_outs: int | None = None, seed: int = 2) -> Winnings:
        """Return what the blueprint earns against another one of the same spot, in chips, each in both seats.

        The other may be of other buckets. Raises `ValueError` if the spots differ.
        """
        if not hasattr(other, "game"):
            raise UserError(f"against takes a solution, as blueprint and load return it, not {type(other).__name__}")
        if not isinstance(other, Blueprint) or other.spot != self.spot:
            raise not_comparable(self, other)
        many = self.run_outs if run_outs is None else arguments.whole("run_outs", run_outs, 2)
        return self._against(other.tables, lambda chain: other.total, many, seed)

    def exploitability_at_least(self, seconds: float = 30.0, *, seed: int = 11) -> Bound:
        """Return a lower bound on exploitability: what local best responses win, on run-outs for so many seconds.

        They see every hand as it is, and choose as if both players only called from there on (Lisy and Bowling 2017).
        The bound is the lower end of a 95 % interval, 0 at the least.
        """
        arguments.number("seconds", seconds, above=0)
        return bounded(self.spot, self.chain, self.total, self.pairs, seconds, arguments.whole("seed", seed))

    def fits_whole(self, memory: int | None = None) -> bool:
        """Tell whether all boards of the game can be laid out, in half of what is free or in `memory` bytes."""
        return whole_size(self.spot) <= (available() // 2 if memory is None else min(memory, available()))

    def exact(self, threads: int | None = None, memory: int | None = None) -> Judgement | None:
        """Judge the blueprint in the whole game, where best responses see all hands; None where that does not fit.

        All boards of the game are laid out for it (`fits_whole`).
        """
        many = cores() if threads is None else arguments.whole("threads", threads, 1, arguments.THREADS)
        if not self.fits_whole(memory):
            return None
        run = whole_run(self.spot, self.chain, self.total, many)
        return run.judge()

    def judge(self, run_outs: int | None = None, seed: int = 1, memory: int | None = None) -> Measured:
        """Measure the blueprint: exactly where the whole game fits, and against simple players and its first snapshot.

        Values and winnings are in chips; `memory` is as for `exact`.
        """
        if run_outs is not None:
            arguments.whole("run_outs", run_outs, 2)
        arguments.whole("seed", seed)
        return Measured(self.exact(memory=memory), self.measured(run_outs, seed))

    def view(self, line: str = "") -> BlueprintView:
        """Return the decision that a line such as "call check [Ks 9d 4c] check" leads to.

        Raises `ValueError` for what is not possible.
        """
        return view(self, line)

    def at(self, line: str = "", hand: str | None = None) -> Any:
        """Return the view of a decision, or what is done there with a hand: a dictionary from action to probability."""
        found = self.view(line)
        return found if hand is None else found.of(hand)

    def rows(self, line: str = "", player: int | str | None = None) -> list[dict[str, Any]]:
        """Return the combos of a player, or of who acts, at a decision, as `pandas.DataFrame` takes them."""
        found = self.view(line).rows(player)
        return [row | odds for row in found for odds in [row.pop("strategy", {})]]

    def export(self, to: str = "csv", *, line: str | None = None, player: int | str | None = None) -> str:
        """Return a decision's combos as text, "csv" or "json": weight, reach, visits and strategy."""
        if to == "csv":
            rows = self.rows(line or "", player)
            return as_csv(rows, tuple(rows[0]) if rows else ())
        if to != "json":
            raise UserError(f"solutions are exported to csv or json, not to {to!r}")
        found = self.view(line or "")
        return as_json({**claims(self), **found.summary(), "combos": found.rows(player)}, indent=1) + "\n"

    def facts(self) -> list[tuple[str, str]]:
        """Return what there is to say of the blueprint in a few lines."""
        scale, name = self.unit
        visited, cells = self.visited
        exact = [] if self.exploitability is None else [("exploitability", f"{self.exploitability * scale:.4g} {name}")]
        won = [(who, f"{plus_minus(w.mean * scale, w.error * scale)} {name}") for who, w in self.winnings.items()]
        return [
            ("blueprint", self.game),
            ("stakes", stakes(self.spot)),
            ("buckets", f"{self.buckets_spec}: {count(cells, 'cell')}, {visited / max(cells, 1):.1%} visited"),
            ("run", count(self.iterations, "iteration")),
            *exact,
            *won,
        ]

    def __repr__(self) -> str:
        return card(self.facts())

    def _repr_html_(self) -> str:
        return card(self.facts(), html=True)

    def save(self, path: str | Path) -> None:
        """Write the blueprint to one file, whole or not at all; its buckets are not in it, but their recipe is."""
        header = {
            "version": version(),
            "kind": BLUEPRINT,
            "game": self.game,
            "buckets": self.buckets_spec,
            "buckets_seed": self.buckets_seed,
            "digest": self.digest,
            "iterations": self.iterations,
            "seconds": self.seconds,
            "seed": self.seed,
            "stopped_by": self.stopped_by,
            "points": [tuple(asdict(point).values()) for point in self.points],
            "first_at": self.first_at,
            "winnings": {name: asdict(found) for name, found in self.winnings.items()},
            "exploitability": self.exploitability,
            "values": self.values,
            "bests": self.bests,
        }
        state = {f"state.{name}": array for name, array in self.state.items()}
        write(arguments.path("path", path), {"spot": pack([to_toml(self.spot)]), **state}, header)


def judged(found: Blueprint, memory: int | None = None) -> Blueprint:
    """Return a blueprint that says what it is worth; `memory` is as for `Blueprint.exact`."""
    measured = found.judge(memory=memory)
    exact = measured.exact
    given: dict[str, Any] = {"winnings": measured.winnings}
    if exact is not None:
        given |= {"exploitability": exact.exploitability, "values": exact.value, "bests": exact.best}
    known: dict[str, Any] = {name: vars(found)[name] for name in ("buckets", "tables", "chain") if name in vars(found)}
    told = replace(found, state=found.held, **given)
    vars(told).update(known)
    return told
