"""What is told of a run beside returns: an environment's infos as columns, and Weights & Biases."""

import json
import sys
import time
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from leaver import STEPS, Leaver

import counterplay
from counterplay.agents.infos import figures, heard_of
from counterplay.agents.log import LINES_FILE
from counterplay.agents.seats import Against, Uniform
from counterplay.engine.errors import UserError
from counterplay.games.foreign.pettingzoo import from_parallel


class Telling(Leaver):
    """It tells each agent whether it has won, which is told at the end, its step, and what are no numbers."""

    def step(self, actions):
        *rest, infos = super().step(actions)
        last = {} if self.t < STEPS else {"won": actions["agent_0"] == 1}
        return (
            *rest,
            {
                agent: {"time": self.t, "text": "x", "all": [1], "bad": np.nan, "vast": 10**400, **last}
                for agent in infos
            },
        )


def telling(workers=0):
    return from_parallel(Telling, reward="team", limit=STEPS, workers=workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_infos_are_what_episodes_told_last(workers):
    env = telling(workers).start(3)
    env.reset(np.random.default_rng(0))
    assert all(np.isnan(told).all() for told in heard_of(env).values())
    chosen = np.array([[1, 0], [0, 0], [1, 0]])
    for t in range(STEPS):
        env.step(chosen)
        told = heard_of(env)
        assert told["time"].tolist() == [t + 1] * 3
    assert told["won"].tolist() == [1, 0, 1]
    assert set(told) == {"time", "won"}
    env.reset(np.random.default_rng(0))
    assert np.isnan(heard_of(env)["won"]).all()


@pytest.mark.parametrize("rollout", [0, 4])
def test_infos_are_columns(tmp_path, rollout):
    run = counterplay.train(
        "ippo", telling(), steps=60, envs=2, rollout=rollout, test_every=30, test_episodes=4, out=tmp_path / "run"
    )
    rows = [json.loads(line) for line in (tmp_path / "run" / LINES_FILE).read_text().splitlines()]
    told = [row for row in rows if "info_time" in row]  # where an episode has ended since the row before
    assert told
    assert all(row["info_time"] == STEPS and 0 <= row["info_won"] <= 1 for row in told)
    assert rows[-1]["test_info_time"] == STEPS
    score = run.evaluate(4)
    assert score.infos["time"] == STEPS
    assert run.play(Telling, episodes=3, limit=STEPS).infos["time"] == STEPS
    assert counterplay.load_run(tmp_path / "run", env=telling()).history == run.history


def test_infos_come_through_taken_seats():
    env = Against(telling(), (Uniform(),), 0).start(2)
    step = env.reset(np.random.default_rng(0))
    for _ in range(STEPS):
        step = env.step(np.zeros(step.legal.shape[:2], np.int64))
    assert heard_of(env)["won"].tolist() == [0, 0]


def test_means_are_over_those_that_told():
    parts = [{"won": np.array([1.0, np.nan])}, {"won": np.array([0.0]), "none": np.array([np.nan])}, {}]
    assert figures(parts) == {"info_won": 0.5}


class Stand:
    """Stands in for the package `wandb`."""

    def __init__(self):
        self.begun, self.rows, self.ended = [], [], 0

    def module(self):
        def init(**given):
            self.begun.append(given)
            return SimpleNamespace(log=lambda row, step: self.rows.append((step, row)), finish=self.finish)

        found = ModuleType("wandb")
        found.init, found.Settings = init, lambda **given: given
        return found

    def finish(self):
        self.ended += 1


def test_rows_go_to_weights_and_biases(tmp_path, monkeypatch):
    stand = Stand()
    monkeypatch.setitem(sys.modules, "wandb", stand.module())
    run = counterplay.train("iql", "two_step", steps=40, test_episodes=1, out=tmp_path / "run", wandb="games")
    assert [step for step, _ in stand.rows] == [row["steps"] for row in run.history]
    assert all(np.isfinite(list(row.values())).all() for _, row in stand.rows)
    assert stand.ended == 1
    counterplay.train(resume=tmp_path / "run", steps=100, wandb="games")
    first, again = stand.begun
    assert first["id"] == again["id"]
    assert (first["project"], first["group"], first["config"]["gamma"]) == ("games", "iql two_step", 0.99)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r'pip install "counterplay\[wandb\]"'):
        counterplay.train("iql", "two_step", steps=10, wandb="games")


def test_what_it_refuses_is_a_sentence(monkeypatch):
    stand = Stand()
    module = stand.module()
    module.init = lambda **given: 1 / 0
    monkeypatch.setitem(sys.modules, "wandb", module)
    with pytest.raises(UserError, match="did not begin a run: division by zero; WANDB_MODE=offline"):
        counterplay.train("iql", "two_step", steps=10, wandb="games")


def test_weights_and_biases_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    counterplay.train("iql", "two_step", steps=40, test_episodes=1, out=tmp_path / "run", wandb="games")
    (kept,) = (tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb")
    until = time.monotonic() + 60  # a process of its own writes it
    while b"test_return" not in kept.read_bytes() and time.monotonic() < until:
        time.sleep(0.2)
    assert b"test_return" in kept.read_bytes()
