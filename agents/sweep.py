"""Many runs over learners, settings and seeds, on the machine's cores: a process and a folder for each."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from counterplay.agents.log import Row
from counterplay.agents.train import TOLD_FILE, Run, holds_run
from counterplay.engine.system import interrupts


@dataclass(frozen=True, eq=False)
class Job:
    """One run of a sweep."""

    variant: str  # the learner, and the settings that differ between runs
    learner: str
    settings: Mapping[str, object]
    seed: int
    folder: Path

    @property
    def done(self) -> int:
        """Return how many steps it has had."""
        try:
            return int(json.loads((self.folder / TOLD_FILE).read_text())["steps"])
        except (OSError, ValueError, KeyError):
            return 0


class Progress(NamedTuple):
    """How far a sweep is."""

    finished: int
    jobs: int
    running: Mapping[Job, int]  # steps that each has had
    tests: Mapping[Job, float]  # its last test's return
    steps: int  # that every run is to have


@dataclass
class Worker:
    """A process, and what is heard of it."""

    process: Any
    heard: Connection
    error: str = "its process was killed"


def plan(learners: Sequence[str], grid: Mapping[str, Sequence[object]], seeds: int, out: Path) -> list[Job]:
    """Return the runs of a sweep, seed by seed: every learner with every combination of the settings' values.

    Raises `ValueError` if there are none, or some twice.
    """
    if seeds < 1:
        raise ValueError(f"seeds must be 1 or more, not {seeds}")
    if not learners or not all(grid.values()):
        raise ValueError("a sweep needs a learner, and a value for each setting that it names")
    jobs = []
    for seed in range(seeds):
        for learner, *values in product(learners, *grid.values()):
            settings = dict(zip(grid, values, strict=True))
            differing = [f"{name}={value}" for name, value in settings.items() if len(grid[name]) > 1]
            variant = " ".join([str(learner), *differing])
            folder = out / variant.replace(" ", ",").replace("/", "_") / f"seed_{seed}"
            jobs.append(Job(variant, str(learner), settings, seed, folder))
    if len({job.folder for job in jobs}) < len(jobs):
        raise ValueError("a sweep names a learner or a value twice")
    return jobs


def sweep(
    jobs: Sequence[Job],
    train: Callable[..., Run],
    env: Any,
    steps: int,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> bool:
    """Bring every run to that many steps, `workers` at a time (one a core if None); return False after Ctrl-C.

    `train` is `counterplay.train`, and `options` go to it. Runs that have their steps are left as they are, and others
    go on where they stopped. Ctrl-C makes the running ones save themselves. Raises `ValueError` for a run that failed,
    once the others are done.
    """
    had = {job: job.done for job in jobs}
    waiting = [job for job in jobs if had[job] < steps]
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    count = workers or _cores()
    context = get_context("forkserver")
    context.set_forkserver_preload(["counterplay.agents.train"])
    stop = context.Event()
    running: dict[Job, Worker] = {}
    tests: dict[Job, float] = {}
    failed: dict[Job, str] = {}
    ended = False

    def told() -> None:
        if on_progress is not None:
            finished = sum(had[job] >= steps for job in jobs)
            on_progress(Progress(finished, len(jobs), {job: had[job] for job in running}, tests, steps))

    told()
    try:
        with interrupts() as interrupted:
            while running or (waiting and not ended):
                while waiting and len(running) < count and not ended:
                    job = waiting.pop(0)
                    heard, says = context.Pipe(duplex=False)
                    process = context.Process(target=_work, args=(train, env, job, steps, options, says, stop))
                    process.start()
                    says.close()  # the process has its own end; ours would keep the pipe open
                    running[job] = Worker(process, heard)
                wait([worker.heard for worker in running.values()], timeout=0.2)
                for job, worker in list(running.items()):
                    for message in _messages(worker.heard):
                        if isinstance(message, str):
                            worker.error = message
                            continue
                        had[job], test = message
                        if test is not None:
                            tests[job] = test
                    if worker.heard.closed:
                        worker.process.join()
                        del running[job]
                        if worker.error:
                            failed[job] = worker.error
                told()
                if interrupted() and not ended:
                    ended = True
                    stop.set()
    finally:
        for worker in running.values():
            worker.process.terminate()
    for job, error in failed.items():
        raise ValueError(f"{len(failed)} of {len(jobs)} runs failed; {job.variant}, seed {job.seed}: {error}")
    return not ended


def _work(
    train: Callable[..., Run], env: Any, job: Job, steps: int, options: Mapping[str, Any], says: Connection, stop: Any
) -> None:
    """Do one run, in a process of its own. The pipe breaks if the sweep is gone, and that ends the run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep says when to stop

    def tell(run: Run, row: Row) -> None:
        says.send((run.steps, row.get("test_return")))

    place = {"resume": job.folder} if holds_run(job.folder) else {"out": job.folder}
    try:
        train(
            job.learner,
            env,
            steps=steps,
            seed=job.seed,
            on_row=tell,
            stop=stop.is_set,
            **place,
            **options,
            **job.settings,
        )
        says.send("")
    except ValueError as error:
        says.send(str(error))


def _messages(heard: Connection) -> Iterator[Any]:
    """Yield what has come through a pipe, and close it when its other end is closed."""
    try:
        while heard.poll():
            yield heard.recv()
    except (EOFError, OSError):
        heard.close()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
