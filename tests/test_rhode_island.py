"""Rhode Island hold'em: hands of three cards, and small decks against the linear programme."""

from collections import Counter
from itertools import combinations

import pytest

import counterplay
from counterplay.engine.form import sequence_form
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.games.rhode_island import RhodeIsland, three_card_strength
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.value import judge_table


def cards(text):
    return tuple(sorted(4 * "23456789TJQKA".index(card[0]) + "cdhs".index(card[1]) for card in text.split()))


def strength(text):
    return three_card_strength(cards(text), 13, 4)


def test_hands_by_class():
    """The counts of three-card poker: 22,100 hands."""
    counts = Counter(three_card_strength(hand, 13, 4)[0] for hand in combinations(range(52), 3))
    assert [counts[i] for i in range(6)] == [16_440, 3_744, 1_096, 720, 52, 48]


def test_hands_in_order():
    rising = [
        "5c 3d 2h",
        "Ac Kd Jh",
        "2c 2d 3h",
        "2c 2d Ah",
        "3c 3d 2h",
        "5c 3c 2c",
        "Ac Kc Jc",
        "Ac 2d 3h",  # the lowest straight
        "2c 3d 4h",
        "Qc Kd Ah",
        "2c 2d 2h",
        "Ac Ad Ah",
        "Ah 2h 3h",
        "Qs Ks As",
    ]
    strengths = [strength(text) for text in rising]
    assert strengths == sorted(strengths)
    assert len(set(strengths)) == len(strengths)
    assert strength("Ac Kd Jh") == strength("As Kh Jd")
    assert strength("Kc Ad 2h")[0] == 0  # no straight goes around the corner


def test_the_whole_deck():
    game = RhodeIsland()
    assert len(game.hands(0)) == 52
    assert sum(game.deal((3,))) == pytest.approx(1)
    assert game.deal((3,))[3] == 0
    state = game.play(game.play(game.root(), 0), 0)
    assert state.deal
    odds = game.chance(state, (3, 17))
    assert sum(odds) == pytest.approx(1)
    assert odds[3] == odds[17] == 0


@pytest.mark.parametrize(
    "spec",
    [
        "rhode_island(ranks=3, suits=2, raises=1)",
        pytest.param("rhode_island(ranks=2, suits=3, raises=2)", marks=pytest.mark.slow),
    ],
)
def test_small_decks_equal_the_linear_programme(spec):
    tree = compile_tree(make(spec))
    exact = judge_table(sequence_form(tree), solve_lp(tree)).value[0]
    found = counterplay.solve(spec, target=0.05)
    assert found.exploitability <= 0.05
    assert found.value[0] == pytest.approx(exact, abs=0.1)
    assert exact < 0  # the first to act is worse off


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"hole": 2}, "hands have three cards"),
        ({"ranks": 14}, "13 ranks and 4 suits at most"),
        ({"bets": (10, 20)}, "bets must be 3 positive sizes"),
    ],
)
def test_impossible_decks_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        RhodeIsland(**options)
