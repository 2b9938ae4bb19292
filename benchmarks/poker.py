"""Run the commands of docs/poker.md and put what they print into it.

python benchmarks/poker.py
"""

import shutil
import tempfile
from pathlib import Path

import report
import tour

RIVER = "check check [2c] check"
LOCK = f"""
[[lock]]
node = "{RIVER}"
hands = {{ "AK, AJ, AsTs, As8s, As5s, As3s, KJ, KT, JTs, T8s, 86s, 65s" = {{ check = 1 }} }}
"""
COMMANDS = {  # by the marker of the page: command, answers, lines that are kept
    "solve": ("solve hand.toml --out hand.cps", "", 0),
    "show": (f'show hand.cps --node "{RIVER} bet 21" --hands "TT, QTs"', "", 0),
    "range": (f'show hand.cps --node "{RIVER} bet 21" --player ip --combos 3', "", 0),
    "export": (f'export hand.cps --to csv --node "{RIVER} bet 21"', "", 3),
    "play": ("play hand.cps --seat 0 --seed 5", "check check ? q", 0),
    "amount": ("play hand.cps --seat 0 --seed 5 --hands 1", "500 15 q", 0),
}
ROYAL = "call check [Ks Qs Jd] check bet 4 call [Ah]"
BLUEPRINT = (  # command, lines that are kept, what they begin with
    ('blueprint royal_holdem.toml --buckets "distribution:50,50,20" --iterations 3000 --out royal.cps', 0, "spot"),
    (f'show royal.cps --node "{ROYAL}" --combos 4 --spot turn.toml', 0, ""),
    ("solve turn.toml --out turn.cps", 0, "EV"),
)
HAND = (  # the same
    ('spot from-hand three_bet.phh --ranges preset --bets 50% --raises "" --out three_bet.toml', 0, ""),
    ("solve three_bet.toml --target 1% --out three_bet.cps", 0, "EV"),
    ('show three_bet.cps --node "bet 12 call [7d] check check [3c] bet 30" --hands JTs', 0, ""),
)
LOCKED = ("solve locked.toml --out locked.cps", f'show locked.cps --node "{RIVER} bet 21" --hands "TT, QTs"')


def main() -> None:
    spot = (report.ROOT / "examples" / "hand.toml").read_text()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "hand.toml").write_text(spot)
        Path(folder, "locked.toml").write_text(spot + LOCK)
        tour.transcript("solve hand.toml --iterations 1", "", 0, folder)  # compiles
        report.put("docs/poker.md", "poker-spot", f"```toml\n{spot}```")
        report.put("docs/poker.md", "poker-lock-file", f"```toml\n{LOCK.strip()}\n```")
        for name, command in COMMANDS.items():
            report.put("docs/poker.md", f"poker-{name}", tour.transcript(*command, folder))
        cards = tour.transcript('report hand.cps --node "check check"', "", 14, folder, last=1)
        report.put("docs/poker.md", "poker-report", cards)
        first = tour.transcript(LOCKED[0], "", 0, folder)
        second = tour.transcript(LOCKED[1], "", 0, folder, "  combo")
        report.put("docs/poker.md", "poker-lock", f"{first}\n\n{second}")
        shutil.copy(report.ROOT / "examples" / "three_bet.phh", folder)
        played = [tour.transcript(command, "", lines, folder, start) for command, lines, start in HAND]
        report.put("docs/poker.md", "poker-hand", "\n\n".join(played))
        shutil.copy(report.ROOT / "examples" / "royal_holdem.toml", folder)
        whole = [tour.transcript(command, "", lines, folder, start) for command, lines, start in BLUEPRINT]
        report.put("docs/poker.md", "poker-blueprint", "\n\n".join(whole))


if __name__ == "__main__":
    main()
