"""What runs that are kept are worth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from counterplay.api.runs import load_run
from counterplay.games.envs.tree import TurnBased

if TYPE_CHECKING:  # torch is imported where runs are read
    from counterplay.agents.curves import Curve
    from counterplay.agents.run import Run
    from counterplay.solvers.value import Judgement


def variants(folder: str | Path) -> dict[str, list[Path]]:
    """Return the folders of a sweep's runs by variant; none where a folder holds no sweep."""
    found: dict[str, list[Path]] = {}
    for path in sorted(Path(folder).glob("*/seed_*/run.json")):
        found.setdefault(path.parent.parent.name, []).append(path.parent)
    return found


def judged(run: "Run") -> "Judgement | str | None":
    """Return what a run's policy is worth exactly, why that cannot be said, or None where there is no game to judge."""
    from counterplay.api.training import judge

    if not isinstance(run.task, TurnBased):
        return None
    try:
        return judge(run)
    except ValueError as error:
        return str(error)


def evaluate_sweep(runs: Mapping[str, Sequence[Path]], env: Any, episodes: int, seed: int) -> "list[Curve]":
    """Return what each variant's teams are worth: the mean over seeds of their mean returns, as curves of one point."""
    from counterplay.agents.curves import Curve

    curves = []
    for variant, folders in runs.items():
        teams = [load_run(folder, env) for folder in folders]
        means = np.array([[team.evaluate(episodes, seed).mean] for team in teams])
        steps = np.array([min(team.steps for team in teams)], float)
        speed = float(np.mean([team.steps / max(team.seconds, 1e-9) for team in teams]))
        curves.append(Curve(variant, tuple(team.seed for team in teams), steps, means, speed))
    return curves
