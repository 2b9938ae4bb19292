"""Hand strength: how often a hand wins against all others that its board leaves, dealt out to the last street.

On the last street's boards it is the number of other hands, dealt uniformly, that a hand beats, twice, and of those
that it ties with, once: its *points*, 0 to twice the number of other hands. On an earlier street a hand has the sum of
the points on all boards that may follow (its expected hand strength) and their *distribution*, cumulative: how many of
those boards leave it with points of the first class, of the first two, ... . Both come street by street, from the last
one backwards, by the indices of `canonical`: every kind of hand is dealt out once.

Shape letters: B boards up to suits, I hands up to suits of a street.
"""

from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.byte_rows import WIDTH
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.portions import Pool
from counterplay.games.holdem.canonical import HandIndex, boards, hand_index, index_of, indices
from counterplay.games.holdem.cards import Deck
from counterplay.games.holdem.strength import hand_strength, ranking

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
Values = U16 | U32

CLASSES = WIDTH + 1  # of points: a distribution has the bounds between them


class Street(NamedTuple):
    """What is known of the hands of a street, by index."""

    values: Values  # [I] points, summed over the boards of the last street that follow
    follow: int  # how many these are
    weights: U8  # [I] how many hands, dealt with their board, the index stands for; [0] on the last street
    rows: U8  # [I, 32] the cumulative distribution, as shares of 255 where `follow` is more; [0, 32] if not asked for


def most_points(deck: Deck, last: int) -> int:
    """Return the points of a hand that beats all others on a board of the last street."""
    return 2 * comb(len(deck.cards) - deck.board[last] - 2, 2)


@inlined
def hands_left(index: HandIndex, board: U8, size: int, hole: U8) -> int:
    """Write the hands that a board leaves, lower card first, and return their number."""
    n = 0
    for b in range(index.low, index.low + 4 * index.ranks):
        for a in range(index.low, b):
            free = True
            for i in range(size):
                free &= board[i] != a and board[i] != b
            if free:
                hole[n, 0], hole[n, 1] = a, b
                n += 1
    return n


@inlined
def _bit(card: Index) -> Index:
    return np.int64(1) << (16 * np.int64(card % 4) + np.int64(card // 4))


@jit
def board_points(
    hole: U8, n: int, board: U8, low_ace: int, flush: int, trips: int, keys: I64, holding: I64, out: U16
) -> None:
    """Write the points of the first `n` hands, all that a full board leaves, in one sweep from the weakest up.

    `keys` [n] and `holding` [52] are working space. Weaker hands that share a card do not count: those with my first,
    and those with my second; none has both.
    """
    common: Index = np.int64(0)
    for c in board:
        common |= _bit(c)
    for i in range(n):
        mine = common | _bit(hole[i, 0]) | _bit(hole[i, 1])
        keys[i] = np.int64(hand_strength(mine, low_ace, flush, trips)) << 11 | i
    keys[:n].sort()
    holding[:] = 0
    first = 0
    while first < n:
        last = first
        while last < n and keys[last] >> 11 == keys[first] >> 11:
            i = keys[last] & 2047
            holding[hole[i, 0]] += 1
            holding[hole[i, 1]] += 1
            last += 1
        # What holds a card is counted with those that tie, and was counted without them when `out` is written first.
        for k in range(first, last):
            i = keys[k] & 2047
            out[i] = last - holding[hole[i, 0]] - holding[hole[i, 1]] + 1  # beaten and tied
        for k in range(first, last):
            i = keys[k] & 2047
            holding[hole[i, 0]] -= 1
            holding[hole[i, 1]] -= 1
        for k in range(first, last):
            i = keys[k] & 2047
            out[i] += first - holding[hole[i, 0]] - holding[hole[i, 1]]  # beaten
        for k in range(first, last):
            i = keys[k] & 2047
            holding[hole[i, 0]] += 1
            holding[hole[i, 1]] += 1
        first = last


@jit
def _last_points(
    index: HandIndex,
    street: int,
    boards: U8,
    number: I64,
    first: int,
    last: int,
    low_ace: int,
    flush: int,
    trips: int,
    values: U16,
    count: I64,
    alike: I64,
    total: I64,
) -> None:
    """Write the points of all hands on the boards first .. last, and add to `count` how many deals have them.

    To `total` [H] is added what the hole cards have together that are alike before the flop, `alike` [52, 52].
    """
    most = 4 * index.ranks * (4 * index.ranks - 1) // 2
    hole, at = np.empty((most, 2), np.uint8), np.empty(most, np.int64)
    keys, holding, points = np.empty(most, np.int64), np.empty(52, np.int64), np.empty(most, np.uint16)
    for b in range(first, last):
        n = hands_left(index, boards[b], boards.shape[1], hole)
        board_points(hole, n, boards[b], low_ace, flush, trips, keys, holding, points)
        indices(index, street, boards[b], hole, n, at)
        for i in range(n):
            values[at[i]] = points[i]
            count[points[i]] += number[b]
            total[alike[hole[i, 0], hole[i, 1]]] += number[b] * points[i]


@jit
def _earlier(
    index: HandIndex,
    street: int,
    boards: U8,
    number: I64,
    first: int,
    last: int,
    later: Values,
    later_rows: U8,
    most: int,
    scale: int,
    values: U32,
    rows: U8,
    weights: U8,
) -> None:
    """Write values, distributions and weights of the hands of a street on the boards first .. last.

    They are sums over the next card of `later` [I'], and of `later_rows` [I', 32], or where there are none of the
    classes that later points, of `most`, are of. Distributions are written only where `rows` has any; `scale` is what
    they count to.
    """
    size = boards.shape[1]
    hands = 4 * index.ranks * (4 * index.ranks - 1) // 2
    hole, place, left = np.empty((hands, 2), np.uint8), np.empty(hands, np.int64), np.empty((hands, 2), np.uint8)
    at, total = np.empty(hands, np.int64), np.empty(hands, np.int64)
    counts, board = np.empty((hands, CLASSES), np.uint16), np.empty(size + 1, np.uint8)
    follow = (4 * index.ranks - size - 2) * scale
    for b in range(first, last):
        n = hands_left(index, boards[b], size, hole)
        total[:] = 0
        counts[:] = 0
        for c in range(index.low, index.low + 4 * index.ranks):
            board[:size] = boards[b]
            board[size] = c
            m = 0
            for i in range(n):
                left[m] = hole[i]
                place[m] = i
                m += hole[i, 0] != c and hole[i, 1] != c
            for i in range(size):
                if board[i] == c:
                    m = 0
            indices(index, street + 1, board, left, m, at)
            for i in range(m):
                total[place[i]] += later[at[i]]
            if rows.shape[0] > 0 and later_rows.shape[0] == 0:
                for i in range(m):
                    counts[place[i], np.int64(later[at[i]]) * CLASSES // (most + 1)] += 1
            elif rows.shape[0] > 0:
                for i in range(m):
                    for j in range(WIDTH):
                        counts[place[i], j] += later_rows[at[i], j]
        indices(index, street, boards[b], hole, n, at)
        for i in range(n):
            values[at[i]] = total[i]
            weights[at[i]] += number[b]
        if rows.shape[0] == 0:
            continue
        for i in range(n):
            below: Index = 0
            for j in range(WIDTH):
                below = below + counts[i, j] if later_rows.shape[0] == 0 else np.int64(counts[i, j])
                rows[at[i], j] = below if follow <= 255 else (510 * below + follow) // (2 * follow)


def alike_before_flop(deck: Deck) -> I64:
    """Return the index before the flop of each two cards, i64[52, 52]."""
    cards = np.array(deck.cards, np.uint8)
    hole = np.stack([np.repeat(cards, len(cards)), np.tile(cards, len(cards))], axis=1)
    hole = hole[hole[:, 0] != hole[:, 1]]
    found = np.zeros((52, 52), np.int64)
    found[hole[:, 0], hole[:, 1]] = index_of(hand_index(deck), 0, (), hole)
    return found


class LastStreet(NamedTuple):
    """What is known of the last street beside its hands."""

    deals: I64  # [V] how many deals have how many points
    total: I64  # [H] points of all deals of the hands before the flop


def last_street(deck: Deck, last: int, pool: Pool, what: str) -> tuple[Street, LastStreet]:
    """Return the hands of the last street, and how strong they are over all."""
    index = hand_index(deck)
    cards, number = boards(deck, deck.board[last])
    values = np.zeros(index.size[last], np.uint16)
    most, alike = most_points(deck, last), alike_before_flop(deck)

    def work(a: int, b: int) -> LastStreet:
        found = LastStreet(np.zeros(most + 1, np.int64), np.zeros(index.size[0], np.int64))
        _last_points(index, last, cards, number, a, b, *ranking(deck), values, found.deals, alike, found.total)
        return found

    parts = zip(*pool.share(len(cards), work, what), strict=True)
    street = Street(values, 1, np.empty(0, np.uint8), np.empty((0, WIDTH), np.uint8))
    return street, LastStreet(*(np.sum(part, axis=0) for part in parts))


def street_before(deck: Deck, street: int, last: int, later: Street, rows: bool, pool: Pool, what: str) -> Street:
    """Return the hands of a street from those of the street after it, with their distributions if asked for."""
    index = hand_index(deck)
    cards, number = boards(deck, deck.board[street])
    size = index.size[street]
    values, weights = np.zeros(size, np.uint32), np.zeros(size, np.uint8)
    found = np.zeros((size if rows else 0, WIDTH), np.uint8)
    most, scale = most_points(deck, last), min(later.follow, 255)

    def work(a: int, b: int) -> None:
        _earlier(index, street, cards, number, a, b, later.values, later.rows, most, scale, values, found, weights)

    pool.share(len(cards), work, what)
    return Street(values, later.follow * (len(deck.cards) - deck.board[street] - 2), weights, found)
