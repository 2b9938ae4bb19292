"""What is seen of a game in the dark at a terminal: a player's view of the board, and the whole board in the end."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from counterplay.engine.text import payoff
from counterplay.games.in_the_dark import drawn, read
from counterplay.show.play import Opponent, Policy

STONES = "●○"  # of the players


def with_stones(marks: Sequence[str], player: int, tried: Sequence[tuple[int, bool]]) -> list[str]:
    """Return marks of cells with a player's stones in place, and those of the other that it met."""
    shown = list(marks)
    for cell, in_vain in tried:
        shown[cell] = STONES[1 - player if in_vain else player]
    return shown


def seen_by(rules: Any, player: int, label: str) -> list[str]:
    """Return what became of a player's last attempt, and its view of the board."""
    tried = read(rules.names, label)
    told = [f"{rules.names[tried[-1].cell]} is taken"] if tried and tried[-1].in_vain else []
    return told + drawn(rules, with_stones(["."] * len(rules.names), player, tried))


def board_of(rules: Any, state: Any) -> list[str]:
    """Return the board as it is, and what both players tried."""
    stones = ["."] * len(rules.names)
    for player in range(2):
        stones = [STONES[player] if state.stones[player] >> cell & 1 else mark for cell, mark in enumerate(stones)]
    return drawn(rules, stones)


def in_the_dark(rules: Any, policy: Policy, best: Sequence[float]) -> Opponent:
    """Return who plays a game in the dark: a person sees its own stones, and what it met."""
    intro = "\nYou see your own stones, and those that you ran into: ● is player 0, ○ player 1."
    return Opponent(policy, intro, 0.0, payoff, best, partial(seen_by, rules), partial(board_of, rules))
