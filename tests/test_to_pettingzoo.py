"""Our environments and games as PettingZoo's, by its own tests."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from countdown import Countdown, assert_equal
from listed_envs import EXAMPLES
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test
from test_tree_env import Coin

from counterplay.games import GAMES
from counterplay.games.envs.spread import Spread
from counterplay.games.envs.tree import TurnBased
from counterplay.games.foreign.pettingzoo import from_parallel
from counterplay.games.foreign.to_pettingzoo import to_aec, to_parallel

PARALLEL = [*EXAMPLES, "spread(reward=individual, continuous=true)", "leduc"]
TURNS = [*(text for entry in GAMES if entry.name != "holdem" for text in entry.examples), "openspiel:kuhn_poker"]


@pytest.fixture
def root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


@pytest.mark.parametrize("text", PARALLEL)
def test_parallel_api(text, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(to_parallel(text), num_cycles=60)
        parallel_seed_test(lambda: to_parallel(text), num_cycles=30)


@pytest.mark.parametrize("text", TURNS)
def test_aec_api(text, root, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Observation is not a NumPy array")  # as PettingZoo's own classic games
        warnings.filterwarnings("ignore", "Observation space for each agent probably should be")
        api_test(to_aec(text), num_cycles=60)
        seed_test(lambda: to_aec(text), num_cycles=30)


def test_there_and_back():
    """Our spread as PettingZoo's as ours is our spread."""
    task = Spread(agents=2, steps=5, reward="individual")
    back = from_parallel(lambda: to_parallel(task), reward="individual", limit=5)
    assert back.spec == replace(task.spec, lives=True, entities=())
    seed = int(np.random.default_rng(4).integers(0, 2**31, 1)[0])
    env, native = back.start(1), task.start(1)
    a, b = env.reset(np.random.default_rng(4)), native.reset(np.random.default_rng(seed))
    for _ in range(5):
        assert_equal([a[:6]], [b[:6]])
        a, b = env.step(np.array([[1, 4]])), native.step(np.array([[1, 4]]))
    assert_equal([a[:6]], [b[:6]])
    assert a.alive.all()


def test_parallel_of_ours():
    env = to_parallel("matrix_game(payoffs=(1, 0, 0, 2, 0, 3), shape=(3, 1, 2), steps=2)", render_mode="ansi")
    with pytest.raises(ValueError, match="has to be reset before"):
        env.step({})
    _, infos = env.reset(seed=3)
    assert infos["agent_0"]["action_mask"].tolist() == [1, 1, 1]
    assert infos["agent_1"]["action_mask"].tolist() == [1, 0, 0]
    assert "round 0 of 2" in env.render()
    _, rewards, *_ = env.step({"agent_0": 2, "agent_1": 2, "agent_2": 1})  # agent 1 has but one action
    assert rewards == {"agent_0": 3.0, "agent_1": 3.0, "agent_2": 3.0}
    with pytest.raises(ValueError, match="every agent has to act; agent_1, agent_2 did not"):
        env.step({"agent_0": 0})
    *_, terminated, truncated, _ = env.step(dict.fromkeys(env.agents, 0))
    assert all(terminated.values())
    assert not any(truncated.values())
    with pytest.raises(ValueError, match="the episode has ended"):
        env.step({})
    with pytest.raises(ValueError, match="render_mode must be ansi, not 'human'"):
        to_parallel("climbing", render_mode="human")


def test_games_that_chance_may_end_at_once(capsys):
    api_test(to_aec(Coin()), num_cycles=60)
    env = to_aec(Coin(0.0))
    env.reset(seed=0)
    seen, _, terminated, _, _ = env.last()
    assert not terminated
    assert seen["action_mask"].tolist() == [1]
    env.step(0)
    assert env.rewards == {"player_0": -1.0}
    assert env.terminations == {"player_0": True}


def test_turns_of_ours():
    env = to_aec("leduc", render_mode="ansi")
    env.reset(seed=1)
    assert env.agents == ["player_0", "player_1"]
    names = TurnBased(env.task.rules).names[0]
    seen, _, _, _, _ = env.last()
    assert [names[a] for a in np.flatnonzero(seen["action_mask"])] == ["check", "bet"]
    assert not env.observe("player_1")["action_mask"].any()
    with pytest.raises(ValueError, match="action 3 of player_0 is not legal; legal are 0, 1"):
        env.step(3)
    env.step(names.index("bet"))
    assert env.agent_selection == "player_1"
    env.step(names.index("fold"))
    assert env.terminations == {"player_0": True, "player_1": True}
    assert env.rewards == {"player_0": 1.0, "player_1": -1.0}
    assert "over: player 0 +1, player 1 -1" in env.render()
    env.step(None)
    env.step(None)
    assert env.agents == []
    env.reset()
    assert not any(env.terminations.values())
    assert env.state().shape == (82,)


@pytest.mark.parametrize("how", ["terminated", "truncated"])
def test_who_leaves_early_is_told_so(how):
    """There and back: agents that leave at different steps do so in what is made of ours too."""
    theirs = Countdown(masks="info", how=how)
    ours = to_parallel(from_parallel(lambda: Countdown(masks="info", how=how), reward="individual", limit=9))
    theirs.reset()
    ours.reset(seed=0)
    while ours.agents:
        assert ours.agents == theirs.agents
        found = ours.step(dict.fromkeys(ours.agents, 0))
        wanted = theirs.step(dict.fromkeys(theirs.agents, 0))
        assert found[1:4] == wanted[1:4]
        assert list(found[0]) == list(wanted[0])
    assert not theirs.agents
