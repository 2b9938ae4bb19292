"""Ranges before the flop that have names, heads-up, for chips and without antes.

`preset:sb-push-10bb` is what a small blind with ten big blinds moves in with, `preset:bb-call-10bb` what the big blind
calls that with: charts of push or fold, solved by benchmarks/preset_ranges.py. `preset:bb-3bet-100bb` and its kin are
what blueprints of all four streets do (benchmarks/preflop_ranges.py): what a hand is worth after the flop is roughly
known there, and so are the ranges.
"""

import json
import re
from functools import cache
from importlib import resources
from math import log
from typing import NamedTuple

from counterplay.engine.errors import UserError
from counterplay.engine.spec import suggestion

# What both players did, up to a player's own last action, for each kind of range of raised pots: the small blind acts
# first, and a raise may be all-in.
LINES = {
    "sb-limp": ("call",),
    "sb-raise": ("raise",),
    "bb-check": ("call", "check"),
    "bb-raise-limp": ("call", "raise"),
    "bb-call-raise": ("raise", "call"),
    "bb-3bet": ("raise", "raise"),
    "sb-call-raise": ("call", "raise", "call"),
    "sb-call-3bet": ("raise", "raise", "call"),
    "sb-4bet": ("raise", "raise", "raise"),
    "bb-call-4bet": ("raise", "raise", "raise", "call"),
}

_NAMED = re.compile(r"preset:\s*([^\s,:@\[\]]*)", re.IGNORECASE)


@cache
def presets() -> dict[str, str]:
    """Return the ranges, as text, by name."""
    found = dict[str, str]()
    for name in ("presets.json", "raised.json"):
        found |= json.loads(resources.files("counterplay.games.holdem").joinpath(name).read_text())
    return found


class Chosen(NamedTuple):
    """The presets of a pot that two players raised: by who is out of position and in position, and their depth."""

    ranges: tuple[str, str]  # as a spot names them
    depth: int  # big blinds


def of_pot(kinds: tuple[str, ...], depth: float) -> Chosen:
    """Return the presets of what both players did before the flop, who is in position first; the nearest depth.

    Raises `ValueError` where there are none: heads-up the small blind is in position and acts first.
    """
    names = {line: name for name, line in LINES.items()}
    if kinds not in names or kinds[:-1] not in names:
        raise UserError(
            "there are presets of pots that were limped, or raised first by who is in position after the flop, up to "
            "four bets, and this one went otherwise: say --oop and --ip"
        )
    depths = [int(key.removeprefix("sb-raise-").removesuffix("bb")) for key in presets() if key.startswith("sb-raise-")]
    nearest = min(depths, key=lambda known: abs(log(known / depth)))
    own, other = (f"preset:{names[line]}-{nearest}bb" for line in (kinds, kinds[:-1]))
    return Chosen((own, other) if own.startswith("preset:bb") else (other, own), nearest)


def without_names(text: str) -> str:
    """Return a range's text with the ranges of presets in place of their names; raises `ValueError` for others."""
    return _NAMED.sub(_written, text) if ":" in text else text


def _written(found: re.Match[str]) -> str:
    name, known = found[1].lower(), presets()
    if name not in known:
        depths = ", ".join(key.removeprefix("sb-push-") for key in known if key.startswith("sb-push-"))
        close = suggestion(name, known)
        raised = ", ".join(key.removeprefix("sb-raise-") for key in known if key.startswith("sb-raise-"))
        raise UserError(
            f"there is no preset {found[1]!r}{close}: sb-push- and bb-call- go with {depths}; {', '.join(LINES)} "
            f"with {raised}"
        )
    return known[name]
