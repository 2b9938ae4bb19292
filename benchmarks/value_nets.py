"""Value networks: exact exploitability of re-solving with them, by how many states they were trained on.

    python benchmarks/value_nets.py                    # measure all, write results/value_nets.json, renew the docs
    python benchmarks/value_nets.py --game leduc       # one game; other results stay
    python benchmarks/value_nets.py --only rebel       # ReBeL's loop alone
    python benchmarks/value_nets.py --networks FOLDER  # keep networks there, and do not train again what is there
    python benchmarks/value_nets.py --table            # renew tables and figure from the results

One process solves states and trains a network on them; networks for fewer states learn from the first of the same
ones, by the same settings, as long as each asks. Then every public state that a re-solving player can reach is solved,
to a horizon at which the network is asked, and the strategy that comes of it is judged exactly. Seconds are of the
processor. ReBeL's own loop is measured beside it, on the games of its paper.
"""

import argparse
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import report

report.one_thread()

from counterplay.agents import value_file  # noqa: E402
from counterplay.agents.run import torch_threads  # noqa: E402
from counterplay.agents.value_training import Samples, Trainer  # noqa: E402
from counterplay.api.trained_net import TrainedNet, load_value_net  # noqa: E402
from counterplay.api.training_states import ground  # noqa: E402
from counterplay.api.valuenet_measures import measure_value_net  # noqa: E402
from counterplay.api.valuenets import train_value_net  # noqa: E402
from counterplay.engine.form import sequence_form  # noqa: E402
from counterplay.solvers.resolving import Settings, written  # noqa: E402
from counterplay.solvers.value import judge_table  # noqa: E402

PAGE = "docs/value_nets.md"
GADGET, ITERATIONS = "maxmargin", 300


class Case(NamedTuple):
    """A game, and what its networks are and are asked."""

    horizon: int | str
    hidden: int
    passes: float
    target: float
    states: tuple[int, ...]  # drawn at random
    played: int = 0  # states in all after a training that goes on by those met in play, if any
    again: float = 0.0  # passes of that


CASES = {
    "leduc": Case("chance", 128, 40, 0.04, (1_000, 4_000, 16_000, 100_000)),
    "liars_dice(faces=4)": Case(2, 64, 60, 0.02, (1_000, 4_000, 16_000, 60_000)),
    "liars_dice(faces=5)": Case(2, 64, 60, 0.02, (1_000, 4_000, 16_000, 60_000), 100_000, 80),
    "liars_dice": Case(2, 128, 150, 0.02, (4_000, 16_000, 30_900), 75_000, 60),
}
LOOP: dict[str, Any] = {"method": "rebel", "horizon": 2, "iterations": 100, "passes": 200.0, "batch": 256}
REBEL: dict[str, dict[str, Any]] = {
    "liars_dice(faces=4)": {**LOOP, "states": 5_000, "hidden": 64},
    "liars_dice(faces=5)": {**LOOP, "states": 5_000, "hidden": 64},
    "liars_dice": {**LOOP, "states": 6_000, "hidden": 128},
    "liars_dice(dice=2,faces=3)": {**LOOP, "states": 2_000, "hidden": 128},
}
PAPER = {"liars_dice(faces=4)": 0.017, "liars_dice(faces=5)": 0.015, "liars_dice": 0.024}


def judged(net: TrainedNet, horizon: int | str, gadget: str = GADGET, iterations: int = ITERATIONS) -> dict[str, float]:
    """Return what re-solving with a network is worth, and the seconds that all of it took."""
    on, cpu = ground(net.rules), time.process_time()
    form = sequence_form(on.tree)
    settings = Settings(gadget=gadget, horizon=horizon, iterations=iterations)
    table = written(on.public, form, net.begin, None, settings)
    spent = time.process_time() - cpu
    return {"exploitability": judge_table(form, table).exploitability, "resolving": spent}


def errors(net: TrainedNet) -> dict[str, float]:
    """Return how far a network is off on states solved anew."""
    return {f"new_{name}": value for name, value in measure_value_net(net, 256, 1, 500)._asdict().items()}


def trained(folder: Path | None, name: str, before: TrainedNet | None = None, **settings: Any) -> TrainedNet:
    """Return a network that is trained so, or goes on to be; one that is in the folder is not trained again."""
    path = None if folder is None else folder / f"{name}.cpn"
    if path is not None and path.exists():
        return load_value_net(path)
    net = train_value_net(processes=1, resume=before, **settings)
    if path is not None:
        net.save(path)
    return net


def shortened(net: TrainedNet, states: int) -> TrainedNet:
    """Return a network that learned from the first so many states of another one, in the same way."""
    assert net.kept.samples is not None
    plan = replace(net.plan, states=states, method="random", horizon=0, passes=CASES[net.game].passes)
    kept = value_file.Kept(
        net.game, net.kept.hands, value_file.layers(net.kept.net.features, net.kept.net.lanes, plan), plan
    )
    kept.samples = Samples(*(part[:states] for part in net.kept.samples))
    trainer = Trainer(kept.net, net.described, plan)
    trainer.add(kept.samples)
    steps = plan.steps(states)
    trainer.learn(steps, lambda i: 0.5 * (1 + math.cos(math.pi * i / steps)))
    kept.steps = steps
    return TrainedNet(kept, net.rules, net.tree, net.described)


def measure(game: str, folder: Path | None) -> list[dict[str, float]]:
    """Return the figures of networks of a game, by states; the last one is the best."""
    case = CASES[game]
    name = plain(game)
    *fewer, most = case.states
    net = trained(folder, name, game=game, states=most, hidden=case.hidden, passes=case.passes)
    found = [figures(shortened(net, states), case.horizon) for states in fewer] + [figures(net, case.horizon)]
    if case.played:
        on = {"method": "play", "horizon": case.horizon, "states": case.played, "passes": case.again}
        found.append(figures(trained(folder, f"{name}play", net, **on), case.horizon))
    return found


def figures(net: TrainedNet, horizon: int | str) -> dict[str, float]:
    """Return what a network is, and is worth."""
    found = {"states": net.states, "steps": net.kept.steps} | errors(net) | judged(net, horizon)
    print(net.game, net.plan.method, found, file=sys.stderr, flush=True)
    return found


def by_rebel(game: str, folder: Path | None) -> dict[str, float]:
    """Return the figures of a network that ReBeL's loop trained, and the processor seconds that it took."""
    settings, since = REBEL[game], time.process_time()
    net = trained(folder, f"rebel{plain(game)}", game=game, **settings)
    return {"training": time.process_time() - since} | figures(net, settings["horizon"])


def plain(game: str) -> str:
    """Return the name of a game as a file's may be."""
    return "".join(letter for letter in game if letter.isalnum())


def keep(kind: str, game: str, found: Any) -> None:
    """Put what was measured of a game among the results: of kind "games", or "rebel"."""
    try:
        result = report.load("value_nets")
    except FileNotFoundError:
        result = {}
    result["machine"] = report.machine(("torch",))
    result.setdefault(kind, {})[game] = found
    report.save("value_nets", result)


def renew() -> None:
    """Write table and figure from the results."""
    result = report.load("value_nets")
    rows = []
    for game, found in sorted(result["games"].items()):
        best = found[-1]
        rows.append(
            [
                f"`{game}`",
                str(CASES[game].horizon),
                f"{best['states']:,}",
                f"{best['new_in_range']:.3f}",
                f"{best['exploitability']:.4f}",
                f"{CASES[game].target:g}",
                f"{best['resolving']:.0f} s",
            ]
        )
    header = ["game", "horizon", "states", "error in range", "exploitability", "goal", "re-solving all"]
    report.put(PAGE, "exploitability", report.table(header, rows, right=2))
    sizes = sorted({states for case in CASES.values() for states in case.states[:-1]})
    counts = []
    for game, found in sorted(result["games"].items()):
        by = {x["states"]: f"{x['exploitability']:.4f}" for x in found}
        most = found[len(CASES[game].states) - 1]
        last = found[-1] if CASES[game].played else None
        told = [f"{x['exploitability']:.4f} ({x['states']:,})" if x else "" for x in (most, last)]
        counts.append([f"`{game}`", *(by.get(size, "") for size in sizes), *told])
    wanted = ["states", *(f"{size:,}" for size in sizes), "all drawn", "and met in play"]
    report.put(PAGE, "by-states", report.table(wanted, counts))
    lines = []
    for game, found in result.get("rebel", {}).items():
        best = result["games"].get(game, [None])[-1]
        lines.append(
            [
                f"`{game}`",
                f"{found['states']:,}",
                f"{found['exploitability']:.4f}",
                f"{PAPER[game]:g}" if game in PAPER else "",
                f"{found['training']:.0f} s",
                f"{best['exploitability']:.4f} ({best['states']:,})" if best else "",
            ]
        )
    header = ["game", "states", "exploitability", "paper's", "training", "solved to the end"]
    report.put(PAGE, "rebel", report.table(header, sorted(lines)))
    draw(result)


def draw(result: dict[str, Any]) -> None:
    """Draw exploitability and error against the number of training states."""
    import figures as drawings
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for game, found in sorted(result["games"].items()):
        for axis, name in zip(axes, ("exploitability", "new_in_range"), strict=True):
            axis.plot([x["states"] for x in found], [x[name] for x in found], marker="o", label=game)
    for axis, title in zip(axes, ("exploitability of re-solving", "error in range on new states"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="training states", title=title)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    drawings.save(figure, "value_nets.svg")


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", choices=[*dict.fromkeys([*CASES, *REBEL])])
    parser.add_argument("--only", choices=["games", "rebel"])
    parser.add_argument("--networks", type=Path, metavar="FOLDER")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    with torch_threads(1):
        for kind, cases, of in (("games", CASES, measure), ("rebel", REBEL, by_rebel)):
            for game in cases:
                if not given.table and given.only in (None, kind) and given.game in (None, game):
                    keep(kind, game, of(game, given.networks))
    renew()


if __name__ == "__main__":
    main()
