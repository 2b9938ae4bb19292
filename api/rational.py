"""Values of small two-player zero-sum games as fractions, with two strategies that prove them.

The linear programme is that of a matrix game, whose rows and columns are pure strategies, one added at a time: each
player's best response to the other's optimal mix of those found so far, until neither can do better (double oracle;
McMahan, Gordon and Blum 2003). It is run in doubles first, and again in fractions from the strategies that mattered: so
few programmes are solved exactly, and what is found is exact. The mixes are the programme's primal and dual solution:
what the one guarantees and what the other allows are the same number, which is the proof.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.verifier import EXACT, Flat, best_response, flatten
from counterplay.engine.errors import UserError

Array = npt.NDArray[Any]
Tell = Callable[[str, float], None]  # of what is done, and which part of the most there may be

MOST = 150  # pure strategies of a player that are added before it is given up


def solve_matrix(payoffs: Array) -> tuple[Fraction, list[Fraction], list[Fraction]]:
    """Return value and optimal mixes of a matrix game of fractions, [A, B], to the row player.

    Dantzig's simplex method by Bland's rule on: maximise the sum of y where B y <= 1 and y >= 0, where B is the matrix
    with all entries raised above 0. The duals of the rows are the other mix.
    """
    rows, columns = payoffs.shape
    raised = 1 - payoffs.min()
    table = np.full((rows + 1, columns + rows + 1), Fraction(0), object)
    table[:rows, :columns] = payoffs + raised
    for r in range(rows):
        table[r, columns + r] = Fraction(1)
    table[:rows, -1], table[-1, :columns] = Fraction(1), Fraction(-1)
    basis = [columns + r for r in range(rows)]
    while True:
        entering = next((c for c in range(columns + rows) if table[-1, c] < 0), None)
        if entering is None:
            break
        ratios = [(table[r, -1] / table[r, entering], basis[r], r) for r in range(rows) if table[r, entering] > 0]
        _, _, leaving = min(ratios)
        table[leaving] = table[leaving] / table[leaving, entering]
        for r in range(rows + 1):
            if r != leaving and table[r, entering] != 0:
                table[r] = table[r] - table[r, entering] * table[leaving]
        basis[leaving] = entering
    total = table[-1, -1]
    mix = [Fraction(0)] * (columns + rows)
    for r, variable in enumerate(basis):
        mix[variable] = table[r, -1] / total
    return 1 / total - raised, [x / total for x in table[-1, columns:-1]], mix[:columns]


def solve_exactly(rules: Any, tell: Tell | None = None) -> tuple[Fraction, list[dict[str, list[Fraction]]]]:
    """Return the value to player 0, and both players' optimal strategies by what they see.

    `tell` is called as pure strategies are found, in doubles and then in fractions. Raises `UserError` for games that
    are not for two, zero-sum and small.
    """
    if rules.players != 2:
        raise UserError("exact values are of two-player zero-sum games")
    flat = flatten(rules)
    if flat.chance.dtype != object:
        raise UserError(
            f"exact values are of games of up to {EXACT:,} ends whose odds are fractions; this one has "
            f"{len(flat.chance):,} ends"
        )
    if any(flat.paid.sum(axis=1)):
        raise UserError("exact values are of two-player zero-sum games, and this one's payoffs do not sum to zero")
    weight = flat.chance * flat.paid[:, 0]
    pure = _found_in_doubles(flat, weight, tell)
    while True:
        _told(pure, "in fractions", tell)
        rows, columns = (np.stack([plan[flat.last[:, p]] for plan in pure[p]]) for p in range(2))
        value, one, two = solve_matrix((rows * weight) @ columns.T)
        plans = [_mixed(pure[0], one), _mixed(pure[1], two)]
        better = False
        for p in range(2):
            if best_response(flat, p, plans) > (value if p == 0 else -value):
                pure[p].append(_respond(flat, p, plans))
                better = True
        if not better:
            return value, [_behaviour(flat, p, plans[p]) for p in range(2)]


def _told(pure: list[list[Array]], how: str, tell: Tell | None) -> None:
    """Tell how many pure strategies there are; raises `UserError` for too many."""
    most = max(map(len, pure))
    if most > MOST:
        raise UserError(f"the exact value takes more than {MOST} pure strategies of a player: too many")
    if tell is not None:
        tell(f"{most} pure strategies {how}", most / MOST)


def _found_in_doubles(flat: Flat, weight: Array, tell: Tell | None) -> list[list[Array]]:
    """Return the pure plans of each player that have a part in an equilibrium, as far as doubles tell."""
    from scipy.optimize import linprog

    plain = flat._replace(chance=flat.chance.astype(float), paid=flat.paid.astype(float))
    paid = weight.astype(float)
    pure: list[list[Array]] = [[_first(flat, 0)], [_first(flat, 1)]]
    while True:
        _told(pure, "in doubles", tell)
        rows, columns = (np.stack([plan[flat.last[:, p]] for plan in pure[p]]).astype(float) for p in range(2))
        matrix = (rows * paid) @ columns.T
        a, b = matrix.shape
        found = linprog(  # maximise v where the mix earns v at least in every column
            [*[0.0] * a, -1.0],
            A_ub=np.hstack([-matrix.T, np.ones((b, 1))]),
            b_ub=np.zeros(b),
            A_eq=[[*[1.0] * a, 0.0]],
            b_eq=[1.0],
            bounds=[*[(0, None)] * a, (None, None)],
            method="highs",
        )
        if found.status != 0:
            return pure
        mixes = [np.maximum(found.x[:a], 0), np.maximum(-found.ineqlin.marginals, 0)]
        plans = [_mixed([plan.astype(float) for plan in pure[p]], list(mixes[p])) for p in range(2)]
        gains = [best_response(plain, p, plans) - (found.x[-1] if p == 0 else -found.x[-1]) for p in range(2)]
        if max(gains) <= 1e-9:
            return [[plan for plan, x in zip(pure[p], mixes[p], strict=True) if x > 1e-9] for p in range(2)]
        for p in range(2):
            if gains[p] > 1e-9:
                pure[p].append(_respond(plain, p, plans))


def _mixed(plans: list[Array], mix: list[Any]) -> Array:
    found: Array = sum(plan * x for plan, x in zip(plans, mix, strict=True))
    return found


def _pure(flat: Flat, player: int, choice: dict[str, int]) -> Array:
    """Return the plan of a pure strategy, [rows + 1]."""
    plan = np.full(flat.rows[player] + 1, Fraction(0), object)
    plan[-1] = Fraction(1)
    for label, (above, first, _) in flat.sets[player].items():
        plan[first + choice[label]] = plan[above]
    return plan


def _first(flat: Flat, player: int) -> Array:
    return _pure(flat, player, dict.fromkeys(flat.sets[player], 0))


def _respond(flat: Flat, player: int, plans: list[Array]) -> Array:
    """Return the plan of a pure best response."""
    worth = np.full(flat.rows[player] + 1, Fraction(0), object)
    weight = flat.chance * flat.paid[:, player] * plans[1 - player][flat.last[:, 1 - player]]
    np.add.at(worth, flat.last[:, player], weight)
    choice = {}
    for label, (above, first, many) in reversed(flat.sets[player].items()):
        choice[label] = max(range(many), key=lambda i: worth[first + i])
        worth[above] += worth[first + choice[label]]
    return _pure(flat, player, choice)


def _behaviour(flat: Flat, player: int, plan: Array) -> dict[str, list[Fraction]]:
    """Return what a plan does at each information set; where it never gets, all moves alike."""
    found = {}
    for label, (above, first, many) in flat.sets[player].items():
        here = plan[above]
        found[label] = [x / here if here else Fraction(1, many) for x in plan[first : first + many]]
    return found
