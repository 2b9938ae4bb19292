"""Hold'em games that end with a street: the layout, and what there is to know of the ends that are cut off."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.streets import Nets
from counterplay.games.holdem.betting import STREETS
from counterplay.games.holdem.lanes import hands_on
from counterplay.games.holdem.layout import StreetLayout, layout
from counterplay.games.holdem.spot import Spot
from counterplay.games.holdem.trees import CUT, Start, cut_off

I64 = npt.NDArray[np.int64]


class End(NamedTuple):
    """An end of a street that is cut off: what everybody knows of it, and the hands of its lanes."""

    board: tuple[int, ...]
    start: Start  # how the street that follows would start
    hands: tuple[I64, I64]  # numbers of both players' hands in the deck, lane by lane


def lay_out_to(spot: Spot, street: str) -> tuple[StreetLayout, list[End]]:
    """Return the layout of a spot that ends with a street, and the ends there in the order in which they are asked.

    Ends by all-in or by folds are leaves as ever; boards are dealt as far as the street.
    """
    last, weights = STREETS.index(street), (spot.weights[0], spot.weights[1])
    trees = cut_off(spot.trees, last)
    laid = layout(spot.deck, spot.board, weights, trees, spot.betting, spot.rake, dealt=last)
    game, ends = laid.game, list[End]()
    after: list[list[Start]] = [
        [
            tree.following(node, spot.betting)
            for tree in (laid.streets[k] for k in entries)
            for node in np.flatnonzero(tree.kind == CUT).tolist()
        ]
        for entries in laid.entries
    ]
    first = np.zeros(len(game.instances.template), np.uint64)
    for k, (t, b) in enumerate(zip(game.instances.template.tolist(), game.instances.board.tolist(), strict=True)):
        first[k] = len(ends)
        hands = hands_on(laid.deck, game.boards, b)
        ends += [End(laid.boards[b], start, hands) for start in after[t]]
    w = int(game.boards.width.max())
    room = (np.zeros((len(ends), 2, w), np.float32) for _ in range(2))
    nets = Nets(w, first, *room)
    return laid._replace(game=game._replace(nets=nets)), ends
