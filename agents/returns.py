"""What a step is worth, from rewards and the values of the states that follow.

All take float32 arrays [B, T] (team) with masks [B, T], or [B, T, N] where every agent has its own rewards or values;
masks are the episodes'. `value[b, t]` is the value of the state that step t ends in (not the one it begins in) unless
said otherwise. Past the end of an episode the result is 0. A terminated step bootstraps from nothing, a truncated one
from the value of its last state.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import jit

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def td_lambda(reward: Floats, value: Floats, terminated: Mask, filled: Mask, gamma: float, trace: float) -> Floats:
    """Return lambda-returns (Sutton and Barto 2018, eq. 12.20); `trace` is lambda, 0 the one-step target.

    G[t] = r[t] + gamma ((1 - lambda) v[t] + lambda G[t + 1]), where v stands in for G past the last step. Less the
    value of the state that a step is taken in, that is its generalised advantage (Schulman et al. 2016, eq. 16).
    """
    reward, value, shape = _flat(reward, value)
    out = np.zeros_like(value)
    _td_lambda(reward, value, terminated, filled, gamma, trace, out)
    return out.reshape(shape)


def n_step(reward: Floats, value: Floats, terminated: Mask, filled: Mask, gamma: float, steps: int) -> Floats:
    """Return n-step returns (Sutton and Barto 2018, eq. 7.1): n rewards, then the value; fewer at the episode's end."""
    reward, value, shape = _flat(reward, value)
    out = np.zeros_like(value)
    _n_step(reward, value, terminated, filled, gamma, steps, out)
    return out.reshape(shape)


def _flat(reward: Floats, value: Floats) -> tuple[Floats, Floats, tuple[int, ...]]:
    """Return both as [B, T, K]; a team's reward counts for each of K values."""
    shape = value.shape
    value = value.reshape(*shape[:2], -1)
    reward = np.broadcast_to(reward.reshape(*shape[:2], -1), value.shape)
    return np.ascontiguousarray(reward), np.ascontiguousarray(value), shape


@jit
def _td_lambda(
    reward: Any, value: Any, terminated: Any, filled: Any, gamma: float, trace: float, out: Any
) -> None:  # pragma: no cover
    batch, steps, width = value.shape
    for b in range(batch):
        for k in range(width):
            following, last = 0.0, True
            for t in range(steps - 1, -1, -1):
                if not filled[b, t]:
                    continue
                after = value[b, t, k]
                if not last:
                    after = (1.0 - trace) * after + trace * following
                if terminated[b, t]:
                    after = 0.0
                following = reward[b, t, k] + gamma * after
                out[b, t, k] = following
                last = False


@jit
def _n_step(
    reward: Any, value: Any, terminated: Any, filled: Any, gamma: float, ahead: int, out: Any
) -> None:  # pragma: no cover
    batch, steps, width = value.shape
    for b in range(batch):
        for k in range(width):
            for t in range(steps):
                if not filled[b, t]:
                    continue
                total, factor, last = 0.0, 1.0, t
                for u in range(t, min(t + ahead, steps)):
                    if not filled[b, u]:
                        break
                    total += factor * reward[b, u, k]
                    factor *= gamma
                    last = u
                if not terminated[b, last]:
                    total += factor * value[b, last, k]
                out[b, t, k] = total
