"""A gated recurrent unit over whole sequences, with backpropagation through time written out.

The equations are those of `torch.nn.GRU` (Cho et al. 2014, with the reset gate after the matrix product):

    r = sigmoid(x Wr + br + h Ur + cr)
    z = sigmoid(x Wz + bz + h Uz + cz)
    n = tanh(x Wn + bn + r (h Un + cn))
    h' = (1 - z) n + z h

Sequences of 50 steps over 64 rows of 64 numbers, as a team's agents make them, are too small for PyTorch's own: its
time goes into one small operation after the other. Here a step is one matrix product and one kernel, both ways, and
the gradients of all weights are one product each at the end.

Shape letters: T steps, R rows (episodes times agents), H hidden, G = 3H gates in the order r, z, n.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.engine.jit import inlined, jit

_ONE, _TWO, _HALF, _FOURTH = np.float32(1), np.float32(2), np.float32(0.5), np.float32(0.25)
_MOST = np.float32(9)  # tanh is 1 from here on in 32 bits
# Lambert's continued fraction of tanh, cut after seven terms: x (A0 + A1 x^2 + ...) / (B0 + B1 x^2 + ...)
_A0, _A1, _A2 = np.float32(135135), np.float32(17325), np.float32(378)
_B1, _B2, _B3 = np.float32(62370), np.float32(3150), np.float32(28)


class GRU(nn.Module):
    """H numbers a row and step out of I, with memory."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        bound = hidden**-0.5

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

        self.weight_in, self.weight_hidden = drawn(3 * hidden, inputs), drawn(3 * hidden, hidden)
        self.bias_in, self.bias_hidden = drawn(3 * hidden), drawn(3 * hidden)

    def forward(self, x: Tensor, start: Tensor | None = None) -> Tensor:
        """Return what is remembered after each step, [T, R, H], of inputs [T, R, I]; `start` [R, H] or nothing."""
        gates = F.linear(x, self.weight_in, self.bias_in)
        if start is None:
            start = x.new_zeros(x.shape[1], self.weight_hidden.shape[1])
        out: Tensor = _Sequence.apply(gates, start, self.weight_hidden, self.bias_hidden)  # type: ignore[no-untyped-call]
        return out


class _Sequence(torch.autograd.Function):
    """All steps, given what the inputs add to the gates."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, start: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        steps, rows, _ = gates.shape
        hidden = start.shape[1]
        memory = gates.new_empty(steps + 1, rows, hidden)
        memory[0] = start
        kept = gates.new_empty(steps, rows, 4 * hidden)  # r, z, n and h Un + cn of every step
        from_memory = gates.new_empty(rows, 3 * hidden)
        arrays = [tensor.reshape(-1).numpy() for tensor in (gates.contiguous(), from_memory, kept, memory)]
        turned = weight.t()
        for t in range(steps):
            torch.addmm(bias, memory[t], turned, out=from_memory)
            _step(t, rows, hidden, *arrays)
        ctx.save_for_backward(memory, kept, weight)
        return memory[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        memory, kept, weight = ctx.saved_tensors
        steps, rows, hidden = grads[0].shape
        to_gates, to_products = kept.new_empty(2, steps, rows, 3 * hidden)
        slope, direct = kept.new_zeros(rows, hidden), kept.new_empty(rows, hidden)
        tensors = grads[0].contiguous(), kept, memory, slope, to_gates, to_products, direct
        arrays = [tensor.reshape(-1).numpy() for tensor in tensors]
        for t in range(steps - 1, -1, -1):
            _step_back(t, rows, hidden, *arrays)
            torch.addmm(direct, to_products[t], weight, out=slope)
        products = to_products.flatten(0, 1)
        return to_gates, slope, products.t() @ memory[:-1].flatten(0, 1), products.sum(dim=0)


@inlined
def _tanh(x: Any) -> Any:  # pragma: no cover
    """Return tanh to 32 bits with arithmetic alone, which vectorises: a fraction at x / 4, doubled twice."""
    y = min(max(x, -_MOST), _MOST) * _FOURTH
    q = y * y
    t = y * (_A0 + q * (_A1 + q * (_A2 + q))) / (_A0 + q * (_B1 + q * (_B2 + q * _B3)))
    t = _TWO * t / (_ONE + t * t)
    return _TWO * t / (_ONE + t * t)


@jit
def _step(
    t: int, rows: int, hidden: int, gates: Any, from_memory: Any, kept: Any, memory: Any
) -> None:  # pragma: no cover
    """Make memory[t + 1] out of memory[t]. Flat arrays, unsigned indices and short loops: so they vectorise."""
    size, many = np.uint64(hidden), np.uint64(rows)
    two, three = np.uint64(2) * size, np.uint64(3) * size
    for i in range(many):
        row = np.uint64(t) * many + i
        g, p, k, m = row * three, i * three, row * (two + two), row * size
        after = m + many * size
        for j in range(two):
            kept[k + j] = _HALF + _HALF * _tanh(_HALF * (gates[g + j] + from_memory[p + j]))
        for j in range(size):
            kept[k + three + j] = from_memory[p + two + j]
        for j in range(size):
            kept[k + two + j] = _tanh(gates[g + two + j] + kept[k + j] * from_memory[p + two + j])
        for j in range(size):
            n = kept[k + two + j]
            memory[after + j] = n + kept[k + size + j] * (memory[m + j] - n)


@jit
def _step_back(
    t: int,
    rows: int,
    hidden: int,
    grad: Any,
    kept: Any,
    memory: Any,
    slope: Any,
    to_gates: Any,
    to_products: Any,
    direct: Any,
) -> None:  # pragma: no cover
    """Take the slope at memory[t + 1], `slope` + grad[t], to the gates, and what reaches memory[t] past them."""
    size, many = np.uint64(hidden), np.uint64(rows)
    two, three = np.uint64(2) * size, np.uint64(3) * size
    for i in range(many):
        row = np.uint64(t) * many + i
        g, k, m, h = row * three, row * (two + two), row * size, i * size
        for j in range(size):
            direct[h + j] = slope[h + j] + grad[m + j]
        for j in range(size):
            z, n = kept[k + size + j], kept[k + two + j]
            to_gates[g + size + j] = direct[h + j] * (memory[m + j] - n) * z * (_ONE - z)
        for j in range(size):
            n = kept[k + two + j]
            to_gates[g + two + j] = direct[h + j] * (_ONE - kept[k + size + j]) * (_ONE - n * n)
        for j in range(size):
            r = kept[k + j]
            to_gates[g + j] = to_gates[g + two + j] * kept[k + three + j] * r * (_ONE - r)
        for j in range(two):
            to_products[g + j] = to_gates[g + j]
        for j in range(size):
            to_products[g + two + j] = to_gates[g + two + j] * kept[k + j]
        for j in range(size):
            direct[h + j] *= kept[k + size + j]
