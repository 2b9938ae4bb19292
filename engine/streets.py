"""`Subgame`: a heads-up betting game on run-outs of public cards, as the arrays that the street walker reads.

A street is one *template* (betting trees, contracted to their sequence form as in `engine.form`) played at many
*instances* (boards). A template begins after one or more ways in which the street before can have ended, its *entries*:
what follows them is on one board, and leaves on one board are summed side by side. Lanes are a player's hands: its hole
cards. What regrets and averages there are lies in one long table, an instance's part after another's, a decision's part
[actions, lanes of its player] after another's.

Shape letters: T templates, E entries of a template, D decisions of all templates, L blocks of leaves, K kinds of
leaves, G groups of a street's ends, I instances, B boards, C dealt cards, W lanes (the larger player's, padded to a
multiple of sixteen; entry W is a lane that never holds anything). Payoffs are chips won or lost against the start of
the subgame with half the pot each, so without rake they sum to zero.

The arrays stand in small tuples, by what they speak of. Kernels read them flat (`engine.raw`).
"""

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

FOLD, SHOWDOWN, TABLE = range(3)  # kinds of leaves: TABLE is a showdown with cards to come, a product with a table
KINDS = 3
PAD, NO_SECOND = 52, (53, 54)  # numbers beside the cards': of a lane that pads, and in place of a second hole card
SLOTS = 55
FREE = 2**32 - 1


class Hands(NamedTuple):
    """What both players may hold."""

    cards: U8  # [2, W + 1, 2] the cards of each lane; with one hole card, beside it `NO_SECOND` of the player
    held: U64  # [2, W + 1] the same as a set: card c is bit c
    lanes: U32  # [2] how many lanes are real
    same: U32  # [2, W + 1] the other player's lane with the same two cards, or W
    reach: F32  # [2 E, W] weights of both ranges at each entry of instance 0


class Templates(NamedTuple):
    """The betting of streets, apart from its leaves."""

    decisions: U32  # [T, 3] player p's decisions are decisions[t, p] .. decisions[t, p + 1], parents first
    entries: U32  # [T] the number E of entries of a template
    sequences: U32  # [T] sequences of a template: both players' arrivals at each entry (2 e + p), then actions
    size_of: I64  # [T] numbers that an instance has in a table
    parent: U32  # [D] the sequence that leads to the decision
    first: U32  # [D] its first sequence
    size: U32  # [D] its number of actions
    offset: U32  # [D] where its part of an instance's entries begins
    groups: U32  # [T + 1] groups of ends of the street with betting to come: each goes on as one template
    ends: U32  # [G + 1] ends of group g, the entries of its template: ends[g] .. ends[g + 1]
    end_at: U32  # [., 2] both players' last sequences
    follows: U32  # [G] the template that follows


class Leaves(NamedTuple):
    """The leaves of all templates: template by template, kind by kind, in blocks of sixteen.

    A place of a block with no leaf has the row after all sequences, and pays nothing.
    """

    bounds: U32  # [T * K + 1] blocks of template t and a kind: bounds[K t + kind] .. bounds[K t + kind + 1]
    rows: U64  # [L, 2, 16] where the rows of both players' last sequences begin: sequence * W
    pays: F32  # [L, 3, 16] of a fold: what each player gets; of others: the winner, the loser, each player of a tie


class Instances(NamedTuple):
    """Templates on boards; instance 0 is the root, and what follows an instance lies together."""

    template: U32  # [I]
    board: U32  # [I]
    base: U64  # [I] where the instance's entries begin
    scale: U64  # [I] where the instance's decisions begin in the table of scales
    child: U64  # [I] instances one street later: child + (group) * (cards dealt) + (card)


class Deals(NamedTuple):
    """What may be dealt to a board, up to suits."""

    bounds: U32  # [B + 1] deals to board b: bounds[b] .. bounds[b + 1]
    dealt: U64  # [C] the cards, one or those of a flop, as a set
    after: U32  # [C] the board that they make
    share: F32  # [C] the chance of a deal and all that equal it up to suits, given two hands, over the swaps of suits
    swaps: U32  # [B + 1] the swaps of suits that leave a board as it is, none for one alone: swaps[b] .. swaps[b + 1]
    swap: U32  # [.] index into `permuted`
    permuted: U16  # [., 2, W] the lane that plays, with a deal, the part of this lane with the swapped deal


class Orders(NamedTuple):
    """Hands by strength on the R boards on which they are shown."""

    row: U32  # [B] row of a full board in the next four, else 0
    order: U16  # [R, 2, W] lanes that the board allows, weakest first
    allowed: U16  # [R, 2] how many
    below: U16  # [R, 2, W] how many of the other's ordered lanes lose to the lane in that place of the order
    beyond: U16  # [R, 2, W] and from which of the other's ordered lanes on they beat it


class Equities(NamedTuple):
    """Chances to win on boards with cards to come."""

    row: U32  # [B] index of such a board into the next, else 0
    ahead: F32  # [. * W * W] chance of player 0 to win less that to lose, by its lane and the other's; 0 if they clash


class Locks(NamedTuple):
    """Fixed strategies; both arrays are empty if all are free."""

    at: U32  # [I * decisions] where a decision's part of `mix` begins, `FREE` if it is free
    mix: F32  # [.] fixed strategies, [actions, lanes] of each such decision; -1 for the lanes that are free
    given: bool  # whether there are any


NO_LOCKS = Locks(np.zeros(0, np.uint32), np.zeros(0, np.float32), False)


class Subgame(NamedTuple):
    """All that the walker reads; nothing in it changes while solving."""

    hands: Hands
    templates: Templates
    leaves: Leaves
    instances: Instances
    deals: Deals
    orders: Orders
    equities: Equities
    locks: Locks
    raked: bool  # whether the house takes a part: then a tie pays too, half of what winner and loser get together

    @property
    def entries(self) -> int:
        """Return the numbers in a table."""
        return int(self.templates.size_of[self.instances.template].sum())

    @property
    def decisions(self) -> int:
        """Return the number of decisions of all instances."""
        spans = self.templates.decisions[self.instances.template].astype(np.int64)
        return int((spans[:, 2] - spans[:, 0]).sum())

    @property
    def nbytes(self) -> int:
        """Return the bytes of all arrays."""
        parts = (part for part in self if isinstance(part, tuple))
        return sum(int(array.nbytes) for part in parts for array in part if isinstance(array, np.ndarray))


class Tables(NamedTuple):
    """What a run changes: cumulative regrets and average strategies, in 32-bit floats or 16-bit integers."""

    regret: Any  # [sum of entries]
    total: Any  # [sum of entries]
    regret_scale: F32  # [I * decisions] value of 1 in a 16-bit decision; empty in 32 bits
    total_scale: F32


class Work(NamedTuple):
    """Working memory of one thread: a stack of levels, one a street, and vectors that all levels share.

    A level has a row of `plan`, `sigma` and `value`; all threads share level 0, the root street's. The sequence after
    all others of a row stands for leaves that are not there.
    """

    plan: F32  # [rows, (sequences + 1) * W] both players' realisation plans, from their weight at the root on
    sigma: F32  # [rows, (sequences + 1) * W] the strategy of one of them
    value: F32  # [rows, (sequences + 1) * W] its counterfactual values
    gained: F32  # [.] values after each deal at the ends of the street before: the root's, then each level's
    row: U64  # [levels] the level's row
    start: U64  # [levels] where the level's part of `gained` begins
    instance: U64  # [levels] the instance that is visited there
    child: U64  # [levels] the next of what follows it
    until: U64  # [levels] the last of what follows it, plus one
    to: U64  # [levels] where in `gained` its values go
    chance: F64  # [levels] of the deal that led to it
    free: F32  # [levels, 2, W] 0 for lanes that hold a card of the deal that led to it, else 1
    sums: F64  # [levels] what a player's average strategy earned in it so far
    earned: F64  # [.] what it earned after each of the root's children, times the chance of the deal
    block: F32  # [actions * W]
    norm: F32  # [W]
    packed: F32  # [(W + 1) * 16] the other's plans at sixteen leaves
    result: F32  # [(W + 1) * 16] the values of sixteen leaves
    removal: F32  # [SLOTS * 16] plans by card


def deals_by_level(game: Subgame) -> list[int]:
    """Return for each street the most deals that may follow it; for the last, none."""
    bounds, after = game.deals.bounds.astype(np.int64), game.deals.after
    boards, most = np.zeros(1, np.int64), list[int]()
    while len(boards):
        most.append(int((bounds[boards + 1] - bounds[boards]).max()))
        boards = np.concatenate([after[bounds[b] : bounds[b + 1]] for b in boards]).astype(np.int64)
    return most


def new_work(game: Subgame, threads: int) -> list[Work]:
    """Return working memory for a number of threads: it suits every template of the game."""
    w, f32, i64, u64 = game.hands.reach.shape[1], np.float32, np.int64, np.uint64
    templates, deals = game.templates, deals_by_level(game)
    size = (int(templates.sequences.max()) + 1) * w
    actions, levels = int(templates.size.max(initial=1)), len(deals)
    ends = np.diff(templates.ends.astype(i64))
    at_root = int(templates.groups[1])  # groups of the root street, template 0
    # All that follows the root is summed up at its end, so that threads may visit it in any order; what follows others
    # is summed up group by group, and stays in the cache.
    sizes = [int(ends[:at_root].sum()), *[int(ends[at_root:].max(initial=0))] * (levels - 1)]
    parts = [many * deal * w for many, deal in zip(sizes, deals, strict=True)]
    below = levels - 1
    plan, sigma, value = (np.zeros((1 + threads * below, size), f32) for _ in range(3))
    gained = np.zeros(parts[0] + threads * sum(parts[1:]), f32)
    earned = np.zeros(at_root * deals[0])
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
            free=np.zeros(levels * 2 * w, f32),
            chance=np.zeros(levels),
            sums=np.zeros(levels),
            earned=earned,
            block=np.zeros(actions * w, f32),
            norm=np.zeros(w, f32),
            packed=np.zeros((w + 1) * LANES, f32),
            result=np.zeros((w + 1) * LANES, f32),
            removal=np.zeros(SLOTS * LANES, f32),
        )
        for k in range(threads)
    ]


def new_tables(game: Subgame, compress: bool) -> Tables:
    """Return empty tables."""
    scales = game.decisions if compress else 0
    kind = np.int16 if compress else np.float32
    return Tables(
        np.zeros(game.entries, kind),
        np.zeros(game.entries, kind),
        np.zeros(scales, np.float32),
        np.zeros(scales, np.float32),
    )


def unblocked(cards: U8, others: U8, weights: F64, same: I64) -> F64:
    """Return for each hand the weight of the others that share no card with it, f64[n].

    `cards` [n, 2] and `others` [m, 2] are as in `Hands`, `weights` [m] the others', and `same` the index among the
    others of the hand with the same two cards, m if there is none. What shares the first card and what shares the
    second is taken out of the sum, and what shares both is put back: it was taken out twice.
    """
    by_card = np.bincount(others.ravel(), np.repeat(weights, 2), minlength=SLOTS)
    by_card[PAD] = 0.0
    found: F64 = weights.sum() - by_card[cards].sum(axis=1) + np.append(weights, 0.0)[same]
    return found
