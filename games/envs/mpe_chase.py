"""MPE's chases, with the rules of mpe2 1.1 (Lowe et al., NeurIPS 2017); tests hold each against mpe2's own.

Agents are the chasers first, then the chased, who are smaller and faster. Actions are those of `mpe`.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from counterplay.engine.arguments import whole
from counterplay.games.envs.mpe import Bodies, by_script
from counterplay.games.envs.particle_world import F64, Body, Layout, Sight, World
from counterplay.games.envs.particles import Particles

Flags = npt.NDArray[np.bool_]

_CHASER = Body(0.075, solid=True, force=3.0, fastest=1.0)
_CHASED = Body(0.05, solid=True, force=4.0, fastest=1.3)
_OBSTACLE = Body(0.2, solid=True, sign="#")
_WALL = 0.9  # beyond it a script turns back


def touching(world: World, first: slice, size: float, others: slice, reach: float) -> Flags:
    """Return which bodies of two kinds overlap, [B, first, others]."""
    apart = world.place[:, first, None] - world.place[:, None, others]
    found: Flags = np.sqrt((apart * apart).sum(axis=3)) < size + reach
    return found


def beyond(place: F64) -> F64:
    """Return what bodies are fined for being near or beyond the edges of the square, [B, ...] of [B, ..., 2]."""
    x = np.abs(place)
    fine = np.where(x < 1.0, (x - 0.9) * 10, np.minimum(np.exp(2 * np.minimum(x, 9.0) - 2), 10))
    total: F64 = np.where(x < 0.9, 0.0, fine).sum(axis=-1)
    return total


def flee(world: World, chasers: int, agents: int) -> None:
    """Write the forces of the chased: away from chasers, from near ones most, and back from the edges."""
    chased = slice(chasers, agents)
    apart = world.place[:, chased, None] - world.place[:, None, :chasers]
    push = (apart / np.maximum((apart * apart).sum(axis=3, keepdims=True), 1e-6)).sum(axis=2)
    place = world.place[:, chased]
    push -= 10.0 * np.sign(place) * np.maximum(np.abs(place) - _WALL, 0.0)
    world.force[:, chased] = _CHASED.force * push / np.maximum(np.abs(push).max(axis=2, keepdims=True), 1e-6)


@dataclass(frozen=True)
class Tag(Particles):
    """`chasers` chase faster `prey` among `obstacles` (mpe2's simple_tag).

    For every touch of a chaser and a prey all chasers get 10, and the prey loses 10; prey also loses, up to 10 for each
    of x and y, for being near or beyond the edges. All see their velocity and position, the obstacles' and the other
    agents' positions less their own, and other prey's velocities. With `opponents=script` prey flees by itself, and
    chasers are a team that shares its sum.
    """

    chasers: int = 3
    prey: int = 1
    obstacles: int = 2
    opponents: str = "learn"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("chasers", 1), ("prey", 1), ("obstacles", 0)):
            whole(name, getattr(self, name), least, 100)
        by_script(self.opponents)

    @property
    def bodies(self) -> Bodies:
        return (_CHASER,) * self.chasers + (_CHASED,) * self.prey, (_OBSTACLE,) * self.obstacles

    @property
    def spread(self) -> float:
        return 0.9

    @property
    def scripted(self) -> tuple[int, ...]:
        return tuple(range(self.chasers, self.chasers + self.prey)) if self.team else ()

    @property
    def team(self) -> bool:
        return by_script(self.opponents)

    @property
    def kinds(self) -> tuple[int, ...]:
        return (0,) * self.chasers + (1,) * self.prey

    def sees(self, at: Layout, i: int) -> list[Sight]:
        others = [one for j in at.rest(i) for one in at.offset(j, i)]
        moves = [one for j in at.rest(i) if j >= self.chasers for one in at.velocity(j)]
        return at.velocity(i) + at.place(i) + at.around(i) + others + moves

    def pay(self, world: World) -> F64:
        chased = slice(self.chasers, self.chasers + self.prey)
        caught = touching(world, slice(self.chasers), _CHASER.size, chased, _CHASED.size)
        paid = np.empty(world.velocity.shape[:2])
        paid[:, : self.chasers] = 10.0 * caught.sum(axis=(1, 2))[:, None]
        paid[:, chased] = -10.0 * caught.sum(axis=1) - beyond(world.place[:, chased])
        return paid

    def secrets(self, world: World, episode: int) -> list[str]:
        return [f"chasers are 0 to {self.chasers - 1}, prey the rest; large circles are obstacles"]

    def script(self, world: World) -> None:
        flee(world, self.chasers, self.chasers + self.prey)


@dataclass(frozen=True)
class WorldComm(Particles):
    """A leader and `chasers` more chase `prey` that eats, among obstacles, and forests hide (mpe2's simple_world_comm).

    For every touch of a chaser and a prey all chasers get 5, and the prey loses 5. A chaser loses 0.1 times the
    distance to the nearest prey; prey gets 2 for each food that it touches, loses 0.05 times the distance to the
    nearest food, and up to 20 for each of x and y for being near or beyond the edges.

    Who is in a forest is seen only from within that one, and sees only who is there; the leader, agent 0, sees all, and
    has four words that chasers hear. All see their velocity and position, positions of obstacles, food and forests less
    their own, then those of the others, and prey's velocities, zeros where hidden, whether they are in each forest (1
    or -1), and what the leader said; prey does not hear it, and has velocities last. With `opponents=script` prey flees
    by itself, and chasers are a team that shares its sum.
    """

    chasers: int = 3
    prey: int = 2
    obstacles: int = 1
    food: int = 2
    forests: int = 2
    opponents: str = "learn"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("chasers", 0), ("prey", 1), ("obstacles", 0), ("food", 1), ("forests", 0)):
            whole(name, getattr(self, name), least, 100)
        by_script(self.opponents)

    @property
    def _groups(self) -> tuple[slice, ...]:
        """Where chasers, prey, obstacles, food and forests are among the bodies."""
        ends = np.cumsum([0, 1 + self.chasers, self.prey, self.obstacles, self.food, self.forests]).tolist()
        return tuple(slice(first, end) for first, end in pairwise(ends))

    @property
    def bodies(self) -> Bodies:
        chasers, prey = (_CHASER,) * self.chasers, (_CHASED._replace(size=0.045),) * self.prey
        food, forests = (Body(0.03, sign="."),) * self.food, (Body(0.3, sign="T"),) * self.forests
        return (_CHASER._replace(words=4), *chasers, *prey), (_OBSTACLE,) * self.obstacles + food + forests

    @property
    def spread(self) -> float:
        return 0.9

    @property
    def scripted(self) -> tuple[int, ...]:
        prey = self._groups[1]
        return tuple(range(prey.start, prey.stop)) if self.team else ()

    @property
    def team(self) -> bool:
        return by_script(self.opponents)

    @property
    def kinds(self) -> tuple[int, ...]:
        return (0, *(1,) * self.chasers, *(2,) * self.prey)

    @property
    def more(self) -> int:
        agents = 1 + self.chasers + self.prey
        return agents * agents + agents * self.forests  # who sees whom; who is in which forest, 1 or -1

    def notice(self, world: World) -> None:
        agents, among = len(self.bodies[0]), self._groups[4]
        sizes = np.array([one.size for one in self.bodies[0]])
        apart = world.place[:, :agents, None] - world.place[:, None, among]
        inside = np.sqrt((apart * apart).sum(axis=3)) < sizes[:, None] + 0.3  # [B, N, forests]
        hidden = inside.any(axis=2)
        together = (inside[:, :, None] & inside[:, None]).any(axis=3)
        seen = together | ~(hidden[:, :, None] | hidden[:, None])
        seen[:, 0] = True
        world.added[:, : agents * agents] = seen.reshape(len(seen), agents * agents)
        world.added[:, agents * agents :] = 2.0 * inside.reshape(len(inside), agents * self.forests) - 1

    def sees(self, at: Layout, i: int) -> list[Sight]:
        chased, gate = self._groups[1].start, at.others + i * at.agents
        others = [one for j in at.rest(i) for one in at.offset(j, i, gate + j)]
        moves = [one for j in at.rest(i) if j >= chased for one in at.velocity(j, gate + j)]
        inside = at.added(at.agents**2 + i * self.forests, self.forests)
        own = at.velocity(i) + at.place(i) + at.around(i) + others
        return own + inside + moves if i >= chased else own + moves + inside + at.said(0)

    def pay(self, world: World) -> F64:
        chasers, prey, _, food, _ = self._groups
        caught = touching(world, chasers, _CHASER.size, prey, 0.045)
        near = world.place[:, chasers, None] - world.place[:, None, prey]
        meal = world.place[:, prey, None] - world.place[:, None, food]
        paid = np.empty(world.velocity.shape[:2])
        paid[:, chasers] = 5.0 * caught.sum(axis=(1, 2))[:, None]
        paid[:, chasers] -= 0.1 * np.sqrt((near * near).sum(axis=3)).min(axis=2)
        eaten = touching(world, prey, 0.045, food, 0.03).sum(axis=2)
        hungry = np.sqrt((meal * meal).sum(axis=3)).min(axis=2)
        paid[:, prey] = 2.0 * eaten - 0.05 * hungry - 5.0 * caught.sum(axis=1) - 2 * beyond(world.place[:, prey])
        return paid

    def secrets(self, world: World, episode: int) -> list[str]:
        return [f"0 leads the chasers, prey is from {1 + self.chasers} on; dots are food, green are forests that hide"]

    def script(self, world: World) -> None:
        flee(world, 1 + self.chasers, 1 + self.chasers + self.prey)
