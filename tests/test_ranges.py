"""Ranges: what each notation means, the way back, and what is said about mistakes."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import counterplay
from counterplay.engine.errors import UserError
from counterplay.games.holdem.cards import COMBO_CARDS, COMBOS, SHORT, combo_name, combo_number, parse_cards
from counterplay.games.holdem.preflop import HAND_OF_COMBO
from counterplay.games.holdem.presets import presets
from counterplay.games.holdem.ranges import (
    Hand,
    count,
    format_range,
    grid,
    hand_combos,
    kicker_plus,
    parse_range,
    spelled_out,
    without,
)

RANKS = "23456789TJQKA"
HANDS = [
    high + low + kind
    for i, high in enumerate(RANKS)
    for low in RANKS[: i + 1]
    for kind in ([""] if high == low else ["s", "o"])
]


def hand_of(combo):
    """Return the hand of a combo, from its text alone."""
    name = combo_name(combo)
    return name[0] + name[2] + ("" if name[0] == name[2] else "s" if name[1] == name[3] else "o")


HAND_OF = [hand_of(c) for c in range(COMBOS)]


def spread(weights):
    """Return the combos' weights of a dict of hands' weights."""
    return np.array([weights.get(hand, 0.0) for hand in HAND_OF])


@pytest.mark.parametrize(
    ("text", "hands"),
    [
        ("AA", "AA"),
        ("TT+", "TT JJ QQ KK AA"),
        ("AA+", "AA"),
        ("JJ-66", "66 77 88 99 TT JJ"),
        ("66-JJ", "66 77 88 99 TT JJ"),
        ("AKs", "AKs"),
        ("AKo", "AKo"),
        ("AK", "AKs AKo"),
        ("KA", "AKs AKo"),
        ("aks, aKO", "AKs AKo"),
        ("A5s-A2s", "A5s A4s A3s A2s"),
        ("A2s-A5s", "A5s A4s A3s A2s"),
        ("QJs-QTs", "QJs QTs"),
        ("QJ-QT", "QJs QTs QJo QTo"),
        ("QJs-QJs", "QJs"),
        ("T9s+", "T9s JTs QJs KQs AKs"),
        ("89S+", "98s T9s JTs QJs KQs AKs"),
        ("KQ+", "KQs KQo AKs AKo"),
        ("T8s+", "T8s T9s"),
        ("A9o+", "A9o ATo AJo AQo AKo"),
        ("K9+", "K9s KTs KJs KQs K9o KTo KJo KQo"),
        ("JTs-76s", "JTs T9s 98s 87s 76s"),
        ("76s-JTs", "JTs T9s 98s 87s 76s"),
        ("J9o-86o", "J9o T8o 97o 86o"),
        ("AA KK\nQQ\t,, 72o,", "AA KK QQ 72o"),
        ("JJ - 99 A5s – A4s", "JJ TT 99 A5s A4s"),
        ("", ""),
        ("random", " ".join(HANDS)),
        ("100%", " ".join(HANDS)),
    ],
)
def test_notation(text, hands):
    wanted = spread(dict.fromkeys(hands.split(), 1.0))
    np.testing.assert_array_equal(parse_range(text), wanted)


def test_combos_and_weights():
    ks_kh, as_2d = (combo_number(*parse_cards(text)) for text in ("KsKh", "As2d"))
    weights = parse_range("KhKs:.25, 2dAs")
    assert weights[[ks_kh, as_2d]].tolist() == [0.25, 1]
    assert count(weights) == (2, 1.25)
    wanted = spread({"AA": 0.5, "KK": 0.5, "AKs": 1, "QQ": 0.125})
    np.testing.assert_array_equal(parse_range("KK+:0.5 AKs:1,QQ : 0.125"), wanted)
    assert parse_range("AA:1e-05").max() == 1e-5
    assert count(parse_range("random:0.5")) == (COMBOS, COMBOS / 2)


def test_later_entries_count():
    np.testing.assert_array_equal(parse_range("QQ+, KK:0.5, KK:0.25"), spread({"QQ": 1, "KK": 0.25, "AA": 1}))
    np.testing.assert_array_equal(parse_range("AA, AA"), parse_range("AA"))
    weights = parse_range("random, 72o:0, AsKs:0.5")
    assert count(weights) == (COMBOS - 12, COMBOS - 12.5)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("AKs@50, QQ", "AKs:0.5,QQ"),
        ("AA:25%", "AA:0.25"),
        ("AA @ 12.5", "AA:0.125"),
        ("[50]AA,KK[/50],QQ", "AA:0.5,KK:0.5,QQ"),
        ("[37.5] AA [/37.5] [100]T9s[/100]", "AA:0.375,T9s"),
        ("[50]AA:50%[/50]", "AA:0.25"),
        ("JhJs+", "JsJh,QsQh,KsKh,AsAh"),
        ("8h6h+", "8h6h,8h7h"),
        ("JdTd+", "JdTd,QdJd,KdQd,AdKd"),
        ("9d8d-6d5d", "9d8d,8d7d,7d6d,6d5d"),
        ("6d5d-9d8d", "9d8d,8d7d,7d6d,6d5d"),
        ("As5h-As2h", "As5h,As4h,As3h,As2h"),
        ("5s5h-3h3s:0.5", "5s5h:0.5,4s4h:0.5,3s3h:0.5"),
    ],
)
def test_what_other_tools_write(text, same):
    np.testing.assert_array_equal(parse_range(text), parse_range(same))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AA,ZZ", "unknown hand 'ZZ' at character 4 of the range: write a hand such as AA, AKs"),
        ("AA\n KK,\n  AKx", "unknown hand 'AKx' at line 3, character 3 of"),
        ("A", "unknown hand 'A' at character 1"),
        ("A+", "unknown hand 'A' at character 1"),
        ("+", "unknown hand '' at character 1"),
        ("KsK", "unknown hand 'KsK' at character 1"),
        ("KsKx", "unknown hand 'KsKx' at character 1"),
        ("10s9s", "unknown hand '10s9s' at character 1"),
        ("15%", "unknown hand '15%' at character 1"),
        ("AA;KK", "unknown hand 'AA;KK' at character 1"),
        ("AKs-AZs", "unknown hand 'AZs' at character 5"),
        ("TT+-66", "unknown hand 'TT\\+' at character 1"),
        ("AA AAs", "'AAs' at character 4 of the range is a pair, which is neither suited nor offsuit: write AA"),
        ("KsKs", "the hand 'KsKs' at character 1 of the range holds the card Ks twice"),
        ("QsQh-JsJd", "'QsQh-JsJd' at character 1 of the range is no range: both ends must have the same suits"),
        ("KsQs-JsTh", "'KsQs-JsTh' at character 1 of the range is no range: both ends must have the same suits"),
        ("QsQh-66", "'QsQh' at character 1 of the range is a single combo"),
        ("AsKs-QsTs", "'AsKs-QsTs' at character 1 of the range is no range: its ends must be pairs"),
        ("AKs-ATo", "'AKs-ATo' at character 1 of the range mixes kinds"),
        ("AK-ATs", "'AK-ATs' at character 1 of the range mixes kinds"),
        ("J9s-65s", "'J9s-65s' at character 1 of the range is no range: its ends must be pairs"),
        ("AA-AK", "'AA-AK' at character 1 of the range is no range"),
        ("AJs-KJs", "'AJs-KJs' at character 1 of the range is no range"),
        ("AA-", "unexpected '-' at character 3"),
        ("QQ,-66", "unexpected '-' at character 4"),
        (":0.5", "unexpected ':' at character 1"),
        ("AA:", "unexpected ':' at character 3"),
        ("AA:1.5", "the weight '1.5' at character 4 of the range is not a number from 0 to 1"),
        ("AA:-0.5", "the weight '-0.5' at character 4"),
        ("AA:nan", "the weight 'nan' at character 4"),
        ("AA:0.5:0.5", "the weight '0.5:0.5' at character 4"),
        ("AA:150%", "the weight '150%' at character 4 of the range is not a number from 0 to 100, in per cent"),
        ("AA@x", "the weight 'x' at character 4"),
        ("AA@0.5", "the weight '0.5' at character 4 of the range may be per cent or a part of one"),
        ("[50]AA", r"the weight that opens at character 1 of the range is not closed, as in \[50\]AA\[/50\]"),
        ("[50][20]AA[/20][/50]", r"unexpected '\[' at character 5"),
        ("AA[/50]", r"unexpected '\[' at character 3"),
        ("[0.5]AA[/0.5]", "the weight '0.5' at character 2 of the range may be per cent"),
    ],
)
def test_mistakes(text, said):
    with pytest.raises(ValueError, match="^" + said):
        parse_range(text)


@pytest.mark.parametrize("text", ["+", "AA +", "JJ-66:+ +", "A+", "ss+", "-"])
def test_what_is_no_range_is_left_for_the_parser(text):
    """It spells out what it knows, and says nothing of the rest."""
    assert spelled_out(text) == kicker_plus(text) == text


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("AA,KK,QQ", "QQ+"),
        ("22,33,44,AA", "AA,44-22"),
        ("AKs,AQs,AJs", "AJs+"),
        ("AKs AKo", "AK"),
        ("AKo,AKs-A2s", "AK,A2s+"),
        ("A2s-AQs", "AQs-A2s"),
        ("KTs,KTo,QJs,QJo", "KT,QJ"),
        ("98s,87s,76s", "98s-76s"),
        ("98s,87s", "98s,87s"),
        ("98s:0.5,87s:0.5", "98s-87s:0.5"),
        ("JTs-54s,T8s+", "JTs-54s,T8s+"),
        ("T9,98,87", "T9-87"),
        ("AKs:0.5,QQ,22:0.25,33:0.25", "QQ,AKs:0.5,33-22:0.25"),
        ("KsKh,AsKs:0.5,2d2c:0.5", "KsKh,AsKs:0.5,2d2c:0.5"),
        ("AsKs,AhKh,AdKd,AcKc", "AKs"),
        ("22+,A2+,K2+,Q2+,J2+,T2+,92+,82+,72+,62+,52+,42+,32", "random"),
        ("random:0.50", "random:0.5"),
        ("AA:1e-5", "AA:1e-05"),
        ("", ""),
        ("random:0", ""),
    ],
)
def test_shortest_form(text, short):
    weights = parse_range(text)
    assert format_range(weights) == short
    np.testing.assert_array_equal(parse_range(short), weights)


few = st.sampled_from([0.0, 0.0, 1.0, 0.5, 0.333, 0.1234])
some_hands = st.dictionaries(st.sampled_from(HANDS), few | st.integers(0, 10_000).map(lambda n: n / 10_000))
some_combos = st.dictionaries(st.integers(0, COMBOS - 1), st.floats(0, 1))


@given(some_hands, some_combos)
@example(dict.fromkeys(HANDS, 1.0), {})
@example({}, {0: 5e-324, 1: 1 - 2**-53})
@settings(deadline=None)
def test_round_trip(hands, combos):
    weights = spread(hands)
    for combo, weight in combos.items():
        weights[combo] = weight
    np.testing.assert_array_equal(parse_range(format_range(weights)), weights)


@given(st.sets(st.sampled_from(HANDS)), st.sampled_from([1.0, 0.25]))
@settings(deadline=None)
def test_short_and_unambiguous(hands, weight):
    """No longer than the hands one by one, and the same range read from right to left."""
    weights = spread(dict.fromkeys(hands, weight))
    text = format_range(weights)
    np.testing.assert_array_equal(parse_range(text), weights)
    plain = ",".join(hand + (":0.25" if weight != 1 else "") for hand in hands)
    assert len(text) <= len(plain)
    np.testing.assert_array_equal(parse_range(",".join(reversed(text.split(",")))), weights)


@given(st.lists(st.floats(0, 1), min_size=COMBOS // 13, max_size=COMBOS // 13))
@settings(deadline=None, max_examples=10)
def test_round_trip_of_any_weights(some):
    weights = np.resize(some, COMBOS)
    np.testing.assert_array_equal(parse_range(format_range(weights)), weights)


def test_bad_weights():
    with pytest.raises(ValueError, match=r"1326 weights, one a combo, not an array of shape \(169,\)"):
        format_range(np.ones(169))
    for wrong in (-0.5, 1.5, np.nan, np.inf):
        weights = np.ones(COMBOS)
        weights[0] = wrong
        with pytest.raises(ValueError, match=f"the weight of 2d2c is {wrong}, not a number from 0 to 1"):
            count(weights)
    with pytest.raises(ValueError, match="a grid is made of 1326 values"):
        grid(np.ones(169))


def test_without_the_board():
    board = parse_cards("Ks 9d 4c 7h 2s")
    left = without(parse_range("KK, AKs:0.5, 65s"), board)
    assert count(left) == (3 + 3 + 4, 3 + 1.5 + 4)
    assert not left[np.isin(COMBO_CARDS, board).any(axis=1)].any()
    assert count(without(parse_range("random"), deck=SHORT))[0] == 630


def test_grid():
    cells = grid(parse_range("AA, AKs:0.5, T9o, KsKh"))
    assert cells[0, 0] == 1
    assert cells[0, 1] == 0.5
    assert cells[5, 4] == 1
    assert cells[4, 5] == cells[1, 0] == cells[12, 12] == 0
    assert cells[1, 1] == pytest.approx(1 / 6)
    weights = parse_range("KsKh:0.25, KdKc:0.75")
    values = np.zeros(COMBOS)
    values[combo_number(*parse_cards("KsKh"))] = 8
    cells = grid(values, weights)
    assert cells[1, 1] == 2
    assert np.isnan(cells).sum() == 168


def test_presets_are_what_push_or_fold_solves():
    solution = counterplay.solve("pushfold(stack=10)", "cfr+", target=2e-5)
    for name, row in (("sb-push", 1), ("bb-call", 3)):
        weights = parse_range(f"preset:{name}-10bb")
        assert np.abs(weights - solution.strategy[row][HAND_OF_COMBO]).max() < 0.006
    for text in presets().values():
        assert 0 < parse_range(text).sum() <= 1326


def test_presets_stand_among_other_hands():
    alone, more = parse_range("preset:bb-call-10bb"), parse_range("72o, preset:BB-call-10bb, AA:0.5")
    assert set(np.flatnonzero(alone != more)) == {*hand_combos(Hand(12, 12, "")), *hand_combos(Hand(5, 0, "o"))}
    assert "preset" not in spelled_out("preset:sb-push-5bb")


@pytest.mark.parametrize("text", ["preset:sb-push-10", "preset:", "preset:btn-open-100bb"])
def test_presets_that_are_not_there(text):
    with pytest.raises(UserError, match="there is no preset"):
        parse_range(text)
