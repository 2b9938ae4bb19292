"""The command line: what it prints, what it returns, and what it leaves on disk."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import counterplay
from counterplay.engine.text import duration, payoff, small
from counterplay.games import make
from counterplay.show.play import Book, action_named, play_game
from counterplay.show.solving import exploitability_curve
from counterplay.show.text import bar
from counterplay.solvers.run import Check


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return paths of solutions by name."""
    folder = tmp_path_factory.mktemp("solutions")
    games = {
        "kuhn": ("kuhn", {"algorithm": "lp"}),
        "rough": ("kuhn", {"algorithm": "cfr", "iterations": 5}),
        "leduc": ("leduc", {"iterations": 300}),
        "kuhn3": ("kuhn(players=3)", {"iterations": 200}),
        "dice": ("liars_dice(faces=3)", {"iterations": 100}),
        "goofspiel": ("goofspiel(cards=3)", {"iterations": 100}),
        "shapley": ("shapley", {"iterations": 10}),
    }
    for name, (game, options) in games.items():
        counterplay.solve(game, **options).save(folder / f"{name}.cps")
    return {name: folder / f"{name}.cps" for name in games}


def test_help_is_light():
    code = "import sys; sys.argv = ['counterplay', '--help']\nfrom counterplay.cli import main\ntry: main()\n"
    code += "except SystemExit as e: assert not e.code\n"
    code += "print('heavy', sorted({'numpy', 'numba', 'scipy', 'rich', 'pyspiel'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "solve" in out
    assert "heavy []" in out


def test_version_and_help(run):
    assert run("--version")[1].strip() == f"counterplay {counterplay.__version__}"
    assert run()[:2] == run("--help")[:2]
    for command in ("games", "solve", "evaluate", "show", "play", "export"):
        code, out, _ = run(command, "--help")
        assert code == 0
        assert out.startswith(f"Usage: counterplay {command}")


def test_games(run):
    code, out, _ = run("games")
    assert code == 0
    assert "leduc" in out
    assert "board=(1,)" in out
    assert "openspiel:NAME" in out
    assert "Payoffs are chips" in run("games", "kuhn")[1]
    assert "shapley" in run("games", "shapley")[1]
    assert "2 players" in run("games", "examples/beer_quiche.efg")[1]
    for name in ("goofspiel", "examples/river_a.toml", "examples/beer_quiche.efg"):
        assert "\\n" not in run("games", name)[1]  # lines of ours are lines


def test_solve_prints_a_summary(run):
    code, out, err = run("solve", "kuhn", "--target", "1e-3")
    assert code == 0
    assert "12 information sets" in out
    assert "Neither player can gain more than" in out
    assert "Not saved: --out kuhn.cps" in out
    assert err.startswith("kuhn: 9 nodes, ")  # plain lines where there is no terminal
    assert "\x1b" not in out + err


def test_solve_json_is_one_object(run, tmp_path):
    file = tmp_path / "a.cps"
    code, out, _ = run(
        "solve", "leduc", "--iterations", 50, "--algorithm", "cfr+", "--seed", 3, "--out", file, "--json"
    )
    data = json.loads(out)
    assert code == 0
    assert (data["game"], data["algorithm"], data["iterations"]) == ("leduc", "cfr+", 50)
    assert data["nash_conv"] == 2 * data["exploitability"]
    assert len(data["value"]) == 2
    assert data["seconds"] > 0
    assert (data["stopped_by"], data["file"]) == ("iterations", str(file))
    solution = counterplay.load(file)
    assert (solution.seed, solution.exploitability) == (3, data["exploitability"])


def test_what_the_figures_mean_beyond_two_players(run):
    out = run("solve", "kuhn(players=3)", "--iterations", 50)[1]
    assert "nothing promises" in out
    assert "coarse correlated equilibrium" in out
    out = run("solve", "kuhn", "--algorithm", "mmd", "--temperature", 0.5)[1]
    assert "quantal-response equilibrium" in out
    out = run("solve", "kuhn", "--algorithm", "lp")[1]
    assert "worth -0.055556 to player 0" in out


def test_resume_is_exact(run, tmp_path):
    part, rest, whole = (tmp_path / name for name in ("part.cps", "rest.cps", "whole.cps"))
    run("solve", "leduc", "--iterations", 30, "--out", part)
    code, out, _ = run("solve", "--resume", part, "--iterations", 75, "--out", rest)
    assert code == 0
    assert "75 iterations" in out
    run("solve", "leduc", "--iterations", 75, "--out", whole)
    np.testing.assert_array_equal(counterplay.load(rest).strategy, counterplay.load(whole).strategy)


def test_checkpoints_are_solutions(run, tmp_path, monkeypatch):
    monkeypatch.setattr("counterplay.solvers.run.CHECKPOINT", 0.0)
    kept, save = [], counterplay.TreeSolution.save

    def numbered(solution, path):
        kept.append(path.with_suffix(f".{len(kept)}"))
        save(solution, kept[-1])

    monkeypatch.setattr(counterplay.TreeSolution, "save", lambda solution, path: numbered(solution, tmp_path / path))
    run("solve", "leduc", "--iterations", 60, "--out", tmp_path / "a.cps")
    middle, end = counterplay.load(kept[len(kept) // 2]), counterplay.load(kept[-1])
    assert (middle.stopped_by, end.stopped_by) == ("checkpoint", "iterations")
    assert middle.judge().exploitability == pytest.approx(middle.exploitability, abs=1e-12)
    again = counterplay.solve(resume=middle, iterations=60)
    np.testing.assert_array_equal(again.strategy, end.strategy)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupt_saves(tmp_path, number):
    file = tmp_path / "a.cps"
    command = [sys.executable, "-m", "counterplay.cli", "solve", "leduc", "--target", "1e-300", "--out", str(file)]
    before = signal.signal(number, signal.SIG_DFL)  # under nohup it is ignored, and the child would inherit that
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(number, before)
    with process:
        while "exploitability" not in process.stderr.readline():  # the run has begun
            pass
        time.sleep(0.3)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "interrupted" in out
    solution = counterplay.load(file)
    assert solution.stopped_by == "interrupt"
    assert solution.judge().exploitability == pytest.approx(solution.exploitability, abs=1e-12)


def test_a_closed_pipe_is_quiet(files):
    command = f'"{sys.executable}" -m counterplay.cli export "{files["leduc"]}" --to csv | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == "player,infoset,hand,action,probability,reach,note\n"
    assert done.stderr == ""


def test_evaluate(run, files):
    code, out, _ = run("evaluate", files["kuhn"])
    assert code == 0
    assert "it holds" in out
    data = json.loads(run("evaluate", files["kuhn"], "--against", files["rough"], "--json")[1])
    assert data["holds"]
    assert data["exploitability"] == pytest.approx(0, abs=1e-9)
    # an equilibrium loses to nobody, on average over the seats
    assert data["average"] >= -1e-9
    assert data["average"] == pytest.approx(sum(data["payoffs"][p][p] for p in range(2)) / 2)
    assert "Head to head" in run("evaluate", files["kuhn3"], "--against", files["kuhn3"])[1]


def test_evaluate_finds_a_false_claim(run, files, tmp_path):
    from dataclasses import replace

    true = counterplay.load(files["rough"])
    replace(true, best=true.value).save(tmp_path / "false.cps")
    code, out, _ = run("evaluate", tmp_path / "false.cps")
    assert code == 1
    assert "IT DOES NOT HOLD" in out
    assert json.loads(run("evaluate", tmp_path / "false.cps", "--json")[1])["holds"] is False


def test_show_kuhn_at_a_glance(run, files):
    code, out, _ = run("show", files["kuhn"])
    assert code == 0
    titles = [line for line in out.splitlines() if line.startswith("player")]
    assert titles == [
        "player 0, first to act",
        "player 0, after check, bet",
        "player 1, after check",
        "player 1, after bet",
    ]
    facing_a_bet = out[out.index("player 1, after bet") :].splitlines()
    assert facing_a_bet[1].split() == ["fold", "call"]
    assert facing_a_bet[2].startswith("  J  100.0% ████████     0.0%")
    assert facing_a_bet[4].startswith("  K    0.0%            100.0% ████████")


def test_show_filters_and_cuts(run, files):
    out = run("show", files["leduc"])[1]
    assert "more rows of player 0" in out
    assert "more rows of player 1" in out
    everything = run("show", files["leduc"], "--limit", 0)[1]
    assert "more rows" not in everything
    assert sum(line.startswith("  ") and "%" in line for line in everything.splitlines()) == 288
    out = run("show", files["leduc"], "--infoset", "[k] check", "--player", 1)[1]
    titles = [line for line in out.splitlines() if line.startswith("player")]
    assert titles
    assert all(title.startswith("player 1, after") and "[K] check" in title for title in titles)


def test_show_marks_rows_that_do_not_matter(run, files, tmp_path):
    out = run("show", files["kuhn"])[1]
    assert "never reached" not in out.split("player 0, after check, bet")[0]
    counterplay.solve("leduc(ranks=3, suits=1)", iterations=50).save(tmp_path / "one.cps")
    out = run("show", tmp_path / "one.cps", "--infoset", "[K]")[1]
    assert all("impossible" in line for line in out.splitlines() if line.startswith("  K"))


def test_show_games_without_hands(run, files):
    assert "row" in run("show", files["shapley"])[1]
    out = run("show", files["goofspiel"])[1]
    assert "3:1>- 2" in out
    assert "3-1" in run("show", files["dice"], "--limit", 5)[1] or "2-3" in run("show", files["dice"], "--limit", 5)[1]


def test_show_needs_no_rules(run, files, tmp_path):
    from dataclasses import replace

    replace(counterplay.load(files["kuhn"]), game="gone").save(tmp_path / "gone.cps")
    code, out, err = run("show", tmp_path / "gone.cps")
    assert code == 0
    assert "unmarked" in out
    assert err == ""
    assert "after pb" in out


def test_export_holds_everything(run, files, tmp_path):
    solution = counterplay.load(files["leduc"])
    rows = list(csv.DictReader(io.StringIO(run("export", files["leduc"], "--to", "csv")[1])))
    assert len(rows) == sum(len(a) * 3 for a in solution.actions)
    total = {}
    for row in rows:
        key = row["player"], row["infoset"], row["hand"]
        total[key] = total.get(key, 0.0) + float(row["probability"])
    assert len(total) == 288
    assert all(abs(x - 1) < 1e-9 for x in total.values())
    code, out, _ = run("export", files["leduc"], "--to", "json", "--out", tmp_path / "x.json")
    assert (code, out) == (0, "")
    data = json.loads((tmp_path / "x.json").read_text())
    assert data["game"] == "leduc"
    first = data["infosets"][0]
    assert first["strategy"] == {"check": solution.strategy[0, 0], "bet": solution.strategy[1, 0]}


def test_play_with_reveal(run, files):
    code, out, _ = run("play", files["kuhn"], "--seed", 1, "--seat", 0, "--hands", 2, answers="b\n?\n\nb\n\n")
    assert code == 0
    assert "Hand 2: you are player 0" in out
    assert "you hold" in out
    assert "hands: you" in out
    assert "(the solution: " in out
    assert "in 2 hands" in out
    assert out == run("play", files["kuhn"], "--seed", 1, "--seat", 0, "--hands", 2, answers="b\n?\n\nb\n\n")[1]


def test_play_asks_again_and_leaves_politely(run, files):
    code, out, _ = run("play", files["kuhn"], "--seat", 0, answers="raise\nc\n")
    assert code == 0
    assert "Type one of these" in out
    assert run("play", files["kuhn"], answers="")[0] == 0
    assert run("play", files["kuhn"], "--seat", 0, answers="quit\n")[0] == 0


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("leduc", "call\nche\n"),
        ("kuhn3", "ca\nch\n"),
        ("dice", "1-1\nliar\n"),
        ("goofspiel", "3\n2\n"),
        ("shapley", "s\n"),
    ],
)
def test_play_any_game(run, files, name, answers):
    code, out, _ = run("play", files[name], "--seed", 2, "--seat", 0, answers=answers * 3 + "?\n")
    assert code == 0
    assert "in 1 hand;" in out
    assert "perfect play" in out


@pytest.mark.parametrize("name", ["kuhn", "kuhn3", "dice", "goofspiel"])
def test_played_games_pay_what_the_solution_is_worth(files, name):
    solution = counterplay.load(files[name])
    book, rng = Book(make(solution.game), solution.tree, solution.strategy), np.random.default_rng(0)
    payoffs = np.array([play_game(book, (), None, lambda *_: None, rng).payoffs for _ in range(3000)])
    error = payoffs.std(axis=0) / np.sqrt(len(payoffs))
    assert np.all(np.abs(payoffs.mean(axis=0) - solution.value) < 4 * error + 1e-6)


def test_pick():
    assert action_named("b", ("check", "bet")) == 1
    assert action_named("1-1", ("1-1", "1-10")) == 0
    assert action_named("c", ("call", "check")) is None
    assert action_named("", ("call",)) is None


def test_curve():
    trace = [Check(2**k, 0.0, 0.5**k) for k in range(12)]
    lines = exploitability_curve(trace, 60, 12, target=1e-4)
    assert len(lines) == 12
    assert {len(line) for line in lines} == {60}
    assert "1e-4" in lines[-3]
    assert "1000" in lines[-1]
    assert exploitability_curve(trace[:1], 60, 12) == []
    assert exploitability_curve([Check(0, 0.0, 0.0), Check(1, 0.0, 0.0)], 60, 12) == []


def test_numbers():
    assert (small(1e-17), small(0.00012345), payoff(-1e-9), payoff(0.5)) == ("0", "0.000123", "0.000000", "+0.500000")
    assert (bar(0.5, 8), bar(0.0, 8), bar(1.0, 2)) == ("████", "", "██")
    assert [duration(s) for s in (0.0001, 0.5, 5, 600, 36000)] == [
        "under 1 ms",
        "500 ms",
        "5.0 s",
        "10 min",
        "10 h 0 min",
    ]


def test_live_picture(files):
    """On a terminal the curve is drawn, on standard error; standard output stays plain."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "counterplay.cli", "solve", "leduc", "--json"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not chunk:
                break
            seen += chunk
        out = process.stdout.read()
    os.close(ours)
    assert json.loads(out)["game"] == "leduc"
    text = seen.decode()
    assert "Solving leduc" in text
    assert "┤" in text


def test_a_fault_of_ours_says_that_it_is_one(run, monkeypatch):
    monkeypatch.setattr("counterplay.api.solve.check_algorithm", None)
    code, out, err = run("solve", "kuhn")
    assert code == 70
    assert not out
    assert len(err.splitlines()) == 1
    assert "a fault of ours" in err
    assert "TypeError" in err
    assert "api/solve.py" in err
    assert "--debug" in err
    code, _, err = run("solve", "--debug", "kuhn")
    assert code == 70
    assert "Traceback" in err
