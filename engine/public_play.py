"""Labels and keys of stepped games with a private deal and public play: a hand, and the public moves as digits.

A key's digits are those of the public moves, the first one lowest, each in a base that the moves before decide, and a 1
behind the last. So a key is read back by playing the rules themselves, and no two histories share one.
"""

from collections.abc import Callable
from typing import Any

from counterplay.engine.rules import CHANCE, LEAF, DealtRules, join_label
from counterplay.engine.stepped import Unread


def infoset(
    rules: DealtRules, player: int, hand: int, rest: int, move_of: Callable[[Any, int], tuple[int, int]]
) -> tuple[str, tuple[str, ...]]:
    """Return label and moves of an information set; raises `ValueError` where there is none.

    `rest` are the digits of its public moves. `move_of(state, rest)` gives the next move and the digits after it.
    """
    state, hands = rules.root(), rules.hands(player)
    while 0 <= hand < len(hands) and rules.turn(state) != LEAF:
        moves = rules.moves(state)
        if rest == 1 and len(moves) > 1:
            if rules.turn(state) != player:
                break
            return join_label(hands[hand], rules.sees(state)), tuple(moves)
        if len(moves) == 1 and rules.turn(state) != CHANCE:
            move = 0
        elif rest > 1:
            move, rest = move_of(state, rest)
        else:
            break
        if not 0 <= move < len(moves):
            break
        state = rules.play(state, move)
    raise Unread(f"player {player} has no information set of that key")


def moves_to(rules: DealtRules, player: int, label: str) -> tuple[int, list[tuple[Any, int]]]:
    """Return the hand in a label, and the states and moves of the public play that leads there.

    Raises `ValueError` for a label that no information set of the player has.
    """
    for hand, name in enumerate(rules.hands(player)):
        if label == name or label.startswith(f"{name} ") or not name:
            found = _search(rules, player, label[len(name) :].strip(), rules.root(), [])
            if found is not None:
                return hand, found
    raise Unread(f"no information set of player {player} is called {label[:200]!r}{_hint(rules, player)}")


def _hint(rules: DealtRules, player: int) -> str:
    """Return what the player's first information set is called, for a message."""
    state = rules.root()
    while rules.turn(state) not in (player, LEAF):
        state = rules.play(state, 0)
    return "" if rules.turn(state) == LEAF else f"; one is {join_label(rules.hands(player)[0], rules.sees(state))!r}"


def _search(
    rules: DealtRules, player: int, wanted: str, state: Any, before: list[tuple[Any, int]]
) -> list[tuple[Any, int]] | None:
    """Return the play that ends in what is wanted; what everybody sees only grows, so others are soon left."""
    seen = rules.sees(state)
    if not wanted.startswith(seen) or rules.turn(state) == LEAF:
        return None
    moves = rules.moves(state)
    if seen == wanted and rules.turn(state) == player and len(moves) > 1:
        return before
    for move in range(len(moves)):
        found = _search(rules, player, wanted, rules.play(state, move), [*before, (state, move)])
        if found is not None:
            return found
    return None
