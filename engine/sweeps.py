"""The moves that solvers, evaluation and best response are made of, over a `SequenceForm`.

Vectors over sequences are flat, [S * W]: sequence s holds entries s * W .. (s + 1) * W, one a lane. Plans are
realisation plans (the product of the owner's own probabilities); values are counterfactual (weighted by chance and by
the others' plans).
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from counterplay.engine.factored import (
    PARTS,
    TRUNK_FIRST,
    TRUNK_LAST,
    FactoredForm,
    gather_factored,
    in_parts,
    new_sums,
)
from counterplay.engine.form import SequenceForm
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.lanes import width

Vector = npt.NDArray[np.float64]
AnyForm: TypeAlias = SequenceForm | FactoredForm


@inlined
def down(form: AnyForm, begin: Index, end: Index, sigma: Vector, plan: Vector, lanes: Any) -> None:
    """Turn the strategy of decisions begin .. end into a realisation plan: plan[s] = plan[parent] * sigma[s]."""
    w = width(lanes)
    parent, first = form.parent, form.first
    for d in range(begin, end):
        above = parent[d] * w
        for s in range(first[d], first[d + 1]):
            at = s * w
            for i in range(w):
                plan[at + i] = plan[above + i] * sigma[at + i]


@jit
def _gather_three(
    begin: Index,
    end: Index,
    s: Index,
    other: npt.NDArray[np.uint32],
    scale: Vector,
    table: npt.NDArray[np.uint32],
    tables: Vector,
    plan: Vector,
    value: Vector,
    w: int,
) -> None:
    """Set the values of a sequence in lanes of three players: a term is a product with a table over all their lanes."""
    at = s * w
    for i in range(w):
        value[at + i] = 0.0
    for m in range(begin, end):
        one, two, size = other[m, 0] * w, other[m, 1] * w, scale[m]
        for j in range(w):
            reach = size * plan[one + j]
            if reach == 0.0:
                continue
            for k in range(w):
                both = reach * plan[two + k]
                if both != 0.0:  # often all of a hand is elsewhere, and its part of the table is not read
                    here = ((table[m] * w + j) * w + k) * w
                    for i in range(w):
                        value[at + i] += both * tables[here + i]


@inlined
def gather(form: SequenceForm, p: int, plan: Vector, value: Vector, lanes: Any) -> None:
    """Set player p's values to those of the leaves that follow its sequences without another action of its own."""
    w = width(lanes)
    start, other, scale, table, tables = form.start, form.other, form.scale, form.table, form.tables
    lo, hi = form.first[form.begin[p]], form.first[form.begin[p + 1]]
    others = other.shape[1]
    empties = form.origin.shape[0] // (others + 1)
    for k in range(lo, hi + empties):
        s = k if k < hi else np.uint32(p + (k - hi) * (others + 1))  # its actions, and at last its empty sequences
        if w > 1 and others == 2:
            _gather_three(start[s], start[s + 1], s, other, scale, table, tables, plan, value, w)
        elif w > 1:
            # Four lanes at a time in four scalars, which become one vector register: sums kept in `value` would go
            # through memory at each step, since the compiler cannot know that it does not overlap `plan`.
            for i in range(0, w, 4):
                a0, a1, a2, a3 = 0.0, 0.0, 0.0, 0.0
                for m in range(start[s], start[s + 1]):
                    theirs, at, size = other[m, 0] * w, table[m] * w * w + i, scale[m]
                    for j in range(w):
                        reach = size * plan[theirs + j]
                        a0 += reach * tables[at]
                        a1 += reach * tables[at + 1]
                        a2 += reach * tables[at + 2]
                        a3 += reach * tables[at + 3]
                        at += w
                at = s * w + i
                value[at], value[at + 1], value[at + 2], value[at + 3] = a0, a1, a2, a3
        elif others == 1:
            total = 0.0
            for m in range(start[s], start[s + 1]):
                total += scale[m] * plan[other[m, 0]]
            value[s] = total
        else:
            total = 0.0
            for m in range(start[s], start[s + 1]):
                term = scale[m]
                for q in range(others):
                    term *= plan[other[m, q]]
                total += term
            value[s] = total


@inlined
def _normalise(form: AnyForm, begin: Index, end: Index, total: Vector, sigma: Vector, lanes: Any) -> None:
    """Set sigma to the behaviour strategy of a (scaled) realisation plan; uniform where the plan is zero."""
    w = width(lanes)
    first = form.first
    for d in range(begin, end):
        lo, hi = first[d], first[d + 1]
        for i in range(w):
            norm = 0.0
            for s in range(lo, hi):
                norm += total[s * w + i]
            for s in range(lo, hi):
                sigma[s * w + i] = total[s * w + i] / norm if norm > 0.0 else 1.0 / (hi - lo)


@inlined
def expected(form: SequenceForm, p: int, plan: Vector, value: Vector, lanes: Any) -> float:
    """Return what player p's plan earns against values from `gather`."""
    w = width(lanes)
    total = 0.0
    for e in range(p, form.origin.shape[0], form.begin.size - 1):
        for i in range(e * w, (e + 1) * w):
            total += plan[i] * value[i]
    for i in range(form.first[form.begin[p]] * w, form.first[form.begin[p + 1]] * w):
        total += plan[i] * value[i]
    return total


@inlined
def _climb(form: AnyForm, begin: Index, end: Index, value: Vector, sigma: Vector, lanes: Any, keep: bool) -> None:
    """Add the value of the best action of decisions begin .. end to the sequences that lead there, bottom-up.

    `sigma`, if it is to be kept, is set to the response: 1 for the first best action of a decision, 0 for the others.
    """
    w = width(lanes)
    parent, first = form.parent, form.first
    for k in range(end - begin):
        d = end - 1 - k
        lo, hi, above = first[d], first[d + 1], parent[d] * w
        for i in range(w):
            top, arg = value[lo * w + i], lo
            for s in range(lo + 1, hi):
                if value[s * w + i] > top:
                    top, arg = value[s * w + i], s
            value[above + i] += top
            if keep:
                for s in range(lo, hi):
                    sigma[s * w + i] = 1.0 if s == arg else 0.0


@inlined
def best(form: SequenceForm, p: int, value: Vector, sigma: Vector, lanes: Any, keep: bool) -> float:
    """Return what player p's best response earns against values from `gather`.

    On return `value` holds each sequence's value under best play, and `sigma` (if it is to be kept) the response.
    """
    w = width(lanes)
    _climb(form, form.begin[p], form.begin[p + 1], value, sigma, lanes, keep)
    total = 0.0
    for e in range(p, form.origin.shape[0], form.begin.size - 1):
        for i in range(w):
            total += value[e * w + i] * form.origin[e, i]
    return total


@jit
def _measure(
    form: SequenceForm, total: Vector, sigma: Vector, plan: Vector, value: Vector, result: Vector, lanes: Any
) -> None:
    """Set `result` [2 * P] to what every player earns under the profile, and what its best responses would earn.

    The profile is `sigma`; or, where `total` is not empty, that of the (scaled) realisation plans in it, which `sigma`
    is set to. On return `plan` is the profile's realisation plan; `value` is scratch. (One way in for all of this: each
    takes a form apart, which is long code to compile.)
    """
    w = width(lanes)
    players = form.begin.size - 1
    if total.size > 0:
        _normalise(form, 0, form.parent.size, total, sigma, lanes)
    for e in range(form.origin.shape[0]):
        for i in range(w):
            plan[e * w + i] = form.origin[e, i]
    for p in range(players):
        down(form, form.begin[p], form.begin[p + 1], sigma, plan, lanes)
    for p in range(players):
        gather(form, p, plan, value, lanes)
        result[p] = expected(form, p, plan, value, lanes)
        result[players + p] = best(form, p, value, sigma, lanes, False)


@jit
def _respond(form: SequenceForm, p: int, plan: Vector, value: Vector, sigma: Vector, lanes: Any) -> float:
    if plan.size > 0:
        gather(form, p, plan, value, lanes)
    return best(form, p, value, sigma, lanes, sigma.size > 0)


def respond(form: AnyForm, p: int, plan: Vector, value: Vector, sigma: Vector) -> float:
    """Return what player p's best response earns against the others' plans or, without, against `value`.

    `sigma`, where it is not empty, is set to the response.
    """
    if isinstance(form, SequenceForm):
        return _respond(form, p, plan, value, sigma, form.lanes)
    if plan.size:
        gather_factored(form, p, plan, value, new_sums(form))
    in_parts(_climb_part, form, p, value, sigma, trunk=TRUNK_LAST)
    return float(value[p])


def measure(form: AnyForm, total: Vector, sigma: Vector, plan: Vector) -> Vector:
    """Return what every player earns under the profile, and what its best response to the others would, [2, P].

    Profile and plan are as in `_measure`.
    """
    result = np.empty((2, form.players))
    if isinstance(form, SequenceForm):
        _measure(form, total, sigma, plan, np.empty_like(plan), result.ravel(), form.lanes)
        return result
    for p in range(2):
        if total.size:
            in_parts(_normalise_part, form, p, total, sigma, trunk=TRUNK_FIRST)
        plan[p] = 1.0
        realise_factored(form, p, sigma, plan)
    value, nothing, sums = np.empty_like(plan), np.empty(0), new_sums(form)
    for p in range(2):
        gather_factored(form, p, plan, value, sums)
        result[0, p] = sum(in_parts(_expected_part, form, p, plan, value, trunk=TRUNK_LAST))
        result[1, p] = respond(form, p, nothing, value, nothing)
    return result


def realise_factored(form: FactoredForm, p: int, sigma: Vector, plan: Vector) -> None:
    """Turn player p's behaviour strategy into its realisation plan."""
    in_parts(_down_part, form, p, sigma, plan, trunk=TRUNK_FIRST)


@jit
def _down_part(form: FactoredForm, p: int, part: int, sigma: Vector, plan: Vector) -> None:
    for r in range(form.parts[p, part], form.parts[p, part + 1]):
        down(form, form.ranges[r, 0], form.ranges[r, 1], sigma, plan, (0,))


@jit
def _normalise_part(form: FactoredForm, p: int, part: int, total: Vector, sigma: Vector) -> None:
    for r in range(form.parts[p, part], form.parts[p, part + 1]):
        _normalise(form, form.ranges[r, 0], form.ranges[r, 1], total, sigma, (0,))


@jit
def _climb_part(form: FactoredForm, p: int, part: int, value: Vector, sigma: Vector) -> None:
    last = form.parts[p, part + 1] - 1
    for k in range(form.parts[p, part + 1] - form.parts[p, part]):
        begin, end = form.ranges[last - k, 0], form.ranges[last - k, 1]
        _climb(form, begin, end, value, sigma, (0,), sigma.size > 0)


@jit
def _expected_part(form: FactoredForm, p: int, part: int, plan: Vector, value: Vector) -> float:
    total = plan[p] * value[p] if part == PARTS else 0.0
    for r in range(form.parts[p, part], form.parts[p, part + 1]):
        for s in range(form.first[form.ranges[r, 0]], form.first[form.ranges[r, 1]]):
            total += plan[s] * value[s]
    return total


def normalise(form: AnyForm, total: Vector) -> Vector:
    """Return the behaviour strategy of a (scaled) realisation plan, [S * W]; uniform where the plan is zero."""
    sigma = np.zeros_like(total)
    if isinstance(form, SequenceForm):
        measure(form, total, sigma, np.empty_like(total))
    else:
        for p in range(2):
            in_parts(_normalise_part, form, p, total, sigma, trunk=TRUNK_FIRST)
    return sigma


def realise(form: AnyForm, sigma: Vector) -> Vector:
    """Return the realisation plans of all players' behaviour strategies, [S * W], from `origin` on."""
    plan = np.ones_like(sigma)
    if isinstance(form, SequenceForm):
        measure(form, np.empty(0), sigma, plan)
    else:
        for p in range(2):
            realise_factored(form, p, sigma, plan)
    return plan
