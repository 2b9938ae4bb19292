"""Finding a decision of a spot by its line of play, and what the hands that get there hold against each other.

Where suits are interchangeable a card is solved once for all that equal it, so a line of play (`lines`) leads to its
place in the layout and to the renaming of suits that gets there.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.games.holdem.betting import BOARD, NEXT, Street, children, street_trees
from counterplay.games.holdem.cards import COMBO_CARDS, compatible, format_cards, permute_suits
from counterplay.games.holdem.lines import Line, actor, read_line
from counterplay.games.holdem.runouts import Layout, equities, layout, moved
from counterplay.games.holdem.spot import LOWEST_RANK, Spot
from counterplay.games.holdem.strength import strengths

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class Place(NamedTuple):
    """A node of the betting on some board, and the way to it through the layout."""

    line: Line
    steps: tuple[tuple[int, int], ...]  # group of ends of the street, and deal, for each street before
    template: int
    entry: int  # of the template
    suits: tuple[int, ...]  # suit s is called suits[s] in the layout


def lay_out(spot: Spot, symmetry: bool = True) -> Layout:
    """Return the layout of a spot's subgame, with its locks."""
    trees = street_trees(spot.betting, spot.street, spot.pot, spot.stack, spot.aggressor == "ip")
    short = spot.variant == "short"
    rake = (spot.rake.percent / 100, spot.rake.cap)
    told = [row for fixed in spot.locked for row in fixed.mix]  # what suits must leave alone beside board and ranges
    told += [compatible(deal) for fixed in spot.locked for _, _, deal in fixed.line.passed]
    laid = layout(
        spot.board, (spot.weights[0], spot.weights[1]), trees, spot.betting, rake, deck(spot), short, symmetry, told
    )
    return _lock(spot, laid) if spot.locked else laid


def _lock(spot: Spot, laid: Layout) -> Layout:
    """Return the layout with the spot's fixed strategies."""
    game = laid.game
    span = game.decisions[game.template].astype(np.int64)
    lock = np.full(int((span[:, 2] - span[:, 0]).sum()), -1, np.int32)
    mixes, length = list[npt.NDArray[np.float32]](), 0
    for fixed in spot.locked:
        place = find(spot, laid, fixed.line.text)
        instance, t = 0, place.template
        for group, deal in place.steps:
            board = int(game.board[instance])
            deals = int(game.deals[board + 1]) - int(game.deals[board])
            instance = int(game.child[instance]) + group * deals + deal
        child = children(betting(laid, place), fixed.line.node)[0]
        low, high = (int(d) for d in game.decisions[t, fixed.player : fixed.player + 2])
        d = low + int(np.argmax(game.first[low:high] == laid.sequence[t][place.entry][child, fixed.player]))
        lock[int(game.scale[instance]) + d - int(game.decisions[t, 0])] = length
        mixes.append(fixed.mix[:, laid.combos[fixed.player]].astype(np.float32).ravel())
        length += mixes[-1].size
    return laid._replace(game=game._replace(lock=lock, mix=np.concatenate(mixes)))


def deck(spot: Spot) -> tuple[int, ...]:
    """Return the cards that the spot is played with."""
    return tuple(range(4 * LOWEST_RANK[spot.variant], 52))


def find(spot: Spot, laid: Layout, line: str) -> Place:
    """Return the place that a line leads to; raises `ValueError` for what is not possible."""
    trees = {tree.start: tree for tree in laid.streets}
    way = read_line(line, spot.board, trees, spot.betting, spot.variant == "short")
    steps, at, template, entry = list[tuple[int, int]](), 0, 0, 0
    suits: tuple[int, ...] = (0, 1, 2, 3)
    for _, node, cards in way.passed:
        deal, suits = _dealt(laid, at, cards, suits)
        group, entry = _onward(laid, template, entry, node)
        steps.append((group - int(laid.game.nexts[template]), deal - int(laid.game.deals[at])))
        template, at = int(laid.game.next_template[group]), int(laid.game.after[deal])
    return Place(way, tuple(steps), template, entry, suits)


def _onward(laid: Layout, template: int, entry: int, node: int) -> tuple[int, int]:
    """Return the group of ends that a node which ends its street is in, and its place there."""
    trees = [laid.streets[k] for k in laid.entries[template]]
    before = sum(int((tree.kind == NEXT).sum()) for tree in trees[:entry])
    end = int(laid.game.ends[laid.game.nexts[template]]) + before + int((trees[entry].kind[:node] == NEXT).sum())
    group = int(np.searchsorted(laid.game.ends, end, side="right")) - 1
    return group, end - int(laid.game.ends[group])


def betting(laid: Layout, place: Place) -> Street:
    """Return the betting tree of a place."""
    return laid.streets[laid.entries[place.template][place.entry]]


def decision(laid: Layout, place: Place) -> tuple[Street, int]:
    """Return the betting tree of a place and who acts; raises `ValueError` where nobody does."""
    tree = betting(laid, place)
    return tree, actor(tree, place.line)


def _dealt(laid: Layout, at: int, cards: tuple[int, ...], suits: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return the deal that stands for cards on a board of the layout, and the suits renamed for it."""
    game, on_board = laid.game, len(laid.boards[at])
    wanted = sorted(moved(c, suits) for c in cards)
    for deal in range(int(game.deals[at]), int(game.deals[at + 1])):
        first = laid.boards[int(game.after[deal])][on_board:]
        if sorted(first) == wanted:
            return deal, suits
        for k in range(int(game.swaps[at]), int(game.swaps[at + 1])):
            swap = laid.suits[int(game.swap[k])]
            if sorted(moved(c, swap) for c in first) == wanted:
                return deal, tuple(swap.index(s) for s in suits)
    raise ValueError(f"[{format_cards(cards)}] cannot come on this board")


def lanes(laid: Layout, place: Place) -> tuple[I64, I64]:
    """Return, for each of both players' combos, the lane that stands for it in the layout."""
    renamed = permute_suits(place.suits)
    one, two = (np.searchsorted(combos, renamed[combos]).astype(np.int64) for combos in laid.combos)
    return one, two


def free(combos: I64, board: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Tell which combos hold no card of the board."""
    return compatible(board)[combos]


def matchups(combos: tuple[I64, I64], reach: tuple[F64, F64]) -> tuple[F64, F64]:
    """Return for each combo of both players how much of the other's range it can meet: what shares no card with it."""
    found = []
    for p in range(2):
        mine, theirs, weight = combos[p], combos[1 - p], reach[1 - p]
        by_card, by_combo = np.zeros(52), np.zeros(len(COMBO_CARDS))
        np.add.at(by_card, COMBO_CARDS[theirs].astype(np.int64), weight[:, None])
        by_combo[theirs] = weight
        left = weight.sum() - by_card[COMBO_CARDS[mine].astype(np.int64)].sum(axis=1) + by_combo[mine]
        found.append(np.where(left > 1e-9 * max(weight.sum(), 1e-30), left, 0.0))
    return found[0], found[1]


def equity(spot: Spot, board: tuple[int, ...], combos: tuple[I64, I64], reach: tuple[F64, F64]) -> tuple[F64, F64]:
    """Return the share of the pot that each combo of both players would win if all were checked down; NaN: no rival."""
    short = spot.variant == "short"
    one, two = len(combos[0]), len(combos[1])
    full = BOARD[spot.betting.last]
    if len(board) == full:
        ranks = [strengths(np.array(board, np.uint8), c, short).astype(np.int64) for c in combos]
        ahead = np.sign(ranks[0][:, None] - ranks[1][None, :]).astype(np.float64)
    else:
        width = max(one, two)
        table = equities((board,), combos, deck(spot), short, {BOARD.index(len(board))}, width, full)[1]
        ahead = table.reshape(width, width)[:one, :two].astype(np.float64)
    cards = [COMBO_CARDS[c] for c in combos]
    apart = ~(cards[0][:, None, :, None] == cards[1][None, :, None, :]).any(axis=(2, 3))
    met = matchups(combos, reach)
    with np.errstate(divide="ignore", invalid="ignore"):
        mine = np.where(met[0] > 0, 0.5 + 0.5 * ((ahead * apart) @ reach[1]) / met[0], np.nan)
        theirs = np.where(met[1] > 0, 0.5 - 0.5 * (reach[0] @ (ahead * apart)) / met[1], np.nan)
    return mine, theirs
