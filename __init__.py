"""Counterplay: solve imperfect-information games with a certified exploitability, and train cooperative teams.

`solve` takes a game and returns a `Solution`; `load` reads one from its file; `judge` measures anybody's strategy,
and `duel` plays two against each other.
`train` takes a learner and an environment and returns a `Run`; `load_run` reads one from its folder.
`train_value_net` takes a game and returns a `TrainedNet`, of which solves ask what lies beyond their horizon.
`list_games`, `list_envs` and `list_learners` say what goes by a name, and `make` makes it.
Exploitability is NashConv divided by the number of players, in the game's units, wherever it appears.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterplay.agents.run import Run
    from counterplay.api.batch import batch
    from counterplay.api.batch_rows import Batch
    from counterplay.api.blueprint import blueprint
    from counterplay.api.blueprint_solution import Blueprint
    from counterplay.api.buckets import buckets, load_buckets
    from counterplay.api.comparison import Comparison, compare
    from counterplay.api.duel import Duel, duel
    from counterplay.api.factored_solution import FactoredSolution
    from counterplay.api.judge import SeatJudgement, judge
    from counterplay.api.league import League, league
    from counterplay.api.listing import list_envs, list_games, list_learners, make
    from counterplay.api.rivers import solve_rivers
    from counterplay.api.runs import load_run, train
    from counterplay.api.search import search
    from counterplay.api.solution import Solution
    from counterplay.api.solve import load, solve
    from counterplay.api.spots import SpotSolution
    from counterplay.api.stepped_solution import SteppedSolution
    from counterplay.api.sweep import sweep
    from counterplay.api.trained_net import TrainedNet, load_value_net
    from counterplay.api.tree_solution import TreeSolution
    from counterplay.api.valuenets import train_value_net
    from counterplay.engine.errors import UserError
    from counterplay.games.holdem.buckets import Buckets
    from counterplay.games.holdem.spot import Spot
    from counterplay.solvers.value import Judgement

__all__ = [
    "Batch",
    "Blueprint",
    "Buckets",
    "Comparison",
    "Duel",
    "FactoredSolution",
    "Judgement",
    "League",
    "Run",
    "SeatJudgement",
    "Solution",
    "Spot",
    "SpotSolution",
    "SteppedSolution",
    "TrainedNet",
    "TreeSolution",
    "UserError",
    "batch",
    "blueprint",
    "buckets",
    "compare",
    "duel",
    "judge",
    "league",
    "list_envs",
    "list_games",
    "list_learners",
    "load",
    "load_buckets",
    "load_run",
    "load_value_net",
    "make",
    "search",
    "solve",
    "solve_rivers",
    "sweep",
    "train",
    "train_value_net",
]

# Where each public name is; imported when it is first asked for, so that the command line answers --help at once.
_HOMES = {
    "Batch": "api.batch_rows",
    "Blueprint": "api.blueprint_solution",
    "Buckets": "games.holdem.buckets",
    "Comparison": "api.comparison",
    "Duel": "api.duel",
    "FactoredSolution": "api.factored_solution",
    "Judgement": "solvers.value",
    "League": "api.league",
    "Run": "agents.run",
    "SeatJudgement": "api.judge",
    "Solution": "api.solution",
    "Spot": "games.holdem.spot",
    "SpotSolution": "api.spots",
    "SteppedSolution": "api.stepped_solution",
    "TrainedNet": "api.trained_net",
    "TreeSolution": "api.tree_solution",
    "UserError": "engine.errors",
    "batch": "api.batch",
    "blueprint": "api.blueprint",
    "buckets": "api.buckets",
    "compare": "api.comparison",
    "duel": "api.duel",
    "judge": "api.judge",
    "league": "api.league",
    "list_envs": "api.listing",
    "list_games": "api.listing",
    "list_learners": "api.listing",
    "load": "api.solve",
    "load_buckets": "api.buckets",
    "load_run": "api.runs",
    "load_value_net": "api.trained_net",
    "make": "api.listing",
    "search": "api.search",
    "solve": "api.solve",
    "solve_rivers": "api.rivers",
    "sweep": "api.sweep",
    "train": "api.runs",
    "train_value_net": "api.valuenets",
}

try:
    __version__ = _version("counterplay")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'counterplay' has no attribute {name!r}")
    found = getattr(import_module(f"counterplay.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({name for name in globals() if name.startswith("__")} | set(__all__))
