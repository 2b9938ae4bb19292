"""Push or fold: the table of all-in equities against boards dealt one by one, the charts against published ones."""

from functools import cache
from itertools import combinations, permutations
from math import comb

import naive_poker
import numpy as np
import pytest

import counterplay
from counterplay.games.holdem import preflop
from counterplay.games.holdem.cards import CARD_MASKS, COMBO_CARDS, COMBO_MASKS
from counterplay.games.holdem.ranges import HANDS, hand_combos
from counterplay.games.holdem.strength import mask_strengths
from counterplay.games.icm import prizes

INDEX = {name: i for i, name in enumerate(preflop.NAMES)}
COMBOS = np.bincount(preflop.HAND_OF_COMBO)


def equity(one, two):
    table = preflop.matchups()
    i, j = INDEX[one], INDEX[two]
    return (table.wins[i, j] + table.ties[i, j] / 2) / (table.pairs[i, j] * preflop.BOARDS)


def test_every_board_counts_once():
    boards, numbers = preflop.boards()
    assert len(boards) == len(set(boards.tolist())) == 134_459  # kinds of five cards up to suits
    assert numbers.sum() == comb(52, 5)


def test_wins_on_a_board_are_those_of_every_pair():
    rng = np.random.default_rng(5)
    for cards in (rng.choice(52, 5, replace=False), np.array([0, 4, 8, 12, 48])):  # the second makes many ties
        board = int(CARD_MASKS[cards].sum())
        free = np.flatnonzero(COMBO_MASKS & board == 0)
        plain = [[(c // 4 + 2, c % 4) for c in (*cards.tolist(), *COMBO_CARDS[i].tolist())] for i in free]
        strength = [naive_poker.best(seven) for seven in plain]
        order = {value: place for place, value in enumerate(sorted({(s, tuple(r)) for s, r in strength}))}
        ranks = np.array([order[s, tuple(r)] for s, r in strength])
        apart = COMBO_MASKS[free][:, None] & COMBO_MASKS[free][None, :] == 0
        wins = np.zeros((169, 169), np.int64)
        hand = preflop.HAND_OF_COMBO[free]
        np.add.at(wins, (hand[:, None], hand[None, :]), apart & (ranks[:, None] > ranks[None, :]))
        found = preflop.count(np.array([board]), np.array([3]))
        assert np.array_equal(found, 3 * wins)


@cache
def all_boards():
    return np.array([sum(five) for five in combinations(CARD_MASKS.tolist(), 5)], np.int64)


@pytest.mark.parametrize(("one", "two"), [("AA", "KK"), ("AKs", "22")])
def test_the_table_is_that_of_all_boards(one, two):
    strength = [
        [mask_strengths(all_boards(), int(COMBO_MASKS[c])) for c in hand_combos(HANDS[INDEX[name]])]
        for name in (one, two)
    ]
    table, i, j = preflop.matchups(), INDEX[one], INDEX[two]
    wins = losses = boards = 0
    for a, mine in zip(hand_combos(HANDS[i]), strength[0], strict=True):
        for b, theirs in zip(hand_combos(HANDS[j]), strength[1], strict=True):
            if COMBO_MASKS[a] & COMBO_MASKS[b] == 0:
                both = (mine >= 0) & (theirs >= 0)
                boards += int(both.sum())
                wins += int((both & (mine > theirs)).sum())
                losses += int((both & (mine < theirs)).sum())
    assert boards == table.pairs[i, j] * preflop.BOARDS
    assert wins == table.wins[i, j]
    assert losses == table.wins[j, i]


def test_known_equities():
    """Figures that every poker calculator gives, to the digits that they give."""
    assert preflop.BOARDS == 1_712_304
    assert equity("AA", "KK") == pytest.approx(0.8195, abs=5e-5)
    assert equity("AKs", "22") == pytest.approx(0.4989, abs=5e-5)
    table = preflop.matchups()
    share = (table.wins + table.ties / 2).sum(axis=1) / (table.pairs.sum(axis=1) * preflop.BOARDS)
    assert share[INDEX["AA"]] == pytest.approx(0.8520, abs=5e-5)  # against any two cards
    assert share[INDEX["32o"]] == pytest.approx(0.3230, abs=5e-5)


def test_sums_of_the_table():
    table = preflop.matchups()
    assert table.pairs.sum() == comb(52, 2) * comb(50, 2)
    assert table.pairs[INDEX["AA"]].sum() == 6 * comb(50, 2)
    assert np.array_equal(table.pairs, table.pairs.T)
    assert np.array_equal(table.ties, table.ties.T)
    assert table.ties.min() >= 0
    assert np.array_equal(table.wins + table.wins.T + table.ties, table.pairs * preflop.BOARDS)


@cache
def solved(stack, ante=0.0):
    return counterplay.solve(f"pushfold(stack={stack}, ante={ante})", "cfr+", target=1e-5)


def odds(stack, hand, player=0):
    """Return how often a hand goes in, or calls."""
    return solved(stack).strategy[2 * player + 1, INDEX[hand]]


@pytest.mark.parametrize(("stack", "ante"), [(10.0, 0.0), (5.0, 0.125), (1.5, 0.0), (40.0, 0.0)])
def test_equals_the_linear_programme(stack, ante):
    found, exact = solved(stack, ante), counterplay.solve(f"pushfold(stack={stack}, ante={ante})", "lp")
    assert found.exploitability < 1e-5
    assert exact.exploitability < 1e-9
    assert found.value[0] == pytest.approx(exact.value[0], abs=2e-5)


def test_the_chart_of_ten_big_blinds():
    """58.3 % go in and 37.4 % call; the sums of the chart of www.holdemresources.net ("HeadsUp Push/Fold")."""
    push, call = (solved(10.0).strategy[row] @ COMBOS / 1326 for row in (1, 3))
    assert push == pytest.approx(0.583, abs=2e-3)
    assert call == pytest.approx(0.374, abs=2e-3)


def test_published_thresholds():
    """That site: T3s goes in up to 7.7, 63s from 7.1 to 5.1 and below 2.3, Q2o calls up to 5.6."""
    assert odds(7.5, "T3s") > 0.9 > 0.1 > odds(8.0, "T3s")
    assert odds(5.5, "Q2o", 1) > 0.9 > 0.1 > odds(5.7, "Q2o", 1)
    pushed = [odds(stack, "63s") > 0.5 for stack in (2.2, 2.4, 5.0, 5.2, 7.0, 7.2)]
    assert pushed == [True, False, False, True, True, False]


def test_an_ante_is_worth_fighting_for():
    more, less = (solved(10.0, ante).strategy[1] @ COMBOS for ante in (0.125, 0.0))
    assert more > less


def test_show_draws_the_charts(tmp_path):
    from click.testing import CliRunner

    from counterplay.cli import cli

    file = tmp_path / "pushfold.cps"
    solved(10.0).save(file)
    lines = CliRunner().invoke(cli, ["show", str(file)]).output.splitlines()
    assert "A  all-in   58.3%" in " ".join(lines)
    assert sum(line.startswith("  A  A100 A100") for line in lines) == 1
    assert sum(line.startswith("  A  c100 c100") for line in lines) == 1
    rows = CliRunner().invoke(cli, ["show", str(file), "--infoset", "63s"]).output
    assert "63s" in rows
    assert "all combos" not in rows


@pytest.mark.parametrize("spec", ["pushfold(stack=1)", "pushfold(stack=3, ante=2)", "pushfold(ante=-1)"])
def test_impossible_stakes_are_refused(spec):
    with pytest.raises(ValueError, match="big blinds, not"):
        counterplay.solve(spec)


def by_orders(stacks, payouts):
    """What stacks are worth over all finishing orders, one by one."""
    worth = np.zeros(len(stacks))
    for order in permutations(range(len(stacks))):
        odds, left = 1.0, sum(stacks)
        for player in order:
            odds, left = odds * stacks[player] / left if left else odds, left - stacks[player]
        for player, prize in zip(order, payouts, strict=False):
            worth[player] += odds * prize
    return worth


@pytest.mark.parametrize(
    ("stacks", "payouts"),
    [((5000, 3000, 2000), (50, 30, 20)), ((1, 2, 3, 4, 5), (10, 5, 2)), ((7, 1), (3, 1)), ((2, 9, 4, 1), (1,))],
)
def test_prizes_are_those_of_all_finishing_orders(stacks, payouts):
    assert prizes(stacks, payouts) == pytest.approx(by_orders(stacks, payouts))


def test_prizes_by_hand():
    """Of 5,000, 3,000 and 2,000 the first: half of 50, 3/10 5/7 + 2/10 5/8 of 30, and the rest of 20."""
    second = 3 / 10 * 5 / 7 + 2 / 10 * 5 / 8
    assert prizes((5000, 3000, 2000), (50, 30, 20))[0] == pytest.approx(25 + 30 * second + 20 * (0.5 - second))
    assert prizes((6, 4, 0), (50, 30, 20)).tolist() == pytest.approx([42, 38, 20])


def test_without_others_chips_are_worth_alike():
    """Between two players the model is linear: the charts are those of chips."""
    rules = counterplay.make("pushfold(stacks=(10, 10), payouts=(70, 30))")
    gains = rules.table(-1)
    assert np.abs(gains.sum(axis=0)).max() < 1e-12
    assert gains[0] / (40 / 20 * 10) == pytest.approx(preflop.matchups().ahead)


@cache
def bubble():
    return counterplay.solve("pushfold(stacks=(10, 10), payouts=(50, 30, 20), others=(10, 2))", iterations=400)


def test_on_the_bubble_fewer_hands_call():
    """A short stack waits, three are paid: calls cost more than they win, so fewer call and more go in."""
    push, call = (bubble().strategy[row] @ COMBOS / 1326 for row in (1, 3))
    chips = [solved(10.0).strategy[row] @ COMBOS / 1326 for row in (1, 3)]
    assert push > chips[0] + 0.1
    assert call < chips[1] - 0.1


def test_a_general_sum_is_judged_by_the_joint_gap():
    """Nobody gains by another chart: each hand's better action, counted by hand from the payoffs."""
    solution, rules = bubble(), counterplay.make(bubble().game)
    assert not solution.certain
    assert solution.nash_conv < 0.01  # of prizes of 100
    deal, (fold, walk, met) = rules.deals(), (rules.table(key) for key in (0, 1, -1))
    push, call = solution.strategy[1], solution.strategy[3]
    into = (deal * ((1 - call) * walk[0] + call * met[0])).sum(axis=1)
    assert solution.best[0] == pytest.approx(np.maximum(into, (deal * fold[0]).sum(axis=1)).sum())
    called, folded = ((deal * push[:, None] * table[1]).sum(axis=0) for table in (met, walk))
    rest = (deal * (1 - push)[:, None] * fold[1]).sum()
    assert solution.best[1] == pytest.approx(np.maximum(called, folded).sum() + rest)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("pushfold(payouts=(50, 30))", "go together"),
        ("pushfold(stacks=(5,), payouts=(50,))", "not 1"),
        ("pushfold(stacks=(5, 6), payouts=(50, 30, 20))", "3 payouts for 2 players"),
        ("pushfold(stacks=(5, 6), payouts=(0,))", "more than nothing"),
        ("pushfold(stacks=(5, 6), payouts=(9, 1), others=(-1,))", "zero or more"),
    ],
)
def test_impossible_prizes_are_refused(spec, says):
    with pytest.raises(ValueError, match=says):
        counterplay.make(spec)
