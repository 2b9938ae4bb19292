"""NFSP: fictitious play by networks. Everybody learns a best response, and the average of all best responses so far.

Heinrich and Silver 2016, "Deep Reinforcement Learning from Self-Play in Imperfect-Information Games", algorithm 1. Each
player has a Q-network, which learns a best response to what the others do from the moves that it last made
(`responses`), and a network of its average strategy, which learns what its best responses did from a uniform sample of
all their moves (`reservoir`). For each game a player draws which of them it follows: the best response with the
anticipatory probability, so that the others' networks respond to what comes. What is played without exploring, and
judged, is the average.

Departures: what the average learns is the best response's action, not the one that exploring took instead, so that
exploring may go on; it learns probabilities by their squared error, which has the same minimum as the likelihood; moves
of call t count t times in it (`linear`), as in linear CFR; learning rates are Adam's and fall to 0 within each call;
where few things can be known, moves of a kind are one row, of which the mean is learned.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents.learner import suits, within
from counterplay.agents.nn.adam import Adam
from counterplay.agents.nn.dense import MLP
from counterplay.agents.nn.device import host
from counterplay.agents.nn.regression import fit
from counterplay.agents.reservoir import Reservoir
from counterplay.agents.responses import Floats, Mask, Responder, best_actions, known, moves
from counterplay.agents.rollout import Episodes, sample
from counterplay.agents.traversal import Samples
from counterplay.engine.env import EnvSpec, Step
from counterplay.engine.errors import UserError
from counterplay.engine.system import available
from counterplay.engine.text import size


@dataclass(frozen=True)
class NFSPSettings:
    """What can be set of NFSP."""

    envs: Annotated[int, "games played side by side between updates"] = 1024
    anticipatory: Annotated[float, "share of games in which a player follows its best response"] = 0.1
    epsilon: Annotated[float, "share of random moves where a best response is followed"] = 0.3
    recent: Annotated[int, "moves of each player that its best response learns from, the last ones"] = 60_000
    memory: Annotated[int, "moves of best responses that each player's average learns from, of all"] = 1_000_000
    linear: Annotated[float, "moves of call t count t to this power in the average; 0: all alike"] = 1.0
    updates: Annotated[int, "minibatches that each network learns from between games"] = 64
    batch: Annotated[int, "moves of a minibatch"] = 512
    target_every: Annotated[int, "calls of as many updates between two slow copies of a Q-network"] = 10
    lr: Annotated[float, "learning rate of the Q-networks (Adam)"] = 1e-3
    average_lr: Annotated[float, "learning rate of the averages (Adam)"] = 1e-3
    clip: Annotated[float, "largest norm of a gradient"] = 10.0
    hidden: Annotated[int, "width of hidden layers"] = 64
    layers: Annotated[int, "hidden layers"] = 2

    def __post_init__(self) -> None:
        inf = float("inf")
        within(
            self,
            envs=(1, inf),
            anticipatory=(0, 1),
            epsilon=(0, 1),
            recent=(1, inf),
            memory=(1, inf),
            linear=(0, 10),
            updates=(1, inf),
            batch=(1, inf),
            target_every=(1, inf),
            lr=(0, inf),
            average_lr=(0, inf),
            clip=(0, inf),
            hidden=(1, 65536),
            layers=(2, 16),
        )


class NFSP:
    """Players with a best response and an average of their best responses each."""

    settings: NFSPSettings

    def __init__(self, spec: EnvSpec, settings: NFSPSettings, seed: int) -> None:
        suits(spec, "nfsp", team=False)
        if spec.team or not spec.in_turn:
            raise UserError("nfsp learns turn-based games of players against each other, such as leduc")
        self.spec, self.settings = spec, settings
        _admit(spec, settings)
        self.device = torch.device("cpu")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.responders = [Responder(spec, settings) for _ in range(spec.agents)]
            self.averages = [
                MLP(spec.observation, settings.hidden, spec.actions, settings.layers) for _ in range(spec.agents)
            ]
        self.optimisers = [Adam([([net], settings.average_lr)]) for net in self.averages]
        self.memories = [Reservoir(settings.memory, spec.observation, spec.actions) for _ in range(spec.agents)]
        self.calls = 0
        self._responds: Mask | None = None  # [B, N] who follows a best response in the games at hand

    @property
    def envs(self) -> int:
        """How many games are played side by side between two calls of `learn`."""
        return self.settings.envs

    def to(self, device: torch.device) -> None:
        """Take all networks to a device."""
        if device.type == self.device.type:
            return
        self.device = device
        for responder in self.responders:
            responder.to(device)
        for p, net in enumerate(self.averages):
            moments = self.optimisers[p].state_dict()
            net.to(device)
            self.optimisers[p] = Adam([([net], self.settings.average_lr)])
            self.optimisers[p].load_state_dict(moments)

    def begin(self, batch: int) -> None:
        """Forget who follows what: that many new games begin."""
        self._responds = None

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return actions: of the averages, and when exploring of the best responses of who drew to follow them."""
        if self._responds is None:
            self._responds = rng.random(step.legal.shape[:2]) < (self.settings.anticipatory if explore else 0.0)
        odds = self._average(step, ~self._responds)
        for player, responder in enumerate(self.responders):
            rows = np.flatnonzero(self._responds[:, player] & (step.legal[:, player].sum(axis=1) > 1))
            if len(rows):
                legal = step.legal[rows, player]
                best = best_actions(responder.values(step.obs[rows, player]), legal)
                share = self.settings.epsilon
                odds[rows, player] = (1 - share) * best + share * legal / legal.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            return sample(np.log(odds), step.legal & (odds > 0), rng)

    def probabilities(self, step: Step) -> Floats:
        """Return the average strategies, [B, N, A]."""
        return self._average(step, np.ones(step.legal.shape[:2], bool))

    def learn(self, episodes: Episodes, rng: np.random.Generator) -> dict[str, float]:
        """Take in games, and let every player's best response and average learn."""
        assert self._responds is not None  # these games were played by it
        losses, average_losses = [], []
        for player, responder in enumerate(self.responders):
            made, game = moves(episodes, player)
            responder.add(made)
            if responder.held:
                losses.append(responder.improve(rng))
            memory, mine = self.memories[player], self._responds[game, player]
            if mine.any():
                obs, legal = made.obs[mine], made.legal[mine]
                did = best_actions(responder.values(obs), legal)
                memory.add(Samples(known(obs), obs, legal, did), self.calls + 1, rng)
            if memory.held:
                average_losses.append(self._fit(player, rng))
        self.calls += 1
        means = {"loss": losses, "average_loss": average_losses}
        figures = {name: float(np.mean(each)) for name, each in means.items() if each}
        return figures | {"moves": float(np.mean([memory.held for memory in self.memories]))}

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs: networks, moves and memories."""
        return {
            "responders": [responder.state() for responder in self.responders],
            "averages": [net.state_dict() for net in self.averages],
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "memories": [memory.state() for memory in self.memories],
            "calls": self.calls,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for responder, kept in zip(self.responders, state["responders"], strict=True):
            responder.restore(kept)
        for memory, kept in zip(self.memories, state["memories"], strict=True):
            memory.restore(kept)
        for net, kept in zip(self.averages, state["averages"], strict=True):
            net.load_state_dict(kept)
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.calls = state["calls"]

    def _average(self, step: Step, wanted: Mask) -> Floats:
        """Return the average strategies of those who are wanted and have a choice; others' first legal action."""
        odds = np.zeros(step.legal.shape, np.float32)
        np.put_along_axis(odds, step.legal.argmax(axis=-1)[..., None], 1, axis=-1)
        for player, net in enumerate(self.averages):
            rows = np.flatnonzero(wanted[:, player] & (step.legal[:, player].sum(axis=1) > 1))
            if len(rows):
                with torch.no_grad():
                    said = net(torch.from_numpy(step.obs[rows, player]).to(self.device).float())
                    may = torch.from_numpy(step.legal[rows, player]).to(self.device)
                    odds[rows, player] = host(torch.softmax(said.masked_fill(~may, -1e9), dim=-1))
        return odds

    def _fit(self, player: int, rng: np.random.Generator) -> float:
        """Let a player's average learn from its memory; return the mean loss of the last tenth."""
        settings = self.settings
        data, rows = self.memories[player].lessons(settings.updates, settings.batch, settings.linear, rng, merge=True)
        return fit(
            self.averages[player], self.optimisers[player], data, rows, settings.average_lr, settings.clip, softmax=True
        )


def _admit(spec: EnvSpec, settings: NFSPSettings) -> None:
    """Raise `ValueError` where the machine does not have what the moves take."""
    each = Reservoir.bytes(1, spec.observation, spec.actions)
    total = spec.agents * (settings.memory * each + Responder.bytes(spec, settings.recent))
    if total > available():
        fits = int(0.4 * available() / (spec.agents * each))
        raise UserError(
            f"the moves that nfsp keeps take {size(total)} here once all are there, and {size(available())} are free: "
            f"memory={fits} with recent={fits // 4} would fit"
        )
