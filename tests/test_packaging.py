"""What an installation promises: its version, its command, its dependencies, and pages whose examples run."""

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from importlib.metadata import distribution, entry_points, version
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import counterplay
from counterplay.agents import LEARNERS
from counterplay.games import GAMES
from counterplay.games.envs import ENVS
from counterplay.solvers import SOLVERS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(counterplay.__file__).resolve().parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
MODULES = {"open-spiel": {"pyspiel", "open_spiel"}, "pillow": {"PIL"}}  # packages of other import names than their own


def requirements(extra=""):
    """Return what the installed package requires: without an extra, or with that extra alone."""
    declared = [Requirement(line) for line in distribution("counterplay").requires or ()]
    if not extra:
        return [r for r in declared if r.marker is None or r.marker.evaluate({"extra": ""})]
    return [r for r in declared if r.marker and r.marker.evaluate({"extra": extra}) and "extra" in str(r.marker)]


def test_version():
    assert counterplay.__version__ == version("counterplay")
    assert re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[1] == counterplay.__version__


def test_the_tests_meet_the_installed_package():
    """Without an editable install the source folder must not be what is imported from it."""
    origin = json.loads(distribution("counterplay").read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        assert PACKAGE == ROOT
    else:
        assert ROOT not in PACKAGE.parents
        assert "site-packages" in PACKAGE.parts
        assert PACKAGE.name == "counterplay"


def test_command():
    (command,) = entry_points(group="console_scripts", name="counterplay")
    assert callable(command.load())


def test_the_wheel_takes_every_room():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    files = {path.name for path in ROOT.glob("*.py")} | {"py.typed"}
    assert set(listed["only-include"]) == rooms | files


def test_typed():
    assert (PACKAGE / "py.typed").exists()


def test_dependencies_are_those_imported():
    used = set()
    for path in PACKAGE.rglob("*.py"):
        if not {"tests", "benchmarks", "docs", ".typing"} & set(path.relative_to(PACKAGE).parts):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    used |= {name.name.partition(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    used.add(node.module.partition(".")[0])
    used -= {"counterplay", *sys.stdlib_module_names}
    required, *optional = (
        {module for r in requirements(extra) for module in MODULES.get(canonicalize_name(r.name), {r.name})}
        for extra in ("", "learn", "openspiel", "cuda", "ray", "search", "hands", "parquet", "onnx", "wandb", "test")
    )
    assert required <= used <= required.union(*optional)


def test_constraints_cover_what_is_required():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pinned = {canonicalize_name(r.name): next(iter(r.specifier)).version for r in pins}
    for extra in ("", "learn", "openspiel", "cuda", "test", "dev"):
        for r in requirements(extra):
            if r.name != "counterplay":
                assert r.specifier.contains(pinned[canonicalize_name(r.name)]), r


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.S | re.M)


def test_readme_begins_with_two_commands():
    solve, tests = (block.splitlines() for block in blocks(ROOT / "README.md", "sh")[:2])
    assert len(solve) == len(tests) == 1
    assert solve[0].startswith("pip install .")
    assert "counterplay solve leduc" in solve[0]
    assert tests[0].startswith('pip install ".[test]"')
    assert tests[0].endswith("pytest -n auto")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r'src="([^"]+)"', text)
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, id=p.name) for p in PAGES if blocks(p, "python")],
)
def test_python_examples_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)  # so that its classes can be found by their names
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), vars(module))


def test_readme_names_all_of_every_catalogue():
    text = (ROOT / "README.md").read_text()
    names = [entry.name for entries in (GAMES, ENVS, LEARNERS) for entry in entries]
    assert [name for name in (*names, *SOLVERS.names) if f"`{name}`" not in text] == []


def test_readme_leads_to_every_page():
    text = (ROOT / "README.md").read_text()
    assert not [page.name for page in PAGES if page.parent.name == "docs" and f"({page.relative_to(ROOT)})" not in text]


@pytest.mark.slow
def test_a_wheel_opens_the_strategy_browser(tmp_path):
    """What a fresh environment holds after an installation of the wheel writes a whole page, from another folder."""
    solution, env = tmp_path / "kuhn.cps", {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for name in ("PYTHONPATH", "NUMBA_CACHE_DIR"):
        env.pop(name, None)
    made = _ran(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT, env=env)
    if made.returncode:
        pytest.skip(f"no wheel can be built here: {made.stderr[-200:]}")
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    (wheel,) = tmp_path.glob("*.whl")
    done = _ran(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, env=env)
    assert done.returncode == 0, done.stderr
    place = _ran(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", env=env).stdout.strip()
    Path(place, "beside.pth").write_text(sysconfig.get_path("purelib"))  # what it depends on is not installed anew
    command = python.with_name("counterplay")
    counterplay.solve("kuhn", iterations=20).save(solution)
    done = _ran(command, "view", solution, "--export", tmp_path / "page.html", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    where = _ran(python, "-c", "import counterplay; print(counterplay.__file__)", env=env, cwd=tmp_path).stdout
    assert where.startswith(place)
    text = (tmp_path / "page.html").read_text()
    assert "modules.difference" in text
    assert all(path.read_bytes() for path in Path(place, "counterplay", "show", "page").iterdir())
    assert {path.name for path in Path(place, "counterplay", "show", "page").iterdir()} == {
        path.name for path in (PACKAGE / "show" / "page").iterdir()
    }


def _ran(*words, **options):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, **options)
