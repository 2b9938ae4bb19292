"""Builds the `FactoredForm` of games of stones in the dark (`rules.Phantom`), with or without symmetries."""

import numpy as np
import numpy.typing as npt

from counterplay.engine.abrupt import list_leaves
from counterplay.engine.factored import BUNDLE, NO_LEAVES, NOWHERE, PARTS, FactoredForm
from counterplay.engine.phantom_walks import (
    I64,
    Blocks,
    Board,
    Plex,
    list_legal,
    number_orders,
    set_depths,
    sort_by_part,
    walk_attempts,
    walk_orders,
)
from counterplay.engine.rules import GOES_ON, Phantom

U32 = npt.NDArray[np.uint32]

MOST_SYMMETRIES = 62  # sets of them are bits of a number


def board_of(rules: Phantom, symmetric: bool) -> Board:
    """Return what walks need to know of a game."""
    ends = np.ascontiguousarray(rules.ends(), np.int8)
    cells = len(rules.names)
    group = np.asarray(rules.symmetries(), np.int8)
    if not symmetric or len(group) > MOST_SYMMETRIES:
        group = np.arange(cells, dtype=np.int8)[None]
    sets = np.arange(1 << cells)
    bits = np.int64(1) << (sets & 63)
    words = (len(sets) + 63) >> 6
    has = np.zeros((cells, words), np.int64)
    for c in range(cells):
        held = sets[sets >> c & 1 > 0]
        np.bitwise_or.at(has[c], held >> 6, bits[held])
    legal = np.zeros((2, len(sets), words), np.int64)
    list_legal(ends, cells, legal)
    members = np.array([int(s).bit_count() for s in sets])
    above = np.zeros((cells + 2, words), np.int64)
    for size in range(cells + 2):
        held = sets[members >= size]
        np.bitwise_or.at(above[size], held >> 6, bits[held])
    return Board(cells, np.ascontiguousarray(group), ends, has, above, bool(rules.abrupt), legal)


NO_BLOCKS = Blocks(np.zeros(0, np.int32), np.zeros(0, np.int64), np.full((2, 1), -1), np.zeros((0, 0), np.int64))


def no_plex(decisions: int = 0, sequences: int = 0) -> Plex:
    """Return an empty treeplex of a size."""
    return Plex(
        np.zeros(decisions, np.uint32),
        np.zeros(decisions + 1, np.uint32),
        np.zeros(decisions, np.bool_),
        np.full(sequences, -1, np.int8),
        np.ones(sequences, np.uint8),
        np.full(sequences, NOWHERE, np.uint32),
    )


def _number_blocks(board: Board, used: npt.NDArray[np.bool_]) -> tuple[Blocks, I64, I64]:
    """Give every order of own stones that ends some play a block; return these, their kinds and how many sums."""
    cells = board.cells
    needed = used[0] | used[1]
    base = np.concatenate([[0], np.cumsum([cells**k if needed[k] else 0 for k in range(cells + 1)])])
    number = np.full(int(base[-1]), -1, np.int32)
    counts = [
        number_orders(board.group, k, number[base[k] : base[k + 1]]) if needed[k] else 0 for k in range(cells + 1)
    ]
    offset, kinds, sums = np.full((2, cells + 1), -1), [], np.zeros(2, np.int64)
    for p in range(2):
        for k in np.flatnonzero(used[p]):
            bundles, length, axes = -(-counts[k] // BUNDLE), int(k) + p, cells - int(k)
            offset[p, k] = sums[p]
            kinds.append((p, int(sums[p]), bundles, length, axes))
            sums[p] += BUNDLE * bundles * length**axes
    power = np.arange(cells + 2)[:, None] ** np.arange(cells + 1)
    return Blocks(number, base[:-1], offset, power), np.array(kinds, np.int64).reshape(-1, 5), sums


def factored_form(rules: Phantom, symmetric: bool = True) -> FactoredForm:
    """Return the factored form of a game, of representatives under the board's symmetries or of all sequences."""
    board = board_of(rules, symmetric)
    if board.abrupt:
        blocks = NO_BLOCKS._replace(offset=np.full((2, board.cells + 1), -1))
        pay, start, where = np.zeros(0), np.zeros((2, 1), np.uint32), np.zeros(0, np.uint32)
        kinds, sums = np.zeros((0, 5), np.int64), np.zeros(2, np.int64)
    else:
        blocks, kinds, sums, pay, start, where = _orders(board)
    counting = board if symmetric else board_of(rules, True)  # a walk over representatives is the shorter one
    decisions, sequences, begin = 0, 2, [0]
    for p in range(2):
        *own, orbits, all_sequences = walk_attempts(counting, NO_BLOCKS, p, 0, 0, False, 1, no_plex())
        decisions += own[0] if symmetric else orbits
        sequences += own[1] if symmetric else all_sequences
        begin.append(decisions)
    plex = no_plex(decisions, sequences)
    for p in range(2):
        if blocks.offset[p, 0] >= 0:
            plex.place[p] = blocks.offset[p, 0]
        following = 2 if p == 0 else int(plex.first[begin[1]])
        _, plex.first[begin[p + 1]], *_ = walk_attempts(board, blocks, p, begin[p], following, True, 1, plex)
    listed, cuts = list_leaves(board, plex) if board.abrupt else (NO_LEAVES, _cuts(kinds, sums))
    added, shares = _added(plex, begin, cuts)
    ranges, parts = _ranges(plex, begin)
    return FactoredForm(
        begin=np.array(begin, np.uint32),
        parent=plex.parent,
        first=plex.first,
        failed=plex.failed,
        cell=plex.cell,
        share=plex.share,
        place=plex.place,
        pay=pay,
        start=start,
        where=where,
        kinds=kinds,
        cuts=cuts,
        added=added,
        shares=shares,
        ranges=ranges,
        parts=parts,
        group=board.group,
        largest=float(np.abs(board.ends[board.ends != GOES_ON]).max(initial=0)) or 1.0,
        listed=listed,
    )


def _orders(board: Board) -> tuple[Blocks, I64, I64, npt.NDArray[np.float64], npt.NDArray[np.uint32], U32]:
    """Return the blocks of a game that is not abrupt, and its leaves: see `FactoredForm`."""
    used = np.zeros((2, board.cells + 1), np.bool_)
    nothing = np.zeros(0), np.zeros((2, 0), np.uint32), np.zeros(0, np.uint32)
    _, orders, places0, places1 = walk_orders(board, NO_BLOCKS, False, *nothing, used)
    blocks, kinds, sums = _number_blocks(board, used)
    pay, start = np.zeros(orders), np.zeros((2, orders + 1), np.uint32)
    start[:, -1] = places0, places0 + places1
    where = np.zeros(places0 + places1, np.uint32)
    walk_orders(board, blocks, True, pay, start, where, used)
    return blocks, kinds, sums, pay, start, where


def _cuts(kinds: I64, sums: I64) -> I64:
    """Cut each player's sums in parts of about one size, between bundles."""
    cuts = np.zeros((2, PARTS + 1), np.int64)
    for p in range(2):
        starts = [np.arange(bundles) * BUNDLE * length**axes + at for q, at, bundles, length, axes in kinds if q == p]
        edges = np.concatenate([*starts, sums[p : p + 1]])
        cuts[p] = edges[np.searchsorted(edges, np.linspace(0, sums[p], PARTS + 1))]
    return cuts


def _added(plex: Plex, begin: list[int], cuts: I64) -> tuple[npt.NDArray[np.uint32], I64]:
    """Sort each player's sequences that have a place by the part that it is of; see `FactoredForm`."""
    counts, nothing = np.zeros((2, PARTS), np.int64), np.zeros(0, np.uint32)
    spans = [(int(plex.first[begin[p]]), int(plex.first[begin[p + 1]])) for p in range(2)]
    for p in range(2):
        sort_by_part(p, *spans[p], plex.place, cuts, counts[p], nothing)
    ends = np.cumsum(counts).reshape(2, PARTS)
    shares = np.hstack([ends - counts, ends[:, -1:]])
    added = np.zeros(int(ends[-1, -1]), np.uint32)
    for p in range(2):
        sort_by_part(p, *spans[p], plex.place, cuts, shares[p, :-1].copy(), added)
    return added, shares


TRUNK = 2  # attempts before decisions at which subtrees begin that are handed out whole


def _ranges(plex: Plex, begin: list[int]) -> tuple[npt.NDArray[np.uint32], I64]:
    """Cut the treeplexes into subtrees and a trunk, and hand the subtrees to the parts; see `FactoredForm`."""
    found, parts = [], np.zeros((2, PARTS + 2), np.int64)
    depth = np.zeros(len(plex.parent), np.int8)
    set_depths(plex.parent, plex.first, depth)
    number = 0
    for p in range(2):
        own = np.arange(begin[p], begin[p + 1])
        at = depth[own]
        trunk = own[at < TRUNK]
        tops = own[at == TRUNK]
        # Both decisions that follow one sequence are of one range: they add to the same value.
        tops = tops[np.flatnonzero(np.append(True, np.diff(plex.parent[tops].astype(np.int64)) != 0))[: len(tops)]]
        stops = np.sort(np.concatenate([tops, trunk, [begin[p + 1]]]))
        last = stops[np.searchsorted(stops, tops, side="right")]
        ends = np.cumsum(last - tops)
        share = np.searchsorted(ends, np.linspace(0, ends[-1] if len(ends) else 0, PARTS + 1)[1:], side="left") + 1
        parts[p] = number + np.concatenate([[0], np.minimum(share, len(tops)), [len(tops) + len(trunk)]])
        parts[p, PARTS] = number + len(tops)
        found += [np.stack([tops, last], axis=1), np.stack([trunk, trunk + 1], axis=1)]
        number += len(tops) + len(trunk)
    return np.concatenate(found).astype(np.uint32), parts
