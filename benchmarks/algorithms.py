"""How many iterations every algorithm needs to an exploitability, game by game: what `auto` is chosen by.

    python benchmarks/algorithms.py             # measure, write results/algorithms.json, renew tables and figures
    python benchmarks/algorithms.py --table     # renew docs/algorithms.md and its figures from the results

Iterations are counted, not timed: one of any regret minimiser takes the same time within a tenth or so. Exploitability
(NashConv divided by the number of players) is looked at after 1, 2, 3, ... iterations, then whenever their number has
grown by 5 %. Variants whose schedule stretches over the run are given runs of ever more iterations from the start.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import report

report.one_thread()

from counterplay.engine.form import SequenceForm, sequence_form  # noqa: E402
from counterplay.engine.tree import Tree, compile_tree  # noqa: E402
from counterplay.games import make  # noqa: E402
from counterplay.solvers.cfr import CFR  # noqa: E402
from counterplay.solvers.mmd import MMD  # noqa: E402
from counterplay.solvers.value import judge  # noqa: E402
from counterplay.solvers.variants import VARIANTS  # noqa: E402

TARGETS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
LONGEST = 30_000
GROWTH = 1.05
HORIZONS = tuple(round(10 ** (k / 4)) for k in range(4, 19))  # 10 to 31,623, four to a decade
GAMES = (
    "kuhn",
    "kuhn(ranks=10)",
    "one_card(cards=50)",
    "leduc",
    "leduc(ranks=5)",
    "leduc(ranks=12)",
    "leduc(ranks=4, suits=3, hole=2, raises=1)",
    "leduc(ranks=3, suits=4, board=(1, 1), bets=(1, 2, 4))",
    "liars_dice(faces=4)",
    "liars_dice(faces=5)",
    "liars_dice(faces=6)",
    "liars_dice(dice=2, faces=3)",
    "goofspiel(cards=4)",
    "goofspiel(cards=5)",
    "goofspiel(cards=4, hidden=false)",
    "goofspiel(cards=4, order=random, returns=point_difference)",
)
SHOWN = ("kuhn", "leduc", "liars_dice(faces=6)", "goofspiel(cards=5)")  # in the figure
OTHERS = (
    "kuhn(players=3)",
    "kuhn(players=4)",
    "leduc(players=3, ranks=3, raises=1)",
    "liars_dice(players=3, faces=3)",
    "goofspiel(cards=3, players=3)",
    "goofspiel(cards=4, returns=total_points)",
    "gambit(file='examples/beer_quiche.efg')",
)


def points(longest: int) -> Iterator[int]:
    """Yield the numbers of iterations to judge at."""
    done = 0
    while done < longest:
        done = min(max(done + 1, math.ceil(done * GROWTH)), longest)
        yield done


def trace(form: SequenceForm, name: str) -> list[tuple[int, float]]:
    """Return exploitability by iterations, to the smallest target or the longest run."""
    found = []
    if name != "mmd" and VARIANTS[name].scheduled:
        for horizon in HORIZONS:
            solver = CFR(form, VARIANTS[name], horizon)
            solver.advance(horizon)
            found.append((horizon, judge(form, solver.profile()).exploitability))
            if found[-1][1] <= TARGETS[-1]:
                break
        return found
    solver = MMD(form, 0.0) if name == "mmd" else CFR(form, VARIANTS[name], 0)
    for end in points(LONGEST):
        solver.advance(end - solver.iterations)
        found.append((end, judge(form, solver.profile()).exploitability))
        if found[-1][1] <= TARGETS[-1]:
            break
    return found


def coarse_trace(form: SequenceForm, name: str) -> list[tuple[int, float, float]]:
    """Return, by iterations, the joint play's coarse gap and the NashConv of the averages."""
    solver = CFR(form, replace(VARIANTS[name], alternating=False), 0, joint=True)
    found = []
    for end in (10, 100, 1_000, 10_000):
        solver.advance(end - solver.iterations)
        found.append((end, solver.figures()["coarse_gap"], judge(form, solver.profile()).nash_conv))
    return found


def reached(found: list[tuple[int, float]], target: float) -> int | None:
    """Return the iterations after which exploitability was at most the target, or None."""
    return next((n for n, e in found if e <= target), None)


def measure() -> dict[str, Any]:
    names = [*VARIANTS, "mmd"]
    plain = [name for name in VARIANTS if not VARIANTS[name].scheduled]
    result: dict[str, Any] = {"machine": report.machine(), "longest": LONGEST, "games": {}, "others": {}}
    for text in GAMES:
        tree: Tree = compile_tree(make(text))
        form = sequence_form(tree)
        print(text, tree.count(), flush=True)
        game = result["games"][text] = {"count": tree.count(), "iterations": {}}
        for name in names:
            found = trace(form, name)
            game["iterations"][name] = {f"{target:g}": reached(found, target) for target in TARGETS}
            if text in SHOWN:
                game.setdefault("traces", {})[name] = [(n, float(f"{e:.3g}")) for n, e in found]
            print(f"  {name:14}", *(f"{n or '-':>8}" for n in game["iterations"][name].values()), flush=True)
    for text in OTHERS:
        tree = compile_tree(make(text))
        form = sequence_form(tree)
        print(text, tree.count(), flush=True)
        game = result["others"][text] = {"count": tree.count(), "traces": {}}
        for name in plain:
            found = game["traces"][name] = coarse_trace(form, name)
            print(f"  {name:14}", *(f"{gap:10.1e} {conv:8.1e}" for _, gap, conv in found), flush=True)
    return result


def write_pages(result: dict[str, Any]) -> None:
    """Renew the tables of docs/algorithms.md."""
    parts = []
    for target in (1e-2, 1e-4, 1e-6):
        header = [f"to {target:g}", *(f"`{name}`" for name in [*VARIANTS, "mmd"])]
        rows = []
        for text, game in result["games"].items():
            counts = [found[f"{target:g}"] for found in game["iterations"].values()]
            least = min(filter(None, counts), default=0)
            rows.append(
                [f"`{text}`", *("–" if n is None else f"**{n:,}**" if n == least else f"{n:,}" for n in counts)]
            )
        parts.append(report.table(header, rows))
    report.put("docs/algorithms.md", "iterations", "\n\n".join(parts))
    parts = []
    names = list(next(iter(result["others"].values()))["traces"])
    for k, label in ((-2, "after 1,000"), (-1, "after 10,000")):
        header = [f"coarse gap {label}", *(f"`{name}`" for name in names)]
        rows = [
            [f"`{text}`", *(f"{game['traces'][name][k][1]:.0e}" for name in names)]
            for text, game in result["others"].items()
        ]
        parts.append(report.table(header, rows))
    header[0] = "NashConv after 10,000"
    rows = [
        [f"`{text}`", *(f"{game['traces'][name][-1][2]:.0e}" for name in names)]
        for text, game in result["others"].items()
    ]
    parts.append(report.table(header, rows))
    report.put("docs/algorithms.md", "joint", "\n\n".join(parts))


def draw(result: dict[str, Any]) -> None:
    """Draw exploitability against iterations for four games."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "counterplay"  # the same figure is the same file
    import matplotlib.pyplot as plt

    names = ("cfr", "cfr+", "linear", "dcfr", "pcfr+", "pdcfr+", "pdcfr+third", "sapcfr+", "hs-pcfr+", "mmd")
    figure, axes = plt.subplots(2, 2, figsize=(10, 7.2), sharex=True, sharey=True, layout="constrained")
    for axis, text in zip(axes.flat, SHOWN, strict=True):
        for k, name in enumerate(names):
            found = [(n, e) for n, e in result["games"][text]["traces"][name] if e > 0]
            style = "--" if name == "hs-pcfr+" else "-"
            axis.loglog(*zip(*found, strict=True), style, color=f"C{k}", label=name, linewidth=1.3)
        axis.set_title(text)
        axis.set_ylim(1e-6, 3)
        axis.grid(alpha=0.3)
    for axis in axes[1]:
        axis.set_xlabel("iterations")
    for axis in axes[:, 0]:
        axis.set_ylabel("exploitability (NashConv / players)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    report.FIGURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.FIGURES / "algorithms.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="renew the page and the figure from the last results")
    if not parser.parse_args().table:
        report.save("algorithms", measure())
    result = report.load("algorithms")
    write_pages(result)
    draw(result)


if __name__ == "__main__":
    main()
