"""Betting trees of streets as templates: sequences, decisions, leaves, and what follows them (see `engine.streets`)."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.simd import LANES
from counterplay.engine.streets import FOLD, KINDS, NET, SHOWDOWN, TABLE, Leaves, Templates
from counterplay.games.holdem import trees as ends
from counterplay.games.holdem.betting import BettingRules, Rake
from counterplay.games.holdem.trees import Start, Street

I64 = npt.NDArray[np.int64]
U32 = np.uint32

_KINDS = {ends.FOLD: FOLD, ends.SHOWDOWN: SHOWDOWN, ends.ALLIN: TABLE, ends.CUT: NET}
_ROWS = 3 * 2**14  # sequences times lanes of a template: three such tables of 32-bit numbers take 576 kB of cache


class Contracted(NamedTuple):
    """The templates of a game, and what their numbers stand for."""

    templates: Templates
    leaves: Leaves
    entries: tuple[tuple[int, ...], ...]  # [T][E] the tree that follows each entry of a template
    sequence: tuple[tuple[I64, ...], ...]  # [T][E][N, 2] both players' last sequences at each node


class _Choices(NamedTuple):
    """Where a tree's players have a choice."""

    nodes: tuple[list[int], list[int]]  # of each player's decisions, parents first
    actions: dict[int, int]  # their number at each such node

    @property
    def rows(self) -> int:
        return 2 + sum(self.actions.values())


class _Template(NamedTuple):
    """One template, with decisions and sequences counted from its own first."""

    decisions: tuple[int, int]  # of each player
    sequences: int
    actions: tuple[int, int]  # of all decisions of each player
    rows: list[tuple[int, int, int, int]]  # by decision: parent, first sequence, actions, those of its player before it
    last: tuple[I64, ...]  # [E][N, 2] both players' last sequences at each node
    leaves: list[list[tuple[int, int, float, float, float]]]  # [K] both last sequences, and what is paid
    onward: list[tuple[int, int, Start]]  # both last sequences at each end with betting to come, and how that starts


def contract(trees: dict[Start, Street], width: int, betting: BettingRules, rake: Rake) -> Contracted:
    """Return the templates that betting trees make, for boards of up to so many lanes, with what pads them."""
    streets, known = list(trees.values()), {start: k for k, start in enumerate(trees)}
    choices = [_choices(tree) for tree in streets]
    most = _ROWS // width
    entries: list[tuple[int, ...]] = [(0,)]
    number: dict[tuple[int, ...], int] = {(0,): 0}
    built, follows = list[_Template](), list[list[int]]()
    for trees_of in entries:  # grows as it goes
        made = _template([(streets[k], choices[k]) for k in trees_of], betting, rake)
        after = list[int]()
        for group in _together([known[start] for *_, start in made.onward], choices, most):
            if group not in number:
                number[group] = len(entries)
                entries.append(group)
            after.append(number[group])
        built.append(made)
        follows.append(after)
    return Contracted(_arrays(built, entries, follows), _leaves(built), tuple(entries), tuple(t.last for t in built))


def _choices(tree: Street) -> _Choices:
    moves = np.bincount(tree.parent[1:], minlength=len(tree.kind))
    one, two = ([n for n in range(len(moves)) if tree.kind[n] == p and moves[n] > 1] for p in range(2))
    return _Choices((one, two), {n: int(moves[n]) for n in (*one, *two)})


def _together(following: list[int], choices: list[_Choices], most: int) -> list[tuple[int, ...]]:
    """Cut a street's ends, given by the trees that follow them, into groups of up to so many rows."""
    groups, left = list[list[int]](), 0
    for tree in following:
        if choices[tree].rows > left:
            groups.append([])
            left = max(most, choices[tree].rows)
        groups[-1].append(tree)
        left -= choices[tree].rows
    return [tuple(group) for group in groups]


def _template(parts: list[tuple[Street, _Choices]], betting: BettingRules, rake: Rake) -> _Template:
    """Contract the trees that follow a template's entries."""
    total, taken = 2 * len(parts), [0, 0]
    start_of = [dict[int, int]() for _ in parts]
    places = list[tuple[int, int, int]]()
    for p in range(2):
        for starts, (_, choices) in zip(start_of, parts, strict=True):
            for node in choices.nodes[p]:
                actions = choices.actions[node]
                starts[node] = total
                places.append((total, actions, taken[p]))
                total += actions
                taken[p] += actions
    last = tuple(_last(tree, starts, 2 * e) for e, ((tree, _), starts) in enumerate(zip(parts, start_of, strict=True)))
    parents = [
        int(at[node, p])
        for p in range(2)
        for at, (_, choices) in zip(last, parts, strict=True)
        for node in choices.nodes[p]
    ]
    leaves = [list[tuple[int, int, float, float, float]]() for _ in range(KINDS)]
    onward = list[tuple[int, int, Start]]()
    for at, (tree, _) in zip(last, parts, strict=True):
        for node in np.flatnonzero(tree.kind >= ends.FOLD).tolist():
            one, two = at[node].tolist()
            if tree.kind[node] == ends.NEXT:
                onward.append((one, two, tree.following(node, betting)))
            else:
                leaves[_KINDS[int(tree.kind[node])]].append((one, two, *_pays(tree, node, rake)))
    one, two = (sum(len(choices.nodes[p]) for _, choices in parts) for p in range(2))
    rows = [(parent, *place) for parent, place in zip(parents, places, strict=True)]
    return _Template((one, two), total, (taken[0], taken[1]), rows, last, leaves, onward)


def _pays(tree: Street, node: int, rake: Rake) -> tuple[float, float, float]:
    """Return what a fold pays each player; else what the winner gets, the loser, and each of a tie."""
    pot = tree.pot(node)
    taken = rake.of(pot)
    win, lose = pot / 2 - taken, -pot / 2
    if tree.kind[node] == ends.FOLD:
        return (lose, win, 0.0) if tree.folder[node] == 0 else (win, lose, 0.0)
    return win, lose, -taken / 2


def _last(tree: Street, start_of: dict[int, int], arrival: int) -> I64:
    """Return both players' last sequences at each node, [N, 2], given where those of each decision begin."""
    last = np.zeros((len(tree.kind), 2), np.int64)
    last[0] = (arrival, arrival + 1)
    taken = dict.fromkeys(start_of, 0)  # actions of a decision seen so far
    for node in range(1, len(tree.kind)):
        up = int(tree.parent[node])
        last[node] = last[up]
        if up in start_of:
            last[node, tree.kind[up]] = start_of[up] + taken[up]
            taken[up] += 1
    return last


def _bounds(counts: list[int]) -> npt.NDArray[np.uint32]:
    return np.cumsum([0, *counts]).astype(U32)


def _arrays(built: list[_Template], entries: list[tuple[int, ...]], follows: list[list[int]]) -> Templates:
    """Put templates one after another."""
    starts = _bounds([sum(t.decisions) for t in built]).astype(np.int64)
    decisions = [
        (at, at + t.decisions[0], at + sum(t.decisions)) for at, t in zip(starts.tolist(), built, strict=False)
    ]
    rows = np.array([row for t in built for row in t.rows], U32).reshape(-1, 4)
    ends_at = [(one, two) for t in built for one, two, _ in t.onward]
    return Templates(
        decisions=np.array(decisions, U32),
        entries=np.array([len(trees_of) for trees_of in entries], U32),
        sequences=np.array([t.sequences for t in built], U32),
        actions=np.array([t.actions for t in built], U32),
        parent=rows[:, 0].copy(),
        first=rows[:, 1].copy(),
        size=rows[:, 2].copy(),
        offset=rows[:, 3].copy(),
        groups=_bounds([len(after) for after in follows]),
        ends=_bounds([len(entries[t]) for after in follows for t in after]),
        end_at=np.array(ends_at, U32).reshape(-1, 2),
        follows=np.array([t for after in follows for t in after], U32),
    )


def _leaves(built: list[_Template]) -> Leaves:
    """Put the leaves of all templates into blocks, each kind of each template into blocks of its own."""
    last, pays, counts = list[npt.NDArray[np.uint32]](), list[npt.NDArray[np.float32]](), list[int]()
    for made in built:
        for leaves in made.leaves:
            blocks = -(-len(leaves) // LANES)
            counts.append(blocks)
            at = np.full((blocks * LANES, 2), made.sequences, U32)
            paid = np.zeros((blocks * LANES, 3), np.float32)
            for k, (one, two, *amounts) in enumerate(leaves):
                at[k], paid[k] = (one, two), amounts
            last.append(at.reshape(blocks, LANES, 2).transpose(0, 2, 1))
            pays.append(paid.reshape(blocks, LANES, 3).transpose(0, 2, 1))
    join = np.concatenate
    return Leaves(_bounds(counts), np.ascontiguousarray(join(last)), np.ascontiguousarray(join(pays)))
