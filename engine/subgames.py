"""Public states of a dealt game for two, and subgames below them side by side in one sequence form: a *forest*.

A node of a dealt game's tree is a public state. A subgame is what may follow one, its root, up to a horizon: public
states at which play goes on beyond it are *net leaves*, whose values somebody else tells (`engine.evaluator`); where
play ends sooner there are leaf terms as in any form. Both players come to a root with a range, which is the plan of
their empty sequences there.
Shape letters: N nodes, B parts (subgames), L net leaves, W lanes.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints
from counterplay.engine.errors import UserError
from counterplay.engine.form import SequenceForm, Treeplexes, join_in_lanes
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.tree import Tree
from counterplay.engine.walk import nearest_above

CHANCE_AHEAD = "chance"  # the horizon at the next chance event
Horizon: TypeAlias = int | str | None  # so many decisions; CHANCE_AHEAD; None for the end of the game


@dataclass(frozen=True)
class PublicStates:
    """What forests are cut from: where every node of a tree stands. `public_states` makes it."""

    tree: Tree
    size: Ints  # [N] nodes from here on: node n and all below it are n .. n + size[n]
    decisions: Ints  # [N] decisions on the way to the node
    chances: Ints  # [N] chance events on the way to the node, itself included
    choice: Ints  # [N, 2] the nearest node on the way, itself included, that a player's choice led to; 0 if none did
    moves: Ints  # [N] moves of a decision, else 0
    levels: tuple[Ints, ...]  # the nodes by their distance from the root

    def chance(self, nodes: Ints) -> npt.NDArray[np.float64]:
        """Return the chance of the deal and all chance moves on the way to nodes [B], [B, W of 0, W of 1]."""
        weights: npt.NDArray[np.float64] = self.tree.weights[self.tree.weight[nodes]]
        return weights

    def children(self, node: int) -> Ints:
        """Return the nodes that the moves of a node lead to, in their order."""
        end = node + int(self.size[node])
        return node + 1 + np.flatnonzero(self.tree.parent[node + 1 : end] == node)

    def beyond(self, nodes: Ints, roots: Ints, horizon: Horizon) -> npt.NDArray[np.bool_]:
        """Tell which nodes below roots (one for each) lie at the horizon or behind it."""
        if horizon is None:
            return np.zeros(len(nodes), bool)
        if horizon == CHANCE_AHEAD:
            return self.chances[nodes] > self.chances[roots]
        assert isinstance(horizon, int)
        return self.decisions[nodes] >= self.decisions[roots] + horizon


class NetLeaves(NamedTuple):
    """Where an evaluator is asked: public states beyond which play goes on, by part and then by node."""

    node: Ints  # [L]
    part: Ints  # [L]
    sequence: Ints  # [L, 2] both players' last sequences


class Forest(NamedTuple):
    """Subgames side by side. Part b's empty sequences are 2 b, player 0's, and 2 b + 1, player 1's."""

    form: SequenceForm
    tree: Tree
    roots: Ints  # [B] the node of each part's root; several parts may have the same
    leaves: NetLeaves

    @property
    def lanes(self) -> int:
        """Return W of ranges and values: the most lanes that a player has."""
        return self.tree.lanes


def check_horizon(horizon: Horizon) -> None:
    """Raise `ValueError` for what is no horizon."""
    if horizon is None or horizon == CHANCE_AHEAD:
        return
    if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1:
        raise UserError(f"a horizon is a number of decisions, at least 1, or {CHANCE_AHEAD!r}, not {horizon!r}")


def public_states(tree: Tree) -> PublicStates:
    """Return a tree's public states; raises `ValueError` for a game that has none, or not two players."""
    if tree.players != 2:
        raise UserError(f"re-solving is for games of two players, and this one has {tree.players}")
    decision = tree.player >= 0
    if np.count_nonzero(decision) > len(tree.owner):
        raise UserError(
            "re-solving needs public states, and what the players of this game see tells apart more than what both "
            "see: it is for games of one private deal and public play after it (rules that follow DealtRules)"
        )
    sizes = np.zeros(len(tree.player), np.int64)
    sizes[decision] = np.diff(tree.first)[tree.infoset[decision]]
    acted = np.where(tree.parent >= 0, tree.player[tree.parent], LEAF)
    chosen = (tree.parent >= 0) & (sizes[tree.parent] > 1)
    size, depth = np.ones(len(tree.player), np.int64), _counted(np.ones(len(tree.player), bool), tree.parent)
    order = np.argsort(depth, kind="stable")
    levels = np.split(order, np.flatnonzero(np.diff(depth[order])) + 1)
    for level in reversed(levels[1:]):
        np.add.at(size, tree.parent[level], size[level])
    to = _counted(decision, tree.parent)
    return PublicStates(
        tree=tree,
        size=size,
        decisions=to - decision,
        chances=_counted(tree.player == CHANCE, tree.parent),
        choice=np.stack([nearest_above(chosen & (acted == p), tree.parent) for p in range(2)], axis=1),
        moves=sizes,
        levels=tuple(levels),
    )


def _counted(marked: npt.NDArray[np.bool_], parent: Ints) -> Ints:
    """Return how many nodes on the way to each are marked, itself included, [N]."""
    count, above = marked.astype(np.int64), parent.copy()
    while (on := np.flatnonzero(above >= 0)).size:  # what a pointer has passed doubles each time
        count[on], above[on] = count[on] + count[above[on]], above[above[on]]
    return count


def forest(states: PublicStates, roots: Ints, horizon: Horizon = None) -> Forest:
    """Return the subgames below roots [B], cut at a horizon that counts from each.

    A horizon of n decisions lets n decisions happen; that of chance ends before the next chance event (whose node is
    the net leaf) unless the root is one, which is let happen. Ranges are 1 in every lane until a solver is told others.
    """
    check_horizon(horizon)
    tree, roots = states.tree, np.asarray(roots, np.int64)
    node, part = _nodes(states, roots, horizon)
    root = roots[part]
    cut = states.beyond(node, root, horizon) & (tree.player[node] != LEAF)
    where = part * len(tree.player) + node  # ascending: by part, then in preorder
    deciding = ~cut & (states.moves[node] > 1)
    mine = [np.flatnonzero(deciding & (tree.player[node] == p)) for p in range(2)]
    begin = np.cumsum([0, len(mine[0]), len(mine[1])])
    at = np.concatenate(mine)  # [D] the decisions in order
    number = np.zeros(len(node), np.int64)
    number[at] = np.arange(len(at))
    moves = states.moves[node[at]]
    first = 2 * len(roots) + np.concatenate([[0], np.cumsum(moves)])

    def last(entries: Ints, p: Ints | int) -> Ints:
        """Return player p's last sequence at the entries (places in `node`)."""
        via = states.choice[node[entries], p]
        inside = via > root[entries]
        above = np.where(inside, part[entries] * len(tree.player) + tree.parent[via], where[entries])
        decision = number[np.searchsorted(where, above)]
        return np.where(inside, first[decision] + tree.slot[via], 2 * part[entries] + p)

    u32 = np.uint32
    plex = Treeplexes(
        begin=begin.astype(u32),
        parent=last(at, tree.player[node[at]].astype(np.int64)).astype(u32),
        first=first.astype(u32),
        row=_rows(tree, node[at], moves, 2 * len(roots)),
    )
    ended, net = np.flatnonzero(tree.player[node] == LEAF), np.flatnonzero(cut)
    ends, sequence = (np.stack([last(entries, p) for p in range(2)], axis=1) for entries in (ended, net))
    form = join_in_lanes(tree, plex, tree.infoset[node[ended]], ends)
    return Forest(form, tree, roots, NetLeaves(node[net], part[net], sequence))


def _nodes(states: PublicStates, roots: Ints, horizon: Horizon) -> tuple[Ints, Ints]:
    """Return the nodes of all parts, net leaves included, in preorder part by part, and the part of each."""
    alike, which = np.unique(roots, return_inverse=True)
    node, of = _runs(alike, states.size[alike])
    above = np.maximum(states.tree.parent[node], 0)
    kept = (node == alike[of]) | ~states.beyond(above, alike[of], horizon)
    node, of = node[kept], of[kept]
    count = np.bincount(of, minlength=len(alike))
    place, part = _runs((np.cumsum(count) - count)[which.ravel()], count[which.ravel()])
    return node[place], part


def _runs(begin: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Return the numbers begin .. begin + count of each run, and which run each is of."""
    run = np.repeat(np.arange(len(begin)), count)
    return np.arange(len(run)) + np.repeat(begin - np.cumsum(count) + count, count), run


def _rows(tree: Tree, nodes: Ints, moves: Ints, empties: int) -> npt.NDArray[np.uint32]:
    """Return where each sequence stands in a strategy table, [S]."""
    rows, _ = _runs(tree.first[tree.infoset[nodes]], moves)
    return np.concatenate([np.zeros(empties, np.int64), rows]).astype(np.uint32)
