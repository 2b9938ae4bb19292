"""MCCFR beside OpenSpiel's C++, in one run, on one thread: iterations a second, and seconds to an exploitability.

    python benchmarks/sampling.py               # measure, write results/sampling.json, renew the table in the docs
    python benchmarks/sampling.py --quick       # one short round, printed only
    python benchmarks/sampling.py --table       # renew the table from the results

An iteration is a walk for every player, here and there. The contenders take turns, round after round; figures are
medians over the rounds. The seconds to an exploitability are those of the iterations alone for OpenSpiel, and include
the judging for ours; the goal is what OpenSpiel's external sampling has reached after `SECONDS`.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import report

report.one_thread()

import pyspiel  # noqa: E402

from counterplay.engine.form import sequence_form  # noqa: E402
from counterplay.engine.tree import compile_tree  # noqa: E402
from counterplay.games import make  # noqa: E402
from counterplay.solvers.mccfr import MCCFR  # noqa: E402
from counterplay.solvers.run import Limits, run  # noqa: E402
from counterplay.solvers.samplings import SAMPLINGS  # noqa: E402

GAMES = {"Leduc poker": ("leduc", "leduc_poker"), "Kuhn poker": ("kuhn", "kuhn_poker")}
PEERS = {
    "mccfr-external": pyspiel.ExternalSamplingMCCFRSolver,
    "mccfr-outcome": pyspiel.OutcomeSamplingMCCFRSolver,
}
SECONDS = 12.0


def rate(step: Callable[[int], object], seconds: float) -> float:
    """Return iterations a second of a contender that does so many at a call."""
    step(10)
    count, done, began = 1, 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        step(count)
        done += count
        count = max(1, int(0.2 * done * min(seconds / max(spent, 1e-3), 5)))
    return done / (time.perf_counter() - began)


def peer(kind: object, text: str) -> Callable[[int], object]:
    """Return how OpenSpiel's solver does so many iterations."""
    solver = kind(pyspiel.load_game(text), 1)  # type: ignore[operator]

    def step(count: int) -> None:
        for _ in range(count):
            solver.run_iteration()

    return step


def ours(name: str, text: str) -> MCCFR:
    tree = compile_tree(make(text))
    return MCCFR(tree, sequence_form(tree), SAMPLINGS[name])


def race(seconds: float) -> tuple[float, float]:
    """Return the exploitability of OpenSpiel's external sampling on Leduc after so long, and our seconds to it."""
    game = pyspiel.load_game("leduc_poker")
    solver = pyspiel.ExternalSamplingMCCFRSolver(game, 1)
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(50):
            solver.run_iteration()
    goal = pyspiel.exploitability(game, solver.average_policy())
    mine = ours("mccfr-external", "leduc")
    began = time.perf_counter()
    run(mine, Limits(target=goal))
    return goal, time.perf_counter() - began


def measure(rounds: int, seconds: float, long: float) -> dict[str, object]:
    rates: dict[str, list[float]] = {}
    races = []
    for _ in range(rounds):
        for title, (text, theirs) in GAMES.items():
            for name, kind in PEERS.items():
                rates.setdefault(f"{title}|{name}|OpenSpiel", []).append(rate(peer(kind, theirs), seconds))
                rates.setdefault(f"{title}|{name}|ours", []).append(rate(ours(name, text).advance, seconds))
        races.append(race(long))
    return {
        "machine": report.machine(("open_spiel",)),
        "rates": {name: statistics.median(found) for name, found in rates.items()},
        "goal": statistics.median(goal for goal, _ in races),
        "seconds": long,
        "ours": statistics.median(spent for _, spent in races),
        "ratio": statistics.median(long / spent for _, spent in races),
    }


def table(found: dict) -> str:
    rows = []
    for title in GAMES:
        for name in PEERS:
            them, us = (found["rates"][f"{title}|{name}|{who}"] for who in ("OpenSpiel", "ours"))
            rows.append([title, f"`{name}`", f"{them:,.0f}", f"{us:,.0f}", f"**{us / them:.1f}×**"])
    what = f"seconds to {found['goal']:.3f}, Leduc"
    seconds = [f"{found[who]:.2g} s" for who in ("seconds", "ours")]
    rows.append([what, "`mccfr-external`", *seconds, f"**{found['ratio']:.0f}×**"])
    return report.table(["iterations a second", "algorithm", "OpenSpiel C++", "Counterplay", "ratio"], rows, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        report.put("docs/algorithms.md", "sampling", table(report.load("sampling")))
        return
    found = measure(1, 2.0, 4.0) if options.quick else measure(5, 2.0, SECONDS)
    print(table(found))
    if not options.quick:
        report.save("sampling", found)
        report.put("docs/algorithms.md", "sampling", table(found))


if __name__ == "__main__":
    main()
