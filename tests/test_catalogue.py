"""Texts and what they name: one catalogue mechanism, somebody's own by module, and what files may not do."""

import subprocess
import sys
import textwrap

import pytest

import counterplay
from counterplay.agents import LEARNERS
from counterplay.engine.catalogue import Catalogue, Entry, is_own, load_object
from counterplay.games import GAMES
from counterplay.games.envs import ENVS
from counterplay.solvers import SOLVERS

SPY = """
from dataclasses import dataclass
from pathlib import Path

from counterplay.engine.rules import LEAF

Path("imported").touch()


@dataclass(frozen=True)
class Spy:
    fine: float = 4.0
    players = 2

    def root(self):
        return ()

    def turn(self, state):
        return LEAF if len(state) == 2 else len(state)

    def moves(self, state):
        return ("search", "rest") if state else ("smuggle", "wait")

    def chance(self, state):
        raise AssertionError

    def play(self, state, move):
        return (*state, self.moves(state)[move])

    def payoffs(self, state):
        gain = {("smuggle", "search"): -self.fine, ("smuggle", "rest"): 1.0, ("wait", "search"): 0.5}.get(state, 0.0)
        return gain, -gain

    def sees(self, state, player):
        return "at the border"


def text():
    return "kuhn"
"""


@pytest.fixture
def spy(tmp_path, monkeypatch):
    """A game of somebody's own, in the current folder; the folder gets a file `imported` when its module is."""
    (tmp_path / "spy_game.py").write_text(SPY)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("spy_game", None)


@pytest.mark.parametrize("catalogue", [GAMES, ENVS, LEARNERS, SOLVERS], ids=lambda c: c.kind)
def test_every_entry_is_there(catalogue):
    assert len({entry.name for entry in catalogue}) == len(catalogue)
    for entry in catalogue:
        assert catalogue.find(entry.name) is entry
        assert callable(entry.load())
        assert entry.summary


def test_lists_are_the_catalogues():
    assert counterplay.list_games() == [entry.name for entry in GAMES]
    assert counterplay.list_envs() == [entry.name for entry in ENVS] + [entry.name for entry in GAMES]
    assert counterplay.list_learners() == [entry.name for entry in LEARNERS]


def test_make_makes_games_and_environments():
    assert counterplay.make("leduc(ranks=4)").ranks == 4
    assert counterplay.make("climbing(steps=2)").steps == 2
    assert (
        counterplay.make("holdem(board='Ks 9d 4c 7h 2s', oop=AA, ip=KK, pot=6, stack=9, bets='50%')").street == "river"
    )
    assert counterplay.make("examples/river_a.toml").pot == 60


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("leduk", "did you mean 'leduc'"),
        ("nowhere:Game", "cannot import 'nowhere'"),
        ("numpy:Nothing", "has no 'Nothing'"),
        ("numpy:pi", "no class and no function"),
        ("os:system(command='touch canary')", "Python's own library"),
        ("collections:Counter", "Python's own library"),
        ("counterplay.cli:main", "is of Counterplay itself"),
        ("spy_game:text", "it gives a text"),
        ("spy_game:Spy(fins=3)", "no parameter 'fins' (did you mean 'fine'?)"),
        ("spy_game:Spy(3)", "takes its parameters by name"),
    ],
)
def test_what_is_no_game(spy, text, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")):
        counterplay.solve(text)


def test_own_game_by_name(spy):
    solution = counterplay.solve("spy_game:Spy(fine=2)", target=1e-6)
    assert solution.game == "spy_game:Spy(fine=2.0)"
    assert solution.value[0] == pytest.approx(1 / 7)  # smuggle 1/7 of the time, be searched 2/7
    solution.save("spy.cps")
    assert counterplay.load("spy.cps", game="spy_game:Spy(fine=2)").judge().exploitability == solution.exploitability
    with pytest.raises(ValueError, match=r"is of spy_game:Spy\(fine=2.0\), not of leduc"):
        counterplay.load("spy.cps", game="leduc")


def test_files_import_nothing(spy):
    counterplay.solve("spy_game:Spy", iterations=5).save("spy.cps")
    (spy / "imported").unlink()
    code = "import counterplay; s = counterplay.load('spy.cps'); print(s.at('at the border', player=0)); s.judge()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=spy)
    assert "smuggle" in done.stdout  # what the file holds can be read
    assert "does not hold its rules" in done.stderr
    assert not (spy / "imported").exists()


def test_entry_points_register_for_good(spy):
    info = spy / "spies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spies\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[counterplay.games]\nspy = spy_game:Spy\nkuhn = spy_game:Spy\n[counterplay.envs]\n[counterplay.learners]\n"
    )
    code = textwrap.dedent("""
        import counterplay
        assert counterplay.list_games()[-1] == "spy", counterplay.list_games()
        assert counterplay.make("kuhn").ranks == 3  # a name of ours stays ours
        s = counterplay.solve("spy(fine=2)", iterations=20)
        assert s.game == "spy(fine=2.0)", s.game
        s.save("s.cps")
        counterplay.load("s.cps").judge()
    """)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=spy, env={**_environment(), "PYTHONPATH": _path(spy)})


def test_broken_packages_take_nothing_with_them(spy):
    for name, points in (
        ("broken", b"[counterplay.games]\nfoo\n"),
        ("binary", b"\xff\xfe\x00"),
        ("nowhere", b"[counterplay.games]\nnowhere = nowhere:Game\n[counterplay.envs]\nleduc = spy_game:Spy\n"),
        ("raising", b"[counterplay.games]\nraising = raising:Game\nbad name = spy_game:Spy\n"),
    ):
        info = spy / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_bytes(points)
    (spy / "raising.py").write_text("raise RuntimeError('no')")
    code = "from counterplay.cli import main; import sys; main(sys.argv[1:])"
    for arguments, says in (
        (["games"], "cannot be imported"),
        (["envs"], "two_step"),
        (["games", "raising"], "RuntimeError"),
        (["solve", "kuhn", "--iterations", "1"], "kuhn"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            check=False,
            cwd=spy,
            capture_output=True,
            text=True,
            env={**_environment(), "PYTHONPATH": _path(spy)},
        )
        assert "Traceback" not in done.stderr
        assert says in done.stdout + done.stderr


@pytest.mark.parametrize("body", ["raise RuntimeError('no')", "raise SystemExit(0)", "self.nothing"])
def test_own_classes_that_fail(spy, body):
    (spy / "failing.py").write_text(f"class Game:\n    def __init__(self):\n        {body}\n")
    with pytest.raises(ValueError, match="failing:Game cannot be made"):
        counterplay.make("failing:Game")
    sys.modules.pop("failing", None)
    with pytest.raises(ValueError, match="is of Counterplay itself"):
        counterplay.make("counterplay.nope:Game")


def _environment():
    import os

    return dict(os.environ)


def _path(folder):
    import os

    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_names_of_own_things():
    assert is_own("package.module:Class(a=1)")
    assert not is_own("openspiel:")
    assert not is_own("leduc(ranks=3)")
    assert load_object("counterplay.games.kuhn:Kuhn").__name__ == "Kuhn"


def test_readers_come_before_names():
    catalogue = Catalogue("thing", (Entry("a", "collections:OrderedDict"),), takes_own=False)
    with pytest.raises(ValueError, match=r"there is no thing 'b:C'; the things are a$"):
        catalogue.find("b:C")
