"""What computing buckets of hold'em hands takes, in a process of its own each, and what looking them up takes.

python benchmarks/buckets.py            all of them
python benchmarks/buckets.py matchup    those with such a word, and the results of the others as they were
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import report

import counterplay
from counterplay.engine.jit import jit
from counterplay.games.holdem.buckets import buckets_of
from counterplay.games.holdem.cards import COMBO_CARDS

RUNS = (
    ("royal", "none"),
    ("royal", "strength:50"),
    ("royal", "distribution:200,200,50"),
    ("holdem", "strength:50"),
    ("holdem", "distribution:200,200,50"),
    ("royal", "matchup:200,200,200"),
    ("holdem", "matchup:200,200,200"),
)
BOARDS = 2000


def computed(deck: str, spec: str, path: str) -> dict[str, object]:
    """Return seconds, processor seconds, and peak memory in MB of computing buckets, and what came out."""
    command = [sys.executable, "-m", "counterplay.cli", "buckets", deck, "--buckets", spec, "--out", path, "--json"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        said = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    told = json.loads(said)
    return {
        "deck": deck,
        "buckets": spec,
        "sizes": [street["buckets"] for street in told["streets"]],
        "seconds": time.perf_counter() - began,
        "processor": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / 1024,
        "file": os.stat(path).st_size / 2**20,
    }


@jit
def _many(tables, boards, holes, out):  # type: ignore[no-untyped-def]
    for k in range(boards.shape[0]):
        buckets_of(tables, 3, boards[k], holes[k], holes.shape[1], out)


def looked_up(path: str) -> float:
    """Return the microseconds that the buckets of all 1,081 hands of a river take, on boards in no order."""
    tables, rng = counterplay.load_buckets(path).tables, np.random.default_rng(0)
    boards = np.stack([rng.choice(52, 5, replace=False) for _ in range(BOARDS)]).astype(np.uint8)
    holes = np.stack([COMBO_CARDS[~np.isin(COMBO_CARDS, board).any(axis=1)] for board in boards])
    out = np.empty(holes.shape[1], np.int64)
    _many(tables, boards[:2], holes, out)
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        _many(tables, boards, holes, out)
        best = min(best, time.perf_counter() - began)
    return best / BOARDS * 1e6


def main() -> None:
    """Measure, keep the results and put the table into docs/abstraction.md."""
    words = sys.argv[1:]
    kept = report.load("buckets") if words else {"runs": []}
    known = {(run["deck"], run["buckets"]): run for run in kept["runs"]}
    wanted = [run for run in RUNS if not words or any(word in " ".join(run) for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/kept.cpb"
        for spec in dict.fromkeys(spec for _, spec in wanted):
            computed("royal", spec, path)  # compiles
        for deck, spec in wanted:
            known[deck, spec] = computed(deck, spec, path)
            print(known[deck, spec], flush=True)
        if not words:
            kept["river"] = looked_up(path)
    print(f"{kept['river']:.0f} microseconds for all hands of a river")
    found = [known[run] for run in RUNS if run in known]
    report.save("buckets", {"machine": report.machine(peers=()), "runs": found, "river": kept["river"]})
    rows = [
        [
            f"`{run['deck']}`",
            f"`{run['buckets']}`",
            " · ".join(f"{n:,}" for n in run["sizes"][1:]),
            f"{run['seconds']:.1f} s",
            f"{run['processor']:.1f} s",
            f"{run['peak']:,.0f} MB",
            f"{run['file']:.1f} MB",
        ]
        for run in found
    ]
    header = ["deck", "buckets", "on flop, turn, river", "time", "processor", "peak memory", "file"]
    report.put("docs/abstraction.md", "buckets", report.table(header, rows, 2))


if __name__ == "__main__":
    main()
