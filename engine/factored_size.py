"""How large the factored form of a game is before it is built, and what does not fit, said before it is tried."""

from dataclasses import dataclass
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.engine.phantom import NO_BLOCKS, board_of, no_plex
from counterplay.engine.phantom_walks import MOST_CELLS, walk_attempts
from counterplay.engine.rules import Phantom
from counterplay.engine.size import byte_words, number_words, second_words
from counterplay.engine.system import available

# Bytes and seconds that were measured on a machine of 2024, by sequence, in plain games and in abrupt ones.
BYTES, SECONDS = (85, 550), (2e-7, 1.2e-5)
# Of how many subtrees one is walked, by cells: what is not counted whole is estimated, so that it takes a second.
SAMPLE = {9: (1, 7), 10: (11, 97), 11: (499, 4999), 12: (9973, 99991)}


@dataclass(frozen=True)
class FactoredSize:
    """What it takes to build a game's factored form, and to solve it."""

    infosets: int
    sequences: int
    symmetries: int  # by which solving divides both
    exact: bool  # whether they are counted; else they are estimates
    solve: int  # bytes while it is solved
    judge: int  # bytes while a strategy is judged that symmetries may change
    seconds: float  # to build what is solved


WALKED = "--algorithm mccfr-outcome walks it in plain Python, slowly"  # what needs no form


def factored_size(rules: Phantom) -> FactoredSize:
    """Return the size of a game, in about a second; nothing large is built.

    Raises `ValueError` for a board that is too large even for that.
    """
    cells = len(rules.names)
    if cells > MOST_CELLS:
        raise UserError(
            f"a board of {cells} cells has too many information sets to be solved whole: "
            f"boards of up to {MOST_CELLS} cells can be counted; take a smaller one, or {WALKED}"
        )
    every = SAMPLE.get(cells, (1, 1))[bool(rules.abrupt)]
    board = board_of(rules, symmetric=True)
    infosets, sequences = 0, 2
    for p in range(2):
        *_, own, actions = walk_attempts(board, NO_BLOCKS, p, 0, 0, False, every, no_plex())
        infosets, sequences = infosets + own, sequences + actions
    part = sequences / len(board.group)
    return FactoredSize(
        infosets=infosets,
        sequences=sequences,
        symmetries=len(board.group),
        exact=every == 1,
        solve=int(BYTES[rules.abrupt] * part),
        judge=BYTES[rules.abrupt] * sequences,
        seconds=SECONDS[rules.abrupt] * part,
    )


def admit_factored(rules: Any, judging: bool = False) -> FactoredSize:
    """Return the size of a game that fits; raise `ValueError`, in a sentence, for one that does not.

    With `judging` a strategy is to be judged that symmetries may change.
    """
    size, free = factored_size(rules), available()
    if judging and size.judge > free:
        raise UserError(
            f"judging a strategy of {number_words(size.infosets)} information sets without the board's symmetries "
            f"takes {byte_words(size.judge)}, and at most {byte_words(free)} are free; a solution is judged with them, "
            "for less"
        )
    if not judging and size.solve > free:
        raise UserError(
            f"the game has {describe_factored(size)}: at most {byte_words(free)} are free; take a smaller board, "
            f"or {WALKED}"
        )
    return size


def describe_factored(size: FactoredSize) -> str:
    """Return the size in words, such as "6 million information sets, 1.1 GB, 3 s to build"."""
    about = "" if size.exact else "about "
    return (
        f"{about}{number_words(size.infosets)} information sets, {byte_words(size.solve)}, "
        f"{second_words(size.seconds)} to build"
    )
