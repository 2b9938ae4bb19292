"""MPE's tasks of standing in a shape together, with the rules of mpe2 1.1 (Agarwal, Kumar and Sycara, AAMAS 2020).

Tests hold each against mpe2's own, step by step. Actions are those of `mpe`.
"""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from counterplay.engine.arguments import whole
from counterplay.engine.jit import jit
from counterplay.games.envs.mpe import LANDMARK, MOVER, Bodies, shared
from counterplay.games.envs.particle_world import F64, Layout, Sight, World
from counterplay.games.envs.particles import Particles

_LENGTH = 1.25  # of the line
_RADIUS = 0.5  # of the circle
_MOST = 10  # agents, whose 2^N sets are gone through
_FAR = 2.0  # an agent's distance counts at most so much


@dataclass(frozen=True)
class _Shape(Particles):
    """What line and formation share: agents are paid for how near they are to places, whoever has which."""

    agents: int = 4
    reward: str = "team"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("agents", self.agents, 1, _MOST)
        shared(self.reward)

    @property
    def team(self) -> bool:
        return shared(self.reward)

    def sees(self, at: Layout, i: int) -> list[Sight]:
        return at.velocity(i) + at.place(i) + at.around(i)

    @abstractmethod
    def places(self, world: World) -> F64:
        """Return where agents should stand, [B, N, 2]."""

    def aims(self, world: World, episode: int) -> list[tuple[float, float, str]]:
        return [(x, y, "") for x, y in self.places(world)[episode].tolist()]

    def pay(self, world: World) -> F64:
        apart = world.place[:, : self.agents, None] - self.places(world)[:, None]
        paid = np.empty(len(apart))
        assign(np.sqrt((apart * apart).sum(axis=3)), paid)
        return np.repeat(-paid[:, None] / self.agents, self.agents, axis=1)


@dataclass(frozen=True)
class Line(_Shape):
    """`agents` spread evenly over the line between two landmarks, 1.25 apart (mpe2's simple_line).

    They are paid minus the mean of their distances to places on it, each at most 2; who has which place makes the sum
    of the distances least. With `reward="individual"` every agent gets that, with `reward="team"` all share the sum
    over agents. An agent sees its velocity and position, and the landmarks' positions less its own.
    """

    @property
    def bodies(self) -> Bodies:
        return (MOVER._replace(size=0.03, solid=True),) * self.agents, (LANDMARK._replace(size=0.02),) * 2

    @property
    def draws(self) -> int:
        return 3

    def begin(self, drawn: F64, world: World, which: npt.NDArray[np.bool_]) -> None:
        first, angle = drawn[which, :2] * 0.5 - 0.25, drawn[which, 2] * 2 * np.pi
        while True:
            second = first + _LENGTH * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            outside = (np.abs(second) >= 1.0).any(axis=1)
            if not outside.any():
                break
            angle[outside] += np.radians(5)
        world.place[which, self.agents], world.place[which, self.agents + 1] = first, second

    def places(self, world: World) -> F64:
        first, second = world.place[:, None, self.agents], world.place[:, None, self.agents + 1]
        found: F64 = first + (second - first) * (np.arange(self.agents) / max(self.agents - 1, 1))[:, None]
        return found


@dataclass(frozen=True)
class Formation(_Shape):
    """`agents` spread evenly over a circle of radius 0.5 around a landmark (mpe2's simple_formation).

    The first place lies where, seen from the landmark, the agent of the least angle is, from 0 to 2 pi. Agents are paid
    minus the mean of their distances to places, each at most 2; who has which place makes the sum of the distances
    least. With `reward="individual"` every agent gets that, with `reward="team"` all share the sum over agents. An
    agent sees its velocity and position, and the landmark's position less its own.
    """

    @property
    def bodies(self) -> Bodies:
        return (MOVER._replace(solid=True),) * self.agents, (LANDMARK._replace(size=0.03),)

    @property
    def spread(self) -> float:
        return 0.5

    def places(self, world: World) -> F64:
        middle = world.place[:, None, self.agents]
        seen = world.place[:, : self.agents] - middle
        angles = np.arctan2(seen[..., 1], seen[..., 0])
        angles = np.where(angles < 0, angles + 2 * np.pi, angles).min(axis=1, keepdims=True)
        angles = angles + np.arange(self.agents) * (2 * np.pi / self.agents)
        found: F64 = middle + _RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=2)
        return found


@jit
def assign(apart: F64, paid: F64) -> None:
    """Write the sum of distances, each at most `_FAR`, under the cheapest assignment of N places to N agents.

    `apart` is [B, agents, places]; `paid` is [B]. The cheapest way to give the first agents any set of places is built
    up from smaller sets (Held and Karp, 1962).
    """
    agents = np.uint64(apart.shape[1])
    one, sets = np.uint64(1), np.uint64(1) << agents
    least, told = np.empty(sets), np.empty(sets)
    for b in range(np.uint64(len(apart))):
        least[np.uint64(0)] = told[np.uint64(0)] = 0.0
        for taken in range(one, sets):
            i = np.uint64(0)  # the agent that takes the last place: as many before it as there are others taken
            for p in range(agents):
                i += (taken >> p) & one
            i -= one
            least[taken] = np.inf
            for p in range(agents):
                if (taken >> p) & one:
                    rest = taken ^ (one << p)
                    far = least[rest] + apart[b, i, p]
                    if far < least[taken]:
                        least[taken] = far
                        told[taken] = told[rest] + min(apart[b, i, p], _FAR)
        paid[b] = told[sets - one]
