"""Games that are walked in steps as the strategy browser is told them: lists of what was met most often.

There is no tree to click through, and no values: a solution knows the information sets that its run met. "" lists those
of all players, "0:" a player's, and "0: label" is one of them.
"""

from itertools import islice
from typing import Any

from counterplay.api.stepped_books import Met
from counterplay.api.stepped_solution import SteppedSolution
from counterplay.engine.errors import UserError

_LISTED = 200  # information sets of a list
_SEARCHED = 20_000  # that are looked through for a text


def node(solution: SteppedSolution, at: str) -> dict[str, Any]:
    """Return a list, or an information set of one; raises `UserError` for what is none."""
    player, _, label = at.partition(":")
    label = " ".join(label.split())
    if player and (not player.isdecimal() or len(player) > 3 or int(player) >= solution.players):
        raise UserError(f"an information set here is named by its player and label, '0: K bet', not {at!r}")
    seats = [{"label": "all", "at": "", "kind": "decision", "end": ""}]
    seats += [{"label": f"player {p}", "at": f"{p}:", "kind": "decision", "end": ""} for p in range(solution.players)]
    step = {"who": "whose decisions", "at": "", "moves": seats}
    chosen = f"player {player}" if player else "all"
    if not label:
        seat = int(player) if player else None
        rows = [_row(met) for met in solution.most_visited(_LISTED, seat)]
        where = f"{player}:" if player else ""
        return {"kind": "list", "at": where, "line": [{**step, "chosen": chosen}], "rows": rows, "met": len(solution)}
    met = solution.book.find(int(player), label)
    return {
        **{"kind": "decision", "at": _at(met), "line": [{**step, "chosen": chosen}], "player": met.player},
        **{"label": met.label or "start", "actions": list(met.actions), "chart": False},
        "rows": [_row(met)],
    }


def search(solution: SteppedSolution, text: str) -> list[dict[str, Any]]:
    """Return the information sets whose label holds a text, of those that were met most often."""
    met = (met for met in solution.most_visited(_SEARCHED) if text.lower() in met.label.lower())
    return [{"label": f"player {each.player}: {each.label}", "at": _at(each)} for each in islice(met, _LISTED)]


def _at(met: Met) -> str:
    return f"{met.player}: {met.label}".strip()


def _row(met: Met) -> dict[str, Any]:
    return {
        **{"at": _at(met), "player": met.player, "hand": met.label or "start", "actions": list(met.actions)},
        **{"strategy": [float(x) for x in met.odds], "visits": met.visits, "reach": None, "note": met.note},
    }
