"""Batches of spots as text: a line while each is solved, tables by board and by what boards are like."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from counterplay.engine.errors import UserError
from counterplay.engine.text import count, duration, small
from counterplay.games.holdem.cards import parse_cards
from counterplay.games.holdem.flops import TEXTURES, texture
from counterplay.show.text import DIM, HEADING, Paint, bar

if TYPE_CHECKING:
    from counterplay.api.batch_rows import Batch

_BAR = 12
_LEAST = 4  # the shortest bar that tells anything
_MORE: dict[str, Callable[[float], str]] = {  # columns that are shown where spots are sorted by them
    "exploitability": lambda x: f"{small(x)} %",
    "seconds": duration,
    "iterations": lambda n: f"{n:,}",
}


def line(row: Mapping[str, Any], done: int, jobs: int) -> str:
    """Return a spot that is done in a line."""
    place = f"{done:>{len(str(jobs))}} of {jobs}  {row['name']:<12}"
    if row["status"] == "failed":
        return f"{place}  failed: {row['error']}"
    if row["status"] == "interrupted":
        return f"{place}  interrupted after {count(row['iterations'], 'iteration')}"
    return f"{place}{_figures(row)}  {count(row['iterations'], 'iteration')} in {duration(row['seconds'])}"


def _figures(row: Mapping[str, Any]) -> str:
    values = f"  EV {row['ev_oop']:8.3f} {row['ev_ip']:8.3f}  equity {100 * row['equity_oop']:5.1f} %"
    return f"{values}  {small(row['exploitability'])} % of pot"


def summary(found: "Batch", width: int, paint: Paint) -> Iterator[str]:
    """Yield how many spots are solved, their means, and those that failed."""
    failed = [row for row in found.rows if row["status"] == "failed"]
    left = len(found.rows) - len(found.solved) - len(failed)
    parts = [f"{count(len(found.solved), 'spot')} solved"]
    parts += [f"{left} interrupted"] if left else []
    parts += [f"{len(failed)} failed"] if failed else []
    yield paint(f"{found.folder}: ", HEADING) + ", ".join(parts)
    if found.solved:
        yield from ("", *_means({"all": found.mean()}, width, paint))
    for row in failed[:10]:
        yield f"  {row['name']} failed: {row['error']}"
    if len(failed) > 10:
        yield f"  and {len(failed) - 10} more"


def report(found: "Batch", by: str | None, sort: str, limit: int, width: int, paint: Paint) -> Iterator[str]:
    """Yield a batch's means by what boards are like, and its spots, sorted; raises `ValueError` for no such column."""
    rows = found.sorted(sort)
    groups = {what: found.by(what) for what in (TEXTURES if by is None else (by,))}
    yield from summary(found, width, paint)
    if not rows:
        return
    for what, means in groups.items():
        yield from ("", paint(f"By {what}", HEADING), *_means(means, width, paint))
    yield from ("", paint(f"By {sort.replace('_', ' ')}", HEADING))
    names = list(dict.fromkeys(name for row in rows for name in row["actions"]))
    listed = rows[: limit or len(rows)]
    label = max(12, *(len(row["name"]) for row in listed))
    more = sort if sort in _MORE else ""  # what is not shown otherwise
    lead = [f"  {'spot':<{label}}{'weight':>8}{'EV OOP':>9}{'EV IP':>9}{'equity':>8}{f'{more:>15}' if more else ''}"]
    for row in listed:
        values = f"{row['ev_oop']:>9.3f}{row['ev_ip']:>9.3f}{100 * row['equity_oop']:>7.1f}%"
        also = f"{_MORE[more](row[more]):>15}" if more else ""
        lead.append(f"  {row['name']:<{label}}{row['weight']:>8.4g}{values}{also}")
    columns = [[f"{name:>6}", *(_share(row["actions"].get(name), len(name)) for row in listed)] for name in names]
    yield from _fitted(lead, columns, label + 2, width, paint)
    if limit and len(rows) > limit:
        yield paint(f"  {len(rows) - limit:,} more: --limit 0 shows all", DIM)


def _share(share: float | None, wide: int) -> str:
    return f"{'' if share is None else f'{100 * share:.1f}%':>{max(6, wide)}}"


def _means(groups: Mapping[str, Mapping[str, Any]], width: int, paint: Paint) -> Iterator[str]:
    """Yield a line for each group of spots: how many, their weight, values, equity, actions, bars where they fit."""
    names = list(dict.fromkeys(name for mean in groups.values() for name in mean["actions"]))
    lead = [f"  {'':<18}{'spots':>6}{'weight':>8}{'EV OOP':>9}{'EV IP':>9}{'equity':>8}"]
    for name, mean in groups.items():
        values = f"{mean['ev_oop']:>9.3f}{mean['ev_ip']:>9.3f}{100 * mean['equity_oop']:>7.1f}%"
        lead.append(f"  {name:<18}{mean['spots']:>6}{mean['weight']:>8.4g}{values}")
    room = (width - len(lead[0])) // max(1, len(names)) - 9  # beside the gap and the per cent
    most = min(_BAR - 1, room) if room >= _LEAST else 0
    columns = [
        [f"{name:<6}", *(_with_bar(mean["actions"].get(name, 0.0), most) for mean in groups.values())] for name in names
    ]
    yield from _fitted(lead, columns, 20, width, paint)


def _with_bar(share: float, most: int) -> str:
    return f"{100 * share:>5.1f}%{bar(share, most):<{most}}"


def _fitted(
    lead: Sequence[str], columns: Iterable[Sequence[str]], label: int, width: int, paint: Paint
) -> Iterator[str]:
    """Yield a table's lines, headings first; columns that do not fit beside `lead` follow below, rows named again.

    `label` is how many characters of `lead` name a row.
    """
    lines = list(lead)
    for column in columns:
        wide = max(map(len, column))
        if len(lines[0]) > label and len(lines[0]) + 2 + wide > width:
            yield from _headed(lines, paint)
            lines = [line[:label] for line in lead]
        lines = [f"{line}  {cell:<{wide}}" for line, cell in zip(lines, column, strict=True)]
    yield from _headed(lines, paint)


def _headed(lines: Sequence[str], paint: Paint) -> Iterator[str]:
    yield paint(lines[0].rstrip(), DIM)
    yield from (line.rstrip() for line in lines[1:])


def figures(found: "Batch") -> dict[str, Any]:
    """Return a batch for JSON."""
    return {
        "spots": list(found.rows),
        "mean": found.mean(),
        "by": {what: found.by(what) for what in TEXTURES},
    }


def _flat(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return lines with a column for each action and for what the board is like."""
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row["actions"])
    return [
        {name: value for name, value in row.items() if name not in ("actions", "digest")}
        | (texture(parse_cards(row["board"])) if row["board"] else {})
        | {name: row["actions"].get(name) for name in names}
        for row in listed
    ]


def as_csv(found: "Batch") -> str:
    """Return a batch as CSV: a line for each spot, with a column for each action."""
    rows, out = _flat(found.rows), io.StringIO()
    heads = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, heads, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_parquet(found: "Batch") -> bytes:
    """Return a batch as a Parquet file; raises `ValueError` where pyarrow is missing."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise UserError('Parquet needs pyarrow: pip install "counterplay[parquet]" (or take --to csv)') from None
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(_flat(found.rows)), out)
    return out.getvalue()
