"""Playing: a batch of episodes from start to end, kept as arrays.

Shape letters: B episodes, T steps (of the longest episode), N agents, A actions, O observation, S state.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import Env, Step
from counterplay.engine.jit import jit


class Episodes(NamedTuple):
    """B episodes, side by side. Row t + 1 of the first three follows action t; what is not `filled` is nothing."""

    obs: npt.NDArray[np.float32]  # [B, T + 1, N, O]
    state: npt.NDArray[np.float32]  # [B, T + 1, S]
    legal: npt.NDArray[np.bool_]  # [B, T + 1, N, A]
    action: npt.NDArray[np.int64]  # [B, T, N]
    reward: npt.NDArray[np.float32]  # [B, T] for the team, or [B, T, N]
    terminated: npt.NDArray[np.bool_]  # [B, T]; the rules ended the episode with this step (time running out does not)
    filled: npt.NDArray[np.bool_]  # [B, T]; the step was played

    @property
    def steps(self) -> int:
        """Return how many steps were played, of all episodes together."""
        return int(self.filled.sum())

    def returns(self) -> npt.NDArray[np.float64]:
        """Return the undiscounted return of each episode: [B] for the team, or [B, N]."""
        total: npt.NDArray[np.float64] = self.reward.sum(axis=1, dtype=np.float64)
        return total


class Actor(Protocol):
    """Whoever chooses the agents' actions."""

    def begin(self, batch: int) -> None:
        """Forget what was seen: that many new episodes begin."""
        ...

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return a legal action for every agent, [B, N]; without exploring as well as it can."""
        ...


def collect(env: Env, actor: Actor, rng: np.random.Generator, explore: bool = True) -> Episodes:
    """Play the environment's B episodes to their ends."""
    spec, many = env.spec, env.batch
    obs = np.zeros((many, spec.limit + 1, spec.agents, spec.observation), np.float32)
    state = np.zeros((many, spec.limit + 1, spec.state), np.float32)
    legal = np.zeros((many, spec.limit + 1, spec.agents, spec.actions), np.bool_)
    action = np.zeros((many, spec.limit, spec.agents), np.int64)
    reward = np.zeros((many, spec.limit) if spec.team else (many, spec.limit, spec.agents), np.float32)
    terminated = np.zeros((many, spec.limit), np.bool_)
    filled = np.zeros((many, spec.limit), np.bool_)

    actor.begin(many)
    step = env.reset(rng)
    playing = np.ones(many, np.bool_)
    played = 0
    while played < spec.limit and playing.any():
        t = played
        obs[:, t], state[:, t], legal[:, t] = step.obs, step.state, step.legal
        filled[:, t] = playing
        action[:, t] = actor.act(step, rng, explore)
        step = env.step(action[:, t])
        reward[:, t] = step.reward
        terminated[:, t] = step.terminated & playing
        playing &= ~(step.terminated | step.truncated)
        played += 1
    obs[:, played], state[:, played], legal[:, played] = step.obs, step.state, step.legal
    return Episodes(
        obs[:, : played + 1],
        state[:, : played + 1],
        legal[:, : played + 1],
        action[:, :played],
        reward[:, :played],
        terminated[:, :played],
        filled[:, :played],
    )


def greedy(values: npt.NDArray[Any], legal: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the legal action of the highest value, the first of equals; [..., A] becomes [...]."""
    return epsilon_greedy(values, legal, 0.0, None)


def epsilon_greedy(
    values: npt.NDArray[Any], legal: npt.NDArray[np.bool_], epsilon: float, rng: np.random.Generator | None
) -> npt.NDArray[np.int64]:
    """Return for each agent, by itself, a uniform legal action with probability epsilon, else the greedy one."""
    actions = legal.shape[-1]
    chosen = np.empty(legal.size // actions, np.int64)
    # Two numbers each: whether to stray, and where to.
    drawn = _NONE if rng is None or epsilon <= 0 else rng.random((len(chosen), 2))
    _choose(np.ascontiguousarray(values).reshape(-1), np.ascontiguousarray(legal).reshape(-1), epsilon, drawn, chosen)
    return chosen.reshape(legal.shape[:-1])


def sample(logits: npt.NDArray[Any], legal: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a legal action drawn with probabilities softmax(logits) over the legal ones; [..., A] becomes [...]."""
    actions = legal.shape[-1]
    chosen = np.empty(legal.size // actions, np.int64)
    drawn = rng.random(len(chosen))
    _sample(np.ascontiguousarray(logits).reshape(-1), np.ascontiguousarray(legal).reshape(-1), drawn, chosen)
    return chosen.reshape(legal.shape[:-1])


_NONE = np.empty((0, 2))


@jit
def _choose(values: Any, legal: Any, epsilon: float, drawn: Any, chosen: Any) -> None:  # pragma: no cover
    actions = len(legal) // max(len(chosen), 1)
    for i in range(len(chosen)):
        count, best, highest = 0, -1, -np.inf
        for a in range(actions):
            if legal[i * actions + a]:
                count += 1
                if best < 0 or values[i * actions + a] > highest:
                    best, highest = a, values[i * actions + a]
        if len(drawn) and drawn[i, 0] < epsilon:
            left = int(drawn[i, 1] * count)  # so many legal actions come before the one drawn
            for a in range(actions):
                if legal[i * actions + a]:
                    if left == 0:
                        best = a
                        break
                    left -= 1
        chosen[i] = best


@jit
def _sample(logits: Any, legal: Any, drawn: Any, chosen: Any) -> None:  # pragma: no cover
    actions = len(legal) // max(len(chosen), 1)
    for i in range(len(chosen)):
        highest, total = -np.inf, 0.0
        for a in range(actions):
            if legal[i * actions + a]:
                highest = max(highest, logits[i * actions + a])
        for a in range(actions):
            if legal[i * actions + a]:
                total += np.exp(logits[i * actions + a] - highest)
        left = drawn[i] * total
        for a in range(actions):
            if legal[i * actions + a]:
                chosen[i] = a  # the last legal one if rounding leaves something
                left -= np.exp(logits[i * actions + a] - highest)
                if left < 0:
                    break
