"""Entries of the long tables, read and written a decision at a time, in 32-bit floats or in 16-bit integers.

A 16-bit decision has one scale: the largest of its entries becomes 32,767. Vectors of sixteen entries are read where
they are, in either type. What becomes of 32-bit ones is written back there at once; 16-bit ones are put together in a
block of floats, until their new scale is known. Rows of fewer than sixteen entries have a place of their own meanwhile.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from counterplay.engine.jit import Index, inlined
from counterplay.engine.raw import prefetch
from counterplay.engine.simd import WIDE, fill, highest, largest, load, store, zeros

_ZERO, _TOP = np.float32(0.0), np.float32(32767.0)
_0 = np.uint64(0)
_OPTIONS: Any = {"forceinline": True}


def whole(table: Any) -> Any:
    """Tell whether entries of a table are 32-bit floats."""
    return table.dtype != np.int16


@overload(whole, strict=False, jit_options=_OPTIONS)
def _whole(table):  # type: ignore[no-untyped-def]
    return (lambda table: False) if table.dtype.name == "int16" else (lambda table: True)


@inlined
def holder(table: Any, narrow: Any, lanes: Index) -> Any:
    """Return where rows of so many entries are read: in the table itself, or in the place for narrow ones."""
    return table if lanes >= WIDE else narrow


@inlined
def stride(lanes: Index) -> Any:
    """Return from where to where in the holder rows follow each other; the last of sixteen entries end there."""
    return max(lanes, WIDE)


@inlined
def fetch(table: Any, at: Index, rows: Index, lanes: Index, narrow: Any) -> Any:
    """Make rows of the table, from entry `at` on, ready in their holder; return where there they begin."""
    if lanes >= WIDE:
        return np.uint64(at)
    for a in range(rows):
        for i in range(WIDE):
            narrow[a * WIDE + i] = table[at + a * lanes + i] if i < lanes else _zero(table)
    return _0


@inlined
def keep(table: Any, at: Index, rows: Index, lanes: Index, narrow: Any) -> None:
    """Put the rows back that `fetch` made ready and that were changed since."""
    if lanes < WIDE:
        for a in range(rows):
            for i in range(lanes):
                table[at + a * lanes + i] = narrow[a * WIDE + i]


def _zero(table: Any) -> Any:
    """Return nothing, as an entry of the table."""
    return table.dtype.type(0)


@overload(_zero, strict=False, jit_options=_OPTIONS)
def _nothing(table):  # type: ignore[no-untyped-def]
    zero = np.int16(0) if table.dtype.name == "int16" else _ZERO
    return lambda table: zero


def draft(held: Any, block: Any) -> Any:
    """Return where new entries are written: in the holder, or in the block until their scale is known."""
    return held if whole(held) else block


@overload(draft, strict=False, jit_options=_OPTIONS)
def _draft(held, block):  # type: ignore[no-untyped-def]
    return (lambda held, block: block) if held.dtype.name == "int16" else (lambda held, block: held)


@inlined
def unit(table: Any, scales: Any, k: Index) -> Any:
    """Return what 1 in a table stands for at decision k."""
    return fill(np.float32(1.0) if whole(table) else scales[k])


@inlined
def press(held: Any, entry: Index, rows: Index, row: Index, scales: Any, k: Index, block: Any) -> None:
    """Write a decision's entries from the block to their holder in 16 bits, with a new scale; others are there."""
    if whole(held):
        return
    top, last, size = zeros(), row - WIDE, rows * row
    for i in range(_0, size, row):
        for j in range(_0, row, WIDE):
            x = load(block, i + min(j, last))
            top = largest(top, largest(x, zeros() - x))
    most = highest(top)
    scales[k] = most / _TOP
    factor = fill(_TOP / most if most > _ZERO else _ZERO)
    for i in range(_0, size, row):
        for j in range(_0, row, WIDE):
            at = i + min(j, last)
            store(held, entry + at, load(block, at) * factor)


@inlined
def touch(table: Any, at: Index, lines: Index) -> Any:
    """Have so many cache lines of the table, from entry `at` on, brought near; return where the next begins."""
    line = WIDE if whole(table) else WIDE + WIDE
    for _ in range(lines):
        prefetch(table, at)
        at += line
    return at
