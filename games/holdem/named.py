"""Spots in a line: the entry `holdem` of the catalogue of games, and the flags of the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.games.holdem.spot import Spot, spot_from_flags

_EXAMPLE = 'solve holdem --board "Ks 9d 4c 7h 2s" --oop "TT+,AKs" --ip QQ+ --pot 60 --stack 170 --bets 50%'


def holdem(
    board: str,
    stack: float,
    oop: str = "",
    ip: str = "",
    pot: float = 0,
    bets: str = "",
    raises: str = "",
    leads: str = "",
    limit: str = "",
    rake: str = "",
    variant: str = "",
    last: str = "",
    blinds: str = "",
) -> Spot:
    """A hold'em spot: board and both ranges, chips in the pot and behind, sizes on every street.

    What is left out is as in a spot's file, which has further keys: 'counterplay games holdem' lists them.
    """
    given = dict(locals())
    return from_flags({name: value for name, value in given.items() if value not in ("", 0) or name == "board"})


def from_flags(given: Mapping[str, Any]) -> Spot:
    """Return the spot of the flags that are given; raises `ValueError` where one is missing or wrong."""
    preflop = "board" in given and not str(given["board"]).strip()
    needed = ("board", "stack") if preflop else ("board", "oop", "ip", "pot", "stack")
    if missing := [name for name in needed if name not in given]:
        raise UserError(f"a spot needs --{missing[0]} too, as in: {_EXAMPLE}; or name a .toml file")
    return spot_from_flags(**given)


def from_command_line(game: str | None, flags: Mapping[str, Any], locks: Sequence[str]) -> Spot:
    """Return the spot of a command line with flags or locks; raises `ValueError` where they go with no spot."""
    if game == "holdem":
        return from_flags(flags).locking(*locks)
    if flags:
        given = "" if game is None else f", not with 'solve {game}'"
        raise UserError(f"--{next(iter(flags))} goes with 'solve holdem'{given}")
    from counterplay.games import GAMES

    spot = None if game is None else GAMES.make(game)
    if not isinstance(spot, Spot):
        raise UserError("--lock goes with a hold'em spot to solve anew, 'solve holdem' or a .toml file")
    return spot.locking(*locks)
