"""The car in the valley of Moore (1990), with the dynamics of Gymnasium's MountainCar-v0 and its continuous form."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import MAX_STEPS, EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.legal import lawful
from counterplay.engine.random import U64
from counterplay.engine.scene import Scene
from counterplay.games.envs.solo import F64, Canvas, Played, SoloEnv, close, waits
from counterplay.games.scenes import solo as scenes

_LEFT, _RIGHT = -1.2, 0.6
_FASTEST = 0.07
_SLOPE = 0.0025


@dataclass(frozen=True)
class MountainCar:
    """Rock a car, whose engine is too weak for the slope, out of a valley.

    An observation is the car's position, -1.2 to 0.6, and its velocity, at most 0.07; it begins at rest, uniform in
    -0.6 to -0.4. Actions are left, none, right (0, 1, 2); a step costs 1, the rules end the episode at position 0.5,
    and after `steps` steps (0 means 200) it is truncated: MountainCar-v0. With `continuous` the action is the engine's
    force, a step costs a tenth of its square, position 0.45 pays 100 and ends the episode, and 0 means 999 steps:
    MountainCarContinuous-v0, which keeps its state in 32 bits where this one has 64.

    `reset(np.random.default_rng(seed))` of one episode begins as Gymnasium's `reset(seed=seed)`.
    """

    continuous: bool = False
    steps: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, or 0 for Gymnasium's, not {self.steps}")

    @property
    def limit(self) -> int:
        """How many steps an episode has at most."""
        return self.steps or (999 if self.continuous else 200)

    @property
    def goal(self) -> float:
        """The position where the car is out."""
        return 0.45 if self.continuous else 0.5

    @property
    def spec(self) -> EnvSpec:
        actions = 1 if self.continuous else 3
        return EnvSpec(1, actions, observation=2, state=2, limit=self.limit, continuous=self.continuous)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return (_LEFT, _RIGHT), (-_FASTEST, _FASTEST)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (("push right",),) if self.continuous else (("push left", "let roll", "push right"),)

    def start(self, batch: int) -> SoloEnv:
        return SoloEnv(self, batch)

    def begin(self, rng: np.random.Generator, batch: int) -> tuple[F64, U64]:
        now = np.zeros((batch, 2))
        now[:, 0] = rng.uniform(-0.6, -0.4, batch)
        return now, np.zeros(batch, np.uint64)

    def look(self, played: Played) -> None:
        _look(played)

    def play(self, played: Played, actions: npt.NDArray[Any]) -> bool:
        if self.continuous:
            _drive(played, actions, self.goal, self.limit)
            return True
        return _play(played, actions, self.goal, self.limit)

    def drawn(self, now: F64) -> list[str]:
        picture = Canvas(10, 61, _LEFT, _RIGHT, 0, 1.2)
        for x in np.linspace(_LEFT, _RIGHT, 61):
            picture.put(x, _height(x), ".")
        picture.put(self.goal, _height(self.goal) + 0.13, "P")
        picture.put(now[0], _height(now[0]) + 0.13, "@")
        return picture.lines()

    def scene(self, now: F64) -> Scene:
        place, speed = now.tolist()
        return scenes.valley(place, _LEFT, _RIGHT, self.goal, _height, [f"velocity {speed:+.3f}"])


def _height(x: float) -> float:
    return float(np.sin(3 * x)) * 0.45 + 0.55


@inlined
def _show(played: Played, b: Index) -> None:
    played.obs[b, 0, 0] = played.now[b, 0]
    played.obs[b, 0, 1] = played.now[b, 1]


@inlined
def _roll(played: Played, b: Index, push: float, goal: float) -> Any:
    """Move a car that is pushed; return whether it is out."""
    place, speed = played.now[b, 0], played.now[b, 1]
    speed += push - _SLOPE * np.cos(3 * place)
    speed = min(max(speed, -_FASTEST), _FASTEST)
    place = min(max(place + speed, _LEFT), _RIGHT)
    if place == _LEFT and speed < 0.0:
        speed = 0.0
    played.now[b, 0], played.now[b, 1] = place, speed
    return place >= goal and speed >= 0.0


@jit
def _look(played: Played) -> None:
    for b in range(np.uint64(len(played.now))):
        _show(played, b)


@jit
def _play(played: Played, actions: npt.NDArray[np.int64], goal: float, limit: int) -> bool:
    if not lawful(actions, played.legal, played.terminated, played.truncated):
        return False
    for b in range(np.uint64(len(actions))):
        if not waits(played, b):
            out = _roll(played, b, (actions[b, 0] - 1) * 0.001, goal)
            close(played, b, -1.0, out, limit)
            _show(played, b)
    return True


@jit
def _drive(played: Played, actions: npt.NDArray[np.float32], goal: float, limit: int) -> None:
    for b in range(np.uint64(len(actions))):
        if not waits(played, b):
            force = np.float64(actions[b, 0, 0])
            out = _roll(played, b, force * 0.0015, goal)
            close(played, b, (100.0 if out else 0.0) - 0.1 * force * force, out, limit)
            _show(played, b)
