"""Several processes for one run: those that torchrun has started, on any number of machines, or others started here.

The first of them (rank 0) is the one that keeps the run, tests and tells. What it was given is given to the others too,
so that all begin with the same networks, and it waits for them at its end.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from counterplay.agents import module
from counterplay.engine import arguments
from counterplay.engine.compiling import telling
from counterplay.engine.errors import UserError, sentence
from counterplay.engine.processes import serving, start
from counterplay.engine.system import cores

COMPRESSIONS = ("none", "powersgd")
_PATIENCE = 600.0  # seconds that a process may take to start
_LAST_WORDS = 10.0  # and to end


class Launched(NamedTuple):
    """What torchrun says of the processes that it has started."""

    rank: int
    size: int


def launched() -> Launched | None:
    """Return which process of torchrun's this is; None where it was started in another way, or alone."""
    try:
        found = Launched(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    except (KeyError, ValueError):
        return None
    return found if found.size > 1 and "MASTER_ADDR" in os.environ else None


def beside() -> bool:
    """Tell whether this is a further process of a run, which tells nothing."""
    here = launched()
    return here is not None and here.rank > 0


def check(processes: int | None, compress: str | None) -> None:
    """Raise `ValueError` for what is no way to train in several processes."""
    here = launched()
    if processes is not None:
        arguments.whole("processes", processes, 1, arguments.THREADS)
        if here is not None and processes not in (1, here.size):
            raise UserError(f"torchrun has started {here.size} processes: leave processes out")
    if compress is not None and compress not in COMPRESSIONS:
        raise UserError(f"compress must be {' or '.join(COMPRESSIONS)}, not {compress!r}")


def settle(run: Any, processes: int | None, compress: str | None, device: str, resumed: Any) -> int:
    """Return how many processes train a run, and have it know; raises `ValueError` where they cannot."""
    size: int = module("together").peers().size
    if size == 1:
        size = processes or run.plan.processes
    if compress is not None:
        run.plan = replace(run.plan, compress=compress)
    if size == 1:
        if compress not in (None, "none"):
            raise UserError("compress is for gradients of several processes: give processes too, or leave it out")
        return size
    if run is resumed:
        raise UserError("a run in memory goes on in one process: save it, and resume its folder")
    if device not in ("auto", "cpu"):
        raise UserError(f"several processes train on CPUs: take the device cpu, not {device}, or one process")
    module("together").check(run.learner, run.settings, run.name, size)
    return size


@contextmanager
def torchrun(processes: int | None) -> Iterator[None]:
    """Join those that torchrun has started, if it has."""
    here = launched()
    if here is None or processes == 1:
        yield
        return
    with _told(lambda: ""), module("together").joined(here.rank, here.size):
        yield


@contextmanager
def started(size: int, train: Callable[..., Any], given: Mapping[str, Any]) -> Iterator[None]:
    """Start as many processes as make `size` with this one, each with `train(**given)`, and join them.

    Raises `ValueError` where one of them fails, or is killed.
    """
    if size == 1 or module("together").peers().size > 1:
        yield
        return
    if size > cores():
        many = f"{cores()} core" + ("" if cores() == 1 else "s")
        raise UserError(f"this machine has {many} for us, and {size} processes would wait for each other: take fewer")
    together, context = module("together"), serving("counterplay.api.training")
    store = together.meeting()
    with ExitStack() as stack:
        others = []
        for rank in range(1, size):
            heard, says = context.Pipe()
            args = os.getcwd(), (rank, size, store.port), train, dict(given), says
            process = context.Process(target=_work, args=args, daemon=True)
            start(process)
            says.close()
            others.append((process, heard))
            stack.callback(_end, process)
        with _told(lambda: next(filter(None, (_last_words(heard) for _, heard in others)), "")):
            for _, heard in others:
                if not heard.poll(_PATIENCE) or not _is_there(heard):
                    raise together.Lost("it did not begin")
            with together.joined(0, size, store):
                yield
        for process, _ in others:
            process.join(_LAST_WORDS)


@contextmanager
def _told(said: Callable[[], str]) -> Iterator[None]:
    """Tell of another process that is gone in a sentence: what it `said`, if anything."""
    try:
        yield
    except module("together").Lost as error:
        why = said() or "it was killed, or its machine is gone"
        raise UserError(
            f"another process of the run has ended ({why}), and so has the run: what was saved last stays, and "
            "--resume goes on from there"
        ) from error


def _is_there(heard: Connection) -> bool:
    with suppress(EOFError, OSError):
        return bool(heard.recv() == "here")
    return False


def _last_words(heard: Connection) -> str:
    """Return what a process has said of its end; "" if nothing."""
    with suppress(EOFError, OSError):
        if heard.poll(_LAST_WORDS):
            return str(heard.recv())
    return ""


def _end(process: Any) -> None:
    if process.is_alive():
        process.terminate()
    process.join(_LAST_WORDS)


def _work(
    here: str, place: tuple[int, int, int], train: Callable[..., Any], given: dict[str, Any], says: Connection
) -> None:
    """Train beside the first process, until it is done or gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when to stop
    os.chdir(here)
    together = module("together")
    rank, size, port = place
    with suppress(OSError), telling(lambda line: None):
        says.send("here")
        try:
            with together.joined(rank, size, together.meeting(port)):
                train(**given)
        except together.Lost:  # the first process is gone, and tells of it itself if it can
            return
        except Exception as error:  # of somebody's own environment, say
            says.send(sentence(error))
