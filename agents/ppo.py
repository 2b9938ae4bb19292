"""Actor-critic for teams: MAPPO, IPPO, A2C and independent A2C are one learner and differ in settings.

Agents act by policies of what they see. A critic says what a state is worth: a central one sees the state (MAPPO, Yu et
al. 2022; A2C with a central critic, Papoudakis et al. 2021), otherwise every agent has its own and sees what the agent
does (IPPO, de Witt et al. 2020; independent A2C). Policies follow the clipped objective of PPO (Schulman et al. 2017,
eq. 7) by generalised advantages (Schulman et al. 2016). With one epoch of one minibatch the ratio of new to old
probabilities is 1 and clipping does nothing: that is A2C (Huang et al. 2022, "A2C is a special case of PPO").

With `pessimism` below 1, what went worse than thought counts for less, since others may have been wrong: advantages
below 0 (Zhao et al. 2024, "Optimistic Multi-Agent Policy Gradient", who leave them out), and, beyond that paper, the
critic's errors where it said too much, so that an advantage tells how near an action came to the best that was seen.

Every agent learns from its own rewards where an environment pays them, from the team's otherwise. Steps at which an
agent has a single legal action teach its critic and not its policy: so turn-based games are played too. An agent that
has left teaches neither; a central critic of the team says what it is worth without it.

Departures from Yu et al.: the central critic says one number for the whole team, since the team has one reward (N where
agents have their own), and is feed-forward where agents are recurrent, since a state needs no memory; a minibatch is
made of whole episodes; targets and advantages are worked out once, before the first epoch.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from counterplay.agents.learner import suits, within
from counterplay.agents.nn.bodies import Bodied
from counterplay.agents.nn.dense import MLP
from counterplay.agents.nn.device import like
from counterplay.agents.nn.networks import AgentNetwork, orthogonal
from counterplay.agents.on_policy import OnPolicy, OnPolicySettings, numbers
from counterplay.agents.returns import n_step, td_lambda
from counterplay.agents.team import Batch, Rows, mean_of, minibatches, put_rows, take_rows
from counterplay.engine.env import EnvSpec


@dataclass(frozen=True)
class PPOSettings(OnPolicySettings):
    """What can be set of MAPPO, IPPO and both kinds of A2C."""

    envs: Annotated[int, "episodes played side by side between updates"] = 32
    lr: Annotated[float, "learning rate of the agents (Adam)"] = 1e-3
    critic_lr: Annotated[float, "learning rate of the critic (Adam)"] = 1e-3
    clip: Annotated[float, "largest norm of a gradient"] = 1.0
    central: Annotated[bool, "one critic that sees the state, not one for each agent that sees what it does"] = True
    epochs: Annotated[int, "times that an update goes through what was played"] = 4
    minibatches: Annotated[int, "parts, of whole episodes, that an epoch is made of; one an episode at most"] = 4
    ratio_clip: Annotated[float, "how far probabilities may move from the old ones, as a share of them"] = 0.2
    value_clip: Annotated[float, "how far a value may move from the old one, in its deviations; 0: any"] = 0.2
    gae_lambda: Annotated[float, "weighs short against long advantages, 0 to 1; 1: all rewards to the end"] = 0.95
    n_step: Annotated[int, "rewards summed before the critic's value counts, in place of gae_lambda; 0: that"] = 0
    scale_advantages: Annotated[bool, "bring an update's advantages to mean 0 and deviation 1"] = True
    scale_values: Annotated[bool, "critics speak in running deviations from a running mean (PopArt)"] = True
    kl_stop: Annotated[float, "leave an update once policies have moved that far (KL divergence); 0: never"] = 0.0
    pessimism: Annotated[float, "weight of actions that did worse than thought, 0 to 1; 1 treats all alike"] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(
            self,
            epochs=(1, inf),
            minibatches=(1, inf),
            ratio_clip=(0, inf),
            value_clip=(0, inf),
            gae_lambda=(0, 1),
            n_step=(0, inf),
            kl_stop=(0, inf),
            pessimism=(0, 1),
        )


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
        self.moments.lerp_(torch.stack([rows.mean(), rows.square().mean(), torch.ones_like(rows[0, 0])]), self.rate)
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
    """What an update learns from, worked out before it begins. K is 1 for a team's central critic, else N."""

    log: Tensor  # [B, T, N] logarithms of the probabilities that the actions had
    advantage: Tensor  # [B, T, N]
    value: Tensor  # [B, T, K] as the critic said them
    target: Tensor  # [B, T, K] what the critic should have said


class PPO(OnPolicy):
    """Agents with policies, and a critic."""

    settings: PPOSettings

    def __init__(self, spec: EnvSpec, settings: PPOSettings, seed: int) -> None:
        suits(spec, "actor-critic", team=False, kinds=("choice", "choices", "numbers"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            self.critic: MLP | AgentNetwork | Bodied
            if settings.central:
                self.critic = MLP(spec.state, settings.hidden, 1 if spec.team else spec.agents)
            else:
                self.critic = self.agent_network(outputs=1)
            self.last = self.critic.out
            if settings.orthogonal:
                orthogonal(self.critic, self.last, 1.0)
            self.networks["critic"] = self.critic
        self.values = ValueScale()
        self.scales.add_module("values", self.values)
        self.ready()

    def improve(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        """Go through what was played `epochs` times."""
        settings = self.settings
        facts = self.facts(batch)
        updates: list[dict[str, Tensor]] = []
        kl = 0.0
        for part, known in minibatches(batch, facts, settings.epochs, settings.minibatches, rng):
            loss, figures = self.loss(part, Facts(*known))
            kl = figures["kl"].item()
            if settings.kl_stop and kl > settings.kl_stop:
                break
            actor, critic = self.descend(loss)
            updates.append(figures | {"gradient": actor, "critic_gradient": critic})
        return numbers(updates) | {"kl": kl, "epochs": len(updates) / self._count(batch)}

    @torch.no_grad()
    def facts(self, batch: Batch) -> Facts:
        """Work out advantages and targets, by the networks as they are."""
        settings, rows = self.settings, batch.rows()
        said = self._valued(batch, rows)  # [R', K]
        values = self.values.inverse(said) if settings.scale_values else said
        now, following = (put_rows(values.index_select(0, at), rows.step, batch.filled) for at in (rows.now, rows.next))
        facts = *batch.facts(following), settings.gamma
        lives = None if self._of_team else batch.lives()  # what the team is worth goes on without those who left
        ahead = settings.n_step
        found = n_step(*facts, ahead, lives) if ahead else td_lambda(*facts, settings.gae_lambda, lives)
        target = like(now, found)
        decisions = self.decisions(self.said(batch, rows), batch, rows)
        advantage = take_rows(target - now, rows.step).expand_as(decisions.chosen)
        if settings.pessimism < 1:
            advantage = advantage * torch.where(advantage < 0, settings.pessimism, 1.0)
        if settings.scale_advantages:
            if settings.pessimism == 1:  # else the mean of those that count for less is no middle
                advantage = advantage - decisions.mean(advantage)
            advantage = advantage / (decisions.mean(advantage.square()).sqrt() + 1e-6)
        if settings.scale_values:
            present, goals = self._present(batch, rows), take_rows(target, rows.step)
            self.values.learn(goals if present is None else goals[present > 0][:, None], self.last)
            now, target = self.values(now), self.values(target)
        log, advantage = (put_rows(part, rows.step, batch.filled) for part in (decisions.chosen, advantage))
        return Facts(log, advantage, now, target)

    def loss(self, batch: Batch, facts: Facts) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of agents and critic, and figures by name."""
        settings, rows = self.settings, batch.rows()
        old_log, advantage, old_value, target = (take_rows(part, rows.step) for part in facts)
        decisions = self.decisions(self.said(batch, rows), batch, rows)
        moved = decisions.chosen - old_log
        ratio = moved.exp()
        held = ratio.clamp(1 - settings.ratio_clip, 1 + settings.ratio_clip)
        gain = decisions.mean(torch.minimum(ratio * advantage, held * advantage))
        entropy = decisions.mean(decisions.entropy())

        value = self._valued(batch, rows).index_select(0, rows.now)
        error = (value - target).square()
        if settings.value_clip:
            near = old_value + (value - old_value).clamp(-settings.value_clip, settings.value_clip)
            error = torch.maximum(error, (near - target).square())
        if settings.pessimism < 1:
            error = error * torch.where(value.detach() > target, settings.pessimism, 1.0)
        value_loss = mean_of(error, self._present(batch, rows))
        with torch.no_grad():  # the divergence's estimate without bias and with little variance (Schulman 2020, k3)
            kl = decisions.mean(ratio - 1 - moved)
            clipped = decisions.mean(((ratio - 1).abs() > settings.ratio_clip).float())
        loss = value_loss - gain - settings.entropy * entropy
        figures = {"loss": loss, "value_loss": value_loss, "entropy": entropy, "kl": kl, "clipped": clipped}
        return loss, {name: figure.detach() for name, figure in figures.items()}

    @property
    def _of_team(self) -> bool:
        """Tell whether the critic says one number, for the whole team."""
        return self.settings.central and self.spec.team

    def _present(self, batch: Batch, rows: Rows) -> Tensor | None:
        """Return whose values count at the steps taken, [R, K]; None where all do."""
        return None if self._of_team else batch.present(rows.seen.index_select(0, rows.now))

    def _valued(self, batch: Batch, rows: Rows) -> Tensor:
        """Return what the critic says in the rows seen, [R', K]."""
        if not isinstance(self.critic, MLP):
            return self.ask(self.critic, batch, rows.seen)[..., 0]
        said: Tensor = self.critic(take_rows(batch.state, rows.seen))
        return said

    def _count(self, batch: Batch) -> int:
        """Return how many minibatches there are: none is empty where an environment plays fewer episodes."""
        return min(self.settings.minibatches, len(batch.filled))
