"""The three example spots of hold'em: time of an iteration and to a precision, memory, values; a peer beside us.

    python benchmarks/holdem.py                         # river_a and turn_a: measure, write results and page
    python benchmarks/holdem.py --flop                  # flop_a in 16 bits, and keep the other results: minutes
    python benchmarks/holdem.py --peer NAME=COMMAND     # others in the same run, in turn with us (may be repeated)
    python benchmarks/holdem.py --table                 # renew the table of docs/performance.md from the results

COMMAND is a program that is run as `COMMAND river_a 16 1000 0.5,0.1`, that is: example, bits of a table's entry,
iterations to time, per cents of the pot to reach with a judgement every ten iterations. It prints one JSON object:
`setup` and `iteration` (seconds), `memory` (bytes), `targets` (a list of `percent`, `seconds`, `iterations` and
`value`). The variable RAYON_NUM_THREADS in its environment says how many threads it may use. With one thread, seconds
are of processor time, which other work on the machine disturbs least; with more they are of the clock.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import report

report.one_thread()


from counterplay.games.holdem.places import lay_out  # noqa: E402
from counterplay.games.holdem.spot import load_spot  # noqa: E402
from counterplay.solvers.cfr import VARIANTS  # noqa: E402
from counterplay.solvers.streets.cfr import SubgameCFR  # noqa: E402

OURS = "Counterplay"
ALGORITHM = "dcfr3"
EVERY = 10  # iterations between judgements
MOST = 5000  # iterations before a target is given up


class Case(NamedTuple):
    """An example, and how to measure it."""

    name: str
    bits: int
    threads: tuple[int, ...]
    rounds: int
    iterations: int  # to time
    targets: tuple[float, ...]  # per cent of the pot, falling


CASES = (
    Case("river_a", 32, (1,), 15, 1000, (0.5, 0.1, 0.01)),
    Case("turn_a", 32, (1, 2), 3, 40, (0.5, 0.1)),
)
FLOP = Case("flop_a", 16, (2,), 1, 5, (0.5,))

# postflop-solver (Rust, 32 bits), measured on a two-core EPYC (Zen 3) in November 2026: seconds an iteration and to a
# per cent of the pot by number of threads, bytes in 32 and 16 bits, and the two values with their exploitability in
# per cent of the pot.
RECORDED: dict[str, dict[str, Any]] = {
    "river_a": {
        "iteration": {1: 0.12e-3},
        "targets": {(1, 0.5): 9e-3, (1, 0.1): 26e-3},
        "memory": {32: 0.3e6},
        "value": (25.08436, 34.91565, 0.001),
    },
    "turn_a": {
        "iteration": {1: 12.5e-3},
        "targets": {(1, 0.5): 0.94, (1, 0.1): 2.35},
        "memory": {32: 11.3e6, 16: 6.0e6},
        "value": (23.9187, 36.0813, 0.010),
    },
    "flop_a": {
        "iteration": {1: 1.1, 2: 0.55},
        "targets": {(2, 0.5): 61.5},
        "memory": {32: 912e6, 16: 471e6},
        "value": (23.817, 36.183, 0.24),
    },
}

Measure = Callable[[], dict[str, Any]]


def ours(case: Case, threads: int) -> Measure:
    """Return a measurement of ours. Compiling is left out, and setting up is a figure of its own."""
    spot = load_spot(report.ROOT / "examples" / f"{case.name}.toml")
    now = time.process_time if threads == 1 else time.perf_counter

    def start() -> SubgameCFR:
        return SubgameCFR(lay_out(spot).game, spot.pot, VARIANTS[ALGORITHM], compress=case.bits == 16, threads=threads)

    def measure() -> dict[str, Any]:
        began = now()
        run = start()
        setup = now() - began
        found: list[dict[str, Any]] = []
        began = now()
        while len(found) < len(case.targets) and run.iterations < MOST:
            run.advance(EVERY)
            verdict = run.judge()
            percent = 100 * verdict.exploitability / spot.pot
            while len(found) < len(case.targets) and percent <= case.targets[len(found)]:
                reached = {"percent": percent, "seconds": now() - began, "iterations": run.iterations}
                found.append(reached | {"value": verdict.value})
        began = now()
        run.advance(case.iterations)
        iteration = (now() - began) / case.iterations
        memory = run.game.nbytes + sum(int(table.nbytes) for table in run.tables)
        return {"setup": setup, "iteration": iteration, "memory": memory, "targets": found}

    first = start()
    first.advance(1)
    first.judge()
    return measure


def theirs(command: str, case: Case, threads: int) -> Measure:
    """Return a measurement of another solver."""
    targets = ",".join(map(str, case.targets))
    words = [*shlex.split(command), case.name, str(case.bits), str(case.iterations), targets]

    def measure() -> dict[str, Any]:
        environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
        found: dict[str, Any] = json.loads(subprocess.check_output(words, env=environment, text=True))
        return found

    return measure


def measure(case: Case, peers: dict[str, str]) -> list[dict[str, Any]]:
    """Measure all contenders in turn, round after round, so that a busy machine is busy for all of them alike."""
    field = [(OURS, n, ours(case, n)) for n in case.threads]
    field += [(name, n, theirs(command, case, n)) for name, command in peers.items() for n in case.threads]
    samples: list[list[dict[str, Any]]] = [[] for _ in field]
    for _ in range(case.rounds):
        for kept, (_, _, run) in zip(samples, field, strict=True):
            kept.append(run())
    rows = []
    for (who, threads, _), kept in zip(field, samples, strict=True):
        row = {"spot": case.name, "bits": case.bits, "who": who, "threads": threads, "memory": kept[-1]["memory"]}
        for name in ("setup", "iteration"):
            row[name] = statistics.median(s[name] for s in kept)
        row["targets"] = [
            reached | {"target": target, "seconds": statistics.median(s["targets"][i]["seconds"] for s in kept)}
            for i, (target, reached) in enumerate(zip(case.targets, kept[-1]["targets"], strict=False))
        ]
        row["samples"] = kept
        rows.append(row)
        for reached in row["targets"]:
            value = " / ".join(f"{v:.4f}" for v in reached["value"])
            print(
                f"{case.name} {who:24} {threads} threads, {case.bits} bits: {report.seconds(row['iteration']):>8} an "
                f"iteration, {report.seconds(reached['seconds']):>8} to {reached['target']:g} % "
                f"({reached['iterations']} iterations), {row['memory'] / 1e6:.1f} MB, "
                f"set up in {report.seconds(row['setup'])}, values {value} at {reached['percent']:.3f} %",
                flush=True,
            )
    return rows


def paired(ours: dict[str, Any], peer: dict[str, Any], figure: Callable[[dict[str, Any]], float]) -> str:
    """Return how many times sooner we are: the median over rounds, in which both met the same machine."""
    pairs = zip(ours["samples"], peer["samples"], strict=True)
    return f"**{report.times(statistics.median(figure(b) / figure(a) for a, b in pairs))}**"


def to_target(number: int, sample: dict[str, Any]) -> float:
    seconds: float = sample["targets"][number]["seconds"]
    return seconds


def noted(value: float | None, text: Callable[[float], str]) -> str:
    return text(value) if value else ""


def lines(mine: dict[str, Any], peers: list[dict[str, Any] | None]) -> list[list[str]]:
    """Return the table's lines on one spot and number of threads; a peer that did not take part leaves a gap."""
    recorded, threads = RECORDED[mine["spot"]], mine["threads"]
    field = [mine, *peers]
    where = f"{mine['spot']}, {threads} thread{'s' * (threads > 1)}" + ", 16 bits" * (mine["bits"] == 16)

    def megabytes(value: float) -> str:
        return f"{value / 1e6:.3g} MB"

    def timed(label: str, figure: Callable[[dict[str, Any]], float], known: float | None, count: int = -1) -> list[str]:
        cells = []
        for row in field:
            text = report.seconds(statistics.median(figure(s) for s in row["samples"])) if row else ""
            text += f" ({row['targets'][count]['iterations']} it.)" if row and count >= 0 else ""
            cells.append(f"{text}, {paired(mine, row, figure)}" if row and row is not mine else text)
        return [f"{where}: {label}", *cells, noted(known, report.seconds)]

    def value(pair: tuple[float, float], percent: float) -> str:
        return f"{pair[0]:.3f} / {pair[1]:.3f} ({percent:.3f} %)"

    found = [timed("one iteration", lambda s: s["iteration"], recorded["iteration"].get(threads))]
    for i, reached in enumerate(mine["targets"]):
        known = recorded["targets"].get((threads, reached["target"]))
        found.append(timed(f"to {reached['target']:g} %", partial(to_target, i), known, i))
    if threads == max(recorded["iteration"]):  # once a spot
        found.append(timed("set-up", lambda s: s["setup"], None))
        cells = [megabytes(row["memory"]) if row else "" for row in field]
        found.append([f"{where}: memory", *cells, noted(recorded["memory"].get(mine["bits"]), megabytes)])
        last = [row["targets"][-1] if row else None for row in field]
        cells = [value(reached["value"], reached["percent"]) if reached else "" for reached in last]
        found.append([f"{where}: EV of OOP / IP", *cells, value(recorded["value"][:2], recorded["value"][2])])
    return found


def write_table(result: dict[str, Any]) -> None:
    """Renew the table of the page."""
    rows = {(row["who"], row["spot"], row["threads"]): row for row in result["rows"]}
    names = [name for name in dict.fromkeys(row["who"] for row in result["rows"]) if name != OURS]
    body = []
    for (who, spot, threads), row in rows.items():
        if who == OURS:
            body += lines(row, [rows.get((name, spot, threads)) for name in names])
    header = ["spot: figure", OURS, *names, "postflop-solver, recorded"]
    machine = result["machine"]
    rounds = ", ".join(f"{len(row['samples'])} ({spot})" for spot, row in {r["spot"]: r for r in rows.values()}.items())
    note = (
        f"{machine['processor']}, two cores; Python {machine['python']}, Numba {machine['numba']}; medians of "
        f"{rounds} rounds, contenders in turn; in bold how many times sooner we are, as the median over "
        "rounds. In brackets: iterations, and exploitability in per cent of the pot. Times to a per cent of the pot "
        "count a judgement every ten iterations, and not the set-up. With one thread seconds are of processor time, "
        "else of the clock. Recorded: postflop-solver (Rust, 32 bits), measured on a two-core EPYC (Zen 3) in November "
        "2026."
    )
    report.put("docs/performance.md", "holdem", f"{report.table(header, body)}\n\n{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--flop", action="store_true", help="measure flop_a alone, in 16 bits, and keep the other results: minutes"
    )
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND", help="measure another solver")
    parser.add_argument("--table", action="store_true", help="renew the table from the last results")
    chosen = parser.parse_args()
    if not chosen.table:
        cases = (FLOP,) if chosen.flop else CASES
        peers = dict(peer.split("=", 1) for peer in chosen.peer)
        rows = [row for case in cases for row in measure(case, peers)]
        if (report.RESULTS / "holdem.json").exists():
            measured = {case.name for case in cases}
            rows += [row for row in report.load("holdem")["rows"] if row["spot"] not in measured]
        rows.sort(key=lambda row: list(RECORDED).index(row["spot"]))
        report.save("holdem", {"machine": report.machine(), "rows": rows})
    write_table(report.load("holdem"))


if __name__ == "__main__":
    main()
