"""Solve push or fold at many depths, and write its charts as the ranges that presets name: games/holdem/presets.json.

    python benchmarks/preset_ranges.py

Each depth is solved by CFR+ to an exploitability of 0.00002 big blinds, the same each time; weights are rounded to two
decimals.
"""

import json

import numpy as np
import report

import counterplay
from counterplay.games.holdem.cards import COMBOS
from counterplay.games.holdem.preflop import HAND_OF_COMBO
from counterplay.games.holdem.ranges import format_range, parse_range

DEPTHS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 20, 25)
ROWS = {"sb-push": 1, "bb-call": 3}  # rows of the strategy: all-in, and call


def main() -> None:
    """Solve all depths, and write the file."""
    found = dict[str, str]()
    for depth in DEPTHS:
        solution = counterplay.solve(f"pushfold(stack={depth})", "cfr+", target=2e-5)
        for name, row in ROWS.items():
            weights = np.round(solution.strategy[row], 2)[HAND_OF_COMBO]
            text = format_range(weights)
            assert np.array_equal(parse_range(text), weights)
            found[f"{name}-{depth}bb"] = text
            print(f"{name}-{depth}bb: {100 * weights.sum() / COMBOS:.1f} % of combos", flush=True)
    place = report.ROOT / "games" / "holdem" / "presets.json"
    place.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
