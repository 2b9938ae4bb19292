"""Value networks: counterfactual values of both players' lanes, from a public state and both ranges.

A network sees a public state's features and the two ranges, each divided by its sum, and says what each hand wins, in
the state's unit, given that it is dealt. What every hand wins is then moved by one number, so that the game sums to
zero (DeepStack's correction, Moravcik et al. 2017), and weighted with how likely the other player's hands leave it:
that, times the other's mass, is the counterfactual value (`Described`). So values are linear in the mass of the
other's range and do not depend on that of one's own, as those of a solve.

Shape letters: N public states, B batch, F features, W lanes, E chance events, L hidden layers, H their width.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from counterplay.agents.nn.graphs import Graphs
from counterplay.agents.nn.kernels import by_kernel, mlp
from counterplay.agents.nn.normed import normed
from counterplay.agents.public_features import Described
from counterplay.engine.errors import UserError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Layers(nn.Module):
    """Hidden layers with LayerNorm and ReLU, those between hidden ones added to what they are given, and outputs.

    Where no gradient is wanted, all layers are one kernel: on a GPU with the correction to zero (`nn.kernels.mlp`), on
    the CPU without it (`nn.normed`).
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, layers: int) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * layers, outputs]
        self.weights = nn.ParameterList(_uniform(a, (a, b)) for a, b in pairwise(widths))
        self.biases = nn.ParameterList(_uniform(a, (b,)) for a, b in pairwise(widths))
        self.gains = nn.ParameterList(torch.ones(hidden) for _ in range(layers))
        self.shifts = nn.ParameterList(torch.zeros(hidden) for _ in range(layers))

    def forward(self, x: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return outputs of x, [B, I] -> [B, K]; with weights, [B, K], moved so that, weighted, they sum to zero."""
        parts = [*self.weights], [*self.biases], [*self.gains], [*self.shifts]
        if torch.is_grad_enabled():
            return mlp.reference(x, mlp.Network(*parts, residual=True), weights)
        if x.device.type != "cpu":
            return mlp.mlp(x, mlp.Network(*parts, residual=True), weights, precision="tf32x3")
        values = normed(x, *parts)
        return values if weights is None else zero_sum(values, weights)


def is_one_kernel(module: nn.Module, x: Tensor) -> bool:
    """Tell whether a kernel of ours takes x through the whole network; others are cuBLAS's and PyTorch's."""
    return isinstance(module, Layers) and module.biases[0].shape[0] <= mlp.WIDEST and by_kernel(x)


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
        self._values: Callable[..., Tensor] = partial(counterfactual, net.module)
        if not is_one_kernel(net.module, self.features):
            self._values = Graphs(self._values)
        self._asked: Ints | None = None  # the states that were asked for last, mostly the same a thousand times
        self._known: _Rows

    def values(self, states: Ints, ranges: Floats) -> Floats:
        """Return counterfactual values in the game's units, [B, 2, W], of ranges [B, 2, W] at those states, [B].

        W may be more than the lanes, which are the first ones. Raises `UserError` for a module whose outputs have
        another shape, or are no finite numbers.
        """
        if self._asked is None or not np.array_equal(self._asked, states):
            self._asked, self._known = states.copy(), self._rows(states)
        rows, lanes = self._known, self.net.lanes
        given = torch.from_numpy(np.ascontiguousarray(ranges[:, :, :lanes], np.float32)).to(self.device)
        mass = given.sum(dim=2)  # [B, 2]
        with torch.no_grad():
            normed = normal(given, mass)
            values = self._values(rows.features, normed, rows.reached(normed))
            values *= (rows.unit[:, None] * mass.flip(1))[:, :, None]
        found = np.zeros(ranges.shape, np.float32)
        found[:, :, :lanes] = values.cpu().numpy()
        if not np.isfinite(found.sum()):  # one pass, and no table of answers
            raise UserError(
                "the value network answers with what is no finite number: it was trained badly, or is damaged"
            )
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
    if len(kinds) < 2:
        table = chance[events[0] if len(events) else 0]
        return lambda ranges: torch.stack([ranges[:, 1] @ table.T, ranges[:, 0] @ table], dim=1)
    place = torch.from_numpy(np.argsort(order)).to(chance.device)
    sorting = torch.from_numpy(order).to(chance.device)

    def reach(ranges: Tensor) -> Tensor:
        parts = [
            torch.stack([part[:, 1] @ chance[kind].T, part[:, 0] @ chance[kind]], dim=1)
            for kind, part in zip(kinds, torch.split(ranges[sorting], sizes.tolist()), strict=True)
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
        return odds * module.forward(x, weights).view_as(odds)
    out: Tensor = module(x)
    if out.shape != flat.shape:
        raise UserError(f"a value network makes numbers {[*flat.shape]} of {[*x.shape]}, not {[*out.shape]}")
    return odds * zero_sum(out, weights).view_as(odds)


def one_thread() -> None:
    """Have PyTorch use one thread in this process: others work beside it."""
    torch.set_num_threads(1)


def own(module: Any, features: int, lanes: int) -> ValueNet:
    """Return somebody's module as a value network; raises `UserError` for what is no module, or has the wrong shape."""
    if not isinstance(module, nn.Module):
        raise UserError(f"network must be a torch.nn.Module, not {type(module).__name__}")
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    with torch.no_grad():
        out = module(torch.zeros(2, features + 2 * lanes, device=device))
    if tuple(out.shape) != (2, 2 * lanes):
        raise UserError(f"a value network of this game makes [B, {2 * lanes}] of [B, {features + 2 * lanes}]")
    return ValueNet(module, features, lanes)


def on_cpu(net: ValueNet) -> ValueNet:
    """Return a copy of a network on the CPU."""
    return replace(net, module=copy.deepcopy(net.module).cpu())
