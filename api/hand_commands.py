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
@click.option("--oop", required=True, metavar="RANGE", help="Who acts first's range, or a file of it.")
@click.option("--ip", required=True, metavar="RANGE", help="The other's.")
@click.option("--hand", type=click.IntRange(min=1), default=1, metavar="K", help="Which hand of FILE; the first.")
@click.option("--bets", default="33%,75%", show_default=True, metavar="SIZES", help="Bets beside those that were made.")
@click.option("--raises", default="60%", show_default=True, metavar="SIZES", help="Raises beside those that were made.")
@click.option("--out", metavar="SPOT", help="Write the spot to this file (.toml).")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def from_hand(
    file: str,
    street: str,
    oop: str,
    ip: str,
    hand: int,
    bets: str,
    raises: str,
    out: str | None,
    force: bool,
) -> None:
    """Write the spot of a street of a hand in FILE, PHH or PokerStars' text: board, pot, stacks and the sizes made."""
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
    played = hands.chosen(hands.load_hands(file), hand, file)
    text = hands.spot_text(hands.seen(played, street), (read(oop), read(ip)), bets, raises)
    if out is None:
        put(text.splitlines())
        return
    write_text(Path(out), text)
    solved = quoted(str(Path(out).with_suffix(".cps")))
    put([f"Written to {out}. Next:", f"  counterplay solve {quoted(out)} --out {solved}"])


COMMANDS = (spot,)
