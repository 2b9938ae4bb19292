"""Hands with like distributions of strength, in clusters: k-means under the earth mover's distance.

On a line that distance is the sum of absolute differences of cumulative distributions, and what is nearest to many
distributions is their median, bound by bound. So an iteration takes each hand to the nearest centre, and each centre to
the weighted medians of its hands; both can only lower the sum of distances. Distributions are counts, distances and
weights whole numbers, so nothing depends on the order in which threads add.

Seeds are drawn as in k-means++ (Arthur and Vassilvitskii 2007), in proportion to distance and weight. An empty cluster
gets the hand that is farthest from its centre. Where there are many hands, a sample of them moves the centres, and all
are assigned at last.

Shape letters: N hands, K clusters.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.byte_rows import WIDTH, distance
from counterplay.engine.jit import Index, jit
from counterplay.engine.portions import Pool

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
I64 = npt.NDArray[np.int64]

SAMPLE = 2**20  # hands that move the centres at most
_ITERATIONS = 100
_LEAST = 0.001  # of the sum of distances: an iteration that gains less is the last


class Clusters(NamedTuple):
    """Which cluster each hand is in, and the sum of distances after each iteration."""

    of: U16  # [N]
    centres: U8  # [K, 32] by strength, weakest first
    costs: tuple[int, ...]  # over the hands that moved the centres


@jit
def _seeded(rows: U8, weights: U8, first: int, last: int, seed: int, nearest: U16) -> Index:
    """Take one more seed into account, and return the part's sum of weights times distances."""
    total: Index = 0
    for i in range(first, last):
        nearest[i] = min(np.int64(nearest[i]), distance(rows, np.int64(i), rows, np.int64(seed)))
        total += np.int64(weights[i]) * np.int64(nearest[i])
    return total


@jit
def _drawn(weights: U8, nearest: U16, rest: Index) -> int:
    """Return the hand at which a running sum of weights times distances exceeds `rest`."""
    for i in range(nearest.size):
        rest -= np.int64(weights[i]) * np.int64(nearest[i])
        if rest < 0:
            return i
    return nearest.size - 1


@jit
def assign(rows: U8, weights: U8, first: int, last: int, centres: U8, of: U16, apart: U16) -> Index:
    """Write the nearest centre of each hand first .. last, and how far it is; return the weighted sum of distances."""
    total: Index = 0
    for i in range(first, last):
        best, at = np.int64(2**31), 0
        for k in range(centres.shape[0]):
            d = distance(rows, np.int64(i), centres, np.int64(k))
            if d < best:
                best, at = d, k
        of[i], apart[i] = at, best
        total += np.int64(weights[i]) * best
    return total


@jit
def _medians(rows: U8, weights: U8, order: I64, bounds: I64, first: int, last: int, centres: U8) -> None:
    """Write the weighted medians of the clusters first .. last, whose hands are order[bounds[k] : bounds[k + 1]]."""
    count = np.empty((WIDTH, 256), np.int64)
    for k in range(first, last):
        if bounds[k] == bounds[k + 1]:
            continue
        count[:] = 0
        total: Index = 0
        for n in range(bounds[k], bounds[k + 1]):
            i = order[n]
            total += np.int64(weights[i])
            for j in range(WIDTH):
                count[j, rows[i, j]] += np.int64(weights[i])
        for j in range(WIDTH):
            value, below = 0, count[j, 0]
            while 2 * below < total:
                value += 1
                below += count[j, value]
            centres[k, j] = value


def _seeds(rows: U8, weights: U8, count: int, rng: np.random.Generator, pool: Pool, what: str) -> U8:
    """Return up to `count` different rows as centres."""
    nearest = np.full(len(rows), 2**16 - 1, np.uint16)
    total = int(weights.sum(dtype=np.int64))
    seeds = [int(np.searchsorted(np.cumsum(weights, dtype=np.int64), rng.integers(total), "right"))]
    while True:
        parts = pool.share(len(rows), lambda a, b: _seeded(rows, weights, a, b, seeds[-1], nearest))
        total = sum(parts)
        if len(seeds) == count or total == 0:
            return rows[seeds]
        seeds.append(_drawn(weights, nearest, int(rng.integers(total))))
        pool.told(what, len(seeds) / count)


def _mend(of: U16, apart: U16, count: int) -> None:
    """Give each empty cluster the hand that is farthest from its centre, if any is away from it."""
    empty = np.flatnonzero(np.bincount(of, minlength=count) == 0)
    if len(empty):
        farthest = np.argsort(-apart.astype(np.int64), kind="stable")[: len(empty)]
        for k, i in zip(empty, farthest, strict=False):
            if apart[i] > 0:
                of[i] = k


def _move(rows: U8, weights: U8, of: U16, centres: U8, pool: Pool) -> None:
    """Move each centre to the medians of its hands."""
    order = np.argsort(of, kind="stable")
    bounds = np.searchsorted(of[order], np.arange(len(centres) + 1))
    pool.share(len(centres), lambda a, b: _medians(rows, weights, order, bounds, a, b, centres))


def cluster(rows: U8, weights: U8, count: int, rng: np.random.Generator, pool: Pool, what: str = "") -> Clusters:
    """Return up to `count` clusters of rows u8[N, 32], weighted; fewer where there are fewer different rows."""
    chosen = np.arange(len(rows))
    if len(rows) > SAMPLE:
        chosen = np.sort(rng.choice(len(rows), SAMPLE, replace=False))
    some, heavy = np.ascontiguousarray(rows[chosen]), weights[chosen]
    centres = _seeds(some, heavy, count, rng, pool, f"{what}: seeds")
    costs = list[int]()
    of, apart = np.empty(len(some), np.uint16), np.empty(len(some), np.uint16)
    while len(costs) < _ITERATIONS:
        costs.append(sum(pool.share(len(some), lambda a, b: assign(some, heavy, a, b, centres, of, apart))))
        pool.told(f"{what}: iteration {len(costs)}", 0.0)
        if len(costs) > 1 and costs[-1] > (1 - _LEAST) * costs[-2]:
            break
        _mend(of, apart, len(centres))
        _move(some, heavy, of, centres, pool)
    centres = centres[np.argsort(-centres.sum(axis=1, dtype=np.int64), kind="stable")]
    of, apart = np.empty(len(rows), np.uint16), np.empty(len(rows), np.uint16)
    pool.share(len(rows), lambda a, b: assign(rows, weights, a, b, centres, of, apart), f"{what}: all hands")
    used = np.bincount(of, minlength=len(centres)) > 0
    return Clusters((np.cumsum(used) - 1).astype(np.uint16)[of], centres[used], tuple(costs))
