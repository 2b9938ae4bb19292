"""What environments tell of their episodes beside returns (`engine.env.Informed`), as figures of rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import Env, Informed

Infos = Mapping[str, npt.NDArray[np.float64]]  # what episodes told by name, [E] each


def heard_of(env: Env, which: npt.NDArray[np.bool_] | None = None) -> Infos:
    """Return what the episodes of an environment, or those of `which` ([B]), have told; nothing where it tells none."""
    if not isinstance(env, Informed):
        return {}
    return {name: np.array(x if which is None else x[which], np.float64) for name, x in env.infos().items()}


def figures(parts: Sequence[Infos], prefix: str = "info_") -> dict[str, float]:
    """Return the mean of what episodes told, by name, over those that told it; nothing of what nobody has."""
    found = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        numbers = np.concatenate([part[name] for part in parts if name in part])
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers):
            found[prefix + name] = float(numbers.mean())
    return found
