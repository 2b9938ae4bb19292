"""The boards that a game may come to, each deal played once up to suits, and the order of hands on each full board."""

from collections.abc import Sequence
from itertools import combinations, permutations
from math import comb
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.streets import Orders, RunOuts
from counterplay.games.holdem.cards import Deck, moved
from counterplay.games.holdem.strength import strengths

I64 = npt.NDArray[np.int64]
Cards = tuple[int, ...]
Suits = tuple[int, ...]  # suit s is renamed suits[s]

SAME: Suits = (0, 1, 2, 3)


class Runouts(NamedTuple):
    """All boards from one on, and what their numbers stand for."""

    deals: RunOuts
    boards: tuple[Cards, ...]  # [B] a board before those that follow it
    suits: tuple[Suits, ...]  # [permuted] the renamings of suits that swaps stand for


def swaps(deck: Deck, board: Cards, told: Sequence[npt.NDArray[Any]]) -> list[Suits]:
    """Return the renamings of suits that leave deck, board and all that is told of hands, [H] each, as they are."""
    return [
        suits
        for suits in permutations(SAME)
        if all({moved(c, suits) for c in some} == set(some) for some in (board, deck.cards))
        and all(np.array_equal(x[deck.permuted(suits)], x) for x in told)
    ]


def deal_on(
    deck: Deck,
    board: Cards,
    last: int,
    hands: tuple[I64, I64],
    width: int,
    told: Sequence[npt.NDArray[Any]],
    symmetry: bool = True,
) -> Runouts:
    """Deal on from a board to the boards of street `last`, each deal once up to suits that leave what is told as it is.

    `hands` are the numbers of both players' hands, by lane, and `width` is W.
    """
    group = swaps(deck, board, told) if symmetry else [SAME]
    boards, groups = [board], [group]
    bounds, dealt, after, share = [0], list[Cards](), list[int](), list[float]()
    swap_bounds, swap = [0], list[int]()
    known: dict[Suits, int] = {}
    at = 0
    while at < len(boards):
        now, fixing = boards[at], groups[at]
        more = next((size - len(now) for size in deck.board[: last + 1] if size > len(now)), 0)
        chance = 1.0 / comb(max(len(deck.cards) - len(now) - 2 * deck.hole, more), more)  # given any two hands
        seen: set[Cards] = set()
        for deal in combinations([c for c in deck.cards if c not in now], more) if more else ():
            if deal in seen:
                continue
            images = [tuple(sorted(moved(c, suits) for c in deal)) for suits in fixing]
            seen.update(images)
            dealt.append(deal)
            after.append(len(boards))
            share.append(chance * len(set(images)) / len(fixing))
            boards.append((*now, *deal))
            groups.append([suits for suits, image in zip(fixing, images, strict=True) if image == deal])
        if more and len(fixing) > 1:
            swap.extend(known.setdefault(suits, len(known)) for suits in fixing)
        swap_bounds.append(len(swap))
        bounds.append(len(dealt))
        at += 1
    deals = RunOuts(
        bounds=np.array(bounds, np.uint32),
        dealt=np.array([sum(1 << card for card in deal) for deal in dealt], np.uint64),
        after=np.array(after, np.uint32),
        share=np.array(share, np.float32),
        swaps=np.array(swap_bounds, np.uint32),
        swap=np.array(swap, np.uint32),
        permuted=_permuted(deck, tuple(known), hands, width),
    )
    return Runouts(deals, tuple(boards), tuple(known))


def _permuted(deck: Deck, known: Sequence[Suits], hands: tuple[I64, I64], width: int) -> npt.NDArray[np.uint16]:
    """Return the lane that plays, with a deal, the part of each lane with the deal renamed."""
    permuted = np.zeros((len(known), 2, width), np.uint16)
    for k, suits in enumerate(known):
        back = deck.permuted(tuple(suits.index(s) for s in SAME))
        for p, numbers in enumerate(hands):
            permuted[k, p, : len(numbers)] = np.searchsorted(numbers, back[numbers])
    return permuted


def orders(deck: Deck, boards: tuple[Cards, ...], full: int, hands: tuple[I64, I64], width: int) -> Orders:
    """Sort both players' hands on every board of `full` cards; boards of the same cards share a row."""
    index: dict[Cards, int] = {}
    row = np.zeros(len(boards), np.uint32)
    for b, cards in enumerate(boards):
        if len(cards) == full:
            row[b] = index.setdefault(tuple(sorted(cards)), len(index))
    order = np.zeros((len(index), 2, width), np.uint16)
    allowed = np.zeros((len(index), 2), np.uint16)
    below, beyond = np.zeros_like(order), np.zeros_like(order)
    for cards, r in index.items():
        ranked = []
        for p in range(2):
            strength = strengths(cards, hands[p], deck)
            sort = np.argsort(strength, kind="stable")
            sort = sort[strength[sort] >= 0]  # negative: the board holds a card of the hand
            order[r, p, : len(sort)] = sort
            allowed[r, p] = len(sort)
            ranked.append(strength[sort])
        for p in range(2):
            n = len(ranked[p])
            below[r, p, :n] = np.searchsorted(ranked[1 - p], ranked[p], side="left")
            beyond[r, p, :n] = np.searchsorted(ranked[1 - p], ranked[p], side="right")
    return Orders(row, order, allowed, below, beyond)
