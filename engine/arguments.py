"""What callers give as numbers, texts, paths and functions, checked: a sentence for what does not fit.

Every public entry point asks here, so that a mistake is told in its own name and not by whatever trips over it later.
"""

import math
import operator
import os
import re
from pathlib import Path
from typing import Any

from counterplay.engine.errors import UserError

LARGEST = 2**63 - 1  # of whole numbers: what files and kernels hold
_MOST_DONE = 2**52  # half of what headers hold, so that what goes on can be saved
THREADS = 1024  # the most threads or processes that are asked for


def whole(name: str, value: Any, least: int = 0, most: int = LARGEST) -> int:
    """Return a whole number within its bounds, NumPy's too; raises `UserError` for anything else, such as 1.5 or True.

    `name` is what the message calls it.
    """
    number = None
    if not isinstance(value, bool):
        try:
            number = operator.index(value)
        except TypeError:  # no whole number
            number = None
    if number is None or not least <= number <= most:
        bounds = f"of {least:,} or more" if most == LARGEST else f"from {least:,} to {most:,}"
        bounds = f"below 2^63, and {least:,} or more" if number is not None and number > most == LARGEST else bounds
        raise UserError(f"{name} must be a whole number {bounds}, not {_shown(value)}")
    return number


def further(done: int, asked: int | None) -> None:
    """Raise `UserError` where a run of so many iterations cannot go on to those asked for, which count them."""
    if done > _MOST_DONE:
        raise UserError(f"the run to resume claims more iterations than any run can have: {done:,}")
    if asked is not None and asked < done:
        raise UserError(
            f"the run to resume has {done:,} iterations already, and {asked:,} would count them: ask for more"
        )


def number(
    name: str, value: Any, above: float = -math.inf, least: float = -math.inf, *, infinite: bool = False
) -> float:
    """Return a finite number above one bound and not below the other; raises `UserError` for anything else.

    NumPy's numbers count too, texts and truth values do not; `infinite` ones do if it says so.
    """
    found = math.nan
    if not isinstance(value, bool | str | bytes) and hasattr(value, "__float__"):
        try:
            found = float(value)
        except (TypeError, ValueError, OverflowError):
            found = math.nan
    if not (found > above or above == -math.inf) or not found >= least or (math.isinf(found) and not infinite):
        bounds = f" above {above:g}" if above > -math.inf else f" from {least:g} up" if least > -math.inf else ""
        raise UserError(f"{name} must be a number{bounds}, not {_shown(value)}")
    return found


def seconds(time: Any) -> float:
    """Return a time in seconds, given as that or as "45s", "30m" or "1.5h"; raises `UserError` for anything else."""
    if isinstance(time, str):
        found = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(s|m|min|h|)\s*", time.lower())
        if not found:
            raise UserError(f"a time is a number of seconds, or such as 45s, 30m or 2h, not {_shown(time)}")
        time = float(found[1]) * {"h": 3600, "m": 60, "min": 60}.get(found[2], 1)
    return number("the time", time, above=0)


def flag(name: str, value: Any) -> bool:
    """Return a truth value, NumPy's too; raises `UserError` for anything else."""
    if isinstance(value, bool):
        return value
    if type(value).__name__ in ("bool", "bool_") and type(value).__module__ == "numpy":
        return bool(value)
    raise UserError(f"{name} must be True or False, not {_shown(value)}")


def text(name: str, value: Any) -> str:
    """Return a text; raises `UserError` for anything else."""
    if not isinstance(value, str):
        raise UserError(f"{name} must be a text, not {_shown(value)}")
    return value


def path(name: str, value: Any) -> Path:
    """Return the path of a file or a folder; raises `UserError` for what is no text and no path, or an empty one."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise UserError(f"{name} must be the path of a file, a text or a pathlib.Path, not {_shown(value)}")
    if not os.fspath(value) or "\0" in os.fspath(value):
        raise UserError(f"{name} must be the path of a file, not {_shown(value)}")
    return Path(value)


def function(name: str, value: Any) -> Any:
    """Return what can be called; raises `UserError` for anything else."""
    if not callable(value):
        raise UserError(f"{name} must be a function, not {_shown(value)}")
    return value


def player(value: Any, players: int, name: str = "player") -> int:
    """Return a player's number; raises `UserError` for one that does not exist."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= operator.index(value) < players:
        raise UserError(f"the players are numbered 0 to {players - 1}: {name} cannot be {_shown(value)}")
    return operator.index(value)


def _shown(value: Any) -> str:
    try:
        said = repr(value)
    except Exception:  # somebody's own class may throw anything
        said = type(value).__name__
    return said if len(said) <= 60 else f"{said[:57]}..."
