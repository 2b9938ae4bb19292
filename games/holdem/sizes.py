"""Bet sizes as text, and the amounts that they come to at a decision.

| text | a bet of | a raise to |
|---|---|---|
| `33%`, `1/3`, `pot` | 33 % of the pot, a third, all of it | the bet to call, plus 33 % of the pot after that call |
| `20c` | 20 chips | 20 chips (left out where the least legal raise is larger) |
| `2.5x` | | 2.5 times the bet to call |
| `e`, `2e`, `3e` | geometric: see below | the bet to call, plus that fraction of the pot after that call |
| `3e200%` | geometric, but 200 % of the pot at most | likewise |
| `min` | the least that is legal | the least that is legal |
| `all-in`, `a` | everything | everything |

Geometric is the fraction of the pot that, bet and called on every street left (on this and one or two more: `2e`,
`3e`), gets exactly all-in.

A number alone is refused: other tools mean per cent of the pot by it, or chips. `20c3r`, of postflop-solver, is refused
with the way to say it: how many raises there may be is `raise_cap`, of all sizes. Amounts are chips put in on this
street, rounded to whole ones, or to as many decimals as pot, stack and sizes in chips are given with: an exact half is
rounded up, as is a smaller size than the least legal one to that one. A size above the stack is all-in, and equal
amounts are one action.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from counterplay.engine.errors import UserError
from counterplay.games.holdem.values import exact

Role = Literal["bet", "raise", "lead"]

GRAMMAR = "write '33%' of the pot, '20c' chips, '2.5x' the last bet (raises), 'e' or '2e' (geometric) or 'all-in'"
_SIZE = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,6})?)?\s*(?P<unit>%|c|x|e|)(?P<most>(?<=e)\d{1,6}(?:\.\d{1,6})?%)?")
_SHARE = re.compile(r"(\d{1,4})\s*/\s*([1-9]\d{0,3})")
_CAPPED = re.compile(r"(\d{1,9}(?:\.\d{1,6})?c)\s*(\d)r")


class BetSize(NamedTuple):
    """A size as given; `kind` is the unit, `value` its number (a fraction of the pot, streets where 0 is all left).

    `most` is the largest fraction of the pot that a geometric size may be, 0 for any.
    """

    kind: Literal["%", "c", "x", "e", "min", "all-in"]
    value: Fraction = Fraction(0)
    most: Fraction = Fraction(0)

    def __str__(self) -> str:
        if self.kind in ("all-in", "min"):
            return self.kind
        if self.kind == "e":
            return (str(self.value) if self.value else "") + "e" + (_percent(self.most) if self.most else "")
        return _percent(self.value) if self.kind == "%" else _decimal(self.value) + self.kind


def _decimal(number: Fraction) -> str:
    return f"{Decimal(number.numerator) / Decimal(number.denominator):f}"


def _percent(share: Fraction) -> str:
    """Return a share of the pot as text that `parse_size` reads as the very same: "33%", or "1/3"."""
    rest = share.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return f"{_decimal(100 * share)}%" if rest == 1 else str(share)


class Facing(NamedTuple):
    """What the amount of a bet depends on, in units (`values.units_of`)."""

    pot: int  # in the middle once the bet to call, if any, is called
    last: int  # the bet to call, as put in on this street by the player who made it; 0 if there is none
    least: int  # the smallest legal amount, if the stack has as much
    stack: int  # all that a player can put in on this street
    streets: int  # streets left, this one included


def parse_size(text: str | int, role: Role) -> BetSize:
    """Read one size; raise `ValueError` for what is none, or makes no legal bet or raise."""
    given = str(text).strip().lower()
    if given in ("a", "all-in", "allin", "all in"):
        return BetSize("all-in")
    if given in ("min", "pot"):
        return BetSize("min") if given == "min" else BetSize("%", Fraction(1))
    if (share := _SHARE.fullmatch(given)) and int(share[1]):
        return BetSize("%", Fraction(int(share[1]), int(share[2])))
    if capped := _CAPPED.fullmatch(given):
        raise UserError(
            f"{given!r} caps the raises of one size: write '{capped[1]}', and raise_cap = {capped[2]} for all sizes"
        )
    match = _SIZE.fullmatch(given)
    if match is None or not given or (match["number"] is None and match["unit"] != "e"):
        raise UserError(f"{str(text)!r} is not a {role} size: {GRAMMAR}")
    number, unit = Fraction(match["number"] or 0), match["unit"]
    if not unit:
        raise UserError(f"{given!r} may be per cent of the pot or chips: write '{given}%' or '{given}c'")
    if unit == "e":
        if match["number"] is not None and number not in (1, 2, 3):
            raise UserError(f"{given!r} must spread the stack over 1, 2 or 3 streets, as in '2e'")
        most = Fraction(match["most"][:-1]) / 100 if match["most"] else Fraction(0)
        if match["most"] and not most:
            raise UserError(f"{given!r} makes no legal {role}: the size must be more than zero")
        return BetSize("e", number, most)
    if unit == "c":
        exact(number, f"the size {given!r}")
    if unit == "x":
        if role != "raise":
            raise UserError(f"{given!r} makes no legal {role}: a multiple of the last bet is a size for raises")
        if number <= 1:
            raise UserError(f"{given!r} makes no legal raise: it must be more than once the last bet")
        return BetSize("x", number)
    if number == 0:
        raise UserError(f"{given!r} makes no legal {role}: the size must be more than zero")
    return BetSize("%", number / 100) if unit == "%" else BetSize("c", number)


def parse_sizes(given: object, role: Role) -> tuple[BetSize, ...]:
    """Read sizes from a list, or from text with commas ("33%, 75%, all-in"; "" and "none" are no sizes)."""
    if isinstance(given, str):
        given = [] if given.strip().lower() in ("", "none") else given.split(",")
    if isinstance(given, int | float) and not isinstance(given, bool):
        given = [given]
    if not isinstance(given, Iterable):
        raise UserError(f'{role} sizes must be a list such as ["33%", "all-in"], not {given!r}')
    sizes = list[BetSize]()
    for item in given:
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise UserError(f"{item!r} is not a {role} size: {GRAMMAR}")
        if isinstance(item, int) and item.bit_length() > 64:
            raise UserError(f"a number of {item.bit_length():,} bits is not a {role} size: {GRAMMAR}")
        size = parse_size(f"{item:g}" if isinstance(item, float) else item, role)
        if size not in sizes:
            sizes.append(size)
    return tuple(sizes)


def round_chips(chips: int, share: Fraction) -> int:
    """Return a share of a number of chips as the nearest whole number; an exact half goes up."""
    return (2 * chips * share.numerator + share.denominator) // (2 * share.denominator)


def amounts(sizes: Sequence[BetSize], at: Facing, add_allin: Fraction, force_allin: Fraction) -> list[int]:
    """Return the legal amounts in rising order: of a bet, or what a raise is to.

    All-in is added where it puts at most `add_allin` times the pot on top of the call, and a bet becomes all-in where
    at most `force_allin` times the pot would be left behind once it is called.
    """
    if at.last >= at.stack:
        return []
    found = set[int]()
    for size in sizes:
        amount = _amount(size, at)
        if size.kind == "c" and amount < min(at.least, at.stack):  # an exact amount stands for no other
            continue
        amount = min(max(amount, at.least), at.stack)
        if force_allin and at.stack - amount <= (at.pot + 2 * (amount - at.last)) * force_allin:
            amount = at.stack
        found.add(amount)
    if add_allin and at.stack - at.last <= at.pot * add_allin:
        found.add(at.stack)
    return sorted(found)


def _amount(size: BetSize, at: Facing) -> int:
    if size.kind == "%":
        return at.last + round_chips(at.pot, size.value)
    if size.kind == "c":
        return int(size.value)
    if size.kind == "x":
        return round_chips(at.last, size.value)
    if size.kind == "min":
        return at.least
    streets, most = int(size.value) or at.streets, at.stack
    if size.most:
        most = at.last + round_chips(at.pot, size.most)
    if size.kind == "all-in" or streets == 1:
        return most
    # n equal fractions f grow the pot by (1 + 2f)^n, from the pot after the call to the pot with both stacks in it.
    growth = (1 + 2 * (at.stack - at.last) / at.pot) ** (1 / streets)
    return min(at.last + int(at.pot * (growth - 1) / 2 + 0.5), most)
