"""How often play gets to a decision if everybody follows a strategy, and what is said where it hardly ever does.

A solver has no reason to play well where nobody goes: what a table holds there is what it began with, often all actions
alike.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.factored import FactoredForm, gather_factored, new_sums
from counterplay.engine.jit import jit
from counterplay.engine.phantom import factored_form
from counterplay.engine.rules import GOES_ON, Phantom
from counterplay.engine.sweeps import realise
from counterplay.engine.tree import Tree

F64 = npt.NDArray[np.float64]

RARE = 1e-3  # a strategy that gets somewhere less often says little about what to do there
NEVER = 1e-9  # what is left of early iterations, and of rounding
NEVER_REACHED, RARELY_REACHED, IMPOSSIBLE = "never reached", "rarely reached", "impossible"


def note(reach: float) -> str:
    """Return what is to be said of a decision that the players' own choices get to so often, "" if it is nothing."""
    return NEVER_REACHED if reach < NEVER else RARELY_REACHED if reach < RARE else ""


def own_reach(tree: Tree, table: F64) -> F64:
    """Return how often the owner's own choices get to each information set with each hand, [I, W]."""
    own = np.ones((len(tree.owner), tree.lanes))
    for i, above in enumerate(tree.above):
        if above >= 0:  # an information set of that row has a smaller number
            before = int(np.searchsorted(tree.first, above, side="right")) - 1
            own[i] = own[before] * table[above]
    return own


def others_reach(tree: Tree, table: F64) -> tuple[F64, F64]:
    """Return how often chance and the others get to each information set with each hand, and the others alone, [I, W].

    The others alone are told by the likeliest history.
    """
    plans = own_reach(tree, table)
    at_row = plans.repeat(np.diff(tree.first), axis=0) * table  # [R, W] a player's probability of all up to the row
    absolute, alone = (np.zeros((len(tree.owner), tree.lanes)) for _ in range(2))
    last = np.full((len(tree.player), tree.players), -1, np.int64)
    for node in range(len(tree.player)):
        if node:
            up = int(tree.parent[node])
            last[node] = last[up]
            if (p := int(tree.player[up])) >= 0:
                last[node, p] = tree.first[tree.infoset[up]] + tree.slot[node]
        p = int(tree.player[node])
        if p < 0:
            continue
        i, wide, weight = int(tree.infoset[node]), len(tree.hands[p]), tree.weights[tree.weight[node]]
        met = np.moveaxis(weight > 0, p, 0).astype(np.float64)
        chance = np.moveaxis(weight, p, 0)
        for q in [q for q in range(tree.players) if q != p][::-1]:  # the last axis is the last other player's
            lanes = len(tree.hands[q])
            plan = np.ones(lanes) if last[node, q] < 0 else at_row[last[node, q], :lanes]
            chance = chance @ plan
            met = (met * plan).max(axis=-1)
        absolute[i, :wide] += chance
        alone[i, :wide] = np.maximum(alone[i, :wide], met)
    return absolute, alone


def possible(tree: Tree) -> npt.NDArray[np.bool_]:
    """Tell for each information set and hand whether chance can deal it that way, [I, W]."""
    can = np.zeros((len(tree.owner), tree.lanes), bool)
    for node in np.flatnonzero(tree.player >= 0):
        p = int(tree.player[node])
        rest = tuple(q for q in range(tree.players) if q != p)
        can[tree.infoset[node], : len(tree.hands[p])] |= tree.weights[tree.weight[node]].any(axis=rest)
    return can


def marks(tree: Tree, table: F64) -> tuple[F64, list[list[str]]]:
    """Return the probability that a game gets to each information set with each hand, [I, W], and what to say there.

    The note leaves chance aside: it is of the owner's choices or of the others', whichever get there less often.
    """
    own, (absolute, alone) = own_reach(tree, table), others_reach(tree, table)
    counts, can = np.minimum(own, np.maximum(alone, absolute)), possible(tree)
    notes = [
        [note(x) if dealt else IMPOSSIBLE for x, dealt in zip(*row, strict=True)]
        for row in zip(counts.tolist(), can.tolist(), strict=True)
    ]
    return own * absolute, notes


@dataclass(frozen=True)
class _AllPaid:
    """A game in which every end is worth 1 to the first player: what is earned there is how often play gets there."""

    rules: Phantom

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rules, name)

    def ends(self) -> npt.NDArray[np.int8]:
        ends = self.rules.ends()
        return np.where(ends == GOES_ON, ends, np.int8(1))


def factored_reach(rules: Phantom, form: FactoredForm, sigma: F64) -> F64:
    """Return the probability that a game gets to each decision of a form, or to one of its mirror images, [D]."""
    paid, plan, value = factored_form(_AllPaid(rules), len(form.group) > 1), realise(form, sigma), np.zeros_like(sigma)
    reach, sums = np.zeros(form.infosets), new_sums(paid)
    for p in range(form.players):
        gather_factored(paid, p, plan, value, sums)
        _often(form, p, plan, np.abs(value), sigma, reach)
    return reach


@jit
def _often(form: FactoredForm, p: int, plan: F64, value: F64, sigma: F64, reach: F64) -> None:
    """Set how often play gets to player p's decisions, given how often it ends after each sequence, last to first."""
    first, parent = form.first, form.parent
    for k in range(form.begin[p + 1] - form.begin[p]):
        d = form.begin[p + 1] - 1 - k
        ends = 0.0
        for s in range(first[d], first[d + 1]):
            ends += sigma[s] * value[s]
        value[parent[d]] += ends
        reach[d] = ends * plan[parent[d]]
