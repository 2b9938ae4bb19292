"""The table of Papoudakis et al. (NeurIPS 2021): what it has, and what a cell is of several seeds' evaluations."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

Curve = Sequence[tuple[int, float]]  # (steps, mean return of an evaluation), in order

# Maximum returns with parameter sharing of IQL, IA2C, IPPO, MADDPG, COMA, MAA2C, MAPPO, VDN and QMIX, where they were
# read in the paper; to add others is to read them there.
PUBLISHED = {
    "Spread": "– – – -141.7 – – – – –",
    "8x8-2p-2f-c": "1 – 1 0.46 0.61 1 1 1 0.96",
    "10x10-3p-3f": "– – – – – – 0.99 – 0.84",
    "15x15-4p-5f": "– – – – – 0.95 0.7 – 0.25",
    "RWARE Tiny 2p": "– – – – – – 21 – –",
    "RWARE Tiny 4p": "– – – – – – 49 – –",
}


class Cell(NamedTuple):
    """The evaluation with the highest mean over seeds, and how sure that mean is."""

    mean: float
    half: float  # half of its 95% interval, by Student's t; nan of one seed
    seeds: int
    steps: int  # that all of these seeds have


def evaluations(curve: Curve, at: Sequence[int]) -> list[float]:
    """Return a run's evaluation at each of these numbers of steps that it has come to: the first one from there on."""
    found: list[float] = []
    for point in at:
        value = next((value for steps, value in curve if steps >= point), None)
        if value is None:
            break
        found.append(value)
    return found


def best(curves: Sequence[Curve], at: Sequence[int]) -> Cell | None:
    """Return what a table says of several seeds that were evaluated at these numbers of steps, as far as all have come.

    That is the paper's maximum return: the mean over seeds of the one evaluation at which this mean is highest. None
    where the seeds have no evaluation in common.
    """
    runs = [evaluations(curve, at) for curve in curves]
    common = min((len(run) for run in runs), default=0)
    if not common:
        return None
    values = np.array([run[:common] for run in runs])  # [seeds, evaluations]
    chosen = values[:, values.mean(axis=0).argmax()]
    n = len(chosen)
    half = float(stats.t.ppf(0.975, n - 1) * chosen.std(ddof=1) / n**0.5) if n > 1 else float("nan")
    return Cell(float(chosen.mean()), half, n, min(curve[-1][0] for curve in curves))
