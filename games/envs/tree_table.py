"""Games that have a tree, played whole from a table of what is done at each decision (`engine.tabled`)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec, Step, blank
from counterplay.engine.jit import jit
from counterplay.engine.random import U64
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.tabled import Table, side_by_side
from counterplay.engine.tree import Tree
from counterplay.games.envs.encoding import observations
from counterplay.games.envs.tree_arrays import TreeArrays, after, draw_deal, draw_move
from counterplay.games.envs.tree_branches import Known, known_of

PLACES = 1 << 22  # nodes times deals, up to which those that come up are looked up in an array


class TreeTable:
    """The decisions of a tree, side by side: row k has each player's k-th one.

    `place` says at which of them a player is at a node, with its first hand.
    """

    def __init__(self, spec: EnvSpec, tree: Tree):
        seen, known = observations(tree), known_of(tree)
        place = side_by_side(seen.player)
        self.step: Step = blank(spec, int(place.max()) + 1)
        self.step.legal[:, :, 1:] = False
        self.step.obs[place, seen.player], self.step.legal[place, seen.player] = seen.obs, seen.legal
        self.place = Known(place[known.first], known.stride)


def most_decisions(tree: Tree) -> int:
    """Return how many decisions a player has, who has the most; 0 where nobody has any."""
    hands = np.array([len(labels) for labels in tree.hands])
    return int((np.bincount(tree.owner, minlength=tree.players) * hands).max(initial=0))


@jit
def begin(game: TreeArrays, deal: U64, luck: U64, to: npt.NDArray[np.uint32]) -> None:
    """Deal in all games, and go on to the first decision, or the end."""
    for b in range(np.uint64(len(luck))):
        deal[b] = draw_deal(game, luck, b)
        at = np.uint64(0)
        node: Any = game.nodes[at]
        while node["player"] == CHANCE:
            at = draw_move(game, luck, b, node, deal[b])
            node = game.nodes[at]
        to[b] = at


@jit
def follow(
    game: TreeArrays,
    place: Known,
    table: Table,
    drawn: npt.NDArray[np.float64],
    deal: U64,
    luck: U64,
    at: npt.NDArray[np.uint32],
    to: npt.NDArray[np.uint32],
    action: npt.NDArray[np.int64],
) -> int:
    """Play one decision of each game that goes on, by numbers drawn [B, N]; return how many go on still."""
    actions, going = np.uint64(table.weights.shape[2]), 0
    for b in range(np.uint64(len(luck))):
        n = np.uint64(at[b])
        node: Any = game.nodes[n]
        to[b] = n
        if node["player"] == LEAF:
            continue
        p = np.uint64(node["player"])
        k = np.uint64(place.first[n]) + deal[b] // place.stride[p] % game.lanes[p]
        left = drawn[b, p] * table.totals[k, p]
        chosen: Any = np.uint64(0)
        for a in range(actions):
            if table.drawn[k, p, a]:
                chosen = a  # the last one if rounding leaves something
                left -= table.weights[k, p, a]
                if left < 0:
                    break
        action[b, p] = chosen
        n = after(game, node, chosen)
        node = game.nodes[n]
        while node["player"] == CHANCE:
            n = draw_move(game, luck, b, node, deal[b])
            node = game.nodes[n]
        to[b] = n
        going += node["player"] != LEAF
    return going


@jit
def number(
    nodes: npt.NDArray[np.uint32],
    deal: U64,
    deals: int,
    met: npt.NDArray[np.int32],
    found: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> int:
    """Number the pairs of a node, [T + 1, B], and a deal in the order in which they come up, and return how many.

    `met` [nodes * deals] is 0 before and after. `found`, [B, T + 1], is set to the numbers, and `rows` to the game and
    time at which each came up first, [B * (T + 1), 2].
    """
    count = 0
    for b in range(np.uint64(nodes.shape[1])):
        for t in range(np.uint64(nodes.shape[0])):
            pair = np.uint64(nodes[t, b]) * np.uint64(deals) + deal[b]
            if met[pair] == 0:
                rows[count, 0], rows[count, 1] = b, t
                count += 1
                met[pair] = count
            found[b, t] = met[pair] - 1
    for row in range(count):
        b, t = rows[row]
        met[np.uint64(nodes[t, b]) * np.uint64(deals) + deal[np.uint64(b)]] = 0
    return count
