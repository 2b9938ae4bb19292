"""Three hands before the flop that are all-in against each other: how likely each order of them is on the river.

Hands that differ in suits alone are one of 169, and three of them, in whatever seats, one of 818,805. For each of those
a combo of every hand is drawn anew on each of the 134,459 boards that differ by more than suits, and counts as often
as that board comes, unless two of the three or the board hold the same card. So boards are dealt in full, and what is
drawn is suits alone. How far that is from what is known exactly, how often each hand beats each other one whoever folds
a third, is told by `python -m counterplay.games.holdem.threeway`.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from itertools import permutations
from math import comb
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine import compiling
from counterplay.engine.errors import UserError
from counterplay.engine.files import read_bytes
from counterplay.engine.jit import jit
from counterplay.engine.kept import kept
from counterplay.engine.portions import Pool
from counterplay.engine.system import cores
from counterplay.engine.writing import write_atomic
from counterplay.games.holdem.cards import CARDS, COMBO_CARDS, COMBO_MASKS
from counterplay.games.holdem.preflop import BOARDS, HAND_OF_COMBO, boards, matchups
from counterplay.games.holdem.ranges import HANDS
from counterplay.games.holdem.strength import hand_strength, ranking

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Places = tuple[int, int, int]  # of three hands: 0 for the best; those that tie alike

SEED = 1
HANDS_EACH = len(HANDS)
SETS = HANDS_EACH * (HANDS_EACH + 1) * (HANDS_EACH + 2) // 6  # 818,805
_BLOCK = 64  # boards whose draws are held at a time
_PARTS = 4  # that threads share, each with a table of 50 MB; the sum is the same for any number of threads
_ONE = 2**16 - 1  # a probability of 1 as it is kept
_FILE = f"orders-{SEED}.bin"

# Orders by the kernel's number: 5 times who of the first two is better (the first, the second, neither), and how many
# of "as good as the worse", "better than it", "as good as the better", "better than it" are true of the third.
ORDERS: dict[int, Places] = {
    0: (0, 1, 2), 1: (0, 1, 1), 2: (0, 2, 1), 3: (0, 1, 0), 4: (1, 2, 0),
    5: (1, 0, 2), 6: (1, 0, 1), 7: (2, 0, 1), 8: (1, 0, 0), 9: (2, 1, 0),
    10: (0, 0, 1), 12: (0, 0, 0), 14: (1, 1, 0),
}  # fmt: skip
PLACES = tuple(ORDERS.values())
_CODES = 15


class Orders(NamedTuple):
    """The table: three hands in rising order, and how likely each of `PLACES` is, [818805, 3] and [818805, 13]."""

    hands: I64
    odds: F64

    def worth(self, paid: F64) -> F64:
        """Return what each seat is paid on average, by hands in seats, [3, 169, 169, 169]; `paid` [13, 3] by order."""
        found = np.zeros((3,) + (HANDS_EACH,) * 3)
        for seats in permutations(range(3)):  # seats[q] is whose the q-th hand is
            at: Any = tuple(self.hands[:, seats.index(seat)] for seat in range(3))
            for seat in range(3):
                found[seat][at] = _summed(self.odds, paid[:, seat], _columns(seats))
        return found

    def of(self, hands: tuple[int, ...], paid: F64) -> list[float]:
        """Return what each seat is paid on average with these hands; the very numbers that `worth` has."""
        seats = sorted(range(3), key=hands.__getitem__)
        i, j, k = (hands[seat] for seat in seats)
        n = HANDS_EACH
        before = comb(n + 2, 3) - comb(n - i + 2, 3) + comb(n - i + 1, 2) - comb(n - j + 1, 2) + k - j
        return [float(_summed(self.odds[before : before + 1], paid[:, seat], _columns(seats))[0]) for seat in range(3)]


def _summed(odds: F64, paid: F64, columns: Sequence[int]) -> F64:
    """Return the mean of what is paid by order, added up order by order: the same for one set of hands as for all."""
    total = np.zeros(len(odds))
    for column, amount in zip(columns, paid.tolist(), strict=True):
        if amount:
            total += odds[:, column] * amount
    return total


def _columns(seats: Sequence[int]) -> list[int]:
    """Return which order of the three hands each order of the seats is; seats[q] is whose the q-th hand is."""
    return [PLACES.index((places[seats[0]], places[seats[1]], places[seats[2]])) for places in PLACES]


def sets() -> I64:
    """Return the three hands, in rising order, of each of the 818,805 sets of three (with repeats), [818805, 3]."""
    first, second, third = np.ogrid[:HANDS_EACH, :HANDS_EACH, :HANDS_EACH]
    return np.argwhere((first <= second) & (second <= third))


@cache
def dealt() -> F64:
    """Return how many combos of three hands share no card, [169, 169, 169]."""
    combos = np.bincount(HAND_OF_COMBO)
    found = np.empty((HANDS_EACH,) * 3)
    for hand in range(HANDS_EACH):
        one = int(np.flatnonzero(hand == HAND_OF_COMBO)[0])  # any: what one leaves, others leave by names of suits
        left = np.flatnonzero(COMBO_MASKS & COMBO_MASKS[one] == 0)
        held = np.zeros((HANDS_EACH, CARDS))
        np.add.at(held, (HAND_OF_COMBO[left][:, None], COMBO_CARDS[left]), 1)
        number = np.bincount(HAND_OF_COMBO[left], minlength=HANDS_EACH)
        found[hand] = combos[hand] * (np.outer(number, number) - held @ held.T + np.diag(number))
    found.flags.writeable = False
    return found


@jit
def count_orders(
    boards: I64,
    numbers: I64,
    chosen: npt.NDArray[np.uint16],
    masks: I64,
    low_ace: int,
    flush: int,
    trips: int,
    counts: npt.NDArray[np.uint32],
) -> None:
    """Add to `counts`, [sets of three, 15], the orders on boards (masks), each so often as it counts.

    `chosen`, [boards, 3, 169], are the combos that stand for each hand as the first, the second and the third of three
    in rising order.
    """
    size, hands = chosen.shape[0], chosen.shape[2]
    strength, held = np.empty((size, 3, hands), np.int64), np.empty((size, 3, hands), np.int64)
    for b in range(size):
        for q in range(3):
            for h in range(hands):
                mask = masks[chosen[b, q, h]]
                held[b, q, h] = mask
                strength[b, q, h] = -1 if mask & boards[b] else hand_strength(mask | boards[b], low_ace, flush, trips)
    first = 0
    for i in range(hands):
        for j in range(i, hands):
            for b in range(size):
                one, two = strength[b, 0, i], strength[b, 1, j]
                if one < 0 or two < 0 or held[b, 0, i] & held[b, 1, j]:
                    continue
                taken = held[b, 0, i] | held[b, 1, j]
                high, low, number = max(one, two), min(one, two), numbers[b]
                who = 0 if one > two else 5 if one < two else 10
                for k in range(j, hands):
                    three = strength[b, 2, k]
                    order = who + (three >= low) + (three > low) + (three >= high) + (three > high)
                    counts[first + k - j, order] += number if (held[b, 2, k] & taken == 0) & (three >= 0) else 0
            first += hands - j


def count(boards: I64, numbers: I64, seed: int = SEED) -> npt.NDArray[np.uint32]:
    """Return how often the three hands of each set are in each order, [818805, 15], over boards that stand for so many.

    Combos are drawn uniformly, those of the board included, so that all that share no card are as likely.
    """
    of_hand = np.argsort(HAND_OF_COMBO, kind="stable")
    many = np.bincount(HAND_OF_COMBO)
    begin = np.cumsum(many) - many
    draw = np.random.default_rng(seed)
    counts = np.zeros((SETS, _CODES), np.uint32)
    for at in range(0, len(boards), _BLOCK):
        block = slice(at, at + _BLOCK)
        uniform = draw.random((len(boards[block]), 3, HANDS_EACH))
        chosen = of_hand[begin + (uniform * many).astype(np.int64)].astype(np.uint16)
        count_orders(boards[block], numbers[block], chosen, COMBO_MASKS, *ranking(), counts)
    return counts


def odds_of(counts: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint16]:
    """Return counts as they are kept, [818805, 13]: in 65,535ths, 0 for hands that are never dealt together."""
    number = counts[:, list(ORDERS)].astype(np.float64)
    total = np.maximum(number.sum(axis=1, keepdims=True), 1.0)
    odds: npt.NDArray[np.uint16] = np.round(number / total * _ONE).astype(np.uint16)
    return odds


@cache
def orders() -> Orders:
    """Return the table: the one that is kept on this machine, or counted now and kept from then on."""
    place = kept("threeway") / _FILE
    with suppress(UserError):
        if (found := _read(read_bytes(place, 1 << 25))) is not None:
            return _orders(found)
    compiling.tell("counting how three hands fare against each other, once on this machine: some minutes")
    kinds, numbers = boards()
    with Pool(min(cores(), _PARTS)) as pool:
        found_counts = pool.share(
            _PARTS, lambda k, _: count(kinds[k::_PARTS], numbers[k::_PARTS] // 4, SEED + k)
        )  # boards come 4, 12 or 24 times
    table = odds_of(np.sum(found_counts, axis=0, dtype=np.uint32))
    with suppress(UserError, OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(place, _written(table))
    return _orders(table)


def _written(table: npt.NDArray[np.uint16]) -> bytes:
    """Return the file that keeps what `odds_of` counts: little-endian numbers row by row, after their SHA-256."""
    data = table.astype("<u2").tobytes()
    return sha256(data).digest() + data


def _read(data: bytes) -> npt.NDArray[np.uint16] | None:
    """Return the table in such a file; None for one that is damaged."""
    digest, numbers = data[:32], data[32:]
    if len(numbers) != 2 * SETS * len(ORDERS) or sha256(numbers).digest() != digest:
        return None
    return np.frombuffer(numbers, "<u2").astype(np.uint16).reshape(SETS, len(ORDERS))


def _orders(table: npt.NDArray[np.uint16]) -> Orders:
    """Return the table of what is kept; hands that are alike fare alike, in whatever order they were drawn."""
    hands, odds = sets(), table.astype(np.int64)
    alike = (hands[:, 0] == hands[:, 1]) + 2 * (hands[:, 1] == hands[:, 2])
    for kind, swaps in ((1, ((1, 0, 2),)), (2, ((0, 2, 1),)), (3, tuple(permutations(range(3)))[1:])):
        rows = alike == kind
        odds[rows] += sum(odds[rows][:, _columns(seats)] for seats in swaps)
    whole = np.maximum(odds.sum(axis=1, keepdims=True), 1)
    return Orders(hands, odds / whole)


def errors() -> F64:
    """Return how far the chance to win is from the exact one, third hands averaged out, [169, 169] for each two."""
    table, both, together = orders(), matchups(), dealt()
    paid = np.array([[places[0] < places[1], places[0] > places[1], 0] for places in PLACES], np.float64)
    won = (table.worth(paid)[0] * together).sum(axis=2) / np.maximum(together.sum(axis=2), 1)
    return np.where(both.pairs > 0, won - both.wins / np.maximum(both.pairs * BOARDS, 1), 0.0)


if __name__ == "__main__":
    _found = errors()
    _mean, _most = np.sqrt(np.mean(_found**2)), np.abs(_found).max()
    print(f"chances to win of two hands: off by {_mean:.5f} on average, by {_most:.5f} at most")
