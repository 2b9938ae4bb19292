"""Many runs over learners, settings and seeds, on the machine's cores or a cluster's, a folder for each."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterplay.agents import find, module
from counterplay.api import sweep_ray, sweep_workers
from counterplay.api.runs import begin, in_text, name_of, text_of, train
from counterplay.api.sweep_workers import Job, SweepProgress, run_one
from counterplay.engine import arguments
from counterplay.engine.errors import NotSaved, UserError
from counterplay.engine.system import interrupts
from counterplay.engine.writing import alone, make_folder, write_text
from counterplay.games.envs import ENVS

if TYPE_CHECKING:  # torch is imported where runs are made
    from counterplay.agents.curves import Curve


_TESTS = ("test_every", "test_episodes", "keep_replay")
_GIVEN = (*_TESTS, "device", "wandb")  # what `train` takes of a sweep's options; others are settings


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
    ray: str | None = None,
    only: int | None = None,
    **options: Any,
) -> "list[Curve]":
    """Train every learner with every combination of the settings' values, from each of the seeds 0 to `seeds` - 1.

    Learners, environment, settings and preset are as `train` takes them; of a list of environments each is swept, in a
    folder of its own. All runs in one have as many steps: without `steps` as many as the preset that asks for most.
    Runs are processes of their own, `workers` at a time (one a core if None), and are kept in folders under `out`,
    beside curves.png and results.json. A sweep that is started again leaves finished runs as they are, and goes on with
    the others. `options` are settings of every run, and `test_every`, `test_episodes`, `keep_replay`, `wandb` and
    `device` as `train` takes them. `ray` is the address of a Ray cluster that does the runs in place of this machine's
    cores, or "local". With `only`, one of the runs alone is done, in this process, by its number from 0 on (`jobs_of`
    lists them). Ctrl-C makes the running ones save themselves, and raises `KeyboardInterrupt` then; SIGTERM
    and SIGHUP likewise `SystemExit`. The `result` of either is the curves so far. As processes import the script that
    starts them, it has to do so under `if __name__ == "__main__":`.

    Raises `ValueError` for what does not fit, before the first run, and at the end for a run that failed.
    """
    arguments.path("out", out)
    _check(settings, options)
    if workers is not None:
        workers = arguments.whole("workers", workers, 1, arguments.THREADS)
    if on_progress is not None:
        arguments.function("on_progress", on_progress)
    module("nn.device").choose(options.get("device", "auto"))
    jobs = jobs_of(learners, env, out, seeds, steps, settings, preset, **options)
    make_folder(Path(out))
    from counterplay.agents.curves import curves

    if only is not None:
        job = jobs[arguments.whole("only", only, 0, len(jobs) - 1)]
        if job.done < job.steps:
            run_one(job, {"preset": preset, **options})
        return curves([job])
    with alone(Path(out), "another sweep is at work there"), interrupts() as stop:
        try:
            work_off(jobs, workers, on_progress, ray=ray, preset=preset, **options)
        except BaseException:
            with suppress(NotSaved):  # of a run that failed is told, not of a figure of the others
                _keep(jobs, Path(out))
            raise
        found = _keep(jobs, Path(out))
    stop.again(found)
    return found


def jobs_of(
    learners: str | type | Sequence[str | type],
    env: Any,
    out: str | Path,
    seeds: int,
    steps: int | None = None,
    settings: Mapping[str, Sequence[object]] | None = None,
    preset: str | None = None,
    **options: Any,
) -> list[Job]:
    """Return all runs of a sweep, which takes the same; raises `ValueError` for what does not fit."""
    if not isinstance(learners, str | type | Sequence):
        raise UserError(f"learners are a name such as 'qmix', a learner's class, or a list of them, not {learners!r}")
    names = [text_of(name) for name in ([learners] if isinstance(learners, str | type) else learners)]
    grid = {name: [in_text({name: value})[name] for value in values] for name, values in (settings or {}).items()}
    for name in names:
        find(name)  # before torch is imported
    more = in_text({name: value for name, value in options.items() if name not in _GIVEN})  # settings of every run
    tests = {name: options[name] for name in _TESTS if options.get(name) is not None}
    several, found = isinstance(env, list | tuple), list[Job]()
    for one in env if several else [env]:
        task = ENVS.make(one)
        place = Path(out) / _folder(name_of(one, task)) if several else Path(out)
        jobs = plan(names, grid, seeds, place, one)
        variants = jobs[: len(jobs) // seeds]  # each once: what does not fit is known before anything runs
        begun = [begin(job.learner, task, 0, {**more, **job.settings}, preset) for job in variants]
        goal = module("run").Plan(max(run.plan.steps for run in begun) if steps is None else steps, **tests).steps
        found += [replace(job, steps=goal) for job in jobs]
    if not found:
        raise UserError("a sweep needs an environment")
    if len({job.folder for job in found}) < len(found):
        raise UserError("a sweep names an environment twice")
    return found


def _check(settings: Any, options: Mapping[str, Any]) -> None:
    if settings is not None and not isinstance(settings, Mapping):
        raise UserError(f"settings are a dictionary from a setting's name to its values, not {settings!r}")
    for name in options:
        if name not in _GIVEN and name in inspect.signature(train).parameters:
            raise UserError(f"sweep gives each run its own {name}: leave it out")
    for name, values in (settings or {}).items():
        arguments.text("the name of a setting", name)
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise UserError(f"settings give a list of values for each, such as {name}=[{values!r}], not {values!r}")


def _folder(name: str) -> str:
    return name.replace(" ", "").replace("/", "_")


def _keep(jobs: Sequence[Job], out: Path) -> "list[Curve]":
    """Write tables and figures of what runs came to, one for each environment; return the curves."""
    from counterplay.agents.curves import curves, figures
    from counterplay.show import chart

    found: list[Curve] = []
    places = dict.fromkeys(job.folder.parent.parent for job in jobs)
    for place in places:
        mine = [job for job in jobs if job.folder.parent.parent == place]
        name = name_of(mine[0].env, ENVS.make(mine[0].env))
        here = [curve._replace(env=name if len(places) > 1 else "") for curve in curves(mine)]
        found += here
        if here:
            try:
                chart.draw(here, name, place / "curves.png")
            except UserError as error:
                raise NotSaved(f"{error}; the runs themselves are kept", found) from error
    if found:
        try:
            write_text(out / "results.json", json.dumps(figures(found)))
        except UserError as error:
            raise NotSaved(f"{error}; the runs themselves are kept", found) from error
    return found


def plan(
    learners: Sequence[str], grid: Mapping[str, Sequence[object]], seeds: int, out: Path, env: Any = None
) -> list[Job]:
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
            jobs.append(Job(variant, str(learner), settings, seed, folder, env, 0))
    if len({job.folder for job in jobs}) < len(jobs):
        raise UserError("a sweep names a learner or a value twice")
    return jobs


def work_off(
    jobs: Sequence[Job],
    workers: int | None = None,
    on_progress: Callable[[SweepProgress], None] | None = None,
    *,
    ray: str | None = None,
    **options: Any,
) -> bool:
    """Bring every run to its steps, by processes here or by a Ray cluster; return False after Ctrl-C.

    `options` go to `train`. Runs that have their steps are left as they are, and others go on where they stopped.
    Raises `ValueError` for a run that failed, once the others are done.
    """
    if ray is None:
        return sweep_workers.work_off(jobs, workers, on_progress, **options)
    return sweep_ray.work_off(jobs, ray, workers, on_progress, **options)
