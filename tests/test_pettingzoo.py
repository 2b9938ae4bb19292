"""PettingZoo's environments as ours."""

import sys
from importlib import import_module

import numpy as np
import pytest
from countdown import Countdown, Endless, Gym, assert_equal, play, zeros
from gymnasium import spaces
from mpe2 import simple_spread_v3
from pettingzoo.classic import tictactoe_v3
from pettingzoo.utils import turn_based_aec_to_parallel

from counterplay.engine.env import Task
from counterplay.games.envs import make_env, spec_of
from counterplay.games.foreign.copies import Copies
from counterplay.games.foreign.pettingzoo import Named, from_parallel


def test_spread_through_pettingzoo_is_our_own():
    """Where the start is the same, mpe2 through the adapter shows what the native environment shows."""
    theirs, ours = make_env("pettingzoo:mpe2.simple_spread_v3(N=3)"), make_env("spread")
    assert theirs.spec == ours.spec
    assert isinstance(theirs, Task)
    seed = int(np.random.default_rng(4).integers(0, 2**31, 1)[0])
    env, native, rng = theirs.start(1), ours.start(1), np.random.default_rng(0)
    a, b = env.reset(np.random.default_rng(4)), native.reset(np.random.default_rng(seed))
    while not a.truncated[0]:
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-4)
        actions = rng.integers(0, 5, (1, 3))
        a, b = env.step(actions), native.step(actions)
    assert b.truncated[0]
    assert not a.terminated[0]
    env.close()


@pytest.mark.parametrize("masks", ["info", "dict"])
@pytest.mark.parametrize("how", ["terminated", "truncated"])
def test_agents_leave_and_episodes_end(masks, how):
    env = from_parallel(lambda: Countdown(masks=masks, how=how), limit=50).start(1)
    step = env.reset(np.random.default_rng(0))
    assert env.spec.actions == 3
    assert step.obs[0].tolist() == [[0, 0], [10, 10], [20, 20]]
    assert step.state[0].tolist() == step.obs[0].ravel().tolist()
    seen, rewards = [], []
    while not (step.terminated | step.truncated)[0]:
        seen.append((step.obs[0, :, 0].tolist(), step.legal[0].tolist()))
        step = env.step(zeros(env))
        rewards.append(float(step.reward[0]))
    yes, odd, none = [True] * 3, [True, True, False], [True, False, False]
    assert seen == [
        ([0, 10, 20], [yes] * 3),
        ([1, 11, 21], [odd] * 3),
        ([2, 12, 22], [none, yes, yes]),  # the first agent's last observation
        ([0, 13, 23], [none, none, odd]),
    ]
    assert rewards == [6, 6, 5, 3]
    assert (step.terminated[0], step.truncated[0]) == (how == "terminated", how == "truncated")
    assert step.obs[0, :, 0].tolist() == [0, 0, 24]
    assert step.legal[0].tolist() == [none, none, yes]  # to bootstrap from
    before = [array.copy() for array in step]
    after = env.step(zeros(env))
    assert after.reward[0] == 0
    assert_equal([before[:3] + before[4:]], [[*after[:3], *after[4:]]])
    # who has left is not asked, and actions count from where the agent's space begins
    heard = env.copies[0].heard
    assert heard[1] == {"agent_0": 0, "agent_1": 1, "agent_2": 2}
    assert heard[3] == {"agent_1": 1, "agent_2": 2}
    assert heard[4] == {"agent_2": 2}


def test_render():
    env = from_parallel(lambda: Countdown(n=2, sizes=(2, 12)), limit=9, pad=True).start(1)
    env.reset(np.random.default_rng(0))
    for _ in range(2):
        env.step(zeros(env))
    assert env.render(0).splitlines() == [
        "step 2 of 9 at most, reward 3.",
        "agent_0:   2.00   2.00 (not in play)",
        f"agent_1:{'  12.00' * 10} ...",
    ]


def test_limits_truncate():
    env = from_parallel(lambda: Endless(masks=""), limit=4).start(2)
    shown = play(env, 0)
    assert len(shown) == 5
    assert shown[-1][5].all()
    assert not shown[-1][4].any()


def test_padding():
    env = from_parallel(lambda: Countdown(sizes=(1, 3, 2), choices=(2, 4, 3), masks=""), limit=9, pad=True).start(1)
    assert (env.spec.observation, env.spec.actions, env.spec.state) == (3, 4, 9)
    step = env.reset(np.random.default_rng(0))
    assert step.obs[0].tolist() == [[0, 0, 0], [10, 10, 10], [20, 20, 0]]
    assert step.legal[0].sum(axis=-1).tolist() == [2, 4, 3]


def test_continuous_actions():
    env = from_parallel(lambda: Gym(masks=""), limit=9).start(1)
    assert env.spec.continuous
    assert env.spec.actions == 2
    env.reset(np.random.default_rng(0))
    env.step(np.array([[[-1, -1], [0, 0], [1, 3]]], np.float32))
    heard = env.copies[0].heard[1]
    assert [heard[a].tolist() for a in sorted(heard)] == [[0, -1], [2, -0.5], [4, 0]]
    with pytest.raises(ValueError, match="actions must be 1 x 3 x 2 finite numbers"):
        env.step(np.full((1, 3, 2), np.nan))
    spread = make_env("pettingzoo:mpe2.simple_spread_v3(continuous_actions=true)")
    assert (spread.spec.continuous, spread.spec.actions) == (True, 5)


def test_other_spaces_are_flattened():
    class Cards(Countdown):
        def look(self, agents):
            return dict.fromkeys(agents, 2), {a: {} for a in agents}

    env = from_parallel(lambda: Cards(space=spaces.Discrete(4), masks=""), limit=9).start(1)
    assert env.reset(np.random.default_rng(0)).obs[0, 0].tolist() == [0, 0, 1, 0]


def test_ids_of_the_registry():
    """Rock, paper, scissors: PettingZoo's turn-based game, in its own conversion to a parallel one."""
    env = make_env("pettingzoo:classic/rps_v2(reward=individual, limit=20)").start(2)
    env.reset(np.random.default_rng(0))
    step = env.step(np.array([[0, 2], [1, 1]]))
    assert step.reward.tolist() == [[1, -1], [0, 0]]


def test_turn_based_games_in_their_parallel_form():
    """Tic-tac-toe: who waits has one action, and masks come with the observations."""
    env = from_parallel(lambda: turn_based_aec_to_parallel(tictactoe_v3.raw_env()), reward="individual", limit=9).start(
        1
    )
    step = env.reset(np.random.default_rng(0))
    for turn, square in enumerate((0, 3, 1, 4, 2)):  # the first player fills a column
        assert step.legal[0, 1 - turn % 2].tolist() == [True] + [False] * 8
        actions = np.zeros((1, 2), np.int64)
        actions[0, turn % 2] = square
        assert step.legal[0, turn % 2].sum() == 9 - turn
        step = env.step(actions)
    assert step.reward.tolist() == [[1, -1]]
    assert step.terminated[0]


def test_own_objects():
    one = Countdown()
    alone = from_parallel(one, limit=9).start(1)
    assert alone.copies[0] is one
    many = from_parallel(one, limit=9).start(3)
    assert isinstance(many, Copies)
    assert all(copy is not one for copy in many.copies)
    assert_equal(
        [[a[0] for a in step] for step in play(many, 0)][:1], [[a[0] for a in step] for step in play(alone, 0)][:1]
    )
    assert spec_of(from_parallel(one, limit=9)) is None
    mpe2 = from_parallel(simple_spread_v3.parallel_env(N=2))
    assert mpe2.start(2).spec.limit == 25
    crew = from_parallel(one, limit=9, workers=1).start(2)  # sent to the worker, though its class is nobody's module
    assert_equal(play(crew, 3), play(from_parallel(one, limit=9).start(2), 3))
    one.lock = (x for x in ())  # a generator can be neither copied nor sent
    stuck = from_parallel(one, limit=9)
    stuck.start(1)
    with pytest.raises(ValueError, match="Countdown cannot be copied: play one episode at a time"):
        stuck.start(2)
    with pytest.raises(ValueError, match=r"Countdown cannot be sent to other processes .*; workers=0 keeps it"):
        from_parallel(one, limit=9, workers=1).start(2)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Countdown(sizes=(2, 3, 2)), r"agents differ in their observations \(agent_0 2, agent_1 3.*pad=true"),
        (lambda: Countdown(choices=(2, 3, 2)), r"agents differ in their actions \(agent_0 2, agent_1 3.*pad=true"),
        (lambda: Countdown(space=spaces.Sequence(spaces.Discrete(2))), "agent_0 observes a Sequence space.*a Box fits"),
        (lambda: Countdown(n=0), "no fixed list of agents"),
        (lambda: 3, "no fixed list of agents"),
        (lambda: 1 / 0, "cannot be made: ZeroDivisionError"),
    ],
)
def test_misfits(make, why):
    with pytest.raises(ValueError, match=why):
        from_parallel(make, limit=5).spec  # noqa: B018


def test_turn_based_ones_are_taken_as_they_are():
    """As PettingZoo's own conversion: who has to wait has one action, which does nothing."""
    named = make_env("pettingzoo:pettingzoo.classic.tictactoe_v3(limit=9, reward=individual)")
    for task in (named, from_parallel(tictactoe_v3.env, limit=9), from_parallel(tictactoe_v3.env(), limit=9)):
        env = task.start(1)
        step = env.reset(np.random.default_rng(0))
        assert step.legal[0].sum(axis=1).tolist() == [9, 1]
        assert env.step(np.array([[4, 0]])).legal[0].sum(axis=1).tolist() == [1, 8]


def test_misfits_of_actions():
    odd = Countdown()
    odd.acts["agent_1"] = spaces.MultiDiscrete([2, 2])
    with pytest.raises(ValueError, match=r"agent_1 acts in MultiDiscrete.*a Discrete space fits, or a Box with finite"):
        from_parallel(odd, limit=5).spec  # noqa: B018
    odd.acts["agent_1"] = spaces.Box(0, 1, (3,))
    with pytest.raises(ValueError, match="some agents choose and others act continuously"):
        from_parallel(odd, limit=5).spec  # noqa: B018
    with pytest.raises(ValueError, match="does not say how long its episodes are; limit=N"):
        from_parallel(Countdown()).spec  # noqa: B018


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("pettingzoo:", "cannot read 'pettingzoo:'; write a module such as"),
        ("pettingzoo:no_such_module_here", "cannot import 'no_such_module_here'"),
        ("pettingzoo:butterfly/no_such_game", "butterfly/no_such_game cannot be made: .*no_such_game"),
        ("pettingzoo:math", "'math' is no module of a PettingZoo environment"),
        ("pettingzoo:os:system(command='touch canary')", "'os' is no module of a PettingZoo environment"),
        ("pettingzoo:numpy:load(file='canary')", "the module 'numpy' is none of a PettingZoo environment"),
        ("pettingzoo:mpe2.simple_spread_v3:np", "has no 'np'|makes no PettingZoo environment"),
        ("pettingzoo:pettingzoo.classic.tictactoe_v3", "does not say how long its episodes are; limit=N"),
        ("pettingzoo:mpe2.simple_spread_v3(M=3)", "cannot be made: TypeError: .*'M'"),
        ("pettingzoo:mpe2.simple_spread_v3(3)", "takes its parameters by name"),
        ("pettingzoo:mpe2.simple_spread_v3(workers=many)", "workers must be an integer, not 'many'"),
        ("pettingzoo:mpe2.simple_spread_v3(reward=mine)", "reward must be team or individual"),
        ("pettingzoo:mpe2.simple_spread_v3(limit=-1)", "limit must be a number of steps"),
        ("pettingzoo:mpe2.simple_adversary_v3", "agents differ in their observations.*pad=true"),
    ],
)
def test_bad_specs(text, why):
    with pytest.raises(ValueError, match=why):
        make_env(text).spec  # noqa: B018


def test_specs():
    for text in (
        "pettingzoo:mpe2.simple_spread_v3",
        "pettingzoo:mpe2.simple_spread_v3(N=2, local_ratio=0.25, curriculum=false, reward='individual', limit=9)",
        "pettingzoo:some.where:make_it(names=('a', 'b'), depth=none, pad=true)",
    ):
        assert spec_of(make_env(text)) == text
    task = make_env("pettingzoo:mpe2.simple_spread_v3(workers=3, dynamic_rescaling=False)")
    assert task.workers == 3
    assert task.make == Named("mpe2.simple_spread_v3", parameters=(("dynamic_rescaling", False),))


def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.setitem(sys.modules, "mpe2", None)
    with pytest.raises(ValueError, match=r'pip install "counterplay\[learn\]"'):
        from_parallel(Countdown(), limit=3).spec  # noqa: B018
    monkeypatch.delitem(sys.modules, "counterplay.games.foreign.to_pettingzoo", raising=False)
    with pytest.raises(ValueError, match=r'pip install "counterplay\[learn\]"'):
        import_module("counterplay.games.foreign.to_pettingzoo")
