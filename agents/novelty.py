"""Rewards for what is new, by name (`novelty`), for any learner: counts of observations, or a network's surprise.

An agent is paid `curiosity` times how new the observation is to which its action led; a team the mean over its agents.
It is paid in training alone, to what a learner is given, never in returns that are reported. A new kind is one class
here and one line in `NOVELTIES`. Shape letters: R rows, N agents, O observation.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.nn.adam import Adam
from counterplay.agents.nn.dense import MLP
from counterplay.agents.nn.networks import Scale
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError

_BITS = 40  # directions that an observation's hash looks along
_WIDTH = 64  # of networks that are surprised
_LR = 5e-4
_MOST = 5.0  # scaled inputs are cut there


class Hash:
    """A place in a table for every observation: the signs along random directions (SimHash, Charikar 2002).

    Observations near each other often share a place (Tang et al. 2017, "#Exploration", section 2.2), and different ones
    now and then. The directions are always the same.
    """

    def __init__(self, observation: int, bits: int = 18) -> None:
        self.size, self.bits = 2**bits, bits
        rng = np.random.default_rng(observation)
        self.directions = rng.standard_normal((observation, _BITS)).astype(np.float32)
        self.offset = rng.standard_normal(_BITS).astype(np.float32)
        self.powers = np.left_shift(np.uint64(1), np.arange(_BITS, dtype=np.uint64))

    def place(self, obs: npt.NDArray[Any], salt: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return where observations [..., N, O] are counted, [..., N]; agents with another salt [N] apart."""
        above = obs.astype(np.float32) @ self.directions + self.offset > 0
        key = (above * self.powers).sum(axis=-1, dtype=np.uint64) + salt.astype(np.uint64) * np.uint64(2**_BITS + 1)
        mixed = key * np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hash, of which the highest bits are kept
        found: npt.NDArray[np.int64] = (mixed >> np.uint64(64 - self.bits)).astype(np.int64)
        return found


class Novelty(Protocol):
    """How new observations are."""

    def of(self, obs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return how new observations are, [R, N] of [R, N, O], and take them in."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        ...


class Counts:
    """1 / sqrt(n), where n counts how often an observation was seen, this time included (Tang et al. 2017, eq. 1)."""

    def __init__(self, spec: EnvSpec) -> None:
        self.hash = Hash(spec.observation)
        self.seen = np.zeros(self.hash.size, np.int64)

    def of(self, obs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return how new observations are, [R, N] of [R, N, O], and take them in."""
        place = self.hash.place(obs, np.zeros(obs.shape[1], np.int64))
        np.add.at(self.seen, place, 1)
        return (1 / np.sqrt(self.seen[place])).astype(np.float32)

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"seen": self.seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.seen[...] = np.maximum(np.asarray(state["seen"]), 0)


class Surprise(nn.Module):
    """Random network distillation (Burda et al. 2019): how badly a network says what a random one does.

    Errors are divided by their running deviation, observations brought to mean 0 and deviation 1 (section 2.4).
    Departure: what is new and what is paid make one value, over an episode.
    """

    def __init__(self, spec: EnvSpec) -> None:
        super().__init__()
        self.aim, self.guess = (MLP(spec.observation, _WIDTH, _WIDTH) for _ in range(2))
        self.aim.requires_grad_(False)
        self.inputs, self.errors = Scale(spec.observation, _MOST), Scale(1)
        self.adam = Adam([([self.guess], _LR)])

    def of(self, obs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return how new observations are, [R, N] of [R, N, O], and take them in."""
        rows = torch.from_numpy(np.ascontiguousarray(obs.reshape(-1, obs.shape[-1]), np.float32))
        self.inputs.learn(rows)
        seen = self.inputs(rows)
        error = (self.guess(seen) - self.aim(seen)).square().mean(dim=-1)
        self.guess.zero_grad()
        together.mean(error).backward()  # type: ignore[no-untyped-call]
        self.adam.step(10.0)
        found: Tensor = error.detach()
        self.errors.learn(found[:, None])
        return (found / self.errors.deviation).view(obs.shape[:-1]).numpy()

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"networks": self.state_dict(), "adam": self.adam.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.load_state_dict(state["networks"])
        self.adam.load_state_dict(state["adam"])


NOVELTIES: dict[str, Any] = {"counts": Counts, "rnd": Surprise}


def novelty(name: str, spec: EnvSpec) -> Novelty | None:
    """Return the novelty of that name, or None for "none"; raises `ValueError` for one that does not exist."""
    if name == "none":
        return None
    if name not in NOVELTIES:
        raise UserError(f"novelty must be none, {' or '.join(NOVELTIES)}, not {name!r}")
    found: Novelty = NOVELTIES[name](spec)
    return found
