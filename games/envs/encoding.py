"""What the players of a turn-based game observe, as numbers, and the way from a policy over them to a strategy.

Observation of a player, with every number 0 or 1:

| numbers | what is 1 |
| --- | --- |
| P | the player's own seat |
| H | its hand, in games of a private deal |
| C | what has happened, one number for each event that can |

In games of a private deal all play is public, and an event is a move at a depth (the k-th move was *raise*; the k-th
was the card Q). In other games nothing is known to be public, and a player's events are its own: its k-th action, and
which of the information sets that can follow it came next, numbered in the order of the tree. So a waiting player sees
what it saw last, and what it did. By perfect recall an observation at a decision tells the information set, and nothing
else: `observations` lists them all, and `behaviour_strategy` turns what a policy does there into a strategy, to be
judged exactly.

An action of one name has one number wherever it occurs in the game (`Encoding.names`).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit
from counterplay.engine.strategy import Table, uniform
from counterplay.engine.tree import Tree
from counterplay.games.foreign.register_openspiel import numbered

_NONE = -1  # no event
_PIECE = 1 << 17  # decisions that a policy is asked at together


class Encoding(NamedTuple):
    """Where everything stands in observations, and which action is which."""

    names: tuple[tuple[str, ...], ...]
    number: npt.NDArray[np.int64]  # [R] the action that plays the row
    hands: int  # H
    size: int  # O
    limit: int  # the longest game's number of decisions
    public: bool  # everybody sees every move
    move_event: npt.NDArray[np.int32]  # [N] the event of the move into the node, for whoever sees it
    turn_event: npt.NDArray[np.int32]  # [N] that of finding oneself here, for the one to act; -1 if moves are public

    @property
    def actions(self) -> int:
        """Return A."""
        return len(self.names[0])

    @property
    def events(self) -> int:
        """Return where the events begin: after seat and hand."""
        return len(self.names) + self.hands


def encode(tree: Tree) -> Encoding:
    """Number the actions by name and the events that a player can hear of."""
    names, number = _name_actions(tree)
    depth, decided = np.zeros((2, len(tree.player)), np.int32)
    _count(tree.parent, tree.player, depth, decided)
    up = np.maximum(tree.parent, 0)
    row = np.where(tree.player[up] >= 0, tree.first[tree.infoset[up]] + tree.slot, _NONE)  # that leads into the node
    row[0] = _NONE
    public = tree.lanes > 1
    if public:
        move = np.where(row >= 0, np.append(number, _NONE)[row], tree.slot)
        events = np.stack([depth, move], axis=1)[1:]
        seen, index = np.unique(events, axis=0, return_inverse=True)
        move_event, turn_event = np.concatenate([[_NONE], index.ravel()]), np.full(len(tree.player), _NONE)
    else:
        own, child = _own_paths(tree)
        # Kind 0: the player is told its information set, numbered below its last action; kind 1: its own action.
        sets = np.stack([own, np.zeros_like(own), child], axis=1)
        of_row = np.arange(len(tree.owner)).repeat(np.diff(tree.first))
        rows = np.stack([own[of_row], np.ones(tree.rows, np.int64), number], axis=1)
        seen, index = np.unique(np.concatenate([sets, rows]), axis=0, return_inverse=True)
        of_set, by_row = np.split(index.ravel(), [len(sets)])
        move_event = np.append(by_row, _NONE)[row]
        turn_event = np.append(of_set, _NONE)[np.where(tree.player >= 0, tree.infoset, _NONE)]
    hands = tree.lanes if public else 0
    return Encoding(
        names=names,
        number=number,
        hands=hands,
        size=tree.players + hands + len(seen),
        limit=max(1, int(decided.max())),
        public=public,
        move_event=move_event.astype(np.int32),
        turn_event=turn_event.astype(np.int32),
    )


def _name_actions(tree: Tree) -> tuple[tuple[tuple[str, ...], ...], npt.NDArray[np.int64]]:
    """Return what each player calls its actions, [P][A], and the number of each row's.

    A name gets the smallest number that is free with all players who use it, in the order in which the game first uses
    names: so one that several players use has one number, and players with names of their own each count from 0.
    """
    users: dict[tuple[str, int], set[int]] = {}
    for owner, labels in zip(tree.owner.tolist(), tree.actions, strict=True):
        for move in numbered(labels):
            users.setdefault(move, set()).add(owner)
    names: list[list[str | None]] = [[] for _ in range(tree.players)]
    number: dict[tuple[str, int], int] = {}
    for move, owners in users.items():
        free = 0
        while any(free < len(names[p]) and names[p][free] is not None for p in owners):
            free += 1
        number[move] = free
        for p in owners:
            names[p] += [None] * (free + 1 - len(names[p]))
            names[p][free] = move[0]
    actions = max(1, *map(len, names)) if names else 1
    filled = tuple(tuple(name or "" for name in own) + ("",) * (actions - len(own)) for own in names)
    return filled, np.array([number[move] for labels in tree.actions for move in numbered(labels)], np.int64)


def _own_paths(tree: Tree) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return how many own actions come before each information set, and its number among those that follow the last."""
    of_row = np.arange(len(tree.owner)).repeat(np.diff(tree.first))
    depth, above = np.zeros(len(tree.owner), np.int64), tree.above
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, tree.above[of_row[above]], _NONE)
    order = np.lexsort((tree.above, tree.owner))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(tree.above[order]) != 0) | (np.diff(tree.owner[order]) != 0)
    start = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    child = np.empty(len(order), np.int64)
    child[order] = np.arange(len(order)) - start
    return depth, child


class Observations(NamedTuple):
    """Every decision that can come up, as its player sees it: M pairs of an information set and a hand."""

    obs: npt.NDArray[np.float32]  # [M, O]
    legal: npt.NDArray[np.bool_]  # [M, A]
    player: npt.NDArray[np.int64]  # [M]
    infoset: npt.NDArray[np.int64]  # [M]
    hand: npt.NDArray[np.int64]  # [M]


def observations(tree: Tree) -> Observations:
    """Return all decisions of a game as the environment shows them, information set by information set."""
    return _shown(tree, encode(tree), _lowest_nodes(tree), 0, len(tree.owner))


def observed(tree: Tree, rows: int = _PIECE) -> Iterator[Observations]:
    """Yield `observations(tree)` in pieces of about so many, since all at once take gigabytes in a large game."""
    code, node = encode(tree), _lowest_nodes(tree)
    past = np.cumsum(_hands(tree))
    low = 0
    while low < len(past):
        before = past[low - 1] if low else 0
        high = max(low + 1, int(np.searchsorted(past, before + rows, side="right")))
        yield _shown(tree, code, node, low, high)
        low = high


def _hands(tree: Tree) -> npt.NDArray[np.int64]:
    """Return how many hands each information set is reached with."""
    found: npt.NDArray[np.int64] = np.array([len(labels) for labels in tree.hands], np.int64)[tree.owner]
    return found


def _lowest_nodes(tree: Tree) -> npt.NDArray[np.int64]:
    """Return one node of each information set, the first."""
    decisions = np.flatnonzero(tree.player >= 0)
    node = np.zeros(len(tree.owner), np.int64)
    node[tree.infoset[decisions[::-1]]] = decisions[::-1]
    return node


def _shown(tree: Tree, code: Encoding, first: npt.NDArray[np.int64], low: int, high: int) -> Observations:
    """Return the decisions of information sets low .. high as the environment shows them."""
    owner, node = tree.owner[low:high].astype(np.int64), first[low:high]
    hands = _hands(tree)[low:high]
    infoset = np.arange(len(owner)).repeat(hands)
    hand = np.concatenate([np.arange(n) for n in hands]) if len(hands) else np.zeros(0, np.int64)
    player = owner[infoset]
    legal = np.zeros((len(owner), code.actions), bool)
    sizes = np.diff(tree.first[low : high + 1])
    legal[np.arange(len(owner)).repeat(sizes), code.number[tree.first[low] : tree.first[high]]] = True

    # From one node of each set up to the root, all sets abreast: a move is seen by everybody or by who made it.
    seen = np.zeros((len(owner), code.size), np.float32)
    every = np.arange(len(owner))
    while (node >= 0).any():
        up = tree.parent[node]
        mine = (node >= 0) & (code.public | (tree.player[up] == owner))
        for event, to in (
            (code.move_event, mine & (up >= 0)),
            (code.turn_event, (node >= 0) & (tree.player[node] == owner)),
        ):
            heard = to & (event[node] >= 0)
            seen[every[heard], code.events + event[node[heard]]] = 1
        node = np.where(node >= 0, up, _NONE)
    obs = seen[infoset]
    rows = np.arange(len(obs))
    obs[rows, player] = 1
    if code.hands:
        obs[rows, tree.players + hand] = 1
    return Observations(obs, legal[infoset], player, low + infoset, hand)


def behaviour_strategy(tree: Tree, probabilities: npt.NDArray[Any]) -> Table:
    """Return a policy's probabilities at all of `observations(tree)`, [M, A], as a strategy of the tree, [R, W].

    What it gives to actions that are not legal is left out, and the rest scaled to sum to one. Raises `ValueError`
    where nothing is left, or where a probability is negative or not a number.
    """
    shape = int(_hands(tree).sum()), encode(tree).actions
    if probabilities.shape != shape:
        raise UserError(f"the game's policies have shape {shape}, not {probabilities.shape}")
    done = 0

    def next_ones(seen: Observations) -> npt.NDArray[Any]:
        nonlocal done
        done += len(seen.obs)
        return probabilities[done - len(seen.obs) : done]

    return behaviour(tree, next_ones)


def behaviour(
    tree: Tree, decide: Callable[[Observations], npt.NDArray[Any]], told: Callable[[int], None] | None = None
) -> Table:
    """Return what a policy does at all decisions as a strategy of the tree, [R, W].

    `decide` is asked for probabilities, [n, A], at a piece of the game's observations at a time; `told` hears how many
    are done. Of what it gives the same is made as in `behaviour_strategy`.
    """
    code, strategy, done = encode(tree), uniform(tree), 0
    for seen in observed(tree):
        _put(tree, code, strategy, seen, decide(seen), done)
        done += len(seen.obs)
        if told is not None:
            told(done)
    return strategy


def _put(
    tree: Tree, code: Encoding, strategy: Table, seen: Observations, probabilities: npt.NDArray[Any], before: int
) -> None:
    """Write a policy's probabilities at some decisions, which so many others come before, into a strategy."""
    share = np.where(seen.legal, probabilities, 0.0).astype(np.float64)
    wrong = ~((share >= 0).all(axis=1) & (share.sum(axis=1) > 0) & np.isfinite(share).all(axis=1))
    if wrong.any():
        at = int(wrong.argmax())
        label = tree.labels[seen.infoset[at]]
        raise UserError(
            f"probabilities of legal actions must be at least 0 and not all 0, not {share[at].tolist()} in row "
            f"{before + at}, player {seen.player[at]} at {label!r}"
        )
    share /= share.sum(axis=1, keepdims=True)
    sizes = np.diff(tree.first)[seen.infoset]  # rows of each of the M
    which = np.arange(len(share)).repeat(sizes)
    slot = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    row = tree.first[seen.infoset[which]] + slot
    strategy[row, seen.hand[which]] = share[which, code.number[row]]


@jit
def _count(
    parent: npt.NDArray[np.int64],
    player: npt.NDArray[np.int8],
    depth: npt.NDArray[np.int32],
    decided: npt.NDArray[np.int32],
) -> None:
    """Count the moves before each node, and the decisions among them."""
    for n in range(1, np.uint64(len(parent))):
        up = np.uint64(parent[n])
        depth[n] = depth[up] + 1
        decided[n] = decided[up] + (player[up] >= 0)
