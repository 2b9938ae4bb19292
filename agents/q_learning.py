"""Q-learning for teams: IQL, VDN and QMIX are one learner and differ in the mixer.

Every agent has values for its actions; a mixer makes the chosen ones the team's value, which learns from the team's
reward (Sunehag et al. 2018; Rashid et al. 2018). Without a mixer every agent learns for itself (Tan 1993), and with one
agent that is DQN (Mnih et al. 2015), Double DQN (van Hasselt et al. 2016), Dueling DQN (Wang et al. 2016) or both.

Departures from the papers, all of them settings: target networks follow softly instead of being copied now and then;
rewards are divided by their running deviation, and observations and states brought to mean 0 and deviation 1; several
episodes are played side by side, then updates catch up, so that there is still one update an episode.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from counterplay.agents.learner import suits, within
from counterplay.agents.mixers import make_mixer
from counterplay.agents.networks import AgentNetwork
from counterplay.agents.off_policy import Batch, OffPolicy, OffPolicySettings, Rows, pick, spread
from counterplay.agents.returns import n_step, td_lambda
from counterplay.engine.env import EnvSpec


@dataclass(frozen=True)
class QLearningSettings(OffPolicySettings):
    """What can be set of IQL, VDN, QMIX and DQN."""

    mixer: Annotated[str, "none, vdn, qmix, or 'package.module:Class' for one's own"] = "none"
    double: Annotated[bool, "the network chooses the next action, its target values it"] = True
    n_step: Annotated[int, "rewards summed before the target network's value counts"] = 1
    td_lambda: Annotated[float, "mixes the returns of all lengths, 0 to 1; 0 leaves it to n_step"] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, n_step=(1, float("inf")), td_lambda=(0, 1))
        if self.td_lambda > 0 and self.n_step > 1:
            raise ValueError("n_step and td_lambda are two ways to look ahead; set one of them")


class QLearning(OffPolicy):
    """Agents, perhaps a mixer, and their targets."""

    settings: QLearningSettings

    def __init__(self, spec: EnvSpec, settings: QLearningSettings, seed: int) -> None:
        suits(spec, settings.mixer if settings.mixer != "none" else "iql", team=settings.mixer != "none")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            self.target_agents = self.agent_network()
            self.targets["agents"] = self.target_agents
            for modules in (self.networks, self.targets):
                if (mixer := make_mixer(settings.mixer, spec.agents, spec.state)) is not None:
                    modules["mixer"] = mixer
        self.ready()

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the mean squared TD error, the TD errors and the mean value."""
        rows = batch.rows()
        states = pick(batch.state, rows.seen)  # [R', S]
        values = self._values(self.agents, batch, rows)  # [R', N, A]
        action = pick(batch.action, rows.step)[..., None]
        chosen = values.index_select(0, rows.now).gather(-1, action)[..., 0]  # [R, N]
        mixed = self._mix(self.networks, chosen, states.index_select(0, rows.now))  # [R], or [R, N] without a mixer
        error = mixed - self.target(batch, rows, values.detach(), states)
        weight = batch.weight[rows.episode].view(-1, *[1] * (error.dim() - 1))
        loss = (weight * error.square()).mean()
        return loss, spread(error.detach(), rows.step, batch.filled), {"value": mixed.detach().mean()}

    @torch.no_grad()
    def target(self, batch: Batch, rows: Rows, values: Tensor, states: Tensor) -> Tensor:
        """Return what the (mixed) value of each step should have been, [R], or [R, N] without a mixer."""
        settings = self.settings
        following = self._values(self.target_agents, batch, rows).index_select(0, rows.next)
        judge = values.index_select(0, rows.next) if settings.double else following
        legal = pick(batch.legal, rows.seen).index_select(0, rows.next)
        best = judge.masked_fill(~legal, -torch.inf).argmax(dim=-1, keepdim=True)
        after = self._mix(self.targets, following.gather(-1, best)[..., 0], states.index_select(0, rows.next))
        after = spread(after, rows.step, batch.filled)  # [B, T], or [B, T, N]
        facts = batch.reward.numpy(), after.numpy(), batch.terminated.numpy(), batch.filled.numpy(), settings.gamma
        traced = settings.td_lambda > 0
        found = td_lambda(*facts, settings.td_lambda) if traced else n_step(*facts, settings.n_step)
        return pick(torch.from_numpy(found), rows.step)

    @staticmethod
    def _values(agents: AgentNetwork, batch: Batch, rows: Rows) -> Tensor:
        """Return every agent's action values in the rows seen, [R', N, A]."""
        if agents.memory is not None:
            return pick(agents(batch.obs, batch.last)[0], rows.seen)
        last = None if batch.last is None else pick(batch.last, rows.seen)
        values: Tensor = agents(pick(batch.obs, rows.seen), last)[0]
        return values

    @staticmethod
    def _mix(modules: nn.ModuleDict, values: Tensor, states: Tensor) -> Tensor:
        mixed: Tensor = modules["mixer"](values, states) if "mixer" in modules else values
        return mixed
