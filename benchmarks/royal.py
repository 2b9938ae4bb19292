"""Hold'em from the blinds on, judged exactly: seconds, memory and exploitability, beside what Slumbot's notes say.

    python benchmarks/royal.py                    # all runs, a process each; writes results and page: half an hour
    python benchmarks/royal.py flop_pot           # the runs of one example, and keep the other results
    python benchmarks/royal.py --table            # renew the table of docs/performance.md from the results

Exploitability is in thousandths of a big blind a game (mbb/g): in chips, over the big blind, times 1000. A run goes on
until it is below the published figure, by CFR+ as published for 200 iterations, and is judged every ten iterations,
which is not counted. With one thread, seconds are of processor time, which other work on the machine disturbs least;
with two they are of the clock. Memory is the most that the process had, Python and the kernels' code with it.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any, NamedTuple

import report

report.one_thread()

from counterplay.games.holdem.places import lay_out  # noqa: E402
from counterplay.games.holdem.spot import load_spot  # noqa: E402
from counterplay.solvers.streets.cfr import SubgameCFR  # noqa: E402
from counterplay.solvers.variants import VARIANTS  # noqa: E402

EVERY = 10  # iterations between judgements


class Published(NamedTuple):
    """What Slumbot's notes say of a game: 200 iterations of CFR+ on eight threads."""

    game: str
    seconds: float
    gigabytes: float | None
    mbb: float


PUBLISHED = {
    "royal_holdem": Published("royal hold'em, four streets, 20 cards", 435.0, 3.3, 29.47),
    "flop_pot": Published("preflop and flop, 52 cards", 42.5, None, 1.43),
}


class Case(NamedTuple):
    """A run; of `iterations` none it goes on until it is below the published figure."""

    example: str
    algorithm: str
    bits: int
    threads: int
    iterations: int | None


CASES = tuple(
    Case(example, algorithm, bits, threads, iterations)
    for algorithm, bits, threads, iterations in (
        ("dcfr3", 32, 1, None),
        ("dcfr3", 32, 2, None),
        ("dcfr3", 16, 1, None),
        ("cfr+", 32, 1, 200),
        ("cfr+", 32, 2, 200),
    )
    for example in PUBLISHED
)


def measure(case: Case) -> dict[str, Any]:
    """Run a case in this process."""
    river, spot = (load_spot(report.ROOT / "examples" / f"{name}.toml") for name in ("river_a", case.example))
    packed = case.bits == 16
    SubgameCFR(lay_out(river).game, river.pot, VARIANTS[case.algorithm], compress=packed).advance(1)  # compiles
    now = time.process_time if case.threads == 1 else time.perf_counter
    began = now()
    laid = lay_out(spot)
    setup = now() - began
    run = SubgameCFR(laid.game, spot.pot, VARIANTS[case.algorithm], compress=packed, threads=case.threads)
    big, seconds, curve = float(spot.betting.blinds[1]), 0.0, list[tuple[int, float, float]]()
    target = PUBLISHED[case.example].mbb
    while not curve or (run.iterations < case.iterations if case.iterations else curve[-1][2] >= target):
        began = now()
        run.advance(EVERY)
        seconds += now() - began
        curve.append((run.iterations, seconds, 1000 * run.judge().exploitability / big))
    began = now()
    run.judge()
    return {
        **case._asdict(),
        "setup": setup,
        "curve": curve,
        "judge": now() - began,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def line(row: dict[str, Any]) -> list[str]:
    """Return the table's line on a run: where it ends, and when it came below the published figure."""
    known = PUBLISHED[row["example"]]
    below = next((point for point in row["curve"] if point[2] < known.mbb), None)
    count, seconds, mbb = row["curve"][-1]
    threads = f"{row['threads']} thread{'s' * (row['threads'] > 1)}"
    return [
        f"{known.game}: {row['algorithm']}, {row['bits']} bits, {threads}",
        f"{count}",
        f"{seconds:.0f} s",
        f"{mbb:.3g}",
        f"{row['memory'] / 1e9:.2f} GB",
        f"{below[1]:.0f} s ({below[0]} it.)" if below else "",
    ]


def write_table(result: dict[str, Any]) -> None:
    """Renew the table of the page."""
    body = list[list[str]]()
    for example, known in PUBLISHED.items():
        memory = f"{known.gigabytes} GB" if known.gigabytes else ""
        body.append(
            [f"{known.game}: Slumbot, CFR+, 8 threads", "200", f"{known.seconds:g} s", f"{known.mbb}", memory, ""]
        )
        body += [line(row) for row in result["rows"] if row["example"] == example]
    header = ["game: run", "iterations", "time", "mbb/g", "memory", "below the published figure after"]
    machine = result["machine"]
    note = (
        f"{machine['processor']}, two cores; Python {machine['python']}, Numba {machine['numba']}. mbb/g: "
        "exploitability in chips over the big blind, times 1000. Judged every ten iterations, which is not counted, "
        "nor is the layout. With one thread seconds are of processor time, else of the clock. Slumbot's figures are "
        "those of its notes (2019)."
    )
    report.put("docs/performance.md", "royal", f"{report.table(header, body)}\n\n{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("examples", nargs="*", metavar="EXAMPLE", help=f"of {', '.join(PUBLISHED)}; all by default")
    parser.add_argument("--case", metavar="NUMBER", type=int, help="measure one case, in this process")
    parser.add_argument("--start", metavar="NUMBER", type=int, default=0, help="leave out the cases before it")
    parser.add_argument("--table", action="store_true", help="renew the table from the last results")
    chosen = parser.parse_args()
    if chosen.case is not None:
        print(json.dumps(measure(CASES[chosen.case])))
        return
    if not chosen.table:
        kept = report.load("royal")["rows"] if (report.RESULTS / "royal.json").exists() else []
        for number, case in enumerate(CASES):
            if case.example not in (chosen.examples or PUBLISHED) or number < chosen.start:
                continue
            words = [sys.executable, __file__, "--case", str(number)]
            row = json.loads(subprocess.check_output(words, text=True))
            print(" · ".join(line(row)), flush=True)
            kept = [old for old in kept if Case(*(old[name] for name in Case._fields)) != case] + [row]
            report.save("royal", {"machine": report.machine(()), "rows": kept})
    result = report.load("royal")
    order = {case: number for number, case in enumerate(CASES)}
    result["rows"].sort(key=lambda row: order[Case(*(row[name] for name in Case._fields))])
    report.save("royal", result)
    if "royal: begin" in (report.ROOT / "docs" / "performance.md").read_text():
        write_table(result)


if __name__ == "__main__":
    main()
