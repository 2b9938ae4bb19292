"""Strategies as functions of (player, label, actions), and what is done where they answer."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from counterplay.api.solution import BLUEPRINT, HOLDEM, STEPPED
from counterplay.api.strategies import odds_of
from counterplay.engine.errors import UserError

Answer = Callable[[int, str, tuple[str, ...]], Any]  # probabilities, or one of the actions

_VIEWS = 1000  # decisions of a spot that are kept
_QUOTED = 60  # letters of a label in a message


def shortened(text: object) -> str:
    """Return a label as messages quote it, cut where it is long."""
    said = repr(text)
    return said if len(said) <= _QUOTED else f"{said[:_QUOTED]}..."


def is_action(answer: Any) -> bool:
    """Tell whether an answer names an action where others give probabilities."""
    return isinstance(answer, str | int | np.integer) and not isinstance(answer, bool)


def taken(answer: Any, names: tuple[str, ...], label: str, number: float) -> int:
    """Return the action of an answer, drawn where it is probabilities; raises `UserError` for none of the actions."""
    if not is_action(answer):
        sums = np.cumsum(odds_of(answer, names, label))
        return min(int(np.searchsorted(sums, number * sums[-1], side="right")), len(names) - 1)
    if answer in names:
        return names.index(answer)
    if isinstance(answer, str) or not 0 <= answer < len(names):
        raise UserError(f"{shortened(label)} has no action {shortened(answer)}; its actions are {', '.join(names)}")
    return int(answer)


def of_solution(solution: Any) -> Answer:
    """Return a solution that is no table as a function."""
    if solution.kind in (HOLDEM, BLUEPRINT):
        return _of_spot(solution)

    def found(player: int, label: str, names: tuple[str, ...]) -> Any:
        if len(names) == 1:  # no decision of a game in steps
            return [1.0]
        try:
            return solution.at(label, player=player)
        except UserError:
            if solution.kind == STEPPED and solution.names is not None:  # never met
                return [1.0 / len(names)] * len(names)
            raise

    return found


def _of_spot(solution: Any) -> Answer:
    views: dict[str, Any] = {}

    def found(player: int, label: str, names: tuple[str, ...]) -> Any:
        hand, _, line = label.partition(" ")
        if line not in views:
            if len(views) > _VIEWS:
                views.clear()
            views[line] = solution.at(line)
        odds = [views[line].of(hand).get(name, 0.0) for name in names]
        total = sum(odds)
        return [x / total for x in odds] if total > 0 else [1.0 / len(names)] * len(names)

    return found


def of_mapping(given: Mapping[Any, Any]) -> Answer:
    """Return a dictionary by labels, or by (player, label), as a function."""

    def found(player: int, label: str, names: tuple[str, ...]) -> Any:
        odds = given.get((player, label), given.get(label))
        if odds is None:
            raise UserError(f"the strategy says nothing of player {player}'s information set {shortened(label)}")
        return odds

    return found
