"""Machine code of kernels on disk, in files named after all that the code follows from (`engine.kernel_key`).

Numba's own cache looks at the file of the compiled function only: after an edit in another file, a cached caller
answers with the old code. And it numbers its files: of two processes that compile at the same time, one can write its
code over the other's. Here a name stands for one machine code only, and is written whole or not at all.

Nor are the names of functions within machine code enough, where code of several processes is linked: functions of one
name and the same arguments, such as the lambdas that implement `engine.stepped`, are told apart by numbers that Numba
counts up from 1 in every process, and of two with the same number one would be called for both. Here they are drawn.
"""

import hashlib
import os
import pickle
import re
import secrets
import shutil
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs
from numba.core import bytecode, caching, compiler, serialize

from counterplay.engine.errors import UserError
from counterplay.engine.kernel_key import Unknown, key, name_of
from counterplay.engine.writing import write_atomic

_UNUSED = 30 * 24 * 3600.0  # seconds without use after which a file goes
_ROOM = 512 * 2**20  # bytes that files may take; the longest unused go
_SUFFIX = ".code"
_DIGEST = 32  # bytes
_rebuild: Any = compiler.CompileResult._rebuild  # without types of their own
_dumps: Any = serialize.dumps
_identity: Any = bytecode.FunctionIdentity
_identity._unique_ids = iter(lambda: secrets.randbits(63), None)  # which a fork does not repeat either


def _digest(path: Path, code: bytes) -> bytes:
    """Return what a file begins with: a digest of its name and its code."""
    return hashlib.sha256(path.name.encode() + code).digest()


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


class Cache(caching._Cache):
    """The cache of one kernel, as Numba's dispatcher asks for it."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.stem = re.sub(r"[^\w.]", "", name_of(kernel.py_func))

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
            data = path.read_bytes()
            if data[:_DIGEST] != _digest(path, data[_DIGEST:]):  # damaged, or another kernel's: it would crash us
                return None
            found = _rebuild(target_context, *pickle.loads(data[_DIGEST:]))
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
        with suppress(OSError, UserError):  # it is compiled again next time
            code = _dumps(data._reduce())
            write_atomic(path, _digest(path, code) + code)
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
