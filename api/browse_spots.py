"""Hold'em as the strategy browser is told it: decisions, cards to come, run-outs, best responses, blockers, ranges.

Everything is what `show --json` and `report --json` say, and what goes beyond them is made of the same `View`.
Expected values are in chips from the decision on.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.view import View
from counterplay.engine.errors import UserError
from counterplay.games.holdem.betting import PLAYERS, STREETS
from counterplay.games.holdem.cards import COMBOS, card_name, combo_name, format_cards
from counterplay.games.holdem.lines import LineOfPlay, read_line
from counterplay.games.holdem.made import made_on
from counterplay.games.holdem.ranges import format_range
from counterplay.games.holdem.trees import ALLIN, FOLD, NEXT, SHOWDOWN, Street, children
from counterplay.show import pages, spot_pages
from counterplay.solvers.reach import note

_ENDS = {FOLD: "fold", SHOWDOWN: "showdown", ALLIN: "all-in"}
_DIGITS = 7  # decimals of numbers that are told by combo


def _kind(tree: Street, node: int) -> str:
    kind = int(tree.kind[node])
    return "decision" if kind < FOLD else "cards" if kind == NEXT else "end"


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def moves(tree: Street, node: int, at: str) -> list[dict[str, Any]]:
    """Return what may be done at a decision: its label, the line that it leads to, and what that is."""
    return [
        {
            "label": tree.action[child],
            "at": _joined(at, tree.action[child]),
            "kind": _kind(tree, child),
            "end": _ENDS.get(int(tree.kind[child]), ""),
        }
        for child in children(tree, node)
    ]


def line_of(solution: Any, at: str) -> LineOfPlay:
    """Return a line of play that was read; raises `UserError` for what is not possible."""
    spot = solution.spot
    return read_line(at, spot.board, spot.trees, spot.betting, spot.deck, nearest=True)


def _cards(solution: Any, board: tuple[int, ...], due: int, at: str) -> dict[str, Any]:
    """Return a step of cards: those that may come where one does."""
    rest = [card for card in solution.spot.deck.cards[::-1] if card not in board]
    named = [{"label": card_name(c), "at": f"{at} [{card_name(c)}]", "kind": "decision", "end": ""} for c in rest]
    return {"who": "cards", "at": at, "due": due, "moves": named if due == 1 else [], "chosen": None}


def steps(solution: Any, line: LineOfPlay) -> Iterator[dict[str, Any]]:
    """Yield the way to a line: a step for each decision and for cards, with all that could have been there instead."""
    spot, at, board = solution.spot, "", tuple(solution.spot.board)
    streets = [*line.passed, (line.start, line.node, ())]
    for start, end, cards in streets:
        tree, way, node = spot.trees[start], list[int](), end
        while node > 0:
            way.append(node)
            node = int(tree.parent[node])
        for child in way[::-1]:
            yield {
                "who": PLAYERS[int(tree.kind[node])].upper(),
                "at": at,
                "moves": moves(tree, node, at),
                "chosen": tree.action[child],
            }
            at, node = _joined(at, tree.action[child]), child
        if cards:
            yield {**_cards(solution, board, len(cards), at), "chosen": format_cards(cards)}
            at, board = f"{at} [{format_cards(cards)}]".strip(), (*board, *cards)


def _rounded(values: npt.NDArray[Any]) -> list[Any]:
    found: list[Any] = np.round(values, _DIGITS).tolist()
    return found


def hands(view: View, p: int, *, worth: bool) -> dict[str, Any]:
    """Return a player's combos at a decision as columns; with values where the solution has them.

    Strategies are null where the combo never gets; `made` and `draws` are what it is on the board.
    """
    held = np.flatnonzero(view.possible[p])
    known = made_on(view.board, view._solution.spot.deck)
    combos, chances = view.combos[p][held], view.chances[p][held]
    told: dict[str, Any] = {
        "combo": [combo_name(int(combo)) for combo in combos],
        "weight": _rounded(view.reach[p][held]),
        "share": view.shares[p][held].tolist(),
        "reach": chances.tolist(),
        "note": [note(float(x)) for x in chances],
        "made": [known[int(combo)].made for combo in combos],
        "draws": [list(known[int(combo)].draws) for combo in combos],
    }
    if worth:
        told |= {name: _rounded(getattr(view, name)[p][held]) for name in ("ev", "equity", "realisation")}
    if hasattr(view, "visits"):
        told["visits"] = view.visits[p][held].tolist()
    if p == view.player:
        odds = view.strategy[:, held].copy()
        odds[:, [n == "never reached" for n in told["note"]] & ~view.locked[held]] = np.nan
        told |= {"strategy": _rounded(odds), "locked": view.locked[held].tolist()}
        told |= {"action_ev": _rounded(view.action_ev[:, held])} if worth else {}
    return told


def node(solution: Any, at: str) -> dict[str, Any]:
    """Return what there is after a line of play: a decision with both ranges, cards that come, or an end."""
    line = line_of(solution, at)
    tree = solution.spot.trees[line.start]
    kind = _kind(tree, line.node)
    told: dict[str, Any] = {
        "kind": kind,
        "at": line.text,
        "taken": list(line.taken),
        "line": list(steps(solution, line)),
        "board": format_cards(line.board),
        "street": STREETS[tree.start.street],
        "pot": tree.middle(line.node),
    }
    if kind == "end":
        return {**told, "end": _ENDS.get(int(tree.kind[line.node]), "the end of what was solved")}
    if kind == "cards":
        due = solution.spot.deck.board[tree.start.street + 1] - len(line.board)
        return {**told, "next": _cards(solution, line.board, due, line.text)}
    view = solution.view(line.text)
    worth = solution.kind == "holdem"
    return {
        **told,
        **view.summary(),
        "taken": told["taken"],
        "actions": list(view.actions),
        "next": {"who": PLAYERS[view.player].upper(), "at": line.text, "moves": moves(tree, line.node, line.text)},
        "hands": {name: hands(view, p, worth=worth) for p, name in enumerate(PLAYERS)},
    }


def run_outs(solution: Any, at: str) -> dict[str, Any]:
    """Return the figures of the decision after each card that may come, as `report --json` does."""
    line = line_of(solution, at)
    rows = pages.of(solution).run_outs(solution, line.text)
    return {"at": line.text, "cards": [{**row, "at": row["node"]} for row in rows]}


def response(solution: Any, at: str) -> dict[str, Any]:
    """Return the best response of who acts, from a decision on, to the other's strategy; nothing is solved again.

    `action_ev` is what an action is worth to a combo that responds best later too, `best` the number of the best one,
    and `gain` what the range as a whole wins by it, in chips.
    """
    if solution.kind != "holdem":
        raise UserError("best responses are of solved spots, whose hands have values")
    view = solution.view(line_of(solution, at).text)
    held = np.flatnonzero(view.possible[view.player])
    worth = view.response[:, held]
    best = np.where(np.isnan(worth[0]), -1, np.nan_to_num(worth, nan=-np.inf).argmax(axis=0))
    top = worth.max(axis=0)
    share, own = view.shares[view.player][held], view.ev[view.player][held]
    seen = share > 0
    ev = float(share[seen] @ top[seen]) if view.reached else None
    mine = float(share[seen] @ own[seen]) if view.reached else None
    return {
        **{"at": view.line, "player": PLAYERS[view.player], "actions": list(view.actions)},
        "combo": [combo_name(int(combo)) for combo in view.combos[view.player][held]],
        **{"best": best.tolist(), "action_ev": _rounded(worth), "ev": ev},
        "gain": None if ev is None or mine is None else ev - mine,
    }


def _without(view: View, p: int, card: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    names = card_name(card)
    has = np.array([names in (combo_name(int(c))[:2], combo_name(int(c))[2:]) for c in view.combos[p]], np.bool_)
    return has, ~has


def blockers(solution: Any, at: str) -> dict[str, Any]:
    """Return what holding each card does: to the range that the other can have, to one's own action, to the answer.

    `removed` is the share of the other's range that the card rules out; `strategy` what who acts does with the hands
    that hold it; `answers` what the other does after each action if it cannot have the card.
    """
    view = solution.view(line_of(solution, at).text)
    me, other = view.player, 1 - view.player
    after = {}
    for move in moves(solution.spot.trees[line_of(solution, at).start], view._place.line.node, view.line):
        if move["kind"] == "decision":
            following = solution.view(move["at"])
            if following.player == other:
                after[move["label"]] = following
    cards = []
    for card in [c for c in solution.spot.deck.cards[::-1] if c not in view.board]:
        mine, left = _without(view, me, card)[0], _without(view, other, card)[1]
        share = np.where(mine, view.shares[me], 0.0)
        told = (view.strategy @ share / share.sum()).tolist() if share.sum() > 0 else [None] * len(view.actions)
        cards.append(
            {
                "card": card_name(card),
                "held": float(share.sum()),
                "removed": float(view.shares[other][~left].sum()),
                "strategy": dict(zip(view.actions, told, strict=True)),
                "answers": {label: _answers(following, other, card) for label, following in after.items()},
            }
        )
    return {"at": view.line, "player": PLAYERS[me], "strategy": view.summary()["strategy"], "cards": cards}


def _answers(view: View, p: int, card: int) -> dict[str, float | None]:
    share = np.where(_without(view, p, card)[1], view.shares[p], 0.0)
    total = share.sum()
    odds = (view.strategy @ share / total).tolist() if total > 0 and view.reached else [None] * len(view.actions)
    return dict(zip(view.actions, odds, strict=True))


def ranges(solution: Any, at: str, source: str) -> dict[str, Any]:
    """Return both ranges at a decision as text, and what is played from there on as the text of a spot file."""
    view = solution.view(line_of(solution, at).text)
    texts = []
    for p in range(2):
        weights = np.zeros(COMBOS)
        weights[view.combos[p]] = np.where(view.possible[p], view.reach[p], 0.0)
        top = weights.max()
        texts.append(format_range(np.round(weights / top, 4)) if top > 0 else "")
    spot, why = None, ""
    try:
        spot = spot_pages.spot(solution, pages.Page(node=view.line), source)
    except UserError as error:
        why = str(error)
    return {"at": view.line, **dict(zip(PLAYERS, texts, strict=True)), "spot": spot, "why": why}
