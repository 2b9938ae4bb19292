"""What the leaves of a street are worth to each hand, kind by kind.

FOLD: a payoff against every hand that shares no card with one's own. SHOWDOWN: one for weaker and one for stronger hands,
by a sweep over both ranges in order of strength. TABLE: a product with the board's table of chances to win, for
showdowns with cards to come.

All leaves of an instance are on one board, so sixteen go side by side: plans are transposed to sixteen numbers a hand,
and the sweep over hands is paid for once (`engine.simd`).
"""

from functools import partial
from typing import Any

import numpy as np

from counterplay.engine.jit import jit
from counterplay.engine.simd import LANES, WIDE, interleave, load, scatter_add, store, total, zeros
from counterplay.engine.streets import FOLD, KINDS, SHOWDOWN, TABLE, Equities, Hands, Leaves, Orders, Subgame, Work

_part = partial(jit, inline=True, counted=False)  # of the walker

_ZERO = np.float32(0.0)
_0, _1, _7, _8 = (np.uint64(n) for n in (0, 1, 7, 8))
_NONE = -1  # no column of `pays`


@_part
def add_leaves(game: Subgame, work: Work, plan: Any, value: Any, none: Any, t: Any, board: Any, p: Any) -> None:
    """Add to player p's values, one row a sequence, those of the leaves of template t on a board.

    `plan` are both players' plans; row `none` of both stands for leaves that are not there. One loop for all kinds, so
    that each part that it calls is compiled into it once.
    """
    hands, leaves = game.hands, game.leaves
    q = 1 - p
    w = np.uint64(hands.reach.shape[1])
    own, blocks, others = np.uint64(hands.lanes[p]), _blocks(hands, p), _blocks(hands, q)
    for kind in range(KINDS):
        low, high = np.int64(leaves.bounds[kind, t]), np.int64(leaves.bounds[kind, t + 1])
        if kind == TABLE and not game.raked:
            continue
        for first in range(low, high, LANES):
            count = min(high - first, LANES)
            # 1. Lay the other's plans at sixteen leaves side by side.
            _place(leaves, work, q, first, count, none, w)
            for k in range(others):
                interleave(plan, work.rows, _0, k * _8, work.packed, k * _8 * WIDE)
                interleave(plan, work.rows, _8, k * _8, work.packed, k * _8 * WIDE + _8)
            # 2. What all hands get that share no card with one's own: a fold's payoff, or with rake a tie's.
            if kind == FOLD or game.raked:
                _against_all(hands, work, p, _factor(leaves, work, first, count, p if kind == FOLD else 2, _NONE))
            else:
                for i in range(own):
                    store(work.result, i * WIDE, zeros())
            # 3. What winner and loser get beyond a tie, which without rake is worth nothing.
            if kind == SHOWDOWN:
                win, lose = _factor(leaves, work, first, count, 0, 2), _factor(leaves, work, first, count, 1, 2)
                _by_strength(hands, game.orders, work, p, np.int64(game.orders.row[board]), win, lose)
            # 4. Add the sixteen results to the rows of the own sequences that end there.
            for i in range(own, blocks * _8):
                store(work.result, i * WIDE, zeros())
            _place(leaves, work, p, first, count, none, w)
            for k in range(blocks):
                scatter_add(work.result, k * _8 * WIDE, value, work.rows, _0, k * _8)
                scatter_add(work.result, k * _8 * WIDE + _8, value, work.rows, _8, k * _8)
    # A table is a product of a matrix and a vector, leaf by leaf.
    for leaf in range(leaves.bounds[TABLE, t], leaves.bounds[TABLE, t + 1]):
        _by_table(hands, game.equities, work.norm, plan, np.uint64(leaves.at[leaf, q]) * w, p, game.equities.row[board])
        # With chances W, L and T to win, lose and tie that sum to C, a hand gets win W + lose L + tie T. A tie pays half
        # of what winner and loser get together, so that is tie C, which step 2 gave, and (win - lose) / 2 times W - L.
        half = (leaves.pays[leaf, 0] - leaves.pays[leaf, 1]) * np.float32(0.5 if p == 0 else -0.5)
        mine = np.uint64(leaves.at[leaf, p]) * w
        for h in range(own):
            value[mine + h] += half * work.norm[h]


@_part
def _blocks(hands: Hands, p: Any) -> Any:
    """Return how many eights of lanes a player has."""
    return (np.uint64(hands.lanes[p]) + _7) // _8


@_part
def _place(leaves: Leaves, work: Work, q: Any, first: Any, count: Any, none: Any, w: Any) -> None:
    """Set `work.rows` to where player q's rows of up to sixteen leaves begin, or the row for those not there."""
    for j in range(LANES):
        work.rows[j] = np.uint64(leaves.at[first + j, q] if j < count else none) * w


@_part
def _factor(leaves: Leaves, work: Work, first: Any, count: Any, column: Any, less: Any) -> Any:
    """Return what up to sixteen leaves pay by a column of their table, less another's where that is not -1."""
    for j in range(LANES):
        x = leaves.pays[first + j, column] if j < count else _ZERO
        work.factor[j] = x - leaves.pays[first + j, less] if j < count and less >= 0 else x
    return load(work.factor, _0)


@_part
def _clear(a: Any) -> None:
    for k in range(np.uint64(a.size) // WIDE):
        store(a, k * WIDE, zeros())


@_part
def _count(hands: Hands, work: Work, q: Any, lane: Any) -> Any:
    """Return the plans of a hand of player q's, and count them to both its cards."""
    x = load(work.packed, lane * WIDE)
    a, b = np.uint64(hands.cards[q, lane, 0]) * WIDE, np.uint64(hands.cards[q, lane, 1]) * WIDE
    store(work.removal, a, load(work.removal, a) + x)
    store(work.removal, b, load(work.removal, b) + x)
    return x


@_part
def _less(hands: Hands, work: Work, everything: Any, p: Any, lane: Any) -> Any:
    """Return a sum of plans less those that were counted to either card of a hand of player p's."""
    a, b = np.uint64(hands.cards[p, lane, 0]) * WIDE, np.uint64(hands.cards[p, lane, 1]) * WIDE
    return everything - load(work.removal, a) - load(work.removal, b)


@_part
def _against_all(hands: Hands, work: Work, p: Any, factor: Any) -> None:
    """Set the result to factor times the other's plan over hands that share no card with each own hand."""
    q = 1 - p
    _clear(work.removal)
    everything = zeros()
    for i in range(np.uint64(hands.lanes[q])):
        everything = everything + _count(hands, work, q, i)
    for i in range(np.uint64(hands.lanes[p])):
        x = _less(hands, work, everything, p, i)
        x = x + load(work.packed, np.uint64(hands.same[p, i]) * WIDE)  # taken out twice
        store(work.result, i * WIDE, x * factor)


@_part
def _by_strength(hands: Hands, orders: Orders, work: Work, p: Any, row: Any, win: Any, lose: Any) -> None:
    """Add to the result: win times the other's plan over weaker hands, lose times that over stronger ones."""
    q = 1 - p
    order, result = orders.order, work.result
    count = np.uint64(orders.allowed[row, p])
    _clear(work.removal)
    sum_ = zeros()
    place: Any = _0
    for k in range(count):
        until = np.uint64(orders.below[row, p, k])
        while place < until:
            sum_ = sum_ + _count(hands, work, q, np.uint64(order[row, q, place]))
            place += _1
        h = np.uint64(order[row, p, k])
        store(result, h * WIDE, load(result, h * WIDE) + _less(hands, work, sum_, p, h) * win)
    _clear(work.removal)
    sum_ = zeros()
    place = np.uint64(orders.allowed[row, q])
    for back in range(count):
        j = count - _1 - back
        until = np.uint64(orders.beyond[row, p, j])
        while place > until:
            place -= _1
            sum_ = sum_ + _count(hands, work, q, np.uint64(order[row, q, place]))
        h = np.uint64(order[row, p, j])
        store(result, h * WIDE, load(result, h * WIDE) + _less(hands, work, sum_, p, h) * lose)


@_part
def _by_table(hands: Hands, equities: Equities, out: Any, plan: Any, other: Any, p: Any, index: Any) -> None:
    """Set out to the product of a board's table (by player 0's lanes, then player 1's) with the other's plan."""
    ahead = equities.ahead
    w = np.uint64(hands.reach.shape[1])
    start = np.uint64(index) * w * w
    own, theirs = np.uint64(hands.lanes[p]), np.uint64(hands.lanes[1 - p])
    if p == 0:
        for h in range(own):
            row = start + h * w
            x = zeros()
            for k in range(w // WIDE):
                x = x + load(ahead, row + k * WIDE) * load(plan, other + k * WIDE)
            out[h] = total(x)
        return
    for h in range(own):
        out[h] = _ZERO
    for o in range(theirs):
        x1, row = plan[other + o], start + o * w
        for h in range(own):
            out[h] += ahead[row + h] * x1
