"""Several processes that walk one game into one table in shared memory.

Each takes every N-th iteration, and all read and write the same numbers without locks (as F. Niu et al., "Hogwild!",
NIPS 2011): that two add to one number at once is rare, and loses one of the two. New information sets are entered by
one atomic step (`solvers.infosets`). So a run with several processes is not reproducible. They are forked once kernels
are compiled, end with the process that began them, and leave Ctrl-C to it.
"""

import ctypes
import mmap
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.solvers import infosets
from counterplay.solvers.samplings import Sampling
from counterplay.solvers.stepped import ITERATION, VISITED, Walker, scratch
from counterplay.solvers.winnings import Winnings

_RUN, _REST, _GIVE_UP, _PAUSE, _END = range(5)  # commands; who pauses may be in the middle of a walk
_EACH_COMMAND = 8
_COMMAND, _LIMIT, _FIRST = 0, 1, 2  # in the control numbers; then of each process:
_RESTS, _AT, _SEEN, _EACH = 0, 1, 2, 3
_PAGE = 4096
_BUDGET = 1 << 16  # states between two looks at the commands
_PATIENCE = 0.5  # seconds; 10 of these and one for each process are what giving up may take
_LOOK = 0.05  # seconds between two looks of the parent
_DIES_WITH_PARENT = 1  # of Linux's prctl


def _shared(size: int) -> mmap.mmap:
    """Return so many bytes that processes share; raises `ValueError` where the system does not have them."""
    try:
        return mmap.mmap(-1, size)
    except OSError:
        raise UserError(f"the system does not give {size:,} bytes to one process: take less with --memory") from None


class Crew:
    """A run of one sampling by several processes; it has what `stepped_run.Sampler` asks for."""

    def __init__(self, game: Any, sampling: Sampling, seed: int, most: int, processes: int):
        if not hasattr(os, "fork"):
            raise UserError("several processes share memory on Linux and macOS alone: leave --processes out")
        self.game, self.sampling, self.seed, self.count = game, sampling, seed, processes
        most -= most % 8
        self.table = infosets.empty(most, _shared(most))
        self.control: npt.NDArray[np.int64] = np.frombuffer(_shared(_PAGE * processes), np.int64)
        self.walker = Walker(game, sampling, seed, self.table)  # compiles the kernel
        self.began = self.visited_before = 0
        self.workers: list[Any] = []

    @property
    def iterations(self) -> int:
        """Return how many iterations are done."""
        done = [self._of(k, _AT) - self.began - k for k in range(self.count)] if self.workers else []
        return self.began + sum(max(each, 0) // self.count for each in done)

    @property
    def visited(self) -> int:
        """Return how many states were visited."""
        return self.visited_before + sum(self._of(k, _SEEN) for k in range(self.count))

    @property
    def infosets(self) -> int:
        """Return how many information sets were met."""
        return self.walker.infosets

    @property
    def bytes(self) -> int:
        """Return what they take."""
        return self.walker.bytes

    @property
    def full(self) -> bool:
        """Tell whether an information set found no room."""
        return self.walker.full

    def _tell(self, command: int) -> None:
        """Give a command; each has a number of its own, by which processes say that they rest at it."""
        word = int(self.control[_COMMAND])
        if word % _EACH_COMMAND != command:
            self.control[_COMMAND] = (word // _EACH_COMMAND + 1) * _EACH_COMMAND + command

    @property
    def lost(self) -> bool:
        """Tell whether a process has ended that should not have."""
        return not all(worker.is_alive() for worker in self.workers)

    def _of(self, k: int, number: int) -> int:
        return int(self.control[_FIRST + _EACH * k + number])

    def restore(self, state: dict[str, npt.NDArray[Any]], was_full: bool = False) -> None:
        """Go on from what `state` gave, as `Walker.restore`."""
        self.walker.restore(state, was_full)
        self.began, self.visited_before = self.walker.iterations, self.walker.visited

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that a run needs that goes on; its random numbers begin anew."""
        here = np.array([self.iterations, self.visited], np.uint64)
        random = np.random.SeedSequence(self.seed, spawn_key=(self.iterations,)).generate_state(1, np.uint64)
        state = self.walker.state()
        if self.lost:  # it may have been killed while it made a record
            state["arena"] = state["arena"][: infosets.repair(self.table, self.walker.stride)]
        return {**state, "here": here, "random": random.astype(np.uint64)}

    def winnings(self, deals: int, seed: int) -> Winnings:
        """Return what the average strategy earns against uniform play."""
        return self.walker.winnings(deals, seed)

    def advance(self, end: int, budget: int = 0) -> None:
        """Let the processes work for a moment."""
        self.control[_LIMIT] = end
        self._tell(_RUN)
        if not self.workers:
            self._start()
        time.sleep(_LOOK)
        if infosets.is_crowded(self.table):
            self._tell(_PAUSE)
            self._wait(self._end())
            if not self.lost:  # a record that a lost process was making may be half made
                infosets.enlarge(self.table, self.walker.stride)
            self._tell(_RUN)

    def settle(self, give_up: Callable[[], bool]) -> bool:
        """Let walks come to their ends, or give them up; return whether all have come there."""
        self._tell(_REST)
        while self._busy():
            if give_up():
                self._tell(_GIVE_UP)
                self._wait(self._end())
                return False
            time.sleep(_LOOK / 10)
        return True

    def _busy(self) -> list[Any]:
        """Return the processes that do not rest yet at the last command."""
        word = int(self.control[_COMMAND])
        return [w for k, w in enumerate(self.workers) if self._of(k, _RESTS) != word and w.is_alive()]

    def _end(self) -> float:
        """Return up to when processes are waited for that are to rest at once."""
        return time.monotonic() + _PATIENCE * (10 + self.count)

    def _wait(self, end: float) -> None:
        """Wait until all processes rest; one that does not by then, such as one stopped from outside, is ended."""
        while busy := self._busy():
            if time.monotonic() > end:
                for worker in busy:
                    worker.kill()
                    worker.join()
            time.sleep(_LOOK / 10)

    def _start(self) -> None:
        context: Any = multiprocessing.get_context("fork")
        for k in range(self.count):
            self.control[_FIRST + _EACH * k + _AT] = self.began + k
            worker = context.Process(target=self._work, args=(k, os.getpid()), daemon=True)
            try:
                worker.start()
            except OSError as error:
                raise UserError(
                    f"the system does not start {self.count} processes ({error.strerror or error}): "
                    "take fewer with --processes"
                ) from None
            self.workers.append(worker)

    def close(self) -> None:
        """End the processes."""
        self._tell(_END)
        for worker in self.workers:
            worker.join(1.0)
            if worker.is_alive():
                worker.kill()
                worker.join()

    def _work(self, k: int, parent: int) -> None:
        """Walk as one of the processes."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to all, and the parent answers it
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
        walker = self.walker
        walker.scratch = scratch(self.game, self.seed, k + self.count * self.began, self.count)
        walker.scratch.here[ITERATION] = self.began + k
        mine = self.control[_FIRST + _EACH * k : _FIRST + _EACH * (k + 1)]
        while os.getppid() == parent:
            word, limit = int(self.control[_COMMAND]), int(self.control[_LIMIT])
            command = word % _EACH_COMMAND
            if command == _END:
                return
            if command == _GIVE_UP:
                walker.abandon()
            ended = command != _RUN or walker.iterations >= limit or walker.full
            resting = command == _PAUSE or (walker.between and ended)
            mine[_RESTS] = word if resting else -1
            if resting:
                time.sleep(_LOOK / 10)
                continue
            walker.advance(limit if command == _RUN else walker.iterations + 1, _BUDGET)
            mine[_AT], mine[_SEEN] = walker.iterations, walker.scratch.here[VISITED]
