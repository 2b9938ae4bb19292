"""Rivers that differ in their boards alone, solved many at a time in one process: chunks of them, on all threads.

Layouts, templates and kernels are shared (`games.holdem.full_boards`, `solvers.streets.many`). Some boards of many are
solved first, the same ones whatever is left to do, and the others begin with what was learned on them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from counterplay.api.spots import SpotSolution, chips, method_of
from counterplay.engine.streets import Tables, new_tables
from counterplay.games.holdem.full_boards import FullBoards, lay_full
from counterplay.games.holdem.spot import Spot
from counterplay.games.holdem.trees import children
from counterplay.solvers.run import Check
from counterplay.solvers.streets.many import HEAD, MOST, Crew, Habits, Runs, habits_of, plan_of
from counterplay.solvers.variants import VARIANTS

PILOTS, FEW = 8, 32  # boards that others learn from, and fewer than which are solved one after another
_CHUNK, _TABLES, _SECONDS = 256, 64 * 2**20, 0.25  # boards at a time, bytes of their tables, and seconds, at most
_STEP = 0.1  # seconds between two looks at the signal to stop


class River(NamedTuple):
    """A river that was solved, and what a batch tells of it."""

    solution: SpotSolution
    equity: float  # of OOP
    actions: Callable[[], dict[str, float]]  # how often OOP takes each of its first ones


class _Chunk(NamedTuple):
    spots: Sequence[Spot]
    laid: FullBoards
    tables: Tables
    runs: Runs
    futures: Sequence["Future[None]"]
    head: int  # iterations that habits were worth


def together(spot: Spot, many: int, iterations: int | None, compress: bool = False) -> bool:
    """Tell whether so many boards of a spot are solved so: of one street's betting, without locks, and not few."""
    last = len(spot.board) == spot.deck.board[spot.betting.last]
    return many >= FEW and last and not spot.locks and not compress and (iterations is None or iterations <= MOST)


class Rivers:
    """A spot's betting and ranges on many boards, and the threads that solve them."""

    def __init__(
        self,
        spot: Spot,
        boards: Sequence[tuple[int, ...]],
        algorithm: str,
        iterations: int | None,
        target: float | str | None,
        threads: int,
    ):
        self.spot, self.method, self.iterations = spot, method_of(algorithm, iterations), iterations
        self.goal = None if target is None else 2 * chips(target, spot.middle)
        self.pilots = boards[:PILOTS] if algorithm == "auto" and iterations is None else ()
        self.crew, self.size = Crew(threads), 4 * threads
        self.habits: Habits | None = None

    def solve(self, spots: Iterable[Spot], stop: Callable[[], Any]) -> Iterator[list[River | None]]:
        """Yield what becomes of the spot on other boards, in order, some at a time; once `stop` says so no more.

        None stands for one that was not at its goal in time.
        """
        if self.pilots:
            pilots, self.pilots = self._launch((), self.pilots), ()
            if not self._done(pilots, stop):
                return
            self.habits = habits_of(pilots.laid.game, pilots.tables, np.flatnonzero(pilots.runs.iterations))
        left, running, before = iter(spots), list[_Chunk](), time.monotonic()
        while True:
            while len(running) < 2:  # one is worked on while the next is laid out and the last one told
                some = list(islice(left, self.size))
                if not some:
                    break
                running.append(self._launch(some, [each.board for each in some]))
            if not running:
                return
            chunk = running.pop(0)
            if not self._done(chunk, stop):
                return
            seconds, before = time.monotonic() - before, time.monotonic()
            fits = _TABLES * len(chunk.spots) // (chunk.tables.total.nbytes + chunk.tables.regret.nbytes + 1)
            grown = int(len(chunk.spots) * min(_SECONDS / max(seconds, 1e-3), 2.0))
            self.size = max(self.crew.threads, min(grown, fits, _CHUNK))
            yield self._told(chunk, seconds)

    def close(self) -> None:
        """End what is at work."""
        self.crew.close()

    def _launch(self, spots: Sequence[Spot], boards: Sequence[tuple[int, ...]]) -> _Chunk:
        spot = self.spot
        laid = lay_full(spot.deck, boards, spot.whole, spot.trees, spot.betting.last, spot.betting, spot.rake)
        tables, began, method = new_tables(laid.game, False), self.habits is not None, self.method
        plan = plan_of(VARIANTS[method.algorithm], spot.pot, self.goal, self.iterations, method.horizon, began)
        runs, futures = self.crew.launch(laid.game, laid.starts, laid.deals, tables, plan, self.habits)
        return _Chunk(spots, laid, tables, runs, futures, HEAD if began else 0)

    def _done(self, chunk: _Chunk, stop: Callable[[], Any]) -> bool:
        """Wait for a chunk, and tell whether it came to its end."""
        while wait(chunk.futures, timeout=_STEP).not_done:
            if stop():
                self.crew.stop[0] = 1
        for future in chunk.futures:
            future.result()
        return not self.crew.stop[0]

    def _told(self, chunk: _Chunk, seconds: float) -> list[River | None]:
        """Return the rivers of a chunk that took so many seconds, which go to them by their iterations."""
        base = chunk.laid.game.instances.base.astype(np.int64).tolist()
        ends = [*base[1:], len(chunk.tables.total)]
        each = seconds / max(int(chunk.runs.iterations.sum()), 1)
        return [
            self._river(chunk, k, slice(base[k], ends[k]), each) if chunk.runs.iterations[k] else None
            for k in range(len(chunk.spots))
        ]

    def _river(self, chunk: _Chunk, k: int, part: slice, each: float) -> River:
        runs, none = chunk.runs, np.zeros(0, np.float32)
        done = int(runs.iterations[k])
        trace = [(int(n), float(gap)) for n, gap in runs.trace[k, : runs.checks[k]]]
        reached = self.goal is not None and trace[-1][1] <= self.goal
        solution = SpotSolution(
            spot=chunk.spots[k],
            method=self.method,
            iterations=chunk.head + done,
            seconds=done * each,
            stopped_by="target" if reached else "iterations",
            value=tuple(runs.value[k].tolist()),
            best=tuple(runs.best[k].tolist()),
            trace=tuple(Check(chunk.head + n, n * each, gap / 2) for n, gap in trace),
            state={
                "regret": chunk.tables.regret[part],
                "total": chunk.tables.total[part],
                "regret_scale": none,
                "total_scale": none,
            },
            threads=self.crew.threads,
        )
        opening = partial(self._opening, chunk.laid, k, solution.state["total"])
        return River(solution, float(chunk.laid.equity[k]), opening)

    def _opening(self, laid: FullBoards, k: int, total: Any) -> dict[str, float]:
        """Return how often OOP takes each of its first actions, given its average strategies on a board."""
        tree, templates = self.spot.tree(), laid.game.templates
        after = children(tree, 0)
        names = [tree.action[child] for child in after]
        if len(after) < 2:
            return dict.fromkeys(names, 1.0)
        row = int(laid.made.sequence[0][0][after[0], 0])
        d = int(np.flatnonzero(templates.first[: int(templates.decisions[0, 1])] == row)[0])
        n, start = int(laid.game.boards.lanes[k, 0]), int(laid.starts[k])
        masses = total[int(templates.offset[d]) * n :][: len(after) * n].reshape(len(after), n).astype(np.float64)
        sums = masses.sum(axis=0)
        odds = np.where(sums > 0, masses / np.where(sums > 0, sums, 1.0), 1 / len(after))
        own = slice(start, start + n)
        shares = laid.game.reach[0, own].astype(np.float64) * laid.met[own]
        return dict(zip(names, (odds @ shares / shares.sum()).tolist(), strict=True))
