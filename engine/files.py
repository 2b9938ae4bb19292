"""Reading files that anybody may have written: regular ones alone, and no more of them than was asked for."""

import os
import stat
from pathlib import Path

from counterplay.engine.errors import UserError
from counterplay.engine.system import available
from counterplay.engine.text import size

MOST_TEXT = 64 * 2**20  # bytes of a game or a table of payoffs as text: a hundred times what is solved in practice
_GROWTH = 40  # bytes of memory that a byte of text may take as tokens, lists and numbers
_SMALL = 2**16  # bytes of text for which the system is not asked what is free

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def check_regular(path: str | Path, what: str = "a file") -> int:
    """Return the size of a file in bytes; raise `ValueError` for what is none, or is none that could be read whole.

    A device or a pipe might never end, so they are not opened. `what` says what it should be.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise UserError(f"cannot read {str(path)!r}: there is no such file") from None
    except ValueError:  # a name that holds a zero
        raise UserError(f"cannot read {str(path)!r}: that is no name of a file") from None
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    for holds, kind in _KINDS:
        if holds(found.st_mode):
            raise UserError(f"{path} is {kind}, not {what}")
    return found.st_size


def read_bytes(path: str | Path, most: int, what: str = "a file") -> bytes:
    """Return what is in a file of at most so many bytes; raises `ValueError` for others."""
    if check_regular(path, what) > most:
        raise UserError(f"{path} is larger than {size(most)}, and so is not taken for {what}")
    try:
        with Path(path).open("rb") as file:
            data = file.read(most + 1)  # it may have grown, and some files of a system do not tell their size
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    if len(data) > most:
        raise UserError(f"{path} is larger than {size(most)}, and so is not taken for {what}")
    return data


def read_text(path: str | Path, what: str = "a text file", most: int = MOST_TEXT) -> str:
    """Return the text in a file in UTF-8; raises `ValueError` for what is none, or is larger than `most` bytes.

    It is refused too where what is then made of it would be more than memory holds.
    """
    data = read_bytes(path, most, what)
    if len(data) > _SMALL and _GROWTH * len(data) > available():
        raise UserError(f"{path} takes about {size(_GROWTH * len(data))} of memory to read, and less is free")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file in UTF-8") from None
