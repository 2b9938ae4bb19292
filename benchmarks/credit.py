"""Credit over time: how many episodes of watch repair PQN needs with RUDDER, beside TD(0) and Monte Carlo returns.

    python benchmarks/credit.py            # train, write results/credit.json, renew the page
    python benchmarks/credit.py --table    # renew the page from the results

The count is that of the authors of RUDDER (github.com/ml-jku/rudder-demonstration-code): episodes until 95% of the last
750 first choices, exploration included, are right. All three are one learner with the preset of `watch_repair`, and
differ in what a step was worth. Runs that do not get there end after `EPISODES`.
"""

import argparse
import time
from collections import deque
from typing import Any, NamedTuple

import report

report.one_thread()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from counterplay.api.runs import begin  # noqa: E402
from counterplay.api.training import advance  # noqa: E402

torch.set_num_threads(1)
EPISODES, LAST, RIGHT = 20_000, 750, 0.95
PAGE = "docs/reference.md"


class Way(NamedTuple):
    """What a step is worth."""

    label: str
    settings: dict[str, Any]  # beside the preset
    seeds: int
    published: str


_PLAIN = {"credit": "none", "gamma": 1.0}
WAYS = (
    Way("RUDDER", {}, 3, "1,900 to 3,800"),
    Way("Monte Carlo", _PLAIN | {"td_lambda": 1.0}, 1, "27,700"),
    Way("TD(0)", _PLAIN | {"td_lambda": 0.0}, 1, "71,800"),
)


def train(way: Way, seed: int) -> dict[str, Any]:
    """Return after how many episodes a run chose right, the shares on the way, and the processor time."""
    run = begin("pqn", "watch_repair", seed, way.settings)  # exploration falls as in a run of the preset's length
    last: deque[bool] = deque(maxlen=LAST)
    found: dict[str, Any] = {"seed": seed, "episodes": None, "curve": []}
    learn = run.learner.learn

    def counted(episodes: Any, rng: np.random.Generator) -> dict[str, float]:
        brand = episodes.obs[:, 0, 0, 3:7].argmax(axis=-1)
        right = (episodes.action[:, 0, 0] == 0) == ((brand == 1) | (brand == 2))
        for one in right.tolist():
            last.append(one)
            found["played"] = found.get("played", 0) + 1
            if found["episodes"] is None and len(last) == LAST and np.mean(last) >= RIGHT:
                found["episodes"] = found["played"]
        found["curve"].append((found["played"], float(np.mean(last))))
        return learn(episodes, rng)

    run.learner.learn = counted  # type: ignore[method-assign]
    began = time.process_time()
    advance(run, 50 * EPISODES, test_every=10**9, test_episodes=1, device="cpu", stop=lambda: bool(found["episodes"]))
    return found | {
        "seconds": time.process_time() - began,
        "curve": found["curve"][:: max(1, len(found["curve"]) // 50)],
    }


def put_table(found: dict[str, list[dict[str, Any]]]) -> None:
    """Write the table of the page."""
    rows = []
    for way in WAYS:
        runs = found.get(way.label, [])
        took = [f"{run['episodes']:,}" if run["episodes"] else f"not in {run['played']:,}" for run in runs]
        seconds = [run["seconds"] for run in runs]
        if runs:
            rows.append([way.label, ", ".join(took), way.published, f"{min(seconds):.0f} to {max(seconds):.0f}"])
    header = ["", "episodes, by seed", "published", "CPU seconds a run"]
    report.put(PAGE, "credit", report.table(header, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {} if not options.table else report.load("credit")["runs"]
    if not options.table:
        for way in WAYS:
            for seed in range(way.seeds):
                found.setdefault(way.label, []).append(run := train(way, seed))
                report.save("credit", {"machine": report.machine(("torch",)), "runs": found})
                print(way.label, seed, run["episodes"], f"{run['seconds']:.0f} s", flush=True)
    put_table(found)


if __name__ == "__main__":
    main()
