"""Predators that catch prey in twos, and are punished for trying alone: relative overgeneralisation on a grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import MAX_STEPS, EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.legal import lawful
from counterplay.engine.random import U64, below, seeds
from counterplay.engine.scene import Scene
from counterplay.games.scenes import grids

RIGHT, DOWN, LEFT, UP, STAY, CATCH = range(6)
_NAMES = ("right", "down", "left", "up", "stay", "catch")

_DOWN = np.array([0, 1, 0, -1])
_RIGHT = np.array([1, 0, -1, 0])
_GONE = -9  # row and column of who is gone: out of the grid, and beside nobody in it
_PREDATOR, _PREY = np.uint64(0), np.uint64(1)  # layers of a grid

I32 = npt.NDArray[np.int32]
F32 = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PredatorPrey:
    """Predators hunt prey on a square of `size` x `size` cells (Böhmer, Kurin and Whiteson, ICML 2020).

    Actions are right, down, left, up, stay, catch; no cell holds two. First the predators move, in random order, each
    if the cell is free. Then comes the turn of every prey, in random order. If at least `catchers` of the predators
    beside it (right, down, left or up) play catch, it is caught: the team gets `prize`, and the prey and those
    predators leave the grid. If fewer do, but some, the team is fined `penalty`. A prey that is not caught moves to a
    free cell beside it, any of them as likely. Walking out of the grid is not legal, nor is catch with no prey beside;
    who has left can only stay, and sees nothing. The rules end the episode when no prey or no predator is left; after
    `steps` steps it is truncated.

    An observation is the square of cells up to `sight` rows and columns away, in reading order: for each cell 1 for a
    predator (the one in the centre is itself), else 0, and 1 for a prey, else 0. What is beyond the edge is empty. The
    state is the whole grid in the same form.

    The authors' settings: the paper's penalties are 0, 1, 1.5 and 2.
    """

    size: int = 10
    predators: int = 8
    prey: int = 8
    penalty: float = 2.0
    prize: float = 10.0
    catchers: int = 2
    sight: int = 2
    steps: int = 200

    def __post_init__(self) -> None:
        if not 2 <= self.size <= 1000:
            raise UserError(f"size must be 2 to 1000, not {self.size}")
        if self.predators < 1 or self.prey < 1 or self.predators + self.prey > self.size**2:
            raise UserError(
                f"there must be a predator, a prey, and a cell for each of all, of {self.size**2}: "
                f"not {self.predators} and {self.prey}"
            )
        if not 1 <= self.catchers <= min(4, self.predators):
            raise UserError(f"catchers must be 1 to {min(4, self.predators)}, not {self.catchers}")
        if not self.penalty >= 0:
            raise UserError(f"penalty must be 0 or more, not {self.penalty:g}")
        if not 1 <= self.sight <= self.size:
            raise UserError(f"sight must be 1 to {self.size}, not {self.sight}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, not {self.steps}")

    @property
    def spec(self) -> EnvSpec:
        side = 2 * self.sight + 1
        return EnvSpec(self.predators, 6, 2 * side**2, state=2 * self.size**2, limit=self.steps, grid=(side, side, 2))

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (_NAMES,) * self.predators

    def start(self, batch: int) -> "PredatorPreyEnv":
        return PredatorPreyEnv(self, batch)


class PredatorPreyEnv:
    """Episodes of predators and prey."""

    def __init__(self, task: PredatorPrey, batch: int) -> None:
        self.spec, self.batch = task.spec, batch
        self._task = task
        self._shown = shown = blank(self.spec, batch)
        self._grid = shown.state.reshape(batch, task.size, task.size, 2)  # the state is where things are looked up
        self._who = np.zeros((batch, task.predators + task.prey, 2), np.int32)  # row and column, predators first
        self._count = np.zeros((batch, 3), np.int32)  # steps so far, predators and prey left
        self._states = np.zeros(batch, np.uint64)
        self._over = (shown.terminated, shown.truncated)
        self._board = (self._states, self._who, self._count, self._grid, shown.obs, shown.legal, task.sight)
        self._parts = {
            "states": Part(self._states),
            "who": Part(self._who, _GONE, task.size - 1),
            "steps": Part(self._count[:, 0], 0, task.steps),
            "reward": Part(shown.reward),
        }

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which = fitting(which, self.batch)
        shown = self._shown
        self._states[which] = seeds(rng, self.batch)[which]
        for array in (shown.state, shown.reward, *self._over):
            array[which] = 0
        self._count[which] = (0, self._task.predators, self._task.prey)
        _reset(which, *self._board)
        return shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        shown, task = self._shown, self._task
        actions = choices(actions, shown)
        rules = (task.catchers, task.prize, task.penalty, task.steps)
        if not _step(actions, *self._board, *rules, shown.reward, *self._over):
            raise illegal(actions, shown)
        return shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        shown, task = self._shown, self._task
        before = self.keep()
        put_back(self._parts, kept)
        here = np.asarray((self._who >= 0).all(axis=2))
        cell = np.where(here, self._who[..., 0] * task.size + self._who[..., 1], -1 - np.arange(here.shape[1]))
        alone = np.diff(np.sort(cell, axis=1), axis=1).all()
        if not (alone and (here | (self._who == _GONE).all(axis=2)).all()):
            put_back(self._parts, before)
            raise UserError("who of an environment that was kept stands in cells of its own, or has left")
        episode, k = np.nonzero(here)
        shown.state[:] = 0
        self._grid[episode, self._who[here][:, 0], self._who[here][:, 1], np.where(k < task.predators, 0, 1)] = 1
        self._count[:, 1], self._count[:, 2] = here[:, : task.predators].sum(1), here[:, task.predators :].sum(1)
        shown.terminated[:] = (self._count[:, 1:] == 0).any(axis=1)
        shown.truncated[:] = ~shown.terminated & (self._count[:, 0] >= task.steps)
        _show_all(self._who, self._grid, shown.obs, shown.legal, task.sight)
        return shown

    def scene(self, episode: int) -> Scene:
        cut, who = self._task.predators, self._who[episode].tolist()
        predators = [(n, row, column) for n, (row, column) in enumerate(who[:cut]) if row != _GONE]
        prey = [(row, column) for row, column in who[cut:] if row != _GONE]
        told = f"predators (squares) left: {len(predators)}, prey (circles) left: {len(prey)}"
        return grids.hunt(self._task.size, predators, prey, [told])

    def render(self, episode: int) -> str:
        cells = [["." for _ in range(self._task.size)] for _ in range(self._task.size)]
        for k, (row, col) in enumerate(self._who[episode]):
            if row != _GONE:
                cells[row][col] = chr(ord("A") + k % 26) if k < self._task.predators else "o"
        steps, predators, prey = self._count[episode]
        legend = f"step {steps} of {self._task.steps}, predators: {predators}, prey (o): {prey}"
        return "\n".join([*map(" ".join, cells), legend, f"reward: {self._shown.reward[episode]:g}"])


@jit
def _show_all(who: I32, grid: F32, obs: F32, legal: Flags, sight: int) -> None:
    for b in range(np.uint64(len(who))):
        _show(b, who, grid, obs, legal, sight)


@jit
def _reset(which: Flags, states: U64, who: I32, count: I32, grid: F32, obs: F32, legal: Flags, sight: int) -> None:
    """Place all of some episodes, predators first, each in a random free cell of the empty grid."""
    size, predators = np.uint64(grid.shape[1]), np.uint64(obs.shape[1])
    for b in range(np.uint64(len(who))):
        if not which[b]:
            continue
        for k in range(np.uint64(who.shape[1])):
            row, col = below(states, b, size), below(states, b, size)
            while grid[b, row, col, _PREDATOR] + grid[b, row, col, _PREY] > 0.0:
                row, col = below(states, b, size), below(states, b, size)
            who[b, k, 0] = row
            who[b, k, 1] = col
            grid[b, row, col, _PREDATOR if k < predators else _PREY] = 1.0
        _show(b, who, grid, obs, legal, sight)


@inlined
def _free(grid: F32, b: Index, row: int, col: int) -> Any:
    """Return whether that is a cell of the grid and empty."""
    if max(np.uint64(row), np.uint64(col)) >= np.uint64(grid.shape[1]):  # a negative one becomes huge
        return False
    return grid[b, np.uint64(row), np.uint64(col), _PREDATOR] + grid[b, np.uint64(row), np.uint64(col), _PREY] == 0.0


@inlined
def _put(who: I32, grid: F32, b: Index, k: Index, layer: Index, row: int, col: int) -> None:
    """Move one of `who` to another cell, or out of the grid."""
    grid[b, np.uint64(who[b, k, 0]), np.uint64(who[b, k, 1]), layer] = 0.0
    who[b, k, 0] = row
    who[b, k, 1] = col
    if row != _GONE:
        grid[b, np.uint64(row), np.uint64(col), layer] = 1.0


@inlined
def _show(b: Index, who: I32, grid: F32, obs: F32, legal: Flags, sight: int) -> None:
    size = np.int64(grid.shape[1])
    for n in range(np.uint64(obs.shape[1])):
        row, col = np.int64(who[b, n, 0]), np.int64(who[b, n, 1])
        here = row != _GONE
        i = np.uint64(0)
        for y in range(row - sight, row + sight + 1):
            for x in range(col - sight, col + sight + 1):
                inside = here & (y >= 0) & (y < size) & (x >= 0) & (x < size)
                for layer in range(np.uint64(2)):
                    obs[b, n, i] = grid[b, np.uint64(y), np.uint64(x), layer] if inside else 0.0
                    i += np.uint64(1)
        near = False
        for a in range(np.uint64(4)):
            y, x = row + _DOWN[a], col + _RIGHT[a]
            inside = here & (y >= 0) & (y < size) & (x >= 0) & (x < size)
            legal[b, n, a] = inside
            if inside:
                near |= grid[b, np.uint64(y), np.uint64(x), _PREY] > 0.0
        legal[b, n, CATCH] = near


@inlined
def _shuffle(states: U64, b: Index, order: npt.NDArray[np.uint32], first: Index, last: Index) -> None:
    """Fill order[first:last] with first .. last - 1 in random order (Fisher and Yates)."""
    for k in range(first, last):
        order[k] = k
    for done in range(last - first):
        here = last - np.uint64(1) - done
        other = first + below(states, b, here - first + np.uint64(1))
        order[here], order[other] = order[other], order[here]


@jit
def _step(
    actions: npt.NDArray[np.int64],
    states: U64,
    who: I32,
    count: I32,
    grid: F32,
    obs: F32,
    legal: Flags,
    sight: int,
    catchers: int,
    prize: float,
    penalty: float,
    limit: int,
    reward: F32,
    terminated: Flags,
    truncated: Flags,
) -> bool:
    """Play one step of each running episode; return False, and play none, if an action is not legal."""
    if not lawful(actions, legal, terminated, truncated):
        return False
    predators, all_ = np.uint64(actions.shape[1]), np.uint64(who.shape[1])
    order = np.empty(all_, np.uint32)
    for b in range(np.uint64(len(actions))):
        reward[b] = 0.0
        if terminated[b] or truncated[b]:
            continue
        _shuffle(states, b, order, np.uint64(0), predators)
        for k in range(predators):
            n = np.uint64(order[k])
            if actions[b, n] < STAY:
                a = np.uint64(actions[b, n])
                row, col = who[b, n, 0] + _DOWN[a], who[b, n, 1] + _RIGHT[a]
                if _free(grid, b, row, col):
                    _put(who, grid, b, n, _PREDATOR, row, col)
        _shuffle(states, b, order, predators, all_)
        for k in range(predators, all_):
            p = np.uint64(order[k])
            if who[b, p, 0] != _GONE:
                reward[b] += _hunt(actions, states, b, p, who, count, grid, catchers, prize, penalty)
        count[b, 0] += np.int32(1)
        terminated[b] = count[b, 1] == 0 or count[b, 2] == 0
        truncated[b] = not terminated[b] and count[b, 0] >= limit
        _show(b, who, grid, obs, legal, sight)
    return True


@inlined
def _hunt(
    actions: npt.NDArray[np.int64],
    states: U64,
    b: Index,
    p: Index,
    who: I32,
    count: I32,
    grid: F32,
    catchers: int,
    prize: float,
    penalty: float,
) -> float:
    """Let a prey be caught or move on; return what the team gets for it."""
    predators = np.uint64(actions.shape[1])
    row, col = np.int64(who[b, p, 0]), np.int64(who[b, p, 1])
    trying = 0
    for n in range(predators):
        if actions[b, n] == CATCH and abs(who[b, n, 0] - row) + abs(who[b, n, 1] - col) == 1:
            trying += 1
    if trying >= catchers:
        _put(who, grid, b, p, _PREY, _GONE, _GONE)
        count[b, 2] -= np.int32(1)
        for n in range(predators):
            if actions[b, n] == CATCH and abs(who[b, n, 0] - row) + abs(who[b, n, 1] - col) == 1:
                _put(who, grid, b, n, _PREDATOR, _GONE, _GONE)
                count[b, 1] -= np.int32(1)
        return prize
    ways = np.uint64(0)
    for a in range(np.uint64(4)):
        ways += np.uint64(_free(grid, b, row + _DOWN[a], col + _RIGHT[a]))
    if ways > np.uint64(0):
        chosen = below(states, b, ways)
        for a in range(np.uint64(4)):
            if _free(grid, b, row + _DOWN[a], col + _RIGHT[a]):
                if chosen == np.uint64(0):
                    _put(who, grid, b, p, _PREY, row + _DOWN[a], col + _RIGHT[a])
                    break
                chosen -= np.uint64(1)
    return -penalty if trying > 0 else 0.0
