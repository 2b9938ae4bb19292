"""Presets: that each fits its learners, when they count, what they leave to others, and that runs keep them."""

import json

import pytest

import counterplay
from counterplay.agents import find
from counterplay.agents.presets import PRESETS, PUBLISHED, Preset, choose
from counterplay.api.runs import preset_name
from counterplay.games import GAMES
from counterplay.games.envs import ENVS

SMALL = {"hidden": 8, "envs": 2}
EVERY = [(preset, learner) for preset in PRESETS for learner in preset.learners]


@pytest.mark.parametrize(("preset", "learner"), EVERY, ids=lambda x: x if isinstance(x, str) else x.name)
def test_every_preset_fits(preset, learner):
    pytest.importorskip("torch")
    choice = find(learner)
    settings = choice.with_settings(preset.settings_for({}))
    assert all(getattr(settings, name) == value for name, value in preset.settings.items())
    named = set(choice.entry.preset) - {"magnet"}  # whose weight is in the game's units
    assert not set(preset.settings) & named, "what the name says is no matter of a preset"
    assert preset.name in (*ENVS.names, *GAMES.names)
    assert choose(None, preset.name, learner) == choose(preset.name, "elsewhere", learner) == preset


@pytest.mark.parametrize("preset", PUBLISHED, ids=lambda preset: f"{preset.name}-{preset.learners[0]}")
def test_settings_of_papers_fit(preset):
    pytest.importorskip("torch")
    assert preset.source
    assert preset.name not in (*ENVS.names, *GAMES.names), "it would be that environment's"
    for learner in preset.learners:
        settings = find(learner).with_settings(preset.settings_for({}))
        assert all(getattr(settings, name) == value for name, value in preset.settings.items())
        assert choose(preset.name, "elsewhere", learner) == preset


@pytest.mark.slow
def test_settings_of_papers_are_learned_with(run):
    """That agents that remember, large batches and slow targets go through each learner's updates."""
    pytest.importorskip("torch")
    for learner in ("qmix", "ia2c", "coma"):
        done = counterplay.train(learner, "climbing(steps=3)", steps=30, preset="epymarl", hidden=8, envs=2)
        assert done.preset == "epymarl"
    out = run("presets")[1]
    assert "NeurIPS 2021" in out
    assert "differs:" in run("presets", "td3")[1]
    code, _, err = run("presets", "epymarrl")
    assert (code, "did you mean 'epymarl'" in err) == (2, True)


def test_one_for_each():
    every = [*EVERY, *((preset, learner) for preset in PUBLISHED for learner in preset.learners)]
    assert len({(preset.name, learner) for preset, learner in every}) == len(every)


def test_settings_for():
    preset = Preset("x", ("qmix",), 1000, {"lr": 0.1, "td_lambda": 0.5, "epsilon_steps": 500})
    assert preset.settings_for({}) == preset.settings
    assert preset.settings_for({}, 2000) == {"lr": 0.1, "td_lambda": 0.5, "epsilon_steps": 1000}
    assert preset.settings_for({}, 1)["epsilon_steps"] == 1
    assert preset.settings_for({"lr": 1, "n_step": 3}) == {"epsilon_steps": 500}  # n_step is instead of td_lambda


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ("foraging(players=3)", "foraging"),
        ("Foraging-8x8-2p-2f-coop-v3", "foraging"),
        ("penalty(k=-50)", "penalty"),
        ("kuhn(players=3)", "kuhn"),
        ("matrix_game(payoffs=(1, 0, 0, 2))", "matrix_game"),
    ],
)
def test_names(env, name):
    assert preset_name(ENVS.make(env)) == name


def test_choose():
    assert choose(None, "nowhere", "qmix") is None
    assert choose("none", "penalty", "iql") is None
    assert choose(None, "penalty", "mine:Memory") is None
    with pytest.raises(ValueError, match="did you mean 'penalty'"):
        choose("penlty", "climbing", "iql")
    with pytest.raises(ValueError, match="says nothing of mine:Memory: it has none"):
        choose("penalty", "climbing", "mine:Memory")


def test_training_by_a_preset(tmp_path):
    pytest.importorskip("torch")
    preset = choose(None, "penalty", "mappo")
    run = counterplay.train("mappo", "penalty(steps=5)", steps=40, out=tmp_path / "run", pessimism=0.5, **SMALL)
    assert (run.preset, run.plan.steps) == ("penalty", 40)
    assert run.settings.critic_lr == preset.settings["critic_lr"]
    assert run.settings.pessimism == 0.5  # what is given comes first
    kept = json.loads((tmp_path / "run" / "run.json").read_text())
    assert kept["preset"] == "penalty"
    assert kept["settings"]["critic_lr"] == run.settings.critic_lr

    again = counterplay.train(resume=tmp_path / "run", steps=60)
    assert (again.settings, again.preset) == (run.settings, "penalty")
    with pytest.raises(ValueError, match="has the preset penalty, not none"):
        counterplay.train(resume=tmp_path / "run", steps=80, preset="none")

    plain = counterplay.train("mappo", "penalty(steps=5)", steps=40, preset="none", **SMALL)
    assert plain.preset == ""
    assert plain.settings.critic_lr == find("mappo").with_settings({}).critic_lr
    other = counterplay.train("mappo(lr=0.5)", "two_step", steps=8, preset="penalty", **SMALL)
    assert (other.preset, other.settings.lr) == ("penalty", 0.5)
    assert other.settings.critic_lr == preset.settings["critic_lr"]


def test_the_length_of_a_run_is_the_presets():
    pytest.importorskip("torch")
    run = counterplay.train("mappo", "penalty", stop=lambda: True)
    assert run.plan.steps == choose(None, "penalty", "mappo").steps
    assert counterplay.train("mappo", "penalty", stop=lambda: True, preset="none").plan.steps == 200_000


def test_command_line(run, tmp_path):
    pytest.importorskip("torch")
    sets = ("--set", "hidden=8", "--set", "envs=2")
    code, out, err = run("train", "mappo", "penalty", "--steps", 100, *sets)
    assert code == 0
    said = "preset penalty: envs=2, gamma=0.0"
    assert said in out
    assert err.splitlines()[1].startswith(f"mappo penalty: settings: {said}")
    assert json.loads(run("train", "mappo", "penalty", "--steps", 100, *sets, "--json")[1])["preset"] == "penalty"
    assert run("train", "mappo", "penalty", "--preset", "non")[0] == 2
    out = run("train", "mappo", "penalty", "--steps", 100, *sets, "--preset", "none")[1]
    assert "settings envs=2, hidden=8 run" in " ".join(out.split())
    assert "penalty gamma=0.0, pessimism=0.01" in " ".join(run("learners", "mappo")[1].split())
    assert "pessimism=0.01" in run("train", "mappo", "penalty", "--help")[1]
    assert "pessimism=1.0" in run("train", "mappo", "penalty", "--preset", "none", "--help")[1]


@pytest.mark.slow
def test_sweep(tmp_path):
    pytest.importorskip("torch")
    for preset, critic in (("penalty", 0.005), ("none", 0.001)):
        place = tmp_path / preset
        given = {name: [value] for name, value in SMALL.items()}
        counterplay.sweep("mappo", "penalty(steps=5)", out=place, seeds=1, steps=20, settings=given, preset=preset)
        (file,) = place.rglob("seed_0/run.json")
        assert json.loads(file.read_text())["settings"]["critic_lr"] == critic
        counterplay.sweep("mappo", "penalty(steps=5)", out=place, seeds=1, steps=40, settings=given, preset=preset)
        assert json.loads(file.read_text())["steps"] == 40


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["iql", "mappo"])
def test_the_penalty_game_is_solved(learner):
    pytest.importorskip("torch")
    assert counterplay.train(learner, "penalty").evaluate(32).mean == pytest.approx(250, abs=5)
