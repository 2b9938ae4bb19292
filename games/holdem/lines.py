"""Lines of play: what was done and dealt from the start of a subgame, "check bet 30 call [Ah] check".

Cards in brackets go on to the next street: one, or the three of a flop.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from counterplay.games.holdem.betting import BOARD, NEXT, PLAYERS, STREETS, Rules, Start, Street, children, follow
from counterplay.games.holdem.cards import format_cards, parse_cards

Cards = tuple[int, ...]


class Line(NamedTuple):
    """A line that was read: its text as it is written here, and the node of the betting that it leads to."""

    text: str
    board: Cards
    passed: tuple[tuple[Start, int, Cards], ...]  # streets before: start, the node that ended them, the cards dealt
    start: Start
    node: int


def read_line(text: str, board: Cards, trees: Mapping[Start, Street], rules: Rules, short: bool = False) -> Line:
    """Read a line from a board on; `trees` is what `betting.street_trees` gives, the first street first.

    Raises `ValueError` for what is not possible there.
    """
    start, node = next(iter(trees)), 0
    passed, said = list[tuple[Start, int, Cards]](), list[str]()
    for part in re.findall(r"\[[^\]]*\]?|[^\[]+", text):
        tree = trees[start]
        if not part.startswith("["):
            node = follow(tree, part, node)
            continue
        if tree.kind[node] != NEXT:
            raise ValueError(f"{part} cannot be dealt there: {standing(tree, node)}")
        said += _words(tree, node)
        after = tree.following(node, rules)
        deal = _deal(part, board, BOARD[after.street] - len(board), short)
        passed.append((start, node, deal))
        start, board, node = after, (*board, *deal), 0
        said.append(f"[{format_cards(deal)}]")
    said += _words(trees[start], node)
    return Line(" ".join(said), board, tuple(passed), start, node)


def actor(tree: Street, line: Line) -> int:
    """Return who acts after a line; raises `ValueError` where nobody does."""
    kind = int(tree.kind[line.node])
    if kind == NEXT:
        over = f"the {STREETS[tree.start.street]} is over after {line.text!r}"
        more = BOARD[tree.start.street + 1] - len(line.board)
        cards = "card" if more == 1 else f"{more} cards"
        raise ValueError(f"{over}: go on with the next {cards} in brackets, such as [{_example(line.board, more)}]")
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


def _example(board: Cards, more: int) -> str:
    return format_cards([c for c in range(51, -1, -1) if c not in board][:more])


def _deal(part: str, board: Cards, more: int, short: bool) -> Cards:
    cards = parse_cards(part.strip("[]"), short)
    if len(cards) != more or not part.endswith("]"):
        come = "the one card that comes" if more == 1 else f"the {more} cards that come"
        raise ValueError(f"brackets hold {come} next, such as [{_example(board, more)}], not {part!r}")
    if not set(cards).isdisjoint(board):
        raise ValueError(f"{part} is on the board already ({format_cards(board)})")
    return cards
