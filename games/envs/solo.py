"""What environments of one agent share: where the episodes are, when they end, and how they are begun, kept and drawn.

Such an environment is a task with four functions (`Solo`); `SoloEnv` plays B episodes of it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec, Step, blank, choices, illegal, reals
from counterplay.engine.jit import Index, inlined
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.random import U64
from counterplay.engine.scene import Scene

F64 = npt.NDArray[np.float64]


class Played(NamedTuple):
    """B episodes of one agent, as kernels take them; K numbers say where each is."""

    now: F64  # [B, K]
    clock: npt.NDArray[np.int64]  # [B] steps so far
    luck: U64  # [B] states of generators (`engine.random`)
    obs: npt.NDArray[np.float32]  # [B, 1, O]
    legal: npt.NDArray[np.bool_]  # [B, 1, A]
    reward: npt.NDArray[np.float32]  # [B]
    terminated: npt.NDArray[np.bool_]  # [B]
    truncated: npt.NDArray[np.bool_]  # [B]


class Solo(Protocol):
    """The task of one agent."""

    @property
    def spec(self) -> EnvSpec:
        """What fits, and what comes out; its state is the observation."""
        ...

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The least and the most that each of the K numbers can be."""
        ...

    def begin(self, rng: np.random.Generator, batch: int) -> tuple[F64, U64]:
        """Return where episodes begin, [B, K], and their luck, [B]."""
        ...

    def look(self, played: Played) -> None:
        """Write what is observed, and what is legal where that changes."""
        ...

    def play(self, played: Played, actions: npt.NDArray[Any]) -> bool:
        """Play i64 [B, 1] or f32 [B, 1, A] in all running episodes; False, and play none, where one is not legal."""
        ...

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What its actions are called, [1][A]."""
        ...

    def drawn(self, now: F64) -> list[str]:
        """Return a picture of where an episode is, [K], always as many lines."""
        ...

    def scene(self, now: F64) -> Scene:
        """Return the same as a scene."""
        ...


class SoloEnv:
    """B episodes of a task of one agent."""

    def __init__(self, task: Solo, batch: int):
        self.task, self.spec, self.batch = task, task.spec, batch
        shown = blank(self.spec, batch)
        self.shown = shown._replace(state=shown.obs.reshape(batch, -1))
        least, most = np.array(task.bounds).T
        self.played = Played(
            now=np.zeros((batch, len(least))),
            clock=np.zeros(batch, np.int64),
            luck=np.zeros(batch, np.uint64),
            obs=shown.obs,
            legal=shown.legal,
            reward=shown.reward,
            terminated=shown.terminated,
            truncated=shown.truncated,
        )
        self._parts = {
            "now": Part(self.played.now, least, most),
            "clock": Part(self.played.clock, 0, self.spec.limit),
            "luck": Part(self.played.luck),
            "reward": Part(shown.reward),
            "terminated": Part(shown.terminated),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which, played = fitting(which, self.batch), self.played
        now, luck = self.task.begin(rng, self.batch)
        played.now[which], played.luck[which] = now[which], luck[which]
        for array in (played.clock, played.reward, played.terminated, played.truncated):
            array[which] = 0
        self.task.look(played)
        return self.shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        actions = (reals if self.spec.continuous else choices)(actions, self.shown)
        if not self.task.play(self.played, actions):
            raise illegal(actions, self.shown)
        return self.shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        put_back(self._parts, kept)
        played = self.played
        played.truncated[:] = (played.clock >= self.spec.limit) & ~played.terminated
        self.task.look(played)
        return self.shown

    def scene(self, episode: int) -> Scene:
        return self.task.scene(self.played.now[episode])

    def render(self, episode: int) -> str:
        clock, reward = self.played.clock[episode], self.played.reward[episode]
        head = f"step {clock} of {self.spec.limit}, reward {reward:z.3f}"
        return "\n".join([head, *self.task.drawn(self.played.now[episode])])


@inlined
def waits(played: Played, b: Index) -> bool:
    """Return whether an episode has ended; then it is paid nothing."""
    if played.terminated[b] or played.truncated[b]:
        played.reward[b] = 0.0
        return True
    return False


@inlined
def close(played: Played, b: Index, reward: float, over: bool, limit: int) -> None:
    """End a step: pay, count, and tell whether the rules ended the episode or time ran out."""
    played.reward[b] = reward
    played.clock[b] += 1
    played.terminated[b] = over
    played.truncated[b] = not over and played.clock[b] >= limit


class Canvas:
    """A picture of a rectangle of the plane in `rows` lines of text; what is outside stands at the border."""

    def __init__(self, rows: int, columns: int, left: float, right: float, low: float, high: float):
        self.cells = [[" "] * columns for _ in range(rows)]
        self.left, self.low, self.wide, self.tall = left, low, right - left, high - low

    def put(self, x: float, y: float, sign: str) -> None:
        row, column = (1 - (y - self.low) / self.tall), (x - self.left) / self.wide
        at = [np.clip(share, 0, 1) * (len(of) - 1) for share, of in ((row, self.cells), (column, self.cells[0]))]
        self.cells[round(float(at[0]))][round(float(at[1]))] = sign

    def rod(self, x: float, y: float, angle: float, length: float) -> None:
        """Draw a rod from a point on; an angle of 0 points up, and grows clockwise."""
        for part in np.linspace(0, length, 4 * len(self.cells)):
            self.put(x + part * float(np.sin(angle)), y + part * float(np.cos(angle)), "*")

    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.cells]
