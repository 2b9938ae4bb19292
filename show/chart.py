"""What a sweep came to: a table, and learning curves with bands of how far seeds differ."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from counterplay.agents.curves import Curve
from counterplay.engine.errors import UserError
from counterplay.engine.text import printable
from counterplay.engine.writing import told, write_atomic
from counterplay.show.text import HEADING, Paint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from counterplay.api.search import Found


def lines(curves: Sequence[Curve], paint: Paint) -> Iterator[str]:
    """Yield the table: what each variant's runs return at the end, and at the best of their tests."""
    width = max([len(curve.variant) for curve in curves] + [7])
    measure = curves[0].measure if curves else "return"
    wide = max(len(measure), 8)
    yield paint(
        f"{'':<{width}}  {'seeds':>5}  {measure:>{wide}}  {_span(curves):<24}  {'best':>8}  {'steps/s':>8}", HEADING
    )
    for curve in curves:
        best = curve.mean.min() if measure == "exploitability" else curve.mean.max()
        low, high = curve.band()[:, -1]
        between = f"{low:.4g} to {high:.4g}" if low == low else "one seed: none"
        yield (
            f"{curve.variant:<{width}}  {len(curve.seeds):>5}  {curve.mean[-1]:>{wide}.4g}  {between:<24}  "
            f"{best:>8.4g}  {curve.speed:>8,.0f}"
        )


def trials(found: "Found", paint: Paint, most: int = 10) -> Iterator[str]:
    """Yield the best trials of a search, and the best one's settings as a command."""
    shown = found.trials[:most]
    said = [" ".join(f"{name}={_short(value)}" for name, value in trial.settings.items()) for trial in shown]
    width, wide = max([len(text) for text in said] + [8]), max(len(found.measure), 8)
    yield paint(f"{'trial':>5}  {'settings':<{width}}  {found.measure:>{wide}}", HEADING)
    for trial, text in zip(shown, said, strict=True):
        score = "failed" if trial.score != trial.score else f"{trial.score:.4g}"
        yield f"{trial.number:>5}  {text:<{width}}  {score:>{wide}}"
    if found.command:
        yield ""
        yield f"{len(found.trials)} trials; the best one again:"
        yield f"  {found.command}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _span(curves: Sequence[Curve]) -> str:
    """Return what bands are: those of the curve with the most seeds, as the others have ended early at most."""
    return max(curves, key=lambda curve: len(curve.seeds)).span if curves else "one seed"


def draw(curves: Sequence[Curve], title: str, path: Path) -> None:
    """Write the learning curves as a picture, in the format that the file's ending says.

    Raises `ValueError` where it cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    with names_as_they_are():
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.add_subplot()
        for curve in curves:
            (line,) = axes.plot(curve.steps, curve.mean, label=f"{label(curve.variant)} ({len(curve.seeds)} seeds)")
            low, high = curve.band()
            axes.fill_between(curve.steps, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        measures = {"exploitability": "exploitability", "sum": "sum of agents' returns without exploring"}
        measure = measures.get(curves[0].measure if curves else "", "return without exploring")
        axes.set(
            title=label(title, 100), xlabel="environment steps", ylabel=f"{measure}: mean over seeds, {_span(curves)}"
        )
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.grid(alpha=0.3)
        axes.legend()
    save(figure, path)


def label(name: str, most: int = 40) -> str:
    """Return somebody's name as a figure has room for it; matplotlib leaves out what begins with an underscore."""
    text = printable(name).replace("\n", " ")
    text = text if len(text) <= most else f"{text[: most - 1]}…"
    return f" {text}" if text.startswith("_") else text


@contextmanager
def names_as_they_are() -> Iterator[None]:
    """Let dollars in names be dollars, and not the beginning of a formula."""
    import matplotlib as mpl

    with mpl.rc_context({"text.parse_math": False}):
        yield


def save(figure: "Figure", path: Path) -> None:
    """Write a figure in the format that the file's ending says; raises `UserError` where it cannot be written."""
    data = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph ")  # that the font has not: they are boxes
            figure.savefig(data, format=path.suffix[1:] or "png", dpi=150)
    except ValueError as error:
        raise UserError(f"{path}: figures are png, svg or pdf files, not {path.suffix[1:20]}") from error
    with told(path):
        write_atomic(path, data.getvalue())
