"""Adam over all parameters at once: networks' parameters lie side by side in one vector, and so do Adam's moments."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.nn import plain
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit

_FIRST, _SECOND, _LEAST = np.float32(0.9), np.float32(0.999), np.float32(1e-8)


def flatten(modules: Sequence[nn.Module]) -> tuple[Tensor, list[Tensor]]:
    """Lay the modules' parameters side by side in one new vector; return it, and each module's part of it.

    The parameters stay what they are and share the vector's memory: what changes one changes the other. Raises
    `ValueError` for parameters that are not 32-bit floats.
    """
    parts: list[Tensor] = []
    parameters = [parameter for module in modules for parameter in module.parameters()]
    device = parameters[0].device if parameters else None
    vector = torch.empty(sum(parameter.numel() for parameter in parameters), device=device)
    at = 0
    for module in modules:
        start = at
        for parameter in module.parameters():
            if parameter.dtype != torch.float32:
                raise UserError(f"parameters of networks have to be 32-bit floats, not {parameter.dtype}")
            part = vector[at : at + parameter.numel()].view(parameter.shape)
            part.copy_(parameter.detach())
            parameter.data = part
            at += parameter.numel()
        parts.append(vector[start:at])
    return vector, parts


class _Group(NamedTuple):
    parameters: list[nn.Parameter]
    values: Tensor  # [P] the parameters, flat
    mean: Tensor  # [P] running mean of the gradients
    square: Tensor  # [P] of their squares


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) with its authors' beta and epsilon, for modules in groups.

    `rates` are the groups' learning rates, and may be changed; `parts` every module's parameters, flat (see `flatten`).
    A group follows its gradients at one of so many steps, if `every` says so, and its count is of those.
    """

    def __init__(self, groups: Sequence[tuple[Sequence[nn.Module], float]], every: Sequence[int] | None = None) -> None:
        self.rates = [rate for _, rate in groups]
        self.every = [1] * len(groups) if every is None else list(every)
        self.parts: list[list[Tensor]] = []
        self.count = 0
        self.compressing: dict[str, Any] = {}  # what a compression of gradients remembers, in several processes
        self._groups = []
        for modules, _ in groups:
            values, parts = flatten(modules)
            self.parts.append(parts)
            parameters = [parameter for module in modules for parameter in module.parameters()]
            self._groups.append(_Group(parameters, values, torch.zeros_like(values), torch.zeros_like(values)))

    def step(self, most: float) -> list[Tensor]:
        """Scale each group's gradients down to that norm if theirs is more, and follow them; return what they were.

        A parameter without a gradient counts as one with zeros. Of a group whose turn it is not, the norm is 0. Of
        several processes that train together it is the average of their gradients.
        """
        self.count += 1
        norms = []
        slopes_of = [_slopes(group.parameters) for group in self._groups]
        slopes_of = together.averaged(
            slopes_of, [p for group in self._groups for p in group.parameters], self.compressing
        )
        parts = zip(self._groups, slopes_of, self.rates, self.every, strict=True)
        for (_, values, mean, square), slopes, rate, every in parts:
            if self.count % every:
                norms.append(values.new_zeros(()))
                continue
            count = self.count // every
            norms.append(torch.linalg.vector_norm(slopes))
            scale = most / (norms[-1].item() + 1e-6)
            scale = 1.0 if scale > 1 else scale  # and what is not a number stays so
            if values.device.type == "cpu":
                arrays = slopes.numpy(), values.numpy(), mean.numpy(), square.numpy()
                follow(*arrays, np.float32(scale), rate, count)
            else:
                plain.follow(slopes, values, mean, square, scale, rate, count)
        return norms

    def vectors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the first group's parameters, flat, and the moments of their gradients, which share memory with it."""
        group = self._groups[0]
        return group.values, group.mean, group.square

    def state_dict(self) -> dict[str, Any]:
        """Return the moments and the number of steps."""
        return {"count": self.count, "moments": [(group.mean, group.square) for group in self._groups]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from them."""
        self.count = state["count"]
        for group, (mean, square) in zip(self._groups, state["moments"], strict=True):
            group.mean.copy_(mean)
            group.square.copy_(square)


def _slopes(parameters: list[nn.Parameter]) -> Tensor:
    """Return the gradients of parameters, flat."""
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    return torch.cat([grad.reshape(-1) for grad in grads])


@jit
def follow(
    slopes: Any, values: Any, mean: Any, square: Any, scale: Any, rate: float, count: int
) -> None:  # pragma: no cover
    step = np.float32(rate / (1 - 0.9**count))
    root = np.float32(1 / np.sqrt(1 - 0.999**count))
    for i in range(np.uint64(len(values))):
        slope = slopes[i] * scale
        mean[i] += (slope - mean[i]) * (np.float32(1) - _FIRST)
        square[i] = _SECOND * square[i] + (np.float32(1) - _SECOND) * slope * slope
        values[i] -= step * mean[i] / (np.sqrt(square[i]) * root + _LEAST)
