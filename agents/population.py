"""Pure policies that players have collected, in games for two, and what they earn against each other.

In a game whose decisions can all be listed (`engine.branches.Listing`) a policy is an action for each of them, so that
pay-offs and best responses are exact; in others it is a Q-network, whose best action is taken. Policy 0 of a player is
the uniform one.

Shape letters: M decisions of a player, n policies, A actions, O observation, S sequences, W lanes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.nn.dense import MLP, stacked
from counterplay.agents.nn.device import host
from counterplay.agents.responses import best_actions, known
from counterplay.engine.branches import Listing
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.strategy import to_table, to_vector, uniform
from counterplay.engine.sweeps import measure, realise, respond

F64 = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

UNIFORM = -1  # in place of an action


class Tables:
    """Policies as actions: what a player does at each observation that it can make."""

    def __init__(self) -> None:
        self.known = np.zeros(0, np.int64)  # [M] numbers of observations, sorted
        self.kept: list[npt.NDArray[np.int16]] = []  # n of [M]

    def begin(self, obs: npt.NDArray[Any]) -> None:
        """Take in all observations of the player's decisions, [M, O], and begin with the uniform policy."""
        listed = np.sort(known(obs.astype(np.uint8)))
        if len(self.known) and not np.array_equal(listed, self.known):
            raise UserError("its policies are of another game")
        self.known = listed
        if (np.diff(self.known) == 0).any():
            raise UserError("psro cannot tell all decisions of this game apart")
        if not self.kept:
            self.kept.append(np.full(len(self.known), UNIFORM, np.int16))

    def places(self, obs: npt.NDArray[Any]) -> Ints:
        """Return where observations [U, O] stand, [U]; raises `ValueError` for one that no decision shows."""
        with np.errstate(invalid="ignore"):  # somebody's numbers may be none that a byte holds
            asked = known(np.ascontiguousarray(obs).astype(np.uint8))
        found: Ints = np.minimum(np.searchsorted(self.known, asked), len(self.known) - 1)
        if not np.array_equal(self.known[found], asked):
            raise UserError("an observation is of no decision of this player's: mask what it cannot do")
        return found

    def ask(self, policy: int, obs: npt.NDArray[Any], legal: Mask) -> Floats:
        """Return what a policy does at observations [U, O] with their legal actions [U, A], [U, A]."""
        action = self.kept[policy][self.places(obs)]
        return np.where((action < 0)[:, None], uniformly(legal), np.arange(legal.shape[1]) == action[:, None]).astype(
            np.float32
        )

    def add(self, obs: npt.NDArray[Any], action: Ints, again: bool) -> None:
        """Take in what a policy does at all observations [M, O], `again` also where it is there already."""
        if again or self.is_new(obs, action):
            self.kept.append(self._laid(obs, action))

    def is_new(self, obs: npt.NDArray[Any], action: Ints) -> bool:
        """Tell whether no policy does that at all observations [M, O]."""
        policy = self._laid(obs, action)
        return not any((policy == other).all() for other in self.kept)

    def _laid(self, obs: npt.NDArray[Any], action: Ints) -> npt.NDArray[np.int16]:
        policy = np.zeros(len(self.known), np.int16)
        policy[self.places(obs)] = action
        return policy

    def state(self) -> dict[str, Any]:
        """Return all policies."""
        return {"known": self.known, "actions": np.concatenate([np.zeros(0, np.int16), *self.kept])}

    def restore(self, state: dict[str, Any], actions: int) -> None:
        """Go on from a state; raises `ValueError` for one that holds no policies."""
        known_, flat = np.asarray(state["known"]), np.asarray(state["actions"])
        if len(flat) % max(len(known_), 1) or (np.diff(known_) <= 0).any() or not _between(flat, UNIFORM, actions):
            raise UserError("its policies are none of a game")
        self.known = known_.copy()
        self.kept = [row.copy() for row in flat.reshape(-1, max(len(known_), 1))] if len(known_) else []


class Nets:
    """Policies as Q-networks, each as its parameters side by side; the first one, of zeros, stands for uniform play."""

    def __init__(self, net: MLP) -> None:
        self.shapes = [parameter.shape for parameter in net.parameters()]
        self.sizes = [shape.numel() for shape in self.shapes]
        self.kept: list[Tensor] = [torch.zeros(sum(self.sizes))]

    def ask(self, policy: int, obs: npt.NDArray[Any], legal: Mask) -> Floats:
        """Return what a policy does at observations [U, O] with their legal actions [U, A], [U, A]."""
        if policy == 0:
            return uniformly(legal)
        parts = zip(torch.split(self.kept[policy], self.sizes), self.shapes, strict=True)
        with torch.no_grad():
            seen = torch.from_numpy(np.ascontiguousarray(obs)).float()
            said = stacked(seen, [part.reshape(shape) for part, shape in parts])
        return best_actions(host(said), legal)

    def add(self, net: MLP) -> None:
        """Take in a network."""
        self.kept.append(torch.cat([parameter.detach().reshape(-1) for parameter in net.parameters()]).cpu().clone())

    def state(self) -> Tensor:
        """Return all of them but the first, [n - 1, parameters]."""
        return torch.stack(self.kept[1:]) if len(self.kept) > 1 else torch.zeros(0, sum(self.sizes))

    def restore(self, state: Tensor) -> None:
        """Go on from a state."""
        self.kept = [self.kept[0], *(row.clone() for row in state)]


def uniformly(legal: Mask) -> Floats:
    """Return the uniform policy, [U, A]."""
    found: Floats = (legal / legal.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


class MetaGame:
    """A listed game for two as policies meet in it: their plans, exact pay-offs, exact best responses."""

    def __init__(self, branches: Listing, policies: list[Tables]) -> None:
        self.tree, self.seen, self.number = branches.tree, branches.seen, branches.number
        self.form, self.policies = sequence_form(self.tree), policies
        for player, own in enumerate(policies):
            own.begin(self.shown(player)[0])
        width, first = self.form.origin.shape[1], self.form.first[self.form.begin].astype(np.int64)
        self.part = [slice(int(first[p]) * width, int(first[p + 1]) * width) for p in range(len(policies))]
        self.base = realise(self.form, to_vector(self.form, uniform(self.tree)))
        self._plans: list[list[F64]] = [[] for _ in policies]

    def rows(self, player: int) -> Ints:
        """Return which of all decisions are a player's."""
        found: Ints = np.flatnonzero(self.seen.player == player)
        return found

    def shown(self, player: int) -> tuple[npt.NDArray[Any], Mask]:
        """Return a player's decisions as it sees them, with what is legal, [M, O] and [M, A]."""
        rows = self.rows(player)
        return self.seen.obs[rows], self.seen.legal[rows]

    def plans(self, player: int) -> list[F64]:
        """Return a player's policies as realisation plans of its own sequences."""
        found = self._plans[player]
        for policy in range(len(found), len(self.policies[player].kept)):
            table, rows = uniform(self.tree), self.rows(player)
            odds = self.policies[player].ask(policy, *self.shown(player))
            sets, hands = self.seen.infoset[rows], self.seen.hand[rows]
            for slot in range(int(np.diff(self.tree.first).max())):  # all first actions, all second ones
                row = self.tree.first[sets] + slot
                there = row < self.tree.first[sets + 1]
                table[row[there], hands[there]] = odds[np.flatnonzero(there), self.number[row[there]]]
            found.append(realise(self.form, to_vector(self.form, table))[self.part[player]])
        return found

    def payoff(self, first: int, second: int) -> float:
        """Return what player 0 earns by one of its policies against one of the other's."""
        total = self.base.copy()
        total[self.part[0]], total[self.part[1]] = self.plans(0)[first], self.plans(1)[second]
        return float(measure(self.form, total, np.empty_like(total), np.empty_like(total))[0, 0])

    def respond(self, player: int, mixture: F64) -> tuple[float, Ints]:
        """Return what a best response to a mixture of the other's policies earns, and its actions at all decisions."""
        plan, sigma = self.base.copy(), np.zeros_like(self.base)
        plans = self.plans(1 - player)
        plan[self.part[1 - player]] = sum(mixture[policy] * plans[policy] for policy in np.flatnonzero(mixture))
        earns = respond(self.form, player, plan, np.empty_like(plan), sigma)
        table, sizes = to_table(self.form, self.tree, sigma), np.diff(self.tree.first)
        slot = np.arange(len(table)) - np.repeat(self.tree.first[:-1], sizes)
        taken = np.add.reduceat(table * slot[:, None], self.tree.first[:-1], axis=0)  # one action of each has all
        rows = self.rows(player)
        sets, hands = self.seen.infoset[rows], self.seen.hand[rows]
        actions: Ints = self.number[self.tree.first[sets] + np.rint(taken[sets, hands]).astype(np.int64)]
        return float(earns), actions


def _between(numbers: npt.NDArray[Any], low: int, high: int) -> bool:
    return not len(numbers) or bool(low <= numbers.min() and numbers.max() < high)
