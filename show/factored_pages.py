"""Solutions of games in the dark that have no tree, as text: boards with probabilities, and what is reached most often.

`show.tree_pages` has the same functions for games with a tree; those that are the same are taken from there.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.text import count, small
from counterplay.games.in_the_dark import NOTHING, drawn, read, written
from counterplay.show.dark_play import in_the_dark, with_stones
from counterplay.show.play import Opponent
from counterplay.show.text import DIM, HEADING, Paint, check_player
from counterplay.show.tree_pages import holds, judgement, measured, opening, report, run_outs, summary_of
from counterplay.solvers.reach import RARELY_REACHED, note

if TYPE_CHECKING:
    from counterplay.api.factored_solution import Attempts, FactoredSolution, Marked
    from counterplay.show.pages import Page

__all__ = ["holds", "judgement", "measured", "opening", "opponent", "report", "run_outs", "strategy", "summary", "told"]

_SHARE = 0.0005  # from which on an action is named


def summary(solution: "FactoredSolution", stopped: str, paint: Paint) -> Iterator[str]:
    """Yield what was solved, how well, and what that means; `stopped` says why the run ended."""
    kinds = solution.form.infosets
    alike = f", {kinds:,} without mirror images" if kinds < len(solution) else ""
    return summary_of(solution, f"{count(len(solution), 'information set')}{alike}", stopped, paint)


def strategy(solution: "FactoredSolution", page: "Page") -> Iterator[str]:
    """Yield first decisions as boards and what is reached most often, or one decision and what follows it.

    Raises `ValueError` for decisions and players that do not exist.
    """
    wanted = _wanted(solution, page)
    names = solution.phantom.names
    run = f"{solution.algorithm}, {count(solution.iterations, 'iteration')}"
    yield f"{solution.game}: {run}, exploitability {small(solution.exploitability)}"
    if (alike := len(solution.form.group)) > 1:
        yield page.paint(f"of up to {alike} decisions that are mirror images of each other, one is shown", DIM)
    for player, tried in wanted:
        yield ""
        title = written(names, tried)
        yield page.paint(f"player {player}, {'first attempt' if title == NOTHING else f'after {title}'}", HEADING)
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
    tried = read(solution.phantom.names, page.infoset)
    found: list[tuple[int, Attempts]] = [(p, tried) for p in seats if solution.odds(p, tried) is not None]
    return found or [solution.find(page.infoset, player=player)]  # which says why there is none


def _board(solution: "FactoredSolution", player: int, tried: "Attempts") -> Iterator[str]:
    """Yield a player's view of the board, with the probability of each cell that it may try."""
    row = solution.odds(player, tried)
    assert row is not None
    marks = [f"{100 * x:.1f}%" if x >= _SHARE else "-" for x in row.tolist()]
    yield from (f"  {line}" for line in drawn(solution.phantom, with_stones(marks, player, tried)))


def _following(solution: "FactoredSolution", player: int, tried: "Attempts", page: "Page") -> Iterator[str]:
    """Yield rows of what a player does later, after these attempts, most often reached first."""
    limit = page.limit + (not tried) if page.limit else None  # the first decision is not one of those that follow
    rows = [row for row in solution.marked(player, limit, tried) if row.infoset.label != NOTHING]
    if not rows:
        return
    head = max(len(row.infoset.label) for row in rows)
    yield ""
    yield page.paint(f"  {'then':<{head}}  reached", DIM)
    for row in rows:
        for line in _row(row, head, page.width):
            yield page.paint(line, DIM) if row.note else line


def _row(row: "Marked", head: int, width: int) -> Iterator[str]:
    """Yield one decision: what was tried, how often a game gets there, and what is tried next."""
    line = f"  {row.infoset.label:<{head}}  {100 * row.reach:6.2f}%  "
    parts = list(_shares(row.infoset.strategy))
    indent = len(line) if len(line) + max(map(len, parts)) <= width else 6
    fresh = True  # whether nothing stands on the line that a dot would divide
    for part in parts:
        joined = line + ("" if fresh else " · ") + part
        if len(joined) > width and line.strip():
            yield line.rstrip()
            joined = " " * indent + part
        line, fresh = joined, False
    yield line


def _shares(mix: Mapping[str, float]) -> Iterator[str]:
    """Yield the actions with a share, the largest first, those of equal shares together."""
    said: dict[str, list[str]] = {}
    for name, x in sorted(mix.items(), key=lambda pair: -pair[1]):
        if x >= _SHARE:
            said.setdefault(f"{100 * x:.1f}%", []).append(name)
    for share, names in said.items():
        yield f"{' '.join(names)} {share}{' each' if len(names) > 1 else ''}"


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
            for row in solution.marked(player, page.limit or None, tried)
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
        """Say where nobody goes, or hardly ever; in abrupt games, where that takes a minute, its own choices tell."""
        if not self.rules.abrupt:
            return note(self.solution.reach(label, player=player))
        own, tried = 1.0, read(self.rules.names, label)
        for k, (cell, _) in enumerate(tried):
            row = self.solution.odds(player, tried[:k])
            own *= 0.0 if row is None else float(row[cell])
        return note(own)


def opponent(solution: "FactoredSolution") -> Opponent:
    """Return who plays the solution in a terminal; raises `ValueError` where the rules do not fit it."""
    if not solution.phantom.abrupt:
        _ = solution.reached  # what takes a second is done before the first question
    return in_the_dark(solution.phantom, _Player(solution), solution.best)
