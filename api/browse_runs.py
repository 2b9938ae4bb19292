"""Runs of learners as the strategy browser is told them: the curves of what was measured while they trained.

They are read from the lines of JSON in the run's folder: nothing is imported or unpickled.
"""

import json
import math
from pathlib import Path
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.engine.files import read_text

LINES = "metrics.jsonl"
_MOST = 2000  # points of a curve that are told


def read(folder: Path) -> dict[str, Any]:
    """Return what a run measured: its steps and a curve for each figure; raises `UserError` for what is no run."""
    file = folder / LINES
    if not file.is_file():
        raise UserError(f"{folder} is no folder of a run: there is no {LINES} in it")
    rows = []
    for k, text in enumerate(read_text(file, "a run's figures").splitlines()):
        try:
            row = json.loads(text)
        except ValueError:
            continue  # the last line of a run that is being written
        if not isinstance(row, dict) or not isinstance(row.get("steps"), int | float):
            raise UserError(f"{file} is damaged: line {k + 1} has no steps")
        rows.append(row)
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "steps"]
    return {"kind": "run", "curves": {name: _thinned(_points(rows, name)) for name in names}}


def _points(rows: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    """Return the points of a figure, [steps, value]."""
    return [
        (float(row["steps"]), float(row[name]))
        for row in rows
        if isinstance(row.get(name), int | float) and math.isfinite(row[name])
    ]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    every = -(-len(points) // _MOST) or 1
    return points if every == 1 else [*points[:-1:every], points[-1]]
