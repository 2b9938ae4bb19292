"""Simple spread beside mpe2's, step by step."""

import numpy as np
import pytest
from mpe2 import simple_spread_v3

from counterplay.games.envs.spread import Spread


def beside(task, seed, close=False):
    """Play one episode in both and compare everything at every step."""
    ours, rng = task.start(1), np.random.default_rng(seed + 1000)
    theirs = simple_spread_v3.parallel_env(
        N=task.agents, local_ratio=task.local_ratio, max_cycles=task.steps, continuous_actions=task.continuous
    )
    names = theirs.possible_agents
    seen, _ = theirs.reset(seed=seed)
    step = ours.reset(np.random.default_rng(seed))
    for _ in range(task.steps):
        np.testing.assert_allclose(step.obs[0], [seen[a] for a in names], rtol=0, atol=1e-5)
        np.testing.assert_allclose(step.state[0], theirs.state(), rtol=0, atol=1e-5)
        assert not step.truncated[0]
        # all together for a while, so that they collide
        if close:
            target = step.obs[0, :, 2:4].mean(axis=0) - step.obs[0, :, 2:4]
        else:
            target = rng.uniform(-1, 1, (task.agents, 2))
        if task.continuous:
            force = np.clip(target * 3, -1, 1)
            step = ours.step(force.astype(np.float32)[None])
            five = np.zeros((task.agents, 5), np.float32)
            five[:, 2], five[:, 1] = force[:, 0].clip(0), (-force[:, 0]).clip(0)
            five[:, 4], five[:, 3] = force[:, 1].clip(0), (-force[:, 1]).clip(0)
            chosen = dict(zip(names, five, strict=True))
        else:
            along = np.abs(target).argmax(axis=1)
            ahead = np.take_along_axis(target, along[:, None], 1)[:, 0] > 0
            actions = 1 + 2 * along + ahead
            actions[rng.random(task.agents) < 0.1] = 0
            step = ours.step(actions[None])
            chosen = dict(zip(names, actions.tolist(), strict=True))
        seen, rewards, terminated, truncated, _ = theirs.step(chosen)
        rewards = np.array([rewards[a] for a in names])
        np.testing.assert_allclose(step.reward[0], rewards.sum() if task.reward == "team" else rewards, atol=2e-5)
        assert not any(terminated.values())
        assert not step.terminated[0]
        assert step.truncated[0] == all(truncated.values())
    assert step.truncated[0]
    theirs.close()


@pytest.mark.nojit
@pytest.mark.parametrize("close", [False, True], ids=["apart", "close"])
@pytest.mark.parametrize(
    "task",
    [
        Spread(),
        Spread(agents=2, local_ratio=0.0, reward="individual"),
        Spread(agents=5, local_ratio=0.8, steps=40, reward="individual"),
        Spread(continuous=True),
        Spread(agents=5, local_ratio=0.3, reward="individual", continuous=True),
        Spread(agents=1, steps=5),
    ],
    ids=str,
)
def test_beside_mpe2(task, close):
    for seed in range(3):
        beside(task, seed, close)


def test_batches_are_their_episodes():
    task = Spread()
    many, few, rng = task.start(7), task.start(3), np.random.default_rng(5)
    a, b = many.reset(np.random.default_rng(1)), few.reset(np.random.default_rng(1))
    for _ in range(task.steps):
        actions = rng.integers(0, 5, (7, 3))
        np.testing.assert_array_equal(a.obs[:3], b.obs)
        a, b = many.step(actions), few.step(actions[:3])
        np.testing.assert_array_equal(a.reward[:3], b.reward)


def test_agents_on_one_spot_stay_numbers():
    env = Spread(agents=2).start(1)
    env.reset(np.random.default_rng(0))
    env.world.place[:] = 0.25
    for _ in range(3):
        step = env.step(np.zeros((1, 2), np.int64))
    assert np.isfinite(step.obs).all()
    assert np.isfinite(step.reward).all()


def test_picture():
    env = Spread(agents=2, steps=3).start(2)
    env.reset(np.random.default_rng(0))
    first = env.render(1)
    env.step(np.full((2, 2), 2))
    assert len(first.splitlines()) == len(env.render(1).splitlines()) == 24
    assert {"0", "1", "o"} <= set(first)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"agents": 0}, "agents must be 1 to 1000, not 0"),
        ({"local_ratio": 1.5}, "local_ratio must be 0 to 1"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"reward": "mine"}, "reward must be team or individual, not 'mine'"),
    ],
)
def test_bad_parameters(wrong, why):
    with pytest.raises(ValueError, match=why):
        Spread(**wrong)


@pytest.mark.parametrize("wrong", [np.zeros((1, 3)), np.full((1, 3, 2), np.nan), np.full((1, 3, 2), "left")])
def test_continuous_actions_that_do_not_fit(wrong):
    env = Spread(continuous=True).start(1)
    env.reset(np.random.default_rng(0))
    with pytest.raises(ValueError, match="actions must be 1 x 3 x 2 finite numbers, not 1 x 3"):
        env.step(wrong)


def test_forces_beyond_one_are_cut_off():
    near, far = (Spread(continuous=True).start(1) for _ in range(2))
    for env in (near, far):
        env.reset(np.random.default_rng(0))
    near.step(np.full((1, 3, 2), -1.0))
    np.testing.assert_array_equal(near.shown.obs, far.step(np.full((1, 3, 2), -7)).obs)
