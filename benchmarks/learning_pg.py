"""What learners with policies find on tasks whose best published returns are known, and how they get there.

    python benchmarks/learning_pg.py                   # train, write results/learning_pg.json, renew the page
    python benchmarks/learning_pg.py --only climbing   # of these environments, and keep what was found of the others
    python benchmarks/learning_pg.py --table           # renew the page and its figure from the results

A run is one seed (0, 1, 2, ...) of one learner, and its curve the mean return of the policy without exploring. The
published figures are the highest mean over evaluations (Papoudakis et al. 2021, table 3), so ours are too.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import report

report.one_thread()

import numpy as np  # noqa: E402

from counterplay.agents.run import begin  # noqa: E402
from counterplay.api.training import advance  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402

TESTS = 10  # points of a curve
EPISODES = 100  # of a test
PAGE = "docs/policy_gradients.md"


class Trial(NamedTuple):
    """A learner on an environment, over several seeds."""

    env: str  # as the page calls it
    spec: str
    label: str
    learner: str
    steps: int
    seeds: int
    published: str  # the best return: of any learner on the matrix games, else of this one
    settings: Mapping[str, object] = MappingProxyType({})
    convert: Callable[[float], float] = float  # from our return to the published one's units


# Published returns of spread are sums over the agents of rewards twice ours, with -1 more each step for an agent's
# collision with itself: 2 x ours - 3 x 25. Random play is worth -79 here and so -233 there.
def as_published(mean: float) -> float:
    return 2 * mean - 75


SPREAD = {"envs": 32, "hidden": 128, "lr_steps": 20_000_000}
SOON = {"gamma": 0.9}  # they learn sooner to take the second food too; found by trying
FORAGING = "foraging(size=8, players=2, food=2, coop=true)"
TRIALS = (
    Trial("climbing", "climbing", "COMA", "coma", 40_000, 5, "175"),
    Trial("climbing", "climbing", "MAPPO", "mappo", 20_000, 5, "175"),
    Trial("penalty", "penalty", "COMA", "coma", 40_000, 5, "50"),
    Trial("penalty", "penalty", "MAPPO", "mappo", 20_000, 5, "50"),
    Trial("foraging 8x8-2p-2f-coop", FORAGING, "MAPPO", "mappo", 500_000, 1, "1.00"),
    Trial("foraging 8x8-2p-2f-coop", FORAGING, "COMA", "coma", 4_000_000, 3, "0.61", SOON),
    Trial("foraging 8x8-2p-2f-coop", FORAGING, "VDN", "vdn", 2_000_000, 3, "1.00", SOON),
    Trial("foraging 8x8-2p-2f-coop", FORAGING, "QMIX", "qmix", 2_000_000, 3, "0.96", SOON),
    Trial("spread", "spread", "MAPPO", "mappo", 20_000_000, 1, "-133", SPREAD, as_published),
)


def train(trial: Trial, seed: int) -> dict[str, Any]:
    """Return one run's curve and the CPU seconds that it took."""
    began = time.process_time()
    run = begin(trial.learner, make_env(trial.spec), trial.spec, seed, trial.settings)
    advance(run, trial.steps, test_every=trial.steps // TESTS, test_episodes=EPISODES)
    curve = [(row["steps"], row["test_return"]) for row in run.history if "test_return" in row]
    return {"curve": curve, "seconds": time.process_time() - began}


def measure(envs: Sequence[str], learners: Sequence[str]) -> None:
    """Train these learners on these environments, and keep what was found of others."""
    try:
        found = report.load("learning_pg")["trials"]
    except FileNotFoundError:
        found = {}
    for trial in TRIALS:
        if trial.env.split()[0] in envs and trial.learner in learners:
            runs: list[dict[str, Any]] = []
            for seed in range(trial.seeds):
                runs.append(train(trial, seed))
                found[f"{trial.env}: {trial.label}"] = runs
                report.save("learning_pg", {"machine": report.machine(()), "trials": found})
            best = [round(max(mean for _, mean in run["curve"]), 2) for run in runs]
            print(trial.env, trial.label, best, f"{sum(run['seconds'] for run in runs) / len(runs):.1f} s", flush=True)


def put_table(found: dict[str, Any]) -> None:
    rows = []
    for trial in TRIALS:
        if runs := found.get(f"{trial.env}: {trial.label}"):
            best = [trial.convert(max(mean for _, mean in run["curve"])) for run in runs]
            last = [trial.convert(run["curve"][-1][1]) for run in runs]
            cells = [f"{trial.steps:,}", f"{len(runs)}", f"{np.mean(best):.2f}", f"{min(best):.2f} to {max(best):.2f}"]
            seconds = sum(run["seconds"] for run in runs) / len(runs)
            cells += [f"{np.mean(last):.2f}", trial.published, f"{seconds:.0f}"]
            rows.append([trial.env, trial.label, *cells])
    header = ["", "", "steps", "seeds", "best return", "of single seeds", "last", "published best", "CPU seconds a run"]
    report.put(PAGE, "returns", report.table(header, rows, right=2))


def draw(found: dict[str, Any]) -> None:
    """Draw the learning curves: means over seeds, and the range of all seeds."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "counterplay"  # the same figure is the same file
    matplotlib.rcParams["font.size"] = 9
    import matplotlib.pyplot as plt

    envs = list(dict.fromkeys(trial.env for trial in TRIALS))
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained")
    for axis, env in zip(axes.flat, envs, strict=True):
        for trial in TRIALS:
            runs = found.get(f"{env}: {trial.label}")
            if trial.env == env and runs:
                at = np.array([step for step, _ in runs[0]["curve"]]) / 1000
                returns = np.array([[trial.convert(mean) for _, mean in run["curve"]] for run in runs])
                spelled = "one seed" if len(runs) == 1 else f"{len(runs)} seeds"
                colour = {"COMA": "C1", "MAPPO": "C0", "VDN": "C2", "QMIX": "C3"}[trial.label]
                axis.plot(at, returns.mean(axis=0), color=colour, label=f"{trial.label}, {spelled}")
                axis.fill_between(at, returns.min(axis=0), returns.max(axis=0), color=colour, alpha=0.15)
        published = next(float(trial.published) for trial in TRIALS if trial.env == env)
        axis.axhline(published, color="grey", linewidth=0.8, linestyle="--", label="published best")
        axis.set_title(env, fontsize=10)
        axis.set_xlabel("thousand environment steps")
        axis.set_ylabel("return")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    report.FIGURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.FIGURES / "policy_gradients.svg", metadata={"Date": None})


def main() -> None:
    envs = list(dict.fromkeys(trial.env.split()[0] for trial in TRIALS))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(envs), help="environments to train on, of " + ", ".join(envs))
    parser.add_argument("--learners", help="learners to train, by their names: vdn,mappo; all")
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.table:
        chosen = options.learners.split(",") if options.learners else [trial.learner for trial in TRIALS]
        measure(options.only.split(","), chosen)
    found = report.load("learning_pg")["trials"]
    put_table(found)
    draw(found)


if __name__ == "__main__":
    main()
