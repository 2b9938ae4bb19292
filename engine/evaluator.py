"""What stands below a horizon: an evaluator says what public states are worth to ranges, lane by lane.

Values are counterfactual and in the game's own units. With ranges r0, r1 at a public state (a player's reach of each
lane: its weight at the root times its own plan), player p's value of lane w is

    v_p[w] = sum over w' of chance[w, w'] * r_other[w'] * u_p(w, w')

where chance is that of the deal and of all that chance did on the way. So the values of a player do not depend on its
own range, grow in proportion with the other's, and in a zero-sum game r0 . v0 + r1 . v1 = 0. A network, a table, a
heuristic or an exact solve of the rest are evaluators alike.
Shape letters: B states asked, W lanes (the most that a player has; entries beyond a player's own are zero).
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints
from counterplay.engine.tree import Tree

Floats: TypeAlias = npt.NDArray[np.floating[Any]]  # either precision: who asks and who answers need not have the same


class Evaluator(Protocol):
    """Answers for the public states that it was begun with."""

    def values(self, states: Ints, ranges: Floats) -> Floats:
        """Return both players' values, [B, 2, W], of states (numbers into the list begun with) [B] at ranges [B, 2, W].

        A solver calls this once an iteration, for all its leaves. Ranges may be of any scale, and zero; a state may be
        asked for several times in one call.
        """


Begin: TypeAlias = Callable[[Tree, Ints], Evaluator]  # of a tree and of the nodes that will be asked for
