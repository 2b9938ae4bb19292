"""The random numbers of kernels: SplitMix64's published outputs, and what is made of them."""

import numpy as np
from naive_envs import SplitMix, splitmix_seeds

from counterplay.engine.jit import jit
from counterplay.engine.random import below, draw, seeds, unit

FIRST = np.uint64(0)


# Parts of kernels have no entrance from Python: these kernels are made of one part each.
@jit
def draws(states, b, out):
    for i in range(len(out)):
        out[i] = draw(states, b)
    return out


@jit
def belows(states, b, n, out):
    for i in range(len(out)):
        out[i] = below(states, b, n)
    return out


@jit
def units(states, b, out):
    for i in range(len(out)):
        out[i] = unit(states, b)
    return out


def test_published_outputs():
    """The first five outputs for the seed 1234567, as the authors' C code gives them."""
    states = np.array([1234567], np.uint64)
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert draws(states, FIRST, np.empty(5, np.uint64)).tolist() == expected


def test_below_and_unit():
    states = np.array([5, 7], np.uint64)
    plain = SplitMix(7)
    drawn = belows(states, np.uint64(1), np.uint64(6), np.empty(6000, np.uint64))
    assert drawn.tolist() == [plain.below(6) for _ in range(6000)]
    counts = np.bincount(drawn.astype(int), minlength=7)
    assert counts[6] == 0
    assert abs(counts[:6] - 1000).max() < 5 * np.sqrt(1000)
    assert states[0] == 5  # the other's state is its own
    values = units(states, FIRST, np.empty(4000))
    assert 0 <= values.min() < 0.01
    assert 0.99 < values.max() < 1
    assert abs(values.mean() - 0.5) < 5 / np.sqrt(12 * 4000)


def test_seeds():
    assert np.array_equal(seeds(np.random.default_rng(3), 4), splitmix_seeds(3, 4))
    assert np.array_equal(seeds(np.random.default_rng(3), 2), splitmix_seeds(3, 4)[:2])
