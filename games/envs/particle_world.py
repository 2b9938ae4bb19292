"""Worlds of particles that push each other and speak: their bodies, what can be seen of them, and how they move.

The dynamics are mpe2's (Lowe et al., NeurIPS 2017; Mordatch and Abbeel, AAAI 2018).

Whatever can be seen is a number of one row an episode, its *facts*: 0, 1, where every body is, how fast agents move,
what they said last, and what more the task writes down, such as where a goal is. A number of an observation is one fact
less another, times a third (`Sight`); so what all agents see is one table, and one kernel looks it up.

Shape letters beside `engine.env`'s: E bodies, agents first; W the most words that an agent has; F facts.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import inlined, jit
from counterplay.engine.legal import lawful

TICK = 0.1  # seconds a step
KEPT = 0.75  # velocity left after a step's damping
FORCE = 5.0  # of an action, unless a body says otherwise; every agent weighs 1
CONTACT = 100.0  # force per unit of penetration
MARGIN = 1e-3  # over which the contact force sets in
WAYS = ("stay", "left", "right", "down", "up")

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Body(NamedTuple):
    """What an agent or a landmark is made of."""

    size: float = 0.05  # its radius
    solid: bool = False  # pushes, and is pushed by, what is solid too
    force: float = 0.0  # of an action; 0: it cannot move
    fastest: float = np.inf
    words: int = 0  # that it can say
    sign: str = "o"  # in pictures; an agent is its number if it has none


class Sight(NamedTuple):
    """A number that is seen: facts[plus] - facts[minus], times facts[gate]."""

    plus: int
    minus: int = 0
    gate: int = 1


class Layout(NamedTuple):
    """Where the facts of a world lie in their row."""

    agents: int
    bodies: int
    words: int
    more: int

    @property
    def velocities(self) -> int:
        return 2 + 2 * self.bodies

    @property
    def sayings(self) -> int:
        return self.velocities + 2 * self.agents

    @property
    def others(self) -> int:
        """Where what the task adds begins."""
        return self.sayings + self.words * self.agents

    @property
    def facts(self) -> int:
        """How many there are: F."""
        return self.others + self.more

    def place(self, i: int) -> list[Sight]:
        """Where body i is."""
        return [Sight(2 + 2 * i + k) for k in range(2)]

    def offset(self, j: int, i: int, gate: int = 1) -> list[Sight]:
        """Where body j is, as seen from body i."""
        return [Sight(2 + 2 * j + k, 2 + 2 * i + k, gate) for k in range(2)]

    def velocity(self, i: int, gate: int = 1) -> list[Sight]:
        """How agent i moves."""
        return [Sight(self.velocities + 2 * i + k, 0, gate) for k in range(2)]

    def said(self, i: int) -> list[Sight]:
        """What agent i said last."""
        return [Sight(self.sayings + self.words * i + k) for k in range(self.words)]

    def added(self, first: int, count: int) -> list[Sight]:
        """What the task adds."""
        return [Sight(self.others + first + k) for k in range(count)]

    def around(self, i: int) -> list[Sight]:
        """Where all landmarks are, as seen from body i."""
        return [one for j in range(self.agents, self.bodies) for one in self.offset(j, i)]

    def rest(self, i: int) -> list[int]:
        """All agents but i."""
        return [j for j in range(self.agents) if j != i]


class World(NamedTuple):
    """Where everything is, in 64 bits as in mpe2; all but `force` are views of the facts."""

    facts: F64  # [B, F]
    place: F64  # [B, E, 2]
    velocity: F64  # [B, N, 2]
    said: F64  # [B, N, W]
    added: F64  # [B, F - ...] what the task adds
    force: F64  # [B, N, 2]


def empty(layout: Layout, batch: int) -> World:
    """Return a world of zeros."""
    facts = np.zeros((batch, layout.facts))
    facts[:, 1] = 1
    place, rest = facts[:, 2 : layout.velocities], facts[:, layout.velocities : layout.sayings]
    return World(
        facts=facts,
        place=place.reshape(batch, layout.bodies, 2),
        velocity=rest.reshape(batch, layout.agents, 2),
        said=facts[:, layout.sayings : layout.others].reshape(batch, layout.agents, layout.words),
        added=facts[:, layout.others :],
        force=np.zeros((batch, layout.agents, 2)),
    )


def options(body: Body, continuous: bool) -> int:
    """Return how many actions an agent has: words times ways to go, the latter faster; or how many numbers one is."""
    if continuous:
        return 2 * (body.force > 0) + body.words
    return (5 if body.force > 0 else 1) * max(body.words, 1)


def words_of(body: Body, continuous: bool) -> tuple[str, ...]:
    """Return what an agent's actions are called; if continuous, what its numbers do."""
    ways = WAYS if body.force > 0 else ("stay",)
    says = [f"say {chr(ord('A') + word)}" for word in range(body.words)]
    if continuous:
        return (*(("push right", "push up") if body.force > 0 else ()), *says)
    if body.force == 0 and says:
        return tuple(says)
    return tuple(f"{way}, {said}" for said in says for way in ways) or ways


def contacts(bodies: list[Body], agents: int) -> tuple[Ints, F64]:
    """Return the pairs of bodies that can push each other, [P, 2], of which at least one moves, and when they touch."""
    solid = [i for i, one in enumerate(bodies) if one.solid]
    pairs = [(i, j) for i in solid for j in solid if i < j and i < agents]
    reach = [bodies[i].size + bodies[j].size for i, j in pairs]
    return np.array(pairs, np.int64).reshape(-1, 2), np.array(reach, np.float64)


def away(world: World, i: int, j: int) -> F64:
    """Return how far apart two bodies are, [B]."""
    apart = world.place[:, i] - world.place[:, j]
    far: F64 = np.sqrt((apart * apart).sum(axis=1))
    return far


@inlined
def contact(x: float, y: float, reach: float) -> float:
    """Return the force between bodies that are (x, y) apart, over their distance; 0 where they are on one spot."""
    distance = np.sqrt(x * x + y * y)
    depth = (reach - distance) / MARGIN
    if depth < -40.0 or distance == 0.0:  # e^-40 of a push, or no direction to push in
        return 0.0
    # log(1 + e^depth), for any depth
    push: float = CONTACT * MARGIN * (max(depth, 0.0) + np.log1p(np.exp(-abs(depth)))) / distance
    return push


@jit
def steer(
    actions: Ints,  # [B, N of the environment]
    legal: npt.NDArray[np.bool_],
    over: npt.NDArray[np.bool_],  # [B]
    learners: Ints,  # whose actions they are
    ways: Ints,  # [N, 2] of each agent in the world: ways to go, and words
    makes: F64,  # [N, 2]
    said: F64,  # [B, N, W]
    force: F64,  # [B, N, 2]
) -> bool:
    """Turn actions into forces (none, left, right, down, up) and words. False, and nothing is done, if one is none."""
    if not lawful(actions, legal, over, over):
        return False
    for b in range(np.uint64(len(actions))):
        if over[b]:
            continue
        for n in range(np.uint64(len(learners))):
            i = np.uint64(learners[n])
            way, word = actions[b, n] % ways[i, 0], actions[b, n] // ways[i, 0]
            force[b, i, 0] = ((way == 2) * 1.0 - (way == 1) * 1.0) * makes[i, 0]
            force[b, i, 1] = ((way == 4) * 1.0 - (way == 3) * 1.0) * makes[i, 0]
            for w in range(np.uint64(ways[i, 1])):
                said[b, i, w] = 1.0 if np.int64(w) == word else 0.0
    return True


@jit
def move(
    place: F64,  # [B, E, 2]
    velocity: F64,  # [B, N, 2]
    force: F64,  # [B, N, 2] of the actions; of all, after
    makes: F64,  # [N, 2] force and highest speed
    pairs: Ints,  # [P, 2]
    reach: F64,  # [P]
    over: npt.NDArray[np.bool_],  # [B]
) -> None:
    """Move all agents of running episodes by one tick.

    Positions move by the old velocity; contact forces are those of the old positions, like in mpe2's `World.step`.
    """
    agents = np.uint64(velocity.shape[1])
    for b in range(np.uint64(len(place))):
        if over[b]:
            continue
        for p in range(np.uint64(len(pairs))):
            i, j = np.uint64(pairs[p, 0]), np.uint64(pairs[p, 1])
            x, y = place[b, i, 0] - place[b, j, 0], place[b, i, 1] - place[b, j, 1]
            push = contact(x, y, reach[p])
            force[b, i, 0] += push * x
            force[b, i, 1] += push * y
            if j < agents:
                force[b, j, 0] -= push * x
                force[b, j, 1] -= push * y
        for n in range(agents):
            speed = 0.0
            for k in range(np.uint64(2)):
                place[b, n, k] += velocity[b, n, k] * TICK
                velocity[b, n, k] = velocity[b, n, k] * KEPT + force[b, n, k] * TICK
                speed += velocity[b, n, k] * velocity[b, n, k]
            speed = np.sqrt(speed)
            if speed > makes[n, 1]:
                for k in range(np.uint64(2)):
                    velocity[b, n, k] *= makes[n, 1] / speed


@jit
def see(facts: F64, sights: Ints, obs: npt.NDArray[np.float32]) -> None:
    """Write what every agent sees, [B, N, O], by the table of sights, [3, N, O]."""
    for b in range(np.uint64(len(facts))):
        for n in range(np.uint64(obs.shape[1])):
            for o in range(np.uint64(obs.shape[2])):
                plus, minus, gate = np.uint64(sights[0, n, o]), np.uint64(sights[1, n, o]), np.uint64(sights[2, n, o])
                obs[b, n, o] = (facts[b, plus] - facts[b, minus]) * facts[b, gate]
