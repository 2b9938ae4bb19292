"""What a sweep came to: a table, and learning curves with confidence bands."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.log import LINES_FILE
from counterplay.agents.sweep import Job
from counterplay.agents.train import interval
from counterplay.engine.report import HEADING, Paint
from counterplay.engine.store import write_atomic


class Result(NamedTuple):
    """The tests of one variant: K of them, in each of its runs."""

    variant: str
    seeds: tuple[int, ...]
    steps: npt.NDArray[np.float64]  # [K]
    returns: npt.NDArray[np.float64]  # [seeds, K], or exploitabilities
    speed: float  # environment steps a second, the runs' mean, side by side as they were
    measure: str = "return"  # or "exploitability", which is to be small

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Return the mean over seeds at every test, [K]."""
        found: npt.NDArray[np.float64] = self.returns.mean(axis=0)
        return found

    def band(self, confidence: float = 0.95) -> npt.NDArray[np.float64]:
        """Return the confidence interval of that mean over seeds (Student's t), [2, K]; nan with one seed."""
        return np.array([interval(column, confidence) for column in self.returns.T]).T


def results(jobs: Iterable[Job]) -> list[Result]:
    """Return what the runs of a sweep say of their tests, variant by variant; runs that were never tested are left out.

    That is their returns, or their exploitability if all have it.
    Tests of runs of the same variant are a few steps apart where episodes differ in length: they are brought to the
    first run's steps by straight lines.
    """
    found: dict[str, list[tuple[int, npt.NDArray[np.float64], float]]] = {}
    runs_rows = {job: _rows(job.folder / LINES_FILE) for job in jobs}
    tested = [row for rows in runs_rows.values() for row in rows if "test_return" in row]
    measure = "exploitability" if all("test_exploitability" in row for row in tested) else "return"
    for job, rows in runs_rows.items():
        name = f"test_{measure}"
        tests = np.array([(row["steps"], row[name]) for row in rows if name in row], np.float64)
        if len(tests):
            speed = rows[-1]["steps"] / max(rows[-1]["seconds"], 1e-9)
            found.setdefault(job.variant, []).append((job.seed, tests, speed))
    said = []
    for variant, runs in found.items():
        steps = min((tests for _, tests, _ in runs), key=lambda tests: tests[-1, 0])[:, 0]
        returns = np.array([np.interp(steps, tests[:, 0], tests[:, 1]) for _, tests, _ in runs])
        seeds, _, speeds = zip(*runs, strict=True)
        said.append(Result(variant, seeds, steps, returns, float(np.mean(speeds)), measure))
    return said


def _rows(file: Path) -> list[dict[str, float]]:
    try:
        return [json.loads(line) for line in file.read_text().splitlines()]
    except (OSError, ValueError):  # nothing yet, or a last line cut short
        return []


def lines(found: Sequence[Result], paint: Paint) -> Iterator[str]:
    """Yield the table: what each variant's runs return at the end, and at the best of their tests."""
    width = max([len(result.variant) for result in found] + [7])
    measure = found[0].measure if found else "return"
    wide = max(len(measure), 8)
    yield paint(
        f"{'':<{width}}  {'seeds':>5}  {measure:>{wide}}  {'95% interval':<20}  {'best':>8}  {'steps/s':>8}", HEADING
    )
    for result in found:
        best = result.mean.min() if measure == "exploitability" else result.mean.max()
        low, high = result.band()[:, -1]
        between = f"{low:.4g} to {high:.4g}" if low == low else "one seed: none"
        yield (
            f"{result.variant:<{width}}  {len(result.seeds):>5}  {result.mean[-1]:>{wide}.4g}  {between:<20}  "
            f"{best:>8.4g}  {result.speed:>8,.0f}"
        )


def figures(found: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the table and the curves, for JSON."""

    def plain(numbers: npt.NDArray[np.float64]) -> list[float | None]:
        return [x if x == x else None for x in numbers.tolist()]

    return [
        {
            "variant": result.variant,
            "seeds": list(result.seeds),
            result.measure: result.mean[-1],
            "low": plain(result.band()[0])[-1],
            "high": plain(result.band()[1])[-1],
            "steps_per_second": result.speed,
            "curve": {
                "steps": plain(result.steps),
                "mean": plain(result.mean),
                "low": plain(result.band()[0]),
                "high": plain(result.band()[1]),
            },
        }
        for result in found
    ]


def draw(found: Sequence[Result], title: str, path: Path) -> None:
    """Write the learning curves as a picture, in the format that the file's ending says.

    Raises `ValueError` where it cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for result in found:
        (line,) = axes.plot(result.steps, result.mean, label=f"{result.variant} ({len(result.seeds)} seeds)")
        low, high = result.band()
        axes.fill_between(result.steps, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    measure = "exploitability" if found and found[0].measure == "exploitability" else "return without exploring"
    axes.set(title=title, xlabel="environment steps", ylabel=f"{measure}: mean over seeds, 95% interval")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(alpha=0.3)
    axes.legend()
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:] or "png", dpi=150)
    try:
        write_atomic(path, data.getvalue())
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from error
