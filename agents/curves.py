"""What many runs came to: learning curves over seeds, with bands of how far seeds differ."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from counterplay.agents.log import LINES_FILE
from counterplay.engine.errors import UserError
from counterplay.engine.files import MOST_TEXT, read_bytes
from counterplay.engine.schema import MetricsRow

_FEW = 5  # seeds; of fewer their range is shown
_RESAMPLED = 2000


class Kept(Protocol):
    """A run of several that is kept in a folder."""

    @property
    def variant(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def folder(self) -> Path: ...


class Curve(NamedTuple):
    """The tests of one variant: K of them, in each of its runs."""

    variant: str
    seeds: tuple[int, ...]
    steps: npt.NDArray[np.float64]  # [K]
    returns: npt.NDArray[np.float64]  # [seeds, K], or exploitabilities
    speed: float  # environment steps a second, the runs' mean, side by side as they were
    measure: str = "return"  # "sum" of agents' own ones, or "exploitability", which is to be small
    env: str = ""  # where there are several

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Return the mean over seeds at every test, [K]."""
        found: npt.NDArray[np.float64] = self.returns.mean(axis=0)
        return found

    def band(self, confidence: float = 0.95) -> npt.NDArray[np.float64]:
        """Return how far seeds differ, [2, K]; nan with one seed.

        That is the lowest and the highest of fewer than five seeds, and of more the interval of their mean by the
        bootstrap (Efron 1979: percentiles of means of seeds drawn again). Neither leaves what runs really had.
        """
        seeds = len(self.returns)
        if seeds < 2:
            return np.full((2, len(self.steps)), np.nan)
        if seeds < _FEW:
            return np.array([self.returns.min(axis=0), self.returns.max(axis=0)])
        drawn = np.random.default_rng(0).integers(0, seeds, (_RESAMPLED, seeds))
        means = np.array([column[drawn].mean(axis=1) for column in self.returns.T])
        found: npt.NDArray[np.float64] = np.percentile(means, [50 * (1 - confidence), 50 * (1 + confidence)], axis=1)
        return found

    @property
    def span(self) -> str:
        """Say what the band is."""
        seeds = len(self.returns)
        return "one seed" if seeds < 2 else "lowest to highest" if seeds < _FEW else "95% interval (bootstrap)"


def curves(jobs: Iterable[Kept]) -> list[Curve]:
    """Return what the runs of a sweep say of their tests, variant by variant; runs that were never tested are left out.

    That is their returns (summed where agents have their own), or their exploitability if all have it.
    Tests of runs of the same variant are a few steps apart where episodes differ in length: they are brought to the
    first run's steps by straight lines.
    """
    found: dict[str, list[tuple[int, npt.NDArray[np.float64], float]]] = {}
    runs_rows = {job: rows_of(job.folder / LINES_FILE) for job in jobs}
    tested = [row for rows in runs_rows.values() for row in rows if "test_return" in row]
    measure = "exploitability" if all("test_exploitability" in row for row in tested) else "return"
    name = f"test_{measure}"
    if measure == "return" and any("test_return_0" in row for row in tested):
        measure = "sum"
    for job, rows in runs_rows.items():
        tests = np.array([(row["steps"], row[name]) for row in rows if name in row], np.float64)
        if len(tests):
            speed = rows[-1]["steps"] / max(rows[-1]["seconds"], 1e-9)
            found.setdefault(job.variant, []).append((job.seed, tests, speed))
    said = []
    for variant, runs in found.items():
        steps = min((tests for _, tests, _ in runs), key=lambda tests: tests[-1, 0])[:, 0]
        returns = np.array([np.interp(steps, tests[:, 0], tests[:, 1]) for _, tests, _ in runs])
        seeds, _, speeds = zip(*runs, strict=True)
        said.append(Curve(variant, seeds, steps, returns, float(np.mean(speeds)), measure))
    return said


def rows_of(file: Path) -> list[dict[str, float]]:
    """Return the rows of a run, up to one that is none; there are none before it begins."""
    rows: list[dict[str, float]] = []
    try:
        for line in read_bytes(file, MOST_TEXT).splitlines():
            row = msgspec.json.decode(line, type=MetricsRow)
            rows.append({name: math.nan if figure is None else figure for name, figure in row.items()})
            if not all(math.isfinite(rows[-1].get(name, math.nan)) for name in ("steps", "seconds")):
                return rows[:-1]
    except (UserError, msgspec.MsgspecError, RecursionError, UnicodeError):  # nothing yet, or a last line cut short
        pass
    return rows


def figures(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    """Return the table and the curves, for JSON."""

    def plain(numbers: npt.NDArray[np.float64]) -> list[float | None]:
        return [x if x == x else None for x in numbers.tolist()]

    return [
        {
            **({"env": curve.env} if curve.env else {}),
            "variant": curve.variant,
            "seeds": list(curve.seeds),
            curve.measure: curve.mean[-1],
            "low": plain(curve.band()[0])[-1],
            "high": plain(curve.band()[1])[-1],
            "band": curve.span,
            "steps_per_second": curve.speed,
            "curve": {
                "steps": plain(curve.steps),
                "mean": plain(curve.mean),
                "low": plain(curve.band()[0]),
                "high": plain(curve.band()[1]),
            },
        }
        for curve in curves
    ]
