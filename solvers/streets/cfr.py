"""Runs of regret minimisation on a `Subgame`, on the walker of `solvers.streets` and any number of threads."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.mapping import copy
from counterplay.engine.schema import fit, least
from counterplay.engine.streets import (
    F32,
    F64,
    U32,
    Instances,
    Subgame,
    Tables,
    Work,
    new_tables,
    new_work,
    root_lanes,
    unblocked,
)
from counterplay.solvers.cfr import schedule
from counterplay.solvers.streets.decisions import BEST, UPDATE, VALUE
from counterplay.solvers.streets.walk import Errand, walk
from counterplay.solvers.value import Judgement
from counterplay.solvers.variants import Variant

_SHARES = 8  # parts that the root's children are cut into for each thread: the last to finish is not far behind
_FINE, _COARSE = 2e-6, 2e-3  # exploitability, of the pot, where rounding to 32 and to 16 bits may be most of it
_NONE = np.zeros(0, np.uint32)
_EVEN = np.ones((1, 3))  # the rule of visits that change nothing


class SubgameCFR:
    """A run of a variant without prediction on a subgame, on a number of threads.

    Averages take the plans of each iteration that `every` divides: of every second one they are as good, and half is
    written. Regrets are the same either way.
    Threads share out the children of the root street; each child's values have a place of their own and are summed in
    order, so the result is the same for any number of threads. Values are in chips: a player's expected share of the
    pot at the start and of what is won beyond it. What is looked at is by the places of the players' hands in their
    ranges, of which W is the larger number, padded; hands that the board does not leave have 0.
    """

    def __init__(
        self,
        game: Subgame,
        pot: float,
        variant: Variant,
        horizon: int = 0,
        compress: bool = False,
        threads: int = 1,
        kept: Tables | None = None,
        every: int = 2,
    ):
        if variant.step or not variant.alternating:
            raise UserError(f"hold'em subgames take the variants without prediction, and {variant.name} predicts")
        self.game, self.pot, self.variant, self.horizon = game, pot, variant, horizon
        self.iterations, self.every = 0, every
        self.tables = new_tables(game, compress) if kept is None else kept
        self.floor = pot * (_COARSE if self.tables.total.dtype == np.int16 else _FINE)
        t, board = int(game.instances.template[0]), int(game.instances.board[0])
        self.rows = int(game.templates.sequences[t])
        self.places = [root_lanes(game, board, p) for p in range(2)]  # of the hand that each lane of the root holds
        groups = int(game.templates.groups[t + 1]) - int(game.templates.groups[t])
        self.children = groups * (int(game.deals.bounds[board + 1]) - int(game.deals.bounds[board]))
        self.work = new_work(game, max(threads, 1) if self.children else 1, self.tables.total.dtype)
        self.pool = ThreadPoolExecutor(len(self.work) - 1) if len(self.work) > 1 else None

    def _walk(self, errand: Errand, rules: F64, silent: U32 = _NONE, work: Work | None = None) -> F64:
        """Run the walker; return for each player its values by the weights of its hands, and what `walk` says."""
        out = np.zeros((2, 2))
        walk(self.game, self.tables, self.work[0] if work is None else work, errand, rules, silent, out)
        return out

    def _visit(self, first: int, last: int, mode: int, rules: F64 = _EVEN, silent: U32 = _NONE) -> F64:
        """Visit all instances for players first .. last, once for each rule.

        Return for each of them its values summed by the weights of its hands and, in mode BEST, what its average
        strategy earns. `silent` are rows of the root's plans to set to zero.
        """
        if self.pool is None and (mode != BEST or not self.children):
            return self._walk(Errand(first, last, mode, True, 0, self.children, True), rules, silent)
        found = np.zeros((2, 2))
        for rule in rules[:, None]:
            for p in range(first, last):
                opened = self._walk(Errand(p, p + 1, mode, True, 0, 0, False), rule, silent)
                self._visit_children(p, mode, rule)
                end = Errand(p, p + 1, mode, False, self.children, self.children, True)
                found[p] = self._walk(end, rule)[p, 0], opened[p, 1] + self.work[0].earned.sum()
        return found

    def _visit_children(self, p: int, mode: int, rule: F64) -> None:
        """Visit all that follows the root's own street, on all threads."""
        share = -(-self.children // (_SHARES * len(self.work)))
        todo = iter(range(0, self.children, share))
        lock = Lock()

        def help_out(work: Work) -> None:
            while True:
                with lock:
                    low = next(todo, None)
                if low is None:
                    return
                part = Errand(p, p + 1, mode, False, low, min(low + share, self.children), False)
                self._walk(part, rule, work=work)

        others = [self.pool.submit(help_out, work) for work in self.work[1:]] if self.pool else []
        help_out(self.work[0])
        for other in others:
            other.result()

    def worth(self, p: int, at: tuple[int, int], best: bool = False) -> F32:
        """Return player p's values with the average strategies from a node of the root street on, [sequences, W].

        `at` is both players' last sequences at the node. The rows at and below player p's own say what they are worth
        to each lane against the other's hands that get to the node, each with its weight; other rows mean nothing.
        With `best` player p follows its best response to the other's average strategy instead of its own.
        """
        q = 1 - p
        silent = sorted(set(_sequences(self.game, q)) - set(_sequences(self.game, q, at[q])))
        self._visit(p, p + 1, BEST if best else VALUE, silent=np.array(silent, np.uint32))
        return self._rows(self.work[0].value)

    def _rows(self, numbers: F32) -> F32:
        """Return the root street's row of plans, strategies or values as [sequences, W]."""
        rows = numbers[0][: self.rows * self.game.reach.shape[1]].reshape(self.rows, -1)
        found = np.zeros((self.rows, int(self.game.boards.width[0])), np.float32)
        for p, places in enumerate(self.places):
            own = np.array(_sequences(self.game, p))
            found[own[:, None], places] = rows[own, : len(places)]
        return found

    def plans(self) -> F32:
        """Return both players' average realisation plans on the root street, [sequences, W]."""
        self._walk(Errand(0, 1, VALUE, True, 0, 0, False), _EVEN)
        return self._rows(self.work[0].plan)

    def strategy(self, p: int) -> F32:
        """Return player p's average strategy on the root street, [sequences, W]; rows that are not its own are 0.

        Hands that the board does not leave take each action alike.
        """
        self._walk(Errand(p, p + 1, VALUE, True, 0, 0, False), _EVEN)
        rows = self._rows(self.work[0].sigma)
        own = np.zeros_like(rows)
        below = _sequences(self.game, p)[len(self.game.reach) // 2 :]
        own[below] = rows[below]
        gone = np.setdiff1d(np.arange(own.shape[1]), self.places[p])
        t, templates = int(self.game.instances.template[0]), self.game.templates
        for d in range(int(templates.decisions[t, p]), int(templates.decisions[t, p + 1])):
            first, actions = int(templates.first[d]), int(templates.size[d])
            own[first : first + actions, gone] = 1.0 / actions
        return own

    def after(self, group: int, deal: int) -> "SubgameCFR":
        """Return the part that follows a group of ends of the root street and a deal, to look at: it shares the tables.

        `group` counts among those of the root street, `deal` among the deals to its board.
        Values in it are those given that deal.
        """
        game = self.game
        boards, templates, instances, deals = game.boards, game.templates, game.instances, game.deals
        before = int(instances.board[0])
        number = int(templates.groups[instances.template[0]]) + group
        first, last = (int(x) for x in deals.bounds[before : before + 2])
        board = int(deals.after[first + deal])
        rows = templates.end_at[int(templates.ends[number]) : int(templates.ends[number + 1])].astype(np.int64)
        plans = self.plans()[rows]  # [E, 2, W]
        reach = np.zeros((len(rows), 2, int(boards.width[board])), np.float32)
        for p in range(2):
            places = root_lanes(game, board, p)
            reach[:, p, : len(places)] = plans[:, p, places]
        moved = Instances(*(array.copy() for array in instances))  # type: ignore[arg-type]
        for array in moved:  # the instance takes the place of the root
            array[0] = array[int(instances.child[0]) + group * (last - first) + deal]
        game = game._replace(reach=reach.reshape(2 * len(rows), -1), instances=moved)
        return SubgameCFR(game, self.pot, self.variant, threads=len(self.work), kept=self.tables)

    def advance(self, count: int) -> None:
        """Run that many iterations."""
        self._visit(0, 2, UPDATE, schedule(self.variant, self.iterations, count, self.horizon, self.every))
        self.iterations += count

    def judge(self) -> Judgement:
        """Return what the average strategies earn, in chips, and what best responses to them would."""
        (best, value), (best_other, other) = self._visit(0, 2, BEST).tolist()
        half = self.pot / 2
        first, second = value / self.deals + half, other / self.deals + half
        if not self.game.raked:  # zero-sum: one is known from the other, to the last digit
            second = self.pot - first
        return Judgement((first, second), (best / self.deals + half, best_other / self.deals + half))

    @cached_property
    def deals(self) -> float:
        """Return the sum of the products of both players' weights over pairs of hands that share no card."""
        boards, board = self.game.boards, int(self.game.instances.board[0])
        w, at = int(boards.width[board]), int(boards.at[board])
        n, m = (int(lanes) for lanes in boards.lanes[board])
        same = np.minimum(boards.same[at : at + n].astype(np.int64), m)
        one, two = self.game.reach[:2].astype(np.float64)
        return float(one[:n] @ unblocked(boards.cards[at : at + n], boards.cards[at + w :][:m], two[:m], same))

    def figures(self) -> dict[str, float]:
        """Return no further certificates."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs, by name."""
        return self.tables._asdict()

    def restore(self, state: dict[str, Any], iterations: int) -> None:
        """Go on from what `state` gave after so many iterations."""
        kept = check_tables(self.game, state)
        for table, saved in zip(self.tables, kept, strict=True):
            if table.dtype != saved.dtype:
                raise UserError("the saved run does not fit: its tables are of another type")
            copy(table, saved)
        self.iterations = iterations


def check_tables(game: Subgame, state: Mapping[str, Any]) -> Tables:
    """Return a saved run's tables once they are those of the game; raises `ValueError` if they are not.

    The walker trusts sizes and types, and its averages are sums of probabilities, which are not negative.
    """
    compress = getattr(state.get("total"), "dtype", None) == np.int16
    kinds = new_tables(game, compress)  # zeros, which take no memory until they are touched
    tables = Tables(**fit(state, kinds._asdict(), "the saved run"))
    if any(least(table) < 0 for table in tables[1:]):
        raise UserError("the saved run does not fit: its average strategies are negative")
    return tables


def _sequences(game: Subgame, p: int, *at: int) -> list[int]:
    """Return player p's sequences on the root street at or below some of them; all where none is given."""
    found = list(at) or list(range(p, len(game.reach), 2))
    t, templates = int(game.instances.template[0]), game.templates
    for d in range(int(templates.decisions[t, p]), int(templates.decisions[t, p + 1])):
        if int(templates.parent[d]) in found:
            first = int(templates.first[d])
            found.extend(range(first, first + int(templates.size[d])))
    return found
