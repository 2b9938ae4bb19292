"""Telling how a run trains: a live picture on a terminal, else a line now and then."""

import math
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from counterplay.agents.log import Row
from counterplay.engine.compiling import clock, say, telling
from counterplay.engine.text import count, duration, printable
from counterplay.show.live import Display, Ticks, display, plot
from counterplay.show.text import bar

if TYPE_CHECKING:  # torch is imported where a run is made
    from counterplay.agents.run import Run
    from counterplay.api.sweep_workers import SweepProgress


_MARKS, _SOON, _LATELY = 4, 5.0, 20.0  # rows and seconds before time left is told; how far back it looks, at least
_AGENTS = 4  # whose returns stand in a line


def curve(history: Sequence[Row], width: int, height: int) -> list[str]:
    """Return tests against steps, as `height` lines of Braille with axes; returns of play before two tests.

    Of tests their exploitability where it was measured, or their winnings, else their return.
    """
    for name in ("test_exploitability", "test_winnings", "test_return"):
        if tests := [(row["steps"], row[name]) for row in history if name in row]:
            break
    points = tests if len(tests) > 1 else [(row["steps"], row["return"]) for row in history]
    if len(points) < 2:
        return []
    x, y = np.array(points, np.float64).T
    low, high = float(y.min()), float(y.max())
    if high - low < 1e-9:
        low, high = low - 1, high + 1
    rows = max(height // 3, 2)
    return plot(
        (x - x[0]) / max(x[-1] - x[0], 1e-9),
        (y - low) / (high - low),
        width,
        height,
        ticks(float(x[0]), float(x[-1]), max(width // 16, 2)),
        ticks(low, high, rows),
    )


def ticks(low: float, high: float, count: int) -> Ticks:
    """Return about so many round numbers between two, and where they lie."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    every = power * min((1, 2, 5, 10), key=lambda k: abs(math.log(k * power / rough)))
    numbers = [k * every for k in range(math.ceil(low / every - 1e-9), math.floor(high / every + 1e-9) + 1)]
    return [((x - low) / (high - low), short(x)) for x in numbers]


def short(number: float) -> str:
    """Return a number in at most six characters, with k or M for thousands and millions."""
    for scale, unit in ((1e6, "M"), (1e3, "k")):
        if abs(number) >= scale:
            return f"{number / scale:.4g}{unit}"
    return f"{round(number, 9):.{4 if abs(number) >= 1 else 3}g}"


def line(run: "Run", row: Row, left: float | None = None) -> str:
    """Return the figures of a row, and the seconds that are left, in one line."""
    parts = [_returns(row, "return")]
    told = {"test_return": "test", "test_exploitability": "exploitability", "test_winnings": "winnings"}
    for name, spelled in told.items():
        tests = [past for past in run.history if name in past]
        parts += [_returns(past, name, spelled) for past in tests[-1:]]
    parts += [f"{name} {row[name]:.3g}" for name in ("loss", "epsilon") if name in row]
    parts.append(f"{run.steps:,} of {run.plan.steps:,} steps")
    parts.append(f"{row['steps_per_second']:,.0f} a second")
    if left is not None and left >= 1:
        parts.append(f"about {duration(left)} left")
    return " · ".join(parts)


def _returns(row: Row, name: str, spelled: str = "") -> str:
    """Return a row's return in words, or each agent's where they have their own."""
    own = [row[f"{name}_{n}"] for n in range(len(row)) if f"{name}_{n}" in row]
    if not own:
        return f"{spelled or name} {row[name]:.4g}"
    return f"{spelled or name}s {', '.join(f'{x:.4g}' for x in own[:_AGENTS])}{', ...' if len(own) > _AGENTS else ''}"


class Pace:
    """How fast something goes lately: not as it began, when kernels were compiled and replays filled."""

    def __init__(self) -> None:
        self.marks: deque[tuple[float, float]] = deque()

    def left(self, now: float, done: float, goal: float) -> float | None:
        """Note what is done by now; return the seconds that are left, or None before that can be said."""
        self.marks.append((now, done))
        first = self.marks[0][0]
        while len(self.marks) > _MARKS and now - self.marks[1][0] > max(_LATELY, (now - first) / 2):
            self.marks.popleft()
        then, had = self.marks[0]
        if len(self.marks) < _MARKS or now - then < _SOON or done <= had:
            return None
        return (goal - done) * (now - then) / (done - had)


class TrainWatch:
    """Tells standard error of one run."""

    def __init__(self, name: str, live: Display | None) -> None:
        self.name, self.live = printable(name), live
        self.pace, self.learning = Pace(), False
        self.told = False
        self.next_line = 0.0  # seconds of training

    def row(self, run: "Run", row: Row) -> None:
        """Tell of a new row."""
        if not self.told:
            from counterplay.show.run_pages import set_in  # which imports torch

            self.told = True
            self.say(f"{self.name}: settings: {set_in(run) or 'the defaults'}")
        if "loss" in row and not self.learning:  # what came before was faster
            self.pace, self.learning = Pace(), True
        left = self.pace.left(clock(), run.steps, run.plan.steps)
        text = line(run, row, left)
        if self.live is not None:
            self.live.line = text
            self.live.curve = lambda width, height: curve(run.history, width, height)
        elif run.seconds >= self.next_line or run.steps >= run.plan.steps:
            self.say(f"{self.name}: {text}")
            self.next_line = max(run.seconds + 1.0, 1.1 * run.seconds)

    def say(self, text: str) -> None:
        """Print a line, above the live picture if there is one."""
        if self.live is not None:
            self.live.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)


class SweepWatch:
    """Tells standard error of a sweep: a bar for each run at work, or a line for each that has ended."""

    def __init__(self, live: Display | None) -> None:
        self.live, self.pace = live, Pace()
        self.finished, self.whole = -1, False

    def progress(self, now: "SweepProgress") -> None:
        """Tell how far the sweep is."""
        done = now.finished + sum(steps / job.steps for job, steps in now.running.items())
        parts = [f"{now.finished} of {count(now.jobs, 'run')} finished"]
        left = self.pace.left(time.perf_counter(), done, now.jobs)
        if left is not None and done < now.jobs:
            parts.append(f"about {duration(left)} left")
        if self.live is not None:
            self.live.line = " · ".join(parts)
            names = [f"{job.variant}, seed {job.seed}" for job in now.running]
            bars = [
                _bar(f"{name:<{max(map(len, names))}}", steps / job.steps, now.tests.get(job))
                for name, (job, steps) in zip(names, now.running.items(), strict=True)
            ]
            self.live.curve = lambda width, height: bars[:height]
        elif now.finished > self.finished:
            print(f"sweep: {' · '.join(parts)}", file=sys.stderr, flush=True)
        self.finished, self.whole = now.finished, now.finished == now.jobs


def _bar(name: str, share: float, test: float | None) -> str:
    said = "" if test is None else f" · test {test:.4g}"
    return f"{name}  {bar(share, 20):<20} {100 * share:3.0f}%{said}"


@contextmanager
def watching_sweep() -> Iterator[SweepWatch]:
    """Yield a watch over a sweep, live where standard error is a terminal.

    What its runs tell of compiling stands above the picture, whose line always says how far they are.
    """
    with display("Sweeping") as live, telling(say if live is None else live.console.print):
        yield SweepWatch(live)


@contextmanager
def watching(name: str) -> Iterator[TrainWatch]:
    """Yield a watch over a run, live where standard error is a terminal; its last picture stays."""
    with display(f"Training {name}") as live:
        yield TrainWatch(name, live)
