"""What the leaves of a street are worth to each hand, kind by kind.

FOLD: a payoff against every hand that shares no card with one's own. SHOWDOWN: one against weaker and one against
stronger hands, by a sweep over both ranges in order of strength. TABLE: a product with the board's table of chances to
win, for showdowns with cards to come.

All leaves of an instance are on one board, so sixteen go side by side: plans are transposed to sixteen numbers a hand,
and the sweep over hands is paid for once (`engine.simd`). All arrays are raw (`engine.raw`), and w is the number of lanes.
"""

from typing import Any

import numpy as np

from counterplay.engine.jit import Index, inlined
from counterplay.engine.raw import shift
from counterplay.engine.simd import WIDE, fill, interleave, load, scatter_add, store, total, zeros
from counterplay.engine.streets import FOLD, KINDS, SHOWDOWN, SLOTS, TABLE, Equities, Hands, Leaves, Orders, Subgame, Work

_ZERO, _HALF = np.float32(0.0), np.float32(0.5)
_0, _1, _2, _3, _7, _8 = (np.uint64(n) for n in (0, 1, 2, 3, 7, 8))
_CARDS = np.uint64(SLOTS)


@inlined
def add_leaves(
    game: Subgame, work: Work, plan: Any, value: Any, none: Index, t: Index, board: Index, p: Index, w: Index
) -> None:
    """Add to player p's values, one row a sequence, those of the leaves of template t on a board.

    `plan` are both players' plans; row `none` of both stands for leaves that are not there. One loop for all kinds, so
    that each part that it calls is compiled into it once.
    """
    hands, leaves = game.hands, game.leaves
    q = _1 - p
    own, others = hands.lanes[p], hands.lanes[q]
    for kind in range(np.uint64(KINDS)):
        low, high = leaves.bounds[t * _3 + kind], leaves.bounds[t * _3 + kind + _1]
        if kind == TABLE and not game.raked:
            low = high
        while low < high:
            count = high - low if high - low < WIDE else WIDE
            # 1. Lay the other's plans at sixteen leaves side by side.
            _place(leaves, work, q, low, count, none, w)
            for k in range((others + _7) // _8):
                interleave(plan, work.rows, _0, k * _8, work.packed, k * _8 * WIDE)
                interleave(plan, work.rows, _8, k * _8, work.packed, k * _8 * WIDE + _8)
            # 2. What all hands get that share no card with one's own: a fold's payoff, or with rake a tie's.
            if kind == FOLD or game.raked:
                column = p if kind == FOLD else _2
                _against_all(hands, work, p, _factor(leaves, work, low, count, column, column, False), w)
            else:
                for i in range(own):
                    store(work.result, i * WIDE, zeros())
            # 3. What winner and loser get beyond a tie, which without rake is worth nothing.
            if kind == SHOWDOWN:
                win = _factor(leaves, work, low, count, _0, _2, True)
                lose = _factor(leaves, work, low, count, _1, _2, True)
                _by_strength(hands, game.orders, work, p, game.orders.row[board], win, lose, w)
            # 4. Add the sixteen results to the rows of the own sequences that end there.
            blocks = (own + _7) // _8
            for i in range(own, blocks * _8):
                store(work.result, i * WIDE, zeros())
            _place(leaves, work, p, low, count, none, w)
            for k in range(blocks):
                scatter_add(work.result, k * _8 * WIDE, value, work.rows, _0, k * _8)
                scatter_add(work.result, k * _8 * WIDE + _8, value, work.rows, _8, k * _8)
            low += WIDE
    # A table is a product of a matrix and a vector, leaf by leaf.
    table, last = t * _3 + np.uint64(TABLE), t * _3 + np.uint64(KINDS)
    for leaf in range(leaves.bounds[table], leaves.bounds[last]):
        other = shift(plan, leaves.at[leaf * _2 + q] * w)
        _by_table(hands, game.equities, work.norm, other, p, game.equities.row[board], w)
        # With chances W, L and T to win, lose and tie that sum to C, a hand gets win W + lose L + tie T. A tie pays
        # half of what winner and loser get together, so that is tie C, which step 2 gave, and (win - lose) / 2 times
        # W - L.
        half = fill((leaves.pays[leaf * _3] - leaves.pays[leaf * _3 + _1]) * (_HALF if p == 0 else -_HALF))
        mine = shift(value, leaves.at[leaf * _2 + p] * w)
        for i in range(w // WIDE):
            store(mine, i * WIDE, load(mine, i * WIDE) + half * load(work.norm, i * WIDE))


@inlined
def _place(leaves: Leaves, work: Work, q: Index, low: Index, count: Index, none: Index, w: Index) -> None:
    """Set `work.rows` to where player q's rows of up to sixteen leaves begin, or the row for those not there."""
    for j in range(WIDE):
        work.rows[j] = (leaves.at[(low + j) * _2 + q] if j < count else none) * w


@inlined
def _factor(leaves: Leaves, work: Work, low: Index, count: Index, column: Index, less: Index, beyond: bool) -> Any:
    """Return what up to sixteen leaves pay by a column of their table, or that beyond another column."""
    for j in range(WIDE):
        at = (low + j) * _3
        x = leaves.pays[at + column] if j < count else _ZERO
        work.factor[j] = x - leaves.pays[at + less] if j < count and beyond else x
    return load(work.factor, _0)


@inlined
def _clear(removal: Any) -> None:
    for k in range(_CARDS):
        store(removal, k * WIDE, zeros())


@inlined
def _count(cards: Any, work: Work, lane: Index) -> Any:
    """Return the plans of a hand, and count them to both its cards."""
    x = load(work.packed, lane * WIDE)
    a, b = cards[lane * _2] * WIDE, cards[lane * _2 + _1] * WIDE
    store(work.removal, a, load(work.removal, a) + x)
    store(work.removal, b, load(work.removal, b) + x)
    return x


@inlined
def _less(cards: Any, work: Work, everything: Any, lane: Index) -> Any:
    """Return a sum of plans less those that were counted to either card of a hand."""
    a, b = cards[lane * _2] * WIDE, cards[lane * _2 + _1] * WIDE
    return everything - load(work.removal, a) - load(work.removal, b)


@inlined
def _against_all(hands: Hands, work: Work, p: Index, factor: Any, w: Index) -> None:
    """Set the result to factor times the other's plan over hands that share no card with each own hand."""
    q = _1 - p
    mine, theirs = shift(hands.cards, p * (w + _1) * _2), shift(hands.cards, q * (w + _1) * _2)
    same = shift(hands.same, p * (w + _1))
    _clear(work.removal)
    everything = zeros()
    for i in range(hands.lanes[q]):
        everything = everything + _count(theirs, work, i)
    for i in range(hands.lanes[p]):
        x = _less(mine, work, everything, i)
        x = x + load(work.packed, same[i] * WIDE)  # taken out twice
        store(work.result, i * WIDE, x * factor)


@inlined
def _by_strength(
    hands: Hands, orders: Orders, work: Work, p: Index, row: Index, win: Any, lose: Any, w: Index
) -> None:
    """Add to the result: win times the other's plan over weaker hands, lose times that over stronger ones."""
    q = _1 - p
    mine, theirs = shift(hands.cards, p * (w + _1) * _2), shift(hands.cards, q * (w + _1) * _2)
    own, other = (row * _2 + p) * w, (row * _2 + q) * w
    order, theirs_by_strength = shift(orders.order, own), shift(orders.order, other)
    below, beyond = shift(orders.below, own), shift(orders.beyond, own)
    count = orders.allowed[row * _2 + p]
    result = work.result
    _clear(work.removal)
    sum_ = zeros()
    place = _0
    for k in range(count):
        until = below[k]
        while place < until:
            sum_ = sum_ + _count(theirs, work, theirs_by_strength[place])
            place += _1
        h = order[k]
        store(result, h * WIDE, load(result, h * WIDE) + _less(mine, work, sum_, h) * win)
    _clear(work.removal)
    sum_ = zeros()
    place = orders.allowed[row * _2 + q]
    for back in range(count):
        k = count - _1 - back
        until = beyond[k]
        while place > until:
            place -= _1
            sum_ = sum_ + _count(theirs, work, theirs_by_strength[place])
        h = order[k]
        store(result, h * WIDE, load(result, h * WIDE) + _less(mine, work, sum_, h) * lose)


@inlined
def _by_table(hands: Hands, equities: Equities, out: Any, other: Any, p: Index, index: Index, w: Index) -> None:
    """Set out to the product of a board's table (by player 0's lanes, then player 1's) with the other's plan."""
    ahead = shift(equities.ahead, index * w * w)
    own, theirs = hands.lanes[p], hands.lanes[_1 - p]
    store(out, w - WIDE, zeros())
    if p == 0:
        for h in range(own):
            x = zeros()
            for k in range(w // WIDE):
                x = x + load(ahead, h * w + k * WIDE) * load(other, k * WIDE)
            out[h] = total(x)
        return
    for i in range(w // WIDE):
        store(out, i * WIDE, zeros())
    for o in range(theirs):
        weight = fill(other[o])
        for i in range(w // WIDE):
            store(out, i * WIDE, load(out, i * WIDE) + load(ahead, o * w + i * WIDE) * weight)
