"""Checks of strategies and solvers: claims against definitions, and averages against the bounds of their theorems."""

from collections.abc import Callable, Sequence
from typing import Any

from counterplay.api.strategies import as_table
from counterplay.api.testing import plain, textbook
from counterplay.api.testing.bounds import Bound, bound_of
from counterplay.api.testing.classics import CLASSICS
from counterplay.api.testing.drawn import games as drawn_games
from counterplay.api.testing.drawn import moves_of
from counterplay.api.testing.searching import search
from counterplay.engine.errors import UserError
from counterplay.engine.tree import compile_tree
from counterplay.games import GAMES

NODES = 200_000  # states of a game in which a strategy is judged by definition
ITERATIONS = (1, 10, 100, 1000)


def profile_of(rules: Any, strategy: Any) -> plain.Profile:
    """Return a strategy of whatever form `judge` takes as a dictionary of probabilities.

    Raises `UserError` for what is no strategy of all players, with the information set where it is not.
    """
    tree = compile_tree(rules, max_nodes=NODES)
    table, seats = as_table(strategy, rules, tree)
    if len(seats) < tree.players:
        raise UserError(f"the strategy is of players {sorted(seats)} alone, and has to be of all {tree.players}")
    return plain.to_profile(tree, table)


def check_strategy(
    game: Any,
    strategy: Any,
    *,
    exploitability: float | None = None,
    value: Sequence[float] | None = None,
    best: Sequence[float] | None = None,
    tolerance: float = 1e-6,
) -> plain.Verdict:
    """Raise `AssertionError` where a strategy is not worth what is claimed of it; return what it is worth.

    `game` and `strategy` are what `counterplay.judge` takes: an array, a dictionary, a function, an OpenSpiel policy,
    a solution. What is claimed is what the keywords say, and of a solution what it says itself. It is judged by
    definition, state by state, with nothing of the engine's. Probabilities must be such everywhere, and in games for
    two that are zero-sum the value lies between what both players guarantee. Where a best response earns more than is
    claimed, the message has its decisions.
    """
    rules = strategy.made() if game is None else GAMES.make(game)
    try:
        profile = profile_of(rules, strategy)
    except UserError as error:
        raise AssertionError(f"this is no strategy of the game: {error}") from error
    found = plain.judge(rules, profile)
    said = [
        ("exploitability", exploitability, getattr(strategy, "exploitability", None), found.exploitability),
        ("value", value, getattr(strategy, "value", None), found.value),
        ("best", best, getattr(strategy, "best", None), found.best),
    ]
    for name, given, own, true in said:
        claimed = own if given is None else given
        if claimed is None or callable(claimed):
            continue
        claims, truths = (list(x) if isinstance(x, Sequence) else [x] for x in (claimed, true))
        if len(claims) != len(truths) or any(
            not abs(c - t) <= tolerance * max(1.0, abs(t)) for c, t in zip(claims, truths, strict=True)
        ):
            raise AssertionError(
                f"the {name} is {_rounded(true)}, and is said to be {_rounded(claimed)}\n{responses(rules, profile)}"
            )
    if rules.players == 2 and abs(sum(found.value)) <= 1e-12:
        low, high = -found.best[1], found.best[0]
        assert low - tolerance <= found.value[0] <= high + tolerance, (
            f"the value {found.value[0]:g} is not between what the players guarantee, {low:g} and {high:g}"
        )
    return found


def check_solver(
    solve: Callable[..., Any],
    bound: "str | float | Bound | None" = "cfr",
    *,
    like: str | Callable[[Any, int], Any] | None = None,
    iterations: Sequence[int] = ITERATIONS,
    games: Any = None,
    known: Sequence[Any] = CLASSICS,
    examples: int = 50,
    seed: int = 0,
    tolerance: float = 1e-9,
) -> None:
    """Raise `AssertionError` with the smallest game found in which a solver breaks its bound.

    `solve(game, iterations)` returns a strategy in any form that `counterplay.judge` takes, for the game's rules. A
    class of OpenSpiel's solvers, of Python or C++, is taken as it is: it is made with a game, and has
    `average_policy()` and `evaluate_and_update_policy()`, `run_iteration()` or `iteration()`. `bound` names a theorem
    of `api.testing.bounds` ("cfr", "cfr+", "linear", "dcfr", "mccfr": exploitability after so many iterations at most
    what it says for the game), or is a number for solvers that are exact, or a function of (rules, iterations). `like`
    is another solver, "cfr" and "cfr+" the textbook's, whose strategies must be worth the same after each number of
    iterations; it finds in ten iterations what a bound finds in thousands. Games are two-player and zero-sum: those in
    `known` first (a few in which faults show; put there what was found before, to keep it found), then so many
    `examples` of the Hypothesis strategy `games`. The same `seed` tries the same games.
    """
    answer, limit = _solver(solve), None if bound is None else bound_of(bound)
    other = _textbook(like)

    def fault(rules: Any) -> tuple[float, str]:
        """Return how near the bound a game comes, as a share of it, and what is wrong (nothing, below 1)."""
        share = 0.0
        for many in iterations:
            try:
                profile = profile_of(rules, answer(rules, many))
            except UserError as error:
                return 2.0, f"after {many} iterations there is no strategy of the game: {error}"
            found, times = plain.judge(rules, profile), "1 iteration" if many == 1 else f"{many:,} iterations"
            if other is not None:
                wanted = plain.judge(rules, profile_of(rules, other(rules, many)))
                pairs = zip((*found.value, *found.best), (*wanted.value, *wanted.best), strict=True)
                apart = max(abs(x - y) for x, y in pairs)
                share = max(share, apart)
                if apart > 1e-6:
                    return share, (
                        f"after {times} the values and best responses are {_rounded([*found.value, *found.best])}, and "
                        f"by the other solver {_rounded([*wanted.value, *wanted.best])}\n{responses(rules, profile)}"
                    )
            if limit is None:
                continue
            most = limit(rules, many)
            share = max(share, found.exploitability / max(most, tolerance))
            if not found.exploitability <= most + tolerance:
                return share, (
                    f"after {times} the exploitability is {found.exploitability:.6g}, and the bound is {most:.6g}\n"
                    f"{responses(rules, profile)}"
                )
        return share, ""

    drawn = games if games is not None else drawn_games(depth=3, generic=like is not None)
    search(drawn, fault, known=known, examples=examples, seed=seed)


def _textbook(like: str | Callable[[Any, int], Any] | None) -> Callable[[Any, int], Any] | None:
    """Return the solver that another one is compared with; raises `UserError` for an unknown name."""
    if like is None:
        return None
    if not isinstance(like, str):
        return _solver(like)
    if like not in ("cfr", "cfr+"):
        raise UserError(f"the textbook's solvers are cfr and cfr+, not {like!r}")
    return lambda rules, iterations: textbook.cfr(rules, iterations, plus=like == "cfr+")


def responses(rules: Any, profile: plain.Profile) -> str:
    """Return what a strategy does, what it is worth and what its best responses do, in lines."""
    lines, found, moves = [], plain.judge(rules, profile), moves_of(rules)
    if len(profile) <= 24:
        lines = ["it plays " + ", ".join(f"{label!r}: {_rounded(odds)}" for (_, label), odds in profile.items())]
    for p in range(rules.players):
        earns, choices = plain.best_response(rules, profile, p)
        told = list(choices.items())
        does = ", ".join(f"{moves[key][i]} at {key[1]!r}" for key, i in told[:12]) + (", ..." if len(told) > 12 else "")
        lines.append(f"player {p} earns {found.value[p]:.6g}, and {earns:.6g} by {does or 'nothing that it chooses'}")
    return "\n".join(lines)


def _rounded(x: Any) -> str:
    return f"[{', '.join(f'{v:.6g}' for v in x)}]" if isinstance(x, Sequence) else f"{x:.6g}"


# What OpenSpiel's solvers call one iteration, in Python and C++.
_STEPS = ("evaluate_and_update_policy", "run_iteration", "iteration")


def _solver(solve: Any) -> Callable[[Any, int], Any]:
    """Return a function of rules and iterations, of whatever was given."""
    step = next((name for name in _STEPS if hasattr(solve, name)), None)
    if step is None:
        return solve  # type: ignore[no-any-return]

    def of_openspiel(rules: Any, iterations: int) -> Any:
        from counterplay.games.foreign.to_openspiel import to_game

        solver = solve(to_game(rules))
        for _ in range(iterations):
            getattr(solver, step)()
        return profile_of(rules, solver.average_policy())  # read at once: in C++ it lives no longer than its solver

    return of_openspiel
