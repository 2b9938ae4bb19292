"""The plain way to build a tree: every state is visited once, in preorder, by the rules as they stand."""

import contextlib
import gc
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.codes import Ints
from counterplay.engine.deals import Deals, Singles, check_odds
from counterplay.engine.rules import CHANCE, LEAF, chance_of, is_dealt

REPORT = 65_536  # nodes between two calls of `progress`


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
                raise ValueError(f"player {turn} has no move at {label!r}")
            self.labels.append(label)
            self.actions.append(self._kept.setdefault(moves, moves))
            self.owner.append(turn)
        elif self.public:
            raise ValueError(f"two public states of player {turn} share the label {label!r}")
        elif self.actions[index] != moves:
            raise ValueError(f"information set {label!r} has moves {self.actions[index]} and, elsewhere, {moves}")
        return index


class TooManyNodes(ValueError):
    """The game has more nodes than were asked for."""

    def __init__(self, most: int):
        super().__init__(f"the game has more than {most:,} nodes: too many to solve as a whole")


Look = tuple[int, Any, Any, Sequence[Any]]  # what an expander returns (see `rules.Expanding`)


def walk(rules: Any, deals: Deals | Singles, max_nodes: int, progress: Callable[[int], None] | None) -> Nodes:
    """Visit every state of the game; raises `ValueError` as `compile_tree` does."""
    look, play, add_outcome = expander(rules), rules.play, deals.outcome
    infosets = Infosets(rules.players, public=is_dealt(rules))
    index_of, actions, again = [known.get for known in infosets.index_of], infosets.actions, not infosets.public
    player, parent, weight, decision = array("b"), array("q"), array("q"), array("q")
    outcome, stake, drawn = array("q"), array("d"), array("q")
    states, above, weights = [rules.root()], [-1], [0]  # what is still to be visited, the next one last
    node, pause = -1, 0
    with _no_garbage():
        while states:
            state, w = states.pop(), weights.pop()
            node += 1
            if node >= pause:
                if node >= max_nodes:
                    raise TooManyNodes(max_nodes)
                if progress is not None:
                    progress(node)
                pause = min(node + REPORT, max_nodes)
            turn, what, more, children = look(state)
            player.append(turn)
            parent.append(above.pop())
            weight.append(w)
            if turn == LEAF:
                outcome.append(add_outcome(what))
                stake.append(more)
                continue
            if turn >= 0:
                index = index_of[turn](what)
                if index is None or not again or (actions[index] is not more and actions[index] != more):
                    index = infosets.add(turn, what, more)
                decision.append(index)
                states += reversed(children)
                above += [node] * len(children)
                weights += [w] * len(children)
                continue
            if isinstance(deals, Deals):
                moves = deals.draws(state, w)
                states += [play(state, i) for i, _ in moves]
            else:
                moves = deals.draws(what, w)
                states += [children[i] for i, _ in moves]
            above += [node] * len(moves)
            weights += [reached for _, reached in moves]
            drawn.extend([i for i, _ in reversed(moves)])
    flat_player, flat_parent = np.frombuffer(player, np.int8), np.frombuffer(parent, np.int64)
    infoset = np.full(len(player), -1)
    infoset[flat_player >= 0] = np.array(decision, np.int64)
    infoset[flat_player == LEAF] = np.arange(len(outcome))
    return Nodes(
        flat_player,
        flat_parent,
        _slots(flat_player, flat_parent, np.array(drawn, np.int64)),
        infoset,
        np.frombuffer(weight, np.int64),
        np.frombuffer(outcome, np.int64),
        np.frombuffer(stake, np.float64),
        np.array(infosets.owner, np.int8),
        infosets.labels,
        infosets.actions,
    )


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


def _slots(player: npt.NDArray[np.int8], parent: Ints, drawn: Ints) -> Ints:
    """Return which move of its parent leads to each node, given the moves of chance in order."""
    slot = np.zeros(len(parent), np.int64)
    siblings = 1 + np.argsort(parent[1:], kind="stable")
    families = parent[siblings]
    begins = np.flatnonzero(np.append(True, families[1:] != families[:-1])) if len(families) else families
    slot[siblings] = np.arange(len(families)) - np.repeat(begins, np.diff(np.append(begins, len(families))))
    slot[siblings[player[families] == CHANCE]] = drawn
    return slot


def expander(rules: Any) -> Callable[[Any], Look]:
    """Return the function that says all of a state which a tree keeps: the rules' own, or one made of their methods."""
    if hasattr(rules, "expander"):
        own: Callable[[Any], Look] = rules.expander()
        return own
    return _look_at_public(rules) if is_dealt(rules) else _look_at_histories(rules)


def _look_at_histories(rules: Any) -> Callable[[Any], Look]:
    """Return an expander for `Rules`."""
    turn_of, sees, moves_of, play, players = rules.turn, rules.sees, rules.moves, rules.play, rules.players

    def look(state: Any) -> Look:
        turn = turn_of(state)
        if turn == LEAF:
            return LEAF, rules.payoffs(state), 1.0, ()
        if turn == CHANCE:
            odds = chance_of(rules)(state)
            check_odds(odds, lambda: f"chance at {state}", len(moves_of(state)))
            return CHANCE, odds, None, [play(state, i) if p else None for i, p in enumerate(odds)]
        _check_turn(turn, players)
        moves = tuple(moves_of(state))
        return turn, sees(state, turn), moves, [play(state, i) for i in range(len(moves))]

    return look


def _look_at_public(rules: Any) -> Callable[[Any], Look]:
    """Return an expander for `DealtRules`; what chance may do depends on the hands, and is left to `Deals`."""
    turn_of, sees, moves_of, play, players = rules.turn, rules.sees, rules.moves, rules.play, rules.players

    def look(state: Any) -> Look:
        turn = turn_of(state)
        if turn == LEAF:
            return LEAF, *rules.outcome(state), ()
        if turn == CHANCE:
            return CHANCE, None, None, ()
        _check_turn(turn, players)
        moves = tuple(moves_of(state))
        return turn, sees(state), moves, [play(state, i) for i in range(len(moves))]

    return look


def _check_turn(turn: int, players: int) -> None:
    if not 0 <= turn < players:
        raise ValueError(f"turn() gave {turn}; with {players} players it is a player, CHANCE or LEAF")
