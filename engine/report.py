"""Numbers and strategies as text."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.engine.rules import CHANCE, DealtRules
from counterplay.engine.tree import Tree

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_RARE = 1e-3  # a strategy that gets somewhere less often says little about what to do there
_CELL = 16  # columns of an action's number and bar

Paint = Callable[[str, int], str]  # styles text: for the number of a colour, DIM or HEADING; or gives it back as it is
DIM, HEADING = -1, -2


def small(x: float) -> str:
    """Return an exploitability or a gap: three digits, and a power of ten where it is far from one."""
    return "0" if abs(x) < 1e-15 else f"{x:.3g}"


def payoff(x: float) -> str:
    """Return a payoff with its sign, to six decimals."""
    return f"{x:+.6f}" if round(x, 6) else "0.000000"


def duration(seconds: float) -> str:
    """Return a time as one would say it."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.001 else "under 1 ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = int(seconds / 60 + 0.5)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 6000 else f"{minutes / 1440:.0f} days"


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def meaning(value: Sequence[float], best: Sequence[float], certain: bool, figures: dict[str, float]) -> Iterator[str]:
    """Yield what values and best responses of all players mean, a sentence each.

    `certain` tells of two players and zero sum; `figures` are a solver's further certificates.
    """
    most = small(max(0.0, *(b - v for b, v in zip(best, value, strict=True))))
    gain = "anything" if most == "0" else f"more than {most}"
    if certain:
        yield f"Neither player can gain {gain} by deviating."
        low, high = payoff(-best[1]), payoff(best[0])
        between = low if low == high else f"between {low} and {high}"
        yield f"The game itself is worth {between} to player 0."
    else:
        yield f"If all play the average strategies, no player can gain {gain} by deviating alone;"
        yield "with more than two players or payoffs that are not zero-sum, nothing promises that this goes to 0."
    if "coarse_gap" in figures:
        gap = small(figures["coarse_gap"])
        yield f"What does go to 0: the joint play of the run is {gap} from a coarse correlated equilibrium."
    if "qre_gap" in figures:
        gap = small(figures["qre_gap"])
        yield f"The strategy is {gap} from the quantal-response equilibrium of its temperature."


def plain(text: str, colour: int) -> str:
    """Return the text as it is: the `Paint` of what is no terminal."""
    return text


def table(lines: Sequence[tuple[str, str]], paint: Paint) -> Iterator[str]:
    """Yield names and texts in two columns."""
    return (paint(f"{name:<16}", HEADING) + text for name, text in lines)


def bar(share: float, width: int) -> str:
    """Return a bar of a share of `width` characters, in eighths."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


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


class Block(NamedTuple):
    """Rows with the same actions under one title."""

    player: int
    title: str
    actions: tuple[str, ...]
    rows: tuple[Row, ...]


def reached(tree: Tree, strategy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how often the owner's own strategy gets to each information set with each hand, [I, W]."""
    own = np.ones((len(tree.owner), tree.lanes))
    for i, above in enumerate(tree.above):
        if above >= 0:  # an information set of that row has a smaller number
            before = int(np.searchsorted(tree.first, above, side="right")) - 1
            own[i] = own[before] * strategy[above]
    return own


def possible(tree: Tree) -> npt.NDArray[np.bool_]:
    """Tell for each information set and hand whether chance can deal it that way, [I, W]."""
    can = np.zeros((len(tree.owner), tree.lanes), bool)
    for node in np.flatnonzero(tree.player >= 0):
        p = int(tree.player[node])
        rest = tuple(q for q in range(tree.players) if q != p)
        can[tree.infoset[node], : len(tree.hands[p])] |= tree.weights[tree.weight[node]].any(axis=rest)
    return can


def spoken(history: str, move: str, chance: bool) -> str:
    """Return a public history in words with one move more: players' between commas, chance's in brackets."""
    if chance:
        return f"{history} [{move}]".lstrip()
    return f"{history}{'' if not history else ' ' if history.endswith(']') else ', '}{move}"


def in_words(tree: Tree, rules: DealtRules) -> list[str]:
    """Return the public history of each information set of a dealt game in the words of its moves."""
    words = [""] * len(tree.labels)
    path: list[tuple[Any, str]] = [(None, "")] * len(tree.player)
    for node, up in enumerate(tree.parent):
        state, said = rules.root(), ""
        if up >= 0:
            before, said = path[up]
            state = rules.play(before, int(tree.slot[node]))
            move = rules.moves(before)[tree.slot[node]]
            said = spoken(said, move, tree.player[up] == CHANCE)
        path[node] = state, said
        if tree.player[node] >= 0:
            words[tree.infoset[node]] = said
    return words


def blocks(source: Labelled, table: npt.NDArray[np.float64], tree: Tree | None, rules: Any) -> Iterator[Block]:
    """Yield the strategy as tables, player by player.

    Games with hands have one table for each public history, short histories first; others one for all information
    sets with the same actions. `tree` and, for dealt games, `rules` say which rows matter and name the
    histories; without them rows are unmarked and histories keep their labels.
    """
    own, can = (reached(tree, table), possible(tree)) if tree is not None else (None, None)
    words = list(source.labels) if tree is None or rules is None else in_words(tree, rules)

    def row(i: int, lane: int, name: str) -> Row:
        note = ""
        if own is not None and own[i, lane] < _RARE:
            note = "rarely reached" if own[i, lane] > 0 else "never reached"
        if can is not None and not can[i, lane]:
            note = "impossible"
        return Row(
            name,
            source.labels[i] if name != source.labels[i] else "",
            tuple(table[source.first[i] : source.first[i + 1], lane].tolist()),
            note,
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


class Line(NamedTuple):
    """A line of text, and how much it matters: 1 for a heading, -1 for what can be skipped."""

    text: str
    weight: int = 0


def strategy(blocks: Sequence[Block], limit: int, width: int) -> Iterator[Line]:
    """Yield the lines of the blocks, at most `limit` rows a player (0: all)."""
    for player in sorted({block.player for block in blocks}):
        room = limit or sum(len(block.rows) for block in blocks)
        cut = 0
        for block in blocks:
            if block.player == player:
                rows = block.rows[:room]
                room, cut = room - len(rows), cut + len(block.rows) - len(rows)
                if rows:
                    yield Line("")
                    yield Line(f"player {player}{', ' if block.title else ''}{block.title}", 1)
                    yield from _lines(block._replace(rows=rows), width)
        if cut:
            yield Line("")
            yield Line(f"{cut:,} more rows of player {player}: --limit 0 shows all, --infoset TEXT some", -1)


def _lines(block: Block, width: int) -> Iterator[Line]:
    """Yield numbers and bars if they fit, else numbers, else a list of what has a share; long names get lines."""
    head = max(len(row.name) for row in block.rows)
    room = width - head - 4 - (16 if any(row.note for row in block.rows) else 0)
    bars = [max(len(a), _CELL) for a in block.actions]
    numbers = [max(len(a), 6) for a in block.actions]
    cells = next((c for c in (bars, numbers) if sum(c) + 2 * len(c) <= room), None)
    if cells is not None:
        names = "  ".join(f"{a:<{c}}" for a, c in zip(block.actions, cells, strict=True))
        yield Line(f"  {'':<{head}}  {names}".rstrip(), -1)
    for row in block.rows:
        weight = -1 if row.note else 0
        if cells is not None:
            shares = [f"{100 * x:5.1f}% {bar(x, 8) if cells is bars else ''}".rstrip() for x in row.odds]
            body = "  ".join(f"{x:<{c}}" for x, c in zip(shares, cells, strict=True))
            yield Line(f"  {row.name:<{head}}  {body}  {row.note}".rstrip(), weight)
            continue
        order = sorted(range(len(row.odds)), key=lambda a: -row.odds[a])
        body = " · ".join(f"{block.actions[a]} {100 * row.odds[a]:.1f}%" for a in order if row.odds[a] >= 0.0005)
        if head > width // 3:
            yield Line(f"  {row.name}", weight)
            yield Line(f"      {body}  {row.note}".rstrip(), weight)
        else:
            yield Line(f"  {row.name:<{head}}  {body}  {row.note}".rstrip(), weight)
