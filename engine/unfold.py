"""The fast way to build the tree of a dealt game that says which public states have equal futures (`rules.Merging`).

The rules are asked once for each future, which makes a graph in place of a tree; the tree is the graph, unfolded a
level at a time. Everything that depends on chance depends on the weight of the way too, so that states are merged only
where this is the same. Futures are first met in preorder, as a walk meets their states, and number alike what they add.
"""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints
from counterplay.engine.deals import Deals, Singles
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.walk import Nodes, TooManyNodes, check_turn, in_order

Objects = npt.NDArray[np.object_]


class Graph(NamedTuple):
    """The futures of a game, the root's first. Shape letters: F futures, E edges, those of a future together."""

    turn: npt.NDArray[np.int8]  # [F]
    weight: Ints  # [F]
    outcome: Ints  # [F] 0 unless a leaf
    stake: npt.NDArray[np.float64]  # [F] 0 unless a leaf
    moves: Objects  # [F] labels of a decision's moves
    first: Ints  # [F + 1] the edges of future f are first[f] .. first[f + 1]
    target: Ints  # [E] the future that a move leads to
    slot: Ints  # [E] the move
    added: Objects  # [E] what the move adds to what everybody sees; "" if it leads to a leaf
    label: str  # what everybody sees at the root


def unfold(rules: Any, deals: Deals | Singles, max_nodes: int, progress: Callable[[int], None] | None) -> Nodes:
    """Lay out the tree of a game that offers `future`; returns what `walk.walk` returns, in every bit."""
    assert isinstance(deals, Deals)
    graph = _graph(rules, deals, max_nodes)
    sizes = _sizes(graph, max_nodes)
    total, source = int(sizes[0]), np.repeat(np.arange(len(sizes)), np.diff(graph.first))
    # The first child follows its parent, and each other one the nodes below its siblings before.
    before = np.cumsum(sizes[graph.target]) - sizes[graph.target]
    offset = 1 + before - before[graph.first[source]]
    future, parent, slot = np.empty(total, np.int32), np.empty(total, np.int64), np.zeros(total, np.int64)
    labels = np.empty(total, object)
    place, at, text = np.zeros(1, np.int64), np.zeros(1, np.int64), np.full(1, graph.label, object)
    parent[0], done = -1, 0
    while len(place):
        future[place], labels[place], done = at, text, done + len(place)
        if progress is not None:
            progress(done)
        moves = graph.first[at + 1] - graph.first[at]
        above = np.repeat(np.arange(len(at)), moves)
        edge = np.arange(len(above)) + np.repeat(graph.first[at] - np.cumsum(moves) + moves, moves)
        below = place[above] + offset[edge]
        parent[below], slot[below] = place[above], graph.slot[edge]
        place, at, text = below, graph.target[edge], text[above] + graph.added[edge]
    player = graph.turn[future]
    leaves, decisions = future[player == LEAF], future[player >= 0]
    infoset = np.full(total, -1)
    infoset[player == LEAF], infoset[player >= 0] = np.arange(len(leaves)), np.arange(len(decisions))
    owner, seen = graph.turn[decisions], labels[player >= 0].tolist()
    _check_labels(owner, seen)
    return Nodes(
        player,
        parent,
        slot,
        infoset,
        graph.weight[future],
        graph.outcome[leaves],
        graph.stake[leaves],
        owner,
        seen,
        graph.moves[decisions].tolist(),
    )


def _graph(rules: Any, deals: Deals, max_nodes: int) -> Graph:
    """Visit one state of each future and weight."""
    turn_of, play, sees, future_of = rules.turn, rules.play, rules.sees, rules.future
    number: dict[tuple[Hashable, int], int] = {}
    turns, weights, outcomes, stakes, labels = [], [], [], [], []
    first, targets, slots, added = [0], [], [], []
    root = rules.root()
    waiting = [((future_of(root), 0), root)]  # the next one last
    while waiting:
        key, state = waiting.pop()
        if key in number:
            continue
        number[key], weight = len(number), key[1]
        if len(number) > max_nodes:
            raise TooManyNodes(max_nodes)
        turn, seen, end, moves = turn_of(state), "", (0, 0.0), None
        below: list[tuple[int, int]] = []  # moves and the weights they lead to
        if turn == LEAF:
            what, stake = rules.outcome(state)
            end = deals.outcome(what), stake
        else:
            seen = sees(state)
            if turn == CHANCE:
                below = deals.draws(state, weight)[::-1]
            else:
                check_turn(turn, deals.players)
                moves = tuple(in_order(rules.moves(state)))
                if not moves:
                    raise UserError(f"player {turn} has no move at {seen!r}")
                below = [(move, weight) for move in range(len(moves))]
        turns.append(turn)
        weights.append(weight)
        outcomes.append(end[0])
        stakes.append(end[1])
        labels.append(moves)
        fresh = []
        for move, reached in below:
            child = play(state, move)
            key = future_of(child), reached
            targets.append(key)
            slots.append(move)
            added.append("" if turn_of(child) == LEAF else _added(seen, sees(child)))
            if key not in number:
                fresh.append((key, child))
        waiting += reversed(fresh)
        first.append(len(targets))
    return Graph(
        turn=np.array(turns, np.int8),
        weight=np.array(weights, np.int64),
        outcome=np.array(outcomes, np.int64),
        stake=np.array(stakes, np.float64),
        moves=_objects(labels),
        first=np.array(first, np.int64),
        target=np.array([number[key] for key in targets], np.int64),
        slot=np.array(slots, np.int64),
        added=_objects(added),
        label="" if turns[0] == LEAF else sees(root),
    )


def _added(before: str, after: str) -> str:
    if not after.startswith(before):
        raise UserError(f"a game that offers future() must add to what is seen: {after!r} follows {before!r}")
    return after[len(before) :]


def _objects(values: list[Any]) -> Objects:
    found = np.empty(len(values), object)
    found[:] = values
    return found


def _sizes(graph: Graph, max_nodes: int) -> Ints:
    """Return the number of nodes of the tree below each future, itself included."""
    source = np.repeat(np.arange(len(graph.turn)), np.diff(graph.first))
    sizes: npt.NDArray[np.floating[Any]] = np.ones(len(graph.turn))
    for _ in range(len(sizes)):  # counts those within one step more each time, and no way is longer
        further = 1.0 + np.bincount(source, sizes[graph.target], len(sizes))
        if np.array_equal(further, sizes):
            return sizes.astype(np.int64)
        if further[0] > max_nodes:
            break
        sizes = further
    raise TooManyNodes(max_nodes)  # or a state that leads to itself


def _check_labels(owner: npt.NDArray[np.int8], labels: list[str]) -> None:
    """Raise `ValueError` where two public states of a player share their label."""
    if len(set(labels)) == len(labels):
        return
    known: set[tuple[int, str]] = set()
    for pair in zip(owner.tolist(), labels, strict=True):
        if pair in known:
            raise UserError(f"two public states of player {pair[0]} share the label {pair[1]!r}")
        known.add(pair)
