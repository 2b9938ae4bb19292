"""How learners compare over tasks and seeds, with what chance leaves open: as the field reports it.

Sources: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice" (interquartile
means, probabilities of improvement, performance profiles, and the stratified bootstrap: runs are drawn again task by
task); Gorsane et al. 2022, "Towards a standardised performance evaluation protocol for cooperative MARL" (scores
between the lowest and the highest return of any learner in a task). Intervals are percentiles of what was drawn again,
so that they never leave what runs came to.

Shape letters: T tasks, N runs of a learner in all tasks, B times that runs are drawn again, K points.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Scores = Sequence[npt.NDArray[np.float64]]  # of each task, those of its runs: [runs], or [runs, K]
Floats = npt.NDArray[np.float64]

RESAMPLED = 2000  # B
CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A number, or K of them, with its interval."""

    value: Floats
    low: Floats
    high: Floats


def iqm(scores: Floats) -> Floats:
    """Return the interquartile mean over the last axis: of what the lowest and the highest quarter leave.

    A quarter is rounded down to whole runs; of fewer than four it is the mean.
    """
    found: Floats = stats.trim_mean(scores, 0.25, axis=-1)
    return found


def aggregate(scores: Scores, rng: np.random.Generator, of: Callable[[Floats], Floats] = iqm) -> Estimate:
    """Return an aggregate of all runs of a learner, each [runs] or [runs, K], with its interval."""
    together = np.concatenate(scores)
    again = [part[rng.integers(0, len(part), (RESAMPLED, len(part)))] for part in scores]  # [B, runs] or [B, runs, K]
    return _interval(of(together.T), of(np.moveaxis(np.concatenate(again, axis=1), 1, -1)))


def improvement(one: Scores, other: Scores, rng: np.random.Generator) -> Estimate:
    """Return how likely a run of one learner beats one of the other in the same task, the mean over tasks.

    Ties count half: that is Mann and Whitney's U, as a share of all pairs.
    """

    def chance(mine: Floats, theirs: Floats) -> Floats:
        wins: Floats = np.sign(mine[..., :, None] - theirs[..., None, :])
        share: Floats = 0.5 + 0.5 * wins.mean(axis=(-2, -1))
        return share

    pairs = list(zip(one, other, strict=True))
    found = np.mean([chance(*pair) for pair in pairs], axis=0)
    again = np.mean([chance(*(_again(part, rng) for part in pair)) for pair in pairs], axis=0)
    return _interval(found, again)


def profile(scores: Scores, above: Floats, rng: np.random.Generator) -> Estimate:
    """Return the share of runs that score more than each of K numbers, the mean over tasks."""

    def share(runs: Floats) -> Floats:  # [..., runs] -> [..., K]
        return np.stack([(runs > number).mean(axis=-1) for number in above], axis=-1)

    found = np.mean([share(part) for part in scores], axis=0)
    return _interval(found, np.mean([share(_again(part, rng)) for part in scores], axis=0))


def _again(runs: Floats, rng: np.random.Generator) -> Floats:
    return runs[rng.integers(0, len(runs), (RESAMPLED, len(runs)))]


def _interval(value: Floats, again: Floats) -> Estimate:
    low, high = np.quantile(again, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return Estimate(np.asarray(value), low, high)


def bounds(tasks: Mapping[str, Scores], given: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Return what 0 and 1 are in each task: what is given, or the least and the most that any run came to."""
    found = {}
    for task, scores in tasks.items():
        together = np.concatenate([part.ravel() for part in scores])
        found[task] = given.get(task, (float(together.min()), float(together.max())))
    return found


def normalised(scores: Floats, ends: tuple[float, float]) -> Floats:
    """Return scores as shares of the way between two; 0 where there is no way."""
    low, high = ends
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)
