"""The command line's part for batches of spots."""

from pathlib import Path
from typing import Any

import click

from counterplay.engine.errors import UserError
from counterplay.show.terminal import paint, put, put_json, shown, width


@click.command()
@click.argument("source", metavar="SPOT|FOLDER")
@click.option("--out", metavar="DIR", required=True, help="Where solutions are kept, and a line for each spot.")
@click.option("--boards", metavar="WHICH", help="all, subset:25 (49, 95, 184), a list (Ks9d4c,Qs8h2c), or its file.")
@click.option("--target", metavar="E", help="Stop each at an exploitability of E chips, or 0.5% of the pot, as solve.")
@click.option("--iterations", type=int, metavar="N", help="Stop each after N iterations.")
@click.option("--algorithm", metavar="NAME", default="auto", show_default=True, help="As solve has them for spots.")
@click.option("--compress", is_flag=True, help="Half the memory, in 16-bit tables.")
@click.option("--workers", type=int, metavar="N", help="Spots that are solved at a time; one a core.")
@click.option("--ray", metavar="ADDRESS", help="Solve on a Ray cluster: auto, ray://host:10001, or local.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def batch(source: str, out: str, boards: str | None, as_json: bool, **options: Any) -> int:
    """Solve SPOT's ranges and betting on many boards, or all spots in FOLDER, one after another on all cores.

    Each solution is kept in DIR, a file to show, play against or resume, and a line for each in DIR/batch.sqlite. What
    fails is told and left out; where all failed the exit code is 1. The same command again goes on where it stopped, or
    was stopped by Ctrl-C.
    'counterplay report DIR' has the tables.
    """
    from counterplay.api.batch import BatchProgress
    from counterplay.api.batch import batch as solve
    from counterplay.engine.system import interrupts
    from counterplay.show import batch_pages, listing

    if boards is not None and Path(boards).is_file():
        from counterplay.engine.files import MOST_TEXT, read_bytes

        boards = read_bytes(Path(boards), MOST_TEXT).decode("utf-8", "replace")

    def progress(now: BatchProgress) -> None:
        if now.last is not None:
            say_aside(batch_pages.line(now.last, now.done + now.failed, now.jobs))

    def say_aside(text: str) -> None:
        click.echo(shown(text), err=True)

    with interrupts() as stop:
        found = solve(source, out, boards=boards, on_size=say_aside, on_progress=progress, **options)
    if as_json:
        put_json(batch_pages.figures(found))
    else:
        put([*batch_pages.summary(found, width(), paint), "", "Next:", f"  counterplay report {listing.quoted(out)}"])
    if stop():
        click.echo("Interrupted; the same command goes on.", err=True)
    return stop.code or int(not found.solved)


def report(
    folder: str, by: str | None, sort: str | None, limit: int | None, to: str | None, out: str | None, as_json: bool
) -> None:
    """Print a batch's tables, or write them as a file."""
    from counterplay.api.batch_rows import read
    from counterplay.engine.writing import replacing, told, write_text
    from counterplay.show import batch_pages

    if to is None and out is not None:
        to = Path(out).suffix[1:]
        if to not in ("csv", "parquet"):
            raise UserError(f"say in which format {out} is written: --to csv, or --to parquet")
    found = read(folder)
    if to == "parquet":
        if out is None:
            raise UserError("a Parquet file is not for the terminal: name it with --out FILE")
        data = batch_pages.as_parquet(found)
        with told(Path(out)), replacing(Path(out)) as file:
            file.write(data)
    elif to == "csv":
        text = batch_pages.as_csv(found)
        if out is None:
            click.echo(text, nl=False)
        else:
            write_text(Path(out), text)
    elif as_json:
        put_json(batch_pages.figures(found))
    else:
        put(batch_pages.report(found, by, sort or "weight", 40 if limit is None else limit, width(), paint))


COMMANDS = (batch,)
