"""What the learners find on small games whose answers are published: values, returns, and how they get there.

    python benchmarks/learning.py                        # train, write results/learning.json, renew docs/learning.md
    python benchmarks/learning.py --only matrix,penalty  # of these groups, and keep what was found of the others
    python benchmarks/learning.py --table                # renew the page and its figure from the results

A run is one seed (0, 1, 2, ...) of one learner. Its curve is the return of greedy play in the course of training; the
games are deterministic, so that one episode tells it. What a team makes of the matrix game and the two-step game is
read out of the networks afterwards: its value of every joint action in every state.
"""

import argparse
import time
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import report

report.one_thread()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from counterplay.agents.rollout import collect  # noqa: E402
from counterplay.agents.run import Run, begin  # noqa: E402
from counterplay.api.training import advance  # noqa: E402
from counterplay.engine.env import Step  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402

torch.set_num_threads(1)
TESTS = 20  # points of a curve
PAGE = "docs/learning.md"

# Every joint action equally often.
UNIFORM = {"epsilon_end": 1.0, "scale_rewards": False, "lr": 5e-3, "batch": 64, "warmup": 64, "updates": 0.25}
# Every joint action exactly once in each update: the fit itself, without the noise of drawing.
WHOLE = {"scale_rewards": False, "lr": 5e-3, "batch": 9, "warmup": 9, "replay": 9}
REPEATED = {"epsilon_steps": 6000, "lr": 5e-3}


class Trial(NamedTuple):
    """A learner on a game, over several seeds."""

    group: str
    label: str
    learner: str
    env: str
    steps: int  # of the environment, or updates on the whole game
    seeds: int
    settings: dict[str, Any]
    states: tuple[tuple[float, ...], ...] = ()  # in which the team's values are read


TEN = ("QTRAN-base", "IQL, pessimism 0.01")  # those that beat what is published are looked at more closely
MATRIX, TWO_STEP = ((0.0, 0.0, 0.0, 0.0),), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
OPTIMISTIC, BOLD = REPEATED | {"pessimism": 0.1}, REPEATED | {"pessimism": 0.01}
TRIALS = (
    Trial("matrix", "QTRAN-base", "qtran", "qtran_matrix", 2400, 10, UNIFORM | {"lr": 2e-3}, MATRIX),
    Trial("matrix", "QTRAN-alt", "qtran_alt", "qtran_matrix", 2400, 10, UNIFORM | {"lr": 2e-3}, MATRIX),
    Trial("matrix", "QMIX", "qmix", "qtran_matrix", 2400, 10, UNIFORM, MATRIX),
    Trial("matrix", "VDN", "vdn", "qtran_matrix", 400, 10, WHOLE, MATRIX),
    Trial("two_step", "QMIX", "qmix", "two_step", 4800, 10, UNIFORM | {"target_rate": 0.1}, TWO_STEP),
    Trial("two_step", "VDN", "vdn", "two_step", 4800, 10, UNIFORM | {"target_rate": 0.1}, TWO_STEP),
    *(
        Trial(env, label, learner, env, 10_000, 10 if label in TEN else 3, settings)
        for env in ("climbing", "penalty")
        for label, learner, settings in (
            ("IQL", "iql", REPEATED),
            ("IQL, pessimism 0.1", "iql", OPTIMISTIC),
            ("IQL, pessimism 0.01", "iql", BOLD),
            ("VDN", "vdn", REPEATED),
            ("QMIX", "qmix", REPEATED),
            ("QMIX, pessimism 0.1", "qmix", OPTIMISTIC),
            ("QTRAN-base", "qtran", REPEATED),
            ("QTRAN-alt", "qtran_alt", REPEATED),
        )
    ),
)
PUBLISHED = {"climbing": "175 of 275", "penalty": "50 of 250"}


@torch.no_grad()
def team_values(run: Run, states: Sequence[Sequence[float]]) -> np.ndarray:
    """Return the team's value of each joint action of two agents in each state, [states, A, A], in units of reward.

    For games that show both agents alike: the state, or nothing.
    """
    learner: Any = run.learner
    spec, settings = learner.spec, learner.settings
    raw = torch.tensor(states)
    shown = raw[:, None, : spec.observation].expand(-1, spec.agents, -1)
    seen, state = (learner.scales.obs(shown), learner.scales.state(raw)) if settings.scale_inputs else (shown, raw)
    values = learner.agents(seen[:, None])[0][:, 0]  # [states, N, A]
    found = np.zeros((len(states), spec.actions, spec.actions))
    for joint in product(range(spec.actions), repeat=2):
        action = torch.tensor(joint).expand(len(states), -1)
        if "joint" in learner.networks:
            value = learner.networks["joint"](state, action, None)
            if settings.counterfactual:
                value = value.gather(-1, action[..., None])[..., 0].mean(dim=-1)
        else:
            value = learner.networks["mixer"](values.gather(-1, action[..., None])[..., 0], state)
        found[:, joint[0], joint[1]] = value
    scale = float(learner.scales.reward.deviation) if settings.scale_rewards else 1.0
    return found * scale


class Every:
    """Plays every joint action of two agents once, one in each of A * A episodes of a single step."""

    def begin(self, batch: int) -> None:
        pass

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> np.ndarray:
        return np.array(list(product(range(step.legal.shape[-1]), repeat=2)))


def train(trial: Trial, seed: int) -> dict[str, Any]:
    """Return one run's curve, return at the end, values and time."""
    began = time.process_time()
    run = begin(trial.learner, make_env(trial.env), trial.env, seed, trial.settings)
    if trial.settings is WHOLE:
        learner: Any = run.learner
        learner.replay.add(collect(run.playing(9), Every(), run.rng))
        curve = []
        for _ in range(TESTS):
            for _ in range(trial.steps // TESTS):
                learner.update(run.rng)
            curve.append((learner.updates, run.evaluate(2).mean))
    else:
        advance(run, trial.steps, test_every=trial.steps // TESTS, test_episodes=2)
        curve = [(row["steps"], row["test_return"]) for row in run.history if "test_return" in row]
    values = team_values(run, trial.states).tolist() if trial.states else []
    return {"curve": curve, "end": run.evaluate(2).mean, "values": values, "seconds": time.process_time() - began}


def measure(groups: Sequence[str], missing: bool) -> None:
    """Train what belongs to the groups (and was not found yet), and keep what was found of others."""
    try:
        found = report.load("learning")["trials"]
    except FileNotFoundError:
        found = {}
    for trial in TRIALS:
        key = f"{trial.group}: {trial.label}"
        kept = found.get(key, []) if missing else []
        if trial.group in groups and len(kept) < trial.seeds:
            runs = found[key] = kept + [train(trial, seed) for seed in range(len(kept), trial.seeds)]
            seconds = sum(run["seconds"] for run in runs) / len(runs)
            print(trial.group, trial.label, [run["end"] for run in runs], f"{seconds:.1f} s a run", flush=True)
            report.save("learning", {"machine": report.machine(), "trials": found})


# The page


def spelled(settings: dict[str, Any]) -> str:
    return ", ".join(f"`{name}={value:g}`" if isinstance(value, float) else f"`{name}={value}`"
                     for name, value in settings.items())  # fmt: skip


def returns_of(runs: list[dict[str, Any]]) -> str:
    ends = [run["end"] for run in runs]
    counts = {end: ends.count(end) for end in sorted(set(ends), reverse=True)}
    return ", ".join(f"{end:g} in {count}" for end, count in counts.items())


def put_matrix(found: dict[str, Any]) -> None:
    """What each learner makes of the matrix game: the mean over seeds of the same greedy return."""
    rows = []
    payoffs = np.array(make_env("qtran_matrix").payoffs).reshape(3, 3)  # type: ignore[attr-defined]
    for trial in TRIALS:
        if trial.group != "matrix":
            continue
        runs = found[f"matrix: {trial.label}"]
        for end in sorted({run["end"] for run in runs}, reverse=True):
            those = [np.array(run["values"][0]) for run in runs if run["end"] == end]
            mean = np.mean(those, axis=0)
            off = max(abs(one - payoffs).max() for one in those)
            cells = mean[0, 0], (mean[0, 1:].sum() + mean[1:, 0].sum()) / 4, mean[1:, 1:].mean()
            row = [trial.label, f"{len(those)} of {len(runs)}", f"{end:g}", *(f"{cell:.2f}" for cell in cells)]
            rows.append([*row, f"{off:.4f}" if off < 1 else f"{off:.0f}"])
    header = ["", "seeds", "greedy", "Q(A, A)", "Q(A, other)", "Q(other, other)", "furthest from the payoff"]
    report.put(PAGE, "matrix", report.table(header, rows))


def put_two_step(found: dict[str, Any]) -> None:
    """Values in the three states, as means over seeds."""
    rows = []
    for trial in TRIALS:
        if trial.group == "two_step":
            runs = found[f"two_step: {trial.label}"]
            mean = np.mean([run["values"] for run in runs], axis=0)
            cells = ["[[{:.2f}, {:.2f}], [{:.2f}, {:.2f}]]".format(*state.ravel()) for state in mean]
            rows.append([trial.label, returns_of(runs), *cells])
    report.put(PAGE, "two-step", report.table(["", "greedy return: seeds", "state 1", "state 2A", "state 2B"], rows))


def put_repeated(found: dict[str, Any]) -> None:
    """Returns of greedy play at the end of training on the repeated games."""
    rows = []
    for trial in TRIALS:
        if trial.group == "climbing":
            cells = [returns_of(found[f"{env}: {trial.label}"]) for env in PUBLISHED]
            rows.append([trial.label, *cells])
    header = ["", *(f"{env} (published: {best})" for env, best in PUBLISHED.items())]
    report.put(PAGE, "repeated", report.table(header, rows))


def draw(found: dict[str, Any]) -> None:
    """Draw the learning curves: means over seeds, and the range of all seeds."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "counterplay"  # the same figure is the same file
    matplotlib.rcParams["font.size"] = 9
    import matplotlib.pyplot as plt

    groups = list(dict.fromkeys(trial.group for trial in TRIALS))
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained")
    labels = list(dict.fromkeys(trial.label for trial in TRIALS))
    for axis, group in zip(axes.flat, groups, strict=True):
        for trial in TRIALS:
            if trial.group == group:
                curves = np.array([run["curve"] for run in found[f"{group}: {trial.label}"]])  # [seeds, points, 2]
                at, returns = curves[0, :, 0], curves[..., 1]
                colour = f"C{labels.index(trial.label)}"
                axis.plot(at / trial.steps, returns.mean(axis=0), color=colour, label=trial.label, linewidth=1.4)
                axis.fill_between(at / trial.steps, returns.min(axis=0), returns.max(axis=0), color=colour, alpha=0.12)
        axis.set_title(group.replace("_", "-"), fontsize=10)
        axis.set_xlabel("share of training")
        axis.set_ylabel("greedy return")
        axis.grid(alpha=0.3)
    handles = {name: line for axis in axes.flat for line, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    report.FIGURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.FIGURES / "learning.svg", metadata={"Date": None})


def main() -> None:
    groups = list(dict.fromkeys(trial.group for trial in TRIALS))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(groups), help="groups to train, of " + ", ".join(groups))
    parser.add_argument("--missing", action="store_true", help="train only what the results lack")
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.table:
        measure(options.only.split(","), options.missing)
    found = report.load("learning")["trials"]
    settings = {trial.label if trial.group == "matrix" else trial.group: trial.settings for trial in TRIALS}
    named = {
        "QTRAN": "QTRAN-base",
        "QMIX": "QMIX",
        "VDN": "VDN",
        "two-step game": "two_step",
        "repeated games": "climbing",
    }
    lines = [f"- {name}: {spelled(settings[key] if key != 'climbing' else REPEATED)}" for name, key in named.items()]
    report.put(PAGE, "settings", "\n".join(lines))
    put_matrix(found)
    put_two_step(found)
    put_repeated(found)
    draw(found)


if __name__ == "__main__":
    main()
