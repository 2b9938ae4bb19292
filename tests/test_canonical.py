"""Indices of hands up to suits: counts that others published, and the least of all renamings of suits as an oracle."""

from itertools import combinations, pairwise, permutations
from math import comb

import numpy as np
import pytest

from counterplay.engine.errors import UserError
from counterplay.games.holdem.canonical import (
    ORDERED,
    SETS,
    boards,
    example_of,
    hand_index,
    index_of,
    indices,
)
from counterplay.games.holdem.cards import COMBO_CARDS, DECKS, HOLDEM, ROYAL, SHORT, Deck

TINY = Deck("tiny", tuple(range(20, 32)))  # three ranks
SUITS = np.array(list(permutations(range(4))))


def least(cards, sizes):
    """Return the least key of hands [n, cards] over all renamings of suits; a group of cards is a set of its own."""
    cards = np.asarray(cards, np.int64)
    bounds = np.cumsum([0, *sizes])
    best = None
    for suits in SUITS:
        renamed = cards // 4 * 4 + suits[cards % 4]
        key = np.zeros(len(cards), np.int64)
        for first, last in pairwise(bounds):
            for c in np.sort(renamed[:, first:last], axis=1).T:
                key = key * 53 + c + 1
        best = key if best is None else np.minimum(best, key)
    return best


def dealt(deck, sizes):
    """Return all ways to deal groups of cards of those sizes."""
    hands = np.zeros((1, 0), np.uint8)
    for size in sizes:
        more = np.array(list(combinations(deck.cards, size)), np.uint8).reshape(-1, size)
        both = np.concatenate([np.repeat(hands, len(more), axis=0), np.tile(more, (len(hands), 1))], axis=1)
        new = both[:, hands.shape[1] :, None] != both[:, None, : hands.shape[1]]
        hands = both[new.all(axis=(1, 2))]
    return hands


def test_counts_that_are_known():
    """Of the 52 cards: Waugh (2013), table 1, and Johanson et al. (2013); of twenty, from Slumbot's notes."""
    assert hand_index(HOLDEM, ORDERED).size.tolist() == [169, 1_286_792, 55_190_538, 2_428_287_420]
    assert hand_index(HOLDEM).size.tolist() == [169, 1_286_792, 13_960_050, 123_156_254]
    assert hand_index(ROYAL, ORDERED).size.tolist() == [25, 7_760, 104_750, 1_398_100]


@pytest.mark.parametrize("streets", [ORDERED, SETS], ids=["ordered", "sets"])
def test_every_hand_of_a_small_deck(streets):
    index = hand_index(TINY, streets)
    for street, rounds in enumerate(streets):
        hands = dealt(TINY, (2, *rounds))
        hands = hands[np.lexsort(hands.T)]  # by board
        starts = np.flatnonzero(np.any(np.diff(hands[:, 2:], axis=0), axis=1)) + 1
        found = np.concatenate([index_of(index, street, h[0, 2:], h[:, :2]) for h in np.split(hands, starts)])
        key = least(hands, (2, *rounds))
        _, kinds = np.unique(key, return_inverse=True)
        assert np.array_equal(np.unique(found), np.arange(index.size[street]))
        assert kinds.max() + 1 == index.size[street]
        assert len(np.unique(np.stack([kinds.ravel(), found]), axis=1).T) == index.size[street]  # one each


@pytest.mark.parametrize("deck", [HOLDEM, SHORT, ROYAL], ids=lambda deck: deck.name)
@pytest.mark.parametrize("streets", [ORDERED, SETS], ids=["ordered", "sets"])
def test_samples_of_whole_decks(deck, streets):
    """Hands that differ by suits and order of cards have one index; an index's own hand has it, and is its kind."""
    index, rng = hand_index(deck, streets), np.random.default_rng(7)
    for street, rounds in enumerate(streets):
        bounds = np.cumsum([2, *rounds])
        for _ in range(100):
            cards = rng.choice(deck.cards, bounds[-1], replace=False)
            number = int(index_of(index, street, cards[2:], [cards[:2]])[0])
            renamed = cards // 4 * 4 + SUITS[rng.integers(24)][cards % 4]
            for first, last in zip([0, *bounds[:-1]], bounds, strict=True):
                renamed[first:last] = rng.permutation(renamed[first:last])
            assert index_of(index, street, renamed[2:], [renamed[:2]])[0] == number
            hole, board = example_of(index, street, number)
            assert least([(*hole, *board)], (2, *rounds)) == least([cards], (2, *rounds))
        for number in (0, *rng.integers(0, index.size[street], 100), index.size[street] - 1):
            hole, board = example_of(index, street, int(number))
            assert len({*hole, *board} & {*deck.cards}) == bounds[-1]
            assert index_of(index, street, board, [hole])[0] == number


def test_a_river_of_all_hands_has_as_many_indices_as_kinds():
    index, board = hand_index(), [3, 17, 22, 40, 43]
    hole = [pair for pair in COMBO_CARDS.tolist() if not {*pair} & {*board}]
    found = index_of(index, 3, board, hole)
    kinds = least([(*pair, *board) for pair in hole], (2, 5))
    assert len(np.unique(found)) == len(np.unique(kinds)) == len(set(zip(found.tolist(), kinds.tolist(), strict=True)))


@pytest.mark.nojit
def test_the_kernels_as_they_are_called():
    index, out = hand_index(TINY), np.full(3, -1)
    indices(index, 1, np.array([20, 24, 31], np.uint8), np.array([[21, 22], [23, 26]], np.uint8), 2, out)
    assert out[2] == -1
    assert min(out[:2]) >= 0
    assert index_of(index, *(1, example_of(index, 1, 17)[1], [example_of(index, 1, 17)[0]]))[0] == 17


def test_boards_up_to_suits():
    for deck in (*DECKS.values(), TINY):
        for size in (3, 4, 5):
            cards, number = boards(deck, size)
            assert number.sum() == comb(len(deck.cards), size)
            if deck in (ROYAL, TINY):
                key = least(dealt(deck, (size,)), (size,))
                kinds, count = np.unique(key, return_counts=True)
                order = np.argsort(least(cards, (size,)))
                assert np.array_equal(least(cards, (size,))[order], kinds)
                assert np.array_equal(number[order], count)
    assert len(boards(HOLDEM, 5)[0]) == 134_459
    assert len(boards(HOLDEM, 3)[0]) == 1_755


def test_decks_that_have_no_index():
    for deck in (
        Deck("odd", tuple(range(13))),
        Deck("gap", (*range(8), *range(12, 20))),
        Deck("one", tuple(range(20)), hole=1),
    ):
        with pytest.raises(UserError, match="whole ranks and two hole cards"):
            hand_index(deck)
