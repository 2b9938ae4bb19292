"""What re-solving is worth, measured exactly: blueprints, gadgets, exact leaves, continuations and warm starts.

    python benchmarks/resolving.py            # all of it; writes results and page: some minutes
    python benchmarks/resolving.py --table    # renew the tables of docs/resolving.md from the results

Every figure is the exploitability of a strategy that was written down for every public state that the re-solving player
can reach, in the game's units. Seconds are of processor time, on one thread.
"""

import argparse
import time
from typing import Any

import report

report.one_thread()

import numpy as np  # noqa: E402

from counterplay.api.resolving import player  # noqa: E402
from counterplay.engine.form import sequence_form  # noqa: E402
from counterplay.engine.strategy import to_table, uniform  # noqa: E402
from counterplay.engine.tree import Tree, compile_tree  # noqa: E402
from counterplay.games import GAMES  # noqa: E402
from counterplay.solvers.cfr import CFR  # noqa: E402
from counterplay.solvers.depth_limited import SolvedRest  # noqa: E402
from counterplay.solvers.gadgets import GADGETS  # noqa: E402
from counterplay.solvers.value import judge_table  # noqa: E402
from counterplay.solvers.variants import VARIANTS  # noqa: E402

PAGE = "docs/resolving.md"
NAMES = {"leduc": "Leduc", **{f"liars_dice(faces={n})": f"dice 1x{n}" for n in (4, 5, 6)}}
BLUEPRINTS = (0, 5, 100)  # iterations of CFR; 0: uniform
ITERATIONS = 1000  # of each level, from a blueprint
EXACT = (
    ("leduc", 300),
    ("leduc", 1000),
    ("liars_dice(faces=4)", 300),
)  # games with exact leaves, and iterations of levels and leaves
WARM = (10, 20, 50, 100)


class Rest:
    """The exact evaluator: the rest of the game, solved each time it is asked for."""

    def __init__(self, iterations: int):
        self.iterations = iterations

    def begin(self, tree: Tree, nodes: Any) -> SolvedRest:
        return SolvedRest(tree, nodes, self.iterations)


def blueprint(tree: Tree, iterations: int) -> Any:
    """Return the average strategy of so many iterations of CFR; uniform of none."""
    if not iterations:
        return uniform(tree)
    form = sequence_form(tree)
    solver = CFR(form, VARIANTS["cfr"], iterations)
    solver.advance(iterations)
    return to_table(form, tree, solver.profile())


def measured(game: str, by: Any, **settings: Any) -> dict[str, Any]:
    """Return what a re-solving player is worth, and how long its whole strategy took."""
    house = player(game, by, **settings)
    began = time.process_time()
    found = house.whole()
    row = {"game": game, **settings, "exploitability": found.exploitability, "seconds": time.process_time() - began}
    print(" · ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


def measure() -> dict[str, Any]:
    """Run everything in this process."""
    rows: dict[str, list[dict[str, Any]]] = {"blueprints": [], "exact": [], "continuations": [], "warm": []}
    for gadget in GADGETS:  # compiles
        player("kuhn", Rest(5), gadget=gadget, horizon=1, iterations=5).whole()
    for game in NAMES:
        tree = compile_tree(GAMES.make(game))
        for iterations in BLUEPRINTS:
            start = blueprint(tree, iterations)
            before = judge_table(sequence_form(tree), start).exploitability
            for gadget in GADGETS:
                row = measured(game, start, gadget=gadget, iterations=ITERATIONS)
                rows["blueprints"].append(row | {"blueprint": iterations, "before": before})
    for game, count in EXACT:
        for gadget in GADGETS:
            rows["exact"].append(measured(game, Rest(count), gadget=gadget, iterations=count))
    for game in dict(EXACT):
        rows["exact"].append(measured(game, Rest(100), samples=40, iterations=100))
    tree = compile_tree(GAMES.make("leduc"))
    for iterations in (100, 1000):
        start = blueprint(tree, iterations)
        before = judge_table(sequence_form(tree), start).exploitability
        row = measured("leduc", start, gadget="maxmargin", continuations=True, iterations=ITERATIONS)
        rows["continuations"].append(row | {"blueprint": iterations, "before": before})
    start = blueprint(tree, 100)
    for count in WARM:
        for warm in (0.0, 100.0):
            rows["warm"].append(measured("leduc", start, gadget="resolve", iterations=count, warm=warm))
    return {"machine": report.machine(()), **rows}


def write(result: dict[str, Any]) -> None:
    """Renew the tables of the page."""

    def of(kind: str, **wanted: Any) -> dict[str, Any]:
        return next(row for row in result[kind] if all(row.get(k) == v for k, v in wanted.items()))

    body = []
    for game, name in NAMES.items():
        for iterations in BLUEPRINTS:
            found = {gadget: of("blueprints", game=game, blueprint=iterations, gadget=gadget) for gadget in GADGETS}
            kind = f"CFR, {iterations} iterations" if iterations else "uniform"
            figures = [found["none"]["before"], *(found[gadget]["exploitability"] for gadget in GADGETS)]
            seconds = np.median([row["seconds"] for row in found.values()])
            body.append([f"{name}, {kind}", *(f"{figure:.4f}" for figure in figures), report.seconds(float(seconds))])
    header = ["game, blueprint", "alone", *GADGETS, "time"]
    report.put(PAGE, "blueprints", report.table(header, body))
    body = []
    for game, count in EXACT:
        found = [of("exact", game=game, gadget=gadget, iterations=count)["exploitability"] for gadget in GADGETS]
        drawn = of("exact", game=game, samples=40)["exploitability"]
        body.append([f"{NAMES[game]}, {count} iterations", *(f"{figure:.4f}" for figure in found), f"{drawn:.4f}"])
    header = ["game", *GADGETS, "none, 40 draws of 100 iterations"]
    report.put(PAGE, "exact", report.table(header, body))
    body = [
        [f"CFR, {row['blueprint']} iterations", f"{row['before']:.4f}", f"{row['exploitability']:.4f}"]
        for row in result["continuations"]
    ]
    report.put(PAGE, "continuations", report.table(["blueprint", "alone", "re-solved"], body))
    body = [
        [f"{count}", *(f"{of('warm', iterations=count, warm=warm)['exploitability']:.4f}" for warm in (0.0, 100.0))]
        for count in WARM
    ]
    report.put(PAGE, "warm", report.table(["iterations", "from scratch", "warm"], body, right=0))
    machine = result["machine"]
    report.put(PAGE, "machine", f"{machine['processor']}, one thread; Python {machine['python']}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="renew the tables from the last results")
    if not parser.parse_args().table:
        report.save("resolving", measure())
    write(report.load("resolving"))


if __name__ == "__main__":
    main()
