"""A long corridor with the reward at its far end and a crumb at the near one: what exploring by chance does not find.

The chain of Osband et al., "Deep exploration via bootstrapped DQN" (NeurIPS 2016, section 5), on which Plappert et al.,
"Parameter space noise for exploration" (ICLR 2018), compare explorers.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import MAX_STEPS, EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.legal import lawful
from counterplay.engine.random import U64
from counterplay.engine.scene import Scene
from counterplay.games.envs.solo import F64, Played, SoloEnv, close, waits
from counterplay.games.scenes import solo as scenes

MAX_LENGTH = 100_000

_SHOWN = 60  # cells of a picture


@dataclass(frozen=True)
class Corridor:
    """A corridor of `length` places, from the second of which one begins; actions are to go back (0) and on (1).

    To go back from the first place stays there and pays `crumb`; to go on from the last stays there and pays 1; nothing
    else pays. After `steps` steps, 0 being `length` + 9, the episode is truncated: at best 11 then are paid, since it
    takes `length` - 2 steps to the end. Chance gets there once in about 2 ** `length` episodes. With `mixed` the two
    actions are exchanged in about half of the places, always the same ones, so that what is learned in one place says
    nothing of another, and no network finds the way by its first weights.

    An observation is, of `length` numbers, 1 for every place up to the present one, and 0 for the others.
    """

    length: int = 50
    crumb: float = 0.001
    mixed: bool = False
    steps: int = 0

    def __post_init__(self) -> None:
        if not 3 <= self.length <= MAX_LENGTH:
            raise UserError(f"length must be 3 to {MAX_LENGTH:,}, not {self.length}")
        if not 0 <= self.crumb < 1:
            raise UserError(f"crumb must be at least 0 and less than 1, not {self.crumb:g}")
        if not 0 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, or 0 for length + 9, not {self.steps}")

    @property
    def spec(self) -> EnvSpec:
        return EnvSpec(1, 2, observation=self.length, state=self.length, limit=self.steps or self.length + 9)

    @cached_property
    def on(self) -> npt.NDArray[np.int64]:
        """Return which action goes on from each place, [length]."""
        if not self.mixed:
            return np.ones(self.length, np.int64)
        # Weyl's sequence: fractions of multiples of the golden ratio, as evenly above 1/2 as below, in no short period.
        return (np.arange(1, self.length + 1) * ((5**0.5 - 1) / 2) % 1 < 0.5).astype(np.int64)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return ((0.0, self.length - 1.0),)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (("action 0", "action 1") if self.mixed else ("go back", "go on"),)

    def start(self, batch: int) -> SoloEnv:
        return SoloEnv(self, batch)

    def begin(self, rng: np.random.Generator, batch: int) -> tuple[F64, U64]:
        return np.ones((batch, 1)), np.zeros(batch, np.uint64)

    def look(self, played: Played) -> None:
        _look(played)

    def play(self, played: Played, actions: npt.NDArray[Any]) -> bool:
        return _play(played, actions, self.on, self.crumb, self.spec.limit)

    def drawn(self, now: F64) -> list[str]:
        cells = ["."] * min(self.length, _SHOWN)
        cells[0], cells[-1] = "c", "G"
        cells[round(now[0] / (self.length - 1) * (len(cells) - 1))] = "@"
        return ["".join(cells), f"place {int(now[0]) + 1} of {self.length}"]

    def scene(self, now: F64) -> Scene:
        told = ["which action goes on is another from place to place"] if self.mixed else []
        return scenes.corridor(int(now[0]), self.length, self.crumb, told)


@inlined
def _show(played: Played, b: Index) -> None:
    here = int(played.now[b, 0])
    for k in range(played.obs.shape[2]):
        played.obs[b, 0, k] = k <= here


@jit
def _look(played: Played) -> None:
    for b in range(np.uint64(len(played.now))):
        _show(played, b)


@jit
def _play(
    played: Played, actions: npt.NDArray[np.int64], ways: npt.NDArray[np.int64], crumb: float, limit: int
) -> bool:
    """Go on or back, as `ways`, [length], says what an action does where."""
    if not lawful(actions, played.legal, played.terminated, played.truncated):
        return False
    last = len(ways) - 1
    for b in range(np.uint64(len(actions))):
        if waits(played, b):
            continue
        here, paid = int(played.now[b, 0]), 0.0
        if actions[b, 0] == ways[here]:
            if here == last:
                paid = 1.0
            else:
                played.now[b, 0] = here + 1
                played.obs[b, 0, here + 1] = 1.0
        elif here == 0:
            paid = crumb
        else:
            played.now[b, 0] = here - 1
            played.obs[b, 0, here] = 0.0
        close(played, b, paid, False, limit)
    return True
