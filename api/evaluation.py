"""What runs that are kept are worth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from counterplay.api.runs import load_alone, load_run, settings_of
from counterplay.engine.errors import UserError
from counterplay.engine.spec import split

if TYPE_CHECKING:  # torch is imported where runs are read
    from counterplay.agents.curves import Curve
    from counterplay.agents.run import Run
    from counterplay.agents.score import Score
    from counterplay.agents.seats import Beside
    from counterplay.engine.env import Task
    from counterplay.solvers.value import Judgement


def variants(folder: str | Path) -> dict[str, list[Path]]:
    """Return the folders of a sweep's runs by variant; none where a folder holds no sweep.

    Of a sweep in several environments a variant's name begins with the environment's folder.
    """
    found: dict[str, list[Path]] = {}
    for pattern in ("*/seed_*/run.json", "*/*/seed_*/run.json"):
        for path in sorted(Path(folder).glob(pattern)):
            found.setdefault(path.parent.parent.relative_to(folder).as_posix(), []).append(path.parent)
    return found


def judged(run: "Run") -> "Judgement | str | None":
    """Return what a run's policy is worth exactly, why that cannot be said, or None where there is no game to judge."""
    from counterplay.api.learned import is_turn_based, judge

    if not is_turn_based(run):
        return None
    try:
        return judge(run)
    except ValueError as error:
        return str(error)


def winnings(run: "Run", episodes: int, seed: int) -> "Score | None":
    """Return what a run's policy wins where a game is too large to be judged (`api.learned.winnings`)."""
    from counterplay.api import learned

    return learned.winnings(run, episodes, seed)


def against(run: "Run", other: str, episodes: int, seed: int) -> "Score":
    """Return what a run's team earns in one seat with another strategy, which a text names, in the others."""
    from counterplay.api import learned
    from counterplay.api.opponents import actor_of, opened

    return learned.earned(run, actor_of(opened(other, None, load_alone), learned.home(run.task)), episodes, seed)


def beside(run: "Run", other: str, seat: int | None) -> "tuple[Task, Beside]":
    """Return a run's own environment, and its team in one seat of it with another strategy, which a text names, beside.

    Raises `UserError` for who fits in no seat, and for a seat that the team has not learned.
    """
    from counterplay.agents.seats import Against, Beside
    from counterplay.api import learned
    from counterplay.api.opponents import actor_of, opened

    task = learned.home(run.task)
    learned_seat = run.task.seat if isinstance(run.task, Against) else None
    seat = (learned_seat or 0) if seat is None else seat
    if seat >= task.spec.agents or task.spec.agents < 2:
        raise UserError(
            f"a seat beside others is one of two or more; here are {task.spec.agents}, from 0 on, not {seat}"
        )
    if learned_seat not in (None, seat):
        raise UserError(f"the run has learned seat {learned_seat}, not {seat}")
    return task, Beside(actor_of(run, task), actor_of(opened(other, None, load_alone), task), seat)


def load_named(folder: str | Path, env: str | None, learner: str | None, set: Sequence[str]) -> "Run":
    """Return the run in a folder, as `load_run` does, with settings as texts `name=value`."""
    settings = {name: values[0] for name, values in settings_of(set, several=False).items()}
    return load_run(folder, env, learner, **settings)


def evaluate_sweep(
    runs: Mapping[str, Sequence[Path]],
    episodes: int,
    seed: int,
    env: Any = None,
    learner: str | None = None,
    set: Sequence[str] = (),
) -> "list[Curve]":
    """Return what each variant's teams are worth: the mean over seeds of their mean returns, as curves of one point.

    What is one's own is named again, as `load_run` wants it: `learner` may list several with commas, and a setting in
    `set` several values, of which each run takes its own.
    """
    from counterplay.agents.curves import Curve

    learners, settings = split(learner or ""), settings_of(set, several=True)
    curves = []
    for variant, folders in runs.items():
        teams = [load_run(folder, env, **_named(folder, learners, settings)) for folder in folders]
        means = np.array([[team.evaluate(episodes, seed).mean] for team in teams])
        steps = np.array([min(team.steps for team in teams)], float)
        speed = float(np.mean([team.steps / max(team.seconds, 1e-9) for team in teams]))
        measure = "return" if teams[0].task.spec.team else "sum"
        curves.append(Curve(variant, tuple(team.seed for team in teams), steps, means, speed, measure))
    return curves


def _named(folder: Path, learners: Sequence[str], settings: Mapping[str, Sequence[object]]) -> dict[str, Any]:
    """Return which of the learners a run of a sweep is by, None if it is by none, and which of the values it has."""
    from counterplay.agents.run import read
    from counterplay.agents.same import same_name

    saved = read(folder)
    kept = saved.about["settings"]
    named = {name: value for name, values in settings.items() for value in values if kept.get(name) == value}
    return named | {"learner": next((learner for learner in learners if same_name(learner, saved.learner)), None)}
