"""Two strategies against each other in a tree, many deals at once: what each game paid, and AIVAT's estimate of it.

AIVAT (Burch, Schmid, Moravcik, Morrill and Bowling, AAAI 2018) takes off luck. A value function says what every node is
worth; wherever chance moves, or a player whose strategy is known, what the move taken is worth is replaced by the mean
over all moves. In dealt games a known player's hand is not looked at: each hand counts as often as it would be there,
after what was seen. That is unbiased whatever the values are, and the better they are, the less luck is left. Here they
are those of one strategy in both seats, exactly.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.strategy import Table
from counterplay.engine.system import available
from counterplay.engine.tree import Tree

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Ask = Callable[[int, int, int], int]  # (player, node, lane): the move of a strategy that is not known
BATCH = 4096  # deals that are played side by side


class Board(NamedTuple):
    """A tree to be played on: the children of each node one after another."""

    tree: Tree
    start: I64  # [N] where a node's children begin
    many: I64  # [N] how many there are
    kids: I64  # [N - 1] nodes, each node's in the order of its moves
    row: I64  # [N] the row of the strategy that leads here, -1 after chance


class Weighed(NamedTuple):
    """What nodes are worth to a seat, by what the unknown players hold: a column for each of these hands.

    Both are weighted by chance and by the known players' own probabilities, and summed over these players' hands.
    """

    worth: F64  # [N, M]
    weight: F64  # [N, M]
    known: tuple[bool, bool]  # whose strategy, so that moves of theirs are luck to be taken off


def board(tree: Tree) -> Board:
    """Return a tree with its children sorted."""
    kids = np.lexsort((tree.slot[1:], tree.parent[1:])) + 1
    count = np.bincount(tree.parent[1:], minlength=len(tree.player))
    before = np.maximum(tree.parent, 0)
    decided = (tree.player[before] >= 0) & (tree.parent >= 0)
    row = np.where(decided, tree.first[tree.infoset[before] * decided] + tree.slot, -1)
    return Board(tree, np.cumsum(count) - count, count, kids, row)


def levels(on: Board) -> list[I64]:
    """Return the nodes of each depth, children in the order of their parents."""
    found = [np.zeros(1, np.int64)]
    while True:
        count = on.many[found[-1]]
        ends = np.cumsum(count)
        if not ends[-1]:
            return found
        found.append(on.kids[np.repeat(on.start[found[-1]] - (ends - count), count) + np.arange(ends[-1])])


def weigh(on: Board, values: Table, known: tuple[Table | None, Table | None], seat: int) -> Weighed:
    """Return what every node is worth to a seat where both play `values` from there on, [N, M].

    `known` are the strategies of the players as far as they are known. Raises `UserError` where memory does not do.
    """
    tree, deep = on.tree, levels(on)
    lanes = (len(tree.hands[0]), len(tree.hands[1]))
    columns = int(np.prod([w for w, table in zip(lanes, known, strict=True) if table is None], dtype=np.int64))
    need = 8 * (4 * max(map(len, deep)) * lanes[0] * lanes[1] + len(tree.player) * (2 * columns + sum(lanes)))
    if need > available():
        raise UserError(f"AIVAT takes {need / 1e9:,.1f} GB here: play without it (--no-aivat, aivat=False)")
    reach = [np.ones((len(tree.player), w)) for w in lanes]
    for nodes in deep[1:]:
        for p, table in enumerate(known):
            reach[p][nodes] = reach[p][tree.parent[nodes]]
            mine = nodes[tree.player[tree.parent[nodes]] == p]
            if table is not None:
                reach[p][mine] *= table[on.row[mine], : lanes[p]]
    whose = (known[0] is not None, known[1] is not None)
    found = Weighed(np.empty((len(tree.player), columns)), np.empty((len(tree.player), columns)), whose)
    hidden = [name for name, table in zip("ij", known, strict=True) if table is not None]  # hands that are summed over
    script = ",".join(["nij", *(f"n{name}" for name in hidden)]) + "->n" + "".join(x for x in "ij" if x not in hidden)
    below: F64 = np.empty(0)
    for depth in range(len(deep) - 1, -1, -1):
        nodes = deep[depth]
        weight = tree.weights[tree.weight[nodes]]
        here, leaf = np.zeros(weight.shape), tree.player[nodes] == LEAF
        ends = tree.infoset[nodes[leaf]]
        paid = tree.payoffs[tree.outcome[ends], seat].reshape(len(ends), *lanes)
        here[leaf] = weight[leaf] * paid * tree.stake[ends, None, None]
        if not leaf.all():
            inner = on.many[nodes[~leaf]]
            here[~leaf] = np.add.reduceat(_mixed(on, deep[depth + 1], below, values, lanes), np.cumsum(inner) - inner)
        plans = [reach[p][nodes] for p in range(2) if known[p] is not None]
        found.worth[nodes] = np.einsum(script, here, *plans).reshape(len(nodes), columns)
        found.weight[nodes] = np.einsum(script, weight, *plans).reshape(len(nodes), columns)
        below = here
    return found


def _mixed(on: Board, nodes: I64, worth: F64, values: Table, lanes: tuple[int, int]) -> F64:
    """Return what nodes are worth times how likely their players, not chance, go there."""
    mover = on.tree.player[on.tree.parent[nodes]]
    mixed = worth.copy()
    for p in range(2):
        mine = mover == p
        odds = values[on.row[nodes[mine]], : lanes[p]]
        mixed[mine] *= odds[:, :, None] if p == 0 else odds[:, None, :]
    return mixed


class Luck(NamedTuple):
    """Numbers from 0 to 1 that decide games, a row each."""

    deal: F64  # [D]
    chance: F64  # [D, most events]
    moves: F64  # [D, most moves]


def lucks(on: Board, deals: int, rng: np.random.Generator) -> Luck:
    """Return the luck of so many games."""
    depth = len(levels(on))
    return Luck(rng.random(deals), rng.random((deals, depth)), rng.random((deals, depth)))


def play(
    on: Board,
    seat: int,
    tables: tuple[Table | None, Table | None],
    asks: tuple[Ask, Ask],
    luck: Luck,
    by: Weighed | None = None,
    ways: I64 | None = None,
) -> tuple[F64, F64]:
    """Play a game for each row of `luck`; return what a seat was paid, and AIVAT's estimate of that, [D] each.

    `tables` are the strategies of both players; where there is none, `asks` are told where play is. Values and weights
    `by` have to be of what the known of them play; without them the estimate is what was paid. With `ways`, the nodes
    of each game by depth, [D, depth + 1], moves are those (`solvers.duplicates`).
    """
    tree, (first, second) = on.tree, map(len, on.tree.hands)
    pair = drawn(tree.weights[tree.weight[0]].ravel(), luck.deal)
    hands = (pair // second, pair % second)
    weights = tree.weights.reshape(len(tree.weights), -1)
    at, past, column = (np.zeros(len(pair), np.int64) for _ in range(3))
    total = np.zeros(len(pair))
    if by is not None:
        for p, wide in enumerate((first, second)):
            column = column if by.known[p] else column * wide + hands[p]
        total += by.worth[0].sum() / by.weight[0].sum() - by.worth[0, column] / by.weight[0, column]
    for step in range(luck.moves.shape[1]):
        going = np.flatnonzero(tree.player[at] != LEAF)
        if not len(going):
            break
        here, who = at[going], tree.player[at[going]]
        slots = np.arange(on.many[here].max())
        there = slots < on.many[here][:, None]
        after = on.kids[np.where(there, on.start[here][:, None] + slots, 0)]
        chance = who == CHANCE
        if ways is not None:
            at[going] = ways[going, step + 1]
        else:
            odds = np.zeros(after.shape)
            odds[chance] = weights[tree.weight[after[chance]], pair[going[chance], None]]
            for p in range(2):
                mine, table = who == p, tables[p]
                if table is not None:
                    odds[mine] = table[on.row[after[mine]], hands[p][going[mine], None]]
                else:
                    for k in np.flatnonzero(mine):
                        odds[k, asks[p](p, int(here[k]), int(hands[p][going[k]]))] = 1.0
            odds *= there
            sums = np.cumsum(odds, axis=1)
            number = np.where(chance, luck.chance[going, past[going]], luck.moves[going, step])
            taken = (sums <= (number * sums[:, -1])[:, None]).sum(axis=1)
            at[going] = after[np.arange(len(going)), taken]
        past[going] += chance
        if by is not None:
            told = chance | ((who == 0) & by.known[0]) | ((who == 1) & by.known[1])
            now, held = going[told], column[going[told]]
            mean = (by.worth[after[told], held[:, None]] * there[told]).sum(axis=1) / by.weight[here[told], held]
            total[now] += mean - by.worth[at[now], held] / by.weight[at[now], held]
    leaf = tree.infoset[at]
    paid = tree.stake[leaf] * tree.payoffs.reshape(len(tree.payoffs), 2, -1)[tree.outcome[leaf], seat, pair]
    return paid, paid if by is None else total + by.worth[at, column] / by.weight[at, column]


def drawn(odds: F64, numbers: F64) -> I64:
    """Return which of all is drawn for each number from 0 to 1."""
    sums = np.cumsum(odds)
    found: I64 = np.searchsorted(sums, numbers * sums[-1], side="right")
    last: I64 = np.minimum(found, np.flatnonzero(odds)[-1])
    return last
