"""MCCFR beside OpenSpiel's C++, beside full-width CFR, and with baselines and without, on one thread.

    python benchmarks/sampling.py                  # measure, write results/sampling.json, renew the tables in the docs
    python benchmarks/sampling.py --only curves    # one part: rates, curves or scatter
    python benchmarks/sampling.py --quick          # one short round, printed only
    python benchmarks/sampling.py --table          # renew the tables from the results

`rates`: an iteration is a walk for every player, here and there. The contenders take turns, round after round; seconds
are the processor's, and figures are medians over the rounds. The seconds to an exploitability are those of the
iterations alone for OpenSpiel, and include the judging for ours; the goal is what OpenSpiel's external sampling has
reached after `SECONDS`.

`curves`: the exploitability that every sampling, and the full-width algorithm that `auto` picks, has reached after so
many processor seconds of iterations; building the game, compiling and judging are not counted. Medians over the rounds,
each with a seed of its own.

`scatter`: the variance of what a walk tells, summed over all regrets, by samples of one iteration over and over from
what 50,000 iterations with baselines have learned.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import report

report.one_thread()

import numpy as np  # noqa: E402
import pyspiel  # noqa: E402

from counterplay.engine.form import SequenceForm, sequence_form  # noqa: E402
from counterplay.engine.tree import Tree, compile_tree  # noqa: E402
from counterplay.games import make  # noqa: E402
from counterplay.solvers.mccfr import MCCFR  # noqa: E402
from counterplay.solvers.run import Limits, choose, method, run, start  # noqa: E402
from counterplay.solvers.samplings import SAMPLINGS  # noqa: E402

GAMES = {"Leduc poker": ("leduc", "leduc_poker"), "Kuhn poker": ("kuhn", "kuhn_poker")}
PEERS = {
    "mccfr-external": pyspiel.ExternalSamplingMCCFRSolver,
    "mccfr-outcome": pyspiel.OutcomeSamplingMCCFRSolver,
}
SECONDS = 12.0
PARTS = ("rates", "curves", "scatter")
MARKS = (0.3, 1.0, 3.0)  # processor seconds
CURVES = ("leduc", "leduc(ranks=100)", "goofspiel(cards=5)")
SCATTER = ("kuhn", "leduc", "liars_dice(faces=4)", "goofspiel(cards=4)")


def rate(step: Callable[[int], object], seconds: float) -> float:
    """Return iterations a processor second of a contender that does so many at a call."""
    step(10)
    count, done, began = 1, 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        step(count)
        done += count
        count = max(1, int(0.2 * done * min(seconds / max(spent, 1e-3), 5)))
    return done / (time.process_time() - began)


def peer(kind: object, text: str) -> Callable[[int], object]:
    """Return how OpenSpiel's solver does so many iterations."""
    solver = kind(pyspiel.load_game(text), 1)  # type: ignore[operator]

    def step(count: int) -> None:
        for _ in range(count):
            solver.run_iteration()

    return step


def ours(name: str, text: str) -> MCCFR:
    tree = compile_tree(make(text))
    return MCCFR(tree, sequence_form(tree), SAMPLINGS[name])


def race(seconds: float) -> tuple[float, float]:
    """Return the exploitability of OpenSpiel's external sampling on Leduc after so long, and our seconds to it."""
    game = pyspiel.load_game("leduc_poker")
    solver = pyspiel.ExternalSamplingMCCFRSolver(game, 1)
    began = time.process_time()
    while time.process_time() - began < seconds:
        for _ in range(50):
            solver.run_iteration()
    goal = pyspiel.exploitability(game, solver.average_policy())
    mine = ours("mccfr-external", "leduc")
    began = time.process_time()
    run(mine, Limits(target=goal))
    return goal, time.process_time() - began


def rates(rounds: int, seconds: float, long: float) -> dict[str, object]:
    """Return iterations a second beside OpenSpiel's, and who is where sooner."""
    found: dict[str, list[float]] = {}
    races = []
    for _ in range(rounds):
        for title, (text, theirs) in GAMES.items():
            for name, kind in PEERS.items():
                found.setdefault(f"{title}|{name}|OpenSpiel", []).append(rate(peer(kind, theirs), seconds))
                found.setdefault(f"{title}|{name}|ours", []).append(rate(ours(name, text).advance, seconds))
        races.append(race(long))
    return {
        "rates": {name: statistics.median(figures) for name, figures in found.items()},
        "goal": statistics.median(goal for goal, _ in races),
        "seconds": long,
        "ours": statistics.median(spent for _, spent in races),
        "ratio": statistics.median(long / spent for _, spent in races),
    }


def curve(tree: Tree, form: SequenceForm, name: str, seed: int, marks: tuple[float, ...]) -> list[float]:
    """Return the exploitability at each mark."""
    solver = start(tree, form, method(tree, name, target=1e-4), seed)
    spent, pace, found = 0.0, 0.0, []
    for mark in marks:
        while spent < mark:
            count = max(1, int(min(0.2, mark - spent) / pace)) if pace else 1
            began = time.process_time()
            solver.advance(count)
            spent += (took := time.process_time() - began)
            pace = max(took / count, 1e-9)
        found.append(solver.judge().exploitability)
    return found


def curves(games: list[str], rounds: int, marks: tuple[float, ...]) -> dict[str, dict[str, list[float]]]:
    """Return, by game and algorithm, the exploitability at each mark."""
    found: dict[str, dict[str, list[float]]] = {}
    for text in games:
        tree = compile_tree(make(text))
        form = sequence_form(tree)
        full = choose(tree, "auto", 1e-4)
        start(tree, form, method(tree, full)).advance(1)  # compiles
        hands = tree.players == 2 and tree.lanes > 1
        names = [full, *(name for name, row in SAMPLINGS.items() if hands or not row.public)]
        runs = {name: [curve(tree, form, name, seed, marks) for seed in range(rounds)] for name in names}
        found[text] = {name: [statistics.median(at) for at in zip(*each, strict=True)] for name, each in runs.items()}
        print(text, found[text], flush=True)
    return found


def spread(tree: Tree, form: SequenceForm, name: str, learned: MCCFR, count: int) -> float:
    """Return the variance of what a walk tells, summed over all regrets, with what was learned standing still."""
    solver = MCCFR(tree, form, SAMPLINGS[name], seed=1)
    regret = learned.tables.regret / np.abs(learned.tables.regret).max()
    sums, squares = np.zeros(len(regret)), np.zeros(len(regret))
    for _ in range(count):
        solver.tables.regret[:] = regret
        if solver.sampling.rate:
            solver.tables.baseline[:] = learned.tables.baseline
        solver.iterations = 0
        solver.advance(1)
        change = solver.tables.regret - regret
        sums += change
        squares += change**2
    return float((squares / count - (sums / count) ** 2).sum())


def scatter(count: int) -> dict[str, dict[str, list[float]]]:
    """Return, by game and sampling, the variance without baselines and with them."""
    found: dict[str, dict[str, list[float]]] = {}
    for text in SCATTER:
        tree = compile_tree(make(text))
        form = sequence_form(tree)
        for name in PEERS:
            learned = MCCFR(tree, form, SAMPLINGS[f"{name}-vr"])
            learned.advance(50_000)
            pair = [spread(tree, form, row, learned, count) for row in (name, f"{name}-vr")]
            found.setdefault(text, {})[name] = pair
    return found


def rates_table(found: dict) -> str:
    rows = []
    for title in GAMES:
        for name in PEERS:
            them, us = (found["rates"][f"{title}|{name}|{who}"] for who in ("OpenSpiel", "ours"))
            rows.append([title, f"`{name}`", f"{them:,.0f}", f"{us:,.0f}", f"**{us / them:.1f}×**"])
    what = f"seconds to {found['goal']:.3f}, Leduc"
    seconds = [f"{found[who]:.2g} s" for who in ("seconds", "ours")]
    rows.append([what, "`mccfr-external`", *seconds, f"**{found['ratio']:.0f}×**"])
    return report.table(["iterations a second", "algorithm", "OpenSpiel C++", "Counterplay", "ratio"], rows, 2)


def curves_table(found: dict) -> str:
    rows = []
    for game, each in found.items():
        best = [min(column) for column in zip(*each.values(), strict=True)]
        for name, figures in each.items():
            cells = [f"**{x:.2g}**" if x == b else f"{x:.2g}" for x, b in zip(figures, best, strict=True)]
            rows.append([f"`{game}`" if not name.startswith("mccfr") else "", f"`{name}`", *cells])
    return report.table(["exploitability after", "algorithm", *(f"{mark:g} s" for mark in MARKS)], rows, 2)


def scatter_table(found: dict) -> str:
    rows = [
        [f"`{game}`", *(f"{pair[1] / pair[0]:.2f}" for pair in (each[name] for name in PEERS))]
        for game, each in found.items()
    ]
    return report.table(["variance with baselines over that without", *(f"`{name}-vr`" for name in PEERS)], rows)


TABLES = {"rates": rates_table, "curves": curves_table, "scatter": scatter_table}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--games", nargs="+", default=CURVES, help="of the curves; those of other games stay")
    options = parser.parse_args()
    quick, parts = options.quick, [options.only] if options.only else list(PARTS)
    found = {} if quick or not (report.RESULTS / "sampling.json").exists() else report.load("sampling")
    if not options.table:
        measure = {
            "rates": lambda: rates(1, 2.0, 4.0) if quick else rates(3, 1.0, SECONDS),
            "curves": lambda: (
                found.get("curves", {})
                | (curves(options.games, 1, (0.1, 0.2, 0.3)) if quick else curves(options.games, 3, MARKS))
            ),
            "scatter": lambda: scatter(200 if quick else 5000),
        }
        found["machine"] = report.machine(("open_spiel",))
        found |= {part: measure[part]() for part in parts}
    for part in parts:
        print(TABLES[part](found[part]))
        if not quick:
            report.put("docs/algorithms.md", f"sampling-{part}", TABLES[part](found[part]))
    if not quick and not options.table:
        report.save("sampling", found)


if __name__ == "__main__":
    main()
