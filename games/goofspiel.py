"""Goofspiel, the game of pure strategy: bid the cards of a hand for prizes (Ross 1971; parameters as in OpenSpiel)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from counterplay.engine.rules import CHANCE, LEAF

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


@dataclass(frozen=True)
class Goofspiel:
    """Goofspiel with `cards` cards numbered from 1 in each hand and as many prizes, worth 1 to `cards` points.

    Each round one prize is up, in descending, ascending or random `order`, and all players bid a card at once; the
    highest bid takes the prize, and nobody does when several players bid highest. Bids are gone after the round; the
    last card of each hand is bid without asking. With `hidden` bids a player learns who won each round and knows only
    its own bids; otherwise all bids are shown after the round.

    Payoffs by `returns`: `win_loss` (those with the most points share 1, the others share -1; 0 if all are equal),
    `point_difference` (points less the mean of all players' points) or `total_points` (points, not zero-sum).
    """

    cards: int = 4
    players: int = 2
    order: str = "descending"
    hidden: bool = True
    returns: str = "win_loss"

    def __post_init__(self) -> None:
        if not 2 <= self.cards <= 13:
            raise ValueError(f"cards must be 2 to 13, not {self.cards}")
        if not 2 <= self.players <= 10:
            raise ValueError(f"players must be 2 to 10, not {self.players}")
        if self.order not in _ORDERS:
            raise ValueError(f"order must be one of {', '.join(_ORDERS)}, not {self.order!r}")
        if self.returns not in _RETURNS:
            raise ValueError(f"returns must be one of {', '.join(_RETURNS)}, not {self.returns!r}")

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
        if state.prize == 0:
            return state._replace(prize=state.left[move], left=state.left[:move] + state.left[move + 1 :])
        state = state._replace(bids=(*state.bids, state.hands[len(state.bids)][move]))
        if len(state.bids) < self.players:
            return state
        state = self._award(state)
        if len(state.left) > 1:
            return self._next(state)
        last = state._replace(prize=state.left[0], left=(), bids=tuple(hand[0] for hand in state.hands))
        return self._award(last)

    def _award(self, state: Table) -> Table:
        """Give the prize to the highest bid, if there is one, and take the cards that were bid."""
        high = max(state.bids)
        winner = state.bids.index(high) if state.bids.count(high) == 1 else None
        shown = ",".join(map(str, state.bids))
        taker = "-" if winner is None else str(winner)
        return Table(
            hands=tuple(tuple(c for c in hand if c != b) for hand, b in zip(state.hands, state.bids, strict=True)),
            points=tuple(n + state.prize * (p == winner) for p, n in enumerate(state.points)),
            prize=0,
            left=state.left,
            bids=(),
            seen=tuple(
                f"{before}{state.prize}:{bid if self.hidden else shown}>{taker} "
                for before, bid in zip(state.seen, state.bids, strict=True)
            ),
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
