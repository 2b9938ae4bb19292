"""Strategies of games without a tree, in the forms that people have them, as what the judgement takes."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.strategies import as_array, odds_of, policy_table
from counterplay.api.trees import whole_form
from counterplay.engine.attempts import attempts_of, children, locate
from counterplay.engine.batches import attempts_in, batches
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.factored import FactoredForm
from counterplay.engine.phantom import factored_form
from counterplay.engine.rules import Phantom
from counterplay.engine.strategy import is_profile
from counterplay.engine.sweeps import normalise
from counterplay.engine.text import count
from counterplay.engine.tree import compile_tree
from counterplay.games.in_the_dark import read, written

SMALL = 5_000  # information sets up to which a policy of OpenSpiel's is asked
_EVERY = 5.0  # seconds between two lines of how far asking is

Vector = npt.NDArray[np.float64]


class Asked:
    """Tells now and then at how many of all information sets something was asked, once that takes long."""

    def __init__(self, what: str, all_: int):
        self.what, self.all, self.last = what, all_, time.perf_counter()

    def __call__(self, done: int) -> None:
        if (now := time.perf_counter()) - self.last > _EVERY:
            tell(f"the {self.what} was asked at {done:,} of {count(self.all, 'information set')}")
            self.last = now


def as_vector(strategy: Any, rules: Phantom) -> tuple[FactoredForm, Vector, set[int]]:
    """Return a form of the game, a strategy of whatever kind as a vector over its sequences, and whose it is.

    An array is over the sequences of `factored_form(rules)`, as a solution's is, or of `factored_form(rules,
    symmetric=False)`. A function is asked at every information set, which is told where it takes long. Raises
    `ValueError` for what is no strategy of the game, and for OpenSpiel's policies where there are too many states.
    """
    both = {0, 1}
    if isinstance(strategy, Mapping):
        form = whole_form(rules)
        return form, *_from_mapping(strategy, rules, form)
    if hasattr(strategy, "action_probabilities") or hasattr(strategy, "policy_table"):
        form = whole_form(rules)
        return form, _from_policy(strategy, rules, form), both
    if callable(strategy):
        form = whole_form(rules)
        return form, _from_function(strategy, rules, form), both
    array = as_array(strategy).ravel()
    forms = [factored_form(rules, symmetric=True)]
    if len(array) != forms[0].sequences:
        forms.append(whole_form(rules))
    if len(array) != forms[-1].sequences:
        sizes = " or ".join(f"{form.sequences:,}" for form in forms)
        raise UserError(
            f"the game's strategies have {sizes} numbers, one for each sequence of factored_form(rules) or of "
            f"factored_form(rules, symmetric=False) of counterplay.engine.phantom, not {len(array):,}"
        )
    if not is_profile(forms[-1], array):
        raise UserError("a strategy's probabilities must be non-negative and sum to 1 at every information set")
    return forms[-1], array, both


def _set(form: FactoredForm, sigma: Vector, decision: int, row: Vector) -> None:
    """Set what a strategy does at a decision, from the probabilities of its cells in order."""
    sigma[form.first[decision] : form.first[decision + 1]] = row


def _actions(form: FactoredForm, rules: Phantom, decision: int) -> tuple[str, ...]:
    return tuple(rules.names[c] for c in form.cell[form.first[decision] : form.first[decision + 1]])


def _from_mapping(given: Mapping[Any, Any], rules: Phantom, form: FactoredForm) -> tuple[Vector, set[int]]:
    """Return the vector of a dictionary by labels, or (player, label), and the players who have all of theirs in it."""
    sigma, after = normalise(form, np.zeros(form.sequences)), children(form)
    done = np.zeros(form.infosets, bool)
    for key, odds in given.items():
        player, label = key if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], int) else (None, key)
        tried = read(rules.names, str(label))
        found = list[int]()
        for p in range(2) if player is None else (player,):
            with suppress(UserError):
                found.append(locate(form, p, tried, after)[0])
        if not found:
            raise UserError(f"no information set{'' if player is None else f' of player {player}'} is called {label!r}")
        if len(found) > 1:
            raise UserError(f"players 0 and 1 both have an information set {label!r}: say whose, with (player, label)")
        if done[found[0]]:
            raise UserError(f"the strategy says two things of the information set {label!r}")
        done[found[0]] = True
        _set(form, sigma, found[0], odds_of(odds, _actions(form, rules, found[0]), str(label)))
    seats = set[int]()
    choice = np.diff(form.first.astype(np.int64)) > 1
    for p in range(2):
        mine = slice(int(form.begin[p]), int(form.begin[p + 1]))
        missing = np.flatnonzero(~done[mine] & choice[mine])
        if done[mine].any() and len(missing):
            label = written(rules.names, attempts_of(form, mine.start + int(missing[0])))
            raise UserError(f"the strategy says nothing of player {p}'s information set {label!r}")
        if done[mine].any():
            seats.add(p)
    if not seats:
        raise UserError("the strategy is empty")
    return sigma, seats


def _from_function(function: Callable[..., Any], rules: Phantom, form: FactoredForm) -> Vector:
    """Return the vector of a function of (player, label, actions)."""
    sigma, told = np.ones(form.sequences), Asked("function", form.infosets)
    for batch in batches(form):
        for i, row in enumerate(batch.tried.tolist()):
            decision, name = batch.first + i, written(rules.names, attempts_in(row))
            actions = _actions(form, rules, decision)
            try:
                odds = function(batch.player, name, actions)
            except Exception as error:
                raise UserError(
                    f"the strategy fails for player {batch.player} at {name!r}: {type(error).__name__}: {error}"
                ) from error
            _set(form, sigma, decision, odds_of(odds, actions, name))
            if decision % 1000 == 0:
                told(decision)
    return sigma


def _from_policy(policy: Any, rules: Any, form: FactoredForm) -> Vector:
    """Return the vector of a policy of OpenSpiel's, by way of the tree of a board that is small enough."""
    if form.infosets > SMALL:
        raise UserError(
            f"a policy of OpenSpiel's is asked state by state, which {form.infosets:,} information sets are too many "
            "for: give an array, or a function of (player, label, actions)"
        )
    tree = compile_tree(rules)
    table = policy_table(rules, tree, policy)
    places = {key: i for i, key in enumerate(zip(tree.owner.tolist(), tree.labels, strict=True))}
    sigma = np.ones(form.sequences)
    for batch in batches(form):
        for i, row in enumerate(batch.tried.tolist()):
            at = places[batch.player, written(rules.names, attempts_in(row))]
            _set(form, sigma, batch.first + i, table[tree.first[at] : tree.first[at + 1], 0])
    return sigma
