"""Gadgets: with what range an opponent comes to a subgame that is solved anew, so that the new strategy is safe.

A subgame that is solved at the ranges that its trunk tells (unsafe) may be worth more to an opponent who comes with
another. A gadget lets the opponent choose, lane by lane or between lanes, and holds the new strategy to what the old
one conceded, the *alternatives* [B, W]: counterfactual values, in the units of `engine.evaluator`. No gadget needs a
decision of its own: the opponent's range is what regret matching plus makes of the subgame's values, an iteration at a
time.
Shape letters: B subgames, W lanes of the opponent.
"""

from typing import Any

from counterplay.engine.errors import UserError
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
def follow(regret: Any, values: Any, alternatives: Any, kept: Any, out: Any) -> None:
    """Write each lane's probability of following into the subgame, [B, W], where its alternative is to stay out.

    `regret` [2, B, W] of following and staying out is brought up to date with the subgame's values [B, W], and then
    multiplied by `kept`, a discount. Where nothing is regretted a lane follows: so it does before any values, which
    are then the alternatives.
    """
    for b in range(regret.shape[1]):
        for i in range(regret.shape[2]):
            in_, off = regret[0, b, i], regret[1, b, i]
            now = in_ / (in_ + off) if in_ + off > 0 else 1.0
            gain = values[b, i] - alternatives[b, i]  # of following
            in_ = max(in_ + (1.0 - now) * gain, 0.0) * kept
            off = max(off - now * gain, 0.0) * kept
            regret[0, b, i], regret[1, b, i] = in_, off
            out[b, i] = in_ / (in_ + off) if in_ + off > 0 else 1.0


@jit
def pick(regret: Any, values: Any, alternatives: Any, possible: Any, kept: Any, out: Any) -> None:
    """Write the opponent's distribution over possible lanes, [B, W], where it seeks the most above an alternative.

    `regret` [B, W] of each lane is brought up to date with the subgame's values [B, W], and then multiplied by `kept`,
    a discount. Where nothing is regretted possible lanes are alike: so they are before any values, which are then the
    alternatives. A lane is not possible where the other player's range leaves it no weight: it would gain nothing, and
    hide from those that lose.
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
            if possible[b, i]:
                regret[b, i] = max(regret[b, i] + values[b, i] - alternatives[b, i] - mean, 0.0) * kept
                total += regret[b, i]
        for i in range(regret.shape[1]):
            out[b, i] = (regret[b, i] / total if total > 0 else 1.0 / count) if possible[b, i] else 0.0
