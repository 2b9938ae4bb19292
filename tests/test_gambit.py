"""Gambit's files: what is read, and mistakes named by line."""

from pathlib import Path

import pytest

from counterplay.engine.form import sequence_form
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.strategy import uniform
from counterplay.engine.tree import compile_tree
from counterplay.games import make, spec_of
from counterplay.solvers.value import judge_table


@pytest.fixture
def read(tmp_path):
    """Write a text to a file and load it."""

    def load(text, name="game.efg"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return make(f"gambit:{file}")

    return load


HEAD = 'EFG 2 R "a \\"quoted\\" title" { "Ann" "Bob" }\n"a comment"\n'

# Ann sees a biased coin, Bob only her call; a call of "high" pays her 1 at once.
COIN = (
    HEAD
    + """
c "toss" 1 "coin" { "heads" 1/4 "tails" .75 } 0
p "" 1 1 "Ann sees" { "high" "low" } 0
p "" 2 7 "hears" { "trust" "doubt" } 1 "bonus" { 1, 0 }
t "" 2 "" { 2 -2 }
t "" 3 "" { -1/2, 1e0 }
p "" 2 8 "hears" { "trust" "doubt" } 0
t "" 2
t "" 3
p "" 1 2 "Ann sees" { "high" "low" } 0
p "" 2 7 1
t "" 3
t "" 2
p "" 2 8 0
t "" 0
t "" 4 "named" { 0.5 -.5 }
"""
)


def test_extensive_form(read):
    game = read(COIN)
    assert game.players == 2
    assert game.turn(0) == CHANCE
    assert game.chance(0) == (0.25, 0.75)
    high = game.play(game.play(0, 0), 0)
    assert (game.turn(high), game.moves(high), game.sees(high, 1)) == (1, ("trust", "doubt"), "hears #7")
    leaf = game.play(high, 0)
    assert game.turn(leaf) == LEAF
    assert game.payoffs(leaf) == (3.0, -2.0)  # the bonus and what the leaf pays
    assert game.payoffs(game.play(high, 1)) == (0.5, 1.0)
    tree = compile_tree(game)
    assert sorted(tree.labels) == ["Ann sees #1", "Ann sees #2", "hears #7", "hears #8"]
    assert tree.count() == {"nodes": 15, "leaves": 8, "infosets": 4}
    # By hand: Ann's calls are worth 1/4 (1.75 + .75) / 2 + 3/4 (1.75 + .25) / 2 under uniform play.
    assert judge_table(sequence_form(tree), uniform(tree)).value[0] == pytest.approx((0.25 * 2.5 + 0.75 * 2.0) / 2)
    assert make(spec_of(game)) == game


def test_empty_and_equal_names_are_numbered(read):
    game = read(
        'EFG 2 D "" { "" "" } c "" 1 "" { "" 0.5 "" 0.5 } 0 '
        'p "" 1 3 "" { "a" "a" } 0 t "" 0 t "" 0 p "" 2 1 "" { "" "b" } 0 t "" 0 t "" 0'
    )
    assert game.names == ("#1", "#2")
    assert game.moves(0) == ("#1", "#2")
    assert (game.moves(1), game.sees(1, 0)) == (("a #1", "a #2"), "#3")
    assert (game.moves(4), game.sees(4, 1)) == (("#1", "b"), "#1")


def test_names_cannot_be_mistaken_for_numbered_ones(read):
    """Information sets 1 and 2 have the same name, and set 3 is called what set 1 would be."""
    game = read(
        HEAD + 'c "" 1 "" { "a" .3 "b" .3 "c" .4 } 0 '
        'p "" 1 1 "x" { "l" "r" } 0 t "" 0 t "" 0 p "" 1 2 "x" { "l" "r" } 0 t "" 0 t "" 0 '
        'p "" 1 3 "x #1" { "l" "r" } 0 t "" 0 t "" 0'
    )
    assert compile_tree(game).labels == ("x #1", "x #2", "x #1 #3")


def test_rounded_probabilities_are_made_to_sum_to_one(read):
    game = read(HEAD + 'c "" 1 "" { "a" .333333 "b" .333333 "c" .333333 } 0 t "" 0 t "" 0 t "" 0')
    assert sum(game.chance(0)) == pytest.approx(1, abs=1e-15)


def test_deep_trees_do_not_exhaust_the_stack(read):
    steps = "".join(f'p "" {k % 2 + 1} {k + 1} "" {{ "stop" "go" }} 0 t "" 0\n' for k in range(5000))
    assert len(read(HEAD + steps + 't "" 0').nodes) == 10001


def test_imperfect_recall_is_refused_when_compiled(read):
    game = read(
        HEAD + 'p "" 1 1 "first" { "a" "b" } 0 p "" 1 2 "second" { "c" "d" } 0 t "" 0 t "" 0 p "" 1 2 0 t "" 0 t "" 0'
    )
    with pytest.raises(ValueError, match="forgets at 'second'"):
        compile_tree(game)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'line 1: expected a Gambit file, which begins with "EFG 2 R" or "NFG 1 R"$'),
        ("BAGG", 'line 1: expected a Gambit file, which begins with "EFG 2 R" or "NFG 1 R"$'),
        ("EFG 1 R", "line 1: expected version 2, found 1"),
        ("EFG 2 Q", "line 1: expected R or D"),
        ("EFG 2 R title", "line 1: expected the title of the game, in quotation marks, found title"),
        ('EFG 2 R "title', "line 1: a quotation mark is not closed"),
        ('EFG 2 R "t" "u"', "expected { before names of players"),
        ('EFG 2 R "t" { }', "expected the names of the players"),
        ('EFG 2 R "t" { "a" "b"', "expected } after names of players, found the end of the file"),
        (HEAD + 'x "" 0', "line 3: expected a node: c \\(chance\\), p \\(player\\) or t \\(terminal\\), found x"),
        (HEAD + "t 0", "line 3: expected the name of the node"),
        (HEAD + 't "" 1', "expected { before the payoffs of outcome 1"),
        (HEAD + 't "" one', "expected the number of the outcome, 0 for none, an integer from 0, found one"),
        (HEAD + 't "" 1 "" { 1 }', "line 3: expected 2 payoffs, one a player, found 1"),
        (HEAD + 't "" 1 "" { 1 x }', "expected a payoff, a number such as"),
        (HEAD + 't "" 1 "" { 1 1/0 }', "expected a payoff, a number such as"),
        (HEAD + 't "" 1 "" { 1 nan }', "expected a payoff, a finite number"),
        (HEAD + 't "" 0\nt "" 0', "line 4: expected nothing after the tree, found t"),
        (HEAD + 'p "" 3 1 "" { "a" } 0', "expected the player, an integer from 1 to 2, found 3"),
        (HEAD + 'p "" 1 1 "" 0', "expected { before the actions of a new information set"),
        (HEAD + 'p "" 1 1 "" { } 0', "expected at least one action"),
        (HEAD + 'p "" 1 1 "" { a } 0', "expected an action, in quotation marks, found a"),
        (HEAD + 'p "" 1 1 "" { "a" "b" } 0\nt "" 0\n', "line 5: expected a node: .*, found the end of the file"),
        (HEAD + 'p "" 1 1 "" { "a" } 0\np "" 1 1 "" { "b" } 0', "line 4: information set 1 of player 1 has other act"),
        (HEAD + 'c "" 1 "" { "a" 1/2 "b" 1/3 } 0', "probabilities must be non-negative and sum to 1, not 0.8333"),
        (HEAD + 'c "" 1 "" { "a" 3/2 "b" -1/2 } 0', "probabilities must be non-negative"),
        (HEAD + 'c "" 1 "" { "a" "b" } 0', "expected the probability of the action, a number"),
        (
            HEAD + 'p "" 1 1 "" { "a" "b" } 0 t "" 1 "" { 1 2 }\nt "" 1 "" { 1 3 }',
            "line 4: outcome 1 has other payoffs",
        ),
    ],
)
def test_extensive_forms_with_mistakes(read, text, said):
    with pytest.raises(ValueError, match=said):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        'NFG 1 R "t" { "a" "b" } { 3 2 } 1 2 3 4 5 6 7 8 9 10 11 12',
        'NFG 1 D "t" { "a" "b" }\n{ { "1" "2" "3" } { "1" "2" } } "a comment"\n1, 2.0, 3 4 5 6 7 8 9 1e1 11 12',
        'NFG 1 R "t" { "a" "b" } { { "1" "2" "3" } { "1" "2" } }\n'
        '{ { "" 1, 2 } { "" 3, 4 } { "" 5, 6 } { "" 14/2 8 } { "" 9 10 } { "" 11 12 } } 1 2 3 4 5 6',
    ],
)
def test_normal_form(read, text):
    """The first player's strategy changes fastest, whichever way the payoffs are given."""
    game = read(text, "game.nfg")
    assert game.names == ("a", "b")
    assert game.actions == (("1", "2", "3"), ("1", "2"))
    assert [game.payoffs((i, 0)) for i in range(3)] == [(1, 2), (3, 4), (5, 6)]
    assert [game.payoffs((i, 1)) for i in range(3)] == [(7, 8), (9, 10), (11, 12)]
    assert make(spec_of(game)) == game


def test_outcome_zero_pays_nothing(read):
    game = read('NFG 1 R "t" { "a" "b" } { 1 2 } { { "win" 1 -1 } } 0 1', "game.nfg")
    assert [game.payoffs((0, j)) for j in range(2)] == [(0, 0), (1, -1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NFG 2 R", "expected version 1"),
        ('NFG 1 R "t" { "a" "b" } { 2 }', "expected strategies for 2 players"),
        ('NFG 1 R "t" { "a" "b" } { 2 0 }', "expected a number of strategies, an integer from 1, found 0"),
        ('NFG 1 R "t" { "a" "b" } { 9999 9999 }', "99,980,001 profiles of strategies are too many"),
        ('NFG 1 R "t" { "a" "b" } { 1 1 }\n1', "line 2: expected 1 x 2 payoffs, a number .* found the end of the file"),
        ('NFG 1 R "t" { "a" "b" } { 1 1 } 1 2 3', "expected nothing after the payoffs, found 3"),
        ('NFG 1 R "t" { "a" "b" } { 1 1 } { { "" 1 } } 1', "expected 2 payoffs, one a player, found 1"),
        ('NFG 1 R "t" { "a" "b" } { 1 1 } { { "" 1 2 } } 2', "expected 1 outcomes, an integer from 0 to 1, found 2"),
    ],
)
def test_normal_forms_with_mistakes(read, text, said):
    with pytest.raises(ValueError, match=said):
        read(text, "game.nfg")


def test_files_that_are_not_text(tmp_path):
    file = tmp_path / "game.efg"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not a text file"):
        make(str(file))
    with pytest.raises(ValueError, match="is a folder, not a Gambit file"):
        make(f"gambit:{tmp_path}")


@pytest.mark.parametrize("source", ["get_kuhn_poker_efg_data", "get_sample_efg_data"])
def test_files_of_others_are_valued_as_by_openspiel(read, source):
    pyspiel = pytest.importorskip("pyspiel")
    text = getattr(pyspiel, source)()
    theirs = pyspiel.load_efg_game(text)
    tree = compile_tree(read(text))
    ours = judge_table(sequence_form(tree), uniform(tree))
    policy = pyspiel.UniformRandomPolicy(theirs)
    value = pyspiel.expected_returns(theirs.new_initial_state(), policy, -1, True)
    assert ours.value == pytest.approx(value, abs=1e-9)
    assert ours.nash_conv == pytest.approx(pyspiel.nash_conv(theirs, policy, True), abs=1e-9)


def test_games_of_pygambit_come_as_gambit_writes_them():
    text = Path("examples/beer_quiche.efg").read_text()
    newer = type("Game", (), {"__module__": "pygambit.gambit", "to_efg": lambda self: text})
    older = type(
        "Game", (), {"__module__": "pygambit.gambit", "write": lambda self, kind: text if kind == "efg" else ""}
    )
    for game in (newer(), older()):
        assert compile_tree(make(game)).labels == compile_tree(make("examples/beer_quiche.efg")).labels
