"""Duels: what one strategy earns against another in games played out, with as little luck in it as can be.

A deal is two games with the same luck of chance, one with each side in each seat (duplicate deals), and counts once, as
the mean of what A earned; so deals are independent, and their mean has an interval by Student's t. AIVAT takes off more
(`solvers.duels` in games with a tree that fits, `api.advantages` in others). A side that responds to the other
(`api.responses`) makes a lower bound on the other's exploitability of it.
"""

from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.api.duel_games import Earned, by_rules, in_env, in_tree, is_matched
from counterplay.api.duel_sides import Arena, Side, arena, opened, seated, title
from counterplay.api.responses import Response, named, own_mean, respond
from counterplay.engine import arguments
from counterplay.engine.errors import UserError

F64 = npt.NDArray[np.float64]
DEALS, PLAIN_DEALS = 10_000, 1_000  # in a tree, and without one


@dataclass(frozen=True)
class Estimate:
    """A mean over deals, with a 95 % interval."""

    mean: float
    error: float  # half of the interval
    variance: float  # of one deal

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.error

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.error


class LowerBound(NamedTuple):
    """A lower bound on what a side's exploitability is: what a response to it earns, at the lower end of 95 %."""

    of: str  # the side
    by: str  # what responds
    at_least: float


@dataclass(frozen=True)
class Duel:
    """What A earns a game against B, on average over both seats, in the game's units."""

    game: str
    a: str
    b: str
    deals: int  # of two games each
    seed: int
    duplicate: bool  # whether both games of a deal had the same luck
    known: tuple[bool, bool]  # whose strategy is known, so that AIVAT takes its luck off
    seats: tuple[float, float]  # what A earned as player 0, and as player 1
    paid: Estimate  # what the games paid
    reduced: Estimate | None  # by AIVAT; None without it
    plain: float  # variance of the mean of two games with luck of their own each
    matched: bool = False  # whether both games of a deal were drawn together, moves and all
    bound: LowerBound | None = None  # on B's exploitability, where A responds to it

    @property
    def best(self) -> Estimate:
        """The estimate with the least luck in it that was asked for."""
        return self.paid if self.reduced is None else self.reduced

    @property
    def mean(self) -> float:
        """What A earns a game."""
        return self.best.mean

    @property
    def error(self) -> float:
        """Half of the 95 % interval."""
        return self.best.error

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.best.low

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.best.high

    def times_fewer(self, estimate: Estimate | None = None) -> float:
        """Return how many times more games plain play needs for an interval as short as that of an estimate."""
        least = (self.best if estimate is None else estimate).variance
        return self.plain / least if least > 0 else float("inf") if self.plain > 0 else 1.0


def duel(
    game: Any,
    a: Any,
    b: Any,
    *,
    deals: int | None = None,
    seed: int = 0,
    aivat: bool = True,
    duplicate: bool = True,
) -> Duel:
    """Play two strategies against each other in both seats of a game for two, and return what A earns.

    `game` is whatever `solve` takes, or None for that of a side which is a solution or a run. A side is a solution or
    its file, a run in a turn-based game or its folder, a dictionary of information sets, an array, an OpenSpiel policy,
    "uniform", or a function of (player, label, actions) that returns probabilities. A function may also return one of
    the actions: such a side, and OpenSpiel's bots (one for each seat), only act, and their strategies are not known;
    AIVAT leaves the luck of their moves and hands in. A may be "lbr" or "abr" too, such as "abr(learner=iql,
    steps=50000)": a local best response to B, or one that a learner approximates; then `bound` has a lower bound on B's
    exploitability.

    Where the game has no tree that fits, games are played in its environment or by its rules, and AIVAT is left out
    unless a side is a solution of a hold'em spot without rake, or one in steps. Raises `ValueError` for what does not
    fit.
    """
    deals = None if deals is None else arguments.whole("deals", deals, 2)
    seed = arguments.whole("seed", seed)
    response, names = named(a), (title(a, "A"), title(b, "B"))
    if named(b) is not None:
        raise UserError(f"whoever responds is the first side: duel {b} FILE")
    a, b = None if response is not None else opened(a, game), opened(b, game)
    field = arena(game, a, b)
    other = seated(b, field)
    mine = seated(a, field) if response is None else respond(response, b, other, field, seed)
    found, sides = _played(field, (mine, other), deals, seed, duplicate, aivat), (mine, other)
    paid, reduced = found.paid, found.reduced
    duelled = Duel(
        field.name,
        *names,
        paid.shape[1],
        seed,
        duplicate,
        (_is_known(mine), _is_known(other)),
        (float(paid[0].mean()), float(paid[1].mean())),
        _estimate(paid),
        None if reduced is None else _estimate(reduced),
        float(paid[0].var(ddof=1) + paid[1].var(ddof=1)) / 4,
        duplicate and field.tree is not None and is_matched(field.tree, sides),
    )
    return duelled if response is None else _bounded(duelled, response, field, other, found)


def _is_known(side: Side) -> bool:
    return side.table is not None or side.own is not None


def _played(on: Arena, sides: tuple[Side, Side], deals: int | None, seed: int, duplicate: bool, aivat: bool) -> Earned:
    """Play the games where they can be played."""
    seeds = np.random.default_rng([seed, 13])
    many = (DEALS if on.tree is not None else PLAIN_DEALS) if deals is None else deals
    if on.tree is not None and all(side.table is not None or side.ask is not None for side in sides):
        return in_tree(on.tree, sides, many, duplicate, seeds, aivat)
    if on.task is not None:
        return in_env(on.task, sides, many, duplicate, seeds, aivat)
    return by_rules(on.rules, sides, many, duplicate, seeds, aivat)


def _bounded(found: Duel, response: Response, on: Arena, other: Side, earned: Earned) -> Duel:
    """Return a duel with the lower bound that its response makes."""
    constant = float(earned.both.mean()) if np.ptp(earned.both) < 1e-6 else None
    at_least = max(0.0, found.low - own_mean(on, other, constant))
    return replace(found, bound=LowerBound(found.b, response.words, at_least))


def _estimate(earned: F64) -> Estimate:
    """Return what A earned a deal, of games in both seats, [2, D]."""
    from scipy.stats import t

    each = earned.mean(axis=0)
    variance = float(each.var(ddof=1))
    if variance <= (1e-12 * max(1.0, float(np.abs(each).max()))) ** 2:
        variance = 0.0
    half = float(t.ppf(0.975, len(each) - 1)) * sqrt(variance / len(each))
    return Estimate(float(each.mean()), half, variance)
