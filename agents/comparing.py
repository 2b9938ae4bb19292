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
_AT_ONCE = 2**23  # numbers that are held when runs are drawn again


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
    drawn = [rng.integers(0, len(part), (RESAMPLED, len(part))) for part in scores]
    together = np.concatenate(scores)
    size = max(1, _AT_ONCE // together.size)  # draws at a time, as many as memory has room for
    again = []
    for start in range(0, RESAMPLED, size):
        parts = [part[at[start : start + size]] for part, at in zip(scores, drawn, strict=True)]
        again.append(of(np.moveaxis(np.concatenate(parts, axis=1), 1, -1)))
    return _interval(of(together.T), np.concatenate(again))


def improvement(one: Scores, other: Scores, rng: np.random.Generator) -> Estimate:
    """Return how likely a run of one learner beats one of the other in the same task, the mean over tasks.

    Ties count half: that is Mann and Whitney's U, as a share of all pairs.
    """
    found, again = [], []
    for mine, theirs in zip(one, other, strict=True):
        wins = 0.5 + 0.5 * np.sign(mine[:, None] - theirs)
        found.append(wins.mean())
        ours, others = _times(len(mine), rng), _times(len(theirs), rng)
        again.append(((ours @ wins) * others).sum(axis=-1) / wins.size)
    return _interval(np.mean(found, axis=0), np.mean(again, axis=0))


def profile(scores: Scores, above: Floats, rng: np.random.Generator) -> Estimate:
    """Return the share of runs that score more than each of K numbers, the mean over tasks."""
    more = [(part[:, None] > above).astype(np.float64) for part in scores]  # [runs, K] of each task
    again = [_times(len(part), rng) @ part / len(part) for part in more]
    return _interval(np.mean([part.mean(axis=0) for part in more], axis=0), np.mean(again, axis=0))


def _times(runs: int, rng: np.random.Generator) -> Floats:
    """Return how many times each run is drawn when runs are drawn again, [B, runs]."""
    drawn = rng.integers(0, runs, (RESAMPLED, runs)) + runs * np.arange(RESAMPLED)[:, None]
    return np.bincount(drawn.ravel(), minlength=RESAMPLED * runs).reshape(RESAMPLED, runs).astype(np.float64)


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
