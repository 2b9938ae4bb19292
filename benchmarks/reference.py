"""Reference tasks: that each learner reaches what it is known for, on one core, with its preset.

    python benchmarks/reference.py                   # train, write results/reference.json, renew the page
    python benchmarks/reference.py --only cartpole --learners trpo   # of these, and keep what was found of others
    python benchmarks/reference.py --seeds 1,2       # these seeds of tasks that have several, and keep the others
    python benchmarks/reference.py --table           # renew the page and its figure from the results

A run is one seed (0, 1, 2, ...) of one learner with its preset (`agents/presets.py`). What counts is the mean return of
20 episodes without exploring, or the exact exploitability, at tests in the course of the run; a task is passed where
the goal is reached at any of them. To add a task is to add a row of `TASKS`, and its settings as a preset.
"""

import argparse
import time
from collections.abc import Iterable, Mapping
from textwrap import wrap
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
COLUMNS = 4  # panels of a line of the figure


class Task(NamedTuple):
    """A learner, where it learns, and what it should come to."""

    env: str
    learner: str
    steps: int
    goal: float
    seeds: int = 1
    episodes: int = EPISODES  # of a test
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
_UNIFORM = {"epsilon_end": 1.0, "scale_rewards": False, "lr": 0.005, "batch": 64, "warmup": 64, "updates": 0.25}

TASKS = (
    Task("cartpole", "reinforce", 150_000, 475, seeds=3),
    Task("cartpole", "a2c", 150_000, 475, seeds=3),
    Task("cartpole", "trpo", 100_000, 475, seeds=3),
    Task("cartpole", "ippo", 100_000, 475, seeds=3),
    Task("cartpole", "mdpo", 100_000, 475, seeds=3),
    Task("cartpole", "grpo", 300_000, 475, seeds=3),
    Task("mountain_car(continuous=true)", "trpo", 150_000, 90, seeds=3),
    Task("pendulum", "ippo", 200_000, -200, seeds=3),
    Task("cartpole", "dqn", 50_000, 475),
    Task("cartpole", "d3qn", 50_000, 475),
    Task("cartpole", "rainbow", 50_000, 475),
    Task("pendulum", "ddpg", 20_000, -160, seeds=3),
    Task("pendulum", "td3", 20_000, -160, seeds=3),
    Task("pendulum", "sac", 20_000, -160, seeds=3),
    Task("mountain_car(continuous=true)", "td3", 40_000, 90, seeds=3),
    # -141.7 in the published units (docs/policy_gradients.md)
    Task("spread", "maddpg", 600_000, -33.35),
    Task("spread", "matd3", 600_000, -33.35),
    Task("spread", "masac", 600_000, -33.35),
    Task("rock_paper_scissors", "magnetic_ppo", 40_000, 0.05, seeds=3, lower=True),
    Task("kuhn", "vrpo", 500_000, 0.02, seeds=3, lower=True),
    Task("leduc", "magnetic_ppo", 350_000_000, 0.1, lower=True),
    Task("cartpole", "pqn", 200_000, 475, seeds=3),
    Task("cartpole", "pgpe", 400_000, 475, seeds=3),
    Task("corridor(length=40)", "iql", 30_000, 11, seeds=3, settings=_NOISE | _SOON),
    Task("corridor(length=40)", "iql", 30_000, 11, seeds=3, settings=_EPSILON | _SOON),
    Task("corridor(length=40, mixed=true)", "iql", 40_000, 11, seeds=3),
    Task("corridor(length=40, mixed=true)", "iql", 40_000, 11, seeds=3, settings=_RND),
    Task("corridor(length=40, mixed=true)", "iql", 40_000, 11, seeds=3, settings=_EPSILON),
    # As EvoJAX counts, over 100 episodes: what hard ones are worth differs by hundreds.
    Task("swing_up", "pgpe", 100_000_000, 935, episodes=100),
    Task("swing_up(hard=true)", "pgpe", 100_000_000, 631, episodes=100),
    # The best that can be had in each.
    Task("climbing", "vdn", 10_000, 275, seeds=3),
    Task("climbing", "mappo", 40_000, 275, seeds=3),
    Task("climbing", "hatrpo", 40_000, 275, seeds=3),
    Task("penalty", "hatrpo", 40_000, 250, seeds=3),
    Task("two_step", "qmix", 6_000, 8, seeds=3),
    Task("two_step", "coma", 20_000, 8, seeds=3),
    Task("two_step", "ia2c", 20_000, 8, seeds=3),
    Task("qtran_matrix", "qtran", 2_400, 8, seeds=3),
    Task("qtran_matrix", "qtran_alt", 2_400, 8, seeds=3),
    Task("qtran_matrix", "wqmix", 4_800, 8, seeds=3, settings=_UNIFORM),
    Task("qtran_matrix", "qmix", 4_800, 8, seeds=3, settings=_UNIFORM),
)


def train(task: Task, seed: int) -> dict[str, Any]:
    """Return one run's curve and the processor time that it took."""
    run = begin(task.learner, task.env, seed, dict(task.settings), steps=task.steps)
    began = time.process_time()
    advance(run, task.steps, test_every=task.steps // TESTS, test_episodes=task.episodes, device="cpu")
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


def measure(envs: list[str], learners: list[str], seeds: list[int]) -> None:
    """Train these learners on these tasks, and keep what was found of others."""
    for task in TASKS:
        if {task.env, task.env.partition("(")[0]} & set(envs) and task.learner in learners:
            for seed in sorted(set(seeds) & set(range(task.seeds))):
                run, found = train(task, seed), known()
                others = [other for other in found.get(task.key, []) if other["seed"] != seed]
                found[task.key] = sorted([*others, run], key=lambda one: int(one["seed"]))
                report.save("reference", {"machine": report.machine(("torch",)), "runs": found})
                print(task.key, seed, run["curve"][-1], f"{run['seconds']:.0f} s", flush=True)


def first(task: Task, run: dict[str, Any]) -> int | None:
    """Return the step at which a run first came to its goal."""
    return next(
        (step for step, score in run["curve"] if (score <= task.goal if task.lower else score >= task.goal)), None
    )


def put_table(found: dict[str, list[dict[str, Any]]]) -> None:
    """Write the table of the page, a task a line; what differs by seed stands in the order of seeds."""
    rows = []
    for task in TASKS:
        if runs := found.get(task.key):
            scores = [[score for _, score in run["curve"]] for run in runs]
            goal = f"{task.goal:g} {'or less' if task.lower else 'or more'}"
            best = _by_seed(f"{(min if task.lower else max)(each):.3g}" for each in scores)
            last = _by_seed(f"{each[-1]:.3g}" for each in scores)
            reached = _by_seed(f"{step:,}" if step else "not" for step in (first(task, run) for run in runs))
            seconds = sum(run["seconds"] for run in runs) / len(runs)
            cells = [goal, best, last, reached, f"{task.steps:,}", f"{seconds:.0f}"]
            rows.append([f"`{task.env}`", f"`{task.label}`", *cells])
    header = ["", "", "goal", "best", "last", "reached at step", "of steps", "CPU seconds a run"]
    report.put(PAGE, "reference", report.table(header, rows, right=2))


def _by_seed(cells: Iterable[str]) -> str:
    return " · ".join(cells)


def draw(found: dict[str, list[dict[str, Any]]]) -> None:
    """Draw the learning curves, an environment a panel."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "counterplay"  # the same figure is the same file
    matplotlib.rcParams["font.size"] = 9
    import matplotlib.pyplot as plt

    envs = list(dict.fromkeys(task.env for task in TASKS if found.get(task.key)))
    lines = -(-len(envs) // COLUMNS)
    figure, axes = plt.subplots(lines, COLUMNS, figsize=(4 * COLUMNS, 3.2 * lines), layout="constrained", squeeze=False)
    for axis in axes.flat[len(envs) :]:
        axis.remove()
    for axis, env in zip(axes.flat, envs, strict=False):
        for k, task in enumerate(task for task in TASKS if task.env == env):
            runs = found.get(task.key, [])
            thin = 0.8 if len(runs) > 1 else 1.5
            for run in runs:
                at, scores = zip(*run["curve"], strict=True)
                label = "\n".join(wrap(task.label, 40)) if run is runs[0] else None
                axis.plot([step / 1000 for step in at], scores, color=f"C{k}", linewidth=thin, label=label)
            axis.axhline(task.goal, color="grey", linewidth=0.8, linestyle="--")
            if task.lower:
                axis.set_yscale("log")
            axis.set_ylabel("exploitability" if task.lower else "return")
        axis.set_title(env, fontsize=10)
        axis.set_xlabel("thousand environment steps")
        axis.locator_params(axis="x", nbins=4)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    report.FIGURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.FIGURES / "reference.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="environments to train on, by their names, with or without parameters; all")
    parser.add_argument("--learners", help="learners to train, by their names; all")
    parser.add_argument("--seeds", help="seeds to train, of those that a task has: 0,1; all")
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.table:
        envs = split(options.only) if options.only else [task.env for task in TASKS]
        learners = options.learners.split(",") if options.learners else [task.learner for task in TASKS]
        seeds = options.seeds.split(",") if options.seeds else range(max(task.seeds for task in TASKS))
        measure(envs, learners, [int(seed) for seed in seeds])
    put_table(known())
    draw(known())


if __name__ == "__main__":
    main()
