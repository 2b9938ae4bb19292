"""Conformance of every game of the catalogue, transcripts of play, and known values.

Run as a script with --regenerate, this file writes the transcripts anew.
"""

import math
import random
import re
import sys
from pathlib import Path

import pytest

from counterplay.engine.form import sequence_form
from counterplay.engine.rules import CHANCE, LEAF, histories, is_dealt, is_factored
from counterplay.engine.strategy import uniform
from counterplay.engine.tree import compile_tree
from counterplay.games import GAMES, make, spec_of
from counterplay.games.foreign.gambit import ExtensiveForm
from counterplay.games.goofspiel import Goofspiel
from counterplay.games.kuhn import Kuhn, rank_labels
from counterplay.games.leduc import Leduc, strength
from counterplay.games.liars_dice import LiarsDice
from counterplay.games.matrix import Matrix
from counterplay.games.one_card import one_card
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.value import judge_table

ROOT = Path(__file__).parent.parent
PLAYTHROUGHS = Path(__file__).parent / "playthroughs"
REGENERATE = "python tests/test_games.py --regenerate"
SPECS = [spec for entry in GAMES if entry.name != "holdem" for spec in entry.examples]  # spots are in test_spots
TREES = [spec for spec in SPECS if "file=" in spec or not is_factored(make(spec))]  # others: test_in_the_dark


@pytest.fixture(autouse=True)
def _at_root(monkeypatch):
    """Examples name files relative to the root of the repository."""
    monkeypatch.chdir(ROOT)


def uniform_judgement(game):
    tree = compile_tree(game)
    return judge_table(sequence_form(tree), uniform(tree))


def transcript_file(spec):
    return PLAYTHROUGHS / (re.sub(r"[^a-z0-9]+", "_", spec.lower()).strip("_") + ".txt")


def transcript(spec):
    """Return everything that a game says along one random play, drawn with the spec as the seed."""
    game, draw = make(spec), random.Random(spec)
    rules = histories(game)
    lines = [f"game: {spec}", f"players: {rules.players}"]
    if is_factored(game):
        lines += [f"cells: {' '.join(game.names)}"]
    else:
        tree = compile_tree(game)
        lines += [f"zero-sum: {tree.zero_sum}", *(f"{name}: {number}" for name, number in tree.count().items())]
    if is_dealt(game):
        lines += [f"hands of player {p}: {' '.join(game.hands(p))}" for p in range(game.players)]
    state = rules.root()
    while (turn := rules.turn(state)) != LEAF:
        moves = rules.moves(state)
        lines += ["", f"state: {state}", f"turn: {'chance' if turn == CHANCE else f'player {turn}'}"]
        if turn == CHANCE:
            odds = rules.chance(state)
            lines += [f"moves: {', '.join(f'{m} ({p:.6g})' for m, p in zip(moves, odds, strict=True))}"]
            choice = draw.choices(range(len(moves)), odds)[0]
        else:
            lines += [f"sees: {rules.sees(state, turn)}", f"moves: {', '.join(moves)}"]
            choice = draw.randrange(len(moves))
        lines += [f"move: {moves[choice]}"]
        state = rules.play(state, choice)
    lines += ["", f"state: {state}", f"payoffs: {', '.join(f'{v:.6g}' for v in rules.payoffs(state))}"]
    return "".join(line.rstrip() + "\n" for line in lines)


def test_the_catalogue_has_examples_and_unique_names():
    assert all(entry.examples for entry in GAMES)
    assert len({entry.name for entry in GAMES}) == len(GAMES)
    assert len({transcript_file(spec) for spec in SPECS}) == len(SPECS)


@pytest.mark.parametrize("spec", SPECS)
def test_playthrough(spec):
    file = transcript_file(spec)
    assert file.exists(), f"{spec} has no playthrough; write it with: {REGENERATE}"
    assert file.read_text(encoding="utf-8") == transcript(spec), f"if the change is meant: {REGENERATE}"


def test_every_playthrough_has_its_game():
    assert {file.name for file in PLAYTHROUGHS.iterdir()} == {transcript_file(spec).name for spec in SPECS}


@pytest.mark.parametrize("spec", SPECS)
def test_random_play_is_legal(spec):
    game = make(spec)
    rules, draw = histories(game), random.Random(1)
    zero_sum = is_factored(game) or compile_tree(game).zero_sum
    for _ in range(100):
        state = rules.root()
        while (turn := rules.turn(state)) != LEAF:
            assert turn == CHANCE or 0 <= turn < rules.players
            moves = rules.moves(state)
            assert moves
            assert len(set(moves)) == len(moves)
            assert all(isinstance(move, str) and move for move in moves)
            if turn == CHANCE:
                odds = rules.chance(state)
                assert len(odds) == len(moves)
                assert min(odds) >= 0
                assert math.isclose(sum(odds), 1, abs_tol=1e-12)
                choice = draw.choices(range(len(moves)), odds)[0]
            else:
                assert isinstance(rules.sees(state, turn), str)
                choice = draw.randrange(len(moves))
            before = hash(state)
            after = rules.play(state, choice)
            assert hash(state) == before
            assert rules.play(state, choice) == after
            state = after
        payoffs = rules.payoffs(state)
        assert len(payoffs) == rules.players
        assert all(map(math.isfinite, payoffs))
        assert not zero_sum or abs(sum(payoffs)) < 1e-9


@pytest.mark.parametrize("spec", TREES)
def test_trees_are_consistent(spec):
    """Perfect recall, equal moves in an information set and odds are checked by `compile_tree` itself."""
    tree = compile_tree(make(spec))
    names = list(zip(tree.owner.tolist(), tree.labels, strict=True))
    assert len(set(names)) == len(names)
    judgement = judge_table(sequence_form(tree), uniform(tree))
    assert all(b >= v - 1e-12 for b, v in zip(judgement.best, judgement.value, strict=True))
    assert not tree.zero_sum or abs(sum(judgement.value)) < 1e-9


@pytest.mark.parametrize("spec", TREES)
def test_lanes_equal_histories(spec):
    game = make(spec)
    if not is_dealt(game):
        assert histories(game) is game
        return
    lanes, walked = uniform_judgement(game), uniform_judgement(histories(game))
    assert lanes.value == pytest.approx(walked.value, abs=1e-12)
    assert lanes.best == pytest.approx(walked.best, abs=1e-12)


@pytest.mark.parametrize("spec", SPECS)
def test_specs_round_trip(spec):
    game = make(spec)
    text = spec_of(game)
    assert make(text) == game
    assert spec_of(make(text)) == text


# Exploitability of uniform play as computed by OpenSpiel 2.0 (`nash_conv` of `UniformRandomPolicy` / players); Kuhn's
# 11/24 and Leduc's 2.3736 also stand in the literature on CFR. Counts: players x cards x betting histories.
@pytest.mark.parametrize(
    ("game", "infosets", "exploitability"),
    [
        (Kuhn(), 12, 11 / 24),
        (Kuhn(players=3), 48, 0.6875),
        (Kuhn(players=4), 160, 3.4760416666666663 / 4),
        (Leduc(), 288, 2.3736111111111111),
        (Leduc(players=3), 7428, 12.611221340388003 / 3),
        (LiarsDice(), 24576, 1.5614886463844795 / 2),
        (LiarsDice(dice=2, faces=3), 24576, 1.477991865054622 / 2),
    ],
)
def test_known_values_of_uniform_play(game, infosets, exploitability):
    tree = compile_tree(game)
    assert tree.count()["infosets"] == infosets
    assert judge_table(sequence_form(tree), uniform(tree)).exploitability == pytest.approx(exploitability, abs=1e-9)


@pytest.mark.parametrize(("cards", "nodes", "infosets"), [(4, 1077, 162), (5, 26931, 2124)])
def test_goofspiel_is_as_large_as_in_openspiel(cards, nodes, infosets):
    count = compile_tree(Goofspiel(cards=cards)).count()
    assert (count["nodes"], count["infosets"]) == (nodes, infosets)


@pytest.mark.parametrize(
    ("game", "openspiel"),
    [
        (Kuhn(), "kuhn_poker"),
        (Kuhn(players=3), "kuhn_poker(players=3)"),
        (Leduc(), "leduc_poker"),
        (LiarsDice(faces=4), "liars_dice(dice_sides=4)"),
        (LiarsDice(dice=2, faces=2), "liars_dice(numdice=2,dice_sides=2)"),
        *(
            (
                Goofspiel(cards, players, order, hidden, returns),
                f"goofspiel(num_cards={cards},players={players},points_order={order},imp_info={hidden},"
                f"returns_type={returns})",
            )
            for cards, players, order, hidden, returns in (
                (4, 2, "descending", True, "win_loss"),
                (4, 2, "ascending", False, "point_difference"),
                (3, 2, "random", True, "win_loss"),
                (3, 2, "random", False, "total_points"),
                (3, 3, "ascending", True, "win_loss"),
                (3, 3, "random", True, "point_difference"),
            )
        ),
        (make("rock_paper_scissors"), "matrix_rps"),
        (make("matching_pennies"), "matrix_mp"),
        (make("shapley"), "matrix_shapleys_game"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_uniform_play_as_in_openspiel(game, openspiel):
    pyspiel = pytest.importorskip("pyspiel")
    theirs = pyspiel.load_game(openspiel)
    if theirs.get_type().dynamics == pyspiel.GameType.Dynamics.SIMULTANEOUS:
        theirs = pyspiel.convert_to_turn_based(theirs)
    policy = pyspiel.UniformRandomPolicy(theirs)
    ours = uniform_judgement(game)
    value = pyspiel.expected_returns(theirs.new_initial_state(), policy, -1, True)
    assert ours.value == pytest.approx(value, abs=1e-9)
    assert ours.nash_conv == pytest.approx(pyspiel.nash_conv(theirs, policy, True), abs=1e-9)


@pytest.mark.parametrize(
    ("order", "players", "cards"), [("descending", 2, 4), ("random", 2, 3), ("ascending", 3, 3), ("random", 3, 3)]
)
def test_hidden_goofspiel_has_the_information_of_openspiel(order, players, cards):
    """Play both side by side: an information set of one must be an information set of the other."""
    pyspiel = pytest.importorskip("pyspiel")
    text = f"goofspiel(num_cards={cards},players={players},points_order={order},imp_info=True)"
    ours, theirs = Goofspiel(cards, players, order), pyspiel.convert_to_turn_based(pyspiel.load_game(text))
    pairs = set()
    stack = [(ours.root(), theirs.new_initial_state())]
    nodes = 0
    while stack:
        state, other = stack.pop()
        nodes += 1
        turn = ours.turn(state)
        assert (turn == LEAF) == other.is_terminal()
        if turn == LEAF:
            assert ours.payoffs(state) == pytest.approx(other.returns())
            continue
        assert turn == other.current_player()
        assert len(ours.moves(state)) == len(other.legal_actions())
        if turn != CHANCE:
            pairs.add((turn, ours.sees(state, turn), other.information_state_string(turn)))
        stack.extend((ours.play(state, i), other.child(a)) for i, a in enumerate(other.legal_actions()))
    assert len({(p, mine) for p, mine, _ in pairs}) == len(pairs) == len({(p, their) for p, _, their in pairs})
    assert len(compile_tree(ours).player) == nodes


def test_one_card_poker_with_three_cards_is_kuhn_poker():
    assert one_card(cards=3) == Kuhn()
    assert one_card().hands(0) == list("23456789TJQKA")


@pytest.mark.parametrize(("cards", "value"), [(3, -1 / 18), (13, -5 / 78)])
def test_value_of_one_card_poker(cards, value):
    """Kuhn (1950) has -1/18; for thirteen cards Gordon's page on the game says that 6.4 cents a deal are lost."""
    tree = compile_tree(one_card(cards=cards))
    assert judge_table(sequence_form(tree), solve_lp(tree)).value[0] == pytest.approx(value, abs=1e-9)


def test_goofspiel_discards_tied_prizes_and_shares_wins():
    game = Goofspiel(cards=3, returns="total_points")
    state = game.root()
    for bid in ("1", "1", "3", "2"):  # the last cards, 2 and 3, are bid by themselves
        state = game.play(state, game.moves(state).index(bid))
    assert game.turn(state) == LEAF
    assert game.payoffs(state) == [2.0, 1.0]
    three = Goofspiel(cards=2, players=3)
    state = three.root()
    for bid in ("1", "1", "2"):
        state = three.play(state, three.moves(state).index(bid))
    assert three.payoffs(state) == [-0.5, -0.5, 1.0]


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ((0, 1), (2, 2)),
        ((0, 2), (1, 2)),
        ((0, 2, 2), (0, 3, 3)),
        ((7, 8, 9, 11, 12), (0, 0, 1, 2, 3)),
        ((11, 11, 12, 12, 10), (0, 0, 0, 1, 2)),
        ((12, 12, 12, 11, 10), (0, 1, 2, 3, 4)),
        ((0, 1, 2, 3, 12), (0, 1, 2, 3, 4)),
        ((8, 9, 10, 11, 12), (0, 0, 0, 1, 1)),
        ((12, 12, 12, 11, 11), (0, 0, 0, 0, 1)),
        ((0, 0, 3, 3, 5, 5, 1), (0, 0, 3, 3, 3, 1, 2)),
    ],
)
def test_poker_hands_rank_as_usual_without_suits(weaker, stronger):
    assert strength(weaker, 13) < strength(stronger, 13)


def test_rank_labels():
    assert [" ".join(rank_labels(n)) for n in (2, 3, 4, 6)] == ["Q K", "J Q K", "J Q K A", "9 T J Q K A"]
    assert len(set(rank_labels(20))) == 20


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Kuhn(players=11), "players must be 2 to 10, not 11"),
        (lambda: Kuhn(players=3, ranks=2), "ranks must be at least players"),
        (lambda: Leduc(ranks=2, suits=1), "cards are dealt"),
        (lambda: Leduc(bets=(2,)), "bets must be 2 positive sizes"),
        (lambda: Leduc(board=(3, 3), bets=(1, 1, 1)), "five in all at most"),
        (lambda: LiarsDice(dice=0), "dice must be 1 to 5"),
        (lambda: Goofspiel(cards=1), "cards must be 2 to 13"),
        (lambda: Goofspiel(order="up"), "order must be one of descending, ascending, random"),
        (lambda: Goofspiel(returns="money"), "returns must be one of win_loss"),
        (lambda: one_card(cards=1), "cards must be 2 to 1000"),
        (lambda: Matrix((), ()), "needs a player"),
        (lambda: Matrix((("a", "a"), ("b",)), ((1.0, 1.0),) * 2), "different names"),
        (lambda: Matrix((("a", "b"), ("b",)), ((1.0, 1.0),)), "2 x 1 actions need 2 profiles"),
        (lambda: Matrix((("a",), ("b",)), ((1.0,),)), "needs 2 payoffs"),
        (lambda: Matrix((("a",), ("b",)), ((1.0, 1.0),), ("x",)), "2 players need as many names"),
    ],
)
def test_impossible_games_are_refused(build, said):
    with pytest.raises(ValueError, match=said):
        build()


def test_payoff_files(tmp_path):
    file = tmp_path / "game.toml"
    file.write_text('actions = [["a", "b"], ["c", "d", "e"]]\npayoffs = [[1, 2, 3], [4, [5, 6], 0.5]]\n')
    game = make(str(file))
    assert game.names == ("row", "column")
    assert [game.payoffs((1, j)) for j in range(3)] == [(4, -4), (5, 6), (0.5, -0.5)]
    assert make(spec_of(game)) == game
    file.write_text('players = ["x", "y", "z"]\nactions = [["a"], ["b"], ["c"]]\npayoffs = [[[[1, 2, 3]]]]\n')
    assert make(str(file)).payoffs((0, 0, 0)) == (1, 2, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("actions = [", "not written as TOML"),
        ("payoffs = [[1]]", "needs actions"),
        ("actions = [[1], [2]]\npayoffs = [[1]]", "needs actions"),
        ('actions = [["a"], ["b"]]', "needs payoffs for 1 x 1 actions; there is none, or too much, at payoffs"),
        ('actions = [["a"], ["b", "c"]]\npayoffs = [[1]]', "too much, at payoffs\\[0\\]\\[0\\]"),
        ('actions = [["a"], ["b"]]\npayoffs = [["x"]]', "must be a list of 2 numbers"),
        ('actions = [["a"], ["b"]]\npayoffs = [[[1, 2, 3]]]', "must be a list of 2 numbers"),
        ('actions = [["a"], ["b"]]\npayoffs = [[inf]]', "must be a list of 2 numbers"),
        ('actions = [["a"], ["b"]]\npayoffs = [[1]]\nplayers = "xy"', "players must be a list of names"),
        ('actions = [["a"], ["b"]]\npayoffs = [[1]]\npayers = ["x"]', "has 'payers'"),
        ('actions = [["a"], ["b"]]\npayoffs = [[1]]\nplayers = ["x"]', "2 players need as many names"),
    ],
)
def test_payoff_files_with_mistakes(tmp_path, text, said):
    file = tmp_path / "game.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        make(str(file))


def test_examples_are_the_games_they_claim():
    beer = make("examples/beer_quiche.efg")
    assert isinstance(beer, ExtensiveForm)
    assert sorted(compile_tree(beer).labels) == ["beer", "quiche", "surly", "wimp"]
    voters = make("examples/three_voters.nfg")
    assert isinstance(voters, Matrix)
    assert voters.payoffs((0, 1, 0)) == (1, 1, -1)


def regenerate():
    PLAYTHROUGHS.mkdir(exist_ok=True)
    for file in PLAYTHROUGHS.iterdir():
        file.unlink()
    for spec in SPECS:
        transcript_file(spec).write_text(transcript(spec), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--regenerate"]:
        sys.exit(f"usage: {REGENERATE}")
    regenerate()
