"""Gadgets of safe re-solving: how an opponent comes to the root of a subgame when it may choose.

A subgame is solved anew for one player, the solver. With the ranges that the strategy before it leads to alone that is
*unsafe*: the opponent may have played to get there with other hands. A gadget lets the opponent choose its range, and
holds each hand's *alternative*, what it could have had against the strategy so far: its counterfactual best response.

    resolve     each hand follows into the subgame, or takes its alternative (CFR-D: Burch, Johanson and Bowling, AAAI
                2014): the new strategy gives no hand more than its alternative
    maxmargin   it comes with whichever hand gains most on its alternative (Moravcik, Schmid, Ha, Hladik and Gaukrodger,
                AAAI 2016): the least margin by which hands stay below their alternatives is as large as it can be
    reach       as maxmargin, with alternatives raised by what the hand gave away to get there (Brown and Sandholm, NIPS
                2017); the raising is done by who makes the alternatives

The gadget needs no decision in the game's arrays: the opponent's range at the root is *adaptive*, updated each
iteration from its values there by regret matching plus. Values and alternatives are counterfactual, [B, W] for B roots
and W lanes: against the solver's range and the chances of the cards, in the units of the payoffs; the own range does
not count. A hand that cannot be has value and alternative 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import jit

NONE, RESOLVE, MAXMARGIN, REACH = "none", "resolve", "maxmargin", "reach"
GADGETS = (NONE, RESOLVE, MAXMARGIN, REACH)

F32 = npt.NDArray[np.float32]

_ZERO, _HALF, _ONE, _LITTLE = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(1e-30)


def new_regrets(gadget: str, roots: int, lanes: int) -> F32:
    """Return the regrets of a gadget's opponent before the first iteration, [A, B, W].

    Of a range A is 1, a regret for each hand; of following or not it is 2.
    """
    return np.zeros((2 if gadget == RESOLVE else 1, roots, lanes), np.float32)


@jit
def adapt(regret: F32, out: F32) -> None:
    """Write the opponent's range at each root by regret matching, [B, W].

    With two regrets a hand it is the hand's chance of following; with one, a distribution over the root's hands. Where
    no regret is positive, it is a half, or even.
    """
    actions, roots, lanes = regret.shape
    for b in range(roots):
        if actions == 2:
            for i in range(lanes):
                total = regret[0, b, i] + regret[1, b, i]
                out[b, i] = regret[0, b, i] / total if total > _LITTLE else _HALF
            continue
        added = _ZERO
        for i in range(lanes):
            added += regret[0, b, i]
        for i in range(lanes):
            out[b, i] = regret[0, b, i] / added if added > _LITTLE else _ONE / np.float32(lanes)


@jit
def learn(regret: F32, range_: F32, value: F32, alternative: F32, kept: Any) -> None:
    """Add an iteration to the regrets of a gadget's opponent, then multiply them by `kept`, a discount.

    `range_` is what `adapt` wrote, `value` the hands' counterfactual values at the roots and `alternative` what they
    give up for them, all [B, W]. Regrets do not fall below 0.
    """
    actions, roots, lanes = regret.shape
    for b in range(roots):
        if actions == 2:
            for i in range(lanes):
                gain = value[b, i] - alternative[b, i]  # by following; the mean of both is its share of it
                follow = regret[0, b, i] + (_ONE - range_[b, i]) * gain
                stay = regret[1, b, i] - range_[b, i] * gain
                regret[0, b, i] = max(follow, _ZERO) * kept
                regret[1, b, i] = max(stay, _ZERO) * kept
            continue
        mean = _ZERO
        for i in range(lanes):
            mean += range_[b, i] * (value[b, i] - alternative[b, i])
        for i in range(lanes):
            regret[0, b, i] = max(regret[0, b, i] + value[b, i] - alternative[b, i] - mean, _ZERO) * kept
