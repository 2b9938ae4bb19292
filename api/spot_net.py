"""A value network of hold'em spots: what training makes, what is kept in a file, and what a spot's solve asks.

It stands for the river in turns with one deck, one betting, pot and stack; boards and ranges may be any.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from counterplay.agents import module
from counterplay.api.net_spots import cut_run, losses
from counterplay.api.net_streets import MEANS, SPREAD, dealing, hands_of
from counterplay.engine import arguments
from counterplay.engine.compiling import clock
from counterplay.engine.errors import UserError
from counterplay.games import GAMES
from counterplay.games.holdem.betting import NO_RAKE, STREETS
from counterplay.games.holdem.spot import Spot, parse_spot, to_toml

if TYPE_CHECKING:  # torch is imported where a network is made
    from counterplay.agents.strength_net import SpotTrainer
    from counterplay.agents.value_file import Kept
    from counterplay.agents.value_training import Plan, Point, Test

_ALIKE = ("variant", "pot", "stack", "betting", "aggressor")  # of spots with the same networks


class TrainedSpotNet:
    """A value network for the rivers of spots that are alike but for the board and the ranges."""

    def __init__(self, kept: "Kept", spot: Spot) -> None:
        self.kept, self.rules = kept, spot

    def __repr__(self) -> str:
        return f"TrainedSpotNet({self.game}, {self.states:,} states, {self.kept.steps:,} steps)"

    @property
    def game(self) -> str:
        """Return what spots it is of, in a few words."""
        spot = self.rules
        return f"the river after {spot.variant} turns with a pot of {spot.pot} and stacks of {spot.stack}"

    @property
    def plan(self) -> "Plan":
        """Return how it is trained."""
        return self.kept.plan

    @property
    def lanes(self) -> int:
        """Return how many hands the deck has."""
        return self.kept.hands[0]

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
        """Return nothing: spots are judged when they are solved."""
        return self.kept.tests

    @property
    def seconds(self) -> float:
        """Return how long it was trained."""
        return self.kept.seconds

    @property
    def stopped_by(self) -> str:
        """Return what its training ended with: "states", "time" or "interrupt"; "new" before any."""
        return self.kept.stopped_by

    def ground(self) -> Spot:
        """Return what jobs of its training are given."""
        return self.rules

    def trainer(self) -> "SpotTrainer":
        """Return what trains it."""
        trainer: SpotTrainer = module("strength_net").SpotTrainer(
            self.kept.net, dealing(self.rules.deck, len(self.rules.board)), self.plan
        )
        return trainer

    def nothing(self) -> Any:
        """Return no samples."""
        return module("strength_net").no_samples(len(self.rules.board), self.lanes)

    def check(self, spot: Spot) -> None:
        """Raise `UserError` unless a spot is of those that it is a network of."""
        check_spot(spot)
        for name in _ALIKE:
            mine, other = getattr(self.rules, name), getattr(spot, name)
            if mine != other:
                said = "another betting" if name == "betting" else f"{name} {other!r}, not {mine!r}"
                raise UserError(f"this network is of {self.game}, and the spot has {said}")

    def to(self, device: str) -> "TrainedSpotNet":
        """Take the network to a device, "cpu", "cuda" or "auto"; returns itself."""
        self.kept.net.module.to(module("nn.device").choose(device))
        return self

    def save(self, path: str | Path) -> None:
        """Write it to a file, whole or not at all; a resumed training goes on from there."""
        module("value_file").write(arguments.path("path", path), self.kept)


def check_spot(spot: Spot) -> None:
    """Raise `UserError` for a spot that networks are not for."""
    if spot.street != "turn" or STREETS[spot.betting.last] != "river":
        raise UserError(
            f"value networks of hold'em stand for the river: the spot has to start on the turn and end with the river, "
            f"not start on the {spot.street} and end with the {STREETS[spot.betting.last]}"
        )
    if spot.rake != NO_RAKE:
        raise UserError("value networks are for games that sum to zero, and the spot is raked: leave the rake out")
    if spot.locks:
        raise UserError("a network of spots knows nothing of fixed strategies: leave the spot's locks out")


def new_kept(spot: Spot, plan: "Plan") -> "Kept":
    """Return a network of spots that has not learned anything."""
    check_spot(spot)
    lanes = len(hands_of(spot.deck))
    net = module("strength_net").spot_net(1, MEANS + SPREAD, lanes, plan)
    alike = replace(spot, ranges=("random", "random"))
    kept: Kept = module("value_file").Kept(to_toml(alike), (lanes, lanes), net, plan)
    return kept


def opened(kept: "Kept", path: str | Path) -> TrainedSpotNet:
    """Return a network of spots that was read from a file; raises `UserError` for one that is damaged."""
    try:
        spot = parse_spot(kept.game)
        check_spot(spot)
    except UserError as error:
        raise UserError(f"{path} is damaged: {error}") from None
    samples, lanes = kept.samples, len(hands_of(spot.deck))
    found = TrainedSpotNet(kept, spot)
    sizes = (*kept.hands, kept.net.features, kept.net.module.points)
    if sizes != (lanes, lanes, 1, MEANS + SPREAD):
        raise UserError(f"{path} is damaged: its sizes are not those of its deck")
    if samples is not None and samples.size:
        cards = np.sort(samples.boards, axis=1)
        there = cards.shape[1] == len(spot.board) and np.isin(cards, spot.deck.cards).all()
        if not there or not (np.diff(cards) > 0).all():
            raise UserError(f"{path} is damaged: it has boards that there are none of")
    return found


class SpotPlayed(NamedTuple):
    """A turn that was solved with a network for the river, and what its strategies are worth."""

    spot: Spot
    iterations: int
    seconds: float  # of solving it
    value: tuple[float, float]  # what both earn, in chips, as solving the whole spot tells
    lost: tuple[float, float]  # by each turn's strategy, known to the opponent, all else played as well as it can be
    whole_iterations: int
    whole_seconds: float

    @property
    def share(self) -> float:
        """Return what a player loses on average, as a share of the pot."""
        return sum(self.lost) / 2 / float(self.spot.pot)


def solve_with(net: Any, spot: Any, iterations: int = 100) -> SpotPlayed:
    """Solve a spot's turn with a network for its river, and measure what that loses.

    A player is held to its strategy of the turn, which its opponent knows, and all else is solved: to the end, by half
    as many iterations again. `spot` is a spot or its file. Raises `UserError` for one that the network is not of.
    """
    spot = GAMES.make(spot)
    if not isinstance(net, TrainedSpotNet) or not isinstance(spot, Spot):
        raise UserError("solving a turn with a network takes a network of hold'em spots, and a spot")
    net.check(spot)
    count = arguments.whole("iterations", iterations, 1, 10**6)
    with module("run").torch_threads(1):  # batches are of a few ends
        cut_run(spot, net.kept.net).advance(1)  # loads kernels, which is not timed
        run = cut_run(spot, net.kept.net)
        began = clock()
        run.advance(count)
        seconds, more = clock() - began, count + count // 2
    began = clock()
    true, [lost] = losses(spot, [run.tables.total], more)
    return SpotPlayed(spot, count, seconds, (true.value[0], true.value[1]), lost, more, (clock() - began) / 3)
