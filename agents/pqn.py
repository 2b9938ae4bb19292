"""PQN (Gallici et al. 2024, "Simplifying Deep Temporal Difference Learning"): Q-learning without replay or targets.

Many episodes are played side by side, what was played is learned from at once and forgotten, and what keeps it from
diverging is LayerNorm in the networks (`body=norm`; section 3). Targets are lambda-returns of the best values that
follow (algorithm 1), worked out by the networks as they are before an update's first epoch. With `mixer=vdn` a team's
value is the sum of its agents' (PQN-VDN, section 5.4); any other mixer of `nn.mixers` goes too.

Targets are known before the first minibatch, so that agents which are nothing but such layers go through all of them in
one kernel (`nn.norm_chain`); the same, step by step, is the way of all others.

Departures: Adam in place of RAdam; minibatches are made of whole pieces of episodes. Where episodes are long, `rollout`
cuts them.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from counterplay.agents import together
from counterplay.agents.learner import no_memory_between_cuts, suits, within
from counterplay.agents.memory import admit
from counterplay.agents.nn.device import host, like
from counterplay.agents.nn.mixers import make_mixer
from counterplay.agents.nn.norm_chain import Samples, fit
from counterplay.agents.on_policy import numbers
from counterplay.agents.q_learning import ActionValues, ActionValueSettings
from counterplay.agents.returns import td_lambda
from counterplay.agents.rollout import Episodes, greedy
from counterplay.agents.team import Batch, at_actions, minibatches, parts_of, put_rows, take_rows
from counterplay.engine.env import MAX_STEPS, EnvSpec


@dataclass(frozen=True)
class PQNSettings(ActionValueSettings):
    """What can be set of PQN."""

    envs: Annotated[int, "episodes played side by side between updates"] = 32
    clip: Annotated[float, "largest norm of a gradient"] = 10.0
    body: Annotated[str, "what agents see with: norm (LayerNorm), or another body"] = "norm"
    mixer: Annotated[str, "none, vdn, qmix, or 'package.module:Class' for one's own"] = "none"
    td_lambda: Annotated[float, "weighs short against long returns, 0 to 1"] = 0.65
    epochs: Annotated[int, "times that an update goes through what was played"] = 2
    minibatches: Annotated[int, "parts, of whole pieces of episodes, that an epoch is made of"] = 4
    rollout: Annotated[int, "steps of every episode between updates, over which long ones go on; 0: whole ones"] = 0
    lr_steps: Annotated[int, "environment steps over which the learning rate falls to 0; 0: never"] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        inf = float("inf")
        within(self, td_lambda=(0, 1), epochs=(1, inf), minibatches=(1, inf), rollout=(0, MAX_STEPS), lr_steps=(0, inf))
        no_memory_between_cuts(self, self.rollout)


class PQN(ActionValues):
    """Agents, and perhaps a mixer."""

    settings: PQNSettings

    def __init__(self, spec: EnvSpec, settings: PQNSettings, seed: int) -> None:
        suits(spec, "pqn", team=settings.mixer != "none")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            admit(spec, envs=settings.envs, batch=settings.envs, length=settings.rollout)
            if (mixer := make_mixer(settings.mixer, spec.agents, spec.state)) is not None:
                self.networks["mixer"] = mixer
        self.ready()

    def learn(self, episodes: Episodes, rng: np.random.Generator) -> dict[str, float]:
        """Update by the episodes, which are then forgotten."""
        settings = self.settings
        self.slow_down(settings.lr_steps)
        episodes, paid = self.paid(episodes, rng)
        self.scales.learn_rewards(episodes)  # inputs keep the scale that they were played with
        batch = self.batch(episodes, np.ones(len(episodes.filled), np.float32))
        target = self.target(batch)
        figures = self._at_once(batch, target, rng) or self._by_parts(batch, target, rng)
        self.scales.learn_inputs(episodes)
        self.steps += int(together.total(episodes.steps))
        self.explorer.learned()
        return figures | paid | {"epsilon": self.epsilon}

    def _by_parts(self, batch: Batch, target: Tensor, rng: np.random.Generator) -> dict[str, float]:
        """Follow the gradients of an update's minibatches, and return figures by name."""
        settings, figures = self.settings, []
        for part, (goal,) in minibatches(batch, [target], settings.epochs, settings.minibatches, rng):
            loss, found = self.loss(part, goal)
            (norm,) = self.descend(loss)
            figures.append(found | {"gradient": norm})
        return numbers(figures)

    def _at_once(self, batch: Batch, target: Tensor, rng: np.random.Generator) -> dict[str, float] | None:
        """Do the same in one kernel; None where there is none for these agents, or more to do than it does."""
        alone = together.peers().size == 1 and len(self.networks) == 1 and type(self).loss is PQN.loss
        if self._laid is None or not alone:
            return None
        rows = batch.rows()
        at = rows.seen.index_select(0, rows.now)
        present = batch.present(at)
        shown = (take_rows(batch.obs, at), take_rows(batch.action, rows.step), take_rows(target, rows.step))
        obs, action, goal = (host(part.flatten(0, 1)) for part in shown)
        episode = host(rows.episode).repeat(self.spec.agents)
        if present is not None:
            there = host(present).ravel() > 0
            obs, action, goal, episode = obs[there], action[there], goal[there], episode[there]
        samples = Samples(obs, action, goal)
        begins = np.searchsorted(episode, np.arange(1, len(batch.filled)))
        every = np.arange(len(episode))
        pieces = np.split(every, begins)
        found = [
            every if part is None else np.concatenate([pieces[b] for b in part])
            for part in parts_of(len(pieces), self.settings.epochs, self.settings.minibatches, rng)
        ]
        ends = np.cumsum([len(each) for each in found])
        figures = fit(self._laid, self.optimiser, samples, np.concatenate(found), ends, self.settings.clip)
        self.updates += len(figures)
        return dict(zip(("loss", "value", "gradient"), figures.mean(axis=0).tolist(), strict=True))

    @torch.no_grad()
    def target(self, batch: Batch) -> Tensor:
        """Return lambda-returns of the best values that follow, [B, T] of a team's value, else [B, T, N]."""
        rows = batch.rows()
        at = rows.seen.index_select(0, rows.next)
        values = self.ask(self.agents, batch, rows.seen).index_select(0, rows.next)  # [R, N, A]
        best = like(values, greedy(host(values), host(take_rows(batch.legal, at))))
        after = put_rows(self._mixed(at_actions(values, best), batch, at), rows.step, batch.filled)
        lives = batch.lives() if after.dim() > 2 else None
        return like(after, td_lambda(*batch.facts(after), self.settings.gamma, self.settings.td_lambda, lives))

    def loss(self, batch: Batch, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean squared error, and figures by name."""
        rows = batch.rows()
        at = rows.seen.index_select(0, rows.now)
        values = self.ask(self.agents, batch, rows.seen)
        chosen = self._mixed(at_actions(values, take_rows(batch.action, rows.step), rows.now), batch, at)
        present = batch.present(at) if chosen.dim() > 1 else None
        loss = together.mean((chosen - take_rows(target, rows.step)).square(), present)
        return loss, {"loss": loss.detach(), "value": together.mean(chosen.detach(), present)}

    def _mixed(self, values: Tensor, batch: Batch, at: Tensor) -> Tensor:
        """Return the team's values [R] of the agents' [R, N] in rows [R]; these themselves without a mixer."""
        if "mixer" not in self.networks:
            return values
        present = batch.present(at)
        there = values if present is None else values * present
        mixed: Tensor = self.networks["mixer"](there, take_rows(batch.state, at))
        return mixed
