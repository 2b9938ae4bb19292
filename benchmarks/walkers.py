"""The street walker as it was at an earlier commit, and as it is now, in turn on the example spots.

    python benchmarks/walkers.py                          # the three examples, beside the default commit
    python benchmarks/walkers.py --commit NAME --rounds 9 --spots river_a "flop_a:16" --write

The earlier package is checked out into a temporary folder, and each side has a process of its own with a cache of
compiled kernels of its own, which stays up for all rounds: so they take turns, a share of iterations each, and meet the
same machine. A spot is NAME or NAME:BITS. Figures are processor seconds on one thread: of one iteration, of one
judgement, and of setting up a spot from its file. A ratio is the median over rounds.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import report

EARLIER = "eecd26e"  # before lanes of each board's own, vectors of sixteen and fetching ahead
SHARES = {"river_a": 400, "turn_a": 8, "flop_a": 1}  # iterations of a round
SETUPS = {"river_a": 5}  # how often a spot is set up in a round, where that is short
FIGURES = ("iteration", "judgement", "set-up")

SIDE = """
import json, sys, time
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.spot import load_spot
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.variants import VARIANTS
path, bits, share, setups = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
def start():
    spot = load_spot(path)
    return SubgameCFR(lay_out(spot).game, spot.pot, VARIANTS["dcfr3"], compress=bits == 16)
run = start()
run.advance(1)
run.judge()
def timed(act, times):
    began = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - began) / times
for line in sys.stdin:
    found = {"set-up": timed(start, setups)} if setups else {}
    found["iteration"] = timed(lambda: run.advance(share), 1) / share
    found["judgement"] = timed(run.judge, max(share // 10, 1))
    print(json.dumps(found), flush=True)
"""


class Side:
    """A package at work on a spot, in a process of its own."""

    def __init__(self, package: Path, cache: Path, spot: str, bits: int):
        environment = os.environ | {"PYTHONPATH": str(package), "NUMBA_CACHE_DIR": str(cache)}
        command = [sys.executable, "-c", SIDE, str(report.ROOT / "examples" / f"{spot}.toml"), str(bits)]
        command += [str(SHARES.get(spot, 1)), str(SETUPS.get(spot, 1))]
        # A process that starts in the repository would import from it.
        self.process = subprocess.Popen(
            command, env=environment, cwd=cache, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def measure(self) -> dict[str, float]:
        """Return the figures of one round."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: dict[str, float] = json.loads(self.process.stdout.readline())
        return found

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def check_out(commit: str, folder: Path) -> None:
    """Write the package as it was at a commit into a folder."""
    archive = subprocess.check_output(["git", "archive", commit], cwd=report.ROOT)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder / "counterplay", filter="data")


def compare(earlier: Path, caches: tuple[Path, Path], spot: str, bits: int, rounds: int) -> list[dict[str, Any]]:
    """Measure both sides on a spot, round by round; return for each figure the two medians and that of the ratios."""
    with ExitStack() as stack:
        packages = (earlier, report.ROOT / ".typing")
        sides = [
            stack.enter_context(Side(package, cache, spot, bits))
            for package, cache in zip(packages, caches, strict=True)
        ]
        found = [[side.measure() for side in sides] for _ in range(rounds)]
    rows = []
    for figure in FIGURES:
        pairs = [(before[figure], now[figure]) for before, now in found]
        before, now = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = sorted(a / b for a, b in pairs)
        rows.append(
            {"spot": spot, "bits": bits, "figure": figure, "before": before, "now": now, "rounds": rounds}
            | {"ratio": statistics.median(ratios), "ratios": ratios}
        )
    return rows


def write_table(result: dict[str, Any]) -> None:
    """Renew the table of docs/performance.md."""
    body = []
    for row in result["rows"]:
        bits, ratios = ", 16 bits" * (row["bits"] == 16), row["ratios"]
        seconds = (report.seconds(row[side]) for side in ("before", "now"))
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        body.append([f"{row['spot']}{bits}: {row['figure']}", *seconds, f"{row['ratio']:.2f}", spread])
    rounds = {row["spot"]: row["rounds"] for row in result["rows"]}
    machine = result["machine"]
    note = (
        f"{machine['processor']}, two cores; Python {machine['python']}, Numba {machine['numba']}; one thread, "
        f"processor seconds. Before is commit {result['commit']}; both took turns in "
        f"{', '.join(f'{n} ({spot})' for spot, n in rounds.items())} rounds, of which the ratio is the median."
    )
    header = ["spot: figure", "before", "now", "times sooner", "in single rounds"]
    report.put("docs/performance.md", "walkers", f"{report.table(header, body)}\n\n{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", default=EARLIER, help="the earlier one")
    parser.add_argument("--rounds", type=int, default=9, help="of rivers and turns; flops have a third of them")
    parser.add_argument("--spots", nargs="+", default=["river_a", "turn_a", "flop_a", "flop_a:16"], metavar="NAME:BITS")
    parser.add_argument("--write", action="store_true", help="renew results and page")
    options = parser.parse_args()
    report.one_thread()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder)
        check_out(options.commit, earlier)
        caches = earlier / "cache_before", earlier / "cache_now"
        for cache in caches:
            cache.mkdir()
        for text in options.spots:
            spot, _, bits = text.partition(":")
            rounds = max(options.rounds // 3, 1) if spot.startswith("flop") else options.rounds
            for row in compare(earlier, caches, spot, int(bits or 32), rounds):
                rows.append(row)
                print(
                    f"{spot:8} {row['bits']} bits {row['figure']:10} {report.seconds(row['before']):>8} before, "
                    f"{report.seconds(row['now']):>8} now: {row['ratio']:.2f} times sooner "
                    f"({row['ratios'][0]:.2f} to {row['ratios'][-1]:.2f})",
                    flush=True,
                )
    if options.write:
        report.save("walkers", {"machine": report.machine(()), "commit": options.commit, "rows": rows})
        write_table(report.load("walkers"))


if __name__ == "__main__":
    main()
