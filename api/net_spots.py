"""Value networks for hold'em spots that are cut off after their first street.

A network is for one deck, one street and one betting: its public states are that street's boards and the ways in which
its betting may end. States to learn from come from spots with random boards and ranges: their first street is played as
a solve plays it on the way, and what follows is solved (`solvers.streets.rest`). Networks have a lane for each hand of
the deck; `net_streets` finds a spot's own lanes among them.

Shape letters: N ends, W lanes of a spot, H hands of the deck, S states.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from counterplay.api.net_streets import OnBoard, described, hands_of
from counterplay.engine.streets import Subgame, Tables
from counterplay.games.holdem.layout import StreetLayout, layout
from counterplay.games.holdem.nets import lay_out_to
from counterplay.games.holdem.spot import Spot
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.decisions import UPDATE, VALUE
from counterplay.solvers.streets.nets import CutCFR, ask
from counterplay.solvers.streets.rest import Rest, locked
from counterplay.solvers.value import Judgement
from counterplay.solvers.variants import VARIANTS

if TYPE_CHECKING:  # torch is imported where networks are
    from counterplay.agents.strength_net import SpotNet, SpotSamples
    from counterplay.agents.value_training import Plan

F32 = npt.NDArray[np.float32]

VARIANT = VARIANTS["dcfr3"]
TIMES = 2  # that a board of a job is played
_PLAYED = (1, 2, 4, 8, 16, 32)  # iterations after which a solve's ranges are taken


def whole(spot: Spot) -> StreetLayout:
    """Return the layout of all of a spot, whose deals are not up to suits: its ranges may be any."""
    weights = spot.weights[0], spot.weights[1]
    return layout(spot.deck, spot.board, weights, spot.trees, spot.betting, spot.rake, symmetry=False)


def random_range(strength: F32, rng: np.random.Generator) -> F32:
    """Return a random range over hands that differ in strength, of sum 1: halves by strength get random shares."""
    order, found = np.argsort(strength, kind="stable"), np.zeros(len(strength), np.float32)
    stack = [(order, 1.0)]
    while stack:
        some, mass = stack.pop()
        if len(some) == 1:
            found[some] = mass
            continue
        part, half = rng.random(), len(some) // 2
        stack += [(some[:half], mass * part), (some[half:], mass * (1 - part))]
    return found


def states_of(spot: Spot, rng: np.random.Generator, times: int, iterations: int) -> "SpotSamples":
    """Return states at the ends of a spot's first street: of random ranges, played so many times.

    Each time the street is played by the strategies of a solve that has just begun, present or average; what follows
    is solved by so many iterations.
    """
    from counterplay.agents.strength_net import SpotSamples

    laid, (cut, ends) = whole(spot), lay_out_to(spot, spot.street)
    deck, w = laid.deck, int(laid.game.boards.width[0])
    places = [np.searchsorted(hands_of(deck), mine) for mine in laid.combos]
    about, rest = described(deck, spot.betting.last, ends), Rest(laid.game, VARIANT, iterations)
    strength = about.ahead[0].sum(axis=1) / np.maximum((about.chance[0] > 0).sum(axis=1), 1)
    states, ranges, values = list[int](), list[F32](), list[F32]()
    for _ in range(times):
        reach = np.zeros((2, w), np.float32)
        for p, mine in enumerate(places):
            reach[p, : len(mine)] = random_range(strength[mine], rng)
        run = SubgameCFR(laid.game._replace(reach=reach), spot.pot, VARIANT)
        run.advance(int(rng.choice(_PLAYED)))
        game = cut.game._replace(reach=reach)
        given = _ranges(game, run.tables, UPDATE if rng.random() < 0.5 else VALUE)
        found = rest.values(np.arange(len(ends)), given)
        mass = given.sum(axis=2)
        for k in np.flatnonzero(mass.min(axis=1) > 1e-6).tolist():
            pair = np.zeros((2, 2, len(strength)), np.float32)
            for p, mine in enumerate(places):
                pair[0, p, mine] = given[k, p, : len(mine)] / mass[k, p]
                pair[1, p, mine] = found[k, p, : len(mine)] / (mass[k, 1 - p] * about.unit[k])
            states.append(k)
            ranges.append(pair[0])
            values.append(pair[1])
    shape = (-1, 2, len(strength))
    normal, worth, at = np.array(ranges).reshape(shape), np.array(values).reshape(shape), np.array(states, np.int64)
    beyond = worth - about.checked_down(at, normal) / about.unit[at, None, None]
    board = np.tile(np.array(sorted(spot.board), np.int32), (len(at), 1))
    return SpotSamples(board, about.share[at], normal, beyond.astype(np.float32))


def _ranges(game: Subgame, tables: Tables, mode: int) -> F32:
    """Return both players' plans at the ends of the first street by the tables of the whole game, [N, 2, W]."""
    run = CutCFR(game, None, VARIANT)
    size = len(run.tables.total)
    part = Tables(tables.regret[:size], tables.total[:size], tables.regret_scale, tables.total_scale)
    ask(game, part, run.work, mode)
    found: F32 = game.nets.ranges.copy()
    return found


def random_board(spot: Spot, rng: np.random.Generator) -> Spot:
    """Return the spot on a random board of as many cards, with all hands in both ranges."""
    board = tuple(int(c) for c in rng.choice(spot.deck.cards, len(spot.board), replace=False))
    return replace(spot, board=board, ranges=("random", "random"))


def job(spot: Spot, plan: "Plan", number: int) -> "SpotSamples":
    """Return the states of a job of a plan: of a random board, played twice; they follow from the job's number."""
    rng = np.random.Generator(np.random.PCG64([plan.seed, 1, number]))
    return states_of(random_board(spot, rng), rng, TIMES, plan.iterations)


def cut_run(spot: Spot, net: "SpotNet | None", horizon: int = 0) -> CutCFR:
    """Return a run on a spot's first street, at whose ends a network is asked; without one nobody bets any more.

    The network is one of that deck, street and betting.
    """
    laid, ends = lay_out_to(spot, spot.street)
    street = described(laid.deck, spot.betting.last, ends)
    return CutCFR(laid.game, OnBoard(street, net, ends, laid.deck), VARIANT, horizon)


def losses(spot: Spot, totals: Sequence[F32], iterations: int) -> tuple[Judgement, list[tuple[float, float]]]:
    """Return what a spot is worth, and what both players lose by the first street's strategies of tables, in chips.

    A player keeps to them on that street, where its opponent knows it, and all else is played as well as it can be:
    solved by so many iterations.
    """
    game = whole(spot).game

    def judged(some: Subgame) -> Judgement:
        run = SubgameCFR(some, spot.pot, VARIANT)
        run.advance(iterations)
        return run.judge()

    true = judged(game)
    found = [[true.value[p] - judged(locked(game, total, p)).value[p] for p in range(2)] for total in totals]
    return true, [(one, two) for one, two in found]
