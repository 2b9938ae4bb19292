"""Level-based foraging: players gather food that only players of enough level together can lift.

The rules of lbforaging 2.0 (Papoudakis et al., NeurIPS 2021; Christianos et al., NeurIPS 2020), and tests hold the two
against each other step by step.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import MAX_STEPS, EnvSpec, Step, blank, choices, illegal
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.keeping import Part, copies, fitting, put_back
from counterplay.engine.random import below, seeds
from counterplay.engine.scene import Scene
from counterplay.games.scenes import grids

MAX_LEVEL = 1000

NONE, NORTH, SOUTH, WEST, EAST, LOAD = range(6)
_NAMES = ("stay", "north", "south", "west", "east", "load")

# In kernels a position is one number, row * 2**16 + column, so that a move is an addition.
_ROW = 1 << 16
_MOVES = np.array([0, -_ROW, _ROW, -1, 1, 0])
_NOWHERE = -(1 << 30)  # where food is when it is gone: beside nothing
_AT, _LEVEL, _TO, _LOADED = (np.uint64(k) for k in range(4))  # columns of a board
_STEPS, _LEFT, _TOTAL = (np.uint64(k) for k in range(3))  # columns of its last row

I32 = npt.NDArray[np.int32]
F32 = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Foraging:
    """Level-based foraging on a square of `size` x `size` cells, with lbforaging's rules.

    Actions are none, north, south, west, east, load; one that cannot be done (into a wall or food, or loading beside no
    food) is none. Players who head for the same cell all stay, where a player that stays heads for its own cell. All
    players who load the same food lift it if their levels add up to its level; else each is fined `penalty`. The rules
    end the episode when no food is left; after `steps` steps it is truncated (lbforaging says terminated).

    Players have levels `min_player_level` to `max_player_level`; food has `min_food_level` to `max_food_level` (0: the
    sum of the three lowest players' levels), and with `coop` always the highest: with up to three players, all have to
    help. A player that lifts food of level f together with others of levels l gets f * its own level / sum of l, with
    `normalize` divided by the sum of all food, so that the team can gather 1 in all. `reward` is `team` (the sum over
    players) or `individual`.

    A player sees what is at most `sight` cells away, by row and by column (0: everything):

    | numbers of an observation | what they are |
    | --- | --- |
    | 3 for each of `food` | row, column and level of a food in sight, in reading order; -1, -1, 0 for the rest |
    | 3 for each player | row, column and level, itself first, then others in sight; -1, -1, 0 for the rest |

    Rows and columns count from the upper left corner of what is in sight. (As in lbforaging, near the upper and left
    edges other players are seen up to twice as far as food.) The state is all observations one after another.
    """

    size: int = 8
    players: int = 2
    food: int = 2
    coop: bool = False
    sight: int = 0
    min_player_level: int = 1
    max_player_level: int = 2
    min_food_level: int = 1
    max_food_level: int = 0
    penalty: float = 0.0
    normalize: bool = True
    steps: int = 50
    reward: str = "team"

    def __post_init__(self) -> None:
        if not 3 <= self.size <= 1000:
            raise UserError(f"size must be 3 to 1000, not {self.size}")
        if not 1 <= self.players <= self.size**2 // 2:
            raise UserError(
                f"players must be 1 to {self.size**2 // 2}, half the cells of size {self.size}, not {self.players}"
            )
        if not 1 <= self.food <= (self.size - 2) ** 2:
            raise UserError(f"food must be 1 to {(self.size - 2) ** 2} with size {self.size}, not {self.food}")
        if self.sight < 0:
            raise UserError(f"sight must be 1 or more, or 0 to see everything, not {self.sight}")
        if not 1 <= self.min_player_level <= self.max_player_level <= MAX_LEVEL:
            raise UserError(f"player levels must be 1 to {MAX_LEVEL}, and min_player_level not above max_player_level")
        if not 0 <= self.max_food_level <= 3 * MAX_LEVEL:
            raise UserError(f"max_food_level must be 0 to {3 * MAX_LEVEL}, not {self.max_food_level}")
        highest = self.max_food_level or self.min_player_level * min(3, self.players)
        if not 1 <= self.min_food_level <= highest:
            raise UserError(f"min_food_level must be 1 to {highest}, the least that the highest food can be")
        if not self.penalty >= 0:
            raise UserError(f"penalty must be 0 or more, not {self.penalty:g}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise UserError(f"steps must be 1 to {MAX_STEPS:,}, not {self.steps}")
        if self.reward not in ("team", "individual"):
            raise UserError(f"reward must be team or individual, not {self.reward!r}")

    @property
    def spec(self) -> EnvSpec:
        seen = 3 * (self.food + self.players)
        own = 3 * self.food  # where what a player sees of itself begins
        entities = ((0, self.food, 3), (own + 3, self.players - 1, 3))
        return EnvSpec(
            self.players,
            6,
            seen,
            self.players * seen,
            self.steps,
            team=self.reward == "team",
            entities=tuple(part for part in entities if part[1]),
        )

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (_NAMES,) * self.players

    def start(self, batch: int) -> "ForagingEnv":
        return ForagingEnv(self, batch)


def from_id(text: str) -> Foraging:
    """Return the task of one of lbforaging's ids, such as Foraging-2s-8x8-2p-2f-coop-v3; raise `ValueError`."""
    found = re.fullmatch(r"Foraging(-2s)?-(\d+)x(\d+)-(\d+)p-(\d+)f(-coop)?(-ind)?(-pen)?-v3", text)
    if not found or found[2] != found[3]:
        raise UserError(
            f"{text!r} is no id of lbforaging's that is known here; write Foraging[-2s]-8x8-2p-2f[-coop][-ind][-pen]-v3"
        )
    short, size, _, players, food, coop, single, fined = found.groups()
    return Foraging(
        size=int(size),
        players=int(players),
        food=int(food),
        coop=bool(coop),
        sight=2 if short else 0,
        max_food_level=1 if single else 0,
        penalty=0.1 if fined else 0.0,
    )


class ForagingEnv:
    """Episodes of foraging."""

    def __init__(self, task: Foraging, batch: int) -> None:
        self.spec, self.batch = task.spec, batch
        self._task = task
        shown = blank(self.spec, batch)
        self._over = np.zeros((2, batch), np.bool_)
        self._shown = shown._replace(
            state=shown.obs.reshape(batch, -1), terminated=self._over[0], truncated=self._over[1]
        )
        # A row for each player (where it is, its level, where it heads for, the food it loads or -1), for each food
        # (where it is, its level) in reading order, and one that counts steps, food left, and all food's levels.
        self._board = np.zeros((batch, task.players + task.food + 1, 4), np.int32)
        field = (task.size, task.sight or task.size, shown.obs)
        players, food = (task.min_player_level, task.max_player_level), (task.min_food_level, task.max_food_level)
        self._drawn = (self._board, *field, task.players, players, food, task.coop)
        paid = shown.reward.reshape(batch, -1)
        self._game = (self._board, *field, paid, self._over, task.steps, task.penalty, task.normalize)

        self._parts = {"board": Part(self._board, _NOWHERE, 1 << 30), "reward": Part(shown.reward)}

    def reset(self, rng: np.random.Generator) -> Step:
        return self.renew(np.ones(self.batch, np.bool_), rng)

    def renew(self, which: npt.NDArray[np.bool_], rng: np.random.Generator) -> Step:
        which = fitting(which, self.batch)
        _reset(which, seeds(rng, self.batch), *self._drawn)
        self._shown.reward[which] = 0
        self._over[:, which] = False
        return self._shown

    def step(self, actions: npt.NDArray[Any]) -> Step:
        actions = choices(actions, self._shown)
        if not _step(actions, *self._game):
            raise illegal(actions, self._shown)
        return self._shown

    def keep(self) -> dict[str, npt.NDArray[Any]]:
        return copies(self._parts)

    def resume(self, kept: Mapping[str, npt.NDArray[Any]]) -> Step:
        put_back(self._parts, kept)
        last = self._board[:, -1]
        self._over[0] = (last[:, int(_LEFT)] == 0) & (last[:, int(_STEPS)] > 0)
        self._over[1] = ~self._over[0] & (last[:, int(_STEPS)] >= self._task.steps)
        _look(*self._game[:4])
        return self._shown

    def scene(self, episode: int) -> Scene:
        things = [(*divmod(at, _ROW), level) for at, level, _, _ in self._board[episode, :-1].tolist()]
        players = self._task.players
        return grids.foraging(self._task.size, things[:players], [one for one in things[players:] if one[2]])

    def render(self, episode: int) -> str:
        size, agents = self._task.size, self._task.players
        cells = [[" ." for _ in range(size)] for _ in range(size)]
        *things, (steps, left, _, _) = self._board[episode].tolist()
        for at, level, _, _ in things[agents:]:
            if level:
                cells[at // _ROW][at % _ROW] = f"{level:2d}"
        for n, (at, level, _, _) in enumerate(things[:agents]):  # two in one cell: the last covers the others
            cells[at // _ROW][at % _ROW] = f"{chr(ord('a') + n % 26)}{level % 10}"
        reward = self._shown.reward[episode].sum()
        legend = f"step {steps} of {self._task.steps}, food left: {left}, reward of the step: {reward:.3g}"
        return "\n".join([*map(" ".join, cells), legend])


@jit
def _look(board: I32, size: int, sight: int, obs: F32) -> None:
    for b in range(np.uint64(len(board))):
        _observe(b, board, size, sight, obs, np.uint64(obs.shape[1]), np.uint64(board.shape[1]) - np.uint64(1))


@jit
def _reset(
    which: Flags,
    states: npt.NDArray[np.uint64],
    board: I32,
    size: int,
    sight: int,
    obs: F32,
    players: int,
    player_levels: tuple[int, int],
    food_levels: tuple[int, int],
    coop: bool,
) -> None:
    """Place players anywhere, then food off the edges and apart from each other (lbforaging's `reset`)."""
    agents, end, wide = np.uint64(players), np.uint64(board.shape[1]) - np.uint64(1), np.uint64(size)
    weakest, spread = player_levels[0], np.uint64(player_levels[1] - player_levels[0] + 1)
    for b in range(np.uint64(len(board))):
        if not which[b]:
            continue
        for n in range(agents):
            free = False
            while not free:
                at = np.int64(below(states, b, wide)) * _ROW + np.int64(below(states, b, wide))
                free = True
                for m in range(n):
                    free &= board[b, m, _AT] != at
                board[b, n, _AT] = at
            board[b, n, _LEVEL] = weakest + np.int64(below(states, b, spread))
        highest = food_levels[1]
        if highest == 0:
            for n in range(agents):
                lower = 0
                for m in range(agents):
                    lower += board[b, m, _LEVEL] < board[b, n, _LEVEL] + (m < n)
                if lower < 3:
                    highest += board[b, n, _LEVEL]
        _grow(states, b, board, size, agents, end, highest if coop else food_levels[0], highest)
        _observe(b, board, size, sight, obs, agents, end)


@inlined
def _grow(
    states: npt.NDArray[np.uint64],
    b: Index,
    board: I32,
    size: int,
    agents: Index,
    end: Index,
    lowest: int,
    highest: int,
) -> None:
    """Place the food in reading order. As in lbforaging, what has found no place after 1,000 attempts is left out."""
    inner, spread = np.uint64(size - 2), np.uint64(highest - lowest + 1)
    for f in range(agents, end):
        board[b, f, _AT] = _NOWHERE
        board[b, f, _LEVEL] = 0
    top, total = agents, np.int64(0)  # food so far lies in agents .. top
    for _ in range(1000):
        if top == end:
            break
        row, col = 1 + np.int64(below(states, b, inner)), 1 + np.int64(below(states, b, inner))
        at = row * _ROW + col
        free: Any = True
        for n in range(agents):
            free &= board[b, n, _AT] != at
        for f in range(agents, top):  # no food within a cell around, nor two cells away in its row or column
            down, right = abs((board[b, f, _AT] >> 16) - row), abs((board[b, f, _AT] & (_ROW - 1)) - col)
            free &= max(down, right) > 1 and (min(down, right) > 0 or max(down, right) > 2)
        if free:
            f = top
            while f > agents and board[b, f - np.uint64(1), _AT] > at:
                board[b, f, _AT] = board[b, f - np.uint64(1), _AT]
                board[b, f, _LEVEL] = board[b, f - np.uint64(1), _LEVEL]
                f -= np.uint64(1)
            level = lowest + np.int64(below(states, b, spread))
            board[b, f, _AT] = at
            board[b, f, _LEVEL] = level
            top += np.uint64(1)
            total += level
    board[b, end, _STEPS] = 0
    board[b, end, _LEFT] = top - agents
    board[b, end, _TOTAL] = total


@inlined
def _observe(b: Index, board: I32, size: int, sight: int, obs: F32, agents: Index, end: Index) -> None:
    """Write all observations of an episode, without a branch that depends on who sees what.

    Everything is written in turn to where the next thing in sight belongs; what is not in sight is written as nothing,
    and stands there until the next is. Where all see everything, places are known beforehand: a third faster.
    """
    column, one, two, three = _ROW - 1, np.uint64(1), np.uint64(2), np.uint64(3)
    food = end - agents
    if sight >= size and np.uint64(board[b, end, _LEFT]) == food:
        for n in range(agents):
            for k in range(end):
                beside = food + k + np.uint64(k < n) if k != n else food
                place = k - agents if k >= agents else beside
                obs[b, n, three * place] = np.int64(board[b, k, _AT]) >> 16
                obs[b, n, three * place + one] = np.int64(board[b, k, _AT]) & column
                obs[b, n, three * place + two] = board[b, k, _LEVEL]
        return
    for n in range(agents):
        row, col = np.int64(board[b, n, _AT]) >> 16, np.int64(board[b, n, _AT]) & column
        top: Any = max(row - sight, 0)
        left: Any = max(col - sight, 0)
        for k in range(end):
            obs[b, n, three * k] = -1.0
            obs[b, n, three * k + one] = -1.0
            obs[b, n, three * k + two] = 0.0
        i: Any = np.uint64(0)
        for k in range(agents, end):  # what is gone is too far away
            y, x = (np.int64(board[b, k, _AT]) >> 16) - top, (np.int64(board[b, k, _AT]) & column) - left
            seen = (abs(y + top - row) <= sight) & (abs(x + left - col) <= sight)
            obs[b, n, i] = y if seen else -1
            obs[b, n, i + one] = x if seen else -1
            obs[b, n, i + two] = board[b, k, _LEVEL] if seen else 0
            i += three if seen else np.uint64(0)
        i = three * food
        obs[b, n, i] = row - top
        obs[b, n, i + one] = col - left
        obs[b, n, i + two] = board[b, n, _LEVEL]
        i += three
        for k in range(agents):
            if k != n:
                y, x = (np.int64(board[b, k, _AT]) >> 16) - top, (np.int64(board[b, k, _AT]) & column) - left
                seen = (y >= 0) & (y <= 2 * sight) & (x >= 0) & (x <= 2 * sight)
                obs[b, n, i] = y if seen else -1
                obs[b, n, i + one] = x if seen else -1
                obs[b, n, i + two] = board[b, k, _LEVEL] if seen else 0
                i += three if seen else np.uint64(0)


@jit
def _step(
    actions: npt.NDArray[np.int64],
    board: I32,
    size: int,
    sight: int,
    obs: F32,
    reward: F32,  # [B, N], or [B, 1] for the team
    over: Flags,  # [2, B] terminated, truncated
    limit: int,
    penalty: float,
    normalize: bool,
) -> bool:
    """Play one step of each running episode; return False, and play none, if an action is not legal."""
    agents, end = np.uint64(actions.shape[1]), np.uint64(board.shape[1]) - np.uint64(1)
    for b in range(np.uint64(len(board))):
        for n in range(agents):
            # a negative one becomes huge
            if np.uint64(actions[b, n]) > np.uint64(LOAD) and not (over[0, b] | over[1, b]):
                return False
    for b in range(np.uint64(len(board))):
        for n in range(np.uint64(reward.shape[1])):
            reward[b, n] = 0.0
        if over[0, b] | over[1, b]:
            continue
        loads = False
        for n in range(agents):
            action = np.uint64(actions[b, n])
            at = np.int64(board[b, n, _AT])
            to = at + _MOVES[action]
            blocked = (np.uint64(to >> 16) >= np.uint64(size)) | (np.uint64(to & (_ROW - 1)) >= np.uint64(size))
            loaded = np.int64(-1)
            for f in range(agents, end):
                there = np.int64(board[b, f, _AT])
                blocked |= there == to
                if action == np.uint64(LOAD):
                    apart = abs(there - at)
                    if (apart == 1) | (apart == _ROW):  # food lies so that there is only one
                        loaded = np.int64(f)
                        loads = True
            board[b, n, _TO] = at if blocked else to
            board[b, n, _LOADED] = loaded
        for n in range(agents):
            free = True
            for m in range(agents):
                free &= (m == n) | (board[b, m, _TO] != board[b, n, _TO])
            board[b, n, _AT] = board[b, n, _TO] if free else board[b, n, _AT]
        if loads:
            _lift(b, board, agents, end, reward, penalty, normalize)
        board[b, end, _STEPS] += np.int32(1)
        over[0, b] = board[b, end, _LEFT] == 0
        over[1, b] = (not over[0, b]) & (board[b, end, _STEPS] >= limit)
        _observe(b, board, size, sight, obs, agents, end)
    return True


@inlined
def _lift(b: Index, board: I32, agents: Index, end: Index, reward: F32, penalty: float, normalize: bool) -> None:
    for f in range(agents, end):
        strength, level = np.int64(0), np.int64(board[b, f, _LEVEL])
        for n in range(agents):
            if board[b, n, _LOADED] == np.int64(f):
                strength += board[b, n, _LEVEL]
        if strength == 0:
            continue
        lifted = strength >= level
        for n in range(agents):
            if board[b, n, _LOADED] == np.int64(f):
                worth = -penalty
                if lifted:
                    worth = np.float64(level * np.int64(board[b, n, _LEVEL]))
                    if normalize:
                        worth /= np.float64(strength * np.int64(board[b, end, _TOTAL]))
                reward[b, n if reward.shape[1] > 1 else np.uint64(0)] += worth
        if lifted:
            board[b, f, _AT] = _NOWHERE
            board[b, f, _LEVEL] = 0
            board[b, end, _LEFT] -= np.int32(1)
