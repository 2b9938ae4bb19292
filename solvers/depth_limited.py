"""CFR on subgames side by side (`engine.subgames`), whose net leaves an evaluator answers for.

An iteration asks the evaluator once for all net leaves (once for each player where players take turns), adds what it
says to the values of the sequences that lead there, and goes on as CFR does (`solvers.cfr`). A root's ranges stand, or
are adapted each iteration to what the root was worth (`solvers.gadgets`).
Shape letters: B parts, L net leaves, S sequences, W lanes; inside kernels W is that of the form, which may pad.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints
from counterplay.engine.evaluator import Evaluator, Floats
from counterplay.engine.form import SequenceForm
from counterplay.engine.jit import inlined, jit
from counterplay.engine.lanes import width
from counterplay.engine.strategy import Vector
from counterplay.engine.subgames import Forest, public_states
from counterplay.engine.subgames import forest as forest_of
from counterplay.engine.sweeps import down, gather, normalise, respond
from counterplay.engine.tree import Tree
from counterplay.solvers.cfr import accumulate, match, schedule
from counterplay.solvers.variants import VARIANTS, Variant

TRACE = 1e-100  # the weight of a lane out of range: nothing to the others, while its own average stays defined

Values = npt.NDArray[np.float64]


class Adapt(Protocol):
    """How a root's ranges follow what it is worth."""

    def __call__(self, player: int, values: Values) -> Values | None:
        """Return the player's next ranges [B, W], given its values at the roots [B, W]; None where they stand."""


class Outcome(NamedTuple):
    """What strategies, those of a run's average, come to."""

    sigma: Vector  # [S * W] the strategies
    plan: Vector  # [S * W] their plans, from the roots' ranges on
    values: Values  # [B, 2, W] of the roots
    ranges: Values  # [L, 2, W] with which they come to the net leaves
    answers: Values  # [L, 2, W] what the evaluator says of that
    faced: Values  # [L, 2, W] what it said, averaged over iterations with the weights of the average strategies


@inlined
def _face(form: SequenceForm, p: int, plan: Vector, leaves: Any, answers: Values, value: Vector, lanes: Any) -> None:
    """Set player p's values to those of the leaf terms and of the net leaves that follow its sequences."""
    w = width(lanes)
    gather(form, p, plan, value, lanes)
    for k in range(answers.shape[0]):
        at = leaves[k, p] * w
        for i in range(answers.shape[2]):
            value[at + i] += answers[k, p, i]


@jit
def _face_one(
    form: SequenceForm, p: int, plan: Vector, leaves: Any, answers: Values, value: Vector, lanes: Any
) -> None:
    _face(form, p, plan, leaves, answers, value, lanes)


@jit
def _iterate(
    form: SequenceForm,
    leaves: Any,
    answers: Values,
    regret: Vector,
    total: Vector,
    sigma: Vector,
    plan: Vector,
    value: Vector,
    sums: Vector,
    rows: Values,
    step: float,
    alternating: bool,
    lo: int,
    hi: int,
    lanes: Any,
) -> None:
    """Run one iteration of players lo .. hi for each row (pos, neg, avg) of the schedule, the answers [L, 2, W] given.

    Vectors are [S * W] and change in place. On return `value` of the empty sequences is that of the roots, `sums` that
    summed with the weights of the average, and `total` of them the ranges likewise.
    """
    w = width(lanes)
    for t in range(rows.shape[0]):
        pos, neg, avg = rows[t, 0], rows[t, 1], rows[t, 2]
        for p in range(lo, hi):
            begin, end = form.begin[p], form.begin[p + 1]
            for q in range(p if alternating else lo, p + 1 if alternating else lo if p > lo else hi):
                _face(form, q, plan, leaves, answers, value, lanes)
            match(form, begin, end, value, regret, sigma, pos, neg, step, lanes)
            for e in range(p, form.origin.shape[0], 2):
                for i in range(e * w, (e + 1) * w):
                    sums[i] = sums[i] * avg + value[i]
                    total[i] = total[i] * avg + plan[i]
            accumulate(form, begin, end, plan, total, avg, lanes)
            down(form, begin, end, sigma, plan, lanes)


@jit
def _evaluate(
    form: SequenceForm, leaves: Any, answers: Values, sigma: Vector, plan: Vector, value: Vector, lanes: Any
) -> None:
    """Set `value` to what every sequence is worth to its owner under the strategies, their plans and the answers."""
    w = width(lanes)
    for p in range(2):
        _face(form, p, plan, leaves, answers, value, lanes)
    decisions = form.parent.size
    for k in range(decisions):
        d = decisions - 1 - k
        above = form.parent[d] * w
        for s in range(form.first[d], form.first[d + 1]):
            for i in range(w):
                value[above + i] += sigma[s * w + i] * value[s * w + i]


@jit
def _realise(form: SequenceForm, lo: int, hi: int, sigma: Vector, plan: Vector, lanes: Any) -> None:
    """Set the plans of players lo .. hi from those of their empty sequences on."""
    for p in range(lo, hi):
        down(form, form.begin[p], form.begin[p + 1], sigma, plan, lanes)


class DepthLimited:
    """A run of CFR on a forest.

    `ranges` [B, 2, W] are those of the roots, 1 in every lane where None; `evaluator` was begun with
    `forest.leaves.node` and may be None where there are no net leaves; `horizon` is T of a variant's schedule.
    """

    def __init__(
        self,
        forest: Forest,
        variant: Variant,
        evaluator: Evaluator | None = None,
        ranges: Floats | None = None,
        *,
        horizon: int = 1000,
        adapt: Adapt | None = None,
    ):
        form, leaves = forest.form, forest.leaves
        assert evaluator is not None or not len(leaves.node), "net leaves need an evaluator"
        self.forest, self.variant, self.evaluator, self.horizon, self.adapt = forest, variant, evaluator, horizon, adapt
        self.iterations = 0
        size = form.sequences * form.origin.shape[1]
        self.regret, self.total, self.value, self.plan = (np.zeros(size) for _ in range(4))
        self.sigma = normalise(form, self.total)
        self._sums, self._mass = np.zeros(form.origin.size), 0.0
        self._asked, self._leaves = np.arange(len(leaves.node)), leaves.sequence.astype(np.uint32)
        self._answers, self._faced = np.zeros((2, len(leaves.node), 2, forest.lanes))
        self.set_ranges(np.ones((len(forest.roots), 2, forest.lanes)) if ranges is None else ranges)

    @property
    def roots(self) -> Values:
        """Return the roots' values [B, 2, W] under the strategies of the last iteration."""
        return self._at_roots(self.value).copy()

    @property
    def mean(self) -> Values:
        """Return the roots' values [B, 2, W], averaged over iterations with the weights of the average strategy."""
        return self._at_roots(self._sums) / max(self._mass, TRACE)

    def set_ranges(self, ranges: Floats) -> None:
        """Let the players come to the roots with ranges [B, 2, W]; strategies, regrets and averages stay."""
        for p in range(2):
            self._come(p, ranges[:, p])

    def advance(self, count: int) -> None:
        """Run that many iterations."""
        variant = self.variant
        rows = schedule(variant, self.iterations, count, self.horizon)
        self.iterations += count
        for avg in rows[:, 2].tolist():
            self._mass = self._mass * avg + 1.0
        if not len(self._asked) and self.adapt is None:
            self._iterate(rows, 0, 2)
            return
        for row in rows[:, None]:
            for lo, hi in ((0, 1), (1, 2)) if variant.alternating else ((0, 2),):
                self._ask(self.plan)
                self._faced[:, lo:hi] = self._faced[:, lo:hi] * row[0, 2] + self._answers[:, lo:hi]
                self._iterate(row, lo, hi)
                self._adapt(lo, hi)

    def warm(self, sigma: Vector, iterations: float) -> None:
        """Start from strategies [S * W] as if so many iterations had led to them.

        Regrets that regret matching makes these of again, at each decision and lane as large as the spread of its
        actions' values times the root of the iterations: about what so long a run would have left.
        """
        form, value = self.forest.form, np.zeros_like(sigma)
        self.sigma[:] = sigma
        _realise(form, 0, 2, self.sigma, self.plan, form.lanes)
        self._ask(self.plan)
        _evaluate(form, self._leaves, self._answers, self.sigma, self.plan, value, form.lanes)
        worth, rows = value.reshape(form.sequences, -1), self.sigma.reshape(form.sequences, -1)
        regret = self.regret.reshape(form.sequences, -1)
        first = form.first.astype(np.int64)
        spread = np.maximum.reduceat(worth, first[:-1]) - np.minimum.reduceat(worth, first[:-1])
        regret[first[0] :] = rows[first[0] :] * np.repeat(spread, np.diff(first), axis=0) * iterations**0.5

    def outcome(self, *, average: bool = True) -> Outcome:
        """Return the average strategies, or those of the next iteration, and what they come to.

        It asks the evaluator once.
        """
        form = self.forest.form
        plan, value = self.plan.copy(), np.zeros_like(self.plan)
        sigma = normalise(form, self.total) if average else self.sigma.copy()
        if average and self._mass:
            self._at_roots(plan)[:] = self._at_roots(self.total) / self._mass
        _realise(form, 0, 2, sigma, plan, form.lanes)
        ranges = self._ask(plan)
        _evaluate(form, self._leaves, self._answers, sigma, plan, value, form.lanes)
        answers = self._answers.copy()
        faced = self._faced / self._mass if self._mass else answers
        return Outcome(sigma, plan, self._at_roots(value).copy(), ranges, answers, faced)

    def _at_roots(self, vector: Vector) -> Values:
        """Return the entries of the empty sequences, [B, 2, W], as a view."""
        form = self.forest.form
        rows = vector.reshape(-1, form.origin.shape[1])[: form.empties]
        return rows.reshape(-1, 2, rows.shape[1])[:, :, : self.forest.lanes]

    def _ask(self, plan: Vector) -> Values:
        """Set the answers to what the evaluator says of the net leaves; returns the ranges with which it was asked."""
        rows = plan.reshape(self.forest.form.sequences, -1)
        ranges = rows[self._leaves][:, :, : self.forest.lanes]
        if self.evaluator is not None and len(ranges):
            self._answers[:] = self.evaluator.values(self._asked, ranges)
        return ranges

    def _iterate(self, rows: Values, lo: int, hi: int) -> None:
        form, variant = self.forest.form, self.variant
        vectors = self.regret, self.total, self.sigma, self.plan, self.value, self._sums
        asked = self._leaves, self._answers
        _iterate(form, *asked, *vectors, rows, variant.step, variant.alternating, lo, hi, form.lanes)

    def _adapt(self, lo: int, hi: int) -> None:
        """Let players lo .. hi come to the roots with other ranges, where these adapt."""
        if self.adapt is None:
            return
        values = self._at_roots(self.value)
        for p in range(lo, hi):
            ranges = self.adapt(p, values[:, p])
            if ranges is not None:
                self._come(p, ranges)

    def _come(self, p: int, ranges: Floats) -> None:
        """Let player p come to the roots with ranges [B, W]."""
        form = self.forest.form
        self._at_roots(self.plan)[:, p] = np.maximum(ranges, TRACE) * (self._at_roots(form.origin)[:, p] > 0)
        _realise(form, p, p + 1, self.sigma, self.plan, form.lanes)


def responses(forest: Forest, plan: Vector, answers: Values, player: int) -> Values:
    """Return what every sequence earns the player if it then plays best, [S, W of the form], against plans and answers.

    Entries of the other player are not set.
    """
    form, value, nothing = forest.form, np.zeros_like(plan), np.empty(0)
    _face_one(form, player, plan, forest.leaves.sequence.astype(np.uint32), answers, value, form.lanes)
    respond(form, player, nothing, value, nothing)
    return value.reshape(form.sequences, -1)


class SolvedRest:
    """The evaluator that solves the game from the states asked for to its end, by so many iterations each time."""

    def __init__(self, tree: Tree, nodes: Ints, iterations: int = 300, variant: Variant = VARIANTS["dcfr"]):
        self.states, self.nodes, self.iterations, self.variant = public_states(tree), nodes, iterations, variant
        self._forests: dict[bytes, Forest] = {}

    def values(self, states: Ints, ranges: Floats) -> Floats:
        """Return the states' values at an equilibrium of what follows, [B, 2, W]."""
        key = states.tobytes()
        if key not in self._forests:
            self._forests[key] = forest_of(self.states, self.nodes[states])
        rest = DepthLimited(self._forests[key], self.variant, None, ranges, horizon=self.iterations)
        rest.advance(self.iterations)
        return rest.outcome().values
