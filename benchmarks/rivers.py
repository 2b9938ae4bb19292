"""Many rivers at once on a GPU, beside one core of this machine: seconds to the same exploitability.

    python benchmarks/rivers.py                # 256 boards of examples/river_a.toml, with all hands in both ranges
    python benchmarks/rivers.py --boards 1024

Boards are drawn at random, by a seed. The GPU goes on until the worst of its boards is at 0.5 % of the pot; the core
solves 16 of the same boards one after another, each to that. Both are measured once their kernels are compiled.
"""

import argparse
import sys
import time
from dataclasses import replace
from statistics import median

import report

report.one_thread()

import numpy as np  # noqa: E402
import torch  # noqa: E402

import counterplay  # noqa: E402
from counterplay.api.spots import solve  # noqa: E402
from counterplay.games.holdem.cards import format_cards  # noqa: E402
from counterplay.games.holdem.spot import load_spot  # noqa: E402

ALONE, ROUNDS, TARGET = 16, 3, "0.5%"


def main() -> None:
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", type=int, default=256)
    many = parser.parse_args().boards
    if not torch.cuda.is_available():
        sys.exit(f"no GPU: PyTorch {torch.__version__} finds none here, so there is nothing to measure")
    spot = replace(load_spot(report.ROOT / "examples" / "river_a.toml"), ranges=("random", "random"))
    rng = np.random.default_rng(1)
    boards = [format_cards(rng.choice(52, 5, replace=False).tolist()) for _ in range(many)]
    counterplay.solve_rivers(spot, boards[:2], target=TARGET, device="cuda")  # compiles
    solve(replace(spot, board=spot.board), target=TARGET, threads=1)
    together, alone = list[float](), list[float]()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        solved = counterplay.solve_rivers(spot, boards, target=TARGET, device="cuda")
        together.append((time.perf_counter() - began) / many)
        began = time.perf_counter()
        for each in solved[:ALONE]:
            solve(each.spot, target=TARGET, threads=1)
        alone.append((time.perf_counter() - began) / ALONE)
    one, other = median(together), median(alone)
    card = torch.cuda.get_device_name()
    print(
        f"{card}: {1000 * one:.2f} ms a river, {many} at once; one core {1000 * other:.1f} ms: {other / one:.1f} times"
    )
    report.save("rivers", {"machine": {**report.machine(("torch", "triton")), "card": card}, "boards": many,
                           "together": together, "alone": alone})  # fmt: skip


if __name__ == "__main__":
    main()
