"""Environments of one agent beside Gymnasium's originals and plain Python, step by step."""

import math

import naive_envs
import numpy as np
import pytest

from counterplay.api.testing.teams_checked import held_against
from counterplay.engine.errors import UserError
from counterplay.games.envs import make_env

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # random numbers wrap around

GYMNASIUM = {
    "cartpole": "CartPole-v1",
    "pendulum": "Pendulum-v1",
    "mountain_car": "MountainCar-v0",
    "mountain_car(continuous=true)": "MountainCarContinuous-v0",
}
NAIVE = {
    "cartpole": naive_envs.NaiveCartPole,
    "pendulum": naive_envs.NaivePendulum,
    "mountain_car": naive_envs.NaiveMountainCar,
    "mountain_car(continuous=true)": naive_envs.NaiveMountainCar,
    "swing_up": naive_envs.NaiveSwingUp,
    "swing_up(hard=true)": naive_envs.NaiveSwingUp,
}


def skilled(text, now):
    """Return the action of somebody who can do it, or nearly so: episodes that end in every way."""
    if text == "cartpole":
        return int(now[2] + 0.5 * now[3] + 0.05 * now[0] + 0.1 * now[1] > 0)
    if text == "mountain_car":
        return 2 if now[1] >= 0 else 0
    if text.startswith("mountain_car"):
        return 1.0 if now[1] >= 0 else -1.0
    return float(np.clip(now[-1], -1, 1))


def act(text, now, rng, chance):
    spec = make_env(text).spec
    if rng.random() >= chance:
        return skilled(text, now)
    return float(np.float32(rng.uniform(-1, 1))) if spec.continuous else int(rng.integers(spec.actions))


def given(actions, spec):
    """Return an action an episode as environments take them."""
    return np.array(actions, np.float32).reshape(-1, 1, 1) if spec.continuous else np.array(actions).reshape(-1, 1)


@pytest.mark.nojit
@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("text", GYMNASIUM)
def test_beside_gymnasium(text, chance):
    """From the same state both go the same step: states to 1e-12, rewards and ends alike."""
    gymnasium = pytest.importorskip("gymnasium")
    theirs = gymnasium.make(GYMNASIUM[text], disable_env_checker=True)
    task, rng = make_env(text), np.random.default_rng(5)
    ours, ends = task.start(1), set()
    for seed in range(3):
        step, (seen, _) = ours.reset(np.random.default_rng(seed)), theirs.reset(seed=seed)
        np.testing.assert_array_equal(step.obs[0, 0], seen.astype(np.float32))
        assert task.spec.limit == theirs.spec.max_episode_steps
        while True:
            now = ours.played.now[0].copy()
            theirs.unwrapped.state = now.copy()
            action = act(text, now, rng, chance)
            step = ours.step(given([action], task.spec))
            torque = 2.0 if text == "pendulum" else 1.0
            chosen = np.array([torque * np.float32(action)], np.float64) if task.spec.continuous else action
            seen, reward, terminated, truncated, _ = theirs.step(chosen)
            state = np.array(theirs.unwrapped.state, np.float64)
            close = 1e-7 if "continuous" in text else 1e-12  # that one keeps 32 bits
            np.testing.assert_allclose(ours.played.now[0], state, rtol=close, atol=close)
            np.testing.assert_allclose(step.obs[0, 0], seen, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(step.reward[0], reward, rtol=1e-6, atol=1e-6)
            assert step.terminated[0] == terminated
            assert step.truncated[0] == (truncated and not terminated)
            if terminated or truncated:
                ends.add("terminated" if terminated else "truncated")
                break
    if chance in (0, 1):  # who can do it holds the pole and leaves the valley; chance does neither
        out = text != "pendulum" and (text == "cartpole") == (chance == 1)
        assert ends == {"terminated" if out else "truncated"}


@pytest.mark.parametrize("text", GYMNASIUM)
def test_whole_episodes_beside_gymnasium(text):
    """Left to themselves, both play the same episode from the same seed."""
    gymnasium = pytest.importorskip("gymnasium")
    theirs, task = gymnasium.make(GYMNASIUM[text], disable_env_checker=True), make_env(text)
    ours, rng = task.start(1), np.random.default_rng(6)
    for seed in range(5):
        step, (seen, _) = ours.reset(np.random.default_rng(seed)), theirs.reset(seed=seed)
        for _ in range(100):
            action = act(text, ours.played.now[0], rng, 0.5)
            step = ours.step(given([action], task.spec))
            torque = 2.0 if text == "pendulum" else 1.0
            chosen = np.array([torque * action], np.float32) if task.spec.continuous else action
            seen, _, terminated, truncated, _ = theirs.step(chosen)
            np.testing.assert_allclose(step.obs[0, 0], seen, rtol=1e-4, atol=1e-4)
            assert (step.terminated[0], step.truncated[0]) == (terminated, truncated)
            if terminated or truncated:
                break


@pytest.mark.nojit
@pytest.mark.parametrize("text", NAIVE)
def test_step_by_step(text):
    task, rng, limit = make_env(text), np.random.default_rng(3), 120
    env, ended = task.start(4), np.zeros(4, bool)
    step = env.reset(np.random.default_rng(1))
    peers = [NAIVE[text](task, now) for now in env.played.now]
    for _ in range(limit):
        for b, peer in enumerate(peers):
            np.testing.assert_allclose(step.obs[b, 0], peer.obs(), rtol=1e-6, atol=1e-6)
        before = env.played.now.copy()
        acts = [act(text, now, rng, 0.4) for now in before]
        step = env.step(given(acts, task.spec))
        for b in np.flatnonzero(~ended):
            peers[b].now = before[b].tolist()
            reward, terminated, truncated = peers[b].step(
                float(np.float32(acts[b])) if task.spec.continuous else acts[b]
            )
            np.testing.assert_allclose(env.played.now[b], peers[b].now, rtol=1e-11, atol=1e-11)
            np.testing.assert_allclose(step.reward[b], reward, rtol=1e-6, atol=1e-6)
            assert (step.terminated[b], step.truncated[b]) == (terminated, truncated)
        ended = step.terminated | step.truncated


def test_truncation_is_not_termination():
    """A pole that falls in the last step has fallen; one that stands has not, and its state has a value."""
    env = make_env("cartpole(steps=3)").start(2)
    env.reset(np.random.default_rng(0))
    for _ in range(2):
        env.step(np.array([[1], [0]]))
    env.played.now[0, 2:] = 0.2094, 5.0  # just under 12 degrees, and falling
    step = env.step(np.array([[1], [0]]))
    assert step.terminated.tolist() == [True, False]
    assert step.truncated.tolist() == [False, True]
    assert step.reward.tolist() == [1, 1]


def test_cartpole_falls_at_12_degrees_and_ends_at_2_4():
    env = make_env("cartpole").start(4)
    env.reset(np.random.default_rng(0))
    edge, lean = 2.4, 24 * math.pi / 360
    env.played.now[:] = [(edge, 0, 0, 0), (edge, 1e-9, 0, 0), (0, 0, -lean, 0), (0, 0, -lean, -1e-9)]
    assert env.step(np.zeros((4, 1), np.int64)).terminated.tolist() == [False, True, False, True]


def test_swing_up_begins_as_evojax_has_it():
    easy, hard = (make_env(text).start(20_000) for text in ("swing_up", "swing_up(hard=true)"))
    for env in (easy, hard):
        env.reset(np.random.default_rng(0))
    np.testing.assert_allclose(easy.played.now.mean(axis=0), (0, 0, math.pi, 0), atol=0.01)
    np.testing.assert_allclose(easy.played.now.std(axis=0), 0.2, atol=0.01)
    reach = np.array((2.4, 10, math.pi / 2, 10))
    off = (hard.played.now - (0, 0, math.pi, 0)) / reach
    assert np.abs(off).max() <= 1
    np.testing.assert_allclose(off.std(axis=0), 3**-0.5, atol=0.01)


@pytest.mark.nojit
@pytest.mark.parametrize("text", ["corridor(length=5)", "corridor(length=7, crumb=0.2, mixed=true, steps=30)"])
def test_corridor_step_by_step(text):
    task, draw = make_env(text), np.random.default_rng(2)
    exchanged = [0, 2, 5] if task.mixed else []
    assert np.flatnonzero(task.on == 0).tolist() == exchanged
    rewards = held_against(
        task,
        lambda task, seed: naive_envs.NaiveCorridor(task, seed, exchanged),
        20,
        3,
        lambda step: draw.integers(0, 2, (20, 1)),
    )
    assert set(rewards) == {0.0, 1.0, float(np.float32(task.crumb))}


@pytest.mark.parametrize("text", ["corridor", "corridor(length=3)", "corridor(length=30, mixed=true)"])
def test_the_corridor_pays_11_at_best(text):
    task = make_env(text)
    env, total = task.start(1), 0.0
    step = env.reset(np.random.default_rng(0))
    while not step.truncated[0]:
        step = env.step(task.on[None, None, int(step.obs.sum()) - 1])
        total += step.reward[0]
    assert total == 11
    assert 0.4 < task.on.mean() <= 1


@pytest.mark.nojit
@pytest.mark.parametrize("text", ["watch_repair(steps=12)", "watch_repair(steps=1)"])
def test_watch_repair_step_by_step(text):
    draw = np.random.default_rng(2)

    def choose(step):
        return np.argmax(draw.random(step.legal.shape) * step.legal, axis=-1)

    rewards = held_against(make_env(text), naive_envs.NaiveWatchRepair, 40, 3, choose)
    assert min(rewards) <= 0 < max(rewards)


def test_watches_worth_repairing():
    """What repairing earns by brand: the means of the authors' numbers, and that the deviations are deviations."""
    env, total = make_env("watch_repair").start(60_000), np.zeros(60_000)
    step = env.reset(np.random.default_rng(0))
    brand = step.obs[:, 0, 3:7].argmax(axis=1)
    step = env.step(np.zeros((60_000, 1), np.int64))
    at_once = step.reward.copy()
    total += step.reward
    while not step.terminated.all():
        assert not step.legal[:, 0, 0].any()
        step = env.step(np.ones((60_000, 1), np.int64))
        total += step.reward
    for k, (mean, repair, deviation) in enumerate(((-1.5, 1, 2), (3.5, 4, 2), (3.5, 5, 2), (-1.5, 24.5, 1))):
        mine = total[brand == k]
        assert abs(mine.mean() - mean) < 5 * mine.std() / len(mine) ** 0.5
        np.testing.assert_allclose(at_once[brand == k].mean(), -repair, atol=0.1)
        np.testing.assert_allclose(at_once[brand == k].std(), deviation, rtol=0.03)
    np.testing.assert_allclose(step.obs[:, 0, 1:3].mean(axis=0), (5, 2.5), atol=0.05)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cartpole(steps=0)", "steps must be 1 to 1,000,000,000"),
        ("pendulum(steps=0)", "steps must be 1 to 1,000,000,000"),
        ("swing_up(steps=0)", "steps must be 1 to 1,000,000,000"),
        ("mountain_car(steps=-1)", "or 0 for Gymnasium's, not -1"),
        ("corridor(length=2)", "length must be 3 to 100,000, not 2"),
        ("corridor(crumb=1)", "crumb must be at least 0 and less than 1"),
        ("corridor(steps=-1)", "or 0 for length"),
        ("watch_repair(steps=0)", "steps must be 1 to 10,000"),
    ],
)
def test_refused(text, why):
    with pytest.raises(UserError, match=why):
        make_env(text)
