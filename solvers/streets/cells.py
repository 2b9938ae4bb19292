"""Down and up the decisions of one street where hands are in cells: the part of `decisions` that blueprints take.

A blueprint plays an abstraction: hands of one bucket are not told apart. So an instance's tables have a *cell* for each
bucket (with memory, for each history of buckets) in place of a column for each lane, and instances of the same betting
on different boards share them. A player's part of an instance is laid out by cell, [columns, actions of all its
decisions]: what a lane reads at an instance lies side by side. Lanes of one cell play alike, and what they learn is
added up, each by its hand's weight in the range. All arrays are raw (`engine.raw`), and w is the width of the board.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from counterplay.engine.jit import Index, inlined
from counterplay.engine.raw import shift
from counterplay.engine.simd import WIDE, load, store
from counterplay.engine.streets import Subgame, Tables, Work
from counterplay.solvers.streets.decisions import UPDATE, ascend, begins_at, descend, worth_of

_OPTIONS: Any = {"forceinline": True}

_ZERO, _ONE, _LITTLE = np.float32(0.0), np.float32(1.0), np.float32(1e-30)
_0, _1, _2, _3 = (np.uint64(n) for n in range(4))


@inlined
def _match(part: Any, row: Index, out: Any, to: Index, actions: Index) -> None:
    """Write a cell's strategy by regret matching: shares of the positive parts, equal ones where none is positive."""
    total = _ZERO
    for a in range(actions):
        total += max(part[row + a], _ZERO)
    norm = _ONE / total if total > _LITTLE else _ZERO
    equal = _ZERO if total > _LITTLE else _ONE / np.float32(actions)
    for a in range(actions):
        out[to + a] = max(part[row + a], _ZERO) * norm + equal


@inlined
def descend_cells(
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
    """Spread the plans at the entries, the first rows, over the template; keep player p's strategy.

    `both` and `again` would spare some of it (`decisions.descend`), which is not worth a branch here.
    """
    templates, boards, block = game.templates, game.boards, work.block
    table = tables.regret if mode == UPDATE else tables.total
    for q in range(_2):
        lanes, each = boards.lanes[board * _2 + q], templates.actions[t * _2 + q]
        columns, cell = boards.columns[board * _2 + q], shift(boards.cell, boards.at[board] + q * w)
        part = shift(table, game.instances.base[instance] + begins_at(game, t, board, q))
        for d in range(templates.decisions[t * _3 + q], templates.decisions[t * _3 + q + _1]):
            actions, offset = templates.size[d], templates.offset[d]
            above, first = templates.parent[d] * w, templates.first[d] * w
            # Strategies of all cells where they are few, else of the lanes' cells; then each lane's.
            few = columns <= lanes
            for k in range(columns if few else lanes):
                _match(part, (k if few else cell[k]) * each + offset, block, k * actions, actions)
            for a in range(actions):
                below = first + a * w
                for i in range(lanes):
                    x = block[(cell[i] if few else i) * actions + a]
                    plan[below + i] = x * plan[above + i]
                    if q == p:
                        sigma[below + i] = x


@inlined
def ascend_cells(
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
    """Gather player p's values up the template; in mode UPDATE add regrets, times gain, and averages, times held."""
    templates, boards, norm = game.templates, game.boards, work.norm
    lanes, each = boards.lanes[board * _2 + p], templates.actions[t * _2 + p]
    place = boards.at[board] + p * w
    cell, weight = shift(boards.cell, place), shift(boards.weight, place)
    begin = game.instances.base[instance] + begins_at(game, t, board, p)
    regret, total = shift(tables.regret, begin), shift(tables.total, begin)
    low, d = templates.decisions[t * _3 + p], templates.decisions[t * _3 + p + _1]
    while d > low:
        d -= _1
        actions, offset = templates.size[d], templates.offset[d]
        above, first = templates.parent[d] * w, templates.first[d] * w
        # The decision's value by hand: that of its best action, or the mean by the strategy.
        for i in range(_0, w, WIDE):
            x = worth_of(sigma, value, first + i, actions, w, mode)
            store(norm, i, x)
            store(value, above + i, load(value, above + i) + x)
        if mode != UPDATE:
            continue
        for i in range(lanes):
            row, times = cell[i] * each + offset, gain * weight[i]
            for a in range(actions):
                at = first + a * w + i
                regret[row + a] += (value[at] - norm[i]) * times
                total[row + a] += plan[at] * held


def down(
    game: Any,
    tables: Any,
    work: Any,
    plan: Any,
    sigma: Any,
    instance: Any,
    t: Any,
    board: Any,
    p: Any,
    mode: Any,
    both: Any,
    again: Any,
    w: Any,
) -> None:
    """Go down a template by cells where the boards have them, else by lanes."""
    go = descend_cells if len(game.boards.cell) else descend
    go(game, tables, work, plan, sigma, instance, t, board, p, mode, both, again, w)


def up(
    game: Any,
    tables: Any,
    work: Any,
    plan: Any,
    sigma: Any,
    value: Any,
    instance: Any,
    t: Any,
    board: Any,
    p: Any,
    mode: Any,
    gain: Any,
    loss: Any,
    held: Any,
    w: Any,
) -> None:
    """Go up a template by cells where the boards have them, else by lanes."""
    go = ascend_cells if len(game.boards.cell) else ascend
    go(game, tables, work, plan, sigma, value, instance, t, board, p, mode, gain, loss, held, w)


def _given(game: Any) -> bool:
    """Tell from the type of a game whether its boards have cells."""
    boards: Any = dict(zip(game.fields, game.types, strict=True))["boards"]
    return bool(dict(zip(boards.fields, boards.types, strict=True))["cell"].dtype.bitwidth > 8)


@overload(down, strict=False, jit_options=_OPTIONS)
def _down(game, tables, work, plan, sigma, instance, t, board, p, mode, both, again, w):  # type: ignore[no-untyped-def]
    go = descend_cells if _given(game) else descend

    def implementation(game, tables, work, plan, sigma, instance, t, board, p, mode, both, again, w):  # type: ignore[no-untyped-def]
        go(game, tables, work, plan, sigma, instance, t, board, p, mode, both, again, w)

    return implementation


@overload(up, strict=False, jit_options=_OPTIONS)
def _up(game, tables, work, plan, sigma, value, instance, t, board, p, mode, gain, loss, held, w):  # type: ignore[no-untyped-def]
    go = ascend_cells if _given(game) else ascend

    def implementation(game, tables, work, plan, sigma, value, instance, t, board, p, mode, gain, loss, held, w):  # type: ignore[no-untyped-def]
        go(game, tables, work, plan, sigma, value, instance, t, board, p, mode, gain, loss, held, w)

    return implementation
