"""Regret minimisation on a game that ends with a street, where an evaluator says what is worth what (NET leaves).

An iteration has three steps for each player: a walk down all streets writes both players' plans at the ends that are
cut off (`ask`); the evaluator answers for all of them in one batch; and the walk of `solvers.streets` goes down and up
with its answers for leaves. The evaluator is any of `engine.evaluator`: a table, a network, a solve of the rest.
"""

from typing import Any

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.raw import raw, shift
from counterplay.engine.streets import F32, F64, I64, Subgame, Tables, Work, new_tables, new_work
from counterplay.solvers.cfr import schedule
from counterplay.solvers.streets.cells import down
from counterplay.solvers.streets.decisions import UPDATE, VALUE
from counterplay.solvers.streets.roots import NOBODY
from counterplay.solvers.streets.walk import Errand, hand_on, walk
from counterplay.solvers.variants import Variant

_0, _1, _2, _3, _4 = (np.uint64(n) for n in range(5))
_EVEN = np.ones((1, 3))


@jit
def ask(whole: Subgame, long: Tables, memory: Work, mode: int) -> None:
    """Write both players' plans at all net leaves to `nets.ranges`: of the present strategies, or of average ones."""
    game, tables, work = raw(whole), raw(long), raw(memory)
    boards, templates, instances, deals = game.boards, game.templates, game.instances, game.deals
    size, level, arrives = np.uint64(memory.plan.shape[1]), _0, True
    work.instance[0] = _0
    for i in range(_2 * templates.entries[instances.template[_0]] * boards.width[instances.board[_0]]):
        work.plan[i] = game.reach[i]
    while True:
        instance, row = work.instance[level], work.row[level] * size
        t, board = instances.template[instance], instances.board[instance]
        plan, sigma, w = shift(work.plan, row), shift(work.sigma, row), boards.width[board]
        groups, many = templates.groups[t], deals.bounds[board + _1] - deals.bounds[board]
        if arrives:
            down(game, tables, work, plan, sigma, instance, t, board, _0, mode, False, False, w)
            _tell(game, plan, instance, t, board, w)
            work.child[level] = _0
            work.until[level] = (templates.groups[t + _1] - groups) * many
            arrives = False
        child = work.child[level]
        if child < work.until[level]:
            group, dealt = groups + child // many, deals.bounds[board] + child % many
            work.child[level] = child + _1
            level += _1
            work.instance[level] = instances.child[instance] + child
            hand_on(boards, templates, plan, shift(work.plan, work.row[level] * size), group, deals.after[dealt], w)
            arrives = True
        elif level == 0:
            break
        else:
            level -= _1


@inlined
def _tell(game: Subgame, plan: Any, instance: Index, t: Index, board: Index, w: Index) -> None:
    """Write the plans at an instance's net leaves."""
    leaves, none, each = game.leaves, game.templates.sequences[t], np.uint64(game.nets.width)
    at = game.nets.first[instance] * _2 * each
    for block in range(leaves.bounds[t * _4 + _3], leaves.bounds[t * _4 + _4]):
        for j in range(np.uint64(16)):
            if leaves.last[block * _2 * np.uint64(16) + j] == none:
                return
            for q in range(_2):
                row = np.uint64(leaves.last[(block * _2 + q) * np.uint64(16) + j]) * w
                for i in range(game.boards.lanes[board * _2 + q]):
                    game.nets.ranges[at + i] = plan[row + i]
                at += each


class CutCFR:
    """A run of a variant on a game whose last street's ends an evaluator values: N of them, W lanes.

    Tables are as in `SubgameCFR`, on one thread.
    """

    def __init__(self, game: Subgame, evaluator: Any, variant: Variant, horizon: int = 0):
        if variant.step or not variant.alternating:
            raise UserError(f"hold'em subgames take the variants without prediction, and {variant.name} predicts")
        self.game, self.evaluator, self.variant, self.horizon = game, evaluator, variant, horizon
        self.iterations, self.tables, self.work = 0, new_tables(game, False), new_work(game, 1)[0]
        self.states: I64 = np.arange(len(game.nets.ranges))
        t, board = int(game.instances.template[0]), int(game.instances.board[0])
        bounds, groups = game.deals.bounds, game.templates.groups
        self.children = int(groups[t + 1] - groups[t]) * int(bounds[board + 1] - bounds[board])

    def _visit(self, p: int, mode: int, rule: F64) -> float:
        ask(self.game, self.tables, self.work, mode)
        self.game.nets.values[:] = self.evaluator.values(self.states, self.game.nets.ranges)
        out = np.zeros((2, 2))
        walk(self.game, self.tables, self.work, Errand(p, p + 1, mode, True, 0, self.children, True), rule, NOBODY, out)
        return float(out[p, 0])

    def advance(self, count: int) -> None:
        """Run that many iterations."""
        rules = schedule(self.variant, self.iterations, count, self.horizon)
        for step in range(count):
            for p in range(2):
                self._visit(p, UPDATE, rules[step : step + 1])
        self.iterations += count

    def worth(self) -> tuple[float, float]:
        """Return what the average strategies earn by the evaluator: chips beyond half the pot times pairs of hands."""
        one, two = (self._visit(p, VALUE, _EVEN) for p in range(2))
        return one, two

    def ranges(self) -> F32:
        """Return both players' average plans at the net leaves, [N, 2, W]."""
        ask(self.game, self.tables, self.work, VALUE)
        return self.game.nets.ranges.copy()
