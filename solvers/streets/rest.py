"""What follows a street, solved: an evaluator for games that are cut off there, and what their strategies are worth."""

import numpy as np

from counterplay.engine.streets import F32, F64, FREE, I64, Locks, Subgame, Tables
from counterplay.solvers.cfr import schedule
from counterplay.solvers.streets.resolving import iterate
from counterplay.solvers.streets.roots import NOBODY, NOTHING, Root, View, spans_of
from counterplay.solvers.variants import Variant


class Rest:
    """An evaluator that solves what follows the root street's ends of a whole game: N of them, W lanes of its board.

    Each call solves it from the start, by so many iterations, and says what best responses to the average strategies
    are worth: near an equilibrium what its own are to hands in range, and the same to the others, of which there is no
    average. The game's deals are not up to suits: ranges may be any.
    """

    def __init__(self, game: Subgame, variant: Variant, iterations: int):
        self.view, self.rules = View(game, spans_of(game)), schedule(variant, 0, iterations, iterations)
        t = int(game.instances.template[0])
        self.groups = range(int(game.templates.groups[t]), int(game.templates.groups[t + 1]))
        first = int(game.templates.ends[self.groups.start])
        self.ends = [range(*(int(x) - first for x in game.templates.ends[k : k + 2])) for k in self.groups]
        self.room = np.zeros((2, int(self.view.spans.size.max())), np.float32)

    def values(self, states: I64, ranges: F32) -> F32:
        """Return both players' values, [B, 2, W], of ends [B], each at most once, at ranges [B, 2, W]."""
        given, w = np.zeros((self.ends[-1].stop, 2, ranges.shape[2]), np.float32), ranges.shape[2]
        given[states] = ranges
        found, game = np.zeros(given.shape), self.view.whole
        low, high = int(game.deals.bounds[0]), int(game.deals.bounds[1])
        instance = int(game.instances.child[0])
        for ends in self.ends:
            for deal in range(low, high):
                self._add(instance, deal, given[ends.start : ends.stop], found[ends.start : ends.stop])
                instance += 1
        return found[states].astype(np.float32).reshape(-1, 2, w)

    def _add(self, instance: int, deal: int, ranges: F32, found: F64) -> None:
        """Solve what follows some ends and a deal, and add its values, times the deal's chance."""
        game = self.view.whole
        board, nothing = game.boards, np.zeros((0, 0), np.float32)
        after = int(game.deals.after[deal])
        v, at = int(board.width[after]), int(board.at[after])
        sources = [board.source[at + p * v :][: int(board.lanes[after, p])] for p in range(2)]
        reach = np.zeros((2 * len(ranges), v), np.float32)
        for p, source in enumerate(sources):
            reach[p::2, : len(source)] = ranges[:, p, source]
        root = self.view.rooted(Root(instance, 1, reach, nothing, nothing, 1.0), alone=True)
        size = int(self.view.spans.size[instance])
        self.room[:, :size] = 0.0
        tables = Tables(self.room[0, :size], self.room[1, :size], NOTHING, NOTHING)
        alone, none = np.zeros((0, 0, 0), np.float32), np.zeros((0, 0), np.float32)  # without a gadget
        iterate(root.game, tables, root.work, self.rules, NOBODY, root.children, 1, alone, none, none > 0,
                np.zeros((2, 2)))  # fmt: skip
        for p, source in enumerate(sources):
            value = root.best(tables.total, p)[p : len(reach) : 2, : len(source)]
            found[:, p, source] += float(game.deals.share[deal]) * value


def locked(game: Subgame, total: F32, p: int) -> Subgame:
    """Return a game in which player p's strategies of the root street are fixed: the average ones of a table.

    The table may be that of the game cut off after that street.
    """
    t, board = int(game.instances.template[0]), int(game.instances.board[0])
    first, low, high = (int(game.templates.decisions[t, k]) for k in (0, p, p + 1))
    n = [int(lanes) for lanes in game.boards.lanes[board]]
    begin = 0 if p == 0 else int(game.templates.actions[t, 0]) * n[0]
    at, mixes, length = np.full(game.decisions, FREE, np.uint32), list[F32](), 0
    for d in range(low, high):
        actions, offset = int(game.templates.size[d]), begin + int(game.templates.offset[d]) * n[p]
        masses = total[offset : offset + actions * n[p]].reshape(actions, n[p])
        sums = masses.sum(axis=0)
        mixes.append(np.where(sums > 0, masses / np.where(sums > 0, sums, 1), np.float32(1 / actions)).ravel())
        at[int(game.instances.scale[0]) + d - first] = length
        length += mixes[-1].size
    return game._replace(locks=Locks(at, np.concatenate(mixes).astype(np.float32), True))
