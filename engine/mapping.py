"""Large arrays of a file where they lie: only what is looked at is read, and the system may take its memory back."""

import json
import mmap
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_LARGE = 2**20  # bytes; smaller arrays are read
_DTYPES = {"F32": np.float32, "F64": np.float64, "I16": np.int16, "U64": np.uint64}


def mapped(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the large arrays of a safetensors file that was opened before, and so is sound, by name.

    They are the reader's own: what is written to them is not written to the file. There are none on systems on which a
    file in use cannot be replaced, or whose numbers have another order of bytes.
    """
    if os.name != "posix" or sys.byteorder != "little":
        return {}
    found: dict[str, npt.NDArray[Any]] = {}
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        listed = json.loads(file.read(length))
        for name, entry in listed.items():
            dtype = _DTYPES.get(entry.get("dtype", ""))
            if dtype is None or entry["data_offsets"][1] - entry["data_offsets"][0] < _LARGE:
                continue
            begin = 8 + length + entry["data_offsets"][0]
            if begin % np.dtype(dtype).itemsize == 0:  # kernels take aligned numbers
                array = np.memmap(file, dtype, "c", begin, tuple(entry["shape"]))
                found[name] = array.view(np.ndarray)
    return found


def copy(to: npt.NDArray[Any], array: npt.NDArray[Any]) -> None:
    """Copy an array; of one that is mapped nothing stays in memory."""
    pages = array.base
    while isinstance(pages, np.ndarray) and pages.base is not None:
        pages = pages.base
    step = max(_LARGE // max(array.itemsize, 1), 1)
    for at in range(0, len(array), step):
        to[at : at + step] = array[at : at + step]
        if isinstance(pages, mmap.mmap) and hasattr(pages, "madvise"):
            pages.madvise(mmap.MADV_DONTNEED)
