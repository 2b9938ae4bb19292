"""The terminal that the command line runs in: its width, its colours, its answers."""

import os
import secrets
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from counterplay.engine.errors import UserError
from counterplay.engine.spec import literal
from counterplay.engine.text import as_json, printable

INTERRUPTED = 130  # as the shell says it of Ctrl-C
FAULT = 70  # a fault of the programme itself (EX_SOFTWARE of BSD's sysexits.h)
DEBUG = "--debug"
_OURS = f"\x1b{secrets.token_hex(8)}"  # stands for an escape of ours; no file can guess it
_PACKAGE = f"{Path(__file__).parent.parent}{os.sep}"
_INSTALLED = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def guarded(command: click.Command, arguments: Sequence[str] | None) -> int:
    """Run a command line and return its exit code.

    It is 2, with one sentence, for a mistake of the user's, and `FAULT` for one of ours, whose traceback `--debug`
    shows; `command` need not know that option.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [word for word in given if word != DEBUG]
    closed = _reopened()
    try:
        os.getcwd()
    except OSError:  # PyTorch would abort, and relative names lead nowhere
        return complain("the current folder is gone, somebody has deleted it: go to another one")
    try:
        code = int(command.main(words, prog_name="counterplay", standalone_mode=False) or 0)
        sys.stdout.flush()
    except click.ClickException as error:
        return complain(error.format_message())
    except UserError as error:
        return complain(str(error))
    except (click.Abort, KeyboardInterrupt) as error:
        if isinstance(error.__cause__, EOFError):  # which click takes for the end of what somebody types
            return _told_fault(error.__cause__, DEBUG in given)
        return _interrupted()
    except BrokenPipeError:  # the reader of our output has seen enough
        _discard_output()
        return 141
    except OSError as error:
        if error.filename is not None:
            return complain(f"cannot use {error.filename}: {error.strerror or error}")
        _discard_output()
        return complain(f"cannot write to standard output: {error.strerror or error}")
    except MemoryError as error:
        return complain(f"the machine's memory is used up ({error or 'it gave no more'}): take something smaller")
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # Python 3.11 wraps what is raised as a class is made
            return _interrupted()
        return _told_fault(error, DEBUG in given)
    return code if not closed else complain("standard output is closed: what would have been printed there is lost")


def _interrupted() -> int:
    click.echo("\ncounterplay: interrupted", err=True)
    return INTERRUPTED


def complain(message: str) -> int:
    """Tell standard error of a mistake of the user's in one line, and return the exit code for it."""
    click.echo(f"counterplay: {' '.join(printable(message).split())}", err=True)
    return 2


def _told_fault(error: Exception, debug: bool) -> int:
    """Tell of an error that nobody foresaw: of ours, or of the user's own code where it happened there."""
    import traceback

    if debug:
        click.echo(printable("".join(traceback.format_exception(error))), err=True, nl=False)
    what = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not _is_ours(frame.filename)]
    if theirs:
        at = theirs[-1]
        where = f"your code failed, in {at.filename}, line {at.lineno}: {what}"
        return complain(where if debug else f"{where} ({DEBUG} shows the traceback)")
    ours = next(frame for frame in reversed(frames) if frame.filename.startswith(_PACKAGE))
    complain(
        f"this is a fault of ours, not yours: {what} ({ours.filename.removeprefix(_PACKAGE)}, line {ours.lineno}); "
        f"please tell Counterplay's maintainers the command, and what it prints with {DEBUG}"
    )
    return FAULT


def _is_ours(file: str) -> bool:
    """Tell whether a file of a traceback is of ours, or of Python and its packages, rather than of the user's."""
    return file.startswith(("<", _PACKAGE, *_INSTALLED))


def _reopened() -> bool:
    """Make sure that there are three standard streams, and return whether standard output had been closed.

    Where one was closed, the next file to be opened would take its place, and be written to by whatever prints.
    """
    closed = sys.stdout is None
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (it stays open)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without bars and dots shows question marks
    return closed


def _discard_output() -> None:
    """Let what is still to be printed go nowhere, so that nothing fails again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Count(click.ParamType[int]):
    """A number of things; 2e6 is one too."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        number = literal(str(value))
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            self.fail(f"{value!r} is not a whole number of 1 or more.", param, ctx)
        return number


def width() -> int:
    """Return how many columns a page may take."""
    return min(shutil.get_terminal_size().columns, 120) if sys.stdout.isatty() else 100


def coloured() -> bool:
    """Tell whether standard output is a terminal that wants colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: int) -> str:
    """Style text as `show.text.Paint` says, where standard output is a terminal that wants colour.

    What styles it is marked as ours, for `put`.
    """
    if not coloured():
        return text
    return _styled(printable(text), colour).replace("\x1b", _OURS)


def _styled(text: str, colour: int) -> str:
    from counterplay.show.grid import COLOURS
    from counterplay.show.text import DIM, HEADING

    if colour >= 0:
        return click.style(text, fg=16, bg=COLOURS[colour])
    return click.style(text, bold=colour == HEADING, dim=colour == DIM)


def shown(text: str) -> str:
    """Return text in which nothing steers the terminal but what `paint` did: names and labels may be a stranger's."""
    return "\x1b".join(map(printable, text.split(_OURS)))


def one_line(text: str) -> str:
    """Return a line in which an end of line, but for those around it, is an escape: a stranger's label fakes none."""
    inner = text.strip("\n")
    return text.replace(inner, inner.replace("\n", "\\n")) if "\n" in inner else text


def say(text: str) -> None:
    """Print text, as `shown` makes it safe."""
    click.echo(shown(text))


def put(lines: Iterable[str], paged: bool = False) -> None:
    """Print lines, as `say` does; with `paged` through the reader's pager (PAGER) where the terminal has fewer."""
    if paged and sys.stdout.isatty() and sys.stdin.isatty():
        page = list(lines)
        if len(page) >= shutil.get_terminal_size().lines:
            click.echo_via_pager("\n".join(shown(one_line(line)) for line in page) + "\n", color=coloured())
            return
        lines = page
    for line in lines:
        say(one_line(line))


def put_json(data: dict[str, Any]) -> None:
    """Print one object of JSON."""
    click.echo(as_json(data))


def put_export(text: str) -> None:
    """Print a text that other programs read: as it is, but on a terminal nothing in it steers that."""
    click.echo(printable(text) if sys.stdout.isatty() else text, nl=False)


def answer(prompt: str) -> str:
    """Ask for a line; raises `EOFError` at the end of input."""
    click.echo(printable(prompt), nl=False)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    if not sys.stdin.isatty():
        click.echo()
    return line.strip().lower()
