"""What several test modules share."""

import io
import signal

import pytest

from counterplay.cli import main

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started with & by a script: what we start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs the command line and gives exit code, standard output and standard error."""

    def call(*arguments, answers=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answers))
        with pytest.raises(SystemExit) as exit_:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return call
