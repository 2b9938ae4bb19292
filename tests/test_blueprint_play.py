"""Blueprints at the table: whole hands against one in a terminal, with bets that it does not know, and its pages."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.games.holdem.ranges import parse_range
from counterplay.games.holdem.spot import load_spot
from counterplay.show.blueprint_pages import opponent
from counterplay.show.play import play_game

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def plan():
    """No-limit with twenty cards, all four streets; pot-sized bets, stacks of 162."""
    spot = load_spot(EXAMPLES / "royal_holdem.toml")
    return counterplay.blueprint(spot, "strength:6", iterations=60, threads=1, seed=1)


@pytest.fixture(scope="module")
def file(plan, tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "plan.cps"
    plan.save(path)
    return path


@pytest.fixture
def session(run, file):
    """Return a function that plays a hand with these answers, and gives what was printed."""

    def play(*answers: str, seat: str = "ip", seed: int = 1) -> str:
        typed = "\n".join(answers) + "\n"
        code, out, _ = run("play", file, "--seat", seat, "--hands", 1, "--seed", seed, answers=typed)
        assert code == 0
        return out

    return play


def test_a_hand_is_played_from_the_blinds_to_the_river(session):
    """Who always calls sees all five cards, whatever the seed, unless the blueprint folds."""
    ends = set()
    for seed in range(6):
        out = session(*["c"] * 9, seed=seed)
        assert "The blinds are 1 and 2, stacks are 162" in out
        dealt = re.findall(r"dealt: (.*)", out)
        got = float(re.search(r"you get ([+-][0-9.]+) chips", out)[1])
        if "OOP: fold" in out:
            assert got > 0
        else:
            assert [len(cards.split()) for cards in dealt] == [3, 1, 1]
            cards = " ".join(dealt).split()
            assert len(set(cards)) == 5
            assert all(card[0] in "AKQJT" for card in cards)
        ends.add(got)
    assert len(ends) > 1
    assert session(*["c"] * 9) == session(*["c"] * 9)


def test_who_folds_loses_what_was_put_in(session):
    out = session("fold", "?", "q")
    assert "you get -1.00 chips; -1.00 chips in 1 hand" in out
    assert re.search(r"you, first to act: fold \(the solution: ", out)
    assert "showdown" not in out
    assert "OOP" in session("c", "q", seat="oop")


def test_what_there_is_to_win_and_to_pay_is_said(session):
    """The button has put in one of the three chips in the middle, and who goes to the end sees both hands."""
    outs = [session(*["c"] * 9, seed=seed) for seed in range(6)]
    assert all("; pot 3, 1 to call\n" in out for out in outs)
    for out in outs:
        assert ("showdown on " in out) == ("OOP: fold" not in out)


def test_any_legal_bet_may_be_made(session):
    out = session("raise to 3", "raise to 500", "raise to 9", *["c"] * 9, "?", "q")
    assert "'raise to 3' is not legal: a raise is to at least 4 and at most 162 chips, for IP before the flop" in out
    assert "'raise to 500' is not legal" in out
    assert "raise to 9 is taken as raise to 6, the nearest there is" in out
    assert "you, first to act: raise to 6 (the solution: " in session("raise 9", *["c"] * 4, "?", "?", "?", "q")


def test_hands_add_up(plan):
    """What one wins the other loses, and nobody more than both have put in."""
    policy = opponent(plan).policy
    rng = np.random.default_rng(4)
    for _ in range(12):
        hand = play_game(policy, (), lambda _: 0, lambda *_: None, rng)
        paid = policy.rules.outcome(hand.state[1]).key[2] / 2
        assert sum(hand.payoffs) == 0
        assert abs(hand.payoffs[0]) in (0, paid)
        assert len({hand.hands[0][:2], hand.hands[0][2:], hand.hands[1][:2], hand.hands[1][2:]}) == 4
        for decision in hand.decisions:
            assert sum(decision.odds) == pytest.approx(1)
            assert plan.at(decision.label, decision.hand) == pytest.approx(
                dict(zip(decision.actions, decision.odds, strict=True)), abs=1e-6
            )


def test_the_page_says_what_was_visited(run, file, plan):
    out = run("show", file, "--no-pager")[1]
    for text in ("cells", "a cell learned from", "exploitability", "always call", "IP first to act · preflop · pot 3"):
        assert text in out
    out = run("show", file, "--no-pager", "--node", "call check [As Kd Qh]", "--hands", "JTs", "--player", "oop")[1]
    assert "The cells of OOP's hands learned from" in out
    assert "always call" not in out
    figures = json.loads(run("show", file, "--node", "call check [As Kd Qh]", "--json")[1])
    view = plan.at("call check [As Kd Qh]")
    learned = view.visits[0][view.possible[0]]
    assert figures["least_visits"][0] == learned.min() > 0
    assert figures["median_visits"][0] == int(np.median(learned))
    assert {row["visits"] for row in figures["combos"]} == set(learned.tolist())


def test_ranges_are_products_of_what_was_done(plan):
    """Of each hand: how often its owner takes each of its actions on the way, decision by decision."""
    way = [("", 1, "call"), ("call", 0, "check"), ("call check [As Kd Qh]", 0, "check")]
    way += [("call check [As Kd Qh] check", 1, "bet 4"), ("call check [As Kd Qh] check bet 4", 0, "call")]
    spot = plan.view("call check [As Kd Qh] check bet 4 call [Tc]").spot()
    for hand in ("JhTs", "QsQc", "KcJh", "AdTh", "JsJc"):
        for p in range(2):
            expected = np.prod([plan.at(line, hand)[action] for line, player, action in way if player == p])
            weight = parse_range(spot.ranges[p])[parse_range(hand) > 0][0]
            assert weight == pytest.approx(expected, rel=1e-4, abs=1e-6)
            assert weight > 0


def test_a_decision_on_the_river_goes_on_as_a_spot(run, file, tmp_path):
    node = "call check [As Kd Qh] check check [2c] check"
    code, _, err = run("show", file, "--node", node, "--spot", tmp_path / "river.toml")
    assert code == 2
    assert "2c" in err
    node = node.replace("[2c] check", "[Tc] check bet 4 call [Th] check")
    assert run("show", file, "--node", node, "--spot", tmp_path / "river.toml", "--no-pager")[0] == 0
    spot = load_spot(tmp_path / "river.toml")
    assert (spot.pot, spot.stack, spot.street) == (12, 156, "river")
    assert counterplay.solve(spot, iterations=3).view("check").actions == ("check", "bet 12")
