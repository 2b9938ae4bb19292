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
from counterplay.engine.simd import LANES, WIDE, interleave, load, spread, store, total, zeros
from counterplay.engine.subgame import Scratch, Subgame, Tables

UPDATE, VALUE, BEST = 0, 1, 2
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_TOP = np.float32(32767.0)


def _fetch(table: Any, at: Any, count: Any, scales: Any, k: Any, block: Any) -> Any:
    """Return `count` entries of the table: themselves, or of 16 bits their values in block."""
    if not scales.size:
        return table[at : at + count]
    block[:count] = table[at : at + count] * scales[k]
    return block


@overload(_fetch, strict=False, jit_options={"forceinline": True})
def _fetch_jit(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
    if table.dtype.name == "int16":

        def packed(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
            scale = scales[k]
            for i in range(count):
                block[i] = np.float32(table[at + i]) * scale
            return block

        return packed
    return lambda table, at, count, scales, k, block: table[at : at + count]


def _keep(table: Any, at: Any, count: Any, scales: Any, k: Any, block: Any) -> None:
    """Put what `_fetch` returned, and was changed since, back: in 16 bits by the largest of the entries."""
    if scales.size:
        top = np.abs(block[:count]).max()
        scales[k] = top / _TOP
        table[at : at + count] = np.rint(block[:count] * (_TOP / top if top > 0 else 0.0))


@overload(_keep, strict=False, jit_options={"forceinline": True})
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
    return lambda table, at, count, scales, k, block: None


@inlined
def _lock(game: Subgame, k: Any) -> Any:
    """Return where the fixed strategy of the decision with that scale begins, -1 where all lanes are free."""
    return np.int64(game.lock[k]) if game.lock.size > 0 else np.int64(-1)


@inlined
def _descend(game: Subgame, tables: Tables, work: Scratch, instance: Any, p: Any, mode: Any) -> None:
    """Spread the plans at the entries (the first rows of `work.plan`) over the template; keep player p's strategy."""
    w = np.uint64(game.reach.shape[1])
    t = game.template[instance]
    plan, sigma, block, norm = work.plan, work.sigma, work.block, work.norm
    start = game.decisions[t, 0]
    for q in range(2):
        lanes = np.uint64(game.lanes[q])
        for d in range(game.decisions[t, q], game.decisions[t, q + 1]):
            actions = np.uint64(game.size[d])
            at = np.uint64(game.base[instance]) + game.offset[d]
            k = np.uint64(game.scale[instance]) + (d - start)
            table, scales = tables.regret, tables.regret_scale
            if mode != UPDATE:
                table, scales = tables.total, tables.total_scale
            weight = _fetch(table, at, actions * lanes, scales, k, block)
            for i in range(lanes):
                norm[i] = max(weight[i], _ZERO)
            for a in range(np.uint64(1), actions):
                row = a * lanes
                for i in range(lanes):
                    norm[i] += max(weight[row + i], _ZERO)
            for i in range(lanes):
                norm[i] = _ONE / norm[i] if norm[i] > np.float32(1e-30) else _ZERO
            equal = _ONE / np.float32(actions)
            above = np.uint64(game.parent[d]) * w
            for a in range(actions):
                row = a * lanes
                below = (np.uint64(game.first[d]) + a) * w
                for i in range(lanes):
                    x = max(weight[row + i], _ZERO) * norm[i]
                    x = x if norm[i] > _ZERO else equal
                    if q == p:
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
    gain, loss, keep = np.float32(pos), np.float32(neg), np.float32(avg)
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
                norm[i] = sigma[first + i] * value[first + i]
            for a in range(np.uint64(1), actions):
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
        regret = _fetch(tables.regret, at, actions * lanes, tables.regret_scale, k, block)
        for a in range(actions):
            row, low_row = first + a * w, a * lanes
            for i in range(lanes):
                q = regret[low_row + i] + value[row + i] - norm[i]
                regret[low_row + i] = q * (gain if q > _ZERO else loss)
        _keep(tables.regret, at, actions * lanes, tables.regret_scale, k, regret)
        summed = _fetch(tables.total, at, actions * lanes, tables.total_scale, k, block)
        for a in range(actions):
            row, low_row = first + a * w, a * lanes
            for i in range(lanes):
                summed[low_row + i] = summed[low_row + i] * keep + plan[row + i]
        _keep(tables.total, at, actions * lanes, tables.total_scale, k, summed)


_8, _NONE = np.uint64(8), np.uint64(0)


@inlined
def _places(game: Subgame, work: Scratch, t: Any, q: Any, at: Any, low: Any, count: Any) -> None:
    """Set `work.rows` to where player q's rows of up to sixteen leaves begin, or the row for those not there."""
    w = np.uint64(game.reach.shape[1])
    for j in range(LANES):
        work.rows[j] = np.uint64(at[low + j, q] if j < count else game.sequences[t]) * w


@inlined
def _factor(work: Scratch, pays: Any, low: Any, count: Any, column: Any, less: Any) -> Any:
    """Return what up to sixteen leaves pay by a column of their table, less another's where that is not -1."""
    for j in range(LANES):
        x = pays[low + j, column] if j < count else _ZERO
        work.factor[j] = x - pays[low + j, less] if j < count and less >= 0 else x
    return load(work.factor, _NONE)


@inlined
def _blocks(game: Subgame, p: Any) -> Any:
    """Return how many eights of lanes a player has."""
    return (np.uint64(game.lanes[p]) + np.uint64(7)) // _8


@inlined
def _clear(a: Any) -> None:
    for k in range(np.uint64(a.size) // WIDE):
        store(a, k * WIDE, zeros())


@inlined
def _compatible(game: Subgame, work: Scratch, p: Any, factor: Any) -> None:
    """Set the result to factor times the other's plan over hands that share no card with each own hand."""
    q = 1 - p
    packed, result, removal, cards = work.packed, work.result, work.removal, game.cards
    _clear(removal)
    everything = zeros()
    for i in range(np.uint64(game.lanes[q])):
        x = load(packed, i * WIDE)
        everything = everything + x
        a, b = np.uint64(cards[q, i, 0]) * WIDE, np.uint64(cards[q, i, 1]) * WIDE
        store(removal, a, load(removal, a) + x)
        store(removal, b, load(removal, b) + x)
    for i in range(np.uint64(game.lanes[p])):
        a, b = np.uint64(cards[p, i, 0]) * WIDE, np.uint64(cards[p, i, 1]) * WIDE
        x = everything - load(removal, a) - load(removal, b)
        x = x + load(packed, np.uint64(game.same[p, i]) * WIDE)  # taken out twice
        store(result, i * WIDE, x * factor)


@inlined
def _ranked(game: Subgame, work: Scratch, p: Any, river: Any, win: Any, lose: Any) -> None:
    """Add to the result: win times the other's plan over weaker hands, lose times that over stronger ones."""
    q = 1 - p
    packed, result, removal, cards = work.packed, work.result, work.removal, game.cards
    order, below, beyond = game.order, game.below, game.beyond
    place: Any = np.uint64(0)
    count = np.uint64(game.allowed[river, p])
    _clear(removal)
    sum_ = zeros()
    for k in range(count):
        until = np.uint64(below[river, p, k])
        while place < until:
            o = np.uint64(order[river, q, place])
            place += np.uint64(1)
            x = load(packed, o * WIDE)
            sum_ = sum_ + x
            a, b = np.uint64(cards[q, o, 0]) * WIDE, np.uint64(cards[q, o, 1]) * WIDE
            store(removal, a, load(removal, a) + x)
            store(removal, b, load(removal, b) + x)
        h = np.uint64(order[river, p, k])
        a, b = np.uint64(cards[p, h, 0]) * WIDE, np.uint64(cards[p, h, 1]) * WIDE
        x = sum_ - load(removal, a) - load(removal, b)
        store(result, h * WIDE, load(result, h * WIDE) + x * win)
    _clear(removal)
    sum_ = zeros()
    place = np.uint64(game.allowed[river, q])
    for back in range(count):
        j = count - np.uint64(1) - back
        until = np.uint64(beyond[river, p, j])
        while place > until:
            place -= np.uint64(1)
            o = np.uint64(order[river, q, place])
            x = load(packed, o * WIDE)
            sum_ = sum_ + x
            a, b = np.uint64(cards[q, o, 0]) * WIDE, np.uint64(cards[q, o, 1]) * WIDE
            store(removal, a, load(removal, a) + x)
            store(removal, b, load(removal, b) + x)
        h = np.uint64(order[river, p, j])
        a, b = np.uint64(cards[p, h, 0]) * WIDE, np.uint64(cards[p, h, 1]) * WIDE
        x = sum_ - load(removal, a) - load(removal, b)
        store(result, h * WIDE, load(result, h * WIDE) + x * lose)


@inlined
def _own(game: Subgame, t: Any, p: Any) -> Any:
    """Return where the sequences that player p's decisions in a template lead to begin and end."""
    low, high = game.decisions[t, p], game.decisions[t, p + 1]
    if low == high:
        return np.uint64(0), np.uint64(0)
    last = high - np.uint32(1)
    return np.uint64(game.first[low]), np.uint64(game.first[last]) + np.uint64(game.size[last])


@inlined
def _leaves(game: Subgame, work: Scratch, instance: Any, p: Any, mode: Any) -> Any:
    """Set player p's values to those of the template's folds and showdowns.

    In mode BEST, return what the player's average strategy earns there; else 0. One loop for all kinds of leaves: each
    part that it calls is compiled into it once.
    """
    w = np.uint64(game.reach.shape[1])
    t, board = game.template[instance], game.board[instance]
    value, result, packed, plan = work.value, work.result, work.packed, work.plan
    raked = game.raked
    start, stop = _own(game, t, p)
    arrivals = np.uint64(2) * np.uint64(game.entries[t])
    for i in range(arrivals * w):
        value[i] = _ZERO
    for i in range(start * w, stop * w):
        value[i] = _ZERO
    for kind in range(3):
        if kind == 0:
            at, pays, low, high = game.fold_at, game.fold_pays, game.folds[t], game.folds[t + 1]
        elif kind == 1:
            at, pays, low, high = game.show_at, game.show_pays, game.shows[t], game.shows[t + 1]
        else:
            at, pays, low, high = game.allin_at, game.allin_pays, game.allins[t], game.allins[t + 1]
        if kind == 2 and not raked:
            continue
        for first in range(np.int64(low), np.int64(high), LANES):
            count = min(np.int64(high) - first, LANES)
            _places(game, work, t, 1 - p, at, first, count)
            for k in range(_blocks(game, 1 - p)):
                interleave(plan, work.rows, _NONE, k * _8, packed, k * _8 * WIDE)
                interleave(plan, work.rows, _8, k * _8, packed, k * _8 * WIDE + _8)
            # What all hands get that share no card with one's own: a fold's payoff, or with rake a tie's.
            if kind == 0 or raked:
                _compatible(game, work, p, _factor(work, pays, first, count, p if kind == 0 else 2, -1))
            else:
                for i in range(np.uint64(game.lanes[p])):
                    store(result, i * WIDE, zeros())
            if kind == 1:  # beyond a tie's, which is zero without rake
                win, lose = _factor(work, pays, first, count, 0, 2), _factor(work, pays, first, count, 1, 2)
                _ranked(game, work, p, np.int64(game.river[board]), win, lose)
            for i in range(np.uint64(game.lanes[p]), _blocks(game, p) * _8):
                store(result, i * WIDE, zeros())
            _places(game, work, t, p, at, first, count)
            for k in range(_blocks(game, p)):
                spread(result, k * _8 * WIDE, value, work.rows, _NONE, k * _8)
                spread(result, k * _8 * WIDE + _8, value, work.rows, _8, k * _8)
    _all_in(game, work, p, np.int64(game.allins[t]), np.int64(game.allins[t + 1]), np.int64(game.equity[board]))
    earned = 0.0
    if mode == BEST:
        for k in range(arrivals + stop - start):
            row = (k if k < arrivals else start + k - arrivals) * w
            x = zeros()
            for i in range(w // WIDE):
                x = x + load(plan, row + i * WIDE) * load(value, row + i * WIDE)
            earned += np.float64(total(x))
    return earned


@inlined
def _weigh(game: Subgame, matrix: Any, index: Any, p: Any, plan: Any, other: Any, out: Any) -> None:
    """Set out to the product of a board's matrix (by player 0's lanes, then player 1's) with the other's plan."""
    w = np.uint64(game.reach.shape[1])
    start = np.uint64(index) * w * w
    own, theirs = np.uint64(game.lanes[p]), np.uint64(game.lanes[1 - p])
    if p == 0:
        for h in range(own):
            row = start + h * w
            x = zeros()
            for k in range(w // WIDE):
                x = x + load(matrix, row + k * WIDE) * load(plan, other + k * WIDE)
            out[h] = total(x)
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
def _free(game: Subgame, q: Any, deal: Any, weight: Any, out: Any) -> None:
    """Set out to the weight for each of player q's lanes, 0 for those that hold a card dealt."""
    dealt = game.dealt[deal]
    for i in range(np.uint64(game.lanes[q])):
        out[i] = _ZERO if game.held[q, i] & dealt else weight


@inlined
def _deal(game: Subgame, above: Scratch, below: Scratch, group: Any, deal: Any) -> None:
    """Hand both plans at a group of ends on to the next street, without the hands that hold a card dealt."""
    w = np.uint64(game.reach.shape[1])
    for q in range(2):
        _free(game, q, deal, _ONE, below.norm)
        to = np.uint64(q) * w
        for end in range(game.ends[group], game.ends[group + 1]):
            row = np.uint64(game.end_at[end, q]) * w
            for i in range(np.uint64(game.lanes[q])):
                below.plan[to + i] = below.norm[i] * above.plan[row + i]
            to += np.uint64(2) * w


@inlined
def _take(game: Subgame, work: Scratch, group: Any, p: Any, gained: Any, at: Any) -> None:
    """Copy player p's values at a template's entries to rows of `gained`, from entry `at` on."""
    w = np.uint64(game.reach.shape[1])
    for e in range(np.uint64(game.ends[group + 1] - game.ends[group])):
        row, to = (np.uint64(2) * e + np.uint64(p)) * w, np.uint64(at) + e * w
        for i in range(w):
            gained[to + i] = work.value[row + i]


@inlined
def _collect(game: Subgame, work: Scratch, group: Any, p: Any, board: Any, gained: Any, start: Any) -> None:
    """Add what player p gained after each deal, and after those that equal it up to suits, to a group of ends.

    Deals that equal each other up to suits were played once. With a group of swaps G, the sum over all swaps of a
    deal's part is |G| over their number times the sum over the deals that they make; so parts are added up, each with
    its share, before the swaps are made.
    """
    w = np.uint64(game.reach.shape[1])
    value, norm, lanes = work.value, work.norm, np.uint64(game.lanes[p])
    at = np.uint64(start)
    if game.swaps[board] == game.swaps[board + 1]:
        for deal in range(game.deals[board], game.deals[board + 1]):
            _free(game, p, deal, game.share[deal], norm)
            for end in range(game.ends[group], game.ends[group + 1]):
                row = np.uint64(game.end_at[end, p]) * w
                for i in range(lanes):
                    value[row + i] += norm[i] * gained[at + i]
                at += w
        return
    step = np.uint64(game.ends[group + 1] - game.ends[group]) * w
    for end in range(game.ends[group], game.ends[group + 1]):
        for i in range(lanes):
            norm[i] = _ZERO
        part, row = at, np.uint64(game.end_at[end, p]) * w
        for deal in range(game.deals[board], game.deals[board + 1]):
            dealt, share = game.dealt[deal], game.share[deal]
            for i in range(lanes):
                norm[i] += _ZERO if game.held[p, i] & dealt else share * gained[part + i]
            part += step
        for k in range(game.swaps[board], game.swaps[board + 1]):
            swap = game.swap[k]
            for i in range(lanes):
                value[row + i] += norm[np.uint64(game.permuted[swap, p, i])]
        at += w


@inlined
def _weighed(reach: Any, value: Any, p: Any, w: Any) -> Any:
    """Return the sum of player p's values at the root by the weights of its hands, in 64 bits."""
    found, start = 0.0, np.uint64(p) * w
    for i in range(w):
        found += np.float64(value[start + i]) * np.float64(reach[start + i])
    return found


@inlined
def _weight(game: Subgame, board: Any, deal: Any) -> Any:
    """Return the chance of a deal or any that equals it up to suits, given hands that allow it."""
    return np.float64(game.share[deal]) * np.float64(max(game.swaps[board + 1] - game.swaps[board], 1))


@jit
def visit_rivers(
    game: Subgame,
    tables: Tables,
    above: Scratch,
    work: Scratch,
    instance: Any,
    group: Any,
    low: Any,
    high: Any,
    gained: Any,
    start: Any,
    p: Any,
    mode: Any,
    pos: Any,
    neg: Any,
    avg: Any,
) -> None:
    """Visit the last street after a group of ends of the street before, for deals low .. high to its board.

    `above` holds the plans of that street, played at `instance`; player p's values after each deal go to rows of
    `gained`, from entry `start` on. Many run-outs share a call because a call hands over all arrays one by one.
    """
    w = np.uint64(game.reach.shape[1])
    board = game.board[instance]
    deals = np.int64(game.deals[board + 1]) - np.int64(game.deals[board])
    first = game.child[instance] + (np.int64(group) - np.int64(game.nexts[game.template[instance]])) * deals
    at, size = np.uint64(start), np.uint64(game.ends[group + 1] - game.ends[group]) * w
    for k in range(low, high):
        deal = np.int64(game.deals[board]) + k
        _deal(game, above, work, group, deal)
        _descend(game, tables, work, first + k, p, mode)
        work.earned[k] = _leaves(game, work, first + k, p, mode) * _weight(game, board, deal)
        _ascend(game, tables, work, first + k, p, mode, pos, neg, avg)
        _take(game, work, group, p, gained, at)
        at += size


@jit
def open_street(game: Subgame, tables: Tables, work: Scratch, instance: Any, silent: Any, p: Any, mode: Any) -> Any:
    """Begin a visit of an instance with streets to come: its plans, and player p's values at its leaves.

    Rows of plans in `silent` are set to zero. In mode BEST, return what the average strategy earns at the leaves.
    """
    w = np.uint64(game.reach.shape[1])
    _descend(game, tables, work, instance, p, mode)
    for row in silent:
        for i in range(w):
            work.plan[np.uint64(row) * w + i] = _ZERO
    return _leaves(game, work, instance, p, mode)


@jit
def close_street(
    game: Subgame, tables: Tables, work: Scratch, instance: Any, p: Any, mode: Any, pos: Any, neg: Any, avg: Any
) -> None:
    """End a visit of an instance: gather player p's values from its leaves and ends to its entries."""
    _ascend(game, tables, work, instance, p, mode, pos, neg, avg)


@jit
def collect_root(game: Subgame, work: Scratch, p: Any, gained: Any) -> None:
    """Add what player p gained after each card to the ends of the root street."""
    w = np.uint64(game.reach.shape[1])
    board = game.board[0]
    deals = np.uint64(game.deals[board + 1] - game.deals[board])
    start = np.uint64(0)
    t = game.template[0]
    for group in range(game.nexts[t], game.nexts[t + 1]):
        _collect(game, work, group, p, board, gained, start)
        start += np.uint64(game.ends[group + 1] - game.ends[group]) * deals * w


@jit
def visit_turn(
    game: Subgame,
    tables: Tables,
    work: Scratch,
    lower: Scratch,
    gained: Any,
    instance: Any,
    silent: Any,
    p: Any,
    mode: Any,
    pos: Any,
    neg: Any,
    avg: Any,
) -> Any:
    """Visit an instance of the street before the last, and all that follows it; `gained` has rows for each deal.

    In mode BEST, return what player p's average strategy earns.
    """
    t, board = game.template[instance], game.board[instance]
    earned = open_street(game, tables, work, instance, silent, p, mode)
    deals = np.int64(game.deals[board + 1]) - np.int64(game.deals[board])
    for group in range(game.nexts[t], game.nexts[t + 1]):
        visit_rivers(game, tables, work, lower, instance, group, 0, deals, gained, 0, p, mode, pos, neg, avg)
        _collect(game, work, group, p, board, gained, 0)
        for k in range(deals):
            earned += lower.earned[k]
    close_street(game, tables, work, instance, p, mode, pos, neg, avg)
    return earned


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
    earned: Any,
    none: Any,
    p: Any,
    mode: Any,
    pos: Any,
    neg: Any,
    avg: Any,
    streets: Any,
) -> None:
    """Visit the root's children low .. high (groups of ends times deals); their values go to rows of `gained`.

    What player p's average strategy earns there goes to `earned`. `inner` is working memory with rows for each deal
    after a child, used where two streets follow the root's; `none` is an empty list of rows.
    """
    w = np.uint64(game.reach.shape[1])
    board, groups = game.board[0], np.int64(game.nexts[game.template[0]])
    deals = np.int64(game.deals[board + 1]) - np.int64(game.deals[board])
    index = low
    while index < high:
        group, k = groups + index // deals, index % deals
        before = np.int64(game.ends[group]) - np.int64(game.ends[groups])
        size = np.int64(game.ends[group + 1]) - np.int64(game.ends[group])
        at = np.uint64(before * deals + size * k) * w
        if streets == 2:
            deal = np.int64(game.deals[board]) + k
            _deal(game, root, middle, group, deal)
            found = visit_turn(game, tables, middle, lower, inner, game.child[0] + index, none, p, mode, pos, neg, avg)
            earned[index] = found * _weight(game, board, deal)
            _take(game, middle, group, p, gained, at)
            index += 1
        else:
            more = min(deals - k, high - index)
            visit_rivers(game, tables, root, lower, 0, group, k, k + more, gained, at, p, mode, pos, neg, avg)
            for j in range(k, k + more):
                earned[index + j - k] = lower.earned[j]
            index += more


@jit
def visit_root(
    game: Subgame,
    tables: Tables,
    work: Scratch,
    reach: Any,
    silent: Any,
    first: Any,
    last: Any,
    mode: Any,
    rows: Any,
    out: Any,
) -> None:
    """Visit a root with no street after it for players first .. last, once for each row (pos, neg, avg) of rules.

    `reach` is that of the game, flat; rows of plans in `silent` are set to zero. Set `out[p]` to the sum of player p's
    values by the weights of its hands and, in mode BEST, to what its average strategy earns.
    """
    w = np.uint64(game.reach.shape[1])
    for t in range(rows.shape[0]):
        for p in range(first, last):
            for i in range(np.uint64(reach.size)):
                work.plan[i] = reach[i]
            _descend(game, tables, work, 0, p, mode)
            for row in silent:
                for i in range(w):
                    work.plan[np.uint64(row) * w + i] = _ZERO
            out[p, 1] = _leaves(game, work, 0, p, mode)
            _ascend(game, tables, work, 0, p, mode, rows[t, 0], rows[t, 1], rows[t, 2])
            out[p, 0] = _weighed(reach, work.value, p, w)
