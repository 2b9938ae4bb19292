"""External sampling over plays that branch: many traversals abreast, a depth at a time, networks asked in batches.

A traversal follows every action of one player, the *traverser*, and one action of everybody else, drawn from their
strategies, with one draw of chance (Lanctot et al. 2009). Values are taken back up: at the traverser's decisions
weighted by its strategy, elsewhere as they are. What an action is worth there beyond the decision itself is a sample of
its regret, whose mean, summed over the traversals that come there, is the counterfactual regret of the strategies.

Shape letters: B plays at one depth, U different things that are known there, R samples, P players, A actions,
O observation.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.branches import Branches
from counterplay.engine.jit import jit
from counterplay.engine.random import seeds, unit

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# What a player does at observations [U, O] with their legal actions [U, A]: a probability for each action, [U, A].
Strategy = Callable[[int, npt.NDArray[np.uint8], npt.NDArray[np.bool_]], Floats]


class Samples(NamedTuple):
    """R decisions that were met, and a number for each of their actions."""

    known: Ints  # [R] what the player knows, as `Branches.look` says it
    obs: npt.NDArray[np.uint8]  # [R, O]
    legal: npt.NDArray[np.bool_]  # [R, A]
    target: Floats  # [R, A] regrets, or probabilities; 0 for what is not legal


class Traversals(NamedTuple):
    """What so many traversals met."""

    traverser: int
    regrets: Samples  # at the traverser's decisions
    others: Samples | None  # what the others do at theirs, if it was asked for
    value: npt.NDArray[np.float64]  # [K, P] what everybody earned in each traversal
    steps: int  # decisions met

    @property
    def started(self) -> int:
        """Return how many traversals there were."""
        return len(self.value)

    def returns(self) -> npt.NDArray[np.float64]:
        """Return what everybody earned, [K, P]; of a team what it did, [K]."""
        alike = self.value.shape[1] == 1 or (self.value == self.value[:, :1]).all()
        return self.value[:, 0] if alike else self.value


class _Depth(NamedTuple):
    """The plays at one depth, and where they lead."""

    paid: npt.NDArray[np.float64]  # [B, P], of those that have ended
    turn: Ints  # [B]
    at: Ints  # [B] which of the U things its player knows; -1 at an end
    first: Ints  # [B + 1] the plays of the next depth that follow are first[b] .. first[b + 1]
    action: Ints  # [the next depth's B] the action that led there
    sigma: Floats  # [U, A]
    known: Ints  # [U]
    obs: npt.NDArray[np.uint8]  # [U, O]
    legal: npt.NDArray[np.bool_]  # [U, A]


def traverse(
    branches: Branches, traverser: int, count: int, strategy: Strategy, rng: np.random.Generator, others: bool = False
) -> Traversals:
    """Traverse the game so many times for a player; `others` asks for what the others do as well."""
    plays, depths = branches.begin(seeds(rng, count)), list[_Depth]()
    while len(plays.luck):
        turn, known = branches.look(plays)
        at, place = _same(turn, known)
        obs, legal = branches.show(plays.take(place))
        sigma = _ask(strategy, turn[place], obs, legal)
        first = np.zeros(len(turn) + 1, np.int64)
        widths = np.where(turn == traverser, legal.sum(axis=1)[at], 1) if len(place) else np.ones_like(turn)
        np.cumsum(np.where(at >= 0, widths, 0), out=first[1:])
        rows, action = np.empty((2, int(first[-1])), np.int64)
        _spread(turn, at, sigma, legal, traverser, plays.luck, rows, action)
        depths.append(_Depth(branches.paid(plays), turn, at, first, action, sigma, known[place], obs, legal))
        plays = branches.follow(plays, rows, action)
    return _back(depths, traverser, others)


def _same(turn: Ints, known: Ints) -> tuple[Ints, Ints]:
    """Return which of the different things that are known each play's player knows [B], -1 at an end, and a play where
    each is known [U].
    """
    at, places = np.full(len(turn), -1), []
    found = 0
    for player in range(int(turn.max(initial=-1)) + 1):
        mine = np.flatnonzero(turn == player)
        _, place, which = np.unique(known[mine], return_index=True, return_inverse=True)
        at[mine] = which.ravel() + found
        places.append(mine[place])
        found += len(place)
    return at, np.concatenate(places) if places else np.zeros(0, np.int64)


def _ask(
    strategy: Strategy, players: Ints, obs: npt.NDArray[np.uint8], legal: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return what each player does, [U, A]: what players know comes player by player."""
    sigma = np.zeros(legal.shape, np.float32)
    for player in np.unique(players).tolist():
        part = slice(*np.searchsorted(players, [player, player + 1]))
        sigma[part] = strategy(player, obs[part], legal[part])
    return sigma


def _back(depths: list[_Depth], traverser: int, others: bool) -> Traversals:
    """Take values up, from the last depth to the first, and return what was met."""
    width = depths[0].legal.shape[1]
    value: npt.NDArray[np.float64] = np.zeros((0, depths[0].paid.shape[1]))
    regrets, rest, steps = list[Samples](), list[Samples](), 0
    for depth in reversed(depths):
        steps += int((depth.at >= 0).sum())
        choice = depth.legal.sum(axis=1) > 1  # [U]
        chosen = (depth.at >= 0) & (choice[depth.at] if len(choice) else False)
        mine = np.flatnonzero(chosen & (depth.turn == traverser))
        below, value = value, depth.paid
        regret = np.zeros((len(mine), width), np.float32)
        _up(depth.turn, depth.at, depth.sigma, depth.first, depth.action, below, traverser, choice, value, regret)
        at = depth.at[mine]
        regrets.append(Samples(depth.known[at], depth.obs[at], depth.legal[at], regret))
        if others:
            at = depth.at[chosen & (depth.turn != traverser)]
            rest.append(Samples(depth.known[at], depth.obs[at], depth.legal[at], depth.sigma[at]))
    return Traversals(traverser, joined(regrets), joined(rest) if others else None, value, steps)


def joined(parts: list[Samples]) -> Samples:
    """Return several lots of samples as one."""
    return Samples(*map(np.concatenate, zip(*parts, strict=True)))


@jit
def _spread(
    turn: Ints,
    at: Ints,
    sigma: Floats,
    legal: npt.NDArray[np.bool_],
    traverser: int,
    luck: Any,
    rows: Ints,
    action: Ints,
) -> None:  # pragma: no cover
    """Write which play goes on with which action: all of the traverser's, one drawn of the others'."""
    k = np.uint64(0)
    for b in range(np.uint64(len(turn))):
        if at[b] < 0:
            continue
        u = np.uint64(at[b])
        if turn[b] == traverser:
            for a in range(np.uint64(legal.shape[1])):
                if legal[u, a]:
                    rows[k], action[k] = b, a
                    k += np.uint64(1)
            continue
        left = unit(luck, b)
        rows[k] = b
        for a in range(np.uint64(legal.shape[1])):
            if legal[u, a] and sigma[u, a] > 0:
                action[k] = a  # the last one if rounding leaves something
                left -= sigma[u, a]
                if left < 0:
                    break
        k += np.uint64(1)


@jit
def _up(
    turn: Ints,
    at: Ints,
    sigma: Floats,
    first: Ints,
    action: Ints,
    below: npt.NDArray[np.float64],
    traverser: int,
    choice: npt.NDArray[np.bool_],
    value: npt.NDArray[np.float64],
    regret: Floats,
) -> None:  # pragma: no cover
    """Add the values of what follows to those of the plays, and write the regrets of the traverser's choices."""
    players, row = np.uint64(value.shape[1]), np.uint64(0)
    for b in range(np.uint64(len(turn))):
        if at[b] < 0:
            continue
        u, begin, end = np.uint64(at[b]), np.uint64(first[b]), np.uint64(first[b + np.uint64(1)])
        mine = turn[b] == traverser
        for k in range(begin, end):
            weight = np.float64(sigma[u, np.uint64(action[k])]) if mine else 1.0
            for p in range(players):
                value[b, p] += weight * below[k, p]
        if mine and choice[u]:
            for k in range(begin, end):
                regret[row, np.uint64(action[k])] = below[k, np.uint64(traverser)] - value[b, np.uint64(traverser)]
            row += np.uint64(1)
