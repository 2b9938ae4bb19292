"""The command line on hold'em spots: solving files and flags, looking at decisions, and what users get wrong."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.games.holdem.cards import combo_name
from counterplay.games.holdem.spot import parse_spot
from counterplay.show.grid import colours, hand_grid, letters, range_grid
from counterplay.show.guide import EXAMPLE
from counterplay.show.play import play_game
from counterplay.show.spot_pages import SpotPolicy
from counterplay.show.text import plain

EXAMPLES = Path(__file__).parent.parent / "examples"
SPOT = """
board = "Ks 9s 4s 7s"
pot = 10
stack = 12
range = { oop = "AA:0.5,8c7c,8d7d,8h7h", ip = "KK,QcJc,QdJd,QhJh" }
bets.turn = { bet = ["60%", "all-in"] }
bets.river = { bet = ["60%", "all-in"] }
"""
FLAGS = {"board": "Ks 9d 4c 7h 2s", "oop": "TT+,AKs,76s", "ip": "QQ+,98s,T9s", "pot": 60, "stack": 170}


def flags(**changed):
    given = {**FLAGS, "bets": "33%,all-in", **changed}
    return [x for name, value in given.items() if value is not None for x in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spots")
    (folder / "turn.toml").write_text(SPOT)
    counterplay.solve(str(folder / "turn.toml"), iterations=50).save(folder / "turn.cps")
    counterplay.solve("kuhn", iterations=5).save(folder / "kuhn.cps")
    (folder / "misspelt.toml").write_text(SPOT.replace("stack", "stacks"))
    (folder / "card.toml").write_text(SPOT.replace("Ks", "1s"))
    return folder


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    """Run every test's commands in the folder."""
    monkeypatch.chdir(folder)


def test_a_known_river_is_solved_to_its_target(run, tmp_path):
    """EVs of an independent solver: 25.08436 and 34.91565."""
    file = tmp_path / "river.cps"
    code, out, err = run("solve", EXAMPLES / "river_a.toml", "--target", "0.1%", "--out", file, "--json")
    answer = json.loads(out)
    assert code == 0
    assert "of memory" in err
    assert "% of pot" in err
    assert answer["exploitability_percent_pot"] <= 0.1
    assert answer["exploitability_percent_pot"] == pytest.approx(answer["exploitability"] / 0.6)
    assert answer["value"] == pytest.approx([25.08436, 34.91565], abs=0.12)
    assert sum(answer["strategy"].values()) == pytest.approx(1.0, abs=1e-5)
    code, out, _ = run("evaluate", file, "--json")
    again = json.loads(out)
    assert code == 0
    assert again["holds"]
    assert again["value"] == pytest.approx(answer["value"])
    code, out, _ = run("solve", "--resume", file, "--target", "0.05%", "--json")
    assert json.loads(out)["iterations"] > answer["iterations"]
    assert json.loads(out)["exploitability_percent_pot"] <= 0.05


def test_flags_make_a_spot(run):
    code, out, _ = run("solve", "holdem", *flags(rake="5%,3"), "--json", "--threads", 1, "--compress")
    answer = json.loads(out)
    assert code == 0
    assert 56.999 <= sum(answer["value"]) < 60
    assert set(answer["strategy"]) == {"check", "bet 20", "all-in 170"}


def test_the_summary_says_what_is_next(run, tmp_path):
    file = tmp_path / "turn.cps"
    code, out, _ = run("solve", "turn.toml", "--iterations", 20, "--out", file)
    assert code == 0
    for text in ("20 iterations", "% of pot", "EV", "OOP first to act", f"counterplay show {file}"):
        assert text in out
    assert "--out spot.cps" in run("solve", "turn.toml", "--iterations", 1)[1]


def test_show_draws_a_decision(run):
    code, out, _ = run("show", "turn.cps", "--node", "check check [2h] bet 6", "--combos", 3)
    assert code == 0
    for text in ("IP after check check [2h] bet 6", "Ks 9s 4s 7s 2h", "pot 16", "fold", "call", "--combos 0 shows all"):
        assert text in out
    rows = out.splitlines()
    assert sum(line.startswith(f"  {rank}  ") for rank in "AKQJT98765432" for line in rows) == 13
    everything = run("show", "turn.cps", "--combos", 0)[1]
    assert "8d7d" in everything
    assert "--combos" not in everything


def test_the_grid_divides_cells_in_colour(folder):
    view = counterplay.load(folder / "turn.cps").at()
    painted = []

    def paint(text, colour):
        painted.append((text, colour))
        return text

    rows = list(hand_grid(view.actions, view.combos[0], view.shares[0], view.strategy, paint, coloured=True))
    assert len(rows) == 1 + 13 + 2
    assert max(map(len, rows[:14])) < 80
    most = view.of("AA")
    assert rows[1].split()[:2] == [
        "A",
        f"{letters(list(most))[int(np.argmax(list(most.values())))]}{100 * max(most.values()):.0f}",
    ]
    cells = {colour for _, colour in painted}
    assert cells <= {-1, *colours(view.actions)}
    wide = list(hand_grid(view.actions, view.combos[0], view.shares[0], view.strategy, paint, coloured=True, width=120))
    assert wide[0].split()[:2] == ["AA", rows[1].split()[1]]
    assert wide[1].split()[:2] == ["AKo", "KK"]
    assert max(map(len, wide)) < 120


def test_letters_and_colours_tell_actions_apart():
    actions = ("fold", "call", "raise 8", "raise 20", "raise 50")
    assert letters(actions) == ["f", "c", "A", "B", "C"]
    assert len(set(colours(actions))) == 5
    assert plain("x", 3) == "x"


def test_export(run, tmp_path):
    _, out, _ = run("export", "turn.cps", "--to", "csv", "--node", "check")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["combo"] for row in rows} == {"KhKd", "KhKc", "KdKc", "QcJc", "QdJd", "QhJh"}
    for row in rows:
        assert sum(float(row[a]) for a in ("check", "bet 6", "all-in 12")) == pytest.approx(1.0, abs=1e-5)
        mixed = sum(float(row[a]) * float(row[f"ev {a}"]) for a in ("check", "bet 6", "all-in 12"))
        assert mixed == pytest.approx(float(row["ev"]), abs=1e-3)
    file = tmp_path / "node.json"
    run("export", "turn.cps", "--to", "json", "--out", file)
    data = json.loads(file.read_text())
    assert data["ev"] == pytest.approx(data["value"], abs=1e-4)
    assert len(data["combos"]) == 9  # AA and three hands more
    assert data["player"] == "oop"


def test_both_players_hands_can_be_seen_at_a_decision(run):
    out = run("show", "turn.cps", "--node", "check", "--player", "OOP", "--hands", "8c7c, AA", "--combos", 1)[1]
    assert "OOP holds, per cent" in out
    rows = [line.split() for line in out.splitlines() if line.startswith(("  8c7c", "  Ac", "  Ad", "  Ah"))]
    assert {row[0] for row in rows} == {"8c7c", "AhAd", "AhAc", "AdAc"}
    assert all(len(row) == 5 for row in rows)  # weight, EV, equity, realisation
    view = counterplay.load("turn.cps").at("check")
    listed = {row["combo"]: row for row in view.rows(0)}
    assert listed["8c7c"]["ev"] + view.ev[1].max() > 0
    assert "strategy" not in listed["8c7c"]
    _, out, _ = run("export", "turn.cps", "--to", "csv", "--node", "check", "--player", 0)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert set(rows[0]) == {"combo", "weight", "reach", "note", "ev", "equity", "realisation"}
    mean = sum(float(row["weight"]) * view.matchups[0][i] * float(row["ev"]) for i, row in by_combo(view, 0, rows))
    total = sum(float(row["weight"]) * view.matchups[0][i] for i, row in by_combo(view, 0, rows))
    assert mean / total == pytest.approx(view.mean(view.ev)[0])


def by_combo(view, player, rows):
    names = [combo_name(int(c)) for c in view.combos[player]]
    return [(names.index(row["combo"]), row) for row in rows if row["ev"]]


def test_the_range_is_drawn_in_colour(folder):
    view = counterplay.load(folder / "turn.cps").at("check")
    rows = list(range_grid(view.combos[0], view.reach[0], lambda text, _: text, coloured=True))
    assert len(rows) == 14
    assert rows[1].split()[:3] == ["A", "50", "."]


def test_report_goes_card_by_card(run):
    code, out, _ = run("report", "turn.cps", "--node", "check check")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 3 + 48 + 1
    assert lines[-1].split()[0] == "mean"
    data = json.loads(run("report", "turn.cps", "--node", "check check", "--json")[1])
    assert sum(row["share"] for row in data["cards"]) == pytest.approx(1.0)
    mean = sum(row["share"] * row["ev"][1] for row in data["cards"])
    assert float(lines[-1].split()[2]) == pytest.approx(mean, abs=1e-3)
    before = counterplay.load("turn.cps").at("check")  # the mean is what checking behind is worth
    checks = before.shares[1] * before.strategy[0]
    assert mean == pytest.approx(np.nansum(checks * before.action_ev[0]) / checks.sum(), abs=1e-3)
    by_card = {row["card"]: row for row in data["cards"]}
    assert by_card["2c"]["ev"] != by_card["As"]["ev"]
    assert by_card["2c"]["ev"] == pytest.approx(by_card["2d"]["ev"], abs=1e-3)  # one suit up to names


def test_locks_are_said_wherever_a_solution_is_shown(run, tmp_path):
    file = tmp_path / "locked.cps"
    lock = ("--lock", "check: check 1", "--lock", "bet 6: fold 0.5, call 0.5")
    code, out, _ = run("solve", "turn.toml", *lock, "--iterations", 20, "--out", file)
    assert code == 0
    assert out.count("locked ") == 3
    for text in ("IP after check\n", "IP after bet 6\n", "as long as what is locked is kept"):
        assert text in out
    assert "this is the exploitability of the rest" in run("evaluate", file)[1]
    out = run("show", file, "--node", "bet 6")[1]
    assert "pot 16 · locked" in out
    assert "50.0%" in out
    assert "· locked" not in run("show", file)[1]
    data = json.loads(run("export", file, "--to", "json", "--node", "check")[1])
    assert data["locked"] == pytest.approx(1.0)
    assert {row["locked"] for row in data["combos"]} == {True}
    answer = json.loads(run("solve", "--resume", file, "--iterations", 21, "--json")[1])
    assert answer["locked_nodes"] == ["check", "bet 6"]
    some = json.loads(run("solve", "holdem", *flags(), "--lock", ": check 1", "--json")[1])
    assert some["strategy"]["check"] == 1


def test_play(run):
    code, out, _ = run("play", "turn.cps", "--seed", 1, "--seat", 0, answers="bet 7\nch\nf\n?\n\nq\n")
    assert code == 0
    for text in (
        "The pot is 10",
        "you are OOP",
        "you hold ",
        "check / bet 6 / all-in 12? ",
        "Type one of these",
        "IP ",
    ):
        assert text in out
    assert "chips in 1 hand" in out
    assert "(the solution: check " in out


def test_hands_of_a_spot_pay_what_the_solution_is_worth(folder):
    solution = counterplay.load(folder / "turn.cps")
    policy, rng = SpotPolicy(solution), np.random.default_rng(3)
    payoffs = np.array([play_game(policy, (), None, lambda *_: None, rng).payoffs for _ in range(400)])
    error = payoffs.std(axis=0) / np.sqrt(len(payoffs))
    assert np.abs(payoffs.mean(axis=0) + solution.spot.pot / 2 - solution.value).max() < 4 * error.max()


def test_the_guide_says_how_to_write_a_spot(run):
    code, out, _ = run("games", "holdem")
    assert code == 0
    for text in ("raise_cap", "[[lock]]", "2.5 times the bet to call", "--board CARDS", "(needed)", "--lock LOCK"):
        assert text in out
    assert "`" not in out.replace("`hands`", "")
    assert parse_spot(EXAMPLE).pot == 60
    code, out, _ = run("games", "turn.toml")
    assert code == 0
    assert "hold'em turn spot" in out
    assert 'bet = ["60%", "all-in"]' in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["solve", "misspelt.toml"], "stack"),
        (["solve", "card.toml"], "unknown card"),
        (["solve", "absent.toml"], "absent.toml"),
        (["solve", "turn.cps"], "--resume turn.cps goes on"),
        (["games", "absent.toml"], "no such file"),
        (["solve", "turn.toml", "--target", "half"], "per cent of the pot"),
        (["solve", "turn.toml", "--algorithm", "pcfr+"], "without prediction"),
        (["solve", "turn.toml", "--threads", "0"], "whole number from 1"),
        (["solve", "turn.toml", "--pot", "5"], "goes with 'solve holdem'"),
        (["solve", "kuhn", "--compress"], "goes with hold'em spots"),
        (["solve", "kuhn", "--target", "1%"], "in the game's units"),
        (["solve", "kuhn", "--resume", "turn.cps"], "another game"),
        (["solve", "turn.toml", "--resume", "kuhn.cps"], "another game"),
        (["solve", "holdem"], "a spot needs --board"),
        (["solve", "holdem", *flags(ip=None)], "a spot needs --ip"),
        (["solve", "holdem", *flags(board="Ks Ks 4c")], "second time"),
        (["solve", "holdem", *flags(oop="AA,XX")], "range.oop"),
        (["solve", "holdem", *flags(pot=0)], "the pot must be"),
        (["solve", "holdem", *flags(bets="2.5x")], "makes no legal bet"),
        (["solve", "holdem", *flags(bets=None)], "needs bet sizes"),
        (["solve", "holdem", *flags(variant="omaha")], "variant must be"),
        (["solve", "turn.toml", "--lock", "check bet 5: fold 1"], "the actions are"),
        (["solve", "turn.toml", "--lock", "check: check 0.5"], "must sum to 1"),
        (["solve", "turn.toml", "--lock", "check"], "a probability for each action"),
        (["solve", "kuhn", "--lock", "check: check 1"], "goes with a hold'em spot"),
        (["solve", "--resume", "turn.cps", "--lock", "check: check 1"], "goes with a hold'em spot"),
        (["show", "turn.cps", "--node", "check bet 15"], "is not legal: a bet is 1 to 12 chips"),
        (["show", "turn.cps", "--node", "check check"], "next card in brackets"),
        (["show", "turn.cps", "--infoset", "AA"], "--node LINE"),
        (["show", "turn.cps", "--player", "2"], "oop and ip"),
        (["show", "turn.cps", "--hands", "AK"], "has no hand of 'AK'"),
        (["show", "turn.cps", "--hands", "Ax"], "Ax"),
        (["show", "kuhn.cps", "--hands", "AK"], "for hold'em spots"),
        (["export", "turn.cps", "--to", "csv", "--player", "button"], "no player button"),
        (["export", "kuhn.cps", "--to", "csv", "--player", "2"], "0 to 1"),
        (["show", "kuhn.cps", "--node", "check"], "for hold'em spots"),
        (["export", "kuhn.cps", "--to", "csv", "--node", "check"], "for hold'em spots"),
        (["evaluate", "turn.cps", "--against", "kuhn.cps"], "of different games"),
        (["play", "turn.cps", "--seat", "2"], "0 to 1"),
        (["report", "turn.cps"], "a line that ends a street"),
        (["report", "kuhn.cps"], "reports are of hold'em spots"),
    ],
)
def test_mistakes_get_one_sentence(run, arguments, says):
    code, out, err = run(*arguments)
    lines = [line for line in err.splitlines() if "of memory" not in line]
    assert code == 2
    assert out == ""
    assert len(lines) == 1
    assert lines[0].startswith("counterplay: ")
    assert says in lines[0]


def test_two_solutions_of_a_spot_head_to_head(run, folder):
    code, out, _ = run("evaluate", "turn.cps", "--against", "turn.cps", "--json")
    found, turn = json.loads(out), counterplay.load(folder / "turn.cps")
    assert code == 0
    assert found["payoffs"][0] == pytest.approx(turn.value, abs=1e-3)
    assert found["average"] == pytest.approx(turn.spot.pot / 2, abs=1e-3)
