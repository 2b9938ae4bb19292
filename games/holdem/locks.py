"""Locks: a player's strategy fixed at a decision of a spot, while all the rest is solved.

In a spot file a lock is a table, and a spot may have several:

    [[lock]]
    node = "check bet 30"                      # a line of play; "" is the first decision
    strategy = { fold = 0.5, call = 0.5 }      # of all hands, or of those that `hands` leaves out
    hands = { "AA, KK" = { call = 1 } }        # of some hands

Actions that are not named have probability 0, and hands that nothing is said of stay free: they are solved. A decision
on a later street names its cards ("check check [Ah] bet 20"), and is locked after these cards alone.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.games.holdem.betting import PLAYERS, BettingRules
from counterplay.games.holdem.cards import COMBOS, HOLDEM, Deck
from counterplay.games.holdem.lines import LineOfPlay, actor, read_line
from counterplay.games.holdem.ranges import parse_range
from counterplay.games.holdem.trees import Start, Street, children, follow
from counterplay.games.holdem.values import as_text, check_keys, quote

_NEAR = 0.002  # of one: thirds written to three places are meant to sum to it

Mix = tuple[tuple[str, float], ...]  # probabilities by action


class Lock(NamedTuple):
    """A fixed strategy as a spot says it."""

    node: str
    strategy: Mix = ()  # () leaves the hands free that `hands` does not name
    hands: tuple[tuple[str, Mix], ...] = ()


class Fixed(NamedTuple):
    """A lock as a solver takes it."""

    line: LineOfPlay
    player: int
    mix: npt.NDArray[np.float64]  # [A, 1326] probability of each action; -1 where the hand is free


def fix(
    lock: Lock,
    board: tuple[int, ...],
    weights: npt.NDArray[np.float64],
    trees: Mapping[Start, Street],
    betting: BettingRules,
    deck: Deck = HOLDEM,
) -> Fixed:
    """Return what a lock fixes in the game of both ranges `weights` [2, 1326]; raises `ValueError` where it cannot."""
    try:
        line = read_line(lock.node, board, trees, betting, deck)
        tree = trees[line.start]
        player = actor(tree, line, deck)
        actions = [tree.action[child] for child in children(tree, line.node)]
        if len(actions) < 2:
            raise UserError(f"there is nothing to fix: all that {PLAYERS[player].upper()} can do is {actions[0]}")
        if not lock.strategy and not lock.hands:
            raise UserError("it fixes nothing: give strategy = {...} for all hands, or hands = {...} for some")
        mix = np.full((len(actions), COMBOS), -1.0)
        if lock.strategy:
            mix[:] = _odds(lock.strategy, tree, line.node, actions)[:, None]
        named = np.zeros(COMBOS, bool)
        held = (weights[player] > 0) & deck.free(line.board)
        for text, strategy in lock.hands:
            chosen = parse_range(text) > 0
            if not (chosen & held).any():
                raise UserError(f"{PLAYERS[player].upper()} has no hand of {text!r} there")
            if (chosen & named & held).any():
                raise UserError(f"{text!r} has hands that stand in another entry of hands too")
            named |= chosen
            mix[:, chosen] = _odds(strategy, tree, line.node, actions)[:, None]
    except ValueError as error:
        raise UserError(f"lock {lock.node!r}: {error}") from None
    mix[:, ~held] = -1.0
    return Fixed(line, player, mix)


def _odds(strategy: Mix, tree: Street, node: int, actions: Sequence[str]) -> npt.NDArray[np.float64]:
    odds, after = np.zeros(len(actions)), children(tree, node)
    for action, share in strategy:
        if not action.strip():
            raise UserError(f"an action has no name; the actions are {', '.join(actions)}")
        try:
            a = after.index(follow(tree, action, node))
        except ValueError:
            raise UserError(f"there is no action {action!r} there; the actions are {', '.join(actions)}") from None
        odds[a] += share
    total = float(odds.sum())
    if not abs(total - 1) <= _NEAR:
        given = ", ".join(f"{action} {share:g}" for action, share in strategy)
        raise UserError(f"the probabilities must sum to 1, not to {total:g} ({given})")
    return odds / total


def read_locks(given: object) -> tuple[Lock, ...]:
    """Return the locks of a file's data; raises `ValueError` for what is misspelt or of the wrong kind."""
    if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
        raise UserError(f"locks are tables, [[lock]] with node and strategy or hands, not {given!r}")
    return tuple(_read(table) for table in given)


def _read(table: Mapping[str, Any]) -> Lock:
    check_keys(table, ("node", "strategy", "hands"), "lock")
    if "node" not in table:
        raise UserError('a lock needs its node, such as node = "check bet 30"; "" is the first decision')
    node = as_text(table["node"], "lock.node")
    hands = table.get("hands", {})
    if not isinstance(hands, dict):
        raise UserError(f'lock.hands must be a table, such as {{ "AA, KK" = {{ call = 1 }} }}, not {hands!r}')
    strategy = _read_mix(table["strategy"], node) if "strategy" in table else ()
    return Lock(node, strategy, tuple((text, _read_mix(mix, node)) for text, mix in hands.items()))


def _read_mix(given: object, node: str) -> Mix:
    if not isinstance(given, dict) or not given:
        raise UserError(f"lock {node!r}: a strategy is a table such as {{ fold = 0.5, call = 0.5 }}, not {given!r}")
    return tuple((action, _probability(share, action, node)) for action, share in given.items())


def _probability(given: object, action: str, node: str) -> float:
    share = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else math.nan
    if not 0 <= share <= 1:
        raise UserError(f"lock {node!r}: the probability of {action!r} must be 0 to 1, not {given!r}")
    return share


def parse_lock(text: str) -> Lock:
    """Read a lock of all hands from one line, "check bet 30: fold 0.5, call 0.5"."""
    node, colon, rest = text.partition(":")
    parts = [part.rsplit(maxsplit=1) for part in rest.split(",")]
    if not colon or not all(len(part) == 2 for part in parts):
        raise UserError(
            f"a lock is a line of play and a probability for each action, 'check bet 30: fold 0.5, call 0.5', "
            f"not {text!r}"
        )
    try:
        mix = {" ".join(action.split()): float(share) for action, share in parts}
    except ValueError:
        raise UserError(f"lock {node.strip()!r}: probabilities are numbers from 0 to 1, not {rest.strip()!r}") from None
    return Lock(node.strip(), _read_mix(mix, node.strip()))


def write_lock(lock: Lock) -> list[str]:
    """Return the lines of a table from which `read_locks` reads an equal lock."""
    lines = [f"node = {quote(lock.node)}"]
    if lock.strategy:
        lines.append(f"strategy = {_write_mix(lock.strategy)}")
    if lock.hands:
        hands = ", ".join(f"{quote(text)} = {_write_mix(mix)}" for text, mix in lock.hands)
        lines.append(f"hands = {{ {hands} }}")
    return lines


def _write_mix(mix: Mix) -> str:
    return f"{{ {', '.join(f'{quote(action)} = {share!r}' for action, share in mix)} }}"
