"""Spot files and flags: what they say, what they refuse, and that they are written back whole."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterplay.games.holdem.betting import FixedLimit, Menu, NoLimit, Rake
from counterplay.games.holdem.sizes import BetSize, parse_sizes
from counterplay.games.holdem.spot import Spot, load_spot, parse_spot, spot_from_flags, to_toml
from counterplay.games.holdem.trees import children

EXAMPLES = Path(__file__).parents[1] / "examples"

HEAD = """
board = "Ks 9d 4c 7h 2s"
pot = 60
stack = 170
"""
RANGES = """
[range]
oop = "QQ, 87s"
ip = "JJ, A5s:0.5"
"""
BETS = """
[bets.river]
bet = ["33%", "75%", "all-in"]
raise = ["60%", "all-in"]
"""
TEXT = HEAD + RANGES + BETS


def first_actions(spot: Spot) -> list[str]:
    """Return what OOP can do first."""
    tree = spot.tree()
    return [tree.action[child] for child in children(tree, 0)]


def test_the_examples():
    river, turn, flop = (load_spot(EXAMPLES / f"{name}_a.toml") for name in ("river", "turn", "flop"))
    assert [spot.street for spot in (river, turn, flop)] == ["river", "turn", "flop"]
    assert first_actions(river) == ["check", "bet 20", "bet 45", "all-in 170"]
    assert first_actions(turn) == ["check", "bet 30", "all-in 170"]
    assert first_actions(flop) == ["check", "bet 30"]
    for spot, combos in ((river, (275, 326)), (turn, (279, 330)), (flop, (289, 342))):
        assert (spot.pot, spot.stack, spot.rake, spot.variant) == (60, 170, Rake(), "holdem")
        assert tuple((spot.weights > 0).sum(axis=1)) == combos


def test_weights_are_those_of_possible_hands():
    spot = parse_spot(TEXT)
    assert spot.weights.shape == (2, 1326)
    assert spot.weights[0].sum() == 6 + 3  # 8h7h is on the board
    assert spot.weights[1].sum() == 6 + 4 * 0.5
    short = parse_spot(
        'variant = "short"\nboard = "Ks 9d Tc"\npot = 6\nstack = 17\n[range]\noop = "random"\nip = "66,55"\n'
        "[bets]\nbet = []"
    )
    assert short.weights[0].sum() == 33 * 32 / 2
    assert short.weights[1].sum() == 6


def test_sizes_come_from_the_closest_table():
    betting = parse_spot(
        'board = "Ks 9d 4c"\npot = 60\nstack = 170\n'
        + RANGES
        + """
        [bets]
        bet = ["10%"]
        [bets.ip]
        raise = "2x"
        [bets.flop]
        bet = ["20c", "50%"]
        lead = "none"
        [bets.turn]
        lead = ["25%"]
        [bets.turn.ip]
        bet = []
        [bets.river.oop]
        bet = ["e"]
        raise = []
        """.replace('lead = "none"', "")
    ).betting
    assert isinstance(betting, NoLimit)

    def menu(bet, raises, lead=None):
        lead = None if lead is None else parse_sizes(lead, "lead")
        return Menu(parse_sizes(bet, "bet"), parse_sizes(raises, "raise"), lead)

    assert betting.menus == (
        None,
        (menu("20c,50%", "2x"), menu("20c,50%", "2x")),  # IP's raises are OOP's too
        (menu("10%", "2x", "25%"), menu("", "2x")),
        (menu("e", ""), menu("10%", "2x")),  # the common [bets] comes before the other's
    )


def test_what_one_side_leaves_out_it_takes_from_the_other():
    text = HEAD + RANGES + '[bets.river.oop]\nbet = ["50%", "30c"]\n[bets.river.ip]\n'
    spot = parse_spot(text)
    assert isinstance(spot.betting, NoLimit)
    oop, ip = spot.betting.menus[3] or ()
    assert oop == ip
    assert oop.raises == (BetSize("%", Fraction(1, 2)),)  # raises left out by both: the bets', less chips


def test_leads():
    text = TEXT.replace("170\n", '170\naggressor = "ip"\n', 1) + 'lead = ["25%"]'
    assert first_actions(parse_spot(text)) == ["check", "bet 15"]
    assert first_actions(parse_spot(text.replace('lead = ["25%"]', ""))) == ["check", "bet 20", "bet 45", "all-in 170"]
    oop = text.replace('"ip"\n', '"oop"\n', 1).replace('lead = ["25%"]', "")
    assert first_actions(parse_spot(oop)) == ["check", "bet 20", "bet 45", "all-in 170"]


def test_flags_say_what_a_file_says():
    spot = load_spot(EXAMPLES / "river_a.toml")
    flags = spot_from_flags(
        board="Ks9d4c7h2s",
        oop=spot.ranges[0],
        ip=spot.ranges[1],
        pot=60,
        stack=170,
        bets="33%, 75%, all-in",
        raises="60%,a",
    )
    assert flags == spot
    given = {"board": "Ks9d4c7h", "oop": "QQ", "ip": "JJ", "pot": 60, "stack": 170}
    limit = spot_from_flags(**given, limit="2,4,4", rake="5%,3", aggressor=None)
    assert limit.betting == FixedLimit((None, None, 4, 4))
    assert limit.rake == Rake(5, 3)
    assert spot_from_flags(**given, limit="4", rake="2.5").rake == Rake(2.5, math.inf)
    quick = spot_from_flags(**given, bets="33%,75%,all-in", add_allin="150%", raise_cap=2, min_bet=2, force_allin=0.1)
    assert isinstance(quick.betting, NoLimit)
    assert (quick.betting.add_allin, quick.betting.force_allin) == (Fraction(3, 2), Fraction(1, 10))
    assert quick.betting.menus[2] == quick.betting.menus[3]
    for wrong, says in [
        ({"bets": "33%", "stock": 3}, "no key 'stock'.*'stack'"),
        ({"bets": "33%,"}, "bets.bet: '' is not a bet size"),
        ({"bets": "2x"}, "bets.bet: '2x' makes no legal bet"),
        ({"limit": "2,4"}, "one each for flop and turn and river"),
        ({"limit": "two"}, "limit must be chips"),
        ({"bets": "33%", "rake": "5,3,1"}, "rake must be"),
        ({"bets": "33%", "rake": "five"}, "rake must be"),
        ({"bets": "33%", "limit": "2"}, "no 'bets'"),
    ]:
        with pytest.raises(ValueError, match=says):
            spot_from_flags(**given, **wrong)


def test_rake():
    rake = parse_spot(TEXT + "[rake]\npercent = 5\ncap = 3").rake
    assert (rake.of(40), rake.of(100)) == (2.0, 3.0)
    assert Rake().of(100) == 0.0


SIZES = st.lists(
    st.sampled_from(["33%", "12.5%", "all-in", "e", "2e"]) | st.integers(1, 200).map(lambda n: f"{n}%"), max_size=4
)


@st.composite
def spots(draw: st.DrawFn) -> Spot:
    """Draw a spot with any of the settings."""
    cards = draw(st.integers(3, 5))
    options = {
        "raise_cap": draw(st.none() | st.integers(0, 3)),
        "min_bet": draw(st.none() | st.integers(1, 9)),
        "add_allin": draw(st.none() | st.sampled_from([0.15, 1.5, "33.3%", 2])),
        "force_allin": draw(st.none() | st.floats(0, 3)),
        "variant": draw(st.sampled_from([None, "holdem", "short"])),
    }
    lines = [f"{key} = {value!r}" for key, value in options.items() if value is not None]
    lines += [f"board = '{' '.join(['Ks', '9d', 'Tc', '7h', '6s'][:cards])}'", "pot = 20", "stack = 40"]
    lead = draw(st.booleans())
    if lead:
        lines.append('aggressor = "ip"')
    lines += ["[range]", 'oop = """QQ,\n 87s"""', 'ip = "JJ,A9s:0.25"']
    for table in ("bets", "bets.ip", "bets.turn", "bets.river.oop"):
        lines.append(f"[{table}]")
        for role in ("bet", "raise", "lead"):
            if table == "bets" and role == "bet":
                lines.append(f"bet = {draw(SIZES)}")
            elif draw(st.booleans()) and (role != "lead" or (lead and table != "bets.ip")):
                lines.append(f"{role} = {draw(SIZES)}")
    if draw(st.booleans()):
        lines += ["[rake]", f"percent = '{draw(st.floats(0, 99))}%'", f"cap = {draw(st.floats(0, 100))}"]
    return parse_spot("\n".join(lines))


@settings(max_examples=60, deadline=None)
@given(spots())
def test_a_spot_is_written_back_whole(spot):
    again = parse_spot(to_toml(spot))
    assert again == spot
    assert hash(again) == hash(spot)
    assert np.array_equal(again.weights, spot.weights)


def test_a_limit_spot_is_written_back_whole():
    spot = parse_spot(HEAD + RANGES + "[limit]\nriver = 4\ncap = 3\n[rake]\npercent = 1")
    assert spot.betting == FixedLimit((None, None, None, 4), 3)
    assert parse_spot(to_toml(spot)) == spot


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"Ks 9d', '"Ks Ks', "Ks"),
        ('"Ks 9d', '"Kx 9d', "board: .*Kx"),
        ('"Ks 9d 4c 7h 2s"', '"Ks 9d"', "3 cards .flop., 4 .turn., 5 .river. or none, not 2"),
        ('"Ks 9d 4c 7h 2s"', '"Ks 9d 4c 7h 2s 2c"', "not 6"),
        ('"Ks 9d 4c 7h 2s"', "9", "board must be a text in quotes"),
        ("pot = 60", "", "needs 'pot'"),
        ("pot = 60", "pot = 0", "pot must be more than no chips"),
        ("pot = 60", "pot = -60", "pot must be more than no chips"),
        ("pot = 60", "pot = 5.5555", "at most three decimals"),
        ("pot = 60", "pot = true", "pot must be a number"),
        ("pot = 60", "pot = nan", "pot must be a number"),
        ("pot = 60", f"pot = {10**400}", "pot must be more than no chips"),
        ("stack = 170", "stack = 0", "stack must be more than no chips"),
        ("stack = 170", 'stack = "deep"', "stack must be a number"),
        ("stack = 170", "stock = 170", "no key 'stock' .did you mean 'stack'"),
        ("stack = 170", "stack = 170\n[river]\nbet = []\n", "no key 'river'"),
        (
            "stack = 170",
            'stack = 170\nvariant = "shart"',
            "one of holdem, short, royal, not 'shart' .did you mean 'short'",
        ),
        ("stack = 170", 'stack = 170\nvariant = "short"', "4c, which a short deck does not have"),
        ("stack = 170", 'stack = 170\naggressor = "button"', "aggressor must be 'oop' or 'ip'"),
        ("stack = 170", 'stack = 170\nadd_allin = "much"', "multiple of the pot"),
        ("stack = 170", "stack = 170\nadd_allin = inf", "must be a number"),
        ("stack = 170", "stack = 170\nforce_allin = -0.5", "force_allin must be zero or more"),
        ("stack = 170", "stack = 170\nraise_cap = 1.5", "whole number"),
        ('ip = "JJ', 'button = "JJ', "range. has no key 'button'"),
        ('oop = "QQ, 87s"', "", "needs range.oop"),
        ('oop = "QQ, 87s"', 'oop = "QX"', "range.oop: .*QX"),
        ('oop = "QQ, 87s"', 'oop = ""', "range.oop"),
        ('oop = "QQ, 87s"', 'oop = "9d7h"', "range.oop has no hand that is possible on the board"),
        ('oop = "QQ, 87s"\nip = "JJ, A5s:0.5"', 'oop = "QhQd"\nip = "QhQs,AdQd"', "share a card"),
        ("[bets.river]", "[bets.rivver]", "no key 'rivver' .did you mean 'river'"),
        ("[bets.river]", "[bets.river.button]", "no key 'button'"),
        ("[bets.river]", "[bets.turn]", "bets.river has no bet sizes"),
        (BETS, "", "needs bet sizes"),
        (BETS, "bets = 3", "no key 'bets'|bets must be a table|belongs at the top"),
        ("raise =", "rase =", "bets.river. has no key 'rase' .did you mean 'raise'"),
        ("raise =", "raise_cap = 3\nraise =", "'raise_cap' belongs at the top"),
        ("raise =", 'lead = ["50%"]\nraise =', "bets.river.lead is for after OOP called"),
        ('"33%"', '"33"%', "not TOML"),
        ('"33%"', '"0%"', "bets.river.bet: '0%' makes no legal bet"),
        ('"33%"', '"2x"', "bets.river.bet: '2x' makes no legal bet"),
        ('"33%"', '"big"', "bets.river.bet: 'big' is not a bet size"),
        ('"60%"', '"1x"', "bets.river.raise: '1x' makes no legal raise"),
        ('"60%"', '"30c"', "'30c' makes no legal raise on the river: against the smallest bet of 20, a raise is to 40"),
        (BETS, "[bets.river.ip]\nbet = []\nlead = []", "only OOP, who acts first, can lead"),
        (BETS, "[bets]\nlead = []\nbet = []", "bets.lead is for after OOP called"),
        (BETS, "[limit]\nturn = 4", "limit.river is missing"),
        (BETS, "[limit]\nriver = 0", "limit.river must be more than no chips"),
        (BETS, "[limit]\nriver = 4\ncap = -1", "limit.cap must be"),
        (BETS, "[limit]\nriver = 4\n[bets.river]\nbet = []", "no 'bets'"),
        (BETS, BETS + "[rake]\npercent = 100", "rake.percent must be"),
        (BETS, BETS + "[rake]\npercent = 5\ncap = -1", "rake.cap must be"),
        (BETS, BETS + "[rake]\nper_cent = 5", "did you mean 'percent'"),
        ('["33%", "75%", "all-in"]\nraise = ["60%", "all-in"]', '["1c"]\nraise = ["1%", "2%", "3%"]', "nodes"),
    ],
)
def test_mistakes_get_one_sentence(old, new, says):
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    if "nodes" in says:
        text = text.replace("stack = 170", "stack = 100000")
    with pytest.raises(ValueError, match=says) as caught:
        parse_spot(text)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read .*nothing.toml': there is no such file"):
        load_spot(tmp_path / "nothing.toml")
    (tmp_path / "latin.toml").write_bytes("board = 'é'".encode("latin-1"))
    with pytest.raises(ValueError, match="UTF-8"):
        load_spot(tmp_path / "latin.toml")
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert load_spot(tmp_path / "bom.toml") == parse_spot(TEXT)
    (tmp_path / "wrong.toml").write_text(TEXT.replace("pot = 60", "pot = 0"))
    with pytest.raises(ValueError, match=r"wrong.toml: the pot must be"):
        load_spot(tmp_path / "wrong.toml")
