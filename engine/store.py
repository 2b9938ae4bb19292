"""Solution files: one file of named arrays and a JSON header, in the safetensors format."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from counterplay.engine.errors import UserError
from counterplay.engine.writing import replacing, told

FORMAT = 1
_KEY = "counterplay"

_TYPES = {f"{kind}{bits}": f"{kind[0].upper()}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)}
_TYPES |= {"bool": "BOOL"}  # NumPy's names of types, and the format's

Arrays = dict[str, npt.NDArray[Any]]


def write(path: str | Path, arrays: Arrays, header: dict[str, Any]) -> None:
    """Write a solution file straight from the arrays, whole or not at all; raises `UserError` where it cannot be.

    The format (huggingface.co/docs/safetensors) is the length of a JSON object, the object, and the arrays' bytes one
    after the other; the widest come first, so that all are aligned. What goes out is never held a second time.
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
    with told(path), replacing(Path(path)) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            array = whole[name]
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            file.write(np.ascontiguousarray(little).data.cast("B"))


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
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118 (not a dict)
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
