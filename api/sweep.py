"""Many runs over learners, settings and seeds, on the machine's cores: a process and a folder for each."""

import inspect
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from counterplay.agents import find, module
from counterplay.agents.log import CHECKPOINT_FILE, RUN_FILE
from counterplay.api.runs import begin, in_text, name_of, text_of, train
from counterplay.engine import arguments
from counterplay.engine.compiling import tell, telling
from counterplay.engine.errors import NotSaved, UserError
from counterplay.engine.files import MOST_TEXT, read_bytes
from counterplay.engine.schema import RunHeader
from counterplay.engine.system import cores, interrupts
from counterplay.engine.writing import alone, write_text
from counterplay.games.envs import ENVS

if TYPE_CHECKING:  # torch is imported where runs are made
    from counterplay.agents.curves import Curve
    from counterplay.agents.log import Row
    from counterplay.agents.run import Run


_TESTS = ("test_every", "test_episodes", "keep_replay")
_GIVEN = (*_TESTS, "device")  # what `train` takes of a sweep's options; others are settings


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
    steps: int  # that every run is to have


_KILLED = "its process was killed"


@dataclass
class Worker:
    """A process, and what is heard of it."""

    process: Any
    heard: Connection
    error: str = _KILLED


def sweep(
    learners: str | type | Sequence[str | type],
    env: Any,
    *,
    out: str | Path,
    seeds: int = 5,
    steps: int | None = None,
    settings: Mapping[str, Sequence[object]] | None = None,
    workers: int | None = None,
    on_progress: Callable[[SweepProgress], None] | None = None,
    preset: str | None = None,
    **options: Any,
) -> "list[Curve]":
    """Train every learner with every combination of the settings' values, from each of the seeds 0 to `seeds` - 1.

    Learners, environment, settings and preset are as `train` takes them. All runs have as many steps: without `steps`
    as many as the preset that asks for most.
    Runs are processes of their own, `workers` at a time (one a core if None), and are kept in folders under `out`,
    beside curves.png and results.json. A sweep that is started again leaves finished runs as they are, and goes on with
    the others. `options` are settings of every run, and `test_every`, `test_episodes`, `keep_replay` and `device` as
    `train` takes them. Ctrl-C makes the running ones save themselves, and raises `KeyboardInterrupt` then; SIGTERM and
    SIGHUP likewise `SystemExit`. The `result` of either is the curves so far. As processes import the script that
    starts them, it has to do so under `if __name__ == "__main__":`.

    Raises `ValueError` for what does not fit, before the first run, and at the end for a run that failed.
    """
    arguments.path("out", out)
    if not isinstance(learners, str | type | Sequence):
        raise UserError(f"learners are a name such as 'qmix', a learner's class, or a list of them, not {learners!r}")
    if settings is not None and not isinstance(settings, Mapping):
        raise UserError(f"settings are a dictionary from a setting's name to its values, not {settings!r}")
    for name in options:
        if name not in _GIVEN and name in inspect.signature(train).parameters:
            raise UserError(f"sweep gives each run its own {name}: leave it out")
    for name, values in (settings or {}).items():
        arguments.text("the name of a setting", name)
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise UserError(f"settings give a list of values for each, such as {name}=[{values!r}], not {values!r}")
    if workers is not None:
        workers = arguments.whole("workers", workers, 1, arguments.THREADS)
    if on_progress is not None:
        arguments.function("on_progress", on_progress)
    names = [text_of(name) for name in ([learners] if isinstance(learners, str | type) else learners)]
    grid = {name: [in_text({name: value})[name] for value in values] for name, values in (settings or {}).items()}
    for name in names:
        find(name)  # before torch is imported
    module("nn.device").choose(options.get("device", "auto"))
    jobs = plan(names, grid, seeds, Path(out))
    task = ENVS.make(env)
    more = in_text({name: value for name, value in options.items() if name not in _GIVEN})  # settings of every run
    variants = jobs[: len(jobs) // seeds]  # each once: what does not fit is known before anything runs
    begun = [begin(job.learner, task, 0, {**more, **job.settings}, preset) for job in variants]
    tests = {name: options[name] for name in _TESTS if name in options}
    goal = module("run").Plan(max(run.plan.steps for run in begun) if steps is None else steps, **tests).steps
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error
    from counterplay.agents.curves import curves, figures
    from counterplay.show import chart

    with alone(Path(out), "another sweep is at work there"), interrupts() as stop:
        try:
            work_off(jobs, env, goal, workers, on_progress, preset=preset, **options)
        finally:
            if found := curves(jobs):
                try:
                    write_text(Path(out) / "results.json", json.dumps(figures(found)))
                    chart.draw(found, name_of(env, task), Path(out) / "curves.png")
                except UserError as error:
                    raise NotSaved(f"{error}; the runs themselves are kept", found) from error
    stop.again(found)
    return found


class Compiling(NamedTuple):
    """What a process sends when it compiles kernels."""

    line: str


def plan(learners: Sequence[str], grid: Mapping[str, Sequence[object]], seeds: int, out: Path) -> list[Job]:
    """Return the runs of a sweep, seed by seed: every learner with every combination of the settings' values.

    Raises `ValueError` if there are none, or some twice.
    """
    arguments.whole("seeds", seeds, 1, 100_000)
    if not learners or not all(grid.values()):
        raise UserError("a sweep needs a learner, and a value for each setting that it names")
    jobs = []
    for seed in range(seeds):
        for learner, *values in product(learners, *grid.values()):
            settings = dict(zip(grid, values, strict=True))
            differing = [f"{name}={value}" for name, value in settings.items() if len(grid[name]) > 1]
            variant = " ".join([str(learner), *differing])
            folder = out / variant.replace(" ", ",").replace("/", "_") / f"seed_{seed}"
            jobs.append(Job(variant, str(learner), settings, seed, folder))
    if len({job.folder for job in jobs}) < len(jobs):
        raise UserError("a sweep names a learner or a value twice")
    return jobs


def work_off(
    jobs: Sequence[Job],
    env: Any,
    steps: int,
    workers: int | None = None,
    on_progress: Callable[[SweepProgress], None] | None = None,
    **options: Any,
) -> bool:
    """Bring every run to that many steps, `workers` at a time (one a core if None); return False after Ctrl-C.

    `options` go to `train`. Runs that have their steps are left as they are, and others
    go on where they stopped. Ctrl-C makes the running ones save themselves. Raises `ValueError` for a run that failed,
    once the others are done.
    """
    had = {job: job.done for job in jobs}
    waiting = [job for job in jobs if had[job] < steps]
    count = workers or cores()
    context = get_context("forkserver")
    context.set_forkserver_preload(["counterplay.api.training"])
    running: dict[Job, Worker] = {}
    tests: dict[Job, float] = {}
    failed: dict[Job, str] = {}
    compiled: set[Compiling] = set()
    ended = False

    def report() -> None:
        if on_progress is not None:
            finished = sum(had[job] >= steps for job in jobs)
            on_progress(SweepProgress(finished, len(jobs), {job: had[job] for job in running}, tests, steps))

    report()
    try:
        with interrupts() as interrupted:
            interrupted.arm()
            while running or (waiting and not ended):
                while waiting and len(running) < count and not ended:
                    job = waiting.pop(0)
                    heard, says = context.Pipe()
                    process = context.Process(target=_work, args=(os.getcwd(), env, job, steps, options, says))
                    process.start()
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
    for job, error in failed.items():
        raise UserError(f"{len(failed)} of {len(jobs)} runs failed; {job.variant}, seed {job.seed}: {error}")
    return not ended


def _work(here: str, env: Any, job: Job, steps: int, options: Mapping[str, Any], says: Connection) -> None:
    """Do one run, in a process of its own, that saves itself and ends when the sweep is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep says when to stop
    os.chdir(here)  # the server of processes may have been started elsewhere

    def say(message: object) -> None:
        with suppress(OSError):  # the sweep is gone, and the run ends too
            says.send(message)

    def tell_row(run: "Run", row: "Row") -> None:
        say((run.steps, row.get("test_return")))

    place: dict[str, Any] = {"resume": job.folder} if (job.folder / CHECKPOINT_FILE).is_file() else {"out": job.folder}
    given: dict[str, Any] = {**options, **job.settings}
    try:
        with telling(lambda line: say(Compiling(line))):
            train(
                job.learner,
                env,
                steps=steps,
                seed=job.seed,
                on_row=tell_row,
                stop=says.poll,  # something to hear, or nobody there any more
                **place,
                **given,
            )
        say("")
    except ValueError as error:
        say(str(error))


def _messages(heard: Connection) -> Iterator[Any]:
    """Yield what has come through a pipe, and close it when its other end is closed."""
    try:
        while heard.poll():
            yield heard.recv()
    except (EOFError, OSError):
        heard.close()
