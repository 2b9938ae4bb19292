"""The warehouse beside RWARE itself: the same start, the same actions, and everything must come out the same."""

import numpy as np
import pytest

from counterplay.games.envs import make_env, spec_of
from counterplay.games.envs.warehouse import Warehouse
from counterplay.games.envs.warehouse_steps import LOAD, PAID, WAY, X, Y

FORWARD, LEFT, RIGHT, TOGGLE = 1, 2, 3, 4
COLUMN, ROW, FACES, CARRIES, DELIVERED = (int(k) for k in (X, Y, WAY, LOAD, PAID))
AHEAD = [(-1, 0), (1, 0), (0, -1), (0, 1)]  # rows and columns: up, down, left, right

TASKS = [
    Warehouse(steps=60),
    Warehouse(agents=4, reward="individual", steps=60),
    Warehouse(height=2, agents=7, requests=5, two_stage=True, reward="individual", steps=60),
    Warehouse(rows=2, height=1, agents=12, requests=3, sight=2, steps=60),
    Warehouse(columns=5, height=3, agents=1, requests=9, sight=3, steps=60),
]


def original(task):
    rware = pytest.importorskip("rware.warehouse")
    kind = rware.RewardType.TWO_STAGE if task.two_stage else rware.RewardType.INDIVIDUAL
    sizes = (task.columns, task.height, task.rows)
    return rware.Warehouse(*sizes, task.agents, 0, task.sight, task.asked, None, task.steps, kind)


def walls(env):
    """Return where the floor lies in our bordered one."""
    wide, sight = env._size
    shape = (-1, wide)
    return shape, (slice(sight, -sight), slice(sight, -sight))


def inject(env, b, peer):
    """Put an episode of ours into RWARE, as it is now; return what is observed there."""
    from rware.warehouse import Direction

    shape, inner = walls(env)
    floor = env.floor
    shelves = floor.shelf[b].reshape(shape)[inner]
    for y, x in np.argwhere(shelves):
        shelf = peer.shelfs[shelves[y, x] - 1]
        shelf.x, shelf.y = x, y
    for agent, row in zip(peer.agents, floor.robots[b].tolist(), strict=True):
        agent.x, agent.y, agent.dir = row[COLUMN], row[ROW], Direction(row[FACES])
        agent.carrying_shelf = peer.shelfs[row[CARRIES] - 1] if row[CARRIES] else None
        agent.has_delivered = bool(row[DELIVERED])
    peer.request_queue = [peer.shelfs[s - 1] for s in floor.queue[b]]
    peer._recalc_grid()
    return [peer._make_obs(agent) for agent in peer.agents]


class Dealer:
    """Deals RWARE the requests that were drawn here."""

    def __init__(self, shelves):
        self.shelves = list(shelves)

    def choice(self, candidates):
        shelf = self.shelves.pop(0)
        assert shelf in candidates
        return shelf


def dealt(before, after, goals, delivered, shelves):
    """Return the shelves that were asked for anew, goal by goal, of two where shelves `goals` stand (0: none)."""
    queue, new = before.tolist(), []
    for goal in goals:
        if goal in queue:
            place = queue.index(goal)
            late = not new and delivered > np.isin(goals, before).sum()  # the other was asked for while it was there
            queue[place] = goals[1] if late else after[place]
            new.append(shelves[queue[place] - 1])
    return Dealer(new)


def naive_moves(env, b, actions):
    """Return who goes, by the definition: [N] of True, False, or None where only a tie decides.

    A graph of cells, an edge for each agent from where it is to where it heads. Of each weakly connected part, agents
    on a cycle that is not of two go, and else those on a longest path.
    """
    shape, inner = walls(env)
    shelves = env.floor.shelf[b].reshape(shape)[inner]
    robots = env.floor.robots[b]
    start = [(int(row[ROW]), int(row[COLUMN])) for row in robots]
    carried = {place for place, row in zip(start, robots, strict=True) if row[CARRIES]}
    to = []
    for place, row, action in zip(start, robots, actions, strict=True):
        down, right = AHEAD[row[FACES]]
        there = place[0] + down, place[1] + right
        inside = 0 <= there[0] < shelves.shape[0] and 0 <= there[1] < shelves.shape[1]
        if action != FORWARD or not inside or (row[CARRIES] and shelves[there] and there not in carried):
            there = place
        to.append(there)
    goes = [False] * len(start)
    for free in set(to) - set(start):

        def chains(cell):
            behind = [n for n, there in enumerate(to) if there == cell and start[n] != cell]
            return [[n, *more] for n in behind for more in [[], *chains(start[n])]]

        longest = max(map(len, chains(free)))
        best = [chain for chain in chains(free) if len(chain) == longest]
        for n in set.union(*map(set, best)):
            goes[n] = True if all(n in chain for chain in best) else None
    for n, place in enumerate(start):
        ring = [n]
        while to[ring[-1]] in start and (m := start.index(to[ring[-1]])) not in ring:
            ring.append(m)
        if len(ring) > 2 and to[ring[-1]] == place:
            goes[n] = True
    return goes


def eager(env, b, rng):
    """Return actions of robots that mostly go to shelves that are asked for, and to the goals with them."""
    shape, inner = walls(env)
    floor, task = env.floor, env.task
    shelves = floor.shelf[b].reshape(shape)[inner]
    wanted = np.argwhere(np.isin(shelves, floor.queue[b]))
    goals = np.argwhere(task.floor() == 2)
    actions = rng.choice(5, task.agents, p=[0.1, 0.45, 0.15, 0.15, 0.15])
    for n, row in enumerate(floor.robots[b]):
        here = np.array([row[ROW], row[COLUMN]])
        if rng.random() < 0.7:
            if not row[CARRIES] and shelves[tuple(here)] in floor.queue[b]:
                actions[n] = TOGGLE
                continue
            targets = goals if row[CARRIES] else wanted
            apart = targets[np.abs(targets - here).sum(axis=1).argmin()] - here
            along = int(np.abs(apart).argmax()) if rng.random() < 0.7 else int(rng.integers(2))
            way = 2 * along + int(apart[along] > 0)
            if apart[along]:
                actions[n] = FORWARD if row[FACES] == way else rng.choice([LEFT, RIGHT])
    return actions


def beside(task, batch, seed):
    """Play episodes in both; return how much was paid, how many moves only a tie decided, and how many went."""
    env, peers, rng = task.start(batch), [original(task) for _ in range(batch)], np.random.default_rng(seed)
    step = env.reset(np.random.default_rng(seed))
    for b, peer in enumerate(peers):
        peer.reset(seed=b)
        assert np.array_equal(step.obs[b], inject(env, b, peer))
    paid, ties, went = 0.0, 0, 0
    shape, inner = walls(env)
    for time in range(1, task.steps + 1):
        actions = np.array([eager(env, b, rng) for b in range(batch)])
        expected = [naive_moves(env, b, actions[b]) for b in range(batch)]
        before, queues = env.floor.robots.copy(), env.floor.queue.copy()
        step = env.step(actions)
        moved = (env.floor.robots[:, :, :2] != before[:, :, :2]).any(axis=2)
        for b, peer in enumerate(peers):
            for n, goes in enumerate(expected[b]):
                assert goes is None or goes == moved[b, n]
            shelves = env.floor.shelf[b].reshape(shape)[inner]
            goals = [shelves[y, x] for x, y in peer.goals]
            robots = {(row[COLUMN], row[ROW]): n for n, row in enumerate(env.floor.robots[b])}
            paid_there = [step.reward[b, robots[at]] for at in peer.goals if at in robots and step.reward.ndim > 1]
            delivered = np.count_nonzero(paid_there) if step.reward.ndim > 1 else step.reward[b]
            peer._np_random = dealt(queues[b], env.floor.queue[b], goals, delivered, peer.shelfs)
            tied = None in expected[b]
            if tied and task.agents > 2:  # RWARE lets a hash table decide, so it goes on from where ours is
                peer._cur_steps += 1
                assert np.array_equal(step.obs[b], inject(env, b, peer))
                ties += 1
                continue
            obs, rewards, done, _, _ = peer.step(actions[b].tolist())
            assert np.array_equal(step.obs[b], obs)
            assert np.array_equal(step.state[b], np.concatenate(obs))
            assert np.allclose(step.reward[b], rewards if task.reward == "individual" else sum(rewards))
            assert done == step.truncated[b] == (time == task.steps)
            assert not step.terminated[b]
            paid, ties = paid + sum(rewards), ties + tied
        went += moved.sum()
    return paid, ties, went


def test_beside_rware():
    _, _, went = beside(TASKS[0], 1, 1)
    assert went > 20


@pytest.mark.parametrize("task", TASKS, ids=spec_of)
def test_beside_rware_for_long(task):
    paid, ties, went = np.sum([beside(task, 10, seed) for seed in range(3)], axis=0)
    assert went > 300
    assert paid > 0
    assert ties < went / 20


@pytest.mark.parametrize(
    ("places", "goes"),
    [
        ("> >", [1, 1]),  # a queue
        (">.<", [1, 0]),  # a tie goes to the lowest
        ("<.>", [1, 1]),  # apart
        ("><", [0, 0]),  # nobody changes places
        (">>.<", [1, 1, 0]),  # the longest queue goes
        (">.<<", [0, 1, 1]),
        (">v\n^<", [1, 1, 1, 1]),  # a ring
        (">>v\n ^<", [0, 1, 1, 1, 1]),  # who heads into a ring waits
        (">o", [0, 0]),  # who turns is in the way
        (">>o", [0, 0, 0]),
    ],
)
def test_who_goes(places, goes):
    """Robots in the lower aisle and the one above, by their pictures; o turns, . is a free cell."""
    task = Warehouse(height=1, agents=len(goes), requests=1)
    env = task.start(1)
    env.reset(np.random.default_rng(0))
    kept, at = env.keep(), task.floor().shape[0] - 2
    signs = [
        (y, x, sign) for y, line in enumerate(places.split("\n")) for x, sign in enumerate(line) if sign in "^v<>o"
    ]
    for n, (y, x, sign) in enumerate(signs):
        kept["robots"][0, n, [COLUMN, ROW, FACES]] = x + 3, at + y, "^v<>o".index(sign) % 4
    env.resume(kept)
    actions = [LEFT if sign == "o" else FORWARD for _, _, sign in signs]
    expected = naive_moves(env, 0, np.array(actions))
    assert all(known is None or known == one for known, one in zip(expected, goes, strict=True))
    before = env.floor.robots[0, :, :2].copy()
    env.step(np.array([actions]))
    assert (env.floor.robots[0, :, :2] != before).any(axis=1).tolist() == [bool(one) for one in goes]


def test_a_shelf_is_taken_delivered_and_put_back():
    env = Warehouse(height=1, agents=1, two_stage=True).start(1)
    env.reset(np.random.default_rng(0))
    kept = env.keep()
    kept["robots"][0, 0] = (1, 1, 1, 0, 0, 0, 0, 0, 0, 0)  # under the first shelf, facing down
    kept["queue"][0, 0] = 1
    env.resume(kept)
    way = [TOGGLE, FORWARD, LEFT, *[FORWARD] * 3, RIGHT, FORWARD]  # from (1, 1) to the goal (4, 3)
    assert [env.step(np.array([[a]])).reward[0] for a in way] == [0.0] * 7 + [0.5]
    assert env.floor.queue[0, 0] != 1
    back = [RIGHT, RIGHT, FORWARD, LEFT, *[FORWARD] * 3, RIGHT, FORWARD]
    assert not any(env.step(np.array([[a]])).reward[0] for a in back)
    assert env.step(np.array([[TOGGLE]])).reward[0] == 0.5
    assert not env.floor.robots[0, 0, CARRIES]


def test_picture():
    env = Warehouse(agents=1).start(1)
    env.reset(np.random.default_rng(0))
    kept = env.keep()
    kept["robots"][0, 0] = (1, 1, 2, 1, 0, 0, 0, 0, 0, 0)
    kept["queue"][0, 0] = 1
    env.resume(kept)
    assert env.render(0).splitlines()[1].startswith(" .<X x")
    assert env.render(0).splitlines()[-2] == " . . . . G G . . . ."


def test_starts_are_distributed_alike():
    """Each cell, way and shelf is as likely as any other: no frequency of 20,000 starts is far from its mean."""
    env = Warehouse(height=2).start(20_000)
    env.reset(np.random.default_rng(4))
    robots, cells = env.floor.robots, 5 * 10
    at = np.bincount((robots[:, :, ROW] * 10 + robots[:, :, COLUMN]).ravel(), minlength=cells)
    assert abs(at - 40_000 / cells).max() < 5 * np.sqrt(40_000 / cells)
    assert (robots[:, 0, :2] != robots[:, 1, :2]).any(axis=1).all()
    for found in (np.bincount(robots[:, :, FACES].ravel()), np.bincount(env.floor.queue.ravel())[1:]):
        assert abs(found - found.mean()).max() < 5 * np.sqrt(found.mean())
    assert (env.floor.queue[:, 0] != env.floor.queue[:, 1]).all()


def test_ids_of_rware():
    assert make_env("rware-tiny-2ag-v2") == Warehouse()
    assert make_env("rware-small-4ag-easy-v1") == Warehouse(rows=2, agents=4, requests=8)
    assert make_env("rware-large-3ag-hard-v2") == Warehouse(rows=3, columns=5, agents=3, requests=1)
    assert spec_of(make_env("rware-tiny-4ag-v2")) == "warehouse(agents=4)"
    for wrong in ("rware-huge-2ag-v2", "rware-tiny-v2", "rware-img-tiny-2ag-v2"):
        with pytest.raises(ValueError, match="is no id of RWARE's that is known here; write rware-tiny-2ag-v2"):
            make_env(wrong)
    with pytest.raises(ValueError, match="asks for no shelves"):
        make_env("rware-tiny-1ag-hard-v2")


def test_sizes_are_those_of_rware():
    gymnasium = pytest.importorskip("gymnasium")
    pytest.importorskip("rware")
    for text in ("rware-tiny-2ag-v2", "rware-small-4ag-easy-v2", "rware-medium-3ag-v2", "rware-large-19ag-hard-v2"):
        task, peer = make_env(text), gymnasium.make(text, disable_env_checker=True).unwrapped
        assert np.array_equal(task.floor() != 1, peer.highways)
        assert [tuple(at) for at in np.argwhere(task.floor() == 2)[:, ::-1]] == peer.goals
        assert (task.agents, task.asked, task.steps) == (peer.n_agents, peer.request_queue_size, peer.max_steps)
        assert task.spec.observation == peer.observation_space[0].shape[0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("warehouse(rows=0)", "rows must be 1 to 50"),
        ("warehouse(columns=4)", "columns must be an odd number from 3 to 51, not 4"),
        ("warehouse(height=0)", "height must be 1 to 50"),
        ("warehouse(agents=0)", "agents must be 1 to 55 in a warehouse of that size, not 0"),
        ("warehouse(requests=32)", "requests must be 1 to 31, of 32 shelves, not 32"),
        ("warehouse(height=1, agents=9)", "requests must be 1 to 3, of 4 shelves, not 9"),
        ("warehouse(sight=0)", "sight must be 1 to 10"),
        ("warehouse(steps=0)", "steps must be 1 to 1,000,000,000"),
        ("warehouse(reward=shared)", "reward must be team or individual, not 'shared'"),
    ],
)
def test_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_env(text)
