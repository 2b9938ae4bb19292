"""The kernels of the skirmish: where units begin, what a step does, what they see."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.legal import lawful
from counterplay.engine.random import U64, unit

NOTHING, STAY, NORTH, SOUTH, EAST, WEST, ATTACK = range(7)
HEALTH, DAMAGE, COOL, REACH, SIGHT, SPEED, RADIUS = range(7)  # columns of the table of kinds
KINDS = 6
UNIT, SEEN = 4 + KINDS, 5 + KINDS  # numbers that tell of a unit itself, and of another
FIELD = 32.0  # its sides
_AIM = 6.0  # how far away an enemy may be attacked
_TICKS, _TICK = 4, 0.125  # of a step, and how many seconds each takes
_HOME, _CAMP, _MIDDLE, _SPREAD = 8.0, 24.0, 16.0, 4.0

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class World(NamedTuple):
    """Where all units stand, the team's first: U units in all."""

    kind: I64  # [U]
    stats: F64  # [6, 7]
    team: int  # N
    place: F64  # [B, U, 2] x, y
    health: F64  # [B, U]
    wait: F64  # [B, U] seconds to the next blow
    clock: I64  # [B] steps so far


@jit
def place_all(which: Flags, states: U64, world: World) -> None:
    """Put the units of some episodes where they begin."""
    for b in range(np.uint64(len(which))):
        if not which[b]:
            continue
        for u in range(np.uint64(len(world.kind))):
            x = _HOME if u < np.uint64(world.team) else _CAMP
            world.place[b, u, 0] = x + _SPREAD * (unit(states, b) - 0.5)
            world.place[b, u, 1] = _MIDDLE + _SPREAD * (unit(states, b) - 0.5)
            world.health[b, u] = world.stats[np.uint64(world.kind[u]), HEALTH]


@inlined
def _apart(world: World, b: Index, u: Index, v: Index) -> Any:
    """Return how far apart two units are."""
    dx, dy = world.place[b, v, 0] - world.place[b, u, 0], world.place[b, v, 1] - world.place[b, u, 1]
    return np.sqrt(dx * dx + dy * dy)


@jit
def step(
    actions: I64,
    world: World,
    limit: int,
    legal: Flags,
    reward: F32,  # [B]
    over: tuple[Flags, Flags],  # [B] terminated, truncated
) -> bool:
    """Play one step of each running episode; return False, and play none, if an action is not legal."""
    terminated, truncated = over
    if not lawful(actions, legal, terminated, truncated):
        return False
    units, team = np.uint64(len(world.kind)), np.uint64(world.team)
    target, heading, to, hurt = np.zeros(units, np.int64), np.zeros((units, 2)), np.zeros((units, 2)), np.zeros(units)
    for b in range(np.uint64(len(actions))):
        reward[b] = 0.0
        if terminated[b] or truncated[b]:
            continue
        for u in range(units):
            target[u] = -1
            heading[u, 0], heading[u, 1] = 0.0, 0.0
            if u < team:
                a = actions[b, u]
                if a >= ATTACK:
                    target[u] = np.int64(team) + a - ATTACK
                heading[u, 0] = 1.0 if a == EAST else -1.0 if a == WEST else 0.0
                heading[u, 1] = 1.0 if a == NORTH else -1.0 if a == SOUTH else 0.0
            else:
                _script(b, u, team, world, target, heading)
        before = _left(b, team, units, world)
        for _ in range(_TICKS):
            _tick(b, units, world, target, heading, to, hurt)
        after = _left(b, team, units, world)
        stands = False
        for u in range(team):
            stands |= world.health[b, u] > 0.0
        reward[b] = (before - after) / np.float64(units - team) + (1.0 if stands and after == 0.0 else 0.0)
        world.clock[b] += 1
        terminated[b] = not stands or after == 0.0
        truncated[b] = not terminated[b] and world.clock[b] >= limit
    return True


@inlined
def _left(b: Index, first: Index, last: Index, world: World) -> Any:
    """Return the health of some units, each as a share, added up."""
    total = 0.0
    for u in range(first, last):
        total += world.health[b, u] / world.stats[np.uint64(world.kind[u]), HEALTH]
    return total


@inlined
def _script(b: Index, u: Index, team: Index, world: World, target: I64, heading: F64) -> None:
    """Let an enemy attack the nearest unit that it sees, or walk to where the team began."""
    nearest = world.stats[np.uint64(world.kind[u]), SIGHT]
    for n in range(team):
        if world.health[b, n] > 0.0:
            far = _apart(world, b, u, n)
            if far <= nearest:
                nearest = far
                target[u] = np.int64(n)
    if target[u] < 0:
        dx, dy = _HOME - world.place[b, u, 0], _MIDDLE - world.place[b, u, 1]
        far = np.sqrt(dx * dx + dy * dy)
        if far > 1.0:
            heading[u, 0], heading[u, 1] = dx / far, dy / far


@inlined
def _tick(b: Index, units: Index, world: World, target: I64, heading: F64, to: F64, hurt: F64) -> None:
    """Play a tick: blows and walks all at once, then push apart who overlaps."""
    place, health, wait = world.place, world.health, world.wait
    for u in range(units):
        hurt[u] = 0.0
    for u in range(units):
        to[u, 0], to[u, 1] = place[b, u, 0], place[b, u, 1]
        if health[b, u] <= 0.0:
            continue
        kind = np.uint64(world.kind[u])
        wait[b, u] = max(wait[b, u] - _TICK, 0.0)
        dx, dy, on = heading[u, 0], heading[u, 1], world.stats[kind, SPEED] * _TICK
        if target[u] >= 0:
            foe = np.uint64(target[u])
            if health[b, foe] <= 0.0:
                continue
            far = _apart(world, b, u, foe)
            if far <= world.stats[kind, REACH]:
                if wait[b, u] == 0.0:
                    hurt[foe] += world.stats[kind, DAMAGE]
                    wait[b, u] = world.stats[kind, COOL]
                continue
            dx, dy = (place[b, foe, 0] - place[b, u, 0]) / far, (place[b, foe, 1] - place[b, u, 1]) / far
        to[u, 0], to[u, 1] = to[u, 0] + dx * on, to[u, 1] + dy * on
    for u in range(units):
        place[b, u, 0], place[b, u, 1] = to[u, 0], to[u, 1]
        health[b, u] = max(health[b, u] - hurt[u], 0.0)
    for u in range(units):
        for v in range(u):
            if health[b, u] > 0.0 and health[b, v] > 0.0:
                far = _apart(world, b, u, v)
                over = (
                    world.stats[np.uint64(world.kind[u]), RADIUS] + world.stats[np.uint64(world.kind[v]), RADIUS] - far
                )
                if over > 0.0 and far > 1e-9:
                    dx, dy = (place[b, v, 0] - place[b, u, 0]) / far, (place[b, v, 1] - place[b, u, 1]) / far
                    place[b, u, 0] -= dx * over / 2
                    place[b, u, 1] -= dy * over / 2
                    place[b, v, 0] += dx * over / 2
                    place[b, v, 1] += dy * over / 2
    for u in range(units):
        for k in range(np.uint64(2)):
            place[b, u, k] = min(max(place[b, u, k], 0.0), FIELD)


@jit
def look(which: Flags, world: World, limit: int, obs: F32, state: F32, legal: Flags) -> None:
    """Write what the units of some episodes see, the state, and what is legal."""
    units, team, one = np.uint64(len(world.kind)), np.uint64(world.team), np.uint64(1)
    for b in range(np.uint64(len(which))):
        if not which[b]:
            continue
        i: Any = np.uint64(0)
        for u in range(units):
            _self(b, u, i, world, state[b])
            i += np.uint64(UNIT)
        state[b, i] = np.float64(world.clock[b]) / limit
        for n in range(team):
            alive = world.health[b, n] > 0.0
            _self(b, n, np.uint64(0), world, obs[b, n])
            legal[b, n, NOTHING] = not alive
            for a in range(one, np.uint64(ATTACK)):
                legal[b, n, a] = alive
            sight = world.stats[np.uint64(world.kind[n]), SIGHT]
            i = np.uint64(UNIT)
            for u in range(units):
                if u == n:
                    continue
                far, lives = _apart(world, b, n, u), alive and world.health[b, u] > 0.0
                seen = lives and far <= sight
                may = lives and far <= _AIM
                if u >= team:
                    legal[b, n, np.uint64(ATTACK) + u - team] = may
                for k in range(np.uint64(SEEN)):
                    obs[b, n, i + k] = 0.0
                if seen:
                    kind = np.uint64(world.kind[u])
                    obs[b, n, i] = 1.0
                    obs[b, n, i + one] = (world.place[b, u, 0] - world.place[b, n, 0]) / sight
                    obs[b, n, i + np.uint64(2)] = (world.place[b, u, 1] - world.place[b, n, 1]) / sight
                    obs[b, n, i + np.uint64(3)] = world.health[b, u] / world.stats[kind, HEALTH]
                    ready = 1.0 if may else 0.0
                    obs[b, n, i + np.uint64(4)] = ready if u >= team else world.wait[b, u] / world.stats[kind, COOL]
                    obs[b, n, i + np.uint64(5) + kind] = 1.0
                i += np.uint64(SEEN)


@inlined
def _self(b: Index, u: Index, i: Index, world: World, row: F32) -> None:
    """Write what a unit knows of itself; zeros if it is dead."""
    kind, one = np.uint64(world.kind[u]), np.uint64(1)
    for k in range(np.uint64(UNIT)):
        row[i + k] = 0.0
    if world.health[b, u] > 0.0:
        row[i] = world.health[b, u] / world.stats[kind, HEALTH]
        row[i + one] = world.wait[b, u] / world.stats[kind, COOL]
        row[i + np.uint64(2)] = (world.place[b, u, 0] - _MIDDLE) / _MIDDLE
        row[i + np.uint64(3)] = (world.place[b, u, 1] - _MIDDLE) / _MIDDLE
        row[i + np.uint64(4) + kind] = 1.0
