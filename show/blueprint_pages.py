"""Blueprints as text: a summary, a decision, what they were measured to be worth.

The functions of other solutions' pages (`show.pages`).
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.text import count, duration, plus_minus, small
from counterplay.games.holdem.betting import PLAYERS, STREETS, seat
from counterplay.games.holdem.facts import facts
from counterplay.show import grid
from counterplay.show.play import Opponent
from counterplay.show.spot_pages import SpotPolicy, check, decision, hands, some
from counterplay.show.spot_pages import opening as opening
from counterplay.show.spot_pages import spot as spot
from counterplay.show.spot_pages import told as told
from counterplay.show.text import DIM, Paint, table
from counterplay.solvers.reach import note

if TYPE_CHECKING:
    from counterplay.api.blueprint_measuring import Bound
    from counterplay.api.blueprint_solution import Blueprint, Measured
    from counterplay.show.pages import Page
    from counterplay.solvers.winnings import Winnings

_NEAR = 2.0  # times both intervals
_EXACT = 1e-5  # of the big blind, or of the pot


def told_of(solution: "Blueprint", found: "Winnings") -> str:
    """Return winnings in words."""
    scale, name = solution.unit
    return f"{plus_minus(found.mean * scale, found.error * scale)} {name}"


def _worth(solution: "Blueprint", exploitability: float) -> str:
    scale, name = solution.unit
    scaled = exploitability * scale
    told = f"{scaled:,.1f}" if scaled >= 100 else small(scaled)
    return f"{told} {name} ({exploitability:.4g} chips), in the whole game"


def _abstraction(solution: "Blueprint") -> Iterator[tuple[str, str]]:
    visited, cells = solution.visited
    yield "buckets", f"{solution.buckets_spec}: {count(cells, 'cell')}, {visited / max(cells, 1):.1%} of them visited"


def visits(solution: "Blueprint") -> Iterator[tuple[str, str]]:
    """Yield how often a run visited what it plays, street by street: hands from which a cell learned."""
    first = STREETS.index(solution.spot.street)
    for street in range(first, solution.spot.betting.last + 1):
        both = np.concatenate([solution.visits(p, street) for p in range(2)])
        low, middle = (int(np.quantile(both, q)) for q in (0.05, 0.5))
        never = f", {np.mean(both == 0):.1%} never" if (both == 0).any() else ""
        few = f"one in twenty from {low:,} at most{never}"
        yield STREETS[street], f"a cell learned from {middle:,} hands in the median, {few}"


def summary(solution: "Blueprint", stopped: str, paint: Paint) -> Iterator[str]:
    """Yield what was trained and what it is worth; `stopped` says why the run ended."""
    run = f"{count(solution.iterations, 'iteration')} on {count(solution.threads, 'thread')}"
    yield from table(
        [
            *facts(solution.spot),
            *_abstraction(solution),
            ("run", f"{run} in {duration(solution.seconds)}: {stopped}"),
            *visits(solution),
            *_measured(solution, solution.exploitability, solution.winnings),
        ],
        paint,
    )
    yield ""
    if solution.exploitability is None:
        yield "Intervals of 95 %, over run-outs of the board; given one, all hands are played against all hands."
        yield "How much best responses would win nobody can tell in a game of this size."
    else:
        yield "Exploitability is exact, in the whole game: best responses see every hand as it is. Winnings have"
        yield "intervals of 95 %, over run-outs of the board."
    if "first snapshot" in solution.winnings:
        yield "The first snapshot is this strategy as it was early in the run."


def _measured(
    solution: "Blueprint", exploitability: float | None, winnings: Mapping[str, "Winnings"]
) -> Iterator[tuple[str, str]]:
    if exploitability is not None:
        yield "exploitability", _worth(solution, exploitability)
    for who, found in winnings.items():
        yield who, told_of(solution, found)


def strategy(solution: "Blueprint", page: "Page") -> Iterator[str]:
    """Yield a decision: who acts, how often it does what, a grid of hands, and combos with the visits of their cells.

    Without a line of play all that is known of the blueprint stands above it. Raises `ValueError` for a line that is
    not possible, and for hands that the player does not hold.
    """
    check(solution, page)
    (view, taken), paint = decision(solution, page), page.paint
    p = view.player if (player := seat(page.player)) is None else player
    rows = some(view, p, page.hands)
    known: list[tuple[str, str]] = []
    if not view.line:
        known = [*visits(solution), *_measured(solution, solution.exploitability, solution.winnings)]
    yield from table([*facts(solution.spot), *_abstraction(solution), *known], paint)
    yield ""
    yield from (*taken, "") if taken else ()
    summary = view.summary()
    yield from grid.opening(summary, paint)
    yield ""
    yield _learned(summary, p)
    yield ""
    yield from hands(view, p, page)
    yield ""
    limit = page.combos if page.hands is None else 0
    yield from _combos(view.actions if p == view.player else (), rows, view.chance, limit, paint)


def _learned(summary: Mapping[str, Any], p: int) -> str:
    """Return how often the cells of a player's hands were visited that are possible at a decision."""
    median, least = summary["median_visits"][p], summary["least_visits"][p]
    learned = f"learned from {median:,} hands in the median, from {least:,} at least"
    return f"  The cells of {PLAYERS[p].upper()}'s hands {learned}."


def _combos(
    actions: tuple[str, ...], rows: list[dict[str, Any]], chance: float, limit: int, paint: Paint
) -> Iterator[str]:
    """Yield a line for each combo: its weight, how many hands its cell learned from, and what is done with it."""
    held = [row for row in rows if not limit or not note(row["reach"] / chance if chance else 1.0)]
    wide = [max(len(action), 6) for action in actions]
    names = "".join(f"  {action:>{w}}" for action, w in zip(actions, wide, strict=True))
    yield paint(f"  {'combo':<6}{'weight':>7}{'visits':>12}{names}", DIM)
    for row in held[: limit or len(held)]:
        shares = row.get("strategy", {}).values()
        odds = "".join(f"  {grid.number(x, '.1%'):>{w}}" for x, w in zip(shares, wide, strict=True))
        yield f"  {row['combo']:<6}{row['weight']:>7.3f}{row['visits']:>12,}{odds}"
    left = len(rows) - len(held[: limit or len(held)])
    if left:
        yield paint(f"  {left:,} more combos: --combos 0 shows all, --hands RANGE some", DIM)


def run_outs(solution: "Blueprint", line: str) -> NoReturn:
    """Raise `ValueError`: a blueprint has no values card by card."""
    raise UserError("reports are of solved spots: 'counterplay show BLUEPRINT --node LINE --spot FILE' makes one")


def report(solution: "Blueprint", line: str, rows: Any, paint: Paint) -> NoReturn:
    """Raise `ValueError`: a blueprint has no values card by card."""
    run_outs(solution, line)


def holds(solution: "Blueprint", found: "Measured") -> bool:
    """Tell whether a measurement finds what the blueprint claims; one that was not judged claims nothing."""
    near, claim = _EXACT * 1000 / solution.unit.scale, solution.exploitability
    exact = found.exact is None or claim is None or abs(found.exact.exploitability - claim) <= near
    return exact and all(
        abs(found.winnings[who].mean - claimed.mean) <= _NEAR * (found.winnings[who].error + claimed.error) + 1e-9
        for who, claimed in solution.winnings.items()
        if who in found.winnings
    )


def measured(solution: "Blueprint", found: "Measured") -> dict[str, Any]:
    """Return what was measured, for JSON; winnings and exploitability are in chips."""
    exact: dict[str, Any] = {}
    if found.exact is not None:
        exact = {
            "exploitability": found.exact.exploitability,
            "nash_conv": found.exact.nash_conv,
            "value": found.exact.value,
            "best_response": found.exact.best,
        }
    won = {who: {"mean": x.mean, "error": x.error, "run_outs": x.deals} for who, x in found.winnings.items()}
    return {**exact, "winnings": won, "claimed": solution.exploitability, "holds": holds(solution, found)}


def judgement(solution: "Blueprint", found: "Measured", paint: Paint) -> Iterator[str]:
    """Yield what was measured, beside what the blueprint claims."""
    exploitability = None if found.exact is None else found.exact.exploitability
    lines = [*facts(solution.spot), *_abstraction(solution), *_measured(solution, exploitability, found.winnings)]
    claims = list(_measured(solution, solution.exploitability, solution.winnings))
    if not claims:
        lines.append(("the file says", "nothing: its run was not judged"))
    elif holds(solution, found):
        lines.append(("the file says", "the same, within intervals: it holds"))
    else:
        lines += [("the file says", f"{who} {text}") for who, text in claims] + [("", "IT DOES NOT HOLD")]
    yield from table(lines, paint)
    yield ""
    runs = next((x.deals for x in found.winnings.values()), 0)
    yield f"Winnings are over {count(runs, 'run-out')} of the board, each played in both seats, with 95 % intervals."


def bounded(bound: "Bound") -> Iterator[str]:
    """Yield a lower bound on exploitability, in chips."""
    won, error = bound.gain.exploitability, bound.gain.error
    least = f"{bound.exploitability_at_least:.4g} chips"
    yield f"\nExploitability is at least {least} a game: local best responses win {plus_minus(won, error)} chips"
    yield f"on {count(bound.gain.run_outs, 'run-out')}. Best responses proper win as much or more."


def duel(found: "Winnings", file: str, other: str) -> Iterator[str]:
    """Yield what two blueprints, named by their files, earn head to head, in chips."""
    yield f"\nHead to head, {count(found.deals, 'run-out')} with all hands: {file} in one seat, {other} in the other"
    for p, (value, error) in enumerate(zip(found.seats, found.errors, strict=True)):
        yield f"  as {PLAYERS[p].upper():<4} {file} {value:+.4f} ± {error:.4f} chips"
    yield f"  average {file} {found.mean:+.4f} ± {found.error:.4f} chips (95 %)"


def head_to_head(found: "Winnings", against: str) -> dict[str, Any]:
    """Return the same, for JSON."""
    return {
        **{"against": against, "earns": list(found.seats), "earns_error": list(found.errors)},
        **{"average": found.mean, "average_error": found.error, "run_outs": found.deals},
    }


def opponent(solution: "Blueprint") -> Opponent:
    """Return who plays the blueprint in a terminal."""
    spot = solution.spot
    small, big = spot.betting.blinds
    stakes = f"The blinds are {small} and {big}" if big else f"The pot is {spot.pot}"
    intro = f"\n{stakes}, stacks are {spot.stack}; you get what you win, less what you put in."
    return SpotPolicy(solution).opponent(intro, None)
