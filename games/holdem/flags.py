"""The flags by which a command line describes a hold'em spot: what each takes, and what it says."""

from collections.abc import Mapping, Sequence
from typing import Any

SPOT_FLAGS = {
    "board": (str, "CARDS", 'With "solve holdem": three to five cards, "Ks 9d 4c 7h 2s"; "" before the flop.'),
    "oop": (str, "RANGE", 'Hands of the player out of position, "TT+,AKs,KQo:0.5".'),
    "ip": (str, "RANGE", "Hands of the player in position."),
    "pot": (float, "CHIPS", "Chips in the middle, 60 or 16.4."),
    "stack": (float, "CHIPS", "Chips behind, of each player."),
    "bets": (str, "SIZES", 'Sizes of bets, "33%,75%,all-in"; "none" for none.'),
    "raises": (str, "SIZES", "Sizes of raises, if not those of bets."),
    "leads": (str, "SIZES", "Sizes of bets out of position into the last aggressor."),
    "limit": (str, "CHIPS", "Limit poker: the bet, or one for each street (from the flop, if there is a board)."),
    "rake": (str, "RAKE", 'Per cent of the pot, and a cap in chips: "5%,3".'),
    "variant": (str, "NAME", "holdem, short (six-plus) or royal (twenty cards, ten to ace)."),
    "last": (str, "STREET", "The street that ends the game: flop, turn or river."),
    "blinds": (str, "CHIPS", 'Before the flop: the small blind, of the player in position, and the big one, "1,2".'),
}


def named(game: str | None, flags: Mapping[str, Any], locks: Sequence[str]) -> Any:
    """Return what a command line names: a spot where it has flags or locks of one, else the game's text as it is.

    Raises `ValueError` where they go with no spot.
    """
    if game != "holdem" and not flags and not locks:
        return game
    from counterplay.games.holdem.named import from_command_line  # much to import for those who play something else

    return from_command_line(game, flags, locks)
