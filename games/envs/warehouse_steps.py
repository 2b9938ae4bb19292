"""The kernels of `warehouse`: who moves where, what is delivered, what robots see.

A cell of the floor is one number, by rows; around the floor is a border as wide as robots see, which nobody enters.
Shelves and robots are numbered from 1 where they stand, so that 0 is none.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.legal import lawful
from counterplay.engine.random import U64, below

AISLE, SHELF, GOAL, OUTSIDE = range(4)
NONE, FORWARD, LEFT, RIGHT, TOGGLE = range(5)
UP, DOWN, WEST, EAST = range(4)

# Columns of a robot's row: where it is, the way it faces, the shelf it carries or 0, whether that was delivered. While
# a step is worked out also its cell, the one that it heads for, whoever is there (itself if it stays, or -1), how long
# its queue is, and whether it goes.
X, Y, WAY, LOAD, PAID, AT, TO, NEXT, QUEUE, GOES = (np.uint64(k) for k in range(10))
COLUMNS = 10

_RIGHTS = np.array([EAST, WEST, UP, DOWN])  # of up, down, left, right
_LEFTS = np.array([WEST, EAST, DOWN, UP])
_ACROSS = np.array([0, 0, -1, 1])
_ALONG = np.array([-1, 1, 0, 0])


class Floor(NamedTuple):
    """B episodes in a warehouse of C cells, S shelves and Q requests."""

    kind: npt.NDArray[np.int8]  # [C]
    goals: npt.NDArray[np.int64]  # [2] cells
    robots: npt.NDArray[np.int32]  # [B, N, COLUMNS]
    agent: npt.NDArray[np.int16]  # [B, C] who stands there
    shelf: npt.NDArray[np.int16]  # [B, C] which shelf stands there, or is carried there
    queue: npt.NDArray[np.int16]  # [B, Q] shelves that are asked for
    asked: npt.NDArray[np.bool_]  # [B, S + 1] the same by shelf
    luck: U64  # [B]
    clock: npt.NDArray[np.int64]  # [B]
    over: npt.NDArray[np.bool_]  # [B]
    reward: npt.NDArray[np.float32]  # [B, N], or [B, 1] for the team


@inlined
def _cell(robots: npt.NDArray[np.int32], b: Index, n: Index, wide: int, sight: int) -> Index:
    return np.uint64((np.int64(robots[b, n, Y]) + sight) * wide + np.int64(robots[b, n, X]) + sight)


@inlined
def _ask(floor: Floor, b: Index, q: Index, free: int) -> None:
    """Ask for one of the `free` shelves that are not asked for, and put it into place q of the queue."""
    left, s = np.int64(below(floor.luck, b, np.uint64(free))), np.uint64(1)
    while s < np.uint64(floor.asked.shape[1] - 1):
        if not floor.asked[b, s]:
            if left == 0:
                break
            left -= 1
        s += np.uint64(1)
    floor.asked[b, s] = True
    floor.queue[b, q] = np.int16(s)


@jit
def play(
    actions: npt.NDArray[np.int64],  # [B, N]
    legal: npt.NDArray[np.bool_],  # [B, N, 5]
    floor: Floor,
    wide: int,
    sight: int,
    two_stage: bool,
    limit: int,
) -> bool:
    """Play one step of each running episode; return False, and play none, if an action is not legal."""
    if not lawful(actions, legal, floor.over, floor.over):
        return False
    robots, agent, shelf, kind = floor.robots, floor.agent, floor.shelf, floor.kind
    agents, paying = np.uint64(actions.shape[1]), np.uint64(floor.reward.shape[1])
    for b in range(np.uint64(len(actions))):
        for n in range(paying):
            floor.reward[b, n] = 0.0
        if floor.over[b]:
            continue
        _head(actions, robots, agent, shelf, kind, b, wide, sight)
        _resolve(robots, b, agents)
        _act(actions, robots, agent, shelf, kind, floor.reward, b, two_stage)
        _deliver(floor, b, two_stage)
        floor.clock[b] += 1
        floor.over[b] = floor.clock[b] >= limit
    return True


@inlined
def _head(
    actions: npt.NDArray[np.int64],
    robots: npt.NDArray[np.int32],
    agent: npt.NDArray[np.int16],
    shelf: npt.NDArray[np.int16],
    kind: npt.NDArray[np.int8],
    b: Index,
    wide: int,
    sight: int,
) -> None:
    """Write where robots head for, and who is there. A shelf that stands in the way of a carried one stops it."""
    for n in range(np.uint64(actions.shape[1])):
        at = _cell(robots, b, n, wide, sight)
        to: Any = at
        if actions[b, n] == FORWARD:
            way = np.uint64(robots[b, n, WAY])
            ahead = np.uint64(np.int64(at) + _ALONG[way] * wide + _ACROSS[way])
            to = at if kind[ahead] == OUTSIDE else ahead
            if robots[b, n, LOAD] != 0 and to != at and shelf[b, to] != 0:
                there = agent[b, to]
                if there == 0 or robots[b, np.uint64(there - 1), LOAD] == 0:
                    to = at
        robots[b, n, AT] = at
        robots[b, n, TO] = to
        robots[b, n, NEXT] = np.int32(n) if to == at else np.int32(agent[b, to]) - 1
        robots[b, n, QUEUE] = 0
        robots[b, n, GOES] = 0


@inlined
def _resolve(robots: npt.NDArray[np.int32], b: Index, agents: Index) -> None:
    """Decide who goes. Whoever is followed along NEXT comes to a free cell, to one who stays, or round in a ring."""
    m: Any
    for n in range(agents):
        m, far = n, np.int32(1)
        while robots[b, m, NEXT] >= 0 and far <= np.int32(agents):
            m = np.uint64(robots[b, m, NEXT])
            if m == n:
                break
            far += np.int32(1)
        if robots[b, m, NEXT] < 0:  # a queue to a free cell: all on the way have that many behind them
            m, far = n, np.int32(1)
            while True:
                robots[b, m, QUEUE] = max(robots[b, m, QUEUE], far)
                if robots[b, m, NEXT] < 0:
                    break
                m, far = np.uint64(robots[b, m, NEXT]), far + np.int32(1)
        elif m == n and far >= 3:
            robots[b, n, GOES] = 1
    for n in range(agents):
        if robots[b, n, NEXT] >= 0 or robots[b, n, QUEUE] == 0:
            continue
        first = True
        for m in range(agents):
            if m != n and robots[b, m, TO] == robots[b, n, TO]:
                longer = robots[b, m, QUEUE] > robots[b, n, QUEUE]
                first &= not (longer or (robots[b, m, QUEUE] == robots[b, n, QUEUE] and m < n))
        m = n
        while first:
            robots[b, m, GOES] = 1
            behind: Any = agents
            for k in range(agents):
                after = k != m and robots[b, k, NEXT] == np.int32(m)
                if after and (behind == agents or robots[b, k, QUEUE] > robots[b, behind, QUEUE]):
                    behind = k
            first = behind < agents and robots[b, m, QUEUE] > 1
            m = behind


@inlined
def _act(
    actions: npt.NDArray[np.int64],
    robots: npt.NDArray[np.int32],
    agent: npt.NDArray[np.int16],
    shelf: npt.NDArray[np.int16],
    kind: npt.NDArray[np.int8],
    reward: npt.NDArray[np.float32],
    b: Index,
    two_stage: bool,
) -> None:
    """Let those go who can, with what they carry; turn; take shelves, and put them down."""
    agents = np.uint64(actions.shape[1])
    for n in range(agents):
        if robots[b, n, GOES] != 0:
            at = np.uint64(robots[b, n, AT])
            agent[b, at] = 0
            if robots[b, n, LOAD] != 0:
                shelf[b, at] = 0
    for n in range(agents):
        way, action, load = np.uint64(robots[b, n, WAY]), actions[b, n], robots[b, n, LOAD]
        if robots[b, n, GOES] != 0:
            to = np.uint64(robots[b, n, TO])
            agent[b, to] = np.int16(n) + np.int16(1)
            if load != 0:
                shelf[b, to] = np.int16(load)
            robots[b, n, X] += np.int32(_ACROSS[way])
            robots[b, n, Y] += np.int32(_ALONG[way])
        elif action == LEFT:
            robots[b, n, WAY] = _LEFTS[way]
        elif action == RIGHT:
            robots[b, n, WAY] = _RIGHTS[way]
        elif action == TOGGLE:
            at = np.uint64(robots[b, n, AT])
            if load == 0:
                robots[b, n, LOAD] = np.int32(shelf[b, at])
            elif kind[at] == SHELF:
                robots[b, n, LOAD] = 0
                if two_stage and robots[b, n, PAID] != 0:
                    reward[b, n if reward.shape[1] > 1 else np.uint64(0)] += 0.5
                robots[b, n, PAID] = 0
    for n in range(agents):  # what only a step needs is not kept
        for k in range(AT, np.uint64(COLUMNS)):
            robots[b, n, k] = 0


@inlined
def _deliver(floor: Floor, b: Index, two_stage: bool) -> None:
    """Pay for shelves on goals that were asked for, and ask for others."""
    queue = np.uint64(floor.queue.shape[1])
    for g in range(np.uint64(len(floor.goals))):
        at = np.uint64(floor.goals[g])
        s = np.uint64(floor.shelf[b, at])
        if s == np.uint64(0) or not floor.asked[b, s] or floor.agent[b, at] == 0:
            continue
        n = np.uint64(floor.agent[b, at] - 1)
        place = np.uint64(0)
        while place + np.uint64(1) < queue and np.uint64(floor.queue[b, place]) != s:
            place += np.uint64(1)
        _ask(floor, b, place, floor.asked.shape[1] - 1 - np.int64(queue))
        floor.asked[b, s] = False
        floor.reward[b, n if floor.reward.shape[1] > 1 else np.uint64(0)] += 0.5 if two_stage else 1.0
        floor.robots[b, n, PAID] = 1


@jit
def look(
    robots: npt.NDArray[np.int32],
    agent: npt.NDArray[np.int16],
    shelf: npt.NDArray[np.int16],
    asked: npt.NDArray[np.bool_],
    kind: npt.NDArray[np.int8],
    wide: int,
    sight: int,
    obs: npt.NDArray[np.float32],  # [B, N, O]
) -> None:
    """Write what all robots see; arrays are those of `Floor`."""
    across, one = np.uint64(2 * sight + 1), np.uint64(1)
    for b in range(np.uint64(len(robots))):
        for n in range(np.uint64(robots.shape[1])):
            at = _cell(robots, b, n, wide, sight)
            obs[b, n, np.uint64(0)] = robots[b, n, X]
            obs[b, n, one] = robots[b, n, Y]
            obs[b, n, np.uint64(2)] = 1.0 if robots[b, n, LOAD] != 0 else 0.0
            for k in range(np.uint64(4)):
                obs[b, n, np.uint64(3) + k] = 1.0 if robots[b, n, WAY] == np.int32(k) else 0.0
            obs[b, n, np.uint64(7)] = 0.0 if kind[at] == SHELF else 1.0
            o: Any = np.uint64(8)
            first = at - np.uint64(sight * wide + sight)
            for y in range(across):
                for x in range(across):
                    c = first + y * np.uint64(wide) + x
                    there, s = agent[b, c], np.uint64(shelf[b, c])
                    way = robots[b, np.uint64(there - 1), WAY] if there != 0 else np.int32(UP)
                    obs[b, n, o] = 1.0 if there != 0 else 0.0
                    for k in range(np.uint64(4)):
                        obs[b, n, o + one + k] = 1.0 if way == np.int32(k) else 0.0
                    obs[b, n, o + np.uint64(5)] = 1.0 if s != np.uint64(0) else 0.0
                    obs[b, n, o + np.uint64(6)] = 1.0 if asked[b, s] else 0.0
                    o += np.uint64(7)
