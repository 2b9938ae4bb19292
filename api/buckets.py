"""Buckets of hold'em hands: computed for a deck or the deck of a spot, and read from their files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterplay.engine import arguments
from counterplay.engine.errors import UserError
from counterplay.engine.spec import suggestion
from counterplay.games import GAMES
from counterplay.games.holdem import buckets as files
from counterplay.games.holdem.bucketing import make_buckets
from counterplay.games.holdem.buckets import Buckets
from counterplay.games.holdem.cards import DECKS
from counterplay.games.holdem.spot import Spot


def buckets(
    game: Any,
    spec: str,
    *,
    seed: int = 0,
    threads: int | None = None,
    on_progress: Callable[[str, float], None] | None = None,
) -> Buckets:
    """Compute which hands an abstraction takes for the same, on every street.

    `game` is a deck ("holdem", "short" or "royal") or a hold'em spot, whose deck and last street count; `spec` is such
    as "strength:50" or "distribution:200,200,50 memory" (docs/abstraction.md). The same spec and seed give the same
    buckets for any number of `threads` (all cores). `on_progress(what, part)` hears how far it is.

    Raises `ValueError` for what is no such game or spec, and for more memory than is free.
    """
    seed = arguments.whole("seed", seed, most=2**53)
    count = None if threads is None else arguments.whole("threads", threads, 1, arguments.THREADS)
    tell = None if on_progress is None else arguments.function("on_progress", on_progress)
    deck, last = _deck(game)
    return make_buckets(DECKS[deck], arguments.text("spec", spec), last, seed, count, tell)


def _deck(game: Any) -> tuple[str, int]:
    """Return the name of a game's deck, and its last street."""
    if isinstance(game, str) and game in DECKS:
        return game, 3
    if isinstance(game, str) and game.isidentifier() and game not in GAMES.names:
        close = suggestion(game, DECKS)
        raise UserError(f"buckets are of a deck ({', '.join(DECKS)}) or a hold'em spot, not of {game!r}{close}")
    spot = GAMES.make(game)
    if not isinstance(spot, Spot):
        raise UserError(f"buckets are of a deck ({', '.join(DECKS)}) or a hold'em spot, not of {game!r}")
    if spot.betting.last == 0:
        raise UserError("a game that ends before the flop has no buckets: all its hands differ")
    return spot.variant, spot.betting.last


def load_buckets(path: str | Path) -> Buckets:
    """Read buckets from the file that `Buckets.save` wrote; raises `ValueError` for one that is damaged or foreign."""
    return files.load(arguments.path("path", path))
