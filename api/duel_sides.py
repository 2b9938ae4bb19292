"""Who plays a duel: strategies in the forms that people have them, as tables where they are known, else as they act."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterplay.api.solution import BLUEPRINT, FACTORED, HOLDEM, STEPPED
from counterplay.api.strategies import as_table, odds_of
from counterplay.api.trees import blamed, build, name_of
from counterplay.engine.catalogue import is_own, load_object
from counterplay.engine.errors import UserError
from counterplay.engine.rules import histories, is_factored, is_rules, join_label
from counterplay.engine.size import estimate, refusal
from counterplay.engine.strategy import Table, uniform
from counterplay.engine.tree import Tree
from counterplay.games import GAMES
from counterplay.games.holdem.arrays import HoldemArrays
from counterplay.games.holdem.spot import Spot

UNIFORM = "uniform"
NODES = 500_000  # of a tree that duels are played in; larger games are played by their rules
SECONDS = 60.0  # that it may take to build


@dataclass(frozen=True)
class Arena:
    """Where a duel is: a game's rules over histories, and its tree where one fits."""

    name: str
    game: Any  # the rules as they were made
    rules: Any
    tree: Tree | None


@dataclass(frozen=True)
class Side:
    """A strategy of both players: a table where it is known, and how it chooses."""

    table: Table | None
    ask: Callable[[int, int, int], int]  # (player, node, lane) in the tree
    choose: Callable[[int, Any, tuple[str, ...], float], int]  # (player, state, actions, a number from 0 to 1)


def title(given: Any, otherwise: str) -> str:
    """Return what a side is called."""
    if isinstance(given, str | Path):
        return str(given)
    name = getattr(given, "__name__", None) or type(given).__name__
    return f"{otherwise} ({name})"


def opened(given: Any, game: Any) -> Any:
    """Return what a text names as a side; anything else as it is. Raises `UserError` for what is none."""
    if not isinstance(given, str | Path) or given == UNIFORM:
        return given
    path = Path(given)
    if path.is_dir():
        from counterplay.api.runs import load_run

        return load_run(path)
    if path.is_file():
        from counterplay.api.solve import load

        return load(path, game if is_rules(game) or (isinstance(game, str) and is_own(game)) else None)
    if isinstance(given, str) and is_own(given):
        return load_object(given)
    raise UserError(
        f"a side is the file of a solution, the folder of a run, package.module:function, or uniform: {given} is none"
    )


def _game_of(side: Any) -> Any:
    """Return the game that a side is of, None where it does not say."""
    kind = getattr(side, "kind", "")
    if kind in (HOLDEM, BLUEPRINT):
        return side.spot
    if hasattr(side, "task") and hasattr(side, "decide"):
        return getattr(side.task, "rules", None)
    return side.made() if hasattr(side, "made") else None


def arena(game: Any, a: Any, b: Any) -> Arena:
    """Return where a duel is: in the game that is given, else in that of a side; raises `UserError` without one."""
    if getattr(game, "kind", None) is not None:
        game = _game_of(game)
    made = next((g for g in map(_game_of, (a, b)) if g is not None), None) if game is None else GAMES.make(game)
    if made is None:
        raise UserError("neither side says of which game it is: name it (--game GAME, in Python the first argument)")
    for side in (a, b):
        own = _game_of(side)
        if own is not None and (
            isinstance(own, Spot) != isinstance(made, Spot) or (isinstance(own, Spot) and own != made)
        ):
            raise UserError("the sides are of different games, and a duel is in one")
    name = made.name if isinstance(made, Spot) else name_of(made)[0]
    made = HoldemArrays(made) if isinstance(made, Spot) else made
    if made.players != 2:
        raise UserError(f"a duel is of two players, and {name} has {made.players}")
    return Arena(name, made, histories(made), None if is_factored(made) or not _fits(made) else build(made))


def _fits(rules: Any) -> bool:
    with blamed(rules):
        found = estimate(rules)
    return refusal(found) is None and found.nodes <= NODES and found.seconds <= SECONDS


def seated(given: Any, on: Arena) -> Side:
    """Return a side of a game; raises `UserError` for what is no strategy of it."""
    kind = getattr(given, "kind", "")
    if isinstance(given, tuple | list) and given and all(hasattr(bot, "step") for bot in given):
        return _bots(tuple(given), on)
    if hasattr(given, "step") and not hasattr(given, "action_probabilities"):
        return _bots((given, given), on)
    if kind == HOLDEM and on.tree is not None:
        return Side(_of_spot(given, on.tree), _nothing, _nothing)
    if kind in (HOLDEM, BLUEPRINT, STEPPED, FACTORED):
        given = _asked(given)
    if on.tree is not None:
        return _in_tree(given, on, on.tree)
    if isinstance(given, str):  # uniform
        return Side(None, _nothing, lambda player, state, names, number: int(number * len(names)))
    if isinstance(given, Mapping):
        given = _looked_up(given)
    if not callable(given):
        raise UserError(
            f"{on.name} has no tree that fits, and is played by solutions, functions, dictionaries and bots, "
            f"not by {type(given).__name__}"
        )
    return Side(None, _nothing, _chooser(given, on))


def _in_tree(given: Any, on: Arena, tree: Tree) -> Side:
    """Return a side of a game with a tree: known, unless it is a function that acts."""
    if isinstance(given, str):
        return Side(uniform(tree), _nothing, _nothing)
    if hasattr(given, "task") and hasattr(given, "decide"):
        return Side(_learned(given, tree), _nothing, _nothing)
    if callable(given) and not hasattr(given, "action_probabilities") and _acts(given, tree):

        def ask(player: int, node: int, lane: int) -> int:
            i = int(tree.infoset[node])
            label = join_label(tree.hands[player][lane], tree.labels[i])
            return _taken(given(player, label, tree.actions[i]), tree.actions[i], label, 0.0)

        return Side(None, ask, _nothing)
    table, seats = as_table(given, on.game, tree)
    if len(seats) < 2:
        raise UserError("a duel is in both seats, and the strategy is of one player alone")
    return Side(table, _nothing, _nothing)


def _nothing(*_: Any) -> int:
    raise AssertionError("nobody asks a side that is known")


def _of_spot(solution: Any, tree: Tree) -> Table:
    """Return a spot's solution as a table of the spot's tree, whose lanes are the combos of its views."""
    table = uniform(tree)
    for i, label in enumerate(tree.labels):
        odds = solution.at(label).strategy
        table[tree.first[i] : tree.first[i + 1], : odds.shape[1]] = odds / odds.sum(axis=0)
    return table


def _learned(run: Any, tree: Tree) -> Table:
    from counterplay.api.learned import strategy_of
    from counterplay.games.envs.tree import TurnBased

    if not isinstance(run.task, TurnBased):
        raise UserError(f"runs are duelled in turn-based games that have a tree, and {run.env} is none")
    table = strategy_of(run, run.task)
    if run.task.tree.labels != tree.labels or run.task.tree.actions != tree.actions:
        raise UserError(f"the run is of another game, {run.env}")
    return table


def _acts(function: Callable[..., Any], tree: Tree) -> bool:
    """Tell whether a function names an action where others give probabilities."""
    i = next((i for i, names in enumerate(tree.actions) if len(names) > 1), None)
    if i is None:
        return False
    player = int(tree.owner[i])
    return _is_action(function(player, join_label(tree.hands[player][0], tree.labels[i]), tree.actions[i]))


def _is_action(answer: Any) -> bool:
    return isinstance(answer, str | int | np.integer) and not isinstance(answer, bool)


def _taken(answer: Any, names: tuple[str, ...], label: str, number: float) -> int:
    """Return the action of an answer, drawn where it is probabilities; raises `UserError` for none of the actions."""
    if not _is_action(answer):
        sums = np.cumsum(odds_of(answer, names, label))
        return min(int(np.searchsorted(sums, number * sums[-1], side="right")), len(names) - 1)
    if answer in names:
        return names.index(answer)
    if isinstance(answer, str) or not 0 <= answer < len(names):
        raise UserError(f"{label!r} has no action {answer!r}; its actions are {', '.join(names)}")
    return int(answer)


def _asked(solution: Any) -> Callable[..., Any]:
    """Return a solution that is no table as a function."""
    if solution.kind in (HOLDEM, BLUEPRINT):
        views: dict[str, Any] = {}

        def of_spot(player: int, label: str, names: tuple[str, ...]) -> Any:
            hand, _, line = label.partition(" ")
            if line not in views:
                if len(views) > 1000:
                    views.clear()
                views[line] = solution.at(line)
            odds = [views[line].of(hand).get(name, 0.0) for name in names]
            total = sum(odds)
            return [x / total for x in odds] if total > 0 else [1.0 / len(names)] * len(names)

        return of_spot

    def found(player: int, label: str, names: tuple[str, ...]) -> Any:
        try:
            return solution.at(label, player=player)
        except UserError:
            if solution.kind == STEPPED and solution.names is not None:  # never met
                return [1.0 / len(names)] * len(names)
            raise

    return found


def _looked_up(given: Mapping[Any, Any]) -> Callable[..., Any]:
    def found(player: int, label: str, names: tuple[str, ...]) -> Any:
        odds = given.get((player, label), given.get(label))
        if odds is None:
            raise UserError(f"the strategy says nothing of player {player}'s information set {label!r}")
        return odds

    return found


def _chooser(function: Callable[..., Any], on: Arena) -> Callable[..., int]:
    def choose(player: int, state: Any, names: tuple[str, ...], number: float) -> int:
        label = on.rules.sees(state, player)
        return _taken(function(player, label, names), names, label, number)

    return choose


def _bots(bots: tuple[Any, ...], on: Arena) -> Side:
    """Return OpenSpiel's bots, one a seat, as a side of a game of OpenSpiel's."""
    from counterplay.games.foreign.openspiel import OpenSpiel

    if len(bots) != 2 or not isinstance(on.game, OpenSpiel):
        raise UserError("bots of OpenSpiel's play in pairs, one a seat, in games of OpenSpiel's: openspiel:kuhn_poker")

    def choose(player: int, state: Any, names: tuple[str, ...], number: float) -> int:
        if hasattr(bots[player], "restart_at"):
            bots[player].restart_at(state.state)
        action = bots[player].step(state.state.clone())
        if action not in state.actions:
            raise UserError(f"the bot of player {player} takes action {action}, which is not legal there")
        return list(state.actions).index(action)

    def ask(player: int, node: int, lane: int) -> int:
        assert on.tree is not None
        path = []
        while on.tree.parent[node] >= 0:
            path.append(int(on.tree.slot[node]))
            node = int(on.tree.parent[node])
        state = on.rules.root()
        for move in reversed(path):
            state = on.rules.play(state, move)
        return choose(player, state, tuple(on.rules.moves(state)), 0.0)

    return Side(None, ask, choose)
