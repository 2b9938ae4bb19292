"""Runs of learners as the strategy browser is told them: the curves of what was measured while they trained.

They are read from the lines of JSON in the run's folder: nothing is imported or unpickled.
"""

from pathlib import Path
from typing import Any

import msgspec

from counterplay.engine.errors import UserError
from counterplay.engine.files import read_text
from counterplay.engine.schema import MetricsRow

LINES = "metrics.jsonl"
_MOST = 2000  # points of a curve that are told


def read(folder: Path) -> dict[str, Any]:
    """Return what a run measured: its steps and a curve for each figure; raises `UserError` for what is no run."""
    file = folder / LINES
    if not file.is_file():
        raise UserError(f"{folder} is no folder of a run: there is no {LINES} in it")
    rows, lines = list[MetricsRow](), read_text(file, "a run's figures").splitlines()
    for k, text in enumerate(lines, 1):
        try:
            row = msgspec.json.decode(text, type=MetricsRow)
        except (msgspec.MsgspecError, RecursionError) as error:
            if k == len(lines):  # of a run that is being written
                break
            raise UserError(f"{file} is damaged: line {k} has no figures by name: {str(error)[:200]}") from None
        if row.get("steps") is None:
            raise UserError(f"{file} is damaged: line {k} has no steps")
        rows.append(row)
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "steps"]
    return {"kind": "run", "curves": {name: _thinned(_points(rows, name)) for name in names}}


def _points(rows: list[MetricsRow], name: str) -> list[tuple[float, float]]:
    """Return the points of a figure, [steps, value]."""
    return [(row["steps"], figure) for row in rows if (figure := row.get(name)) is not None]  # type: ignore[misc]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    every = -(-len(points) // _MOST) or 1
    return points if every == 1 else [*points[:-1:every], points[-1]]
