"""Noise on actions that are numbers, while agents explore: Gaussian, or an Ornstein-Uhlenbeck process."""

from typing import Any

import numpy as np
import numpy.typing as npt

KINDS = ("gaussian", "ou")


class Noise:
    """Noise of B episodes of N agents with A numbers each.

    Gaussian noise is drawn anew at every step, with deviation `size`. An Ornstein-Uhlenbeck process (Uhlenbeck and
    Ornstein 1930; as Lillicrap et al. 2016 use it) goes on from step to step, x <- x - pull x + size n with n normal,
    so that agents try a direction for about 1 / pull steps; its deviation is size / sqrt(pull (2 - pull)) in the long
    run. It goes on through the ends of episodes, where it means nothing in particular.
    """

    def __init__(self, kind: str, size: float, pull: float, agents: int, actions: int) -> None:
        self.kind, self.size, self.pull = kind, size, pull
        self.now = np.zeros((0, agents, actions), np.float32)  # of the process; nothing yet

    def draw(self, batch: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return the next noise, [B, N, A]."""
        shape = (batch, *self.now.shape[1:])
        drawn = np.float32(self.size) * rng.standard_normal(shape, np.float32)
        if self.kind == "gaussian":
            return drawn
        if self.now.shape != shape:
            self.now = np.zeros(shape, np.float32)
        self.now = self.now - np.float32(self.pull) * self.now + drawn
        return self.now

    def restore(self, now: Any) -> None:
        """Go on with a process."""
        self.now = np.asarray(now, np.float32).copy()
