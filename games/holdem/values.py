"""Checks of the keys and values of spot files: each mistake gets one sentence."""

import json
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.engine.spec import suggestion

TOP = (
    *("board", "pot", "stack", "variant", "aggressor", "range", "bets", "add_allin", "force_allin", "raise_cap"),
    *("min_bet", "limit", "rake", "last", "blinds", "lock"),
)


def check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse keys that are not known, with the closest one that is; `where` names the table, "" at the top."""
    known = list(known)
    for key in table:
        if key not in known:
            if where and key in TOP:
                raise UserError(f"{key!r} belongs at the top, above the first [table], and not in [{where}]")
            inside = f"[{where}]" if where else "a spot"
            raise UserError(f"{inside} has no key {key!r}{suggestion(key, known)}; the keys are {', '.join(known)}")


def as_table(data: Mapping[str, Any], name: str, known: Iterable[str]) -> Mapping[str, Any]:
    """Return a table inside a file's data, empty if it is left out, with its keys checked."""
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise UserError(f"{name} must be a table, [{name}] with {', '.join(known)}, not {table!r}")
    check_keys(table, known, name)
    return table


def as_text(value: object, name: str) -> str:
    """Return a value that must be text."""
    if not isinstance(value, str):
        raise UserError(f"{name} must be a text in quotes, not {value!r}")
    return value.strip()


def as_number(value: object, name: str) -> Fraction:
    """Return a value that must be a finite number, exactly as it was written: 0.15 is 3/20."""
    finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    if isinstance(value, bool) or not finite:
        raise UserError(f"{name} must be a number, not {value!r}")
    return Fraction(str(value))


def as_whole(value: object, name: str, advice: str = "") -> int:
    """Return a value that must be a whole number."""
    given = as_number(value, name)
    if given.denominator != 1:
        raise UserError(f"{name} must be a whole number, not {value!r}{advice}")
    return int(given)


def as_chips(value: object, name: str) -> int:
    """Return a value that must be a whole number of chips."""
    return as_whole(value, name, "; count in smaller chips, say a tenth or a cent")


def quote(value: str) -> str:
    """Return text as TOML writes it; a JSON text of plain characters is one."""
    return json.dumps(value)
