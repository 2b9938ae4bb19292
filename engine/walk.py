"""The plain way to build a tree: every state is visited once, in preorder, by the rules as they stand."""

import contextlib
import gc
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints
from counterplay.engine.deals import Deals, Singles, check_odds
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, chance_of, is_dealt

REPORT = 256  # nodes between two calls of `progress`: somebody's own rules may take a hundredth of a second each


class Nodes(NamedTuple):
    """What a builder found, nodes in preorder; `tree.compile_tree` completes it."""

    player: npt.NDArray[np.int8]  # [N] as in `Tree`
    parent: npt.NDArray[np.int64]  # [N]
    slot: npt.NDArray[np.int64]  # [N]
    infoset: npt.NDArray[np.int64]  # [N]
    weight: npt.NDArray[np.int64]  # [N]
    outcome: npt.NDArray[np.int64]  # [L]
    stake: npt.NDArray[np.float64]  # [L]
    owner: npt.NDArray[np.int8]  # [I]
    labels: list[str]  # [I]
    actions: list[tuple[str, ...]]  # [I]


class Infosets:
    """Information sets in the order of their first visit."""

    def __init__(self, players: int, *, public: bool):
        self.public = public  # a public state is seen once, so that a label seen again is a mistake
        self.index_of: list[dict[str, int]] = [{} for _ in range(players)]
        self.owner = array("b")
        self.labels: list[str] = []
        self.actions: list[tuple[str, ...]] = []
        self._kept: dict[tuple[str, ...], tuple[str, ...]] = {}  # equal moves are kept once

    def add(self, turn: int, label: str, moves: tuple[str, ...]) -> int:
        """Return the information set of a decision; raise `ValueError` where it contradicts what was seen of it."""
        index = self.index_of[turn].setdefault(label, len(self.labels))
        if index == len(self.labels):
            if not moves:
                raise UserError(f"player {turn} has no move at {label!r}")
            if not isinstance(label, str):
                raise UserError(f"sees() must be a text, not {label!r}")
            distinct(moves, f"the moves at {label!r}")
            self.labels.append(label)
            self.actions.append(self._kept.setdefault(moves, moves))
            self.owner.append(turn)
        elif self.public:
            raise UserError(f"two public states of player {turn} share the label {label!r}")
        elif self.actions[index] != moves:
            raise UserError(f"information set {label!r} has moves {self.actions[index]} and, elsewhere, {moves}")
        return index


class TooManyNodes(UserError):
    """The game has more nodes than were asked for."""

    def __init__(self, most: int):
        super().__init__(f"the game has more than {most:,} nodes: too many to solve as a whole")


Add = Callable[[int, str, tuple[str, ...]], int]
Look = tuple[int, Any, Any]  # what an expander's function returns (see `rules.Expanding`)


def walk(rules: Any, deals: Deals | Singles, max_nodes: int, progress: Callable[[int], None] | None) -> Nodes:
    """Visit every state of the game; raises `ValueError` as `compile_tree` does."""
    infosets = Infosets(rules.players, public=is_dealt(rules))
    root, look = _expander(rules, infosets.add)
    play, add_outcome = rules.play, deals.outcome
    kind, parent, stake = array("q"), array("q"), array("d")  # kind: information set, CHANCE, or LEAF - outcome
    drawn = [(-1, 0, 0)]  # parent, move and weight of the root and of all nodes that chance led to
    states, above = (
        [root],
        [~0],
    )  # what is still to be visited, the next one last; its parent, or ~ its place in `drawn`
    node, pause = -1, 0
    with _no_garbage():
        while states:
            node += 1
            if node >= pause:
                if node >= max_nodes:
                    raise TooManyNodes(max_nodes)
                if progress is not None:
                    progress(node)
                pause = min(node + REPORT, max_nodes)
            state, up = states.pop(), above.pop()
            parent.append(up)
            turn, what, more = look(state)
            if turn >= 0:
                kind.append(what)
                states += more
                above += [node] * len(more)
                if len(states) > max_nodes - node:  # those that wait are nodes too, and large ones of long games
                    raise TooManyNodes(max_nodes)
                continue
            if turn == LEAF:
                kind.append(LEAF - add_outcome(what))
                stake.append(more)
                continue
            kind.append(CHANCE)
            while up >= 0:
                up = parent[up]
            weight = drawn[~up][2]
            if isinstance(deals, Deals):
                moves = deals.draws(state, weight)
                states += [play(state, i) for i, _ in moves]
            else:
                moves = deals.draws(what, weight)
                states += [more[~i] for i, _ in moves]
            above += [~i for i in range(len(drawn), len(drawn) + len(moves))]
            drawn += [(node, i, reached) for i, reached in moves]
    return _nodes(infosets, np.frombuffer(kind, np.int64), np.array(parent), drawn, np.frombuffer(stake, np.float64))


def _nodes(
    infosets: Infosets, kind: Ints, parent: Ints, drawn: list[tuple[int, int, int]], stake: npt.NDArray[np.float64]
) -> Nodes:
    """Return the nodes that a walk has noted."""
    owner = np.array(infosets.owner, np.int8)
    player = np.append(owner, np.int8(CHANCE))[np.maximum(kind, CHANCE)]
    leaves = kind <= LEAF
    player[leaves] = LEAF
    infoset = np.maximum(kind, -1)
    infoset[leaves] = np.arange(len(stake))
    led = np.flatnonzero(parent < 0)
    before, move, weight = np.array(drawn, np.int64)[~parent[led]].T
    nearest = nearest_above(parent < 0, parent)
    parent[led] = before
    weights = np.empty(len(parent), np.int64)
    weights[led] = weight
    slot = _slots(parent)
    slot[led] = move
    return Nodes(
        player,
        parent,
        slot,
        infoset,
        weights[nearest],
        LEAF - kind[leaves],
        stake,
        owner,
        infosets.labels,
        infosets.actions,
    )


def nearest_above(marked: npt.NDArray[np.bool_], parent: Ints) -> Ints:
    """Return the nearest node on the way to each that is marked, itself included, or the root, [N]."""
    # Pointers jump to where their targets point, so that their reach doubles each time.
    nearest = np.where(marked, np.arange(len(parent)), parent)
    nearest[0] = 0
    while not np.array_equal(further := nearest[nearest], nearest):
        nearest = further
    return nearest


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Keep Python from looking for circular garbage: a walk makes none, and many states wait for long."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _slots(parent: Ints) -> Ints:
    """Return how many siblings each node follows."""
    slot = np.zeros(len(parent), np.int64)
    siblings = 1 + np.argsort(parent[1:], kind="stable")
    families = parent[siblings]
    begins = np.flatnonzero(np.append(True, families[1:] != families[:-1])) if len(families) else families
    slot[siblings] = np.arange(len(families)) - np.repeat(begins, np.diff(np.append(begins, len(families))))
    return slot


def _expander(rules: Any, add: Add) -> tuple[Any, Callable[[Any], Look]]:
    """Return the root and a function that says all of a state which a tree keeps: the rules' own, or their methods'."""
    if hasattr(rules, "expander"):
        own: tuple[Any, Callable[[Any], Look]] = rules.expander(add)
        return own
    return rules.root(), _look_at_public(rules, add) if is_dealt(rules) else _look_at_histories(rules, add)


def _look_at_histories(rules: Any, add: Add) -> Callable[[Any], Look]:
    """Return what expands `Rules`."""
    turn_of, sees, moves_of, play, players = rules.turn, rules.sees, rules.moves, rules.play, rules.players

    def look(state: Any) -> Look:
        turn = turn_of(state)
        if turn == LEAF:
            return LEAF, rules.payoffs(state), 1.0
        if turn == CHANCE:
            odds = chance_of(rules)(state)
            check_odds(odds, lambda: f"chance at {state}", len(in_order(moves_of(state))))
            return CHANCE, odds, [play(state, i) if odds[i] else None for i in range(len(odds) - 1, -1, -1)]
        check_turn(turn, players)
        moves = tuple(in_order(moves_of(state)))
        number = add(turn, sees(state, turn), moves)
        return turn, number, [play(state, i) for i in range(len(moves) - 1, -1, -1)]

    return look


def _look_at_public(rules: Any, add: Add) -> Callable[[Any], Look]:
    """Return what expands `DealtRules`; what chance may do depends on the hands, and is left to `Deals`."""
    turn_of, sees, moves_of, play, players = rules.turn, rules.sees, rules.moves, rules.play, rules.players

    def look(state: Any) -> Look:
        turn = turn_of(state)
        if turn == LEAF:
            return LEAF, *rules.outcome(state)
        if turn == CHANCE:
            return CHANCE, None, None
        check_turn(turn, players)
        moves = tuple(in_order(moves_of(state)))
        number = add(turn, sees(state), moves)
        return turn, number, [play(state, i) for i in range(len(moves) - 1, -1, -1)]

    return look


def check_turn(turn: int, players: int) -> None:
    """Raise `ValueError` where this is nobody's turn."""
    if not 0 <= turn < players:
        raise UserError(f"turn() gave {turn}; with {players} players it is a player, CHANCE or LEAF")


def in_order(labels: Any, name: str = "moves") -> Any:
    """Return labels as the rules give them; raises `ValueError` for a set or the like, whose order means nothing."""
    if type(labels) is tuple or type(labels) is list:
        return labels
    if isinstance(labels, Set | Mapping) or not hasattr(labels, "__getitem__"):
        raise UserError(f"{name}() must give a list or a tuple of texts, not {type(labels).__name__}: order counts")
    return labels


def distinct(labels: Sequence[Any], what: str) -> None:
    """Raise `ValueError` unless labels are texts, no two the same: by them strategies name what they stand for."""
    for label in labels:
        if not isinstance(label, str):
            raise UserError(f"{what} must be texts, and {label!r} is none")
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise UserError(f"{what} must differ, and {twice!r} is there twice")
