"""Eight 32-bit floats side by side: tuples that the compiler keeps in one vector register.

All leaves of one kind on one board share their order of hands, so sweeps over hands take eight leaves at a time. The
loads and stores name eight elements one by one because a loop over a slice would be guarded by checks for overlap at
each of its few turns. Offsets are unsigned: with signed ones each element would be checked for a negative index.
"""

from typing import Any

import numpy as np

from counterplay.engine.jit import inlined

Eight = tuple[Any, Any, Any, Any, Any, Any, Any, Any]

EIGHT = np.uint64(8)
_1, _2, _3, _4, _5, _6, _7 = (np.uint64(k) for k in range(1, 8))
_0 = np.float32(0.0)


@inlined
def zero8() -> Eight:
    """Return eight zeros."""
    return (_0, _0, _0, _0, _0, _0, _0, _0)


@inlined
def load8(a: Any, i: Any) -> Eight:
    """Return a[i : i + 8]."""
    return (a[i], a[i + _1], a[i + _2], a[i + _3], a[i + _4], a[i + _5], a[i + _6], a[i + _7])


@inlined
def store8(a: Any, i: Any, x: Eight) -> None:
    """Set a[i : i + 8]."""
    a[i] = x[0]
    a[i + _1] = x[1]
    a[i + _2] = x[2]
    a[i + _3] = x[3]
    a[i + _4] = x[4]
    a[i + _5] = x[5]
    a[i + _6] = x[6]
    a[i + _7] = x[7]


@inlined
def column8(a: Any, rows: Any, i: Any) -> Eight:
    """Return entry i after each of eight row starts."""
    return (
        a[rows[0] + i],
        a[rows[1] + i],
        a[rows[2] + i],
        a[rows[3] + i],
        a[rows[4] + i],
        a[rows[5] + i],
        a[rows[6] + i],
        a[rows[7] + i],
    )


@inlined
def add8(x: Eight, y: Eight) -> Eight:
    """Return x + y."""
    return (
        x[0] + y[0],
        x[1] + y[1],
        x[2] + y[2],
        x[3] + y[3],
        x[4] + y[4],
        x[5] + y[5],
        x[6] + y[6],
        x[7] + y[7],
    )


@inlined
def sub8(x: Eight, y: Eight) -> Eight:
    """Return x - y."""
    return (
        x[0] - y[0],
        x[1] - y[1],
        x[2] - y[2],
        x[3] - y[3],
        x[4] - y[4],
        x[5] - y[5],
        x[6] - y[6],
        x[7] - y[7],
    )


@inlined
def mul8(x: Eight, y: Eight) -> Eight:
    """Return x * y."""
    return (
        x[0] * y[0],
        x[1] * y[1],
        x[2] * y[2],
        x[3] * y[3],
        x[4] * y[4],
        x[5] * y[5],
        x[6] * y[6],
        x[7] * y[7],
    )
