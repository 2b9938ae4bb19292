"""Phantom games on the command line: solved, shown, played in the dark, exported, and learned."""

import json

import pytest

import counterplay
from counterplay.engine import store
from counterplay.show import factored_pages
from counterplay.show.pages import Page

TEXT = "dark_hex(size=(2, 3))"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("dark") / "h.cps"
    counterplay.solve(TEXT, algorithm="cfr", iterations=3).save(path)
    return path


def test_solve_and_resume(run, tmp_path):
    out = tmp_path / "h.cps"
    code, text, told = run("solve", TEXT, "--target", "0.01", "--out", out)
    assert code == 0
    assert "2,508 information sets, 1,255 without mirror images" in text
    assert "the target is reached" in text
    assert f"counterplay play {out}" in text
    assert TEXT in told
    code, text, _ = run("solve", "--resume", out, "--iterations", "60", "--json")
    assert code == 0
    assert json.loads(text)["iterations"] == 60
    code, text, _ = run("evaluate", out, "--against", out)
    assert code == 0
    assert "it holds" in text
    assert "Head to head" in text


def test_show_draws_boards(run, file):
    code, text, _ = run("show", file, "--limit", "2")
    assert code == 0
    lines = text.splitlines()
    assert lines[0].startswith(f"{TEXT}: cfr, 3 iterations, exploitability")
    assert "of up to 2 decisions that are mirror images of each other, one is shown" in lines[1]
    first = lines.index("player 0, first attempt")
    assert lines[first + 1].split() == ["a", "b", "c"]
    assert lines[first + 3].split()[0] == "2"
    assert "reached" in lines[first + 5]
    assert len(lines[first + 6 :]) > 5
    assert all(len(line) <= 100 for line in lines)


def test_show_names_a_decision(run, file):
    code, text, _ = run("show", file, "--infoset", "b1x", "--limit", "3")
    assert code == 0
    assert "player 1, after b1x" in text
    assert "player 0, after" not in text
    board = text.splitlines()[text.splitlines().index("player 1, after b1x") + 1 :][:3]
    assert "●" in board[1]
    assert "a game gets there with probability" in text
    shown = json.loads(run("show", file, "--infoset", "b1x", "--limit", "3", "--json")[1])
    assert shown["decisions"][0]["infoset"] == "b1x"
    assert len(shown["decisions"]) == 4
    assert sum(shown["decisions"][0]["strategy"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--infoset", "e7"), "'e7' is no cell"),
        (("--infoset", "b1x", "--player", "0"), "player 0 never decides after 'b1x'"),
        (("--player", "2"), "the players are numbered 0 to 1"),
        (("--hands", "AA"), "--hands is for hold'em spots"),
        (("--node", "check"), "--node is for hold'em spots"),
    ],
)
def test_show_refuses(run, file, arguments, said):
    code, _, told = run("show", file, *arguments)
    assert code == 2
    assert said in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("width", [40, 60])
def test_long_rows_fit_the_terminal(file, width):
    lines = list(factored_pages.strategy(counterplay.load(file), Page(limit=60, width=width)))
    assert max(map(len, lines[2:])) <= width


def test_export(run, file, tmp_path):
    code, text, _ = run("export", file, "--to", "csv", "--limit", "2", "--player", "1")
    assert code == 0
    assert text.splitlines()[0] == "player,infoset,hand,action,probability,reach,note"
    assert {line[:2] for line in text.splitlines()[1:]} == {"1,"}
    assert run("export", file, "--to", "json", "--out", tmp_path / "x.json")[0] == 0
    assert len(json.loads((tmp_path / "x.json").read_text())["infosets"]) == 2508
    counterplay.solve("kuhn", iterations=3).save(tmp_path / "kuhn.cps")
    code, _, told = run("export", tmp_path / "kuhn.cps", "--to", "csv", "--limit", "2")
    assert (code, "--limit is for phantom games without a tree" in told) == (2, True)


def test_play_in_the_dark(run, file):
    answers = "b2\nb1\na1\nc1\na2\nc2\n?\nq\n"
    code, text, _ = run("play", file, "--seat", "1", "--seed", "4", answers=answers)
    assert code == 0
    assert "You see your own stones, and those that you ran into: ● is player 0, ○ player 1." in text
    assert "you get -1.000000" in text or "you get +1.000000" in text
    first = text.splitlines().index("Hand 1: you are player 1")
    board = text.splitlines()[first + 1 : first + 4]
    assert board == ["     a   b   c", "  1  .   .   .", "    2  .   .   ."]
    assert "is taken" in text


def test_a_small_board_is_played_in_the_dark_too(run, tmp_path):
    counterplay.solve("dark_hex(size=2)", iterations=20).save(tmp_path / "two.cps")
    code, text, _ = run("play", tmp_path / "two.cps", "--seat", "0", "--seed", "1", answers="b1\nq\n")
    assert code == 0
    assert "  1  .   ●" in text
    assert "you see" not in text


def test_files_that_lie(run, file, tmp_path):
    arrays, header = store.read(file)
    for name, edit in (
        ("more", {"infosets": 2509}),
        ("other", {"game": "dark_hex(size=(3, 2))"}),
        ("larger", {"game": "dark_hex(size=(3, 4))"}),
        ("huge", {"game": "dark_hex(size=8)"}),
        ("kuhn", {"game": "kuhn"}),
    ):
        path = tmp_path / f"{name}.cps"
        store.write(path, arrays, {**header, **edit})
        code, _, told = run("show", path)
        assert code == 2, name
        assert "not those that this solution was made for" in told or "a board of 64 cells" in told, name
        assert len(told.splitlines()) == 1


def test_a_learner_is_judged(run, tmp_path):
    pytest.importorskip("torch")
    folder = tmp_path / "run"
    assert run("train", "ippo", TEXT, "--steps", "300", "--out", folder)[0] == 0
    code, text, _ = run("evaluate", folder, "--episodes", "20", "--json")
    assert code == 0
    found = json.loads(text)
    judged = counterplay.judge(counterplay.load_run(folder))
    assert found["exploitability"] == pytest.approx(judged.exploitability)
    assert 0 <= judged.exploitability <= 1
