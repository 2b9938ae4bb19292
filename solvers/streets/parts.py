"""Tables by cells, player by player: one strategy in each seat, strategies in eight bits, and simple players.

A player's part of an instance is [columns, actions of all its decisions there] (`solvers.streets.cells`). Instances of
chains of one game are numbered alike, whatever cells their hands are in.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.streets import F32, U8, Subgame

_TOP = 255


class Part(NamedTuple):
    """A player's part of an instance's tables: where it is, and how it is laid out."""

    template: int
    player: int
    begin: int
    columns: int
    actions: int

    @property
    def end(self) -> int:
        """Return where it ends."""
        return self.begin + self.columns * self.actions

    def of(self, table: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the part of a table, [columns, actions]; what is written there is written to the table."""
        return table[self.begin : self.end].reshape(self.columns, self.actions)


def parts_of(game: Subgame) -> Iterator[Part]:
    """Yield the parts of all instances that have decisions, both players' of each instance."""
    actions, columns = game.templates.actions.tolist(), game.boards.columns.tolist()
    instances = game.instances
    for t, b, begin in zip(instances.template.tolist(), instances.board.tolist(), instances.base.tolist(), strict=True):
        for p in range(2):
            yield Part(t, p, begin, columns[b][p], actions[t][p])
            begin += columns[b][p] * actions[t][p]


def decisions_of(game: Subgame, part: Part) -> Iterator[tuple[int, slice]]:
    """Yield the decisions of a part, and which of its actions are theirs."""
    templates = game.templates
    for d in range(*(int(x) for x in templates.decisions[part.template, part.player : part.player + 2])):
        offset = int(templates.offset[d])
        yield d, slice(offset, offset + int(templates.size[d]))


def seated(game: Subgame, seats: tuple[tuple[Subgame, npt.NDArray[Any]], tuple[Subgame, npt.NDArray[Any]]]) -> F32:
    """Return a table of average strategies of `game` in which each player's part is that of another chain's table."""
    table = np.zeros(game.entries, np.float32)
    for to, *sources in zip(parts_of(game), *(parts_of(other) for other, _ in seats), strict=True):
        source, (_, total) = sources[to.player], seats[to.player]
        table[to.begin : to.end] = total[source.begin : source.end]
    return table


def pressed(game: Subgame, total: F32) -> U8:
    """Return average strategies as probabilities in steps of 1/255, all zero where nothing was averaged."""
    found = np.zeros(len(total), np.uint8)
    for part in parts_of(game):
        mine, to = part.of(total), part.of(found)
        for _, own in decisions_of(game, part):
            masses = mine[:, own]
            sums = masses.sum(axis=1, keepdims=True)
            to[:, own] = np.rint(masses * (_TOP / np.where(sums > 0, sums, 1)))
    return found


def by_lanes(game: Subgame, cells: Subgame, total: npt.NDArray[Any]) -> F32:
    """Return average strategies of a layout by lanes: each lane plays as its cell does in the table of a chain.

    `cells` is the same layout with the chain's cells and places in its tables (`chain.judged_on`).
    """
    found = np.zeros(game.entries, np.float32)
    for k, (to, source) in enumerate(zip(parts_of(game), parts_of(cells), strict=True)):
        if not to.actions:
            continue
        board, p = int(game.instances.board[k // 2]), to.player
        at = int(cells.boards.at[board]) + p * int(cells.boards.width[board])
        masses = source.of(total)[cells.boards.cell[at : at + to.columns]].astype(np.float32)
        begins = [own.start for _, own in decisions_of(game, to)]
        sizes = np.diff([*begins, to.actions])
        sums = np.repeat(np.add.reduceat(masses, begins, axis=1), sizes, axis=1)
        even = np.repeat(1.0 / sizes, sizes)[None]
        odds = np.where(sums > 0, masses / np.where(sums > 0, sums, 1), even)
        found[to.begin : to.end] = odds.T.ravel()
    return found


def simple(game: Subgame, chosen: npt.NDArray[np.int64]) -> F32:
    """Return the table of a player who always takes the same action of a decision: `chosen[d]`."""
    table = np.zeros(game.entries, np.float32)
    for part in parts_of(game):
        for d, own in decisions_of(game, part):
            part.of(table)[:, own.start + int(chosen[d])] = 1.0
    return table
