"""`Subgame`: a heads-up betting game on run-outs of public cards, as the arrays that street-by-street kernels read.

A street is one *template* (betting trees, contracted to their sequence form as in `engine.form`) played at many
*instances* (boards). A template begins after one or more ways in which the street before can have ended, its *entries*:
what follows them is on one board, and leaves on one board are summed side by side. Lanes are a player's hole-card
combinations. What regrets and averages there are lies in one long table, an instance's part after another's, a
decision's part [actions, lanes of its player] after another's.

Shape letters: T templates, E entries of a template, D decisions of all templates, G groups of a street's ends, I
instances, B boards, C dealt cards, W lanes (the larger player's, padded to a multiple of sixteen; entry W is a lane
that never holds anything). Payoffs are chips won or lost against the start of the subgame with half the pot each, so
without rake they sum to zero.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.simd import LANES

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
I32 = npt.NDArray[np.int32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


class Subgame(NamedTuple):
    """The arrays that kernels read; none changes while solving."""

    cards: U8  # [2, W + 1, 2] the two cards of each lane; 52, 52 where it pads
    held: U64  # [2, W + 1] the same as a set: card c is bit c
    lanes: U32  # [2] how many lanes are real
    same: U32  # [2, W + 1] the other player's lane with the same two cards, or W
    reach: F32  # [2 E, W] weights of both ranges at each entry of instance 0

    decisions: U32  # [T, 3] player p's decisions are decisions[t, p] .. decisions[t, p + 1], parents first
    entries: U32  # [T] the number E of entries of a template
    sequences: U32  # [T] sequences of a template: both players' arrivals at each entry (2 e + p), then actions
    size_of: I64  # [T] numbers that an instance has in a table
    parent: U32  # [D] the sequence that leads to the decision
    first: U32  # [D] its first sequence
    size: U32  # [D] its number of actions
    offset: U32  # [D] where its part of an instance's entries begins

    folds: U32  # [T + 1] fold leaves of template t: folds[t] .. folds[t + 1]
    fold_at: U32  # [., 2] both players' last sequences
    fold_pays: F32  # [., 2] what each player gets
    shows: U32  # [T + 1] showdowns likewise
    show_at: U32
    show_pays: F32  # [., 3] what the winner, the loser, and each player of a tie gets
    allins: U32  # [T + 1] showdowns with cards still to come
    allin_at: U32
    allin_pays: F32
    nexts: U32  # [T + 1] groups of ends of the street with betting to come: each goes on as one template
    ends: U32  # [G + 1] ends of group g, the entries of its template: ends[g] .. ends[g + 1]
    end_at: U32  # [., 2] both players' last sequences
    next_template: U32  # [G]

    template: U32  # [I]
    board: U32  # [I]
    base: I64  # [I] where the instance's entries begin
    scale: I64  # [I] where the instance's decisions begin in the table of scales
    child: I64  # [I] instances one street later: child + (group) * (cards dealt) + (card)

    deals: U32  # [B + 1] what may be dealt to board b, up to suits: deals[b] .. deals[b + 1]
    dealt: U64  # [C] the cards, one or those of a flop, as a set
    after: U32  # [C] the board that they make
    share: F32  # [C] the chance of a deal and all that equal it up to suits, given two hands, over the swaps of suits
    swaps: U32  # [B + 1] the swaps of suits that leave a board as it is, none for one alone: swaps[b] .. swaps[b + 1]
    swap: U32  # [.] index into `permuted`
    permuted: U16  # [., 2, W] the lane that plays, with a deal, the part of this lane with the swapped deal

    river: U32  # [B] index of a full board into the next four, else 0
    order: U16  # [R, 2, W] lanes that the board allows, weakest first
    allowed: U16  # [R, 2] how many
    below: U16  # [R, 2, W] how many of the other's ordered lanes lose to the lane in that place of the order
    beyond: U16  # [R, 2, W] and from which of the other's ordered lanes on they beat it

    equity: U32  # [B] index of a board with cards to come into the next two
    ahead: F32  # [. * W * W] chance of player 0 to win less that to lose, by its lane and the other's; 0 if they clash
    lock: I32  # [I * decisions] where a decision's part of `mix` begins, -1 if it is free; empty if all are
    mix: F32  # [.] fixed strategies, [actions, lanes] of each such decision; -1 for the lanes that are free

    raked: bool  # whether the house takes a part: then a tie pays too, half of what winner and loser get together


class Tables(NamedTuple):
    """What a run changes: cumulative regrets and average strategies, in 32-bit floats or 16-bit integers."""

    regret: Any  # [sum of entries]
    total: Any  # [sum of entries]
    regret_scale: F32  # [I * decisions] value of 1 in a 16-bit decision; empty in 32 bits
    total_scale: F32


class Scratch(NamedTuple):
    """One street's working memory of one thread. The row after all sequences stands for leaves that are not there."""

    plan: F32  # [(sequences + 1) * W] both players' realisation plans, from their weight at the root on
    sigma: F32  # [(sequences + 1) * W] the strategy of one of them
    value: F32  # [(sequences + 1) * W] its counterfactual values
    block: F32  # [actions * W]
    norm: F32  # [W]
    rows: U64  # [16] where the rows of sixteen leaves begin
    factor: F32  # [16] what they pay
    packed: F32  # [(W + 1) * 16] the other's plans at sixteen leaves
    result: F32  # [(W + 1) * 16] the values of sixteen leaves
    removal: F32  # [53 * 16] plans by card
    earned: F64  # [cards] what a player's average strategy earned after each card, times the chance of the card


def scratch(game: Subgame) -> Scratch:
    """Return working memory that suits every template of the game."""
    w = game.reach.shape[1]
    rows, actions = int(game.sequences.max()) + 1, int(game.size.max(initial=1))
    f32 = np.float32
    return Scratch(
        plan=np.zeros(rows * w, f32),
        sigma=np.zeros(rows * w, f32),
        value=np.zeros(rows * w, f32),
        block=np.zeros(actions * w, f32),
        norm=np.zeros(w, f32),
        rows=np.zeros(LANES, np.uint64),
        factor=np.zeros(LANES, f32),
        packed=np.zeros((w + 1) * LANES, f32),
        result=np.zeros((w + 1) * LANES, f32),
        removal=np.zeros(53 * LANES, f32),
        earned=np.zeros(int(np.diff(game.deals.astype(np.int64)).max(initial=0))),
    )


def tables(game: Subgame, compress: bool) -> Tables:
    """Return empty tables."""
    entries = int(game.size_of[game.template].sum())
    decisions = game.decisions[game.template]
    scales = int((decisions[:, 2] - decisions[:, 0]).sum()) if compress else 0
    kind = np.int16 if compress else np.float32
    return Tables(
        np.zeros(entries, kind), np.zeros(entries, kind), np.zeros(scales, np.float32), np.zeros(scales, np.float32)
    )
