"""tanh and ELU to 32 bits, for kernels: arithmetic alone, so that loops over them become vector instructions."""

from typing import Any

import numpy as np

from counterplay.engine.jit import inlined

_ONE, _TWO, _HALF, _FOURTH = np.float32(1), np.float32(2), np.float32(0.5), np.float32(0.25)
_MOST = np.float32(9)  # tanh is 1 from here on in 32 bits
# Lambert's continued fraction of tanh, cut after seven terms: x (A0 + A1 x^2 + ...) / (B0 + B1 x^2 + ...)
_A0, _A1, _A2 = np.float32(135135), np.float32(17325), np.float32(378)
_B1, _B2, _B3 = np.float32(62370), np.float32(3150), np.float32(28)


@inlined
def tanh(x: Any) -> Any:  # pragma: no cover
    """Return tanh to 32 bits with arithmetic alone, which vectorises: a fraction at x / 4, doubled twice."""
    y = min(max(x, -_MOST), _MOST) * _FOURTH
    q = y * y
    t = y * (_A0 + q * (_A1 + q * (_A2 + q))) / (_A0 + q * (_B1 + q * (_B2 + q * _B3)))
    t = _TWO * t / (_ONE + t * t)
    return _TWO * t / (_ONE + t * t)


@inlined
def elu(x: Any) -> Any:  # pragma: no cover
    """Return x where it is positive, elsewhere exp(x) - 1 = 2 t / (1 - t) with t = tanh(x / 2)."""
    t = tanh(_HALF * min(x, np.float32(0)))
    return x if x > 0 else _TWO * t / (_ONE - t)
