"""A memory of fixed size that holds a uniform sample of all that it was ever told (Vitter 1985, algorithm R)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.traversal import Samples
from counterplay.engine.errors import UserError


class Lot(NamedTuple):
    """Samples, and what each of them counts."""

    samples: Samples
    time: npt.NDArray[np.float32]  # [R] the iteration that it is of


class Reservoir:
    """Decisions met, with a number for each action and the iteration that they are of; they take memory as they come."""

    def __init__(self, capacity: int, observation: int, actions: int) -> None:
        self.capacity, self.met = capacity, 0
        self.parts = {
            "obs": np.zeros((capacity, observation), np.uint8),
            "legal": np.zeros((capacity, actions), np.bool_),
            "target": np.zeros((capacity, actions), np.float32),
            "time": np.zeros(capacity, np.float32),
        }

    @staticmethod
    def bytes(capacity: int, observation: int, actions: int) -> int:
        """Return what it takes once it is full."""
        return capacity * (observation + 5 * actions + 4)

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

    def draw(self, count: int, rng: np.random.Generator) -> Lot:
        """Return so many of what is held, each drawn anew from all of them."""
        rows = rng.integers(0, self.held, count)
        obs, legal, target, time = (part[rows] for part in self.parts.values())
        return Lot(Samples(obs, legal, target), time)

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
