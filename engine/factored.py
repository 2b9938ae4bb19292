"""`FactoredForm`: the sequence form of a game whose hidden state factors, and the sums over its leaves.

Stones are placed in the dark (`rules.Phantom`). A leaf is an order H of successful placements, (a1, b1, a2, b2, ...).
What the first player has tried in vain on the way and what the second has are independent given H, so the expected
payoff is the sum over H of pay(H) * mass0(H) * mass1(H), a player's mass being the sum of its plan over all of its
sequences that H allows (B. H. Zhang and T. Sandholm, ICML 2020, make linear programmes sparse this way).

H allows the sequences with H's own stones, in order, in which a cell of the other's j-th stone is tried in vain, if at
all, after that stone: in *slot* j or later, slot t being the time with t stones of the other on the board. Hence for
each order of own stones there is a block of sums, with an axis for each other cell and along it the slot in which that
cell was tried in vain, "never" last. Plans are added up at those places, sums are taken along each axis from "never"
down, and mass(H) stands at the place of its smallest slots. Values go the same way back. So a pass costs a few
additions a sequence, however many histories there are.

In abrupt games leaves are told apart by more than H, and are listed instead (`engine.abrupt`).

Symmetries of the board act on both players at once. With them the form holds one *representative* of each orbit of
attempts: the plan of a representative is that of the whole orbit, each of whose members has the same share of it.
Shape letters: D decisions, S sequences, H orders, E places of orders, K kinds of blocks, U ranges.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import inlined, jit
from counterplay.engine.system import cores

Vector = npt.NDArray[np.float64]

NOWHERE = 2**32 - 1  # the place of a sequence on which no play that is paid for ends
BUNDLE = 4  # blocks that lie side by side, so that their sums are taken by vector instructions
_1, _2, _3 = np.uint64(1), np.uint64(2), np.uint64(3)  # unsigned, as all indices: see `lanes`
BLOCK = 4096  # leaves of a list whose classes lie near each other
PARTS = 8  # that passes are split in, whatever the number of threads: so sums do not depend on it


class Listed(NamedTuple):
    """The leaves of an abrupt game: pairs of classes, and the sequences of each class (`engine.abrupt`).

    Shape letters: C classes of both players, M members, L leaves, B blocks of leaves.
    """

    base: npt.NDArray[np.int64]  # [2] where the classes of a player begin in `begin`
    begin: npt.NDArray[np.uint32]  # [C + 1] the sequences of class c are members[begin[c]] .. members[begin[c + 1]]
    members: npt.NDArray[np.uint32]  # [M]
    pairs: npt.NDArray[np.uint32]  # [2, L] each player's class of the leaf, of its own classes
    paid: npt.NDArray[np.int16]  # [L] what the first player receives, for the whole orbit
    bounds: npt.NDArray[np.uint32]  # [2, B, 2] the smallest and the largest class in `BLOCK` leaves


NO_LEAVES = Listed(
    np.zeros(2, np.int64),
    np.zeros(1, np.uint32),
    np.zeros(0, np.uint32),
    np.zeros((2, 0), np.uint32),
    np.zeros(0, np.int16),
    np.zeros((2, 0, 2), np.uint32),
)


class FactoredForm(NamedTuple):
    """The arrays that solvers take; decisions and sequences are numbered as in `form.SequenceForm`, in preorder.

    Other than there, decisions with a single action are decisions too, and there are no lanes.
    """

    begin: npt.NDArray[np.uint32]  # [3] the decisions of player p are begin[p] .. begin[p + 1], parents first
    parent: npt.NDArray[np.uint32]  # [D] the sequence that leads to the decision
    first: npt.NDArray[np.uint32]  # [D + 1] the sequences of decision d are first[d] .. first[d + 1]
    failed: npt.NDArray[np.bool_]  # [D] whether the attempt before the decision was in vain
    cell: npt.NDArray[np.int8]  # [S] the cell that the sequence tries; -1 if empty
    share: npt.NDArray[np.uint8]  # [S] how many sequences it represents: 1 without symmetries
    place: npt.NDArray[np.uint32]  # [S] where its plan is added up among its player's sums, or `NOWHERE`
    pay: npt.NDArray[np.float64]  # [H] what the first player receives, for the whole orbit of the order
    start: npt.NDArray[np.uint32]  # [2, H + 1] the places of order h are where[start[p, h] : start[p, h + 1]]
    where: npt.NDArray[np.uint32]  # [E] places among the sums of the player
    kinds: npt.NDArray[np.int64]  # [K, 5] blocks that are alike: player, first place, bundles, length of axes, axes
    cuts: npt.NDArray[np.int64]  # [2, PARTS + 1] between which sums each part of a pass works; blocks are whole
    added: npt.NDArray[np.uint32]  # sequences that have a place, player 0's first, by the part of their place
    shares: npt.NDArray[np.int64]  # [2, PARTS + 1] which of these each part has
    ranges: npt.NDArray[np.uint32]  # [U, 2] decisions first .. last of whole subtrees, or of the trunk above them
    parts: npt.NDArray[np.int64]  # [2, PARTS + 2] which ranges each part has, and at last the trunk
    group: npt.NDArray[np.int8]  # [G, cells] the symmetries that were used, the identity first
    largest: float  # payoff of a leaf, signs left out
    listed: Listed  # the leaves, where they are no orders: then the sums of a player are those of its classes

    @property
    def players(self) -> int:
        """Return 2."""
        return 2

    @property
    def sequences(self) -> int:
        """Return S."""
        return int(self.first[-1])

    @property
    def lanes(self) -> tuple[int, ...]:
        """Return one lane, as kernels want it."""
        return (0,)

    @property
    def origin(self) -> Vector:
        """Return the plan of the empty sequences, [2, 1]."""
        return np.ones((2, 1))

    @property
    def infosets(self) -> int:
        """Return D."""
        return len(self.parent)

    @property
    def nbytes(self) -> int:
        """Return the bytes of all arrays."""
        return sum(array.nbytes for array in (*self, *self.listed) if isinstance(array, np.ndarray))


class Sums(NamedTuple):
    """Working memory of the passes: a player's sums of plans, and its sums of values."""

    plans: Vector
    values: Vector
    scaled: Vector  # [S] plans of single sequences, not of what they represent; empty without lists, as the next
    scattered: Vector  # [PARTS, S of the player with more] what each part adds to the values of sequences


@inlined
def _along(sums: Vector, at: int, length: int, axes: int, back: bool) -> None:
    """Sum a bundle of blocks along each axis: from the end, or, on the way back, from the beginning."""
    size = BUNDLE * length**axes
    stride = np.int64(BUNDLE)
    for _ in range(axes):
        for high in range(at, at + size, stride * length):
            for step in range(1, length):
                to = high + (step if back else length - 1 - step) * stride
                come = to - stride if back else to + stride
                for i in range(0, stride, BUNDLE):  # four scalars, which become one vector
                    a, b = np.uint64(to + i), np.uint64(come + i)
                    s0, s1, s2, s3 = sums[b], sums[b + _1], sums[b + _2], sums[b + _3]
                    s0, s1, s2, s3 = sums[a] + s0, sums[a + _1] + s1, sums[a + _2] + s2, sums[a + _3] + s3
                    sums[a], sums[a + _1], sums[a + _2], sums[a + _3] = s0, s1, s2, s3
        stride *= length


@inlined
def _blocks(form: FactoredForm, p: int, part: int, sums: Vector, back: bool) -> None:
    """Sum all blocks of a part along their axes."""
    low, high = form.cuts[p, part], form.cuts[p, part + 1]
    for k in range(form.kinds.shape[0]):
        player, at, bundles, length, axes = form.kinds[k]
        size = BUNDLE * length**axes
        if player == p and length > 1 and axes > 0:
            for b in range(max(low, at), min(high, at + bundles * size), size):
                _along(sums, b, length, axes, back)


@jit
def collect(form: FactoredForm, p: int, part: int, plan: Vector, sums: Sums) -> None:
    """Add up player p's plan: afterwards the mass of an order stands at each of its places."""
    low, high = form.cuts[p, part], form.cuts[p, part + 1]
    found, place = sums.plans, form.place
    for i in range(low, high):
        found[i] = 0.0
    for i in range(form.shares[p, part], form.shares[p, part + 1]):
        s = form.added[i]
        found[place[s]] += plan[s]
    _blocks(form, p, part, found, False)


@jit
def spread(form: FactoredForm, p: int, part: int, sums: Sums) -> None:
    """Turn the other's masses into values at player p's places."""
    low, high = form.cuts[p, part], form.cuts[p, part + 1]
    found, theirs, where, start = sums.values, sums.plans, form.where, form.start
    sign = 1.0 if p == 0 else -1.0
    for i in range(low, high):
        found[i] = 0.0
    for h in range(form.pay.size):
        mass = -1.0
        for e in range(start[p, h], start[p, h + 1]):
            at = np.int64(where[e])
            if low <= at < high:
                if mass < 0.0:
                    mass = 0.0
                    for i in range(start[1 - p, h], start[1 - p, h + 1]):
                        mass += theirs[where[i]]
                found[at] += sign * form.pay[h] * mass
    _blocks(form, p, part, found, True)


@jit
def deliver(form: FactoredForm, p: int, part: int, sums: Sums, value: Vector) -> None:
    """Set the values of player p's sequences, those of a part (the trunk is one), from its places."""
    place, found = form.place, sums.values
    for r in range(form.parts[p, part], form.parts[p, part + 1]):
        for s in range(form.first[form.ranges[r, 0]], form.first[form.ranges[r, 1]]):
            value[s] = found[place[s]] if place[s] != NOWHERE else 0.0
    if part == PARTS:
        value[p] = found[place[p]] if place[p] != NOWHERE else 0.0


@jit
def _scale(form: FactoredForm, p: int, part: int, plan: Vector, sums: Sums) -> None:
    """Set player p's plans of single sequences, those of a part of its decisions."""
    if part == PARTS:
        sums.scaled[p] = plan[p]
    for r in range(form.parts[p, part], form.parts[p, part + 1]):
        for s in range(form.first[form.ranges[r, 0]], form.first[form.ranges[r, 1]]):
            sums.scaled[s] = plan[s] / form.share[s]


@jit
def _collect_listed(form: FactoredForm, p: int, part: int, sums: Sums) -> None:
    """Set the masses of a part of player p's classes."""
    begin, members, base = form.listed.begin, form.listed.members, form.listed.base[p]
    for c in range(form.cuts[p, part], form.cuts[p, part + 1]):
        mass = 0.0
        for i in range(begin[base + c], begin[base + c + 1]):
            mass += sums.scaled[members[i]]
        sums.plans[c] = mass


@jit
def _spread_listed(form: FactoredForm, p: int, part: int, sums: Sums) -> None:
    """Turn the other's masses into the values of a part of player p's classes, and add these to their sequences."""
    low, high = form.cuts[p, part], form.cuts[p, part + 1]
    found, mass, bounds = sums.values, sums.plans, form.listed.bounds
    own, other, paid = form.listed.pairs[p], form.listed.pairs[1 - p], form.listed.paid
    sign = 1.0 if p == 0 else -1.0
    for c in range(low, high):
        found[c] = 0.0
    for b in range(bounds.shape[1]):
        if bounds[p, b, 1] < low or bounds[p, b, 0] >= high:
            continue
        for i in range(b * BLOCK, min((b + 1) * BLOCK, paid.size)):
            at = np.int64(own[i])
            if low <= at < high:
                found[at] += sign * paid[i] * mass[other[i]]
    begin, members, base = form.listed.begin, form.listed.members, form.listed.base[p]
    added, before = sums.scattered[part], np.int64(form.first[form.begin[p]]) - 1  # the empty sequence comes first
    added[: np.int64(form.first[form.begin[p + 1]]) - before] = 0.0
    for c in range(low, high):
        for i in range(begin[base + c], begin[base + c + 1]):
            added[max(np.int64(members[i]) - before, 0)] += found[c]


@jit
def _deliver_listed(form: FactoredForm, p: int, part: int, sums: Sums, value: Vector) -> None:
    """Set the values of player p's sequences, those of a part of its decisions."""
    before = np.int64(form.first[form.begin[p]]) - 1
    for r in range(form.parts[p, part], form.parts[p, part + 1]):
        for s in range(form.first[form.ranges[r, 0]], form.first[form.ranges[r, 1]]):
            total = 0.0
            for k in range(PARTS):
                total += sums.scattered[k, s - before]
            value[s] = total / form.share[s]
    if part == PARTS:
        value[p] = sums.scattered[:, 0].sum()


def new_sums(form: FactoredForm) -> Sums:
    """Return working memory for the passes."""
    size = int(form.cuts[:, -1].max())
    if not form.listed.paid.size:
        return Sums(np.zeros(size), np.zeros(size), np.zeros(0), np.zeros((PARTS, 0)))
    actions = np.diff(form.first[form.begin].astype(np.int64)).max()
    return Sums(np.zeros(size), np.zeros(size), np.zeros(form.sequences), np.zeros((PARTS, int(actions) + 1)))


def gather_factored(form: FactoredForm, p: int, plan: Vector, value: Vector, sums: Sums) -> None:
    """Set player p's values to those of the leaves that follow its sequences without another action of its own."""
    if form.listed.paid.size:
        in_parts(_scale, form, 1 - p, plan, sums, trunk=TRUNK_LAST)
        in_parts(_collect_listed, form, 1 - p, sums)
        in_parts(_spread_listed, form, p, sums)
        in_parts(_deliver_listed, form, p, sums, value, trunk=TRUNK_LAST)
    else:
        in_parts(collect, form, 1 - p, plan, sums)
        in_parts(spread, form, p, sums)
        in_parts(deliver, form, p, sums, value, trunk=TRUNK_LAST)


TRUNK_FIRST, TRUNK_LAST = "first", "last"  # when the decisions above all subtrees have their turn, if at all
_SMALL = 20_000  # sequences up to which threads would cost more than they save


def in_parts(kernel: Callable[..., Any], form: FactoredForm, p: int, *rest: Any, trunk: str = "") -> list[Any]:
    """Call `kernel(form, p, part, *rest)` for all parts, on all cores; return what they return, in order."""
    top = [kernel(form, p, PARTS, *rest)] if trunk == TRUNK_FIRST else []
    threads = min(cores(), PARTS) if form.sequences > _SMALL else 1
    if threads == 1:
        found = [kernel(form, p, part, *rest) for part in range(PARTS)]
    else:
        found = list(_pool(os.getpid(), threads).map(lambda part: kernel(form, p, part, *rest), range(PARTS)))
    return top + found + ([kernel(form, p, PARTS, *rest)] if trunk == TRUNK_LAST else [])


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:  # a forked process has no threads: it has its own
    return ThreadPoolExecutor(threads)
