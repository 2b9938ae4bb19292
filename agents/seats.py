"""An environment in which some seats are taken: learners meet the others as part of it.

`Against(task, {1: actor})` leaves all seats but 1 open, and its environments have that many agents. `Against(task,
(one, another))` leaves one seat open, another one each episode, so that a learner learns all of them; who takes the
rest is drawn for each episode, so several actors are a pool, such as past selves of a learner. Whatever learns in an
environment learns there unchanged, and against whoever does not change what it finds is an approximate best response.

Who takes a seat is an `Actor` that does not explore. One that has `sit` is told of the environment before episodes
begin, and may look there for what it needs; another one sees what agents see.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from counterplay.agents.rollout import Actor
from counterplay.engine.arguments import whole
from counterplay.engine.env import Drawn, Env, EnvSpec, Informed, Step, Task, choices, parted, random_actions, reals
from counterplay.engine.errors import UserError


class Onlooker:
    """An actor that looks at where play is, and remembers nothing of it."""

    env: Env

    def sit(self, env: Env) -> None:
        """Hear of the environment whose episodes are played."""
        self.env = env

    def begin(self, batch: int) -> None:
        """Nothing has to be forgotten: what is kept never changes."""


@dataclass(frozen=True)
class Others:
    """Whom a run plays against, as its folder keeps it."""

    sides: tuple[str, ...]  # as they were named
    digests: tuple[str, ...]  # SHA-256 of each one's file; "" where there is none
    seat: int | None = None  # that is left open; None: each in turn


@runtime_checkable
class Seated(Protocol):
    """An actor that looks into the environment."""

    def sit(self, env: Env) -> None:
        """Hear of the environment whose episodes are played from the next `begin` on."""
        ...


@dataclass(frozen=True)
class Against:
    """A task in which others have taken seats; raises `ValueError` where nobody, or nobody else, could sit.

    `others` are actors by their seats, or a pool of which each episode draws one for all seats but one: that is `seat`,
    or each in turn.
    """

    task: Task
    others: Mapping[int, Actor] | tuple[Actor, ...]
    seat: int | None = None

    def __post_init__(self) -> None:
        agents = self.task.spec.agents
        if isinstance(self.others, Mapping):
            taken = {whole("a seat", seat) for seat in self.others}
            if self.seat is not None or not taken or max(taken) >= agents or len(taken) == agents:
                raise UserError(f"of seats 0 to {agents - 1} some have to be taken, and some left open, not {taken}")
            return
        if not self.others or agents < 2:
            raise UserError(f"whoever plays against others needs some, and two seats; here are {agents}")
        if self.seat is not None and whole("seat", self.seat) >= agents:
            raise UserError(f"seats are 0 to {agents - 1}, not {self.seat}")

    @property
    def actors(self) -> tuple[Actor, ...]:
        """Return all who take seats."""
        return tuple(self.others.values()) if isinstance(self.others, Mapping) else self.others

    @property
    def spec(self) -> EnvSpec:
        whole = self.task.spec
        taken = len(self.others) if isinstance(self.others, Mapping) else whole.agents - 1
        return replace(whole, agents=whole.agents - taken, turns=False, roles=())

    def start(self, batch: int) -> Env:
        env = SeatsEnv(self, batch)
        return DrawnSeats(self, batch) if isinstance(env.env, Drawn) else env


class SeatsEnv:
    """B episodes with taken seats."""

    def __init__(self, task: Against, batch: int):
        self.task, self.env, self.spec = task, task.task.start(batch), task.spec
        self.batch = self.env.batch
        self.rows = np.arange(self.batch)[:, None]

    def reset(self, rng: np.random.Generator) -> Step:
        agents, task = self.env.spec.agents, self.task
        self.by = np.full((self.batch, agents), -1)  # which actor is where
        if isinstance(task.others, Mapping):
            for i, seat in enumerate(task.others):
                self.by[:, seat] = i
        else:
            # Seats in turn from one that is drawn, so that small batches have no favourite.
            first = int(rng.integers(agents))
            left = (first + np.arange(self.batch)) % agents if task.seat is None else np.full(self.batch, task.seat)
            self.by[:] = rng.integers(len(task.others), size=self.batch)[:, None]
            self.by[np.arange(self.batch), left] = -1
        self.open = np.nonzero(self.by < 0)[1].reshape(self.batch, self.spec.agents)  # [B, N] seats of the agents
        self.rng = np.random.default_rng(rng.integers(2**63))
        for actor in task.actors:
            if isinstance(actor, Seated):
                actor.sit(self.env)
            actor.begin(self.batch)
        self.shown = self.env.reset(rng)
        return self._seen()

    def step(self, actions: npt.NDArray[Any]) -> Step:
        seen = self._seen()
        own: npt.NDArray[Any]
        if self.spec.continuous:
            own = reals(actions, seen)
        else:
            own = parted(actions, seen, self.spec.parts) if self.spec.parts else choices(actions, seen)
        played = np.zeros((self.batch, *self.by.shape[1:], *own.shape[2:]), own.dtype)
        for i, actor in enumerate(self.task.actors):
            theirs = actor.act(self.shown, self.rng, False)
            played[self.by == i] = theirs[self.by == i]
        played[self.rows, self.open] = own
        self.joint = played  # what all seats did, [B, N, ...]
        self.shown = self.env.step(played)
        return self._seen()

    def infos(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return what each episode told last, [B] by name, as the environment tells it."""
        return self.env.infos() if isinstance(self.env, Informed) else {}

    def _seen(self) -> Step:
        """Return what the open seats see."""
        shown, at = self.shown, (self.rows, self.open)
        return shown._replace(
            obs=shown.obs[at],
            legal=shown.legal[at],
            reward=shown.reward if self.spec.team else shown.reward[at],
            alive=None if shown.alive is None else shown.alive[at],
            ended=None if shown.ended is None else shown.ended[at],
        )


class DrawnSeats(SeatsEnv):
    """Such episodes where the environment can be looked at."""

    def render(self, episode: int) -> str:
        """Return that episode's present state, as the environment shows it, and whose seats are taken."""
        assert isinstance(self.env, Drawn)
        return self.env.render(episode)


class Uniform:
    """An actor that takes every legal action alike; one that did not hear of its environment makes one choice."""

    spec: EnvSpec | None = None

    def sit(self, env: Env) -> None:
        """Hear of the environment: what actions are made of."""
        self.spec = env.spec

    def begin(self, batch: int) -> None:
        """Nothing was seen."""

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[Any]:
        """Return a legal action for every agent, as the environment takes them."""
        if self.spec is None:
            return np.asarray((rng.random(step.legal.shape) * step.legal).argmax(axis=-1))
        return random_actions(self.spec, step, rng)


class Beside:
    """One actor in a seat, and another in the rest."""

    def __init__(self, one: Actor, other: Actor, seat: int):
        self.one, self.other, self.seat = one, other, seat

    def sit(self, env: Env) -> None:
        """Hear of the environment whose episodes are played."""
        for actor in (self.one, self.other):
            if isinstance(actor, Seated):
                actor.sit(env)

    def begin(self, batch: int) -> None:
        """Forget what was seen."""
        self.one.begin(batch)
        self.other.begin(batch)

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[Any]:
        """Return an action for every agent, [B, N] or as the environment takes them."""
        chosen = self.one.act(step, rng, explore)
        acted = self.other.act(step, rng, explore).copy()
        acted[:, self.seat] = chosen[:, self.seat]
        return acted


class EachSeat:
    """A learner of one seat in all of them: what it does with N agents is what N of it do, apart from each other.

    It sees which seat it has where observations tell that, as those of turn-based games do.
    """

    def __init__(self, learner: Actor):
        self.learner = learner

    def begin(self, batch: int) -> None:
        """Forget what was seen; how many seats there are shows at the first step."""
        self.begun = False

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return a legal action for every agent, [B, N]."""
        batch, agents = step.legal.shape[:2]

        def each(part: Any) -> Any:
            return None if part is None else np.repeat(part, agents, axis=0)

        def own(part: Any) -> Any:
            return None if part is None else part.reshape(batch * agents, 1, *part.shape[2:])

        if not self.begun:
            self.learner.begin(batch * agents)
            self.begun = True
        reward = each(step.reward) if step.reward.ndim == 1 else own(step.reward)
        flags = (each(step.terminated), each(step.truncated), own(step.alive), own(step.ended))
        apart = Step(own(step.obs), each(step.state), own(step.legal), reward, *flags)
        return self.learner.act(apart, rng, explore).reshape(batch, agents)
