"""Lines of play: what was done and dealt from the start of a subgame, "check bet 30 call [Ah] check".

Cards in brackets go on to the next street: one, or the three of a flop.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from counterplay.engine.errors import UserError
from counterplay.games.holdem.betting import PLAYERS, STREETS, BettingRules
from counterplay.games.holdem.cards import HOLDEM, Deck, format_cards, parse_cards
from counterplay.games.holdem.translation import taken
from counterplay.games.holdem.trees import NEXT, Start, Street, children, follow

Cards = tuple[int, ...]


class LineOfPlay(NamedTuple):
    """A line that was read: its text as it is written here, and the node of the betting that it leads to."""

    text: str
    board: Cards
    passed: tuple[tuple[Start, int, Cards], ...]  # streets before: start, the node that ended them, the cards dealt
    start: Start
    node: int
    taken: tuple[str, ...] = ()  # what was said of bets off the menu


def read_line(
    text: str,
    board: Cards,
    trees: Mapping[Start, Street],
    betting: BettingRules,
    deck: Deck = HOLDEM,
    nearest: bool = False,
) -> LineOfPlay:
    """Read a line from a board on; `trees` is what `trees.street_trees` gives, the first street first.

    With `nearest` a bet may be any legal one, and is taken as the likelier of the sizes around it (`translation`).
    Raises `ValueError` for what is not possible there.
    """
    start, node = next(iter(trees)), 0
    passed, said, notes = list[tuple[Start, int, Cards]](), list[str](), list[str]()

    def likelier(node: int, given: str) -> int | None:
        found = taken(trees[start], node, betting, given)
        if found is None:
            return None
        k = found.shares.index(max(found.shares))
        rest = f" ({float(found.shares[k]):.0%})" if len(found.nodes) > 1 else ""
        notes.append(f"{given} is taken as {trees[start].action[found.nodes[k]]}, the nearest there is{rest}")
        return found.nodes[k]

    for part in re.findall(r"\[[^\]]*\]?|[^\[]+", text):
        tree = trees[start]
        if not part.startswith("["):
            node = follow(tree, part, node, likelier if nearest else None)
            continue
        if tree.kind[node] != NEXT:
            raise UserError(f"{part} cannot be dealt there: {standing(tree, node)}")
        said += _words(tree, node)
        after = tree.following(node, betting)
        deal = _deal(part, board, deck.board[after.street] - len(board), deck)
        passed.append((start, node, deal))
        start, board, node = after, (*board, *deal), 0
        said.append(f"[{format_cards(deal)}]")
    said += _words(trees[start], node)
    return LineOfPlay(" ".join(said), board, tuple(passed), start, node, tuple(notes))


def actor(tree: Street, line: LineOfPlay, deck: Deck = HOLDEM) -> int:
    """Return who acts after a line; raises `ValueError` where nobody does."""
    kind = int(tree.kind[line.node])
    if kind == NEXT:
        over = f"the {STREETS[tree.start.street]} is over after {line.text!r}"
        more = deck.board[tree.start.street + 1] - len(line.board)
        cards = "card" if more == 1 else f"{more} cards"
        raise UserError(
            f"{over}: go on with the next {cards} in brackets, such as [{_example(line.board, more, deck)}]"
        )
    if kind > 1:
        raise UserError(f"nobody acts after {line.text!r}: the betting is over")
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


def _example(board: Cards, more: int, deck: Deck) -> str:
    return format_cards([c for c in deck.cards[::-1] if c not in board][:more])


def _deal(part: str, board: Cards, more: int, deck: Deck) -> Cards:
    cards = parse_cards(part.strip("[]"), deck)
    if len(cards) != more or not part.endswith("]"):
        come = "the one card that comes" if more == 1 else f"the {more} cards that come"
        raise UserError(f"brackets hold {come} next, such as [{_example(board, more, deck)}], not {part!r}")
    if not set(cards).isdisjoint(board):
        raise UserError(f"{part} is on the board already ({format_cards(board)})")
    return cards
