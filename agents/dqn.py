"""DQN and what was added to it, each of them a setting: one agent, or agents by themselves, from single moves.

DQN (Mnih et al. 2015); Double (van Hasselt et al. 2016): the network chooses the next action, its target values it;
Dueling (Wang et al. 2016); prioritised replay (Schaul et al. 2016); n-step returns; distributions of values (C51,
Bellemare et al. 2017); noisy layers (Fortunato et al. 2018). Rainbow (Hessel et al. 2018) is all of them, and D3QN
double and dueling.

Agents that are several learn each for itself, from its own reward or the team's, and share a network that knows whose
it is (`shared`). Departures, all of them settings: target networks follow softly; observations and rewards are scaled,
so that atoms lie among scaled returns; errors are squared, with large gradients cut (`clip`), in place of Huber's loss.

Shape letters: R moves drawn, N agents, A actions, Z atoms.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.from_moves import FromMoves, MoveSettings, Seen
from counterplay.agents.learner import suits, within
from counterplay.agents.nn.bodies import Bodied
from counterplay.agents.nn.device import host, like
from counterplay.agents.nn.networks import AgentNetwork
from counterplay.agents.nn.noisy import ValueNetwork, project
from counterplay.agents.q_learning import ActionValues, ActionValueSettings
from counterplay.agents.rollout import Episodes, greedy
from counterplay.agents.team import at_actions
from counterplay.engine.env import EnvSpec, Step
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class DQNSettings(MoveSettings, ActionValueSettings):
    """What can be set of DQN, D3QN and Rainbow."""

    epsilon_steps: Annotated[int, "environment steps over which the share falls, in a straight line"] = 10_000
    double: Annotated[bool, "the network chooses the next action, its target values it"] = False
    dueling: Annotated[bool, "a state's value and the actions' advantages apart"] = False
    noisy: Annotated[bool, "layers with noise that is learned, in place of random actions"] = False
    atoms: Annotated[int, "values of which a distribution is learned (C51); 0: expected values alone"] = 0
    value_low: Annotated[float, "the lowest of these atoms, among returns of scaled rewards"] = -10.0
    value_high: Annotated[float, "the highest of them"] = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, atoms=(0, 10_000))
        if self.atoms == 1 or not self.value_low < self.value_high:
            raise UserError(
                f"a distribution needs two atoms or more from a low value to a high one, not {self.atoms} "
                f"from value_low={self.value_low} to value_high={self.value_high}"
            )
        if self.body != "mlp" and (self.noisy or self.atoms):
            raise UserError(
                f"noisy layers and distributions are there with body=mlp: with body={self.body} set noisy=false and "
                "atoms=0"
            )


class DQN(FromMoves, ActionValues):
    """Agents with action values, and their slow copies."""

    settings: DQNSettings

    def __init__(self, spec: EnvSpec, settings: DQNSettings, seed: int) -> None:
        suits(spec, "dqn", team=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            self.slow = self.agent_network()
            self.targets["agents"] = self.slow
        self.ready()

    def agent_network(self, outputs: int | None = None, dueling: bool = False) -> AgentNetwork | Bodied:
        """Return a fresh network of the agents."""
        spec, s = self.spec, self.settings
        if s.body != "mlp" or s.roles:
            return super().agent_network(outputs, s.dueling)
        return ValueNetwork(
            spec.observation,
            spec.agents,
            spec.actions,
            support=(s.value_low, s.value_high, s.atoms),
            noisy=s.noisy,
            dueling=s.dueling,
            hidden=s.hidden,
            shared=s.shared,
            ids=s.ids,
        )

    @staticmethod
    def said(network: AgentNetwork | Bodied, obs: Tensor) -> Tensor:
        """Return what agents' networks say of observations [R, N, O]: logits or values, [R, N, A, Z]."""
        found = network.logits(obs) if isinstance(network, ValueNetwork) else network(obs)[0][..., None]
        return found

    def loss(self, seen: Seen, rng: np.random.Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the mean squared TD error, or of distributions the mean cross entropy; errors [R, N]; figures."""
        for network in (self.agents, self.slow):
            if isinstance(network, ValueNetwork):
                network.renew(rng)
        said = self._at(self.said(self.agents, seen.obs), seen.action)  # [R, N, Z]
        with torch.no_grad():
            goal = self.goal(seen)
        if isinstance(self.agents, ValueNetwork) and self.settings.atoms:
            error = -(goal * said.log_softmax(dim=-1)).sum(dim=-1)
            value = self.agents.expected(said.detach())
            return (error * seen.weight).mean(), error.detach(), {"value": value.mean()}
        error = (said - goal)[..., 0]
        return (error.square() * seen.weight).mean(), error.detach(), {"value": said.detach().mean()}

    def goal(self, seen: Seen) -> Tensor:
        """Return what should have been said, [R, N, Z]: values (Z is 1), or probabilities of the atoms."""
        after = self.said(self.slow, seen.next_obs)  # [R, N, A, Z]
        judge = self.agents if self.settings.double else self.slow
        values = judge(seen.next_obs)[0]
        assert seen.next_legal is not None
        best = like(values, greedy(host(values), host(seen.next_legal)))
        then = self._at(after, best)
        reward = seen.reward.expand(best.shape)[..., None]
        if not (isinstance(self.slow, ValueNetwork) and self.settings.atoms):
            return reward + seen.discount[..., None] * then
        support = self.slow.support
        return project(then.softmax(dim=-1), reward + seen.discount[..., None] * support, support)

    @staticmethod
    def _at(logits: Tensor, action: Tensor) -> Tensor:
        """Return what is said of those actions; [R, N, A, Z] becomes [R, N, Z]."""
        return at_actions(logits.transpose(-1, -2), action[..., None].expand(*action.shape, logits.shape[-1]))

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return the best actions by their values, noisy ones while exploring, or those of the explorer."""
        noisy = self.agents if isinstance(self.agents, ValueNetwork) else None
        if noisy is None:
            return super().act(step, rng, explore)
        if explore:
            noisy.renew(rng)
        noisy.quiet(not explore)
        chosen = super().act(step, rng, explore)
        noisy.quiet(False)
        return chosen

    def learn(self, episodes: Episodes, rng: np.random.Generator) -> dict[str, float]:
        """Put the moves into the replay and make the updates that are due."""
        found = super().learn(episodes, rng)
        self.explorer.learned()
        return found
