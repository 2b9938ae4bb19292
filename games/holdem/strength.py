"""How strong hands are: an evaluator on bit masks, for five to seven cards at once.

A strength is an i32, larger is stronger and equal is a tie: a category in the upper bits, then two sets of ranks, 13
bits each, which decide within the category: the ranks that make it (the pair, the trips of a full house, the top two
pairs) and the kickers (or the pair of a full house). Sets of equal size compare as numbers as poker compares ranks,
highest first.

Straights are stored by their lowest card, counted from the ace below it: A2345 is 1, 23456 is 2, 34567 is 4.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.jit import inlined, jit
from counterplay.games.holdem.cards import HOLDEM, Deck, cards_mask

# In six-plus some categories change places; each place has its own number, so that it alone says the category.
_SHIFT = 26
_PAIR, _TWO_PAIR, _TRIPS, _STRAIGHT, _HIGH_TRIPS, _FLUSH, _FULL_HOUSE, _HIGH_FLUSH, _FOUR, _STRAIGHT_FLUSH = range(
    1, 11
)
_NAMES = (
    "high card",
    "pair",
    "two pair",
    "three of a kind",
    "straight",
    "three of a kind",
    "flush",
    "full house",
    "flush",
    "four of a kind",
    "straight flush",
)


@inlined
def _top(ranks: int) -> int:
    """Return the highest rank of a set, as a set; the empty set for the empty one."""
    ranks |= ranks >> 1
    ranks |= ranks >> 2
    ranks |= ranks >> 4
    ranks |= ranks >> 8
    return ranks ^ (ranks >> 1)


@inlined
def _straight(ranks: int, low_ace: int) -> int:
    """Return the lowest card of the highest straight in a set of ranks, 0 if there is none."""
    line = ranks << 1 | (ranks >> 12) << low_ace
    pairs = line & line >> 1
    return _top(pairs & pairs >> 2 & line >> 4)


@inlined
def _best(ranks: int, count: int, keep: int) -> int:
    """Return the highest `keep` ranks of a set of `count`."""
    for _ in range(count - keep):
        ranks &= ranks - 1
    return ranks


@jit
def hand_strength(hand: int, low_ace: int, flush: int, trips: int) -> int:
    """Return the strength of a set of up to seven cards (a mask as in `cards`) under `ranking`'s three numbers."""
    c, d, h, s = hand & 0x1FFF, hand >> 16 & 0x1FFF, hand >> 32 & 0x1FFF, hand >> 48
    ranks = c | d | h | s

    counts = hand - (hand >> 1 & 0x5555555555555555)  # how many cards of each suit, in its lane
    counts = (counts & 0x3333333333333333) + (counts >> 2 & 0x3333333333333333)
    counts = (counts + (counts >> 4)) & 0x0F0F0F0F0F0F0F0F
    counts = (counts + (counts >> 8)) & 0x000F000F000F000F
    suited = 0
    five_or_more = (counts + 0x0003000300030003) & 0x0008000800080008
    if five_or_more:
        suited, held = s, counts >> 48
        if five_or_more & 0x8:
            suited, held = c, counts & 0xF
        elif five_or_more & 0x80000:
            suited, held = d, counts >> 16 & 0xF
        elif five_or_more & 0x800000000:
            suited, held = h, counts >> 32 & 0xF
        run = _straight(suited, low_ace)
        if run:
            return _STRAIGHT_FLUSH << _SHIFT | run
        suited = _best(suited, held, 5)

    cd, hs = c & d, h & s
    two = cd | hs | ((c | d) & (h | s))  # ranks held at least twice
    if two:
        three = cd & (h | s) | hs & (c | d)
        if three:
            four = cd & hs
            if four:
                return _FOUR << _SHIFT | four << 13 | _top(ranks ^ four)
            high = _top(three)
            rest = two ^ high
            if rest:  # a flush of five ranks has no room beside it in seven cards
                return _FULL_HOUSE << _SHIFT | high << 13 | _top(rest)
            if suited:
                return flush << _SHIFT | suited
            run = _straight(ranks, low_ace)
            if run and trips < _STRAIGHT:
                return _STRAIGHT << _SHIFT | run
            kicker = _top(ranks ^ high)
            return trips << _SHIFT | high << 13 | kicker | _top(ranks ^ high ^ kicker)
    if suited:
        return flush << _SHIFT | suited
    run = _straight(ranks, low_ace)
    if run:
        return _STRAIGHT << _SHIFT | run
    if two:
        high = _top(two)
        second = _top(two ^ high)
        kicker = _top(ranks ^ high ^ second)
        if second:
            return _TWO_PAIR << _SHIFT | (high | second) << 13 | kicker
        third = _top(ranks ^ high ^ kicker)
        return _PAIR << _SHIFT | high << 13 | kicker | third | _top(ranks ^ high ^ kicker ^ third)
    held = (counts & 0xF) + (counts >> 16 & 0xF) + (counts >> 32 & 0xF) + (counts >> 48)
    return _best(ranks, held, 5)


@jit
def _strengths(
    hands: npt.NDArray[np.int64], board: int, low_ace: int, flush: int, trips: int, out: npt.NDArray[np.int32]
) -> None:
    for i in range(len(hands)):
        out[i] = -1 if hands[i] & board else hand_strength(hands[i] | board, low_ace, flush, trips)


def ranking(deck: Deck = HOLDEM) -> tuple[int, int, int]:
    """Return the numbers that `hand_strength` takes: where the ace goes below a straight, and two categories.

    In six-plus a flush beats a full house and A6789 is the lowest straight. Today's rooms let a straight beat three of
    a kind there too; under the older rule, `trips_beat_straights`, it loses.
    """
    flush = _HIGH_FLUSH if deck.flush_beats_full_house else _FLUSH
    return deck.low_ace, flush, _HIGH_TRIPS if deck.trips_beat_straights else _TRIPS


def mask_strengths(hands: npt.NDArray[np.int64], board: int = 0, deck: Deck = HOLDEM) -> npt.NDArray[np.int32]:
    """Return the strength of each set of cards together with the board's, i32[n]; -1 where the two share a card."""
    out = np.empty(len(hands), np.int32)
    _strengths(hands, board, *ranking(deck), out)
    return out


def strengths(
    board: Sequence[int] | npt.NDArray[np.integer], hands: npt.ArrayLike | None = None, deck: Deck = HOLDEM
) -> npt.NDArray[np.int32]:
    """Return the strength of each hand on a board of up to five cards, i32[n]; -1 for those that hold a board card.

    `hands` are numbers of the deck's hands, all of them if left out. With fewer than five cards in all the best of
    those counts. Raises `ValueError` for a board of repeated, unknown or too many cards, and for an unknown hand.
    """
    if len(board) > 5:
        raise UserError(f"a board has at most five cards, not {len(board)}")
    most = len(deck.masks)
    numbers = np.arange(most) if hands is None else np.asarray(hands)
    if not numbers.size:
        return np.empty(0, np.int32)
    if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= most:
        raise UserError(f"combos are numbers 0 to {most - 1}, not {numbers.min()} to {numbers.max()}")
    return mask_strengths(deck.masks[numbers], cards_mask(int(c) for c in board), deck)


def category(strength: int) -> str:
    """Return the name of a strength's category: "pair", "full house", "straight flush", ..."""
    if not 0 <= strength >> _SHIFT < len(_NAMES):
        raise UserError(f"{strength} is no hand's strength")
    return _NAMES[strength >> _SHIFT]
