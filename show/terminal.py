"""The terminal that the command line runs in: its width, its colours, its answers."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from counterplay.engine.spec import literal

INTERRUPTED = 130  # as the shell says it of Ctrl-C


def guarded(command: click.Command, arguments: Sequence[str] | None) -> int:
    """Run a command line and return its exit code: 2 and one sentence for a mistake of the user's."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without bars and dots shows question marks
    try:
        code = command.main(arguments, prog_name="counterplay", standalone_mode=False) or 0
        sys.stdout.flush()
        return int(code)
    except click.ClickException as error:
        return complain(error.format_message())
    except ValueError as error:
        return complain(str(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ncounterplay: interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def complain(message: str) -> int:
    """Tell standard error of a mistake of the user's in one line, and return the exit code for it."""
    click.echo(f"counterplay: {' '.join(message.split())}", err=True)
    return 2


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
    """Style text as `show.text.Paint` says, where standard output is a terminal that wants colour."""
    if not coloured():
        return text
    from counterplay.show.grid import COLOURS
    from counterplay.show.text import DIM, HEADING

    if colour >= 0:
        return click.style(text, fg=16, bg=COLOURS[colour])
    return click.style(text, bold=colour == HEADING, dim=colour == DIM)


def put(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        click.echo(line)


def put_json(data: dict[str, Any]) -> None:
    """Print one object of JSON."""
    click.echo(json.dumps(data, ensure_ascii=False))


def answer(prompt: str) -> str:
    """Ask for a line; raises `EOFError` at the end of input."""
    click.echo(prompt, nl=False)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    if not sys.stdin.isatty():
        click.echo()
    return line.strip().lower()
