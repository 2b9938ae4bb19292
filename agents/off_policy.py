"""What learners from replay have in common: agents with action values, exploration, replay, targets, the update.

A learner of this kind (`q_learning`, `qtran`) brings its settings, further networks and its loss.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from counterplay.agents.learner import within
from counterplay.agents.networks import AgentNetwork, Scale, Scales, copy_into
from counterplay.agents.replay import Replay
from counterplay.agents.returns import n_step, td_lambda
from counterplay.agents.rollout import Episodes, epsilon_greedy, greedy
from counterplay.engine.env import EnvSpec, Step


@dataclass(frozen=True)
class OffPolicySettings:
    """What can be set of every learner from replay."""

    envs: Annotated[int, "episodes played side by side between updates"] = 16
    updates: Annotated[float, "updates for each episode played"] = 1.0
    batch: Annotated[int, "episodes in an update"] = 32
    replay: Annotated[int, "episodes that the replay holds"] = 5000
    warmup: Annotated[int, "episodes played before the first update"] = 32
    priority: Annotated[float, "exponent of prioritised replay; 0 draws uniformly"] = 0.0
    priority_beta: Annotated[float, "how much prioritised replay corrects its bias, 0 to 1"] = 0.6
    gamma: Annotated[float, "discount of a step"] = 0.99
    double: Annotated[bool, "the network chooses the next action, its target values it"] = True
    n_step: Annotated[int, "rewards summed before the target network's value counts"] = 1
    td_lambda: Annotated[float, "mixes the returns of all lengths, 0 to 1; 0 leaves it to n_step"] = 0.0
    lr: Annotated[float, "learning rate of Adam"] = 5e-4
    clip: Annotated[float, "largest norm of a gradient"] = 10.0
    epsilon_start: Annotated[float, "share of random actions at the start"] = 1.0
    epsilon_end: Annotated[float, "share of random actions at the end"] = 0.05
    epsilon_steps: Annotated[int, "environment steps over which the share falls, in a straight line"] = 50_000
    target_rate: Annotated[float, "how far target networks move to the networks at an update; 1 copies"] = 0.01
    target_every: Annotated[int, "updates between two moves of the target networks"] = 1
    scale_rewards: Annotated[bool, "divide rewards by their running deviation"] = True
    scale_inputs: Annotated[bool, "bring observations and states to mean 0 and deviation 1"] = True
    hidden: Annotated[int, "width of the agents' hidden layers"] = 64
    recurrent: Annotated[bool, "agents remember (GRU)"] = False
    shared: Annotated[bool, "one network for all agents, not one each"] = True
    ids: Annotated[bool, "a shared network sees which agent it is"] = True
    last_action: Annotated[bool, "agents see their last actions"] = False
    dueling: Annotated[bool, "a state's value and the actions' advantages apart"] = False

    def __post_init__(self) -> None:
        inf = float("inf")
        within(
            self,
            envs=(1, inf),
            updates=(0, inf),
            batch=(1, inf),
            replay=(1, inf),
            priority=(0, inf),
            priority_beta=(0, 1),
            gamma=(0, 1),
            n_step=(1, inf),
            td_lambda=(0, 1),
            lr=(0, inf),
            clip=(0, inf),
            epsilon_start=(0, 1),
            epsilon_end=(0, 1),
            epsilon_steps=(0, inf),
            target_rate=(0, 1),
            target_every=(1, inf),
            hidden=(1, inf),
        )
        if not self.batch <= self.warmup <= self.replay:
            raise ValueError(
                f"batch, warmup and replay have to rise in this order: an update takes {self.batch} episodes, "
                f"begins after {self.warmup}, and the replay holds {self.replay}"
            )
        if self.td_lambda > 0 and self.n_step > 1:
            raise ValueError("n_step and td_lambda are two ways to look ahead; set one of them")


class Batch(NamedTuple):
    """Replayed episodes, scaled, as tensors; cut to the longest."""

    obs: Tensor  # [B, T + 1, N, O]
    last: Tensor | None  # [B, T + 1, N] the action before, -1 for none; None where agents do not see it
    state: Tensor  # [B, T + 1, S]
    legal: Tensor  # [B, T + 1, N, A]
    action: Tensor  # [B, T, N]
    reward: Tensor  # [B, T] or [B, T, N]
    terminated: Tensor  # [B, T]
    filled: Tensor  # [B, T]
    weight: Tensor  # [B]

    def rows(self) -> "Rows":
        """Return which rows are more than padding."""
        filled = self.filled.numpy()
        seen = np.pad(filled, ((0, 0), (1, 0)), constant_values=True)
        place = (np.cumsum(seen) - 1).reshape(seen.shape)
        now, following = place[:, :-1][filled], place[:, 1:][filled]
        parts = np.flatnonzero(seen), np.flatnonzero(filled), now, following, filled.nonzero()[0]
        found: list[Tensor] = [torch.from_numpy(part) for part in parts]
        return Rows(*found)


class Rows(NamedTuple):
    """Where there is more than padding: networks without memory need not work on the rest.

    R' rows were seen, since a step was taken there or an episode ended there; R steps were taken.
    """

    seen: Tensor  # [R'] among B * (T + 1)
    step: Tensor  # [R] among B * T
    now: Tensor  # [R] the rows, among those seen, that steps were taken in
    next: Tensor  # [R] and those that they led to
    episode: Tensor  # [R] whose step it is


def pick(numbers: Tensor, rows: Tensor) -> Tensor:
    """Return rows [R, ...] of numbers [B, T, ...]."""
    return numbers.flatten(0, 1).index_select(0, rows)


def spread(rows: Tensor, place: Tensor, like: Tensor) -> Tensor:
    """Return numbers [B, T, ...] with the given rows [R, ...] in their places and 0 elsewhere; `like` is [B, T]."""
    full = rows.new_zeros(like.numel(), *rows.shape[1:])
    return full.index_copy(0, place, rows).view(*like.shape, *rows.shape[1:])


def best(values: Tensor, legal: Tensor) -> Tensor:
    """Return the legal action of the highest value, the first of equals; [..., A] becomes [...]."""
    return values.masked_fill(~legal, -torch.inf).argmax(dim=-1)


def taken(values: Tensor, action: Tensor) -> Tensor:
    """Return the values of those actions; [..., A] becomes [...]."""
    return values.gather(-1, action[..., None])[..., 0]


class OffPolicy(ABC):
    """Everything but the loss.

    `networks` are what gradients change, by name, with the agents' as "agents"; `targets` the slow copies of (some of)
    them. Both are what a checkpoint holds.
    """

    def __init__(self, spec: EnvSpec, settings: OffPolicySettings) -> None:
        self.spec, self.settings = spec, settings
        self.agents = self.agent_network()
        self.networks = nn.ModuleDict({"agents": self.agents})
        self.target_agents = self.agent_network()
        self.targets = nn.ModuleDict({"agents": self.target_agents})
        self.scales = Scales(spec)
        self.replay = Replay(spec, settings.replay, settings.priority)
        self.steps = self.updates = 0
        self.due = 0.0  # updates that are owed to the episodes played
        self._memory: Tensor | None = None
        self._last: Tensor | None = None

    def agent_network(self) -> AgentNetwork:
        """Return a fresh network of the agents."""
        spec, settings = self.spec, self.settings
        return AgentNetwork(
            spec.observation,
            spec.agents,
            spec.actions,
            spec.actions,
            hidden=settings.hidden,
            recurrent=settings.recurrent,
            shared=settings.shared,
            ids=settings.ids,
            last_action=settings.last_action,
            dueling=settings.dueling,
        )

    def ready(self) -> None:
        """Begin to learn: to be called once all networks and targets are there."""
        for name, target in self.targets.items():
            target.load_state_dict(self.networks[name].state_dict())
            target.requires_grad_(False)
        self.parameters = list(self.networks.parameters())
        self.optimiser = torch.optim.Adam(self.parameters, lr=self.settings.lr, fused=True)

    @abstractmethod
    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the loss, the TD errors [B, T] or [B, T, N] (0 where nothing is filled), and figures by name."""

    def features(self, agents: AgentNetwork, batch: Batch, rows: Tensor) -> Tensor:
        """Return the agents' last hidden layer in rows [R] among B * (T + 1), [R, N, H]."""
        if agents.memory is not None:
            sequence = agents.features(batch.obs, batch.last)[0].transpose(0, 1)  # [T + 1, B, N, H], as it lies
            steps, many = sequence.shape[:2]
            return pick(sequence, rows % steps * many + rows // steps)
        last = None if batch.last is None else pick(batch.last, rows)
        return agents.features(pick(batch.obs, rows), last)[0]

    @torch.no_grad()
    def following(self, batch: Batch, rows: Rows, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the target agents make of the states that steps led to, given the agents' values [R', N, A].

        That is their last hidden layer [R, N, H], their action values [R, N, A], and the best legal actions [R, N]: by
        the agents' own values with double Q-learning (van Hasselt et al. 2016), else by the targets'.
        """
        at = rows.seen.index_select(0, rows.next)
        features = self.features(self.target_agents, batch, at)
        after = self.target_agents.head(features)
        judge = values.index_select(0, rows.next) if self.settings.double else after
        return features, after, best(judge, pick(batch.legal, at))

    def returns(self, batch: Batch, rows: Rows, after: Tensor) -> Tensor:
        """Return targets of the steps from the values of the states that they led to, [R] or [R, N] both."""
        settings = self.settings
        after = spread(after, rows.step, batch.filled)
        facts = batch.reward.numpy(), after.numpy(), batch.terminated.numpy(), batch.filled.numpy(), settings.gamma
        traced = settings.td_lambda > 0
        found = td_lambda(*facts, settings.td_lambda) if traced else n_step(*facts, settings.n_step)
        return pick(torch.from_numpy(found), rows.step)

    # What follows is the Learner protocol.

    @property
    def envs(self) -> int:
        """How many episodes are played side by side between two calls of `learn`."""
        return self.settings.envs

    @property
    def epsilon(self) -> float:
        """The share of random actions now."""
        s = self.settings
        done = min(1.0, self.steps / s.epsilon_steps) if s.epsilon_steps else 1.0
        return s.epsilon_start + done * (s.epsilon_end - s.epsilon_start)

    def begin(self, batch: int) -> None:
        """Forget what was seen."""
        self._memory = self.agents.start(batch)
        self._last = torch.full((batch, 1, self.spec.agents), -1) if self.settings.last_action else None

    @torch.inference_mode()
    def values(self, step: Step) -> npt.NDArray[np.float32]:
        """Return every agent's action values, [B, N, A], and remember what was seen."""
        obs = self._scaled(self.scales.obs, torch.from_numpy(step.obs))
        values, self._memory = self.agents(obs[:, None], self._last, self._memory)
        found: npt.NDArray[np.float32] = values[:, 0].numpy()
        return found

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return the best actions by their values; while exploring, random ones with probability epsilon."""
        values = self.values(step)
        chosen = epsilon_greedy(values, step.legal, self.epsilon, rng) if explore else greedy(values, step.legal)
        if self._last is not None:
            self._last = torch.from_numpy(chosen)[:, None]
        return chosen

    def learn(self, episodes: Episodes, rng: np.random.Generator) -> dict[str, float]:
        """Put the episodes into the replay and make the updates that are due."""
        settings = self.settings
        self.steps += episodes.steps
        self.scales.learn(episodes)
        self.replay.add(episodes)
        told: dict[str, list[float]] = {}
        if self.replay.size >= settings.warmup:
            self.due += settings.updates * len(episodes.filled)
            while self.due >= 1:
                self.due -= 1
                for name, figure in self.update(rng).items():
                    told.setdefault(name, []).append(figure)
        return {name: float(np.mean(figures)) for name, figures in told.items()} | {"epsilon": self.epsilon}

    def update(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw episodes and follow the loss's gradient once."""
        settings = self.settings
        draw = self.replay.draw(settings.batch, rng, settings.priority_beta)
        batch = self._batch(draw.episodes, draw.weight)
        loss, error, figures = self.loss(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.parameters, settings.clip)
        self.optimiser.step()
        self.updates += 1
        if self.updates % settings.target_every == 0:
            for name, target in self.targets.items():
                copy_into(target, self.networks[name], settings.target_rate)
        if settings.priority > 0:
            size = error.detach().abs().flatten(1).sum(dim=1) / batch.filled.sum(dim=1)
            self.replay.reprioritise(draw.place, size.numpy())
        return {"loss": loss.item(), "gradient": norm.item(), **{name: x.item() for name, x in figures.items()}}

    def state(self) -> dict[str, Any]:
        """Return everything: networks, targets, scales, optimiser, replay, counters."""
        return {
            "networks": self.networks.state_dict(),
            "targets": self.targets.state_dict(),
            "scales": self.scales.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "replay": self.replay.state(),
            "counters": {"steps": self.steps, "updates": self.updates, "due": self.due},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for name, part in (("networks", self.networks), ("targets", self.targets), ("scales", self.scales)):
            part.load_state_dict(state[name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.replay.restore(state["replay"])
        counters = state["counters"]
        self.steps, self.updates, self.due = counters["steps"], counters["updates"], counters["due"]

    def _scaled(self, scale: Scale, numbers: Tensor) -> Tensor:
        scaled: Tensor = scale(numbers) if self.settings.scale_inputs else numbers
        return scaled

    def _batch(self, episodes: Episodes, weight: npt.NDArray[np.float32]) -> Batch:
        obs, state, legal, action, reward, terminated, filled = map(torch.from_numpy, episodes)
        last = None
        if self.settings.last_action:
            last = torch.cat([torch.full_like(action[:, :1], -1), action], dim=1)
        if self.settings.scale_rewards:
            reward = reward / self.scales.reward.deviation
        return Batch(
            self._scaled(self.scales.obs, obs),
            last,
            self._scaled(self.scales.state, state),
            legal,
            action,
            reward,
            terminated,
            filled,
            torch.from_numpy(weight),
        )
