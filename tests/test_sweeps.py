"""Sweeps over several environments, and as arrays of a cluster's jobs."""

import json
import os
import re
import subprocess

import pytest
from click.testing import CliRunner

import counterplay
from counterplay.api.evaluation import variants
from counterplay.api.sweep import jobs_of
from counterplay.cli import cli
from counterplay.engine.errors import UserError

ENVS = ["two_step", "climbing(steps=2)"]
SHORT = ["--seeds", "1", "--steps", "20", "--test-every", "10", "--test-episodes", "1", "--preset", "none"]


def test_every_environment_has_its_runs(tmp_path):
    jobs = jobs_of(["vdn", "qmix"], ENVS, tmp_path, seeds=2)
    assert len(jobs) == 8
    assert {(job.env, job.folder.parent.parent.name) for job in jobs} == {(env, env) for env in ENVS}
    assert {job.steps for job in jobs if job.env == "two_step"} == {6000}  # of its preset
    assert {job.steps for job in jobs if job.env != "two_step"} == {10_000}
    assert [job.folder.parent for job in jobs_of("iql", "two_step", tmp_path, seeds=1)] == [tmp_path / "iql"]
    with pytest.raises(UserError, match="names an environment twice"):
        jobs_of("iql", ["two_step", "two_step"], tmp_path, seeds=1)
    with pytest.raises(UserError, match="needs an environment"):
        jobs_of("iql", [], tmp_path, seeds=1)


def ask(*arguments):
    done = CliRunner().invoke(cli, [*map(str, arguments)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


@pytest.fixture(scope="module")
def array(tmp_path_factory):
    """The script of an array of jobs, and the folder of its runs."""
    place = tmp_path_factory.mktemp("sweep")
    said = ask("sweep", "iql,vdn", ",".join(ENVS), "--out", place / "out", "--slurm", place / "array.sh", *SHORT)
    assert "an array of 4 jobs" in said
    assert f"sbatch {place / 'array.sh'}" in said
    return (place / "array.sh").read_text(), place / "out"


def test_a_sweep_is_an_array_of_slurms_jobs(array):
    script, out = array
    assert script.startswith("#!/bin/bash\n")
    assert "#SBATCH --array=0-3\n" in script
    assert f"#SBATCH --output={out}/slurm_%a.txt" in script
    assert re.search(r"#SBATCH --signal=B:TERM@\d+\n", script)
    assert "--test-episodes 1" in script
    assert "--slurm" not in script
    assert not list(out.iterdir())


def test_one_run_of_a_sweep_is_done_and_no_other(tmp_path):
    said = ["sweep", "iql,vdn", ",".join(ENVS), "--out", tmp_path / "out", *SHORT]
    ask(*said, "--only", 3)
    (done,) = (tmp_path / "out").glob("*/*/seed_*")
    assert done == tmp_path / "out" / "climbing(steps=2)" / "vdn" / "seed_0"
    before = (done / "checkpoint.pt").stat().st_mtime_ns
    ask(*said, "--only", 3)
    assert (done / "checkpoint.pt").stat().st_mtime_ns == before
    assert json.loads((done / "run.json").read_text())["plan"]["test_every"] == 10
    assert list(variants(tmp_path / "out")) == ["climbing(steps=2)/vdn"]
    refused = CliRunner().invoke(cli, [*map(str, said), "--only", "4"])
    assert "only must be" in str(refused.exception)
    with pytest.raises(UserError, match="sweep gives each run its own against"):
        counterplay.sweep("iql", "two_step", out=tmp_path / "x", against="uniform")


def test_a_search_is_no_array(tmp_path):
    refused = CliRunner().invoke(
        cli, ["sweep", "iql", "climbing", "--out", str(tmp_path), "--search", "2", "--over", "lr=1,2", "--slurm", "x"]
    )
    assert "--slurm is for sweeps" in str(refused.exception)


@pytest.mark.slow
def test_a_job_of_the_script_does_its_run(array):
    script, out = array
    found = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "SLURM_ARRAY_TASK_ID": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert list(variants(out)) == ["two_step/vdn"]
    ask("sweep", "iql,vdn", ",".join(ENVS), "--out", out, *SHORT)
    results = json.loads((out / "results.json").read_text())
    assert [(row["env"], row["variant"]) for row in results] == [(env, name) for env in ENVS for name in ("iql", "vdn")]
    assert all((out / env / "curves.png").is_file() for env in ENVS)
    assert "two_step/vdn" in ask("evaluate", out, "--episodes", 1)
