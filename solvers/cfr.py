"""Counterfactual regret minimisation: one kernel, and the family of variants as rows of one table.

An iteration gathers a player's counterfactual values, walks its decisions from the last to the first (regrets, next
strategy), and walks back (average, realisation plan). All variants differ only in three factors an iteration (their
*schedule*) and in the prediction step:

    Q <- (Q + r) * pos where that is positive, * neg elsewhere     regrets; r is the instantaneous one
    sigma <- [Q + step * r]+ , normalised                          regret matching, with prediction if step > 0
    total <- total * avg + plan                                    the numerator of the average strategy

Regret matching sees only the positive part of Q, so a neg of 0 is regret matching plus. The average takes the plans
that the iteration used, before it changes them.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.factored import (
    TRUNK_FIRST,
    TRUNK_LAST,
    FactoredForm,
    Sums,
    gather_factored,
    in_parts,
    new_sums,
)
from counterplay.engine.form import SequenceForm
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.lanes import width
from counterplay.engine.schema import fit, least
from counterplay.engine.strategy import Vector, is_profile
from counterplay.engine.sweeps import AnyForm, down, expected, gather, normalise, realise, respond
from counterplay.solvers import CFR_STATE
from counterplay.solvers.value import ROUNDING, Judgement, judge_plans, magnitude
from counterplay.solvers.variants import Variant


def schedule(variant: Variant, start: int, count: int, horizon: int) -> npt.NDArray[np.float64]:
    """Return the factors (pos, neg, avg) of iterations start + 1 .. start + count, [count, 3].

    `horizon` is T, the number of iterations that exponents with two ends stretch over; beyond it they stay.
    """
    t = np.arange(start + 1, start + count + 1, dtype=np.float64)
    share = np.minimum(t / max(horizon, 1), 1.0)

    def exponent(ends: Sequence[float]) -> Any:
        return ends[0] if ends[0] == ends[1] else ends[0] + (ends[1] - ends[0]) * share

    def discount(ends: Sequence[float]) -> Any:
        if math.isinf(ends[0]):
            return 1.0 if ends[0] > 0 else 0.0
        power = (t + (variant.order == "discount-add")) ** exponent(ends)
        return power / (power + 1.0)

    rows = np.empty((count, 3))
    rows[:, 0] = discount(variant.alpha)
    rows[:, 1] = discount(variant.beta)
    rows[:, 2] = ((t - 1.0) / t) ** exponent(variant.gamma)
    return rows


@inlined
def _discounted(q: float, pos: float, neg: float) -> float:
    return q * pos if q > 0.0 else q * neg


@inlined
def match(
    form: AnyForm,
    begin: Index,
    end: Index,
    value: Vector,
    regret: Vector,
    sigma: Vector,
    pos: float,
    neg: float,
    step: float,
    lanes: Any,
) -> None:
    """Add instantaneous regrets and match them, bottom-up from `end`, for one lane or for four side by side."""
    w = width(lanes)
    parent, first = form.parent, form.first
    for k in range(end - begin):
        d = end - 1 - k
        lo, hi, above = first[d], first[d + 1], parent[d] * w
        equal = 1.0 / (hi - lo)
        if w == 1:
            v0, n0 = 0.0, 0.0
            for at in range(lo, hi):
                v0 += sigma[at] * value[at]
            for at in range(lo, hi):
                r0 = value[at] - v0
                q0 = _discounted(regret[at] + r0, pos, neg)
                regret[at] = q0
                q0 = max(q0 + step * r0, 0.0)
                sigma[at] = q0
                n0 += q0
            value[above] += v0
            if n0 > 0.0:
                n0 = 1.0 / n0
                for at in range(lo, hi):
                    sigma[at] *= n0
            else:
                for at in range(lo, hi):
                    sigma[at] = equal
            continue
        for i in range(0, w, 4):
            v0, v1, v2, v3 = 0.0, 0.0, 0.0, 0.0
            n0, n1, n2, n3 = 0.0, 0.0, 0.0, 0.0
            for s in range(lo, hi):
                at = s * w + i
                v0 += sigma[at] * value[at]
                v1 += sigma[at + 1] * value[at + 1]
                v2 += sigma[at + 2] * value[at + 2]
                v3 += sigma[at + 3] * value[at + 3]
            for s in range(lo, hi):
                at = s * w + i
                r0, r1, r2, r3 = value[at] - v0, value[at + 1] - v1, value[at + 2] - v2, value[at + 3] - v3
                q0, q1, q2, q3 = regret[at] + r0, regret[at + 1] + r1, regret[at + 2] + r2, regret[at + 3] + r3
                q0, q1 = _discounted(q0, pos, neg), _discounted(q1, pos, neg)
                q2, q3 = _discounted(q2, pos, neg), _discounted(q3, pos, neg)
                regret[at], regret[at + 1], regret[at + 2], regret[at + 3] = q0, q1, q2, q3
                q0, q1, q2, q3 = q0 + step * r0, q1 + step * r1, q2 + step * r2, q3 + step * r3
                q0, q1, q2, q3 = max(q0, 0.0), max(q1, 0.0), max(q2, 0.0), max(q3, 0.0)
                sigma[at], sigma[at + 1], sigma[at + 2], sigma[at + 3] = q0, q1, q2, q3
                n0, n1, n2, n3 = n0 + q0, n1 + q1, n2 + q2, n3 + q3
            at = above + i
            v0, v1, v2, v3 = value[at] + v0, value[at + 1] + v1, value[at + 2] + v2, value[at + 3] + v3
            value[at], value[at + 1], value[at + 2], value[at + 3] = v0, v1, v2, v3
            # Where nothing is positive the strategy is uniform: sigma, all zero there, times 0 plus 1 / A.
            e0, e1 = 0.0 if n0 > 0.0 else equal, 0.0 if n1 > 0.0 else equal
            e2, e3 = 0.0 if n2 > 0.0 else equal, 0.0 if n3 > 0.0 else equal
            n0, n1 = 1.0 / n0 if n0 > 0.0 else 0.0, 1.0 / n1 if n1 > 0.0 else 0.0
            n2, n3 = 1.0 / n2 if n2 > 0.0 else 0.0, 1.0 / n3 if n3 > 0.0 else 0.0
            for s in range(lo, hi):
                at = s * w + i
                q0, q1, q2, q3 = sigma[at], sigma[at + 1], sigma[at + 2], sigma[at + 3]
                q0, q1, q2, q3 = q0 * n0 + e0, q1 * n1 + e1, q2 * n2 + e2, q3 * n3 + e3
                sigma[at], sigma[at + 1], sigma[at + 2], sigma[at + 3] = q0, q1, q2, q3


@inlined
def accumulate(
    form: AnyForm, begin: Index, end: Index, source: Vector, total: Vector, factor: float, lanes: Any
) -> None:
    """Set total to total * factor + source over the actions of decisions begin .. end."""
    w = width(lanes)
    for i in range(form.first[begin] * w, form.first[end] * w):
        total[i] = total[i] * factor + source[i]


@jit
def iterate(
    form: SequenceForm,
    regret: Vector,
    total: Vector,
    sigma: Vector,
    plan: Vector,
    value: Vector,
    faced: Vector,
    earned: Vector,
    rows: npt.NDArray[np.float64],
    step: float,
    alternating: bool,
    lanes: Any,
) -> None:
    """Run one iteration for each row (pos, neg, avg) of the schedule.

    Vectors are [S * W] and change in place; `value` is scratch. `faced`, where it is not empty, sums the values that
    the players faced and `earned` [P] what they got, with the weights of the average.
    """
    players = form.begin.size - 1
    w = width(lanes)
    for t in range(rows.shape[0]):
        pos, neg, avg = rows[t, 0], rows[t, 1], rows[t, 2]
        for p in range(players):
            begin, end = form.begin[p], form.begin[p + 1]
            # In turns each player faces what the others now play; at once, all face what they played before.
            for q in range(p if alternating else 0, p + 1 if alternating else 0 if p else players):
                gather(form, q, plan, value, lanes)
            if faced.size > 0:
                accumulate(form, begin, end, value, faced, avg, lanes)
                for e in range(p, form.origin.shape[0], players):
                    for i in range(e * w, (e + 1) * w):
                        faced[i] = faced[i] * avg + value[i]
                earned[p] = earned[p] * avg + expected(form, p, plan, value, lanes)
            match(form, begin, end, value, regret, sigma, pos, neg, step, lanes)
            accumulate(form, begin, end, plan, total, avg, lanes)
            down(form, begin, end, sigma, plan, lanes)


@jit
def _match_part(
    form: FactoredForm,
    p: int,
    part: int,
    value: Vector,
    regret: Vector,
    sigma: Vector,
    pos: float,
    neg: float,
    step: float,
) -> None:
    last = form.parts[p, part + 1] - 1
    for k in range(form.parts[p, part + 1] - form.parts[p, part]):
        begin, end = form.ranges[last - k, 0], form.ranges[last - k, 1]
        match(form, begin, end, value, regret, sigma, pos, neg, step, (0,))


@jit
def _follow_part(form: FactoredForm, p: int, part: int, sigma: Vector, plan: Vector, total: Vector, avg: float) -> None:
    """Add the plan to the average, and set it to the next one, in one walk down."""
    for r in range(form.parts[p, part], form.parts[p, part + 1]):
        begin, end = form.ranges[r, 0], form.ranges[r, 1]
        accumulate(form, begin, end, plan, total, avg, (0,))
        down(form, begin, end, sigma, plan, (0,))


def iterate_factored(
    form: FactoredForm,
    regret: Vector,
    total: Vector,
    sigma: Vector,
    plan: Vector,
    value: Vector,
    sums: Sums,
    rows: npt.NDArray[np.float64],
    step: float,
    alternating: bool,
) -> None:
    """Run one iteration for each row of the schedule, as `iterate` does, on all cores."""
    for pos, neg, avg in rows.tolist():
        if not alternating:
            for p in range(2):
                gather_factored(form, p, plan, value, sums)
        for p in range(2):
            if alternating:
                gather_factored(form, p, plan, value, sums)
            in_parts(_match_part, form, p, value, regret, sigma, pos, neg, step, trunk=TRUNK_LAST)
            in_parts(_follow_part, form, p, sigma, plan, total, avg, trunk=TRUNK_FIRST)


class CFR:
    """A run of one variant: its tables, and how far it is.

    With `joint` (simultaneous variants only) it also keeps what the players faced, so that `figures` can tell how
    far the joint play is from a coarse correlated equilibrium.
    """

    def __init__(self, form: AnyForm, variant: Variant, horizon: int, joint: bool = False):
        if joint and variant.alternating:
            raise UserError("joint play is kept with simultaneous updates only")
        size = form.sequences * form.origin.shape[1]
        self.form, self.variant, self.horizon = form, variant, horizon
        self.iterations = 0
        self.regret, self.total = np.zeros(size), np.zeros(size)
        self.sigma = normalise(form, self.total)
        self.faced = np.zeros(size if joint else 0)
        self.earned = np.zeros(form.players)
        self.mass = np.zeros(1)  # the sum of the average's weights
        self.value = np.zeros_like(self.sigma)
        self.plan = realise(self.form, self.sigma)
        self.sums = new_sums(form) if isinstance(form, FactoredForm) else None

    @cached_property
    def floor(self) -> float:
        """Return the exploitability below which rounding errors may be most of it."""
        return ROUNDING * magnitude(self.form)

    def advance(self, count: int) -> None:
        """Run that many iterations."""
        rows = schedule(self.variant, self.iterations, count, self.horizon)
        form, step, alternating = self.form, self.variant.step, self.variant.alternating
        vectors = self.regret, self.total, self.sigma, self.plan, self.value
        if isinstance(form, FactoredForm):
            assert self.sums is not None
            iterate_factored(form, *vectors, self.sums, rows, step, alternating)
        else:
            iterate(form, *vectors, self.faced, self.earned, rows, step, alternating, form.lanes)
        if self.faced.size:
            for avg in rows[:, 2]:
                self.mass[0] = self.mass[0] * avg + 1.0
        self.iterations += count

    def profile(self) -> Vector:
        """Return the average strategy, which is what converges, [S * W]."""
        return normalise(self.form, self.total)

    def judge(self) -> Judgement:
        """Judge that strategy."""
        return judge_plans(self.form, self.total)

    def figures(self) -> dict[str, float]:
        """Return how far the joint play is from a coarse correlated equilibrium, where it is kept.

        The gap is the largest (weighted) average external regret: what a player could gain at most by leaving the
        joint play for one strategy of its own.
        """
        if not self.faced.size or not self.iterations:
            return {}
        value, nothing = self.faced.copy(), np.empty(0)
        form, earned = self.form, self.earned
        gains = [respond(form, p, nothing, value, nothing) - earned[p] for p in range(form.players)]
        return {"coarse_gap": float(max(gains) / self.mass[0])}

    def state(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return all that a resumed run needs, by name."""
        return {name: getattr(self, name) for name in CFR_STATE}

    def restore(self, state: dict[str, npt.NDArray[np.float64]], iterations: int) -> None:
        """Go on from what `state` gave after so many iterations; raises `ValueError` for what no run is."""
        saved = fit(state, self.state(), "the saved run")
        if least(saved["total"]) < 0 or not is_profile(self.form, saved["sigma"]):
            raise UserError("the saved run does not fit: its strategies are no probabilities")
        for name, array in saved.items():
            setattr(self, name, array.copy())
        self.iterations = iterations
        self.plan = realise(self.form, self.sigma)
