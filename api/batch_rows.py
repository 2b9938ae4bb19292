"""What a batch of spots keeps in its folder: a line for each spot in SQLite, and what is read from it."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from counterplay.engine import schema
from counterplay.engine.errors import UserError
from counterplay.games.holdem.cards import parse_cards
from counterplay.games.holdem.flops import TEXTURES, texture

FILE = "batch.sqlite"
SOLVED, INTERRUPTED, FAILED = "solved", "interrupted", "failed"
_KINDS = {
    "name": str,
    "board": str,
    "weight": float,
    "status": str,
    "error": str,
    "file": str,
    "iterations": int,
    "seconds": float,
    "exploitability": float,  # per cent of the pot
    "ev_oop": float,
    "ev_ip": float,
    "equity_oop": float,
    "actions": str,  # JSON: how often the first decision's actions are taken
    "digest": str,  # of the spot's text
}
COLUMNS = tuple(_KINDS)
_TYPES = {str: "TEXT", float: "REAL", int: "INTEGER"}
_TABLES = {
    "spots": f"({', '.join(f'{name} {_TYPES[kind]}' for name, kind in _KINDS.items())}, PRIMARY KEY (name))",
    "about": "(key TEXT PRIMARY KEY, value TEXT)",
}
_MOST = 1_000_000  # rows of a batch
SORTS = ("name", "weight", "seconds", "iterations", "exploitability", "ev_oop", "ev_ip", "equity_oop")


@contextmanager
def opened(folder: Path, *, new: bool = False) -> Iterator[sqlite3.Connection]:
    """Yield the database of a folder; raises `ValueError` where there is none, or it is damaged."""
    place = folder / FILE
    if not new and not place.is_file():
        raise UserError(f"{folder} holds no batch: 'counterplay batch SPOT --boards ... --out {folder}' makes one")
    try:
        with closing(sqlite3.connect(place)) as base:
            if new:
                for name, columns in _TABLES.items():
                    base.execute(f"CREATE TABLE IF NOT EXISTS {name} {columns}")
            _check_tables(base, place)
            yield base
    except sqlite3.Error as error:
        raise UserError(f"{place} is damaged, or cannot be written: {error}") from error


def _check_tables(base: sqlite3.Connection, place: Path) -> None:
    """Raise `UserError` unless a database has our two tables and nothing else: views and triggers would be executed."""
    wanted = {("table", name, f"CREATE TABLE {name} {columns}") for name, columns in _TABLES.items()}
    found = base.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL LIMIT 10")
    if set(found) != wanted:
        raise UserError(f"{place} is damaged, or holds something else: its tables are not those of a batch")


def claim(base: sqlite3.Connection, about: Mapping[str, Any]) -> None:
    """Note what a batch is of; raises `ValueError` where the folder holds one of something else."""
    kept = dict(base.execute("SELECT key, value FROM about"))
    for key, value in about.items():
        text = json.dumps(value)
        if kept.get(key, text) != text:
            raise UserError(
                f"the folder holds a batch with another {key}, {str(kept[key])[:200]}: give it again, "
                "or name another folder"
            )
    base.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", [(k, json.dumps(v)) for k, v in about.items()])
    base.commit()


def put(base: sqlite3.Connection, row: Mapping[str, Any]) -> None:
    """Write a spot's line, in place of an earlier one; it is kept once the caller commits."""
    marks = ", ".join("?" * len(COLUMNS))
    base.execute(f"INSERT OR REPLACE INTO spots VALUES ({marks})", [row.get(name) for name in COLUMNS])


def rows_of(base: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return all lines; raises `ValueError` for what no batch wrote."""
    lines = base.execute(f"SELECT {', '.join(COLUMNS)} FROM spots LIMIT {_MOST + 1}").fetchall()
    if len(lines) > _MOST:
        raise UserError(f"a batch has at most {_MOST:,} spots, and this one more")
    return [_checked(dict(zip(COLUMNS, line, strict=True))) for line in lines]


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    """Return a line with its actions as a dictionary; raises `UserError` for what no batch wrote."""
    of = f"the batch is damaged: the line of {str(row['name'])[:40]!r}"
    try:
        row["actions"] = json.loads(row["actions"] or "{}")
        found = msgspec.structs.asdict(schema.convert(row, schema.BatchRow, of))
        if found["status"] == SOLVED and 0 < len(parse_cards(found["board"])) < 3:
            raise UserError(f"{of} has a board of fewer than three cards")
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{of} has actions that cannot be read") from None
    return found


@dataclass(frozen=True)
class Batch:
    """The spots of a batch: `rows` has a dictionary for each, by the names of `COLUMNS`."""

    folder: Path
    rows: tuple[dict[str, Any], ...]

    @property
    def solved(self) -> tuple[dict[str, Any], ...]:
        """Return the lines of those that are solved."""
        return tuple(row for row in self.rows if row["status"] == SOLVED)

    def mean(self, rows: Iterable[Mapping[str, Any]] | None = None) -> dict[str, Any]:
        """Return how many spots there are, their weight, and by weight the mean of values, equities and actions."""
        some = list(self.solved if rows is None else rows)
        whole = sum(row["weight"] for row in some)
        told: dict[str, Any] = {"spots": len(some), "weight": whole}
        if not whole:
            return told
        for name in ("ev_oop", "ev_ip", "equity_oop", "exploitability"):
            told[name] = sum(row["weight"] * row[name] for row in some) / whole
        names = dict.fromkeys(name for row in some for name in row["actions"])  # in the order of the first spot's
        told["actions"] = {n: sum(row["weight"] * row["actions"].get(n, 0.0) for row in some) / whole for n in names}
        return told

    def sorted(self, column: str) -> list[dict[str, Any]]:
        """Return the lines of those that are solved, the largest first; raises `ValueError` for no such column."""
        known = dict.fromkeys(name for row in self.solved for name in row["actions"])
        if column not in SORTS and column not in known:
            raise UserError(f"spots are sorted by {', '.join((*SORTS, *known))}, not by {column!r}")
        if column == "name":
            return sorted(self.solved, key=lambda row: str(row["name"]))
        of = (lambda row: row[column]) if column in SORTS else (lambda row: row["actions"].get(column, 0.0))
        return sorted(self.solved, key=of, reverse=True)

    def by(self, what: str) -> dict[str, dict[str, Any]]:
        """Return the means of the spots whose boards are alike: by "high card", "pairs", "suits" or "ranks".

        Raises `ValueError` for anything else.
        """
        if what not in TEXTURES:
            raise UserError(f"boards are told apart by {', '.join(TEXTURES)}, not by {what!r}")
        groups = dict[str, list[Mapping[str, Any]]]()
        for row in self.solved:
            name = texture(parse_cards(row["board"]))[what] if row["board"] else "before the flop"
            groups.setdefault(name, []).append(row)
        return {name: self.mean(groups[name]) for name in sorted(groups, key=_order)}


def _order(name: str) -> tuple[int, str]:
    ranks = "AKQJT98765432"
    return (ranks.index(name), "") if name in ranks else (len(ranks), name)


def read(folder: str | Path) -> Batch:
    """Read a batch from its folder; raises `ValueError` where there is none, or it is damaged."""
    place = Path(folder)
    with opened(place) as base:
        return Batch(place, tuple(rows_of(base)))
