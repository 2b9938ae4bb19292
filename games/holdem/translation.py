"""Bets that are not on the menu, taken for bets that are: the pseudo-harmonic mapping.

A solution knows answers to some sizes, and somebody may bet any amount. Between two sizes A < B of the menu, as
fractions of the pot, a bet of x is taken for A with probability (B - x)(1 + A) / ((B - A)(1 + x)), else for B
(Ganzfried and Sandholm, IJCAI 2013, "Action translation in extensive-form games with large action spaces: axioms,
paradoxes, and the pseudo-harmonic mapping"). That mixes the two so that a player who calls 1 / (1 + A) and 1 / (1 + B)
of the time, as makes a bluff worth nothing, calls 1 / (1 + x) of the time. Below the smallest size a bet is taken for
that one, and above the largest for the largest.

Sizes are as in `sizes`: a raise is what it adds to the call, as a fraction of the pot after the call.
"""

import re
from bisect import bisect_left
from fractions import Fraction
from typing import NamedTuple

from counterplay.engine.errors import UserError
from counterplay.games.holdem.betting import PLAYERS, STREETS, BettingRules, FixedLimit
from counterplay.games.holdem.trees import Street, children
from counterplay.games.holdem.values import in_chips, in_units

_AMOUNT = re.compile(r"(?:bet|raise|all[ -]?in|[bra])?\s*(?:to\s+)?([0-9]{1,12}(?:\.[0-9]{1,6})?)")
_ALL_IN = ("all-in", "all in", "allin", "a")


class Taken(NamedTuple):
    """What a bet is taken for."""

    nodes: tuple[int, ...]  # after it: of the one size, or of the two around it
    shares: tuple[Fraction, ...]  # with which probability
    exact: bool  # it is of that size


def share_of_smaller(small: Fraction, large: Fraction, x: Fraction) -> Fraction:
    """Return with what probability a bet of x is taken for the smaller of two sizes around it; fractions of the pot."""
    return (large - x) * (1 + small) / ((large - small) * (1 + x))


def read_amount(text: str, stack: Fraction) -> Fraction | None:
    """Return the chips of "bet 37", "raise to 80", "80" or "all-in" (the stack); None for what names no amount."""
    given = " ".join(text.lower().split())
    if given in _ALL_IN:
        return stack
    match = _AMOUNT.fullmatch(given)
    return None if match is None else Fraction(match[1])


def taken(tree: Street, node: int, betting: BettingRules, text: str) -> Taken | None:
    """Return what a bet or raise of any legal amount is taken for at a decision.

    None stands for a text that names no amount. Raises `ValueError` for an amount that is not legal there.
    """
    start = tree.start
    amount = read_amount(text, Fraction(start.stack, start.unit))
    if amount is None:
        return None
    after = children(tree, node)
    last = int(tree.paid[node].max())
    bets = [child for child in after if int(tree.paid[child].max()) > last]
    actions = ", ".join(tree.action[child] for child in after)
    if not bets:
        raise UserError(f"nothing can be bet there: the actions are {actions}")
    who, what = PLAYERS[tree.kind[node]].upper(), "a raise is to" if last else "a bet is"
    sizes = [int(tree.paid[child].max()) for child in bets]
    if isinstance(betting, FixedLimit):
        if amount * start.unit == sizes[0]:
            return Taken((bets[0],), (Fraction(1),), exact=True)
        raise UserError(f"bets have one size in limit poker: the actions are {actions}")
    least = min(last + max(_raised(tree, node), in_units(betting.min_bet, start.unit)), start.stack)
    units = amount * start.unit
    if not least <= units <= start.stack:
        low, high = in_chips(least, start.unit), in_chips(start.stack, start.unit)
        range_of = f"at least {low} and at most {high} chips" if last else f"{low} to {high} chips"
        between = f"{low} chips, all-in" if low == high else range_of
        where = f"on the {STREETS[start.street]}" if start.street else "before the flop"
        raise UserError(f"{text.strip()!r} is not legal: {what} {between}, for {who} {where}")
    pot = start.pot + 2 * last
    k = bisect_left(sizes, units)
    nearest = min(k, len(sizes) - 1)
    if k == len(sizes) or k == 0 or sizes[k] == units:
        return Taken((bets[nearest],), (Fraction(1),), exact=sizes[nearest] == units)
    small, large, x = (Fraction(size - last) / pot for size in (sizes[k - 1], sizes[k], units))
    share = share_of_smaller(small, large, x)
    return Taken((bets[k - 1], bets[k]), (share, 1 - share), exact=False)


def _raised(tree: Street, node: int) -> int:
    """Return by how much the bet to call raised the one before, in units; 0 if there is none."""
    one, other = (int(x) for x in tree.paid[node])
    if node == 0 or one == other:  # blinds, which count as a bet of the big one, or nothing
        return max(one, other)
    return max(one, other) - int(tree.paid[tree.parent[node]].max())
