"""Best responses that are learned: one player's Q-network, from the moves that it made in games (NFSP, PSRO).

What a move is worth is what the player earned until its next one, and what its best action is worth there, as a slow
copy of the network says it (Mnih et al. 2015); nothing is discounted, for games end. Time is the player's own: moves of
the others and of chance lie between two of its own.

Shape letters: B episodes, T steps, N players, M moves, A actions, O observation, U updates.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents.nn.adam import Adam
from counterplay.agents.nn.dense import MLP
from counterplay.agents.nn.device import host
from counterplay.agents.nn.regression import Data, fit
from counterplay.agents.reservoir import ALIKE, drawn
from counterplay.agents.rollout import Episodes
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Moves(NamedTuple):
    """M decisions with a choice that one player met, game after game, and what came of them."""

    obs: Bytes  # [M, O]
    legal: Mask  # [M, A]
    action: Ints  # [M]
    reward: Floats  # [M] what the player earned from then until its next decision, or the game's end
    after: Bytes  # [M, O] its next decision; zeros where there is none
    may: Mask  # [M, A] what is legal there; nothing where there is none


def moves(episodes: Episodes, player: int) -> tuple[Moves, Ints]:
    """Return a player's moves in episodes, and the episode of each, [M].

    Raises `ValueError` for observations that are not whole numbers from 0 to 255.
    """
    legal = episodes.legal[:, :-1, player]
    game, step = np.nonzero(episodes.filled & (legal.sum(axis=-1) > 1))
    seen = episodes.obs[game, step, player]
    obs = seen.astype(np.uint8)
    if not (obs == seen).all():
        raise UserError("what players observe has to be whole numbers from 0 to 255, as it is in turn-based games")
    may = legal[game, step]
    goes_on = np.zeros(len(game), bool)
    goes_on[:-1] = game[1:] == game[:-1]
    earned = np.concatenate([np.zeros((len(legal), 1)), np.cumsum(episodes.reward[:, :, player], axis=1)], axis=1)
    until = np.full(len(game), earned.shape[1] - 1)
    until[:-1][goes_on[:-1]] = step[1:][goes_on[:-1]]
    follow = np.minimum(np.arange(len(game)) + 1, max(len(game) - 1, 0))
    found = Moves(
        obs,
        may,
        episodes.action[game, step, player],
        (earned[game, until] - earned[game, step]).astype(np.float32),
        obs[follow] * goes_on[:, None],
        may[follow] & goes_on[:, None],
    )
    return found, game


class ResponseSettings(Protocol):
    """What of a learner's settings concerns responses."""

    @property
    def recent(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def updates(self) -> int: ...
    @property
    def target_every(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def clip(self) -> float: ...
    @property
    def hidden(self) -> int: ...
    @property
    def layers(self) -> int: ...


class Responder:
    """One player's Q-network, its slow copy, and the moves that it last made."""

    def __init__(self, spec: EnvSpec, settings: ResponseSettings) -> None:
        self.settings, self.device = settings, torch.device("cpu")
        self.net, self.slow = (MLP(spec.observation, settings.hidden, spec.actions, settings.layers) for _ in range(2))
        self.slow.load_state_dict(self.net.state_dict())
        self.optimiser = Adam([([self.net], settings.lr)])
        self.met, self.calls = 0, 0
        shapes = {"obs": spec.observation, "legal": spec.actions, "after": spec.observation, "may": spec.actions}
        self.parts: dict[str, npt.NDArray[Any]] = {
            name: np.zeros((settings.recent, width), np.uint8 if name in ("obs", "after") else np.bool_)
            for name, width in shapes.items()
        }
        whole = ("action", "known", "follows")
        self.parts |= {name: np.zeros(settings.recent, np.int64) for name in whole}
        self.parts |= {"reward": np.zeros(settings.recent, np.float32)}

    @staticmethod
    def bytes(spec: EnvSpec, recent: int) -> int:
        """Return what its moves take once all are there."""
        return recent * (2 * spec.observation + 2 * spec.actions + 28)

    @property
    def held(self) -> int:
        """Return how many moves are held."""
        return min(self.met, self.settings.recent)

    def to(self, device: torch.device) -> None:
        """Learn, and answer, on a device."""
        moments, self.device = self.optimiser.state_dict(), device
        self.net.to(device)
        self.slow.to(device)
        self.optimiser = Adam([([self.net], self.settings.lr)])
        self.optimiser.load_state_dict(moments)

    def add(self, made: Moves) -> None:
        """Take in moves, in place of the oldest ones."""
        room = self.settings.recent
        many = min(len(made.action), room)
        place = (self.met + len(made.action) - many + np.arange(many)) % room
        numbers = {"known": known(made.obs, made.action), "follows": known(made.after)}
        for name, part in (*made._asdict().items(), *numbers.items()):
            self.parts[name][place] = part[len(part) - many :]
        self.met += len(made.action)

    def forget(self) -> None:
        """Forget all moves, and go on from the network as it is."""
        self.met = self.calls = 0

    def values(self, obs: npt.NDArray[Any], slow: bool = False) -> Floats:
        """Return what each action is worth at observations [M, O], as the network or its slow copy says it, [M, A]."""
        with torch.no_grad():
            seen = torch.from_numpy(np.ascontiguousarray(obs)).to(self.device).float()
            return host((self.slow if slow else self.net)(seen))

    def improve(self, rng: np.random.Generator) -> float:
        """Learn from minibatches of what is held; return the mean loss of the last tenth."""
        settings = self.settings
        if self.calls % settings.target_every == 0:
            self.slow.load_state_dict(self.net.state_dict())
        self.calls += 1
        data, rows = self._lessons(rng)
        return fit(self.net, self.optimiser, data, rows, settings.lr, settings.clip, softmax=False)

    def _lessons(self, rng: np.random.Generator) -> tuple[Data, Ints]:
        """Return what to learn from, and minibatches of it.

        Moves of the same action where the same is known are one row, if they are many: its target is the mean of
        theirs, which is less a matter of luck.
        """
        settings, held = self.settings, self.held
        shape, parts = (settings.updates, settings.batch), {name: part[:held] for name, part in self.parts.items()}
        found = alike(parts["known"], held // ALIKE)
        if found is None:
            rows = rng.integers(0, held, shape)
            place, index = np.unique(rows, return_inverse=True)
            parts = {name: part[place] for name, part in parts.items()}
            best = best_values(self.values(parts["after"], slow=True), parts["may"])
            mean: npt.NDArray[Any] = parts["reward"] + best
            rows, place = index.reshape(shape), np.arange(len(place))
        else:
            index, place = found
            after = alike(parts["follows"], held)
            assert after is not None  # nothing is more than all
            best = best_values(self.values(parts["after"][after[1]], slow=True), parts["may"][after[1]])[after[0]]
            count = np.bincount(index)
            mean = np.bincount(index, parts["reward"] + best) / count
            rows = drawn(np.sqrt(count), shape, rng)
        chosen = np.arange(parts["legal"].shape[1]) == parts["action"][place, None]
        target = np.where(chosen, mean[:, None], 0).astype(np.float32)
        return Data(parts["obs"][place], chosen, target, np.ones(len(place), np.float32)), rows

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs."""
        return {
            "net": self.net.state_dict(),
            "slow": self.slow.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "met": self.met,
            "calls": self.calls,
            **{name: part[: self.held] for name, part in self.parts.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises `ValueError` for moves that cannot have been made."""
        held = min(state["met"], self.settings.recent)
        if any(len(state[name]) != held for name in self.parts):
            raise UserError(f"it should hold {held:,} moves, and does not")
        for name, part in self.parts.items():
            part[:held] = np.asarray(state[name])
        actions = self.parts["action"][:held]
        if not ((actions >= 0) & (actions < self.parts["legal"].shape[1])).all():
            raise UserError("it holds moves that the game does not have")
        self.net.load_state_dict(state["net"])
        self.slow.load_state_dict(state["slow"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.met, self.calls = state["met"], state["calls"]


def best_values(values: Floats, legal: Mask) -> Floats:
    """Return what the best legal action is worth, [M]; 0 where none is legal, for the game is over."""
    best = np.where(legal, values, -np.inf).max(axis=1)
    found: Floats = np.where(legal.any(axis=1), best, 0).astype(np.float32)
    return found


def best_actions(values: Floats, legal: Mask) -> Floats:
    """Return the policy that takes the best legal action, the first of equals, [M, A]."""
    best = np.where(legal, values, -np.inf).argmax(axis=1)
    found: Floats = (np.arange(legal.shape[1]) == best[:, None]).astype(np.float32)
    return found


def known(obs: Bytes, action: Ints | None = None) -> Ints:
    """Return a number for each observation [M, O], with an action [M] if given, equal for equal ones (FNV-1a, mixed).

    It has 63 bits: of a million different ones two have the same number once in ten million times.
    """
    found = np.empty(len(obs), np.int64)
    _known(np.ascontiguousarray(obs), np.zeros(len(obs), np.int64) if action is None else action, found)
    return found


def alike(numbers: Ints, most: int) -> tuple[Ints, Ints] | None:
    """Return which of the different numbers each is [M], as they come, and where each is first; None of too many."""
    index, place = np.empty(len(numbers), np.int64), np.empty(most, np.int64)
    count = _alike(numbers, index, place, np.zeros(4 * most + 1, np.int64))
    return None if count < 0 else (index, place[:count])


@jit
def _known(obs: Any, action: Any, found: Any) -> None:  # pragma: no cover
    for m in range(np.uint64(obs.shape[0])):
        mixed = np.uint64(0xCBF29CE484222325) + np.uint64(action[m])
        for o in range(np.uint64(obs.shape[1])):
            mixed = (mixed ^ np.uint64(obs[m, o])) * np.uint64(0x100000001B3)
            mixed ^= mixed >> np.uint64(29)
        found[m] = np.int64(mixed >> np.uint64(1))


@jit
def _alike(numbers: Any, index: Any, place: Any, table: Any) -> int:  # pragma: no cover
    """Write `alike`'s arrays; return how many there are, -1 if too many. The table is of open addressing, zeros."""
    found, size = 0, np.uint64(len(table))
    for m in range(np.uint64(len(numbers))):
        spot = np.uint64(numbers[m]) * np.uint64(0x9E3779B97F4A7C15) % size
        while table[spot] > 0 and numbers[np.uint64(place[np.uint64(table[spot] - 1)])] != numbers[m]:
            spot = (spot + np.uint64(1)) % size
        if table[spot] == 0:
            if found == len(place):
                return -1
            place[np.uint64(found)] = m
            found += 1
            table[spot] = found
        index[m] = table[spot] - 1
    return found
