"""Random numbers inside kernels: one 64-bit state an episode, so that no episode hears of its neighbours' luck.

SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, figure 16): the state is a counter, its hash the number drawn.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import Index, inlined

U64 = npt.NDArray[np.uint64]


def seeds(rng: np.random.Generator, batch: int) -> U64:
    """Return one state for each of `batch` episodes, drawn from `rng`: u64 [B]."""
    return rng.integers(0, 2**64, batch, np.uint64)


@inlined
def draw(states: U64, b: Index) -> Index:
    """Return 64 random bits, and move state `b` on."""
    states[b] += np.uint64(0x9E3779B97F4A7C15)
    z = states[b]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def below(states: U64, b: Index, n: Index) -> Index:
    """Return one of 0 .. n - 1, for n below 2**32; no number is likelier than another by more than 2**-32."""
    return ((draw(states, b) >> np.uint64(32)) * n) >> np.uint64(32)


@inlined
def unit(states: U64, b: Index) -> Any:
    """Return a number in [0, 1), a multiple of 2**-53."""
    return np.float64(draw(states, b) >> np.uint64(11)) * 2.0**-53
