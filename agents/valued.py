"""What learners with policies and a critic have in common: what a state is worth, and so what an action gained.

A central critic sees the state (MAPPO, Yu et al. 2022; A2C with a central critic, Papoudakis et al. 2021), otherwise
every agent has its own and sees what the agent does (IPPO, de Witt et al. 2020; independent A2C).

Every agent learns from its own rewards where an environment pays them, from the team's otherwise. Steps at which an
agent has a single legal action teach its critic and not its policy: so turn-based games are played too. An agent that
has left teaches neither; a central critic of the team says what it is worth without it. Shape letters: R, R', N, A as
in `on_policy`; K is 1 for a team's central critic, else N.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.learner import suits, within
from counterplay.agents.nn.bodies import Bodied
from counterplay.agents.nn.dense import MLP
from counterplay.agents.nn.device import like
from counterplay.agents.nn.networks import AgentNetwork, orthogonal
from counterplay.agents.on_policy import Decisions, OnPolicy, OnPolicySettings
from counterplay.agents.returns import targets
from counterplay.agents.team import Batch, Rows, put_rows, take_rows
from counterplay.engine.env import EnvSpec


@dataclass(frozen=True)
class ValuedSettings(OnPolicySettings):
    """What can be set of learners with a critic."""

    envs: Annotated[int, "episodes played side by side between updates"] = 32
    lr: Annotated[float, "learning rate of the agents (Adam)"] = 1e-3
    critic_lr: Annotated[float, "learning rate of the critic (Adam)"] = 1e-3
    clip: Annotated[float, "largest norm of a gradient"] = 1.0
    central: Annotated[bool, "one critic that sees the state, not one for each agent that sees what it does"] = True
    scale_advantages: Annotated[bool, "bring an update's advantages to mean 0 and deviation 1"] = True
    scale_values: Annotated[bool, "critics speak in running deviations from a running mean (PopArt)"] = True
    pessimism: Annotated[float, "weight of actions that did worse than thought, 0 to 1; 1 treats all alike"] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, pessimism=(0, 1))


@dataclass(frozen=True)
class TracedSettings(ValuedSettings):
    """What can be set where critics also stand in for what comes later, and learn in minibatches."""

    value_clip: Annotated[float, "how far a value may move from the old one, in its deviations; 0: any"] = 0.2
    gae_lambda: Annotated[float, "weighs short against long advantages, 0 to 1; 1: all rewards to the end"] = 0.95
    n_step: Annotated[int, "rewards summed before the critic's value counts, in place of gae_lambda; 0: that"] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, value_clip=(0, float("inf")), gae_lambda=(0, 1), n_step=(0, float("inf")))


class ValueScale(nn.Module):
    """A running mean and deviation of what critics should say, which forgets slowly, for critics learn from themselves.

    As "ValueNorm" of Yu et al. (2022), and whenever it moves, the critic's last layer is changed so that what it says
    stays the same (PopArt, van Hasselt et al. 2016, eq. 9). Before anything was seen the mean is 0, the deviation 1.
    """

    def __init__(self, rate: float = 0.02, least: float = 1e-2) -> None:
        super().__init__()
        self.rate, self.least = rate, least
        self.moments: Tensor  # weighted sums of numbers, their squares, and the weights: these rise towards 1
        self.register_buffer("moments", torch.zeros(3, dtype=torch.float64))

    @property
    def mean(self) -> float:
        """The mean."""
        first, _, weight = self.moments.tolist()
        return float(first / weight) if weight else 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation, or the least that is allowed."""
        first, second, weight = self.moments.tolist()
        return float(max(second / weight - (first / weight) ** 2, self.least**2) ** 0.5) if weight else 1.0

    @torch.no_grad()
    def learn(self, numbers: Tensor, last: nn.Module) -> None:
        """Take in numbers, and change the critic's last layer."""
        mean, deviation = self.mean, self.deviation
        rows = numbers.double()
        first, second = together.means([rows, rows.square()])
        self.moments.lerp_(torch.stack([first, second, torch.ones_like(first)]), self.rate)
        for layer in last.modules():  # of agents with networks of their own, each has one
            if any(True for _ in layer.parameters(recurse=False)):
                weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
                weight.mul_(deviation / self.deviation)
                bias.copy_((bias * deviation + mean - self.mean) / self.deviation)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return numbers as the critic says them."""
        return (numbers - self.mean) / self.deviation

    def inverse(self, said: Tensor) -> Tensor:
        """Return what the critic says as what it means."""
        return said * self.deviation + self.mean


class Facts(NamedTuple):
    """What an update learns from, worked out before it begins; None where the learner has no need of it."""

    log: Tensor  # [B, T, N] logarithms of the probabilities that the actions had
    advantage: Tensor  # [B, T, N]
    value: Tensor | None = None  # [B, T, K] as the critic said them
    target: Tensor | None = None  # [B, T, K] what the critic should have said
    said: Tensor | None = None  # [B, T + 1, N, K] what policies were made of


class Valued(OnPolicy):
    """Agents with policies, and a critic of states."""

    settings: ValuedSettings

    def __init__(self, spec: EnvSpec, settings: ValuedSettings, seed: int) -> None:
        suits(spec, "actor-critic", team=False, kinds=("choice", "choices", "numbers"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            self.critic = self.make_critic()
            if self.critic is not None:
                if settings.orthogonal:
                    orthogonal(self.critic, self.critic.out, 1.0)
                self.networks["critic"] = self.critic
        self.values = ValueScale()
        self.scales.add_module("values", self.values)
        self.ready()

    def make_critic(self) -> MLP | AgentNetwork | Bodied | None:
        """Return a fresh critic; None for a learner that has none."""
        spec, settings = self.spec, self.settings
        if settings.central:
            return MLP(spec.state, settings.hidden, 1 if spec.team else spec.agents)
        return self.agent_network(outputs=1)

    def worth(self, batch: Batch, following: Tensor) -> Tensor:
        """Return what steps were worth, [B, T, K], given the values of the states that they led to."""
        raise NotImplementedError

    @torch.no_grad()
    def facts(self, batch: Batch) -> Facts:
        """Work out advantages and targets, by the networks as they are."""
        settings, rows = self.settings, batch.rows()
        valued = self.valued(batch, rows)  # [R', K]
        values = self.values.inverse(valued) if settings.scale_values else valued
        now, following = (put_rows(values.index_select(0, at), rows.step, batch.filled) for at in (rows.now, rows.next))
        target = self.worth(batch, following)
        decisions = self.decisions(self.said(batch, rows), batch, rows)
        gained = take_rows(target - now, rows.step).expand_as(decisions.chosen)
        advantage = scaled(gained, decisions, settings.pessimism, settings.scale_advantages)
        now, target = self.rescaled(batch, rows, now, target)
        log, advantage = (put_rows(part, rows.step, batch.filled) for part in (decisions.chosen, advantage))
        return Facts(log, advantage, now, target)

    def rescaled(self, batch: Batch, rows: Rows, now: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Take targets into the scale of values; return values and targets as the critic then says them."""
        if not self.settings.scale_values or self.critic is None:
            return now, target
        present, goals = self._present(batch, rows), take_rows(target, rows.step)
        self.values.learn(goals if present is None else goals[present > 0][:, None], self.critic.out)
        return self.values(now), self.values(target)

    def value_loss(self, batch: Batch, rows: Rows, facts: Facts, value_clip: float = 0.0) -> Tensor:
        """Return the mean squared error of the critic at the steps taken; where values are held, the larger one."""
        assert facts.value is not None
        assert facts.target is not None
        old, target = take_rows(facts.value, rows.step), take_rows(facts.target, rows.step)
        value = self.now_valued(batch, rows)
        error = (value - target).square()
        if value_clip:
            near = old + (value - old).clamp(-value_clip, value_clip)
            error = torch.maximum(error, (near - target).square())
        if self.settings.pessimism < 1:
            error = error * torch.where(value.detach() > target, self.settings.pessimism, 1.0)
        return together.mean(error, self._present(batch, rows))

    def now_valued(self, batch: Batch, rows: Rows) -> Tensor:
        """Return what the critic says at the steps taken, [R, K]."""
        if batch.merged is not None and isinstance(self.critic, MLP):
            return batch.answers(self.critic, batch.state, rows.seen.index_select(0, rows.now))
        return self.valued(batch, rows).index_select(0, rows.now)

    def valued(self, batch: Batch, rows: Rows) -> Tensor:
        """Return what the critic says in the rows seen, [R', K]."""
        assert self.critic is not None
        if not isinstance(self.critic, MLP):
            return self.ask(self.critic, batch, rows.seen)[..., 0]
        return batch.answers(self.critic, batch.state, rows.seen)

    @property
    def _of_team(self) -> bool:
        """Tell whether the critic says one number, for the whole team."""
        return self.settings.central and self.spec.team

    def _present(self, batch: Batch, rows: Rows) -> Tensor | None:
        """Return whose values count at the steps taken, [R, K]; None where all do."""
        return None if self._of_team else batch.present(rows.seen.index_select(0, rows.now))


class Traced(Valued):
    """A critic that also stands in for what comes later."""

    settings: TracedSettings

    def worth(self, batch: Batch, following: Tensor) -> Tensor:
        """Return lambda-returns, or n-step ones."""
        settings = self.settings
        lives = None if self._of_team else batch.lives()  # what the team is worth goes on without those who left
        trace, steps = settings.gae_lambda, settings.n_step
        return like(following, targets(*batch.facts(following), settings.gamma, trace=trace, steps=steps, lives=lives))


def scaled(gained: Tensor, decisions: Decisions, pessimism: float, scale: bool) -> Tensor:
    """Return advantages [R, N], those below 0 for so much less, and brought to mean 0 and deviation 1 if asked for."""
    if pessimism < 1:
        gained = gained * torch.where(gained < 0, pessimism, 1.0)
    if scale:
        if pessimism == 1:  # else the mean of those that count for less is no middle
            gained = gained - decisions.mean(gained)
        gained = gained / (decisions.mean(gained.square()).sqrt() + 1e-6)
    return gained
