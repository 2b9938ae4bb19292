"""The loop around walks through games that are never laid out: when to stop, what to tell, and how to be interrupted.

Nothing is judged: such a game is too large. What is told on the way is how much of it was visited, and what the average
strategy earns against uniform play, from games played out; neither changes what a run computes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from counterplay.engine.compiling import clock
from counterplay.engine.system import interrupts
from counterplay.engine.text import count, size
from counterplay.solvers.run import CHECKPOINT, Limits, Progress
from counterplay.solvers.winnings import Winnings

GROWTH = 1.5  # seconds between two points of a curve grow by this factor
FIRST = 1.0  # second
DEALS = 2000  # played out for a point, in a tenth of a second or less
GRACE = 10.0  # seconds that the walk under way has to come to its end, once the run is to end
COSTLY = 20  # a checkpoint takes a twentieth of the time at most


@dataclass(frozen=True)
class Point:
    """How far a run was: what it had visited, and earned against uniform play."""

    iterations: int
    seconds: float
    visited: int
    infosets: int
    bytes: int
    earned: float  # on average over the seats
    error: float  # half of the 95 % interval


class Sampler(Protocol):
    """What the loop asks of whoever walks."""

    @property
    def iterations(self) -> int: ...
    @property
    def visited(self) -> int: ...
    @property
    def infosets(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def full(self) -> bool: ...
    def advance(self, end: int, budget: int = ...) -> None: ...
    def settle(self, give_up: Callable[[], bool]) -> bool: ...
    def winnings(self, deals: int, seed: int) -> Winnings: ...


def run(
    sampler: Sampler,
    limits: Limits,
    trace: tuple[Point, ...] = (),
    on_progress: Callable[[Progress], None] | None = None,
    on_checkpoint: Callable[[str, tuple[Point, ...]], None] | None = None,
    deals: int = DEALS,
) -> tuple[str, tuple[Point, ...]]:
    """Walk until a limit is reached, memory is full or a signal comes; return why the run ended, and its curve.

    A run ends between two iterations, so that it can go on to the bit; only where an iteration takes longer than
    `GRACE` is it given up. Seconds leave out compiling. `on_checkpoint` may save what there is, once a minute or less.
    """
    before = trace[-1].seconds if trace else 0.0
    began = clock()
    told = kept = 0.0  # seconds of this run
    wait, pause = FIRST, CHECKPOINT
    end = limits.iterations if limits.iterations is not None else 2**53
    late: float | None = None  # when the run is to be given up

    def spent() -> float:
        return clock() - began

    def progress() -> None:
        if on_progress is not None:
            note = told_of(sampler, trace[-1] if trace else None)
            on_progress(Progress(sampler.iterations, before + spent(), limits, (), note=note))

    def point() -> Point:
        earned = sampler.winnings(deals, 1)
        so_far = sampler.iterations, before + spent(), sampler.visited, sampler.infosets, sampler.bytes
        return Point(*so_far, earned.mean, earned.error)

    with interrupts() as stop:

        def over() -> str:
            if stop():
                return "interrupt"
            if sampler.full:
                return "memory"
            if sampler.iterations >= end:
                return "iterations"
            if getattr(sampler, "lost", False):
                return "lost"
            return "time" if limits.seconds is not None and spent() >= limits.seconds else ""

        def give_up() -> bool:
            nonlocal late
            if late is None and over():
                late = spent() + GRACE
            return late is not None and spent() >= late

        if hasattr(sampler, "halt"):
            sampler.halt = give_up
        reason = over()
        while not reason:
            sampler.advance(end)
            stop.arm()
            reason = over()
            if not reason and spent() - told >= wait:
                trace = (*trace, point())
                wait, told = wait * GROWTH, spent()
            if not reason and on_checkpoint is not None and spent() - kept >= pause:
                at = spent()
                sampler.settle(lambda at=at: spent() >= at + GRACE)  # type: ignore[misc]
                on_checkpoint("checkpoint", (*trace, point()))
                pause, kept = max(CHECKPOINT, COSTLY * (spent() - at)), spent()
            progress()
        sampler.settle(give_up)
        if not trace or trace[-1].iterations < sampler.iterations:
            trace = (*trace, point())
    return reason, trace


def told_of(sampler: Sampler, last: Point | None) -> str:
    """Return what was met by now, and what the strategy earned when that was last measured, in words."""
    met = f"{count(sampler.infosets, 'information set')}, {size(sampler.bytes)}"
    if last is None:
        return met
    earned = f"{last.earned:+.3g} ± {last.error:.2g} against uniform play"
    return f"{met} · {earned} at {count(last.iterations, 'iteration')}"
