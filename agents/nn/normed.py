"""Dense layers with LayerNorm, without gradients, in one kernel on the CPU: the twin of `nn.kernels.mlp` there.

A block of rows goes through all layers while it is in the cache (`nn.dense`); PyTorch would take each operation through
memory. Shape letters: R rows, I inputs, H hidden, K outputs, L hidden layers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from counterplay.agents.nn.dense import as_array
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.products import affine
from counterplay.engine.simd import WIDE, fill, load, total, zeros

_BLOCK = np.uint64(96)  # rows
_EPSILON = np.float32(1e-5)  # LayerNorm's, as PyTorch's


def normed(
    x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], gains: Sequence[Tensor], shifts: Sequence[Tensor]
) -> Tensor:
    """Return what a network makes of x, [R, I] -> [R, K], as `nn.kernels.mlp.reference` does with `residual`.

    Weights are [I, H], [H, H] and so on, [H, K]; LayerNorm, with a gain and a shift [H], and a ReLU follow each layer
    but the last, and what a hidden layer makes of another one is added to it. All are 32-bit floats on the CPU.
    """
    out = x.new_empty(len(x), biases[-1].shape[0])
    flat = torch.cat([part.detach().reshape(-1) for parts in (weights, biases, gains, shifts) for part in parts])
    sizes = len(x), x.shape[1], biases[0].shape[0], biases[-1].shape[0], len(gains)
    rows, inputs, hidden, outputs, layers = (np.uint64(size) for size in sizes)
    _forward(as_array(x.contiguous()), as_array(flat), rows, inputs, hidden, outputs, layers, as_array(out))
    return out


@inlined
def sum_of(numbers: Any, at: Index, width: Index) -> Any:  # pragma: no cover
    """Return the sum of a row, in sixteen parts side by side."""
    whole = width // WIDE * WIDE
    sums = zeros()
    for j in range(np.uint64(0), whole, WIDE):
        sums = sums + load(numbers, at + j)
    found = total(sums)
    for j in range(whole, width):
        found += numbers[at + j]
    return found


@inlined
def mean_and_scale(made: Any, at: Index, width: Index) -> Any:  # pragma: no cover
    """Return the mean of a row, and by what its differences from it are multiplied for LayerNorm."""
    whole = width // WIDE * WIDE
    mean = sum_of(made, at, width) / np.float32(width)
    sums, middle = zeros(), fill(mean)
    for j in range(np.uint64(0), whole, WIDE):
        apart = load(made, at + j) - middle
        sums = sums + apart * apart
    square = total(sums)
    for j in range(whole, width):
        square += (made[at + j] - mean) * (made[at + j] - mean)
    return mean, np.float32(1) / np.sqrt(square / np.float32(width) + _EPSILON)


@inlined
def _norm(
    made: Any, at: Index, before: Any, added: bool, width: Index, flat: Any, gain: Index, shift: Index
) -> None:  # pragma: no cover
    """Normalise a row of a layer in place, stop what is negative, and add the same row of the layer before."""
    zero = np.float32(0)
    mean, scale = mean_and_scale(made, at, width)
    for j in range(width):
        value = max((made[at + j] - mean) * scale * flat[gain + j] + flat[shift + j], zero)
        made[at + j] = value + before[at + j] if added else value


@jit
def _forward(
    x: Any, flat: Any, rows: Index, inputs: Index, hidden: Index, outputs: Index, layers: Index, out: Any
) -> None:  # pragma: no cover
    zero, one = np.uint64(0), np.uint64(1)
    between = hidden * hidden
    biases = inputs * hidden + (layers - one) * between + hidden * outputs  # where parts of `flat` begin
    gains = biases + layers * hidden + outputs
    shifts = gains + layers * hidden
    made, before = np.empty(_BLOCK * hidden, np.float32), np.empty(_BLOCK * hidden, np.float32)
    first: Index = zero
    while first < rows:
        block = min(_BLOCK, rows - first)
        for layer in range(layers):
            made, before = before, made
            bias = biases + layer * hidden
            if layer == zero:
                affine(
                    x, first * inputs, inputs, one, flat, zero, hidden, flat, bias, zero,
                    made, zero, hidden, block, hidden, inputs, False,
                )  # fmt: skip
            else:
                affine(
                    before, zero, hidden, one, flat, inputs * hidden + (layer - one) * between, hidden, flat, bias,
                    zero, made, zero, hidden, block, hidden, hidden, False,
                )  # fmt: skip
            gain, shift = gains + layer * hidden, shifts + layer * hidden
            for row in range(block):
                _norm(made, row * hidden, before, bool(layer > zero), hidden, flat, gain, shift)
        affine(
            made, zero, hidden, one, flat, biases - hidden * outputs, outputs, flat, biases + layers * hidden, zero,
            out, first * outputs, outputs, block, outputs, hidden, False,
        )  # fmt: skip
        first += block
