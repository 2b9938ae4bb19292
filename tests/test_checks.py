"""What stops a run: numbers that are none, nothing to do, learning that diverges, episodes beyond memory."""

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest

import counterplay
from counterplay.agents import find, memory
from counterplay.agents.curves import Curve
from counterplay.agents.memory import admit, episode_bytes
from counterplay.agents.replay import Replay
from counterplay.agents.rollout import collect, empty
from counterplay.engine.env import EnvSpec, blank
from counterplay.show import chart, run_pages
from counterplay.show.training import Pace

SPEC = EnvSpec(agents=2, actions=3, observation=2, state=4, limit=5)


class Faulty:
    """Two episodes of five steps; in the second one agent 1 meets a fault at step 3."""

    def __init__(self, fault, spec=SPEC):
        self.fault, self.spec, self.batch = fault, spec, 2
        self.shown = blank(spec, 2)

    def reset(self, rng):
        self.t = 0
        for array in (self.shown.obs, self.shown.reward, self.shown.truncated):
            array[:] = 0
        self.shown.legal[:] = True
        return self.shown._replace(obs=self.shown.obs[:, :, :1]) if self.fault == "shape" else self.shown

    def step(self, actions):
        self.t += 1
        self.shown.truncated[:] = self.t == 5
        self.shown.reward[:] = 1e30 if self.fault == "huge" else 1.0
        if self.t == 3:
            if self.fault == "obs":
                self.shown.obs[1, 1, 0] = np.nan
            elif self.fault == "state":
                self.shown.state[1, 3] = np.inf
            elif self.fault == "reward":
                self.shown.reward[1] = np.nan
            elif self.fault == "legal":
                self.shown.legal[1, 1] = False
        if self.t == 4 and self.fault == "legal":
            assert (actions >= 0).all(), "an action from nowhere"
        return self.shown


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("obs", "Faulty: episode 1, step 3, agent 1: an observation holds nan"),
        ("state", "Faulty: episode 1, step 3: a state holds inf"),
        ("reward", "Faulty: episode 1, step 3: a reward holds nan"),
        ("legal", "Faulty: episode 1, step 3, agent 1: nothing is legal for an agent in play"),
        (
            "shape",
            r"Faulty: obs has to be an array \(2, 2, 2\) of numbers, as its spec says, not \(2, 2, 1\) of float32",
        ),
    ],
)
@pytest.mark.parametrize("name", ["iql", "mappo"])
def test_what_is_no_number_stops_a_run(fault, why, name):
    with pytest.raises(ValueError, match=why):
        counterplay.train(name, Faulty(fault), steps=100)


def test_learning_that_diverges_stops_and_keeps_what_was_saved(tmp_path):
    options = {"batch": 2, "warmup": 2, "scale_rewards": False, "lr": 0.1, "out": tmp_path / "run"}
    with pytest.raises(
        ValueError, match=r"diverged: .* after .* steps; try a smaller lr than 0.1, .*scale_rewards=true"
    ):
        counterplay.train("iql", Faulty("huge"), steps=1000, **options)
    run = counterplay.load_run(tmp_path / "run", Faulty(""))
    assert all(parameter.isfinite().all() for parameter in run.learner.networks.parameters())


@dataclass(frozen=True)
class Pictures:
    limit: int = 100

    @property
    def spec(self):
        return EnvSpec(2, 3, 84 * 84 * 3, 2 * 84 * 84 * 3, self.limit, byte_obs=True, byte_state=True)

    def start(self, batch):
        raise AssertionError("nothing is played")


def test_memory_is_refused_before_it_is_taken(monkeypatch):
    """Two agents that see pictures for 100 steps: 80 GB of replay in 32 bits, half of a quarter of it in bytes."""
    monkeypatch.setattr(memory, "available", lambda: 16 * 2**30)
    with pytest.raises(ValueError, match=r"takes 4\d.\d GB of memory, and 16.0 GB are free .*: replay=\d+ would fit"):
        counterplay.train("vdn", Pictures(), steps=10)
    monkeypatch.setattr(memory, "available", lambda: 2**30)
    with pytest.raises(ValueError, match=r"replay=\d+ with batch=\d+, warmup=\d+ and envs=\d+ would fit"):
        counterplay.train("vdn", Pictures(), steps=10)
    with pytest.raises(ValueError, match=r"memory.*envs=\d+ would fit"):
        counterplay.train("mappo", Pictures(), steps=10)
    monkeypatch.setattr(memory, "available", lambda: 2**20)
    with pytest.raises(ValueError, match="take a shorter limit or smaller observations"):
        counterplay.train("mappo", Pictures(), steps=10)


@pytest.mark.parametrize("free", [0.3, 1, 4, 16])
def test_what_would_fit_fits(monkeypatch, free):
    monkeypatch.setattr(memory, "available", lambda: int(free * 2**30))
    spec, given = Pictures().spec, {"envs": 16, "batch": 32, "replay": 5000}
    with pytest.raises(ValueError, match="would fit") as refused:
        admit(spec, **given)
    given |= {name: int(value) for name, value in re.findall(r"(envs|batch|replay)=(\d+)", str(refused.value))}
    assert admit(spec, **given) <= free * 2**30


@pytest.mark.parametrize("options", [{}, {"team": False, "lives": True}, {"byte_obs": True, "byte_state": True}])
def test_bytes_of_an_episode(options):
    spec = EnvSpec(3, 4, 5, 6, 7, **options)
    parts = [part for part in empty(spec, 1) if part is not None]
    assert episode_bytes(spec) == sum(part.nbytes for part in parts)


@pytest.mark.parametrize("scale_inputs", [True, False])
def test_bytes_learn_as_numbers_do(scale_inputs):
    """Kept as bytes in the replay, they are to the networks what the same numbers in 32 bits are."""
    learned = []
    for told in (True, False):
        spec = EnvSpec(2, 3, 4, 8, 5, byte_obs=told, byte_state=told)
        rng, entry = np.random.default_rng(0), find("qmix")
        settings = entry.with_settings({"batch": 4, "warmup": 4, "envs": 4, "hidden": 8, "scale_inputs": scale_inputs})
        learner, episodes = entry.make(spec, settings, 0), empty(spec, 6)
        for part in (episodes.obs, episodes.state):
            drawn = rng.integers(0, 256, part.shape)
            part[:] = drawn if told or scale_inputs else drawn / 255
        episodes.legal[:] = episodes.filled[:] = True
        episodes.action[:] = rng.integers(0, 3, episodes.action.shape)
        episodes.reward[:] = rng.normal(size=episodes.reward.shape)
        assert isinstance(learner.replay, Replay)
        learned.append(learner.learn(episodes, rng)["loss"])
        assert learner.replay.draw(2, rng).episodes.obs.dtype == (np.uint8 if told else np.float32)
    assert learned[0] == pytest.approx(learned[1], rel=1e-5)


def test_bands_stay_within_what_runs_had():
    returns = np.array([[0.0, 250], [0, 250], [-40, 230], [5, 250], [0, 240]])
    steps = np.arange(2.0)
    lines = {}
    for seeds in (1, 2, 5):
        curve = Curve("vdn", tuple(range(seeds)), steps, returns[:seeds], 1.0)
        lines[seeds] = "\n".join(chart.lines([curve], lambda text, style: text))
        if seeds > 1:
            low, high = curve.band()
            assert (low >= returns[:seeds].min(axis=0)).all()
            assert (high <= returns[:seeds].max(axis=0)).all()
            assert (low <= curve.mean).all()
            assert (curve.mean <= high).all()
    assert "one seed: none" in lines[1]
    assert "lowest to highest" in lines[2]
    assert "250 to 250" in lines[2]
    assert "95% interval (bootstrap)" in lines[5]


def test_time_left_follows_the_pace_of_late():
    pace = Pace()
    told = [pace.left(t, 1000.0 * t, 100_000) for t in range(5)]  # the replay fills, at a thousand a second
    assert told == [None] * 5  # too early to say
    for t in range(5, 65):  # then learning begins: a hundred a second
        left = pace.left(t, 4000 + 100.0 * (t - 4), 100_000)
    assert left == pytest.approx((100_000 - 10_000) / 100, rel=0.01)
    assert Pace().left(0, 0, 1) is None


def test_agents_own_returns_are_told_apart():
    run = counterplay.train(
        "iql", "matrix_game(payoffs=(1, 1), shape=(2,))", steps=64, batch=4, warmup=4, test_episodes=2
    )
    assert "return_0" not in run.history[-1]
    run = counterplay.train("iql", "kuhn", steps=64, batch=4, warmup=4, test_episodes=4)
    row = run.history[-1]
    assert row["test_return"] == pytest.approx(row["test_return_0"] + row["test_return_1"]) == pytest.approx(0)
    figures = run_pages.evaluation_figures(run, run.evaluate(8), None)
    assert "return" not in figures
    assert [math.isfinite(agent["return"]) for agent in figures["agents"]] == [True, True]
    assert figures["sum"]["return"] == pytest.approx(sum(agent["return"] for agent in figures["agents"]))


def test_checks_are_of_what_was_played():
    """Arrays of an episode that has ended are not looked at again: its agents may have nothing to do."""

    class Uneven(Faulty):
        def step(self, actions):
            shown = super().step(actions)
            shown.terminated[0] = True
            shown.legal[0] = False
            shown.legal[0, :, 0] = True
            return shown

    class Any:
        def begin(self, batch):
            pass

        def act(self, step, rng, explore):
            return np.zeros(step.legal.shape[:2], np.int64)

    env = Uneven("")
    assert collect(env, Any(), np.random.default_rng(0)).steps == 6
