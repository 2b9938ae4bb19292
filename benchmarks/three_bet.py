"""The 3-bet pot of PioSOLVER's preset "3betpotFAST": time and iterations to 0.5, 0.3 and 0.1 % of the pot.

    python benchmarks/three_bet.py            # 16 bits, two threads: minutes; writes results and docs/performance.md
    python benchmarks/three_bet.py --table    # renew the table from the results

The other solvers' seconds are those that Desktop Postflop's author published, of six threads of a Ryzen 3700X (the
README of wasm-postflop); the value and the equity are PioSOLVER's, as postflop-solver's tests have them.
"""

import argparse
import time
from typing import Any

import report

from counterplay.games.holdem.equity import equity, matchups
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.spot import load_spot
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.variants import VARIANTS

TARGETS = (0.5, 0.3, 0.1)  # per cent of the pot
EVERY, MOST, THREADS = 10, 1000, 2
PUBLISHED = {
    "PioSOLVER": ("22.9 s", "28.2 s", "60.1 s", "1.41 GB"),
    "GTO+": ("22.0 s", "31.4 s", "67.7 s", "705 MB"),
    "Desktop Postflop": ("19.8 s", "24.7 s", "44.0 s", "679 MB"),
}
VALUE, EQUITY = "105.11 / 74.89", "0.55347"


def measure(bits: int) -> dict[str, Any]:
    """Solve the spot once; seconds are of the clock, and of the processor over all threads, judgements included."""
    spot = load_spot(report.ROOT / "examples" / "three_bet_pot.toml")

    def start() -> SubgameCFR:
        return SubgameCFR(lay_out(spot).game, spot.pot, VARIANTS["dcfr3"], compress=bits == 16, threads=THREADS)

    warm = start()
    warm.advance(1)
    warm.judge()
    del warm
    began, busy = time.perf_counter(), time.process_time()
    run = start()
    setup = {"seconds": time.perf_counter() - began, "processor": time.process_time() - busy}
    found: list[dict[str, Any]] = []
    began, busy = time.perf_counter(), time.process_time()
    while len(found) < len(TARGETS) and run.iterations < MOST:
        run.advance(EVERY)
        verdict = run.judge()
        percent = 100 * verdict.exploitability / spot.pot
        print(f"{run.iterations} iterations, {percent:.3f} %, {time.process_time() - busy:.1f} s", flush=True)
        while len(found) < len(TARGETS) and percent <= TARGETS[len(found)]:
            used = {"seconds": time.perf_counter() - began, "processor": time.process_time() - busy}
            found.append(used | {"percent": percent, "iterations": run.iterations, "value": list(verdict.value)})
    memory = run.game.nbytes + sum(int(table.nbytes) for table in run.tables)
    return {"bits": bits, "setup": setup, "memory": memory, "targets": found, "equity": mean_equity(spot)}


def mean_equity(spot: Any) -> float:
    """Return the share of the pot that the first player's range would win if nobody bet."""
    hands = lay_out(spot).combos
    reach = spot.weights[0][hands[0]], spot.weights[1][hands[1]]
    mine = equity(spot.deck, spot.board, spot.betting.last, hands, reach)[0]
    met = matchups(spot.deck, hands, reach)[0] * reach[0]
    return float((mine * met)[met > 0].sum() / met.sum())


def write_table(result: dict[str, Any]) -> None:
    """Renew the table of the page."""
    row = result["row"]
    reached = row["targets"]
    mine = [
        f"{report.seconds(r['seconds'])} ({r['iterations']} it., {report.seconds(r['processor'])} of processor)"
        for r in reached
    ]
    value = " / ".join(f"{v:.2f}" for v in reached[-1]["value"])
    header = ["", "Counterplay, two cores", *(f"{name}, published" for name in PUBLISHED)]
    body = [
        [f"to {target:g} % of the pot", mine[i], *(figures[i] for figures in PUBLISHED.values())]
        for i, target in enumerate(TARGETS)
    ]
    body.append(["memory", f"{row['memory'] / 1e6:.0f} MB", *(figures[3] for figures in PUBLISHED.values())])
    body.append(["EV of OOP / IP", f"{value} ({reached[-1]['percent']:.3f} %)", VALUE, "", ""])
    body.append(["equity of OOP", f"{row['equity']:.5f}", EQUITY, "", ""])
    note = (
        f"{result['machine']['processor']}, two cores that other work shared; Python {result['machine']['python']}, "
        f"Numba {result['machine']['numba']}; one run, tables of {row['bits']} bits, two threads, a judgement every "
        f"{EVERY} iterations counted, set-up ({report.seconds(row['setup']['processor'])} of processor) not. "
        "Published: six threads of a Ryzen 3700X."
    )
    report.put("docs/performance.md", "three_bet", f"{report.table(header, body)}\n\n{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bits", type=int, choices=(16, 32), default=16)
    parser.add_argument("--table", action="store_true", help="renew the table from the last results")
    chosen = parser.parse_args()
    if not chosen.table:
        report.save("three_bet", {"machine": report.machine(()), "row": measure(chosen.bits)})
    write_table(report.load("three_bet"))


if __name__ == "__main__":
    main()
