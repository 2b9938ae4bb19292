"""Regret minimisation on many roots of one street, one after another in a kernel, on any number of threads.

Each root is an instance of a `Subgame` on a board of its own; the walker is given it in the first one's place. Nothing
goes back to Python between the iterations of a root, its judgements and the next root: a river's iteration takes as
long as one call of a kernel.

What was learned on some boards is where others begin (`Habits`): the cumulative regrets of hands, by their standing in
the other's range, as a mean over boards. A run that begins so takes its schedule up at a later iteration, and its
average strategies begin empty. It is judged as any other, so the start costs nothing but iterations if it is bad.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from counterplay.engine.jit import driver
from counterplay.engine.streets import F32, F64, I64, U8, U32, U64, Boards, Instances, Subgame, Tables, Work, new_work
from counterplay.solvers.cfr import schedule
from counterplay.solvers.streets.decisions import BEST, UPDATE
from counterplay.solvers.streets.walk import Errand, walk
from counterplay.solvers.variants import Variant

MOST = 4096  # iterations of a root; what is not solved by then is somebody else's
TRACE = 32  # judgements of a root
BINS = 64  # of hands by their standing
HEAD = 20  # iterations that habits are worth
_SLICE = 64  # iterations between two looks at the signal to stop
_PARTS = 4  # of a layout's roots for each thread
_EVERY = 2  # as in `SubgameCFR`
_NOBODY = np.zeros(0, np.uint32)
_EVEN = np.ones((1, 3))


class Plan(NamedTuple):
    """How roots are run: by which factors, and when they are judged."""

    rules: F64  # [., 3] factors of each iteration (`solvers.cfr.schedule`)
    first: int  # iterations before the first judgement
    goal: float  # NashConv to reach; negative for none
    ends: bool  # whether a root that has had all iterations is done, or not finished
    growth: float  # of the iterations between two judgements, at most
    pot: float
    update: Errand
    best: Errand


class Runs(NamedTuple):
    """What became of B roots."""

    iterations: I64  # [B] 0 of one that was not finished
    value: F64  # [B, 2] both players' expected values in chips
    best: F64  # [B, 2] and what their best responses would earn
    checks: I64  # [B] judgements
    trace: F64  # [B, TRACE, 2] of each the iterations before it, and NashConv


@driver
def _solve(
    whole: Subgame,
    starts: U64,
    deals: F64,
    tables: Tables,
    work: Work,
    plan: Plan,
    low: int,
    high: int,
    stop: U8,
    silent: U32,
    even: F64,
    runs: Runs,
) -> None:
    """Run roots low .. high, each until its goal or the end of the rules."""
    out, reach, every, half = np.zeros((2, 2)), whole.reach.reshape(-1), whole.instances, plan.pot / 2
    for b in range(low, high):
        if not deals[b] > 0.0:
            continue
        one = Instances(
            every.template[b : b + 1],
            every.board[b : b + 1],
            every.base[b : b + 1],
            every.scale[b : b + 1],
            every.child[b : b + 1],
        )
        game = Subgame(
            reach[starts[b] : starts[b + 1]].reshape(2, -1),
            whole.boards,
            whole.templates,
            whole.leaves,
            one,
            whole.deals,
            whole.equities,
            whole.locks,
            whole.raked,
            whole.nets,
        )
        done, limit, before, last = 0, len(plan.rules), 0, 0.0
        until = min(plan.first, limit)
        for k in range(TRACE):
            while done < until:
                end = min(done + _SLICE, until)
                walk(game, tables, work, plan.update, plan.rules[done:end], silent, out)
                done = end
                if stop[0] != 0:
                    return
            walk(game, tables, work, plan.best, even, silent, out)
            runs.value[b, 0] = out[0, 1] / deals[b] + half
            runs.value[b, 1] = out[1, 1] / deals[b] + half if whole.raked else plan.pot - runs.value[b, 0]
            gap = 0.0
            for p in range(2):
                runs.best[b, p] = out[p, 0] / deals[b] + half
                gap += max(runs.best[b, p] - runs.value[b, p], 0.0)
            runs.trace[b, k, 0], runs.trace[b, k, 1] = done, gap
            runs.checks[b] = k + 1
            if gap <= plan.goal or (plan.ends and done == limit):
                runs.iterations[b] = done
                break
            if done == limit:
                break
            # The next one is where the curve, straight in logarithms, meets the goal: an even number on, as averages
            # take every second plan.
            slope = -1.5
            if k > 0 and gap < last and gap > 0.0:
                slope = min(np.log(gap / last) / np.log(done / before), -0.5)
            ahead = (plan.goal / gap) ** (1 / slope) if plan.goal > 0.0 and gap > 0.0 else plan.growth
            before, last = done, gap
            step = int(done * (min(max(ahead, 1.0), plan.growth) - 1) / _EVERY + 0.5) * _EVERY
            until = min(done + max(step, _EVERY), limit)


class Habits(NamedTuple):
    """What hands of some standing learned on some boards: mean cumulative regrets, of both players' actions."""

    regret: F32  # [actions of both players' decisions, BINS]


def _places(boards: Boards, b: int, p: int) -> I64:
    """Return each lane's standing in the other's range, 0 .. BINS - 1: what it beats, and half of what it ties with."""
    at, n = int(boards.ranked[b]) + p * int(boards.width[b]), int(boards.lanes[b, p])
    both = boards.below[at : at + n].astype(np.float32) + boards.beyond[at : at + n]
    found: I64 = np.rint(both * ((BINS - 1) / 2 / max(int(boards.lanes[b, 1 - p]), 1))).astype(np.int64)
    return found


def _parts(game: Subgame, b: int, table: F32) -> Iterator[tuple[int, slice, F32]]:
    """Yield of both players which rows of `Habits` are theirs, and their part of a root's table, [rows, lanes]."""
    begin, row = int(game.instances.base[b]), 0
    for p in range(2):
        actions, lanes = int(game.templates.actions[0, p]), int(game.boards.lanes[b, p])
        yield p, slice(row, row + actions), table[begin : begin + actions * lanes].reshape(actions, lanes)
        begin, row = begin + actions * lanes, row + actions


def habits_of(game: Subgame, tables: Tables, solved: I64) -> Habits | None:
    """Return what was learned on boards that are solved; None where there is too little."""
    rows = int(game.templates.actions[0].sum())
    sums, counts = np.zeros((rows, BINS)), np.zeros((2, BINS))
    for b in solved.tolist():
        for p, own, regret in _parts(game, b, tables.regret):
            at = _places(game.boards, b, p)
            np.add.at(sums, (np.arange(own.start, own.stop)[:, None], at), regret)
            np.add.at(counts[p], at, 1.0)
    split = int(game.templates.actions[0, 0])
    for p, own in enumerate((slice(0, split), slice(split, rows))):
        known = np.flatnonzero(counts[p])
        if len(known) < 2:
            return None
        for row in range(own.start, own.stop):
            sums[row] = np.interp(np.arange(BINS), known, sums[row, known] / counts[p, known])
    return Habits(sums.astype(np.float32))


def _recall(game: Subgame, habits: Habits, b: int, table: F32) -> None:
    """Set a root's regrets to what habits say of each hand."""
    for p, own, regret in _parts(game, b, table):
        np.take(habits.regret[own], _places(game.boards, b, p), axis=1, out=regret, mode="clip")


def plan_of(
    variant: Variant, pot: float, goal: float | None, iterations: int | None, horizon: int, began: bool
) -> Plan:
    """Return how to run roots to a NashConv, or for a number of iterations; `began` if they begin with habits."""
    head = HEAD if began else 0
    rules = schedule(variant, head, MOST if iterations is None else iterations, horizon, _EVERY)
    first = len(rules) if goal is None else 16 if began else 32
    update, best = Errand(0, 2, UPDATE, True, 0, 0, True), Errand(0, 2, BEST, True, 0, 0, True)
    return Plan(rules, first, -1.0 if goal is None else goal, iterations is not None, 1.5, pot, update, best)


class Crew:
    """Threads that run roots."""

    def __init__(self, threads: int):
        self.threads, self.pool, self.stop = threads, ThreadPoolExecutor(threads), np.zeros(1, np.uint8)

    def launch(
        self, game: Subgame, starts: U64, deals: F64, tables: Tables, plan: Plan, habits: Habits | None
    ) -> tuple[Runs, Sequence["Future[None]"]]:
        """Have all roots of a layout run; what becomes of them is there once the futures are."""
        many = len(deals)
        runs = Runs(
            np.zeros(many, np.int64),
            np.zeros((many, 2)),
            np.zeros((many, 2)),
            np.zeros(many, np.int64),
            np.zeros((many, TRACE, 2)),
        )
        if habits is not None:
            for b in range(many):
                _recall(game, habits, b, tables.regret)
        size = max(many // (_PARTS * self.threads), 1)  # few: each is a wait for Python's lock
        todo = iter([(low, min(low + size, many)) for low in range(0, many, size)])

        def help_out() -> None:
            work = new_work(game, 1)[0]
            for low, high in iter(lambda: next(todo, (0, 0)), (0, 0)):
                _solve(game, starts, deals, tables, work, plan, low, high, self.stop, _NOBODY, _EVEN, runs)

        return runs, [self.pool.submit(help_out) for _ in range(self.threads)]

    def close(self) -> None:
        """End the threads, once what they are at is stopped."""
        self.stop[0] = 1
        self.pool.shutdown()
