"""Counterplay's learners beside their peers, in one run, on one core: environment steps per second of CPU time.

    python benchmarks/learners.py --peer ~/epymarl --peer-python ~/epymarl/.venv/bin/python
    python benchmarks/learners.py --xuance-python ~/xuance/bin/python
    python benchmarks/learners.py --purejaxql ~/purejaxql --jax-python ~/jax/bin/python
    python benchmarks/learners.py                  # ours alone, beside EPyMARL's recorded figures
    python benchmarks/learners.py --only "QMIX;VDN"  # those alone, and keep what was found of the others
    python benchmarks/learners.py --table          # renew the table of docs/training.md from the results

An environment step is all agents of one episode moving. Both sides have the peer's default network, batch, replay and
number of updates an episode or a step (its settings of each algorithm are repeated in `PAIRS`), on one thread. Each
measurement is two fresh processes, a short and a longer run; the figure is the further steps over the further CPU time,
so that starting, compiling and filling the replay count for nobody. The two sides take turns, and figures are medians.

The peers are EPyMARL (github.com/uoe-agents/epymarl, commit cbc38c0), XuanCe 1.4.4 (PyPI) and purejaxql
(github.com/mttga/purejaxql, commit 47af6d7), each with a Python that has what it needs. The first two play PettingZoo's
spread one episode after another in Python, which is part of their figures; purejaxql compiles playing and learning as
one program.
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
# XuanCe's settings, with an update every 16 steps, which is one of each of its 16 episodes.
NUMBERS = "spread(continuous=true)"
MATD3 = "envs=16, rollout=1, updates=1/16, batch=256, replay=100000, warmup=1000, random_steps=0, hidden=64"
# purejaxql's of CartPole: 64 updates of 128 moves every 2,048 steps.
PQN = (
    "envs=32, rollout=64, epochs=4, minibatches=16, hidden=256, td_lambda=0.95, lr=1e-4, lr_steps=500000, clip=10.0, "
    "epsilon_start=1.0, epsilon_end=0.2, epsilon_steps=100000, scale_rewards=False, scale_inputs=False"
)


class Lengths(NamedTuple):
    """Environment steps of the short run, and how many more the longer one has: ours, and the peer's."""

    short: int
    more: int
    peer_short: int
    peer_more: int


USUAL, FAST = Lengths(4_000, 30_000, 2_500, 5_000), Lengths(4_000, 80_000, 2_500, 10_000)


class Pair(NamedTuple):
    """One comparison: ours, theirs, and the figure that EPyMARL was recorded with (docs/training.md)."""

    name: str
    learner: str
    env: str
    settings: str
    peer: str
    config: str  # of the peer
    key: str  # its environment
    options: str  # further ones of it
    lengths: Lengths = USUAL
    recorded: float | None = None  # steps per CPU second; None where it was not


_GRU = "use_rnn=True obs_last_action=True"
PAIRS = (
    Pair("QMIX", "qmix", FORAGING, REPLAY, "EPyMARL", "qmix", KEY, "", USUAL, 380),
    Pair("VDN", "vdn", FORAGING, REPLAY, "EPyMARL", "vdn", KEY, "", USUAL, 378),
    Pair(
        "QMIX, recurrent",
        "qmix",
        FORAGING,
        f"{REPLAY}, recurrent=True, last_action=True",
        "EPyMARL",
        "qmix",
        KEY,
        _GRU,
        USUAL,
        280,
    ),
    Pair("COMA, recurrent", "coma", FORAGING, COMA, "EPyMARL", "coma", KEY, "", FAST, 722),
    Pair("MAPPO, recurrent", "mappo", FORAGING, MAPPO, "EPyMARL", "mappo", KEY, "", FAST, 477),
    Pair("QMIX, spread", "qmix", SPREAD, REPLAY, "EPyMARL", "qmix", SPREAD_KEY, "", USUAL, 262),
    Pair("VDN, spread", "vdn", SPREAD, REPLAY, "EPyMARL", "vdn", SPREAD_KEY, "", USUAL, 274),
    Pair("COMA, spread", "coma", SPREAD, COMA, "EPyMARL", "coma", SPREAD_KEY, "", FAST, 510),
    Pair("MAPPO, spread", "mappo", SPREAD, MAPPO, "EPyMARL", "mappo", SPREAD_KEY, "", FAST, 404),
    Pair("MADDPG, spread", "maddpg", SPREAD, MADDPG, "EPyMARL", "maddpg", SPREAD_KEY, "use_rnn=False hidden_dim=64"),
    Pair(
        "MADDPG, spread by numbers",
        "maddpg",
        NUMBERS,
        MATD3,
        "XuanCe",
        "maddpg",
        "simple_spread_v3",
        "training_frequency=16",
        Lengths(4_000, 30_000, 3_200, 8_000),
    ),
    Pair(
        "MATD3, spread by numbers",
        "matd3",
        NUMBERS,
        f"{MATD3}, target_every=2",
        "XuanCe",
        "matd3",
        "simple_spread_v3",
        "training_frequency=16",
        Lengths(4_000, 30_000, 3_200, 8_000),
    ),
    Pair(
        "PQN, cartpole",
        "pqn",
        "cartpole",
        PQN,
        "purejaxql",
        "pqn_cartpole",
        "CartPole-v1",
        "alg.TEST_DURING_TRAINING=False SAVE_PATH=null",
        Lengths(20_480, 102_400, 20_480, 409_600),
    ),
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


# XuanCe's own loop, without its window.
XUANCE = """
import sys
from argparse import Namespace
from pathlib import Path
import xuance, yaml
from xuance.environment import make_envs
from xuance.torch.agents import REGISTRY_Agents
algorithm, key, options, steps = sys.argv[1:5]
configs, found = Path(xuance.__file__).parent / "configs", {}
for file in ("basic.yaml", f"{algorithm}/mpe/{key}.yaml"):
    found |= yaml.safe_load((configs / file).read_text())
found |= {"running_steps": int(steps), "render": False, "device": "cpu"} | eval(f"dict({options})")
config = Namespace(**found)
REGISTRY_Agents[config.agent](config, make_envs(config)).train(int(steps) // config.parallels)
"""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
}


class Peers(NamedTuple):
    """Where the peers are, and the Python of each; None for one that is not there."""

    epymarl: Path | None
    epymarl_python: str
    xuance_python: str | None
    purejaxql: Path | None
    jax_python: str


def one_core() -> None:
    """Keep this process to one core, where the system can: a library's threads are as many as it sees cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def cpu_seconds(command: list[str], folder: str | None = None) -> tuple[float, str]:
    """Run a command to its end; return the CPU seconds of it and all its children, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
        preexec_fn=one_core,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def run_ours(pair: Pair, steps: int) -> tuple[float, int]:
    """Return the CPU seconds of a run of ours, and its steps."""
    spent, out = cpu_seconds([sys.executable, "-c", OURS, pair.learner, pair.env, pair.settings, str(steps)])
    return spent, int(out.split()[-1])


def ours(pair: Pair) -> float:
    """Return our steps per CPU second."""
    (short, few), (long, many) = (run_ours(pair, pair.lengths.short + more) for more in (0, pair.lengths.more))
    return (many - few) / (long - short)


def theirs(pair: Pair, peers: Peers) -> float | None:
    """Return the peer's steps per CPU second; None where it is not there."""
    found = []
    for steps in (pair.lengths.peer_short, pair.lengths.peer_short + pair.lengths.peer_more):
        with tempfile.TemporaryDirectory() as results:
            if (command := their_command(pair, peers, steps, results)) is None:
                return None
            found.append(cpu_seconds(*command)[0])
    return pair.lengths.peer_more / (found[1] - found[0])


def their_command(pair: Pair, peers: Peers, steps: int, results: str) -> tuple[list[str], str] | None:
    """Return the command for so many steps of a peer, and the folder to run it in."""
    options = pair.options.split()
    if pair.peer == "EPyMARL" and peers.epymarl:
        settings = [
            f"env_args.key={pair.key}",
            f"env_args.time_limit={25 if pair.key == SPREAD_KEY else 50}",
            "use_cuda=False",
            f"t_max={steps}",
            "test_nepisode=1",
            "test_interval=100000000",
            "seed=1",
            f"local_results_path={results}",
        ]
        command = [peers.epymarl_python, "src/main.py", f"--config={pair.config}", "--env-config=gymma", "with"]
        return [*command, *settings, *options], str(peers.epymarl)
    if pair.peer == "XuanCe" and peers.xuance_python:
        return [peers.xuance_python, "-c", XUANCE, pair.config, pair.key, pair.options, str(steps)], results
    if pair.peer == "purejaxql" and peers.purejaxql:
        settings = [f"+alg={pair.config}", f"alg.TOTAL_TIMESTEPS={steps}", f"hydra.run.dir={results}"]
        command = [peers.jax_python, "pqn_gymnax.py", *settings, *options, f"alg.ENV_NAME={pair.key}"]
        return command, str(peers.purejaxql / "purejaxql")
    return None


def measure(pair: Pair, peers: Peers, rounds: int) -> dict[str, float | None]:
    """Return the medians of both sides' steps per CPU second, None for a peer that is not there."""
    run_ours(pair, pair.lengths.short)  # which may have to compile kernels
    mine: list[float] = []
    peer: list[float] = []
    for _ in range(rounds):
        mine.append(ours(pair))
        try:
            figure = theirs(pair, peers)
        except RuntimeError as error:
            print(error, file=sys.stderr)
        else:
            peer += [] if figure is None else [figure]
    return {"ours": statistics.median(mine), "theirs": statistics.median(peer) if peer else None}


def table(found: dict[str, dict[str, float]]) -> str:
    rows = []
    for pair in PAIRS:
        if row := found.get(pair.name):
            beside = row["theirs"] or pair.recorded
            peer = f"{beside:,.0f}" if row["theirs"] else f"({beside:,.0f} recorded)" if beside else "not measured"
            times = f"**{row['ours'] / beside:.1f}×**" if beside else ""
            rows.append([pair.name, pair.peer, f"{row['ours']:,.0f}", peer, times])
    return report.table(["", "peer", "Counterplay, steps/s", "peer, steps/s", "ratio"], rows, right=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, help="folder of a checkout of EPyMARL")
    parser.add_argument("--peer-python", default=sys.executable, help="the Python that has EPyMARL's dependencies")
    parser.add_argument("--xuance-python", help="a Python that has XuanCe")
    parser.add_argument("--purejaxql", type=Path, help="folder of a checkout of purejaxql")
    parser.add_argument("--jax-python", default=sys.executable, help="the Python that has purejaxql's dependencies")
    parser.add_argument("--only", help="settle for these: 'QMIX;QMIX, recurrent'")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if not options.table:
        chosen = options.only.split(";") if options.only else [pair.name for pair in PAIRS]
        if unknown := set(chosen) - {pair.name for pair in PAIRS}:
            parser.error(f"there is no {sorted(unknown)[0]!r}; there are {'; '.join(pair.name for pair in PAIRS)}")
        peers = Peers(options.peer, options.peer_python, options.xuance_python, options.purejaxql, options.jax_python)
        try:
            found = report.load("learners")["rows"]
        except FileNotFoundError:
            found = {}
        for pair in PAIRS:
            if pair.name in chosen:
                found[pair.name] = measure(pair, peers, options.rounds)
                report.save("learners", {"machine": report.machine(("torch",)), "rows": found})
                print(pair.name, json.dumps(found[pair.name]), flush=True)
    report.put("docs/training.md", "learners", table(report.load("learners")["rows"]))


if __name__ == "__main__":
    main()
