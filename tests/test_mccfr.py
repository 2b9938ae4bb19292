"""Monte Carlo CFR: what it is told is right on average, it converges, and it goes on bit for bit."""

import numpy as np
import pytest

import counterplay
from counterplay.engine.form import sequence_form
from counterplay.engine.strategy import to_vector
from counterplay.engine.sweeps import realise
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.solvers.cfr import iterate
from counterplay.solvers.mccfr import MCCFR
from counterplay.solvers.samplings import SAMPLINGS


def matched(tree, regret):
    """Return the table that matches the positive parts of a table of regrets."""
    table = np.maximum(regret, 0)
    for i in range(len(tree.labels)):
        rows = slice(tree.first[i], tree.first[i + 1])
        mass = table[rows].sum(axis=0)
        table[rows] = np.where(mass > 0, table[rows] / np.where(mass > 0, mass, 1), 1 / (rows.stop - rows.start))
    return table


def exact(tree, form, table):
    """Return the counterfactual regrets of all players at once, by the full-width kernel."""
    size = form.sequences * form.origin.shape[1]
    sigma = to_vector(form, table)
    regret, total = np.zeros(size), np.zeros(size)
    plan = realise(form, sigma)
    rows = np.ones((1, 3))
    iterate(
        form,
        regret,
        total,
        sigma,
        plan,
        np.zeros(size),
        np.zeros(0),
        np.zeros(form.players),
        rows,
        0.0,
        False,
        form.lanes,
    )
    found = np.zeros((tree.rows, tree.lanes))
    found.reshape(-1, form.width)[form.row[form.players :]] = regret.reshape(form.sequences, -1)[
        form.players :, : form.width
    ]
    return found


@pytest.mark.parametrize("name", SAMPLINGS)
@pytest.mark.parametrize("game", ["kuhn", "kuhn(players=3)", "goofspiel(cards=3)", "one_card(cards=3)"])
def test_regrets_are_right_on_average(name, game):
    tree = compile_tree(make(game))
    form = sequence_form(tree)
    rng = np.random.default_rng(7)
    before = rng.normal(size=(tree.rows, tree.lanes))
    told = exact(tree, form, matched(tree, before))
    solver = MCCFR(tree, form, SAMPLINGS[name], seed=3)
    mine = np.isin(tree.owner, 0).repeat(np.diff(tree.first))  # player 0 goes first, before anything changes
    baselines = rng.normal(size=solver.tables.baseline.shape)
    sums, squares, count = np.zeros(before.shape), np.zeros(before.shape), 6000
    for _ in range(count):
        solver.tables.regret[:] = before.reshape(-1)
        solver.tables.baseline[:] = baselines
        solver.iterations = 0
        solver.advance(1)
        change = solver.tables.regret.reshape(before.shape) - before
        sums += change
        squares += change**2
    mean = sums / count
    error = np.sqrt(np.maximum(squares / count - mean**2, 0) / count)
    off = np.abs(mean - told)[mine] - 5 * error[mine]
    assert off.max() < 1e-9


@pytest.mark.parametrize("name", SAMPLINGS)
def test_averages_converge(name):
    solution = counterplay.solve("kuhn", name, iterations=300_000)
    assert solution.exploitability < 0.01
    assert abs(solution.value[0] + 1 / 18) < 0.002


def test_lanes_and_histories_agree():
    """Leduc's tree has lanes, OpenSpiel's import of Kuhn none; both come near the value that is known."""
    assert counterplay.solve("leduc", "mccfr-external", iterations=200_000).exploitability < 0.06
    three = counterplay.solve("kuhn(players=3)", "mccfr-external", iterations=100_000)
    assert three.exploitability < 0.01


def test_baselines_lower_the_variance():
    spread = {}
    for name in ("mccfr-outcome", "mccfr-outcome-vr"):
        runs = [counterplay.solve("leduc", name, iterations=40_000, seed=k).exploitability for k in range(3)]
        spread[name] = np.mean(runs)
    assert spread["mccfr-outcome-vr"] < spread["mccfr-outcome"]


@pytest.mark.parametrize("name", ["mccfr-external", "mccfr-outcome-vr"])
def test_a_resumed_run_is_the_same_bit_for_bit(name, tmp_path):
    whole = counterplay.solve("kuhn", name, iterations=5000, seed=5)
    counterplay.solve("kuhn", name, iterations=2000, seed=5).save(tmp_path / "half.cps")
    resumed = counterplay.solve(resume=counterplay.load(tmp_path / "half.cps"), iterations=5000)
    assert np.array_equal(resumed.strategy, whole.strategy)
    other = counterplay.solve("kuhn", name, iterations=5000, seed=6)
    assert not np.array_equal(other.strategy, whole.strategy)
