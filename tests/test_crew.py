"""Several processes in one table: they learn, stop together, and do not outlive the one that began them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.engine.errors import UserError
from counterplay.solvers import infosets

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def alive(number):
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_two_processes_learn_and_go_on(tmp_path):
    solution = counterplay.solve("kuhn", "mccfr-external", iterations=60_000, memory="10MB", processes=2)
    assert solution.stopped_by == "iterations"
    assert solution.iterations >= 60_000
    assert solution.exact().exploitability < 0.05
    found = infosets.listed(solution.book.table, solution.book.stride)
    assert len({*zip(found.player.tolist(), found.key.tolist(), strict=True)}) == len(found.key) == 12
    solution.save(tmp_path / "a.cps")
    more = counterplay.solve(resume=counterplay.load(tmp_path / "a.cps"), iterations=90_000, processes=2)
    assert more.iterations >= 90_000
    one = counterplay.solve(resume=more, iterations=more.iterations + 10)
    assert one.iterations == more.iterations + 10


def test_many_new_information_sets_at_once():
    solution = counterplay.solve("goofspiel(cards=6)", "mccfr-outcome", time=1.0, memory="60MB", processes=3)
    found = infosets.listed(solution.book.table, solution.book.stride)
    assert len({*zip(found.player.tolist(), found.key.tolist(), strict=True)}) == len(found.key) == len(solution)
    assert np.isfinite(solution.winnings.mean)


def test_memory_ends_them():
    solution = counterplay.solve("goofspiel(cards=7)", "mccfr-outcome", time=20.0, memory=500_000, processes=2)
    assert solution.stopped_by == "memory"


def test_plain_python_has_one():
    with pytest.raises(UserError, match="plain Python have one"):
        counterplay.solve("matching_pennies", "mccfr-external", iterations=5, processes=2)


_RUN = """
import counterplay
from counterplay.solvers import crew
before = crew.Crew._start
def start(self):
    before(self)
    print(*(worker.pid for worker in self.workers), flush=True)
crew.Crew._start = start
solution = counterplay.solve("kuhn", "mccfr-external", time=60, memory="10MB", processes=2)
print(solution.stopped_by, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_they_end_with_their_parent(number):
    with subprocess.Popen([sys.executable, "-c", _RUN], stdout=subprocess.PIPE, text=True) as parent:
        children = [int(n) for n in parent.stdout.readline().split()]
        assert len(children) == 2
        time.sleep(0.5)
        parent.send_signal(number)
        said = parent.stdout.read()
        assert parent.wait(20) == (-9 if number == signal.SIGKILL else 0)
    assert ("interrupt" in said) == (number == signal.SIGINT)
    for _ in range(100):
        if not any(map(alive, children)):
            break
        time.sleep(0.05)
    assert not any(map(alive, children))
