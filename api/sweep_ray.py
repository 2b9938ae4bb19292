"""Runs of a sweep by a Ray cluster: a task each, on one core of whatever machine has it free.

A task is given what its run's folder holds, trains in a folder of its machine, and gives the folder's files back. So
no disk is shared, and a run whose task is stopped or lost begins anew from where its folder here is.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from counterplay.agents.best import BEST
from counterplay.api.ray_start import connect, room, words
from counterplay.api.sweep_workers import Job, SweepProgress, fail, run_one
from counterplay.engine.compiling import telling
from counterplay.engine.system import interrupts
from counterplay.engine.writing import replacing, told

_HEARING = 0.5  # seconds between two looks at what is done


def task(job: Job, options: Mapping[str, Any], files: Mapping[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """Do one run on another machine; return what went wrong, "" if nothing, and its folder's files."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "run")
        if files:
            folder.mkdir()
        for name, data in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        try:
            with telling(lambda line: None):
                run_one(replace(job, folder=folder), options)
        except ValueError as error:
            return str(error), _files(folder)
        return "", _files(folder)


def work_off(
    jobs: Sequence[Job],
    address: str,
    workers: int | None = None,
    on_progress: Callable[[SweepProgress], None] | None = None,
    **options: Any,
) -> bool:
    """Bring every run to its steps, `workers` at a time (as the cluster has room); return False after Ctrl-C.

    `options` go to `train`. Runs that have their steps are left as they are. Raises `ValueError` for a run that failed,
    once the others are done, and where there is no cluster.
    """
    had = {job: job.done for job in jobs}
    waiting, failed = [job for job in jobs if had[job] < job.steps], dict[Job, str]()
    running = dict[Any, Job]()
    ended = False

    def report() -> None:
        if on_progress is not None:
            finished = sum(had[job] >= job.steps for job in jobs)
            on_progress(SweepProgress(finished, len(jobs), {job: had[job] for job in running.values()}, {}))

    if not waiting:
        report()
        return True
    ray = connect(address, "sweeps")
    try:
        remote, count = ray.remote(num_cpus=1, max_retries=1)(task), workers or room(ray)
        with interrupts() as interrupted:
            interrupted.arm()
            while (running or waiting) and not ended:
                while waiting and len(running) < count:
                    job = waiting.pop(0)
                    running[remote.remote(job, options, _files(job.folder))] = job
                report()
                for ready in ray.wait(list(running), num_returns=1, timeout=_HEARING)[0]:
                    job = running.pop(ready)
                    try:
                        error, files = ray.get(ready)
                    except ray.exceptions.RayError as lost:
                        error, files = f"its process was killed ({words(lost)})", {}
                    _put(job.folder, files)
                    had[job] = job.done
                    if error:
                        failed[job] = error
                ended = interrupted()
            for ready in running:
                ray.cancel(ready, force=True)
            report()
    finally:
        ray.shutdown()
    fail(failed, jobs)
    return not ended


def _files(folder: Path) -> dict[str, bytes]:
    """Return the files of a run's folder and of its best, by name; none where there is no folder."""
    found = [path for place in (folder, folder / BEST) if place.is_dir() for path in place.iterdir()]
    plain = [path for path in found if path.is_file() and path.name[0] != "."]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in plain}


def _put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a run into its folder here, the checkpoint after what it needs."""
    if files:
        folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name.endswith((".pt", ".json"))):
        (folder / name).parent.mkdir(exist_ok=True)
        with told(folder), replacing(folder / name) as file:
            file.write(files[name])
