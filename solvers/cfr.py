"""Counterfactual regret minimisation: one kernel, and the family of variants as rows of one table.

An iteration gathers a player's counterfactual values, walks its decisions from the last to the first (regrets, next
strategy), and walks back (average, realisation plan). All variants differ only in three factors a iteration (a
*schedule*) and in the prediction step:

    Q <- (Q + r) * pos where positive, * neg elsewhere            regrets, r the instantaneous counterfactual regret
    sigma <- [Q + step * r]+ , normalised                         regret matching, with prediction where step > 0
    total <- total * avg + plan                                   the numerator of the average strategy

Regret matching sees only the positive part of Q, so a neg of 0 is regret matching plus. The average takes the plans
that the iteration used, before it changes them.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.form import SequenceForm
from counterplay.engine.jit import jit, width
from counterplay.engine.sweeps import down, expected, gather

Vector = npt.NDArray[np.float64]


@jit
def _match(
    form: SequenceForm,
    p: int,
    value: Vector,
    regret: Vector,
    sigma: Vector,
    pos: float,
    neg: float,
    step: float,
    scratch: Vector,
    lanes: Any,
) -> None:
    """Add instantaneous regrets and match them, bottom-up; `scratch` has 2 W entries."""
    w = width(lanes)
    parent, first = form.parent, form.first
    begin, end = form.begin[p], form.begin[p + 1]
    for k in range(end - begin):
        d = end - 1 - k
        lo, hi, above = first[d], first[d + 1], parent[d] * w
        for i in range(w):
            scratch[i] = 0.0
            scratch[w + i] = 0.0
        for s in range(lo, hi):
            at = s * w
            for i in range(w):
                scratch[i] += sigma[at + i] * value[at + i]
        for s in range(lo, hi):
            at = s * w
            for i in range(w):
                r = value[at + i] - scratch[i]
                q = regret[at + i] + r
                q = q * pos if q > 0.0 else q * neg
                regret[at + i] = q
                q = max(q + step * r, 0.0)
                sigma[at + i] = q
                scratch[w + i] += q
        for i in range(w):
            value[above + i] += scratch[i]
            scratch[i] = 1.0 / (hi - lo) if scratch[w + i] <= 0.0 else 0.0
            scratch[w + i] = 1.0 / scratch[w + i] if scratch[w + i] > 0.0 else 0.0
        for s in range(lo, hi):
            at = s * w
            for i in range(w):
                sigma[at + i] = sigma[at + i] * scratch[w + i] + scratch[i]


@jit
def _average(form: SequenceForm, p: int, plan: Vector, total: Vector, factor: float, lanes: Any) -> None:
    w = width(lanes)
    for i in range(form.first[form.begin[p]] * w, form.first[form.begin[p + 1]] * w):
        total[i] = total[i] * factor + plan[i]


@jit
def iterate(
    form: SequenceForm,
    regret: Vector,
    total: Vector,
    sigma: Vector,
    plan: Vector,
    value: Vector,
    schedule: npt.NDArray[np.float64],
    step: float,
    alternating: bool,
    lanes: Any,
) -> None:
    """Run one iteration for each row (pos, neg, avg) of the schedule."""
    players = form.origin.shape[0]
    scratch = np.empty(2 * width(lanes))
    for t in range(schedule.shape[0]):
        pos, neg, avg = schedule[t, 0], schedule[t, 1], schedule[t, 2]
        if not alternating:
            for p in range(players):
                gather(form, p, plan, value, lanes)
        for p in range(players):
            if alternating:
                gather(form, p, plan, value, lanes)
            _match(form, p, value, regret, sigma, pos, neg, step, scratch, lanes)
            _average(form, p, plan, total, avg, lanes)
            down(form, p, sigma, plan, lanes)
