"""A module for value networks of card games: what a hand wins follows from how strong it is, and from both ranges.

Public features end with a number for each lane, how strong its hand is, -1 to 1. Lanes share what the network says by
strength: both ranges are summed up by strength, at K points between which a hand counts to two of them; the network
says what a hand at each point wins; and a lane reads its own between two points. So a public state tells it something
about every strength, and few states teach it much.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from counterplay.agents.value_net import ValueNet

Floats = npt.NDArray[np.float32]


class StrengthNet(nn.Module):
    """Values [B, 2 W] of [B, F + 2 W]: features, of which the last W are strengths, and both players' ranges."""

    centres: Tensor

    def __init__(self, features: int, lanes: int, hidden: int = 128, points: int = 25, kept: int = 0) -> None:
        """Make a network that is also given the last `kept` features before the strengths."""
        super().__init__()
        self.features, self.lanes, self.points, self.kept = features, lanes, points, kept
        self.register_buffer("centres", torch.linspace(-1.0, 1.0, points))
        self.layers = nn.Sequential(
            nn.Linear(kept + 2 * points, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, 2 * points),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return what every hand of both players wins."""
        first = self.features - self.lanes
        near, ranges = self.near(x[:, first : self.features]), x[:, self.features :].view(-1, 2, self.lanes)
        said = self.by_strength(x[:, first - self.kept : first], ranges @ near)
        found: Tensor = (said @ near.transpose(1, 2)).flatten(1)
        return found

    def near(self, strength: Tensor) -> Tensor:
        """Return by how much hands of a strength count to each point, [..., K]: to two of them, 1 in all."""
        apart = (strength[..., None] - self.centres).abs() * (0.5 * (self.points - 1))
        return (1.0 - apart).clamp(min=0.0)

    def by_strength(self, public: Tensor, summed: Tensor) -> Tensor:
        """Return what hands at each point win, [B, 2, K], given public features and both ranges by strength."""
        found: Tensor = self.layers(torch.cat([public, summed.flatten(1)], dim=1)).view(-1, 2, self.points)
        return found

    def points_of(self, strength: Floats) -> Floats:
        """Return what `near` does, of arrays."""
        found: Floats = self.near(torch.from_numpy(strength)).numpy()
        return found

    def answers(self, public: Floats, summed: Floats) -> Floats:
        """Return what `by_strength` does, of arrays and without gradients."""
        with torch.no_grad():
            found: Floats = self.by_strength(torch.from_numpy(public), torch.from_numpy(summed)).numpy()
        return found


def strength_net(features: int, lanes: int, hidden: int, kept: int, seed: int) -> ValueNet:
    """Return a value network that has not learned anything, whose weights follow from a seed."""
    torch.manual_seed(seed)
    return ValueNet(StrengthNet(features, lanes, hidden, kept=kept), features, lanes)
