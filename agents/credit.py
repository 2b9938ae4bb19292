"""Credit over time: rewards moved to the steps that earned them, for any learner that plays whole episodes.

RUDDER (Arjona-Medina et al. 2019): an LSTM reads an episode, state and joint action by step, and says after each step
what the whole episode will have earned. How much it changes its mind at a step is that step's contribution (section 4,
"contribution analysis by differences of predictions"), and is paid there; what it gets wrong in the end is shared by
all steps alike, so that every episode's return stays what it was. Where the reader is right, nothing is to be expected
any more from what comes later, and so a step's own payment says what it was worth.

Shape letters: B episodes, T steps, N agents, A actions, S state.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.agents.nn.adam import Adam
from counterplay.agents.nn.networks import Scale
from counterplay.agents.replay import Replay
from counterplay.agents.rollout import Episodes
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError

_HIDDEN, _LR, _BATCH, _HELD = 32, 1e-2, 32, 2048
# How much what is said before the end counts beside what is said there (appendix A.5): more, and what was done is paid
# where it was done after a few hundred updates; with 0.1 it takes thousands.
_AUXILIARY = 0.5


class Reader(nn.Module):
    """An LSTM over state and joint action, and what it then says of the return, in its deviations from its mean."""

    def __init__(self, spec: EnvSpec) -> None:
        super().__init__()
        self.acts = spec.agents * spec.actions
        self.lstm = nn.LSTM(spec.state + self.acts, _HIDDEN, batch_first=True)
        self.out = nn.Linear(_HIDDEN, 1)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Return what is said after each step, [B, T], of states [B, T, S] and what was done, [B, T, N x A]."""
        said: Tensor = self.out(self.lstm(torch.cat([state, action], dim=-1))[0])[..., 0]
        return said


class Decomposition:
    """A reader, the episodes that it learns from, and what it makes of others."""

    def __init__(self, spec: EnvSpec, updates: int) -> None:
        if not spec.team and spec.agents > 1:
            raise UserError("credit=rudder shares out one return, and this environment pays every agent its own")
        self.spec, self.updates = spec, updates
        self.reader = Reader(spec)
        self.adam = Adam([([self.reader], _LR)])
        self.replay = Replay(spec, _HELD)
        self.inputs, self.returns = Scale(spec.state, 5.0), Scale(1)

    def redistribute(self, episodes: Episodes, rng: np.random.Generator) -> tuple[Episodes, float]:
        """Learn from whole episodes, and return them with their rewards where these were earned.

        With them comes the reader's mean squared error at their ends, in the returns' variance: 1 is a reader that
        knows nothing.
        """
        rows = episodes.filled
        self.inputs.learn(torch.from_numpy(np.ascontiguousarray(episodes.state[:, :-1][rows], np.float32)))
        self.returns.learn(torch.from_numpy(earned(episodes).astype(np.float32)[:, None]))
        self.replay.add(episodes)
        for _ in range(self.updates):
            self._learn(self.replay.draw(min(_BATCH, self.replay.size), rng).episodes)
        with torch.no_grad():
            said = self._said(episodes).numpy()
        paid, error = shares(said, earned(episodes), rows, float(self.returns.shift[0]), self._deviation)
        reward = paid if episodes.reward.ndim == 2 else paid[..., None]
        return Episodes(*episodes)._replace(reward=reward.astype(np.float32)), error

    @property
    def _deviation(self) -> float:
        return float(self.returns.deviation[0])

    def _said(self, episodes: Episodes) -> Tensor:
        """Return what the reader says after each step, [B, T], in deviations from the mean return."""
        state = self.inputs(torch.from_numpy(np.ascontiguousarray(episodes.state[:, :-1], np.float32)))
        done = torch.from_numpy(episodes.action)
        if not self.spec.continuous:
            done = F.one_hot(done, self.spec.actions).float()
        said: Tensor = self.reader(state, done.flatten(2))
        return said

    def _learn(self, episodes: Episodes) -> None:
        goal = torch.from_numpy(earned(episodes).astype(np.float32)) - self.returns.shift[0]
        said, filled = self._said(episodes), torch.from_numpy(episodes.filled)
        error = (said - goal[:, None] / self._deviation).square() * filled
        last = error[torch.arange(len(said)), filled.sum(dim=1) - 1]
        loss = last.mean() + _AUXILIARY * error.sum() / filled.sum()
        self.reader.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.adam.step(1.0)

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        scales = {"inputs": self.inputs.state_dict(), "returns": self.returns.state_dict()}
        held = {"held": self.replay.state()}
        return {"reader": self.reader.state_dict(), "adam": self.adam.state_dict(), **scales, **held}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.reader.load_state_dict(state["reader"])
        self.adam.load_state_dict(state["adam"])
        self.inputs.load_state_dict(state["inputs"])
        self.returns.load_state_dict(state["returns"])
        self.replay.restore(state["held"])


def earned(episodes: Episodes) -> npt.NDArray[np.float64]:
    """Return what each episode earned, [B]."""
    total = episodes.returns()
    return total if total.ndim == 1 else total.sum(axis=1)


def shares(
    said: npt.NDArray[np.float32],
    earned: npt.NDArray[np.float64],
    filled: npt.NDArray[np.bool_],
    mean: float,
    deviation: float,
) -> tuple[npt.NDArray[np.float64], float]:
    """Return what each step is paid, [B, T], and the mean squared error at the ends, in variances of returns.

    `said` is [B, T], in deviations from the mean return; before the first step the mean is what is said. Each row adds
    up to what its episode earned.
    """
    length = filled.sum(axis=1)
    value = np.where(filled, mean + deviation * said.astype(np.float64), 0.0)
    before = np.concatenate([np.full((len(value), 1), mean), value[:, :-1]], axis=1)
    last = value[np.arange(len(value)), length - 1]
    rest = (earned - last + mean) / length  # the mean itself is nobody's merit, and what was said wrong nobody's fault
    paid = np.where(filled, value - before + rest[:, None], 0.0)
    return paid, float(np.mean(np.square(earned - last)) / deviation**2)
