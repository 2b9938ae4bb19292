"""A gated recurrent unit over whole sequences, with backpropagation through time written out.

The equations are those of `torch.nn.GRU` (Cho et al. 2014, with the reset gate after the matrix product):

    r = sigmoid(x Wr + br + h Ur + cr)
    z = sigmoid(x Wz + bz + h Uz + cz)
    n = tanh(x Wn + bn + r (h Un + cn))
    h' = (1 - z) n + z h

Sequences of 50 steps over 64 rows of 64 numbers, as a team's agents make them, are too small for PyTorch's own: its
time goes into one small operation after the other. Here all steps are one kernel, both ways.

Shape letters: T steps, R rows (episodes times agents), I inputs, H hidden, C copies; gates in the order r, z, n.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from counterplay.agents.dense import Dense
from counterplay.agents.smooth import tanh
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.products import multiply, transpose

_ONE, _HALF = np.float32(1), np.float32(0.5)


class GRU(nn.Module):
    """H numbers a row and step out of I, with memory; with several copies, rows take turns through them.

    `into` is Wr, Wz, Wn side by side, and their biases; `weight`, [C, H, 3H], and `bias`, [C, 3H], those of the memory.
    """

    def __init__(self, inputs: int, hidden: int, copies: int = 1) -> None:
        super().__init__()
        bound = hidden**-0.5
        self.into = Dense(inputs, 3 * hidden, copies)
        nn.init.uniform_(self.into.weight, -bound, bound)
        nn.init.uniform_(self.into.bias, -bound, bound)
        self.weight = nn.Parameter(torch.empty(copies, hidden, 3 * hidden).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(copies, 3 * hidden).uniform_(-bound, bound))

    def forward(self, x: Tensor, start: Tensor | None = None) -> Tensor:
        """Return what is remembered after each step, [T, R, H], of inputs [T, R, I]; `start` [R, H] or nothing."""
        steps, rows = x.shape[:2]
        copies = len(self.weight)
        gates = self.into(x.view(steps, rows // copies, copies, -1)).view(steps, rows, -1)
        return self.run(gates, start)

    def run(self, gates: Tensor, start: Tensor | None = None) -> Tensor:
        """Return the same from what the inputs add to the gates, [T, R, 3H]: what `into` makes of them."""
        if start is None:
            start = gates.new_zeros(gates.shape[1], self.weight.shape[1])
        out: Tensor = _Sequence.apply(gates, start, self.weight, self.bias)  # type: ignore[no-untyped-call]
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
        tensors = gates.contiguous(), weight.contiguous(), bias.contiguous(), kept, memory
        _forward(steps, rows, hidden, len(weight), *(tensor.detach().view(-1).numpy() for tensor in tensors))
        ctx.save_for_backward(memory, kept, weight)
        return memory[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        memory, kept, weight = ctx.saved_tensors
        steps, rows, hidden = grads[0].shape
        to_gates, slope = kept.new_empty(steps, rows, 3 * hidden), kept.new_zeros(rows, hidden)
        to_weight, to_bias = torch.zeros_like(weight), weight.new_zeros(len(weight), 3 * hidden)
        tensors = grads[0].contiguous(), weight.contiguous(), kept, memory, slope, to_gates, to_weight, to_bias
        _backward(steps, rows, hidden, len(weight), *(tensor.detach().view(-1).numpy() for tensor in tensors))
        return to_gates, slope, to_weight, to_bias


@inlined
def _step(
    t: Index, rows: Index, hidden: Index, gates: Any, from_memory: Any, kept: Any, memory: Any
) -> None:  # pragma: no cover
    """Make memory[t + 1] out of memory[t]. Flat arrays, unsigned indices and short loops: so they vectorise."""
    size, two, three = hidden, np.uint64(2) * hidden, np.uint64(3) * hidden
    for i in range(rows):
        row = t * rows + i
        g, p, k, m = row * three, i * three, row * (two + two), row * size
        after = m + rows * size
        for j in range(two):
            kept[k + j] = _HALF + _HALF * tanh(_HALF * (gates[g + j] + from_memory[p + j]))
        for j in range(size):
            kept[k + three + j] = from_memory[p + two + j]
        for j in range(size):
            kept[k + two + j] = tanh(gates[g + two + j] + kept[k + j] * from_memory[p + two + j])
        for j in range(size):
            n = kept[k + two + j]
            memory[after + j] = n + kept[k + size + j] * (memory[m + j] - n)


@inlined
def _step_back(
    t: Index,
    rows: Index,
    hidden: Index,
    grad: Any,
    kept: Any,
    memory: Any,
    slope: Any,
    to_gates: Any,
    to_products: Any,
    direct: Any,
) -> None:  # pragma: no cover
    """Take the slope at memory[t + 1], `slope` + grad[t], to the gates, and what reaches memory[t] past them."""
    size, two, three = hidden, np.uint64(2) * hidden, np.uint64(3) * hidden
    for i in range(rows):
        row = t * rows + i
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
        p = i * three
        for j in range(two):
            to_products[p + j] = to_gates[g + j]
        for j in range(size):
            to_products[p + two + j] = to_gates[g + two + j] * kept[k + j]
        for j in range(size):
            direct[h + j] *= kept[k + size + j]


@jit
def _forward(
    steps: int, rows: int, hidden: int, copies: int, gates: Any, weight: Any, bias: Any, kept: Any, memory: Any
) -> None:  # pragma: no cover
    """Go through all steps: what the memory adds to the gates is one product a step and copy."""
    size, many, turn = np.uint64(hidden), np.uint64(rows), np.uint64(copies)
    three, one = np.uint64(3) * size, np.uint64(1)
    from_memory = np.empty(many * three, np.float32)
    for t in range(np.uint64(steps)):
        for i in range(many):
            own = i % turn * three
            for j in range(three):
                from_memory[i * three + j] = bias[own + j]
        for copy in range(turn):
            multiply(
                memory, (t * many + copy) * size, turn * size, one,
                weight, copy * size * three, three,
                from_memory, copy * three, turn * three,
                (many + turn - one - copy) // turn, three, size,
            )  # fmt: skip
        _step(t, many, size, gates, from_memory, kept, memory)


@jit
def _backward(
    steps: int,
    rows: int,
    hidden: int,
    copies: int,
    grad: Any,
    weight: Any,
    kept: Any,
    memory: Any,
    slope: Any,
    to_gates: Any,
    to_weight: Any,
    to_bias: Any,
) -> None:  # pragma: no cover
    """Go back through all steps; `slope` begins as zeros and ends as the gradient of the memory at the start."""
    size, many, turn = np.uint64(hidden), np.uint64(rows), np.uint64(copies)
    three, one = np.uint64(3) * size, np.uint64(1)
    turned = np.empty(len(weight), np.float32)
    for copy in range(turn):
        transpose(weight, copy * size * three, size, three, turned)
    to_products = np.empty(many * three, np.float32)
    direct = np.empty(many * size, np.float32)
    for back in range(np.uint64(steps)):
        t = np.uint64(steps) - one - back
        _step_back(t, many, size, grad, kept, memory, slope, to_gates, to_products, direct)
        for i in range(many):
            own = i % turn * three
            for j in range(three):
                to_bias[own + j] += to_products[i * three + j]
        slope[:] = direct
        for copy in range(turn):
            count = (many + turn - one - copy) // turn
            multiply(
                to_products, copy * three, turn * three, one,
                turned, copy * size * three, size,
                slope, copy * size, turn * size,
                count, size, three,
            )  # fmt: skip
            multiply(
                memory, (t * many + copy) * size, one, turn * size,
                to_products, copy * three, turn * three,
                to_weight, copy * size * three, three,
                size, three, count,
            )  # fmt: skip
