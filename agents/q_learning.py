"""Q-learning for teams: IQL, VDN and QMIX are one learner and differ in the mixer.

Every agent has values for its actions; a mixer makes the chosen ones the team's value, which learns from the team's
reward (Sunehag et al. 2018; Rashid et al. 2018). Without a mixer every agent learns for itself (Tan 1993), and with one
agent that is DQN (Mnih et al. 2015), Double DQN (van Hasselt et al. 2016), Dueling DQN (Wang et al. 2016) or both,
from whole episodes; `dqn` learns from single moves.

Departures from the papers, all of them settings: target networks follow softly instead of being copied now and then;
rewards are divided by their running deviation, and observations and states brought to mean 0 and deviation 1; several
episodes are played side by side, then updates catch up, so that there is still one update an episode.

Where an agent leaves early, its value is 0 in the mix from then on, and the team's goes on with the others'; without a
mixer it learns from the steps at which it acts, and its last one from what is still paid (`returns`).

With `pessimism` below 1, errors that would lower a value count for less: for agents by themselves that is hysteretic
Q-learning (Matignon et al. 2007; Omidshafiei et al. 2017), with QMIX the optimistic weights of Weighted QMIX (Rashid et
al. 2020) with QMIX's own target instead of a further, unrestricted network's.

`OffPolicy` is all of a learner from replay but its loss: how agents with action values play, what is kept, when and how
networks are updated, what targets are. `QLearning` adds the mixer and the loss; `qtran` brings others. The networks are
`nn.networks.AgentNetwork` and `nn.mixers`, and `api.training` is the loop that calls `act` and `learn`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.exploring import explorer
from counterplay.agents.learner import suits, within
from counterplay.agents.memory import admit
from counterplay.agents.nn.bodies import Bodied
from counterplay.agents.nn.device import host, like
from counterplay.agents.nn.mixers import make_mixer
from counterplay.agents.nn.networks import AgentNetwork
from counterplay.agents.replay import Replay
from counterplay.agents.returns import n_step, td_lambda
from counterplay.agents.rollout import Episodes, greedy
from counterplay.agents.team import Batch, Rows, Team, at_actions, put_rows, take_rows
from counterplay.agents.team_settings import TeamSettings
from counterplay.engine.env import EnvSpec, Step
from counterplay.engine.errors import UserError


@dataclass(frozen=True)
class ActionValueSettings(TeamSettings):
    """What can be set of every learner of action values."""

    explore: Annotated[str, "how: epsilon, boltzmann, ucb (counts of actions), parameters (noise on them)"] = "epsilon"
    temperature: Annotated[float, "of explore=boltzmann where epsilon is 1; falls with it"] = 1.0
    confidence: Annotated[float, "of explore=ucb: weight of what is little known; falls with epsilon"] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, temperature=(0, float("inf")), confidence=(0, float("inf")))


@dataclass(frozen=True)
class OffPolicySettings(ActionValueSettings):
    """What can be set of every learner from replay."""

    envs: Annotated[int, "episodes played side by side between updates"] = 16
    updates: Annotated[float, "updates for each episode played"] = 1.0
    batch: Annotated[int, "episodes in an update"] = 32
    replay: Annotated[int, "episodes that the replay holds"] = 5000
    warmup: Annotated[int, "episodes played before the first update"] = 32
    priority: Annotated[float, "exponent of prioritised replay; 0 draws uniformly"] = 0.0
    priority_beta: Annotated[float, "how much prioritised replay corrects its bias, 0 to 1"] = 0.6
    double: Annotated[bool, "the network chooses the next action, its target values it"] = True
    n_step: Annotated[int, "rewards summed before the target network's value counts"] = 1
    td_lambda: Annotated[float, "mixes the returns of all lengths, 0 to 1; 0 leaves it to n_step"] = 0.0
    target_rate: Annotated[float, "how far target networks move to the networks at an update; 1 copies"] = 0.01
    target_every: Annotated[int, "updates between two moves of the target networks"] = 1
    dueling: Annotated[bool, "a state's value and the actions' advantages apart"] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(
            self,
            updates=(0, inf),
            batch=(1, inf),
            replay=(1, inf),
            priority=(0, inf),
            priority_beta=(0, 1),
            n_step=(1, inf),
            td_lambda=(0, 1),
            target_rate=(0, 1),
            target_every=(1, inf),
        )
        if not self.batch <= self.warmup <= self.replay:
            raise UserError(
                f"batch, warmup and replay have to rise in this order: an update takes {self.batch} episodes, "
                f"begins after {self.warmup}, and the replay holds {self.replay}"
            )
        if self.td_lambda > 0 and self.n_step > 1:
            raise UserError("n_step and td_lambda are two ways to look ahead; set one of them")


class ActionValues(Team):
    """Agents that play the best actions by their values, and others now and then, as `exploring` has it."""

    settings: ActionValueSettings

    def __init__(self, spec: EnvSpec, settings: ActionValueSettings) -> None:
        super().__init__(spec, settings)
        self.explorer = explorer(settings.explore, self)

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return the best actions by their values, or those of the explorer."""
        chosen = self.explorer.act(step, rng) if explore else greedy(self.outputs(step), step.legal)
        self.remember(chosen)
        return chosen

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs."""
        kept = self.explorer.state()
        return super().state() | ({"explorer": kept} if kept else {})

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().restore(state)
        if "explorer" in state:
            self.explorer.restore(state["explorer"])


class OffPolicy(ActionValues, ABC):
    """Everything but the loss."""

    settings: OffPolicySettings

    def __init__(self, spec: EnvSpec, settings: OffPolicySettings) -> None:
        super().__init__(spec, settings)
        self.target_agents = self.agent_network()
        self.targets["agents"] = self.target_agents
        admit(spec, envs=settings.envs, batch=settings.batch, replay=settings.replay)
        self.replay = Replay(spec, settings.replay, settings.priority)
        self.due = 0.0  # updates that are owed to the episodes played

    def agent_network(self, outputs: int | None = None, dueling: bool | None = None) -> AgentNetwork | Bodied:
        """Return a fresh network of the agents; dueling if the settings say so."""
        return super().agent_network(outputs, self.settings.dueling if dueling is None else dueling)

    @abstractmethod
    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the loss, the TD errors of the steps, [R] or [R, N], and figures by name."""

    def best(self, values: Tensor, batch: Batch, rows: Tensor) -> Tensor:
        """Return the best legal actions, [R, N], by values [R, N, A] in rows [R] among B * (T + 1)."""
        return like(values, greedy(host(values), host(take_rows(batch.legal, rows))))

    def following(self, batch: Batch, rows: Rows, values: Tensor, after: Tensor) -> Tensor:
        """Return what is played, [R, N], in the states that steps led to, by the agents' values [R', N, A].

        That is the best action by those with double Q-learning (van Hasselt et al. 2016), else by the target agents'
        values in the states that steps led to, `after` [R, N, A].
        """
        judge = values.index_select(0, rows.next) if self.settings.double else after
        return self.best(judge, batch, rows.seen.index_select(0, rows.next))

    def weighted(self, squares: Tensor, batch: Batch, rows: Rows) -> Tensor:
        """Return squared errors of the steps, [R] or [R, N], as much as their episodes count: all alike, if uniform."""
        if self.settings.priority == 0:
            return squares
        return squares * batch.weight[rows.episode].view(-1, *[1] * (squares.dim() - 1))

    def returns(self, batch: Batch, rows: Rows, after: Tensor) -> Tensor:
        """Return targets of the steps from the values of the states that they led to, [R] or [R, N] both."""
        settings = self.settings
        lives = batch.lives() if after.dim() > 1 else None  # the team's value goes on without those who left
        after = put_rows(after, rows.step, batch.filled)
        facts = *batch.facts(after), settings.gamma
        traced = settings.td_lambda > 0
        found = td_lambda(*facts, settings.td_lambda, lives) if traced else n_step(*facts, settings.n_step, lives)
        return take_rows(like(after, found), rows.step)

    # What follows is the Learner protocol.

    def learn(self, episodes: Episodes, rng: np.random.Generator) -> dict[str, float]:
        """Put the episodes into the replay and make the updates that are due."""
        settings = self.settings
        self.steps += int(together.total(episodes.steps))
        episodes, paid = self.paid(episodes, rng)
        self.scales.learn(episodes)
        self.replay.add(episodes)
        history: dict[str, list[float]] = {}
        if together.least(self.replay.size >= together.share(settings.warmup)):
            self.due += settings.updates * together.total(len(episodes.filled))
            while self.due >= 1:
                self.due -= 1
                for name, figure in self.update(rng).items():
                    history.setdefault(name, []).append(figure)
        self.explorer.learned()
        learned = {name: float(np.mean(figures)) for name, figures in history.items()}
        return learned | paid | {"epsilon": self.epsilon}

    def update(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw episodes and follow the loss's gradient once."""
        settings = self.settings
        draw = self.replay.draw(together.share(settings.batch), rng, settings.priority_beta)
        batch = self.batch(draw.episodes, draw.weight)
        loss, error, figures = self.loss(batch)
        (norm,) = self.descend(loss)
        self.follow(settings.target_rate, settings.target_every)
        if settings.priority > 0:
            error = put_rows(error.abs(), batch.rows().step, batch.filled)
            size = error.flatten(1).sum(dim=1) / batch.filled.sum(dim=1)
            self.replay.reprioritise(draw.place, host(size))
        return {"loss": loss.item(), "gradient": norm.item(), **{name: x.item() for name, x in figures.items()}}

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs."""
        return {**super().state(), "replay": self.replay.state(), "due": self.due}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().restore(state)
        if "replay" in state:  # else a run's folder keeps it apart (`replay_files`), or not at all
            self.replay.restore(state["replay"])
        self.due = state["due"]


@dataclass(frozen=True)
class QLearningSettings(OffPolicySettings):
    """What can be set of IQL, VDN, QMIX and DQN."""

    mixer: Annotated[str, "none, vdn, qmix, or 'package.module:Class' for one's own"] = "none"
    pessimism: Annotated[float, "weight of steps that went worse than thought, 0 to 1; 1 treats all alike"] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, pessimism=(0, 1))


class QLearning(OffPolicy):
    """Agents, perhaps a mixer, and their targets."""

    settings: QLearningSettings

    def __init__(self, spec: EnvSpec, settings: QLearningSettings, seed: int) -> None:
        suits(spec, settings.mixer if settings.mixer != "none" else "iql", team=settings.mixer != "none")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            for modules in (self.networks, self.targets):
                if (mixer := make_mixer(settings.mixer, spec.agents, spec.state)) is not None:
                    modules["mixer"] = mixer
        self.ready()

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the mean squared TD error, the TD errors [R] or [R, N], and the mean value."""
        rows = batch.rows()
        states = take_rows(batch.state, rows.seen)  # [R', S]
        values = self.ask(self.agents, batch, rows.seen)  # [R', N, A]
        played = at_actions(values, take_rows(batch.action, rows.step), rows.now)  # [R, N]
        present = batch.present(rows.seen.index_select(0, rows.now))
        mixed = self._mix(self.networks, played, states.index_select(0, rows.now), present)  # [R], [R, N] if unmixed
        error = mixed - self.target(batch, rows, values.detach(), states)
        if error.dim() == 1:
            present = None  # every step is the team's
        elif present is not None:
            error = error * present
        squares = self.weighted(error.square(), batch, rows)
        if self.settings.pessimism < 1:
            squares = squares * torch.where(error.detach() > 0, self.settings.pessimism, 1.0)
        return together.mean(squares, present), error.detach(), {"value": together.mean(mixed.detach(), present)}

    @torch.no_grad()
    def target(self, batch: Batch, rows: Rows, values: Tensor, states: Tensor) -> Tensor:
        """Return what the (mixed) value of each step should have been, [R], or [R, N] without a mixer."""
        following = rows.seen.index_select(0, rows.next)
        after = self.ask(self.target_agents, batch, following)
        played = at_actions(after, self.following(batch, rows, values, after))
        there = states.index_select(0, rows.next)
        return self.returns(batch, rows, self._mix(self.targets, played, there, batch.present(following)))

    @staticmethod
    def _mix(modules: nn.ModuleDict, values: Tensor, states: Tensor, present: Tensor | None) -> Tensor:
        """Return the team's values [R] of the agents' [R, N], in which who is not present counts 0."""
        if "mixer" not in modules:
            return values
        mixed: Tensor = modules["mixer"](values if present is None else values * present, states)
        return mixed
