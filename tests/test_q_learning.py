"""Q-learning with and without mixers: losses against a slow oracle, mixers' promises, resuming, refusals, learning."""

import shutil
from dataclasses import replace

import naive_learners as naive
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import counterplay
from counterplay.agents import find
from counterplay.agents.nn.mixers import MIXERS, make_mixer
from counterplay.agents.run import begin
from counterplay.agents.team import put_rows
from counterplay.api.training import advance
from counterplay.engine.env import EnvSpec
from counterplay.games.envs import make_env

SPEC = EnvSpec(agents=2, actions=3, observation=4, state=5, limit=5)
QUICK = {"batch": 4, "warmup": 4, "envs": 4, "hidden": 8}


def drawn(name, spec, options, seed=0):
    """Return a learner whose targets differ from its networks, and a batch out of its replay."""
    rng = np.random.default_rng(seed)
    entry = find(name)
    learner = entry.make(spec, entry.with_settings(QUICK | options), seed)
    with torch.no_grad():
        for parameter in learner.targets.parameters():
            parameter += 0.3 * torch.from_numpy(rng.normal(size=parameter.shape)).float()
    episodes = naive.random_episodes(rng, spec, 9)
    learner.scales.learn(episodes)
    learner.replay.add(episodes)
    learner.replay.reprioritise(np.arange(9), rng.random(9))
    draw = learner.replay.draw(6, rng, 0.5)
    return learner, learner.batch(draw.episodes, draw.weight)


PARTS = {
    "plain": {"double": False},
    "double": {},
    "dueling": {"dueling": True},
    "recurrent": {"recurrent": True, "last_action": True},
    "separate": {"shared": False, "last_action": True},
    "separate recurrent": {"shared": False, "recurrent": True, "ids": False},
    "n-step": {"n_step": 3, "gamma": 0.9},
    "traces": {"td_lambda": 0.7, "gamma": 0.9},
    "priorities": {"priority": 0.6},
    "hysteretic": {"pessimism": 0.2},
    "unscaled": {"scale_rewards": False, "scale_inputs": False},
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["iql", "vdn", "qmix"])
@pytest.mark.parametrize("lives", [False, True])
def test_loss(name, part, lives):
    learner, batch = drawn(name, replace(SPEC, lives=lives), PARTS[part], seed=len(part))
    assert (batch.alive is None) == (not lives)
    loss, errors, _ = learner.loss(batch)
    errors = put_rows(errors, batch.rows().step, batch.filled)
    expected, each = naive.q_loss(learner, batch)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    for b, error in enumerate(each):
        assert errors[b, : len(error)].numpy() == pytest.approx(np.array(error), abs=1e-4)
        assert not errors[b, len(error) :].any()


@pytest.mark.parametrize("lives", [False, True])
def test_rewards_of_ones_own(lives):
    learner, batch = drawn("iql", replace(SPEC, team=False, lives=lives), {"n_step": 2})
    loss, errors, _ = learner.loss(batch)
    errors = put_rows(errors, batch.rows().step, batch.filled)
    expected, each = naive.q_loss(learner, batch)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert errors[0, : len(each[0])].numpy() == pytest.approx(np.array(each[0]), abs=1e-4)


@pytest.mark.parametrize("recurrent", [False, True])
def test_playing_and_learning_see_the_same_values(recurrent):
    """Step by step, with memory and last actions carried along, as in whole episodes."""
    task = make_env("two_step")
    run = begin("vdn", task, "two_step", 0, QUICK | {"recurrent": recurrent, "last_action": True})
    advance(run, 40)
    env, learner, rng = task.start(3), run.learner, np.random.default_rng(2)
    step, last = env.reset(rng), np.full((3, 2), -1)
    learner.begin(3)
    seen, lasts, values = [], [], []
    for _ in range(2):
        seen.append(learner.scales.obs(torch.from_numpy(step.obs)).double().numpy())
        lasts.append(last)
        acting = learner._memory, learner._last
        values.append(learner.outputs(step))
        learner._memory, learner._last = acting
        last = learner.act(step, rng, explore=True)
        step = env.step(last)
    for b in range(3):
        _, expected = naive.agents_of(learner.agents, [o[b] for o in seen], [one[b] for one in lasts])
        assert np.array(expected) == pytest.approx(np.array([v[b] for v in values]), abs=1e-5)


@pytest.mark.parametrize("name", MIXERS)
@given(seed=st.integers(0, 10**6), agents=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_mixers_are_monotone_and_match_the_oracle(name, seed, agents):
    """No agent's value can lower the mix, whatever the weights and the state; so each agent's best is the team's."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mixer = make_mixer(name, agents, 3)
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.mul_(float(rng.uniform(0.5, 4)))
    states = torch.from_numpy(rng.normal(size=(6, 3)) * 3).float()
    values = torch.from_numpy(rng.normal(size=(6, agents)) * 5).float().requires_grad_()
    mixed = mixer(values, states)
    (slope,) = torch.autograd.grad(mixed.sum(), values)
    assert (slope >= 0).all()
    with torch.no_grad():
        raised = mixer(values + torch.from_numpy(rng.exponential(size=(6, agents))).float(), states)
    assert (raised >= mixed - 1e-4 * (1 + mixed.abs())).all()
    for row in range(6):
        numbers = values[row].detach().double().numpy(), states[row].double().numpy()
        assert mixed[row].item() == pytest.approx(naive.mixed(name, mixer, *numbers), rel=1e-4, abs=1e-3)


class Mean(nn.Module):
    """A mixer of one's own."""

    def __init__(self, agents, state):
        super().__init__()
        self.share = 1 / agents

    def forward(self, values, states):
        return values.sum(dim=-1) * self.share


def test_own_mixer():
    name = f"{__name__}:Mean"
    learner, batch = drawn("vdn", SPEC, {"mixer": name})
    assert type(learner.networks["mixer"]).__name__ == "Mean"
    rows = batch.rows()
    _, _, figures = learner.loss(batch)
    _, values = naive.agents_of(learner.agents, batch.obs[0].double().numpy(), None)
    assert figures["value"].isfinite()
    assert len(rows.step) == int(batch.filled.sum())
    first = [values[0][n][batch.action[0, 0, n]] for n in range(2)]
    assert learner.networks["mixer"](torch.tensor(first), None).item() == pytest.approx(np.mean(first))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("iql", {}),
        ("qmix", {"recurrent": True, "last_action": True}),
        ("qmix", {"priority": 0.6, "updates": 0.7}),
        ("vdn", {"shared": False, "dueling": True, "target_rate": 1.0, "target_every": 3}),
        ("qtran", {}),
        ("qtran", {"recurrent": True, "joint": "features"}),
        ("qtran_alt", {"priority": 0.6}),
    ],
)
def test_resumed_run_goes_on_bit_for_bit(name, options, tmp_path):
    """Loaded in the middle, and with the ring of the replay gone round, the losses that follow are the same."""
    given = QUICK | {"replay": 16, "epsilon_steps": 400} | options
    run = begin(name, make_env("climbing(steps=4)"), "climbing(steps=4)", 3, given)
    advance(run, 160)
    run.save(tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")  # two runs cannot go on in one folder
    other = counterplay.load_run(tmp_path / "copy")
    assert other.settings == run.settings
    for each in (run, other):
        advance(each, 320)
    timed = ("seconds", "steps_per_second")
    first, second = (
        [{k: v for k, v in row.items() if k not in timed} for row in each.history] for each in (run, other)
    )
    assert first == second
    assert "loss" in first[-1]
    theirs = other.learner.state()["networks"]
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in run.learner.state()["networks"].items())


@pytest.mark.parametrize("name", ["iql", "vdn", "qtran"])
def test_refuses_continuous_actions(name):
    with pytest.raises(ValueError, match="continuous"):
        find(name).make(replace(SPEC, continuous=True), find(name).with_settings({}), 0)


@pytest.mark.parametrize("name", ["vdn", "qmix", "qtran", "qtran_alt"])
def test_refuses_rewards_of_ones_own(name):
    with pytest.raises(ValueError, match=rf"{name} learns from one reward for the team.*iql"):
        find(name).make(replace(SPEC, team=False), find(name).with_settings({}), 0)


def no_arguments():
    return 0


def a_number(*_):
    return 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixer": "sum"}, "no mixer 'sum'; the mixers are none, vdn, qmix"),
        ({"mixer": "no_such_module:Mixer"}, r"the mixer .*: (cannot import|the module .* has no)"),
        ({"mixer": "naive_learners:Mixer"}, r"the mixer .*: the module .* has no"),
        ({"mixer": "math:sqrt"}, "is of Python's own library"),
        ({"mixer": "test_q_learning:no_arguments"}, "has to be made with"),
        ({"mixer": "test_q_learning:a_number"}, "has to be a torch.nn.Module, not int"),
    ],
)
def test_refuses_unknown_mixers(options, message):
    entry = find("iql")
    with pytest.raises(ValueError, match=message):
        entry.make(SPEC, entry.with_settings(options), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_step": 2, "td_lambda": 0.5}, "two ways to look ahead"),
        ({"batch": 64}, "rise in this order"),
        ({"gamma": 1.5}, "gamma must be between 0 and 1"),
        ({"pessimism": -1}, "pessimism must be between 0 and 1"),
        ({"layers": 2}, "no parameter 'layers'"),
    ],
)
def test_refuses_settings(options, message):
    with pytest.raises(ValueError, match=message):
        find("qmix").with_settings(options)


@pytest.mark.parametrize("options", [{"double": False}, {}, {"dueling": True}, {"n_step": 3}])
def test_one_agent_is_dqn(options):
    """DQN, Double DQN, D3QN and n-step DQN learn a bandit with a state that repeats: the third arm pays most."""
    run = begin(
        "iql",
        make_env("matrix_game(payoffs=(0, 1, 3, 2), shape=(4,), steps=4)"),
        "bandit",
        1,
        QUICK | options | {"epsilon_steps": 400, "lr": 5e-3, "target_rate": 0.1, "gamma": 0.5},
    )
    advance(run, 800)
    assert run.evaluate(4).mean == 12.0
