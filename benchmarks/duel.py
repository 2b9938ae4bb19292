"""How many fewer games duplicate deals and AIVAT need for the same interval, in Leduc poker and on a river.

    python benchmarks/duel.py                # prints the table of docs/testing.md
    python benchmarks/duel.py --deals 20000
    python benchmarks/duel.py --limits       # what duplicate deals cannot take off, counted out

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
from counterplay.api.duel_sides import arena, seated  # noqa: E402
from counterplay.engine.rules import CHANCE, LEAF  # noqa: E402
from counterplay.solvers import duels  # noqa: E402

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


def moments(on: Any, tables: Any, seat: int, card: int, own: int) -> tuple[Any, Any, Any]:
    """Return of each pair of hands what a seat is paid: its mean, mean square, and mean product of two games that share
    the moves of player `own` alone, given the card that chance deals.
    """
    tree, lanes = on.tree, tuple(map(len, on.tree.hands))
    mean, square, both = np.zeros((3, len(tree.player), *lanes))
    for node in range(len(tree.player) - 1, -1, -1):
        who, kids = tree.player[node], on.kids[on.start[node] : on.start[node] + on.many[node]]
        if who == LEAF:
            end = tree.infoset[node]
            mean[node] = tree.stake[end] * tree.payoffs[tree.outcome[end], seat].reshape(lanes)
            square[node] = both[node] = mean[node] ** 2
        elif who == CHANCE:
            mean[node], square[node], both[node] = mean[kids[card]], square[kids[card]], both[kids[card]]
        else:
            odds = tables[who][on.row[kids], : lanes[who]]
            odds = odds[:, :, None] if who == 0 else odds[:, None, :]
            mean[node], square[node] = (odds * mean[kids]).sum(axis=0), (odds * square[kids]).sum(axis=0)
            if who == own:
                both[node] = (odds * both[kids]).sum(axis=0)
            else:  # on different ways the moves of `own` are different ones
                both[node] = mean[node] ** 2 + (odds**2 * (both[kids] - mean[kids] ** 2)).sum(axis=0)
    return mean[0], square[0], both[0]


def limits() -> None:
    """Print what is left of the variance of a deal by what is shared, of all hands, cards and lines of play."""
    rows = []
    for name, game in (("Leduc poker", "leduc"), ("river_a", str(SPOT))):
        a, b = (counterplay.solve(game, iterations=n) for n in ITERATIONS[name])
        field = arena(None, a, b)
        on, one, two = duels.board(field.tree), seated(a, field).table, seated(b, field).table
        dealt = np.flatnonzero(on.tree.player == CHANCE)
        cards = on.kids[on.start[dealt[0]] : on.start[dealt[0]] + on.many[dealt[0]]] if len(dealt) else [0]
        sums = np.zeros(7)
        for card, node in enumerate(cards):
            weight = on.tree.weights[on.tree.weight[node]]
            (m, s, x), (n, t, y) = moments(on, (one, two), 0, card, 0), moments(on, (two, one), 1, card, 1)
            within, own = (s - m**2 + t - n**2) / 4, (s - x + t - y) / 4
            sums += [(weight * part).sum() for part in (np.ones_like(m), m, n, s + t, within, ((m + n) / 2) ** 2, own)]
        m, n, squares, within, middle, own = sums[1:] / sums[0]
        plain, apart = (squares - m**2 - n**2) / 4, within + middle - ((m + n) / 2) ** 2
        told = [f"{left:.4g} ({plain / left:.3g}x)" for left in (apart, within)]
        rows.append([name, f"{plain:.4g}", *told, f"{own:.4g}", f"{plain / own:.3g}x"])
    head = ["game", "plain games", "duplicate deals, moves apart", "and no luck of deals", "B's own moves alone"]
    print(report.table([*head, "so at most"], rows, right=1))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deals", type=int, default=5000)
    parser.add_argument("--limits", action="store_true")
    asked = parser.parse_args()
    deals = asked.deals
    if asked.limits:
        limits()
        return
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
