"""Solved hold'em spots as text: a summary, a decision, a report of run-outs, a judgement.

The functions of other games' `show.tree_pages`, and those that only spots have.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from counterplay.engine.errors import UserError
from counterplay.engine.text import count, duration, printable, small
from counterplay.games.holdem.betting import PLAYERS, seat
from counterplay.games.holdem.cards import card_name, combo_name, format_cards, on
from counterplay.games.holdem.facts import facts
from counterplay.games.holdem.lines import LineOfPlay, read_line
from counterplay.games.holdem.ranges import parse_range
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.spot import to_toml
from counterplay.games.holdem.translation import taken as taken_for
from counterplay.games.holdem.trees import FOLD, children
from counterplay.games.holdem.values import in_chips
from counterplay.show import grid
from counterplay.show.play import Meant, Opponent
from counterplay.show.text import HEADING, Paint, table
from counterplay.solvers.reach import note
from counterplay.solvers.value import Judgement

if TYPE_CHECKING:
    from counterplay.api.blueprint_solution import Blueprint
    from counterplay.api.spots import SpotSolution
    from counterplay.api.view import View
    from counterplay.show.pages import Page

_NEAR = 1e-5  # of the pot: sums of 32-bit floats agree that closely, also on another machine


def share_of_pot(chips: float, pot: float) -> str:
    """Return an exploitability in per cent of the pot and in chips."""
    return f"{small(100 * chips / pot)} % of pot ({small(chips)} chips)"


def summary(solution: "SpotSolution", stopped: str, paint: Paint) -> Iterator[str]:
    """Yield how well a spot was solved, and its first decision; `stopped` says why the run ended."""
    run = f"{count(solution.iterations, 'iteration')} in {duration(solution.seconds)}"
    blinds = ", blinds counted as put in" if solution.spot.betting.blinds[1] else ""
    yield from table(
        [
            *facts(solution.spot),
            *_locks(solution),
            ("algorithm", solution.algorithm + (", 16 bits" if solution.compressed else "")),
            ("run", f"{run}: {stopped}"),
            ("EV", " · ".join(f"{p.upper()} {x:z.3f}" for p, x in zip(PLAYERS, solution.value, strict=True)) + blinds),
            ("exploitability", share_of_pot(solution.exploitability, solution.spot.middle)),
        ],
        paint,
    )
    yield f"\nNeither player can gain more than {small(solution.nash_conv)} chips by deviating{_kept(solution)}.\n"
    yield from grid.header(solution.view().summary(), paint)


def strategy(solution: "SpotSolution", page: "Page") -> Iterator[str]:
    """Yield a decision: what both ranges are worth, a grid of hands, and at most so many combos (0: all).

    They are the hands of who acts, with what it does, or of a player with their weights. Raises `ValueError` for a line
    that is not possible, a range that cannot be read or that the player does not hold.
    """
    check(solution, page)
    (view, taken), paint = decision(solution, page), page.paint
    p = view.player if (player := seat(page.player)) is None else player
    rows = some(view, p, page.hands)
    run = f"{solution.algorithm}, {count(solution.iterations, 'iteration')}"
    solved = f"{run} to {share_of_pot(solution.exploitability, solution.spot.middle)}"
    yield from table([*facts(solution.spot), *_locks(solution), ("solved", solved)], paint)
    yield ""
    yield from (*taken, "") if taken else ()
    yield from grid.header(view.summary(), paint)
    yield ""
    yield from hands(view, p, page)
    yield ""
    most = page.combos if page.hands is None else 0
    yield from grid.combo_list(view.actions if p == view.player else (), rows, view.chance, most, paint, page.width)


def hands(view: "View", p: int, page: "Page") -> Iterator[str]:
    """Yield the grid of a player's hands: with what it does where it acts, else with how much it holds of each."""
    if p == view.player:
        yield from grid.hand_grid(
            view.actions, view.combos[p], view.shares[p], view.strategy, page.paint, page.coloured, page.width
        )
    else:
        held = view.possible[p]
        yield page.paint(f"  {PLAYERS[p].upper()} holds, per cent of each hand's combos:", HEADING)
        yield from grid.range_grid(view.combos[p][held], view.reach[p][held], page.paint, page.coloured, page.width)


def decision(solution: Any, page: "Page") -> tuple[Any, tuple[str, ...]]:
    """Return the view of a page's decision, and what is to be said of bets in its line that are off the menu."""
    spot = solution.spot
    line = read_line(page.node or "", spot.board, spot.trees, spot.betting, spot.deck, nearest=True)
    return solution.view(line.text), line.taken


def told(solution: Any, page: "Page") -> dict[str, Any]:
    """Return what `strategy` shows, for JSON: both ranges' figures, and the combos of a player."""
    check(solution, page)
    view, taken = decision(solution, page)
    p = view.player if (player := seat(page.player)) is None else player
    return {
        **view.summary(),
        **({"taken": taken} if taken else {}),
        "combos_of": PLAYERS[p],
        "combos": some(view, p, page.hands),
    }


def spot(solution: "SpotSolution", page: "Page", source: str) -> str:
    """Return the text of a spot file of what is played from a decision on; `source` is the solution's file."""
    view, _ = decision(solution, page)
    where = f"after {view.line}" if view.line else "from the first decision on"
    return f"# {printable(source)}, {where}\n{to_toml(view.spot())}"


def check(solution: Any, page: "Page") -> None:
    """Refuse what chooses among information sets: decisions of hold'em are named by lines of play."""
    if page.infoset is not None:
        what = {"holdem": "hold'em spot"}.get(solution.kind, solution.kind)
        raise UserError(f"this is a {what}: --node LINE and --hands RANGE choose what is shown, not --infoset")


def some(view: "View", player: int, hands: str | None) -> list[dict[str, Any]]:
    """Return the rows of a player's combos that are in a range."""
    rows = view.rows(player)
    if hands is None:
        return rows
    chosen = {combo_name(int(combo)) for combo in np.flatnonzero(parse_range(hands) > 0)}
    found = [row for row in rows if row["combo"] in chosen]
    if not found:
        raise UserError(f"{PLAYERS[player].upper()}'s range has no hand of {hands!r}{on(view.board)}")
    return found


def opening(solution: Any) -> dict[str, Any]:
    """Return how often each action is taken at the first decision, for JSON."""
    return {"strategy": solution.view().frequencies}


def run_outs(solution: "SpotSolution", line: str) -> list[dict[str, Any]]:
    """Return the figures of the decision after each card that may come after a line, and how often it comes.

    `share` is the chance of the card given both ranges, their cards taken out.
    """
    after = solution.after(line)
    met = [float(view.reach[0] @ view.matchups[0]) for _, view in after]
    total = sum(met) or 1.0
    return [
        {"card": card_name(card), "share": weight / total, **view.summary()}
        for weight, (card, view) in zip(met, after, strict=True)
    ]


def report(solution: "SpotSolution", line: str, rows: Sequence[dict[str, Any]], paint: Paint) -> Iterator[str]:
    """Yield the report of `run_outs` after a line of play."""
    yield paint(f"{solution.game}, after {line}\n", HEADING)
    yield from grid.runouts(rows, paint)


def _locks(solution: "SpotSolution") -> Iterator[tuple[str, str]]:
    """Yield what is locked, for a table."""
    for lock, fixed in zip(solution.spot.locks, solution.spot.locked, strict=True):
        hands = "; ".join(text for text, _ in lock.hands)
        some = "" if lock.strategy else f", {hands}"
        where = f"after {fixed.line.text}" if fixed.line.text else "first to act"
        yield "locked", f"{PLAYERS[fixed.player].upper()} {where}{some}"


def _kept(solution: "SpotSolution") -> str:
    return ", as long as what is locked is kept" if solution.spot.locks else ""


def holds(solution: "SpotSolution", found: Judgement) -> bool:
    """Tell whether a judgement found what the solution claims."""
    pairs = zip((*found.value, *found.best), (*solution.value, *solution.best), strict=True)
    return all(abs(a - b) <= _NEAR * solution.spot.middle for a, b in pairs)


def measured(solution: "SpotSolution", found: Judgement) -> dict[str, Any]:
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


def judgement(solution: "SpotSolution", found: Judgement, paint: Paint) -> Iterator[str]:
    """Yield what a judgement found, beside what the solution claims."""
    pot = solution.spot.middle
    verdict = "it holds" if holds(solution, found) else "IT DOES NOT HOLD"
    yield from table(
        [
            *facts(solution.spot),
            *_locks(solution),
            *(
                (p.upper(), f"EV {v:z.4f} · best response {b:z.4f} · gain {small(b - v)}")
                for p, v, b in zip(PLAYERS, found.value, found.best, strict=True)
            ),
            ("exploitability", share_of_pot(found.exploitability, pot)),
            ("the file says", f"{share_of_pot(solution.exploitability, pot)}: {verdict}"),
        ],
        paint,
    )
    if solution.spot.locks:
        yield "\nNobody deviates where a strategy is locked: this is the exploitability of the rest."
        for p, (bound, free) in enumerate(zip(found.best, solution.free_best, strict=True)):
            if free - bound > _NEAR * pot:
                more = f"{small(free - found.value[p])} chips by leaving its locks too"
                yield f"{PLAYERS[p].upper()} would gain {more}: its best response then earns {free:.4f}."


def opponent(solution: "SpotSolution") -> Opponent:
    """Return who plays the solution in a terminal."""
    spot = solution.spot
    stacks, (small_blind, big) = f"stacks are {spot.stack}", spot.betting.blinds
    intro = (
        f"\nThe blinds are {small_blind} and {big}, {stacks}; you get what you win, less what you put in."
        if big
        else f"\nThe pot is {spot.pot}, {stacks}; who folds at once gets 0 chips, and the other {spot.pot}."
    )
    return SpotPolicy(solution).opponent(intro, solution.free_best)


def earned(chips: float) -> str:
    """Return chips won or lost."""
    return f"{chips:+.2f} chips"


class SpotPolicy:
    """The average strategies of a solution, as `show.play.play_game` asks for them."""

    names = tuple(name.upper() for name in PLAYERS)

    def __init__(self, solution: "SpotSolution | Blueprint"):
        self.solution, self.rules = solution, HoldemRules(solution.spot)
        self._views: dict[str, View] = {}

    def _view(self, label: str) -> "View":
        if label not in self._views:
            if len(self._views) > 16:  # hands go on from one another: the last few are asked for again
                self._views.clear()
            self._views[label] = self.solution.view(label)
        return self._views[label]

    def opponent(self, intro: str, best: Sequence[float] | None) -> Opponent:
        """Return who plays it in a terminal, and says `intro` first; `best` is as in `Opponent`."""
        half = self.solution.spot.pot / 2
        return Opponent(self, intro, half, earned, best, shown=self.showdown, taken=self.taken, stakes=self.stakes)

    def _line(self, label: str) -> LineOfPlay:
        spot = self.solution.spot
        return read_line(label, spot.board, spot.trees, spot.betting, spot.deck)

    def stakes(self, label: str) -> str:
        """Return what is in the middle after a line of play, and what a call costs."""
        line = self._line(label)
        tree = self.solution.spot.trees[line.start]
        own = int(tree.kind[line.node])
        due = int(tree.paid[line.node, 1 - own] - tree.paid[line.node, own])
        call = f", {in_chips(due, tree.start.unit)} to call" if due else ""
        return f"pot {tree.middle(line.node)}{call}"

    def showdown(self, state: Any) -> Sequence[str]:
        """Return both hands where a hand ended in a showdown, [0 or 1 lines]; `state` is the last of the rules."""
        lanes, point = state
        if self.solution.spot.trees[point.start].kind[point.node] == FOLD:
            return ()
        held = [f"{name} {self.rules.hands(p)[lanes[p]]}" for p, name in enumerate(self.names)]
        return (f"showdown on {format_cards(point.board)}: {', '.join(held)}",)

    def odds(self, player: int, label: str, lane: int, actions: tuple[str, ...]) -> tuple[float, ...]:
        """Return the probability of each action of the player's hand after a line of play."""
        odds = self._view(label).strategy[:, lane]
        return tuple((odds / odds.sum()).tolist())

    def taken(self, label: str, answer: str) -> Meant | None:
        """Return what a bet of any legal amount is taken for after a line of play; None for what is no amount.

        Raises `ValueError` for an amount that is not legal.
        """
        spot, line = self.solution.spot, self._line(label)
        tree = spot.trees[line.start]
        found = taken_for(tree, line.node, spot.betting, answer)
        if found is None:
            return None
        after = children(tree, line.node)
        return Meant(tuple(map(after.index, found.nodes)), tuple(map(float, found.shares)), found.exact)

    def note(self, player: int, label: str, lane: int | None) -> str:
        """Say where the solution never gets with a hand, or hardly ever; without a lane, with any."""
        view = self._view(label)
        return view.note if lane is None else note(float(view.chances[player][lane]))
