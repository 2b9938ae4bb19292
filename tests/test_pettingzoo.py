"""PettingZoo's environments as ours."""

import sys
from dataclasses import replace
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
    assert theirs.spec == replace(ours.spec, lives=True, entities=())
    assert isinstance(theirs, Task)
    seed = int(np.random.default_rng(4).integers(0, 2**31, 1)[0])
    env, native, rng = theirs.start(1), ours.start(1), np.random.default_rng(0)
    a, b = env.reset(np.random.default_rng(4)), native.reset(np.random.default_rng(seed))
    while not a.truncated[0]:
        for x, y in zip(a[:6], b[:6], strict=True):
            np.testing.assert_allclose(x, y, atol=1e-4)
        assert a.alive.all()
        assert not a.ended.any()
        actions = rng.integers(0, 5, (1, 3))
        a, b = env.step(actions), native.step(actions)
    assert b.truncated[0]
    assert not a.terminated[0]
    env.close()


@pytest.mark.parametrize("masks", ["info", "dict"])
@pytest.mark.parametrize("how", ["terminated", "truncated"])
def test_agents_leave_and_episodes_end(masks, how):
    env = from_parallel(lambda: Countdown(masks=masks, how=how), reward="team", limit=50).start(1)
    step = env.reset(np.random.default_rng(0))
    assert env.spec.actions == 3
    assert step.obs[0].tolist() == [[0, 0], [10, 10], [20, 20]]
    assert step.state[0].tolist() == step.obs[0].ravel().tolist()
    seen, rewards = [], []
    while not (step.terminated | step.truncated)[0]:
        seen.append((step.obs[0, :, 0].tolist(), step.legal[0].tolist(), step.alive[0].tolist()))
        assert step.ended[0].tolist() == [len(seen) > i + 2 and how == "terminated" for i in range(3)]
        step = env.step(zeros(env))
        rewards.append(float(step.reward[0]))
    yes, odd, none, late = [True] * 3, [True, True, False], [True, False, False], how == "truncated"
    # What an agent saw last is shown where it has a value, because time ran out and not because the rules ended it.
    assert seen == [
        ([0, 10, 20], [yes] * 3, [True, True, True]),
        ([1, 11, 21], [odd] * 3, [True, True, True]),
        ([2 * late, 12, 22], [yes if late else none, yes, yes], [False, True, True]),
        ([0, 13 * late, 23], [none, odd if late else none, odd], [False, False, True]),
    ]
    assert rewards == [6, 6, 5, 3]
    assert (step.terminated[0], step.truncated[0]) == (how == "terminated", how == "truncated")
    assert step.obs[0, :, 0].tolist() == [0, 0, 24]
    assert step.legal[0].tolist() == [none, none, yes if late else none]  # to bootstrap from
    assert step.alive[0].tolist() == [False, False, late]
    assert step.ended[0].tolist() == [not late] * 3
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
    env = from_parallel(lambda: Countdown(n=2, sizes=(2, 12)), reward="team", limit=9, pad=True).start(1)
    env.reset(np.random.default_rng(0))
    for _ in range(2):
        env.step(zeros(env))
    assert env.render(0).splitlines() == [
        "step 2 of 9 at most, reward 3.",
        "agent_0:   0.00   0.00 (not in play)",
        f"agent_1:{'  12.00' * 10} ...",
    ]


def test_limits_truncate():
    env = from_parallel(lambda: Endless(masks=""), limit=4).start(2)
    shown = play(env, 0)
    assert len(shown) == 5
    assert shown[-1][5].all()
    assert not shown[-1][4].any()


def test_padding():
    env = from_parallel(
        lambda: Countdown(sizes=(1, 3, 2), choices=(2, 4, 3), masks=""), reward="team", limit=9, pad=True
    ).start(1)
    assert (env.spec.observation, env.spec.actions, env.spec.state) == (3, 4, 9)
    step = env.reset(np.random.default_rng(0))
    assert step.obs[0].tolist() == [[0, 0, 0], [10, 10, 10], [20, 20, 0]]
    assert step.legal[0].sum(axis=-1).tolist() == [2, 4, 3]


def test_continuous_actions():
    env = from_parallel(lambda: Gym(masks=""), reward="team", limit=9).start(1)
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

    env = from_parallel(lambda: Cards(space=spaces.Discrete(4), masks=""), reward="team", limit=9).start(1)
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
    alone = from_parallel(one, reward="team", limit=9).start(1)
    assert alone.copies[0] is one
    many = from_parallel(one, reward="team", limit=9).start(3)
    assert isinstance(many, Copies)
    assert all(copy is not one for copy in many.copies)
    assert_equal(
        [[a[0] for a in step] for step in play(many, 0)][:1], [[a[0] for a in step] for step in play(alone, 0)][:1]
    )
    assert spec_of(from_parallel(one, reward="team", limit=9)) is None
    mpe2 = from_parallel(simple_spread_v3.parallel_env(N=2))
    assert mpe2.start(2).spec.limit == 25
    crew = from_parallel(one, reward="team", limit=9, workers=1).start(
        2
    )  # sent to the worker, though its class is nobody's module
    assert_equal(play(crew, 3), play(from_parallel(one, reward="team", limit=9).start(2), 3))
    one.lock = (x for x in ())  # a generator can be neither copied nor sent
    stuck = from_parallel(one, reward="team", limit=9)
    stuck.start(1)
    with pytest.raises(ValueError, match="Countdown cannot be copied: play one episode at a time"):
        stuck.start(2)
    with pytest.raises(ValueError, match=r"Countdown cannot be sent to other processes .*; workers=0 keeps it"):
        from_parallel(one, reward="team", limit=9, workers=1).start(2)


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
    for given in (None, tictactoe_v3.env, tictactoe_v3.env()):
        task = named if given is None else from_parallel(given, limit=9, reward="individual")
        env = task.start(1)
        step = env.reset(np.random.default_rng(0))
        assert step.legal[0].sum(axis=1).tolist() == [9, 1]
        assert env.step(np.array([[4, 0]])).legal[0].sum(axis=1).tolist() == [1, 8]


def test_misfits_of_actions():
    odd = Countdown()
    odd.acts["agent_1"] = spaces.MultiBinary(2)
    with pytest.raises(
        ValueError, match=r"agent_1 acts in MultiBinary.*a Discrete or flat MultiDiscrete space fits, or a Box"
    ):
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
        from_parallel(Countdown(), reward="team", limit=3).spec  # noqa: B018
    monkeypatch.delitem(sys.modules, "counterplay.games.foreign.to_pettingzoo", raising=False)
    with pytest.raises(ValueError, match=r'pip install "counterplay\[learn\]"'):
        import_module("counterplay.games.foreign.to_pettingzoo")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "mpe2.simple_tag_v3(pad=true)",
            "simple_tag_v3 pays agents differently .one step paid .*reward=team.*reward=ind",
        ),
        ("classic/rps_v2(limit=20)", "the sum was always 0.*reward=team trains all .*reward=individual trains each"),
        ("countdown:Sparse(limit=9)", "Sparse paid nothing in a little random play: say whether they are one team"),
    ],
)
def test_enemies_are_no_team(text, why):
    """Whose rewards neither are equal nor go together is asked for: a sum would hide what they are worth."""
    with pytest.raises(ValueError, match=why):
        make_env(f"pettingzoo:{text}").spec  # noqa: B018
    for reward in ("team", "individual"):
        assert make_env(f"pettingzoo:{text[:-1]}, reward={reward})").spec.team == (reward == "team")


def test_rewards_that_go_together_are_a_team_s():
    assert make_env("pettingzoo:mpe2.simple_spread_v3(N=2)").spec.team  # the landmarks' share is everybody's
    assert make_env("pettingzoo:mpe2.simple_speaker_listener_v4(pad=true)").spec.team
    assert from_parallel(Endless, limit=4).spec.team
    one = from_parallel(lambda: Countdown(n=1), limit=4).spec
    assert one.team
    assert not one.lives


class Broken(Endless):
    """An environment that is wrong in one way at step 3."""

    def __init__(self, fault):
        super().__init__(n=2)
        self.fault = fault

    def state(self):
        return np.full(3, np.inf if self.fault == "state" and self.t == 3 else 1.0)

    def reset(self, seed=None, options=None):
        answer = super().reset(seed, options)
        return answer[0] if self.fault == "reset" else answer

    def step(self, actions):
        obs, rewards, ended, late, infos = super().step(actions)
        infos = {a: {"action_mask": np.ones(3, np.int8)} for a in self.agents}
        if self.t < 3:
            return obs, rewards, ended, late, infos
        match self.fault:
            case "nan":
                obs["agent_1"][1] = np.nan
            case "shape":
                obs["agent_1"] = np.zeros(3)
            case "object":
                obs["agent_1"] = np.array(["a", None], object)
            case "missing":
                del obs["agent_1"]
            case "stranger":
                obs["nobody"] = obs["agent_1"]
            case "reward":
                rewards["agent_1"] = float("inf")
            case "rewards":
                rewards["agent_1"] = np.zeros(2)
            case "unpaid":
                del rewards["agent_1"]
            case "one":
                rewards = dict.fromkeys(rewards, np.array([1.0]))
            case "four":
                return obs, rewards, ended, infos
            case "list":
                return obs, [1.0, 1.0], ended, late, infos
            case "flag":
                ended["agent_1"] = "yes"
            case "mask":
                infos["agent_1"]["action_mask"][:] = 0
            case "masks":
                infos["agent_1"]["action_mask"] = np.ones(2)
            case "back":
                ended["agent_1"] = self.t == 3
                self.agents = ["agent_0"] if self.t == 3 else ["agent_0", "agent_1"]
        return obs, rewards, ended, late, infos


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("nan", "episode 0, step 3, agent_1: its observation holds nan as number 1"),
        ("shape", r"step 3, agent_1: its observation has 3 numbers, \(3,\) in shape, where its space has 2"),
        ("object", r"step 3, agent_1: its observation has to be numbers, not array\(\['a', None\]"),
        ("missing", "step 3, agent_1: it is in play and has no observation"),
        ("stranger", "step 3: observations are of 'nobody', which is none of the possible agents: agent_0, agent_1"),
        ("reward", "step 3, agent_1: its reward has to be one finite number, not inf"),
        ("rewards", r"step 3, agent_1: its reward has to be one finite number, not array\(\[0., 0.\]\)"),
        ("unpaid", "step 3, agent_1: it acted, and step.. says nothing of it among the rewards"),
        ("four", "step 3: step.. has to return five dictionaries by agent .*, not 4 things"),
        ("list", "step 3: rewards have to be a dictionary by agent, not list"),
        ("flag", "step 3, agent_1: its termination has to be true or false, not 'yes'"),
        ("mask", "step 3, agent_1: it is in play, and its action_mask forbids everything"),
        ("masks", "step 3, agent_1: its action_mask has to be 3 zeros and ones"),
        ("state", "step 3: the state holds inf as number 0"),
        ("back", "step 4, agent_1: it is in play again after its game was over, which PettingZoo rules out"),
        ("reset", "step 0: reset.. has to return observations and infos, .*not one dict"),
    ],
)
def test_a_wrong_environment_is_named(fault, why):
    for workers in (0, 1) if fault in ("nan", "mask") else (0,):
        with pytest.raises(ValueError, match=f"^test_a_wrong_environment_is_named.*: .*{why}"):
            play(from_parallel(lambda: Broken(fault), reward="team", limit=5, workers=workers).start(2), 0)


def test_rewards_may_be_arrays_of_one():
    assert [float(step[3][0]) for step in play(from_parallel(lambda: Broken("one"), limit=4).start(1), 0)] == [
        0,
        *[2.0] * 4,
    ]


class Relay(Countdown):
    """Agent 1 comes at step 1 and leaves for step 3 without a word; agent 0 is always there."""

    def here(self):
        return [a for a in self.possible_agents if a == "agent_0" or self.t in (1, 2, 4)]

    def reset(self, seed=None, options=None):
        super().reset()
        self.agents = self.here()
        return self.look(self.agents)

    def step(self, actions):
        assert set(actions) == set(self.agents)
        self.t += 1
        never, paid = dict.fromkeys(self.agents, False), dict.fromkeys(self.agents, 1.0)
        self.agents = self.here()
        obs, infos = self.look(self.agents)
        return obs, paid, never, never, infos


def test_agents_come_late_and_may_be_away():
    shown = play(from_parallel(lambda: Relay(n=2), limit=5).start(1), 0)
    alive, ended, reward = ([step[i][0].tolist() for step in shown] for i in (6, 7, 3))
    assert alive == [[True, False], [True, True], [True, True], [True, False], [True, True], [True, False]]
    assert ended == [[False, False]] * 3 + [[False, True], [False, False], [False, True]]
    assert reward == [0, 1, 2, 2, 1, 2]
    assert shown[0][0][0, 1].tolist() == [0, 0]
    assert shown[-1][5][0]  # time ran out


def test_pictures_stay_bytes():
    class Pictures(Endless):
        def look(self, agents):
            return {a: np.full((4, 4, 3), 250, np.uint8) for a in agents}, {a: {} for a in agents}

    space = spaces.Box(0, 255, (4, 4, 3), np.uint8)
    for workers in (0, 1):
        env = from_parallel(lambda: Pictures(space=space, masks=""), limit=3, workers=workers).start(2)
        step = env.reset(np.random.default_rng(0))
        assert (step.obs.dtype, step.state.dtype) == (np.uint8, np.uint8)
        assert step.obs.shape == (2, 3, 48)
        assert (step.obs == 250).all()
