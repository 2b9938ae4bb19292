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
    *("min_bet", "rounding", "limit", "rake", "last", "blinds", "lock"),
)


Chips = int | float
UNITS = (1, 10, 100, 1000)  # that a chip may have: amounts are exact, as whole numbers of them


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


def as_chips(value: object, name: str) -> Chips:
    """Return a value that must be a number of chips, such as 60 or 16.4."""
    return exact(as_number(value, name), name)


def exact(value: Fraction | Chips, name: str) -> Chips:
    """Return a number of chips as an int where it is whole, as a float elsewhere; raises `ValueError` for a mill."""
    given = value if isinstance(value, Fraction) else Fraction(str(value))
    if UNITS[-1] % given.denominator:
        raise UserError(f"{name} must be a number of chips of at most three decimals, not {float(given):g}")
    return int(given) if given.denominator == 1 else float(given)


def units_of(amounts: Iterable[Chips]) -> int:
    """Return how many units a chip has where every amount is a whole number of them: 1, 10, 100 or 1000."""
    fractions = [Fraction(str(amount)) for amount in amounts]
    return next(unit for unit in UNITS if all(unit % x.denominator == 0 for x in fractions))


def in_units(amount: Chips | Fraction, unit: int) -> int:
    """Return a number of chips in units."""
    return int((amount if isinstance(amount, Fraction) else Fraction(str(amount))) * unit)


def in_chips(units: int, unit: int) -> Chips:
    """Return a number of units in chips."""
    return units // unit if units % unit == 0 else units / unit


def quote(value: str) -> str:
    """Return text as TOML writes it; a JSON text of plain characters is one."""
    return json.dumps(value)
