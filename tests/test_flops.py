"""Flops up to suits, and subsets that stand for all."""

from collections import Counter
from itertools import combinations, permutations

import pytest

from counterplay.engine.errors import UserError
from counterplay.games.holdem.cards import DECKS, parse_cards
from counterplay.games.holdem.flop_subsets import SUBSETS
from counterplay.games.holdem.flops import kinds, subset, texture


def test_all_kinds_of_flops():
    flops = kinds()
    assert len(flops) == 1755
    assert sum(flop.weight for flop in flops) == pytest.approx(1)
    # three of a rank, monotone, two suits and rainbow, of 22,100
    shapes = Counter()
    for flop in flops:
        look = texture(flop.board)
        shapes[look["suits"] if look["pairs"] != "trips" else "trips"] += flop.weight * 22100
    assert {name: round(count) for name, count in shapes.items()} == {
        "trips": 52, "monotone": 1144, "two suits": 12168, "rainbow": 8736,
    }  # fmt: skip


def test_kinds_of_a_small_deck_by_hand():
    """Each flop of twenty cards is a renaming of exactly one kind, which has its share."""
    deck, found = DECKS["royal"], Counter()
    for flop in combinations(deck.cards, 3):
        found[min(tuple(sorted(c // 4 * 4 + suits[c % 4] for c in flop)) for suits in permutations(range(4)))] += 1
    flops = kinds(deck)
    assert len(flops) == len(found)
    for flop in flops:
        images = {tuple(sorted(c // 4 * 4 + s[c % 4] for c in flop.board)) for s in permutations(range(4))}
        assert flop.weight == pytest.approx(found[min(images)] / 1140)


@pytest.mark.parametrize("size", SUBSETS)
def test_subsets_stand_for_all(size):
    chosen, known = subset(size), {flop.board for flop in kinds()}
    assert len({flop.board for flop in chosen}) == size
    assert {flop.board for flop in chosen} <= known
    assert all(flop.weight > 0 for flop in chosen)
    assert sum(flop.weight for flop in chosen) == pytest.approx(1, abs=1e-4)
    assert SUBSETS[size].typical < SUBSETS[size].largest < 0.03


def test_a_subset_of_another_size_is_refused():
    with pytest.raises(UserError, match="subsets of flops are of 25, 49, 95, 184 flops, not of 30"):
        subset(30)


@pytest.mark.parametrize(
    ("board", "high", "pairs", "suits", "ranks"),
    [
        ("Ks9d4c", "K", "unpaired", "rainbow", "no straight"),
        ("Ah2h5h", "A", "unpaired", "monotone", "straight possible"),
        ("AsKsTd", "A", "unpaired", "two suits", "straight possible"),
        ("9s9d4c", "9", "paired", "rainbow", "no straight"),
        ("7s7d7c", "7", "trips", "rainbow", "no straight"),
        ("Th6d7c", "T", "unpaired", "rainbow", "straight possible"),
        ("Th5d7c", "T", "unpaired", "rainbow", "no straight"),
    ],
)
def test_textures(board, high, pairs, suits, ranks):
    found = texture(parse_cards(board))
    assert found == {"high card": high, "pairs": pairs, "suits": suits, "ranks": ranks}
