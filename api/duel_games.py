"""The games of a duel: in a tree thousands side by side, in an environment hundreds, else one by one by the rules."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.seats import Seated
from counterplay.api.advantages import Gains, SpotGains, steps_gains
from counterplay.api.duel_sides import Side
from counterplay.engine.env import Env, Task
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.strategy import uniform
from counterplay.games.envs.steps import StepsEnv
from counterplay.solvers import duels, duplicates, infosets

F64 = npt.NDArray[np.float64]
Pair = tuple[Side, Side]
_BATCH = 512  # games side by side in an environment


class Earned(NamedTuple):
    """What A was paid in each seat, AIVAT's estimate of that where there is one, and what both were paid, [2, D]."""

    paid: F64
    reduced: F64 | None
    both: F64


def is_matched(tree: Any, sides: Pair) -> bool:
    """Tell whether both games of a deal are drawn together, ends and all."""
    return all(side.table is not None for side in sides) and len(tree.player) <= duplicates.NODES


def in_tree(tree: Any, sides: Pair, deals: int, duplicate: bool, rng: np.random.Generator, aivat: bool) -> Earned:
    """Play in a tree; AIVAT's values are A's where it is known."""
    on = duels.board(tree)
    values = next((side.table for side in sides if side.table is not None), uniform(tree))
    orders = (sides, sides[::-1])
    tables = [(order[0].table, order[1].table) for order in orders]
    by = [duels.weigh(on, values, tables[seat], seat) if aivat else None for seat in range(2)]
    ways = duplicates.paths(on) if duplicate and is_matched(tree, sides) else None
    paid, reduced = np.empty((2, deals)), np.empty((2, deals))
    for begin in range(0, deals, duels.BATCH):
        part = slice(begin, min(begin + duels.BATCH, deals))
        luck = duels.lucks(on, part.stop - begin, rng)
        way: list[Any] = [None, None]
        if ways is not None:
            way = [ways[end] for end in duplicates.ends(on, tables[0], tables[1], luck)]  # type: ignore[arg-type]
        for seat, order in enumerate(orders):
            if seat and not duplicate:
                luck = duels.lucks(on, part.stop - begin, rng)
            asks: Any = (order[0].ask, order[1].ask)
            found = duels.play(on, seat, tables[seat], asks, luck, by[seat], way[seat])
            paid[seat, part], reduced[seat, part] = found
    return Earned(paid, reduced if aivat else None, np.zeros_like(paid))


def in_env(task: Task, sides: Pair, deals: int, duplicate: bool, rng: np.random.Generator, aivat: bool) -> Earned:
    """Play in an environment of the game; of games in steps AIVAT's values are played out, A's where it is known."""
    if any(side.actor is None for side in sides):
        raise UserError("one of the sides plays in this game's environment alone, and the other not in it")
    paid, both, gained = np.zeros((2, deals)), np.zeros((2, deals)), np.zeros((2, deals))
    whose = next((i for i, side in enumerate(sides) if side.own is not None), None) if aivat else None
    env: Env | None = None
    for begin in range(0, deals, _BATCH):
        part = slice(begin, min(begin + _BATCH, deals))
        if env is None or env.batch != part.stop - begin:
            env = task.start(part.stop - begin)
        seeds = rng.integers(2**63, size=3)
        for seat in range(2):
            if seat and not duplicate:
                seeds = rng.integers(2**63, size=3)
            found = _batch(env, sides, seat, seeds, whose if isinstance(env, StepsEnv) else None)
            paid[seat, part], both[seat, part], gained[seat, part] = found
    reduced = _reduced(gained, both, whose) if whose is not None and isinstance(env, StepsEnv) else None
    return Earned(paid, reduced, both)


def _batch(env: Env, sides: Pair, seat: int, seeds: Any, whose: int | None) -> tuple[F64, F64, F64]:
    """Play an episode each, A in a seat; return what A and both were paid, and what the moves gained, [B] each."""
    actors = [side.actor for side in sides]
    rows, mine, both, gained = np.arange(env.batch), *np.zeros((3, env.batch))
    for actor in actors[: 1 if actors[0] is actors[1] else 2]:
        assert actor is not None
        if isinstance(actor, Seated):
            actor.sit(env)
        actor.begin(env.batch)
    step = env.reset(np.random.default_rng(int(seeds[0])))
    for t in range(env.spec.limit):
        if step.terminated.all():
            break
        # Both draw the same numbers, and in both games of a deal: where they do alike, they do the same.
        chosen = [actor.act(step, np.random.default_rng([int(seeds[1]), t]), False) for actor in actors if actor]
        played = chosen[1].copy()
        played[:, seat] = chosen[0][:, seat]
        if whose is not None and isinstance(env, StepsEnv):
            mover = (1 - seat) if whose == 0 else seat  # who is not the one whose values these are
            on = np.flatnonzero(env.turn == mover)
            one, two = _book(sides[whose]), _book(sides[1 - whose])
            gained[on] += steps_gains(env, one, two, on, played[on, mover], int(seeds[2]) + t)
        step = env.step(played)
        mine += step.reward[rows, seat]
        both += step.reward.sum(axis=1)
    return mine, both, gained


def _book(side: Side) -> Any:
    """Return the table of a side that is a solution in steps or plays uniformly, None of others."""
    if side.own is None:
        return None
    return infosets.nothing() if isinstance(side.own, str) else side.own.book.table


def _reduced(gained: F64, both: F64, whose: int) -> F64 | None:
    """Return what A earns by the gains of whoever the values are not of; None where payoffs have no constant sum."""
    if np.ptp(both) > 1e-6 * max(1.0, float(np.abs(both).max())):
        return None
    reduced: F64 = both.mean() / 2 + (gained if whose == 1 else -gained)
    return reduced


def by_rules(rules: Any, sides: Pair, deals: int, duplicate: bool, rng: np.random.Generator, aivat: bool) -> Earned:
    """Play state by state; of hold'em spots AIVAT's values are a solution's, A's where it is one."""
    paid, both, gained = np.zeros((2, deals)), np.zeros((2, deals)), np.zeros((2, deals))
    whose = next((i for i, side in enumerate(sides) if side.own is not None), None) if aivat else None
    gains = None if whose is None else SpotGains(sides[whose].own, sides[1 - whose].odds)
    for deal in range(deals):
        seeds = rng.integers(2**63, size=2)
        for seat, order in enumerate((sides, sides[::-1])):
            if seat and not duplicate:
                seeds = rng.integers(2**63, size=2)
            luck, moves = (np.random.default_rng(int(number)) for number in seeds)
            told = None if gains is None else (gains, (1 - seat) if whose == 0 else seat)
            payoffs, gained[seat, deal] = _game(rules, order, luck, moves, told)
            paid[seat, deal], both[seat, deal] = payoffs[seat], sum(payoffs)
    return Earned(paid, None if whose is None else _reduced(gained, both, whose), both)


def _game(
    rules: Any,
    order: Pair,
    luck: np.random.Generator,
    moves: np.random.Generator,
    gains: tuple[Gains, int] | None,
) -> tuple[Any, float]:
    """Play once; return what both were paid, and what the moves of one of them gained."""
    state, gained = rules.root(), 0.0
    while (turn := rules.turn(state)) != LEAF:
        names = tuple(rules.moves(state))
        if turn == CHANCE:
            sums = np.cumsum(rules.chance(state))
            move = min(int(np.searchsorted(sums, luck.random() * sums[-1], side="right")), len(names) - 1)
        else:
            number, choose = moves.random(), order[turn].choose
            if choose is None:
                raise UserError("one of the sides does not play in a game without a tree")
            move = 0 if len(names) == 1 else choose(turn, state, names, number)
            if gains is not None and turn == gains[1] and len(names) > 1:
                gained += gains[0](turn, rules.sees(state, turn), names, move)
        state = rules.play(state, move)
    payoffs = rules.payoffs(state)
    if len(payoffs) != 2:
        raise UserError("a duel is of two players")
    return payoffs, gained
