"""PettingZoo's environments as ours, and ours as PettingZoo's."""

import os
import subprocess
import sys
import textwrap
import time
import warnings
from importlib import import_module

import numpy as np
import pytest
from gymnasium import spaces
from mpe2 import simple_spread_v3
from pettingzoo import ParallelEnv
from pettingzoo.classic import tictactoe_v3
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.utils import turn_based_aec_to_parallel
from test_tree_env import Coin

from counterplay.engine.env import Task
from counterplay.games import GAMES
from counterplay.games.envs import ENVS, make_env, spec_of
from counterplay.games.envs.spread import Spread
from counterplay.games.envs.tree import TurnBased
from counterplay.games.foreign.copies import Copies
from counterplay.games.foreign.pettingzoo import Named, from_parallel
from counterplay.games.foreign.to_pettingzoo import to_aec, to_parallel
from counterplay.games.foreign.workers import Crew


class Countdown(ParallelEnv):
    """Agent i leaves after i + 2 steps; observations count down, and the mask forbids the last action on odd steps."""

    metadata = {"name": "countdown"}  # noqa: RUF012

    def __init__(self, n=3, masks="info", how="terminated", sizes=(2, 2, 2), choices=(3, 3, 3), space=None, fail_at=99):
        self.possible_agents = [f"agent_{i}" for i in range(n)]
        self.masks, self.how, self.sizes, self.fail_at = masks, how, sizes, fail_at
        self.boxes = {a: spaces.Box(-9, 9, (sizes[i],)) for i, a in enumerate(self.possible_agents)}
        if space is not None:
            self.boxes = dict.fromkeys(self.possible_agents, space)
        self.acts = {a: spaces.Discrete(choices[i], start=i) for i, a in enumerate(self.possible_agents)}
        self.heard = []

    def observation_space(self, agent):
        if self.masks != "dict":
            return self.boxes[agent]
        return spaces.Dict(observation=self.boxes[agent], action_mask=spaces.MultiBinary(int(self.acts[agent].n)))

    def action_space(self, agent):
        return self.acts[agent]

    def look(self, agents):
        obs, infos = {}, {}
        for a in agents:
            i = self.possible_agents.index(a)
            seen, mask = np.full(self.sizes[i], 10.0 * i + self.t, np.float32), np.ones(int(self.acts[a].n), np.int8)
            mask[-1] = self.t % 2 == 0
            obs[a] = {"observation": seen, "action_mask": mask} if self.masks == "dict" else seen
            infos[a] = {"action_mask": mask} if self.masks == "info" else {}
        return obs, infos

    def reset(self, seed=None, options=None):
        self.agents, self.t = self.possible_agents[:], 0
        self.heard = [("reset", seed)]
        return self.look(self.agents)

    def step(self, actions):
        assert set(actions) == set(self.agents)
        assert self.t < self.fail_at, "it broke"
        self.heard.append(actions)
        self.t += 1
        playing = self.agents
        over = {a: self.t == self.possible_agents.index(a) + 2 for a in playing}
        never = dict.fromkeys(playing, False)
        flags = (over, never) if self.how == "terminated" else (never, over)
        self.agents = [a for a in playing if not over[a]]
        obs, infos = self.look(playing)
        return obs, {a: 1.0 + self.possible_agents.index(a) for a in playing}, *flags, infos


class Gym(Countdown):
    """Continuous actions, each in [0, 4] x [-1, 0]."""

    def action_space(self, agent):
        return self.boxes.setdefault(
            f"{agent} acts", spaces.Box(np.array([0, -1.0]), np.array([4, 0.0]), dtype=np.float64)
        )

    def look(self, agents):
        return {a: np.zeros(2, np.float32) for a in agents}, {a: {} for a in agents}


class Endless(Countdown):
    def step(self, actions):
        self.t += 1
        no = dict.fromkeys(self.agents, False)
        return *self.look(self.agents)[:1], dict.fromkeys(self.agents, 1.0), no, no, {a: {} for a in self.agents}


def zeros(env):
    return np.zeros((env.batch, env.spec.agents), np.int64)


def play(env, seed):
    """Return all that uniform random play shows."""
    rng, step, shown = np.random.default_rng(seed), env.reset(np.random.default_rng(seed)), []
    while True:
        shown.append([array.copy() for array in step])
        if (step.terminated | step.truncated).all():
            return shown
        step = env.step((rng.random(step.legal.shape) * step.legal).argmax(axis=-1))


def assert_equal(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


# --- theirs as ours


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


@pytest.mark.parametrize("reward", ["team", "individual"])
def test_workers_play_what_one_process_plays(reward):
    text = f"pettingzoo:mpe2.simple_spread_v3(N=2, max_cycles=6, reward={reward}, workers="
    here, there = make_env(f"{text}0)").start(5), make_env(f"{text}2)").start(5)
    assert isinstance(here, Copies)
    assert isinstance(there, Crew)
    shown = play(here, 1)
    assert_equal(shown, play(there, 1))
    assert_equal(shown, play(there, 1))  # the same seed, the same episodes
    assert shown[1][3].shape == ((5,) if reward == "team" else (5, 2))
    first = make_env(f"{text}0)").start(2)
    assert_equal([[array[:2] for array in step] for step in shown[:1]], play(first, 1)[:1])
    here.close()
    there.close()


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


@pytest.mark.parametrize("workers", [0, 1])
def test_failures_are_one_sentence(workers):
    env = from_parallel(lambda: Countdown(fail_at=1), limit=9, workers=workers).start(2)
    env.reset(np.random.default_rng(0))
    env.step(zeros(env))
    with pytest.raises(
        ValueError, match=r"failed after 1 steps: AssertionError: it broke.* \(.*test_pettingzoo.py, line \d+"
    ):
        env.step(zeros(env))
    env.reset(np.random.default_rng(0))  # begins anew
    env.step(zeros(env))


def test_a_worker_that_dies_is_noticed():
    env = from_parallel(Countdown, limit=9, workers=2).start(2)
    env.reset(np.random.default_rng(0))
    env.processes[1].kill()
    env.processes[1].wait()
    with pytest.raises(ValueError, match="a worker process ended unexpectedly, with exit code -9"):
        env.step(zeros(env))
    with pytest.raises(ValueError, match="reset begins anew"):
        env.step(zeros(env))
    assert len(env.processes) == 0
    env.reset(np.random.default_rng(0))
    env.step(zeros(env))


def test_workers_start_light():
    code = "import sys, counterplay.games.foreign.workers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"numba", "scipy", "torch"}.isdisjoint(done.stdout.split())


def running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
@pytest.mark.parametrize("end", ["kill", "interrupt", "forget"])
def test_workers_end_with_their_parent(end, tmp_path):
    """However a script ends that has no guard of its main part, and without a word of theirs about Ctrl-C."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, signal, sys
        import numpy as np
        from mpe2 import simple_spread_v3
        from counterplay.games.foreign.pettingzoo import from_parallel
        def make():
            return simple_spread_v3.parallel_env(N=2)
        env = from_parallel(make, workers=2).start(4)
        env.reset(np.random.default_rng(0))
        print(*(p.pid for p in env.processes), flush=True)
        if {end!r} == "forget":
            del env
            sys.exit()
        os.kill(os.getpid(), signal.SIGKILL if {end!r} == "kill" else signal.SIGINT)
        """)
    )
    done = subprocess.run([sys.executable, str(script)], check=False, capture_output=True, text=True, timeout=60)
    workers = [int(pid) for pid in done.stdout.splitlines()[-1].split()]
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(map(running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(running, workers))
    assert done.stderr.count("Traceback") == (end == "interrupt")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Countdown(sizes=(2, 3, 2)), r"agents differ in their observations \(agent_0 2, agent_1 3.*pad=true"),
        (lambda: Countdown(choices=(2, 3, 2)), r"agents differ in their actions \(agent_0 2, agent_1 3.*pad=true"),
        (lambda: Countdown(space=spaces.Sequence(spaces.Discrete(2))), "agent_0 observes a Sequence space.*a Box fits"),
        (lambda: Countdown(n=0), "no fixed list of agents"),
        (lambda: to_aec("kuhn"), "turn-based .AEC. environment.*turn_based_aec_to_parallel"),
        (lambda: 3, "no fixed list of agents"),
        (lambda: 1 / 0, "cannot be made: ZeroDivisionError"),
    ],
)
def test_misfits(make, why):
    with pytest.raises(ValueError, match=why):
        from_parallel(make, limit=5).spec  # noqa: B018


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
        ("pettingzoo:math", "the module 'math' has no 'parallel_env'"),
        ("pettingzoo:pettingzoo.classic.rps_v2:env", "turn-based .AEC. environment"),
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
    monkeypatch.delitem(sys.modules, "counterplay.games.foreign.to_pettingzoo")
    with pytest.raises(ValueError, match=r'pip install "counterplay\[learn\]"'):
        import_module("counterplay.games.foreign.to_pettingzoo")


# --- ours as theirs

PARALLEL = [*(text for entry in ENVS for text in entry.examples), "spread(reward=individual, continuous=true)", "leduc"]
TURNS = [*(text for entry in GAMES for text in entry.examples), "openspiel:kuhn_poker"]


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
    assert back.spec == task.spec
    seed = int(np.random.default_rng(4).integers(0, 2**31, 1)[0])
    env, native = back.start(1), task.start(1)
    a, b = env.reset(np.random.default_rng(4)), native.reset(np.random.default_rng(seed))
    for _ in range(5):
        assert_equal([a], [b])
        a, b = env.step(np.array([[1, 4]])), native.step(np.array([[1, 4]]))
    assert_equal([a], [b])


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
