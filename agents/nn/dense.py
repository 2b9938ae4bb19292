"""Dense layers, one after another, with backpropagation written out.

Networks of agents are small and their batches are some thousand rows: a block of rows goes through all layers while it
is in the cache, both ways, with no operation between (`engine.products`). On a GPU they are PyTorch's (`nn.plain`).

Shape letters: R rows, C copies of a layer, I inputs, K outputs.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from counterplay.agents.nn import plain
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.products import affine, multiply, transpose

_BLOCK = np.uint64(96)  # rows: what three layers of 64 make of them fits the second cache
_NOTHING = np.zeros(0, np.float32)


class Dense(nn.Module):
    """A linear layer [..., I] -> [..., K]; with several copies [..., C, I] -> [..., C, K], one weight matrix for each.

    Weights are [C, I, K], biases [C, K]; both begin uniform within the square root of 1 / I, as PyTorch's do.
    """

    def __init__(self, inputs: int, outputs: int, copies: int = 1) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(copies, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(copies, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        return dense(x, [self])


class MLP(nn.Module):
    """A plain network: hidden layers, each followed by a ReLU, and outputs, [..., I] -> [..., K]."""

    def __init__(self, inputs: int, hidden: int, outputs: int, layers: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Dense(inputs if not i else hidden, hidden) for i in range(layers))
        self.out = Dense(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the network."""
        return dense(x, [*self.layers, self.out])


def dense(
    x: Tensor, layers: Sequence[Dense], *, bias: Tensor | None = None, plus: Tensor | None = None, relu: bool = False
) -> Tensor:
    """Return x gone through the layers, with a ReLU between any two, and after the last if asked for.

    `x` is [..., I], or [..., C, I] where layers have C copies. The first layer adds `plus`, [..., K], if given, and
    `bias`, [P, K], in place of its own: the rows of x take turns through the P, which C divides. Raises `ValueError`
    for sizes that do not fit together, and `TypeError` for numbers that are not 32-bit floats.
    """
    parameters: list[Tensor] = [parameter for layer in layers for parameter in (layer.weight, layer.bias)]
    if bias is not None:
        parameters[1] = bias
    if plus is not None:
        plus = plus.expand(*x.shape[:-1], layers[0].weight.shape[-1])
    return _through(x, (len(layers),), parameters, plus, relu)[0]


def stacked(x: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Return x, [..., C, I], gone through C networks whose weights [C, I, K] and biases [C, K] are given by layer.

    As `dense`, for networks that are only numbers; with C = 1, x is [..., I].
    """
    return _through(x, (len(parameters) // 2,), parameters, None, False)[0]


def branches(
    x: Tensor, networks: Sequence[Sequence[Dense]], biases: Sequence[Tensor | None] | None = None
) -> tuple[Tensor, ...]:
    """Return what several networks make of the same x: as `dense` of each, with its bias if given, in less time."""
    parameters: list[Tensor] = []
    for number, layers in enumerate(networks):
        start = len(parameters)
        parameters += [parameter for layer in layers for parameter in (layer.weight, layer.bias)]
        if biases is not None and (bias := biases[number]) is not None:
            parameters[start + 1] = bias
    return _through(x, tuple(map(len, networks)), parameters, None, False)


def _through(
    x: Tensor, depths: tuple[int, ...], parameters: Sequence[Tensor], plus: Tensor | None, relu: bool
) -> tuple[Tensor, ...]:
    if x.dtype != torch.float32:
        raise TypeError(f"dense layers take 32-bit floats, not {x.dtype}")
    if x.device.type != "cpu":
        _check(x, shape_of(depths, *[parameter.shape for parameter in parameters]))
        return _elsewhere(x, depths, parameters, plus, relu)
    if plain.asked():
        return plain.networks(x, depths, parameters, plus, relu)
    if not torch.is_grad_enabled():
        return _run(x, plus, depths, relu, False, parameters)[-1]
    found: tuple[Tensor, ...] = _Dense.apply(x, plus, depths, relu, *parameters)  # type: ignore[no-untyped-call]
    return found


def _elsewhere(
    x: Tensor, depths: tuple[int, ...], parameters: Sequence[Tensor], plus: Tensor | None, relu: bool
) -> tuple[Tensor, ...]:
    """Return the same on a GPU: in one kernel where no gradient is wanted of a plain network, else by PyTorch."""
    from counterplay.agents.nn.kernels import by_kernel, mlp  # which imports Triton, where it is there

    widths = {weight.shape[2] for weight in parameters[:-2:2]}
    alone = len(depths) == 1 and plus is None and not relu and all(len(parameter) == 1 for parameter in parameters)
    if torch.is_grad_enabled() or not alone or len(widths) != 1 or max(widths) > mlp.WIDEST or not by_kernel(x):
        return plain.networks(x, depths, parameters, plus, relu)
    weights, biases = ([part[0] for part in parameters[i::2]] for i in (0, 1))
    out = mlp.mlp(x.reshape(-1, x.shape[-1]), mlp.Network(weights, biases), precision="tf32x3")
    return (out.view(*x.shape[:-1], -1),)


class _Shape(NamedTuple):
    """Of networks whose parameters follow one another in a flat array."""

    layers: Any  # u64 [layers, 6]: inputs, outputs, where weights begin and how many take turns, and so of biases
    ends: Any  # u64 [networks] the layer after each network's last
    inputs: int
    turns: int  # how many kinds of rows take turns
    hidden: int  # outputs of all layers but the last ones
    outputs: list[int]  # of each network
    sizes: list[int]  # of the parameters


@lru_cache(maxsize=256)
def shape_of(depths: tuple[int, ...], *shapes: tuple[int, ...]) -> _Shape:
    sizes = [int(np.prod(shape)) for shape in shapes]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    layers = np.array(
        [
            [*weight[1:], starts[2 * i], weight[0], starts[2 * i + 1], bias[0]]
            for i, (weight, bias) in enumerate(zip(shapes[::2], shapes[1::2], strict=True))
        ],
        np.uint64,
    )
    ends = np.cumsum(depths).astype(np.uint64)
    outputs = [int(width) for width in layers[ends - np.uint64(1), 1]]
    for i, (weight, bias) in enumerate(zip(shapes[::2], shapes[1::2], strict=True)):
        before = shapes[0][1] if i == 0 or i in ends else shapes[2 * i - 2][2]
        if weight[1] != before or bias[1] != weight[2]:
            raise UserError(f"a layer with weights {weight} and biases {bias} does not follow {before} numbers")
    turns = max(shape[0] for shape in shapes)
    return _Shape(layers, ends, shapes[0][1], turns, int(layers[:, 1].sum()) - sum(outputs), outputs, sizes)


def _check(x: Tensor, shape: _Shape) -> None:
    if x.shape[-1] != shape.inputs or (shape.turns > 1 and (x.dim() < 2 or x.shape[-2] % shape.turns)):
        wanted = f"{shape.turns}, {shape.inputs}" if shape.turns > 1 else shape.inputs
        raise UserError(f"these layers take numbers [..., {wanted}], not {list(x.shape)}")


def _run(
    x: Tensor, plus: Tensor | None, depths: tuple[int, ...], relu: bool, keep: bool, parameters: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
    """Return x as the kernel read it, the parameters one after another, what layers made, and the outputs.

    What layers made is that of the hidden ones, and that of the last ones, of which the outputs are parts.
    """
    x, shape = x.contiguous(), shape_of(depths, *[parameter.shape for parameter in parameters])
    _check(x, shape)
    rows = x.numel() // shape.inputs
    flat = torch.cat([parameter.reshape(-1) for parameter in parameters])
    made = x.new_empty(rows * sum(shape.outputs))
    kept = x.new_empty((rows if keep else int(_BLOCK)) * shape.hidden)
    forwards(
        as_array(x),
        _NOTHING if plus is None else as_array(plus.contiguous()),
        as_array(flat),
        shape.layers,
        shape.ends,
        shape.turns,
        rows,
        keep,
        relu,
        as_array(kept),
        as_array(made),
    )
    parts = torch.split(made, [rows * width for width in shape.outputs])
    outs = tuple(part.view(*x.shape[:-1], width) for part, width in zip(parts, shape.outputs, strict=True))
    return x, flat, kept, made, outs


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, plus: Tensor | None, depths: tuple[int, ...], relu: bool, *parameters: Tensor
    ) -> tuple[Tensor, ...]:
        x, flat, kept, made, outs = _run(x, plus, depths, relu, True, parameters)
        ctx.save_for_backward(x, flat, kept, made)
        shapes = [parameter.shape for parameter in parameters]
        ctx.about = depths, relu, shapes, () if plus is None else plus.shape
        return outs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, flat, kept, made = ctx.saved_tensors
        (depths, relu, shapes, more), wanted = ctx.about, ctx.needs_input_grad
        shape = shape_of(depths, *shapes)
        to_x = torch.zeros_like(x) if wanted[0] else None
        to_plus = x.new_empty(more) if wanted[1] else None
        to_flat = torch.zeros_like(flat) if any(wanted[4:]) else None  # those of critics that are held are not wanted
        backwards(
            as_array(x),
            as_array(grads[0].contiguous() if len(grads) == 1 else torch.cat([grad.reshape(-1) for grad in grads])),
            as_array(flat),
            shape.layers,
            shape.ends,
            shape.turns,
            x.numel() // x.shape[-1],
            relu,
            as_array(kept),
            as_array(made),
            _NOTHING if to_flat is None else as_array(to_flat),
            _NOTHING if to_x is None else as_array(to_x),
            _NOTHING if to_plus is None else as_array(to_plus),
        )
        if to_flat is None:
            return to_x, to_plus, None, None, *(None for _ in shapes)
        parts = zip(torch.split(to_flat, shape.sizes), shapes, strict=True)
        return to_x, to_plus, None, None, *(part.view(shape) for part, shape in parts)


def as_array(tensor: Tensor) -> Any:
    """Return a contiguous tensor's numbers as a flat array, which shares their memory."""
    return tensor.detach().numpy().reshape(-1)


@jit
def forwards(
    x: Any,
    plus: Any,
    flat: Any,
    layers: Any,
    ends: Any,
    turns: int,
    rows: int,
    keep: bool,
    relu: bool,
    kept: Any,
    made: Any,
) -> None:  # pragma: no cover
    """Take rows of x through the networks, a block of one kind of rows after another.

    What hidden layers make is kept, [rows, K] a layer, one layer after another; without `keep`, that of a block only.
    What the networks' last layers make lies in `made` in the same way, one network after another.
    """
    many, turn, zero, one = np.uint64(rows), np.uint64(turns), np.uint64(0), np.uint64(1)
    most = many if keep else _BLOCK
    added = np.empty(_BLOCK * layers[0, 1] if len(plus) else zero, np.float32)
    for own in range(turn):
        first: Index = own
        while first < many:
            block = min(_BLOCK, (many - first + turn - one) // turn)
            place, layer, front = np.uint64(0), np.uint64(0), np.uint64(0)
            for network in range(np.uint64(len(ends))):
                source, at, step = x, first * layers[layer, 0], turn * layers[layer, 0]
                begin, end = layer, ends[network]
                while layer < end:
                    inputs, outputs, weight, copies, bias, biases = layers[layer]
                    weight, bias = weight + own % copies * inputs * outputs, bias + own % biases * outputs
                    last = layer + one == end
                    target = made if last else kept
                    if last:
                        start, distance = front + first * outputs, turn * outputs
                    elif keep:
                        start, distance = place + first * outputs, turn * outputs
                    else:
                        start, distance = place, outputs
                    sums, sums_at, sums_step = flat, bias, zero
                    if layer == begin and len(plus):
                        for i in range(block):
                            for j in range(outputs):
                                added[i * outputs + j] = flat[bias + j] + plus[(first + i * turn) * outputs + j]
                        sums, sums_at, sums_step = added, zero, outputs
                    affine(
                        source, at, step, one, flat, weight, outputs, sums, sums_at, sums_step,
                        target, start, distance, block, outputs, inputs, relu or not last,
                    )  # fmt: skip
                    source, at, step = target, start, distance
                    if last:
                        front += many * outputs
                    else:
                        place += most * outputs
                    layer += one
            first += block * turn


@jit
def backwards(
    x: Any,
    grads: Any,
    flat: Any,
    layers: Any,
    ends: Any,
    turns: int,
    rows: int,
    relu: bool,
    kept: Any,
    made: Any,
    to_flat: Any,
    to_x: Any,
    to_plus: Any,
) -> None:  # pragma: no cover
    """Take gradients of the outputs back: add to those of parameters and of x (if they are not empty), set `plus`'s."""
    many, turn, zero, one = np.uint64(rows), np.uint64(turns), np.uint64(0), np.uint64(1)
    turned = np.empty(len(flat), np.float32)
    widest = zero
    for layer in range(np.uint64(len(layers))):
        inputs, outputs, weight, copies, _, _ = layers[layer]
        widest = max(widest, inputs, outputs)
        for copy in range(copies):
            transpose(flat, weight + copy * inputs * outputs, inputs, outputs, turned)
    slope, before = np.empty(_BLOCK * widest, np.float32), np.empty(_BLOCK * widest, np.float32)
    for own in range(turn):
        first: Index = own
        while first < many:
            block = min(_BLOCK, (many - first + turn - one) // turn)
            place, begin, front = zero, zero, zero
            for network in range(np.uint64(len(ends))):
                end = ends[network]
                outputs = layers[end - one, 1]
                for i in range(block):
                    row = front + (first + i * turn) * outputs
                    for j in range(outputs):
                        slope[i * outputs + j] = grads[row + j]
                if relu:
                    _stop(slope, block, outputs, made, front + first * outputs, turn * outputs)
                front += many * outputs
                for layer in range(begin, end - one):
                    place += many * layers[layer, 1]
                behind = place
                for back in range(end - begin):
                    layer = end - one - back
                    inputs, outputs, weight, copies, bias, biases = layers[layer]
                    weight, bias = weight + own % copies * inputs * outputs, bias + own % biases * outputs
                    if len(to_flat):
                        for i in range(block):
                            for j in range(outputs):
                                to_flat[bias + j] += slope[i * outputs + j]
                    if layer == begin:
                        source, at, step = x, first * inputs, turn * inputs
                        if len(to_plus):
                            for i in range(block):
                                for j in range(outputs):
                                    to_plus[(first + i * turn) * outputs + j] = slope[i * outputs + j]
                    else:
                        behind -= many * inputs
                        source, at, step = kept, behind + first * inputs, turn * inputs
                    if len(to_flat):
                        multiply(
                            source, at, one, step, slope, zero, outputs,
                            to_flat, weight, outputs, inputs, outputs, block,
                        )  # fmt: skip
                    if layer > begin:
                        before[: block * inputs] = 0
                        multiply(
                            slope, zero, outputs, one, turned, weight, inputs,
                            before, zero, inputs, block, inputs, outputs,
                        )  # fmt: skip
                        _stop(before, block, inputs, kept, at, step)
                        slope, before = before, slope
                    elif len(to_x):
                        multiply(
                            slope, zero, outputs, one, turned, weight, inputs, to_x, at, step, block, inputs, outputs
                        )
                begin = end
            first += block * turn


@inlined
def _stop(slope: Any, rows: Index, columns: Index, made: Any, at: Index, step: Index) -> None:  # pragma: no cover
    """Stop gradients [rows, columns] where a ReLU made 0."""
    for i in range(rows):
        for j in range(columns):
            through = slope[i * columns + j]
            slope[i * columns + j] = np.float32(0) if made[at + i * step + j] <= 0 else through
