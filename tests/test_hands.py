"""Spots of hands that were played, by hands whose streets are known."""

import pytest

from counterplay.engine.errors import UserError
from counterplay.games.foreign.hands import chosen, load_hands, preset_ranges, seen, spot_of, spot_text
from counterplay.games.holdem.cards import format_cards
from counterplay.games.holdem.lines import read_line
from counterplay.games.holdem.spot import parse_spot

pytest.importorskip("pokerkit")

THREE = """
variant = "NT"
antes = [0, 0, 0]
blinds_or_straddles = [1, 2, 0]
min_bet = 2
starting_stacks = [200, 180.5, 200]
players = ["Ann", "Bob", "Cy"]
actions = [
  "d dh p1 ????", "d dh p2 AsKs", "d dh p3 ????", "p3 cbr 5", "p1 f", "p2 cc",
  "d db Ks9d4c", "p2 cc", "p3 cbr 6", "p2 cbr 20", "p3 cc",
  "d db 7h", "p2 cbr 30", "p3 cc", "d db 2s", "p2 cc", "p3 cc",
]
"""
HEADS_UP = """
variant = "NT"
antes = [0, 0]
blinds_or_straddles = [1, 2]
min_bet = 2
starting_stacks = [100, 300]
actions = ["d dh p1 ????", "d dh p2 ????", "p2 cc", "p1 cc", "d db QhJd2c", "p1 cc", "p2 cbr 100", "p1 f"]
"""
STARS = """PokerStars Hand #1000000001:  Hold'em No Limit ($0.50/$1.00 USD) - 2026/01/02 03:04:05 ET
Table 'Nowhere' 6-max Seat #1 is the button
Seat 1: north ($100 in chips)
Seat 2: east ($120 in chips)
Seat 3: south ($90.50 in chips)
east: posts small blind $0.50
south: posts big blind $1
*** HOLE CARDS ***
Dealt to south [Qd Qc]
north: raises $1.50 to $2.50
east: folds
south: calls $1.50
*** FLOP *** [Ts 8h 3d]
south: checks
north: bets $3
south: raises $6 to $9
north: calls $6
*** TURN *** [Ts 8h 3d] [Kc]
south: bets $15
north: folds
Uncalled bet ($15) returned to south
south collected $22.50 from pot
*** SUMMARY ***
Total pot $23.50 | Rake $1
Board [Ts 8h 3d Kc]
Seat 1: north (button) folded on the Turn
Seat 2: east (small blind) folded before Flop
Seat 3: south (big blind) collected ($22.50)
"""


def hand(tmp_path, text, name="hand.phh"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_streets_of_a_hand(tmp_path):
    (played,) = load_hands(hand(tmp_path, THREE))
    flop, turn, river = (seen(played, street) for street in ("flop", "turn", "river"))
    assert [format_cards(x.board) for x in (flop, turn, river)] == ["Ks 9d 4c", "Ks 9d 4c 7h", "Ks 9d 4c 7h 2s"]
    assert [x.pot for x in (flop, turn, river)] == [11, 51, 111]
    assert [float(x.stack) for x in (flop, turn, river)] == [175.5, 155.5, 125.5]
    assert [x.aggressor for x in (flop, turn, river)] == ["ip", "oop", "oop"]
    assert flop.names == ("Bob", "Cy")
    assert flop.holds == ("AsKs", "")
    assert [(x.street, x.player, x.kind, int(x.to)) for x in flop.bets] == [
        (1, 1, "bet", 6),
        (1, 0, "raise", 20),
        (2, 0, "bet", 30),
    ]
    assert river.bets == ()


def test_the_line_that_was_played_is_in_the_spot(tmp_path):
    spot = spot_of(hand(tmp_path, THREE), "flop", ("AKs,KQs,99", "AA,KJs,76s"))
    line = read_line("check bet 6 raise to 20 call [7h] bet 30 call [2s] check", spot.board, spot.trees, spot.betting)
    assert line.board == (
        *spot.board,
        *parse_spot(spot_text(seen(load_hands(hand(tmp_path, THREE))[0], "river"), ("AKs", "AA"))).board[3:],
    )
    assert spot.aggressor == "ip"
    assert float(spot.stack) == 175.5


def test_the_big_blind_is_out_of_position_heads_up(tmp_path):
    (played,) = load_hands(hand(tmp_path, HEADS_UP))
    flop = seen(played, "flop")
    assert (flop.pot, flop.stack, flop.aggressor, flop.names) == (4, 98, "", ("p1", "p2"))
    assert flop.bets[0].player == 1
    assert "98c" in spot_text(flop, ("AA", "KK"))  # the bet of 100 is all-in against 98


def test_pokerstars(tmp_path):
    (played,) = load_hands(hand(tmp_path, STARS, "hands.txt"))
    flop, turn = seen(played, "flop"), seen(played, "turn")
    assert (float(flop.pot), float(flop.stack)) == (5.5, 88.0)
    assert (float(turn.pot), float(turn.stack)) == (23.5, 79.0)
    assert flop.names == ("south", "north")
    assert flop.holds[0] == "QdQc"
    assert (flop.aggressor, turn.aggressor) == ("ip", "oop")
    spot = parse_spot(spot_text(flop, ("QQ", "AKs")))
    assert float(spot.pot) == 5.5


def test_the_line_of_a_hand_is_read_again(tmp_path):
    (played,) = load_hands(hand(tmp_path, THREE))
    flop, turn = seen(played, "flop"), seen(played, "turn")
    assert flop.line == "check bet 6 raise to 20 call [7h] bet 30 call [2s] check"
    assert turn.line == "bet 30 call [2s] check"
    spot = parse_spot(spot_text(flop, ("AKs,KQs", "AA,KJs")))
    assert read_line(flop.line, spot.board, spot.trees, spot.betting).text == flop.line
    (played,) = load_hands(hand(tmp_path, HEADS_UP))
    flop = seen(played, "flop")
    assert flop.line == "check bet 98"
    spot = parse_spot(spot_text(flop, ("AA", "KK")))
    assert read_line(flop.line, spot.board, spot.trees, spot.betting).text.startswith("check all-in")


def test_presets_are_of_what_was_done_before_the_flop(tmp_path):
    def named(text):
        found = seen(load_hands(hand(tmp_path, text))[0], "flop")
        return preset_ranges(found)

    ranges, said = named(THREE)
    assert ranges == ("preset:bb-call-raise-100bb", "preset:sb-raise-100bb")
    assert "the hand had 90.25" in said[0]
    assert "table of 3" in said[1]
    ranges, said = named(HEADS_UP)
    assert ranges == ("preset:bb-check-40bb", "preset:sb-limp-40bb")
    assert len(said) == 1
    reraised = THREE.replace('"p2 cc",\n', '"p2 cbr 16", "p3 cc",\n').replace(
        '"p2 cc", "p3 cbr 6"', '"p2 cc", "p3 cbr 7"'
    )
    assert named(reraised)[0] == ("preset:bb-3bet-100bb", "preset:sb-call-3bet-100bb")
    with pytest.raises(UserError, match="went otherwise"):
        preset_ranges(seen(load_hands(hand(tmp_path, THREE))[0], "flop")._replace(first=0))


def test_the_command_takes_presets(tmp_path, run):
    out, file = tmp_path / "flop.toml", hand(tmp_path, THREE)
    assert "--ranges preset" in run("spot", "from-hand", file, "--oop", "AA")[2]
    code, text, _ = run("spot", "from-hand", file, "--ranges", "preset", "--out", out)
    assert code == 0
    assert '--node "check bet 6' in text
    assert "heads-up presets of 100 big blinds" in text
    spot = parse_spot(out.read_text())
    assert spot.ranges[0].startswith("preset") or len(spot.ranges[0]) > 100
    run("spot", "from-hand", file, "--ranges", "preset", "--oop", "AA", "--out", out, "--force")
    assert parse_spot(out.read_text()).ranges[0] == "AA"


def test_what_is_no_spot(tmp_path, run):
    path = hand(tmp_path, THREE)
    for text, street, message in (
        (THREE.replace('"p1 f"', '"p1 cc"').replace('"d db Ks9d4c", "p2 cc"', '"d db Ks9d4c", "p1 f", "p2 cc"'), "flop",
         "of two players, and 3 saw the flop"),
        (HEADS_UP, "turn", "did not get to the turn"),
        (THREE, "preflop", "spots of hands start on the flop"),
        (THREE.replace('"NT"', '"PO"'), "flop", "not of hold'em"),
        (THREE.replace('"p3 cbr 5"', '"p3 cbr 500000"'), "flop", "cannot be played"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            seen(load_hands(hand(tmp_path, text, "other.phh"))[0], street)
    for text in ("", "x", "variant = 3", "PokerStars Hand #1\nnothing"):
        with pytest.raises(UserError, match=r"hand histor|no hands"):
            load_hands(hand(tmp_path, text, "none.phh"))
    with pytest.raises(UserError, match="has 1 hand,"):
        chosen(load_hands(path), 2, path)
    assert run("spot", "from-hand", path, "--oop", "XX", "--ip", "AA")[0] == 2
    assert run("spot", "from-hand", tmp_path / "nowhere", "--oop", "AA", "--ip", "AA")[0] == 2


def test_names_do_not_write_files(tmp_path):
    text = THREE.replace('"Bob"', '"Bob\\nstack = 3\\u001b[2J"')
    spot = spot_of(hand(tmp_path, text), "flop", ("AA", "KK"))
    assert float(spot.stack) == 175.5


def test_the_command(tmp_path, run):
    ranges = hand(tmp_path, "AA\nKK\n", "oop.txt")
    out = tmp_path / "turn.toml"
    words = ("spot", "from-hand", hand(tmp_path, THREE), "--street", "turn", "--oop", ranges, "--ip", "AKs,76s")
    code, text, _ = run(*words, "--out", out)
    assert code == 0
    assert "counterplay solve" in text
    assert parse_spot(out.read_text()).ranges[0] == "AA,KK"
    assert f"counterplay solve {out} --out {out.with_suffix('.cps')}" in text
    assert run(*words, "--out", out)[0] == 2
    code, _, err = run(*words, "--out", tmp_path / "turn.txt")
    assert (code, "turn.toml" in err) == (2, True)
    assert "has 1 hand, and" in run(*words, "--hand", 2)[2]
    assert run(*words, "--out", out, "--force")[0] == 0
    assert 'board = "Ks 9d 4c 7h"' in run(*words)[1]


def test_damaged_hands_of_pokerstars_print_no_tracebacks(run, tmp_path):
    file = tmp_path / "hand.txt"
    file.write_text("PokerStars Hand #1:  Hold'em No Limit ($1/$2)\nnothing of a hand\n")
    code, _, complaint = run("spot", "from-hand", file, "--oop", "AA", "--ip", "KK")
    assert code == 2
    assert "Traceback" not in complaint
    assert complaint.count("\n") == 1
