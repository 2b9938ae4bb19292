"""What is played from a decision on as a spot of its own: ranges, stakes, rules and locks, and what it is worth."""

import json
from functools import cache

import numpy as np
import pytest

import counterplay
from counterplay.games.holdem.spot import load_spot, parse_spot, to_toml

TURN = """
board = "Ks 9d 4c 7h"
pot = 10
stack = 30
aggressor = "ip"
range = { oop = "AA,KQs,KJs:0.5,76s,T8s:0.5,QJs", ip = "KK,AK,A9s,87s:0.25,QJs,QQ" }
bets.turn = { bet = ["60%", "all-in"], lead = ["30%"] }
bets.river = { bet = ["50%", "all-in"], lead = ["25%", "75%"] }
"""
ROYAL = """
board = ""
variant = "royal"
last = "flop"
min_bet = 0.1
stack = 10
blinds = [0.5, 1]
range = { oop = "AA,KK,AKs,QJs,JTs", ip = "AA,QQ,AK,KQs,JTs" }
bets.preflop = { bet = ["50%"], raise = ["5c", "100%"] }
bets.flop = { bet = ["33%"], raise = ["2c", "20c"] }
rake = { percent = 5, cap = 1 }
"""


@cache
def solved(text: str, iterations: int = 1500):
    return counterplay.solve(parse_spot(text), iterations=iterations, threads=1)


def street_of(line: str) -> str:
    """Return what is left of a line on the street that it ends on."""
    return line.rpartition("]")[2].strip()


@pytest.mark.parametrize("line", ["", "check", "check bet 6", "bet 3 call [2s]", "check check [7s] check bet 5"])
def test_it_is_worth_what_the_solution_said_there(line):
    view = solved(TURN).view(line)
    spot = view.spot()
    assert parse_spot(to_toml(spot)) == spot
    again = counterplay.solve(spot, target="0.02%", threads=1).view(street_of(view.line))
    assert (again.player, again.actions, again.board, again.pot) == (view.player, view.actions, view.board, view.pot)
    for p in range(2):
        held, known = again.reach[p] > 0, view.reach[p][np.isin(view.combos[p], again.combos[p])]
        np.testing.assert_allclose(again.reach[p][held], known[held], rtol=6e-5)
    # Values of a zero-sum game are unique; both sides are within what either solution leaves open.
    slack = solved(TURN).nash_conv / view.chance + 0.005
    assert again.mean(again.ev) == pytest.approx(view.mean(view.ev), abs=slack)
    assert slack < 0.05


def test_stakes_and_rules_are_those_of_the_street():
    solution = solved(TURN)
    called = solution.view("bet 3 call [2s]").spot()
    assert (called.pot, called.stack, called.aggressor, called.locks) == (16, 27, "oop", ())
    assert called.betting.menus[3][0].lead is None
    assert called.betting.menus[2] is None
    lead = solution.view("check bet 6 call [2s]").spot()
    assert (lead.pot, lead.stack, lead.aggressor) == (22, 24, "ip")
    assert [size.value for size in lead.betting.menus[3][0].lead] == [0.25, 0.75]
    assert solution.view("check check [2s]").spot().aggressor == ""
    whole = solution.view().spot()
    assert (whole.pot, whole.stack, whole.betting, whole.locks) == (10, 30, solution.spot.betting, ())
    np.testing.assert_allclose(whole.weights, solution.spot.weights)


def test_what_was_done_on_the_street_is_locked():
    spot = solved(TURN).view("check check [2s] check bet 5").spot()
    locks = [(lock.node, lock.strategy) for lock in spot.locks]
    assert locks == [("", (("check", 1.0),)), ("check", (("bet 5", 1.0),))]
    assert not spot.betting.leads(3)


def test_locks_go_along():
    def lock(node: str, more: str) -> str:
        return f'\n[[lock]]\nnode = "{node}"\n{more}'

    text = TURN
    text += lock("check check [2s] check", 'hands = { "QJs" = { check = 1 }, "KK" = { check = 0.5, "bet 5" = 0.5 } }')
    text += lock("check check [2s] bet 5", "strategy = { fold = 1 }")
    text += lock("check check [2h] check", "strategy = { check = 1 }")
    text += lock("check", 'hands = { "KK" = { "bet 6" = 1 } }')
    solution = counterplay.solve(parse_spot(text), iterations=100, threads=1)
    locks = [(lock.node, [hands for hands, _ in lock.hands]) for lock in solution.view("check check [2s]").spot().locks]
    assert locks == [("check", ["QJs"]), ("bet 5", [])]  # IP never checked KK
    locks = [lock.node for lock in solution.view("check").spot().locks]
    assert locks == ["", *(lock.node for lock in solution.spot.locks)]
    assert solution.view().spot().locks == solution.spot.locks


def test_blinds_go_and_rounding_stays():
    solution = solved(ROYAL, 60)
    spot = solution.view("call check [As Kd Qh]").spot()
    assert (spot.pot, spot.stack, spot.betting.blinds, spot.aggressor) == (2, 9, (0, 0), "")
    assert spot.betting.rounding == 0.1
    assert spot.rake == solution.spot.rake
    assert (spot.variant, spot.betting.last) == ("royal", 1)
    view = solution.view("call check [As Kd Qh] bet 0.7")
    new = counterplay.solve(view.spot(), iterations=5).view("bet 0.7")
    assert new.actions == view.actions
    preflop = solution.view("raise to 5").spot()
    assert preflop.betting == solution.spot.betting
    assert [lock.node for lock in preflop.locks] == [""]


def test_raises_that_were_never_legal_are_left_out():
    """In a pot of 10 the smallest bet is 3.3, a raise to 2 cannot be, and a spot that had it would be refused."""
    view = solved(ROYAL, 60).view("raise to 5 call [As Kd Qh]")
    assert [str(size) for size in view.spot().betting.menus[1][0].raises] == ["20c"]


def test_rounding_is_checked():
    fine = parse_spot(TURN.replace("pot = 10", "pot = 11\nrounding = 0.1"))
    assert parse_spot(to_toml(fine)) == fine
    assert "bet 6.6" in fine.tree().action
    for given in ("0.5", "2", "0"):
        with pytest.raises(ValueError, match=r"rounding must be 1, 0.1, 0.01 or 0.001 chips"):
            parse_spot(TURN.replace("pot = 10", f"pot = 10\nrounding = {given}"))


def test_where_nobody_gets_nothing_goes_on():
    text = TURN + '\n[[lock]]\nnode = ""\nstrategy = { check = 1 }'
    solution = counterplay.solve(parse_spot(text), iterations=20, threads=1)
    with pytest.raises(ValueError, match="the solution never gets to 'bet 3'"):
        solution.view("bet 3").spot()


def test_the_command_writes_a_file_that_solve_takes(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solved(TURN).save("turn.cps")
    code, out, _ = run("show", "turn.cps", "--node", "check, check [2s]", "--spot", "out.toml", "--combos", 1)
    assert code == 0
    assert "counterplay solve out.toml" in out
    text = (tmp_path / "out.toml").read_text()
    assert text.startswith("# turn.cps, after check check [2s]\n")
    assert max(map(len, text.splitlines())) <= 120
    assert load_spot("out.toml") == solved(TURN).view("check check [2s]").spot()
    assert run("solve", "out.toml", "--iterations", 10)[0] == 0
    code, _, err = run("show", "turn.cps", "--spot", "out.toml")
    assert code == 2
    assert "out.toml is there already: name another file, or let --force replace it" in err
    assert (tmp_path / "out.toml").read_text() == text
    code, out, _ = run("show", "turn.cps", "--spot", "out.toml", "--force", "--json")
    assert json.loads(out)["spot_file"] == "out.toml"
    assert load_spot("out.toml").board == solved(TURN).spot.board
    assert "no --spot is given" in run("show", "turn.cps", "--force")[2]
    counterplay.solve("kuhn", iterations=5).save("kuhn.cps")
    code, _, err = run("show", "kuhn.cps", "--spot", "kuhn.toml")
    assert code == 2
    assert "kuhn.cps is of kuhn" in err
    code, _, err = run("show", "turn.cps", "--spot", "nowhere/out.toml")
    assert code == 2
    assert "cannot write nowhere/out.toml" in err
