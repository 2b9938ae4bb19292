"""What hands are on a board, in a player's words: top pair, a set, a flush draw.

A hand is named by what its own cards add: a pair that lies on the board is nobody's.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from counterplay.games.holdem.cards import HOLDEM, RANKS, Deck, combo_number
from counterplay.games.holdem.strength import category, strengths

# From the strongest to the weakest, as lists of them are shown.
MADE = (
    "straight flush",
    "four of a kind",
    "full house",
    "flush",
    "straight",
    "set",
    "trips",
    "two pair",
    "overpair",
    "top pair",
    "second pair",
    "low pair",
    "ace high",
    "no pair",
)
DRAWS = ("flush draw", "open-ended", "gutshot", "backdoor flush", "overcards", "no draw")
_ACE = len(RANKS) - 1


class Made(NamedTuple):
    """What a hand is, and what it may become."""

    made: str  # one of MADE; "" before the flop
    draws: tuple[str, ...]  # of DRAWS, "no draw" alone where there is none; () on the river and before the flop


@lru_cache(maxsize=64)
def made_on(board: tuple[int, ...], deck: Deck = HOLDEM) -> dict[int, Made]:
    """Return what each combo is on a board, by its number; without those that the board rules out."""
    free = [card for card in deck.cards if card not in board]
    pairs = {combo_number(a, b): (a, b) for k, a in enumerate(free) for b in free[:k]}
    if len(board) < 3 or deck.hole != 2:
        return dict.fromkeys(pairs, Made("", ()))
    import numpy as np

    numbers = np.array(list(pairs), np.int64)
    found = strengths(board, numbers, deck).tolist()
    return {
        number: Made(_name(board, pairs[number], category(strength)), _draws(board, pairs[number], strength, deck))
        for number, strength in zip(pairs, found, strict=True)
    }


def _name(board: Sequence[int], hole: tuple[int, int], best: str) -> str:
    ranks = sorted({card // 4 for card in board}, reverse=True)
    on_board = [card // 4 for card in board]
    own = sorted((card // 4 for card in hole), reverse=True)
    if best == "three of a kind":
        if own[0] == own[1] and own[0] in ranks:
            return "set"
        if any(on_board.count(rank) == 2 for rank in own):
            return "trips"
    elif best not in ("pair", "two pair", "high card"):
        return best
    if best == "two pair" and own[0] != own[1] and all(rank in ranks for rank in own):
        return "two pair"
    if own[0] == own[1]:  # a pair of one's own, between the board's
        above = sum(rank > own[0] for rank in ranks)
        return "overpair" if above == 0 else "second pair" if above == 1 else "low pair"
    paired = [ranks.index(rank) for rank in own if rank in ranks and on_board.count(rank) == 1]
    if paired:
        return ("top pair", "second pair")[min(paired)] if min(paired) < 2 else "low pair"
    return "ace high" if own[0] == _ACE else "no pair"


def _straights(ranks: set[int]) -> bool:
    line = ranks | ({-1} if _ACE in ranks else set())
    return any(all(low + k in line for k in range(5)) for low in range(-1, _ACE - 3))


def _draws(board: tuple[int, ...], hole: tuple[int, int], strength: int, deck: Deck) -> tuple[str, ...]:
    """Return the draws of a hand: to a flush with an own card, to a straight that the board alone does not make."""
    if len(board) >= 5:
        return ()
    best, found = category(strength), list[str]()
    most = max((sum(card % 4 == s for card in (*board, *hole)), s) for s in {card % 4 for card in hole})[0]
    if best not in ("flush", "full house", "four of a kind", "straight flush"):
        if most == 4:
            found.append("flush draw")
        if best != "straight":
            all_ranks, common = {card // 4 for card in (*board, *hole)}, {card // 4 for card in board}
            outs = [
                rank
                for rank in sorted({card // 4 for card in deck.cards})
                if _straights(all_ranks | {rank}) and not _straights(common | {rank})
            ]
            found += ["open-ended"] if len(outs) > 1 else ["gutshot"] if outs else []
        if most == 3 and len(board) == 3:
            found.append("backdoor flush")
        if best == "high card" and min(card // 4 for card in hole) > max(card // 4 for card in board):
            found.append("overcards")
    return tuple(found) or ("no draw",)
