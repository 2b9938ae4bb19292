"""Plays that can be copied and gone on with: what learners walk that try several actions in one place.

An environment (`engine.env`) plays episodes to their ends. A turn-based game can do more: a play is a row of numbers,
so that a learner goes on from one place with every action, whole batches at a time, and takes values back up. Shape
letters: B plays, P players, A actions, O observation.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec
from counterplay.engine.random import U64
from counterplay.engine.tree import Tree


class Plays(NamedTuple):
    """B plays, each at a decision or at its end.

    Each has luck of its own, which its copies share: where chance deals after either of two actions, it deals the same
    as far as it can. So the difference between the actions is less a matter of luck, and stays right on average.
    """

    state: npt.NDArray[np.int64]  # [B, words]
    luck: U64  # [B] states of generators (`engine.random`)

    def take(self, rows: npt.NDArray[Any]) -> "Plays":
        """Return copies of some of them."""
        return Plays(self.state[rows], self.luck[rows])


class Branches(Protocol):
    """A turn-based game in plays that branch. Actions are numbered, and observations are, as in its environment."""

    @property
    def spec(self) -> EnvSpec:
        """What the game's environment takes and shows; every number of an observation is 0 or 1."""
        ...

    def begin(self, luck: U64) -> Plays:
        """Return new plays with that luck, at their first decision or end."""
        ...

    def look(self, plays: Plays) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return who is to act, or `LEAF`, and a number for what that player knows, equal for equal ones, both [B]."""
        ...

    def show(self, plays: Plays) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Return what those who are to act observe, [B, O], and their legal actions, [B, A]; all are at decisions."""
        ...

    def follow(self, plays: Plays, rows: npt.NDArray[np.int64], actions: npt.NDArray[np.int64]) -> Plays:
        """Return the plays that copies of the rows come to by those legal actions, and by chance."""
        ...

    def paid(self, plays: Plays) -> npt.NDArray[np.float64]:
        """Return what everybody is paid at the end, [B, P]; 0 where play goes on."""
        ...


class Listed(Protocol):
    """All M decisions of a game with a tree, as their players see them."""

    @property
    def obs(self) -> npt.NDArray[Any]:
        """Return what is observed, [M, O]."""
        ...

    @property
    def legal(self) -> npt.NDArray[np.bool_]:
        """Return what may be done, [M, A]."""
        ...

    @property
    def player(self) -> npt.NDArray[np.int64]:
        """Return who is to act, [M]."""
        ...

    @property
    def infoset(self) -> npt.NDArray[np.int64]:
        """Return the information sets, [M]."""
        ...

    @property
    def hand(self) -> npt.NDArray[np.int64]:
        """Return the lanes of the hands that are held, [M]."""
        ...


@runtime_checkable
class Listing(Protocol):
    """Branches of a game that has a tree, so that all its decisions can be listed."""

    tree: Tree
    number: npt.NDArray[np.int64]  # [R] the action that plays a row of the tree

    @property
    def seen(self) -> Listed:
        """All that can be observed at decisions."""
        ...


@runtime_checkable
class Branching(Protocol):
    """A task whose plays can branch (`EnvSpec.turns` says so beforehand)."""

    def branches(self) -> Branches:
        """Return its plays."""
        ...
