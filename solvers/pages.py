"""Solutions of games in the catalogue as text, JSON and CSV: a summary, a judgement, the whole strategy.

`solvers.spot_pages` has the same functions for hold'em spots.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from counterplay.engine.report import Paint, count, duration, meaning, payoff, small, table
from counterplay.solvers.value import Judgement

if TYPE_CHECKING:
    from counterplay import Solution

_NEAR = 1e-9  # of the largest figure: another order of summation makes no more


def summary(solution: "Solution", stopped: str, paint: Paint) -> Iterator[str]:
    """Yield what was solved, how well, and what that means; `stopped` says why the run ended."""
    size, method = solution.tree.count(), solution.method
    choices = [method.algorithm, *([f"{method.updates} updates"] if method.updates else [])]
    choices += [f"temperature {method.temperature:g}"] if method.temperature else []
    done = [count(solution.iterations, "iteration")] if solution.iterations else []
    run = " in ".join([*done, duration(solution.seconds)])
    yield from table(
        [
            ("game", solution.game),
            ("size", f"{count(size['nodes'], 'node')}, {count(size['infosets'], 'information set')}"),
            ("algorithm", ", ".join(choices)),
            ("run", f"{run}: {stopped}"),
            ("value", " · ".join(f"player {p} {payoff(v)}" for p, v in enumerate(solution.value))),
            ("exploitability", _exploitability(solution.exploitability, solution.nash_conv, solution.players)),
            *((name.replace("_", " "), small(x)) for name, x in solution.figures.items()),
        ],
        paint,
    )
    yield ""
    yield from meaning(solution.value, solution.best, _certain(solution), solution.figures)


def holds(solution: "Solution", found: Judgement) -> bool:
    """Tell whether a judgement found what the solution claims."""
    near = _NEAR * max(1.0, *map(abs, (*found.value, *found.best)))
    pairs = zip((*found.value, *found.best), (*solution.value, *solution.best), strict=True)
    return all(abs(a - b) <= near for a, b in pairs)


def measured(solution: "Solution", found: Judgement) -> dict[str, Any]:
    """Return what a judgement found, and whether it is what the solution claims, for JSON."""
    return {
        "exploitability": found.exploitability,
        "nash_conv": found.nash_conv,
        "value": found.value,
        "best_response": found.best,
        "claimed": solution.exploitability,
        "holds": holds(solution, found),
    }


def judgement(solution: "Solution", found: Judgement, paint: Paint) -> Iterator[str]:
    """Yield what a judgement found, beside what the solution claims, and what that means."""
    verdict = "it holds" if holds(solution, found) else "IT DOES NOT HOLD"
    yield from table(
        [
            ("game", solution.game),
            *(
                (f"player {p}", f"value {payoff(v)} · best response {payoff(b)} · gain {small(b - v)}")
                for p, (v, b) in enumerate(zip(found.value, found.best, strict=True))
            ),
            ("exploitability", _exploitability(found.exploitability, found.nash_conv, solution.players)),
            ("the file says", f"{small(solution.exploitability)}: {verdict}"),
        ],
        paint,
    )
    yield ""
    yield from meaning(found.value, found.best, _certain(solution), {})


def earnings(payoffs: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Return what a solution earns in each seat, and what the others there earn on average (`Solution.against`)."""
    mine = [earned[p] for p, earned in enumerate(payoffs)]
    return mine, [(sum(earned) - earned[p]) / (len(earned) - 1) for p, earned in enumerate(payoffs)]


def duel(payoffs: Sequence[Sequence[float]], file: str, other: str) -> Iterator[str]:
    """Yield what two solutions, named by their files, earn head to head."""
    mine, rest = earnings(payoffs)
    yield f"\nHead to head, exact expected payoffs: {file} in one seat, {other} in the rest"
    for p, (a, b) in enumerate(zip(mine, rest, strict=True)):
        yield f"  in seat {p}   {file} {payoff(a)} · {other} {payoff(b)}"
    yield f"  on average  {file} {payoff(sum(mine) / len(mine))}"


def exported(solution: "Solution") -> dict[str, Any]:
    """Return the strategy, for JSON."""
    rows = (dict(zip(("player", "infoset", "hand", "strategy"), row, strict=True)) for row in _rows(solution))
    return {"infosets": list(rows)}


def write_csv(text: TextIO, solution: "Solution") -> None:
    """Write the strategy as CSV, a line for each action of each information set and hand."""
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("player", "infoset", "hand", "action", "probability"))
    for player, label, hand, strategy in _rows(solution):
        writer.writerows((player, label, hand, action, odds) for action, odds in strategy.items())


def _rows(solution: "Solution") -> Iterator[tuple[int, str, str, dict[str, float]]]:
    for i, (player, label, actions) in enumerate(
        zip(solution.owner.tolist(), solution.labels, solution.actions, strict=True)
    ):
        for lane, hand in enumerate(solution.hands[player]):
            odds = solution.strategy[solution.first[i] : solution.first[i + 1], lane].tolist()
            yield player, label, hand, dict(zip(actions, odds, strict=True))


def _certain(solution: "Solution") -> bool:
    return solution.players == 2 and solution.tree.zero_sum


def _exploitability(value: float, nash_conv: float, players: int) -> str:
    return f"{small(value)} (NashConv {small(nash_conv)} / {players} players)"
