"""Public chance sampling: a walk draws what chance shows to all, and carries every hand along as a vector.

Johanson, Bard, Lanctot, Gibson and Bowling, "Efficient Nash equilibrium approximation through Monte Carlo
counterfactual regret minimization", AAMAS 2012. The deal is not drawn, and both players try all their actions: of a
public tree without chance an iteration visits everything. A move of chance is drawn with its probability over all hands
that get there, and values are divided by it, for what hands make likelier or impossible is in the leaves' tables.
"""

from typing import NamedTuple

import numpy as np

from counterplay.engine.codes import code
from counterplay.engine.errors import UserError
from counterplay.engine.form import SequenceForm
from counterplay.engine.jit import jit
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.tree import Tree
from counterplay.solvers.walks import F64, I64, Tables, Walks, discount, uniform


class Hands(NamedTuple):
    """What public samples need besides: the leaves' tables, and the decisions that a walk is inside of, by depth."""

    kind: I64  # [L] which table of the sequence form a leaf has for player 0; for player 1 `kinds` more
    kinds: int
    wide: int  # lanes of a table
    mass: F64  # [K] chance of a weight, over all hands
    node: I64  # [depth]
    action: I64  # [depth] the action whose value is awaited
    odds: F64  # [depth] probability of drawing chance to here
    own: F64  # [depth + 1, W] the traverser's plan to here
    other: F64  # [depth + 1, W] the other's
    sigma: F64  # [depth, A, W]
    value: F64  # [depth, A, W] of the traverser's lanes, times the other's plan and chance
    here: F64  # [W] the value that goes up


def hands(tree: Tree, form: SequenceForm, depth: int, widest: int) -> Hands:
    """Return room for walks of a tree; raises `ValueError` unless it is of two players with hands."""
    if tree.players != 2 or tree.lanes == 1:
        what = f"{tree.players} players" if tree.players != 2 else "no hands"
        raise UserError(
            f"mccfr-public carries the hands of two players as vectors, and this game has {what}; "
            "take mccfr-chance or mccfr-external"
        )
    pairs, kind = np.unique(code(tree.outcome, tree.leaf_weight), return_inverse=True)
    w = tree.lanes
    node, action = np.zeros((2, depth), np.int64)
    own, other = np.zeros((2, depth + 1, w))
    sigma, value = np.zeros((2, depth, widest, w))
    mass = tree.weights.reshape(len(tree.weights), -1).sum(axis=1)
    wide = form.origin.shape[1]
    return Hands(
        kind.ravel(), len(pairs), wide, mass, node, action, np.zeros(depth), own, other, sigma, value, np.zeros(w)
    )


@jit
def sample_public(
    walks: Walks,
    tables: Tables,
    hands: Hands,
    paid: F64,
    period: int,
    numbers: F64,
    start: int,
    end: int,
    w: int,
) -> int:
    """Run the iterations start + 1 .. end, each a walk for every player; return how many nodes were visited.

    `paid` are the sequence form's tables, `numbers` a sampling's, in the order of `MCCFR`.
    """
    power, weight, alpha, beta = numbers[3], numbers[4], numbers[6], numbers[7]
    kind, mass, node, action, wide = hands.kind, hands.mass, hands.node, hands.action, hands.wide
    here, visited = hands.here, 0
    hands.own[0, :] = 1.0
    hands.other[0, :] = 1.0
    for t in range(start + 1, end + 1):
        heavy, scale = float(t) ** power, float(t) ** weight
        for p in range(2):
            mine, theirs = walks.lanes[p], walks.lanes[1 - p]
            n, d, odds = 0, 0, 1.0
            while True:
                # Down, to a leaf.
                while True:
                    visited += 1
                    turn = walks.player[n]
                    if turn == LEAF:
                        leaf = walks.infoset[n]
                        at, size = (kind[leaf] + p * hands.kinds) * wide * wide, walks.stake[leaf] / odds
                        for i in range(mine):
                            here[i] = 0.0
                        for o in range(theirs):
                            reach = size * hands.other[d, o]
                            if reach != 0.0:
                                for i in range(mine):
                                    here[i] += reach * paid[at + i]
                            at += wide
                        break
                    low, high = walks.begin[n], walks.begin[n + 1]
                    if turn == CHANCE:
                        whole = 0.0
                        for c in range(low, high):
                            whole += mass[walks.weight[walks.child[c]]]
                        left, share = uniform(tables.random) * whole, 0.0
                        for c in range(low, high):
                            part = mass[walks.weight[walks.child[c]]]
                            if part > 0.0:
                                n, share = walks.child[c], part
                                left -= part
                                if left < 0.0:
                                    break
                        odds = odds * share / whole
                        continue
                    count = high - low
                    if count == 1:
                        n = walks.child[low]
                        continue
                    at = walks.first[walks.infoset[n]] * w
                    lanes = walks.lanes[turn]
                    sigma, own = hands.sigma[d], hands.own[d]
                    for i in range(lanes):
                        norm = 0.0
                        for a in range(count):
                            sigma[a, i] = max(tables.regret[at + a * w + i], 0.0)
                            norm += sigma[a, i]
                        for a in range(count):
                            sigma[a, i] = sigma[a, i] / norm if norm > 0.0 else 1.0 / count
                    if turn == p:
                        for a in range(count):
                            for i in range(lanes):
                                tables.total[at + a * w + i] += heavy / odds * own[i] * sigma[a, i]
                    node[d], action[d], hands.odds[d] = n, 0, odds
                    for i in range(mine):
                        hands.own[d + 1, i] = hands.own[d, i] * (sigma[0, i] if turn == p else 1.0)
                    for o in range(theirs):
                        hands.other[d + 1, o] = hands.other[d, o] * (1.0 if turn == p else sigma[0, o])
                    d += 1
                    n = walks.child[low]
                # Up, to the next action.
                done = True
                while d > 0:
                    e = d - 1
                    n, a, odds = node[e], action[e], hands.odds[e]
                    low = walks.begin[n]
                    count = walks.begin[n + 1] - low
                    turn = walks.player[n]
                    sigma, value = hands.sigma[e], hands.value[e]
                    for i in range(mine):
                        value[a, i] = here[i]
                    a += 1
                    if a < count:
                        action[e] = a
                        if turn == p:
                            for i in range(mine):
                                hands.own[d, i] = hands.own[e, i] * sigma[a, i]
                        else:
                            for o in range(theirs):
                                hands.other[d, o] = hands.other[e, o] * sigma[a, o]
                        n = walks.child[low + a]
                        done = False
                        break
                    for i in range(mine):
                        here[i] = 0.0
                    for a in range(count):
                        for i in range(mine):
                            here[i] += (sigma[a, i] if turn == p else 1.0) * value[a, i]
                    if turn == p:
                        at = walks.first[walks.infoset[n]] * w
                        for a in range(count):
                            for i in range(mine):
                                tables.regret[at + a * w + i] += scale * (value[a, i] - here[i])
                    d -= 1
                if done:
                    break
        discount(tables.regret, t, period, alpha, beta)
    return visited
