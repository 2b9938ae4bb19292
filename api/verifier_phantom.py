"""The verifier's part for stones in the dark (phantom games) whose histories are too many to walk, in plain NumPy.

Phantom tic-tac-toe has ten billion histories. What is walked in their place are *orders*: of the turns of a play, who
placed a stone on which cell, and in abrupt games which turns were lost to an attempt in vain, but not on which cell.

**The argument.** Take a finished order. A player's attempts in vain are on cells of the other's stones, each after that
stone and before the end of the player's own turn, and no cell twice. Which of these it makes is seen by itself alone,
changes no stone and no turn of the order (that a turn was lost is in the order), and so neither what the other may try
nor what is paid. So the histories of an order are all pairs of a list of player 0's attempts that the order allows and
one of player 1's. The probability of a history is the product of both lists' own (nothing is left to chance), and the
sum over the pairs is the product of the sums: with *mass* p the sum of player p's plan over its lists,

    value = sum over orders of paid * mass 0 * mass 1,

and what a list of player p earns before its player's own probabilities is the sum, over the orders that allow it, of
paid * the other's mass. Best responses take, decision by decision from the last, the best of such sums.

**What is taken from where.** Positions and what they pay are walked by the rules (`root`, `turn`, `moves`, `play`,
`payoffs`), every position once, and every attempt at each is held against what is said above. That the same stones pay
the same however they came there is what phantom games promise. Orders, lists and decisions are enumerated here. The
symmetries of the board are used for reading the file alone, which has one decision for all its mirror images: whatever
they are, what is read is a strategy of the whole game, and measured as one. Rounding is bounded as in `verifier`: an
order's terms are summed once each, and all plans' products over all orders sum to one.

A list of attempts is a number: an attempt is 1 + 2 * cell + whether it was in vain, a digit in base 2 * cells + 1, the
first the highest, so that numbers are sorted as lists are.
"""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.api.verifier import Measured, gamma
from counterplay.engine.errors import UserError
from counterplay.engine.rules import LEAF

Array = npt.NDArray[Any]

CELLS = 12  # of the largest boards: lists of their attempts are numbers of 64 bits
BATCH = 300_000  # lists of attempts in hand before orders are divided


class Board:
    """The positions of a game: a set of stones of each player, one bit a cell."""

    def __init__(self, rules: Any) -> None:
        self.names = tuple(map(str, rules.moves(rules.root())))
        self.cells, self.abrupt = len(self.names), bool(rules.abrupt)
        if rules.players != 2 or not 1 <= self.cells <= CELLS:
            raise UserError(f"phantom games for two on at most {CELLS} cells can be certified")
        self.base = 2 * self.cells + 1
        sets = np.arange(1 << self.cells)
        held = sets[:, None] >> np.arange(self.cells) & 1
        self.three: Array = held @ 3 ** np.arange(self.cells)  # of a set, its part of a position's number
        self.many: Array = held.sum(axis=1)  # how many are in a set
        self.power = self.base ** np.arange(self.cells - 1, -1, -1)  # of the k-th attempt's digit
        self.paid = np.full(3**self.cells, np.nan)  # to the first player, where play ends
        self._walk(rules)

    def _walk(self, rules: Any) -> None:
        """Walk the positions by the rules; raises `UserError` where these are not of stones in the dark."""
        root, met, found = rules.root(), dict[tuple[int, int, int], list[tuple[int, int]]](), dict[int, float | None]()
        todo = [(root, (0, 0), 0, (0, 0), (0, 0))]  # with the stones, who moves, and what each has tried
        while todo:
            state, stones, me, tried, vain = todo.pop()
            seen = met.setdefault((*stones, me), [])
            if any(a <= vain[0] and b <= vain[1] for a, b in seen):
                continue  # from what was met with fewer cells known, all goes on that goes on from here
            seen.append(vain)
            left = [c for c in range(self.cells) if not tried[me] >> c & 1]
            if rules.turn(state) != me or [str(m) for m in rules.moves(state)] != [self.names[c] for c in left]:
                raise UserError("the rules are not of stones in the dark: a player's moves are the cells not tried")
            for move, c in enumerate(left):
                after, bit, failed = rules.play(state, move), 1 << c, bool(stones[1 - me] >> c & 1)
                now = stones if failed else _with(stones, me, stones[me] | bit)
                at = int(self.three[now[0]] + 2 * self.three[now[1]])
                pays = _ended(rules, after)
                if failed and pays is not None:
                    raise UserError("the rules are not of stones in the dark: only a stone ends a game")
                if found.setdefault(at, pays) != pays:
                    raise UserError("the rules are not of stones in the dark: the same stones pay different things")
                if pays is not None:
                    self.paid[at] = pays
                    continue
                turns = self.abrupt or not failed
                known = _with(vain, me, vain[me] + 1) if failed else vain
                todo.append((after, now, 1 - me if turns else me, _with(tried, me, tried[me] | bit), known))

    @cached_property
    def sha256(self) -> str:
        """Return the SHA-256 of the rules: cells, kind, and what each position pays."""
        said = repr((self.names, self.abrupt)).encode()
        return hashlib.sha256(said + self.paid.astype("<f8").tobytes()).hexdigest()

    def unwound(self, tried: Array, code: Array) -> tuple[Array, Array, Array]:
        """Return, of lists of one attempt or more, the last one's cell, and the list without it: cells and number."""
        weight = self.power[self.many[tried] - 1]
        digit = code // weight % self.base
        cell = (digit - 1) // 2
        return cell, tried & ~(1 << cell), code - digit * weight


def _ended(rules: Any, state: Any) -> float | None:
    """Return what the first player receives, None while a game goes on."""
    if rules.turn(state) != LEAF:
        return None
    first, second = map(float, rules.payoffs(state))
    if first + second != 0:
        raise UserError("the payoffs do not sum to zero, as those of phantom games do")
    return first


def _with(pair: tuple[int, int], p: int, value: int) -> tuple[int, int]:
    return (value, pair[1]) if p == 0 else (pair[0], value)


class Lists(NamedTuple):
    """Lists of a player's attempts, each with the order that allows it, [M] each."""

    order: Array
    tried: Array  # the cells, as a set
    code: Array

    def of(self, chosen: Array) -> "Lists":
        """Return some of them."""
        return Lists(*(part[chosen] for part in self))


def _joined(parts: list[Lists]) -> Lists:
    return Lists(*map(np.concatenate, zip(*parts, strict=True)))


class Orders(NamedTuple):
    """Orders of so many turns, [L]: the stones of each player, and the lists of attempts that each allows either."""

    stones: tuple[Array, Array]
    lists: tuple[Lists, Lists]
    mover: int

    def of(self, chosen: Array) -> "Orders":
        """Return those that are chosen, by a mask."""
        number = np.cumsum(chosen) - 1
        lists = [part.of(chosen[part.order]) for part in self.lists]
        first, second = (part._replace(order=number[part.order]) for part in lists)
        return Orders((self.stones[0][chosen], self.stones[1][chosen]), (first, second), self.mover)


def _tried(board: Board, lists: Lists, cell: int, in_vain: bool) -> Lists:
    """Return lists with one more attempt, of a cell that is in none of them."""
    digit = (1 + 2 * cell + in_vain) * board.power[board.many[lists.tried]]
    return Lists(lists.order, lists.tried | 1 << cell, lists.code + digit)


def _failed(board: Board, orders: Orders) -> Lists:
    """Return the mover's lists with one more attempt in vain, each that there may be."""
    own, theirs = orders.lists[orders.mover], orders.stones[1 - orders.mover]
    hit = theirs[own.order] & ~own.tried
    return _joined([_tried(board, own.of(hit >> c & 1 > 0), c, True) for c in range(board.cells)])


def _turn(board: Board, orders: Orders) -> Orders:
    """Return all orders of one turn more."""
    me, count = orders.mover, len(orders.stones[0])
    own, waiting = [orders.lists[me]], orders.lists[1 - me]
    stones, mine, others = [np.zeros((2, 0), np.int64)], list[Lists](), list[Lists]()
    after = 0  # orders so far
    if board.abrupt:
        lost = _failed(board, orders)  # the turn is over
        some = np.zeros(count, bool)
        some[lost.order] = True
        number = np.cumsum(some) - 1
        mine.append(lost._replace(order=number[lost.order]))
        kept = waiting.of(some[waiting.order])
        others.append(kept._replace(order=number[kept.order]))
        stones.append(np.stack(orders.stones)[:, some])
        after = int(some.sum())
    else:
        while len(own[-1].order):  # attempts in vain, as many as there may be
            more = orders._replace(lists=(own[-1], waiting) if me == 0 else (waiting, own[-1]))
            own.append(_failed(board, more))
    acting = _joined(own)
    for c in range(board.cells):
        free = (orders.stones[0] | orders.stones[1]) >> c & 1 == 0
        number = np.cumsum(free) - 1 + after
        placed = _tried(board, acting.of(free[acting.order]), c, False)
        kept = waiting.of(free[waiting.order])
        mine.append(placed._replace(order=number[placed.order]))
        others.append(kept._replace(order=number[kept.order]))
        both = np.stack(orders.stones)[:, free]
        both[me] |= 1 << c
        stones.append(both)
        after += int(free.sum())
    both = np.concatenate(stones, axis=1)
    pair = (_joined(mine), _joined(others))
    return Orders((both[0], both[1]), pair if me == 0 else pair[::-1], 1 - me)


def finished(board: Board) -> Iterator[tuple[Array, tuple[Lists, Lists]]]:
    """Yield all finished orders, some at a time: what each pays the first player, and the lists that it allows."""
    none: Array = np.zeros(1, np.int64)
    todo = [Orders((none, none), (Lists(none, none, none), Lists(none, none, none)), 0)]
    while todo:
        orders = _turn(board, todo.pop())
        pays = board.paid[board.three[orders.stones[0]] + 2 * board.three[orders.stones[1]]]
        over = ~np.isnan(pays)
        if over.any():
            ended = orders.of(over)
            yield pays[over], ended.lists
        orders = orders.of(~over)
        count = len(orders.stones[0])
        parts = min(count, 1 + max(len(part.order) for part in orders.lists) // BATCH)
        edges = np.linspace(0, count, parts + 1).astype(int)
        at = np.arange(count)
        todo += [orders.of((at >= edges[i]) & (at < edges[i + 1])) for i in range(parts)]


class Decisions:
    """A player's decisions, sorted as lists of attempts, and its sequences: number 0 is the empty one."""

    def __init__(self, board: Board, tried: Array, code: Array) -> None:
        """Take the lists before all decisions that are the last of some order; those before these follow."""
        parts = [(tried, code)]
        while (more := parts[-1][0] > 0).any():
            _, before, number = board.unwound(parts[-1][0][more], parts[-1][1][more])
            number, once = np.unique(number, return_index=True)
            parts.append((before[once], number))
        self.board = board
        self.code, once = np.unique(np.concatenate([part[1] for part in parts]), return_index=True)
        self.tried = np.concatenate([part[0] for part in parts])[once]
        self.depth = board.many[self.tried]
        self.moves = board.cells - self.depth
        self.first = 1 + np.concatenate([[0], np.cumsum(self.moves)])
        self.above = np.zeros(len(self.code), np.int64)  # the sequence before each
        later = self.depth > 0
        self.above[later] = self.sequence(self.tried[later], self.code[later])

    def sequence(self, tried: Array, code: Array) -> Array:
        """Return the sequence that a list of attempts ends with, whatever came of the last one; 0 of none."""
        found, some = np.zeros(len(code), np.int64), tried > 0
        cell, before, number = self.board.unwound(tried[some], code[some])
        below = ((1 << cell) - 1) & ~before  # cells that come first among the decision's moves
        found[some] = self.first[np.searchsorted(self.code, number)] + self.board.many[below]
        return found

    def levels(self) -> Iterator[tuple[Array, Array]]:
        """Yield decisions by how many attempts come before, and their sequences, [n] and [n, moves]."""
        for depth in range(int(self.depth.max(initial=-1)) + 1):
            rows = np.flatnonzero(self.depth == depth)
            yield rows, self.first[rows][:, None] + np.arange(self.board.cells - depth)

    def plan(self, sigma: Array) -> Array:
        """Return the realisation plan of a strategy, [sequences]."""
        plan = np.ones(self.first[-1])
        for rows, sequences in self.levels():
            plan[sequences] = plan[self.above[rows]][:, None] * sigma[sequences]
        return plan

    def best(self, gain: Array) -> float:
        """Return what the best response earns, of what each sequence earns where it is a list's last; takes `gain`."""
        for rows, sequences in reversed(list(self.levels())):
            np.add.at(gain, self.above[rows], gain[sequences].max(axis=1))
        return float(gain[0])


def _discover(board: Board) -> list[Decisions]:
    """Return both players' decisions: a list of attempts is one's if some finished order allows a longer one."""
    found: list[list[tuple[Array, Array]]] = [[], []]
    for _, lists in finished(board):
        for p in range(2):
            some = lists[p].tried > 0
            _, tried, code = board.unwound(lists[p].tried[some], lists[p].code[some])
            code, once = np.unique(code, return_index=True)
            found[p].append((tried[once], code))
            if len(found[p]) > 64:  # many of them are the same
                found[p] = [_once(found[p])]
    return [Decisions(board, *_once(part)) for part in found]


def _once(parts: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    none = np.zeros(0, np.int64)
    code, once = np.unique(np.concatenate([none, *(part[1] for part in parts)]), return_index=True)
    return np.concatenate([none, *(part[0] for part in parts)])[once], code


def _read(decisions: Decisions, group: Array, held: Array) -> tuple[Array, int]:
    """Return a player's strategy, [sequences], of the numbers in a file, and how many of these are its own.

    The file has the decisions that are the smallest of their mirror images, in order; of the moves there those that
    are the smallest under the symmetries that leave the decision as it is, each with the odds of all that these make
    of it.
    """
    board = decisions.board
    least, by = decisions.code.copy(), np.zeros(len(decisions.code), np.int8)
    for g, turn in enumerate(group):
        image = _turned(board, decisions.code, turn)
        smaller = image < least
        least[smaller], by[smaller] = image[smaller], g
    own, of = np.unique(least, return_inverse=True)  # [R] decisions of the file
    fixing = np.stack([_turned(board, own, turn) == own for turn in group], axis=1)  # [R, G]
    move, alike = np.full((len(own), board.cells), board.cells), np.zeros((len(own), board.cells), np.int64)
    for c in range(board.cells):
        for g in range(len(group)):
            move[:, c] = np.where(fixing[:, g], np.minimum(move[:, c], group[g, c]), move[:, c])
            alike[:, c] += fixing[:, g] & (group[g, c] == c)
    shared = fixing.sum(axis=1)[:, None] // alike  # how many moves are the same but for symmetries
    untried = np.ones((len(own), board.cells), bool)
    for weight in board.power:
        digit = own // weight % board.base
        some = np.flatnonzero(digit)
        untried[some, (digit[some] - 1) // 2] = False
    kept = untried & (move == np.arange(board.cells))
    number = np.cumsum(kept.ravel()).reshape(kept.shape) - 1  # [R, cells] where a kept move stands
    count = int(kept.sum())
    if len(held) < count:
        raise UserError("the strategy in the file is not of the size of the game's")
    odds = np.asarray(held[:count], np.float64)
    if not np.all((odds >= 0) & (odds <= 2)):
        raise UserError("the file holds no probabilities")
    sigma = np.ones(decisions.first[-1])
    for level, sequences in decisions.levels():
        cells = np.nonzero(~decisions.tried[level][:, None] >> np.arange(board.cells) & 1)[1].reshape(sequences.shape)
        there = group[by[level][:, None], cells]
        at = of[level][:, None]
        there = move[at, there]
        weights = odds[number[at, there]] / shared[at, there]
        sums = weights.sum(axis=1, keepdims=True)
        if not np.all(abs(sums - 1) < 1e-6):
            raise UserError("the file holds no probabilities")
        sigma[sequences] = weights / sums
    return sigma, count


def _turned(board: Board, code: Array, turn: Array) -> Array:
    """Return lists of attempts after a permutation of the cells."""
    digits = np.concatenate([[0], np.stack([1 + 2 * turn, 2 + 2 * turn], axis=1).ravel()])
    found = np.zeros(len(code), np.int64)
    for weight in board.power:
        found += digits[code // weight % board.base] * weight
    return found


def measure(board: Board, symmetries: Any, strategy: Array) -> Measured:
    """Return what the strategies in a file's vector are worth: two numbers of no meaning, then player 0's, player 1's.

    Raises `UserError` for what is no strategy of the game, and for rules of another kind.
    """
    decisions, group = _discover(board), np.asarray(symmetries, np.int64)
    if sorted(map(tuple, np.sort(group, axis=1).tolist())) != [tuple(range(board.cells))] * len(group):
        raise UserError("the symmetries of the rules are no permutations of the cells")
    held, plans = np.asarray(strategy).ravel()[2:], list[Array]()
    for p in range(2):
        sigma, count = _read(decisions[p], group, held)
        plans.append(decisions[p].plan(sigma))
        held = held[count:]
    if len(held):
        raise UserError("the strategy in the file is not of the size of the game's")
    value, whole, number, most = 0.0, 0.0, 0, 1
    gain = [np.zeros(len(plan)) for plan in plans]
    for pays, lists in finished(board):
        ends = [decisions[p].sequence(lists[p].tried, lists[p].code) for p in range(2)]
        mass = [np.bincount(lists[p].order, plans[p][ends[p]], len(pays)) for p in range(2)]
        for p in range(2):
            earned = (pays if p == 0 else -pays) * mass[1 - p]
            np.add.at(gain[p], ends[p], earned[lists[p].order])
            most = max(most, int(np.bincount(lists[p].order).max()))
        value += float((pays * mass[0] * mass[1]).sum())
        whole += float((mass[0] * mass[1]).sum())
        number += len(pays)
    best = [decisions[p].best(gain[p]) for p in range(2)]
    off = gamma(number + 2 * most + 2 * board.cells * (board.cells + 12))
    if not abs(whole - 1) <= off:
        raise UserError(f"the odds of all plays sum to {whole!r}: the rules are not of stones in the dark")
    return Measured([value, -value], best, off * float(np.nanmax(abs(board.paid), initial=0.0)), board.sha256)
