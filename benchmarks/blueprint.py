"""How near blueprints of royal hold'em get to its equilibrium: exploitability in the whole game, by buckets and time.

python benchmarks/blueprint.py [SPEC SECONDS] ...

Each blueprint is a process of its own, which judges at times that double; the processor's seconds are those of training
alone. Results are kept by spec, so that single ones can be measured anew.
"""

import json
import resource
import subprocess
import sys
import time

import report

RUNS = (
    ("strength:50", 60),
    ("distribution:200,200,50", 60),
    ("distribution:2000,5000,50", 120),
    ("strength:all", 240),
    ("none", 480),
)
GAME = "examples/royal_holdem.toml"
PAPER = {"strength": 1119.7, "finer": 155.65}  # Slumbot's notes, of its two abstractions


def processor() -> float:
    """Return the processor seconds that this process took."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(spec: str, seconds: float) -> dict[str, object]:
    """Train for so long, and judge at times that double."""
    import counterplay
    from counterplay.engine.system import resident

    base = resident()
    plan, curve, spent = None, list[dict[str, float]](), 0.0
    at = seconds / 2 ** max(0, int(seconds / 15).bit_length() - 1)
    counterplay.blueprint(GAME, spec, iterations=2)  # compiles
    while not curve or curve[-1]["seconds"] < seconds - 0.5:
        began, marks = time.perf_counter(), list[float]()
        plan = counterplay.blueprint(
            None if plan else GAME,
            None if plan else spec,
            time=at - (plan.seconds if plan else 0.0),
            resume=plan,
            on_progress=lambda _, marks=marks: marks.append(processor()),
        )
        spent += marks[-1] - marks[0]
        exploitability = plan.exploitability * plan.unit.scale
        curve.append(
            {"seconds": plan.seconds, "processor": spent, "iterations": plan.iterations, "mbb": exploitability}
        )
        print(f"{spec}: {curve[-1]} {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        at *= 2
    visited, cells = plan.visited
    return {
        "spec": spec,
        "cells": cells,
        "visited": visited / cells,
        "entries": len(plan.state["total"]),
        "tables": 8 * len(plan.state["total"]) / 2**20,
        "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - base) / 2**20,
        "threads": plan.threads,
        "curve": curve,
    }


def table(found: dict[str, dict[str, object]]) -> str:
    """Return the table of docs/blueprints.md."""
    rows = []
    for spec, run in found.items():
        last = run["curve"][-1]
        rows.append(
            [
                f"`{spec}`",
                f"{run['cells']:,}",
                f"{run['tables']:,.{0 if run['tables'] >= 10 else 2}f} MB",
                f"{last['seconds']:.0f} s",
                f"{last['processor']:.0f} s",
                f"{last['iterations']:,}",
                f"{run['visited']:.1%}",
                f"{last['mbb']:,.1f}",
            ]
        )
    header = ["buckets", "cells", "tables", "time", "processor", "iterations", "visited", "mbb/g"]
    return report.table(header, rows)


def main() -> None:
    """Measure what is asked for, keep the results and put the table into docs/blueprints.md."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], float(sys.argv[3]))))
        return
    given = list(zip(sys.argv[1::2], map(float, sys.argv[2::2]), strict=True)) or list(RUNS)
    try:
        found = report.load("blueprint")["runs"]
    except FileNotFoundError:
        found = {}
    for spec, seconds in given:
        command = [sys.executable, __file__, "--one", spec, str(seconds)]
        found[spec] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        order = [name for name, _ in RUNS]
        found = dict(sorted(found.items(), key=lambda run: order.index(run[0]) if run[0] in order else len(order)))
        report.save("blueprint", {"machine": report.machine(()), "runs": found})
    report.put("docs/blueprints.md", "royal", table(found))


if __name__ == "__main__":
    main()
