"""How exploitable learners in games are by games played and by processor time, beside what was published and CFR.

    python benchmarks/game_learners.py                # run all trials, write results/game_learners.json, renew the page
    python benchmarks/game_learners.py --only "NFSP"  # of these trials (several with ;), and keep the others
    python benchmarks/game_learners.py --cfr          # of CFR, in the games of Rudolph et al., and keep the others
    python benchmarks/game_learners.py --table        # renew the page and the figures from the results

Exploitability is NashConv over two, exact, of what is played without exploring: NFSP's averages, PSRO's mixture,
R-NaD's last policy. Processor time leaves out judging.
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import report

report.one_thread()

import numpy as np  # noqa: E402

import counterplay  # noqa: E402
from counterplay.agents.run import begin, torch_threads  # noqa: E402
from counterplay.api.learned import judge  # noqa: E402
from counterplay.games.envs import make_env  # noqa: E402

PAGE = "docs/game_learning.md"


class Trial(NamedTuple):
    """A learner in a game, over several seeds."""

    name: str
    learner: str
    game: str
    settings: Mapping[str, object]
    seeds: int
    steps: float
    tests: int  # judgements on the way, at equal distances of steps


# Settings of Rudolph et al. (arXiv 2502.08938): what their repository (nathanlct/IIG-RL-Benchmark) names as the best of
# their sweep for each game. Their updates are of 1,024 and 2,048 steps, cut wherever games are; here they are of whole
# games that take about as many. Their magnet is uniform (an entropy) beside the distance from the policy before.
# Departure: two layers of 128 in place of three of 512. Of their NFSP, which learns after every few moves, what has the
# same meaning here is taken: the share of best responses and both memories.
_ALIKE = {"gamma": 0.99, "gae_lambda": 0.95, "clip": 0.5, "lr_steps": 10_000_000, "hidden": 128}
_NOUGHTS = _ALIKE | {"envs": 128, "epochs": 4, "minibatches": 4, "ratio_clip": 0.1, "lr": 2.5e-4, "critic_lr": 2.5e-4}
_LIARS = _ALIKE | {"envs": 400, "epochs": 8, "minibatches": 1, "ratio_clip": 0.025, "lr": 6.25e-5, "critic_lr": 6.25e-5}
_NFSP_NOUGHTS = {"anticipatory": 0.5623, "recent": 25_000, "memory": 250_000}
_NFSP_LIARS = {"anticipatory": 0.3162, "recent": 500_000, "memory": 500_000}
_NOUGHTS_GAME = "phantom_tic_tac_toe"
_DICE = "liars_dice(dice=2, faces=5)"

TRIALS = (
    Trial("PSRO, nash", "psro", "kuhn", {}, 1, 200, 10),
    Trial("NFSP", "nfsp", "kuhn", {}, 1, 1e6, 5),
    Trial("R-NaD", "rnad", "kuhn", {"lr": 1e-3, "minibatches": 4}, 1, 5e5, 5),
    Trial("PSRO, nash", "psro", "leduc", {}, 1, 90_000, 15),
    Trial("PSRO, uniform", "psro", "leduc", {"meta": "uniform"}, 1, 90_000, 15),
    Trial("PSRO, rectified", "psro", "leduc", {"meta": "rectified"}, 1, 200_000, 15),
    Trial("NFSP", "nfsp", "leduc", {}, 1, 4.5e6, 9),
    Trial("R-NaD, eta 1", "rnad", "leduc", {"eta": 1.0, "lr": 2e-3}, 1, 3.5e6, 7),
    Trial("PSRO, learned", "psro", "leduc", {"learned": True}, 1, 2e6, 5),
    Trial("NFSP", "nfsp", "liars_dice", {}, 1, 6e5, 3),
    Trial("NFSP", "nfsp", _NOUGHTS_GAME, _NFSP_NOUGHTS, 1, 1e7, 5),
    Trial("PPO", "ippo", _NOUGHTS_GAME, _NOUGHTS | {"entropy": 0.05}, 1, 1e7, 5),
    Trial("magnetic PPO", "magnetic_ppo", _NOUGHTS_GAME, _NOUGHTS | {"magnet": 0.05, "proximity": 0.05}, 1, 1e7, 5),
    Trial("NFSP", "nfsp", _DICE, _NFSP_LIARS, 1, 1e7, 2),
    Trial("PPO", "ippo", _DICE, _LIARS | {"entropy": 0.1}, 1, 1e7, 2),
    Trial("magnetic PPO", "magnetic_ppo", _DICE, _LIARS | {"magnet": 0.1, "proximity": 0.025}, 1, 1e7, 2),
)
CFR = "CFR"
# (game, trial): what others published, exploitability or what it says it is, and at how many games.
PUBLISHED = (
    ("leduc", "NFSP, published", "0.334 at 24.8 M"),
    ("leduc", "PSRO, published", "0.45 (NashConv 0.90)"),
    ("leduc", "R-NaD, published", "0.56 at 7 M"),
    ("kuhn", "PSRO, published", "0.0042 (NashConv 0.0083)"),
)


def measure(trial: Trial, seed: int) -> Iterator[list[float]]:
    """Train one seed; yield steps, games, CPU seconds and exploitability along the way."""
    run = begin(trial.learner, make_env(trial.game), trial.game, seed, trial.settings)
    run.learner.learn(run.gather(), run.rng)  # kernels are loaded or compiled
    run = begin(trial.learner, make_env(trial.game), trial.game, seed, trial.settings)
    steps, games, spent, every = 0, 0, 0.0, trial.steps / trial.tests
    with torch_threads(1):
        while steps < trial.steps:
            began, before = time.process_time(), steps
            played = run.gather()
            steps, games = steps + played.steps, games + played.started
            run.learner.learn(played, run.rng)
            spent += time.process_time() - began
            if steps // every > before // every:
                point = [steps, games, spent, judge(run).exploitability]
                print(trial.name, trial.game, seed, *(f"{x:.5g}" for x in point), flush=True)
                yield point


def solved(game: str) -> list[list[float]]:
    """Solve a game by CFR, one thread; return iterations, no games, CPU seconds and exploitability along the way.

    A trace is by the clock; it is brought to the processor seconds that all took, building and judging included.
    """
    counterplay.solve(game, iterations=1)  # kernels are loaded or compiled
    began, before = time.perf_counter(), time.process_time()
    found = counterplay.solve(game, target=1e-3)
    cpu, clock = time.process_time() - before, time.perf_counter() - began
    rest = clock - found.trace[-1].seconds
    return [[c.iterations, 0, (c.seconds + rest) * cpu / clock, c.exploitability] for c in found.trace]


def table(rows: Mapping[str, Any]) -> str:
    """Return the page's table: where every trial ended."""
    lines = []
    for trial in TRIALS:
        seeds = rows.get(f"{trial.game}: {trial.name}", {})
        if not seeds:
            continue
        ends = [points[-1] for points in seeds.values()]
        steps, games, seconds = (f"{np.mean([end[k] for end in ends]):,.0f}" for k in range(3))
        last = [end[3] for end in ends]
        spread = f" ({min(last):.3g} to {max(last):.3g})" if len(last) > 1 else ""
        lines.append([trial.game, trial.name, str(len(seeds)), steps, games, seconds, f"{np.mean(last):.3g}{spread}"])
    for game in (_NOUGHTS_GAME, _DICE):
        for points in rows.get(f"{game}: {CFR}", {}).values():
            lines.append([game, f"{CFR}, {points[-1][0]:.0f} iterations", "", "", "", f"{points[-1][2]:,.0f}"])
            lines[-1].append(f"{points[-1][3]:.3g}")
    lines += [[game, name, "", "", "", "", told] for game, name, told in PUBLISHED]
    lines.sort(key=lambda line: ["kuhn", "leduc", "liars_dice", _NOUGHTS_GAME, _DICE].index(line[0]))
    return report.table(["game", "", "seeds", "steps", "games", "CPU seconds", "exploitability"], lines)


def draw(rows: Mapping[str, Any]) -> None:
    """Draw exploitability by processor time, in Leduc poker, and in the games of Rudolph et al. with CFR's."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "counterplay"  # the same figure is the same file
    from matplotlib import pyplot

    for name, games in (
        ("game_learners", {"leduc": "Leduc poker"}),
        ("large_game_learners", {_NOUGHTS_GAME: "phantom tic-tac-toe", _DICE: "liar's dice, 2 dice of 5 faces"}),
    ):
        figure, panels = pyplot.subplots(
            1, len(games), figsize=(7 + 2 * (len(games) - 1), 4), layout="constrained", sharey=True, squeeze=False
        )
        for axes, (game, title) in zip(panels[0], games.items(), strict=True):
            colours = iter(pyplot.rcParams["axes.prop_cycle"].by_key()["color"])
            for trial in [trial.name for trial in TRIALS if trial.game == game] + [CFR]:
                seeds = rows.get(f"{game}: {trial}", {})
                colour = next(colours) if seeds else None
                for k, points in enumerate(seeds.values()):
                    numbers = np.array(points)
                    axes.plot(
                        numbers[:, 2], numbers[:, 3], ".-", color=colour, label=None if k else trial, linewidth=1.2
                    )
            axes.set(xscale="log", yscale="log", xlabel="processor seconds", title=title)
            axes.grid(alpha=0.3)
            axes.legend(frameon=False)
        panels[0][0].set_ylabel("exploitability")
        figure.savefig(report.FIGURES / f"{name}.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="settle for these: 'NFSP;PSRO, nash'")
    parser.add_argument("--game", help="in this game alone")
    parser.add_argument("--seeds", help="these seeds alone: 0,1")
    parser.add_argument("--cfr", action="store_true", help="solve the games of Rudolph et al. by CFR")
    parser.add_argument("--table", action="store_true", help="renew the page from the results")
    options = parser.parse_args()
    try:
        rows = report.load("game_learners")["rows"]
    except FileNotFoundError:
        rows = {}
    if options.cfr:
        for game in (_NOUGHTS_GAME, _DICE):
            rows[f"{game}: {CFR}"] = {"0": solved(game)}
            report.save("game_learners", {"machine": report.machine(()), "rows": rows})
    elif not options.table:
        names = options.only.split(";") if options.only else [trial.name for trial in TRIALS]
        for trial in TRIALS:
            if trial.name not in names or options.game not in (None, trial.game):
                continue
            for seed in map(int, options.seeds.split(",")) if options.seeds else range(trial.seeds):
                points = rows.setdefault(f"{trial.game}: {trial.name}", {})[str(seed)] = []
                for point in measure(trial, seed):
                    points.append(point)
                    report.save("game_learners", {"machine": report.machine(()), "rows": rows})
    if options.table or options.cfr or not options.only:
        report.put(PAGE, "game learners", table(rows))
        draw(rows)


if __name__ == "__main__":
    main()
