"""What the cooks of Overcooked observe, in either form."""

from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import Index, inlined, jit

FLOOR, COUNTER, POT, ONIONS, DISHES, SERVING = range(6)  # what a cell is
NOTHING, ONION, DISH, SOUP = range(4)  # what is held or lies on a counter; a soup of k onions is SOUP - 1 + k
TIME_TO_COOK = 20
LAYERS = 26  # numbers a cell
_FIXED = 2 + 8 + 10 + 10 + 3 * 7 + 1  # numbers of a vector but for pots

I32 = npt.NDArray[np.int32]
I8 = npt.NDArray[np.int8]
F32 = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


def vector_size(pots: int) -> int:
    """Return how many numbers a vector has."""
    return _FIXED + 7 * pots


@inlined
def onions(pot: Any) -> Any:
    """Return how many onions are in a pot."""
    return pot & 3


@inlined
def cooked(pot: Any) -> Any:
    """Tell whether a pot's soup is ready."""
    return pot >> 2 > TIME_TO_COOK


@jit
def show_grids(
    which: Flags,
    touched: I32,  # [B, K] cells
    world: tuple[I32, I32, I32],  # who, things, clock
    terrain: I8,
    obs: F32,
    limit: int,
) -> None:
    """Write what can change of the cells that were touched, both cooks' layers 0 to 9 and 16 to 24, and the last."""
    who, things, clock = world
    for b in range(np.uint64(len(which))):
        if not which[b]:
            continue
        for k in range(np.uint64(touched.shape[1])):
            _paint(b, np.uint64(touched[b, k]), who, things, terrain, obs)
        urgent = 1.0 if limit - clock[b] < 40 else 0.0
        if obs[b, 0, np.uint64(LAYERS - 1)] != urgent:
            for n in range(np.uint64(2)):
                for at in range(np.uint64(LAYERS - 1), np.uint64(obs.shape[2]), np.uint64(LAYERS)):
                    obs[b, n, at] = urgent


@inlined
def _paint(b: Index, cell: Index, who: I32, things: I32, terrain: I8, obs: F32) -> None:
    first, one = cell * np.uint64(LAYERS), np.uint64(1)
    for n in range(np.uint64(2)):
        for layer in range(np.uint64(10)):
            obs[b, n, first + layer] = 0.0
        for layer in range(np.uint64(16), np.uint64(25)):
            obs[b, n, first + layer] = 0.0
        thing = np.int64(things[b, cell]) if terrain[cell] == COUNTER else np.int64(NOTHING)
        for k in range(np.uint64(2)):
            if np.uint64(who[b, k, 0]) == cell:
                other = np.uint64(k != n)
                obs[b, n, first + other] = 1.0
                obs[b, n, first + np.uint64(2) + np.uint64(4) * other + np.uint64(who[b, k, 1])] = 1.0
                thing = np.int64(who[b, k, 2])
        if thing >= SOUP:
            obs[b, n, first + np.uint64(18)] = thing - SOUP + 1
            obs[b, n, first + np.uint64(21)] = 1.0
        elif thing != NOTHING:
            obs[b, n, first + np.uint64(24) - np.uint64(thing)] = 1.0
        if terrain[cell] == POT:
            pot = np.int64(things[b, cell])
            if pot < 4:
                obs[b, n, first + np.uint64(16)] = pot
            else:
                obs[b, n, first + np.uint64(18)] = onions(pot)
                obs[b, n, first + np.uint64(20)] = TIME_TO_COOK + one - np.uint64(pot >> 2)
                obs[b, n, first + np.uint64(21)] = 1.0 if cooked(pot) else 0.0


@jit
def show_vectors(
    which: Flags,
    world: tuple[I32, I32, I32],  # who, things, clock
    terrain: I8,
    away: I32,
    pots: npt.NDArray[np.int64],
    height: int,
    obs: F32,
    limit: int,
) -> None:
    """Write both cooks' vectors of some episodes."""
    who, things, clock = world
    for b in range(np.uint64(len(which))):
        if which[b]:
            _look(b, who, things, terrain, away, pots, height, obs, clock[b] / limit)


@inlined
def _look(
    b: Index,
    who: I32,
    things: I32,
    terrain: I8,
    away: I32,
    pots: npt.NDArray[np.int64],
    height: int,
    obs: F32,
    over: float,
) -> None:
    """Write both cooks' vectors."""
    one, cells = np.uint64(1), np.uint64(len(terrain))
    side = 1.0 / np.float64(max(height, len(terrain) // height))
    nearest = np.zeros(7, np.int64)
    for n in range(np.uint64(2)):
        here, other = np.int64(who[b, n, 0]), one - n
        column, row = here // height, here % height
        obs[b, n, 0] = column * side
        obs[b, n, 1] = row * side
        i: Any = np.uint64(2)
        _cook(b, n, i, n, who, obs)
        i += np.uint64(8)
        facing = who[b, n, 1]
        faced = np.uint64(here + (-1 if facing == 0 else 1 if facing == 1 else height if facing == 2 else -height))
        kind: Any = np.int64(terrain[faced])
        thing: Any = np.int64(things[b, faced])
        if faced == np.uint64(who[b, other, 0]):
            kind = 9
        elif kind == COUNTER:
            kind = 1 + min(thing, SOUP)
        elif kind != FLOOR:
            kind += 3
        for k in range(np.uint64(10)):
            obs[b, n, i + k] = 1.0 if k == np.uint64(kind) else 0.0
        i += np.uint64(10)
        there = np.int64(who[b, other, 0])
        obs[b, n, i] = (there // height - column) * side
        obs[b, n, i + one] = (there % height - row) * side
        _cook(b, n, i + np.uint64(2), other, who, obs)
        i += np.uint64(10)
        for p in range(np.uint64(len(pots))):
            there, pot = pots[p], np.int64(things[b, np.uint64(pots[p])])
            obs[b, n, i] = (there // height - column) * side
            obs[b, n, i + one] = (there % height - row) * side
            obs[b, n, i + np.uint64(2)] = 1.0 if away[np.uint64(here), np.uint64(there)] < cells else 0.0
            obs[b, n, i + np.uint64(3)] = onions(pot) / 3
            obs[b, n, i + np.uint64(4)] = 1.0 if pot >= 4 and not cooked(pot) else 0.0
            obs[b, n, i + np.uint64(5)] = (TIME_TO_COOK + 1 - (pot >> 2)) / TIME_TO_COOK if pot >= 4 else 0.0
            obs[b, n, i + np.uint64(6)] = 1.0 if cooked(pot) else 0.0
            i += np.uint64(7)
        for k in range(np.uint64(7)):
            nearest[k] = -1
        for cell in range(cells):
            kind = np.int64(terrain[cell])
            if kind in (FLOOR, POT) or away[np.uint64(here), cell] >= cells:
                continue
            if kind == COUNTER:  # an onion, a dish, a soup, nothing
                thing = np.int64(things[b, cell])
                sort = np.uint64(6) if thing == NOTHING else np.uint64(2 + min(thing, SOUP))
            else:
                sort = np.uint64(kind - ONIONS)
            if nearest[sort] < 0 or away[np.uint64(here), cell] < away[np.uint64(here), np.uint64(nearest[sort])]:
                nearest[sort] = cell
        for k in range(np.uint64(7)):
            found = nearest[k] >= 0
            obs[b, n, i] = (nearest[k] // height - column) * side if found else 0.0
            obs[b, n, i + one] = (nearest[k] % height - row) * side if found else 0.0
            obs[b, n, i + np.uint64(2)] = 1.0 if found else 0.0
            i += np.uint64(3)
        obs[b, n, i] = over


@inlined
def _cook(b: Index, n: Index, i: Index, k: Index, who: I32, obs: F32) -> None:
    """Write which way a cook faces, and what it holds."""
    for way in range(np.uint64(4)):
        obs[b, n, i + way] = 1.0 if way == np.uint64(who[b, k, 1]) else 0.0
        obs[b, n, i + np.uint64(4) + way] = 1.0 if way == np.uint64(min(who[b, k, 2], SOUP)) else 0.0
