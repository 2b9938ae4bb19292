"""Which hands a board leaves to both players: their lanes, by strength where the board is full."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import jit
from counterplay.engine.simd import LANES
from counterplay.engine.streets import NO_CELLS, Boards
from counterplay.games.holdem.cards import Deck, cards_mask
from counterplay.games.holdem.strength import hand_strength, ranking

I64 = npt.NDArray[np.int64]
Cards = tuple[int, ...]


@jit
def _sort(keys: I64, count: int, spare: I64) -> None:
    """Sort the first `count` keys, by merging runs of 1, 2, 4, ...; `spare` is as long."""
    run = 1
    while run < count:
        for low in range(0, count, 2 * run):
            middle, high = min(low + run, count), min(low + 2 * run, count)
            i, j = low, middle
            for k in range(low, high):
                if j >= high or (i < middle and keys[i] <= keys[j]):
                    spare[k] = keys[i]
                    i += 1
                else:
                    spare[k] = keys[j]
                    j += 1
        for k in range(count):
            keys[k] = spare[k]
        run *= 2


@jit
def _held(first: int, second: int) -> int:
    """Return two hole cards as a set; what stands in place of a second one adds nothing."""
    found = 1 << 16 * (first % 4) + first // 4
    return found | 1 << 16 * (second % 4) + second // 4 if second < 52 else found


@jit
def settle(
    boards: Boards, b: int, before: Boards, a: int, cards: int, full: bool, ranks: tuple[int, int, int], room: I64
) -> None:
    """Fill in the lanes of board b, given those of the board `a` of `before`, from which it was dealt.

    The board's width and places are there already. `cards` is all of it as a set (`games.holdem.cards`),
    `ranks` is from `strength.ranking`, and `room` is [4, the width of `a`].
    """
    w, v = int(boards.width[b]), int(before.width[a])
    for p in range(2):
        at, above, n = int(boards.at[b]) + p * w, int(before.at[a]) + p * v, 0
        keys, place = room[p], room[2 + p]
        for k in range(before.lanes[a, p]):
            hand = _held(int(before.cards[above + k, 0]), int(before.cards[above + k, 1]))
            if hand & cards == 0:
                strength = hand_strength(hand | cards, ranks[0], ranks[1], ranks[2]) if full else 0
                keys[n] = strength << 16 | k
                n += 1
        boards.lanes[b, p] = n
        if full:
            _sort(keys, n, place)
        for i in range(n):
            k = keys[i] & 0xFFFF
            place[k] = i
            boards.source[at + i] = k
            boards.cards[at + i, 0] = before.cards[above + k, 0]
            boards.cards[at + i, 1] = before.cards[above + k, 1]
    for p in range(2):
        at, above = int(boards.at[b]) + p * w, int(before.at[a]) + p * v
        for i in range(boards.lanes[b, p]):
            k = int(before.same[above + int(boards.source[at + i])])
            boards.same[at + i] = w if k == v else room[3 - p, k]
    if full:
        for p in range(2):
            at, mine, theirs = int(boards.ranked[b]) + p * w, room[p], room[1 - p]
            low = high = 0
            for i in range(boards.lanes[b, p]):
                strength = mine[i] >> 16
                while low < boards.lanes[b, 1 - p] and theirs[low] >> 16 < strength:
                    low += 1
                while high < boards.lanes[b, 1 - p] and theirs[high] >> 16 <= strength:
                    high += 1
                boards.below[at + i], boards.beyond[at + i] = low, high


@jit
def _settle_all(
    boards: Boards, ranges: Boards, before: I64, sets: I64, full: I64, ranks: tuple[int, int, int], room: I64
) -> None:
    for b in range(len(before)):
        first = before[b] == b
        settle(boards, b, ranges if first else boards, 0 if first else before[b], sets[b], full[b] != 0, ranks, room)


@jit
def _count(hands: I64, sets: I64, lanes: npt.NDArray[np.uint32]) -> None:
    for b in range(len(sets)):
        lanes[b] = 0
        for hand in hands:
            lanes[b] += hand & sets[b] == 0


def room_for(lanes: npt.NDArray[np.uint32], full: npt.NDArray[np.bool_]) -> Boards:
    """Return boards of which the first part is known: [B, 2] lanes, of which full boards are in order of strength."""
    width = -(-lanes.max(axis=1, initial=1).astype(np.int64) // LANES) * LANES
    ends, ranked = np.cumsum(2 * width), np.cumsum(2 * width * full)
    u16: Any = np.uint16
    return Boards(
        width=width.astype(np.uint32),
        lanes=lanes,
        columns=lanes.copy(),
        at=(ends - 2 * width).astype(np.uint64),
        source=np.zeros(int(ends[-1]), u16),
        cards=np.zeros((int(ends[-1]), 2), np.uint8),
        same=np.zeros(int(ends[-1]), u16),
        cell=NO_CELLS,
        ranked=(ranked - 2 * width * full).astype(np.uint64),
        below=np.zeros(int(ranked[-1]), u16),
        beyond=np.zeros(int(ranked[-1]), u16),
    )


def lay_lanes(deck: Deck, boards: Sequence[Cards], before: I64, full: int, hands: tuple[I64, I64]) -> Boards:
    """Return the lanes of both players, given by the numbers of their hands, on boards.

    Board b was dealt from board `before[b]`, an earlier one, or is a first one: then that is b. A board of `full` cards
    is full.
    """
    sets = np.array([cards_mask(cards) for cards in boards], np.int64)
    done = np.array([len(cards) == full for cards in boards])
    lanes = np.zeros((len(boards), 2), np.uint32)
    start = room_for(np.array([[len(mine) for mine in hands]], np.uint32), np.zeros(1, np.bool_))
    w = int(start.width[0])
    for p, (mine, theirs) in enumerate((hands, hands[::-1])):
        one = np.zeros(len(boards), np.uint32)
        _count(deck.masks[mine], sets, one)
        lanes[:, p] = one
        place = slice(p * w, p * w + len(mine))
        start.cards[place] = deck.pairs(p)[mine]
        shared = deck.same(mine, theirs)
        start.same[place] = np.where(shared < len(theirs), shared, w)
    found = room_for(lanes, done)
    _settle_all(found, start, before, sets, done.astype(np.int64), ranking(deck), np.zeros((4, w), np.int64))
    return found


def hands_on(deck: Deck, boards: Boards, board: int) -> tuple[I64, I64]:
    """Return the numbers of the hands that both players' lanes on a board hold."""
    w, at = int(boards.width[board]), int(boards.at[board])
    one, two = (deck.numbers(boards.cards[at + p * w :][: int(boards.lanes[board, p])]) for p in range(2))
    return one, two
