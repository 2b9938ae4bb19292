"""Strategies of games that have a tree, as tables of text."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.engine.tree import Tree
from counterplay.engine.wording import in_words
from counterplay.show.text import bar
from counterplay.solvers.reach import RARE, RARELY_REACHED, marks

_CELL = 16  # columns of an action's number and bar


class Labelled(Protocol):
    """What strategies are shown by: the labels that a tree and a solution file share."""

    @property
    def owner(self) -> npt.NDArray[np.int8]: ...
    @property
    def first(self) -> npt.NDArray[np.int64]: ...
    @property
    def hands(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def actions(self) -> tuple[tuple[str, ...], ...]: ...


class Row(NamedTuple):
    """One distribution over actions: of a hand at a public history, or of an information set."""

    name: str
    label: str  # of its information set
    odds: tuple[float, ...]
    note: str  # why it does not matter, if it does not
    reach: float | None = None  # the probability that a game gets there with that hand, if it is known

    @property
    def remark(self) -> str:
        """Return the note, with the probability where that says more."""
        rare = self.note == RARELY_REACHED and self.reach is not None
        return f"{self.note}, {100 * (self.reach or 0):.2g} %" if rare else self.note


class Block(NamedTuple):
    """Rows with the same actions under one title."""

    player: int
    title: str
    actions: tuple[str, ...]
    rows: tuple[Row, ...]


def blocks(source: Labelled, table: npt.NDArray[np.float64], tree: Tree | None, rules: Any) -> Iterator[Block]:
    """Yield the strategy as tables, player by player.

    Games with hands have one table for each public history, short histories first; others one for all information
    sets with the same actions. `tree` and, for dealt games, `rules` say which rows matter and name the
    histories; without them rows are unmarked and histories keep their labels.
    """
    known = marks(tree, table) if tree is not None else None
    words = list(source.labels) if tree is None or rules is None else in_words(tree, rules)

    def row(i: int, lane: int, name: str) -> Row:
        often, said = (float(known[0][i, lane]), known[1][i][lane]) if known is not None else (None, "")
        return Row(
            name,
            source.labels[i] if name != source.labels[i] else "",
            tuple(table[source.first[i] : source.first[i + 1], lane].tolist()),
            said,
            often,
        )

    for player, hands in enumerate(source.hands):
        mine = [int(i) for i in np.flatnonzero(source.owner == player)]
        if hands == ("",):
            for actions in dict.fromkeys(source.actions[i] for i in mine):
                rows = (
                    row(i, 0, " ".join(source.labels[i].split()) or "start")
                    for i in mine
                    if source.actions[i] == actions
                )
                yield Block(player, "", actions, tuple(rows))
            continue
        for i in sorted(mine, key=lambda i: (words[i].count("["), words[i].count(","), i)):
            title = f"after {words[i]}" if words[i] else "first to act"
            yield Block(player, title, source.actions[i], tuple(row(i, w, hand) for w, hand in enumerate(hands)))


def called(block: Block, row: Row) -> str:
    """Return all that a row can be found by: its hand or label, its history in words, and its label."""
    return " ".join(x for x in (row.name, block.title, row.label) if x)


def matching(block: Block, text: str) -> Block:
    """Return the block with the rows that contain the text, in whatever case."""
    return block._replace(rows=tuple(r for r in block.rows if text.lower() in called(block, r).lower()))


class Shown(NamedTuple):
    """A line of text, and how much it matters: 1 for a heading, -1 for what can be skipped."""

    text: str
    weight: int = 0


def strategy(blocks: Sequence[Block], limit: int, width: int) -> Iterator[Shown]:
    """Yield the lines of the blocks, at most `limit` rows a player (0: all)."""
    for player in sorted({block.player for block in blocks}):
        room = limit or sum(len(block.rows) for block in blocks)
        cut = 0
        for block in blocks:
            if block.player == player:
                rows = block.rows[:room]
                room, cut = room - len(rows), cut + len(block.rows) - len(rows)
                if rows:
                    yield Shown("")
                    yield Shown(f"player {player}{', ' if block.title else ''}{block.title}", 1)
                    yield from _lines(block._replace(rows=rows), width)
        if cut:
            yield Shown("")
            yield Shown(f"{cut:,} more rows of player {player}: --limit 0 shows all, --infoset TEXT some", -1)
    yield from _legend({row.note for block in blocks for row in block.rows})


def _legend(notes: set[str]) -> Iterator[Shown]:
    """Yield what is meant by the notes of rows, if there are any."""
    said = [
        "never reached: no solver has a reason to play well there, and often all actions are alike",
        f"rarely reached: the players' own choices get there less than {RARE:g} of the time; per cent with chance",
    ]
    found = [text for text in said if text.partition(":")[0] in notes]
    if found:
        yield Shown("")
    for text in found:
        yield Shown(text, -1)


def _lines(block: Block, width: int) -> Iterator[Shown]:
    """Yield numbers and bars if they fit, else numbers, else a list of what has a share; long names get lines."""
    head = max(len(row.name) for row in block.rows)
    room = width - head - 4 - max((len(row.remark) + 2 for row in block.rows if row.note), default=0)
    bars = [max(len(a), _CELL) for a in block.actions]
    numbers = [max(len(a), 6) for a in block.actions]
    cells = next((c for c in (bars, numbers) if sum(c) + 2 * len(c) <= room), None)
    if cells is not None:
        names = "  ".join(f"{a:<{c}}" for a, c in zip(block.actions, cells, strict=True))
        yield Shown(f"  {'':<{head}}  {names}".rstrip(), -1)
    for row in block.rows:
        weight = -1 if row.note else 0
        if cells is not None:
            shares = [f"{100 * x:5.1f}% {bar(x, 8) if cells is bars else ''}".rstrip() for x in row.odds]
            body = "  ".join(f"{x:<{c}}" for x, c in zip(shares, cells, strict=True))
            yield Shown(f"  {row.name:<{head}}  {body}  {row.remark}".rstrip(), weight)
            continue
        order = sorted(range(len(row.odds)), key=lambda a: -row.odds[a])
        body = " · ".join(f"{block.actions[a]} {100 * row.odds[a]:.1f}%" for a in order if row.odds[a] >= 0.0005)
        if head > width // 3:
            yield Shown(f"  {row.name}", weight)
            yield Shown(f"      {body}  {row.remark}".rstrip(), weight)
        else:
            yield Shown(f"  {row.name:<{head}}  {body}  {row.remark}".rstrip(), weight)
