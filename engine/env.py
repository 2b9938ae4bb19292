"""Environments in batches: B episodes of N agents that act at once, always as arrays, never a dictionary each.

Shape letters: B episodes, N agents, A actions, O observation, S state, T steps. A `Task` is what an environment's
parameters are (a frozen dataclass, named by a spec such as `foraging(size=8)`); `start(B)` makes an `Env` of it that
plays B episodes side by side.

All B episodes begin at `reset` and end by themselves; there is no automatic reset. An episode that has ended stays as
it ended: its reward is 0 from then on, its flags stay set, its last observation stays readable (to bootstrap from,
where it was truncated), and its actions are ignored, until it is begun anew, with the others or alone (`Continuing`).
*Terminated* means that the rules ended the episode, so nothing is worth anything after it; *truncated* means that time
ran out, so the state still has a value. They are never both set.

Where agents may leave or come while others play on (`EnvSpec.lives`), a step also says who is `alive`, hence acts, and
whose game the rules have `ended`. One that is neither has not come yet, or time ran out for it alone; what it saw last
is shown once more then, since that has a value. Whoever is not alive has one legal action, which nobody hears of.
"""

from collections.abc import Mapping
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
    agent's action is. With `parts`, an action is P choices at once, of `parts[p]` options each (Gymnasium's
    MultiDiscrete); A is then the sum of these, and what is legal of each part lies side by side. `observation` is O and
    `state` is S, the numbers in an agent's observation and in the state that centralised training may look at. `limit`
    is T: no episode is longer. `team` says that there is one reward for all (in the task's own units), otherwise every
    agent has its own. `lives` says that agents may leave or come while others play on. `byte_obs` says that
    observations are whole numbers from 0 to 255, such as pictures are made of, kept as u8; `byte_state` says it of the
    state. `turns` says that players act in turn, and that plays can be copied and gone on with (`engine.branches`).
    `in_turn` says that one agent has a choice at a time, and observes its seat.

    What networks may make use of: an observation begins with a `grid` of (rows, columns, depth) numbers, in this order;
    `entities` of a kind are `count` times `width` numbers from `start` on, (start, count, width) for each kind, and all
    other numbers are the agent's own; agents of one of the `roles` (a number for each agent) are alike, and others are
    not, so that they share no network.
    """

    agents: int
    actions: int
    observation: int
    state: int
    limit: int
    team: bool = True
    continuous: bool = False
    lives: bool = False
    byte_obs: bool = False
    byte_state: bool = False
    turns: bool = False
    parts: tuple[int, ...] = ()
    grid: tuple[int, int, int] | tuple[()] = ()
    entities: tuple[tuple[int, int, int], ...] = ()
    roles: tuple[int, ...] = ()
    in_turn: bool = False

    @property
    def kind(self) -> str:
        """What an agent's action is: "choice", "choices" (several at once), or "numbers"."""
        return "numbers" if self.continuous else "choices" if self.parts else "choice"

    @property
    def action_shape(self) -> tuple[int, ...]:
        """The shape of an agent's action: (), (P,), or (A,) of numbers."""
        return (self.actions,) if self.continuous else (len(self.parts),) if self.parts else ()

    @property
    def action_type(self) -> type[np.generic]:
        """What actions are kept as."""
        return np.float32 if self.continuous else np.int64

    @property
    def obs_type(self) -> type[np.generic]:
        """What an observation's numbers are kept as."""
        return np.uint8 if self.byte_obs else np.float32

    @property
    def state_type(self) -> type[np.generic]:
        """What a state's numbers are kept as."""
        return np.uint8 if self.byte_state else np.float32


class Step(NamedTuple):
    """What an environment shows. The arrays are the environment's own: the next step overwrites them."""

    obs: npt.NDArray[Any]  # [B, N, O] f32, or u8 where the spec says so
    state: npt.NDArray[Any]  # [B, S] f32, or u8
    legal: npt.NDArray[np.bool_]  # [B, N, A]; every agent always has a legal action; one that has no say has just one
    reward: npt.NDArray[np.float32]  # [B] for the team, or [B, N]; for the step that led here (0 after reset)
    terminated: npt.NDArray[np.bool_]  # [B]
    truncated: npt.NDArray[np.bool_]  # [B]
    alive: npt.NDArray[np.bool_] | None = None  # [B, N] who acts next, or would, had time not run out; None: all
    ended: npt.NDArray[np.bool_] | None = None  # [B, N] whose game the rules ended; None: as the episode


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
        """Play one action an agent: i64 [B, N] or, of several parts, [B, N, P]; f32 [B, N, A] if continuous.

        They have to be legal.
        """
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
class Continuing(Protocol):
    """An environment whose ended episodes can be begun anew while others play on, and whose state can be kept."""

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        """Begin the episodes of `which`, [B], anew, and leave the others as they are.

        Returns the present step, in which those that begin are paid nothing and have not ended. What is drawn from
        `rng` is as much for few as for all, so that an episode begins the same whichever others do.
        """
        ...

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `resume` needs, as copies: where the episodes are, their luck, what was paid last."""
        ...

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        """Go on from what was kept, by this or another batch of the task: the same actions give the same steps.

        Returns the step that was shown then. Raises `UserError` for arrays that do not fit, and changes nothing then.
        """
        ...


@runtime_checkable
class Informed(Protocol):
    """An environment that tells more of its episodes than what they paid, such as whether they were won."""

    def infos(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return by name what each episode told last, [B]; nan of those that have not told it.

        Of an episode that has ended that is what it told at its end, until it is begun anew.
        """
        ...


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
        obs=np.zeros((batch, spec.agents, spec.observation), spec.obs_type),
        state=np.zeros((batch, spec.state), spec.state_type),
        legal=np.ones((batch, spec.agents, spec.actions), np.bool_),
        reward=np.zeros(batch if spec.team else (batch, spec.agents), np.float32),
        terminated=np.zeros(batch, np.bool_),
        truncated=np.zeros(batch, np.bool_),
        alive=np.ones((batch, spec.agents), np.bool_) if spec.lives else None,
        ended=np.zeros((batch, spec.agents), np.bool_) if spec.lives else None,
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
    return np.asarray(actions, np.float32).clip(-1, 1)


def parted(actions: npt.NDArray[Any], step: Step, parts: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return actions of several choices as environments take them, i64 [B, N, P].

    Raises `ValueError` for other shapes, and for what is not legal in an episode that runs.
    """
    shape = (*step.legal.shape[:2], len(parts))
    if actions.shape != shape or actions.dtype.kind not in "iu":
        wants, has = (" x ".join(map(str, one)) for one in (shape, actions.shape))
        raise UserError(f"actions must be {wants} integers, one an episode, agent and part, not {has or 'none'}")
    running = ~(step.terminated | step.truncated)[:, None]
    first = 0
    for part, options in enumerate(parts):
        chosen, legal = actions[..., part], step.legal[..., first : first + options]
        within = (chosen >= 0) & (chosen < options)
        allowed = within & np.take_along_axis(legal, np.where(within, chosen, 0)[..., None], 2)[..., 0]
        for b, n in np.argwhere(running & ~allowed)[:1]:
            those = ", ".join(map(str, np.flatnonzero(legal[b, n])))
            raise UserError(
                f"episode {b}, agent {n}, part {part}: action {chosen[b, n]} is not legal; legal are {those}"
            )
        first += options
    return np.ascontiguousarray(actions, _INT64)


def random_actions(spec: EnvSpec, step: Step, rng: np.random.Generator) -> npt.NDArray[Any]:
    """Return a random legal action for every agent, each legal one as likely as the others; numbers from [-1, 1)."""
    drawn = rng.random(step.legal.shape)
    if spec.continuous:
        return (2 * drawn - 1).astype(np.float32)
    within = drawn * step.legal
    if not spec.parts:
        found: npt.NDArray[np.int64] = within.argmax(axis=-1)
        return found
    ends = np.cumsum(spec.parts)[:-1]
    return np.stack([part.argmax(axis=-1) for part in np.split(within, ends, axis=-1)], axis=-1)


def illegal(actions: npt.NDArray[Any], step: Step) -> UserError:
    """Return the error that names the first illegal action of a running episode."""
    running = ~(step.terminated | step.truncated)
    for b, n in np.argwhere(np.broadcast_to(running[:, None], actions.shape)):
        legal = np.flatnonzero(step.legal[b, n])
        if actions[b, n] not in legal:
            allowed = ", ".join(map(str, legal))
            return UserError(f"episode {b}, agent {n}: action {actions[b, n]} is not legal; legal are {allowed}")
    raise AssertionError("every action is legal")
