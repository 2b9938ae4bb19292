"""Runs of several processes: they go on, end together, and are refused where they would not fit."""

import multiprocessing
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

import counterplay  # noqa: E402
from counterplay.engine.system import cores  # noqa: E402

SMALL = {"envs": 6, "hidden": 8}


@pytest.fixture
def started():
    """Skip where there is one core."""
    if cores() < 2:
        pytest.skip("one core")


def weights(run):
    return torch.cat([part.detach().reshape(-1) for part in run.learner.networks.parameters()])


def rows(run):
    return [{k: v for k, v in row.items() if k not in ("seconds", "steps_per_second")} for row in run.history]


@pytest.mark.parametrize(
    ("learner", "env", "more"),
    [("ippo", "climbing", {}), pytest.param("a2c", "cartpole", {"rollout": 8}, marks=pytest.mark.slow)],
)
def test_a_run_of_two_processes_goes_on(started, tmp_path, monkeypatch, learner, env, more):
    monkeypatch.setattr("counterplay.api.training.ROWS", 6)
    given = {"steps": 900, "processes": 2, "preset": "none", **SMALL, **more}
    whole = counterplay.train(learner, env, **given)
    asked = iter(range(100))
    part = counterplay.train(learner, env, out=tmp_path / "run", stop=lambda: next(asked) > 2, **given)
    assert part.stopped_by == "interrupt"
    assert 0 < part.steps < whole.steps
    again = counterplay.train(resume=tmp_path / "run")
    assert (again.steps, again.plan.processes) == (whole.steps, 2)
    assert rows(again) == rows(whole)
    assert torch.equal(weights(again), weights(whole))
    assert sorted(p.name for p in (tmp_path / "run").iterdir() if p.suffix in (".pt", ".jsonl", ".json", ".cps")) == [
        "checkpoint.pt",
        "metrics.jsonl",
        "run.json",
    ]


def test_a_process_that_dies_ends_the_run(started, tmp_path):
    def kill(run, row):
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(ValueError, match="another process of the run has ended"):
        counterplay.train("ippo", "climbing", steps=10**6, processes=2, out=tmp_path / "run", on_row=kill, **SMALL)
    assert counterplay.load_run(tmp_path / "run").plan.processes == 2


REFUSED = [
    ("deep_cfr", "kuhn", {}, "deep_cfr trains in one process"),
    ("pgpe", "cartpole", {}, "such as mappo"),
    ("ippo", "climbing", {"envs": 1}, "share envs=1: make it 2"),
    ("qmix", "climbing", {"batch": 1}, "share batch=1"),
    ("grpo", "cartpole", {"envs": 8, "group": 8}, "groups of episodes"),
    ("ippo", "climbing", {"novelty": "counts"}, "novelty=rnd"),
    ("ippo", "climbing", {"credit": "rudder"}, "credit=none"),
    ("ippo", "climbing", {"device": "cuda"}, "device cpu"),
    ("ippo", "climbing", {"processes": 1, "compress": "powersgd"}, "give processes too"),
    ("ippo", "climbing", {"compress": "zip"}, "none or powersgd"),
    ("ippo", "climbing", {"processes": 1000, "envs": 1000}, "this machine has"),
]


@pytest.mark.parametrize(("learner", "env", "more", "says"), REFUSED, ids=str)
def test_what_is_refused(learner, env, more, says):
    with pytest.raises(ValueError, match=says):
        counterplay.train(learner, env, **{"processes": 2, "steps": 100, "preset": "none", **more})


@pytest.mark.slow
def test_torchrun(started, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command += ["counterplay.cli", "train", "ippo", "climbing", "--steps", "900", "--preset", "none", "--json"]
    command += ["--set", "envs=6", "--set", "hidden=8", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("{") == done.stdout.count("}") >= 1
    ours = counterplay.train("ippo", "climbing", steps=900, processes=2, preset="none", **SMALL)
    assert torch.equal(weights(counterplay.load_run(tmp_path / "run")), weights(ours))
