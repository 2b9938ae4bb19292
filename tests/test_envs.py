"""Conformance of every environment of the catalogue, whatever it is about."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterplay.engine.env import Drawn, Task
from counterplay.games.envs import ENVS, find, make_env, spec_of

SPECS = [text for entry in ENVS for text in entry.examples]
BATCH = 5


def copied(step):
    return type(step)(*(array.copy() for array in step[:6]))


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first[:6], second[:6], strict=True))


def legal_actions(rng, step):
    """Return one random legal action for each agent."""
    return np.argmax(rng.random(step.legal.shape) * step.legal, axis=-1)


def play(env, seed, actions=None):
    """Return the steps of a batch's episodes, played by random legal actions (or those given) until all have ended."""
    rng, steps, chosen = np.random.default_rng(seed), [copied(env.reset(np.random.default_rng(seed)))], []
    while not (steps[-1].terminated | steps[-1].truncated).all():
        chosen.append(legal_actions(rng, steps[-1]) if actions is None else actions[len(chosen)])
        steps.append(copied(env.step(chosen[-1])))
        assert len(chosen) <= env.spec.limit
    return steps, chosen


def check_step(spec, batch, step):
    reward = (batch,) if spec.team else (batch, spec.agents)
    assert [array.shape for array in step[:6]] == [
        (batch, spec.agents, spec.observation),
        (batch, spec.state),
        (batch, spec.agents, spec.actions),
        reward,
        (batch,),
        (batch,),
    ]
    assert [array.dtype for array in step[:6]] == [np.float32] * 2 + [bool] + [np.float32] + [bool] * 2
    assert step.legal.any(axis=-1).all()
    assert not (step.terminated & step.truncated).any()
    assert np.isfinite(step.obs).all()
    assert np.isfinite(step.state).all()
    assert np.isfinite(step.reward).all()


@pytest.mark.parametrize("text", SPECS)
def test_conformance(text):
    task = make_env(text)
    assert isinstance(task, Task)
    env = task.start(BATCH)
    assert env.spec == task.spec
    assert env.batch == BATCH
    steps, chosen = play(env, 1)
    for step in steps:
        check_step(env.spec, BATCH, step)
    assert not steps[0].reward.any()
    assert not (steps[0].terminated | steps[0].truncated).any()

    # what has ended stays as it ended, and pays nothing more
    for before, after in pairwise(steps):
        over = before.terminated | before.truncated
        assert same([a[over] for a in after._replace(reward=before.reward)[:6]], [a[over] for a in before[:6]])
        assert not after.reward[over].any()
    after = copied(env.step(np.zeros_like(chosen[0])))
    assert same(after, steps[-1]._replace(reward=np.zeros_like(after.reward)))

    # the same seed gives the same episodes, in this environment and in a new one
    for other in (env, make_env(text).start(BATCH)):
        again, _ = play(other, 1, chosen)
        assert len(again) == len(steps)
        assert all(map(same, again, steps))

    # what happens in the other episodes makes no difference to the last
    rng, step, last = np.random.default_rng(9), env.reset(np.random.default_rng(1)), -1
    for before, actions in zip(steps, chosen, strict=False):
        assert same([array[last] for array in step[:6]], [array[last] for array in before[:6]])
        others = legal_actions(rng, step)
        others[last] = actions[last]
        step = env.step(others)

    # an episode played alone is the same as among others
    alone, _ = play(task.start(1), 1, [actions[:1] for actions in chosen])
    for one, all_ in zip(alone, steps, strict=False):
        assert same(one, [array[:1] for array in all_[:6]])


@pytest.mark.parametrize("text", SPECS)
def test_spec_of(text):
    task = make_env(text)
    assert make_env(spec_of(task)) == task
    assert spec_of(task).partition("(")[0] == text.partition("(")[0]


@pytest.mark.parametrize("text", SPECS)
def test_render(text):
    env = make_env(text).start(2)
    if not isinstance(env, Drawn):
        pytest.skip("nothing to look at")
    step, rng = env.reset(np.random.default_rng(3)), np.random.default_rng(4)
    pictures = [env.render(1)]
    while not (step.terminated | step.truncated).all():
        step = env.step(legal_actions(rng, step))
        pictures.append(env.render(1))
    assert len({picture.count("\n") for picture in pictures}) == 1


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SPECS), st.integers(1, 9), st.integers(0, 2**32))
def test_random_play(text, batch, seed):
    env = make_env(text).start(batch)
    steps, _ = play(env, seed)
    for step in steps:
        check_step(env.spec, batch, step)


@pytest.mark.parametrize("text", SPECS)
def test_actions_that_do_not_fit(text):
    env = make_env(text).start(2)
    spec, step = env.spec, env.reset(np.random.default_rng(0))
    before = copied(step)
    with pytest.raises(ValueError, match=f"actions must be 2 x {spec.agents} integers.*not 3 x {spec.agents}"):
        env.step(np.zeros((3, spec.agents), np.int64))
    with pytest.raises(ValueError, match="float32"):
        env.step(np.zeros((2, spec.agents), np.float32))
    for wrong in (-1, spec.actions):
        actions = legal_actions(np.random.default_rng(0), step)
        actions[1, 0] = wrong
        with pytest.raises(ValueError, match=f"episode 1, agent 0: action {wrong} is not legal; legal are "):
            env.step(actions)
    assert same(step, before)


def test_batches_hold_episodes():
    with pytest.raises(ValueError, match="one episode or more"):
        make_env("climbing").start(0)


def test_unknown_names():
    with pytest.raises(ValueError, match=r"no environment 'climing' .did you mean 'climbing'..; the environments are"):
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
