"""Phantom games solved whole: seconds of a judgement, of an iteration, and to an exploitability.

    python benchmarks/phantom.py                     # measure, write results/phantom.json, renew the table in the docs
    python benchmarks/phantom.py --game dark_hex     # one game, printed only
    python benchmarks/phantom.py --peer BUILD        # beside exp-a-spiel, whose compiled library lies in this folder
    python benchmarks/phantom.py --curve a.cps b.cps # add the curves of these solutions (`counterplay solve ... --out`)
    python benchmarks/phantom.py --table             # renew the tables from the results

Each game is measured in a process of its own, so that memory is its own; kernels are compiled before the clock starts.
A judgement is of the strategy that plays every cell alike, all sequences at their place, no symmetry used; its seconds
include building the form. Runs are `auto`'s, on all cores, and their seconds include the judgements on the way and,
told apart, building. exp-a-spiel (github.com/gabrfarina/exp-a-spiel) judges the same strategy.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import report

import counterplay

GAMES = ("phantom_tic_tac_toe", "dark_hex")
GOALS = (0.1, 0.01, 0.001)
SMALL = "dark_hex(size=2)"  # compiles all kernels
PEERS = {"phantom_tic_tac_toe": "PtttTraverser", "dark_hex": "DhTraverser"}

PEER = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
import eas
traverser = getattr(eas, sys.argv[2])()
first, second = traverser.construct_uniform_strategies()
began = time.process_time()
judged = traverser.ev_and_exploitability(first, second)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
spent = time.process_time() - began
print(json.dumps({"cpu": spent, "memory": memory, "value": judged.ev0, "best": list(judged.expl)}))
"""


def measure(text: str) -> dict[str, Any]:
    """Return a game's figures, in this process."""
    from counterplay.engine.phantom import factored_form
    from counterplay.engine.sweeps import normalise
    from counterplay.games import make
    from counterplay.solvers.run import Limits, choose, kind_of, method, run, start
    from counterplay.solvers.value import judge

    for symmetric in (False, True):
        warm = factored_form(make(SMALL), symmetric)
        solver = start(None, warm, method(kind_of(warm)))
        solver.advance(1)
        solver.judge()
    before, cpu = time.perf_counter(), time.process_time()
    form = factored_form(make(text), symmetric=True)
    built = time.perf_counter() - before, time.process_time() - cpu
    target = GOALS[-1]
    solver = start(None, form, method(kind_of(form), target=target))
    cpu = time.process_time()
    ending = run(solver, Limits(target=target))
    spent = time.process_time() - cpu
    reached = {g: next((c.seconds, c.iterations) for c in ending.trace if c.exploitability <= g) for g in GOALS}
    cpu, before = time.process_time(), time.perf_counter()
    solver.advance(5)
    iteration = (time.perf_counter() - before) / 5, (time.process_time() - cpu) / 5
    solving = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    del solver, form
    cpu, before = time.process_time(), time.perf_counter()
    full = factored_form(make(text), symmetric=False)
    uniform = judge(full, normalise(full, full.share.astype(float)))
    return {
        "infosets": full.infosets,
        "algorithm": choose(kind_of(full), "auto", target),
        "build": built,
        "iteration": iteration,
        "reached": {str(goal): at for goal, at in reached.items()},
        "cpu": spent,
        "value": ending.judgement.value[0],
        "exploitability": ending.judgement.exploitability,
        "uniform": [*uniform.value[:1], *uniform.best],
        "judge": (time.perf_counter() - before, time.process_time() - cpu),
        "solving": solving,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def alone(text: str) -> dict[str, Any]:
    """Measure a game in a process of its own."""
    command = [sys.executable, __file__, "--here", text]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def peer(build: Path, text: str) -> dict[str, Any]:
    """Return what exp-a-spiel takes for a judgement of uniform play."""
    command = [sys.executable, "-c", PEER, str(build), PEERS[text]]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def tables(result: dict[str, Any]) -> str:
    """Return the table of the docs."""
    header = ["game", "information sets", "judging any strategy", "building", "an iteration"]
    header += [f"to {goal:g}" for goal in GOALS] + ["in all", "value", "memory"]
    rows = []
    for name, found in result["games"].items():
        rows.append(
            [
                f"`{name}`",
                f"{found['infosets']:,}",
                report.seconds(found["judge"][1]),
                report.seconds(found["build"][1]),
                report.seconds(found["iteration"][1]),
                *(f"{found['reached'][str(goal)][1]} iterations" for goal in GOALS),
                report.seconds(found["cpu"]),
                f"{found['value']:.4f}",
                f"{found['solving'] / 1e6:,.0f} MB",
            ]
        )
    return report.table(header, rows)


def curve(file: str) -> tuple[str, dict[str, Any]]:
    """Return the game of a solution, and how its exploitability fell: seconds of the clock, building left out."""
    solution = counterplay.load(file)
    return solution.game, {
        "algorithm": solution.algorithm,
        "infosets": len(solution),
        "iterations": solution.iterations,
        "value": solution.value[0],
        "trace": [(check.iterations, check.seconds, check.exploitability) for check in solution.trace],
    }


def curves(result: dict[str, Any]) -> str:
    """Return the table of how exploitability fell."""
    header = ["game", "information sets", "algorithm", *(f"to {goal:g}" for goal in GOALS), "at the end", "value"]
    rows = []
    for name, found in result.get("curves", {}).items():
        cells = []
        for goal in GOALS:
            at = next((c for c in found["trace"] if c[2] <= goal), None)
            cells.append(f"{at[0]:,} iterations, {report.seconds(at[1])}" if at else "")
        last = found["trace"][-1]
        end = f"{last[2]:.2g} after {last[0]:,}, {report.seconds(last[1])}"
        sets = f"{found['infosets']:,}"
        rows.append([f"`{name}`", sets, f"`{found['algorithm']}`", *cells, end, f"{found['value']:.4f}"])
    return report.table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", choices=GAMES)
    parser.add_argument("--peer", type=Path, help="the folder with exp-a-spiel's compiled library")
    parser.add_argument("--curve", nargs="+", metavar="FILE", help="solutions whose curves are added to the results")
    parser.add_argument("--table", action="store_true", help="renew the table from the results")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.here)))
        return
    if options.table or options.curve:
        kept = report.load("phantom")
        kept.setdefault("curves", {}).update(map(curve, options.curve or ()))
        report.save("phantom", kept)
        report.put("docs/large.md", "phantom", tables(kept))
        report.put("docs/large.md", "phantom-curves", curves(kept))
        return
    result: dict[str, Any] = {"machine": report.machine(), "games": {}}
    for text in (options.game,) if options.game else GAMES:
        found = alone(text)
        if options.peer:
            found["peer"] = peer(options.peer, text)
        result["games"][text] = found
        print(text, json.dumps(found), flush=True)
    print(tables(result))
    if not options.game:
        result["curves"] = report.load("phantom").get("curves", {})
        report.save("phantom", result)
        report.put("docs/large.md", "phantom", tables(result))


if __name__ == "__main__":
    main()
