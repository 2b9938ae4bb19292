"""Mixers: how the chosen values of the agents make the team's.

A mixer is a module that is made with (agents, state size) and called with values [..., N] and states [..., S] to give
[...]. A new one is one class here and one line in `MIXERS`; one's own, elsewhere, goes by "package.module:Class".
"""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from counterplay.agents.nn.dense import Dense, as_array, branches
from counterplay.agents.nn.smooth import elu
from counterplay.engine.catalogue import is_own, load_object
from counterplay.engine.errors import UserError
from counterplay.engine.jit import inlined, jit
from counterplay.engine.simd import WIDE, load, total


class VDN(nn.Module):
    """The sum (Sunehag et al. 2018, "Value-Decomposition Networks for Cooperative Multi-Agent Learning")."""

    def __init__(self, agents: int, state: int) -> None:
        super().__init__()

    def forward(self, values: Tensor, states: Tensor) -> Tensor:
        """Mix."""
        return values.sum(dim=-1)


class QMIX(nn.Module):
    """Rises with each agent's value, by as much as the state says (Rashid et al. 2018, section 4.1, figure 2).

    The weights of a two-layer network over the agents' values come out of networks over the state ("hypernetworks"),
    and are made non-negative by their absolute value. As in the authors' later code, the first layer's and the second
    layer's weights come out of two-layer networks themselves.
    """

    def __init__(self, agents: int, state: int, embed: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.agents = agents

        def network(*widths: int) -> nn.ModuleList:
            return nn.ModuleList(Dense(before, after) for before, after in pairwise(widths))

        self.weight, self.bias = network(state, hidden, agents * embed), network(state, embed)
        self.weight_out, self.bias_out = network(state, hidden, embed), network(state, embed, 1)

    def forward(self, values: Tensor, states: Tensor) -> Tensor:
        """Mix."""
        if values.shape != (*states.shape[:-1], self.agents):
            raise UserError(
                f"states {[*states.shape]} want values {[*states.shape[:-1], self.agents]}, not {[*values.shape]}"
            )
        if values.device.type != "cpu":
            from counterplay.agents.nn.kernels import mixer  # which imports Triton, where it is there

            rows = values.reshape(-1, self.agents), states.reshape(-1, states.shape[-1])
            return mixer.mix(*rows, list(self.parameters()), "tf32x3").view(values.shape[:-1])
        parts = branches(states, [self.weight, self.bias, self.weight_out, self.bias_out])  # type: ignore[list-item]
        mixed: Tensor = _TwoLayers.apply(values, *parts)  # type: ignore[no-untyped-call]
        return mixed


class _TwoLayers(torch.autograd.Function):
    """out_r = sum_e |v_re| elu(sum_n |w_rne| q_rn + b_re) + c_r, each row r with its own weights w, b, v and c.

    One kernel a way: there are more rows than numbers in one, too many and too small for matrix products.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, w: Tensor, b: Tensor, v: Tensor, c: Tensor) -> Tensor:
        out, hidden = q.new_empty(q.shape[:-1]), torch.empty_like(b)
        q = q.contiguous()
        _mix(q.shape[-1], b.shape[-1], *map(as_array, (q, w, b, v, c, hidden, out)))
        ctx.save_for_backward(q, w, v, hidden)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        q, w, v, hidden = ctx.saved_tensors
        grad = grads[0].contiguous()
        to_q, to_w, to_b, to_v = (torch.empty_like(part) for part in (q, w, v, v))
        _mix_back(q.shape[-1], v.shape[-1], *map(as_array, (grad, q, w, v, hidden, to_q, to_w, to_b, to_v)))
        return to_q, to_w, to_b, to_v, grad[..., None]


@jit
def _mix(
    agents: int, embed: int, q: Any, w: Any, b: Any, v: Any, c: Any, hidden: Any, out: Any
) -> None:  # pragma: no cover
    many, size = np.uint64(agents), np.uint64(embed)
    parts = np.zeros((size + WIDE) // WIDE * WIDE, np.float32)  # of a sum: sixteen at a time
    for r in range(np.uint64(len(out))):
        at = r * size
        for e in range(size):
            hidden[at + e] = b[at + e]
        for n in range(many):
            value, start = q[r * many + n], (r * many + n) * size
            for e in range(size):
                hidden[at + e] += value * abs(w[start + e])
        for e in range(size):
            hidden[at + e] = elu(hidden[at + e])
        for e in range(size):
            parts[e] = hidden[at + e] * abs(v[at + e])
        out[r] = c[r] + _sum(parts)


@jit
def _mix_back(
    agents: int,
    embed: int,
    grad: Any,
    q: Any,
    w: Any,
    v: Any,
    hidden: Any,
    to_q: Any,
    to_w: Any,
    to_b: Any,
    to_v: Any,
) -> None:  # pragma: no cover
    many, size = np.uint64(agents), np.uint64(embed)
    one, none = np.float32(1), np.float32(0)
    parts = np.zeros((size + WIDE) // WIDE * WIDE, np.float32)
    for r in range(np.uint64(len(grad))):
        at, slope = r * size, grad[r]
        for e in range(size):
            h, weight = hidden[at + e], v[at + e]
            to_v[at + e] = slope * h * _sign(weight)
            to_b[at + e] = slope * abs(weight) * (h + one if h < none else one)
        for n in range(many):
            value, start = q[r * many + n], (r * many + n) * size
            for e in range(size):
                weight = w[start + e]
                to_w[start + e] = to_b[at + e] * value * _sign(weight)
            for e in range(size):
                parts[e] = to_b[at + e] * abs(w[start + e])
            to_q[r * many + n] = _sum(parts)


@inlined
def _sign(x: Any) -> Any:  # pragma: no cover
    up = np.float32(1) if x > 0 else np.float32(0)
    return np.float32(-1) if x < 0 else up


@inlined
def _sum(parts: Any) -> Any:  # pragma: no cover
    found = load(parts, np.uint64(0))
    for i in range(WIDE, np.uint64(len(parts)), WIDE):
        found = found + load(parts, i)
    return total(found)


MIXERS: dict[str, type[nn.Module]] = {"vdn": VDN, "qmix": QMIX}


def make_mixer(name: str, agents: int, state: int) -> nn.Module | None:
    """Return the mixer of that name, or None for "none"; raises `ValueError` for one that does not exist."""
    if name == "none":
        return None
    if name in MIXERS:
        return MIXERS[name](agents, state)
    if not is_own(name):
        raise UserError(
            f"there is no mixer {name!r}; the mixers are none, {', '.join(MIXERS)}, "
            "and one's own goes by 'package.module:Class'"
        )
    try:
        kind = load_object(name)
    except ValueError as error:
        raise UserError(f"the mixer {name!r}: {error}") from None
    try:
        mixer = kind(agents, state)
    except TypeError as error:
        raise UserError(f"the mixer {name!r} has to be made with (agents, state size): {error}") from None
    if not isinstance(mixer, nn.Module):
        raise UserError(f"the mixer {name!r} has to be a torch.nn.Module, not {type(mixer).__name__}")
    return mixer
