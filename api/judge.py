"""Judging: what anybody's strategy is worth in a game, measured exactly from the rules."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.factored_solution import FactoredSolution
from counterplay.api.factored_strategies import as_vector
from counterplay.api.solution import HOLDEM, STEPPED, Solution
from counterplay.api.strategies import as_table
from counterplay.api.tree_solution import TreeSolution
from counterplay.api.trees import build
from counterplay.engine.errors import UserError
from counterplay.engine.form import SequenceForm, sequence_form
from counterplay.engine.rules import Phantom, is_factored
from counterplay.engine.tree import Tree
from counterplay.games import GAMES
from counterplay.solvers import value
from counterplay.solvers.value import Judgement, best_response, judge_table


@dataclass(frozen=True)
class SeatJudgement:
    """What one player's strategy alone guarantees, in the game's units, two players.

    `response` is what the other player's best response earns, and `guarantee` what the strategy earns against it: in a
    zero-sum game no opponent can make it earn less.
    """

    seat: int
    response: float
    guarantee: float


def judge(game: Any, strategy: Any = None) -> Any:
    """Measure a strategy exactly: value and best response of every player, hence NashConv and exploitability.

    `game` is whatever `solve` takes, or a solution, whose game is meant. `strategy` is an array [R, W] in the order of
    a solution's (of a game that has no tree [S], or as long as that is without symmetries), a dictionary from an
    information set's label, or (player, label), to a dictionary of action and probability, a function of (player,
    label, actions) that returns such a dictionary or a list, an OpenSpiel policy, or a solution. Where a dictionary
    holds one of two players' information sets alone, a `SeatJudgement` says what that player's strategy guarantees.

    Of a solution alone, or a run of a learner in a turn-based game, what it holds is measured. Raises `ValueError` for
    what is no strategy of the game, with the information set where it is not.
    """
    from counterplay.api import runs

    if strategy is None:
        if isinstance(game, Solution):
            return game.judge()
        if runs.is_run(game):
            return runs.judge(game)
        raise UserError("judge needs a strategy too: an array, a dictionary, a function, a policy or a solution")
    if getattr(strategy, "kind", "") == HOLDEM:
        if (game if getattr(game, "kind", "") == HOLDEM else GAMES.make(game)) not in (strategy, strategy.spot):
            raise UserError(f"the solution is of another game, {strategy.game}")
        return strategy.judge()
    if getattr(strategy, "kind", "") == STEPPED:
        if _rules_of(game) != strategy.made():
            raise UserError(f"the solution is of another game, {strategy.game}")
        found = strategy.exact()
        if found is None:
            raise UserError(
                f"{strategy.game} has no tree that fits, by which the strategy could be judged exactly: winnings and "
                "exploitability_at_least() of the solution tell what can be told"
            )
        return found
    if not isinstance(game, TreeSolution):
        game = game.phantom if isinstance(game, FactoredSolution) else GAMES.make(game)
        if is_factored(game):
            return _without_tree(game, strategy)
    if isinstance(strategy, FactoredSolution):
        raise UserError(f"the solution is of another game, {strategy.game}")
    rules, tree, form = _game(game)
    table, seats = as_table(strategy, rules, tree)
    if len(seats) == tree.players:
        return judge_table(form, table)
    if tree.players != 2 or len(seats) != 1:
        raise UserError(
            f"the strategy has information sets of players {sorted(seats)} alone; a strategy of all {tree.players} "
            "players can be judged, or in games for two that of one"
        )
    return seat(form, tree, table, next(iter(seats)))


def _rules_of(game: Any) -> Any:
    """Return the rules of a game or of a solution."""
    return game.made() if getattr(game, "kind", HOLDEM) != HOLDEM else GAMES.make(game)


def seat(form: SequenceForm, tree: Tree, table: npt.NDArray[np.float64], player: int) -> SeatJudgement:
    """Return what one player's part of a table guarantees."""
    response, profile = best_response(form, tree, table, 1 - player)
    return SeatJudgement(player, response, judge_table(form, profile).value[player])


def _without_tree(rules: Phantom, strategy: Any) -> Judgement | SeatJudgement:
    """Judge a strategy of a game in its factored form."""
    if isinstance(strategy, Solution):
        if isinstance(strategy, FactoredSolution):
            alike = strategy.is_of(rules)
        else:
            made: Any = strategy.made() if isinstance(strategy, TreeSolution) else None
            alike = made == rules
        if not alike:
            raise UserError(f"the solution is of another game, {strategy.game}")
        measured: Judgement = strategy.judge()
        return measured
    form, sigma, seats = as_vector(strategy, rules)
    found = value.judge(form, sigma)
    if len(seats) == form.players:
        return found
    seat = next(iter(seats))
    return SeatJudgement(seat, found.best[1 - seat], -found.best[1 - seat])


def _game(game: Any) -> tuple[Any, Tree, SequenceForm]:
    if isinstance(game, TreeSolution):
        return game.made(), game.tree, game.form
    rules = GAMES.make(game)
    if not hasattr(rules, "turn"):
        raise UserError("a hold'em spot's strategies are judged as its solution: counterplay.load(file).judge()")
    tree = build(rules)
    return rules, tree, sequence_form(tree)
