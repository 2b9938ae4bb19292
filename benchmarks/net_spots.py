"""A network in place of the river: how much sooner a royal turn is solved, and what that loses.

    python benchmarks/net_spots.py            # states of 64 boards more, then networks and what they lose
    python benchmarks/net_spots.py 0          # networks of the states that are kept

States are kept in the system's folder for temporary files, eight boards a file, each following from its number alone.
Networks are trained on more and more of them. Then random boards are solved whole, and cut off after the turn: with the
network, and as if nobody bet on the river. What a player loses by a turn's strategy is measured by keeping it to that
while all else is played as well as it can be. Seconds are of processor time, on one thread.
"""

import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import report

report.one_thread()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from counterplay.agents.strength_net import SpotNet, SpotSamples  # noqa: E402
from counterplay.agents.value_training import Errors, Plan, join  # noqa: E402
from counterplay.api import net_spots  # noqa: E402
from counterplay.api.spot_net import TrainedSpotNet, new_kept  # noqa: E402
from counterplay.games.holdem.spot import spot_from_flags  # noqa: E402
from counterplay.solvers.streets.cfr import SubgameCFR  # noqa: E402

KEPT = Path(tempfile.gettempdir()) / "counterplay_turns"
BOARDS = 8  # of a file
CUT, WHOLE, LOSSES, TESTED = 100, 100, 150, 3
PLAN = {"iterations": 40, "hidden": 128, "layers": 2, "batch": 128, "passes": 60.0, "seed": 0}
SPOT = spot_from_flags(
    board="Ks Qd Jh Th", variant="royal", oop="random", ip="random", bets="33%,75%,150%", raises="75%", raise_cap=3,
    stack=200, pot=20,
)  # fmt: skip


def collect(more: int) -> None:
    """Keep the states of so many boards more."""
    KEPT.mkdir(exist_ok=True)
    first = len(list(KEPT.glob("*.npz")))
    for k in range(first, first + more // BOARDS):
        samples = join([net_spots.job(SPOT, Plan(**PLAN), BOARDS * k + i) for i in range(BOARDS)])
        np.savez(KEPT / f"{k:04}.npz", **samples._asdict())
        print(f"{k}: {samples.size} states", file=sys.stderr, flush=True)


def read(files: Sequence[Path]) -> SpotSamples:
    """Return the states of some files."""
    return join([SpotSamples(**np.load(path)) for path in files])


def learned(samples: SpotSamples) -> tuple[SpotNet, Errors]:
    """Return a network trained on states, and how far it is off on those that were held out, in half pots."""
    plan = Plan(**PLAN)
    net = TrainedSpotNet(new_kept(SPOT, plan), SPOT)
    trainer, steps = net.trainer(), plan.steps(samples.size)
    trainer.add(samples)
    trainer.learn(steps, lambda k: 0.5 + 0.5 * math.cos(math.pi * k / steps))
    return net.kept.net, trainer.held_out()


def timed(run: object, count: int) -> float:
    """Return the processor seconds that iterations take."""
    began = time.process_time()
    run.advance(count)
    return time.process_time() - began


def main() -> None:
    """Collect, train, measure, and put the tables into the page."""
    torch.set_num_threads(1)
    collect(int(sys.argv[1]) if len(sys.argv) > 1 else 64)
    files, curve, net = sorted(KEPT.glob("*.npz")), list[list[str]](), None
    sizes = [n for n in (4, 8, 16, 32, 64, 128) if n < len(files)] + [len(files)]
    for n in sizes:
        samples = read(files[-n:])
        began = time.process_time()
        net, errors = learned(samples)
        plain = 0.5 * (np.abs(samples.values) * samples.ranges).sum(axis=(1, 2)).mean()
        curve.append([f"{samples.size:,}", f"{BOARDS * n}", f"{plain:.3f}", f"{errors.in_range:.3f}",
                      f"{time.process_time() - began:.0f} s"])  # fmt: skip
        print(curve[-1], flush=True)
    rng, rows = np.random.default_rng(77), list[list[float]]()
    for _ in range(TESTED):
        spot = net_spots.random_board(SPOT, rng)
        whole = SubgameCFR(net_spots.whole(spot).game, spot.pot, net_spots.VARIANT)
        cut, checked = net_spots.cut_run(spot, net), net_spots.cut_run(spot, None)
        seconds = [timed(run, count) for run, count in ((whole, WHOLE), (cut, CUT), (checked, CUT))]
        tables = [run.tables.total for run in (whole, cut, checked)]
        _, lost = net_spots.losses(spot, tables, LOSSES)
        rows.append([*seconds, *(100 * sum(both) / 2 / spot.pot for both in lost)])
        print([f"{x:.3f}" for x in rows[-1]], flush=True)
    mean = np.mean(rows, axis=0)
    body = [
        [name, str(count), report.seconds(mean[k]), f"{mean[0] / mean[k]:.1f}", f"{mean[3 + k]:.2f} %"]
        for k, (name, count) in enumerate((("whole", WHOLE), ("network", CUT), ("nobody bets on the river", CUT)))
    ]
    header = ["turn and", "iterations", "time", "sooner", "loses, of the pot"]
    report.save("net_spots", {"machine": report.machine(()), "curve": curve, "rows": rows})
    report.put("docs/resolving_holdem.md", "turns", report.table(header, body))
    report.put("docs/resolving_holdem.md", "states", report.table(
        ["states", "boards", "off if nobody bets", "off by the network", "training"], curve, right=0))  # fmt: skip


if __name__ == "__main__":
    main()
