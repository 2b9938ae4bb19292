"""A whole network in one launch: dense layers, LayerNorm, residuals, and the zero-sum correction of value networks.

A block of rows goes through all layers without leaving the processor: of what is computed only inputs, weights and
outputs are moved. Hidden layers are up to 256 wide, and kept in parts of which the tensor cores multiply one at a time;
inputs and outputs may be of any width. Larger networks are cuBLAS's, in CUDA graphs where solves ask them
(`nn.graphs`).

Shape letters: R rows, I inputs, H hidden, K outputs, L hidden layers.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from counterplay.agents.nn.kernels import by_kernel, right, triton_is_there
from counterplay.engine.errors import UserError

WIDEST = 256  # hidden layers that a kernel takes
EPSILON = 1e-5  # LayerNorm's, as PyTorch's
PRECISIONS = {"fp32": "ieee", "tf32": "tf32", "tf32x3": "tf32x3"}  # how 32-bit numbers are multiplied; sums are 32 bits


class Network(NamedTuple):
    """A network's parameters, all on one device and of one type."""

    weights: Sequence[Tensor]  # L + 1 of them: [I, H], [H, H], ..., [H, K]
    biases: Sequence[Tensor]  # [H], ..., [K]
    gains: Sequence[Tensor] = ()  # LayerNorm before each ReLU: L times [H], or none
    shifts: Sequence[Tensor] = ()
    residual: bool = False  # layers between hidden ones add to what they are given

    @property
    def sizes(self) -> tuple[int, int, int]:
        """I, H and K."""
        return self.weights[0].shape[0], self.weights[0].shape[1], self.weights[-1].shape[1]


class Tiles(NamedTuple):
    """How a kernel cuts its work."""

    rows: int  # at a time, and in a program
    part: int  # columns of hidden layers at a time
    warps: int


def mlp(x: Tensor, network: Network, ranges: Tensor | None = None, precision: str = "fp32") -> Tensor:
    """Return what a network makes of x [R, I], [R, K] in 32 bits: hidden layers with ReLUs, then a linear one.

    x and the parameters are all of 32 bits, multiplied as `precision` says, or all of 16 (float16, bfloat16). With
    `ranges`, [R, K], both players' side by side, the outputs are values, from which as much is taken as makes
    them sum to zero, weighted by the ranges (Moravcik et al. 2017, "DeepStack", supplementary text: where both ranges
    sum to one, that is half the sum from each). Raises `UserError` for what does not fit.
    """
    _check(x, network, ranges, precision)
    if by_kernel(x) and network.sizes[1] <= WIDEST and _trusted(x, network, ranges, precision):
        return launch(x, network, ranges, precision)
    return reference(x, network, ranges, precision)


_TRIED: dict[tuple[object, ...], bool] = {}
_NEAR = {"fp32": 1e-4, "tf32": 2e-2, "tf32x3": 1e-3, "": 5e-2}  # "": of 16 bits


def _trusted(x: Tensor, network: Network, ranges: Tensor | None, precision: str) -> bool:
    """Tell whether the kernel for these shapes was tried, and is right; on the CPU it is interpreted, and tests do."""
    if not x.is_cuda:
        return True
    layers, norm, short = len(network.weights) - 1, bool(network.gains), x.element_size() < 4
    key = x.device, x.dtype, *network.sizes, layers, norm, network.residual, ranges is not None, precision
    if key not in _TRIED:
        inputs, hidden, outputs = network.sizes
        rows, shapes = 2 * tiles(hidden, 8 * x.element_size()).rows + 1, pairwise((inputs, *[hidden] * layers, outputs))
        drawn = torch.Generator(x.device).manual_seed(0)

        def draw(*shape: int, scale: float = 1.0) -> Tensor:
            return (scale * torch.randn(shape, generator=drawn, device=x.device)).to(x.dtype)

        with torch.no_grad():
            weights = [draw(*shape, scale=(2 / shape[0]) ** 0.5) for shape in shapes]
            biases = [draw(weight.shape[1]) for weight in weights]
            gains, shifts = ([draw(hidden) for _ in range(layers if norm else 0)] for _ in range(2))
            made = Network(weights, biases, gains, shifts, network.residual)
            w, b, g, s = ([part.double() for part in parts] for parts in (weights, biases, gains, shifts))
            doubled = Network(w, b, g, s, network.residual)
            given, held = draw(rows, inputs), None if ranges is None else draw(rows, outputs).float().abs()
            _TRIED[key] = right(
                f"the kernel of networks of {layers} layers of {hidden} numbers",
                lambda: [launch(given, made, held, precision)],
                lambda: [reference(given.double(), doubled, None if held is None else held.double())],
                _NEAR["" if short else precision],
            )
    return _TRIED[key]


def reference(x: Tensor, network: Network, ranges: Tensor | None = None, precision: str = "fp32") -> Tensor:
    """Return the same by PyTorch's operations, which multiply 32-bit numbers as PyTorch is set to, or 64-bit ones."""
    *layers, (last, bias) = zip(network.weights, network.biases, strict=True)
    for i, (weight, own) in enumerate(layers):
        y = torch.addmm(own, x, weight)
        if network.gains:
            y = F.layer_norm(y, y.shape[-1:], network.gains[i], network.shifts[i], EPSILON)
        x = x + F.relu(y) if network.residual and i else F.relu(y)
    values = torch.addmm(bias, x, last)
    values = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
    if ranges is None:
        return values
    total = ranges.sum(dim=1, keepdim=True, dtype=values.dtype)
    return values - (values * ranges).sum(dim=1, keepdim=True) / torch.where(total > 0, total, 1.0)


def _check(x: Tensor, network: Network, ranges: Tensor | None, precision: str) -> None:
    inputs, hidden, outputs = network.sizes
    shapes = [(inputs, hidden), *[(hidden, hidden)] * (len(network.weights) - 2), (hidden, outputs)]
    if len(network.weights) < 2 or [tuple(weight.shape) for weight in network.weights] != shapes:
        raise UserError(f"a network's weights are [I, H], [H, H] and so on, [H, K], not {_shapes(network.weights)}")
    if [tuple(bias.shape) for bias in network.biases] != [(width,) for _, width in shapes]:
        raise UserError(f"a network's biases are as wide as its layers, not {_shapes(network.biases)}")
    norms = [*network.gains, *network.shifts]
    if norms and [tuple(norm.shape) for norm in norms] != [(hidden,)] * 2 * (len(network.weights) - 1):
        raise UserError(f"LayerNorm takes a gain and a shift for each hidden layer, not {_shapes(norms)}")
    if x.dim() != 2 or x.shape[1] != inputs:
        raise UserError(f"this network takes numbers [R, {inputs}], not {[*x.shape]}")
    if ranges is not None and ranges.shape != (len(x), outputs):
        raise UserError(f"ranges must be {[len(x), outputs]}, as the values are, not {[*ranges.shape]}")
    if precision not in PRECISIONS:
        raise UserError(f"the precision of 32-bit numbers must be {', '.join(PRECISIONS)}, not {precision!r}")


def _shapes(tensors: Sequence[Tensor]) -> str:
    return ", ".join(str([*tensor.shape]) for tensor in tensors)


# By the width and the bits of numbers: found by compiling for sm_90, so that registers suffice (`tests/compiled.py`).
_TILES = {
    (64, 16): Tiles(128, 64, 8),
    (128, 16): Tiles(64, 128, 4),
    (256, 16): Tiles(32, 256, 8),
    (64, 32): Tiles(64, 64, 4),
    (128, 32): Tiles(32, 128, 4),
    (256, 32): Tiles(16, 128, 8),
}


def tiles(hidden: int, bits: int) -> Tiles:
    """Return how to cut a network of that width, of numbers of so many bits."""
    width = power(hidden)
    cut = _TILES[max(width, 64), bits]
    return cut._replace(part=min(cut.part, width))


def power(number: int) -> int:
    """Return the power of two from a number on, 16 at the least: what tensor cores multiply."""
    return max(16, 1 << (number - 1).bit_length())


def launch(x: Tensor, network: Network, ranges: Tensor | None = None, precision: str = "fp32") -> Tensor:
    """Run the kernel."""
    out = x.new_empty(len(x), network.sizes[2], dtype=torch.float32)
    if len(x):
        cut = tiles(network.sizes[1], 8 * x.element_size())
        args, shape = arguments(x, network, ranges, precision, out, cut)
        kernel[(-(-len(x) // cut.rows),)](*args, **shape, num_warps=cut.warps)
    return out


def arguments(
    x: Tensor, network: Network, ranges: Tensor | None, precision: str, out: Tensor, cut: Tiles
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what the kernel is called with, and its constants."""
    inputs, hidden, outputs = network.sizes
    x = x if x.stride(1) == 1 else x.contiguous()
    given = out if ranges is None else ranges if ranges.stride(1) == 1 else ranges.contiguous()
    flat = (tuple(part.contiguous() for part in parts) for parts in network[:4])
    shape = {
        "INPUTS": inputs,
        "HIDDEN": hidden,
        "OUTPUTS": outputs,
        "NORM": bool(network.gains),
        "RESIDUAL": network.residual,
        "RANGES": ranges is not None,
        "ROWS": cut.rows,
        "PART": cut.part,
        # Narrower ones made wide networks spill, and with Triton 3.6 came out wrong on an H100: 16-bit networks of 64
        # numbers a layer, whose first layers and last one take wgmma of different widths.
        "OUT": 64,
        "DEEP": min(64, power(inputs)),
        "PRECISION": PRECISIONS[precision],
        "EPSILON": EPSILON,
    }
    return (x, *flat, given, out, len(x), x.stride(0), given.stride(0)), shape


if triton_is_there():
    import triton.language as tl
    from triton import jit

    @jit
    def kernel(
        x,  # [R, I]
        weights,  # L + 1 of them
        biases,
        gains,
        shifts,
        ranges,  # [R, K]
        out,  # [R, K]
        count,  # R
        x_step,  # numbers between two rows
        range_step,
        INPUTS: tl.constexpr,
        HIDDEN: tl.constexpr,
        OUTPUTS: tl.constexpr,
        NORM: tl.constexpr,
        RESIDUAL: tl.constexpr,
        RANGES: tl.constexpr,
        ROWS: tl.constexpr,
        PART: tl.constexpr,
        OUT: tl.constexpr,
        DEEP: tl.constexpr,
        PRECISION: tl.constexpr,
        EPSILON: tl.constexpr,
    ):  # pragma: no cover
        """Take ROWS rows through all layers; hidden ones are tuples of parts, each [ROWS, PART]."""
        parts: tl.constexpr = (HIDDEN + PART - 1) // PART
        layers: tl.constexpr = len(weights) - 1
        rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
        there = (rows < count)[:, None]
        columns, deep = tl.arange(0, PART), tl.arange(0, DEEP)
        kind = x.dtype.element_ty
        hidden = ()
        for layer in tl.static_range(layers):
            following = ()
            for part in tl.static_range(parts):
                to = part * PART + columns
                known = to < HIDDEN
                if layer == 0:
                    sums = tl.zeros((ROWS, PART), tl.float32)
                    for start in range(0, INPUTS, DEEP):
                        at = start + deep
                        seen = tl.load(x + rows[:, None] * x_step + at, mask=there & (at < INPUTS), other=0.0)
                        weight = tl.load(
                            weights[0] + at[:, None] * HIDDEN + to, mask=(at < INPUTS)[:, None] & known, other=0.0
                        )
                        sums = tl.dot(seen, weight, sums, input_precision=PRECISION)
                else:
                    sums = _times(hidden, weights[layer], to, known, HIDDEN, HIDDEN, ROWS, PART, PART, parts, PRECISION)
                sums += tl.load(biases[layer] + to, mask=known, other=0.0).to(tl.float32)[None, :]
                following += (sums,)  # type: ignore[assignment]
            if NORM:
                total, square = tl.zeros((ROWS,), tl.float32), tl.zeros((ROWS,), tl.float32)
                for part in tl.static_range(parts):
                    total += tl.sum(following[part], 1)  # what is beyond the width is 0
                mean = total / HIDDEN
                for part in tl.static_range(parts):
                    off = tl.where((part * PART + columns < HIDDEN)[None, :], following[part] - mean[:, None], 0.0)
                    square += tl.sum(off * off, 1)
                scale = 1.0 / tl.sqrt(square / HIDDEN + EPSILON)
            made = ()
            for part in tl.static_range(parts):
                sums = following[part]
                if NORM:
                    to = part * PART + columns
                    gain = tl.load(gains[layer] + to, mask=to < HIDDEN, other=0.0).to(tl.float32)
                    shift = tl.load(shifts[layer] + to, mask=to < HIDDEN, other=0.0).to(tl.float32)
                    sums = (sums - mean[:, None]) * scale[:, None] * gain[None, :] + shift[None, :]
                sums = tl.maximum(sums, 0.0)
                if RESIDUAL and layer > 0:
                    sums += hidden[part].to(tl.float32)
                made += (sums.to(kind),)  # type: ignore[assignment]
            hidden = made
        out_columns = tl.arange(0, OUT)
        for start in range(0, OUTPUTS, OUT):
            target = start + out_columns
            inside = target < OUTPUTS
            values = _times(hidden, weights[layers], target, inside, HIDDEN, OUTPUTS, ROWS, OUT, PART, parts, PRECISION)
            values += tl.load(biases[layers] + target, mask=inside, other=0.0).to(tl.float32)[None, :]
            if RANGES and OUTPUTS <= OUT:
                chance = tl.load(ranges + rows[:, None] * range_step + target, mask=there & inside, other=0.0)
                values -= _share(values * chance, chance.to(tl.float32))[:, None]
            tl.store(out + rows[:, None] * OUTPUTS + target, values, mask=there & inside)
        if RANGES and OUTPUTS > OUT:  # known only now; what was written is read again, when no layer is held any more
            tl.debug_barrier()
            # By column of a tile, and summed at the end: Triton 3.6 does not compile sums over columns in a loop.
            spent, held = tl.zeros((ROWS, OUT), tl.float32), tl.zeros((ROWS, OUT), tl.float32)
            for start in range(0, OUTPUTS, OUT):
                target = start + out_columns
                room = there & (target < OUTPUTS)
                chance = tl.load(ranges + rows[:, None] * range_step + target, mask=room, other=0.0).to(tl.float32)
                spent += tl.load(out + rows[:, None] * OUTPUTS + target, mask=room, other=0.0) * chance
                held += chance
            less = _share(spent, held)[:, None]
            tl.debug_barrier()
            for start in range(0, OUTPUTS, OUT):
                target = start + out_columns
                place, room = out + rows[:, None] * OUTPUTS + target, there & (target < OUTPUTS)
                tl.store(place, tl.load(place, mask=room, other=0.0) - less, mask=room)

    @jit
    def _times(
        hidden,
        weights,
        to,
        known,
        HIDDEN: tl.constexpr,
        WIDTH: tl.constexpr,
        ROWS: tl.constexpr,
        TO: tl.constexpr,
        PART: tl.constexpr,
        PARTS: tl.constexpr,
        PRECISION: tl.constexpr,
    ):  # pragma: no cover
        """Return the parts of a hidden layer times columns `to` of weights [HIDDEN, WIDTH], [ROWS, TO]."""
        sums = tl.zeros((ROWS, TO), tl.float32)
        for part in tl.static_range(PARTS):
            at = part * PART + tl.arange(0, PART)
            weight = tl.load(weights + at[:, None] * WIDTH + to, mask=(at < HIDDEN)[:, None] & known, other=0.0)
            sums = tl.dot(hidden[part], weight, sums, input_precision=PRECISION)
        return sums

    @jit
    def _share(spent, held):  # pragma: no cover
        """Return how much to take from each value, of values in range and ranges; nothing where there are none."""
        total = tl.sum(held, 1)
        return tl.sum(spent, 1) / tl.where(total > 0, total, 1.0)
