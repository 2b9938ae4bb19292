"""Strategies in the forms that people have them, and information sets by the names that people know them by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import DealtRules, Rules, is_dealt, join_label
from counterplay.engine.spec import suggestion
from counterplay.engine.strategy import Table, check, uniform
from counterplay.engine.tree import Tree
from counterplay.engine.wording import in_words
from counterplay.solvers.reach import possible

Place = tuple[int, int]  # an information set, and the lane of a hand


@dataclass(frozen=True)
class Lookup:
    """Where information sets stand, by their labels."""

    owner: npt.NDArray[np.int8]  # [I]
    labels: tuple[str, ...]  # [I]
    actions: tuple[tuple[str, ...], ...]  # [I]
    hands: tuple[tuple[str, ...], ...]  # [P][W]

    @cached_property
    def by_label(self) -> dict[str, list[tuple[int, Place]]]:
        """Return player and place of each label, hand included."""
        found: dict[str, list[tuple[int, Place]]] = {}
        for i, (p, label) in enumerate(zip(self.owner.tolist(), self.labels, strict=True)):
            for lane, hand in enumerate(self.hands[p]):
                found.setdefault(join_label(hand, label) if hand else label, []).append((p, (i, lane)))
        return found

    def find(
        self,
        where: Sequence[str],
        player: int | None,
        rules: Callable[[], Rules | DealtRules],
        tree: Callable[[], Tree],
    ) -> Place:
        """Return the place that a label, or a hand and a history, or OpenSpiel's string names; raises `ValueError`.

        `rules` and `tree` are asked for only where the labels alone do not answer.
        """
        if not where or not all(isinstance(part, str) for part in where):
            raise UserError("an information set is named by its label, or by a hand and what was seen: at('J', 'bet')")
        text = " ".join(part for part in where if part).strip()
        found = self.by_label.get(text) or self.by_label.get(where[0]) if len(where) == 1 else self.by_label.get(text)
        if not found:
            found = self._in_words(where, rules, tree) or self._of_openspiel(where, rules, tree)
        found = [x for x in found if player in (None, x[0])]
        if not found:
            whose = "" if player is None else f" of player {player}"
            raise UserError(f"no information set{whose} is called {text!r}{self._hint(text, player, rules, tree)}")
        if len(found) > 1:
            owners = " and ".join(str(p) for p, _ in found)
            raise UserError(f"players {owners} both have an information set {text!r}: say whose, with player=")
        return found[0][1]

    def _hint(
        self, text: str, player: int | None, rules: Callable[[], Rules | DealtRules], tree: Callable[[], Tree]
    ) -> str:
        """Return what information sets are called here, for a message."""
        names = [label for label, places in self.by_label.items() if player in (None, *(p for p, _ in places))]
        made = _or_none(rules)
        hands = [hand for p, hands in enumerate(self.hands) if player in (None, p) for hand in hands]
        if made is not None and is_dealt(made) and any(hands):
            seen = [words for words in in_words(tree(), made) if words]
            said = max(seen[:20], key=len, default="")
            return f": name a hand ({', '.join(dict.fromkeys(hands[:8]))}) and what was seen, such as {said!r}"
        return suggestion(text, names) or (f"; one of them is {names[0]!r}" if names else "")

    def _in_words(
        self, where: Sequence[str], rules: Callable[[], Rules | DealtRules], tree: Callable[[], Tree]
    ) -> list[tuple[int, Place]]:
        """Return where a hand and a history in the words of its moves are, such as ("J", "check, bet")."""
        made = _or_none(rules)
        if made is None or not is_dealt(made):
            return []
        hand, words = where[0], _plain(" ".join(where[1:]))
        hand = next((h for own in self.hands for h in own if h.lower() == hand.lower()), hand)
        histories = [_plain(text) for text in in_words(tree(), made)]
        return [
            (p, (i, self.hands[p].index(hand)))
            for i, p in enumerate(self.owner.tolist())
            if histories[i] == words and hand in self.hands[p]
        ]

    def _of_openspiel(
        self, where: Sequence[str], rules: Callable[[], Rules | DealtRules], tree: Callable[[], Tree]
    ) -> list[tuple[int, Place]]:
        """Return where OpenSpiel's information-state string is, in games that OpenSpiel has too."""
        made = _or_none(rules)
        if made is None or len(where) != 1:
            return []
        try:
            from counterplay.games.foreign.to_openspiel import information_states

            states = information_states(made, tree())
        except ValueError:  # OpenSpiel is not installed
            return []
        place = states.get(where[0])
        return [] if place is None else [(int(self.owner[place[0]]), place)]


def _or_none(rules: Callable[[], Rules | DealtRules]) -> Rules | DealtRules | None:
    try:
        return rules()
    except ValueError:
        return None


def _plain(words: str) -> str:
    return " ".join(words.replace(",", " ").lower().split())


def as_table(strategy: Any, rules: Any, tree: Tree) -> tuple[Table, set[int]]:
    """Return a strategy of whatever form as a table [R, W], and the players whose it is.

    Raises `ValueError` for what is no strategy of the game.
    """
    everybody = set(range(tree.players))
    if hasattr(strategy, "strategy") and hasattr(strategy, "labels"):  # a solution
        if strategy.labels != tree.labels or strategy.actions != tree.actions or strategy.hands != tree.hands:
            raise UserError(f"the solution is of another game, {strategy.game}")
        strategy = strategy.strategy
    if isinstance(strategy, Mapping):
        return _from_mapping(strategy, rules, tree)
    if isinstance(strategy, list | tuple) and len(strategy) == tree.players == len(tree.owner) and tree.lanes == 1:
        # One mix a player, of a game in which each decides once.
        mixes = [
            odds_of(mix, tree.actions[i], tree.labels[i]) for i, mix in ((int(o), strategy[o]) for o in tree.owner)
        ]
        return np.concatenate(mixes)[:, None], everybody
    if hasattr(strategy, "action_probabilities") or hasattr(strategy, "policy_table"):
        return policy_table(rules, tree, strategy), everybody
    if callable(strategy):
        return _from_function(strategy, tree), everybody
    table = as_array(strategy)
    if table.ndim == 1 and tree.lanes == 1:
        table = table[:, None]
    return check(tree, table), everybody


def policy_table(rules: Any, tree: Tree, policy: Any) -> Table:
    """Return a policy of OpenSpiel's as a table, [R, W]; raises `ValueError` where it is of another game."""
    from counterplay.games.foreign.to_openspiel import from_policy

    return check(tree, from_policy(rules, tree, policy))


def as_array(strategy: Any) -> npt.NDArray[np.float64]:
    """Return numbers as an array; raises `ValueError` for what is no strategy of any kind."""
    try:
        raw = np.ma.getdata(strategy) if isinstance(strategy, np.ma.MaskedArray) else np.asarray(strategy)
        if raw.dtype.kind not in "iuf":
            raise TypeError(raw.dtype)
        found: npt.NDArray[np.float64] = raw.astype(np.float64)
        return found
    except (TypeError, ValueError):
        raise UserError(
            f"a strategy is an array, a dictionary, a function, an OpenSpiel policy or a solution, "
            f"not {type(strategy).__name__}"
        ) from None


def _lookup(tree: Tree) -> Lookup:
    return Lookup(tree.owner, tree.labels, tree.actions, tree.hands)


def _from_mapping(given: Mapping[Any, Any], rules: Any, tree: Tree) -> tuple[Table, set[int]]:
    """Return the table of a dictionary by labels, or (player, label), and the players who have all of theirs in it."""
    lookup, table = _lookup(tree), uniform(tree)
    done = np.zeros((len(tree.owner), tree.lanes), bool)
    for key, odds in given.items():
        player, label = key if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], int) else (None, key)
        infoset, lane = lookup.find((label,), player, lambda: rules, lambda: tree)
        if done[infoset, lane]:
            raise UserError(f"the strategy says two things of player {tree.owner[infoset]}'s information set {label!r}")
        done[infoset, lane] = True
        table[tree.first[infoset] : tree.first[infoset + 1], lane] = odds_of(odds, tree.actions[infoset], str(label))
    seats, can = set[int](), possible(tree)  # what chance never deals need not be said
    for p in range(tree.players):
        mine = done[tree.owner == p, : len(tree.hands[p])] | ~can[tree.owner == p, : len(tree.hands[p])]
        said = done[tree.owner == p]
        choices = np.array([len(tree.actions[i]) > 1 for i in np.flatnonzero(tree.owner == p)], bool)
        if said.any() and not mine[choices].all():
            at = np.argwhere(~mine & choices[:, None])[0]
            label = tree.labels[np.flatnonzero(tree.owner == p)[at[0]]]
            name = join_label(tree.hands[p][at[1]], label) if tree.hands[p] != ("",) else label
            raise UserError(f"the strategy says nothing of player {p}'s information set {name!r}")
        if said.any() or not choices.any():  # who never has a choice has nothing to say
            seats.add(p)
    if not seats:
        raise UserError("the strategy is empty")
    return table, seats


def _from_function(function: Callable[..., Any], tree: Tree) -> Table:
    """Return the table of a function of (player, label, actions)."""
    table = uniform(tree)
    for i, (p, label) in enumerate(zip(tree.owner.tolist(), tree.labels, strict=True)):
        for lane, hand in enumerate(tree.hands[p]):
            name = join_label(hand, label) if hand else label
            try:
                odds = function(p, name, tree.actions[i])
            except Exception as error:
                raise UserError(
                    f"the strategy fails for player {p} at {name!r}: {type(error).__name__}: {error}"
                ) from error
            table[tree.first[i] : tree.first[i + 1], lane] = odds_of(odds, tree.actions[i], name)
    return table


def odds_of(odds: Any, actions: tuple[str, ...], label: str) -> npt.NDArray[np.float64]:
    """Return the probabilities of the actions from a dictionary (others are 0) or a list; raises `ValueError`."""
    if isinstance(odds, Mapping):
        unknown = [action for action in odds if action not in actions]
        if unknown:
            raise UserError(f"{label!r} has no action {unknown[0]!r}; its actions are {', '.join(actions)}")
        odds = [odds.get(action, 0.0) for action in actions]
    try:
        numbers = np.asarray(odds, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.zeros(0)
    if numbers.shape != (len(actions),):
        raise UserError(f"{label!r} needs {len(actions)} probabilities, of {', '.join(actions)}, not {odds!r}")
    if not (numbers >= 0).all() or abs(numbers.sum() - 1) > 1e-6:
        raise UserError(f"the probabilities at {label!r} must be non-negative and sum to 1, not {odds!r}")
    return numbers
