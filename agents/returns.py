"""What a step is worth, from rewards and the values of the states that follow.

All take float32 arrays [B, T] (team) with masks [B, T], or [B, T, N] where every agent has its own rewards or values;
masks are the episodes'. `value[b, t]` is the value of the state that step t ends in (not the one it begins in) unless
said otherwise. Past the end of an episode the result is 0. A terminated step bootstraps from nothing, a truncated one
from the value of its last state.

Where agents come and go by themselves, values [B, T, N] are taken with their `Lives`. Then time is each agent's own:
steps at which it does not act are skipped, and its last step bootstraps from no value if the rules ended its game, but
counts what is still paid until the episode ends (nothing, as a rule, where rewards are its own; the team's otherwise,
so that an agent learns what its leaving did for those who stay: the posthumous credit of Cohen et al. 2021, arXiv
2111.05992, here as the rewards themselves). Where time ran out for it alone, the value of what it saw last counts.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import jit

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class Lives(NamedTuple):
    """Who plays when, as in `Episodes`."""

    alive: Mask  # [B, T + 1, N]
    ended: Mask  # [B, T + 1, N]


def td_lambda(
    reward: Floats,
    value: Floats,
    terminated: Mask,
    filled: Mask,
    gamma: float,
    trace: float,
    lives: Lives | None = None,
) -> Floats:
    """Return lambda-returns (Sutton and Barto 2018, eq. 12.20); `trace` is lambda, 0 the one-step target.

    G[t] = r[t] + gamma ((1 - lambda) v[t] + lambda G[t + 1]), where v stands in for G past the last step. Less the
    value of the state that a step is taken in, that is its generalised advantage (Schulman et al. 2016, eq. 16).
    """
    if lives is not None:
        facts = _apart(reward, value, terminated, filled, gamma, lives)
        return _together(td_lambda(*facts, gamma, trace), value.shape)
    reward, value, shape = _flat(reward, value)
    out = np.zeros_like(value)
    _td_lambda(reward, value, terminated, filled, gamma, trace, out)
    return out.reshape(shape)


def n_step(
    reward: Floats,
    value: Floats,
    terminated: Mask,
    filled: Mask,
    gamma: float,
    steps: int,
    lives: Lives | None = None,
) -> Floats:
    """Return n-step returns (Sutton and Barto 2018, eq. 7.1): n rewards, then the value; fewer at the episode's end."""
    if lives is not None:
        facts = _apart(reward, value, terminated, filled, gamma, lives)
        return _together(n_step(*facts, gamma, steps), value.shape)
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


def _apart(
    reward: Floats, value: Floats, terminated: Mask, filled: Mask, gamma: float, lives: Lives
) -> tuple[Floats, Floats, Mask, Mask]:
    """Return reward, value, terminated and filled with an episode for each agent, [B * N, T, 1] and [B * N, T].

    None of them is terminated: the value after a step that ended an agent's game is what was still paid.
    """
    batch, steps, agents = value.shape
    paid, value, _ = _flat(reward, value)
    over = terminated[:, :, None] | lives.ended[:, 1:]
    worth = np.empty_like(value)
    _still_paid(paid, value, over, filled, gamma, worth)

    def apart(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.ascontiguousarray(numbers.transpose(0, 2, 1)).reshape(batch * agents, steps)

    acts = apart(lives.alive[:, :-1] & filled[:, :, None])
    return apart(paid)[..., None], apart(worth)[..., None], np.zeros_like(acts), acts


def _together(found: Floats, shape: tuple[int, ...]) -> Floats:
    """Return what was found agent by agent, [B * N, T, 1], as [B, T, N]."""
    batch, steps, agents = shape
    return np.ascontiguousarray(found.reshape(batch, agents, steps).transpose(0, 2, 1))


@jit
def _still_paid(reward: Any, value: Any, over: Any, filled: Any, gamma: float, worth: Any) -> None:  # pragma: no cover
    batch, steps, width = value.shape
    for b in range(batch):
        for k in range(width):
            rest = 0.0  # what is paid from step t + 1 on
            for t in range(steps - 1, -1, -1):
                worth[b, t, k] = rest if over[b, t, k] else value[b, t, k]
                rest = reward[b, t, k] + gamma * worth[b, t, k] if filled[b, t] else 0.0


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
                    last = True
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
