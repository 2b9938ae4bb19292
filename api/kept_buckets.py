"""Buckets that took time to compute are kept beside machine code, and found again by what they were computed from."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from counterplay.engine import compiling
from counterplay.engine.errors import UserError
from counterplay.engine.kept import kept
from counterplay.games.holdem import buckets as files
from counterplay.games.holdem.bucketing import make_buckets
from counterplay.games.holdem.buckets import Buckets, parse_spec
from counterplay.games.holdem.spot import Spot


def _place(spot: Spot, spec: str, seed: int) -> Path:
    """Return the file in which buckets are kept."""
    name = f"{spot.variant} {spot.betting.last} {spec} {seed}".replace(" ", "_").replace(":", "-").replace(",", "-")
    return kept("buckets") / f"{name}.cpb"


def buckets_for(
    spot: Spot,
    text: str,
    seed: int,
    threads: int | None = None,
    digest: str | None = None,
    tell: Callable[[str, float], None] | None = None,
) -> Buckets:
    """Return a spot's buckets: those that are kept, or computed anew and kept from now on.

    What is kept counts only where it is sound and of the digest asked for. Raises `ValueError` for a spec that is none.
    """
    spec = parse_spec(text, spot.betting.last)
    place = _place(spot, str(spec), seed)
    if any(spec.sizes) and place.is_file():
        with contextlib.suppress(UserError):
            found = files.load(place)
            same = (found.deck, found.last, found.spec, found.seed) == (
                spot.variant,
                spot.betting.last,
                str(spec),
                seed,
            )
            if same and digest in (None, found.digest):
                return found
    if any(spec.sizes) and tell is None:
        compiling.tell(f"computing the buckets {spec} of the {spot.variant} deck, once on this machine")
    found = make_buckets(spot.deck, str(spec), spot.betting.last, seed, threads, tell)
    if any(spec.sizes):
        with contextlib.suppress(UserError, OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            found.save(place)
    return found
