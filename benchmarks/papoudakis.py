"""The table of Papoudakis et al. (NeurIPS 2021, arXiv 2006.07869), with the learners and tasks that are here.

    python benchmarks/papoudakis.py --hours 8        # go on for so many processor hours, and renew the page
    python benchmarks/papoudakis.py --hours 1 --only matrix,foraging --learners mappo,qmix
    python benchmarks/papoudakis.py --table          # renew the page from the results

Every cell is one learner in one task, by seeds 0 to 4. All cells come to a first number of steps before any goes on,
then to twice as many, until each has the published number: when the hours are over, or after Ctrl-C, nothing is lost,
and the next call goes on with the very runs (`--runs`, a folder; exactly, as `train --resume` does). A cell whose
settings have changed begins anew. Results are kept after every run in results/papoudakis.json; what the paper has and
how a cell is made of its seeds is in papoudakis_cells.py.
"""

import argparse
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from time import process_time as spent
from typing import Any, NamedTuple

import report

report.one_thread()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from papoudakis_cells import PUBLISHED, best  # noqa: E402

from counterplay.agents import find  # noqa: E402
from counterplay.agents.run import Run, begin, holds_run, read, restore  # noqa: E402
from counterplay.api.training import advance  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402

torch.set_num_threads(1)
PAGE = "docs/papoudakis.md"
SEEDS = 5
EPISODES = 100  # of an evaluation
POINTS = 4  # evaluations between two levels
LEVELS = 10  # the last has the published steps, each other half of the next

OFF_POLICY = ("iql", "maddpg", "vdn", "qmix")
LEARNERS = ("iql", "ia2c", "ippo", "maddpg", "coma", "a2c", "mappo", "vdn", "qmix")
LABELS = {"a2c": "MAA2C", **{name: name.upper() for name in LEARNERS if name != "a2c"}}
STEPS = {"matrix": 250_000, "mpe": 2_000_000, "foraging": 2_000_000, "rware": 4_000_000}  # ten times, on policy
FIRST = 3  # the level that all begin with: less says nothing


class Task(NamedTuple):
    """A task of the paper as ours, and what makes the published return of our team's."""

    label: str
    kind: str
    env: str
    scale: float = 1.0
    shift: float = 0.0

    def published(self, value: float) -> float:
        """Return our team's return in the published units."""
        return self.scale * value + self.shift


# The paper divides what its MPE teams sum up by the number of agents. In spread and speaker-listener each of the N
# agents is paid the sum of all rewards first. Spread's agents collide with themselves there, -1 for each at every
# step, and rewards are not halved: 2 x ours - 3 x 25.
TASKS = (
    Task("Climbing", "matrix", "climbing"),
    *(Task(f"Penalty k={k}", "matrix", f"penalty(k={k})") for k in (0, -25, -50, -75, -100)),
    Task("Speaker-Listener", "mpe", "speaker_listener"),
    Task("Spread", "mpe", "spread", 2.0, -75.0),
    Task("Adversary (scripted)", "mpe", "adversary(opponents=script)", 1 / 2),
    Task("Tag (scripted)", "mpe", "tag(opponents=script)", 1 / 3),
    Task("8x8-2p-2f-c", "foraging", "Foraging-8x8-2p-2f-coop-v3"),
    Task("8x8-2p-2f-2s-c", "foraging", "Foraging-2s-8x8-2p-2f-coop-v3"),
    Task("10x10-3p-3f", "foraging", "Foraging-10x10-3p-3f-v3"),
    Task("10x10-3p-3f-2s", "foraging", "Foraging-2s-10x10-3p-3f-v3"),
    Task("15x15-3p-5f", "foraging", "Foraging-15x15-3p-5f-v3"),
    Task("15x15-4p-3f", "foraging", "Foraging-15x15-4p-3f-v3"),
    Task("15x15-4p-5f", "foraging", "Foraging-15x15-4p-5f-v3"),
    Task("RWARE Tiny 2p", "rware", "rware-tiny-2ag-v2"),
    Task("RWARE Tiny 4p", "rware", "rware-tiny-4ag-v2"),
    Task("RWARE Small 4p", "rware", "rware-small-4ag-v2"),
)

# As EPyMARL's configuration files have them (its commit cbc38c0), in our names; what a kind needs otherwise is below.
# What ran out of time counts as ended there, which makes no difference in matrix games.
_VALUES: dict[str, object] = {"envs": 8, "lr": 5e-4, "epsilon_steps": 50_000, "hidden": 64}
_POLICY: dict[str, object] = {"envs": 10, "lr": 5e-4, "critic_lr": 5e-4, "hidden": 128, "entropy": 0.001, "clip": 10.0}
_CLIPPED = _POLICY | {"lr": 3e-4, "critic_lr": 3e-4, "minibatches": 1}
SETTINGS: dict[str, dict[str, object]] = {
    "iql": _VALUES | {"lr": 3e-4, "hidden": 128, "epsilon_steps": 200_000},
    "vdn": _VALUES,
    "qmix": _VALUES,
    "maddpg": {"lr": 5e-4, "critic_lr": 5e-4, "hidden": 128, "rollout": 25, "batch": 800, "updates": 0.04},
    "coma": _POLICY | {"lr": 3e-4, "critic_lr": 3e-4, "hidden": 64},
    "ia2c": _POLICY,
    "a2c": _POLICY | {"entropy": 0.01},
    "ippo": _CLIPPED,
    "mappo": _CLIPPED,
}
_LONG: dict[str, object] = {"rollout": 100, "lr": 5e-4, "critic_lr": 5e-4}  # of 500 steps an episode
OF_KIND: dict[str, dict[str, object]] = {
    **{f"rware: {name}": _LONG for name in ("ia2c", "a2c", "ippo", "mappo")},
}


def settings_of(task: Task, learner: str) -> dict[str, object]:
    """Return what is set beside the learner's defaults."""
    ends = {} if task.kind == "matrix" else {"limit_ends": True}
    return SETTINGS[learner] | OF_KIND.get(f"{task.kind}: {learner}", {}) | ends


def published_steps(task: Task, learner: str) -> int:
    """Return the number of steps that the paper trained for."""
    return STEPS[task.kind] * (1 if learner in OFF_POLICY else 10)


def goal(task: Task, learner: str, level: int) -> int:
    """Return the steps that a run has after a level."""
    return published_steps(task, learner) >> (LEVELS - 1 - level)


def points(task: Task, learner: str) -> list[int]:
    """Return the steps at which a run is evaluated, in all of its levels."""
    found: list[int] = []
    for level in range(FIRST, LEVELS):
        end, start = goal(task, learner, level), found[-1] if found else 0
        found += [start + (end - start) * k // POINTS for k in range(1, POINTS + 1)]
    return found


def jobs(tasks: Sequence[Task], learners: Sequence[str]) -> Iterator[tuple[Task, str, int, int]]:
    """Yield (task, learner, seed, level) in the order in which the table is filled."""
    for level, kind, seed in product(range(FIRST, LEVELS), STEPS, range(SEEDS)):
        for task, learner in product(tasks, learners):
            if task.kind == kind:
                yield task, learner, seed, level


def known() -> dict[str, Any]:
    """Return what was found so far, cell by cell."""
    try:
        found: dict[str, Any] = report.load("papoudakis")["cells"]
    except FileNotFoundError:
        return {}
    return found


def train(task: Task, learner: str, seed: int, level: int, folder: Path, until: float) -> Run:
    """Bring a run to the end of a level, or as far as the processor time allows, and keep it in a folder."""
    env, settings, run = make_env(task.env), settings_of(task, learner), None
    if holds_run(folder):
        run = restore(read(folder), env)
        if run.settings != find(learner).with_settings(settings):
            shutil.rmtree(folder)
            run = None
    if run is None:
        run = begin(learner, env, task.env, seed, settings)
    end, start = goal(task, learner, level), goal(task, learner, level - 1) if level > FIRST else 0
    if run.steps < end:
        try:
            every = (end - start) // POINTS
            advance(run, end, test_every=every, test_episodes=EPISODES, device="cpu", stop=lambda: spent() > until)
        finally:
            run.save(folder)
    return run


def measure(tasks: Sequence[Task], learners: Sequence[str], hours: float, runs: Path) -> None:
    """Go on with all runs for so many processor hours, and keep what they come to."""
    found, until = known(), spent() + 3600 * hours
    for task, learner, seed, level in jobs(tasks, learners):
        if spent() > until:
            break
        key = f"{task.label}: {learner}"
        cell = found.get(key, {})
        given = settings_of(task, learner)
        if cell.get("settings") != given:
            cell = {"settings": given, "runs": {}}
        had = cell["runs"].get(str(seed), {"curve": [], "seconds": 0.0})
        if had["curve"] and had["curve"][-1][0] >= goal(task, learner, level):
            continue
        began = spent()
        folder = runs / re.sub(r"[^\w=.-]+", "_", task.label) / learner / f"seed_{seed}"
        try:
            run = train(task, learner, seed, level, folder, until)
        except UserError as error:  # learning diverged, say: the others go on
            print(f"{key} {seed}: {error}", flush=True)
            continue
        curve = [[int(row["steps"]), round(row["test_return"], 4)] for row in run.history if "test_return" in row]
        took = spent() - began
        before = had["seconds"] if had["curve"] == curve[: len(had["curve"])] else 0.0
        cell["runs"][str(seed)] = {"curve": curve, "seconds": round(before + took, 1)}
        found[key] = cell
        report.save("papoudakis", {"machine": report.machine(("torch",)), "cells": found})
        last = task.published(curve[-1][1]) if curve else float("nan")
        print(f"{key} {seed}: {run.steps:,} steps, {last:.2f}, {took:.1f} s", flush=True)
        if run.stopped_by == "interrupt":
            break


def number(value: float) -> str:
    """Return a return as the table tells it."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def cell_of(task: Task, learner: str, runs: Mapping[str, Any]) -> str:
    """Return what the table says of a learner in a task."""
    curves = [run["curve"] for run in runs.values() if run["curve"]]
    found = best(curves, points(task, learner))
    if found is None:
        return ""
    half = "" if found.half != found.half else f" ± {number(found.half * abs(task.scale))}"
    seeds = "" if found.seeds == SEEDS else f", {found.seeds} seed{'s' * (found.seeds > 1)}"
    share = min(1.0, found.steps / published_steps(task, learner))
    return f"{number(task.published(found.mean))}{half} ({share:.2g}{seeds})"


def put_tables(found: Mapping[str, Any]) -> None:
    """Write the tables of the page: returns, and what they took."""
    rows = []
    for task in TASKS:
        ours = [cell_of(task, name, found.get(f"{task.label}: {name}", {}).get("runs", {})) for name in LEARNERS]
        theirs = PUBLISHED.get(task.label.partition(" (")[0], "").split()
        rows.append([f"**{task.label}**", "here", *ours])
        if theirs:
            rows.append(["", "published", *theirs])
    report.put(PAGE, "returns", report.table(["", "", *(LABELS[name] for name in LEARNERS)], rows, right=2))
    rows = []
    for kind, steps in STEPS.items():
        labels = [task.label for task in TASKS if task.kind == kind]
        cells = [
            [run["seconds"] for label in labels for run in found.get(f"{label}: {name}", {"runs": {}})["runs"].values()]
            for name in LEARNERS
        ]
        total = sum(map(sum, cells)) / 3600
        row = [f"{np.mean(cell):.1f}" if cell else "" for cell in cells]
        rows.append([kind, f"{steps / 1e6:g} M, {steps / 1e5:g} M", *row, f"{total:.2f}"])
    header = ["", "published steps: from replay, others", *(LABELS[name] for name in LEARNERS), "hours in all"]
    report.put(PAGE, "effort", report.table(header, rows, right=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0, help="processor hours of this call (1)")
    parser.add_argument("--runs", type=Path, default=Path("runs/papoudakis"), help="where runs are kept")
    parser.add_argument("--only", default=",".join(STEPS), help="kinds of tasks, of " + ", ".join(STEPS))
    parser.add_argument("--learners", default=",".join(LEARNERS), help="learners, of " + ", ".join(LEARNERS))
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.table:
        tasks = [task for task in TASKS if task.kind in options.only.split(",")]
        measure(tasks, options.learners.split(","), options.hours, options.runs)
    put_tables(known())


if __name__ == "__main__":
    main()
