"""VRPO: PPO whose advantages come from central action values (Fan and Farina 2026, arXiv 2605.19235).

Where policies are random, as they are in equilibrium, generalised advantages carry the noise of the actions that were
drawn later on, even with a perfect critic. Here a critic that sees the state says what each action is worth, what is to
come is averaged over the policy instead of the action drawn, and errors are traced as in Expected SARSA(lambda):

    G[t] = r[t] + gamma (v[t + 1] + lambda (G[t + 1] - q[t + 1])),    advantage[t] = G[t] - v[t],

where q[t] is said of the action taken and v[t] is the mean of what is said under the policy. The policies' objective is
PPO's (`clipped`), magnet included.

In turn-based games the action that counts is that of the player whose turn it is, and the critic says what it is worth
to each player: so what opponents draw is averaged too. Where agents act at once the critic says of each agent what its
own actions are worth while the others follow their policies. Departure: all details beyond the estimator are those of
our PPO, for the paper's settings were not at hand.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from counterplay.agents.learner import suits
from counterplay.agents.nn.dense import MLP
from counterplay.agents.nn.device import host, like
from counterplay.agents.policies import log_policy
from counterplay.agents.ppo import PPO, PPOSettings
from counterplay.agents.returns import targets
from counterplay.agents.team import Batch, Rows, put_rows, take_rows
from counterplay.agents.valued import Facts, scaled
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class VRPOSettings(PPOSettings):
    """What can be set of VRPO."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.central:
            raise UserError("vrpo's critic sees the state: central must be true")


class VRPO(PPO):
    """Agents with policies, and a critic of their actions."""

    settings: VRPOSettings

    def __init__(self, spec: EnvSpec, settings: VRPOSettings, seed: int) -> None:
        suits(spec, "vrpo", team=False)
        super().__init__(spec, settings, seed)

    def make_critic(self) -> MLP:
        """Return a fresh critic: what each action is worth to each agent, N times A numbers."""
        return MLP(self.spec.state, self.settings.hidden, self.spec.agents * self.spec.actions)

    @torch.no_grad()
    def facts(self, batch: Batch) -> Facts:
        """Work out advantages and targets, by the networks as they are."""
        settings, rows = self.settings, batch.rows()
        said, legal = self.said(batch, rows), take_rows(batch.legal, rows.seen)
        by, action_values = self.choosers(batch, rows), self.action_values(batch, rows)
        if settings.scale_values:
            action_values = self.values.inverse(action_values)
        shares = log_policy(self.in_rows(said, batch, rows), legal, self.epsilon).exp()
        shares = shares.gather(1, by[..., None].expand_as(shares))  # whose action counts for each agent
        mean = (shares * action_values).sum(dim=-1)  # [R', N]
        q = self.of_taken(action_values, by, batch, rows)
        value, now, following = (
            put_rows(part, rows.step, batch.filled)
            for part in (mean.index_select(0, rows.now), q, mean.index_select(0, rows.next))
        )
        drawn = host(torch.ones_like(now))
        found = targets(
            *batch.facts(following),
            settings.gamma,
            trace=settings.gae_lambda,
            steps=settings.n_step,
            lives=batch.lives(),
            now=host(now),
            ratio=drawn,
        )
        target = like(now, found)
        decisions = self.decisions(said, batch, rows)
        gained = take_rows(target - value, rows.step)
        advantage = scaled(gained, decisions, settings.pessimism, settings.scale_advantages)
        now, target = self.rescaled(batch, rows, now, target)
        log, advantage = (put_rows(part, rows.step, batch.filled) for part in (decisions.chosen, advantage))
        return Facts(log, advantage, now, target)

    def action_values(self, batch: Batch, rows: Rows) -> Tensor:
        """Return what the critic says of all actions in the rows seen, [R', N, A]."""
        assert isinstance(self.critic, MLP)
        said = batch.answers(self.critic, batch.state, rows.seen)
        return said.view(len(said), self.spec.agents, self.spec.actions)

    def choosers(self, batch: Batch, rows: Rows) -> Tensor:
        """Return whose action counts for each agent in the rows seen, [R', N]: its own, or his whose turn it is."""
        free = take_rows(batch.legal, rows.seen).sum(dim=-1) > 1
        own = torch.arange(self.spec.agents, device=free.device).expand_as(free)
        if not self.spec.turns:
            return own
        return torch.where(free.any(dim=-1, keepdim=True), free.int().argmax(dim=-1, keepdim=True), own)

    def of_taken(self, action_values: Tensor, by: Tensor, batch: Batch, rows: Rows) -> Tensor:
        """Return the values of the actions taken at the steps, [R, N]."""
        taken = take_rows(batch.action, rows.step).gather(1, by.index_select(0, rows.now))
        return action_values.index_select(0, rows.now).gather(-1, taken[..., None])[..., 0]

    def now_valued(self, batch: Batch, rows: Rows) -> Tensor:
        """Return what the critic says of the actions taken, [R, N]."""
        return self.of_taken(self.action_values(batch, rows), self.choosers(batch, rows), batch, rows)

    @property
    def _of_team(self) -> bool:
        """The critic says a number for each agent."""
        return False
