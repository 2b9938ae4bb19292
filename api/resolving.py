"""Playing by re-solving: a strategy worked out where play gets, written down as a whole, and judged exactly."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.agents import module
from counterplay.api.solution import TREE
from counterplay.api.strategies import as_table
from counterplay.api.trained_net import TrainedNet, load_value_net
from counterplay.api.trees import build, name_of
from counterplay.engine import arguments, store
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.evaluator import Begin
from counterplay.engine.form import sequence_form
from counterplay.engine.rules import CHANCE
from counterplay.engine.subgames import CHANCE_AHEAD, Horizon, PublicStates, public_states
from counterplay.engine.text import payoff
from counterplay.engine.tree import Tree
from counterplay.games import GAMES
from counterplay.show.play import Book, Opponent
from counterplay.solvers.continuations import Continuations, tastes
from counterplay.solvers.gadgets import NONE
from counterplay.solvers.resolving import Resolving, Settings, written
from counterplay.solvers.value import Judgement, judge_table

ITERATIONS = 500  # of each level unless told otherwise


@dataclass(frozen=True, eq=False, repr=False)
class Resolved:
    """What a re-solving player does, written down for every public state that it can reach, and what that is worth."""

    game: str
    below: str  # what stands for the play beyond a level's horizon
    settings: Settings
    strategy: npt.NDArray[np.float64]  # [R, W], as a solution's
    judgement: Judgement
    blueprint: Judgement | None  # of the strategy that it set out from
    seconds: float

    def __repr__(self) -> str:
        return f"Resolved({self.game!r}, gadget={self.settings.gadget!r}, exploitability={self.exploitability:.6g})"

    @property
    def exploitability(self) -> float:
        """Return NashConv divided by the number of players, of two."""
        return self.judgement.exploitability


@dataclass(frozen=True, eq=False)
class Player:
    """All that re-solving sets out from: a game, what stands below horizons, perhaps a blueprint, and how to solve."""

    game: str
    rules: Any
    states: PublicStates
    begin: tuple[Begin, Begin] | Begin | None
    below: str
    blueprint: npt.NDArray[np.float64] | None  # whose trunk is kept
    settings: Settings
    compared: npt.NDArray[np.float64] | None = None  # the blueprint also where its trunk is solved

    def seat(self, seat: int) -> Resolving:
        """Return the player in a seat, who has not solved anything yet."""
        begin = self.begin[seat] if isinstance(self.begin, tuple) else self.begin
        return Resolving(self.states, seat, begin, self.blueprint, self.settings)

    def whole(self, seed: int = 0) -> Resolved:
        """Solve every public state that the player can reach in either seat, and judge the strategy."""
        start, form = time.perf_counter(), sequence_form(self.states.tree)
        table = written(self.states, form, self.begin, self.blueprint, self.settings, seed)
        seconds = time.perf_counter() - start
        before = None if self.compared is None else judge_table(form, self.compared)
        return Resolved(self.game, self.below, self.settings, table, judge_table(form, table), before, seconds)


def player(
    game: Any,
    by: Any,
    *,
    gadget: str = NONE,
    horizon: Horizon = None,
    iterations: int = ITERATIONS,
    continuations: bool = False,
    samples: int = 0,
    warm: float = 0.0,
    device: str | None = None,
) -> Player:
    """Return a player of a dealt game for two that re-solves.

    `by` is a value network (its file, or anything with `begin(tree, nodes)`), which answers for what lies beyond each
    level's horizon; or a blueprint (a solution, its file, or whatever `judge` takes as a strategy), whose trunk is
    kept and from whose horizon on all is solved to the end. With `continuations` the blueprint's trunk is solved as
    well, against an opponent who picks among four continuations at the horizon. `horizon` is a number of decisions or
    "chance", the next chance event, which it is where None and the game has some; else two decisions. `samples` is how
    many strategies are drawn without a gadget, each playing single iterations; 0 plays their average. With `warm`,
    subgames start from the blueprint as if so many iterations had led to it, and not from scratch. A network of a file
    runs on a `device`, "cpu", "cuda" or "auto" (a GPU where there is one, which files take); solves are the CPU's.
    Raises `ValueError` for a game that cannot be re-solved, and for what is of another game.
    """
    rules = GAMES.make(game)
    if not hasattr(rules, "turn"):
        raise UserError("re-solving plays games that have a tree, and a hold'em spot has none: 'counterplay solve' it")
    tree = build(rules)
    states = public_states(tree)
    if not tree.zero_sum:
        raise UserError("re-solving is for zero-sum games, and the payoffs of this one do not sum to zero")
    if horizon is None:
        horizon = CHANCE_AHEAD if (tree.player == CHANCE).any() else 2
    settings = Settings(
        gadget,
        horizon,
        arguments.whole("iterations", iterations, 1),
        warm=arguments.number("warm", warm, least=0),
        samples=arguments.whole("samples", samples, 0),
    )
    where = device
    if isinstance(by, str | Path):
        by, where = _opened(by, game), device or "auto"
    if isinstance(by, TrainedNet):
        _place(by, where)
    elif device is not None:
        raise UserError("a device is for value networks, and re-solving from a blueprint runs on the CPU")
    name = name_of(rules)[0]
    if hasattr(by, "begin"):
        if continuations:
            raise UserError("continuations are of a blueprint, and a value network was given")
        by.begin(tree, np.zeros(0, np.int64))  # refuses another game
        return Player(name, rules, states, by.begin, "a value network", None, settings)
    blueprint = _blueprint(by, rules, tree)
    if not continuations:
        return Player(name, rules, states, None, "play to the end", blueprint, settings, blueprint)
    several = tastes(tree, blueprint)
    begins = tuple(_continuing(states, several, seat) for seat in range(2))
    return Player(name, rules, states, (begins[0], begins[1]), "four continuations", None, settings, blueprint)


def _place(net: TrainedNet, device: str | None) -> None:
    """Take a network to a device, and say where it runs; None leaves it."""
    if device is not None:
        devices = module("nn.device")
        net.to(device)
        tell(devices.in_words(device, devices.choose(device), 1))


def _continuing(states: PublicStates, tables: list[npt.NDArray[np.float64]], seat: int) -> Begin:
    return lambda tree, nodes: Continuations(states, nodes, tables, seat)


def _opened(path: str | Path, game: Any) -> Any:
    """Return the value network or the solution in a file."""
    from counterplay.api.solve import load

    header = store.read(arguments.path("path", path))[1]
    return load_value_net(path, game) if header.get("kind") in store.NETWORKS else load(path, game)


def _blueprint(by: Any, rules: Any, tree: Tree) -> npt.NDArray[np.float64]:
    if getattr(by, "kind", TREE) != TREE:
        raise UserError(f"a blueprint to re-solve from has to be a whole strategy in a table, and {by.game} is none")
    table, seats = as_table(by, rules, tree)
    if len(seats) < tree.players:
        raise UserError("a blueprint to re-solve from has to have both players' strategies")
    return table


class ResolvingBook(Book):
    """A strategy that is worked out when it is asked for."""

    def __init__(self, player: Player):
        tree = player.states.tree
        super().__init__(player.rules, tree, np.zeros((tree.rows, tree.lanes)))
        alike = player.settings.gadget == NONE and not isinstance(player.begin, tuple)
        first = player.seat(0)
        self._seats = (first, first if alike else player.seat(1))
        self._node = np.zeros(len(tree.owner), np.int64)  # of each information set
        decisions = np.flatnonzero(tree.player >= 0)
        self._node[tree.infoset[decisions]] = decisions

    def odds(self, player: int, label: str, lane: int, actions: tuple[str, ...]) -> tuple[float, ...]:
        """Return the probability of each action, after solving what has to be solved to say."""
        i = self.index.get((player, label))
        if i is not None:
            seat = self._seats[player]
            seat.at(int(self._node[i]))
            rows = slice(self.source.first[i], self.source.first[i + 1])
            self.strategy[rows] = seat.table[rows]
        return super().odds(player, label, lane, actions)

    def note(self, player: int, label: str, lane: int | None) -> str:
        """Say nothing: what is solved where play is says much everywhere."""
        return ""


def opponent(player: Player) -> Opponent:
    """Return who plays by re-solving in a terminal."""
    how = f"\nIt solves anew where play gets (gadget {player.settings.gadget}, {player.below})."
    return Opponent(ResolvingBook(player), how, 0.0, payoff, None)
