"""The exact answer for two-player zero-sum games: the sequence-form linear programme (von Stengel 1996, section 3).

Player 0 chooses a realisation plan x to maximise the value v that player 1's best response leaves:
maximise v[root] subject to E x = e (x is a plan) and F' v <= A' x (v is below every response), with A the payoffs to
player 0. The duals of the second set of constraints are player 1's equilibrium plan.
"""

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array, hstack

from counterplay.engine.errors import UserError
from counterplay.engine.form import SequenceForm, sequence_form
from counterplay.engine.strategy import Table, Vector, to_table
from counterplay.engine.sweeps import normalise
from counterplay.engine.tree import Tree


def _plan_constraints(form: SequenceForm, p: int, column: Vector) -> tuple[csr_array, Vector]:
    """Return E, e with E x = e for the realisation plans of player p: the empty sequence is 1, decisions conserve."""
    decisions = np.arange(form.begin[p], form.begin[p + 1])
    sizes = (form.first[decisions + 1] - form.first[decisions]).astype(int)
    rows = 1 + np.arange(len(decisions))
    low, high = int(form.first[form.begin[p]]), int(form.first[form.begin[p + 1]])
    entries = (
        np.concatenate([[1.0], np.ones(high - low), -np.ones(len(decisions))]),
        (
            np.concatenate([[0], rows.repeat(sizes), rows]),
            column[np.concatenate([[p], np.arange(low, high), form.parent[decisions]]).astype(int)].astype(int),
        ),
    )
    e = np.zeros(1 + len(decisions))
    e[0] = 1.0
    return csr_array(coo_array(entries, shape=(1 + len(decisions), 1 + high - low))), e


def solve_lp(tree: Tree) -> Table:
    """Return an equilibrium of a two-player zero-sum game, [R, W], exact up to the accuracy of HiGHS (about 1e-9).

    Raises `ValueError` for other games, and where HiGHS gives up.
    """
    if tree.players != 2 or not tree.zero_sum:
        raise UserError("the linear programme is for two-player zero-sum games; take a regret minimiser for this one")
    form = sequence_form(tree, unroll=True)
    column = np.zeros(form.sequences)  # where each sequence stands in its owner's plan; the empty one is 0
    sizes = []
    for p in range(2):
        low, high = int(form.first[form.begin[p]]), int(form.first[form.begin[p + 1]])
        column[low:high] = 1 + np.arange(high - low)
        sizes.append(1 + high - low)
    own = np.arange(form.sequences).repeat(form.start[1:].astype(np.int64) - form.start[:-1])
    mine = (own == 0) | ((own >= form.first[0]) & (own < form.first[form.begin[1]]))
    at = (column[form.other[mine, 0]].astype(int), column[own[mine]].astype(int))
    payoffs = form.scale[mine]
    unit = float(np.abs(payoffs).max(initial=0.0)) or 1.0  # HiGHS wants numbers near 1, and no plan depends on the unit
    payoff_t = coo_array((payoffs / unit, at), shape=(sizes[1], sizes[0]))  # A'
    plan0, e0 = _plan_constraints(form, 0, column)
    plan1, e1 = _plan_constraints(form, 1, column)
    # Variables: x (player 0's plan), then v (one value for each of player 1's constraints).
    result = linprog(
        np.concatenate([np.zeros(sizes[0]), -e1]),
        A_ub=csr_array(hstack([-payoff_t, plan1.T])),
        b_ub=np.zeros(sizes[1]),
        A_eq=csr_array(hstack([plan0, csr_array((plan0.shape[0], plan1.shape[0]))])),
        b_eq=e0,
        bounds=[(0, None)] * sizes[0] + [(None, None)] * plan1.shape[0],
        method="highs",
    )
    if result.status != 0:
        raise UserError(
            f"the linear programme's solver gave up ({str(result.message).split('(')[0].strip()}): take a regret "
            "minimiser, such as pcfr+, which has no such limits"
        )
    plans = np.zeros(form.sequences)
    for p, plan in enumerate((result.x[: sizes[0]], -result.ineqlin.marginals)):
        low, high = int(form.first[form.begin[p]]), int(form.first[form.begin[p + 1]])
        plans[low:high] = np.maximum(plan[1:], 0.0)
        plans[p] = 1.0
    return to_table(form, tree, normalise(form, plans))
