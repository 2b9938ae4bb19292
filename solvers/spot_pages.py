"""Solved hold'em spots as text, JSON and CSV: a summary, a decision, a report of run-outs, a judgement.

The functions of other games' `solvers.pages`, and those that only spots have.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import numpy as np

from counterplay.engine.report import HEADING, Paint, count, duration, plain, small, table
from counterplay.games.holdem import grid
from counterplay.games.holdem.betting import PLAYERS
from counterplay.games.holdem.cards import card_name, combo_name, format_cards
from counterplay.games.holdem.ranges import parse_range
from counterplay.solvers.spots import SpotSolution, View
from counterplay.solvers.value import Judgement

_NEAR = 1e-5  # of the pot: sums of 32-bit floats agree that closely, also on another machine


def share_of_pot(chips: float, pot: int) -> str:
    """Return an exploitability in per cent of the pot and in chips."""
    return f"{small(100 * chips / pot)} % of pot ({small(chips)} chips)"


def summary(solution: SpotSolution, stopped: str, paint: Paint) -> Iterator[str]:
    """Yield how well a spot was solved, and its first decision; `stopped` says why the run ended."""
    run = f"{count(solution.iterations, 'iteration')} in {duration(solution.seconds)}"
    yield from table(
        [
            ("spot", solution.game),
            *_locks(solution),
            ("algorithm", solution.algorithm + (", 16 bits" if solution.compressed else "")),
            ("run", f"{run}: {stopped}"),
            ("EV", " · ".join(f"{p.upper()} {x:.3f}" for p, x in zip(PLAYERS, solution.value, strict=True))),
            ("exploitability", share_of_pot(solution.exploitability, solution.spot.middle)),
        ],
        paint,
    )
    yield f"\nNeither player can gain more than {small(solution.nash_conv)} chips by deviating{_kept(solution)}.\n"
    yield from grid.header(solution.at().summary(), paint)


def decision(
    solution: SpotSolution,
    view: View,
    player: int | None = None,
    hands: str | None = None,
    combos: int = 0,
    paint: Paint = plain,
    coloured: bool = False,
) -> Iterator[str]:
    """Yield a decision: what both ranges are worth, a grid of hands, and at most so many combos (0: all).

    They are the hands of who acts, with what it does, or of a `player` with their weights; `hands` is a range of those
    to be listed. Raises `ValueError` for a range that cannot be read or that the player does not hold.
    """
    p = view.player if player is None else player
    rows = _some(view, p, hands)
    run = f"{solution.algorithm}, {count(solution.iterations, 'iteration')}"
    yield f"{solution.game}: {run}, exploitability {share_of_pot(solution.exploitability, solution.spot.middle)}"
    yield from (f"locked: {text}" for _, text in _locks(solution))
    yield ""
    yield from grid.header(view.summary(), paint)
    yield ""
    if p == view.player:
        yield from grid.hand_grid(view.actions, view.combos[p], view.shares[p], view.strategy, paint, coloured)
    else:
        held = view.possible[p]
        yield paint(f"  {PLAYERS[p].upper()} holds, per cent of each hand's combos:", HEADING)
        yield from grid.range_grid(view.combos[p][held], view.reach[p][held], paint, coloured)
    yield ""
    yield from grid.combo_list(view.actions if p == view.player else (), rows, combos, paint)


def _some(view: View, player: int, hands: str | None) -> list[dict[str, Any]]:
    """Return the rows of a player's combos that are in a range."""
    rows = view.rows(player)
    if hands is None:
        return rows
    chosen = {combo_name(int(combo)) for combo in np.flatnonzero(parse_range(hands) > 0)}
    found = [row for row in rows if row["combo"] in chosen]
    if not found:
        raise ValueError(f"{PLAYERS[player].upper()}'s range has no hand of {hands!r} on {format_cards(view.board)}")
    return found


def run_outs(after: Sequence[tuple[int, View]]) -> list[dict[str, Any]]:
    """Return the figures of the decision after each card, as `SpotSolution.after` gives them, and how often it comes.

    `share` is the chance of the card given both ranges, their cards taken out.
    """
    met = [float(view.reach[0] @ view.matchups[0]) for _, view in after]
    total = sum(met) or 1.0
    return [
        {"card": card_name(card), "share": weight / total, **view.summary()}
        for weight, (card, view) in zip(met, after, strict=True)
    ]


def report(solution: SpotSolution, line: str, rows: Sequence[dict[str, Any]], paint: Paint) -> Iterator[str]:
    """Yield the report of `run_outs` after a line of play."""
    yield paint(f"{solution.game}, after {line}\n", HEADING)
    yield from grid.runouts(rows, paint)


def _locks(solution: SpotSolution) -> Iterator[tuple[str, str]]:
    """Yield what is locked, for a table."""
    for lock, fixed in zip(solution.spot.locks, solution.spot.locked, strict=True):
        hands = "; ".join(text for text, _ in lock.hands)
        some = "" if lock.strategy else f", {hands}"
        where = f"after {fixed.line.text}" if fixed.line.text else "first to act"
        yield "locked", f"{PLAYERS[fixed.player].upper()} {where}{some}"


def _kept(solution: SpotSolution) -> str:
    return ", as long as what is locked is kept" if solution.spot.locks else ""


def holds(solution: SpotSolution, found: Judgement) -> bool:
    """Tell whether a judgement found what the solution claims."""
    pairs = zip((*found.value, *found.best), (*solution.value, *solution.best), strict=True)
    return all(abs(a - b) <= _NEAR * solution.spot.middle for a, b in pairs)


def measured(solution: SpotSolution, found: Judgement) -> dict[str, Any]:
    """Return what a judgement found, and whether it is what the solution claims, for JSON."""
    return {
        "exploitability": found.exploitability,
        "exploitability_percent_pot": 100 * found.exploitability / solution.spot.middle,
        "nash_conv": found.nash_conv,
        "value": found.value,
        "best_response": found.best,
        "claimed": solution.exploitability,
        "holds": holds(solution, found),
    }


def judgement(solution: SpotSolution, found: Judgement, paint: Paint) -> Iterator[str]:
    """Yield what a judgement found, beside what the solution claims."""
    pot = solution.spot.middle
    verdict = "it holds" if holds(solution, found) else "IT DOES NOT HOLD"
    yield from table(
        [
            ("spot", solution.game),
            *_locks(solution),
            *(
                (p.upper(), f"EV {v:.4f} · best response {b:.4f} · gain {small(b - v)}")
                for p, v, b in zip(PLAYERS, found.value, found.best, strict=True)
            ),
            ("exploitability", share_of_pot(found.exploitability, pot)),
            ("the file says", f"{share_of_pot(solution.exploitability, pot)}: {verdict}"),
        ],
        paint,
    )
    if solution.spot.locks:
        yield "\nNobody deviates where a strategy is locked: this is the exploitability of the rest."


def exported(view: View, player: int | None = None) -> dict[str, Any]:
    """Return a decision with the combos of a player, or of who acts, for JSON."""
    return {**view.summary(), "combos": view.rows(player)}


def write_csv(text: TextIO, view: View, player: int | None = None) -> None:
    """Write the combos of a player as CSV: weight and values; of who acts the strategy and each action's worth too."""
    actions = view.actions if player in (None, view.player) else ()
    columns = ("combo", "weight", "ev", "equity", "realisation")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*columns, *actions, *(f"ev {action}" for action in actions)))
    for row in view.rows(player):
        choices = (*row["strategy"].values(), *row["action_ev"].values()) if actions else ()
        writer.writerow((*(row[c] for c in columns), *choices))
