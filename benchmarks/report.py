"""What the benchmark scripts share: the machine in words, result files, and tables between markers of a page."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FIGURES = ROOT / "docs" / "figures"


def one_thread() -> None:
    """Keep the libraries that come with thread pools to one thread; call before numpy is imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"


def machine(peers: tuple[str, ...] = ("open_spiel", "LiteEFG", "noregret")) -> dict[str, str]:
    """Return what was measured on: processor, Python, and the versions of all who took part."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), cpu)
    found = {"processor": cpu, "python": platform.python_version()}
    for package in ("counterplay", "numba", "numpy", *peers):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def save(name: str, result: dict[str, Any]) -> None:
    """Write benchmarks/results/<name>.json."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result) + "\n")


def load(name: str) -> dict[str, Any]:
    """Read benchmarks/results/<name>.json."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return result


def table(header: list[str], rows: list[list[str]], right: int = 1) -> str:
    """Return a Markdown table; columns from number `right` on are aligned to the right."""
    rule = ["---" if i < right else "---:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def put(page: str, name: str, text: str) -> None:
    """Replace what stands between the markers `name` of a page by the text."""
    path = ROOT / page
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = path.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} needs the markers {begin} and {end}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def seconds(value: float) -> str:
    """Return a duration with two or three figures and a fitting unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale or unit == "µs":
            number = value / scale
            return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"
    raise AssertionError


def times(ratio: float) -> str:
    """Return a ratio with two or three figures, and commas."""
    return f"{ratio:,.0f}×" if ratio >= 10 else f"{ratio:.2g}×"
