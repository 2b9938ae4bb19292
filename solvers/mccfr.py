"""Monte Carlo CFR on a compiled tree: one kernel, and the family of samplings as rows of one table.

An iteration draws, for each player in turn, the hands and one way of chance through the tree, and walks it with that
player as *traverser*. What is sampled is corrected by its probability, so that the expectation of what an information
set is told is the counterfactual regret of full-width CFR (Lanctot et al., NIPS 2009, lemma 1). With q(a) the
probability that the traverser, or somebody else, takes action a in the sample, and b a *baseline*, any function of
information set, action and the traverser's hand, the estimate of a history's value is

    v(h, a) = b(a) + [a was sampled] (v(ha) - b(a)) / q(a)        v(h) = sum over a of sigma(a) v(h, a)

(Schmid et al., AAAI 2019, equations 9 and 10; without baselines b is 0). The regrets of the traverser's information set
take v(h, a) - v(h) over the probability that the sample got there, once the walk is over where it may come there twice.
The averages of the others' take their strategies, so weighted that their expectation is the plan; with more than two
players it is the plan times what the third ones' say of the way there, as in OpenSpiel. Lazy averages are free of that.
"""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.form import SequenceForm
from counterplay.engine.jit import inlined, jit
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.schema import fit, least
from counterplay.engine.strategy import Table, Vector, to_vector
from counterplay.engine.tree import Tree
from counterplay.solvers.mccfr_public import Hands, hands, sample_public
from counterplay.solvers.samplings import ALL, ONE, Sampling
from counterplay.solvers.value import ROUNDING, Judgement, judge, magnitude
from counterplay.solvers.walks import (
    F64,
    I64,
    Tables,
    Walks,
    depth,
    discount,
    match,
    pick,
    settle,
    span,
    uniform,
    walks,
)


class Scratch(NamedTuple):
    """Where a walk keeps the decisions that it is inside of, by depth."""

    node: I64  # [depth]
    at: I64  # [depth] the first row of the decision, times W, and the traverser's lane
    action: I64  # [depth] the action whose value is awaited
    other: F64  # [depth] probability of the others' actions to here over that of drawing them
    drawn: F64  # [depth] probability of drawing the traverser's actions to here
    sigma: F64  # [depth, A] the strategy
    chance: F64  # [depth, A] the probability that an action is drawn; 0: it is not in the sample
    value: F64  # [depth, A] estimates
    waits: I64  # [1] how many regrets wait for the end of a walk that may come to an information set twice
    place: I64  # [N] where they belong; nothing where walks come but once
    amount: F64  # [N]


@inlined
def _include(
    tables: Tables, at: int, count: int, w: int, sigma: Any, chance: Any, traverser: int, numbers: Any
) -> None:
    """Decide which of the traverser's actions are in the sample, and write with what probability each is, or 0."""
    explore, bonus, threshold = numbers[0], numbers[1], numbers[2]
    if traverser == ALL:
        for a in range(count):
            chance[a] = 1.0
    elif traverser == ONE:
        for a in range(count):
            chance[a] = explore / count + (1.0 - explore) * sigma[a]
        chosen = pick(chance, count, tables.random)
        for a in range(count):
            if a != chosen:
                chance[a] = 0.0
    else:
        mass = 0.0
        for a in range(count):
            mass += tables.total[at + a * w]
        for a in range(count):
            odds = min(max(explore, (bonus + threshold * tables.total[at + a * w]) / (bonus + mass)), 1.0)
            chance[a] = odds if uniform(tables.random) < odds else 0.0


@inlined
def _owe(walks: Walks, tables: Tables, i: int, lane: int, at: int, count: int, w: int, sigma: Any) -> None:
    """Let a lazy average take the strategy that has stood since it was last met, times the plan that led to it."""
    up = walks.above[i]
    reached = tables.seen[-1] if up < 0 else tables.total[up * w + lane]
    mass = reached - tables.seen[i * w + lane]
    tables.seen[i * w + lane] = reached
    for a in range(count):
        tables.total[at + a * w] += mass * sigma[a]


@inlined
def _ended(
    tables: Tables,
    scratch: Scratch,
    d: int,
    p: int,
    count: int,
    w: int,
    mine: bool,
    scale: float,
    least: float,
    rate: float,
) -> float:
    """Return the estimate of a decision's value once its sampled actions have theirs, and tell its information set.

    Regrets that take part in skipping are above `least`, which is 0 where none is skipped.
    """
    at = scratch.at[d]
    sigma, chance, value = scratch.sigma[d], scratch.chance[d], scratch.value[d]
    total = 0.0
    for a in range(count):
        b = 0.0
        if rate > 0.0:
            b = tables.baseline[p, at + a * w]
        if chance[a] > 0.0:
            if rate > 0.0:
                tables.baseline[p, at + a * w] = b + rate * (value[a] - b)
            value[a] = b + (value[a] - b) / chance[a]
        else:
            value[a] = b
        total += sigma[a] * value[a]
    if mine:
        scale = scale * scratch.other[d] / scratch.drawn[d]
        for a in range(count):
            more, k = scale * (value[a] - total), at + a * w
            if scratch.place.size > 0:
                held = scratch.waits[0]
                scratch.place[held], scratch.amount[held] = k, more
                scratch.waits[0] = held + 1
            elif least == 0.0:
                tables.regret[k] += more
            elif chance[a] > 0.0:
                tables.regret[k] = max(tables.regret[k] + more, least)
    return total


@jit
def sample(
    walks: Walks,
    tables: Tables,
    scratch: Scratch,
    traverser: int,
    others_all: bool,
    lazy: bool,
    period: int,
    numbers: F64,
    start: int,
    end: int,
    w: int,
) -> int:
    """Run the iterations start + 1 .. end, each a walk for every player; return how many nodes were visited.

    `numbers` are a sampling's, in the order of `MCCFR`.
    """
    power, weight, rate, alpha, beta = numbers[3], numbers[4], numbers[5], numbers[6], numbers[7]
    prune, skip, bottom = numbers[8], numbers[9], numbers[10]
    players, visited = len(walks.lanes), 0
    for t in range(start + 1, end + 1):
        heavy, scale = float(t) ** power, float(t) ** weight
        limit = -prune * scale * float(t) ** 0.5
        least = limit * bottom
        if lazy:
            tables.seen[-1] += heavy
        for p in range(players):
            skipping = prune > 0.0 and uniform(tables.random) < skip
            x = uniform(tables.random) * walks.deal[-1]
            j = min(np.searchsorted(walks.deal, x, side="right"), len(walks.deal) - 1)
            n, d, other, drawn = 0, 0, 1.0, 1.0
            value = 0.0
            while True:
                # Down, to a leaf.
                while True:
                    visited += 1
                    turn = walks.player[n]
                    if turn == LEAF:
                        leaf = walks.infoset[n]
                        value = walks.payoffs[walks.outcome[leaf], p, j] * walks.stake[leaf]
                        break
                    low, high = walks.begin[n], walks.begin[n + 1]
                    if turn == CHANCE:
                        left = uniform(tables.random) * walks.weights[walks.weight[n], j]
                        for c in range(low, high):
                            odds = walks.weights[walks.weight[walks.child[c]], j]
                            if odds > 0.0:
                                n = walks.child[c]
                                left -= odds
                                if left < 0.0:
                                    break
                        continue
                    count = high - low
                    if count == 1:
                        n = walks.child[low]
                        continue
                    i, lane = walks.infoset[n], (j // walks.stride[turn]) % walks.lanes[turn]
                    at = walks.first[i] * w + lane
                    sigma, chance = scratch.sigma[d], scratch.chance[d]
                    matched = match(tables.regret, at, count, w, sigma)
                    if turn == p:
                        if lazy:
                            _owe(walks, tables, i, lane, at, count, w, sigma)
                        _include(tables, at, count, w, sigma, chance, traverser, numbers)
                        if skipping and matched:
                            for a in range(count):
                                if tables.regret[at + a * w] < limit and not walks.firm[walks.first[i] + a]:
                                    chance[a] = 0.0
                    else:
                        if not lazy:
                            mass = heavy * other / drawn
                            for a in range(count):
                                tables.total[at + a * w] += mass * sigma[a]
                        if not others_all:
                            chosen = pick(sigma, count, tables.random)
                            if rate == 0.0:  # the value of the action drawn is the decision's
                                n = walks.child[low + chosen]
                                continue
                            for a in range(count):
                                chance[a] = sigma[a] if a == chosen else 0.0
                        else:
                            for a in range(count):
                                chance[a] = 1.0
                        at = walks.first[i] * w + (j // walks.stride[p]) % walks.lanes[p]  # of its baseline
                    scratch.node[d], scratch.at[d], scratch.action[d] = n, at, -1
                    scratch.other[d], scratch.drawn[d] = other, drawn
                    d += 1
                    # Into the first action of the sample, if there is one.
                    a = 0
                    while a < count and chance[a] == 0.0:
                        a += 1
                    scratch.action[d - 1] = a
                    if a == count:
                        break
                    n = walks.child[low + a]
                    if turn == p:
                        drawn = drawn * chance[a]
                    elif others_all:
                        other = other * sigma[a]
                # Up, to the next action of the sample.
                done = True
                while d > 0:
                    n = scratch.node[d - 1]
                    low = walks.begin[n]
                    count = walks.begin[n + 1] - low
                    turn = walks.player[n]
                    a = scratch.action[d - 1]
                    if a < count:
                        scratch.value[d - 1, a] = value
                        a += 1
                        while a < count and scratch.chance[d - 1, a] == 0.0:
                            a += 1
                    if a < count:
                        scratch.action[d - 1] = a
                        other, drawn = scratch.other[d - 1], scratch.drawn[d - 1]
                        if turn == p:
                            drawn = drawn * scratch.chance[d - 1, a]
                        elif others_all:
                            other = other * scratch.sigma[d - 1, a]
                        n = walks.child[low + a]
                        done = False
                        break
                    value = _ended(tables, scratch, d - 1, p, count, w, turn == p, scale, least, rate)
                    d -= 1
                if done:
                    break
            for k in range(scratch.waits[0]):
                tables.regret[scratch.place[k]] += scratch.amount[k]
            scratch.waits[0] = 0
        discount(tables.regret, t, period, alpha, beta)
    return visited


class MCCFR:
    """A run of one sampling: its tables, and how far it is. An iteration is a walk for every player."""

    def __init__(self, tree: Tree, form: SequenceForm, sampling: Sampling, seed: int = 0):
        self.tree, self.form, self.sampling = tree, form, sampling
        self.walks = walks(tree)
        self.iterations = self.visited = 0
        self.width = tree.lanes
        s, size, widest = sampling, tree.rows * self.width, int(np.diff(tree.first).max(initial=1))
        keys = np.random.SeedSequence(seed).generate_state(1, np.uint64).astype(np.uint64)
        self.tables = Tables(
            regret=np.zeros(size),
            total=np.zeros(size),
            baseline=np.zeros((tree.players if s.rate else 0, size)),
            seen=np.zeros(len(tree.labels) * self.width + 1 if s.lazy else 0),
            random=keys,
        )
        self.scratch: Scratch | Hands
        if s.public:
            self.scratch = hands(tree, form, depth(tree), widest)
        else:
            self.scratch = _scratch(depth(tree), widest, len(tree.player) if s.others_all else 0)
        prune = s.prune * span(tree)
        rules = [s.explore, s.bonus, s.threshold, s.power, s.weight, s.rate, s.alpha, s.beta, prune, s.skip, s.bottom]
        self.numbers = np.array(rules)
        self.period = max(s.period, size // SWEEP) if s.period else 0
        self.advance(0)  # the kernel is loaded, or compiled, before a run's time counts

    @cached_property
    def floor(self) -> float:
        """Return the exploitability below which rounding errors may be most of it."""
        return ROUNDING * magnitude(self.form)

    def advance(self, count: int) -> None:
        """Run that many iterations."""
        s, end = self.sampling, self.iterations + count
        if isinstance(self.scratch, Hands):
            self.visited += sample_public(
                self.walks,
                self.tables,
                self.scratch,
                self.form.tables,
                self.period,
                self.numbers,
                self.iterations,
                end,
                self.width,
            )
        else:
            self.visited += sample(
                self.walks,
                self.tables,
                self.scratch,
                s.traverser,
                s.others_all,
                s.lazy,
                self.period,
                self.numbers,
                self.iterations,
                end,
                self.width,
            )
        self.iterations = end

    def table(self) -> Table:
        """Return the average strategy, [R, W]; uniform where nothing was sampled."""
        total = self.tables.total
        if self.sampling.lazy:
            total = total.copy()
            settle(self.tree.first, self.walks.above, self.tables.regret, total, self.tables.seen, self.width)
        total = total.reshape(-1, self.width)
        mass = np.add.reduceat(total, self.tree.first[:-1], axis=0)
        sizes = np.diff(self.tree.first)
        mass, even = mass.repeat(sizes, axis=0), (1.0 / sizes).repeat(sizes)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(mass > 0, total / mass, even)

    def profile(self) -> Vector:
        """Return the average strategy, [S * W]."""
        return to_vector(self.form, self.table())

    def judge(self) -> Judgement:
        """Judge that strategy, exactly."""
        return judge(self.form, self.profile())

    def figures(self) -> dict[str, float]:
        """Return no further certificates."""
        return {}

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that a resumed run needs, by name; the generator's state as its two halves."""
        key = int(self.tables.random[0])
        halves = np.array([key >> 32, key & 0xFFFFFFFF], np.float64)
        return {**self.tables._asdict(), "baseline": self.tables.baseline.reshape(-1), "random": halves}

    def restore(self, state: dict[str, npt.NDArray[Any]], iterations: int) -> None:
        """Go on from what `state` gave after so many iterations; raises `ValueError` for what no run is."""
        saved = fit(state, self.state(), "the saved run")
        if least(saved["total"]) < 0 or least(saved["seen"]) < 0:
            raise UserError("the saved run does not fit: its average strategies are negative")
        halves = saved["random"]
        if not ((halves >= 0) & (halves < 2**32) & (halves == np.floor(halves))).all():
            raise UserError("the saved run does not fit: its generator has a state that none has")
        self.tables = self.tables._replace(
            regret=saved["regret"].copy(),
            total=saved["total"].copy(),
            baseline=saved["baseline"].copy().reshape(self.tables.baseline.shape),
            seen=saved["seen"].copy(),
            random=np.array([int(halves[0]) << 32 | int(halves[1])], np.uint64),
        )
        self.iterations = iterations


SWEEP = 16  # entries of a table that are discounted for an iteration, at most: walking stays most of the work


def _scratch(depth: int, widest: int, waiting: int) -> Scratch:
    """Return room for so many decisions at a time, of so many actions, and for so many regrets that wait."""
    node, at, action = np.zeros((3, depth), np.int64)
    other, drawn = np.zeros((2, depth))
    sigma, chance, value = np.zeros((3, depth, widest))
    wait = np.zeros(1, np.int64), np.zeros(waiting, np.int64), np.zeros(waiting)
    return Scratch(node, at, action, other, drawn, sigma, chance, value, *wait)
