"""What learners from single moves have in common: a replay of moves, and updates by those drawn from it.

Some steps of every episode are played, then updates catch up, so many a move; long and endless episodes go on over
them (`cut.Going`). A learner of this kind brings how it chooses, and its loss (`dqn`, `action_critics`).

Shape letters: R moves drawn, N agents, A actions, O observation, S state.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.learner import within
from counterplay.agents.memory import admit_moves
from counterplay.agents.moves import MovesDraw, MovesReplay
from counterplay.agents.nn.device import host
from counterplay.agents.rollout import Episodes
from counterplay.agents.team import Team
from counterplay.agents.team_settings import TeamSettings
from counterplay.engine.env import MAX_STEPS, EnvSpec
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class MoveSettings(TeamSettings):
    """What can be set of every learner from single moves."""

    envs: Annotated[int, "episodes played side by side"] = 8
    rollout: Annotated[int, "steps of every episode between updates, over which long ones go on; 0: whole ones"] = 4
    updates: Annotated[float, "updates for each move played"] = 1.0
    batch: Annotated[int, "moves in an update"] = 64
    replay: Annotated[int, "moves that the replay holds"] = 100_000
    warmup: Annotated[int, "moves played before the first update"] = 1000
    n_step: Annotated[int, "rewards summed before the target network's value counts"] = 1
    priority: Annotated[float, "exponent of prioritised replay; 0 draws uniformly"] = 0.0
    priority_beta: Annotated[float, "how much prioritised replay corrects its bias, 0 to 1"] = 0.6
    target_rate: Annotated[float, "how far target networks move to the networks at an update; 1 copies"] = 0.005
    target_every: Annotated[int, "updates between two moves of the target networks"] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(
            self,
            rollout=(0, MAX_STEPS),
            updates=(0, inf),
            batch=(1, inf),
            replay=(1, inf),
            n_step=(1, inf),
            priority=(0, inf),
            priority_beta=(0, 1),
            target_rate=(0, 1),
            target_every=(1, inf),
        )
        if not self.batch <= self.warmup <= self.replay:
            raise UserError(
                f"batch, warmup and replay have to rise in this order: an update takes {self.batch} moves, "
                f"begins after {self.warmup}, and the replay holds {self.replay}"
            )
        if 0 < self.rollout < self.n_step:
            raise UserError(
                f"n_step={self.n_step} looks further ahead than the {self.rollout} steps that are played between "
                f"updates: set rollout={self.n_step} or more, or 0 for whole episodes"
            )
        if self.remembers:
            raise UserError(
                f"agents that remember ({self.remembers}) learn from whole episodes, and this learner from single "
                "moves: take another body and last_action=false, or iql, vdn or qmix"
            )


class Seen(NamedTuple):
    """Moves, scaled, as tensors."""

    obs: Tensor  # [R, N, O]
    next_obs: Tensor  # [R, N, O]
    action: Tensor  # [R, N], or [R, N, A] of numbers
    reward: Tensor  # [R, N] or, of the team, [R, 1]
    discount: Tensor  # [R, 1] of what follows
    state: Tensor | None  # [R, S]
    next_state: Tensor | None  # [R, S]
    legal: Tensor | None  # [R, N, A]
    next_legal: Tensor | None  # [R, N, A]
    weight: Tensor  # [R, 1] what each counts


class FromMoves(Team, ABC):
    """Everything but how agents choose, and the loss."""

    settings: MoveSettings
    joint = False

    def __init__(self, spec: EnvSpec, settings: MoveSettings, states: bool = False) -> None:
        super().__init__(spec, settings)
        s = settings
        admit_moves(spec, envs=s.envs, length=s.rollout, batch=s.batch, replay=s.replay, states=states)
        self.replay = MovesReplay(spec, s.replay, s.gamma, s.n_step, s.priority, states)
        self.due = 0.0  # updates that are owed to the moves played

    @abstractmethod
    def loss(self, seen: Seen, rng: np.random.Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the loss, the errors of the moves, [R, N], and figures by name."""

    def seen(self, draw: MovesDraw) -> Seen:
        """Return moves as networks take them."""

        def there(array: npt.NDArray[Any]) -> Tensor:
            return torch.from_numpy(array).to(self.device)

        moves, scales = draw.moves, self.scales
        reward = there(moves.reward).view(len(moves.reward), -1)
        if self.settings.scale_rewards:
            reward = reward / scales.reward.deviation
        state, next_state = (
            None if part is None else self._scaled(scales.state, there(part))
            for part in (moves.state, moves.next_state)
        )
        return Seen(
            obs=self._scaled(scales.obs, there(moves.obs)),
            next_obs=self._scaled(scales.obs, there(moves.next_obs)),
            action=there(moves.action),
            reward=reward,
            discount=there(moves.discount)[:, None],
            state=state,
            next_state=next_state,
            legal=None if moves.legal is None else there(moves.legal),
            next_legal=None if moves.next_legal is None else there(moves.next_legal),
            weight=there(draw.weight)[:, None],
        )

    # What follows is the Learner protocol; `act` is left.

    def learn(self, episodes: Episodes, rng: np.random.Generator) -> dict[str, float]:
        """Put the moves into the replay and make the updates that are due."""
        settings = self.settings
        self.steps += episodes.steps
        episodes, paid = self.paid(episodes, rng)
        self.scales.learn(episodes)
        self.replay.add(episodes)
        history: dict[str, list[float]] = {}
        if self.replay.size >= settings.warmup:
            self.due += settings.updates * episodes.steps
            while self.due >= 1:
                self.due -= 1
                for name, figure in self.update(rng).items():
                    history.setdefault(name, []).append(figure)
        learned = {name: float(np.mean(figures)) for name, figures in history.items()}
        return learned | paid | {"epsilon": self.epsilon}

    def update(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw moves and follow the loss's gradient once."""
        settings = self.settings
        draw = self.replay.draw(settings.batch, rng, settings.priority_beta)
        loss, error, figures = self.loss(self.seen(draw), rng)
        norms = self.descend(loss)
        self.follow(settings.target_rate, settings.target_every)
        if settings.priority > 0:
            self.replay.reprioritise(draw.place, host(error.abs().mean(dim=1)))
        figures = {"loss": loss.detach(), "gradient": torch.stack(norms).max(), **figures}
        found = torch.stack([figure.reshape(()) for figure in figures.values()]).tolist()
        return dict(zip(figures, found, strict=True))

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs."""
        return {**super().state(), "replay": self.replay.state(), "due": self.due}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().restore(state)
        if "replay" in state:  # else a run's folder keeps it apart (`replay_files`), or not at all
            self.replay.restore(state["replay"])
        self.due = state["due"]
