"""Chains: all betting of a spot on one run-out of the board, which is dealt anew in place, with hands in cells.

That is what blueprints are trained and measured on (`solvers.streets.sampled`). A chain is a `Subgame` with one board a
street; what may be bet is as in the whole game (`trees.dealt_out`), so places in its tables are those of all boards.
"""

from itertools import accumulate
from math import comb
from operator import mul
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine import runouts
from counterplay.engine.jit import jit
from counterplay.engine.random import below
from counterplay.engine.streets import NO_LOCKS, U8, U64, Boards, Equities, Subgame
from counterplay.games.holdem.betting import NO_RAKE, BettingRules, Rake
from counterplay.games.holdem.boards import Runouts, run_outs
from counterplay.games.holdem.buckets import BucketTables, buckets_of
from counterplay.games.holdem.cards import Deck, cards_mask
from counterplay.games.holdem.lanes import hands_on, lay_lanes, room_for, settle
from counterplay.games.holdem.layout import StreetLayout, instances_of
from counterplay.games.holdem.strength import ranking
from counterplay.games.holdem.templates import contract
from counterplay.games.holdem.trees import Start, Street, children, dealt_out

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Cards = tuple[int, ...]


class Dealer(NamedTuple):
    """Who deals run-outs to a chain. L levels: the streets from the first one on."""

    deck: U8  # [.] the cards to come
    size: I64  # [L] cards on the board
    street: I64  # [L] index into STREETS
    start: int  # the board at the start, as a set
    ranks: tuple[int, int, int]  # `strength.ranking`
    one: BucketTables  # of player 0; with one bucket a street all its hands play alike
    two: BucketTables  # of player 1
    board: U8  # [5] the board of the run-out that was dealt last
    room: I64  # [4, w]
    found: I64  # [w]


class Chain(NamedTuple):
    """A chain with what its numbers stand for, and who deals to it."""

    laid: StreetLayout
    dealer: Dealer


@jit
def _assign(
    tables: BucketTables, street: int, board: U8, boards: Boards, b: int, before: int, p: int, found: I64
) -> None:
    """Fill in the cells of a player's lanes on board b, which was dealt from board `before`; `found` is [w].

    With memory what cells they were in before counts too, where there is a board before.
    """
    n, at = int(boards.lanes[b, p]), int(boards.at[b]) + p * int(boards.width[b])
    above = int(boards.at[before]) + p * int(boards.width[before])
    if tables.sizes[street] > 1:
        buckets_of(tables, street, board, boards.cards[at : at + n], n, found)
    for i in range(n):
        cell = found[i] if tables.sizes[street] > 1 else 0
        if tables.memory and b != before:
            cell += int(boards.cell[above + int(boards.source[at + i])]) * tables.sizes[street]
        boards.cell[at + i] = cell


@jit
def fill(dealer: Dealer, boards: Boards, b: int, before: int, level: int) -> None:
    """Fill in cells and weights of both players' lanes on board b, dealt from board `before`; on the root, cells."""
    street, board = dealer.street[level], dealer.board[: dealer.size[level]]
    _assign(dealer.one, street, board, boards, b, before, 0, dealer.found)
    _assign(dealer.two, street, board, boards, b, before, 1, dealer.found)
    if b != before:
        for p in range(2):
            at = int(boards.at[b]) + p * int(boards.width[b])
            above = int(boards.at[before]) + p * int(boards.width[before])
            for i in range(boards.lanes[b, p]):
                boards.weight[at + i] = boards.weight[above + int(boards.source[at + i])]


@jit
def lay(dealer: Dealer, boards: Boards) -> None:
    """Make the boards of a chain those of the run-out that the dealer has on its board."""
    cards = dealer.start
    for b in range(1, len(dealer.size)):
        for i in range(dealer.size[b - 1], dealer.size[b]):
            card = int(dealer.board[i])
            cards |= 1 << (16 * (card % 4) + card // 4)
        settle(boards, b, boards, b - 1, cards, b == len(dealer.size) - 1, dealer.ranks, dealer.room)
        fill(dealer, boards, b, b - 1, b)


def _deal(dealer: Dealer, boards: Boards, random: U64) -> None:
    first, last, many = dealer.size[0], dealer.size[-1], np.uint64(len(dealer.deck))
    for at in range(first, last):
        drawn = False
        while not drawn:
            card = dealer.deck[below(random, 0, many)]
            dealer.board[at] = card
            drawn = True
            for i in range(first, at):
                drawn = drawn and dealer.board[i] != card
    lay(dealer, boards)


def _look(dealer: Dealer, boards: Boards, b: int, ahead: Boards, first: int, last: int, random: U64) -> None:
    """Draw full boards that may follow board b of a chain, and fill in their lanes, given those of board b."""
    known = dealer.start
    for i in range(dealer.size[0], dealer.size[b]):
        card = int(dealer.board[i])
        known |= 1 << (16 * (card % 4) + card // 4)
    many = np.uint64(len(dealer.deck))
    for k in range(first, last):
        cards = known
        for _ in range(dealer.size[b], dealer.size[-1]):
            while True:
                card = int(dealer.deck[below(random, 0, many)])
                drawn = 1 << (16 * (card % 4) + card // 4)
                if cards & drawn == 0:
                    break
            cards |= drawn
        settle(ahead, k, boards, b, cards, True, dealer.ranks, dealer.room)


runouts.register(Dealer, deal=_deal, look_ahead=_look)


def lay_chain(
    deck: Deck,
    board: Cards,
    weights: tuple[F64, F64],
    trees: dict[Start, Street],
    betting: BettingRules,
    tables: tuple[BucketTables, BucketTables],
    rake: Rake = NO_RAKE,
) -> Chain:
    """Return the chain of the game that goes on from a board, with a first run-out dealt: the lowest cards.

    `weights` are both ranges over the deck's hands, [H], and `trees` come from `trees.street_trees`.
    """
    first = deck.board.index(len(board))
    streets = range(first, betting.last + 1)
    rest = [card for card in deck.cards if card not in board]
    sizes = [deck.board[street] for street in streets]
    dealt = tuple((*board, *rest)[:size] for size in sizes)
    more = np.diff(sizes).tolist()
    share = [
        comb(len(deck.cards) - size, k) / comb(len(deck.cards) - size - 2 * deck.hole, k)
        for size, k in zip(sizes, more, strict=False)
    ]
    levels = len(sizes)
    before = np.maximum(np.arange(levels) - 1, 0)
    outs = Runouts(dealt, before, [*range(levels), levels - 1], share, [0] * (levels + 1), ())
    free = deck.free(board)
    one, two = (np.flatnonzero((w > 0) & free).astype(np.int64) for w in weights)
    boards = _boards(deck, outs, (one, two), tables, streets)
    made = contract(dealt_out(trees, betting), int(boards.width[0]), betting, rake)
    reach = np.zeros((2, int(boards.width[0])), np.float32)
    for p, hands in enumerate(hands_on(deck, boards, 0)):
        reach[p, : len(hands)] = weights[p][hands]
        boards.weight[p * reach.shape[1] :][: len(hands)] = reach[p, : len(hands)]
    game = Subgame(
        reach=reach,
        boards=boards,
        templates=made.templates,
        leaves=made.leaves,
        instances=instances_of(made.templates, outs, boards),
        deals=run_outs(deck, outs, boards),
        equities=Equities(np.zeros(levels, np.uint64), np.zeros(0, np.float32)),
        locks=NO_LOCKS,
        raked=rake.taken,
    )
    w = int(boards.width.max())
    dealer = Dealer(
        deck=np.array(rest, np.uint8),
        size=np.array(sizes, np.int64),
        street=np.array(streets, np.int64),
        start=cards_mask(board),
        ranks=ranking(deck),
        one=tables[0],
        two=tables[1],
        board=np.array([*dealt[-1], *[0] * (5 - sizes[-1])], np.uint8),
        room=np.zeros((4, w), np.int64),
        found=np.zeros(w, np.int64),
    )
    fill(dealer, boards, 0, 0, 0)
    lay(dealer, boards)
    streets_of = tuple(dealt_out(trees, betting).values())
    laid = StreetLayout(deck, game, (one, two), streets_of, made.entries, made.sequence, dealt, ())
    return Chain(laid, dealer)


def _boards(
    deck: Deck, outs: Runouts, hands: tuple[I64, I64], tables: tuple[BucketTables, BucketTables], streets: range
) -> Boards:
    """Return boards with the root's lanes, and room for all hands that another run-out may leave on the others."""
    full = len(outs.boards[-1])
    root = lay_lanes(deck, outs.boards[:1], outs.before[:1], full, hands)
    most = [comb(len(deck.cards) - len(cards), deck.hole) for cards in outs.boards]
    lanes = np.array([[min(len(mine), n) for mine in hands] for n in most], np.uint32)
    lanes[0] = root.lanes[0]
    boards = room_for(lanes, np.array([len(cards) == full for cards in outs.boards]))
    for name in ("source", "cards", "same", "below", "beyond"):
        mine, theirs = getattr(boards, name), getattr(root, name)
        mine[: len(theirs)] = theirs
    return in_cells(boards, [[cells_by_street(some)[street] for some in tables] for street in streets])


def cells_by_street(tables: BucketTables) -> list[int]:
    """Return how many cells a street has: buckets, or with memory all histories of them."""
    sizes: list[int] = tables.sizes.tolist()
    return list(accumulate(sizes, mul)) if tables.memory else sizes


def in_cells(boards: Boards, columns: npt.ArrayLike) -> Boards:
    """Return boards with room for the cells and weights of their lanes, and so many columns, [B, 2]."""
    room = len(boards.source)
    return boards._replace(
        columns=np.array(columns, np.uint32), cell=np.zeros(room, np.uint32), weight=np.zeros(room, np.float32)
    )


def judged_on(chain: Chain, laid: StreetLayout) -> Subgame:
    """Return a whole layout of the chain's game, in which each lane has its cell: tables of the chain are tables of it.

    `laid` is of the same game with all boards dealt out (`trees.dealt_out`).
    """
    game, dealer, small = laid.game, chain.dealer, chain.laid.game
    level = np.searchsorted(dealer.size, [len(cards) for cards in laid.boards])
    boards = in_cells(game.boards, small.boards.columns[level])
    boards.weight[: small.reach.size] = small.reach.ravel()
    before = np.zeros(len(level), np.int64)
    many_of = np.diff(game.deals.bounds.astype(np.int64)).tolist()
    before[game.deals.after] = np.repeat(np.arange(len(level)), many_of)
    for b in range(len(level)):
        dealer.board[: len(laid.boards[b])] = laid.boards[b]
        fill(dealer, boards, b, int(before[b]), int(level[b]))
    # The instance of the chain with the same betting: children lie together, in the chain one for each group of ends.
    instances, groups = game.instances, game.templates.groups.astype(np.int64)
    same = np.zeros(len(instances.template), np.int64)
    for i, (t, b, child) in enumerate(
        zip(instances.template.tolist(), instances.board.tolist(), instances.child.tolist(), strict=True)
    ):
        many, first = many_of[b], int(small.instances.child[same[i]])
        count = int(groups[t + 1] - groups[t])
        if many and count:
            same[child : child + many * count] = np.repeat(first + np.arange(count), many)
    return game._replace(boards=boards, instances=instances._replace(base=small.instances.base[same]))


def twin(chain: Chain) -> Chain:
    """Return a chain of its own boards and dealer, which shares all else: for another thread."""
    game, dealer = chain.laid.game, chain.dealer
    boards = Boards(*(array.copy() for array in game.boards))  # type: ignore[arg-type]
    board, room, found = dealer.board.copy(), dealer.room.copy(), dealer.found.copy()
    return Chain(
        chain.laid._replace(game=game._replace(boards=boards)), dealer._replace(board=board, room=room, found=found)
    )


def one_bucket(tables: BucketTables) -> BucketTables:
    """Return the tables of a player who does not look at its hand."""
    return tables._replace(sizes=np.ones_like(tables.sizes), memory=0)


def deciding(laid: StreetLayout) -> dict[int, tuple[Street, int]]:
    """Return for each decision of the templates its betting tree and its node there."""
    templates, found = laid.game.templates, dict[int, tuple[Street, int]]()
    for t, (entries, last) in enumerate(zip(laid.entries, laid.sequence, strict=True)):
        low, _, high = (int(d) for d in templates.decisions[t])
        firsts = {int(templates.first[d]): d for d in range(low, high)}
        for k, at in zip(entries, last, strict=True):
            tree = laid.streets[k]
            for node in range(len(tree.kind)):
                after = children(tree, node)
                if len(after) > 1:
                    found[firsts[int(at[after[0], tree.kind[node]])]] = (tree, node)
    return found


def always(laid: StreetLayout, raising: bool) -> npt.NDArray[np.int64]:
    """Return which action of each decision a simple player takes: it checks or calls, or bets and raises the least."""
    decisions = deciding(laid)
    chosen = np.zeros(len(laid.game.templates.parent), np.int64)
    for d, (tree, node) in decisions.items():
        names = [tree.action[child] for child in children(tree, node)]
        passive = next(a for a, name in enumerate(names) if name in ("check", "call"))
        chosen[d] = passive + 1 if raising and passive + 1 < len(names) else passive
    return chosen
