"""PSRO: a population of policies, a meta-game between them, and best responses to what solves it, again and again.

Lanctot et al. 2017, "A Unified Game-Theoretic Approach to Multiagent Reinforcement Learning", algorithm 1, in games for
two. What everybody earns with each pair of policies is a matrix game; a meta-solver says with what weights players draw
their policies; and each player adds a best response to the other's mixture. Meta-solvers:

- `nash`: the matrix game's equilibrium, so that with exact responses this is the double oracle method (McMahan, Gordon
  and Blum 2003), which ends in an equilibrium of the whole game;
- `uniform`: all policies alike, which is fictitious play;
- `rectified`: each policy that the equilibrium plays is responded to by itself, against the part of the other's mixture
  that it does not lose to (PSRO_rN, Balduzzi et al. 2019, who have symmetric games). Where that finds nothing new,
  responses are those of `nash`, so that it goes on.

In games with a tree best responses are exact, worked out in one sweep, or learned (`learned`) by Q-networks
(`responses`) in games against the mixture, and the meta-game's pay-offs are exact. In others both come from play.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents.learner import suits, within
from counterplay.agents.population import F64, Floats, Ints, Mask, MetaGame, Nets, Tables, uniformly
from counterplay.agents.responses import Responder, best_actions, moves
from counterplay.agents.rollout import Episodes, Played, collect, sample
from counterplay.engine.branches import Branching, Listing
from counterplay.engine.env import Env, EnvSpec, Step, Task
from counterplay.engine.errors import UserError
from counterplay.engine.matrix_games import nash, rectified

META = ("nash", "uniform", "rectified")


@dataclass(frozen=True)
class PSROSettings:
    """What can be set of PSRO."""

    meta: Annotated[str, "what is responded to: nash, uniform or rectified"] = "nash"
    learned: Annotated[bool, "responses are learned in games, not worked out in the tree"] = False
    calls: Annotated[int, "times that games are played and learned from for a learned response"] = 40
    envs: Annotated[int, "games played side by side for a learned response"] = 512
    pairs: Annotated[int, "games of each pair of policies by which pay-offs are told without a tree"] = 200
    epsilon: Annotated[float, "share of random moves while a response is learned"] = 0.2
    recent: Annotated[int, "moves that a response learns from, the last ones"] = 50_000
    updates: Annotated[int, "minibatches that a response learns from between games"] = 64
    batch: Annotated[int, "moves of a minibatch"] = 512
    target_every: Annotated[int, "calls between two slow copies of a Q-network"] = 2
    lr: Annotated[float, "learning rate (Adam), which falls to 0 within a call"] = 1e-3
    clip: Annotated[float, "largest norm of a gradient"] = 10.0
    hidden: Annotated[int, "width of hidden layers"] = 64
    layers: Annotated[int, "hidden layers"] = 2

    def __post_init__(self) -> None:
        inf = float("inf")
        if self.meta not in META:
            raise UserError(f"meta must be one of {', '.join(META)}, not {self.meta!r}")
        within(
            self,
            calls=(1, inf),
            envs=(1, inf),
            pairs=(1, inf),
            epsilon=(0, 1),
            recent=(1, inf),
            updates=(1, inf),
            batch=(1, inf),
            target_every=(1, inf),
            lr=(0, inf),
            clip=(0, inf),
            hidden=(1, 65536),
            layers=(2, 16),
        )


class Swept(NamedTuple):
    """What exact responses took: a step for each decision at which one was worked out, a game for each response."""

    steps: int
    value: npt.NDArray[np.float64]  # [K, 2] what the mixtures that were responded to earned against each other
    found: list[tuple[int, Ints]]  # players, and what their responses do at all their decisions

    @property
    def started(self) -> int:
        """Return how many responses there are."""
        return len(self.found)

    def returns(self) -> npt.NDArray[np.float64]:
        """Return what the mixtures earned, [K, 2]."""
        return self.value


class Games(NamedTuple):
    """Games that were played for a player's response, or by all pairs of policies (-1)."""

    player: int
    episodes: Episodes

    @property
    def steps(self) -> int:
        """Return how many steps were played."""
        return self.episodes.steps

    @property
    def started(self) -> int:
        """Return how many games there were."""
        return self.episodes.started

    def returns(self) -> npt.NDArray[np.float64]:
        """Return what both earned, [B, 2]."""
        return self.episodes.returns()


class Target(NamedTuple):
    """Who responds, to what mixture of the other's policies."""

    player: int
    mixture: F64


class PSRO:
    """Two players' policies, and what player 0 earns with each pair of them."""

    settings: PSROSettings

    def __init__(self, spec: EnvSpec, settings: PSROSettings, seed: int) -> None:
        suits(spec, "psro", team=False)
        if spec.team or spec.agents != 2 or not spec.in_turn:
            raise UserError("psro learns turn-based games for two players against each other, such as leduc")
        self.spec, self.settings = spec, settings
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.responders = [Responder(spec, settings) for _ in range(2)]
        self.tables = [Tables(), Tables()]
        self.nets = [Nets(responder.net) for responder in self.responders]
        self.payoffs: F64 = np.zeros((0, 0))  # [n, m] to player 0; those of the newest policies may be still unknown
        self.at = self.calls = 0  # which of the round's targets is responded to, and since how many calls
        self._meta: MetaGame | None = None
        self._envs: dict[int, Env] = {}
        self._seats: Seats | None = None

    @property
    def envs(self) -> int:
        """How many games are played side by side for a learned response."""
        return self.settings.envs

    def kept(self, player: int) -> Tables | Nets:
        """Return a player's policies."""
        return self.tables[player] if len(self.tables[player].known) else self.nets[player]

    def mixtures(self) -> tuple[F64, F64]:
        """Return with what probabilities players draw their policies when they play to win."""
        n, m = self.payoffs.shape or (0, 0)
        if self.settings.meta == "uniform" or not self.payoffs.size:
            return np.full(max(n, 1), 1 / max(n, 1)), np.full(max(m, 1), 1 / max(m, 1))
        return nash(self.payoffs)

    def targets(self) -> list[Target]:
        """Return what is responded to in this round."""
        row, column = self.mixtures()
        if self.settings.meta == "rectified":
            of_second = [Target(1, mixture) for mixture in rectified(-self.payoffs.T, column, row)]
            return [*(Target(0, mixture) for mixture in rectified(self.payoffs, row, column)), *of_second]
        return [Target(0, column), Target(1, row)]

    def collect(self, task: Task, rng: np.random.Generator) -> Played:
        """Work out responses, or play games for them, or for the pay-offs of new policies."""
        if self._meta is None:
            branches = task.branches() if isinstance(task, Branching) else None
            if isinstance(branches, Listing):
                self._meta = MetaGame(branches, self.tables)
            elif not self.settings.learned:
                raise UserError("psro works out responses in a tree, and this game has none that fits: learned=true")
        unknown = self._unknown()
        if len(unknown) and self._meta is not None:
            self._know(unknown, np.array([self._meta.payoff(i, j) for i, j in unknown.tolist()]))
        elif len(unknown):
            drawn = unknown.repeat(self.settings.pairs, axis=0)
            return Games(-1, self._play(task, Seats(self, drawn), rng))
        if self._meta is not None and not self.settings.learned:
            return self._respond(self._meta)
        player, mixture = self.targets()[self.at]
        drawn = np.zeros((self.envs, 2), np.int64)
        drawn[:, 1 - player] = rng.choice(len(mixture), self.envs, p=mixture)
        return Games(player, self._play(task, Seats(self, drawn, player), rng))

    def learn(self, played: Any, rng: np.random.Generator) -> dict[str, float]:
        """Take in responses, learn them from games, or take in what these paid."""
        figures: dict[str, float] = {}
        if isinstance(played, Swept):
            for player, action in played.found:
                self._add(player, action)
        elif played.player < 0:
            unknown = self._unknown()
            self._know(unknown, played.returns()[:, 0].reshape(len(unknown), -1).mean(axis=1))
        else:
            figures = self._improve(played, rng)
        return figures | {"policies": float(np.mean([len(self.kept(player).kept) for player in range(2)]))}

    def policies(self, agent: int, obs: npt.NDArray[Any], legal: Mask) -> Iterator[tuple[float, Floats]]:
        """Yield the policies that are drawn, each with its probability (`agents.learner.Mixture`)."""
        mixture = self.mixtures()[agent]
        for policy in np.flatnonzero(mixture).tolist():
            yield float(mixture[policy]), self.kept(agent).ask(policy, obs, legal)

    def begin(self, batch: int) -> None:
        """Forget which policies were drawn: that many new games begin."""
        self._seats = None

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return actions: each player's by the policy that it drew for the game."""
        if self._seats is None:
            many = len(step.obs)
            drawn = [rng.choice(len(mixture), many, p=mixture) for mixture in self.mixtures()]
            self._seats = Seats(self, np.stack(drawn, axis=1))
        return self._seats.act(step, rng, explore)

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs: policies, pay-offs, and the response that is being learned."""
        return {
            "tables": [tables.state() for tables in self.tables],
            "nets": [nets.state() for nets in self.nets],
            "responders": [responder.state() for responder in self.responders],
            "payoffs": self.payoffs.ravel(),
            "counters": {"rows": len(self.payoffs), "at": self.at, "calls": self.calls},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises `ValueError` for one that cannot be."""
        for tables, kept in zip(self.tables, state["tables"], strict=True):
            tables.restore(kept, self.spec.actions)
        for nets, rows in zip(self.nets, state["nets"], strict=True):
            nets.restore(rows)
        for responder, part in zip(self.responders, state["responders"], strict=True):
            responder.restore(part)
        flat, counters = np.array(state["payoffs"].tolist()), state["counters"]
        rows = counters["rows"]
        columns = len(flat) // rows if rows else 0
        shapes = zip((rows, columns), range(2), strict=True)
        if rows * columns != len(flat) or any(size > len(self.kept(player).kept) for size, player in shapes):
            raise UserError("its pay-offs are not those of its policies")
        self.payoffs, self.at, self.calls = flat.reshape(rows, columns), counters["at"], counters["calls"]
        if self.at >= len(self.targets()):
            raise UserError("it has had more responses than there are")

    def _unknown(self) -> Ints:
        """Return the pairs of policies whose pay-offs are to be found out before the next round, [K, 2]."""
        known = np.zeros([len(self.kept(player).kept) for player in range(2)], bool)
        known[: len(self.payoffs), : self.payoffs.shape[1]] = True
        return np.argwhere(~known) if self.at == 0 and self.calls == 0 else np.zeros((0, 2), np.int64)

    def _know(self, pairs: Ints, paid: F64) -> None:
        """Take in the pay-offs of all pairs that were unknown."""
        grown = np.zeros([len(self.kept(player).kept) for player in range(2)])
        grown[: len(self.payoffs), : self.payoffs.shape[1]] = self.payoffs
        grown[pairs[:, 0], pairs[:, 1]] = paid
        self.payoffs = grown

    def _respond(self, meta: MetaGame) -> Swept:
        """Work out a round's responses; those to the equilibrium where rectified ones are all there already."""
        row, column = self.mixtures()
        found, fallback = [], [Target(0, column), Target(1, row)]
        for targets in (self.targets(), fallback) if self.settings.meta == "rectified" else (fallback,):
            found += [(player, meta.respond(player, mixture)[1]) for player, mixture in targets]
            if any(self.tables[player].is_new(meta.shown(player)[0], action) for player, action in found):
                break
        value = float(row @ self.payoffs @ column)
        steps = sum(len(action) for _, action in found)
        return Swept(steps, np.tile([value, -value], (len(found), 1)), found)

    def _play(self, task: Task, seats: "Seats", rng: np.random.Generator) -> Episodes:
        many = len(seats.drawn)
        if many != self.envs:  # pairs are more each time
            return collect(task.start(many), seats, rng)
        if many not in self._envs:
            self._envs[many] = task.start(many)
        return collect(self._envs[many], seats, rng)

    def _improve(self, played: Games, rng: np.random.Generator) -> dict[str, float]:
        """Let a response learn from games; after enough of them it is a policy, and the next one begins."""
        player, responder = played.player, self.responders[played.player]
        responder.add(moves(played.episodes, player)[0])
        loss, self.calls = responder.improve(rng) if responder.held else 0.0, self.calls + 1
        earned = float(played.returns()[:, player].mean())
        if self.calls >= self.settings.calls:
            targets = len(self.targets())
            if self._meta is not None:
                obs, legal = self._meta.shown(player)
                self._add(player, best_actions(responder.values(obs), legal).argmax(axis=1))
            else:
                self.nets[player].add(responder.net)
            responder.forget()
            self.calls, self.at = 0, (self.at + 1) % targets
        return {"loss": loss, "response": earned}

    def _add(self, player: int, action: Ints) -> None:
        if self._meta is not None:
            # The mean of all policies counts how often each was the response; for an equilibrium once is enough.
            self.tables[player].add(self._meta.shown(player)[0], action, again=self.settings.meta == "uniform")


class Seats:
    """An `Actor`: players follow policies that were drawn for each game, but for one who learns a response."""

    def __init__(self, learner: PSRO, drawn: npt.NDArray[np.int64], player: int = -1) -> None:
        self.learner, self.drawn, self.player = learner, drawn, player  # drawn is [B, 2]

    def begin(self, batch: int) -> None:
        """Forget nothing: who follows what was drawn beforehand."""

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return actions; who learns explores."""
        learner, odds = self.learner, step.legal.astype(np.float32)
        for player in range(2):
            rows = np.flatnonzero(step.legal[:, player].sum(axis=1) > 1)
            obs, legal = step.obs[rows, player], step.legal[rows, player]
            if player == self.player:
                best, share = best_actions(learner.responders[player].values(obs), legal), learner.settings.epsilon
                odds[rows, player] = (1 - share) * best + share * uniformly(legal)
                continue
            drawn = self.drawn[rows, player]
            for policy in np.unique(drawn).tolist():
                mine = drawn == policy
                odds[rows[mine], player] = learner.kept(player).ask(policy, obs[mine], legal[mine])
        with np.errstate(divide="ignore"):
            return sample(np.log(odds), step.legal & (odds > 0), rng)
