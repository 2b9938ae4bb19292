"""A game's tree as arrays that kernels go from node to node in, with the draws that play takes."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import inlined
from counterplay.engine.random import U64, unit
from counterplay.engine.tree import Tree
from counterplay.games.envs.encoding import Encoding

# What kernels need of a node, in one place: they go from node to node, and Numba takes few arrays faster than many.
_NODE = np.dtype(
    [
        ("player", np.int32),  # who acts, CHANCE or LEAF
        ("begin", np.uint32),  # the nodes after this one are after[begin] .. after[end]
        ("end", np.uint32),
        ("first", np.uint32),  # decision: its first row; leaf: its number
        ("weight", np.uint32),
        ("move_event", np.int32),
        ("turn_event", np.int32),
    ]
)
_LEAF = np.dtype([("outcome", np.uint32), ("stake", np.float64)])


class TreeArrays(NamedTuple):
    """The tree as its kernels read it. D deals, each a hand for every player."""

    nodes: npt.NDArray[np.void]  # [N] of _NODE
    after: npt.NDArray[np.uint32]  # [N - 1]
    number: npt.NDArray[np.int64]  # [R] the action that plays the row
    weights: npt.NDArray[np.float64]  # [K, D]
    deals: npt.NDArray[np.float64]  # [<= D] sums of the deals' chances, up to each, to the last that can be
    leaves: npt.NDArray[np.void]  # [L] of _LEAF
    payoffs: npt.NDArray[np.float64]  # [T, P, D]
    lanes: npt.NDArray[np.uint64]  # [P]
    public: bool
    hands: bool  # whether observations show them
    events: int


def arrays(tree: Tree, code: Encoding) -> TreeArrays:
    """Return a game's tree as kernels read it."""
    ends = np.cumsum(np.bincount(tree.parent[1:], minlength=len(tree.player)))
    nodes = np.zeros(len(tree.player), _NODE)
    decision = tree.player >= 0
    nodes["player"], nodes["weight"], nodes["move_event"], nodes["turn_event"] = (
        tree.player,
        tree.weight,
        code.move_event,
        code.turn_event,
    )
    nodes["begin"][1:], nodes["end"] = ends[:-1], ends
    nodes["first"] = np.where(decision, tree.first[np.where(decision, tree.infoset, 0)], np.maximum(tree.infoset, 0))
    leaves = np.zeros(len(tree.stake), _LEAF)
    leaves["outcome"], leaves["stake"] = tree.outcome, tree.stake
    deals = np.cumsum(tree.weights[tree.weight[0]])
    return TreeArrays(
        nodes=nodes,
        after=(np.argsort(tree.parent[1:], kind="stable") + 1).astype(np.uint32),
        number=code.number,
        weights=tree.weights.reshape(len(tree.weights), -1),
        deals=deals[: np.searchsorted(deals, deals[-1]) + 1],
        leaves=leaves,
        payoffs=tree.payoffs.reshape(len(tree.payoffs), tree.players, -1),
        lanes=np.array([len(labels) for labels in tree.hands], np.uint64),
        public=code.public,
        hands=code.hands > 0,
        events=code.events,
    )


@inlined
def draw_move(game: TreeArrays, luck: U64, b: Any, node: Any, deal: Any) -> Any:
    """Return the node that chance takes play `b` to from a node of its own."""
    left = unit(luck, b) * game.weights[node["weight"], deal]
    at = np.uint64(game.after[node["begin"]])
    for k in range(node["begin"], node["end"]):
        weight = game.weights[game.nodes[game.after[k]]["weight"], deal]
        if weight > 0:
            at = np.uint64(game.after[k])
            left -= weight
            if left < 0:
                break
    return at


@inlined
def draw_deal(game: TreeArrays, luck: U64, b: Any) -> Any:
    """Return the first deal whose sum exceeds the number drawn, which has a positive chance."""
    drawn = unit(luck, b) * game.deals[-1]
    low, high = np.uint64(0), np.uint64(len(game.deals) - 1)
    while low < high:
        middle = (low + high) >> np.uint64(1)
        if game.deals[middle] > drawn:
            high = middle
        else:
            low = middle + np.uint64(1)
    return low


@inlined
def after(game: TreeArrays, node: Any, action: Any) -> Any:
    """Return the node that an action, by its number, leads to from a decision."""
    row, slot = np.uint64(node["first"]), np.uint64(0)
    while game.number[row + slot] != action:
        slot += np.uint64(1)
    return np.uint64(game.after[node["begin"] + slot])
