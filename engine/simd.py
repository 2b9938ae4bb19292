"""Sixteen 32-bit floats side by side, which the compiler keeps in vector registers.

All leaves of one kind on one board share their order of hands, so sweeps over hands take sixteen leaves at a time.
Kernels add, subtract and multiply such vectors with the usual signs. Left to the compiler's own vectorising, the same
sums took longer to run and much longer to compile. As plain Python (without the compiler) a vector is a NumPy array.

Arrays are raw (`engine.raw`), to load from others too, and offsets into them unsigned.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending, types

from counterplay.engine.raw import Raw

# Without types of their own; the decorated functions are not called by name.
_typed: Any = extending.type_callable
_lowered: Any = extending.lower_builtin

LANES = 16
WIDE = np.uint64(LANES)
SQUARE = 8  # rows and columns of a transposition

_FLOATS = ir.VectorType(ir.FloatType(), LANES)
EIGHT = ir.VectorType(ir.FloatType(), SQUARE)
_INTEGERS, _SHORTS = (ir.VectorType(ir.IntType(bits), LANES) for bits in (32, 16))
_FLAGS = ("contract",)  # as in `engine.jit`


class Floats(types.Type):
    """The type of such a vector in kernels."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


_floats = Floats()


@extending.register_model(Floats)
class _Model(extending.models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)  # type: ignore[no-untyped-call]


def zeros() -> Any:
    """Return sixteen zeros."""
    return np.zeros(LANES, np.float32)


def fill(x: Any) -> Any:
    """Return a number sixteen times."""
    return np.full(LANES, x, np.float32)


def load(a: Any, i: Any) -> Any:
    """Return a[i : i + 16]; of 16-bit integers too, as floats."""
    return a[i : i + WIDE].astype(np.float32)


def store(a: Any, i: Any, x: Any) -> None:
    """Set a[i : i + 16]; 16-bit integers to the nearest, from the middle away from zero."""
    a[i : i + WIDE] = np.trunc(x + np.copysign(np.float32(0.5), x)) if a.dtype == np.int16 else x


def largest(x: Any, y: Any) -> Any:
    """Return the larger of both, place by place."""
    return np.maximum(x, y)


def inverse(x: Any, least: Any) -> Any:
    """Return 1 / x, place by place, and 0 where x is not more than `least`."""
    return np.where(x > least, np.float32(1.0) / np.maximum(x, least), np.float32(0.0))


def where_positive(test: Any, x: Any, y: Any) -> Any:
    """Return x where `test` is more than 0, else y, place by place."""
    return np.where(test > 0, x, y)


def total(x: Any) -> Any:
    """Return the sum of the sixteen, added as pairs of pairs."""
    while len(x) > 1:
        x = x[: len(x) // 2] + x[len(x) // 2 :]
    return x[0]


def highest(x: Any) -> Any:
    """Return the largest of the sixteen."""
    return x.max()


def interleave(a: Any, rows: Any, k: Any, i: Any, out: Any, to: Any) -> None:
    """Lay entries i .. i + 8 of eight rows side by side: out[to + 16 l + r] = a[rows[k + r] + i + l]."""
    for r in range(SQUARE):
        for m in range(SQUARE):
            out[int(to) + LANES * m + r] = a[int(rows[int(k) + r]) + int(i) + m]


def scatter_add(a: Any, at: Any, out: Any, rows: Any, k: Any, i: Any) -> None:
    """Add what lies side by side to eight rows: out[rows[k + r] + i + l] += a[at + 16 l + r]."""
    for r in range(SQUARE):
        for m in range(SQUARE):
            out[int(rows[int(k) + r]) + int(i) + m] += a[int(at) + LANES * m + r]


# Parts of what is built here, for `engine.products` too.
def pointer(builder: Any, array: Any, index: Any, vector: Any) -> Any:
    return builder.bitcast(builder.gep(array, [index]), vector.as_pointer())


def read(builder: Any, pointer: Any) -> Any:
    found = builder.load(pointer)
    found.align = 4
    return found


def write(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, pointer).align = 4


def _shuffle(builder: Any, x: Any, y: Any, places: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
    return builder.shuffle_vector(x, y, mask)


def transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Transpose eight vectors of eight: pairs of floats, pairs of pairs, halves; within halves as long as it goes."""
    low, high = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    a = [_shuffle(builder, rows[r], rows[r + 1], places) for r in (0, 2, 4, 6) for places in (low, high)]
    low, high = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    b = [_shuffle(builder, a[r], a[r + 2], places) for r in (0, 1, 4, 5) for places in (low, high)]
    low, high = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    return [_shuffle(builder, b[r], b[r + 4], places) for places in (low, high) for r in range(4)]


@_typed(zeros)
def _(context: Any) -> Any:
    return lambda: _floats


@_lowered(zeros)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return ir.Constant(_FLOATS, [0.0] * LANES)


@_typed(fill)
def _(context: Any) -> Any:
    return lambda x: _floats


@_lowered(fill, types.float32)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), args[0], ir.Constant(ir.IntType(32), 0))
    return _shuffle(builder, first, first, [0] * LANES)


@_typed(load)
def _(context: Any) -> Any:
    return lambda a, i: _floats


@_lowered(load, types.Array, types.uint64)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return read(builder, pointer(builder, array.data, args[1], _FLOATS))


@_lowered(load, Raw, types.uint64)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    if signature.args[0].dtype != types.int16:
        return read(builder, pointer(builder, args[0], args[1], _FLOATS))
    found = builder.load(pointer(builder, args[0], args[1], _SHORTS))
    found.align = 2
    return builder.sitofp(builder.sext(found, _INTEGERS), _FLOATS)


@_typed(store)
def _(context: Any) -> Any:
    return lambda a, i, x: types.none


@_lowered(store, Raw, types.uint64, Floats)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    if signature.args[0].dtype != types.int16:
        write(builder, args[2], pointer(builder, args[0], args[1], _FLOATS))
        return context.get_dummy_value()
    zero, half, less = (ir.Constant(_FLOATS, [number] * LANES) for number in (0.0, 0.5, -0.5))
    away = builder.select(builder.fcmp_ordered(">=", args[2], zero), half, less)
    nearest = builder.fptosi(builder.fadd(args[2], away), _INTEGERS)
    builder.store(builder.trunc(nearest, _SHORTS), pointer(builder, args[0], args[1], _SHORTS)).align = 2
    return context.get_dummy_value()


@_typed(largest)
def _(context: Any) -> Any:
    return lambda x, y: _floats


@_lowered(largest, Floats, Floats)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", *args), *args)


@_typed(inverse)
def _(context: Any) -> Any:
    return lambda x, least: _floats


@_lowered(inverse, Floats, Floats)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    one, zero = (ir.Constant(_FLOATS, [number] * LANES) for number in (1.0, 0.0))
    return builder.select(builder.fcmp_ordered(">", *args), builder.fdiv(one, args[0]), zero)


@_typed(where_positive)
def _(context: Any) -> Any:
    return lambda test, x, y: _floats


@_lowered(where_positive, Floats, Floats, Floats)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    zero = ir.Constant(_FLOATS, [0.0] * LANES)
    return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], args[2])


def _folded(builder: Any, x: Any, join: Any) -> Any:
    """Return all sixteen joined: halves, then halves of those."""
    count = LANES
    while count > 1:
        count //= 2
        x = join(*(_shuffle(builder, x, x, list(range(at, at + count))) for at in (0, count)))
    return builder.extract_element(x, ir.Constant(ir.IntType(32), 0))


@_typed(total)
def _(context: Any) -> Any:
    return lambda x: types.float32


@_lowered(total, Floats)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return _folded(builder, args[0], lambda x, y: builder.fadd(x, y, flags=_FLAGS))


@_typed(highest)
def _(context: Any) -> Any:
    return lambda x: types.float32


@_lowered(highest, Floats)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return _folded(builder, args[0], lambda x, y: builder.select(builder.fcmp_ordered(">", x, y), x, y))


def _operation(operation: Any, name: str) -> None:
    @_typed(operation)
    def _(context: Any) -> Any:
        return lambda x, y: _floats if x is y is _floats else None

    @_lowered(operation, Floats, Floats)
    def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return getattr(builder, name)(*args, flags=_FLAGS)


for _sign, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _operation(_sign, _name)


def _rows(builder: Any, arrays: Any, k: Any, i: Any) -> list[Any]:
    """Return pointers to entry i of eight rows of an array."""
    array, starts = arrays
    found = []
    for r in range(SQUARE):
        start = builder.load(builder.gep(starts, [builder.add(k, ir.Constant(k.type, r))]))
        found.append(pointer(builder, array, builder.add(start, i), EIGHT))
    return found


def _columns(builder: Any, array: Any, at: Any) -> list[Any]:
    """Return pointers to the first eight of eight vectors that follow one another in an array."""
    places = [builder.add(at, ir.Constant(at.type, LANES * m)) for m in range(SQUARE)]
    return [pointer(builder, array, place, EIGHT) for place in places]


@_typed(interleave)
def _(context: Any) -> Any:
    return lambda a, rows, k, i, out, to: types.none


@_lowered(interleave, Raw, Raw, types.uint64, types.uint64, Raw, types.uint64)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    rows = _rows(builder, args[:2], args[2], args[3])
    columns = _columns(builder, args[4], args[5])
    for value, place in zip(transposed(builder, [read(builder, r) for r in rows]), columns, strict=True):
        write(builder, value, place)
    return context.get_dummy_value()


@_typed(scatter_add)
def _(context: Any) -> Any:
    return lambda a, at, out, rows, k, i: types.none


@_lowered(scatter_add, Raw, types.uint64, Raw, Raw, types.uint64, types.uint64)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    columns = _columns(builder, args[0], args[1])
    rows = _rows(builder, args[2:4], args[4], args[5])
    for value, place in zip(transposed(builder, [read(builder, c) for c in columns]), rows, strict=True):
        write(builder, builder.fadd(read(builder, place), value, flags=_FLAGS), place)  # a row may come twice
    return context.get_dummy_value()
