"""Counterplay beside OpenSpiel's C++ (and LiteEFG and noregret, where they are installed), in one run, on one thread.

    python benchmarks/solvers.py                # measure, write results/solvers.json, renew the README's table
    python benchmarks/solvers.py --quick        # two short rounds, printed only
    python benchmarks/solvers.py --table        # renew the README's table from the results

The contenders of a game take turns, round after round, so that whatever else the machine does hits all of them alike;
the figures are medians over the rounds. Compiling kernels, building trees and importing games is not timed, except in
the run to a target exploitability, where ours includes building the tree and judging, and OpenSpiel's counts its
iterations alone.
"""

import argparse
import contextlib
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import report

report.one_thread()

import pyspiel  # noqa: E402

import counterplay  # noqa: E402
from counterplay.engine.form import sequence_form  # noqa: E402
from counterplay.engine.tree import compile_tree  # noqa: E402
from counterplay.games import make  # noqa: E402
from counterplay.solvers.cfr import CFR  # noqa: E402
from counterplay.solvers.value import judge  # noqa: E402
from counterplay.solvers.variants import VARIANTS  # noqa: E402

GOOFSPIEL = "goofspiel(imp_info=True,num_cards=5,points_order=descending)"
TARGET = 1e-4
PEERS = ("LiteEFG", "noregret")


class Game(NamedTuple):
    """A game in every contender's words. The first text of `openspiel` is what ratios are taken to."""

    name: str
    ours: tuple[str, ...]
    openspiel: tuple[str, ...]


GAMES = (
    Game("Kuhn poker", ("kuhn",), ("kuhn_poker",)),
    Game(
        "Leduc poker",
        ("leduc", "openspiel:leduc_poker"),
        ("leduc_poker", "leduc_poker(suit_isomorphism=True)"),
    ),
    Game("liar's dice 1x6", ("liars_dice",), ("liars_dice(numdice=1)",)),
    Game("goofspiel 5", ("goofspiel(cards=5)", f"openspiel:{GOOFSPIEL}"), (GOOFSPIEL,)),
)


class Contender(NamedTuple):
    """Somebody who runs CFR+ with alternating updates: `run(n)` goes on for n iterations."""

    who: str
    game: str
    infosets: int
    run: Callable[[int], object]


def sequential(text: str) -> Any:
    """Return OpenSpiel's game, turned into one with turns where moves are simultaneous."""
    game = pyspiel.load_game(text)
    return game if game.get_type().dynamics.name == "SEQUENTIAL" else pyspiel.convert_to_turn_based(game)


def ours(text: str) -> Contender:
    tree = compile_tree(make(text))
    solver = CFR(sequence_form(tree), VARIANTS["cfr+"], 0)
    return Contender("Counterplay", text, tree.count()["infosets"], solver.advance)


def openspiel(text: str) -> Contender:
    solver = pyspiel.CFRPlusSolver(sequential(text))

    def run(count: int) -> None:
        for _ in range(count):
            solver.evaluate_and_update_policy()

    run(1)
    return Contender("OpenSpiel C++", text, len(solver.tabular_average_policy().policy_table()), run)


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """Give a library that writes to the home folder, and to the terminal, another place for both."""
    home = os.environ.get("HOME", "")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(open(os.devnull, "w")):
        os.environ["HOME"] = folder
        try:
            yield
        finally:
            os.environ["HOME"] = home


def liteefg(text: str, infosets: int) -> Contender:
    import LiteEFG
    from LiteEFG.baselines import CFRplus

    with elsewhere():
        env = LiteEFG.OpenSpielEnv(sequential(text), traverse_type="Enumerate", regenerate=True)
        graph = CFRplus.graph()
        env.set_graph(graph)

    def run(count: int) -> None:
        for _ in range(count):
            graph.update_graph(env)
            env.update_strategy(graph.current_strategy(), update_best=False)

    return Contender("LiteEFG", text, infosets, run)


def noregret(text: str, infosets: int) -> Contender:
    import noregret as nr

    kernel = nr.FPKer()
    dynamics = pyspiel.load_game(text).get_type().dynamics.name
    spoken = text if dynamics == "SEQUENTIAL" else f"turn_based_simultaneous_game(game={text})"
    game = nr.to_efg(kernel, nr.OpenSpielGame(kernel, spoken))
    polytopes = game.row_sequence_form_polytope, game.column_sequence_form_polytope
    players = [nr.CFR_plus(kernel, polytope) for polytope in polytopes]
    plans = [player.output(False) for player in players]

    def run(count: int) -> None:  # the loop of its own `nr.rm`, which cannot go on from where it stopped
        for _ in range(count):
            for p, player in enumerate(players):
                player.observe(game.utility(p, plans[1 - p]))
                plans[p] = player.output(False)

    return Contender("noregret", text, infosets, run)


def contenders(game: Game) -> list[Contender]:
    """Return all who can play the game, OpenSpiel first."""
    found = [openspiel(text) for text in game.openspiel] + [ours(text) for text in game.ours]
    for peer in (liteefg, noregret):
        try:
            found.append(peer(game.openspiel[0], found[0].infosets))
        except ImportError as error:
            print(f"  {peer.__name__} is left out: {error}", file=sys.stderr)
    return found


def clock(run: Callable[[int], object], count: int) -> float:
    """Return the seconds an iteration takes, over that many."""
    began = time.perf_counter()
    run(count)
    return (time.perf_counter() - began) / count


def race(field: list[Contender], rounds: int, span: float) -> list[list[float]]:
    """Return the seconds an iteration takes each contender, [contender][round]."""
    counts = []
    for c in field:
        c.run(1)  # compiles, and fills caches
        count, pace = 1, clock(c.run, 1)
        while count * pace < span / 4:
            count *= 4
            pace = clock(c.run, count)
        counts.append(max(1, round(span / pace)))
    measured: list[list[float]] = [[] for _ in field]
    for _ in range(rounds):
        for spent, c, count in zip(measured, field, counts, strict=True):
            spent.append(clock(c.run, count))
    return measured


def iterations(rounds: int, span: float) -> list[dict[str, Any]]:
    """Time one iteration of CFR+ for every game and contender."""
    rows = []
    for game in GAMES:
        field = contenders(game)
        measured = race(field, rounds, span)
        base = measured[0]
        for c, spent in zip(field, measured, strict=True):
            # Rounds are paired: what slowed one contender down for a while slowed its neighbours too.
            ratio = statistics.median(b / s for b, s in zip(base, spent, strict=True))
            row = {"game": game.name, "who": c.who, "spec": c.game, "infosets": c.infosets}
            row |= {"median": statistics.median(spent), "least": min(spent), "ratio": ratio}
            rows.append(row)
            print(
                f"{game.name:16} {c.who:14} {c.game:62} {c.infosets:7,} infosets "
                f"{report.seconds(row['median']):>8}  {report.times(ratio):>7}",
                flush=True,
            )
    return rows


def openspiel_to_target(text: str) -> dict[str, Any]:
    """Run OpenSpiel's CFR+ to the target, and count what its iterations take, not what judging does."""
    game = sequential(text)
    solver = pyspiel.CFRPlusSolver(game)
    spent, done, found = 0.0, 0, math.inf
    trace = []
    while found > TARGET:
        count = max(1, math.ceil(done * 0.1))
        began = time.perf_counter()
        for _ in range(count):
            solver.evaluate_and_update_policy()
        spent += time.perf_counter() - began
        done += count
        found = pyspiel.exploitability(game, solver.average_policy())
        trace.append((spent, found))
    return {"seconds": spent, "iterations": done, "exploitability": found, "trace": trace}


def to_target(rounds: int) -> list[dict[str, Any]]:
    """Time Leduc poker to an exploitability of 1e-4: ours all in all, OpenSpiel's iterations alone."""
    field = [("leduc", "auto"), ("leduc", "cfr+"), ("openspiel:leduc_poker", "auto")]
    rows = [
        {
            "who": "OpenSpiel C++",
            "spec": "leduc_poker",
            "asked": "cfr+",
            "algorithm": "cfr+",
            **openspiel_to_target("leduc_poker"),
        }
    ]
    measured: list[list[float]] = [[] for _ in field]
    for k in range(rounds + 1):
        for spent, (text, algorithm) in zip(measured, field, strict=True):
            began = time.perf_counter()
            solution = counterplay.solve(text, algorithm, target=TARGET)
            if k:  # the first round compiles
                spent.append(time.perf_counter() - began)
            if k == rounds:
                row = {"who": "Counterplay", "spec": text, "asked": algorithm, "algorithm": solution.algorithm}
                row |= {"seconds": statistics.median(spent), "iterations": solution.iterations}
                before = row["seconds"] - solution.trace[-1].seconds  # the tree, mostly
                row["trace"] = [(before + point.seconds, point.exploitability) for point in solution.trace]
                rows.append(row | {"exploitability": solution.exploitability})
    for row in rows:
        row["ratio"] = rows[0]["seconds"] / row["seconds"]
        print(
            f"to {TARGET:g}: {row['who']:14} {row['spec']:22} {row['algorithm']:12} {row['iterations']:6,} iterations "
            f"{report.seconds(row['seconds']):>8}  {report.times(row['ratio']):>7}",
            flush=True,
        )
    return rows


def evaluation(rounds: int, span: float) -> list[dict[str, Any]]:
    """Time one exploitability of an average strategy of Leduc poker."""
    game = pyspiel.load_game("leduc_poker")
    theirs = pyspiel.CFRPlusSolver(game)
    for _ in range(10):
        theirs.evaluate_and_update_policy()
    policy = theirs.tabular_average_policy()
    values = [pyspiel.exploitability(game, policy)]
    infosets = len(policy.policy_table())

    def judged(count: int) -> None:
        for _ in range(count):
            pyspiel.exploitability(game, policy)

    field = [Contender("OpenSpiel C++", "leduc_poker", infosets, judged)]
    for text in ("leduc", "openspiel:leduc_poker"):
        tree = compile_tree(make(text))
        form = sequence_form(tree)
        solver = CFR(form, VARIANTS["cfr+"], 0)
        solver.advance(10)
        profile = solver.profile()
        values.append(judge(form, profile).exploitability)

        def run(count: int, form: Any = form, profile: Any = profile) -> None:
            for _ in range(count):
                judge(form, profile)

        field.append(Contender("Counterplay", text, tree.count()["infosets"], run))
    measured = race(field, rounds, span)
    rows = []
    for c, spent, value in zip(field, measured, values, strict=True):
        ratio = statistics.median(b / s for b, s in zip(measured[0], spent, strict=True))
        rows.append({"who": c.who, "spec": c.game, "infosets": c.infosets, "exploitability": value})
        rows[-1] |= {"median": statistics.median(spent), "least": min(spent), "ratio": ratio}
        print(
            f"evaluation: {c.who:14} {c.game:22} {report.seconds(rows[-1]['median']):>8}  {report.times(ratio):>7}  "
            f"(exploitability {value:.12f})",
            flush=True,
        )
    return rows


def write_table(result: dict[str, Any]) -> None:
    """Renew the README's table."""
    rows = []

    def row(label: str, base: str, peers: Iterable[str], ours: str, ratio: float) -> None:
        rows.append([label, base, *peers, ours, f"**{report.times(ratio)}**"])

    for game in GAMES:
        found = [row for row in result["iteration"] if row["game"] == game.name]
        base, *others = [row for row in found if row["who"] == "OpenSpiel C++"]
        mine = [row for row in found if row["who"] == "Counterplay"]
        median = {row["who"]: report.seconds(row["median"]) for row in found}
        peers = [median.get(name, "") for name in PEERS]
        theirs = f"{report.seconds(base['median'])} ({base['infosets']:,})"
        for r in mine:
            imported = " imported" if r["spec"].startswith("openspiel:") else ""
            ours = f"{report.seconds(r['median'])} ({r['infosets']:,})"
            row(f"{game.name}{imported}", theirs, peers, ours, r["ratio"])
        for r in others:
            theirs = f"{report.seconds(r['median'])} ({r['infosets']:,})"
            ours = f"{report.seconds(mine[0]['median'])} ({mine[0]['infosets']:,})"
            row(f"{game.name}, OpenSpiel without suits", theirs, ["", ""], ours, mine[0]["ratio"] / r["ratio"])
    base = result["target"][0]
    for r in result["target"][1:]:
        label = f"`{r['spec']}` to {TARGET:g} with `{r['asked']}`"
        row(label, report.seconds(base["seconds"]), ["", ""], report.seconds(r["seconds"]), r["ratio"])
    base = result["evaluation"][0]
    for r in result["evaluation"][1:]:
        label = f"one exploitability of `{r['spec']}`"
        row(label, report.seconds(base["median"]), ["", ""], report.seconds(r["median"]), r["ratio"])
    header = ["one iteration of CFR+ (information sets)", "OpenSpiel C++", *PEERS, "Counterplay", "faster"]
    where = result["machine"]
    note = (
        f"One thread of {where['processor']}; OpenSpiel {where['open_spiel']}, LiteEFG {where['LiteEFG']}, noregret "
        f"{where['noregret']}, Python {where['python']}, Numba {where['numba']}; medians of {result['rounds']} rounds, "
        "contenders in turn. OpenSpiel's run to a target counts its iterations alone, ours everything."
    )
    report.put("README.md", "benchmark", f"{report.table(header, rows)}\n\n{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two short rounds, printed only")
    parser.add_argument("--table", action="store_true", help="renew the table from the last results")
    chosen = parser.parse_args()
    if chosen.table:
        write_table(report.load("solvers"))
        return
    rounds, span = (2, 0.1) if chosen.quick else (9, 0.3)
    result = {
        "machine": report.machine(),
        "rounds": rounds,
        "iteration": iterations(rounds, span),
        "target": to_target(rounds),
        "evaluation": evaluation(rounds, span),
    }
    if not chosen.quick:
        report.save("solvers", result)
        write_table(result)


if __name__ == "__main__":
    main()
