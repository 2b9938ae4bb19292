"""What the machine gives a run and asks of it: free memory, cores, and the signals to stop."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_SIGNALS = signal.SIGINT, signal.SIGTERM  # Ctrl-C, and what batch systems end a job with


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
        here = top / group.lstrip("/")
        for folder in (here, *here.parents):
            if folder.is_relative_to(top):  # inside a container the group's own path may not be there, its top is
                limit, used = (_number(folder / name) for name in names)
                if limit is not None and used is not None:
                    yield max(limit - used + _reclaimable(folder), 0)


def _reclaimable(folder: Path) -> int:
    """Return the part of a group's use that is a cache of files and can be taken back at once."""
    found = dict(line.split(" ", 1) for line in _lines(folder / "memory.stat"))
    return int(found.get("total_inactive_file", found.get("inactive_file", 0)))


def _number(path: Path) -> int | None:
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None  # "max" where there is no limit


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT (Ctrl-C) or SIGTERM into a flag, so that nothing is left half done.

    A second one does what it did before.
    """
    hit = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield hit.is_set
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(*_: object) -> None:
        hit.set()
        restore()

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield hit.is_set
    finally:
        restore()
