"""Policies over actions of each kind: one choice, several choices at once, numbers.

Networks say K numbers for every agent, its *outputs*: A logits for choices (those of several parts side by side), and
for numbers A means and A logarithms of standard deviations. A policy is made of them, and knows how likely an action
is, its own entropy, and how far another policy is from it. Shape letters: N agents, A actions, P parts.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from counterplay.agents.rollout import greedy, sample
from counterplay.engine.env import EnvSpec

_NEVER = -1e9  # the logit of an action that is not legal: its probability is 0, and 0 times it is 0
_HALF_LOG_TAU = 0.5 * float(np.log(2 * np.pi))
_NARROW, _WIDE = -5.0, 2.0  # logarithms of deviations that numbers are drawn with


class Choice(NamedTuple):
    """One choice among A."""

    log: Tensor  # [..., N, A] logarithms of probabilities; about -1e9 for what is not legal

    def of(self, action: Tensor) -> Tensor:
        """Return how likely actions [..., N] are, as logarithms."""
        return self.log.gather(-1, action[..., None])[..., 0]

    def entropy(self) -> Tensor:
        """Return the entropy, [..., N]."""
        return -(self.log.exp() * self.log).sum(dim=-1)

    def kl(self, other: "Choice") -> Tensor:
        """Return the Kullback-Leibler divergence of another policy from this one, KL(this || other), [..., N]."""
        return (self.log.exp() * (self.log - other.log)).sum(dim=-1)


class Choices(NamedTuple):
    """P choices at once, each apart from the others."""

    each: tuple[Choice, ...]

    def of(self, action: Tensor) -> Tensor:
        """Return how likely actions [..., N, P] are, as logarithms."""
        return torch.stack([part.of(action[..., p]) for p, part in enumerate(self.each)]).sum(dim=0)

    def entropy(self) -> Tensor:
        """Return the entropy, [..., N]."""
        return torch.stack([part.entropy() for part in self.each]).sum(dim=0)

    def kl(self, other: "Choices") -> Tensor:
        """Return KL(this || other), [..., N]."""
        pairs = zip(self.each, other.each, strict=True)
        return torch.stack([ours.kl(theirs) for ours, theirs in pairs]).sum(dim=0)


class Numbers(NamedTuple):
    """A numbers, each normally distributed and apart from the others.

    They are drawn from the whole line; an environment takes those beyond [-1, 1] as its ends.
    """

    mean: Tensor  # [..., N, A]
    log_deviation: Tensor  # [..., N, A]

    def of(self, action: Tensor) -> Tensor:
        """Return how dense the policy is at actions [..., N, A], as logarithms."""
        off = (action - self.mean) * (-self.log_deviation).exp()
        return (-0.5 * off.square() - self.log_deviation - _HALF_LOG_TAU).sum(dim=-1)

    def entropy(self) -> Tensor:
        """Return the (differential) entropy, [..., N]."""
        return (self.log_deviation + 0.5 + _HALF_LOG_TAU).sum(dim=-1)

    def kl(self, other: "Numbers") -> Tensor:
        """Return KL(this || other), [..., N]."""
        narrow = (-2 * other.log_deviation).exp()
        spread = (2 * self.log_deviation).exp() + (self.mean - other.mean).square()
        return (other.log_deviation - self.log_deviation + 0.5 * spread * narrow - 0.5).sum(dim=-1)


Policy = Choice | Choices | Numbers


def log_policy(logits: Tensor, legal: Tensor, epsilon: float) -> Tensor:
    """Return log((1 - epsilon) softmax(logits) + epsilon / legal actions), over the legal ones; all [..., A]."""
    log = F.log_softmax(logits.masked_fill(~legal, _NEVER), dim=-1)
    if epsilon <= 0:
        return log
    uniform = legal / legal.sum(dim=-1, keepdim=True).clamp(min=1)
    mixed = (1 - epsilon) * log.exp() + epsilon * uniform
    return torch.where(legal, mixed, 1.0).log().masked_fill(~legal, _NEVER)


def policy(spec: EnvSpec, outputs: Tensor, legal: Tensor, epsilon: float = 0.0) -> Policy:
    """Return the policy that outputs [..., N, K] say, where `legal` is [..., N, A].

    A share of `epsilon` of it is uniform, where agents make one choice.
    """
    if spec.continuous:
        mean, log = outputs.chunk(2, dim=-1)
        return Numbers(mean, log.clamp(_NARROW, _WIDE))
    if not spec.parts:
        return Choice(log_policy(outputs, legal, epsilon))
    cut = zip(torch.split(outputs, [*spec.parts], dim=-1), torch.split(legal, [*spec.parts], dim=-1), strict=True)
    return Choices(tuple(Choice(log_policy(said, may, 0.0)) for said, may in cut))


def free(spec: EnvSpec, legal: Tensor) -> Tensor:
    """Return who has more than one thing to do, f32 [..., N]: everybody whose actions are numbers."""
    if spec.continuous:
        return legal.new_ones(legal.shape[:-1], dtype=torch.float32)
    if not spec.parts:
        return (legal.sum(dim=-1) > 1).float()
    return torch.stack([part.sum(dim=-1) > 1 for part in torch.split(legal, [*spec.parts], dim=-1)]).any(dim=0).float()


def draw(
    spec: EnvSpec, outputs: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_], rng: np.random.Generator
) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
    """Return actions drawn from what outputs [..., N, K] say."""
    if spec.continuous:
        mean, log = np.split(outputs, 2, axis=-1)
        noise = rng.standard_normal(mean.shape, np.float32)
        return np.asarray(mean + np.exp(np.clip(log, _NARROW, _WIDE)) * noise, np.float32)
    if not spec.parts:
        return sample(outputs, legal, rng)
    return np.stack([sample(said, may, rng) for said, may in _cut(spec, outputs, legal)], axis=-1)


def likeliest(
    spec: EnvSpec, outputs: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
    """Return the likeliest actions; of numbers the means."""
    if spec.continuous:
        return outputs[..., : spec.actions]
    if not spec.parts:
        return greedy(outputs, legal)
    return np.stack([greedy(said, may) for said, may in _cut(spec, outputs, legal)], axis=-1)


def _cut(
    spec: EnvSpec, outputs: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_]
) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]]:
    ends = np.cumsum(spec.parts)[:-1]
    return list(zip(np.split(outputs, ends, axis=-1), np.split(legal, ends, axis=-1), strict=True))
