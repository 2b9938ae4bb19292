"""The plain way to build a tree: every state is visited once, in preorder, by the rules as they stand."""

from array import array
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.deals import Deals, Singles, check_odds
from counterplay.engine.rules import CHANCE, LEAF, is_dealt

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


def too_many(max_nodes: int) -> ValueError:
    """Return what is raised where a game has more nodes."""
    return ValueError(f"the game has more than {max_nodes:,} nodes: too many to solve as a whole")


Look = tuple[int, Any, Any, Sequence[Any]]  # what `expand` returns (see `rules.Expanding`)


def walk(rules: Any, deals: Deals | Singles, max_nodes: int, progress: Callable[[int], None] | None) -> Nodes:
    """Visit every state of the game; raises `ValueError` as `compile_tree` does."""
    look: Callable[[Any], Look] = getattr(rules, "expand", None) or (
        _look_at_public(rules) if is_dealt(rules) else _look_at_histories(rules)
    )
    play, add_outcome = rules.play, deals.outcome
    infosets = Infosets(rules.players, public=is_dealt(rules))
    add_infoset = infosets.add
    player, parent, slot, infoset, weight = array("b"), array("q"), array("q"), array("q"), array("q")
    outcome, stake = array("q"), array("d")
    stack: list[tuple[Any, int, int, int]] = [(rules.root(), -1, 0, 0)]
    node, report = -1, 0
    while stack:
        state, up, move, w = stack.pop()
        node += 1
        if node >= report:
            if progress is not None:
                progress(node)
            report += REPORT
        if node >= max_nodes:
            raise too_many(max_nodes)
        turn, what, more, children = look(state)
        player.append(turn)
        parent.append(up)
        slot.append(move)
        weight.append(w)
        if turn >= 0:
            infoset.append(add_infoset(turn, what, more))
            i = len(children)
            for child in reversed(children):
                i -= 1
                stack.append((child, node, i, w))
        elif turn == LEAF:
            infoset.append(len(stake))
            outcome.append(add_outcome(what))
            stake.append(more)
        else:
            infoset.append(-1)
            if isinstance(deals, Deals):
                stack.extend((play(state, i), node, i, reached) for i, reached in deals.draws(state, w))
            else:
                stack.extend((children[i], node, i, reached) for i, reached in deals.draws(what, w))
    return Nodes(
        np.frombuffer(player, np.int8),
        np.frombuffer(parent, np.int64),
        np.frombuffer(slot, np.int64),
        np.frombuffer(infoset, np.int64),
        np.frombuffer(weight, np.int64),
        np.frombuffer(outcome, np.int64),
        np.frombuffer(stake, np.float64),
        np.array(infosets.owner, np.int8),
        infosets.labels,
        infosets.actions,
    )


def _look_at_histories(rules: Any) -> Callable[[Any], Look]:
    """Return `expand` for `Rules`."""
    turn_of, sees, moves_of, play, players = rules.turn, rules.sees, rules.moves, rules.play, rules.players

    def look(state: Any) -> Look:
        turn = turn_of(state)
        if turn == LEAF:
            return LEAF, rules.payoffs(state), 1.0, ()
        if turn == CHANCE:
            odds = rules.chance(state)
            check_odds(odds, lambda: f"chance at {state}", len(moves_of(state)))
            return CHANCE, odds, None, [play(state, i) if p else None for i, p in enumerate(odds)]
        _check_turn(turn, players)
        moves = tuple(moves_of(state))
        return turn, sees(state, turn), moves, [play(state, i) for i in range(len(moves))]

    return look


def _look_at_public(rules: Any) -> Callable[[Any], Look]:
    """Return `expand` for `DealtRules`; what chance may do depends on the hands, and is left to `Deals`."""
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
