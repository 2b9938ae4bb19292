"""What the leaves of a street are worth to each hand, kind by kind.

FOLD: a payoff against every hand that shares no card with one's own. SHOWDOWN: one against weaker and one against
stronger hands, by a sweep over both ranges in order of strength. TABLE: a product with the board's table of chances to
win, for showdowns with cards to come.

All leaves of an instance are on one board, so sixteen go side by side: plans are transposed to sixteen numbers a hand,
and the sweep over hands is paid for once (`engine.simd`). All arrays are raw (`engine.raw`), w is the number of lanes.
"""

from typing import Any

import numpy as np

from counterplay.engine.jit import Index, inlined
from counterplay.engine.raw import shift
from counterplay.engine.simd import WIDE, fill, interleave, load, scatter_add, store, total, zeros
from counterplay.engine.streets import FOLD, SHOWDOWN, SLOTS, TABLE, Equities, Hands, Orders, Subgame, Work

_HALF = np.float32(0.5)
_0, _1, _2, _3, _7, _8 = (np.uint64(n) for n in (0, 1, 2, 3, 7, 8))
_CARDS = np.uint64(SLOTS)


@inlined
def add_leaves(game: Subgame, work: Work, plan: Any, value: Any, t: Index, board: Index, p: Index, w: Index) -> None:
    """Add to player p's values, one row a sequence, those of the leaves of template t on a board; `plan` is of both.

    One loop for all kinds, so that each part that it calls is compiled into it once.
    """
    hands, leaves, equities = game.hands, game.leaves, game.equities
    q = _1 - p
    own, others = hands.lanes[p], hands.lanes[q]
    for kind in range(_3):
        for block in range(leaves.bounds[t * _3 + kind], leaves.bounds[t * _3 + kind + _1]):
            theirs, mine = shift(leaves.rows, (block * _2 + q) * WIDE), shift(leaves.rows, (block * _2 + p) * WIDE)
            pays = shift(leaves.pays, block * _3 * WIDE)
            if kind == TABLE:
                none = game.templates.sequences[t] * w
                _by_table(hands, equities, work.norm, plan, theirs, value, mine, pays, none, p, equities.row[board], w)
                if not game.raked:
                    continue
            # 1. Lay the other's plans at sixteen leaves side by side.
            for k in range((others + _7) // _8):
                interleave(plan, theirs, _0, k * _8, work.packed, k * _8 * WIDE)
                interleave(plan, theirs, _8, k * _8, work.packed, k * _8 * WIDE + _8)
            # 2. What all hands get that share no card with one's own: a fold's payoff, or with rake a tie's.
            tie = load(pays, _2 * WIDE)
            if kind == FOLD or game.raked:
                _against_all(hands, work, p, load(pays, p * WIDE) if kind == FOLD else tie, w)
            else:
                for i in range(own):
                    store(work.result, i * WIDE, zeros())
            # 3. What winner and loser get beyond a tie, which without rake is worth nothing.
            if kind == SHOWDOWN:
                win, lose = load(pays, _0) - tie, load(pays, WIDE) - tie
                _by_strength(hands, game.orders, work, p, game.orders.row[board], win, lose, w)
            # 4. Add the sixteen results to the rows of the own sequences that end there.
            blocks = (own + _7) // _8
            for i in range(own, blocks * _8):
                store(work.result, i * WIDE, zeros())
            for k in range(blocks):
                scatter_add(work.result, k * _8 * WIDE, value, mine, _0, k * _8)
                scatter_add(work.result, k * _8 * WIDE + _8, value, mine, _8, k * _8)


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
def _by_strength(hands: Hands, orders: Orders, work: Work, p: Index, row: Index, win: Any, lose: Any, w: Index) -> None:
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
def _by_table(
    hands: Hands,
    equities: Equities,
    norm: Any,
    plan: Any,
    theirs: Any,
    value: Any,
    mine: Any,
    pays: Any,
    none: Index,
    p: Index,
    index: Index,
    w: Index,
) -> None:
    """Add to the values of a block of leaves, one after another: products of a board's table with the other's plans.

    The table is by player 0's lanes, then player 1's. With chances W, L and T to win, lose and tie that sum to C, a
    hand gets win W + lose L + tie T. A tie pays half of what winner and loser get together, so that is tie C, which all
    kinds of leaves have in common, and (win - lose) / 2 times W - L.
    """
    ahead = shift(equities.ahead, index * w * w)
    for j in range(WIDE):
        if theirs[j] == none:
            return
        other, to = shift(plan, theirs[j]), shift(value, mine[j])
        if p == 0:
            store(norm, w - WIDE, zeros())
            for h in range(hands.lanes[0]):
                x = zeros()
                for i in range(_0, w, WIDE):
                    x = x + load(ahead, h * w + i) * load(other, i)
                norm[h] = total(x)
        else:
            for i in range(_0, w, WIDE):
                store(norm, i, zeros())
            for o in range(hands.lanes[0]):
                weight = fill(other[o])
                for i in range(_0, w, WIDE):
                    store(norm, i, load(norm, i) + load(ahead, o * w + i) * weight)
        half = fill((pays[j] - pays[WIDE + j]) * (_HALF if p == 0 else -_HALF))
        for i in range(_0, w, WIDE):
            store(to, i, load(to, i) + half * load(norm, i))
