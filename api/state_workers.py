"""Processes that solve states to train value networks on. What a job finds follows from the plan, its number and, where
solves ask the network, that network; jobs are heard of in order, so a run does not depend on how many processes it has.
"""

import pickle
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import numpy as np

from counterplay.agents import module
from counterplay.api import net_spots, rebel
from counterplay.api.training_states import BATCH, INSIDE, Ground, draw, ground, solved
from counterplay.engine.errors import UserError
from counterplay.engine.processes import serving
from counterplay.engine.system import held, interrupts
from counterplay.games.holdem.spot import Spot

Net = bytes  # a network, pickled; b"" where no solve asks one


def job(on: Ground | Spot, plan: Any, number: int, net: Net) -> Any:
    """Return the samples (`agents.value_training.Samples`) of one job of a plan (`agents.value_training.Plan`)."""
    if isinstance(on, Spot):
        return net_spots.job(on, plan, number)
    rng = np.random.Generator(np.random.PCG64([plan.seed, 1, number]))
    begin = None
    if net:
        of = pickle.loads(net)

        def begin(tree: Any, nodes: Any) -> Any:
            return of.begin(on.described.at(nodes))

    if plan.method != "random":
        assert begin is not None
        return rebel.games(on, BATCH, plan.horizon, plan.iterations, begin, rng, anew=plan.method == "play")
    nodes, ranges = draw(on, BATCH, rng)
    return solved(on, nodes, ranges, plan.iterations, horizon=plan.horizon or None, begin=begin, inside=INSIDE, rng=rng)


class Workers:
    """Who does jobs: processes, or where there is one, ourselves."""

    def __init__(self, on: Ground | Spot, plan: Any, pool: ProcessPoolExecutor | None, count: int) -> None:
        self.ground, self.plan, self.count = on, plan, count
        self._pool = pool
        self._waiting: deque[tuple[int, Net, Future[Any]]] = deque()

    def results(self, first: int, net: Net) -> Iterator[Any]:
        """Yield the samples of jobs `first`, `first` + 1 and so on; ahead of who asks work goes on.

        There is no end but a signal to stop that has gone to all processes.
        """
        number = first
        while True:
            if self._pool is None:
                yield job(self.ground, self.plan, number, net)
            else:
                found = self._heard(number, net)
                if found is None:
                    return
                yield found
            number += 1

    def _heard(self, number: int, net: Net) -> Any:
        """Return the samples of a job; None where processes were ended by the signal that is to stop us."""
        assert self._pool is not None
        if self._waiting and (self._waiting[0][0] != number or self._waiting[0][1] != net):
            for _, _, future in self._waiting:
                future.cancel()
            self._waiting.clear()
        try:
            while len(self._waiting) < self.count + 1:
                ahead = number + len(self._waiting)
                with held():  # a process whose start is cut off is not known to the pool, which does not wait for it
                    self._waiting.append((ahead, net, self._pool.submit(_work, ahead, net)))
            return self._waiting.popleft()[2].result()
        except BrokenProcessPool:
            with interrupts() as stop:
                if stop():
                    return None
            raise UserError("a process that solved states was killed; fewer processes take less memory") from None


@contextmanager
def workers(rules: Any, on: Ground | Spot, plan: Any, count: int) -> Iterator[Workers]:
    """Yield so many workers; their processes end with the block."""
    if count == 1:
        yield Workers(on, plan, None, 1)
        return
    context = serving("counterplay.api.state_workers")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(rules, plan))
    try:
        yield Workers(on, plan, pool, count)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_here: list[Any] = []  # what a process was begun with


def _begin(rules: Any, plan: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who began us says when to stop
    module("value_net").one_thread()
    _here[:] = [rules if isinstance(rules, Spot) else ground(rules), plan]


def _work(number: int, net: Net) -> Any:
    on, plan = _here
    return job(on, plan, number, net)
