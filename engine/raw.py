"""Bundles of arrays as kernels see them best: each array flat, and in machine code no more than where it begins.

Numba carries an array as seven numbers, and a NamedTuple of arrays as all of theirs at each use. A kernel that reads
fifty arrays took most of its compile time to sort these out. So it turns its bundles into raw ones first: there an
array is one pointer. As plain Python (without the compiler) it is a flat view, and all indices are into that.

A raw array knows no size and counts no references: the kernel that made it holds the arrays. Indices are unsigned: with
signed ones each use would be checked for a negative index. So what is read from arrays of unsigned numbers, whatever
their size, is 64 bits wide and ready to be one.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, models, register_model, type_callable

# Without types of their own; the decorated functions are not called by name.
_kinds: Any = types
_typed: Any = type_callable
_lowered: Any = lower_builtin
_model: Any = register_model


def raw(bundle: Any) -> Any:
    """Return a bundle (an array, or a NamedTuple of arrays, numbers and such bundles) with its arrays flat."""
    if isinstance(bundle, np.ndarray):
        small = bundle.dtype.kind == "u" and bundle.dtype.itemsize < 8  # only read from
        return bundle.astype(np.uint64).ravel() if small else bundle.reshape(-1)
    return type(bundle)(*map(raw, bundle)) if isinstance(bundle, tuple) else bundle


def shift(a: Any, by: Any) -> Any:
    """Return a raw array from entry `by` on."""
    return a[by:]


def prefetch(a: Any, at: Any) -> None:
    """Have what lies from entry `at` on brought near while other work goes on; that may be past the array's end."""


class Raw(types.Type):
    """The type of a raw array in kernels."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"raw({dtype})")


@_model(Raw)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.PointerType(manager[kind.dtype].get_value_type()))  # type: ignore[no-untyped-call]


def _raw_type(kind: Any) -> Any:
    if isinstance(kind, _kinds.Array):
        return Raw(kind.dtype)
    if isinstance(kind, _kinds.BaseNamedTuple):
        return _kinds.NamedTuple([_raw_type(part) for part in kind], kind.instance_class)
    return kind


def _convert(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, _kinds.Array):
        return context.make_array(kind)(context, builder, value).data
    if isinstance(kind, _kinds.BaseNamedTuple):
        parts = cgutils.unpack_tuple(builder, value, len(kind))  # type: ignore[no-untyped-call]
        return context.make_tuple(
            builder, _raw_type(kind), [_convert(context, builder, *both) for both in zip(kind, parts, strict=True)]
        )
    return value


@_typed(raw)
def _(context: Any) -> Any:
    return _raw_type


@_lowered(raw, _kinds.Any)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return _convert(context, builder, signature.args[0], args[0])


def entry(context: Any, builder: Any, array: Any, kind: Any, index: Any) -> Any:
    """Return the pointer to an entry of a raw array; `kind` is the index's type."""
    return builder.gep(array, [context.cast(builder, index, kind, _kinds.uint64)])


@_typed(shift)
def _(context: Any) -> Any:
    return lambda a, by: a


@_lowered(shift, Raw, _kinds.Integer)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return entry(context, builder, args[0], signature.args[1], args[1])


@_typed(prefetch)
def _(context: Any) -> Any:
    return lambda a, at: _kinds.none


@_lowered(prefetch, Raw, _kinds.Integer)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")  # type: ignore[no-untyped-call]
    where = builder.bitcast(entry(context, builder, args[0], signature.args[1], args[1]), byte)
    builder.call(function, [where, *(ir.Constant(number, n) for n in (0, 2, 1))])  # to read, second level, data
    return context.get_dummy_value()


def _read_type(kind: Any) -> Any:
    return _kinds.uint64 if isinstance(kind, _kinds.Integer) and not kind.signed else kind


@_typed(operator.getitem)
def _(context: Any) -> Any:
    return lambda a, i: _read_type(a.dtype) if isinstance(a, Raw) and isinstance(i, _kinds.Integer) else None


@_lowered(operator.getitem, Raw, _kinds.Integer)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array, kind = signature.args
    value = builder.load(entry(context, builder, args[0], kind, args[1]))
    return context.cast(builder, value, array.dtype, signature.return_type)


@_typed(operator.setitem)
def _(context: Any) -> Any:
    return lambda a, i, x: _kinds.none if isinstance(a, Raw) and isinstance(i, _kinds.Integer) else None


@_lowered(operator.setitem, Raw, _kinds.Integer, _kinds.Any)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array, kind, given = signature.args
    value = context.cast(builder, args[2], given, array.dtype)
    builder.store(value, entry(context, builder, args[0], kind, args[1]))
    return context.get_dummy_value()
