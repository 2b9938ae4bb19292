"""Learners compared: as tables, and as a figure for a paper."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterplay.engine.text import count
from counterplay.show.chart import label, names_as_they_are, save
from counterplay.show.text import HEADING, Paint

if TYPE_CHECKING:
    from counterplay.agents.comparing import Estimate
    from counterplay.api.comparison import Comparison

_COUNTED = {"last": "the last test", "best": "the best test", "absolute": "its best, judged anew"}


def lines(found: "Comparison", paint: Paint) -> Iterator[str]:
    """Yield what was compared, interquartile means, and how likely each learner is better than each other one."""
    several = any(ends != (0.0, 1.0) for ends in found.ends.values())
    yield f"{count(len(found.tasks), 'task')}, {found.measure} of each run: {_COUNTED[found.score]}"
    if several:
        for task in found.tasks:
            low, high = found.ends[task]
            yield f"  {task}: 0 is {low:.4g}, 1 is {high:.4g}"
    yield ""
    width = max(len("learner"), *map(len, found.learners))
    yield paint(f"{'learner':<{width}}  {'runs':>4}  {'IQM':>8}  {'95% interval':<20}  {'mean':>8}", HEADING)
    lower = found.measure == "exploitability"
    for learner in sorted(found.learners, key=lambda name: float(found.middle[name].value), reverse=not lower):
        middle = found.middle[learner]
        between = f"{float(middle.low):.4g} to {float(middle.high):.4g}"
        yield (
            f"{learner:<{width}}  {len(found.runs[learner]):>4}  {float(middle.value):>8.4g}  {between:<20}  "
            f"{float(found.mean[learner].value):>8.4g}"
        )
    if len(found.learners) > 1:
        yield ""
        yield paint(
            "How likely a run of one is better than a run of another in the same task (ties count half):", HEADING
        )
        for (one, other), chance in found.better.items():
            if found.learners.index(one) < found.learners.index(other):
                low, high = float(chance.low), float(chance.high)
                yield f"{one:<{width}}  than {other:<{width}}  {float(chance.value):.2f}  ({low:.2f} to {high:.2f})"
    yield ""
    yield "IQM: the mean of what the lowest and the highest quarter of the runs leave; intervals by the stratified"
    yield "bootstrap."


def draw(found: "Comparison", path: Path) -> None:
    """Write the figure: interquartile means, tests in the course of runs, and performance profiles.

    Raises `UserError` where it cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    several = any(ends != (0.0, 1.0) for ends in found.ends.values())
    unit = f"{found.measure}, normalised" if several else found.measure
    with names_as_they_are():
        figure = Figure(figsize=(12, 3.6), layout="constrained")
        bars, curve, profile = figure.subplots(1, 3)
        for k, learner in enumerate(found.learners):
            colour, middle = f"C{k}", found.middle[learner]
            bars.barh(k, float(middle.high - middle.low), left=float(middle.low), color=colour, alpha=0.6, height=0.7)
            bars.vlines(float(middle.value), k - 0.35, k + 0.35, color="k")
            _band(curve, found.steps, found.curve[learner], colour, label(learner))
            _band(profile, found.above, found.profile[learner], colour, label(learner))
        bars.set(
            title="interquartile mean",
            xlabel=unit,
            yticks=range(len(found.learners)),
            yticklabels=[label(name) for name in found.learners],
        )
        bars.invert_yaxis()
        shares = len(found.tasks) > 1 and float(found.steps[-1]) == 1.0
        curve.set(title="tests", xlabel="share of a run" if shares else "environment steps", ylabel=f"IQM of {unit}")
        curve.xaxis.set_major_formatter(EngFormatter(sep=""))
        profile.set(
            title="performance profile", xlabel=f"{unit}: more than", ylabel="share of runs", ylim=(-0.02, 1.02)
        )
        for axes in (bars, curve, profile):
            axes.grid(alpha=0.3)
        curve.legend()
    save(figure, path)


def _band(axes: Any, at: Any, found: "Estimate", colour: str, name: str) -> None:
    axes.plot(at, found.value, color=colour, label=name)
    axes.fill_between(at, found.low, found.high, color=colour, alpha=0.2, linewidth=0)
