"""OpenSpiel's bots as opponents: what they earn beside exact values, the same games from a seed, refusals."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import counterplay
from counterplay.api.answers import of_solution
from counterplay.api.bots import followed, named, retold, twin
from counterplay.api.strategies import as_table
from counterplay.engine.env import random_actions
from counterplay.engine.form import sequence_form
from counterplay.engine.strategy import uniform
from counterplay.games import GAMES
from counterplay.games.envs import ENVS
from counterplay.games.envs.steps import InSteps
from counterplay.games.foreign.to_openspiel import information_states
from counterplay.solvers.value import judge_table

pyspiel = pytest.importorskip("pyspiel")


@pytest.mark.parametrize("name", ["kuhn", "leduc", "liars_dice(faces=3)", "goofspiel(cards=3)", "openspiel:kuhn_poker"])
def test_the_history_is_told_again(name):
    """OpenSpiel's state has the information set of the node and the lanes that it stands for, which it names itself."""
    task = ENVS.make(name)
    rules, tree = task.rules, task.tree
    whole, known = twin(named("bot:uniform_random"), rules), information_states(rules, tree)
    rng, shape, tried = np.random.default_rng(1), tuple(map(len, tree.hands)), 0
    for node in rng.permutation(np.flatnonzero(tree.player >= 0))[:60].tolist():
        odds = tree.weights[tree.weight[node]].reshape(-1)
        lanes = tuple(map(int, np.unravel_index(int(rng.choice(np.flatnonzero(odds > 0))), shape)))
        state, player = retold(rules, whole, tree, node, lanes), int(tree.player[node])
        assert state.current_player() == player
        assert known[state.information_state_string()] == (tree.infoset[node], lanes[player])
        tried += 1
    assert tried >= 4


@pytest.mark.parametrize("name", ["kuhn", "leduc", "goofspiel(cards=4)", "liars_dice(faces=3)"])
def test_games_in_steps_are_told_again(name):
    """What OpenSpiel says that the player to act knows is what the game says, and it pays the same."""
    rules = GAMES.make(name)
    env, whole, rng = InSteps(rules).start(12), twin(named("bot:uniform_random"), rules), np.random.default_rng(1)
    step, told, theirs = env.reset(rng), {}, {}
    while not step.terminated.all():
        known = env.plays.look(env.at)[1]
        for b in np.flatnonzero(env.turn >= 0).tolist():
            state, player = followed(rules, whole, env.history(b)), int(env.turn[b])
            assert state.current_player() == player
            assert len(state.legal_actions()) == len(env.numbers(b)) == step.legal[b, player].sum()
            text = state.information_state_string()
            assert told.setdefault((player, int(known[b])), text) == text or "leduc" in name  # where it sees suits
            assert theirs.setdefault(text, (player, int(known[b]))) == (player, int(known[b]))
        step = env.step(random_actions(env.spec, step, rng))
    assert len(told) > 5
    for b in range(env.batch):
        state = followed(rules, whole, env.history(b))
        assert state.is_terminal()
        np.testing.assert_allclose(state.returns(), env.plays.paid(env.at)[b])


def test_a_bot_plays_a_game_without_a_tree():
    found = counterplay.duel("liars_dice(dice=2)", "bot:uniform_random", "uniform", deals=10, seed=3)
    assert abs(found.mean) < 2 * found.error


def test_uniform_play_earns_its_exact_value():
    """In Kuhn poker against a solution, by the values of the tree, over both seats."""
    solution, tree = counterplay.solve("kuhn", target=0.001), ENVS.make("kuhn").tree
    table = as_table(solution, GAMES.make("kuhn"), tree)[0]
    own = tree.owner[np.repeat(np.arange(len(tree.owner)), np.diff(tree.first))]
    exact = np.mean(
        [
            judge_table(sequence_form(tree), np.where((own == seat)[:, None], table, uniform(tree))).value[seat]
            for seat in range(2)
        ]
    )
    found = counterplay.duel("kuhn", solution, "bot:uniform_random", deals=1500, seed=4)
    assert exact > 0.05
    assert abs(found.mean - exact) < 1.5 * found.error


def test_the_same_seed_is_the_same_games():
    one, two, three = (
        counterplay.duel("leduc", "bot:is_mcts(simulations=5)", "bot:uniform_random", deals=12, seed=seed)
        for seed in (1, 1, 2)
    )
    assert (one.mean, one.seats, one.paid) == (two.mean, two.seats, two.paid)
    assert one.paid != three.paid


def test_search_beats_random_play():
    found = counterplay.duel(
        "openspiel:tic_tac_toe", "bot:mcts(simulations=40)", "bot:uniform_random", deals=20, seed=1
    )
    assert found.low > 0.3


def test_in_the_dark_as_uniform_play():
    """A bot that is asked in phantom tic-tac-toe plays on from what both have tried."""
    found = counterplay.duel("phantom_tic_tac_toe", "bot:uniform_random", "uniform", deals=200, seed=3)
    assert abs(found.mean) < 2 * found.error


@pytest.mark.slow
def test_trained_against_evaluated_against_and_watched(tmp_path, run):
    pytest.importorskip("torch")
    small = ("--set", "hidden=8", "--set", "envs=8")
    place, side = str(tmp_path / "run"), "bot:uniform_random"
    words = ("train", "ippo", "kuhn", "--against", side, "--out", place, *small)
    assert run(*words, "--steps", 40)[0] == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["against"]["sides"] == [side]
    assert run("train", "--resume", place, "--steps", 60)[0] == 0
    scores = [run("evaluate", place, "--against", side, "--episodes", 20)[1] for _ in range(2)]
    assert scores[0] == scores[1]
    assert "against it" in scores[0]
    code, out, _ = run("watch", place, "--against", side, "--seat", 1, "--delay", 0)
    assert (code, "the end" in out) == (0, True)
    assert run("watch", place, "--seat", 1)[0] == run("watch", place, "--against", side, "--seat", 2)[0] == 2
    table = run("league", place, side, "uniform", "--game", "kuhn", "--deals", 20)[1]
    assert side in table


@pytest.mark.parametrize(
    ("game", "side", "said"),
    [
        ("kuhn", "bot:mcts", "would see what is hidden"),
        ("openspiel:tic_tac_toe", "bot:is_mcts", "nothing is hidden"),
        ("kuhn", "bot:mctss", "did you mean 'mcts'"),
        ("kuhn", "bot:is_mcts(sims=3)", "no parameter 'sims'"),
        ("kuhn", "bot:is_mcts(simulations=1)", "simulations"),
        ("kuhn", "bot:uniform_random(seed=3)", "nothing to set"),
        ("kuhn(ranks=5)", "bot:uniform_random", "OpenSpiel has too"),
        ("phantom_tic_tac_toe", "bot:is_mcts", "does not play"),
        ("limit_holdem", "bot:uniform_random", "OpenSpiel has too"),
        ("liars_dice", "bot:fixed_action_preference", "does not play"),
    ],
)
def test_refused(game, side, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        counterplay.duel(game, "uniform", side, deals=5)


@pytest.mark.parametrize("side", ["bot:uniform_random", "uniform", "mine:play", "."])
def test_solutions_are_played_and_evaluated_against_solutions(run, side):
    code, _, err = run("play", side)
    assert (code, "you play against solutions; 'counterplay duel'" in err) == (2, True)
    code, _, err = run("evaluate", "leduc.cps", "--against", side)
    assert (code, f"'counterplay duel leduc.cps {side}' has both play" in err) == (2, True)


def test_solutions_in_steps_know_no_decision_without_a_choice():
    assert of_solution(SimpleNamespace(kind="stepped", names=None))(0, "6 6-1", ("liar",)) == [1.0]


def test_who_responds_is_refused_before_anything_is_said(run):
    code, out, err = run("duel", "abr(learner=nosuch)", "uniform", "--game", "kuhn")
    assert (code, out, "learns for" in err) == (2, "", False)
    assert "league's players" in run("league", "lbr", "uniform", "--game", "kuhn")[2]
