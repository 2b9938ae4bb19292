"""Spots as rules whose tables are built at once, so that a river with wide ranges is a tree in a second."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.games.holdem.cards import COMBO_CARDS
from counterplay.games.holdem.rules import HoldemRules, Point
from counterplay.games.holdem.strength import strengths

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HoldemArrays(HoldemRules):
    """`HoldemRules` that offer `engine.rules.DealtArrays`."""

    def _off(self, player: int, cards: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """Return which hands of a player hold none of these cards."""
        off: npt.NDArray[np.bool_] = np.isin(COMBO_CARDS[self._combos[player]], cards).sum(axis=1) == 0
        return off

    def deals(self) -> F64:
        """Return the joint probability of both hands."""
        rows = self._pairs.sum(axis=1)
        first = rows / rows.sum()
        inner: F64 = np.divide(self._pairs, rows[:, None], out=np.zeros_like(self._pairs), where=rows[:, None] > 0)
        joint: F64 = first[:, None] * inner
        return joint

    def event(self, state: Point) -> Any:
        """Return the board and what is due."""
        return state

    def odds(self, event: Any) -> F64:
        """Return the probability of each run-out, [moves, hands of OOP, hands of IP]."""
        free = [(self._off(0, deal)[:, None] & self._off(1, deal)).astype(np.float64) for deal in self._deals(event)]
        odds: F64 = np.array(free) / np.maximum(np.sum(free, axis=0), 1.0)
        return odds

    def table(self, key: tuple[int, tuple[int, ...], int]) -> F64:
        """Return what both players receive, [2, hands of OOP, hands of IP]."""
        folder, board, pot = key
        rake = self.spot.rake.of(pot)
        win, lose = pot / 2 - rake, -pot / 2
        one, two = (len(combos) for combos in self._combos)
        if folder >= 0:
            return np.broadcast_to(np.array([lose, win] if folder == 0 else [win, lose])[:, None, None], (2, one, two))
        ranks = [strengths(np.array(board, np.uint8), np.array(c, np.int64), self._deck) for c in self._combos]
        sign = np.sign(ranks[0][:, None].astype(np.int64) - ranks[1].astype(np.int64))
        paid: F64 = np.stack([np.where(s > 0, win, np.where(s < 0, lose, -rake / 2)) for s in (sign, -sign)])
        return paid * (self._off(0, board)[:, None] & self._off(1, board))
