"""Training blueprints, hold'em in an abstraction of its hands on sampled run-outs of the board; reading their files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api import blueprint_solution as solutions
from counterplay.api.blueprint_measuring import chain_for, entries_of, play_out, tables_of
from counterplay.api.blueprint_solution import FIRST, Blueprint, Point, unit_of
from counterplay.api.keeping import answered, keeper
from counterplay.api.kept_buckets import buckets_for
from counterplay.api.stepped import bytes_of
from counterplay.engine import arguments, schema
from counterplay.engine.compiling import clock
from counterplay.engine.errors import UserError
from counterplay.engine.mapping import copy
from counterplay.engine.store import pack
from counterplay.engine.streets import work_bytes
from counterplay.engine.system import available, cores, interrupts
from counterplay.engine.text import count, plus_minus, size
from counterplay.engine.writing import check_writable
from counterplay.games import GAMES
from counterplay.games.holdem import buckets as bucket_files
from counterplay.games.holdem.betting import STREETS
from counterplay.games.holdem.buckets import STRENGTH, Buckets, BucketTables, parse_spec
from counterplay.games.holdem.chain import Chain, twin
from counterplay.games.holdem.facts import stakes
from counterplay.games.holdem.spot import Spot, parse_spot
from counterplay.solvers.run import CHECKPOINT, Limits, Progress
from counterplay.solvers.streets import parts
from counterplay.solvers.streets.sampled import Training
from counterplay.solvers.winnings import Winnings

DEFAULT_SECONDS = 600.0
BYTES = 14  # an entry takes: regrets and averages in 32 bits, two snapshots in eight, and measuring 32 more
_SLICE = 0.5  # seconds between two looks around
_FIRST, _GROWTH = 4.0, 1.5  # seconds to the first point, and the factor from one to the next
_SHARE = 0.1  # of the time so far that a point's measuring may take
_LEAST, _MOST = 4, 1000  # run-outs of a point
_OLD = 4.0  # times the seconds of a snapshot after which the present strategy takes its place
_COSTLY = 20.0  # a checkpoint takes a twentieth of the time at most
_STATE = ("regret", "total", "random", "visits", "first")


def blueprint(
    game: Any = None,
    buckets: Any = None,
    *,
    iterations: int | None = None,
    time: float | str | None = None,
    seed: int = 0,
    threads: int | None = None,
    memory: int | str | None = None,
    resume: Blueprint | None = None,
    checkpoint: str | Path | None = None,
    on_size: Callable[[str], None] | None = None,
    on_buckets: Callable[[str, float], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Blueprint:
    """Train a blueprint of a hold'em spot: average strategies of an abstraction of its hands.

    `game` is a spot, or the path of its file; `buckets` are such as "strength:50" or "distribution:200,200,50", a file
    of them, or `Buckets`. It runs for a number of iterations or a time (seconds, or "30m"), ten minutes if neither is
    given, on `threads` (all cores). With one thread the result follows from the seed, and a resumed run is the very
    same as an unbroken one. `memory` is the most bytes that it may take ("4GB"; by default what is free).

    On the way it is told what the strategy earns against a snapshot of its own, in milli-big-blinds a game, with 95 %
    intervals; Ctrl-C ends the run and returns what there is. Raises `ValueError` for what does not fit.
    """
    arguments.whole("seed", seed, most=2**53)
    workers = cores() if threads is None else arguments.whole("threads", threads, 1, arguments.THREADS)
    limits = Limits(iterations, None, None if time is None else arguments.seconds(time))
    if iterations is None and time is None:
        limits = Limits(seconds=DEFAULT_SECONDS)
    for name, call in (("on_size", on_size), ("on_buckets", on_buckets), ("on_progress", on_progress)):
        if call is not None:
            arguments.function(name, call)
    if checkpoint is not None:
        check_writable(arguments.path("checkpoint", checkpoint))
    most = None if memory is None else bytes_of(memory)
    spot, found = _given(game, buckets, resume, seed, workers, most, on_buckets)
    if resume is not None:
        arguments.further(resume.iterations, limits.iterations)
        seed, workers = resume.seed, resume.threads if threads is None else workers
    run = _Run.start(spot, found, seed, workers, most, on_size)
    if resume is not None:
        run.restore(resume)
    return run.train(limits, resume, checkpoint, on_progress)


def _given(
    game: Any,
    buckets: Any,
    resume: Any,
    seed: int,
    threads: int,
    most: int | None,
    tell: Callable[[str, float], None] | None,
) -> tuple[Spot, Buckets]:
    """Return the spot and its buckets; raises `ValueError` where there are none, or they do not fit."""
    if resume is not None:
        if not isinstance(resume, Blueprint):
            raise UserError(f"resume takes a blueprint, not {type(resume).__name__}")
        if game is not None and GAMES.make(game) != resume.spot:
            raise UserError(f"the run to resume is of another spot, {resume.game}")
        if buckets is None:
            return resume.spot, resume.buckets
        found = _buckets(buckets, resume.spot, resume.buckets_seed, threads, most, tell)
        return resume.spot, resume.with_buckets(found).buckets
    if game is None or buckets is None:
        raise UserError(
            'a blueprint needs a hold\'em spot and buckets (--buckets), such as "strength:50" or '
            '"distribution:200,200,50"'
        )
    spot = GAMES.make(game)
    if not isinstance(spot, Spot):
        raise UserError(f"blueprints are of hold'em spots, and {game!r} is none")
    if spot.locks:
        raise UserError("a blueprint has no locks: its hands are in buckets, and what is locked are hands")
    if spot.betting.last == 0:
        raise UserError("a game that ends before the flop needs no buckets: solve it")
    return spot, _buckets(buckets, spot, seed, threads, most, tell)


def _buckets(
    given: Any, spot: Spot, seed: int, threads: int, most: int | None, tell: Callable[[str, float], None] | None
) -> Buckets:
    if isinstance(given, str) and not Path(given).is_file():
        spec = parse_spec(given, spot.betting.last)
        if (
            spec.kind != STRENGTH
        ):  # of expected strengths there may be fewer than were asked for; they are soon computed
            _admit(BYTES * entries_of(spot, spec), most)
        found = buckets_for(spot, given, seed, threads, tell=tell)
    elif isinstance(given, Buckets):
        found = given
    else:
        found = bucket_files.load(arguments.path("buckets", given))
    if (found.deck, found.last) != (spot.variant, spot.betting.last):
        ours, theirs = f"the {spot.variant} deck to the {STREETS[spot.betting.last]}", STREETS[found.last]
        raise UserError(f"the buckets are of the {found.deck} deck to the {theirs}, and the game is of {ours}")
    return found


def _admit(need: int, most: int | None) -> None:
    """Raise `ValueError` where a run takes more than `most` bytes, by default what is free."""
    free = available()
    if need > (free if most is None else most):
        may = f"{size(free)} are free" if most is None else f"{size(most)} are the most that it may take"
        raise UserError(f"the run needs {size(need)} of memory, and {may}: take fewer buckets, or fewer bet sizes")


@dataclass
class _Run:
    """A run under way."""

    spot: Spot
    buckets: Buckets
    seed: int
    tables: BucketTables
    chain: Chain
    training: Training
    first: npt.NDArray[np.uint8]  # the first snapshot, empty at first
    spare: int | None  # bytes that judging may take beside the tables, where that was said
    first_at: int = 0
    snapshot: npt.NDArray[np.uint8] | None = None
    snapshot_at: tuple[int, float] = (0, 0.0)  # its iterations and seconds
    points: tuple[Point, ...] = ()

    @classmethod
    def start(
        cls,
        spot: Spot,
        found: Buckets,
        seed: int,
        threads: int,
        most: int | None,
        on_size: Callable[[str], None] | None,
    ) -> "_Run":
        """Lay the chains out, and say what the run takes; raises `ValueError` where that does not fit."""
        tables = tables_of(found)
        chain = chain_for(spot, tables, tables)
        game = chain.laid.game
        cells = int(game.boards.columns.sum())
        each = sum(array.nbytes for array in game.boards) + work_bytes(game, 1)  # of a thread
        need = BYTES * game.entries + 8 * cells + threads * each + tables.of.nbytes
        if on_size is not None:
            on_size(
                f"{stakes(spot)}: {found.spec}, {count(cells, 'cell')} of both players, {game.entries:,} actions in "
                f"them, {size(need)} of memory, on {count(threads, 'thread')}"
            )
        _admit(need, most)
        spare = None if most is None else max(most - 8 * game.entries, 0)  # regrets and averages stay
        chains = [chain, *(twin(chain) for _ in range(threads - 1))]
        training = Training([(each.laid.game, each.dealer) for each in chains], seed)
        return cls(spot, found, seed, tables, twin(chain), training, np.zeros(0, np.uint8), spare)

    def restore(self, before: Blueprint) -> None:
        """Go on from a blueprint; raises `ValueError` where it does not fit."""
        state, training = before.state, self.training
        before.chain  # noqa: B018 (what does not fit is said there)
        if len(state["random"]) != len(training.random):
            raise UserError(
                f"the run to resume ran on {count(len(state['random']), 'thread')}: give as many, so that it goes on"
            )
        for name, array in training.state().items():
            copy(array, state[name])
        training.iterations = before.iterations
        self.first, self.first_at = np.array(state["first"]), before.first_at
        self.points = before.points

    def solution(self, reason: str, judged: bool = True, seconds: float = 0.0) -> Blueprint:
        """Return what the run has found so far; not `judged`, without what it is worth."""
        found = Blueprint(
            spot=self.spot,
            buckets_spec=self.buckets.spec,
            buckets_seed=self.buckets.seed,
            digest=self.buckets.digest,
            iterations=self.training.iterations,
            seconds=seconds,
            seed=self.seed,
            threads=len(self.training.chains),
            stopped_by=reason,
            points=self.points,
            first_at=self.first_at,
            winnings={},
            exploitability=None,
            values=(),
            bests=(),
            state={**self.training.state(), "first": self.first},
        )
        vars(found).update(buckets=self.buckets, tables=self.tables, chain=self.chain)
        return solutions.judged(found, self.spare) if judged else found

    def train(
        self,
        limits: Limits,
        resume: Blueprint | None,
        checkpoint: str | Path | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> Blueprint:
        """Iterate until a limit is reached or a signal comes; what is measured on the way changes nothing."""
        before = 0.0 if resume is None else resume.seconds
        training, began, rate, told, kept = self.training, clock(), 0.0, 0.0, 0.0
        wait, pause, note, reason = _FIRST, CHECKPOINT, "", ""

        def spent() -> float:
            return clock() - began

        keep = keeper(lambda: self.solution("checkpoint", False, before + spent()), checkpoint)
        with interrupts() as stop:
            while not reason:
                left = np.inf if limits.iterations is None else limits.iterations - training.iterations
                if left <= 0:
                    reason = "iterations"
                    break
                room = _SLICE if limits.seconds is None else min(_SLICE, max(limits.seconds - spent(), 0.0))
                many = int(max(1, min(left, room / rate if rate else 1, 1 << 20)))
                mark = clock()
                training.advance(many)
                rate = max((clock() - mark) / many, 1e-9)
                stop.arm()
                if stop():
                    reason = "interrupt"
                elif limits.seconds is not None and spent() >= limits.seconds:
                    reason = "time"
                if not reason and spent() - told >= wait:
                    note = self._point(before + spent())
                    wait, told = wait * _GROWTH, spent()
                if not reason and keep is not None and spent() - kept >= pause:
                    at = spent()
                    keep()
                    pause, kept = max(CHECKPOINT, _COSTLY * (spent() - at)), spent()
                if on_progress is not None:
                    on_progress(Progress(training.iterations, before + spent(), limits, (), note=note))
            seconds = before + spent()
            if reason == "interrupt" and keep is not None:
                keep()  # before it is judged, which takes long enough for who is to end it to lose patience
            solution = self.solution(reason, True, seconds)
        return answered(solution, checkpoint, stop)

    def _point(self, seconds: float) -> str:
        """Measure against the last snapshot, take a new one where it is old; return what there is to tell."""
        training, note = self.training, ""
        if self.snapshot is not None:
            since, _ = self.snapshot_at
            found = self._measured(self.snapshot, seconds)
            self.points = (*self.points, Point(training.iterations, seconds, since, found.mean, found.error))
            scale, name = unit_of(self.spot)
            note = f"{plus_minus(found.mean * scale, found.error * scale)} {name} against itself at iteration {since:,}"
        if self.snapshot is None or seconds > _OLD * self.snapshot_at[1]:
            self.snapshot = parts.pressed(self.chain.laid.game, training.tables.total)
            self.snapshot_at = training.iterations, seconds
            if not len(self.first):
                self.first, self.first_at = self.snapshot, training.iterations
        return note

    def _measured(self, snapshot: npt.NDArray[np.uint8], seconds: float) -> Winnings:
        """Return what the strategy earns against a snapshot, on as many run-outs as a part of the time allows."""
        ours, theirs = ((self.tables, self.chain, table) for table in (self.training.tables.total, snapshot))
        pairs, began = self.solution("", False).pairs, clock()
        play_out(self.spot, ours, theirs, pairs, _LEAST, 1)
        each = (clock() - began) / _LEAST
        return play_out(self.spot, ours, theirs, pairs, int(np.clip(_SHARE * seconds / each, _LEAST, _MOST)), 1)


def read(path: str | Path, arrays: dict[str, npt.NDArray[Any]], header: dict[str, Any]) -> Blueprint:
    """Return the blueprint in a file whose arrays and header were read; raises `ValueError` for one that is damaged.

    Whether its tables fit the spot and the buckets is seen when these are there (`Blueprint.chain`).
    """
    try:
        return _read(arrays, schema.convert(header, schema.BlueprintHeader, "the header"))
    except UserError as error:
        raise UserError(f"{path} is a blueprint's file with parts missing or damaged: {error}") from None


def _read(arrays: dict[str, npt.NDArray[Any]], header: schema.BlueprintHeader) -> Blueprint:
    of = "the file"
    schema.check_names(arrays, ("spot", *(f"state.{name}" for name in _STATE)), of)
    texts = schema.strings(arrays.get("spot", pack([])), "the spot")
    if len(texts) != 1:
        raise UserError("it is not of one spot")
    spot = parse_spot(texts[0])
    if spot.locks or spot.betting.last == 0:
        raise UserError("its spot is none that a blueprint is of")
    bucket_files.parse_spec(header.buckets, spot.betting.last)
    kinds = (np.float32, np.float32, np.uint64, np.uint64, np.uint8)
    state = {
        name: schema.part(arrays, f"state.{name}", kind, (None,), of) for name, kind in zip(_STATE, kinds, strict=True)
    }
    if not 1 <= len(state["random"]) <= arguments.THREADS or len(state["regret"]) != len(state["total"]):
        raise UserError("its tables and generators differ in number")
    if any(name not in (solutions.CALL, solutions.RAISE, FIRST) for name in header.winnings):
        raise UserError("it has winnings against somebody unknown")
    return Blueprint(
        spot=spot,
        buckets_spec=header.buckets,
        buckets_seed=header.buckets_seed,
        digest=header.digest,
        iterations=header.iterations,
        seconds=header.seconds,
        seed=header.seed,
        threads=len(state["random"]),
        stopped_by=header.stopped_by,
        points=tuple(Point(*point) for point in header.points),
        first_at=header.first_at,
        winnings={
            name: Winnings(tuple(x.seats), tuple(x.errors), x.mean, x.error, x.deals, x.known)
            for name, x in header.winnings.items()
        },
        exploitability=header.exploitability,
        values=tuple(header.values),
        bests=tuple(header.bests),
        state=state,
    )
