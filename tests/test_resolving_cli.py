"""`evaluate` and `play` of games that are played by re-solving, from Python and from the command line."""

import json

import numpy as np
import pytest

import counterplay
from counterplay.api.resolving import opponent, player
from counterplay.engine.errors import UserError
from counterplay.engine.rules import histories
from counterplay.show.play import play_game
from counterplay.solvers.depth_limited import SolvedRest


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return the file of a coarse solution of Kuhn poker."""
    path = tmp_path_factory.mktemp("resolving") / "kuhn.cps"
    counterplay.solve("kuhn", "cfr", iterations=30).save(path)
    return path


class Exact:
    """An evaluator of one's own, as `player` takes it."""

    def begin(self, tree, nodes):
        return SolvedRest(tree, nodes, 100)


def test_what_it_plays_is_written_down_and_judged(kept):
    blueprint = counterplay.load(kept)
    found = player("kuhn", kept, gadget="maxmargin", horizon=1).whole()
    assert found.blueprint.exploitability == pytest.approx(blueprint.exploitability)
    assert found.exploitability < blueprint.exploitability
    assert counterplay.judge("kuhn", found.strategy).exploitability == pytest.approx(found.exploitability)
    assert "maxmargin" in repr(found)
    again = player("kuhn", Exact(), gadget="resolve", horizon=1, iterations=150).whole()
    assert again.exploitability < 0.01
    assert again.blueprint is None
    for by in (blueprint, blueprint.strategy):
        assert player("kuhn", by, gadget="maxmargin", horizon=1).whole().exploitability == found.exploitability


def test_at_the_table_it_plays_what_is_written_down(kept):
    for by in (kept, Exact()):
        house = player("kuhn", by, gadget="resolve", horizon=1, iterations=100)
        written, book = house.whole().strategy, opponent(house).policy
        rules, tree = histories(house.rules), house.states.tree
        rng = np.random.default_rng(0)
        seen = set()
        for _ in range(60):
            hand = play_game(book, (), lambda decision: 0, lambda *event: None, rng)
            for d in hand.decisions:
                i = book.index[d.player, house.rules.sees(_public(rules, house.rules, d))]
                lane = tree.hands[d.player].index(d.hand)
                np.testing.assert_allclose(d.odds, written[tree.first[i] : tree.first[i + 1], lane], atol=1e-9)
                seen.add((i, lane))
        assert len(seen) > 8


def _public(rules, dealt, decision):
    """Return the public state at a decision of Kuhn poker, from its label: the hand, and what was bet."""
    state = dealt.root()
    for word in decision.seen.split(", ") if decision.seen else []:
        state = dealt.play(state, dealt.moves(state).index(word))
    return state


def test_evaluate_prints_what_a_re_solving_player_is_worth(run, kept):
    code, out, err = run("evaluate", "kuhn", "--resolve", kept, "--gadget", "reach", "--horizon", "1")
    assert (code, err) == (0, "")
    assert "exploitability" in out
    assert "the blueprint's" in out
    code, out, _ = run("evaluate", "kuhn", "--resolve", kept, "--horizon", 1, "--iterations", 50, "--json")
    told = json.loads(out)
    assert (code, told["gadget"], told["horizon"], told["iterations"]) == (0, "none", 1, 50)
    assert told["exploitability"] > 0
    code, out, _ = run("evaluate", "kuhn", "--resolve", kept, "--continuations", "--horizon", 1, "--json")
    told = json.loads(out)
    assert (code, told["below"]) == (0, "four continuations")
    assert told["blueprint_exploitability"] == pytest.approx(counterplay.load(kept).exploitability)
    code, out, _ = run("evaluate", "kuhn", "--resolve", kept, "--samples", 3, "--horizon", 1, "--seed", 4)
    assert code == 0
    assert "3 draws" in out


def test_play_is_against_a_house_that_re_solves(run, kept):
    answers = "b\nb\n?\nq\n"
    code, out, err = run("play", "kuhn", "--resolve", kept, "--gadget", "resolve", "--seed", 1, answers=answers)
    assert code == 0, out + err
    assert "It solves anew where play gets" in out + err


def test_a_value_network_stands_for_what_lies_beyond(run, tmp_path):
    net = tmp_path / "kuhn.cpn"
    small = {"processes": 1, "hidden": 32, "layers": 2, "iterations": 100, "passes": 60}
    counterplay.train_value_net("kuhn", states=2000, **small).save(net)
    code, out, _ = run("evaluate", "kuhn", "--resolve", net, "--gadget", "resolve", "--horizon", 2, "--json")
    told = json.loads(out)
    assert (code, told["below"], told["blueprint_exploitability"]) == (0, "a value network", None)
    assert 0 < told["exploitability"] < 0.1
    again = run(
        "evaluate", "kuhn", "--resolve", net, "--gadget", "resolve", "--horizon", 2, "--device", "cpu", "--json"
    )
    assert json.loads(again[1])["exploitability"] == told["exploitability"]
    assert again[2].startswith("counterplay: networks run on the CPU, 1 thread\n")
    for words, message in ((["leduc"], "of kuhn"), (["kuhn", "--continuations"], "a value network was given")):
        code, out, err = run("evaluate", *words, "--resolve", net)
        assert (code, out) == (2, "")
        assert message in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "kuhn", "--gadget", "reach"], "add --resolve"),
        (["play", "kuhn", "--horizon", "2"], "add --resolve"),
        (["evaluate", "leduc", "--resolve", "FILE"], "kuhn"),
        (["evaluate", "kuhn", "--resolve", "FILE", "--gadget", "safe"], "maxmargin or reach"),
        (["evaluate", "kuhn", "--resolve", "FILE", "--horizon", "0"], "horizon"),
        (["evaluate", "kuhn", "--resolve", "FILE", "--horizon", "turn"], "horizon"),
        (["evaluate", "kuhn", "--resolve", "nothing.cps"], "no file"),
        (["evaluate", "kuhn", "--resolve", "FILE", "--from", "river"], "--from is for hold'em"),
        (["evaluate", "kuhn", "--resolve", "FILE", "--against", "FILE"], "--against"),
        (["evaluate", "kuhn", "--resolve", "FILE", "--episodes", "3"], "--episodes"),
        (["evaluate", "kuhn", "--resolve", "FILE", "--samples", "3", "--gadget", "reach"], "without a gadget"),
        (["evaluate", "kuhn", "--resolve", "FILE", "--seed", "3"], "add --samples"),
        (["evaluate", "kuhn", "--resolve", "FILE", "--device", "cpu"], "a device is for value networks"),
        (["evaluate", "goofspiel(cards=3)", "--resolve", "FILE"], "public states"),
        (["evaluate", "kuhn(players=3)", "--resolve", "FILE"], "two players"),
        (["evaluate", "prisoners_dilemma", "--resolve", "FILE"], "public states"),
        (["evaluate", "examples/river_a.toml", "--resolve", "FILE"], "tree"),
    ],
)
def test_what_cannot_be_re_solved_is_said_in_a_sentence(run, kept, arguments, words):
    code, out, err = run(*(kept if word == "FILE" else word for word in arguments))
    assert (code, out) == (2, "")
    assert words in err


def test_blueprints_have_to_be_whole_and_tables():
    with pytest.raises(UserError, match="both players"):
        player("kuhn", {f"{hand}{seen}": [0.5, 0.5] for hand in "JQK" for seen in ("", " pb")})
    stepped = counterplay.solve("kuhn", "mccfr-outcome", iterations=100, memory="10MB")
    with pytest.raises(UserError, match="table"):
        player("kuhn", stepped)
    with pytest.raises(UserError, match="continuations"):
        player("kuhn", Exact(), continuations=True)
