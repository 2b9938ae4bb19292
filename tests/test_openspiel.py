"""OpenSpiel both ways: imported games, policies, registered games, and the same figures on both sides."""

import functools
import re
from typing import NamedTuple

import numpy as np
import pytest

from counterplay.engine import strategy
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import CHANCE, LEAF, histories
from counterplay.engine.tree import compile_tree
from counterplay.games.foreign.openspiel import load
from counterplay.games.foreign.register_openspiel import register
from counterplay.games.foreign.to_openspiel import counterpart, to_game, to_policy
from counterplay.games.goofspiel import Goofspiel
from counterplay.games.kuhn import Kuhn
from counterplay.games.leduc import Leduc
from counterplay.games.liars_dice import LiarsDice
from counterplay.games.matrix import matching_pennies, prisoners_dilemma, rock_paper_scissors, shapley
from counterplay.solvers.cfr import CFR
from counterplay.solvers.value import judge, judge_table
from counterplay.solvers.variants import VARIANTS

pyspiel = pytest.importorskip("pyspiel")

GOOFSPIEL = "goofspiel(imp_info=True,num_cards=4,points_order=descending)"

NATIVE = {
    "kuhn": Kuhn(),
    "leduc": Leduc(),
    "kuhn-3": Kuhn(players=3),
    "dice-1x4": LiarsDice(faces=4),
    "dice-2x2": LiarsDice(dice=2, faces=2),
    "goofspiel": Goofspiel(cards=4),
    "goofspiel-random": Goofspiel(cards=3, order="random"),
    "goofspiel-points": Goofspiel(cards=3, order="ascending", returns="point_difference"),
    "goofspiel-total": Goofspiel(cards=3, returns="total_points"),
    "goofspiel-3": Goofspiel(cards=3, players=3),
    "rps": rock_paper_scissors(),
    "pennies": matching_pennies(),
}
UNKNOWN = {  # games that OpenSpiel does not have: they are registered there
    "kuhn-5-ranks": Kuhn(ranks=5),
    "leduc-2x3": Leduc(ranks=2, suits=3),
    "dice-plain": LiarsDice(faces=3, wild=False),
    "dice-3-players": LiarsDice(players=3, faces=2),
    "goofspiel-open": Goofspiel(cards=3, hidden=False),
    "prisoners": prisoners_dilemma(),
    "shapley": shapley(),
}
IMPORTED = {
    name: load(text)
    for name, text in {
        "spiel-kuhn": "kuhn_poker",
        "spiel-leduc": "leduc_poker",
        "spiel-kuhn-3": "kuhn_poker(players=3)",
        "spiel-dice-1x4": "liars_dice(dice_sides=4,numdice=1)",
        "spiel-goofspiel": GOOFSPIEL,
        "spiel-goofspiel-random": "goofspiel(imp_info=True,num_cards=3,points_order=random)",
        "spiel-matrix": "matrix_shapleys_game",
        "spiel-hanabi": "tiny_hanabi",
        "spiel-python": "python_kuhn_poker",
    }.items()
}
GAMES = NATIVE | UNKNOWN | IMPORTED


@functools.cache
def compiled(name):
    tree = compile_tree(GAMES[name])
    return tree, sequence_form(tree)


def profiles(tree):
    rng = np.random.default_rng(7)
    return [strategy.uniform(tree), strategy.random(tree, rng), strategy.random(tree, rng)]


@pytest.mark.parametrize("name", GAMES)
def test_nash_conv_agrees(name):
    tree, form = compiled(name)
    for table in profiles(tree):
        theirs = pyspiel.nash_conv(to_game(GAMES[name]), to_policy(GAMES[name], tree, table))
        assert judge_table(form, table).nash_conv == pytest.approx(theirs, abs=1e-9)


# OpenSpiel's exploitability is for two players and zero sums.
OTHER = (
    *("kuhn-3", "spiel-kuhn-3", "dice-3-players", "goofspiel-3"),
    *("prisoners", "shapley", "goofspiel-total", "spiel-matrix", "spiel-hanabi"),
)


@pytest.mark.parametrize("name", [n for n in GAMES if n not in OTHER])
def test_exploitability_agrees(name):
    tree, form = compiled(name)
    game = to_game(GAMES[name])
    table = profiles(tree)[1]
    theirs = pyspiel.exploitability(game, to_policy(GAMES[name], tree, table))
    assert judge_table(form, table).exploitability == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("name", ["kuhn", "leduc", "kuhn-3", "dice-1x4"])
def test_expected_values_agree(name):
    tree, form = compiled(name)
    table = profiles(tree)[1]
    policy = to_policy(GAMES[name], tree, table)
    theirs = pyspiel.expected_returns(to_game(GAMES[name]).new_initial_state(), policy, -1, False, 0.0)
    assert judge_table(form, table).value == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "suits"), [("kuhn", 1), ("leduc", 2), ("kuhn-3", 1), ("dice-1x4", 1), ("goofspiel", 1)]
)
def test_native_and_imported_games_are_one_game(name, suits):
    """Lanes and histories have the same information sets, once suits are forgotten, and uniform play earns the same."""
    (ours, form), (theirs, their_form) = compiled(name), compiled(f"spiel-{name}")
    forgotten = set(theirs.labels)
    if suits > 1:  # cards are numbered rank by rank; "Private: 5" and "Public: 4" name two kings
        forgotten = {re.sub(r"(?<=Private: |.Public: )\d+", lambda m: str(int(m[0]) // suits), s) for s in forgotten}
    assert ours.count()["infosets"] == len(forgotten)
    value = judge_table(form, strategy.uniform(ours))
    other = judge_table(their_form, strategy.uniform(theirs))
    assert value.value == pytest.approx(other.value, abs=1e-12)
    assert value.best == pytest.approx(other.best, abs=1e-12)


# With prizes in random order a regret that is zero is 4e-18 in one sum and 0 in another, and regret matching makes
# pure play of the one and even play of the other: both are right, and they part.
TIES = ("spiel-goofspiel-random",)
CFR_NATIVE = ("kuhn", "leduc", "kuhn-3", "dice-1x4", "goofspiel", "rps", "pennies")


class Case(NamedTuple):
    variant: str
    solver: str


@pytest.mark.parametrize("case", [Case("cfr", "CFRSolver"), Case("cfr+", "CFRPlusSolver")], ids=lambda c: c.variant)
@pytest.mark.parametrize("name", [*CFR_NATIVE, *(n for n in IMPORTED if n not in TIES)])
def test_ten_iterations_match(name, case):
    tree, form = compiled(name)
    run = CFR(form, VARIANTS[case.variant], 10)
    run.advance(10)
    ours = to_policy(GAMES[name], tree, strategy.to_table(form, tree, run.profile())).policy_table()
    solver = getattr(pyspiel, case.solver)(to_game(GAMES[name]))
    for _ in range(10):
        solver.evaluate_and_update_policy()
    theirs = solver.tabular_average_policy().policy_table()
    assert ours.keys() == theirs.keys()
    worst = max(abs(dict(ours[key])[a] - p) for key, entry in theirs.items() for a, p in entry)
    assert worst < 1e-9
    theirs_nash_conv = pyspiel.nash_conv(to_game(GAMES[name]), solver.tabular_average_policy())
    assert judge(form, run.profile()).nash_conv == pytest.approx(theirs_nash_conv, abs=1e-9)


@pytest.mark.parametrize("name", [*NATIVE, *UNKNOWN])
def test_registered_games_pass_openspiels_tests(name):
    game = register(GAMES[name])
    pyspiel.random_sim_test(game, 3, True, False)
    assert str(game) == str(pyspiel.load_game(game.get_type().short_name))
    assert register(GAMES[name]).get_type().short_name == game.get_type().short_name


def test_a_spec_registers():
    assert str(register("kuhn(players=3)")) == str(register(Kuhn(players=3)))
    assert str(register("openspiel:leduc_poker")) == "leduc_poker()"


def test_registered_game_is_the_game():
    """A game that goes out and comes back has the same tree, whatever OpenSpiel thinks of its own."""
    for name in ("kuhn", "dice-plain", "kuhn-3"):
        tree, form = compiled(name)
        back = compile_tree(load(register(GAMES[name]).get_type().short_name))
        assert back.count()["infosets"] == tree.count()["infosets"]
        theirs = judge_table(sequence_form(back), strategy.uniform(back))
        assert judge_table(form, strategy.uniform(tree)).value == pytest.approx(theirs.value, abs=1e-12)
        assert theirs.nash_conv == pytest.approx(judge_table(form, strategy.uniform(tree)).nash_conv, abs=1e-12)


def test_registered_game_describes_itself():
    kuhn = register(Kuhn())
    kind = kuhn.get_type()
    assert kind.utility == pyspiel.GameType.Utility.ZERO_SUM
    assert kind.information == pyspiel.GameType.Information.IMPERFECT_INFORMATION
    assert (kuhn.num_players(), kuhn.min_utility(), kuhn.max_utility()) == (2, -2.0, 2.0)
    assert kuhn.max_game_length() == 3
    state = kuhn.new_initial_state()
    assert [state.action_to_string(a) for a, _ in state.chance_outcomes()] == ["J", "Q", "K"]
    state.apply_action(2)  # a king
    state.apply_action(0)  # a jack, the first of two that are left
    state.apply_action(state.string_to_action("bet"))
    assert state.information_state_string(1) == "Player 1: J b"
    assert state.information_state_string(0) == "Player 0 waits: K > bet"
    state.apply_action(state.string_to_action("call"))
    assert str(state) == "K, J, bet, call"
    assert state.returns() == [2.0, -2.0]


def test_openspiels_python_algorithms_run_on_registered_games():
    cfr = pytest.importorskip("open_spiel.python.algorithms.cfr")
    exploitability = pytest.importorskip("open_spiel.python.algorithms.exploitability")
    game = register(Kuhn())
    solver = cfr.CFRPlusSolver(game)
    for _ in range(10):
        solver.evaluate_and_update_policy()
    tree, form = compiled("kuhn")
    run = CFR(form, VARIANTS["cfr+"], 10)
    run.advance(10)
    theirs = exploitability.exploitability(game, solver.average_policy())
    assert judge(form, run.profile()).exploitability == pytest.approx(theirs, abs=1e-9)
    response = pyspiel.TabularBestResponse(game, 0, _policy_of_registered(tree, run, form).policy_table())
    assert response.value(str(game.new_initial_state())) == pytest.approx(judge(form, run.profile()).best[0], abs=1e-9)


def _policy_of_registered(tree, run, form):
    """Return Kuhn's policy keyed as a registered game keys it, though OpenSpiel has its own Kuhn."""
    table = strategy.to_table(form, tree, run.profile())
    keys = {}
    for i, label in enumerate(tree.labels):
        for lane, hand in enumerate("JQK"):
            rows = table[tree.first[i] : tree.first[i + 1], lane]
            # Actions are numbered as they first appear: check, bet, fold, call.
            numbers = [["check", "bet", "fold", "call"].index(a) for a in tree.actions[i]]
            keys[f"Player {tree.owner[i]}: {hand} {label}".strip()] = list(zip(numbers, rows, strict=True))
    return pyspiel.TabularPolicy(keys)


def test_counterparts_are_for_the_same_rules_only():
    assert counterpart(Kuhn(players=4)).text == "kuhn_poker(players=4)"
    assert counterpart(Leduc(ranks=4)) is None
    assert counterpart(LiarsDice(wild=False)) is None
    assert counterpart(Goofspiel(hidden=False)) is None
    assert counterpart(shapley()) is None
    assert counterpart(load("kuhn_poker")) is None
    assert all(counterpart(NATIVE[name]) for name in NATIVE)


def test_import_is_canonical():
    assert load(" leduc_poker ( players = 2 , suit_isomorphism = True ) ") == load(
        "leduc_poker(suit_isomorphism=True,players=2)"
    )
    rules = load("kuhn_poker")
    assert load(rules.text) == rules
    assert hash(rules) == hash(load("kuhn_poker()"))


def test_states_are_never_changed():
    rules = load("kuhn_poker")
    root = rules.root()
    assert rules.turn(root) == CHANCE
    assert sum(rules.chance(root)) == pytest.approx(1.0)
    before = str(root.state)
    state = rules.play(rules.play(root, 2), 0)
    assert str(root.state) == before
    assert rules.sees(state, 0) == "2"
    assert rules.moves(state) == ("Pass", "Bet")
    while rules.turn(state) != LEAF:
        state = rules.play(state, 1)
    assert list(rules.payoffs(state)) == [2.0, -2.0]
    assert histories(rules) is rules


def test_simultaneous_games_are_taken_in_turns():
    plain, nested = load(GOOFSPIEL), load(f"turn_based_simultaneous_game(game={GOOFSPIEL})")
    assert compile_tree(plain).labels == compile_tree(nested).labels
    matrix = compile_tree(load("matrix_pd"))
    assert matrix.count() == {"nodes": 7, "leaves": 4, "infosets": 2}
    assert not matrix.zero_sum


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kuhn", "no game 'kuhn'; close names are kuhn_poker"),
        ("goofspeil(num_cards=4)", "close names are goofspiel"),
        ("", "no game ''"),
        ("turn_based_simultaneous_game(game=goofspil())", "no game 'goofspil'; close names are goofspiel"),
        ("kuhn_poker(playerz=3)", "no parameter 'playerz' in OpenSpiel; its parameters are players"),
        ("matrix_rps(a=1)", "its parameters are none"),
        ("kuhn_poker(players=x)", "Wrong type for parameter players"),
        ("kuhn_poker(players=30)", "OpenSpiel refuses 'kuhn_poker.players=30.'"),
        ("kuhn_poker(players=2,players=3)", "'players' twice"),
        ("kuhn_poker(3)", "not parameter=value"),
        ("kuhn_poker(players=3", "no closing bracket"),
        ("kuhn_poker(players=3))", "goes on after its closing bracket"),
        ("goofspiel(points_order=foo)", "Unrecognized points_order"),
        ("goofspiel(num_cards=-3)", "no negative num_cards, such as -3; by default it is 13"),
        ("goofspiel(num_cards=0)", "cannot start"),
        ("hanabi(players=0)", "OpenSpiel crashes as it starts 'hanabi"),
        ("mfg_garnet", "mean-field"),
        ("catch", "for 2 to 10 players; catch"),
        ("pig", "no information-state strings"),
    ],
)
def test_bad_imports_get_one_sentence(text, sentence, capfd):
    with pytest.raises(ValueError, match=sentence) as error:
        load(text)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_sampled_chance_is_refused():
    sampled = next(
        t.short_name
        for t in pyspiel.registered_games()
        if t.chance_mode == pyspiel.GameType.ChanceMode.SAMPLED_STOCHASTIC and t.default_loadable
    )
    with pytest.raises(ValueError, match="by sampling only"):
        load(sampled)


def test_imperfect_recall_is_refused():
    with pytest.raises(ValueError, match="imperfect recall"):
        compile_tree(load("liars_dice_ir(dice_sides=3)"))


def test_missing_openspiel_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspiel", None)
    with pytest.raises(ValueError, match=r'pip install "counterplay\[openspiel\]"'):
        load("kuhn_poker")


def test_policy_checks_the_strategy():
    tree, _ = compiled("kuhn")
    with pytest.raises(ValueError, match="shape"):
        to_policy(Kuhn(), tree, np.ones((3, 3)))
    with pytest.raises(ValueError, match="sum to 1"):
        to_policy(Kuhn(), tree, np.ones((tree.rows, tree.lanes)))
