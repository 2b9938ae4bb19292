"""Down and up the decisions of one street: strategies and plans, then values, regrets and averages.

All arrays are raw (`engine.raw`), and w is the width of the board.
"""

from typing import Any

import numpy as np

from counterplay.engine.jit import Index, inlined
from counterplay.engine.raw import shift
from counterplay.engine.simd import WIDE, largest, load, store, zeros
from counterplay.engine.streets import FREE, Subgame, Tables, Work
from counterplay.solvers.streets.tables import fetch, holder, keep

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
    w: Index,
) -> None:
    """Spread the plans at the entries, the first rows, over the template; keep player p's strategy."""
    templates, locks, norm = game.templates, game.locks, work.norm
    base, scale = game.instances.base[instance], game.instances.scale[instance]
    start = templates.decisions[t * _3]
    table, scales = tables.regret, tables.regret_scale
    if mode != UPDATE:
        table, scales = tables.total, tables.total_scale
    weight = holder(table, work.block)
    for q in range(_2):
        lanes, begins = game.boards.lanes[board * _2 + q], begins_at(game, t, board, q) + base
        for d in range(templates.decisions[t * _3 + q], templates.decisions[t * _3 + q + _1]):
            actions, k = templates.size[d], scale + (d - start)
            at = begins + templates.offset[d] * lanes
            begin = fetch(table, at, actions * lanes, scales, k, work.block)
            # Regret matching: shares of the positive parts, equal ones where none is positive.
            for i in range(_0, w, WIDE):
                store(norm, i, zeros())
            for a in range(actions):
                row = begin + a * lanes
                for i in range(lanes):
                    norm[i] += max(weight[row + i], _ZERO)
            for i in range(lanes):
                norm[i] = _ONE / norm[i] if norm[i] > _LITTLE else _ZERO
            equal = _ONE / np.float32(actions)
            above, first = templates.parent[d] * w, templates.first[d] * w
            for a in range(actions):
                row, below = begin + a * lanes, first + a * w
                for i in range(lanes):
                    x = max(weight[row + i], _ZERO) * norm[i]
                    x = x if norm[i] > _ZERO else equal
                    if q == p:
                        sigma[below + i] = x
                    plan[below + i] = x * plan[above + i]
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
    """Gather player p's values up the template; in mode UPDATE add regrets and averages."""
    templates, locks, norm = game.templates, game.locks, work.norm
    base, scale = game.instances.base[instance], game.instances.scale[instance]
    regret, summed = holder(tables.regret, work.block), holder(tables.total, work.block)
    lanes, begins = game.boards.lanes[board * _2 + p], begins_at(game, t, board, p) + base
    start = templates.decisions[t * _3]
    low, d = templates.decisions[t * _3 + p], templates.decisions[t * _3 + p + _1]
    while d > low:
        d -= _1
        actions, k = templates.size[d], scale + (d - start)
        above, first = templates.parent[d] * w, templates.first[d] * w
        # The decision's value by hand: that of its best action, or the mean by the strategy.
        for i in range(_0, w, WIDE):
            at = first + i
            x = load(value, at) if mode == BEST else load(sigma, at) * load(value, at)
            for _ in range(_1, actions):
                at += w
                x = largest(x, load(value, at)) if mode == BEST else x + load(sigma, at) * load(value, at)
            store(norm, i, x)
        lock = locks.at[k] if locks.given else _FREE
        if lock != _FREE:
            _hold(shift(locks.mix, lock), norm, shift(value, first), actions, lanes, w, mode)
        for i in range(_0, w, WIDE):
            store(value, above + i, load(value, above + i) + load(norm, i))
        if mode != UPDATE:
            continue
        at = begins + templates.offset[d] * lanes
        begin = fetch(tables.regret, at, actions * lanes, tables.regret_scale, k, work.block)
        for a in range(actions):
            row, entry = first + a * w, begin + a * lanes
            for i in range(lanes):
                x = regret[entry + i] + value[row + i] - norm[i]
                regret[entry + i] = x * (gain if x > _ZERO else loss)
        keep(tables.regret, at, actions * lanes, tables.regret_scale, k, work.block)
        begin = fetch(tables.total, at, actions * lanes, tables.total_scale, k, work.block)
        for a in range(actions):
            row, entry = first + a * w, begin + a * lanes
            for i in range(lanes):
                summed[entry + i] = summed[entry + i] * held + plan[row + i]
        keep(tables.total, at, actions * lanes, tables.total_scale, k, work.block)


@inlined
def _hold(mix: Any, norm: Any, value: Any, actions: Index, lanes: Index, w: Index, mode: int) -> None:
    """Value a decision's fixed lanes by their strategy also in a best response, and leave them without regret."""
    for i in range(lanes):
        if mix[i] >= _ZERO:
            x = _ZERO
            for a in range(actions):
                x += mix[a * lanes + i] * value[a * w + i]
            norm[i] = x
            if mode == UPDATE:
                for a in range(actions):
                    value[a * w + i] = x
