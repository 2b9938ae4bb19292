"""The command line's `compare`: learners beside each other over tasks and seeds."""

from pathlib import Path

import click

import counterplay
from counterplay.agents.log import KEPT_FILES
from counterplay.engine.errors import UserError
from counterplay.engine.writing import check_apart, check_writable
from counterplay.show.terminal import paint, put, put_json


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--score",
    type=click.Choice(["last", "best", "absolute"]),
    default="last",
    show_default=True,
    help="What counts of a run: its last test, its best one, or its best checkpoint judged anew.",
)
@click.option(
    "--ends", multiple=True, metavar="TASK=LOW:HIGH", help="What 0 and 1 are in a task, such as 'spread=-60:0'."
)
@click.option("--metric", metavar="NAME", help="What counts of other tools' files, if they have several.")
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="K", help="Of what is drawn for intervals; 0.")
@click.option("--out", metavar="FIGURE", help="Draw them there: a .png, .svg or .pdf file.")
@click.option("--marl-eval", "marl_eval", metavar="FILE", help="Write the runs there in marl-eval's JSON form.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def compare(
    paths: tuple[str, ...],
    score: str,
    ends: tuple[str, ...],
    metric: str | None,
    seed: int,
    out: str | None,
    marl_eval: str | None,
    as_json: bool,
) -> None:
    """Compare learners over tasks and seeds: folders of sweeps or runs, and marl-eval's JSON files.

    Tells interquartile means with 95 % intervals, and how likely a run of one is better than one of another; the figure
    has curves and performance profiles too.
    """
    for file in (out, marl_eval):
        if file is not None:
            check_writable(Path(file))
            check_apart(Path(file), *paths)
            if Path(file).name in KEPT_FILES and Path(file).exists():
                raise UserError(f"{file} is a file of a run: give what is written another name")
    if out is not None and marl_eval is not None and Path(out).resolve() == Path(marl_eval).resolve():
        raise UserError(f"--out and --marl-eval are both {out}: give them two names")
    found = counterplay.compare(paths, score=score, ends=dict(map(_ends, ends)), metric=metric, seed=seed)
    from counterplay.show import comparison_pages

    if out is not None:
        comparison_pages.draw(found, Path(out))
    if marl_eval is not None:
        from counterplay.api.comparison import write_marl_eval

        write_marl_eval(found, Path(marl_eval))
    if as_json:
        put_json({**found.as_json(), **({"figure": out} if out else {}), **({"file": marl_eval} if marl_eval else {})})
        return
    put(comparison_pages.lines(found, paint))
    for what, file in (("Figure", out), ("marl-eval's form", marl_eval)):
        if file is not None:
            put([f"{what}: {file}"])


def _ends(text: str) -> tuple[str, tuple[float, float]]:
    """Return a task and its ends out of TASK=LOW:HIGH; a task's own parameters may have signs of equality."""
    task, _, pair = text.rpartition("=")
    low, _, high = pair.partition(":")
    try:
        return task, (float(low), float(high))
    except ValueError:
        raise UserError(f"--ends wants TASK=LOW:HIGH, such as 'spread=-60:0', not {text[:80]!r}") from None


COMMANDS = (compare,)
