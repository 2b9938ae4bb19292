"""What several processes for one run are worth: steps a second, and seconds to a return.

    python benchmarks/processes.py                       # 1 and 2 processes, PowerSGD too; three rounds in turns
    python benchmarks/processes.py --processes 1,2,4 --rounds 1
    python benchmarks/processes.py --table               # renew the page from the results

Rows are by the wall clock, compiling and the start of processes left out, since waiting for others is what is measured.
`envs` is the same for all, and is shared out. `ippo` in `cartpole` makes small updates often, `mappo` in `foraging`
fewer and larger ones.
"""

import argparse
import statistics
from typing import Any, NamedTuple

import report

report.one_thread()

import counterplay  # noqa: E402

PAGE = "docs/training.md"


class Task(NamedTuple):
    """What is trained, and the return that counts as reached."""

    learner: str
    env: str
    steps: int
    goal: float
    settings: dict[str, Any]


TASKS = (
    Task("ippo", "cartpole", 60_000, 400.0, {}),
    Task("mappo", "foraging(size=8, players=2, food=2, coop=true)", 60_000, 0.1, {"envs": 64, "hidden": 128}),
)


def train(task: Task, processes: int, compress: str, seed: int) -> dict[str, float | None]:
    """Return how fast a run was, and the seconds after which a test reached the goal."""
    run = counterplay.train(
        task.learner,
        task.env,
        steps=task.steps,
        seed=seed,
        test_every=task.steps // 20,
        test_episodes=20,
        processes=processes,
        compress=compress if processes > 1 else None,
        device="cpu",
        **task.settings,
    )
    tests = [(row["seconds"], row["test_return"]) for row in run.history if "test_return" in row]
    # The first rows compile, and a row with a test counts its time
    speeds = [row["steps_per_second"] for row in run.history[len(run.history) // 5 :]]
    reached = next((seconds for seconds, score in tests if score >= task.goal), None)
    return {"speed": statistics.median(speeds), "reached": reached, "last": tests[-1][1]}


def measure(kinds: list[tuple[int, str]], rounds: int) -> None:
    """Train in turns, and keep the medians."""
    found: dict[str, list[dict[str, float | None]]] = {}
    for seed in range(rounds):
        for task in TASKS:
            for processes, compress in kinds:
                result = train(task, processes, compress, seed)
                found.setdefault(f"{task.learner} {task.env}|{processes}|{compress}", []).append(result)
                print(task.learner, processes, compress, seed, result, flush=True)
                report.save("processes", {"machine": report.machine(("torch",)), "runs": found})


def put_table() -> None:
    """Write the table of the page."""
    rows = []
    for name, runs in report.load("processes")["runs"].items():
        what, processes, compress = name.split("|")
        reached = [run["reached"] for run in runs if run["reached"] is not None]
        speed = statistics.median(run["speed"] for run in runs)
        said = f"{statistics.median(reached):.0f} ({len(reached)} of {len(runs)})" if reached else "not"
        goal = next(task.goal for task in TASKS if what == f"{task.learner} {task.env}")
        kind = processes if compress == "none" else f"{processes}, {compress}"
        rows.append([f"`{what}`", kind, f"{speed:,.0f}", f"{goal:g}", said])
    report.put(PAGE, "processes", report.table(["", "processes", "steps/s", "return", "seconds to it"], rows, right=2))


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="renew the page and measure nothing")
    given = parser.parse_args()
    if not given.table:
        counts = [int(count) for count in given.processes.split(",")]
        kinds = [(count, "none") for count in counts] + [(max(counts), "powersgd")] * (max(counts) > 1)
        measure(kinds, given.rounds)
    put_table()


if __name__ == "__main__":
    main()
