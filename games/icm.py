"""What tournament chips are worth: the independent chip model, by the finishing orders of Malmuth and Harville.

A player wins with the probability of its share of the chips, and the places below are filled alike among the others
(Harville, "Assigning probabilities to the outcomes of multi-entry competitions", JASA 1973; Malmuth, "Gambling Theory
and Other Topics", 1987).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError

MOST = 10  # players at a table, whose finishing orders are summed up by who is left


def prizes(stacks: Sequence[float], payouts: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return what each player's stack is worth, [n]; `payouts` are of the first place, the second and so on.

    Who has no chips is last; several share what is left alike. Raises `ValueError` for more than `MOST` players,
    more payouts than players, and what is negative.
    """
    n = len(stacks)
    if not 1 <= n <= MOST:
        raise UserError(f"the chips of 1 to {MOST} players are worth something together, not of {n}")
    if len(payouts) > n:
        raise UserError(f"there are {len(payouts)} payouts for {n} players")
    if not (min(stacks) >= 0 and min(payouts, default=0.0) >= 0):
        raise UserError("stacks and payouts must be zero or more")
    worth, left = (
        np.zeros(n),
        {(1 << n) - 1: 1.0},
    )  # who is left to take the next place, as bits, and how likely that is
    for prize in payouts:
        after = dict[int, float]()
        for mask, odds in left.items():
            inside = [i for i in range(n) if mask >> i & 1]
            chips = sum(stacks[i] for i in inside)
            for i in inside:
                share = odds * (stacks[i] / chips if chips > 0 else 1 / len(inside))
                worth[i] += share * prize
                if share > 0:
                    after[mask ^ 1 << i] = after.get(mask ^ 1 << i, 0.0) + share
        left = after
    return worth
