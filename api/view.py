"""A decision of a solved hold'em spot: ranges, values, equities and strategies, combo by combo.

Values are chips of the starting pot and of what is won beyond it, player 0 out of position (OOP).
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from counterplay.api.export import card
from counterplay.engine import arguments
from counterplay.engine.errors import UserError
from counterplay.games.holdem import equity, places
from counterplay.games.holdem.betting import PLAYERS, STREETS, seat
from counterplay.games.holdem.cards import COMBOS, combo_name, format_cards, on
from counterplay.games.holdem.continued import continued
from counterplay.games.holdem.layout import StreetLayout
from counterplay.games.holdem.ranges import parse_range
from counterplay.games.holdem.spot import Spot
from counterplay.games.holdem.trees import children
from counterplay.solvers.reach import NEVER_REACHED, note
from counterplay.solvers.streets.cfr import SubgameCFR

F64 = npt.NDArray[np.float64]
Pair = tuple[F64, F64]


def number(x: float) -> float | None:
    """Return a number for JSON, None for what is none."""
    return float(x) if np.isfinite(x) else None


class Solved(Protocol):
    """What a view asks of the solution that it belongs to."""

    @property
    def spot(self) -> Spot: ...
    @property
    def layout(self) -> StreetLayout: ...


def decided(here: SubgameCFR, laid: StreetLayout, place: places.Place, lanes: tuple[Any, Any]) -> dict[str, Any]:
    """Return what a view says of a decision as far as strategies tell it, by name.

    `here` is a run at the root, and `lanes` of both players are the lane of each combo in the layout.
    """
    tree, player = places.decision(laid, place)
    for step in place.steps:
        here = here.after(*step)
    plans, last = here.plans().astype(np.float64), laid.sequence[place.template][place.entry]
    after = children(tree, place.line.node)
    strategy = np.ones((1, len(lanes[player])))
    if len(after) > 1:
        rows = [int(last[child, player]) for child in after]
        strategy = here.strategy(player)[rows][:, lanes[player]].astype(np.float64)
    return {
        "line": place.line.text,
        "board": place.line.board,
        "street": STREETS[tree.start.street],
        "player": player,
        "pot": tree.middle(place.line.node),
        "actions": tuple(tree.action[child] for child in after),
        "combos": laid.combos,
        "reach": tuple(plans[int(last[place.line.node, p]), lanes[p]] for p in range(2)),
        "strategy": strategy,
        "_run": here,
        "_place": place,
    }


@dataclass(frozen=True, eq=False, repr=False)
class View:
    """A decision of a solved spot: who acts, what both ranges are by then, and what they are worth.

    Combos are numbered as in `games.holdem.cards`; the arrays of player p, in pairs, are by `combos[p]`. Expected
    values are in chips from the decision on: what was put in before is not counted as lost, so a fold is worth 0.
    """

    line: str
    board: tuple[int, ...]
    street: str
    player: int  # who acts
    pot: float  # chips in the middle, a bet to call among them
    actions: tuple[str, ...]
    combos: tuple[places.I64, places.I64]
    reach: Pair  # weight of each combo: that of the range times the player's own probability to get here
    strategy: F64  # [A, n] of the player who acts; what it would do also with combos that do not get here
    locked: npt.NDArray[np.bool_]  # [n] the combos of the player who acts whose strategy here was fixed
    _solution: Solved = field(repr=False)
    _run: SubgameCFR = field(repr=False)
    _place: places.Place = field(repr=False)

    def facts(self) -> list[tuple[str, str]]:
        """Return who acts where, and how often it does what, as names and texts."""
        rare = (
            [("reached", self.note.split()[0] + (f", {100 * self.chance:.2g} % of the time" if self.reached else ""))]
            if self.note
            else []
        )
        return [
            ("line", self.line or "first to act"),
            ("to act", f"{PLAYERS[self.player].upper()} on {format_cards(self.board) or self.street}, pot {self.pot}"),
            *rare,
            *((action, f"{share:.1%}") for action, share in self.frequencies.items() if self.reached),
        ]

    def __repr__(self) -> str:
        return card(self.facts())

    def _repr_html_(self) -> str:
        return card(self.facts(), html=True)

    @cached_property
    def matchups(self) -> Pair:
        """Return for each combo how much of the other's range it meets."""
        return equity.matchups(self._solution.spot.deck, self.combos, self.reach)

    @cached_property
    def shares(self) -> Pair:
        """Return for each combo how much of its owner's range it is, by how often it is held here; they sum to one."""
        one, two = (reach * met for reach, met in zip(self.reach, self.matchups, strict=True))
        return one / max(one.sum(), 1e-300), two / max(two.sum(), 1e-300)

    @cached_property
    def _often(self) -> tuple[float, Pair]:
        """Return how often play gets here, given the cards on the board, and the same of each combo."""
        spot = self._solution.spot
        one, two = (
            np.where(can, spot.weights[p][combos], 0.0)
            for p, (can, combos) in enumerate(zip(self.possible, self.combos, strict=True))
        )
        at_first = equity.matchups(spot.deck, self.combos, (one, two))
        deals = float(one @ at_first[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            first, second = (
                np.nan_to_num(self.reach[p] * self.matchups[p] / (weight * at_first[p]), posinf=0.0)
                for p, weight in enumerate((one, two))
            )
        return float(self.reach[0] @ self.matchups[0]) / deals if deals > 0 else 0.0, (first, second)

    @property
    def chance(self) -> float:
        """Return how often play gets here if both follow the solution, given the cards on the board."""
        return self._often[0]

    @property
    def chances(self) -> Pair:
        """Return the same for each combo: how often play gets here when its owner holds it."""
        return self._often[1]

    @property
    def note(self) -> str:
        """Say where the strategy here means little: "never reached", "rarely reached" (`solvers.reach.RARE`) or ""."""
        return note(self.chance)

    @property
    def reached(self) -> bool:
        """Tell whether the average strategies ever get here."""
        return self.note != NEVER_REACHED

    @property
    def frequencies(self) -> dict[str, float]:
        """Return how often each action is taken; NaN where nobody ever gets here, for nothing is known then."""
        often = self.strategy @ self.shares[self.player] if self.reached else np.full(len(self.actions), np.nan)
        return dict(zip(self.actions, often.tolist(), strict=True))

    @cached_property
    def _values(self) -> tuple[Pair, F64]:
        one, two = (self._worth(p) for p in range(2))
        return (one[0], two[0]), (one, two)[self.player][1:]

    def _worth(self, p: int, best: bool = False) -> F64:
        """Return what a player's combos are worth here, and after each action if it acts, [1 (+ A), n].

        With `best` the player responds as well as it can to the other from here on.
        """
        solution, place = self._solution, self._place
        laid = solution.layout
        tree, lanes = places.betting(laid, place), places.lanes(laid, place)
        last = laid.sequence[place.template][place.entry]
        at = (int(last[place.line.node, 0]), int(last[place.line.node, 1]))
        value = self._run.worth(p, at, best).astype(np.float64)
        before = tree.start.pot / tree.start.unit - solution.spot.pot
        put = before / 2 + float(tree.paid[place.line.node, p]) / tree.start.unit
        after = children(tree, place.line.node) if p == self.player else []
        rows = [at[p], *(int(last[child, p]) for child in after)]
        with np.errstate(divide="ignore", invalid="ignore"):
            worth: F64 = value[rows][:, lanes[p]] / self.matchups[p] + (solution.spot.pot / 2 + put)
        worth[:, ~((self.matchups[p] > 0) & self.possible[p])] = np.nan
        return worth

    @cached_property
    def response(self) -> F64:
        """Return what each action is worth to each combo of who acts if it responds best from here on, [A, n].

        The other plays the solution, and nothing is solved again; strategies that are locked do not bind the response.
        """
        return self._worth(self.player, best=True)[1:]

    @property
    def possible(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Tell which combos hold no card of the board."""
        free = self._solution.spot.deck.free(self.board)
        one, two = (free[combos] for combos in self.combos)
        return one, two

    @property
    def ev(self) -> Pair:
        """Return both players' expected values by combo; NaN where no hand of the other's can be met."""
        return self._values[0]

    @property
    def action_ev(self) -> F64:
        """Return what each action is worth to each combo of the player who acts, [A, n]."""
        return self._values[1]

    @cached_property
    def equity(self) -> Pair:
        """Return by combo the share of the pot that it would win on average if nobody bet any more."""
        spot = self._solution.spot
        return equity.equity(spot.deck, self.board, spot.betting.last, self.combos, self.reach)

    @property
    def realisation(self) -> Pair:
        """Return by combo the expected value over the equity's part of the pot."""
        with np.errstate(divide="ignore", invalid="ignore"):
            one, two = (e / (q * self.pot) for e, q in zip(self.ev, self.equity, strict=True))
        return one, two

    def mean(self, values: Pair) -> tuple[float, float]:
        """Return the mean over each player's range of values by combo; NaN for a decision that is never reached."""
        one, two = (
            float(np.nansum(np.where(share > 0, share * v, 0.0))) if self.reached else float("nan")
            for share, v in zip(self.shares, values, strict=True)
        )
        return one, two

    def rows(self, player: int | str | None = None) -> list[dict[str, Any]]:
        """Return the combos of a player, of the largest weight first: weight and values; of who acts the strategy too.

        `reach` is how often play gets here when its owner holds the combo; a note says where that is so rare that the
        strategy means little, and None stands for probabilities that mean nothing. Without a player (0 or "oop", 1 or
        "ip") the combos are those of who acts.
        """
        p = self.player if (chosen_seat := seat(player)) is None else chosen_seat
        ev, equity, realisation = self.ev[p], self.equity[p], self.realisation[p]

        def chosen(i: int) -> dict[str, Any]:
            known = self.locked[i] or note(self.chances[p][i]) != NEVER_REACHED
            odds: list[Any] = self.strategy[:, i].tolist() if known else [None] * len(self.actions)
            return {
                "locked": bool(self.locked[i]),
                "strategy": dict(zip(self.actions, odds, strict=True)),
                "action_ev": {a: number(x) for a, x in zip(self.actions, self.action_ev[:, i], strict=True)},
            }

        return [
            {
                "combo": combo_name(int(self.combos[p][i])),
                "weight": float(self.reach[p][i]),
                "reach": float(self.chances[p][i]),
                "note": note(self.chances[p][i]),
                "ev": number(ev[i]),
                "equity": number(equity[i]),
                "realisation": number(realisation[i]),
                **(chosen(i) if p == self.player else {}),
            }
            for i in np.lexsort((-self.combos[p], -self.reach[p].round(3)))  # as rounded as they are shown
            if self.possible[p][i]
        ]

    def heading(self) -> dict[str, Any]:
        """Return who acts where, and how often play gets there, for JSON."""
        return {
            "node": self.line,
            "board": format_cards(self.board),
            "street": self.street,
            "player": PLAYERS[self.player],
            "pot": self.pot,
            "reach": self.chance,
            "note": self.note,
        }

    def summary(self) -> dict[str, Any]:
        """Return the figures of both ranges, for JSON."""
        value, equity = self.mean(self.ev), self.mean(self.equity)

        def numbers(pair: tuple[float, float]) -> list[float | None]:
            return [number(x) for x in pair]

        return {
            **self.heading(),
            "ev": numbers(value),
            "equity": numbers(equity),
            "realisation": [v / (q * self.pot) if q > 0 else None for v, q in zip(value, equity, strict=True)],
            "locked": float(self.shares[self.player] @ self.locked) if self.reached else None,
            "strategy": {action: number(share) for action, share in self.frequencies.items()},
        }

    def spot(self) -> Spot:
        """Return what is played from here on as a spot of its own, with both ranges as they are by now.

        It starts with the street: what was done on it before is locked, and so nothing else happens. Raises
        `ValueError` where the solution never gets.
        """
        if not self.reached:
            raise UserError(f"the solution never gets to {self.line!r}: there are no ranges to go on with")
        one, two = np.zeros((2, COMBOS))
        for p, weights in enumerate((one, two)):
            weights[self.combos[p]] = np.where(self.possible[p], self.reach[p], 0.0)
        return continued(self._solution.spot, self._place.line, (one, two))

    def of(self, hand: str) -> dict[str, float]:
        """Return the probability of each action with a combo ("AsKs"), or with hands ("AKs", "QQ+") by their weights.

        Raises `ValueError` for hands that who acts does not hold.
        """
        wanted = parse_range(arguments.text("hand", hand))[self.combos[self.player]]
        share = np.where(wanted > 0, self.shares[self.player], 0.0)
        if share.sum() <= 0:  # never here: each combo counts alike
            share = ((wanted > 0) & self.possible[self.player]).astype(np.float64)
        if share.sum() <= 0:
            raise UserError(f"{PLAYERS[self.player].upper()} has no hand of {hand!r}{on(self.board)}")
        return dict(zip(self.actions, (self.strategy @ share / share.sum()).tolist(), strict=True))
