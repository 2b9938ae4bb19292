"""Machine code of kernels on disk, under names that follow from all that the code follows from.

A file is named after a hash of: the kernel's bytecode and that of every kernel that it calls, what constants they
refer to, the types of the arguments (of a NamedTuple its fields), the options of compiling, the processor, and the
versions of Python, NumPy and Numba. An edit changes the names of what it concerns, and nothing else is compiled anew:
neither for comments, docstrings and types of arguments, nor for an edit elsewhere in a file.

Functions that kernels call and that are no kernels themselves (what `numba.extending` teaches Numba by name, as
`engine.simd` does) may be implemented by anything in their module, so the whole file counts for these, and every file
of the same package that it imports.

Numba's own cache looks at the file of the compiled function only: after an edit in another file, a cached caller
answers with the old code. And it numbers its files: of two processes that compile at the same time, one can write its
code over the other's. Here a name stands for one machine code only, and is written whole or not at all.
"""

import ast
import builtins
import dis
import hashlib
import os
import pickle
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
import platformdirs
from numba.core import caching, compiler, config, dispatcher, serialize, types

from counterplay.engine.store import write_atomic

_UNUSED = 30 * 24 * 3600.0  # seconds without use after which a file goes
_ROOM = 512 * 2**20  # bytes that files may take; the longest unused go
_KNOWN = {"numba", "numpy", "llvmlite", "builtins", *sys.stdlib_module_names}  # told by their versions
_OPTIONS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK")  # of Numba at large
_VERSIONS = f"1 {sys.version} {np.__version__} {numba.__version__} {llvmlite.__version__}"
_SUFFIX = ".code"
_types: Any = types  # without types of their own
_rebuild: Any = compiler.CompileResult._rebuild
_dumps: Any = serialize.dumps


@cache
def folder() -> Path | None:
    """Return where machine code is kept, or None where nothing can be written (and nothing is there to be read)."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    place = (
        Path(chosen) / "counterplay"
        if chosen
        else Path(platformdirs.user_cache_dir("counterplay", appauthor=False)) / "kernels"
    )
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return place if os.access(place, os.W_OK) or any(place.glob(f"*{_SUFFIX}")) else None


def notes() -> Path | None:
    """Return the file beside it that says how long compiling took."""
    place = folder()
    return place / "seconds.json" if place is not None and os.access(place, os.W_OK) else None


class Unknown(Exception):
    """A kernel refers to something that cannot be told from another: its code is not kept."""


class _Uses:
    """What a kernel's machine code follows from, as lines of text."""

    def __init__(self) -> None:
        self.lines: set[str] = set()
        self.seen: set[int] = set()

    def kernel(self, kernel: Any) -> None:
        """Add a kernel, and what it refers to."""
        if id(kernel) in self.seen:
            return
        self.seen.add(id(kernel))
        function = kernel.py_func
        options = sorted((name, str(option)) for name, option in kernel.targetoptions.items() if name != "cache")
        self.lines.add(f"{_name(function)} {_code_text(function.__code__)} {function.__defaults__!r} {options}")
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, value in (*_globals(function), *((name, cell.cell_contents) for name, cell in cells)):
            self.value(f"{_name(function)}: {name}", value)

    def value(self, name: str, value: Any) -> None:
        """Add what a name stands for."""
        home = getattr(value, "__module__", None) or ""
        known = home.partition(".")[0] in _KNOWN
        if isinstance(value, dispatcher.Dispatcher):
            self.lines.add(f"{name} = kernel {_name(value.py_func)}")
            self.kernel(value)
        elif isinstance(value, ModuleType):
            self.lines.add(f"{name} = module {value.__name__}")
            if value.__name__.partition(".")[0] not in _KNOWN:
                self.file(value.__name__)
        elif isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields"):
            self.lines.add(f"{name} = {_fields(value)}")
        elif isinstance(value, FunctionType | type):
            self.lines.add(f"{name} = {_name(value)}")
            if not known:
                self.file(home)
        elif isinstance(value, BuiltinFunctionType | np.ufunc):
            self.lines.add(f"{name} = {value!r}" if isinstance(value, np.ufunc) else f"{name} = {_name(value)}")
        elif isinstance(value, tuple):
            self.lines.add(f"{name} = {type(value).__name__} of {len(value)}")
            for i, part in enumerate(value):
                self.value(f"{name}[{i}]", part)
        elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
            digest = hashlib.sha256(value.tobytes()).hexdigest()
            self.lines.add(f"{name} = {value.dtype.str} {value.shape} {value.flags.f_contiguous} {digest}")
        elif value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic | np.dtype):
            self.lines.add(f"{name} = {type(value).__name__} {value!r}")
        elif isinstance(value, _types.Type):
            self.lines.add(f"{name} = {self.type(value)}")
        else:
            raise Unknown(f"{name} is {type(value).__name__}")

    def type(self, kind: Any) -> str:
        """Return the text of the type of an argument; add what it is made of."""
        if type(kind).__module__.partition(".")[0] not in _KNOWN:
            self.file(type(kind).__module__)
        if isinstance(kind, _types.Dispatcher):
            self.kernel(kind.dispatcher)
            return f"kernel {_name(kind.dispatcher.py_func)}"
        if isinstance(kind, _types.BaseTuple):
            name = _fields(kind.instance_class) if isinstance(kind, _types.BaseNamedTuple) else "tuple"
            return f"{name}({', '.join(map(self.type, kind))})"
        if " at 0x" in str(kind):
            raise Unknown(f"an argument is {kind}")
        return str(kind)

    def file(self, module: str) -> None:
        """Add the whole file of a module, and those of its package that it imports."""
        for name, digest in _files(module):
            self.lines.add(f"{name} {digest}")


def _name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _fields(kind: Any) -> str:
    return f"{_name(kind)} {kind._fields}"


def _code_text(code: CodeType) -> str:
    """Return all of bytecode but where it stands and what it says of itself."""
    constants = code.co_consts[1:] if code.co_consts and _documents(code) else code.co_consts
    parts = [_code_text(each) if isinstance(each, CodeType) else _constant(each) for each in constants]
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount, code.co_flags
    return f"{code.co_code.hex()} {getattr(code, 'co_exceptiontable', b'').hex()} {names} {parts}"


def _documents(code: CodeType) -> bool:
    """Tell whether the first constant is a docstring, which bytecode does not load."""
    return isinstance(code.co_consts[0], str) and not any(
        step.opcode in dis.hasconst and step.arg == 0 for step in dis.get_instructions(code)
    )


def _constant(value: Any) -> str:
    return f"set {sorted(map(repr, value))}" if isinstance(value, frozenset) else f"{type(value).__name__} {value!r}"


def _globals(function: Any) -> Iterator[tuple[str, Any]]:
    """Yield what the bytecode of a function loads by name; Python's own functions, unless they are hidden, left out."""
    for name in sorted(_loaded(function.__code__)):
        if name in function.__globals__:
            yield name, function.__globals__[name]
        elif not hasattr(builtins, name):
            raise Unknown(f"{_name(function)} names {name}, which is not there")


def _loaded(code: CodeType) -> set[str]:
    found = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return found.union(*(_loaded(each) for each in code.co_consts if isinstance(each, CodeType)))


@cache
def _files(module: str) -> tuple[tuple[str, str], ...]:
    """Return the modules of one package that a module imports, itself first, with hashes of their files."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = getattr(sys.modules.get(name), "__file__", None)
        if name in found or name in _COMPILING:
            continue
        if path is None:
            raise Unknown(f"the module {name} has no file")
        text = Path(path).read_bytes()
        found[name] = hashlib.sha256(text).hexdigest()
        waiting += [other for other in _imports(ast.parse(text), name) if hasattr(sys.modules.get(other), "__file__")]
    return tuple(found.items())


_COMPILING = {"counterplay.engine.jit", __name__}  # what they tell Numba is in each kernel's options


def _imports(tree: ast.AST, module: str) -> Iterable[str]:
    """Yield the names of modules of its own package that a module may import."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            home = node.module or ""
            if node.level:
                home = ".".join([*module.split(".")[: -node.level], *filter(None, [node.module])])
            names = [home, *(f"{home}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.partition(".")[0] == module.partition(".")[0])


def key(kernel: Any, signature: Any, target: Iterable[Any]) -> str:
    """Return the hash of all that the machine code of a kernel for arguments of these types follows from.

    Raises `Unknown` where something cannot be told.
    """
    uses = _Uses()
    uses.kernel(kernel)
    arguments = signature.args if hasattr(signature, "args") else signature
    options = [(name, getattr(config, name, None)) for name in _OPTIONS]
    text = [_VERSIONS, str([uses.type(kind) for kind in arguments]), str(tuple(target)), str(options)]
    return hashlib.sha256("\n".join([*text, *sorted(uses.lines)]).encode()).hexdigest()[:32]


def short(arguments: Iterable[Any]) -> str:
    """Return eight letters for the types of arguments."""
    return hashlib.sha256(str(list(arguments)).encode()).hexdigest()[:8]


class Cache(caching._Cache):
    """The cache of one kernel, as Numba's dispatcher asks for it."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.stem = re.sub(r"[^\w.]", "", _name(kernel.py_func))

    @property
    def cache_path(self) -> str | None:
        """The folder."""
        return str(folder()) if folder() is not None else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was compiled for these arguments, or None."""
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        if path is None:
            return None
        try:
            found = _rebuild(target_context, *pickle.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except Exception:  # whatever pickle and LLVM come across in a damaged file: it is compiled and written anew
            return None
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _UNUSED / 30:
                os.utime(path)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for these arguments, if it can be kept."""
        path = self._path(sig, data.codegen)
        if path is None or data.lifted or data.library.has_dynamic_globals:
            return
        with suppress(OSError):
            write_atomic(path, _dumps(data._reduce()))
            _clean(path.parent)

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        place = folder()
        try:
            return place / f"{self.stem}-{key(self.kernel, sig, codegen.magic_tuple())}{_SUFFIX}" if place else None
        except Unknown:
            return None

    def enable(self) -> None:
        """Nothing to do: it always is."""

    def disable(self) -> None:
        """Not offered."""

    def flush(self) -> None:
        """Forget what is kept of the kernel."""
        for path in (folder() or Path()).glob(f"{self.stem}-*{_SUFFIX}"):
            path.unlink(missing_ok=True)


@cache
def _clean(place: Path) -> None:
    """Remove what has not been used for long, once a process; and folders that earlier versions left."""
    files = []
    for path in place.iterdir():
        if re.fullmatch("[0-9a-f]{16}", path.name):
            shutil.rmtree(path, ignore_errors=True)
        elif path.suffix == _SUFFIX:
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    room, now = _ROOM, time.time()
    for used, size, path in sorted(files, reverse=True):
        room -= size
        if room < 0 or now - used > _UNUSED:
            path.unlink(missing_ok=True)
