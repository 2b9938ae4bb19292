"""The switch riddle: prisoners who meet nobody have to find out, by a light, when all of them have been in one room."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.legal import lawful
from counterplay.engine.random import U64, below, seeds
from counterplay.engine.scene import Scene
from counterplay.games.scenes import tables

NOTHING, SWITCH, TELL = range(3)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Switch:
    """The switch riddle (Foerster et al., NeurIPS 2016) for three agents or more, as JaxMARL has it.

    Every day one agent, drawn at random from all, is in the room with the light, which is off at first. It does
    nothing, switches the light, or tells that all have been there: that ends the episode, with reward 1 for the team if
    it is so, else -1. After 4N - 6 days the rules end it with reward 0. All others can only do nothing.

    | numbers of an observation | what they are |
    | --- | --- |
    | 1 | 1 in the room, else 0 |
    | 1 | 1 in the room if the light is on, else 0 |

    The state is all observations one after another.
    """

    agents: int = 3

    def __post_init__(self) -> None:
        if not 3 <= self.agents <= 1000:
            raise UserError(f"agents must be 3 to 1000, not {self.agents}")

    @property
    def spec(self) -> EnvSpec:
        return EnvSpec(self.agents, actions=3, observation=2, state=2 * self.agents, limit=4 * self.agents - 6)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (("do nothing", "switch the light", "tell that all have been there"),) * self.agents

    def start(self, batch: int) -> "SwitchEnv":
        return SwitchEnv(self, batch)


class SwitchEnv:
    """Episodes of the switch riddle."""

    def __init__(self, task: Switch, batch: int) -> None:
        self.spec, self.batch = task.spec, batch
        shown = blank(self.spec, batch)
        self._shown = shown._replace(state=shown.obs.reshape(batch, -1))
        self._days = np.zeros((batch, 2), np.int64)  # how many are over, and who is in the room
        self._lit = np.zeros(batch, np.bool_)
        self._been = np.zeros((batch, task.agents), np.bool_)
        self._states = np.zeros(batch, np.uint64)
        self._game = (self._states, self._days, self._lit, self._been, shown.obs, shown.legal)
        self._parts = {
            "states": Part(self._states),
            "days": Part(self._days, 0, np.array((self.spec.limit, task.agents - 1))),
            "lit": Part(self._lit),
            "been": Part(self._been),
            "reward": Part(shown.reward),
            "terminated": Part(shown.terminated),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which = fitting(which, self.batch)
        self._states[which] = seeds(rng, self.batch)[which]
        for array in (self._days, self._lit, self._been, self._shown.reward, self._shown.terminated):
            array[which] = 0
        _enter_all(which, *self._game)
        return self._shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        shown = self._shown
        actions = choices(actions, shown)
        if not _step(actions, *self._game, self.spec.limit, *shown[3:6]):
            raise illegal(actions, shown)
        return shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        put_back(self._parts, kept)
        _enter_all(np.zeros(self.batch, np.bool_), *self._game)
        return self._shown

    def scene(self, episode: int) -> Scene:
        days, inside = self._days[episode].tolist()
        told = [f"day {days} of {self.spec.limit}; who has been in the room is filled"]
        return tables.switch(self._been[episode].tolist(), inside, bool(self._lit[episode]), told)

    def render(self, episode: int) -> str:
        days, room = self._days[episode]
        been = ", ".join(map(str, np.flatnonzero(self._been[episode]))) or "nobody"
        lines = [
            f"day {days} of {self.spec.limit}",
            f"in the room: agent {room}",
            f"light: {'on' if self._lit[episode] else 'off'}",
            f"have been there: {been}",
            f"reward: {self._shown.reward[episode]:g}",
        ]
        return "\n".join(lines)


@inlined
def _show(b: Index, days: npt.NDArray[np.int64], lit: Flags, obs: npt.NDArray[np.float32], legal: Flags) -> None:
    """Show everybody what it sees."""
    room = np.uint64(days[b, 1])
    for n in range(np.uint64(obs.shape[1])):
        inside = n == room
        obs[b, n, 0] = inside
        obs[b, n, 1] = inside & lit[b]
        legal[b, n, SWITCH] = inside
        legal[b, n, TELL] = inside


@jit
def _enter_all(
    which: Flags,
    states: U64,
    days: npt.NDArray[np.int64],
    lit: Flags,
    been: Flags,
    obs: npt.NDArray[np.float32],
    legal: Flags,
) -> None:
    """Draw who is in the room in some episodes, and show everybody in all of them what it sees."""
    for b in range(np.uint64(len(days))):
        if which[b]:
            days[b, 1] = below(states, b, np.uint64(been.shape[1]))
        _show(b, days, lit, obs, legal)


@jit
def _step(
    actions: npt.NDArray[np.int64],
    states: U64,
    days: npt.NDArray[np.int64],
    lit: Flags,
    been: Flags,
    obs: npt.NDArray[np.float32],
    legal: Flags,
    limit: int,
    reward: npt.NDArray[np.float32],
    terminated: Flags,
    truncated: Flags,
) -> bool:
    """Play one day of each running episode; return False, and play none, if an action is not legal."""
    if not lawful(actions, legal, terminated, truncated):
        return False
    agents = np.uint64(actions.shape[1])
    for b in range(np.uint64(len(actions))):
        reward[b] = 0.0
        if terminated[b]:
            continue
        room = np.uint64(days[b, 1])
        been[b, room] = True
        days[b, 0] += 1
        if actions[b, room] == SWITCH:
            lit[b] = not lit[b]
        told = actions[b, room] == TELL
        if told:
            all_been = True
            for n in range(agents):
                all_been &= been[b, n]
            reward[b] = 1.0 if all_been else -1.0
        terminated[b] = told or days[b, 0] >= limit
        days[b, 1] = below(states, b, agents)
        _show(b, days, lit, obs, legal)
    return True
