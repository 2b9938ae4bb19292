"""What a network is told of the ends of a hold'em street, and evaluators for spots that are cut off there.

Shape letters: N ends, W lanes of a spot, H hands of the deck, B boards, or states that are asked.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.games.holdem.cards import Deck
from counterplay.games.holdem.equity import equities
from counterplay.games.holdem.lanes import lay_lanes
from counterplay.games.holdem.nets import End

if TYPE_CHECKING:  # torch is imported where networks are
    from counterplay.agents.public_features import Described
    from counterplay.agents.value_net import ValueNet

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


class Street(NamedTuple):
    """The ends of a street as a network meets them. B boards."""

    states: "Described"
    half: F32  # [N] half the pot
    ahead: F32  # [B, H, H] chances to win less those to lose, 0 for pairs of hands that cannot be

    def checked_down(self, states: npt.NDArray[Any], ranges: F32) -> F32:
        """Return what both players' hands are worth if nobody bets any more, [B, 2, H], at ranges [B, 2, H]."""
        found, events = np.zeros_like(ranges), self.states.event[states]
        for event in np.unique(events):
            rows = np.flatnonzero(events == event)
            found[rows, 0] = ranges[rows, 1] @ self.ahead[event].T
            found[rows, 1] = ranges[rows, 0] @ -self.ahead[event]
        return found * self.half[states, None, None]


def described(deck: Deck, last: int, ends: Sequence[End]) -> Street:
    """Return the ends of a street as public states: the board's cards, the pot, and how strong each hand is there.

    A hand's strength is its chance to win less that to lose against all hands alike. The unit is half the pot.
    """
    from counterplay.agents.public_features import Described

    boards = list(dict.fromkeys(end.board for end in ends))
    tables = [_of_board(deck, last, board) for board in boards]
    mean = np.array([chance.mean() for chance, _ in tables])
    cards = len(deck.cards)
    numbers = np.zeros((len(ends), cards + 1 + len(hands_of(deck))), np.float32)
    event = np.array([boards.index(end.board) for end in ends])
    for k, end in enumerate(ends):
        chance, ahead = tables[event[k]]
        numbers[k, np.searchsorted(deck.cards, sorted(end.board))] = 1.0
        numbers[k, cards] = end.start.pot / (end.start.pot + 2 * end.start.stack)
        numbers[k, cards + 1 :] = ahead.sum(axis=1) / np.maximum(chance.sum(axis=1), 1.0)
    half = np.array([end.start.pot / end.start.unit / 2 for end in ends], np.float32)
    chance = np.array([chance / m for (chance, _), m in zip(tables, mean, strict=True)], np.float32)
    states = Described(numbers, event, (half * mean[event]).astype(np.float32), chance)
    return Street(states, half, np.array([ahead for _, ahead in tables]))


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


class ByHands:
    """An evaluator of a spot's lanes by one that has a lane for each hand of the deck."""

    def __init__(self, inner: Any, ends: Sequence[End], deck: Deck):
        hands = hands_of(deck)
        self.inner, self.hands = inner, len(hands)
        self.places = [[np.searchsorted(hands, mine) for mine in end.hands] for end in ends]
        self._index: tuple[int, I64] | None = None

    def values(self, states: I64, ranges: F32) -> F32:
        """Return both players' values, [B, 2, W], of states [B] at ranges [B, 2, W]."""
        at = self._at(ranges.shape[2])[states]
        given = np.zeros((*ranges.shape[:2], self.hands + 1), np.float32)
        np.put_along_axis(given, at, ranges, axis=2)
        given[:, :, -1] = 0.0
        found = np.zeros_like(given)
        found[:, :, :-1] = self.inner.values(states, np.ascontiguousarray(given[:, :, :-1]))
        return np.take_along_axis(found, at, axis=2)

    def _at(self, width: int) -> I64:
        """Return which hand each lane is, [N, 2, W]; one more than all for those that are not there."""
        if self._index is None or self._index[0] != width:
            index = np.full((len(self.places), 2, width), self.hands)
            for k, both in enumerate(self.places):
                for p, mine in enumerate(both):
                    index[k, p, : len(mine)] = mine
            self._index = width, index
        return self._index[1]


class Beyond:
    """An evaluator: what hands are worth if nobody bets any more, and what a network says beyond that."""

    def __init__(self, street: Street, net: "ValueNet | None"):
        self.street, self.net = street, None if net is None else net.begin(street.states)

    def values(self, states: I64, ranges: F32) -> F32:
        """Return both players' values, [B, 2, H], of states [B] at ranges [B, 2, H]."""
        found = self.street.checked_down(states, ranges)
        return found if self.net is None else found + self.net.values(states, ranges)


class OnBoard:
    """The same as `Beyond` with `ByHands`, for ends that are all on one board: by the spot's own lanes, and sooner.

    The network is a `StrengthNet`; n and m are the players' lanes, K its points.
    """

    def __init__(self, street: Street, net: "ValueNet | None", ends: Sequence[End], deck: Deck):
        one, two = (np.searchsorted(hands_of(deck), mine) for mine in ends[0].hands)
        pairs, self.lanes = np.ix_(one, two), (len(one), len(two))
        module: Any = None if net is None else net.module
        self.net = module
        self.half, self.unit = street.half, street.states.unit
        self.ahead = np.ascontiguousarray(street.ahead[0][pairs])  # [n, m]
        self.chance = np.ascontiguousarray(street.states.chance[0][pairs])
        if self.net is not None:
            numbers = street.states.numbers
            first = self.net.features - self.net.lanes
            near = self.net.points_of(numbers[0, first:])
            self.public, self.near = numbers[:, first - self.net.kept : first], (near[one], near[two])  # [n, K], [m, K]

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
