"""Gadgets: with what range an opponent comes to a subgame that is solved anew, so that the new strategy is safe.

A subgame that is solved at the ranges that its trunk tells (unsafe) may be worth more to an opponent who comes with
another. A gadget lets the opponent choose, lane by lane or between lanes, and holds the new strategy to what the old
one conceded, the *alternatives* [B, W]: counterfactual values, in the units of `engine.evaluator`. No gadget needs a
decision of its own: the opponent's range is what regret matching plus makes of the subgame's values, an iteration at a
time.
Shape letters: B subgames, W lanes of the opponent.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.evaluator import Floats

NONE, RESOLVE, MAXMARGIN, REACH = "none", "resolve", "maxmargin", "reach"
GADGETS = {
    NONE: "ranges stay what the trunk says; unsafe",
    RESOLVE: "each hand may take its alternative instead; Burch, Johanson and Bowling, AAAI 2014",
    MAXMARGIN: "the opponent picks the hand that gains most on its alternative; Moravcik et al., AAAI 2016",
    REACH: "maxmargin, with gifts of earlier decisions given back; Brown and Sandholm, NIPS 2017",
}


def check_gadget(gadget: str) -> None:
    """Raise `ValueError` for what is no gadget."""
    if gadget not in GADGETS:
        raise UserError(f"a gadget is {', '.join(list(GADGETS)[:-1])} or {REACH}, not {gadget!r}")


def follow(regret: Floats, values: Floats, alternatives: Floats) -> Floats:
    """Return each lane's probability of following into the subgame, [B, W], where its alternative is to stay out.

    `regret` [B, W, 2] of following and staying out is brought up to date with the subgame's values [B, W]. Where
    nothing is regretted a lane follows.
    """
    now = _probability(regret)
    earned = now * values + (1 - now) * alternatives
    regret[..., 0] = np.maximum(regret[..., 0] + values - earned, 0)
    regret[..., 1] = np.maximum(regret[..., 1] + alternatives - earned, 0)
    return _probability(regret)


def _probability(regret: Floats) -> Floats:
    total = regret.sum(axis=-1)
    return np.where(total > 0, regret[..., 0] / np.where(total > 0, total, 1), 1.0)


def pick(regret: Floats, values: Floats, alternatives: Floats, possible: npt.NDArray[np.bool_]) -> Floats:
    """Return the opponent's distribution over its possible lanes, [B, W], where it seeks the most above an alternative.

    `regret` [B, W] of each lane is brought up to date with the subgame's values [B, W].
    """
    gain = np.where(possible, values - alternatives, 0)
    earned = (_distribution(regret, possible) * gain).sum(axis=-1, keepdims=True)
    regret[:] = np.where(possible, np.maximum(regret + gain - earned, 0), 0)
    return _distribution(regret, possible)


def _distribution(regret: Floats, possible: npt.NDArray[np.bool_]) -> Floats:
    total, lanes = regret.sum(axis=-1, keepdims=True), np.maximum(possible.sum(axis=-1, keepdims=True), 1)
    return np.where(total > 0, regret / np.where(total > 0, total, 1), possible / lanes)


class Conceded(NamedTuple):
    """What a gadget holds a re-solved strategy to, at the roots of subgames.

    A lane that chance and the re-solving player's range leave no weight is not `possible`: nothing can be lost to it.
    """

    alternatives: npt.NDArray[np.float64]  # [B, W] what the old strategy concedes the opponent
    gifts: npt.NDArray[np.float64]  # [B, W] what the opponent gave up on the way, as much as may be given back here
    possible: npt.NDArray[np.bool_]  # [B, W]


class Gadget:
    """The opponent's adaptive ranges at the roots of subgames that one player solves anew (`depth_limited.Adapt`)."""

    def __init__(self, kind: str, opponent: int, conceded: Conceded):
        check_gadget(kind)
        self.kind, self.opponent, self.possible = kind, opponent, conceded.possible
        self.alternatives = conceded.alternatives + (conceded.gifts if kind == REACH else 0.0)
        self._regret = np.zeros((*self.alternatives.shape, 2) if kind == RESOLVE else self.alternatives.shape)

    def ranges(self) -> npt.NDArray[np.float64]:
        """Return the opponent's range in the first iteration, [B, W]."""
        if self.kind == RESOLVE:
            return self.possible.astype(np.float64)
        return _distribution(self._regret, self.possible).astype(np.float64)

    def __call__(self, player: int, values: Floats) -> npt.NDArray[np.float64] | None:
        """Return the opponent's next ranges, [B, W], from its values at the roots."""
        if player != self.opponent:
            return None
        if self.kind == RESOLVE:
            found = follow(self._regret, values, self.alternatives) * self.possible
        else:
            found = pick(self._regret, values, self.alternatives, self.possible)
        return found.astype(np.float64)
