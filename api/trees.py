"""From rules to a tree, with its size told first."""

import time
from collections.abc import Callable
from dataclasses import fields
from math import prod
from typing import Any

from counterplay.engine.rules import is_dealt
from counterplay.engine.size import SHORT, Size, admit, describe
from counterplay.engine.tree import Tree, compile_tree
from counterplay.engine.walk import TooManyNodes

_DEALS = 100_000  # combinations of hands up to which a small tree's tables are small, too


def build(
    rules: Any, on_size: Callable[[str], None] | None = None, on_tree: Callable[[int], None] | None = None
) -> Tree:
    """Return a game's tree; `on_size` is told first how large it is, `on_tree` how many nodes are built.

    A small game is simply built, which takes less time than to estimate it. Raises `ValueError` for one that does not
    fit, before its memory is taken, with what would fit; and where the rules contradict themselves.
    """
    if not is_dealt(rules) or prod(len(rules.hands(p)) for p in range(rules.players)) <= _DEALS:
        began = time.perf_counter()
        try:
            tree = compile_tree(rules, max_nodes=SHORT)
        except TooManyNodes:
            pass
        else:
            if on_size is not None:
                on_size(describe(_size(tree, time.perf_counter() - began)))
            return tree
    size = admit(rules)
    if on_size is not None:
        on_size(describe(size))
    return compile_tree(rules, progress=on_tree)


def _size(tree: Tree, seconds: float) -> Size:
    """Return the size of a tree that stands; its sequence form takes about as much again."""
    count = tree.count()
    held = sum(getattr(getattr(tree, field.name), "nbytes", 0) for field in fields(tree))
    return Size(count["nodes"], count["leaves"], count["infosets"], 2 * held, 2 * held, seconds, 0.0)
