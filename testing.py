"""Tests for what others write: games, strategies, solvers, learners and environments (`docs/testing.md`).

`games`, `strategies`, `spots` and `environments` are Hypothesis strategies (extra `test`); each `check_...` raises
`AssertionError` with a small counterexample, printed as code that makes it again.
"""

from counterplay.api.testing.drawn import environments, games, spots, strategies
from counterplay.api.testing.games_checked import check_game, check_same_game
from counterplay.api.testing.strategies_checked import check_solver, check_strategy
from counterplay.api.testing.tables import END, Table
from counterplay.api.testing.teams_checked import Mixed, Played, check_environment, check_learner
from counterplay.api.testing.written import (
    Chance,
    DealtTree,
    Decision,
    Flip,
    GameTree,
    Leaf,
    Pays,
    Stones,
    write_down,
)

__all__ = [
    "END",
    "Chance",
    "DealtTree",
    "Decision",
    "Flip",
    "GameTree",
    "Leaf",
    "Mixed",
    "Pays",
    "Played",
    "Stones",
    "Table",
    "check_environment",
    "check_game",
    "check_learner",
    "check_same_game",
    "check_solver",
    "check_strategy",
    "environments",
    "games",
    "spots",
    "strategies",
    "write_down",
]
