"""Conformance of every environment of the catalogue, whatever it is about."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listed_envs import EXAMPLES, QUICK

from counterplay.api.testing.drawn import environments
from counterplay.api.testing.tables import PlainTable, Table
from counterplay.api.testing.teams_checked import check_environment, copied, play, same
from counterplay.engine.env import Drawn, Task, random_actions
from counterplay.games.envs import find, make_env, spec_of

BATCH = 5


@pytest.mark.parametrize("text", EXAMPLES)
def test_conformance(text):
    task = make_env(text)
    assert isinstance(task, Task)
    assert task.start(BATCH).batch == BATCH
    check_environment(task, batch=BATCH, seed=1)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_episode_played_alone_is_the_same_as_among_others(text):
    task = make_env(text)
    steps, chosen = play(task.start(BATCH), 1)
    alone, _ = play(task.start(1), 1, [actions[:1] for actions in chosen])
    for one, all_ in zip(alone, steps, strict=False):
        assert same(one[:6], [array[:1] for array in all_[:6]])


@pytest.mark.parametrize("text", EXAMPLES)
def test_spec_of(text):
    task = make_env(text)
    assert make_env(spec_of(task)) == task
    assert spec_of(task).partition("(")[0] == text.partition("(")[0]


@pytest.mark.parametrize("text", EXAMPLES)
def test_render(text):
    env = make_env(text).start(2)
    if not isinstance(env, Drawn):
        pytest.skip("nothing to look at")
    step, rng = env.reset(np.random.default_rng(3)), np.random.default_rng(4)
    pictures = [env.render(1)]
    while not (step.terminated | step.truncated).all():
        step = env.step(random_actions(env.spec, step, rng))
        pictures.append(env.render(1))
    assert len({picture.count("\n") for picture in pictures}) == 1


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(QUICK), st.integers(1, 9), st.integers(0, 2**32))
def test_random_play(text, batch, seed):
    check_environment(text, batch=batch, seed=seed)


@settings(max_examples=40, deadline=None)
@given(environments(), st.integers(1, 5), st.integers(0, 2**32))
def test_drawn_environments(env, batch, seed):
    check_environment(env, plain=PlainTable if isinstance(env, Table) else None, batch=batch, seed=seed)


@pytest.mark.parametrize("text", EXAMPLES)
def test_actions_that_do_not_fit(text):
    env = make_env(text).start(2)
    spec, step = env.spec, env.reset(np.random.default_rng(0))
    before = copied(step)
    if spec.continuous:
        for wrong in (np.zeros((3, spec.agents, spec.actions)), np.full(step.legal.shape, np.nan)):
            with pytest.raises(ValueError, match=f"actions must be 2 x {spec.agents} x {spec.actions} finite numbers"):
                env.step(wrong)
        assert same(step, before)
        return
    with pytest.raises(ValueError, match=f"actions must be 2 x {spec.agents} integers.*not 3 x {spec.agents}"):
        env.step(np.zeros((3, spec.agents), np.int64))
    with pytest.raises(ValueError, match="float32"):
        env.step(np.zeros((2, spec.agents), np.float32))
    for wrong in (-1, spec.actions):
        actions = random_actions(spec, step, np.random.default_rng(0))
        actions[1, 0] = wrong
        with pytest.raises(ValueError, match=f"episode 1, agent 0: action {wrong} is not legal; legal are "):
            env.step(actions)
    assert same(step, before)


def test_batches_hold_episodes():
    with pytest.raises(ValueError, match="one episode or more"):
        make_env("climbing").start(0)


def test_unknown_names():
    with pytest.raises(ValueError, match=r"no environment 'climing' .did you mean 'climbing'..$"):
        make_env("climing")
    assert find("penalty").name == "penalty"
    assert spec_of(object()) is None


@pytest.mark.parametrize(("text", "best"), [("climbing", 275), ("penalty", 250), ("qtran_matrix", 8)])
def test_best_returns_of_matrix_games(text, best):
    task = make_env(text)
    a = task.spec.actions
    joint = np.stack(np.meshgrid(np.arange(a), np.arange(a), indexing="ij"), -1).reshape(-1, 2)
    env = task.start(len(joint))
    env.reset(np.random.default_rng(0))
    total = np.zeros(len(joint))
    for _ in range(task.steps):
        step = env.step(joint)
        total += step.reward
    assert total.max() == best
    assert np.allclose(total / task.steps, task.payoffs)
    assert step.terminated.all()


def test_matrix_game_of_three():
    task = make_env("matrix_game(payoffs=(1, 0, 0, 2, 0, 3), shape=(3, 1, 2))")
    env = task.start(2)
    step = env.reset(np.random.default_rng(0))
    assert step.legal[0].tolist() == [[True, True, True], [True, False, False], [True, True, False]]
    assert env.step(np.array([[2, 0, 1], [1, 0, 1]])).reward.tolist() == [3, 2]
    assert replace(task, steps=2).spec.limit == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("matrix_game(payoffs=(1, 2, 3))", "need 1, 4, 9, ... payoffs, not 3"),
        ("matrix_game(payoffs=(1, 2, 3), shape=(2, 2))", "2 x 2 actions need 4 payoffs, not 3"),
        ("matrix_game(payoffs=(1,), shape=(0, 2))", "shape must be numbers of actions"),
        ("climbing(steps=0)", "steps must be 1 to 1,000,000,000"),
        ("penalty(k=3)", "k must be 0 or negative"),
    ],
)
def test_matrix_games_refuse(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_env(text)
