"""TOML files, told apart by their keys: a hold'em spot, or a normal-form game."""

import re
import tomllib

from counterplay.engine.errors import UserError
from counterplay.engine.files import read_text
from counterplay.games.holdem.spot import Spot, load_spot
from counterplay.games.matrix import Matrix, load

_SPOT = {"board", "pot", "stack", "range"}  # a file with one of these keys is a spot
_MORE = {"bets", "blinds", "rake", "lock", "variant"}  # other keys that a spot may have, and a payoff file may not


def read(path: str) -> "Spot | Matrix":
    """Return the spot or the normal-form game in a file; raises `ValueError` for what cannot be read or is neither."""
    try:
        text = read_text(path, "a TOML file")
        keys = set(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        spot = re.search(rf"^\s*\[*\s*({'|'.join(sorted(_SPOT | _MORE))})\b", text, re.MULTILINE)
        payoffs = re.search(r"^\s*(actions|payoffs)\b", text, re.MULTILINE)
        kind = "a hold'em spot" if spot else "a payoff file" if payoffs else "neither a hold'em spot nor a payoff file"
        raise UserError(f"{path} is taken for {kind}, and is not written as TOML: {error}") from None
    return load_spot(path) if keys & _SPOT else load(path)
