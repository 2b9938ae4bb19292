"""Roots: the instances of a layout that can be solved by themselves, and what leads to them.

What follows a street's ends on a board is one. Its entries are public states, and all of how play got there is what the
strategies of the streets before make of both ranges. So any instance can take the place of the game's first.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from counterplay.engine.streets import (
    F32,
    F64,
    I64,
    U32,
    Instances,
    Subgame,
    Tables,
    Work,
    levels_of,
    new_work,
    part_sizes,
    unblocked,
)
from counterplay.solvers.streets.decisions import BEST, VALUE
from counterplay.solvers.streets.walk import Errand, walk

NOBODY = np.zeros(0, np.uint32)
NOTHING = np.zeros(0, np.float32)
_EVEN = np.ones((1, 3))
_NO_GIFT = np.zeros((0, 0), np.float32)


class Root(NamedTuple):
    """An instance that is solved by itself: E entries, w lanes."""

    instance: int
    depth: int  # streets before it
    reach: F32  # [2 E, w] both players' plans at each entry, times their hands' weights
    gift: F32  # [2 E, w] what each hand gave away to get there, over the other's weight that it met; or [0, 0]
    weight: F32  # [2, w] the hands' weights at the start
    chance: float  # of the cards to it, and to all that equal it up to suits


class Spans(NamedTuple):
    """Where what follows each instance is: its descendants are child .. end, and their tables lie together."""

    end: I64  # [I]
    size: I64  # [I] entries of an instance and its descendants


def children_of(game: Subgame) -> list[int]:
    """Return how many instances follow each instance."""
    groups, bounds = game.templates.groups.astype(np.int64), game.deals.bounds.astype(np.int64)
    t, b = game.instances.template, game.instances.board
    found: list[int] = ((groups[t + 1] - groups[t]) * (bounds[b + 1] - bounds[b])).tolist()
    return found


def spans_of(game: Subgame) -> Spans:
    """Return where all that follows each instance is."""
    many, child, sizes = children_of(game), game.instances.child.tolist(), part_sizes(game)
    end, begins = [k + 1 for k in range(len(many))], np.cumsum([0, *sizes.tolist()])
    size = sizes.copy()
    for k in range(len(many) - 1, -1, -1):
        if many[k]:
            end[k] = max(end[child[k] : child[k] + many[k]])
            size[k] += begins[end[k]] - begins[child[k]]
    return Spans(np.array(end), size)


def at_depth(game: Subgame, depth: int) -> list[int]:
    """Return the instances so many streets after the first."""
    many, child, found = children_of(game), game.instances.child.tolist(), [0]
    for _ in range(depth):
        found = [after for k in found for after in range(child[k], child[k] + many[k])]
    return found


class Rooted(NamedTuple):
    """A game with an instance in the place of its first, and what a walk of it needs."""

    game: Subgame
    work: Work
    children: int  # of the root

    def best(self, total: F32, p: int) -> F32:
        """Return what player p's best response to average strategies is worth, [sequences, w] of its street."""
        self._walk(total, Errand(p, p + 1, BEST, True, 0, self.children, True))
        return self.rows(self.work.value)

    def plans(self, total: F32) -> F32:
        """Return both players' average plans on its street, [sequences, w]."""
        self._walk(total, Errand(0, 1, VALUE, True, 0, 0, False))
        return self.rows(self.work.plan)

    def _walk(self, total: F32, errand: Errand) -> None:
        walk(self.game, Tables(total, total, NOTHING, NOTHING), self.work, errand, _EVEN, NOBODY, np.zeros((2, 2)))

    def rows(self, numbers: F32) -> F32:
        """Return a copy of the street's plans or values, [sequences, w]."""
        sequences, w = int(self.game.templates.sequences[self.game.instances.template[0]]), self.game.reach.shape[1]
        return numbers[0, : sequences * w].reshape(sequences, w).copy()


class View:
    """One thread's view of a game with any instance in the root's place, and its memory."""

    def __init__(self, game: Subgame, spans: Spans):
        self.whole, self.spans = game, spans
        self.instances = Instances(*(array.copy() for array in game.instances))  # type: ignore[arg-type]
        self.memory = dict[tuple[Any, ...], Work]()
        self.moved = slice(0, 0)

    def rooted(self, root: Root, alone: bool = False) -> Rooted:
        """Return the game with that root, until it is asked for the next; `alone`, tables begin with the root's."""
        k, base = root.instance, self.whole.instances.base
        self.instances.base[self.moved] = base[self.moved]
        for name in Instances._fields:
            getattr(self.instances, name)[0] = getattr(self.whole.instances, name)[k]
        if alone:
            below = self.below(root)
            self.moved = slice(below.start, below.stop)
            self.instances.base[self.moved] -= base[k]
            self.instances.base[0] = 0
        game = self.whole._replace(reach=root.reach, instances=self.instances)
        t, b = int(self.instances.template[0]), int(self.instances.board[0])
        key = (t, *levels_of(game))
        if key not in self.memory:
            self.memory[key] = new_work(game, 1)[0]
        groups, bounds = game.templates.groups, game.deals.bounds
        return Rooted(game, self.memory[key], int(groups[t + 1] - groups[t]) * int(bounds[b + 1] - bounds[b]))

    def below(self, root: Root) -> range:
        """Return the instances that follow a root."""
        first, end = int(self.whole.instances.child[root.instance]), int(self.spans.end[root.instance])
        return range(first, end) if end > root.instance + 1 else range(0)


def met_by(game: Subgame, board: int, p: int, weights: F32) -> F64:
    """Return for each lane of player p on a board the other's weights [w] that it may meet."""
    boards = game.boards
    w, at = int(boards.width[board]), int(boards.at[board])
    n, m = int(boards.lanes[board, p]), int(boards.lanes[board, 1 - p])
    mine, theirs = at + p * w, at + (1 - p) * w
    same = np.minimum(boards.same[mine : mine + n].astype(np.int64), m)
    cards, others = boards.cards[mine : mine + n], boards.cards[theirs : theirs + m]
    return unblocked(cards, others, weights[:m].astype(np.float64), same)


def _gifts(game: Subgame, gift: F32, plans: F32, best: Sequence[F32], facing: U32) -> F32:
    """Return what each hand has given away by each sequence of the root's street, as `Root.gift`, [sequences, w].

    At a decision that is what its best action is worth less what the taken one is, both counterfactual and by best
    responses from there on. Divided by the other's weight that the hand may meet there it is a rate, which any part of
    what follows takes by the weight that is met there: the parts' shares add up to no more than the gift.
    """
    t, board = int(game.instances.template[0]), int(game.instances.board[0])
    rates, templates = np.zeros_like(plans), game.templates
    rates[: len(gift)] = gift
    for p in range(2):
        n = int(game.boards.lanes[board, p])
        for d in range(int(templates.decisions[t, p]), int(templates.decisions[t, p + 1])):
            first, actions = int(templates.first[d]), int(templates.size[d])
            worth = best[p][first : first + actions, :n].astype(np.float64)
            met = met_by(game, board, p, plans[int(facing[d])])
            rate = (worth.max(axis=0) - worth) / np.where(met > 0, met, np.inf)
            rates[first : first + actions, :n] = rates[int(templates.parent[d]), :n] + rate
    return rates


def roots(view: View, total: F32, depth: int, facing: U32 | None = None) -> Iterator[Root]:
    """Yield all roots after so many streets, depth-first, with gifts where `facing` is given (`_gifts`).

    All that follows an instance is read in the table before the first root below it is yielded.
    """
    game = view.whole
    gift = _NO_GIFT if facing is None else np.zeros_like(game.reach)
    stack = [Root(0, 0, game.reach, gift, game.reach[:2].copy(), 1.0)]
    while stack:
        root = stack.pop()
        if root.depth == depth:
            yield root
            continue
        at = view.rooted(root)
        plans = at.plans(total)
        if facing is not None:
            gift = _gifts(at.game, root.gift, plans, [at.best(total, p) for p in range(2)], facing)
        stack += reversed(list(_following(game, root, plans, gift)))


def _following(game: Subgame, root: Root, plans: F32, gifts: F32) -> Iterator[Root]:
    """Yield what follows an instance, given plans and gifts by its sequences."""
    boards, deals, templates = game.boards, game.deals, game.templates
    t, board = int(game.instances.template[root.instance]), int(game.instances.board[root.instance])
    low, high = (int(x) for x in deals.bounds[board : board + 2])
    swaps = max(int(deals.swaps[board + 1]) - int(deals.swaps[board]), 1)
    instance = int(game.instances.child[root.instance])
    for group in range(int(templates.groups[t]), int(templates.groups[t + 1])):
        ends = templates.end_at[int(templates.ends[group]) : int(templates.ends[group + 1])].astype(np.int64)
        for deal in range(low, high):
            after = int(deals.after[deal])
            v, at = int(boards.width[after]), int(boards.at[after])
            reach, weight = np.zeros((2 * len(ends), v), np.float32), np.zeros((2, v), np.float32)
            gift = np.zeros_like(reach) if gifts.size else _NO_GIFT
            for p in range(2):
                n = int(boards.lanes[after, p])
                source = boards.source[at + p * v : at + p * v + n]
                reach[p::2, :n] = plans[ends[:, p]][:, source]
                weight[p, :n] = root.weight[p, source]
                if gifts.size:
                    gift[p::2, :n] = gifts[ends[:, p]][:, source]
            yield Root(instance, root.depth + 1, reach, gift, weight, root.chance * float(deals.share[deal]) * swaps)
            instance += 1
