"""One decorator for every kernel: how it is compiled, that it is kept (`engine.machine_code`) and told of."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
from numba.core.compiler import Compiler, CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.typed_passes import AnnotateTypes

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


_pass: Any = register_pass(mutates_CFG=True, analysis_only=False)  # type: ignore[no-untyped-call]


@_pass
class _Unoptimised(LoweringPass):
    """Readies the library that machine code goes into, without the passes that optimise it."""

    _name = "unoptimised"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def run_pass(self, state: Any) -> bool:
        state.library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        state.library.enable_object_caching()
        state.library._optimize_final_module = lambda: None
        return True


class _Part(CompilerBase):
    """Compiles parts of kernels: they are optimised in the kernels that they are compiled into, and only there."""

    def define_pipelines(self) -> list[Any]:
        passes: Any = DefaultPassBuilder.define_nopython_pipeline(self.state)  # type: ignore[no-untyped-call]
        passes.add_pass_after(_Unoptimised, AnnotateTypes)
        passes.finalize()
        return [passes]


def jit(function: F, inline: bool = False, plain: bool = False) -> F:
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
        pipeline_class=_Part if inline or plain else Compiler,
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


def driver(function: F) -> F:
    """Compile a kernel that does little but call another one, which is large, and is left as it was optimised.

    The machine code of a kernel holds that of those it calls: to optimise the whole again would take as long as before.
    """
    return jit(function, plain=True)
