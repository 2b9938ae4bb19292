"""The walker: one depth-first loop over all streets of a `Subgame`, for regret minimisation and for judging.

A visit of an instance goes down its template (strategies and plans), through its leaves, on to the instances that
follow it, and up again (values, regrets, averages), on working memory that stays in the cache; the long tables are read
and written once. The rule of an iteration is that of `solvers.cfr` (three factors, no prediction), and the same visit
with another mode gives the value of the average strategies or the best response to them.

Precision: tables and vectors are 32-bit floats (or 16-bit integers with one scale a decision), sums over hands at the
root 64-bit. In the parts of the walker all arrays are raw (`engine.raw`), and w is the width of the board.
"""

from typing import Any, NamedTuple

import numpy as np

from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.raw import raw, shift
from counterplay.engine.simd import WIDE, fill, load, store, total, zeros
from counterplay.engine.streets import F64, U32, Boards, RunOuts, Subgame, Tables, Templates, Work
from counterplay.solvers.streets.cells import down, up
from counterplay.solvers.streets.decisions import BEST, UPDATE
from counterplay.solvers.streets.leaves import add_leaves

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_0, _1, _2, _3 = (np.uint64(n) for n in range(4))


class Errand(NamedTuple):
    """What one call of the walker does. Threads share a visit: one opens the root, all take parts, one closes it."""

    first: int  # for players first .. last
    last: int
    mode: int
    opens: bool  # whether it begins at the root, from its entries down through its leaves
    low: int  # which of the root's children it visits (groups of ends times deals): low .. high
    high: int
    closes: bool  # whether it ends at the root: gathers its values once all its children have theirs


@jit
def walk(
    whole: Subgame,
    long: Tables,
    memory: Work,
    errand: Errand,
    rules: F64,  # [., 3] factors of an iteration: of positive and of negative regrets, and of averages (-1: none)
    silent: U32,  # [.] rows of the root's plans to set to zero
    out: F64,  # [2, 2] for each player: its values summed by the weights of its hands; see below
) -> None:
    """Visit the root for each player, once for each rule.

    In mode BEST, `out[p, 1]` is set to what player p's average strategy earns at the root's leaves, and `memory.earned`
    to what it earns after each of the root's children.
    """
    game, tables, work, mode = raw(whole), raw(long), raw(memory), errand.mode
    boards, templates, instances, deals = game.boards, game.templates, game.instances, game.deals
    size = np.uint64(memory.plan.shape[1])
    # Where nothing follows the root, what a player's last visit left of the other's strategy is still so in its own.
    alone = errand.opens and errand.closes and errand.high == 0
    for step in range(rules.shape[0]):
        averages = mode == UPDATE and rules[step, 2] >= 0.0
        for p in range(np.uint64(errand.first), np.uint64(errand.last)):
            level, arrives = _0, errand.opens
            work.instance[0], work.child[0], work.until[0] = _0, np.uint64(errand.low), np.uint64(errand.high)
            while True:
                instance, row = work.instance[level], work.row[level] * size
                t, board = instances.template[instance], instances.board[instance]
                plan, sigma, value = shift(work.plan, row), shift(work.sigma, row), shift(work.value, row)
                groups, many, w = templates.groups[t], _count(deals.bounds, board), boards.width[board]

                # 1. At a new instance: strategies and plans down its decisions, then what its leaves are worth.
                if arrives:
                    if level == 0:
                        for i in range(_2 * templates.entries[t] * w):
                            plan[i] = game.reach[i]
                    again = alone and (step > 0 or p > np.uint64(errand.first))
                    down(game, tables, work, plan, sigma, instance, t, board, p, mode, alone, again, w)
                    if level == 0:
                        for k in silent:
                            _clear(plan, np.uint64(k) * w, w)
                    own, stop = _own(templates, t, p)
                    _clear(value, _0, _2 * templates.entries[t] * w)
                    _clear(value, own * w, (stop - own) * w)
                    add_leaves(game, tables, work, plan, value, instance, t, board, p, mode, averages, w)
                    work.sums[level] = (
                        _earned(plan, value, _2 * templates.entries[t], own, stop, w) if mode == BEST else 0.0
                    )
                    arrives = False

                # 2. What followed a group of ends, once all its deals were played, is summed up for the ends.
                child, first, last = work.child[level], _0, _0
                if level > 0 and child > 0 and child % many == 0:
                    first, last = groups + child // many - _1, groups + child // many
                if level == 0 and child == work.until[0] and errand.closes:
                    first, last = groups, groups + _count(templates.groups, t)
                at = work.start[level]
                for group in range(first, last):
                    _collect(templates, deals, work, value, group, board, boards.lanes[board * _2 + p], p, at, w)
                    at += _count(templates.ends, group) * many * w

                # 3. On to the next deal after a group of ends.
                if child < work.until[level]:
                    group, deal = groups + child // many, deals.bounds[board] + child % many
                    before = templates.ends[group] - templates.ends[groups] if level == 0 else _0
                    to = before * many + _count(templates.ends, group) * (child % many)
                    work.to[level + _1] = work.start[level] + to * w
                    swaps = _count(deals.swaps, board)
                    work.chance[level + _1] = np.float64(deals.share[deal]) * np.float64(swaps if swaps > 0 else _1)
                    level += _1
                    below = shift(work.plan, work.row[level] * size)
                    t, board = templates.follows[group], deals.after[deal]
                    hand_on(boards, templates, plan, below, group, board, w)
                    work.instance[level] = instances.child[instance] + child
                    work.child[level] = _0
                    work.until[level] = _count(templates.groups, t) * _count(deals.bounds, board)
                    arrives = True
                    continue

                # 4. All has been visited that follows: values, regrets and averages up the decisions.
                if level == 0 and not errand.closes:
                    break
                up(
                    game,
                    tables,
                    work,
                    plan,
                    sigma,
                    value,
                    instance,
                    t,
                    board,
                    p,
                    mode,
                    np.float32(rules[step, 0]),
                    np.float32(rules[step, 1]),
                    np.float32(rules[step, 2]),
                    w,
                )
                if level == 0:
                    break

                # 5. Back to the street before, with the values at the entries.
                earned = work.sums[level] * work.chance[level]
                to = work.to[level]
                level -= _1
                above = boards.width[instances.board[work.instance[level]]]
                _give(boards, work, value, templates.entries[t], board, p, to, above)
                if level == 0:
                    work.earned[work.child[0]] = earned
                else:
                    work.sums[level] += earned
                work.child[level] += _1
            if errand.closes:
                out[p, 0] = _worth(game.reach, work.value, p, boards.width[instances.board[_0]])
            if errand.opens:
                out[p, 1] = work.sums[0]


@inlined
def _count(bounds: Any, k: Index) -> Any:
    """Return how many lie in part k."""
    return bounds[k + _1] - bounds[k]


@inlined
def _clear(a: Any, at: Index, size: Index) -> None:
    """Set so many numbers, a multiple of sixteen, to zero."""
    for i in range(_0, size, WIDE):
        store(a, at + i, zeros())


@inlined
def _own(templates: Templates, t: Index, p: Index) -> Any:
    """Return where the sequences that player p's decisions in a template lead to begin and end."""
    low, high = templates.decisions[t * _3 + p], templates.decisions[t * _3 + p + _1]
    if low == high:
        return _0, _0
    return templates.first[low], templates.first[high - _1] + templates.size[high - _1]


@inlined
def _earned(plan: Any, value: Any, arrivals: Index, start: Index, stop: Index, w: Index) -> Any:
    """Return what a player's strategy earns at the leaves, of which alone its values now are."""
    found = 0.0
    for k in range(arrivals + stop - start):
        row = (k if k < arrivals else start + k - arrivals) * w
        x = zeros()
        for i in range(_0, w, WIDE):
            x = x + load(plan, row + i) * load(value, row + i)
        found += np.float64(total(x))
    return found


@inlined
def hand_on(boards: Boards, templates: Templates, above: Any, below: Any, group: Index, board: Index, w: Index) -> None:
    """Hand both plans at a group of ends, vectors of width w, on to a board dealt: of the hands that it leaves."""
    v = boards.width[board]
    for q in range(_2):
        source, lanes = shift(boards.source, boards.at[board] + q * v), boards.lanes[board * _2 + q]
        for k in range(templates.ends[group + _1] - templates.ends[group]):
            row = templates.end_at[(templates.ends[group] + k) * _2 + q] * w
            to = (_2 * k + q) * v
            for i in range(lanes):
                below[to + i] = above[row + source[i]]
            # Rows of fewer than sixteen lanes are read to the sixteenth, where another board's plans may have been.
            for i in range(lanes, WIDE):
                below[to + i] = 0.0


@inlined
def _give(boards: Boards, work: Work, value: Any, entries: Index, board: Index, p: Index, at: Index, w: Index) -> None:
    """Put player p's values at a template's entries where the street before looks for them, in vectors of width w."""
    v = boards.width[board]
    source, lanes = shift(boards.source, boards.at[board] + p * v), boards.lanes[board * _2 + p]
    for e in range(entries):
        row, to = (_2 * e + p) * v, at + e * w
        _clear(work.gained, to, w)
        for i in range(lanes):
            work.gained[to + source[i]] = value[row + i]


@inlined
def _collect(
    templates: Templates,
    deals: RunOuts,
    work: Work,
    value: Any,
    group: Index,
    board: Index,
    lanes: Index,
    p: Index,
    at: Index,
    w: Index,
) -> None:
    """Add what player p gained after each deal, and after those that equal it up to suits, to a group of ends.

    RunOuts that equal each other up to suits were played once. With a group of swaps G, the sum over all swaps of a
    deal's part is |G| over their number times the sum over the deals that they make; so parts are added up, each with
    its share, before the swaps are made.
    """
    low, high = templates.ends[group], templates.ends[group + _1]
    alone = deals.swaps[board] == deals.swaps[board + _1]
    for end in range(low, high):
        row, part = templates.end_at[end * _2 + p] * w, at + (end - low) * w
        to, start = (value, row) if alone else (work.norm, _0)
        if not alone:
            _clear(work.norm, _0, w)
        for deal in range(deals.bounds[board], deals.bounds[board + _1]):
            share = fill(deals.share[deal])
            for i in range(_0, w, WIDE):
                store(to, start + i, load(to, start + i) + share * load(work.gained, part + i))
            part += (high - low) * w
        for k in range(deals.swaps[board], deals.swaps[board + _1]):
            permuted = shift(deals.permuted, deals.swap[k] + p * w)
            for i in range(lanes):
                value[row + i] += work.norm[permuted[i]]


@inlined
def _worth(reach: Any, value: Any, p: Index, w: Index) -> Any:
    """Return the sum of player p's values at the root by the weights of its hands, in 64 bits."""
    found, start = 0.0, p * w
    for i in range(w):
        found += np.float64(value[start + i]) * np.float64(reach[start + i])
    return found
