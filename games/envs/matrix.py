"""Cooperative matrix games: all agents choose at once, and a table pays the team, once or several times in a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import MAX_STEPS, EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.legal import lawful
from counterplay.engine.scene import Scene, numbered
from counterplay.games.scenes import tables

MAX_PROFILES = 10_000_000


@dataclass(frozen=True)
class MatrixGame:
    """A table of team payoffs, played `steps` times; the rules end the episode after that.

    `payoffs` lists the team's reward for each joint action, the last agent's action changing fastest; `shape` says how
    many actions each agent has (left out: two agents with equally many). As in matrix-games (Papoudakis et al., NeurIPS
    2021, "nostate"), there is nothing to see: an observation is N zeros, and the state is all agents' observations.
    """

    payoffs: tuple[float, ...]
    shape: tuple[int, ...] = ()
    steps: int = 1

    def __post_init__(self) -> None:
        if not np.isfinite(self.payoffs).all():
            raise UserError("payoffs must be finite numbers")
        count = len(self.payoffs)
        if not self.shape:
            side = isqrt(count)
            if not side or side * side != count:
                raise UserError(f"two agents with equally many actions need 1, 4, 9, ... payoffs, not {count}")
            object.__setattr__(self, "shape", (side, side))
        if any(size < 1 for size in self.shape) or prod(self.shape) > MAX_PROFILES:
            raise UserError(f"shape must be numbers of actions, in all at most {MAX_PROFILES:,}, not {self.shape}")
        if count != prod(self.shape):
            sizes = " x ".join(map(str, self.shape))
            raise UserError(f"{sizes} actions need {prod(self.shape)} payoffs, not {count}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, not {self.steps}")

    @property
    def spec(self) -> EnvSpec:
        agents = len(self.shape)
        return EnvSpec(agents, max(self.shape), observation=agents, state=agents**2, limit=self.steps)

    @property
    def k(self) -> float:
        """Return what the first actions pay: the penalty, if this is the penalty game, so that its spec can be told."""
        return self.payoffs[0]

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return numbered(len(self.shape), max(self.shape))

    def start(self, batch: int) -> "MatrixEnv":
        return MatrixEnv(self, batch)


class MatrixEnv:
    """Episodes of a matrix game."""

    def __init__(self, task: MatrixGame, batch: int) -> None:
        self.spec, self.batch = task.spec, batch
        self._task = task
        self._shown = blank(self.spec, batch)
        self._shown.legal[:] = np.arange(self.spec.actions) < np.array(task.shape)[:, None]
        self._table = np.array(task.payoffs, np.float32)
        self._shape = np.array(task.shape, np.uint64)
        self._played = np.zeros(batch, np.uint32)
        self._last = np.zeros((batch, self.spec.agents), np.int64)
        self._parts = {
            "played": Part(self._played, 0, task.steps),
            "last": Part(self._last, 0, self.spec.actions - 1),
            "reward": Part(self._shown.reward),
            "terminated": Part(self._shown.terminated),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which = fitting(which, self.batch)
        for array in (self._played, self._shown.reward, self._shown.terminated):
            array[which] = 0
        return self._shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        shown = self._shown
        actions = choices(actions, shown)
        if not _play(actions, self._table, self._shape, self._task.steps, self._played, self._last, *shown[2:6]):
            raise illegal(actions, shown)
        return shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        put_back(self._parts, kept)
        return self._shown

    def scene(self, episode: int) -> Scene:
        played, payoffs = self._played[episode], np.array(self._task.payoffs).reshape(self._task.shape)
        last = self._last[episode].tolist() if played else None
        rows = "rows are agent 0's actions, columns agent 1's; cells are what the team is paid"
        told = [rows] * (payoffs.ndim == 2) + [f"round {played} of {self._task.steps}"]
        return tables.matrix(payoffs, last, told)

    def render(self, episode: int) -> str:
        played, reward = self._played[episode], self._shown.reward[episode]
        joint = ", ".join(map(str, self._last[episode])) if played else "none yet"
        return f"round {played} of {self._task.steps}\njoint action: {joint}\nreward: {reward:g}"


@jit
def _play(
    actions: npt.NDArray[np.int64],  # [B, N]
    table: npt.NDArray[np.float32],
    shape: npt.NDArray[np.uint64],  # [N]
    steps: int,
    played: npt.NDArray[np.uint32],  # [B]
    last: npt.NDArray[np.int64],  # [B, N] the joint action played last
    legal: npt.NDArray[np.bool_],
    reward: npt.NDArray[np.float32],
    terminated: npt.NDArray[np.bool_],
    truncated: npt.NDArray[np.bool_],
) -> bool:
    """Play a round of each running episode; return False, and play none, if an action is not legal."""
    if not lawful(actions, legal, terminated, truncated):
        return False
    for b in range(np.uint64(len(actions))):
        reward[b] = 0.0
        if terminated[b]:
            continue
        cell = np.uint64(0)
        for n in range(np.uint64(len(shape))):
            cell = cell * shape[n] + np.uint64(actions[b, n])
            last[b, n] = actions[b, n]
        reward[b] = table[cell]
        played[b] += np.uint32(1)
        terminated[b] = played[b] >= steps
    return True


def climbing(steps: int = 25) -> MatrixGame:
    """Return the climbing game (Claus and Boutilier, AAAI 1998), `steps` times; 11 a step is the best possible."""
    return MatrixGame((11.0, -30.0, 0.0, -30.0, 7.0, 0.0, 0.0, 6.0, 5.0), steps=steps)


def penalty(k: float = -100.0, steps: int = 25) -> MatrixGame:
    """Return the penalty game (Claus and Boutilier, AAAI 1998) with penalty `k`, at most 0; 10 a step is the best."""
    if k > 0:
        raise UserError(f"k must be 0 or negative, not {k:g}")
    return MatrixGame((k, 0.0, 10.0, 0.0, 2.0, 0.0, 10.0, 0.0, k), steps=steps)


def qtran_matrix() -> MatrixGame:
    """Return the one-shot game of Son et al. (ICML 2019, table 1): both agents' first action pays 8."""
    return MatrixGame((8.0, -12.0, -12.0, -12.0, 0.0, 0.0, -12.0, 0.0, 0.0))
