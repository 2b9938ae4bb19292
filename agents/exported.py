"""What agents play by, as one module of PyTorch's own operations: one's observations in, actions out.

It is what a run is exported as. Scales of observations, tanh of numbers, the mean of a distribution and the softmax of
logits are all inside, so that whoever has it needs nothing of ours. Agents that remember have their memory as a further
input and output.

Shape letters: B episodes, N agents, A actions, O observation, H hidden, P parts, K outputs.
"""

from abc import abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from counterplay.agents.clipped import Clipped
from counterplay.agents.ddpg import DDPG
from counterplay.agents.deep_cfr import DeepCFR
from counterplay.agents.nfsp import NFSP
from counterplay.agents.nn import plain
from counterplay.agents.nn.noisy import ValueNetwork
from counterplay.agents.on_policy import OnPolicy
from counterplay.agents.pgpe import PGPE
from counterplay.agents.q_learning import ActionValues
from counterplay.agents.rnad import RNaD
from counterplay.agents.sac import SAC
from counterplay.agents.team import Team
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError

_NEVER = -1e9  # what stands for an action that is not legal, among values and logits
_NARROW, _WIDE = -5.0, 2.0  # as in `policies`


class Ends(NamedTuple):
    """How a network's outputs become actions."""

    said: str  # "values", "probabilities" or "logits"; of numbers "deviations", if they are drawn, or ""
    squashed: bool = False  # numbers are tanh of the outputs

    def names(self, spec: EnvSpec) -> list[str]:
        """Return the names of what comes out beside memories."""
        return ["means" if self.said == "deviations" else "actions", *([self.said] if self.said else [])]


class Acting(nn.Module):
    """Agents: `inputs` and `outputs` are the names of what `forward` takes and returns, in this order.

    Inputs are `observations` [B, N, O], f32 or u8; `masks` bool [B, N, A], where agents choose; `memory` f32
    [B, N, H], zeros in the beginning, and `last`, the actions before, i64 [B, N], -1 in the beginning, where agents
    have these. Outputs are `actions`, the best or likeliest ones, i64 [B, N] or [B, N, P], or numbers f32 [B, N, A];
    what they follow from, `values`, `probabilities` or `logits` [B, N, A]; where numbers are drawn `means` and
    `deviations` in their place; and `memory_out`, to be given back with the next step.
    """

    def __init__(self, spec: EnvSpec, ends: Ends) -> None:
        super().__init__()
        self.spec, self.ends = spec, ends
        self.memory, self.sees_last = 0, False  # H; whether agents see their last actions

    @property
    def inputs(self) -> list[str]:
        """The names of what goes in."""
        some = {"masks": not self.spec.continuous, "memory": self.memory > 0, "last": self.sees_last}
        return ["observations", *(name for name, there in some.items() if there)]

    @property
    def outputs(self) -> list[str]:
        """The names of what comes out."""
        return [*self.ends.names(self.spec), *(["memory_out"] if self.memory else [])]

    def blank(self, many: int) -> dict[str, Tensor]:
        """Return inputs by name, of so many episodes that begin, with observations of 0."""
        spec = self.spec
        obs = torch.zeros(many, spec.agents, spec.observation, dtype=torch.uint8 if spec.byte_obs else torch.float32)
        found = {"observations": obs, "masks": torch.ones(many, spec.agents, spec.actions, dtype=torch.bool)}
        found["memory"] = torch.zeros(many, spec.agents, self.memory)
        found["last"] = torch.full((many, spec.agents), -1)
        return {name: found[name] for name in self.inputs}

    @abstractmethod
    def said(self, obs: Tensor, memory: Tensor | None, last: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the networks' outputs [B, N, K], and memory; of observations as they came."""

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return what comes out, of what goes in."""
        known = dict(zip(self.inputs, given, strict=True))
        said, memory = self.said(known["observations"], known.get("memory"), known.get("last"))
        found = self._numbers(said) if self.spec.continuous else self._choices(said, known["masks"])
        return (*found, memory) if memory is not None else found

    def _numbers(self, said: Tensor) -> tuple[Tensor, ...]:
        actions = self.spec.actions
        mean = said[..., :actions]
        mean = torch.tanh(mean) if self.ends.squashed else mean
        if self.ends.said != "deviations":
            return (mean,)
        return mean, said[..., actions:].clamp(_NARROW, _WIDE).exp()

    def _choices(self, said: Tensor, masks: Tensor) -> tuple[Tensor, ...]:
        sizes = [*(self.spec.parts or (self.spec.actions,))]
        able = said.masked_fill(~masks, _NEVER)
        parts = torch.split(able, sizes, dim=-1)
        best = [part.argmax(dim=-1) for part in parts]
        actions = torch.stack(best, dim=-1) if self.spec.parts else best[0]
        if self.ends.said == "probabilities":
            said = torch.cat([part.softmax(dim=-1) for part in parts], dim=-1)
        return (actions, said) if self.ends.said else (actions,)


class _OfTeam(Acting):
    """A team's agents, whose scale and network are taken as they are."""

    def __init__(self, learner: Team, ends: Ends) -> None:
        super().__init__(learner.spec, ends)
        slow = isinstance(learner, Clipped) and learner.settings.slow_plays
        networks = learner.targets if slow else learner.networks
        self.agents: Any = deepcopy(networks["agents"])
        self.deviations: Any = deepcopy(networks["deviations"]) if "deviations" in networks else None
        if isinstance(self.agents, ValueNetwork):
            self.agents.quiet(True)
        scale = learner.scales.obs
        self.scaled, self.most = learner.settings.scale_inputs, scale.most
        self.shift: Tensor
        self.deviation: Tensor
        self.register_buffer("shift", scale.shift.clone())
        self.register_buffer("deviation", scale.deviation.clone())
        start: Tensor | None = networks["agents"].start(1)  # type: ignore[operator]
        self.memory, self.sees_last = 0 if start is None else start.shape[-1], learner.settings.last_action

    def said(self, obs: Tensor, memory: Tensor | None, last: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the networks' outputs, and memory."""
        if self.scaled:
            obs = plain.rescale(obs, self.shift, self.deviation, self.most)
        elif self.spec.byte_obs:
            obs = obs / 255
        found: Tensor
        found, memory = self.agents(obs[:, None], None if last is None else last[:, None], memory)
        if self.deviations is not None:
            found = self.deviations(found)
        return found[:, 0], memory


class _Each(Acting):
    """Players with a network each, or one for all, that see observations as they are."""

    def __init__(self, spec: EnvSpec, networks: Sequence[nn.Module]) -> None:
        super().__init__(spec, Ends("probabilities"))
        self.networks = nn.ModuleList(deepcopy(net) for net in networks)

    def said(self, obs: Tensor, memory: Tensor | None, last: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the networks' logits."""
        obs = obs.float()
        if len(self.networks) == 1:
            said: Tensor = self.networks[0](obs)
            return said, None
        return torch.stack([net(obs[:, n]) for n, net in enumerate(self.networks)], dim=1), None


class _Centre(Acting):
    """The centre of PGPE: layers with tanh between, and behind numbers."""

    def __init__(self, learner: PGPE) -> None:
        super().__init__(learner.spec, Ends("" if learner.spec.continuous else "values", squashed=True))
        parts = torch.split(torch.from_numpy(learner.centre.copy()), learner.sizes)
        shaped = [part.reshape(shape) for part, shape in zip(parts, learner.shapes, strict=True)]
        self.weights = nn.ParameterList(shaped[::2])
        self.biases = nn.ParameterList(shaped[1::2])
        self.scaled, self.most = learner.settings.scale_inputs, learner.scale.most
        self.shift: Tensor
        self.deviation: Tensor
        self.numbers: Tensor
        self.register_buffer("shift", learner.scale.shift.clone())
        self.register_buffer("deviation", learner.scale.deviation.clone())
        self.register_buffer("numbers", torch.from_numpy(np.asarray(learner.numbers)))

    def said(self, obs: Tensor, memory: Tensor | None, last: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return what the centre says."""
        x = plain.rescale(obs, self.shift, self.deviation, self.most) if self.scaled else obs.float()
        if len(self.numbers):
            x = torch.cat([x, self.numbers.expand(x.shape[0], -1, -1)], dim=-1)
        for at, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight + bias
            x = torch.tanh(x) if at + 1 < len(self.weights) else x
        return x, None


def acting(learner: Any, name: str) -> Acting:
    """Return a learner's agents as a module, on the CPU; the learner stays as it is, and shares no memory with it.

    Raises `ValueError` for learners whose play is no network: those that draw one of several, and one's own.
    """
    found = _acting(learner, name)
    if any(parameter.device.type != "cpu" for parameter in found.parameters()):
        raise UserError("a run is exported from the CPU: load it there")
    return found.eval().requires_grad_(False)


def _acting(learner: Any, name: str) -> Acting:
    spec = cast(EnvSpec, getattr(learner, "spec", None))
    if isinstance(learner, OnPolicy):
        return _OfTeam(learner, Ends("deviations" if spec.continuous else "probabilities"))
    if isinstance(learner, ActionValues):
        return _OfTeam(learner, Ends("values"))
    if isinstance(learner, DDPG):
        return _OfTeam(learner, Ends("" if spec.continuous else "logits", squashed=True))
    if isinstance(learner, SAC):
        return _OfTeam(learner, Ends("" if spec.continuous else "probabilities", squashed=True))
    if isinstance(learner, PGPE):
        return _Centre(learner)
    if isinstance(learner, RNaD):
        return _Each(spec, [learner.slow["policy"]])
    if isinstance(learner, NFSP):
        return _Each(spec, learner.averages)
    if isinstance(learner, DeepCFR) and learner.settings.network:
        return _Each(spec, [learner.policy])
    if hasattr(learner, "policies"):
        more = "; with network=true it learns one for their average" if isinstance(learner, DeepCFR) else ""
        raise UserError(f"{name} draws one of several networks for each episode, and is exported as none{more}")
    raise UserError(f"{name} is somebody's own, and nobody here knows which network its agents play by")
