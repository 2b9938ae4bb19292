"""How to write down a spot, as a page of text: the keys of a file, the flags, sizes, an example.

Keys and sizes are the tables in the documentation of `spot` and `sizes`, so that they are written down once.
"""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from counterplay.games.holdem import locks, sizes, spot
from counterplay.games.holdem.facts import facts
from counterplay.show.text import DIM, HEADING, Paint

EXAMPLE = """\
board = "Ks 9d 4c 7h 2s"
pot = 60
stack = 170
range.oop = "JJ-22, AJs-A2s, KQs, T9s-T7s, 76s:0.5"
range.ip = "AA-22, AKs-A2s, KQo-KTo"
bets.river = { bet = ["33%", "75%", "all-in"], raise = ["60%", "all-in"] }"""


def guide(flags: Sequence[tuple[str, str, str]], width: int, paint: Paint) -> Iterator[str]:
    """Yield the page; `flags` are those of the command line, each with what it takes and what it says."""
    yield paint("Hold'em spots: rivers, turns and flops between two players, solved for both ranges", HEADING)
    yield ""
    yield "A spot is a TOML file, solved by its path:"
    yield ""
    yield from textwrap.indent(EXAMPLE, "  ").splitlines()
    yield ""
    yield "  counterplay solve spot.toml --out spot.cps"
    yield '  counterplay show spot.cps --node "check bet 45"'
    yield ""
    yield "The same with flags:"
    yield ""
    yield '  counterplay solve holdem --board "Ks 9d 4c 7h 2s" --oop "TT+,AKs" --ip QQ+ --pot 60 --stack 170 --bets 50%'
    keys = [[name, _with_default(text, default)] for name, text, default in _rows(spot.__doc__)]
    amounts = [[name, "; ".join(_both(bet, to))] for name, bet, to in _rows(sizes.__doc__)]
    for title, rows, module in (("Keys of a file", keys, spot), ("Sizes", amounts, sizes)):
        yield ""
        yield paint(title, HEADING)
        head = max(len(name) for name, _ in rows)
        for name, text in rows:
            yield from _entry(name, text, head, width)
        yield ""
        yield from _below(module.__doc__, width)
    yield ""
    yield paint("Locks", HEADING)
    _, *paragraphs = (locks.__doc__ or "").strip().split("\n\n")
    for paragraph in paragraphs:
        yield from paragraph.splitlines() if paragraph.startswith(" ") else _fill(paragraph, width)
        yield ""
    yield "For all hands in one flag: --lock 'check bet 30: fold 0.5, call 0.5', to 'solve holdem' or to a file's spot."
    yield ""
    yield paint("Flags of 'counterplay solve'", HEADING)
    head = max(len(name) + len(takes) + 1 for name, takes, _ in flags)
    for name, takes, text in flags:
        yield from _entry(f"{name} {takes}", text, head, width)
    yield ""
    yield paint("docs/poker.md goes from a hand that was played to a solved spot.", DIM)


def _rows(documentation: str | None) -> list[list[str]]:
    """Return the cells of a table in a docstring, its heading left out."""
    lines = [line for line in (documentation or "").splitlines() if line.startswith("| ")]
    return [[cell.strip().replace("`", "") for cell in line.split("|")[1:-1]] for line in lines[1:]]


def _below(documentation: str | None, width: int) -> Iterator[str]:
    """Yield what a docstring says below its table."""
    for paragraph in (documentation or "").rpartition("|\n")[2].strip().split("\n\n"):
        yield from _fill(paragraph.replace("`", ""), width)


def _fill(paragraph: str, width: int) -> list[str]:
    return textwrap.wrap(
        " ".join(paragraph.replace("`", "").split()), width - 2, initial_indent="  ", subsequent_indent="  "
    )


def _both(bet: str, to: str) -> Iterator[str]:
    """Yield what a size is as a bet and as a raise."""
    if bet and bet == to:
        yield bet
        return
    if bet:
        yield f"a bet of {bet}" if not bet.startswith("geometric") else "geometric"
    yield f"a raise to {to}"


def _with_default(text: str, default: str) -> str:
    return f"{text} ({default})" if default == "needed" else f"{text}; left out: {default}"


def _entry(name: str, text: str, head: int, width: int) -> Iterator[str]:
    lines = textwrap.wrap(text, max(width - head - 4, 30)) or [""]
    yield f"  {name:<{head}}  {lines[0]}".rstrip()
    for line in lines[1:]:
        yield f"  {'':<{head}}  {line}"


def about(name: str, made: Any, command: str) -> Iterator[str]:
    """Yield what a file holds, a spot or another game, and the command that solves it."""
    if isinstance(made, spot.Spot):
        yield f"{name}: a hold'em {made.street} spot\n"
        for line in facts(made):
            yield f"{line[0]:<16}{line[1]}"
        yield from ("", *spot.to_toml(made).splitlines(), "", f"  {command}")
    else:
        yield from (f"{name}: a game for {made.players} players", "", f"  {command}")
