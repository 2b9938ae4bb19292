"""Compile rules into a `Tree`: what play looks like, as flat arrays.

Shape letters, here and everywhere: N nodes, L leaves, I information sets, R strategy rows (one for each action of each
information set), P players, W lanes, T payoff tables, K chance weights.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.rules import CHANCE, LEAF, DealtRules, Rules, is_dealt

MAX_NODES = 20_000_000
MAX_DEALS = 1_000_000


@dataclass(frozen=True)
class Tree:
    """A game in extensive form, nodes in preorder.

    A dealt game keeps its nodes public, and everything that depends on hands is a tensor over all players' lanes; any
    other game has one lane a player, and its nodes are histories. An information set spans all lanes of its player.
    """

    player: npt.NDArray[np.int8]  # [N] acting player, CHANCE or LEAF
    parent: npt.NDArray[np.int64]  # [N] the node before; -1 at the root
    slot: npt.NDArray[np.int64]  # [N] which move of the parent leads here
    infoset: npt.NDArray[np.int64]  # [N] decision: its information set; leaf: leaf number; chance: -1
    weight: npt.NDArray[np.int64]  # [N] index into `weights`: the chance of the deal and all chance moves so far

    owner: npt.NDArray[np.int8]  # [I] whose information set
    first: npt.NDArray[np.int64]  # [I + 1] the rows of infoset i are first[i] .. first[i + 1]
    above: npt.NDArray[np.int64]  # [I] the owner's row last played before the infoset, or -1

    last: npt.NDArray[np.int64]  # [L, P] each player's row last played before the leaf, or -1
    outcome: npt.NDArray[np.int64]  # [L] index into `payoffs`
    stake: npt.NDArray[np.float64]  # [L] factor of the payoffs
    leaf_weight: npt.NDArray[np.int64]  # [L] index into `weights`

    weights: npt.NDArray[np.float64]  # [K, W of player 0, W of player 1, ...]
    payoffs: npt.NDArray[np.float64]  # [T, P, W of player 0, W of player 1, ...]

    hands: tuple[tuple[str, ...], ...]  # [P][W] labels of the lanes; ("",) where there is one
    labels: tuple[str, ...]  # [I] what the owner sees, less its hand
    actions: tuple[tuple[str, ...], ...]  # [I] labels of the moves

    @property
    def players(self) -> int:
        """Return P."""
        return len(self.hands)

    @property
    def lanes(self) -> int:
        """Return the largest number of lanes of a player."""
        return max(map(len, self.hands))

    @property
    def rows(self) -> int:
        """Return R."""
        return int(self.first[-1])

    @property
    def zero_sum(self) -> bool:
        """Tell whether the payoffs of all players add to zero at every leaf."""
        total = np.abs(self.payoffs.sum(axis=1)).max(initial=0.0)
        return bool(total <= 1e-9 * max(1.0, np.abs(self.payoffs).max(initial=0.0)))

    def count(self) -> dict[str, int]:
        """Return the sizes that describe the game: nodes, leaves, and information sets with their lanes."""
        lanes = np.array([len(h) for h in self.hands])
        return {
            "nodes": len(self.player),
            "leaves": len(self.stake),
            "infosets": int(lanes[self.owner].sum()) if len(self.owner) else 0,
        }


def compile_tree(
    rules: Rules | DealtRules, *, max_nodes: int = MAX_NODES, progress: Callable[[int], None] | None = None
) -> Tree:
    """Walk every state of the game once and return its tree.

    `progress` is called with the number of nodes now and then. Raises `ValueError` where the rules contradict
    themselves (odds that do not sum to one, other moves or other own memories in one information set, payoffs that are
    not P numbers) and where the game is larger than `max_nodes`.
    """
    return _Compiler(rules, max_nodes, progress).tree()


class _Compiler:
    """The lists that a walk fills."""

    def __init__(self, rules: Any, max_nodes: int, progress: Callable[[int], None] | None):
        self.rules = rules
        self.dealt = is_dealt(rules)
        self.max_nodes = max_nodes
        self.progress = progress
        self.players: int = rules.players
        self.hands: tuple[tuple[str, ...], ...] = (
            tuple(tuple(rules.hands(p)) for p in range(self.players)) if self.dealt else ((("",),) * self.players)
        )
        self.lanes = tuple(map(len, self.hands))
        if math.prod(self.lanes) > MAX_DEALS:
            raise ValueError(
                f"the game has {' x '.join(map(str, self.lanes))} combinations of hands; "
                f"at most {MAX_DEALS:,} can be solved as a whole"
            )
        self.weights: list[npt.NDArray[np.float64]] = []
        self.weight_of: dict[bytes, int] = {}
        self.payoffs: list[npt.NDArray[np.float64]] = []
        self.payoff_of: dict[Hashable, int] = {}
        self.infoset_of: dict[tuple[int, str], int] = {}
        self.labels: list[str] = []
        self.actions: list[tuple[str, ...]] = []
        self.owner: list[int] = []
        self.first: list[int] = [0]
        self.above: list[int] = []

    def tree(self) -> Tree:
        rules, turn_of, play = self.rules, self.rules.turn, self.rules.play
        player: list[int] = []
        parent: list[int] = []
        slot: list[int] = []
        infoset: list[int] = []
        weight: list[int] = []
        last: list[tuple[int, ...]] = []
        outcome: list[int] = []
        stake: list[float] = []
        leaf_weight: list[int] = []
        stack: list[tuple[Any, int, int, int, tuple[int, ...]]] = [
            (rules.root(), -1, 0, self.add_weight(self.deal()), (-1,) * self.players)
        ]
        while stack:
            state, up, move, w, memory = stack.pop()
            node = len(player)
            if node >= self.max_nodes:
                raise ValueError(f"the game has more than {self.max_nodes:,} nodes: too many to solve as a whole")
            if self.progress is not None and node % 65_536 == 0:
                self.progress(node)
            turn = turn_of(state)
            player.append(turn)
            parent.append(up)
            slot.append(move)
            weight.append(w)
            if turn == LEAF:
                table, size = self.leaf(state)
                infoset.append(len(stake))
                last.append(memory)
                outcome.append(table)
                stake.append(size)
                leaf_weight.append(w)
                continue
            if turn == CHANCE:
                infoset.append(-1)
                odds = self.odds(state, self.weights[w])
                stack.extend(
                    (play(state, i), node, i, self.add_weight(self.weights[w] * odds[i]), memory)
                    for i in range(len(odds) - 1, -1, -1)
                    if odds[i].any()
                )
                continue
            if not 0 <= turn < self.players:
                raise ValueError(f"turn() gave {turn}; with {self.players} players it is a player, CHANCE or LEAF")
            index = self.infoset(state, turn, memory[turn])
            infoset.append(index)
            row = self.first[index]
            stack.extend(
                (play(state, i), node, i, w, (*memory[:turn], row + i, *memory[turn + 1 :]))
                for i in range(len(self.actions[index]) - 1, -1, -1)
            )
        return Tree(
            player=np.array(player, np.int8),
            parent=np.array(parent, np.int64),
            slot=np.array(slot, np.int64),
            infoset=np.array(infoset, np.int64),
            weight=np.array(weight, np.int64),
            owner=np.array(self.owner, np.int8),
            first=np.array(self.first, np.int64),
            above=np.array(self.above, np.int64),
            last=np.array(last, np.int64).reshape(-1, self.players),
            outcome=np.array(outcome, np.int64),
            stake=np.array(stake, np.float64),
            leaf_weight=np.array(leaf_weight, np.int64),
            weights=np.stack(self.weights),
            payoffs=np.stack(self.payoffs),
            hands=self.hands,
            labels=tuple(self.labels),
            actions=tuple(self.actions),
        )

    def deal(self) -> npt.NDArray[np.float64]:
        """Return the joint probability of all hands."""
        joint = np.zeros(self.lanes)
        if not self.dealt:
            joint[...] = 1.0
            return joint

        def extend(hands: tuple[int, ...], reach: float) -> None:
            if len(hands) == self.players:
                joint[hands] = reach
                return
            for hand, p in enumerate(self.distribution(self.rules.deal(hands), f"the deal after {hands}")):
                if p > 0:
                    extend((*hands, hand), reach * p)

        extend((), 1.0)
        return joint

    def odds(self, state: Any, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the probability of each move of a chance state for all hands that reach it, [moves, *lanes]."""
        moves = len(self.rules.moves(state))
        if not self.dealt:
            given = self.distribution(self.rules.chance(state), f"chance at {state}", moves)
            return np.array(given).reshape(-1, *self.lanes)
        odds = np.zeros((moves, *self.lanes))
        hands: Any
        for hands in product(*map(range, self.lanes)):
            if weight[hands] > 0:
                given = self.rules.chance(state, hands)
                odds[:, *hands] = self.distribution(given, f"chance at {state} with hands {hands}", moves)
        return odds

    @staticmethod
    def distribution(odds: Sequence[float], where: str, size: int | None = None) -> Sequence[float]:
        if size is not None and len(odds) != size:
            raise ValueError(f"{where} has {len(odds)} probabilities for {size} moves")
        if abs(sum(odds) - 1.0) > 1e-9 or min(odds) < 0:
            raise ValueError(f"{where}: probabilities must be non-negative and sum to 1, not {sum(odds):.12g}")
        return odds

    def add_weight(self, weight: npt.NDArray[np.float64]) -> int:
        key = weight.tobytes()
        index = self.weight_of.setdefault(key, len(self.weights))
        if index == len(self.weights):
            self.weights.append(weight)
        return index

    def leaf(self, state: Any) -> tuple[int, float]:
        """Return the index of the leaf's payoff table and its stake."""
        key: Hashable
        if self.dealt:
            key, stake = self.rules.outcome(state)
        else:
            key, stake = tuple(self.rules.payoffs(state)), 1.0
        index = self.payoff_of.get(key)
        if index is None:
            index = self.payoff_of[key] = len(self.payoffs)
            self.payoffs.append(self.table(key))
        return index, stake

    def table(self, key: Any) -> npt.NDArray[np.float64]:
        """Return the payoffs of all players for all hands, [P, *lanes]; hands that were never dealt together pay 0."""
        table = np.zeros((self.players, *self.lanes))
        hands: Any
        for hands in product(*map(range, self.lanes)):
            if self.weights[0][hands] > 0:
                values = self.rules.payoffs(key, hands) if self.dealt else key
                if len(values) != self.players or not all(map(math.isfinite, values)):
                    raise ValueError(f"payoffs must be {self.players} finite numbers, not {values!r}")
                table[:, *hands] = values
        return table

    def infoset(self, state: Any, turn: int, above: int) -> int:
        """Return the information set of a decision, and check that it agrees with what was seen of it before."""
        label = self.rules.sees(state) if self.dealt else self.rules.sees(state, turn)
        moves = tuple(self.rules.moves(state))
        index = self.infoset_of.setdefault((turn, label), len(self.labels))
        if index == len(self.labels):
            if not moves:
                raise ValueError(f"player {turn} has no move at {label!r}")
            self.labels.append(label)
            self.actions.append(moves)
            self.owner.append(turn)
            self.first.append(self.first[-1] + len(moves))
            self.above.append(above)
        elif self.dealt:
            raise ValueError(f"two public states of player {turn} share the label {label!r}")
        elif self.actions[index] != moves:
            raise ValueError(f"information set {label!r} has moves {self.actions[index]} and, elsewhere, {moves}")
        elif self.above[index] != above:
            raise ValueError(f"player {turn} forgets at {label!r} what it did before: the game has imperfect recall")
        return index
