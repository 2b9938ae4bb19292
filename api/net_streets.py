"""What a network is told of the ends of a hold'em street, and evaluators for spots that are cut off there.

Shape letters: N ends, W lanes of a spot, H hands of the deck, B boards, or states that are asked.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.games.holdem.cards import Deck, cards_mask
from counterplay.games.holdem.equity import equities
from counterplay.games.holdem.lanes import lay_lanes
from counterplay.games.holdem.nets import End
from counterplay.games.holdem.strength import strengths

if TYPE_CHECKING:  # torch is imported where networks are
    from counterplay.agents.strength_net import Dealing, SpotNet

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

MEANS, SPREAD = 25, 13  # points of hands' mean strength, and of what they may become


class Street(NamedTuple):
    """The ends of a street. N ends, B boards."""

    boards: list[tuple[int, ...]]
    event: I64  # [N] index into them
    share: F32  # [N] the pot's of all chips
    half: F32  # [N] half the pot
    unit: F32  # [N] that, times the mean chance of two hands: what a value of 1 is worth
    chance: F32  # [B, H, H] which pairs of hands a board allows, in units of the mean
    ahead: F32  # [B, H, H] chances to win less those to lose, 0 for pairs of hands that cannot be

    def checked_down(self, states: npt.NDArray[Any], ranges: F32) -> F32:
        """Return what both players' hands are worth if nobody bets any more, [B, 2, H], at ranges [B, 2, H]."""
        found, events = np.zeros_like(ranges), self.event[states]
        for event in np.unique(events):
            rows = np.flatnonzero(events == event)
            found[rows, 0] = ranges[rows, 1] @ self.ahead[event].T
            found[rows, 1] = ranges[rows, 0] @ -self.ahead[event]
        return found * self.half[states, None, None]


def described(deck: Deck, last: int, ends: Sequence[End]) -> Street:
    """Return the ends of a street."""
    boards = list(dict.fromkeys(end.board for end in ends))
    tables = [_of_board(deck, last, board) for board in boards]
    mean = np.float32(tables[0][0].mean())  # of boards of as many cards all alike
    half = np.array([end.start.pot / end.start.unit / 2 for end in ends], np.float32)
    share = np.array([end.start.pot / (end.start.pot + 2 * end.start.stack) for end in ends], np.float32)
    event = np.array([boards.index(end.board) for end in ends])
    chance, ahead = (np.array([table[k] for table in tables]) for k in range(2))
    unit, odds = (half * mean).astype(np.float32), (chance / mean).astype(np.float32)
    return Street(boards, event, share, half, unit, odds, ahead)


def dealing(deck: Deck, cards: int) -> "Dealing":
    """Return a deck with boards of so many cards as networks meet it."""
    from counterplay.agents.strength_net import Dealing

    masks, numbers = deck.masks[hands_of(deck)], list(deck.cards)
    held = np.array([[k for k, card in enumerate(numbers) if mask & cards_mask([card])] for mask in masks.tolist()])
    left = len(numbers) - cards
    pairs = math.comb(left, 2) * math.comb(left - 2, 2) / len(held) ** 2
    return Dealing(held, len(numbers), pairs, lambda board: points_of(deck, board))


def points_of(deck: Deck, board: Sequence[int]) -> F32:
    """Return how much each hand counts to the points that a network knows it by, [H, K]: nothing if the board has it.

    A hand's strength after the next card is its share of hands that it beats there, less that of those that beat it,
    -1 to 1. The first points are of its mean, the others of what it may become: a hand counts to two neighbours of the
    former, 1 in all, and as much to the latter, spread as its cards are.
    """
    hands = hands_of(deck)
    rivers = [[*board, card] for card in deck.cards if card not in board]
    strength = np.full((len(hands), len(rivers)), np.nan)
    for k, river in enumerate(rivers):
        made = strengths(river, hands, deck)
        order = np.sort(made[made >= 0])
        above, below = (np.searchsorted(order, made, side) for side in ("left", "right"))
        strength[:, k] = np.where(made >= 0, (above + below) / len(order) - 1, np.nan)
    there = ~np.isnan(strength)
    cards = np.maximum(there.sum(axis=1), 1)
    mean = np.where(there, strength, 0).sum(axis=1) / cards
    spread = (_near(strength, SPREAD) * there[:, :, None]).sum(axis=1) / cards[:, None]
    found: F32 = np.concatenate([_near(mean, MEANS), spread], axis=1) * (deck.free(board)[hands])[:, None]
    return found.astype(np.float32)


def _near(strength: npt.NDArray[np.float64], points: int) -> npt.NDArray[np.float64]:
    """Return by how much numbers from -1 to 1 count to each of some points, [..., K]."""
    apart = np.abs(np.nan_to_num(strength)[..., None] - np.linspace(-1, 1, points)) * (0.5 * (points - 1))
    return np.maximum(1 - apart, 0)


def hands_of(deck: Deck) -> I64:
    """Return the numbers of a deck's hands, [H]."""
    return np.flatnonzero(deck.free()).astype(np.int64)


def _of_board(deck: Deck, last: int, board: tuple[int, ...]) -> tuple[F32, F32]:
    """Return which pairs of hands a board allows, and their chances to win less those to lose, [H, H]."""
    hands, free = hands_of(deck), np.flatnonzero(deck.free(board)).astype(np.int64)
    boards = lay_lanes(deck, [board], np.zeros(1, np.int64), deck.board[last], (free, free))
    found = equities(deck, (board,), boards, last, {deck.board.index(len(board))}, (free, free))
    chance, ahead = np.zeros((2, len(hands), len(hands)), np.float32)
    places = np.ix_(np.searchsorted(hands, free), np.searchsorted(hands, free))
    chance[places], ahead[places] = deck.apart(free, free), found.ahead.reshape(len(free), -1)[:, : len(free)]
    return chance, ahead


class OnBoard:
    """An evaluator for ends that are all on one board: what hands are worth if nobody bets any more, and beyond that.

    It works on a spot's own lanes, of which the players have n and m; a network has K points. Without one nobody bets.
    """

    def __init__(self, street: Street, net: "SpotNet | None", ends: Sequence[End], deck: Deck):
        one, two = (np.searchsorted(hands_of(deck), mine) for mine in ends[0].hands)
        pairs, self.lanes = np.ix_(one, two), (len(one), len(two))
        self.net = None if net is None else net.module
        self.half, self.unit = street.half, street.unit
        self.ahead = np.ascontiguousarray(street.ahead[0][pairs])  # [n, m]
        self.chance = np.ascontiguousarray(street.chance[0][pairs])
        if self.net is not None:
            near = points_of(deck, street.boards[0])
            self.public, self.near = street.share[:, None], (near[one], near[two])  # [n, K], [m, K]

    def values(self, states: I64, ranges: F32) -> F32:
        """Return both players' values, [B, 2, W], of states [B] at ranges [B, 2, W]."""
        n, m = self.lanes
        one, two = ranges[:, 0, :n], ranges[:, 1, :m]
        found, half = np.zeros_like(ranges), self.half[states, None]
        found[:, 0, :n], found[:, 1, :m] = half * (two @ self.ahead.T), half * (one @ -self.ahead)
        if self.net is None:
            return found
        mass = np.maximum(ranges.sum(axis=2), np.float32(1e-30))
        first, second = one / mass[:, :1], two / mass[:, 1:]
        summed = np.stack([first @ self.near[0], second @ self.near[1]], axis=1)
        answers = self.net.answers(self.public[states], summed)
        odds = second @ self.chance.T, first @ self.chance
        said = answers[:, 0] @ self.near[0].T, answers[:, 1] @ self.near[1].T
        weights = first * odds[0], second * odds[1]
        off = sum((w * x).sum(axis=1) for w, x in zip(weights, said, strict=True))
        off = off / np.maximum(weights[0].sum(axis=1) + weights[1].sum(axis=1), 1e-30)
        unit = self.unit[states, None]
        found[:, 0, :n] += unit * mass[:, 1:] * odds[0] * (said[0] - off[:, None])
        found[:, 1, :m] += unit * mass[:, :1] * odds[1] * (said[1] - off[:, None])
        return found
