"""Who is ahead by how much over all cards to come, and what share of the pot hands would win if nobody bet any more."""

from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import jit
from counterplay.engine.streets import Equities, unblocked
from counterplay.games.holdem.boards import Cards, swaps
from counterplay.games.holdem.cards import Deck, moved
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


def equities(
    deck: Deck, boards: tuple[Cards, ...], last: int, allins: set[int], hands: tuple[I64, I64], width: int
) -> Equities:
    """Return the chances to win less those to lose once street `last` is dealt, by both players' hands.

    They are for each board on whose street, one of `allins`, players may be all-in.
    """
    full = deck.board[last]
    wanted = [b for b, cards in enumerate(boards) if len(cards) < full and deck.board.index(len(cards)) in allins]
    row = np.zeros(len(boards), np.uint32)
    ahead = np.zeros((len(wanted), width, width), np.float32)
    one, two = map(len, hands)
    clash = ~deck.apart(*hands) if wanted else np.zeros((one, two), bool)
    held = [np.isin(np.arange(len(deck.hands)), numbers) for numbers in hands]
    known: dict[Cards, list[npt.NDArray[np.int32]]] = {}
    for k, b in enumerate(wanted):
        row[b] = k
        rest = [c for c in deck.cards if c not in boards[b]]
        due = full - len(boards[b])
        chance = 1.0 / comb(len(rest) - 2 * deck.hole, due)
        group = swaps(deck, boards[b], held)
        part = ahead[k] if len(group) == 1 else np.zeros((width, width), np.float32)
        seen: set[Cards] = set()
        for more in combinations(rest, due):
            if more in seen:
                continue
            images = {tuple(sorted(moved(c, suits) for c in more)) for suits in group}
            seen |= images
            cards = tuple(sorted((*boards[b], *more)))
            if cards not in known:
                known[cards] = [strengths(cards, numbers, deck) for numbers in hands]
            mine, theirs = known[cards]
            _compare(mine, theirs, part, chance * len(images) / len(group))
        if len(group) > 1:  # what equals up to suits was dealt once; as in the solver, the swaps are made at the end
            for suits in group:
                rows, columns = (np.searchsorted(numbers, deck.permuted(suits)[numbers]) for numbers in hands)
                ahead[k, :one, :two] += part[rows[:, None], columns[None, :]]
        ahead[k, :one, :two][clash] = 0.0
    return Equities(row, ahead.ravel())


def matchups(deck: Deck, hands: tuple[I64, I64], reach: tuple[F64, F64]) -> tuple[F64, F64]:
    """Return for each hand of both players how much of the other's range it can meet: what shares no card with it."""
    found = []
    for p in range(2):
        mine, theirs, weight = hands[p], hands[1 - p], reach[1 - p]
        left = unblocked(deck.pairs(p)[mine], deck.pairs(1 - p)[theirs], weight, deck.same(mine, theirs))
        found.append(np.where(left > 1e-9 * max(weight.sum(), 1e-30), left, 0.0))
    return found[0], found[1]


def equity(deck: Deck, board: Cards, last: int, hands: tuple[I64, I64], reach: tuple[F64, F64]) -> tuple[F64, F64]:
    """Return the share of the pot that each hand of both players would win if all were checked down; NaN: no rival."""
    one, two = len(hands[0]), len(hands[1])
    if len(board) == deck.board[last]:
        ranks = [strengths(board, numbers, deck).astype(np.int64) for numbers in hands]
        ahead = np.sign(ranks[0][:, None] - ranks[1][None, :]).astype(np.float64)
    else:
        width = max(one, two)
        table = equities(deck, (board,), last, {deck.board.index(len(board))}, hands, width).ahead
        ahead = table.reshape(width, width)[:one, :two].astype(np.float64)
    ahead = ahead * deck.apart(*hands)
    met = matchups(deck, hands, reach)
    with np.errstate(divide="ignore", invalid="ignore"):
        mine = np.where(met[0] > 0, 0.5 + 0.5 * (ahead @ reach[1]) / met[0], np.nan)
        theirs = np.where(met[1] > 0, 0.5 - 0.5 * (reach[0] @ ahead) / met[1], np.nan)
    return mine, theirs
