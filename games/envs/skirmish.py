"""A skirmish: a team of units fights a scripted enemy on an open field, who sees no further than its eyes reach."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import MAX_STEPS, EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.random import seeds
from counterplay.engine.scene import Scene
from counterplay.games.envs.skirmish_world import (
    ATTACK,
    COOL,
    FIELD,
    HEALTH,
    RADIUS,
    SEEN,
    UNIT,
    World,
    look,
    place_all,
    step,
)
from counterplay.games.scenes import fight

_NAMES = ("fallen", "stay", "north", "south", "east", "west")
LETTERS = "mMszlh"  # marine, marauder, stalker, zealot, zergling, hydralisk
_KINDS = ("marine", "marauder", "stalker", "zealot", "zergling", "hydralisk")
_SIDE = re.compile(f"(?:[1-9][0-9]*[{LETTERS}])+")
MOST = 64  # units of a side

# health, damage, seconds between two blows, reach, sight, speed (lengths a second), radius: those of StarCraft II,
# with shields counted as health, upgrades and armour left out, and the reach of hands 1.5.
STATS = np.array(
    [
        (45, 6, 0.61, 5, 9, 3.15, 0.375),
        (125, 10, 1.07, 6, 10, 3.15, 0.5625),
        (160, 13, 1.34, 6, 10, 4.13, 0.625),
        (150, 16, 0.86, 1.5, 9, 3.15, 0.5),
        (35, 5, 0.5, 1.5, 8, 4.13, 0.375),
        (90, 12, 0.59, 5, 9, 3.15, 0.625),
    ]
)


@dataclass(frozen=True)
class Skirmish:
    """Units fight a scripted enemy on a field of 32 x 32 (after the idea of SMAX and SMAC; the rules are our own).

    `units` says who fights: `3m` is three marines a side, `2s3z` two stalkers and three zealots, `5m_vs_6m` five
    marines against six, and any numbers of m (marine), M (marauder), s (stalker), z (zealot), l (zergling) and
    h (hydralisk) do.
    The team begins around (8, 16), the enemy around (24, 16), each unit up to 2 away in x and in y.

    Actions are nothing (which the dead alone have, and they have no other), stay, north, south, east, west, then attack
    each of the enemies, for those that live and are no more than 6 away. A step is half a second, played in four ticks.
    In each, all at once, who attacks strikes its target if that is within reach and the last blow long enough ago,
    or walks to it; others walk on; those with no health left fall, and those that overlap push each other apart. An
    enemy attacks the nearest unit that it sees, and walks to where the team began while it sees none.

    The team is paid the share of the enemies' health that it took, and 1 when the last of them falls and one of its own
    stands: a victory is a return of 2. The rules end the episode when a side has fallen; after `steps` steps it is
    truncated.

    | numbers of an observation | what they are |
    | --- | --- |
    | 4, 6 | own health and time to the next blow, as shares; x and y from the middle / 16; its kind |
    | 11 each | of the team's others: 1, offset in x and y / sight, health, time to the next blow, kind |
    | 11 each | of the enemies: 1, offset in x and y / sight, health, 1 if it may be attacked, kind |

    Who is dead or out of sight is zeros, and the dead see nothing. The state is health, time to the next blow, x, y and
    kind of every unit, enemies last, zeros for the dead, and the share of the time that is over.
    """

    units: str = "3m"
    steps: int = 100

    def __post_init__(self) -> None:
        sides = self.units.split("_vs_")
        if len(sides) > 2 or not all(_SIDE.fullmatch(side) for side in sides):
            raise UserError(
                f"units must be such as 3m, 2s3z or 5m_vs_6m, numbers of {', '.join(LETTERS)}, not {self.units!r}"
            )
        if max(map(len, self.sides)) > MOST:
            raise UserError(f"a side of units has {MOST} at most, not {max(map(len, self.sides))}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, not {self.steps}")

    @property
    def sides(self) -> tuple[list[int], list[int]]:
        """Return the kinds of the team's units, and of the enemy's."""
        team, _, enemy = self.units.partition("_vs_")

        def kinds(side: str) -> list[int]:
            found = re.findall(r"(\d+)(\w)", side)
            return [LETTERS.index(letter) for number, letter in found for _ in range(min(int(number), MOST + 1))]

        return kinds(team), kinds(enemy or team)

    @property
    def spec(self) -> EnvSpec:
        n, m = map(len, self.sides)
        entities = ((UNIT, n - 1, SEEN), (UNIT + (n - 1) * SEEN, m, SEEN))
        return EnvSpec(
            agents=n,
            actions=ATTACK + m,
            observation=UNIT + (n - 1 + m) * SEEN,
            state=(n + m) * UNIT + 1,
            limit=self.steps,
            entities=tuple(part for part in entities if part[1]),
        )

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return ((*_NAMES, *(f"attack enemy {m}" for m in range(len(self.sides[1])))),) * len(self.sides[0])

    def start(self, batch: int) -> "SkirmishEnv":
        return SkirmishEnv(self, batch)


class SkirmishEnv:
    """B skirmishes."""

    def __init__(self, task: Skirmish, batch: int) -> None:
        self.spec, self.batch, self._task = task.spec, batch, task
        self._shown = shown = blank(self.spec, batch)
        kinds = np.array(task.sides[0] + task.sides[1], np.int64)
        units = len(kinds)
        self._world = world = World(
            kind=kinds,
            stats=STATS,
            team=self.spec.agents,
            place=np.zeros((batch, units, 2)),
            health=np.zeros((batch, units)),
            wait=np.zeros((batch, units)),
            clock=np.zeros(batch, np.int64),
        )
        self._parts = {
            "place": Part(world.place, 0, FIELD),
            "health": Part(world.health, 0, STATS[kinds, HEALTH]),
            "wait": Part(world.wait, 0, STATS[kinds, COOL]),
            "clock": Part(world.clock, 0, task.steps),
            "reward": Part(shown.reward),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which, shown, world = fitting(which, self.batch), self._shown, self._world
        for array in (world.wait, world.clock, shown.reward, shown.terminated, shown.truncated):
            array[which] = 0
        place_all(which, seeds(rng, self.batch), world)
        self._look(which)
        return shown

    def _look(self, which: npt.NDArray[np.bool_]) -> None:
        shown = self._shown
        look(which, self._world, self._task.steps, shown.obs, shown.state, shown.legal)

    def step(self, actions: npt.NDArray[Any]) -> Step:
        shown = self._shown
        actions, on = choices(actions, shown), ~(shown.terminated | shown.truncated)
        over = (shown.terminated, shown.truncated)
        if not step(actions, self._world, self._task.steps, shown.legal, shown.reward, over):
            raise illegal(actions, shown)
        self._look(on)
        return shown

    def infos(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return whether each episode that has ended was `won`, [B]: 1 or 0, nan where it goes on."""
        shown, stands, team = self._shown, self._world.health > 0, self.spec.agents
        won = stands[:, :team].any(axis=1) & ~stands[:, team:].any(axis=1)
        return {"won": np.where(shown.terminated | shown.truncated, won, np.nan)}

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        put_back(self._parts, kept)
        shown, world, team = self._shown, self._world, self.spec.agents
        stands = world.health > 0
        shown.terminated[:] = ~(stands[:, :team].any(axis=1) & stands[:, team:].any(axis=1))
        shown.truncated[:] = ~shown.terminated & (world.clock >= self._task.steps)
        self._look(np.ones(self.batch, np.bool_))
        return shown

    def scene(self, episode: int) -> Scene:
        """Return the field: the team's units by number and kind, the enemies' likewise, and their health."""
        world, units = self._world, []
        for u, (x, y) in enumerate(world.place[episode].tolist()):
            kind, ours = int(world.kind[u]), u < world.team
            health = float(world.health[episode, u] / world.stats[kind, HEALTH])
            label = f"{u if ours else u - world.team}{LETTERS[kind]}"
            units.append(fight.Unit(x, y, float(world.stats[kind, RADIUS]), health, LETTERS[kind], label, ours))
        kinds = sorted({one.kind for one in units}, key=LETTERS.index)
        told = "letters are kinds: " + ", ".join(f"{kind} {_KINDS[LETTERS.index(kind)]}" for kind in kinds)
        return fight.scene(FIELD, units, [told])

    def render(self, episode: int) -> str:
        """Return the field, the team's units as a, b, c ..., enemies by kind in capitals, and the health of all."""
        rows = [["."] * 32 for _ in range(16)]
        world, lines = self._world, []
        for u, (x, y) in enumerate(world.place[episode].tolist()):
            ours = u < world.team
            name = chr(ord("a") + u % 26) if ours else LETTERS[world.kind[u]].upper()
            if world.health[episode, u] > 0:
                rows[min(int(y / 2), 15)][min(int(x), 31)] = name
            lines.append(f"{name}{'' if ours else '!'} {world.health[episode, u]:.0f}")
        legend = f"step {world.clock[episode]} of {self._task.steps}, reward: {self._shown.reward[episode]:.3g}"
        return "\n".join([*map("".join, reversed(rows)), ", ".join(lines), legend])
