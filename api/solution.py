"""What a solver returns: `Solution`, the one protocol of them all.

Values are in the game's units, player 0 first; exploitability is NashConv divided by the number of players.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.solvers.run import Check

TREE, HOLDEM, FACTORED, STEPPED = "tree", "holdem", "factored", "stepped"  # kinds of solutions
BLUEPRINT = "blueprint"

Facts = list[tuple[str, str]]  # names and texts


@runtime_checkable
class Solution(Protocol):
    """Strategies of all players, how they were found, and what they were judged to be worth.

    `counterplay.solve(resume=solution)` goes on with it, and `counterplay.load` reads what `save` wrote.
    """

    @property
    def kind(self) -> str:
        """What kind of solution it is: "tree", "holdem", "factored", "stepped" or "blueprint"."""

    @property
    def game(self) -> str:
        """What the game is called, by its spec where it has one."""

    @property
    def algorithm(self) -> str:
        """The name of the algorithm that ran."""

    @property
    def iterations(self) -> int:
        """How many iterations it ran."""

    @property
    def seconds(self) -> float:
        """How long it ran, compiling not counted."""

    @property
    def stopped_by(self) -> str:
        """What ended the run: "iterations", "target", "time", "interrupt", "memory", "floor" (of rounding), "exact"."""

    @property
    def value(self) -> tuple[float, ...]:
        """What each player earns."""

    @property
    def best(self) -> tuple[float, ...]:
        """What each player's best response to the others would earn."""

    @property
    def nash_conv(self) -> float | None:
        """The sum over players of what each could gain by its best response; None where nobody can tell."""

    @property
    def exploitability(self) -> float | None:
        """NashConv divided by the number of players."""

    @property
    def figures(self) -> Mapping[str, Any]:
        """Further certificates, by name."""

    @property
    def trace(self) -> tuple[Check, ...]:
        """How good the strategy was on the way."""

    def at(self, *where: Any) -> Any:
        """Return what is done somewhere: a dictionary from action to probability, or a view of the decision."""

    def rows(self) -> list[dict[str, Any]]:
        """Return the strategy as a list of dictionaries of the same keys, as `pandas.DataFrame` takes it."""

    def judge(self) -> Any:
        """Measure the strategies again, from the rules: a `Judgement`, of games in steps what games played out say."""

    def against(self, other: Any) -> Any:
        """Return the expected payoffs with these strategies in one seat and the other's in the rest, by seat.

        They are exact, but for games in steps, where they are `Winnings` with intervals.
        """

    def save(self, path: str | Path) -> None:
        """Write the solution to one file, whole or not at all."""

    def export(self, to: str = "csv", *, line: str | None = None, player: int | str | None = None) -> str:
        """Return the strategy (of spots a decision's, after a line of play) as text, "csv" or "json"."""

    def facts(self) -> Facts:
        """Return what there is to say of the solution in a few lines, as names and texts."""


_FOUND = {
    TREE: "on a tree",
    HOLDEM: "street by street",
    FACTORED: "without a tree",
    STEPPED: "in steps",
    BLUEPRINT: "in an abstraction",
}


def not_comparable(one: Any, other: Any) -> UserError:
    """Return why two solutions cannot be compared: they are of different games, or were found in different ways."""
    if one.game == other.game and one.kind != other.kind:
        return UserError(
            f"both solutions are of {one.game}, but one was found {_FOUND[one.kind]} and the other "
            f"{_FOUND[other.kind]}: solve it in the same way to compare them"
        )
    differ = " with other blinds, stacks, ranges or bets" if one.game == other.game else ""  # spots are named by boards
    return UserError(f"the solutions are of different games, {one.game} and {other.game}{differ}")


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array as what cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
