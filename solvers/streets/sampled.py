"""Blueprints: regret minimisation and measuring on sampled run-outs of the board.

Public chance sampling (Johanson, Bard, Lanctot, Gibson and Bowling, AAMAS 2012: "Efficient Nash equilibrium
approximation through Monte Carlo counterfactual regret minimization"): for each player in turn a run-out is drawn, and
the walker visits a *chain*, a subgame with one board a street (`engine.runouts`): all betting, all hands of both
players against each other. The chance of each deal is over that of drawing it, so on average over run-outs values are
exact.

Iteration t weighs t^2 in averages. Regrets are discounted as in DCFR (Brown and Sandholm, AAAI 2019), by epochs: after
the n-th epoch positive regrets are multiplied by n^1.5 / (n^1.5 + 1) and negative ones by a half. On a game of twelve
cards judged exactly that led to 0.063 where weights of t led to 0.087 and regrets held above zero (CFR+) to 0.114;
epochs of 20 iterations were as good as longer ones later, and better before.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from counterplay.engine.jit import inlined, jit
from counterplay.engine.runouts import deal
from counterplay.engine.streets import F32, F64, I64, U32, U64, Boards, Subgame, Tables, Work, new_work
from counterplay.solvers.streets.decisions import UPDATE, VALUE
from counterplay.solvers.streets.walk import Errand, walk
from counterplay.solvers.winnings import DEALS, SEATS, SQUARES, SUM, Winnings, told

_NOBODY = np.zeros(0, np.uint32)

EPOCH = 20  # iterations at the least; as many as visit the tables once, so that discounting takes little of the time
ALPHA = 1.5

Chain = tuple[Subgame, Any]  # a subgame with one board a street, and who deals to it


@inlined
def _count(boards: Boards, p: int, first: I64, visits: U64) -> None:
    """Count the hands of player p that the boards leave, each to its cell."""
    for b in range(len(boards.at)):
        at = int(boards.at[b]) + p * int(boards.width[b])
        for i in range(boards.lanes[b, p]):
            visits[first[b, p] + int(boards.cell[at + i])] += np.uint64(1)


@jit
def train(
    dealer: Any,
    game: Subgame,
    tables: Tables,
    work: Work,
    random: U64,  # [1]
    visits: U64,  # [.] hands from which each cell of each board learned
    first: I64,  # [B, 2] where the cells of a board and a player begin there
    begin: int,
    step: int,
    count: int,
    children: int,  # of the root
    silent: U32,
    out: F64,  # [2, 2]
) -> None:
    """Run iterations begin, begin + step, ..., so many of them; they count from one."""
    rules = np.ones((1, 3))
    for k in range(count):
        rules[0, 2] = np.float64(begin + k * step) ** 2
        for p in range(2):
            deal(dealer, game.boards, random)
            _count(game.boards, p, first, visits)
            walk(game, tables, work, Errand(p, p + 1, UPDATE, True, 0, children, True), rules, silent, out)


@jit
def discount(regret: F32, positive: Any, negative: Any) -> None:
    """Multiply positive and negative regrets by factors of their own."""
    for i in range(len(regret)):
        regret[i] *= positive if regret[i] > np.float32(0.0) else negative


@jit
def sample(
    dealer: Any,
    game: Subgame,
    tables: Tables,
    work: Work,
    random: U64,  # [1]
    p: int,
    children: int,
    silent: U32,
    out: F64,  # [2, 2]
    values: F64,  # [N]
) -> None:
    """Write what player p earns on run-outs that are drawn: its values summed by the weights of its hands."""
    rules = np.ones((1, 3))
    for k in range(len(values)):
        deal(dealer, game.boards, random)
        walk(game, tables, work, Errand(p, p + 1, VALUE, True, 0, children, True), rules, silent, out)
        values[k] = out[p, 0]


def children_of(game: Subgame) -> int:
    """Return how many instances follow the root's street."""
    groups, t = game.templates.groups, int(game.instances.template[0])
    return int(groups[t + 1] - groups[t]) * int(game.deals.bounds[1])


def vectors_of(game: Subgame) -> int:
    """Return how many numbers the plans of all instances have: what a visit of a chain goes through."""
    sequences = game.templates.sequences[game.instances.template].astype(np.int64)
    return int(sequences @ game.boards.width[game.instances.board].astype(np.int64))


def first_cells(game: Subgame) -> I64:
    """Return where the cells of each board of a chain and of each player begin among all of them, [B, 2]."""
    columns = game.boards.columns.astype(np.int64).ravel()
    return (np.cumsum(columns) - columns).reshape(-1, 2)


class Training:
    """A run of regret minimisation by cells, on one thread a chain; the chains are of one game.

    Tables are shared, and each thread draws run-outs of its own. With one thread, what comes out follows from the seed;
    with more, additions of two threads to one entry may come in any order, or one of them be lost.
    """

    def __init__(self, chains: Sequence[Chain], seed: int):
        game = chains[0][0]
        self.chains, self.iterations = tuple(chains), 0
        self.epoch = max(EPOCH, game.entries // (2 * vectors_of(game)))
        none = np.zeros(0, np.float32)
        self.tables = Tables(np.zeros(game.entries, np.float32), np.zeros(game.entries, np.float32), none, none)
        for table in (self.tables.regret, self.tables.total):
            table.fill(0.0)  # in one go: run-outs would ask the system for its pages one by one
        self.random = np.random.SeedSequence(seed).generate_state(len(chains), np.uint64).astype(np.uint64)
        self.first = first_cells(game)
        self.visits = np.zeros(int(game.boards.columns.sum()), np.uint64)
        self.work = [new_work(chain, 1)[0] for chain, _ in chains]
        self.pool = ThreadPoolExecutor(len(chains) - 1) if len(chains) > 1 else None

    def advance(self, count: int) -> None:
        """Run that many iterations, in equal shares of the threads."""
        while count:
            part = min(count, self.epoch - self.iterations % self.epoch)
            self._share_out(part)
            self.iterations += part
            if self.iterations % self.epoch == 0:
                n = self.iterations / self.epoch
                discount(self.tables.regret, np.float32(n**ALPHA / (n**ALPHA + 1)), np.float32(0.5))
            count -= part

    def _share_out(self, count: int) -> None:
        threads = len(self.chains)
        shares = [len(range(k, count, threads)) for k in range(threads)]
        calls = [self.pool.submit(self._train, k, shares[k]) for k in range(1, threads)] if self.pool else []
        self._train(0, shares[0])
        for call in calls:
            call.result()

    def _train(self, k: int, count: int) -> None:
        (game, dealer), random = self.chains[k], self.random[k : k + 1]
        begin, step, children, out = self.iterations + 1 + k, len(self.chains), children_of(game), np.zeros((2, 2))
        work, visits, first = self.work[k], self.visits, self.first
        train(dealer, game, self.tables, work, random, visits, first, begin, step, count, children, _NOBODY, out)

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs, by name."""
        return {
            "regret": self.tables.regret,
            "total": self.tables.total,
            "random": self.random,
            "visits": self.visits,
        }


def sampled(chain: Chain, total: F32, p: int, count: int, random: U64, work: Work) -> F64:
    """Return what player p earns with average strategies on so many run-outs, drawn on from `random` [1]: f64 [count].

    They are values in chips times the pairs of hands, as `walk` gives them.
    """
    (game, dealer), values, none = chain, np.zeros(count), np.zeros(0, np.float32)
    sample(
        dealer,
        game,
        Tables(total, total, none, none),
        work,
        random,
        p,
        children_of(game),
        _NOBODY,
        np.zeros((2, 2)),
        values,
    )
    return values


def won(chain: Chain, total: F32, p: int, pairs: float, count: int, seed: int) -> F64:
    """Return what player p earns on `count` run-outs, which follow from the seed: chips beyond half the first pot.

    `pairs` is the sum of the weights of all pairs of hands. Values are exact given a run-out: all hands of both players
    are played against each other.
    """
    random = np.random.SeedSequence(seed, spawn_key=(5,)).generate_state(1, np.uint64).astype(np.uint64)
    return sampled(chain, total, p, count, random, new_work(chain[0], 1)[0]) / pairs


def earned(seats: F64) -> Winnings:
    """Return what a strategy earns of what it `won` in both seats on the same run-outs, f64 [2, count].

    The luck of the board is the one seat's and not the other's, so that the mean of both varies little.
    """
    sums, mean = np.zeros(SEATS + 4), seats.mean(axis=0)
    sums[[DEALS, SUM, SQUARES]] = seats.shape[1], mean.sum(), (mean**2).sum()
    sums[SEATS : SEATS + 2], sums[SEATS + 2 :] = seats.sum(axis=1), (seats**2).sum(axis=1)
    return told(sums)
