"""Re-solving: a strategy of a whole layout is kept up to a street, and all that follows is solved anew.

Each root there (`streets.roots`) is a game of its own, or as many as it has entries. They are solved one after another
by the walker, on a table as large as the root alone: that of one river stays in the cache. The average strategies found
take the place of those that were there, in the same table.

Unsafe, both players' ranges are those of the strategy before, and one run serves both. With a gadget
(`solvers.gadgets`) there is a run for each player, whose opponent's ranges are adaptive, and whose alternatives are the
best response to the strategy that was there. What is joined so is worth what `judge` of `SubgameCFR` says.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from counterplay.engine.jit import inlined, jit
from counterplay.engine.streets import F32, F64, I64, U32, Subgame, Tables, Work
from counterplay.solvers.cfr import schedule
from counterplay.solvers.gadgets import NONE, REACH, RESOLVE, follow_into, pick_into
from counterplay.solvers.streets.decisions import UPDATE
from counterplay.solvers.streets.roots import (
    NOBODY,
    NOTHING,
    Root,
    Rooted,
    Spans,
    View,
    at_depth,
    met_by,
    roots,
    spans_of,
)
from counterplay.solvers.streets.walk import Errand, walk
from counterplay.solvers.variants import Variant


class Resolving(NamedTuple):
    """How to re-solve."""

    depth: int  # streets that are kept
    gadget: str  # one of `GADGETS`
    variant: Variant
    iterations: int


class Resolved(NamedTuple):
    """What came of it, beside the strategy in its place."""

    roots: int
    excess: tuple[float, float]  # the most that each player's best response may have won by it: chips times pairs


@jit
def iterate(
    game: Subgame,
    tables: Tables,
    work: Work,
    rules: F64,  # [., 3]
    silent: U32,
    children: int,  # of the root
    opponent: int,  # whose ranges at the root are adaptive
    regret: F32,  # [E, lanes, A] of the gadget, changed: A is 2 where hands may stay out, 0 without a gadget
    alternative: F32,  # [E, lanes]
    possible: Any,  # [E, lanes] bool
    out: F64,
) -> None:
    """Run iterations at a root; a gadget writes the opponent's ranges to `game.reach`."""
    rows, w = game.reach.shape
    lanes = alternative.shape[1]
    range_ = game.reach[opponent::2, :lanes]
    _adapt(regret, alternative, alternative, possible, 1.0, range_)
    for step in range(len(rules)):
        rule = rules[step : step + 1]
        for p in range(2):
            walk(game, tables, work, Errand(p, p + 1, UPDATE, True, 0, children, True), rule, silent, out)
            if p == opponent:
                value = work.value[0, : rows * w].reshape(rows, w)[opponent::2, :lanes]
                _adapt(regret, value, alternative, possible, rules[step, 0], range_)


@inlined
def _adapt(regret: F32, value: Any, alternative: F32, possible: Any, kept: float, range_: Any) -> None:
    if regret.shape[2] == 2:
        follow_into(regret, value, alternative, kept, range_)
    elif regret.shape[2] == 1:
        pick_into(regret[:, :, 0], value, alternative, possible, kept, range_)


@jit
def seat(game: Subgame, instances: I64, p: int, source: F32, to: F32) -> None:
    """Take over player p's parts of the tables of some instances."""
    for k in instances:
        t, board, begin = game.instances.template[k], game.instances.board[k], int(game.instances.base[k])
        first = int(game.templates.actions[t, 0]) * int(game.boards.columns[board, 0])
        second = int(game.templates.actions[t, 1]) * int(game.boards.columns[board, 1])
        begin, size = (begin, first) if p == 0 else (begin + first, second)
        to[begin : begin + size] = source[begin : begin + size]


class _Solver:
    """One thread's: it solves roots."""

    def __init__(self, game: Subgame, spans: Spans, how: Resolving):
        self.view, self.how = View(game, spans), how
        self.rules = schedule(how.variant, 0, how.iterations, how.iterations)
        self.room = np.zeros((2, 0), np.float32)

    def solve(self, root: Root, total: F32) -> tuple[float, float]:
        """Put a root's new strategies into the table; return the most that each player's response may win by it."""
        begin, size = int(self.view.whole.instances.base[root.instance]), int(self.view.spans.size[root.instance])
        if not size:
            return 0.0, 0.0
        if self.room.shape[1] < size:
            self.room = np.zeros((2, size), np.float32)
        part, at = total[begin : begin + size], self.view.rooted(root, alone=True)
        alternatives = [self._alternative(root, at, part, p) for p in range(2)]
        if self.how.gadget == NONE:
            part[:] = self._run(root, at, 0, alternatives[1])
        else:
            instances = np.array([0, *self.view.below(root)], np.int64)
            for player in range(2):
                found = self._run(root, at, player, alternatives[1 - player])
                seat(at.game, instances, player, found, part)
        one, two = (self._excess(root, at, part, p, alternatives[p]) for p in range(2))
        return one, two

    def _alternative(self, root: Root, at: Rooted, part: F32, p: int) -> F32:
        """Return what each hand of player p could have against the strategy that was there, [E, lanes]."""
        n = int(at.game.boards.lanes[at.game.instances.board[0], p])
        found = at.best(part, p)[p : len(root.reach) : 2, :n]
        given = root.gift[p::2, :n] * self._met(root, at, p) if root.gift.size else 0.0
        return np.ascontiguousarray(found + given, np.float32)

    def _met(self, root: Root, at: Rooted, p: int) -> F64:
        """Return the other's weight that each hand of player p may meet at each entry, [E, lanes]."""
        board = int(at.game.instances.board[0])
        return np.array([met_by(at.game, board, p, row) for row in root.reach[1 - p :: 2]])

    def _run(self, root: Root, at: Rooted, player: int, alternative: F32) -> F32:
        """Return average strategies of a run at a root for a player; without a gadget they are both players'."""
        size, opponent = int(self.view.spans.size[root.instance]), 1 - player
        self.room[:, :size] = 0.0
        tables = Tables(self.room[0, :size], self.room[1, :size], NOTHING, NOTHING)
        actions = 0 if self.how.gadget == NONE else 2 if self.how.gadget == RESOLVE else 1
        regret = np.zeros((*alternative.shape, actions), np.float32)
        possible = self._met(root, at, opponent) > 0 if actions == 1 else np.ones(alternative.shape, np.bool_)
        game = at.game._replace(reach=root.reach.copy())
        iterate(game, tables, at.work, self.rules, NOBODY, at.children, opponent, regret, alternative, possible,
                np.zeros((2, 2)))  # fmt: skip
        found: F32 = tables.total
        return found

    def _excess(self, root: Root, at: Rooted, part: F32, p: int, alternative: F32) -> float:
        """Return by how much hands of player p may now have more than their alternatives, by weights and chances."""
        n = alternative.shape[1]
        over = np.maximum(at.best(part, p)[p : len(root.reach) : 2, :n] - alternative, 0.0)
        return float(root.chance * (over * root.weight[p, :n]).sum(dtype=np.float64))


def resolve(
    game: Subgame,
    total: F32,
    how: Resolving,
    facing: U32 = NOBODY,
    threads: int = 1,
    tell: Callable[[float], None] | None = None,
) -> Resolved:
    """Re-solve all that follows the first streets of a layout by lanes; `total` has the strategies, and is changed.

    For the gadget `reach`, `facing` is the other player's last sequence at each decision of the templates. `tell` hears
    which part of the work is done. What comes out is the same for any number of threads.
    """
    spans, done, lock = spans_of(game), dict[int, tuple[float, float]](), Lock()
    found = roots(View(game, spans), total, how.depth, facing if how.gadget == REACH else None)
    numbered, left = enumerate(found), int(spans.size[at_depth(game, how.depth)].sum())
    whole = max(left, 1)

    def help_out() -> None:
        nonlocal left
        solver = _Solver(game, spans, how)
        while True:
            with lock:
                number, root = next(numbered, (-1, None))
            if root is None:
                return
            excess = solver.solve(root, total)
            with lock:
                done[number] = excess
                left -= int(spans.size[root.instance])
                if tell is not None:
                    tell(1.0 - left / whole)

    with ThreadPoolExecutor(threads) as pool:
        for helper in [pool.submit(help_out) for _ in range(threads)]:
            helper.result()
    one, two = np.array([done[number] for number in sorted(done)]).reshape(-1, 2).sum(axis=0).tolist()
    return Resolved(len(done), (one, two))
