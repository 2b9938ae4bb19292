"""Telling how a run goes: a live picture on a terminal, else a line now and then."""

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from counterplay.engine.text import count, duration, printable, small
from counterplay.show.live import Display, display, plot
from counterplay.solvers.run import Check, Limits, Progress, Unit


def _power(exponent: int) -> str:
    return f"{10**exponent}" if 0 <= exponent <= 3 else f"1e{exponent}"


def exploitability_curve(trace: Sequence[Check], width: int, height: int, target: float | None = None) -> list[str]:
    """Return exploitability against iterations, both logarithmic, as `height` lines of Braille with axes.

    Points that are not positive are left out; fewer than two make no curve. A target is drawn as a dotted line.
    """
    points = [(c.iterations, c.exploitability) for c in trace if c.iterations > 0 and c.exploitability > 0]
    if len(points) < 2:
        return []
    xs, ys = np.log10(np.array(points, np.float64)).T
    goal = math.log10(target) if target else ys.min()
    bottom = math.floor(min(ys.min(), goal))
    top = max(math.ceil(ys.max()), bottom + 1)
    across, up = max(xs[-1] - xs[0], 1e-9), top - bottom
    every = math.ceil(up / max((height - 2) // 2, 1))
    return plot(
        (xs - xs[0]) / across,
        (ys - bottom) / up,
        width,
        height,
        [((e - xs[0]) / across, _power(e)) for e in range(math.ceil(xs[0]), math.floor(xs[-1]) + 1)],
        [((e - bottom) / up, _power(e)) for e in range(top, bottom - 1, -every)],
        (goal - bottom) / up if target else None,
    )


def _time_left(now: Progress, rate: float, target: float | None) -> float | None:
    """Return the seconds until an iteration limit or a target at `rate` iterations a second, if that can be told.

    A target is reached where the last stretch of the curve, straight in logarithms, would cross it.
    """
    left = []
    if now.limits.iterations is not None:
        left.append((now.limits.iterations - now.iterations) / rate)
    recent = [c for c in now.trace if c.exploitability > 0 and 4 * c.iterations >= now.iterations > 0]
    if target is not None and len(recent) >= 4:
        xs, ys = np.log(np.array([(c.iterations, c.exploitability) for c in recent])).T
        slope, level = np.polyfit(xs, ys, 1)
        crossing = (math.log(target) - level) / slope if slope < -0.05 else math.inf
        if crossing < 40:
            left.append(max(math.exp(crossing) - now.iterations, 0.0) / rate)
    return min(left, default=None)


class SolveWatch:
    """Tells standard error of one run; `name` is what is solved, `before` the seconds that it had run when resumed.

    With `gap` the target is one of another figure than exploitability, so it is neither drawn nor foreseen.
    """

    def __init__(self, name: str, before: float, gap: bool, live: Display | None):
        self.name, self.before, self.gap, self.live = printable(name), before, gap, live
        self.unit = Unit()
        self.since: Progress | None = None  # where the run was at first
        self.limits = Limits()
        self.drawn = self.began = time.perf_counter()
        self.next_line = (1, 1.0)  # iterations or seconds, whichever comes first

    def tree(self, nodes: int) -> None:
        """Tell that the game is being built."""
        built = f" ({nodes:,} nodes so far)" if nodes else ""
        if self.live is not None:
            self.live.line = f"building the game{built}"
        elif time.perf_counter() - self.began > self.next_line[1]:
            print(f"{self.name}: building the game{built}", file=sys.stderr, flush=True)
            self.next_line = (1, self.next_line[1] + 5.0)

    def size(self, text: str) -> None:
        """Tell what the run takes."""
        if self.live is not None:
            self.live.line = text
        else:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)

    def progress(self, now: Progress) -> None:
        """Tell how far the run is: at most ten times a second live, else at each power of ten or by the second."""
        self.since, self.limits, self.unit = self.since or now, now.limits, now.unit
        clock, seconds = time.perf_counter(), now.seconds - self.before
        if self.live is not None:
            if clock - self.drawn > 0.1:
                self.draw(now)
                self.drawn = clock
        elif (now.trace or now.note) and (now.iterations >= self.next_line[0] or seconds >= self.next_line[1]):
            print(f"{self.name}: {self.line(now)}", file=sys.stderr, flush=True)
            self.next_line = (10 * now.iterations, max(seconds + 1.0, 1.1 * seconds))

    def finish(self, iterations: int, seconds: float, trace: tuple[Check, ...]) -> None:
        """Leave the whole curve on the terminal."""
        self.draw(Progress(iterations, seconds, self.limits, trace, self.unit))

    def draw(self, now: Progress) -> None:
        """Change what the next refresh of the terminal shows."""
        if self.live is not None:
            target = None if self.gap or now.limits.target is None else now.limits.target * self.unit.scale
            trace = tuple(replace(c, exploitability=c.exploitability * self.unit.scale) for c in now.trace)
            self.live.line = self.line(now)
            self.live.curve = lambda width, height: exploitability_curve(trace, width, height, target)

    def line(self, now: Progress) -> str:
        """Return the figures of the run in one line."""
        parts = [f"exploitability {small(c.exploitability * self.unit.scale)}{self.unit.name}" for c in now.trace[-1:]]
        best = min(now.trace, key=lambda c: c.exploitability, default=None)
        if best is not None and now.iterations > max(4 * best.iterations, 1000):
            parts[0] += f", no better since iteration {best.iterations:,}"
        parts += [now.note] if now.note else []
        parts += [count(now.iterations, "iteration"), duration(now.seconds)]
        spent = now.seconds - self.since.seconds if self.since else 0.0
        if self.since and spent > 0.2 and now.iterations > self.since.iterations:
            rate = (now.iterations - self.since.iterations) / spent
            left = [_time_left(now, rate, None if self.gap else now.limits.target)]
            if now.limits.seconds is not None:
                left.append(now.limits.seconds - (now.seconds - self.before))
            soonest = min((x for x in left if x is not None), default=0.0)
            parts.append(f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.2g} a second")
            parts += [f"about {duration(soonest)} left"] if 1 < soonest < 1e7 else []
        return " · ".join(parts)


@contextmanager
def watching(name: str, before: float, gap: bool) -> Iterator[SolveWatch]:
    """Yield a watch over a run, live where standard error is a terminal; its last picture stays."""
    with display(f"Solving {name}") as live:
        yield SolveWatch(name, before, gap, live)
