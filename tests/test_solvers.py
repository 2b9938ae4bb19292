"""Solvers against known values, each other, and their own promises: resuming, stopping, repeating."""

import os
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest

import counterplay
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import LEAF
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.games.kuhn import Kuhn
from counterplay.solvers import SOLVERS, mmd
from counterplay.solvers.cfr import CFR, schedule
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.run import choose, kind_of
from counterplay.solvers.value import judge, judge_table
from counterplay.solvers.variants import VARIANTS

# Game values to player 0. Kuhn: Kuhn 1950. The others: sequence-form linear programmes of OpenSpiel and noregret.
VALUES = {"kuhn": -1 / 18, "leduc": -0.085606424078, "liars_dice(faces=4)": 1 / 16, "liars_dice(faces=5)": 0.008}


@pytest.fixture(scope="module")
def forms():
    return {name: sequence_form(compile_tree(make(name))) for name in VALUES}


@pytest.mark.parametrize("name", VALUES)
def test_linear_programme_gives_known_values(name):
    tree = compile_tree(make(name))
    verdict = judge_table(sequence_form(tree), solve_lp(tree))
    assert verdict.value[0] == pytest.approx(VALUES[name], abs=1e-9)
    assert verdict.exploitability == pytest.approx(0.0, abs=1e-9)


# Exploitability after 1,000 alternating iterations: our own runs, and independent ones of a prototype on histories.
AFTER_1000 = {
    "cfr": (9.4e-4, 1.2e-2, 1.7e-3),
    "cfr+": (8.7e-5, 2.5e-4, 4.5e-5),
    "dcfr-openspiel": (1.5e-4, 1.6e-4, 2.6e-5),
    "pcfr+": (2.5e-8, 7.1e-4, 1.5e-6),
    "pdcfr+": (1e-12, 9.0e-4, 2.1e-10),
    "sapcfr+": (1.1e-8, 2.0e-4, 4.6e-7),
    "hs-pcfr+": (1e-12, 1.0e-3, 1e-12),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_reach_their_figures(forms, name):
    for game, known in zip(
        ("kuhn", "leduc", "liars_dice(faces=4)"), AFTER_1000.get(name, (5e-3, 2e-2, 1e-2)), strict=True
    ):
        solver = CFR(forms[game], VARIANTS[name], horizon=1000)
        solver.advance(1000)
        verdict = judge(forms[game], solver.profile())
        assert -1e-12 <= verdict.exploitability <= 1.15 * known + 1e-12
        assert verdict.value[0] == pytest.approx(VALUES[game], abs=verdict.nash_conv + 1e-9)


@pytest.mark.parametrize("name", VARIANTS)
def test_simultaneous_updates_converge_too(forms, name):
    solver = CFR(forms["kuhn"], replace(VARIANTS[name], alternating=False), horizon=5000)
    solver.advance(5000)
    assert judge(forms["kuhn"], solver.profile()).exploitability < 1e-2


def test_update_orders_are_one_shift_of_the_discount():
    paper, openspiel = VARIANTS["dcfr"], VARIANTS["dcfr-openspiel"]
    assert np.array_equal(schedule(paper, 0, 9, 0)[:, :2], schedule(openspiel, 1, 9, 0)[:, :2])
    # Brown and Sandholm 2019, section 3: t^1.5 / (t^1.5 + 1) and 1/2; the average's plans weigh t^2.
    rows = schedule(openspiel, 0, 4, 0)
    t = np.arange(1, 5)
    assert rows[:, 0] == pytest.approx(t**1.5 / (t**1.5 + 1))
    assert rows[:, 1] == pytest.approx(0.5)
    assert rows[:, 2] == pytest.approx(((t - 1) / t) ** 2)


def test_schedules_move_between_their_ends():
    rows = schedule(VARIANTS["hs-dcfr"], 0, 10, 10)
    t = np.arange(1, 11)
    share = t / 10
    assert rows[:, 0] == pytest.approx(t ** (1 + 3 * share) / (t ** (1 + 3 * share) + 1))
    assert rows[:, 1] == pytest.approx(t ** (-1 - 2 * share) / (t ** (-1 - 2 * share) + 1))
    assert rows[:, 2] == pytest.approx(((t - 1) / t) ** (30 - 5 * share))


@pytest.mark.parametrize("algorithm", [a for a in SOLVERS.names if a != "lp"])
@pytest.mark.parametrize("game", ["kuhn", "leduc"])
def test_resuming_equals_an_unbroken_run(tmp_path, game, algorithm):
    whole = counterplay.solve(game, algorithm, iterations=300)
    counterplay.solve(game, algorithm, iterations=300, time=1e-9).save(tmp_path / "part.cps")  # one iteration
    part = counterplay.load(tmp_path / "part.cps")
    assert part.stopped_by == "time"
    resumed = counterplay.solve(resume=part, iterations=300)
    assert resumed.iterations == whole.iterations == 300
    assert np.array_equal(resumed.strategy, whole.strategy)
    assert all(np.array_equal(resumed.state[k], whole.state[k]) for k in whole.state)


def test_resuming_keeps_joint_play():
    whole = counterplay.solve("kuhn(players=3)", iterations=200)
    resumed = counterplay.solve(resume=counterplay.solve("kuhn(players=3)", iterations=77), iterations=200)
    assert resumed.figures == whole.figures


def test_equal_runs_give_equal_results():
    one, two = (counterplay.solve("leduc", iterations=100, seed=3) for _ in range(2))
    assert np.array_equal(one.strategy, two.strategy)


def test_stops_at_whichever_limit_comes_first():
    assert counterplay.solve("kuhn", iterations=7).iterations == 7
    reached = counterplay.solve("kuhn", target=1e-3, iterations=10_000)
    assert reached.stopped_by == "target"
    assert reached.exploitability <= 1e-3
    assert counterplay.solve("leduc", "cfr", target=1e-9, time=0.05).stopped_by == "time"


def test_starts_that_are_already_there_do_nothing():
    done = counterplay.solve("kuhn", iterations=50)
    assert counterplay.solve(resume=done, iterations=50).iterations == 50
    assert counterplay.solve("matching_pennies", target=1e-6).iterations == 0  # uniform play is its equilibrium


def test_ctrl_c_ends_between_iterations_and_can_go_on():
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    stopped = counterplay.solve("leduc", "cfr", iterations=10**9)
    assert stopped.stopped_by == "interrupt"
    assert 0 < stopped.iterations < 10**9
    n = stopped.iterations + 10
    fresh = counterplay.solve("leduc", "cfr", iterations=n)
    assert np.array_equal(counterplay.solve(resume=stopped, iterations=n).strategy, fresh.strategy)


def test_progress_is_told_and_changes_nothing():
    told = []
    watched = counterplay.solve("kuhn", iterations=100, on_progress=told.append)
    assert told[-1].iterations == 100
    assert [p.iterations for p in told] == sorted(p.iterations for p in told)
    assert np.array_equal(watched.strategy, counterplay.solve("kuhn", iterations=100).strategy)
    assert [c.iterations for c in watched.trace] == sorted({c.iterations for c in watched.trace})


def test_auto_is_a_member_of_the_family():
    for name in ("kuhn", "kuhn(players=3)", "shapley"):
        for target in (None, 1e-2, 1e-6):
            assert choose(kind_of(compile_tree(make(name))), "auto", target) in VARIANTS


def test_joint_play_approaches_a_coarse_correlated_equilibrium():
    for game in ("kuhn(players=3)", "shapley", "prisoners_dilemma"):
        early, late = (counterplay.solve(game, iterations=n) for n in (100, 10_000))
        assert 0 <= late.figures["coarse_gap"] <= early.figures["coarse_gap"]
        assert late.figures["coarse_gap"] < 0.01


def test_shapley_separates_joint_from_product_play():
    """In Shapley's game averages cycle: joint play converges, the product of its marginals is what NashConv judges."""
    solution = counterplay.solve("shapley", iterations=1000)
    assert solution.figures.keys() == {"coarse_gap"}
    assert solution.judge().nash_conv == pytest.approx(solution.nash_conv, abs=1e-12)


def test_three_player_kuhn_value_of_the_last_seat():
    """Payoffs sum to zero, and acting last is worth most (Szafron, Gibson and Sturtevant 2013)."""
    value = counterplay.solve("kuhn(players=3)", iterations=5000).value
    assert sum(value) == pytest.approx(0.0, abs=1e-12)
    assert value[2] > max(value[:2])


class Asymmetric:
    """Matching pennies with a prize of 3 on one side, by hand: its logit equilibrium is a fixed point of a line."""

    players = 2
    table = ((3.0, -1.0), (-1.0, 1.0))

    def root(self):
        return ()

    def turn(self, state):
        return LEAF if len(state) == 2 else len(state)

    def moves(self, state):
        return ("heads", "tails")

    def play(self, state, move):
        return (*state, move)

    def payoffs(self, state):
        value = self.table[state[0]][state[1]]
        return (value, -value)

    def sees(self, state, player):
        return "-"


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_mirror_descent_finds_the_logit_equilibrium(temperature):
    game = Asymmetric()
    solution = counterplay.solve(game, "mmd", temperature=temperature, target=1e-13, iterations=200_000)
    x, y = solution.strategy[:2, 0], solution.strategy[2:, 0]
    payoff = np.array(game.table)

    def logit(values):
        weights = np.exp((values - values.max()) / temperature)
        return weights / weights.sum()

    assert logit(payoff @ y) == pytest.approx(x, abs=1e-5)
    assert logit(-payoff.T @ x) == pytest.approx(y, abs=1e-5)
    assert solution.figures["qre_gap"] <= 1e-13


def test_mirror_descent_agrees_with_openspiel():
    """The dilated-entropy equilibrium of Kuhn poker at temperature 0.1, from OpenSpiel's implementation."""
    pyspiel = pytest.importorskip("pyspiel")
    theirs = pytest.importorskip("open_spiel.python.algorithms.mmd_dilated")
    best = pytest.importorskip("open_spiel.python.algorithms.exploitability")
    score = pytest.importorskip("open_spiel.python.algorithms.expected_game_score")
    game = pyspiel.load_game("kuhn_poker")
    solver = theirs.MMDDilatedEnt(game, 0.1, 0.5)
    for _ in range(1000):
        solver.update_sequences()
    policy = solver.get_policies()
    ours = counterplay.solve("kuhn", "mmd", temperature=0.1, target=1e-14, iterations=100_000)
    value = score.policy_value(game.new_initial_state(), [policy, policy])
    assert ours.value == pytest.approx(value, abs=1e-6)
    assert ours.exploitability == pytest.approx(best.exploitability(game, policy), abs=1e-6)


def test_mirror_descent_without_temperature_goes_to_nash():
    assert counterplay.solve("kuhn", "mmd", iterations=20_000).exploitability < 1e-9


@pytest.mark.nojit
def test_solvers_run_as_plain_python():
    form = sequence_form(compile_tree(Kuhn()))
    for name in ("cfr", "cfr+", "dcfr", "pcfr+"):
        solver = CFR(form, VARIANTS[name], 30)
        solver.advance(30)
        assert judge(form, solver.profile()).exploitability < 0.06
    descent = mmd.MMD(form, 0.5)
    descent.advance(60)
    assert descent.figures()["qre_gap"] < 1e-3


@pytest.mark.nojit
def test_three_players_run_as_plain_python():
    form = sequence_form(compile_tree(Kuhn(players=3)))
    solver = CFR(form, replace(VARIANTS["cfr+"], alternating=False), 0, joint=True)
    solver.advance(10)
    assert 0 < solver.figures()["coarse_gap"] < 0.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"algorithm": "cfrplus"}, "algorithms are"),
        ({"algorithm": "hs-pcfr+"}, "number of iterations"),
        ({"temperature": 0.1}, "goes with the algorithm mmd"),
        ({"algorithm": "mmd", "temperature": -1.0}, "temperature"),
        ({"algorithm": "lp", "updates": "simultaneous"}, "has none"),
        ({"updates": "both"}, "alternating or simultaneous"),
        ({"iterations": 0}, "1 or more"),
        ({"target": -1.0}, "above 0"),
        ({"target": float("nan")}, "above 0"),
        ({"time": 0.0}, "in seconds must be a number above 0"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        counterplay.solve("kuhn", **options)


@pytest.mark.parametrize("algorithm", ["lp", "mmd"])
@pytest.mark.parametrize("game", ["kuhn(players=3)", "prisoners_dilemma"])
def test_methods_without_a_guarantee_are_refused(game, algorithm):
    with pytest.raises(ValueError, match="two-player zero-sum"):
        counterplay.solve(game, algorithm)


def test_only_the_same_run_is_resumed():
    kuhn = counterplay.solve("kuhn", iterations=5)
    with pytest.raises(ValueError, match="of kuhn, not leduc"):
        counterplay.solve("leduc", resume=kuhn)
    with pytest.raises(ValueError, match=r"by pdcfr\+quarter, not cfr"):
        counterplay.solve("kuhn", "cfr", resume=kuhn)
    with pytest.raises(ValueError, match="nothing to resume"):
        counterplay.solve(resume=counterplay.solve("kuhn", "lp"))


@pytest.mark.parametrize("algorithm", SOLVERS.names)
def test_exploitability_agrees_with_openspiel_for_every_algorithm(algorithm):
    """Average (or last) strategies, judged by OpenSpiel's own code on OpenSpiel's own game of the same rules."""
    pyspiel = pytest.importorskip("pyspiel")
    adapter = pytest.importorskip("counterplay.games.foreign.to_openspiel")
    games = ["kuhn", "leduc", "liars_dice(faces=4)", "goofspiel(cards=4)", "openspiel:kuhn_poker"]
    if algorithm not in ("lp", "mmd"):
        games.append("kuhn(players=3)")
    if algorithm == "mccfr-public":
        games = games[:3]  # those with hands of two players
    for name in games:
        solution = counterplay.solve(name, algorithm, iterations=30)
        theirs = pyspiel.nash_conv(adapter.to_game(make(name)), solution.to_openspiel())
        assert solution.nash_conv == pytest.approx(theirs, abs=1e-9)
