"""The two-step game against its table, the switch riddle and predator-prey against plain Python, step by step."""

from itertools import product

import numpy as np
import pytest
from naive_envs import NaivePredatorPrey, NaiveSwitch

from counterplay.api.testing.teams_checked import held_against
from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.predator_prey import PredatorPrey
from counterplay.games.envs.switch import NOTHING, SWITCH, TELL, Switch
from counterplay.games.envs.two_step import TwoStep

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # random numbers wrap around


@pytest.mark.nojit
def test_two_step():
    plays = np.array(list(product(range(2), repeat=4))).reshape(-1, 2, 2)
    env = TwoStep().start(len(plays))
    step = env.reset(np.random.default_rng(0))
    assert (step.state == (1, 0, 0)).all()
    step = env.step(plays[:, 0])
    assert not step.reward.any()
    assert not step.terminated.any()
    for b, (first, _) in enumerate(plays):
        assert step.state[b].tolist() == [0, 1 - first[0], first[0]]
    step = env.step(plays[:, 1])
    assert step.terminated.all()
    assert np.array_equal(step.obs, np.repeat(step.state[:, None], 2, axis=1))
    for b, (first, second) in enumerate(plays):
        assert step.reward[b] == (((0, 1), (1, 8))[second[0]][second[1]] if first[0] else 7)


@pytest.mark.nojit
@pytest.mark.parametrize("agents", [3, 5])
def test_switch_step_by_step(agents):
    draw = np.random.default_rng(2)

    def choose(step):
        odds = draw.random(step.legal.shape) * step.legal * (1, 1, 0.3)
        return odds.argmax(axis=-1)

    rewards = held_against(Switch(agents), NaiveSwitch, 60, 3, choose)
    assert {-1, 0, 1} == set(rewards)


def test_switch_can_be_won():
    """Whoever counts all lights wins: with three, the first switches on at need, the counter tells at the second."""
    env = Switch().start(2000)
    step = env.reset(np.random.default_rng(4))
    lit_by, counted, been, total = np.zeros((3, 2000), bool), np.zeros(2000, int), np.zeros(2000, bool), np.zeros(2000)
    while not step.terminated.all():
        room = step.obs[:, :, 0].argmax(axis=1)
        light = step.obs[np.arange(2000), room, 1] > 0
        counter = room == 0
        been |= counter
        actions = np.full((2000, 3), NOTHING)
        counted += counter & light
        act = np.where(counter & (counted == 2), TELL, np.where(counter & light, SWITCH, NOTHING))
        mine = lit_by[room, np.arange(2000)]
        switch = ~counter & ~light & ~mine
        act[switch] = SWITCH
        lit_by[room[switch], np.flatnonzero(switch)] = True
        actions[np.arange(2000), room] = act
        step = env.step(actions)
        total += step.reward
    assert total.min() == 0
    assert total.mean() > 0.05  # six days are few: agents 1, 0, 2, 0 have to come in this order or with 1 and 2 changed


@pytest.mark.nojit
@pytest.mark.parametrize(
    "task",
    [
        PredatorPrey(steps=60),
        PredatorPrey(size=4, predators=3, prey=2, catchers=1, sight=3, steps=30),
        PredatorPrey(size=3, predators=4, prey=3, sight=1, penalty=0.5, steps=40),
        PredatorPrey(size=2, predators=2, prey=2, sight=2, prize=1.5),
    ],
    ids=spec_of,
)
def test_predator_prey_step_by_step(task):
    draw = np.random.default_rng(2)

    def choose(step):
        odds = draw.random(step.legal.shape) * step.legal * (1, 1, 1, 1, 1, 1.5)
        return odds.argmax(axis=-1)

    rewards = held_against(task, NaivePredatorPrey, 8, 3, choose)
    assert max(rewards) >= task.prize or task.size > 4
    assert min(rewards) < 0 or task.catchers == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("switch(agents=2)", "agents must be 3 to 1000"),
        ("predator_prey(size=1)", "size must be 2 to 1000"),
        ("predator_prey(size=3)", "a cell for each of all, of 9: not 8 and 8"),
        ("predator_prey(catchers=5)", "catchers must be 1 to 4"),
        ("predator_prey(penalty=-2)", "penalty must be 0 or more"),
        ("predator_prey(sight=0)", "sight must be 1 to 10"),
        ("predator_prey(steps=0)", "steps must be 1 to 1,000,000,000"),
    ],
)
def test_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_env(text)
