"""Cards, hole-card combinations (combos) and how they are numbered and written.

A card is an integer 4 * rank + suit, rank 0 .. 12 for 2 .. A and suit 0 .. 3 for c d h s; its text is "Ks". A combo is
a pair (high, low) of cards with high > low; its number is high * (high - 1) // 2 + low, 0 .. 1325. Decks of fewer cards
keep these numbers.

A set of cards is a bit mask, i64, with the ranks of each suit in a lane of 16 bits: card c is bit 16 * suit + rank.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.streets import NO_SECOND

RANKS = "23456789TJQKA"
SUITS = "cdhs"
CARDS = 52
COMBOS = 1326

_HIGH, _LOW = np.tril_indices(CARDS, -1)  # row by row: the very order of combo numbers
COMBO_CARDS: npt.NDArray[np.uint8] = np.stack([_HIGH, _LOW], axis=1).astype(np.uint8)  # [1326, 2], high and low
CARD_MASKS: npt.NDArray[np.int64] = np.int64(1) << (16 * (np.arange(CARDS) % 4) + np.arange(CARDS) // 4)  # [52]
COMBO_MASKS: npt.NDArray[np.int64] = CARD_MASKS[_HIGH] | CARD_MASKS[_LOW]  # [1326]
for _shared in (COMBO_CARDS, CARD_MASKS, COMBO_MASKS):
    _shared.flags.writeable = False


def card_name(card: int) -> str:
    """Return the card's text: 46 is "Kh"."""
    return RANKS[card // 4] + SUITS[card % 4]


def format_cards(cards: Iterable[int]) -> str:
    """Return the texts of the cards with a blank between: "Ks 9d 4c"."""
    return " ".join(card_name(c) for c in cards)


def on(board: Sequence[int]) -> str:
    """Return where a hand is not, for messages: " on Ks 9d 4c", or " before the flop"."""
    return f" on {format_cards(board)}" if len(board) else " before the flop"


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


def parse_cards(text: str, deck: "Deck | None" = None) -> tuple[int, ...]:
    """Read cards such as "Ks 9d 4c", "Ks9d4c" or "Ks, 9d, 4c" in the order written.

    Raises `ValueError` for what is no card, a card written twice and a card that the deck does not have; how many cards
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
            raise UserError(f"unknown card {written!r} {where}: a card is a rank {RANKS} and a suit {SUITS}")
        if card in cards:
            raise UserError(f"the card {card_name(card)} appears a second time {where}")
        if deck is not None and card not in deck.cards:
            ranks = "".join(RANKS[rank] for rank in sorted({c // 4 for c in deck.cards}))
            raise UserError(f"the card {card_name(card)} {where} is not in the {deck.name} deck: its ranks are {ranks}")
        cards.append(card)
        at += 2
    return tuple(cards)


def combo_number(a: int, b: int) -> int:
    """Return the number of the combo of two different cards, in either order."""
    if a == b or min(a, b) < 0 or max(a, b) >= CARDS:
        raise UserError(f"a combo is two different cards numbered 0 to {CARDS - 1}, not {a} and {b}")
    high, low = max(a, b), min(a, b)
    return high * (high - 1) // 2 + low


def combo_name(combo: int) -> str:
    """Return the combo's text, higher card first: "KsKh"."""
    if not 0 <= combo < COMBOS:
        raise UserError(f"a combo is numbered 0 to {COMBOS - 1}, not {combo}")
    high, low = COMBO_CARDS[combo].tolist()
    return card_name(high) + card_name(low)


def cards_mask(cards: Iterable[int]) -> int:
    """Return the set of the cards as a bit mask; raise `ValueError` for an unknown or a repeated card."""
    mask = 0
    for card in cards:
        if not 0 <= card < CARDS:
            raise UserError(f"a card is numbered 0 to {CARDS - 1}, not {card}")
        if mask & int(CARD_MASKS[card]):
            raise UserError(f"the card {card_name(card)} appears twice")
        mask |= int(CARD_MASKS[card])
    return mask


def moved(card: int, suits: Sequence[int]) -> int:
    """Return the card with its suit s renamed `suits[s]`."""
    return card // 4 * 4 + suits[card % 4]


def permute_suits(suits: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return i64[1326]: the combo that each combo becomes when suit s is renamed `suits[s]`; not to be written to."""
    if sorted(suits) != [0, 1, 2, 3]:
        raise UserError(f"suits must be 0, 1, 2, 3 in some order, not {tuple(suits)}")
    return _permuted(tuple(suits))


@cache
def _permuted(suits: tuple[int, ...]) -> npt.NDArray[np.int64]:
    cards = np.arange(CARDS).reshape(13, 4)[:, list(suits)].ravel()
    a, b = cards[_HIGH], cards[_LOW]
    high, low = np.maximum(a, b), np.minimum(a, b)
    found = np.asarray(high * (high - 1) // 2 + low, dtype=np.int64)
    found.flags.writeable = False
    return found


@dataclass(frozen=True)
class Deck:
    """A deck of cards, the hands that are dealt from it, and how they are ranked."""

    name: str
    cards: tuple[int, ...]  # lowest first
    hole: int = 2  # cards in a hand: two, or one as in Leduc poker
    board: tuple[int, ...] = (0, 3, 4, 5)  # cards on the board by street
    low_ace: int = 0  # the rank that an ace may stand below in a straight
    flush_beats_full_house: bool = False
    trips_beat_straights: bool = False

    def __post_init__(self) -> None:
        if self.hole not in (1, 2):
            raise UserError(f"a hand has one or two cards, not {self.hole}")
        need = 2 * self.hole + self.board[-1]
        if len(self.cards) < need:
            raise UserError(f"two hands and a board take {need} cards, and the {self.name} deck has {len(self.cards)}")

    @cached_property
    def hands(self) -> npt.NDArray[np.uint8]:
        """Return the cards of each hand by its number, [H, hole]: combos, or single cards by their own numbers."""
        return COMBO_CARDS if self.hole == 2 else np.arange(CARDS, dtype=np.uint8)[:, None]

    @cached_property
    def masks(self) -> npt.NDArray[np.int64]:
        """Return the hands as sets, i64[H]."""
        return COMBO_MASKS if self.hole == 2 else CARD_MASKS

    @cached_property
    def _held(self) -> npt.NDArray[np.bool_]:
        """Tell of each hand whether it is in the deck, [H]."""
        return np.asarray(np.isin(self.hands, self.cards).all(axis=1), np.bool_)

    def free(self, board: Iterable[int] = ()) -> npt.NDArray[np.bool_]:
        """Return bool[H]: whether a hand is in the deck and holds no card of the board."""
        return np.asarray(self._held & (self.masks & cards_mask(board) == 0), np.bool_)

    def permuted(self, suits: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return i64[H]: the hand that each hand becomes when suit s is renamed `suits[s]`."""
        return permute_suits(suits) if self.hole == 2 else np.array([moved(c, suits) for c in range(CARDS)])

    def apart(self, one: npt.NDArray[np.int64], two: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return bool[n, m]: whether a hand of the one and a hand of the other share no card."""
        shared = self.hands[one][:, None, :, None] == self.hands[two][None, :, None, :]
        return ~np.asarray(shared.any(axis=(2, 3)), np.bool_)

    def pairs(self, player: int) -> npt.NDArray[np.uint8]:
        """Return the cards of each hand as `engine.streets` has them, [H, 2]."""
        if self.hole == 2:
            return COMBO_CARDS
        return np.stack([np.arange(CARDS), np.full(CARDS, NO_SECOND[player])], axis=1).astype(np.uint8)

    def numbers(self, pairs: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Return the numbers of the hands of which `pairs` says the cards."""
        high, low = (pairs[:, c].astype(np.int64) for c in range(2))
        return high * (high - 1) // 2 + low if self.hole == 2 else high

    def same(self, mine: npt.NDArray[np.int64], theirs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return for each of my hands the index among theirs of that with the same two cards; their number if none."""
        none = np.full(len(mine), len(theirs), np.int64)
        if self.hole == 1 or not len(theirs):
            return none
        at = np.searchsorted(theirs, mine)
        return np.where(theirs[np.minimum(at, len(theirs) - 1)] == mine, at, none)


HOLDEM = Deck("holdem", tuple(range(CARDS)))
SHORT = Deck("short", tuple(range(4 * RANKS.index("6"), CARDS)), low_ace=4, flush_beats_full_house=True)  # six-plus
ROYAL = Deck("royal", tuple(range(4 * RANKS.index("T"), CARDS)))
DECKS = {deck.name: deck for deck in (HOLDEM, SHORT, ROYAL)}
