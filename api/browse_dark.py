"""Phantom games without a tree as the strategy browser is told them: what a player tried, and what it tries next.

A decision is named by its player and the attempts so far, "0: b2 a1x".
"""

from typing import Any

from counterplay.api.factored_solution import FactoredSolution
from counterplay.engine.errors import UserError
from counterplay.games.in_the_dark import IN_VAIN, NOTHING, read, written
from counterplay.solvers.reach import note

_OFTEN = 30  # decisions that are listed for a search


def _place(solution: FactoredSolution, at: str) -> tuple[int, tuple[Any, ...]]:
    player, _, text = at.partition(":")
    if player.strip() not in ("0", "1"):
        raise UserError(f"a decision here is named by its player and what it tried, '0: b2 a1x', not {at!r}")
    words = text.strip()
    return int(player), read(solution.phantom.names, words) if words and words != NOTHING else ()


def _named(player: int, names: Any, tried: Any) -> str:
    return f"{player}: {written(names, tried) if tried else ''}".strip()


def node(solution: FactoredSolution, at: str) -> dict[str, Any]:
    """Return a decision of a phantom game; raises `UserError` for what is none."""
    rules: Any = solution.phantom
    names = rules.names
    player, tried = _place(solution, at or "0:")
    seats = [{"label": f"player {p}", "at": f"{p}:", "kind": "decision", "end": ""} for p in range(2)]
    line: list[dict[str, Any]] = [{"who": "whose view", "at": "0:", "moves": seats, "chosen": f"player {player}"}]
    for k, attempt in enumerate(tried):
        line.append(
            {
                **{"who": f"player {player}", "at": _named(player, names, tried[:k])},
                "moves": _moves(solution, player, tried[:k]),
                "chosen": names[attempt[0]] + IN_VAIN * attempt[1],
            }
        )
    where = _named(player, names, tried)
    row = solution.odds(player, tried)
    if row is None:
        return {"kind": "end", "at": where, "line": line, "payoffs": None}
    reach = solution.reach_of(player, tried)
    known = {cell for cell, _ in tried}
    open_cells = [cell for cell in range(len(names)) if cell not in known]
    moves = _moves(solution, player, tried)
    return {
        **{"kind": "decision", "at": where, "line": line, "player": player},
        "label": written(names, tried) if tried else NOTHING,
        "actions": [names[cell] for cell in open_cells],
        "chart": False,
        "board": {
            "columns": rules.columns,
            "cells": [
                {
                    "cell": name,
                    "share": None if cell in known else float(row[cell]),
                    "tried": next((("theirs" if vain else "own") for c, vain in tried if c == cell), ""),
                }
                for cell, name in enumerate(names)
            ],
        },
        "next": {"who": f"player {player}", "at": where, "moves": moves},
        "rows": [
            {
                **{"hand": written(names, tried) if tried else NOTHING, "reach": reach, "note": note(reach)},
                "strategy": [float(row[cell]) for cell in open_cells],
            }
        ],
    }


def _moves(solution: FactoredSolution, player: int, tried: Any) -> list[dict[str, Any]]:
    """Return what may be tried, and whether it succeeded, with what that leads to."""
    names, known = solution.phantom.names, {cell for cell, _ in tried}
    found = list[dict[str, Any]]()
    for cell in range(len(names)):
        for vain in (False, True):
            after = (*tried, (cell, vain))
            if cell not in known:
                further = solution.odds(player, after) is not None
                found.append(
                    {
                        **{"label": names[cell] + IN_VAIN * vain, "at": _named(player, names, after)},
                        **{"kind": "decision" if further else "end", "end": "" if further else "over"},
                    }
                )
    return found


def search(solution: FactoredSolution, text: str) -> list[dict[str, Any]]:
    """Return decisions whose attempts hold a text, of the most often reached ones."""
    found = list[dict[str, Any]]()
    for player in range(2):
        for row in solution.marked(player, 400, ()):
            if text.lower() in row.infoset.label and len(found) < (player + 1) * _OFTEN:
                label = row.infoset.label
                at = f"{player}: {'' if label == NOTHING else label}".strip()
                found.append({"label": f"player {player}: {label}", "at": at})
    return found
