"""PQN: targets and loss against a slow oracle; it learns alone, in teams and from pieces of episodes, and resumes."""

from dataclasses import replace

import naive_learners as naive
import numpy as np
import pytest
import torch
from test_q_learning import SPEC

from counterplay import train
from counterplay.agents import find
from counterplay.agents.nn.norm_chain import answers

PARTS = {
    "alone": {},
    "sum": {"mixer": "vdn", "td_lambda": 0.9},
    "mix": {"mixer": "qmix", "gamma": 0.8},
    "recurrent": {"recurrent": True, "last_action": True, "mixer": "vdn"},
    "one step": {"td_lambda": 0.0},
}


def learned(part):
    rng = np.random.default_rng(len(part))
    entry = find("pqn")
    learner = entry.make(SPEC, entry.with_settings({"hidden": 8, "body": "mlp", **PARTS[part]}), 1)
    episodes = naive.random_episodes(rng, SPEC, 6)
    learner.scales.learn(episodes)
    return learner, learner.batch(episodes, np.ones(6, np.float32))


def pqn_loss(learner, batch):
    """Return the mean squared error of lambda-returns of the best values that follow (Gallici et al. 2024)."""
    settings, agents = learner.settings, range(learner.spec.agents)
    total, count = 0.0, 0
    for _, length, obs, last, states, legal, action, reward, terminated in naive.episodes_of(batch):
        _, values = naive.agents_of(learner.networks["agents"], obs, last)
        best = [[values[t][n][naive.best_legal(values[t][n], legal[t][n])] for n in agents] for t in range(length + 1)]
        now = [[values[t][n][action[t][n]] for n in agents] for t in range(length)]
        facts = reward, terminated, settings.gamma, settings.td_lambda
        if settings.mixer == "none":
            goals = [
                naive.lambda_returns(facts[0], [best[t + 1][n] for t in range(length)], *facts[1:]) for n in agents
            ]
            errors = [now[t][n] - goals[n][t] for t in range(length) for n in agents]
        else:
            mixer = learner.networks["mixer"]
            mix = [naive.mixed(settings.mixer, mixer, best[t + 1], states[t + 1]) for t in range(length)]
            goal = naive.lambda_returns(facts[0], mix, *facts[1:])
            errors = [naive.mixed(settings.mixer, mixer, now[t], states[t]) - goal[t] for t in range(length)]
        total, count = total + sum(e * e for e in errors), count + len(errors)
    return total / count


@pytest.mark.parametrize("part", PARTS)
def test_loss(part):
    learner, batch = learned(part)
    loss, _ = learner.loss(batch, learner.target(batch))
    assert loss.item() == pytest.approx(pqn_loss(learner, batch), rel=1e-4)


@pytest.mark.parametrize("lives", [False, True])
@pytest.mark.parametrize("minibatches", [1, 3])
def test_minibatches_in_one_kernel_are_those_one_by_one(lives, minibatches):
    """Parameters, figures and counters; and agents say in play what their network does."""
    entry, rng = find("pqn"), np.random.default_rng(minibatches)
    spec = replace(SPEC, lives=lives)
    given = {"hidden": 19, "ids": False, "minibatches": minibatches, "lr": 0.01, "clip": 1.0}
    fast, slow = (entry.make(spec, entry.with_settings(given), 1) for _ in range(2))
    slow._laid = None
    for _ in range(2):
        episodes = naive.random_episodes(rng, spec, 7)
        figures = [learner.learn(episodes, np.random.default_rng(5)) for learner in (fast, slow)]
        assert figures[0] == pytest.approx(figures[1], rel=1e-4)
    assert (fast.updates, fast.optimiser.count) == (slow.updates, slow.optimiser.count) == (4 * minibatches,) * 2
    assert fast._laid is not None
    for mine, theirs in zip(fast.optimiser.vectors(), slow.optimiser.vectors(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-3)
    shown = torch.from_numpy(rng.normal(size=(300, spec.agents, spec.observation)).astype(np.float32))
    np.testing.assert_allclose(answers(fast._laid, shown), fast.agents(shown)[0].detach(), atol=1e-5)


@pytest.mark.parametrize(("settings", "whole"), [
    ({"ids": False}, True),
    ({}, False),  # which agent it is adds to the hidden layer
    ({"ids": False, "shared": False}, False),
    ({"ids": False, "last_action": True}, False),
    ({"ids": False, "body": "mlp"}, False),
])  # fmt: skip
def test_which_agents_are_one_kernel(settings, whole):
    entry = find("pqn")
    learner = entry.make(SPEC, entry.with_settings({"hidden": 8, **settings}), 1)
    assert (learner._laid is not None) == whole


@pytest.mark.parametrize(("env", "settings", "best"), [
    ("climbing(steps=1)", {"gamma": 0.0, "mixer": "none"}, None),
    ("matrix_game(payoffs=(0, 1, 0, 0, 0, 2, 3, 0, 0), steps=3)", {"mixer": "vdn"}, 9),
    ("cartpole", {"rollout": 16}, None),
])  # fmt: skip
def test_learns_and_resumes(env, settings, best, tmp_path):
    given = {"lr": 5e-3, "hidden": 16, "epsilon_steps": 3000, "seed": 1, "test_every": 10**6, **settings}
    whole = train("pqn", env, steps=5000, **given)
    train("pqn", env, steps=2000, out=tmp_path / "run", **given)
    resumed = train(resume=tmp_path / "run", steps=5000)
    for name, part in whole.learner.networks.state_dict().items():
        assert torch.equal(part, resumed.learner.networks.state_dict()[name]), name
    assert best is None or whole.history[-1]["test_return"] == best


def test_refusals():
    with pytest.raises(ValueError, match="agents that remember"):
        find("pqn").with_settings({"rollout": 8, "body": "lstm"})
    with pytest.raises(ValueError, match="pqn learns from one reward for the team"):
        train("pqn", "kuhn", steps=10, mixer="vdn")
