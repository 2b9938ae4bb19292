"""Monte Carlo CFR: what it is told is right on average, it converges, and it goes on bit for bit."""

from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.strategy import to_vector
from counterplay.engine.sweeps import realise
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.solvers.cfr import iterate
from counterplay.solvers.mccfr import MCCFR
from counterplay.solvers.samplings import ONE, SAMPLINGS


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


def suits(name, game):
    """Tell whether a sampling takes a game: hands as vectors are those of two players."""
    return not SAMPLINGS[name].public or game in ("kuhn", "leduc", "one_card(cards=3)", "liars_dice(faces=4)")


@pytest.mark.parametrize(
    ("name", "game"),
    [
        (name, game)
        for name in SAMPLINGS
        for game in ("kuhn", "kuhn(players=3)", "goofspiel(cards=3)", "one_card(cards=3)")
        if suits(name, game)
    ],
)
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


AIMS = {  # iterations of external sampling, and what all reach in as much time
    "kuhn": (100_000, 0.012),
    "leduc": (60_000, 0.25),
    "liars_dice(faces=4)": (40_000, 0.1),
    "goofspiel(cards=4)": (20_000, 0.03),
    "kuhn(players=3)": (100_000, 0.015),
    "gambit(file='examples/beer_quiche.efg')": (100_000, 0.005),
}


@pytest.mark.parametrize(("name", "game"), [(n, g) for n in SAMPLINGS for g in AIMS if suits(n, g)])
def test_averages_converge(name, game, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    iterations, aim = AIMS[game]
    row = SAMPLINGS[name]
    share = 0.05 if row.public else 0.1 if row.others_all else 5 if row.traverser == ONE else 1
    assert counterplay.solve(game, name, iterations=int(iterations * share)).exploitability < aim


@pytest.mark.parametrize("game", ["goofspiel(cards=3)", "kuhn(players=3)"])
def test_vectors_of_hands_need_two_players_with_hands(game):
    with pytest.raises(UserError, match=r"mccfr-public carries the hands of two players.*take mccfr-chance"):
        counterplay.solve(game, "mccfr-public", iterations=10)


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


@pytest.mark.parametrize("name", SAMPLINGS)
def test_a_resumed_run_is_the_same_bit_for_bit(name, tmp_path):
    whole = counterplay.solve("kuhn", name, iterations=5000, seed=5)
    counterplay.solve("kuhn", name, iterations=2000, seed=5).save(tmp_path / "half.cps")
    resumed = counterplay.solve(resume=counterplay.load(tmp_path / "half.cps"), iterations=5000)
    assert np.array_equal(resumed.strategy, whole.strategy)
    if not SAMPLINGS[name].public:  # Kuhn poker has no public chance
        other = counterplay.solve("kuhn", name, iterations=5000, seed=6)
        assert not np.array_equal(other.strategy, whole.strategy)
