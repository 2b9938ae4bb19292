"""A run's replay in its folder: files that are written once, so that a checkpoint a minute writes what is new.

A row of a replay, an episode or a move, does not change once it is there (its priority does, and is in the
checkpoint). A part is a file of the rows added from `start` to `end`, and a checkpoint names the parts that it needs.
First the new part is written, then the checkpoint, then the parts that it no longer needs are removed: a process that
is killed in between leaves the old checkpoint with all its parts, and no name is ever used twice, so they cannot be
mixed up.
"""

import contextlib
import re
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from counterplay.agents.replay import Ring
from counterplay.engine import store
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.writing import clean

MOST = 64  # parts, from which on they are written anew as one
_KIND = "replay"
_NAME = re.compile(r"\.?(replay_[0-9a-f]{8}\.cps)(?:\.[0-9a-f]{8}\.unfinished)?")


class Part(NamedTuple):
    """Rows of a replay, counted from the first that was ever added."""

    start: int
    end: int
    token: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"replay_{self.token}.cps"


def write(folder: Path, replay: Ring, parts: Sequence[Part]) -> list[Part]:
    """Write what of a replay is not in those parts, and return the parts that then hold it, oldest first."""
    oldest = replay.added - replay.size
    kept = [part for part in parts if part.end > oldest]
    if len(kept) >= MOST:
        kept = []
    start = kept[-1].end if kept else oldest
    while start < replay.added:
        end = min(replay.added, (start // replay.capacity + 1) * replay.capacity)  # where the ring begins anew
        part = Part(start, end, secrets.token_hex(4))
        store.write(folder / part.name, replay.rows(start, end), {"kind": _KIND, "start": start, "end": end})
        kept.append(part)
        start = end
    return kept


def read(folder: Path, replay: Ring, parts: Sequence[Part], spec: EnvSpec) -> None:
    """Fill a replay, whose `head` is there, from the files of its parts; raises `UserError` if they are not whole."""
    oldest = replay.added - replay.size
    if [p.start for p in parts[1:]] != [p.end for p in parts[:-1]] or (replay.size and not parts):
        raise UserError(f"the replay of the run in {folder} has parts missing")
    for part in parts:
        path = folder / part.name
        if not path.exists():
            raise UserError(f"the run in {folder} has gone on since it was read, or its replay is lost: read it again")
        arrays, header = store.read(path)
        try:
            if (header["kind"], header["start"], header["end"]) != (_KIND, part.start, part.end):
                raise ValueError("it is of another run")
            replay.check(arrays, spec)
            skipped = max(oldest - part.start, 0)  # what has left the replay since
            replay.put(part.start + skipped, part.end, {name: array[skipped:] for name, array in arrays.items()})
        except (KeyError, ValueError) as error:
            raise UserError(f"{path} is not the replay that the run in {folder} had ({error})") from error


def remove_others(folder: Path, parts: Iterable[Part]) -> None:
    """Remove the files of all other parts, and what killed processes left of them."""
    kept = {part.name for part in parts}
    for path in folder.iterdir() if folder.is_dir() else ():
        if (found := _NAME.fullmatch(path.name)) is None:
            continue
        if path.name.startswith("."):
            clean(folder / found[1])
        elif path.name not in kept:
            with contextlib.suppress(OSError):
                path.unlink()
