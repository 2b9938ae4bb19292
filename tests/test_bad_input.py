"""What users get wrong: one clear sentence on standard error, exit code 2, nothing on standard output, no file."""

import os
import subprocess
import sys

import pytest

import counterplay
from counterplay.cli import main
from counterplay.engine import store


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of solution files, good and bad."""
    folder = tmp_path_factory.mktemp("files")
    counterplay.solve("kuhn", algorithm="cfr+", iterations=3).save(folder / "kuhn.cps")
    counterplay.solve("kuhn", algorithm="mmd", temperature=0.5, iterations=3).save(folder / "mmd.cps")
    counterplay.solve("kuhn", algorithm="lp").save(folder / "exact.cps")
    counterplay.solve("matching_pennies", iterations=3).save(folder / "pennies.cps")
    whole = (folder / "kuhn.cps").read_bytes()
    for name, size in (("empty", 0), ("short", 5), ("header", 300), ("cut", len(whole) - 10)):
        (folder / f"{name}.cps").write_bytes(whole[:size])
    (folder / "text.cps").write_text("player,infoset\n0,\n")
    (folder / "noise.cps").write_bytes(bytes(range(256)) * 20)
    arrays, header = store.read(folder / "kuhn.cps")
    store.write(folder / "newer.cps", arrays, {**header, "format": store.FORMAT + 1})
    store.write(folder / "hollow.cps", {"strategy": arrays["strategy"]}, header)
    store.write(folder / "misfit.cps", {**arrays, "strategy": arrays["strategy"][:3]}, header)
    from safetensors.numpy import save_file

    save_file({"weight": arrays["strategy"]}, folder / "foreign.cps")
    store.write(folder / "renamed.cps", arrays, {**header, "game": "kuhn(ranks=5)"})
    store.write(folder / "unknown.cps", arrays, {**header, "game": "chess"})
    (folder / "broken.efg").write_text('EFG 2 R "x" { "a" "b" }\nnonsense')
    (folder / "broken.nfg").write_text("NFG 1 R")
    (folder / "broken.toml").write_text("actions = 3")
    return folder


@pytest.fixture
def complaint(run, folder, monkeypatch):
    """Return a function that runs a mistaken command in the folder and gives the sentence that it is answered with."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        before = sorted(folder.iterdir())
        code, out, err = run(*arguments)
        lines = [line for line in err.splitlines() if not line.startswith(("kuhn: ", "leduc: "))]  # a run's progress
        assert code == 2, (out, err)
        assert out == ""
        assert len(lines) == 1, err
        assert lines[0].startswith("counterplay: ")
        assert 20 < len(lines[0]) < 500
        assert "Traceback" not in err
        assert sorted(folder.iterdir()) == before
        return lines[0].removeprefix("counterplay: ")

    return call


SOLVE = [
    # games
    ([], "counterplay solve leduc"),
    (["lduc"], "did you mean 'leduc'"),
    (["kuhn(rank=3)"], "did you mean 'ranks'"),
    (["kuhn(ranks=two)"], "ranks must be an integer"),
    (["kuhn(ranks=2.5)"], "ranks must be an integer"),
    (["kuhn(players=1)"], "2 to 10"),
    (["kuhn(players=3, ranks=2)"], "at least players"),
    (["kuhn(3)"], "by name"),
    (["kuhn(ranks=3, ranks=4)"], "twice"),
    (["kuhn(ranks=3"], "cannot read"),
    (["leduc(bets=2)"], "bets must be a list"),
    (["leduc(ranks=2, suits=1)"], "too few"),
    (["leduc(board=(9,))"], "board"),
    (["liars_dice(faces=1)"], "2 to 20"),
    (["liars_dice(wild=maybe)"], "true or false"),
    (["goofspiel(order=up)"], "descending"),
    (["kuhn(players=10)", "--iterations", "1"], "at most"),
    (["matrix"], "needs the parameter 'file'"),
    ([""], "empty"),
    (["openspiel:kuhn_pokr"], "kuhn_poker"),
    (["openspiel:kuhn_poker(suits=3)"], "suits"),
    (["openspiel:blackjack"], "2 to 10 players"),
    (["missing.efg"], "missing.efg"),
    (["broken.efg"], "broken.efg"),
    (["broken.nfg"], "broken.nfg"),
    (["broken.toml"], "broken.toml"),
    # algorithms and their options
    (["kuhn", "--algorithm", "cfr++"], "the algorithms are auto, cfr"),
    (["kuhn", "--algorithm", "hs-dcfr"], "give the number of iterations"),
    (["kuhn(players=3)", "--algorithm", "lp"], "two-player zero-sum"),
    (["prisoners_dilemma", "--algorithm", "lp"], "two-player zero-sum"),
    (["kuhn(players=3)", "--algorithm", "mmd"], "two-player zero-sum"),
    (["kuhn", "--temperature", "0.1"], "goes with the algorithm mmd"),
    (["kuhn", "--algorithm", "mmd", "--temperature", "-1"], "from 0 up"),
    (["kuhn", "--algorithm", "mmd", "--temperature", "nan"], "from 0 up"),
    (["kuhn", "--updates", "sometimes"], "alternating or simultaneous"),
    (["kuhn", "--algorithm", "lp", "--updates", "alternating"], "choice of the full-width regret minimisers"),
    # limits
    (["kuhn", "--iterations", "0"], "1 or more"),
    (["kuhn", "--iterations", "-5"], "1 or more"),
    (["kuhn", "--iterations", "many"], "--iterations"),
    (["kuhn", "--iterations", "1.5"], "--iterations"),
    (["kuhn", "--target", "0"], "above 0"),
    (["kuhn", "--target", "-1e-3"], "above 0"),
    (["kuhn", "--target", "nan"], "above 0"),
    (["kuhn", "--target", "inf"], "above 0"),
    (["kuhn", "--time", "0"], "above 0"),
    (["kuhn", "--time", "nan"], "above 0"),
    (["kuhn", "--time", "soon"], "--time"),
    (["kuhn", "--seed", "-1"], "--seed"),
    # where to write, known before anything is solved
    (["kuhn", "--out", "nowhere/k.cps", "--iterations", "100000000"], "cannot write"),
    (["kuhn", "--out", ".", "--iterations", "100000000"], "folder"),
    (["kuhn", "--out", "kuhn.cps/k.cps", "--iterations", "100000000"], "cannot write"),
    # resuming
    (["--resume", "nothing.cps"], "there is no file"),
    (["--resume", "cut.cps"], "cut short"),
    (["--resume", "exact.cps"], "nothing to resume"),
    (["leduc", "--resume", "kuhn.cps"], "kuhn, not leduc"),
    (["kuhn(ranks=4)", "--resume", "kuhn.cps"], "not kuhn(ranks=4)"),
    (["--resume", "kuhn.cps", "--algorithm", "dcfr"], "by cfr+, not dcfr"),
    (["--resume", "kuhn.cps", "--algorithm", "nonsense"], "the algorithms are"),
    (["--resume", "kuhn.cps", "--updates", "simultaneous"], "alternating updates, not simultaneous"),
    (["--resume", "mmd.cps", "--temperature", "0.7"], "temperature of 0.5, not 0.7"),
    (["--resume", "renamed.cps"], "not those that this solution was made for"),
    # the command itself
    (["kuhn", "leduc"], "unexpected extra argument"),
    (["kuhn", "--itterations", "3"], "--iterations"),
    (["kuhn", "--out"], "requires an argument"),
]


@pytest.mark.parametrize(("arguments", "says"), SOLVE, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_solve(complaint, arguments, says):
    assert says in complaint("solve", *arguments)


FILES = [
    ("nothing.cps", "there is no file"),
    (".", "folder"),
    ("empty.cps", "cut short"),
    ("short.cps", "cut short"),
    ("header.cps", "cut short"),
    ("cut.cps", "cut short"),
    ("text.cps", "not a solution file"),
    ("noise.cps", "not a solution file"),
    ("foreign.cps", "not written by Counterplay"),
    ("newer.cps", "newer Counterplay"),
    ("hollow.cps", "damaged"),
    ("misfit.cps", "damaged"),
]


@pytest.mark.parametrize("command", [["evaluate"], ["show"], ["play"], ["export", "--to", "csv"]], ids=lambda c: c[0])
@pytest.mark.parametrize(("file", "says"), FILES)
def test_files(complaint, command, file, says):
    assert says in complaint(*command, file)


OTHER = [
    (["games", "poker"], "the games are kuhn, leduc"),
    (["evaluate", "kuhn.cps", "--against", "pennies.cps"], "different games"),
    (["evaluate", "kuhn.cps", "--against", "nothing.cps"], "there is no file"),
    (["evaluate", "renamed.cps"], "not those that this solution was made for"),
    (["evaluate", "leduc"], "'counterplay solve \"leduc\" --out FILE' makes one"),
    (["play", "leduc(ranks=4)"], "'counterplay solve \"leduc(ranks=4)\" --out FILE' makes one"),
    (["evaluate", "kuhn.cps", "--resolve", "kuhn.cps"], "a file that Counterplay writes"),
    (["certify", "nothing.cps"], "there is no file"),
    (["evaluate", "unknown.cps"], "no game here goes by 'chess'"),
    (["evaluate"], "Missing argument 'FILE"),
    (["show", "kuhn.cps", "--player", "2"], "0 to 1"),
    (["show", "kuhn.cps", "--player", "-1"], "0 to 1"),
    (["show", "kuhn.cps", "--infoset", "ace"], "one of them is"),
    (["show", "kuhn.cps", "--limit", "-3"], "--limit"),
    (["play", "kuhn.cps", "--seat", "2"], "0 to 1"),
    (["play", "kuhn.cps", "--hands", "0"], "--hands"),
    (["play", "unknown.cps"], "no game here goes by 'chess'"),
    (["play", "renamed.cps", "--seed", "1"], "not those that this solution was made for"),
    (["export", "kuhn.cps"], "--to"),
    (["export", "kuhn.cps", "--to", "xml"], "'csv', 'json'"),
    (["export", "kuhn.cps", "--to", "csv", "--out", "nowhere/x.csv"], "cannot write"),
    (["solv", "kuhn"], "solve"),
    (["--nonsense"], "--nonsense"),
]


@pytest.mark.parametrize(("arguments", "says"), OTHER, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_other_commands(complaint, arguments, says):
    assert says in complaint(*arguments)


def test_nothing_of_the_kind_reaches_a_process():
    """The same from outside: exit code 2, one line, no traceback."""
    command = [sys.executable, "-m", "counterplay.cli", "solve", "lduc"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_to(complaint, folder):
    locked = folder / "locked"
    locked.mkdir(mode=0o500, exist_ok=True)
    assert "cannot write" in complaint("solve", "kuhn", "--out", str(locked / "k.cps"))


def test_an_interrupted_write_leaves_the_old_file(folder, monkeypatch):
    """A disk that fills up in the middle: the sentence, the old file whole, and nothing beside it."""
    file, before = folder / "kuhn.cps", sorted(folder.iterdir())
    old = file.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match="No space left on device"):
        counterplay.load(file).save(file)
    with pytest.raises(SystemExit) as exit_:
        main(["export", str(file), "--to", "json", "--out", str(folder / "x.json")])
    assert exit_.value.code == 2
    assert file.read_bytes() == old
    assert sorted(folder.iterdir()) == before


def test_python_says_the_same(folder):
    """The sentences come from the library, so `solve` and `load` raise them too."""
    with pytest.raises(ValueError, match="did you mean 'leduc'"):
        counterplay.solve("lduc")
    with pytest.raises(ValueError, match="newer Counterplay"):
        counterplay.load(folder / "newer.cps")
    with pytest.raises(ValueError, match="solve needs a game"):
        counterplay.solve()
