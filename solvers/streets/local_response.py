"""Local best response: a lower bound on what can be won against a strategy of a game too large for a best response.

Lisy and Bowling (AAAI 2017 workshop on computer poker: "Equilibrium Approximation Quality of Current No-Limit Poker
Bots"). The responder knows the strategy, and so the other's hands at each point of play and how likely each is. At
each of its own decisions every hand takes the action that would earn most if both only checked and called from there
on: it folds, or it calls, or it bets, which wins the pot where the other folds. What it earns so is what a strategy
earns, and a best response earns no less.

Here all its hands play at once, on a run-out of the board that is drawn for both players: one visit of the betting of
all streets with vectors of hands. What a hand's chances are before the last street is estimated on boards that are
drawn apart from the run-out (`runouts.look_ahead`), so that nothing is chosen by cards to come: the choice may be poor,
what it earns is exact given the run-out, and unbiased.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.chain_nodes import DEAL, FOLD, SHOWDOWN, Ahead, Nodes
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.runouts import deal, look_ahead
from counterplay.engine.streets import F32, F64, SLOTS, U64, Boards, Subgame

U8 = npt.NDArray[np.uint8]


class Room(NamedTuple):
    """Working memory: plans by depth of the betting, and vectors of the widest board's w."""

    plan: F64  # [D, 2, w] both players' weights at the node last visited at a depth
    choice: U8  # [D, w] the action of each own hand at the decision last visited there
    held: F64  # [3, SLOTS] weights by card
    more: F64  # [10, w]


_STAY, _QUIT, _CALLED, _ALL, _BEST, _GAIN, _WEAKER, _UPTO, _SEEN, _TOTAL = range(10)  # rows of `more`


def new_room(game: Subgame, nodes: Nodes) -> Room:
    """Return working memory."""
    depth, w = int(nodes.depth.max()) + 1, int(game.boards.width.max())
    return Room(
        np.zeros((depth, 2, w)), np.zeros((depth, w), np.uint8), np.zeros((3, SLOTS)), np.zeros((len(range(10)), w))
    )


@inlined
def _hold(boards: Boards, lane: int, weight: Any, held: F64) -> None:
    held[boards.cards[lane, 0]] += weight
    held[boards.cards[lane, 1]] += weight


@inlined
def _apart(boards: Boards, lane: int, total: Any, held: F64) -> Any:
    """Return a sum of weights less those that are counted to either card of a hand."""
    return total - held[boards.cards[lane, 0]] - held[boards.cards[lane, 1]]


@jit
def _against_all(boards: Boards, b: int, p: int, theirs: F64, held: F64, out: F64) -> None:
    """Write the other's weights that each hand of player p may meet on board b."""
    w = int(boards.width[b])
    mine, other, total = int(boards.at[b]) + p * w, int(boards.at[b]) + (1 - p) * w, 0.0
    held[:] = 0.0
    for j in range(boards.lanes[b, 1 - p]):
        _hold(boards, other + j, theirs[j], held)
        total += theirs[j]
    for i in range(boards.lanes[b, p]):
        same = int(boards.same[mine + i])
        out[i] = _apart(boards, mine + i, total, held) + (theirs[same] if same < w else 0.0)


@jit
def _against_weaker(boards: Boards, b: int, p: int, theirs: F64, held: F64, weaker: F64, upto: F64) -> None:
    """Write the other's weights on a full board that are weaker than each hand of player p, and those not stronger."""
    w = int(boards.width[b])
    mine, other, ranked = int(boards.at[b]) + p * w, int(boards.at[b]) + (1 - p) * w, int(boards.ranked[b]) + p * w
    held[0] = 0.0
    held[1] = 0.0
    low = high = 0
    below = beyond = 0.0
    for i in range(boards.lanes[b, p]):
        while low < boards.below[ranked + i]:
            _hold(boards, other + low, theirs[low], held[0])
            below += theirs[low]
            low += 1
        while high < boards.beyond[ranked + i]:
            _hold(boards, other + high, theirs[high], held[1])
            beyond += theirs[high]
            high += 1
        same = int(boards.same[mine + i])
        weaker[i] = _apart(boards, mine + i, below, held[0])
        upto[i] = _apart(boards, mine + i, beyond, held[1]) + (theirs[same] if same < w else 0.0)


@inlined
def _odds(nodes: Nodes, total: F32, n: Index, slot: Index, cell: Index) -> Any:
    """Return how likely an action of decision n is in a cell: its share of the average strategy."""
    count, at = nodes.actions[n], nodes.part[n] + cell * nodes.each[n]
    if count == 1:
        return 1.0
    added = 0.0
    for a in range(count):
        added += np.float64(max(total[at + a], np.float32(0.0)))
    return np.float64(max(total[at + slot], np.float32(0.0))) / added if added > 1e-30 else 1.0 / count


@jit
def _ends(
    boards: Boards, ahead: Ahead, b: int, p: int, theirs: F64, win: float, lose: float, tie: float, room: Room
) -> None:
    """Add to `_GAIN` what each hand of player p earns if it is called down by these weights of the other's."""
    more = room.more
    seen = more[_SEEN]
    _against_all(boards, b, p, theirs, room.held[2], more[_ALL])
    for i in range(boards.lanes[b, p]):
        more[_TOTAL, i] = 0.0
        seen[i] = 0.0
    for k in range(ahead.first[b], ahead.first[b + 1]):
        v = int(ahead.boards.width[k])
        own, other = int(ahead.boards.at[k]) + p * v, int(ahead.boards.at[k]) + (1 - p) * v
        for j in range(ahead.boards.lanes[k, 1 - p]):
            more[_CALLED, j] = theirs[int(ahead.boards.source[other + j])]
        _against_all(ahead.boards, k, p, more[_CALLED], room.held[2], more[_QUIT])
        _against_weaker(ahead.boards, k, p, more[_CALLED], room.held, more[_WEAKER], more[_UPTO])
        for i in range(ahead.boards.lanes[k, p]):
            at = int(ahead.boards.source[own + i])
            weaker, upto, everyone = more[_WEAKER, i], more[_UPTO, i], more[_QUIT, i]
            more[_TOTAL, at] += win * weaker + tie * (upto - weaker) + lose * (everyone - upto)
            seen[at] += everyone
    for i in range(boards.lanes[b, p]):
        if seen[i] > 1e-12:
            more[_GAIN, i] += more[_ALL, i] * more[_TOTAL, i] / seen[i]


@jit
def _respond(
    game: Subgame, nodes: Nodes, ahead: Ahead, total: F32, n: int, p: int, theirs: F64, choice: U8, room: Room
) -> None:
    """Write the action of each hand of player p at its decision n that would earn most if play were called down."""
    boards, b, more = game.boards, int(nodes.level[n]), room.more
    at = int(boards.at[b]) + (1 - p) * int(boards.width[b])
    child, slot = n + 1, 0
    while child < n + nodes.size[n]:
        gain = more[_GAIN]
        if nodes.kind[child] == FOLD:
            _against_all(boards, b, p, theirs, room.held[2], gain)
            for i in range(boards.lanes[b, p]):
                gain[i] *= nodes.pays[child, p]
        else:
            stays = theirs
            gain[:] = 0.0
            if nodes.kind[child] == 1 - p and nodes.kind[child + 1] == FOLD:
                stays = more[_STAY]
                for j in range(boards.lanes[b, 1 - p]):
                    quits = theirs[j] * _odds(nodes, total, child, 0, int(boards.cell[at + j]))
                    stays[j] = theirs[j] - quits
                    more[_QUIT, j] = quits
                _against_all(boards, b, p, more[_QUIT], room.held[2], gain)
                for i in range(boards.lanes[b, p]):
                    gain[i] *= nodes.pays[child + 1, p]
            _ends(
                boards,
                ahead,
                b,
                p,
                stays,
                nodes.pays[child, 0],
                nodes.pays[child, 1],
                nodes.pays[child, 2],
                room,
            )
        for i in range(boards.lanes[b, p]):
            if slot == 0 or gain[i] > more[_BEST, i]:
                more[_BEST, i], choice[i] = gain[i], slot
        child += nodes.size[child]
        slot += 1


@inlined
def _arrive(game: Subgame, nodes: Nodes, total: F32, n: int, p: int, room: Room) -> bool:
    """Write both players' weights at node n from those at its parent; tell whether anything is left of both."""
    boards, b, d, up = game.boards, int(nodes.level[n]), int(nodes.depth[n]), int(nodes.parent[n])
    w, kind, slot = int(boards.width[b]), nodes.kind[up], nodes.slot[n]
    left = True
    for q in range(2):
        now, before, added = room.plan[d, q], room.plan[d - 1, q], 0.0
        at = int(boards.at[b]) + q * w
        for i in range(boards.lanes[b, q]):
            if kind == DEAL:
                x = before[int(boards.source[at + i])]
            elif kind != q:
                x = before[i]
            elif q == p:
                x = before[i] if room.choice[d - 1, i] == slot else 0.0
            else:
                x = before[i] * _odds(nodes, total, up, slot, int(boards.cell[at + i]))
            now[i] = x
            added += x
        left = left and added > 0.0
    return left


@jit
def _earned(game: Subgame, nodes: Nodes, factor: F64, ahead: Ahead, total: F32, p: int, room: Room) -> float:
    """Return what all hands of the responder p earn on the run-out that the chain has, each by its weight."""
    boards, found = game.boards, 0.0
    for q in range(2):
        for i in range(boards.lanes[0, q]):
            room.plan[0, q, i] = game.reach[q, i]
    n = 0
    while n < len(nodes.kind):
        if n > 0 and not _arrive(game, nodes, total, n, p, room):
            n += int(nodes.size[n])
            continue
        b, kind, d, more = int(nodes.level[n]), nodes.kind[n], int(nodes.depth[n]), room.more
        mine, theirs = room.plan[d, p], room.plan[d, 1 - p]
        if kind == FOLD:
            _against_all(boards, b, p, theirs, room.held[2], more[_ALL])
            for i in range(boards.lanes[b, p]):
                found += factor[b] * mine[i] * nodes.pays[n, p] * more[_ALL, i]
        elif kind == SHOWDOWN:
            _against_all(boards, b, p, theirs, room.held[2], more[_ALL])
            _against_weaker(boards, b, p, theirs, room.held, more[_WEAKER], more[_UPTO])
            win, lose, tie = nodes.pays[n, 0], nodes.pays[n, 1], nodes.pays[n, 2]
            for i in range(boards.lanes[b, p]):
                weaker, upto = more[_WEAKER, i], more[_UPTO, i]
                gain = win * weaker + tie * (upto - weaker) + lose * (more[_ALL, i] - upto)
                found += factor[b] * mine[i] * gain
        elif kind == p:
            _respond(game, nodes, ahead, total, n, p, theirs, room.choice[d], room)
        n += 1
    return found


@jit
def _sample(
    dealer: Any,
    game: Subgame,
    nodes: Nodes,
    factor: F64,
    ahead: Ahead,
    total: F32,
    room: Room,
    random: U64,
    values: F64,
) -> None:
    """Write what the responder earns in both seats on each of so many run-outs that are drawn."""
    for k in range(len(values)):
        deal(dealer, game.boards, random)
        for b in range(len(ahead.first) - 1):
            look_ahead(dealer, game.boards, b, ahead.boards, ahead.first[b], ahead.first[b + 1], random)
        for p in range(2):
            values[k, p] = _earned(game, nodes, factor, ahead, total, p, room)


def responded(chain: tuple[Subgame, Any], nodes: Nodes, ahead: Ahead, total: F32, random: U64, count: int) -> F64:
    """Return what a local best response earns in each seat against average strategies: f64[count, 2].

    They are chips times weights of pairs of hands, as `sampled.sampled` has them, on so many run-outs, drawn on from
    `random` [1]; `total` are the strategies' tables by cell. Both seats have the same run-outs, whose luck is the one's
    and not the other's, so that their sum varies little.
    """
    (game, dealer), values = chain, np.zeros((count, 2))
    factor = np.cumprod([1.0, *game.deals.share[: len(ahead.first) - 2].astype(np.float64)])
    _sample(dealer, game, nodes, factor, ahead, total, new_room(game, nodes), random, values)
    return values


class LocalBound(NamedTuple):
    """A lower bound on exploitability in chips, of a game without rake, with half the width of its interval of 95 %."""

    exploitability: float
    error: float
    seats: tuple[float, float]  # what the responder wins in each seat, of the pot and beyond it
    run_outs: int


def bound_of(values: F64, pairs: float, pot: float) -> LocalBound:
    """Return the bound of what was `responded`; `pairs` is the weight of all pairs of hands, `pot` what is there."""
    won = values / pairs + pot / 2
    both = won.sum(axis=1) / 2 - pot / 2
    error = 1.96 * both.std(ddof=1) / np.sqrt(len(both))
    return LocalBound(float(both.mean()), float(error), (float(won[:, 0].mean()), float(won[:, 1].mean())), len(both))
