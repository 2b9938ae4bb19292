"""Solution files: what goes in comes out, and nothing else is taken for one."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

import counterplay
from counterplay.engine import store


@pytest.fixture(scope="module")
def solution():
    return counterplay.solve("leduc", iterations=20)


def test_round_trip(tmp_path, solution):
    path = tmp_path / "leduc.cps"
    solution.save(path)
    again = counterplay.load(path)
    for name in ("game", "method", "iterations", "seconds", "seed", "stopped_by", "value", "best", "figures", "trace"):
        assert getattr(again, name) == getattr(solution, name)
    for name in ("strategy", "owner", "first"):
        assert np.array_equal(getattr(again, name), getattr(solution, name))
    assert (again.labels, again.actions, again.hands) == (solution.labels, solution.actions, solution.hands)
    assert again.judge().exploitability == solution.exploitability


def test_files_are_replaced_whole(tmp_path, solution, monkeypatch):
    path = tmp_path / "leduc.cps"
    solution.save(path)
    before = path.read_bytes()

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        solution.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["leduc.cps"]


def test_truncated_files_are_refused(tmp_path, solution):
    path = tmp_path / "leduc.cps"
    solution.save(path)
    data = path.read_bytes()
    for size in (0, 4, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match="cut short"):
            counterplay.load(path)


def test_foreign_files_are_refused(tmp_path):
    save_file({"x": np.zeros(3)}, tmp_path / "foreign.cps")
    with pytest.raises(ValueError, match="not written by Counterplay"):
        counterplay.load(tmp_path / "foreign.cps")
    (tmp_path / "text.cps").write_text("a strategy\n" * 10)
    with pytest.raises(ValueError, match="not a solution file"):
        counterplay.load(tmp_path / "text.cps")
    with pytest.raises(ValueError, match="no file"):
        counterplay.load(tmp_path / "none.cps")
    with pytest.raises(ValueError, match="is a folder"):
        counterplay.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps({"format": store.FORMAT + 1}), "newer Counterplay"),
        ("{", "damaged header"),
        ("[]", "damaged header"),
        ("{}", "damaged header"),
        (json.dumps({"format": store.FORMAT, "game": "kuhn"}), "parts missing"),
    ],
)
def test_headers_that_do_not_fit_are_refused(tmp_path, text, words):
    save_file({"x": np.zeros(3)}, tmp_path / "x.cps", metadata={"counterplay": text})
    with pytest.raises(ValueError, match=words):
        counterplay.load(tmp_path / "x.cps")


def test_tampered_strategies_do_not_pass(solution):
    from dataclasses import replace

    with pytest.raises(ValueError, match="sum to 1"):
        replace(solution, strategy=solution.strategy * 1.01).judge()
    with pytest.raises(ValueError, match="not those that this solution was made for"):
        replace(solution, labels=("?", *solution.labels[1:])).judge()


def test_unwritable_paths_are_refused(tmp_path, solution):
    with pytest.raises(ValueError, match="cannot write"):
        solution.save(tmp_path / "missing" / "leduc.cps")
