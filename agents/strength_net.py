"""A value network of card games: what a hand wins follows from how strong it is and may become, and from both ranges.

A board's hands are told by how much they count to each of K points, of a strength or of one to come: both ranges are
summed up at the points; the network says what a hand at each point wins, and a hand reads its own from the points that
it counts to. So a public state tells it something about every strength, and few states teach it much.

Shape letters: B batch, H hands of the deck, K points, P public features, C cards of the deck, M samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.agents.value_net import zero_sum
from counterplay.agents.value_training import Learning, Plan

Floats = npt.NDArray[np.float32]
Board = tuple[int, ...]


class StrengthNet(nn.Module):
    """What every hand of both players wins, [B, 2, H]."""

    def __init__(self, public: int, points: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.public, self.points = public, points
        widths = [public + 2 * points, *[hidden] * layers, 2 * points]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, public: Tensor, ranges: Tensor, near: Tensor) -> Tensor:
        """Return it, given public features [B, P], ranges [B, 2, H] and how much hands count to points, [B, H, K]."""
        found: Tensor = self.at_points(public, ranges @ near) @ near.transpose(1, 2)
        return found

    def at_points(self, public: Tensor, summed: Tensor) -> Tensor:
        """Return what hands at each point win, [B, 2, K], given public features and both ranges summed up there."""
        x = torch.cat([public, summed.flatten(1)], dim=1)
        for i, layer in enumerate(self.layers):
            x = layer(F.relu(x)) if i else layer(x)
        return x.view(-1, 2, self.points)

    def answers(self, public: Floats, summed: Floats) -> Floats:
        """Return what `at_points` does, of arrays and without gradients."""
        with torch.no_grad():
            found: Floats = self.at_points(torch.from_numpy(public), torch.from_numpy(summed)).numpy()
        return found


@dataclass(frozen=True, eq=False)
class SpotNet:
    """A network of hold'em spots: its module and how many hands the deck has."""

    module: StrengthNet
    lanes: int

    @property
    def features(self) -> int:
        """P."""
        return self.module.public


def spot_net(public: int, points: int, lanes: int, plan: Plan) -> SpotNet:
    """Return a network that has not learned anything, whose weights follow from the plan's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        return SpotNet(StrengthNet(public, points, plan.hidden, plan.layers), lanes)


class SpotSamples(NamedTuple):
    """Ends of a street with ranges that sum to one, and what hands win there beyond what they do if nobody bets."""

    boards: npt.NDArray[np.int32]  # [M, cards] numbers of cards, sorted
    share: Floats  # [M] the pot's of all chips
    ranges: Floats  # [M, 2, H]
    values: Floats  # [M, 2, H] counterfactual, in half pots times the mean chance of two hands

    @property
    def size(self) -> int:
        """Return M."""
        return len(self.boards)


def no_samples(cards: int, lanes: int) -> SpotSamples:
    """Return no samples of boards of so many cards."""
    empty = np.zeros((0, 2, lanes), np.float32)
    return SpotSamples(np.zeros((0, cards), np.int32), np.zeros(0, np.float32), empty, empty)


class Dealing(NamedTuple):
    """A deck as networks meet it."""

    cards: npt.NDArray[np.int64]  # [H, 2] which of the deck's cards a hand has
    deck: int  # C
    mean: float  # of the chances, 0 or 1, of two hands beside a board
    points: Callable[[Board], Floats]  # a board's hands at the points, [H, K]: nothing of those that it blocks


class SpotTrainer(Learning):
    """A network of hold'em spots in training.

    Hands weigh in the loss as much as they are in range, and all a little: those decide what play is worth.
    """

    def __init__(self, net: SpotNet, dealing: Dealing, plan: Plan) -> None:
        super().__init__(net.module, plan)
        self.dealing = dealing
        self._place: dict[Board, int] = {}
        self._near: list[Tensor] = []  # [boards, H, K] in parts

    def _rows(self, samples: SpotSamples) -> tuple[Tensor, ...]:
        boards, new = [tuple(board) for board in samples.boards.tolist()], list[Floats]()
        for board in dict.fromkeys(boards):
            if board not in self._place:
                self._place[board] = len(self._place)
                new.append(self.dealing.points(board))
        if new:
            self._near.append(torch.from_numpy(np.stack(new)).to(self.device))
        index = torch.tensor([self._place[board] for board in boards], dtype=torch.long, device=self.device)
        ranges, share, values = (
            torch.from_numpy(part).to(self.device) for part in (samples.ranges, samples.share, samples.values)
        )
        return index, ranges, share[:, None], values

    def _found(self, rows: Any) -> tuple[Tensor, Tensor]:
        index, ranges, share, values = rows
        if len(self._near) > 1:
            self._near = [torch.cat(self._near)]
        near = self._near[0][index]
        odds = self._odds(ranges) * (near.sum(dim=2) > 0)[:, None]
        out = self.module(share, ranges, near).flatten(1)
        return odds * zero_sum(out, (ranges * odds).flatten(1)).view_as(odds), values

    def _odds(self, ranges: Tensor) -> Tensor:
        """Return how likely each hand is dealt beside the other's range, [B, 2, H]: by cards that both cannot hold."""
        other, cards = ranges.flip(1), torch.from_numpy(self.dealing.cards).to(self.device)
        held = other.new_zeros(*other.shape[:2], self.dealing.deck)
        for k in range(2):
            held = held.index_add(2, cards[:, k], other)
        free = other.sum(dim=2, keepdim=True) - held[..., cards[:, 0]] - held[..., cards[:, 1]] + other
        return free / self.dealing.mean

    def _loss(self, rows: Any) -> Tensor:
        ranges = rows[1]
        weight = 0.5 + 0.5 * ranges.shape[2] * ranges
        loss: Tensor = (weight * F.huber_loss(*self._found(rows), reduction="none")).mean()
        return loss
