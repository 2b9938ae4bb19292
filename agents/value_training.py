"""Training value networks: solved public states, and Adam on Huber's loss of the values of all lanes.

Shape letters: M samples, B batch, W lanes, F features.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.agents.nn.adam import Adam
from counterplay.agents.nn.device import host
from counterplay.agents.public_features import Described
from counterplay.agents.value_net import ValueNet, counterfactual, reaching
from counterplay.engine.arguments import number, whole
from counterplay.engine.errors import UserError
from counterplay.engine.schema import LARGEST, MOST_ITERATIONS

METHODS = ("random", "play", "rebel")
HELD_OUT = 16  # every so many samples one is held out: never trained on, and what errors are told of
_MOST = 1.0  # the norm that gradients are scaled down to


class Samples(NamedTuple):
    """Public states with ranges that sum to one, and what a solve says they are worth."""

    states: npt.NDArray[np.int32]  # [M] numbers in the list of public states
    ranges: npt.NDArray[np.float32]  # [M, 2, W]
    values: npt.NDArray[np.float32]  # [M, 2, W] counterfactual, in the states' units

    @property
    def size(self) -> int:
        """Return M."""
        return len(self.states)

    @property
    def nbytes(self) -> int:
        """Return how many bytes they take."""
        return sum(part.nbytes for part in self)


def none(lanes: int) -> Samples:
    """Return no samples."""
    empty = np.zeros((0, 2, lanes), np.float32)
    return Samples(np.zeros(0, np.int32), empty, empty)


def join(parts: Sequence[Any]) -> Any:
    """Return samples, all of one kind, one after another."""
    return type(parts[0])(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def first(samples: Any, count: int) -> Any:
    """Return the first of some samples, as many as that at most."""
    return type(samples)(*(part[:count] for part in samples))


@dataclass(frozen=True)
class Plan:
    """How a value network is trained."""

    method: str = "random"  # where public states come from: drawn at random, or met in games with itself, which are
    # solved to the end ("play") or to the horizon that the games have ("rebel")
    states: int = 0  # public states to solve; 0: as many as the time allows
    seed: int = 0
    horizon: int = 0  # decisions until the network is asked, inside of games and solves; 0: never
    iterations: int = 300  # of CFR for each
    hidden: int = 128
    layers: int = 3
    batch: int = 512
    rate: float = 1e-3  # Adam's at first; it goes to nothing along half a cosine
    passes: float = 100.0  # how often each state is seen in the end

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UserError(
                f"the method must be {', '.join(METHODS[:-1])} or {METHODS[-1]}, not {str(self.method)[:80]!r}"
            )
        for name, least, most in (
            ("states", 0, LARGEST),
            ("seed", 0, LARGEST),
            ("horizon", 0, 1000),
            ("iterations", 1, MOST_ITERATIONS),
            ("hidden", 1, 4096),
            ("layers", 1, 16),
            ("batch", 1, 2**20),
        ):
            whole(name, getattr(self, name), least, most)
        if not number("rate", self.rate, above=0.0) <= 1.0:
            raise UserError(f"rate must be at most 1, not {self.rate:g}")
        number("passes", self.passes, least=0.0)
        if self.method != "random" and self.horizon == 0:
            raise UserError(f"{self.method} asks the network in games with itself: give them a horizon, such as 2")

    @property
    def own_word(self) -> bool:
        """Tell whether samples are what solves say that asked the network: older ones are then worse."""
        return self.horizon > 0 and self.method != "play"

    def steps(self, states: int) -> int:
        """Return how many steps of Adam so many new states are worth: half of all, where solves ask the network."""
        return max(1, round(self.passes * states / self.batch * (0.5 if self.horizon else 1.0)))


class Point(NamedTuple):
    """How good a network was at one time of its training."""

    states: int
    steps: int
    seconds: float
    loss: float  # mean of the steps since the point before
    held_out: float  # `Errors` on samples held out
    off: float
    in_range: float


class Test(NamedTuple):
    """What the player that re-solves with a network was worth at one time of its training, exactly."""

    states: int
    steps: int
    seconds: float
    exploitability: float


class Errors(NamedTuple):
    """How far a network is off on samples that it was not trained on, in the states' units: of poker half the pot."""

    loss: float  # Huber's
    off: float  # mean distance over all hands
    in_range: float  # mean distance over hands as they are in range: others' values are often not unique


class Learning(ABC):
    """A network in training. What it does follows from its samples, its seed, its steps so far and its parameters.

    What samples are to it, and what it says of them, is a subclass's: rows are tensors [B, ...], of which the second is
    the ranges [B, 2, W].
    """

    def __init__(self, module: nn.Module, plan: Plan) -> None:
        self.module, self.plan = module, plan
        self.adam = Adam([([module], plan.rate)])
        self.device = next(p.device for p in module.parameters())
        self.steps = 0
        self.count = 0  # samples that were added
        self._held: list[tuple[Tensor, ...]] = []
        self._learned: list[tuple[Tensor, ...]] = []

    @abstractmethod
    def _rows(self, samples: Any) -> tuple[Tensor, ...]:
        """Return the rows of samples."""

    @abstractmethod
    def _found(self, rows: Any) -> tuple[Tensor, Tensor]:
        """Return what the network says rows are worth, [B, 2, W], and what they are."""

    def _loss(self, rows: Any) -> Tensor:
        return F.huber_loss(*self._found(rows))

    def add(self, samples: Any) -> None:
        """Take samples to learn from; every sixteenth is held out."""
        number = self.count + np.arange(samples.size)
        rows = self._rows(samples)
        held = torch.from_numpy(number % HELD_OUT == 0).to(self.device)
        self._held = [*self._held, tuple(part[held] for part in rows)]
        self._learned = [*self._learned, tuple(part[~held] for part in rows)]
        self.count += samples.size

    def learn(self, steps: int, rate: Callable[[int], float], newest: int = 0) -> float:
        """Take steps of Adam, each on a batch drawn from the samples (the newest so many), and return the mean loss.

        `rate(i)` is the learning rate of step i. Raises `UserError` where the loss is no finite number any more, and so
        the network is lost.
        """
        self._learned = [_joined(self._learned)]
        rows, total = self._learned[0], 0.0
        count, rng = len(rows[0]), np.random.Generator(np.random.PCG64([self.plan.seed, self.steps]))
        first = max(0, count - newest) if newest else 0
        for i in range(steps):
            drawn = torch.from_numpy(rng.integers(first, count, self.plan.batch)).to(self.device)
            self.adam.rates[0] = self.plan.rate * rate(i)
            for parameter in self.module.parameters():
                parameter.grad = None
            loss = self._loss([part[drawn] for part in rows])
            loss.backward()  # type: ignore[no-untyped-call]
            self.adam.step(_MOST)
            total += loss.item()
        self.steps += steps
        if not math.isfinite(total):
            raise UserError(
                f"learning diverged: the loss is {total} after {self.steps:,} steps; try a smaller rate than "
                f"{self.plan.rate:g}"
            )
        return total / max(steps, 1)

    def held_out(self) -> Errors:
        """Return how far the network is off on samples held out; zeros where there are none."""
        self._held = [_joined(self._held)]
        return self._errors(self._held[0])

    def errors(self, samples: Any) -> Errors:
        """Return how far the network is off on these samples."""
        return self._errors(self._rows(samples))

    def _errors(self, rows: tuple[Tensor, ...]) -> Errors:
        if not len(rows[0]):
            return Errors(0.0, 0.0, 0.0)
        with torch.no_grad():
            found, wanted = self._found(rows)
            off = (found - wanted).abs()
            in_range = 0.5 * (off * rows[1]).sum(dim=(1, 2)).mean()
            return Errors(F.huber_loss(found, wanted).item(), off.mean().item(), in_range.item())


class Trainer(Learning):
    """A value network of a game's public states in training."""

    def __init__(self, net: ValueNet, states: Described, plan: Plan) -> None:
        super().__init__(net.module, plan)
        self._states = states
        self._features = torch.from_numpy(states.numbers).to(self.device)
        self._chance = torch.from_numpy(states.chance)

    def _rows(self, samples: Samples) -> tuple[Tensor, ...]:
        index, ranges, values = (torch.from_numpy(part) for part in samples)
        odds = reaching(self._chance, self._states.event[samples.states])(ranges)
        return tuple(part.to(self.device) for part in (index.long(), ranges, odds, values))

    def _found(self, rows: Any) -> tuple[Tensor, Tensor]:
        index, ranges, odds, values = rows
        return counterfactual(self.module, self._features[index], ranges, odds), values


def _joined(parts: list[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return parts[0] if len(parts) == 1 else tuple(torch.cat(arrays) for arrays in zip(*parts, strict=True))


def restore(trainer: Learning, steps: int, samples: Any, moments: Any) -> None:
    """Give a trainer back what it had: its steps, samples and Adam's moments (None where there were no steps)."""
    trainer.add(samples)
    trainer.steps = steps
    if moments is not None:
        pair = tuple(torch.from_numpy(part).to(trainer.device) for part in moments)
        trainer.adam.load_state_dict({"count": steps, "moments": [pair]})


def moments(trainer: Learning) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return Adam's moments, [all parameters] each."""
    mean, square = trainer.adam.state_dict()["moments"][0]
    return np.array(host(mean)), np.array(host(square))
