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
from torch.autograd.function import once_differentiable

from counterplay.agents.nn import plain
from counterplay.agents.nn.dense import as_array
from counterplay.agents.nn.smooth import sigmoid, tanh
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit
from counterplay.engine.products import multiply, transpose

_ONE = np.float32(1)


class GRU(nn.Module):
    """H numbers a row and step out of I, with memory; with several copies, rows take turns through them.

    Weights are Wr, Wz, Wn side by side, [C, I, 3H], and Ur, Uz, Un, [C, H, 3H]; biases of both [C, 3H].
    """

    def __init__(self, inputs: int, hidden: int, copies: int = 1) -> None:
        super().__init__()
        bound = hidden**-0.5

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(copies, *shape).uniform_(-bound, bound))

        self.weight_in, self.weight_hidden = drawn(inputs, 3 * hidden), drawn(hidden, 3 * hidden)
        self.bias_in, self.bias_hidden = drawn(3 * hidden), drawn(3 * hidden)

    def forward(self, x: Tensor, start: Tensor | None = None) -> Tensor:
        """Return what is remembered after each step, [T, R, H], of inputs [T, R, I]; `start` [R, H] or nothing."""
        copies, inputs, _ = self.weight_in.shape
        if x.dim() != 3 or x.shape[2] != inputs or x.shape[1] % copies:
            raise UserError(f"this unit takes numbers [T, R, {inputs}] with R a multiple of {copies}, not {[*x.shape]}")
        if start is None:
            start = x.new_zeros(x.shape[1], self.weight_hidden.shape[1])
        tensors = x, start, self.weight_in, self.bias_in, self.weight_hidden, self.bias_hidden
        if x.device.type != "cpu" or plain.asked():
            return plain.recurrent(*tensors)
        if not torch.is_grad_enabled():
            return _run(False, *tensors)[-1][1:]
        out: Tensor = _Sequence.apply(*tensors)  # type: ignore[no-untyped-call]
        return out


def _run(keep: bool, *tensors: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors as the kernel read them, what it kept of the steps, and what was remembered at each."""
    x, start, *parameters = (tensor.contiguous() for tensor in tensors)
    (steps, rows, inputs), hidden = x.shape, start.shape[1]
    memory = x.new_empty(steps + 1, rows, hidden)
    memory[0] = start.detach()
    kept = x.new_empty(steps if keep else 1, rows, 4 * hidden)  # r, z, n and h Un + cn of every step
    arrays = map(as_array, (x, *parameters, kept, memory))
    _forward(steps, rows, inputs, hidden, len(parameters[0]), keep, *arrays)
    return x, *parameters, kept, memory


class _Sequence(torch.autograd.Function):
    """All steps."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:
        x, weight_in, _, weight, _, kept, memory = _run(True, *tensors)
        ctx.save_for_backward(x, weight_in, weight, kept, memory)
        return memory[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        x, weight_in, weight, kept, memory = ctx.saved_tensors
        (steps, rows, inputs), hidden, copies = x.shape, memory.shape[2], len(weight)
        given = grads[0].contiguous(), x, weight_in, weight, kept, memory
        to_biases = [weight.new_zeros(copies, 3 * hidden) for _ in range(2)]
        to_x, slope = torch.zeros_like(x), x.new_zeros(rows, hidden)
        found = to_x, slope, torch.zeros_like(weight_in), to_biases[0], torch.zeros_like(weight), to_biases[1]
        arrays = map(as_array, (*given, *found))
        _backward(steps, rows, inputs, hidden, copies, *arrays)
        return found


@jit
def _forward(
    steps: int,
    rows: int,
    inputs: int,
    hidden: int,
    copies: int,
    keep: bool,
    x: Any,
    weight_in: Any,
    bias_in: Any,
    weight: Any,
    bias: Any,
    kept: Any,
    memory: Any,
) -> None:  # pragma: no cover
    """Go through all steps. A step is kept as [R, 4H], and its sums are made there: r and z, x Wn + bn, h Un + cn.

    Loops that read and write one array at several places write to a small one between, or they would not vectorise.
    """
    many, size, turn, one = np.uint64(rows), np.uint64(hidden), np.uint64(copies), np.uint64(1)
    two, three, four, width = size + size, size * np.uint64(3), size * np.uint64(4), np.uint64(inputs)
    inner = np.empty(size, np.float32)
    for t in range(np.uint64(steps)):
        at = t * many * four if keep else np.uint64(0)
        for i in range(many):
            place, own = at + i * four, i % turn * three
            for j in range(two):
                kept[place + j] = bias_in[own + j] + bias[own + j]
            for j in range(two, three):
                kept[place + j] = bias_in[own + j]
                kept[place + size + j] = bias[own + j]
        for copy in range(turn):
            count = (many + turn - one - copy) // turn
            place, step = at + copy * four, turn * four
            own, before = copy * size * three, (t * many + copy) * size
            multiply(
                x, (t * many + copy) * width, turn * width, one, weight_in, copy * width * three, three,
                kept, place, step, count, three, width,
            )  # fmt: skip
            multiply(
                memory, before, turn * size, one, weight, own, three,
                kept, place, step, count, two, size,
            )  # fmt: skip
            multiply(
                memory, before, turn * size, one, weight, own + two, three,
                kept, place + three, step, count, size, size,
            )  # fmt: skip
        for i in range(many):
            k, m = at + i * four, (t * many + i) * size
            after = m + many * size
            for j in range(two):
                kept[k + j] = sigmoid(kept[k + j])
            for j in range(size):
                inner[j] = kept[k + two + j] + kept[k + j] * kept[k + three + j]
            for j in range(size):
                kept[k + two + j] = tanh(inner[j])
            for j in range(size):
                n = kept[k + two + j]
                memory[after + j] = n + kept[k + size + j] * (memory[m + j] - n)


@jit
def _backward(
    steps: int,
    rows: int,
    inputs: int,
    hidden: int,
    copies: int,
    grad: Any,
    x: Any,
    weight_in: Any,
    weight: Any,
    kept: Any,
    memory: Any,
    to_x: Any,
    slope: Any,
    to_weight_in: Any,
    to_bias_in: Any,
    to_weight: Any,
    to_bias: Any,
) -> None:  # pragma: no cover
    """Go back through all steps; `slope` begins as zeros and ends as the gradient of the memory at the start.

    A step's gradients are [R, 4H], those of its sums, in the same order; of r and z they are both products'.
    """
    many, size, turn, one = np.uint64(rows), np.uint64(hidden), np.uint64(copies), np.uint64(1)
    two, three, four, width = size + size, size * np.uint64(3), size * np.uint64(4), np.uint64(inputs)
    turned_in, turned = np.empty(len(weight_in), np.float32), np.empty(len(weight), np.float32)
    for copy in range(turn):
        transpose(weight_in, copy * width * three, width, three, turned_in)
        transpose(weight, copy * size * three, size, three, turned)
    to_sums, inner = np.empty(many * four, np.float32), np.empty(size, np.float32)
    for back in range(np.uint64(steps)):
        t = np.uint64(steps) - one - back
        for i in range(many):
            m, h, d = (t * many + i) * size, i * size, i * four
            k = (t * many + i) * four
            for j in range(size):
                slope[h + j] += grad[m + j]
            for j in range(size):
                z, n = kept[k + size + j], kept[k + two + j]
                to_sums[d + size + j] = slope[h + j] * (memory[m + j] - n) * z * (_ONE - z)
            for j in range(size):
                n = kept[k + two + j]
                inner[j] = slope[h + j] * (_ONE - kept[k + size + j]) * (_ONE - n * n)
            for j in range(size):
                r = kept[k + j]
                to_sums[d + j] = inner[j] * kept[k + three + j] * r * (_ONE - r)
            for j in range(size):
                to_sums[d + two + j] = inner[j]
            for j in range(size):
                to_sums[d + three + j] = inner[j] * kept[k + j]
            for j in range(size):
                slope[h + j] *= kept[k + size + j]
            own = i % turn * three
            for j in range(three):
                to_bias_in[own + j] += to_sums[d + j]
            for j in range(two):
                to_bias[own + j] += to_sums[d + j]
            for j in range(two, three):
                to_bias[own + j] += to_sums[d + size + j]
        for copy in range(turn):
            count = (many + turn - one - copy) // turn
            place, step = copy * four, turn * four
            own, own_in = copy * size * three, copy * width * three
            before, seen = (t * many + copy) * size, (t * many + copy) * width
            multiply(to_sums, place, step, one, turned_in, own_in, width, to_x, seen, turn * width, count, width, three)
            multiply(x, seen, one, turn * width, to_sums, place, step, to_weight_in, own_in, three, width, three, count)
            # The memory's part, in two: r and z, then n.
            multiply(to_sums, place, step, one, turned, own, size, slope, copy * size, turn * size, count, size, two)
            multiply(
                to_sums, place + three, step, one, turned, own + two * size, size,
                slope, copy * size, turn * size, count, size, size,
            )  # fmt: skip
            multiply(memory, before, one, turn * size, to_sums, place, step, to_weight, own, three, size, two, count)
            multiply(
                memory, before, one, turn * size, to_sums, place + three, step,
                to_weight, own + two, three, size, size, count,
            )  # fmt: skip
