"""The 169 hands before the flop, and how often each beats each other one over all boards to come.

Hands that differ in suits alone are one: AA, AKs, AKo, ... . `wins.npz` holds, for every two hands, the number of
triples of a combo of the one, a combo of the other and a board of five cards in which the first combo wins. All boards
were dealt for it (52 choose 5, up to suits), none sampled: `python -m counterplay.games.holdem.preflop` counts anew.
"""

from functools import cache
from importlib import resources
from math import comb
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import jit
from counterplay.games.holdem import canonical
from counterplay.games.holdem.cards import CARD_MASKS, CARDS, COMBO_CARDS, COMBO_MASKS, COMBOS, HOLDEM
from counterplay.games.holdem.ranges import HANDS, hand_combos
from counterplay.games.holdem.strength import hand_strength, ranking

I64 = npt.NDArray[np.int64]

NAMES = tuple(str(hand) for hand in HANDS)
HAND_OF_COMBO: I64 = np.zeros(COMBOS, np.int64)  # [1326]
for _number, _hand in enumerate(HANDS):
    HAND_OF_COMBO[hand_combos(_hand)] = _number
HAND_OF_COMBO.flags.writeable = False
BOARDS = comb(CARDS - 4, 5)  # boards for two given combos: 1,712,304
_FILE = "wins.npz"


class Matchups(NamedTuple):
    """What two hands are to each other, by the 169 hands of the one and of the other, [169, 169]."""

    pairs: I64  # combos of both that share no card
    wins: I64  # of pairs and boards: where the first hand wins
    ties: I64

    @property
    def ahead(self) -> npt.NDArray[np.float64]:
        """Return the chance to win less that to lose; 0 for hands that are never dealt together."""
        count = np.maximum(self.pairs * BOARDS, 1)
        return np.asarray((self.wins - self.wins.T) / count, np.float64)


def pairs() -> I64:
    """Return how many combos of two hands share no card, [169, 169]."""
    held = np.zeros((len(HANDS), CARDS), np.int64)  # combos of a hand that hold a card
    np.add.at(held, (HAND_OF_COMBO[:, None], COMBO_CARDS), 1)
    combos = np.bincount(HAND_OF_COMBO)
    # All pairs, less those with a card in common; a combo and itself have two, and are taken out twice.
    return np.outer(combos, combos) - held @ held.T + np.diag(combos)


@cache
def matchups() -> Matchups:
    """Return the table that the package carries."""
    with resources.files("counterplay.games.holdem").joinpath(_FILE).open("rb") as file:
        return _matchups(_read(file))


def _read(file: IO[bytes]) -> I64:
    with np.load(file) as data:
        return np.asarray(data["wins"], np.int64)


def _matchups(wins: I64) -> Matchups:
    both = pairs()
    return Matchups(both, wins, both * BOARDS - wins - wins.T)


def boards() -> tuple[I64, I64]:
    """Return a board of five cards for each of the 134,459 kinds up to suits, as masks, and how many it stands for."""
    cards, numbers = canonical.boards(HOLDEM, 5)
    return CARD_MASKS[cards].sum(axis=1), numbers


@jit
def count_wins(
    boards: I64,
    numbers: I64,
    masks: I64,
    cards: npt.NDArray[np.uint8],
    hand_of: I64,
    low_ace: int,
    flush: int,
    trips: int,
    wins: I64,
) -> None:
    """Add to `wins`, [169, 169], the pairs of combos in which the first beats the second, over all the boards.

    On a board the combos are taken from the weakest up. `weaker` counts those passed, by hand, and `holding` those of
    them that hold a card: a combo beats all weaker ones but those that share one of its two cards.
    """
    combos, hands = masks.size, wins.shape[0]
    strength = np.empty(combos, np.int64)
    weaker = np.empty(hands, np.int16)
    holding = np.empty((52, hands), np.int16)
    for b in range(boards.size):
        for i in range(combos):
            board = boards[b]
            strength[i] = -1 if masks[i] & board else hand_strength(masks[i] | board, low_ace, flush, trips)
        order = np.argsort(strength)
        weaker[:] = 0
        holding[:] = 0
        number = numbers[b]
        first = 0
        while first < combos and strength[order[first]] < 0:
            first += 1
        while first < combos:
            last = first
            while last < combos and strength[order[last]] == strength[order[first]]:
                last += 1
            for k in range(first, last):
                i = order[k]
                row, one, two = hand_of[i], cards[i, 0], cards[i, 1]
                for h in range(hands):
                    wins[row, h] += number * (weaker[h] - holding[one, h] - holding[two, h])
            for k in range(first, last):
                i = order[k]
                weaker[hand_of[i]] += 1
                holding[cards[i, 0], hand_of[i]] += 1
                holding[cards[i, 1], hand_of[i]] += 1
            first = last


def count(boards: I64, numbers: I64) -> I64:
    """Return the wins of each hand against each other one, [169, 169], over boards (masks) that stand for so many."""
    wins = np.zeros((len(HANDS), len(HANDS)), np.int64)
    count_wins(boards, numbers, COMBO_MASKS, COMBO_CARDS, HAND_OF_COMBO, *ranking(), wins)
    return wins


if __name__ == "__main__":
    from pathlib import Path

    _wins = count(*boards())
    _path = Path(__file__).with_name(_FILE)
    np.savez_compressed(_path, wins=_wins.astype(np.uint32))
    print(f"{_path}: {_path.stat().st_size:,} bytes")
