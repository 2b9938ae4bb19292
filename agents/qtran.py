"""QTRAN: a joint action-value learned freely, and agents' values held to have the same best actions.

Son et al. 2019, "QTRAN: Learning to Factorize with Transformation for Cooperative Multi-Agent Reinforcement Learning"
(ICML, arXiv 1905.05408). The joint value Q_jt learns from the team's reward like DQN. The agents' values Q_i, with a
state's value V_jt, follow it: D(u) = sum_i Q_i(u_i) - Q_jt(u) + V_jt has to be 0 at the agents' best actions and 0 or
more elsewhere, and then those are Q_jt's best as well (theorem 1, conditions 4a and 4b). QTRAN-base asks that of the
agents' best actions (the loss L_opt) and of those taken (L_nopt); QTRAN-alt asks, in place of the second, that the
least D over each agent's actions, the others' given, is 0 (theorem 2; L_nopt-min), for which its joint network tells
the values of all of an agent's actions at once.

Departures from the paper. The joint networks see the environment's state too, as in PyMARL: `joint=state` is its
"coma_critic", `joint=features` its "qtran_paper", except that there the state's value sees the agents' features as well
(as in the paper), and that the linear layer at the end of the features' encoding is merged with the one that follows
the sum over agents. Double Q-learning, soft targets, scaled rewards and inputs as in `q_learning`. The alternative's
joint value has N estimates, one for each agent's own actions: each learns from the same target, which takes their mean.
Both constraints weigh 1, where PyMARL gives the second 0.1. Of an agent that has left nothing is seen or counted.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.learner import suits, within
from counterplay.agents.nn.dense import MLP, Dense
from counterplay.agents.q_learning import OffPolicy, OffPolicySettings
from counterplay.agents.team import Batch, Rows, at_actions, mean_agent, take_rows
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class QTRANSettings(OffPolicySettings):
    """What can be set of QTRAN."""

    counterfactual: Annotated[bool, "QTRAN-alt instead of QTRAN-base"] = False
    joint: Annotated[str, "what the joint networks see of the agents: 'state' alone, or their 'features' too"] = "state"
    joint_hidden: Annotated[int, "width of the joint networks' hidden layers"] = 128
    opt: Annotated[float, "weight of the constraint at the agents' best actions (lambda_opt)"] = 1.0
    nopt: Annotated[float, "weight of the constraint at other actions (lambda_nopt)"] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, joint_hidden=(1, 65536), opt=(0, float("inf")), nopt=(0, float("inf")))
        if self.joint not in ("state", "features"):
            raise UserError(f"joint must be state or features, not {self.joint!r}")


class JointValue(nn.Module):
    """Q_jt of joint actions, [...]; or, counterfactual, of each agent's actions given the others', [..., N, A].

    The first layer takes the state and all agents' actions, one-hot. With `features` (the width of what the agents
    hand in), an agent's action is seen together with its last hidden layer, and the sum over agents is passed on.
    """

    offset: Tensor  # [N] where each agent's actions begin in the embedding

    def __init__(self, spec: EnvSpec, hidden: int, features: int, counterfactual: bool) -> None:
        super().__init__()
        agents, actions = spec.agents, spec.actions
        self.counterfactual = counterfactual
        self.state = Dense(spec.state, hidden)
        # A one-hot vector times a matrix is a row of it. Among features agents share it: those tell who is who.
        self.action = nn.Embedding(actions if features else agents * actions, hidden)
        bound = (spec.state + agents * actions) ** -0.5
        nn.init.uniform_(self.action.weight, -bound, bound)
        self.register_buffer("offset", torch.zeros(1).long() if features else torch.arange(agents) * actions)
        self.feature = Dense(features, hidden) if features else None
        self.join = nn.Linear(hidden, hidden, bias=False) if features else None
        # Whose actions are asked for: told by the agent's features, or by its number.
        self.own = Dense(features, hidden) if features and counterfactual else None
        self.ids = nn.Parameter(torch.empty(agents, hidden).uniform_(-bound, bound)) if counterfactual else None
        self.rest = MLP(hidden, hidden, actions if counterfactual else 1, layers=1)

    def forward(
        self, states: Tensor, actions: Tensor, features: Tensor | None, present: Tensor | None = None
    ) -> Tensor:
        """Return the values in states [..., S] of joint actions [..., N], with the agents' features [..., N, H].

        Nothing is seen of an agent that is not `present` ([..., N], 1 or 0).
        """
        each = self.action(actions + self.offset)  # [..., N, H]
        if self.feature is not None:
            each = F.relu(each + self.feature(features))
        if present is not None:
            each = each * present[..., None]
        seen = each.sum(dim=-2)
        if self.ids is None:
            joined = seen if self.join is None else self.join(seen)
            values: Tensor = self.rest(F.relu(self.state(states) + joined))[..., 0]
            return values
        others = seen[..., None, :] - each
        if self.join is not None and self.own is not None:
            others = self.join(others) + self.own(features)
        values = self.rest(F.relu(self.state(states)[..., None, :] + others + self.ids))
        return values


class StateValue(nn.Module):
    """V_jt, [...]: what the agents' values cannot tell of the joint one because each sees only a part."""

    def __init__(self, spec: EnvSpec, hidden: int, features: int) -> None:
        super().__init__()
        self.state = Dense(spec.state, hidden)
        self.feature = Dense(features, hidden) if features else None
        self.join = nn.Linear(hidden, hidden, bias=False) if features else None
        self.rest = MLP(hidden, hidden, 1, layers=1)

    def forward(self, states: Tensor, features: Tensor | None, present: Tensor | None = None) -> Tensor:
        """Return the values of states [..., S], with the features [..., N, H] of agents that are `present`."""
        seen = self.state(states)
        if self.feature is not None and self.join is not None:
            each = F.relu(self.feature(features))
            seen = seen + self.join((each if present is None else each * present[..., None]).sum(dim=-2))
        values: Tensor = self.rest(F.relu(seen))[..., 0]
        return values


class QTRAN(OffPolicy):
    """Agents, a joint action-value and a state's value, and the targets of the first two."""

    settings: QTRANSettings

    def __init__(self, spec: EnvSpec, settings: QTRANSettings, seed: int) -> None:
        suits(spec, "qtran_alt" if settings.counterfactual else "qtran", team=True)
        features = settings.hidden if settings.joint == "features" else 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            for modules in (self.networks, self.targets):
                modules["joint"] = JointValue(spec, settings.joint_hidden, features, settings.counterfactual)
            self.networks["state"] = StateValue(spec, settings.joint_hidden, features)
        self.ready()

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return L_td + opt L_opt + nopt L_nopt (or L_nopt-min), the TD errors, and the three by name."""
        settings, joint = self.settings, self.networks["joint"]
        rows = batch.rows()
        every = self.features(self.agents, batch, rows.seen)  # [R', N, H]
        values = self.agents.head(every)  # [R', N, A]
        target = self.target(batch, rows, values.detach())  # [R]

        at = rows.seen.index_select(0, rows.now)
        states, legal = take_rows(batch.state, at), take_rows(batch.legal, at)
        action = take_rows(batch.action, rows.step)
        features = self._shown(every.index_select(0, rows.now))
        values, present = values.index_select(0, rows.now), batch.present(at)
        greedy = self.best(values, batch, at)  # [R, N]
        state = self.networks["state"](states, features, present)  # [R]
        each, top = at_actions(values, action), at_actions(values, greedy)  # [R, N]
        if present is not None:
            each, top = each * present, top * present
        total, most = each.sum(dim=-1) + state, top.sum(dim=-1) + state  # [R]
        played = joint(states, action, features, present)
        with torch.no_grad():  # the agents follow the joint value, not the other way round
            at_best = joint(states, greedy, features, present)

        if settings.counterfactual:
            error = at_actions(played, action) - target[:, None]  # [R, N]
            optimum = most[:, None] - at_actions(at_best, greedy)  # [R, N]
            # D with another action of one of the agents, each in turn.
            gap = (total[:, None] - each)[..., None] + values - played.detach()  # [R, N, A]
            elsewhere = gap.masked_fill(~legal, torch.inf).amin(dim=-1)  # [R, N]
        else:
            error = played - target  # [R]
            optimum = most - at_best
            elsewhere = (total - played.detach()).clamp(max=0)
            present = None  # every step is the team's
        if present is not None:
            error = error * present
        parts = error, optimum, elsewhere
        td, opt, nopt = (together.mean(self.weighted(part.square(), batch, rows), present) for part in parts)
        figures = {"td": td.detach(), "opt": opt.detach(), "nopt": nopt.detach()}
        loss = td + settings.opt * opt + settings.nopt * nopt
        return loss, error.detach(), figures

    @torch.no_grad()
    def target(self, batch: Batch, rows: Rows, values: Tensor) -> Tensor:
        """Return what the joint value of each step should have been, [R]."""
        at = rows.seen.index_select(0, rows.next)
        features = self.features(self.target_agents, batch, at)
        greedy = self.following(batch, rows, values, self.target_agents.head(features))
        states, present = take_rows(batch.state, at), batch.present(at)
        after = self.targets["joint"](states, greedy, self._shown(features), present)
        if self.settings.counterfactual:
            after = mean_agent(at_actions(after, greedy), present)
        return self.returns(batch, rows, after)

    def _shown(self, features: Tensor) -> Tensor | None:
        return features if self.settings.joint == "features" else None
