"""Who takes a seat in an environment: strategies in the forms that people have them, as actors (`agents.seats`).

A run's own team sees what agents see. A strategy of a turn-based game is looked up where play is: as a table in games
with a tree, else as a function that is asked, whose answers are kept where they are always the same.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.rollout import Actor
from counterplay.agents.seats import Against, EachSeat, Onlooker, Uniform
from counterplay.api import bots
from counterplay.api.answers import Answer, is_action, of_mapping, of_solution, taken
from counterplay.api.solution import BLUEPRINT, FACTORED, HOLDEM, STEPPED
from counterplay.api.solve import load
from counterplay.api.strategies import as_table, odds_of
from counterplay.engine import stepped
from counterplay.engine.catalogue import is_own, load_object
from counterplay.engine.env import Env, Step, Task
from counterplay.engine.errors import UserError
from counterplay.engine.rules import is_rules, join_label
from counterplay.engine.strategy import Table, check
from counterplay.engine.tree import Tree
from counterplay.games.envs import ENVS
from counterplay.games.envs.phantom import DarkEnv, StonesInTheDark
from counterplay.games.envs.steps import InSteps, StepsEnv
from counterplay.games.envs.tree import TreeEnv, TurnBased
from counterplay.games.in_the_dark import written

UNIFORM = "uniform"
_KEPT = 300_000  # answers that are kept


def opened(given: Any, game: Any, runs: Callable[[Path], Any], *, own: bool = True) -> Any:
    """Return what a text names: a solution's file, a run's folder, which `runs` reads, a bot, or one's own function.

    Anything else is returned as it is. Raises `UserError` for a text that names none and, without `own`, for functions.
    """
    if not isinstance(given, str | Path) or given == UNIFORM:
        return given
    if (bot := bots.named(given)) is not None:
        return bot
    path = Path(given)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        is_folder = is_file = False
    if is_folder:
        return runs(path)
    if is_file:
        return load(path, game if is_rules(game) or (isinstance(game, str) and is_own(game)) else None)
    if isinstance(given, str) and is_own(given):
        if not own:
            raise UserError(f"{given} is somebody's own, and no file makes us import it: name it yourself")
        return load_object(given)
    raise UserError(
        f"a side is the file of a solution, the folder of a run, package.module:function, bot:NAME, or uniform: "
        f"{str(given)[:200]} is none"
    )


def is_played(task: Task) -> bool:
    """Tell whether an environment is a turn-based game whose seats strategies can take."""
    return isinstance(task, TurnBased | InSteps | StonesInTheDark)


def actor_of(given: Any, task: Task) -> Actor:
    """Return who plays a strategy in an environment, wherever it sits; raises `UserError` for what fits in no seat."""
    if isinstance(given, str) and given == UNIFORM:
        return Uniform()
    if hasattr(given, "task") and hasattr(given, "learner"):
        return _of_run(given, task)
    if hasattr(given, "act") and hasattr(given, "begin"):
        actor: Actor = given
        return actor
    if not is_played(task):
        raise UserError(f"in this environment a seat is taken by a run or uniform, not by {type(given).__name__}")
    if isinstance(given, bots.Bot):
        return bots.actor_in(given, task)
    if isinstance(task, TurnBased):
        if callable(given) and not hasattr(given, "action_probabilities") and acts(given, task.tree):
            return Asked(given, kept=False)
        return OfTable(_table(given, task))
    kind = getattr(given, "kind", "")
    if kind in (STEPPED, FACTORED):
        if given.game != ENVS.spec_of(task):
            raise UserError(f"the solution is of another game, {given.game}")
        return Asked(of_solution(given), kept=True)
    if isinstance(given, Mapping):
        return Asked(of_mapping(given), kept=True)
    if not callable(given):
        raise UserError(f"a seat is taken by a solution, run, function or dictionary, not by {type(given).__name__}")
    return Asked(given, kept=False)


def acts(function: Callable[..., Any], tree: Tree) -> bool:
    """Tell whether a function names an action where others give probabilities."""
    i = next((i for i, names in enumerate(tree.actions) if len(names) > 1), None)
    if i is None:
        return False
    player = int(tree.owner[i])
    return is_action(function(player, join_label(tree.hands[player][0], tree.labels[i]), tree.actions[i]))


def _table(given: Any, task: TurnBased) -> Table:
    kind = getattr(given, "kind", "")
    if kind in (HOLDEM, BLUEPRINT):
        raise UserError("the solution is of a hold'em spot, and no seat here is in one")
    found, seats = as_table(of_solution(given) if kind == STEPPED else given, task.rules, task.tree)
    if len(seats) < task.tree.players:
        raise UserError("whoever takes a seat has to know every seat, and the strategy is of some players alone")
    return check(task.tree, found)


def _of_run(run: Any, task: Task) -> Actor:
    """Return a run's team as it plays without exploring, or in each seat what it learned of one."""
    one, home = isinstance(run.task, Against), run.task.task if isinstance(run.task, Against) else run.task
    if type(home) is not type(task) or home.spec != task.spec or getattr(home, "rules", 0) != getattr(task, "rules", 0):
        raise UserError(f"the run is of another game, {run.env}")
    actor: Actor = run.learner
    if not one:
        return actor
    if run.task.spec.agents > 1:
        raise UserError("the run has learned several seats beside others, and takes no other one's")
    return EachSeat(actor)


class OfTable:
    """A strategy of a game with a tree, looked up where play is."""

    def __init__(self, table: Table):
        self.table = table

    def sit(self, env: Env) -> None:
        """Hear of the environment whose episodes are played."""
        if not isinstance(env, TreeEnv):
            raise UserError("a table is played in a game with a tree")
        self.env = env

    def begin(self, batch: int) -> None:
        """Nothing has to be forgotten."""

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return a legal action for every agent, [B, N]; one number drawn an episode."""
        env, tree, numbers = self.env, self.env.task.tree, rng.random(len(step.legal))
        chosen, shape = np.zeros(step.legal.shape[:2], np.int64), tuple(map(len, tree.hands))
        who = tree.player[env.played.node]
        going = np.flatnonzero(who >= 0)
        held = np.array(np.unravel_index(env.played.deal[going].astype(np.int64), shape))
        i = tree.infoset[env.played.node[going]]
        first, many = tree.first[i], tree.first[i + 1] - tree.first[i]
        slots = np.arange(many.max(initial=1))
        rows = np.minimum(first[:, None] + slots, tree.rows - 1)
        odds = self.table[rows, held[who[going], np.arange(len(going))][:, None]] * (slots < many[:, None])
        sums = np.cumsum(odds, axis=1)
        slot = (sums <= (numbers[going] * sums[:, -1])[:, None]).sum(axis=1)
        chosen[going, who[going]] = env.task.encoding.number[first + slot]
        return chosen


class _Decision(NamedTuple):
    """What a strategy is told of where it acts."""

    label: str
    names: tuple[str, ...]
    numbers: npt.NDArray[np.int64]  # of the actions, in the environment


class Asked(Onlooker):
    """A function of (player, label, actions) that is asked where play is."""

    def __init__(self, answer: Answer, *, kept: bool):
        self.answer, self.keeps = answer, kept
        self.kept: dict[Any, tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]] = {}

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return a legal action for every agent, [B, N]; one number drawn an episode."""
        numbers = rng.random(len(step.legal))
        chosen = np.zeros(step.legal.shape[:2], np.int64)
        for b, player, key in _acting(self.env):
            if self.keeps:
                if (player, key) not in self.kept:
                    if len(self.kept) >= _KEPT:
                        self.kept.clear()
                    at = _decision(self.env, b, player, key)
                    odds = np.cumsum(odds_of(self.answer(player, at.label, at.names), at.names, at.label))
                    self.kept[player, key] = (odds, at.numbers)
                sums, actions = self.kept[player, key]
                slot = min(int(np.searchsorted(sums, numbers[b] * sums[-1], side="right")), len(sums) - 1)
            else:
                at = _decision(self.env, b, player, key)
                actions = at.numbers
                slot = taken(self.answer(player, at.label, at.names), at.names, at.label, numbers[b])
            chosen[b, player] = actions[slot]
        return chosen


def _acting(env: Env) -> list[tuple[int, int, Any]]:
    """Return who acts in each episode that goes on, and what tells its information set apart."""
    if isinstance(env, StepsEnv):
        turns, known = env.plays.look(env.at)
        on = np.flatnonzero(turns >= 0)
        return list(zip(on.tolist(), turns[on].tolist(), known[on].tolist(), strict=True))
    if isinstance(env, TreeEnv):
        tree = env.task.tree
        who, nodes, deals = tree.player[env.played.node], env.played.node, env.played.deal
        shape = tuple(map(len, tree.hands))
        return [
            (int(b), int(who[b]), (int(tree.infoset[nodes[b]]), int(np.unravel_index(int(deals[b]), shape)[who[b]])))
            for b in np.flatnonzero(who >= 0)
        ]
    assert isinstance(env, DarkEnv)
    going = np.flatnonzero(~env.played.terminated)
    return [(int(b), p, tuple(env.attempts(int(b), p))) for b in going for p in (env.turn(int(b)),)]


def _decision(env: Env, episode: int, player: int, key: Any) -> _Decision:
    if isinstance(env, StepsEnv):
        label, names = env.task.rules.infoset(player, key)
        state = env.at.state[episode]
        numbers = [stepped.number(env.task.game, state, move) for move in range(len(names))]
        return _Decision(label, tuple(names), np.array(numbers))
    if isinstance(env, TreeEnv):
        tree, (i, lane) = env.task.tree, key
        label = join_label(tree.hands[player][lane], tree.labels[i])
        return _Decision(label, tree.actions[i], env.task.encoding.number[tree.first[i] : tree.first[i + 1]])
    assert isinstance(env, DarkEnv)
    cells = env.task.rules.names
    free = np.setdiff1d(np.arange(len(cells)), [cell for cell, _ in key])
    return _Decision(written(cells, key), tuple(cells[cell] for cell in free), free)
