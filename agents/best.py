"""The best of a run: what it was at its best test, kept beside what it becomes.

Best is the highest mean return of a test, or in games whose tests measure it the lowest exploitability; of equal ones
the first. What it comes to in episodes that it was not chosen by, `api.absolute` measures.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from counterplay.agents.log import Row
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError

if TYPE_CHECKING:
    from counterplay.agents.run import Run

BEST = "best"  # the folder of the best, in the run's own


class Best(NamedTuple):
    """The best test of a run."""

    steps: int
    measure: str  # "return", or "exploitability", which is to be small
    figure: float


def best(history: Sequence[Row]) -> Best | None:
    """Return the best test of a history; None where there was none."""
    tests = [row for row in history if "test_return" in row]
    if not tests:
        return None
    if all("test_exploitability" in row for row in tests):
        row = min(tests, key=lambda row: row["test_exploitability"])
        return Best(int(row["steps"]), "exploitability", row["test_exploitability"])
    row = max(tests, key=lambda row: row["test_return"])
    return Best(int(row["steps"]), "return", row["test_return"])


def keep_best(run: "Run") -> None:
    """Keep what the run is now as its best, if its last test was; what cannot be written is told."""
    found = best(run.history)
    if run.folder is None or found is None or found.steps != run.steps:
        return
    try:
        run.keep_beside(BEST)
    except UserError as error:
        tell(f"{error}; the run goes on without its best so far")
