"""REINFORCE: actions become likelier by what was paid after them (Williams 1992), with or without a baseline.

An action counts for the discounted return to the episode's end, whether the rules or time ended it: nothing is
bootstrapped, which is what sets it apart from `ia2c`. With `baseline` a critic says what could be expected where the
action was taken, and what counts is the difference (Sutton and Barto 2018, section 13.4); it learns from the same
returns. The discount before a step's own time is left out of the gradient, as everybody does.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from counterplay.agents.nn.bodies import Bodied
from counterplay.agents.nn.dense import MLP
from counterplay.agents.nn.device import like
from counterplay.agents.nn.networks import AgentNetwork
from counterplay.agents.on_policy import numbers
from counterplay.agents.returns import targets
from counterplay.agents.team import Batch, Rows, take_rows
from counterplay.agents.valued import Facts, Valued, ValuedSettings
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class ReinforceSettings(ValuedSettings):
    """What can be set of REINFORCE."""

    envs: Annotated[int, "episodes played side by side between updates"] = 16
    baseline: Annotated[bool, "returns count for what they are more than a critic expected"] = True
    central: Annotated[bool, "one critic that sees the state, not one for each agent that sees what it does"] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rollout:
            raise UserError("reinforce counts what was paid to an episode's end: set rollout=0, or take ia2c")


class Reinforce(Valued):
    """Agents with policies, and the baseline."""

    settings: ReinforceSettings

    def make_critic(self) -> MLP | AgentNetwork | Bodied | None:
        """Return a fresh baseline, if there is one."""
        return super().make_critic() if self.settings.baseline else None

    def groups(self) -> list[tuple[list[str], float]]:
        """Return the agents and the baseline, each with their learning rate."""
        acting, baseline = super().groups()
        return [acting, baseline] if self.settings.baseline else [acting]

    def worth(self, batch: Batch, following: Tensor) -> Tensor:
        """Return the returns to the end."""
        lives = None if self._of_team else batch.lives()
        nothing = batch.facts(torch.zeros_like(following))
        return like(following, targets(*nothing, self.settings.gamma, trace=1.0, lives=lives))

    def improve(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        """Follow the gradient once."""
        loss, figures = self.loss(batch, self.facts(batch))
        norms = self.descend(loss)
        return numbers([figures | dict(zip(("gradient", "critic_gradient"), norms, strict=False))])

    def loss(self, batch: Batch, facts: Facts) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of agents and baseline, and figures by name."""
        rows = batch.rows()
        decisions = self.decisions(self.said(batch, rows), batch, rows)
        entropy = decisions.mean(decisions.entropy())
        gain = decisions.mean(decisions.chosen * take_rows(facts.advantage, rows.step))
        loss, figures = -gain - self.settings.entropy * entropy, {"entropy": entropy}
        if self.settings.baseline:
            figures["value_loss"] = self.value_loss(batch, rows, facts)
            loss = loss + figures["value_loss"]
        return loss, {name: figure.detach() for name, figure in ({"loss": loss} | figures).items()}

    def valued(self, batch: Batch, rows: Rows) -> Tensor:
        """Return what the baseline says in the rows seen, [R', K]; nothing without one."""
        if self.settings.baseline:
            return super().valued(batch, rows)
        return batch.state.new_zeros(len(rows.seen), 1 if self._of_team else self.spec.agents, dtype=torch.float32)
