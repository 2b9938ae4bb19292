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
from counterplay.engine.products import affine, multiply, transpose

_EACH = 4  # parameters of a layer: weights [K, I], biases, gains and shifts [K]


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
    return _run(x, parameters)[0]


class _Layer(NamedTuple):
    """What a layer's gradients follow from, flat."""

    x: Any  # [R, I] what it was given
    weight: Any  # [K, I]
    gain: Any  # [K]
    made: Any  # [R, K] numbers of mean 0 and deviation 1
    scale: Any  # [R] by what they were multiplied for that
    out: Any  # [R, K]
    sizes: tuple[Any, Any, Any]  # R, I and K, unsigned


def _run(x: Tensor, parameters: Sequence[Tensor]) -> tuple[Tensor, list[_Layer]]:
    """Return what the last layer makes of x, and what each was given and made."""
    kept: list[_Layer] = []
    last, rows = as_array(x.contiguous()), x.numel() // x.shape[-1]
    for start in range(0, len(parameters), _EACH):
        outputs, inputs = parameters[start].shape
        weight, bias, gain, shift = map(as_array, parameters[start : start + _EACH])
        made, scale, out = (np.empty(size, np.float32) for size in (rows * outputs, rows, rows * outputs))
        sizes = np.uint64(rows), np.uint64(inputs), np.uint64(outputs)
        _forward(last, weight, bias, gain, shift, made, scale, out, *sizes)
        kept.append(_Layer(last, weight, gain, made, scale, out, sizes))
        last = out
    return torch.from_numpy(last).view(*x.shape[:-1], len(parameters[-1])), kept


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
        slope = as_array(grad.contiguous())
        for number in reversed(range(len(ctx.kept))):
            layer: _Layer = ctx.kept[number]
            of = [np.zeros(p.shape, np.float32) for p in parameters[_EACH * number : _EACH * (number + 1)]]
            to_x = np.zeros(len(layer.x) if number or ctx.needs_input_grad[0] else 0, np.float32)
            arrays = layer.x, layer.weight, layer.gain, layer.made, layer.scale, layer.out, slope
            _backward(*arrays, of[0].reshape(-1), of[1], of[2], of[3], to_x, *layer.sizes)
            found = [torch.from_numpy(part) for part in of] + found
            slope = to_x
        return torch.from_numpy(slope).view(x.shape) if ctx.needs_input_grad[0] else None, *found


@jit
def _forward(
    x: Any,
    weight: Any,
    bias: Any,
    gain: Any,
    shift: Any,
    made: Any,
    scale: Any,
    out: Any,
    rows: Index,
    inputs: Index,
    outputs: Index,
) -> None:  # pragma: no cover
    """Take rows through a layer: `made` is what LayerNorm makes before gains and shifts, `scale` by what."""
    zero, one, nothing = np.uint64(0), np.uint64(1), np.float32(0)
    turned = np.empty(inputs * outputs, np.float32)
    transpose(weight, zero, outputs, inputs, turned)
    affine(
        x, zero, inputs, one, turned, zero, outputs, bias, zero, zero,
        made, zero, outputs, rows, outputs, inputs, False,
    )  # fmt: skip
    for row in range(rows):
        at = row * outputs
        mean, by = mean_and_scale(made, at, outputs)
        scale[row] = by
        for j in range(outputs):
            made[at + j] = (made[at + j] - mean) * by
        for j in range(outputs):
            value = made[at + j] * gain[j] + shift[j]
            out[at + j] = nothing if value <= nothing else value


@jit
def _backward(
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
    rows: Index,
    inputs: Index,
    outputs: Index,
) -> None:  # pragma: no cover
    """Take gradients of a layer's outputs back: add to those of its parameters, and of x if they are not empty."""
    zero, one, nothing = np.uint64(0), np.uint64(1), np.float32(0)
    back = np.empty(rows * outputs, np.float32)
    for row in range(rows):  # in loops of a few arrays each, which become vector instructions
        at, by = row * outputs, scale[row]
        for i in range(at, at + outputs):
            back[i] = nothing if out[i] <= nothing else slope[i]
        for j in range(outputs):
            to_shift[j] += back[at + j]
        for j in range(outputs):
            to_gain[j] += back[at + j] * made[at + j]
        for j in range(outputs):
            back[at + j] *= gain[j]
        mean = sum_of(back, at, outputs) / np.float32(outputs)
        along = _product(back, made, at, outputs) / np.float32(outputs)
        for i in range(at, at + outputs):
            back[i] = by * (back[i] - mean - made[i] * along)
        for j in range(outputs):
            to_bias[j] += back[at + j]
    multiply(back, zero, one, outputs, x, zero, inputs, to_weight, zero, inputs, outputs, inputs, rows)
    if len(to_x):
        multiply(back, zero, outputs, one, weight, zero, inputs, to_x, zero, inputs, rows, inputs, outputs)


@inlined
def _product(numbers: Any, others: Any, at: Index, width: Index) -> Any:  # pragma: no cover
    """Return the sum of the products of two rows, in four parts side by side."""
    zero, four = np.float32(0), np.uint64(4)
    whole = width // four * four
    a, b, c, d = zero, zero, zero, zero
    for j in range(np.uint64(0), whole, four):
        i = at + j
        a, b = a + numbers[i] * others[i], b + numbers[i + 1] * others[i + 1]
        c, d = c + numbers[i + 2] * others[i + 2], d + numbers[i + 3] * others[i + 3]
    for j in range(whole, width):
        a += numbers[at + j] * others[at + j]
    return (a + b) + (c + d)
