"""Learners compared: from folders of runs, and from what other tools wrote in marl-eval's form."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from counterplay.agents.comparing import Estimate, Floats, aggregate, bounds, improvement, iqm, normalised, profile
from counterplay.agents.curves import rows_of
from counterplay.agents.log import LINES_FILE, RUN_FILE
from counterplay.engine import arguments
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.files import MOST_TEXT, read_bytes
from counterplay.engine.schema import RunHeader
from counterplay.engine.spec import suggestion
from counterplay.engine.writing import write_text

SCORES = ("last", "best", "absolute")
METRICS = ("return", "mean_episode_return", "exploitability")  # names that others' files may give what is compared
_DEPTH = 4  # folders below the one that is named: of environments, of variants, of seeds
_POINTS = 101  # of a profile, and at the most of a curve
_MOST = 1e100  # of scores and steps; differences of larger ones may be no numbers
_MOST_RUNS = 1000  # of a learner in a task
_MOST_LEARNERS = 100


class Scored(NamedTuple):
    """What the tests of a run came to."""

    task: str
    learner: str
    run: str
    steps: Floats  # [K]
    tests: Floats  # [K]
    absolute: float | None  # of its best, judged anew
    measure: str  # "return", or "exploitability", which is to be small


class Comparison(NamedTuple):
    """Learners beside each other; shares are of the way from 0 to 1 in each task (`ends`), if there are several."""

    learners: tuple[str, ...]
    tasks: tuple[str, ...]
    runs: Mapping[str, tuple[Scored, ...]]  # of each learner
    measure: str
    score: str  # which test of a run counts
    ends: Mapping[str, tuple[float, float]]  # what 0 and 1 are; of a single task nothing is changed
    middle: Mapping[str, Estimate]  # interquartile means
    mean: Mapping[str, Estimate]
    better: Mapping[tuple[str, str], Estimate]  # how likely a run of the first is better than one of the second
    steps: Floats  # [K]; shares of a run's steps where tasks differ in them
    curve: Mapping[str, Estimate]  # [K] interquartile means of tests
    above: Floats  # [K]
    profile: Mapping[str, Estimate]  # [K] the share of runs above each of those

    def as_json(self) -> dict[str, Any]:
        """Return all of it but the runs, for JSON."""

        def plain(found: Estimate) -> dict[str, Any]:
            return {name: part.tolist() for name, part in found._asdict().items()}

        return {
            "learners": list(self.learners),
            "tasks": {task: {"zero": self.ends[task][0], "one": self.ends[task][1]} for task in self.tasks},
            "runs": {learner: len(found) for learner, found in self.runs.items()},
            "measure": self.measure,
            "score": self.score,
            "iqm": {learner: plain(found) for learner, found in self.middle.items()},
            "mean": {learner: plain(found) for learner, found in self.mean.items()},
            "improvement": [
                {"better": one, "than": other, **plain(found)} for (one, other), found in self.better.items()
            ],
            "curve": {"steps": self.steps.tolist(), **{learner: plain(found) for learner, found in self.curve.items()}},
            "profile": {
                "above": self.above.tolist(),
                **{learner: plain(found) for learner, found in self.profile.items()},
            },
        }


def compare(
    paths: str | Path | Sequence[str | Path],
    *,
    score: str = "last",
    ends: Mapping[str, tuple[float, float]] | None = None,
    metric: str | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare learners over tasks and seeds; return interquartile means and what else the field reports of them.

    `paths` are folders of sweeps and of runs, and JSON files in marl-eval's form. Of a run its last test counts, its
    best one (`score` "best", which flatters: it is the best of many), or its best checkpoint judged anew
    ("absolute"). Where there are several tasks, scores are shares of the way between two returns, `ends` of a task
    by name, or the lowest and the highest that any run had in a test. A run that several paths
    lead to counts once. `metric` is what counts of others' files, if
    they have several. Intervals hold 95 % of what 2,000 draws of the runs come to, from a seed.

    Raises `ValueError` for paths without runs, and for learners that were not run in the same tasks.
    """
    if score not in SCORES:
        raise UserError(f"the score of a run is its {', '.join(SCORES[:-1])} or {SCORES[-1]}, not {score!r}")
    arguments.whole("seed", seed, 0)
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    seen = set[Path]()
    found = [run for path in given for run in read(arguments.path("a path", path), metric, seen)]
    if not found:
        raise UserError(f"there are no tested runs in {', '.join(map(str, given)) or 'nothing'}")
    measures = {run.measure for run in found}
    if len(measures) > 1:
        raise UserError("some of these runs were judged by exploitability and some by returns: compare either alone")
    learners, tasks = (tuple(dict.fromkeys(getattr(run, name) for run in found)) for name in ("learner", "task"))
    for learner in learners:
        missing = set(tasks) - {run.task for run in found if run.learner == learner}
        if missing:
            raise UserError(
                f"{learner} has no runs in {sorted(missing)[0]}, where others have: compare learners of the same tasks"
            )
    _checked(ends or {}, tasks)
    _check_size(found, learners)
    return _compared(found, learners, tasks, score, measures.pop(), ends or {}, np.random.default_rng(seed))


def _checked(ends: Mapping[str, tuple[float, float]], tasks: Sequence[str]) -> None:
    for task, pair in ends.items():
        if task not in tasks:
            raise UserError(f"there is no task {task!r} here{suggestion(task, tasks)}")
        if len(pair) != 2 or not all(abs(end) < _MOST for end in pair) or not pair[0] < pair[1]:
            raise UserError(f"the ends of {task} are two numbers, the lower first, not {pair}")


def _check_size(found: Sequence[Scored], learners: Sequence[str]) -> None:
    """Refuse what takes more memory and time than anybody wants of it."""
    if len(learners) > _MOST_LEARNERS:
        raise UserError(f"{len(learners):,} learners are too many to compare: take {_MOST_LEARNERS} at most")
    (learner, task), runs = Counter((run.learner, run.task) for run in found).most_common(1)[0]
    if runs > _MOST_RUNS:
        raise UserError(
            f"{learner} has {runs:,} runs in {task}, more than are compared: take {_MOST_RUNS:,} of a task at most"
        )


def _compared(
    found: Sequence[Scored],
    learners: tuple[str, ...],
    tasks: tuple[str, ...],
    score: str,
    measure: str,
    given: Mapping[str, tuple[float, float]],
    rng: np.random.Generator,
) -> Comparison:
    lower = measure == "exploitability"
    runs = {learner: tuple(run for run in found if run.learner == learner) for learner in learners}
    ends = bounds({task: [run.tests for run in found if run.task == task] for task in tasks}, given)
    several = len(tasks) > 1 or bool(given)

    def shown(scores: Floats, task: str) -> Floats:
        return normalised(scores, ends[task]) if several else scores

    last, curves = dict[str, list[Floats]](), dict[str, list[Floats]]()
    steps = _steps(found, tasks)
    for learner in learners:
        mine = [[run for run in runs[learner] if run.task == task] for task in tasks]
        last[learner] = [
            shown(np.array([_score(run, score, lower) for run in part]), task)
            for task, part in zip(tasks, mine, strict=True)
        ]
        curves[learner] = [
            shown(np.array([np.interp(at, run.steps, run.tests) for run in part]), task)
            for task, part, at in zip(tasks, mine, steps, strict=True)
        ]
    every = np.concatenate([part for parts in last.values() for part in parts])
    above = np.linspace(every.min(), every.max(), _POINTS)
    better = {}
    for pair in permutations(learners, 2):
        one, other = (last[learner] for learner in (reversed(pair) if lower else pair))
        better[pair] = improvement(one, other, rng)
    return Comparison(
        learners,
        tasks,
        runs,
        measure,
        score,
        ends if several else dict.fromkeys(tasks, (0.0, 1.0)),
        {learner: aggregate(last[learner], rng) for learner in learners},
        {learner: aggregate(last[learner], rng, lambda scores: scores.mean(axis=-1)) for learner in learners},
        better,
        steps[0] if _same(steps) else steps[0] / max(1.0, steps[0][-1]),
        {learner: aggregate(curves[learner], rng, iqm) for learner in learners},
        above,
        {learner: profile(last[learner], above, rng) for learner in learners},
    )


def _score(run: Scored, score: str, lower: bool) -> float:
    if score == "last":
        return float(run.tests[-1])
    if score == "best":
        return float(run.tests.min() if lower else run.tests.max())
    if run.absolute is None:
        raise UserError(
            f"run {run.run} of {run.learner} in {run.task} has no absolute score: its best was never judged anew "
            "(finished runs that are kept are); take --score last"
        )
    return run.absolute


def _steps(found: Sequence[Scored], tasks: Sequence[str]) -> list[Floats]:
    """Return at which steps curves are looked at in each task: equally many everywhere, as far as all runs go."""
    of = {task: [run for run in found if run.task == task] for task in tasks}
    points = min(_POINTS, *(len(run.steps) for run in found))
    ends = [(max(run.steps[0] for run in runs), min(run.steps[-1] for run in runs)) for runs in of.values()]
    return [np.linspace(min(first, last), last, points) for first, last in ends]


def _same(steps: Sequence[Floats]) -> bool:
    return all(np.allclose(part, steps[0]) for part in steps)


def read(path: Path, metric: str | None, seen: set[Path]) -> list[Scored]:
    """Return the tested runs in a folder, or in a file of marl-eval's form, less what was `seen`, which grows.

    Raises `ValueError` for what is neither.
    """
    if path.is_dir():
        return list(_in_folder(path, seen))
    if not path.exists():
        raise UserError(f"there is no {path}: name folders of sweeps or runs, or files in marl-eval's JSON form")
    if path.suffix != ".json":
        raise UserError(f"{path} is neither a folder of runs nor a JSON file in marl-eval's form")
    return _in_file(path, metric) if _unseen(path, seen) else []


def _unseen(path: Path, seen: set[Path]) -> bool:
    place = path.resolve()
    known = place in seen
    seen.add(place)
    return not known


def _in_folder(path: Path, seen: set[Path]) -> Iterable[Scored]:
    files = [file for depth in range(_DEPTH) for file in path.glob("*/" * depth + RUN_FILE)]
    for file in sorted(files):
        if file.parent.name == "best" and (file.parent.parent / RUN_FILE) in files:
            continue  # the best of a run is no run beside it
        if not _unseen(file, seen):
            continue
        try:
            about = msgspec.json.decode(read_bytes(file, MOST_TEXT), type=RunHeader)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise UserError(f"{file} says nothing of a run: {str(error)[:200]}") from None
        rows = rows_of(file.parent / LINES_FILE)
        name = "exploitability" if any("test_exploitability" in row for row in rows) else "return"
        tests = np.array([(row["steps"], row[f"test_{name}"]) for row in rows if f"test_{name}" in row], np.float64)
        if len(tests) and not (np.abs(tests) < _MOST).all():
            tell(f"{file.parent} is left out: its tests have numbers that are none, or beyond all measure")
        elif len(tests):
            absolute = None if about.absolute is None else about.absolute.mean
            in_sweep = file.parent.name.startswith("seed_")
            learner = file.parent.parent.name if in_sweep else about.learner
            yield Scored(about.env, learner, str(about.seed), tests[:, 0], tests[:, 1], absolute, name)


Runs = dict[str, dict[str, dict[str, dict[str, dict[str, Any]]]]]  # environment, task, learner, run, step


def _in_file(path: Path, metric: str | None) -> list[Scored]:
    found = []
    try:
        every = msgspec.json.decode(read_bytes(path, MOST_TEXT), type=dict[str, Runs], strict=True)
        for env, tasks in every.items():
            for task, learners in tasks.items():
                for learner, runs in learners.items():
                    found += [_foreign(f"{env}/{task}", learner, run, steps, metric) for run, steps in runs.items()]
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise UserError(f"{path} is not in marl-eval's form: {str(error)[:200]}") from None
    except _Damaged as error:
        raise UserError(f"{path}: {error}") from None
    return found


class _Damaged(Exception):
    """What is wrong with a run of a file."""


def _foreign(task: str, learner: str, run: str, steps: Mapping[str, Mapping[str, Any]], metric: str | None) -> Scored:
    """Return a run of marl-eval's form: `step_count` and lists of figures for each step, `absolute_metrics` beside."""
    run = run.removeprefix("run_")
    where = f"run {run} of {learner} in {task}"
    tests = [row for name, row in steps.items() if name != "absolute_metrics"]
    names = {name for row in tests for name, part in row.items() if isinstance(part, list)}
    known = [name for name in METRICS if name in names] or sorted(names)
    name = metric if metric is not None else known[0] if known else ""
    if name not in names:
        raise _Damaged(f"{where} has no {name or 'metric'}; it has {', '.join(sorted(names)) or 'none'}")

    def number(given: Any, what: str) -> float:
        if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) < _MOST:
            raise _Damaged(f"{where} has a step without {what}, or with numbers that are none")
        return float(given)

    def mean(row: Mapping[str, Any]) -> float:
        figures = row.get(name)
        if not isinstance(figures, list) or not figures:
            raise _Damaged(f"{where} has a step without {name}")
        return float(np.mean([number(figure, name) for figure in figures]))

    pairs = sorted((number(row.get("step_count"), "step_count"), mean(row)) for row in tests)
    if pairs[0][0] < 0:
        raise _Damaged(f"{where} has a step_count below 0")
    at, figures = np.array(pairs, np.float64).T
    absolute = steps.get("absolute_metrics", {})
    measure = "exploitability" if name == "exploitability" else "return"
    return Scored(task, learner, run, at, figures, mean(absolute) if name in absolute else None, measure)


def write_marl_eval(found: Comparison, path: Path) -> None:
    """Write the runs compared in marl-eval's form, for its figures; raises `UserError` where it cannot be written.

    Its tools want all runs tested equally often: tests are brought to the same steps by straight lines. An absolute
    score is of the best judged anew, or of the best test where it never was.
    """
    every: dict[str, Any] = {}
    runs = [run for parts in found.runs.values() for run in parts]
    lower = found.measure == "exploitability"
    for task, at in zip(found.tasks, _steps(runs, found.tasks), strict=True):
        env, _, of_env = task.partition("/") if "/" in task else (task.partition("(")[0], "", task)
        of_task = every.setdefault(env, {}).setdefault(of_env, {})
        for run in (run for run in runs if run.task == task):
            tests = np.interp(at, run.steps, run.tests).tolist()
            steps: dict[str, Any] = {
                f"step_{k}": {"step_count": round(step), found.measure: [test]}
                for k, (step, test) in enumerate(zip(at.tolist(), tests, strict=True))
            }
            last = run.absolute if run.absolute is not None else _score(run, "best", lower)
            steps["absolute_metrics"] = {found.measure: [last]}
            mine = of_task.setdefault(run.learner, {})
            name = f"run_{run.run}"  # folders of several sweeps have the same seeds: none of them is lost
            mine[name if name not in mine else f"{name}_{len(mine)}"] = steps
    write_text(path, json.dumps(every))
