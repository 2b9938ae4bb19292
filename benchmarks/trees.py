"""Building trees: this commit beside an earlier one, in turn.

    python benchmarks/trees.py EARLIER           # EARLIER is a folder that holds the earlier package, `counterplay/`
    python benchmarks/trees.py EARLIER --rounds 5 --games kuhn "goofspiel(cards=5)"

Each measurement is a process of its own, which makes the game and builds tree and sequence form; the two packages take
turns, round after round. Times are processor seconds, and the ratio is the median over the rounds; memory is what the
process took at its peak beyond what it had before it built.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import report

GAMES = (
    "goofspiel(cards=5)",
    "goofspiel(cards=6)",
    "kuhn(ranks=1000)",
    "kuhn(players=6)",
    "leduc",
    "leduc(ranks=100)",
    "leduc(players=3)",
    "rhode_island(ranks=4)",
    "liars_dice",
    "liars_dice(dice=2,faces=4)",
    "liars_dice(dice=2,faces=5)",
    "pushfold",
    "openspiel:leduc_poker",
    "openspiel:liars_dice(numdice=1)",
    "openspiel:goofspiel(imp_info=True,num_cards=5,points_order=descending)",
)

MEASURE = """
import json, resource, sys, time
from counterplay.engine.form import sequence_form
from counterplay.engine.tree import compile_tree
from counterplay.games import make
game = make(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.process_time()
tree = compile_tree(game)
built = time.process_time()
sequence_form(tree)
ended = time.process_time()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"tree": built - began, "form": ended - built, "memory": memory * 1024, "nodes": len(tree.player)}))
"""


def measure(package: Path, game: str) -> dict[str, float]:
    """Build a game's tree and form with the package that lies in a folder; return seconds and bytes."""
    with tempfile.TemporaryDirectory() as elsewhere:  # a process that starts in the repository would import from it
        environment = os.environ | {"PYTHONPATH": str(package)}
        command = [sys.executable, "-c", MEASURE, game]
        done = subprocess.run(command, env=environment, cwd=elsewhere, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def compare(earlier: Path, ours: Path, game: str, rounds: int) -> list[str]:
    """Return a game's row of the table."""
    pairs = [(measure(earlier, game), measure(ours, game)) for _ in range(rounds)]
    assert all(before["nodes"] == now["nodes"] for before, now in pairs)
    whole = [(before["tree"] + before["form"], now["tree"] + now["form"]) for before, now in pairs]
    seconds = [statistics.median(side) for side in zip(*whole, strict=True)]
    memory = [statistics.median(run["memory"] for run in side) for side in zip(*pairs, strict=True)]
    ratio = statistics.median(before / now for before, now in whole)
    row = [game, f"{pairs[0][1]['nodes']:,}", *map(report.seconds, seconds), report.times(ratio)]
    return [*row, *(f"{size / 1e6:,.0f} MB" for size in memory)]


def main() -> None:
    report.one_thread()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("earlier", type=Path, help="a folder that holds the earlier package")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--games", nargs="+", default=GAMES)
    options = parser.parse_args()
    ours = report.ROOT / ".typing"
    header = ["game", "nodes", "before", "now", "ratio", "memory before", "now"]
    rows = []
    for game in options.games:
        rows.append(compare(options.earlier.resolve(), ours, game, options.rounds))
        print(*rows[-1], sep="  ", flush=True)
    print(report.table(header, rows))


if __name__ == "__main__":
    main()
