"""QMIX's mixer with its hypernetworks, forward and backward, without the weights that these make ever in memory.

For each row the hypernetworks say a weight for every agent and hidden number: a thousand numbers a row that would be
written, read once and read again for the gradients (`nn.mixers`; Rashid et al. 2018, section 4.1). Here a block of rows
makes them agent by agent, uses them at once, and makes them anew on the way back. Gradients of parameters are sums over
rows: each program keeps its own, and they are added up in one order, so that the same numbers give the same gradients.

Shape letters: R rows, N agents, S state, E embedding, H hidden of the hypernetworks.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from counterplay.agents.nn import plain
from counterplay.agents.nn.kernels import by_kernel, right, triton_is_there
from counterplay.agents.nn.kernels.mlp import PRECISIONS, power

ROWS = 32  # of a block
WARPS, STAGES = 8, 1  # so that registers suffice on sm_90 (`tests/compiled.py`)
PROGRAMS = 264  # at the most: two for each processor of an H100
_HOW = {"num_warps": WARPS, "num_stages": STAGES}
DEPTHS = (2, 1, 2, 2)  # layers of the four networks: weights, biases, second weights, second bias


def mix(values: Tensor, states: Tensor, parameters: Sequence[Tensor], precision: str = "fp32") -> Tensor:
    """Return the team's values [R] of the agents' [R, N] in states [R, S].

    The parameters are those of `nn.mixers.QMIX`, weights [1, I, K] and biases [1, K] of four networks (`DEPTHS`), in
    32 bits. Gradients go to values and parameters; where states want one the reference is taken.
    """
    if by_kernel(values) and not states.requires_grad and _trusted(values, states, parameters, precision):
        mixed: Tensor = Mix.apply(values, states, precision, *parameters)
        return mixed
    return reference(values, states, parameters, precision)


_TRIED: dict[tuple[object, ...], bool] = {}
_NEAR = {"fp32": 1e-3, "tf32": 0.2, "tf32x3": 5e-3}  # of gradients, which jump where a weight changes its sign


def _trusted(values: Tensor, states: Tensor, parameters: Sequence[Tensor], precision: str) -> bool:
    """Tell whether the kernels for these shapes were tried, both ways, and are right; on the CPU tests try them."""
    if not values.is_cuda:
        return True
    shapes = tuple(tuple(parameter.shape) for parameter in parameters)
    key = values.device, values.shape[-1], states.shape[-1], shapes, precision
    if key not in _TRIED:
        drawn = torch.Generator(values.device).manual_seed(0)

        def draw(*shape: int) -> Tensor:
            scale = shape[1] ** -0.5 if len(shape) == 3 else 1.0
            return scale * torch.randn(shape, generator=drawn, device=values.device)

        given = [draw(2 * ROWS + 1, values.shape[-1]), draw(2 * ROWS + 1, states.shape[-1])]
        given += [draw(*shape) for shape in shapes]
        _TRIED[key] = right(
            f"the kernel of QMIX's mixer for {values.shape[-1]} agents",
            lambda: _both_ways(lambda q, s, p: Mix.apply(q, s, precision, *p), given),
            lambda: _both_ways(reference, [part.double() for part in given]),
            _NEAR[precision],
        )
    return _TRIED[key]


def _both_ways(mixed: Callable[..., Any], given: Sequence[Tensor]) -> list[Tensor]:
    """Return what is mixed of values, states and parameters, and the gradients of values and parameters."""
    with torch.enable_grad():
        values, states, *parameters = (part.detach() for part in given)
        wanted = [part.requires_grad_() for part in (values, *parameters)]
        out = mixed(values, states, parameters)
        return [out.detach(), *torch.autograd.grad(out.square().mean(), wanted)]


def reference(values: Tensor, states: Tensor, parameters: Sequence[Tensor], precision: str = "fp32") -> Tensor:
    """Do the same by PyTorch's operations, which multiply as PyTorch is set to."""
    return plain.mix(values, *plain.networks(states, DEPTHS, parameters, None, False))


class Mix(torch.autograd.Function):
    """The kernels as one operation."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, states: Tensor, precision: str, *parameters: Tensor) -> Tensor:
        values, states = values.contiguous(), states.contiguous()
        out = values.new_empty(len(values))
        if len(values):
            given = tuple(parameter.contiguous() for parameter in parameters)
            grid = (-(-len(values) // ROWS),)
            forward[grid](
                values, states, given, out, len(values), **constants(values, states, given, precision), **_HOW
            )
        ctx.save_for_backward(values, states, *parameters)
        ctx.precision = precision
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        values, states, *parameters = ctx.saved_tensors
        to_values = torch.empty_like(values)
        given = tuple(parameter.contiguous() for parameter in parameters)
        sizes = [parameter.numel() for parameter in given]
        programs = min(PROGRAMS, -(-len(values) // ROWS))
        sums = values.new_zeros(programs, sum(sizes))
        if programs:
            args = values, states, grads[0].contiguous(), given, to_values, sums, len(values), sum(sizes)
            shape = constants(values, states, given, ctx.precision)
            backward[(programs,)](*args, STARTS=starts(given), **shape, **_HOW)
        parts = sums.sum(dim=0).split(sizes)
        return to_values, None, None, *(part.view_as(own) for part, own in zip(parts, parameters, strict=True))


def starts(parameters: Sequence[Tensor]) -> tuple[int, ...]:
    """Return where each parameter's gradients begin among all."""
    found, at = [], 0
    for parameter in parameters:
        found.append(at)
        at += parameter.numel()
    return tuple(found)


def constants(values: Tensor, states: Tensor, parameters: Sequence[Tensor], precision: str) -> dict[str, Any]:
    """Return the kernels' constants."""
    hidden, embed = parameters[0].shape[-1], parameters[4].shape[-1]
    return {
        "AGENTS": values.shape[-1],
        "STATE": states.shape[-1],
        "HIDDEN": hidden,
        "EMBED": embed,
        "ROWS": ROWS,
        "DEEP": min(32, power(states.shape[-1])),
        "WIDE": power(hidden),
        "NARROW": power(embed),
        "PRECISION": PRECISIONS[precision],
    }


if triton_is_there():
    import triton.language as tl
    from triton import jit

    @jit
    def forward(
        values,  # [R, N]
        states,  # [R, S]
        parameters,
        out,  # [R]
        count,  # R
        AGENTS: tl.constexpr,
        STATE: tl.constexpr,
        HIDDEN: tl.constexpr,
        EMBED: tl.constexpr,
        ROWS: tl.constexpr,
        DEEP: tl.constexpr,
        WIDE: tl.constexpr,
        NARROW: tl.constexpr,
        PRECISION: tl.constexpr,
    ):  # pragma: no cover
        """Mix ROWS rows."""
        rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
        there = rows < count
        h, e = tl.arange(0, WIDE), tl.arange(0, NARROW)
        first = _layer(states, parameters[0], parameters[1], rows, there, h, HIDDEN, STATE, ROWS, DEEP, WIDE, PRECISION)
        sums = _layer(states, parameters[4], parameters[5], rows, there, e, EMBED, STATE, ROWS, DEEP, NARROW, PRECISION)
        first = tl.maximum(first, 0.0)
        for agent in range(AGENTS):
            weight, bias = _slice(parameters[2], parameters[3], agent, h, e, HIDDEN, EMBED, AGENTS * EMBED)
            weights = tl.abs(tl.dot(first, weight, input_precision=PRECISION) + bias[None, :])
            sums += tl.load(values + rows * AGENTS + agent, mask=there, other=0.0)[:, None] * weights
        hidden = tl.where(sums > 0, sums, tl.exp(tl.minimum(sums, 0.0)) - 1.0)
        third = _layer(states, parameters[6], parameters[7], rows, there, h, HIDDEN, STATE, ROWS, DEEP, WIDE, PRECISION)
        weight, bias = _slice(parameters[8], parameters[9], 0, h, e, HIDDEN, EMBED, EMBED)
        factors = tl.dot(tl.maximum(third, 0.0), weight, input_precision=PRECISION) + bias[None, :]
        fourth = _layer(
            states, parameters[10], parameters[11], rows, there, e, EMBED, STATE, ROWS, DEEP, NARROW, PRECISION
        )
        last = tl.load(parameters[12] + e, mask=e < EMBED, other=0.0)
        mixed = tl.sum(hidden * tl.abs(factors) + tl.maximum(fourth, 0.0) * last[None, :], 1) + tl.load(parameters[13])
        tl.store(out + rows, mixed, mask=there)

    @jit
    def backward(
        values,  # [R, N]
        states,  # [R, S]
        grads,  # [R]
        parameters,
        to_values,  # [R, N]
        to_parameters,  # [programs, SIZE]: each adds to its own
        count,  # R
        size,
        STARTS: tl.constexpr,
        AGENTS: tl.constexpr,
        STATE: tl.constexpr,
        HIDDEN: tl.constexpr,
        EMBED: tl.constexpr,
        ROWS: tl.constexpr,
        DEEP: tl.constexpr,
        WIDE: tl.constexpr,
        NARROW: tl.constexpr,
        PRECISION: tl.constexpr,
    ):  # pragma: no cover
        """Go back through every so many blocks of rows; what `forward` made is made again."""
        to = to_parameters + tl.program_id(0).to(tl.int64) * size
        h, e = tl.arange(0, WIDE), tl.arange(0, NARROW)
        for block in tl.range(tl.program_id(0), tl.cdiv(count, ROWS), tl.num_programs(0), disable_licm=True):
            rows = block * ROWS + tl.arange(0, ROWS).to(tl.int64)
            there = rows < count
            slope = tl.load(grads + rows, mask=there, other=0.0)
            # 1. The second layer's bias: its network's hidden layer, and back.
            fourth = _layer(
                states, parameters[10], parameters[11], rows, there, e, EMBED, STATE, ROWS, DEEP, NARROW, PRECISION
            )
            last = tl.load(parameters[12] + e, mask=e < EMBED, other=0.0)
            _add(to + STARTS[12] + e, tl.sum(tl.maximum(fourth, 0.0) * slope[:, None], 0), e < EMBED)
            _add(to + STARTS[13] + tl.arange(0, 1), tl.sum(slope[:, None], 0), tl.arange(0, 1) < 1)
            back = tl.where(fourth > 0, slope[:, None] * last[None, :], 0.0)
            _back(states, to + STARTS[10], to + STARTS[11], back, rows, there, e, EMBED, STATE, ROWS, DEEP, PRECISION)
            # 2. The hidden numbers, for which all agents' weights are made.
            first = _layer(
                states, parameters[0], parameters[1], rows, there, h, HIDDEN, STATE, ROWS, DEEP, WIDE, PRECISION
            )
            active = tl.maximum(first, 0.0)
            sums = _layer(
                states, parameters[4], parameters[5], rows, there, e, EMBED, STATE, ROWS, DEEP, NARROW, PRECISION
            )
            for agent in range(AGENTS):
                weight, bias = _slice(parameters[2], parameters[3], agent, h, e, HIDDEN, EMBED, AGENTS * EMBED)
                weights = tl.abs(tl.dot(active, weight, input_precision=PRECISION) + bias[None, :])
                sums += tl.load(values + rows * AGENTS + agent, mask=there, other=0.0)[:, None] * weights
            steep = tl.where(sums > 0, 1.0, tl.exp(tl.minimum(sums, 0.0)))
            hidden = tl.where(sums > 0, sums, steep - 1.0)
            # 3. The second layer's weights, and back.
            third = _layer(
                states, parameters[6], parameters[7], rows, there, h, HIDDEN, STATE, ROWS, DEEP, WIDE, PRECISION
            )
            weight, bias = _slice(parameters[8], parameters[9], 0, h, e, HIDDEN, EMBED, EMBED)
            factors = tl.dot(tl.maximum(third, 0.0), weight, input_precision=PRECISION) + bias[None, :]
            back = slope[:, None] * hidden * _sign(factors)
            corner = h[:, None] * EMBED + e[None, :]
            inside = (h < HIDDEN)[:, None] & (e < EMBED)[None, :]
            _add(
                to + STARTS[8] + corner,
                tl.dot(tl.trans(tl.maximum(third, 0.0)), back, input_precision=PRECISION),
                inside,
            )
            _add(to + STARTS[9] + e, tl.sum(back, 0), e < EMBED)
            behind = tl.where(third > 0, tl.dot(back, tl.trans(weight), input_precision=PRECISION), 0.0)
            _back(states, to + STARTS[6], to + STARTS[7], behind, rows, there, h, HIDDEN, STATE, ROWS, DEEP, PRECISION)
            # 4. The first layer: its biases, and each agent's weights and value.
            back = slope[:, None] * tl.abs(factors) * steep
            _back(states, to + STARTS[4], to + STARTS[5], back, rows, there, e, EMBED, STATE, ROWS, DEEP, PRECISION)
            behind = tl.zeros((ROWS, WIDE), tl.float32)
            for agent in range(AGENTS):
                weight, bias = _slice(parameters[2], parameters[3], agent, h, e, HIDDEN, EMBED, AGENTS * EMBED)
                weights = tl.dot(active, weight, input_precision=PRECISION) + bias[None, :]
                value = tl.load(values + rows * AGENTS + agent, mask=there, other=0.0)
                tl.store(to_values + rows * AGENTS + agent, tl.sum(back * tl.abs(weights), 1), mask=there)
                own = back * value[:, None] * _sign(weights)
                corner = h[:, None] * (AGENTS * EMBED) + agent * EMBED + e[None, :]
                _add(to + STARTS[2] + corner, tl.dot(tl.trans(active), own, input_precision=PRECISION), inside)
                _add(to + STARTS[3] + agent * EMBED + e, tl.sum(own, 0), e < EMBED)
                behind += tl.dot(own, tl.trans(weight), input_precision=PRECISION)
            behind = tl.where(first > 0, behind, 0.0)
            _back(states, to + STARTS[0], to + STARTS[1], behind, rows, there, h, HIDDEN, STATE, ROWS, DEEP, PRECISION)
            tl.debug_barrier()  # the next block reads what this one wrote

    @jit
    def _layer(
        states,
        weights,
        biases,
        rows,
        there,
        to,
        WIDTH: tl.constexpr,
        STATE: tl.constexpr,
        ROWS: tl.constexpr,
        DEEP: tl.constexpr,
        ROOM: tl.constexpr,
        PRECISION: tl.constexpr,
    ):  # pragma: no cover
        """Return a hypernetwork's first layer, [ROWS, ROOM]: 0 beyond its width."""
        sums = tl.zeros((ROWS, ROOM), tl.float32)
        for start in range(0, STATE, DEEP):
            at = start + tl.arange(0, DEEP)
            known = at < STATE
            seen = tl.load(states + rows[:, None] * STATE + at, mask=there[:, None] & known, other=0.0)
            weight = tl.load(weights + at[:, None] * WIDTH + to, mask=known[:, None] & (to < WIDTH), other=0.0)
            sums = tl.dot(seen, weight, sums, input_precision=PRECISION)
        return sums + tl.load(biases + to, mask=to < WIDTH, other=0.0)[None, :]

    @jit
    def _slice(
        weights, biases, agent, h, e, HIDDEN: tl.constexpr, EMBED: tl.constexpr, WIDTH: tl.constexpr
    ):  # pragma: no cover
        """Return an agent's columns of a second layer [HIDDEN, WIDTH], and its biases."""
        known = e < EMBED
        place = weights + h[:, None] * WIDTH + agent * EMBED + e[None, :]
        weight = tl.load(place, mask=(h < HIDDEN)[:, None] & known[None, :], other=0.0)
        return weight, tl.load(biases + agent * EMBED + e, mask=known, other=0.0)

    @jit
    def _back(
        states,
        to_weights,
        to_biases,
        slope,
        rows,
        there,
        to,
        WIDTH: tl.constexpr,
        STATE: tl.constexpr,
        ROWS: tl.constexpr,
        DEEP: tl.constexpr,
        PRECISION: tl.constexpr,
    ):  # pragma: no cover
        """Add to the gradients of a first layer; `slope` is that of its sums, [ROWS, ROOM]."""
        _add(to_biases + to, tl.sum(slope, 0), to < WIDTH)
        for start in range(0, STATE, DEEP):
            at = start + tl.arange(0, DEEP)
            known = at < STATE
            seen = tl.load(
                states + rows[None, :] * STATE + at[:, None], mask=there[None, :] & known[:, None], other=0.0
            )
            corner = at[:, None] * WIDTH + to[None, :]
            inside = known[:, None] & (to < WIDTH)[None, :]
            _add(to_weights + corner, tl.dot(seen, slope, input_precision=PRECISION), inside)

    @jit
    def _add(place, numbers, mask):  # pragma: no cover
        tl.store(place, tl.load(place, mask=mask, other=0.0) + numbers, mask=mask)

    @jit
    def _sign(x):  # pragma: no cover
        return tl.where(x > 0, 1.0, tl.where(x < 0, -1.0, 0.0))
