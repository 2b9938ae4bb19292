"""Who plays a duel: strategies in the forms that people have them, as tables where they are known, else as they act."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterplay.agents.rollout import Actor
from counterplay.api import bots, opponents
from counterplay.api.answers import Answer, of_mapping, of_solution, taken
from counterplay.api.opponents import actor_of, acts
from counterplay.api.solution import BLUEPRINT, FACTORED, HOLDEM, STEPPED
from counterplay.api.strategies import as_table
from counterplay.api.trees import blamed, build, name_of
from counterplay.engine.env import Task
from counterplay.engine.errors import UserError
from counterplay.engine.rules import histories, is_factored, join_label
from counterplay.engine.size import estimate, refusal
from counterplay.engine.stepped import is_steppable
from counterplay.engine.strategy import Table, uniform
from counterplay.engine.tree import Tree
from counterplay.games import GAMES
from counterplay.games.envs.phantom import StonesInTheDark
from counterplay.games.envs.steps import InSteps
from counterplay.games.envs.tree import TurnBased
from counterplay.games.holdem.arrays import HoldemArrays
from counterplay.games.holdem.spot import Spot

NODES = 500_000  # of a tree that duels are played in; larger games are played by their rules
SECONDS = 60.0  # that it may take to build


@dataclass(frozen=True)
class Arena:
    """Where a duel is: a game's rules over histories, and its tree where one fits."""

    name: str
    game: Any  # the rules as they were made
    rules: Any
    tree: Tree | None
    task: Task | None  # as an environment, where it is one: without a tree it is played there

    def seats(self) -> Task:
        """Return the game as an environment; raises `UserError` for a game that is none."""
        if self.task is None:
            raise UserError(f"{self.name} is no environment for learners")
        return self.task


@dataclass(frozen=True)
class Side:
    """A strategy of both players: a table where it is known, and how it chooses."""

    table: Table | None = None
    ask: Callable[[int, int, int], int] | None = None  # (player, node, lane) in the tree
    choose: Callable[[int, Any, tuple[str, ...], float], int] | None = None  # (player, state, actions, 0 to 1)
    actor: Actor | None = None  # in the environment
    own: Any = field(default=None, compare=False)  # a solution whose values of moves are known, or uniform play
    odds: Answer | None = None  # what it does, where that is known without a tree


def title(given: Any, otherwise: str) -> str:
    """Return what a side is called."""
    if isinstance(given, str | Path):
        return str(given)
    name = getattr(given, "__name__", None) or type(given).__name__
    return f"{otherwise} ({name})"


def opened(given: Any, game: Any) -> Any:
    """Return what a text names as a side; anything else as it is. Raises `UserError` for what is none."""

    def run(folder: Any) -> Any:
        from counterplay.api.runs import load_alone

        return load_alone(folder)

    return opponents.opened(given, game, run)


def _game_of(side: Any) -> Any:
    """Return the game that a side is of, None where it does not say."""
    kind = getattr(side, "kind", "")
    if kind in (HOLDEM, BLUEPRINT):
        return side.spot
    if hasattr(side, "task") and hasattr(side, "decide"):
        return getattr(getattr(side.task, "task", side.task), "rules", None)
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
    tree = None if is_factored(made) or not _fits(made) else build(made)
    if tree is not None:
        task: Task | None = TurnBased(made)
        task.__dict__["tree"] = tree  # which it would build again
    else:
        runs = [getattr(side.task, "task", side.task) for side in (a, b) if hasattr(side, "learner")]
        task = next(iter(runs), _without_tree(made))
    return Arena(name, made, histories(made), tree, task)


def _without_tree(rules: Any) -> Task | None:
    """Return a game as an environment that needs no tree, None where it has none."""
    if is_factored(rules):
        return StonesInTheDark(rules)
    return InSteps(rules) if is_steppable(rules) else None


def _fits(rules: Any) -> bool:
    with blamed(rules):
        found = estimate(rules)
    return refusal(found) is None and found.nodes <= NODES and found.seconds <= SECONDS


def seated(given: Any, on: Arena) -> Side:
    """Return a side of a game; raises `UserError` for what is no strategy of it."""
    kind = getattr(given, "kind", "")
    if isinstance(given, bots.Bot):
        return _bot(given, on)
    if isinstance(given, tuple | list) and given and all(hasattr(bot, "step") for bot in given):
        return _bots(tuple(given), on)
    if hasattr(given, "step") and not hasattr(given, "action_probabilities"):
        return _bots((given, given), on)
    if on.tree is not None:
        if kind == HOLDEM:
            return Side(_of_spot(given, on.tree))
        return _in_tree(of_solution(given) if kind in (BLUEPRINT, STEPPED, FACTORED) else given, on, on.tree)
    if on.task is not None:
        own = given if (kind == STEPPED and given.names is None) or isinstance(given, str) else None
        return Side(actor=actor_of(given, on.task), own=own)
    return _by_rules(given, on)


def _by_rules(given: Any, on: Arena) -> Side:
    """Return a side of a game that is played state by state."""
    if isinstance(given, str):  # uniform
        return Side(choose=lambda player, state, names, number: int(number * len(names)))
    kind = getattr(given, "kind", "")
    answer: Any = of_solution(given) if kind in (HOLDEM, BLUEPRINT, STEPPED) else given
    if isinstance(given, Mapping):
        answer = of_mapping(given)
    if not callable(answer):
        raise UserError(
            f"{on.name} has no tree that fits, and is played by solutions, functions, dictionaries and bots, "
            f"not by {type(given).__name__}"
        )

    def choose(player: int, state: Any, names: tuple[str, ...], number: float) -> int:
        label = on.rules.sees(state, player)
        return taken(answer(player, label, names), names, label, number)

    return Side(choose=choose, own=given if kind == HOLDEM else None, odds=None if answer is given else answer)


def _in_tree(given: Any, on: Arena, tree: Tree) -> Side:
    """Return a side of a game with a tree: known, unless it is a function that acts, or a run that remembers."""
    if isinstance(given, str):
        return Side(uniform(tree), actor=actor_of(given, on.seats()))
    if hasattr(given, "task") and hasattr(given, "decide"):
        return _learned(given, on)
    if callable(given) and not hasattr(given, "action_probabilities") and acts(given, tree):

        def ask(player: int, node: int, lane: int) -> int:
            i = int(tree.infoset[node])
            label = join_label(tree.hands[player][lane], tree.labels[i])
            return taken(given(player, label, tree.actions[i]), tree.actions[i], label, 0.0)

        return Side(ask=ask, actor=actor_of(given, on.seats()))
    table, seats = as_table(given, on.game, tree)
    if len(seats) < 2:
        raise UserError("a duel is in both seats, and the strategy is of one player alone")
    return of_table(table)


def of_table(table: Table) -> Side:
    """Return a strategy of a game with a tree as a side."""
    return Side(table, actor=opponents.OfTable(table))


def _of_spot(solution: Any, tree: Tree) -> Table:
    """Return a spot's solution as a table of the spot's tree, whose lanes are the combos of its views."""
    table = uniform(tree)
    for i, label in enumerate(tree.labels):
        odds = solution.at(label).strategy
        table[tree.first[i] : tree.first[i + 1], : odds.shape[1]] = odds / odds.sum(axis=0)
    return table


def _learned(run: Any, on: Arena) -> Side:
    """Return a run's team as a table, or as it plays where it remembers."""
    from counterplay.api.learned import home, remembers, strategy_of

    actor, task = actor_of(run, on.seats()), home(run.task)
    assert isinstance(task, TurnBased)
    return Side(actor=actor) if remembers(run) else Side(strategy_of(run, task), actor=actor)


def _bot(bot: bots.Bot, on: Arena) -> Side:
    """Return a bot as a side: in the environment, or state by state in a game of OpenSpiel's without a tree."""
    if on.task is not None:
        return Side(actor=actor_of(bot, on.task))
    whole = bots.twin(bot, on.game)

    def choose(player: int, state: Any, names: tuple[str, ...], number: float) -> int:
        return list(state.actions).index(bot.choose(whole, player, state.state, bots.seed_of(number)))

    return Side(choose=choose)


def _bots(pair: tuple[Any, ...], on: Arena) -> Side:
    """Return OpenSpiel's bots, one a seat, as a side of a game of OpenSpiel's."""
    from counterplay.games.foreign.openspiel import OpenSpiel

    if len(pair) != 2 or not isinstance(on.game, OpenSpiel):
        raise UserError("bots of OpenSpiel's play in pairs, one a seat, in games of OpenSpiel's: openspiel:kuhn_poker")

    def choose(player: int, state: Any, names: tuple[str, ...], number: float) -> int:
        if hasattr(pair[player], "restart_at"):
            pair[player].restart_at(state.state)
        action = pair[player].step(state.state.clone())
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

    return Side(ask=ask, choose=choose)
