"""What the verifier's parts for spots and for phantom games will take, counted before it is taken."""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.verifier_phantom import Board
from counterplay.games.holdem import places
from counterplay.games.holdem.spot import Spot
from counterplay.games.holdem.trees import ALLIN, NEXT

Array = npt.NDArray[Any]

# Seconds that were measured on a machine of 2024: of a node, of two hands that meet there, of a list of attempts.
OF_NODE, OF_PAIR, OF_LIST = 1.2e-4, 1.2e-10, 1e-6
OF_SEQUENCE = 110  # bytes of a sequence of a phantom game


def seconds_of_spot(spot: Spot) -> float:
    """Return about how long a spot's solution takes: by its nodes on all boards, and the pairs of hands at each."""
    laid = places.lay_out(spot)
    cards, last = len(laid.deck.cards), laid.deck.board[spot.betting.last]

    def below(template: int, entry: int, dealt: int) -> float:
        tree, found = laid.streets[laid.entries[template][entry]], 0.0
        for node, kind in enumerate(tree.kind.tolist()):
            boards = 1
            if kind == NEXT:
                group, after = places.onward(laid, template, entry, node)
                found += (cards - dealt) * below(int(laid.game.templates.follows[group]), after, dealt + 1)
            elif kind == ALLIN:
                for more in range(dealt, last):
                    boards *= cards - more
            found += boards
        return found

    nodes = 2 * below(0, 0, len(spot.board))  # once for each player
    return nodes * (OF_NODE + OF_PAIR * len(laid.combos[0]) * len(laid.combos[1]))


def lists_of(board: Board) -> int:
    """Return how many lists of attempts all finished orders allow, both players' added up: what is walked.

    They are counted by positions and by how many cells each has tried in vain, so that this takes a second.
    """
    return round(sum(_lists_of(board, p) for p in range(2)))


def _lists_of(board: Board, p: int) -> float:
    """Return how many lists of player p's attempts all finished orders allow."""
    side, total, me = board.cells + 1, 0.0, 0
    states: Array = np.zeros((4, 1), np.int64)  # stones, and how many attempts in vain, of each
    many: Array = np.ones(1)  # lists
    while len(many):
        more: tuple[Array, Array] = (states, many)
        parts = [more]
        while (board.abrupt or me == p) and len(more[1]):
            room = board.many[more[0][1 - me]] - more[0][2 + me]
            failing = more[0][:, room > 0]
            failing[2 + me] += 1
            more = failing, more[1][room > 0] * (room[room > 0] if me == p else 1)
            parts.append(more)
            if board.abrupt:
                break
        lost = parts[1:] if board.abrupt else []
        states, many = parts[0] if board.abrupt else _added(parts)
        for c in range(board.cells):
            free = (states[0] | states[1]) >> c & 1 == 0
            placed = states[:, free]
            placed[me] |= 1 << c
            lost.append((placed, many[free]))
        states, many = _added(lost)
        key = ((board.three[states[0]] + 2 * board.three[states[1]]) * side + states[2]) * side + states[3]
        _, once, of = np.unique(key, return_index=True, return_inverse=True)
        states, many = states[:, once], np.bincount(of, many, len(once))
        over = ~np.isnan(board.paid[board.three[states[0]] + 2 * board.three[states[1]]])
        total += float(many[over].sum())
        states, many, me = states[:, ~over], many[~over], 1 - me
    return total


def _added(parts: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    return np.concatenate([part[0] for part in parts], axis=1), np.concatenate([part[1] for part in parts])
