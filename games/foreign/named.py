"""The agents of a PettingZoo environment by their names, as its dictionaries have them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.games.foreign.copies import Copies


class InSpaces:
    """Agents whose observations and actions are of the environment's spaces."""

    def __init__(self, copies: Copies):
        self._copies = copies
        self.agents: tuple[Any, ...] = copies.fit.agents
        self.actions: tuple[int, ...] = copies.fit.actions

    def seen(self, n: int, observation: Any) -> npt.NDArray[Any]:
        """Return what agent n observes as a vector; raises `ValueError` for what is not of its space."""
        return np.asarray(self._copies.flatten[n](observation, self.agents[n], self._copies.where(0))).ravel()

    def acted(self, n: int, action: Any) -> Any:
        """Return an action of arrays as agent n's space has it."""
        return self._copies.action(n, action)
