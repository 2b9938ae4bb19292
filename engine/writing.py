"""Writing files: whole or not at all, over nothing but regular files, and nothing is lost where it fails."""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from counterplay.engine.errors import UserError
from counterplay.engine.system import held

READER = 5.0  # seconds in which somebody has to begin to read a pipe that is written to
_WAITING = 8  # threads that have files put on disk
_LINKS = 40  # links in a row that are followed, as the system does
_SHOWN = 40  # characters of a file's name in that of its unfinished successor, which has to be a name too


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Yield a file to write to that takes the path's place in the end: a reader finds the old one or the whole new.

    Links are followed, and what they lead to is replaced. A new file gets the mode that the user's mask leaves; one
    that is replaced passes on its mode, and its owner where we may. Signals to stop wait until the file is there. What
    killed processes left of earlier files of that name is removed. Devices of characters, FIFOs and open descriptors
    (/dev/null, /dev/stdout) are written to as they are.

    Without `sync` it is the caller who has the file on disk (`synced`), many of them together, and who clears the
    folder before the first (`clear`): to look through it for each of a thousand files takes longer than to write them.

    Raises `UserError` for folders, other devices, sockets and protected files, and `OSError` as the system does.
    """
    place = _place(Path(path))
    if place is None:
        with _stream(Path(path)) as stream:
            yield stream
        return
    with held():
        before = _before(place)
        if sync:
            clean(place)
        file = _unfinished(place, 0o666 if before is None else 0o600)
        try:
            with file:
                yield file
                file.flush()
                if before is not None:
                    with contextlib.suppress(PermissionError):
                        os.fchown(file.fileno(), before.st_uid, before.st_gid)
                    os.fchmod(file.fileno(), before.st_mode & 0o777)
                if sync:
                    os.fsync(file.fileno())
                os.replace(file.name, place)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(file.name)
            raise
        if sync:
            _sync_folder(place.parent)


def synced(paths: Iterable[Path]) -> None:
    """Have files that were written without `sync` on disk, and what their folders say of them."""
    files = list(paths)
    with ThreadPoolExecutor(_WAITING) as pool:  # each waits for the disk, and the disk takes many at a time
        list(pool.map(_sync, files))
    for folder in dict.fromkeys(path.parent for path in files):
        _sync_folder(folder)


def _sync(path: Path) -> None:
    with contextlib.suppress(OSError):  # somebody took it away meanwhile
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_stream(path: Path) -> bool:
    """Tell whether what is written there goes somewhere, such as to /dev/null, and is not kept as a file."""
    return _place(path) is None


def _place(path: Path) -> Path | None:
    """Return the regular file that a path leads to, there or not yet; None where it leads to a stream."""
    here = os.path.abspath(path)
    for _ in range(_LINKS):
        here = os.path.join(os.path.realpath(os.path.dirname(here)), os.path.basename(here))
        if _descriptor(here) is not None:
            return None
        try:
            kind = os.lstat(here).st_mode
        except FileNotFoundError:
            return Path(here)
        if stat.S_ISREG(kind):
            return Path(here)
        if stat.S_ISCHR(kind) or stat.S_ISFIFO(kind):
            return None
        if not stat.S_ISLNK(kind):
            what = "a folder; name a file in it" if stat.S_ISDIR(kind) else "a device or a socket, and no regular file"
            raise UserError(f"cannot write {path}: it is {what}")
        here = os.path.join(os.path.dirname(here), os.readlink(here))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _before(place: Path) -> os.stat_result | None:
    """Return what is known of the file that is to be replaced, None if there is none."""
    try:
        found = os.stat(place)
    except FileNotFoundError:
        return None
    if not os.access(place, os.W_OK):
        raise UserError(f"cannot write {place}: it is protected against writing; name another file")
    return found


@contextmanager
def _stream(path: Path) -> Iterator[BinaryIO]:
    if sys.stdout is not None:
        sys.stdout.flush()  # what was printed before comes before
    here = os.path.abspath(path)
    while (descriptor := _descriptor(here)) is None and os.path.islink(here):
        here = os.path.join(os.path.realpath(os.path.dirname(here)), os.readlink(here))
    with open(_opened(path) if descriptor is None else os.dup(descriptor), "wb") as file:  # anew it would begin anew
        yield file


def _opened(path: Path) -> int:
    """Open a device or a pipe; raises `UserError` for a pipe that nobody reads for some seconds."""
    patience = time.monotonic() + READER
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > patience:
                raise UserError(f"cannot write {path}: it is a pipe, and nobody reads it") from None
            time.sleep(0.01)
        else:
            os.set_blocking(handle, True)
            return handle


def _descriptor(path: str) -> int | None:
    """Return the number of the open descriptor of ours that a path names; None if it names none."""
    found = re.fullmatch(rf"(?:/dev|/proc/(?:self|{os.getpid()}))/fd/(\d+)", path)
    return None if found is None else int(found[1])


def _unfinished(place: Path, mode: int) -> BinaryIO:
    """Create a file beside that one to be written to, locked as long as it is open: that tells that it is in use."""
    while True:
        name = f".{place.name[:_SHOWN]}.{secrets.token_hex(4)}.unfinished"
        with contextlib.suppress(FileExistsError):
            handle = os.open(place.with_name(name), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with contextlib.suppress(OSError):  # file systems without locks: nothing is cleaned there either
                fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:
                return open(place.with_name(name), "wb", opener=lambda *_, handle=handle: handle)
            os.close(handle)  # somebody cleaned it away before it was locked


def clean(place: Path) -> None:
    """Remove what killed processes of ours left when they wrote a file of that name: what is locked is in use."""
    _clear(place.parent, re.escape(f".{place.name[:_SHOWN]}."))


def clear(folder: Path) -> None:
    """Remove what killed processes of ours left when they wrote files of any name to a folder."""
    _clear(folder, r"\..+\.")


def _clear(folder: Path, start: str) -> None:
    pattern = re.compile(start + r"[0-9a-f]{8}\.unfinished")
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name):
                _remove_unused(entry.path)


def _remove_unused(path: str) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(handle)
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)
        finally:
            os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Have a folder's entries on disk; where a system has no such thing there is nothing to do."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def told(path: str | Path) -> Iterator[None]:
    """Turn what the system says when something cannot be written into a sentence that names it."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in; raises `UserError` where that cannot be."""
    with told(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            what = "a link that leads nowhere" if folder.is_symlink() and not folder.exists() else "something else"
            raise UserError(f"cannot write {folder}: a folder is to be there, and it is {what}; name another") from None


def check_writable(path: Path) -> None:
    """Raise `UserError` unless a file can be written there, before a run that would be lost."""
    with told(path):
        place = _place(path)
        if place is not None and not place.parent.is_dir():
            raise UserError(f"cannot write {path}: there is no folder {place.parent}; make it first")
        if place is None:
            if path.exists() and not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        _before(place)
        with tempfile.TemporaryFile(dir=place.parent):
            pass


def check_apart(path: Path, *sources: str | Path | None) -> None:
    """Raise `UserError` where what is to be written would take the place of a file that it is made of."""
    for source in sources:
        try:
            same = source is not None and path.samefile(source)
        except (OSError, ValueError):  # one of them is no file
            continue
        if same and not is_stream(path):
            raise UserError(f"{path} would be written over {source}, which it is made of: give it another name")


def write_atomic(path: Path, data: bytes) -> None:
    """Put the bytes at the path, all or none of them; raises as `replacing` does."""
    with replacing(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Put a text at the path, all or none of it; raises `UserError` where it cannot be written."""
    with told(path):
        write_atomic(path, text.encode())


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """Put a text that comes in pieces at the path, as `write_text`; it is never in memory as a whole.

    The pieces may take long to come: they go to a file without a name first, so that signals need not wait for them.
    """
    with told(path):
        if is_stream(path):
            with replacing(path) as stream:
                stream.writelines(piece.encode() for piece in pieces)
            return
        with tempfile.TemporaryFile(dir=path.parent) as drawn:
            drawn.writelines(piece.encode() for piece in pieces)
            drawn.seek(0)
            with replacing(path) as file:
                shutil.copyfileobj(drawn, file)


def rescue(save: Callable[[Path], None], path: Path) -> Path | None:
    """Save what could not be saved at the path elsewhere, and return where; None if it cannot be saved anywhere.

    That is the current folder, under a name that nothing has there, or else a folder of its own among the temporary
    ones.
    """
    stem, suffix = path.stem[:_SHOWN] or "result", path.suffix[:_SHOWN]
    for make in (os.getcwd, lambda: tempfile.mkdtemp(prefix="counterplay-")):
        with contextlib.suppress(OSError, UserError):
            folder = Path(make())
            names = (f"{stem}{f'-{i}' if i else ''}{suffix}" for i in range(1000))
            free = next(folder / name for name in names if not os.path.lexists(folder / name))
            if free.parent != path.absolute().parent:
                try:
                    save(free)
                except BaseException:
                    if free.is_dir():  # of a run: nobody wants half of one
                        shutil.rmtree(free, ignore_errors=True)
                    raise
                return free
    return None


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Let nobody else do the same in a folder until the end of the block; raises `UserError` where somebody does.

    The system takes the lock from a process that ends, however it ends. File systems without locks do without.
    """
    with told(folder):
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder} is in use: {what} already; wait for it to end, or name another folder") from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)
