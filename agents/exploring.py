"""How agents with action values explore, by name (`explore`): by chance, by their values, by counts, by parameters.

All of them follow the share `epsilon`, which falls over a run as the settings say. An explorer is made with the team,
and chooses its actions while exploring; what it has seen goes into a checkpoint. A new one is one class here and one
line in `EXPLORERS`. Shape letters: B episodes, N agents, A actions, O observation.
"""

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents.novelty import Hash
from counterplay.agents.rollout import epsilon_greedy, greedy, sample
from counterplay.engine.env import Step
from counterplay.engine.errors import UserError

if TYPE_CHECKING:
    from counterplay.agents.q_learning import ActionValues

_RATE = 1.05  # by which a deviation of parameters adapts (alpha of Plappert et al.)


class Explorer(Protocol):
    """Whoever chooses actions while exploring."""

    def act(self, step: Step, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return legal actions, [B, N]."""
        ...

    def learned(self) -> None:
        """Hear that the team has learned."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        ...


class _Bare:
    """An explorer that keeps nothing."""

    def __init__(self, team: "ActionValues") -> None:
        self.team = team

    def learned(self) -> None:
        """Hear that the team has learned."""

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


class Epsilon(_Bare):
    """A random action with probability epsilon, the best one otherwise."""

    def act(self, step: Step, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return legal actions, [B, N]."""
        return epsilon_greedy(self.team.outputs(step), step.legal, self.team.epsilon, rng)


class Boltzmann(_Bare):
    """Actions by the softmax of their values over a temperature: `temperature` times epsilon."""

    def act(self, step: Step, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return legal actions, [B, N]."""
        values, heat = self.team.outputs(step), self.team.settings.temperature * self.team.epsilon
        return sample(values / heat, step.legal, rng) if heat > 1e-6 else greedy(values, step.legal)


class Confidence(_Bare):
    """The best action by its value and how little is known of it: value + c sqrt(log(1 + n) / (1 + n_a)).

    That is UCB1 (Auer et al. 2002), where n counts an agent's visits to what it observes, and n_a how often it did a
    there (`novelty.Hash` says which observations are the same); c is `confidence` times epsilon.
    """

    def __init__(self, team: "ActionValues") -> None:
        super().__init__(team)
        spec = team.spec
        self.hash = Hash(spec.observation)
        self.done = np.zeros((self.hash.size, spec.actions), np.int64)

    def act(self, step: Step, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return legal actions, [B, N]."""
        team = self.team
        salt = np.zeros(team.spec.agents, np.int64) if team.settings.shared else np.arange(team.spec.agents)
        place = self.hash.place(step.obs, salt)  # [B, N]
        done = self.done[place]  # [B, N, A]
        visits = np.log1p(done.sum(axis=-1, keepdims=True))
        bonus = team.settings.confidence * team.epsilon * np.sqrt(visits / (1 + done))
        chosen = greedy(team.outputs(step) + bonus.astype(np.float32), step.legal)
        playing = ~(step.terminated | step.truncated)
        np.add.at(self.done, (place[playing], chosen[playing]), 1)
        return chosen

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"done": self.done}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.done[...] = np.maximum(np.asarray(state["done"]), 0)


class Parameters(_Bare):
    """Agents whose parameters are disturbed, anew after each learning, and who then play their best actions.

    Plappert et al. 2018, "Parameter Space Noise for Exploration", sections 3 and 4: the noise is normal, and its
    deviation grows by a factor as long as disturbed policies (softmax of values) are nearer to the undisturbed than
    -log(1 - e + e / A), which is how far epsilon-greedy ones are, and shrinks otherwise. Departure: how far they are is
    measured on the steps that are played.
    """

    def __init__(self, team: "ActionValues") -> None:
        super().__init__(team)
        if team.agents.memory is not None:
            raise UserError("explore=parameters is for agents without memory: take recurrent=false or another body")
        self.noisy = team.agent_network()
        self.noisy.requires_grad_(False)
        self.deviation, self.fresh = 0.05, False
        self.apart, self.seen = 0.0, 0  # distances measured since the last disturbance

    def act(self, step: Step, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return legal actions, [B, N]."""
        team = self.team
        if not self.fresh:
            self._disturb(rng)
        plain, memory = team.outputs(step), team._memory
        calm, team.agents = team.agents, self.noisy
        team._memory = None
        try:
            disturbed = team.outputs(step)
        finally:
            team.agents, team._memory = calm, memory
        self.apart += _divergence(plain, disturbed, step.legal)
        self.seen += 1
        return greedy(disturbed, step.legal)

    def _disturb(self, rng: np.random.Generator) -> None:
        epsilon = min(self.team.epsilon, 0.999)
        if self.seen:
            far = -math.log(1 - epsilon + epsilon / self.team.spec.actions)
            self.deviation *= _RATE if self.apart / self.seen < far else 1 / _RATE
            self.deviation = min(max(self.deviation, 1e-6), 10.0)
        self.apart, self.seen, self.fresh = 0.0, 0, True
        if next(self.noisy.parameters()).device != self.team.device:
            self.noisy.to(self.team.device)
        for noisy, plain in zip(self.noisy.parameters(), self.team.agents.parameters(), strict=True):
            noise = torch.from_numpy(rng.standard_normal(plain.shape, np.float32)).to(plain.device)
            noisy.copy_(plain + self.deviation * noise)

    def learned(self) -> None:
        """Disturb other parameters from the next step on."""
        self.fresh = False

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        numbers = {"deviation": self.deviation, "fresh": int(self.fresh), "apart": self.apart, "seen": self.seen}
        return {**numbers, "noisy": self.noisy.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.noisy.load_state_dict(state["noisy"])
        self.deviation, self.fresh = float(state["deviation"]), bool(state["fresh"])
        self.apart, self.seen = float(state["apart"]), int(state["seen"])


def _divergence(plain: npt.NDArray[Any], disturbed: npt.NDArray[Any], legal: npt.NDArray[np.bool_]) -> float:
    """Return the mean divergence of the disturbed values' softmax from the plain ones', over legal actions."""
    logs = []
    for values in (plain, disturbed):
        shown = np.where(legal, values.astype(np.float64), -1e9)
        shown = shown - shown.max(axis=-1, keepdims=True)
        logs.append(shown - np.log(np.exp(shown).sum(axis=-1, keepdims=True)))
    return float((np.exp(logs[0]) * (logs[0] - logs[1])).sum(axis=-1).mean())


EXPLORERS: dict[str, Any] = {
    "epsilon": Epsilon,
    "boltzmann": Boltzmann,
    "ucb": Confidence,
    "parameters": Parameters,
}


def explorer(name: str, team: "ActionValues") -> Explorer:
    """Return the explorer of that name; raises `ValueError` for one that does not exist, or does not suit the team."""
    if name not in EXPLORERS:
        raise UserError(f"explore must be {', '.join(EXPLORERS)}, not {name!r}")
    found: Explorer = EXPLORERS[name](team)
    return found
