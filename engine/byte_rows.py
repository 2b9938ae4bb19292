"""Distances of rows of 32 bytes, one vector register each.

The sum of absolute differences of bytes is an instruction of its own on most processors; left to the compiler's own
vectorising the same loop took five times as long. As plain Python (without the compiler) it is NumPy's.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

WIDTH = 32
_BYTES = ir.VectorType(ir.IntType(8), WIDTH)
_WORDS = ir.VectorType(ir.IntType(16), WIDTH)

# Without types of their own; the decorated functions are not called by name.
_typed: Any = extending.type_callable
_lowered: Any = extending.lower_builtin
_cgutils: Any = cgutils


def distance(a: Any, i: Any, b: Any, k: Any) -> Any:
    """Return the sum of absolute differences of row i of `a` and row k of `b`, both u8[., 32] without gaps."""
    return int(np.abs(a[i].astype(np.int64) - b[k]).sum())


@_typed(distance)
def _(context: Any) -> Any:
    return lambda a, i, b, k: types.int64


@_lowered(distance, types.Array, types.int64, types.Array, types.int64)
def _(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    rows = []
    for array, kind, at in zip(args[::2], signature.args[::2], args[1::2], strict=True):
        data = context.make_array(kind)(context, builder, array).data
        row = builder.gep(data, [builder.mul(at, ir.Constant(at.type, WIDTH))])
        found = builder.load(builder.bitcast(row, _BYTES.as_pointer()))
        found.align = 1
        rows.append(found)
    x, y = rows
    above = builder.icmp_unsigned(">", x, y)
    apart = builder.sub(builder.select(above, x, y), builder.select(above, y, x))
    kind = ir.FunctionType(ir.IntType(16), [_WORDS])
    total = _cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.add.v{WIDTH}i16")
    return builder.zext(builder.call(total, [builder.zext(apart, _WORDS)]), ir.IntType(64))
