"""Runs of a sweep in processes of this machine, a core each."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from counterplay.agents.log import CHECKPOINT_FILE, RUN_FILE
from counterplay.api.runs import train
from counterplay.engine.compiling import tell, telling
from counterplay.engine.errors import UserError, sentence
from counterplay.engine.files import MOST_TEXT, read_bytes
from counterplay.engine.processes import serving, start
from counterplay.engine.schema import RunHeader
from counterplay.engine.system import cores, interrupts

if TYPE_CHECKING:  # torch is imported where runs are made
    from counterplay.agents.log import Row
    from counterplay.agents.run import Run


@dataclass(frozen=True, eq=False)
class Job:
    """One run of a sweep."""

    variant: str  # the learner, and the settings that differ between runs
    learner: str
    settings: Mapping[str, object]
    seed: int
    folder: Path
    env: Any
    steps: int  # that it is to have

    @property
    def done(self) -> int:
        """Return how many steps it has had."""
        try:
            about = msgspec.json.decode(read_bytes(self.folder / RUN_FILE, MOST_TEXT), type=RunHeader)
        except (UserError, msgspec.MsgspecError, RecursionError, UnicodeError):
            return 0
        return about.steps


class SweepProgress(NamedTuple):
    """How far a sweep is."""

    finished: int
    jobs: int
    running: Mapping[Job, int]  # steps that each has had
    tests: Mapping[Job, float]  # its last test's return


_KILLED = "its process was killed"


@dataclass
class Worker:
    """A process, and what is heard of it."""

    process: Any
    heard: Connection
    error: str = _KILLED


class Compiling(NamedTuple):
    """What a process sends when it compiles kernels."""

    line: str


def work_off(
    jobs: Sequence[Job],
    workers: int | None = None,
    on_progress: Callable[[SweepProgress], None] | None = None,
    **options: Any,
) -> bool:
    """Bring every run to its steps, `workers` at a time (one a core if None); return False after Ctrl-C.

    `options` go to `train`. Runs that have their steps are left as they are, and others
    go on where they stopped. Ctrl-C makes the running ones save themselves. Raises `ValueError` for a run that failed,
    once the others are done.
    """
    had = {job: job.done for job in jobs}
    waiting = [job for job in jobs if had[job] < job.steps]
    count = workers or cores()
    context = serving("counterplay.api.training")
    running: dict[Job, Worker] = {}
    tests: dict[Job, float] = {}
    failed: dict[Job, str] = {}
    compiled: set[Compiling] = set()
    ended = False

    def report() -> None:
        if on_progress is not None:
            finished = sum(had[job] >= job.steps for job in jobs)
            on_progress(SweepProgress(finished, len(jobs), {job: had[job] for job in running}, tests))

    report()
    try:
        with interrupts() as interrupted:
            interrupted.arm()
            while running or (waiting and not ended):
                while waiting and len(running) < count and not ended:
                    job = waiting.pop(0)
                    heard, says = context.Pipe()
                    process = context.Process(target=_work, args=(os.getcwd(), job, options, says))
                    try:
                        start(process)
                    except UserError:
                        if interrupted():  # the signal went to all of our processes
                            break
                        raise
                    says.close()  # the process has its own end; ours would keep the pipe open
                    running[job] = Worker(process, heard)
                wait([worker.heard for worker in running.values()], timeout=0.2)
                for job, worker in list(running.items()):
                    for message in _messages(worker.heard):
                        if isinstance(message, str):
                            worker.error = message
                            continue
                        if isinstance(message, Compiling):
                            if message not in compiled:
                                tell(message.line)
                            compiled.add(message)
                            continue
                        had[job], test = message
                        if test is not None:
                            tests[job] = test
                    if worker.heard.closed:
                        worker.process.join()
                        del running[job]
                        if worker.error and not (worker.error == _KILLED and interrupted()):
                            failed[job] = worker.error
                report()
                if interrupted() and not ended:
                    ended = True
                    for worker in running.values():
                        with suppress(OSError):  # it has just ended
                            worker.heard.send("stop")
    finally:
        for worker in running.values():
            worker.process.terminate()
    fail(failed, jobs)
    return not ended


def run_one(job: Job, options: Mapping[str, Any], **more: Any) -> None:
    """Bring a run to its steps, from where it is; raises `ValueError` where it fails."""
    place: dict[str, Any] = {"resume": job.folder} if (job.folder / CHECKPOINT_FILE).is_file() else {"out": job.folder}
    given: dict[str, Any] = {**options, **job.settings}
    train(job.learner, job.env, steps=job.steps, seed=job.seed, processes=1, **place, **more, **given)


def fail(failed: Mapping[Job, str], jobs: Sequence[Job]) -> None:
    """Raise `ValueError` for the first of the runs that failed, if any did."""
    for job, error in failed.items():
        raise UserError(f"{len(failed)} of {len(jobs)} runs failed; {job.variant}, seed {job.seed}: {error}")


def _work(here: str, job: Job, options: Mapping[str, Any], says: Connection) -> None:
    """Do one run, in a process of its own, that saves itself and ends when the sweep is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep says when to stop
    os.chdir(here)  # the server of processes may have been started elsewhere

    def say(message: object) -> None:
        with suppress(OSError):  # the sweep is gone, and the run ends too
            says.send(message)

    def tell_row(run: "Run", row: "Row") -> None:
        say((run.steps, row.get("test_return")))

    try:
        with telling(lambda line: say(Compiling(line))):
            # stopped by something to hear, or where nobody is there any more
            run_one(job, options, on_row=tell_row, stop=says.poll)
        say("")
    except Exception as error:  # of somebody's own environment, say; --only K shows where
        say(sentence(error))


def _messages(heard: Connection) -> Iterator[Any]:
    """Yield what has come through a pipe, and close it when its other end is closed."""
    try:
        while heard.poll():
            yield heard.recv()
    except (EOFError, OSError):
        heard.close()
