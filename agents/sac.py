"""SAC and MASAC: random actors, paid for staying random.

Soft actor-critic (Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications"): an action is worth its
rewards and `temperature` times the entropy of the policies that follow; the temperature moves so that the entropy stays
near what is wanted (section 5). Numbers are tanh of normally distributed ones (appendix C). Where agents choose, means
over an agent's own actions are worked out in place of drawing one (Christodoulou 2019, "Soft Actor-Critic for Discrete
Action Settings"); critics see the action, so each is asked once for each of them. MASAC is SAC with central critics: an
agent's targets count its own entropy.

Departures: as those of `ddpg`; each agent has a temperature of its own; deviations of numbers are between e^-5 and e^2.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.agents.action_critics import ActionCritics, CriticSettings
from counterplay.agents.from_moves import Seen
from counterplay.agents.learner import within
from counterplay.agents.nn.bodies import Bodied
from counterplay.agents.nn.device import host, like
from counterplay.agents.nn.networks import AgentNetwork
from counterplay.agents.policies import draw, likeliest, log_policy, policy
from counterplay.agents.rollout import sample
from counterplay.engine.env import EnvSpec, Step


@dataclass(frozen=True)
class SACSettings(CriticSettings):
    """What can be set of SAC and MASAC."""

    temperature: Annotated[float, "how much entropy counts beside rewards, at the start"] = 0.1
    tune: Annotated[bool, "let the temperature move so that the entropy comes to what is wanted"] = True
    number_entropy: Annotated[float, "entropy that is wanted, for each number of an action"] = -1.0
    choice_entropy: Annotated[float, "entropy that is wanted of a choice, as a share of the largest"] = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(self, temperature=(1e-8, inf), number_entropy=(-inf, inf), choice_entropy=(0, 1))


class Temperatures(nn.Module):
    """The logarithm of each agent's temperature, [N]."""

    def __init__(self, agents: int, start: float) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.full((agents,), float(np.log(start))))

    def forward(self) -> Tensor:
        """Return the temperatures."""
        return self.log.detach().exp()


class SAC(ActionCritics):
    """Random actors, two critics and their slow copies, and temperatures."""

    settings: SACSettings

    def __init__(self, spec: EnvSpec, settings: SACSettings, seed: int) -> None:
        super().__init__(spec, settings, seed, "masac" if settings.central else "sac")

    def agent_network(self, outputs: int | None = None, dueling: bool = False) -> AgentNetwork | Bodied:
        """Return fresh actors; of numbers they say means and logarithms of deviations."""
        wide = 2 * self.spec.actions if self.spec.continuous else None
        return super().agent_network(wide if outputs is None else outputs, dueling)

    def add_networks(self) -> None:
        self.temperatures = Temperatures(self.spec.agents, self.settings.temperature)
        self.networks["temperatures"] = self.temperatures

    def drawn(self, said: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return actions drawn, [R, N, A] in [-1, 1], and how dense policies are there, [R, N] as logarithms."""
        found = policy(self.spec, said, said)  # of numbers: anything is legal
        mean, log = found.mean, found.log_deviation  # type: ignore[union-attr]
        before = mean + log.exp() * like(said, rng.standard_normal(mean.shape, np.float32))
        # log(1 - tanh(x)^2) = 2 (log 2 - x - softplus(-2 x))
        squashed = 2 * (float(np.log(2)) - before - F.softplus(-2 * before))
        return torch.tanh(before), found.of(before) - squashed.sum(dim=-1)

    def weighed(
        self, networks: nn.ModuleDict, seen: tuple[Tensor, Tensor | None], legal: Tensor, said: Tensor, others: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return logarithms of the agents' policies, [R, N, A], and what each of an agent's own choices is worth.

        The others of a central critic do what is in `others`, [R, N, A].
        """
        log = log_policy(said, legal, 0.0)
        many, agents, actions = log.shape
        own = torch.eye(actions, device=log.device)[None, :, None].expand(many, actions, agents, actions)
        obs, state = seen
        wide = (
            obs[:, None].expand(-1, actions, -1, -1),
            None if state is None else state[:, None].expand(-1, actions, -1),
        )
        found = self.worth(networks, wide, own, others[:, None].expand_as(own)).amin(dim=0)  # [R, A, N]
        return log, found.transpose(1, 2)

    def goal(self, seen: Seen, rng: np.random.Generator) -> Tensor:
        """Return r + discount * (the least of the target critics - temperature * log policy), [R, N] (eq. 3 and 5)."""
        said, there = self.agents(seen.next_obs)[0], (seen.next_obs, seen.next_state)
        if self.spec.continuous:
            action, log = self.drawn(said, rng)
            after = self.worth(self.targets, there, action, action).amin(dim=0) - self.temperatures() * log
        else:
            assert seen.next_legal is not None
            others = self.one_hot(like(said, sample(host(said), host(seen.next_legal), rng)))
            log, worth = self.weighed(self.targets, there, seen.next_legal, said, others)
            after = (log.exp() * (worth - self.temperatures()[:, None] * log)).sum(dim=-1)
        found: Tensor = seen.reward + seen.discount * after
        return found

    def policy_loss(self, seen: Seen, acted: Tensor, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean of temperature * log policy - the lesser critic (eq. 9), and the temperatures' (eq. 18)."""
        said, here = self.agents(seen.obs)[0], (seen.obs, seen.state)
        if self.spec.continuous:
            own, log = self.drawn(said, rng)
            worth = self.worth(self.networks, here, own, acted).amin(dim=0)
            loss, entropy = (self.temperatures() * log - worth).mean(), -log.detach()
            wanted: Tensor | float = self.settings.number_entropy * self.spec.actions
        else:
            assert seen.legal is not None
            with torch.no_grad():
                logs, worths = self.weighed(self.networks, here, seen.legal, said, acted)
            logs = log_policy(said, seen.legal, 0.0)
            loss = (logs.exp() * (self.temperatures()[:, None] * logs - worths)).sum(dim=-1).mean()
            entropy = -(logs.exp() * logs).sum(dim=-1).detach()
            wanted = self.settings.choice_entropy * seen.legal.sum(dim=-1).float().log()
        figures = {"policy_loss": loss.detach(), "entropy": entropy.mean(), "temperature": self.temperatures().mean()}
        if self.settings.tune:
            loss = loss + (self.temperatures.log * (entropy - wanted)).mean()
        return loss, figures

    def choose(self, said: npt.NDArray[np.float32], step: Step, rng: np.random.Generator, explore: bool) -> Any:
        found = draw(self.spec, said, step.legal, rng) if explore else likeliest(self.spec, said, step.legal)
        return np.tanh(found) if self.spec.continuous else found
