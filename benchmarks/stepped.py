"""Games that are walked and never laid out: memory, states a second, winnings; and the walker beside a tree's kernel.

    python benchmarks/stepped.py                # measure, write results/stepped.json, renew the tables in the docs
    python benchmarks/stepped.py --quick        # one short round, printed only
    python benchmarks/stepped.py --table        # renew the tables from the results

Seconds are processor time: of one thread, or of all processes together. A run of a large game
is stopped at a quarter of its time, and what it had learned by then is kept: at the end it plays against that.
Contenders on Leduc poker take turns, round after round; figures are medians over the rounds.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import report

report.one_thread()

import pyspiel  # noqa: E402

import counterplay  # noqa: E402
from counterplay.engine.form import sequence_form  # noqa: E402
from counterplay.engine.tree import compile_tree  # noqa: E402
from counterplay.games import make  # noqa: E402
from counterplay.solvers import infosets  # noqa: E402
from counterplay.solvers.mccfr import MCCFR  # noqa: E402
from counterplay.solvers.playouts import winnings  # noqa: E402
from counterplay.solvers.samplings import SAMPLINGS  # noqa: E402
from counterplay.solvers.stepped import Walker  # noqa: E402

LARGE = {"goofspiel(cards=10)": "mccfr-outcome", "liars_dice(dice=2)": "mccfr-outcome", "limit_holdem": "mccfr-outcome"}
BESIDE = "leduc"
MEMORY = 4 * 10**9
DEALS = 50_000


def large(spec: str, name: str, seconds: float) -> dict[str, float]:
    """Return what a run of a large game took and reached."""
    game, sampling = make(spec).steps(), SAMPLINGS[name]
    walker = Walker(game, sampling, 1, infosets.empty(MEMORY))
    walker.winnings(10, 1)  # compiled
    began, early = time.process_time(), None
    while (spent := time.process_time() - began) < seconds and not walker.full:
        walker.advance(2**53)
        if early is None and spent >= seconds / 4:
            paused = time.process_time()
            early = infosets.over(walker.state()["arena"].copy(), walker.stride, game.players, game.widest)
            began += time.process_time() - paused
    spent = time.process_time() - began
    uniform = winnings(game, walker.table, infosets.nothing(), DEALS, 2)
    before = winnings(game, walker.table, early, DEALS, 3)
    gain = _bound(game, walker, sampling, seconds / 2)
    return {
        "seconds": spent,
        "iterations": walker.iterations,
        "visited": walker.visited,
        "infosets": walker.infosets,
        "bytes": walker.bytes,
        "uniform": uniform.mean,
        "uniform_error": uniform.error,
        "early": before.mean,
        "early_error": before.error,
        "gain": gain.mean,
        "gain_error": gain.error,
        "known": uniform.known,
    }


def _bound(game: Any, walker: Walker, sampling: Any, seconds: float) -> Any:
    """Return what responses gain that were trained for so long (`SteppedSolution.exploitability_at_least`)."""
    table = infosets.empty(MEMORY)
    for hero in range(game.players):
        response, began = Walker(game, sampling, 11 + hero, table, walker.table, hero), time.process_time()
        while time.process_time() - began < seconds / game.players and not response.full:
            response.advance(2**53)
    return winnings(game, table, walker.table, DEALS, 29, above=True)


def rate(step: Callable[[int], object], seconds: float) -> float:
    """Return iterations a second of a contender that does so many at a call."""
    step(10)
    done, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        step(200)
        done += 200
    return done / (time.process_time() - began)


def contenders() -> dict[str, Callable[[int], object]]:
    """Return external sampling on Leduc poker, three times."""
    tree = compile_tree(make(BESIDE))
    ours = MCCFR(tree, sequence_form(tree), SAMPLINGS["mccfr-external"])
    walker = Walker(make(BESIDE).steps(), SAMPLINGS["mccfr-external"], 1, infosets.empty(10**7))
    theirs = pyspiel.ExternalSamplingMCCFRSolver(pyspiel.load_game("leduc_poker"), 1)

    def peer(count: int) -> None:
        for _ in range(count):
            theirs.run_iteration()

    def steps(count: int) -> None:
        walker.advance(walker.iterations + count, 2**40)

    return {"tree": ours.advance, "steps": steps, "OpenSpiel C++": peer}


def together(processes: int, seconds: float) -> float:
    """Return the states that so many processes visit in a second of processor time, all of theirs added."""
    spec, who = "goofspiel(cards=10)", resource.RUSAGE_SELF if processes == 1 else resource.RUSAGE_CHILDREN
    before = resource.getrusage(who)
    done = counterplay.solve(spec, LARGE[spec], time=seconds, memory=MEMORY, processes=processes)
    after = resource.getrusage(who)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.points[-1].visited / spent


def shared(rounds: int, seconds: float) -> dict[str, float]:
    """Return the medians of one process and two, in turn."""
    found = [{str(count): together(count, seconds) for count in (1, 2)} for _ in range(rounds)]
    return {count: statistics.median(each[count] for each in found) for count in found[0]}


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Return all figures."""
    racers = contenders()
    rates: dict[str, list[float]] = {name: [] for name in racers}
    for _ in range(rounds):
        for name, step in racers.items():
            rates[name].append(rate(step, min(2.0, seconds / 5)))
    return {
        "machine": report.machine(("open_spiel",)),
        "rates": {name: statistics.median(found) for name, found in rates.items()},
        "processes": shared(rounds, seconds / 4),
        "large": {spec: large(spec, name, seconds) for spec, name in LARGE.items()},
    }


def tables(found: dict[str, Any]) -> dict[str, str]:
    """Return the tables of the page, by the names of their markers."""
    rows = []
    for spec, x in found["large"].items():
        least = max(0.0, x["gain"] - x["gain_error"])
        rows.append(
            [
                f"`{spec}`",
                f"`{LARGE[spec]}`",
                f"{x['seconds']:.0f} s",
                f"{x['visited'] / x['seconds'] / 1e6:.2f} M",
                f"{x['infosets']:,}",
                f"{x['bytes'] / 2**20:,.0f} MB",
                f"{x['uniform']:.3f} ± {x['uniform_error']:.3f}",
                f"{x['early']:.3f} ± {x['early_error']:.3f}",
                f"{least:.3f}",
            ]
        )
    head = ["game", "algorithm", "time", "states a second", "information sets", "memory", "against uniform play"]
    head += ["against itself at a quarter of the time", "exploitability at least"]
    rates = found["rates"]
    beside = [[name, f"{x:,.0f}", report.times(x / rates["OpenSpiel C++"])] for name, x in rates.items()]
    return {
        "stepped": report.table(head, rows, 2),
        "beside": report.table(["external sampling on Leduc poker", "iterations a second", "ratio"], beside),
        "together": report.table(
            ["processes, `goofspiel(cards=10)`", "states a second of processor time"],
            [[count, f"{x / 1e6:.2f} M"] for count, x in found["processes"].items()],
        ),
    }


def main() -> None:
    """Measure, or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--processes", action="store_true", help="measure several processes anew, and nothing else")
    options = parser.parse_args()
    if options.table or options.processes:
        found = report.load("stepped")
        found |= {"processes": shared(3, 8.0)} if options.processes else {}
    else:
        found = measure(1, 4.0) if options.quick else measure(3, 30.0)
    written = tables(found)
    if options.quick:
        print(*written.values(), sep="\n\n")
        return
    if not options.table:
        report.save("stepped", found)
    for name, text in written.items():
        report.put("docs/large.md", name, text)


if __name__ == "__main__":
    main()
