"""The betting of a chain node by node, and full boards that may follow each of its boards."""

from collections.abc import Sequence

import numpy as np

from counterplay.engine.chain_nodes import DEAL, FOLD, SHOWDOWN, Ahead, Nodes
from counterplay.games.holdem import trees as ends
from counterplay.games.holdem.betting import NO_RAKE, BettingRules, Rake
from counterplay.games.holdem.chain import Chain
from counterplay.games.holdem.lanes import room_for
from counterplay.games.holdem.layout import StreetLayout
from counterplay.games.holdem.places import onward
from counterplay.games.holdem.trees import Street
from counterplay.games.holdem.values import in_chips

_KINDS = {0: 0, 1: 1, ends.FOLD: FOLD, ends.SHOWDOWN: SHOWDOWN, ends.NEXT: DEAL}


class _Where:
    """Nodes that were put in preorder so far."""

    def __init__(self, laid: StreetLayout, betting: BettingRules, rake: Rake) -> None:
        self.laid, self.betting, self.rake = laid, betting, rake
        self.rows = list[list[int]]()
        self.pays = list[tuple[float, float, float]]()

    def add(self, instance: int, entry: int, up: int, slot: int, depth: int) -> None:
        """Add the betting of a street after one of the ways to it, and all that follows."""
        game = self.laid.game
        t, level = int(game.instances.template[instance]), int(game.instances.board[instance])
        tree = self.laid.streets[self.laid.entries[t][entry]]
        moves = np.bincount(tree.parent[1:], minlength=len(tree.kind)).tolist()
        number, depths, seen = dict[int, int](), dict[int, int](), [0] * len(tree.kind)
        for node, kind in enumerate(tree.kind.tolist()):
            parent = int(tree.parent[node])
            above, at, deep = up, slot, depth
            if parent >= 0:
                above, at, deep = number[parent], seen[parent], depths[parent] + 1
                seen[parent] += 1
            number[node], depths[node] = len(self.rows), deep
            part, each = self._part(instance, entry, tree, node) if kind < ends.FOLD and moves[node] > 1 else (0, 0)
            self.rows.append(
                [_KINDS[kind], above, at, 1, deep, level, moves[node] if kind < ends.FOLD else 0, part, each]
            )
            self.pays.append(self._pays(tree, node))
            if kind == ends.NEXT:
                group, after = onward(self.laid, t, entry, node)
                child = int(game.instances.child[instance]) + group - int(game.templates.groups[t])
                self.add(child, after, number[node], 0, deep + 1)

    def _part(self, instance: int, entry: int, tree: Street, node: int) -> tuple[int, int]:
        """Return where a decision's entries of cell 0 begin, and how far the next cell's are."""
        game, p = self.laid.game, int(tree.kind[node])
        t, b = int(game.instances.template[instance]), int(game.instances.board[instance])
        templates = game.templates
        low, high = (int(d) for d in templates.decisions[t, p : p + 2])
        first = self.laid.sequence[t][entry][ends.children(tree, node)[0], p]
        d = low + int(np.argmax(templates.first[low:high] == first))
        before = int(templates.actions[t, 0]) * int(game.boards.columns[b, 0]) if p else 0
        return int(game.instances.base[instance]) + before + int(templates.offset[d]), int(templates.actions[t, p])

    def _pays(self, tree: Street, node: int) -> tuple[float, float, float]:
        """Return what a fold pays each player; of other nodes what is paid once all that was bet is called."""
        folded = tree.kind[node] == ends.FOLD
        paid = tree.paid[node].min() if folded else tree.paid[node].max()
        pot = in_chips(tree.start.pot + 2 * int(paid), tree.start.unit)
        taken = self.rake.of(pot)
        win, lose = float(pot / 2 - taken), float(-pot / 2)
        if folded:
            return (lose, win, 0.0) if tree.folder[node] == 0 else (win, lose, 0.0)
        return win, lose, float(-taken / 2)


def nodes_of(chain: Chain, betting: BettingRules, rake: Rake = NO_RAKE) -> Nodes:
    """Return the nodes of a chain's betting on all streets."""
    where = _Where(chain.laid, betting, rake)
    where.add(0, 0, -1, 0, 0)
    rows = np.array(where.rows, np.int64)
    size = rows[:, 3]
    for n in range(len(rows) - 1, 0, -1):
        size[rows[n, 1]] += size[n]
    columns = [np.ascontiguousarray(column) for column in rows.T]
    return Nodes(**dict(zip(Nodes._fields, (*columns, np.array(where.pays)), strict=True)))


def ahead_of(chain: Chain, many: Sequence[int]) -> Ahead:
    """Return room for so many full boards after each board of a chain; of a full one there is one."""
    game = chain.laid.game
    counts = [*many[: len(game.boards.at) - 1], 1]
    boards = room_for(np.repeat(game.boards.lanes, counts, axis=0), np.ones(sum(counts), np.bool_))
    return Ahead(boards, np.cumsum([0, *counts]))
