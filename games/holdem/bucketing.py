"""Computing buckets: by quantiles of expected hand strength, or by clusters of distributions of strength."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.byte_rows import WIDTH
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit
from counterplay.engine.portions import Pool, Tell
from counterplay.engine.schema import LARGEST
from counterplay.engine.system import available, cores
from counterplay.engine.text import size as bytes_text
from counterplay.games.holdem.betting import STREETS
from counterplay.games.holdem.buckets import (
    DISTRIBUTION,
    MATCHUP,
    STRENGTH,
    Buckets,
    BucketSpec,
    check_cells,
    first_of,
    index_for,
    parse_spec,
    type_of,
)
from counterplay.games.holdem.cards import Deck
from counterplay.games.holdem.clusters import SAMPLE, cluster
from counterplay.games.holdem.matchups import cluster_matchups
from counterplay.games.holdem.rollouts import Street, Values, last_street, most_points, street_before

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]


@jit
def quantiles(weights: I64, count: int, table: U16) -> int:
    """Write the bucket of each value 0 .. V - 1 of those weights [V] to `table` [V], and return how many there are.

    A bucket ends where its weight is nearest to an equal share of what the buckets before have left. So what ties is
    together, and what weighs more than a share leaves the others more than equal ones.
    """
    left, buckets, filled, bucket = weights.sum(), count, 0, 0
    for v in range(weights.size):
        if buckets > 1 and filled > 0 and weights[v] > 0 and (2 * filled + weights[v]) * buckets > 2 * left:
            left -= filled
            buckets -= 1
            bucket += 1
            filled = 0
        filled += weights[v]
        table[v] = bucket
    return bucket + 1


@jit
def _looked_up(values: Values, table: U16, first: int, last: int, out: U8 | U16) -> None:
    for i in range(first, last):
        out[i] = table[values[i]]


def memory(deck: Deck, spec: BucketSpec, last: int) -> int:
    """Return about how many bytes computing the buckets takes at most."""
    index = index_for(deck, spec, last)
    kept: int = int(first_of(index, spec)[-1]) * np.dtype(type_of(spec)).itemsize
    if not any(spec.sizes):
        return 0
    lossy = [s for s, n in enumerate(spec.sizes, 1) if n]
    rows = WIDTH if spec.kind != STRENGTH else 0
    streets = [int(index.size[s]) for s in range(lossy[0], last)]
    # Values, weights and distributions of two streets at a time; counting by value takes two wide columns.
    earlier = max((sum(streets[i : i + 2]) * (5 + rows) for i in range(len(streets))), default=0)
    counting = 16 * max(streets, default=0)
    return kept + 2 * int(index.size[last]) + earlier + counting + (2 * SAMPLE * (rows + 16) if rows else 0)


_NOTHING = Street(np.empty(0, np.uint16), 1, np.empty(0, np.uint8), np.empty((0, WIDTH), np.uint8))


class _Found(NamedTuple):
    """What is known of the buckets of a street."""

    deals: I64  # [K] how many deals are in each
    total: F64  # [K] what their values add up to


def _found(of: U16, weights: npt.NDArray[Any], values: npt.NDArray[Any], size: int) -> _Found:
    """Add up weights and weighted values by bucket."""
    deals, total = np.zeros(size), np.zeros(size)
    deals += np.bincount(of, weights, size)
    total += np.bincount(of, weights * values.astype(np.float64), size)
    return _Found(deals.astype(np.int64), total)


def _by_strength(street: Street, points: I64 | None, asked: int, of: U8 | U16, pool: Pool) -> _Found:
    """Put hands into buckets by their values; `points` is how many deals have a value, where it is known."""
    if points is None:
        points = np.bincount(street.values, street.weights).astype(np.int64)
    table = np.empty(len(points), np.uint16)
    size = quantiles(points, asked, table)
    pool.share(len(of), lambda a, b: _looked_up(street.values, table, a, b, of))
    return _found(table, points, np.arange(len(points)), size)


def _by_distribution(
    street: Street, asked: int, of: U8 | U16, rng: np.random.Generator, pool: Pool, what: str
) -> _Found:
    """Put hands into buckets by their distributions."""
    found = cluster(street.rows, street.weights, asked, rng, pool, what)
    of[:] = found.of
    return _found(found.of, street.weights, street.values, len(found.centres))


def make_buckets(
    deck: Deck, text: str, last: int = 3, seed: int = 0, threads: int | None = None, tell: Tell | None = None
) -> Buckets:
    """Compute the buckets that a spec says, of the hands of a deck in games to the street `last`.

    The same spec and seed give the same buckets for any number of threads. `tell(what, part)` hears how far it is.
    Raises `ValueError` for a spec that is none, and for more memory than is free.
    """
    if not 0 <= seed <= LARGEST:
        raise UserError(f"a seed is 0 to 2**53, not {seed}")
    spec = parse_spec(text, last)
    index = index_for(deck, spec, last)
    check_cells(spec, [min(n or size, size) for n, size in zip((0, *spec.sizes), index.size.tolist(), strict=True)])
    first, need, free = first_of(index, spec), memory(deck, spec, last), available()
    if need > free:
        raise UserError(f"{spec} takes about {bytes_text(need)} of memory to compute, and {bytes_text(free)} are free")
    of = np.zeros(first[-1], type_of(spec))
    sizes, deals, strength = index.size.tolist(), list[I64](), list[F64]()
    wanted = [s for s, n in enumerate(spec.sizes, 1) if n]
    with Pool(threads or cores(), tell) as pool:
        street, end = _NOTHING, None
        for s in range(last, min(wanted, default=last + 1) - 1, -1):
            if s == last:
                street, end = last_street(deck, last, pool, f"strength on the {STREETS[s]}")
            else:
                rows = spec.kind != STRENGTH and any(spec.sizes[:s])
                what = f"{STRENGTH if spec.kind == STRENGTH else DISTRIBUTION} on the {STREETS[s]}"
                street = street_before(deck, s, last, street, rows, pool, what)
            asked, part = spec.sizes[s - 1], of[first[s] : first[s + 1]]
            if not asked:
                continue
            rng, what = np.random.default_rng([seed, s]), f"clusters of the {STREETS[s]}"
            if len(street.rows):
                found = _by_distribution(street, asked, part, rng, pool, what)
            elif spec.kind == MATCHUP and s == last and end is not None:
                found = _Found(*cluster_matchups(deck, last, end.total, asked, part, rng, pool, what))
            else:
                found = _by_strength(street, end.deals if s == last and end is not None else None, asked, part, pool)
            sizes[s] = len(found.deals)
            deals.insert(0, found.deals)
            whole = float(most_points(deck, last) * street.follow)
            strength.insert(0, found.total / (np.maximum(found.deals, 1) * whole))
    return Buckets(
        deck.name,
        last,
        str(spec),
        seed,
        of,
        tuple(sizes),
        np.concatenate([np.empty(0, np.int64), *deals]),
        np.concatenate([np.empty(0), *strength]),
    )
