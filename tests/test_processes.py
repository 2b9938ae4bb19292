"""Processes beside this one: what signals do to them, and what is heard where they fail."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver

import click
import pytest

from counterplay.api import batch_workers, sweep_workers
from counterplay.api.state_workers import Workers
from counterplay.engine import processes
from counterplay.engine.errors import UserError
from counterplay.engine.system import interrupts
from counterplay.show.terminal import INTERRUPTED, guarded


def masked():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_the_server_of_processes_never_hears_a_terminals_ctrl_c(monkeypatch):
    seen = []
    monkeypatch.setattr(forkserver, "ensure_running", lambda: seen.append(masked()))
    processes.serving("json")
    assert (seen, masked()) == ([True], False)


class Gone:
    """A process whose server was killed."""

    def start(self):
        raise EOFError

    @staticmethod
    def of(*_, **__):
        return Gone()


@pytest.fixture
def gone(monkeypatch):
    monkeypatch.setattr(forkserver, "ensure_running", lambda: None)
    monkeypatch.setattr(processes.get_context("forkserver"), "Process", Gone.of)


def test_where_the_server_is_gone_a_batch_says_so_or_has_been_stopped(tmp_path, gone):
    pool = batch_workers.Processes(tmp_path, {}, 1)
    with pytest.raises(UserError, match="the process that starts the others was killed"):
        pool.send(batch_workers.Job("a", "", "", 1.0))
    with interrupts() as stop:
        stop.arm()
        signal.raise_signal(signal.SIGTERM)
        pool.send(batch_workers.Job("a", "", "", 1.0))
    assert pool.running == ()


def test_a_sweep_whose_server_is_gone(tmp_path, gone):
    job = sweep_workers.Job("iql", "iql", {}, 0, tmp_path, "climbing", 10)
    with pytest.raises(UserError, match="the process that starts the others was killed"):
        sweep_workers.work_off([job])
    with interrupts() as stop:
        stop.arm()
        signal.raise_signal(signal.SIGTERM)
        assert not sweep_workers.work_off([job])


class Broken:
    """A pool whose processes were killed."""

    def submit(self, *_):
        raise BrokenProcessPool


def test_states_end_where_a_signal_has_ended_their_processes():
    crew = Workers(None, None, Broken(), 1)
    with pytest.raises(UserError, match="a process that solved states was killed"):
        next(crew.results(0, b""))
    with interrupts() as stop:
        stop.arm()
        signal.raise_signal(signal.SIGTERM)
        assert list(crew.results(0, b"")) == []


def test_a_run_that_fails_in_code_of_ones_own_is_told(tmp_path, monkeypatch):
    class Pipe(list):
        send, poll = list.append, bool

    def run(*_, **__):
        raise TypeError("my mistake")

    monkeypatch.setattr(sweep_workers, "run_one", run)
    job, before = sweep_workers.Job("iql", "iql", {}, 0, tmp_path, "mine", 10), signal.getsignal(signal.SIGINT)
    heard = Pipe()
    try:
        sweep_workers._work(os.getcwd(), job, {}, heard)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == ["TypeError: my mistake"]


@pytest.mark.parametrize(
    ("error", "cause", "code", "says"),
    [
        (RuntimeError("calling __set_name__"), KeyboardInterrupt(), INTERRUPTED, "interrupted"),
        (EOFError("half a file"), None, 2, "EOFError: half a file"),
    ],
)
def test_what_is_no_fault_and_what_is_no_interrupt(capsys, error, cause, code, says):
    @click.command()
    def failing():
        raise error from cause

    assert guarded(failing, []) == code
    assert says in capsys.readouterr().err


def test_in_a_folder_that_is_gone(tmp_path, monkeypatch, run):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    code, out, err = run("games")
    assert (code, out) == (2, "")
    assert err == "counterplay: the current folder is gone, somebody has deleted it: go to another one\n"
