"""Solution files: one file of named arrays and a JSON header, in the safetensors format."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from counterplay.engine.errors import UserError
from counterplay.engine.files import check_regular
from counterplay.engine.mapping import mapped
from counterplay.engine.system import available
from counterplay.engine.text import size
from counterplay.engine.writing import replacing, told

FORMAT = 3  # of what is written; 2 had tables of spots by all hands, 1 had moves and hands with line ends between them
NETWORKS = ("valuenet", "spotnet")  # kinds of files that hold value networks: of games, and of hold'em spots
_KEY = "counterplay"
_DTYPES = ("BOOL", *(f"{kind}{bits}" for kind in "UI" for bits in (8, 16, 32, 64)), "F32", "F64")
_MOST_ARRAYS = 100
_MOST_HEADER = 32 * 2**20  # characters; a million points of a trace

_TYPES = {f"{kind}{bits}": f"{kind[0].upper()}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)}
_TYPES |= {"bool": "BOOL"}  # NumPy's names of types, and the format's

Arrays = dict[str, npt.NDArray[Any]]


def write(path: str | Path, arrays: Arrays, header: dict[str, Any], *, sync: bool = True) -> None:
    """Write a solution file straight from the arrays, whole or not at all; raises `UserError` where it cannot be.

    The format (huggingface.co/docs/safetensors) is the length of a JSON object, the object, and the arrays' bytes one
    after the other; the widest come first, so that all are aligned. What goes out is never held a second time.
    `sync` is as `writing.replacing` has it.
    """
    whole = {name: array for name, array in arrays.items() if array.size}
    names = sorted(whole, key=lambda name: (-whole[name].dtype.itemsize, name))
    said: dict[str, Any] = {"__metadata__": {_KEY: json.dumps({"format": FORMAT, **header})}}
    end = 0
    for name in names:
        array, begin, end = whole[name], end, end + whole[name].nbytes
        said[name] = {"dtype": _TYPES[array.dtype.name], "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(said).encode()
    text += b" " * (-len(text) % 8)
    with told(path), replacing(Path(path), sync=sync) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            array = whole[name]
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            file.write(np.ascontiguousarray(little).data.cast("B"))


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
            large = mapped(path)
            return large | {name: file.get_tensor(name) for name in names if name not in large}, header
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
