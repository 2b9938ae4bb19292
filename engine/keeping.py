"""What an environment that can be kept (`engine.env.Continuing`) keeps: arrays by name, and what may stand in them.

Kept arrays come back from files, so that everything that a kernel takes as an index is bounded here.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError


class Part(NamedTuple):
    """An array of an environment, and the least and the most that its numbers can be; what is real is finite too."""

    array: npt.NDArray[Any]
    least: float | npt.NDArray[np.float64] = -np.inf
    most: float | npt.NDArray[np.float64] = np.inf


Parts = Mapping[str, Part]


def copies(parts: Parts) -> dict[str, npt.NDArray[Any]]:
    """Return copies of the arrays."""
    return {name: part.array.copy() for name, part in parts.items()}


def put_back(parts: Parts, kept: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write what was kept into the environment's arrays.

    Raises `UserError`, and writes nothing, where names, shapes or types differ, or numbers are out of their bounds.
    """
    if set(kept) != set(parts):
        raise UserError(f"what is kept of this environment is {', '.join(parts)}, not {', '.join(map(str, kept))}")
    for name, (array, least, most) in parts.items():
        found = np.asarray(kept[name])
        if found.shape != array.shape or found.dtype != array.dtype:
            raise UserError(
                f"{name} of an environment that was kept must be {array.dtype} of shape {array.shape}, "
                f"not {found.dtype} of shape {found.shape}"
            )
        if not (np.isfinite(found) & (found >= least) & (found <= most)).all():
            raise UserError(f"{name} of an environment that was kept holds numbers that it cannot have")
    for name, part in parts.items():
        part.array[:] = kept[name]


def fitting(which: npt.NDArray[np.bool_], batch: int) -> npt.NDArray[np.bool_]:
    """Return which episodes are begun anew, [B]; raise `UserError` for what is no flag an episode."""
    which = np.asarray(which)
    if which.shape != (batch,) or which.dtype != np.bool_:
        raise UserError(f"which episodes begin anew is told by {batch} flags, not {which.dtype} of shape {which.shape}")
    return which
