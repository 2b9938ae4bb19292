"""Simple spread: agents cover landmarks and stay out of each other's way (Lowe et al. 2017; dynamics of mpe2 1.1).

Observation of an agent, the numbers in mpe2's order, with N agents and N landmarks on a plane:

| numbers | what |
| --- | --- |
| 2 | own velocity (x, y) |
| 2 | own position |
| 2 N | each landmark's position less one's own |
| 2 (N - 1) | each other agent's position less one's own, in order |
| 2 (N - 1) | what the others say: 0, for they are silent |

State: the agents' observations, one after another. Actions: stay, left, right, down, up; or, if continuous, the force
in x and y, each in [-1, 1] (mpe2's five numbers give the same forces, as the differences of two pairs of them).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec, Step, blank, choices, illegal, reals
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.scene import Scene
from counterplay.games.envs.particle_world import FORCE, KEPT, TICK, WAYS, contact
from counterplay.games.scenes import particles as scenes

_TOUCH = 0.3  # two agents closer than this collide: twice an agent's radius

_SIDE = 1.5  # the picture shows the square from -1.5 to 1.5
_ROWS, _COLUMNS = 21, 43


@dataclass(frozen=True)
class Spread:
    """`agents` agents and as many landmarks, thrown uniformly into the square from -1 to 1; `steps` steps.

    An agent's reward is `local_ratio` times its own part, -1 for each agent that it touches, plus 1 - `local_ratio`
    times the common part, minus the sum over landmarks of the distance to the nearest agent. With `reward="individual"`
    every agent gets its own, with `reward="team"` all share the sum over agents. Episodes end by truncation alone.

    `reset(np.random.default_rng(seed))` of one episode gives the positions of mpe2's `reset(seed)`. Where two agents
    stand on the very same spot, mpe2 divides by zero; here they do not push each other.
    """

    agents: int = 3
    local_ratio: float = 0.5
    steps: int = 25
    reward: str = "team"
    continuous: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.agents <= 1000:
            raise UserError(f"agents must be 1 to 1000, not {self.agents}")
        if not 0 <= self.local_ratio <= 1:
            raise UserError(f"local_ratio must be 0 to 1, not {self.local_ratio}")
        if self.steps < 1:
            raise UserError(f"steps must be at least 1, not {self.steps}")
        if self.reward not in ("team", "individual"):
            raise UserError(f"reward must be team or individual, not {self.reward!r}")

    @property
    def spec(self) -> EnvSpec:
        size = 4 + 2 * self.agents + 4 * (self.agents - 1)
        return EnvSpec(
            agents=self.agents,
            actions=2 if self.continuous else 5,
            observation=size,
            state=self.agents * size,
            limit=self.steps,
            team=self.reward == "team",
            continuous=self.continuous,
            entities=_entities(self.agents),
        )

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (("push right", "push up") if self.continuous else WAYS,) * self.agents

    def start(self, batch: int) -> "SpreadEnv":
        return SpreadEnv(self, batch)


def _entities(agents: int) -> tuple[tuple[int, int, int], ...]:
    """Return where an observation tells of landmarks, of where the others are, and of what they say."""
    landmarks, others = 4, 4 + 2 * agents
    seen = (landmarks, agents, 2), (others, agents - 1, 2), (others + 2 * (agents - 1), agents - 1, 2)
    return tuple(part for part in seen if part[1])


class World(NamedTuple):
    """Where everything is, in 64 bits as in mpe2."""

    place: npt.NDArray[np.float64]  # [B, N, 2]
    velocity: npt.NDArray[np.float64]  # [B, N, 2]
    landmark: npt.NDArray[np.float64]  # [B, N, 2]
    force: npt.NDArray[np.float64]  # [B, N, 2]
    obs: npt.NDArray[np.float32]  # [B, N, O]
    reward: npt.NDArray[np.float32]  # [B, N]
    total: npt.NDArray[np.float32]  # [B] the agents' rewards, added up
    clock: npt.NDArray[np.int64]  # [B] steps so far
    truncated: npt.NDArray[np.bool_]  # [B]


class SpreadEnv:
    """B episodes of simple spread."""

    def __init__(self, task: Spread, batch: int):
        self.task = task
        self.spec = task.spec
        self.batch = batch
        n, plane = task.agents, (batch, task.agents, 2)
        shown = blank(self.spec, batch)
        self.world = World(
            place=np.zeros(plane),
            velocity=np.zeros(plane),
            landmark=np.zeros(plane),
            force=np.zeros(plane),
            obs=shown.obs,
            reward=np.zeros((batch, n), np.float32) if self.spec.team else shown.reward,
            total=shown.reward if self.spec.team else np.zeros(batch, np.float32),
            clock=np.zeros(batch, np.int64),
            truncated=shown.truncated,
        )
        self.shown = shown._replace(state=shown.obs.reshape(batch, -1))
        world = self.world
        self._parts = {
            "place": Part(world.place),
            "velocity": Part(world.velocity),
            "landmark": Part(world.landmark),
            "reward": Part(world.reward),
            "total": Part(world.total),
            "clock": Part(world.clock, 0, task.steps),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which, world = fitting(which, self.batch), self.world
        drawn = rng.uniform(-1, 1, (self.batch, 2, self.task.agents, 2))[which]
        world.place[which], world.landmark[which] = drawn[:, 0], drawn[:, 1]
        for array in (world.velocity, world.reward, world.total, world.clock, world.truncated):
            array[which] = 0
        _observe(world)
        return self.shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        if self.task.continuous:
            self.world.force[:] = reals(actions, self.shown)
        else:
            actions = choices(actions, self.shown)
            if not _steer(actions, self.world.force, self.world.truncated):
                raise illegal(actions, self.shown)
        _move(self.world, self.task.local_ratio, self.task.steps)
        return self.shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        put_back(self._parts, kept)
        np.equal(self.world.clock, self.task.steps, out=self.world.truncated)
        _observe(self.world)
        return self.shown

    def scene(self, episode: int) -> Scene:
        """Return the square from -1.5 to 1.5: agents by number, and landmarks."""
        agents, landmarks = self.world.place[episode].tolist(), self.world.landmark[episode].tolist()
        dots = [scenes.Dot(x, y, _TOUCH / 2, "agent", str(n)) for n, (x, y) in enumerate(agents)]
        return scenes.scene([*dots, *(scenes.Dot(x, y, 0.05, "goal") for x, y in landmarks)])

    def render(self, episode: int) -> str:
        """Return a picture of the square from -1.5 to 1.5: agents by number (+ from 10 on), landmarks as o.

        What is outside stands at the border.
        """
        picture = [[" "] * _COLUMNS for _ in range(_ROWS)]

        def put(position: npt.NDArray[np.float64], sign: str) -> None:
            x, y = (np.clip(position, -_SIDE, _SIDE) + _SIDE) / (2 * _SIDE)
            picture[round((1 - y) * (_ROWS - 1))][round(x * (_COLUMNS - 1))] = sign

        for position in self.world.landmark[episode]:
            put(position, "o")
        for i, position in enumerate(self.world.place[episode]):
            put(position, str(i) if i < 10 else "+")
        edge = "+" + "-" * _COLUMNS + "+"
        reward = float(self.world.reward[episode].sum())
        head = f"step {self.world.clock[episode]} of {self.task.steps}, the agents' rewards add to {reward:z.3f}"
        return "\n".join([head, edge, *(f"|{''.join(line)}|" for line in picture), edge])


@jit
def _steer(actions: npt.NDArray[np.int64], force: npt.NDArray[np.float64], truncated: npt.NDArray[np.bool_]) -> bool:
    """Turn actions, [B, N], into forces in units of `FORCE`: stay, left, right, down, up. False if any is another."""
    for b in range(np.uint64(actions.shape[0])):
        if truncated[b]:
            continue
        for i in range(np.uint64(actions.shape[1])):
            a = actions[b, i]
            if not 0 <= a < 5:
                return False
            force[b, i, 0] = (a == 2) * 1.0 - (a == 1) * 1.0
            force[b, i, 1] = (a == 4) * 1.0 - (a == 3) * 1.0
    return True


@jit
def _observe(world: World) -> None:
    """Write what every agent sees; what the others say stays 0."""
    place, velocity, landmark, obs = world.place, world.velocity, world.landmark, world.obs
    batch, n, two = np.uint64(place.shape[0]), np.uint64(place.shape[1]), np.uint64(2)
    for b in range(batch):
        for i in range(n):
            for k in range(two):
                obs[b, i, k] = velocity[b, i, k]
                obs[b, i, two + k] = place[b, i, k]
            at = two + two
            for j in range(n):
                for k in range(two):
                    obs[b, i, at + k] = landmark[b, j, k] - place[b, i, k]
                at += two
            for j in range(n):
                if i != j:
                    for k in range(two):
                        obs[b, i, at + k] = place[b, j, k] - place[b, i, k]
                    at += two


@jit
def _move(world: World, local: float, limit: int) -> None:
    """Move all agents of running episodes by one tick, pay them, and write what they see.

    `force` is in units of `FORCE` before, and is the whole force after. Positions move by the old velocity; contact
    forces are those of the old positions, like in mpe2's `World.step`.
    """
    place, velocity, landmark, force, reward = world.place, world.velocity, world.landmark, world.force, world.reward
    batch, n = np.uint64(place.shape[0]), np.uint64(place.shape[1])
    for b in range(batch):
        if world.truncated[b]:
            world.total[b] = 0.0
            for i in range(n):
                reward[b, i] = 0.0
            continue
        for i in range(n):
            force[b, i, 0] *= FORCE
            force[b, i, 1] *= FORCE
        for i in range(n):
            for j in range(i + np.uint64(1), n):
                x, y = place[b, i, 0] - place[b, j, 0], place[b, i, 1] - place[b, j, 1]
                push = contact(x, y, _TOUCH)
                force[b, i, 0] += push * x
                force[b, i, 1] += push * y
                force[b, j, 0] -= push * x
                force[b, j, 1] -= push * y
        for i in range(n):
            for k in range(np.uint64(2)):
                place[b, i, k] += velocity[b, i, k] * TICK
                velocity[b, i, k] = velocity[b, i, k] * KEPT + force[b, i, k] * TICK
        common = 0.0
        for j in range(n):
            nearest = np.inf
            for i in range(n):
                x, y = place[b, i, 0] - landmark[b, j, 0], place[b, i, 1] - landmark[b, j, 1]
                nearest = min(nearest, x * x + y * y)
            common -= np.sqrt(nearest)
        total = 0.0
        for i in range(n):
            touched = 0.0
            for j in range(n):
                x, y = place[b, i, 0] - place[b, j, 0], place[b, i, 1] - place[b, j, 1]
                if i != j and np.sqrt(x * x + y * y) < _TOUCH:
                    touched += 1.0
            paid = (1.0 - local) * common - local * touched
            reward[b, i] = paid
            total += paid
        world.total[b] = total
        world.clock[b] += 1
        world.truncated[b] = world.clock[b] >= limit
    _observe(world)
