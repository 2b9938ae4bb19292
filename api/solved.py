"""What solutions share that have one strategy as one array: how it was found, what it is worth, and how it is kept.

Values are in the game's units, player 0 first; exploitability is NashConv divided by the number of players.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from counterplay.api.export import card, version
from counterplay.api.solution import Facts, frozen
from counterplay.api.trees import named
from counterplay.engine.errors import UserError
from counterplay.engine.rules import DealtRules, Rules
from counterplay.engine.text import count, payoff, small
from counterplay.solvers.run import Check, Method
from counterplay.solvers.value import exploitability, nash_conv


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Solved:
    """A strategy, how it was found, and what it was judged to be worth; nothing of it can be changed."""

    game: str
    method: Method
    iterations: int
    seconds: float
    seed: int
    stopped_by: str
    value: tuple[float, ...]
    best: tuple[float, ...]
    figures: Mapping[str, float]  # "coarse_gap", "qre_gap"
    trace: tuple[Check, ...]
    strategy: npt.NDArray[np.float64]
    state: Mapping[str, npt.NDArray[np.float64]]  # what a resumed run goes on from
    rules: Rules | DealtRules | None = None  # of a game that has no spec
    judged: tuple[Any, ...] = field(default=(), repr=False)  # the strategy that `value` and `best` are of, and these

    ARRAYS: ClassVar[tuple[str, ...]] = ("strategy",)

    def __post_init__(self) -> None:
        """Make all that the solution holds unchangeable, and make sure that its claims are of its strategy."""
        claims = self.strategy, self.value, self.best
        if self.judged and self.judged[1:] == claims[1:] and not np.array_equal(self.judged[0], self.strategy):
            if not self.is_mix():
                raise UserError("a strategy's probabilities must be non-negative and sum to 1 everywhere")
            raise UserError(
                "value and best are those of another strategy: counterplay.judge(solution, changed) measures this one, "
                "and replace() takes what it finds beside the strategy"
            )
        for name in self.ARRAYS:
            object.__setattr__(self, name, frozen(getattr(self, name)))
        state = MappingProxyType({name: frozen(array) for name, array in self.state.items()})
        object.__setattr__(self, "state", state)
        object.__setattr__(self, "figures", MappingProxyType(dict(self.figures)))
        object.__setattr__(self, "judged", (self.strategy, self.value, self.best))

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle is made of, which is made unchangeable again."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "judged"}
        return {**kept, "figures": dict(self.figures), "state": dict(self.state)}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept, judged=())
        self.__post_init__()

    def is_mix(self) -> bool:
        """Tell whether the strategy is one: probabilities that sum to one at every information set."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of information sets."""
        raise NotImplementedError

    @property
    def algorithm(self) -> str:
        """Return the name of the algorithm that ran."""
        return self.method.algorithm

    @property
    def players(self) -> int:
        """Return the number of players."""
        return len(self.value)

    @property
    def nash_conv(self) -> float:
        """Return the sum over players of what each could gain by its best response."""
        return nash_conv(self.value, self.best)

    @property
    def exploitability(self) -> float:
        """Return NashConv divided by the number of players."""
        return exploitability(self.value, self.best)

    def made(self) -> Rules | DealtRules:
        """Return the game's rules; raises `ValueError` for one's own game, which no file can make (`load(game=)`)."""
        made: Rules | DealtRules = self.rules if self.rules is not None else named(self.game)
        return made

    def header(self) -> dict[str, Any]:
        """Return what a file says of the solution beside its arrays."""
        return {
            "version": version(),
            "game": self.game,
            "method": asdict(self.method),
            "iterations": self.iterations,
            "seconds": self.seconds,
            "seed": self.seed,
            "stopped_by": self.stopped_by,
            "value": self.value,
            "best": self.best,
            "exploitability": self.exploitability,
            "figures": dict(self.figures),
            "trace": [(c.iterations, c.seconds, c.exploitability) for c in self.trace],
            "players": self.players,
        }

    def facts(self) -> Facts:
        """Return what there is to say of the solution in a few lines."""
        return [
            ("game", f"{self.game}: {count(self.players, 'player')}, {count(len(self), 'information set')}"),
            ("algorithm", f"{self.algorithm}, {count(self.iterations, 'iteration')}"),
            ("value", ", ".join(map(payoff, self.value))),
            ("exploitability", small(self.exploitability)),
        ]

    def __repr__(self) -> str:
        return card(self.facts())

    def _repr_html_(self) -> str:
        return card(self.facts(), html=True)
