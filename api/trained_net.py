"""A value network of a game: what training makes, what is kept in a file, and what solves beyond a horizon ask."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from counterplay.agents import module
from counterplay.api.spot_net import TrainedSpotNet, opened
from counterplay.api.training_states import Ground, ground
from counterplay.engine import arguments
from counterplay.engine.codes import Ints
from counterplay.engine.errors import UserError
from counterplay.engine.evaluator import Evaluator
from counterplay.engine.tree import Tree, compile_tree, same_game
from counterplay.games import GAMES
from counterplay.games.holdem.spot import Spot

if TYPE_CHECKING:  # torch is imported where a network is made
    from counterplay.agents.value_file import Kept
    from counterplay.agents.value_training import Plan, Point, Test, Trainer


class TrainedNet:
    """A value network of a game. `begin` makes an evaluator of it (`counterplay.engine.evaluator`)."""

    def __init__(self, kept: "Kept", rules: Any, tree: Tree | None = None, described: Any = None) -> None:
        self.kept, self.rules = kept, rules
        self.tree = compile_tree(rules) if tree is None else tree
        self.described = module("public_features").describe(rules, self.tree) if described is None else described
        self._known: Tree = self.tree  # the tree that was asked for last, and is of this game

    def __repr__(self) -> str:
        return f"TrainedNet({self.game!r}, {self.states:,} states, {self.kept.steps:,} steps)"

    @property
    def lanes(self) -> int:
        """Return W."""
        return self.tree.lanes

    @property
    def game(self) -> str:
        """Return the spec of the game that it is of."""
        return self.kept.game

    @property
    def plan(self) -> "Plan":
        """Return how it is trained."""
        return self.kept.plan

    @property
    def states(self) -> int:
        """Return how many solved states it has seen."""
        return 0 if self.kept.samples is None else self.kept.samples.size

    @property
    def points(self) -> "list[Point]":
        """Return how its errors went down."""
        return self.kept.points

    @property
    def tests(self) -> "list[Test]":
        """Return what the player that re-solves with it was worth as it was trained."""
        return self.kept.tests

    @property
    def seconds(self) -> float:
        """Return how long it was trained."""
        return self.kept.seconds

    @property
    def stopped_by(self) -> str:
        """Return what its training ended with: "states", "time" or "interrupt"; "new" before any."""
        return self.kept.stopped_by

    def begin(self, tree: Tree, nodes: Ints) -> Evaluator:
        """Return what tells the values of these nodes of the game's tree.

        Raises `UserError` for the tree of another game.
        """
        if tree is not self._known and not same_game(tree, self.tree):
            raise UserError(f"this value network is of {self.game}, and not of the game that is played")
        self._known = tree
        evaluator: Evaluator = self.kept.net.begin(self.described.at(np.asarray(nodes, np.int64)))
        return evaluator

    def ground(self) -> Ground:
        """Return what jobs of its training are given."""
        return ground(self.rules)

    def trainer(self) -> "Trainer":
        """Return what trains it."""
        trainer: Trainer = module("value_training").Trainer(self.kept.net, self.described, self.plan)
        return trainer

    def nothing(self) -> Any:
        """Return no samples."""
        return module("value_training").none(self.lanes)

    def to(self, device: str) -> "TrainedNet":
        """Take the network to a device, "cpu", "cuda" or "auto"; returns itself."""
        self.kept.net.module.to(module("nn.device").choose(device))
        return self

    def save(self, path: str | Path) -> None:
        """Write it to a file, whole or not at all; a resumed training goes on from there."""
        module("value_file").write(arguments.path("path", path), self.kept)


def load_value_net(path: str | Path, game: Any = None) -> TrainedNet | TrainedSpotNet:
    """Read a value network from the file that `save` wrote: of a game, or of hold'em spots.

    `game` is the game itself, as `solve` takes it, where it is one's own: a file holds no more than its name. Raises
    `ValueError` for a file that is damaged or foreign, and for a network of another game.
    """
    kept = module("value_file").read(arguments.path("path", path))
    if not hasattr(kept.net, "begin"):
        of_spots = opened(kept, path)
        made = None if game is None else GAMES.make(game)
        if isinstance(made, Spot):
            of_spots.check(made)
        elif made is not None:
            raise UserError(f"the value network in {path} is of {of_spots.game}, not of {game}")
        return of_spots
    if isinstance(game, Spot) or (isinstance(game, str) and isinstance(GAMES.make(game), Spot)):
        raise UserError(f"the value network in {path} is of {kept.game}, not of hold'em spots")
    try:
        rules = GAMES.make(kept.game if game is None else game, own=game is not None)
    except UserError as error:
        raise UserError(f"cannot make the game of the value network in {path}: {error}") from None
    check_game(kept, rules, path)
    found = TrainedNet(kept, rules)
    described, lanes = found.described, [len(hands) for hands in found.tree.hands]
    if described.numbers.shape[1] != kept.net.features or lanes != [*kept.hands]:
        raise UserError(f"{path} is damaged: its sizes are not those of {kept.game}")
    samples = kept.samples
    if samples is not None and samples.size and samples.states.max() >= len(described.numbers):
        raise UserError(f"{path} is damaged: it has public states that {kept.game} has not")
    return found


def check_game(kept: "Kept", rules: Any, path: str | Path) -> None:
    """Raise `UserError` unless a network is of the game of these rules."""
    name = GAMES.spec_of(rules) or type(rules).__name__
    if name != kept.game and GAMES.spec_of(GAMES.make(kept.game, own=False)) != name:
        raise UserError(f"the value network in {path} is of {kept.game}, not of {name}")
