"""TOML files, told apart by their keys: a hold'em spot, or a normal-form game."""

import tomllib

from counterplay.engine.errors import UserError
from counterplay.engine.files import read_text
from counterplay.games.holdem.spot import Spot, load_spot
from counterplay.games.matrix import Matrix, load

_SPOT = {"board", "pot", "stack", "range"}  # a file with one of these keys is a spot


def read(path: str) -> "Spot | Matrix":
    """Return the spot or the normal-form game in a file; raises `ValueError` for what cannot be read or is neither."""
    try:
        keys = set(tomllib.loads(read_text(path, "a TOML file")))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{path} is not a TOML file: {error}") from None
    return load_spot(path) if keys & _SPOT else load(path)
