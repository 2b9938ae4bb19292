"""Noisy layers, and networks of action values that may have them, say distributions, or be dueling.

Shape letters: B episodes, N agents, A actions, Z atoms of a distribution, O observation, H hidden.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from counterplay.agents.nn.dense import Dense, dense
from counterplay.agents.nn.networks import AgentNetwork


class NoisyDense(nn.Module):
    """A dense layer whose weights and biases are noisy, by as much as is learned.

    Weights are mean + spread * f(e_in) f(e_out), biases mean + spread * f(e_out), with e normal and f(x) = sign(x)
    sqrt |x| (Fortunato et al. 2018, "Noisy Networks for Exploration", eq. 10 and 11, "factorised"); they begin as there
    (section 3.2). `renew` draws the noise, which then stays; a layer that is not `noisy` has its means. It takes the
    place of a `Dense`, with copies of the same shapes.
    """

    def __init__(self, inputs: int, outputs: int, copies: int = 1) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.mean_weight = nn.Parameter(torch.empty(copies, inputs, outputs).uniform_(-bound, bound))
        self.mean_bias = nn.Parameter(torch.empty(copies, outputs).uniform_(-bound, bound))
        self.spread_weight = nn.Parameter(torch.full((copies, inputs, outputs), 0.5 * bound))
        self.spread_bias = nn.Parameter(torch.full((copies, outputs), 0.5 * bound))
        self.noise_in: Tensor  # [C, I]
        self.noise_out: Tensor  # [C, K]
        self.register_buffer("noise_in", torch.zeros(copies, inputs))
        self.register_buffer("noise_out", torch.zeros(copies, outputs))
        self.noisy = True

    @torch.no_grad()
    def renew(self, rng: np.random.Generator) -> None:
        """Draw the noise anew."""
        for noise in (self.noise_in, self.noise_out):
            drawn = torch.from_numpy(rng.standard_normal(tuple(noise.shape), np.float32))
            noise.copy_(drawn.sign() * drawn.abs().sqrt())

    @property
    def weight(self) -> Tensor:
        """The weights now, [C, I, K]."""
        if not self.noisy:
            return self.mean_weight
        return self.mean_weight + self.spread_weight * (self.noise_in[:, :, None] * self.noise_out[:, None])

    @property
    def bias(self) -> Tensor:
        """The biases now, [C, K]."""
        return self.mean_bias + self.spread_bias * self.noise_out if self.noisy else self.mean_bias


class ValueNetwork(AgentNetwork):
    """Values of all actions of every agent, or the distributions of these (Bellemare et al. 2017).

    With atoms, the network says logits of the probabilities of Z values for each action, the same `support` for all.
    With `dueling`, logits (or values) are a state's plus the actions' less their mean (Wang et al. 2016, eq. 9; of
    distributions Hessel et al. 2018, "Rainbow", section "The Integrated Agent").
    """

    support: Tensor  # f32 [Z]

    def __init__(
        self,
        observation: int,
        agents: int,
        actions: int,
        *,
        support: tuple[float, float, int] = (0.0, 0.0, 0),
        noisy: bool = False,
        dueling: bool = False,
        hidden: int = 64,
        shared: bool = True,
        ids: bool = True,
    ) -> None:
        low, high, atoms = support
        self.actions, self.atoms = actions, atoms
        width, copies = max(atoms, 1), 1 if shared else agents
        super().__init__(observation, agents, actions, actions * width, hidden=hidden, shared=shared, ids=ids)
        layer: Any = NoisyDense if noisy else Dense
        if noisy:
            self.first, self.second = layer(observation, hidden, copies), layer(hidden, hidden, copies)
            self.out = layer(hidden, actions * width, copies)
        if dueling:
            self.value = layer(hidden, width, copies)
        self.register_buffer("support", torch.linspace(low, high, atoms))

    def renew(self, rng: np.random.Generator) -> None:
        """Draw the noise of all layers anew."""
        for module in self.modules():
            if isinstance(module, NoisyDense):
                module.renew(rng)

    def quiet(self, still: bool) -> None:
        """Leave the noise out, or let it in again."""
        for module in self.modules():
            if isinstance(module, NoisyDense):
                module.noisy = not still

    def logits(self, obs: Tensor) -> Tensor:
        """Return what is said of observations [..., N, O]: logits [..., N, A, Z], or values [..., N, A, 1]."""
        assert self.second is not None
        bias, _ = self._told(None)
        each_shape = (*obs.shape[:-1], self.actions, -1)
        if self.value is None:
            return dense(obs, [self.first, self.second, self.out], bias=bias).view(each_shape)
        x = dense(obs, [self.first, self.second], bias=bias, relu=True)
        each, state = dense(x, [self.out]).view(each_shape), dense(x, [self.value])
        found: Tensor = state[..., None, :] + each - each.mean(dim=-2, keepdim=True)
        return found

    def expected(self, logits: Tensor) -> Tensor:
        """Return values [..., N, A] of what `logits` returned."""
        return logits[..., 0] if not self.atoms else (logits.softmax(dim=-1) * self.support).sum(dim=-1)

    def forward(
        self, obs: Tensor, last: Tensor | None = None, memory: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return values, [B, T, N, A], of observations [B, T, N, O]; there is no memory."""
        return self.expected(self.logits(obs)), memory


def project(share: Tensor, values: Tensor, support: Tensor) -> Tensor:
    """Return a distribution over `support`, [..., Z], of one over other values, both [..., Z].

    What lies between two atoms goes to both, to the nearer one more, and what lies beyond goes to the last (Bellemare
    et al. 2017, "A Distributional Perspective on Reinforcement Learning", eq. 7).
    """
    step = support[1] - support[0]
    place = (values.clamp(support[0], support[-1]) - support[0]) / step  # [..., Z]
    atoms = torch.arange(len(support), device=support.device)
    part = (1 - (place[..., None] - atoms).abs()).clamp(min=0)  # [..., Z, Z]
    return (share[..., None] * part).sum(dim=-2)
