"""Stones in the dark as environments, held against the rules, and what is learned there."""

import numpy as np
import pytest

from counterplay.engine.env import Task
from counterplay.engine.rules import LEAF
from counterplay.games import make
from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.phantom import StonesInTheDark
from counterplay.games.envs.tree import TurnBased

TEXTS = ["phantom_tic_tac_toe", "phantom_tic_tac_toe(abrupt=true)", "dark_hex", "dark_hex(size=(2, 3), abrupt=true)"]
BATCH = 40


def random_actions(step, rng):
    return (rng.random(step.legal.shape) * step.legal).argmax(axis=-1)


def what_is_known(rules, tried):
    """Return an observation from its description, less the seat."""
    cells = len(rules.names)
    mine, theirs, order = np.zeros(cells), np.zeros(cells), np.zeros((cells, cells))
    for k, (cell, in_vain) in enumerate(tried):
        (theirs if in_vain else mine)[cell] = 1
        order[k, cell] = 1
    return np.concatenate([mine, theirs, order.ravel()])


@pytest.mark.nojit
@pytest.mark.parametrize("text", [*TEXTS, "dark_hex(size=2)"])
def test_beside_the_rules(text):
    rules = make(text)
    task = StonesInTheDark(rules)
    assert isinstance(task, Task)
    env, rng = task.start(BATCH), np.random.default_rng(4)
    step = env.reset(np.random.default_rng(1))
    states, steps = [rules.root()] * BATCH, 0
    while True:
        np.testing.assert_array_equal(step.state, step.obs.reshape(BATCH, -1))
        assert not step.truncated.any()
        for b, state in enumerate(states):
            turn = rules.turn(state)
            assert env.turn(b) == turn
            assert step.terminated[b] == (turn == LEAF)
            for p in range(2):
                assert step.obs[b, p, :2].tolist() == [p == 0, p == 1]
                np.testing.assert_array_equal(step.obs[b, p, 2:], what_is_known(rules, state.tried[p]))
                assert env.attempts(b, p) == list(state.tried[p])
                legal = [task.names[p][a] for a in np.flatnonzero(step.legal[b, p])]
                assert legal == (list(rules.moves(state)) if p == turn else [rules.names[0]])
        if step.terminated.all():
            break
        actions = random_actions(step, rng)
        over = step.terminated.copy()
        for b, state in enumerate(states):
            if not over[b]:
                name = task.names[0][actions[b, state.mover]]
                states[b] = rules.play(state, rules.moves(state).index(name))
        step = env.step(actions)
        for b, state in enumerate(states):
            paid = rules.payoffs(state) if rules.turn(state) == LEAF and not over[b] else (0, 0)
            assert step.reward[b].tolist() == list(paid)
        steps += 1
    assert steps <= task.spec.limit


def test_the_longest_game_fits():
    """Each player tries all that the other has, and the board is filled."""
    env = StonesInTheDark(make("phantom_tic_tac_toe")).start(1)
    step = env.reset(np.random.default_rng(0))
    # a1 b1 c1 / b2 a2 c2 / b3 a3 c3 as x o x / x o o / o x x: a draw
    plays = {0: [0, 2, 3, 7, 8], 1: [1, 4, 5, 6]}
    done, steps = [0, 0], 0
    while not step.terminated[0]:
        me = env.turn(0)
        known = {cell for cell, _ in env.attempts(0, me)}
        theirs = [c for c in plays[1 - me][: done[1 - me]] if c not in known]
        action = theirs[0] if theirs else plays[me][done[me]]
        done[me] += not theirs
        actions = np.zeros((1, 2), np.int64)
        actions[0, me] = action
        step = env.step(actions)
        steps += 1
    assert steps == env.spec.limit == 17
    assert step.reward.tolist() == [[0, 0]]


def test_what_is_not_legal_is_refused():
    env = make_env("dark_hex").start(2)
    env.reset(np.random.default_rng(0))
    env.step(np.array([[4, 0], [3, 0]]))
    before = env.played.obs.copy()
    with pytest.raises(ValueError, match="episode 1, agent 0: action 2 is not legal; legal are 0"):
        env.step(np.array([[0, 4], [2, 3]]))
    with pytest.raises(ValueError, match="episode 0, agent 1: action 9 is not legal"):
        env.step(np.array([[0, 9], [0, 3]]))
    np.testing.assert_array_equal(env.played.obs, before)
    env.step(np.array([[0, 4], [0, 3]]))
    with pytest.raises(ValueError, match="episode 0, agent 1: action 4 is not legal; legal are 0, 1, 2, 3, 5"):
        env.step(np.array([[0, 4], [0, 2]]))


def test_small_boards_are_trees():
    assert isinstance(make_env("dark_hex(size=2)"), TurnBased)
    assert isinstance(make_env("dark_hex"), StonesInTheDark)
    assert spec_of(make_env("dark_hex(size=(2, 3))")) == "dark_hex(size=(2, 3))"


def test_a_board_is_drawn():
    env = make_env("dark_hex").start(2)
    env.reset(np.random.default_rng(0))
    pictures = [env.render(0)]
    for me, cell in ((0, 4), (1, 4), (1, 1)):
        actions = np.zeros((2, 2), np.int64)
        actions[:, me] = cell
        env.step(actions)
        pictures.append(env.render(0))
    assert pictures[-1].splitlines() == [
        "   a   b   c",
        "1  .   ○   .",
        "  2  .   ●   .",
        "    3  .   .   .",
        "player 0: b2",
        "player 1: b2x b1",
        "to act: player 0",
    ]
    assert len({picture.count("\n") for picture in pictures}) == 1
