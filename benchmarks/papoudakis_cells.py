"""The table of Papoudakis et al. (NeurIPS 2021): what it has, and what a cell is of several seeds' evaluations."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

Curve = Sequence[tuple[int, float]]  # (steps, mean return of an evaluation), in order

# Maximum returns with parameter sharing, and what the paper gives after the ±, of IQL, IA2C, IPPO, MADDPG, COMA, MAA2C,
# MAPPO, VDN and QMIX. Written down from memory: the paper could not be opened here, so read it before quoting them.
_FIFTY = "50 50 50 {} 50 50 50 50 50"
PUBLISHED = {
    "Climbing": "195±67.82 175 175 170±10 185±48.99 175 175 175±54.77 175±54.77",
    "Penalty k=0": "250 250 250 249.98±0.04 250 250 250 250 250",
    "Penalty k=-25": _FIFTY.format("49.97±0.02"),
    "Penalty k=-50": _FIFTY.format("49.98±0.02"),
    "Penalty k=-75": _FIFTY.format("49.97±0.02"),
    "Penalty k=-100": _FIFTY.format("49.97±0.03"),
    "Speaker-Listener": "-18.36±4.67 -12.6±3.62 -13.1±3.5 -13.56±1.73 -30.4±5.18 "
    "-10.71±0.38 -10.68±0.3 -15.95±2.48 -11.56±0.53",
    "Spread": "-132.63±2.22 -134.43±1.15 -133.86±3.67 -141.7±1.74 -204.31±6.3 "
    "-129.9±1.63 -133.54±3.08 -131.03±1.85 -126.62±2.96",
    "Adversary": "9.38±0.91 12.12±0.44 12.17±0.32 8.97±0.89 8.05±0.89 12.06±0.45 11.3±0.38 9.28±0.9 9.67±0.66",
    "Tag": "22.18±2.83 17.44±1.31 19.44±2.94 12.5±6.3 8.72±4.42 19.95±7.15 18.52±5.64 24.5±2.19 31.18±3.81",
    "8x8-2p-2f-c": "1 1 1 0.46±0.02 0.61±0.3 1 1 1 0.96±0.07",
    "8x8-2p-2f-2s-c": "1 1 0.78±0.05 0.7±0.04 0.45±0.15 1 0.85±0.06 1 1",
    "10x10-3p-3f": "0.93±0.02 1 0.98±0.01 0.24±0.04 0.19±0.06 1 0.99±0.01 0.84±0.08 0.84±0.08",
    "10x10-3p-3f-2s": "0.86±0.01 0.94±0.03 0.7±0.03 0.41±0.03 0.29±0.12 0.96±0.02 0.72±0.03 0.9±0.03 0.9±0.01",
    "15x15-3p-5f": "0.17±0.08 0.89±0.04 0.77±0.08 0.1±0.02 0.08±0.04 0.87±0.06 0.77±0.02 0.15±0.02 0.09±0.04",
    "15x15-4p-3f": "0.54±0.18 0.99±0.01 0.98±0.01 0.17±0.01 0.17±0.04 1 0.96±0.02 0.38±0.13 0.15±0.06",
    "15x15-4p-5f": "0.22±0.04 0.93±0.03 0.67±0.22 0.12±0.06 0.12±0.06 0.95±0.01 0.7±0.25 0.3±0.04 0.25±0.09",
    "RWARE Tiny 4p": "0.72±0.37 26.34±4.6 31.82±10.71 0.54±0.1 1.16±0.15 32.5±9.79 49.42±1.22 0.8±0.28 0.3±0.19",
    "RWARE Small 4p": "0.14±0.28 6.54±1.15 19.78±3.12 0.18±0.12 0.16±0.16 10.3±1.48 27±1.8 0.18±0.27 0.06±0.08",
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
