"""Entries of the long tables, read and written a decision at a time, in 32-bit floats or in 16-bit integers.

A 16-bit decision has one scale: the largest of its entries becomes 32,767. Its entries are worked on in a block of
floats, those of 32 bits where they are: `holder` says which, `fetch` from where on.
"""

from typing import Any

import numpy as np
from numba.extending import overload

_ZERO, _TOP, _HALF = np.float32(0.0), np.float32(32767.0), np.float32(0.5)
_OPTIONS: Any = {"forceinline": True}


def holder(table: Any, block: Any) -> Any:
    """Return where entries of the table are worked on: in itself, or in the block."""
    return block if table.dtype == np.int16 else table


@overload(holder, strict=False, jit_options=_OPTIONS)
def _holder(table, block):  # type: ignore[no-untyped-def]
    return (lambda table, block: block) if table.dtype.name == "int16" else (lambda table, block: table)


def fetch(table: Any, at: Any, count: Any, scales: Any, k: Any, block: Any) -> Any:
    """Make `count` entries of the table, from `at` on, ready in their holder; return where there they begin."""
    if table.dtype != np.int16:
        return at
    block[:count] = table[at : at + count] * scales[k]
    return np.uint64(0)


@overload(fetch, strict=False, jit_options=_OPTIONS)
def _fetch(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
    if table.dtype.name == "int16":

        def packed(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
            scale = scales[k]
            for i in range(count):
                block[i] = np.float32(table[at + i]) * scale
            return np.uint64(0)

        return packed
    return lambda table, at, count, scales, k, block: np.uint64(at)


def keep(table: Any, at: Any, count: Any, scales: Any, k: Any, block: Any) -> None:
    """Put the entries back that `fetch` made ready and that were changed since."""
    if table.dtype == np.int16:
        top = np.abs(block[:count]).max()
        scales[k] = top / _TOP
        table[at : at + count] = np.rint(block[:count] * (_TOP / top if top > 0 else 0.0))


@overload(keep, strict=False, jit_options=_OPTIONS)
def _keep(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
    if table.dtype.name == "int16":

        def packed(table, at, count, scales, k, block):  # type: ignore[no-untyped-def]
            top = _ZERO
            for i in range(count):
                top = max(top, abs(block[i]))
            scales[k] = top / _TOP
            factor = _TOP / top if top > _ZERO else _ZERO
            for i in range(count):
                x = block[i] * factor
                table[at + i] = np.int16(np.int32(x + _HALF if x >= _ZERO else x - _HALF))

        return packed
    return lambda table, at, count, scales, k, block: None
