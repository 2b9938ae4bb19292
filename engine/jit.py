"""One decorator for every kernel: how it is compiled, that it is kept (`engine.machine_code`) and told of."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba

from counterplay.engine import kernel_key, machine_code
from counterplay.engine.compiling import compiling

F = TypeVar("F", bound=Callable[..., Any])

Index: TypeAlias = (
    Any  # a number that kernels know as u64: mypy knows no unsigned numbers, nor that `range` yields them
)

# Four lanes written as four scalars become one vector instruction: 2.5 times faster leaf sums in lanes.
_CONFIG: Any = numba.config
_njit: Any = numba.njit  # its type knows nothing of wrappers
_CONFIG.SLP_VECTORIZE = 1


def jit(function: F, inline: bool = False) -> F:
    """Compile a kernel on first call and keep the machine code on disk.

    Products and sums may contract into fused multiply-adds (one rounding in place of two); nothing else of IEEE
    arithmetic is relaxed, so a result is the same on every run of one machine. There is no way in from C, nor from
    Python for what is compiled into other kernels: taking apart a NamedTuple of arrays is long code to compile.
    """
    compiled: Any = _njit(
        fastmath={"contract"},
        error_model="numpy",
        nogil=True,
        forceinline=inline,
        no_cfunc_wrapper=True,
        no_cpython_wrapper=inline,
    )(function)
    if not _CONFIG.DISABLE_JIT:
        compiled._cache = machine_code.Cache(compiled)
        compiled._compiler.compile = _told(function, compiled._compiler.compile)
    return cast(F, compiled)


def _told(function: Callable[..., Any], build: Callable[..., Any]) -> Callable[..., Any]:
    """Return how Numba compiles a kernel, with the clock stopped and a line to be told."""

    def compile_kernel(args: Any, return_type: Any) -> Any:
        name = f"{kernel_key.name_of(function)} {kernel_key.short(args)}"
        with compiling(function.__module__, name, machine_code.notes()):
            return build(args, return_type)

    return compile_kernel


def inlined(function: F) -> F:
    """Compile a part of kernels into each of its callers.

    A call hands over NamedTuples of arrays by value, with a reference count up and down for each array: more work
    than many such parts do.
    """
    return jit(function, inline=True)
