"""Episodes that begin alike: several environments of one task, begun with the same random numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import Env, EnvSpec, Own, Step, Task
from counterplay.engine.errors import UserError
from counterplay.engine.tabled import Games, Table, Tabled


class Alike:
    """`starts` x `copies` episodes in one batch: b and b + starts, b + 2 starts, ... begin in the same state.

    What an environment draws at its reset is the same in all of a group. In turn-based games that is the deal, and the
    luck of what is dealt later too, since each episode keeps to the random numbers that it was begun with.
    """

    def __init__(self, task: Task, starts: int, copies: int) -> None:
        if isinstance(task, Own):
            raise UserError(
                "episodes that begin alike take an environment that can be started several times: give a task"
            )
        self.starts, self.copies = starts, copies
        self.name = str(getattr(task, "name", type(task).__name__))
        self.envs: list[Env] = [task.start(starts) for _ in range(copies)]
        self.spec: EnvSpec = task.spec
        self.batch = starts * copies
        self._task = task
        self._whole: Env | None = None  # all of them in one environment, once they are played from a table

    def reset(self, rng: np.random.Generator) -> Step:
        """Begin all episodes anew, each group by the same random numbers."""
        state, steps = rng.bit_generator.state, []
        for env in self.envs:
            rng.bit_generator.state = state
            steps.append(env.reset(rng))
        return _joined(steps)

    def step(self, actions: npt.NDArray[Any]) -> Step:
        """Play one action an agent."""
        parts = np.split(actions, self.copies)
        return _joined([env.step(part) for env, part in zip(self.envs, parts, strict=True)])

    def listed(self, most: int) -> Step | None:
        """Return all decisions side by side, if these can be listed (`engine.tabled`)."""
        if not isinstance(self.envs[0], Tabled) or self.envs[0].listed(most) is None:
            return None
        if self._whole is None:
            self._whole = self._task.start(self.batch)
        return self._whole.listed(most) if isinstance(self._whole, Tabled) else None

    def play(self, table: Table, rng: np.random.Generator, copies: int = 1) -> Games:
        """Play all games to their ends from a table of the decisions that are listed."""
        assert isinstance(self._whole, Tabled), "they are listed first"
        return self._whole.play(table, rng, self.copies * copies)


def _joined(steps: list[Step]) -> Step:
    parts = zip(*steps, strict=True)
    return Step(*(None if part[0] is None else np.concatenate(part) for part in parts))  # type: ignore[arg-type]
