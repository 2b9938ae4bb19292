"""Two cooks in a kitchen: Overcooked's five classic layouts, with overcooked_ai's rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import MAX_STEPS, EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.scene import Scene
from counterplay.games.envs.overcooked_views import (
    COUNTER,
    DISH,
    DISHES,
    FLOOR,
    LAYERS,
    NOTHING,
    ONION,
    ONIONS,
    POT,
    SERVING,
    SOUP,
    TIME_TO_COOK,
    cooked,
    onions,
    show_grids,
    show_vectors,
    vector_size,
)
from counterplay.games.scenes import grids

NORTH, SOUTH, EAST, WEST, STAY, INTERACT = range(6)
_NAMES = ("north", "south", "east", "west", "stay", "interact")
_HELD = ("nothing", "onion", "dish", *["soup"] * 3)

LAYOUTS = {
    "cramped_room": ("XXPXX", "O  2O", "X1  X", "XDXSX"),
    "asymmetric_advantages": ("XXXXXXXXX", "O XSXOX S", "X   P 1 X", "X2  P   X", "XXXDXDXXX"),
    "coordination_ring": ("XXXPX", "X 1 P", "D2X X", "O   X", "XOSXX"),
    "forced_coordination": ("XXXPX", "O X1P", "O2X X", "D X X", "XXXSX"),
    "counter_circuit": ("XXXPPXXX", "X  2   X", "D XXXX S", "X  1   X", "XXXOOXXX"),
}
_TERRAIN = {" ": FLOOR, "1": FLOOR, "2": FLOOR, "X": COUNTER, "P": POT, "O": ONIONS, "D": DISHES, "S": SERVING}
_DOWN, _RIGHT = (-1, 1, 0, 0, 0), (0, 0, 1, -1, 0)

I32 = npt.NDArray[np.int32]
F32 = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Overcooked:
    """Two cooks make onion soups and serve them, 20 for each (Carroll et al., NeurIPS 2019; overcooked_ai's rules).

    Actions are north, south, east, west, stay, interact. Interacting is with the cell that a cook faces: take an onion
    or a dish where they are piled, put what is held on a free counter or take what lies there, put an onion into a pot
    that holds fewer than three and does not cook, take the soup out of a pot that is ready, with a dish in hand, serve
    a soup. First the one cook interacts, then the other; then both walk: who would walk into another's cell, or change
    places with it, stays, and so does the other. A pot cooks by itself once there are three onions in it, 20 steps, as
    in the paper; with `manual` a cook with empty hands has to interact with it, who may begin with fewer onions, and a
    soup of fewer is worth nothing. After `steps` steps the episode is truncated.

    `shaped` times 3 is paid for an onion put into a pot, `shaped` times 3 for a dish taken while fewer are held than
    pots are in use and none lies on a counter, and `shaped` times 5 for a soup taken out of a pot: the original's
    shaped reward, by default none.

    With `view=grid` an observation is the original's lossless encoding, 26 numbers for each cell, column by column:
    where the cook itself is, where the other is, which way both face (4 each), pots, counters, piles of onions,
    tomatoes (none) and dishes, serving hatches, onions and tomatoes in pots that do not cook, onions and tomatoes in
    soups, steps until a soup is done, soups that are done, dishes, onions, tomatoes, and whether fewer than 40 steps
    are left. The state is what the first cook observes.

    With `view=vector` it is a short one; offsets are columns to the right and rows down, divided by the longer side:

    | numbers | what they are |
    | --- | --- |
    | 2 | where the cook is |
    | 4, 4 | which way it faces; whether it holds nothing, an onion, a dish, a soup |
    | 10 | what it faces: floor, free counter, onion, dish, soup on one, pot, onions, dishes, hatch, the other |
    | 2, 4, 4 | the other cook's offset, and the same of it |
    | 7 a pot | its offset, 1 if the cook can come there, onions / 3, whether it cooks, steps to go / 20, 1 if done |
    | 3 each | offset, 1 of the nearest onions, dishes, hatch; onion, dish, soup, nothing on a counter; or zeros |
    | 1 | the share of the time that is over |

    The nearest is what the cook, alone in the kitchen, could reach in the fewest steps.
    """

    layout: str = "cramped_room"
    shaped: float = 0.0
    manual: bool = False
    view: str = "grid"
    steps: int = 400

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise UserError(f"layout must be one of {', '.join(LAYOUTS)}, not {self.layout!r}")
        if not 0 <= self.shaped <= 1000:
            raise UserError(f"shaped must be 0 (no shaped reward) to 1000, not {self.shaped:g}")
        if self.view not in ("grid", "vector"):
            raise UserError(f"view must be grid or vector, not {self.view!r}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, not {self.steps}")

    @property
    def spec(self) -> EnvSpec:
        rows = LAYOUTS[self.layout]
        if self.view == "vector":
            size = vector_size(sum(row.count("P") for row in rows))
            return EnvSpec(2, 6, size, 2 * size, self.steps)
        cells = len(rows) * len(rows[0])
        return EnvSpec(2, 6, cells * LAYERS, cells * LAYERS, self.steps, grid=(len(rows[0]), len(rows), LAYERS))

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (_NAMES,) * 2

    def start(self, batch: int) -> "OvercookedEnv":
        return OvercookedEnv(self, batch)


class Kitchen(NamedTuple):
    """What does not change. Cells are counted column by column, as in the original's arrays."""

    terrain: npt.NDArray[np.int8]  # [C]
    away: I32  # [C, C] steps from a cell of floor to one beside which a thing can be reached; `FAR` if there is no way
    pots: npt.NDArray[np.int64]  # [P] their cells
    height: int
    begin: tuple[int, int]  # where the cooks are at first


FAR = 1 << 20


def kitchen(layout: str) -> Kitchen:
    """Return the kitchen of a layout."""
    rows = LAYOUTS[layout]
    height, text = len(rows), "".join("".join(column) for column in zip(*rows, strict=True))
    terrain = np.array([_TERRAIN[mark] for mark in text], np.int8)
    away = np.full((len(text), len(text)), FAR, np.int32)
    for first in np.flatnonzero(terrain == FLOOR).tolist():
        seen, front, steps = {first}, [first], 0
        while front:
            around = {cell + move for cell in front for move in (-1, 1, -height, height)} - seen
            away[first, list(around)] = steps
            seen |= around
            front, steps = [cell for cell in around if terrain[cell] == FLOOR], steps + 1
    return Kitchen(terrain, away, np.flatnonzero(terrain == POT), height, (text.index("1"), text.index("2")))


class OvercookedEnv:
    """Episodes of cooking."""

    def __init__(self, task: Overcooked, batch: int) -> None:
        self.spec, self.batch, self._task = task.spec, batch, task
        shown = blank(self.spec, batch)
        self._room = room = kitchen(task.layout)
        self._grid = task.view == "grid"
        state = shown.obs[:, 0] if self._grid else shown.obs.reshape(batch, -1)
        self._shown = shown._replace(state=state)
        cells = len(room.terrain)
        self._who = np.zeros((batch, 2, 3), np.int32)  # a cook's cell, which way it faces, what it holds
        # What lies on a counter; in a pot, onions + 4 x (steps that they have cooked + 1, or 0 before that).
        self._things = np.zeros((batch, cells), np.int32)
        self._clock = np.zeros(batch, np.int32)
        self._world = (self._who, self._things, self._clock)
        self._played = np.zeros(batch, np.bool_)
        self._touched = np.zeros((batch, 6 + len(room.pots)), np.int32)
        self._touched[:, 6:] = room.pots
        self._all = np.tile(np.arange(cells, dtype=np.int32), (batch, 1))
        if self._grid:
            layers = shown.obs.reshape(batch, 2, cells, LAYERS)
            for kind, layer in ((POT, 10), (COUNTER, 11), (ONIONS, 12), (DISHES, 14), (SERVING, 15)):
                layers[..., layer] = room.terrain == kind
        most = np.where(room.terrain == COUNTER, SOUP + 2, np.where(room.terrain == POT, 4 * TIME_TO_COOK + 7, 0))
        self._parts = {
            "who": Part(self._who, 0, np.array((cells - 1, 3, SOUP + 2), np.float64)),
            "things": Part(self._things, 0, most.astype(np.float64)),
            "clock": Part(self._clock, 0, task.steps),
            "reward": Part(shown.reward),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which, shown = fitting(which, self.batch), self._shown
        self._who[which] = [(cell, NORTH, NOTHING) for cell in self._room.begin]
        for array in (self._things, self._clock, shown.reward, shown.truncated):
            array[which] = 0
        self._look(which, self._all)
        return shown

    def _look(self, which: Flags, touched: I32) -> None:
        """Write anew what the cooks of some episodes observe, on a grid of the cells that were `touched`, [B, K]."""
        if self._grid:
            show_grids(which, touched, self._world, self._room.terrain, self._shown.obs, self._task.steps)
        else:
            room = self._room
            far = (room.away, room.pots, room.height)
            show_vectors(which, self._world, room.terrain, *far, self._shown.obs, self._task.steps)

    def step(self, actions: npt.NDArray[Any]) -> Step:
        shown, task = self._shown, self._task
        actions = choices(actions, shown)
        room, shaped, played, touched = self._room, float(task.shaped), self._played, self._touched
        over = shown.truncated
        if not _step(actions, self._world, room, shaped, task.manual, task.steps, shown.reward, over, played, touched):
            raise illegal(actions, shown)
        self._look(self._played, self._touched)
        return shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        before, shown = self.keep(), self._shown
        put_back(self._parts, kept)
        cells = self._who[..., 0]
        if (self._room.terrain[cells] != FLOOR).any() or (cells[:, 0] == cells[:, 1]).any():
            put_back(self._parts, before)
            raise UserError("who of an environment that was kept stands on the floor, each in a cell of its own")
        shown.truncated[:] = self._clock >= self._task.steps
        self._look(np.ones(self.batch, np.bool_), self._all)
        return shown

    def scene(self, episode: int) -> Scene:
        """Return the kitchen: in pots onions, or steps to go; on counters and in hands onions, dishes and soups."""
        height, room = self._room.height, self._room
        on = [[""] * (len(room.terrain) // height) for _ in range(height)]
        for cell, thing in enumerate(self._things[episode].tolist()):
            cooking = thing >> 2
            if room.terrain[cell] == POT:
                left = TIME_TO_COOK + 1 - cooking
                word = f"{thing & 3} in" if not cooking else "ready" if left <= 0 else f"{left} to go"
            else:
                word = _HELD[thing] if thing else ""
            on[cell % height][cell // height] = word
        cooks = [
            (cell % height, cell // height, way, _HELD[thing] if thing else "")
            for cell, way, thing in self._who[episode].tolist()
        ]
        plan = ["".join(" XPODS"[kind] for kind in room.terrain[row::height].tolist()) for row in range(height)]
        return grids.kitchen(plan, on, cooks)

    def render(self, episode: int) -> str:
        """Return the kitchen: cooks face ^ v > <; o, d, s lie on counters, and a pot is P and its onions, ! if done."""
        height, marks, held = self._room.height, " XPODS", ("nothing", "an onion", "a dish", *["a soup"] * 3)
        things = self._things[episode].tolist()
        cells = [marks[kind] + " " for kind in self._room.terrain]
        for cell, (kind, thing) in enumerate(zip(self._room.terrain.tolist(), things, strict=True)):
            if kind == POT:
                cells[cell] = "P" + ("!" if thing >> 2 > TIME_TO_COOK else str(thing & 3))
            elif thing:
                cells[cell] = "X" + " odsss"[thing]
        hands = []
        for n, (cell, facing, thing) in enumerate(self._who[episode].tolist()):
            cells[cell] = f"{n + 1}{'^v><'[facing]}"
            hands.append(f"{n + 1} holds {held[thing]}")
        rows = [" ".join(cells[y::height]) for y in range(height)]
        legend = f"step {self._clock[episode]} of {self._task.steps}, reward: {self._shown.reward[episode]:g}"
        return "\n".join([*rows, ", ".join(hands), legend])


@jit
def _step(
    actions: npt.NDArray[np.int64],
    world: tuple[I32, I32, I32],
    room: Kitchen,
    shaped: float,
    manual: bool,
    limit: int,
    reward: F32,  # [B]
    truncated: Flags,  # [B]
    played: Flags,  # [B] whether an episode was played on
    touched: I32,  # [B, 6 + P] the cells that may look otherwise now
) -> bool:
    """Play one step of each running episode; return False, and play none, if an action is not legal."""
    for b in range(np.uint64(len(actions))):
        for n in range(np.uint64(2)):
            if np.uint64(actions[b, n]) > np.uint64(INTERACT) and not truncated[b]:  # a negative one becomes huge
                return False
    who, things, clock = world
    to, left = np.zeros(2, np.uint64), np.zeros(2, np.uint64)
    for b in range(np.uint64(len(actions))):
        reward[b] = 0.0
        played[b] = not truncated[b]
        if truncated[b]:
            continue
        used = 0  # pots in use, as the step begins
        for p in range(np.uint64(len(room.pots))):
            thing = things[b, np.uint64(room.pots[p])]
            used += (thing >= 4) | ((thing & 3 > 0) & (thing & 3 < 3))
        for n in range(np.uint64(2)):
            left[n] = np.uint64(who[b, n, 0])
            faced = np.uint64(who[b, n, 0] + _ahead(who[b, n, 1], room.height))
            touched[b, n], touched[b, n + np.uint64(2)] = left[n], faced
            if actions[b, n] == INTERACT:
                reward[b] += _interact(b, n, faced, used, who, things, room, shaped, manual)
        for n in range(np.uint64(2)):
            to[n] = left[n]
            if actions[b, n] < STAY:
                who[b, n, 1] = actions[b, n]
                there = np.uint64(who[b, n, 0] + _ahead(actions[b, n], room.height))
                to[n] = there if room.terrain[there] == FLOOR else left[n]
        if not (to[0] == to[1] or (to[0] == left[1] and to[1] == left[0])):
            who[b, 0, 0], who[b, 1, 0] = to[0], to[1]
        touched[b, 4], touched[b, 5] = who[b, 0, 0], who[b, 1, 0]
        for p in range(np.uint64(len(room.pots))):
            pot = np.uint64(room.pots[p])
            cooking = things[b, pot] >> 2
            if (cooking > 0 and cooking <= TIME_TO_COOK) or (cooking == 0 and things[b, pot] == 3 and not manual):
                things[b, pot] += 4 if cooking > 0 else 8  # what begins has cooked for a step at once
        clock[b] += np.int32(1)
        truncated[b] = clock[b] >= limit
    return True


@inlined
def _ahead(facing: Any, height: int) -> Any:
    """Return how much further the cell is that is faced."""
    return _DOWN[facing] + _RIGHT[facing] * height


@inlined
def _interact(
    b: Index, n: Index, faced: Index, used: int, who: I32, things: I32, room: Kitchen, shaped: float, manual: bool
) -> float:
    """Let a cook do what it can with the cell that it faces; return what it is paid."""
    held, kind, thing = who[b, n, 2], room.terrain[faced], things[b, faced]
    if kind == COUNTER:
        if (held == NOTHING) != (thing == NOTHING):
            who[b, n, 2], things[b, faced] = thing, held
    elif kind == ONIONS:
        if held == NOTHING:
            who[b, n, 2] = ONION
    elif kind == DISHES:
        if held == NOTHING:
            dishes, lie = np.int64(who[b, 1 - n, 2] == DISH), False
            for cell in range(np.uint64(len(room.terrain))):
                lie |= (room.terrain[cell] == COUNTER) & (things[b, cell] == DISH)
            who[b, n, 2] = DISH
            return 3.0 * shaped if dishes < used and not lie else 0.0
    elif kind == POT:
        if held == NOTHING:
            if manual and thing > 0 and thing < 4:
                things[b, faced] = thing + 4
        elif held == DISH:
            if cooked(thing):
                who[b, n, 2] = SOUP - 1 + onions(thing)
                things[b, faced] = 0
                return 5.0 * shaped
        elif held == ONION and thing < 3:
            who[b, n, 2] = NOTHING
            things[b, faced] = thing + 1
            return 3.0 * shaped
    elif kind == SERVING and held >= SOUP:
        who[b, n, 2] = NOTHING
        return 20.0 if held == SOUP + 2 else 0.0
    return 0.0
