"""What the machine code of a kernel follows from, as a key.

It follows from the kernel's bytecode and that of every kernel that it calls, the constants that they refer to, the
types of the arguments (of a NamedTuple its fields), the options of compiling, the processor, and the versions of
Python, NumPy and Numba. An edit changes the keys of what it concerns, and nothing else is compiled anew: neither for
comments, docstrings and annotations, nor for an edit elsewhere in a file.

Functions that kernels call and that are no kernels themselves (what `numba.extending` teaches Numba by name, as
`engine.simd` does) may be implemented by anything in their module, so the whole file counts for these, and every file
of the same package that it imports. Implementations belong into the module of the function that they implement.
"""

import ast
import builtins
import dis
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config, dispatcher, types

_types: Any = types  # without types of their own
_KNOWN = {"numba", "numpy", "llvmlite", "builtins", *sys.stdlib_module_names}  # told by their versions
_VERSIONS = f"2 {sys.version} {np.__version__} {numba.__version__} {llvmlite.__version__}"
_OPTIONS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK")  # of Numba at large
_COMPILING = {"counterplay.engine.jit", "counterplay.engine.machine_code"}  # a kernel's options say what these add


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
        options = [(name, _constant(option)) for name, option in sorted(kernel.targetoptions.items())]
        self.lines.add(f"{name_of(function)} {_code_text(function.__code__)} {function.__defaults__!r} {options}")
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, value in (*_globals(function), *((name, cell.cell_contents) for name, cell in cells)):
            self.value(f"{name_of(function)}: {name}", value)

    def value(self, name: str, value: Any) -> None:
        """Add what a name stands for."""
        home = getattr(value, "__module__", None) or ""
        known = home.partition(".")[0] in _KNOWN
        if isinstance(value, dispatcher.Dispatcher):
            self.lines.add(f"{name} = kernel {name_of(value.py_func)}")
            self.kernel(value)
        elif isinstance(value, ModuleType):
            self.lines.add(f"{name} = module {value.__name__}")
            if value.__name__.partition(".")[0] not in _KNOWN:
                self.file(value.__name__)
        elif isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields"):
            self.lines.add(f"{name} = {_fields(value)}")
        elif isinstance(value, FunctionType | type):
            self.lines.add(f"{name} = {name_of(value)}")
            if not known:
                self.file(home)
        elif isinstance(value, BuiltinFunctionType | np.ufunc):
            self.lines.add(f"{name} = {value!r}" if isinstance(value, np.ufunc) else f"{name} = {name_of(value)}")
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
            return f"kernel {name_of(kind.dispatcher.py_func)}"
        if getattr(getattr(kind, "instance_class", None), "__module__", "") == "__main__":
            raise Unknown("a type of the script that runs: what is read back would be of another one by its name")
        if isinstance(kind, _types.BaseTuple):
            name = _fields(kind.instance_class) if isinstance(kind, _types.BaseNamedTuple) else "tuple"
            for kernel in getattr(getattr(kind, "instance_class", None), "kernels", {}).values():  # `engine.stepped`
                self.kernel(kernel)
            return f"{name}({', '.join(map(self.type, kind))})"
        if " at 0x" in str(kind):
            raise Unknown(f"an argument is {kind}")
        return str(kind)

    def file(self, module: str) -> None:
        """Add the whole file of a module, and those of its package that it imports."""
        for name, digest in _files(module):
            self.lines.add(f"{name} {digest}")


def name_of(function: Any) -> str:
    """Return the full name of a function or class."""
    return f"{function.__module__}.{function.__qualname__}"


def _fields(kind: Any) -> str:
    return f"{name_of(kind)} {kind._fields}"


def _code_text(code: CodeType) -> str:
    """Return all of bytecode but where it stands and what it says of itself."""
    constants = code.co_consts[1:] if _read(code)[1] else code.co_consts
    parts = [_code_text(each) if isinstance(each, CodeType) else _constant(each) for each in constants]
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount, code.co_flags
    return f"{code.co_code.hex()} {getattr(code, 'co_exceptiontable', b'').hex()} {names} {parts}"


@cache
def _read(code: CodeType) -> tuple[set[str], bool]:
    """Return the global names that bytecode loads, and whether its first constant is a docstring, which it does not."""
    names, used = set(), False
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names.add(step.argval)
        used |= step.opcode in dis.hasconst and step.arg == 0
    return names, bool(code.co_consts) and isinstance(code.co_consts[0], str) and not used


def _constant(value: Any) -> str:
    return (
        f"set {sorted(map(repr, value))}" if isinstance(value, set | frozenset) else f"{type(value).__name__} {value!r}"
    )


def _globals(function: Any) -> Iterator[tuple[str, Any]]:
    """Yield what the bytecode of a function loads by name; Python's own functions, unless they are hidden, left out."""
    for name in sorted(_loaded(function.__code__)):
        if name in function.__globals__:
            yield name, function.__globals__[name]
        elif not hasattr(builtins, name):
            raise Unknown(f"{name_of(function)} names {name}, which is not there")


def _loaded(code: CodeType) -> set[str]:
    return _read(code)[0].union(*(_loaded(each) for each in code.co_consts if isinstance(each, CodeType)))


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
