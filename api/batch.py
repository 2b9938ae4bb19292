"""Many spots: the ranges and betting of one on many boards, or a folder of spots, each solved and kept."""

import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from counterplay.api import batch_rows as table
from counterplay.api.batch_rows import FAILED, SOLVED, Batch
from counterplay.api.batch_workers import Job, Pool, Processes, line
from counterplay.api.river_runs import together
from counterplay.api.spots import DEFAULT_TARGET, chips, method_of
from counterplay.engine import arguments
from counterplay.engine.errors import UserError
from counterplay.engine.files import MOST_TEXT, read_bytes
from counterplay.engine.system import available, cores, interrupts
from counterplay.engine.text import count as words
from counterplay.engine.text import size as size_text
from counterplay.engine.writing import alone, clear, make_folder, synced
from counterplay.games import GAMES
from counterplay.games.holdem.cards import format_cards, parse_cards
from counterplay.games.holdem.flops import kinds, subset
from counterplay.games.holdem.places import least_bytes
from counterplay.games.holdem.spot import Spot, parse_spot, to_toml

_MOST = 100_000  # spots of a batch
_LOOKED_AT = 100  # of which the size is told
_KEEP = 1.0  # seconds between two times that lines and files are put on disk, which takes longer than a river


class BatchProgress(NamedTuple):
    """How far a batch is, and what has just been done."""

    done: int
    failed: int
    jobs: int
    running: tuple[str, ...]
    last: dict[str, Any] | None


def batch(
    source: Any,
    out: str | Path,
    *,
    boards: str | Iterable[str] | None = None,
    algorithm: str = "auto",
    iterations: int | None = None,
    target: float | str | None = None,
    compress: bool = False,
    workers: int | None = None,
    ray: str | None = None,
    on_size: Callable[[str], None] | None = None,
    on_progress: Callable[[BatchProgress], None] | None = None,
) -> Batch:
    """Solve many spots, and keep each in a file of its own in the folder `out`, with a line in its batch.sqlite.

    `source` is a hold'em spot, or the path of one's file, with `boards`: "all" (all 1,755 kinds of flops, by weight),
    "subset:25" (or 49, 95, 184: chosen to stand for all), a list of boards such as "Ks9d4c", or a text of them with
    commas or line ends between; or it is a folder of spots' files (.toml). Each is solved as `solve` does it, `workers`
    at a time (a process each, one a core if None); or by the machines of a Ray cluster, `ray` being its address
    ("auto", "ray://host:10001", or "local" for one that is started here). A spot that fails is told in its line, and
    the others go on.

    A batch that is started again leaves what is solved as it is, and goes on with what was interrupted. Ctrl-C makes
    the running ones save themselves, and raises `KeyboardInterrupt` then, with the batch so far as its `result`. As
    processes import the script that starts them, it has to do so under `if __name__ == "__main__":`. Raises
    `ValueError` for what does not fit, before the first spot.
    """
    folder = arguments.path("out", out)
    count = cores() if workers is None else arguments.whole("workers", workers, 1, arguments.THREADS)
    for name, call in (("on_size", on_size), ("on_progress", on_progress)):
        if call is not None:
            arguments.function(name, call)
    if iterations is not None:
        arguments.whole("iterations", iterations, 1)
    elif target is None:
        target = DEFAULT_TARGET
    if target is not None:
        chips(target, 1.0)
    method_of(algorithm, iterations)
    jobs = plan(source, boards)
    settings = {
        "algorithm": algorithm,
        "iterations": iterations,
        "target": target,
        "compress": arguments.flag("compress", compress),
    }
    if ray is None:
        _admit(jobs, compress, min(count, len(jobs)), on_size)
    shared = None if boards is None else GAMES.make(str(source) if isinstance(source, Path) else source)
    with closing(_pool(folder, settings, min(count, len(jobs)), ray, shared, jobs)) as pool:  # no cluster, no folder
        make_folder(folder)
        with alone(folder, "another batch is at work there"), interrupts() as stop:
            clear(folder)
            with table.opened(folder, new=True) as base:
                table.claim(base, settings)
                _work_off(jobs, folder, base, pool, stop, on_progress)
            found = table.read(folder)
    stop.again(found)
    return found


def _admit(jobs: list[Job], compress: bool, count: int, on_size: Callable[[str], None] | None) -> None:
    """Tell how much memory the largest spots take that are solved at a time; raises `ValueError` where it is not free.

    That is their tables at least. Spots that differ in their boards alone are about as large: some are looked at.
    """
    some = [job.spot for job in jobs if not job.error]
    sizes = sorted(map(_least, some[:: max(len(some) // _LOOKED_AT, 1)]))
    each, free = sum(sizes[-count:]) * (1 if compress else 2), available()
    told = f"{size_text(each)} of tables at least, {count} at a time"
    if on_size is not None:
        on_size(f"{words(len(jobs), 'spot')}: {told}")
    if each > free:
        more = "" if compress else " or --compress (compress=True)"
        raise UserError(f"the spots take {told}, and {size_text(free)} are free: take fewer --workers{more}")


def _least(text: str) -> int:
    """Return how many bytes a spot's tables take at least; none for a board on which a player has no hand."""
    try:
        return least_bytes(parse_spot(text))
    except UserError:
        return 0


def _pool(
    folder: Path, settings: dict[str, Any], count: int, ray: str | None, spot: Spot | None, jobs: list[Job]
) -> Pool:
    if ray is not None:
        from counterplay.api.batch_ray import Cluster

        return Cluster(folder, settings, arguments.text("ray", ray))
    if spot is not None and together(spot, len(jobs), settings["iterations"], settings["compress"]):
        from counterplay.api.batch_rivers import Together

        return Together(folder, settings, count, spot, jobs)
    return Processes(folder, settings, count)


def plan(source: Any, boards: str | Iterable[str] | None) -> list[Job]:
    """Return the spots of a batch; raises `ValueError` if there are none."""
    if isinstance(source, str | Path) and Path(source).is_dir():
        if boards is not None:
            raise UserError("boards go with one spot, not with a folder of them")
        jobs = [_of_file(path) for path in sorted(Path(source).glob("*.toml"))]
        if not jobs:
            raise UserError(f"{source} has no spots: no file in it ends in .toml")
        return jobs
    spot = GAMES.make(str(source) if isinstance(source, Path) else source)
    if not isinstance(spot, Spot):
        raise UserError(f"a batch is of hold'em spots, and {source!r} is none")
    if boards is None:
        raise UserError('say which boards: "all", "subset:25", or a list such as "Ks9d4c,Qs8h2c"')
    if not spot.board or spot.locks:
        raise UserError("a batch over boards is of a spot that starts on one, without locks")
    chosen = _boards(boards, len(spot.board), spot)
    if len(chosen) > _MOST:
        raise UserError(f"a batch has at most {_MOST:,} spots, not {len(chosen):,}")
    text = to_toml(spot)
    return [_on(text, spot.board, board, weight) for board, weight in chosen]


def _boards(boards: str | Iterable[str], size: int, spot: Spot) -> list[tuple[tuple[int, ...], float]]:
    """Return the boards that are asked for, with their weights; raises `ValueError` for what is none."""
    if isinstance(boards, str):
        text = boards.strip()
        found = re.fullmatch(r"subset:([0-9]{1,6})", text)
        if text == "all" or found:
            if size != 3:
                raise UserError(
                    f"all boards, and subsets of them, are flops, and the spot has {size} cards on its board"
                )
            if found and spot.variant != "holdem":
                raise UserError(f"subsets are of flops of 52 cards, and the spot is of the {spot.variant} deck")
            return [(kind.board, kind.weight) for kind in (subset(int(found[1])) if found else kinds(spot.deck))]
        boards = [part for part in re.split(r"[,;\n]", text) if part.strip()]
    listed = list[tuple[tuple[int, ...], float]]()
    for board in boards:
        cards = parse_cards(arguments.text("a board", board), spot.deck)
        if len(cards) != size:
            raise UserError(f"the spot has {size} cards on its board, and {board.strip()!r} has {len(cards)}")
        listed.append((cards, 1.0))
    if not listed:
        raise UserError('say which boards: "all", "subset:25", or a list such as "Ks9d4c,Qs8h2c"')
    if len({frozenset(cards) for cards, _ in listed}) < len(listed):
        raise UserError("a board is named twice")
    return listed


def _on(text: str, at: tuple[int, ...], board: tuple[int, ...], weight: float) -> Job:
    """Return a spot's text on another board; whether a player has hands there is seen by who solves it."""
    written, name = format_cards(board), format_cards(board).replace(" ", "")
    return Job(name, text.replace(f'board = "{format_cards(at)}"', f'board = "{written}"', 1), name, weight)


def _of_file(path: Path) -> Job:
    name = os.fsencode(path.stem).decode("utf-8", "backslashreplace")  # a database has text alone
    if not name.isprintable():  # a line for each spot
        name = name.encode("unicode_escape").decode()
    try:
        spot = GAMES.make(str(path))
        return Job(name, read_bytes(path, MOST_TEXT).decode(), format_cards(spot.board).replace(" ", ""), 1.0)
    except UserError as error:
        return Job(name, "", "", 1.0, str(error))


def _work_off(
    jobs: list[Job],
    folder: Path,
    base: Any,
    pool: Pool,
    stop: Any,
    on_progress: Callable[[BatchProgress], None] | None,
) -> None:
    """Bring every job to its end, as many at a time as the pool takes; after a signal those at work save themselves."""
    had = {row["name"]: row for row in table.rows_of(base)}
    for job in jobs:
        if job.name in had and had[job.name]["digest"] != job.digest:
            raise UserError(f"the folder holds {job.name} of another spot: name another folder, or remove {table.FILE}")
    waiting = [job for job in jobs if job.name not in had or had[job.name]["status"] != SOLVED]
    done, failed = len(jobs) - len(waiting), 0
    written, kept = list[Path](), time.monotonic()  # files that lines speak of which are not committed yet

    def report(last: dict[str, Any] | None = None) -> None:
        if on_progress is not None:
            on_progress(BatchProgress(done, failed, len(jobs), tuple(job.name for job in pool.running), last))

    def keep() -> None:
        nonlocal kept
        synced(written)  # a line that is there tells of a file that is there, whatever happens to the machine
        base.commit()
        written.clear()
        kept = time.monotonic()

    def finish(row: dict[str, Any]) -> None:
        nonlocal done, failed
        table.put(base, row)
        if row.get("file"):
            written.append(folder / row["file"])
        done += row["status"] == SOLVED
        failed += row["status"] == FAILED
        report(row)

    for job in [job for job in waiting if job.error]:
        waiting.remove(job)
        finish(line(job, status=FAILED, error=job.error))
    report()
    stop.arm()
    told = False
    try:
        while pool.running or (waiting and not stop()):
            while waiting and pool.room and not stop():
                pool.send(waiting.pop(0))
            for row in pool.done(0.2):
                finish(row)
            if time.monotonic() - kept > _KEEP:
                keep()
            if stop() and not told:
                told = True
                pool.stop()
            report()
    finally:
        keep()
