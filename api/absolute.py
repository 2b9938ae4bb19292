"""The absolute metric: what the best of a run comes to in episodes that it was not chosen by.

A test that was the best of many flatters. So the best checkpoint is judged anew, by ten times the episodes of a test
(Colas et al. 2018; Gorsane et al. 2022, "Towards a Standardised Performance Evaluation Protocol for Cooperative MARL",
section 4).
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from counterplay.agents.best import BEST, best
from counterplay.agents.run import Run, read, restore
from counterplay.engine.catalogue import is_own
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError

TIMES = 10  # as many episodes as a test
_SEED = 2**40  # of these episodes; those of tests are numbers of steps


def absolute(run: Run) -> dict[str, Any] | None:
    """Return what the best of a run that is kept comes to, as its folder says it; None where there is none."""
    found = best(run.history)
    if run.folder is None or found is None:
        return None
    team = run if found.steps == run.steps else _read(run, run.folder / BEST, found.steps)
    if team is None:
        return None
    score = team.evaluate(TIMES * run.plan.test_episodes, _SEED)
    run.again(team)
    there = score.low == score.low  # of one episode there is no interval
    span = {"low": score.low if there else None, "high": score.high if there else None}
    return {"steps": found.steps, "return": score.mean, **span, "episodes": score.episodes}


def _read(run: Run, place: Path, steps: int) -> Run | None:
    """Return the best of a run out of its folder; None, which is told, where it is not there."""
    own = {name: value for name, value in asdict(run.settings).items() if isinstance(value, str) and is_own(value)}
    try:
        found = restore(read(place), run.task, run.name if is_own(run.name) else None, own)
    except UserError as error:
        tell(f"the best of the run cannot be judged: {error}")
        return None
    return found if found.steps == steps else None
