"""How hands of limit poker in steps (`games.limit_steps`) are ranked, but for hold'em's."""

from typing import Any

import numpy as np

from counterplay.engine import stepped


@stepped.helper
def put(state: Any, begin: int, count: int, card: int) -> None:
    """Add a card to those from `begin` on, which are sorted."""
    at = begin + count
    while at > begin and state[at - 1] > card:
        state[at] = state[at - 1]
        at -= 1
    state[at] = card


@stepped.helper
def by_ranks(game: Any, cards: Any, count: int) -> Any:
    """Return a number that orders hands as `leduc.strength` does: the best five cards at most."""
    best = 0
    for chosen in range(1, 1 << count):
        size = 0
        for i in range(count):
            size += chosen >> i & 1
        if size != min(count, 5):
            continue
        # How often ranks appear and which, in one number a rank, the most and highest first.
        found, last, number = np.zeros(5, np.int64), 0, 0
        for i in range(count):
            if chosen >> i & 1:
                if number > 0 and cards[i] == found[number - 1] % 128:
                    found[number - 1] += 128
                else:
                    found[number] = 128 + cards[i]
                    number += 1
        for i in range(1, number):
            last, j = found[i], i
            while j > 0 and found[j - 1] < last:
                found[j] = found[j - 1]
                j -= 1
            found[j] = last
        shape, order = 0, 0
        for i in range(5):
            shape = shape * 8 + (found[i] // 128 if i < number else 0)
            order = order * 128 + (found[i] % 128 + 1 if i < number else 0)
        if number == 5:
            high = found[0] % 128
            wheel = game.ranks == 13 and high == 12 and found[1] % 128 == 3
            if wheel or high - found[4] % 128 == 4:
                shape, order = ((3 * 8 + 1) * 8 + 2) * 64, 3 if wheel else high
        best = max(best, shape << 35 | order)
    return best


@stepped.helper
def by_three(game: Any, cards: Any) -> Any:
    """Return a number that orders hands of three sorted cards as `rhode_island.three_card_strength` does."""
    suits = game.strength[0]
    low, middle, high = cards[0] // suits, cards[1] // suits, cards[2] // suits
    if low == high:
        return (4 * 128 + high) << 14
    if low == middle:
        return ((1 * 128 + low) * 128 + high) << 7
    if middle == high:
        return ((1 * 128 + high) * 128 + low) << 7
    flush = cards[0] % suits == cards[1] % suits and cards[1] % suits == cards[2] % suits
    wheel = game.ranks == 13 and high == 12 and middle == 1 and low == 0
    if wheel or high - low == 2:
        return ((5 if flush else 3) * 128 + (1 if wheel else high)) << 14
    return (((2 if flush else 0) * 128 + high) * 128 + middle) * 128 + low
