"""The skirmish beside plain Python, step by step, and what follows from its rules."""

import numpy as np
import pytest
from naive_skirmish import NaiveSkirmish

from counterplay.engine.env import random_actions
from counterplay.games.envs import make_env
from counterplay.games.envs.skirmish import Skirmish


def eager(task, seed, share=0.7):
    """Return what chooses at random, but mostly attacks where it may."""
    draw = np.random.default_rng(seed)

    def choose(step):
        actions = random_actions(task.spec, step, draw)
        aims = step.legal[..., 6:]
        chosen = 6 + (draw.random(aims.shape) * aims).argmax(axis=-1)
        toward = np.where(step.legal[..., 4] & (draw.random(actions.shape) < 0.5), 4, actions)  # east
        return np.where(aims.any(axis=-1) & (draw.random(actions.shape) < share), chosen, toward)

    return choose


def play(task, batch, seed):
    """Play a batch beside plain Python; return the episodes' returns."""
    env, choose = task.start(batch), eager(task, seed)
    step = env.reset(np.random.default_rng(seed))
    peers = [NaiveSkirmish(task, state) for state in np.random.default_rng(seed).integers(0, 2**64, batch, np.uint64)]
    total, ended = np.zeros(batch), np.zeros(batch, bool)
    while True:
        for b, peer in enumerate(peers):
            assert step.legal[b].tolist() == peer.legal()
            assert np.allclose(step.obs[b], peer.obs(), rtol=0, atol=1e-6)
            assert np.allclose(step.state[b], peer.state(), rtol=0, atol=1e-6)
        if ended.all():
            return total
        actions = choose(step)
        step = env.step(actions)
        total += step.reward
        for b in np.flatnonzero(~ended):
            reward, *over = peers[b].step(actions[b])
            assert abs(reward - step.reward[b]) < 1e-6
            assert [step.terminated[b], step.truncated[b]] == over
        ended = step.terminated | step.truncated


@pytest.mark.nojit
@pytest.mark.parametrize(
    "units", ["3m", "2s3z", "5m_vs_6m", "1m1M1s1z1l1h", "8m", "3s_vs_5z", "1s1z_vs_2l1h", "1h_vs_9l"]
)
def test_step_by_step(units):
    returns = play(Skirmish(units), 12, 4)
    assert returns.max() > 0


def test_equal_sides_win_now_and_then_and_a_victory_is_worth_two():
    task = Skirmish()
    env, choose = task.start(500), eager(task, 1, share=1.0)
    step, total = env.reset(np.random.default_rng(0)), np.zeros(500)
    while not (step.terminated | step.truncated).all():
        step = env.step(choose(step))
        total += step.reward
    stands = step.state.reshape(500, -1)[:, : 6 * 10].reshape(500, 6, 10)[..., 0] > 0
    won = stands[:, :3].any(axis=1) & ~stands[:, 3:].any(axis=1)
    assert np.allclose(total[won], 2, atol=1e-5)
    assert (total[~won] < 1.01).all()
    assert 0 < won.mean() < 0.5


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("skirmish(units='3x')", "units must be such as 3m, 2s3z or 5m_vs_6m"),
        ("skirmish(units='3m_vs_')", "units must be such as"),
        ("skirmish(units='3m_vs_3m_vs_3m')", "units must be such as"),
        ("skirmish(units='99m')", "a side of units has 64 at most"),
        ("skirmish(steps=0)", "steps must be 1 to 1,000,000,000"),
    ],
)
def test_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_env(text)
