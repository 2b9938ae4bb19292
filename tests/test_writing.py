"""Writing: what is replaced and what is not, whose it stays, what killed processes leave, and what a signal may do."""

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay.engine import store, writing
from counterplay.engine.errors import NotSaved, UserError
from counterplay.engine.system import ENDS, interrupts
from counterplay.engine.writing import alone, check_writable, make_folder, replacing, rescue, write_atomic, write_text


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def full_disk(monkeypatch):
    """The disk is full from now on."""

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_modes(tmp_path, mask):
    """A new file has what the mask leaves, a replaced one what it had: private stays private."""
    before = os.umask(mask)
    try:
        write_text(tmp_path / "new", "a")
        for kept in (0o600, 0o640, 0o666):
            (tmp_path / "old").touch()
            (tmp_path / "old").chmod(kept)
            write_text(tmp_path / "old", "b")
            assert mode(tmp_path / "old") == kept
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o666 & ~mask
    assert names(tmp_path) == ["new", "old"]


def test_a_file_is_private_while_it_replaces_a_private_one(tmp_path):
    file = tmp_path / "a"
    file.touch(0o600)
    with replacing(file) as unfinished:
        assert mode(Path(unfinished.name)) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives files away")
def test_the_owner_stays(tmp_path):
    file = tmp_path / "a"
    file.touch()
    os.chown(file, 1234, 4321)
    write_text(file, "b")
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 4321)


def test_links_are_followed(tmp_path):
    (tmp_path / "there").mkdir()
    for name, target in (
        ("near", "file"),
        ("far", "there/file"),
        ("chain", "near"),
        ("whole", tmp_path / "there" / "x"),
    ):
        (tmp_path / name).symlink_to(target)
        write_text(tmp_path / name, name)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_text() == name
    assert (tmp_path / "there" / "file").read_text() == "far"
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "lost").symlink_to("nowhere/file")
    for name in ("round", "lost"):
        for act in (lambda path: write_text(path, "x"), check_writable):
            with pytest.raises(UserError, match="cannot write"):
                act(tmp_path / name)
        assert (tmp_path / name).is_symlink()


def test_what_is_no_regular_file_stays(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    said = []
    reader = threading.Thread(target=lambda: said.append((tmp_path / "fifo").read_bytes()))
    reader.start()
    write_text(tmp_path / "fifo", "through")
    reader.join()
    assert said == [b"through"]
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)

    (tmp_path / "null").symlink_to(os.devnull)
    for path in (Path(os.devnull), tmp_path / "null"):
        check_writable(path)
        write_text(path, "away")
        store.write(path, {"x": np.zeros(3)}, {})
        assert writing.is_stream(path)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)

    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as heard:
        heard.bind(str(tmp_path / "socket"))
        for name, says in (("socket", "no regular file"), ("folder", "is a folder")):
            for act in (lambda path: write_text(path, "x"), check_writable):
                with pytest.raises(UserError, match=says):
                    act(tmp_path / name)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no such name here")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_by_its_name(tmp_path, name):
    """As a pipe and as a file, where it stands in line with what is printed."""
    code = f"""
import pathlib
from counterplay.engine.writing import write_text
print("before")
write_text(pathlib.Path({name!r}), "written ")
print("after", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "before\nwritten after\n"
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\nwritten after\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_protected_file_is_not_replaced(tmp_path):
    (tmp_path / "a").touch(0o400)
    with pytest.raises(UserError, match="protected against writing"):
        write_text(tmp_path / "a", "x")


def test_file_and_folder_are_synced(tmp_path, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle)) or sync(handle))
    write_text(tmp_path / "a", "x")
    file, folder = synced
    assert file.st_ino == (tmp_path / "a").stat().st_ino
    assert folder.st_ino == tmp_path.stat().st_ino


def test_what_killed_processes_left_goes(tmp_path):
    """What is ours, of that name, and in nobody's use; nothing else, whatever it is called."""
    other = tmp_path / "b"
    stays = [".a.01234567.unfinishe", ".a.0123456g.unfinished", ".aa.01234567.unfinished", ".a.01234567"]
    for name in [*stays, ".a.01234567.unfinished", ".a.deadbeef.unfinished"]:
        (tmp_path / name).write_text("half")
    (tmp_path / ".a.00000000.unfinished").mkdir()
    (tmp_path / ".a.11111111.unfinished").symlink_to(other)
    other.write_text("b")
    with replacing(tmp_path / "a") as at_work:
        write_text(tmp_path / "a", "x")
        assert os.path.exists(at_work.name)  # a live process has it locked
    kept = [*stays, ".a.00000000.unfinished", ".a.11111111.unfinished", "a", "b"]
    assert names(tmp_path) == sorted(kept)
    assert other.read_text() == "b"


def test_a_killed_writer_leaves_the_old_file_and_the_next_cleans(tmp_path):
    file = tmp_path / "a.cps"
    write_text(file, "old")
    code = f"""
import os, pathlib, signal
from counterplay.engine.writing import replacing
with replacing(pathlib.Path({str(file)!r})) as unfinished:
    unfinished.write(b"half")
    unfinished.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert file.read_text() == "old"
    assert len(names(tmp_path)) == 2
    write_text(file, "new")
    assert names(tmp_path) == ["a.cps"]


def test_long_names(tmp_path):
    write_text(tmp_path / ("é" * 120), "x")
    for act in (lambda path: write_text(path, "x"), check_writable):
        with pytest.raises(UserError, match="too long"):
            act(tmp_path / ("a" * 300))
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_until_the_file_is_whole(tmp_path, number):
    def came(*_):
        raise InterruptedError

    before = signal.signal(number, came)

    def write():
        with replacing(tmp_path / "a") as file:
            signal.raise_signal(number)
            file.write(b"whole")

    try:
        with pytest.raises(InterruptedError):
            write()
        assert (tmp_path / "a").read_bytes() == b"whole"
        assert signal.getsignal(number) is came
    finally:
        signal.signal(number, before)


def test_signals_end_a_run_once_it_is_armed():
    with pytest.raises(KeyboardInterrupt), interrupts():
        signal.raise_signal(signal.SIGINT)
    with interrupts() as stop:
        stop.arm()
        with interrupts() as inner:
            assert inner is stop
            signal.raise_signal(signal.SIGINT)
            assert inner()
            inner.again("inside")  # is left to the one outside
        assert stop.code == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)  # the second does what it always did
    with pytest.raises(KeyboardInterrupt) as ended:
        stop.again("what there is")
    assert ended.value.result == "what there is"
    stop.again("", ENDS)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_that_was_put_back_too_late_lets_the_second_signal_through():
    """A file that is written as the first signal comes puts back the handler that it found."""
    with interrupts() as stop:
        stop.arm()
        found = signal.getsignal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGINT, found)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stop.code == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sigterm_becomes_an_exit_and_a_handler_of_ones_own_is_called():
    with interrupts() as stop:
        stop.arm()
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        stop.again("it")
    assert (ended.value.code, ended.value.result) == (143, "it")
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("own"))
    try:
        with interrupts() as stop:
            stop.arm()
            signal.raise_signal(signal.SIGTERM)
            assert heard == []
        stop.again("it")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == ["own"]


def test_ignored_signals_stay_ignored():
    """As nohup has it of SIGHUP, and a script's & of SIGINT."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts() as stop:
            stop.arm()
            signal.raise_signal(signal.SIGHUP)
            assert not stop()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_two_cannot_have_one_folder(tmp_path):
    with (
        alone(tmp_path, "somebody is there"),
        pytest.raises(UserError, match="is in use: somebody is there already"),
        alone(tmp_path, "somebody is there"),
    ):
        pass
    with alone(tmp_path, ""):
        pass


def test_what_is_no_folder_takes_none(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to("nowhere")
    for name, what in (("file", "something else"), ("lost", "a link that leads nowhere")):
        with pytest.raises(UserError, match=f"a folder is to be there, and it is {what}; name another"):
            make_folder(tmp_path / name)
    with pytest.raises(UserError, match=r"cannot write .*: Not a directory"):
        make_folder(tmp_path / "file" / "a")


def test_rescue(tmp_path, monkeypatch):
    """Somewhere else, under a name that nothing has."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    save = lambda path: write_atomic(path, b"x")  # noqa: E731 (as callers have it)
    assert rescue(save, tmp_path / "a.cps") == tmp_path / "here" / "a.cps"
    assert rescue(save, tmp_path / "a.cps") == tmp_path / "here" / "a-1.cps"
    assert len(rescue(save, tmp_path / ("long" * 100)).name) == 40
    other = rescue(save, Path("a.cps"))  # that is here: the temporary folder is left
    assert other.name == "a.cps"
    assert other.parent != tmp_path / "here"
    assert mode(other.parent) == 0o700


@pytest.mark.parametrize(
    "words",
    [
        "solve spot.toml --out spot.toml",
        "blueprint spot.toml --buckets strength:5 --out ./spot.toml",
        "buckets spot.toml --buckets strength:5 --out spot.toml",
        "valuenet train spot.toml --out spot.toml",
        "certify kuhn.cps --out kuhn.cps",
        "export kuhn.cps --to csv --out link.cps",
    ],
)
def test_nothing_is_written_over_what_it_is_made_of(tmp_path, run, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    Path("spot.toml").write_bytes((Path(__file__).parents[1] / "examples" / "turn_a.toml").read_bytes())
    counterplay.solve("kuhn", iterations=5).save("kuhn.cps")
    Path("link.cps").symlink_to("kuhn.cps")
    before = Path("spot.toml").read_bytes(), Path("kuhn.cps").read_bytes()
    code, _, said = run(*words.split())
    assert code == 2
    assert "written over" in said
    assert (Path("spot.toml").read_bytes(), Path("kuhn.cps").read_bytes()) == before


def test_a_failed_save_loses_nothing(tmp_path, run, monkeypatch):
    """The folder is gone by the end of the run: the result is printed, kept elsewhere, and the exit code is 2."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(writing, "check_writable", lambda path: None)
    monkeypatch.setattr("counterplay.api.solve.check_writable", lambda path: None)
    code, out, err = run("solve", "kuhn", "--iterations", 10, "--out", tmp_path / "gone" / "k.cps")
    assert code == 2
    assert "exploitability" in out
    assert f"it is in {tmp_path / 'here' / 'k.cps'} instead" in err
    assert counterplay.load(tmp_path / "here" / "k.cps").iterations == 10


def test_a_full_disk_everywhere(tmp_path, run, full_disk):
    code, out, err = run("solve", "kuhn", "--iterations", 10, "--out", tmp_path / "k.cps", "--json")
    assert code == 2
    assert '"file": null' in out
    assert "No space left on device; nor can it be saved anywhere else" in err
    assert names(tmp_path) == []


def test_a_checkpoint_that_fails_does_not_end_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("counterplay.solvers.run.CHECKPOINT", 0.0)
    monkeypatch.setattr("counterplay.solvers.run.SLICE", 1e-9)
    monkeypatch.setattr("counterplay.api.solve.check_writable", lambda path: None)
    solution = counterplay.solve("kuhn", iterations=20, checkpoint=tmp_path / "none" / "k.cps")
    assert solution.stopped_by == "iterations"
    assert "the run goes on, and tries again in a minute" in capsys.readouterr().err


SLOW_DISK = """
import os, sys, time
sync = os.fsync
def slow(handle):
    print("saving", file=sys.stderr, flush=True)
    time.sleep(0.5)
    sync(handle)
os.fsync = slow
from counterplay.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_final_save(tmp_path, number):
    """The solve is done; the signal waits for the file, the result is printed, and then it counts."""
    command = [sys.executable, "-c", SLOW_DISK, "solve", "kuhn", "--iterations", "10", "--out", str(tmp_path / "k.cps")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while "saving" not in process.stderr.readline():
            pass
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "exploitability" in out
    assert counterplay.load(tmp_path / "k.cps").stopped_by == "iterations"
    assert names(tmp_path) == ["k.cps"]


def test_sigterm_in_a_script_saves_the_checkpoint_and_ends_it(tmp_path):
    code = f"""
import counterplay
for name in ("leduc", "kuhn"):
    counterplay.solve(name, "cfr", iterations=10**9, checkpoint={str(tmp_path)!r} + "/" + name, on_progress=print)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert names(tmp_path) == ["leduc"]
    assert counterplay.load(tmp_path / "leduc").stopped_by == "interrupt"


def test_not_saved_is_a_mistake_that_has_the_result():
    error = NotSaved("cannot write x", 3)
    assert isinstance(error, UserError)
    assert (error.result, error.place) == (3, None)


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(writing, "READER", 0.05)
    os.mkfifo("pipe")
    code, out, err = run("solve", "kuhn", "--iterations", 3, "--out", "pipe")
    assert code == 2
    assert "exploitability" in out
    assert "nobody reads it" in err


def test_a_folder_that_is_missing_is_named(run, tmp_path):
    code, _, err = run("solve", "kuhn", "--iterations", 3, "--out", tmp_path / "none" / "k.cps")
    assert code == 2
    assert f"there is no folder {tmp_path / 'none'}" in err


def test_half_a_run_does_not_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def save(folder):
        folder.mkdir()
        (folder / "replay.cps").write_bytes(b"half")
        raise writing.UserError("the disk is full")

    assert writing.rescue(save, tmp_path / "far" / "run") is None
    assert names(tmp_path) == []
