"""Solution files: one file of named arrays and a JSON header, in the safetensors format, written atomically."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from counterplay.engine.errors import UserError
from counterplay.engine.files import check_regular
from counterplay.engine.system import available
from counterplay.engine.text import size

FORMAT = 2  # of what is written; 1 had moves and hands with line ends between them
_KEY = "counterplay"
_DTYPES = ("BOOL", *(f"{kind}{bits}" for kind in "UI" for bits in (8, 16, 32, 64)), "F32", "F64")
_MOST_ARRAYS = 100
_MOST_HEADER = 32 * 2**20  # characters; a million points of a trace

Arrays = dict[str, npt.NDArray[Any]]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a file to write to that takes the path's place in the end: a reader finds the old one or the whole new."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        os.close(handle)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_writable(path: Path) -> None:
    """Raise `ValueError` unless a file can be written there, before a run that would be lost."""
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder; name a file in it")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def write_atomic(path: Path, data: bytes) -> None:
    """Put the bytes at the path, all or none of them."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Put a text at the path, all or none of it; raises `ValueError` where it cannot be written."""
    check_writable(path)
    try:
        write_atomic(path, text.encode())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def write(path: str | Path, arrays: Arrays, header: dict[str, Any]) -> None:
    """Write a solution file straight from the arrays; raises `ValueError` where the folder cannot be written to."""
    path = Path(path)
    text = json.dumps({"format": FORMAT, **header})
    whole = {k: np.ascontiguousarray(v) for k, v in arrays.items() if v.size}
    try:
        with replacing(path) as temporary:
            save_file(whole, temporary, metadata={_KEY: text})
    except (OSError, SafetensorError) as error:
        told = error.strerror if isinstance(error, OSError) else None
        raise UserError(f"cannot write {path}: {told or error}") from error


def read(path: str | Path) -> tuple[Arrays, dict[str, Any]]:
    """Return arrays and header of a solution file; raises `ValueError` for one that is not whole or not ours.

    What a header promises is compared with the file, and with the memory that is free, before any is taken.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"there is no file {path}")
    length, free = check_regular(path, "a solution file"), available()
    if length > free:
        raise UserError(f"{path} takes {size(length)} of memory, and {size(free)} are free")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if _KEY not in metadata:
                raise UserError(f"{path} was not written by Counterplay")
            header = _header(path, metadata[_KEY])
            names = list(file.keys())
            if len(names) > _MOST_ARRAYS:
                raise UserError(f"{path} is no solution file: it has {len(names):,} arrays")
            for name in names:
                if file.get_slice(name).get_dtype() not in _DTYPES:
                    raise UserError(f"{path} is no solution file: an array is of a type that none has")
            return {name: file.get_tensor(name) for name in names}, header
    except SafetensorError as error:
        raise UserError(f"{path} is not a solution file, or is cut short ({str(error)[:200]})") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _header(path: Path, text: str) -> dict[str, Any]:
    """Return a file's header; raises `ValueError` for one that is damaged or newer than we are."""
    try:
        if len(text) > _MOST_HEADER:
            raise UserError(f"{path} has a header of {size(len(text))}, more than any solution has")
        header = msgspec.json.decode(text, type=dict[str, Any])
        number = header["format"]
        if type(number) is not int or number < 1:
            raise TypeError("format")
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError, UnicodeError):
        raise UserError(f"{path} has a damaged header") from None
    if number > FORMAT:
        raise UserError(
            f"{path} was written by a newer Counterplay (file format {number}, "
            f"this one reads up to {FORMAT}); upgrade to read it"
        )
    return header


def pack(lines: Iterable[str | tuple[str, ...]]) -> npt.NDArray[np.uint8]:
    """Return texts, or tuples of texts, as one array of bytes; `engine.schema` reads it."""
    return np.frombuffer(json.dumps(list(lines), ensure_ascii=False).encode(), np.uint8)
