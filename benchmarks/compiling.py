"""What first runs cost: processor seconds of commands whose kernels are not compiled yet, and of the next run.

    python benchmarks/compiling.py [--only solve,train] [--write]

Every command starts from an empty cache. With `--write`, how long compiling took becomes what runs elsewhere are told
before they compile for the first time (`engine/compile_seconds.py`): processor seconds, from each first kernel on.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from counterplay.engine.compile_seconds import SECONDS

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    "solve kuhn",
    "solve leduc",
    "solve goofspiel",
    "solve leduc --algorithm sapcfr+ --iterations 100",
    "solve leduc --algorithm mmd --iterations 100",
    "solve leduc --algorithm mccfr-external --iterations 100",
    "solve leduc --algorithm mccfr-external --iterations 100 --memory 10MB",
    "solve goofspiel(cards=10) --algorithm mccfr-outcome --iterations 100 --memory 10MB",
    "solve liars_dice(dice=2) --algorithm mccfr-external --iterations 100 --memory 10MB",
    "solve limit_holdem --algorithm mccfr-outcome --iterations 100 --memory 10MB",
    "solve dark_hex(size=(2,3)) --iterations 2",
    "solve dark_hex(size=(2,3),abrupt=true) --iterations 2",
    "solve examples/river_a.toml --iterations 2",
    "solve examples/turn_a.toml --iterations 2",
    "solve examples/turn_a.toml --iterations 2 --compress",
    "blueprint examples/royal_preflop.toml --buckets strength:6 --iterations 2 --threads 1",
    "train iql climbing --steps 500",
    "train qmix climbing --steps 2000",
    "train mappo climbing --steps 2000",
    "train ippo kuhn --steps 2000",
    "train pqn cartpole --steps 5000",
    "train deep_cfr kuhn --steps 100",
    "valuenet train kuhn --states 64 --passes 1 --processes 1",
)


def spent(command: str, cache: str) -> float:
    """Run a command and return the processor seconds that it took."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(ROOT / ".typing")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = [sys.executable, "-c", "from counterplay.cli import main; main()", *command.split()]
    subprocess.run(run, env=environment, cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write(seconds: dict[str, float]) -> None:
    """Write the table that ships."""
    path = ROOT / "engine" / "compile_seconds.py"
    head = path.read_text().partition("SECONDS")[0]
    rows = "".join(f'    "{kernel}": {seconds[kernel]},\n' for kernel in sorted(seconds))
    path.write_text(f"{head}SECONDS = {{\n{rows}}}\n")


def main() -> None:
    """Print a row for each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="beginnings of commands, between commas; the table keeps the rest")
    parser.add_argument("--write", action="store_true", help="write the table that ships")
    options = parser.parse_args()
    noted: dict[str, float] = {**SECONDS} if options.only else {}
    print("| from an empty cache | first run | next run |\n| --- | ---: | ---: |")
    for command in COMMANDS:
        if not command.startswith(tuple(options.only.split(","))):
            continue
        with tempfile.TemporaryDirectory() as cache:
            first, following = spent(command, cache), spent(command, cache)
            found = json.loads((Path(cache) / "counterplay" / "seconds.json").read_text())
        noted |= {kernel: max(noted.get(kernel, 0.0), seconds) for kernel, seconds in found.items()}
        print(f"| `{command}` | {first:.1f} s | {following:.1f} s |", flush=True)
    if options.write:
        write(noted)


if __name__ == "__main__":
    main()
