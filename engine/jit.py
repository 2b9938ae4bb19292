"""One decorator for every kernel, and a compilation cache that cannot go stale.

Numba's own cache looks at the file of the compiled function only: after an edit in another file, a cached caller
answers with the old code. So the cache lives in a folder named after a hash of all sources of the package. And it
numbers the files of machine code: of two processes that compile a kernel for different arguments at the same time, one
can write its code over the other's and leave the other's name for it, so that the next process to read it calls a
kernel with arguments it was not made for. Here every file has a name of its own; such a race compiles a kernel twice.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast
from uuid import uuid4

import numba
import numpy as np
import platformdirs
from numba.core.compiler import Compiler, CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.typed_passes import AnnotateTypes
from numba.extending import overload

F = TypeVar("F", bound=Callable[..., Any])

Index: TypeAlias = (
    Any  # a number that kernels know as u64: mypy knows no unsigned numbers, nor that `range` yields them
)

_KEPT = 4  # cache folders of other versions that stay: switching between two branches recompiles nothing


def _sources_hash() -> str:
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for folder in ("engine", "games", "solvers", "agents"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    base = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("counterplay", appauthor=False)) / "kernels"
    folder = base / _sources_hash()
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            others = sorted((p for p in base.iterdir() if p != folder), key=lambda p: p.stat().st_mtime, reverse=True)
            for old in others[_KEPT:]:
                shutil.rmtree(old, ignore_errors=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="counterplay-kernels-"))  # a read-only home: compile anew in each process


_FOLDER = str(_cache_folder())

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


def jit(function: F, inline: bool = False) -> F:
    """Compile a kernel on first call and keep the machine code on disk.

    Products and sums may contract into fused multiply-adds (one rounding in place of two); nothing else of IEEE
    arithmetic is relaxed, so a result is the same on every run of one machine. There is no way in from C, nor from
    Python for what is compiled into other kernels: taking apart a NamedTuple of arrays is long code to compile.
    """
    elsewhere = _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = _FOLDER  # read as the function is decorated; other packages keep theirs
    try:
        compiled: Any = _njit(
            cache=True,
            fastmath={"contract"},
            error_model="numpy",
            nogil=True,
            forceinline=inline,
            no_cfunc_wrapper=True,
            no_cpython_wrapper=inline,
            pipeline_class=_Part if inline else Compiler,
        )(function)
    finally:
        _CONFIG.CACHE_DIR = elsewhere
    if not _CONFIG.DISABLE_JIT:
        files = compiled._cache._cache_file
        stem = files._index_name.removesuffix(".nbi")
        files._data_name = lambda number: f"{stem}.{uuid4().hex}.nbc"  # drawn on writing: processes may be forks
    return cast(F, compiled)


def is_compiled(kernel: Callable[..., Any]) -> bool:
    """Tell whether machine code of a kernel is on disk, for arguments of whatever types."""
    module = kernel.__module__.rpartition(".")[2]
    return any(Path(_FOLDER).glob(f"*/{module}.{kernel.__name__}-*.nbi"))


def inlined(function: F) -> F:
    """Compile a part of kernels into each of its callers.

    A call hands over NamedTuples of arrays by value, with a reference count up and down for each array: more work
    than many such parts do.
    """
    return jit(function, inline=True)


def width(lanes: int | tuple[int, ...]) -> int:
    """Return the number of lanes: the number itself, or the length of a tuple, which kernels see as a constant.

    A loop over a constant number of lanes unrolls into vector instructions; a kernel compiles once for each length
    of tuple and once for all plain numbers (`SequenceForm.lanes` picks).
    """
    return lanes if isinstance(lanes, int) else len(lanes)


@overload(width, strict=False)
def _width(lanes: Any) -> Callable[[Any], Any]:
    # Unsigned, as all indices: mixed with a signed number, Numba would check each index for being negative.
    if isinstance(lanes, numba.types.BaseTuple):
        return lambda lanes: np.uint64(len(lanes))
    return lambda lanes: np.uint64(lanes)  # noqa: PLW0108 (Numba wants a function of its own)
