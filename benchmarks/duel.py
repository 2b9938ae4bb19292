"""How many fewer games duplicate deals and AIVAT need for the same interval, in Leduc poker and on a river.

    python benchmarks/duel.py                # prints the table of docs/testing.md
    python benchmarks/duel.py --deals 20000

A is well solved, B hardly. B is known once; once it only acts, and AIVAT knows A's strategy alone. Variances are of one
deal (two games), and what they are compared with is two games with luck of their own. Whether the mean is right is told
by the exact payoff.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import report

report.one_thread()

import numpy as np  # noqa: E402

import counterplay  # noqa: E402

SPOT = report.ROOT / "examples" / "river_a.toml"
ITERATIONS = {"Leduc poker": (1000, 10), "river_a": (300, 10)}


def acting(solution: Any, spot: bool) -> Callable[..., str]:
    """Return a player that takes actions, and whose strategy nobody knows."""
    rng, views = np.random.default_rng(5), {}

    def act(player: int, label: str, actions: tuple[str, ...]) -> str:
        hand, _, line = label.partition(" ")
        if spot and line not in views:
            views[line] = solution.at(line)
        told = views[line].of(hand) if spot else solution.at(label, player=player)
        odds = np.array([told[name] for name in actions])
        return actions[rng.choice(len(actions), p=odds / odds.sum())]

    return act


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deals", type=int, default=5000)
    deals = parser.parse_args().deals
    rows = []
    for name, game in (("Leduc poker", "leduc"), ("river_a", str(SPOT))):
        a, b = (counterplay.solve(game, iterations=n) for n in ITERATIONS[name])
        share = a.spot.pot if name == "river_a" else 0.0
        exact = (a.against(b)[0][0] + a.against(b)[1][1] - share) / 2
        for known, side in (("known", b), ("acts", acting(b, name == "river_a"))):
            began = time.perf_counter()
            found = counterplay.duel(None, a, side, deals=deals)
            seconds, reduced = time.perf_counter() - began, found.reduced
            rows.append(
                [
                    *(name, known, f"{exact:.4g}"),
                    f"{found.paid.mean:.3g} ± {found.paid.error:.2g}",
                    f"{reduced.mean:.4g} ± {reduced.error:.2g}",
                    f"{found.times_fewer(found.paid):.3g}x",
                    f"{found.times_fewer():.3g}x",
                    f"{seconds:.1f}",
                ]
            )
    head = ["game", "B", "exact", "duplicate deals", "AIVAT", "games, fewer by", "with AIVAT", "seconds"]
    print(report.table(head, rows, right=2))


if __name__ == "__main__":
    main()
