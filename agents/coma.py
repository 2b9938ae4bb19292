"""COMA: counterfactual multi-agent policy gradients (Foerster et al., AAAI 2018; arXiv 1705.08926).

Agents act by policies of what they see; one critic, which sees the state and what the others do, says for each agent
what each of its actions would be worth. An agent's advantage is the value of what it did less what the team could
expect had it, and it alone, acted by its policy anew (section 4.2, eq. 4).

Departures from the paper: the critic learns from all steps at once, not backwards from the last one to the first; it
and the agents take their step of gradient together, so that advantages are those of the critic before it; the critic
sees neither an agent's own observation nor last actions beside the state (as in EPyMARL). Where time runs out, the
target bootstraps from an action that is drawn from the policies for the last state.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.learner import suits, within
from counterplay.agents.nn.dense import Dense, dense
from counterplay.agents.nn.device import host, like
from counterplay.agents.nn.networks import orthogonal
from counterplay.agents.on_policy import Decisions, OnPolicy, OnPolicySettings, numbers
from counterplay.agents.policies import Choice, log_policy
from counterplay.agents.returns import td_lambda
from counterplay.agents.rollout import sample
from counterplay.agents.team import Batch, Rows, mean_agent, put_rows, take_rows
from counterplay.engine.env import EnvSpec


@dataclass(frozen=True)
class COMASettings(OnPolicySettings):
    """What can be set of COMA."""

    lr: Annotated[float, "learning rate of the agents (Adam)"] = 1e-3
    critic_lr: Annotated[float, "learning rate of the critic (Adam)"] = 1e-3
    td_lambda: Annotated[float, "weighs short against long targets of the critic, 0 to 1"] = 0.8
    target_rate: Annotated[float, "how far the target critic moves to the critic at an update; 1 copies"] = 0.01
    target_every: Annotated[int, "updates between two moves of the target critic"] = 1
    scale_advantages: Annotated[bool, "divide an update's advantages by their deviation"] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, td_lambda=(0, 1), target_rate=(0, 1), target_every=(1, float("inf")))


class Critic(nn.Module):
    """What each of an agent's actions is worth, given the state, what the others do, and who it is (section 4.2).

    The first layer takes all of it as one-hot vectors beside the state. Its part for the others' actions is a sum over
    the agents of one row each, less the agent's own; so nothing is multiplied by zeros.
    """

    def __init__(self, state: int, agents: int, actions: int, hidden: int) -> None:
        super().__init__()
        self.agents, self.actions = agents, actions
        bound = (state + agents * (actions + 1)) ** -0.5
        self.state = Dense(state, hidden)
        self.others = nn.Parameter(torch.empty(agents * actions, hidden).uniform_(-bound, bound))
        self.ids = nn.Parameter(torch.empty(agents, hidden).uniform_(-bound, bound))
        self.second = Dense(hidden, hidden)
        self.out = Dense(hidden, actions)
        self.place: Tensor  # where each agent's actions begin
        self.register_buffer("place", torch.arange(agents) * actions)

    def forward(self, state: Tensor, action: Tensor, present: Tensor | None = None) -> Tensor:
        """Return values [R, N, A] in states [R, S] where the agents do `action`, [R, N], those `present` ([R, N])."""
        each = F.embedding(action + self.place, self.others)  # [R, N, H]
        if present is not None:
            each = each * present[..., None]
        others = each.sum(dim=1, keepdim=True) - each
        x = F.relu(self.state(state)[:, None] + others + self.ids)
        return dense(x, [self.second, self.out])


class COMA(OnPolicy):
    """Agents with policies, a critic of joint actions and its target."""

    settings: COMASettings

    def __init__(self, spec: EnvSpec, settings: COMASettings, seed: int) -> None:
        suits(spec, "coma", team=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            shape = spec.state, spec.agents, spec.actions, settings.hidden
            self.critic, self.target_critic = Critic(*shape), Critic(*shape)
            if settings.orthogonal:
                orthogonal(self.critic, self.critic.out, 1.0)
            self.networks["critic"], self.targets["critic"] = self.critic, self.target_critic
        self.ready()

    def improve(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        """Follow the gradient once."""
        loss, figures = self.loss(batch, rng)
        actor, critic = self.descend(loss)
        self.follow(self.settings.target_rate, self.settings.target_every)
        return numbers([figures | {"gradient": actor, "critic_gradient": critic}])

    def loss(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of agents and critic, and figures by name."""
        settings, rows = self.settings, batch.rows()
        logits = self.said(batch, rows)
        states, actions = take_rows(batch.state, rows.seen), self.actions(logits.detach(), batch, rows, rng)
        target = self.target(batch, rows, states, actions)
        taken, present = actions.index_select(0, rows.now), batch.present(rows.seen.index_select(0, rows.now))
        values = self.critic(states.index_select(0, rows.now), taken, present)  # [R, N, A]
        chosen = values.gather(-1, taken[..., None])[..., 0]
        value_loss = together.mean((chosen - target).square(), present)

        decisions = self.decisions(logits, batch, rows)
        worth = advantage(values.detach(), taken, decisions)
        if settings.scale_advantages:
            worth = worth / (decisions.mean(worth.square()).sqrt() + 1e-6)
        gain, entropy = decisions.mean(worth * decisions.chosen), decisions.mean(decisions.entropy())
        loss = value_loss - gain - settings.entropy * entropy
        figures = {"loss": loss, "value_loss": value_loss, "entropy": entropy, "value": together.mean(chosen, present)}
        return loss, {name: figure.detach() for name, figure in figures.items()}

    def actions(self, logits: Tensor, batch: Batch, rows: Rows, rng: np.random.Generator) -> Tensor:
        """Return the actions in the rows seen, [R', N]; where an episode has ended, some that might have followed."""
        legal = take_rows(batch.legal, rows.seen)
        log = log_policy(logits, legal, self.epsilon)
        drawn = like(log, sample(host(log), host(legal), rng))
        return drawn.index_copy(0, rows.now, take_rows(batch.action, rows.step))

    @torch.no_grad()
    def target(self, batch: Batch, rows: Rows, states: Tensor, actions: Tensor) -> Tensor:
        """Return what the critic should have said of the actions taken: TD(lambda), [R, N].

        What it says for each agent is the team's worth; for one that has left that is what it says for those who stay.
        """
        after, present = actions.index_select(0, rows.next), batch.present(rows.seen.index_select(0, rows.next))
        values = self.target_critic(states.index_select(0, rows.next), after, present)
        values = values.gather(-1, after[..., None])[..., 0]
        if present is not None:
            values = torch.where(present > 0, values, mean_agent(values, present)[:, None])
        worth = put_rows(values, rows.step, batch.filled)
        found = td_lambda(*batch.facts(worth), self.settings.gamma, self.settings.td_lambda)
        return take_rows(like(worth, found), rows.step)


def advantage(values: Tensor, taken: Tensor, decisions: Decisions) -> Tensor:
    """Return the counterfactual advantages, [R, N], by values [R, N, A] and the actions taken, [R, N] (eq. 4)."""
    assert isinstance(decisions.policy, Choice)
    baseline = (decisions.policy.log.detach().exp() * values).sum(dim=-1)
    return values.gather(-1, taken[..., None])[..., 0] - baseline
