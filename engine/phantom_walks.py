"""Walks over games of stones in the dark: over the orders of successful placements, and over a player's attempts.

A player's decisions are lists of attempts, each with its outcome. They are walked depth-first; kept on the way are the
sets of stones that the other may have, as bits of a table over all sets of cells, so that exactly those decisions exist
that some play of the other reaches. Of each orbit under the symmetries the smallest list is taken: then what leads to a
representative is one, and of its actions those are that are smallest under the symmetries that leave its cells where
they are. Sets of cells, and of symmetries, are the bits of a number.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.factored import BUNDLE, NOWHERE
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.rules import GOES_ON

I64 = npt.NDArray[np.int64]

MOST_CELLS = 12  # of boards that are solved whole: with more there are billions of lists of attempts
SAMPLED = 4  # attempts before the subtrees of which a count may take a sample


class Board(NamedTuple):
    """What walks need to know of a game."""

    cells: int
    group: npt.NDArray[np.int8]  # [G, cells] symmetries, the identity first
    ends: npt.NDArray[np.int8]  # [3 ** cells]
    has: I64  # [cells, words] bits of the sets of cells that hold the cell
    above: I64  # [cells + 2, words] bits of the sets that hold so many cells or more
    abrupt: bool
    legal: I64  # [2, 2 ** cells, words] bits of the other's sets at which play goes on, given a player's own set


class Blocks(NamedTuple):
    """Where each order of own stones has its sums."""

    number: npt.NDArray[np.int32]  # [...] for each length the number of each order of own stones that is smallest
    base: I64  # [cells + 1] where the numbers of orders of a length begin; an order is a number in base `cells`
    offset: I64  # [2, cells + 1] the first place of the blocks of orders of a length; -1 where no such order ends
    power: I64  # [n, k] n ** k


class Plex(NamedTuple):
    """The arrays of a treeplex that the walk fills; empty while it counts."""

    parent: npt.NDArray[np.uint32]
    first: npt.NDArray[np.uint32]
    failed: npt.NDArray[np.bool_]
    cell: npt.NDArray[np.int8]
    share: npt.NDArray[np.uint8]
    place: npt.NDArray[np.uint32]


@inlined
def ones(bits: Index) -> int:
    """Return how many bits are set."""
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@inlined
def images(group: npt.NDArray[np.int8], symmetries: int, cell: Index) -> tuple[Index, Index]:
    """Return the smallest cell that a set of symmetries takes a cell to, and the set of those that do."""
    least, those = np.int64(group.shape[1]), 0
    for g in range(group.shape[0]):
        if symmetries >> g & 1:
            image = np.int64(group[g, cell])
            if image < least:
                least, those = image, 0
            if image == least:
                those |= 1 << g
    return least, those


@jit
def list_legal(ends: npt.NDArray[np.int8], cells: int, legal: I64) -> None:
    """Fill `Board.legal`."""
    three = np.zeros(1 << cells, np.int64)  # of a set, the sum of 3 ** c
    for own in range(1, 1 << cells):
        bit = own & -own
        three[own] = three[own ^ bit] + 3 ** ones(bit - 1)
    full = (1 << cells) - 1
    for own in range(1 << cells):
        rest = full & ~own
        other = rest
        while True:  # all subsets of the rest
            if ends[three[own] + 2 * three[other]] == GOES_ON:
                legal[0, own, other >> 6] |= 1 << (other & 63)
                legal[1, other, own >> 6] |= 1 << (own & 63)
            if other == 0:
                break
            other = (other - 1) & rest


@jit
def number_orders(group: npt.NDArray[np.int8], length: int, number: npt.NDArray[np.int32]) -> int:
    """Number the orders of so many cells that are the smallest of their orbits, by their numbers in base `cells`."""
    cells = group.shape[1]
    stack, fixing = np.full(length + 1, -1), np.zeros(length + 1, np.int64)
    fixing[0] = (1 << group.shape[0]) - 1
    depth, count = 0, 0
    used: Index = 0
    code: Index = 0
    if length == 0:
        number[0] = 0
        return 1
    while depth >= 0:
        last = stack[depth]
        if last >= 0:
            used ^= 1 << last
            code = (code - last) // cells
        stack[depth] = -1
        for c in range(last + 1, cells):
            if used >> c & 1:
                continue
            least, _ = images(group, fixing[depth], c)
            if least == c:
                stack[depth] = c
                break
        c = stack[depth]
        if c < 0:
            depth -= 1
            continue
        used |= 1 << c
        code = code * cells + c
        if depth == length - 1:
            number[code] = count
            count += 1
            continue
        fixing[depth + 1] = 0
        for g in range(group.shape[0]):
            if fixing[depth] >> g & 1 and group[g, c] == c:
                fixing[depth + 1] |= 1 << g
        depth += 1
    return count


@inlined
def _place(
    board: Board,
    blocks: Blocks,
    p: int,
    g: Index,
    own: I64,
    count: Index,
    tried: I64,
    slot: I64,
    failures: Index,
) -> Index:
    """Return the place of `count` own stones, and of cells tried in vain at slots, all moved by symmetry g.

    Slots beyond the last stand for cells that are not tried, as the other's stones that come too late.
    """
    cells, group = board.cells, board.group
    code: Index = 0
    for i in range(count):
        code = code * cells + np.int64(group[g, own[i]])
    length = np.int64(count + p)
    size = blocks.power[length, cells - count]
    number, at = np.int64(blocks.number[blocks.base[count] + code]), size - 1
    for f in range(failures):
        if slot[f] < length:
            cell, axis = np.int64(group[g, tried[f]]), np.int64(group[g, tried[f]])
            for i in range(count):
                axis -= np.int64(group[g, own[i]]) < cell
            at -= (length - slot[f]) * blocks.power[length, axis]
    return blocks.offset[p, count] + BUNDLE * (number // BUNDLE * size + at) + number % BUNDLE


@jit
def walk_orders(
    board: Board,
    blocks: Blocks,
    write: bool,
    pay: npt.NDArray[np.float64],
    start: npt.NDArray[np.uint32],
    where: npt.NDArray[np.uint32],
    used: npt.NDArray[np.bool_],
) -> Any:
    """Walk the orders of successful placements; count those that are paid for, and their places, of each player.

    With `write` the arrays are filled, player 1's places behind player 0's; without, `used` tells [2, cells + 1] how
    many own stones such orders end with. Returns (all final orders with their orbits, orders, places, places).
    """
    cells, group, ends = board.cells, board.group, board.ends
    symmetries = group.shape[0]
    stack, fixing, position = np.full(cells + 1, -1), np.zeros(cells + 1, np.int64), np.zeros(cells + 1, np.int64)
    least = np.zeros((cells + 3, 2), np.int64)  # symmetries that make a player's own order smallest
    fixing[0] = (1 << symmetries) - 1
    least[0, :] = fixing[0]
    stones, slots = np.zeros((2, cells), np.int64), np.arange(1, cells + 1)
    power = np.ones(cells, np.int64)
    for c in range(1, cells):
        power[c] = 3 * power[c - 1]
    total, count, places0, places1 = 0, 0, 0, 0
    second = start[0, -1] if write else 0
    depth, taken = 0, 0
    while depth >= 0:
        last = stack[depth]
        if last >= 0:
            taken ^= 1 << last
        stack[depth] = -1
        for c in range(last + 1, cells):
            if not taken >> c & 1 and images(group, fixing[depth], c)[0] == c:
                stack[depth] = c
                break
        c = stack[depth]
        if c < 0:
            depth -= 1
            continue
        p = depth & 1
        taken |= 1 << c
        stones[p, depth >> 1] = c
        fix = 0
        for g in range(symmetries):
            if fixing[depth] >> g & 1 and group[g, c] == c:
                fix |= 1 << g
        least[depth + 1, 1 - p] = least[depth, 1 - p]
        least[depth + 1, p] = images(group, least[depth, p], c)[1]
        here = position[depth] + (1 + p) * power[c]
        if ends[here] == GOES_ON:
            depth += 1
            fixing[depth], position[depth] = fix, here
            continue
        total += symmetries // ones(fix)
        if ends[here] == 0:
            continue
        n0, n1 = (depth + 2) >> 1, (depth + 1) >> 1
        if write:
            pay[count] = ends[here] / (ones(fix) * symmetries)
            start[0, count], start[1, count] = places0, second + places1
            for g in range(symmetries):
                if least[depth + 1, 0] >> g & 1:
                    where[places0] = _place(board, blocks, 0, g, stones[0], n0, stones[1], slots, n1)
                    places0 += 1
                if least[depth + 1, 1] >> g & 1:
                    where[second + places1] = _place(board, blocks, 1, g, stones[1], n1, stones[0], slots, n0)
                    places1 += 1
        else:
            used[0, n0], used[1, n1] = True, True
            places0 += ones(least[depth + 1, 0])
            places1 += ones(least[depth + 1, 1])
        count += 1
    return total, count, places0, places1


@inlined
def _reply(board: Board, p: int, own: Index, turns: Index, still: I64, after: I64) -> bool:
    """Set the other's possible sets after its next turn, where play goes on; tell whether there are any.

    `still` are its possible sets before, at which play goes on, with the player's set `own`; the other had so many
    turns. Where attempts in vain end its turn, it may have tried one of the player's cells that it had not tried.
    """
    some: Index = 0
    missed: Index = turns + 1 - ones(own)  # the fewest stones of the other's with which there is such a cell
    for w in range(still.size):
        after[w] = still[w] & board.above[max(missed, 0), w] if board.abrupt else 0
    for w in range(still.size):
        if still[w] == 0:
            continue
        for x in range(board.cells):
            if own >> x & 1:
                continue
            move = still[w] & ~board.has[x, w]
            if x < 6:
                after[w] |= (move << (1 << x)) & board.legal[p, own, w]
            else:
                to = w + (1 << (x - 6))
                if move:
                    after[to] |= move & board.legal[p, own, to]
    for w in range(still.size):
        some |= after[w]
    return bool(some != 0)


@jit
def walk_attempts(
    board: Board, blocks: Blocks, p: int, decisions: int, sequences: int, write: bool, every: int, plex: Plex
) -> Any:
    """Walk player p's treeplex depth-first, from these numbers of decisions and sequences on; fill it or count it.

    Returns the numbers after it, and those that its orbits stand for. Of the subtrees after `SAMPLED` attempts only
    each `every`-th is walked, and then the latter numbers are estimates.
    """
    cells, group = board.cells, board.group
    symmetries, words = group.shape[0], board.has.shape[1]
    possible, still = np.zeros((cells + 1, words), np.int64), np.zeros(words, np.int64)  # the other's sets, by depth
    memory, lists = np.zeros((9, cells + 1), np.int64), np.zeros((3, cells + 1), np.int64)
    own, tried, taken, fails = memory[0], memory[1], memory[2], memory[3]  # two sets, stones, attempts in vain
    fixing, least = memory[4], memory[5]  # symmetries that leave all cells tried, and that make own stones smallest
    count, following, lowest = memory[6], memory[7], memory[8]
    actions, fixes = np.zeros((cells + 1, cells), np.int64), np.zeros((cells + 1, cells), np.int64)
    stones, failed, slots = lists[0], lists[1], lists[2]
    fixing[0] = least[0] = (1 << symmetries) - 1
    if p == 0:
        possible[0, 0] = 1 & board.legal[0, 0, 0]
        opens = possible[0, 0] != 0
    else:
        possible[1, 0] = 1 & board.legal[1, 0, 0]
        opens = False
        for x in range(cells):
            word, bit = (1 << x) >> 6, 1 << ((1 << x) & 63)
            if possible[1, 0] and board.legal[1, 0, word] & bit:
                possible[0, word] |= bit
                opens = True
    all_decisions, all_sequences, weight, subtree = 0, 0, 1, 0
    depth, entering, parent, in_vain = 0 if opens else -1, True, p, False
    while depth >= 0:
        if entering:
            entering = False
            weight = every if depth >= SAMPLED else 1
            all_decisions += weight * (symmetries // ones(fixing[depth]))
            if write:
                plex.parent[decisions], plex.failed[decisions] = parent, in_vain
                plex.first[decisions] = sequences
            decisions += 1
            lowest[depth], following[depth], k = sequences, 0, 0
            for c in range(cells):
                if tried[depth] >> c & 1:
                    continue
                fix: Index = fixing[depth]
                if fix != 1:  # where it is 1, nothing but the identity is left
                    low, fix = images(group, fix, c)
                    if low != c:
                        continue
                share = symmetries // ones(fix)
                all_sequences += weight * share
                if write:
                    plex.cell[sequences], plex.share[sequences] = c, share
                    n = taken[depth] + 1
                    at = np.int64(NOWHERE)
                    if blocks.offset[p, n] >= 0:
                        _, those = images(group, least[depth], c)
                        g = ones((those & -those) - 1)
                        stones[n - 1] = c
                        at = _place(board, blocks, p, g, stones, n, failed, slots, fails[depth])
                    plex.place[sequences] = at
                actions[depth, k], fixes[depth, k] = c, fix
                sequences += 1
                k += 1
            count[depth] = 2 * k
        if following[depth] == count[depth]:
            depth -= 1
            continue
        i, in_vain = following[depth] >> 1, bool(following[depth] & 1)
        following[depth] += 1
        c, parent = actions[depth, i], lowest[depth] + i
        there, below, some = (
            taken[depth] + p,
            depth + 1,
            False,
        )  # `there` is the slot; the other's stones, if not abrupt
        own[below], taken[below], fails[below] = own[depth], taken[depth], fails[depth]
        if not board.abrupt and (fails[depth] == there if in_vain else taken[depth] + there + 2 >= cells):
            continue  # all of the other's stones are known, or its next one fills the board
        if in_vain:
            for w in range(words):
                still[w] = possible[depth, w] & board.has[c, w]
                some |= still[w] != 0
            if not some:
                continue
            failed[fails[depth]], slots[fails[depth]] = c, there
            fails[below] += 1
            least[below] = least[depth]
        else:
            own[below] |= 1 << c
            for w in range(words):
                still[w] = possible[depth, w] & ~board.has[c, w] & board.legal[p, own[below], w]
                some |= still[w] != 0
            if not some:
                continue
            stones[taken[depth]] = c
            taken[below] += 1
            least[below] = images(group, least[depth], c)[1]
        if in_vain and not board.abrupt:
            possible[below] = still
        elif not _reply(board, p, own[below], depth + p, still, possible[below]):
            continue
        if below == SAMPLED:
            subtree += 1
            if subtree % every:
                continue
        tried[below], fixing[below] = tried[depth] | 1 << c, fixes[depth, i]
        depth, entering = below, True
    return decisions, sequences, all_decisions, all_sequences


@jit
def set_depths(parent: npt.NDArray[np.uint32], first: npt.NDArray[np.uint32], depth: npt.NDArray[np.int8]) -> None:
    """Set how many attempts were made before each decision, [D], in preorder: its parent's stands on the stack."""
    stack = np.zeros(MOST_CELLS + 1, np.int64)
    top = -1
    for d in range(parent.size):
        if parent[d] < 2:
            top = -1
        while top >= 0 and not first[stack[top]] <= parent[d] < first[stack[top] + 1]:
            top -= 1
        top += 1
        stack[top] = d
        depth[d] = top


@jit
def sort_by_part(
    p: int, first: int, last: int, place: npt.NDArray[np.uint32], cuts: I64, counts: I64, added: npt.NDArray[np.uint32]
) -> None:
    """Write player p's sequences that have a place, by the part of the place, from `counts[part]` on; move these on.

    Without room for them they are counted only.
    """
    for i in range(first - 1, last):
        s = i if i >= first else p  # the empty sequence comes before the actions
        if place[s] == NOWHERE:
            continue
        part = 0
        while cuts[p, part + 1] <= place[s]:
            part += 1
        if added.size:
            added[counts[part]] = s
        counts[part] += 1
