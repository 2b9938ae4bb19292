"""Plays of a game that has a tree, which branch: a play is its node and its deal."""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.branches import Plays
from counterplay.engine.env import EnvSpec
from counterplay.engine.jit import inlined, jit
from counterplay.engine.random import U64
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.tree import Tree
from counterplay.games.envs.encoding import Encoding, Observations, observations
from counterplay.games.envs.tree_arrays import TreeArrays, after, arrays, draw_deal, draw_move


class Known(NamedTuple):
    """Where what players know stands among `observations`."""

    first: npt.NDArray[np.int64]  # [N] the first hand's of the node's information set; nothing elsewhere
    stride: npt.NDArray[np.uint64]  # [P] deal j gives player p the hand (j // stride[p]) % lanes[p]


def known_of(tree: Tree) -> Known:
    """Return where what the players of a game know stands."""
    hands = np.array([len(labels) for labels in tree.hands])
    starts = np.concatenate([[0], np.cumsum(hands[tree.owner])])
    first = np.where(tree.player >= 0, starts[np.where(tree.player >= 0, tree.infoset, 0)], 0)
    stride = np.array([hands[p + 1 :].prod() for p in range(len(hands))], np.uint64)
    return Known(first.astype(np.int64), stride)


class TreeBranches:
    """Plays that branch (`engine.branches.Branches`)."""

    def __init__(self, spec: EnvSpec, tree: Tree, code: Encoding):
        self.spec, self.tree, self.number = spec, tree, code.number
        self.game, self.known = arrays(tree, code), known_of(tree)

    @cached_property
    def seen(self) -> Observations:
        """All that can be observed at decisions, its numbers as bytes."""
        seen = observations(self.tree)
        return seen._replace(obs=seen.obs.astype(np.uint8))

    def begin(self, luck: U64) -> Plays:
        plays = Plays(np.zeros((len(luck), 2), np.int64), luck.copy())
        _begin(self.game, *plays)
        return plays

    def look(self, plays: Plays) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        turn, known = np.empty((2, len(plays.luck)), np.int64)
        _look(self.game, self.known, plays.state, turn, known)
        return turn, known

    def show(self, plays: Plays) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        known = self.look(plays)[1]
        obs: Any = self.seen.obs[known]
        return obs, self.seen.legal[known]

    def follow(self, plays: Plays, rows: npt.NDArray[np.int64], actions: npt.NDArray[np.int64]) -> Plays:
        to = plays.take(rows)
        _follow(self.game, *to, actions)
        return to

    def paid(self, plays: Plays) -> npt.NDArray[np.float64]:
        paid = np.zeros((len(plays.luck), self.spec.agents))
        _paid(self.game, plays.state, paid)
        return paid


@inlined
def _rest(game: TreeArrays, state: npt.NDArray[np.int64], luck: U64, b: Any, start: Any) -> None:
    """Let chance play until somebody else is to, from a node on."""
    at, deal = start, np.uint64(state[b, np.uint64(1)])
    node: Any = game.nodes[at]
    while node["player"] == CHANCE:
        at = draw_move(game, luck, b, node, deal)
        node = game.nodes[at]
    state[b, np.uint64(0)] = at


@jit
def _begin(game: TreeArrays, state: npt.NDArray[np.int64], luck: U64) -> None:
    for b in range(np.uint64(len(luck))):
        state[b, np.uint64(1)] = draw_deal(game, luck, b)
        _rest(game, state, luck, b, np.uint64(0))


@jit
def _look(
    game: TreeArrays,
    told: Known,
    state: npt.NDArray[np.int64],
    turn: npt.NDArray[np.int64],
    known: npt.NDArray[np.int64],
) -> None:
    for b in range(np.uint64(len(turn))):
        at, deal = np.uint64(state[b, np.uint64(0)]), np.uint64(state[b, np.uint64(1)])
        turn[b] = game.nodes[at]["player"]
        known[b] = 0
        if turn[b] >= 0:
            p = np.uint64(turn[b])
            known[b] = told.first[at] + np.int64(deal // told.stride[p] % game.lanes[p])


@jit
def _follow(game: TreeArrays, state: npt.NDArray[np.int64], luck: U64, actions: npt.NDArray[np.int64]) -> None:
    for b in range(np.uint64(len(luck))):
        node: Any = game.nodes[np.uint64(state[b, np.uint64(0)])]
        _rest(game, state, luck, b, after(game, node, actions[b]))


@jit
def _paid(game: TreeArrays, state: npt.NDArray[np.int64], paid: npt.NDArray[np.float64]) -> None:
    for b in range(np.uint64(len(paid))):
        node: Any = game.nodes[np.uint64(state[b, np.uint64(0)])]
        if node["player"] == LEAF:
            leaf, deal = game.leaves[node["first"]], np.uint64(state[b, np.uint64(1)])
            for p in range(np.uint64(paid.shape[1])):
                paid[b, p] = game.payoffs[leaf["outcome"], p, deal] * leaf["stake"]
