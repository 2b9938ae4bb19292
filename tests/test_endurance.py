"""Long and rough runs: minutes each, so only with -m slow."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import counterplay
from counterplay.engine.system import available

pytestmark = pytest.mark.slow

SPOT = ["--board", "Qs Jh 2h 8c", "--oop", "AA,QQ,JTs", "--ip", "KK,AQs,T9s", "--pot", "40", "--stack", "80"]
SPOT += ["--bets", "50%"]


def command(*words):
    return [sys.executable, "-m", "counterplay.cli", *map(str, words)]


def memory():
    """Return the bytes that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_twelve_solves_at_once_from_an_empty_cache(tmp_path):
    variables = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    jobs = [command("solve", "leduc", "--iterations", 200, "--out", tmp_path / f"{i}.cps") for i in range(12)]
    running = [
        subprocess.Popen(job, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for job in jobs
    ]
    assert [process.wait() for process in running] == [0] * 12
    first = counterplay.load(tmp_path / "0.cps")
    for i in range(1, 12):
        np.testing.assert_array_equal(counterplay.load(tmp_path / f"{i}.cps").strategy, first.strategy)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name.endswith(".unfinished")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_while_compiling(tmp_path, number):
    """They end at once what has nothing to lose yet, and what was compiled so far serves the next run."""
    variables = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    job = command("solve", "kuhn", "--iterations", 50, "--out", tmp_path / "k.cps")
    for wait in (0.5, 2.0, 5.0):
        with subprocess.Popen(job, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while "compiling" not in (said := process.stderr.readline()) and said:
                pass
            time.sleep(wait)
            process.send_signal(number)
            began = time.monotonic()
            process.communicate(timeout=120)
        assert time.monotonic() - began < 20
        assert process.returncode in (0, 128 + number, -number)
    assert subprocess.run(job, env=variables, capture_output=True, check=False).returncode == 0
    assert counterplay.load(tmp_path / "k.cps").iterations == 50


def test_a_million_iterations():
    solution = counterplay.solve("kuhn", iterations=1_000_000)
    assert solution.iterations == 1_000_000
    assert np.isfinite(solution.strategy).all()
    assert solution.value[0] == pytest.approx(-1 / 18, abs=1e-9)
    assert solution.exploitability < 1e-11


def test_training_does_not_grow():
    """Once the replay is full, 200,000 steps take no more memory."""
    held = []
    small = {"hidden": 16, "envs": 8, "batch": 8, "warmup": 8, "replay": 200, "epsilon_steps": 1000}
    counterplay.train(
        "qmix", "penalty(steps=10)", steps=200_000, on_row=lambda run, row: held.append(memory()), **small
    )
    assert np.mean(held[-20:]) - np.mean(held[20:40]) < 30 * 2**20


def test_a_spot_killed_at_random_goes_on_bit_for_bit(tmp_path):
    """What a checkpoint of a killed run holds ends in the very tables of an unbroken one."""
    code = """
import sys, counterplay.solvers.run as run
run.CHECKPOINT = 0.05
from counterplay.cli import main
main(sys.argv[1:])
"""
    rng, file = random.Random(3), tmp_path / "s.cps"
    whole = ["solve", "holdem", *SPOT, "--iterations", "2000"]
    assert subprocess.run(command(*whole, "--out", tmp_path / "whole.cps"), check=False).returncode == 0
    start = [sys.executable, "-c", code]
    for _ in range(8):
        resumed = ["solve", "--resume", str(file), "--iterations", "2000"] if file.exists() else whole
        job = [*start, *resumed, "--out", str(file)]
        with subprocess.Popen(job, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            while "exploitability" not in (said := process.stderr.readline()) and said:  # the run has begun
                pass
            time.sleep(rng.random())
            process.kill()
        if process.returncode == 0:
            break
    done, unbroken = counterplay.load(file), counterplay.load(tmp_path / "whole.cps")
    if done.iterations < 2000:
        done = counterplay.solve(resume=done, iterations=2000)
    for name, array in unbroken.state.items():
        np.testing.assert_array_equal(done.state[name], array)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] in ([], [".s.cps"])


def test_a_clock_that_jumps(monkeypatch):
    """No run measures time by the clock on the wall."""
    jumps = iter(range(10**12, 0, -(10**6)))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    solution = counterplay.solve("leduc", "cfr", time=1.0)
    assert solution.stopped_by == "time"
    assert 0.5 < solution.seconds < 10
    assert available() > 0
