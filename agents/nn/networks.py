"""Networks: what every agent computes from what it has seen, and plain ones for critics.

Shape letters: B episodes, T steps, N agents, A actions, O observation, S state, H hidden, K outputs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.nn import plain
from counterplay.agents.nn.dense import Dense, branches, dense
from counterplay.agents.nn.gru import GRU
from counterplay.agents.rollout import Episodes
from counterplay.agents.together import Moments
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit


class AgentNetwork(nn.Module):
    """K numbers for every agent: action values or logits. Two hidden layers, the second one recurrent if asked for.

    With `recurrent`, the second layer is a GRU over the steps; with `shared`, all agents have the same parameters;
    with `ids`, an agent also sees its own number, and with `last_action` its last action. Both are one-hot, which is a
    vector of its own added to the first layer's output. With `dueling`, K values are a state's value plus advantages
    less their mean (Wang et al. 2016, eq. 9).
    """

    offset: Tensor  # [copies] where each agent's last actions begin in the embedding

    def __init__(
        self,
        observation: int,
        agents: int,
        actions: int,
        outputs: int,
        *,
        hidden: int = 64,
        recurrent: bool = False,
        shared: bool = True,
        ids: bool = True,
        last_action: bool = False,
        dueling: bool = False,
    ) -> None:
        super().__init__()
        self.agents, self.hidden, self.shared = agents, hidden, shared
        copies = 1 if shared else agents
        self.first = Dense(observation, hidden, copies)
        bound = observation**-0.5
        self.ids = nn.Parameter(torch.empty(agents, hidden).uniform_(-bound, bound)) if ids and shared else None
        # Row 0 of each copy is for "none yet".
        self.last = nn.Embedding(copies * (actions + 1), hidden) if last_action else None
        if self.last is not None:
            nn.init.uniform_(self.last.weight, -bound, bound)
            self.register_buffer(
                "offset", torch.arange(copies) * (actions + 1) if not shared else torch.zeros(1).long()
            )
        self.second = None if recurrent else Dense(hidden, hidden, copies)
        self.memory = GRU(hidden, hidden, copies) if recurrent else None
        self.out = Dense(hidden, outputs, copies)
        self.value = Dense(hidden, 1, copies) if dueling else None

    def start(self, batch: int) -> Tensor | None:
        """Return the memory of agents that have seen nothing, [B, N, H]; None without recurrence."""
        return None if self.memory is None else self.first.weight.new_zeros(batch, self.agents, self.hidden)

    def forward(
        self, obs: Tensor, last: Tensor | None = None, memory: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return K numbers an agent, [B, T, N, K], and the memory after the last step.

        `obs` is [B, T, N, O]; `last`, [B, T, N], the action before each step, -1 for none; `memory` as `start` gives
        it (None: nothing seen), [B, N, H].
        """
        if self.second is not None and self.value is None:
            bias, plus = self._told(last)
            return dense(obs, [self.first, self.second, self.out], bias=bias, plus=plus), memory
        x, memory = self.features(obs, last, memory)
        return self.head(x), memory

    def features(
        self, obs: Tensor, last: Tensor | None = None, memory: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the last hidden layer, [B, T, N, H], and the memory; takes what `forward` takes."""
        if self.second is not None:
            bias, plus = self._told(last)
            return dense(obs, [self.first, self.second], bias=bias, plus=plus, relu=True), memory
        assert self.memory is not None
        bias, plus = self._told(None if last is None else last.transpose(0, 1))  # steps first, [T, B, N, ...]
        x = dense(obs.transpose(0, 1), [self.first], bias=bias, plus=plus, relu=True)
        x = self.memory(x.flatten(1, 2), None if memory is None else memory.flatten(0, 1)).view(x.shape)
        return x.transpose(0, 1), x[-1]

    def head(self, x: Tensor) -> Tensor:
        """Return K numbers an agent, [..., N, K], from the last hidden layer, [..., N, H]."""
        values: Tensor = self.out(x)
        if self.value is not None:
            values = self.value(x) + values - values.mean(dim=-1, keepdim=True)
        return values

    def _told(self, last: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Return what the first layer adds for the agents' numbers, bias included, and for their last actions."""
        bias = None if self.ids is None else self.first.bias + self.ids
        if self.last is None:
            return bias, None
        assert last is not None, "these agents see their last actions"
        return bias, self.last(last + 1 + self.offset)


def side_by_side(networks: Sequence[AgentNetwork], x: Tensor) -> tuple[Tensor, ...]:
    """Return what networks without memory, last actions or values apart say of the same x, [..., N, K] each."""
    layers = []
    for network in networks:
        assert network.second is not None
        assert network.last is None
        assert network.value is None
        layers.append([network.first, network.second, network.out])
    return branches(x, layers, [network._told(None)[0] for network in networks])


def orthogonal(network: nn.Module, out: nn.Module, gain: float) -> None:
    """Make a network's weights orthogonal, its biases 0, and the layer `out` small or large by `gain`.

    The others get the gain that keeps the size of numbers through a ReLU (Saxe et al. 2014). What an agent's number and
    last action add stays as it was.
    """
    last = set(out.modules())
    for module in network.modules():
        if isinstance(module, nn.LayerNorm):
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
            elif name.startswith("weight") and not isinstance(module, nn.Embedding):
                for matrix in parameter if parameter.dim() == 3 else parameter[None]:  # agents may have one each
                    nn.init.orthogonal_(matrix, gain if module in last else 2**0.5)


_MANY = 2**24  # numbers that a scale takes in at once


class Scale(nn.Module):
    """Running mean and deviation of numbers [..., K], and the numbers made to have mean 0 and deviation 1 by them.

    Merged as Chan, Golub and LeVeque (1979) do. Numbers that never differ become 0; none goes beyond `most` either way.
    """

    count: Tensor  # f64 []
    mean: Tensor  # f64 [K]
    square: Tensor  # f64 [K], the sum of squared differences from the mean
    shift: Tensor  # f32 [K], the mean
    deviation: Tensor  # f32 [K]; 1 before anything was seen and for numbers that never differ

    def __init__(self, width: int, most: float = 10.0) -> None:
        super().__init__()
        self.most = most
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("square", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("shift", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    @torch.no_grad()
    def learn(self, numbers: Tensor) -> None:
        """Take in rows [R, K]."""
        numbers = numbers.to(self.mean.device)
        rows = max(1, _MANY // max(1, numbers.shape[1]))  # of pictures: so many doubles at a time, and no more
        parts = (_moments(numbers[start : start + rows]) for start in range(0, len(numbers), rows))
        for part in together.everybodys(parts, len(self.mean)):
            self._learn(part)

    def _learn(self, part: Moments) -> None:
        total, mean, square = together.merged(Moments(self.count, self.mean, self.square), part)
        self.square.copy_(square)
        self.mean.copy_(mean)
        self.count.copy_(total)
        self.shift.copy_(self.mean)
        deviation = (self.square / total).sqrt()
        self.deviation.copy_(torch.where(deviation > 1e-4, deviation, 1.0))

    @torch.no_grad()
    def forward(self, numbers: Tensor) -> Tensor:
        """Return the numbers scaled; raises `ValueError` unless there are K in a row."""
        if numbers.shape[-1] != len(self.shift):
            raise UserError(f"this scale is of {len(self.shift)} numbers a row, not {numbers.shape[-1]}")
        if numbers.device.type != "cpu":
            return plain.rescale(numbers, self.shift, self.deviation, self.most)
        found = torch.empty(numbers.shape)
        given = numbers.contiguous().numpy().reshape(-1)
        _rescale(given, self.shift.numpy(), self.deviation.numpy(), found.numpy().reshape(-1), np.float32(self.most))
        return found


def _moments(numbers: Tensor) -> Moments:
    """Return the moments of rows [R, K]."""
    rows = numbers.double()
    mean = rows.mean(dim=0)
    return Moments(len(rows), mean, ((rows - mean) ** 2).sum(dim=0))


@jit
def _rescale(numbers: Any, shift: Any, deviation: Any, found: Any, most: Any) -> None:  # pragma: no cover
    width = np.uint64(len(shift))
    for start in range(np.uint64(0), np.uint64(len(numbers)), width):
        for k in range(width):
            value = (numbers[start + k] - shift[k]) / deviation[k]
            value = most if value > most else value
            found[start + k] = -most if value < -most else value


class Scales(nn.Module):
    """Scales of an environment's observations, states and rewards."""

    def __init__(self, spec: EnvSpec) -> None:
        super().__init__()
        self.obs, self.state, self.reward = Scale(spec.observation), Scale(spec.state), Scale(1)

    def learn(self, episodes: Episodes) -> None:
        """Take in the steps that were played."""
        self.learn_inputs(episodes)
        self.learn_rewards(episodes)

    def learn_inputs(self, episodes: Episodes) -> None:
        """Take in observations and states alone."""
        filled, seen = episodes.filled, episodes.obs[:, :-1]
        alive = None if episodes.alive is None else filled[:, :, None] & episodes.alive[:, :-1]
        self.obs.learn(torch.from_numpy(seen[filled if alive is None else alive].reshape(-1, seen.shape[-1])))
        self.state.learn(torch.from_numpy(episodes.state[:, :-1][filled]))

    def learn_rewards(self, episodes: Episodes) -> None:
        """Take in rewards alone."""
        paid = episodes.filled
        if episodes.alive is not None and episodes.reward.ndim > 2:
            paid = paid[:, :, None] & episodes.alive[:, :-1]
        self.reward.learn(torch.from_numpy(episodes.reward[paid].reshape(-1, 1)))
