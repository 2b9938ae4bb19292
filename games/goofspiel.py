"""Goofspiel, the game of pure strategy: bid the cards of a hand for prizes (Ross 1971; parameters as in OpenSpiel)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, Array, Ints
from counterplay.games.goofspiel_steps import GoofspielSteps, in_steps, key_of, seen_at

_ORDERS = ("descending", "ascending", "random")
_RETURNS = ("win_loss", "point_difference", "total_points")


class Table(NamedTuple):
    """A round under way. `seen` is what each player knows of the rounds before, as text."""

    hands: tuple[tuple[int, ...], ...]
    points: tuple[int, ...]
    prize: int  # 0 while it is to be drawn
    left: tuple[int, ...]  # prizes to come; their order counts unless chance draws them
    bids: tuple[int, ...]  # of this round, by those who have bid
    seen: tuple[str, ...]


def _without(hand: tuple[int, ...], card: int) -> tuple[int, ...]:
    at = hand.index(card)
    return hand[:at] + hand[at + 1 :]


@dataclass(frozen=True)
class Goofspiel:
    """Goofspiel with `cards` cards numbered from 1 in each hand and as many prizes, worth 1 to `cards` points.

    Each round one prize is up, in descending, ascending or random `order`, and all players bid a card at once; the
    highest bid takes the prize, and nobody does when several players bid highest. Bids are gone after the round; the
    last card of each hand is bid without asking. With `hidden` bids a player learns who won each round and knows only
    its own bids; otherwise all bids are shown after the round.

    Payoffs by `returns`: `win_loss` (those with the most points share 1, the others share -1; 0 if all are equal),
    `point_difference` (points less the mean of all players' points) or `total_points` (points, not zero-sum).

    What a player knows reads "4:2>1 3": for the prize of 4 points it bid 2 (with open bids, all bids stand there),
    player 1 took it ("-" where nobody did), and the prize of 3 is up.
    """

    cards: int = 4
    players: int = 2
    order: str = "descending"
    hidden: bool = True
    returns: str = "win_loss"

    def __post_init__(self) -> None:
        if not 2 <= self.cards <= 13:
            raise UserError(f"cards must be 2 to 13, not {self.cards}")
        if not 2 <= self.players <= 10:
            raise UserError(f"players must be 2 to 10, not {self.players}")
        if self.order not in _ORDERS:
            raise UserError(f"order must be one of {', '.join(_ORDERS)}, not {self.order!r}")
        if self.returns not in _RETURNS:
            raise UserError(f"returns must be one of {', '.join(_RETURNS)}, not {self.returns!r}")

    def root(self) -> Table:
        hand = tuple(range(1, self.cards + 1))
        prizes = hand[::-1] if self.order == "descending" else hand
        nothing = ("",) * self.players
        return self._next(Table((hand,) * self.players, (0,) * self.players, 0, prizes, (), nothing))

    def _next(self, state: Table) -> Table:
        """Put up the next prize, unless chance draws it."""
        if self.order == "random":
            return state._replace(prize=0)
        return state._replace(prize=state.left[0], left=state.left[1:])

    def turn(self, state: Table) -> int:
        if not state.hands[0]:
            return LEAF
        return CHANCE if state.prize == 0 else len(state.bids)

    def moves(self, state: Table) -> Sequence[str]:
        return tuple(map(str, state.left if state.prize == 0 else state.hands[len(state.bids)]))

    def chance(self, state: Table) -> Sequence[float]:
        return [1.0 / len(state.left)] * len(state.left)

    def play(self, state: Table, move: int) -> Table:
        hands, points, prize, left, bids, seen = state
        if prize == 0:
            return Table(hands, points, left[move], left[:move] + left[move + 1 :], bids, seen)
        state = Table(hands, points, prize, left, (*bids, hands[len(bids)][move]), seen)
        if len(state.bids) < self.players:
            return state
        state = self._award(state)
        if len(state.left) > 1:
            return self._next(state)
        last = state._replace(prize=state.left[0], left=(), bids=tuple(hand[0] for hand in state.hands))
        return self._award(last)

    def _award(self, state: Table) -> Table:
        """Give the prize to the highest bid, if there is one, and take the cards that were bid."""
        hands, points, prize, left, bids, seen = state
        high = max(bids)
        shown, taker = "", ">- "
        if bids.count(high) == 1:
            winner = bids.index(high)
            taker = f">{winner} "
            points = (*points[:winner], points[winner] + prize, *points[winner + 1 :])
        if not self.hidden:
            shown = ",".join(map(str, bids))
        return Table(
            tuple([_without(hand, bid) for hand, bid in zip(hands, bids, strict=True)]),
            points,
            0,
            left,
            (),
            tuple([f"{before}{prize}:{shown or bid}{taker}" for before, bid in zip(seen, bids, strict=True)]),
        )

    def payoffs(self, state: Table) -> Sequence[float]:
        points = state.points
        if self.returns == "total_points":
            return list(map(float, points))
        if self.returns == "point_difference":
            return [n - sum(points) / self.players for n in points]
        first = points.count(max(points))
        if first == self.players:
            return [0.0] * self.players
        return [1.0 / first if n == max(points) else -1.0 / (self.players - first) for n in points]

    def sees(self, state: Table, player: int) -> str:
        """Return each round so far as prize:bid>winner (- for none; all bids if they are open), then the prize up."""
        return f"{state.seen[player]}{state.prize}"

    def shape(self, state: Table) -> tuple[int, int, bool]:
        return len(state.hands[0]), len(state.bids), state.prize == 0

    def frontier(self) -> "Bids":
        """Return these rules over many states at once."""
        return Bids(self)

    def steps(self) -> GoofspielSteps:
        orders, returns = _ORDERS.index(self.order), _RETURNS.index(self.returns)
        return in_steps(self.players, self.cards, orders, int(self.hidden), returns)

    def infoset(self, player: int, key: int) -> tuple[str, tuple[str, ...]]:
        return seen_at(self.steps(), player, key)

    def key_of(self, player: int, label: str) -> int:
        return key_of(self.steps(), player, label)


class Bids(NamedTuple):
    """Goofspiel as a `Frontier`.

    A row holds a round after the other: its prize, the players' bids, and who took it (player + 1, or 0); what has not
    happened yet is 0.
    """

    game: Goofspiel

    @property
    def width(self) -> int:
        """Return the columns of a round."""
        return self.game.players + 2

    def root(self) -> Ints:
        rows = np.zeros((1, self.game.cards * self.width), np.int8)
        if self.game.order != "random":
            hand = np.arange(1, self.game.cards + 1)
            rows[0, :: self.width] = hand[::-1] if self.game.order == "descending" else hand
        return rows

    def _at(self, rows: Ints) -> tuple[int, int]:
        """Return the round under way, or the number of rounds, and who is next in it (-1 is chance, for its prize)."""
        one = rows[0].reshape(-1, self.width)
        now = int(np.count_nonzero(one[:, self.game.players]))  # rounds in which the last player has bid
        if now == self.game.cards:
            return now, 0
        return now, int(np.count_nonzero(one[now, 1:-1])) if one[now, 0] else CHANCE

    def _left(self, rows: Ints, column: int, now: int) -> npt.NDArray[np.bool_]:
        """Return which cards do not stand in a column of the rounds before, [n, cards]; so may the prizes."""
        left = np.ones((len(rows), self.game.cards), bool)
        at = np.arange(len(rows))
        for k in range(now):
            left[at, rows[:, k * self.width + column] - 1] = False
        return left

    def turn(self, rows: Ints) -> Ints:
        now, turn = self._at(rows)
        return np.full(len(rows), LEAF if now == self.game.cards else turn)

    def moves(self, rows: Ints) -> Ints:
        return np.full(len(rows), self.game.cards - self._at(rows)[0])

    def chance(self, rows: Ints, move: Ints) -> Array:
        return np.full(len(rows), 1.0 / (self.game.cards - self._at(rows)[0]))

    def play(self, rows: Ints, move: Ints) -> Ints:
        now, turn = self._at(rows)
        column = turn + 1  # of the round: the prize is 0
        left = self._left(rows, column, now)
        card = (np.cumsum(left, axis=1, dtype=np.int8) > move[:, None]).argmax(axis=1) + 1
        rows = rows.copy()
        rows[:, now * self.width + column] = card
        if turn == self.game.players - 1:
            self._award(rows, now)
            if now == self.game.cards - 2:  # the last cards are bid without asking
                for each in range(self.game.players + 1):
                    here = now + 1
                    rows[:, here * self.width + each] = self._left(rows, each, here).argmax(axis=1) + 1
                self._award(rows, now + 1)
        return rows

    def _award(self, rows: Ints, now: int) -> None:
        bids = rows[:, now * self.width + 1 : now * self.width + 1 + self.game.players]
        high = bids.max(axis=1)
        alone = (bids == high[:, None]).sum(axis=1) == 1
        rows[:, now * self.width + self.width - 1] = np.where(alone, bids.argmax(axis=1) + 1, 0)

    def payoffs(self, rows: Ints) -> Array:
        players = self.game.players
        rounds = rows.reshape(len(rows), self.game.cards, self.width)
        points = np.stack(
            [(rounds[:, :, 0] * (rounds[:, :, -1] == p + 1)).sum(axis=1) for p in range(players)], axis=1
        ).astype(np.float64)
        if self.game.returns == "total_points":
            return points
        if self.game.returns == "point_difference":
            over: Array = points - points.sum(axis=1, keepdims=True) / players
            return over
        most = points == points.max(axis=1, keepdims=True)
        first = most.sum(axis=1, keepdims=True)
        return np.where(first == players, 0.0, np.where(most, 1.0 / first, -1.0 / np.maximum(players - first, 1)))

    def key(self, rows: Ints) -> Ints:
        """Return the prizes, who took them and the bids that the player knows, of the rounds before, and the prize."""
        now, turn = self._at(rows)
        seen = rows.reshape(len(rows), self.game.cards, self.width).copy()
        seen[:, now, 1:] = 0
        if self.game.order == "random":
            seen[:, now + 1 :] = 0
        else:
            seen[:, :, 0] = 0
        if self.game.hidden:
            seen[:, :, 1] = seen[:, :, turn + 1]
            seen[:, :, 2:-1] = 0
        return seen.reshape(len(rows), -1)
