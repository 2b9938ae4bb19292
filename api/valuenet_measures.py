"""What a value network is worth by itself: how far it is off on states solved anew, and how fast it is."""

import time
from typing import TYPE_CHECKING

import numpy as np

from counterplay.agents import module
from counterplay.api.trained_net import TrainedNet
from counterplay.api.training_states import draw, ground, solved
from counterplay.engine import arguments
from counterplay.engine.rules import LEAF

if TYPE_CHECKING:  # torch is imported where a network is made
    from counterplay.agents.value_training import Errors


def measure_value_net(net: TrainedNet, states: int = 256, seed: int = 0, iterations: int = 1000) -> "Errors":
    """Return how far a network is off on public states and ranges drawn anew, solved to the end of the game."""
    count = arguments.whole("states", states, 1)
    rng = np.random.Generator(np.random.PCG64([arguments.whole("seed", seed), 2]))
    on, training = ground(net.rules), module("value_training")
    parts = []
    for begin in range(0, count, 64):
        nodes, ranges = draw(on, min(64, count - begin), rng)
        parts.append(solved(on, nodes, ranges, iterations))
    trainer = training.Trainer(net.kept.net, net.described, net.plan)
    errors: Errors = trainer.errors(training.join(parts))
    return errors


def bench_value_net(net: TrainedNet, batches: tuple[int, ...] = (100, 1_000, 10_000)) -> dict[int, float]:
    """Return how many public states a second the network evaluates, by how many are asked at once."""
    rng, rates = np.random.default_rng(0), {}
    inner = np.flatnonzero(net.tree.player != LEAF)
    for batch in batches:
        nodes = rng.choice(inner, batch)
        evaluator, asked = net.begin(net.tree, nodes), np.arange(batch)
        ranges = rng.random((batch, 2, net.tree.lanes)).astype(np.float32)
        evaluator.values(asked, ranges)
        best, until = np.inf, time.perf_counter() + 0.5
        while time.perf_counter() < until:
            since = time.perf_counter()
            evaluator.values(asked, ranges)
            best = min(best, time.perf_counter() - since)
        rates[batch] = batch / best
    return rates
