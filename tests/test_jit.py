"""The cache of compiled kernels: what an edit compiles anew, and what is told and counted of it."""

import importlib
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import counterplay
from counterplay.engine import compiling, jit, kernel_key, machine_code

PARTS = """
from counterplay.engine.jit import inlined

SCALE = 2.0

@inlined
def scaled(x):
    return x * SCALE

@inlined
def unused(x):
    return x - 1.0
"""
TAUGHT = """
from numba.extending import overload

def twice(x):
    return 2.0 * x

@overload(twice)
def _(x):
    return lambda x: 2.0 * x
"""
KERNELS = """
from typing import NamedTuple

import numpy as np

from counterplay.engine.jit import jit
from spy.parts import scaled
from spy.taught import twice


class Box(NamedTuple):
    numbers: np.ndarray

    @property
    def doubled(self):
        return self.numbers * 2


@jit
def first(box: Box) -> float:
    \"\"\"Return the first number, scaled.\"\"\"
    return scaled(box.numbers[0]) + twice(box.numbers[1])


@jit
def alone(box: Box) -> float:
    return box.numbers[0] + 7.0
"""
MAIN = """
import json, os, sys
import numpy as np
from spy.kernels import Box, alone, first
from counterplay.engine.compiling import spent, telling

lines = []
with telling(lines.append):
    box = Box(np.array([3.0, 5.0]))
    values = [first(box), alone(box)]
misses = [k.py_func.__name__ for k in (first, alone) if k.stats.cache_misses] if hasattr(first, "stats") else []
print(json.dumps({"values": values, "misses": misses, "lines": lines, "spent": spent()}))
"""


@pytest.fixture
def package(tmp_path):
    """Return a function that edits files of a small package of kernels and calls them in a process of its own."""
    home = tmp_path / "spy"
    home.mkdir()
    texts = {"parts": PARTS, "taught": TAUGHT, "kernels": KERNELS, "__init__": ""}

    def start(environment=None, **edits):
        texts.update(edits)
        for name, text in texts.items():
            (home / f"{name}.py").write_text(text)
        path = os.pathsep.join([str(tmp_path), *sys.path])
        return subprocess.Popen(
            [sys.executable, "-c", MAIN],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": path, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(environment=None, **edits):
        return heard(start(environment, **edits))

    call.start, call.cache = start, tmp_path / "cache" / "counterplay"
    return call


def heard(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


def test_an_edit_compiles_what_it_concerns_and_nothing_else(package):
    told = package()
    assert told["values"] == [16.0, 10.0]
    assert told["misses"] == ["first", "alone"]
    assert package() == {"values": [16.0, 10.0], "misses": [], "lines": [], "spent": 0.0}
    # Nothing that machine code follows from: comments, docstrings, lines, annotations, properties, other parts.
    calm = KERNELS.replace("import numpy as np", "# numbers\nimport numpy as np").replace("Return the", "Give the")
    calm = calm.replace("self.numbers * 2", "self.numbers * 3").replace("(box: Box) -> float", "(box)")
    told = package(kernels=calm, parts=PARTS.replace("x - 1.0", "x - 2.0"))
    assert (told["values"], told["misses"]) == ([16.0, 10.0], [])
    # A part; a constant of a part; the implementation of what Numba was taught; a kernel; fields of an argument.
    told = package(parts=PARTS.replace("x * SCALE", "x * SCALE + 1.0"))
    assert (told["values"], told["misses"]) == ([17.0, 10.0], ["first"])
    told = package(parts=PARTS.replace("2.0", "4.0"))
    assert (told["values"], told["misses"]) == ([22.0, 10.0], ["first"])
    told = package(taught=TAUGHT.replace("lambda x: 2.0", "lambda x: 3.0"))
    assert (told["values"], told["misses"]) == ([27.0, 10.0], ["first"])
    told = package(kernels=KERNELS.replace("+ 7.0", "+ 8.0"))
    assert (told["values"], told["misses"]) == ([27.0, 11.0], ["alone"])
    told = package(kernels=KERNELS.replace("box.numbers", "box.many").replace("numbers: np", "many: np"))
    assert (told["values"], told["misses"]) == ([27.0, 10.0], ["first", "alone"])
    told = package(parts=PARTS, taught=TAUGHT, kernels=KERNELS)  # and all back: nothing was lost
    assert (told["values"], told["misses"]) == ([16.0, 10.0], [])


def test_processes_that_compile_at_once_do_not_mix_up_their_code(package):
    one = package.start()
    other = package.start()
    assert heard(one)["values"] == heard(other)["values"] == [16.0, 10.0]
    assert package()["misses"] == []
    assert not [path for path in package.cache.iterdir() if path.name.startswith(".")]


TWINS = """
from typing import NamedTuple

from counterplay.engine import stepped
from counterplay.engine.jit import inlined, jit

class Twins(NamedTuple):
    players: int

def one(game, state):
    return state[0]

def two(game, state):
    return state[0] + 1

def third(game, state, move):
    return 0

names = dict.fromkeys(("chance", "draw", "play", "payoff"), third)
stepped.register(Twins, setup=one, turn=one, moves=two, key=one, **names)

@inlined
def turn(game, state):
    return stepped.turn(game, state)

@inlined
def moves(game, state):
    return stepped.moves(game, state)

@jit
def first(game, state):
    return turn(game, state)

@jit
def both(game, state):
    return 10 * turn(game, state) + moves(game, state)
"""


def test_code_of_two_processes_with_functions_of_one_name_is_linked_as_meant(tmp_path):
    """Both are `with_two.<locals>.<lambda>`; each process compiles one of them as its third function."""
    (tmp_path / "twins.py").write_text(TWINS)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": paths}

    def told(name):
        text = f"import numpy as np, twins; print(twins.{name}(twins.Twins(2), np.ones(1, np.int64)))"
        done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert told("first") == 1
    assert told("both") == 12


def test_damaged_code_is_compiled_anew(package):
    package()
    for path in package.cache.glob("*.code"):
        path.write_bytes(path.read_bytes()[:100])
    assert package()["misses"] == ["first", "alone"]
    (one,), (two,) = (list(package.cache.glob(f"*{name}-*.code")) for name in ("first", "alone"))
    whole = one.read_bytes()
    one.write_bytes(whole[:-5] + bytes([whole[-5] ^ 4]) + whole[-4:])  # a bit is another: it would be run as it is
    assert package()["misses"] == ["first"]
    one.write_bytes(two.read_bytes())  # whole, but of another kernel
    assert package()["values"] == [16.0, 10.0]
    (package.cache / "seconds.json").write_text("[")
    assert package(parts=PARTS.replace("2.0", "4.0"))["values"] == [22.0, 10.0]


def test_where_nothing_can_be_written_nothing_is_kept(package, tmp_path):
    (tmp_path / "file").touch()
    told = package({"NUMBA_CACHE_DIR": str(tmp_path / "file")})
    assert told["values"] == [16.0, 10.0]
    assert "as there is no folder to keep them in" in told["lines"][0]


def test_kernels_run_as_plain_python(package):
    told = package({"NUMBA_DISABLE_JIT": "1"})
    assert told == {"values": [16.0, 10.0], "misses": [], "lines": [], "spent": 0.0}
    assert not list(package.cache.glob("*"))


def test_other_processors_and_options_have_code_of_their_own(package):
    package()
    assert package({"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""})["misses"] == ["first", "alone"]
    assert package({"NUMBA_OPT": "1"})["misses"] == ["first", "alone"]
    assert package()["misses"] == []


def test_what_is_long_unused_goes(tmp_path, monkeypatch):
    names = ["used", "older", "oldest"]
    for days, name in zip((0, 20, 40), names, strict=True):
        path = tmp_path / f"{name}.code"
        path.write_bytes(bytes(100))
        os.utime(path, (time.time() - days * 86400,) * 2)
    (tmp_path / "0123456789abcdef").mkdir()  # of an earlier version
    (tmp_path / "not-ours").mkdir()
    machine_code._clean(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["not-ours", "older.code", "used.code"]
    machine_code._clean.cache_clear()
    monkeypatch.setattr(machine_code, "_ROOM", 150)
    machine_code._clean(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["not-ours", "used.code"]
    machine_code._clean.cache_clear()


def ours():
    """Yield every kernel of the package."""
    root = Path(counterplay.__file__).parent
    for folder in ("engine", "games", "solvers", "agents"):
        for path in (root / folder).rglob("*.py"):
            if "engine.jit import" in path.read_text():
                parts = path.relative_to(root).with_suffix("").parts
                module = importlib.import_module(".".join(["counterplay", *parts]))
                yield from (value for value in vars(module).values() if isinstance(value, Dispatcher))


def test_every_kernel_of_ours_can_be_kept():
    kernels = list(ours())
    assert len(kernels) > 20
    for kernel in kernels:
        kernel_key.key(kernel, (), ())


def test_what_cannot_be_told_apart_is_not_kept():
    thing = object()
    with pytest.raises(kernel_key.Unknown, match="thing"):
        kernel_key.key(jit.jit(lambda: thing), (), ())


def test_groups_name_modules_that_exist():
    for name in compiling.GROUPS:
        importlib.import_module(name)
    assert compiling._group("counterplay.solvers.cfr") == compiling.GROUPS["counterplay.solvers"]
    assert compiling._group("counterplay.solversmith") == "counterplay.solversmith"
    for name in compiling.SECONDS:
        module, _, kernel = name.partition(" ")[0].rpartition(".")
        assert hasattr(importlib.import_module(module), kernel)


@pytest.fixture
def lines(monkeypatch):
    monkeypatch.setattr(compiling, "_told", {})
    found = []
    with compiling.telling(found.append):
        yield found


def test_one_line_a_group_says_how_long_it_took_last_time(lines, tmp_path, monkeypatch):
    notes = tmp_path / "seconds.json"
    for kernel in ("a.first 1", "a.second 1"):
        with compiling.compiling("a", kernel, notes), compiling.compiling("a", "a.part 1", notes):
            worked = time.thread_time()
            while time.thread_time() - worked < 1.0:
                pass
    assert lines == ["compiling kernels of a, once on this machine: about 1 s"]  # nothing is known of it
    monkeypatch.setattr(compiling, "_told", {})
    with compiling.compiling("a", "a.first 1", notes):
        pass
    assert lines[1:] == ["compiling kernels of a, once on this machine: about 2 s"]
    monkeypatch.setattr(compiling, "_told", {})
    with compiling.compiling("a", "a.first 1", notes):
        pass
    assert lines[2:] == ["compiling kernels of a, once on this machine: under a second"]


def test_what_is_not_known_is_told_as_shipped(lines, monkeypatch, tmp_path):
    monkeypatch.setattr(compiling, "SECONDS", {"counterplay.agents.x": 8.0, "counterplay.agents.y": 3.0})
    for module, kernel in (("counterplay.agents.y", "counterplay.agents.y 12"), ("counterplay.agents", "new 12")):
        monkeypatch.setattr(compiling, "_told", {})
        with compiling.compiling(module, kernel, tmp_path / "seconds.json"):
            pass
    assert [line.partition(": ")[2] for line in lines] == ["about 3 s", "about 8 s"]


def test_a_line_is_printed_on_standard_error_unless_somebody_tells_it(lines, capsys):
    compiling.say("compiling")
    assert capsys.readouterr() == ("", "counterplay: compiling\n")
    with compiling.telling(lines.append):
        compiling.tell("compiling")
    compiling.tell("more")
    assert lines == ["compiling", "more"]
    assert capsys.readouterr() == ("", "")


def test_the_clock_stands_still_while_kernels_compile(lines):
    compiled, started = threading.Event(), threading.Event()

    def compile_one():
        with compiling.compiling("a", "a.first", None), compiling.compiling("a", "a.part", None):
            started.set()
            compiled.wait()

    before, spent = compiling.clock(), compiling.spent()
    thread = threading.Thread(target=compile_one)
    thread.start()
    started.wait()
    mark = compiling.clock()
    time.sleep(0.2)
    assert compiling.clock() == mark
    assert compiling.spent() - spent >= 0.2  # still under way
    compiled.set()
    thread.join()
    took = compiling.spent() - spent
    assert 0.2 <= took < 10
    time.sleep(0.05)
    assert compiling.clock() >= max(mark, before) + 0.05
    assert compiling.spent() - spent == took


@jit.jit
def half(numbers):
    return numbers[0] / 2


def test_failing_to_compile_lets_the_clock_go_on(lines):
    with pytest.raises(Exception, match=r"[Cc]annot|[Ff]ailed"):
        half(object())
    mark = compiling.clock()
    time.sleep(0.01)
    assert compiling.clock() > mark
    assert half(np.array([3.0])) == 1.5


@pytest.mark.slow
def test_seconds_of_runs_leave_out_compiling(package, tmp_path):
    text = textwrap.dedent("""
        import time
        import counterplay
        from counterplay.engine.compiling import spent, telling
        with telling(lambda line: None):
            began = time.perf_counter()
            solution = counterplay.solve("kuhn", iterations=20)
            took = time.perf_counter() - began
            assert spent() > 0.5
            assert solution.seconds < took - spent() + 0.1, (solution.seconds, took, spent())
            before, began = spent(), time.perf_counter()
            limited = counterplay.solve("kuhn", algorithm="mmd", time=0.2, iterations=10**9)
            assert spent() > before
            assert limited.iterations > 1000 and limited.stopped_by == "time"
            before, began = spent(), time.perf_counter()
            run = counterplay.train("iql", "climbing", steps=200)
            assert spent() > before
            assert run.seconds < time.perf_counter() - began - (spent() - before) + 0.1
            assert run.history[-1]["seconds"] <= run.seconds
    """)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "empty"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_kernel_for_other_types_is_told_anew():
    """Tables of 16 bits after those of 32, at once and in one process."""
    lines = []
    with compiling.telling(lines.append):
        for kernel in ("c.walk 32", "c.leaves 32", "c.walk 16", "c.leaves 16"):
            with compiling.compiling("c", kernel, None):
                pass
    assert len(lines) == 2
