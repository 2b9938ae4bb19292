"""The plug-in of pytest: fixtures for a game, a solution, a profile of effort; found by its entry point.

Nothing of Counterplay is imported before a fixture is used.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from counterplay.engine.tree import Tree


class Effort(NamedTuple):
    """How much checkers may do: pass it on, `check_solver(solve, examples=effort.examples)`."""

    examples: int
    iterations: tuple[int, ...]
    seed: int


_EFFORTS = {"quick": (20, (1, 10, 100)), "usual": (100, (1, 10, 100, 1000)), "long": (2000, (1, 10, 100, 1000, 10_000))}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --counterplay-effort and --counterplay-seed."""
    group = parser.getgroup("counterplay")
    group.addoption("--counterplay-effort", choices=tuple(_EFFORTS), default="usual", help="How much checkers try.")
    group.addoption("--counterplay-seed", type=int, default=0, metavar="K", help="Which games they draw.")


@pytest.fixture(scope="session")
def effort(pytestconfig: pytest.Config) -> Effort:
    """How much checkers may do, by --counterplay-effort: quick, usual or long."""
    examples, iterations = _EFFORTS[pytestconfig.getoption("--counterplay-effort")]
    return Effort(examples, iterations, pytestconfig.getoption("--counterplay-seed"))


@pytest.fixture(scope="session")
def game_tree() -> "Callable[[Any], Tree]":
    """A function from a game, as `counterplay.solve` takes it, to its tree; each game is built once a session."""
    known: dict[str, Tree] = {}

    def made(game: Any) -> "Tree":
        from counterplay.engine.tree import compile_tree
        from counterplay.games import GAMES

        name = game if isinstance(game, str) else repr(game)
        if name not in known:
            known[name] = compile_tree(GAMES.make(game))
        return known[name]

    return made


@pytest.fixture(scope="session")
def solved() -> Callable[..., Any]:
    """A function like `counterplay.solve` that solves each game with the same limits once a session."""
    known: dict[str, Any] = {}

    def found(game: Any, *arguments: Any, **options: Any) -> Any:
        import counterplay

        name = repr((game, arguments, sorted(options.items())))
        if name not in known:
            known[name] = counterplay.solve(game, *arguments, **options)
        return known[name]

    return found
