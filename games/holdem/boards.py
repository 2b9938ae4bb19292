"""The boards that a game may come to, each deal played once up to suits."""

from collections.abc import Sequence
from itertools import combinations, pairwise, permutations
from math import comb
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.streets import Boards, RunOuts
from counterplay.games.holdem.cards import Deck, moved
from counterplay.games.holdem.lanes import hands_on

I64 = npt.NDArray[np.int64]
Cards = tuple[int, ...]
Suits = tuple[int, ...]  # suit s is renamed suits[s]

SAME: Suits = (0, 1, 2, 3)


class Runouts(NamedTuple):
    """All boards from one on, and how they are dealt (as in `RunOuts`)."""

    boards: tuple[Cards, ...]  # [B] a board before those that follow it
    before: I64  # [B] the board from which it was dealt; of the first, itself
    bounds: list[int]  # [B + 1]
    share: list[float]  # [C] of the deals; deal c makes board c + 1
    swaps: list[int]  # [B + 1]
    suits: tuple[Suits, ...]  # [.] the renaming of suits that a swap stands for


def swaps(deck: Deck, board: Cards, told: Sequence[npt.NDArray[Any]]) -> list[Suits]:
    """Return the renamings of suits that leave deck, board and all that is told of hands, [H] each, as they are."""
    return [
        suits
        for suits in permutations(SAME)
        if all({moved(c, suits) for c in some} == set(some) for some in (board, deck.cards))
        and all(np.array_equal(x[deck.permuted(suits)], x) for x in told)
    ]


def deal_on(deck: Deck, board: Cards, last: int, told: Sequence[npt.NDArray[Any]], symmetry: bool = True) -> Runouts:
    """Deal on from a board to the boards of street `last`, each deal once up to suits that leave what is told as it is.

    What is told of hands is [H] each.
    """
    group = swaps(deck, board, told) if symmetry else [SAME]
    boards, groups, before = [board], [group], [0]
    bounds, share = [0], list[float]()
    swap_bounds, swap = [0], list[Suits]()
    at = 0
    while at < len(boards):
        now, fixing = boards[at], groups[at]
        more = next((size - len(now) for size in deck.board[: last + 1] if size > len(now)), 0)
        chance = 1.0 / comb(max(len(deck.cards) - len(now) - 2 * deck.hole, more), more)  # given any two hands
        seen: set[Cards] = set()
        for deal in combinations([c for c in deck.cards if c not in now], more) if more else ():
            if deal in seen:
                continue
            images = [tuple(sorted(moved(c, suits) for c in deal)) for suits in fixing] if len(fixing) > 1 else [deal]
            seen.update(images)
            share.append(chance * len(set(images)) / len(fixing))
            boards.append((*now, *deal))
            before.append(at)
            groups.append([suits for suits, image in zip(fixing, images, strict=True) if image == deal])
        if more and len(fixing) > 1:
            swap.extend(fixing)
        swap_bounds.append(len(swap))
        bounds.append(len(share))
        at += 1
    return Runouts(tuple(boards), np.array(before, np.int64), bounds, share, swap_bounds, tuple(swap))


def run_outs(deck: Deck, outs: Runouts, boards: Boards) -> RunOuts:
    """Return the deals as the walker reads them, given the lanes of the boards."""
    permuted, starts, length = list[npt.NDArray[np.uint16]](), list[int](), 0
    for b, (low, high) in enumerate(pairwise(outs.swaps)):
        numbers = hands_on(deck, boards, b) if high > low else ()
        for suits in outs.suits[low:high]:
            lanes = np.zeros((2, int(boards.width[b])), np.uint16)
            back = deck.permuted(tuple(suits.index(s) for s in SAME))
            for p, mine in enumerate(numbers):
                lanes[p, : len(mine)] = np.searchsorted(mine, back[mine])
            permuted.append(lanes.ravel())
            starts.append(length)
            length += lanes.size
    return RunOuts(
        bounds=np.array(outs.bounds, np.uint32),
        after=np.arange(1, len(outs.boards), dtype=np.uint32),
        share=np.array(outs.share, np.float32),
        swaps=np.array(outs.swaps, np.uint32),
        swap=np.array(starts, np.uint64),
        permuted=np.concatenate([np.zeros(0, np.uint16), *permuted]),
    )
