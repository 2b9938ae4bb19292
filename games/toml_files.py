"""TOML files, told apart by their keys: a hold'em spot, or a normal-form game."""

import tomllib
from pathlib import Path

from counterplay.engine.errors import UserError
from counterplay.games.holdem.spot import Spot, load_spot
from counterplay.games.matrix import Matrix, load

_SPOT = {"board", "pot", "stack", "range"}  # a file with one of these keys is a spot


def read(path: str) -> "Spot | Matrix":
    """Return the spot or the normal-form game in a file; raises `ValueError` for what cannot be read or is neither."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"cannot read {path!r}: there is no such file") from None
    except OSError as error:
        raise UserError(f"cannot read {path!r}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file in UTF-8") from None
    try:
        keys = set(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not a TOML file: {error}") from None
    return load_spot(path) if keys & _SPOT else load(path)
