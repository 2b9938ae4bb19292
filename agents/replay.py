"""Replay: the last episodes in a ring, drawn uniformly or by priority; and what every ring is to files (`Ring`)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.rollout import Episodes, empty
from counterplay.agents.saved import check_episodes
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError

_LIVES = ("alive", "ended")


class Draw(NamedTuple):
    """Episodes out of a replay."""

    episodes: Episodes  # cut to the longest of them
    place: npt.NDArray[np.int64]  # [B] where they lie in the ring
    weight: npt.NDArray[np.float32]  # [B] what each counts for, at most 1


class Ring(ABC):
    """The last `capacity` of what was put in, a row of each of some arrays, as a run's folder keeps it.

    A row does not change once it is put in; its priority does.
    """

    what: str  # the rows are: "episodes" or "moves"

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = self.next = 0
        self.added = 0  # rows that were ever put in: row k lies at k % capacity
        self._priority = np.zeros(capacity)

    @abstractmethod
    def _rows(self) -> dict[str, npt.NDArray[Any]]:
        """Return what does not change of a row once it is put in, by name, [capacity, ...] each."""

    @abstractmethod
    def check(self, held: Mapping[str, npt.NDArray[Any]], spec: EnvSpec) -> None:
        """Raise `ValueError` unless arrays by name, out of a file, are rows that were played in an environment."""

    @property
    def nbytes(self) -> int:
        """What it takes when it is full, in memory and on disk."""
        return sum(array.nbytes for array in self._rows().values())

    def rows(self, start: int, end: int) -> dict[str, npt.NDArray[Any]]:
        """Return views of the rows from `start` on, as they were added, to `end`: not beyond the ring's last."""
        first = start % self.capacity
        return {name: array[first : first + end - start] for name, array in self._rows().items()}

    def put(self, start: int, end: int, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Put back what `rows` gave; raises `ValueError` for what it cannot have given."""
        for name, place in self.rows(start, end).items():
            if place.size == 0:
                continue  # not in a file
            array = arrays[name]
            if (array.shape, array.dtype) != (place.shape, place.dtype):
                raise ValueError(f"{name} has shape {array.shape}, not {place.shape}, or another type")
            place[...] = array

    def head(self) -> dict[str, Any]:
        """Return what `rows` does not: priorities, which change, and where the ring is."""
        return {"priority": self._priority[: self.size], "size": self.size, "added": self.added}

    def begin(self, head: dict[str, Any]) -> None:
        """Take over what `head` gave; raises `ValueError` for what it cannot have given."""
        size, added, priority = int(head["size"]), int(head["added"]), np.asarray(head["priority"])
        if not 0 <= size <= min(added, self.capacity) or priority.shape != (size,):
            raise ValueError(f"no replay of {self.capacity} {self.what} holds {size} of {added}")
        if not (np.isfinite(priority).all() and (priority >= 0).all()):
            raise ValueError("a priority is none")
        self.size, self.added, self.next = size, added, added % self.capacity
        self._priority[:size] = priority

    def state(self) -> dict[str, Any]:
        """Return everything, as arrays and numbers."""
        held = {name: array[: self.size] for name, array in self._rows().items()}
        return {**held, "priority": self._priority[: self.size], "next": self.next, "added": self.added}


class Replay(Ring):
    """The last `capacity` episodes.

    With `alpha` above 0 an episode is drawn in proportion to (its priority) ** alpha, and weighed by
    (1 / (size * probability)) ** beta over the largest such weight of the draw (Schaul et al. 2016, "Prioritized
    Experience Replay", section 3). A new episode has the highest priority so far, so that each is drawn soon.
    """

    what = "episodes"

    def __init__(self, spec: EnvSpec, capacity: int, alpha: float = 0.0) -> None:
        super().__init__(capacity)
        self.alpha = alpha
        self._ring = empty(spec, capacity)
        self._steps = spec.limit
        self._length = np.zeros(capacity, np.int64)

    def add(self, episodes: Episodes) -> None:
        """Put in episodes, over the oldest where the ring is full."""
        highest = self._priority[: self.size].max(initial=0.0) or 1.0
        for b, length in enumerate(episodes.filled.sum(axis=1)):
            at = self.next
            for ring, new in zip(self._ring, episodes, strict=True):
                if ring is None or new is None:
                    continue
                rows = length + (ring.shape[1] > self._steps)  # one more for what follows the last step
                ring[at, :rows] = new[b, :rows]
                ring[at, rows:] = 0
            self._length[at], self._priority[at] = length, highest
            # What follows the end has to have a legal action, whatever is then done with its value.
            self._ring.legal[at, length + 1 :, :, 0] = True
            self.added += 1
            self.next = (at + 1) % self.capacity
            self.size = max(self.size, at + 1)

    def draw(self, count: int, rng: np.random.Generator, beta: float = 1.0) -> Draw:
        """Return that many episodes: uniform ones differ from each other, prioritised ones may repeat."""
        if self.alpha > 0:
            share = self._priority[: self.size] ** self.alpha
            share /= share.sum()
            index = rng.choice(self.size, count, p=share)
            weight = (self.size * share[index]) ** -beta
            weight /= weight.max()
        else:
            index, weight = rng.choice(self.size, count, replace=False), np.ones(count)
        longest = int(self._length[index].max())
        parts: list[Any] = [
            None if ring is None else ring[index, : longest + (ring.shape[1] > self._steps)] for ring in self._ring
        ]
        episodes = Episodes(*parts)
        return Draw(episodes, index, weight.astype(np.float32))

    def reprioritise(self, index: npt.NDArray[np.int64], priority: npt.NDArray[Any]) -> None:
        """Set the priorities of episodes that were drawn: their mean absolute TD error."""
        self._priority[index] = priority + 1e-6  # so that nothing is lost for ever

    def _rows(self) -> dict[str, npt.NDArray[Any]]:
        held = {name: ring for name, ring in self._ring._asdict().items() if ring is not None}
        return {**held, "length": self._length}

    def check(self, held: Mapping[str, npt.NDArray[Any]], spec: EnvSpec) -> None:
        check_episodes(held, spec)

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.size, self.next = len(state["length"]), int(state["next"])
        if not (self.size <= self.capacity and 0 <= self.next < self.capacity):
            raise UserError(f"the replay holds {self.size} episodes, and has room for {self.capacity}")
        around = self.capacity if self.size == self.capacity else 0
        self.added = int(state.get("added", around + self.next))  # version 0.1.0 did not count them
        for name, array in (*self._rows().items(), ("priority", self._priority)):
            # A file of 0.1.0 knows no lives: all agents lived as long as their episode.
            array[: self.size] = state.get(name, name == "alive") if name in _LIVES else state[name]
