"""Compile rules into a `Tree`: what play looks like, as flat arrays.

Shape letters, here and everywhere: N nodes, L leaves, I information sets, R strategy rows (one for each action of each
information set), P players, W lanes, T payoff tables, K chance weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from counterplay.engine.deals import LARGEST, Deals, Singles
from counterplay.engine.errors import UserError
from counterplay.engine.frontier import sweep
from counterplay.engine.rules import LEAF, DealtRules, Rules, has_frontier, has_future, is_dealt
from counterplay.engine.unfold import unfold
from counterplay.engine.walk import Nodes, distinct, in_order, nearest_above, walk

MAX_NODES = 20_000_000

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """A game in extensive form, nodes in preorder.

    A dealt game keeps its nodes public, and everything that depends on hands is a tensor over all players' lanes; any
    other game has one lane a player, and its nodes are histories. An information set spans all lanes of its player.
    """

    player: npt.NDArray[np.int8]  # [N] acting player, CHANCE or LEAF
    parent: npt.NDArray[np.int64]  # [N] the node before; -1 at the root
    slot: npt.NDArray[np.int64]  # [N] which move of the parent leads here
    infoset: npt.NDArray[np.int64]  # [N] decision: its information set; leaf: leaf number; chance: -1
    weight: npt.NDArray[np.int64]  # [N] index into `weights`: the chance of the deal and all chance moves so far

    owner: npt.NDArray[np.int8]  # [I] whose information set
    first: npt.NDArray[np.int64]  # [I + 1] the rows of infoset i are first[i] .. first[i + 1]
    above: npt.NDArray[np.int64]  # [I] the owner's row last played before the infoset, or -1

    last: npt.NDArray[np.int64]  # [L, P] each player's row last played before the leaf, or -1
    outcome: npt.NDArray[np.int64]  # [L] index into `payoffs`
    stake: npt.NDArray[np.float64]  # [L] factor of the payoffs
    leaf_weight: npt.NDArray[np.int64]  # [L] index into `weights`

    weights: npt.NDArray[np.float64]  # [K, W of player 0, W of player 1, ...]
    payoffs: npt.NDArray[np.float64]  # [T, P, W of player 0, W of player 1, ...]

    hands: tuple[tuple[str, ...], ...]  # [P][W] labels of the lanes; ("",) where there is one
    labels: tuple[str, ...]  # [I] what the owner sees, less its hand
    actions: tuple[tuple[str, ...], ...]  # [I] labels of the moves

    @property
    def players(self) -> int:
        """Return P."""
        return len(self.hands)

    @property
    def lanes(self) -> int:
        """Return the largest number of lanes of a player."""
        return max(map(len, self.hands))

    @property
    def rows(self) -> int:
        """Return R."""
        return int(self.first[-1])

    @cached_property
    def zero_sum(self) -> bool:
        """Tell whether the payoffs of all players add to zero at every leaf."""
        total = np.abs(self.payoffs.sum(axis=1)).max(initial=0.0)
        return bool(total <= 1e-9 * max(1.0, np.abs(self.payoffs).max(initial=0.0)))

    def count(self) -> dict[str, int]:
        """Return the sizes that describe the game: nodes, leaves, and information sets with their lanes."""
        lanes = np.array([len(h) for h in self.hands])
        return {
            "nodes": len(self.player),
            "leaves": len(self.stake),
            "infosets": int(lanes[self.owner].sum()) if len(self.owner) else 0,
        }


def compile_tree(
    rules: Rules | DealtRules, *, max_nodes: int = MAX_NODES, progress: Callable[[int], None] | None = None
) -> Tree:
    """Visit every state of the game once and return its tree.

    Rules that offer a `frontier` are asked level by level, a dealt game that tells the `future` of its states once for
    each, all others state by state; the tree is the same.
    `progress` is called with the number of nodes now and then. Raises `ValueError` where the rules contradict
    themselves (odds that do not sum to one, other moves or other own memories in one information set, payoffs that are
    not P numbers) and where the game is larger than `max_nodes` or than memory.
    """
    hands: tuple[tuple[str, ...], ...] = (("",),) * rules.players
    deals: Deals | Singles
    if is_dealt(rules):
        hands = tuple(_hands(rules, p) for p in range(rules.players))
        deals = Deals(rules, hands)
    else:
        deals = Singles(rules.players)
    grow = sweep if has_frontier(rules) else unfold if is_dealt(rules) and has_future(rules) else walk
    nodes = grow(rules, deals, max_nodes, progress)
    if not (np.abs(nodes.stake) <= LARGEST).all():
        raise UserError(f"the stake of an outcome must be a number of at most {LARGEST:g}")
    first = np.concatenate([[0], np.cumsum([len(moves) for moves in nodes.actions], dtype=np.int64)])
    above, last = _memories(nodes, first, rules.players)
    return Tree(
        player=nodes.player,
        parent=nodes.parent,
        slot=nodes.slot,
        infoset=nodes.infoset,
        weight=nodes.weight,
        owner=nodes.owner,
        first=first,
        above=above,
        last=last,
        outcome=nodes.outcome,
        stake=nodes.stake,
        leaf_weight=nodes.weight[nodes.player == LEAF],
        weights=deals.weights(),
        payoffs=deals.payoffs(),
        hands=hands,
        labels=tuple(nodes.labels),
        actions=tuple(nodes.actions),
    )


def _memories(nodes: Nodes, first: Ints, players: int) -> tuple[Ints, Ints]:
    """Return the owner's last row before each information set, [I], and every player's before each leaf, [L, P].

    Raises `ValueError` where two nodes of an information set follow different rows of its owner.
    """
    leaves = np.flatnonzero(nodes.player == LEAF)
    above = np.full(len(nodes.labels), -1)
    last = np.empty((len(leaves), players), np.int64)
    acted = nodes.player[nodes.parent]  # who moved to the node; nobody to the root, whose parent reads the last leaf
    for p in range(players):
        nearest = nearest_above(acted == p, nodes.parent)  # that this player's action led to
        last[:, p] = _rows(nodes, first, nearest[leaves])
        mine = np.flatnonzero(nodes.player == p)
        sets, rows = nodes.infoset[mine], _rows(nodes, first, nearest[mine])
        above[sets[::-1]] = rows[::-1]  # the first node of each set decides
        if (above[sets] != rows).any():
            label = nodes.labels[sets[np.argmax(above[sets] != rows)]]
            raise UserError(f"player {p} forgets at {label!r} what it did before: the game has imperfect recall")
    return above, last


def _hands(rules: DealtRules, player: int) -> tuple[str, ...]:
    """Return the labels of a player's hands; raises `ValueError` where they cannot be told apart."""
    hands = tuple(in_order(rules.hands(player), "hands"))
    if not hands:
        raise UserError(f"player {player} has no hands")
    distinct(hands, f"the hands of player {player}")
    return hands


def _rows(nodes: Nodes, first: Ints, reached: Ints) -> Ints:
    """Return the strategy row that leads into each of these nodes; -1 for the root."""
    rows, on = np.full(len(reached), -1), reached > 0
    rows[on] = first[nodes.infoset[nodes.parent[reached[on]]]] + nodes.slot[reached[on]]
    return rows


def same_game(one: Tree, other: Tree) -> bool:
    """Tell whether two trees are of one game: the same play, told in the same words, as likely and paid alike.

    Payoffs and chances may differ by rounding, and may be kept in other tables.
    """
    if one is other:
        return True
    exact = ("player", "parent", "slot", "owner", "first")
    if (one.labels, one.actions, one.hands) != (other.labels, other.actions, other.hands):
        return False
    if not all(np.array_equal(getattr(one, name), getattr(other, name)) for name in exact):
        return False
    decisions = one.player >= 0
    if not np.array_equal(one.infoset[decisions], other.infoset[decisions]):
        return False
    columns = (t.astype(np.float64) for tree in (one, other) for t in (tree.outcome, tree.stake, tree.leaf_weight))
    scale = max(np.abs(tree.payoffs).max(initial=0.0) * np.abs(tree.stake).max(initial=0.0) for tree in (one, other))
    for row in np.unique(np.stack(list(columns), axis=1), axis=0):  # leaves that pay alike are compared once
        odds = one.weights[int(row[2])], other.weights[int(row[5])]
        paid = [t.payoffs[int(row[k])] * row[k + 1] * w for t, k, w in zip((one, other), (0, 3), odds, strict=True)]
        if np.abs(odds[0] - odds[1]).max() > 1e-9 or np.abs(paid[0] - paid[1]).max() > 1e-9 * scale:
            return False
    return True
