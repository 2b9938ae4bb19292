"""Counterplay's learners beside EPyMARL's, in one run, on one core: environment steps per second of CPU time.

    python benchmarks/learners.py --peer ~/epymarl --peer-python ~/epymarl/.venv/bin/python
    python benchmarks/learners.py                  # ours alone, beside EPyMARL's recorded figures
    python benchmarks/learners.py --only "QMIX;VDN"  # those alone, and keep what was found of the others
    python benchmarks/learners.py --table          # renew the table of docs/training.md from the results

An environment step is all agents of one episode moving. Both sides have EPyMARL's default network, batch, replay and
number of updates an episode (its settings of each algorithm are repeated in `PAIRS`), on one thread. Each measurement
is two fresh processes, a short and a longer run; the figure is the further steps over the further CPU time, so that
starting, compiling and filling the replay count for nobody. The two sides take turns, and figures are medians.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import report

FORAGING, KEY = "foraging(size=8, players=2, food=2, coop=true)", "lbforaging:Foraging-8x8-2p-2f-coop-v3"
SPREAD, SPREAD_KEY = "spread", "pz-mpe-simple-spread-v3"
REPLAY = "envs=16, updates=1, batch=32, replay=5000, warmup=32, hidden=64"
# EPyMARL's COMA and MAPPO play 10 episodes and learn from them once, with recurrent agents.
COMA = "envs=10, recurrent=True, hidden=64"
# One update an episode, of as many moves as 32 episodes have.
MADDPG = "envs=16, rollout=25, updates=0.04, batch=800, replay=125000, warmup=800, random_steps=0, hidden=64"
MAPPO = "envs=10, recurrent=True, hidden=128, epochs=4, minibatches=1"


class Pair(NamedTuple):
    """One comparison: ours, theirs, and the figure that EPyMARL was recorded with (docs/training.md)."""

    name: str
    learner: str
    env: str
    settings: str
    config: str  # of EPyMARL
    key: str  # its environment
    options: str  # further ones of it
    recorded: float | None  # steps per CPU second; None where it was not


PAIRS = (
    Pair("QMIX", "qmix", FORAGING, REPLAY, "qmix", KEY, "", 380),
    Pair("VDN", "vdn", FORAGING, REPLAY, "vdn", KEY, "", 378),
    Pair(
        "QMIX, recurrent",
        "qmix",
        FORAGING,
        f"{REPLAY}, recurrent=True, last_action=True",
        "qmix",
        KEY,
        "use_rnn=True obs_last_action=True",
        280,
    ),
    Pair("COMA, recurrent", "coma", FORAGING, COMA, "coma", KEY, "", 722),
    Pair("MAPPO, recurrent", "mappo", FORAGING, MAPPO, "mappo", KEY, "", 477),
    Pair("QMIX, spread", "qmix", SPREAD, REPLAY, "qmix", SPREAD_KEY, "", 262),
    Pair("VDN, spread", "vdn", SPREAD, REPLAY, "vdn", SPREAD_KEY, "", 274),
    Pair("COMA, spread", "coma", SPREAD, COMA, "coma", SPREAD_KEY, "", 510),
    Pair("MAPPO, spread", "mappo", SPREAD, MAPPO, "mappo", SPREAD_KEY, "", 404),
    Pair("MADDPG, spread", "maddpg", SPREAD, MADDPG, "maddpg", SPREAD_KEY, "", None),
)

OURS = """
import sys
from counterplay.agents.run import begin
from counterplay.api.training import advance
from counterplay.games.envs import make_env
learner, env, settings, steps = sys.argv[1:5]
run = begin(learner, make_env(env), env, 1, eval(f"dict({settings})"))
advance(run, int(steps), test_every=10**9, test_episodes=1)
print(run.steps)
"""


def cpu_seconds(command: list[str], folder: str | None = None) -> tuple[float, str]:
    """Run a command to its end; return the CPU seconds of it and all its children, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")}
    done = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def ours(pair: Pair, short: int, more: int) -> float:
    """Return our steps per CPU second. A first process, which may have to compile kernels, does not count."""
    found = []
    for steps in (short, short, short + more):
        spent, out = cpu_seconds([sys.executable, "-c", OURS, pair.learner, pair.env, pair.settings, str(steps)])
        found.append((spent, int(out.split()[-1])))
    return (found[2][1] - found[1][1]) / (found[2][0] - found[1][0])


def theirs(pair: Pair, peer: Path, python: str, short: int, more: int) -> float:
    """Return EPyMARL's steps per CPU second."""
    limit = 25 if pair.key == SPREAD_KEY else 50
    found = []
    for steps in (short, short + more):
        with tempfile.TemporaryDirectory() as results:
            options = [
                f"env_args.key={pair.key}",
                f"env_args.time_limit={limit}",
                "use_cuda=False",
                f"t_max={steps}",
                "test_nepisode=1",
                "test_interval=100000000",
                "seed=1",
                f"local_results_path={results}",
                *pair.options.split(),
            ]
            command = [python, "src/main.py", f"--config={pair.config}", "--env-config=gymma", "with", *options]
            found.append(cpu_seconds(command, str(peer))[0])
    return more / (found[1] - found[0])


def table(found: dict[str, dict[str, float]]) -> str:
    rows = []
    for pair in PAIRS:
        if row := found.get(pair.name):
            beside = row["theirs"] or pair.recorded
            peer = f"{beside:,.0f}" if row["theirs"] else f"({beside:,.0f} recorded)" if beside else "not measured"
            times = f"**{row['ours'] / beside:.1f}×**" if beside else ""
            rows.append([pair.name, f"{row['ours']:,.0f}", peer, times])
    return report.table(["", "Counterplay, steps/s", "EPyMARL, steps/s", "faster"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, help="folder of a checkout of EPyMARL")
    parser.add_argument("--peer-python", default=sys.executable, help="the Python that has EPyMARL's dependencies")
    parser.add_argument("--only", help="settle for these: 'QMIX;QMIX, recurrent'")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if not options.table:
        chosen = options.only.split(";") if options.only else [pair.name for pair in PAIRS]
        try:
            found = report.load("learners")["rows"]
        except FileNotFoundError:
            found = {}
        for pair in PAIRS:
            if pair.name not in chosen:
                continue
            fast = pair.learner in ("coma", "mappo")
            mine: list[float] = []
            peer: list[float] = []
            for _ in range(options.rounds):
                mine.append(ours(pair, 4_000, 80_000 if fast else 30_000))
                if options.peer:
                    try:
                        peer.append(theirs(pair, options.peer, options.peer_python, 2_500, 10_000 if fast else 5_000))
                    except RuntimeError as error:
                        print(error, file=sys.stderr)
            row = {"ours": statistics.median(mine), "theirs": statistics.median(peer) if peer else None}
            found[pair.name] = row
            report.save("learners", {"machine": report.machine(("torch",)), "rows": found})
            print(pair.name, json.dumps(row), flush=True)
    report.put("docs/training.md", "learners", table(report.load("learners")["rows"]))


if __name__ == "__main__":
    main()
