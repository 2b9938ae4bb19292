"""Actor-critic: MAPPO, IPPO, A2C, independent A2C, MDPO and magnetic PPO are one learner and differ in settings.

Agents act by policies of what they see, a critic says what a state is worth (`valued`), and policies follow the clipped
objective of PPO (`clipped`) by generalised advantages (Schulman et al. 2016). With one epoch of one minibatch the ratio
of new to old probabilities is 1 and clipping does nothing: that is A2C (Huang et al. 2022, "A2C is a special case of
PPO"). Held by the policies before an update in place of clipping it is mirror descent policy optimisation, and with a
magnet besides the practical form of magnetic mirror descent.

With `pessimism` below 1, what went worse than thought counts for less, since others may have been wrong: advantages
below 0 (Zhao et al. 2024, "Optimistic Multi-Agent Policy Gradient", who leave them out), and, beyond that paper, the
critic's errors where it said too much, so that an advantage tells how near an action came to the best that was seen.

Departures from Yu et al. (2022): the central critic says one number for the whole team, since the team has one reward
(N where agents have their own), and is feed-forward where agents are recurrent, since a state needs no memory; a
minibatch is made of whole episodes; targets and advantages are worked out once, before the first epoch.
"""

from dataclasses import dataclass

from torch import Tensor

from counterplay.agents.clipped import Clipped, ClippedSettings
from counterplay.agents.team import Batch
from counterplay.agents.valued import Facts, Traced, TracedSettings


@dataclass(frozen=True)
class PPOSettings(TracedSettings, ClippedSettings):
    """What can be set of MAPPO, IPPO, both kinds of A2C, MDPO and magnetic PPO."""


class PPO(Traced, Clipped):
    """Agents with policies, and a critic."""

    settings: PPOSettings

    def loss(self, batch: Batch, facts: Facts) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of agents and critic, and figures by name."""
        rows = batch.rows()
        objective, figures = self.objective(batch, rows, facts)
        value_loss = self.value_loss(batch, rows, facts, self.settings.value_clip)
        loss = value_loss - objective
        figures = {"loss": loss, "value_loss": value_loss} | figures
        return loss, {name: figure.detach() for name, figure in figures.items()}
