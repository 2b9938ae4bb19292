"""Who is ahead by how much over all cards to come, and what share of the pot hands would win if nobody bet any more."""

from functools import cached_property
from itertools import combinations
from math import comb
from typing import Literal

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import jit
from counterplay.engine.streets import SLOTS, Boards, Equities, unblocked
from counterplay.games.holdem.boards import Cards, swaps
from counterplay.games.holdem.cards import Deck, moved
from counterplay.games.holdem.lanes import hands_on
from counterplay.games.holdem.strength import strengths

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@jit
def _compare(
    mine: npt.NDArray[np.int32],
    theirs: npt.NDArray[np.int32],
    ahead: npt.NDArray[np.float32],
    chance: float,
) -> None:
    """Add one full board's outcome for each pair of hands; strength -1 marks hands that the board blocks."""
    part = np.float32(chance)
    for h in range(mine.size):
        if mine[h] < 0:
            continue
        for o in range(theirs.size):
            if theirs[o] >= 0:
                ahead[h, o] += part if mine[h] > theirs[o] else -part if mine[h] < theirs[o] else np.float32(0.0)


class _Showdowns:
    """Full boards' strengths of both players' hands, each board's worked out once."""

    def __init__(self, deck: Deck, last: int, hands: tuple[I64, I64]):
        self.deck, self.last, self.hands = deck, last, hands
        self.known: dict[Cards, list[npt.NDArray[np.int32]]] = {}

    @cached_property
    def held(self) -> list[npt.NDArray[np.bool_]]:
        """Tell for both players which of the deck's hands they may hold, [H] each."""
        return [np.isin(np.arange(len(self.deck.hands)), numbers) for numbers in self.hands]

    def table(self, board: Cards, lanes: tuple[I64, I64]) -> npt.NDArray[np.float32]:
        """Return the chances to win less those to lose on a board, [n, m].

        They are for the hands in these places of both players', lowest numbers first: those that the board leaves.
        """
        deck, full = self.deck, self.deck.board[self.last]
        rest = [c for c in deck.cards if c not in board]
        due = full - len(board)
        chance = 1.0 / comb(len(rest) - 2 * deck.hole, due)
        group = swaps(deck, board, self.held)
        part = np.zeros((len(lanes[0]), len(lanes[1])), np.float32)
        seen: set[Cards] = set()
        for more in combinations(rest, due):
            if more in seen:
                continue
            images = {tuple(sorted(moved(c, suits) for c in more)) for suits in group}
            seen |= images
            cards = tuple(sorted((*board, *more)))
            if cards not in self.known:
                self.known[cards] = [strengths(cards, numbers, deck) for numbers in self.hands]
            mine, theirs = (ranks[at] for ranks, at in zip(self.known[cards], lanes, strict=True))
            _compare(mine, theirs, part, chance * len(images) / len(group))
        one, two = (numbers[at] for numbers, at in zip(self.hands, lanes, strict=True))
        found = part if len(group) == 1 else np.zeros_like(part)
        if len(group) > 1:  # what equals up to suits was dealt once; as in the solver, the swaps are made at the end
            for suits in group:
                rows, columns = (np.searchsorted(numbers, deck.permuted(suits)[numbers]) for numbers in (one, two))
                found += part[rows[:, None], columns[None, :]]
        found[~deck.apart(one, two)] = 0.0
        return found


def equities(
    deck: Deck, cards: tuple[Cards, ...], boards: Boards, last: int, allins: set[int], hands: tuple[I64, I64]
) -> Equities:
    """Return the chances to win less those to lose once street `last` is dealt, by both players' lanes.

    They are for each board on whose street, one of `allins`, players may be all-in.
    """
    full, showdowns = deck.board[last], _Showdowns(deck, last, hands)
    wanted = [b for b, on in enumerate(cards) if len(on) < full and deck.board.index(len(on)) in allins]
    sizes = [int(boards.lanes[b, 0]) * int(boards.width[b]) for b in wanted]
    at, ahead = np.zeros(len(cards), np.uint64), np.zeros(sum(sizes), np.float32)
    for b, end, count in zip(wanted, np.cumsum(sizes).tolist(), sizes, strict=True):
        one, two = (np.searchsorted(mine, here) for mine, here in zip(hands, hands_on(deck, boards, b), strict=True))
        at[b] = end - count
        ahead[end - count : end].reshape(len(one), int(boards.width[b]))[:, : len(two)] = showdowns.table(
            cards[b], (one, two)
        )
    return Equities(at, ahead)


def matchups(deck: Deck, hands: tuple[I64, I64], reach: tuple[F64, F64]) -> tuple[F64, F64]:
    """Return for each hand of both players how much of the other's range it can meet: what shares no card with it."""
    found = []
    for p in range(2):
        mine, theirs, weight = hands[p], hands[1 - p], reach[1 - p]
        left = unblocked(deck.pairs(p)[mine], deck.pairs(1 - p)[theirs], weight, deck.same(mine, theirs))
        found.append(np.where(left > 1e-9 * max(weight.sum(), 1e-30), left, 0.0))
    return found[0], found[1]


def _share(deck: Deck, player: int, hands: tuple[I64, I64], ranks: tuple[I64, I64], weights: F64) -> F64:
    """Return for each of a player's hands on a full board the weight that it beats, and half of that it ties with.

    `hands` and `ranks` are its own and the other's, whose `weights` are given. The other's hands are summed up from the
    weakest on, all of them and by card: what shares a card is taken out, and the same two cards, a tie, put back.
    """
    order = np.argsort(ranks[1], kind="stable")
    sums = np.zeros((len(order) + 1, SLOTS + 1))
    cards = deck.pairs(1 - player)[hands[1]][order]
    for card in (*cards.T, np.full(len(order), SLOTS)):
        sums[np.arange(1, len(order) + 1), card] = weights[order]
    np.cumsum(sums, axis=0, out=sums)
    mine = deck.pairs(player)[hands[0]].astype(np.int64)
    same = np.append(weights, 0.0)[deck.same(hands[0], hands[1])]

    def below(side: Literal["left", "right"]) -> F64:
        at = np.searchsorted(ranks[1][order], ranks[0], side)
        return np.asarray(sums[at, SLOTS] - sums[at[:, None], mine].sum(axis=1))

    return np.asarray((below("left") + below("right") + same) / 2)


def equity(deck: Deck, board: Cards, last: int, hands: tuple[I64, I64], reach: tuple[F64, F64]) -> tuple[F64, F64]:
    """Return the share of the pot that each hand of both players would win if all were checked down; NaN: no rival."""
    met = matchups(deck, hands, reach)
    if len(board) == deck.board[last]:
        ranks = [strengths(board, numbers, deck).astype(np.int64) for numbers in hands]
        one, two = (_share(deck, p, (hands[p], hands[1 - p]), (ranks[p], ranks[1 - p]), reach[1 - p]) for p in range(2))
        with np.errstate(divide="ignore", invalid="ignore"):
            return tuple(np.where(m > 0, s / m, np.nan) for m, s in zip(met, (one, two), strict=True))  # type: ignore[return-value]
    lanes = [np.flatnonzero(deck.free(board)[numbers]) for numbers in hands]
    ahead = np.zeros((len(hands[0]), len(hands[1])))
    ahead[np.ix_(*lanes)] = _Showdowns(deck, last, hands).table(board, (lanes[0], lanes[1]))
    ahead = ahead * deck.apart(*hands)
    with np.errstate(divide="ignore", invalid="ignore"):
        mine = np.where(met[0] > 0, 0.5 + 0.5 * (ahead @ reach[1]) / met[0], np.nan)
        theirs = np.where(met[1] > 0, 0.5 - 0.5 * (reach[0] @ ahead) / met[1], np.nan)
    return mine, theirs
