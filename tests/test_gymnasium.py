"""Environments of Gymnasium, of one agent and of several as tuples, beside themselves played directly."""

import re

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import counterplay
from counterplay.engine.env import random_actions
from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.adopt import as_task
from counterplay.games.foreign.gymnasium import imports_own
from counterplay.games.foreign.pettingzoo import from_parallel


def directly(make, seeds, played):
    """Play an environment of several agents by these actions; return what each step showed and paid."""
    told = []
    for seed, actions in zip(seeds, np.moveaxis(played, 1, 0), strict=True):
        env = make()
        seen, _ = env.reset(seed=int(seed))
        steps = [(seen, [0.0] * len(seen), False)]
        for chosen in actions:
            seen, rewards, over, late, _ = env.step(tuple(chosen.tolist()))
            steps.append((seen, rewards, over or late))
            if over or late:
                break
        told.append(steps)
    return told


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_lbforaging_through_the_adapter(workers):
    pytest.importorskip("lbforaging")
    text = (
        f"gymnasium:lbforaging:Foraging-5x5-2p-1f-coop-v3(max_episode_steps=20, reward=individual, workers={workers})"
    )
    task = make_env(text)
    assert task.spec.limit == 20
    assert (task.spec.agents, task.spec.actions, task.spec.observation) == (2, 6, 9)
    env, rng = task.start(3), np.random.default_rng(0)
    step = env.reset(np.random.default_rng(5))
    shown, played = [(step.obs.copy(), step.reward.copy(), np.zeros(3, bool))], []
    while not (step.terminated | step.truncated).all():
        played.append(random_actions(env.spec, step, rng))
        step = env.step(played[-1])
        shown.append((step.obs.copy(), step.reward.copy(), step.terminated | step.truncated))
    seeds = np.random.default_rng(5).integers(0, 2**31, 3)
    name = "Foraging-5x5-2p-1f-coop-v3"
    make = lambda: gymnasium.make(name, disable_env_checker=True, max_episode_steps=20)  # noqa: E731
    for b, steps in enumerate(directly(make, seeds, np.array(played))):
        for (obs, reward, over), (seen, paid, ended) in zip(shown, steps, strict=False):
            assert np.array_equal(obs[b], np.stack(seen))
            assert np.allclose(reward[b], paid)
            assert over[b] == ended


def test_names():
    task = make_env("gymnasium:CartPole-v1(sutton_barto_reward=true, limit=30)")
    assert spec_of(task) == "gymnasium:CartPole-v1(sutton_barto_reward=true, limit=30)"
    assert make_env(spec_of(task)) == task
    assert (task.spec.agents, task.spec.limit, task.spec.team) == (1, 30, True)
    assert spec_of(make_env("gymnasium:rware:rware-tiny-2ag-v2")) == "gymnasium:rware:rware-tiny-2ag-v2"
    assert not imports_own("gymnasium:rware:rware-tiny-2ag-v2")
    assert not imports_own("gymnasium:CartPole-v1")
    assert imports_own("gymnasium:mine:Mine-v0")


def test_an_object_is_taken_too():
    task = as_task(gymnasium.make("CartPole-v1"))
    env = task.start(2)
    step = env.reset(np.random.default_rng(0))
    assert step.obs.shape == (2, 1, 4)
    assert env.step(np.zeros((2, 1), np.int64)).reward.tolist() == [1, 1]


@pytest.mark.slow
def test_learners_learn_in_it():
    run = counterplay.train("iql", "gymnasium:FrozenLake-v1", steps=300, batch=8, warmup=8)
    assert run.env == "gymnasium:FrozenLake-v1"


class Pair(gymnasium.Env):
    """Two agents with masks; says what its parameter tells it to say."""

    action_space = spaces.Tuple([spaces.Discrete(3), spaces.Discrete(3)])
    observation_space = spaces.Tuple([spaces.Box(-1, 1, (2,)), spaces.Discrete(4)])
    max_steps = 5

    def __init__(self, fault=""):
        self.fault = fault

    def reset(self, seed=None, options=None):
        self.t = 0
        seen = (np.zeros(2, np.float32), 1)
        return seen[0] if self.fault == "old" else (seen, {"action_mask": [[1, 0, 1], [0, 1, 1]]})

    def step(self, actions):
        self.t += 1
        rewards = [1.0] if self.fault == "rewards" else [float(a) for a in actions]
        over = [self.t > 1, self.t > 2] if self.fault == "each" else self.t > 2
        seen = (np.full(2, 0.5, np.float32), 3)
        answer = seen, rewards, over, False, {"action_mask": [[1, 1, 1], [1, 0, 0]]}
        return answer[:4] if self.fault == "four" else answer


def test_masks_and_ends():
    for fault in ("", "each"):
        env = from_parallel(lambda fault=fault: Pair(fault), reward="individual", pad=True, workers=0).start(1)
        step = env.reset(np.random.default_rng(0))
        assert step.legal[0].tolist() == [[True, False, True], [False, True, True]]
        assert step.obs[0].tolist() == [[0, 0, 0, 0], [0, 1, 0, 0]]
        for t in range(3):
            step = env.step(np.array([[2, 1]]) if t == 0 else np.array([[1, 0]]))
            assert step.reward[0].tolist() == [[2, 1], [1, 0], [1, 0]][t]
        assert step.terminated[0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("gymnasium:NoSuch-v0", "Gymnasium knows no 'NoSuch-v0'; name the module that registers it"),
        ("gymnasium:os:NoSuch-v0", "'os' is no module of a Gymnasium environment"),
        ("gymnasium:no_such_module:NoSuch-v0", "cannot import 'no_such_module' for no_such_module:NoSuch-v0"),
        ("gymnasium:", "write an id such as gymnasium:rware:rware-tiny-2ag-v2"),
        ("gymnasium:CartPole-v1(limit=many)", "limit must be an integer, not 'many'"),
    ],
)
def test_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_env(text).spec  # noqa: B018


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("old", "reset() has to return observations and an info"),
        ("four", "step() has to return observations, rewards, terminated, truncated and an info"),
        ("rewards", "rewards have to be one for each of 2 agents, not list"),
    ],
)
def test_what_an_environment_answers_is_checked(fault, complaint):
    env = from_parallel(lambda: Pair(fault), reward="individual", pad=True, limit=5, workers=0)

    def play():
        started = env.start(1)
        started.reset(np.random.default_rng(0))
        started.step(np.array([[2, 1]]))

    with pytest.raises(ValueError, match=re.escape(complaint)):
        play()
