"""What the machine gives a run and asks of it: free memory, cores, and the signals to stop."""

import os
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ENDS = signal.SIGTERM, signal.SIGHUP  # the end of a batch job; a terminal that closes
SIGNALS = (signal.SIGINT, *ENDS)  # and Ctrl-C


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available(root: Path = Path("/")) -> int:
    """Return the bytes of memory that this process may still take; `root` is where the system's files are.

    That is what the machine has free, and what the limits of the process's control groups leave of it.
    """
    return min([_of_machine(root), *_of_groups(root)])


def resident() -> int:
    """Return the bytes of memory that this process has taken so far; 0 where the system does not tell."""
    lines = _lines(Path("/proc/self/statm"))
    return int(lines[0].split()[1]) * os.sysconf("SC_PAGE_SIZE") if lines else 0


def _of_machine(root: Path) -> int:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _of_groups(root: Path) -> Iterator[int]:
    """Yield what the limits of the process's control groups leave (version 2 and 1), each group's and its parents'."""
    for line in _lines(root / "proc/self/cgroup"):
        _, kinds, group = line.split(":", 2)
        if kinds not in ("", "memory"):
            continue
        top = root / "sys/fs/cgroup" / kinds
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if kinds else ("memory.max", "memory.current")
        parts = [part for part in group.split("/") if part]
        for depth in range(len(parts), -1, -1):  # inside a container the group's own path may not be there, its top is
            folder = "/".join((str(top), *parts[:depth]))
            limit = _number(f"{folder}/{names[0]}")
            used = None if limit is None else _number(f"{folder}/{names[1]}")
            if limit is not None and used is not None:
                yield max(limit - used + _reclaimable(folder), 0)


def _reclaimable(folder: str) -> int:
    """Return the part of a group's use that is a cache of files and can be taken back at once."""
    lines = [line.split() for line in _lines(f"{folder}/memory.stat") if "inactive_file " in line]
    found = {words[0]: int(words[1]) for words in lines}
    return found.get("total_inactive_file", found.get("inactive_file", 0))


def _number(path: str) -> int | None:
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None  # "max" where there is no limit


def _lines(path: str | Path) -> list[str]:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read().decode().splitlines()
    except OSError:
        return []


class Stop:
    """The signal that is to end a run, once there was one; calling it tells whether there was."""

    def __init__(self) -> None:
        self.number = 0
        self._armed = False
        self._before: dict[int, Any] = {}  # handlers that ours took the place of
        self._answer: Any = None  # what the signal would have done

    def __call__(self) -> bool:
        return self.number != 0

    @property
    def code(self) -> int:
        """The exit code after the signal, 130 for SIGINT and 143 for SIGTERM, as shells say it; 0 without one."""
        return 128 + self.number if self.number else 0

    def arm(self) -> None:
        """Note the first signal from now on; the second does what it did before. Ignored signals stay ignored."""
        if self._armed or self.number or threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            if (before := signal.getsignal(number)) not in (None, signal.SIG_IGN):
                self._before[number] = before
                signal.signal(number, self._note)
        self._armed = True

    def _note(self, number: int, _: object) -> None:
        if self.number:  # `held` took us for the handler as we gave the signals back, and has put us there again
            signal.signal(number, self._before[number])
            signal.raise_signal(number)
            return
        self.number, self._answer = number, self._before[number]
        self.release()

    def release(self) -> None:
        """Give the signals back to those who had them."""
        if self._armed:
            self._armed = False
            for number, before in self._before.items():
                signal.signal(number, before)

    def unanswered(self, numbers: Collection[int] = SIGNALS) -> bool:
        """Tell, after the block, whether it was one of these signals, and nobody outside is to answer it."""
        return self.number in numbers and _stop is None

    def again(self, result: Any, numbers: Collection[int] = SIGNALS) -> None:
        """Do what the signal, if it was one of these, would have done; to be called once everything is saved.

        That is `KeyboardInterrupt` or `SystemExit`, whose `result` is what there is, or the script's own handler.
        Inside somebody else's `interrupts` it is theirs to do.
        """
        if not self.unanswered(numbers):
            return
        if self._answer not in (signal.default_int_handler, signal.SIG_DFL):
            signal.raise_signal(self.number)
            return
        interrupt = self._answer is signal.default_int_handler  # no kind of its own: Python asks for this very one
        ended = KeyboardInterrupt() if interrupt else SystemExit(self.code)
        vars(ended)["result"] = result
        raise ended


_stop: Stop | None = None  # the outermost one of the main thread


@contextmanager
def interrupts() -> Iterator[Stop]:
    """Yield a `Stop` that, once armed, notes the first signal to stop, until the end of the block.

    So a run ends between two of its steps, and what it found is saved. A block inside another has the other's: who
    saves what a run found, and runs it, is still guarded after the run. Signals are the main thread's: in another one
    nothing is noted.
    """
    global _stop  # noqa: PLW0603 (as signals are the process's)
    if threading.current_thread() is not threading.main_thread():
        yield Stop()
        return
    if _stop is not None:
        yield _stop
        return
    _stop = stop = Stop()
    try:
        yield stop
    finally:
        _stop = None
        stop.release()


@contextmanager
def held() -> Iterator[None]:
    """Keep signals to stop waiting until the end of the block, which has to be short: a file is being written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {n: old for n in SIGNALS if (old := signal.getsignal(n)) not in (None, signal.SIG_IGN)}
    for signum in before:
        signal.signal(signum, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for signum, old in before.items():
            signal.signal(signum, old)
        for number in came:
            signal.raise_signal(number)
