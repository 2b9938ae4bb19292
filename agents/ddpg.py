"""DDPG, TD3, MADDPG and MATD3: actors that say one action, and follow what their critics make of it.

DDPG (Lillicrap et al. 2016, "Continuous control with deep reinforcement learning", algorithm 1) has one critic. TD3
(Fujimoto et al. 2018, "Addressing Function Approximation Error in Actor-Critic Methods", algorithm 1) believes the
lesser of two, asks them about actions near the target actor's, and updates actors half as often. MADDPG (Lowe et al.
2017) and MATD3 (Ackermann et al. 2019, "Reducing Overestimation Bias in Multi-Agent Domains Using Double Centralized
Critics") are the two with central critics. They are one learner, and differ in settings.

An actor's action is tanh of what it says. Where agents choose, it is drawn by Gumbel's trick, argmax(logits + g), and
gradients are those of softmax((logits + g) / temperature) (Jang et al. 2017; Maddison et al. 2017), as MADDPG's authors
do; targets draw too.

Departures from the papers, all of them settings: target networks follow at every update in place of every second one,
unless `target_every` says so; observations, states and rewards are scaled; agents share networks that know whose they
are (`shared`); there are several episodes side by side.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.action_critics import ActionCritics, CriticSettings, legal_logits
from counterplay.agents.from_moves import Seen
from counterplay.agents.learner import within
from counterplay.agents.nn.device import like
from counterplay.agents.noise import KINDS, Noise
from counterplay.agents.rollout import greedy, sample
from counterplay.engine.env import EnvSpec, Step
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class DDPGSettings(CriticSettings):
    """What can be set of DDPG, TD3, MADDPG and MATD3."""

    noise: Annotated[str, "noise on numbers while exploring: gaussian, or ou, which goes on from step to step"] = (
        "gaussian"
    )
    noise_size: Annotated[float, "deviation of what is drawn for the noise at a step"] = 0.1
    noise_pull: Annotated[float, "how much of its way back to 0 the ou noise goes at a step"] = 0.15
    target_noise: Annotated[float, "deviation of the noise on target actions; 0: none"] = 0.0
    target_clip: Annotated[float, "how large that noise is at most"] = 0.5
    temperature: Annotated[float, "of the softmax that gradients of choices are taken of"] = 1.0
    penalty: Annotated[float, "how much the mean square of what actors say counts beside what it is worth"] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(
            self,
            noise_size=(0, inf),
            noise_pull=(0, 1),
            target_noise=(0, inf),
            target_clip=(0, inf),
            temperature=(1e-3, inf),
            penalty=(0, inf),
        )
        if self.noise not in KINDS:
            raise UserError(f"noise must be {' or '.join(KINDS)}, not {self.noise!r}")


class DDPG(ActionCritics):
    """Actors of one action, their critics, and slow copies of both."""

    settings: DDPGSettings

    def __init__(self, spec: EnvSpec, settings: DDPGSettings, seed: int) -> None:
        kind = "td3" if settings.critics > 1 else "ddpg"
        super().__init__(spec, settings, seed, f"ma{kind}" if settings.central else kind)
        self.noise = Noise(settings.noise, settings.noise_size, settings.noise_pull, spec.agents, spec.actions)

    def add_networks(self) -> None:
        self.targets["agents"] = self.agent_network()

    def goal(self, seen: Seen, rng: np.random.Generator) -> Tensor:
        """Return r + discount * the least of the target critics at the target actors' actions (TD3, eq. 10 and 14)."""
        said = self.targets["agents"](seen.next_obs)[0]
        if not self.spec.continuous:
            action = self.one_hot((legal_logits(said, seen.next_legal) + self.gumbel(said, rng)).argmax(dim=-1))
        else:
            action = torch.tanh(said)
            if self.settings.target_noise > 0:
                drawn = np.float32(self.settings.target_noise) * rng.standard_normal(said.shape, np.float32)
                most = self.settings.target_clip
                action = (action + like(said, drawn).clamp(-most, most)).clamp(-1, 1)
        after = self.worth(self.targets, (seen.next_obs, seen.next_state), action, action)
        return seen.reward + seen.discount * after.amin(dim=0)

    def policy_loss(self, seen: Seen, acted: Tensor, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return minus what the first critic says of the actors' actions (DDPG, eq. 6; MADDPG, eq. 6)."""
        said = self.agents(seen.obs)[0]
        own = torch.tanh(said) if self.spec.continuous else self._soft_choice(said, seen.legal, rng)
        loss = -self.worth(self.networks, (seen.obs, seen.state), own, acted, critics=1).mean()
        figures = {"policy_loss": loss.detach()}
        if self.settings.penalty > 0:
            loss = loss + self.settings.penalty * said.square().mean()
        return loss, figures

    def _soft_choice(self, logits: Tensor, legal: Tensor | None, rng: np.random.Generator) -> Tensor:
        """Return a choice drawn for each agent, one-hot, whose gradients are those of the softmax."""
        drawn = legal_logits(logits, legal) + self.gumbel(logits, rng)
        soft = (drawn / self.settings.temperature).softmax(dim=-1)
        return self.one_hot(drawn.argmax(dim=-1)) + soft - soft.detach()

    @staticmethod
    def gumbel(like_those: Tensor, rng: np.random.Generator) -> Tensor:
        """Return standard Gumbel numbers."""
        return like(like_those, rng.gumbel(size=like_those.shape).astype(np.float32))

    def choose(self, said: npt.NDArray[np.float32], step: Step, rng: np.random.Generator, explore: bool) -> Any:
        if not self.spec.continuous:
            return sample(said, step.legal, rng) if explore else greedy(said, step.legal)
        action = np.tanh(said)
        return np.clip(action + self.noise.draw(len(said), rng), -1, 1) if explore else action

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs."""
        return {**super().state(), "noise": self.noise.now}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().restore(state)
        self.noise.restore(state["noise"])
