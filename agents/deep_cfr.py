"""Deep CFR and SD-CFR: counterfactual regrets are learned by networks, in games too large for tables.

Each iteration traverses the game for each player in turn by external sampling (`traversal`), with the strategies that
match the regrets that the newest networks say. Samples of regrets go to the player's memory, and a new network learns
what their mean is, each iteration's counting by its number (linear CFR): Brown, Lerer, Gross and Sandholm 2019, "Deep
Counterfactual Regret Minimization", algorithms 1 and 2. Where no action's regret is positive the best one is played.

The average strategy, which is what approaches an equilibrium, is that of all iterations' networks, of which a player
draws one for an episode, with the iteration's weight (SD-CFR: Steinberger 2019, "Single Deep Counterfactual Regret
Minimization"). That is exact, where a network of the average (`network`, Deep CFR's own way) adds an error.

Departures: regrets are learned divided by the size of those in memory, which changes no strategy and makes learning
rates fit any stakes; the rate falls to 0 within an iteration; the network of the average goes on learning in every
iteration, so that it can be tested on the way; it begins to count where the first network does, at iteration 2, the
uniform first one included with weight 1; and copies of a play share their luck (`engine.branches`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.learner import within
from counterplay.agents.nn.adam import Adam
from counterplay.agents.nn.dense import MLP, stacked
from counterplay.agents.nn.device import host
from counterplay.agents.nn.regression import Data, fit
from counterplay.agents.reservoir import Reservoir
from counterplay.agents.rollout import sample
from counterplay.agents.traversal import Floats, Traversals, traverse
from counterplay.engine.branches import Branches, Branching
from counterplay.engine.compiling import tell
from counterplay.engine.env import EnvSpec, Step, Task
from counterplay.engine.errors import UserError
from counterplay.engine.system import available
from counterplay.engine.text import size

Mask = npt.NDArray[np.bool_]

_MENTIONED = 2**28  # bytes of memories that are worth a word beforehand
_ABREAST = 256  # networks asked at a time


@dataclass(frozen=True)
class DeepCFRSettings:
    """What can be set of Deep CFR."""

    traversals: Annotated[int, "traversals of an iteration, for each player"] = 1500
    memory: Annotated[int, "samples of regrets that each player's memory holds"] = 1_000_000
    updates: Annotated[int, "minibatches that an iteration's network learns from"] = 200
    batch: Annotated[int, "samples of a minibatch"] = 1024
    lr: Annotated[float, "learning rate of Adam, which falls to 0 within an iteration"] = 2e-3
    clip: Annotated[float, "largest norm of a gradient"] = 1.0
    hidden: Annotated[int, "width of hidden layers"] = 64
    layers: Annotated[int, "hidden layers"] = 3
    linear: Annotated[float, "iteration t counts t to this power; 1: linear CFR, 0: all alike"] = 1.0
    warm: Annotated[bool, "an iteration's network begins as the one before, not anew"] = True
    network: Annotated[bool, "play by a network of the average strategy, not by one drawn of all iterations'"] = False

    def __post_init__(self) -> None:
        inf = float("inf")
        within(
            self,
            traversals=(1, inf),
            memory=(1, inf),
            updates=(1, inf),
            batch=(1, inf),
            lr=(0, inf),
            clip=(0, inf),
            hidden=(1, 65536),
            layers=(2, 16),
            linear=(0, 10),
        )


def matched(regret: Floats, legal: Mask) -> Floats:
    """Return the strategies that match regrets [U, A]: the best legal action's where none is positive."""
    positive = np.where(legal, np.maximum(regret, 0), 0)
    total = positive.sum(axis=1, keepdims=True)
    best = np.where(legal, regret, -np.inf).argmax(axis=1)
    alone = np.arange(regret.shape[1]) == best[:, None]
    found: Floats = np.where(total > 0, positive / np.where(total > 0, total, 1), alone).astype(np.float32)
    return found


class Networks:
    """The networks of one player, an iteration's after another's, each as its parameters side by side."""

    def __init__(self, net: MLP) -> None:
        self.shapes = [parameter.shape for parameter in net.parameters()]
        self.sizes = [shape.numel() for shape in self.shapes]
        self.kept: list[Tensor] = []

    def ask(self, obs: Tensor, which: list[int]) -> Tensor:
        """Return what networks say: the only one of `which` of all obs [U, O], or each of its own row, [U, A]."""
        flat = self.kept[which[0]][None] if len(which) == 1 else torch.stack([self.kept[i] for i in which])
        parts = zip(torch.split(flat.to(obs.device), self.sizes, dim=1), self.shapes, strict=True)
        return stacked(obs, [part.reshape(len(which), *shape[1:]) for part, shape in parts])

    def state(self) -> Tensor:
        """Return all of them, [T, S]."""
        return torch.stack(self.kept) if self.kept else torch.zeros(0, sum(self.sizes))


class DeepCFR:
    """Players whose regrets are networks, and the memories that these learn from."""

    settings: DeepCFRSettings

    def __init__(self, spec: EnvSpec, settings: DeepCFRSettings, seed: int) -> None:
        if not spec.turns:
            raise UserError(
                "deep_cfr traverses turn-based games with a tree or steps, such as leduc; this environment has neither"
            )
        self.spec, self.settings = spec, settings
        self.device = torch.device("cpu")
        _admit(spec, settings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy = self._network()
        self.optimiser = Adam([([self.policy], settings.lr)])
        shape = settings.memory, spec.observation, spec.actions
        self.networks = [Networks(self.policy) for _ in range(spec.agents)]
        self.memories = [Reservoir(*shape) for _ in range(spec.agents)]
        self.others = Reservoir(*shape) if settings.network else None
        self._branches: Branches | None = None
        self._drawn: npt.NDArray[np.int64] | None = None  # [B, N] the network that each agent plays an episode by

    @property
    def envs(self) -> int:
        """How many traversals there are between two calls of `learn`."""
        return self.settings.traversals

    def to(self, device: torch.device) -> None:
        """Learn, and ask networks, on a device; those of past iterations are kept on the CPU."""
        if device.type != self.device.type:
            moments, self.device = self.optimiser.state_dict(), device
            self.policy.to(device)
            self.optimiser = Adam([([self.policy], self.settings.lr)])
            self.optimiser.load_state_dict(moments)

    @property
    def traverser(self) -> int:
        """Whose iteration it is: the players take turns."""
        kept = [len(networks.kept) for networks in self.networks]
        return kept.index(min(kept))

    def collect(self, task: Task, rng: np.random.Generator) -> Traversals:
        """Traverse the game for the player whose iteration it is."""
        if self._branches is None:
            if not isinstance(task, Branching):
                raise UserError("deep_cfr goes on from copies of plays, and this environment's cannot be copied")
            self._branches = task.branches()
        return traverse(self._branches, self.traverser, self.envs, self.strategy, rng, others=self.settings.network)

    def strategy(self, player: int, obs: npt.NDArray[np.uint8], legal: Mask, iteration: int = -1) -> Floats:
        """Return a player's strategy of an iteration, by default the one to be played next, [U, A]."""
        kept = len(self.networks[player].kept)
        iteration = kept if iteration < 0 else iteration
        if iteration == 0:
            uniform: Floats = (legal / legal.sum(axis=1, keepdims=True)).astype(np.float32)
            return uniform
        return matched(self._ask(player, obs, [iteration - 1]), legal)

    def learn(self, played: Traversals, rng: np.random.Generator) -> dict[str, float]:
        """Take in traversals, and let the traverser's next network learn."""
        player, settings = played.traverser, self.settings
        networks, memory = self.networks[player], self.memories[player]
        now = len(networks.kept) + 1
        memory.add(played.regrets, now, rng)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**62)))
            net = self._network().to(self.device)
        optimiser = Adam([([net], settings.lr)])
        if settings.warm and networks.kept:
            optimiser.parts[0][0].copy_(networks.kept[-1])
        figures = {"iterations": float(now), "samples": float(memory.held)}
        if memory.held:
            figures["loss"] = self._fit(net, optimiser, memory, rng)
        networks.kept.append(optimiser.parts[0][0].detach().cpu().clone())
        if self.others is not None and played.others is not None:
            self.others.add(played.others, now, rng)
            if self.others.held:
                figures["policy_loss"] = self._fit(self.policy, self.optimiser, self.others, rng)
        return figures

    def policies(self, agent: int, obs: npt.NDArray[Any], legal: Mask) -> Iterator[tuple[float, Floats]]:
        """Yield the strategies that make up the average, each with its weight (`agents.learner.Mixture`)."""
        if self.settings.network:
            yield 1.0, self._average(obs, legal)
            return
        for iteration in range(len(self.networks[agent].kept) + 1):
            yield float(iteration + 1) ** self.settings.linear, self.strategy(agent, obs, legal, iteration)

    def begin(self, batch: int) -> None:
        """Forget which networks were drawn: that many new episodes begin."""
        self._drawn = None

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return actions drawn from the average strategy: each agent's of the network that it drew for the episode."""
        if self._drawn is None:
            self._drawn = self._draw(len(step.obs), rng)
        odds = np.where(step.legal, 1.0, 0.0).astype(np.float32)
        for agent in range(self.spec.agents):
            rows = np.flatnonzero(step.legal[:, agent].sum(axis=1) > 1)
            obs, legal = step.obs[rows, agent], step.legal[rows, agent]
            odds[rows, agent] = (
                self._average(obs, legal)
                if self.settings.network
                else self._strategies(agent, obs, legal, self._drawn[rows, agent])
            )
        with np.errstate(divide="ignore"):
            return sample(np.log(odds), step.legal & (odds > 0), rng)

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs: networks, memories, and what the average is learned with."""
        rest = {} if self.others is None else {"others": self.others.state()}
        return {
            "policy": self.policy.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "networks": [networks.state() for networks in self.networks],
            "memories": [memory.state() for memory in self.memories],
            **rest,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        kept = [len(part) for part in state["networks"]]
        if sorted(kept, reverse=True) != kept or kept[0] > kept[-1] + 1:
            raise UserError("its players have had numbers of iterations that cannot be")
        self.policy.load_state_dict(state["policy"])
        self.optimiser.load_state_dict(state["optimiser"])
        for networks, part in zip(self.networks, state["networks"], strict=True):
            networks.kept = [row.clone() for row in part]
        for memory, part in zip(self.memories, state["memories"], strict=True):
            memory.restore(part)
        if self.others is not None:
            self.others.restore(state["others"])

    def _network(self) -> MLP:
        settings = self.settings
        return MLP(self.spec.observation, settings.hidden, self.spec.actions, settings.layers)

    def _fit(self, net: MLP, optimiser: Adam, memory: Reservoir, rng: np.random.Generator) -> float:
        """Learn from what a memory holds; return the mean loss of the last tenth."""
        settings, learns_regrets = self.settings, memory is not self.others
        # The memory of the average is of several players, who may know the same.
        data, rows = memory.lessons(settings.updates, settings.batch, settings.linear, rng, merge=learns_regrets)
        if learns_regrets:
            data = data._replace(target=data.target / _size(data))
        return fit(net, optimiser, data, rows, settings.lr, settings.clip, softmax=not learns_regrets)

    @torch.no_grad()
    def _ask(self, player: int, obs: npt.NDArray[Any], which: list[int]) -> Floats:
        seen = torch.from_numpy(np.ascontiguousarray(obs)).to(self.device).float()
        return host(self.networks[player].ask(seen, which))

    @torch.no_grad()
    def _average(self, obs: npt.NDArray[Any], legal: Mask) -> Floats:
        """Return what the network of the average strategy says, [U, A]."""
        seen = torch.from_numpy(np.ascontiguousarray(obs)).to(self.device).float()
        may = torch.from_numpy(legal).to(self.device)
        return host(torch.softmax(self.policy(seen).masked_fill(~may, -1e9), dim=-1))

    def _draw(self, batch: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return an iteration for each agent of each episode, [B, N], with the iterations' weights."""
        drawn = np.empty((batch, self.spec.agents), np.int64)
        for agent, networks in enumerate(self.networks):
            sums = np.cumsum(np.arange(1.0, len(networks.kept) + 2) ** self.settings.linear)
            drawn[:, agent] = np.searchsorted(sums, rng.random(batch) * sums[-1], side="right")
        return drawn

    def _strategies(self, agent: int, obs: npt.NDArray[Any], legal: Mask, iteration: npt.NDArray[np.int64]) -> Floats:
        """Return an agent's strategies, each of an iteration of its own [U], at observations [U, O], as [U, A]."""
        found = np.where(legal, 1, 0) / legal.sum(axis=1, keepdims=True)
        rows = np.flatnonzero(iteration)
        for start in range(0, len(rows), _ABREAST):
            part = rows[start : start + _ABREAST]
            which = (iteration[part] - 1).tolist()
            found[part] = matched(self._ask(agent, obs[part], which), legal[part])
        sure: Floats = found.astype(np.float32)
        return sure


def _size(data: Data) -> np.float32:
    """Return the root of the weighted mean square of targets, 1 if all are 0."""
    counts = float((data.weight * data.legal.sum(axis=1)).sum(dtype=np.float64))
    total = float((data.weight * np.square(data.target).sum(axis=1)).sum(dtype=np.float64))
    return np.float32((total / counts) ** 0.5 or 1.0)


def _admit(spec: EnvSpec, settings: DeepCFRSettings) -> None:
    """Tell what memories take once they are full; raise `ValueError` where the machine does not have it."""
    count = spec.agents + settings.network
    each = Reservoir.bytes(1, spec.observation, spec.actions)
    total, free = count * settings.memory * each, available()
    if total > free:
        fits = int(0.8 * free / (count * each))
        raise UserError(
            f"the memories of deep_cfr take {size(total)} here once they are full, and {size(free)} are free: "
            f"memory={fits} would fit"
        )
    if total >= _MENTIONED:
        tell(f"the memories of deep_cfr take {size(total)} once they are full; memory=N makes them smaller")
