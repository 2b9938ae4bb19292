"""TRPO and HATRPO: policies take the largest step that a trust region allows, once an update.

What is to rise is the mean of ratios of new to old probabilities times advantages, and the region is where the mean
relative entropy of the old policies to the new ones is at most `max_kl` (Schulman et al. 2015, "Trust Region Policy
Optimization", eq. 14; arXiv 1502.05477); `trust_region` takes the step. The critic is a network of its own, that of
`mappo` and `ippo`, and learns in minibatches after it; advantages are generalised ones (Schulman et al. 2016).

With `sequential` agents step one after another, in an order drawn anew for each update, and each has a region of its
own: HATRPO (Kuba et al. 2022, "Trust Region Policy Optimisation in Multi-Agent Reinforcement Learning", algorithm 1;
arXiv 2109.11251). The team's advantage is weighed by how much likelier the agents that have stepped have made what they
did, so that the team's return rises at each step, in theory. That takes networks of their own and one reward.

Departure: all steps that were played say what the Fisher information is, not a tenth of them.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from counterplay.agents import together, trust_region
from counterplay.agents.learner import suits, within
from counterplay.agents.nn.plain import differentiable
from counterplay.agents.on_policy import Decisions, numbers
from counterplay.agents.team import Batch, Rows, minibatches, take_rows
from counterplay.agents.trust_region import Region, Tried
from counterplay.agents.valued import Facts, Traced, TracedSettings
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class TRPOSettings(TracedSettings):
    """What can be set of TRPO and HATRPO."""

    lr: Annotated[float, "has no effect: a step is as long as max_kl lets it be"] = 1e-3
    entropy: Annotated[float, "how much a policy's entropy counts beside its advantage"] = 0.0
    value_clip: Annotated[float, "how far a value may move from the old one, in its deviations; 0: any"] = 0.0
    gae_lambda: Annotated[float, "weighs short against long advantages, 0 to 1; 1: all rewards to the end"] = 0.97
    max_kl: Annotated[float, "how far policies may move at an update (mean KL divergence)"] = 0.01
    damping: Annotated[float, "added to the Fisher information's diagonal"] = 0.1
    products: Annotated[int, "steps of the conjugate gradients"] = 10
    halvings: Annotated[int, "times that a step is halved before it is given up"] = 10
    epochs: Annotated[int, "times that the critic goes through what was played"] = 5
    minibatches: Annotated[int, "parts, of whole episodes, that an epoch is made of; one an episode at most"] = 4
    sequential: Annotated[bool, "agents step one after another, each in a region of its own (HATRPO)"] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(self, max_kl=(0, inf), damping=(0, inf), products=(1, inf), halvings=(0, inf))
        within(self, epochs=(1, inf), minibatches=(1, inf))
        if self.sequential and self.shared:
            raise UserError("agents that step one after another need networks of their own: set shared=false")


class TRPO(Traced):
    """Agents with policies, and a critic."""

    settings: TRPOSettings

    def __init__(self, spec: EnvSpec, settings: TRPOSettings, seed: int) -> None:
        suits(
            spec,
            "hatrpo" if settings.sequential else "trpo",
            team=settings.sequential,
            kinds=("choice", "choices", "numbers"),
        )
        super().__init__(spec, settings, seed)

    def improve(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        """Let policies take their step, and the critic learn."""
        settings, facts = self.settings, self.facts(batch)
        figures = self.moved_policies(batch, facts, rng)
        updates = []
        for part, known in minibatches(batch, facts, settings.epochs, settings.minibatches, rng):
            value_loss = self.value_loss(part, part.rows(), Facts(*known), settings.value_clip)
            *_, critic = self.descend(value_loss)
            updates.append({"value_loss": value_loss.detach(), "critic_gradient": critic})
        return figures | numbers(updates)

    def moved_policies(self, batch: Batch, facts: Facts, rng: np.random.Generator) -> dict[str, float]:
        """Take the policies' step, or each agent's, and return what happened by name."""
        settings, rows = self.settings, batch.rows()
        names, _ = self.groups()[0]
        parameters = [parameter for name in names for parameter in self.networks[name].parameters()]
        values, *_ = self.optimiser.vectors()
        region = Region(settings.max_kl, settings.damping, settings.products, settings.halvings)
        with torch.no_grad():
            old = self.decisions(self.said(batch, rows), batch, rows)
        weight = take_rows(facts.advantage, rows.step)
        told = []
        for agents in self.in_order(old, rng):

            def asked(agents: Tensor = agents, weight: Tensor = weight) -> Tried:
                decisions = self.decisions(self.said(batch, rows), batch, rows)
                decisions = decisions._replace(mask=decisions.mask * agents)
                return self.tried(decisions, old, weight)

            with differentiable():
                told.append(trust_region.step(values, parameters, asked, region))
            if settings.sequential:
                weight = weight * self.likelier(batch, rows, old, agents)
        found = {name: float(np.mean([each[name] for each in told])) for name in told[0]}
        return found | {"loss": -found.pop("gain"), "entropy": float(old.mean(old.entropy()))}

    def tried(self, decisions: Decisions, old: Decisions, weight: Tensor) -> Tried:
        """Return what is to rise, advantages [R, N] given as `weight`, and the divergence from the old policies."""
        ratio = (decisions.chosen - old.chosen).exp()
        gain = decisions.mean(ratio * weight) + self.settings.entropy * decisions.mean(decisions.entropy())
        return Tried(gain, decisions.mean(old.kl(decisions)))

    def in_order(self, old: Decisions, rng: np.random.Generator) -> list[Tensor]:
        """Return who steps at a time, f32 [N] each: all at once, or one after another."""
        if not self.settings.sequential:
            return [old.mask.new_ones(self.spec.agents)]
        each = torch.eye(self.spec.agents, device=old.mask.device)
        return [each[n] for n in together.agreed(rng.permutation(self.spec.agents))]

    @torch.no_grad()
    def likelier(self, batch: Batch, rows: Rows, old: Decisions, agents: Tensor) -> Tensor:
        """Return how much likelier those agents have made what they did, [R, 1]; 1 where they had no choice."""
        now = self.decisions(self.said(batch, rows), batch, rows)
        return ((now.chosen - old.chosen) * old.mask * agents).sum(dim=-1, keepdim=True).exp()
