"""The catalogue of games, and the way from a game's text to its rules and back.

A new game is one file in this folder and one `Entry` here; modules are imported when a game of theirs is asked for.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from counterplay.engine import spec
from counterplay.engine.rules import DealtRules, Rules


class Entry(NamedTuple):
    """A game of the catalogue: `factory` is a dataclass or a function in `counterplay.games.<module>`."""

    name: str
    module: str
    factory: str
    summary: str
    examples: tuple[str, ...]

    def load(self) -> Callable[..., Rules | DealtRules]:
        """Import and return the factory."""
        loaded: Callable[..., Rules | DealtRules] = getattr(
            import_module(f"counterplay.games.{self.module}"), self.factory
        )
        return loaded


GAMES = (
    Entry(
        "kuhn",
        "kuhn",
        "Kuhn",
        "Kuhn poker: one card each, one bet, two to ten players",
        ("kuhn", "kuhn(players=3)", "kuhn(ranks=6)"),
    ),
    Entry(
        "leduc",
        "leduc",
        "Leduc",
        "Leduc poker and its larger kin: limit betting, board cards, any deck",
        (
            "leduc",
            "leduc(players=3)",
            "leduc(ranks=4, suits=3, hole=2, raises=1)",
            "leduc(board=(1, 1), bets=(1, 2, 2), raises=1)",
        ),
    ),
    Entry(
        "rhode_island",
        "rhode_island",
        "RhodeIsland",
        "Rhode Island hold'em: one card each, two board cards, hands of three, limit betting",
        (
            "rhode_island(ranks=3, suits=2, raises=1)",
            "rhode_island(ranks=2, suits=3, raises=2, bets=(1, 2, 2), ante=1)",
        ),
    ),
    Entry(
        "liars_dice",
        "liars_dice",
        "LiarsDice",
        "Liar's dice: hidden dice, rising bids, one call",
        ("liars_dice(faces=4)", "liars_dice(dice=2, faces=2, wild=false)", "liars_dice(players=3, faces=2)"),
    ),
    Entry(
        "goofspiel",
        "goofspiel",
        "Goofspiel",
        "Goofspiel: simultaneous bids of a hand of cards for a row of prizes",
        (
            "goofspiel",
            "goofspiel(cards=3, order=random, hidden=false, returns=point_difference)",
            "goofspiel(cards=3, players=3, order=ascending, returns=total_points)",
        ),
    ),
    Entry(
        "pushfold",
        "pushfold",
        "PushFold",
        "Push or fold before the flop: heads-up hold'em with short stacks, 169 hands each",
        ("pushfold", "pushfold(stack=6, ante=0.1)"),
    ),
    Entry(
        "one_card",
        "one_card",
        "one_card",
        "One-card poker: two-player Kuhn poker from a deck of any size",
        ("one_card", "one_card(cards=5)"),
    ),
    Entry(
        "rock_paper_scissors",
        "matrix",
        "rock_paper_scissors",
        "Rock paper scissors: the winner gets 1 from the loser",
        ("rock_paper_scissors",),
    ),
    Entry(
        "matching_pennies",
        "matrix",
        "matching_pennies",
        "Matching pennies: row wins if both show the same side",
        ("matching_pennies",),
    ),
    Entry(
        "prisoners_dilemma",
        "matrix",
        "prisoners_dilemma",
        "Prisoners' dilemma: to defect is best, and worst for both",
        ("prisoners_dilemma",),
    ),
    Entry(
        "shapley",
        "matrix",
        "shapley",
        "Shapley's game: fictitious play circles for ever",
        ("shapley",),
    ),
    Entry(
        "matrix",
        "matrix",
        "load",
        "A normal-form game of any number of players, from a payoff file (.toml)",
        ("matrix(file='examples/battle_of_the_sexes.toml')",),
    ),
    Entry(
        "gambit",
        "gambit",
        "load",
        "A game from a Gambit file: extensive form (.efg) or normal form (.nfg)",
        ("gambit(file='examples/beer_quiche.efg')", "gambit(file='examples/three_voters.nfg')"),
    ),
)

_SUFFIXES = {".efg": "gambit", ".nfg": "gambit", ".toml": "matrix"}


def find(name: str) -> Entry:
    """Return the catalogue's entry of that name; raise `ValueError` with the closest and all names if there is none."""
    for entry in GAMES:
        if entry.name == name:
            return entry
    names = [entry.name for entry in GAMES]
    raise ValueError(
        f"there is no game {name!r}{spec.suggestion(name, names)}; the games are {', '.join(names)}, "
        "openspiel:NAME and files ending in .efg, .nfg or .toml"
    )


def is_game(text: str) -> bool:
    """Tell whether a text names a game, rightly or not in what it says further."""
    text = text.strip()
    if text.startswith(("openspiel:", "gambit:")) or text.lower().endswith(tuple(_SUFFIXES)):
        return True
    return text.partition("(")[0].strip() in {entry.name for entry in GAMES}


def make(text: str) -> Rules | DealtRules:
    """Return the game of a spec.

    A spec is a name of the catalogue with or without parameters (`leduc(ranks=3)`), `openspiel:NAME(parameters)` in
    OpenSpiel's own syntax, `gambit:PATH`, or a path that ends in .efg, .nfg or .toml. Raises `ValueError`.
    """
    text = text.strip()
    if text.startswith("openspiel:"):
        from counterplay.games import openspiel

        return openspiel.load(text.removeprefix("openspiel:"))
    if text.startswith("gambit:"):
        return spec.build(find("gambit").load(), "gambit", {"file": text.removeprefix("gambit:")})
    for suffix, reader in _SUFFIXES.items():
        if text.lower().endswith(suffix):
            return spec.build(find(reader).load(), reader, {"file": text})
    name, parameters = spec.parse(text)
    return spec.build(find(name).load(), name, parameters)


def spec_of(game: Any) -> str:
    """Return the shortest spec from which `make` builds an equal game; raise `ValueError` if there is none."""
    if type(game).__module__ == "counterplay.games.openspiel":
        return f"openspiel:{game.text}"
    for entry in GAMES:
        text = spec.unparse(entry.load(), entry.name, game)
        if text is not None:
            return text
    raise ValueError(f"no spec describes this game ({type(game).__name__}): it is not in the catalogue")
