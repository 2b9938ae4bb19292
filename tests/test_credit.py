"""RUDDER: what is paid is what was earned, where it was earned."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from counterplay import train  # noqa: E402
from counterplay.agents.credit import Decomposition, earned, shares  # noqa: E402
from counterplay.agents.rollout import Episodes  # noqa: E402
from counterplay.engine.env import EnvSpec  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402

torch.set_num_threads(1)  # networks are small

SPEC = EnvSpec(agents=1, actions=2, observation=3, state=3, limit=12)


def delayed(rng, many, steps=12):
    """Return episodes in which what was done in step 2 is paid at the end, with noise."""
    action = rng.integers(0, 2, (many, steps, 1))
    state = rng.normal(size=(many, steps + 1, 3)).astype(np.float32)
    state[..., 0] = np.arange(steps + 1) == 2
    reward = np.zeros((many, steps), np.float32)
    reward[:, -1] = 5 * action[:, 2, 0] + rng.normal(size=many) * 0.3
    filled, ended = np.ones((many, steps), bool), np.zeros((many, steps), bool)
    ended[:, -1] = True
    legal = np.ones((many, steps + 1, 1, 2), bool)
    return Episodes(state[:, :, None], state, legal, action, reward, ended, filled)


def test_shares_add_up_and_follow_what_is_said():
    said = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, -1.0, 9.0, 9.0]], np.float32)
    filled = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)
    paid, error = shares(said, np.array([12.0, 7.0]), filled, mean=10.0, deviation=2.0)
    np.testing.assert_allclose(paid.sum(axis=1), [12, 7])
    np.testing.assert_allclose(paid[0], [2.5, 2.5, 4.5, 2.5])  # the mean is shared by all; the third step earned 2 more
    np.testing.assert_allclose(paid[1], [4.5, 2.5, 0, 0])  # said 8, and 7 it was: each bears half of that
    assert error == pytest.approx((0 + 1) / 2 / 4)


def test_the_step_that_earns_is_paid():
    torch.manual_seed(0)
    rng, credit = np.random.default_rng(0), Decomposition(SPEC, updates=20)
    for _ in range(30):
        found, error = credit.redistribute(delayed(rng, 32), rng)
    episodes = delayed(rng, 64)
    found, _ = credit.redistribute(episodes, rng)
    assert error < 0.1
    np.testing.assert_allclose(found.reward.sum(axis=1), earned(episodes), atol=1e-3)
    right = episodes.action[:, 2, 0] == 1
    apart = found.reward[right].mean(axis=0) - found.reward[~right].mean(axis=0)
    assert apart[2] > 4
    assert np.abs(np.delete(apart, 2)).max() < 0.5


@pytest.mark.parametrize("learner", ["ippo", "pqn", "iql"])
def test_learners_resume_bit_for_bit(learner, tmp_path):
    given = {"credit": "rudder", "envs": 4, "hidden": 8, "credit_updates": 2, "test_every": 10**6, "preset": "none"}
    given |= {"batch": 4, "warmup": 4} if learner == "iql" else {}
    whole = train(learner, "watch_repair(steps=5)", steps=200, **given)
    train(learner, "watch_repair(steps=5)", steps=100, out=tmp_path / "run", **given)
    resumed = train(resume=tmp_path / "run", steps=200)
    for name, part in whole.learner.networks.state_dict().items():
        assert torch.equal(part, resumed.learner.networks.state_dict()[name]), name
    assert "credit_error" in whole.history[-1]


def test_refusals():
    with pytest.raises(UserError, match="credit must be none or rudder, not 'luck'"):
        train("ippo", "cartpole", steps=10, credit="luck")
    with pytest.raises(UserError, match="credit=rudder reads whole episodes"):
        train("ippo", "cartpole", steps=10, credit="rudder", rollout=5)
    with pytest.raises(UserError, match="shares out one return"):
        train("ippo", "kuhn", steps=10, credit="rudder")
