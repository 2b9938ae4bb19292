"""How many steps environments make in a second, beside the originals.

    python benchmarks/environments.py             # measure, write results/environments.json, renew the table
    python benchmarks/environments.py --only cartpole pendulum      # measure these, and keep the others' figures
    python benchmarks/environments.py --table     # renew the table of docs/environments.md from the results

A step is one move of all agents of one episode. Random legal actions are drawn beforehand, so that what is timed is
`step` and, once an episode's length, `reset`, called from Python; steps of episodes that have ended do not count. Every
figure is the median of rounds in which all take turns, in processor seconds of one core.
"""

import argparse
import time
from collections.abc import Callable
from importlib import import_module
from itertools import count
from statistics import median
from typing import Any

import report

report.one_thread()

import numpy as np  # noqa: E402

from counterplay.games.envs import make_env  # noqa: E402

ROUNDS = 9
PACKAGES = ("lbforaging", "mpe2", "rware", "gymnasium", "overcooked", "hanabi-learning-environment")
SECONDS = 0.1  # of each measurement
BATCHES = (1, 32, 256, 4096)
ENVS = (
    "foraging(coop=true)",
    "foraging(size=10, players=3, food=3, sight=2)",
    "spread",
    "simple",
    "adversary",
    "push",
    "reference",
    "speaker_listener",
    "crypto",
    "line",
    "formation",
    "tag",
    "world_comm",
    "collect_treasure",
    "warehouse",
    "warehouse(rows=2, agents=4)",
    "predator_prey",
    "overcooked",
    "hanabi",
    "skirmish",
    "skirmish(units='2s3z')",
    "switch",
    "two_step",
    "climbing",
    "leduc",
    "cartpole",
    "pendulum",
    "mountain_car",
    "mountain_car(continuous=true)",
    "swing_up",
    "corridor",
    "watch_repair",
)


def recorded(text: str, batch: int) -> tuple[int, Callable[[], object]]:
    """Return how many steps some episodes take by random legal actions, and what plays them all again."""
    env, draw, rng = make_env(text).start(batch), np.random.default_rng(1), np.random.default_rng(2)
    plays: list[list[Any]] = []
    steps = 0
    for _ in range(max(1, 2_000 // (batch * env.spec.limit))):
        step, actions = env.reset(rng), []
        while not (ended := step.terminated | step.truncated).all():
            steps += batch - int(np.count_nonzero(ended))
            numbers = draw.random(step.legal.shape, np.float32)
            actions.append(numbers * 2 - 1 if env.spec.continuous else np.argmax(numbers * step.legal, axis=-1))
            step = env.step(actions[-1])
        plays.append(actions)

    def again() -> None:
        rng = np.random.default_rng(2)
        for actions in plays:
            env.reset(rng)
            for chosen in actions:
                env.step(chosen)

    return steps, again


def lbforaging(size: int, players: int, food: int, coop: bool, sight: int) -> tuple[int, Callable[[], object]]:
    """Return the same of one episode of lbforaging."""
    from lbforaging.foraging import ForagingEnv

    env = ForagingEnv(players, 1, 2, 1, None, (size, size), food, sight, 50, coop)
    draw = np.random.default_rng(1)
    env.reset(seed=1)
    actions = draw.integers(0, 6, (100, 50, players)).tolist()
    turn = count()

    def again() -> int:
        env.reset()
        for k, chosen in enumerate(actions[next(turn) % len(actions)]):
            if env.step(chosen)[2]:
                return k + 1
        raise AssertionError("an episode has 50 steps at most")

    return 0, again


def played(env: Any, actions: list[Any]) -> tuple[int, Callable[[], object]]:
    """Return the same of one episode of an environment, by these actions."""

    def again() -> int:
        env.reset()
        for chosen in actions:
            env.step(chosen)
        return len(actions)

    return 0, again


def mpe2(module: str) -> tuple[int, Callable[[], object]]:
    """Return the same of one episode of a task of MPE."""
    env = import_module(f"mpe2.{module}").parallel_env(max_cycles=25)
    env.reset(seed=1)
    for n, name in enumerate(env.possible_agents):
        env.action_space(name).seed(n)
    actions = [{name: int(env.action_space(name).sample()) for name in env.possible_agents} for _ in range(25)]
    return played(env, actions)


def rware(rows: int, agents: int) -> tuple[int, Callable[[], object]]:
    """Return the same of one episode of RWARE."""
    from rware.warehouse import RewardType
    from rware.warehouse import Warehouse as Original

    env = Original(3, 8, rows, agents, 0, 1, agents, None, 500, RewardType.INDIVIDUAL)
    env.reset(seed=1)
    return played(env, np.random.default_rng(1).integers(0, 5, (500, agents)).tolist())


def overcooked(layout: str) -> tuple[int, Callable[[], object]]:
    """Return the same of one episode of Overcooked, with what a network would see of each step."""
    from overcooked.mdp.actions import Action
    from overcooked.mdp.overcooked_mdp import OvercookedGridworld

    world = OvercookedGridworld.from_layout_name(layout, old_dynamics=True)
    draw = np.random.default_rng(1).integers(0, 6, (400, 2))
    actions = [[Action.INDEX_TO_ACTION[a] for a in row] for row in draw]

    def again() -> int:
        state = world.get_standard_start_state()
        world.lossless_state_encoding(state)
        for chosen in actions:
            state, _ = world.get_state_transition(state, chosen)
            world.lossless_state_encoding(state)
        return len(actions)

    return 0, again


def hanabi() -> tuple[int, Callable[[], object]]:
    """Return the same of one game of the Hanabi Learning Environment's own loop, by random legal moves."""
    from hanabi_learning_environment import rl_env

    env = rl_env.make("Hanabi-Full", 2)
    draw = np.random.default_rng(1).random(100)

    def again() -> int:
        seen, turns, over = env.reset(), 0, False
        while not over:
            player = seen["player_observations"][seen["current_player"]]
            legal = player["legal_moves_as_int"]
            seen, _, over, _ = env.step(int(legal[int(draw[turns] * len(legal))]))
            turns += 1
        return turns

    return 0, again


def gymnasium(name: str) -> tuple[int, Callable[[], object]]:
    """Return the same of one episode of Gymnasium, whose checks of arguments are switched off."""
    import gymnasium

    env = gymnasium.make(name, disable_env_checker=True)
    env.action_space.seed(1)
    env.reset(seed=1)
    actions = [env.action_space.sample() for _ in range(10_000)]
    turn = count()

    def again() -> int:
        env.reset()
        for k in count():
            _, _, terminated, truncated, _ = env.step(actions[next(turn) % len(actions)])
            if terminated or truncated:
                return k + 1
        raise AssertionError("episodes end")

    return 0, again


def vectors(batch: int) -> tuple[int, Callable[[], object]]:
    """Return the same of Gymnasium's CartPole for whole batches, which begins episodes anew by itself."""
    import gymnasium

    env = gymnasium.make_vec("CartPole-v1", num_envs=batch, vectorization_mode="vector_entry_point")
    env.reset(seed=1)
    actions = np.random.default_rng(1).integers(0, 2, (100, batch))

    def again() -> None:
        for chosen in actions:
            env.step(chosen)

    return batch * len(actions), again


PEERS: dict[str, tuple[str, Callable[[], tuple[int, Callable[[], object]]]]] = {
    "foraging(coop=true)": ("lbforaging", lambda: lbforaging(8, 2, 2, True, 8)),
    "foraging(size=10, players=3, food=3, sight=2)": ("lbforaging", lambda: lbforaging(10, 3, 3, False, 2)),
    "spread": ("mpe2", lambda: mpe2("simple_spread_v3")),
    "simple": ("mpe2", lambda: mpe2("simple_v3")),
    "adversary": ("mpe2", lambda: mpe2("simple_adversary_v3")),
    "push": ("mpe2", lambda: mpe2("simple_push_v3")),
    "reference": ("mpe2", lambda: mpe2("simple_reference_v3")),
    "speaker_listener": ("mpe2", lambda: mpe2("simple_speaker_listener_v4")),
    "crypto": ("mpe2", lambda: mpe2("simple_crypto_v3")),
    "line": ("mpe2", lambda: mpe2("simple_line_v1")),
    "formation": ("mpe2", lambda: mpe2("simple_formation_v1")),
    "tag": ("mpe2", lambda: mpe2("simple_tag_v3")),
    "world_comm": ("mpe2", lambda: mpe2("simple_world_comm_v3")),
    "collect_treasure": ("mpe2", lambda: mpe2("collect_treasure_v1")),
    "warehouse": ("rware", lambda: rware(1, 2)),
    "warehouse(rows=2, agents=4)": ("rware", lambda: rware(2, 4)),
    "overcooked": ("overcooked", lambda: overcooked("cramped_room")),
    "hanabi": ("hanabi-learning-environment", hanabi),
    "cartpole": ("gymnasium", lambda: gymnasium("CartPole-v1")),
    "pendulum": ("gymnasium", lambda: gymnasium("Pendulum-v1")),
    "mountain_car": ("gymnasium", lambda: gymnasium("MountainCar-v0")),
    "mountain_car(continuous=true)": ("gymnasium", lambda: gymnasium("MountainCarContinuous-v0")),
}


def speed(count: int, again: Callable[[], Any]) -> float:
    """Return steps a second; where they were not counted beforehand, each call says how many it made."""
    steps, begin, spent = 0, time.process_time(), 0.0
    while spent < SECONDS:
        steps += again() or count
        spent = time.process_time() - begin
    return steps / spent


def measure(only: list[str], kept: dict[str, Any]) -> dict[str, Any]:
    """Return medians of steps a second, by environment: the original's, and ours by size of batch."""
    result: dict[str, Any] = {"machine": report.machine(PACKAGES), "speed": {}}
    for text in ENVS:
        if text not in only:
            result["speed"][text] = kept[text]
            continue
        runs = {str(batch): recorded(text, batch) for batch in BATCHES}
        if text in PEERS:
            runs[PEERS[text][0]] = PEERS[text][1]()
        if text == "cartpole":
            runs |= {f"vector {batch}": vectors(batch) for batch in BATCHES[1:]}
        rounds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                rounds[name].append(speed(*run))
        result["speed"][text] = {name: median(found) for name, found in rounds.items()}
        print(text, {name: f"{found:,.0f}" for name, found in result["speed"][text].items()}, flush=True)
    return result


def number(steps: float) -> str:
    """Return steps a second in millions or thousands."""
    return f"{steps / 1e6:.3g} M" if steps >= 1e6 else f"{steps / 1e3:.3g} k"


def write_page(result: dict[str, Any]) -> None:
    """Renew the table of docs/environments.md."""
    header = ["environment", "original", *(f"batch of {batch:,}" for batch in BATCHES), "32 beside the original"]
    rows = []
    for text, found in result["speed"].items():
        peer = PEERS[text][0] if text in PEERS else None
        original = f"{peer} {number(found[peer])}" if peer else "–"
        ratio = report.times(found["32"] / found[peer]) if peer else "–"
        rows.append([f"`{text}`", original, *(number(found[str(batch)]) for batch in BATCHES), ratio])
    ran = result["machine"]
    measured = f"{ROUNDS} rounds on one core of an {ran['processor']}, Numba {ran['numba']}"
    peers = ", ".join(f"{peer} {ran[peer]}" for peer in PACKAGES)
    vector = [f"{number(result['speed']['cartpole'][f'vector {batch}'])} with {batch:,}" for batch in BATCHES[1:]]
    note = (
        f"Medians of {measured}, {peers}. Gymnasium's CartPole for whole batches makes {', '.join(vector)} episodes, "
    )
    note += "which it begins anew one by one, where these batches wait for their longest."
    report.put("docs/environments.md", "speed", f"{report.table(header, rows)}\n\n{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="renew the page from the last results")
    parser.add_argument("--only", nargs="+", choices=ENVS, metavar="ENV", help="measure these and keep the others")
    chosen = parser.parse_args()
    if not chosen.table:
        kept = report.load("environments")["speed"] if chosen.only else {}
        report.save("environments", measure(chosen.only or list(ENVS), kept))
    write_page(report.load("environments"))


if __name__ == "__main__":
    main()
