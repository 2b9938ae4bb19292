"""The fast way to build a tree: a level at a time, by rules that work on whole arrays of states (`rules.Frontier`).

Levels are renumbered to preorder in the end. Labels come from the plain rules, which replay the way to the first node
of each information set.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints, by_first_visit, code
from counterplay.engine.deals import Deals, Singles, check_payoffs
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.walk import Infosets, Nodes, TooManyNodes

CHUNK = 1 << 17  # states that are worked on at a time, to bound what lies between


class Level(NamedTuple):
    """The nodes at one depth; children of one parent stand together, and parents in the order of their level."""

    turn: npt.NDArray[np.int8]  # [n]
    moves: Ints  # [n] 0 at leaves
    slot: Ints  # [n]
    parent: Ints  # [n] index into the level before
    weight: npt.NDArray[np.float64]  # [n], or [1] if all are alike
    key: npt.NDArray[Any]  # [decisions, k]
    payoffs: npt.NDArray[np.float64]  # [leaves, P]


def sweep(rules: Any, deals: Deals | Singles, max_nodes: int, progress: Callable[[int], None] | None) -> Nodes:
    """Visit every state of a game that offers a frontier; returns what `walk.walk` returns, in every bit."""
    assert isinstance(deals, Singles)
    levels = list(_levels(rules.frontier(), max_nodes, progress))
    place = _preorder(levels)
    size = sum(map(len, place))
    player, parent = np.empty(size, np.int8), np.empty(size, np.int64)
    slot, weights = np.empty(size, np.int64), np.empty(size)
    for depth, (level, at) in enumerate(zip(levels, place, strict=True)):
        player[at], slot[at], weights[at] = level.turn, level.slot, level.weight
        parent[at] = place[depth - 1][level.parent] if depth else -1
    infoset = np.full(size, -1)
    leaves, decisions = np.flatnonzero(player == LEAF), np.flatnonzero(player >= 0)
    infoset[leaves] = np.arange(len(leaves))
    key = code(*np.concatenate([level.key for level in levels if len(level.key)] or [np.zeros((0, 1), np.int8)]).T)
    of_node = np.empty(size, np.int64)
    of_node[np.concatenate([at[level.turn >= 0] for level, at in zip(levels, place, strict=True)])] = key
    moves = np.empty(size, np.int64)
    for level, at in zip(levels, place, strict=True):
        moves[at] = level.moves
    index, first = by_first_visit(code(player[decisions].astype(np.int64), of_node[decisions]))
    infoset[decisions] = index
    infosets = _infosets(rules, player, parent, slot, decisions[first])
    wrong = moves[decisions] != np.array([len(a) for a in infosets.actions])[index]
    if wrong.any():
        raise UserError(f"information set {infosets.labels[index[np.argmax(wrong)]]!r} has other moves elsewhere")
    paid = np.empty((size, deals.players))
    for level, at in zip(levels, place, strict=True):
        if len(level.payoffs):
            paid[at[level.turn == LEAF]] = level.payoffs
    return Nodes(
        player,
        parent,
        slot,
        infoset,
        _weights(deals, player, parent, slot, weights),
        _outcomes(deals, paid[leaves]),
        np.ones(len(leaves)),
        player[decisions[first]],
        infosets.labels,
        infosets.actions,
    )


def _levels(frontier: Any, max_nodes: int, progress: Callable[[int], None] | None) -> Iterator[Level]:
    """Yield the levels of the tree, the root's first."""
    rows = frontier.root()
    parent, slot, weight = np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones(1)
    total = 0
    while len(rows):
        total += len(rows)
        if total > max_nodes:
            raise TooManyNodes(max_nodes)
        if progress is not None:
            progress(total)
        turn = frontier.turn(rows).astype(np.int8)
        moves = np.zeros(len(rows), np.int64)
        inner = turn != LEAF
        if inner.any():
            moves[inner] = frontier.moves(rows[inner])
        acting = turn >= 0
        key = frontier.key(rows[acting]) if acting.any() else np.zeros((0, 1), np.int8)
        payoffs = np.zeros((0, 1)) if inner.all() else frontier.payoffs(rows[~inner])
        yield Level(turn, moves, slot, parent, weight, key, payoffs)
        if total + int(moves.sum()) > max_nodes:
            raise TooManyNodes(max_nodes)
        parent = np.repeat(np.arange(len(rows)), moves)
        slot = np.arange(len(parent)) - np.repeat(np.cumsum(moves) - moves, moves)
        chance = turn == CHANCE
        if chance.any():
            weight = np.broadcast_to(weight, turn.shape)[parent].copy()
            drawn = np.flatnonzero(chance[parent])
            weight[drawn] *= frontier.chance(rows[parent[drawn]], slot[drawn])
            possible = weight > 0
            parent, slot, weight = parent[possible], slot[possible], weight[possible]
        elif len(weight) > 1:
            weight = weight[parent]
        parts = [slice(i, i + CHUNK) for i in range(0, len(parent), CHUNK)]
        rows = np.concatenate([frontier.play(rows[parent[part]], slot[part]) for part in parts] or [rows[:0]])


def _preorder(levels: list[Level]) -> list[Ints]:
    """Return the preorder number of every node, level by level."""
    below = [np.zeros(0, np.int64)] * len(levels)  # nodes in the subtrees of each node's earlier siblings
    sizes = np.ones(0, np.int64)
    for depth in range(len(levels) - 1, -1, -1):
        level = levels[depth]
        own = np.ones(len(level.turn), np.int64)
        if len(sizes):
            own += np.bincount(levels[depth + 1].parent, sizes, len(own)).astype(np.int64)
        sizes = own
        before = np.cumsum(sizes) - sizes
        start = np.ones(len(sizes), bool)
        start[1:] = level.parent[1:] != level.parent[:-1]
        firsts = np.flatnonzero(start)
        below[depth] = before - np.repeat(before[firsts], np.diff(np.append(firsts, len(sizes))))
    place = [np.zeros(1, np.int64)]
    for level, earlier in zip(levels[1:], below[1:], strict=True):
        place.append(place[-1][level.parent] + 1 + earlier)
    return place


def _infosets(rules: Any, player: npt.NDArray[np.int8], parent: Ints, slot: Ints, first: Ints) -> Infosets:
    """Return the information sets, labelled by the plain rules at their first nodes."""
    needed = np.zeros(len(player), bool)  # those nodes, and all that lie on the way
    needed[first] = True
    fresh = first
    while len(fresh):
        above = np.unique(parent[fresh[fresh > 0]])
        fresh = above[~needed[above]]
        needed[fresh] = True
    found, wanted = Infosets(rules.players, public=True), set(first.tolist())
    nodes = np.flatnonzero(needed)
    path: list[tuple[int, Any]] = []  # nodes and states from the root to the one before
    for node, up, move, turn in zip(
        nodes.tolist(), parent[nodes].tolist(), slot[nodes].tolist(), player[nodes].tolist(), strict=True
    ):
        while path and path[-1][0] != up:
            path.pop()
        state = rules.play(path[-1][1], move) if path else rules.root()
        path.append((node, state))
        if node in wanted:
            found.add(turn, rules.sees(state, turn), tuple(rules.moves(state)))
    return found


def _weights(deals: Singles, player: npt.NDArray[np.int8], parent: Ints, slot: Ints, weights: Any) -> Ints:
    """Return the index of every node's chance weight, in the order in which a walk meets them."""
    drawn = np.flatnonzero(player[parent] == CHANCE)  # the root's parent reads the last node, a leaf
    met = drawn[np.lexsort([-slot[drawn], parent[drawn]])]
    values = np.concatenate([[1.0], weights[met]])
    _, first = by_first_visit(values)
    deals.values = values[first].tolist()
    if len(first) == 1:
        return np.zeros(len(player), np.int64)
    order = np.argsort(values[first])
    found: Ints = order[np.searchsorted(values[first][order], weights)]
    return found


def _outcomes(deals: Singles, paid: npt.NDArray[np.float64]) -> Ints:
    """Return the index of what every leaf pays, in the order of the leaves."""
    columns = [np.unique(paid[:, p], return_inverse=True)[1].ravel() for p in range(paid.shape[1])]
    index, first = by_first_visit(code(*columns))
    for row in paid[first]:
        check_payoffs(row, deals.players)
        deals.outcome(row.tolist())
    return index
