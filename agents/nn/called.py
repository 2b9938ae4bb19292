"""Modules called with arrays, by those who know nothing of tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents.nn.mixers import make_mixer


def on_arrays(mixer: Any, agents: int, state: int) -> Callable[..., npt.NDArray[np.float64]]:
    """Return a mixer as a function of arrays: values [B, N] and states [B, S] to [B].

    It may be the name of one, as `make_mixer` takes it, a module, or a function of arrays, which is returned as it is.
    """
    if isinstance(mixer, str):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            mixer = make_mixer(mixer, agents, state)
    if not isinstance(mixer, torch.nn.Module):
        return mixer  # type: ignore[no-any-return]

    def called(values: npt.NDArray[np.float64], states: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        with torch.no_grad():
            found = mixer(torch.from_numpy(values).float(), torch.from_numpy(states).float())
        return found.double().numpy()  # type: ignore[no-any-return]

    return called
