"""Playing: a batch of episodes from start to end, kept as arrays.

Shape letters: B episodes, T steps (of the longest episode), N agents, A actions, O observation, S state.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import Env, Step


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
        """Return a legal action for every agent, [B, N]; without exploring, the same for the same past."""
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
    best: npt.NDArray[np.int64] = np.where(legal, values, -np.inf).argmax(axis=-1)
    return best


def uniform(legal: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a legal action of each agent, all equally likely; [..., A] becomes [...]."""
    return greedy(rng.random(legal.shape, np.float32), legal)


def sample(logits: npt.NDArray[Any], legal: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a legal action drawn with probabilities softmax(logits) over the legal ones; [..., A] becomes [...].

    The highest of logits plus Gumbel noise is such a draw (Gumbel 1954).
    """
    return greedy(logits + rng.gumbel(size=logits.shape), legal)


def epsilon_greedy(
    values: npt.NDArray[Any], legal: npt.NDArray[np.bool_], epsilon: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return for each agent, by itself, a uniform legal action with probability epsilon, else the greedy one."""
    chosen = greedy(values, legal)
    if epsilon <= 0:
        return chosen
    strays = rng.random(chosen.shape) < epsilon
    return np.where(strays, uniform(legal, rng), chosen)
