"""Solutions of phantom games without a tree, as people use them, held against the tree of a small board."""

import json
import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest

import counterplay
from counterplay.engine.form import sequence_form
from counterplay.engine.phantom import factored_form
from counterplay.engine.strategy import random
from counterplay.engine.sweeps import normalise
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.games.dark_hex import DarkHex
from counterplay.solvers.reach import marks
from counterplay.solvers.value import judge_table

TEXT = "dark_hex(size=(2, 3))"


@pytest.fixture
def no_trees(monkeypatch):
    """Let the smallest boards be solved in factored form, too."""
    monkeypatch.setattr("counterplay.engine.rules.SMALL_BOARD", 1)


@pytest.fixture(scope="module")
def hex23():
    return counterplay.solve(TEXT, algorithm="cfr+", iterations=5)


@pytest.fixture(scope="module")
def uneven():
    """Return a solution in which nobody plays well, but all that is reached is played somehow."""
    return counterplay.solve(TEXT, algorithm="cfr", iterations=2)


@pytest.fixture(scope="module")
def small():
    return make("dark_hex(size=2)")


def on_tree(solution, tree):
    """Return a solution's strategy as a table of the tree, label by label."""
    table = np.empty((tree.rows, 1))
    for i, (owner, label) in enumerate(zip(tree.owner.tolist(), tree.labels, strict=True)):
        mix = solution[owner, label]
        table[tree.first[i] : tree.first[i + 1], 0] = [mix[action] for action in tree.actions[i]]
    return table


@pytest.mark.parametrize(("abrupt", "infosets"), [(False, 70), (True, 94)])
def test_every_decision_of_the_tree_is_found(no_trees, abrupt, infosets):
    small = DarkHex(2, abrupt)
    solution, tree = counterplay.solve(small, algorithm="cfr", iterations=3), compile_tree(small)
    table = on_tree(solution, tree)
    found = judge_table(sequence_form(tree), table)
    assert solution.value == pytest.approx(found.value, abs=1e-12)
    assert solution.best == pytest.approx(found.best, abs=1e-12)
    assert len(solution) == len(tree.labels) == infosets
    often = marks(tree, table)[0][:, 0]
    for owner, label, reach in zip(tree.owner.tolist(), tree.labels, often.tolist(), strict=True):
        assert solution.reach(label, player=owner) == pytest.approx(reach, abs=1e-12)
        assert (owner, label) in solution
    infosets = {(i.player, i.label): i.strategy for i in solution}
    assert infosets.keys() == set(zip(tree.owner.tolist(), tree.labels, strict=True))
    assert solution.to_dict() == infosets
    rows = solution.rows()
    assert len(rows) == tree.rows == solution.actions
    assert {row["infoset"]: row["reach"] for row in rows if row["player"] == 1}["b1x"] == solution.reach(
        "b1x", player=1
    )
    assert solution.export("csv").splitlines()[1:] == [",".join(map(str, row.values())) for row in rows]


def test_the_carrier_is_the_tree_on_small_boards():
    assert isinstance(counterplay.solve("dark_hex(size=2)", iterations=2), counterplay.TreeSolution)
    assert isinstance(counterplay.solve(TEXT, iterations=2), counterplay.FactoredSolution)
    assert isinstance(counterplay.solve(TEXT, iterations=2), counterplay.Solution)


def test_the_same_run_as_on_the_tree(no_trees, small):
    without = counterplay.solve(small, algorithm="cfr+", iterations=40)
    tree = compile_tree(small)
    found = judge_table(sequence_form(tree), on_tree(without, tree))
    assert without.exploitability == pytest.approx(found.exploitability, abs=1e-12)
    assert without.exploitability < 0.01
    assert without.value[0] == pytest.approx(1, abs=0.01)  # who begins on such a board wins


def test_looking_for_what_is_not_there(hex23):
    with pytest.raises(ValueError, match="0 and 1 both have an information set 'start': say whose, with player="):
        hex23.at("start")
    with pytest.raises(ValueError, match="'z9' is no cell: a decision is named by the cells that its player tried"):
        hex23.at("b1 z9")
    with pytest.raises(ValueError, match="'b1 b1x' has a cell twice"):
        hex23.at("b1 b1x")
    with pytest.raises(ValueError, match="player 0 never decides after 'b1x': no play of the other's leads there"):
        hex23.at("b1x", player=0)
    with pytest.raises(ValueError, match="named by what was tried"):
        hex23.at(3)
    with pytest.raises(ValueError, match="the players are numbered 0 to 1"):
        hex23.at("b1", player=2)
    assert "b1x" in hex23
    assert (0, "b1x") not in hex23
    assert "nothing of the kind" not in hex23
    assert 3 not in hex23
    assert hex23[1, "b1x"] == hex23.at("b1x") == hex23.at("b1x", player=1)
    assert set(hex23.at("a1 b1x", player=0)) == {"c1", "a2", "b2", "c2"}


def test_names_of_openspiel(hex23):
    pyspiel = pytest.importorskip("pyspiel")
    game = pyspiel.load_game("dark_hex(num_rows=2,num_cols=3)")
    state = game.new_initial_state()
    for action in (4, 4, 0):
        state.apply_action(action)
    assert hex23.at(state.information_state_string(0)) == hex23.at("b2", player=0)
    assert hex23.at(state.information_state_string(1)) == hex23.at("b2x a1", player=1)
    with pytest.raises(ValueError, match="is no information-state string of"):
        hex23.at("x.\n..\n0,9 ")


def test_mirror_images_are_played_alike(uneven):
    turn = dict(zip(["a1", "b1", "c1", "a2", "b2", "c2"], ["c2", "b2", "a2", "c1", "b1", "a1"], strict=True))
    for label in ("a1", "b1", "a1 b1x", "c1 a2"):
        mirrored = " ".join(turn[word[:2]] + word[2:] for word in label.split())
        one, other = uneven.at(label, player=0), uneven.at(mirrored, player=0)
        assert {turn[name]: p for name, p in one.items()} == pytest.approx(other)
    assert sum(uneven.at("a1 b1x", player=0).values()) == pytest.approx(1)


def test_marked_are_reached_most_often(uneven):
    every = list(uneven.marked())
    assert len(every) == len(uneven) == 2508
    for p in range(2):
        often = [m.reach for m in uneven.marked(p, 10)]
        assert often == sorted(often, reverse=True)
        best = sorted({round(m.reach, 12) for m in every if m.infoset.player == p}, reverse=True)
        assert round(often[0], 12) == best[0]
    after = list(uneven.marked(0, None, ((1, False),)))
    labels = {m.infoset.label for m in after}
    assert labels
    assert all(label.startswith("b1 ") for label in labels)
    for m in after[:20]:
        assert m.infoset.strategy == pytest.approx(uneven.at(m.infoset.label, player=0))
        assert m.reach == pytest.approx(uneven.reach(m.infoset.label, player=0))


def test_a_file_brings_it_all_back(hex23, tmp_path):
    hex23.save(tmp_path / "h.cps")
    again = counterplay.load(tmp_path / "h.cps")
    assert isinstance(again, counterplay.FactoredSolution)
    assert repr(again) == repr(hex23)
    assert again.judge() == hex23.judge()
    np.testing.assert_array_equal(again.strategy, hex23.strategy)
    assert again.export("json", limit=5) == hex23.export("json", limit=5)
    unbroken = counterplay.solve(TEXT, algorithm="cfr+", iterations=12)
    resumed = counterplay.solve(resume=again, iterations=12)
    np.testing.assert_array_equal(resumed.strategy, unbroken.strategy)
    assert resumed.trace[-1].exploitability == unbroken.trace[-1].exploitability
    copied = pickle.loads(pickle.dumps(hex23))
    assert copied.at("b1x") == hex23.at("b1x")
    with pytest.raises(ValueError, match="the run to resume is by cfr\\+, not dcfr"):
        counterplay.solve(resume=again, algorithm="dcfr")
    with pytest.raises(ValueError, match="which is another game"):
        counterplay.solve("examples/river_a.toml", resume=again)


def test_a_strategy_is_not_changed_by_accident(hex23):
    with pytest.raises(ValueError, match="read-only"):
        hex23.strategy[5] = 1.0
    with pytest.raises(ValueError, match="value and best are those of another strategy"):
        replace(hex23, strategy=counterplay.solve(TEXT, algorithm="cfr", iterations=1).strategy)
    with pytest.raises(ValueError, match="must be non-negative and sum to 1"):
        replace(hex23, strategy=hex23.strategy + 1)
    assert hex23 == hex23
    assert 3 <= len(repr(hex23).splitlines()) <= 6
    assert hex23._repr_html_().startswith("<table>")


def test_judging_in_every_form(hex23):
    claimed = hex23.exploitability
    table = hex23.to_dict()
    for game, strategy in (
        (hex23, hex23.strategy),
        (TEXT, hex23.strategy),
        (TEXT, hex23),
        (TEXT, table),
        (TEXT, lambda player, label, actions: hex23.at(label, player=player)),
        (hex23, lambda player, label, actions: [table[player, label][action] for action in actions]),
    ):
        assert counterplay.judge(game, strategy).exploitability == pytest.approx(claimed, abs=1e-12)
    assert counterplay.judge(hex23) == hex23.judge()


def test_judging_what_has_no_symmetry(small):
    """A strategy that differs between mirror images is judged as on the tree."""
    board = DarkHex((2, 3))
    form, tree = factored_form(board, symmetric=False), compile_tree(board)
    table = random(tree, np.random.default_rng(4))
    places = {key: i for i, key in enumerate(zip(tree.owner.tolist(), tree.labels, strict=True))}

    def play(player, label, actions):
        at = places[player, label]
        assert tree.actions[at] == actions
        return table[tree.first[at] : tree.first[at + 1], 0]

    found = judge_table(sequence_form(tree), table)
    judged = counterplay.judge(TEXT, play)
    assert judged.value == pytest.approx(found.value, abs=1e-12)
    assert judged.best == pytest.approx(found.best, abs=1e-12)
    mine = {(0, label): dict(zip(tree.actions[i], play(0, label, tree.actions[i]), strict=True))
            for (owner, label), i in places.items() if owner == 0}  # fmt: skip
    seat = counterplay.judge(TEXT, mine)
    assert seat.seat == 0
    assert seat.response == pytest.approx(found.best[1], abs=1e-12)
    assert seat.guarantee == pytest.approx(-found.best[1], abs=1e-12)
    assert form.infosets == len(tree.labels)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (np.ones(7), "the game's strategies have 2,559 or 5,116 numbers, one for each sequence of factored_form"),
        (np.ones(5116), "must be non-negative and sum to 1"),
        ({}, "the strategy is empty"),
        ({(0, "start"): {"a1": 1.0}}, "says nothing of player 0's information set"),
        ({(0, "q"): {"a1": 1.0}}, "'q' is no cell"),
        ({"start": {"a1": 1.0}}, r"both have an information set 'start': say whose, with \(player, label\)"),
        ({(0, "b1x"): {"a1": 1.0}}, "no information set of player 0 is called 'b1x'"),
        ({(0, "start"): {"z": 1.0}}, "'start' has no action 'z'"),
        (lambda player, label, actions: 1 / 0, "the strategy fails for player 0 at 'start': ZeroDivisionError"),
        (lambda player, label, actions: [1.0], "'start' needs 6 probabilities"),
        ("kuhn", "a strategy is an array, a dictionary, a function, an OpenSpiel policy or a solution, not str"),
    ],
)
def test_what_is_no_strategy(strategy, said):
    with pytest.raises(ValueError, match=said):
        counterplay.judge(TEXT, strategy)


def test_solutions_of_other_games_are_refused(hex23):
    kuhn = counterplay.solve("kuhn", iterations=2)
    other = counterplay.solve("dark_hex(size=(3, 2))", iterations=2)
    for judged in (kuhn, other):
        with pytest.raises(ValueError, match="the solution is of another game"):
            counterplay.judge(TEXT, judged)
        with pytest.raises(ValueError, match="the solutions are of different games"):
            hex23.against(judged)
    with pytest.raises(ValueError, match="the solution is of another game"):
        counterplay.judge("kuhn", hex23)
    with pytest.raises(ValueError, match="the solutions are of different games"):
        kuhn.against(hex23)
    with pytest.raises(ValueError, match="against takes a solution"):
        hex23.against(3)


def test_head_to_head(no_trees, small):
    one, other = (counterplay.solve(small, algorithm="cfr", iterations=n) for n in (2, 30))
    tree = compile_tree(small)
    owner, form = tree.owner.repeat(np.diff(tree.first)), sequence_form(tree)
    for seat, earned in enumerate(one.against(other)):
        table = np.where(owner[:, None] == seat, on_tree(one, tree), on_tree(other, tree))
        assert earned == pytest.approx(judge_table(form, table).value, abs=1e-12)


def test_as_a_policy_of_openspiel(no_trees, small):
    pyspiel = pytest.importorskip("pyspiel")
    solution = counterplay.solve(small, algorithm="cfr", iterations=2)
    policy = solution.to_openspiel()
    game = pyspiel.load_game("dark_hex(num_rows=2,num_cols=2)")
    value = pyspiel.expected_returns(game.new_initial_state(), policy, -1, True)
    assert solution.value == pytest.approx(value, abs=1e-9)
    assert counterplay.judge(small, policy).exploitability == pytest.approx(solution.exploitability, abs=1e-12)


def test_as_a_policy_of_openspiel_where_it_is_asked_state_by_state(uneven, monkeypatch):
    pyspiel = pytest.importorskip("pyspiel")
    pytest.importorskip("open_spiel.python.policy")
    monkeypatch.setattr("counterplay.games.foreign.dark_openspiel.SMALL", 100)
    policy = uneven.to_openspiel()
    state = pyspiel.load_game("dark_hex(num_rows=2,num_cols=3)").new_initial_state()
    for action, label in ((3, "start"), (3, "start"), (1, "a2x"), (1, "a2")):
        mix = uneven.at(label, player=state.current_player())
        found = policy.action_probabilities(state)
        assert list(found.values()) == list(mix.values())
        assert list(found) == state.legal_actions()
        state.apply_action(action)
    with pytest.raises(ValueError, match="is not to act"):
        policy.action_probabilities(state, 1 - state.current_player())
    monkeypatch.setattr("counterplay.api.factored_strategies.SMALL", 100)
    with pytest.raises(ValueError, match="which 2,508 information sets are too many for: give an array, or a function"):
        counterplay.judge(TEXT, policy)


def test_exports(hex23, tmp_path):
    rows = hex23.export("csv").splitlines()
    assert len(rows) == hex23.actions + 1 == 5115
    part = hex23.export("csv", player=1, limit=3).splitlines()
    assert {row.split(",")[0] for row in part[1:]} == {"1"}
    assert len({row.split(",")[1] for row in part[1:]}) == 3
    whole = json.loads(hex23.export("json"))
    assert len(whole["infosets"]) == len(hex23)
    assert whole["game"] == TEXT
    assert json.loads(hex23.export("json", player="0", limit=2))["infosets"][0]["infoset"] == "start"
    for arguments, said in (
        ({"to": "xml"}, "exported to csv or json"),
        ({"line": "a"}, "for hold'em spots"),
        ({"player": 3}, "players are numbered 0 to 1"),
        ({"limit": 0}, "limit must be"),
    ):
        with pytest.raises(ValueError, match=said):
            hex23.export(**arguments)


def test_what_memory_does_not_hold(hex23, monkeypatch):
    monkeypatch.setattr("counterplay.api.factored_solution.available", lambda: 1000)
    with pytest.raises(
        ValueError, match=r"would have 5,114 entries, about .* MB, and .* are free: marked\(limit=1000\)"
    ):
        hex23.rows()
    with pytest.raises(ValueError, match="the dictionary would have"):
        hex23.to_dict()


def test_a_form_that_memory_does_not_hold_is_refused(hex23, monkeypatch):
    monkeypatch.setattr("counterplay.engine.factored_size.available", lambda: 1000)
    with pytest.raises(ValueError, match=r"without the board's symmetries takes .*, and .* are free"):
        counterplay.judge(TEXT, lambda player, label, actions: [1.0 / len(actions)] * len(actions))
    assert counterplay.judge(TEXT, hex23.strategy) == hex23.judge()


def test_an_abrupt_game_is_kept_and_played(run, tmp_path):
    abrupt = "dark_hex(size=(2, 3), abrupt=true)"
    solution = counterplay.solve(abrupt, target=0.01)
    solution.save(tmp_path / "a.cps")
    again = counterplay.load(tmp_path / "a.cps")
    assert again.judge() == solution.judge()
    assert again.at("start", player=0) == solution.at("start", player=0)
    code, text, _ = run(
        "play", tmp_path / "a.cps", "--seat", "1", "--seed", "3", answers="b2\nb1\na1\nc1\na2\nc2\n?\nq\n"
    )
    assert code == 0
    assert "you get" in text


@dataclass(frozen=True)
class Tilted(DarkHex):
    """A game of one's own: hex in which joining the sides counts double for the first player."""

    def ends(self):
        ends = super().ends()
        return np.where(ends == 1, np.int8(2), ends)

    def payoffs(self, state):
        first, _ = super().payoffs(state)
        return (2.0, -2.0) if first == 1 else (-1.0, 1.0)


def test_a_game_of_ones_own(tmp_path):
    solution = counterplay.solve(Tilted((2, 3)), iterations=30)
    assert solution.value[0] == pytest.approx(2, abs=0.01)
    solution.save(tmp_path / "own.cps")
    again = counterplay.load(tmp_path / "own.cps")
    with pytest.raises(ValueError, match="a file does not hold its rules"):
        again.at("start", player=0)
    known = counterplay.load(tmp_path / "own.cps", Tilted((2, 3)))
    assert known.at("start", player=0) == solution.at("start", player=0)
    with pytest.raises(ValueError, match=r"is of .*Tilted.*, not of dark_hex"):
        counterplay.load(tmp_path / "own.cps", DarkHex((2, 3)))
    assert counterplay.solve(Tilted((2, 3)), resume=again, iterations=31).iterations == 31


def test_limits_and_algorithms():
    assert counterplay.solve(TEXT, target=1e-3).stopped_by == "target"
    assert counterplay.solve(TEXT, algorithm="mmd", iterations=3).algorithm == "mmd"
    for algorithm in ("lp",):
        with pytest.raises(ValueError, match="needs the tree of a game, and this one is solved without"):
            counterplay.solve(TEXT, algorithm=algorithm)
    assert counterplay.solve(TEXT).exploitability <= 1e-4


@pytest.mark.slow
def test_phantom_tic_tac_toe(tmp_path):
    solution = counterplay.solve("phantom_tic_tac_toe", target=0.02)
    assert len(solution) == 5_990_669
    assert solution.value[0] == pytest.approx(0.6667, abs=0.03)
    form = factored_form(solution.phantom, symmetric=False)
    uniform = counterplay.judge("phantom_tic_tac_toe", normalise(form, np.zeros(form.sequences)))
    assert uniform.value[0] == pytest.approx(0.296825, abs=1e-6)
    assert uniform.best == pytest.approx((0.953125, 0.624339), abs=1e-6)
    solution.save(tmp_path / "p.cps")
    assert counterplay.load(tmp_path / "p.cps").judge() == solution.judge()
    corner, middle = solution.at("a1", player=0), solution.at("b2 a1x", player=0)
    assert corner["c1"] == pytest.approx(corner["a3"])
    assert middle["b1"] == pytest.approx(middle["a2"])
