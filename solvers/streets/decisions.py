"""Down and up the decisions of one street: strategies and plans, then values, regrets and averages.

All arrays are raw (`engine.raw`), and w is the width of the board.
"""

from typing import Any

import numpy as np

from counterplay.engine.jit import Index, inlined
from counterplay.engine.raw import shift
from counterplay.engine.simd import WIDE, fill, inverse, largest, load, store, where_positive, zeros
from counterplay.engine.streets import FREE, Subgame, Tables, Work
from counterplay.solvers.streets.tables import draft, fetch, holder, keep, press, stride, unit, whole

UPDATE, VALUE, BEST = 0, 1, 2  # add regrets and averages; value the average strategies; or best responses to them

_ZERO, _ONE, _LITTLE = np.float32(0.0), np.float32(1.0), np.float32(1e-30)
_0, _1, _2, _3, _FREE = (np.uint64(n) for n in (0, 1, 2, 3, FREE))


@inlined
def begins_at(game: Subgame, t: Index, board: Index, p: Index) -> Any:
    """Return where in an instance's part of a table the decisions of player p begin."""
    return _0 if p == 0 else game.templates.actions[t * _2] * game.boards.columns[board * _2]


@inlined
def descend(
    game: Subgame,
    tables: Tables,
    work: Work,
    plan: Any,
    sigma: Any,
    instance: Index,
    t: Index,
    board: Index,
    p: Index,
    mode: int,
    both: bool,
    again: bool,
    w: Index,
) -> None:
    """Spread the plans at the entries, the first rows, over the template; keep player p's strategy, or `both`.

    With `again` player p's strategy and plan are there already, and where averages are valued the other's too.
    """
    templates, locks = game.templates, game.locks
    base, scale = game.instances.base[instance], game.instances.scale[instance]
    start = templates.decisions[t * _3]
    table = tables.regret if mode == UPDATE else tables.total
    least, zero = fill(_LITTLE), zeros()
    for q in range(_2):
        if again and (q == p or mode != UPDATE):
            continue
        lanes, begins = game.boards.lanes[board * _2 + q], begins_at(game, t, board, q) + base
        weight, row = holder(table, work.narrow, lanes), stride(lanes)
        for d in range(templates.decisions[t * _3 + q], templates.decisions[t * _3 + q + _1]):
            actions, k = templates.size[d], scale + (d - start)
            begin = fetch(table, begins + templates.offset[d] * lanes, actions, lanes, work.narrow)
            equal = fill(_ONE / np.float32(actions))
            above, first = templates.parent[d] * w, templates.first[d] * w
            # Regret matching: shares of the positive parts, equal ones where none is positive; so a scale would change
            # nothing. The last sixteen lanes may have been among those before.
            last: Index = row - WIDE
            i: Index = _0
            while True:
                sum_, at = zero, begin + i
                for _ in range(actions):
                    sum_ = sum_ + largest(load(weight, at), zero)
                    at += row
                share, at, below = inverse(sum_, least), begin + i, first + i
                for _ in range(actions):
                    x = where_positive(share, largest(load(weight, at), zero) * share, equal)
                    if both or q == p:
                        store(sigma, below, x)
                    store(plan, below, x * load(plan, above + i))
                    at += row
                    below += w
                if i >= last:
                    break
                i = min(i + WIDE, last)
            lock = locks.at[k] if locks.given else _FREE
            if lock != _FREE:
                for a in range(actions):
                    fixed, below = lock + a * lanes, first + a * w
                    for i in range(lanes):
                        x = locks.mix[fixed + i]
                        if x >= _ZERO:
                            sigma[below + i] = x
                            plan[below + i] = x * plan[above + i]


@inlined
def ascend(
    game: Subgame,
    tables: Tables,
    work: Work,
    plan: Any,
    sigma: Any,
    value: Any,
    instance: Index,
    t: Index,
    board: Index,
    p: Index,
    mode: int,
    gain: Any,
    loss: Any,
    held: Any,
    w: Index,
) -> None:
    """Gather player p's values up the template; in mode UPDATE add regrets, and averages unless `held` is negative."""
    templates, locks, norm, block = game.templates, game.locks, work.norm, work.block
    base, scale = game.instances.base[instance], game.instances.scale[instance]
    lanes, begins = game.boards.lanes[board * _2 + p], begins_at(game, t, board, p) + base
    regret, summed = holder(tables.regret, work.narrow, lanes), holder(tables.total, work.narrow, lanes)
    new_regret, new_sum, row = draft(regret, block), draft(summed, block), stride(lanes)
    last, start = row - WIDE, templates.decisions[t * _3]
    gains, losses, kept = fill(gain), fill(loss), fill(held)
    low, d = templates.decisions[t * _3 + p], templates.decisions[t * _3 + p + _1]
    while d > low:
        d -= _1
        actions, k = templates.size[d], scale + (d - start)
        above, first = templates.parent[d] * w, templates.first[d] * w
        lock = locks.at[k] if locks.given and mode != VALUE else _FREE
        if lock != _FREE:
            _hold(shift(locks.mix, lock), shift(value, first), actions, lanes, w)
        for i in range(_0, w, WIDE):
            x = worth_of(sigma, value, first + i, actions, w, mode)
            store(norm, i, x)
            store(value, above + i, load(value, above + i) + x)
        if mode != UPDATE:
            continue
        # In the table the last sixteen lanes may be among those before: they are read before these are written.
        at = begins + templates.offset[d] * lanes
        entry = fetch(tables.regret, at, actions, lanes, work.narrow)
        one, to = unit(regret, tables.regret_scale, k), entry if whole(regret) else _0
        for a in range(actions):
            source, worth = entry + a * row, first + a * w
            end = load(regret, source + last)
            for i in range(_0, last, WIDE):
                x = load(regret, source + i) * one + load(value, worth + i) - load(norm, i)
                store(new_regret, to + i, x * where_positive(x, gains, losses))
            x = end * one + load(value, worth + last) - load(norm, last)
            store(new_regret, to + last, x * where_positive(x, gains, losses))
            to += row
        press(regret, entry, actions, row, tables.regret_scale, k, block)
        keep(tables.regret, at, actions, lanes, work.narrow)
        if held < _ZERO:
            continue
        entry = fetch(tables.total, at, actions, lanes, work.narrow)
        one, to = unit(summed, tables.total_scale, k) * kept, entry if whole(summed) else _0
        for a in range(actions):
            source, played = entry + a * row, first + a * w
            end = load(summed, source + last)
            for i in range(_0, last, WIDE):
                store(new_sum, to + i, load(summed, source + i) * one + load(plan, played + i))
            store(new_sum, to + last, end * one + load(plan, played + last))
            to += row
        press(summed, entry, actions, row, tables.total_scale, k, block)
        keep(tables.total, at, actions, lanes, work.narrow)


@inlined
def worth_of(sigma: Any, value: Any, at: Index, actions: Index, w: Index, mode: int) -> Any:
    """Return what a decision is worth to sixteen hands: its best action in mode BEST, else the mean by the strategy."""
    x = load(value, at) if mode == BEST else load(sigma, at) * load(value, at)
    for _ in range(_1, actions):
        at += w
        x = largest(x, load(value, at)) if mode == BEST else x + load(sigma, at) * load(value, at)
    return x


@inlined
def _hold(mix: Any, value: Any, actions: Index, lanes: Index, w: Index) -> None:
    """Make all actions of a decision's fixed lanes worth what their strategy is: no response and no regret differs."""
    for i in range(lanes):
        if mix[i] >= _ZERO:
            x = _ZERO
            for a in range(actions):
                x += mix[a * lanes + i] * value[a * w + i]
            for a in range(actions):
                value[a * w + i] = x
