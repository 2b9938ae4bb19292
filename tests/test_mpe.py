"""MPE's tasks beside mpe2's own: from the same states, by the same actions, everything comes out the same."""

from importlib import import_module

import numpy as np
import pytest

from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.mpe import Adversary, Crypto, Push, Reference, Simple, SpeakerListener
from counterplay.games.envs.mpe_chase import Tag, WorldComm
from counterplay.games.envs.mpe_shapes import Formation, Line
from counterplay.games.envs.mpe_treasure import CollectTreasure

ORIGINALS = {
    Simple: ("simple_v3", {}),
    Adversary: ("simple_adversary_v3", {"N": "agents"}),
    Push: ("simple_push_v3", {}),
    Reference: ("simple_reference_v3", {"local_ratio": "local_ratio"}),
    SpeakerListener: ("simple_speaker_listener_v4", {}),
    Crypto: ("simple_crypto_v3", {}),
    Line: ("simple_line_v1", {"N": "agents"}),
    Formation: ("simple_formation_v1", {"N": "agents"}),
    Tag: ("simple_tag_v3", {"num_good": "prey", "num_adversaries": "chasers", "num_obstacles": "obstacles"}),
    CollectTreasure: (
        "collect_treasure_v1",
        {"num_collectors": "collectors", "num_deposits": "deposits", "num_treasures": "treasures"},
    ),
    WorldComm: (
        "simple_world_comm_v3",
        {"num_good": "prey", "num_obstacles": "obstacles", "num_food": "food", "num_forests": "forests"},
    ),
}


def original(task):
    module, names = ORIGINALS[type(task)]
    more = {"num_adversaries": task.chasers + 1} if isinstance(task, WorldComm) else {}
    given = {theirs: getattr(task, ours) for theirs, ours in names.items()} | more
    make = import_module(f"mpe2.{module}").parallel_env
    return make(max_cycles=task.steps, continuous_actions=task.continuous, **given)


def inject(env, theirs):
    """Put the first episode of ours into mpe2's world, whose goals follow from what ours wrote down."""
    world, added = theirs.unwrapped.world, env.world.added[0]
    for entity, place in zip(world.entities, env.world.place[0], strict=True):
        entity.state.p_pos = place.copy()
    marks = world.landmarks
    match env.task:
        case Adversary() | Push():
            goal = next(one for one in marks if np.array_equal(one.state.p_pos, added[:2]))
            for agent in world.agents:
                agent.goal_a = goal
            if isinstance(env.task, Push):
                world.agents[1].color = np.full(3, 0.25)
                world.agents[1].color[goal.index + 1] += 0.5
        case Line():
            theirs.unwrapped.scenario._expected_positions = list(env.task.places(env.world)[0])
        case Reference():
            for i in range(2):
                world.agents[i].goal_b = marks[added[5 * i : 5 * i + 3].argmax()]
        case SpeakerListener():
            world.agents[0].goal_b = marks[added[:3].argmax()]
        case CollectTreasure():
            for mark, kind in zip(marks, env.task.added(env.world).kinds[0], strict=True):
                mark.type = int(kind.argmax())
        case Crypto():
            for agent in world.agents:
                agent.goal_a = marks[added[:4].argmax()]
            world.agents[2].key = marks[added[4:].argmax()].color


def translated(theirs, agent, action):
    """Return an action of ours as mpe2 takes it."""
    space = theirs.action_space(agent)
    if not space.shape:
        return int(action)
    body = theirs.unwrapped.world.agents[theirs.possible_agents.index(agent)]
    parts, words = [], action
    if body.movable:
        (x, y), words = action[:2], action[2:]
        parts = [0, max(-x, 0), max(x, 0), max(-y, 0), max(y, 0)]
    return np.array([*parts, *(words[: space.shape[0] - len(parts)] + 1) / 2], np.float32)


class Luck:
    """What mpe2 draws for treasures that appear: where ours have appeared, and of what kind."""

    def __init__(self, env, theirs):
        first, kinds = len(env.task.bodies[0]), env.task.added(env.world).kinds[0]
        anew = [j for j, mark in enumerate(theirs.unwrapped.world.landmarks) if not mark.alive]
        self.due = iter([(env.world.place[0, first + j].copy(), int(kinds[j].argmax())) for j in anew])

    def uniform(self, *bounds):
        if not bounds:  # whether it appears
            return 0.0
        place, self.kind = next(self.due)
        return place

    def integers(self, low, high):
        return self.kind


def close_by(env, rng):
    """Throw everything closer together now and then, so that bodies touch."""
    if rng.random() < 0.7:
        env.world.place[:] *= rng.choice([0.2, 0.5])
        if env.task.more and not isinstance(env.task, WorldComm | Crypto | CollectTreasure):
            marks = env.world.place[0, len(env.task.bodies[0]) :]
            if isinstance(env.task, Adversary | Push):
                env.world.added[0, :2] = marks[rng.integers(len(marks)) if isinstance(env.task, Adversary) else 0]
                if isinstance(env.task, Push):
                    env.world.added[0, 2:5] = 0.25, 0.75, 0.25
            elif isinstance(env.task, Reference):
                for i in range(2):
                    goal = env.world.added[0, 5 * i : 5 * i + 3].argmax()
                    env.world.added[0, 5 * i + 3 : 5 * i + 5] = marks[goal]
            else:
                env.world.added[0, 3:] = marks[env.world.added[0, :3].argmax()]
        env._look()


def beside(task, seed):
    """Play an episode in both; return how much was paid beyond what is seen at once."""
    env, theirs, rng = task.start(1), original(task), np.random.default_rng(seed)
    theirs.reset(seed=seed)
    step = env.reset(rng)
    close_by(env, rng)
    inject(env, theirs)
    names = theirs.possible_agents
    seen = {name: theirs.unwrapped.observe(name) for name in names}
    paid = []
    for time in range(1, task.steps + 1):
        for n, name in enumerate(names):
            mine = step.obs[0, n]
            np.testing.assert_allclose(mine[: len(seen[name])], seen[name], rtol=0, atol=1e-5)
            assert not mine[len(seen[name]) :].any()
            if not task.continuous:
                count = theirs.action_space(name).n
                assert step.legal[0, n].tolist() == [a < count for a in range(env.spec.actions)]
        if task.continuous:
            actions = rng.uniform(-1.2, 1.2, step.legal.shape).clip(-1, 1).astype(np.float32)
        else:
            actions = (rng.random(step.legal.shape) * step.legal).argmax(axis=2)
        step = env.step(actions)
        chosen = {name: translated(theirs, name, actions[0, n]) for n, name in enumerate(names)}
        if isinstance(task, CollectTreasure):
            theirs.unwrapped.world._np_random = Luck(env, theirs)
        seen, rewards, terminated, truncated, _ = theirs.step(chosen)
        expected = np.array([rewards[name] for name in names])
        np.testing.assert_allclose(step.reward[0], expected.sum() if task.team else expected, rtol=1e-5, atol=1e-5)
        assert not any(terminated.values())
        assert step.truncated[0] == all(truncated.values()) == (time == task.steps)
        paid.append(expected)
    theirs.close()
    return np.array(paid)


TASKS = [
    Simple(),
    Adversary(),
    Push(),
    Reference(),
    SpeakerListener(),
    Crypto(),
    Line(),
    Formation(),
    Tag(),
    WorldComm(),
    CollectTreasure(reward="individual"),
]
MORE = [
    CollectTreasure(collectors=9, deposits=3, treasures=12, steps=60),
    CollectTreasure(collectors=1, deposits=1, treasures=1, reward="individual", continuous=True, steps=60),
    Line(agents=7, reward="individual", steps=50),
    Line(agents=1, steps=5),
    Formation(agents=5, continuous=True),
    Formation(agents=9, reward="individual", steps=50),
    Simple(continuous=True),
    Adversary(agents=4, continuous=True),
    Push(continuous=True),
    Reference(local_ratio=0.2, reward="individual", continuous=True),
    SpeakerListener(reward="individual", continuous=True),
    Crypto(continuous=True, steps=5),
    Tag(chasers=4, prey=3, obstacles=3, steps=40),
    Tag(obstacles=0, continuous=True),
    WorldComm(chasers=2, prey=3, obstacles=2, food=1, forests=3, steps=40),
    WorldComm(chasers=0, prey=1, forests=0, continuous=True),
]


@pytest.mark.parametrize("task", TASKS, ids=spec_of)
def test_beside_mpe2(task):
    beside(task, 0)


@pytest.mark.parametrize("task", TASKS + MORE, ids=spec_of)
def test_beside_mpe2_for_long(task):
    paid = np.concatenate([beside(task, seed) for seed in range(12)])
    if isinstance(task, Tag | WorldComm):
        assert (paid[:, 0] > 4).any()  # somebody was caught
    if isinstance(task, CollectTreasure):
        assert (paid[:, -1] > 4).any()  # something was taken or brought


@pytest.mark.parametrize("task", TASKS, ids=spec_of)
def test_starts_are_distributed_alike(task):
    """The means and spreads of what agents see first, over 3,000 starts of each."""
    step, theirs = task.start(3000).reset(np.random.default_rng(3)), original(task)
    theirs.reset(seed=1)
    bare = theirs.unwrapped
    seen = [[] for _ in theirs.possible_agents]
    for _ in range(3000):
        bare.scenario.reset_world(bare.world, bare.np_random)
        for n, name in enumerate(theirs.possible_agents):
            seen[n].append(bare.observe(name))
    for n, rows in enumerate(seen):
        ours, other = step.obs[:, n, : len(rows[0])].astype(np.float64), np.array(rows, np.float64)
        for a, b in ((ours, other), (ours**2, other**2), (np.roll(ours, 1, 1) * ours, np.roll(other, 1, 1) * other)):
            apart = np.abs(a.mean(axis=0) - b.mean(axis=0))
            assert (apart <= 5 * np.sqrt((a.var(axis=0) + b.var(axis=0)) / 3000) + 1e-6).all()


@pytest.mark.parametrize("task", [Tag(opponents="script"), Adversary(opponents="script")], ids=spec_of)
def test_scripts_play_better_than_chance(task):
    """What chance wins against a script is less than against chance."""
    learned = type(task)()
    totals = []
    for one in (task, learned):
        env, draw = one.start(300), np.random.default_rng(1)
        step, total = env.reset(np.random.default_rng(0)), 0.0
        while not step.truncated.all():
            step = env.step(draw.integers(0, 5, step.legal.shape[:2]))
            mean = step.reward.mean(axis=0)
            whose = slice(1, None) if isinstance(task, Adversary) else slice(0, 3)
            total += mean if one.team else mean[whose].sum()
        totals.append(total)
    assert totals[0] < totals[1] - 5
    assert task.spec.agents == learned.spec.agents - 1
    assert task.spec.team
    assert not learned.spec.team


def test_picture():
    env = SpeakerListener().start(2)
    env.reset(np.random.default_rng(0))
    assert "0 said nothing" in env.render(1)
    env.step(np.array([[2, 0], [1, 4]]))
    assert "0 said B" in env.render(1)
    assert {"0", "1", "o"} <= set(env.render(1))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("simple(steps=0)", "steps must be a whole number from 1 to"),
        ("adversary(agents=0)", "agents must be a whole number from 1 to 100, not 0"),
        ("collect_treasure(deposits=7)", "deposits must be a whole number from 1 to 6, not 7"),
        ("adversary(opponents=none)", "opponents must be learn or script"),
        ("tag(prey=0)", "prey must be a whole number from 1 to 100, not 0"),
        ("world_comm(food=0)", "food must be a whole number from 1 to 100, not 0"),
        ("reference(local_ratio=2)", "local_ratio must be 0 to 1"),
        ("speaker_listener(reward=mine)", "reward must be team or individual, not 'mine'"),
    ],
)
def test_bad_parameters(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_env(text)
