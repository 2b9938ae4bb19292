"""Choose subsets of flops that stand for all 1,755 kinds, and write them to games/holdem/flop_subsets.py.

    python benchmarks/flops.py

A flop is described by the equity against a random hand of each of the 169 kinds of hole cards on it, over run-outs that
are drawn by a seed, and by its suits and pairs, which these equities hardly see. Flops are gathered in as many clusters
as the subset is to have (k-medoids on these numbers, weighted by how often a flop comes, the best of several starts);
each is stood for by its most central flop. A flop's weight is first its cluster's, then moved as little as need be so
that means over the subset are those over all flops. What is told as the error is what remains of the difference of mean
equities: the largest over the 169, and the root mean square.
"""

import textwrap

import numpy as np
import report

from counterplay.games.holdem.cards import COMBO_CARDS, HOLDEM
from counterplay.games.holdem.flops import kinds, texture
from counterplay.games.holdem.strength import strengths

SIZES, RUN_OUTS, STARTS, SEED = (25, 49, 95, 184), 60, 20, 1
LOOKS = 2.0  # how much suits and pairs count beside equities
NAMES = {"suits": ("monotone", "two suits", "rainbow"), "pairs": ("unpaired", "paired", "trips")}
LEAST = 0.3  # of its cluster's weight, that a flop keeps
NEAR = 0.3  # how dear it is to move weights away from the clusters'


def equities(rng: np.random.Generator) -> np.ndarray:
    """Return the 169 kinds' equities on each flop, [flops, 169]."""
    high, low = (COMBO_CARDS[:, c] // 4 for c in range(2))
    suited = COMBO_CARDS[:, 0] % 4 == COMBO_CARDS[:, 1] % 4
    kind = np.unique(np.where(suited, high * 13 + low, low * 13 + high), return_inverse=True)[1]
    flops = kinds()
    won, met = np.zeros((2, len(flops), 169))
    for k, flop in enumerate(flops):
        left = [card for card in range(52) if card not in flop.board]
        for _ in range(RUN_OUTS):
            board = (*flop.board, *rng.choice(left, 2, replace=False).tolist())
            strength = strengths(board, deck=HOLDEM)
            alive = strength >= 0
            order = np.sort(strength[alive])
            below = np.searchsorted(order, strength[alive], "left") + np.searchsorted(order, strength[alive], "right")
            np.add.at(won[k], kind[alive], below / (2 * len(order)))
            np.add.at(met[k], kind[alive], 1.0)
    return won / np.maximum(met, 1)


def medoids(points: np.ndarray, weight: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return which points stand for all, by Lloyd's steps with medoids from a random start far apart."""
    chosen = [rng.choice(len(points), p=weight)]
    nearest = ((points - points[chosen[0]]) ** 2).sum(1)
    while len(chosen) < count:
        odds = weight * nearest
        chosen.append(rng.choice(len(points), p=odds / odds.sum()))
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(1))
    found = np.array(chosen)
    for _ in range(60):
        of = assigned(points, found)
        better = found.copy()
        for c in range(count):
            inside = np.flatnonzero(of == c)
            apart = ((points[inside][:, None] - points[inside][None]) ** 2).sum(-1)
            better[c] = inside[np.argmin(apart @ weight[inside])]
        if np.array_equal(better, found):
            break
        found = better
    return found


def assigned(points: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the nearest chosen point of each."""
    distance = (points**2).sum(1)[:, None] + (points[chosen] ** 2).sum(1)[None] - 2 * points @ points[chosen].T
    return distance.argmin(1)


def weighed(points: np.ndarray, weight: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return weights of the chosen: near their clusters', with mean equities near those of all."""
    from scipy.optimize import nnls

    mass = np.bincount(assigned(points, chosen), weight, len(chosen))
    target = weight @ points
    rows = [points[chosen].T, NEAR * np.eye(len(chosen)), 10 * np.ones((1, len(chosen)))]
    aims = [target, NEAR * mass, [10.0]]
    matrix, least = np.concatenate(rows), LEAST * mass
    found = least + nnls(matrix, np.concatenate(aims) - matrix @ least)[0]
    return found / found.sum()


def main() -> None:
    """Choose all subsets, and write them."""
    rng = np.random.default_rng(SEED)
    flops = kinds()
    equity = equities(rng)
    looks = [texture(flop.board) for flop in flops]
    columns = [[look[what] == name for look in looks] for what in ("suits", "pairs") for name in NAMES[what]]
    points = np.concatenate([equity, LOOKS * np.array(columns, float).T], axis=1)
    weight = np.array([flop.weight for flop in flops])
    lines = [
        '"""Subsets of flops, chosen by benchmarks/flops.py; errors are of mean equities of the 169 kinds of hands."""',
        "",
        "from typing import NamedTuple",
        "",
        "",
        "class Chosen(NamedTuple):",
        '    """A subset: flops with millionths of the whole, and how far mean equities are from those of all."""',
        "",
        "    largest: float",
        "    typical: float  # root mean square",
        "    flops: str",
        "",
        "",
        "SUBSETS = {",
    ]
    for size in SIZES:
        best = None
        for _ in range(STARTS):
            chosen = medoids(points, weight, size, rng)
            shares = weighed(points, weight, chosen)
            off = np.abs(shares @ equity[chosen] - weight @ equity)
            inside = ((points - points[chosen][assigned(points, chosen)]) ** 2).sum(1) @ weight
            if best is None or inside < best[0]:
                best = inside, chosen, shares, off
        assert best is not None
        inside, chosen, shares, off = best
        largest, typical = float(off.max()), float(np.sqrt((off**2).mean()))
        print(f"{size} flops: mean equities within {largest:.5f}, {typical:.5f} typically; spread {inside:.3f}")
        order = np.argsort(chosen)
        text = " ".join(f"{flops[chosen[k]].name}:{round(1e6 * shares[k])}" for k in order if round(1e6 * shares[k]))
        lines += [f"    {size}: Chosen(", f"        {largest:.6f},", f"        {typical:.6f},"]
        lines += ['        """', *textwrap.wrap(text, 100, initial_indent=" " * 8, subsequent_indent=" " * 8)]
        lines += ['        """,', "    ),"]
    (report.ROOT / "games" / "holdem" / "flop_subsets.py").write_text("\n".join([*lines, "}", ""]))


if __name__ == "__main__":
    main()
