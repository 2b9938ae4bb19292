"""Pages of a solution, whatever its kind: a kind has one module of pages, with the same functions."""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from counterplay.engine.catalogue import is_own
from counterplay.engine.errors import UserError
from counterplay.engine.text import payoff, size
from counterplay.engine.writing import is_stream, write_text
from counterplay.show.listing import quoted
from counterplay.show.text import Paint, plain

if TYPE_CHECKING:
    from counterplay.api.solution import Solution

STOPPED = {
    "target": "the target is reached",
    "iterations": "as many as asked for",
    "time": "the time is over",
    "interrupt": "interrupted",
    "floor": "rounding errors leave no better",
    "exact": "the exact answer, to rounding",
    "lost": "a process of it was ended from outside",
    "memory": "its memory is full (--memory)",
}

# Imported when one is asked for: hold'em is much.
_MODULES = {
    "tree": "tree_pages",
    "factored": "factored_pages",
    "holdem": "spot_pages",
    "stepped": "stepped_pages",
    "blueprint": "blueprint_pages",
}


_LARGE = 10 * 2**20  # bytes of a file that are worth a word


class Page(NamedTuple):
    """What a page of a strategy is to show, and how wide and coloured; a kind refuses what it does not have."""

    infoset: str | None = None
    player: int | str | None = None  # by number; of spots also "oop" or "ip"
    limit: int = 40
    node: str | None = None
    hands: str | None = None
    combos: int = 20
    width: int = 100
    paint: Paint = plain
    coloured: bool = False


def of(solution: "Solution") -> Any:
    """Return the module of pages of a solution.

    Its functions: `summary(solution, stopped, paint)`, `opening(solution)`, `strategy(solution, page)`,
    `told(solution, page)`, `judgement(solution, found, paint)`, `measured(solution, found)`, `holds(solution, found)`,
    `run_outs(solution, line)`, `report(solution, line, rows, paint)` and `opponent(solution)`; and where head to head
    is not exact, `duel(found, file, other)` and `head_to_head(found, against)`, which are else here. Hold'em also has
    `spot(solution, page, source)`, the file of what is played from a decision on.
    """
    return import_module(f"counterplay.show.{_MODULES[solution.kind]}")


def whats_next(solution: "Solution", out: str | None) -> Iterator[str]:
    """Yield what can be done with a solution that was saved, or how to save it."""
    yield ""
    if out is None:
        name = (
            kind
            if (kind := {"holdem": "spot"}.get(solution.kind, solution.kind)) in ("spot", "blueprint")
            else re.sub(r"\W+", "_", Path(solution.game.partition("(")[0]).name)
        )
        yield f"Not saved: --out {name.strip('_')}.cps keeps it, to show, evaluate, play against or resume."
        return
    file = quoted(out) + (f" --game {quoted(solution.game)}" if is_own(solution.game) else "")
    if is_stream(Path(out)):
        yield f"Saved to {out}."
        return
    length = Path(out).stat().st_size
    yield f"Saved to {out}{f', {size(length)}' if length >= _LARGE else ''}. Next:"
    yield f"  counterplay show {file}"
    yield f"  counterplay play {file}"
    if solution.stopped_by in ("interrupt", "memory"):
        game = f"{quoted(solution.game)} " if is_own(solution.game) else ""
        more = f" --memory {2 * solution.figures['bytes'] // 10**6 + 1}MB" if solution.stopped_by == "memory" else ""
        verb = "blueprint" if solution.kind == "blueprint" else "solve"
        yield f"  counterplay {verb} {game}--resume {quoted(out)}{more} --out {quoted(out)}"


def write_spot(solution: "Solution", page: Page, source: str, path: str, force: bool) -> None:
    """Write what is played from the page's decision on as a spot file; `source` is the solution's file.

    Raises `ValueError` for solutions of other games, and for a file that is there, unless it is to be replaced.
    """
    module = of(solution)
    if not hasattr(module, "spot"):
        raise UserError(f"--spot writes what is played on in hold'em, and {source} is of {solution.game}")
    check_spot_file(path, force)
    write_text(Path(path), module.spot(solution, page, source))


def check_spot_file(path: str, force: bool) -> None:
    """Raise `UserError` where no spot may be written: a name that does not tell of one, or a file that is there."""
    if is_stream(Path(path)):
        return
    if Path(path).suffix != ".toml":
        raise UserError(f"the file of a spot ends in .toml: write it to {Path(path).with_suffix('.toml')}")
    if Path(path).exists() and not force:
        raise UserError(f"{path} is there already: name another file, or let --force replace it")


def head_to_head(solution: "Solution", payoffs: Any, against: str) -> dict[str, Any]:
    """Return what two solutions earn head to head, for JSON."""
    if hasattr(of(solution), "head_to_head"):
        said: dict[str, Any] = of(solution).head_to_head(payoffs, against)
        return said
    mine, _ = earnings(payoffs)
    return {"against": against, "earns": mine, "average": sum(mine) / len(mine), "payoffs": payoffs}


def earnings(payoffs: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Return what a solution earns in each seat, and what the others there earn on average (`Solution.against`)."""
    mine = [earned[p] for p, earned in enumerate(payoffs)]
    return mine, [(sum(earned) - earned[p]) / (len(earned) - 1) for p, earned in enumerate(payoffs)]


def duel(solution: "Solution", payoffs: Any, file: str, other: str) -> Iterator[str]:
    """Yield what two solutions, named by their files, earn head to head."""
    if hasattr(of(solution), "duel"):
        yield from of(solution).duel(payoffs, file, other)
        return
    mine, rest = earnings(payoffs)
    yield f"\nHead to head, exact expected payoffs: {file} in one seat, {other} in the rest"
    for p, (a, b) in enumerate(zip(mine, rest, strict=True)):
        yield f"  in seat {p}   {file} {payoff(a)} · {other} {payoff(b)}"
    yield f"  on average  {file} {payoff(sum(mine) / len(mine))}"
