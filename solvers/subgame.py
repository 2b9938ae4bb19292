"""Runs of regret minimisation on a `Subgame`, on the kernels of `solvers.streets` and any number of threads."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.subgame import F32, F64, Scratch, Subgame, Tables, scratch, tables
from counterplay.solvers.cfr import schedule
from counterplay.solvers.streets import (
    BEST,
    UPDATE,
    VALUE,
    close_street,
    collect_root,
    open_street,
    visit_children,
    visit_root,
)
from counterplay.solvers.value import Judgement
from counterplay.solvers.variants import Variant

_SHARES = 8  # parts that the root's children are cut into for each thread: the last to finish is not far behind

_NONE = np.zeros(0, np.uint32)


class SubgameCFR:
    """A run of a variant without prediction on a subgame, on a number of threads.

    Threads share out the children of the root street; each child's values have a place of their own and are summed in
    order, so the result is the same for any number of threads. Values are in chips: a player's expected share of the
    pot at the start and of what is won beyond it.
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
    ):
        if variant.step or not variant.alternating:
            raise ValueError(f"hold'em subgames take the variants without prediction, and {variant.name} predicts")
        self.game, self.pot, self.variant, self.horizon = game, pot, variant, horizon
        self.iterations = 0
        self.tables = tables(game, compress) if kept is None else kept
        t, board = int(game.template[0]), int(game.board[0])
        groups, cards = range(int(game.nexts[t]), int(game.nexts[t + 1])), np.diff(game.deals.astype(np.int64))
        self.rows = int(game.sequences[t])
        self.children = len(groups) * int(cards[board])
        self.streets = 0
        if self.children:
            self.streets = 2 if cards[int(game.board[int(game.child[0])])] else 1
        self.root = scratch(game)
        self.reach = game.reach.ravel()
        w, most = game.reach.shape[1], int(cards.max()) * int(np.diff(game.ends.astype(np.int64)).max(initial=0))
        self.work = [
            (scratch(game), scratch(game), np.zeros(most * w if self.streets == 2 else 0, np.float32))
            for _ in range(max(threads, 1) if self.children else 0)
        ]
        ends = int(game.ends[groups.stop]) - int(game.ends[groups.start])
        self.gained = np.zeros(ends * int(cards[board]) * w, np.float32)
        self.earned = np.zeros(self.children)
        self.pool = ThreadPoolExecutor(len(self.work) - 1) if len(self.work) > 1 else None

    def _visit_river(
        self, first: int, last: int, mode: int, rows: F64, silent: npt.NDArray[np.uint32] = _NONE
    ) -> list[list[float]]:
        """Visit a root without children for players first .. last, once for each rule; return as `_visit` for each."""
        out = np.zeros((2, 2))
        visit_root(self.game, self.tables, self.root, self.reach, silent, first, last, mode, rows, out)
        return out.tolist()

    def _visit(
        self,
        p: int,
        mode: int,
        rule: tuple[float, float, float] = (1.0, 1.0, 1.0),
        silent: npt.NDArray[np.uint32] = _NONE,
    ) -> tuple[float, float]:
        """Visit all instances; return player p's values summed by the weights of its hands.

        In mode BEST, also what its average strategy earns. `silent` are rows of the root's plans to set to zero.
        """
        if not self.children:
            worth, earned = self._visit_river(p, p + 1, mode, np.array([rule]), silent)[p]
            return worth, earned
        self.root.plan[: self.reach.size] = self.reach
        earned = float(open_street(self.game, self.tables, self.root, 0, silent, p, mode))
        share = -(-self.children // (_SHARES * len(self.work)))
        todo = iter(range(0, self.children, share))
        lock = Lock()

        def help_out(middle: Scratch, lower: Scratch, inner: F32) -> None:
            while True:
                with lock:
                    low = next(todo, None)
                if low is None:
                    return
                visit_children(
                    self.game,
                    self.tables,
                    self.root,
                    middle,
                    lower,
                    inner,
                    low,
                    min(low + share, self.children),
                    self.gained,
                    self.earned,
                    _NONE,
                    p,
                    mode,
                    *rule,
                    self.streets,
                )

        others = [self.pool.submit(help_out, *work) for work in self.work[1:]] if self.pool else []
        help_out(*self.work[0])
        for other in others:
            other.result()
        collect_root(self.game, self.root, p, self.gained)
        close_street(self.game, self.tables, self.root, 0, p, mode, *rule)
        w = self.game.reach.shape[1]
        mine = slice(p * w, (p + 1) * w)
        value = self.root.value[mine].astype(np.float64) @ self.reach[mine].astype(np.float64)
        return float(value), earned + float(self.earned.sum())

    def worth(self, p: int, at: tuple[int, int]) -> F32:
        """Return player p's values with the average strategies from a node of the root street on, [sequences, W].

        `at` is both players' last sequences at the node. The rows at and below player p's own say what they are worth
        to each lane against the other's hands that get to the node, each with its weight; other rows mean nothing.
        """
        q = 1 - p
        silent = sorted(set(_sequences(self.game, q)) - set(_sequences(self.game, q, at[q])))
        self._visit(p, VALUE, silent=np.array(silent, np.uint32))
        return self._rows(self.root.value)

    def _rows(self, numbers: F32) -> F32:
        return numbers.reshape(-1, self.game.reach.shape[1])[: self.rows]

    def _play(self, p: int) -> None:
        """Lay both average plans and player p's average strategy out on the root street."""
        if self.children:
            self.root.plan[: self.reach.size] = self.reach
            open_street(self.game, self.tables, self.root, 0, _NONE, p, VALUE)
        else:
            self._visit(p, VALUE)

    def plans(self) -> F32:
        """Return both players' average realisation plans on the root street, [sequences, W]."""
        self._play(0)
        return self._rows(self.root.plan)

    def strategy(self, p: int) -> F32:
        """Return player p's average strategy on the root street, [sequences, W]; rows that are not its own are 0."""
        self._play(p)
        rows = self._rows(self.root.sigma)
        own = np.zeros_like(rows)
        below = _sequences(self.game, p)[len(self.game.reach) // 2 :]
        own[below] = rows[below]
        return own

    def after(self, group: int, deal: int) -> "SubgameCFR":
        """Return the part that follows a group of ends of the root street and a deal, to look at: it shares the tables.

        `group` counts among those of the root street, `deal` among the deals to its board.
        Values in it are those given that deal.
        """
        game, w = self.game, self.game.reach.shape[1]
        board, number = int(game.board[0]), int(game.nexts[game.template[0]]) + group
        first, last = (int(x) for x in game.deals[board : board + 2])
        rows = game.end_at[int(game.ends[number]) : int(game.ends[number + 1])].astype(np.int64)
        reach = self.plans()[rows]  # [E, 2, W]
        reach[:, game.held[:, :w] & game.dealt[first + deal] != 0] = 0.0
        moved = {}
        for name in ("template", "board", "base", "scale", "child"):  # the instance takes the place of the root
            array = getattr(game, name).copy()
            array[0] = array[int(game.child[0]) + group * (last - first) + deal]
            moved[name] = array
        return SubgameCFR(
            game._replace(reach=reach.reshape(-1, w), **moved),
            self.pot,
            self.variant,
            threads=len(self.work),
            kept=self.tables,
        )

    def advance(self, count: int) -> None:
        """Run that many iterations."""
        rows = schedule(self.variant, self.iterations, count, self.horizon)
        if not self.children:
            self._visit_river(0, 2, UPDATE, rows)
        else:
            for pos, neg, avg in rows.tolist():
                for p in range(2):
                    self._visit(p, UPDATE, (pos, neg, avg))
        self.iterations += count

    def judge(self) -> Judgement:
        """Return what the average strategies earn, in chips, and what best responses to them would."""
        if self.children:
            (best, value), (best_other, other) = (self._visit(p, BEST) for p in range(2))
        else:
            (best, value), (best_other, other) = self._visit_river(0, 2, BEST, np.ones((1, 3)))
        half = self.pot / 2
        first, second = value / self.deals + half, other / self.deals + half
        if not self.game.raked:  # zero-sum: one is known from the other, to the last digit
            second = self.pot - first
        return Judgement((first, second), (best / self.deals + half, best_other / self.deals + half))

    @cached_property
    def deals(self) -> float:
        """Return the sum of the products of both players' weights over pairs of hands that share no card."""
        w = self.game.reach.shape[1]
        one, two = self.game.reach[:2].astype(np.float64)
        by_card = [
            np.bincount(self.game.cards[p, :w].ravel(), np.repeat(weights, 2), minlength=53)[:52]
            for p, weights in enumerate((one, two))
        ]
        both = np.append(two, 0.0)[self.game.same[0, :w]]  # taken out twice
        return float(one.sum() * two.sum() - by_card[0] @ by_card[1] + one @ both)

    def figures(self) -> dict[str, float]:
        """Return no further certificates."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs, by name."""
        return self.tables._asdict()

    def restore(self, state: dict[str, Any], iterations: int) -> None:
        """Go on from what `state` gave after so many iterations."""
        for name, table in self.tables._asdict().items():
            saved = state.get(name, np.zeros(0, table.dtype))
            if saved.shape != table.shape or saved.dtype != table.dtype:
                raise ValueError(f"the saved run does not fit: its table {name!r} is missing or of another size")
            table[:] = saved
        self.iterations = iterations


def _sequences(game: Subgame, p: int, *at: int) -> list[int]:
    """Return player p's sequences on the root street at or below some of them; all where none is given."""
    found = list(at) or list(range(p, len(game.reach), 2))
    t = int(game.template[0])
    for d in range(int(game.decisions[t, p]), int(game.decisions[t, p + 1])):
        if int(game.parent[d]) in found:
            found.extend(range(int(game.first[d]), int(game.first[d]) + int(game.size[d])))
    return found
