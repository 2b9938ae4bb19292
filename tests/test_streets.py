"""The street walker on games of all sizes: Kuhn and Leduc poker with one card in hand, four streets, plain Python."""

from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from counterplay.engine.form import sequence_form
from counterplay.engine.streets import FOLD, KINDS, SHOWDOWN, TABLE, Subgame
from counterplay.engine.tree import compile_tree
from counterplay.games import make
from counterplay.games.holdem.betting import FixedLimit, Menu, NoLimit, Rake
from counterplay.games.holdem.boards import swaps
from counterplay.games.holdem.cards import HOLDEM, Deck, parse_cards
from counterplay.games.holdem.layout import layout, least_entries
from counterplay.games.holdem.places import decision, find, lanes, lay_out
from counterplay.games.holdem.ranges import parse_range
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.sizes import parse_sizes
from counterplay.games.holdem.spot import Spot, parse_spot
from counterplay.games.holdem.trees import children, street_trees
from counterplay.solvers.cfr import CFR
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.value import judge, judge_table
from counterplay.solvers.variants import VARIANTS

KUHN = Deck("kuhn", parse_cards("Js Qs Ks"), hole=1, board=(0,))
LEDUC = Deck("leduc", parse_cards("Jd Js Qd Qs Kd Ks"), hole=1, board=(0, 1))


def one_card(deck, betting, stack=1000, symmetry=True):
    """Lay out a game of one card in hand with an ante of one chip each."""
    weights = np.zeros((2, 52))
    weights[:, list(deck.cards)] = 1.0
    trees = street_trees(betting, "preflop", 2, stack)
    return layout(deck, (), (weights[0], weights[1]), trees, betting, symmetry=symmetry)


def kuhn():
    return one_card(KUHN, FixedLimit((1, None, None, None), cap=1, last=0))


def leduc(symmetry=True):
    return one_card(LEDUC, FixedLimit((2, 4, None, None), cap=2, last=1), symmetry=symmetry)


def through_tables(game: Subgame, hands) -> Subgame:
    """Return the game with its showdowns as products with a table of who is ahead; suits for one board alone."""
    one, two = hands
    ahead = np.zeros((len(one), game.reach.shape[1]), np.float32)
    ahead[:, : len(two)] = np.sign(one[:, None] - two[None, :])
    bounds = game.leaves.bounds.copy()
    for t in range(len(game.templates.entries)):  # the blocks of showdowns become those of tables
        bounds[KINDS * t + TABLE] = bounds[KINDS * t + SHOWDOWN]
    return game._replace(
        leaves=game.leaves._replace(bounds=bounds), equities=game.equities._replace(ahead=ahead.ravel())
    )


@pytest.mark.nojit
@pytest.mark.parametrize("tables", [False, True], ids=["showdowns", "tables"])
def test_kuhn_poker(tables):
    """Kuhn 1950: the first player loses an eighteenth of a chip."""
    laid = kuhn()
    game = through_tables(laid.game, laid.combos) if tables else laid.game
    assert (np.diff(game.leaves.bounds)[[FOLD, SHOWDOWN, TABLE]] > 0).tolist() == [True, not tables, tables]
    run, ours = (
        SubgameCFR(game, 2, VARIANTS["dcfr"], every=1),
        CFR(sequence_form(compile_tree(make("kuhn"))), VARIANTS["dcfr"], 0),
    )
    for count in (1, 9, 190):
        run.advance(count)
        ours.advance(count)
        one, two = run.judge(), judge(ours.form, ours.profile())
        near = 1e-5 if count == 1 else one.nash_conv + two.nash_conv  # rounding breaks ties in regret
        assert np.array(one.value) - 1 == pytest.approx(two.value, abs=near)
        assert np.array(one.best) - 1 == pytest.approx(two.best, abs=near)
    assert one.value[0] - 1 == pytest.approx(-1 / 18, abs=one.nash_conv + 1e-6)
    assert one.nash_conv < 0.003


@pytest.mark.parametrize("symmetry", [True, False])
def test_leduc_poker(symmetry):
    """The value is -0.085606424078, by the linear programme of `tests/test_published_values.py`."""
    run = SubgameCFR(leduc(symmetry).game, 2, VARIANTS["dcfr"])
    run.advance(2000)
    verdict = run.judge()
    assert verdict.nash_conv < 5e-4
    assert verdict.value[0] - 1 == pytest.approx(-0.085606424078, abs=verdict.nash_conv + 1e-6)


@pytest.mark.nojit
def test_leduc_poker_iteration_by_iteration():
    run = SubgameCFR(leduc().game, 2, VARIANTS["dcfr"], every=1)
    ours = CFR(sequence_form(compile_tree(make("leduc"))), VARIANTS["dcfr"], 0)
    for count in (1, 1, 8):
        run.advance(count)
        ours.advance(count)
        one, two = run.judge(), judge(ours.form, ours.profile())
        assert np.array(one.value) - 1 == pytest.approx(two.value, abs=2e-3)
        assert np.array(one.best) - 1 == pytest.approx(two.best, abs=2e-2)


def test_suits_of_one_card_hands_are_swapped():
    assert len(leduc().boards) < len(leduc(symmetry=False).boards)


def test_an_all_in_is_worth_what_the_cards_to_come_make_of_it():
    """Leduc poker with a stack of one bet: its called bets are tables, or the board is dealt and both check."""
    some, none = Menu(parse_sizes("2c", "bet"), ()), Menu((), ())
    betting = NoLimit(((some, some), (none, none), None, None), last=1, raise_cap=0)
    allin, dealt = one_card(LEDUC, betting, stack=2).game, one_card(LEDUC, betting).game
    assert np.diff(allin.leaves.bounds)[TABLE] > 0
    assert np.diff(dealt.leaves.bounds)[TABLE] == 0
    runs = [SubgameCFR(game, 2, VARIANTS["dcfr"]) for game in (allin, dealt)]
    for count in (1, 4, 95):
        for run in runs:
            run.advance(count)
        one, two = (run.judge() for run in runs)
        assert one.value == pytest.approx(two.value, abs=1e-5 if count < 5 else one.nash_conv + two.nash_conv)
        assert one.best == pytest.approx(two.best, abs=1e-5 if count < 5 else one.nash_conv + two.nash_conv)


TEN = Deck("ten", parse_cards("8s 9c Td Jc Qh Qs Kd Kh Ah As"))  # enough for two hands, a board and one card more


class Ten(HoldemRules):
    """A spot played with ten cards."""

    @property
    def _deck(self):
        return TEN


@cache
def four_streets():
    """Return a spot from before the flop to the river: all-in at once, or a bet on the turn or on the river."""
    bets = "\n".join(
        f"[bets.{street}]\nbet = {size}" for street, size in (("flop", "[]"), ("turn", '"2c"'), ("river", '"2c"'))
    )
    spot = parse_spot(
        'board = ""\nblinds = [1, 2]\nstack = 4\nraise_cap = 1\n[range]\noop = "AsAh,QsQh"\nip = "KdKh,JcTd:0.5"\n'
        f'{bets}\n[bets.preflop]\nbet = []\nraise = ["all-in"]'
    )
    return spot, layout(TEN, (), (spot.weights[0], spot.weights[1]), spot.trees, spot.betting)


@pytest.mark.parametrize("compress", [False, True], ids=["32 bits", "16 bits"])
def test_four_streets(compress):
    """From before the flop to the river, against the engine's own sequence form."""
    spot, laid = four_streets()
    run = SubgameCFR(laid.game, spot.pot, VARIANTS["dcfr"], compress=compress, threads=2)
    assert [len(work.instance) for work in run.work] == [4, 4]
    assert {len(board) for board in laid.boards} == {0, 3, 4, 5}
    tree = compile_tree(Ten(spot))
    theirs = CFR(sequence_form(tree), VARIANTS["dcfr"], 0)
    for count in (1, 9, 90):
        run.advance(count)
        theirs.advance(count)
        one, two = run.judge(), judge(theirs.form, theirs.profile())
        near = 1e-4 if count == 1 else one.nash_conv + two.nash_conv + 1e-3  # rounding breaks ties in regret
        near += 1e-3 * compress
        assert np.array(one.value) - spot.pot / 2 == pytest.approx(two.value, abs=near)
        assert np.array(one.best) - spot.pot / 2 == pytest.approx(two.best, abs=near)
    exact = judge_table(theirs.form, solve_lp(tree)).value[0]
    assert one.value[0] - spot.pot / 2 == pytest.approx(exact, abs=one.nash_conv + 2e-3)


SEVEN = Deck("seven", parse_cards("Jc Qh Qs Kd Kh Ah As"), board=(0, 1, 2, 3))  # two hands and a board of three


class Seven(Spot):
    """A spot played with seven cards and a card a street."""

    @property
    def deck(self):
        return SEVEN


@cache
def pots():
    """Return royal hold'em's blinds and bets on three streets of four, played with seven cards, and its layout."""
    bets = '[bets]\nbet = "100%"\nraise = []\n[bets.preflop]\nraise = "100%"\n[bets.turn]\nbet = []'
    spot = parse_spot(f'variant = "royal"\nboard = ""\nblinds = [1, 2]\nstack = 54\nraise_cap = 1\n{bets}')
    spot = Seven(**{field.name: getattr(spot, field.name) for field in fields(spot)})
    return spot, lay_out(spot)


def test_exploitability_over_four_streets_is_the_trees():
    """What the average strategies earn, and best responses to them, by the street solver and by the explicit game."""
    spot, laid = pots()
    tree = compile_tree(HoldemRules(spot))
    run = SubgameCFR(laid.game, spot.pot, VARIANTS["dcfr"])
    run.advance(20)
    seen = {(): run}
    odds = {}
    table = np.zeros((int(tree.first[-1]), tree.lanes))
    for i, label in enumerate(tree.labels):
        place = find(spot, laid, label)
        for k in range(1, len(place.steps) + 1):
            if place.steps[:k] not in seen:
                seen[place.steps[:k]] = seen[place.steps[: k - 1]].after(*place.steps[k - 1])
        p = int(tree.owner[i])
        if (place.steps, p) not in odds:
            odds[place.steps, p] = seen[place.steps].strategy(p)
        after = children(decision(laid, place)[0], place.line.node)
        rows = [int(laid.sequence[place.template][place.entry][child, p]) for child in after]
        hands = lanes(laid, place)[p]
        table[tree.first[i] : tree.first[i + 1], : len(hands)] = odds[place.steps, p][rows][:, hands]
    one, two = run.judge(), judge_table(sequence_form(tree), table)
    assert one.exploitability == pytest.approx(two.exploitability, abs=1e-4)
    assert one.exploitability > 0.05
    assert np.array(one.value) == pytest.approx(two.value, abs=1e-4)
    assert np.array(one.best) == pytest.approx(two.best, abs=1e-4)


@pytest.mark.parametrize("compress", [False, True], ids=["32 bits", "16 bits"])
def test_four_streets_go_on_with_any_number_of_threads(compress):
    """A run that stops, is kept and goes on with other threads has the bytes of one that never stopped."""
    spot, laid = pots()
    runs = [SubgameCFR(laid.game, spot.pot, VARIANTS["dcfr"], compress=compress, threads=n) for n in (1, 2, 3)]
    runs[0].advance(6)
    runs[1].advance(2)
    runs[2].restore(runs[1].state(), 2)
    runs[2].advance(4)
    for one, other in zip(runs[0].tables, runs[2].tables, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.nojit
@pytest.mark.parametrize("compress", [False, True], ids=["32 bits", "16 bits"])
def test_plain_python(compress):
    """The numbers of this test come from the compiled kernels: run both ways, they bind the ways to each other."""
    betting = FixedLimit((None, None, 2, 2), cap=1)
    weights = parse_range("AsAh,8c7c:0.5,QdJd"), parse_range("KdKh,JcTc,9d8d")
    board = parse_cards("Ks 9d 4c 7h")
    deck = Deck("some", tuple(card for card in HOLDEM.cards if card // 4 > 4 or card in board))
    laid = layout(deck, board, weights, street_trees(betting, "turn", 4, 4), betting, Rake(5, 0.25))
    run = SubgameCFR(laid.game, 4, VARIANTS["dcfr"], compress=compress)
    run.advance(2)
    verdict = run.judge()
    assert verdict.value == pytest.approx((1.080863, 2.694449), abs=3e-5)
    assert verdict.best == pytest.approx((2.720500, 3.866073), abs=3e-5)


@pytest.mark.parametrize("symmetry", [True, False])
def test_the_least_size_is_no_more_than_the_size(symmetry):
    spot = parse_spot('board = "Ks 9s 4s"\npot = 4\nstack = 9\n[range]\noop = "AA"\nip = "QQ"\n[bets]\nbet = "50%"')
    laid, weights = lay_out(spot, symmetry), (spot.weights[0], spot.weights[1])
    alike = len(swaps(spot.deck, spot.board, weights)) if symmetry else 1
    least = least_entries(spot.deck, spot.board, (6, 6), spot.trees, spot.betting, alike)
    assert least == laid.game.entries if not symmetry else 0.4 * laid.game.entries < least < laid.game.entries
