"""Sweeps by a Ray cluster, which is started here."""

import pytest

pytest.importorskip("torch")

import counterplay

SMALL = {"steps": 200, "preset": "none", "hidden": 8, "envs": 2}


def test_runs_are_those_of_processes_here(tmp_path):
    pytest.importorskip("ray")
    whole = counterplay.train("ippo", "climbing", seed=0, **SMALL)
    (curve,) = counterplay.sweep("ippo", "climbing", out=tmp_path, seeds=1, ray="local", **SMALL)
    assert curve.returns[0].tolist() == [row["test_return"] for row in whole.history if "test_return" in row]
    assert counterplay.load_run(tmp_path / "ippo" / "seed_0").steps == whole.steps


@pytest.mark.slow
def test_runs_go_on_and_fail(tmp_path):
    pytest.importorskip("ray")
    counterplay.sweep("ippo", "climbing", out=tmp_path / "a", seeds=1, **SMALL)
    counterplay.sweep("ippo", "climbing", out=tmp_path / "a", seeds=1, ray="local", **{**SMALL, "steps": 300})
    assert counterplay.load_run(tmp_path / "a" / "ippo" / "seed_0").steps >= 300
    with pytest.raises(ValueError, match="1 of 1 runs failed; ippo, seed 0"):
        counterplay.sweep("ippo", "climbing", out=tmp_path / "bad", seeds=1, ray="local", **SMALL, lr=1e30)


def test_no_cluster(tmp_path):
    with pytest.raises(ValueError, match=r"many machines need Ray|there is no Ray cluster"):
        counterplay.sweep("ippo", "climbing", out=tmp_path, seeds=1, ray="ray://nowhere:1", **SMALL)
