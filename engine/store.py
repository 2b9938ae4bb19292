"""Solution files: one file of named arrays and a JSON header, in the safetensors format, written atomically."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from counterplay.engine.errors import UserError
from counterplay.engine.mapping import mapped

FORMAT = 1
_KEY = "counterplay"

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
    """Return arrays and header of a solution file; raises `ValueError` for one that is not whole or not ours."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a solution file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if _KEY not in metadata:
                raise UserError(f"{path} was not written by Counterplay")
            header = json.loads(metadata[_KEY])
            if header["format"] > FORMAT:
                raise UserError(
                    f"{path} was written by a newer Counterplay (file format {header['format']}, "
                    f"this one reads up to {FORMAT}); upgrade to read it"
                )
            large = mapped(path)
            return large | {name: file.get_tensor(name) for name in file.keys() if name not in large}, header  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except SafetensorError as error:
        raise UserError(f"{path} is not a solution file, or is cut short ({error})") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} has a damaged header") from error


def pack(lines: "tuple[str, ...] | list[str]") -> npt.NDArray[np.uint8]:
    """Return strings as one array of bytes."""
    return np.frombuffer(json.dumps(list(lines), ensure_ascii=False).encode(), np.uint8)


def unpack(array: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    """Return the strings of `pack`."""
    return tuple(json.loads(array.tobytes().decode()))
