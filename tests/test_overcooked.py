"""Overcooked beside its original, step by step, and beside a plain kitchen of Python's own."""

import numpy as np
import pytest
from naive_kitchen import NaiveKitchen

from counterplay.api.testing.teams_checked import held_against
from counterplay.engine.env import random_actions
from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.overcooked import INTERACT, LAYOUTS, Overcooked


def eager(task, seed):
    """Return what chooses actions at random, every third of them to interact."""
    draw = np.random.default_rng(seed)

    def choose(step):
        actions = random_actions(task.spec, step, draw)
        return np.where(draw.random(actions.shape) < 0.3, INTERACT, actions)

    return choose


@pytest.mark.nojit
@pytest.mark.parametrize(
    "task",
    [
        Overcooked(steps=60, shaped=1),
        Overcooked("forced_coordination", view="vector", steps=300, shaped=0.5),
        Overcooked("counter_circuit", manual=True, steps=300, shaped=1),
    ],
    ids=spec_of,
)
def test_step_by_step(task):
    held_against(task, NaiveKitchen, 3, 3, eager(task, 2))


@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize("view", ["grid", "vector"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_step_by_step(layout, view, manual):
    task = Overcooked(layout, view=view, manual=manual, shaped=1, steps=250)
    held_against(task, NaiveKitchen, 4, 5, eager(task, 6))


ORIGINAL_NAMES = {name: name for name in LAYOUTS} | {"counter_circuit": "counter_circuit_o_1order"}


@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_beside_the_original(layout, manual):
    """Held against overcooked_ai in the package `overcooked`: its encoding, its rewards, its end."""
    mdp = pytest.importorskip("overcooked.mdp.overcooked_mdp")
    action = pytest.importorskip("overcooked.mdp.actions").Action.INDEX_TO_ACTION
    task = Overcooked(layout, shaped=1, manual=manual)
    world = mdp.OvercookedGridworld.from_layout_name(ORIGINAL_NAMES[layout], old_dynamics=not manual)
    env, choose = task.start(2), eager(task, 7)
    step = env.reset(np.random.default_rng(0))
    states, served = [world.get_standard_start_state() for _ in range(2)], 0
    for _ in range(task.steps):
        assert not step.truncated.any()
        actions = choose(step)
        step = env.step(actions)
        for b in range(2):
            states[b], told = world.get_state_transition(states[b], [action[a] for a in actions[b]])
            paid = sum(told["sparse_reward_by_agent"]) + sum(told["shaped_reward_by_agent"])
            assert step.reward[b] == paid
            served += sum(told["sparse_reward_by_agent"])
            for seen, wanted in zip(step.obs[b], world.lossless_state_encoding(states[b]), strict=True):
                assert np.array_equal(seen.reshape(wanted.shape), wanted)
    assert step.truncated.all()


def test_a_soup_is_served():
    """One cook does what has to be done, and the other stays where it is."""
    north, south, east, west, stay, act = range(6)
    potted = [west, act, east, north, act]  # an onion from the left into the pot
    fetched = [west, south, south, act, north, east, north]  # a dish, and back to the pot
    plan = [north, *potted * 3, *fetched, *[stay] * 12, act, south, east, south, act]
    env = Overcooked(steps=len(plan)).start(1)
    step = env.reset(np.random.default_rng(0))
    rewards = [env.step(np.array([[action, stay]])).reward[0] for action in plan]
    assert step.truncated.all()
    assert rewards[-1] == 20, env.render(0)
    assert not any(rewards[:-1])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("overcooked(layout=kitchen)", "layout must be one of cramped_room, asymmetric_advantages"),
        ("overcooked(shaped=-1)", "shaped must be 0"),
        ("overcooked(view=picture)", "view must be grid or vector"),
        ("overcooked(steps=0)", "steps must be 1 to 1,000,000,000"),
    ],
)
def test_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_env(text)


def test_cooks_that_were_kept_stand_on_the_floor():
    env = Overcooked(steps=9).start(2)
    env.reset(np.random.default_rng(0))
    for cell in (0, int(env.keep()["who"][0, 1, 0])):
        kept = env.keep()
        kept["who"][0, 0, 0] = cell
        with pytest.raises(ValueError, match="stands on the floor"):
            env.resume(kept)
