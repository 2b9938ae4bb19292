"""Agents that leave early: every learner finds what is best where one of two may leave at step two of six."""

import naive_learners as naive
import numpy as np
import pytest
from leaver import Leaver

import counterplay
from counterplay.agents import LEARNERS, find
from counterplay.engine.env import EnvSpec
from counterplay.games.foreign.pettingzoo import from_parallel

OFF = {"envs": 8, "batch": 32, "warmup": 64, "lr": 5e-3, "epsilon_steps": 1500, "target_rate": 0.1, "hidden": 32}
ON = {"envs": 16, "lr": 5e-3, "critic_lr": 5e-3, "greedy": True, "hidden": 32}
GRADIENTS = ("reinforce", "trpo", "hatrpo", "grpo", "vrpo", "mdpo", "magnetic_ppo")
MOVES = ("dqn", "d3qn", "rainbow", "ddpg", "td3", "sac", "maddpg", "matd3", "masac")  # of which an update is a move's
QUICK = ("iql", "qmix", "coma", "mappo", "trpo", "pqn", "dqn")  # one of a kind
OWN = ("iql", "ippo", "ia2c")  # of agents that may have rewards of their own


@pytest.mark.parametrize("better", ["stay", "go"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(e.name, marks=() if e.name in QUICK else pytest.mark.slow)
        for e in LEARNERS
        if e.name not in ("deep_cfr", "nfsp", "psro", "rnad", "pgpe")
    ],  # which are for turn-based games, and the last has no updates to speak of
)
def test_every_learner(name, better):
    task = from_parallel(lambda: Leaver(better), reward="team", limit=6, workers=0)
    on = name in ("coma", "mappo", "ippo", "a2c", "ia2c", *GRADIENTS)
    steps, options = 6000 if name == "coma" else 3000, ON if on else OFF
    options = options | ({"updates": 0.25} if name in MOVES else {})
    if name == "pqn":
        options = {key: OFF[key] for key in ("envs", "lr", "epsilon_steps", "hidden")} | {"body": "mlp"}
    run = counterplay.train(name, task, steps=steps, test_every=10**6, test_episodes=1, seed=1, **options)
    assert run.evaluate(4).mean == 5.0


@pytest.mark.parametrize("name", OWN)
def test_rewards_of_ones_own(name):
    task = from_parallel(Leaver, reward="individual", limit=6, workers=0)
    options = OFF if name == "iql" else ON
    run = counterplay.train(name, task, steps=3000, test_every=10**6, test_episodes=1, seed=1, **options)
    assert run.evaluate(4).returns.tolist() == [[0, 5]] * 4


def test_what_an_agent_that_left_sees_and_does_changes_nothing():
    """Neither losses nor gradients know of it, whatever stands in its rows."""
    spec = EnvSpec(agents=3, actions=3, observation=4, state=5, limit=6, lives=True)
    rng = np.random.default_rng(4)
    episodes = naive.random_episodes(rng, spec, 12)
    out = ~episodes.alive
    shown = np.concatenate([np.zeros_like(out[:, :1]), episodes.alive[:, :-1] & ~episodes.ended[:, 1:]], axis=1)
    hidden = out & ~shown  # what those saw last for whom time ran out has a value
    obs = np.where(hidden[..., None], 7.0, episodes.obs).astype(np.float32)
    action = np.where(out[:, :-1], 2, episodes.action)
    for name in ("iql", "vdn", "qmix", "qtran", "qtran_alt", "coma", "mappo", "ippo", "reinforce", "vrpo"):
        losses = []
        for played in (episodes, episodes._replace(obs=obs, action=action)):
            entry = find(name)
            learner = entry.make(spec, entry.with_settings({"hidden": 8, "scale_inputs": False}), 1)
            batch = learner.batch(played, np.ones(12, np.float32))
            if name == "coma":
                loss = learner.loss(batch, np.random.default_rng(0))[0]
            elif name in ("mappo", "ippo", "reinforce", "vrpo"):
                loss = learner.loss(batch, learner.facts(batch))[0]
            else:
                loss = learner.loss(batch)[0]
            loss.backward()
            losses.append([loss.item(), *(p.grad.norm().item() for p in learner.parameters if p.grad is not None)])
        assert losses[0] == pytest.approx(losses[1], rel=1e-5, abs=1e-7), name
