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


def targets(
    reward: Floats,
    value: Floats,
    terminated: Mask,
    filled: Mask,
    gamma: float,
    *,
    trace: float = 1.0,
    steps: int = 0,
    lives: Lives | None = None,
    now: Floats | None = None,
    ratio: Floats | None = None,
    most: float = 1.0,
    longest: float = 1.0,
) -> Floats:
    """Return what steps were worth: each of the field's targets.

    Monte Carlo is `trace` 1 with values of 0, TD(0) is `trace` 0, TD(lambda) anything between (`td_lambda`). With
    `steps` it is the n-step return (`n_step`). With `ratio`, how likely actions are now against what they were when
    they were chosen, it is V-trace (`v_trace`), of all steps to the end or of n, which wants `now` too. With ratios of
    1, `now` the values of the actions taken and `value` the means under the policy, that is Expected SARSA(lambda).
    """
    if ratio is not None:
        assert now is not None, "V-trace takes the values of the states that steps are taken in"
        facts = reward, value, terminated, filled, gamma
        return v_trace(*facts, now, ratio, trace=trace, steps=steps, lives=lives, most=most, longest=longest)
    if steps:
        return n_step(reward, value, terminated, filled, gamma, steps, lives)
    return td_lambda(reward, value, terminated, filled, gamma, trace, lives)


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


def v_trace(
    reward: Floats,
    value: Floats,
    terminated: Mask,
    filled: Mask,
    gamma: float,
    now: Floats,
    ratio: Floats,
    *,
    trace: float = 1.0,
    steps: int = 0,
    lives: Lives | None = None,
    most: float = 1.0,
    longest: float = 1.0,
) -> Floats:
    """Return V-trace targets (Espeholt et al. 2018, "IMPALA", eq. 1), of n `steps`, or of all to the end if 0.

    `now` are the values of the states that steps are taken in, and `ratio` is pi / mu of the actions there, both shaped
    as `value`. Ratios count up to `most` (rho bar, which says whose value is learned) and up to `longest` in how far
    later steps matter (c bar), times `trace`. With ratios of 1 it is `td_lambda`, or `n_step` where `trace` is 1.
    """
    if lives is not None:
        facts = _apart(reward, value, terminated, filled, gamma, lives)
        now, ratio = (_alone(part, part.shape)[..., None] for part in (now, ratio))
        found = v_trace(*facts, gamma, now, ratio, trace=trace, steps=steps, most=most, longest=longest)
        return _together(found, value.shape)
    reward, value, shape = _flat(reward, value)
    out = np.zeros_like(value)
    now, ratio = (np.ascontiguousarray(part.reshape(value.shape)) for part in (now, ratio))
    _v_trace(reward, value, terminated, filled, gamma, now, ratio, trace, steps, most, longest, out)
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
    shape = value.shape
    paid, value, _ = _flat(reward, value)
    over = terminated[:, :, None] | lives.ended[:, 1:]
    worth = np.empty_like(value)
    _still_paid(paid, value, over, filled, gamma, worth)
    acts = _alone(lives.alive[:, :-1] & filled[:, :, None], shape)
    return _alone(paid, shape)[..., None], _alone(worth, shape)[..., None], np.zeros_like(acts), acts


def _alone(numbers: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return numbers [B, T, N] agent by agent, [B * N, T]."""
    batch, steps, agents = shape
    return np.ascontiguousarray(numbers.transpose(0, 2, 1)).reshape(batch * agents, steps)


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


@jit
def _v_trace(
    reward: Any,
    value: Any,
    terminated: Any,
    filled: Any,
    gamma: float,
    now: Any,
    ratio: Any,
    trace: float,
    ahead: int,
    most: float,
    longest: float,
    out: Any,
) -> None:  # pragma: no cover
    batch, steps, width = value.shape
    for b in range(batch):
        for k in range(width):
            length = 0
            for t in range(steps):
                if filled[b, t]:
                    length = t + 1
            beyond = 0.0  # what errors from t + 1 on add to the value of step t + 1's state
            for t in range(length - 1, -1, -1):
                if not filled[b, t]:  # before an agent came
                    beyond = 0.0
                    continue
                if ahead:  # a window ends at each step in its own place
                    total, factor = 0.0, 1.0
                    for u in range(t, min(t + ahead, length)):
                        if not filled[b, u]:
                            break
                        after = 0.0 if terminated[b, u] else gamma * value[b, u, k]
                        total += factor * min(most, ratio[b, u, k]) * (reward[b, u, k] + after - now[b, u, k])
                        factor *= gamma * trace * min(longest, ratio[b, u, k])
                else:
                    after = 0.0 if terminated[b, t] else gamma * value[b, t, k]
                    error = min(most, ratio[b, t, k]) * (reward[b, t, k] + after - now[b, t, k])
                    total = error + gamma * trace * min(longest, ratio[b, t, k]) * beyond
                    beyond = total
                out[b, t, k] = now[b, t, k] + total
