"""Keeping what a run of a solver finds: once a minute while it goes on, and at the end whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from counterplay.engine.compiling import tell
from counterplay.engine.errors import NotSaved, UserError
from counterplay.engine.system import ENDS, Stop
from counterplay.engine.writing import rescue

Found = TypeVar("Found")


def keeper(found: Callable[..., Any], checkpoint: str | Path | None) -> Callable[..., None] | None:
    """Return what saves what `found` makes of a run so far to a file; None where there is none.

    A run does not end for a file that cannot be written: it is told, and written the next time.
    """
    if checkpoint is None:
        return None

    def keep(*ending: Any) -> None:
        try:
            found(*ending).save(checkpoint)
        except UserError as error:
            tell(f"{error}; the run goes on, and tries again in a minute")

    return keep


def answered(solution: Found, checkpoint: str | Path | None, stop: Stop) -> Found:
    """Return the solution, unless a signal is to end the process: then it is saved to the checkpoint, and raised."""
    if checkpoint is not None and stop.unanswered(ENDS):
        try:
            save(solution, checkpoint)
        except NotSaved as error:
            tell(str(error))
    stop.again(solution, ENDS)
    return solution


def save(solution: Any, path: str | Path) -> None:
    """Save a solution, or else in another place, which the `NotSaved` that is then raised names."""
    try:
        solution.save(path)
    except UserError as error:
        place = rescue(solution.save, Path(path))
        where = f"it is in {place} instead" if place is not None else "nor can it be saved anywhere else"
        raise NotSaved(f"{error}; {where}", solution, place) from error


@contextmanager
def kept(found: Any, path: str | None) -> Iterator[str | None]:
    """Save what a command found, and yield the file that it is in, None where there is none, to a block that prints it.

    What could not be saved is printed all the same: `NotSaved` is raised after the block.
    """
    failure, place = None, path
    try:
        if path is not None:
            save(found, path)
    except NotSaved as error:
        failure, place = error, None if error.place is None else str(error.place)
    yield place
    if failure is not None:
        raise failure
