"""A decision of a spot as text: the figures of both ranges, a grid of all hands, a list of combos, a table of run-outs.

`paint` (`engine.report.Paint`) styles a piece of text by the number of an action's colour.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.games.holdem.betting import PLAYERS
from counterplay.games.holdem.cards import COMBOS, RANKS
from counterplay.games.holdem.ranges import HANDS, grid, hand_combos
from counterplay.show.text import DIM, HEADING, Paint, bar
from counterplay.solvers.reach import NEVER_REACHED, RARE, note

FOLD_COLOUR, CALL_COLOUR = 0, 1  # and 2 .. 7 for bets and raises, the larger the deeper
COLOURS = (67, 107, 216, 209, 203, 167, 124, 88)  # of a terminal with 256 colours
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # of bets and raises
_CELL, _NAMED = 5, 9  # columns of a cell: "c87", and in wide terminals "AKs c87"
_WIDE = 2 + 13 * _NAMED


def colours(actions: Sequence[str]) -> list[int]:
    """Return the number of each action's colour."""
    bets = [i for i, action in enumerate(actions) if action not in ("fold", "check", "call")]
    deepest = len(COLOURS) - 1 - CALL_COLOUR
    found = [FOLD_COLOUR if action == "fold" else CALL_COLOUR for action in actions]
    for k, i in enumerate(bets):
        found[i] = CALL_COLOUR + 1 + (k * (deepest - 1) // (len(bets) - 1) if len(bets) > 1 else deepest // 2)
    return found


def letters(actions: Sequence[str]) -> list[str]:
    """Return a letter for each action: f fold, x check, c call, and A, B, C, ... for bets and raises."""
    names = {"fold": "f", "check": "x", "call": "c"}
    left = iter(_LETTERS)
    return [names.get(action) or next(left, "?") for action in actions]


def number(value: float | None, form: str) -> str:
    """Return a number, or a dash for one that means nothing."""
    return "-" if value is None or not np.isfinite(value) else format(value, form)


def header(summary: dict[str, Any], paint: Paint) -> Iterator[str]:
    """Yield who acts where, what both ranges are worth, and how often each action is taken."""
    where = f"after {summary['node']}" if summary["node"] else "first to act"
    share = summary["locked"]
    held = "" if not share else " · locked" if share > 0.9999 else f" · {share:.1%} locked"
    held += f" · {summary['note'].upper()}" if summary["note"] else ""
    board = summary["board"] or summary["street"]
    yield paint(f"{summary['player'].upper()} {where} · {board} · pot {summary['pot']}{held}", HEADING)
    yield paint(f"  {'':<5}{'EV':>10}{'equity':>10}{'realised':>10}", DIM)
    for p, name in enumerate(PLAYERS):
        ev, equity, realised = (summary[key][p] for key in ("ev", "equity", "realisation"))
        yield f"  {name.upper():<5}{number(ev, '.3f'):>10}{number(equity, '.1%'):>10}{number(realised, '.1%'):>10}"
    yield ""
    yield from _frequencies(summary["strategy"], paint)
    if summary["note"]:
        yield ""
        yield from remark(summary["note"], summary["reach"])


def opening(summary: dict[str, Any], paint: Paint) -> Iterator[str]:
    """Yield who acts where, and how often each action is taken; without values."""
    where = f"after {summary['node']}" if summary["node"] else "first to act"
    board, note = summary["board"] or summary["street"], f" · {summary['note'].upper()}" if summary["note"] else ""
    yield paint(f"{summary['player'].upper()} {where} · {board} · pot {summary['pot']}{note}", HEADING)
    yield ""
    yield from _frequencies(summary["strategy"], paint)
    if summary["note"]:
        yield ""
        yield from remark(summary["note"], summary["reach"])


def remark(note: str, reach: float) -> Iterator[str]:
    """Yield what it means that a decision is hardly ever reached."""
    if note == NEVER_REACHED:
        yield "  Never reached: the solution does not play this line, and has no strategy for it."
    else:
        yield f"  Rarely reached, {100 * reach:.2g} % of the time: under {100 * RARE:g} % little depends on it, the"
        yield "  solver has hardly worked on it, and exploitability does not tell how well."


def _frequencies(strategy: Mapping[str, float | None], paint: Paint) -> Iterator[str]:
    """Yield a line for each action: its letter and colour, and how often it is taken."""
    actions = list(strategy)
    wide = max(map(len, actions))
    for (action, share), letter, colour in zip(strategy.items(), letters(actions), colours(actions), strict=True):
        name = paint(f" {letter} ", colour) + f" {action:<{wide}}"
        yield f"  {name}  {number(share, '.1%'):>6}  {bar(share or 0.0, 20)}".rstrip()


def is_chart(hands: Sequence[str]) -> bool:
    """Tell whether hands are the 169 before the flop, as `ranges.HANDS` has them."""
    return list(hands) == [str(hand) for hand in HANDS]


def chart(actions: Sequence[str], odds: npt.ArrayLike, paint: Paint, coloured: bool, width: int = 100) -> Iterator[str]:
    """Yield how often each action is taken over all combos, and the grid of the 169 hands with their odds, [169, A]."""
    combos = [hand_combos(hand) for hand in HANDS]
    strategy = np.repeat(np.asarray(odds, np.float64), [len(c) for c in combos], axis=0).T
    yield from _frequencies(dict(zip(actions, strategy.mean(axis=1).tolist(), strict=True)), paint)
    yield ""
    every = np.concatenate(combos)
    yield from hand_grid(actions, every, np.ones(len(every)), strategy, paint, coloured, width)


def hand_grid(
    actions: Sequence[str],
    combos: npt.NDArray[np.int64],
    shares: npt.NDArray[np.float64],
    strategy: npt.NDArray[np.float64],
    paint: Paint,
    coloured: bool,
    width: int = 100,
) -> Iterator[str]:
    """Yield 13 rows of hands, suited above the diagonal, with the most common action of each, and what that means.

    A cell has that action's letter and per cent; in colour it is divided as the hand's actions are.
    """
    weight = np.zeros(COMBOS)
    weight[combos] = shares
    cells = []
    for row in strategy:
        spread = np.zeros(COMBOS)
        spread[combos] = row
        cells.append(grid(spread, weight))
    odds = np.stack(cells)  # [A, 13, 13]
    names, paints = letters(actions), colours(actions)

    def cell(i: int, j: int) -> tuple[str, npt.NDArray[np.float64]]:
        share = odds[:, i, j]
        if np.isnan(share[0]):
            return "", share
        top = int(share.argmax())
        return f"{names[top]}{100 * share[top]:.0f}", share

    yield from _grid(cell, paints, paint, coloured, width)
    yield paint("  cells: most common action in per cent; suited above the diagonal", DIM)
    if coloured:
        yield paint("  colours: the shares of all actions", DIM)


def _grid(
    cell: Callable[[int, int], tuple[str, npt.NDArray[np.float64]]],
    paints: list[int],
    paint: Paint,
    coloured: bool,
    width: int,
) -> Iterator[str]:
    """Yield 13 rows of cells; `cell` gives a text, "" for hands that are not held, and how it is divided in colour."""
    named = width >= _WIDE
    ranks, wide = RANKS[::-1], _NAMED if named else _CELL
    if not named:
        yield ("     " + "".join(f"{rank:<{wide}}" for rank in ranks)).rstrip()
    for i, rank in enumerate(ranks):
        line = "  " if named else f"  {rank}  "
        for j in range(len(ranks)):
            text, share = cell(i, j)
            name = f"{_hand(i, j):<4}" if named else ""
            if not text:
                line += paint(f"{name if named else '.':<{wide}}", DIM)
            elif coloured:
                line += _divided(f"{name}{text:<{wide - len(name) - 1}}", share, paints, paint) + " "
            else:
                line += f"{name}{text}".ljust(wide)
        yield line.rstrip()


def _divided(text: str, share: npt.NDArray[np.float64], paints: list[int], paint: Paint) -> str:
    """Return the text with its background divided by the shares of the actions."""
    ends = np.rint(np.cumsum(share) * len(text)).astype(int)
    ends[-1] = len(text)
    starts = [0, *ends[:-1].tolist()]
    parts = zip(starts, ends.tolist(), paints, strict=True)
    return "".join(paint(text[low:high], colour) for low, high, colour in parts if high > low)


def range_grid(
    combos: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], paint: Paint, coloured: bool, width: int = 100
) -> Iterator[str]:
    """Yield 13 rows of hands with the weight, in per cent, that the hand's combos among `combos` have on average."""
    every, spread = np.zeros(COMBOS), np.zeros(COMBOS)
    every[combos], spread[combos] = 1.0, weights
    cells = grid(spread, every)

    def cell(i: int, j: int) -> tuple[str, npt.NDArray[np.float64]]:
        share = float(np.nan_to_num(cells[i, j]))
        text = "" if share < RARE else "<1" if share < 0.005 else f"{100 * share:.0f}"
        return text, np.array([share, 1 - share])

    yield from _grid(cell, [CALL_COLOUR, DIM], paint, coloured, width)


def _hand(i: int, j: int) -> str:
    """Return the hand of a grid's row and column."""
    rank, other = RANKS[::-1][i], RANKS[::-1][j]
    return rank + other + "s" if i < j else other + rank + "o" if i > j else rank + other


def combo_list(
    actions: Sequence[str],
    rows: Sequence[dict[str, Any]],
    chance: float,
    limit: int,
    paint: Paint,
    width: int = 100,
) -> Iterator[str]:
    """Yield a line for each combo, those of the largest weight first, at most `limit` (0: all, rare ones too).

    `actions` are those of who acts; there are none in a list of the other's combos. `chance` is how often play gets to
    the decision at all.
    """
    seldom = {row["combo"]: note(row["reach"] / chance if chance else 1.0) for row in rows}
    held = [row for row in rows if not limit or not seldom[row["combo"]]]
    rare = len(rows) - len(held)
    fits = 43 + sum(2 + max(len(action), 6) for action in actions) <= width
    titles = actions if fits else letters(actions)
    wide = [max(len(title), 6) for title in titles]
    names = "".join(f"  {title:>{w}}" for title, w in zip(titles, wide, strict=True))
    yield paint(f"  {'combo':<6}{'weight':>7}{'EV':>10}{'equity':>8}{'realised':>10}{names}", DIM)
    for row in held[: limit or len(held)]:
        shares = row.get("strategy", {}).values()
        odds = "".join(f"  {number(x, '.1%'):>{w}}" for x, w in zip(shares, wide, strict=True))
        figures = f"{number(row['ev'], '.3f'):>10}{number(row['equity'], '.1%'):>8}"
        figures += f"{number(row['realisation'], '.1%'):>10}"
        marks = "".join(f"  {mark}" for mark in ("locked" if row.get("locked") else "", seldom[row["combo"]]) if mark)
        yield f"  {row['combo']:<6}{_weight(row['weight']):>7}{figures}{odds}{marks}"
    cut = len(held) - len(held[: limit or len(held)])
    if cut:
        yield paint(f"  {cut:,} more combos: --combos 0 shows all, --hands RANGE some", DIM)
    if rare:
        yield paint(
            f"  {rare:,} combos hardly ever get here (under {100 * RARE:g} % as often as others): --combos 0", DIM
        )
    if not rows:
        yield "  no combo of the range is possible here"


def _weight(x: float) -> str:
    """Return a weight to three decimals, or to two digits where they would be lost."""
    return f"{x:.3f}" if x >= 0.01 or x == 0 else f"{x:.4f}" if x >= 0.0001 else f"{x:.0e}"


def runouts(rows: Sequence[dict[str, Any]], paint: Paint) -> Iterator[str]:
    """Yield a table of next cards: both players' EV and equity, and how often each action is taken; and their mean."""
    actions = list(dict.fromkeys(action for row in rows for action in row["strategy"]))
    wide = [max(len(action), 6) for action in actions]
    names = "  ".join(f"{action:>{w}}" for action, w in zip(actions, wide, strict=True))
    yield paint(f"  {'card':<5}{'OOP EV':>10}{'IP EV':>10}{'OOP eq':>8}{'IP eq':>8}  {names}", DIM)
    notes = {row["card"]: f"  {row['note']}" for row in rows if row["note"]}
    shares = np.array([row["share"] for row in rows])
    table = np.array(
        [[*row["ev"], *row["equity"], *(row["strategy"].get(a) for a in actions)] for row in rows], np.float64
    )
    seen = shares > 0  # the others have no figures
    mean = shares[seen] @ table[seen]
    for name, figures in [*zip((row["card"] for row in rows), table, strict=True), ("mean", mean)]:
        ev = "".join(f"{number(x, '.3f'):>10}" for x in figures[:2])
        equity = "".join(f"{number(x, '.1%'):>8}" for x in figures[2:4])
        odds = "  ".join(f"{number(x, '.1%'):>{w}}" for x, w in zip(figures[4:], wide, strict=True))
        line = f"  {name:<5}{ev}{equity}  {odds}{notes.get(name, '')}"
        yield paint(line, HEADING) if name == "mean" else line
