"""Solutions of games that have a tree, as text: a summary, the whole strategy, a judgement.

`show.spot_pages` has the same functions for hold'em spots.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from counterplay.engine.errors import UserError
from counterplay.engine.rules import is_dealt, is_phantom
from counterplay.engine.text import count, duration, payoff, small
from counterplay.show.dark_play import in_the_dark
from counterplay.show.play import Book, Opponent
from counterplay.show.strategy import Block, blocks, called, matching
from counterplay.show.strategy import strategy as strategy_lines
from counterplay.show.text import DIM, HEADING, Paint, check_player, meaning, table
from counterplay.solvers.value import Judgement

if TYPE_CHECKING:
    from counterplay.api.factored_solution import FactoredSolution
    from counterplay.api.tree_solution import TreeSolution
    from counterplay.show.pages import Page

_NEAR = 1e-9  # of the largest figure: another order of summation makes no more


def summary(solution: "TreeSolution", stopped: str, paint: Paint) -> Iterator[str]:
    """Yield what was solved, how well, and what that means; `stopped` says why the run ended."""
    size = solution.tree.count()
    return summary_of(
        solution, f"{count(size['nodes'], 'node')}, {count(size['infosets'], 'information set')}", stopped, paint
    )


def summary_of(solution: "TreeSolution | FactoredSolution", size: str, stopped: str, paint: Paint) -> Iterator[str]:
    """Yield what a summary says of a solution whose size is given in words."""
    method = solution.method
    choices = [method.algorithm, *([f"{method.updates} updates"] if method.updates else [])]
    choices += [f"temperature {method.temperature:g}"] if method.temperature else []
    done = [count(solution.iterations, "iteration")] if solution.iterations else []
    run = " in ".join([*done, duration(solution.seconds)])
    yield from table(
        [
            ("game", solution.game),
            ("size", size),
            ("algorithm", ", ".join(choices)),
            ("run", f"{run}: {stopped}"),
            ("value", " · ".join(f"player {p} {payoff(v)}" for p, v in enumerate(solution.value))),
            ("exploitability", _exploitability(solution.exploitability, solution.nash_conv, solution.players)),
            *((name.replace("_", " "), small(x)) for name, x in solution.figures.items()),
        ],
        paint,
    )
    yield ""
    yield from meaning(solution.value, solution.best, solution.certain, solution.figures)


def holds(solution: "TreeSolution | FactoredSolution", found: Judgement) -> bool:
    """Tell whether a judgement found what the solution claims."""
    near = _NEAR * max(1.0, *map(abs, (*found.value, *found.best)))
    pairs = zip((*found.value, *found.best), (*solution.value, *solution.best), strict=True)
    return all(abs(a - b) <= near for a, b in pairs)


def measured(solution: "TreeSolution | FactoredSolution", found: Judgement) -> dict[str, Any]:
    """Return what a judgement found, and whether it is what the solution claims, for JSON."""
    return {
        "exploitability": found.exploitability,
        "nash_conv": found.nash_conv,
        "value": found.value,
        "best_response": found.best,
        "claimed": solution.exploitability,
        "holds": holds(solution, found),
    }


def judgement(solution: "TreeSolution | FactoredSolution", found: Judgement, paint: Paint) -> Iterator[str]:
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
    yield from meaning(found.value, found.best, solution.certain, {})


def strategy(solution: "TreeSolution", page: "Page") -> Iterator[str]:
    """Yield the strategy: a table for each history, a row for each hand; a grid of hands for push or fold.

    Raises `ValueError` for rows and players that do not exist.
    """
    kept, why = _tables(solution, page)
    if why:
        yield page.paint(f"rows that do not matter are unmarked, since {why}", DIM)
    run = f"{solution.algorithm}, {count(solution.iterations, 'iteration')}"
    yield f"{solution.game}: {run}, exploitability {small(solution.exploitability)}"
    hands = [b for b in kept if page.infoset is None and len(b.rows) == 169]
    if hands:
        from counterplay.show import grid  # hold'em is much to import for those who look at something else
    for block in [b for b in hands if grid.is_chart([row.name for row in b.rows])]:
        kept.remove(block)
        yield ""
        yield page.paint(f"player {block.player}, {block.title}, of all combos:", HEADING)
        odds = [row.odds for row in block.rows]
        yield from grid.chart(block.actions, odds, page.paint, page.coloured, page.width)
    for line in strategy_lines(kept, page.limit, page.width):
        weight = HEADING if line.weight > 0 else DIM
        yield page.paint(line.text, weight) if line.weight else line.text


def _tables(solution: "TreeSolution", page: "Page") -> tuple[list[Block], str]:
    """Return the tables that a page asks for, and why nothing is known of how often they are reached."""
    for name, value in (("node", page.node), ("hands", page.hands)):
        if value is not None:
            raise UserError(f"--{name} is for hold'em spots; of {solution.game} --infoset TEXT shows some rows")
    player = check_player(page.player, solution.players)
    rules, tree, why = None, None, ""
    try:
        rules, tree = solution.made(), solution.tree
    except ValueError as error:  # the file can be read without its rules
        why = str(error)
    dealt = rules if rules is not None and is_dealt(rules) else None
    every = blocks(solution, solution.strategy, tree, dealt)
    wanted = [block for block in every if player in (None, block.player)]
    infoset = page.infoset
    kept = wanted if infoset is None else [b for b in (matching(b, infoset) for b in wanted) if b.rows]
    if not kept:
        example = called(wanted[-1], wanted[-1].rows[-1]) if wanted else ""
        raise UserError(f"no information set contains {infoset!r}; one of them is {example!r}")
    return kept, why


def told(solution: "TreeSolution", page: "Page") -> dict[str, Any]:
    """Return what `strategy` shows, for JSON: tables with the same actions, a row for each hand or information set."""
    kept, why = _tables(solution, page)
    tables = [
        {
            **{"player": block.player, "history": block.title, "actions": list(block.actions)},
            "rows": [
                {
                    **{"name": row.name, "label": row.label or row.name, "reach": row.reach, "note": row.note},
                    "strategy": dict(zip(block.actions, row.odds, strict=True)),
                }
                for row in block.rows
            ],
        }
        for block in kept
    ]
    return {"tables": tables, **({"unmarked": why} if why else {})}


def opening(solution: "TreeSolution | FactoredSolution") -> dict[str, Any]:
    """Return nothing: a tree's first decision is no more than the others."""
    return {}


def run_outs(solution: "TreeSolution | FactoredSolution", line: str) -> NoReturn:
    """Raise `ValueError`: there are no boards."""
    raise UserError(f"reports are of hold'em spots, and this solution is of {solution.game}")


def report(solution: "TreeSolution | FactoredSolution", line: str, rows: Any, paint: Paint) -> NoReturn:
    """Raise `ValueError`: there are no boards."""
    run_outs(solution, line)


def opponent(solution: "TreeSolution") -> Opponent:
    """Return who plays the solution in a terminal; raises `ValueError` where the rules do not fit it."""
    rules = solution.made()
    book = Book(rules, solution.tree, solution.strategy)
    if is_phantom(rules):
        return in_the_dark(rules, book, solution.best)
    return Opponent(book, "", 0.0, payoff, solution.best)


def _exploitability(value: float, nash_conv: float, players: int) -> str:
    return f"{small(value)} (NashConv {small(nash_conv)} / {players} players)"
