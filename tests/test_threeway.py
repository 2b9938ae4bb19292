"""Push or fold of three players: the form in lanes, orders of three hands, side pots and prizes, each by hand."""

from functools import cache
from itertools import permutations, product

import naive_poker
import numpy as np
import pytest

import counterplay
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.strategy import random, to_table
from counterplay.engine.tree import compile_tree
from counterplay.games import all_in
from counterplay.games.holdem import preflop, threeway
from counterplay.games.holdem.cards import CARD_MASKS, COMBO_CARDS, COMBO_MASKS
from counterplay.games.icm import prizes
from counterplay.solvers.cfr import CFR
from counterplay.solvers.value import best_response, judge_table
from counterplay.solvers.variants import VARIANTS

INDEX = {name: i for i, name in enumerate(preflop.NAMES)}


def forms(spec):
    tree = compile_tree(counterplay.make(spec))
    return tree, sequence_form(tree, unroll=False), sequence_form(tree)


def test_three_players_in_lanes_are_judged_as_information_sets_are():
    tree, lanes, sets = forms("kuhn(players=3)")
    assert lanes.width == tree.lanes
    assert sets.width == 1
    for seed in range(3):
        table = random(tree, np.random.default_rng(seed))
        found, plain = judge_table(lanes, table), judge_table(sets, table)
        assert found.value == pytest.approx(plain.value, abs=1e-12)
        assert found.best == pytest.approx(plain.best, abs=1e-12)
        for p in range(3):
            assert best_response(lanes, tree, table, p)[0] == pytest.approx(plain.best[p], abs=1e-12)


def test_three_players_in_lanes_learn_alike():
    _, lanes, sets = forms("kuhn(players=3)")
    runs = [CFR(form, VARIANTS["cfr+"], 0) for form in (lanes, sets)]
    for run in runs:
        run.advance(50)
    assert runs[0].judge().best == pytest.approx(runs[1].judge().best, abs=1e-9)
    assert runs[0].judge().nash_conv < 0.05


def split(stacks, put, places):
    """Chips after a hand, one chip at a time: each goes to the best of those who put in as many before it."""
    chips = [stack - paid for stack, paid in zip(stacks, put, strict=True)]
    for level in range(max(put)):
        pot = sum(paid > level for paid in put)
        able = [p for p, place in enumerate(places) if place is not None and put[p] > level]
        best = [p for p in able if places[p] == min(places[q] for q in able)]
        for p in best:
            chips[p] += pot / len(best)
    return chips


def test_side_pots_are_those_of_single_chips():
    stacks, posted = (7, 4, 11), (0, 1, 2)
    for inside in [s for s in product((0, 1), repeat=3) if sum(s)]:
        put = [stacks[p] if inside[p] else posted[p] for p in range(3)]
        for places in threeway.PLACES:
            shown = [places[p] if inside[p] else None for p in range(3)]
            found = all_in.after(stacks, put, shown)
            assert found == pytest.approx(split(stacks, put, shown))
            assert sum(found) == pytest.approx(sum(stacks))


def test_who_goes_out_with_more_chips_is_placed_higher():
    assert all_in.worth((19, 0, 0), (10, 5, 4), (50, 30, 20)) == [50, 30, 20]
    assert all_in.worth((0, 0, 19, 3), (5, 5, 9, 3), (50, 30, 20)) == pytest.approx(
        [10, 10, *prizes((19, 3), (50, 30))]
    )
    assert all_in.worth((4, 2), (3, 3), ()) == [4, 2]


def test_there_are_thirteen_orders_of_three():
    ranked = {tuple(sorted(set(v)).index(x) for x in v) for v in product(range(3), repeat=3)}
    assert set(threeway.PLACES) == ranked
    assert len(threeway.PLACES) == 13


def plain_orders(board, chosen):
    """The order of every set of three on a board, with the combos that stand for them, by a plain evaluator."""
    seven = [[(c // 4 + 2, c % 4) for c in (*board, *COMBO_CARDS[i].tolist())] for i in chosen.ravel()]
    masks = COMBO_MASKS[chosen]
    best = [(s, tuple(r)) for s, r in map(naive_poker.best, seven)]
    return np.array([sorted(set(best)).index(x) for x in best]).reshape(chosen.shape), masks


def test_orders_on_a_board_are_those_of_a_plain_evaluator():
    rng = np.random.default_rng(3)
    of_hand = np.argsort(preflop.HAND_OF_COMBO, kind="stable")
    size = np.bincount(preflop.HAND_OF_COMBO)
    boards = [rng.choice(52, 5, replace=False), np.array([0, 4, 8, 12, 48])]
    chosen = of_hand[np.cumsum(size) - size + (rng.random((2, 3, 169)) * size).astype(int)]
    counts = np.zeros((threeway.SETS, 15), np.uint32)
    masks = np.array([CARD_MASKS[board].sum() for board in boards])
    threeway.count_orders(masks, np.array([2, 3]), chosen.astype(np.uint16), COMBO_MASKS, *threeway.ranking(), counts)
    sets = threeway.sets()
    assert sets.shape == (threeway.SETS, 3)
    wanted = np.zeros((threeway.SETS, 13), np.int64)
    some = rng.choice(threeway.SETS, 500, replace=False)
    for number, board, own in zip((2, 3), boards, chosen, strict=True):
        ranks, held = plain_orders(board.tolist(), own)
        for row in some:
            cards = [int(held[q, h]) for q, h in enumerate(sets[row])]
            everything = [*cards, int(CARD_MASKS[board].sum())]
            if sum(x.bit_count() for x in everything) == np.bitwise_or.reduce(everything).item().bit_count():
                three = [-int(ranks[q, h]) for q, h in enumerate(sets[row])]
                wanted[row, threeway.PLACES.index(tuple(sorted(set(three)).index(x) for x in three))] += number
    assert np.array_equal(counts[some][:, list(threeway.ORDERS)], wanted[some])
    assert wanted.sum() > 500
    assert counts.sum() == counts[:, list(threeway.ORDERS)].sum()


def test_deals_of_three_hands():
    found = threeway.dealt()
    assert found.sum() == 1326 * 1225 * 1128
    assert np.array_equal(found, found.transpose(2, 0, 1))
    assert found[INDEX["AA"], INDEX["AA"], INDEX["AA"]] == 0
    assert found[INDEX["AA"], INDEX["AA"], INDEX["KK"]] == 6 * 1 * 6
    assert found[INDEX["AKs"], INDEX["AA"], INDEX["KK"]] == 4 * 3 * 3


@cache
def made_up():
    odds = np.random.default_rng(7).integers(0, 1000, (threeway.SETS, 13)).astype(np.uint16)
    return threeway._orders(odds)


@pytest.fixture
def invented(monkeypatch):
    """Orders of three hands that are made up, in place of those that take minutes to count."""
    monkeypatch.setattr("counterplay.games.pushfold.orders", made_up)
    return made_up()


def test_what_seats_are_paid_follows_from_their_hands(invented):
    paid = np.random.default_rng(8).normal(size=(13, 3))
    worth = invented.worth(paid)
    for hands in [*permutations((3, 50, 168)), (5, 5, 9), (9, 5, 5), (4, 4, 4)]:
        assert worth[:, *hands].tolist() == invented.of(hands, paid)
        seats = sorted(range(3), key=lambda seat: hands[seat])
        (row,) = np.flatnonzero((invented.hands == sorted(hands)).all(axis=1))
        plain = np.zeros(3)
        for odds, places in zip(invented.odds[row], threeway.PLACES, strict=True):
            of_seat = dict(zip(seats, places, strict=True))
            plain += odds * paid[threeway.PLACES.index(tuple(of_seat[seat] for seat in range(3)))]
        assert worth[:, *hands] == pytest.approx(plain, abs=1e-6)


def test_the_rules_of_three(invented):
    rules = counterplay.make("pushfold(stacks=(8, 5, 12), ante=0.1)")
    ends = {}
    states = [rules.root()]
    for state in states:
        if rules.turn(state) < 0:
            ends[state] = rules.outcome(state).key
        else:
            states += [rules.play(state, move) for move in range(2)]
    assert ends == {
        "fold fold": (2,), "fold all-in fold": (1,), "all-in fold fold": (0,), "fold all-in call": (1, 2),
        "all-in fold call": (0, 2), "all-in call fold": (0, 1), "all-in call call": (0, 1, 2),
    }  # fmt: skip
    hands = (3, 50, 168)
    assert rules.payoffs((2,), hands) == pytest.approx([-0.1, -0.6, 0.7])
    assert rules.payoffs((0,), hands) == pytest.approx([1.7, -0.6, -1.1])
    order = dict(zip(threeway.PLACES, rules._paid((0, 1, 2)).tolist(), strict=True))
    assert order[1, 0, 2] == pytest.approx([-8 + 2 * 3, 10, -8])
    assert order[0, 1, 2] == pytest.approx([5 + 8, -5, -8])
    assert sum(rules.payoffs((0, 1, 2), hands)) == pytest.approx(0)
    deals = rules.deals()
    assert deals.sum() == pytest.approx(1)
    for hands in ((3, 50, 168), (0, 0, 0)):
        product = 1.0
        for p in range(3):
            product *= rules.deal(hands[:p])[hands[p]]
        assert deals[hands] == product
    assert rules.table((1, 2))[:, 3, 50, 168].tolist() == list(rules.payoffs((1, 2), (3, 50, 168)))


def test_prizes_of_three():
    rules = counterplay.make("pushfold(stacks=(8, 5, 12), payouts=(50, 30, 20), others=(6,))")
    order = dict(zip(threeway.PLACES, rules._paid((0, 1, 2)).tolist(), strict=True))
    before, after = prizes((8, 5, 12, 6), (50, 30, 20)), prizes((0, 0, 25, 6), (50, 30))
    assert order[1, 2, 0] == pytest.approx([20 - before[0], 0 - before[1], after[2] - before[2]])


class OneCard:
    """The same betting with a deck of four cards, one each, of which the higher wins."""

    players = 3
    whole = counterplay.make("pushfold(stacks=(3, 2, 5), payouts=(5, 3, 1), others=(2,))")
    root, turn, moves, play, outcome, sees = map(
        whole.__getattribute__, ("root", "turn", "moves", "play", "outcome", "sees")
    )

    def hands(self, player):
        return "1234"

    def deal(self, hands):
        return [0 if card in hands else 1 / (4 - len(hands)) for card in range(4)]

    def payoffs(self, key, hands):
        order = tuple(sorted(hands, reverse=True).index(card) for card in hands)
        return self.whole._paid(key)[threeway.PLACES.index(order)].tolist()


def test_the_joint_gap_is_that_of_every_deal_and_every_way_to_play():
    rules = OneCard()
    tree = compile_tree(rules)
    rows = {
        (int(owner), label): int(first)
        for owner, label, first in zip(tree.owner, tree.labels, tree.first[:-1], strict=True)
    }

    def earns(state, hands, table, player):
        """What a player earns from a state on, its own decisions by the table."""
        turn = rules.turn(state)
        if turn < 0:
            return rules.payoffs(rules.outcome(state).key, hands)[player]
        row = rows[turn, state]
        return sum(
            table[row + move, hands[turn]] * earns(rules.play(state, move), hands, table, player) for move in range(2)
        )

    run = CFR(sequence_form(tree, unroll=False), VARIANTS["cfr+"], 0)
    run.advance(30)
    table = to_table(run.form, tree, run.profile())
    found = run.judge()
    deals = list(permutations(range(4), 3))
    for player in range(3):
        value = np.mean([earns("", hands, table, player) for hands in deals])
        best = table.copy()
        for (owner, _), row in rows.items():  # nobody acts twice: each hand at each decision is for itself
            for hand in range(4) if owner == player else ():
                tried = []
                for move in range(2):
                    best[row : row + 2, hand] = np.eye(2)[move]
                    tried.append(sum(earns("", hands, best, player) for hands in deals if hands[player] == hand))
                best[row : row + 2, hand] = np.eye(2)[int(np.argmax(tried))]
        assert found.value[player] == pytest.approx(value)
        assert found.best[player] == pytest.approx(np.mean([earns("", hands, best, player) for hands in deals]))


def test_a_table_that_was_damaged_is_counted_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(threeway, "boards", lambda: (np.empty(0, np.int64),) * 2)
    counted = np.random.default_rng(9).integers(0, 2**16, (threeway.SETS, 13)).astype(np.uint16)
    times = []
    monkeypatch.setattr(threeway, "count", lambda *_: times.append(1) or np.zeros(1, np.uint32))
    monkeypatch.setattr(threeway, "odds_of", lambda _: counted)
    monkeypatch.setattr(threeway, "_orders", lambda table: table)
    anew, place = threeway.orders.__wrapped__, tmp_path / "threeway" / threeway._FILE
    assert (anew() == counted).all()
    sound = place.read_bytes()
    times.clear()
    assert (anew() == counted).all()
    assert not times
    for damaged in (b"", sound[:-1], sound + b"\0", sound[:99] + bytes([sound[99] ^ 1]) + sound[100:]):
        place.write_bytes(damaged)
        times.clear()
        assert (anew() == counted).all()
        assert times
        assert place.read_bytes() == sound
    place.unlink()
    place.mkdir()
    assert (anew() == counted).all()  # and is kept nowhere


@pytest.mark.slow
def test_the_table_agrees_with_the_exact_one_of_two_hands():
    found = threeway.errors()
    assert np.sqrt(np.mean(found**2)) < 0.002
    assert np.abs(found).max() < 0.01


@pytest.mark.slow
def test_three_players_for_prizes():
    solution = counterplay.solve("pushfold(stacks=(10, 10, 10), payouts=(50, 30, 20))", iterations=60)
    assert solution.nash_conv < 0.01  # of prizes of 100
    assert sum(solution.value) == pytest.approx(0, abs=1e-6)
    rows = dict(zip(solution.labels, solution.first[:-1], strict=True))
    combos = np.bincount(preflop.HAND_OF_COMBO)
    share = {label: solution.strategy[row + 1] @ combos / 1326 for label, row in rows.items()}
    assert share["fold all-in"] > share["all-in fold"] > share["all-in call"]  # a call against two is worth least
    assert solution.strategy[rows[""] + 1, INDEX["AA"]] > 0.99


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("pushfold(stacks=(8, 5, 12, 9), payouts=(50, 30))", "button"),
        ("pushfold(stacks=(8, 5, 0.5))", "more than the big blind"),
        ("pushfold(stacks=(8, 5, 9), others=(4,))", "go together"),
    ],
)
def test_what_is_no_game_of_three(spec, says):
    with pytest.raises(UserError, match=says):
        counterplay.make(spec)
