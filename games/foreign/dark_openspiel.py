"""Strategies of games in the dark that have no tree as policies of OpenSpiel's, and its strings as attempts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import Phantom
from counterplay.games.foreign.openspiel import game, import_pyspiel
from counterplay.games.foreign.to_openspiel import counterpart

SMALL = 5_000  # information sets up to which a policy is a table

Odds = Callable[[int, Sequence[tuple[int, bool]]], npt.NDArray[np.float64] | None]


def attempts_of(rules: Any, text: str) -> tuple[int | None, tuple[tuple[int, bool], ...]]:
    """Return the player and the attempts in an information-state string of OpenSpiel's: the board, then "0,4 0,1 ".

    The player is None where nothing was tried. Raises `ValueError` for what is no such string.
    """
    lines = text.split("\n")
    rows, marks = getattr(rules, "rows", 1), "xo"
    view = "".join(lines[:rows])
    try:
        tried = [tuple(map(int, word.split(","))) for word in lines[-1].split()] if len(lines) > rows else []
        owners = {player for player, _ in tried}
        if len(view) != len(rules.names) or len(owners) > 1 or not owners <= {0, 1}:
            raise ValueError(text)
        player = owners.pop() if owners else None
        return player, tuple((cell, view[cell] != marks[player]) for player, cell in tried)
    except (ValueError, IndexError):
        raise UserError(f"{text[:80]!r} is no information-state string of {counterpart(rules)}") from None


def attempts_before(state: Any, player: int) -> list[tuple[int, bool]]:
    """Return what a player has tried by a state of OpenSpiel's game."""
    taken, tried = set[int](), list[tuple[int, bool]]()
    for move in state.full_history():
        if move.player == player:
            tried.append((move.action, move.action in taken))
        taken.add(move.action)
    return tried


def dark_policy(rules: Phantom, odds: Odds, infosets: int) -> Any:
    """Return a strategy as a policy of OpenSpiel's own game of these rules.

    `odds(player, tried)` gives the probability of each cell. Up to `SMALL` information sets it is a
    `pyspiel.TabularPolicy`, beyond a Python policy that asks for a state's odds when it is asked itself. Raises
    `ValueError` where OpenSpiel has no such game.
    """
    spiel = import_pyspiel()
    pair = counterpart(rules)  # type: ignore[arg-type]
    if pair is None:
        raise UserError("OpenSpiel has no game of these rules, and of one's own it would need the tree")
    whole = game(pair.text)

    def chances(state: Any) -> list[tuple[int, float]]:
        player = state.current_player()
        row = odds(player, attempts_before(state, player))
        if row is None:
            raise UserError(f"the solution has no decision where OpenSpiel is, after {state.history()}")
        return [(action, float(row[action])) for action in state.legal_actions()]

    if infosets <= SMALL:
        table: dict[str, list[tuple[int, float]]] = {}
        stack = [whole.new_initial_state()]
        while stack:
            state = stack.pop()
            if not state.is_terminal():
                key = state.information_state_string()
                if key not in table:
                    table[key] = chances(state)
                stack.extend(state.child(action) for action in state.legal_actions())
        return spiel.TabularPolicy(table)

    from open_spiel.python import policy

    class DarkPolicy(policy.Policy):  # type: ignore[misc]
        """A strategy that is looked up state by state."""

        def action_probabilities(self, state: Any, player_id: int | None = None) -> dict[int, float]:
            if player_id not in (None, state.current_player()):
                raise UserError(f"player {player_id} is not to act, and nothing is asked of others")
            return dict(chances(state))

    return DarkPolicy(whole, [0, 1])
