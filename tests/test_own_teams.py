"""Learners and environments of somebody's own: named where a spec is taken, registered, saved, and never by a file."""

import importlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

import counterplay
from counterplay.agents import LEARNERS, find
from counterplay.engine.spec import split
from counterplay.games.envs import ENVS

MODULE = '''
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from torch import nn

from counterplay.engine.env import EnvSpec, blank

Path("imported").touch()


@dataclass(frozen=True)
class Ring:
    """The team is paid 1 for each agent that plays the last action."""

    size: int = 2
    agents = 2

    @property
    def spec(self):
        return EnvSpec(agents=2, actions=self.size, observation=1, state=1, limit=3)

    def start(self, batch):
        return RingEnv(self.spec, batch)


def ring():
    return Ring()


class RingEnv:
    def __init__(self, spec, batch):
        self.spec, self.batch, self.shown = spec, batch, blank(spec, batch)

    def reset(self, rng):
        self.played = 0
        for array in (self.shown.reward, self.shown.terminated):
            array[:] = 0
        return self.shown

    def step(self, actions):
        self.played += 1
        self.shown.reward[:] = (actions == self.spec.actions - 1).sum(axis=1)
        self.shown.terminated[:] = self.played == 3
        return self.shown


@dataclass(frozen=True)
class Settings:
    envs: Annotated[int, "episodes side by side"] = 4
    rate: float = 0.5


class Counting:
    """Every agent plays what was paid best so far."""

    settings: Settings

    def __init__(self, spec, settings, seed):
        self.spec, self.settings = spec, settings
        self.value = np.zeros(spec.actions)

    @property
    def envs(self):
        return self.settings.envs

    def begin(self, batch):
        pass

    def act(self, step, rng, explore):
        if explore:
            return rng.integers(0, self.spec.actions, step.legal.shape[:2])
        return np.full(step.legal.shape[:2], self.value.argmax())

    def learn(self, episodes, rng):
        for action in range(self.spec.actions):
            paid = ((episodes.action == action).sum(axis=2) * episodes.reward).mean()
            self.value[action] += self.settings.rate * (paid - self.value[action])
        return {"best": self.value.max()}

    def state(self):
        return {"value": self.value}

    def restore(self, state):
        self.value = np.array(state["value"].tolist())


class Nothing:
    settings: Settings

    def __init__(self, spec, settings, seed):
        self.envs = 1


class Sum(nn.Module):
    def __init__(self, agents, state):
        super().__init__()

    def forward(self, values, states):
        return values.sum(dim=-1)


def parallel_env():
    raise AssertionError
'''
SMALL = {"hidden": 8, "envs": 2, "batch": 4, "warmup": 4}
SETS = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
LEARNER, ENV = "canary:Counting", "canary:Ring(size=3)"


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """A module in the current folder, which gets a file `imported` when the module is."""
    (tmp_path / "canary.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    importlib.invalidate_caches()
    yield tmp_path
    sys.modules.pop("canary", None)


def forget(folder):
    """Make as if the module had never been imported, so that it shows when it is."""
    sys.modules.pop("canary", None)
    (folder / "imported").unlink(missing_ok=True)


def test_on_the_command_line(canary, run):
    assert (
        "canary:Counting has no parameter 'rats' (did you mean 'rate'?)" in run("train", f"{LEARNER}(rats=1)", ENV)[2]
    )
    code, out, _ = run("train", f"{LEARNER}(rate=0.25)", ENV, "--steps", 60, "--out", "a", "--set", "envs=2")
    assert code == 0
    assert "canary:Counting" in out
    code, out, _ = run("evaluate", "a", "--env", ENV, "--learner", LEARNER, "--episodes", 5, "--json")
    assert (code, json.loads(out)["return"]) == (0, 6.0)
    code, out, _ = run("watch", "a", "--env", ENV, "--learner", LEARNER)
    assert code == 0
    assert out.startswith("the beginning")
    for words in (["a"], ["a", "--env", ENV], ["a", "--learner", LEARNER]):
        forget(canary)
        code, out, err = run("evaluate", *words)
        assert (code, out) == (2, "")
        assert "is somebody's own" in err
    assert "is by canary:Counting" in run("evaluate", "a", "--env", ENV, "--learner", "canary:Nothing")[2]
    code, out, _ = run("train", LEARNER, ENV, "--resume", "a", "--steps", 90, "--json")
    assert (code, json.loads(out)["steps"]) == (0, 90)
    assert "rate=0.25, not 3" in run("train", f"{LEARNER}(rate=3)", ENV, "--resume", "a", "--steps", 99)[2]
    out = run("learners", LEARNER)[1]
    assert "Every agent plays what was paid best so far." in out
    assert "episodes side by side" in out
    assert "rate=0.5" in out
    out = run("envs", "canary:Ring")[1]
    assert "paid 1 for each agent" in out
    assert "size=2" in out
    assert "Learner of counterplay.agents.learner also has begin, act" in run("train", "canary:Nothing", ENV)[2]
    assert "annotates no `settings`" in run("learners", "canary:Ring")[1:][1]


def test_sweep(canary, run):
    out = canary / "s"
    words = ["sweep", f"{LEARNER}(rate=0.5, envs=2),vdn", ENV, "--seeds", 1, "--steps", 30, "--out", out]
    code, said, err = run(*words, "--workers", 1)
    assert code == 0, err
    assert f"{LEARNER}(rate=0.5, envs=2)" in said
    code, _, err = run("evaluate", out, "--episodes", 5, "--env", ENV)
    assert (code, "is somebody's own learner" in err) == (2, True)
    code, said, _ = run("evaluate", out, "--episodes", 5, "--env", ENV, "--learner", LEARNER, "--json")
    assert code == 0
    assert {curve["variant"]: curve["return"] for curve in json.loads(said)["results"]}[
        f"{LEARNER}(rate=0.5,,envs=2)"
    ] == pytest.approx(6)


def test_mixer(canary, run):
    words = ("--steps", 30, *SETS, "--set", "mixer=canary:Sum", "--out", "m")
    assert run("train", "vdn", "climbing", *words)[0] == 0
    forget(canary)
    code, _, err = run("evaluate", "m")
    assert (code, "has mixer=canary:Sum, which is somebody's own" in err) == (2, True)
    assert not (canary / "imported").exists()
    assert run("evaluate", "m", "--set", "mixer=canary:Sum", "--episodes", 3)[0] == 0
    assert "not canary:Other" in run("watch", "m", "--set", "mixer=canary:Other")[2]


def test_from_python(canary):
    sys.path.append(str(canary))
    try:
        module = importlib.import_module("canary")
    finally:
        sys.path.remove(str(canary))
    made = counterplay.train(module.Counting, module.Ring, steps=30, out="a", rate=0.25)
    assert (made.name, made.env) == ("canary:Counting", "canary:Ring")
    again = counterplay.load_run("a", env=module.Ring(), learner=module.Counting)
    assert again.settings == made.settings
    again.name = "moved:Counting"  # as of a script, whose classes are __main__'s
    again.save("b")
    assert counterplay.load_run("b", env=module.Ring(), learner=module.Counting).name == "canary:Counting"
    assert counterplay.train(module.Counting, module.Ring(), resume="b", steps=60).steps == 60
    assert counterplay.train(resume=again, steps=60).steps == 60

    class Inside(module.Counting):
        pass

    with pytest.raises(ValueError, match="at the top of a module"):
        counterplay.train(Inside, "climbing")


REFUSED = r"name it yourself|there is no mixer"
DOCTORED = [
    {"learner": "canary:Counting"},
    {"learner": " canary:Counting(rate=1)"},
    {"learner": "vdn(mixer='canary:Sum')", "settings": {}},
    {"env": "canary:Ring"},
    {"env": " canary:Ring(size=3) "},
    {"env": "pettingzoo:canary"},
    {"env": "pettingzoo:canary:Ring(size=3)"},
    {"env": " pettingzoo:canary "},
    {"settings": {"mixer": "canary:Sum"}},
    {"settings": {"mixer": " canary:Sum"}},
    {"settings": {"mixer": "canary:Sum.forward"}},
    {"settings": {"mixer": "canary:Sum(agents=1)"}},
]


@pytest.mark.parametrize("lie", DOCTORED, ids=str)
def test_files_import_nothing(canary, monkeypatch, lie):
    """A folder that says it is of somebody's own: nothing is imported, not even where it could be found."""
    monkeypatch.syspath_prepend(str(canary))
    counterplay.train("vdn", "climbing", steps=30, out="run", **SMALL)
    file = Path("run/checkpoint.pt")
    saved = torch.load(file)
    for name, value in lie.items():
        saved["run"][name] = {**saved["run"][name], **value} if value and name == "settings" else value
    torch.save(saved, file)
    forget(canary)
    with pytest.raises(ValueError, match=REFUSED):
        counterplay.load_run("run")
    with pytest.raises(ValueError, match=REFUSED):
        counterplay.train(resume="run", steps=60)
    assert "canary" not in sys.modules
    assert not Path("imported").exists()


@pytest.mark.parametrize("written", ["canary:Ring", "canary:Ring(size=2)", "canary:ring()", " canary:Ring( size = 2 )"])
def test_parameters_may_be_written_otherwise(canary, written):
    """A run of one's own environment goes by any text, or thing, that makes the same; not by one that makes another."""
    counterplay.train("vdn", written, steps=30, out="run", **SMALL)
    again = ["canary:Ring", "canary:Ring(size=2)"] if "ring()" not in written else []
    for env in [written, *again]:
        assert counterplay.load_run("run", env=env).steps == 30
    with pytest.raises(ValueError, match=r"the run in run is of .*, not canary:Ring\(size=3\)"):
        counterplay.load_run("run", env="canary:Ring(size=3)")


def test_parameters_from_files_make_nothing(canary, monkeypatch):
    """A factory that imports what its parameter names is called with the user's alone; a plain class needs no spec."""
    Path(canary / "maker.py").write_text(
        "from importlib import import_module\n\n\ndef made(inner: str = 'canary', size: int = 2):\n"
        "    module = import_module(inner)\n    return type('Plain', (module.Ring,), {})(size)\n"
    )
    Path(canary / "evil.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(canary))
    counterplay.train("vdn", "maker:made(size=2)", steps=30, out="run", **SMALL)
    for env in ("maker:made(size=2)", "maker:made(inner='canary')", "maker:made"):
        assert counterplay.load_run("run", env=env).steps == 30
    with pytest.raises(ValueError, match=r"the run in run is of"):
        counterplay.load_run("run", env="maker:made(size=3)")
    saved = torch.load("run/checkpoint.pt")
    for lie in ("maker:made(inner='evil', size=2)", "maker:made(inner=3)", "maker:made(", "maker:made(nothing=1)"):
        saved["run"]["env"] = lie
        torch.save(saved, "run/checkpoint.pt")
        with pytest.raises(ValueError, match=r"the run in run is of|cannot read"):
            counterplay.load_run("run", env="maker:made(size=2)")
    assert "evil" not in sys.modules


def test_what_comes_with_pettingzoo_is_nobodys_own():
    for text in ("pettingzoo:mpe2.simple_spread_v3(N=2)", "pettingzoo:classic/rps_v2(limit=9)", "foraging", "leduc"):
        assert not ENVS.imports_own(text)
    for text in ("pettingzoo:mpe2.simple_spread_v3:raw_env", "pettingzoo:somebodys.module", "mine:Env(a=1)"):
        assert ENVS.imports_own(text)


def test_entry_points_register_for_good(canary):
    """A package that registers a learner and an environment: by name everywhere, and in files."""
    info = canary / "birds-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: birds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[counterplay.envs]\nring = canary:Ring\nclimbing = canary:Ring\n"
        "[counterplay.learners]\ncounting = canary:Counting\n"
    )
    code = textwrap.dedent("""
        import sys
        import counterplay
        from counterplay.agents import LEARNERS
        from counterplay.games.envs import ENVS

        assert counterplay.list_learners()[-1] == "counting"
        assert "ring" in counterplay.list_envs()
        assert LEARNERS.find("counting").summary == "from birds"
        assert counterplay.make("climbing").steps == 25  # a name of ours stays ours
        assert "canary" not in sys.modules  # until it is asked for
        run = counterplay.train("counting(rate=0.25)", "ring(size=3)", steps=60, out="run")
        again = counterplay.load_run("run")
        assert (again.name, again.env, again.settings.rate) == ("counting(rate=0.25)", "ring(size=3)", 0.25), again
        assert counterplay.train(resume="run", steps=84).steps == 84
        import canary
        assert ENVS.spec_of(canary.Ring(3)) == "ring(size=3)"
        counterplay.train("canary:Counting", "canary:Ring(size=3)", steps=60, out="by_path")
        assert counterplay.load_run("by_path").steps == 60  # registered, whatever it is called
        """)
    path = os.pathsep.join([str(canary), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=canary,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    words = [sys.executable, "-m", "counterplay.cli"]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([*words, "learners"], cwd=canary, env=environment, capture_output=True, text=True, check=True)
    assert "counting     from birds" in done.stdout
    done = subprocess.run([*words, "envs"], cwd=canary, env=environment, capture_output=True, text=True, check=True)
    assert "from birds" in done.stdout


def test_specs_with_commas_between_them():
    assert split("qmix, vdn") == ["qmix", "vdn"]
    assert split("a:B(x=1, y=(2, 3)),vdn") == ["a:B(x=1, y=(2, 3))", "vdn"]
    assert find("vdn(lr=0.1)").given == {"lr": 0.1}
    assert LEARNERS.imports_own("a:B(x=1)")
