"""Searching for settings: proposals follow from the seed, and a search that was stopped goes on."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

import counterplay
from counterplay.api.search import Range, space_of

SMALL = {"steps": 200, "preset": "none", "hidden": 8, "envs": 2}
OVER = {"lr": (1e-4, 1e-1, "log"), "epochs": [1, 2]}


def test_a_search_goes_on_and_follows_from_its_seed(tmp_path, run):
    whole = counterplay.search("ippo", "climbing", OVER, out=tmp_path / "a", trials=3, workers=1, **SMALL)
    assert len(whole.trials) == 3
    scores = [trial.score for trial in whole.trials]
    assert scores == sorted(scores, reverse=True)
    counterplay.search("ippo", "climbing", OVER, out=tmp_path / "b", trials=1, workers=1, **SMALL)
    again = counterplay.search("ippo", "climbing", OVER, out=tmp_path / "b", trials=3, workers=1, **SMALL)
    assert again == whole
    best = counterplay.load_run(tmp_path / "a" / f"trial_{whole.trials[0].number:04d}" / "seed_0")
    assert best.settings.lr == whole.trials[0].settings["lr"]
    assert best.history[-1]["test_return"] == scores[0]
    kept = json.loads((tmp_path / "a" / "results.json").read_text())
    assert kept["command"] == whole.command
    with pytest.raises(ValueError, match="something else"):
        counterplay.search("ippo", "climbing", {"lr": [0.1]}, out=tmp_path / "a", **SMALL)
    given = [
        "--search",
        3,
        "--over",
        "lr=1e-4:1e-1:log",
        "--over",
        "epochs=1,2",
        "--out",
        tmp_path / "a",
        "--workers",
        1,
    ]
    fixed = ["--workers", 1, "--steps", 200, "--preset", "none", "--set", "hidden=8", "--set", "envs=2"]
    code, out, _ = run("sweep", "ippo", "climbing", *given, *fixed)
    assert code == 0
    assert whole.command in out
    assert "--set hidden=8" in whole.command


def test_exploitability_is_to_be_small(tmp_path):
    found = counterplay.search("ippo", "kuhn", {"lr": [1e-3, 1e-2]}, out=tmp_path, trials=2, workers=1, **SMALL)
    assert found.measure == "exploitability"
    assert 0 < found.trials[0].score <= found.trials[1].score < 2


def test_what_is_asked_for():
    assert space_of(["lr=1e-4:1e-2:log", "hidden=32,64", "epochs=1:4"]) == {
        "lr": Range(1e-4, 1e-2, True),
        "hidden": [32, 64],
        "epochs": Range(1, 4),
    }


WRONG = [
    ({}, "such as"),
    ({"lr": 1.0}, "a list of values or a range"),
    ({"lr": (1.0, 0.1)}, "to a larger one"),
    ({"lr": (0.0, 0.1, "log")}, "above 0"),
    ({"lr": (0.1, 1.0, "linear")}, "'log'"),
    ({"lrr": [1]}, "lrr"),
    ({"hidden": [8, 0]}, "hidden must be"),
]


@pytest.mark.parametrize(("over", "says"), WRONG, ids=str)
def test_what_is_refused(tmp_path, over, says):
    with pytest.raises(ValueError, match=says):
        counterplay.search(
            "ippo", "climbing", over, out=tmp_path, **{name: value for name, value in SMALL.items() if name not in over}
        )


def test_the_command_says_what_belongs_together(tmp_path, run):
    code, _, err = run("sweep", "ippo", "climbing", "--out", tmp_path, "--over", "lr=1,2")
    assert (code, "--search N" in err) == (2, True)
    code, _, err = run("sweep", "ippo,coma", "climbing", "--out", tmp_path, "--search", 2, "--over", "lr=1,2")
    assert (code, "one learner" in err) == (2, True)
    code, _, err = run("sweep", "ippo", "climbing", "--out", tmp_path, "--search", 2, "--over", "lr=a:b")
    assert (code, "LOW:HIGH" in err) == (2, True)
