"""Games that come as objects: rules of one's own, OpenSpiel's and Gambit's games, payoff matrices."""

import os
from collections.abc import Sequence
from itertools import product
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.games import GAMES
from counterplay.games.matrix import Matrix

MAX_PLAYERS = 64
_NEEDED = ("players", "root", "turn", "moves", "play", "payoffs", "sees")
_DEALT = ("hands", "deal", "outcome")  # of one private deal followed by public play


def as_game(thing: Any) -> Any:
    """Return rules, or a hold'em spot, for what somebody has in hand.

    That is an object that follows `Rules` or `DealtRules` of `counterplay.engine.rules` (or its class, where it needs
    no parameters), a `Spot`, the path of a file, a `pyspiel.Game`, a `pygambit.Game`, a payoff matrix of a zero-sum
    game for two (what the row player gets), or one matrix a player. Raises `ValueError` that says what is missing.
    """
    if type(thing).__module__ == "counterplay.games.holdem.spot":  # a spot, which is much to import only to ask
        return thing
    if isinstance(thing, os.PathLike):
        return GAMES.make(os.fspath(thing))
    home = type(thing).__module__.partition(".")[0]
    if home == "pyspiel" and hasattr(thing, "new_initial_state"):
        from counterplay.games.foreign import openspiel

        return openspiel.load(str(thing))
    if home == "pygambit":
        from counterplay.games.foreign import gambit

        return gambit.from_pygambit(thing)
    if _is_matrices(thing):
        return from_payoffs(thing)
    if isinstance(thing, type):
        try:
            thing = thing()
        except TypeError as error:
            raise UserError(f"{thing.__name__} is a class: give an object of it ({error})") from None
    if not any(hasattr(thing, name) for name in ("turn", "play", "moves", "root")):
        raise UserError(
            f"a game is a spec such as 'leduc(ranks=3)', the path of a file, an object that follows Rules or "
            f"DealtRules of counterplay.engine.rules, a Spot, a pyspiel.Game, a pygambit.Game or a payoff matrix, "
            f"not {type(thing).__name__}"
        )
    dealt = any(hasattr(thing, name) for name in _DEALT)
    missing = [name for name in (*_NEEDED, *(_DEALT if dealt else ())) if not hasattr(thing, name)]
    if missing:
        kind = "DealtRules" if dealt else "Rules"
        raise UserError(
            f"{type(thing).__name__} is no game yet: {kind} of counterplay.engine.rules also has {', '.join(missing)}"
        )
    players = thing.players
    if not isinstance(players, int) or not 1 <= players <= MAX_PLAYERS:
        raise UserError(
            f"{type(thing).__name__}: players must be a whole number from 1 to {MAX_PLAYERS}, not {players!r}"
        )
    return thing


def _is_matrices(thing: Any) -> bool:
    if hasattr(thing, "__array__"):
        return True
    return isinstance(thing, list | tuple) and bool(thing) and all(map(_is_row, thing))


def _is_row(part: Any) -> bool:
    return hasattr(part, "__array__") or isinstance(part, list | tuple)


def from_payoffs(payoffs: Any, names: Sequence[str] = ()) -> Matrix:
    """Return a normal-form game.

    `payoffs` is a matrix [A, B], what the row player gets of the column player (zero-sum), or a tuple (or an array) of
    P arrays [A, B, ...], one for each of the P players. Actions are called by their numbers.
    """
    import numpy as np

    try:
        tables = np.asarray(payoffs, np.float64)
    except (TypeError, ValueError):
        raise UserError("payoffs must be numbers: a matrix, or one array of the same shape for each player") from None
    if tables.ndim == 2:
        tables = np.stack([tables, -tables])
    if tables.ndim < 3 or tables.shape[0] != tables.ndim - 1:
        raise UserError(
            f"payoffs are a matrix [A, B] of a zero-sum game, or for P players P arrays of P dimensions each, "
            f"not an array of shape {tables.shape}"
        )
    if not np.isfinite(tables).all() or not all(tables.shape):
        raise UserError("payoffs must be finite numbers, and every player needs an action")
    profiles = product(*map(range, tables.shape[1:]))
    return Matrix(
        tuple(tuple(map(str, range(size))) for size in tables.shape[1:]),
        tuple(tuple(float(table[profile]) for table in tables) for profile in profiles),
        tuple(names),
    )
