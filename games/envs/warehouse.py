"""A warehouse: robots carry shelves that are asked for to a goal, and have to put them back somewhere.

The rules of RWARE 2.0 (Papoudakis et al., NeurIPS 2021; Christianos et al., NeurIPS 2020); tests hold the two against
each other step by step. The kernels are in `warehouse_steps`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import MAX_STEPS, EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.scene import Scene
from counterplay.games.envs.warehouse_steps import (
    AISLE,
    COLUMNS,
    GOAL,
    LOAD,
    OUTSIDE,
    SHELF,
    WAY,
    Floor,
    X,
    Y,
    look,
    play,
)
from counterplay.games.scenes import grids

_SIZES = {"tiny": (1, 3), "small": (2, 3), "medium": (2, 5), "large": (3, 5)}  # rows and columns of RWARE's names
_REQUESTS = {"": 1.0, "-easy": 2.0, "-hard": 0.5}  # for each agent
_ARROWS = "^v<>"
_NAMES = ("stay", "forward", "turn left", "turn right", "load or unload")


@dataclass(frozen=True)
class Warehouse:
    """`agents` robots in a warehouse of `rows` times `columns` blocks of shelves, each 2 wide and `height` long.

    Actions are none, forward, turn left, turn right, and load: take the shelf that one stands under, or put the carried
    one down, which can be done wherever shelves stood in the beginning. `requests` shelves are asked for at any time
    (0: as many as there are agents). One of them on one of the two goals pays its carrier 1, and another shelf is asked
    for, drawn from all that are not. With `two_stage` it pays 0.5, and so does putting the shelf down. `reward` is
    `team` (the sum over robots) or `individual`. Episodes end by truncation alone, after `steps` steps.

    Robots pass under shelves, but not with one. Where several head for one cell that is or gets free, the one with the
    longest queue behind it goes, with its queue, and of equal ones the lowest agent; a ring of three and more moves on,
    two who would change places stay. (RWARE breaks ties of three and more agents by the order of a hash table.)

    A robot sees what is at most `sight` cells away, by row and by column:

    | numbers of an observation | what they are |
    | --- | --- |
    | 2 | its column and its row, from the upper left |
    | 1 | whether it carries a shelf |
    | 4 | whether it faces up, down, left, right |
    | 1 | whether it is in an aisle, where nothing can be put down |
    | 7 for each cell in sight | whether a robot is there, which way it faces (up for nobody), a shelf, one asked for |

    The state is all observations one after another.
    """

    rows: int = 1
    columns: int = 3
    height: int = 8
    agents: int = 2
    requests: int = 0
    sight: int = 1
    two_stage: bool = False
    steps: int = 500
    reward: str = "team"

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= 50:
            raise UserError(f"rows must be 1 to 50, not {self.rows}")
        if not (3 <= self.columns <= 51 and self.columns % 2):
            raise UserError(f"columns must be an odd number from 3 to 51, not {self.columns}")
        if not 1 <= self.height <= 50:
            raise UserError(f"height must be 1 to 50, not {self.height}")
        if not 1 <= self.agents <= min(100, self._tall * self._wide // 2):
            most = min(100, self._tall * self._wide // 2)
            raise UserError(f"agents must be 1 to {most} in a warehouse of that size, not {self.agents}")
        shelves = int(np.count_nonzero(self.floor() == SHELF))
        if not 0 <= self.requests < shelves or self.agents >= shelves > 0 == self.requests:
            raise UserError(f"requests must be 1 to {shelves - 1}, of {shelves} shelves, not {self.asked}")
        if not 1 <= self.sight <= 10:
            raise UserError(f"sight must be 1 to 10, not {self.sight}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, not {self.steps}")
        if self.reward not in ("team", "individual"):
            raise UserError(f"reward must be team or individual, not {self.reward!r}")

    @property
    def asked(self) -> int:
        """How many shelves are asked for at any time."""
        return self.requests or self.agents

    @property
    def _tall(self) -> int:
        return (self.height + 1) * self.rows + 2

    @property
    def _wide(self) -> int:
        return 3 * self.columns + 1

    @property
    def spec(self) -> EnvSpec:
        seen = 8 + 7 * (2 * self.sight + 1) ** 2
        return EnvSpec(self.agents, 5, seen, self.agents * seen, self.steps, team=self.reward == "team")

    def floor(self) -> npt.NDArray[np.int8]:
        """Return what each cell is for: AISLE, SHELF (where shelves begin), or GOAL; [rows, columns]."""
        tall, wide, middle = self._tall, self._wide, self._wide // 2
        y, x = np.indices((tall, wide))
        queue = (y > tall - self.height - 3) & ((x == middle) | (x == middle - 1))
        aisle = (x % 3 == 0) | (y % (self.height + 1) == 0) | (y == tall - 1) | queue
        floor = np.where(aisle, AISLE, SHELF).astype(np.int8)
        floor[-1, middle - 1 : middle + 1] = GOAL
        return floor

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (_NAMES,) * self.agents

    def start(self, batch: int) -> "WarehouseEnv":
        return WarehouseEnv(self, batch)


def from_id(text: str) -> Warehouse:
    """Return the task of one of RWARE's ids, such as rware-tiny-2ag-easy-v2; raise `ValueError`."""
    found = re.fullmatch(r"rware-(tiny|small|medium|large)-(\d+)ag(-easy|-hard)?-v[12]", text)
    if not found:
        raise UserError(
            f"{text!r} is no id of RWARE's that is known here; "
            "write rware-tiny-2ag-v2, with small, medium or large, and -easy or -hard before -v2"
        )
    (rows, columns), agents = _SIZES[found[1]], int(found[2])
    requests = int(agents * _REQUESTS[found[3] or ""])
    if not requests:
        raise UserError(f"{text!r} asks for no shelves: half of one agent's are none")
    return Warehouse(rows, columns, agents=agents, requests=0 if requests == agents else requests)


class WarehouseEnv:
    """B episodes in a warehouse."""

    def __init__(self, task: Warehouse, batch: int) -> None:
        self.task, self.spec, self.batch = task, task.spec, batch
        shown, floor = blank(self.spec, batch), np.pad(task.floor(), task.sight, constant_values=OUTSIDE)
        self._shown = shown._replace(state=shown.obs.reshape(batch, -1))
        shelves = int(np.count_nonzero(floor == SHELF))
        self.floor = Floor(
            kind=floor.ravel(),
            goals=np.flatnonzero(floor == GOAL),
            robots=np.zeros((batch, task.agents, COLUMNS), np.int32),
            agent=np.zeros((batch, floor.size), np.int16),
            shelf=np.zeros((batch, floor.size), np.int16),
            queue=np.zeros((batch, task.asked), np.int16),
            asked=np.zeros((batch, shelves + 1), np.bool_),
            luck=np.zeros(batch, np.uint64),
            clock=np.zeros(batch, np.int64),
            over=shown.truncated,
            reward=shown.reward.reshape(batch, -1),
        )
        self._size = (floor.shape[1], task.sight)
        tall, wide = task.floor().shape
        least, most = np.zeros(COLUMNS), np.zeros(COLUMNS)
        most[:5] = wide - 1, tall - 1, 3, shelves, 1
        self._parts = {
            "robots": Part(self.floor.robots, least, most),
            "shelf": Part(self.floor.shelf, 0, shelves),
            "queue": Part(self.floor.queue, 1, shelves),
            "luck": Part(self.floor.luck),
            "clock": Part(self.floor.clock, 0, task.steps),
            "reward": Part(shown.reward),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        self._begin(fitting(which, self.batch), rng)
        return self._look()

    def _begin(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> None:
        """Put shelves where they belong, robots anywhere, no two in one cell, and draw what is asked for."""
        floor, agents, inside = self.floor, self.task.agents, self.task.floor()
        belong = np.where(floor.kind == SHELF, np.cumsum(floor.kind == SHELF), 0)
        drawn = rng.random((self.batch, 1 + inside.size + agents + belong.max()))[which]
        floor.luck[which], drawn = drawn[:, 0] * 2.0**53, drawn[:, 1:]
        cells = drawn[:, : inside.size].argsort(axis=1)[:, :agents]
        robots = np.zeros((len(drawn), agents, COLUMNS), np.int32)
        robots[:, :, int(Y)], robots[:, :, int(X)] = np.divmod(cells, inside.shape[1])
        robots[:, :, int(WAY)] = 4 * drawn[:, inside.size : inside.size + agents]
        floor.robots[which], floor.shelf[which] = robots, belong
        floor.queue[which] = 1 + drawn[:, inside.size + agents :].argsort(axis=1)[:, : self.task.asked]
        for array in (floor.clock, floor.over, floor.reward):
            array[which] = 0
        self._index()

    def _index(self) -> None:
        """Write who stands where, and whether shelves are asked for, from the robots and the queue."""
        floor, rows = self.floor, np.arange(self.batch)
        floor.agent[:] = floor.asked[:] = 0
        for n in range(self.task.agents):
            floor.agent[rows, self.cells(floor.robots[:, n])] = n + 1
        floor.asked[rows[:, None], floor.queue] = True

    def _look(self) -> Step:
        floor = self.floor
        look(floor.robots, floor.agent, floor.shelf, floor.asked, floor.kind, *self._size, self._shown.obs)
        return self._shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        actions = choices(actions, self._shown)
        if not play(actions, self._shown.legal, self.floor, *self._size, self.task.two_stage, self.task.steps):
            raise illegal(actions, self._shown)
        return self._look()

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        put_back(self._parts, kept)
        self._index()
        floor = self.floor
        np.greater_equal(floor.clock, self.task.steps, out=floor.over)
        return self._look()

    def cells(self, robots: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Return in which cells of the floor, which has a border as wide as robots see, robots are: [...]."""
        wide, sight = self._size
        rows, columns = robots[..., int(Y)].astype(np.int64), robots[..., int(X)]
        cells: npt.NDArray[np.int64] = (rows + sight) * wide + columns + sight
        return cells

    def scene(self, episode: int) -> Scene:
        (wide, sight), floor = self._size, self.floor
        tall, across = self.task.floor().shape

        def place(cell: int) -> tuple[int, int]:
            return cell // wide - sight, cell % wide - sight

        held = floor.shelf[episode]
        shelves = [(*place(cell), bool(floor.asked[episode, held[cell]])) for cell in np.flatnonzero(held).tolist()]
        robots = [
            (row[int(Y)], row[int(X)], row[int(WAY)], bool(row[int(LOAD)])) for row in floor.robots[episode].tolist()
        ]
        return grids.warehouse(tall, across, [place(cell) for cell in floor.goals.tolist()], shelves, robots)

    def render(self, episode: int) -> str:
        """Return the floor: aisles, shelves (x; X is asked for), goals (G), robots as arrows; with a shelf, both."""
        (wide, sight), floor = self._size, self.floor
        signs = {AISLE: ".", SHELF: "_", GOAL: "G", OUTSIDE: " "}
        cells = [f" {signs[int(kind)]}" for kind in floor.kind]
        for cell in np.flatnonzero(floor.shelf[episode]):
            cells[cell] = " X" if floor.asked[episode, floor.shelf[episode, cell]] else " x"
        for robot in floor.robots[episode]:
            at = int(self.cells(robot))
            under = cells[at][1] if floor.shelf[episode, at] else " "
            carried = "*" if robot[int(LOAD)] else ""
            cells[at] = _ARROWS[robot[2]] + (under.upper() if carried and under == "X" else under)
        lines = ["".join(cells[row : row + wide]) for row in range(0, len(cells), wide)]
        inner = [line[2 * sight : 2 * (wide - sight)] for line in lines[sight : len(lines) - sight]]
        reward = self._shown.reward[episode].sum()
        head = f"step {floor.clock[episode]} of {self.task.steps}, reward of the step: {reward:.3g}"
        return "\n".join([*inner, head])
