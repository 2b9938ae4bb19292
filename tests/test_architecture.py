"""Who may import whom: the engine nothing of ours, its users the engine and not each other, the command line all."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import counterplay

PACKAGE = Path(counterplay.__file__).parent
HERE = Path(__file__).parent
FOLDERS = ("engine", "games", "solvers", "agents")
ALLOWED = {
    "engine": {"engine"},
    "games": {"engine", "games"},
    "solvers": {"engine", "solvers"},
    "agents": {"engine", "agents"},
    "__init__.py": {"engine", "games", "solvers", "agents"},
    "cli.py": {"", "cli", "engine", "games", "solvers", "agents"},
}
# What joins a solver to one game: the solution of a hold'em spot is looked at in the terms of its cards and bets. And
# pages know the type that they show.
EXTRA = {
    "solvers/spots.py": {"", "games"},
    "solvers/spot_pages.py": {"games"},
    "solvers/spot_play.py": {"games"},
    "solvers/pages.py": {""},
}


def imports(path):
    """Yield every module that the file imports, at the top or inside functions, as (line, name)."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively; write counterplay.… in full"
            # `from counterplay.engine import spec` may name a module: the last part is checked as one
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def sources(part):
    path = PACKAGE / part
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@pytest.mark.parametrize("part", ALLOWED)
def test_arrows(part):
    wrong = []
    for path in sources(part):
        for line, name in imports(path):
            top, _, rest = name.partition(".")
            if top != "counterplay":
                continue
            first = rest.partition(".")[0]
            target = first if (PACKAGE / first).is_dir() or (PACKAGE / f"{first}.py").exists() else ""
            if target not in ALLOWED[part] | EXTRA.get(path.relative_to(PACKAGE).as_posix(), set()):
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert not wrong


def test_every_source_is_covered():
    found = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*.py")} | set(FOLDERS)
    assert found == set(ALLOWED)


@pytest.mark.parametrize("folder", [PACKAGE, HERE, HERE.parent / "benchmarks"], ids=lambda path: path.name)
def test_only_under_our_own_name(folder):
    """`import engine` works where the source folder is on the path, and makes a second copy of every module."""
    wrong = []
    paths = sorted(folder.glob("*.py")) if folder != PACKAGE else [p for part in ALLOWED for p in sources(part)]
    for path in paths:
        for line, name in imports(path):
            if name.partition(".")[0] in {*FOLDERS, "cli"}:
                wrong.append(f"{path}:{line} imports {name}; write counterplay.{name}")
    assert not wrong


def test_torch_only_under_agents():
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for part in ALLOWED
        for path in sources(part)
        for line, name in imports(path)
        if name.partition(".")[0] == "torch" and part != "agents"
    ]
    assert not wrong


def test_the_command_line_starts_light():
    """What takes long to import waits until a command needs it: --help answers within 0.2 s."""
    code = "import sys, counterplay.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numba", "numpy", "scipy", "pyspiel", "plotext", "safetensors", "torch", "matplotlib"}
    assert heavy.isdisjoint(done.stdout.split())
