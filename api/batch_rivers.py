"""Who solves the rivers of a batch: threads of this process, many boards at a time (`api.river_runs`)."""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from counterplay.api.batch_rows import FAILED
from counterplay.api.batch_workers import Job, line, solve_one, solved
from counterplay.api.river_runs import River, Rivers
from counterplay.engine.errors import UserError
from counterplay.engine.system import interrupts
from counterplay.games.holdem.cards import parse_cards
from counterplay.games.holdem.spot import Spot


class Together:
    """So many threads of this process, for jobs that are one spot on other boards."""

    room = True  # all of them: what waits takes no memory to speak of

    def __init__(self, folder: Path, settings: dict[str, Any], threads: int, spot: Spot, jobs: Sequence[Job]):
        self.folder, self.settings, self.threads, self.spot = folder, settings, threads, spot
        boards = [parse_cards(job.board, spot.deck) for job in jobs]
        self.rivers = Rivers(spot, boards, settings["algorithm"], settings["iterations"], settings["target"], threads)
        self.sent, self.at_work = deque[Job](), deque[Job]()
        self.failed = list[dict[str, Any]]()
        self.flow: Iterator[list[River | None]] | None = None

    @property
    def running(self) -> tuple[Job, ...]:
        """Return the jobs at work: those that wait count among them."""
        return (*self.at_work, *self.sent)

    def send(self, job: Job) -> None:
        """Have a job solved."""
        self.sent.append(job)

    def done(self, seconds: float) -> list[dict[str, Any]]:
        """Return the lines of some jobs; after a signal those that were at work are left, and none is running."""
        with interrupts() as stop:
            if self.flow is None:
                self.flow = self.rivers.solve(self._spots(), stop)
            found = next(self.flow, None)
        rows, self.failed = self.failed, []
        if found is None:
            self.flow = None
            self.at_work.clear()
            self.sent.clear()
        for river in found or ():
            rows.append(self._kept(self.at_work.popleft(), river))
        return rows

    def stop(self) -> None:
        """Leave what is at work, and what waits: `done` has seen the signal too."""

    def close(self) -> None:
        """End the threads."""
        self.rivers.close()

    def _spots(self) -> Iterator[Spot]:
        """Yield the spots of the jobs that were sent; a board that takes a whole range has failed."""
        while self.sent:
            job = self.sent.popleft()
            try:
                spot = self.spot.on(parse_cards(job.board, self.spot.deck))
            except UserError as error:
                self.failed.append(line(job, status=FAILED, error=str(error)))
                continue
            self.at_work.append(job)
            yield spot

    def _kept(self, job: Job, river: River | None) -> dict[str, Any]:
        """Keep a river, or solve it by itself, and return its line."""
        if river is None:
            return solve_one(job, self.folder, self.settings, self.threads)
        try:
            river.solution.save(self.folder / f"{job.name}.cps", sync=False)
        except UserError as error:
            return line(job, status=FAILED, error=str(error))
        return solved(job, river.solution, river.equity, river.actions())
