"""Dense layers, each with LayerNorm and a ReLU, with backpropagation written out, for bodies that learn.

PyTorch takes a layer through memory at each operation and each way; here a layer is one product and one pass over what
it made. Parameters are those of `nn.Linear` and `nn.LayerNorm`. On a GPU, and where gradients are differentiated again
(`nn.plain`), the layers are PyTorch's.

Shape letters: R rows, I inputs, K outputs.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from counterplay.agents.nn import plain
from counterplay.agents.nn.dense import as_array
from counterplay.agents.nn.normed import mean_and_scale, sum_of
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.products import affine, aligned, transpose
from counterplay.engine.simd import WIDE, load, total, zeros


class Chain(NamedTuple):
    """A network that is nothing but layers, each with LayerNorm and a ReLU, and a last one."""

    layers: Sequence[tuple[nn.Linear, nn.LayerNorm]]
    last: nn.Linear


_EACH = 4  # parameters of a layer: weights [K, I], biases, gains and shifts [K]
MANY = 256  # rows at a time, where nothing is kept of them
# Numbers between one row and the next: a column of rows that lie a power of two apart is in a few sets of the first
# cache, which cannot hold it.
GAP = 16


def norm_layers(x: Tensor, layers: Sequence[tuple[nn.Linear, nn.LayerNorm]]) -> Tensor:
    """Return x, [..., I], gone through the layers: each is relu(norm(linear(x))), [..., K].

    Raises `ValueError` for other sizes.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32 or plain.asked():
        return plain.norm_layers(x, layers)
    parameters = [p for linear, norm in layers for p in (linear.weight, linear.bias, norm.weight, norm.bias)]
    if x.shape[-1] != layers[0][0].in_features:
        raise UserError(f"these layers take numbers [..., {layers[0][0].in_features}], not {list(x.shape)}")
    if torch.is_grad_enabled():
        found: Tensor = _NormLayers.apply(x, *parameters)  # type: ignore[no-untyped-call]
        return found
    return _answers(x, parameters)


class _Layer(NamedTuple):
    """What a layer's gradients follow from, flat; rows begin `given` and `apart` numbers from each other."""

    x: Any  # [R, I] what it was given
    weight: Any  # [K, I]
    gain: Any  # [K]
    made: Any  # [R, K] numbers of mean 0 and deviation 1
    scale: Any  # [R] by what they were multiplied for that
    out: Any  # [R, K]
    given: Any  # unsigned, as all that follows
    apart: Any
    rows: Any
    inputs: Any
    outputs: Any


def _run(x: Tensor, parameters: Sequence[Tensor]) -> tuple[Tensor, list[_Layer]]:
    """Return what the last layer makes of x, and what each was given and made."""
    kept: list[_Layer] = []
    last, given, rows = as_array(x.contiguous()), np.uint64(x.shape[-1]), x.numel() // x.shape[-1]
    for start in range(0, len(parameters), _EACH):
        outputs, inputs = parameters[start].shape
        weight, bias, gain, shift = map(as_array, parameters[start : start + _EACH])
        apart = outputs if start + _EACH == len(parameters) else outputs + GAP
        made, scale, out = (np.empty(size, np.float32) for size in (rows * apart, rows, rows * apart))
        sizes = given, np.uint64(apart), np.uint64(rows), np.uint64(inputs), np.uint64(outputs)
        forward(last, weight, bias, gain, shift, made, scale, out, *sizes)
        kept.append(_Layer(last, weight, gain, made, scale, out, *sizes))
        last, given = out, np.uint64(apart)
    return torch.from_numpy(last).view(*x.shape[:-1], len(parameters[-1])), kept


def _answers(x: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Return what the last layer makes of x, and keep nothing: some rows after another, whose numbers stay near."""
    inputs, outputs = x.shape[-1], len(parameters[-1])
    rows = x.reshape(-1, inputs)
    if len(rows) <= MANY:
        return _run(x, parameters)[0]
    found = x.new_empty(len(rows), outputs)
    for start in range(0, len(rows), MANY):
        found[start : start + MANY] = _run(rows[start : start + MANY], parameters)[0]
    return found.view(*x.shape[:-1], outputs)


class _NormLayers(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> Tensor:
        out, ctx.kept = _run(x, parameters)
        ctx.save_for_backward(x, *parameters, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *parameters, _ = ctx.saved_tensors  # raises where one was changed meanwhile: `kept` shares their memory
        found: list[Tensor] = []
        slope, apart = as_array(grad.contiguous()), np.uint64(grad.shape[-1])
        for number in reversed(range(len(ctx.kept))):
            layer: _Layer = ctx.kept[number]
            of = [np.empty(p.shape, np.float32) for p in parameters[_EACH * number : _EACH * (number + 1)]]
            to_x = np.empty(len(layer.x) if number or ctx.needs_input_grad[0] else 0, np.float32)
            arrays = layer.x, layer.weight, layer.gain, layer.made, layer.scale, layer.out, slope
            sizes = layer.given, layer.apart, apart, layer.rows, layer.inputs, layer.outputs
            backward(*arrays, of[0].reshape(-1), of[1], of[2], of[3], to_x, *sizes)
            found = [torch.from_numpy(part) for part in of] + found
            slope, apart = to_x, layer.given
        return torch.from_numpy(slope).view(x.shape) if ctx.needs_input_grad[0] else None, *found


@jit
def forward(
    x: Any,
    weight: Any,
    bias: Any,
    gain: Any,
    shift: Any,
    made: Any,
    scale: Any,
    out: Any,
    given: Index,
    apart: Index,
    rows: Index,
    inputs: Index,
    outputs: Index,
) -> None:  # pragma: no cover
    """Take rows through a layer: `made` is what LayerNorm makes before gains and shifts, `scale` by what.

    Rows of x begin `given` numbers from each other, those of what is made `apart`.
    """
    zero, one, nothing = np.uint64(0), np.uint64(1), np.float32(0)
    turned = aligned(inputs * outputs)
    transpose(weight, zero, outputs, inputs, turned)
    affine(
        x, zero, given, one, turned, zero, outputs, bias, zero, zero,
        made, zero, apart, rows, outputs, inputs, False,
    )  # fmt: skip
    for row in range(rows):
        at = row * apart
        mean, by = mean_and_scale(made, at, outputs)
        scale[row] = by
        for j in range(outputs):
            made[at + j] = (made[at + j] - mean) * by
        for j in range(outputs):
            value = made[at + j] * gain[j] + shift[j]
            out[at + j] = nothing if value <= nothing else value


@jit
def backward(
    x: Any,
    weight: Any,
    gain: Any,
    made: Any,
    scale: Any,
    out: Any,
    slope: Any,
    to_weight: Any,
    to_bias: Any,
    to_gain: Any,
    to_shift: Any,
    to_x: Any,
    given: Index,
    apart: Index,
    distance: Index,
    rows: Index,
    inputs: Index,
    outputs: Index,
) -> None:  # pragma: no cover
    """Take gradients of a layer's outputs back: set those of its parameters, and of x if they are not empty.

    Rows of x and of its gradients begin `given` numbers from each other, those of what was made `apart`, of the
    outputs' gradients `distance`.
    """
    zero, one, nothing, space = np.uint64(0), np.uint64(1), np.float32(0), outputs + np.uint64(GAP)
    back, none = np.empty(rows * space, np.float32), np.zeros(inputs, np.float32)
    to_bias[:], to_gain[:], to_shift[:] = nothing, nothing, nothing
    for row in range(rows):  # in loops of a few arrays each, which become vector instructions
        at, by, to, start = row * apart, scale[row], row * space, row * distance
        for j in range(outputs):
            back[to + j] = nothing if out[at + j] <= nothing else slope[start + j]
        for j in range(outputs):
            to_shift[j] += back[to + j]
        for j in range(outputs):
            to_gain[j] += back[to + j] * made[at + j]
        for j in range(outputs):
            back[to + j] *= gain[j]
        mean = sum_of(back, to, outputs) / np.float32(outputs)
        along = product_of(back, to, made, at, outputs) / np.float32(outputs)
        for j in range(outputs):
            back[to + j] = by * (back[to + j] - mean - made[at + j] * along)
        for j in range(outputs):
            to_bias[j] += back[to + j]
    affine(
        back, zero, one, space, x, zero, given, none, zero, zero,
        to_weight, zero, inputs, outputs, inputs, rows, False,
    )  # fmt: skip
    if len(to_x):
        affine(
            back, zero, space, one, weight, zero, inputs, none, zero, zero,
            to_x, zero, given, rows, inputs, outputs, False,
        )  # fmt: skip


@inlined
def product_of(numbers: Any, at: Index, others: Any, start: Index, width: Index) -> Any:  # pragma: no cover
    """Return the sum of the products of two rows, in sixteen parts side by side."""
    whole = width // WIDE * WIDE
    sums = zeros()
    for j in range(np.uint64(0), whole, WIDE):
        sums = sums + load(numbers, at + j) * load(others, start + j)
    found = total(sums)
    for j in range(whole, width):
        found += numbers[at + j] * others[start + j]
    return found
