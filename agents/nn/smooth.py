"""Sigmoid, tanh and ELU to 32 bits, for kernels: arithmetic alone, so that loops over them become vector instructions.

All stand on exp(x) - 1. With x = n log 2 + r, n whole and |r| at most log(2) / 2, that is 2^n (exp(r) - 1) + (2^n - 1),
where exp(r) - 1 is its Taylor series up to r^7, whose remainder is below half a unit in the last place.
"""

from typing import Any

import numpy as np

from counterplay.engine.jit import inlined

_ONE, _TWO, _ZERO = np.float32(1), np.float32(2), np.float32(0)
_MOST = np.float32(30)  # sigmoids and tanhs do not change any more in 32 bits
_LOG2E = np.float32(np.log2(np.e))
# log 2 as a number of few bits, which times n is exact, and what is left of it.
_LOG2_HIGH = np.float32(0.693359375)
_LOG2_LOW = np.float32(np.log(2) - 0.693359375)
_ROUND = np.float32(1.5 * 2**23)  # added to a float, it leaves a whole number in the last bits
_C2, _C3, _C4, _C5, _C6, _C7 = (np.float32(1 / c) for c in (2, 6, 24, 120, 720, 5040))


@inlined
def expm1(x: Any) -> Any:  # pragma: no cover
    """Return exp(x) - 1 for |x| up to 80."""
    rounded = np.float32(x * _LOG2E + _ROUND)
    n = rounded - _ROUND
    r = (x - n * _LOG2_HIGH) - n * _LOG2_LOW
    exponent = np.int32((rounded.view(np.int32) + 127) << 23)
    power = exponent.view(np.float32)
    series = _C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * _C7))))
    return power * (r + r * r * series) + (power - _ONE)


@inlined
def _held(x: Any) -> Any:  # pragma: no cover
    """Return x, but no more than `_MOST` either way; what is not a number stays so."""
    x = _MOST if x > _MOST else x
    return -_MOST if x < -_MOST else x


@inlined
def sigmoid(x: Any) -> Any:  # pragma: no cover
    """Return 1 / (1 + exp(-x))."""
    return _ONE / (_TWO + expm1(-_held(x)))


@inlined
def tanh(x: Any) -> Any:  # pragma: no cover
    """Return the hyperbolic tangent, (exp(2x) - 1) / (exp(2x) + 1)."""
    e = expm1(_TWO * _held(x))
    return e / (_TWO + e)


@inlined
def elu(x: Any) -> Any:  # pragma: no cover
    """Return x where it is positive, elsewhere exp(x) - 1 (Clevert et al. 2016)."""
    e = expm1(_held(_ZERO if x > _ZERO else x))
    return x if x > _ZERO else e
