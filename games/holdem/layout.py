"""From a spot's ranges, board and betting to the `Subgame` that solvers read, and what its numbers stand for."""

from collections.abc import Sequence
from functools import lru_cache
from math import comb
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.streets import NO_LOCKS, Boards, Instances, Subgame, Templates
from counterplay.games.holdem.betting import NO_RAKE, BettingRules, Rake
from counterplay.games.holdem.boards import Runouts, deal_on, run_outs
from counterplay.games.holdem.cards import Deck
from counterplay.games.holdem.equity import equities
from counterplay.games.holdem.lanes import hands_on, lay_lanes
from counterplay.games.holdem.templates import Contracted, contract
from counterplay.games.holdem.trees import ALLIN, NEXT, Start, Street

I64 = npt.NDArray[np.int64]
Cards = tuple[int, ...]


class StreetLayout(NamedTuple):
    """A subgame, and what its numbers stand for."""

    deck: Deck
    game: Subgame
    combos: tuple[I64, I64]  # both players' ranges: the numbers of their hands in the deck, lowest first
    streets: tuple[Street, ...]  # all betting trees of a street
    entries: tuple[tuple[int, ...], ...]  # [T][E] the tree that follows each entry of a template
    sequence: tuple[tuple[I64, ...], ...]  # [T][E][N, 2] both players' last sequences at each node
    boards: tuple[Cards, ...]  # [B]
    suits: tuple[tuple[int, ...], ...]  # [.] the suit permutations that swaps stand for


class _Same:
    """Betting trees as a key: the very same ones, which are kept with it."""

    def __init__(self, trees: dict[Start, Street]):
        self.trees = trees

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.trees is self.trees

    def __hash__(self) -> int:
        return id(self.trees)


def contracted(trees: dict[Start, Street], width: int, betting: BettingRules, rake: Rake) -> Contracted:
    """Return the templates of betting trees; spots that differ in boards and ranges alone share them."""
    return _contracted(_Same(trees), width, betting, rake)


@lru_cache(maxsize=32)
def _contracted(trees: _Same, width: int, betting: BettingRules, rake: Rake) -> Contracted:
    return contract(trees.trees, width, betting, rake)


def layout(
    deck: Deck,
    board: Cards,
    weights: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    trees: dict[Start, Street],
    betting: BettingRules,
    rake: Rake = NO_RAKE,
    symmetry: bool = True,
    told: Sequence[npt.NDArray[Any]] = (),
    dealt: int | None = None,
) -> StreetLayout:
    """Lay out the game that goes on from a board.

    `weights` are both ranges over the deck's hands, [H]; `trees` comes from `trees.street_trees`. With `symmetry`,
    cards that equal each other up to a swap of suits that changes neither board nor ranges, nor what else is `told` of
    hands, [H] each, are dealt once. Boards are dealt to the last street, or to street `dealt`.
    """
    free = deck.free(board)
    one, two = (np.flatnonzero((w > 0) & free).astype(np.int64) for w in weights)
    outs = deal_on(deck, board, betting.last if dealt is None else dealt, (*weights, *told), symmetry)
    boards = lay_lanes(deck, outs.boards, outs.before, deck.board[betting.last], (one, two))
    made = contracted(trees, int(boards.width[0]), betting, rake)
    allins = {start.street for start, tree in trees.items() if (tree.kind == ALLIN).any()}
    reach = np.zeros((2, int(boards.width[0])), np.float32)
    for p, numbers in enumerate(hands_on(deck, boards, 0)):
        reach[p, : len(numbers)] = weights[p][numbers]
    game = Subgame(
        reach=reach,
        boards=boards,
        templates=made.templates,
        leaves=made.leaves,
        instances=instances_of(made.templates, outs, boards),
        deals=run_outs(deck, outs, boards),
        equities=equities(deck, outs.boards, boards, betting.last, allins, (one, two)),
        locks=NO_LOCKS,
        raked=rake.taken,
    )
    return StreetLayout(
        deck, game, (one, two), tuple(trees.values()), made.entries, made.sequence, outs.boards, outs.suits
    )


def facing(laid: StreetLayout) -> npt.NDArray[np.uint32]:
    """Return the other player's last sequence at each decision of the templates, [D]."""
    templates = laid.game.templates
    found = np.zeros(len(templates.parent), np.uint32)
    for t, (entries, last) in enumerate(zip(laid.entries, laid.sequence, strict=True)):
        low, _, high = (int(d) for d in templates.decisions[t])
        at = {int(templates.first[d]): d for d in range(low, high)}
        for k, sequences in zip(entries, last, strict=True):
            tree = laid.streets[k]
            for node in np.flatnonzero(tree.kind < 2).tolist():
                d = at.get(int(sequences[node + 1, tree.kind[node]]))  # the first child comes next
                if d is not None:
                    found[d] = sequences[node, 1 - tree.kind[node]]
    return found


def least_entries(
    deck: Deck, board: Cards, lanes: tuple[int, int], trees: dict[Start, Street], betting: BettingRules, swaps: int
) -> int:
    """Return how many entries the tables of a layout have at least, before anything is laid out.

    Boards are counted as if each of them stood for as many as there are swaps of suits. `lanes` are the players' on the
    first board.
    """
    ways = dict.fromkeys(trees, 0)
    ways[next(iter(trees))] = 1
    first, boards = next(iter(trees)).street, dict[int, float]()
    left, many = len(deck.cards) - len(board), 1.0
    for street in range(first, betting.last + 1):
        more = deck.board[street] - (deck.board[street - 1] if street > first else len(board))
        many *= comb(left - deck.hole, more)  # that leave a hand
        left -= more
        boards[street] = many / swaps if street > first else 1.0
    found = 0.0
    for start, tree in trees.items():  # a street before those that follow it
        actions = np.bincount(tree.parent[1:], minlength=len(tree.kind))
        size = sum(int(actions[(tree.kind == p) & (actions > 1)].sum()) * lanes[p] for p in range(2))
        found += ways[start] * boards[start.street] * size
        for node in np.flatnonzero(tree.kind == NEXT):
            ways[tree.following(int(node), betting)] += ways[start]
    return int(found)


def instances_of(templates: Templates, outs: Runouts, boards: Boards) -> Instances:
    """Number the instances of all streets: a street's children lie together, their tables in the order of visits."""
    actions: list[list[int]] = templates.actions.tolist()
    columns: list[list[int]] = boards.columns.tolist()
    counts = (templates.decisions[:, 2] - templates.decisions[:, 0]).tolist()
    groups: list[int] = templates.groups.tolist()
    follows: list[int] = templates.follows.tolist()
    template, board, base, scale, child = [0], [0], [0], [0], [0]
    entries = decisions = 0

    def place(instance: int) -> None:
        nonlocal entries, decisions
        t, b = template[instance], board[instance]
        base[instance], scale[instance] = entries, decisions
        entries += actions[t][0] * columns[b][0] + actions[t][1] * columns[b][1]
        decisions += counts[t]
        begin = len(template)
        for group in range(groups[t], groups[t + 1]):
            for deal in range(outs.bounds[b], outs.bounds[b + 1]):
                template.append(follows[group])
                board.append(deal + 1)
        more = len(template) - begin
        for numbers in (base, scale, child):
            numbers.extend([0] * more)
        child[instance] = begin
        for following in range(begin, begin + more):
            place(following)

    place(0)
    return Instances(
        template=np.array(template, np.uint32),
        board=np.array(board, np.uint32),
        base=np.array(base, np.uint64),
        scale=np.array(scale, np.uint64),
        child=np.array(child, np.uint64),
    )
