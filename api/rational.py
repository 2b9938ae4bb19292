"""Values of small two-player zero-sum games as fractions, with two strategies that prove them.

Each player's part of the sequence-form linear programme (von Stengel 1996) is solved in doubles first. Of that solution
only its vertex is kept: which sequences are played, and which of the other's are best responses. These are equations in
whole numbers with one solution, which is found exactly: digit by digit, by refinement with an inverse in doubles and
residues in whole numbers (Wan 2006), until the fractions behind the digits solve the equations. Nothing so far need be
right: what the first strategy guarantees and what the second allows are computed in fractions, and where they are the
same number, that is the value, and the two strategies are its proof.
"""

from collections.abc import Callable
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.verifier import VALUED, Flat, best_response, flatten
from counterplay.engine.errors import UserError
from counterplay.engine.rules import is_rules

Array = npt.NDArray[Any]
Tell = Callable[[str, float], None]  # of what is done, and which part of the whole

BITS = 16  # of the solution that a refinement adds
_NEAR = (1e-9, 1e-11, 1e-7, 1e-6)  # below which a double is taken for 0, one after the other until what is found holds


def solve_exactly(rules: Any, tell: Tell | None = None) -> tuple[Fraction, list[dict[str, list[Fraction]]]]:
    """Return the value to player 0, and both players' optimal strategies by what they see.

    `tell` is called as it gets on. Raises `UserError` as `flat_of` and `solve_flat`.
    """
    return solve_flat(flat_of(rules), tell)


def flat_of(rules: Any) -> Flat:
    """Return a game as its ends, in fractions; raises `UserError` for what is not for two, zero-sum and small."""
    if not is_rules(rules):
        raise UserError("exact values are of small games, and this is a hold'em spot: certify a solution of it")
    if rules.players != 2:
        raise UserError("exact values are of two-player zero-sum games")
    flat = flatten(rules, VALUED, VALUED)
    if flat.chance.dtype != object:
        raise UserError("exact values are of games whose odds are fractions, and this one's are not")
    if any(flat.paid.sum(axis=1)):
        raise UserError("exact values are of two-player zero-sum games, and this one's payoffs do not sum to zero")
    return flat


def solve_flat(flat: Flat, tell: Tell | None = None) -> tuple[Fraction, list[dict[str, list[Fraction]]]]:
    """Return what `solve_exactly` does; raises `UserError` where the doubles do not tell which equations hold."""
    told = tell or (lambda _what, _part: None)
    sums, vertices = _Payoffs(flat), list[Array]()
    for p in range(2):
        told(f"player {p}'s linear programme in doubles", p / 4)
        vertices.append(_programme(flat, sums, p))
    bounds = list[tuple[Fraction, Fraction]]()
    for near in _NEAR:
        plans = list[Array]()
        for p, vertex in enumerate(vertices):

            def done(part: float, p: int = p) -> None:
                told(f"player {p}'s strategy in fractions", (2 + p + part) / 4)

            plan = _exact_plan(flat, sums, p, vertex, near, done)
            if plan is None:
                break
            plans.append(plan)
        else:
            least, most = -best_response(flat, 1, plans), best_response(flat, 0, plans)
            if least == most:
                return least, [_behaviour(flat, p, plans[p]) for p in range(2)]
            bounds.append((least, most))
    said = "doubles do not tell which strategies are optimal: no exact value is found"
    if bounds:
        low, high = max(b[0] for b in bounds), min(b[1] for b in bounds)
        said += f", but it is between {float(low):.12g} and {float(high):.12g}"
    raise UserError(said)


class _Payoffs:
    """The payoffs to player 0 by both players' last rows, in whole numbers of one unit; the empty row is the last."""

    def __init__(self, flat: Flat) -> None:
        from scipy.sparse import coo_array

        weight = flat.chance * flat.paid[:, 0]
        self.unit = lcm(1, *(x.denominator for x in weight))
        whole = [int(x * self.unit) for x in weight]
        divisor = gcd(0, *whole) or 1
        numbers = np.array([x // divisor for x in whole], object)
        if max(map(abs, numbers), default=0) > 2**31:
            raise UserError("the game's odds and payoffs have no small common denominator: no exact value is found")
        size = tuple(rows + 1 for rows in flat.rows)
        at = tuple(np.where(flat.last[:, p] < 0, size[p] - 1, flat.last[:, p]) for p in range(2))
        self.matrix = coo_array((numbers.astype(np.int64), at), shape=size).tocsr()


def _sets(flat: Flat, p: int) -> list[tuple[int, int, int]]:
    """Return a player's information sets: the row before, the empty one as the last, the first row, how many."""
    return [(above if above >= 0 else flat.rows[p], first, many) for above, first, many in flat.sets[p].values()]


def _programme(flat: Flat, sums: _Payoffs, p: int) -> Array:
    """Return an optimal plan of player p in doubles, [rows + 1], at a vertex of its programme.

    Maximise what the other's best response leaves, of p's plan x and a number u for each of the other's information
    sets and for the whole: each row is at most as good to the other as its information set.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, hstack

    own, theirs = _sets(flat, p), _sets(flat, 1 - p)
    n, m = flat.rows[p] + 1, flat.rows[1 - p] + 1
    payoffs = (sums.matrix if p == 0 else -sums.matrix.T).astype(float)
    unit = float(abs(payoffs).max()) or 1.0
    below = coo_array(  # of each of the other's rows: its set's number less those of the sets that follow
        (
            [*[1.0] * m, *[-1.0] * len(theirs)],
            (
                [*[first + i for _, first, many in theirs for i in range(many)], m - 1, *[a for a, _, _ in theirs]],
                [*[j for j, (_, _, many) in enumerate(theirs) for _ in range(many)], len(theirs), *range(len(theirs))],
            ),
        ),
        shape=(m, len(theirs) + 1),
    )
    flow = coo_array(
        (
            [1.0, *[1.0] * (n - 1), *[-1.0] * len(own)],
            (
                [0, *[1 + j for j, (_, _, many) in enumerate(own) for _ in range(many)], *range(1, len(own) + 1)],
                [n - 1, *[first + i for _, first, many in own for i in range(many)], *[a for a, _, _ in own]],
            ),
        ),
        shape=(len(own) + 1, n),
    )
    found = linprog(
        [*[0.0] * (n + len(theirs)), -1.0],
        A_ub=hstack([-payoffs.T / unit, below]).tocsr(),
        b_ub=np.zeros(m),
        A_eq=hstack([flow, coo_array((len(own) + 1, len(theirs) + 1))]).tocsr(),
        b_eq=[1.0, *[0.0] * len(own)],
        bounds=[*[(0, None)] * n, *[(None, None)] * (len(theirs) + 1)],
        method="highs-ds",
    )
    if found.status != 0:
        raise UserError("the linear programme's solver gave up: no exact value is found")
    plan: Array = found.x[:n]
    return plan


def _exact_plan(
    flat: Flat, sums: _Payoffs, p: int, x: Array, near: float, told: Callable[[float], None]
) -> Array | None:
    """Return player p's plan in fractions, [rows + 1], of one in doubles; None where these do not give it."""
    forms, free = _forms(flat, p, x, near)
    payoffs = sums.matrix if p == 0 else -sums.matrix.T
    unit = float(abs(payoffs).max()) or 1.0
    worth = payoffs.T @ forms  # [m, f + 1]: what p gets by each row of the other's, of the free numbers and 1
    about = payoffs.T @ x / unit  # [m]
    rows = []
    for above, first, many in reversed(_sets(flat, 1 - p)):
        least = about[first : first + many].min()
        tight = [first + i for i in range(many) if about[first + i] - least <= near]
        rows += [worth[other] - worth[tight[0]] for other in tight[1:]]
        worth[above] += worth[tight[0]]
        about[above] += least
    equations = np.array(rows, np.int64).reshape(len(rows), len(free) + 1)
    solved = solve_whole(equations[:, :-1], -equations[:, -1], x[free], told)
    if solved is None:
        return None
    numbers, under = solved
    plan = [sum(int(form[i]) * numbers[i] for i in np.flatnonzero(form[:-1])) + int(form[-1]) * under for form in forms]
    return None if min(plan) < 0 else np.array([Fraction(y, under) for y in plan], object)


def _forms(flat: Flat, p: int, x: Array, near: float) -> tuple[Array, list[int]]:
    """Return each entry of a plan as a whole-number combination of free ones and 1, [rows + 1, f + 1], and the free.

    At each information set that is reached, the likeliest move has what the others leave.
    """
    played = [np.array([first + i for i in range(many) if x[first + i] > near]) for _, first, many in _sets(flat, p)]
    rests = [int(rows[np.argmax(x[rows])]) if len(rows) else -1 for rows in played]
    free = [int(r) for rows, rest in zip(played, rests, strict=True) for r in rows if r != rest]
    number = {row: i for i, row in enumerate(free)}
    forms = np.zeros((flat.rows[p] + 1, len(free) + 1), np.int64)
    forms[-1, -1] = 1
    for (above, _, _), rows, rest in zip(_sets(flat, p), played, rests, strict=True):
        if rest < 0:
            continue
        forms[rest] = forms[above]
        for row in rows[rows != rest].tolist():
            forms[row, number[row]] = 1
            forms[rest] -= forms[row]
    return forms, free


def solve_whole(matrix: Array, right: Array, near: Array, told: Callable[[float], None]) -> tuple[Array, int] | None:
    """Return whole numbers [f] and one denominator that solve equations of whole numbers, [m, f] and [m]; None if none.

    Where the equations leave some unknown open, it stays near to what is given.
    """
    from scipy.linalg import qr

    f = matrix.shape[1]
    if f == 0:
        return (np.zeros(0, object), 1) if not right.any() else None
    _, upper, order = qr(np.vstack([matrix, np.zeros((1, f))]).astype(float), mode="economic", pivoting=True)
    sizes = abs(np.diag(upper))
    rank = int((sizes > 1e-9 * sizes[0]).sum()) if sizes[0] > 0 else 0
    basic, open_ = np.sort(order[:rank]), np.sort(order[rank:])
    scale = 1 << (12 if len(open_) else 0)
    fixed = np.array([round(float(near[i]) * scale) for i in open_], np.int64)
    target = right * scale - (matrix[:, open_] @ fixed if len(open_) else 0)
    _, _, order = qr(matrix[:, basic].T.astype(float), mode="economic", pivoting=True)
    chosen = np.sort(order[:rank])
    solved = _refined(matrix[np.ix_(chosen, basic)], target[chosen], told)
    if solved is None:
        return None
    numbers, under = np.zeros(f, object), solved[1] * scale
    numbers[basic] = solved[0]
    numbers[open_] = [int(x) * solved[1] for x in fixed]
    left = matrix.astype(object) @ numbers
    return (numbers, under) if all(a == int(b) * under for a, b in zip(left, right, strict=True)) else None


def _refined(matrix: Array, right: Array, told: Callable[[float], None]) -> tuple[list[int], int] | None:
    """Return numerators and the common denominator of the solution of a regular system of whole numbers.

    The solution has been found to k bits where a residue is at most what k bits leave; the residue times 2^BITS is the
    next right side. By Hadamard's bound and Cramer's rule there is an end to the bits that are needed.
    """
    n = len(matrix)
    if n == 0:
        return [], 1
    try:
        inverse = np.linalg.inv(matrix.astype(float))
    except np.linalg.LinAlgError:
        return None
    lengths = [0.5 * np.log2(float(x)) for x in (matrix.astype(float) ** 2).sum(axis=1)]
    most = 2 * int(sum(lengths) + np.log2(float(abs(right).max()) + 1) + n) + 64
    whole, digits, bits, next_ = [0] * n, list[Array](), 0, 256
    residue, room = right.astype(np.int64), 2**62 / max(1, int(abs(matrix).sum(axis=1).max()))
    while bits < most:
        step = inverse @ residue * 2.0**BITS
        if not np.all(abs(step) < min(2.0**52, room)) or abs(residue).max() > 2**45:
            return None
        digit = np.rint(step).astype(np.int64)
        residue = (residue << BITS) - matrix @ digit
        digits.append(digit)
        bits += BITS
        if bits >= next_ or bits >= most:
            for i in range(n):
                for more in digits:
                    whole[i] = (whole[i] << BITS) + int(more[i])
            digits.clear()
            next_ = bits * 3 // 2
            told(min(1.0, bits / most))
            found = _fractions(whole, bits)
            if found is not None and _solves(matrix, right, *found):
                return found
    return None


def _fractions(whole: list[int], bits: int) -> tuple[list[int], int] | None:
    """Return numerators and a common denominator of what numbers over 2^bits are near to; None if nothing is."""
    under, half = 1, 1 << (bits // 2 - 4)
    for x in whole:
        scaled = x * under
        off = scaled - ((scaled + (1 << bits - 1)) >> bits << bits)
        if abs(off) * half < 1 << bits:
            continue
        under *= Fraction(scaled, 1 << bits).limit_denominator(half).denominator
        if under > half:
            return None
    return [(x * under + (1 << bits - 1)) >> bits for x in whole], under


def _solves(matrix: Array, right: Array, numbers: list[int], under: int) -> bool:
    left = matrix.astype(object) @ np.array(numbers, object)
    return all(a == int(b) * under for a, b in zip(left, right, strict=True))


def _behaviour(flat: Flat, player: int, plan: Array) -> dict[str, list[Fraction]]:
    """Return what a plan does at each information set; where it never gets, all moves alike."""
    found = {}
    for label, (above, first, many) in flat.sets[player].items():
        here = plan[above]
        found[label] = [x / here if here else Fraction(1, many) for x in plan[first : first + many]]
    return found
