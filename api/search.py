"""Searching for settings: trials that Optuna proposes, each one's runs over seeds, kept like a sweep's.

Trials are proposed in rounds, as many at a time as there are processes for. A round's sampler (TPE, Bergstra et al.
2011, as Optuna has it) begins from the search's seed and the number of trials before it: so a search follows from its
seed and the size of its rounds, and one that was stopped goes on as if it had not been.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from counterplay.agents import find
from counterplay.agents.log import LINES_FILE
from counterplay.api.runs import begin, in_text, name_of, settings_of, text_of
from counterplay.api.sweep import work_off
from counterplay.api.sweep_workers import Job, SweepProgress
from counterplay.engine import arguments
from counterplay.engine.errors import UserError
from counterplay.engine.files import MOST_TEXT, read_bytes
from counterplay.engine.spec import literal
from counterplay.engine.system import cores, interrupts
from counterplay.engine.writing import alone, make_folder, write_text
from counterplay.games.envs import ENVS

_GIVEN = ("test_every", "test_episodes", "device", "wandb")  # what is no setting
JOURNAL = "search.journal"  # Optuna's, in the search's folder


class Range(NamedTuple):
    """Numbers that a setting is looked for among; whole ones where both ends are."""

    low: float
    high: float
    log: bool = False  # as likely in each power of ten


Space = Mapping[str, Range | Sequence[object]]


class Tried(NamedTuple):
    """A trial that has come to its end."""

    number: int
    settings: Mapping[str, object]
    score: float  # mean over seeds of the last test's return, or exploitability; nan: it failed


class Found(NamedTuple):
    """What a search has come to, the best trial first."""

    learner: str
    env: str
    steps: int
    measure: str  # "return", or "exploitability", which is to be small
    given: Mapping[str, object]  # settings that all trials had
    trials: tuple[Tried, ...]

    @property
    def command(self) -> str:
        """The best settings as a command to run; "" where no trial has come to its end."""
        if not self.trials or math.isnan(self.trials[0].score):
            return ""
        settings = {**self.given, **self.trials[0].settings}
        said = "".join(f" --set {name}={value}" for name, value in settings.items())
        return f'counterplay train {self.learner} "{self.env}" --steps {self.steps}{said}'


def space_of(texts: Sequence[str]) -> dict[str, Range | Sequence[object]]:
    """Return what `NAME=A,B,...`, `NAME=LOW:HIGH` and `NAME=LOW:HIGH:log` ask to look through."""
    found: dict[str, Range | Sequence[object]] = {}
    for name, values in settings_of(texts, several=True).items():
        parts = str(values[0]).split(":")
        if len(values) == 1 and len(parts) in (2, 3):
            low, high = (literal(part) for part in parts[:2])
            numbers = isinstance(low, int | float) and isinstance(high, int | float)
            if not numbers or parts[2:] not in ([], ["log"]):
                raise UserError(f"--over takes {name}=LOW:HIGH or {name}=LOW:HIGH:log of numbers, not {values[0]}")
            found[name] = Range(low, high, len(parts) == 3)  # type: ignore[arg-type]
        else:
            found[name] = values
    return found


def search(
    learner: str | type,
    env: Any,
    over: Space,
    *,
    out: str | Path,
    trials: int = 20,
    seeds: int = 1,
    seed: int = 0,
    steps: int | None = None,
    workers: int | None = None,
    on_progress: Callable[[SweepProgress], None] | None = None,
    preset: str | None = None,
    ray: str | None = None,
    **options: Any,
) -> Found:
    """Look for settings with which a learner does best in an environment, by that many trials of Optuna's.

    `over` says which settings to look for: by name a list of values, or a pair of numbers (and "log") between which
    they lie. What counts is the mean over `seeds` runs of their last test. The rest is as `sweep` takes it. A search
    that is started again in the same folder goes on; `seed` is of what is proposed. Trials whose runs fail count as
    failed.

    Raises `ValueError` for what does not fit, before the first trial.
    """
    arguments.path("out", out)
    trials = arguments.whole("trials", trials, 1, 1_000_000)
    seeds = arguments.whole("seeds", seeds, 1, 1_000)
    space, name = _space(over), text_of(learner)
    find(name)
    task = ENVS.make(env)
    fixed = {
        key: value for key, value in options.items() if key not in ("test_every", "test_episodes", "device", "wandb")
    }
    given = in_text(fixed)
    for end in (0, -1):  # what does not fit is known before anything runs
        begun = begin(name, task, 0, {**given, **{key: _end(values, end) for key, values in space.items()}}, preset)
    goal = begun.plan.steps if steps is None else arguments.whole("steps", steps, 1)
    optuna, folder = _optuna(), Path(out)
    make_folder(folder)
    with alone(folder, "another search is at work there"), interrupts() as stop:
        study = _study(optuna, folder, [name, name_of(env, task), repr(sorted(space.items())), str(goal), str(seeds)])
        while not stop():
            waiting = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.RUNNING]
            ended = len(study.trials) - len(waiting)
            count = max(1, (workers or cores()) // seeds)
            if not waiting:
                if ended >= trials:
                    break
                study.sampler = optuna.samplers.TPESampler(seed=seed * 1_000_003 + ended, constant_liar=True)
                for _ in range(min(count, trials - ended)):
                    _propose(study, space)
                continue
            jobs = {trial.number: _jobs(folder, name, env, goal, trial, seeds) for trial in waiting}
            every = [job for each in jobs.values() for job in each]
            failure = ""
            try:
                work_off(every, workers, on_progress, ray=ray, preset=preset, **options)
            except UserError as error:  # a trial whose runs fail has failed, and the search goes on
                failure = str(error)
            if stop():
                break
            _note(study, optuna, jobs, goal)
            if failure and not any(trial.value is not None for trial in study.trials):
                raise UserError(f"the first trials failed: {failure}")
        found = _found(study, optuna, (name, name_of(env, task), goal, given), folder)
        _keep(found, folder)
    stop.again(found)
    return found


def _space(over: Space) -> dict[str, Range | list[object]]:
    if not isinstance(over, Mapping) or not over:
        raise UserError("a search is over settings: a dictionary such as {'lr': (1e-4, 1e-2, 'log'), 'epochs': [1, 4]}")
    found: dict[str, Range | list[object]] = {}
    for name, values in over.items():
        if isinstance(values, tuple):
            low, high, *rest = values if len(values) > 1 else (values[0], values[0])
            if rest and rest[0] not in ("log", True, False):
                raise UserError(f"a range of {name} is (low, high) or (low, high, 'log'), not {tuple(values)}")
            log = bool(rest and rest[0])
            if not all(isinstance(end, int | float) and math.isfinite(end) for end in (low, high)) or not low < high:
                raise UserError(f"a range of {name} goes from a number to a larger one, not {low} to {high}")
            if log and low <= 0:
                raise UserError(f"a range of {name} by powers begins above 0, not at {low}")
            found[name] = Range(low, high, log)
        elif isinstance(values, Sequence) and not isinstance(values, str) and len(values):
            found[name] = list(values)
        else:
            raise UserError(f"a search gives a list of values or a range for {name}, not {values!r}")
    return found


def _end(values: Range | list[object], end: int) -> object:
    return (values.low, values.high)[end] if isinstance(values, Range) else values[end]


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise UserError('a search needs Optuna: pip install "counterplay[search]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _study(optuna: Any, folder: Path, about: list[str]) -> Any:
    """Return the study that a folder keeps, or a new one; raises `ValueError` for one of something else."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    study = optuna.create_study(storage=storage, study_name="search", direction="maximize", load_if_exists=True)
    if study.user_attrs.get("about", about) != about:
        raise UserError(f"{folder} holds a search of something else: continue that one, or name another folder")
    study.set_user_attr("about", about)
    return study


def _propose(study: Any, space: Mapping[str, Range | list[object]]) -> None:
    trial = study.ask()
    for name, values in space.items():
        if isinstance(values, list):
            trial.suggest_categorical(name, values)
        elif isinstance(values.low, int) and isinstance(values.high, int):
            trial.suggest_int(name, values.low, values.high, log=values.log)
        else:
            trial.suggest_float(name, values.low, values.high, log=values.log)


def _note(study: Any, optuna: Any, jobs: Mapping[int, list[Job]], steps: int) -> None:
    """Tell the study what trials came to: what it makes large."""
    for number, runs in jobs.items():
        scores = [_score(job.folder) if job.done >= steps else None for job in runs]
        kept = [score for score in scores if score is not None]
        if len(kept) < len(scores):
            study.tell(number, state=optuna.trial.TrialState.FAIL)
            continue
        mean = sum(value for _, value in kept) / len(kept)
        study.tell(number, -mean if kept[0][0] == "exploitability" else mean)


def _jobs(folder: Path, learner: str, env: Any, steps: int, trial: Any, seeds: int) -> list[Job]:
    place = folder / f"trial_{trial.number:04d}"
    said = f"trial {trial.number}"
    settings = in_text(trial.params)
    return [Job(said, learner, settings, seed, place / f"seed_{seed}", env, steps) for seed in range(seeds)]


def _score(folder: Path) -> tuple[str, float] | None:
    """Return what a run's last test measured, and how much; None where it was no number."""
    rows = [json.loads(line) for line in read_bytes(folder / LINES_FILE, MOST_TEXT).decode().splitlines()]
    for measure in ("exploitability", "return"):
        figures = [row[f"test_{measure}"] for row in rows if f"test_{measure}" in row]
        if figures:
            return (measure, float(figures[-1])) if figures[-1] is not None else None
    return None


def _found(study: Any, optuna: Any, what: tuple[str, str, int, dict[str, Any]], folder: Path) -> Found:
    tried, measure = [], "return"
    for trial in study.trials:
        if trial.state == optuna.trial.TrialState.COMPLETE:
            score = _score(folder / f"trial_{trial.number:04d}" / "seed_0")
            measure = measure if score is None else score[0]
            tried.append(Tried(trial.number, trial.params, float(trial.value)))
        elif trial.state == optuna.trial.TrialState.FAIL:
            tried.append(Tried(trial.number, trial.params, math.nan))
    tried.sort(key=lambda trial: (math.isnan(trial.score), -trial.score))
    sign = -1.0 if measure == "exploitability" else 1.0
    learner, env, steps, given = what
    trials = tuple(trial._replace(score=sign * trial.score) for trial in tried)
    return Found(learner, env, steps, measure, given, trials)


def _keep(found: Found, folder: Path) -> None:
    write_text(folder / "results.json", json.dumps(figures(found), indent=2))


def figures(found: Found) -> dict[str, Any]:
    """Return what a search has come to, as JSON has it."""
    rows = [
        {"trial": t.number, "settings": dict(t.settings), found.measure: None if math.isnan(t.score) else t.score}
        for t in found.trials
    ]
    about = {"learner": found.learner, "env": found.env, "steps": found.steps, "measure": found.measure}
    return {**about, "trials": rows, "command": found.command}
