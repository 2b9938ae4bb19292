"""Runs against others: whom they were begun against, kept by name and digest, and found again."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from counterplay.agents.log import CHECKPOINT_FILE
from counterplay.agents.seats import Against, Others, Uniform
from counterplay.api.opponents import UNIFORM, actor_of, opened
from counterplay.engine import arguments
from counterplay.engine.compiling import tell
from counterplay.engine.env import Task
from counterplay.engine.errors import UserError
from counterplay.engine.writing import told

Runs = Callable[[Path], Any]  # reads the run in a folder


def title(given: Any) -> str:
    """Return what a side is called."""
    if isinstance(given, str | Path):
        return str(given)
    return str(getattr(given, "__name__", None) or type(given).__name__)


def all_of(given: Any) -> tuple[Any, ...]:
    """Return the sides of a pool, or the one that there is."""
    return tuple(given) if isinstance(given, list | tuple) and given else (given,)


def digest(given: Any) -> str:
    """Return the SHA-256 of the file that a text names, of a run's folder that of its checkpoint; "" without one."""
    if not isinstance(given, str | Path) or given == UNIFORM:
        return ""
    path = Path(given)
    path = path / CHECKPOINT_FILE if path.is_dir() else path
    if not path.is_file():
        return ""
    with told(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seat_others(task: Task, given: Any, seat: int | None, runs: Runs, game: Any) -> tuple[Against, Others]:
    """Return a task against others, a side or several of which each episode draws one, and how a run keeps them.

    Raises `UserError` for who fits in no seat.
    """
    sides = all_of(given)
    seat = None if seat is None else arguments.whole("seat", seat)
    actors = tuple(actor_of(opened(side, game, runs), task) for side in sides)
    return Against(task, actors, seat), Others(tuple(map(title, sides)), tuple(map(digest, sides)), seat)


def seat_again(
    task: Task, kept: Mapping[str, Any], given: Any, runs: Runs, game: Any, folder: Any
) -> tuple[Against, Others]:
    """Return the task of a run that is resumed, against those that it was begun against.

    Their files are read again where they were, or where they are `given` now; one that has changed since is told of.
    Functions and what has no file have to be given again. Raises `UserError` where they are not those of the run.
    """
    others = Others(tuple(kept["sides"]), tuple(kept["digests"]), kept["seat"])
    sides = others.sides if given is None else all_of(given)
    if len(sides) != len(others.sides):
        raise UserError(f"the run in {folder} is against {len(others.sides)}, not {len(sides)}")
    actors = []
    for side, name, before in zip(sides, others.sides, others.digests, strict=True):
        now = digest(side)
        if title(side) != name and (not before or now != before):
            raise UserError(f"the run in {folder} is against {name[:200]}, not {title(side)[:200]}")
        if before and not now:
            raise UserError(
                f"the run in {folder} is against {name[:200]}, which is not there: say "
                "where it is now (against=, --against)"
            )
        if before != now:
            tell(f"{name[:200]} has changed since the run in {folder} was begun against it")
        try:
            actors.append(actor_of(opened(side, game, runs, own=given is not None), task))
        except UserError as error:
            raise UserError(f"{error} (against=, --against)" if given is None else str(error)) from None
    return Against(task, tuple(actors), others.seat), others


def left_alone(task: Task, kept: Mapping[str, Any]) -> Against:
    """Return the task of a run that only plays: who it was trained against need not be there."""
    return Against(task, (Uniform(),), kept["seat"])
