"""Gadgets: with what range an opponent comes to a subgame that is solved anew, so that the new strategy is safe.

A subgame that is solved at the ranges that its trunk tells (unsafe) may be worth more to an opponent who comes with
another. A gadget lets the opponent choose, lane by lane or between lanes, and holds the new strategy to what the old
one conceded, the *alternatives* [B, W]: counterfactual values, in the units of `engine.evaluator`. No gadget needs a
decision of its own: the opponent's range is what regret matching plus makes of the subgame's values, an iteration at a
time.
Shape letters: B subgames, W lanes of the opponent.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.evaluator import Floats
from counterplay.engine.jit import jit

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


@jit
def follow_into(regret: Any, values: Any, alternatives: Any, kept: float, out: Any) -> None:
    """Write each lane's probability of following into the subgame, [B, W], where its alternative is to stay out.

    `regret` [B, W, 2] of following and staying out is brought up to date with the subgame's values [B, W], and then
    multiplied by `kept`, a discount. Where nothing is regretted a lane follows: so it does before any values, which
    are then the alternatives.
    """
    for b in range(regret.shape[0]):
        for i in range(regret.shape[1]):
            in_, off = regret[b, i, 0], regret[b, i, 1]
            now = in_ / (in_ + off) if in_ + off > 0 else 1.0
            gain = values[b, i] - alternatives[b, i]  # of following
            in_ = max(in_ + (1.0 - now) * gain, 0.0) * kept
            off = max(off - now * gain, 0.0) * kept
            regret[b, i, 0], regret[b, i, 1] = in_, off
            out[b, i] = in_ / (in_ + off) if in_ + off > 0 else 1.0


@jit
def pick_into(regret: Any, values: Any, alternatives: Any, possible: Any, kept: float, out: Any) -> None:
    """Write the opponent's distribution over possible lanes, [B, W], where it seeks the most above an alternative.

    `regret` [B, W] of each lane is brought up to date with the subgame's values [B, W], and then multiplied by `kept`,
    a discount. Where nothing is regretted possible lanes are alike: so they are before any values, which are then the
    alternatives. A lane that is not possible would gain nothing, and hide from those that lose.
    """
    for b in range(regret.shape[0]):
        total, mean, count = 0.0, 0.0, 0
        for i in range(regret.shape[1]):
            if possible[b, i]:
                total += regret[b, i]
                count += 1
        for i in range(regret.shape[1]):
            if possible[b, i]:
                now = regret[b, i] / total if total > 0 else 1.0 / count
                mean += now * (values[b, i] - alternatives[b, i])
        total = 0.0
        for i in range(regret.shape[1]):
            regret[b, i] = (
                max(regret[b, i] + values[b, i] - alternatives[b, i] - mean, 0.0) * kept if possible[b, i] else 0.0
            )
            total += regret[b, i]
        for i in range(regret.shape[1]):
            out[b, i] = (regret[b, i] / total if total > 0 else 1.0 / count) if possible[b, i] else 0.0


def follow(regret: Floats, values: Floats, alternatives: Floats) -> Floats:
    """Return what `follow_into` writes, [B, W], without a discount."""
    found = np.zeros_like(regret[..., 0])
    follow_into(regret, values, alternatives, 1.0, found)
    return found


def pick(regret: Floats, values: Floats, alternatives: Floats, possible: npt.NDArray[np.bool_]) -> Floats:
    """Return what `pick_into` writes, [B, W], without a discount."""
    found = np.zeros_like(regret)
    pick_into(regret, values, alternatives, possible, 1.0, found)
    return found


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
        return pick(self._regret, self.alternatives, self.alternatives, self.possible).astype(np.float64)

    def __call__(self, player: int, values: Floats) -> npt.NDArray[np.float64] | None:
        """Return the opponent's next ranges, [B, W], from its values at the roots."""
        if player != self.opponent:
            return None
        if self.kind == RESOLVE:
            found = follow(self._regret, values, self.alternatives) * self.possible
        else:
            found = pick(self._regret, values, self.alternatives, self.possible)
        return found.astype(np.float64)
