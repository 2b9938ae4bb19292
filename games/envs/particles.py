"""Tasks of particles (`particle_world`), and B episodes of one: MPE's are in `mpe`, `mpe_shapes`,
`mpe_chase` and `mpe_treasure`.

A task (`Particles`) says of what bodies its world is made, what each agent sees and how agents are paid.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.arguments import whole
from counterplay.engine.env import MAX_STEPS, EnvSpec, Step, blank, choices, illegal, reals
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.scene import Scene
from counterplay.games.envs.particle_world import (
    F64,
    Body,
    Layout,
    Sight,
    World,
    contacts,
    empty,
    move,
    options,
    see,
    steer,
    words_of,
)
from counterplay.games.envs.solo import Canvas
from counterplay.games.scenes import particles as scenes

_SIDE = 1.5  # the picture shows the square from -1.5 to 1.5
_ROWS, _COLUMNS = 21, 43
_KINDS = ("agent", "rival", "other")  # roles of agents in scenes, by their kind
_SIGNS = {"#": "wall", ".": "item", "T": "green"}  # of landmarks


@dataclass(frozen=True)
class Particles:
    """A task of particles: `steps` steps; with `continuous`, actions are forces, and words are said more or less."""

    steps: int = 25
    continuous: bool = False

    def __post_init__(self) -> None:
        whole("steps", self.steps, 1, MAX_STEPS)

    @property
    @abstractmethod
    def bodies(self) -> tuple[tuple[Body, ...], tuple[Body, ...]]:
        """Agents, and landmarks."""

    @abstractmethod
    def sees(self, at: Layout, i: int) -> list[Sight]:
        """Return what agent i sees, number by number."""

    @abstractmethod
    def pay(self, world: World) -> F64:
        """Return what each agent is paid for where everything is now, [B, N]."""

    def begin(self, drawn: F64, world: World, which: npt.NDArray[np.bool_]) -> None:
        """Write down what the task adds, for episodes of `which`; `drawn`, [B, `draws`], are random, in [0, 1)."""

    def happen(self, world: World, on: npt.NDArray[np.bool_]) -> None:
        """Let happen, in the episodes `on`, [B], what does once all have moved."""

    def notice(self, world: World) -> None:
        """Write down what of it changes at every step."""

    def script(self, world: World) -> None:
        """Write the forces of agents that are `scripted`."""

    def aims(self, world: World, episode: int) -> list[tuple[float, float, str]]:
        """Return the places that agents are paid for being at, and a word for each, as scenes mark them."""
        return []

    def secrets(self, world: World, episode: int) -> list[str]:
        """Return what else some agents know, as sentences of a scene."""
        return []

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        found = [words_of(self.bodies[0][i], self.continuous) for i in self.learners]
        return tuple(names + ("",) * (self.spec.actions - len(names)) for names in found)

    @property
    def draws(self) -> int:
        """How many random numbers an episode begins with, beside where everything is."""
        return 0

    @property
    def more(self) -> int:
        """How many facts the task adds."""
        return 0

    @property
    def scripted(self) -> tuple[int, ...]:
        """Agents that move by themselves, so that nobody learns them."""
        return ()

    @property
    def team(self) -> bool:
        """Whether agents are paid their sum."""
        return False

    @property
    def kinds(self) -> tuple[int, ...]:
        """A number for each agent; agents of one number are alike. () if all are."""
        return ()

    @property
    def spread(self) -> float:
        """Landmarks are thrown uniformly into the square from minus this to this."""
        return 1.0

    @property
    def layout(self) -> Layout:
        agents, landmarks = self.bodies
        return Layout(len(agents), len(agents) + len(landmarks), max(one.words for one in agents), self.more)

    @property
    def learners(self) -> tuple[int, ...]:
        """The agents of the environment, as numbers of agents in the world."""
        return tuple(i for i in range(len(self.bodies[0])) if i not in self.scripted)

    @property
    def spec(self) -> EnvSpec:
        learners, (agents, _), at = self.learners, self.bodies, self.layout
        seen = max(len(self.sees(at, i)) for i in learners)
        kinds = tuple(self.kinds[i] for i in learners) if self.kinds else ()
        return EnvSpec(
            agents=len(learners),
            actions=max(options(agents[i], self.continuous) for i in learners),
            observation=seen,
            state=len(learners) * seen,
            limit=self.steps,
            team=self.team,
            continuous=self.continuous,
            roles=kinds if len(set(kinds)) > 1 else (),
        )

    def start(self, batch: int) -> "ParticlesEnv":
        return ParticlesEnv(self, batch)


class ParticlesEnv:
    """B episodes of a task of particles."""

    def __init__(self, task: Particles, batch: int):
        self.task, self.spec, self.batch = task, task.spec, batch
        shown, at = blank(self.spec, batch), task.layout
        self.shown = shown._replace(state=shown.obs.reshape(batch, -1))
        self.world = empty(at, batch)
        self.paid = np.zeros((batch, len(task.learners)), np.float32)
        self.clock = np.zeros(batch, np.int64)
        agents, landmarks = task.bodies
        for n, i in enumerate(task.learners):
            if not task.continuous:
                shown.legal[:, n, options(agents[i], False) :] = False
        self.learners = np.array(task.learners)
        self.makes = np.array([(one.force, one.fastest) for one in agents])
        self.ways = np.array([(5 if one.force > 0 else 1, one.words) for one in agents])
        self.pairs, self.reach = contacts([*agents, *landmarks], at.agents)
        self.sights = np.zeros((3, self.spec.agents, self.spec.observation), np.int64)
        for n, i in enumerate(task.learners):
            seen = task.sees(at, i)
            self.sights[:, n, : len(seen)] = np.array(seen).T
        self._parts = {
            "facts": Part(self.world.facts),
            "paid": Part(self.paid),
            "clock": Part(self.clock, 0, task.steps),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which, world, at = fitting(which, self.batch), self.world, self.task.layout
        drawn = rng.random((self.batch, self.task.draws + 2 * at.bodies))
        facts = drawn[:, self.task.draws :][which] * 2 - 1
        facts[:, 2 * at.agents :] *= self.task.spread
        world.facts[which, 2 : at.velocities] = facts
        world.facts[which, at.velocities :] = 0
        self.task.begin(drawn, world, which)
        for array in (self.shown.reward, self.paid, self.clock, self.shown.truncated):
            array[which] = 0
        self._look()
        return self.shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        world, over = self.world, self.shown.truncated
        if self.task.continuous:
            self._drive(reals(actions, self.shown))
        else:
            actions = choices(actions, self.shown)
            if not steer(
                actions, self.shown.legal, over, self.learners, self.ways, self.makes, world.said, world.force
            ):
                raise illegal(actions, self.shown)
        if self.task.scripted:
            self.task.script(world)
        move(world.place, world.velocity, world.force, self.makes, self.pairs, self.reach, over)
        self.task.happen(world, ~over)
        self._look()
        paid = self.task.pay(world)
        self.paid[:] = np.where(over[:, None], 0.0, paid[:, self.learners])
        self._tell()
        self.clock += ~over
        np.greater_equal(self.clock, self.task.steps, out=over)
        return self.shown

    def _drive(self, actions: npt.NDArray[np.float32]) -> None:
        """Turn continuous actions into forces, and into what is said: -1 to 1 stands for 0 to 1 of mpe2's."""
        running = ~self.shown.truncated
        for n, i in enumerate(self.task.learners):
            (ways, words), force = self.ways[i], self.makes[i, 0]
            first = 2 * (ways > 1)
            if first:
                self.world.force[running, i] = actions[running, n, :2] * force
            if words:
                self.world.said[running, i, :words] = (actions[running, n, first : first + words] + 1.0) / 2

    def _look(self) -> None:
        self.task.notice(self.world)
        see(self.world.facts, self.sights, self.shown.obs)

    def _tell(self) -> None:
        if self.spec.team:
            self.paid.sum(axis=1, out=self.shown.reward)
        else:
            self.shown.reward[:] = self.paid

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        put_back(self._parts, kept)
        self.world.facts[:, :2] = 0, 1
        np.greater_equal(self.clock, self.task.steps, out=self.shown.truncated)
        self._tell()
        self._look()
        return self.shown

    def scene(self, episode: int) -> Scene:
        """Return the square from -1.5 to 1.5: agents by number, landmarks, and what agents said last."""
        task, world = self.task, self.world
        agents, landmarks = task.bodies
        kinds = task.kinds or (0,) * len(agents)
        signs = [(_KINDS[kind], str(n)) for n, kind in enumerate(kinds)]
        signs += [(_SIGNS.get(one.sign, "dim"), "") for one in landmarks]
        dots = [
            scenes.Dot(x, y, body.size, role, label)
            for (x, y), body, (role, label) in zip(
                world.place[episode].tolist(), (*agents, *landmarks), signs, strict=True
            )
        ]
        heard = [f"agent {i} said {_word(said)}" for i, said in enumerate(world.said[episode]) if agents[i].words]
        return scenes.scene(dots, task.aims(world, episode), [*task.secrets(world, episode), *heard])

    def render(self, episode: int) -> str:
        """Return a picture of the square from -1.5 to 1.5, agents by number, and what they said last.

        What is outside stands at the border.
        """
        picture, (agents, landmarks) = Canvas(_ROWS, _COLUMNS, -_SIDE, _SIDE, -_SIDE, _SIDE), self.task.bodies
        signs = [str(i) if i < 10 else "+" for i in range(len(agents))]
        signs += [one.sign for one in landmarks]
        for i in reversed(range(len(signs))):
            x, y = self.world.place[episode, i].tolist()
            picture.put(x, y, signs[i])
        edge = "+" + "-" * _COLUMNS + "+"
        reward = float(self.paid[episode].sum())
        head = f"step {self.clock[episode]} of {self.task.steps}, the agents' rewards add to {reward:z.3f}"
        heard = [f"{i} said {_word(said)}" for i, said in enumerate(self.world.said[episode]) if agents[i].words]
        lines = ["".join(row) for row in picture.cells]
        return "\n".join([head, *heard, edge, *(f"|{line}|" for line in lines), edge])


def _word(said: F64) -> str:
    """Return the word that was said; of several at once, how much of each."""
    if set(said.tolist()) <= {0.0, 1.0} and said.sum() <= 1:
        return chr(ord("A") + int(said.argmax())) if said.any() else "nothing"
    return ", ".join(f"{share:.2f}" for share in said)
