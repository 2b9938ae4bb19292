"""Perfect indices of hands up to names of suits: what is the same but for suits has the same number, 0 .. count - 1.

A hand here is two hole cards and a board, dealt in *rounds*: with rounds (3, 1, 1) a turn card is told from the flop's,
with (5,) a full board is a set of five cards. The idea is that of Waugh (2013): what a suit holds, round by round, is a
number; two suits that got equally many cards in each round can be swapped, so their numbers are taken as a multiset;
and all of them together, in mixed radix, number the hands of a *kind*: how many cards of each round are of each suit.

Departures: a suit's number counts the board's rounds first and the hole cards last. So what a board has in a suit is
counted once for all hole cards, and on one board the index of a hand is, for each pair of suits that the hole cards are
of, a constant and two numbers times strides. A street's indices are no refinement of the street's before.

Shape letters: S streets, R rounds of a board, K kinds of all streets, C shares. A *share* is how many cards of each
round one suit has, as a number: the hole cards' digit first, then the rounds'.
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement, product
from math import comb, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.jit import inlined, jit
from counterplay.games.holdem.cards import HOLDEM, Deck

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Rounds = tuple[int, ...]

ORDERED: tuple[Rounds, ...] = ((), (3,), (3, 1), (3, 1, 1))  # by street: each told from those before
SETS: tuple[Rounds, ...] = ((), (3,), (4,), (5,))  # by street: boards are sets


class HandIndex(NamedTuple):
    """What kernels need to number the hands of a deck, street by street."""

    low: int  # the lowest card of the deck
    ranks: int  # of the deck
    rounds: I64  # [S, R] cards of each round of the board, 0 after the last
    shares: I64  # [S] how many shares of the board alone a suit can have; hole cards add multiples of it
    size: I64  # [S] how many hands there are
    first: I64  # [S + 1] the kinds of street s are first[s] .. first[s + 1]
    kinds: I64  # [K] the shares of four suits, falling, eight bits each; rising in a street
    offset: I64  # [K] the index of a kind's first hand, rising in a street
    sets: I64  # [S, C] in how many ways a suit can have a share
    choose: I64  # [14, 6] binomial coefficients


@cache
def hand_index(deck: Deck = HOLDEM, streets: tuple[Rounds, ...] = SETS) -> HandIndex:
    """Return the index of a deck's hands, by street for the rounds of its board.

    Raises `ValueError` for a deck that is not of ranks in a row in four suits with two hole cards: nothing else is the
    same after any renaming of suits.
    """
    low, ranks = deck.cards[0], len(deck.cards) // 4
    if deck.hole != 2 or low % 4 or deck.cards != tuple(range(low, low + 4 * ranks)):
        raise UserError(f"hands are numbered up to suits in decks of whole ranks and two hole cards, not {deck.name}")
    longest = max(len(rounds) for rounds in streets)
    boards = [prod(n + 1 for n in rounds) for rounds in streets]
    sets = np.zeros((len(streets), 3 * max(boards)), np.int64)
    first, kinds, offset, count = [0], list[int](), list[int](), list[int]()
    for s, rounds in enumerate(streets):
        for digits in product(range(3), *(range(n + 1) for n in rounds)):
            sets[s, _share(rounds, digits)] = _ways(ranks, (*digits[1:], digits[0]))
        total = 0
        for kind in sorted(_kinds(rounds)):
            kinds.append(kind)
            offset.append(total)
            parts = [kind >> 8 * k & 255 for k in range(4)]
            total += prod(comb(int(sets[s, c]) + parts.count(c) - 1, parts.count(c)) for c in set(parts))
        count.append(total)
        first.append(len(kinds))
    return HandIndex(
        low,
        ranks,
        np.array([[*rounds, *[0] * (longest - len(rounds))] for rounds in streets], np.int64).reshape(-1, longest),
        np.array(boards, np.int64),
        np.array(count, np.int64),
        np.array(first, np.int64),
        np.array(kinds, np.int64),
        np.array(offset, np.int64),
        sets,
        np.array([[comb(n, k) for k in range(6)] for n in range(14)], np.int64),
    )


def _share(rounds: Rounds, digits: Sequence[int]) -> int:
    """Return a share: the number whose digits are a suit's hole cards and its cards of each round."""
    share = digits[0]
    for n, digit in zip(rounds, digits[1:], strict=True):
        share = share * (n + 1) + digit
    return share


def _ways(ranks: int, held: Sequence[int]) -> int:
    """Return in how many ways a suit can have so many cards, round by round."""
    ways = 1
    for n in held:
        ways *= comb(ranks, n)
        ranks = max(ranks - n, 0)
    return ways


def _kinds(rounds: Rounds) -> set[int]:
    """Return all kinds of hands: the shares of four suits that the cards of each round can fall into, sorted."""

    def spread(n: int) -> list[tuple[int, ...]]:
        return [tuple(suits.count(s) for s in range(4)) for suits in combinations_with_replacement(range(4), n)]

    found = set()
    for digits in product(spread(2), *(spread(n) for n in rounds)):
        shares = sorted((_share(rounds, suit) for suit in zip(*digits, strict=True)), reverse=True)
        found.add(sum(share << 8 * (3 - k) for k, share in enumerate(shares)))
    return found


@inlined
def _rise(x: int, m: int) -> int:
    """Return how many multisets there are of `m` things out of `x`."""
    if m == 1:
        return x
    return x * (x + 1) // 2 if m == 2 else x * (x + 1) * (x + 2) // 6


@inlined
def _find(numbers: I64, first: int, last: int, x: int) -> int:
    """Return the place of the largest of some rising numbers that is no larger than x."""
    while last - first > 1:
        middle = (first + last) // 2
        if numbers[middle] <= x:
            first = middle
        else:
            last = middle
    return first


@jit
def _read_board(index: HandIndex, street: int, board: U8, suits: I64, rank: I64) -> None:
    """Write what the board alone says: `suits` [4, 4], and to `rank` [52] each card's among those of its suit left.

    Of each suit that is its share, its number, how many numbers there are of that share, and how many cards are left.
    """
    for c in range(4 * index.ranks):
        rank[c] = c // 4
    for s in range(4):
        suits[0, s], suits[1, s], suits[2, s], suits[3, s] = 0, 0, 1, index.ranks
    at = 0
    for r in range(index.rounds.shape[1]):
        size = index.rounds[street, r]
        for s in range(4):
            number = held = 0
            for i in range(at, at + size):
                if board[i] % 4 == s:
                    lower = 0
                    for j in range(at, at + size):
                        lower += board[j] % 4 == s and board[j] < board[i]
                    number += index.choose[rank[board[i] - index.low], lower + 1]
                    held += 1
            if size:
                suits[0, s] = suits[0, s] * (size + 1) + held
                suits[1, s] += suits[2, s] * number
                suits[2, s] *= index.choose[suits[3, s], held]
                suits[3, s] -= held
        for i in range(at, at + size):
            for c in range(board[i] - index.low + 4, 4 * index.ranks, 4):
                rank[c] -= 1
        at += size


@jit
def _read_pattern(index: HandIndex, street: int, suits: I64, s: int, t: int, plan: I64) -> None:
    """Write how hands with a card of suit s and one of suit t are numbered: `plan` [4].

    That is a constant, the strides of both suits' numbers, and whether these are a pair to be sorted.
    """
    share, order = np.empty(4, np.int64), np.empty(4, np.int64)
    for u in range(4):
        share[u] = suits[0, u] + index.shares[street] * ((u == s) + (u == t))
    for u in range(4):  # sort the suits: greatest share first, and of equal ones that with the smallest number
        k = u
        while k > 0 and (
            share[order[k - 1]] < share[u] or (share[order[k - 1]] == share[u] and suits[1, order[k - 1]] > suits[1, u])
        ):
            order[k] = order[k - 1]
            k -= 1
        order[k] = u
    kind = share[order[0]] << 24 | share[order[1]] << 16 | share[order[2]] << 8 | share[order[3]]
    total = index.offset[_find(index.kinds, index.first[street], index.first[street + 1], kind)]
    plan[1] = plan[2] = plan[3] = 0
    radix, i = 1, 0
    while i < 4:
        like = share[order[i]]
        j = i + 1
        while j < 4 and share[order[j]] == like:
            j += 1
        if like < index.shares[street]:
            for m in range(i, j):
                total += radix * _rise(suits[1, order[m]], m - i + 1)
        elif j - i == 2:
            plan[3] = 1
            plan[1] = radix
        elif order[i] == s:
            plan[1] = radix
        else:
            plan[2] = radix
        radix *= _rise(index.sets[street, like], j - i)
        i = j
    plan[0] = total


@jit
def indices(index: HandIndex, street: int, board: U8, hole: U8, n: int, out: I64) -> None:
    """Write the indices of the first `n` hands of `hole` [n, 2] to `out` [n], on a board in the order of its rounds.

    Hands share no card with the board; of a hand, and of a round, the cards come in any order.
    """
    suits, rank = np.empty((4, 4), np.int64), np.empty(52, np.int64)
    plans = np.empty((16, 4), np.int64)
    _read_board(index, street, board, suits, rank)
    for s in range(4):
        for t in range(4):
            _read_pattern(index, street, suits, s, t, plans[4 * s + t])
    for i in range(n):
        a, b = hole[i, 0], hole[i, 1]
        s, t = a % 4, b % 4
        plan = 4 * s + t
        one, two = rank[a - index.low], rank[b - index.low]
        if s == t:
            number = max(one, two) * (max(one, two) - 1) // 2 + min(one, two)
            out[i] = plans[plan, 0] + plans[plan, 1] * (suits[1, s] + suits[2, s] * number)
            continue
        x, y = suits[1, s] + suits[2, s] * one, suits[1, t] + suits[2, t] * two
        if plans[plan, 3]:
            x, y = min(x, y), max(x, y)
            out[i] = plans[plan, 0] + plans[plan, 1] * (x + y * (y + 1) // 2)
        else:
            out[i] = plans[plan, 0] + plans[plan, 1] * x + plans[plan, 2] * y


@jit
def _place(index: HandIndex, number: int, held: int, suit: int, used: U8, out: U8, at: int) -> None:
    """Write the `held` cards of a suit that are the set of that number among those not used, and mark them."""
    for k in range(held, 0, -1):
        among = k - 1
        while index.choose[among + 1, k] <= number:
            among += 1
        number -= index.choose[among, k]
        # The ranks come down, so those taken before in this round lie above and do not count.
        r = 0
        while used[r] == 1 or among > 0:
            among -= used[r] != 1
            r += 1
        used[r] = 2
        out[at + k - 1] = index.low + 4 * r + suit
    for r in range(index.ranks):
        used[r] = used[r] > 0


@jit
def hand_at(index: HandIndex, street: int, number: int, out: U8) -> None:
    """Write a hand with that index: its two hole cards, then the board round by round; the inverse of `indices`."""
    rounds = index.rounds[street]
    place = np.zeros(rounds.size + 1, np.int64)  # where the next card of each round goes; hole cards last
    for r in range(rounds.size):
        place[r] = 2
        for before in range(r):
            place[r] += rounds[before]
    used, digits = np.empty(13, np.uint8), np.empty(rounds.size + 1, np.int64)
    numbers = np.empty(4, np.int64)
    k = _find(index.offset, index.first[street], index.first[street + 1], number)
    rest = number - index.offset[k]
    i = 0
    while i < 4:
        like = index.kinds[k] >> 8 * (3 - i) & 255
        j = i + 1
        while j < 4 and index.kinds[k] >> 8 * (3 - j) & 255 == like:
            j += 1
        ways = _rise(index.sets[street, like], j - i)
        multiset = rest % ways
        rest //= ways
        for m in range(j - i, 0, -1):
            low, high = 0, index.sets[street, like]
            while high - low > 1:
                middle = (low + high) // 2
                if _rise(middle, m) <= multiset:
                    low = middle
                else:
                    high = middle
            multiset -= _rise(low, m)
            numbers[i + m - 1] = low
        i = j
    for s in range(4):
        share = index.kinds[k] >> 8 * (3 - s) & 255
        digits[rounds.size] = share // index.shares[street]
        for r in range(rounds.size - 1, -1, -1):
            digits[r] = share % (rounds[r] + 1)
            share //= rounds[r] + 1
        used[:] = 0
        left, number = index.ranks, numbers[s]
        for r in range(rounds.size + 1):
            ways = index.choose[left, digits[r]]
            _place(index, number % ways, digits[r], s, used, out, place[r])
            number //= ways
            left -= digits[r]
            place[r] += digits[r]


@jit
def _boards(low: int, ranks: int, size: int, cards: U8, number: I64) -> int:
    """Write the boards that fall (see `boards`) as far as there is room, and return how many there are."""
    now, held = np.arange(size), np.empty(4, np.int64)
    found = 0
    while True:
        held[:] = 0
        for c in now:
            held[c % 4] |= 1 << (c // 4)
        if held[0] >= held[1] and held[1] >= held[2] and held[2] >= held[3]:
            if found < len(number):
                same = alike = 1
                for s in range(1, 4):
                    alike = alike + 1 if held[s] == held[s - 1] else 1
                    same *= alike
                number[found] = 24 // same
                for i in range(size):
                    cards[found, i] = low + now[i]
            found += 1
        i = size - 1
        while i >= 0 and now[i] == 4 * ranks - size + i:
            i -= 1
        if i < 0:
            return found
        now[i] += 1
        for j in range(i + 1, size):
            now[j] = now[j - 1] + 1


def boards(deck: Deck, size: int) -> tuple[U8, I64]:
    """Return a board of each kind up to suits, [B, size], and how many boards each stands for, [B].

    Of the boards that renaming suits makes of each other, the one counts whose sets of ranks, suit by suit, fall.
    """
    index = hand_index(deck)
    none = np.empty((0, size), np.uint8), np.empty(0, np.int64)
    found = _boards(index.low, index.ranks, size, *none)
    cards, number = np.empty((found, size), np.uint8), np.empty(found, np.int64)
    _boards(index.low, index.ranks, size, cards, number)
    return cards, number


def index_of(index: HandIndex, street: int, board: Sequence[int], hole: npt.ArrayLike) -> I64:
    """Return the index of each hand of `hole`, [n, 2], on a board in the order of its rounds: i64[n]."""
    pairs = np.ascontiguousarray(hole, np.uint8).reshape(-1, 2)
    out = np.empty(len(pairs), np.int64)
    indices(index, street, np.array(board, np.uint8), pairs, len(pairs), out)
    return out


def example_of(index: HandIndex, street: int, number: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return hole cards and board of a hand with that index."""
    out = np.empty(2 + int(index.rounds[street].sum()), np.uint8)
    hand_at(index, street, number, out)
    cards = [int(c) for c in out]
    return tuple(cards[:2]), tuple(cards[2:])
