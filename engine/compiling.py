"""What compiling costs: told in one line before it starts, and kept out of the seconds that runs report.

Numba compiles a kernel when it is first called, in the middle of a run. `clock` stands still meanwhile. The line names
a group of kernels, not each of them: compiling that follows at once belongs to the line that was told, unless a kernel
of it comes again for other types, as with tables of 16 bits after those of 32. How long it will take is what it took
here last time, counted from the same first kernel on, or else what the shipped table says (`benchmarks/compiling.py
--write` measures it); both in processor seconds of the thread.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from counterplay.engine.compile_seconds import SECONDS

# What kernels are called, by the longest name of a module that they are in.
GROUPS = {
    "counterplay.engine": "the solver of games",
    "counterplay.solvers": "the solver of games",
    "counterplay.solvers.streets": "the solver of hold'em spots",
    "counterplay.games.holdem": "hold'em hands and boards",
    "counterplay.games.envs": "environments",
    "counterplay.agents": "learners",
}
_PAUSE = 2.0  # seconds without compiling, after which the next kernel gets a line of its own


class _State(NamedTuple):
    spent: float  # seconds, up to the compilation that is under way
    since: float | None  # when that began


class _Told(NamedTuple):
    first: str  # the kernel that the line was told for
    spent: float  # processor seconds since, compiling kernels of that group
    ended: float
    done: frozenset[str] = frozenset()  # kernels compiled since, without their types


_state = _State(0.0, None)  # replaced as a whole, so that other threads can read it
_told: dict[str, _Told] = {}


def say(line: str) -> None:
    """Print a line on standard error."""
    print(f"counterplay: {line}", file=sys.stderr, flush=True)


_tell: Callable[[str], None] = say


@contextmanager
def telling(tell: Callable[[str], None]) -> Iterator[None]:
    """Have `tell` called with the line about compiling, in place of printing it on standard error."""
    global _tell  # noqa: PLW0603 (kernels compile wherever they are called: there is nobody to hand it to)
    before, _tell = _tell, tell
    try:
        yield
    finally:
        _tell = before


def tell(line: str) -> None:
    """Tell a line as that about compiling is told."""
    _tell(line)


def spent() -> float:
    """Return the seconds that this process has spent compiling so far, on whatever thread."""
    spent, since = _state
    return spent if since is None else spent + time.perf_counter() - since


def clock() -> float:
    """Return seconds on a clock that stands still while kernels are compiled."""
    spent, since = _state
    return (time.perf_counter() if since is None else since) - spent


@contextmanager
def compiling(module: str, kernel: str, notes: Path | None) -> Iterator[None]:
    """Compile a kernel inside: tell it, stop the clock, and note in that file how long it took.

    What is compiled inside for its sake counts with it. Numba compiles on one thread at a time, and holds its lock
    around this. Python's collector of circular garbage rests meanwhile: it took a quarter of the time.
    """
    global _state  # noqa: PLW0603 (one clock a process)
    if _state.since is not None:
        yield
        return
    group = _group(module)
    told, name = _told.get(group), kernel.partition(" ")[0]
    if told is None or name in told.done or time.perf_counter() - told.ended > _PAUSE:
        told = _Told(kernel, 0.0, 0.0)
        where = "once on this machine" if notes is not None else "as there is no folder to keep them in"
        seconds = round(_expected(kernel, group, notes))
        more = "more " if group in _told else ""
        tell(f"compiling {more}kernels of {group}, {where}: {f'about {seconds} s' if seconds else 'under a second'}")
    collecting = gc.isenabled()
    gc.disable()
    worked = time.thread_time()
    _state = _State(_state.spent, time.perf_counter())
    try:
        yield
    finally:
        now = time.perf_counter()
        _state = _State(spent(), None)
        if collecting:
            gc.enable()
        spent_since = told.spent + time.thread_time() - worked
        _told[group] = told = _Told(told.first, spent_since, now, told.done | {name})
        if notes is not None:
            _note(notes, told)


def _group(module: str) -> str:
    names = [name for name in GROUPS if f"{module}.".startswith(f"{name}.")]
    return GROUPS[max(names, key=len)] if names else module


def _noted(notes: Path | None) -> dict[str, float]:
    try:
        found = json.loads(notes.read_text()) if notes is not None else {}
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: seconds for name, seconds in found.items() if isinstance(seconds, float)}


def _expected(kernel: str, group: str, notes: Path | None) -> float:
    """Return how long compiling will take from this kernel on.

    What is not known of these arguments is as for others of the kernel, or else as for others of the group.
    """
    for known in (_noted(notes), SECONDS):
        if kernel in known:
            return known[kernel]
    alike = [seconds for name, seconds in SECONDS.items() if name.partition(" ")[0] == kernel.partition(" ")[0]]
    return max(alike or (seconds for name, seconds in SECONDS.items() if _group(name) == group), default=1.0)


def _note(notes: Path, told: _Told) -> None:
    from counterplay.engine.errors import UserError
    from counterplay.engine.writing import write_atomic

    with suppress(OSError, UserError):  # told by the table then, next time too
        write_atomic(notes, json.dumps(_noted(notes) | {told.first: round(told.spent, 1)}, indent=1).encode())
