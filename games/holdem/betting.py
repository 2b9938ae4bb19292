"""What may be bet on a street between two players: player 0 is out of position (OOP) and first, player 1 in position.

Before the flop with blinds player 1 has the small blind and is first, and player 0, the big blind, may still raise when
it is only called.

Rules speak of chips, and are asked for amounts in units, of which a chip has 1, 10, 100 or 1000, so that all of them
are whole numbers (`in_units`). Both players start a street with the same stack behind, and amounts count from the start
of the street: `raise to 80` puts in 80 in all. A raise is at least as large as the bet or raise before it, unless
all-in.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from counterplay.engine.errors import UserError
from counterplay.games.holdem.sizes import BetSize, Facing, amounts
from counterplay.games.holdem.values import Chips, exact, in_chips, in_units, units_of

STREETS = ("preflop", "flop", "turn", "river")
RIVER = STREETS.index("river")
PLAYERS = ("oop", "ip")


def seat(player: int | str | None) -> int | None:
    """Return the number of a player who is named, "oop" or "ip", or numbered; raises `ValueError` for others."""
    if isinstance(player, str) and player.lower() in PLAYERS:
        return PLAYERS.index(player.lower())
    if player in (None, 0, 1, "0", "1"):
        return None if player is None else int(player)
    raise UserError(f"the players are oop and ip (0 and 1); there is no player {player}")


class Menu(NamedTuple):
    """What one player may bet on one street; `lead` replaces `bet` after OOP called on the street before."""

    bet: tuple[BetSize, ...] = ()
    raises: tuple[BetSize, ...] = ()
    lead: tuple[BetSize, ...] | None = None

    @property
    def sizes(self) -> tuple[BetSize, ...]:
        """Return all sizes."""
        return (*self.bet, *self.raises, *(self.lead or ()))

    def times(self, unit: int) -> "Menu":
        """Return the menu with sizes in chips times so much."""
        bet, raises, lead = (
            tuple(size._replace(value=size.value * unit) if size.kind == "c" else size for size in sizes or ())
            for sizes in self
        )
        return Menu(bet, raises, None if self.lead is None else lead)


class Turn(NamedTuple):
    """A decision as far as its bets depend on it, amounts in units."""

    street: int  # index into STREETS
    player: int
    pot: int  # in the middle once the bet to call, if any, is called
    stack: int  # at the start of the street
    last: int  # the bet to call; 0 if there is none
    raised: int  # by how much it raised the one before
    raises: int  # bets and raises so far on this street
    lead: bool  # the player would bet into the last aggressor


@dataclass(frozen=True)
class NoLimit:
    """No-limit betting with chosen sizes.

    `menus[street][player]` lists sizes, None for a street that is not played. All-in is added where it puts at most
    `add_allin` times the pot on top of the call, and a bet becomes all-in where at most `force_allin` times the pot
    would be left behind after a call. `raise_cap` is the number of raises a street, the bet not counted. Hands are
    shown after the street `last`; `blinds` are the small one, of player 1, and the big one, a bet before the flop.
    Bets are rounded to `rounding` chips, or to the decimals that any other amount has.
    """

    menus: tuple[tuple[Menu, Menu] | None, ...]
    add_allin: Fraction = Fraction(0)
    force_allin: Fraction = Fraction(0)
    raise_cap: int | None = None
    min_bet: Chips = 1
    last: int = RIVER
    blinds: tuple[Chips, Chips] = (0, 0)
    rounding: Chips = 1

    def __post_init__(self) -> None:
        if len(self.menus) != len(STREETS):
            raise UserError(f"menus must have one entry each for {', '.join(STREETS)}, not {len(self.menus)}")
        _check_blinds(self.blinds)
        for name in ("add_allin", "force_allin"):
            if getattr(self, name) < 0:
                raise UserError(
                    f"{name} must be zero or more, as a multiple of the pot, not {float(getattr(self, name)):g}"
                )
        if self.raise_cap is not None and self.raise_cap < 0:
            raise UserError(f"raise_cap must be zero or more raises, not {self.raise_cap}")
        if exact(self.min_bet, "min_bet") <= 0:
            raise UserError(f"min_bet must be more than no chips, not {self.min_bet}")
        if in_chips(1, units_of([self.rounding])) != self.rounding:
            raise UserError(f"rounding must be 1, 0.1, 0.01 or 0.001 chips, not {self.rounding}")
        for pair in self.menus:
            for size in (size for menu in pair or () for size in (*menu.bet, *(menu.lead or ()))):
                if size.kind == "c" and size.value < self.min_bet:
                    raise UserError(f"'{size}' makes no legal bet: the smallest bet is {self.min_bet} chips")

    @property
    def chips(self) -> list[Chips]:
        """Return all amounts that are given in chips."""
        sizes = [size for pair in self.menus for menu in pair or () for size in menu.sizes if size.kind == "c"]
        return [*(exact(size.value, str(size)) for size in sizes), self.min_bet, self.rounding, *self.blinds]

    def in_units(self, unit: int) -> "NoLimit":
        """Return the rules with chips of one unit each."""
        if unit == 1:
            return self
        menus = [pair and (pair[0].times(unit), pair[1].times(unit)) for pair in self.menus]
        small, big = (in_units(blind, unit) for blind in self.blinds)
        return replace(self, menus=tuple(menus), min_bet=in_units(self.min_bet, unit), blinds=(small, big))

    def plays(self, street: int) -> bool:
        """Tell whether there are sizes, be they none, for the street."""
        return self.menus[street] is not None

    def leads(self, street: int) -> bool:
        """Tell whether betting on a street depends on who called on the street before."""
        pair = self.menus[street]
        return pair is not None and pair[0].lead is not None

    def amounts(self, turn: Turn) -> list[int]:
        """Return what the player may bet, or raise to, in rising order."""
        pair = self.menus[turn.street]
        if pair is None or (self.raise_cap is not None and turn.raises > self.raise_cap):
            return []
        menu = pair[turn.player]
        lead = menu.lead if turn.lead and turn.player == 0 else None
        sizes = menu.raises if turn.raises else menu.bet if lead is None else lead
        least = turn.last + max(turn.raised, int(self.min_bet))
        facing = Facing(turn.pot, turn.last, least, turn.stack, self.last + 1 - turn.street)
        barred = turn.raises == 0 and lead == ()  # a player who may not lead does not move in either
        return amounts(sizes, facing, Fraction(0) if barred else self.add_allin, self.force_allin)


@dataclass(frozen=True)
class FixedLimit:
    """Limit betting: every bet and raise on a street is by `bets[street]` chips; `cap` counts them, the bet too.

    Hands are shown after the street `last`; `blinds` are the small one, of player 1, and the big one, which counts as
    the first bet before the flop.
    """

    bets: tuple[Chips | None, ...]
    cap: int = 4
    last: int = RIVER
    blinds: tuple[Chips, Chips] = (0, 0)

    def __post_init__(self) -> None:
        if len(self.bets) != len(STREETS) or any(bet is not None and bet <= 0 for bet in self.bets):
            raise UserError(f"a limit has a positive number of chips for {', '.join(STREETS)}, not {self.bets}")
        _check_blinds(self.blinds)
        if self.cap < 0:
            raise UserError(f"limit.cap must be zero or more bets and raises a street, not {self.cap}")

    @property
    def chips(self) -> list[Chips]:
        """Return all amounts that are given in chips."""
        return [*(bet for bet in self.bets if bet is not None), *self.blinds]

    def in_units(self, unit: int) -> "FixedLimit":
        """Return the rules with chips of one unit each."""
        small, big = (in_units(blind, unit) for blind in self.blinds)
        bets = tuple(None if bet is None else in_units(bet, unit) for bet in self.bets)
        return replace(self, bets=bets, blinds=(small, big))

    def plays(self, street: int) -> bool:
        """Tell whether the street has a bet size."""
        return self.bets[street] is not None

    def leads(self, street: int) -> bool:
        """Tell that the street before makes no difference."""
        return False

    def amounts(self, turn: Turn) -> list[int]:
        """Return the one amount to bet or to raise to, or none."""
        bet = self.bets[turn.street]
        if bet is None or turn.raises >= self.cap or turn.last >= turn.stack:
            return []
        return [min(turn.last + int(bet), turn.stack)]


BettingRules = NoLimit | FixedLimit


def _check_blinds(blinds: tuple[Chips, Chips]) -> None:
    if blinds != (0, 0) and not 0 <= blinds[0] < blinds[1]:
        raise UserError(f"blinds must be a small one and a larger big one, or (0, 0), not {blinds}")


class Rake(NamedTuple):
    """What the house takes: a per cent of the contested pot, at most `cap` chips."""

    percent: float = 0.0
    cap: float = math.inf

    def of(self, pot: float) -> float:
        """Return the rake of a pot, in chips."""
        return min(pot * self.percent / 100, self.cap)

    @property
    def taken(self) -> bool:
        """Tell whether the house takes anything."""
        return self.percent > 0 and self.cap > 0


NO_RAKE = Rake()
