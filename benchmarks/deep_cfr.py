"""How exploitable Deep CFR is on Leduc poker, iteration by iteration, beside the published curve of OpenSpiel's.

    python benchmarks/deep_cfr.py                     # run all trials, write results/deep_cfr.json, renew the page
    python benchmarks/deep_cfr.py --only SD-CFR       # of these trials, and keep what was found of the others
    python benchmarks/deep_cfr.py --table             # renew the page from the results

Exploitability is NashConv over two, exact, of the average of all iterations' networks. The published figures are of
OpenSpiel's Deep CFR as digitised by github.com/aicenter/openspiel_reproductions; they were not run here.
"""

import argparse
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import report

report.one_thread()

import numpy as np  # noqa: E402

from counterplay.agents.run import begin, torch_threads  # noqa: E402
from counterplay.api.learned import judge  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402

PAGE = "docs/game_learning.md"
MARKS = (10, 20, 40, 80, 151, 500, 1500, 4945)
PUBLISHED = {151: 0.151, 4945: 0.081}


class Trial(NamedTuple):
    """Settings, over several seeds."""

    name: str
    settings: Mapping[str, object]
    seeds: int
    iterations: int


TRIALS = (
    Trial("SD-CFR", {}, 5, 151),
    Trial("SD-CFR, long", {"updates": 100}, 1, 1500),
    Trial("SD-CFR, minibatches of 64", {"batch": 64}, 2, 151),
    Trial("SD-CFR, 300 traversals", {"traversals": 300}, 3, 151),
    Trial("SD-CFR, memory of 100,000", {"memory": 100_000}, 2, 151),
    Trial("SD-CFR, networks anew", {"warm": False}, 3, 151),
    Trial("SD-CFR, networks anew, 1000 updates", {"warm": False, "updates": 1000}, 1, 40),
    Trial("SD-CFR, all iterations alike", {"linear": 0.0}, 3, 151),
    Trial("Deep CFR, network of the average", {"network": True}, 1, 80),
)


def measure(trial: Trial, seed: int) -> dict[str, Any]:
    """Train one seed, and return exploitability and CPU seconds by iteration, and the decisions met."""
    run = begin("deep_cfr", make_env("leduc"), "leduc", seed, trial.settings)
    run.learner.learn(run.gather(), run.rng)  # kernels are loaded or compiled
    run = begin("deep_cfr", make_env("leduc"), "leduc", seed, trial.settings)
    found: dict[str, Any] = {"exploitability": {}, "seconds": {}}
    spent = steps = 0.0
    with torch_threads(1):
        for iteration in range(1, trial.iterations + 1):
            began = time.process_time()
            for _ in range(run.task.spec.agents):
                played = run.gather()
                steps += played.steps
                run.learner.learn(played, run.rng)
            spent += time.process_time() - began
            if iteration in MARKS:
                found["exploitability"][str(iteration)] = judge(run).exploitability
                found["seconds"][str(iteration)] = spent
                print(trial.name, seed, iteration, f"{judge(run).exploitability:.4f}", f"{spent:.0f} s", flush=True)
    return found | {"steps": steps}


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page's table."""
    marks = [mark for mark in MARKS if mark >= 20]
    lines = [["OpenSpiel's, published", "", *(f"{PUBLISHED[m]:.3f}" if m in PUBLISHED else "" for m in marks), ""]]
    for trial in TRIALS:
        seeds = rows.get(trial.name, {})
        if not seeds:
            continue
        cells = [trial.name, str(len(seeds))]
        for mark in marks:
            found = [s["exploitability"][str(mark)] for s in seeds.values() if str(mark) in s["exploitability"]]
            spread = f" ({min(found):.3f} to {max(found):.3f})" if len(found) > 1 else ""
            cells.append(f"{np.mean(found):.3f}{spread}" if found else "")
        last = max(map(int, next(iter(seeds.values()))["seconds"]))
        each = float(np.mean([s["seconds"][str(last)] for s in seeds.values()])) / last
        lines.append([*cells, f"{each:.2f}"])
    head = ["", "seeds", *(f"{mark:,}" for mark in marks), "CPU seconds an iteration"]
    return report.table(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="settle for these: 'SD-CFR;SD-CFR, long'")
    parser.add_argument("--seeds", type=int, help="of each trial, in place of its own number")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    try:
        rows = report.load("deep_cfr")["rows"]
    except FileNotFoundError:
        rows = {}
    if not options.table:
        names = options.only.split(";") if options.only else [trial.name for trial in TRIALS]
        for trial in TRIALS:
            for seed in range(options.seeds or trial.seeds) if trial.name in names else ():
                rows.setdefault(trial.name, {})[str(seed)] = measure(trial, seed)
                report.save("deep_cfr", {"machine": report.machine(()), "rows": rows})
    report.put(PAGE, "deep cfr", table(rows))


if __name__ == "__main__":
    main()
