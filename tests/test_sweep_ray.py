"""Sweeps by a Ray cluster, which is started here."""

import pytest

pytest.importorskip("torch")

import counterplay

SMALL = {"steps": 200, "preset": "none", "hidden": 8, "envs": 2}


def test_runs_are_those_of_processes_here(tmp_path):
    pytest.importorskip("ray")
    here = counterplay.sweep("ippo", "climbing", out=tmp_path / "here", seeds=2, **SMALL)
    there = counterplay.sweep("ippo", "climbing", out=tmp_path / "there", seeds=2, ray="local", **SMALL)
    assert [curve.returns.tolist() for curve in there] == [curve.returns.tolist() for curve in here]
    longer = {**SMALL, "steps": 300}
    counterplay.sweep("ippo", "climbing", out=tmp_path / "there", seeds=2, ray="local", **longer)
    whole = counterplay.train("ippo", "climbing", seed=1, **SMALL)
    run = counterplay.load_run(tmp_path / "there" / "ippo" / "seed_1")
    assert run.steps >= 300
    assert run.history[0]["return"] == whole.history[0]["return"]
    with pytest.raises(ValueError, match="1 of 1 runs failed; ippo, seed 0"):
        counterplay.sweep("ippo", "climbing", out=tmp_path / "bad", seeds=1, ray="local", **{**SMALL, "lr": 1e30})


def test_no_cluster(tmp_path):
    with pytest.raises(ValueError, match=r"many machines need Ray|there is no Ray cluster"):
        counterplay.sweep("ippo", "climbing", out=tmp_path, seeds=1, ray="ray://nowhere:1", **SMALL)
