"""The command line's part for hands that were played."""

from pathlib import Path

import click

from counterplay.show.terminal import put


@click.group()
def spot() -> None:
    """Make spots: of hands that were played."""


@spot.command("from-hand")
@click.argument("file")
@click.option("--street", default="flop", show_default=True, metavar="STREET", help="flop, turn or river.")
@click.option("--oop", metavar="RANGE", help="Who acts first's range, or a file of it.")
@click.option("--ip", metavar="RANGE", help="The other's.")
@click.option(
    "--ranges",
    type=click.Choice(["preset"]),
    help="Presets for ranges that are not given: heads-up, by what was done before the flop.",
)
@click.option("--hand", type=click.IntRange(min=1), default=1, metavar="K", help="Which hand of FILE; the first.")
@click.option("--bets", default="33%,75%", show_default=True, metavar="SIZES", help="Bets beside those that were made.")
@click.option("--raises", default="60%", show_default=True, metavar="SIZES", help="Raises beside those that were made.")
@click.option("--out", metavar="SPOT", help="Write the spot to this file (.toml).")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def from_hand(
    file: str,
    street: str,
    oop: str | None,
    ip: str | None,
    ranges: str | None,
    hand: int,
    bets: str,
    raises: str,
    out: str | None,
    force: bool,
) -> None:
    """Write the spot of a street of a hand in FILE, PHH or PokerStars' text: board, pot, stacks and the sizes made."""
    from counterplay.engine.errors import UserError
    from counterplay.engine.files import MOST_TEXT, read_bytes
    from counterplay.engine.writing import write_text
    from counterplay.games.foreign import hands
    from counterplay.show.listing import quoted
    from counterplay.show.pages import check_spot_file

    def read(text: str) -> str:
        if not Path(text).is_file():
            return text
        return ",".join(read_bytes(Path(text), MOST_TEXT).decode("utf-8", "replace").split())

    if out is not None:
        check_spot_file(out, force)
    if ranges is None and (oop is None or ip is None):
        raise UserError("a hand's history knows no ranges: give --oop and --ip, or --ranges preset")
    found = hands.seen(hands.chosen(hands.load_hands(file), hand, file), street)
    presets, said = hands.preset_ranges(found) if oop is None or ip is None else (("", ""), [])
    chosen = presets[0] if oop is None else read(oop), presets[1] if ip is None else read(ip)
    text = hands.spot_text(found, chosen, bets, raises, said)
    if out is None:
        put(text.splitlines())
        return
    write_text(Path(out), text)
    solved = quoted(str(Path(out).with_suffix(".cps")))
    lines = [f"Written to {out}: {line}." for line in said] or [f"Written to {out}."]
    lines += ["Next:", f"  counterplay solve {quoted(out)} --out {solved}"]
    put([*lines, f"  counterplay show {solved}" + (f' --node "{found.line}"' if found.line else "")])


COMMANDS = (spot,)
