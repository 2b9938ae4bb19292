"""What re-solving the last streets of royal hold'em's blueprints is worth: exploitability in the whole game, by gadget.

    python benchmarks/resolving_royal.py                          # all runs, a process each: an hour and a half
    python benchmarks/resolving_royal.py strength:50 river reach  # one of them, and keep the other results
    python benchmarks/resolving_royal.py strength:50 turn reach 25  # by so many iterations
    python benchmarks/resolving_royal.py --table                  # renew the table of docs/resolving_holdem.md

Blueprints are trained for so many iterations on one thread from a seed, so that all runs of a spec are of the same one.
Every subgame is solved by 50 iterations unless told, with a gadget once for each player. Seconds are of processor
time, which other work on the machine disturbs least; memory is the most that the process had.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import report

report.one_thread()

GAME = "examples/royal_holdem.toml"
TRAINED, ITERATIONS = 20_000, 50
SPECS, STREETS, GADGETS = (
    ("strength:50", "distribution:200,200,50"),
    ("river", "turn"),
    ("none", "resolve", "maxmargin", "reach"),
)
CASES = tuple((spec, street, gadget) for spec in SPECS for street in STREETS for gadget in GADGETS)
KEPT = Path(tempfile.gettempdir()) / "counterplay_blueprints"  # which take longer to train than to read


def processor() -> float:
    """Return the processor seconds that this process took."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def trained(spec: str) -> Path:
    """Return the file of a blueprint."""
    import counterplay

    path = KEPT / f"{spec.replace(':', '_').replace(',', '_')}_{TRAINED}.cps"
    if not path.exists():
        KEPT.mkdir(exist_ok=True)
        counterplay.blueprint(GAME, spec, iterations=TRAINED, threads=1, seed=1).save(path)
    return path


def measure(spec: str, street: str, gadget: str, iterations: int = ITERATIONS) -> dict[str, object]:
    """Re-solve in this process."""
    import counterplay
    from counterplay.api.resolving_spots import resolve_blueprint

    plan = counterplay.load(trained(spec))
    marks = dict[str, float]()

    def tell(_: str, part: float) -> None:
        marks.setdefault("begin", processor())
        marks["end"] = processor()

    found = resolve_blueprint(plan, street, gadget, iterations=iterations, threads=1, on_progress=tell)
    scale = found.unit.scale
    return {
        "spec": spec,
        "street": street,
        "gadget": gadget,
        "iterations": iterations,
        "roots": found.roots,
        "before": found.before.exploitability * scale,
        "after": found.after.exploitability * scale,
        "excess": [x * scale for x in found.excess],
        "gains": [(b - v) * scale for b, v in zip(found.after.best, found.after.value, strict=True)],
        "seconds": found.seconds,
        "processor": marks["end"] - marks["begin"],
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


NAMES = {"none": "unsafe", "resolve": "re-solve", "maxmargin": "max-margin", "reach": "reach"}


def table(rows: list[dict[str, object]]) -> str:
    """Return the table of docs/resolving_holdem.md."""
    body = list[list[str]]()
    for spec in SPECS:
        mine = [row for row in rows if row["spec"] == spec]
        if mine:
            body.append([f"`{spec}`: the blueprint", "", "", f"{mine[0]['before']:,.1f}", "", ""])
        for row in mine:
            from_ = "river" if row["street"] == "river" else "turn and river"
            body.append(
                [
                    f"`{spec}`: {from_}, {NAMES[str(row['gadget'])]}",
                    f"{row['roots']:,}",
                    f"{row['iterations']}",
                    f"{row['after']:,.1f}",
                    f"{row['processor']:.0f} s",
                    f"{row['memory'] / 1e9:.2f} GB",
                ]
            )
    return report.table(["strategy", "roots", "iterations", "mbb/g", "processor", "memory"], body)


def main() -> None:
    """Measure what is asked for, keep the results and renew the page's table."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(*sys.argv[2:5], *map(int, sys.argv[5:]))))
        return
    try:
        rows = report.load("resolving_royal")["rows"]
    except FileNotFoundError:
        rows = []
    chosen = [] if sys.argv[1:2] == ["--table"] else [tuple(sys.argv[1:4])] if len(sys.argv) > 1 else list(CASES)
    for case in chosen:
        words = [sys.executable, __file__, "--one", *case, *sys.argv[4:]]
        row = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
        print(row, flush=True)
        kept = {(old["spec"], old["street"], old["gadget"]): old for old in rows} | {case: row}
        rows = [kept[known] for known in CASES if known in kept]
        report.save("resolving_royal", {"machine": report.machine(()), "rows": rows})
    if (report.ROOT / "docs" / "resolving_holdem.md").exists():
        report.put("docs/resolving_holdem.md", "royal", table(rows))


if __name__ == "__main__":
    main()
