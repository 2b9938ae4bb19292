"""What solutions of every kind say of themselves in other people's formats."""

import csv
import html as htmllib
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from counterplay.engine.text import printable

if TYPE_CHECKING:
    from counterplay.api.solution import Solution


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV, with a line for the names of the columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def card(facts: Sequence[tuple[str, str]], html: bool = False) -> str:
    """Return names and texts as a few lines, or as a table for a notebook."""
    if not html:
        return "\n".join(f"{name:<16}{printable(text)}" for name, text in facts)
    rows = (
        f'<tr><th style="text-align:left">{htmllib.escape(name)}</th>'
        f'<td style="text-align:left">{htmllib.escape(text)}</td></tr>'
        for name, text in facts
    )
    return f"<table>{''.join(rows)}</table>"


def version() -> str:
    """Return the package's version, as files tell it."""
    from counterplay import __version__

    return __version__


def claims(solution: "Solution") -> dict[str, Any]:
    """Return what a solution claims, for JSON."""
    found = {"exploitability": solution.exploitability, "nash_conv": solution.nash_conv}
    judged = {name: value for name, value in found.items() if value is not None}
    return {
        "game": solution.game,
        "algorithm": solution.algorithm,
        "iterations": solution.iterations,
        **judged,
        "value": list(solution.value),
        "seconds": solution.seconds,
        **solution.figures,
    }
