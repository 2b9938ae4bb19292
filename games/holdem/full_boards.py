"""One street's betting on many full boards at once: each board is a root, and all of them share templates.

A thousand rivers that differ in their boards alone are laid out together, and what else is asked of each, how much of
the other's range hands meet and how often they are ahead, comes from the same pass over its lanes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.raw import raw, shift
from counterplay.engine.streets import NO_LOCKS, SLOTS, Boards, Equities, Instances, RunOuts, Subgame
from counterplay.games.holdem.betting import Rake
from counterplay.games.holdem.cards import Deck
from counterplay.games.holdem.lanes import Cards, lay_lanes
from counterplay.games.holdem.layout import contracted
from counterplay.games.holdem.templates import Contracted
from counterplay.games.holdem.trees import Start, Street

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U64 = npt.NDArray[np.uint64]

_0, _1, _2 = (np.uint64(n) for n in range(3))


class FullBoards(NamedTuple):
    """B roots, one a board: instance b of `game` is on board b. A board without a deal has no hands for a player."""

    game: Subgame  # its reach is all boards', one after another
    starts: U64  # [B + 1] where a board's [2, w] weights begin in `game.reach`
    met: F32  # [.] at the same places: how much of the other's range a hand meets
    deals: F64  # [B] the products of both players' weights, summed over pairs of hands that share no card
    equity: F64  # [B] player 0's: its share of the pot if nobody bet any more
    made: Contracted


@jit
def _weigh(on: Boards, weights: F32, starts: U64, played: F32, meets: F32, deals: F64, equity: F64) -> None:
    """Fill in the last four, given both ranges' weights by the places of their hands, [2, H].

    Hands are swept from the weakest on: the other's weaker hands, and those no stronger, are summed up, in all and by
    card. What shares a card is taken out, and the same two cards, a tie, are put back: they were taken out twice.
    """
    boards, ranges, reach, met, many = raw(on), raw(weights), raw(played), raw(meets), np.uint64(weights.shape[1])
    weaker, equal = np.zeros(2 * SLOTS), np.zeros(2 * SLOTS)
    for b in range(np.uint64(len(deals))):
        w, at = boards.width[b], boards.at[b]
        for p in range(_2):
            for k in range(boards.lanes[_2 * b + p]):
                reach[starts[b] + p * w + k] = ranges[p * many + boards.source[at + p * w + k]]
        won = 0.0
        for p in range(_2):
            q = _1 - p
            cards, theirs = shift(boards.cards, _2 * (at + p * w)), shift(boards.cards, _2 * (at + q * w))
            own, others = shift(reach, starts[b] + p * w), shift(reach, starts[b] + q * w)
            ranked, same = boards.ranked[b] + p * w, shift(boards.same, at + p * w)
            n, m = boards.lanes[_2 * b + p], boards.lanes[_2 * b + q]
            weaker[:] = 0.0
            equal[:] = 0.0
            low = high = _0
            for k in range(n):
                low = _add(theirs, others, low, boards.below[ranked + k], weaker)
                high = _add(theirs, others, high, boards.beyond[ranked + k], equal)
                if p == 0:
                    even = _left(cards, others, k, same[k], m, equal)
                    won += np.float64(own[k]) * (_left(cards, others, k, m, m, weaker) + even) / 2.0
            _add(theirs, others, high, m, equal)
            total = 0.0
            for k in range(n):
                x = _left(cards, others, k, same[k], m, equal)
                met[starts[b] + p * w + k] = np.float32(x)
                total += np.float64(own[k]) * x
            if p == 0:
                deals[b] = total
        equity[b] = won / deals[b] if deals[b] > 0.0 else np.nan


@inlined
def _add(cards: Any, weights: Any, low: Index, high: Index, sums: Any) -> Any:
    """Add the weights of hands low .. high to the sums, by card and in all; return where the next ones begin."""
    for i in range(low, high):
        x = np.float64(weights[i])
        sums[cards[_2 * i]] += x
        sums[cards[_2 * i + _1]] += x
        sums[SLOTS] += x
    return max(low, high)


@inlined
def _left(cards: Any, weights: Any, k: Index, same: Index, many: Index, sums: Any) -> float:
    """Return the sum of what shares no card with hand k, and of the hand `same`, if there is one."""
    found: float = sums[SLOTS] - sums[cards[_2 * k]] - sums[cards[_2 * k + _1]]
    if same < many:
        found += np.float64(weights[same])
    return found


def lay_full(
    deck: Deck, boards: Sequence[Cards], weights: F64, trees: dict[Start, Street], last: int, betting: Any, rake: Rake
) -> FullBoards:
    """Lay out the betting that `trees`, of one street, holds on boards to which no card is added.

    `weights` are both ranges over the deck's hands, [2, H], whatever the boards hold.
    """
    many = len(boards)
    held = [np.flatnonzero((w > 0) & deck.free()).astype(np.int64) for w in weights]
    on = lay_lanes(deck, boards, np.arange(many), deck.board[last], (held[0], held[1]))
    made = contracted(trees, int(on.width.max(initial=1)), betting, rake)
    sizes = 2 * on.width.astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint64)
    ranges = np.zeros((2, max(map(len, held))), np.float32)
    for row, w, hands in zip(ranges, weights, held, strict=True):
        row[: len(hands)] = w[hands]
    reach, met = np.zeros(int(starts[-1]), np.float32), np.zeros(int(starts[-1]), np.float32)
    deals, equity = np.zeros(many), np.zeros(many)
    _weigh(on, ranges, starts, reach, met, deals, equity)
    entries = (made.templates.actions[0].astype(np.int64) * on.columns.astype(np.int64)).sum(axis=1)
    count = int(made.templates.decisions[0, 2])
    none, nowhere = np.zeros(many + 1, np.uint32), np.zeros(0, np.uint32)
    game = Subgame(
        reach=reach.reshape(1, -1),
        boards=on,
        templates=made.templates,
        leaves=made.leaves,
        instances=Instances(
            template=np.zeros(many, np.uint32),
            board=np.arange(many, dtype=np.uint32),
            base=(np.cumsum(entries) - entries).astype(np.uint64),
            scale=np.arange(many, dtype=np.uint64) * np.uint64(count),
            child=np.zeros(many, np.uint64),
        ),
        deals=RunOuts(
            none, nowhere, np.zeros(0, np.float32), none.copy(), np.zeros(0, np.uint64), np.zeros(0, np.uint16)
        ),
        equities=Equities(np.zeros(many, np.uint64), np.zeros(0, np.float32)),
        locks=NO_LOCKS,
        raked=rake.taken,
    )
    return FullBoards(game, starts, met, deals, equity, made)
