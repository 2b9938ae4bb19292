"""Solutions as people use them: look-ups, tables, judging what was changed, and games that come as objects."""

import json
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.engine.rules import LEAF
from counterplay.solvers.value import Judgement


class Thirds:
    """A game of one's own: player 1 guesses which of three player 0 took, and gets what it is worth."""

    players = 2

    def root(self):
        return ()

    def turn(self, state):
        return LEAF if len(state) == 2 else len(state)

    def moves(self, state):
        return ("one", "two", "three")

    def chance(self, state):
        raise AssertionError

    def play(self, state, move):
        return (*state, move)

    def payoffs(self, state):
        won = 1.0 + state[0] if state[0] == state[1] else 0.0
        return -won, won

    def sees(self, state, player):
        return "to choose"


@pytest.fixture(scope="module")
def kuhn():
    return counterplay.solve("kuhn", target=1e-4)


@pytest.fixture(scope="module")
def river():
    return counterplay.solve("examples/river_a.toml", iterations=30, threads=1)


@pytest.mark.parametrize("where", [("J b",), ("J", "b"), ("J", "bet"), ("0pb",)])
def test_information_sets_by_many_names(kuhn, where):
    found = kuhn.at("J pb") if where == ("0pb",) else kuhn.at("J b")
    assert kuhn.at(*where) == found
    assert sum(found.values()) == pytest.approx(1)


def test_looking_for_what_is_not_there(kuhn):
    with pytest.raises(ValueError, match="no information set is called 'J bb'"):
        kuhn.at("J bb")
    with pytest.raises(ValueError, match="of player 1 is called 'J'"):
        kuhn.at("J", player=1)
    with pytest.raises(ValueError, match="named by its label"):
        kuhn.at(3)
    shared = counterplay.solve(Thirds(), iterations=3)
    with pytest.raises(ValueError, match="say whose, with player="):
        shared.at("to choose")
    assert set(shared.at("to choose", player=1)) == {"one", "two", "three"}


def test_iteration_dictionary_and_rows_hold_the_same(kuhn):
    infosets = list(kuhn)
    assert len(kuhn) == len(infosets) == 12
    assert kuhn.to_dict() == {(i.player, i.label): i.strategy for i in infosets}
    rows = kuhn.rows()
    assert len(rows) == sum(len(i.strategy) for i in infosets)
    assert {frozenset(row) for row in rows} == {
        frozenset({"player", "infoset", "hand", "action", "probability", "reach", "note"})
    }
    assert kuhn.export("csv").splitlines()[1:] == [",".join(map(str, row.values())) for row in rows]
    assert len(json.loads(kuhn.export("json", player=1))["infosets"]) == 6


def test_a_strategy_is_not_changed_by_accident(kuhn):
    with pytest.raises(ValueError, match="read-only"):
        kuhn.strategy[0] = 1.0
    with pytest.raises(AttributeError):
        kuhn.strategy = np.zeros(3)


def test_equality_never_raises(kuhn, river):
    assert kuhn == kuhn
    assert kuhn != counterplay.solve("kuhn", iterations=3)
    assert river != kuhn
    assert len({kuhn, river}) == 2


def test_reprs_are_a_few_lines(kuhn, river):
    for solution in (kuhn, river):
        assert 3 <= len(repr(solution).splitlines()) <= 6
        assert "exploitability" in repr(solution)
        assert solution._repr_html_().startswith("<table>")
    assert isinstance(kuhn, counterplay.Solution)
    assert isinstance(river, counterplay.Solution)


def test_judging_in_every_form(kuhn):
    import pyspiel
    from open_spiel.python import policy

    game = pyspiel.load_game("kuhn_poker")
    claimed = kuhn.exploitability
    for where, strategy in (
        ("kuhn", kuhn.strategy),
        (kuhn, kuhn.strategy),
        ("kuhn", kuhn),
        ("kuhn", kuhn.to_dict()),
        ("kuhn", {label: odds for (_, label), odds in kuhn.to_dict().items()}),
        ("kuhn", lambda player, label, actions: kuhn.at(label, player=player)),
        ("kuhn", lambda player, label, actions: list(kuhn.at(label, player=player).values())),
        (game, kuhn.to_openspiel()),
        ("kuhn", kuhn.to_openspiel()),
    ):
        assert counterplay.judge(where, strategy).exploitability == pytest.approx(claimed, abs=1e-12)
    assert counterplay.judge(kuhn) == kuhn.judge()
    for strategy in (policy.UniformRandomPolicy(game), policy.TabularPolicy(game)):
        assert counterplay.judge("kuhn", strategy).exploitability == pytest.approx(11 / 24)


def test_one_seat_alone(kuhn):
    mine = {key: odds for key, odds in kuhn.to_dict().items() if key[0] == 0}
    found = counterplay.judge("kuhn", mine)
    assert found.seat == 0
    assert found.response == pytest.approx(kuhn.best[1])
    assert found.guarantee == pytest.approx(-kuhn.best[1])


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ({"J b": {"fold": 1}}, "says nothing of player 1's information set"),
        ({"J b": {"flod": 1}}, "'J b' has no action 'flod'"),
        ({"J b": {"fold": 0.5}}, "must be non-negative and sum to 1"),
        ({"J b": [1]}, "needs 2 probabilities"),
        ({"Z": [1, 0]}, "no information set is called 'Z'"),
        ({}, "the strategy is empty"),
        (np.ones((3, 3)), "strategies have shape"),
        (np.full((8, 3), np.nan), "non-negative and sum to 1"),
        (object(), "a strategy is an array, a dictionary"),
    ],
)
def test_what_is_no_strategy(strategy, said):
    with pytest.raises(ValueError, match=said):
        counterplay.judge("kuhn", strategy)


def test_changing_a_probability_and_judging_it(kuhn):
    changed = kuhn.to_dict()
    changed[1, "K b"] = {"fold": 1.0, "call": 0.0}
    worse = counterplay.judge(kuhn, changed)
    assert isinstance(worse, Judgement)
    assert worse.exploitability > kuhn.exploitability + 0.05


def test_games_in_hand():
    import pyspiel

    rps = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    assert counterplay.solve(rps).value == pytest.approx((0, 0), abs=1e-4)
    battle = (np.array([[3, 0], [0, 2]]), np.array([[2, 0], [0, 3]]))
    assert counterplay.solve(battle, iterations=50).players == 2
    assert counterplay.solve(np.stack([np.ones((2, 2, 2))] * 3), iterations=5).value == (1, 1, 1)
    assert counterplay.solve(pyspiel.load_game("kuhn_poker"), target=1e-2).game == "openspiel:kuhn_poker()"
    with pytest.raises(ValueError, match="finite"):
        counterplay.solve(np.array([[1, np.inf], [0, 0]]))
    with pytest.raises(ValueError, match="P arrays of P dimensions"):
        counterplay.solve(np.zeros((3, 2, 2)))


def test_own_rules_are_saved_loaded_and_resumed(tmp_path):
    game = Thirds()
    part = counterplay.solve(game, iterations=20)
    part.save(tmp_path / "thirds.cps")
    again = counterplay.load(tmp_path / "thirds.cps", game=game)
    assert again.judge() == part.judge()
    whole = counterplay.solve(game, iterations=50)
    np.testing.assert_array_equal(counterplay.solve(resume=again, iterations=50).strategy, whole.strategy)
    with pytest.raises(ValueError, match="is of Thirds, not of kuhn"):
        counterplay.load(tmp_path / "thirds.cps", game="kuhn")

    class Thirds2(Thirds):
        def moves(self, state):
            return ("one", "two", "four")

    Thirds2.__name__ = "Thirds"
    with pytest.raises(ValueError, match="not those that this solution was made for"):
        counterplay.load(tmp_path / "thirds.cps", game=Thirds2())


def test_the_same_labels_with_other_payoffs_are_another_game(tmp_path):
    class Dear(Thirds):
        def payoffs(self, state):
            return [5 * x for x in super().payoffs(state)]

    Dear.__name__ = "Thirds"
    solution = counterplay.solve(Thirds(), iterations=20)
    solution.save(tmp_path / "thirds.cps")
    with pytest.raises(ValueError, match="earns otherwise"):
        counterplay.load(tmp_path / "thirds.cps", game=Dear())
    with pytest.raises(ValueError, match="earns otherwise"):
        counterplay.solve(Dear(), resume=solution)


def test_native_games_come_as_objects():
    for text in ("kuhn", "leduc", "goofspiel(cards=3)"):
        solution = counterplay.solve(counterplay.make(text), iterations=5)
        assert solution.game == text
    with pytest.raises(ValueError, match="no hold'em spot"):
        counterplay.load("tests/old/kuhn.cps", game="examples/river_a.toml")


def test_rules_with_parts_missing():
    class Half:
        players = 2

        def turn(self, state):
            return 0

        def deal(self, hands):
            return [1]

    with pytest.raises(ValueError, match=r"DealtRules .* also has root, moves, play, payoffs, sees, hands, outcome"):
        counterplay.solve(Half())


def test_a_spot_is_asked_by_line_and_hand(river):
    view = river.at("check")
    assert river.at("check", "AsQs") == pytest.approx(view.of("AsQs"))
    assert sum(river.at("", "JJ").values()) == pytest.approx(1)
    with pytest.raises(ValueError, match="no hand of '72o'"):
        river.at("check", "72o")
    rows = river.rows("check")
    assert {frozenset(row) for row in rows} == {frozenset(rows[0])}
    assert sum(rows[0][action] for action in view.actions) == pytest.approx(1)


def test_spots_head_to_head(river):
    other = counterplay.solve("examples/river_a.toml", iterations=90, threads=1)
    for seat, (one, two) in enumerate(river.against(other)):
        assert one + two == pytest.approx(river.spot.pot, abs=1e-3)
        mine = (one, two)[seat]
        # Against the better strategy no seat gets more than a best response to it would.
        assert mine <= other.best[seat] + 1e-3
    assert river.against(river) == (pytest.approx(river.value, abs=1e-3),) * 2


def test_the_public_surface():
    for name in counterplay.__all__:
        found = getattr(counterplay, name)
        assert found.__doc__, name
    assert set(counterplay.__all__) <= set(dir(counterplay))
    page = (Path(__file__).parent.parent / "docs" / "python.md").read_text()
    assert [name for name in counterplay.__all__ if f"`{name}`" not in page and f"`{name}(" not in page] == []
    with pytest.raises(AttributeError, match="no attribute 'sovle'"):
        counterplay.sovle  # noqa: B018
