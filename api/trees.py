"""From rules to a tree, with its size told first."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from math import prod
from pathlib import Path
from typing import Any

from counterplay.engine.errors import UserError
from counterplay.engine.factored import FactoredForm
from counterplay.engine.factored_size import admit_factored, describe_factored
from counterplay.engine.phantom import factored_form
from counterplay.engine.rules import Phantom, is_dealt
from counterplay.engine.size import SHORT, Size, admit, describe
from counterplay.engine.tree import Tree, compile_tree
from counterplay.engine.walk import TooManyNodes
from counterplay.games import GAMES

_DEALS = 100_000  # combinations of hands up to which a small tree's tables are small, too


def build(
    rules: Any, on_size: Callable[[str], None] | None = None, on_tree: Callable[[int], None] | None = None
) -> Tree:
    """Return a game's tree; of a large one `on_size` is told first how large it is, `on_tree` how many nodes are built.

    A small game is simply built, which takes less time than to estimate it (`size_of` tells of it then). Raises
    `ValueError` for one that does not fit, before its memory is taken, with what would fit; where the rules contradict
    themselves; and where code of somebody's own fails, with the place.
    """
    with blamed(rules):
        return _build(rules, on_size, on_tree)


@contextmanager
def blamed(rules: Any, doing: str = "its tree is built") -> Iterator[None]:
    """Tell faults of somebody's own rules as a `UserError`, with the place; our own stay faults."""
    try:
        yield
    except (TypeError, AttributeError, LookupError, AssertionError, ArithmeticError, RuntimeError) as error:
        if type(rules).__module__.startswith("counterplay."):
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(
            f"{type(rules).__name__} fails while {doing}: {type(error).__name__}: {error} "
            f"({Path(where.filename).name}, line {where.lineno}, in {where.name})"
        ) from error


def _build(rules: Any, on_size: Callable[[str], None] | None, on_tree: Callable[[int], None] | None) -> Tree:
    if not is_dealt(rules) or prod(len(rules.hands(p)) for p in range(rules.players)) <= _DEALS:
        with suppress(TooManyNodes):
            return compile_tree(rules, max_nodes=SHORT)
    size = admit(rules)
    if on_size is not None:
        on_size(describe(size))
    return compile_tree(rules, progress=on_tree)


def size_of(tree: Tree, seconds: float) -> str:
    """Return in words the size of a tree that stands and took so long; its sequence form takes about as much again."""
    count = tree.count()
    held = sum(getattr(getattr(tree, field.name), "nbytes", 0) for field in fields(tree))
    return describe(Size(count["nodes"], count["leaves"], count["infosets"], 2 * held, 2 * held, seconds, 0.0))


def build_form(rules: Phantom, on_size: Callable[[str], None] | None = None) -> FactoredForm:
    """Return a game's factored form with its symmetries; `on_size` is told first how large it is.

    Raises `ValueError` for one that does not fit, before its memory is taken.
    """
    found = admit_factored(rules)
    if on_size is not None:
        on_size(describe_factored(found))
    return factored_form(rules)


def whole_form(rules: Phantom) -> FactoredForm:
    """Return a game's factored form without symmetries, in which any strategy can be judged.

    Raises `ValueError` where it does not fit, before its memory is taken.
    """
    admit_factored(rules, judging=True)
    return factored_form(rules, symmetric=False)


def name_of(made: Any) -> tuple[str, Any]:
    """Return what a game is called, and the rules to keep of one that has no spec or whose spec files do not import."""
    from counterplay.engine.catalogue import is_own

    text = GAMES.spec_of(made)
    return text or type(made).__name__, made if text is None or is_own(text) else None


def named(game: str) -> Any:
    """Return the rules that a file names; raises `ValueError` for one's own game, which no file can make."""
    try:
        return GAMES.make(game, own=False)
    except ValueError as error:
        if GAMES.knows(game):
            raise
        raise UserError(
            f"no game here goes by {game!r}, and a file does not hold its rules: name the game too "
            "(--game GAME, solve GAME --resume FILE, load(path, game=...))"
        ) from error
