"""Spots cut off after a street: answers for leaves, against tables of chances and solves of the rest."""

import numpy as np
import pytest

from counterplay.engine.streets import KINDS, NET
from counterplay.games.holdem.equity import equities
from counterplay.games.holdem.layout import layout
from counterplay.games.holdem.nets import lay_out_to
from counterplay.games.holdem.spot import parse_spot, spot_from_flags
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.nets import CutCFR
from counterplay.solvers.streets.rest import Rest, locked
from counterplay.solvers.variants import VARIANTS

DCFR = VARIANTS["dcfr3"]


def turn(**options):
    given = {"board": "Ks Qd Jh Th", "stack": 24, "pot": 8, "bets": "100%", "oop": "AsAh,KdKc,QsQc:0.5,AdTs",
             "ip": "AcKh,JsJd,QhTc,AhQs:0.7", "variant": "royal"}  # fmt: skip
    return spot_from_flags(**{**given, **options})


class CheckedDown:
    """Both only check from there on: products with a board's table of chances, as TABLE leaves have it."""

    def __init__(self, laid, ends):
        deck, boards = laid.deck, laid.game.boards
        streets = {deck.board.index(len(board)) for board in laid.boards}
        self.chances, self.game, self.ends = (
            equities(deck, laid.boards, boards, 3, streets, laid.combos),
            laid.game,
            ends,
        )
        self.board = {board: b for b, board in enumerate(laid.boards)}

    def values(self, states, ranges):
        found = np.zeros_like(ranges)
        for k in states:
            b, boards = self.board[self.ends[k].board], self.game.boards
            (n, m), w = boards.lanes[b], int(boards.width[b])
            ahead = self.chances.ahead[int(self.chances.at[b]) :][: n * w].reshape(n, w)[:, :m]
            half = self.ends[k].start.pot / 2
            found[k, 0, :n], found[k, 1, :m] = half * ahead @ ranges[k, 1, :m], -half * ahead.T @ ranges[k, 0, :n]
        return found


def as_tables(laid, chances):
    """Return the cut game with its ends as TABLE leaves."""
    bounds = laid.game.leaves.bounds.copy()
    for t in range(len(laid.game.templates.entries)):
        bounds[KINDS * t + NET] = bounds[KINDS * t + NET + 1]
    return laid.game._replace(leaves=laid.game.leaves._replace(bounds=bounds), equities=chances)


@pytest.mark.parametrize("street", ["turn", "flop", "turn after a flop"])
def test_hands_checked_down_are_table_leaves(street):
    """On the root's street, and on many boards after it: the strategies are those of the same game with tables."""
    flop = "flop" in street
    spot = turn(board="Ks Qd Jh" if flop else "Ks Qd Jh Th", raises="100%", raise_cap=2, stack=100)
    laid, ends = lay_out_to(spot, "flop" if street == "flop" else "turn")
    assert len(ends) == len(laid.game.nets.ranges) > (100 if "after" in street else 4)
    evaluator = CheckedDown(laid, ends)
    same = SubgameCFR(as_tables(laid, evaluator.chances), spot.pot, DCFR, every=1)
    run = CutCFR(laid.game, evaluator, DCFR)
    for count in (1, 3):
        run.advance(count)
        same.advance(count)
        far = ~np.isclose(run.tables.regret, same.tables.regret, rtol=2e-3, atol=1e-4)
        assert far.mean() <= (0.0 if count == 1 else 0.01)  # rounding breaks ties in regret
    value, _ = run.worth()
    assert value / same.deals + spot.pot / 2 == pytest.approx(same.judge().value[0], abs=2e-3)


def unswapped(spot):
    weights = spot.weights[0], spot.weights[1]
    return layout(spot.deck, spot.board, weights, spot.trees, spot.betting, symmetry=False)


def test_a_solve_of_the_rest_is_the_tables_where_nobody_bets():
    spot = parse_spot(
        'variant = "royal"\nboard = "Ks Qd Jh Th"\npot = 8\nstack = 24\n[range]\noop = "random"\nip = "AA,KQ,JT"\n'
        '[bets.turn]\nbet = "100%"\n[bets.river]\nbet = []'
    )
    laid, ends = lay_out_to(spot, "turn")
    ranges = np.zeros_like(laid.game.nets.ranges)
    for p in range(2):
        n = int(laid.game.boards.lanes[0, p])
        ranges[:, p, :n] = np.random.default_rng(p).random((len(ends), n))
    expected = CheckedDown(laid, ends).values(np.arange(len(ends)), ranges)
    evaluator = Rest(unswapped(spot).game, DCFR, 2)
    np.testing.assert_allclose(evaluator.values(np.arange(len(ends)), ranges), expected, rtol=1e-4, atol=1e-3)
    some = np.array([2, 0])
    np.testing.assert_allclose(evaluator.values(some, ranges[some]), expected[some], rtol=1e-4, atol=1e-3)


def test_a_solve_of_the_rest_makes_the_whole():
    """What the turn is worth, and what its strategies are worth where the rest is played as well as it can be."""
    spot = turn(oop="random", ip="random")
    whole = unswapped(spot).game
    solved = SubgameCFR(whole, spot.pot, DCFR)
    solved.advance(200)
    true = solved.judge()
    assert true.exploitability < 5e-3
    laid, ends = lay_out_to(spot, "turn")
    assert {end.start.pot for end in ends} == {8, 24}
    run = CutCFR(laid.game, Rest(whole, DCFR, 30), DCFR)
    run.advance(30)
    value, other = run.worth()
    assert value / solved.deals + spot.pot / 2 == pytest.approx(true.value[0], abs=0.05)
    assert value == pytest.approx(-other, abs=0.05 * solved.deals)  # best responses to what is not quite solved

    def loss(total, p):
        held = SubgameCFR(locked(whole, total, p), spot.pot, DCFR)
        held.advance(200)
        return true.value[p] - held.judge().value[p]

    careless = np.random.default_rng(0).random(laid.game.entries).astype(np.float32)
    for p in range(2):
        assert -0.01 < loss(run.tables.total, p) < 0.02
        assert abs(loss(solved.tables.total, p)) < 0.005
        assert loss(careless, p) > 0.3


def test_ranges_at_the_ends_are_the_plans_there():
    spot = turn()
    laid, ends = lay_out_to(spot, "turn")
    run = CutCFR(laid.game, CheckedDown(laid, ends), DCFR)
    run.advance(3)
    same = SubgameCFR(laid.game, spot.pot, DCFR, kept=run.tables)
    plans, at = same.plans(), laid.sequence[0][0][laid.streets[0].kind == 6]
    expected = np.array([[plans[s] for s in both] for both in at])
    np.testing.assert_allclose(run.ranges()[:, :, : expected.shape[2]], expected, atol=1e-6)
