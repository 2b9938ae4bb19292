"""Exploring: by values, counts, parameters and novelty. On a corridor they find what chance does not."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # networks are small

from counterplay import train  # noqa: E402
from counterplay.agents import find  # noqa: E402
from counterplay.agents.exploring import _divergence  # noqa: E402
from counterplay.agents.novelty import Counts, Hash, Surprise  # noqa: E402
from counterplay.engine.env import EnvSpec, blank  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402

SPEC = EnvSpec(agents=2, actions=3, observation=4, state=4, limit=5)


def learner_of(spec=SPEC, **settings):
    entry = find("iql")
    return entry.make(spec, entry.with_settings({"hidden": 8, **settings}), 0)


def shown(batch=400):
    step = blank(SPEC, batch)
    step.obs[:] = np.random.default_rng(0).normal(size=(1, 2, 4))
    step.legal[:, :, 1] = False
    return step


def test_boltzmann_draws_by_the_values():
    learner, step = learner_of(explore="boltzmann", temperature=0.5), shown(20_000)
    learner.begin(20_000)
    values = learner.outputs(step)[0]
    chosen = learner.act(step, np.random.default_rng(1), explore=True)
    for n in range(2):
        odds = np.exp(values[n] / 0.5) * [1, 0, 1]
        found = np.bincount(chosen[:, n], minlength=3) / 20_000
        np.testing.assert_allclose(found, odds / odds.sum(), atol=0.02)


def test_counts_of_actions_even_out():
    """With a large confidence each legal action is played as often as the others, wherever values are."""
    learner, rng = learner_of(explore="ucb", confidence=1000.0), np.random.default_rng(0)
    learner.begin(1)
    found = np.array([learner.act(shown(1), rng, explore=True)[0] for _ in range(200)])
    for n in range(2):
        counts = np.bincount(found[:, n], minlength=3)
        assert counts[1] == 0
        assert abs(counts[0] - counts[2]) <= 2


def test_disturbed_parameters_are_as_far_as_they_should_be():
    """The deviation adapts until disturbed policies differ as much as epsilon-greedy ones do."""
    learner, rng = learner_of(explore="parameters", epsilon_start=0.3, epsilon_end=0.3), np.random.default_rng(0)
    step = shown(64)
    step.obs[:] = rng.normal(size=step.obs.shape)
    learner.begin(64)
    apart = []
    for _ in range(200):
        learner.act(step, rng, explore=True)
        apart.append(learner.explorer.apart / learner.explorer.seen)
        learner.explorer.learned()
    assert np.median(apart[-50:]) == pytest.approx(-math.log(1 - 0.3 + 0.3 / 3), rel=0.5)
    plain = learner.outputs(step)
    assert _divergence(plain, plain, step.legal) == 0
    greedy = np.where(step.legal, plain, -np.inf).argmax(axis=-1)
    assert (learner.act(step, rng, explore=False) == greedy).all()


def test_novelty_falls_with_what_was_seen():
    rng = np.random.default_rng(0)
    obs, other = rng.normal(size=(1, 2, 4)), rng.normal(size=(1, 2, 4)) * 3
    counts = Counts(SPEC)
    first = [counts.of(obs)[0] for _ in range(9)]
    np.testing.assert_allclose(np.array(first)[:, 0], 1 / np.sqrt(np.arange(1, 10)), rtol=1e-6)
    assert counts.of(other).max() == 1
    torch.manual_seed(0)
    surprise = Surprise(SPEC)
    many = np.concatenate([obs, rng.normal(size=(63, 2, 4))])
    rewards = [surprise.of(many).mean() for _ in range(300)]
    assert rewards[-1] < 0.5 * np.mean(rewards[1:10])


def test_observations_are_told_apart():
    places = Hash(50).place(np.tril(np.ones((50, 50)))[:, None], np.zeros(1, np.int64))
    assert len(np.unique(places)) >= 44
    both = Hash(4).place(np.ones((1, 2, 4)), np.arange(2))
    assert both[0, 0] != both[0, 1]


@pytest.mark.parametrize(
    "settings",
    [
        {"explore": "boltzmann"},
        {"explore": "ucb"},
        {"explore": "parameters"},
        {"novelty": "counts"},
        {"novelty": "rnd", "explore": "ucb"},
    ],
)
@pytest.mark.parametrize("learner", ["vdn", "pqn"])
def test_resumes_bit_for_bit(learner, settings, tmp_path):
    given = {"hidden": 8, "envs": 4, "test_every": 10**6, "preset": "none", **settings}
    given |= {"batch": 4, "warmup": 4} if learner == "vdn" else {}
    whole = train(learner, "climbing(steps=4)", steps=320, **given)
    train(learner, "climbing(steps=4)", steps=160, out=tmp_path / "run", **given)
    resumed = train(resume=tmp_path / "run", steps=320)
    for name, part in whole.learner.networks.state_dict().items():
        assert torch.equal(part, resumed.learner.networks.state_dict()[name]), name


def test_every_learner_is_paid_for_the_new():
    """What is paid for the new is learned from and not reported."""
    for learner in ("ippo", "coma", "qmix", "wqmix"):
        run = train(learner, "climbing(steps=2)", steps=64, novelty="counts", curiosity=1e3, test_every=10**6)
        assert abs(run.history[-1]["return"]) < 200


def test_refusals():
    with pytest.raises(UserError, match="explore must be epsilon, boltzmann, ucb, parameters, not 'luck'"):
        learner_of(explore="luck")
    with pytest.raises(UserError, match="novelty must be none, counts or rnd, not 'luck'"):
        learner_of(novelty="luck")
    with pytest.raises(UserError, match="explore=parameters is for agents without memory"):
        learner_of(explore="parameters", recurrent=True)
