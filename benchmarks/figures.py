"""Draw the figures of README.md, docs/architecture.md and docs/large.md.

python benchmarks/figures.py         # needs matplotlib; curves are drawn from benchmarks/results/
"""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import report

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "counterplay"  # the same figure is the same file
matplotlib.rcParams["font.size"] = 9

import matplotlib.pyplot as plt  # noqa: E402

from counterplay.engine.form import SequenceForm, sequence_form  # noqa: E402
from counterplay.engine.rules import CHANCE, LEAF  # noqa: E402
from counterplay.engine.tree import Tree, compile_tree  # noqa: E402
from counterplay.games import make  # noqa: E402

COLOURS = ("C0", "C1")


def save(figure: Any, name: str) -> None:
    report.FIGURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.FIGURES / name, metadata={"Date": None})


def positions(parent: list[int], width: Callable[[int], float] = lambda _: 1.0) -> np.ndarray:
    """Return x positions for nodes in preorder: leaves side by side, others above the middle of their children."""
    x = np.zeros(len(parent))
    children: list[list[int]] = [[] for _ in parent]
    for node, up in enumerate(parent):
        if up >= 0:
            children[up].append(node)
    right = 0.0
    for node in range(len(parent)):
        if not children[node]:
            x[node] = right
            right += width(node)
    for node in reversed(range(len(parent))):
        if children[node]:
            x[node] = np.mean([x[c] for c in children[node]])
    return x


def draw_tree(axis: Any, tree: Tree) -> None:
    """Draw the public tree: who acts, the moves, and the lanes that every node carries."""
    parent = tree.parent.tolist()
    x = positions(parent)
    depth = np.zeros(len(parent))
    for node in range(1, len(parent)):
        depth[node] = depth[parent[node]] + 1
    for node, up in enumerate(parent):
        if up >= 0:
            axis.plot([x[up], x[node]], [-depth[up], -depth[node]], color="0.6", linewidth=1, zorder=1)
            move = tree.actions[tree.infoset[up]][tree.slot[node]]
            axis.text(
                (x[up] + x[node]) / 2, -(depth[up] + depth[node]) / 2, move, ha="center", va="center", fontsize=8
            ).set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8})
    for node, turn in enumerate(tree.player.tolist()):
        assert turn != CHANCE
        if turn == LEAF:
            axis.plot(x[node], -depth[node], "s", color="0.35", markersize=7)
            axis.text(x[node], -depth[node] - 0.22, f"leaf {tree.infoset[node]}", ha="center", va="top", fontsize=7)
        else:
            hands = tree.hands[turn]
            for k, hand in enumerate(hands):
                at = x[node] + (k - (len(hands) - 1) / 2) * 0.34
                axis.plot(at, -depth[node], "o", color=COLOURS[turn], markersize=13)
                axis.text(at, -depth[node], hand, color="white", ha="center", va="center", fontsize=8, weight="bold")
    axis.set_title("Tree: nodes are public, each carries a lane a hand", fontsize=10)
    axis.set_ylim(-depth.max() - 0.7, 0.5)


def draw_form(axis: Any, form: SequenceForm, tree: Tree) -> None:
    """Draw the players' treeplexes, and the leaf terms as the lines between them."""
    where: dict[int, tuple[float, float]] = {}
    names = _sequence_names(form, tree)
    for p in range(2):
        nodes: list[tuple[str, int]] = [("s", p)]  # sequences and decisions, as one tree in preorder
        parent = [-1]

        def walk(sequence: int, at: int, nodes: Any = nodes, parent: Any = parent, p: int = p) -> None:
            for d in range(int(form.begin[p]), int(form.begin[p + 1])):
                if form.parent[d] == sequence:
                    nodes.append(("d", d))
                    parent.append(at)
                    here = len(nodes) - 1
                    for s in range(int(form.first[d]), int(form.first[d + 1])):
                        nodes.append(("s", s))
                        parent.append(here)
                        walk(s, len(nodes) - 1)

        walk(p, 0)
        y = -positions(parent)
        depth = np.zeros(len(nodes))
        for node in range(1, len(nodes)):
            depth[node] = depth[parent[node]] + 1
        side = -1 if p == 0 else 1
        x = side * (5.2 - depth)
        for node, (kind, number) in enumerate(nodes):
            if parent[node] >= 0:
                axis.plot(
                    [x[parent[node]], x[node]], [y[parent[node]], y[node]], color=COLOURS[p], linewidth=1.2, zorder=1
                )
            if kind == "d":
                axis.plot(x[node], y[node], "o", color=COLOURS[p], markersize=11)
            else:
                axis.plot(x[node], y[node], "o", color="white", markeredgecolor=COLOURS[p], markersize=7)
                axis.text(x[node], y[node] + 0.16, names.get(number, "∅"), ha="center", va="bottom", fontsize=8)
                where[number] = (x[node], y[node])
    drawn = set()
    for s in range(form.sequences):
        for m in range(int(form.start[s]), int(form.start[s + 1])):
            pair = frozenset((s, int(form.other[m, 0])))
            if pair not in drawn:
                drawn.add(pair)
                (x0, y0), (x1, y1) = (where[q] for q in pair)
                axis.plot([x0, x1], [y0, y1], ":", color="0.35", linewidth=1.3, zorder=0)
    axis.margins(y=0.12)
    axis.set_title("SequenceForm: a treeplex a player, joined by leaf terms (dotted)", fontsize=10)


def _sequence_names(form: SequenceForm, tree: Tree) -> dict[int, str]:
    """Return the action's label of every sequence but the empty ones, of a form in lanes."""
    actions = [action for moves in tree.actions for action in moves]
    return {s: actions[form.row[s]] for s in range(2, form.sequences)}


BOXES = {  # a room: where it stands, and what is in it
    "engine": (0.0, 0.0, "engine\nrules · tree · form · sweeps · strategy · env · catalogue · store · system"),
    "games": (-3.6, 1.5, "games\none file a game;\nholdem, envs, foreign"),
    "solvers": (0.0, 1.5, "solvers\ncfr · mmd · lp · run · value;\nstreets"),
    "agents": (3.6, 1.5, "agents\none file a learner;\nnn (torch)"),
    "show": (-2.4, 3.0, "show\npages · curves · grids ·\nplay · films"),
    "api": (2.4, 3.0, "api\nsolve · judge · train · sweep;\nsolutions, runs"),
    "cli": (-2.4, 4.5, "cli.py\nparses, calls, prints"),
    "top": (2.4, 4.5, "__init__.py\nthe public names"),
}
ARROWS = (
    *(("games", "engine"), ("solvers", "engine"), ("agents", "engine")),
    *(("show", "games"), ("show", "solvers"), ("show", "agents")),
    *(("api", "games"), ("api", "solvers"), ("api", "agents"), ("api", "show")),
    *(("cli", "show"), ("cli", "api"), ("cli", "top"), ("top", "api")),
)


def draw_imports(axis: Any) -> None:
    """Draw who may import whom: arrows from box to box, each from edge to edge."""
    axis.set_xlim(-5.4, 5.4)
    axis.set_ylim(-0.7, 5.1)
    drawn = {}
    for name, (x, y, text) in BOXES.items():
        fill = "#dbe9f6" if name in ("engine", "api") else "0.95"
        drawn[name] = axis.text(
            x, y, text, ha="center", va="center", zorder=2, fontsize=8.5,
            bbox={"boxstyle": "round,pad=0.5", "facecolor": fill, "edgecolor": "0.4"},
        )  # fmt: skip
    for a, b in ARROWS:
        axis.annotate(
            "",
            xy=BOXES[b][:2],
            xytext=BOXES[a][:2],
            zorder=1,
            arrowprops={
                "arrowstyle": "->",
                "color": "0.4",
                "patchA": drawn[a].get_bbox_patch(),  # an arrow begins and ends at its boxes' edges
                "patchB": drawn[b].get_bbox_patch(),
                "shrinkA": 0,
                "shrinkB": 1,
            },
        )
    axis.set_title("Rooms: each imports what lies below it", fontsize=10)


def architecture() -> None:
    """Draw Kuhn poker as a tree and in sequence form, from the arrays themselves, and the import rules."""
    tree = compile_tree(make("kuhn"))
    figure = plt.figure(figsize=(11, 8.5), layout="constrained")
    axes = figure.subplot_mosaic([["tree", "form"], ["imports", "imports"]], height_ratios=[1, 1])
    draw_tree(axes["tree"], tree)
    draw_form(axes["form"], sequence_form(tree), tree)
    draw_imports(axes["imports"])
    for axis in axes.values():
        axis.axis("off")
    save(figure, "architecture.svg")


def curve() -> None:
    """Draw exploitability in Leduc poker against time, ours and OpenSpiel's."""
    rows = report.load("solvers")["target"]
    figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
    labels = {"leduc": "Counterplay", "openspiel:leduc_poker": "Counterplay, game imported from OpenSpiel"}
    for row in rows:
        name = "OpenSpiel C++" if row["who"] != "Counterplay" else labels[row["spec"]]
        times, found = zip(*row["trace"], strict=True)
        axis.loglog(times, found, label=f"{name}, {row['algorithm']}", linewidth=1.6)
    axis.set_xlabel("seconds on one core (Counterplay: all, from the spec on; OpenSpiel: its iterations alone)")
    axis.set_ylabel("exploitability, chips")
    axis.set_title("Leduc poker to an exploitability of 0.0001", fontsize=10)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8)
    save(figure, "leduc.svg")


def phantom() -> None:
    """Draw exploitability in phantom games against time."""
    figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
    for name, found in report.load("phantom")["curves"].items():
        _, times, gaps = zip(*(check for check in found["trace"] if check[1] > 0), strict=True)
        axis.loglog(times, gaps, label=f"{name}: {found['infosets'] / 1e6:.1f} M information sets", linewidth=1.6)
    axis.set_xlabel("seconds of solving on two cores, judgements included")
    axis.set_ylabel("exploitability, wins a game")
    axis.set_title("Phantom games solved whole", fontsize=10)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8)
    save(figure, "phantom.svg")


def blueprint() -> None:
    """Draw exploitability of royal hold'em's blueprints in the whole game against time."""
    figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
    for spec, found in report.load("blueprint")["runs"].items():
        times, gaps = ([point[name] for point in found["curve"]] for name in ("processor", "mbb"))
        axis.loglog(times, gaps, label=f"{spec}: {found['cells']:,} cells", linewidth=1.6, marker="o", markersize=3)
    axis.set_xlabel("processor seconds of training")
    axis.set_ylabel("exploitability, mbb/g")
    axis.set_title("Royal hold'em: blueprints judged in the whole game", fontsize=10)
    axis.grid(alpha=0.3, which="both")
    axis.legend(frameon=False, fontsize=8)
    save(figure, "blueprint.svg")


if __name__ == "__main__":
    architecture()
    curve()
    phantom()
    blueprint()
