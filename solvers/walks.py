"""What samples of a compiled tree are drawn from, and what they leave behind: the arrays that MCCFR's kernels share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba.extending import overload

from counterplay.engine.jit import inlined, jit
from counterplay.engine.random import unit
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.tree import Tree

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class Walks(NamedTuple):
    """A tree as samples walk it. A deal is a number j < D; it gives player p the lane (j // stride[p]) % lanes[p]."""

    player: npt.NDArray[np.int8]  # [N]
    infoset: I64  # [N]; of a leaf its number
    child: I64  # [N - 1] nodes, each node's children in the order of its moves
    begin: I64  # [N + 1] the children of node n are child[begin[n]:begin[n + 1]]
    weight: I64  # [N]
    first: I64  # [I + 1]
    above: I64  # [I] the owner's row last chosen before, where it had a choice; or -1
    firm: npt.NDArray[np.bool_]  # [R] this action is never skipped
    outcome: I64  # [L]
    stake: F64  # [L]
    weights: F64  # [K, D]
    payoffs: F64  # [T, P, D]
    deal: F64  # [D] the sums of the deal's probabilities
    stride: I64  # [P]
    lanes: I64  # [P]


def walks(tree: Tree) -> Walks:
    """Return a tree as samples walk it."""
    counts = np.bincount(tree.parent[1:], minlength=len(tree.player))
    order = np.lexsort((tree.slot[1:], tree.parent[1:])) + 1
    lanes = np.array(tree.weights.shape[1:], np.int64)
    return Walks(
        tree.player,
        tree.infoset,
        order,
        np.concatenate([[0], np.cumsum(counts)]),
        tree.weight,
        tree.first,
        _above(tree),
        _firm(tree),
        tree.outcome,
        tree.stake,
        tree.weights.reshape(len(tree.weights), -1),
        np.ascontiguousarray(tree.payoffs).reshape(*tree.payoffs.shape[:2], -1),
        np.cumsum(tree.weights[0].reshape(-1)),
        np.array([lanes[p + 1 :].prod() for p in range(len(lanes))], np.int64),
        lanes,
    )


def _above(tree: Tree) -> I64:
    """Return the owner's last row before each information set that was a choice, or -1, [I]."""
    single = np.flatnonzero(np.diff(tree.first) == 1)
    target = np.arange(tree.rows + 1)  # one more, for the -1 of what has nothing above
    target[tree.first[single]] = tree.above[single] % (tree.rows + 1)
    while not np.array_equal(further := target[target], target):  # the reach of a pointer doubles each time
        target = further
    found = target[tree.above]
    return np.where(found == tree.rows, -1, found)


def _firm(tree: Tree) -> npt.NDArray[np.bool_]:
    """Return which rows are never skipped: those that may end the game, and those that no chance follows while it does
    follow elsewhere (the last street), [R].
    """
    on = np.flatnonzero(tree.player == LEAF)
    on = on[tree.parent[on] >= 0] if len(tree.player) > 1 else on[:0]
    on = on[tree.player[tree.parent[on]] >= 0]
    firm = np.zeros(tree.rows, bool)
    firm[tree.first[tree.infoset[tree.parent[on]]] + tree.slot[on]] = True
    followed = np.zeros(len(tree.player), bool)
    at = np.flatnonzero(tree.player == CHANCE)
    at = at[tree.parent[at] >= 0]
    while len(at):
        at = np.unique(tree.parent[at])
        followed[at] = True
        at = at[tree.parent[at] >= 0]
    if followed.any():
        decisions = np.flatnonzero(tree.player >= 0)
        early = np.zeros(len(tree.labels), bool)
        early[tree.infoset[decisions[followed[decisions]]]] = True
        firm |= ~early.repeat(np.diff(tree.first))
    return firm


def span(tree: Tree) -> float:
    """Return the largest payoff of a player less the smallest."""
    high, low = (getattr(tree.payoffs, name)(axis=(1, *range(2, tree.payoffs.ndim))) for name in ("max", "min"))
    paid = np.concatenate([high[tree.outcome] * tree.stake, low[tree.outcome] * tree.stake])
    return float(paid.max(initial=0.0) - paid.min(initial=0.0))


def depth(tree: Tree) -> int:
    """Return how many nodes the longest play has."""
    at, count = tree.parent, 0
    while len(at):
        at, count = tree.parent[at[at >= 0]], count + 1
    return count


class Tables(NamedTuple):
    """What a run has learned: rows times W, and what it draws from."""

    regret: F64  # [R * W]
    total: F64  # [R * W] the numerator of the average strategy
    baseline: F64  # [P, R * W], or nothing; what an action, be it another's, is worth to p with a hand of its own
    seen: (
        F64  # [I * W + 1], or nothing; the mass of the row above that `total` has taken, at last that of all iterations
    )
    random: npt.NDArray[Any]  # [1] the state of a generator; or numbers to take in turn, after how many were taken


def uniform(state: npt.NDArray[Any]) -> float:
    """Return a number in [0, 1): the generator's next, or the next of those that tests wrote down."""
    if state.dtype == np.float64:
        state[0] += 1.0
        return float(state[int(state[0])])
    return float(unit(state, 0))


@overload(uniform, strict=False)
def _uniform(state: Any) -> Callable[[Any], Any]:
    if state.dtype.name == "float64":

        def noted(state: Any) -> float:
            state[0] += 1.0
            return state[int(state[0])]  # type: ignore[no-any-return]

        return noted

    def drawn(state: Any) -> float:
        return unit(state, np.uint64(0))  # type: ignore[no-any-return]

    return drawn


@inlined
def pick(odds: Any, count: int, state: Any) -> int:
    """Return an action with these probabilities, which sum to one but for rounding."""
    left, last = uniform(state), 0
    for a in range(count):
        if odds[a] > 0.0:
            last = a
            left -= odds[a]
            if left < 0.0:
                return a
    return last


@inlined
def match(regret: Any, at: int, count: int, w: int, sigma: Any) -> bool:
    """Write the strategy that matches the positive regrets; tell whether there are any."""
    norm = 0.0
    for a in range(count):
        sigma[a] = max(regret[at + a * w], 0.0)
        norm += sigma[a]
    for a in range(count):
        sigma[a] = sigma[a] / norm if norm > 0.0 else 1.0 / count
    return norm > 0.0


@inlined
def discount(regret: Any, t: int, period: int, alpha: float, beta: float) -> None:
    """Discount all regrets if iteration t ends an epoch."""
    if period > 0 and t % period == 0:
        n = float(t // period)
        up, down = n**alpha / (n**alpha + 1.0), n**beta / (n**beta + 1.0)
        for k in range(len(regret)):
            regret[k] *= up if regret[k] > 0.0 else down


@jit
def settle(first: I64, above: I64, regret: F64, total: F64, seen: F64, w: int) -> None:
    """Add to lazy averages what is owed everywhere, parents first: no strategy has changed since it was last added."""
    for i in range(len(above)):
        count = first[i + 1] - first[i]
        for lane in range(w if count > 1 else 0):
            at, up = first[i] * w + lane, above[i]
            mass = (seen[-1] if up < 0 else total[up * w + lane]) - seen[i * w + lane]
            norm = 0.0
            for a in range(count):
                norm += max(regret[at + a * w], 0.0)
            for a in range(count):
                sigma = max(regret[at + a * w], 0.0) / norm if norm > 0.0 else 1.0 / count
                total[at + a * w] += mass * sigma
