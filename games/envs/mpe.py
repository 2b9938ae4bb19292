"""MPE's tasks of going places and of saying which, with the rules of mpe2 1.1 (Lowe et al., NeurIPS 2017).

Tests hold each against mpe2's own, step by step. Spread is in `spread`, the chases in `mpe_chase`. An action is a way
to go (none, left, right, down, up: 0 to 4) plus 5 times a word, or for who cannot move the word alone; if continuous,
the force in x and y, then how much of each word is said, all from -1 to 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from counterplay.engine.arguments import whole
from counterplay.engine.errors import UserError
from counterplay.games.envs.particle_world import F64, FORCE, Body, Layout, Sight, World, away
from counterplay.games.envs.particles import Particles

Flags = npt.NDArray[np.bool_]
Bodies = tuple[tuple[Body, ...], tuple[Body, ...]]

MOVER, LANDMARK = Body(force=FORCE), Body()


def shared(reward: str) -> bool:
    """Tell whether a team shares its reward; raise `UserError` for another word."""
    if reward not in ("team", "individual"):
        raise UserError(f"reward must be team or individual, not {reward!r}")
    return reward == "team"


def by_script(opponents: str) -> bool:
    """Tell whether opponents follow a script; raise `UserError` for another word."""
    if opponents not in ("learn", "script"):
        raise UserError(f"opponents must be learn or script, not {opponents!r}")
    return opponents == "script"


def one_of(drawn: F64, column: int, count: int, which: Flags) -> npt.NDArray[np.int64]:
    """Return one of 0 to `count` - 1 for each episode of `which`, by random numbers."""
    chosen: npt.NDArray[np.int64] = (drawn[which, column] * count).astype(np.int64)
    return chosen


@dataclass(frozen=True)
class Simple(Particles):
    """One agent goes to a landmark: minus the square of its distance a step (mpe2's simple).

    An observation is the agent's velocity, and the landmark's position less its own.
    """

    @property
    def bodies(self) -> Bodies:
        return (MOVER,), (LANDMARK,)

    @property
    def team(self) -> bool:
        return True

    def sees(self, at: Layout, i: int) -> list[Sight]:
        return at.velocity(i) + at.around(i)

    def aims(self, world: World, episode: int) -> list[tuple[float, float, str]]:
        x, y = world.place[episode, 1].tolist()
        return [(x, y, "goal")]

    def pay(self, world: World) -> F64:
        return -(away(world, 0, 1) ** 2)[:, None]


@dataclass(frozen=True)
class Adversary(Particles):
    """One of as many landmarks as there are `agents` is the goal, and an adversary does not know which.

    The adversary is agent 0. The others are paid its distance to the goal, minus that of whoever of them is nearest;
    it is paid minus its own. They see the goal's position less their own, and all see the landmarks' and the other
    agents' (mpe2's simple_adversary). With `opponents=script` the adversary moves by itself, to the landmark that
    somebody is nearest to, and the others are a team that shares its sum.
    """

    agents: int = 2
    opponents: str = "learn"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("agents", self.agents, 1, 100)
        by_script(self.opponents)

    @property
    def bodies(self) -> Bodies:
        return (MOVER._replace(size=0.15),) * (self.agents + 1), (LANDMARK._replace(size=0.08),) * self.agents

    @property
    def scripted(self) -> tuple[int, ...]:
        return (0,) if self.team else ()

    @property
    def team(self) -> bool:
        return by_script(self.opponents)

    @property
    def kinds(self) -> tuple[int, ...]:
        return (0, *(1,) * self.agents)

    @property
    def draws(self) -> int:
        return 1

    @property
    def more(self) -> int:
        return 2  # where the goal is

    def begin(self, drawn: F64, world: World, which: Flags) -> None:
        goal = one_of(drawn, 0, self.agents, which)
        world.added[which] = world.place[which][np.arange(len(goal)), self.agents + 1 + goal]

    def sees(self, at: Layout, i: int) -> list[Sight]:
        own = [Sight(to.plus, here.plus) for to, here in zip(at.added(0, 2), at.place(i), strict=True)] if i else []
        return own + at.around(i) + [one for j in at.rest(i) for one in at.offset(j, i)]

    def aims(self, world: World, episode: int) -> list[tuple[float, float, str]]:
        x, y = world.added[episode, :2].tolist()
        return [(x, y, "goal")]

    def pay(self, world: World) -> F64:
        paid: F64 = np.sqrt(((world.place[:, : self.agents + 1] - world.added[:, None]) ** 2).sum(axis=2))
        paid[:, 1:] = (paid[:, 0] - paid[:, 1:].min(axis=1))[:, None]
        paid[:, 0] *= -1
        return paid

    def script(self, world: World) -> None:
        agents, landmarks = world.place[:, 1 : self.agents + 1], world.place[:, self.agents + 1 :]
        apart = ((agents[:, :, None] - landmarks[:, None]) ** 2).sum(axis=3).min(axis=1)
        to = landmarks[np.arange(len(apart)), apart.argmin(axis=1)] - world.place[:, 0] - world.velocity[:, 0]
        world.force[:, 0] = FORCE * to.clip(-1, 1)


@dataclass(frozen=True)
class Push(Particles):
    """An agent goes to one of two landmarks, and an adversary, agent 0, pushes it away (mpe2's simple_push).

    The agent is paid minus its distance to the goal; the adversary is paid that distance, minus its own. It sees its
    velocity, and the landmarks' and the agent's positions less its own. The agent sees its velocity, the goal's
    position less its own, the colour of the goal (0.75 in its place of three numbers, else 0.25), the landmarks'
    positions, their colours, and the adversary's position.
    """

    @property
    def bodies(self) -> Bodies:
        return (MOVER._replace(solid=True),) * 2, (LANDMARK,) * 2

    @property
    def kinds(self) -> tuple[int, ...]:
        return 0, 1

    @property
    def draws(self) -> int:
        return 1

    @property
    def more(self) -> int:
        return 2 + 9  # where the goal is; its colour as the agent wears it, and both landmarks'

    def begin(self, drawn: F64, world: World, which: Flags) -> None:
        goal = one_of(drawn, 0, 2, which)
        rows, added = np.arange(len(goal)), world.added[which]
        added[:, :2] = world.place[which][rows, 2 + goal]
        added[:, 2:5] = 0.25
        added[rows, 3 + goal] = 0.75
        added[:, 5:] = (0.1, 0.9, 0.1, 0.1, 0.1, 0.9)
        world.added[which] = added

    def sees(self, at: Layout, i: int) -> list[Sight]:
        other = at.offset(1 - i, i)
        if i == 0:
            return at.velocity(i) + at.around(i) + other
        goal = [Sight(to.plus, here.plus) for to, here in zip(at.added(0, 2), at.place(i), strict=True)]
        return at.velocity(i) + goal + at.added(2, 3) + at.around(i) + at.added(5, 6) + other

    def aims(self, world: World, episode: int) -> list[tuple[float, float, str]]:
        x, y = world.added[episode, :2].tolist()
        return [(x, y, "goal")]

    def pay(self, world: World) -> F64:
        apart = np.sqrt(((world.place[:, :2] - world.added[:, None, :2]) ** 2).sum(axis=2))
        return np.stack([apart[:, 1] - apart[:, 0], -apart[:, 1]], axis=1)


@dataclass(frozen=True)
class Reference(Particles):
    """Two agents each have to go to one of three landmarks, which only the other one knows, and can say ten words.

    An agent's own part is minus the other's distance to the landmark that it has to tell of; it is paid `local_ratio`
    times that, plus 1 - `local_ratio` times the mean of both. It sees its velocity, the landmarks' positions less its
    own, the colour of the other's landmark (0.75 in its place of three numbers, else 0.25), and what the other said
    last (mpe2's simple_reference). With `reward="individual"` each gets its own, with `reward="team"` both the sum.
    """

    local_ratio: float = 0.5
    reward: str = "team"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.local_ratio <= 1:
            raise UserError(f"local_ratio must be 0 to 1, not {self.local_ratio}")
        shared(self.reward)

    @property
    def bodies(self) -> Bodies:
        return (MOVER._replace(words=10),) * 2, (LANDMARK,) * 3

    @property
    def team(self) -> bool:
        return shared(self.reward)

    @property
    def draws(self) -> int:
        return 2

    @property
    def more(self) -> int:
        return 2 * 5  # for each agent the colour and the place of the landmark that it tells of

    def begin(self, drawn: F64, world: World, which: Flags) -> None:
        added = world.added[which]
        for i in range(2):
            goal = one_of(drawn, i, 3, which)
            rows = np.arange(len(goal))
            added[:, 5 * i : 5 * i + 3] = 0.25
            added[rows, 5 * i + goal] = 0.75
            added[:, 5 * i + 3 : 5 * i + 5] = world.place[which][rows, 2 + goal]
        world.added[which] = added

    def sees(self, at: Layout, i: int) -> list[Sight]:
        return at.velocity(i) + at.around(i) + at.added(5 * i, 3) + at.said(1 - i)

    def aims(self, world: World, episode: int) -> list[tuple[float, float, str]]:
        places = world.added[episode].reshape(2, 5)[:, 3:].tolist()
        if places[0] == places[1]:
            return [(*places[0], "goal of 0 and 1")]
        return [(x, y, f"goal of {1 - i}") for i, (x, y) in enumerate(places)]

    def pay(self, world: World) -> F64:
        goals = world.added.reshape(-1, 2, 5)[:, :, 3:]
        own = -np.sqrt(((world.place[:, 1::-1] - goals) ** 2).sum(axis=2))
        paid: F64 = self.local_ratio * own + (1 - self.local_ratio) * own.mean(axis=1, keepdims=True)
        return paid


@dataclass(frozen=True)
class SpeakerListener(Particles):
    """A speaker, agent 0, knows to which of three landmarks a listener has to go, and has three words.

    Both are paid minus the square of the listener's distance to it. The speaker sees the landmark's colour (0.65 in its
    place of three numbers, else 0.15); the listener sees its velocity, the landmarks' positions less its own, and what
    was said last (mpe2's simple_speaker_listener). With `reward="team"` both get the sum.
    """

    reward: str = "team"

    def __post_init__(self) -> None:
        super().__post_init__()
        shared(self.reward)

    @property
    def bodies(self) -> Bodies:
        return (Body(0.075, words=3), Body(0.075, force=FORCE)), (Body(0.04),) * 3

    @property
    def team(self) -> bool:
        return shared(self.reward)

    @property
    def kinds(self) -> tuple[int, ...]:
        return 0, 1

    @property
    def draws(self) -> int:
        return 1

    @property
    def more(self) -> int:
        return 5  # the goal's colour, and where it is

    def begin(self, drawn: F64, world: World, which: Flags) -> None:
        goal = one_of(drawn, 0, 3, which)
        rows, added = np.arange(len(goal)), world.added[which]
        added[:, :3] = 0.15
        added[rows, goal] = 0.65
        added[:, 3:] = world.place[which][rows, 2 + goal]
        world.added[which] = added

    def sees(self, at: Layout, i: int) -> list[Sight]:
        return at.velocity(i) + at.around(i) + at.said(0) if i else at.added(0, 3)

    def aims(self, world: World, episode: int) -> list[tuple[float, float, str]]:
        x, y = world.added[episode, 3:].tolist()
        return [(x, y, "goal of 1")]

    def pay(self, world: World) -> F64:
        apart = ((world.place[:, 1] - world.added[:, 3:]) ** 2).sum(axis=1)
        return np.stack([-apart, -apart], axis=1)


@dataclass(frozen=True)
class Crypto(Particles):
    """Alice tells Bob one of two messages with a key that both know, and Eve, who hears her too, has none.

    Agents are Eve, Bob and Alice; none moves, and each has four words. Who listens is to say what the message is: Eve
    is paid minus the square of how far her word is from it (0 or 2 for whole words), Alice and Bob what Bob is paid
    likewise, less what Eve is. Alice sees the message and the key, Bob the key and her word, Eve her word alone; each
    is four numbers (mpe2's simple_crypto).
    """

    @property
    def bodies(self) -> Bodies:
        return (Body(words=4),) * 3, (LANDMARK,) * 2

    @property
    def kinds(self) -> tuple[int, ...]:
        return 0, 1, 2

    @property
    def draws(self) -> int:
        return 2

    @property
    def more(self) -> int:
        return 8  # message and key

    def begin(self, drawn: F64, world: World, which: Flags) -> None:
        added = np.zeros((np.count_nonzero(which), 8))
        for part in range(2):
            added[np.arange(len(added)), 4 * part + one_of(drawn, part, 2, which)] = 1
        world.added[which] = added

    def sees(self, at: Layout, i: int) -> list[Sight]:
        return (at.said(2), at.added(4, 4) + at.said(2), at.added(0, 8))[i]

    def secrets(self, world: World, episode: int) -> list[str]:
        message, key = (chr(ord("A") + int(part.argmax())) for part in world.added[episode].reshape(2, 4))
        return [f"the message is {message}, the key {key}; agents are 0 Eve, 1 Bob, 2 Alice"]

    def pay(self, world: World) -> F64:
        heard = world.said[:, :2]  # Eve's and Bob's guesses; who says nothing makes none
        wrong = ((heard - world.added[:, None, :4]) ** 2).sum(axis=2) * heard.any(axis=2)
        eve, bob = -wrong.T
        return np.stack([eve, bob - eve, bob - eve], axis=1)
