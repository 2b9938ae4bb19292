"""Copies of an environment in worker processes: they play what one process plays, and end when they should."""

import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from countdown import Countdown, assert_equal, play, zeros

from counterplay.games.envs import make_env
from counterplay.games.foreign.copies import Copies
from counterplay.games.foreign.pettingzoo import from_parallel
from counterplay.games.foreign.workers import Crew


@pytest.mark.parametrize("reward", ["team", "individual"])
def test_workers_play_what_one_process_plays(reward):
    text = f"pettingzoo:mpe2.simple_spread_v3(N=2, max_cycles=6, reward={reward}, workers="
    here, there = make_env(f"{text}0)").start(5), make_env(f"{text}2)").start(5)
    assert isinstance(here, Copies)
    assert isinstance(there, Crew)
    shown = play(here, 1)
    assert_equal(shown, play(there, 1))
    assert_equal(shown, play(there, 1))  # the same seed, the same episodes
    assert shown[1][3].shape == ((5,) if reward == "team" else (5, 2))
    first = make_env(f"{text}0)").start(2)
    assert_equal([[array[:2] for array in step] for step in shown[:1]], play(first, 1)[:1])
    here.close()
    there.close()


@pytest.mark.parametrize("workers", [0, 1])
def test_failures_are_one_sentence(workers):
    env = from_parallel(lambda: Countdown(fail_at=1), reward="team", limit=9, workers=workers).start(2)
    env.reset(np.random.default_rng(0))
    env.step(zeros(env))
    with pytest.raises(
        ValueError, match=r"failed after 1 steps: AssertionError: it broke.* \(.*countdown.py, line \d+"
    ):
        env.step(zeros(env))
    env.reset(np.random.default_rng(0))  # begins anew
    env.step(zeros(env))


def test_a_worker_that_dies_is_noticed():
    env = from_parallel(Countdown, reward="team", limit=9, workers=2).start(2)
    env.reset(np.random.default_rng(0))
    env.processes[1].kill()
    env.processes[1].wait()
    with pytest.raises(ValueError, match="a worker process ended unexpectedly, with exit code -9"):
        env.step(zeros(env))
    with pytest.raises(ValueError, match="reset begins anew"):
        env.step(zeros(env))
    assert len(env.processes) == 0
    env.reset(np.random.default_rng(0))
    env.step(zeros(env))


def test_workers_start_light():
    code = "import sys, counterplay.games.foreign.workers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"numba", "scipy", "torch"}.isdisjoint(done.stdout.split())


def running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
@pytest.mark.parametrize("end", ["kill", "interrupt", "forget"])
def test_workers_end_with_their_parent(end, tmp_path):
    """However a script ends that has no guard of its main part, and without a word of theirs about Ctrl-C."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, signal, sys
        import numpy as np
        from mpe2 import simple_spread_v3
        from counterplay.games.foreign.pettingzoo import from_parallel
        def make():
            return simple_spread_v3.parallel_env(N=2)
        env = from_parallel(make, workers=2).start(4)
        env.reset(np.random.default_rng(0))
        print(*(p.pid for p in env.processes), flush=True)
        if {end!r} == "forget":
            del env
            sys.exit()
        os.kill(os.getpid(), signal.SIGKILL if {end!r} == "kill" else signal.SIGINT)
        """)
    )
    done = subprocess.run([sys.executable, str(script)], check=False, capture_output=True, text=True, timeout=60)
    workers = [int(pid) for pid in done.stdout.splitlines()[-1].split()]
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(map(running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(running, workers))
    assert done.stderr.count("Traceback") == (end == "interrupt")
