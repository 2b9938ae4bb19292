"""Duels where no tree fits, ends that are drawn together, and responses, whose gains are lower bounds."""

import json

import numpy as np
import pytest

import counterplay
from counterplay import cli
from counterplay.api import duel_sides
from counterplay.api.duel import duel
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import LEAF
from counterplay.engine.stepped import moves, payoff, play, setup, turn
from counterplay.engine.tree import compile_tree
from counterplay.games import GAMES
from counterplay.games.holdem.spot import spot_from_flags
from counterplay.solvers import duels, duplicates, infosets
from counterplay.solvers.local import local_response
from counterplay.solvers.playouts import move_worths
from counterplay.solvers.value import judge_table, seated

SPOT = spot_from_flags(board="Ks 9s 4s 7h", oop="AA,76s,KQs", ip="KK,A9s,QJs", pot=10, stack=20, bets="60%")


@pytest.fixture
def treeless(monkeypatch):
    monkeypatch.setattr(duel_sides, "NODES", 0)


def random_table(tree, seed):
    rng, table = np.random.default_rng(seed), np.zeros((tree.rows, tree.lanes))
    for i in range(len(tree.owner)):
        odds = rng.random((tree.first[i + 1] - tree.first[i], tree.lanes)) ** 3
        table[tree.first[i] : tree.first[i + 1]] = odds / odds.sum(axis=0)
    return table


@pytest.mark.parametrize("name", ["kuhn", "leduc"])
def test_ends_that_are_drawn_together_are_those_of_each_game_and_cancel(name):
    tree = compile_tree(GAMES.make(name))
    on, tables = duels.board(tree), (random_table(tree, 1), random_table(tree, 2))
    luck, ways = duels.lucks(on, 60_000, np.random.default_rng(0)), duplicates.paths(on)
    paid = []
    for seat, end in enumerate(duplicates.ends(on, tables, tables[::-1], luck)):
        order = tables if seat == 0 else tables[::-1]
        assert (tree.player[end] == LEAF).all()
        got, _ = duels.play(on, seat, order, (None, None), luck, None, ways[end])
        alone, _ = duels.play(on, seat, order, (None, None), luck)
        exact = judge_table(sequence_form(tree), seated(tree, order)).value[seat]
        assert abs(got.mean() - exact) < 4 * got.std() / np.sqrt(len(got))
        assert got.std() == pytest.approx(alone.std(), rel=0.02)
        paid.append((got, alone))
    together, apart = np.mean([x[0] for x in paid], axis=0), np.mean([x[1] for x in paid], axis=0)
    assert together.var() < 1.02 * apart.var()


def test_duplicate_deals_alone_need_a_fifth_of_the_games_in_leduc():
    a, b = counterplay.solve("leduc", iterations=200), counterplay.solve("leduc", iterations=10)
    found = duel(None, a, b, deals=4000, aivat=False)
    exact = (a.against(b)[0][0] + a.against(b)[1][1]) / 2
    assert found.matched
    assert found.times_fewer() > 5
    assert abs(found.mean - exact) < 2 * found.error
    assert not duel(None, a, b, deals=10, duplicate=False).matched


def test_worths_of_moves_are_what_plain_play_earns():
    rules = GAMES.make("kuhn")
    game = rules.steps()
    states = []

    def walk(state):
        if turn(game, state) == LEAF:
            return
        if turn(game, state) >= 0:
            states.append(state.copy())
        for move in range(moves(game, state)):
            after = state.copy()
            play(game, after, move)
            walk(after)

    def worth(state):
        """Return what each player earns from a state on in uniform play, all chance behind it."""
        if turn(game, state) == LEAF:
            return np.array([payoff(game, state, p) for p in range(2)])
        return np.mean([worth(after) for after in afters(state)], axis=0)

    def afters(state):
        found = []
        for move in range(moves(game, state)):
            after = state.copy()
            play(game, after, move)
            found.append(after)
        return found

    root = np.zeros(game.words, np.int64)
    setup(game, root)
    walk(root)
    found = move_worths(game, infosets.nothing(), infosets.nothing(), np.array(states), 4000, 1)
    for k, state in enumerate(states):
        exact = [worth(after)[turn(game, state)] for after in afters(state)]
        assert found.worth[k, : len(exact)] == pytest.approx(exact, abs=0.15)
        assert found.odds[k, : len(exact)] == pytest.approx([1 / len(exact)] * len(exact))


def test_games_in_steps_are_played_by_solutions_functions_and_runs(treeless, tmp_path):
    a = counterplay.solve("kuhn", "mccfr-external", memory=1_000_000, iterations=20_000)
    b = counterplay.solve("kuhn", "mccfr-external", memory=1_000_000, iterations=30)
    exact = (a.exact().value, b.exact().value)
    assert len(exact) == 2
    against = a.against(b, deals=200_000)
    for side in (b, lambda player, label, names: b.at(label, player=player)):
        found = duel(None, a, side, deals=1500)
        assert abs(found.mean - against.mean) < 2 * found.error + 3 * against.error
        assert abs(found.paid.mean - found.reduced.mean) < 2 * (found.paid.error + found.reduced.error)
        assert found.times_fewer() > found.times_fewer(found.paid) > 1.2
    run = counterplay.train("ippo", "kuhn", steps=200, recurrent=True)
    assert duel(None, run, "uniform", deals=200).known == (False, True)
    assert abs(duel("kuhn", a, a, deals=300).mean) < 1e-9
    assert duel("kuhn", a.to_dict() if hasattr(a, "to_dict") else "uniform", "uniform", deals=50).deals == 50


def test_a_run_that_remembers_is_played_in_a_tree_too():
    run = counterplay.train("ippo", "kuhn", steps=200, recurrent=True)
    found = duel(None, run, counterplay.solve("kuhn", iterations=5), deals=300)
    assert found.known == (False, True)
    assert found.reduced is None


def test_intervals_hold_without_a_tree(treeless):
    a = counterplay.solve("kuhn", "mccfr-external", memory=1_000_000, iterations=3000)
    exact = a.against(counterplay.solve("kuhn", "mccfr-external", memory=1_000_000, iterations=1), deals=10).deals
    assert exact == 10
    means = [duel(None, a, "uniform", deals=60, seed=s) for s in range(60)]
    middle = np.mean([found.mean for found in means])
    assert sum(abs(found.mean - middle) <= found.error for found in means) >= 50
    assert abs(middle - np.mean([found.paid.mean for found in means])) < 0.06


def test_stones_in_the_dark_are_played_without_a_tree():
    def first(player, label, names):
        return names[0]

    found = duel("phantom_tic_tac_toe", first, "uniform", deals=120)
    assert found.mean > 0
    assert found.reduced is None


def test_a_turn_without_a_tree_needs_a_fifth_of_the_hands(treeless):
    a, b = counterplay.solve(SPOT, iterations=150), counterplay.solve(SPOT, iterations=3)
    exact = (a.against(b)[0][0] + a.against(b)[1][1] - SPOT.pot) / 2
    rng = np.random.default_rng(5)

    def acting(player, label, names):
        hand, _, line = label.partition(" ")
        odds = np.array([b.at(line, hand)[name] for name in names])
        return names[rng.choice(len(names), p=odds / odds.sum())]

    for side in (b, acting):
        found = duel(None, a, side, deals=150)
        assert abs(found.mean - exact) < 2.5 * found.error + 1e-3
        assert found.times_fewer() > 5


def test_local_responses_earn_less_than_best_ones_and_more_than_the_strategy_itself():
    for name in ("kuhn", "leduc", "matching_pennies"):
        if name not in GAMES.names:
            continue
        tree = compile_tree(GAMES.make(name))
        form = sequence_form(tree)
        for seed in range(5):
            table = random_table(tree, seed)
            response, judged = local_response(duels.board(tree), table), judge_table(form, table)
            for p in range(2):
                order = (response, table) if p == 0 else (table, response)
                earned = judge_table(form, seated(tree, order)).value[p]
                assert judged.value[p] - 1e-12 <= earned <= judged.best[p] + 1e-12


def test_what_responds_makes_a_lower_bound_on_exploitability():
    weak = counterplay.solve("leduc", iterations=10)
    found = duel(None, "lbr", weak, deals=3000)
    assert 0.3 < found.bound.at_least < weak.exploitability
    assert "a local best response" in found.bound.by
    learned = duel("kuhn", "abr(steps=4000)", "uniform", deals=3000)
    assert (
        0.2
        < learned.bound.at_least
        < counterplay.judge("kuhn", lambda p, label, a: [1 / len(a)] * len(a)).exploitability
    )
    assert "ippo, 4,000 steps" in learned.bound.by


def test_responses_that_cannot_be_are_told(treeless):
    with pytest.raises(UserError, match="no tree that fits for a local best response"):
        duel("kuhn", "lbr", "uniform", deals=10)
    with pytest.raises(UserError, match="whoever responds is the first side"):
        duel("kuhn", "uniform", "lbr", deals=10)
    with pytest.raises(UserError, match="nothing to set"):
        duel("kuhn", "lbr(steps=3)", "uniform", deals=10)
    with pytest.raises(UserError, match=r"has no action 'x{59}\.\.\."):
        duel("kuhn", lambda p, label, a: "x" * 5000, "uniform", deals=10)
    with pytest.raises(UserError, match="is none") as refused:
        duel("kuhn", "y" * 5000, "uniform", deals=10)
    assert len(str(refused.value)) < 500


def test_the_page_and_json_name_the_lower_bound(tmp_path, capsys):
    file = tmp_path / "kuhn.cps"
    counterplay.solve("kuhn", iterations=3).save(file)

    def said(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main(["duel", *map(str, words)])
        assert ended.value.code == 0
        return capsys.readouterr().out

    assert "a lower bound (95 %)" in said("lbr", file, "--deals", 300)
    found = json.loads(said("lbr", file, "--deals", 300, "--json"))
    assert found["lower_bound_on_exploitability"]["at_least"] > 0
    assert json.loads(said(file, "uniform", "--deals", 300, "--json"))["lower_bound_on_exploitability"] is None
