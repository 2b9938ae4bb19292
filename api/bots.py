"""OpenSpiel's bots as opponents: "bot:uniform_random", "bot:mcts(simulations=200)", "bot:is_mcts".

A bot is asked about a state of OpenSpiel's game: of that game itself, or of ours where OpenSpiel has the same one
(`games.foreign.to_openspiel`), whose history is then told again in its own moves. Each decision has a bot of its own,
with a seed from the play's random numbers, so that what it does depends on nothing else: same seed, same games.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.agents.seats import Onlooker
from counterplay.engine import arguments, spec
from counterplay.engine.env import Step, Task
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, histories, is_dealt
from counterplay.engine.tree import Tree
from counterplay.games.envs.phantom import DarkEnv, StonesInTheDark
from counterplay.games.envs.steps import InSteps, StepsEnv
from counterplay.games.envs.tree import TreeEnv, TurnBased
from counterplay.games.foreign.openspiel import OpenSpiel, game, import_pyspiel, quiet, summary
from counterplay.games.foreign.to_openspiel import counterpart

PREFIX = "bot:"
_KEPT = 50_000  # states that are kept
_SEEDS = 2**31 - 1


@dataclass(frozen=True)
class Search:
    """What can be set of the bots that search."""

    simulations: int = 100
    rollouts: int = 1  # random games from each new position
    exploration: float = 2.0  # UCT's constant

    def __post_init__(self) -> None:
        arguments.whole("simulations", self.simulations, 2, 10_000_000)
        arguments.whole("rollouts", self.rollouts, 1, 10_000)
        if not self.exploration > 0:
            raise UserError(f"exploration must be above 0, not {self.exploration}")


class Plain:
    """Bots of which nothing can be set."""


_KINDS: dict[str, Callable[..., Any]] = {
    "uniform_random": Plain,
    "fixed_action_preference": Plain,
    "mcts": Search,
    "is_mcts": Search,
}


@dataclass(frozen=True)
class Bot:
    """One of OpenSpiel's bots, for any seat of a game of OpenSpiel's."""

    name: str
    settings: Any

    def choose(self, whole: Any, player: int, state: Any, seed: int) -> int:
        """Return the action that it takes in a state of a game, `pyspiel`'s all; the state is left as it is."""
        pyspiel = import_pyspiel()
        if self.name == "uniform_random":
            bot = pyspiel.make_uniform_random_bot(player, seed)
        elif self.name == "fixed_action_preference":
            bot = pyspiel.load_bot(self.name, whole, player)
        else:
            bot = (_mcts if self.name == "mcts" else _is_mcts)(whole, self.settings, seed)
        try:
            return int(bot.step(state.clone()))
        except RuntimeError as error:  # of OpenSpiel's all kinds
            raise UserError(f"OpenSpiel's {self.name} does not play {whole}: {summary(error)}") from None


def _mcts(whole: Any, told: Search, seed: int) -> Any:
    pyspiel = import_pyspiel()
    rollout = pyspiel.RandomRolloutEvaluator(told.rollouts, seed)
    return pyspiel.MCTSBot(whole, rollout, told.exploration, told.simulations, 1000, True, seed, False)


def _is_mcts(whole: Any, told: Search, seed: int) -> Any:
    """Return OpenSpiel's bot in Python: the one in C++ breaks ties by where its tables lie, whatever the seed."""
    from open_spiel.python.algorithms import ismcts, mcts

    pyspiel, luck = import_pyspiel(), np.random.RandomState(seed)
    rollout = mcts.RandomRolloutEvaluator(told.rollouts, luck)
    bot = ismcts.ISMCTSBot(whole, rollout, told.exploration, told.simulations, random_state=luck)

    def resampled(state: Any, player: int) -> Any:
        return state.resample_from_infostate(
            player, pyspiel.UniformProbabilitySampler(int(luck.randint(_SEEDS)), 0.0, 1.0)
        )

    bot.set_resampler(resampled)
    return bot


def named(text: Any) -> Bot | None:
    """Return the bot that a text names, None for other sides; raises `UserError` for a bot that there is not."""
    if not isinstance(text, str) or not text.strip().startswith(PREFIX):
        return None
    name, given = spec.parse(text.strip().removeprefix(PREFIX))
    if name not in _KINDS:
        raise UserError(
            f"there is no bot {name[:80]!r} here{spec.suggestion(name, _KINDS)}: OpenSpiel's that play the same from "
            f"the same seed are {', '.join(_KINDS)}"
        )
    if given and _KINDS[name] is Plain:
        raise UserError(f"{PREFIX}{name} has nothing to set")
    return Bot(name, spec.build(_KINDS[name], PREFIX + name, given))


def twin(bot: Bot, rules: Any) -> Any:
    """Return OpenSpiel's own game of some rules, which a bot can play; raises `UserError` without one."""
    import_pyspiel()
    pair = rules if isinstance(rules, OpenSpiel) else counterpart(rules)
    if pair is None:
        raise UserError(f"{PREFIX}{bot.name} plays in games that OpenSpiel has too, and it has none of these rules")
    whole = game(pair.text)
    if bot.name == "mcts" and whole.get_type().information.name != "PERFECT_INFORMATION":
        raise UserError(f"{PREFIX}mcts would see what is hidden in {pair.text}: take {PREFIX}is_mcts")
    if bot.name == "is_mcts" and whole.get_type().information.name != "IMPERFECT_INFORMATION":
        raise UserError(f"nothing is hidden in {pair.text}: take {PREFIX}mcts")
    state = whole.new_initial_state()
    while state.is_chance_node():
        state.apply_action(state.legal_actions()[0])
    with quiet():
        bot.choose(whole, state.current_player(), state, 1)
    return whole


def actor_in(bot: Bot, task: Task) -> "Spiel":
    """Return a bot as who takes seats in an environment; raises `UserError` for one that is no game of OpenSpiel's."""
    if isinstance(task, TurnBased | InSteps | StonesInTheDark):
        return Spiel(bot, twin(bot, task.rules))
    raise UserError(f"{PREFIX}{bot.name} plays in OpenSpiel's games, and in those of ours that it has too")


class Spiel(Onlooker):
    """A bot that is asked where play is."""

    def __init__(self, bot: Bot, whole: Any):
        self.bot, self.whole = bot, whole
        self.kept: dict[Any, Any] = {}

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return a legal action for every agent, [B, N]; one number drawn an episode."""
        numbers = rng.random(len(step.legal))
        chosen = np.zeros(step.legal.shape[:2], np.int64)
        for b, number in enumerate(numbers.tolist()):
            player, state, actions = self._there(b)
            if player >= 0 and len(actions) > 0:
                taken = self.bot.choose(self.whole, player, state, seed_of(number))
                chosen[b, player] = actions[state.legal_actions().index(taken)]
        return chosen

    def _there(self, episode: int) -> tuple[int, Any, Any]:
        """Return who is to act in an episode, OpenSpiel's state, and the environment's numbers of its actions."""
        env = self.env
        if isinstance(env, DarkEnv):
            player = env.turn(episode)
            if player == LEAF:
                return LEAF, None, ()
            state = _in_the_dark(self.whole, [env.attempts(episode, p) for p in range(2)])
            return player, state, state.legal_actions()
        if isinstance(env, StepsEnv):
            player = int(env.turn[episode])
            if player < 0:
                return player, None, ()
            return player, followed(env.task.rules, self.whole, env.history(episode)), env.numbers(episode)
        assert isinstance(env, TreeEnv)
        tree, node = env.task.tree, int(env.played.node[episode])
        player = int(tree.player[node])
        if player < 0:
            return player, None, ()
        lanes = np.unravel_index(int(env.played.deal[episode]), tuple(map(len, tree.hands)))
        key = (node, *map(int, lanes))
        if key not in self.kept:
            if len(self.kept) >= _KEPT:
                self.kept.clear()
            self.kept[key] = retold(env.task.rules, self.whole, tree, node, key[1:])
        i = int(tree.infoset[node])
        return player, self.kept[key], env.task.encoding.number[tree.first[i] : tree.first[i + 1]]


def seed_of(number: float) -> int:
    """Return a bot's seed from a number in 0 to 1."""
    return int(number * _SEEDS)


def retold(rules: Any, whole: Any, tree: Tree, node: int, lanes: tuple[int, ...]) -> Any:
    """Return OpenSpiel's state at a node of a tree where players hold what is in these lanes.

    What OpenSpiel tells apart and our game does not, such as suits in Leduc poker, is the first that fits.
    """
    path: list[int] = []
    while tree.parent[node] >= 0:
        path.append(int(tree.slot[node]))
        node = int(tree.parent[node])
    theirs, mine = whole.new_initial_state(), rules.root()
    pair = None if isinstance(rules, OpenSpiel) else counterpart(rules)
    if pair is not None and is_dealt(rules):
        for player, lane in enumerate(lanes):
            _draw(theirs, pair, tree.hands[player][lane])
    for slot in reversed(path):
        if pair is not None and rules.turn(mine) == CHANCE:
            _draw(theirs, pair, rules.moves(mine)[slot])
        else:
            theirs.apply_action(theirs.legal_actions()[slot])
        mine = rules.play(mine, slot)
    return theirs


def followed(rules: Any, whole: Any, moves: Iterable[int]) -> Any:
    """Return OpenSpiel's state after moves of a game of ours, chance's too; where there is one alone it is not told."""
    pair, left = counterpart(rules), iter(moves)
    assert pair is not None
    ours = histories(rules)
    theirs, mine = whole.new_initial_state(), ours.root()
    while (turn := ours.turn(mine)) != LEAF:
        names = ours.moves(mine)
        move = next(left, None) if len(names) > 1 else 0
        if move is None:
            break
        if turn == CHANCE:
            _draw(theirs, pair, names[move])
        else:
            theirs.apply_action(theirs.legal_actions()[move])
        mine = ours.play(mine, move)
    return theirs


def _draw(state: Any, pair: Any, label: str) -> None:
    """Apply the first of OpenSpiel's outcomes of chance that make one of ours."""

    def found(at: Any, drawn: tuple[int, ...]) -> tuple[int, ...] | None:
        if len(drawn) == pair.draws:
            return drawn if pair.label(drawn) == label else None
        ways = (found(at.child(action), (*drawn, action)) for action in at.legal_actions())
        return next((way for way in ways if way is not None), None)

    outcome = found(state, ())
    assert outcome is not None, f"OpenSpiel's chance comes to no {label}"
    for action in outcome:
        state.apply_action(action)


def _in_the_dark(whole: Any, attempts: list[list[tuple[int, bool]]]) -> Any:
    """Return OpenSpiel's state after what both players have tried; its own rules say who tries next."""
    state, left = whole.new_initial_state(), [iter(tried) for tried in attempts]
    for _ in chain(*attempts):
        state.apply_action(next(left[state.current_player()])[0])
    return state
