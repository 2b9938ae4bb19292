"""What the kernels of this folder compute, in PyTorch's own operations: their path on a GPU, and their oracle in tests.

Each function takes what a kernel's caller takes (`dense._through`, `norm_layers`, `gru.GRU`, `mixers.QMIX`,
`adam.Adam`, `networks.Scale`) on any device and in any floating type; gradients are autograd's.

Shape letters: R rows, C copies of a layer, P kinds of rows that take turns, I inputs, K outputs, T steps, H hidden.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_asked = [False]


@contextmanager
def differentiable() -> Iterator[None]:
    """Let networks be these operations on the CPU too, for as long: what they compute can be differentiated twice."""
    before, _asked[0] = _asked[0], True
    try:
        yield
    finally:
        _asked[0] = before


def asked() -> bool:
    """Tell whether networks are these operations on the CPU too."""
    return _asked[0]


def networks(
    x: Tensor, depths: tuple[int, ...], parameters: Sequence[Tensor], plus: Tensor | None, relu: bool
) -> tuple[Tensor, ...]:
    """Return what networks of so many dense layers each make of x, [..., I]; parameters are weights, biases, weights.

    Weights are [C, I, K] and biases [P, K]: rows take turns through both. The first layer adds `plus`, [..., K]; a ReLU
    is between any two layers, and after a network's last one if asked for.
    """
    layers = iter(zip(parameters[::2], parameters[1::2], strict=True))
    outs = []
    for depth in depths:
        out = x
        for layer in range(depth):
            out = affine(out, *next(layers))
            if layer == 0 and plus is not None:
                out = out + plus
            if layer + 1 < depth or relu:
                out = F.relu(out)
        outs.append(out)
    return tuple(outs)


def norm_layers(x: Tensor, layers: Sequence[tuple[nn.Linear, nn.LayerNorm]]) -> Tensor:
    """Return x, [..., I], gone through layers, each with LayerNorm and a ReLU."""
    for linear, norm in layers:
        x = F.relu(norm(linear(x)))
    return x


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x, [..., I], times weights [C, I, K] plus biases [P, K], [..., K]; rows take turns through both."""
    copies, turns = len(weight), len(bias)
    if copies == 1:
        out = x @ weight[0]
    else:
        out = torch.einsum("...ci,cik->...ck", _in_turns(x, copies), weight).flatten(-3, -2)
    return out + bias[0] if turns == 1 else (_in_turns(out, turns) + bias).flatten(-3, -2)


def _in_turns(x: Tensor, turns: int) -> Tensor:
    return x.reshape(*x.shape[:-2], -1, turns, x.shape[-1])


def recurrent(x: Tensor, start: Tensor, weight_in: Tensor, bias_in: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return what is remembered after each step, [T, R, H], of inputs [T, R, I] from `start`, [R, H] (see `nn.gru`)."""
    hidden, memory, steps = start.shape[-1], start, []
    for seen in affine(x, weight_in, bias_in):
        told = affine(memory, weight, bias)
        gates = torch.sigmoid(seen[:, : 2 * hidden] + told[:, : 2 * hidden])
        reset, keep = gates[:, :hidden], gates[:, hidden:]
        new = torch.tanh(seen[:, 2 * hidden :] + reset * told[:, 2 * hidden :])
        memory = new + keep * (memory - new)
        steps.append(memory)
    return torch.stack(steps)


def mix(q: Tensor, w: Tensor, b: Tensor, v: Tensor, c: Tensor) -> Tensor:
    """Return sum_e |v_e| elu(sum_n |w_ne| q_n + b_e) + c for each row, [...], each with its own weights.

    Values are [..., N], weights [..., N * E], biases and second weights [..., E], second biases [..., 1].
    """
    weights = w.abs().reshape(*q.shape, -1)
    hidden = F.elu((q[..., None] * weights).sum(dim=-2) + b)
    return (hidden * v.abs()).sum(dim=-1) + c[..., 0]


def follow(slopes: Tensor, values: Tensor, mean: Tensor, square: Tensor, scale: float, rate: float, count: int) -> None:
    """Take one step of Adam in place, all [P], by slopes times a scale (see `nn.adam`)."""
    slopes = slopes * scale
    mean += (slopes - mean) * (1 - 0.9)
    square.mul_(0.999).addcmul_(slopes, slopes, value=1 - 0.999)
    root = square.sqrt() * (1 - 0.999**count) ** -0.5
    values.addcdiv_(mean, root + 1e-8, value=-rate / (1 - 0.9**count))


def rescale(numbers: Tensor, shift: Tensor, deviation: Tensor, most: float) -> Tensor:
    """Return (numbers - shift) / deviation, none beyond `most` either way, in 32 bits."""
    return ((numbers - shift) / deviation).clamp(-most, most).float()
