"""Memory that runs of hold'em spots are told to take, and what they take at the peak.

python benchmarks/memory.py
"""

import os
import re
import subprocess
import sys
import tempfile

import report

TURN, RIVER = "examples/turn_a.toml", "examples/river_a.toml"
FLOP = """
board = "Ks 9s 4s"
pot = 60
stack = 170
[range]
oop = "JJ-77,AJs-A9s,AJo,KQs-KTs,QJs-QTs,JTs,T9s,98s,87s"
ip = "AA-77,AKs-A9s,AKo-AJo,KQs-KTs,KQo,QJs-QTs,JTs,T9s"
[bets]
bet = ["50%"]
raise = ["60%"]
"""
UNITS = {"MB": 1.0, "GB": 1024.0}


def peak(command: list[str], folder: str) -> tuple[float, float | None]:
    """Return the peak of a command's resident memory in MB, and what it was told to be."""
    run = [sys.executable, "-m", "counterplay.cli", *command]
    with subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        said = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(said)
    told = re.search(r"([\d.,]+) (MB|GB) of memory in all", said)
    return usage.ru_maxrss / 1024, float(told[1].replace(",", "")) * UNITS[told[2]] if told else None


def main() -> None:
    """Print the table and put it into docs/performance.md."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        spots = {
            "river_a": (report.ROOT / RIVER).read_text(),
            "turn_a": (report.ROOT / TURN).read_text(),
            "a flop": FLOP,
        }
        for name, text in spots.items():
            with open(f"{folder}/spot.toml", "w") as file:
                file.write(text)
            for bits, more in (("32 bits", []), ("16 bits", ["--compress"])):
                peak(["solve", "spot.toml", "--iterations", "1", *more], folder)  # compiles
                found = [
                    peak(command, folder)
                    for command in (
                        ["solve", "spot.toml", "--iterations", "2", "--out", "spot.cps", *more],
                        ["solve", "--resume", "spot.cps", "--iterations", "3", "--out", "spot.cps"],
                        ["show", "spot.cps"],
                        ["evaluate", "spot.cps"],
                    )
                ]
                cells = [f"{mb:.0f} ({told:.0f} told)" if told else f"{mb:.0f}" for mb, told in found]
                rows.append([f"{name}, {bits}", *cells])
                print(rows[-1], flush=True)
    header = ["peak in MB", "solve", "resume", "show", "evaluate"]
    report.put("docs/performance.md", "memory", report.table(header, rows))


if __name__ == "__main__":
    main()
