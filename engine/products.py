"""Products of small matrices inside kernels.

Learners multiply thousands of rows by matrices of some tens of numbers a side. A library for large matrices packs its
operands first and returns between a product and what comes next; here a block of rows goes through all layers while it
is in the cache, and a product runs close to the speed of the processor's multiply-adds (`benchmarks/networks.py`).

Matrices lie anywhere in flat arrays of 32-bit floats; offsets, distances and sizes are unsigned (see `engine.simd`).
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import extending, types

from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.simd import EIGHT, LANES, SQUARE, pointer, read, transposed, write

_typed: Any = extending.type_callable
_lowered: Any = extending.lower_builtin

_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(ir.IntType(32), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)
_FLAGS = ("contract",)  # as in `engine.jit`

# How many vectors of sixteen floats a block of four rows is wide. The block's sums stay in registers: with AVX-512
# there are 32 of such vectors, elsewhere 16 of half a vector or a quarter.
_WIDE = 4 if llvm.get_host_cpu_features().get("avx512f") else 1
_ROWS, _TALL, _SQUARE = np.uint64(4), np.uint64(8), np.uint64(SQUARE)
_FLOAT, _LINE = np.uint64(4), np.uint64(64)  # bytes
_ONE, _LANES, _PANEL = np.uint64(1), np.uint64(LANES), np.uint64(_WIDE * LANES)


def _block(rows: int, vectors: int) -> Callable[..., None]:
    """Return a part of kernels that sets c to s plus the product of `rows` rows of a and columns of b.

    It takes what `multiply` takes, with offsets of the block, and s before c (which may be c itself, or one row for
    all); then whether what is negative becomes 0, and how many numbers of a row's vector count (all, if there are
    several). Sums go over `depth` in order, each of them a chain of multiply-adds.
    """

    def block(*_: Any) -> None:
        raise NotImplementedError("this is for kernels alone")

    @_typed(block)
    def _(context: Any) -> Any:
        return lambda a, at, row, column, b, b_at, b_row, s, s_at, s_row, c, c_at, c_row, depth, relu, numbers: (
            types.none
        )

    u, array = types.uint64, types.Array

    @_lowered(block, array, u, u, u, array, u, u, array, u, u, array, u, u, u, types.boolean, u)
    def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, b, s, c = (context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 4, 7, 10))
        _, at, row, column, _, b_at, b_row, _, s_at, s_row, _, c_at, c_row, depth, relu, numbers = args
        lanes = _Lanes(builder, numbers if vectors == 1 else None)

        def number(n: int) -> Any:
            return ir.Constant(at.type, n)

        starts = [builder.add(at, builder.mul(row, number(m))) for m in range(rows)]

        def places(start: Any, distance: Any) -> list[Any]:
            firsts = [builder.add(start, builder.mul(distance, number(m))) for m in range(rows)]
            return [builder.add(first, number(LANES * n)) for first in firsts for n in range(vectors)]

        before, sums = builder.block, [lanes.load(s, place) for place in places(s_at, s_row)]
        head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
        builder.branch(head)

        builder.position_at_end(head)
        k = builder.phi(at.type)
        k.add_incoming(number(0), before)
        carried = [builder.phi(_FLOATS) for _ in sums]
        for each, value in zip(carried, sums, strict=True):
            each.add_incoming(value, before)
        builder.cbranch(builder.icmp_unsigned("<", k, depth), body, done)

        builder.position_at_end(body)
        across, down = builder.mul(k, column), builder.add(b_at, builder.mul(k, b_row))
        factors = [lanes.load(b, builder.add(down, number(LANES * n))) for n in range(vectors)]
        following = []
        for m, start in enumerate(starts):
            factor = lanes.repeat(builder.load(builder.gep(a, [builder.add(start, across)])))
            for n in range(vectors):
                product = builder.fmul(factor, factors[n], flags=_FLAGS)
                following.append(builder.fadd(carried[m * vectors + n], product, flags=_FLAGS))
        k.add_incoming(builder.add(k, number(1)), builder.block)
        for each, value in zip(carried, following, strict=True):
            each.add_incoming(value, builder.block)
        builder.branch(head)

        builder.position_at_end(done)
        zero = ir.Constant(_FLOATS, [0.0] * LANES)
        rectified = lanes.repeat(builder.trunc(relu, ir.IntType(1)))
        for value, place in zip(carried, places(c_at, c_row), strict=True):
            stopped = builder.and_(builder.fcmp_ordered("<", value, zero), rectified)  # what is not a number stays
            lanes.store(builder.select(stopped, zero, value), c, place)
        return context.get_dummy_value()

    return block


class _Lanes:
    """Loads and stores of sixteen floats, or of the first few of them (`numbers`), in code that is being built."""

    def __init__(self, builder: Any, numbers: Any) -> None:
        self.builder, self.mask = builder, None
        if numbers is not None:
            places = ir.Constant(_INTS, list(range(LANES)))
            limit = self.repeat(builder.trunc(numbers, ir.IntType(32)))
            self.mask = builder.icmp_unsigned("<", places, limit)

    def repeat(self, number: Any) -> Any:
        """Return a number sixteen times."""
        nothing = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
        one = self.builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(one, nothing, ir.Constant(_INTS, [0] * LANES))

    def load(self, data: Any, place: Any) -> Any:
        """Return what lies there, and 0 beyond."""
        pointer = self._pointer(data, place)
        if self.mask is None:
            found = self.builder.load(pointer)
            found.align = 4
            return found
        zero = ir.Constant(_FLOATS, [0.0] * LANES)
        return self._call("load", _FLOATS, [pointer, ir.Constant(ir.IntType(32), 4), self.mask, zero])

    def store(self, value: Any, data: Any, place: Any) -> None:
        """Put it there."""
        pointer = self._pointer(data, place)
        if self.mask is None:
            self.builder.store(value, pointer).align = 4
        else:
            self._call("store", ir.VoidType(), [value, pointer, ir.Constant(ir.IntType(32), 4), self.mask])

    def _pointer(self, data: Any, place: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(data, [place]), _FLOATS.as_pointer())

    def _call(self, name: str, result: Any, args: list[Any]) -> Any:
        module, full = self.builder.module, f"llvm.masked.{name}.v{LANES}f32.p0v{LANES}f32"
        function = module.globals.get(full)
        if function is None:
            function = ir.Function(module, ir.FunctionType(result, [arg.type for arg in args]), full)
        return self.builder.call(function, args)


_wide, _wide_row, _narrow, _narrow_row = _block(4, _WIDE), _block(1, _WIDE), _block(8, 1), _block(1, 1)


@inlined
def aligned(count: Index) -> Any:  # pragma: no cover
    """Return room for so many numbers that begins where a line of the cache does.

    Vectors of a product's right side that lie across two lines each are read a quarter more slowly.
    """
    room = np.empty(count + _LANES, np.float32)
    address = np.uint64(room.ctypes.data)
    start = (_LINE - address % _LINE) % _LINE // _FLOAT
    return room[start : start + count]


@jit
def affine(
    a: Any,
    at: Index,
    row: Index,
    column: Index,
    b: Any,
    b_at: Index,
    b_row: Index,
    s: Any,
    s_at: Index,
    s_row: Index,
    c: Any,
    c_at: Index,
    c_row: Index,
    rows: Index,
    columns: Index,
    depth: Index,
    relu: bool,
) -> None:  # pragma: no cover
    """Set c to a b + s, and then what is negative to 0 if `relu`; matrices are as in `multiply`.

    Entry (i, j) of s is s[s_at + i s_row + j]: with an `s_row` of 0 it is a bias, the same in all rows.
    """
    j = np.uint64(0)
    while j + _PANEL <= columns:
        i = np.uint64(0)
        while i + _ROWS <= rows:
            _wide(
                a, at + i * row, row, column, b, b_at + j, b_row, s, s_at + i * s_row + j, s_row,
                c, c_at + i * c_row + j, c_row, depth, relu, _LANES,
            )  # fmt: skip
            i += _ROWS
        while i < rows:
            _wide_row(
                a, at + i * row, row, column, b, b_at + j, b_row, s, s_at + i * s_row + j, s_row,
                c, c_at + i * c_row + j, c_row, depth, relu, _LANES,
            )  # fmt: skip
            i += _ONE
        j += _PANEL
    while j < columns:
        numbers = min(_LANES, columns - j)
        i = np.uint64(0)
        while i + _TALL <= rows:
            _narrow(
                a, at + i * row, row, column, b, b_at + j, b_row, s, s_at + i * s_row + j, s_row,
                c, c_at + i * c_row + j, c_row, depth, relu, numbers,
            )  # fmt: skip
            i += _TALL
        while i < rows:
            _narrow_row(
                a, at + i * row, row, column, b, b_at + j, b_row, s, s_at + i * s_row + j, s_row,
                c, c_at + i * c_row + j, c_row, depth, relu, numbers,
            )  # fmt: skip
            i += _ONE
        j += _LANES


@jit
def multiply(
    a: Any,
    at: Index,
    row: Index,
    column: Index,
    b: Any,
    b_at: Index,
    b_row: Index,
    c: Any,
    c_at: Index,
    c_row: Index,
    rows: Index,
    columns: Index,
    depth: Index,
) -> None:  # pragma: no cover
    """Add the product of a, [rows, depth], and b, [depth, columns], to c, [rows, columns].

    Entry (i, k) of a is a[at + i row + k column], so that a may lie transposed; entry (k, j) of b is b[b_at + k b_row +
    j], and entry (i, j) of c is c[c_at + i c_row + j].
    """
    affine(a, at, row, column, b, b_at, b_row, c, c_at, c_row, c, c_at, c_row, rows, columns, depth, False)


def _square(*_: Any) -> None:
    """Put the transpose of eight by eight numbers somewhere: out[to + m far + n] = a[at + n row + m]."""
    raise NotImplementedError("this is for kernels alone")


@_typed(_square)
def _(context: Any) -> Any:
    return lambda a, at, row, out, to, far: types.none


@_lowered(_square, types.Array, types.uint64, types.uint64, types.Array, types.uint64, types.uint64)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    a, out = (context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 3))

    def places(array: Any, at: Any, distance: Any) -> list[Any]:
        starts = (builder.add(at, builder.mul(distance, ir.Constant(at.type, m))) for m in range(SQUARE))
        return [pointer(builder, array, start, EIGHT) for start in starts]

    rows = [read(builder, place) for place in places(a, args[1], args[2])]
    for column, place in zip(transposed(builder, rows), places(out, args[4], args[5]), strict=True):
        write(builder, column, place)
    return context.get_dummy_value()


@jit
def transpose(a: Any, at: Index, rows: Index, columns: Index, out: Any) -> None:  # pragma: no cover
    """Put the transpose of a matrix, [columns, rows], at the same place of another array."""
    top = np.uint64(0)
    while top + _SQUARE <= rows:
        left = np.uint64(0)
        while left + _SQUARE <= columns:
            _square(a, at + top * columns + left, columns, out, at + left * rows + top, rows)
            left += _SQUARE
        for i in range(top, top + _SQUARE):
            for j in range(left, columns):
                out[at + j * rows + i] = a[at + i * columns + j]
        top += _SQUARE
    for i in range(top, rows):
        for j in range(columns):
            out[at + j * rows + i] = a[at + i * columns + j]
