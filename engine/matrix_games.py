"""Matrix games for two: the equilibrium of a zero-sum one, as small as the meta-games of populations are."""

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError

F64 = npt.NDArray[np.float64]


def nash(payoffs: F64) -> tuple[F64, F64]:
    """Return an equilibrium of the zero-sum game that pays [n, m] to who chooses the row: both mixtures, [n] and [m].

    It is the linear programme of von Neumann: the row player's mixture x maximises v with v <= x'A in every column, and
    the duals of these constraints are the column player's. Raises `ValueError` where HiGHS gives up.
    """
    from scipy.optimize import linprog

    rows, columns = payoffs.shape
    unit = float(np.abs(payoffs).max(initial=0.0)) or 1.0  # HiGHS wants numbers near 1
    result = linprog(
        np.append(np.zeros(rows), -1.0),
        A_ub=np.hstack([-payoffs.T / unit, np.ones((columns, 1))]),
        b_ub=np.zeros(columns),
        A_eq=np.append(np.ones(rows), 0.0)[None],
        b_eq=np.ones(1),
        bounds=[(0, None)] * rows + [(None, None)],
        method="highs",
    )
    if result.status != 0:
        raise UserError(f"the linear programme of a meta-game gave up: {result.message}")
    return _mixture(result.x[:rows]), _mixture(-result.ineqlin.marginals)


def rectified(payoffs: F64, row: F64, column: F64) -> list[F64]:
    """Return for each row that an equilibrium plays the columns' mixture left to those that it does not lose to.

    What it earns there is compared with the game's value (Balduzzi et al. 2019, PSRO_rN, where that is 0: the game is
    symmetric). Where it beats none of them, the mixture is the whole one.
    """
    value, found = float(row @ payoffs @ column), list[F64]()
    for i in np.flatnonzero(row > 0):
        left = column * (payoffs[i] >= value - 1e-9)
        found.append(left / left.sum() if left.sum() > 0 else column)
    return found


def _mixture(weights: F64) -> F64:
    """Return weights as probabilities, without what is rounding."""
    kept = np.where(weights > 1e-9, weights, 0.0)
    shares: F64 = kept / kept.sum()
    return shares
