"""Learners on a GPU beside one core: environment steps a second, by the width of their networks.

    python benchmarks/devices.py            # two minutes; writes results/devices.json
    python benchmarks/devices.py --table    # renews the page from it

Each run is timed in three parts, of which the median counts, once it has compiled its kernels and learned for two
parts. All else (environments, replay, targets) is on one thread of the processor for both.
"""

import argparse
import sys
import time
from statistics import median

import report

report.one_thread()

import torch  # noqa: E402

from counterplay.api.runs import begin  # noqa: E402
from counterplay.api.training import advance  # noqa: E402

torch.set_num_threads(1)
PAGE = "docs/training.md"
TASKS = (("qmix", "foraging", 600), ("mappo", "spread", 800), ("sac", "pendulum", 100))  # steps of a part
WIDTHS, PARTS = (64, 256, 512), 3


def rate(learner: str, env: str, part: int, hidden: int, device: str) -> float:
    """Return environment steps a second."""
    run = begin(learner, env, 0, {"hidden": hidden}, "none")
    learned, rates = 0, list[float]()
    while learned < 2:  # what waits for a full replay does not learn yet
        before = run.learner.updates
        advance(run, run.steps + part, device=device, test_every=10**9, test_episodes=1)
        learned += run.learner.updates > before
    for _ in range(PARTS):
        before, began = run.steps, time.perf_counter()
        advance(run, before + part, device=device, test_every=10**9, test_episodes=1)
        rates.append((run.steps - before) / (time.perf_counter() - began))
    return median(rates)


def table() -> None:
    """Renew the page."""
    found = report.load("devices")
    rows = [
        [learner, env, str(hidden), f"{cpu:,.0f}", f"{gpu:,.0f}", report.times(gpu / cpu)]
        for learner, env, hidden, cpu, gpu in found["rows"]
    ]
    head = ["learner", "environment", "width", "one core", "GPU", "ratio"]
    report.put(PAGE, "devices", report.table(head, rows, 2) + f"\n\nSteps a second; {found['machine']['card']}.")


def main() -> None:
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true")
    if parser.parse_args().table:
        table()
        return
    if not torch.cuda.is_available():
        sys.exit(f"no GPU: PyTorch {torch.__version__} finds none here, so there is nothing to measure")
    rows = []
    for learner, env, part in TASKS:
        for hidden in WIDTHS:
            cpu, gpu = (rate(learner, env, part, hidden, device) for device in ("cpu", "cuda"))
            rows.append([learner, env, hidden, cpu, gpu])
            print(f"{learner} {env}, {hidden} wide: {cpu:,.0f} and {gpu:,.0f} steps a second", flush=True)
    card = torch.cuda.get_device_name()
    report.save("devices", {"machine": {**report.machine(("torch", "triton")), "card": card}, "rows": rows})


if __name__ == "__main__":
    main()
