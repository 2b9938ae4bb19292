"""The walker: one depth-first loop over all streets of a `Subgame`, for regret minimisation and for judging.

A visit of an instance goes down its template (strategies and plans), through its leaves, on to the instances that follow
it, and up again (values, regrets, averages), on working memory that stays in the cache; the long tables are read and
written once. The rule of an iteration is that of `solvers.cfr` (three factors, no prediction), and the same visit with
another mode gives the value of the average strategies or the best response to them.

Precision: tables and vectors are 32-bit floats (or 16-bit integers with one scale a decision), sums over hands at the
root 64-bit.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from counterplay.engine.jit import jit
from counterplay.engine.simd import WIDE, load, total, zeros
from counterplay.engine.streets import F64, U32, Deals, Hands, Locks, Subgame, Tables, Templates, Work
from counterplay.solvers.streets.leaves import add_leaves
from counterplay.solvers.streets.tables import fetch, holder, keep

UPDATE, VALUE, BEST = 0, 1, 2  # add regrets and averages; value the average strategies; or best responses to them

_part = partial(jit, inline=True, counted=False)  # of the walker

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_LITTLE = np.float32(1e-30)
_0, _1, _2 = (np.uint64(n) for n in range(3))


class Errand(NamedTuple):
    """What one call of the walker does. Threads share a visit: one opens the root, all take parts, one closes it."""

    first: int  # for players first .. last
    last: int
    mode: int
    opens: bool  # whether it begins at the root, from its entries down through its leaves
    low: int  # which of the root's children it visits (groups of ends times deals): low .. high
    high: int
    closes: bool  # whether it ends at the root: gathers its values once all its children have theirs


@partial(jit, counted=False)
def walk(
    game: Subgame,
    tables: Tables,
    work: Work,
    errand: Errand,
    rules: F64,  # [., 3] factors of an iteration: of positive and of negative regrets, and of averages
    silent: U32,  # rows of the root's plans to set to zero
    out: F64,  # [2, 2] set for each player: its values summed by the weights of its hands; see below
) -> None:
    """Visit the root for each player, once for each rule.

    In mode BEST, `out[p, 1]` is set to what player p's average strategy earns at the root's leaves, and `work.earned` to
    what it earns after each of its children.
    """
    hands, templates, instances, deals = game.hands, game.templates, game.instances, game.deals
    w, mode = np.uint64(hands.reach.shape[1]), errand.mode
    for step in range(rules.shape[0]):
        for p in range(errand.first, errand.last):
            level, arrives = 0, errand.opens
            work.instance[0], work.child[0], work.until[0] = 0, errand.low, errand.high
            while True:
                instance, row = work.instance[level], work.row[level]
                t, board = instances.template[instance], instances.board[instance]
                plan, sigma, value = work.plan[row], work.sigma[row], work.value[row]
                groups, many = np.int64(templates.groups[t]), _width(deals.bounds, board)

                # 1. At a new instance: strategies and plans down its decisions, then what its leaves are worth.
                if arrives:
                    if level == 0:
                        _start(hands, plan, w)
                    _descend(game, tables, work, plan, sigma, instance, t, p, mode)
                    if level == 0:
                        _silence(plan, silent, w)
                    _clear(templates, value, t, p, w)
                    add_leaves(game, work, plan, value, templates.sequences[t], t, board, p)
                    work.sums[level] = _earned(templates, plan, value, t, p, w) if mode == BEST else 0.0
                    arrives = False

                # 2. What followed a group of ends, once all its deals were played, is summed up for the ends.
                child, first, last = work.child[level], np.int64(0), np.int64(0)
                if level > 0 and child > 0 and child % many == 0:
                    first, last = groups + child // many - 1, groups + child // many
                if level == 0 and child == work.until[0] and errand.closes:
                    first, last = groups, groups + _width(templates.groups, t)
                at = np.uint64(work.start[level])
                for group in range(first, last):
                    _collect(hands, templates, deals, work, value, group, board, p, at)
                    at += np.uint64(_width(templates.ends, group) * many) * w

                # 3. On to the next deal after a group of ends.
                if child < work.until[level]:
                    group, k = groups + child // many, child % many
                    before = np.int64(templates.ends[group]) - np.int64(templates.ends[groups]) if level == 0 else 0
                    to = work.start[level] + (before * many + _width(templates.ends, group) * k) * np.int64(w)
                    deal = np.int64(deals.bounds[board]) + k
                    level += 1
                    _deal(hands, templates, work, plan, work.plan[work.row[level]], group, deals.dealt[deal])
                    work.to[level], work.chance[level] = to, _chance(deals, board, deal)
                    work.instance[level] = instances.child[instance] + child
                    t, board = instances.template[work.instance[level]], deals.after[deal]
                    work.child[level] = 0
                    work.until[level] = _width(templates.groups, t) * _width(deals.bounds, board)
                    arrives = True
                    continue

                # 4. All has been visited that follows: values, regrets and averages up the decisions.
                if level == 0 and not errand.closes:
                    break
                _ascend(game, tables, work, plan, sigma, value, instance, t, p, mode, rules[step])
                if level == 0:
                    break

                # 5. Back to the street before, with the values at the entries.
                _give(templates, work.gained, value, t, p, work.to[level], w)
                earned = work.sums[level] * work.chance[level]
                level -= 1
                if level == 0:
                    work.earned[work.child[0]] = earned
                else:
                    work.sums[level] += earned
                work.child[level] += 1
            if errand.closes:
                out[p, 0] = _worth(hands, work.value[0], p, w)
            if errand.opens:
                out[p, 1] = work.sums[0]


@_part
def _width(bounds: Any, k: Any) -> Any:
    """Return how many lie in part k."""
    return np.int64(bounds[k + 1]) - np.int64(bounds[k])


@_part
def _start(hands: Hands, plan: Any, w: Any) -> None:
    """Set the plans at the root's entries to both ranges."""
    for e in range(np.uint64(hands.reach.shape[0])):
        for i in range(w):
            plan[e * w + i] = hands.reach[e, i]


@_part
def _silence(plan: Any, silent: Any, w: Any) -> None:
    for row in silent:
        for i in range(w):
            plan[np.uint64(row) * w + i] = _ZERO


@_part
def _lock(locks: Locks, k: Any) -> Any:
    """Return where the fixed strategy of the decision with that scale begins, -1 where all lanes are free."""
    return np.int64(locks.at[k]) if locks.at.size > 0 else np.int64(-1)


@_part
def _descend(
    game: Subgame, tables: Tables, work: Work, plan: Any, sigma: Any, instance: Any, t: Any, p: Any, mode: Any
) -> None:
    """Spread the plans at the entries, the first rows, over the template; keep player p's strategy."""
    templates, instances, locks = game.templates, game.instances, game.locks
    w = np.uint64(game.hands.reach.shape[1])
    norm = work.norm
    start = templates.decisions[t, 0]
    table, scales = tables.regret, tables.regret_scale
    if mode != UPDATE:
        table, scales = tables.total, tables.total_scale
    weight = holder(table, work.block)
    for q in range(2):
        lanes = np.uint64(game.hands.lanes[q])
        for d in range(templates.decisions[t, q], templates.decisions[t, q + 1]):
            actions = np.uint64(templates.size[d])
            at = np.uint64(instances.base[instance]) + templates.offset[d]
            k = np.uint64(instances.scale[instance]) + (d - start)
            begin = fetch(table, at, actions * lanes, scales, k, work.block)
            # Regret matching: shares of the positive parts, equal ones where none is positive.
            for i in range(lanes):
                norm[i] = max(weight[begin + i], _ZERO)
            for a in range(_1, actions):
                row = begin + a * lanes
                for i in range(lanes):
                    norm[i] += max(weight[row + i], _ZERO)
            for i in range(lanes):
                norm[i] = _ONE / norm[i] if norm[i] > _LITTLE else _ZERO
            equal = _ONE / np.float32(actions)
            above = np.uint64(templates.parent[d]) * w
            for a in range(actions):
                row = begin + a * lanes
                below = (np.uint64(templates.first[d]) + a) * w
                for i in range(lanes):
                    x = max(weight[row + i], _ZERO) * norm[i]
                    x = x if norm[i] > _ZERO else equal
                    if q == p:
                        sigma[below + i] = x
                    plan[below + i] = x * plan[above + i]
            lock = _lock(locks, k)
            if lock >= 0:
                for a in range(actions):
                    fixed = np.uint64(lock) + a * lanes
                    below = (np.uint64(templates.first[d]) + a) * w
                    for i in range(lanes):
                        x = locks.mix[fixed + i]
                        if x >= _ZERO:
                            sigma[below + i] = x
                            plan[below + i] = x * plan[above + i]


@_part
def _ascend(
    game: Subgame,
    tables: Tables,
    work: Work,
    plan: Any,
    sigma: Any,
    value: Any,
    instance: Any,
    t: Any,
    p: Any,
    mode: Any,
    rule: Any,
) -> None:
    """Gather player p's values up the template; in mode UPDATE add regrets and averages."""
    templates, instances = game.templates, game.instances
    w, lanes = np.uint64(game.hands.reach.shape[1]), np.uint64(game.hands.lanes[p])
    norm = work.norm
    regret, summed = holder(tables.regret, work.block), holder(tables.total, work.block)
    gain, loss, held = np.float32(rule[0]), np.float32(rule[1]), np.float32(rule[2])
    start = templates.decisions[t, 0]
    low, high = templates.decisions[t, p], templates.decisions[t, p + 1]
    for back in range(high - low):
        d = high - np.uint32(1) - np.uint32(back)
        actions = np.uint64(templates.size[d])
        above, first = np.uint64(templates.parent[d]) * w, np.uint64(templates.first[d]) * w
        # The decision's value by hand: that of its best action, or the mean by the strategy.
        if mode == BEST:
            for i in range(lanes):
                norm[i] = value[first + i]
            for a in range(_1, actions):
                row = first + a * w
                for i in range(lanes):
                    norm[i] = max(norm[i], value[row + i])
        else:
            for i in range(lanes):
                norm[i] = sigma[first + i] * value[first + i]
            for a in range(_1, actions):
                row = first + a * w
                for i in range(lanes):
                    norm[i] += sigma[row + i] * value[row + i]
        k = np.uint64(instances.scale[instance]) + (d - start)
        lock = _lock(game.locks, k)
        if lock >= 0:
            _hold(game.locks.mix, norm, value, np.uint64(lock), actions, lanes, first, w, mode)
        for i in range(lanes):
            value[above + i] += norm[i]
        if mode != UPDATE:
            continue
        at = np.uint64(instances.base[instance]) + templates.offset[d]
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


@_part
def _hold(mix: Any, norm: Any, value: Any, at: Any, actions: Any, lanes: Any, first: Any, w: Any, mode: Any) -> None:
    """Value a decision's fixed lanes by their strategy also in a best response, and leave them without regret."""
    for i in range(lanes):
        if mix[at + i] >= _ZERO:
            x = _ZERO
            for a in range(actions):
                x += mix[at + a * lanes + i] * value[first + a * w + i]
            norm[i] = x
            if mode == UPDATE:
                for a in range(actions):
                    value[first + a * w + i] = x


@_part
def _own(templates: Templates, t: Any, p: Any) -> Any:
    """Return where the sequences that player p's decisions in a template lead to begin and end."""
    low, high = templates.decisions[t, p], templates.decisions[t, p + 1]
    if low == high:
        return _0, _0
    last = high - np.uint32(1)
    return np.uint64(templates.first[low]), np.uint64(templates.first[last]) + np.uint64(templates.size[last])


@_part
def _clear(templates: Templates, value: Any, t: Any, p: Any, w: Any) -> None:
    """Set player p's values in a template to zero."""
    start, stop = _own(templates, t, p)
    for i in range(_2 * np.uint64(templates.entries[t]) * w):
        value[i] = _ZERO
    for i in range(start * w, stop * w):
        value[i] = _ZERO


@_part
def _earned(templates: Templates, plan: Any, value: Any, t: Any, p: Any, w: Any) -> Any:
    """Return what player p's strategy earns at the leaves of a template, of which alone the values now are."""
    start, stop = _own(templates, t, p)
    arrivals, found = _2 * np.uint64(templates.entries[t]), 0.0
    for k in range(arrivals + stop - start):
        row = (k if k < arrivals else start + k - arrivals) * w
        x = zeros()
        for i in range(w // WIDE):
            x = x + load(plan, row + i * WIDE) * load(value, row + i * WIDE)
        found += np.float64(total(x))
    return found


@_part
def _deal(hands: Hands, templates: Templates, work: Work, above: Any, below: Any, group: Any, dealt: Any) -> None:
    """Hand both plans at a group of ends on to the next street, without the hands that hold a card dealt."""
    w, norm = np.uint64(hands.reach.shape[1]), work.norm
    for q in range(2):
        lanes, to = np.uint64(hands.lanes[q]), np.uint64(q) * w
        for i in range(lanes):
            norm[i] = _ZERO if hands.held[q, i] & dealt else _ONE
        for end in range(templates.ends[group], templates.ends[group + 1]):
            row = np.uint64(templates.end_at[end, q]) * w
            for i in range(lanes):
                below[to + i] = norm[i] * above[row + i]
            to += _2 * w


@_part
def _give(templates: Templates, gained: Any, value: Any, t: Any, p: Any, at: Any, w: Any) -> None:
    """Copy player p's values at a template's entries to where the street before looks for them."""
    for e in range(np.uint64(templates.entries[t])):
        row, to = (_2 * e + np.uint64(p)) * w, np.uint64(at) + e * w
        for i in range(w):
            gained[to + i] = value[row + i]


@_part
def _collect(
    hands: Hands, templates: Templates, deals: Deals, work: Work, value: Any, group: Any, board: Any, p: Any, at: Any
) -> None:
    """Add what player p gained after each deal, and after those that equal it up to suits, to a group of ends.

    Deals that equal each other up to suits were played once. With a group of swaps G, the sum over all swaps of a
    deal's part is |G| over their number times the sum over the deals that they make; so parts are added up, each with
    its share, before the swaps are made.
    """
    w, lanes = np.uint64(hands.reach.shape[1]), np.uint64(hands.lanes[p])
    gained, norm = work.gained, work.norm
    if deals.swaps[board] == deals.swaps[board + 1]:
        for deal in range(deals.bounds[board], deals.bounds[board + 1]):
            dealt, share = deals.dealt[deal], deals.share[deal]
            for i in range(lanes):
                norm[i] = _ZERO if hands.held[p, i] & dealt else share
            for end in range(templates.ends[group], templates.ends[group + 1]):
                row = np.uint64(templates.end_at[end, p]) * w
                for i in range(lanes):
                    value[row + i] += norm[i] * gained[at + i]
                at += w
        return
    size = np.uint64(templates.ends[group + 1] - templates.ends[group]) * w
    for end in range(templates.ends[group], templates.ends[group + 1]):
        for i in range(lanes):
            norm[i] = _ZERO
        part, row = at, np.uint64(templates.end_at[end, p]) * w
        for deal in range(deals.bounds[board], deals.bounds[board + 1]):
            dealt, share = deals.dealt[deal], deals.share[deal]
            for i in range(lanes):
                norm[i] += _ZERO if hands.held[p, i] & dealt else share * gained[part + i]
            part += size
        for k in range(deals.swaps[board], deals.swaps[board + 1]):
            swap = deals.swap[k]
            for i in range(lanes):
                value[row + i] += norm[np.uint64(deals.permuted[swap, p, i])]
        at += w


@_part
def _chance(deals: Deals, board: Any, deal: Any) -> Any:
    """Return the chance of a deal or any that equals it up to suits, given hands that allow it."""
    return np.float64(deals.share[deal]) * np.float64(max(_width(deals.swaps, board), 1))


@_part
def _worth(hands: Hands, value: Any, p: Any, w: Any) -> Any:
    """Return the sum of player p's values at the root by the weights of its hands, in 64 bits."""
    found, start = 0.0, np.uint64(p) * w
    for i in range(w):
        found += np.float64(value[start + i]) * np.float64(hands.reach[p, i])
    return found
