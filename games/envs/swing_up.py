"""The pole on a cart that hangs at first and has to be swung up and held, with the dynamics of EvoJAX's task.

Tang, Tian and Ha, "EvoJAX: hardware-accelerated neuroevolution" (GECCO 2022), `evojax/task/cartpole.py`; theirs
computes in 32 bits, this one in 64.
"""

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

_GRAVITY = 9.82
_POLE = 0.5  # mass
_TOTAL = 0.5 + _POLE
_LENGTH = 0.6
_FRICTION = 0.1
_FORCE = 10.0
_TICK = 0.01  # seconds a step
_EDGE = 2.4  # of the track

_EASY = (0.2, 0.2, 0.2, 0.2)  # standard deviations
_HARD = (_EDGE, 10.0, pi / 2, 10.0)  # the furthest from where easy ones begin on average


@dataclass(frozen=True)
class SwingUp:
    """Push a cart, by a force of 10 times the action, so that the pole that hangs from it stands, near the middle.

    | numbers of an observation | what they are |
    | --- | --- |
    | 2 | the cart's position and velocity |
    | 2 | cosine and sine of the pole's angle from upright |
    | 1 | its velocity |

    A step is paid (cos(angle) + 1) / 2 times cos(position / 2.4 * pi / 2), after it. The rules end the episode when the
    cart is further than 2.4 from the middle; after `steps` steps it is truncated. All four numbers begin normal around
    a cart in the middle with a pole that hangs, all at rest, with standard deviation 0.2; with `hard` uniform, up to
    2.4, 10, pi / 2 and 10 from there. By PGPE EvoJAX reports 935 (easy) and 631 (hard).
    """

    hard: bool = False
    steps: int = 1000

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, not {self.steps}")

    @property
    def spec(self) -> EnvSpec:
        return EnvSpec(agents=1, actions=1, observation=5, state=5, limit=self.steps, continuous=True)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return ((-inf, inf),) * 4

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (("push right",),)

    def start(self, batch: int) -> SoloEnv:
        return SoloEnv(self, batch)

    def begin(self, rng: np.random.Generator, batch: int) -> tuple[F64, U64]:
        drawn = rng.uniform(-1, 1, (batch, 4)) * _HARD if self.hard else rng.standard_normal((batch, 4)) * _EASY
        return drawn + np.array((0, 0, pi, 0)), np.zeros(batch, np.uint64)

    def look(self, played: Played) -> None:
        _look(played)

    def play(self, played: Played, actions: npt.NDArray[Any]) -> bool:
        _play(played, actions, self.steps)
        return True

    def drawn(self, now: F64) -> list[str]:
        picture = Canvas(11, 61, -_EDGE - 0.6, _EDGE + 0.6, -0.75, 0.75)
        for x in np.linspace(-_EDGE, _EDGE, 49):
            picture.put(x, 0, "-")
        picture.rod(now[0], 0, now[2], _LENGTH)
        for x in (-0.1, 0, 0.1):
            picture.put(now[0] + x, 0, "#")
        return picture.lines()

    def scene(self, now: F64) -> Scene:
        x, _, angle, _ = now.tolist()
        return scenes.cart(x, angle, _LENGTH, _EDGE, hangs=True)


@inlined
def _show(played: Played, b: Index) -> None:
    played.obs[b, 0, 0] = played.now[b, 0]
    played.obs[b, 0, 1] = played.now[b, 1]
    played.obs[b, 0, 2] = np.cos(played.now[b, 2])
    played.obs[b, 0, 3] = np.sin(played.now[b, 2])
    played.obs[b, 0, 4] = played.now[b, 3]


@jit
def _look(played: Played) -> None:
    for b in range(np.uint64(len(played.now))):
        _show(played, b)


@jit
def _play(played: Played, actions: npt.NDArray[np.float32], limit: int) -> None:
    """Euler's step, positions by the old velocities."""
    for b in range(np.uint64(len(actions))):
        if waits(played, b):
            continue
        x, dx, angle, turn = played.now[b, 0], played.now[b, 1], played.now[b, 2], played.now[b, 3]
        push = _FORCE * np.float64(actions[b, 0, 0]) - _FRICTION * dx
        cos, sin = np.cos(angle), np.sin(angle)
        swing = _POLE * _LENGTH * turn * turn * sin
        faster = (-2 * swing + 3 * _POLE * _GRAVITY * sin * cos + 4 * push) / (4 * _TOTAL - 3 * _POLE * cos * cos)
        lean = (-3 * swing * cos + 6 * _TOTAL * _GRAVITY * sin + 6 * push * cos) / (
            4 * _LENGTH * _TOTAL - 3 * _POLE * _LENGTH * cos * cos
        )
        x += _TICK * dx
        angle += _TICK * turn
        played.now[b, 0], played.now[b, 1] = x, dx + _TICK * faster
        played.now[b, 2], played.now[b, 3] = angle, turn + _TICK * lean
        reward = (np.cos(angle) + 1) / 2 * np.cos(x / _EDGE * (pi / 2))
        close(played, b, reward, abs(x) > _EDGE, limit)
        _show(played, b)
