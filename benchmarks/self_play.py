"""Self-play in games with a small tree, beside how it was before games were played from a table: ms an update.

    python benchmarks/self_play.py           # measure, write results/self_play.json, renew the table: ten minutes
    python benchmarks/self_play.py --table   # renew the table of docs/game_learning.md from the results

Before is the package as it was at commit `BEFORE`, unpacked in a folder of its own for as long as this runs. The sides
take turns, each in a fresh process that makes some updates unmeasured; figures are the least over rounds of medians
over updates, in processor time of one thread. Both play the same games, other than where merging rounds otherwise.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import report

BEFORE = "07519da"
ROUNDS, UPDATES = 5, 30
# What the trials of docs/game_learning.md set, beside schedules.
HELD = (
    "envs=2048, epochs=3, minibatches=1, gamma=1, gae_lambda=1, ratio_clip=0, proximity=50, magnet=0.45, lr=0.001, "
    "critic_lr=0.002, scale_inputs=False, scale_rewards=False, scale_advantages=False"
)
ROWS = (
    ("magnetic PPO as above", "magnetic_ppo", "leduc", f"{HELD}, merge=True"),
    ("the same, not merged", "magnetic_ppo", "leduc", HELD),
    ("PPO, its defaults, 512 games", "ippo", "leduc", "envs=512"),
    ("REINFORCE, its defaults, 512 games", "reinforce", "leduc", "envs=512"),
    ("R-NaD, its defaults, 512 games", "rnad", "leduc", ""),
    ("R-NaD, its defaults, 512 games", "rnad", "kuhn", ""),
)
SIDE = """
import sys, time, json
import torch
torch.set_num_threads(1)
from statistics import median
from counterplay.agents.run import begin
from counterplay.games.envs import make_env
learner, game, settings, updates = sys.argv[1:5]
run = begin(learner, make_env(game), game, 1, eval(f"dict({settings})"))
took, steps = [], 0
for update in range(int(updates) + 8):
    start = time.process_time()
    played = run.gather()
    between = time.process_time()
    run.learner.learn(played, run.rng)
    steps += played.steps
    took.append((between - start, time.process_time() - between))
print(json.dumps([*(1e3 * median(part) for part in zip(*took[8:])), steps]))
"""
OWN = """
import sys, time
sys.path.insert(0, sys.argv[1])
import magnet
row = magnet.ROWS[-1]
magnet.trial(row._replace(updates=20), 0)
start = time.process_time()
magnet.trial(row._replace(updates=int(sys.argv[2])), 0)
print((time.process_time() - start) / int(sys.argv[2]) * 1e3)
"""


def child(package: Path, code: str, *given: str) -> Any:
    """Return what a script prints in a fresh process, with the package from a folder."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "counterplay").symlink_to(package)
        env = {**os.environ, "PYTHONPATH": folder, "PYTHONSAFEPATH": "1"}
        done = subprocess.run([sys.executable, "-c", code, *given], env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measured(before: Path, updates: int) -> list[dict[str, Any]]:
    """Return each row's figures: playing and learning, before and now."""
    found = []
    for name, learner, game, settings in ROWS:
        rounds = [
            [child(side, SIDE, learner, game, settings, str(updates)) for side in (before, report.ROOT)]
            for _ in range(ROUNDS)
        ]
        if "merge" not in settings and len({one[2] for pair in rounds for one in pair}) > 1:
            raise AssertionError(f"{name}: both sides should play the same games")
        sides = [[min(pair[side][part] for pair in rounds) for part in (0, 1)] for side in (0, 1)]
        found.append({"name": name, "game": game, "before": sides[0], "now": sides[1]})
        print(name, game, *(f"{sum(side):.1f} ms" for side in sides), flush=True)
    return found


def show(result: dict[str, Any]) -> None:
    """Renew the table."""
    rows = []
    for row in result["rows"]:
        (played, learned), (plays, learns) = row["before"], row["now"]
        figures = [played, plays, learned, learns, played + learned, plays + learns]
        ratio = report.times(figures[4] / figures[5])
        rows.append([f"{row['name']}, {row['game']}", *(f"{figure:.1f}" for figure in figures), ratio])
    rows.append([f"a program of its own, {ROWS[0][2]}", *[""] * 5, f"{result['own']:.1f}", ""])
    header = ["", "playing before", "now", "learning before", "now", "an update before", "now", ""]
    report.put("docs/game_learning.md", "self play", report.table(header, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="renew the table from what was measured")
    parser.add_argument("--updates", type=int, default=UPDATES)
    given = parser.parse_args()
    if not given.table:
        with tempfile.TemporaryDirectory() as folder:
            archive = ["git", "-C", str(report.ROOT), "archive", BEFORE]
            subprocess.run(["tar", "-x", "-C", folder], input=subprocess.check_output(archive), check=True)
            rows = measured(Path(folder), given.updates)
            own = [child(report.ROOT, OWN, str(report.ROOT / "benchmarks"), "100") for _ in range(ROUNDS)]
        report.save("self_play", {"machine": report.machine(()), "rows": rows, "own": min(own)})
    show(report.load("self_play"))


if __name__ == "__main__":
    main()
