"""QTRAN: losses against a slow oracle, and on its matrix game the published answer with theorem 1's conditions."""

from itertools import product

import naive_learners as naive
import numpy as np
import pytest
import torch
from test_q_learning import SPEC, drawn

from counterplay.agents import find
from counterplay.agents.run import begin
from counterplay.api.training import advance
from counterplay.engine.env import EnvSpec
from counterplay.games.envs import make_env

PAYOFFS = np.array([[8.0, -12.0, -12.0], [-12.0, 0.0, 0.0], [-12.0, 0.0, 0.0]])
UNIFORM = {"epsilon_end": 1.0, "scale_rewards": False, "lr": 2e-3, "batch": 64, "warmup": 64, "updates": 0.25}

PARTS = {
    "plain": {"double": False},
    "double": {},
    "features": {"joint": "features", "dueling": True},
    "recurrent": {"joint": "features", "recurrent": True, "last_action": True},
    "separate": {"joint": "features", "shared": False},
    "n-step": {"n_step": 3, "gamma": 0.9, "opt": 0.5, "nopt": 0.1},
    "priorities": {"priority": 0.6, "td_lambda": 0.6},
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["qtran", "qtran_alt"])
@pytest.mark.parametrize("agents", [2, 3])
@pytest.mark.parametrize("lives", [False, True])
def test_loss(name, part, agents, lives):
    spec = EnvSpec(agents, SPEC.actions, SPEC.observation, SPEC.state, SPEC.limit, lives=lives)
    learner, batch = drawn(name, spec, {"joint_hidden": 8} | PARTS[part], seed=len(part))
    loss, _, figures = learner.loss(batch)
    td, opt, nopt = naive.qtran_parts(learner, batch)
    assert [figures[each].item() for each in ("td", "opt", "nopt")] == pytest.approx([td, opt, nopt], rel=1e-4)
    settings = learner.settings
    assert loss.item() == pytest.approx(td + settings.opt * opt + settings.nopt * nopt, rel=1e-4)


def test_joint_value_does_not_follow_the_agents():
    """The constraints move the agents' values and the state's; the joint value learns from the TD error alone."""
    for name in ("qtran", "qtran_alt"):
        learner, batch = drawn(name, SPEC, {})
        _, _, figures = learner.loss(batch)
        assert not any(figure.requires_grad for figure in figures.values())
        gradients = {}
        for opt in (0.0, 1.0):
            learner, batch = drawn(name, SPEC, {"opt": opt, "nopt": opt})
            learner.loss(batch)[0].backward()
            gradients[opt] = {part: [p.grad for p in learner.networks[part].parameters()] for part in learner.networks}
        assert all(map(torch.equal, gradients[0.0]["joint"], gradients[1.0]["joint"]))
        assert all(g is None or not g.any() for g in gradients[0.0]["agents"])
        assert any(g.any() for g in gradients[1.0]["agents"])


def values_of(learner):
    """Return the agents' values [2, 3], the joint value [3, 3] and the state's, in the one state of the game."""
    obs, states = np.zeros((1, 2, 2)), np.zeros(4)
    _, values = naive.agents_of(learner.agents, obs, np.full((1, 2), -1))
    joint = np.zeros((3, 3))
    for action in product(range(3), repeat=2):
        found = naive.joint_value(learner.networks["joint"], states, action, None)
        joint[action] = found if np.ndim(found) == 0 else np.mean([found[i][action[i]] for i in range(2)])
    return np.array(values[0]), joint, naive.state_value(learner.networks["state"], states, None)


@pytest.mark.parametrize("name", ["qtran", pytest.param("qtran_alt", marks=pytest.mark.slow)])
def test_matrix_game(name):
    """Uniform exploration; the joint value is the payoff, and theorem 1's conditions hold: greedy play finds the 8."""
    run = begin(name, make_env("qtran_matrix"), "qtran_matrix", 0, UNIFORM)
    advance(run, 2400, test_every=10**6)
    values, joint, state = values_of(run.learner)
    assert joint == pytest.approx(PAYOFFS, abs=0.05)
    assert run.evaluate(8).mean == 8
    gap = values[0][:, None] + values[1] - joint + state  # D of the paper
    assert gap[0, 0] == pytest.approx(0, abs=0.05)
    assert gap.min() > -0.05
    if name == "qtran_alt":  # theorem 2: the least over each agent's actions is 0, whatever the other does
        assert gap.min(axis=0) == pytest.approx(np.zeros(3), abs=0.1)
        assert gap.min(axis=1) == pytest.approx(np.zeros(3), abs=0.1)


def test_refuses_settings():
    with pytest.raises(ValueError, match="joint must be state or features, not 'history'"):
        find("qtran").with_settings({"joint": "history"})
    with pytest.raises(ValueError, match="nopt must be 0 or more"):
        find("qtran_alt").with_settings({"nopt": -0.1})
