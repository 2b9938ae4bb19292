"""The behaviour strategy of players who draw a policy before they play: policies averaged by what they reach.

Drawing one of several policies and keeping to it is, by perfect recall, as good as a behaviour strategy, whose
probabilities at an information set are those of the policies there, each weighted by how likely it is drawn and gets
there by its own actions (Kuhn 1953).
"""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import jit
from counterplay.engine.strategy import Table, uniform
from counterplay.engine.tree import Tree
from counterplay.games.envs.encoding import Encoding, Observations

Policies = Iterable[tuple[float, npt.NDArray[np.float32]]]  # a weight, and probabilities [M', A]


def mixture(
    tree: Tree,
    code: Encoding,
    seen: Observations,
    policies: Callable[[int, npt.NDArray[np.float32], npt.NDArray[np.bool_]], Policies],
) -> Table:
    """Return the strategy of players who draw policies, [R, W]; uniform where no policy of theirs gets.

    `seen` are all `observations` of the tree, and `policies` tells of an agent and some of these, with their legal
    actions, what each policy does there.
    """
    total = np.zeros((tree.rows, tree.lanes))
    for player in range(tree.players):
        rows = np.flatnonzero(seen.player == player)
        sets, hands = seen.infoset[rows], seen.hand[rows]
        for weight, probabilities in policies(player, seen.obs[rows], seen.legal[rows]):
            _add(tree.first, tree.above, code.number, sets, hands, weight, probabilities, total, np.zeros_like(total))
    strategy, mass = uniform(tree), np.zeros_like(total)
    if tree.rows:
        starts = tree.first[:-1]
        mass = np.add.reduceat(total, starts, axis=0).repeat(np.diff(tree.first), axis=0)
    np.divide(total, mass, out=strategy, where=mass > 0)
    return strategy


@jit
def _add(
    first: npt.NDArray[np.int64],
    above: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
    sets: npt.NDArray[np.int64],
    hands: npt.NDArray[np.int64],
    weight: float,
    probabilities: npt.NDArray[np.float32],
    total: Table,
    plan: Table,
) -> None:
    """Add one policy's realisation plan to the total; information sets come after those above them."""
    for m in range(len(sets)):
        i, hand = sets[m], hands[m]
        reach = weight if above[i] < 0 else plan[above[i], hand]
        mass = 0.0
        for row in range(first[i], first[i + 1]):
            mass += probabilities[m, number[row]]
        for row in range(first[i], first[i + 1]):
            plan[row, hand] = reach * probabilities[m, number[row]] / mass
            total[row, hand] += plan[row, hand]
