"""What can be set of every learner that is a team (`team.Team`): how it plays, sees, explores and is paid."""

from dataclasses import dataclass
from typing import Annotated

from counterplay.agents.learner import within
from counterplay.agents.nn.bodies import APART, FAST
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class TeamSettings:
    """What can be set of every learner."""

    envs: Annotated[int, "episodes played side by side between updates"] = 8
    gamma: Annotated[float, "discount of a step"] = 0.99
    lr: Annotated[float, "learning rate of Adam"] = 5e-4
    clip: Annotated[float, "largest norm of a gradient"] = 10.0
    epsilon_start: Annotated[float, "share of random actions at the start"] = 1.0
    epsilon_end: Annotated[float, "share of random actions at the end"] = 0.05
    epsilon_steps: Annotated[int, "environment steps over which the share falls, in a straight line"] = 50_000
    scale_rewards: Annotated[bool, "divide rewards by their running deviation"] = True
    scale_inputs: Annotated[bool, "bring observations and states to mean 0 and deviation 1"] = True
    hidden: Annotated[int, "width of hidden layers"] = 64
    body: Annotated[str, "what agents see with: mlp, gru, norm, residual, cnn, resnet, lstm, attention, graph"] = "mlp"
    recurrent: Annotated[bool, "agents remember: body=gru by another name"] = False
    shared: Annotated[bool, "one network for all agents, not one each"] = True
    roles: Annotated[bool, "agents of other roles have another network, where the environment has roles"] = False
    ids: Annotated[bool, "a shared network sees which agent it is"] = True
    last_action: Annotated[bool, "agents see their last actions"] = False
    limit_ends: Annotated[
        bool, "nothing is worth anything after an episode that ran out of time, as EPyMARL counts; else what follows is"
    ] = False
    novelty: Annotated[
        str, "what pays agents for the new: none, counts (of observations), rnd (a network's surprise)"
    ] = "none"
    curiosity: Annotated[float, "how much the new pays, beside rewards as the environment pays them"] = 0.1
    credit: Annotated[str, "which steps rewards are paid at: none (as the environment does), rudder"] = "none"
    credit_updates: Annotated[int, "of credit=rudder: its own updates for each of the learner's"] = 10

    def __post_init__(self) -> None:
        inf = float("inf")
        within(
            self,
            envs=(1, inf),
            gamma=(0, 1),
            lr=(0, inf),
            clip=(0, inf),
            epsilon_start=(0, 1),
            epsilon_end=(0, 1),
            epsilon_steps=(0, inf),
            hidden=(1, 65536),
            curiosity=(0, inf),
            credit_updates=(1, inf),
        )
        if self.credit not in ("none", "rudder"):
            raise UserError(f"credit must be none or rudder, not {self.credit!r}")
        if self.credit != "none" and getattr(self, "rollout", False):
            raise UserError("credit=rudder reads whole episodes, and rollout cuts them: set rollout=0")
        if self.recurrent and self.body not in FAST:
            raise UserError(f"recurrent=true is body=gru, and body={self.body} is another: set one of them")

    @property
    def remembers(self) -> str:
        """What makes agents remember what they saw, as a setting; nothing where they do not."""
        if self.recurrent or self.body in ("gru", "lstm"):
            return "recurrent=true" if self.recurrent else f"body={self.body}"
        return "last_action=true" if self.last_action else ""

    @property
    def alone(self) -> bool:
        """Whether what an agent does follows from what it observes now: it remembers nothing, and nobody tells it."""
        return not self.remembers and self.body in APART
