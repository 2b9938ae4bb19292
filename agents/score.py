"""What episodes earned, as a mean with an interval."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.infos import Infos, figures


class Score(NamedTuple):
    """What play without exploring is worth: the mean return of episodes, with a confidence interval of Student's t."""

    mean: float
    low: float
    high: float
    episodes: int
    returns: npt.NDArray[np.float64]  # [B] the team's, or [B, N]
    infos: Mapping[str, float] = MappingProxyType({})  # means of what the environment tells beside, by name


def score(returns: npt.NDArray[np.float64], confidence: float = 0.95, told: Sequence[Infos] = ()) -> Score:
    """Return what returns [B], or each agent's own [B, N], come to, with what episodes have told."""
    low, high = interval(totals(returns), confidence)
    return Score(float(totals(returns).mean()), low, high, len(returns), returns, figures(told, ""))


def totals(returns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the team's returns [B], of [B] or of each agent's own [B, N]."""
    return returns if returns.ndim == 1 else returns.sum(axis=1)


def own_means(name: str, returns: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return the agents' own mean returns by name, `return_0` and so on; none of a team's."""
    return {f"{name}_{n}": float(own.mean()) for n, own in enumerate(returns.T)} if returns.ndim > 1 else {}


def interval(numbers: npt.NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the confidence interval of the mean, by Student's t; nan of fewer than two numbers."""
    from scipy.stats import t

    mean, count = float(numbers.mean()), len(numbers)
    if count < 2:
        return math.nan, math.nan
    half = float(t.ppf(0.5 + confidence / 2, count - 1) * numbers.std(ddof=1) / math.sqrt(count))
    return mean - half, mean + half
