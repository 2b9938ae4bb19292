"""Value networks: counterfactual values of both players' lanes, from a public state and both ranges.

A network sees a public state's features and the two ranges, each divided by its sum, and says what each hand wins, in
the state's unit, given that it is dealt. What every hand wins is then moved by one number, so that the game sums to zero
(DeepStack's correction, Moravcik et al. 2017), and weighted with how likely the other player's hands leave it: that,
times the other's mass, is the counterfactual value (`Described`). So values are linear in the mass of the other's
range and do not depend on that of one's own, as those of a solve.

Shape letters: N public states, B batch, F features, W lanes, E chance events, L hidden layers, H their width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from counterplay.agents.nn.kernels import mlp
from counterplay.agents.public_features import Described
from counterplay.engine.errors import UserError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Layers(nn.Module):
    """Hidden layers with LayerNorm and ReLU, those between hidden ones added to what they are given, and outputs.

    On a GPU all layers, and the correction to zero, are one kernel (`nn.kernels.mlp`), where no gradient is wanted.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, layers: int) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * layers, outputs]
        self.weights = nn.ParameterList(_uniform(a, (a, b)) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.biases = nn.ParameterList(_uniform(a, (b,)) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.gains = nn.ParameterList(torch.ones(hidden) for _ in range(layers))
        self.shifts = nn.ParameterList(torch.zeros(hidden) for _ in range(layers))

    def forward(self, x: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return outputs of x, [B, I] -> [B, K]; with weights, [B, K], moved so that, weighted, they sum to zero."""
        network = mlp.Network([*self.weights], [*self.biases], [*self.gains], [*self.shifts], residual=True)
        if torch.is_grad_enabled():
            return mlp.reference(x, network, weights)
        return mlp.mlp(x, network, weights, precision="tf32x3")


def _uniform(inputs: int, shape: tuple[int, ...]) -> nn.Parameter:
    bound = inputs**-0.5
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


def zero_sum(values: Tensor, weights: Tensor) -> Tensor:
    """Return values less the one number that makes their sum zero, weighted; all are [B, K]."""
    total = weights.sum(dim=1, keepdim=True)
    return values - (values * weights).sum(dim=1, keepdim=True) / torch.where(total > 0, total, 1.0)


@dataclass(frozen=True, eq=False)
class ValueNet:
    """A network and what it is of: any module that makes [B, 2 W] of [B, F + 2 W] will do.

    It is given a state's features and both players' ranges, which sum to one, and returns what every hand of both
    players wins, in the state's unit. `Layers` is ours.
    """

    module: nn.Module
    features: int
    lanes: int

    def begin(self, states: Described) -> "NetEvaluator":
        """Return what evaluates these public states, where the network is.

        Raises `UserError` for states of another game.
        """
        if states.numbers.shape[1] != self.features or states.chance.shape[1] != self.lanes:
            raise UserError(
                f"this value network takes {self.features} features and {self.lanes} lanes, "
                f"and these public states have {states.numbers.shape[1]} and {states.chance.shape[1]}"
            )
        return NetEvaluator(self, states)


class NetEvaluator:
    """A value network over a list of public states; follows `engine.evaluator.Evaluator`."""

    def __init__(self, net: ValueNet, states: Described) -> None:
        self.net, self.events = net, states.event
        self.device = next((p.device for p in net.module.parameters()), torch.device("cpu"))
        self.features, self.unit, self.chance = (
            torch.from_numpy(part).to(self.device) for part in (states.numbers, states.unit, states.chance)
        )
        self._asked: Ints | None = None  # the states that were asked for last, mostly the same a thousand times
        self._known: _Rows

    def values(self, states: Ints, ranges: Floats) -> Floats:
        """Return counterfactual values in the game's units, [B, 2, W], of ranges [B, 2, W] at those states, [B].

        W may be more than the lanes, which are the first ones. Raises `UserError` for a module whose outputs have
        another shape.
        """
        if self._asked is None or not np.array_equal(self._asked, states):
            self._asked, self._known = states.copy(), self._rows(states)
        rows, lanes = self._known, self.net.lanes
        given = torch.from_numpy(np.ascontiguousarray(ranges[:, :, :lanes], np.float32)).to(self.device)
        mass = given.sum(dim=2)  # [B, 2]
        with torch.no_grad():
            normed = normal(given, mass)
            values = counterfactual(self.net.module, rows.features, normed, rows.reached(normed))
            values *= (rows.unit[:, None] * mass.flip(1))[:, :, None]
        found = np.zeros(ranges.shape, np.float32)
        found[:, :, :lanes] = values.cpu().numpy()
        return found

    def _rows(self, states: Ints) -> "_Rows":
        index = torch.from_numpy(states).to(self.device)
        return _Rows(self.features[index], self.unit[index], reaching(self.chance, self.events[states]))


@dataclass(frozen=True)
class _Rows:
    """What stays the same of rows of a batch while their ranges change."""

    features: Tensor  # [B, F]
    unit: Tensor  # [B]
    reached: Callable[[Tensor], Tensor]


def normal(ranges: Tensor, mass: Tensor) -> Tensor:
    """Return ranges [B, 2, W] divided by their sums [B, 2]; one without any is as good as every hand alike."""
    empty = (mass <= 0)[:, :, None]
    return torch.where(empty, 1.0 / ranges.shape[2], ranges / torch.where(empty, 1.0, mass[:, :, None]))


def reaching(chance: Tensor, events: Ints) -> Callable[[Tensor], Tensor]:
    """Return what tells how likely each player's hands are dealt beside the other's range, [B, 2, W] -> [B, 2, W].

    `events` [B] say which of the tables `chance` [E, W, W] is a row's; rows that share one go through it together.
    """
    order = np.argsort(events, kind="stable")
    kinds, sizes = np.unique(events, return_counts=True)
    if len(kinds) == 1:
        table = chance[kinds[0]]
        return lambda ranges: torch.stack([ranges[:, 1] @ table.T, ranges[:, 0] @ table], dim=1)
    place = torch.from_numpy(np.argsort(order)).to(chance.device)
    sorting = torch.from_numpy(order).to(chance.device)

    def reach(ranges: Tensor) -> Tensor:
        parts = [
            torch.stack([part[:, 1] @ chance[kind].T, part[:, 0] @ chance[kind]], dim=1)
            for kind, part in zip(kinds, ranges[sorting].split(sizes.tolist()), strict=True)
        ]
        return torch.cat(parts)[place]

    return reach


def counterfactual(module: nn.Module, features: Tensor, ranges: Tensor, odds: Tensor) -> Tensor:
    """Return counterfactual values of ranges that sum to one, in the states' units, [B, 2, W]; they sum to zero.

    `odds`, [B, 2, W], are how likely each hand is dealt beside the other's range (`reaching`). Raises `UserError` where
    a module's outputs are of another shape.
    """
    flat = ranges.flatten(1)
    x, weights = torch.cat([features, flat], dim=1), flat * odds.flatten(1)
    if isinstance(module, Layers):
        return odds * module(x, weights).view_as(odds)
    out = module(x)
    if out.shape != flat.shape:
        raise UserError(f"a value network makes numbers {[*flat.shape]} of {[*x.shape]}, not {[*out.shape]}")
    return odds * zero_sum(out, weights).view_as(odds)
