"""Two steps on entries of raw arrays (`engine.raw`) that several processes share, each done as a whole.

As plain Python (without the compiler) they are what they say, for one process.
"""

from typing import Any

from numba import types
from numba.extending import lower_builtin, type_callable

from counterplay.engine.raw import Raw, entry

# Without types of their own; the decorated functions are not called by name.
_kinds: Any = types
_typed: Any = type_callable
_lowered: Any = lower_builtin


def add(array: Any, at: int, by: int) -> Any:
    """Add to an entry, and return what it was."""
    before = array[at]
    array[at] += by
    return before


def swap(array: Any, at: int, empty: Any, value: Any) -> Any:
    """Set an entry if it is `empty`; return what it was."""
    before = array[at]
    if before == empty:
        array[at] = value
    return before


@_typed(add)
def _(context: Any) -> Any:
    return lambda array, at, by: array.dtype


@_lowered(add, Raw, _kinds.Integer, _kinds.Integer)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind, at, by = signature.args
    place = entry(context, builder, args[0], at, args[1])
    return builder.atomic_rmw("add", place, context.cast(builder, args[2], by, kind.dtype), "seq_cst")


@_typed(swap)
def _(context: Any) -> Any:
    return lambda array, at, empty, value: array.dtype


@_lowered(swap, Raw, _kinds.Integer, _kinds.Integer, _kinds.Integer)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind, at, empty, value = signature.args
    place = entry(context, builder, args[0], at, args[1])
    old = context.cast(builder, args[2], empty, kind.dtype)
    new = context.cast(builder, args[3], value, kind.dtype)
    return builder.extract_value(builder.cmpxchg(place, old, new, "seq_cst"), 0)
