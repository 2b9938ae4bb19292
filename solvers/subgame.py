"""Runs of regret minimisation on a `Subgame`, on the kernels of `solvers.streets` and any number of threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import numpy as np

from counterplay.engine.subgame import F32, Scratch, Subgame, Tables, scratch, tables
from counterplay.solvers.cfr import Variant, schedule
from counterplay.solvers.streets import BEST, UPDATE, VALUE, close_root, iterate_root, open_root, visit_children
from counterplay.solvers.value import Judgement

_SHARES = 8  # parts that the root's children are cut into for each thread: the last to finish is not far behind


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
        deals = int(game.deals[board + 1]) - int(game.deals[board])
        self.children = (int(game.nexts[t + 1]) - int(game.nexts[t])) * deals
        self.streets = 0
        if self.children:
            after = int(game.board[int(game.child[0])])
            self.streets = 2 if game.deals[after + 1] > game.deals[after] else 1
        self.root = scratch(game)
        cards = int(np.diff(game.deals.astype(np.int64)).max(initial=0))
        self.work = [
            (scratch(game), scratch(game), np.zeros(cards * game.reach.shape[1], np.float32))
            for _ in range(max(threads, 1) if self.children else 0)
        ]
        self.gained = np.zeros(self.children * game.reach.shape[1], np.float32)
        self.pool = ThreadPoolExecutor(len(self.work)) if len(self.work) > 1 else None
        self.deals = _deals(game)

    def _visit(
        self, p: int, mode: int, rule: tuple[float, float, float] = (1.0, 1.0, 1.0), at: tuple[int, int] | None = None
    ) -> None:
        open_root(self.game, self.tables, self.root, p, mode)
        if at is not None:  # as if the other player never played what does not lead to the node, or follow it
            q = 1 - p
            rows = self.root.plan.reshape(-1, self.game.reach.shape[1])
            rows[list(set(_sequences(self.game, q, q)) - set(_sequences(self.game, q, at[q])))] = 0.0
        if self.children:
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
                        p,
                        mode,
                        *rule,
                        self.streets,
                    )

            if self.pool is None:
                help_out(*self.work[0])
            else:
                for done in [self.pool.submit(help_out, *work) for work in self.work]:
                    done.result()
        close_root(self.game, self.tables, self.root, self.gained, p, mode, *rule)

    def worth(self, p: int, at: tuple[int, int]) -> F32:
        """Return player p's values with the average strategies from a node of the root street on, [sequences, W].

        `at` is both players' last sequences at the node. The rows at and below player p's own say what they are worth
        to each lane against the other's hands that get to the node, each with its weight; other rows mean nothing.
        """
        self._visit(p, VALUE, at=at)
        return self.root.value.reshape(-1, self.game.reach.shape[1])[: int(self.game.sequences[self.game.template[0]])]

    def plans(self) -> F32:
        """Return both players' average realisation plans on the root street, [sequences, W]."""
        open_root(self.game, self.tables, self.root, 0, VALUE)
        return self.root.plan.reshape(-1, self.game.reach.shape[1])[: int(self.game.sequences[self.game.template[0]])]

    def strategy(self, p: int) -> F32:
        """Return player p's average strategy on the root street, [sequences, W]; rows that are not its own are 0."""
        open_root(self.game, self.tables, self.root, p, VALUE)
        rows = self.root.sigma.reshape(-1, self.game.reach.shape[1])[: int(self.game.sequences[self.game.template[0]])]
        own = np.zeros_like(rows)
        below = _sequences(self.game, p, p)[1:]
        own[below] = rows[below]
        return own

    def after(self, end: int, deal: int) -> "SubgameCFR":
        """Return the part that follows an end of the root street and a card, to look at: the tables are shared.

        `end` counts among the ends of the root street with betting to come, `deal` among the cards dealt to its board.
        Values in it are those given that the card comes.
        """
        game, w = self.game, self.game.reach.shape[1]
        board, row = int(game.board[0]), int(game.nexts[game.template[0]]) + end
        first, last = (int(x) for x in game.deals[board : board + 2])
        rows = game.next_at[row].astype(np.int64)
        reach = self.plans()[rows].copy()
        reach[(game.cards[:, :w] == game.card[first + deal]).any(axis=2)] = 0.0
        moved = {}
        for name in ("template", "board", "base", "scale", "child"):  # the instance takes the place of the root
            array = getattr(game, name).copy()
            array[0] = array[int(game.child[0]) + end * (last - first) + deal]
            moved[name] = array
        return SubgameCFR(
            game._replace(reach=reach, **moved),
            self.pot,
            self.variant,
            threads=len(self.work),
            kept=self.tables,
        )

    def advance(self, count: int) -> None:
        """Run that many iterations."""
        rows = schedule(self.variant, self.iterations, count, self.horizon)
        if not self.children:
            iterate_root(self.game, self.tables, self.root, rows)
        else:
            for pos, neg, avg in rows.tolist():
                for p in range(2):
                    self._visit(p, UPDATE, (pos, neg, avg))
        self.iterations += count

    def _earned(self, p: int, mode: int) -> float:
        self._visit(p, mode)
        w, n = self.game.reach.shape[1], int(self.game.lanes[p])
        value = self.root.value[p * w : p * w + n].astype(np.float64)
        return float(value @ self.game.reach[p, :n]) / self.deals + self.pot / 2

    def judge(self) -> Judgement:
        """Return what the average strategies earn, in chips, and what best responses to them would."""
        value = self._earned(0, VALUE)
        other = self._earned(1, VALUE) if self.game.raked else self.pot - value
        return Judgement((value, other), (self._earned(0, BEST), self._earned(1, BEST)))

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


def _sequences(game: Subgame, p: int, at: int) -> list[int]:
    """Return player p's sequences on the root street at or below one of them."""
    found = [at]
    t = int(game.template[0])
    for d in range(int(game.decisions[t, p]), int(game.decisions[t, p + 1])):
        if int(game.parent[d]) in found:
            found.extend(range(int(game.first[d]), int(game.first[d]) + int(game.size[d])))
    return found


def _deals(game: Subgame) -> float:
    """Return the sum of the products of both players' weights over pairs of hands that share no card."""
    w = game.reach.shape[1]
    one, two = game.reach[0].astype(np.float64), game.reach[1].astype(np.float64)
    total = one.sum() * two.sum()
    for card in range(52):
        total -= one[(game.cards[0, :w] == card).any(axis=1)].sum() * two[(game.cards[1, :w] == card).any(axis=1)].sum()
    both = np.append(two, 0.0)[game.same[0, :w]]
    return float(total + (one * both).sum())
