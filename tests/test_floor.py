"""Payoffs far from one: runs that rounding keeps from their target end, and answers do not depend on the unit."""

from dataclasses import dataclass

import numpy as np
import pytest

import counterplay
from counterplay.engine.rules import LEAF
from counterplay.games.kuhn import Kuhn
from counterplay.solvers.run import _stalled


@dataclass(frozen=True)
class Scaled:
    """Rock paper scissors where the winner gets `unit`, and twice that with rock."""

    unit: float
    players = 2

    def root(self):
        return ()

    def turn(self, state):
        return LEAF if len(state) == 2 else len(state)

    def moves(self, state):
        return "rock", "paper", "scissors"

    def play(self, state, move):
        return (*state, move)

    def payoffs(self, state):
        won = {0: 0, 1: 1, 2: -1}[(state[0] - state[1]) % 3]
        gain = self.unit * won * (1 + (0 in state and 2 in state))
        return gain, -gain

    def sees(self, state, player):
        return "now"


EXACT = np.array([1, 2, 1]) / 4  # each move loses as much as it wins: rock and scissors 2 x 1/4, paper 1 x (1/4 - 1/4)


@pytest.mark.parametrize("unit", [1e19, 1e-19, 1e90, 1e-90])
@pytest.mark.parametrize("algorithm", ["auto", "mmd", "lp"])
def test_any_unit(unit, algorithm):
    solution = counterplay.solve(Scaled(unit), algorithm)
    assert solution.stopped_by in ("target", "floor", "exact")
    assert solution.exploitability <= 2e-3 * unit
    assert np.allclose(solution.strategy[:, 0], [*EXACT, *EXACT], atol=0.02)
    assert abs(solution.value[0]) < 1e-3 * unit


def test_a_target_below_rounding_ends():
    solution = counterplay.solve("kuhn", target=1e-18)
    assert solution.stopped_by in ("floor", "target")
    assert solution.exploitability < 1e-11


def test_sixteen_bits_end():
    spot = counterplay.make("examples/river_a.toml")
    solution = counterplay.solve(spot, compress=True, target="0.00001%")
    assert solution.stopped_by == "floor"
    assert solution.exploitability < 0.002 * spot.middle


def test_slow_progress_is_no_stall():
    assert _stalled([(n, 1 / np.sqrt(n)) for n in range(1, 2000)]) == np.inf
    assert _stalled([(1, 1.0), (2, 0.5), (3, 0.5)]) == np.inf  # too early to tell
    assert _stalled([(n, max(1 / n, 0.01)) for n in range(1, 1000)]) == 0.01


def test_payoffs_beyond_all_measure_are_refused():
    with pytest.raises(counterplay.UserError, match="larger units"):
        counterplay.solve(Scaled(1e200))


def test_games_for_one():
    game = 'EFG 2 R "one" { "me" }\np "" 1 1 "" { "a" "b" } 0\nt "" 1 "" { 2 }\nt "" 2 "" { 5 }\n'
    from counterplay.games.foreign.gambit import parse

    solution = counterplay.solve(parse(game, "one.efg"), iterations=100)
    assert solution.value[0] == pytest.approx(5, abs=0.2)
    assert solution.best == (5,)
    matrix = parse('NFG 1 R "one" { "me" } { 3 }\n1 7 2\n', "one.nfg")
    assert counterplay.solve(matrix, iterations=100).best == (7,)


def test_a_run_goes_on_while_it_gets_better():
    assert counterplay.solve(Kuhn(), target=1e-9).stopped_by == "target"
