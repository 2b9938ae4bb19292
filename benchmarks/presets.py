"""What every learner reaches in every environment with its preset (`agents/presets.py`), or its defaults without one.

    python benchmarks/presets.py                             # train, write results/presets.json, renew docs/training.md
    python benchmarks/presets.py --only switch --learners iql,vdn --seeds 2      # of these, keeping what others found
    python benchmarks/presets.py --missing                   # only what the results lack, or have of other settings
    python benchmarks/presets.py --defaults                  # learners without a preset there as well
    python benchmarks/presets.py --table                     # renew the page from the results

A run is one seed (0, 1, 2, ...) of one learner. What counts is the mean return of 200 episodes without exploring, once
it has been trained; in turn-based games its exploitability, exact. Learners without a preset are trained for as many
steps as the longest preset of that environment asks for. Presets that have no runs here are told with those of the
reference tasks (`benchmarks/reference.py`).
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any, NamedTuple

import report

report.one_thread()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from counterplay.agents import presets  # noqa: E402
from counterplay.api.learned import is_judged, judge  # noqa: E402
from counterplay.api.runs import begin  # noqa: E402
from counterplay.api.training import advance  # noqa: E402

torch.set_num_threads(1)
EPISODES = 200
PAGE = "docs/training.md"
LEARNERS = ("iql", "vdn", "qmix", "qtran", "qtran_alt", "coma", "mappo", "ippo", "a2c", "ia2c")


class Place(NamedTuple):
    """An environment, and what can be had there."""

    preset: str
    spec: str
    best: str


PLACES = (
    Place("climbing", "climbing", "275"),
    Place("penalty", "penalty", "250"),
    Place("qtran_matrix", "qtran_matrix", "8"),
    Place("two_step", "two_step", "8"),
    Place("switch", "switch", "0.74 at most"),
    Place("predator_prey", "predator_prey", "40"),
    Place("foraging", "foraging(size=8, players=2, food=2, coop=true)", "1"),
)


def train(place: Place, learner: str, seed: int) -> dict[str, Any]:
    """Return what one run came to."""
    longest = max((preset.steps for preset in presets.PRESETS if preset.name == place.preset), default=None)
    run = begin(learner, place.spec, seed, {})
    if not run.preset and longest is not None:
        run = begin(learner, place.spec, seed, {}, steps=longest)
    began = time.process_time()
    advance(run, run.plan.steps if run.preset else longest, test_every=10**9, test_episodes=EPISODES)
    seconds = time.process_time() - began
    if run.stopped_by == "interrupt":
        raise KeyboardInterrupt
    score = judge(run).exploitability if is_judged(run) else run.evaluate(EPISODES).mean
    found = {"score": score, "steps": run.steps, "minutes": seconds / 60, "preset": run.preset}
    return {**found, "settings": asdict(run.settings)}


def measure(places: Sequence[Place], learners: Sequence[str], seeds: int, missing: bool, defaults: bool) -> None:
    """Train these learners in these environments, and keep what was found of others."""
    for place, learner in product(places, learners):
        fresh = begin(learner, place.spec, 0, {})
        if not (fresh.preset or defaults):
            continue
        key, settings = f"{place.spec}: {learner}", asdict(fresh.settings)
        kept = [run for run in known().get(key, []) if run["settings"] == settings] if missing else []
        for seed in range(len(kept), seeds):
            kept.append(last := train(place, learner, seed))
            report.save("presets", {"machine": report.machine(("torch",)), "runs": {**known(), key: kept}})
            print(place.spec, learner, seed, f"{last['score']:.3f}", f"{last['minutes']:.1f} min", flush=True)


def known() -> dict[str, list[dict[str, Any]]]:
    """Return what was found so far."""
    try:
        runs: dict[str, list[dict[str, Any]]] = report.load("presets")["runs"]
    except FileNotFoundError:
        return {}
    return runs


def cell(runs: list[dict[str, Any]]) -> str:
    """Return the mean score of several seeds, and their range; brackets where there is no preset."""
    if not runs:
        return ""
    scores = [run["score"] for run in runs]
    text = f"{np.mean(scores):.3g}"
    if len(runs) > 1 and max(scores) - min(scores) > 0.005 * max(map(abs, scores)):
        text += f" ({min(scores):.3g} to {max(scores):.3g})"
    return text if runs[0]["preset"] else f"[{text}]"


def seconds_of(preset: presets.Preset, learner: str, found: dict[str, list[dict[str, Any]]]) -> list[float]:
    """Return how long a learner's runs with its preset took, here or else in the reference tasks."""
    spec = next((place.spec for place in PLACES if place.preset == preset.name), preset.name)
    if runs := found.get(f"{spec}: {learner}"):
        return [60 * run["minutes"] for run in runs]
    elsewhere = report.load("reference")["runs"].items()
    for env, label, runs in ((*key.rsplit(": ", 1), runs) for key, runs in elsewhere):
        if (env.partition("(")[0], label) == (preset.name, learner):
            return [run["seconds"] for run in runs]
    return []


def put_tables(found: dict[str, list[dict[str, Any]]]) -> None:
    """Write the two tables of the page: what is reached, and by which settings."""
    rows = []
    for place in PLACES:
        cells = [cell(found.get(f"{place.spec}: {learner}", [])) for learner in LEARNERS]
        rows.append([f"`{place.spec}`", place.best, *cells])
    used = [k for k in range(len(LEARNERS)) if any(row[k + 2] for row in rows)]
    header = ["environment", "best", *(f"`{LEARNERS[k]}`" for k in used)]
    report.put(PAGE, "presets", report.table(header, [[*row[:2], *(row[k + 2] for k in used)] for row in rows]))
    rows = []
    for preset in presets.PRESETS:
        each = [seconds_of(preset, learner, found) for learner in preset.learners]
        seconds = [one for runs in each for one in runs]
        took = " to ".join(dict.fromkeys(f"{end(seconds):.0f}" for end in (min, max) if seconds))
        spelled = ", ".join(f"`{name}={str(value).lower()}`" for name, value in preset.settings.items())
        spelled = spelled or "none"
        counts = sorted({len(runs) for runs in each})
        seeds = " to ".join(map(str, {counts[0]: 0, counts[-1]: 0}))
        rows.append([preset.name, ", ".join(preset.learners), spelled, f"{preset.steps:,}", seeds, took])
    header = ["preset", "learners", "settings beside the defaults", "steps", "seeds", "CPU seconds a run"]
    report.put(PAGE, "preset settings", report.table(header, rows, right=3))


def main() -> None:
    names = [place.preset for place in PLACES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(names), help="environments to train in, of " + ", ".join(names))
    parser.add_argument("--learners", default=",".join(LEARNERS), help="learners to train")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--missing", action="store_true", help="train only what the results lack")
    parser.add_argument("--defaults", action="store_true", help="train learners without a preset, too")
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.table:
        places = [place for place in PLACES if place.preset in options.only.split(",")]
        measure(places, options.learners.split(","), options.seeds, options.missing, options.defaults)
    put_tables(known())


if __name__ == "__main__":
    main()
