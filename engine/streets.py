"""`Subgame`: a heads-up betting game on run-outs of public cards, as the arrays that the street walker reads.

A street is one *template* (betting trees, contracted to their sequence form as in `engine.form`) played at many
*instances* (boards). A template begins after one or more ways in which the street before can have ended, its *entries*:
what follows them is on one board, and leaves on one board are summed side by side. On each board a player has *lanes*,
one for each hand of its range that the board leaves, on a full board in order of strength, weakest first. What regrets
and averages there are lies in one long table, an instance's part after another's: decisions of player 0, then those of
player 1, a decision's part [actions, columns of its player on the board].

Shape letters: T templates, E entries of a template, D decisions of all templates, L blocks of leaves, K kinds of
leaves, G groups of a street's ends, I instances, B boards, C dealt cards, w the width of a board: the larger player's
lanes there, padded to a multiple of sixteen. Payoffs are chips won or lost against the start of the subgame with half
the pot each, so without rake they sum to zero.

The arrays stand in small tuples, by what they speak of. Kernels read them flat (`engine.raw`).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.simd import LANES

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

# Kinds of leaves: TABLE is a showdown with cards to come, a product with a table; NET what an evaluator is asked about.
FOLD, SHOWDOWN, TABLE, NET = range(4)
KINDS = 4
NO_SECOND = (53, 54)  # numbers beside the cards': in place of a player's second hole card
SLOTS = 55
FREE = 2**32 - 1


NO_CELLS = np.zeros(0, np.uint8)
NO_WEIGHTS = np.zeros(0, np.float32)


class Boards(NamedTuple):
    """What both players may hold on each board; board 0 is the root's.

    Of a board, player p's lane k is in place `at + p * w + k` of `source`, `cards`, `same` and `cell`, and in place
    `ranked + p * w + k` of `below` and `beyond`.
    """

    width: U32  # [B] the board's w
    lanes: U32  # [B, 2] how many lanes each player has
    columns: U32  # [B, 2] columns that a decision of the player has in the tables there: one a lane, or one a cell
    at: U64  # [B] where the board's part of the next four begins
    source: U16  # [.] the lane on the board before; on the root, the hand's place among those of the player's range
    cards: U8  # [., 2] with one hole card, beside it `NO_SECOND` of the player
    same: U16  # [.] the other player's lane with the same two cards, or w
    cell: U8 | U32  # [.] the column of each lane; as U8 it is empty, and the lane is the column
    ranked: U64  # [B] where the board's part of the next two begins, if it is full
    below: U16  # [.] how many of the other's lanes lose to the lane
    beyond: U16  # [.] and from which of the other's lanes on they beat it
    weight: F32 = NO_WEIGHTS  # [.] at the places of `cell`: weights of the hands in their ranges, where there are cells


class Templates(NamedTuple):
    """The betting of streets, apart from its leaves."""

    decisions: U32  # [T, 3] player p's decisions are decisions[t, p] .. decisions[t, p + 1], parents first
    entries: U32  # [T] the number E of entries of a template
    sequences: U32  # [T] sequences of a template: both players' arrivals at each entry (2 e + p), then actions
    actions: U32  # [T, 2] actions of all decisions of a player: so many rows it has in an instance's part of a table
    parent: U32  # [D] the sequence that leads to the decision
    first: U32  # [D] its first sequence
    size: U32  # [D] its number of actions
    offset: U32  # [D] the actions of those of its player's decisions that come before it
    groups: U32  # [T + 1] groups of ends of the street with betting to come: each goes on as one template
    ends: U32  # [G + 1] ends of group g, the entries of its template: ends[g] .. ends[g + 1]
    end_at: U32  # [., 2] both players' last sequences
    follows: U32  # [G] the template that follows


class Leaves(NamedTuple):
    """The leaves of all templates: template by template, kind by kind, in blocks of sixteen.

    A place of a block with no leaf has the sequence after all others, and pays nothing.
    """

    bounds: U32  # [T * K + 1] blocks of template t and a kind: bounds[K t + kind] .. bounds[K t + kind + 1]
    last: U32  # [L, 2, 16] both players' last sequences
    pays: F32  # [L, 3, 16] of a fold: what each player gets; of others: the winner, the loser, each player of a tie


class Instances(NamedTuple):
    """Templates on boards; instance 0 is the root, and what follows an instance lies together."""

    template: U32  # [I]
    board: U32  # [I]
    base: U64  # [I] where the instance's part of the tables begins
    scale: U64  # [I] where the instance's decisions begin in the table of scales
    child: U64  # [I] instances one street later: child + (group) * (cards dealt) + (card)


class RunOuts(NamedTuple):
    """What may be dealt to a board, up to suits."""

    bounds: U32  # [B + 1] deals to board b: bounds[b] .. bounds[b + 1]
    after: U32  # [C] the board that they make
    share: F32  # [C] the chance of a deal and all that equal it up to suits, given two hands, over the swaps of suits
    swaps: U32  # [B + 1] the swaps of suits that leave a board as it is, none for one alone: swaps[b] .. swaps[b + 1]
    swap: U64  # [.] where the lanes of a swap begin
    permuted: U16  # [.] at swap + p * w + k: the lane that plays, with a deal, the part of lane k with the swapped deal


class Equities(NamedTuple):
    """Chances to win on boards with cards to come."""

    at: U64  # [B] where a board's table begins, if it has one
    ahead: F32  # [.] chance of player 0 to win less that to lose, [its lanes, w of the other's]; 0 if they clash


class Locks(NamedTuple):
    """Fixed strategies; both arrays are empty if all are free."""

    at: U32  # [I * decisions] where a decision's part of `mix` begins, `FREE` if it is free
    mix: F32  # [.] fixed strategies, [actions, columns] of each such decision; -1 for the lanes that are free
    given: bool  # whether there are any


NO_LOCKS = Locks(np.zeros(0, np.uint32), np.zeros(0, np.float32), False)


class Nets(NamedTuple):
    """Ends of a street that is cut off: N of them, W the width of the widest board that they are on.

    An instance's are in the order of its template's leaves of the kind. They are empty if there are none.
    """

    width: int  # W, 0 if there are none
    first: U64  # [I] the number of an instance's first end
    ranges: F32  # [N, 2, W] both players' plans there, from their weight at the root on: what is asked
    values: F32  # [N, 2, W] what both players' lanes are worth there: the answers


NO_NETS = Nets(0, np.zeros(0, np.uint64), np.zeros((0, 2, 0), np.float32), np.zeros((0, 2, 0), np.float32))


class Subgame(NamedTuple):
    """All that the walker reads; nothing in it changes while solving but what is asked at net leaves."""

    reach: F32  # [2 E, w] weights of both ranges at each entry of instance 0
    boards: Boards
    templates: Templates
    leaves: Leaves
    instances: Instances
    deals: RunOuts
    equities: Equities
    locks: Locks
    raked: bool  # whether the house takes a part: then a tie pays too, half of what winner and loser get together
    nets: Nets = NO_NETS

    @property
    def entries(self) -> int:
        """Return the numbers in a table."""
        return int((self.instances.base.astype(np.int64) + part_sizes(self)).max())

    @property
    def decisions(self) -> int:
        """Return the number of decisions of all instances."""
        spans = self.templates.decisions[self.instances.template].astype(np.int64)
        return int((self.instances.scale.astype(np.int64) + spans[:, 2] - spans[:, 0]).max())

    @property
    def nbytes(self) -> int:
        """Return the bytes of all arrays."""
        parts = (part if isinstance(part, tuple) else (part,) for part in self)
        return sum(int(array.nbytes) for part in parts for array in part if isinstance(array, np.ndarray))


def part_sizes(game: Subgame) -> I64:
    """Return how many numbers each instance has in a table, [I]."""
    rows, columns = game.templates.actions[game.instances.template], game.boards.columns[game.instances.board]
    found: I64 = (rows.astype(np.int64) * columns.astype(np.int64)).sum(axis=1)
    return found


def root_lanes(game: Subgame, board: int, player: int) -> I64:
    """Return for each lane of a player on a board its hand's place among those of the player's range."""
    boards, deals = game.boards, game.deals
    before = np.zeros(len(boards.at), np.int64)
    before[deals.after] = np.repeat(np.arange(len(boards.at)), deals.bounds[1:] - deals.bounds[:-1])
    lane = np.arange(int(boards.lanes[board, player]))
    while True:
        lane = boards.source[int(boards.at[board]) + player * int(boards.width[board]) + lane].astype(np.int64)
        if board == 0:
            return lane
        board = int(before[board])


class Tables(NamedTuple):
    """What a run changes: cumulative regrets and average strategies, in 32-bit floats or 16-bit integers."""

    regret: Any  # [sum of entries]
    total: Any  # [sum of entries]
    regret_scale: F32  # [I * decisions] value of 1 in a 16-bit decision; empty in 32 bits
    total_scale: F32


class Work(NamedTuple):
    """Working memory of one thread: a stack of levels, one a street, and vectors that all levels share.

    A level has a row of `plan`, `sigma` and `value`, a vector of the board's w for each sequence; all threads share
    level 0, the root street's. The sequence after all others of a row stands for leaves that are not there. What is
    between a player's lanes and w is finite, and zero in `value`; in `plan` it is zero too below the sixteenth lane.
    """

    plan: F32  # [rows, .] both players' realisation plans, from their weight at the root on, [sequences + 1, w]
    sigma: F32  # [rows, .] the strategy of one of them
    value: F32  # [rows, .] its counterfactual values
    gained: F32  # [.] values after each deal at the ends of the street before: the root's, then each level's
    row: U64  # [levels] the level's row
    start: U64  # [levels] where the level's part of `gained` begins
    instance: U64  # [levels] the instance that is visited there
    child: U64  # [levels] the next of what follows it
    until: U64  # [levels] the last of what follows it, plus one
    to: U64  # [levels] where in `gained` its values go
    chance: F64  # [levels] of the deal that led to it
    sums: F64  # [levels] what a player's average strategy earned in it so far
    earned: F64  # [.] what it earned after each of the root's children, times the chance of the deal
    block: F32  # [actions * w] and all below: for the widest board
    narrow: Any  # [actions * 16] of the tables' type: rows of fewer than sixteen entries
    norm: F32  # [w]
    last: U64  # [2, 16] where the vectors of both players' last sequences at sixteen leaves begin
    packed: F32  # [(w + 1) * 16] the other's plans at sixteen leaves; zero in lane w
    result: F32  # [w * 16] the values of sixteen leaves
    removal: F32  # [SLOTS * 16] plans by card


def levels_of(game: Subgame) -> list[tuple[int, int]]:
    """Return for each street from the root's on the most deals that may follow it, for the last none, and its width."""
    bounds, after = game.deals.bounds.astype(np.int64), game.deals.after
    boards, found = game.instances.board[:1].astype(np.int64), list[tuple[int, int]]()
    while len(boards):
        found.append((int((bounds[boards + 1] - bounds[boards]).max()), int(game.boards.width[boards].max())))
        boards = np.concatenate([after[bounds[b] : bounds[b + 1]] for b in boards]).astype(np.int64)
    return found


def _lined(*shape: int) -> F32:
    """Return zeros that begin with a line of the cache: vectors of sixteen then take one line each, and never two."""
    size = math.prod(shape)
    room = np.zeros(size + LANES, np.float32)
    start = -room.ctypes.data % (4 * LANES) // 4
    return room[start : start + size].reshape(shape)


def new_work(game: Subgame, threads: int, kind: npt.DTypeLike = np.float32) -> list[Work]:
    """Return working memory for a number of threads, and tables of a type: it suits every template on every board."""
    i64, u64 = np.int64, np.uint64
    templates, streets = game.templates, levels_of(game)
    w, levels = int(game.boards.width.max()), len(streets)
    rows = templates.sequences[game.instances.template].astype(i64) + 1
    size = int((rows * game.boards.width[game.instances.board]).max())
    actions = int(templates.size.max(initial=1))
    ends = np.diff(templates.ends.astype(i64))
    first, last = (int(g) for g in templates.groups[int(game.instances.template[0]) :][:2])  # groups of the root street
    # All that follows the root is summed up at its end, so that threads may visit it in any order; what follows others
    # is summed up group by group, and stays in the cache.
    sizes = [int(ends[first:last].sum()), *[int(ends.max(initial=0))] * (levels - 1)]
    parts = [many * deals * width for many, (deals, width) in zip(sizes, streets, strict=True)]
    below = levels - 1
    plan, sigma, value = (_lined(1 + threads * below, size) for _ in range(3))
    gained = _lined(parts[0] + threads * sum(parts[1:]))
    earned = np.zeros((last - first) * streets[0][0])
    starts = np.cumsum([0, *parts[:-1]])
    return [
        Work(
            plan=plan,
            sigma=sigma,
            value=value,
            gained=gained,
            row=np.array([0, *range(1 + k * below, 1 + (k + 1) * below)], u64),
            start=np.array([0, *(starts[1:] + k * sum(parts[1:]))], u64),
            instance=np.zeros(levels, u64),
            child=np.zeros(levels, u64),
            until=np.zeros(levels, u64),
            to=np.zeros(levels, u64),
            chance=np.zeros(levels),
            sums=np.zeros(levels),
            earned=earned,
            block=_lined(actions * w),
            narrow=np.zeros(actions * LANES, kind),
            norm=_lined(w),
            last=np.zeros(2 * LANES, u64),
            packed=_lined((w + 1) * LANES),
            result=_lined(w * LANES),
            removal=_lined(SLOTS * LANES),
        )
        for k in range(threads)
    ]


def work_bytes(game: Subgame, threads: int) -> int:
    """Return the bytes of the working memory of a number of threads."""
    arrays = {id(array): array.nbytes for work in new_work(game, threads) for array in work}
    return sum(arrays.values())


def new_tables(game: Subgame, compress: bool) -> Tables:
    """Return empty tables."""
    entries, scales = game.entries, game.decisions if compress else 0
    kind = np.int16 if compress else np.float32
    return Tables(
        np.zeros(entries, kind),
        np.zeros(entries, kind),
        np.zeros(scales, np.float32),
        np.zeros(scales, np.float32),
    )


def unblocked(cards: U8, others: U8, weights: F64, same: I64) -> F64:
    """Return for each hand the weight of the others that share no card with it, f64[n].

    `cards` [n, 2] and `others` [m, 2] are as in `Boards`, `weights` [m] the others', and `same` the index among the
    others of the hand with the same two cards, m if there is none. What shares the first card and what shares the
    second is taken out of the sum, and what shares both is put back: it was taken out twice.
    """
    by_card = np.bincount(others.ravel(), np.repeat(weights, 2), minlength=SLOTS)
    found: F64 = weights.sum() - by_card[cards].sum(axis=1) + np.append(weights, 0.0)[same]
    return found
