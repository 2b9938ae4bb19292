"""What a value network is worth by itself: how far it is off on states solved anew, and how fast it is."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from counterplay.agents import module
from counterplay.api.net_spots import TIMES, random_board, states_of
from counterplay.api.net_streets import hands_of, points_of
from counterplay.api.resolving import player
from counterplay.api.spot_net import TrainedSpotNet
from counterplay.api.trained_net import TrainedNet
from counterplay.api.training_states import draw, ground, solved
from counterplay.engine import arguments
from counterplay.engine.rules import LEAF

if TYPE_CHECKING:  # torch is imported where a network is made
    from counterplay.agents.value_training import Errors


def measure_value_net(
    net: TrainedNet | TrainedSpotNet, states: int = 256, seed: int = 0, iterations: int = 1000
) -> "Errors":
    """Return how far a network is off on public states and ranges drawn anew, solved to the end of the game."""
    count = arguments.whole("states", states, 1)
    if isinstance(net, TrainedSpotNet):
        return _measure_spots(net, count, arguments.whole("seed", seed), iterations)
    rng = np.random.Generator(np.random.PCG64([arguments.whole("seed", seed), 2]))
    on, training = ground(net.rules), module("value_training")
    parts = []
    for begin in range(0, count, 64):
        nodes, ranges = draw(on, min(64, count - begin), rng)
        parts.append(solved(on, nodes, ranges, iterations))
    errors: Errors = net.trainer().errors(training.join(parts))
    return errors


def _measure_spots(net: TrainedSpotNet, count: int, seed: int, iterations: int) -> "Errors":
    """Return the same of a network of spots: on boards drawn anew, as no training draws them."""
    training, parts, found = module("value_training"), list[Any](), 0
    while found < count:
        rng = np.random.Generator(np.random.PCG64([seed, 2, len(parts)]))
        parts.append(states_of(random_board(net.rules, rng), rng, TIMES, iterations))
        found += parts[-1].size
    return net.trainer().errors(training.first(training.join(parts), count))


NEVER = "never"
TEST_ITERATIONS, TEST_GADGET = 100, "maxmargin"
_SHARE = 0.1  # of a training's time that tests may take where nobody says how often they are made
_PROBE = 10  # iterations of a first solve, which tells what a test takes
_SETTLED = 2.0  # seconds of training before it is made


class Judging:
    """Says when the player that re-solves with a network in training is judged, and judges it.

    `every` is a number of seconds (or "30s"), "never", or None: as often as takes a tenth of the time at most.
    """

    def __init__(self, net: TrainedNet, every: float | str | None) -> None:
        self.net = net
        self.every = None if every in (None, NEVER) else arguments.seconds(every)
        self.never = every == NEVER
        self.taken = 0.0  # seconds by tests
        self._expected: float | None = None  # by the next
        self._last = 0.0

    def due(self, spent: float, last: bool) -> bool:
        """Tell whether to test after so many seconds of training, which are the last or not."""
        if self.never:
            return False
        if self.every is not None:
            return last or spent - self._last >= self.every
        if self._expected is None:
            if spent < _SETTLED:
                return False
            self._expected = self._timed(_PROBE)[1] * TEST_ITERATIONS / _PROBE
        return self.taken + self._expected <= _SHARE * spent

    def test(self, spent: float) -> float:
        """Return the exploitability of the player that re-solves with the network."""
        found, self._expected = self._timed(TEST_ITERATIONS)
        self._last = spent
        return found

    def _timed(self, iterations: int) -> tuple[float, float]:
        began, horizon = time.perf_counter(), self.net.plan.horizon or None
        by = player(self.net.rules, self.net, gadget=TEST_GADGET, horizon=horizon, iterations=iterations)
        found, seconds = by.whole().exploitability, time.perf_counter() - began
        self.taken += seconds
        return found, seconds


def bench_value_net(
    net: TrainedNet | TrainedSpotNet, batches: tuple[int, ...] = (100, 1_000, 10_000)
) -> dict[int, float]:
    """Return how many public states a second the network evaluates, by how many are asked at once."""
    rates = {}
    for batch in batches:
        ask = _spot_asked(net, batch) if isinstance(net, TrainedSpotNet) else _asked(net, batch)
        ask()
        best, until = np.inf, time.perf_counter() + 0.5
        while time.perf_counter() < until:
            since = time.perf_counter()
            ask()
            best = min(best, time.perf_counter() - since)
        rates[batch] = batch / best
    return rates


def _asked(net: TrainedNet, batch: int) -> Callable[[], object]:
    """Return what asks a network of a game for so many states."""
    rng = np.random.default_rng(0)
    nodes = rng.choice(np.flatnonzero(net.tree.player != LEAF), batch)
    evaluator, asked = net.begin(net.tree, nodes), np.arange(batch)
    ranges = rng.random((batch, 2, net.tree.lanes)).astype(np.float32)
    return lambda: evaluator.values(asked, ranges)


def _spot_asked(net: TrainedSpotNet, batch: int) -> Callable[[], object]:
    """Return what asks a network of spots for so many ends on one board."""
    rng, deck, board = np.random.default_rng(0), net.rules.deck, net.rules.board
    near = points_of(deck, board)[deck.free(board)[hands_of(deck)]]
    share = rng.random((batch, 1)).astype(np.float32)
    ranges = rng.random((batch, 2, len(near))).astype(np.float32)
    module = net.kept.net.module.cpu()
    return lambda: module.answers(share, ranges @ near) @ near.T
