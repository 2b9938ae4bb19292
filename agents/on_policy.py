"""What learners from what was just played have in common: agents with a policy, how they act, and a critic beside them.

A learner of this kind (`ppo`, `coma`) brings its settings, its critic and its loss. Shape letters: R steps taken, R'
rows seen (`team.Rows`), N agents, A actions.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from counterplay.agents.learner import within
from counterplay.agents.memory import admit
from counterplay.agents.nn.networks import orthogonal
from counterplay.agents.rollout import Episodes, greedy, sample
from counterplay.agents.team import Batch, Rows, Team, TeamSettings, take_rows
from counterplay.engine.env import EnvSpec, Step

_NEVER = -1e9  # the logit of an action that is not legal: its probability is 0, and 0 times it is 0


@dataclass(frozen=True)
class OnPolicySettings(TeamSettings):
    """What can be set of every learner from what was just played."""

    envs: Annotated[int, "episodes played side by side between updates"] = 10
    lr: Annotated[float, "learning rate of the agents (Adam)"] = 5e-4
    critic_lr: Annotated[float, "learning rate of the critic (Adam)"] = 5e-4
    lr_steps: Annotated[int, "environment steps over which learning rates fall to 0, in a straight line; 0: never"] = 0
    entropy: Annotated[float, "how much a policy's entropy counts beside its advantage"] = 0.01
    epsilon_start: Annotated[float, "share of uniform in the policy at the start"] = 0.0
    epsilon_end: Annotated[float, "share of uniform in the policy at the end"] = 0.0
    greedy: Annotated[bool, "without exploring, play the likeliest action, not one drawn from the policy"] = False
    orthogonal: Annotated[bool, "begin with orthogonal weights, and a policy near uniform"] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(self, critic_lr=(0, inf), lr_steps=(0, inf), entropy=(0, inf))


class Decisions(NamedTuple):
    """What the agents' policies are at each of R steps, and which of them had a choice."""

    log: Tensor  # [R, N, A] logarithms of probabilities; about -1e9 for what is not legal
    chosen: Tensor  # [R, N] of the actions taken
    mask: Tensor  # [R, N] f32, 1 where an agent in play had more than one legal action

    def entropy(self) -> Tensor:
        """Return each policy's entropy, [R, N]."""
        return -(self.log.exp() * self.log).sum(dim=-1)

    def kl(self, other: "Decisions") -> Tensor:
        """Return how far other policies are from these, KL(these || other), [R, N]."""
        return (self.log.exp() * (self.log - other.log)).sum(dim=-1)

    def mean(self, numbers: Tensor) -> Tensor:
        """Return the mean of numbers [R, N] over who had a choice; 0 if nobody had."""
        return (numbers * self.mask).sum() / self.mask.sum().clamp(min=1)


def log_policy(logits: Tensor, legal: Tensor, epsilon: float) -> Tensor:
    """Return log((1 - epsilon) softmax(logits) + epsilon / legal actions), over the legal ones; all [..., A]."""
    log = F.log_softmax(logits.masked_fill(~legal, _NEVER), dim=-1)
    if epsilon <= 0:
        return log
    uniform = legal / legal.sum(dim=-1, keepdim=True).clamp(min=1)
    mixed = (1 - epsilon) * log.exp() + epsilon * uniform
    return torch.where(legal, mixed, 1.0).log().masked_fill(~legal, _NEVER)


class OnPolicy(Team, ABC):
    """Everything but the loss and the critic, which is `networks["critic"]`."""

    settings: OnPolicySettings

    def __init__(self, spec: EnvSpec, settings: OnPolicySettings) -> None:
        super().__init__(spec, settings)
        admit(spec, envs=settings.envs, batch=settings.envs)
        if settings.orthogonal:
            orthogonal(self.agents, self.agents.out, 0.01)

    def groups(self) -> list[tuple[list[str], float]]:
        """Return the agents and the critic, each with their learning rate."""
        return [(["agents"], self.settings.lr), (["critic"], self.settings.critic_lr)]

    def logits(self, batch: Batch, rows: Rows) -> Tensor:
        """Return the agents' logits in the rows seen, [R', N, A]."""
        return self.ask(self.agents, batch, rows.seen)

    def decisions(self, logits: Tensor, batch: Batch, rows: Rows) -> Decisions:
        """Return the decisions at the steps taken, out of logits in the rows seen, [R', N, A]."""
        legal = take_rows(batch.legal[:, :-1], rows.step)
        log = log_policy(logits.index_select(0, rows.now), legal, self.epsilon)
        chosen = log.gather(-1, take_rows(batch.action, rows.step)[..., None])[..., 0]
        mask, present = (legal.sum(dim=-1) > 1).float(), batch.present(rows.seen.index_select(0, rows.now))
        return Decisions(log, chosen, mask if present is None else mask * present)

    @abstractmethod
    def improve(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        """Update networks by what was just played, and return what happened by name."""

    # What follows is the Learner protocol.

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return actions drawn from the policies; without exploring from those that nothing uniform is mixed into."""
        logits = self.outputs(step)
        if not explore and self.settings.greedy:
            chosen = greedy(logits, step.legal)
        elif explore and self.epsilon > 0:
            chosen = sample(self._log(logits, step, self.epsilon).numpy(), step.legal, rng)
        else:
            chosen = sample(logits, step.legal, rng)
        self.remember(chosen)
        return chosen

    def probabilities(self, step: Step) -> npt.NDArray[np.float32]:
        """Return the agents' policies without exploring, [B, N, A], and remember what was seen."""
        found: npt.NDArray[np.float32] = self._log(self.outputs(step), step, 0.0).exp().numpy()
        return found

    def learn(self, episodes: Episodes, rng: np.random.Generator) -> dict[str, float]:
        """Update by the episodes, which are then forgotten."""
        settings = self.settings
        if settings.lr_steps:
            left = max(0.0, 1 - self.steps / settings.lr_steps)
            self.optimiser.rates = [rate * left for _, rate in self.groups()]
        # Inputs keep the scale that they were played with until the update is done: the gradient is of that policy.
        self.scales.learn_rewards(episodes)
        figures = self.improve(self.batch(episodes, np.ones(len(episodes.filled), np.float32)), rng)
        self.scales.learn_inputs(episodes)
        self.steps += episodes.steps
        return figures | ({"epsilon": self.epsilon} if settings.epsilon_start > 0 else {})

    @staticmethod
    def _log(logits: npt.NDArray[np.float32], step: Step, epsilon: float) -> Tensor:
        return log_policy(torch.from_numpy(logits), torch.from_numpy(step.legal), epsilon)


def numbers(figures: list[dict[str, Tensor]]) -> dict[str, float]:
    """Return the means of figures of several updates, by name."""
    if not figures:
        return {}
    means = torch.stack([torch.stack(list(each.values())) for each in figures]).mean(dim=0)
    return dict(zip(figures[0], means.tolist(), strict=True))
