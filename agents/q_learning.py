"""Q-learning for teams: IQL, VDN and QMIX are one learner and differ in the mixer.

Every agent has values for its actions; a mixer makes the chosen ones the team's value, which learns from the team's
reward (Sunehag et al. 2018; Rashid et al. 2018). Without a mixer every agent learns for itself (Tan 1993), and with one
agent that is DQN (Mnih et al. 2015), Double DQN (van Hasselt et al. 2016), Dueling DQN (Wang et al. 2016) or both.

Departures from the papers, all of them settings: target networks follow softly instead of being copied now and then;
rewards are divided by their running deviation, and observations and states brought to mean 0 and deviation 1; several
episodes are played side by side, then updates catch up, so that there is still one update an episode.

With `pessimism` below 1, errors that would lower a value count for less: for agents by themselves that is hysteretic
Q-learning (Matignon et al. 2007; Omidshafiei et al. 2017), with QMIX the optimistic weights of Weighted QMIX (Rashid et
al. 2020) with QMIX's own target instead of a further, unrestricted network's.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from counterplay.agents.learner import suits, within
from counterplay.agents.nn.mixers import make_mixer
from counterplay.agents.off_policy import OffPolicy, OffPolicySettings
from counterplay.agents.team import Batch, Rows, pick, taken
from counterplay.engine.env import EnvSpec


@dataclass(frozen=True)
class QLearningSettings(OffPolicySettings):
    """What can be set of IQL, VDN, QMIX and DQN."""

    mixer: Annotated[str, "none, vdn, qmix, or 'package.module:Class' for one's own"] = "none"
    pessimism: Annotated[float, "weight of steps that went worse than thought, 0 to 1; 1 treats all alike"] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, pessimism=(0, 1))


class QLearning(OffPolicy):
    """Agents, perhaps a mixer, and their targets."""

    settings: QLearningSettings

    def __init__(self, spec: EnvSpec, settings: QLearningSettings, seed: int) -> None:
        suits(spec, settings.mixer if settings.mixer != "none" else "iql", team=settings.mixer != "none")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            for modules in (self.networks, self.targets):
                if (mixer := make_mixer(settings.mixer, spec.agents, spec.state)) is not None:
                    modules["mixer"] = mixer
        self.ready()

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the mean squared TD error, the TD errors [R] or [R, N], and the mean value."""
        rows = batch.rows()
        states = pick(batch.state, rows.seen)  # [R', S]
        values = self.ask(self.agents, batch, rows.seen)  # [R', N, A]
        played = taken(values, pick(batch.action, rows.step), rows.now)  # [R, N]
        mixed = self._mix(self.networks, played, states.index_select(0, rows.now))  # [R], or [R, N] without a mixer
        error = mixed - self.target(batch, rows, values.detach(), states)
        squares = self.weighted(error.square(), batch, rows)
        if self.settings.pessimism < 1:
            squares = squares * torch.where(error.detach() > 0, self.settings.pessimism, 1.0)
        return squares.mean(), error.detach(), {"value": mixed.detach().mean()}

    @torch.no_grad()
    def target(self, batch: Batch, rows: Rows, values: Tensor, states: Tensor) -> Tensor:
        """Return what the (mixed) value of each step should have been, [R], or [R, N] without a mixer."""
        after = self.ask(self.target_agents, batch, rows.seen.index_select(0, rows.next))
        played = taken(after, self.following(batch, rows, values, after))
        return self.returns(batch, rows, self._mix(self.targets, played, states.index_select(0, rows.next)))

    @staticmethod
    def _mix(modules: nn.ModuleDict, values: Tensor, states: Tensor) -> Tensor:
        mixed: Tensor = modules["mixer"](values, states) if "mixer" in modules else values
        return mixed
