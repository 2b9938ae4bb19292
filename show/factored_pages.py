"""Solutions of games in the dark that have no tree, as text: boards with probabilities, and what is reached most often.

`show.tree_pages` has the same functions for games with a tree; those that are the same are taken from there.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.text import count, duration, payoff, small
from counterplay.games.in_the_dark import NOTHING, drawn, written
from counterplay.show.play import Opponent
from counterplay.show.text import DIM, HEADING, Paint, check_player, meaning, table
from counterplay.show.tree_pages import (
    exploitability_line,
    holds,
    judgement,
    measured,
    method_line,
    opening,
    report,
    run_line,
    run_outs,
)
from counterplay.solvers.reach import RARELY_REACHED, note

if TYPE_CHECKING:
    from counterplay.api.factored_solution import Attempts, FactoredSolution, Marked
    from counterplay.show.pages import Page

__all__ = ["holds", "judgement", "measured", "opening", "opponent", "report", "run_outs", "strategy", "summary", "told"]

STONES = "●○"  # of the players
_SHARE = 0.0005  # from which on an action is named


def summary(solution: "FactoredSolution", stopped: str, paint: Paint) -> Iterator[str]:
    """Yield what was solved, how well, and what that means; `stopped` says why the run ended."""
    form = solution.form
    alike = f", {form.infosets:,} that differ by more than a mirror" if form.infosets < len(solution) else ""
    yield from table(
        [
            ("game", solution.game),
            ("size", f"{count(len(solution), 'information set')}{alike}"),
            ("algorithm", method_line(solution.method)),
            ("run", f"{run_line(solution)}: {stopped}"),
            ("value", " · ".join(f"player {p} {payoff(v)}" for p, v in enumerate(solution.value))),
            ("exploitability", exploitability_line(solution.exploitability, solution.nash_conv, solution.players)),
            *((name.replace("_", " "), small(x)) for name, x in solution.figures.items()),
        ],
        paint,
    )
    yield ""
    yield from meaning(solution.value, solution.best, True, solution.figures)


def strategy(solution: "FactoredSolution", page: "Page") -> Iterator[str]:
    """Yield first decisions as boards and what is reached most often, or one decision and what follows it.

    Raises `ValueError` for decisions and players that do not exist.
    """
    wanted = _wanted(solution, page)
    names = solution.phantom.names
    run = f"{solution.algorithm}, {count(solution.iterations, 'iteration')}"
    yield f"{solution.game}: {run}, exploitability {small(solution.exploitability)}"
    if len(solution.form.group) > 1:
        yield page.paint(f"of each decision and its mirror images, {len(solution.form.group)} at most, one is shown", DIM)
    for player, tried in wanted:
        yield ""
        title = written(names, tried)
        yield page.paint(f"player {player}, {'first to try' if title == NOTHING else f'after {title}'}", HEADING)
        yield from _board(solution, player, tried)
        often = solution.reach_of(player, tried)
        if tried:
            yield page.paint(f"  a game gets there with probability {often:.3g}{_said(often)}", DIM)
        yield from _following(solution, player, tried, page)


def _wanted(solution: "FactoredSolution", page: "Page") -> "list[tuple[int, Attempts]]":
    """Return the decisions that a page asks for: the first of each player, or those that are named."""
    for name, value in (("node", page.node), ("hands", page.hands)):
        if value is not None:
            raise UserError(f"--{name} is for hold'em spots; of {solution.game} --infoset 'b2 a1x' shows a decision")
    player = check_player(page.player, solution.players)
    seats = range(solution.players) if player is None else (player,)
    if page.infoset is None:
        return [(p, ()) for p in seats if solution.odds(p, ()) is not None]
    from counterplay.games.in_the_dark import read

    tried = read(solution.phantom.names, page.infoset)
    found = [(p, tried) for p in seats if solution.odds(p, tried) is not None]
    return found or [solution.find(page.infoset, player=player)]  # which says why there is none


def _board(solution: "FactoredSolution", player: int, tried: "Attempts") -> Iterator[str]:
    """Yield a player's view of the board, with the probability of each cell that it may try."""
    row = solution.odds(player, tried)
    assert row is not None
    marks = [f"{100 * x:.1f}%" if x >= _SHARE else "-" for x in row.tolist()]
    yield from (f"  {line}" for line in drawn(solution.phantom, _with_stones(marks, player, tried)))


def _with_stones(marks: Sequence[str], player: int, tried: "Attempts") -> list[str]:
    """Return marks with a player's stones in place, and those of the other that it met."""
    shown = list(marks)
    for cell, in_vain in tried:
        shown[cell] = STONES[1 - player if in_vain else player]
    return shown


def _following(
    solution: "FactoredSolution", player: int, tried: "Attempts", page: "Page"
) -> Iterator[str]:
    """Yield rows of what a player does later: most often reached, of all decisions or of those after these attempts."""
    if page.limit == 0:
        rows = list(solution.marked_after(player, tried, None))
    else:
        rows = list(solution.marked_after(player, tried, page.limit))
    if not rows:
        return
    head = max(len(row.infoset.label) for row in rows)
    yield ""
    yield page.paint(f"  {'then, most often reached':<{head + 2}}  reached", DIM)
    for row in rows:
        yield from _row(row, head, page)


def _row(row: "Marked", head: int, page: "Page") -> Iterator[str]:
    """Yield one decision: what was tried, how often a game gets there, and what is tried next."""
    mix = sorted(row.infoset.strategy.items(), key=lambda pair: -pair[1])
    odds = " · ".join(f"{name} {100 * x:.1f}%" for name, x in mix if x >= _SHARE)
    line = f"  {row.infoset.label:<{head}}  {100 * row.reach:6.2f}%  {odds}{_said(row.reach)}"
    yield page.paint(line, DIM) if row.note else line


def _said(reach: float) -> str:
    text = note(reach)
    return f"  ({text})" if text and text != RARELY_REACHED else ""


def told(solution: "FactoredSolution", page: "Page") -> dict[str, Any]:
    """Return what `strategy` shows, for JSON: decisions, with how often a game gets to each."""
    decisions = []
    for player, tried in _wanted(solution, page):
        mix, often = solution.mix(player, tried), solution.reach_of(player, tried)
        label = written(solution.phantom.names, tried)
        decisions.append({"player": player, "infoset": label, "reach": often, "note": note(often), "strategy": mix})
        decisions += [
            {
                **{"player": player, "infoset": row.infoset.label, "reach": row.reach, "note": row.note},
                "strategy": row.infoset.strategy,
            }
            for row in solution.marked_after(player, tried, page.limit or None)
        ]
    return {"decisions": decisions}


class _Player:
    """Plays a solution from what a player sees."""

    def __init__(self, solution: "FactoredSolution"):
        self.solution = solution
        self.rules: Any = solution.phantom
        self.names = tuple(f"player {p}" for p in range(solution.players))

    def odds(self, player: int, label: str, lane: int, actions: tuple[str, ...]) -> tuple[float, ...]:
        """Return the probability of each action."""
        mix = self.solution.at(label, player=player)
        row = np.array([mix[action] for action in actions])
        return tuple((row / row.sum()).tolist())

    def note(self, player: int, label: str, lane: int | None) -> str:
        """Say where nobody goes, or hardly ever."""
        return note(self.solution.reach(label, player=player))


def opponent(solution: "FactoredSolution") -> Opponent:
    """Return who plays the solution in a terminal; raises `ValueError` where the rules do not fit it."""
    from counterplay.show.dark_play import board_of, seen_by

    rules = solution.phantom
    policy = _Player(solution)
    policy.solution.reached  # noqa: B018 (what takes a second is done before the first question)
    intro = " You see your own stones alone; ● is player 0, ○ player 1."
    return Opponent(policy, intro, 0.0, payoff, solution.best, lambda p, s: seen_by(rules, p, s), board_of)
