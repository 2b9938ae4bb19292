"""A phantom game without a tree on its way to a solution; `api.solve` has the same of games with one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.factored_solution import FactoredSolution, whole
from counterplay.engine.factored import FactoredForm
from counterplay.solvers.run import Ending, Method, start


@dataclass(frozen=True)
class FactoredTask:
    """A game in factored form that is ready to be solved, and how."""

    game: str
    rules: Any  # None where the game has a spec
    form: FactoredForm
    method: Method
    seed: int

    @property
    def certain(self) -> bool:
        """Tell that a run without limits ends at an exploitability."""
        return True

    @property
    def largest(self) -> float:
        """Return what the largest payoff is at least, up to its sign: payoffs are whole numbers."""
        return 1.0

    def start(self) -> Any:
        """Return a fresh solver."""
        return start(None, self.form, self.method, self.seed)

    def shows(self, profile: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return a solver's profile as a solution's strategy has it."""
        shown = profile.copy()
        shown[: self.form.players] = 1.0
        return shown

    def solution(
        self, ending: Ending, profile: npt.NDArray[np.float64], iterations: int, state: dict[str, Any]
    ) -> FactoredSolution:
        """Return what a run found as a solution."""
        solved = FactoredSolution(
            game=self.game,
            method=self.method,
            iterations=iterations,
            seconds=ending.trace[-1].seconds if ending.trace else 0.0,
            seed=self.seed,
            stopped_by=ending.stopped_by,
            value=ending.judgement.value,
            best=ending.judgement.best,
            figures=ending.figures,
            trace=ending.trace,
            strategy=self.shows(profile),
            state=state,
            rules=self.rules,
            infosets=whole(self.form),
        )
        vars(solved)["form"] = self.form  # it need not be built again
        return solved
