"""Environments in batches: B episodes of N agents that act at once, always as arrays, never a dictionary each.

Shape letters: B episodes, N agents, A actions, O observation, S state, T steps. A `Task` is what an environment's
parameters are (a frozen dataclass, named by a spec such as `foraging(size=8)`); `start(B)` makes an `Env` of it that
plays B episodes side by side.

All B episodes begin at `reset` and end by themselves; there is no automatic reset. An episode that has ended stays as
it ended: its reward is 0 from then on, its flags stay set, its last observation stays readable (to bootstrap from,
where it was truncated), and its actions are ignored. *Terminated* means that the rules ended the episode, so nothing
is worth anything after it; *truncated* means that time ran out, so the state still has a value. They are never both
set.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError

MAX_STEPS = 10**9  # that an environment of ours counts to

_INT64 = np.dtype(np.int64)  # a ready one is found faster


@dataclass(frozen=True)
class EnvSpec:
    """What fits into an environment, and what comes out of it.

    `agents` is N. `actions` is A: how many choices an agent has, or, if `continuous`, how many numbers in [-1, 1] an
    agent's action is. `observation` is O and `state` is S, the numbers in an agent's observation and in the state that
    centralised training may look at. `limit` is T: no episode is longer. `team` says that there is one reward for all
    (in the task's own units), otherwise every agent has its own.
    """

    agents: int
    actions: int
    observation: int
    state: int
    limit: int
    team: bool = True
    continuous: bool = False


class Step(NamedTuple):
    """What an environment shows. The arrays are the environment's own: the next step overwrites them."""

    obs: npt.NDArray[np.float32]  # [B, N, O]
    state: npt.NDArray[np.float32]  # [B, S]
    legal: npt.NDArray[np.bool_]  # [B, N, A]; every agent always has a legal action; one that has no say has just one
    reward: npt.NDArray[np.float32]  # [B] for the team, or [B, N]; for the step that led here (0 after reset)
    terminated: npt.NDArray[np.bool_]  # [B]
    truncated: npt.NDArray[np.bool_]  # [B]


class Env(Protocol):
    """B episodes in play."""

    @property
    def spec(self) -> EnvSpec:
        """What fits, and what comes out."""
        ...

    @property
    def batch(self) -> int:
        """B, how many episodes there are."""
        ...

    def reset(self, rng: np.random.Generator) -> Step:
        """Begin all B episodes anew. All randomness of the episodes follows from `rng`: same state, same episodes."""
        ...

    def step(self, actions: npt.NDArray[Any]) -> Step:
        """Play one action an agent: i64 [B, N], or f32 [B, N, A] if continuous. They have to be legal."""
        ...


@runtime_checkable
class Task(Protocol):
    """The parameters of an environment."""

    @property
    def spec(self) -> EnvSpec:
        """What its environments take and show."""
        ...

    def start(self, batch: int) -> Env:
        """Return an environment of that many episodes (a user's own may have another number); `reset` comes first."""
        ...


@dataclass(frozen=True)
class Own:
    """A user's own environment in place of a task: there is one of it, whatever batch is asked for."""

    env: Env

    @property
    def spec(self) -> EnvSpec:
        return self.env.spec

    def start(self, batch: int) -> Env:
        return self.env


@runtime_checkable
class Drawn(Protocol):
    """An environment that can be looked at."""

    def render(self, episode: int) -> str:
        """Return that episode's present state as lines of plain text, the same number of lines at every step."""
        ...


@runtime_checkable
class Pictured(Protocol):
    """An environment that may have pictures."""

    def picture(self, episode: int) -> npt.NDArray[np.uint8] | None:
        """Return that episode's present state, [height, width, 3], of the same size at every step; None without one."""
        ...


@runtime_checkable
class Photogenic(Protocol):
    """A task whose environments have pictures when they are asked for beforehand."""

    def pictured(self) -> Task:
        """Return the task with them, or as it is where it has none."""
        ...


def blank(spec: EnvSpec, batch: int) -> Step:
    """Return the arrays of a new environment: zeros, every action legal, no episode ended.

    Raises `ValueError` if the batch holds no episode.
    """
    if batch < 1:
        raise UserError(f"a batch holds one episode or more, not {batch}")
    return Step(
        obs=np.zeros((batch, spec.agents, spec.observation), np.float32),
        state=np.zeros((batch, spec.state), np.float32),
        legal=np.ones((batch, spec.agents, spec.actions), np.bool_),
        reward=np.zeros(batch if spec.team else (batch, spec.agents), np.float32),
        terminated=np.zeros(batch, np.bool_),
        truncated=np.zeros(batch, np.bool_),
    )


def choices(actions: npt.NDArray[Any], step: Step) -> npt.NDArray[np.int64]:
    """Return discrete actions as kernels take them, i64 [B, N]; raise `ValueError` for other shapes or numbers."""
    if actions.shape != step.legal.shape[:2] or actions.dtype.kind not in "iu":
        wants = " x ".join(map(str, step.legal.shape[:2]))
        has = " x ".join(map(str, actions.shape)) or "none"
        raise UserError(f"actions must be {wants} integers, one an episode and agent, not {has} of {actions.dtype}")
    return np.ascontiguousarray(actions, _INT64)


def reals(actions: npt.NDArray[Any], step: Step) -> npt.NDArray[np.float32]:
    """Return continuous actions as environments take them, f32 [B, N, A] in [-1, 1]; numbers beyond are cut off.

    Raises `ValueError` for other shapes, and for what is not a finite number.
    """
    if actions.shape != step.legal.shape or actions.dtype.kind not in "iuf" or not np.isfinite(actions).all():
        wants = " x ".join(map(str, step.legal.shape))
        has = " x ".join(map(str, actions.shape)) or "none"
        raise UserError(f"actions must be {wants} finite numbers, not {has} of {actions.dtype}")
    return np.clip(actions.astype(np.float32), -1, 1)


def illegal(actions: npt.NDArray[Any], step: Step) -> UserError:
    """Return the error that names the first illegal action of a running episode."""
    running = ~(step.terminated | step.truncated)
    for b, n in np.argwhere(np.broadcast_to(running[:, None], actions.shape)):
        legal = np.flatnonzero(step.legal[b, n])
        if actions[b, n] not in legal:
            allowed = ", ".join(map(str, legal))
            return UserError(f"episode {b}, agent {n}: action {actions[b, n]} is not legal; legal are {allowed}")
    raise AssertionError("every action is legal")
