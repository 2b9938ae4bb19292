"""Duels: AIVAT by enumeration of all luck, intervals against exact values, sides in every form."""

import json
from functools import cache
from itertools import product

import numpy as np
import pytest

import counterplay
from counterplay import cli
from counterplay.api import duel as duelling
from counterplay.api import duel_sides
from counterplay.api.duel import duel
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.tree import compile_tree
from counterplay.games import GAMES
from counterplay.games.holdem.arrays import HoldemArrays
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.spot import spot_from_flags
from counterplay.solvers import duels
from counterplay.solvers.value import judge_table, seated

# Ranges in which hands block each other, and one suit that may come.
SPOT = {
    street: spot_from_flags(board=board, oop="AA,76s,KQs", ip="KK,A9s,QJs", pot=10, stack=20, bets="60%", rake="5%,1")
    for street, board in (("river", "Ks 9d 4c 7h 2s"), ("turn", "Ks 9s 4s 7h"))
}


@cache
def solved(name, iterations):
    return counterplay.solve(SPOT.get(name, name), iterations=iterations)


def coins(tree, seed):
    """Return a random strategy whose probabilities are 0, 1/2 or 1."""
    rng, table = np.random.default_rng(seed), np.zeros((tree.rows, tree.lanes))
    for i in range(len(tree.owner)):
        for lane in range(tree.lanes):
            for _ in range(2):
                table[rng.integers(tree.first[i], tree.first[i + 1]), lane] += 0.5
    return table


def all_luck(name, depth):
    """Return rows of luck in which every way that games of such strategies can go is as frequent as it is likely."""
    deals, draws, steps = {"kuhn": (6, 1, 3), "leduc": (15, 4, 9)}.get(name, (1, 6, 4))
    coin = [(0.25, 0.75)] * steps
    if name in ("kuhn", "leduc"):
        grid = np.array([*product((np.arange(deals) + 0.5) / deals, (np.arange(draws) + 0.5) / draws, *coin)])
        chance, moves = np.tile(grid[:, 1:2], depth), np.pad(grid[:, 2:], ((0, 0), (0, depth)))
    else:  # both cards are drawn on the way: one of three, one of the two that are left
        cards = ((1 / 6, 0.5, 5 / 6), (0.25, 0.75))
        grid = np.array([*product((0.5,), *cards, *coin)])
        chance, moves = np.pad(grid[:, 1:3], ((0, 0), (0, depth))), np.pad(grid[:, 3:], ((0, 0), (2, depth)))
    return duels.Luck(grid[:, 0], chance, moves)


@pytest.mark.parametrize("known", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("name", ["kuhn", "leduc", "openspiel:kuhn_poker"])
def test_the_mean_over_all_luck_is_the_exact_payoff_whatever_the_values_are(name, known):
    if name.startswith("openspiel"):
        pytest.importorskip("pyspiel")
    tree = compile_tree(GAMES.make(name))
    on, tables, values = duels.board(tree), (coins(tree, 1), coins(tree, 2)), coins(tree, 3)
    exact = judge_table(sequence_form(tree), seated(tree, tables)).value
    luck = all_luck(name, 20)
    for seat in range(2):
        by = duels.weigh(on, values, tuple(t if k else None for t, k in zip(tables, known, strict=True)), seat)
        paid, estimate = duels.play(on, seat, tables, (None, None), luck, by)
        assert paid.mean() == pytest.approx(exact[seat], abs=1e-12)
        assert estimate.mean() == pytest.approx(exact[seat], abs=1e-12)
        assert not np.allclose(paid, estimate)


def test_nothing_is_left_to_luck_where_both_are_known_and_the_values_are_right():
    tree = compile_tree(GAMES.make("leduc"))
    on, table = duels.board(tree), coins(tree, 1)
    by = duels.weigh(on, table, (table, table), 0)
    luck = duels.lucks(on, 50, np.random.default_rng(0))
    estimate = duels.play(on, 0, (table, table), (None, None), luck, by)[1]
    assert estimate == pytest.approx(judge_table(sequence_form(tree), table).value[0], abs=1e-12)


def acting(solution, seed=5):
    """Return a player that takes actions, and whose strategy nobody knows."""
    rng = np.random.default_rng(seed)

    def act(player, label, actions):
        odds = solution.at(label, player=player)
        return actions[rng.choice(len(actions), p=[odds[name] for name in actions])]

    return act


@pytest.mark.parametrize("hidden", [False, True])
def test_aivat_agrees_with_payoffs_pair_by_pair_in_leduc_and_needs_a_fifth_of_the_games(hidden):
    a, b = solved("leduc", 200), solved("leduc", 10)
    exact = (a.against(b)[0][0] + a.against(b)[1][1]) / 2
    found = duel(None, a, acting(b) if hidden else b, deals=3000)
    assert found.known == (True, not hidden)
    assert abs(found.mean - exact) < 2 * found.error
    # The difference has no mean: its spread is at most the sum of both.
    assert abs(found.paid.mean - found.reduced.mean) < 2 * (found.paid.error + found.reduced.error)
    assert found.times_fewer() > 5
    assert found.times_fewer(found.paid) > 1.5
    assert found == duel("leduc", a, acting(b) if hidden else b, deals=3000)


def test_differences_of_aivat_and_payoffs_have_no_mean():
    tree = compile_tree(GAMES.make("leduc"))
    on, tables = duels.board(tree), (coins(tree, 1), coins(tree, 2))
    by = duels.weigh(on, coins(tree, 3), (tables[0], None), 0)
    paid, estimate = duels.play(on, 0, tables, (None, None), duels.lucks(on, 4000, np.random.default_rng(1)), by)
    apart = paid - estimate
    assert abs(apart.mean()) < 3 * apart.std() / np.sqrt(len(apart))


@pytest.mark.parametrize("aivat", [False, True])
def test_intervals_hold(aivat):
    a, b = solved("kuhn", 100), "uniform"
    table = np.concatenate([np.full((2, 3), 0.5)] * 4)
    first, second = counterplay.judge("kuhn", seated_in("kuhn", a.strategy, table)), None
    second = counterplay.judge("kuhn", seated_in("kuhn", table, a.strategy))
    exact = (first.value[0] + second.value[1]) / 2
    inside = [
        abs(found.mean - exact) <= found.error
        for found in (duel(None, a, b, deals=100, seed=s, aivat=aivat) for s in range(100))
    ]
    assert sum(inside) >= 88


def seated_in(name, first, second):
    return seated(compile_tree(GAMES.make(name)), (first, second))


@pytest.mark.parametrize("street", SPOT)
def test_a_spot_in_arrays_is_the_same_tree(street):
    plain, quick = compile_tree(HoldemRules(SPOT[street])), compile_tree(HoldemArrays(SPOT[street]))
    for name in ("weights", "payoffs", "weight", "outcome", "infoset"):
        assert np.array_equal(getattr(plain, name), getattr(quick, name))


def test_a_river_needs_a_fifth_of_the_hands():
    a, b = solved("river", 100), solved("river", 3)
    exact = (a.against(b)[0][0] + a.against(b)[1][1] - a.spot.pot) / 2
    found = duel(None, a, b, deals=2000)
    assert abs(found.mean - exact) < 2 * found.error + 1e-4
    assert found.times_fewer() > 5
    assert duel(None, a, acting_in_spot(b), deals=500).times_fewer() > 5


def acting_in_spot(solution):
    rng = np.random.default_rng(5)

    def act(player, label, actions):
        hand, _, line = label.partition(" ")
        odds = solution.at(line, hand)
        return actions[rng.choice(len(actions), p=np.array(list(odds.values())) / sum(odds.values()))]

    return act


def test_games_played_by_their_rules_agree(monkeypatch):
    a, b = solved("kuhn", 100), solved("kuhn", 2)
    exact = (a.against(b)[0][0] + a.against(b)[1][1]) / 2
    monkeypatch.setattr(duel_sides, "NODES", 0)
    found = duel("kuhn", a.to_dict(), lambda p, label, actions: b.at(label, player=p), deals=3000)
    assert found.reduced is None
    assert found.known == (False, False)
    assert abs(found.mean - exact) < 2 * found.error
    alone = duel("kuhn", a.to_dict(), "uniform", deals=300, duplicate=False)
    assert 0.5 < alone.times_fewer(alone.paid) < 2


def test_stepped_solutions_duel():
    a = counterplay.solve("kuhn", "mccfr-external", memory=1_000_000, iterations=2000)
    assert abs(duel(None, a, a, deals=200).mean) < 1e-9


def test_bots_of_openspiel_duel():
    pyspiel = pytest.importorskip("pyspiel")
    bots = [pyspiel.make_uniform_random_bot(p, 7) for p in range(2)]
    policy = pyspiel.UniformRandomPolicy(pyspiel.load_game("kuhn_poker"))
    found = duel("openspiel:kuhn_poker", bots, policy, deals=2000)
    assert found.known == (False, True)
    assert abs(found.mean) < 2 * found.error


def test_runs_duel(tmp_path):
    run = counterplay.train("a2c", "kuhn", steps=200, out=tmp_path / "run")
    found = duel(None, run, "uniform", deals=300)
    assert found.known == (True, True)
    assert found.mean == duel(None, tmp_path / "run", "uniform", deals=300).mean
    with pytest.raises(UserError, match="of another game"):
        duel(None, run, solved("leduc", 10), deals=10)


@pytest.mark.parametrize(
    ("game", "a", "b", "told"),
    [
        (None, "uniform", "uniform", "neither side says of which game it is"),
        ("kuhn(players=3)", "uniform", "uniform", "a duel is of two players, and kuhn(players=3) has 3"),
        ("kuhn", "nowhere.cps", "uniform", "nowhere.cps is none"),
        ("kuhn", {"J": [0.5, 0.5]}, "uniform", "the strategy says nothing of player"),
        ("kuhn", lambda p, label, actions: "fly", "uniform", "has no action 'fly'"),
    ],
)
def test_what_is_no_side_is_told_in_a_sentence(game, a, b, told):
    with pytest.raises(UserError, match=told.replace("(", r"\(").replace(")", r"\)")):
        duel(game, a, b, deals=10)
    with pytest.raises(UserError, match="deals must be a whole number"):
        duel("kuhn", "uniform", "uniform", deals=1)


def test_the_command_line_has_a_page_and_one_json_object(tmp_path, capsys):
    file = tmp_path / "kuhn.cps"
    solved("kuhn", 100).save(file)

    def said(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main(["duel", *map(str, words)])
        return ended.value.code, *capsys.readouterr()

    code, page, _ = said(file, "uniform", "--deals", 500)
    assert code == 0
    assert "AIVAT" in page
    assert "duplicate deals" in page
    code, text, _ = said(file, "uniform", "--deals", 500, "--json")
    found = json.loads(text)
    assert found["low"] < found["mean"] < found["high"]
    assert found["times_fewer_games"] > 1
    code, text, _ = said(file, "uniform", "--deals", 500, "--json", "--no-aivat")
    assert json.loads(text)["aivat"] is None
    code, _, wrong = said("uniform", "uniform")
    assert code == 2
    assert wrong.count("\n") == 1
    code, _, wrong = said(file, "uniform", "--game", "leduc")
    assert code == 2
    assert duelling.DEALS >= 1000
