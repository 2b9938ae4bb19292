"""Who solves the spots of a batch: processes of this machine, each of which solves one after another."""

import json
import os
import signal
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from counterplay.api.batch_rows import FAILED, INTERRUPTED, SOLVED
from counterplay.engine.errors import UserError
from counterplay.engine.processes import serving, start
from counterplay.engine.system import cores, interrupts

KILLED = "its process was killed; too little memory?"


@dataclass(frozen=True)
class Job:
    """A spot of a batch."""

    name: str
    spot: str  # as text, or "" for one that could not be read
    board: str
    weight: float
    error: str = ""

    @property
    def digest(self) -> str:
        """Return what tells the spot from others."""
        return blake2b(self.spot.encode(), digest_size=16).hexdigest()


class Pool(Protocol):
    """Those who solve jobs."""

    @property
    def running(self) -> tuple[Job, ...]:
        """Return the jobs at work."""

    @property
    def room(self) -> bool:
        """Tell whether one more may be sent."""

    def send(self, job: Job) -> None:
        """Have a job solved."""

    def done(self, seconds: float) -> list[dict[str, Any]]:
        """Return the lines of jobs that have come to their end, once there are some or so long has passed."""

    def stop(self) -> None:
        """Have those at work save what they have, and come to their end."""

    def close(self) -> None:
        """End all."""


class _Worker(NamedTuple):
    process: Any
    heard: Connection


class Processes:
    """So many processes of this machine, started as there is work for them."""

    def __init__(self, folder: Path, settings: dict[str, Any], count: int):
        self.count, self.given = count, (os.getcwd(), str(folder), settings, max(cores() // max(count, 1), 1))
        self.context = serving("counterplay.api.spots")
        self.workers, self.at_work = list[_Worker](), dict[int, Job]()

    @property
    def running(self) -> tuple[Job, ...]:
        """Return the jobs at work."""
        return tuple(self.at_work.values())

    @property
    def room(self) -> bool:
        """Tell whether one more may be sent."""
        return len(self.at_work) < self.count

    def send(self, job: Job) -> None:
        """Have a job solved."""
        free = next((k for k in range(len(self.workers)) if k not in self.at_work), len(self.workers))
        if free == len(self.workers):
            try:
                self.workers.append(self._start())
            except UserError:
                if _stopping():
                    return
                raise
        self.at_work[free] = job
        self.workers[free].heard.send(job)

    def done(self, seconds: float) -> list[dict[str, Any]]:
        """Return the lines of jobs that have come to their end."""
        owner, rows = {id(self.workers[k].heard): k for k in self.at_work}, list[dict[str, Any]]()
        for ready in wait([self.workers[k].heard for k in self.at_work], timeout=seconds):
            k = owner[id(ready)]
            job = self.at_work.pop(k)
            try:
                rows.append(self.workers[k].heard.recv())
            except (EOFError, OSError):
                if not _stopping():
                    rows.append(line(job, status=FAILED, error=KILLED))
                    self.workers[k] = self._start()
        return rows

    def stop(self) -> None:
        """Have those at work save what they have."""
        for k in self.at_work:
            self.workers[k].process.terminate()

    def close(self) -> None:
        """End all processes."""
        for worker in self.workers:
            worker.heard.close()
        for worker in self.workers:
            worker.process.join(2)
            worker.process.terminate()

    def _start(self) -> _Worker:
        heard, says = self.context.Pipe()
        process = self.context.Process(target=_work, args=(*self.given, says), daemon=True)
        start(process)
        says.close()
        return _Worker(process, heard)


def _stopping() -> bool:
    """Tell whether there was a signal to stop, which may have gone to all of our processes."""
    with interrupts() as stop:
        return stop()


def _work(here: str, folder: str, settings: dict[str, Any], threads: int, says: Connection) -> None:
    """Solve what comes through the pipe until it is closed, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the batch says when to stop, by SIGTERM
    os.chdir(here)
    with interrupts() as stop:
        stop.arm()
        while not stop():
            try:
                if not says.poll(0.2):
                    continue
                job = says.recv()
            except (EOFError, OSError):
                return
            row = solve_one(job, Path(folder), settings, threads)
            try:
                says.send(row)
            except OSError:
                return


def solve_one(job: Job, folder: Path, settings: dict[str, Any], threads: int) -> dict[str, Any]:
    """Solve one spot, or go on with it, keep it in the folder, and return its line; the file is not yet synced."""
    from counterplay.api.solve import load
    from counterplay.api.spots import SpotSolution, solve
    from counterplay.games.holdem.spot import parse_spot

    file = folder / f"{job.name}.cps"
    try:
        spot, before = parse_spot(job.spot), None
        if file.is_file():
            kept = load(file)
            if isinstance(kept, SpotSolution) and kept.spot == spot and kept.stopped_by == "interrupt":
                before = kept
        given = {name: settings[name] for name in ("iterations", "target", "compress")}
        chosen = settings["algorithm"] if before is None else "auto"
        found = solve(spot, chosen, resume=before, threads=threads, checkpoint=file, **given)
        found.save(file, sync=False)
        opening = found.view()
        shares, equity = opening.frequencies, opening.mean(opening.equity)
    except ValueError as error:
        return line(job, status=FAILED, error=str(error))
    return solved(job, found, equity[0], shares)


def solved(job: Job, found: Any, equity: float, actions: dict[str, float]) -> dict[str, Any]:
    """Return the line of a job that was solved, or as far as it got, given OOP's equity and first actions."""
    return line(
        job,
        status=INTERRUPTED if found.stopped_by == "interrupt" else SOLVED,
        file=f"{job.name}.cps",
        iterations=found.iterations,
        seconds=found.seconds,
        exploitability=found.exploitability_percent_pot,
        ev_oop=found.value[0],
        ev_ip=found.value[1],
        equity_oop=equity,
        actions=json.dumps(actions),
    )


def line(job: Job, **known: Any) -> dict[str, Any]:
    """Return a job's line in the batch's table."""
    return {"name": job.name, "board": job.board, "weight": job.weight, "digest": job.digest, **known}
