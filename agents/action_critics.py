"""Actors and critics of actions, from single moves: what DDPG, TD3, SAC and their kinds for teams have in common.

Every agent has an actor that sees what it observes, and critics that say what its action is worth: those of its own
observation and action, or *central* ones of the state and all agents' actions (Lowe et al. 2017, "Multi-Agent
Actor-Critic for Mixed Cooperative-Competitive Environments"), which are there while it learns alone. Of several critics
targets believe the least (Fujimoto et al. 2018, section 4.2). An actor follows the gradient of its critic; to a
central one the others' actions are those out of the replay (Lowe et al., eq. 6).

An action is A numbers in [-1, 1], or a choice among A; critics see a choice as one-hot. A learner of this kind (`ddpg`,
`sac`) brings its actors' policies, its targets and its actors' loss. Critics and actors follow their gradients in one
backward pass: while an actor's loss is worked out, the critics are held.

Shape letters: R moves drawn, N agents, A actions, K outputs of an actor.
"""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.agents.from_moves import FromMoves, MoveSettings, Seen
from counterplay.agents.learner import suits, within
from counterplay.agents.nn.networks import AgentNetwork, side_by_side
from counterplay.engine.env import EnvSpec, Step, random_actions

KINDS = ("numbers", "choice")  # of actions that these learners take


@dataclass(frozen=True)
class CriticSettings(MoveSettings):
    """What can be set of every learner with critics of actions."""

    lr: Annotated[float, "learning rate of the actors (Adam)"] = 1e-3
    critic_lr: Annotated[float, "learning rate of the critics (Adam)"] = 1e-3
    epsilon_start: Annotated[float, "share of random actions at the start"] = 0.0
    epsilon_end: Annotated[float, "share of random actions at the end"] = 0.0
    random_steps: Annotated[int, "environment steps at the start in which all actions are random"] = 1000
    central: Annotated[bool, "critics see the state and all agents' actions, not an agent's own alone"] = False
    critics: Annotated[int, "critics of every agent, of which targets believe the least"] = 2
    policy_every: Annotated[int, "updates of the critics between two of the actors"] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(self, critic_lr=(0, inf), random_steps=(0, inf), critics=(1, 10), policy_every=(1, inf))


class ActionCritics(FromMoves):
    """Everything but the actors' policies, targets and loss. Critics are `networks["critic0"]`, and so on."""

    settings: CriticSettings

    def __init__(self, spec: EnvSpec, settings: CriticSettings, seed: int, name: str) -> None:
        suits(spec, name, team=False, kinds=KINDS)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings, settings.central)
            self.own = torch.eye(spec.agents, dtype=torch.bool)[:, :, None]  # [N, N, 1] whose action is an agent's own
            for k in range(settings.critics):
                for modules in (self.networks, self.targets):
                    modules[f"critic{k}"] = self._critic()
            self.add_networks()
        self.ready()

    def add_networks(self) -> None:
        """Add what a learner has beside actors and critics."""

    def _critic(self) -> AgentNetwork:
        spec, settings = self.spec, self.settings
        width = spec.state + spec.agents * spec.actions if settings.central else spec.observation + spec.actions
        return AgentNetwork(
            width, spec.agents, spec.actions, 1, hidden=settings.hidden, shared=settings.shared, ids=settings.ids
        )

    def groups(self) -> list[tuple[list[str], float]]:
        """Return the actors, the critics, and what else there is, each with their learning rate."""
        critics = [name for name in self.networks if name.startswith("critic")]
        rest = [name for name in self.networks if name not in ("agents", *critics)]
        acting = [(["agents"], self.settings.lr), (critics, self.settings.critic_lr)]
        return [*acting, (rest, self.settings.lr)] if rest else acting

    def paces(self) -> list[int]:
        """Return that critics learn at every update, and all else now and then."""
        every = self.settings.policy_every
        return [1 if names[0].startswith("critic") else every for names, _ in self.groups()]

    def to(self, device: torch.device) -> None:
        super().to(device)
        self.own = self.own.to(device)

    @abstractmethod
    def goal(self, seen: Seen, rng: np.random.Generator) -> Tensor:
        """Return what the critics should say, [R, N]."""

    @abstractmethod
    def policy_loss(self, seen: Seen, acted: Tensor, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the actors' loss, in which the critics are held, and figures; `acted` is as critics see actions."""

    @abstractmethod
    def choose(self, said: npt.NDArray[np.float32], step: Step, rng: np.random.Generator, explore: bool) -> Any:
        """Return actions out of what actors said, [B, N, K]."""

    def worth(
        self,
        networks: nn.ModuleDict,
        seen: tuple[Tensor, Tensor | None],
        own: Tensor,
        others: Tensor,
        critics: int | None = None,
    ) -> Tensor:
        """Return what each critic says, or the first so many, [critics, ..., N].

        `seen` is observations [..., N, O] and states [..., S]; an agent's own action is out of `own`, [..., N, A], and
        to a central critic the others' are out of `others`.
        """
        obs, state = seen
        if state is None:
            x = torch.cat([obs, own], dim=-1)
        else:
            if own is others:
                joint = own.flatten(-2).unsqueeze(-2).expand(*own.shape[:-1], -1)  # [..., N, N A]
            else:
                joint = torch.where(self.own, own[..., None, :, :], others[..., None, :, :]).flatten(-2)
            x = torch.cat([state[..., None, :].expand(*joint.shape[:-1], -1), joint], dim=-1)
        asked = [cast(AgentNetwork, networks[f"critic{k}"]) for k in range(critics or self.settings.critics)]
        return torch.stack(side_by_side(asked, x)).squeeze(-1)

    def one_hot(self, action: Tensor) -> Tensor:
        """Return actions as critics see them, [..., N, A]."""
        return action if self.spec.continuous else F.one_hot(action, self.spec.actions).float()

    def loss(self, seen: Seen, rng: np.random.Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the critics' mean squared errors, and, where it is their turn, the actors' loss; errors; figures."""
        with torch.no_grad():
            goal = self.goal(seen, rng)
        acted = self.one_hot(seen.action)
        said = self.worth(self.networks, (seen.obs, seen.state), acted, acted)
        error = said - goal
        loss = (error.square() * seen.weight).mean(dim=(1, 2)).sum()
        figures = {"critic_loss": loss.detach(), "value": said.detach().mean()}
        if (self.updates + 1) % self.settings.policy_every == 0:
            with held(self.networks):
                mine, more = self.policy_loss(seen, acted, rng)
            loss, figures = loss + mine, figures | more
        return loss, error.detach().abs().mean(dim=0), figures

    # What is left of the Learner protocol.

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[Any]:
        """Return the actors' actions; while exploring with what they try, and at first and now and then random ones."""
        said = self.outputs(step)
        if explore and self.steps < self.settings.random_steps:
            return random_actions(self.spec, step, rng)
        chosen: npt.NDArray[Any] = self.choose(said, step, rng, explore)
        if explore and self.epsilon > 0:
            stray = rng.random(step.legal.shape[:2]) < self.epsilon
            if self.spec.continuous:
                stray = stray[..., None]
            chosen = np.where(stray, random_actions(self.spec, step, rng), chosen)
        return chosen


@contextmanager
def held(networks: nn.ModuleDict) -> Iterator[None]:
    """Let no gradient come to the critics from what is worked out meanwhile."""
    parameters = [p for name, part in networks.items() if name.startswith("critic") for p in part.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def legal_logits(logits: Tensor, legal: Tensor | None) -> Tensor:
    """Return logits, very low where an action is not legal."""
    return logits if legal is None else logits.masked_fill(~legal, -1e9)
