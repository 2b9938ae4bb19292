"""The commands around learners: what they print, what they return, and what they leave on disk."""

import json
import signal
import subprocess
import sys
import time

import pytest

import counterplay
from counterplay.agents import LEARNERS, find
from counterplay.agents.learner import meanings
from counterplay.agents.log import Row
from counterplay.api.sweep import plan
from counterplay.games.envs import ENVS
from counterplay.show.training import curve, short, ticks

SMALL = {"hidden": 8, "envs": 2, "batch": 4, "warmup": 4, "epsilon_steps": 100}
SETS = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
ENV = "penalty(steps=5)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a run."""
    place = tmp_path_factory.mktemp("runs") / "qmix"
    counterplay.train("qmix", ENV, steps=200, out=place, preset="none", **SMALL)
    return place


def test_lists(run):
    out = run("learners")[1]
    assert [entry.name for entry in LEARNERS if f"{entry.name} " not in out] == []
    out = run("envs")[1]
    assert [entry.name for entry in ENVS if f"{entry.name} " not in out] == []
    out = run("envs", "penalty")[1]
    assert "k=-100.0, steps=25" in out
    assert "counterplay train LEARNER" in out


@pytest.mark.parametrize("entry", list(LEARNERS), ids=lambda entry: entry.name)
def test_help_lists_every_setting(run, entry):
    settings = find(entry.name).settings_type()
    code, out, _ = run("train", "--help", entry.name)
    assert code == 0
    assert out.startswith("Usage: counterplay train")
    assert run("train", entry.name, "--help")[1] == out
    assert run("learners", entry.name)[1] in out
    words = " ".join(out.split())
    for name, (_, _, meaning) in meanings(settings).items():
        assert f" {name}=" in out
        assert meaning in words


def test_train_prints_a_summary_and_says_what_is_next(run, tmp_path):
    code, out, err = run("train", "vdn", ENV, "--steps", "2e2", *SETS, "--out", tmp_path / "a")
    assert code == 0
    assert "vdn" in out
    assert "200 steps, 40 episodes" in out
    assert f"counterplay train --resume {tmp_path / 'a'} --steps 400" in out
    lines = err.splitlines()  # plain ones where there is no terminal
    assert lines[0].startswith("counterplay: networks run on the ")
    assert lines[1].startswith("vdn penalty(steps=5): settings: ")
    assert lines[2].startswith("vdn penalty(steps=5): return ")
    assert "of 200 steps" in err
    assert "\x1b" not in out + err
    code, out, _ = run("train", "--resume", tmp_path / "a", "--steps", 220)
    assert code == 0
    assert "220 steps" in out


def test_train_json_is_one_object(run):
    code, out, _ = run("train", "qmix", ENV, "--steps", 100, "--seed", 4, "--set", "lr=1e-3", *SETS, "--json")
    data = json.loads(out)
    assert code == 0
    assert (data["learner"], data["env"], data["seed"], data["steps"]) == ("qmix", ENV, 4, 100)
    assert data["test_low"] <= data["test_return"] <= data["test_high"]
    assert data["folder"] is None
    assert "Not saved: --out runs/qmix_penalty_0" in run("train", "qmix", ENV, "--steps", 100, *SETS)[1]


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_interrupt_saves_and_says_how_to_go_on(tmp_path, number):
    place = tmp_path / "run"
    command = [sys.executable, "-m", "counterplay.cli", "train", "vdn", ENV, "--steps", "10000000", *SETS]
    command += ["--test-every", "100", "--out", str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline().startswith("counterplay: networks run on the ")
        assert process.stderr.readline().startswith("vdn penalty")
        time.sleep(0.2)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "interrupted" in out
    assert f"counterplay train --resume {place}\n" in out
    found = counterplay.load_run(place)
    assert found.stopped_by == "interrupt"
    assert found.plan.steps == 10_000_000


MISTAKES = [
    (["qmx", ENV], "did you mean 'qmix'"),
    (["qmix", "climbin"], "did you mean 'climbing'"),
    (["qmix", "climbing(step=3)"], "did you mean 'steps'"),
    (["qmix"], "name a learner and an environment"),
    ([], "name a learner and an environment"),
    (["qmix", ENV, "--set", "lrr=1"], "did you mean 'lr'"),
    (["qmix", ENV, "--set", "lr=fast"], "lr must be a number"),
    (["qmix", ENV, "--set", "lr=-1"], "0 or more"),
    (["qmix", ENV, "--set", "lr=nan"], "lr must be a number"),
    (["qmix", ENV, "--set", "envs=2.5"], "envs must be an integer"),
    (["qmix", ENV, "--set", "double=maybe"], "true or false"),
    (["qmix", ENV, "--set", "lr"], "NAME=VALUE"),
    (["qmix", ENV, "--set", "lr=1", "--set", "lr=2"], "twice"),
    (["qmix", ENV, "--set", "seed=1"], "--seed"),
    (["qmix", ENV, "--set", "mixer=qmx"], "the mixers are"),
    (["qmix", ENV, "--set", "mixer=nowhere:Mixer"], "cannot import 'nowhere'"),
    (["qmix", ENV, "--set", "batch=64"], "rise in this order"),
    (["qmix", ENV, "--steps", "0"], "--steps"),
    (["qmix", ENV, "--steps", "1.5"], "--steps"),
    (["qmix", ENV, "--steps", "many"], "--steps"),
    (["qmix", ENV, "--seed", "-1"], "--seed"),
    (["qmix", "spread(continuous=true)"], "actions are numbers (continuous)"),
    (["qmix", "spread(reward=individual)"], "pays every agent its own"),
    (["vdn", "kuhn"], "pays every agent its own"),
    (["qmix", "pettingzoo:mpe2.simple_adversary_v3"], "agents differ in their observations"),
    (["qmix", ENV, "--out", "/proc/nothing/run"], "cannot write"),
    (["qmix", ENV, "--out", __file__], "cannot write"),
    (["--resume", "/nowhere"], "holds no run"),
    (["--help", "qmx"], "did you mean 'qmix'"),
]


@pytest.mark.parametrize(("arguments", "says"), MISTAKES, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_mistakes(run, arguments, says):
    code, out, err = run("train", *arguments)
    assert code == 2
    assert says in err
    assert err.startswith("counterplay: ")
    assert (out, err.count("\n")) == ("", 1)
    assert len(err) < 600


def test_a_folder_that_holds_a_run(run, folder):
    for arguments, says in (
        (["qmix", ENV, "--out", folder], "holds a run already"),
        (["vdn", "--resume", folder], "by qmix, not vdn"),
        (["qmix", "climbing", "--resume", folder], "not climbing"),
        (["--resume", folder, "--seed", "3"], "seed 0, not 3"),
        (["--resume", folder, "--set", "lr=3"], "lr=0.0005, not 3"),
        (["--resume", folder], "has had 200 steps"),
    ):
        code, _, err = run("train", *arguments)
        assert (code, says in err) == (2, True), err


def test_evaluate(run, folder):
    code, out, _ = run("evaluate", folder, "--episodes", 20)
    assert code == 0
    assert "20 episodes without exploring" in out
    data = json.loads(run("evaluate", folder, "--json", "--seed", 1)[1])
    assert data["low"] <= data["return"] <= data["high"]
    assert (data["learner"], data["steps"], data["played"]) == ("qmix", 200, 100)
    assert data == json.loads(run("evaluate", folder, "--json", "--seed", 1)[1])


def test_evaluate_measures_exploitability(run, tmp_path):
    counterplay.train("iql", "kuhn", steps=60, out=tmp_path / "kuhn", **SMALL)
    out = run("evaluate", tmp_path / "kuhn")[1]
    assert "agent 1" in out
    assert "Neither player can gain more than" in out
    data = json.loads(run("evaluate", tmp_path / "kuhn", "--json")[1])
    team = counterplay.load_run(tmp_path / "kuhn")
    assert data["exploitability"] == counterplay.judge(team).exploitability
    # A policy that is a table is worth what its episodes earn.
    returns = team.evaluate(2000).returns
    error = returns.std(axis=0) / 2000**0.5
    assert abs(returns.mean(axis=0) - data["value"]).max() < 4 * error.max() + 1e-9


def test_agents_that_remember_have_no_table(run, tmp_path):
    counterplay.train("iql", "kuhn", steps=60, recurrent=True, out=tmp_path / "kuhn", **SMALL)
    assert "not measured: agents with recurrent=true remember" in run("evaluate", tmp_path / "kuhn")[1]
    with pytest.raises(ValueError, match="is none"):
        counterplay.judge(counterplay.train("iql", ENV, steps=10, **SMALL))


def test_watch(run, folder, tmp_path):
    from PIL import Image

    code, out, _ = run("watch", folder, "--seed", 3)
    assert code == 0
    scenes = out.split("\n\n")
    assert scenes[0].startswith("the beginning\nround 0 of 5")
    assert scenes[-1].startswith("step 5: agent 0: action ")
    assert "the end" in scenes[-1]
    assert len(scenes) == 6
    assert out == run("watch", folder, "--seed", 3)[1]
    code, out, _ = run("watch", folder, "--out", tmp_path / "a.gif", "--delay", 0.1)
    assert out == f"6 frames in {tmp_path / 'a.gif'}\n"
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 6


def test_watch_takes_the_environments_own_pictures(run, tmp_path):
    from PIL import Image

    env = "pettingzoo:mpe2.simple_spread_v3(N=2, max_cycles=3)"
    counterplay.train("vdn", env, steps=3, out=tmp_path / "run", **{**SMALL, "envs": 1}, test_episodes=1)
    run("watch", tmp_path / "run", "--out", tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.size[0] == 720


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evaluate", "."], "holds no run"),
        (["evaluate", "RUN", "--against", "x.cps"], "x.cps is none"),
        (["evaluate", "x.cps", "--episodes", "3"], "--episodes is for folders"),
        (["evaluate", "RUN", "--episodes", "0"], "--episodes"),
        (["watch", "/nowhere"], "holds no run"),
        (["watch", "RUN", "--out", "/nowhere/a.gif"], "cannot write"),
        (["watch", "RUN", "--delay", "-1"], "--delay"),
        (["learners", "qmx"], "did you mean 'qmix'"),
        (["envs", "climbin"], "did you mean 'climbing'"),
    ],
)
def test_other_mistakes(run, folder, arguments, says):
    code, out, err = run(*(folder if word == "RUN" else word for word in arguments))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


@pytest.mark.parametrize("words", [["train", "qmix", ENV], ["learners", "qmix"], ["sweep", "qmix", ENV, "--out", "x"]])
def test_without_torch(words):
    code = f"import sys; sys.modules['torch'] = None; from counterplay.cli import main; main({words})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'counterplay: learners need PyTorch: pip install "counterplay[learn]"\n'


@pytest.mark.slow
def test_exploitability_while_training(run, tmp_path):
    """In a game tests measure it, exactly: in history, lines, summary, and in a sweep's table and curves."""
    out = tmp_path / "run"
    sets = ("--set", "envs=8", "--test-every", 500)
    code, text, err = run("train", "ippo", "kuhn", "--steps", 1500, "--out", out, *sets)
    assert code == 0
    found = counterplay.load_run(out)
    tests = [row["test_exploitability"] for row in found.history if "test_return" in row]
    assert len(tests) > 2
    assert tests[-1] == pytest.approx(counterplay.judge(found).exploitability, abs=1e-12)
    assert f"exploitability {tests[-1]:.4g}" in err
    assert f"exploitability  {tests[-1]:.4g}, exact" in text
    assert not any("test_exploitability" in row for row in counterplay.train("ippo", "climbing", steps=200).history)
    rows = counterplay.train("ippo", "kuhn", steps=200, recurrent=True).history  # agents that remember: no table
    assert not any("test_exploitability" in row for row in rows)

    folder = tmp_path / "sweep"
    code, text, _ = run("sweep", "ippo,mappo", "kuhn", "--steps", 1500, "--seeds", 2, "--out", folder, *sets[:2])
    assert code == 0
    assert "exploitability" in text.splitlines()[0]
    results = json.loads((folder / "results.json").read_text())
    assert results[0]["low"] <= results[0]["exploitability"] == results[0]["curve"]["mean"][-1] <= results[0]["high"]
    assert min(results[0]["curve"]["mean"]) > 0


def test_curve():
    history: list[Row] = [{"steps": 100.0 * k, "return": 0.0, "test_return": k % 5} for k in range(1, 30)]
    lines = curve(history, 60, 12)
    assert len(lines) == 12
    assert {len(line) for line in lines} == {60}
    assert "1k" in lines[-1]
    assert curve(history[:1], 60, 12) == []
    assert curve([{"steps": 1.0, "return": 2.0}, {"steps": 2.0, "return": 2.0}], 60, 12)  # a flat one too
    assert [name for _, name in ticks(0, 1, 4)] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert [short(x) for x in (0.1 + 0.2, -130, 12000, 2.5e6)] == ["0.3", "-130", "12k", "2.5M"]


def test_sweep(run, tmp_path):
    out = tmp_path / "sweep"
    words = ["sweep", "vdn", ENV, "--seeds", 2, "--steps", 100, "--out", out, *SETS, "--set", "lr=1e-3"]
    code, said, err = run(*words)
    assert code == 0
    assert said.splitlines()[1].split()[:2] == ["vdn", "2"]
    assert "sweep: 2 of 2 runs finished" in err
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*/*/checkpoint.pt")}
    assert len(kept) == 2
    alone = counterplay.train("vdn", ENV, steps=100, seed=1, lr=1e-3, **SMALL)
    swept = counterplay.load_run(out / "vdn" / "seed_1")
    assert swept.history[-1]["loss"] == alone.history[-1]["loss"]

    # Started again it only reports; what is missing, or has too few steps, is made up for.
    data = json.loads(run(*words, "--json")[1])
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert data["results"] == json.loads((out / "results.json").read_text())
    curve = data["results"][0]["curve"]
    assert curve["steps"][-1] == 100
    assert curve["low"][-1] <= curve["mean"][-1] <= curve["high"][-1]
    said = run("evaluate", out, "--episodes", 5)[1]
    assert "the band is over seeds" in said
    assert json.loads(run("evaluate", out, "--json")[1])["results"][0]["seeds"] == [0, 1]


def test_sweep_plan(tmp_path):
    jobs = plan(["vdn", "qmix"], {"lr": [1e-3, 5e-4], "hidden": [8]}, 3, tmp_path)
    assert len({job.folder for job in jobs}) == len(jobs) == 12
    assert [job.seed for job in jobs[::4]] == [0, 1, 2]
    assert jobs[1].variant == "vdn lr=0.0005"
    assert jobs[1].settings == {"lr": 5e-4, "hidden": 8}


def test_sweep_keeps_what_an_interrupt_leaves(tmp_path):
    command = [
        sys.executable,
        "-m",
        "counterplay.cli",
        "sweep",
        "vdn",
        ENV,
        "--seeds",
        "3",
        "--steps",
        "1000000",
        *SETS,
    ]
    command += ["--out", str(tmp_path / "s"), "--workers", "1"]
    rows = tmp_path / "s" / "vdn" / "seed_0" / "metrics.jsonl"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (rows.exists() and rows.stat().st_size):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on" in err
    assert counterplay.load_run(tmp_path / "s" / "vdn" / "seed_0").stopped_by == "interrupt"
    assert not (tmp_path / "s" / "vdn" / "seed_1").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["vdm", ENV], "did you mean 'vdn'"),
        (["vdn,vdn", ENV], "twice"),
        (["vdn", "climbin"], "did you mean 'climbing'"),
        (["vdn", ENV, "--set", "lr=1,"], "lr must be a number"),
        (["vdn", ENV, "--set", "lrr=1,2"], "did you mean 'lr'"),
        (["vdn", "kuhn"], "pays every agent its own"),
        (["vdn", ENV, "--seeds", "0"], "--seeds"),
        (["vdn", ENV, "--workers", "0"], "--workers"),
    ],
)
def test_sweep_mistakes(run, tmp_path, arguments, says):
    code, out, err = run("sweep", *arguments, "--out", tmp_path / "sweep")
    assert (code, out) == (2, "")
    assert says in err
    assert not (tmp_path / "sweep").exists()
