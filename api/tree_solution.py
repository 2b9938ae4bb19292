"""The solution of a game that has a tree.

Values are in the game's units, player 0 first; exploitability is NashConv divided by the number of players.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.api.export import as_csv, claims
from counterplay.api.solution import TREE, Solution, not_comparable
from counterplay.api.solved import Solved
from counterplay.api.strategies import Lookup
from counterplay.api.trees import build
from counterplay.engine import arguments
from counterplay.engine.errors import UserError
from counterplay.engine.form import SequenceForm, sequence_form
from counterplay.engine.rules import DealtRules, Rules, is_dealt
from counterplay.engine.schema import is_mix
from counterplay.engine.store import pack, write
from counterplay.engine.strategy import check
from counterplay.engine.text import as_json
from counterplay.engine.tree import Tree, same_game
from counterplay.show.text import check_player
from counterplay.solvers.reach import marks
from counterplay.solvers.value import Judgement, judge_table, seated


class Infoset(NamedTuple):
    """What a player does with a hand at a public history, or at an information set of a game without hands."""

    player: int
    hand: str  # "" in games without a private deal
    history: str  # what the player sees, less its hand
    label: str  # both
    strategy: dict[str, float]  # probability of each action


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TreeSolution(Solved):
    """The solution of a game that has a tree.

    `strategy` is [R, W]: a row for each action of each information set, in the order of `labels`, rows `first[i]` to
    `first[i + 1]`; a column for each of the owner's hands (one column in games without a private deal). It cannot be
    written to: `strategy.copy()` can, and `counterplay.judge(solution, changed)` measures it. Iterating over the
    solution gives each `Infoset`. Two solutions are equal if they are the same object.
    """

    owner: npt.NDArray[np.int8]  # [I] whose information set
    first: npt.NDArray[np.int64]  # [I + 1]
    labels: tuple[str, ...]  # [I]
    actions: tuple[tuple[str, ...], ...]  # [I]
    hands: tuple[tuple[str, ...], ...]  # [P][W]

    kind = TREE
    ARRAYS = ("strategy", "owner", "first")

    def is_mix(self) -> bool:
        """Tell whether the strategy is one: probabilities that sum to one at every information set."""
        return is_mix(self.strategy, self.first)

    @property
    def certain(self) -> bool:
        """Tell whether the game is for two players and zero-sum, so that exploitability is a certificate."""
        return self.players == 2 and self.tree.zero_sum

    @cached_property
    def tree(self) -> Tree:
        """Return the game's tree, built again from its rules; raises `ValueError` if they no longer fit."""
        return rebuilt(self.made(), self)

    @cached_property
    def form(self) -> SequenceForm:
        """Return the sequence form of the tree."""
        return sequence_form(self.tree)

    @cached_property
    def _reached(self) -> tuple[npt.NDArray[np.float64], list[list[str]]] | None:
        """Return how often a game gets to each information set with each hand, and a note; None without rules."""
        try:
            tree = self.tree
        except ValueError:
            return None
        return marks(tree, self.strategy)

    def _marks(self) -> Iterator[dict[str, Any]]:
        """Yield how often a game gets to each of the information sets, in their order, and a note."""
        for i, player in enumerate(self.owner.tolist()):
            for lane in range(len(self.hands[player])):
                often, notes = self._reached or (None, None)
                yield {
                    "reach": None if often is None else float(often[i, lane]),
                    "note": "" if notes is None else notes[i][lane],
                }

    def reach(self, *where: str, player: int | None = None) -> float | None:
        """Return how often a game gets to an information set, named as for `at`, if all play the solution.

        It is None for a game whose rules are not known. Where it is 0 the strategy says nothing.
        """
        infoset, lane = self._lookup.find(where, player, self.made, lambda: self.tree)
        return None if self._reached is None else float(self._reached[0][infoset, lane])

    @cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.owner, self.labels, self.actions, self.hands)

    def at(self, *where: str, player: int | None = None) -> dict[str, float]:
        """Return the probability of each action at an information set.

        `where` is its label ("J bet"), its hand and what was seen ("J", "bet", in the game's own words or in those of
        `counterplay show`), or OpenSpiel's information-state string. `player` decides where two players' information
        sets share a label. Raises `ValueError` for what does not exist, with what is close.
        """
        if player is not None:
            player = arguments.player(player, self.players)
        infoset, lane = self._lookup.find(where, player, self.made, lambda: self.tree)
        odds = self.strategy[self.first[infoset] : self.first[infoset + 1], lane].tolist()
        return dict(zip(self.actions[infoset], odds, strict=True))

    def __getitem__(self, where: str | tuple[int, str]) -> dict[str, float]:
        """Return the probability of each action at a label, or at (player, label); raises `ValueError` as `at`."""
        if isinstance(where, tuple) and len(where) == 2:
            return self.at(where[1], player=where[0])
        return self.at(where)  # what is no label is refused there

    def __contains__(self, where: object) -> bool:
        """Tell whether an information set goes by a label, or by (player, label)."""
        player, label = where if isinstance(where, tuple) and len(where) == 2 else (None, where)
        found = self._lookup.by_label.get(label, []) if isinstance(label, str) else []
        return any(player in (None, owner) for owner, _ in found)

    def __iter__(self) -> Iterator[Infoset]:
        """Iterate over all information sets, player by player hand by hand."""
        for i, (player, history, actions) in enumerate(
            zip(self.owner.tolist(), self.labels, self.actions, strict=True)
        ):
            for lane, hand in enumerate(self.hands[player]):
                odds = self.strategy[self.first[i] : self.first[i + 1], lane].tolist()
                label = f"{hand} {history}".strip() if hand else history
                yield Infoset(player, hand, history, label, dict(zip(actions, odds, strict=True)))

    def __len__(self) -> int:
        """Return the number of information sets."""
        return sum(len(self.hands[player]) for player in self.owner.tolist())

    def to_dict(self) -> dict[tuple[int, str], dict[str, float]]:
        """Return the strategy as a dictionary: (player, label) to action to probability; `judge` takes it back."""
        return {(infoset.player, infoset.label): infoset.strategy for infoset in self}

    def rows(self) -> list[dict[str, Any]]:
        """Return a dictionary for each action of each information set and hand, as `pandas.DataFrame` takes them.

        `reach` is how often a game gets there with that hand if all play the solution (None where the rules are not
        known), and `note` says where the strategy says little: "never reached", "rarely reached", "impossible".
        """
        return [
            {
                **{"player": i.player, "infoset": i.history, "hand": i.hand, "action": action, "probability": odds},
                **mark,
            }
            for i, mark in zip(self, self._marks(), strict=True)
            for action, odds in i.strategy.items()
        ]

    def judge(self) -> Judgement:
        """Measure the strategy again, from the rules: value and best response of every player."""
        return judge_table(self.form, check(self.tree, self.strategy))

    def shares_game(self, other: "TreeSolution") -> bool:
        """Tell whether another solution is of the same game, by what it pays and how likely chance is.

        Of one's own game that only a file speaks of, nobody knows more than what its solution earns, so that is asked.
        """
        if shape_of(self) != shape_of(other):
            return False
        if self.game == other.game and self.rules is None and other.rules is None:
            return True
        try:
            return same_game(self.tree, other.tree)
        except UserError:
            return earns_alike(other, judge_table(self.form, check(self.tree, other.strategy)))

    def against(self, other: "TreeSolution") -> tuple[tuple[float, ...], ...]:
        """Return the exact expected payoffs of all players with this strategy in one seat and `other` in the rest.

        Entry p is the payoffs with this strategy in seat p. Raises `ValueError` if the games differ.
        """
        if not isinstance(other, Solution):
            raise UserError(f"against takes a solution, as solve and load return it, not {type(other).__name__}")
        if not isinstance(other, TreeSolution) or not self.shares_game(other):
            raise not_comparable(self, other)
        tables = [
            seated(self.tree, [self.strategy if q == p else other.strategy for q in range(self.players)])
            for p in range(self.players)
        ]
        return tuple(judge_table(self.form, table).value for table in tables)

    def export(self, to: str = "csv", *, line: str | None = None, player: int | str | None = None) -> str:
        """Return the whole strategy, or a player's, as text.

        "csv" has a line for each row of `rows`, "json" an object for each information set. Raises `ValueError` for
        other formats, a player that does not exist, and a line of play, which hold'em spots alone have.
        """
        if line is not None:
            raise UserError(f"a line of play (--node) is for hold'em spots, and this solution is of {self.game}")
        player = check_player(player, self.players)
        if to == "csv":
            rows = [row for row in self.rows() if player in (None, row["player"])]
            return as_csv(rows, ("player", "infoset", "hand", "action", "probability", "reach", "note"))
        if to == "json":
            infosets = [
                {"player": i.player, "infoset": i.history, "hand": i.hand, "strategy": i.strategy, **mark}
                for i, mark in zip(self, self._marks(), strict=True)
                if player in (None, i.player)
            ]
            return as_json({**claims(self), "infosets": infosets}, indent=1) + "\n"
        raise UserError(f"solutions are exported to csv or json, not to {to!r}")

    def save(self, path: str | Path) -> None:
        """Write the solution to one file, whole or not at all."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "strategy": self.strategy,
            "owner": self.owner,
            "first": self.first,
            "labels": pack(self.labels),
            "actions": pack(self.actions),
            "hands": pack(self.hands),
            **{f"state.{name}": array for name, array in self.state.items()},
        }
        write(arguments.path("path", path), arrays, self.header())

    def to_openspiel(self) -> Any:
        """Return the strategy as a `pyspiel.TabularPolicy`; needs the extra `openspiel`.

        It is a policy of the OpenSpiel game of the same rules where there is one (Kuhn, Leduc, liar's dice, goofspiel,
        imports), else of this game registered with OpenSpiel.
        """
        from counterplay.games.foreign.to_openspiel import to_policy

        return to_policy(self.made(), self.tree, self.strategy)


def shape_of(source: TreeSolution | Tree) -> tuple[Any, ...]:
    """Return what two trees of the same game share: labels, moves and hands."""
    return source.owner.tolist(), source.labels, source.actions, source.hands


def rebuilt(rules: Rules | DealtRules, solution: TreeSolution) -> Tree:
    """Return the tree of rules if a solution is of their game; raises `ValueError` if not.

    A file may name a game far larger than its strategy is: where hands differ, no tree is built.
    """
    same = not is_dealt(rules) or [*map(tuple, map(rules.hands, range(rules.players)))] == [*solution.hands]
    tree = build(rules) if same else None
    if tree is None or shape_of(tree) != shape_of(solution):
        raise UserError(f"the rules of {solution.game} are not those that this solution was made for")
    return tree


def earns_alike(solution: TreeSolution, found: Judgement) -> bool:
    """Tell whether a judgement of a solution's strategy, to rounding, says what the solution does."""
    claimed = *solution.value, *solution.best
    scale = max(1.0, *map(abs, claimed))
    return all(abs(a - b) <= 1e-6 * scale for a, b in zip((*found.value, *found.best), claimed, strict=True))
