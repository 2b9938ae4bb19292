"""Hands of the last street in clusters by whom they beat: strength against each of some groups of hole cards.

Two hands that win equally often against all others may win against others: one against what was strong before the flop,
the other against what was weak; and cards that a hand holds are not held by others. So the other's hole cards are put
into up to 32 groups by their strength before the flop, and a hand has a byte for each: how often the group beats it,
ties half. Rows of bytes are clustered as distributions are. The idea is opponent cluster hand strength (Johanson,
Burch, Valenzano and Bowling 2013), with absolute differences in place of squares.

There are too many hands to keep their rows. A sample of boards moves the centres, and then all boards are dealt out
again, each hand assigned at once.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.byte_rows import WIDTH
from counterplay.engine.jit import Index, jit
from counterplay.engine.portions import Pool
from counterplay.games.holdem.canonical import HandIndex, boards, hand_index, indices
from counterplay.games.holdem.cards import Deck
from counterplay.games.holdem.clusters import SAMPLE, assign, cluster
from counterplay.games.holdem.rollouts import alike_before_flop, board_points, hands_left
from counterplay.games.holdem.strength import ranking

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

WHOLE = 255  # the byte of a group that always wins


class Sweep(NamedTuple):
    """Working memory for the hands of a board, n of them at most."""

    hole: U8  # [n, 2]
    points: U16  # [n]
    keys: I64  # [n]
    holding: I64  # [52]
    weaker: npt.NDArray[np.int32]  # [53, 32] hands passed by group: all, and those that hold a card
    won: npt.NDArray[np.int32]  # [n, 32] points against each group
    rows: U8  # [n, 32]


def new_sweep(cards: int) -> Sweep:
    """Return working memory for a deck of so many cards."""
    n = cards * (cards - 1) // 2
    return Sweep(
        np.empty((n, 2), np.uint8),
        np.empty(n, np.uint16),
        np.empty(n, np.int64),
        np.empty(52, np.int64),
        np.empty((53, WIDTH), np.int32),
        np.empty((n, WIDTH), np.int32),
        np.empty((n, WIDTH), np.uint8),
    )


@jit
def board_rows(index: HandIndex, board: U8, groups: U8, low_ace: int, flush: int, trips: int, room: Sweep) -> int:
    """Write hands, points and rows of all hands that a full board leaves, and return their number.

    `groups` [52, 52] is of two hole cards. Going up from the weakest, the hands passed are counted by group.
    """
    hole, weaker, won, keys = room.hole, room.weaker, room.won, room.keys
    n = hands_left(index, board, len(board), hole)
    board_points(hole, n, board, low_ace, flush, trips, keys, room.holding, room.points)
    weaker[:] = 0
    first = 0
    while first < n:
        last = first
        while last < n and keys[last] >> 11 == keys[first] >> 11:
            last += 1
        for k in range(first, last):
            i = keys[k] & 2047
            a, b = hole[i, 0], hole[i, 1]
            for g in range(WIDTH):
                won[i, g] = weaker[52, g] - weaker[a, g] - weaker[b, g]
        for k in range(first, last):
            i = keys[k] & 2047
            g = groups[hole[i, 0], hole[i, 1]]
            weaker[52, g] += 1
            weaker[hole[i, 0], g] += 1
            weaker[hole[i, 1], g] += 1
        for k in range(first, last):
            i = keys[k] & 2047
            a, b = hole[i, 0], hole[i, 1]
            for g in range(WIDTH):
                won[i, g] += weaker[52, g] - weaker[a, g] - weaker[b, g]
            won[i, groups[a, b]] += 1  # itself: counted once in all, and with both cards
        first = last
    for i in range(n):
        a, b = hole[i, 0], hole[i, 1]
        mean: Index = WHOLE * np.int64(room.points[i]) // (2 * n)
        for g in range(WIDTH):
            total: Index = weaker[52, g] - weaker[a, g] - weaker[b, g] + (groups[a, b] == g)
            # A group of which nobody is left says nothing: it is as all hands are.
            share: Index = (WHOLE * won[i, g] + total) // (2 * total) if total > 0 else mean
            room.rows[i, g] = WHOLE - share
    return n


@jit
def _collect(
    index: HandIndex, boards: U8, first: int, last: int, groups: U8, ranks: I64, room: Sweep, rows: U8, each: int
) -> None:
    for b in range(first, last):
        n = board_rows(index, boards[b], groups, ranks[0], ranks[1], ranks[2], room)
        for i in range(n):
            for g in range(WIDTH):
                rows[b * each + i, g] = room.rows[i, g]


@jit
def _assign_all(
    index: HandIndex,
    street: int,
    boards: U8,
    number: I64,
    first: int,
    last: int,
    groups: U8,
    ranks: I64,
    centres: U8,
    room: Sweep,
    of: U8 | U16,
    deals: I64,
    total: F64,
) -> None:
    """Assign the hands of the boards first .. last, and add up deals and points of each cluster."""
    size = len(room.points)
    none, found, apart = np.ones(size, np.uint8), np.empty(size, np.uint16), np.empty(size, np.uint16)
    at = np.empty(size, np.int64)
    for b in range(first, last):
        n = board_rows(index, boards[b], groups, ranks[0], ranks[1], ranks[2], room)
        assign(room.rows, none, 0, n, centres, found, apart)
        indices(index, street, boards[b], room.hole, n, at)
        for i in range(n):
            of[at[i]] = found[i]
            deals[found[i]] += number[b]
            total[found[i]] += np.float64(number[b] * np.int64(room.points[i]))


def groups_of(deck: Deck, total: I64) -> U8:
    """Return the group of each two hole cards, u8[52, 52], given the points of those alike, [H]: by strength."""
    alike = alike_before_flop(deck)
    combos = np.bincount(alike[np.ix_(deck.cards, deck.cards)][np.triu_indices(len(deck.cards), 1)])
    order = np.argsort(total / combos, kind="stable")
    below = np.cumsum(combos[order]) - combos[order] / 2
    of = np.empty(len(total), np.uint8)
    of[order] = np.arange(len(order)) if len(order) <= WIDTH else WIDTH * below // combos.sum()
    return of[alike]


class Matchups(NamedTuple):
    """Clusters of the last street: how many deals are in each, and the sum of their points."""

    deals: I64  # [K]
    total: F64  # [K]


def cluster_matchups(
    deck: Deck, last: int, total: I64, count: int, of: U8 | U16, rng: np.random.Generator, pool: Pool, what: str
) -> Matchups:
    """Write to `of` [I] the cluster of each hand of the last street, up to `count` of them, weakest first.

    `total` [H] is from `rollouts.last_street`.
    """
    index, groups, ranks = hand_index(deck), groups_of(deck, total), np.array(ranking(deck), np.int64)
    cards, number = boards(deck, deck.board[last])
    left = len(deck.cards) - deck.board[last]
    each = left * (left - 1) // 2
    chosen, weights = np.arange(len(cards)), number
    if len(cards) * each > SAMPLE:
        chosen = np.sort(rng.choice(len(cards), SAMPLE // each, p=number / number.sum()))
        weights = np.ones(len(chosen), np.int64)
    rows, some = np.empty((len(chosen) * each, WIDTH), np.uint8), cards[chosen]

    def collect(a: int, b: int) -> None:
        _collect(index, some, a, b, groups, ranks, new_sweep(len(deck.cards)), rows, each)

    pool.share(len(chosen), collect)
    centres = cluster(rows, np.repeat(weights, each).astype(np.uint8), count, rng, pool, what).centres
    size = len(centres)

    def work(a: int, b: int) -> Matchups:
        found = Matchups(np.zeros(size, np.int64), np.zeros(size))
        room = new_sweep(len(deck.cards))
        _assign_all(index, last, cards, number, a, b, groups, ranks, centres, room, of, found.deals, found.total)
        return found

    parts = zip(*pool.share(len(cards), work, f"{what}: all boards"), strict=True)
    return Matchups(*(np.sum(part, axis=0) for part in parts))
