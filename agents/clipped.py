"""Policies that move a little at each update: the clipped objective of PPO, and policies that hold others back.

An update goes through what was played several times. A policy follows what its actions gained in proportion to the
ratio of new to old probabilities, as long as that is near 1 (Schulman et al. 2017, eq. 7). Beside clipping, or in its
place, two policies may hold it, by their relative entropies (KL divergences):

- the one before the update, `proximity`: mirror descent, whose step is 1 / proximity (Tomar et al. 2020, "Mirror
  Descent Policy Optimization", arXiv 2005.09814, section 4.1); with `squared` as in Kimi k1.5 (2025, arXiv 2501.12599,
  section 2.3.2), where half the squared change of the logarithms counts, and gains count the logarithms themselves;
- a magnet, `magnet`, which is uniform or follows slowly: magnetic mirror descent (Sokota et al. 2023, "A Unified
  Approach to Reinforcement Learning, Quantal Response Equilibria, and Two-Player Zero-Sum Games", ICLR; arXiv
  2206.05825). It is what makes policies of players against each other settle, where they otherwise run in circles.
  Its weight may fall as steps go by, as their temperature does: the equilibria that it leads to end at the game's own.

What plays without exploring may be an average of the networks' parameters, `average` (Polyak and Juditsky 1992;
Lillicrap et al. 2016, arXiv 1509.02971, section 3, of slow copies): the noise of single updates is gone from it.

Shape letters as in `on_policy`.
"""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.learner import within
from counterplay.agents.merging import merge
from counterplay.agents.nn.bodies import Bodied
from counterplay.agents.nn.networks import AgentNetwork
from counterplay.agents.on_policy import Decisions, Deviations, OnPolicy, OnPolicySettings, numbers
from counterplay.agents.team import Batch, Rows, minibatches, put_rows, take_rows
from counterplay.agents.valued import Facts
from counterplay.engine.env import EnvSpec, Step
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class ClippedSettings(OnPolicySettings):
    """What can be set of policies that move a little at each update."""

    epochs: Annotated[int, "times that an update goes through what was played"] = 4
    minibatches: Annotated[int, "parts, of whole episodes, that an epoch is made of; one an episode at most"] = 4
    ratio_clip: Annotated[float, "how far probabilities may move from the old ones, as a share of them; 0: any"] = 0.2
    kl_stop: Annotated[float, "leave an update once policies have moved that far (KL divergence); 0: never"] = 0.0
    proximity: Annotated[float, "how much the distance from the policies before an update counts (KL divergence)"] = 0.0
    squared: Annotated[bool, "that distance is half the squared change of log-probabilities (Kimi k1.5)"] = False
    magnet: Annotated[float, "how much the distance from the magnet's policies counts (KL divergence)"] = 0.0
    magnet_rate: Annotated[
        float, "how far the magnet moves to the policies, less as lr_steps go by; 0: it is uniform"
    ] = 0.0
    magnet_every: Annotated[int, "updates of the networks between two moves of the magnet or the average"] = 1
    magnet_plays: Annotated[bool, "without exploring it is the magnet that plays, which is the calmer one"] = False
    average: Annotated[
        float, "without exploring an average of the agents plays, which moves that far to them at an update; 0: they do"
    ] = 0.0
    merge: Annotated[bool, "networks are asked once for all rows that show the same: quicker in small games"] = False
    magnet_steps: Annotated[int, "environment steps over which magnet falls, and proximity moves; 0: never"] = 0
    magnet_end: Annotated[
        float, "what magnet falls to, by the same share in every step; 0: to 0, in a straight line"
    ] = 0.0
    proximity_end: Annotated[float, "what proximity moves to, by the same share in every step; 0: it stays"] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        if self.magnet_end and not self.magnet:
            raise UserError("magnet_end is what magnet falls to: set magnet, where that begins, too")
        within(
            self,
            epochs=(1, inf),
            minibatches=(1, inf),
            ratio_clip=(0, inf),
            kl_stop=(0, inf),
            proximity=(0, inf),
            magnet=(0, inf),
            magnet_rate=(0, 1),
            magnet_every=(1, inf),
            magnet_steps=(0, inf),
            magnet_end=(0, self.magnet),
            proximity_end=(0, inf),
            average=(0, 1),
        )
        if self.merge and self.minibatches > 1:
            raise UserError("merge=true asks networks of all that was played at once: set minibatches=1")
        if self.merge and self.remembers:
            raise UserError(f"merge=true takes agents without memory, and these have {self.remembers}: leave it out")
        if self.magnet_plays and not (self.magnet and self.magnet_rate):
            raise UserError("a magnet that plays has to follow the policies: set magnet and magnet_rate, such as 0.002")
        if (self.magnet_end or self.proximity_end) and not self.magnet_steps:
            raise UserError("magnet_end and proximity_end are come to over magnet_steps: set that, too")
        if self.proximity_end and not self.proximity:
            raise UserError("proximity_end is what proximity moves to: set proximity, where that begins, too")
        if self.average and self.magnet_rate:
            raise UserError(
                "a magnet that follows is an average already: set magnet_plays=true and average=0, or magnet_rate=0"
            )

    @property
    def slow_plays(self) -> bool:
        """Whether a slow copy of the networks plays without exploring, the magnet or the average."""
        return self.magnet_plays or self.average > 0


class Clipped(OnPolicy):
    """Agents with policies that are held."""

    settings: ClippedSettings

    def __init__(self, spec: EnvSpec, settings: ClippedSettings) -> None:
        super().__init__(spec, settings)
        if (settings.magnet and settings.magnet_rate) or settings.average:
            self.targets["agents"] = deepcopy(self.agents)
            if self.deviations is not None:
                self.targets["deviations"] = deepcopy(self.deviations)

    @contextmanager
    def _slow_instead(self, instead: bool) -> Iterator[None]:
        """Let the slow copy, the magnet's networks or the average, speak for the agents."""
        own = self.agents, self.deviations
        if instead:
            self.agents = cast(AgentNetwork | Bodied, self.targets["agents"])
            self.deviations = cast(Deviations | None, self.targets["deviations"]) if own[1] is not None else None
        try:
            yield
        finally:
            self.agents, self.deviations = own

    def acting(self, step: Step, explore: bool) -> npt.NDArray[np.float32]:
        """Return what the policies that are played are made of, without exploring perhaps the slow copy's."""
        with self._slow_instead(self.settings.slow_plays and not explore):
            return super().acting(step, explore)

    def probabilities(self, step: Step) -> npt.NDArray[np.float32]:
        """Return the policies without exploring, perhaps the slow copy's, [B, N, A], and remember what was seen."""
        with self._slow_instead(self.settings.slow_plays):
            return super().probabilities(step)

    @abstractmethod
    def facts(self, batch: Batch) -> Facts:
        """Work out what an update learns from, by the networks as they are."""

    @abstractmethod
    def loss(self, batch: Batch, facts: Facts) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of all networks, and figures by name."""

    def improve(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        """Go through what was played `epochs` times."""
        settings = self.settings
        if settings.merge:
            batch = batch._replace(merged=merge(batch, self.spec.in_turn and settings.alone))
        facts = self.facts(batch)
        if settings.proximity and not settings.squared:
            facts = facts._replace(said=self.all_said(batch))
        left = max(0.0, 1 - self.steps / settings.lr_steps) if settings.lr_steps else 1.0  # of learning rates
        updates: list[dict[str, Tensor]] = []
        kl = 0.0
        for part, known in minibatches(batch, facts, settings.epochs, settings.minibatches, rng):
            loss, figures = self.loss(part, Facts(*known))
            kl = figures["kl"].item()
            if settings.kl_stop and kl > settings.kl_stop:
                break
            norms = self.descend(loss)
            if self.targets:
                self.follow(settings.average or settings.magnet_rate * left, settings.magnet_every)
            updates.append(figures | dict(zip(("gradient", "critic_gradient"), norms, strict=False)))
        return numbers(updates) | {"kl": kl, "epochs": len(updates) / min(settings.minibatches, len(batch.filled))}

    @torch.no_grad()
    def all_said(self, batch: Batch) -> Tensor:
        """Return what policies are made of, [B, T + 1, N, K], 0 in padding; where decisions are merged, as `said`."""
        rows = batch.rows()
        found = self.said(batch, rows)
        return found if batch.asked is not None else put_rows(found, rows.seen, batch.legal[:, :, 0, 0])

    def objective(self, batch: Batch, rows: Rows, facts: Facts) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what policies should make large, and figures by name."""
        settings = self.settings
        old_log, advantage = take_rows(facts.log, rows.step), take_rows(facts.advantage, rows.step)
        decisions = self.decisions(self.said(batch, rows), batch, rows)
        moved = decisions.chosen - old_log
        ratio = moved.exp()
        gains = ratio * advantage
        if settings.squared:
            gains = decisions.chosen * advantage
        elif settings.ratio_clip:
            held = ratio.clamp(1 - settings.ratio_clip, 1 + settings.ratio_clip)
            gains = torch.minimum(gains, held * advantage)
        with torch.no_grad():  # the divergence's estimate without bias and with little variance (Schulman 2020, k3)
            far, beyond = ratio - 1 - moved, ((ratio - 1).abs() > settings.ratio_clip).float()
        entropy, gain, kl, clipped = decisions.means(decisions.entropy(), gains, far, beyond)
        objective = gain + settings.entropy * entropy
        figures = {"entropy": entropy, "kl": kl} | ({"clipped": clipped} if settings.ratio_clip else {})
        if settings.proximity and settings.squared:
            objective = objective - self.proximity * decisions.mean(0.5 * moved.square())
        elif settings.proximity:
            assert facts.said is not None
            before = facts.said if batch.asked is not None else take_rows(facts.said, rows.seen)
            old = self.decisions(before, batch, rows)
            objective = objective - self.proximity * decisions.mean(decisions.kl(old))
        if settings.magnet:
            drawn = decisions.mean(self.from_magnet(decisions, batch, rows))
            objective = objective - self.magnet * drawn
            figures["magnet_kl"] = drawn
        return objective, figures

    @property
    def magnet(self) -> float:
        """How much the distance from the magnet counts now."""
        settings, left = self.settings, self._left
        return _moved(settings.magnet, settings.magnet_end, left) if settings.magnet_end else settings.magnet * left

    @property
    def proximity(self) -> float:
        """How much the distance from the policies before an update counts now."""
        settings = self.settings
        end = settings.proximity_end
        return _moved(settings.proximity, end, self._left) if end else settings.proximity

    @property
    def _left(self) -> float:
        """The share of magnet_steps that is left; 1 where there are none."""
        over = self.settings.magnet_steps
        return max(0.0, 1 - self.steps / over) if over else 1.0

    def from_magnet(self, decisions: Decisions, batch: Batch, rows: Rows) -> Tensor:
        """Return how far policies are from the magnet's, [R, N]; from the uniform one up to a constant number."""
        if not self.settings.magnet_rate:
            return -decisions.entropy()
        with torch.no_grad():
            deviations = None if self.deviations is None else cast(Deviations, self.targets["deviations"])
            said = self.said_by(cast(AgentNetwork | Bodied, self.targets["agents"]), deviations, batch, rows)
            magnet = self.decisions(said, batch, rows)
        return decisions.kl(magnet)


def _moved(start: float, end: float, left: float) -> float:
    """Return what moves from one number to another by the same share in every step, with so much of the way left."""
    return end * float((start / end) ** left)
