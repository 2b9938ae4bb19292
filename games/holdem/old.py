"""Tables of earlier versions: a column for every hand of the ranges on every board, in the order of the hands."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.streets import part_sizes, root_lanes
from counterplay.games.holdem.layout import StreetLayout

FORMAT = 2  # of the last files that hold such tables


def by_board(laid: StreetLayout, state: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return what such tables say of the hands that each board leaves; raises `ValueError` if they do not fit."""
    game, hands = laid.game, [len(numbers) for numbers in laid.combos]
    rows = game.templates.actions[game.instances.template].astype(np.int64)  # [I, 2]
    size, entries = int((rows @ np.array(hands)).sum()), game.entries
    places = [[root_lanes(game, b, p) for p in range(2)] for b in range(len(laid.boards))]
    found = dict(state)
    for name in ("regret", "total"):
        old = state[name]
        if old.shape != (size,):
            raise UserError(f"the saved run does not fit: {name} has {old.size:,} numbers in place of {size:,}")
        new, at = np.zeros(entries, old.dtype), 0
        board, bases, sizes = game.instances.board.tolist(), game.instances.base.tolist(), part_sizes(game).tolist()
        for i in np.argsort(game.instances.base, kind="stable").tolist():  # in the order of visits
            parts = list[npt.NDArray[Any]]()
            for p in range(2):
                count = int(rows[i, p]) * hands[p]
                parts.append(old[at : at + count].reshape(-1, hands[p])[:, places[board[i]][p]].ravel())
                at += count
            new[bases[i] : bases[i] + sizes[i]] = np.concatenate(parts)
        found[name] = new
    return found
