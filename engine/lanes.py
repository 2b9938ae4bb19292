"""How many lanes a kernel works on, as a number that it knows when it is compiled, or one that it does not."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import overload


def width(lanes: int | tuple[int, ...]) -> int:
    """Return the number of lanes: the number itself, or the length of a tuple, which kernels see as a constant.

    A loop over a constant number of lanes unrolls into vector instructions; a kernel compiles once for each length
    of tuple and once for all plain numbers (`SequenceForm.lanes` picks).
    """
    return lanes if isinstance(lanes, int) else len(lanes)


@overload(width, strict=False)
def _width(lanes: Any) -> Callable[[Any], Any]:
    # Unsigned, as all indices: mixed with a signed number, Numba would check each index for being negative.
    if isinstance(lanes, numba.types.BaseTuple):
        return lambda lanes: np.uint64(len(lanes))
    return lambda lanes: np.uint64(lanes)  # noqa: PLW0108 (Numba wants a function of its own)
