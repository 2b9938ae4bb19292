"""Train blueprints of heads-up hold'em, all four streets, and write their ranges before the flop as presets.

    python benchmarks/preflop_ranges.py              # all depths, about a quarter of an hour of one core each
    python benchmarks/preflop_ranges.py 100          # one, into benchmarks/results
    python benchmarks/preflop_ranges.py --write      # games/holdem/raised.json and the table of docs/poker.md

Before the flop the small blind opens to 2.5 big blinds or limps, the big blind raises to 3.5 times the bet, the small
blind raises again to 2.5 times, and the rest is all-in. After it there is one bet of 66 % of the pot and no raise.
Hands are in buckets from the flop on; before it all 169 are apart. With one thread and so many iterations the result is
the same each time.
"""

import sys
from typing import Any

import report

report.one_thread()

import json  # noqa: E402

import numpy as np  # noqa: E402

import counterplay  # noqa: E402
from counterplay.games.holdem.cards import COMBOS  # noqa: E402
from counterplay.games.holdem.preflop import HAND_OF_COMBO  # noqa: E402
from counterplay.games.holdem.presets import LINES  # noqa: E402
from counterplay.games.holdem.ranges import format_range, parse_range  # noqa: E402
from counterplay.games.holdem.spot import parse_spot  # noqa: E402

DEPTHS = {20: 30_000, 40: 25_000, 100: 40_000}  # big blinds, and iterations
BUCKETS = "distribution:200,200,50"
LEAST = 0.05  # weight of a hand in a preset
BOUND = 60.0  # seconds of local best responses
SPOT = (report.ROOT / "examples" / "heads_up.toml").read_text()


def ranges_of(plan: Any) -> dict[str, str]:
    """Return the ranges of all lines that presets name: reached by a player's own actions, by hand."""
    found = dict[str, str]()
    for name, kinds in LINES.items():
        *before, last = kinds
        line = ""
        for kind in before:
            line += " " + _action(plan.view(line.strip()).actions, kind)
        view = plan.view(line.strip())
        done = view.actions.index(_action(view.actions, last))
        weights = np.zeros(COMBOS)
        weights[view.combos[view.player]] = view.reach[view.player] * view.strategy[done]
        of_hand = np.bincount(HAND_OF_COMBO, weights) / np.bincount(HAND_OF_COMBO)
        weights = np.round(of_hand, 2)[HAND_OF_COMBO]
        found[name] = format_range(weights)
        assert np.array_equal(parse_range(found[name]), weights)
    return found


def _action(actions: Any, kind: str) -> str:
    """Return the action of a kind; a raise may be all-in."""
    return next(a for a in actions if a.startswith(kind) or (kind == "raise" and a.startswith("all-in")))


def train(depth: int) -> None:
    """Train one depth, measure it, and keep what came out."""
    spot = parse_spot(SPOT.replace("stack = 200", f"stack = {2 * depth}"))
    plan = counterplay.blueprint(spot, BUCKETS, iterations=DEPTHS[depth], threads=1, seed=1)
    scale = plan.unit.scale
    bound = plan.exploitability_at_least(BOUND)
    report.save(
        f"preflop_{depth}",
        {
            "iterations": plan.iterations,
            "seconds": plan.seconds,
            "winnings": {who: [scale * won.mean, scale * won.error] for who, won in plan.winnings.items()},
            "bound": scale * bound.exploitability_at_least,
            "points": [[p.iterations, p.since, scale * p.earned, scale * p.error] for p in plan.points],
            "ranges": ranges_of(plan),
            "machine": report.machine(()),
        },
    )


def write() -> None:
    """Write the ranges where the package has them, and the table of what they are worth."""
    found = {depth: report.load(f"preflop_{depth}") for depth in DEPTHS}
    for kept in found.values():
        kept["ranges"] = {name: _without_little(text) for name, text in kept["ranges"].items()}
    ranges = {f"{name}-{depth}bb": text for depth, kept in found.items() for name, text in kept["ranges"].items()}
    place = report.ROOT / "games" / "holdem" / "raised.json"
    place.write_text(json.dumps(ranges, indent=1) + "\n")
    rows = []
    for depth, kept in found.items():
        share = {name: 100 * parse_range(text).sum() / COMBOS for name, text in kept["ranges"].items()}
        won = [f"{mean:+,.0f} ± {error:,.0f}" for mean, error in kept["winnings"].values()]
        rows.append(
            [f"{depth} bb", f"{kept['iterations']:,}", f"{kept['seconds'] / 60:.0f} min"]
            + [f"{share[name]:.0f} %" for name in ("sb-raise", "sb-limp", "bb-3bet", "bb-call-raise")]
            + [*won, f"{kept['bound']:,.0f}"]
        )
    header = [
        "depth",
        "iterations",
        "time",
        "opens",
        "limps",
        "3-bets",
        "calls",
        *(f"against {w}" for w in kept["winnings"]),
    ]
    text = report.table([*header, "exploitable for at least"], rows)
    report.put("docs/poker.md", "preflop", text)


def _without_little(text: str) -> str:
    """Return a range without hands that are in it less than one time in twenty: the run is not as exact as that."""
    weights = parse_range(text)
    return format_range(np.where(weights < LEAST, 0.0, weights))


def main() -> None:
    """Do what the arguments say."""
    if "--write" in sys.argv:
        write()
        return
    for depth in [int(text) for text in sys.argv[1:]] or list(DEPTHS):
        train(depth)


if __name__ == "__main__":
    main()
