"""Agents by their names: how an environment's dictionaries, as PettingZoo has them, become arrays and back.

A task whose agents have names, observations or actions of a form of their own says so (`Naming`); of all others agents
are `agent_0`, `agent_1` and so on, and what they see and do is what arrays have.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec


class Named(Protocol):
    """Agents by name."""

    @property
    def agents(self) -> tuple[Any, ...]:
        """Their names, [N]."""
        ...

    @property
    def actions(self) -> tuple[int, ...]:
        """How many actions, or numbers of an action, each of them has, [N]."""
        ...

    def seen(self, n: int, observation: Any) -> npt.NDArray[Any]:
        """Return what agent n observes as a vector; raises `ValueError` for what is not of its space."""
        ...

    def acted(self, n: int, action: Any) -> Any:
        """Return an action of arrays as agent n's space has it."""
        ...


@runtime_checkable
class Naming(Protocol):
    """A task that says how its agents are named."""

    def named(self) -> Named:
        """Return its agents."""
        ...


@dataclass(frozen=True)
class Numbered:
    """Agents that are numbers to their environment."""

    spec: EnvSpec

    @property
    def agents(self) -> tuple[Any, ...]:
        """Their names, [N]."""
        return tuple(f"agent_{n}" for n in range(self.spec.agents))

    @property
    def actions(self) -> tuple[int, ...]:
        """How many actions, or numbers of an action, each of them has, [N]."""
        return (self.spec.actions,) * self.spec.agents

    def seen(self, n: int, observation: Any) -> npt.NDArray[Any]:
        """Return what agent n observes as a vector."""
        return np.asarray(observation).ravel()

    def acted(self, n: int, action: Any) -> Any:
        """Return an action as it is: an integer, or an array."""
        return int(action) if self.spec.kind == "choice" else np.asarray(action).copy()
