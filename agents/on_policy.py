"""What learners from what was just played have in common: agents with a policy, how they act, and a critic beside them.

A learner of this kind (`ppo`, `coma`) brings its settings, its critic and its loss. Shape letters: R steps taken, R'
rows seen (`team.Rows`), N agents, A actions.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.learner import no_memory_between_cuts, within
from counterplay.agents.memory import admit
from counterplay.agents.merging import Asked
from counterplay.agents.nn.bodies import Bodied
from counterplay.agents.nn.device import host, like
from counterplay.agents.nn.networks import AgentNetwork, orthogonal
from counterplay.agents.policies import Choice, Policy, draw, free, likeliest, log_policy, policy
from counterplay.agents.rollout import Episodes
from counterplay.agents.team import Batch, Rows, Team, take_rows
from counterplay.agents.team_settings import TeamSettings
from counterplay.engine.env import MAX_STEPS, EnvSpec, Step
from counterplay.engine.errors import UserError


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
    deviation: Annotated[float, "standard deviation of actions that are numbers, at the start"] = 0.6
    rollout: Annotated[int, "steps of every episode between updates, over which long ones go on; 0: whole ones"] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(
            self, critic_lr=(0, inf), lr_steps=(0, inf), entropy=(0, inf), deviation=(1e-2, 5), rollout=(0, MAX_STEPS)
        )
        no_memory_between_cuts(self, self.rollout)


class Decisions(NamedTuple):
    """What the agents' policies are at each of R steps, and which of them had a choice."""

    policy: Policy  # of [R, N], or of decisions that are merged, [K, N]
    chosen: Tensor  # [R, N] logarithms of how likely the actions taken were
    mask: Tensor  # [R, N] f32, 1 where an agent in play had more than one legal action
    at: Tensor | None = None  # [R * N] which of merged decisions each is

    def entropy(self) -> Tensor:
        """Return each policy's entropy, [R, N]."""
        return self._at_steps(self.policy.entropy())

    def kl(self, other: "Decisions") -> Tensor:
        """Return how far other policies are from these, KL(these || others), [R, N]."""
        return self._at_steps(self.policy.kl(other.policy))  # type: ignore[arg-type]

    def _at_steps(self, numbers: Tensor) -> Tensor:
        return numbers if self.at is None else numbers.view(-1).index_select(0, self.at).view(self.mask.shape)

    def mean(self, numbers: Tensor) -> Tensor:
        """Return the mean of numbers [R, N] over who had a choice; 0 if nobody had."""
        return together.mean(numbers, self.mask)

    def means(self, *numbers: Tensor) -> list[Tensor]:
        """Return the means of several numbers [R, N], as `mean` does."""
        return together.means(numbers, self.mask)


class Deviations(nn.Module):
    """Logarithms of the standard deviations that actions of numbers are drawn with, whatever is seen."""

    def __init__(self, copies: int, actions: int, start: float) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.full((copies, actions), float(np.log(start))))

    def forward(self, mean: Tensor) -> Tensor:
        """Return means [..., N, A] with the logarithms behind them, [..., N, 2A]."""
        return torch.cat([mean, self.log.expand_as(mean)], dim=-1)


class OnPolicy(Team, ABC):
    """Everything but the loss and the critic, which is `networks["critic"]`."""

    settings: OnPolicySettings

    def __init__(self, spec: EnvSpec, settings: OnPolicySettings) -> None:
        super().__init__(spec, settings)
        admit(spec, envs=settings.envs, batch=settings.envs, length=settings.rollout)
        if settings.orthogonal:
            orthogonal(self.agents, self.agents.out, 0.01)
        self.deviations: Deviations | None = None
        if spec.kind != "choice" and max(settings.epsilon_start, settings.epsilon_end) > 0:
            what = "numbers" if spec.continuous else "several choices at once"
            raise UserError(f"epsilon mixes a random choice in, and actions here are {what}: set epsilon_start=0")
        if spec.continuous:
            self.deviations = Deviations(1 if settings.shared else spec.agents, spec.actions, settings.deviation)
            self.networks["deviations"] = self.deviations

    def groups(self) -> list[tuple[list[str], float]]:
        """Return the agents and the critic, each with their learning rate."""
        acting = ["agents"] if self.deviations is None else ["agents", "deviations"]
        return [(acting, self.settings.lr), (["critic"], self.settings.critic_lr)]

    def said(self, batch: Batch, rows: Rows) -> Tensor:
        """Return what policies are made of in the rows seen, [R', N, K]: logits, or means and deviations.

        Where decisions are merged that is in these, [K, N, A].
        """
        return self.said_by(self.agents, self.deviations, batch, rows)

    def said_by(self, agents: AgentNetwork | Bodied, deviations: Deviations | None, batch: Batch, rows: Rows) -> Tensor:
        """Return what the policies of some networks are made of, as `said`."""
        if batch.asked is not None:
            logits: Tensor = agents(batch.asked.obs)[0]
            return logits
        found = self.ask(agents, batch, rows.seen)
        return found if deviations is None else deviations(found)

    @staticmethod
    def in_rows(said: Tensor, batch: Batch, rows: Rows) -> Tensor:
        """Return what `said` returns in the rows seen, [R', N, K], right where an agent has a choice."""
        return said if batch.asked is None else said.index_select(0, batch.asked.number.index_select(0, rows.seen))

    def decisions(self, said: Tensor, batch: Batch, rows: Rows) -> Decisions:
        """Return the decisions at the steps taken, out of what `said` returns."""
        if batch.asked is not None:
            return self._merged(said, batch.asked, take_rows(batch.action, rows.step))
        legal = take_rows(batch.legal[:, :-1], rows.step)
        found = policy(self.spec, said.index_select(0, rows.now), legal, self.epsilon)
        chosen = found.of(take_rows(batch.action, rows.step))
        mask, present = free(self.spec, legal), batch.present(rows.seen.index_select(0, rows.now))
        return Decisions(found, chosen, mask if present is None else mask * present)

    def _merged(self, said: Tensor, asked: Asked, action: Tensor) -> Decisions:
        """Return decisions [R, N], by actions taken, out of what was said of merged ones, [K, N, A]."""
        found = cast(Choice, policy(self.spec, said, asked.legal, self.epsilon))
        taken = asked.at * self.spec.actions + action.view(-1)
        chosen = found.log.view(-1).index_select(0, taken).view(action.shape) * asked.free
        return Decisions(found, chosen, asked.free, asked.at)

    @torch.inference_mode()
    def outputs(self, step: Step) -> npt.NDArray[np.float32]:
        """Return what policies are made of, [B, N, K], and remember what was seen."""
        found = super().outputs(step)
        return found if self.deviations is None else host(self.deviations(like(self.deviations.log, found)))

    @abstractmethod
    def improve(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        """Update networks by what was just played, and return what happened by name."""

    # What follows is the Learner protocol.

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[Any]:
        """Return actions drawn from the policies; without exploring from those that nothing uniform is mixed into."""
        said = self.acting(step, explore)
        if not explore and self.settings.greedy:
            chosen = likeliest(self.spec, said, step.legal)
        else:
            chosen = draw(self.spec, said, step.legal, rng)
        self.remember(chosen)
        return chosen

    def acting(self, step: Step, explore: bool) -> npt.NDArray[np.float32]:
        """Return what the policies that are played are made of, [B, N, K], and remember what was seen."""
        said = self.outputs(step)
        return self._log(said, step, self.epsilon).numpy() if explore and self.epsilon > 0 else said

    def drawn_from(self, step: Step, explore: bool) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]] | None:
        """Return what `act` draws by; None where policies are more than that, or of other actions."""
        if self.spec.kind != "choice" or not self.settings.alone or (self.settings.greedy and not explore):
            return None
        if type(self).act is not OnPolicy.act:  # a kind of somebody's own that acts otherwise
            return None
        return self.acting(step, explore), step.legal

    def probabilities(self, step: Step) -> npt.NDArray[np.float32]:
        """Return the agents' policies without exploring, [B, N, A], and remember what was seen."""
        found: npt.NDArray[np.float32] = self._log(self.outputs(step), step, 0.0).exp().numpy()
        return found

    def learn(self, episodes: Episodes, rng: np.random.Generator) -> dict[str, float]:
        """Update by the episodes, which are then forgotten."""
        settings = self.settings
        self.slow_down(settings.lr_steps)
        episodes, paid = self.paid(episodes, rng)
        # Inputs keep the scale that they were played with until the update is done: the gradient is of that policy.
        self.scales.learn_rewards(episodes)
        figures = self.improve(self.batch(episodes, np.ones(len(episodes.filled), np.float32)), rng)
        if settings.scale_inputs:
            self.scales.learn_inputs(episodes)
        self.steps += int(together.total(episodes.steps))
        return figures | paid | ({"epsilon": self.epsilon} if settings.epsilon_start > 0 else {})

    @staticmethod
    def _log(logits: npt.NDArray[np.float32], step: Step, epsilon: float) -> Tensor:
        return log_policy(torch.from_numpy(logits), torch.from_numpy(step.legal), epsilon)


def numbers(figures: list[dict[str, Tensor]]) -> dict[str, float]:
    """Return the means of figures of several updates, by name."""
    if not figures:
        return {}
    means = torch.stack([torch.stack(list(each.values())) for each in figures]).mean(dim=0)
    return dict(zip(figures[0], means.tolist(), strict=True))
