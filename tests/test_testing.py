"""The kit of `counterplay.testing`: planted faults are caught, what is right passes, foreign things are taken."""

import os
import subprocess
import sys
from functools import partial
from random import Random

import mutants
import numpy as np
import pytest
from hypothesis import find, given, settings

import counterplay
from counterplay.agents import returns
from counterplay.api.testing import bounds, drawn, plain, textbook
from counterplay.api.testing.classics import CLASSICS
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import is_factored
from counterplay.engine.size import estimate
from counterplay.engine.tree import compile_tree
from counterplay.games import GAMES, make
from counterplay.solvers import SOLVERS
from counterplay.solvers.value import judge_table
from counterplay.testing import (
    Chance,
    DealtTree,
    Decision,
    Flip,
    GameTree,
    Leaf,
    Pays,
    Stones,
    check_environment,
    check_game,
    check_learner,
    check_same_game,
    check_solver,
    check_strategy,
    games,
    spots,
    strategies,
    write_down,
)

WRITTEN = {c.__name__: c for c in (Chance, DealtTree, Decision, Flip, GameTree, Leaf, Pays, Stones)}
few = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize(("part", "fault"), mutants.CASES)
def test_planted_faults_are_caught(part, fault):
    said, _ = mutants.caught(part, fault)
    assert said
    shown = said.partition("\nin\n")[2]
    if shown.startswith(tuple(WRITTEN)):  # the counterexample is code
        assert eval(shown, dict(WRITTEN)) is not None


@pytest.mark.parametrize("part", mutants.PARTS)
def test_what_is_right_passes(part):
    said, _ = mutants.caught(part, "")
    assert said == ""


def test_there_are_faults_enough():
    assert len(mutants.CASES) >= 40


@few
@given(games((2, 3), zero_sum=None, kinds=("tree", "dealt", "stones")))
def test_drawn_games_are_well_formed_and_printed_as_code(game):
    check_game(game)
    assert eval(repr(game), dict(WRITTEN)) == game


def test_games_shrink_to_small_ones():
    smallest = find(games(), lambda game: any(p > 0 for p, _ in plain.infosets(game)), settings=settings(database=None))
    assert len(repr(smallest)) < 200


@few
@given(games(kinds=("stones",)))
def test_factored_games_have_a_tree_too(game):
    check_game(game)


def test_strategies_are_judged_alike_by_definition_and_by_the_engine():
    @few
    @given(strategies("kuhn"))
    def alike(strategy):
        judged = counterplay.judge("kuhn", strategy)
        found = check_strategy("kuhn", strategy, value=judged.value, best=judged.best, tolerance=1e-9)
        assert found.exploitability == pytest.approx(judged.exploitability)

    alike()


@few
@given(games((1, 2, 3), zero_sum=None))
def test_best_responses_by_definition_are_the_best_of_all(game):
    profile = drawn.grow_strategy(Random(1).randrange, plain.infosets(game))
    for p in range(game.players):
        if plain.pure_strategies(game, p) <= 200:
            wanted = plain.best_by_enumeration(game, profile, p)
            assert plain.best_response(game, profile, p)[0] == pytest.approx(wanted, abs=1e-9)


@few
@given(spots(hands=3))
def test_drawn_spots_can_be_solved(spot):
    assert counterplay.solve(spot, iterations=2).exploitability >= -1e-3


SPECS = [
    spec
    for entry in GAMES
    if entry.name != "holdem"
    for spec in entry.examples
    if ("file=" in spec or not is_factored(make(spec))) and estimate(make(spec)).nodes < 3000
]


# Of push or fold, whose hands are many, one form alone.
@pytest.mark.parametrize(
    "spec", [pytest.param(s, marks=pytest.mark.slow if s.startswith("pushfold") else ()) for s in SPECS]
)
def test_every_small_game_of_the_catalogue(spec):
    check_game(spec, most=20_000)


SWEPT = [name for name in SOLVERS.names if not name.startswith("mccfr")]
THEOREMS = {"cfr": "cfr", "dcfr": "dcfr", "linear": "linear", "mmd": 3.0, "lp": 1e-7}  # mirror descent: from far off


@pytest.mark.parametrize("algorithm", SWEPT)
def test_our_solvers_keep_their_bounds(algorithm):
    """Those that have no theorem of their own keep that of CFR+."""

    def solve(rules, iterations):
        return counterplay.solve(rules, algorithm, iterations=None if algorithm == "lp" else iterations)

    check_solver(solve, THEOREMS.get(algorithm, "cfr+"), iterations=(10, 100), examples=3)


@pytest.mark.parametrize("name", ["cfr", "cfr+"])
def test_ours_are_the_textbooks(name):
    check_solver(
        lambda game, n: counterplay.solve(game, name, iterations=n), None, like=name, iterations=(3,), examples=8
    )


@pytest.mark.parametrize("algorithm", ["mccfr-external", "mccfr-average", "mccfr-chance", "mccfr-outcome"])
def test_sampling_keeps_its_bound(algorithm):
    bound = partial(bounds.mccfr, least=0.1) if algorithm in ("mccfr-outcome", "mccfr-average") else "mccfr"
    check_solver(
        lambda game, n: counterplay.solve(game, algorithm, iterations=n), bound, iterations=(2000,), examples=0
    )


@pytest.mark.parametrize("name", ["kuhn", "leduc"])
def test_bounds_hold_and_fall(name):
    rules = make(name)
    for bound in bounds.BOUNDS.values():
        values = [bound(rules, t) for t in (10, 1000, 100_000)]
        assert values == sorted(values, reverse=True)
        assert values[-1] < values[0] / 50
    tree = compile_tree(rules)
    table = np.repeat(1 / np.diff(tree.first), np.diff(tree.first))[:, None].repeat(tree.lanes, axis=1)
    assert judge_table(sequence_form(tree), table).exploitability <= bounds.cfr(rules, 1)


def test_openspiels_own_solvers():
    """'Is my OpenSpiel CFR right?' is one call."""
    pytest.importorskip("pyspiel")
    solvers = pytest.importorskip("open_spiel.python.algorithms.cfr")
    check_solver(solvers.CFRSolver, "cfr", iterations=(1, 20), examples=0)
    check_solver(solvers.CFRPlusSolver, "cfr+", iterations=(1, 20), examples=0)

    sampled = pytest.importorskip("open_spiel.python.algorithms.external_sampling_mccfr")
    check_solver(sampled.ExternalSamplingSolver, "mccfr", iterations=(100,), examples=0)
    pyspiel = pytest.importorskip("pyspiel")
    check_solver(pyspiel.CFRSolver, "cfr", iterations=(1, 20), examples=0)
    check_solver(pyspiel.ExternalSamplingMCCFRSolver, "mccfr", iterations=(100,), examples=0)

    class Uniform(solvers.CFRSolver):  # never updates
        def evaluate_and_update_policy(self):
            pass

    with pytest.raises(AssertionError, match="the exploitability is"):
        check_solver(Uniform, "cfr", iterations=(300,), examples=0)


def test_openspiels_games_and_policies():
    pyspiel = pytest.importorskip("pyspiel")
    game = pyspiel.load_game("kuhn_poker")
    check_game(game)
    check_same_game("kuhn", game)
    check_strategy(game, pyspiel.UniformRandomPolicy(game), exploitability=11 / 24)
    with pytest.raises(AssertionError, match=r"is said to be 0\.3"):
        check_strategy(game, pyspiel.UniformRandomPolicy(game), exploitability=0.3)
    cards = {str(k): "JQK"[k // 2] for k in range(6)}
    leduc = pyspiel.load_game("leduc_poker")
    check_same_game("leduc", leduc, label=lambda text: cards.get(text.split(":")[-1].strip(), text))


def test_policies_as_functions_and_dictionaries():
    check_strategy("kuhn", lambda player, label, actions: [1 / len(actions)] * len(actions), exploitability=11 / 24)
    pairs = {key: dict.fromkeys(("p", "b"), 1 / n) for key, n in plain.infosets(make("kuhn")).items()}
    with pytest.raises(AssertionError, match="no strategy of the game"):
        check_strategy("kuhn", pairs)


def test_environments_of_pettingzoo():
    spread = pytest.importorskip("mpe2.simple_spread_v3")
    check_environment(lambda: spread.parallel_env(N=2, max_cycles=5), batch=2)


def test_parts_of_our_learners():
    check_learner(mixer="vdn", examples=30)
    check_learner(mixer="qmix", agents=3, examples=30)
    check_learner(lambda_returns=returns.td_lambda, n_step=returns.n_step, lives=True, examples=30)
    with pytest.raises(ValueError, match="give one"):
        check_learner()


QUICK = {"envs": 8, "batch": 32, "warmup": 64, "lr": 5e-3, "epsilon_steps": 1500, "target_rate": 0.1, "hidden": 32}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vdn", "qmix"])
def test_a_stale_target_is_caught(name):
    check_learner(name, **QUICK)
    with pytest.raises(AssertionError, match="it earns"):
        check_learner(name, **{**QUICK, "target_every": 10**6})


def test_written_down():
    game = write_down(make("kuhn"))
    check_same_game("kuhn", game)
    assert eval(repr(game), dict(WRITTEN)) == game
    with pytest.raises(ValueError, match="too many to write down"):
        write_down(make("liars_dice"))


def test_textbook_finds_equilibria():
    for game in CLASSICS:
        assert plain.judge(game, textbook.cfr(game, 300, plus=True)).exploitability < 0.05


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: games(kinds=("poker",)), "kinds of games are"),
        (lambda: games(players=0), "players must be"),
        (lambda: spots(streets=("fourth",)), "streets are"),
        (lambda: check_solver(lambda game, n: None, "cfrr"), "bounds are cfr"),
        (lambda: check_solver(lambda game, n: None, None, like="dcfr"), "the textbook's solvers are"),
    ],
)
def test_mistakes_are_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_plug_in(tmp_path):
    (tmp_path / "test_mine.py").write_text(
        "from counterplay.testing import check_solver\n"
        "def test_it(effort, solved, game_tree):\n"
        "    assert effort.examples == 20\n"
        "    assert solved('kuhn', iterations=5) is solved('kuhn', iterations=5)\n"
        "    assert game_tree('kuhn') is game_tree('kuhn')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]  # the install registers the plug-in
    done = subprocess.run(
        [*command, "--counterplay-effort=quick", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_hypothesis_is_imported_late():
    code = "import sys, counterplay.testing; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
