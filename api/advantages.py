"""AIVAT where no tree fits: what the moves of the one side gain over what the other would have done in its place.

Where all play one strategy, what play is worth changes neither by chance nor by that strategy's own moves, on average;
so what another one earns beside it is, on average, the sum of what its moves gain: what a move is worth, less the mean
over what the strategy itself does there, both if all go on by the strategy. That sum has none of chance's luck in it
and none of the strategy's own. It is AIVAT (Burch et al. 2018) with that strategy's own values; over both seats of a
game whose payoffs sum to a constant the strategy earns half of that against itself.

In hold'em values are a solution's own, of a hand against the other's whole range. In games in steps they are means of
plays, which adds the luck of these plays, and no bias.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.api.answers import Answer, is_action
from counterplay.api.strategies import odds_of
from counterplay.games.envs.steps import StepsEnv
from counterplay.games.holdem.cards import combo_name
from counterplay.solvers import infosets
from counterplay.solvers.playouts import move_worths

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
PLAYS = 64  # of each move of a decision


class Gains(Protocol):
    """What moves in a game that is played by its rules gain over a strategy."""

    def __call__(self, player: int, label: str, names: tuple[str, ...], move: int) -> float:
        """Return what a move is worth more than what the strategy does there."""


class SpotGains:
    """Gains over a solution of a hold'em spot, by its own expected values; `other` is who moves, where it is known."""

    def __init__(self, solution: Any, other: Answer | None):
        self.solution, self.other = solution, other
        self.views: dict[str, Any] = {}
        self.places: dict[tuple[int, str], int] = {}  # of hands

    def __call__(self, player: int, label: str, names: tuple[str, ...], move: int) -> float:
        hand, _, line = label.partition(" ")
        if line not in self.views:
            if len(self.views) >= 1000:
                self.views.clear()
            self.views[line] = self.solution.at(line)
        view = self.views[line]
        if not self.places:
            self.places = {(p, combo_name(int(c))): i for p in range(2) for i, c in enumerate(view.combos[p])}
        at = self.places[player, hand]
        worth, own = view.action_ev[:, at], view.strategy[:, at]
        taken = np.eye(len(names))[move]
        if self.other is not None and not is_action(answer := self.other(player, label, names)):
            odds = np.asarray(odds_of(answer, names, label), np.float64)
            taken = odds / odds.sum()
        # A hand that meets none of the other's has no value; only rounding brings one here.
        return float(np.nan_to_num(worth) @ (taken - own / own.sum()))


def steps_gains(env: StepsEnv, table: Any, other: Any, rows: I64, actions: I64, seed: int) -> F64:
    """Return what moves gain over a table in these episodes, [n], before they are taken.

    They are those of the `other` table, all of them as likely as they are there, or without one `actions` by number.
    """
    beside = infosets.nothing() if other is None else other
    found = move_worths(env.task.game, table, beside, env.at.state[rows], PLAYS, seed)
    taken = found.number == actions[:, None] if other is None else found.others
    gains: F64 = (found.worth * (taken - found.odds)).sum(axis=1)
    return gains
