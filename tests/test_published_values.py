"""What the papers print of small games; over ten seeds and with curves in docs/learning.md."""

from itertools import product

import naive_learners as naive
import numpy as np
import pytest
import torch

from counterplay.agents import find
from counterplay.agents.rollout import collect
from counterplay.agents.run import begin
from counterplay.api.training import advance
from counterplay.games.envs import make_env

UNIFORM = {"epsilon_end": 1.0, "scale_rewards": False, "lr": 5e-3, "batch": 64, "warmup": 64, "updates": 0.25}
PAYOFFS = np.array([[8.0, -12.0, -12.0], [-12.0, 0.0, 0.0], [-12.0, 0.0, 0.0]])
LEAST_SQUARES = [[-6.22, -4.89, -4.89], [-4.89, -3.56, -3.56], [-4.89, -3.56, -3.56]]


class Every:
    """Plays every joint action of the matrix game once."""

    def begin(self, batch):
        pass

    def act(self, step, rng, explore):
        return np.array(list(product(range(3), repeat=2)))


def fitted(name, seed, updates):
    """Return a learner's team values after updates on all nine joint actions of QTRAN's game, each once."""
    entry = find(name)
    options = {"batch": 9, "warmup": 9, "replay": 9, "scale_rewards": False, "lr": 5e-3, "double": False}
    learner = entry.make(make_env("qtran_matrix").spec, entry.with_settings(options), seed)
    rng = np.random.default_rng(seed)
    learner.replay.add(collect(make_env("qtran_matrix").start(9), Every(), rng))
    for _ in range(updates):
        learner.update(rng)
    _, values = naive.agents_of(learner.agents, np.zeros((1, 2, 2)), None)
    mixer, state = learner.networks["mixer"], np.zeros(4)
    team = [naive.mixed(name, mixer, [values[0][0][a], values[0][1][b]], state) for a, b in product(range(3), repeat=2)]
    return np.array(team).reshape(3, 3)


def test_vdn_is_the_least_squares_fit():
    # the exact one: a mean, and an effect of each action of each agent
    design = np.array([np.r_[1, np.eye(3)[a], np.eye(3)[b]] for a, b in product(range(3), repeat=2)])
    exact = (design @ np.linalg.lstsq(design, PAYOFFS.ravel(), rcond=None)[0]).reshape(3, 3)
    assert exact == pytest.approx(np.array(LEAST_SQUARES), abs=0.01)
    assert fitted("vdn", 0, 300) == pytest.approx(exact, abs=0.1)


@pytest.mark.parametrize("seed", [0, 2])
def test_qmix_ends_in_one_of_its_two_fits(seed):
    """A monotone mix gives up the 8, or everything else."""
    team = fitted("qmix", seed, 500)
    low = np.full((3, 3), -8.0)
    low[1:, 1:] = 0.0
    high = np.full((3, 3), -6.0)
    high[0, 0] = 8.0
    # The first fit's minimum is flat: -8 is the mean of five cells, (8 - 4 * 12) / 5.
    assert min(abs(team - low).max(), abs(team - high).max()) < 0.2


@pytest.mark.parametrize(("name", "best", "in_2b"), [("qmix", 8, [0, 1, 1, 8]), ("vdn", 7, [-1.5, 2.5, 2.5, 6.5])])
def test_two_step_game(name, best, in_2b):
    """Rashid et al. 2018, section 5.1: a sum takes the sure 7, a monotone mix finds the 8."""
    run = begin(name, make_env("two_step"), "two_step", 0, UNIFORM | {"target_rate": 0.1})
    advance(run, 4800, test_every=10**9)
    assert run.evaluate(4).mean == best
    learner = run.learner
    seen = learner.scales.obs(torch.eye(3)[2]), learner.scales.state(torch.eye(3)[2])
    obs, state = (numbers.double().numpy() for numbers in seen)
    _, values = naive.agents_of(learner.agents, [[obs, obs]], None)
    pairs = product(range(2), repeat=2)
    mixer = learner.networks["mixer"]
    team = [naive.mixed(name, mixer, [values[0][0][a], values[0][1][b]], state) for a, b in pairs]
    assert team == pytest.approx(in_2b, abs=0.5)


def test_climbing_beyond_the_published_return():
    """175 is the best of Papoudakis et al. (NeurIPS 2021); hysteretic agents find the best joint action, 275."""
    settings = {"epsilon_steps": 5000, "lr": 5e-3, "pessimism": 0.1}
    run = begin("iql", make_env("climbing"), "climbing", 0, settings)
    advance(run, 8000, test_every=10**9)
    assert run.evaluate(2).mean > 175
