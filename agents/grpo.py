"""GRPO: what an episode earned counts against others from the same start, and no critic is needed.

Episodes are played in groups that begin alike (`engine.alike`; in games with the same deal). All actions of an episode
have one advantage, how much its return is above its group's mean, in the group's deviations (Shao et al. 2024,
"DeepSeekMath", section 4.1.2, outcome supervision; arXiv 2402.03300); without `scale_advantages` the deviation is left
out (Liu et al. 2025, "Understanding R1-Zero-Like Training", arXiv 2503.20783). Policies follow the clipped objective
(`clipped`); the distance from a reference policy is that of a slow copy, `magnet`, if it is to count.

Departures: every decision counts the same, not every episode (as Liu et al. and DAPO); the divergence is exact, not
estimated from the action taken; a return is discounted if `gamma` is below 1.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from counterplay.agents import together
from counterplay.agents.clipped import Clipped, ClippedSettings
from counterplay.agents.learner import suits, within
from counterplay.agents.rollout import Episodes, collect
from counterplay.agents.team import Batch, put_rows
from counterplay.agents.valued import Facts
from counterplay.engine.alike import Alike
from counterplay.engine.env import EnvSpec, Task
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class GRPOSettings(ClippedSettings):
    """What can be set of GRPO."""

    envs: Annotated[int, "episodes played side by side between updates"] = 32
    group: Annotated[int, "how many of them begin alike; all, where there are fewer"] = 8
    gamma: Annotated[float, "discount of a step"] = 1.0
    lr: Annotated[float, "learning rate of the agents (Adam)"] = 1e-3
    critic_lr: Annotated[float, "has no effect: there is no critic"] = 0.0
    clip: Annotated[float, "largest norm of a gradient"] = 1.0
    scale_advantages: Annotated[bool, "divide advantages by their group's deviation"] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, group=(2, float("inf")), envs=(2, float("inf")))
        if self.envs % self.alike:
            raise UserError(f"envs must be a multiple of group, {self.group}, not {self.envs}")
        if self.rollout:
            raise UserError("grpo counts what whole episodes earned: set rollout=0")

    @property
    def alike(self) -> int:
        """How many episodes begin alike."""
        return min(self.group, self.envs)


class GRPO(Clipped):
    """Agents with policies."""

    settings: GRPOSettings

    def __init__(self, spec: EnvSpec, settings: GRPOSettings, seed: int) -> None:
        suits(spec, "grpo", team=False, kinds=("choice", "choices", "numbers"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings)
        self.ready()
        self._playing: tuple[Task, Alike] | None = None

    def groups(self) -> list[tuple[list[str], float]]:
        """Return the agents and their learning rate."""
        return super().groups()[:1]

    def collect(self, task: Task, rng: np.random.Generator) -> Episodes:
        """Play groups of episodes from the same start."""
        if self._playing is None or self._playing[0] is not task:
            alike = self.settings.alike
            self._playing = task, Alike(task, together.share(self.settings.envs // alike), alike)
        return collect(self._playing[1], self, rng)

    @torch.no_grad()
    def facts(self, batch: Batch) -> Facts:
        """Work out advantages from the episodes' returns."""
        rows = batch.rows()
        decisions = self.decisions(self.said(batch, rows), batch, rows)
        advantage = self.above_group(batch).index_select(0, rows.episode).expand_as(decisions.chosen)
        log, worth = (put_rows(part.contiguous(), rows.step, batch.filled) for part in (decisions.chosen, advantage))
        return Facts(log, worth)

    def above_group(self, batch: Batch) -> Tensor:
        """Return how much better than its group each episode did, [B, 1] or [B, N]."""
        settings = self.settings
        steps, paid = batch.filled.shape[1], batch.reward.reshape(*batch.filled.shape, -1)
        discount = settings.gamma ** torch.arange(steps, device=paid.device)
        paid = paid * (batch.filled * discount)[..., None]
        earned = paid.sum(dim=1).view(settings.alike, -1, paid.shape[-1])  # [group, starts, K]
        earned = earned - earned[:1]  # exactly 0 where all earned the same: no rounding is there to be scaled up
        above = earned - earned.mean(dim=0)
        if settings.scale_advantages:
            above = above / (above.square().mean(dim=0).sqrt() + 1e-6)
        return above.flatten(0, 1)

    def loss(self, batch: Batch, facts: Facts) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the agents' loss, and figures by name."""
        objective, figures = self.objective(batch, batch.rows(), facts)
        return -objective, {name: figure.detach() for name, figure in ({"loss": -objective} | figures).items()}
