"""Batches of spots: what is solved equals single solves, failures are told, and what stopped goes on."""

import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import counterplay
from counterplay.api.batch import _boards, plan
from counterplay.api.batch_rows import COLUMNS, FILE, read
from counterplay.engine.errors import UserError
from counterplay.games.holdem.flops import kinds, subset
from counterplay.games.holdem.spot import load_spot
from counterplay.show.batch_pages import report
from counterplay.show.text import plain

EXAMPLES = Path(__file__).parent.parent / "examples"
RIVER = EXAMPLES / "river_a.toml"
BOARDS = "Ks9d4c7h2s", "QsJs8s3s2d", "AsAd8c3h3d"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("batch")
    told = []
    counterplay.batch(RIVER, out, boards=BOARDS, iterations=30, workers=2, on_progress=told.append)
    assert told[-1].done == 3
    assert sum(now.last is not None for now in told) == 3
    return out


def test_spots_are_solved_as_alone(folder):
    found = read(folder)
    assert {row["name"] for row in found.solved} == set(BOARDS)
    for row in found.rows:
        solution = counterplay.load(folder / row["file"])
        spot = solution.spot
        alone = counterplay.solve(spot, iterations=30)
        assert (row["ev_oop"], row["ev_ip"]) == alone.value == solution.value
        assert row["exploitability"] == alone.exploitability_percent_pot
        opening = alone.view().summary()
        assert row["actions"] == pytest.approx(opening["strategy"])
        assert row["equity_oop"] == opening["equity"][0]


def test_means_are_by_weight(folder):
    found = read(folder)
    mean = found.mean()
    assert mean["spots"] == 3
    assert mean["ev_oop"] == pytest.approx(sum(row["ev_oop"] for row in found.rows) / 3)
    assert sum(mean["actions"].values()) == pytest.approx(1)
    by = found.by("pairs")
    assert {name: part["spots"] for name, part in by.items()} == {"paired": 1, "unpaired": 2}
    assert list(found.by("high card")) == ["A", "K", "Q"]
    rows = found.sorted("ev_oop")
    assert [row["ev_oop"] for row in rows] == sorted((row["ev_oop"] for row in rows), reverse=True)
    assert found.sorted("check")[0]["actions"]["check"] == max(row["actions"]["check"] for row in rows)
    for wrong in (lambda: found.by("colour"), lambda: found.sorted("colour")):
        with pytest.raises(UserError):
            wrong()


def test_what_is_done_is_left_as_it_is(folder, run):
    before = (folder / f"{BOARDS[0]}.cps").stat().st_mtime_ns
    code, out, _ = run("batch", RIVER, "--boards", ",".join(BOARDS), "--iterations", 30, "--out", folder)
    assert code == 0
    assert "3 spots solved" in out
    assert (folder / f"{BOARDS[0]}.cps").stat().st_mtime_ns == before
    code, _, error = run("batch", RIVER, "--boards", ",".join(BOARDS), "--iterations", 31, "--out", folder)
    assert code == 2
    assert "another iterations, 30" in error


def test_another_spot_does_not_take_a_solved_ones_place(folder, tmp_path, run):
    other = tmp_path / "other.toml"
    other.write_text(RIVER.read_text().replace("stack = 170", "stack = 90"))
    code, _, error = run("batch", other, "--boards", BOARDS[0], "--iterations", 30, "--out", folder)
    assert code == 2
    assert "of another spot: name another folder" in error


def test_reports(folder, run, tmp_path):
    out = run("report", folder)[1]
    for text in ("3 spots solved", "By high card", "By suits", "By weight", "Ks9d4c7h2s", "EV OOP"):
        assert text in out
    out = run("report", folder, "--by", "pairs", "--sort", "check", "--limit", 1)[1]
    assert "2 more: --limit 0 shows all" in out
    rows = list(csv.DictReader(io.StringIO(run("report", folder, "--to", "csv")[1])))
    assert [float(row["ev_oop"]) for row in rows] == [row["ev_oop"] for row in read(folder).rows]
    assert {row["pairs"] for row in rows} == {"paired", "unpaired"}
    assert float(rows[0]["check"]) == read(folder).rows[0]["actions"]["check"]
    assert run("report", folder, "--to", "csv", "--out", tmp_path / "x.csv")[0] == 0
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 4
    told = json.loads(run("report", folder, "--json")[1])
    assert told["mean"]["spots"] == 3
    assert run("report", folder, "--to", "parquet")[0] == 2
    assert run("report", folder, "--sort", "colour")[0] == 2
    assert "holds no batch" in run("report", tmp_path)[2]


def test_failures_are_told_and_not_fatal(tmp_path, run):
    """A folder of spots, of which one is no spot, and a board that takes a whole range."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.toml").write_text(RIVER.read_text())
    (tmp_path / "in" / "bad.toml").write_text("pot = 3")
    code, out, error = run("batch", tmp_path / "in", "--iterations", 3, "--out", tmp_path / "out")
    assert code == 0
    assert "1 spot solved, 1 failed" in out
    assert "bad failed: " in out
    assert "failed: " in error
    (tmp_path / "in" / "good.toml").unlink()
    assert run("batch", tmp_path / "in", "--out", tmp_path / "none")[0] == 1  # nothing was solved
    few = (
        'board = "Ks 9d 4c 7h 2s"\npot = 60\nstack = 170\nrange.oop = "AsQs"\nrange.ip = "QQ"\nbets.river.bet = "50%"\n'
    )
    (tmp_path / "few.toml").write_text(few)
    code, out, _ = run(
        "batch",
        tmp_path / "few.toml",
        "--boards",
        "2s9d4c7h2d,As9d4c7h2c",
        "--iterations",
        3,
        "--out",
        tmp_path / "few",
    )
    assert code == 0
    assert "1 spot solved, 1 failed" in out
    assert "has no hand that is possible" in out


@pytest.mark.parametrize(
    ("source", "boards", "message"),
    [
        ("kuhn", "all", "a batch is of hold'em spots"),
        (RIVER, None, "say which boards"),
        (RIVER, "", "say which boards"),
        (RIVER, "all", "the spot has 5 cards on its board"),
        (RIVER, "Ks9d4c", "the spot has 5 cards on its board, and 'Ks9d4c' has 3"),
        (RIVER, "Ks9d4c7h2s,7h2sKs9d4c", "a board is named twice"),
        (RIVER, "Ks9d4c7hxx", "xx"),
        (EXAMPLES / "flop_a.toml", "subset:26", "subsets of flops are of 25, 49, 95, 184 flops"),
        (EXAMPLES, "all", "boards go with one spot"),
        (EXAMPLES.parent / "tests" / "playthroughs", None, "has no spots"),
        (EXAMPLES / "royal_holdem.toml", "all", "starts on one"),
    ],
)
def test_what_no_batch_is_of(source, boards, message):
    with pytest.raises(UserError) as raised:
        plan(source, boards)
    assert message in str(raised.value)


def test_all_flops_and_subsets():
    flop = load_spot(EXAMPLES / "flop_a.toml")
    assert _boards("all", 3, flop) == [(kind.board, kind.weight) for kind in kinds()]
    jobs = plan(flop, "subset:25")
    assert sum(job.weight for job in jobs) == pytest.approx(1, abs=1e-4)
    assert not any(job.error for job in jobs)
    assert {job.name for job in jobs} == {kind.name for kind in subset(25)}


def test_a_damaged_batch(tmp_path, folder):
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match="is damaged"):
        read(tmp_path)
    (tmp_path / FILE).write_bytes((folder / FILE).read_bytes())
    for change in ("actions = '[1'", "actions = '[1]'", 'actions = \'{"a": "b"}\'', "ev_oop = 'x'"):
        (tmp_path / FILE).write_bytes((folder / FILE).read_bytes())
        with sqlite3.connect(tmp_path / FILE) as base:
            base.execute(f"UPDATE spots SET {change} WHERE name = 'Ks9d4c7h2s'")
        base.close()
        with pytest.raises(UserError, match="the batch is damaged"):
            read(tmp_path)
    for statement in (
        "DROP TABLE spots",
        "ALTER TABLE spots ADD COLUMN more TEXT",
        "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER more AFTER INSERT ON spots BEGIN DELETE FROM about; END",
    ):
        (tmp_path / FILE).write_bytes((folder / FILE).read_bytes())
        with sqlite3.connect(tmp_path / FILE) as base:
            base.execute(statement)
        base.close()
        with pytest.raises(UserError, match="is damaged"):
            read(tmp_path)


def test_no_line_of_a_batch_is_trusted(tmp_path, folder, run):
    """Whatever stands in a cell, reports tell it in a sentence, or do without it."""
    for column in COLUMNS:
        for strange in (
            None,
            "",
            -1,
            1e308,
            float("inf"),
            "x" * 3000,
            "\x1b[2J",
            "[1]",
            '{"a": NaN}',
            "[" * 5000,
            b"\xff",
        ):
            (tmp_path / FILE).write_bytes((folder / FILE).read_bytes())
            with sqlite3.connect(tmp_path / FILE) as base:
                base.execute(f"UPDATE spots SET {column} = ? WHERE name = 'Ks9d4c7h2s'", [strange])
            base.close()
            code, said, complaint = run("report", tmp_path)
            assert code in (0, 2), (column, strange, complaint)
            assert "\x1b[2J" not in said + complaint


def test_files_with_names_that_are_no_text_are_solved_too(tmp_path, run):
    spots, out = tmp_path / "spots", tmp_path / "out"
    spots.mkdir()
    try:
        (spots / os.fsdecode(b"\xff.toml")).write_bytes(RIVER.read_bytes())
    except OSError:
        pytest.skip("this file system takes no such name")
    code, _, complaint = run("batch", spots, "--out", out, "--iterations", 1, "--workers", 1)
    assert code == 0, complaint
    assert [row["name"] for row in read(out).solved] == [r"\xff"]


def test_spots_before_the_flop_have_boards_of_no_kind(folder):
    found = read(folder)
    rows = ({**found.rows[0], "board": ""}, *found.rows[1:])
    assert "before the flop" in replace(found, rows=rows).by("suits")


def test_an_interrupted_batch_goes_on(tmp_path, run):
    """The running spot saves itself, and the same command ends it."""
    words = [
        sys.executable,
        "-m",
        "counterplay.cli",
        "batch",
        EXAMPLES / "turn_a.toml",
        "--boards",
        "Ks9d4c7h,Qs9d4c7h",
    ]
    words += ["--iterations", "100000", "--workers", "1", "--out", tmp_path]
    process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        time.sleep(0.1)
        if (tmp_path / FILE).is_file() and _children(process.pid):
            break
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "interrupted" in out + error
    (row,) = read(tmp_path).rows
    assert row["status"] == "interrupted"
    kept = counterplay.load(tmp_path / row["file"])
    assert kept.stopped_by == "interrupt"
    with sqlite3.connect(tmp_path / FILE) as base:  # what it was to do is less now
        base.execute("UPDATE about SET value = ? WHERE key = 'iterations'", [str(kept.iterations + 2)])
    base.close()
    code, out, _ = run(
        "batch",
        EXAMPLES / "turn_a.toml",
        "--boards",
        "Ks9d4c7h",
        "--iterations",
        kept.iterations + 2,
        "--out",
        tmp_path,
    )
    assert code == 0
    (row,) = read(tmp_path).solved
    assert row["iterations"] == kept.iterations + 2


def _children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if os.path.isdir("/proc") else ["?"]


@pytest.mark.slow
def test_a_cluster_solves_the_same(folder, tmp_path):
    pytest.importorskip("ray")
    found = counterplay.batch(RIVER, tmp_path, boards=BOARDS, iterations=30, ray="local")
    expected = {row["name"]: row["ev_oop"] for row in read(folder).rows}
    assert {row["name"]: row["ev_oop"] for row in found.rows} == expected
    assert counterplay.load(tmp_path / f"{BOARDS[0]}.cps").iterations == 30


def test_a_cluster_that_is_not_there(tmp_path):
    """Without Ray the extra is named, and with it the address that nobody answers at."""
    with pytest.raises(UserError, match=r"many machines need Ray|there is no Ray cluster at 'ray://nowhere:1'"):
        counterplay.batch(RIVER, tmp_path / "out", boards=BOARDS[:1], iterations=3, ray="ray://nowhere:1")
    assert not (tmp_path / "out").exists()


def test_what_spots_are_sorted_by_is_shown(folder):
    found = read(folder)
    for column, unit in (("exploitability", " %"), ("seconds", "s"), ("iterations", "30")):
        lines = list(report(found, "pairs", column, 40, 200, plain))
        heading = next(line for line in lines if line.startswith("  spot"))
        assert column in heading
        row = next(line for line in lines if line.startswith(f"  {found.sorted(column)[0]['name']}"))
        assert row[: heading.index(column) + len(column)].endswith(unit)


def test_tables_fit_the_terminal(folder):
    found = read(folder)
    whole = list(report(found, None, "weight", 40, 200, plain))
    bars = max(map(len, whole))
    for width in (80, 100, 120):
        lines = list(report(found, None, "weight", 40, width, plain))
        assert max(map(len, lines)) <= width < bars
        text = "\n".join(lines)
        for name in found.mean()["actions"]:
            assert text.count(name) >= 6  # in each of the tables
    assert not any("█" in line for line in report(found, "pairs", "weight", 40, 80, plain))


def test_what_a_report_is_asked_for_wrongly_is_said_before_anything_else(run, folder, tmp_path):
    solution = folder / f"{BOARDS[0]}.cps"
    for arguments, says in (
        ((folder, "--by", "suit"), "high card, pairs, suits, ranks"),
        ((folder, "--sort", "colour"), "sorted by"),
        ((folder, "--node", "check"), "--node"),
        ((folder, "--out", tmp_path / "table.txt"), "--to csv"),
        ((solution, "--by", "suits"), "--by is for folders"),
        ((solution, "--limit", "3"), "--limit is for folders"),
    ):
        code, out, err = run("report", *arguments)
        assert (code, out) == (2, "")
        assert says in err
    code, out, _ = run("report", folder, "--out", tmp_path / "table.csv")
    assert (code, out) == (0, "")
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 4


def test_an_algorithm_that_solves_no_spot_is_refused_before_the_first(run, tmp_path):
    for name, says in (("best", "there is no algorithm"), ("lp", "regret minimiser"), ("hs-dcfr", "iterations")):
        code, _, err = run("batch", RIVER, "--boards", BOARDS[0], "--out", tmp_path / "none", "--algorithm", name)
        assert code == 2
        assert says in err
    assert not (tmp_path / "none").exists()


def test_memory_is_told_before_it_is_taken(tmp_path, monkeypatch):
    """Two flops of 0.9 GB at a time; where that is not free nothing is begun."""
    from counterplay.api import batch as module

    told = []
    monkeypatch.setattr(module, "available", lambda: 10**9)
    with pytest.raises(UserError, match=r"take fewer --workers or --compress"):
        counterplay.batch(
            EXAMPLES / "flop_a.toml", tmp_path / "flops", boards="subset:25", workers=2, on_size=told.append
        )
    assert re.fullmatch(r"25 spots: 1\.[0-9]+ GB of tables at least, 2 at a time", told[0])
    assert not (tmp_path / "flops").exists()
