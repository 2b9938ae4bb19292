"""A Ray cluster that solves the spots of a batch: a task each, on one core of whatever machine has it free."""

import tempfile
from pathlib import Path
from typing import Any

from counterplay.api.batch_rows import FAILED
from counterplay.api.batch_workers import KILLED, Job, line, solve_one
from counterplay.api.ray_start import connect, room, words
from counterplay.engine.writing import replacing, told


def task(job: Job, settings: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Solve one spot on another machine; return its line and its file."""
    with tempfile.TemporaryDirectory() as folder:
        row = solve_one(job, Path(folder), settings, 1)
        file = Path(folder, row["file"]) if row.get("file") else None
        return row, b"" if file is None else file.read_bytes()


class Cluster:
    """The cores of a Ray cluster; every machine of it has the package installed."""

    def __init__(self, folder: Path, settings: dict[str, Any], address: str):
        ray = connect(address, "batches")
        self.ray, self.folder, self.settings = ray, folder, settings
        self.count = room(ray)
        self.remote = ray.remote(num_cpus=1, max_retries=1)(task)
        self.at_work = dict[Any, Job]()

    @property
    def running(self) -> tuple[Job, ...]:
        """Return the jobs at work, or waiting on the cluster."""
        return tuple(self.at_work.values())

    @property
    def room(self) -> bool:
        """Tell whether one more may be sent."""
        return len(self.at_work) < self.count

    def send(self, job: Job) -> None:
        """Have a job solved."""
        self.at_work[self.remote.remote(job, self.settings)] = job

    def done(self, seconds: float) -> list[dict[str, Any]]:
        """Return the lines of jobs that have come to their end, once their files are here."""
        ready, _ = self.ray.wait(list(self.at_work), num_returns=1, timeout=seconds)
        return [self._kept(self.at_work.pop(one), one) for one in ready]

    def _kept(self, job: Job, ready: Any) -> dict[str, Any]:
        try:
            row, data = self.ray.get(ready)
        except self.ray.exceptions.RayError as error:
            return line(job, status=FAILED, error=f"{KILLED} ({words(error)})")
        if data:
            place = self.folder / row["file"]
            with told(place), replacing(place) as file:
                file.write(data)
        found: dict[str, Any] = row
        return found

    def stop(self) -> None:
        """Leave what is at work: it will be solved anew."""
        for ready in self.at_work:
            self.ray.cancel(ready, force=True)
        self.at_work.clear()

    def close(self) -> None:
        """Leave the cluster."""
        self.ray.shutdown()
