"""PGPE: ranks and directions against definitions, and that it learns, whatever agents do."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # networks are small

from counterplay import train  # noqa: E402
from counterplay.agents.pgpe import directions, ranks  # noqa: E402


def test_ranks():
    np.testing.assert_allclose(ranks(np.array([[3.0, 1.0], [2.0, 10.0]])), [[1 / 6, -0.5], [-1 / 6, 0.5]])
    np.testing.assert_allclose(ranks(np.array([5.0, 5.0, 1.0])), [0.25, 0.25, -0.5])
    np.testing.assert_allclose(ranks(np.zeros(4)), 0)


def test_directions_one_parameter_after_another():
    rng = np.random.default_rng(0)
    noise, worth = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(2, 5))
    deviation = np.array([0.5, 1.0, 2.0], np.float32)
    centre, wide = directions(noise, worth, deviation)
    for p in range(3):
        s, b = float(deviation[p]), worth.mean()
        e = [s * float(noise[k, p]) for k in range(5)]
        up = sum(e[k] * (worth[0, k] - worth[1, k]) / 2 for k in range(5)) / 5
        more = sum(((worth[0, k] + worth[1, k]) / 2 - b) * (e[k] ** 2 - s**2) / s for k in range(5)) / 5
        assert centre[p] == pytest.approx(up, rel=1e-4, abs=1e-6)
        assert wide[p] == pytest.approx(more, rel=1e-4, abs=1e-6)


def test_each_policy_plays_its_own_episodes():
    """What a batch of policies says is what each says alone."""
    run = train("pgpe", "climbing(steps=2)", steps=1, pairs=3, episodes=2, hidden=8, test_every=10**6)
    learner, rng = run.learner, np.random.default_rng(0)
    drawn = torch.from_numpy(rng.normal(size=(6, len(learner.centre))).astype(np.float32))
    obs = rng.normal(size=(12, 2, run.task.spec.observation))
    whole = learner._said(obs, drawn)
    for k in range(6):
        alone = learner._said(obs[2 * k : 2 * k + 2], drawn[k : k + 1])
        np.testing.assert_allclose(whole[2 * k : 2 * k + 2], alone, atol=1e-5)


@pytest.mark.parametrize(
    ("env", "steps", "settings", "least"),
    [
        ("cartpole", 300_000, {"pairs": 16, "episodes": 2, "lr": 0.1, "deviation": 0.5}, 250),
        (
            "matrix_game(payoffs=(0, 1, 0, 0, 0, 2, 3, 0, 0), steps=3)",
            60_000,
            {"pairs": 16, "deviation": 0.5},
            6,
        ),  # a local best
    ],
)
def test_learns(env, steps, settings, least):
    run = train("pgpe", env, steps=steps, test_every=10**9, seed=1, hidden=16, **settings)
    assert run.history[-1]["test_return"] >= least


def test_pairs_begin_alike():
    """Two policies that hardly differ earn the same from the same start, and others from elsewhere do not."""
    settings = {"pairs": 6, "episodes": 2, "hidden": 8, "deviation": 1e-3}
    run = train("pgpe", "pendulum(steps=10)", steps=1, test_every=10**6, **settings)
    played = run.learner.collect(run.task, np.random.default_rng(3))
    above, below = played.returned.reshape(2, -1)
    assert np.abs(above - below).max() < 0.01 * above.std()
    assert len(np.unique(above)) == 12


def test_resumes_bit_for_bit(tmp_path):
    given = {"pairs": 4, "episodes": 1, "hidden": 8, "test_every": 10**6}
    whole = train("pgpe", "pendulum(steps=20)", steps=800, **given)
    train("pgpe", "pendulum(steps=20)", steps=320, out=tmp_path / "run", **given)
    resumed = train(resume=tmp_path / "run", steps=800)
    assert (whole.learner.centre == resumed.learner.centre).all()
    assert (whole.learner.deviation == resumed.learner.deviation).all()
