"""Runs that are kept: their replay beside the checkpoint, who may have a folder, and what signals and full disks do."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import counterplay
from counterplay.agents import replay_files
from counterplay.engine.errors import NotSaved
from counterplay.engine.writing import alone

SMALL = {"hidden": 8, "envs": 2, "batch": 4, "warmup": 4, "replay": 20, "epsilon_steps": 100}
ENV = "penalty(steps=5)"


def train(*arguments, **options):
    return counterplay.train(*(arguments or ("vdn", ENV)), **{"steps": 600, **SMALL, **options})


def after(count, act=lambda: True):
    asked = iter(range(10**9))
    return lambda: next(asked) >= count and act()


def parts(folder):
    return sorted(path.name for path in folder.glob("replay_*"))


def weights(run):
    return torch.cat([p.flatten() for p in run.learner.networks.parameters()])


@pytest.mark.parametrize("most", [64, 2])
@pytest.mark.parametrize("options", [{}, {"priority": 0.6}, {"replay": 7}], ids=["plain", "priorities", "odd"])
def test_saves_in_between_change_nothing(tmp_path, monkeypatch, options, most):
    """A replay in many parts, whose ring is round several times, is the one of a run that never stopped."""
    monkeypatch.setattr("counterplay.api.training.CHECKPOINT", 0.0)
    monkeypatch.setattr(replay_files, "MOST", most)
    whole = train(**options)
    for steps in (40, 90, 310):
        run = train(steps=steps, out=tmp_path / "run", **options) if steps == 40 else None
        run = run or counterplay.train(resume=tmp_path / "run", steps=steps)
        assert {p.name for p in run._parts} == set(parts(tmp_path / "run"))
    again = counterplay.train(resume=tmp_path / "run", steps=600)
    assert torch.equal(weights(again), weights(whole))
    for mine, other in zip(again.learner.replay.state().values(), whole.learner.replay.state().values(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_checkpoint_writes_what_is_new(tmp_path):
    run = train(steps=50, out=tmp_path / "run")
    first = {name: (tmp_path / "run" / name).stat().st_mtime_ns for name in parts(tmp_path / "run")}
    run.save()
    assert parts(tmp_path / "run") == sorted(first)  # nothing is new
    counterplay.train(resume=run, steps=60)
    assert set(first) < set(parts(tmp_path / "run"))
    assert all((tmp_path / "run" / name).stat().st_mtime_ns == at for name, at in first.items())
    (tmp_path / "run" / "replay_01234567.cps").touch()  # of a checkpoint that a kill prevented
    (tmp_path / "run" / ".replay_01234567.cps.01234567.unfinished").touch()
    (tmp_path / "run" / "replay_mine.cps").touch()
    run.save()
    assert "replay_01234567.cps" not in parts(tmp_path / "run")
    assert "replay_mine.cps" in parts(tmp_path / "run")
    assert not list((tmp_path / "run").glob(".replay*"))


@pytest.mark.parametrize("moment", ["before the checkpoint", "after the checkpoint"])
def test_a_kill_between_replay_and_checkpoint(tmp_path, monkeypatch, moment):
    """The checkpoint that is there, old or new, has its own replay."""
    whole = train(steps=300)
    run = train(steps=100, out=tmp_path / "run")

    class Killed(BaseException):
        pass

    def kill(*_, **__):
        raise Killed

    name = "torch.save" if moment.startswith("before") else "counterplay.agents.run.write_atomic"
    counterplay.train(resume=run, steps=150, out=tmp_path / "other")
    run.folder, run._parts = tmp_path / "run", counterplay.load_run(tmp_path / "run")._parts
    with monkeypatch.context() as patch:
        patch.setattr(name, kill)
        patch.setattr(replay_files, "remove_others", lambda *_: None)  # as it would not be called
        with pytest.raises(Killed):
            run.save()
    kept = counterplay.load_run(tmp_path / "run")
    assert kept.steps == (100 if moment.startswith("before") else 150)
    again = counterplay.train(resume=tmp_path / "run", steps=300)
    assert torch.equal(weights(again), weights(whole))


def test_a_failed_checkpoint_keeps_the_old_one_and_its_replay(tmp_path, monkeypatch):
    run = train(steps=100, out=tmp_path / "run")
    counterplay.train(resume=run, steps=150, out=tmp_path / "other")
    run.folder, run._parts = tmp_path / "run", counterplay.load_run(tmp_path / "run")._parts

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(ValueError, match="No space left"):
            run.save()
    assert counterplay.train(resume=tmp_path / "run", steps=110).steps == 110


def test_without_its_replay(tmp_path, capsys, run):
    code, _, _ = run("train", "vdn", ENV, "--steps", 100, "--no-replay", "--out", tmp_path / "run", *sets())
    assert code == 0
    assert parts(tmp_path / "run") == []
    with_it = train(steps=100, out=tmp_path / "with")
    assert with_it.learner.replay.size == 20
    assert len(parts(tmp_path / "with")) > 0
    capsys.readouterr()
    again = counterplay.train(resume=tmp_path / "run", steps=130)
    assert "kept without its replay" in capsys.readouterr().err
    assert again.learner.replay.size == 6
    assert parts(tmp_path / "run") == []
    counterplay.train(resume=tmp_path / "run", steps=200, keep_replay=True)
    assert len(parts(tmp_path / "run")) > 0
    capsys.readouterr()
    counterplay.train(resume=tmp_path / "run", steps=210)
    assert "without" not in capsys.readouterr().err


def sets():
    return [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]


def test_playing_does_not_read_the_replay(tmp_path):
    train(steps=100, out=tmp_path / "run")
    run = counterplay.load_run(tmp_path / "run")
    run.evaluate(5)
    assert not run.learner.replay._ring.obs.any()
    for name in parts(tmp_path / "run"):
        (tmp_path / "run" / name).unlink()
    with pytest.raises(ValueError, match="has gone on since it was read, or its replay is lost"):
        counterplay.train(resume=run, steps=110)


@pytest.mark.parametrize("damage", ["another run's", "cut", "other shapes"])
def test_damaged_replays(tmp_path, damage):
    train(steps=100, out=tmp_path / "run")
    train("vdn", "penalty(steps=6)", steps=60, out=tmp_path / "other")
    name = parts(tmp_path / "run")[-1]
    file = tmp_path / "run" / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-9])
    else:
        file.write_bytes((tmp_path / "other" / parts(tmp_path / "other")[0]).read_bytes())
    if damage == "other shapes":
        part = counterplay.load_run(tmp_path / "run")._parts[-1]
        from counterplay.engine import store

        arrays, _ = store.read(file)
        store.write(file, arrays, {"kind": "replay", "start": part.start, "end": part.end})
    with pytest.raises(counterplay.UserError, match=name):
        counterplay.train(resume=tmp_path / "run", steps=110)


def test_a_large_replay_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("counterplay.api.training.LARGE", 1000)
    train(steps=20, out=tmp_path / "run")
    assert "the replay is kept in" in (said := capsys.readouterr().err)
    assert "MB once it is full" in said
    train(steps=20, out=tmp_path / "none", keep_replay=False)
    assert "replay" not in capsys.readouterr().err


def test_two_trainers_in_one_folder(tmp_path, run):
    train(steps=50, out=tmp_path / "run")
    with alone(tmp_path / "run", "the other"):
        with pytest.raises(counterplay.UserError, match="is in use: another process trains there already"):
            counterplay.train(resume=tmp_path / "run", steps=100)
        code, _, err = run("train", "--resume", tmp_path / "run", "--steps", 100)
        assert code == 2
        assert "is in use" in err
    assert counterplay.train(resume=tmp_path / "run", steps=100).steps == 100


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_signals_are_raised_again_once_the_run_is_saved(tmp_path, number, error):
    with pytest.raises(error) as ended:
        train(out=tmp_path / "run", stop=after(5, lambda: signal.raise_signal(number)))
    assert type(ended.value) is error
    run = ended.value.result
    assert run.stopped_by == "interrupt"
    assert 0 < run.steps == counterplay.load_run(tmp_path / "run").steps < 600


def test_a_loop_over_seeds_ends(tmp_path):
    code = f"""
import counterplay
for seed in range(3):
    counterplay.train("vdn", {ENV!r}, steps=10**7, seed=seed, test_every=100, out={str(tmp_path)!r} + f"/{{seed}}",
                      on_row=lambda run, row: print("row", flush=True), **{SMALL})
"""
    for number, code_of_exit in ((signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)):
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "row\n"
            process.send_signal(number)
            process.communicate(timeout=60)
        assert process.returncode == code_of_exit
        assert [path.name for path in tmp_path.iterdir()] == ["0"]
        assert counterplay.load_run(tmp_path / "0").stopped_by == "interrupt"
        (tmp_path / "0" / "checkpoint.pt").unlink()


def test_a_final_save_that_fails(tmp_path, run, monkeypatch):
    """A folder that a file took the place of: the summary is printed, and the run is somewhere else."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def vanish(run, *_):
        if run.steps >= 100 and (tmp_path / "runs").is_dir():
            (tmp_path / "runs").rename(tmp_path / "gone")
            (tmp_path / "runs").touch()

    monkeypatch.setattr("counterplay.show.training.TrainWatch.row", lambda watch, run, row: vanish(run))
    code, out, err = run("train", "vdn", ENV, "--steps", 100, "--out", tmp_path / "runs" / "a", *sets())
    assert code == 2
    assert "100 steps" in out
    assert f"it is in {tmp_path / 'here' / 'a'} instead" in err
    assert counterplay.train(resume=tmp_path / "here" / "a", steps=110).steps == 110


def test_checkpoints_that_fail_do_not_end_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("counterplay.api.training.CHECKPOINT", 0.0)
    saves = []
    save = torch.save

    def flaky(*arguments):
        saves.append(1)
        if len(saves) % 3 == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(*arguments)

    monkeypatch.setattr(torch, "save", flaky)
    run = train(steps=110, out=tmp_path / "run")
    assert run.steps == 110
    assert "No space left on device; the run goes on, and tries again later" in capsys.readouterr().err
    assert counterplay.load_run(tmp_path / "run").steps == 110


def test_a_log_that_cannot_be_written_catches_up(tmp_path, capsys, monkeypatch):
    broken = []
    write = counterplay.agents.log.write_atomic

    def row(run, _):
        if len(run.history) == 2:
            broken.append(1)
        if len(run.history) == 4:
            broken.clear()

    def events(log, new):
        if broken:
            raise OSError(errno.ENOSPC, "No space left on device")

    def atomic(path, data):
        if broken:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data)

    monkeypatch.setattr("counterplay.agents.log.write_atomic", atomic)
    monkeypatch.setattr("counterplay.agents.log.Log._add_events", events)
    run = train(steps=100, out=tmp_path / "run", on_row=row)
    assert capsys.readouterr().err.count("the run goes on, and tries again at each row") == 1
    lines = [json.loads(text) for text in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines == run.history
    assert len(lines) > 5


def test_a_run_that_could_not_be_saved_comes_with_the_error(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def row(run, _):
        if run.steps >= 60:
            monkeypatch.setattr(torch, "save", full)

    with pytest.raises(NotSaved, match="nor can it be saved anywhere else") as failed:
        train(steps=60, out=tmp_path / "run", on_row=row)
    assert failed.value.result.steps == 60


def test_a_sweep_that_is_killed_leaves_no_orphans(tmp_path):
    """Its runs hear that it is gone, save themselves and end; the same sweep goes on."""
    code = f"""
import counterplay
if __name__ == "__main__":
    counterplay.sweep("vdn", {ENV!r}, out={str(tmp_path / "s")!r}, seeds=2, workers=2, steps=10**7, test_every=200, **{{
        "settings": {{name: [value] for name, value in {SMALL}.items()}}}})
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    rows = [tmp_path / "s" / "vdn" / f"seed_{seed}" / "metrics.jsonl" for seed in (0, 1)]
    with subprocess.Popen([sys.executable, str(script)]) as process:
        while process.poll() is None and not all(row.exists() and row.stat().st_size for row in rows):
            time.sleep(0.05)
        process.kill()
    for row in rows:
        for _ in range(600):
            try:
                with alone(row.parent, ""):  # the run no longer has its folder
                    break
            except counterplay.UserError:
                time.sleep(0.1)
        run = counterplay.load_run(row.parent)
        assert run.stopped_by == "interrupt"
        assert run.steps > 0
        assert json.loads(row.read_text().splitlines()[-1])["steps"] <= run.steps


def test_a_signal_to_all_of_a_sweep(tmp_path):
    """Batch systems tell every process of a job: all runs are saved, and none counts as failed."""
    command = [sys.executable, "-m", "counterplay.cli", "sweep", "vdn", ENV, "--seeds", "2", "--workers", "2"]
    command += ["--steps", "400000", *sets(), "--out", str(tmp_path / "s")]  # a row each 1,000
    rows = [tmp_path / "s" / "vdn" / f"seed_{seed}" / "metrics.jsonl" for seed in (0, 1)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while process.poll() is None and not all(row.exists() and row.stat().st_size for row in rows):
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "the same command goes on" in err
    for row in rows:
        assert counterplay.load_run(row.parent).stopped_by == "interrupt"
