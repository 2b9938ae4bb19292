"""`SequenceForm`: what solving looks like, for any number of players, as flat arrays.

A *sequence* is one action of one decision of one player, or a player's empty sequence. A player's decisions form a
treeplex: each hangs below one of its own sequences, and each of its sequences may carry several.
Everything else (chance, the others' moves, decisions with a single action) is contracted into *leaf terms*: a term
of sequence s adds `scale * product of the others' plans` to the value of s. In lanes, a sequence carries a vector of W
entries, and a term multiplies by a table [W of the other, W of the owner], with three players [W, W, W].

A form is of one game, or of several side by side (a forest, `engine.subgames`): then each player has an empty sequence
in each, and empty sequence e is player e % P's of part e // P. One game is a forest of one part.

The sequence form is von Stengel's (1996); treeplexes are Hoda, Gilpin, Pena and Sandholm's (2010).
Shape letters: D decisions, E empty sequences (P of each part), S sequences (E + all actions), M leaf terms, U tables,
W lanes.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints, code
from counterplay.engine.errors import UserError
from counterplay.engine.tree import Tree

MAX_TERMS = 200_000_000


class SequenceForm(NamedTuple):
    """The arrays that solvers take. Unsigned indices spare the kernels a check for negative ones."""

    begin: npt.NDArray[np.uint32]  # [P + 1] the decisions of player p are begin[p] .. begin[p + 1], parents first
    parent: npt.NDArray[np.uint32]  # [D] the sequence that leads to the decision
    first: npt.NDArray[np.uint32]  # [D + 1] the sequences of decision d are first[d] .. first[d + 1]
    start: npt.NDArray[np.uint32]  # [S + 1] the leaf terms of sequence s are start[s] .. start[s + 1]
    other: npt.NDArray[np.uint32]  # [M, P - 1] the other players' sequences of the term
    scale: npt.NDArray[np.float64]  # [M] payoff to the owner of the sequence times chance (stake alone in lanes)
    table: npt.NDArray[np.uint32]  # [M] index into `tables`; empty without lanes
    tables: npt.NDArray[np.float64]  # [U * W^P] payoff to the owner times chance, [table, others' lanes, own lane]
    origin: npt.NDArray[np.float64]  # [E, W] plan of the empty sequences: 1, or a range, and 0 in lanes that pad
    row: npt.NDArray[np.uint32]  # [S] where the sequence stands in `strategy.reshape(-1, width)`; 0 if empty
    width: int  # lanes of a strategy's row: the tree's in lanes, else 1

    @property
    def players(self) -> int:
        """Return P."""
        return len(self.begin) - 1

    @property
    def empties(self) -> int:
        """Return E."""
        return len(self.origin)

    @property
    def sequences(self) -> int:
        """Return S."""
        return int(self.first[-1])

    @property
    def lanes(self) -> int | tuple[int, ...]:
        """Return W as kernels want it: a tuple of that length where W is small, so that they see a constant."""
        lanes: int = self.origin.shape[1]
        return (0,) * lanes if lanes <= _SMALL[-1] else lanes


_MANY = 32  # hands of three players from which on they are lanes: terms of all their deals would be too many
_SMALL = (1, 4, 8, 16)  # kernels are compiled for these numbers of lanes; more are padded to a multiple of 8


def padded(lanes: int) -> int:
    """Return how many lanes kernels see where there are so many."""
    return next((w for w in _SMALL if w >= lanes), -(-lanes // 8) * 8)


def in_lanes(players: int, lanes: int) -> bool:
    """Tell whether lanes stay lanes: with two players, and with three where hands are many."""
    return lanes > 1 and (players == 2 or (players == 3 and lanes >= _MANY))


def sequence_form(tree: Tree, *, unroll: bool | None = None) -> SequenceForm:
    """Contract a tree to its sequence form.

    Lanes stay lanes in games of two players, and of three with many hands (`in_lanes`); with `unroll`, and always
    with more players, each lane becomes information sets of its own.
    """
    keep = in_lanes(tree.players, tree.lanes) if unroll is None else not unroll and tree.players <= 3
    return _in_lanes(tree) if keep and tree.lanes > 1 else _in_scalars(tree)


class Treeplexes(NamedTuple):
    """Decisions in order, before the leaves are joined: the first fields of a form."""

    begin: npt.NDArray[np.uint32]
    parent: npt.NDArray[np.uint32]
    first: npt.NDArray[np.uint32]
    row: npt.NDArray[np.uint32]


def _treeplexes(tree: Tree, lanes: tuple[int, ...], width: int) -> tuple[Treeplexes, Ints]:
    """Number the decisions of each player, parents first, once for each of its `lanes`.

    Returns too where each strategy row ended up, [R + 1, W] in scalars, [R + 1, 1] in lanes.
    """
    sizes = np.diff(tree.first)
    sequence = np.zeros((tree.rows + 1, max(lanes)), np.int64)  # one row more, for the -1 of `last`
    begin, first, row = [0], [np.array([tree.players])], [np.zeros(tree.players, np.int64)]
    chosen = [np.flatnonzero((tree.owner == p) & (sizes > 1)) for p in range(tree.players)]
    following = tree.players
    for sets, own in zip(chosen, lanes, strict=True):
        n = np.repeat(sizes[sets], own)  # of each decision, an information set in a lane
        starts = following + np.cumsum(n) - n
        lane = np.repeat(np.tile(np.arange(own), len(sets)), n)
        action = np.arange(n.sum()) - np.repeat(starts - following, n)
        rows = np.repeat(np.repeat(tree.first[sets], own), n) + action
        sequence[rows, lane] = following + np.arange(len(rows))
        begin.append(begin[-1] + len(n))
        first.append(starts + n)
        row.append(rows * width + lane)
        following += len(rows)
    _pass_through(tree, lanes, sizes, sequence)
    parent = [
        np.where(tree.above[sets, None] >= 0, sequence[tree.above[sets], :own], p).ravel()
        for p, (sets, own) in enumerate(zip(chosen, lanes, strict=True))
    ]
    u32 = np.uint32
    plex = Treeplexes(
        begin=np.array(begin, u32),
        parent=np.concatenate(parent).astype(u32),
        first=np.concatenate(first).astype(u32),
        row=np.concatenate(row).astype(u32),
    )
    return plex, sequence


def _pass_through(tree: Tree, lanes: tuple[int, ...], sizes: Ints, sequence: Ints) -> None:
    """Set the sequences of rows that are no choice: those of the owner's choice before, or its empty sequence."""
    single = np.flatnonzero(sizes == 1)
    target = np.arange(tree.rows + 1)
    target[tree.first[single]] = np.where(tree.above[single] >= 0, tree.above[single], tree.rows)
    while not np.array_equal(further := target[target], target):  # the reach of a pointer doubles each time
        target = further
    rows, owner = tree.first[single], tree.owner[single].astype(np.int64)
    before = target[rows]
    own = np.arange(max(lanes)) < np.array(lanes)[owner, None]
    sequence[rows] = np.where((before == tree.rows)[:, None], np.where(own, owner[:, None], 0), sequence[before])


def _leaf_sequences(tree: Tree, sequence: Ints, p: int) -> Ints:
    """Return player p's last sequence at every leaf, [L, W]."""
    last = tree.last[:, p]
    return np.where(last[:, None] >= 0, sequence[last], p)


def _in_lanes(tree: Tree) -> SequenceForm:
    plex, sequence = _treeplexes(tree, (1,) * tree.players, 1)
    ends = np.stack([_leaf_sequences(tree, sequence, p)[:, 0] for p in range(tree.players)], axis=1)
    return join_in_lanes(tree, plex, np.arange(len(ends)), ends)


def join_in_lanes(tree: Tree, plex: Treeplexes, leaves: Ints, ends: Ints) -> SequenceForm:
    """Return the form of treeplexes, in lanes, with its leaf terms.

    They are of leaves [L], numbers of the tree's, and `ends` [L, P] are all players' last sequences there.
    """
    players, lanes = tree.players, tree.lanes
    wide = padded(max(lanes, 2))  # one lane alone would be taken for a form in scalars
    outcome, weight = tree.outcome[leaves], tree.leaf_weight[leaves]
    # One table for each pair of payoffs and chance weight that a leaf has.
    _, found, kind = np.unique(code(outcome, weight), return_index=True, return_inverse=True)
    pairs, kind = np.stack([outcome[found], weight[found]], axis=1), kind.ravel()
    own_lanes = [len(hands) for hands in tree.hands]
    axes = [(*(q for q in range(players) if q != p), p) for p in range(players)]  # the others' lanes, then one's own
    tables = np.zeros((players, len(pairs), *(wide,) * players))
    for p in range(players):
        place = tuple(slice(own_lanes[q]) for q in axes[p])
        for u, (t, k) in enumerate(pairs):
            tables[p, u][place] = (tree.payoffs[t, p] * tree.weights[k]).transpose(axes[p])
    own = np.concatenate([ends[:, p] for p in range(players)])
    other = np.concatenate([ends[:, axes[p][:-1]] for p in range(players)])
    order = np.argsort(own, kind="stable")
    sequences, empties = int(plex.first[-1]), int(plex.first[0])
    return SequenceForm(
        begin=plex.begin,
        parent=plex.parent,
        first=plex.first,
        start=_starts(own, sequences),
        other=other[order].astype(np.uint32),
        scale=np.tile(tree.stake[leaves], players)[order],
        table=np.concatenate([kind + p * len(pairs) for p in range(players)])[order].astype(np.uint32),
        tables=tables.ravel(),
        origin=np.tile([(np.arange(wide) < w).astype(np.float64) for w in own_lanes], (empties // players, 1)),
        row=plex.row,
        width=lanes,
    )


def _starts(own: Ints, sequences: int) -> npt.NDArray[np.uint32]:
    return np.concatenate([[0], np.cumsum(np.bincount(own, minlength=sequences))]).astype(np.uint32)


def _in_scalars(tree: Tree) -> SequenceForm:
    players = tree.players
    lanes = tuple(map(len, tree.hands))
    plex, sequence = _treeplexes(tree, lanes, tree.lanes)
    ends, weight, payoffs = _scalar_leaves(tree, sequence)
    # Leaves that the same sequences reach are one term: chance is contracted here. They stand together once all are
    # sorted by all players' sequences, and still do when these are sorted by the owner's, stably.
    numbers = [_own_numbers(plex, p, end) for p, end in enumerate(ends)]
    codes = code(*numbers)
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    terms, sums = [], []  # of each player: the first leaf of each term, and what it adds up to
    counts = np.zeros(int(plex.first[-1]), np.int64)
    for p in range(players):
        value = (weight * payoffs[p])[order]
        kept = np.flatnonzero(value)
        kept = kept[np.argsort(numbers[p][order[kept]], kind="stable")]
        same = codes[kept]
        begins = np.flatnonzero(np.append(True, same[1:] != same[:-1])) if len(same) else kept
        sums.append(np.add.reduceat(value[kept], begins) if len(begins) else np.zeros(0))
        terms.append(order[kept[begins]])
        counts += np.bincount(ends[p][terms[p]], minlength=len(counts))
    scale = np.empty(sum(map(len, terms)))
    other = np.empty((len(scale), players - 1), np.uint32)
    empty, full = 0, int(counts[:players].sum())  # terms of empty sequences come first, player by player
    for p in range(players):
        first = int(counts[p])
        for at, part in ((empty, slice(first)), (full, slice(first, None))):
            size = len(terms[p][part])
            scale[at : at + size] = sums[p][part]
            for k, q in enumerate(q for q in range(players) if q != p):
                other[at : at + size, k] = ends[q][terms[p][part]]
        empty, full = empty + first, full + len(terms[p]) - first
    return SequenceForm(
        begin=plex.begin,
        parent=plex.parent,
        first=plex.first,
        start=np.append(0, np.cumsum(counts)).astype(np.uint32),
        other=other,
        scale=scale,
        table=np.zeros(0, np.uint32),
        tables=np.zeros(0),
        origin=np.ones((players, 1)),
        row=plex.row,
        width=1,
    )


def _own_numbers(plex: Treeplexes, p: int, sequence: Ints) -> npt.NDArray[np.integer[Any]]:
    """Return player p's sequences numbered from 0, its empty one, in a type in which they are sorted fast."""
    numbers = np.where(sequence >= len(plex.begin) - 1, sequence - (int(plex.first[plex.begin[p]]) - 1), 0)
    return numbers.astype(np.uint16) if numbers.max(initial=0) < 2**16 else numbers


def _scalar_leaves(tree: Tree, sequence: Ints) -> tuple[list[Ints], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return, for every leaf and deal with positive chance, the players' last sequences, the chance and the payoffs."""
    players = tree.players
    deals = np.argwhere(tree.weights[0] > 0)  # [deals, P]: the root's weight is the deal
    if len(tree.stake) * len(deals) > MAX_TERMS:
        raise UserError(
            f"the game has {len(tree.stake):,} public endings for {len(deals):,} deals: "
            f"more than the {MAX_TERMS:,} that fit"
        )
    at: Any = tuple(deals.T)
    weight = tree.weights[:, *at][tree.leaf_weight]  # [L, deals]
    possible = weight > 0
    ends = [_leaf_sequences(tree, sequence, p)[:, deals[:, p]][possible] for p in range(players)]
    paid = tree.payoffs[:, :, *at]  # [T, P, deals]
    payoffs = np.stack([(paid[tree.outcome, p] * tree.stake[:, None])[possible] for p in range(players)])
    return ends, weight[possible], payoffs
