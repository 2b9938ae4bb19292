"""Kernels of regret minimisation and best response on a `Subgame`, street by street, depth-first.

A visit of an instance goes down its template (strategies and plans), through its leaves, and up again (values,
regrets, averages), on working memory that stays in the cache; the long tables are read and written once. The rule of
an iteration is that of `solvers.cfr` (three factors, no prediction), and the same visit with another mode gives the
value of the average strategies or the best response to them.

Precision: tables and vectors are 32-bit floats (or 16-bit integers with one scale a decision), sums over hands at the
root 64-bit.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from counterplay.engine.jit import inlined, jit
from counterplay.engine.simd import EIGHT, add8, column8, load8, mul8, store8, sub8, zero8
from counterplay.engine.subgame import Scratch, Subgame, Tables

UPDATE, VALUE, BEST = 0, 1, 2
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_TOP = np.float32(32767.0)


def _fetch(table: Any, at: Any, count: Any, scales: Any, k: Any, block: Any) -> None:
    """Set block to `count` entries of the table, in units of its scale."""
    scale = scales[k] if scales.size else 1.0
    block[:count] = table[at : at + count] * scale


@overload(_fetch, strict=False)
def _fetch_jit(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
    if table.dtype.name == "int16":

        def packed(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
            scale = scales[k]
            for i in range(count):
                block[i] = np.float32(table[at + i]) * scale

        return packed

    def plain(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
        for i in range(count):
            block[i] = table[at + i]

    return plain


def _keep(table: Any, at: Any, count: Any, scales: Any, k: Any, block: Any) -> None:
    """Set `count` entries of the table to block, in 16 bits by the largest of them."""
    if scales.size:
        top = np.abs(block[:count]).max()
        scales[k] = top / _TOP
        table[at : at + count] = np.rint(block[:count] * (_TOP / top if top > 0 else 0.0))
    else:
        table[at : at + count] = block[:count]


@overload(_keep, strict=False)
def _keep_jit(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
    if table.dtype.name == "int16":

        def packed(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
            top = _ZERO
            for i in range(count):
                top = max(top, abs(block[i]))
            scales[k] = top / _TOP
            factor = _TOP / top if top > _ZERO else _ZERO
            for i in range(count):
                x = block[i] * factor
                table[at + i] = np.int16(np.int32(x + np.float32(0.5) if x >= _ZERO else x - np.float32(0.5)))

        return packed

    def plain(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
        for i in range(count):
            table[at + i] = block[i]

    return plain


@inlined
def _lock(game: Subgame, k: Any) -> Any:
    """Return where the fixed strategy of the decision with that scale begins, -1 where all lanes are free."""
    return np.int64(game.lock[k]) if game.lock.size > 0 else np.int64(-1)


@inlined
def _descend(game: Subgame, tables: Tables, work: Scratch, instance: Any, p: Any, mode: Any) -> None:
    """Spread the plans of `work.plan` rows 0 and 1 over the instance's template; keep player p's strategy."""
    w = np.uint64(game.reach.shape[1])
    t = game.template[instance]
    plan, sigma, block, norm = work.plan, work.sigma, work.block, work.norm
    start = game.decisions[t, 0]
    for q in range(2):
        if q == p and mode == BEST:
            continue
        lanes = np.uint64(game.lanes[q])
        for d in range(game.decisions[t, q], game.decisions[t, q + 1]):
            actions = np.uint64(game.size[d])
            at = np.uint64(game.base[instance]) + game.offset[d]
            k = np.uint64(game.scale[instance]) + (d - start)
            if mode == UPDATE:
                _fetch(tables.regret, at, actions * lanes, tables.regret_scale, k, block)
            else:
                _fetch(tables.total, at, actions * lanes, tables.total_scale, k, block)
            for i in range(lanes):
                norm[i] = _ZERO
            for a in range(actions):
                row = a * lanes
                for i in range(lanes):
                    norm[i] += max(block[row + i], _ZERO)
            for i in range(lanes):
                norm[i] = _ONE / norm[i] if norm[i] > np.float32(1e-30) else _ZERO
            equal = _ONE / np.float32(actions)
            above = np.uint64(game.parent[d]) * w
            for a in range(actions):
                row = a * lanes
                below = (np.uint64(game.first[d]) + a) * w
                for i in range(lanes):
                    x = max(block[row + i], _ZERO) * norm[i]
                    x = x if norm[i] > _ZERO else equal
                    sigma[below + i] = x
                    plan[below + i] = x * plan[above + i]
            lock = _lock(game, k)
            if lock >= 0:
                for a in range(actions):
                    fixed = np.uint64(lock) + a * lanes
                    below = (np.uint64(game.first[d]) + a) * w
                    for i in range(lanes):
                        x = game.mix[fixed + i]
                        if x >= _ZERO:
                            sigma[below + i] = x
                            plan[below + i] = x * plan[above + i]


@inlined
def _hold(game: Subgame, work: Scratch, lock: Any, actions: Any, lanes: Any, first: Any, mode: Any) -> None:
    """Value a decision's fixed lanes by their strategy also in a best response, and leave them without regret."""
    w = np.uint64(game.reach.shape[1])
    value, norm = work.value, work.norm
    at = np.uint64(lock)
    for i in range(lanes):
        if game.mix[at + i] >= _ZERO:
            x = _ZERO
            for a in range(actions):
                x += game.mix[at + a * lanes + i] * value[first + a * w + i]
            norm[i] = x
            if mode == UPDATE:
                for a in range(actions):
                    value[first + a * w + i] = x


@inlined
def _ascend(
    game: Subgame,
    tables: Tables,
    work: Scratch,
    instance: Any,
    p: Any,
    mode: Any,
    pos: Any,
    neg: Any,
    avg: Any,
) -> None:
    """Gather player p's values up the template; in mode UPDATE add regrets and averages."""
    w = np.uint64(game.reach.shape[1])
    t = game.template[instance]
    plan, sigma, value, block, norm = work.plan, work.sigma, work.value, work.block, work.norm
    lanes = np.uint64(game.lanes[p])
    pos, neg, avg = np.float32(pos), np.float32(neg), np.float32(avg)
    start = game.decisions[t, 0]
    low, high = game.decisions[t, p], game.decisions[t, p + 1]
    for back in range(high - low):
        d = high - np.uint32(1) - np.uint32(back)
        actions = np.uint64(game.size[d])
        above = np.uint64(game.parent[d]) * w
        first = np.uint64(game.first[d]) * w
        if mode == BEST:
            for i in range(lanes):
                norm[i] = value[first + i]
            for a in range(np.uint64(1), actions):
                row = first + a * w
                for i in range(lanes):
                    norm[i] = max(norm[i], value[row + i])
        else:
            for i in range(lanes):
                norm[i] = _ZERO
            for a in range(actions):
                row = first + a * w
                for i in range(lanes):
                    norm[i] += sigma[row + i] * value[row + i]
        k = np.uint64(game.scale[instance]) + (d - start)
        lock = _lock(game, k)
        if lock >= 0:
            _hold(game, work, lock, actions, lanes, first, mode)
        for i in range(lanes):
            value[above + i] += norm[i]
        if mode != UPDATE:
            continue
        at = np.uint64(game.base[instance]) + game.offset[d]
        _fetch(tables.regret, at, actions * lanes, tables.regret_scale, k, block)
        for a in range(actions):
            row, low_row = first + a * w, a * lanes
            for i in range(lanes):
                q = block[low_row + i] + value[row + i] - norm[i]
                block[low_row + i] = q * pos if q > _ZERO else q * neg
        _keep(tables.regret, at, actions * lanes, tables.regret_scale, k, block)
        _fetch(tables.total, at, actions * lanes, tables.total_scale, k, block)
        for a in range(actions):
            row, low_row = first + a * w, a * lanes
            for i in range(lanes):
                block[low_row + i] = block[low_row + i] * avg + plan[row + i]
        _keep(tables.total, at, actions * lanes, tables.total_scale, k, block)


@inlined
def _pack(game: Subgame, work: Scratch, q: Any, at: Any, low: Any, count: Any) -> None:
    """Lay player q's plans at up to eight leaves side by side; missing ones repeat the first."""
    w = np.uint64(game.reach.shape[1])
    r0 = np.uint64(at[low, q]) * w
    r1 = np.uint64(at[low + 1, q]) * w if count > 1 else r0
    r2 = np.uint64(at[low + 2, q]) * w if count > 2 else r0
    r3 = np.uint64(at[low + 3, q]) * w if count > 3 else r0
    r4 = np.uint64(at[low + 4, q]) * w if count > 4 else r0
    r5 = np.uint64(at[low + 5, q]) * w if count > 5 else r0
    r6 = np.uint64(at[low + 6, q]) * w if count > 6 else r0
    r7 = np.uint64(at[low + 7, q]) * w if count > 7 else r0
    rows = (r0, r1, r2, r3, r4, r5, r6, r7)
    for i in range(np.uint64(game.lanes[q])):
        store8(work.eight, i * EIGHT, column8(work.plan, rows, i))


@inlined
def _unpack(game: Subgame, work: Scratch, p: Any, at: Any, low: Any, count: Any) -> None:
    """Add the values of up to eight leaves to player p's sequences that lead to them."""
    w = np.uint64(game.reach.shape[1])
    value, result = work.value, work.result
    for j in range(np.uint64(count)):
        row = np.uint64(at[low + j, p]) * w
        for i in range(np.uint64(game.lanes[p])):
            value[row + i] += result[i * EIGHT + j]


@inlined
def _factors(pays: Any, low: Any, count: Any, column: Any) -> Any:
    return (
        pays[low, column],
        pays[low + 1, column] if count > 1 else _ZERO,
        pays[low + 2, column] if count > 2 else _ZERO,
        pays[low + 3, column] if count > 3 else _ZERO,
        pays[low + 4, column] if count > 4 else _ZERO,
        pays[low + 5, column] if count > 5 else _ZERO,
        pays[low + 6, column] if count > 6 else _ZERO,
        pays[low + 7, column] if count > 7 else _ZERO,
    )


@inlined
def _compatible(game: Subgame, work: Scratch, p: Any, factor: Any) -> None:
    """Set the result to factor times the other's plan over hands that share no card with each own hand."""
    q = 1 - p
    eight, result, removal = work.eight, work.result, work.removal
    for i in range(removal.size):
        removal[i] = _ZERO
    total = zero8()
    for i in range(np.uint64(game.lanes[q])):
        x = load8(eight, i * EIGHT)
        total = add8(total, x)
        a, b = np.uint64(game.cards[q, i, 0]) * EIGHT, np.uint64(game.cards[q, i, 1]) * EIGHT
        store8(removal, a, add8(load8(removal, a), x))
        store8(removal, b, add8(load8(removal, b), x))
    for i in range(np.uint64(game.lanes[p])):
        a, b = np.uint64(game.cards[p, i, 0]) * EIGHT, np.uint64(game.cards[p, i, 1]) * EIGHT
        x = sub8(sub8(total, load8(removal, a)), load8(removal, b))
        x = add8(x, load8(eight, np.uint64(game.same[p, i]) * EIGHT))  # taken out twice
        store8(result, i * EIGHT, mul8(x, factor))


@inlined
def _ranked(game: Subgame, work: Scratch, p: Any, river: Any, win: Any, lose: Any) -> None:
    """Add to the result: win times the other's plan over weaker hands, lose times that over stronger ones."""
    q = 1 - p
    eight, result, removal = work.eight, work.result, work.removal
    order = game.order
    place: Any = np.uint64(0)
    for i in range(removal.size):
        removal[i] = _ZERO
    total = zero8()
    for k in range(np.uint64(game.allowed[river, p])):
        while place < game.below[river, p, k]:
            o = np.uint64(order[river, q, place])
            place += np.uint64(1)
            x = load8(eight, o * EIGHT)
            total = add8(total, x)
            a, b = np.uint64(game.cards[q, o, 0]) * EIGHT, np.uint64(game.cards[q, o, 1]) * EIGHT
            store8(removal, a, add8(load8(removal, a), x))
            store8(removal, b, add8(load8(removal, b), x))
        h = np.uint64(order[river, p, k])
        a, b = np.uint64(game.cards[p, h, 0]) * EIGHT, np.uint64(game.cards[p, h, 1]) * EIGHT
        x = sub8(sub8(total, load8(removal, a)), load8(removal, b))
        store8(result, h * EIGHT, add8(load8(result, h * EIGHT), mul8(x, win)))
    for i in range(removal.size):
        removal[i] = _ZERO
    total = zero8()
    place = np.uint64(game.allowed[river, q])
    count = np.uint64(game.allowed[river, p])
    for back in range(count):
        j = count - np.uint64(1) - back
        while place > game.beyond[river, p, j]:
            place -= np.uint64(1)
            o = np.uint64(order[river, q, place])
            x = load8(eight, o * EIGHT)
            total = add8(total, x)
            a, b = np.uint64(game.cards[q, o, 0]) * EIGHT, np.uint64(game.cards[q, o, 1]) * EIGHT
            store8(removal, a, add8(load8(removal, a), x))
            store8(removal, b, add8(load8(removal, b), x))
        h = np.uint64(order[river, p, j])
        a, b = np.uint64(game.cards[p, h, 0]) * EIGHT, np.uint64(game.cards[p, h, 1]) * EIGHT
        x = sub8(sub8(total, load8(removal, a)), load8(removal, b))
        store8(result, h * EIGHT, add8(load8(result, h * EIGHT), mul8(x, lose)))


@inlined
def _leaves(game: Subgame, work: Scratch, instance: Any, p: Any) -> None:
    """Set player p's values to those of the template's folds and showdowns.

    One loop for all kinds: each part that it calls is compiled into it once.
    """
    w = np.uint64(game.reach.shape[1])
    t, board = game.template[instance], game.board[instance]
    value, result = work.value, work.result
    raked = game.raked
    for i in range(np.uint64(game.sequences[t]) * w):
        value[i] = _ZERO
    for kind in range(3):
        if kind == 0:
            at, pays, low, high = game.fold_at, game.fold_pays, game.folds[t], game.folds[t + 1]
        elif kind == 1:
            at, pays, low, high = game.show_at, game.show_pays, game.shows[t], game.shows[t + 1]
        else:
            at, pays, low, high = game.allin_at, game.allin_pays, game.allins[t], game.allins[t + 1]
        for first in range(np.int64(low), np.int64(high), 8):
            count = min(np.int64(high) - first, 8)
            # What all hands get that share no card with one's own: a fold's payoff, or with rake a tie's.
            if kind == 0 or raked:
                _pack(game, work, 1 - p, at, first, count)
                _compatible(game, work, p, _factors(pays, first, count, p if kind == 0 else 2))
            else:
                if kind == 1:
                    _pack(game, work, 1 - p, at, first, count)
                for i in range(np.uint64(game.lanes[p]) * EIGHT):
                    result[i] = _ZERO
            if kind == 1:
                tie = _factors(pays, first, count, 2)  # zero without rake
                win = sub8(_factors(pays, first, count, 0), tie)
                lose = sub8(_factors(pays, first, count, 1), tie)
                _ranked(game, work, p, np.int64(game.river[board]), win, lose)
            if kind < 2 or raked:
                _unpack(game, work, p, at, first, count)
    _all_in(game, work, p, np.int64(game.allins[t]), np.int64(game.allins[t + 1]), np.int64(game.equity[board]))


@inlined
def _weigh(game: Subgame, matrix: Any, index: Any, p: Any, plan: Any, other: Any, out: Any) -> None:
    """Set out to the product of a board's matrix (by player 0's lanes, then player 1's) with the other's plan."""
    w = np.uint64(game.reach.shape[1])
    start = np.uint64(index) * w * w
    own, theirs = np.uint64(game.lanes[p]), np.uint64(game.lanes[1 - p])
    if p == 0:
        for h in range(own):
            row = start + h * w
            x = zero8()
            for k in range(w // EIGHT):
                x = add8(x, mul8(load8(matrix, row + k * EIGHT), load8(plan, other + k * EIGHT)))
            out[h] = ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]))
        return
    for h in range(own):
        out[h] = _ZERO
    for o in range(theirs):
        x1, row = plan[other + o], start + o * w
        for h in range(own):
            out[h] += matrix[row + h] * x1


@inlined
def _all_in(game: Subgame, work: Scratch, p: Any, low: Any, high: Any, index: Any) -> None:
    """Add the values of showdowns with cards to come, beyond a tie's: products with the board's tables of equities.

    With chances W, L and T to win, lose and tie that sum to C, a hand gets win W + lose L + tie T. A tie pays half of
    what winner and loser get together, so that is tie C, which the leaf loop gave, and (win - lose) / 2 times W - L.
    """
    w = np.uint64(game.reach.shape[1])
    plan, value, norm = work.plan, work.value, work.norm
    own = np.uint64(game.lanes[p])
    for leaf in range(low, high):
        win, lose = game.allin_pays[leaf, 0], game.allin_pays[leaf, 1]
        mine, other = np.uint64(game.allin_at[leaf, p]) * w, np.uint64(game.allin_at[leaf, 1 - p]) * w
        half = (win - lose) * np.float32(0.5 if p == 0 else -0.5)
        _weigh(game, game.ahead, index, p, plan, other, norm)
        for h in range(own):
            value[mine + h] += half * norm[h]


@inlined
def _deal(game: Subgame, above: Scratch, below: Scratch, end: Any, card: Any) -> None:
    """Hand both plans at an end of the street on to the next street, without the hands that hold the card."""
    w = np.uint64(game.reach.shape[1])
    for q in range(2):
        row, to = np.uint64(game.next_at[end, q]) * w, np.uint64(q) * w
        for i in range(np.uint64(game.lanes[q])):
            blocked = game.cards[q, i, 0] == card or game.cards[q, i, 1] == card
            below.plan[to + i] = _ZERO if blocked else above.plan[row + i]


@inlined
def _collect(game: Subgame, work: Scratch, end: Any, p: Any, deal: Any, chance: Any, gained: Any, at: Any) -> None:
    """Add what player p gained after a card, and after those that equal it up to suits, to the end of the street."""
    w = np.uint64(game.reach.shape[1])
    row, card = np.uint64(game.next_at[end, p]) * w, game.card[deal]
    value = work.value
    chance = np.float32(chance)
    for i in range(np.uint64(game.lanes[p])):
        blocked = game.cards[p, i, 0] == card or game.cards[p, i, 1] == card
        value[row + i] += _ZERO if blocked else chance * gained[at + i]
    for k in range(game.twins[deal], game.twins[deal + 1]):
        swap = game.twin[k]
        for i in range(np.uint64(game.lanes[p])):
            j = np.uint64(game.permuted[swap, p, i])
            blocked = game.cards[p, j, 0] == card or game.cards[p, j, 1] == card
            value[row + i] += _ZERO if blocked else chance * gained[at + j]


@jit
def visit_rivers(
    game: Subgame,
    tables: Tables,
    above: Scratch,
    work: Scratch,
    instance: Any,
    end: Any,
    low: Any,
    high: Any,
    gained: Any,
    at: Any,
    p: Any,
    mode: Any,
    pos: Any,
    neg: Any,
    avg: Any,
) -> None:
    """Visit the last street after an end of the street before, for cards low .. high of its board.

    `above` holds the plans of that end's street, played at `instance`; player p's values after each card go to rows of
    `gained`, from entry `at` on. Many run-outs share a call because a call hands over all arrays one by one.
    """
    w = np.uint64(game.reach.shape[1])
    board = game.board[instance]
    deals = np.int64(game.deals[board + 1]) - np.int64(game.deals[board])
    first = game.child[instance] + (np.int64(end) - np.int64(game.nexts[game.template[instance]])) * deals
    for k in range(low, high):
        _deal(game, above, work, end, game.card[np.int64(game.deals[board]) + k])
        _descend(game, tables, work, first + k, p, mode)
        _leaves(game, work, first + k, p)
        _ascend(game, tables, work, first + k, p, mode, pos, neg, avg)
        row, mine = np.uint64(at) + np.uint64(k - low) * w, np.uint64(p) * w
        for i in range(w):
            gained[row + i] = work.value[mine + i]


@jit
def visit_turn(
    game: Subgame,
    tables: Tables,
    work: Scratch,
    lower: Scratch,
    gained: Any,
    instance: Any,
    p: Any,
    mode: Any,
    pos: Any,
    neg: Any,
    avg: Any,
) -> None:
    """Visit an instance of the street before the last, and all that follows it; `gained` has a row for each card."""
    w = np.uint64(game.reach.shape[1])
    t, board = game.template[instance], game.board[instance]
    _descend(game, tables, work, instance, p, mode)
    _leaves(game, work, instance, p)
    deals = np.int64(game.deals[board + 1]) - np.int64(game.deals[board])
    for end in range(game.nexts[t], game.nexts[t + 1]):
        visit_rivers(game, tables, work, lower, instance, end, 0, deals, gained, 0, p, mode, pos, neg, avg)
        for k in range(deals):
            deal = np.int64(game.deals[board]) + k
            _collect(game, work, end, p, deal, game.chance[board], gained, np.uint64(k) * w)
    _ascend(game, tables, work, instance, p, mode, pos, neg, avg)


@jit
def open_root(game: Subgame, tables: Tables, work: Scratch, p: Any, mode: Any) -> None:
    """Begin a visit of the root (instance 0): its street's plans."""
    w = game.reach.shape[1]
    for q in range(2):
        for i in range(w):
            work.plan[q * w + i] = game.reach[q, i]
    _descend(game, tables, work, 0, p, mode)


@jit
def visit_children(
    game: Subgame,
    tables: Tables,
    root: Scratch,
    middle: Scratch,
    lower: Scratch,
    inner: Any,
    low: Any,
    high: Any,
    gained: Any,
    p: Any,
    mode: Any,
    pos: Any,
    neg: Any,
    avg: Any,
    streets: Any,
) -> None:
    """Visit the root's children low .. high (ends of the street times cards); their values go to rows of `gained`.

    `inner` is working memory with a row for each card after a child, used where two streets follow the root's.
    """
    w = np.uint64(game.reach.shape[1])
    t, board = game.template[0], game.board[0]
    deals = np.int64(game.deals[board + 1]) - np.int64(game.deals[board])
    index = low
    while index < high:
        end, k = np.int64(game.nexts[t]) + index // deals, index % deals
        at = np.uint64(index) * w
        if streets == 2:
            _deal(game, root, middle, end, game.card[np.int64(game.deals[board]) + k])
            visit_turn(game, tables, middle, lower, inner, game.child[0] + index, p, mode, pos, neg, avg)
            for i in range(w):
                gained[at + i] = middle.value[np.uint64(p) * w + i]
            index += 1
        else:
            more = min(deals - k, high - index)
            visit_rivers(game, tables, root, lower, 0, end, k, k + more, gained, at, p, mode, pos, neg, avg)
            index += more


@jit
def close_root(
    game: Subgame, tables: Tables, work: Scratch, gained: Any, p: Any, mode: Any, pos: Any, neg: Any, avg: Any
) -> None:
    """End a visit of the root; row p of `work.value` then holds player p's value of each hand."""
    w = np.uint64(game.reach.shape[1])
    t, board = game.template[0], game.board[0]
    _leaves(game, work, 0, p)
    deals = np.int64(game.deals[board + 1]) - np.int64(game.deals[board])
    for end in range(game.nexts[t], game.nexts[t + 1]):
        for k in range(deals):
            index = (np.int64(end) - np.int64(game.nexts[t])) * deals + k
            deal = np.int64(game.deals[board]) + k
            _collect(game, work, end, p, deal, game.chance[board], gained, np.uint64(index) * w)
    _ascend(game, tables, work, 0, p, mode, pos, neg, avg)


@jit
def iterate_root(game: Subgame, tables: Tables, work: Scratch, rows: Any) -> None:
    """Run one alternating iteration for each row (pos, neg, avg) on a root with no street after it."""
    nothing = np.zeros(0, np.float32)
    for t in range(rows.shape[0]):
        for p in range(2):
            open_root(game, tables, work, p, UPDATE)
            close_root(game, tables, work, nothing, p, UPDATE, rows[t, 0], rows[t, 1], rows[t, 2])
