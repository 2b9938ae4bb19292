"""Runs again: repeated from their run.json, begun with another's networks, their best kept and judged anew."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import counterplay
from counterplay.agents.best import best
from counterplay.agents.log import RUN_FILE
from counterplay.api.absolute import TIMES
from counterplay.cli import cli
from counterplay.engine.errors import UserError

SHORT = {"steps": 60, "test_every": 20, "test_episodes": 2}


def history(run):
    return [{name: x for name, x in row.items() if "second" not in name} for row in run.history]


def weights(run):
    return torch.cat([part.detach().ravel() for part in run.learner.networks.parameters()]).numpy()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    return counterplay.train("ippo", "two_step", seed=3, out=folder, envs=4, lr=0.01, entropy=0.03, **SHORT)


def test_a_run_is_repeated_from_its_config(kept, tmp_path):
    again = counterplay.train(config=kept.folder / RUN_FILE, out=tmp_path / "again")
    assert history(again) == history(kept)
    assert np.array_equal(weights(again), weights(kept))
    told = [json.loads((run.folder / RUN_FILE).read_text()) | {"seconds": 0} for run in (kept, again)]
    assert told[0] == told[1]
    other = counterplay.train(config=kept.folder, seed=4, lr=0.02, steps=20)
    assert (other.seed, other.settings.lr, other.settings.entropy, other.plan.steps) == (4, 0.02, 0.03, 20)


def test_a_config_imports_nothing_of_ones_own(kept, tmp_path):
    about = json.loads((kept.folder / RUN_FILE).read_text())
    for change, sentence in (
        ({"learner": "mine:Memory"}, "mine:Memory"),
        ({"env": "mine:World"}, "mine:World, which is somebody's own"),
        ({"settings": {**about["settings"], "body": "mine:Body"}}, "body=mine:Body, which is somebody's own"),
        ({"steps": -1}, "is no run.json of a run"),
    ):
        (tmp_path / RUN_FILE).write_text(json.dumps({**about, **change}))
        with pytest.raises(UserError, match=sentence):
            counterplay.train(config=tmp_path)
    with pytest.raises(UserError, match="give one of resume and config"):
        counterplay.train(config=kept.folder, resume=kept.folder)


def test_a_run_begins_with_anothers_networks(kept, tmp_path):
    still = {"steps": 1, "envs": 1, "lr": 0.0, "critic_lr": 0.0, "scale_values": False, "init_from": kept.folder}
    begun = counterplay.train("ippo", "two_step", **still)
    assert np.array_equal(weights(begun), weights(kept))
    # A critic that sees the state is another one, and stays fresh.
    central = counterplay.train("mappo", "two_step", **still)
    for name, part in kept.learner.agents.state_dict().items():
        assert torch.equal(central.learner.agents.state_dict()[name], part)
    told = counterplay.train("ippo", "two_step", init_from=kept.folder, out=tmp_path / "begun", **SHORT)
    again = counterplay.train(config=tmp_path / "begun", out=tmp_path / "again")
    assert told.init_from == again.init_from == counterplay.load_run(tmp_path / "again").init_from
    assert history(again) == history(told)


def test_networks_that_do_not_fit_are_one_sentence(kept):
    for learner, env, given, sentence in (
        ("ippo", "climbing", {}, "agents: .* is float32 .* where float32 .* belongs"),
        ("ippo", "two_step", {"hidden": 32}, "where float32"),
        ("pgpe", "two_step", {}, "by another learner, whose networks are none of these"),
        ("nfsp", "kuhn", {}, "only learners with one set of networks"),
    ):
        with pytest.raises(UserError, match=sentence):
            counterplay.train(learner, env, steps=10, init_from=kept.folder, **given)
    with pytest.raises(UserError, match="leave init_from out"):
        counterplay.train(resume=kept.folder, steps=100, init_from=kept.folder)


def test_the_best_is_kept_beside_the_last(kept):
    found = best(kept.history)
    tests = {row["steps"]: row["test_return"] for row in kept.history if "test_return" in row}
    assert found.figure == max(tests.values()) == tests[found.steps]
    team = counterplay.load_run(kept.folder / "best")
    assert team.steps == found.steps
    assert team.evaluate(2, found.steps).mean == found.figure  # as it was tested
    anew = kept.absolute
    assert (anew["steps"], anew["episodes"]) == (found.steps, TIMES * 2)
    assert anew["return"] == team.evaluate(TIMES * 2, 2**40).mean
    assert counterplay.load_run(kept.folder).absolute == anew


def test_in_games_the_best_is_the_least_exploitable(tmp_path):
    run = counterplay.train("ippo", "kuhn", out=tmp_path / "kuhn", envs=4, **SHORT)
    found = best(run.history)
    assert found.measure == "exploitability"
    assert found.figure == min(row["test_exploitability"] for row in run.history if "test_exploitability" in row)
    kept = counterplay.load_run(tmp_path / "kuhn" / "best")
    assert counterplay.judge(kept).exploitability == pytest.approx(found.figure, abs=1e-12)


def test_again_on_the_command_line(kept, tmp_path):
    def ask(*arguments):
        done = CliRunner().invoke(cli, [*map(str, arguments)])
        assert done.exit_code == 0, done.stderr
        return done.stdout

    said = ask("train", "--config", kept.folder, "--init-from", kept.folder, "--steps", 20, "--out", tmp_path / "a")
    assert "best " in said
    assert "best, again" in said
    told = json.loads(ask("train", "--config", tmp_path / "a", "--out", tmp_path / "b", "--json"))
    assert told["absolute"]["episodes"] == TIMES * 2
    assert told["best"]["measure"] == "return"


def test_the_best_and_the_past_are_written_through_no_link(tmp_path):
    counterplay.train("qmix", "two_step", steps=40, out=tmp_path / "other")
    before = {file: file.read_bytes() for file in (tmp_path / "other").iterdir() if file.is_file()}
    for name in ("best", "past"):
        out = tmp_path / f"with_{name}"
        run = counterplay.train("qmix", "two_step", steps=40, out=out)
        place = out / name
        if place.exists():
            place.rename(out / "elsewhere")
        place.symlink_to(tmp_path / "other")
        with pytest.raises(UserError, match="is a link"):
            run.keep_past() if name == "past" else run.keep_beside(name)
    assert before == {file: file.read_bytes() for file in before}


def test_a_newer_config_and_a_preset_that_is_no_name_are_refused(tmp_path):
    counterplay.train("qmix", "two_step", steps=40, out=tmp_path)
    file = tmp_path / "run.json"
    file.write_text(file.read_text().replace('"format": 2', '"format": 3'))
    with pytest.raises(UserError, match="newer"):
        counterplay.train(config=file, steps=20)
    with pytest.raises(UserError, match="preset must be a text"):
        counterplay.train("qmix", "two_step", preset=3)
