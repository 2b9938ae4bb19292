"""What poker players would stumble over: units, notations, labels, old files, pages in a terminal, memory."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.api.spots import footprint
from counterplay.engine.mapping import copy, mapped
from counterplay.engine.store import read
from counterplay.engine.system import resident
from counterplay.games.holdem.facts import facts, figures, without_raises
from counterplay.games.holdem.ranges import kicker_plus, parse_range, spelled_out
from counterplay.games.holdem.spot import parse_spot, spot_from_flags, to_toml
from counterplay.show import grid, pages, spot_pages
from counterplay.show.text import plain

OLD = Path(__file__).parent / "old"
GIVEN = {"board": "Ks 9d 4c 7h 2s", "oop": "98s+,TT+", "ip": "QQ+,AKs", "pot": 16.4, "stack": 97.5, "bets": "33%,75%"}


@pytest.fixture(scope="module")
def spot():
    return spot_from_flags(**GIVEN, rake="5%,3")


def test_ranks_in_a_row_are_spelled_out(spot):
    assert spelled_out("98s+, T9+:0.5 TT+,A2s+ KQo+") == "AKs-98s, AK-T9:0.5 TT+,A2s+ AKo-KQo"
    assert kicker_plus("98s+:0.5, TT+, T8s+") == "98s:0.5, TT+, T8s+"
    for text in ("98s+", "KQ+:0.25", "AKs+", "32o+,98s+"):
        np.testing.assert_array_equal(parse_range(text), parse_range(spelled_out(text)))
    assert spot.ranges[0] == "AKs-98s,TT+"
    assert parse_spot(to_toml(spot)) == spot
    locked = spot.locking(": check 1")
    assert parse_spot(to_toml(locked)) == locked


def test_files_of_before_keep_their_meaning(spot):
    text = to_toml(spot).replace("AKs-98s", "98s+").replace("percent = 5.0", "percent = 0.05")
    assert parse_spot(text, solved=True).ranges[0] == "98s,TT+"
    assert parse_spot(text, solved=True).rake.percent == 0.05
    with pytest.raises(ValueError, match=r"write '5%' or '0.05%'"):
        parse_spot(text)


def test_a_rake_below_one_needs_its_sign():
    for rake in ("0.05", "0.05,3"):
        with pytest.raises(ValueError, match=r"a rake of 0.05 may be .* '5%' or '0.05%'"):
            spot_from_flags(**GIVEN, rake=rake)
    assert spot_from_flags(**GIVEN, rake="0.05%").rake.percent == 0.05
    assert parse_spot(to_toml(spot_from_flags(**GIVEN, rake="0.5%,2"))).rake == (0.5, 2.0)


def test_facts_say_what_is_played(spot):
    said = dict(facts(spot))
    assert said["stakes"] == "pot 16.4, stacks 97.5 (SPR 5.95) · rake 5 % up to 3"
    assert said["OOP's range"] == "47 combos of 54, the board takes 7"
    assert said["river"] == "bet 33%, 75% · raise 33%, 75%"
    assert figures(spot)["combos"] == [47, 18]
    assert repr(spot).startswith("Spot(holdem river Ks 9d 4c 7h 2s, pot 16.4, stacks 97.5")
    chips = spot_from_flags(**{**GIVEN, "bets": "20c"})
    assert dict(facts(chips))["river"] == "bet 20c · no raises"
    assert without_raises(chips) == ["river"]
    assert without_raises(spot) == []


def test_decimals_scale_values(spot):
    """In tenths the same spot is one with whole chips: values are a tenth, to rounding."""
    tenths = spot_from_flags(**{**GIVEN, "pot": 164, "stack": 975}, rake="5%,30")
    one, ten = (counterplay.solve(s, iterations=30) for s in (spot, tenths))
    assert [10 * v for v in one.value] == pytest.approx(ten.value, abs=1e-3)
    assert one.at("bet 5.4").pot == pytest.approx(21.8)
    assert one.at("bet 5.4 raise to 14.4").actions[:2] == ("fold", "call")
    assert counterplay.solve(spot, iterations=3, target="5%").spot.middle == 16.4


def test_labels_of_before_are_read():
    old = counterplay.load(OLD / "river.cps")
    assert all(old.at(line).line for line in ("bet 30 raise 90", "bet 30 raise to 90", "bet 30, raise 90 a"))
    assert old.at("bet 30 raise 90 raise 170").line == "bet 30 raise to 90 all-in 170"


@pytest.fixture(scope="module")
def river(tmp_path_factory, spot):
    path = tmp_path_factory.mktemp("river") / "river.cps"
    counterplay.solve(spot, iterations=30).save(path)
    return path


def test_show_json_is_the_page(run, river, tmp_path):
    code, out, _ = run("show", river, "--node", "check", "--player", "oop", "--hands", "TT+", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["player"], told["combos_of"], told["spot"]["stack"]) == ("ip", "oop", 97.5)
    assert {row["combo"][::2] for row in told["combos"]} == {"AA", "KK", "QQ", "JJ", "TT"}
    counterplay.solve("kuhn", iterations=50).save(tmp_path / "kuhn.cps")
    told = json.loads(run("show", tmp_path / "kuhn.cps", "--infoset", "J", "--player", 0, "--json")[1])
    assert [row["name"] for table in told["tables"] for row in table["rows"]] == ["J", "J"]
    assert told["tables"][0]["rows"][0]["strategy"].keys() == {"check", "bet"}
    assert told["tables"][0]["rows"][0]["reach"] == pytest.approx(1 / 3)


def test_pages_fit_80_columns(river):
    solution = counterplay.load(river)
    for node in ("", "check", "bet 5.4"):
        page = pages.Page(node=node, width=80, paint=plain, coloured=True)
        assert max(map(len, spot_pages.strategy(solution, page))) <= 80


def test_combos_are_sorted_by_what_is_shown(river):
    rows = counterplay.load(river).at("check").rows("oop")
    weights = [round(row["weight"], 3) for row in rows]
    assert weights == sorted(weights, reverse=True)
    assert [grid._weight(x) for x in (1.0, 0.25, 0.0003, 2e-6, 0.0)] == ["1.000", "0.250", "0.0003", "2e-06", "0.000"]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
@pytest.mark.parametrize(("more", "paged"), [([], True), (["--no-pager"], False)])
def test_long_pages_are_paged(river, more, paged):
    master, slave = os.openpty()
    command = [sys.executable, "-m", "counterplay.cli", "show", str(river), *more]
    environment = {**os.environ, "PAGER": "sed s/^/P:/", "LINES": "20", "COLUMNS": "80", "TERM": "xterm"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    with subprocess.Popen(command, stdin=slave, stdout=slave, env=environment) as process:
        os.close(slave)
        text = b""
        try:
            while part := os.read(master, 65536):
                text += part
        except OSError:  # the other end is closed
            pass
    os.close(master)
    assert (b"P:" in text) == paged
    assert b"\x1b[48;5;" in text  # coloured, and the numbers are there
    assert process.returncode == 0


def test_large_arrays_are_mapped(tmp_path):
    spot = parse_spot((Path(__file__).parent.parent / "examples" / "turn_a.toml").read_text())
    solution = counterplay.solve(spot, iterations=1)
    solution.save(tmp_path / "turn.cps")
    shutil.copy(tmp_path / "turn.cps", tmp_path / "before.cps")
    large = mapped(tmp_path / "turn.cps")
    assert set(large) == {"state.regret", "state.total"}
    np.testing.assert_array_equal(large["state.total"], solution.state["total"])
    assert large["state.total"].flags.writeable
    large["state.total"][:] = 0  # the reader's own
    again = np.empty_like(solution.state["regret"])
    copy(again, read(tmp_path / "turn.cps")[0]["state.regret"])
    np.testing.assert_array_equal(again, solution.state["regret"])
    assert (tmp_path / "turn.cps").read_bytes() == (tmp_path / "before.cps").read_bytes()
    loaded = counterplay.load(tmp_path / "turn.cps")
    further = counterplay.solve(resume=loaded, iterations=2)
    np.testing.assert_array_equal(loaded.state["regret"], solution.state["regret"])
    np.testing.assert_array_equal(further.state["total"], counterplay.solve(spot, iterations=2).state["total"])
    assert footprint(loaded.layout.game, False) == sum(a.nbytes for a in solution.state.values())
    assert resident() > 50 * 2**20
