"""A decision of a blueprint: both ranges by then, what is done with each hand, and how much that was learned from.

The blueprint on one board is a chain, whose streets to come do not matter for what was done so far; so a view is that
of a solved spot (`api.view`) without values, which would take all cards to come.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from counterplay.api.view import F64, Pair, View, decided
from counterplay.engine import arguments
from counterplay.engine.errors import UserError
from counterplay.engine.streets import Tables
from counterplay.games.holdem import places
from counterplay.games.holdem.betting import STREETS, seat
from counterplay.games.holdem.cards import combo_name
from counterplay.games.holdem.chain import lay, twin
from counterplay.games.holdem.lines import read_line
from counterplay.solvers.reach import NEVER_REACHED, note
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.variants import VARIANTS

if TYPE_CHECKING:
    from counterplay.api.blueprint_solution import Blueprint


@dataclass(frozen=True, eq=False, repr=False)
class BlueprintView(View):
    """A decision of a blueprint."""

    visits: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]] = field(repr=False)  # by combo: of its cell

    @cached_property
    def _values(self) -> tuple[Pair, F64]:
        raise UserError("a blueprint has no values by hand: solve the decision as a spot, which `spot()` returns")

    def rows(self, player: int | str | None = None) -> list[dict[str, Any]]:
        """Return the combos of a player, of the largest weight first: weight, reach, visits, and who acts' strategy.

        `visits` are the hands from which the combo's cell has learned here; without a player they are who acts'.
        """
        p = self.player if (chosen := seat(player)) is None else chosen

        def odds(i: int) -> dict[str, Any]:
            known = note(self.chances[p][i]) != NEVER_REACHED
            values: list[Any] = self.strategy[:, i].tolist() if known else [None] * len(self.actions)
            return {"strategy": dict(zip(self.actions, values, strict=True))}

        return [
            {
                "combo": combo_name(int(self.combos[p][i])),
                "weight": float(self.reach[p][i]),
                "reach": float(self.chances[p][i]),
                "visits": int(self.visits[p][i]),
                "note": note(self.chances[p][i]),
                **(odds(i) if p == self.player else {}),
            }
            for i in np.lexsort((-self.combos[p], -self.reach[p].round(3)))
            if self.possible[p][i]
        ]

    def summary(self) -> dict[str, Any]:
        """Return who acts where and how often it does what, for JSON."""
        met = [self.visits[p][self.possible[p]] for p in range(2)]
        return {
            **self.heading(),
            "least_visits": [int(visits.min()) for visits in met],
            "median_visits": [int(np.median(visits)) for visits in met],
            "strategy": {action: float(x) if np.isfinite(x) else None for action, x in self.frequencies.items()},
        }


def view(blueprint: "Blueprint", line: str) -> BlueprintView:
    """Return the decision that a line of play leads to; raises `ValueError` for what is not possible."""
    spot, own = blueprint.spot, blueprint.chain
    way = read_line(arguments.text("line", line), spot.board, spot.trees, spot.betting, spot.deck)
    chain = twin(own)
    cards = [*way.board, *(c for c in spot.deck.cards if c not in way.board)][: int(chain.dealer.size[-1])]
    chain.dealer.board[: len(cards)] = cards
    lay(chain.dealer, chain.laid.game.boards)
    laid = chain.laid._replace(boards=tuple(tuple(cards[:size]) for size in chain.dealer.size.tolist()))
    place = places.find(spot, laid, way.text)
    none, sizes = np.zeros(0, np.float32), [len(combos) for combos in laid.combos]
    run = SubgameCFR(laid.game, spot.pot, VARIANTS["dcfr3"], kept=Tables(blueprint.total, blueprint.total, none, none))
    found = decided(run, laid, place, (np.arange(sizes[0]), np.arange(sizes[1])))
    level, street = len(place.steps), STREETS.index(found["street"])
    cells = [_cells(found["_run"], laid.game, level, p, sizes[p]) for p in range(2)]
    visited = [blueprint.visits(p, street)[cells[p]] for p in range(2)]
    return BlueprintView(
        **found,
        locked=np.zeros(sizes[found["player"]], np.bool_),
        _solution=blueprint,  # type: ignore[arg-type]
        visits=(visited[0], visited[1]),
    )


def _cells(here: SubgameCFR, game: Any, level: int, p: int, size: int) -> npt.NDArray[np.int64]:
    """Return the cell of each hand of a player's range on the chain's board of a street; 0 for hands it rules out."""
    boards, found = game.boards, np.zeros(size, np.int64)
    at = int(boards.at[level]) + p * int(boards.width[level])
    found[here.places[p]] = boards.cell[at : at + int(boards.lanes[level, p])]
    return found
