"""Cards, hole-card combinations (combos) and how they are numbered and written.

A card is an integer 4 * rank + suit, rank 0 .. 12 for 2 .. A and suit 0 .. 3 for c d h s; its text is "Ks". A combo is
a pair (high, low) of cards with high > low; its number is high * (high - 1) // 2 + low, 0 .. 1325. The short deck of
six-plus hold'em is the same numbering without the ranks below six.

A set of cards is a bit mask, i64, with the ranks of each suit in a lane of 16 bits: card c is bit 16 * suit + rank.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

RANKS = "23456789TJQKA"
SUITS = "cdhs"
CARDS = 52
COMBOS = 1326
SHORT_FIRST = 4 * RANKS.index("6")  # the lowest card of the short deck

_HIGH, _LOW = np.tril_indices(CARDS, -1)  # row by row: the very order of combo numbers
COMBO_CARDS: npt.NDArray[np.uint8] = np.stack([_HIGH, _LOW], axis=1).astype(np.uint8)  # [1326, 2], high and low
CARD_MASKS: npt.NDArray[np.int64] = np.int64(1) << (16 * (np.arange(CARDS) % 4) + np.arange(CARDS) // 4)  # [52]
COMBO_MASKS: npt.NDArray[np.int64] = CARD_MASKS[_HIGH] | CARD_MASKS[_LOW]  # [1326]
for _shared in (COMBO_CARDS, CARD_MASKS, COMBO_MASKS):
    _shared.flags.writeable = False


def deck(short: bool = False) -> range:
    """Return the cards of the deck, lowest first: all 52, or the 36 of six-plus hold'em."""
    return range(SHORT_FIRST if short else 0, CARDS)


def card_name(card: int) -> str:
    """Return the card's text: 46 is "Kh"."""
    return RANKS[card // 4] + SUITS[card % 4]


def format_cards(cards: Iterable[int]) -> str:
    """Return the texts of the cards with a blank between: "Ks 9d 4c"."""
    return " ".join(card_name(c) for c in cards)


def place(text: str, at: int) -> str:
    """Say where index `at` of a text is, counted from one as editors do, with the line if it is not the first."""
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return f"character {column}" if line == 1 else f"line {line}, character {column}"


def card_at(text: str, at: int) -> int:
    """Return the card written at index `at` of a text in either case, -1 if there is none."""
    pair = text[at : at + 2]
    if len(pair) < 2 or pair[0].upper() not in RANKS or pair[1].lower() not in SUITS:
        return -1
    return 4 * RANKS.index(pair[0].upper()) + SUITS.index(pair[1].lower())


def parse_cards(text: str, short: bool = False) -> tuple[int, ...]:
    """Read cards such as "Ks 9d 4c", "Ks9d4c" or "Ks, 9d, 4c" in the order written.

    Raises `ValueError` for what is no card, a card written twice and, with `short`, a card below six; how many cards
    there must be is for the caller to say.
    """
    cards: list[int] = []
    at = 0
    while at < len(text):
        if text[at].isspace() or text[at] == ",":
            at += 1
            continue
        card, where = card_at(text, at), f"at {place(text, at)} of {text!r}"
        if card < 0:
            written = text[at : at + 2].replace(",", " ").split()[0]
            raise ValueError(f"unknown card {written!r} {where}: a card is a rank {RANKS} and a suit {SUITS}")
        if card in cards:
            raise ValueError(f"the card {card_name(card)} appears a second time {where}")
        if card not in deck(short):
            ranks = RANKS[SHORT_FIRST // 4 :]
            raise ValueError(f"the card {card_name(card)} {where} is not in the short deck: its ranks are {ranks}")
        cards.append(card)
        at += 2
    return tuple(cards)


def combo_number(a: int, b: int) -> int:
    """Return the number of the combo of two different cards, in either order."""
    if a == b or min(a, b) < 0 or max(a, b) >= CARDS:
        raise ValueError(f"a combo is two different cards numbered 0 to {CARDS - 1}, not {a} and {b}")
    high, low = max(a, b), min(a, b)
    return high * (high - 1) // 2 + low


def combo_name(combo: int) -> str:
    """Return the combo's text, higher card first: "KsKh"."""
    if not 0 <= combo < COMBOS:
        raise ValueError(f"a combo is numbered 0 to {COMBOS - 1}, not {combo}")
    high, low = COMBO_CARDS[combo].tolist()
    return card_name(high) + card_name(low)


def cards_mask(cards: Iterable[int]) -> int:
    """Return the set of the cards as a bit mask; raise `ValueError` for an unknown or a repeated card."""
    mask = 0
    for card in cards:
        if not 0 <= card < CARDS:
            raise ValueError(f"a card is numbered 0 to {CARDS - 1}, not {card}")
        if mask & int(CARD_MASKS[card]):
            raise ValueError(f"the card {card_name(card)} appears twice")
        mask |= int(CARD_MASKS[card])
    return mask


def compatible(board: Iterable[int] = (), short: bool = False) -> npt.NDArray[np.bool_]:
    """Return bool[1326]: whether a combo is in the deck and holds no card of the board."""
    lowest = deck(short)[0]
    free: npt.NDArray[np.bool_] = (COMBO_MASKS & cards_mask(board) == 0) & (COMBO_CARDS[:, 1] >= lowest)
    return free


def permute_suits(suits: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return i64[1326]: the combo that each combo becomes when suit s is renamed `suits[s]`."""
    if sorted(suits) != [0, 1, 2, 3]:
        raise ValueError(f"suits must be 0, 1, 2, 3 in some order, not {tuple(suits)}")
    cards = np.arange(CARDS).reshape(13, 4)[:, list(suits)].ravel()
    a, b = cards[_HIGH], cards[_LOW]
    high, low = np.maximum(a, b), np.minimum(a, b)
    return np.asarray(high * (high - 1) // 2 + low, dtype=np.int64)
