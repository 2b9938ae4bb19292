"""A memory of fixed size that holds a uniform sample of all that it was ever told (Vitter 1985, algorithm R)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.traversal import Samples
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit


class Lot(NamedTuple):
    """Samples as a network learns from them."""

    obs: npt.NDArray[np.uint8]  # [R, O]
    legal: npt.NDArray[np.bool_]  # [R, A]
    target: npt.NDArray[np.float32]  # [R, A]
    weight: npt.NDArray[np.float32]  # [R] what each counts; 1 on average


class Reservoir:
    """Decisions met, with a number for each action and the iteration that they are of; they take memory as they come."""

    def __init__(self, capacity: int, observation: int, actions: int) -> None:
        self.capacity, self.met = capacity, 0
        self.parts = {
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

    def draw(self, count: int, power: float, rng: np.random.Generator) -> Lot:
        """Return so many of what is held, each drawn anew from all of them, weighted by their iterations' power."""
        rows = rng.integers(0, self.held, count)
        weight = (self.parts["time"][rows] / self._newest()) ** power * (power + 1)
        return Lot(*(self.parts[name][rows] for name in ("obs", "legal", "target")), weight)

    def whole(self, most: int, power: float) -> Lot | None:
        """Return all that is held, a row for each thing known with the mean of its targets; None of more than `most`.

        The squared error from all samples is that from these rows, but for what no network can change.
        """
        held = self.held
        row, place = np.empty(held, np.int64), np.empty(most, np.int64)
        count = _tell_apart(self.parts["known"][:held], row, place, np.zeros(4 * most + 1, np.int64))
        if count < 0:
            return None
        place = place[:count]
        weight = (self.parts["time"][:held].astype(np.float64) / self._newest()) ** power
        total = np.bincount(row, weight, count)
        target = [np.bincount(row, weight * part, count) / total for part in self.parts["target"][:held].T]
        return Lot(
            self.parts["obs"][place],
            self.parts["legal"][place],
            np.stack(target, axis=1).astype(np.float32),
            (total * (count / total.sum())).astype(np.float32),
        )

    def _newest(self) -> np.float32:
        """Return the newest iteration of which anything is held."""
        newest: np.float32 = self.parts["time"][: self.held].max()
        return newest

    def size(self) -> float:
        """Return the root of the mean square of the numbers of legal actions held, 1 if all are 0."""
        target, legal = (self.parts[name][: self.held] for name in ("target", "legal"))
        mean = float(np.square(target, dtype=np.float64).sum()) / max(int(legal.sum()), 1)
        return mean**0.5 or 1.0

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
        if not self.parts["legal"][:held].any(axis=1).all() or (self.parts["time"][:held] < 1).any():
            raise UserError("its memory holds what no traversal meets")
        self.met = state["met"]


@jit
def _tell_apart(
    known: npt.NDArray[np.int64],
    row: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64],
    table: npt.NDArray[np.int64],
) -> int:  # pragma: no cover
    """Number the different things known as they come, write where each came first, and return how many there are.

    Returns -1 as soon as there are more than places. The table is of open addressing, zeros.
    """
    found, size = 0, np.uint64(len(table))
    for i in range(len(known)):
        spot = np.uint64(known[i]) * np.uint64(0x9E3779B97F4A7C15) % size
        while table[spot] > 0 and known[place[table[spot] - 1]] != known[i]:
            spot = (spot + np.uint64(1)) % size
        if table[spot] == 0:
            if found == len(place):
                return -1
            place[found] = i
            found += 1
            table[spot] = found
        row[i] = table[spot] - 1
    return found
