"""Cards and their texts, and hand strength over every five-card hand and beside a second evaluator."""

from collections import Counter
from dataclasses import replace
from itertools import combinations, pairwise, permutations

import naive_poker
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterplay.games.holdem import cards
from counterplay.games.holdem.strength import category, mask_strengths, strengths

CLASSES = {  # how many five-card hands; how many of different strength (in the 52-card deck, then the short one)
    "straight flush": (40, 10, 24, 6),
    "four of a kind": (624, 156, 288, 72),
    "full house": (3744, 156, 1728, 72),
    "flush": (5108, 1277, 480, 120),
    "straight": (10200, 10, 6120, 6),
    "three of a kind": (54912, 858, 16128, 252),
    "two pair": (123552, 858, 36288, 252),
    "pair": (1098240, 2860, 193536, 504),
    "high card": (1302540, 1277, 122400, 120),
}


def read(text):
    return cards.parse_cards(text)


OLD_SHORT = replace(cards.SHORT, trips_beat_straights=True)


def of(hand, deck=cards.HOLDEM):
    """Return the strength of a hand written as text."""
    mask = np.array([cards.cards_mask(read(hand))])
    return int(mask_strengths(mask, deck=deck)[0])


def fives(deck):
    """Return the masks of all five-card hands, adding a card at a time to the hands below it."""
    masks, top = np.zeros(1, np.int64), np.full(1, -1)
    order = cards.CARD_MASKS[list(deck)]
    for left in range(4, -1, -1):
        later = [np.arange(t + 1, len(order) - left) for t in top]
        masks = np.concatenate([m | order[n] for m, n in zip(masks, later, strict=True)])
        top = np.concatenate(later)
    return masks


def test_numbers_and_names():
    assert [cards.card_name(c) for c in (0, 3, 4, 46, 51)] == ["2c", "2s", "3c", "Kh", "As"]
    pairs = [(high, low) for high in range(52) for low in range(high)]
    assert [tuple(c) for c in cards.COMBO_CARDS.tolist()] == pairs
    assert [cards.combo_number(low, high) for high, low in pairs] == list(range(cards.COMBOS))
    assert cards.combo_name(cards.combo_number(*read("KhKs"))) == "KsKh"
    assert len(set(cards.COMBO_MASKS.tolist())) == cards.COMBOS
    assert cards.cards_mask(read("KsKh")) == cards.COMBO_MASKS[cards.combo_number(*read("KsKh"))]
    assert len(cards.HOLDEM.cards) == 52
    assert cards.format_cards(cards.SHORT.cards[:2]) == "6c 6d"


@pytest.mark.parametrize("text", ["Ks 9d 4c", "Ks9d4c", "ks,9D, 4C", " Ks\n9d\t4c ,"])
def test_parse_cards(text):
    assert cards.format_cards(read(text)) == "Ks 9d 4c"


@given(st.lists(st.sampled_from(range(52)), unique=True))
def test_cards_round_trip(chosen):
    assert list(read(cards.format_cards(chosen))) == chosen
    assert list(read(cards.format_cards(chosen).replace(" ", ""))) == chosen


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Ks Kx 4c", "unknown card 'Kx' at character 4 of 'Ks Kx 4c': a card is a rank 23456789TJQKA and a suit cdhs"),
        ("10s", "unknown card '10' at character 1"),
        ("Ks9", "unknown card '9' at character 3"),
        ("Ks 9,d", "unknown card '9' at character 4"),
        ("Ks\n 9x", "unknown card '9x' at line 2, character 2"),
        ("Ks 9d ks", "the card Ks appears a second time at character 7 of 'Ks 9d ks'"),
    ],
)
def test_no_cards(text, said):
    with pytest.raises(ValueError, match="^" + said):
        read(text)


def test_bad_numbers():
    with pytest.raises(ValueError, match="4c at character 4 of 'Ks 4c' is not in the short deck: its ranks are 6789TJ"):
        cards.parse_cards("Ks 4c", cards.SHORT)
    with pytest.raises(ValueError, match="a combo is two different cards"):
        cards.combo_number(5, 5)
    with pytest.raises(ValueError, match="numbered 0 to 1325, not 1326"):
        cards.combo_name(1326)
    with pytest.raises(ValueError, match="the card 2c appears twice"):
        strengths([0, 0, 1])
    with pytest.raises(ValueError, match="numbered 0 to 51, not 52"):
        strengths([52])
    with pytest.raises(ValueError, match="at most five cards, not 6"):
        strengths(range(6))
    with pytest.raises(ValueError, match="numbers 0 to 1325, not -1 to 3"):
        strengths(range(5), [3, -1])
    with pytest.raises(ValueError, match="is no hand's strength"):
        category(-1)
    with pytest.raises(ValueError, match="in some order"):
        cards.permute_suits([0, 1, 2, 2])


def test_compatible():
    free = cards.HOLDEM.free(read("Ks 9d 4c"))
    assert free.sum() == 49 * 48 // 2
    assert not free[cards.combo_number(*read("Ks2c"))]
    assert cards.SHORT.free().sum() == 36 * 35 // 2
    assert cards.SHORT.free(read("Ks 9d 8c")).sum() == 33 * 32 // 2


def test_permuting_suits():
    for suits in permutations(range(4)):
        moved = cards.permute_suits(suits)
        assert sorted(moved) == list(range(cards.COMBOS))
        combo = cards.combo_number(*read("Kd9c"))
        wanted = "K" + cards.SUITS[suits[1]] + "9" + cards.SUITS[suits[0]]
        assert cards.combo_name(int(moved[combo])) == wanted
    board = read("Kh 9d 4c 7h 2h")
    moved = cards.permute_suits([1, 0, 2, 3])  # clubs and diamonds change places
    swapped = read("Kh 9c 4d 7h 2h")
    np.testing.assert_array_equal(strengths(swapped)[moved], strengths(board))


@pytest.mark.parametrize("deck", [cards.HOLDEM, cards.SHORT], ids=lambda deck: deck.name)
def test_every_five_card_hand(deck):
    """The class counts are known (52 cards: 2,598,960 hands, 7,462 strengths; 36 cards: 376,992 hands)."""
    ranked = mask_strengths(fives(deck.cards), deck=deck)
    short = deck is cards.SHORT
    found, times = np.unique(ranked, return_counts=True)
    hands, kinds = Counter(), Counter(category(int(s)) for s in found)
    for s, n in zip(found, times, strict=True):
        hands[category(int(s))] += int(n)
    at = 2 if short else 0
    assert hands == {name: counts[at] for name, counts in CLASSES.items()}
    assert kinds == {name: counts[at + 1] for name, counts in CLASSES.items()}
    assert len(ranked) == (376_992 if short else 2_598_960)
    assert len(found) == (1404 if short else 7462)


@pytest.mark.parametrize("count", [5, 6, 7])
@pytest.mark.parametrize(
    ("order", "rules"),
    [
        (naive_poker.STANDARD, cards.HOLDEM),
        (naive_poker.SHORT, cards.SHORT),
        (naive_poker.OLD_SHORT, OLD_SHORT),
    ],
    ids=["standard", "short", "old short"],
)
def test_against_the_second_evaluator(order, rules, count):
    """Random hands, half of them from two suits and seven ranks, sort the same way under both evaluators."""
    rng = np.random.default_rng(count)
    deck = np.array(rules.cards)
    few = np.array([c for c in deck if c % 4 < 2 and (c // 4 < 10 or c // 4 == 12)])
    hands = [rng.choice(few if i % 2 else deck, count, replace=False) for i in range(2000)]
    ours = mask_strengths(np.array([cards.cards_mask(hand.tolist()) for hand in hands]), deck=rules)
    lowest = deck[0] // 4 + 2
    wanted = [naive_poker.best([(c // 4 + 2, c % 4) for c in hand.tolist()], order, lowest) for hand in hands]
    for strength, (name, _) in zip(ours.tolist(), wanted, strict=True):
        assert category(strength) == order[name]
    by_ours = sorted(range(len(hands)), key=lambda i: ours[i])
    for a, b in pairwise(by_ours):
        assert (ours[a] == ours[b]) == (wanted[a] == wanted[b])
        assert wanted[a] <= wanted[b]


def test_combos_on_a_board():
    board = read("Ks 9d 4c 7h 2s")
    ranked = strengths(board)
    assert ranked.dtype == np.int32
    masks = [cards.cards_mask({*board, *pair}) for pair in cards.COMBO_CARDS.tolist()]
    free = cards.HOLDEM.free(board)
    assert (ranked[~free] == -1).all()
    np.testing.assert_array_equal(ranked[free], mask_strengths(np.array(masks))[free])
    some = np.array([3, 700, 1325], np.uint16)
    np.testing.assert_array_equal(strengths(np.array(board, np.uint8), some), ranked[some])
    assert category(int(ranked[cards.combo_number(*read("KcKd"))])) == "three of a kind"
    assert free.sum() == 1081
    assert len(strengths(board, [])) == 0


@pytest.mark.nojit
@pytest.mark.parametrize(
    ("weaker", "stronger", "rules"),
    [
        ("Ah Kd Qc 9s 7h 3d 2c", "2h 2d 5c 9s 7h 3d Jc", cards.HOLDEM),
        ("5h 4d 3c 2s Ah Kd Qc", "6h 5d 4c 3s 2h Kd Qc", cards.HOLDEM),
        ("6h 5h 4h 3h Ks As 2s", "Ah 5h 4h 3h 2h Ks Kd", cards.HOLDEM),
        ("Qh Qd 9c 9s 4h 4d Ac", "Kh Kd 2c 2s 3h 7d 9c", cards.HOLDEM),
        ("Qh Qd Qc 9s 9h 9d 2c", "Qh Qd Qc Ts Th 9d 9c", cards.HOLDEM),
        ("7h 7d 7c 7s Kh Kd Kc", "7h 7d 7c 7s Ah 2d 2c", cards.HOLDEM),
        ("Ah Ad Ac Kh Kd", "9h 7h 6h 8h Jh", cards.SHORT),
        ("Ah Ad Ac Kh Qd", "Ah 6d 7c 8s 9h", cards.SHORT),
        ("Ah 6d 7c 8s 9h", "6h 7d 8c 9s Th", cards.SHORT),
        ("Th Jd Qc Ks Ah", "6h 6d 6c 7h 8d", OLD_SHORT),
        ("Th Jd Qc Ks Ah 6d 8c", "6h 6d 6c 7h 8d 9c Td", OLD_SHORT),
    ],
)
def test_who_wins(weaker, stronger, rules):
    assert of(weaker, rules) < of(stronger, rules)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ah Kd Qc 9s 7h 3d 2c", "As Ks Qs 9h 7d 4d 2d"),
        ("Ah Kd Qc Js Th Ad 2c", "As Kh Qh Jh Td 9d 2d"),
        ("Ah Jh 9h 5h 3h 2h Ks", "Ad Jd 9d 5d 3d Kc Ks"),
        ("Kh Kd 9c 9s 4h 4d Ac", "Ks Kc 9h 9d Ah 7d 2c"),
        ("Kh Kd Ac", "Ks Kc Ad"),
    ],
)
def test_ties(one, other):
    assert of(one) == of(other)


def test_all_subsets_of_seven():
    """Seven cards are worth the best five of them."""
    hand = read("9h 8h 7d 6h 5h Th 9c")
    best = max(of(cards.format_cards(five)) for five in combinations(hand, 5))
    assert of("9h 8h 7d 6h 5h Th 9c") == best
    assert category(best) == "flush"
