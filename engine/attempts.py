"""What decisions of a `FactoredForm` stand for: lists of attempts, found, written down, and moved by symmetries.

An attempt is a pair (cell, whether it was in vain). All of this is by arrays where all decisions are wanted.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.factored import NOWHERE, FactoredForm
from counterplay.engine.jit import Index, jit
from counterplay.engine.phantom_walks import MOST_CELLS, set_depths

Vector = npt.NDArray[np.float64]
U32 = npt.NDArray[np.uint32]


def children(form: FactoredForm) -> U32:
    """Return the decision after each sequence where its attempt succeeds, and where it is in vain, [2, S].

    It is `NOWHERE` where there is none; after an empty sequence it is the first decision.
    """
    after = np.full((2, form.sequences), NOWHERE, np.uint32)
    after[form.failed.astype(np.int64), form.parent] = np.arange(form.infosets)
    return after


def decision_of(form: FactoredForm, sequence: int) -> int:
    """Return the decision of which a sequence is an action."""
    return int(np.searchsorted(form.first, sequence, side="right")) - 1


def attempts_of(form: FactoredForm, decision: int) -> list[tuple[int, bool]]:
    """Return the attempts before a decision, first to last, as the representative of their orbit makes them."""
    attempts: list[tuple[int, bool]] = []
    while (sequence := int(form.parent[decision])) >= form.players:
        attempts.append((int(form.cell[sequence]), bool(form.failed[decision])))
        decision = decision_of(form, sequence)
    return attempts[::-1]


def locate(
    form: FactoredForm, player: int, attempts: Iterable[tuple[int, bool]], after: U32 | None = None
) -> tuple[int, npt.NDArray[np.int8]]:
    """Return the decision after a player's attempts, and the symmetry that takes their cells to the decision's.

    With symmetry `turn`, a cell c of the player's is cell `turn[c]` of the decision. `after` is what `children` gives:
    it saves a search through all decisions for each attempt. Raises `ValueError` where no play gets there.
    """
    turn, fixing = form.group[0], form.group
    sequence, in_vain = player, False
    decision = _after(form, after, sequence, in_vain)
    for cell, in_vain in attempts:
        if not 0 <= cell < len(turn):
            raise UserError(f"the board has cells 0 to {len(turn) - 1}, not {cell}")
        turn = fixing[fixing[:, turn[cell]].argmin()][turn]
        first, last = int(form.first[decision]), int(form.first[decision + 1])
        found = np.flatnonzero(form.cell[first:last] == turn[cell])
        following = _after(form, after, first + int(found[0]), in_vain) if len(found) else NOWHERE
        if following == NOWHERE:
            raise UserError("no play of the game gets to a decision after these attempts")
        decision, fixing = following, fixing[fixing[:, turn[cell]] == turn[cell]]
    if decision == NOWHERE:
        raise UserError(f"player {player} has no decision in this game")
    return decision, turn


def _after(form: FactoredForm, after: U32 | None, sequence: int, in_vain: bool) -> int:
    if after is not None:
        return int(after[int(in_vain), sequence])
    found = np.flatnonzero(form.parent == sequence)
    found = found[form.failed[found] == in_vain]
    return int(found[0]) if len(found) else NOWHERE


def depths(form: FactoredForm) -> npt.NDArray[np.int8]:
    """Return how many attempts were made before each decision, [D]."""
    depth = np.zeros(form.infosets, np.int8)
    set_depths(form.parent, form.first, depth)
    return depth


def paths(form: FactoredForm, begin: int = 0, end: int | None = None) -> npt.NDArray[np.int8]:
    """Return the attempts before decisions begin .. end, [end - begin, cells].

    An attempt is 2 * cell, and 1 more if it was in vain; behind the last one stands -1.
    """
    end = form.infosets if end is None else end
    found = np.full((end - begin, form.group.shape[1]), -1, np.int8)
    _write_paths(form, begin, end, found)
    return found


@jit
def _write_paths(form: FactoredForm, begin: int, end: int, found: npt.NDArray[np.int8]) -> None:
    """Walk the decisions in preorder, with the attempts before the present one on a stack."""
    stack, path = np.zeros(MOST_CELLS + 1, np.int64), np.zeros(MOST_CELLS + 1, np.int8)
    parent, first = form.parent, form.first
    top = -1
    for d in range(end):
        if parent[d] < 2:
            top = -1
        while top >= 0 and not first[stack[top]] <= parent[d] < first[stack[top] + 1]:
            top -= 1
        if top >= 0:
            path[top] = 2 * form.cell[parent[d]] + form.failed[d]
        top += 1
        stack[top] = d
        if d >= begin:
            for i in range(top):
                found[d - begin, i] = path[i]


def representatives(form: FactoredForm, full: FactoredForm) -> U32:
    """Return which sequence of a form with symmetries represents each of the form without, [S of the latter]."""
    found = np.zeros(full.sequences, np.uint32)
    group = form.group.astype(np.int64)
    numbers = {tuple(each): g for g, each in enumerate(group.tolist())}
    product = np.array([[numbers[tuple(one[other].tolist())] for other in group] for one in group])
    _represent(form, full, children(form), product, found)
    return found


@jit
def _represent(form: FactoredForm, full: FactoredForm, after: U32, product: npt.NDArray[np.int64], found: U32) -> None:
    """Walk the full form's decisions in preorder, with those that represent them, and the symmetry that does, in hand.

    `product[g, h]` is the symmetry "first h, then g".
    """
    group, symmetries = form.group, form.group.shape[0]
    fixing = np.zeros(form.parent.size, np.int64)  # of a decision, the symmetries that leave its cells where they are
    stack = np.zeros((MOST_CELLS + 1, 3), np.int64)  # decision, its representative, the symmetry
    top = -1
    for d in range(full.parent.size):
        above = full.parent[d]
        if above < 2:
            top = -1
        while top >= 0 and not full.first[stack[top, 0]] <= above < full.first[stack[top, 0] + 1]:
            top -= 1
        chosen: Index = np.int64(above)  # the representative of the sequence before
        turn: Index = 0
        fix: Index = (1 << symmetries) - 1
        if top >= 0:
            chosen, turn = np.int64(found[above]), stack[top, 2]
            before = fixing[stack[top, 1]]
            cell = np.int64(form.cell[chosen])
            moved, fix = group[turn, full.cell[above]], 0
            further = -1
            for g in range(symmetries):
                if before >> g & 1:
                    if further < 0 and group[g, moved] == cell:
                        further = g
                    if group[g, cell] == cell:
                        fix |= 1 << g
            turn = product[further, turn]
        own = np.int64(after[np.int64(full.failed[d]), chosen])
        fixing[own] = fix
        top += 1
        stack[top, 0], stack[top, 1], stack[top, 2] = d, own, turn
        for s in range(full.first[d], full.first[d + 1]):
            moved = group[turn, full.cell[s]]
            least = moved
            for g in range(symmetries):
                if fix >> g & 1:
                    least = min(least, group[g, moved])
            for r in range(form.first[own], form.first[own + 1]):
                if form.cell[r] == least:
                    found[s] = r


def expand(form: FactoredForm, full: FactoredForm, sigma: Vector) -> Vector:
    """Return a strategy of a form with symmetries as one of the form without, [S of the latter].

    Actions that one represents are equally likely.
    """
    above = np.repeat(form.share[form.parent], form.first[1:] - form.first[:-1])
    each = np.zeros(form.sequences)
    each[form.players :] = sigma[form.players :] * (above / form.share[form.players :])
    return each[representatives(form, full)]
