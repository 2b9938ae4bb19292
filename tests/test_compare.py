"""Learners compared: estimates against plain Python, folders and files read, what does not fit refused."""

import json
from itertools import product

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import counterplay
from counterplay.agents import comparing
from counterplay.cli import cli
from counterplay.engine.errors import UserError
from counterplay.show import comparison_pages

numbers = st.floats(-100, 100).map(lambda x: round(x, 1))
runs = st.lists(numbers, min_size=1, max_size=9)


@given(tasks=st.lists(runs, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_interquartile_means(tasks):
    """Sorted, a quarter cut off at either end; intervals within what there was, and the same from the same seed."""
    scores = [np.array(task) for task in tasks]
    found = comparing.aggregate(scores, np.random.default_rng(1))
    every = sorted(x for task in tasks for x in task)
    cut = len(every) // 4
    assert float(found.value) == pytest.approx(np.mean(every[cut : len(every) - cut]))
    assert min(every) - 1e-9 <= found.low <= found.high <= max(every) + 1e-9
    again = comparing.aggregate(scores, np.random.default_rng(1))
    assert (again.low, again.high) == (found.low, found.high)


@given(pairs=st.lists(st.tuples(runs, runs), min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_probabilities_of_improvement(pairs):
    """All pairs of runs counted, and Mann and Whitney's U; what one is better, the other is worse."""
    one, other = ([np.array(pair[k]) for pair in pairs] for k in range(2))
    found = comparing.improvement(one, other, np.random.default_rng(0))
    wins = [
        np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in product(mine, theirs)]) for mine, theirs in pairs
    ]
    assert float(found.value) == pytest.approx(np.mean(wins))
    shares = [stats.mannwhitneyu(a, b).statistic / (len(a) * len(b)) for a, b in pairs]
    assert float(found.value) == pytest.approx(np.mean(shares))
    assert float(comparing.improvement(other, one, np.random.default_rng(0)).value) == pytest.approx(1 - np.mean(wins))
    assert 0 <= found.low <= found.high <= 1


def test_profiles():
    found = comparing.profile([np.array([0.0, 1.0]), np.array([1.0, 2.0])], np.array([-1.0, 0.5, 2.0]), _rng())
    assert found.value.tolist() == [1.0, 0.75, 0.0]
    assert np.all(found.low <= found.value)
    assert np.all(found.value <= found.high)


def test_the_interval_holds_what_it_says():
    """Of 300 samples of ten, the mean of the whole is within nine in ten intervals or more, as such small ones go."""
    rng, inside = np.random.default_rng(3), 0
    for _ in range(300):
        found = comparing.aggregate([rng.normal(size=10)], rng, lambda scores: scores.mean(axis=-1))
        inside += bool(found.low <= 0 <= found.high)
    assert 0.85 < inside / 300 < 0.99


def _rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    for env in ("climbing(steps=2)", "penalty(steps=2)"):
        for learner, seed in product(("ippo", "a2c"), range(2)):
            out = folder / env / learner / f"seed_{seed}"
            counterplay.train(learner, env, steps=64, seed=seed, test_every=16, test_episodes=4, out=out, hidden=8)
    return folder


def test_folders(swept, tmp_path):
    found = counterplay.compare(swept)
    assert set(found.learners) == {"ippo", "a2c"}
    assert len(found.tasks) == 2
    assert {name: len(runs) for name, runs in found.runs.items()} == {"ippo": 4, "a2c": 4}
    one = counterplay.compare(swept / "climbing(steps=2)")
    last = sorted(
        counterplay.load_run(swept / "climbing(steps=2)" / "ippo" / f"seed_{seed}").history[-1]["test_return"]
        for seed in range(2)
    )
    assert float(one.middle["ippo"].value) == pytest.approx(np.mean(last))  # of two runs nothing is cut off
    assert one.ends == {"climbing(steps=2)": (0.0, 1.0)}
    shares = counterplay.compare(swept, ends={"climbing(steps=2)": (-60, 22), "penalty(steps=2)": (-200, 20)})
    assert 0 < float(shares.middle["ippo"].value) < 1
    assert float(counterplay.compare(swept, score="best").middle["a2c"].value) >= float(found.middle["a2c"].value)

    figure, file = tmp_path / "figure.svg", tmp_path / "eval.json"
    done = CliRunner().invoke(cli, ["compare", str(swept), "--out", str(figure), "--marl-eval", str(file)])
    assert done.exit_code == 0, done.output
    assert "2 tasks, return of each run: the last test" in done.output
    assert "performance profile" in figure.read_text()
    # What was written is read back as the same runs.
    back = counterplay.compare(file)
    assert back.learners == found.learners
    for learner in found.learners:
        assert float(back.middle[learner].value) == pytest.approx(float(found.middle[learner].value), abs=1e-6)
    said = CliRunner().invoke(cli, ["compare", str(file), "--json"])
    assert json.loads(said.stdout)["runs"] == {"ippo": 4, "a2c": 4}


MARL_EVAL = {
    "smax": {
        "3m": {
            name: {
                f"run_{k}": {
                    "step_1": {"step_count": 0, "win": [0.0], "return": [0, 1]},
                    "step_2": {"step_count": 10, "win": [share], "return": [1.0, 3.0]},
                    "absolute_metrics": {"win": [share / 2], "return": [5.0]},
                }
                for k in range(2)
            }
            for name, share in (("qmix", 1.0), ("vdn", 0.5))
        }
    }
}


def test_files_of_other_tools(tmp_path):
    path = tmp_path / "others.json"
    path.write_text(json.dumps(MARL_EVAL))
    found = counterplay.compare(path)
    assert found.tasks == ("smax/3m",)
    assert float(found.middle["qmix"].value) == 2
    found = counterplay.compare(path, metric="win")
    assert float(found.better["qmix", "vdn"].value) == 1
    assert float(counterplay.compare(path, metric="win", score="absolute").middle["vdn"].value) == 0.25


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "not in marl-eval's form"),
        ('{"a": {"b": {"c": {"d": {"step_1": 3}}}}}', "not in marl-eval's form"),
        ('{"a": {"b": {"c": {"d": {"step_1": {"return": [1]}}}}}}', "without step_count"),
        ('{"a": {"b": {"c": {"d": {"step_1": {"step_count": 1}}}}}}', "has no metric"),
        ('{"a": {"b": {"c": {"d": {"step_1": {"step_count": 1, "return": ["x"]}}}}}}', "has a step without return"),
        ('{"a": {"b": {"c": {"d": {}}}}}', "has no metric"),
        ("{}", "no tested runs"),
        ("[" * 5000, "not in marl-eval's form"),
    ],
)
def test_damaged_files(tmp_path, text, said):
    path = tmp_path / "damaged.json"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        counterplay.compare(path)


def test_what_does_not_fit(swept, tmp_path):
    for asked, said in (
        ({"paths": tmp_path}, "no tested runs"),
        ({"paths": tmp_path / "none"}, "there is no"),
        ({"paths": __file__}, "neither a folder of runs nor a JSON file"),
        ({"paths": []}, "no tested runs in nothing"),
        ({"paths": swept, "score": "first"}, "last, best or absolute"),
        ({"paths": swept, "ends": {"climbin": (0, 1)}}, "no task 'climbin'"),
        ({"paths": swept, "ends": {"climbing(steps=2)": (1, 0)}}, "the lower first"),
        ({"paths": [swept / "climbing(steps=2)", swept / "penalty(steps=2)" / "ippo"]}, "a2c has no runs in penalty"),
    ):
        with pytest.raises(UserError, match=said.replace("(", r"\(")):
            counterplay.compare(**asked)
    with pytest.raises(UserError, match="--ends wants TASK=LOW:HIGH"):
        cli.main(["compare", str(swept), "--ends", "climbing(steps=2)=1"], standalone_mode=False)


def _file(path, runs, raw="{}"):
    """Write a file of marl-eval's form with one learner and one task; `raw` is the runs' figure, as JSON."""
    tests = {"step_0": {"step_count": 0, "return": ["X"]}, "step_1": {"step_count": 9, "return": [1.0]}}
    path.write_text(json.dumps({"env": {"task": {name: dict.fromkeys(runs, tests) for name in ("$a$b", "_u")}}}))
    path.write_text(path.read_text().replace('"X"', raw))
    return path


def test_no_run_counts_twice(swept, tmp_path):
    file = _file(tmp_path / "a.json", ["run_0", "run_1"], "2")
    assert len(counterplay.compare([file, file]).runs["_u"]) == 2
    one = swept / "climbing(steps=2)"
    assert len(counterplay.compare([one, one / "ippo", one / "ippo" / "seed_0"]).runs["ippo"]) == 2


def test_runs_of_one_name_are_all_written(tmp_path):
    files = [_file(tmp_path / name, ["run_0"], "2") for name in ("a.json", "b.json")]
    done = CliRunner().invoke(cli, ["compare", *map(str, files), "--marl-eval", str(tmp_path / "c.json")])
    assert done.exit_code == 0, done.output
    assert len(counterplay.compare(tmp_path / "c.json").runs["_u"]) == 2


@pytest.mark.parametrize("raw", ["9" * 400, "1e308", "-1e200", "true"])
def test_numbers_beyond_all_measure_are_refused(raw, tmp_path):
    with pytest.raises(UserError, match="numbers that are none"):
        counterplay.compare(_file(tmp_path / "a.json", ["run_0"], raw))


def test_too_many_runs_are_refused(tmp_path):
    with pytest.raises(UserError, match="take 1,000 of a task at most"):
        counterplay.compare(_file(tmp_path / "a.json", [f"run_{k}" for k in range(1001)], "1"))


def test_names_in_figures_are_no_formulas(tmp_path):
    found = counterplay.compare(_file(tmp_path / "a.json", ["run_0"], "1"))
    comparison_pages.draw(found, tmp_path / "a.svg")
    assert "<!-- $a$b -->" in (tmp_path / "a.svg").read_text()


def test_what_is_compared_is_not_written_over(tmp_path):
    file = _file(tmp_path / "a.json", ["run_0"], "1")
    before = file.read_text()
    with pytest.raises(UserError, match="which it is made of"):
        cli.main(["compare", str(file), "--marl-eval", str(file)], standalone_mode=False)
    assert file.read_text() == before


def test_a_runs_own_files_are_not_written_over(tmp_path):
    file = _file(tmp_path / "a.json", ["run_0"], "1")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UserError, match="is a file of a run"):
        cli.main(["compare", str(file), "--marl-eval", str(tmp_path / "run.json")], standalone_mode=False)
    assert (tmp_path / "run.json").read_text() == "{}"


def test_an_export_and_a_script_spare_what_is_there(swept, tmp_path):
    """Neither a run's own files nor somebody else's are written over."""
    folder = next(swept.glob("climbing*/ippo/seed_0"))
    before = (folder / "run.json").read_bytes()
    with pytest.raises(UserError, match="is a file of the run"):
        counterplay.load_run(folder).export(folder / "run.json", "safetensors")
    assert (folder / "run.json").read_bytes() == before
    mine = tmp_path / "mine.sh"
    mine.write_text("mine")
    words = ["sweep", "ippo", "climbing", "--steps", "9", "--out", str(tmp_path / "out"), "--slurm", str(mine)]
    with pytest.raises(UserError, match="no script of a sweep"):
        cli.main(words, standalone_mode=False)
    assert mine.read_text() == "mine"
