"""Who may import whom: every room knows the rooms below it, and no two files know each other."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import counterplay

PACKAGE = Path(counterplay.__file__).parent
HERE = Path(__file__).parent
ALLOWED = {
    "engine": {"engine"},
    "games": {"engine", "games"},
    "solvers": {"engine", "solvers"},
    "agents": {"engine", "agents"},
    "show": {"engine", "games", "solvers", "agents", "show"},
    "api": {"", "engine", "games", "solvers", "agents", "show", "api"},
    "testing.py": {"api"},
    "__init__.py": {"engine", "games", "solvers", "agents", "api"},
    "cli.py": {"", "cli", "engine", "games", "solvers", "agents", "api", "show"},
}
FOLDERS = [part for part in ALLOWED if not part.endswith(".py")]


def is_for_types(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def walk(node, types=False):
    """Yield the nodes of a tree, without those under `if TYPE_CHECKING`: what is named there is not imported."""
    yield node
    for child in ast.iter_child_nodes(node):
        if types or not is_for_types(child):
            yield from walk(child, types)


def imports(path, types=False):
    """Yield every module that the file imports, at the top or inside functions, as (line, name)."""
    for node in walk(ast.parse(path.read_text(), str(path)), types):
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
            if target not in ALLOWED[part]:
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert not wrong


def home(name):
    """Return the file of our package that an imported name is from, None if it is not ours."""
    parts = name.split(".")
    if parts[0] != "counterplay":
        return None
    while parts:
        path = PACKAGE.joinpath(*parts[1:])
        for found in (path.with_suffix(".py"), path / "__init__.py"):
            if len(parts) > 1 and found.is_file():
                return found
        parts.pop()
    return None


def test_no_circles_between_files():
    """A file that another one needs does not need it back, not even inside a function."""
    files = [path for part in ALLOWED for path in sources(part)]
    after = {path: {home(name) for _, name in imports(path)} - {None, path} for path in files}
    # A catalogue imports its entries by their names, and they may import the catalogue.
    reached = {path: set(after[path]) for path in files}
    changed = True
    while changed:
        changed = False
        for path in files:
            more = set().union(*(reached.get(p, set()) for p in reached[path])) - reached[path]
            if more:
                reached[path] |= more
                changed = True
    circles = sorted(path.relative_to(PACKAGE).as_posix() for path in files if path in reached[path])
    assert not circles


def test_every_source_is_covered():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file() and path.name != "tests"}
    found = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*.py")} | (folders - {"benchmarks"})
    assert found == set(ALLOWED)


@pytest.mark.parametrize("folder", [PACKAGE, HERE, HERE.parent / "benchmarks"], ids=lambda path: path.name)
def test_only_under_our_own_name(folder):
    """`import engine` works where the source folder is on the path, and makes a second copy of every module."""
    wrong = []
    paths = sorted(folder.glob("*.py")) if folder != PACKAGE else [p for part in ALLOWED for p in sources(part)]
    for path in paths:
        for line, name in imports(path, types=True):
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


def test_files_and_functions_stay_small():
    """A file fits in the head: half of them under 200 lines, none over 450, no function over 80 outside kernels."""
    files = [path for part in ALLOWED for path in sources(part)]
    lengths = sorted(len(path.read_text().splitlines()) for path in files)
    assert lengths[len(lengths) // 2] < 200
    assert [p.relative_to(PACKAGE).as_posix() for p in files if len(p.read_text().splitlines()) > 450] == []
    long = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef) or node.end_lineno - node.lineno < 80:
                continue
            names = {
                d.id if isinstance(d, ast.Name) else getattr(getattr(d, "func", None), "id", "")
                for d in node.decorator_list
            }
            if not names & {"jit", "inlined", "overload", "intrinsic"}:
                long.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}")
    assert not long
