"""Monte Carlo CFR on a compiled tree: one kernel, and the family of samplings as rows of one table.

An iteration draws, for each player in turn, the hands and one way of chance through the tree, and walks it with that
player as *traverser*. What is sampled is corrected by its probability, so that the expectation of what an information
set is told is the counterfactual regret of full-width CFR (Lanctot et al., NIPS 2009, lemma 1). With q(a) the
probability that the traverser, or somebody else, takes action a in the sample, and b a *baseline*, any function of
information set and action, the estimate of a history's value is

    v(h, a) = b(a) + [a was sampled] (v(ha) - b(a)) / q(a)        v(h) = sum over a of sigma(a) v(h, a)

(Schmid et al., AAAI 2019, equations 9 and 10; without baselines b is 0). The regrets of the traverser's information set
take v(h, a) - v(h) over the probability that the sample got there, and the averages of the others' take their
strategies, so weighted that their expectation is the plan.
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
from counterplay.solvers.samplings import ALL, ONE, Sampling
from counterplay.solvers.value import ROUNDING, Judgement, judge, magnitude

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class Walks(NamedTuple):
    """A tree as samples walk it. A deal is a number j < D; it gives player p the lane (j // stride[p]) % lanes[p]."""

    player: npt.NDArray[np.int8]  # [N]
    infoset: I64  # [N]; of a leaf its number
    child: I64  # [N - 1] nodes, each node's children in the order of its moves
    begin: I64  # [N + 1] the children of node n are child[begin[n]:begin[n + 1]]
    weight: I64  # [N]
    first: I64  # [I + 1]
    outcome: I64  # [L]
    stake: F64  # [L]
    weights: F64  # [K, D]
    payoffs: F64  # [T, P, D]
    deal: F64  # [D] the sums of the deal's probabilities
    stride: I64  # [P]
    lanes: I64  # [P]


def walks(tree: Tree) -> Walks:
    """Return a tree as samples walk it."""
    counts = np.bincount(tree.parent[1:], minlength=len(tree.player))
    order = np.lexsort((tree.slot[1:], tree.parent[1:])) + 1
    lanes = np.array(tree.weights.shape[1:], np.int64)
    return Walks(
        tree.player,
        tree.infoset,
        order,
        np.concatenate([[0], np.cumsum(counts)]),
        tree.weight,
        tree.first,
        tree.outcome,
        tree.stake,
        tree.weights.reshape(len(tree.weights), -1),
        np.ascontiguousarray(tree.payoffs).reshape(*tree.payoffs.shape[:2], -1),
        np.cumsum(tree.weights[0].reshape(-1)),
        np.array([lanes[p + 1 :].prod() for p in range(len(lanes))], np.int64),
        lanes,
    )


class Tables(NamedTuple):
    """What a run has learned: rows times W, and the generator of its random numbers."""

    regret: F64  # [R * W]
    total: F64  # [R * W] the numerator of the average strategy
    baseline: F64  # [P, R * W], or nothing; of traverser p what an action is worth to it
    random: npt.NDArray[np.uint64]  # [1]


class Scratch(NamedTuple):
    """Where a walk keeps the decisions that it is inside of, by depth."""

    node: I64  # [depth]
    at: I64  # [depth] the first row of the decision, times W, and its lane
    action: I64  # [depth] the action whose value is awaited
    other: F64  # [depth] probability of the others' actions to here over that of drawing them
    drawn: F64  # [depth] probability of drawing the traverser's actions to here
    sigma: F64  # [depth, A] the strategy
    chance: F64  # [depth, A] the probability that an action is drawn; 0: it is not in the sample
    value: F64  # [depth, A] estimates


@inlined
def _random(state: Any) -> float:
    """Return a number in [0, 1) (Steele, Lea and Flood, OOPSLA 2014: SplitMix64)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * 1.1102230246251565e-16


@inlined
def _drawn(odds: Any, count: int, state: Any) -> int:
    """Return an action with these probabilities, which sum to one but for rounding."""
    left, last = _random(state), 0
    for a in range(count):
        if odds[a] > 0.0:
            last = a
            left -= odds[a]
            if left < 0.0:
                return a
    return last


@inlined
def _match(regret: Any, at: int, count: int, w: int, sigma: Any) -> None:
    """Write the strategy that matches the positive regrets."""
    norm = 0.0
    for a in range(count):
        sigma[a] = max(regret[at + a * w], 0.0)
        norm += sigma[a]
    for a in range(count):
        sigma[a] = sigma[a] / norm if norm > 0.0 else 1.0 / count


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
        chosen = _drawn(chance, count, tables.random)
        for a in range(count):
            if a != chosen:
                chance[a] = 0.0
    else:
        mass = 0.0
        for a in range(count):
            mass += tables.total[at + a * w]
        for a in range(count):
            odds = min(max(explore, (bonus + threshold * tables.total[at + a * w]) / (bonus + mass)), 1.0)
            chance[a] = odds if _random(tables.random) < odds else 0.0


@inlined
def _ended(
    tables: Tables, scratch: Scratch, d: int, p: int, count: int, w: int, mine: bool, t: float, numbers: Any
) -> float:
    """Return the estimate of a decision's value once its sampled actions have theirs, and tell its information set."""
    weight, rate = numbers[4], numbers[5]
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
        scale = scratch.other[d] / scratch.drawn[d] * t**weight
        for a in range(count):
            tables.regret[at + a * w] += scale * (value[a] - total)
    return total


@jit
def sample(
    walks: Walks,
    tables: Tables,
    scratch: Scratch,
    traverser: int,
    others_all: bool,
    numbers: F64,
    start: int,
    end: int,
    w: int,
) -> int:
    """Run the iterations start + 1 .. end, each a walk for every player; return how many nodes were visited.

    `numbers` are a sampling's explore, bonus, threshold, power, weight and rate.
    """
    power, rate = numbers[3], numbers[5]
    players, visited = len(walks.lanes), 0
    for t in range(start + 1, end + 1):
        heavy = float(t) ** power
        for p in range(players):
            x = _random(tables.random) * walks.deal[-1]
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
                        left = _random(tables.random) * walks.weights[walks.weight[n], j]
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
                    at = walks.first[walks.infoset[n]] * w + (j // walks.stride[turn]) % walks.lanes[turn]
                    sigma, chance = scratch.sigma[d], scratch.chance[d]
                    _match(tables.regret, at, count, w, sigma)
                    if turn == p:
                        _include(tables, at, count, w, sigma, chance, traverser, numbers)
                    else:
                        mass = heavy * other / drawn
                        for a in range(count):
                            tables.total[at + a * w] += mass * sigma[a]
                        if not others_all:
                            chosen = _drawn(sigma, count, tables.random)
                            if rate == 0.0:  # the value of the action drawn is the decision's
                                n = walks.child[low + chosen]
                                continue
                            for a in range(count):
                                chance[a] = sigma[a] if a == chosen else 0.0
                        else:
                            for a in range(count):
                                chance[a] = 1.0
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
                    value = _ended(tables, scratch, d - 1, p, count, w, turn == p, float(t), numbers)
                    d -= 1
                if done:
                    break
    return visited


class MCCFR:
    """A run of one sampling: its tables, and how far it is. An iteration is a walk for every player."""

    def __init__(self, tree: Tree, form: SequenceForm, sampling: Sampling, seed: int = 0):
        self.tree, self.form, self.sampling = tree, form, sampling
        self.walks = walks(tree)
        self.iterations = self.visited = 0
        self.width = tree.lanes
        size = tree.rows * self.width
        keys = np.random.SeedSequence(seed).generate_state(1, np.uint64).astype(np.uint64)
        self.tables = Tables(
            np.zeros(size), np.zeros(size), np.zeros((tree.players if sampling.rate else 0, size)), keys
        )
        self.scratch = _scratch(_depth(tree), int(np.diff(tree.first).max(initial=1)))
        s = sampling
        self.numbers = np.array([s.explore, s.bonus, s.threshold, s.power, s.weight, s.rate])
        self.advance(0)  # the kernel is loaded, or compiled, before a run's time counts

    @cached_property
    def floor(self) -> float:
        """Return the exploitability below which rounding errors may be most of it."""
        return ROUNDING * magnitude(self.form)

    def advance(self, count: int) -> None:
        """Run that many iterations."""
        s, end = self.sampling, self.iterations + count
        self.visited += sample(
            self.walks,
            self.tables,
            self.scratch,
            s.traverser,
            s.others_all,
            self.numbers,
            self.iterations,
            end,
            self.width,
        )
        self.iterations = end

    def table(self) -> Table:
        """Return the average strategy, [R, W]; uniform where nothing was sampled."""
        total = self.tables.total.reshape(-1, self.width)
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
        if least(saved["total"]) < 0:
            raise UserError("the saved run does not fit: its average strategies are negative")
        halves = saved["random"]
        if not ((halves >= 0) & (halves < 2**32) & (halves == np.floor(halves))).all():
            raise UserError("the saved run does not fit: its generator has a state that none has")
        self.tables = self.tables._replace(
            regret=saved["regret"].copy(),
            total=saved["total"].copy(),
            baseline=saved["baseline"].copy().reshape(self.tables.baseline.shape),
            random=np.array([int(halves[0]) << 32 | int(halves[1])], np.uint64),
        )
        self.iterations = iterations


def _scratch(depth: int, widest: int) -> Scratch:
    """Return room for so many decisions at a time, of so many actions."""
    node, at, action = np.zeros((3, depth), np.int64)
    other, drawn = np.zeros((2, depth))
    sigma, chance, value = np.zeros((3, depth, widest))
    return Scratch(node, at, action, other, drawn, sigma, chance, value)


def _depth(tree: Tree) -> int:
    """Return how many nodes the longest play has."""
    at, depth = tree.parent, 0
    while len(at):
        at, depth = tree.parent[at[at >= 0]], depth + 1
    return depth
