"""Finding a decision of a spot by its line of play, and what the hands that get there hold against each other.

Where suits are interchangeable a card is solved once for all that equal it, so a line of play (`lines`) leads to its
place in the layout and to the renaming of suits that gets there.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.streets import FREE, NO_LOCKS, Locks
from counterplay.engine.system import available
from counterplay.engine.text import size
from counterplay.games.holdem.boards import swaps
from counterplay.games.holdem.cards import format_cards, moved
from counterplay.games.holdem.lanes import hands_on
from counterplay.games.holdem.layout import StreetLayout, layout, least_entries
from counterplay.games.holdem.lines import LineOfPlay, actor, read_line
from counterplay.games.holdem.locks import Fixed
from counterplay.games.holdem.spot import Spot
from counterplay.games.holdem.trees import NEXT, Street, children

I64 = npt.NDArray[np.int64]

_SMALL = 2**20  # bytes that are not worth asking the system for


class Place(NamedTuple):
    """A node of the betting on some board, and the way to it through the layout."""

    line: LineOfPlay
    steps: tuple[tuple[int, int], ...]  # group of ends of the street, and deal, for each street before
    template: int
    entry: int  # of the template
    suits: tuple[int, ...]  # suit s is called suits[s] in the layout


def _told(spot: Spot) -> list[npt.NDArray[Any]]:
    """Return what suits must leave alone beside board and ranges: what is locked."""
    told: list[npt.NDArray[Any]] = [row for fixed in spot.locked for row in fixed.mix]
    return told + [spot.deck.free(deal) for fixed in spot.locked for _, _, deal in fixed.line.passed]


def least_bytes(spot: Spot, symmetry: bool = True) -> int:
    """Return how many bytes the tables of a spot take at least, in 16 bits; nothing is laid out for it."""
    weights = spot.weights[0], spot.weights[1]
    lanes = int((weights[0] > 0).sum()), int((weights[1] > 0).sum())
    symmetry = symmetry and len(spot.board) < spot.deck.board[spot.betting.last]  # else nothing is dealt
    alike = len(swaps(spot.deck, spot.board, (*weights, *_told(spot)))) if symmetry else 1
    return 4 * least_entries(spot.deck, spot.board, lanes, spot.trees, spot.betting, alike)


def lay_out(spot: Spot, symmetry: bool = True) -> StreetLayout:
    """Return the layout of a spot's subgame, with its locks.

    Raises `ValueError`, before it takes memory, for a spot whose tables would not fit even in 16 bits.
    """
    need = least_bytes(spot, symmetry)
    if need > _SMALL and need > (free := available()):
        raise UserError(
            f"the tables of this spot take at least {size(need)} even in 16 bits, and {size(free)} are free: "
            "begin on a later street, end on an earlier one, give fewer bet sizes, or put hands in buckets "
            "(counterplay blueprint)"
        )
    weights = spot.weights[0], spot.weights[1]
    laid = layout(spot.deck, spot.board, weights, spot.trees, spot.betting, spot.rake, symmetry, _told(spot))
    return _lock(spot, laid, spot.locked) if spot.locked else laid


def holding(spot: Spot, laid: StreetLayout, player: int) -> StreetLayout:
    """Return the layout of a spot with the locks of one player alone."""
    mine = [fixed for fixed in spot.locked if fixed.player == player]
    free = laid._replace(game=laid.game._replace(locks=NO_LOCKS))
    return _lock(spot, free, mine) if mine else free


def _lock(spot: Spot, laid: StreetLayout, locked: Sequence[Fixed]) -> StreetLayout:
    """Return the layout with fixed strategies."""
    templates, instances, deals = laid.game.templates, laid.game.instances, laid.game.deals
    at = np.full(laid.game.decisions, FREE, np.uint32)
    mixes, length = list[npt.NDArray[np.float32]](), 0
    for fixed in locked:
        place = find(spot, laid, fixed.line.text)
        instance, t = 0, place.template
        for group, deal in place.steps:
            board = int(instances.board[instance])
            many = int(deals.bounds[board + 1]) - int(deals.bounds[board])
            instance = int(instances.child[instance]) + group * many + deal
        child = children(betting(laid, place), fixed.line.node)[0]
        low, high = (int(d) for d in templates.decisions[t, fixed.player : fixed.player + 2])
        first = laid.sequence[t][place.entry][child, fixed.player]
        d = low + int(np.argmax(templates.first[low:high] == first))
        at[int(instances.scale[instance]) + d - int(templates.decisions[t, 0])] = length
        hands = hands_on(laid.deck, laid.game.boards, int(instances.board[instance]))[fixed.player]
        mixes.append(fixed.mix[:, hands].astype(np.float32).ravel())
        length += mixes[-1].size
    return laid._replace(game=laid.game._replace(locks=Locks(at, np.concatenate(mixes), True)))


def find(spot: Spot, laid: StreetLayout, line: str) -> Place:
    """Return the place that a line leads to; raises `ValueError` for what is not possible."""
    way = read_line(line, spot.board, spot.trees, spot.betting, spot.deck)
    steps, at, template, entry = list[tuple[int, int]](), 0, 0, 0
    suits: tuple[int, ...] = (0, 1, 2, 3)
    for _, node, cards in way.passed:
        deal, suits = dealt(laid, at, cards, suits)
        group, entry = onward(laid, template, entry, node)
        steps.append((group - int(laid.game.templates.groups[template]), deal - int(laid.game.deals.bounds[at])))
        template, at = int(laid.game.templates.follows[group]), int(laid.game.deals.after[deal])
    return Place(way, tuple(steps), template, entry, suits)


def onward(laid: StreetLayout, template: int, entry: int, node: int) -> tuple[int, int]:
    """Return the group of ends that a node which ends its street is in, and its place there."""
    trees = [laid.streets[k] for k in laid.entries[template]]
    before = sum(int((tree.kind == NEXT).sum()) for tree in trees[:entry])
    end = (
        int(laid.game.templates.ends[laid.game.templates.groups[template]])
        + before
        + int((trees[entry].kind[:node] == NEXT).sum())
    )
    group = int(np.searchsorted(laid.game.templates.ends, end, side="right")) - 1
    return group, end - int(laid.game.templates.ends[group])


def betting(laid: StreetLayout, place: Place) -> Street:
    """Return the betting tree of a place."""
    return laid.streets[laid.entries[place.template][place.entry]]


def decision(laid: StreetLayout, place: Place) -> tuple[Street, int]:
    """Return the betting tree of a place and who acts; raises `ValueError` where nobody does."""
    tree = betting(laid, place)
    return tree, actor(tree, place.line, laid.deck)


def dealt(laid: StreetLayout, at: int, cards: tuple[int, ...], suits: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return the deal that stands for cards on a board of the layout, and the suits renamed for it."""
    deals, on_board = laid.game.deals, len(laid.boards[at])
    wanted = sorted(moved(c, suits) for c in cards)
    for deal in range(int(deals.bounds[at]), int(deals.bounds[at + 1])):
        first = laid.boards[int(deals.after[deal])][on_board:]
        if sorted(first) == wanted:
            return deal, suits
        for k in range(int(deals.swaps[at]), int(deals.swaps[at + 1])):
            swap = laid.suits[k]
            if sorted(moved(c, swap) for c in first) == wanted:
                return deal, tuple(swap.index(s) for s in suits)
    raise UserError(f"[{format_cards(cards)}] cannot come on this board")


def lanes(laid: StreetLayout, place: Place) -> tuple[I64, I64]:
    """Return, for each of both players' hands, the place of that which stands for it in the layout."""
    renamed = laid.deck.permuted(place.suits)
    one, two = (np.searchsorted(combos, renamed[combos]).astype(np.int64) for combos in laid.combos)
    return one, two
