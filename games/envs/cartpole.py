"""The pole on a cart of Barto, Sutton and Anderson (1983), with the dynamics of Gymnasium's CartPole-v1."""

from dataclasses import dataclass
from math import inf, pi
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

_GRAVITY = 9.8
_POLE = 0.1  # mass; the cart weighs 1
_TOTAL = 1.0 + _POLE
_HALF = 0.5  # half the pole's length
_FORCE = 10.0
_TICK = 0.02  # seconds a step
_EDGE = 2.4  # of the track
_FALLEN = 12 * 2 * pi / 360


@dataclass(frozen=True)
class CartPole:
    """Push a cart left (0) or right (1), so that the pole on it stays up; 1 for every step, the last one too.

    | numbers of an observation | what they are |
    | --- | --- |
    | 2 | the cart's position and velocity |
    | 2 | the pole's angle from upright, clockwise, in radians, and its velocity |

    All begin uniform in -0.05 to 0.05. The rules end the episode when the cart is further than 2.4 from the middle or
    the pole leans by more than 12 degrees; after `steps` steps it is truncated.

    `reset(np.random.default_rng(seed))` of one episode begins as Gymnasium's `reset(seed=seed)`.
    """

    steps: int = 500

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, not {self.steps}")

    @property
    def spec(self) -> EnvSpec:
        return EnvSpec(agents=1, actions=2, observation=4, state=4, limit=self.steps)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return ((-inf, inf),) * 4

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (("push left", "push right"),)

    def start(self, batch: int) -> SoloEnv:
        return SoloEnv(self, batch)

    def begin(self, rng: np.random.Generator, batch: int) -> tuple[F64, U64]:
        return rng.uniform(-0.05, 0.05, (batch, 4)), np.zeros(batch, np.uint64)

    def look(self, played: Played) -> None:
        _look(played)

    def play(self, played: Played, actions: npt.NDArray[Any]) -> bool:
        return _play(played, actions, self.steps)

    def drawn(self, now: F64) -> list[str]:
        picture = Canvas(8, 61, -_EDGE - 0.6, _EDGE + 0.6, 0, 1.4)
        picture.rod(now[0], 0.2, now[2], 2 * _HALF)
        for x in np.linspace(-_EDGE, _EDGE, 49):
            picture.put(x, 0, "-")
        for x in (-0.1, 0, 0.1):
            picture.put(now[0] + x, 0, "#")
        return picture.lines()

    def scene(self, now: F64) -> Scene:
        x, _, angle, _ = now.tolist()
        return scenes.cart(x, angle, 2 * _HALF, _EDGE)


@inlined
def _show(played: Played, b: Index) -> None:
    for k in range(np.uint64(4)):
        played.obs[b, np.uint64(0), k] = played.now[b, k]


@jit
def _look(played: Played) -> None:
    for b in range(np.uint64(len(played.now))):
        _show(played, b)


@jit
def _play(played: Played, actions: npt.NDArray[np.int64], limit: int) -> bool:
    """Euler's step, positions by the old velocities: Gymnasium's default integrator."""
    if not lawful(actions, played.legal, played.terminated, played.truncated):
        return False
    for b in range(np.uint64(len(actions))):
        if waits(played, b):
            continue
        x, dx, angle, turn = played.now[b, 0], played.now[b, 1], played.now[b, 2], played.now[b, 3]
        force = _FORCE if actions[b, 0] == 1 else -_FORCE
        cos, sin = np.cos(angle), np.sin(angle)
        push = (force + _POLE * _HALF * turn * turn * sin) / _TOTAL
        lean = (_GRAVITY * sin - cos * push) / (_HALF * (4.0 / 3.0 - _POLE * cos * cos / _TOTAL))
        x += _TICK * dx
        dx += _TICK * (push - _POLE * _HALF * lean * cos / _TOTAL)
        angle += _TICK * turn
        turn += _TICK * lean
        played.now[b, 0], played.now[b, 1], played.now[b, 2], played.now[b, 3] = x, dx, angle, turn
        close(played, b, 1.0, abs(x) > _EDGE or abs(angle) > _FALLEN, limit)
        _show(played, b)
    return True
