"""Games with a tree as the strategy browser is told them: a node, the moves to it, and the strategy hand by hand.

A node is named by the numbers of the moves that lead to it, "0/1/2"; the root is "".
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.tree_solution import TreeSolution
from counterplay.engine.errors import UserError
from counterplay.engine.form import SequenceForm
from counterplay.engine.rules import CHANCE, LEAF, is_dealt
from counterplay.engine.strategy import to_table, to_vector
from counterplay.engine.sweeps import realise, respond
from counterplay.engine.wording import in_words
from counterplay.show import grid
from counterplay.solvers.reach import marks, others_reach

_MOST = 200  # search results
F64 = npt.NDArray[np.float64]


class TreeBrowser:
    """A solution's tree, to be walked node by node."""

    def __init__(self, solution: TreeSolution):
        self.solution, self.tree = solution, solution.tree
        self.rules: Any = solution.made()
        self.dealt = is_dealt(self.rules)
        order = np.argsort(self.tree.parent, kind="stable")
        self._children, self._starts = order, np.searchsorted(self.tree.parent[order], np.arange(len(order) + 1))

    @cached_property
    def _marks(self) -> tuple[F64, list[list[str]]]:
        return marks(self.tree, self.solution.strategy)

    @cached_property
    def _values(self) -> tuple[F64, F64]:
        """Return what each action is worth by expectation and to a best response later, [R, W], NaN where unknown.

        They are given that play got to the decision with the hand, the others following the solution.
        """
        form, tree, table = self.solution.form, self.tree, self.solution.strategy
        sigma = to_vector(form, table)
        plan = realise(form, sigma)
        best = np.zeros((form.sequences, form.origin.shape[1]))
        for p in range(tree.players):
            value = np.zeros_like(sigma)
            respond(form, p, plan, value, np.empty(0))
            mine = slice(int(form.first[form.begin[p]]), int(form.first[form.begin[p + 1]]))
            best[mine] = value.reshape(best.shape)[mine]
        met, _ = others_reach(tree, table)
        size = np.diff(tree.first)
        at_row, alone = met.repeat(size, axis=0), (size == 1).repeat(size)
        known = (at_row > 1e-12) & ~alone[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            one, two = (
                np.where(known, to_table(form, tree, values.ravel()) / at_row, np.nan)
                for values in (_expected(form, best, sigma.reshape(best.shape)), best)
            )
        return one, two

    def _after(self, node: int) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self._children[self._starts[node] : self._starts[node + 1]]
        return found

    def _kind(self, node: int) -> str:
        player = int(self.tree.player[node])
        return "end" if player == LEAF else "chance" if player == CHANCE else "decision"

    def _moves(self, state: Any, node: int, at: str) -> list[dict[str, Any]]:
        labels = self.rules.moves(state)
        return [
            {"label": str(labels[k]), "at": f"{at}/{k}".lstrip("/"), "kind": self._kind(child), "end": ""}
            for k, child in enumerate(self._after(node).tolist())
        ]

    def _who(self, node: int) -> str:
        return "chance" if self._kind(node) == "chance" else f"player {int(self.tree.player[node])}"

    def node(self, at: str) -> dict[str, Any]:
        """Return what there is after some moves; raises `UserError` for what is not possible."""
        state, node, way, line = self.rules.root(), 0, "", list[dict[str, Any]]()
        for word in [w for w in at.split("/") if w]:
            moves = [] if self._kind(node) == "end" else self._moves(state, node, way)
            if not word.isdecimal() or len(word) > 9 or int(word) >= len(moves):
                raise UserError(
                    f"no move {word[:40]!r} leads on after {way or 'the beginning'}: there are {len(moves)}"
                )
            chosen = moves[int(word)]
            line.append({"who": self._who(node), "at": way, "moves": moves, "chosen": chosen["label"]})
            state, node, way = self.rules.play(state, int(word)), int(self._after(node)[int(word)]), chosen["at"]
        kind = self._kind(node)
        told: dict[str, Any] = {"kind": kind, "at": way, "line": line}
        if kind == "end":
            return {**told, "payoffs": None if self.dealt else [float(x) for x in self.rules.payoffs(state)]}
        told["next"] = {"who": self._who(node), "at": way, "moves": self._moves(state, node, way)}
        return {**told, **self._table(node)} if kind == "decision" else told

    def _table(self, node: int) -> dict[str, Any]:
        """Return the strategy of who acts at a node, a row for each of its hands."""
        tree, i = self.tree, int(self.tree.infoset[node])
        player, (low, high) = int(tree.player[node]), tree.first[i : i + 2].tolist()
        often, notes = self._marks
        worth, best = (values[low:high] for values in self._values)
        names, odds = tree.hands[player], self.solution.strategy[low:high]

        def row(w: int) -> dict[str, Any]:
            ev = float(odds[:, w] @ worth[:, w])
            return {
                "hand": names[w] or tree.labels[i] or "start",
                "strategy": odds[:, w].tolist(),
                "reach": float(often[i, w]),
                "note": notes[i][w],
                "ev": ev,
                "action_ev": worth[:, w].tolist(),
                "response": best[:, w].tolist(),
            }

        return {
            "player": player,
            "label": tree.labels[i],
            "actions": list(tree.actions[i]),
            "chart": grid.is_chart(names),
            "rows": [row(w) for w in range(len(names))],
        }

    @cached_property
    def _words(self) -> list[str]:
        return in_words(self.tree, self.rules) if is_dealt(self.rules) else list(self.tree.labels)

    def search(self, text: str) -> list[dict[str, Any]]:
        """Return the decisions whose label or hands hold a text, at most `_MOST`, each with a node of it."""
        found, seen = list[dict[str, Any]](), set[int]()
        for node in np.flatnonzero(self.tree.player >= 0).tolist():
            i = int(self.tree.infoset[node])
            if i in seen:
                continue
            seen.add(i)
            said = f"player {self.tree.owner[i]}: {self._words[i] or 'first to act'}"
            if text.lower() in said.lower():
                found.append({"label": said, "at": self._path(node)})
                if len(found) == _MOST:
                    break
        return found

    def _path(self, node: int) -> str:
        way = list[str]()
        while node > 0:
            way.append(str(int(self.tree.slot[node])))
            node = int(self.tree.parent[node])
        return "/".join(way[::-1])


def _expected(form: SequenceForm, best: F64, sigma: F64) -> F64:
    """Return what sequences earn with a player's own strategy below, of what they earn with the best one, [S, W].

    What leaves pay is the same in both: the best of each decision below is taken off, and its mean put on.
    """
    value, bounds = best.copy(), list(zip(form.first[:-1].tolist(), form.first[1:].tolist(), strict=True))
    parents = form.parent.tolist()
    for (low, high), above in zip(bounds, parents, strict=True):
        value[above] -= best[low:high].max(axis=0)
    for (low, high), above in zip(bounds[::-1], parents[::-1], strict=True):
        value[above] += (sigma[low:high] * value[low:high]).sum(axis=0)
    return value
