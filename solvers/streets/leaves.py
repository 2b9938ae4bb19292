"""What the leaves of a street are worth to each hand, kind by kind.

FOLD: a payoff against every hand that shares no card with one's own. SHOWDOWN: one against weaker and one against
stronger hands, by a sweep over both ranges in order of strength. TABLE: a product with the board's table of chances to
win, for showdowns with cards to come. NET: what an evaluator answered (`solvers.streets.nets`).

All leaves of an instance are on one board, so sixteen go side by side: plans are transposed to sixteen numbers a hand,
and the sweep over hands is paid for once (`engine.simd`). All arrays are raw (`engine.raw`), w is the board's width.
"""

from typing import Any

import numpy as np

from counterplay.engine.jit import Index, inlined
from counterplay.engine.raw import shift
from counterplay.engine.simd import WIDE, fill, interleave, load, scatter_add, store, total, zeros
from counterplay.engine.streets import FOLD, SHOWDOWN, SLOTS, TABLE, Boards, Subgame, Tables, Work
from counterplay.solvers.streets.decisions import UPDATE, begins_at
from counterplay.solvers.streets.tables import touch

_HALF = np.float32(0.5)
_0, _1, _2, _3, _4, _7, _8 = (np.uint64(n) for n in (0, 1, 2, 3, 4, 7, 8))
_CARDS = np.uint64(SLOTS)


@inlined
def add_leaves(
    game: Subgame,
    tables: Tables,
    work: Work,
    plan: Any,
    value: Any,
    instance: Index,
    t: Index,
    board: Index,
    p: Index,
    mode: int,
    averages: bool,
    w: Index,
) -> None:
    """Add to player p's values, one row a sequence, those of an instance's leaves; `plan` is of both.

    Meanwhile memory is idle: what is needed of the tables afterwards is brought near, some lines at each step. It is
    the player's averages here, where `averages` says so, and what strategies are read from at the instance that comes
    next.
    One loop for all kinds, so that each part that it calls is compiled into it once.
    """
    boards, leaves, templates = game.boards, game.leaves, game.templates
    q = _1 - p
    own, others = boards.lanes[board * _2 + p], boards.lanes[board * _2 + q]
    mine, theirs = work.last, shift(work.last, WIDE)
    store(work.packed, w * WIDE, zeros())
    blocks = leaves.bounds[t * _4 + _3] - leaves.bounds[t * _4]
    steps = (((own + _7) // _8 + (others + _7) // _8) * blocks + _1) * WIDE  # times entries of a line
    base, soon = game.instances.base[instance], tables.regret
    summed, behind = base + begins_at(game, t, board, p), templates.actions[t * _2 + p] * boards.columns[board * _2 + p]
    size = begins_at(game, t, board, _1) + templates.actions[t * _2 + _1] * boards.columns[board * _2 + _1]
    ahead, behind_lines, ahead_lines = base + size, behind // steps + _1, size // steps + _1
    if mode != UPDATE:
        soon = tables.total
    if not averages:
        behind_lines = _0
    # After the root often nothing comes, and where hands are in cells what a visit needs lies scattered.
    scattered = boards.columns[board * _2 + p] != own or boards.columns[board * _2 + q] != others
    if instance == 0 or scattered:
        ahead_lines = behind_lines = _0
    for kind in range(_3):
        for block in range(leaves.bounds[t * _4 + kind], leaves.bounds[t * _4 + kind + _1]):
            for j in range(WIDE):
                mine[j] = leaves.last[(block * _2 + p) * WIDE + j] * w
                theirs[j] = leaves.last[(block * _2 + q) * WIDE + j] * w
            pays = shift(leaves.pays, block * _3 * WIDE)
            if kind == TABLE:
                chances = shift(game.equities.ahead, game.equities.at[board])
                none = game.templates.sequences[t] * w
                _by_table(chances, boards.lanes[board * _2], work.norm, plan, theirs, value, mine, pays, none, p, w)
                if not game.raked:
                    continue
            # 1. Lay the other's plans at sixteen leaves side by side.
            for k in range((others + _7) // _8):
                interleave(plan, theirs, _0, k * _8, work.packed, k * _8 * WIDE)
                interleave(plan, theirs, _8, k * _8, work.packed, k * _8 * WIDE + _8)
                ahead, summed = touch(soon, ahead, ahead_lines), touch(tables.total, summed, behind_lines)
            # 2. What all hands get that share no card with one's own: a fold's payoff, or with rake a tie's.
            tie = load(pays, _2 * WIDE)
            if kind == FOLD or game.raked:
                _against_all(boards, work, p, board, load(pays, p * WIDE) if kind == FOLD else tie, w)
            else:
                for i in range(own):
                    store(work.result, i * WIDE, zeros())
            # 3. What winner and loser get beyond a tie, which without rake is worth nothing.
            if kind == SHOWDOWN:
                win, lose = load(pays, _0) - tie, load(pays, WIDE) - tie
                _by_strength(boards, work, p, board, win, lose, w)
            # 4. Add the sixteen results to the rows of the own sequences that end there.
            for i in range(own, (own + _7) // _8 * _8):
                store(work.result, i * WIDE, zeros())
            for k in range((own + _7) // _8):
                scatter_add(work.result, k * _8 * WIDE, value, mine, _0, k * _8)
                scatter_add(work.result, k * _8 * WIDE + _8, value, mine, _8, k * _8)
                ahead, summed = touch(soon, ahead, ahead_lines), touch(tables.total, summed, behind_lines)
    first, end = leaves.bounds[t * _4 + _3], leaves.bounds[t * _4 + _4]
    if first < end:
        _by_answers(game, value, first, end, instance, t, own, p, w)


@inlined
def _by_answers(
    game: Subgame, value: Any, first: Index, end: Index, instance: Index, t: Index, lanes: Index, p: Index, w: Index
) -> None:
    """Add what an evaluator answered for an instance's net leaves, in these blocks, to the own sequences there."""
    none, each = game.templates.sequences[t], np.uint64(game.nets.width)
    at = (game.nets.first[instance] * _2 + p) * each
    for block in range(first, end):
        for j in range(WIDE):
            row = np.uint64(game.leaves.last[(block * _2 + p) * WIDE + j])
            if row == none:
                return
            for i in range(lanes):
                value[row * w + i] += game.nets.values[at + i]
            at += _2 * each


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
def _against_all(boards: Boards, work: Work, p: Index, board: Index, factor: Any, w: Index) -> None:
    """Set the result to factor times the other's plan over hands that share no card with each own hand."""
    q = _1 - p
    own, other = boards.at[board] + p * w, boards.at[board] + q * w
    mine, theirs, same = shift(boards.cards, own * _2), shift(boards.cards, other * _2), shift(boards.same, own)
    _clear(work.removal)
    everything = zeros()
    for i in range(boards.lanes[board * _2 + q]):
        everything = everything + _count(theirs, work, i)
    for i in range(boards.lanes[board * _2 + p]):
        x = _less(mine, work, everything, i)
        x = x + load(work.packed, same[i] * WIDE)  # taken out twice
        store(work.result, i * WIDE, x * factor)


@inlined
def _by_strength(boards: Boards, work: Work, p: Index, board: Index, win: Any, lose: Any, w: Index) -> None:
    """Add to the result: win times the other's plan over weaker hands, lose times that over stronger ones."""
    q = _1 - p
    own, other = boards.at[board] + p * w, boards.at[board] + q * w
    mine, theirs = shift(boards.cards, own * _2), shift(boards.cards, other * _2)
    ranked = boards.ranked[board] + p * w
    below, beyond = shift(boards.below, ranked), shift(boards.beyond, ranked)
    count = boards.lanes[board * _2 + p]
    result = work.result
    _clear(work.removal)
    sum_ = zeros()
    place = _0
    for k in range(count):
        until = below[k]
        while place < until:
            sum_ = sum_ + _count(theirs, work, place)
            place += _1
        store(result, k * WIDE, load(result, k * WIDE) + _less(mine, work, sum_, k) * win)
    _clear(work.removal)
    sum_ = zeros()
    place = boards.lanes[board * _2 + q]
    for back in range(count):
        k = count - _1 - back
        until = beyond[k]
        while place > until:
            place -= _1
            sum_ = sum_ + _count(theirs, work, place)
        store(result, k * WIDE, load(result, k * WIDE) + _less(mine, work, sum_, k) * lose)


@inlined
def _by_table(
    ahead: Any,
    lanes: Index,
    norm: Any,
    plan: Any,
    theirs: Any,
    value: Any,
    mine: Any,
    pays: Any,
    none: Index,
    p: Index,
    w: Index,
) -> None:
    """Add to the values of a block of leaves, one after another: products of a board's table with the other's plans.

    The table is by player 0's lanes, then player 1's. With chances W, L and T to win, lose and tie that sum to C, a
    hand gets win W + lose L + tie T. A tie pays half of what winner and loser get together, so that is tie C, which all
    kinds of leaves have in common, and (win - lose) / 2 times W - L.
    """
    for j in range(WIDE):
        if theirs[j] == none:
            return
        other, to = shift(plan, theirs[j]), shift(value, mine[j])
        if p == 0:
            for i in range(_0, w, WIDE):
                store(norm, i, zeros())
            for h in range(lanes):
                x = zeros()
                for i in range(_0, w, WIDE):
                    x = x + load(ahead, h * w + i) * load(other, i)
                norm[h] = total(x)
        else:
            for i in range(_0, w, WIDE):
                store(norm, i, zeros())
            for o in range(lanes):
                weight = fill(other[o])
                for i in range(_0, w, WIDE):
                    store(norm, i, load(norm, i) + load(ahead, o * w + i) * weight)
        half = fill((pays[j] - pays[WIDE + j]) * (_HALF if p == 0 else -_HALF))
        for i in range(_0, w, WIDE):
            store(to, i, load(to, i) + half * load(norm, i))
