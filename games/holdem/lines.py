"""Lines of play: what was done and dealt from the start of a subgame, "check bet 30 call [Ah] check".

Cards in brackets go on to the next street.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from counterplay.games.holdem.betting import NEXT, PLAYERS, STREETS, Rules, Start, Street, children, follow
from counterplay.games.holdem.cards import format_cards, parse_cards


class Line(NamedTuple):
    """A line that was read: its text as it is written here, and the node of the betting that it leads to."""

    text: str
    board: tuple[int, ...]
    passed: tuple[tuple[Start, int, int], ...]  # streets before: their start, the node that ended them, the card dealt
    start: Start
    node: int


def read_line(
    text: str, board: tuple[int, ...], trees: Mapping[Start, Street], rules: Rules, short: bool = False
) -> Line:
    """Read a line from a board on; `trees` is what `betting.street_trees` gives, the first street first.

    Raises `ValueError` for what is not possible there.
    """
    start, node = next(iter(trees)), 0
    passed, said = list[tuple[Start, int, int]](), list[str]()
    for part in re.findall(r"\[[^\]]*\]?|[^\[]+", text):
        tree = trees[start]
        if not part.startswith("["):
            node = follow(tree, part, node)
            continue
        if tree.kind[node] != NEXT:
            raise ValueError(f"{part} cannot be dealt there: {standing(tree, node)}")
        said += _words(tree, node)
        card = _card(part, board, short)
        passed.append((start, node, card))
        start, board, node = tree.following(node, rules), (*board, card), 0
        said.append(f"[{format_cards([card])}]")
    said += _words(trees[start], node)
    return Line(" ".join(said), board, tuple(passed), start, node)


def actor(tree: Street, line: Line) -> int:
    """Return who acts after a line; raises `ValueError` where nobody does."""
    kind = int(tree.kind[line.node])
    if kind == NEXT:
        over = f"the {STREETS[tree.start.street]} is over after {line.text!r}"
        raise ValueError(f"{over}: go on with the next card in brackets, such as [{_example(line.board)}]")
    if kind > 1:
        raise ValueError(f"nobody acts after {line.text!r}: the betting is over")
    return kind


def standing(tree: Street, node: int) -> str:
    """Say what is the case at a node where something else was expected."""
    if tree.kind[node] < 2:
        after = ", ".join(tree.action[child] for child in children(tree, node))
        return f"{PLAYERS[tree.kind[node]].upper()} is to act ({after})"
    return "the betting is over" if tree.kind[node] != NEXT else f"the {STREETS[tree.start.street]} is over"


def _words(tree: Street, node: int) -> list[str]:
    words = list[str]()
    while node > 0:
        words.append(tree.action[node])
        node = int(tree.parent[node])
    return words[::-1]


def _example(board: tuple[int, ...]) -> str:
    return format_cards([next(c for c in range(51, -1, -1) if c not in board)])


def _card(part: str, board: tuple[int, ...], short: bool) -> int:
    cards = parse_cards(part.strip("[]"), short)
    if len(cards) != 1 or not part.endswith("]"):
        raise ValueError(f"brackets hold the one card that comes next, such as [{_example(board)}], not {part!r}")
    if cards[0] in board:
        raise ValueError(f"{part} is on the board already ({format_cards(board)})")
    return cards[0]
