"""Re-solving a blueprint of hold'em: its first streets are kept, all that follows is solved anew, and all is judged.

That is how a player of the blueprint plays that solves each subgame as it comes to it. In a game whose boards can all
be laid out, as those of royal hold'em can, every subgame that it may come to is solved, and what it plays is judged as
a whole, by best responses that see every hand as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterplay.api.blueprint_measuring import whole_layout
from counterplay.api.blueprint_solution import Blueprint, Unit, unit_of
from counterplay.engine import arguments
from counterplay.engine.compiling import clock
from counterplay.engine.errors import UserError
from counterplay.engine.streets import Tables
from counterplay.engine.system import available, cores
from counterplay.engine.text import size
from counterplay.games import GAMES
from counterplay.games.holdem.betting import STREETS
from counterplay.games.holdem.chain import judged_on
from counterplay.games.holdem.layout import facing
from counterplay.games.holdem.spot import Spot
from counterplay.solvers.gadgets import NONE, RESOLVE, check_gadget
from counterplay.solvers.streets import parts
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.resolving import Resolving, resolve
from counterplay.solvers.value import Judgement
from counterplay.solvers.variants import VARIANTS

ITERATIONS = 100
_VARIANT = VARIANTS["dcfr3"]
_ROOM = 200 * 2**20  # bytes beside the layout and a table of strategies


@dataclass(frozen=True)
class ResolvedSpot:
    """A blueprint with re-solved streets, and what both are worth: exactly, in the whole game, in chips."""

    spot: Spot
    street: str  # the first one that was solved anew
    gadget: str
    iterations: int  # of each subgame, and of each player's where there is a gadget
    roots: int  # boards, with a way of betting or some, at which subgames begin
    seconds: float  # that they took
    before: Judgement
    after: Judgement
    excess: tuple[float, float]  # the most that each player's best response may have won by re-solving

    @property
    def exploitability(self) -> float:
        """Return NashConv of the strategy with re-solved streets, divided by two, in chips."""
        return self.after.exploitability

    @property
    def unit(self) -> Unit:
        """Return how exploitabilities are told."""
        return unit_of(self.spot)

    def figures(self) -> dict[str, Any]:
        """Return all of it, for JSON."""
        return {
            "game": self.spot.name,
            "from": self.street,
            "gadget": self.gadget,
            "iterations": self.iterations,
            "roots": self.roots,
            "seconds": self.seconds,
            "exploitability": self.after.exploitability,
            "nash_conv": self.after.nash_conv,
            "value": self.after.value,
            "best_response": self.after.best,
            "blueprint_exploitability": self.before.exploitability,
            "blueprint_best_response": self.before.best,
            "excess": self.excess,
            self.unit.name: self.after.exploitability * self.unit.scale,
        }


def resolve_blueprint(
    plan: Any,
    street: str = STREETS[-1],
    gadget: str = RESOLVE,
    *,
    iterations: int = ITERATIONS,
    threads: int | None = None,
    game: Any = None,
    on_progress: Callable[[str, float], None] | None = None,
) -> ResolvedSpot:
    """Re-solve all that follows the streets before `street` in a blueprint's game, and judge what comes of it.

    `gadget` is "none" (unsafe), "resolve" (CFR-D), "maxmargin" or "reach". With one each player's subgames are solved
    for that player alone, so that the other's best responses gain nothing but what `excess` says. `game`, where it is
    given, has to be the blueprint's. `on_progress(what, part)` hears how far it is. Raises `ValueError` for what cannot
    be solved anew, and for a game too large to lay out.
    """
    many = cores() if threads is None else arguments.whole("threads", threads, 1, arguments.THREADS)
    arguments.whole("iterations", iterations, 1)
    depth = _check(plan, street, gadget, game)
    spot = plan.spot
    laid = whole_layout(spot)
    need, free = 4 * laid.game.entries + _ROOM, available()
    if need > free:
        raise UserError(f"the strategies of the whole game take {size(need)}, and {size(free)} are free")
    total = parts.by_lanes(laid.game, judged_on(plan.chain, laid), plan.total)
    none = np.zeros(0, np.float32)
    run = SubgameCFR(laid.game, spot.pot, _VARIANT, threads=many, kept=Tables(total, total, none, none))
    before, began = run.judge(), clock()
    how = Resolving(depth, gadget, _VARIANT, iterations)
    tell = None if on_progress is None else lambda part: on_progress(f"re-solving the {street}", part)
    told = resolve(laid.game, total, how, facing(laid), many, tell)
    seconds = clock() - began
    one, two = (x / run.deals for x in told.excess)
    return ResolvedSpot(spot, street, gadget, iterations, told.roots, seconds, before, run.judge(), (one, two))


def _check(plan: Any, street: str, gadget: str, game: Any) -> int:
    """Return how many streets are kept; raises `ValueError` for what cannot be solved anew."""
    if not isinstance(plan, Blueprint):
        raise UserError("the streets of hold'em are solved anew from a blueprint, as 'counterplay blueprint' makes it")
    spot = plan.spot
    if game is not None and GAMES.make(game) != spot:
        raise UserError(f"the blueprint is of another spot, {plan.game}")
    first, last = STREETS.index(spot.street), spot.betting.last
    after = STREETS[first + 1 : last + 1]
    if street not in after:
        raise UserError(f"what is solved anew begins on the {' or the '.join(after)}, not on {street!r}")
    check_gadget(gadget)
    if gadget != NONE and spot.rake.taken:
        raise UserError("with rake what one player gives up is not what the other wins, and gadgets count on that")
    if not plan.fits_whole():
        raise UserError("all subgames at once are for games whose boards can all be laid out, and these cannot")
    return STREETS.index(street) - first
