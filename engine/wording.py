"""Public histories in the words of their moves."""

from typing import Any

from counterplay.engine.rules import CHANCE, DealtRules
from counterplay.engine.tree import Tree


def spoken(history: str, move: str, chance: bool) -> str:
    """Return a public history in words with one move more: players' between commas, chance's in brackets."""
    if chance:
        return f"{history} [{move}]".lstrip()
    return f"{history}{'' if not history else ' ' if history.endswith(']') else ', '}{move}"


def in_words(tree: Tree, rules: DealtRules) -> list[str]:
    """Return the public history of each information set of a dealt game in the words of its moves."""
    words = [""] * len(tree.labels)
    path: list[tuple[Any, str]] = [(None, "")] * len(tree.player)
    for node, up in enumerate(tree.parent):
        state, said = rules.root(), ""
        if up >= 0:
            before, said = path[up]
            state = rules.play(before, int(tree.slot[node]))
            move = rules.moves(before)[tree.slot[node]]
            said = spoken(said, move, tree.player[up] == CHANCE)
        path[node] = state, said
        if tree.player[node] >= 0:
            words[tree.infoset[node]] = said
    return words
