"""Ranges before the flop that have names: the charts of push or fold, solved by benchmarks/preset_ranges.py.

`preset:sb-push-10bb` is what a small blind with ten big blinds moves in with, `preset:bb-call-10bb` what the big blind
calls that with, heads-up, for chips and without antes.
"""

import json
import re
from functools import cache
from importlib import resources

from counterplay.engine.errors import UserError
from counterplay.engine.spec import suggestion

_NAMED = re.compile(r"preset:\s*([^\s,:@\[\]]*)", re.IGNORECASE)


@cache
def presets() -> dict[str, str]:
    """Return the ranges, as text, by name."""
    text = resources.files("counterplay.games.holdem").joinpath("presets.json").read_text()
    found: dict[str, str] = json.loads(text)
    return found


def without_names(text: str) -> str:
    """Return a range's text with the ranges of presets in place of their names; raises `ValueError` for others."""
    return _NAMED.sub(_written, text) if ":" in text else text


def _written(found: re.Match[str]) -> str:
    name, known = found[1].lower(), presets()
    if name not in known:
        depths = ", ".join(key.removeprefix("sb-push-") for key in known if key.startswith("sb-push-"))
        close = suggestion(name, known)
        raise UserError(f"there is no preset {found[1]!r}{close}: sb-push- and bb-call- go with {depths}")
    return known[name]
