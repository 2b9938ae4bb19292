"""Duels: what one strategy earns against another in games played out, with as little luck in it as can be.

A deal is two games with the same luck of chance, one with each side in each seat (duplicate deals), and counts once, as
the mean of what A earned; so deals are independent, and their mean has an interval by Student's t. In games with a tree
that fits, AIVAT (`solvers.duels`) takes off more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.duel_sides import Side, arena, opened, seated, title
from counterplay.engine import arguments
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.strategy import uniform
from counterplay.solvers import duels

F64 = npt.NDArray[np.float64]
DEALS, PLAIN_DEALS = 10_000, 1_000  # in a tree, and state by state


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
    won: Estimate  # share of its games that A won, a draw as half a one

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
    AIVAT leaves the luck of their moves and hands in. Where the game has no tree that fits, games are played by its
    rules and AIVAT is left out. Raises `ValueError` for what does not fit.
    """
    deals = None if deals is None else arguments.whole("deals", deals, 2)
    seed = arguments.whole("seed", seed)
    names, (a, b) = (title(a, "A"), title(b, "B")), (opened(a, game), opened(b, game))
    field = arena(game, a, b)
    sides = (seated(a, field), seated(b, field))
    seeds = np.random.default_rng([seed, 13])
    if field.tree is None:
        many, aivat = PLAIN_DEALS if deals is None else deals, False
        paid = reduced = _by_rules(field.rules, sides, many, duplicate, seeds)
    else:
        many = DEALS if deals is None else deals
        paid, reduced = _in_tree(field.tree, sides, many, duplicate, seeds, aivat)
    return Duel(
        field.name,
        *names,
        many,
        seed,
        duplicate,
        (sides[0].table is not None, sides[1].table is not None),
        (float(paid[0].mean()), float(paid[1].mean())),
        _estimate(paid),
        _estimate(reduced) if aivat else None,
        float(paid[0].var(ddof=1) + paid[1].var(ddof=1)) / 4,
        _estimate((paid > 0) + 0.5 * (paid == 0)),
    )


def _estimate(earned: F64) -> Estimate:
    """Return what A earned a deal, of games in both seats, [2, D]."""
    from scipy.stats import t

    each = earned.mean(axis=0)
    variance = float(each.var(ddof=1))
    if variance <= (1e-12 * max(1.0, float(np.abs(each).max()))) ** 2:
        variance = 0.0
    half = float(t.ppf(0.975, len(each) - 1)) * sqrt(variance / len(each))
    return Estimate(float(each.mean()), half, variance)


def _in_tree(
    tree: Any, sides: tuple[Side, Side], deals: int, duplicate: bool, rng: np.random.Generator, aivat: bool
) -> tuple[F64, F64]:
    """Return what A was paid in each seat, and AIVAT's estimates, [2, D]; values are A's where it is known."""
    on = duels.board(tree)
    values = next((side.table for side in sides if side.table is not None), uniform(tree))
    orders = (sides, sides[::-1])
    tables = [(order[0].table, order[1].table) for order in orders]
    by = [duels.weigh(on, values, tables[seat], seat) if aivat else None for seat in range(2)]
    paid, reduced = np.empty((2, deals)), np.empty((2, deals))
    for begin in range(0, deals, duels.BATCH):
        part = slice(begin, min(begin + duels.BATCH, deals))
        luck = duels.lucks(on, part.stop - begin, rng)
        for seat, order in enumerate(orders):
            if seat and not duplicate:
                luck = duels.lucks(on, part.stop - begin, rng)
            asks = (order[0].ask, order[1].ask)
            paid[seat, part], reduced[seat, part] = duels.play(on, seat, tables[seat], asks, luck, by[seat])
    return paid, reduced


def _by_rules(rules: Any, sides: tuple[Side, Side], deals: int, duplicate: bool, rng: np.random.Generator) -> F64:
    """Return what A was paid in each seat, in games played state by state, [2, D]."""
    paid = np.empty((2, deals))
    for deal in range(deals):
        seeds = rng.integers(2**63, size=2)
        for seat, order in enumerate((sides, sides[::-1])):
            if seat and not duplicate:
                seeds = rng.integers(2**63, size=2)
            luck, moves = (np.random.default_rng(int(number)) for number in seeds)
            paid[seat, deal] = _game(rules, (order[0].choose, order[1].choose), luck, moves)[seat]
    return paid


def _game(
    rules: Any, choose: tuple[Callable[..., int], ...], luck: np.random.Generator, moves: np.random.Generator
) -> Any:
    state = rules.root()
    while (turn := rules.turn(state)) != LEAF:
        names = tuple(rules.moves(state))
        if turn == CHANCE:
            sums = np.cumsum(rules.chance(state))
            move = min(int(np.searchsorted(sums, luck.random() * sums[-1], side="right")), len(names) - 1)
        else:
            number = moves.random()
            move = 0 if len(names) == 1 else choose[turn](turn, state, names, number)
        state = rules.play(state, move)
    payoffs = rules.payoffs(state)
    if len(payoffs) != 2:
        raise UserError("a duel is of two players")
    return payoffs
