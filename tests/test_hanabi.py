"""Hanabi beside the Hanabi Learning Environment that OpenSpiel brings, step by step, and beside plain Python."""

from dataclasses import replace

import numpy as np
import pytest
from naive_hanabi import NaiveHanabi

from counterplay.api.testing.teams_checked import held_against
from counterplay.engine.env import random_actions
from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.hanabi import Hanabi

SMALL = Hanabi(colours=2, hand=2, clues=3, lives=1)
TASKS = [
    Hanabi(),
    SMALL,
    Hanabi(players=3, colours=3),
    Hanabi(players=4),
    Hanabi(players=5, lives=2, clues=4),
    Hanabi(players=2, colours=2, ranks=3, hand=1, clues=2),
    Hanabi(players=3, colours=1, ranks=5, hand=3),  # nearly all cards are dealt
]


def careful(task, seed):
    """Return what chooses at random, and plays cards less often than that, so that games are long."""
    draw, held = np.random.default_rng(seed), task.held

    def choose(step):
        actions = random_actions(task.spec, step, draw)
        plays = (actions >= held) & (actions < 2 * held)
        other = random_actions(task.spec, step, draw)
        return np.where(plays & (draw.random(actions.shape) < 0.7), other, actions)

    return choose


def test_a_lost_game_may_keep_its_score():
    """Beside the same games, which it is but for what the last life costs."""
    task = Hanabi(colours=2, ranks=3, hand=2, clues=3, lives=1)
    strict, mild = (each.start(32) for each in (task, replace(task, keeps=True)))
    shown, kept = (env.reset(np.random.default_rng(0)) for env in (strict, mild))
    draw, total = np.random.default_rng(1), np.zeros(32)
    lost = 0
    for _ in range(task.spec.limit):
        on = ~shown.terminated
        actions = random_actions(task.spec, shown, draw)
        shown, kept = strict.step(actions), mild.step(actions)
        np.testing.assert_array_equal(shown.terminated, kept.terminated)
        ended = on & shown.terminated & (shown.reward < 0)
        np.testing.assert_array_equal(kept.reward, np.where(ended, 0, shown.reward))
        np.testing.assert_array_equal(shown.reward[ended], -total[ended])
        total += kept.reward
        lost += ended.sum()
    assert lost > 5


@pytest.mark.nojit
@pytest.mark.parametrize("task", TASKS, ids=spec_of)
def test_step_by_step(task):
    rewards = held_against(task, NaiveHanabi, 8, 3, careful(task, 2))
    assert max(rewards) == 1
    assert min(rewards) < 0 or task.lives == 3


def original(task):
    """Return OpenSpiel's game of the same parameters, or skip the test."""
    pyspiel = pytest.importorskip("pyspiel")
    if "hanabi" not in pyspiel.registered_names():
        pytest.skip("this OpenSpiel is built without Hanabi")
    parameters = {
        "players": task.players,
        "colors": task.colours,
        "ranks": task.ranks,
        "hand_size": task.held,
        "max_information_tokens": task.clues,
        "max_life_tokens": task.lives,
    }
    return pyspiel.load_game("hanabi", parameters)


@pytest.mark.parametrize("task", TASKS, ids=spec_of)
def test_beside_the_original(task):
    game, env, choose, games = original(task), task.start(5), careful(task, 5), 5
    own = env.spec.observation - 2 * task.players  # what the original has too
    assert game.observation_tensor_size() == own
    assert game.num_distinct_actions() == env.spec.actions
    step = env.reset(np.random.default_rng(1))
    decks = env.keep()["deck"].tolist()
    states = [game.new_initial_state() for _ in range(games)]
    for _ in range(env.spec.limit + 1):
        for b, state in enumerate(states):
            while state.is_chance_node():
                state.apply_action(decks[b].pop(0))
            assert step.terminated[b] == state.is_terminal()
            if state.is_terminal():
                continue
            turn = state.current_player()
            assert np.flatnonzero(step.legal[b, turn]).tolist() == state.legal_actions()
            for n in range(task.players):
                assert np.array_equal(step.obs[b, n, :own], state.observation_tensor(n)), state
        if step.terminated.all():
            return
        actions = choose(step)
        before = [None if state.is_terminal() else state.returns()[0] for state in states]
        step = env.step(actions)
        for b, state in enumerate(states):
            if before[b] is not None:
                state.apply_action(int(actions[b, state.current_player()]))
                assert step.reward[b] == state.returns()[0] - before[b]
    raise AssertionError("games end")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hanabi(players=6)", "players must be 2 to 5"),
        ("hanabi(colours=6)", "colours and ranks must be 1 to 5"),
        ("hanabi(hand=6)", "hand must be 1 to 5"),
        ("hanabi(clues=0)", "clues and lives must be 1 to 50"),
        ("hanabi(players=5, colours=1)", "5 hands of 4 cards need more than the 10 that exist"),
    ],
)
def test_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_env(text)


def test_games_that_were_kept_are_whole():
    env = SMALL.start(2)
    env.reset(np.random.default_rng(0))
    for name, where, value in (("deck", 0, 0), ("hands", (0, 0, 0), -1)):
        kept = env.keep()
        kept[name][where] = value
        with pytest.raises(ValueError, match="each card as often"):
            env.resume(kept)
