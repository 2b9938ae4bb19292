"""Runs of learners from Python: what is kept, what a resumed run comes to, and what of one's own is taken."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import counterplay
from counterplay.agents import LEARNERS, find
from counterplay.agents.rollout import collect
from counterplay.agents.run import Plan
from counterplay.agents.saved import save_state
from counterplay.agents.score import interval
from counterplay.api.training import advance
from counterplay.engine.env import EnvSpec, blank
from counterplay.games.envs import make_env

SMALL = {"hidden": 8, "envs": 2, "batch": 4, "warmup": 4, "replay": 20, "epsilon_steps": 100}
ENV = "penalty(steps=5)"
GAMES_ONLY = {  # learners of turn-based games alone
    "deep_cfr": {"traversals": 2, "memory": 20, "updates": 2},
    "nfsp": {"memory": 20, "recent": 20, "updates": 2},
    "psro": {"learned": True, "calls": 2, "recent": 20, "updates": 2, "pairs": 2},
    "rnad": {"delta": 2},
}
CLOCKS = ("seconds", "steps_per_second")


def train(*arguments, **options):
    return counterplay.train(*(arguments or ("qmix", ENV)), **{"steps": 600, **SMALL, **options})


def told(run):
    """Return a run's history without what depends on the clock."""
    return [{name: x for name, x in row.items() if name not in CLOCKS} for row in run.history]


def weights(run):
    return torch.cat([p.flatten() for p in run.learner.networks.parameters()])


def after(count):
    """Return a `stop` that is true from that many questions on."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= count


class Sum(nn.Module):
    """A mixer of one's own."""

    def __init__(self, agents, state):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, values, states):
        return values.sum(dim=-1) * self.scale


@dataclass(frozen=True)
class Coin:
    """A task of one's own: the team is paid 1 if its one agent plays 1, three times."""

    spec = EnvSpec(agents=1, actions=2, observation=1, state=1, limit=3)

    def start(self, batch):
        return CoinEnv(batch)


class CoinEnv:
    spec = Coin.spec

    def __init__(self, batch):
        self.batch, self.shown = batch, blank(self.spec, batch)

    def reset(self, rng):
        self.played = 0
        self.shown.reward[:] = 0
        self.shown.terminated[:] = False
        return self.shown

    def step(self, actions):
        self.played += 1
        self.shown.reward[:] = actions[:, 0]
        self.shown.terminated[:] = self.played == 3
        return self.shown


@pytest.mark.parametrize("options", [{}, {"recurrent": True, "priority": 0.6}], ids=["plain", "memory and priorities"])
def test_a_resumed_run_ends_as_if_it_had_not_stopped(tmp_path, monkeypatch, options):
    monkeypatch.setattr("counterplay.api.training.ROWS", 7)
    monkeypatch.setattr("counterplay.api.training.TESTS", 3)
    whole = train(**options)
    part = train(out=tmp_path / "run", stop=after(31), **options)
    assert part.stopped_by == "interrupt"
    assert 0 < part.steps < 600
    assert part.since  # it stopped between two rows
    again = counterplay.train(resume=tmp_path / "run")
    assert (again.steps, again.episodes, again.stopped_by) == (whole.steps, whole.episodes, "steps")
    assert told(again) == told(whole)
    assert torch.equal(weights(again), weights(whole))
    assert again.evaluate(50).mean == whole.evaluate(50).mean
    lines = [json.loads(text) for text in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines == again.history


@pytest.mark.parametrize("entry", [e for e in LEARNERS if e.name != "pgpe"], ids=lambda entry: entry.name)
def test_every_learner_resumes(tmp_path, monkeypatch, entry):
    monkeypatch.setattr("counterplay.api.training.ROWS", 3)
    known = {field.name for field in fields(find(entry.name).settings_type())}
    small = {name: value for name, value in SMALL.items() if name in known}
    env = "kuhn" if entry.name in GAMES_ONLY else ENV
    small |= GAMES_ONLY.get(entry.name, {})
    whole = counterplay.train(entry.name, env, steps=120, **small)
    counterplay.train(entry.name, env, steps=120, out=tmp_path / "run", stop=after(7), **small)
    again = counterplay.train(resume=tmp_path / "run")
    assert told(again) == told(whole)
    assert again.history[-1]["loss"] == whole.history[-1]["loss"]


@pytest.mark.parametrize("name", ["iql", "ippo", "ia2c"])
def test_what_a_policy_is_worth_is_what_its_episodes_earn(name):
    """The judgement of a policy that was learned in a game, beside episodes of the policy itself."""
    known = {field.name for field in fields(find(name).settings_type())}
    small = {setting: value for setting, value in SMALL.items() if setting in known}
    run = counterplay.train(name, "kuhn", steps=200, **small)
    judged = counterplay.judge(run)
    assert 0 <= judged.exploitability <= 2
    if name == "iql":
        returns = run.evaluate(2000).returns  # greedy, as the policy is
    else:
        returns = collect(run.playing(2000), run.learner, np.random.default_rng(0), explore=True).returns()
    error = returns.std(axis=0) / 2000**0.5
    assert np.all(np.abs(returns.mean(axis=0) - judged.value) < 5 * error + 1e-9)


def test_a_seed_is_a_run():
    assert told(train(seed=3, steps=200)) == told(train(seed=3, steps=200)) != told(train(seed=4, steps=200))


def test_history():
    seen = []
    run = train(steps=400, test_every=100, test_episodes=7, on_row=lambda run, row: seen.append(row))
    assert run.history == seen
    assert run.plan == Plan(400, 100, 7)
    tests = [row for row in run.history if "test_return" in row]
    assert [row["steps"] for row in tests] == [100, 200, 300, 400]
    last = run.history[-1]
    assert last["test_low"] <= last["test_return"] <= last["test_high"]
    assert {"loss", "epsilon", "return", "length", "steps_per_second"} <= set(last)
    assert last["length"] == 5
    assert run.evaluate(30).episodes == len(run.evaluate(30).returns) == 30


def test_evaluating_changes_nothing():
    quiet, nosy = train(steps=200), train(steps=200, on_row=lambda run, row: run.evaluate(9))
    assert told(quiet) == told(nosy)


def test_a_run_goes_on_in_memory():
    run = train(steps=200)
    assert counterplay.train(resume=run, steps=300) is run
    assert run.steps == 300


def test_kill_leaves_a_run_that_goes_on(tmp_path):
    code = f"""
import counterplay, counterplay.api.training as t
t.CHECKPOINT = 0.0
counterplay.train("vdn", {ENV!r}, steps=10**7, test_every=100, out={str(tmp_path / "run")!r}, **{SMALL})
"""
    lines = tmp_path / "run" / "metrics.jsonl"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while process.poll() is None and (not lines.exists() or lines.read_text().count("\n") < 4):
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    run = counterplay.load_run(tmp_path / "run")
    assert run.steps > 0
    goal = run.steps + 100
    run = counterplay.train(resume=run, steps=goal)
    rows = [json.loads(text) for text in lines.read_text().splitlines()]
    assert rows == run.history
    assert [row["steps"] for row in rows] == sorted({row["steps"] for row in rows})


def test_tensorboard_sees_no_step_twice(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(out=tmp_path / "run", steps=300)
    ahead = counterplay.load_run(tmp_path / "run")
    ahead.whole()
    counterplay.train(resume=tmp_path / "run", steps=600)  # what a killed run leaves: events beyond its checkpoint
    advance(ahead, 900)
    events = EventAccumulator(str(tmp_path / "run"), size_guidance={"scalars": 0}).Reload()
    steps = [event.step for event in events.Scalars("loss")]
    assert steps == sorted(set(steps))
    assert steps[-1] == 900
    assert {"return", "test_return", "epsilon", "steps_per_second"} <= set(events.Tags()["scalars"])


def test_a_checkpoint_on_a_full_disk_is_what_the_system_says():
    """PyTorch would make a fault of it, or abort."""
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left on device"):
        save_state({"weights": np.zeros(10_000)}, full)


def test_a_mixer_of_ones_own(tmp_path):
    run = train("vdn", ENV, steps=100, mixer=Sum, out=tmp_path / "run")
    assert run.settings.mixer == f"{__name__}:Sum"
    with pytest.raises(ValueError, match=r"has mixer=.*:Sum, which is somebody's own, .* name it yourself .mixer=,"):
        counterplay.load_run(tmp_path / "run")
    with pytest.raises(ValueError, match=r"has mixer=.*:Sum, not vdn"):
        counterplay.load_run(tmp_path / "run", mixer="vdn")
    assert isinstance(counterplay.load_run(tmp_path / "run", mixer=Sum).learner.networks["mixer"], Sum)
    assert counterplay.train(resume=tmp_path / "run", mixer=Sum, steps=110).steps == 110

    class Inside(Sum):
        pass

    with pytest.raises(ValueError, match="at the top of a module"):
        train("vdn", ENV, mixer=Inside)


def test_an_environment_of_ones_own(tmp_path):
    run = train("iql", Coin(), out=tmp_path / "task", steps=300)
    assert run.env == f"{__name__}:Coin"
    assert run.evaluate(10).mean == 3
    with pytest.raises(ValueError, match=r"cannot make the environment .*:Coin is somebody's own environment"):
        counterplay.load_run(tmp_path / "task")
    assert counterplay.load_run(tmp_path / "task", Coin()).evaluate(10).mean == 3
    run = counterplay.train(resume=tmp_path / "task", env=Coin(), steps=330)
    assert run.steps == 330
    assert counterplay.load_run(tmp_path / "task", run.env).evaluate(10).mean == 3
    with pytest.raises(ValueError, match=r"does not fit into this .*Coin"):
        counterplay.load_run(tmp_path / "task", make_env(ENV))
    with pytest.raises(ValueError, match="an environment is a spec"):
        train("iql", 3)


def test_an_env_keeps_its_own_batch():
    run = train("iql", CoinEnv(5), steps=150)
    assert run.episodes == 50
    assert run.evaluate(12).returns.shape == (12,)


def test_a_task_of_the_catalogue_goes_by_its_spec():
    run = train("vdn", make_env(ENV), steps=50)
    assert make_env(run.env) == run.task == make_env(ENV)
    assert counterplay.train(env=f" {ENV.replace('=', ' = ')} ", resume=run, steps=60).env == run.env


def test_a_run_is_not_written_over(tmp_path):
    run = train(out=tmp_path / "run", steps=50)
    with pytest.raises(ValueError, match="holds a run already"):
        train(out=tmp_path / "run", steps=50)
    run.save()
    other = train(steps=50, seed=9)
    with pytest.raises(ValueError, match="holds a run already"):
        other.save(tmp_path / "run")
    with pytest.raises(ValueError, match="name a folder"):
        other.save()
    assert counterplay.load_run(tmp_path / "run").seed == 0


def test_resuming_somewhere_else_leaves_the_first(tmp_path):
    train(out=tmp_path / "a", steps=50)
    counterplay.train(resume=tmp_path / "a", out=tmp_path / "b", steps=100)
    assert [counterplay.load_run(tmp_path / name).steps for name in "ab"] == [50, 100]


MISTAKES = [
    ({"learner": "vdn"}, "by qmix, not vdn"),
    ({"env": "climbing"}, "not climbing"),
    ({"seed": 1}, "seed 0, not 1"),
    ({"lr": 1.0}, "lr=0.0005, not 1.0"),
    ({"lrr": 1.0}, "no such setting"),
    ({}, "has had 50 steps"),
    ({"steps": 20}, "has had 50 steps"),
    ({"test_every": 0, "steps": 100}, "1 or more"),
]


@pytest.mark.parametrize(("given", "says"), MISTAKES, ids=str)
def test_what_does_not_go_on(tmp_path, given, says):
    run = train(steps=50, preset="none")
    with pytest.raises(ValueError, match=says):
        counterplay.train(resume=run, **given)


def test_damaged_folders(tmp_path):
    run = train(out=tmp_path / "run", steps=50)
    file = Path(run.folder) / "checkpoint.pt"
    whole = file.read_bytes()
    for data in (b"", whole[:100], whole[: len(whole) // 2], b"nonsense" * 100):
        file.write_bytes(data)
        with pytest.raises(ValueError, match="damaged"):
            counterplay.load_run(tmp_path / "run")
    saved = torch.load(__import__("io").BytesIO(whole))
    saved["run"]["format"] += 1
    torch.save(saved, file)
    with pytest.raises(ValueError, match="newer Counterplay"):
        counterplay.load_run(tmp_path / "run")
    with pytest.raises(ValueError, match="holds no run"):
        counterplay.load_run(tmp_path)


def test_interval_is_students():
    from scipy.stats import ttest_1samp

    numbers = np.random.default_rng(0).normal(3, 2, 12)
    expected = ttest_1samp(numbers, 0).confidence_interval(0.9)
    assert interval(numbers, 0.9) == pytest.approx((expected.low, expected.high))
    assert all(np.isnan(interval(numbers[:1], 0.9)))
