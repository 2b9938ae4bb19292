"""One step of natural gradient that stays in a trust region, for policies of any kind (Schulman et al. 2015, TRPO).

The direction solves F x = g by conjugate gradients, where g is the gradient of what is to rise and F the Fisher
information of the policies, the second derivative of their relative entropy from what they were. F is never written
down: F v is the gradient of (the gradient of that divergence times v), appendix C.1. The step is as long as the
divergence's quadratic form allows, and is halved until the divergence itself does, and what is to rise has risen.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from counterplay.agents import together


class Tried(NamedTuple):
    """What parameters amount to."""

    gain: Tensor  # [] what is to rise
    kl: Tensor  # [] how far policies are from what they were


class Region(NamedTuple):
    """How far, and how it is looked for."""

    max_kl: float  # the divergence that a step may reach
    damping: float  # times the identity is added to F
    products: int  # F v that conjugate gradients take at most
    halvings: int  # of a step before it is given up


def conjugate_gradients(product: Callable[[Tensor], Tensor], slope: Tensor, most: int, least: float = 1e-10) -> Tensor:
    """Return x with product(x) = slope, about: `product` is linear, symmetric and positive (Hestenes, Stiefel 1952)."""
    x, rest = torch.zeros_like(slope), slope.clone()
    way, left = rest.clone(), rest.dot(rest)
    for _ in range(most):
        if left <= least:
            break
        along = product(way)
        length = left / way.dot(along)
        x = x + length * way
        rest = rest - length * along
        now = rest.dot(rest)
        way, left = rest + now / left * way, now
    return x


def step(
    values: Tensor, parameters: Sequence[nn.Parameter], asked: Callable[[], Tried], region: Region
) -> dict[str, float]:
    """Move `values`, [P], which the parameters share one after another, and return what happened by name.

    `asked()` tells what the parameters amount to as they are, in a way that can be differentiated twice. Where no step
    rises within the region the values stay as they are.
    """
    before = asked()
    slope = _joint(torch.autograd.grad(before.gain, parameters, retain_graph=True, allow_unused=True), parameters)
    pull = _flat(
        torch.autograd.grad(before.kl, parameters, create_graph=True, retain_graph=True, allow_unused=True), parameters
    )

    def product(v: Tensor) -> Tensor:
        found = torch.autograd.grad(pull.dot(v), parameters, retain_graph=True, allow_unused=True)
        return _joint(found, parameters) + region.damping * v

    gone = {"kl": 0.0, "step": 0.0, "gain": 0.0, "gradient": float(torch.linalg.vector_norm(slope))}
    if not gone["gradient"]:  # nobody had a choice, or nothing to gain
        return gone
    way = conjugate_gradients(product, slope, region.products)
    bend = float(way.dot(product(way)))
    if not bend > 0:
        return gone
    start, whole = values.clone(), way * (2 * region.max_kl / bend) ** 0.5
    share = 1.0
    for _ in range(region.halvings + 1):
        values.copy_(start + share * whole)
        with torch.no_grad():
            found = asked()
        kl, gain = float(found.kl), float(found.gain - before.gain.detach())
        if kl <= region.max_kl and gain > 0:
            return gone | {"kl": kl, "step": share, "gain": gain}
        share /= 2
    values.copy_(start)
    return gone


def _joint(grads: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> Tensor:
    """Return gradients in one vector, of all processes together."""
    return together.averaged([_flat(grads, parameters)])[0]


def _flat(grads: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> Tensor:
    pairs = zip(grads, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).reshape(-1) for g, p in pairs])
