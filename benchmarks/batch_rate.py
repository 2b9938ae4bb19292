"""A thousand rivers: single calls of `solve`, a batch in one process, and the peer's, in turn.

    python benchmarks/batch_rate.py                      # measure, write results and the table of docs/batch.md
    python benchmarks/batch_rate.py --rivers 200 --peer COMMAND
    python benchmarks/batch_rate.py --table

The rivers are those of examples/river_a.toml on boards drawn by a seed, to 0.5 % of the pot. Seconds are of processor
time, over all processes, which other work on the machine disturbs least; beside them stand those of the clock. COMMAND
is a program as benchmarks/holdem.py describes it; it solves river_a alone, and its set-up and time to the target are
taken for each river.
"""

import argparse
import json
import os
import resource
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any

import report

report.one_thread()

import numpy as np  # noqa: E402

import counterplay  # noqa: E402
from counterplay.api.river_runs import FEW  # noqa: E402
from counterplay.games.holdem.cards import format_cards, parse_cards  # noqa: E402
from counterplay.games.holdem.spot import load_spot  # noqa: E402

SPOT = report.ROOT / "examples" / "river_a.toml"
TARGET, SEED = "0.5%", 1
ROUNDS, SINGLE, COMMANDS = 5, 40, 3  # rounds, rivers of single calls in each, and single commands


def boards(count: int) -> list[str]:
    """Return different boards, drawn by the seed."""
    rng, found = np.random.default_rng(SEED), dict[str, None]()
    while len(found) < count:
        found[format_cards(sorted(rng.choice(52, 5, replace=False).tolist())).replace(" ", "")] = None
    return list(found)


def used() -> float:
    """Return the processor seconds of this process and of those that it has waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def timed(work: Callable[[], Any], count: int) -> dict[str, float]:
    """Return the seconds that some work takes a river, of the processor and of the clock."""
    began, busy = time.perf_counter(), used()
    work()
    return {"processor": (used() - busy) / count, "seconds": (time.perf_counter() - began) / count}


def write_files(folder: str, names: list[str]) -> list[str]:
    """Write the spot on each board, and return the files' paths."""
    text, paths = SPOT.read_text(), []
    for name in names:
        paths.append(f"{folder}/{name}.toml")
        with open(paths[-1], "w") as file:
            file.write(text.replace('"Ks 9d 4c 7h 2s"', f'"{name}"'))
    return paths


def measure(count: int, peer: str | None) -> dict[str, Any]:
    """Measure all in turn, in some rounds: single calls on some of the rivers, and all of them together."""
    names, spot = boards(count), load_spot(SPOT)
    few = names[:SINGLE]
    spots = [spot.on(parse_cards(name)) for name in few]
    rounds = list[dict[str, dict[str, float]]]()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_files(folder, few)
        counterplay.solve(paths[0], target=TARGET)
        batch_of(f"{folder}/first", names[:FEW])
        counterplay.solve_rivers(spot, names[:1], target=TARGET, device="cpu")  # imports PyTorch
        together = partial(counterplay.solve_rivers, spot, names, target=TARGET, device="cpu")
        for k in range(ROUNDS):
            rows = {
                "single": timed(lambda: [counterplay.solve(path, target=TARGET) for path in paths], SINGLE),
                "spots": timed(lambda: [counterplay.solve(each, target=TARGET) for each in spots], SINGLE),
                "rivers": timed(together, count),
                "single, saved": timed(
                    lambda: [counterplay.solve(p, target=TARGET).save(f"{p}.cps") for p in paths], SINGLE
                ),
                "batch": timed(partial(batch_of, f"{folder}/{k}", names), count),
            }
            with one_core():
                rows["rivers, one core"] = timed(together, count)
            if peer:
                rows["peer"] = theirs(peer)
            rounds.append(rows)
        some = [["counterplay", "solve", p, "--target", TARGET, "--out", f"{p}.1.cps"] for p in paths[:COMMANDS]]
        alone = timed(lambda: [subprocess.run(c, check=True, capture_output=True) for c in some], COMMANDS)
    rows = {name: {kind: median(row[name][kind] for row in rounds) for kind in rounds[0][name]} for name in rounds[0]}
    times = median(row["single"]["seconds"] / row["rivers"]["seconds"] for row in rounds)
    rows["command"] = alone
    return {"machine": report.machine(()), "rivers": count, "rows": rows, "times": times}


def theirs(command: str) -> dict[str, float]:
    """Return the seconds of the peer's set-up and of its way to the target, on one thread."""
    words = [*shlex.split(command), "river_a", "32", "1", TARGET.rstrip("%")]
    environment = os.environ | {"RAYON_NUM_THREADS": "1"}
    found = json.loads(subprocess.check_output(words, env=environment, text=True))
    each = found["setup"] + found["targets"][0]["seconds"]
    return {"processor": each}


@contextmanager
def one_core() -> Iterator[None]:
    """Have this process use one core alone."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


def batch_of(out: str, names: list[str]) -> None:
    """Solve the boards as one batch."""
    counterplay.batch(SPOT, out, boards=names, target=TARGET)


LABELS = {
    "command": "`counterplay solve` for each",
    "single, saved": "`solve(...).save(...)` for each, in one process",
    "single": "`solve(FILE)` for each, in one process, nothing kept",
    "spots": "`solve(Spot)` for each, in one process, nothing kept",
    "rivers, one core": "`solve_rivers`, on one core, nothing kept",
    "rivers": "`solve_rivers`, on both cores, nothing kept",
    "batch": "one batch on both cores: solved, kept, a line each",
    "peer": "postflop-solver, set-up and solving alone",
}


def write_table(result: dict[str, Any]) -> None:
    """Renew the table of the page."""
    count, rows = result["rivers"], result["rows"]
    base = rows["single"]["processor"]
    body = [
        [
            label,
            report.seconds(rows[name]["processor"]),
            report.seconds(rows[name]["seconds"]) if "seconds" in rows[name] else "",
            f"{base / rows[name]['processor']:.2g}",
        ]
        for name, label in LABELS.items()
        if name in rows
    ]
    note = (
        f"{count} rivers of `river_a` together, {SINGLE} of them in single calls, to {TARGET.rstrip('%')} % of the "
        f"pot; {result['machine']['processor']}, Python {result['machine']['python']}; medians of {ROUNDS} rounds, all "
        f"in turn. By the clock `solve_rivers` on both cores has {result['times']:.2g} times the rate of `solve(FILE)`,"
        " the median over rounds; a single solve of a river has use for one core."
    )
    head = ["", "a river, of processor", "by the clock", "rate by processor, beside `solve(FILE)`"]
    table = report.table(head, body)
    report.put("docs/batch.md", "batch_rate", f"{table}\n\n{note}")


def main() -> None:
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rivers", type=int, default=1000)
    parser.add_argument("--peer", metavar="COMMAND", help="measure postflop-solver")
    parser.add_argument("--table", action="store_true", help="renew the table from the last results")
    chosen = parser.parse_args()
    if not chosen.table:
        result = measure(chosen.rivers, chosen.peer)
        for name, row in result["rows"].items():
            took = (1000 * row["processor"], 1000 * row.get("seconds", 0.0))
            print("{:16} {:.2f} ms of processor, {:.2f} ms by the clock".format(name, *took))
        report.save("batch_rate", result)
    write_table(report.load("batch_rate"))


if __name__ == "__main__":
    main()
