"""Environments that are written down: a table of what every joint action of every state pays and leads to.

`Table` is a task whose episodes are stepped as a batch, `PlainTable` one episode in plain Python, to hold it against.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.testing.plain import Pick
from counterplay.engine.env import EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError

END = -1  # in place of a state: the rules end the episode


@dataclass(frozen=True)
class Table:
    """A team in a finite world: `rows[state][joint action]` is (reward, next state or END); state 0 is the first.

    Joint actions are counted with the last agent's changing fastest. After `limit` steps time has run out. Everybody
    sees the state, as zeros and a one, and the number of its agent.
    """

    agents: int
    actions: int
    rows: tuple[tuple[tuple[float, int], ...], ...]  # [states][actions ** agents]
    limit: int = 4

    def __post_init__(self) -> None:
        wide = self.actions**self.agents
        if not self.rows or any(len(row) != wide for row in self.rows):
            raise UserError(f"every state needs {wide} rows, one for each joint action")
        if not all(END <= state < len(self.rows) for row in self.rows for _, state in row):
            raise UserError(f"states are 0 to {len(self.rows) - 1}, or END")

    @property
    def spec(self) -> EnvSpec:
        """What fits, and what comes out."""
        states = len(self.rows)
        return EnvSpec(self.agents, self.actions, states + self.agents, states, self.limit)

    def start(self, batch: int) -> "TableEnv":
        """Return a batch of episodes."""
        return TableEnv(self, batch)

    def best(self) -> float:
        """Return the most that a team can be paid, by dynamic programming."""
        worth = [0.0] * len(self.rows)
        for _ in range(self.limit):
            worth = [max(r + (0.0 if s == END else worth[s]) for r, s in row) for row in self.rows]
        return worth[0]


class TableEnv:
    """Episodes of a table."""

    def __init__(self, task: Table, batch: int) -> None:
        self.spec, self.batch = task.spec, batch
        self._shown = blank(self.spec, batch)
        self._limit = task.limit
        self._pays = np.array([[r for r, _ in row] for row in task.rows], np.float32)
        self._leads = np.array([[s for _, s in row] for row in task.rows], np.int64)
        self._base = task.actions ** np.arange(task.agents - 1, -1, -1)
        self._at = np.zeros(batch, np.int64)
        self._time = np.zeros(batch, np.int64)

    def reset(self, rng: np.random.Generator) -> Step:
        """Begin anew."""
        self._at[:] = self._time[:] = 0
        for flags in (self._shown.reward, self._shown.terminated, self._shown.truncated):
            flags[:] = 0
        return self._show()

    def step(self, actions: npt.NDArray[Any]) -> Step:
        """Play one action an agent."""
        shown = self._shown
        actions = choices(actions, shown)
        on = ~(shown.terminated | shown.truncated)
        if not ((actions >= 0) & (actions < self.spec.actions))[on].all():
            raise illegal(actions, shown)
        joint = np.where(on, (actions * self._base).sum(axis=1), 0)
        shown.reward[:] = np.where(on, self._pays[self._at, joint], 0)
        leads = self._leads[self._at, joint]
        self._time[on] += 1
        shown.terminated[:] |= on & (leads == END)
        shown.truncated[:] |= on & (leads != END) & (self._time == self._limit)
        self._at = np.where(on & (leads != END), leads, self._at)
        return self._show()

    def _show(self) -> Step:
        states = self.spec.state
        self._shown.state[:] = np.arange(states) == self._at[:, None]
        self._shown.obs[:, :, :states] = self._shown.state[:, None]
        self._shown.obs[:, :, states:] = np.eye(self.spec.agents)
        return self._shown


class PlainTable:
    """One episode of a table."""

    def __init__(self, task: Table, seed: int) -> None:
        self.task, self.at, self.time = task, 0, 0

    def state(self) -> list[float]:
        """Return the state."""
        return [float(s == self.at) for s in range(len(self.task.rows))]

    def obs(self) -> list[list[float]]:
        """Return what each agent sees."""
        return [[*self.state(), *(float(m == n) for m in range(self.task.agents))] for n in range(self.task.agents)]

    def legal(self) -> list[list[bool]]:
        """Return which actions each agent may choose."""
        return [[True] * self.task.actions for _ in range(self.task.agents)]

    def step(self, actions: Sequence[int]) -> tuple[float, bool, bool]:
        """Return (reward, terminated, truncated)."""
        joint = list(product(range(self.task.actions), repeat=self.task.agents)).index(tuple(map(int, actions)))
        reward, after = self.task.rows[self.at][joint]
        self.time += 1
        if after == END:
            return reward, True, False
        self.at = after
        return reward, False, self.time == self.task.limit


def grow_table(pick: Pick) -> Table:
    """Return a random table: two or three agents, two actions, up to three states, whole numbers for rewards."""
    agents, states = 2 + pick(2), 1 + pick(3)

    def row() -> tuple[tuple[float, int], ...]:
        return tuple((float(pick(7) - 3), pick(states + 1) - 1) for _ in range(2**agents))

    return Table(agents, 2, tuple(row() for _ in range(states)), limit=1 + pick(4))
