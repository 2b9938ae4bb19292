"""Solutions of games that are walked and never laid out, as text: what was visited, earned and learned."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from counterplay.engine.errors import UserError
from counterplay.engine.rules import join_label
from counterplay.engine.size import walked
from counterplay.engine.text import count, duration, payoff, size, small
from counterplay.show.play import Opponent
from counterplay.show.strategy import Block, Row
from counterplay.show.strategy import strategy as strategy_lines
from counterplay.show.text import DIM, HEADING, Paint, check_player, table

if TYPE_CHECKING:
    from counterplay.api.stepped_books import Met
    from counterplay.api.stepped_solution import Bound, Measured, SteppedSolution
    from counterplay.show.pages import Page
    from counterplay.solvers.winnings import Winnings

SEARCHED = 20_000  # information sets that are looked through for a text, those with the most visits
NEVER_MET, UNAVERAGED = "never met", "nothing averaged"  # why the strategy of an information set is uniform
_NEAR = 2.0  # times both intervals


def earned(found: "Winnings") -> str:
    """Return what a strategy earns in words."""
    return f"{payoff(found.mean)} ± {small(found.error)}"


def _values(found: "Winnings") -> str:
    pairs = enumerate(zip(found.seats, found.errors, strict=True))
    return " · ".join(f"player {p} {payoff(value)} ± {small(error)}" for p, (value, error) in pairs)


def summary(solution: "SteppedSolution", stopped: str, paint: Paint) -> Iterator[str]:
    """Yield what was solved and how far that came; `stopped` says why the run ended."""
    last = solution.points[-1] if solution.points else None
    met = f"{count(last.infosets, 'information set')} met, in {size(last.bytes)}" if last else "none"
    walked = f"{count(last.visited, 'state')} visited" if last else ""
    run = f"{count(solution.iterations, 'iteration')}, {walked} in {duration(solution.seconds)}: {stopped}"
    yield from table(
        [
            ("game", solution.game),
            ("size", met),
            ("algorithm", f"{solution.algorithm}, {'in plain Python' if solution.names is not None else 'in steps'}"),
            ("run", run),
            ("value", _values(solution.itself)),
            ("winnings", f"{earned(solution.winnings)} on average against uniform play"),
        ],
        paint,
    )
    yield ""
    if not solution.iterations:
        yield from unfinished(solution).replace("; ", ";\n", 1).splitlines()
    if solution.has_small_tree:
        yield "Estimates are from games played out, with 95 % intervals. The game has a small tree: 'counterplay"
        yield "evaluate' judges the strategy exactly by it, and tells its exploitability."
        return
    yield "Estimates are from games played out, with 95 % intervals; there is no exploitability where no tree is laid"
    yield "out. 'counterplay evaluate' plays again, and with --response S it finds a lower bound on exploitability."


def unfinished(solution: "SteppedSolution") -> str:
    """Return what a run is worth that finished no iteration, and what would do better."""
    advice = walked(solution.made())
    shorter = advice.endswith("outcome") and not solution.algorithm.startswith("mccfr-outcome")
    better = f"{advice} has shorter walks" if shorter else "give it more --time"
    other = sum(max(met.odds) - min(met.odds) > 1e-9 for met in islice(solution, SEARCHED))
    at = "" if len(solution) <= SEARCHED else f" at the first {SEARCHED:,} information sets"
    but = f" but for {other:,} that a part of one has changed" if other else ""
    return f"NO ITERATION WAS FINISHED: the strategy is uniform{at}{but}, and no result; {better}."


def holds(solution: "SteppedSolution", found: "Measured") -> bool:
    """Tell whether what games played out now say is near what the solution claims."""
    pairs = [(found.itself, solution.itself), (found.uniform, solution.winnings)]
    ours = [(a.seats[0], a.errors[0], b.seats[0], b.errors[0]) for a, b in pairs]
    return all(abs(a - b) <= _NEAR * (x + y) + 1e-9 for a, x, b, y in ours)


def measured(solution: "SteppedSolution", found: "Measured") -> dict[str, Any]:
    """Return what was measured, and whether it is near what the solution claims, for JSON.

    Where the game has a small tree, exploitability and value are exact, and the value has no error.
    """
    exact = found.exact
    judged: dict[str, Any] = {}
    if exact is not None:
        judged = {"exploitability": exact.exploitability, "value": list(exact.value)}
        judged["value_error"] = [0.0] * len(judged["value"])
    return {
        "value": list(found.itself.seats),
        "value_error": list(found.itself.errors),
        "winnings_against_uniform": found.uniform.mean,
        "winnings_against_uniform_error": found.uniform.error,
        "winnings_by_seat": list(found.uniform.seats),
        "deals": found.uniform.deals,
        "share_of_decisions_met": found.uniform.known,
        "claimed": solution.winnings.mean,
        "holds": holds(solution, found),
        **judged,
    }


def judgement(solution: "SteppedSolution", found: "Measured", paint: Paint) -> Iterator[str]:
    """Yield what was measured, beside what the solution claims."""
    verdict = "it holds" if holds(solution, found) else "IT DOES NOT HOLD"
    lines = [
        ("game", solution.game),
        ("value", _values(found.itself)),
        ("winnings", f"{earned(found.uniform)} against uniform play: {_values(found.uniform)}"),
        ("the file says", f"{earned(solution.winnings)}: {verdict}"),
        ("decisions", f"{found.uniform.known:.1%} of them at information sets that the run has met"),
    ]
    if found.exact is not None:
        lines.append(("exploitability", f"{small(found.exact.exploitability)}, exact: the game has a small tree"))
    yield from table(lines, paint)
    yield ""
    yield f"Intervals of 95 %, from {count(found.uniform.deals, 'deal')}, each played once in every seat."


def bounded(bound: "Bound") -> Iterator[str]:
    """Yield a lower bound on exploitability."""
    yield f"\nExploitability is at least {small(bound.exploitability_at_least)}: responses trained against the strategy"
    yield f"gain {earned(bound.gain)} on average over the seats. Longer training may find more."


def strategy(solution: "SteppedSolution", page: "Page") -> Iterator[str]:
    """Yield the information sets with the most visits, or those with a text in their labels."""
    tables, why = _tables(solution, page)
    kept = [Block(p, "", actions, tuple(map(_row, found))) for (p, actions), found in tables.items()]
    yield f"{solution.game}: {solution.algorithm}, {count(solution.iterations, 'iteration')}; {why}"
    for line in strategy_lines(kept, page.limit, page.width):
        weight = HEADING if line.weight > 0 else DIM
        yield page.paint(line.text, weight) if line.weight else line.text


def _row(met: "Met") -> Row:
    note = met.note if met.note == NEVER_MET else ", ".join(filter(None, (count(met.visits, "visit"), met.note)))
    return Row(met.label or "start", "", met.odds, note)


def _tables(solution: "SteppedSolution", page: "Page") -> tuple[dict[tuple[int, tuple[str, ...]], list["Met"]], str]:
    """Return the information sets that a page asks for, by player and actions, and how they were chosen."""
    for name, value in (("node", page.node), ("hands", page.hands)):
        if value is not None:
            raise UserError(f"--{name} is for hold'em spots; of {solution.game} --infoset TEXT shows some rows")
    player = check_player(page.player, solution.players)
    if page.infoset is None:
        why = "those with the most visits" if page.limit else f"at most {SEARCHED:,} a player, with the most visits"
        limit = page.limit or SEARCHED
        seats = range(solution.players) if player is None else (player,)
        found = [met for p in seats for met in solution.most_visited(limit, p)]
    else:
        why = f"looked for among the {SEARCHED:,} with the most visits"
        found = [met for met in solution.most_visited(SEARCHED, player) if page.infoset.lower() in met.label.lower()]
        found = _named(solution, page.infoset, player) + found
        if not found:
            raise UserError(f"no information set contains {page.infoset!r}, of the {SEARCHED:,} with the most visits")
    tables: dict[tuple[int, tuple[str, ...]], list[Met]] = {}
    for met in dict.fromkeys(found):
        tables.setdefault((met.player, met.actions), []).append(met)
    return tables, why


def _named(solution: "SteppedSolution", label: str, player: int | None) -> list[Any]:
    """Return the information sets of just that label."""
    found = []
    for p in range(solution.players) if player is None else (player,):
        try:
            found.append(solution.book.find(p, " ".join(label.split())))
        except UserError:
            continue
    return found


def told(solution: "SteppedSolution", page: "Page") -> dict[str, Any]:
    """Return what `strategy` shows, for JSON."""
    found, why = _tables(solution, page)
    tables = [
        {
            **{"player": player, "actions": list(actions)},
            "rows": [
                {
                    **{"label": met.label or "start", "visits": met.visits, "note": met.note},
                    "strategy": dict(zip(actions, met.odds, strict=True)),
                }
                for met in sets
            ],
        }
        for (player, actions), sets in found.items()
    ]
    return {"tables": tables, "chosen": why}


def opening(solution: "SteppedSolution") -> dict[str, Any]:
    """Return no decision, as the first is no more than the others; but say where nothing is learned."""
    return {} if solution.iterations else {"warning": unfinished(solution)}


def run_outs(solution: "SteppedSolution", line: str) -> NoReturn:
    """Raise `ValueError`: there are no boards."""
    raise UserError(f"reports are of hold'em spots, and this solution is of {solution.game}")


def report(solution: "SteppedSolution", line: str, rows: Any, paint: Paint) -> NoReturn:
    """Raise `ValueError`: there are no boards."""
    run_outs(solution, line)


class Learned:
    """A strategy as a `Policy` for playing in a terminal."""

    def __init__(self, solution: "SteppedSolution"):
        self.solution, self.rules = solution, solution.made()
        self.names = tuple(f"player {p}" for p in range(solution.players))

    def _met(self, player: int, label: str, lane: int) -> Any:
        hand = self.rules.hands(player)[lane] if hasattr(self.rules, "hands") else ""
        return self.solution.book.find(player, join_label(hand, label) if hand else label)

    def odds(self, player: int, label: str, lane: int, actions: tuple[str, ...]) -> tuple[float, ...]:
        """Return the probability of each action: uniform where the run has never been."""
        even = (1.0 / len(actions),) * len(actions)
        if len(actions) < 2:
            return even
        try:
            odds: tuple[float, ...] = self._met(player, label, lane).odds
        except UserError:
            return even
        return odds

    def note(self, player: int, label: str, lane: int | None) -> str:
        """Say where the run has never been, or learned nothing; of all hands together nothing is known."""
        if lane is None:
            return ""
        try:
            note: str = self._met(player, label, lane).note
        except UserError:
            return NEVER_MET
        return note


def opponent(solution: "SteppedSolution") -> Opponent:
    """Return who plays the solution in a terminal."""
    return Opponent(Learned(solution), "", 0.0, payoff, None)


def duel(found: "Winnings", file: str, other: str) -> Iterator[str]:
    """Yield what two solutions, named by their files, earn head to head."""
    yield f"\nHead to head, {count(found.deals, 'deal')} played out: {file} in one seat, {other} in the rest"
    for p, (value, error) in enumerate(zip(found.seats, found.errors, strict=True)):
        yield f"  in seat {p}   {file} {payoff(value)} ± {small(error)}"
    yield f"  on average  {file} {earned(found)} (95 %)"


def head_to_head(found: "Winnings", against: str) -> dict[str, Any]:
    """Return the same, for JSON."""
    return {
        **{"against": against, "earns": list(found.seats), "earns_error": list(found.errors)},
        **{"average": found.mean, "average_error": found.error, "deals": found.deals},
    }
