"""The pendulum that has to be swung up and held, with the dynamics of Gymnasium's Pendulum-v1."""

from dataclasses import dataclass
from math import inf, pi
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import MAX_STEPS, EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.random import U64
from counterplay.engine.scene import Scene
from counterplay.games.envs.solo import F64, Canvas, Played, SoloEnv, close, waits
from counterplay.games.scenes import solo as scenes

_GRAVITY = 10.0  # mass and length are 1
_TORQUE = 2.0
_FASTEST = 8.0
_TICK = 0.05  # seconds a step


@dataclass(frozen=True)
class Pendulum:
    """Turn a pendulum, by a torque of 2 times the action, so that it stands upright.

    | numbers of an observation | what they are |
    | --- | --- |
    | 2 | cosine and sine of the angle from upright |
    | 1 | its velocity, at most 8 |

    A step is paid -(angle^2 + velocity^2 / 10 + torque^2 / 1000), with angle (-pi to pi) and velocity before it. The
    angle begins uniform in -pi to pi, the velocity in -1 to 1. Episodes end by truncation alone, after `steps` steps.

    `reset(np.random.default_rng(seed))` of one episode begins as Gymnasium's `reset(seed=seed)`.
    """

    steps: int = 200

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, not {self.steps}")

    @property
    def spec(self) -> EnvSpec:
        return EnvSpec(agents=1, actions=1, observation=3, state=3, limit=self.steps, continuous=True)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return (-inf, inf), (-_FASTEST, _FASTEST)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (("turn left",),)

    def start(self, batch: int) -> SoloEnv:
        return SoloEnv(self, batch)

    def begin(self, rng: np.random.Generator, batch: int) -> tuple[F64, U64]:
        return rng.uniform((-pi, -1), (pi, 1), (batch, 2)), np.zeros(batch, np.uint64)

    def look(self, played: Played) -> None:
        _look(played)

    def play(self, played: Played, actions: npt.NDArray[Any]) -> bool:
        _play(played, actions, self.steps)
        return True

    def drawn(self, now: F64) -> list[str]:
        picture = Canvas(11, 23, -1.1, 1.1, -1.1, 1.1)
        picture.rod(0, 0, -now[0], 1)  # its angle grows anticlockwise
        picture.put(0, 0, "o")
        return picture.lines()

    def scene(self, now: F64) -> Scene:
        angle, turn = now.tolist()
        return scenes.pendulum(angle, [f"velocity {turn:+.2f}"])


@inlined
def _show(played: Played, b: Index) -> None:
    played.obs[b, 0, 0] = np.cos(played.now[b, 0])
    played.obs[b, 0, 1] = np.sin(played.now[b, 0])
    played.obs[b, 0, 2] = played.now[b, 1]


@jit
def _look(played: Played) -> None:
    for b in range(np.uint64(len(played.now))):
        _show(played, b)


@jit
def _play(played: Played, actions: npt.NDArray[np.float32], limit: int) -> None:
    for b in range(np.uint64(len(actions))):
        if waits(played, b):
            continue
        angle, turn = played.now[b, 0], played.now[b, 1]
        torque = _TORQUE * np.float64(actions[b, 0, 0])
        lean = (angle + pi) % (2 * pi) - pi
        cost = lean * lean + 0.1 * turn * turn + 0.001 * torque * torque
        turn += (1.5 * _GRAVITY * np.sin(angle) + 3.0 * torque) * _TICK
        turn = min(max(turn, -_FASTEST), _FASTEST)
        played.now[b, 0], played.now[b, 1] = angle + turn * _TICK, turn
        close(played, b, -cost, False, limit)
        _show(played, b)
