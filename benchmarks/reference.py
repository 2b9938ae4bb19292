"""Reference tasks: that each learner reaches what it is known for, on one core, with its preset.

    python benchmarks/reference.py                   # train, write results/reference.json, renew the page
    python benchmarks/reference.py --only cartpole --learners trpo   # of these, and keep what was found of others
    python benchmarks/reference.py --table           # renew the page and its figure from the results

A run is one seed (0, 1, 2, ...) of one learner with its preset (`agents/presets.py`). What counts is the mean return of
20 episodes without exploring, or the exact exploitability, at tests in the course of the run; a task is passed where
the goal is reached at any of them. To add a task is to add a row of `TASKS`, and its settings as a preset.
"""

import argparse
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import report

report.one_thread()

import torch  # noqa: E402

from counterplay.api.runs import begin  # noqa: E402
from counterplay.api.training import advance  # noqa: E402
from counterplay.engine.spec import split  # noqa: E402

torch.set_num_threads(1)
TESTS, EPISODES = 20, 20
PAGE = "docs/reference.md"


class Task(NamedTuple):
    """A learner, where it learns, and what it should come to."""

    env: str
    learner: str
    steps: int
    goal: float
    seeds: int = 1
    lower: bool = False  # the goal is an exploitability, which is good when it is low
    settings: Mapping[str, object] = {}  # beside the preset, or in its place

    @property
    def label(self) -> str:
        """The learner, with what is set by hand."""
        given = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{self.learner}({given})" if given else self.learner

    @property
    def key(self) -> str:
        """By which its runs are kept."""
        return f"{self.env}: {self.label}"


_EPSILON = {"novelty": "none"}
_NOISE = {"novelty": "none", "explore": "parameters"}
_SOON = {"epsilon_steps": 20_000}
_RND = {"novelty": "rnd", "curiosity": 0.02}
_COVER = {"gamma": 0.95, "updates": 0.1, "batch": 256}  # not tuned
_UNIFORM = {"epsilon_end": 1.0, "scale_rewards": False, "lr": 0.005, "batch": 64, "warmup": 64, "updates": 0.25}

TASKS = (
    Task("cartpole", "reinforce", 150_000, 475),
    Task("cartpole", "a2c", 150_000, 475),
    Task("cartpole", "trpo", 100_000, 475),
    Task("cartpole", "ippo", 100_000, 475),
    Task("mountain_car(continuous=true)", "trpo", 150_000, 90),
    Task("pendulum", "ippo", 200_000, -200),
    Task("cartpole", "dqn", 50_000, 475),
    Task("cartpole", "d3qn", 50_000, 475),
    Task("cartpole", "rainbow", 50_000, 475),
    Task("pendulum", "ddpg", 20_000, -160),
    Task("pendulum", "td3", 20_000, -160),
    Task("pendulum", "sac", 20_000, -160),
    Task("mountain_car(continuous=true)", "td3", 40_000, 90),
    # -141.7 in the published units (docs/policy_gradients.md)
    Task("spread", "maddpg", 600_000, -33.35, settings=_COVER),
    Task("spread", "matd3", 600_000, -33.35, settings=_COVER),
    Task("rock_paper_scissors", "magnetic_ppo", 40_000, 0.05, lower=True),
    Task("leduc", "magnetic_ppo", 350_000_000, 0.1, lower=True),
    Task("cartpole", "pqn", 200_000, 475),
    Task("cartpole", "pgpe", 400_000, 475),
    Task("corridor(length=40)", "iql", 30_000, 11, settings=_NOISE | _SOON),
    Task("corridor(length=40)", "iql", 30_000, 11, settings=_EPSILON | _SOON),
    Task("corridor(length=40, mixed=true)", "iql", 40_000, 11),
    Task("corridor(length=40, mixed=true)", "iql", 40_000, 11, settings=_RND),
    Task("corridor(length=40, mixed=true)", "iql", 40_000, 11, settings=_EPSILON),
    Task("swing_up", "pgpe", 24_000_000, 935),
    Task("swing_up(hard=true)", "pgpe", 24_000_000, 631),
    Task("qtran_matrix", "wqmix", 4_800, 8, seeds=3, settings=_UNIFORM),
    Task("qtran_matrix", "qmix", 4_800, 8, seeds=3, settings=_UNIFORM),
)


def train(task: Task, seed: int) -> dict[str, Any]:
    """Return one run's curve and the processor time that it took."""
    run = begin(task.learner, task.env, seed, dict(task.settings), steps=task.steps)
    began = time.process_time()
    advance(run, task.steps, test_every=task.steps // TESTS, test_episodes=EPISODES, device="cpu")
    if run.stopped_by == "interrupt":
        raise KeyboardInterrupt
    name = "test_exploitability" if task.lower else "test_return"
    curve = [(row["steps"], row[name]) for row in run.history if name in row]
    return {"seed": seed, "preset": run.preset, "curve": curve, "seconds": time.process_time() - began}


def known() -> dict[str, list[dict[str, Any]]]:
    """Return what was found so far."""
    try:
        runs: dict[str, list[dict[str, Any]]] = report.load("reference")["runs"]
    except FileNotFoundError:
        return {}
    return runs


def measure(envs: list[str], learners: list[str]) -> None:
    """Train these learners on these tasks, and keep what was found of others."""
    for task in TASKS:
        if {task.env, task.env.partition("(")[0]} & set(envs) and task.learner in learners:
            runs: list[dict[str, Any]] = []
            for seed in range(task.seeds):
                runs.append(train(task, seed))
                found = {**known(), task.key: runs}
                report.save("reference", {"machine": report.machine(("torch",)), "runs": found})
                print(task.key, seed, runs[-1]["curve"][-1], f"{runs[-1]['seconds']:.0f} s", flush=True)


def first(task: Task, run: dict[str, Any]) -> int | None:
    """Return the step at which a run first came to its goal."""
    return next(
        (step for step, score in run["curve"] if (score <= task.goal if task.lower else score >= task.goal)), None
    )


def put_table(found: dict[str, list[dict[str, Any]]]) -> None:
    """Write the table of the page."""
    rows = []
    for task in TASKS:
        for run in found.get(task.key, []):
            scores = [score for _, score in run["curve"]]
            best, reached = (min if task.lower else max)(scores), first(task, run)
            goal = f"{task.goal:g} {'or less' if task.lower else 'or more'}"
            cells = [f"{run['seed']}", goal, f"{best:.3g}", f"{scores[-1]:.3g}", f"{reached:,}" if reached else "not"]
            rows.append(
                [f"`{task.env}`", f"`{task.label}`", *cells, f"{run['curve'][-1][0]:,}", f"{run['seconds']:.0f}"]
            )
    header = ["", "", "seed", "goal", "best", "last", "reached at step", "of steps", "CPU seconds"]
    report.put(PAGE, "reference", report.table(header, rows, right=2))


def draw(found: dict[str, list[dict[str, Any]]]) -> None:
    """Draw the learning curves, an environment a panel."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "counterplay"  # the same figure is the same file
    matplotlib.rcParams["font.size"] = 9
    import matplotlib.pyplot as plt

    envs = list(dict.fromkeys(task.env for task in TASKS if found.get(task.key)))
    figure, axes = plt.subplots(1, len(envs), figsize=(4 * len(envs), 3.2), layout="constrained", squeeze=False)
    for axis, env in zip(axes.flat, envs, strict=True):
        for k, task in enumerate(task for task in TASKS if task.env == env):
            for run in found.get(task.key, []):
                at, scores = zip(*run["curve"], strict=True)
                label = task.label if run["seed"] == 0 else None
                axis.plot([step / 1000 for step in at], scores, color=f"C{k}", label=label)
            axis.axhline(task.goal, color="grey", linewidth=0.8, linestyle="--")
            if task.lower:
                axis.set_yscale("log")
            axis.set_ylabel("exploitability" if task.lower else "return")
        axis.set_title(env, fontsize=10)
        axis.set_xlabel("thousand environment steps")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    report.FIGURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.FIGURES / "reference.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="environments to train on, by their names, with or without parameters; all")
    parser.add_argument("--learners", help="learners to train, by their names; all")
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.table:
        envs = split(options.only) if options.only else [task.env for task in TASKS]
        measure(envs, options.learners.split(",") if options.learners else [task.learner for task in TASKS])
    put_table(known())
    draw(known())


if __name__ == "__main__":
    main()
