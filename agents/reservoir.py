"""A memory of fixed size that holds a uniform sample of all that it was ever told (Vitter 1985, algorithm R)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.agents.nn.regression import Data
from counterplay.agents.traversal import Samples
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit

ALIKE = 4  # samples that are known to be alike, on average, from which on they are learned from as one


def drawn(weight: npt.NDArray[Any], shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return rows drawn as often as their weights [M] say."""
    sums = np.cumsum(weight, dtype=np.float64)
    rows: npt.NDArray[np.int64] = np.searchsorted(sums[:-1], rng.random(shape) * sums[-1], side="right")
    return rows


class Reservoir:
    """Decisions met, with a number for each action, and their iterations; they take memory as they come."""

    def __init__(self, capacity: int, observation: int, actions: int) -> None:
        self.capacity, self.met = capacity, 0
        self.parts: dict[str, npt.NDArray[Any]] = {
            "known": np.zeros(capacity, np.int64),
            "obs": np.zeros((capacity, observation), np.uint8),
            "legal": np.zeros((capacity, actions), np.bool_),
            "target": np.zeros((capacity, actions), np.float32),
            "time": np.zeros(capacity, np.float32),
        }

    @staticmethod
    def bytes(capacity: int, observation: int, actions: int) -> int:
        """Return what it takes once it is full."""
        return capacity * (observation + 5 * actions + 12)

    @property
    def held(self) -> int:
        """Return how many samples it holds."""
        return min(self.met, self.capacity)

    def add(self, samples: Samples, time: int, rng: np.random.Generator) -> None:
        """Take in samples of an iteration: each is as likely to be held as any that came before."""
        count = len(samples.target)
        number = np.arange(self.met, self.met + count)  # of those before it
        place = np.where(number < self.capacity, number, rng.integers(0, number + 1))
        kept = np.flatnonzero(place < self.capacity)
        _, last = np.unique(place[kept][::-1], return_index=True)  # a later one takes an earlier one's place
        kept = kept[len(kept) - 1 - last]
        for name, part in (*samples._asdict().items(), ("time", np.full(count, time, np.float32))):
            self.parts[name][place[kept]] = part[kept]
        self.met += count

    def each(self, power: float) -> Data:
        """Return all that is held, each sample weighted by its iteration's power; what can be are no copies."""
        held = self.held
        weight = ((self.parts["time"][:held] / self._newest()) ** power * (power + 1)).astype(np.float32)
        obs, legal, target = (self.parts[name][:held] for name in ("obs", "legal", "target"))
        return Data(obs, legal, target, weight)

    def merged(self, most: int, power: float) -> Data | None:
        """Return all that is held, a row for each thing known with the mean of its targets; None of more than `most`.

        The squared error from all samples is that from these rows, but for what no network can change.
        """
        held, actions = self.held, self.parts["target"].shape[1]
        place, total, sums = np.empty(most, np.int64), np.zeros(most), np.zeros((most, actions))
        known, target, time = (self.parts[name][:held] for name in ("known", "target", "time"))
        weight = (np.arange(int(self._newest()) + 1) / self._newest()) ** power
        count = _merge(known, target, time, weight, place, total, sums, np.zeros(4 * most + 1, np.int64))
        if count < 0:
            return None
        place, total = place[:count], total[:count]
        return Data(
            self.parts["obs"][place],
            self.parts["legal"][place],
            (sums[:count] / total[:, None]).astype(np.float32),
            (total * (count / total.sum())).astype(np.float32),
        )

    def lessons(
        self, updates: int, batch: int, power: float, rng: np.random.Generator, *, merge: bool
    ) -> tuple[Data, npt.NDArray[np.int64]]:
        """Return rows to learn from, and minibatches of them as `regression.fit` takes these, [updates, batch].

        With `merge`, samples where the same is known are one row, if they are many: its target is their mean, which is
        less a matter of luck. In a small game all rows fit into a minibatch: then the whole loss is followed, no part
        of it.
        """
        shape = updates, batch
        data = self.merged(max(batch, self.held // ALIKE), power) if merge else None
        if data is None:
            return self.each(power), rng.integers(0, self.held, shape)
        if len(data.obs) <= batch:
            return data, np.zeros((updates, 0), np.int64)  # which stands for all of them
        rows = drawn(data.weight, shape, rng)
        return data._replace(weight=np.ones_like(data.weight)), rows

    def _newest(self) -> np.float32:
        """Return the newest iteration of which anything is held."""
        newest: np.float32 = self.parts["time"][: self.held].max()
        return newest

    def state(self) -> dict[str, Any]:
        """Return all that it holds; no copies."""
        return {"met": self.met, **{name: part[: self.held] for name, part in self.parts.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises `ValueError` for what no memory of this size holds."""
        held = min(state["met"], self.capacity)
        if any(len(state[name]) != held for name in self.parts):
            raise UserError(f"its memory should hold {held:,} samples, and does not")
        for name, part in self.parts.items():
            part[:held] = np.asarray(state[name])
        if not self.parts["legal"][:held].any(axis=1).all() or not _are_times(self.parts["time"][:held]):
            raise UserError("its memory holds what no traversal meets")
        self.met = state["met"]


def _are_times(time: npt.NDArray[np.float32]) -> bool:
    """Tell whether numbers are those of iterations."""
    return bool(((time >= 1) & (time == np.floor(time)) & (time < 2**24)).all())


@jit
def _merge(
    known: npt.NDArray[np.int64],
    target: npt.NDArray[np.float32],
    time: npt.NDArray[np.float32],
    weight: npt.NDArray[np.float64],
    place: npt.NDArray[np.int64],
    total: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
    table: npt.NDArray[np.int64],
) -> int:  # pragma: no cover
    """Number the different things known as they come, write where each came first, add weights and weighted targets up.

    Returns how many there are, -1 as soon as there are more than places. The table is of open addressing, zeros;
    `weight` is by time.
    """
    found, size = 0, np.uint64(len(table))
    for i in range(np.uint64(len(known))):
        spot = np.uint64(known[i]) * np.uint64(0x9E3779B97F4A7C15) % size
        while table[spot] > 0 and known[np.uint64(place[np.uint64(table[spot] - 1)])] != known[i]:
            spot = (spot + np.uint64(1)) % size
        if table[spot] == 0:
            if found == len(place):
                return -1
            place[np.uint64(found)] = i
            found += 1
            table[spot] = found
        row, counts = np.uint64(table[spot] - 1), weight[np.uint64(time[i])]
        total[row] += counts
        for a in range(np.uint64(target.shape[1])):
            sums[row, a] += counts * target[i, a]
    return found
