"""What all our learners are made of: a team's networks and their memory, its scales, its exploration, its checkpoints.

Learners from replay (`q_learning`) and from what was just played (`on_policy`) add how they choose and how they update.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.credit import Decomposition
from counterplay.agents.merging import Asked, Merged
from counterplay.agents.nn.adam import Adam, flatten
from counterplay.agents.nn.bodies import FAST, Bodied
from counterplay.agents.nn.device import host, like
from counterplay.agents.nn.networks import AgentNetwork, Scale, Scales
from counterplay.agents.nn.norm_chain import Laid, answers, laid_out
from counterplay.agents.novelty import novelty
from counterplay.agents.returns import Floats, Lives, Mask
from counterplay.agents.rollout import Episodes
from counterplay.agents.team_settings import TeamSettings
from counterplay.engine.env import EnvSpec, Step
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit


class Batch(NamedTuple):
    """Episodes, scaled, as tensors; cut to the longest."""

    obs: Tensor  # [B, T + 1, N, O]
    last: Tensor | None  # [B, T + 1, N] the action before, -1 for none; None where agents do not see it
    state: Tensor  # [B, T + 1, S]
    legal: Tensor  # [B, T + 1, N, A]
    action: Tensor  # [B, T, N], or as `Episodes` has them
    reward: Tensor  # [B, T] or [B, T, N]
    terminated: Tensor  # [B, T]
    filled: Tensor  # [B, T]
    weight: Tensor  # [B] what each episode counts
    alive: Tensor | None = None  # [B, T + 1, N]; None where all play to their episode's end
    ended: Tensor | None = None  # [B, T + 1, N]
    number: Tensor | None = None  # [B, T + 1], as `Episodes` has it
    merged: Merged | None = None  # which rows are the same; None where that was not asked

    @property
    def asked(self) -> Asked | None:
        """The decisions that were met, if they are merged."""
        return None if self.merged is None else self.merged.asked

    def rows(self) -> "Rows":
        """Return which rows are more than padding."""
        filled = host(self.filled)
        steps = int(filled.sum())
        seen, (step, now, following, episode) = np.empty(steps + len(filled), np.int64), np.empty((4, steps), np.int64)
        _find_rows(filled, seen, step, now, following, episode)
        found = [like(self.filled, part) for part in (seen, step, now, following, episode)]
        return Rows(*found)

    def lives(self) -> Lives | None:
        """Return who plays when; None where all play to their episode's end."""
        if self.alive is None or self.ended is None:
            return None
        return Lives(host(self.alive), host(self.ended))

    def facts(self, value: Tensor) -> tuple[Floats, Floats, Mask, Mask]:
        """Return rewards, the values of the states that steps led to, and masks, as `returns` takes them."""
        return host(self.reward), host(value), host(self.terminated), host(self.filled)

    def answers(self, network: Callable[[Tensor], Tensor], shown: Tensor, rows: Tensor) -> Tensor:
        """Return what a network says of `shown`, [B, T + 1, ...], in rows [R] among B * (T + 1).

        Where distinct rows are told apart it is asked once for each.
        """
        if self.merged is None:
            return network(take_rows(shown, rows))
        said = network(take_rows(shown, self.merged.distinct))
        return said.index_select(0, self.merged.number.index_select(0, rows))

    def present(self, rows: Tensor) -> Tensor | None:
        """Return who is alive in rows [R] among B * (T + 1), f32 [R, N]; None where all always are."""
        return None if self.alive is None else take_rows(self.alive, rows).float()


class Rows(NamedTuple):
    """Where there is more than padding: networks without memory need not work on the rest.

    R' rows were seen, since a step was taken there or an episode ended there; R steps were taken.
    """

    seen: Tensor  # [R'] among B * (T + 1)
    step: Tensor  # [R] among B * T
    now: Tensor  # [R] the rows, among those seen, that steps were taken in
    next: Tensor  # [R] and those that they led to
    episode: Tensor  # [R] whose step it is


@jit
def _find_rows(filled: Any, seen: Any, step: Any, now: Any, following: Any, episode: Any) -> None:  # pragma: no cover
    batch, steps = filled.shape
    row = taken = 0
    for b in range(batch):
        seen[row] = b * (steps + 1)
        row += 1
        for t in range(steps):
            if filled[b, t]:
                seen[row] = b * (steps + 1) + t + 1
                step[taken], now[taken], following[taken], episode[taken] = b * steps + t, row - 1, row, b
                row += 1
                taken += 1


def parts_of(
    episodes: int, epochs: int, parts: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64] | None]:
    """Yield which episodes a minibatch is made of, epoch by epoch; None: of all, in their order."""
    parts = together.least(min(parts, episodes))  # none is empty where an environment plays fewer episodes
    for _ in range(epochs):
        yield from [None] if parts == 1 else np.array_split(rng.permutation(episodes), parts)


def minibatches(
    batch: Batch, known: Sequence[Tensor | None], epochs: int, parts: int, rng: np.random.Generator
) -> Iterator[tuple[Batch, list[Any]]]:
    """Yield a batch's parts, of whole episodes, epoch by epoch, each with its part of what is `known`, [B, ...]."""
    for part in parts_of(len(batch.filled), epochs, parts, rng):
        if part is None:
            yield batch, [*known]
            continue
        chosen = like(batch.filled, part)  # what is merged stays behind: that is of whole batches
        some = Batch(*(None if whole is None else whole[chosen] for whole in batch[:-1]))  # type: ignore[arg-type]
        yield some, [None if whole is None else whole[chosen] for whole in known]


def mean_agent(numbers: Tensor, present: Tensor | None) -> Tensor:
    """Return the mean of numbers [R, N] over the agents that are present, [R]; over all if None, 0 of nobody."""
    if present is None:
        return numbers.mean(dim=-1)
    return (numbers * present).sum(dim=-1) / present.sum(dim=-1).clamp(min=1)


def take_rows(numbers: Tensor, rows: Tensor) -> Tensor:
    """Return rows [R, ...] of numbers [B, T, ...]."""
    return numbers.flatten(0, 1).index_select(0, rows)


def put_rows(rows: Tensor, place: Tensor, like: Tensor) -> Tensor:
    """Return numbers [B, T, ...] with the given rows [R, ...] in their places and 0 elsewhere; `like` is [B, T]."""
    full = rows.new_zeros(like.numel(), *rows.shape[1:])
    return full.index_copy(0, place, rows).view(*like.shape, *rows.shape[1:])


def at_actions(values: Tensor, action: Tensor, rows: Tensor | None = None) -> Tensor:
    """Return the values of those actions; [..., A] becomes [...]. With rows [R], of values [R', N, A] in these."""
    if rows is None:
        return values.gather(-1, action[..., None])[..., 0]
    agents, actions = values.shape[1:]
    place = (rows[:, None] * agents + torch.arange(agents, device=rows.device)) * actions + action
    return values.reshape(-1).index_select(0, place.view(-1)).view(place.shape)


def _lives(episodes: Episodes) -> tuple[Tensor | None, Tensor | None]:
    """Return who is alive and whose game has ended, if anybody came late or left early in these episodes."""
    alive, ended = episodes.alive, episodes.ended
    if alive is None or ended is None:
        return None, None
    stays = alive[:, 1:] | episodes.terminated[:, :, None]
    if (stays & alive[:, :-1])[episodes.filled].all():
        return None, None
    return torch.from_numpy(alive), torch.from_numpy(ended)


class Team:
    """Networks and what belongs to them.

    `networks` are what gradients change, by name, with the agents' as "agents"; `targets` the slow copies of (some of)
    them. Both are what a checkpoint holds.
    """

    joint = True  # what it learns is of all processes that train together

    def __init__(self, spec: EnvSpec, settings: TeamSettings) -> None:
        self.spec, self.settings = spec, settings
        if settings.last_action and spec.kind != "choice":
            raise UserError(
                "last_action=true shows agents which action they chose last, and here they choose no one: "
                "leave it false"
            )
        if settings.roles and not spec.roles:
            raise UserError(
                "roles=true gives agents of each role a network, and this environment does not tell roles "
                "(EnvSpec.roles): leave it false, or take shared=false for a network each"
            )
        self.agents = self.agent_network()
        self.networks = nn.ModuleDict({"agents": self.agents})
        self.targets = nn.ModuleDict()
        self.scales = Scales(spec)
        self.novelty = novelty(settings.novelty, spec)
        self.credit = Decomposition(spec, settings.credit_updates) if settings.credit == "rudder" else None
        self.steps = self.updates = 0
        self.device = torch.device("cpu")  # where the networks are
        self._memory: Tensor | None = None
        self._laid: Laid | None = None  # the agents' network, where it is a chain on the CPU
        self._last: Tensor | None = None

    def agent_network(self, outputs: int | None = None, dueling: bool = False) -> AgentNetwork | Bodied:
        """Return a fresh network with that many outputs an agent, by default one for each action."""
        spec, settings = self.spec, self.settings
        apart = settings.roles and settings.shared and len(set(spec.roles)) > 1
        if settings.body not in FAST or apart:
            return Bodied(
                spec if apart else replace(spec, roles=()),
                settings.body,
                spec.actions if outputs is None else outputs,
                hidden=settings.hidden,
                shared=settings.shared,
                ids=settings.ids,
                last_action=settings.last_action,
                dueling=dueling,
            )
        return AgentNetwork(
            spec.observation,
            spec.agents,
            spec.actions,
            spec.actions if outputs is None else outputs,
            hidden=settings.hidden,
            recurrent=settings.recurrent or settings.body == "gru",
            shared=settings.shared,
            ids=settings.ids,
            last_action=settings.last_action,
            dueling=dueling,
        )

    def features(self, agents: AgentNetwork | Bodied, batch: Batch, rows: Tensor) -> Tensor:
        """Return the agents' last hidden layer in rows [R] among B * (T + 1), [R, N, H]."""
        return self._in_rows(agents, agents.features, batch, rows)

    def ask(self, agents: AgentNetwork | Bodied, batch: Batch, rows: Tensor) -> Tensor:
        """Return the agents' outputs in rows [R] among B * (T + 1), [R, N, K]."""
        return self._in_rows(agents, agents, batch, rows)

    @staticmethod
    def _in_rows(agents: AgentNetwork | Bodied, part: Callable[..., Any], batch: Batch, rows: Tensor) -> Tensor:
        found: Tensor
        if agents.memory is not None:
            found = part(batch.obs, batch.last)[0].transpose(0, 1)  # [T + 1, B, N, ...], as it lies
            steps, many = found.shape[:2]
            return take_rows(found, rows % steps * many + rows // steps)
        if batch.last is None:
            return batch.answers(lambda obs: part(obs, None)[0], batch.obs, rows)
        found = part(take_rows(batch.obs, rows), take_rows(batch.last, rows))[0]
        return found

    def ready(self) -> None:
        """Begin to learn: to be called once all networks and targets are there."""
        for name, target in self.targets.items():
            target.load_state_dict(self.networks[name].state_dict())
            target.requires_grad_(False)
        self._lay_out()

    def _lay_out(self) -> None:
        """Lay parameters side by side, and make the optimiser of them."""
        self.parameters = list(self.networks.parameters())
        groups = self.groups()
        self.optimiser = Adam([([self.networks[name] for name in names], rate) for names, rate in groups], self.paces())
        fast = {
            name: part
            for (names, _), parts in zip(groups, self.optimiser.parts, strict=True)
            for name, part in zip(names, parts, strict=True)
        }
        chain = self.agents.chain if isinstance(self.agents, Bodied) and self.device.type == "cpu" else None
        self._laid = None if chain is None else laid_out(chain, fast["agents"])
        slow = {name: target for name, target in self.targets.items() if any(True for _ in target.parameters())}
        self._pairs = [(flatten([target])[0], fast[name]) for name, target in slow.items()]

    def to(self, device: torch.device) -> None:
        """Take the networks, and all that is computed with them, to a device."""
        if device.type == self.device.type:
            return
        moments, rates, self.device = self.optimiser.state_dict(), self.optimiser.rates, device
        for part in (self.networks, self.targets, self.scales):
            part.to(device)
        self._lay_out()
        self.optimiser.load_state_dict(moments)
        self.optimiser.rates = rates

    def groups(self) -> list[tuple[list[str], float]]:
        """Return the names of the networks in groups, and the learning rate of each; groups are clipped apart."""
        return [(list(self.networks), self.settings.lr)]

    def paces(self) -> list[int]:
        """Return for each group at one of how many updates its turn is."""
        return [1] * len(self.groups())

    @property
    def envs(self) -> int:
        """How many episodes are played side by side, in this process, between two calls of `learn`."""
        return together.share(self.settings.envs)

    @property
    def epsilon(self) -> float:
        """The share of random actions now."""
        s = self.settings
        done = min(1.0, self.steps / s.epsilon_steps) if s.epsilon_steps else 1.0
        return s.epsilon_start + done * (s.epsilon_end - s.epsilon_start)

    def begin(self, batch: int) -> None:
        """Forget what was seen: that many new episodes begin."""
        self._memory = self.agents.start(batch)
        self._last = (
            torch.full((batch, 1, self.spec.agents), -1, device=self.device) if self.settings.last_action else None
        )

    @torch.inference_mode()
    def outputs(self, step: Step) -> npt.NDArray[np.float32]:
        """Return what the agents' networks say, [B, N, A], and remember what was seen."""
        obs = self._scaled(self.scales.obs, torch.from_numpy(step.obs).to(self.device))
        if self._laid is not None and self.agents is self.networks["agents"]:
            return answers(self._laid, obs)
        outputs, self._memory = self.agents(obs[:, None], self._last, self._memory)
        return host(outputs[:, 0])

    def remember(self, actions: npt.NDArray[Any]) -> None:
        """Keep the actions chosen, for agents that see their last ones."""
        if self._last is not None:
            self._last = torch.from_numpy(actions).to(self.device)[:, None]

    def paid(self, episodes: Episodes, rng: np.random.Generator) -> tuple[Episodes, dict[str, float]]:
        """Return what was played as it is learned from, and figures: with credit where it is due, and for the new.

        That is itself where settings say nothing of either.
        """
        figures: dict[str, float] = {}
        if self.credit is not None:
            episodes, figures["credit_error"] = self.credit.redistribute(episodes, rng)
        return self._curious(episodes), figures

    def _curious(self, episodes: Episodes) -> Episodes:
        """Return what was played with rewards for what was new in it; itself where nothing pays for that."""
        if self.novelty is None:
            return episodes
        filled = episodes.filled
        new = self.novelty.of(episodes.obs[:, 1:][filled]) * np.float32(self.settings.curiosity)  # [R, N]
        if episodes.alive is not None:
            new = new * episodes.alive[:, :-1][filled]
        reward = episodes.reward.copy()
        reward[filled] += new.mean(axis=-1) if reward.ndim == 2 else new
        return Episodes(*episodes)._replace(reward=reward)

    def batch(self, episodes: Episodes, weight: npt.NDArray[np.float32]) -> Batch:
        """Return episodes, each counting so much ([B]), as networks take them."""
        there = (torch.from_numpy(part).to(self.device) for part in (*episodes[:7], weight))
        obs, state, legal, action, reward, terminated, filled, counts = there
        last = None
        if self.settings.last_action:
            last = torch.cat([torch.full_like(action[:, :1], -1), action], dim=1)
        if self.settings.scale_rewards:
            reward = reward / self.scales.reward.deviation
        alive, ended = (None if part is None else part.to(self.device) for part in _lives(episodes))
        return Batch(
            self._scaled(self.scales.obs, obs),
            last,
            self._scaled(self.scales.state, state),
            legal,
            action,
            reward,
            terminated,
            filled,
            counts,
            alive,
            ended,
            None if episodes.number is None else torch.from_numpy(episodes.number).to(self.device),
        )

    def descend(self, loss: Tensor) -> list[Tensor]:
        """Follow the loss's gradient once; return the norm that each group's gradient had before clipping."""
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        self.updates += 1
        return self.optimiser.step(self.settings.clip)

    def slow_down(self, over: int) -> None:
        """Let learning rates fall to 0 over so many steps, in a straight line; 0: never."""
        if over:
            left = max(0.0, 1 - self.steps / over)
            self.optimiser.rates = [rate * left for _, rate in self.groups()]

    def follow(self, rate: float, every: int) -> None:
        """Move the targets towards the networks, at every so many updates."""
        if self.updates % every == 0:
            for target, network in self._pairs:
                target.lerp_(network, rate)  # at 1 exactly the network's

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs: networks, targets, scales, optimiser, counters."""
        return {
            "networks": self.networks.state_dict(),
            "targets": self.targets.state_dict(),
            "scales": self.scales.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "counters": {"steps": self.steps, "updates": self.updates},
            **({} if self.novelty is None else {"novelty": self.novelty.state()}),
            **({} if self.credit is None else {"credit": self.credit.state()}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for name, part in (("networks", self.networks), ("targets", self.targets), ("scales", self.scales)):
            part.load_state_dict(state[name])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.novelty is not None:
            self.novelty.restore(state["novelty"])
        if self.credit is not None:
            self.credit.restore(state["credit"])
        self.steps, self.updates = state["counters"]["steps"], state["counters"]["updates"]

    def _scaled(self, scale: Scale, numbers: Tensor) -> Tensor:
        if self.settings.scale_inputs:
            scaled: Tensor = scale(numbers)
            return scaled
        return numbers if numbers.is_floating_point() else numbers / 255  # bytes, such as pictures are made of
