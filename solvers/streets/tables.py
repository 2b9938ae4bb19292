"""Entries of the long tables, read and written a decision at a time, in 32-bit floats or in 16-bit integers.

A 16-bit decision has one scale: the largest of its entries becomes 32,767. Its rows are worked on in a block of floats,
each padded to the board's width; those of 32 bits where they are, if they have sixteen entries or more.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from counterplay.engine.jit import Index, inlined
from counterplay.engine.raw import prefetch
from counterplay.engine.simd import WIDE

_ZERO, _TOP, _HALF = np.float32(0.0), np.float32(32767.0), np.float32(0.5)
_0 = np.uint64(0)
_OPTIONS: Any = {"forceinline": True}


def whole(table: Any) -> Any:
    """Tell whether entries of a table are 32-bit floats."""
    return table.dtype != np.int16


@overload(whole, strict=False, jit_options=_OPTIONS)
def _whole(table):  # type: ignore[no-untyped-def]
    return (lambda table: False) if table.dtype.name == "int16" else (lambda table: True)


def holder(table: Any, block: Any, lanes: Any) -> Any:
    """Return where rows of so many entries of the table are worked on: in itself, or in the block."""
    return table if whole(table) and lanes >= WIDE else block


@overload(holder, strict=False, jit_options=_OPTIONS)
def _holder(table, block, lanes):  # type: ignore[no-untyped-def]
    if table.dtype.name == "int16":
        return lambda table, block, lanes: block
    return lambda table, block, lanes: table if lanes >= WIDE else block


@inlined
def stride(table: Any, lanes: Index, w: Index) -> Any:
    """Return from where to where in the holder rows follow each other; the last of sixteen entries end there."""
    return lanes if whole(table) and lanes >= WIDE else w


@inlined
def fetch(table: Any, at: Index, rows: Index, lanes: Index, w: Index, scales: Any, k: Index, block: Any) -> Any:
    """Make rows of the table, from entry `at` on, ready in their holder; return where there they begin."""
    if whole(table):
        if lanes >= WIDE:
            return np.uint64(at)
        for a in range(rows):
            for i in range(lanes):
                block[a * w + i] = np.float32(table[at + a * lanes + i])
        return _0
    scale = scales[k]
    for a in range(rows):
        for i in range(lanes):
            block[a * w + i] = np.float32(table[at + a * lanes + i]) * scale
    return _0


def _rounded(table: Any, x: Any) -> Any:
    """Return a number as an entry of the table."""
    return np.int16(np.rint(x)) if table.dtype == np.int16 else x


@overload(_rounded, strict=False, jit_options=_OPTIONS)
def _rounded_to(table, x):  # type: ignore[no-untyped-def]
    if table.dtype.name == "int16":
        return lambda table, x: np.int16(np.int32(x + _HALF if x >= _ZERO else x - _HALF))
    return lambda table, x: x


@inlined
def keep(table: Any, at: Index, rows: Index, lanes: Index, w: Index, scales: Any, k: Index, block: Any) -> None:
    """Put the rows back that `fetch` made ready and that were changed since."""
    if whole(table) and lanes >= WIDE:
        return
    factor = np.float32(1.0)
    if not whole(table):
        top = _ZERO
        for a in range(rows):
            for i in range(lanes):
                top = max(top, abs(block[a * w + i]))
        scales[k] = top / _TOP
        factor = _TOP / top if top > _ZERO else _ZERO
    for a in range(rows):
        for i in range(lanes):
            table[at + a * lanes + i] = _rounded(table, block[a * w + i] * factor)


@inlined
def touch(table: Any, at: Index, lines: Index) -> Any:
    """Have so many cache lines of the table, from entry `at` on, brought near; return where the next begins."""
    line = WIDE if whole(table) else WIDE + WIDE
    for _ in range(lines):
        prefetch(table, at)
        at += line
    return at
