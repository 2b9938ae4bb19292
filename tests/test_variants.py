"""Hold'em from before the flop, from other decks and to earlier ends, against the engine on explicit tables."""

import random
from functools import cache

import numpy as np
import pytest
from pokerkit import Automation, BettingStructure, Deck, Opening, StandardHighHand, State
from pokerkit import Street as PokerKitStreet

from counterplay.api import spots
from counterplay.engine.form import sequence_form
from counterplay.engine.tree import compile_tree
from counterplay.games.holdem import cards
from counterplay.games.holdem.betting import FixedLimit, Menu, NoLimit
from counterplay.games.holdem.cards import COMBO_CARDS, permute_suits
from counterplay.games.holdem.layout import layout
from counterplay.games.holdem.places import lay_out
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.sizes import parse_sizes
from counterplay.games.holdem.spot import parse_spot, spot_from_flags, to_toml
from counterplay.games.holdem.trees import ALLIN, FOLD, NEXT, children, follow, street_tree
from counterplay.solvers.cfr import CFR
from counterplay.solvers.lp import solve_lp
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.value import judge, judge_table
from counterplay.solvers.variants import VARIANTS


def royal(**options):
    given = {"board": "", "variant": "royal", "last": "flop", "blinds": "1,2", "stack": 8, "limit": "2"} | options
    return spot_from_flags(**given)


def no_limit(**options):
    return royal(limit=None, bets="all-in", stack=6, **options)


FEW = {"oop": "AsAh,KsQs", "ip": "KdKh,AsQh"}
SMALL = {
    "limit": royal(**FEW, limit="2,4"),
    "no limit": no_limit(**FEW, rake="5%,1"),
    "antes": royal(**FEW, blinds=None, pot=2),
    "turn": royal(**FEW, board="Kc Qd Ac", last="turn", blinds=None, pot=4),
    "all in on the flop": no_limit(**FEW, board="Kc Qd Ac", last="river", blinds=None, pot=4),
}


class Tiny(HoldemRules):
    """A spot played with the twelve cards from the queen up."""

    @property
    def _deck(self):
        return DECK


DECK = cards.Deck("queens and up", tuple(range(40, 52)))


def tiny(name):
    """Return a small spot with two bets a street at the most."""
    return parse_spot(to_toml(SMALL[name]).replace("cap = 4", "cap = 2"))


def on_deck(spot):
    laid = layout(DECK, spot.board, tuple(spot.weights), spot.trees, spot.betting, spot.rake)
    return SubgameCFR(laid.game, spot.pot, VARIANTS["dcfr"])


def solver(spot, symmetry=True, **options):
    return SubgameCFR(lay_out(spot, symmetry).game, spot.pot, VARIANTS["dcfr"], **options)


@cache
def explicit(name):
    tree = compile_tree(Tiny(tiny(name)))
    return tree, sequence_form(tree)


@pytest.mark.parametrize("name", SMALL)
def test_equals_the_engine_on_explicit_tables(name):
    spot = tiny(name)
    _, form = explicit(name)
    ours, theirs = on_deck(spot), CFR(form, VARIANTS["dcfr"], 0)
    for count in (1, 9, 40):
        ours.advance(count)
        theirs.advance(count)
        one, two = ours.judge(), judge(form, theirs.profile())
        near = 1e-4 if count == 1 else one.nash_conv + two.nash_conv + 1e-3  # rounding breaks ties in regret
        assert np.array(one.value) - spot.pot / 2 == pytest.approx(two.value, abs=near)
        assert np.array(one.best) - spot.pot / 2 == pytest.approx(two.best, abs=near)


def test_value_is_that_of_the_linear_programme():
    spot = tiny("limit")
    tree, form = explicit("limit")
    exact = judge_table(form, solve_lp(tree)).value[0] + spot.pot / 2
    ours = on_deck(spot)
    ours.advance(300)
    verdict = ours.judge()
    assert verdict.nash_conv < 0.02 * spot.middle
    assert verdict.value[0] == pytest.approx(exact, abs=verdict.nash_conv + 1e-3)


def test_suit_symmetry_changes_nothing():
    spot = royal(oop="AA,AKs,KQo,T9s", ip="random", limit="2")
    with_it, without = solver(spot), solver(spot, symmetry=False)
    for count in (1, 1, 8):
        with_it.advance(count)
        without.advance(count)
        one, two = with_it.judge(), without.judge()
        near = 2e-5 if with_it.iterations <= 2 else one.nash_conv + two.nash_conv
        assert one.value == pytest.approx(two.value, abs=near)
        assert one.best == pytest.approx(two.best, abs=near)


@pytest.mark.parametrize(("variant", "flops", "kinds"), [("royal", 1140, 95), ("holdem", 22_100, 1755)])
def test_flops_are_dealt_once_up_to_suits(variant, flops, kinds):
    laid = lay_out(royal(variant=variant, limit="2", oop="AA", ip="AA"))
    game = laid.game
    assert len(laid.boards) == 1 + kinds
    assert len(laid.suits) == 24
    given = {"royal": 560, "holdem": 17_296}[variant]  # 16 choose 3, 48 choose 3: flops for any two hands
    assert 24 * game.deals.share.sum() == pytest.approx(flops / given, rel=1e-5)


@pytest.fixture(scope="module")
def solved():
    return spots.solve(royal(limit="2", stack=20), iterations=30, threads=1)


def test_a_flop_in_other_suits_is_the_same_flop(solved):
    one, two = solved.at("call check [As Ks Th]"), solved.at("call check [Ad Kd Tc]")
    suits = permute_suits((2, 3, 0, 1))  # c and h, d and s change places
    assert one.board != two.board
    assert one.actions == two.actions == ("check", "bet 2")
    place = {int(c): i for i, c in enumerate(two.combos[0])}
    other = [place[int(suits[c])] for c in one.combos[0]]
    assert one.strategy == pytest.approx(two.strategy[:, other], abs=1e-6)
    assert one.reach[0] == pytest.approx(two.reach[0][other], abs=1e-6)
    assert np.nan_to_num(one.ev[0]) == pytest.approx(np.nan_to_num(two.ev[0][other]), abs=1e-4)
    assert np.nan_to_num(one.equity[1]) == pytest.approx(np.nan_to_num(two.equity[1][other]), abs=1e-6)


def test_views_before_the_flop(solved):
    first = solved.at()
    assert (first.player, first.street, first.pot) == (1, "preflop", 3)
    assert first.actions == ("fold", "call", "raise to 4")
    assert first.action_ev[0] == pytest.approx(0.0, abs=1e-4)  # a fold is worth nothing from there on
    assert sum(solved.value) == pytest.approx(0.0, abs=1e-4)
    assert sum(first.mean(first.ev)) == pytest.approx(3.0, abs=1e-3)  # the blinds are shared out
    assert first.mean(first.equity)[0] == pytest.approx(0.5, abs=1e-6)
    option = solved.at("call")
    assert (option.player, option.actions) == (0, ("check", "raise to 4"))


def test_a_saved_run_goes_on(solved, tmp_path):
    solved.save(tmp_path / "royal.cps")
    import counterplay

    loaded = counterplay.load(tmp_path / "royal.cps")
    assert loaded.spot == solved.spot
    more = spots.solve(None, resume=loaded, iterations=40, threads=1)
    assert more.iterations == 40
    assert more.nash_conv < solved.nash_conv


def test_blinds():
    rules = FixedLimit((2, 2, None, None), 4, 1, (1, 2))
    tree = street_tree(rules, "preflop", 0, 100)
    assert tree.kind[0] == 1
    assert tree.paid[0].tolist() == [2, 1]

    def actions(line):
        return [tree.action[child] for child in children(tree, follow(tree, line))]

    assert actions("") == ["fold", "call", "raise to 4"]
    assert actions("call") == ["check", "raise to 4"]
    assert tree.kind[follow(tree, "call check")] == NEXT
    assert actions("raise to 4") == ["fold", "call", "raise to 6"]
    assert actions("call raise 4 raise 6 raise 8") == ["fold", "call"]  # the big blind was the first of four
    assert tree.pot(follow(tree, "fold")) == 2  # what the big blind put in beyond the small one was not called
    assert (tree.kind == NEXT).sum() == 7
    short = street_tree(rules, "preflop", 0, 3)
    assert actions("") == ["fold", "call", "raise to 4"]
    assert short.kind[follow(short, "raise 3 call")] == ALLIN


def test_legality_before_the_flop_against_pokerkit():
    chance = random.Random(7)
    for _ in range(60):
        small, stack, cap = chance.randint(1, 3), chance.randint(8, 60), chance.randint(2, 4)
        big = 2 * small
        limited = chance.random() < 0.5
        menu = Menu(parse_sizes("50%", "bet"), parse_sizes("50%,3x,all-in", "raise"))
        rules = (
            FixedLimit((big, None, None, None), cap, 0, (small, big))
            if limited
            else NoLimit(((menu, menu), None, None, None), last=0, blinds=(small, big), min_bet=big)
        )
        hand = State(
            tuple(set(Automation) - {Automation.CHIPS_PUSHING, Automation.CHIPS_PULLING}),
            Deck.STANDARD,
            (StandardHighHand,),
            (PokerKitStreet(False, (False, False), 0, False, Opening.POSITION, big, cap - 1 if limited else None),),
            BettingStructure.FIXED_LIMIT if limited else BettingStructure.NO_LIMIT,
            True,
            0,
            (small, big),
            0,
            stack,
            2,
        )
        tree, node = street_tree(rules, "preflop", 0, stack), 0
        while tree.kind[node] < FOLD:
            assert hand.actor_index == tree.kind[node]
            assert hand.bets == tree.paid[node].tolist()
            after = children(tree, node)
            names = [tree.action[child] for child in after]
            assert hand.can_fold() == ("fold" in names)
            amounts = [int(name.split()[-1]) for name in names if name[:5] in ("raise", "all-i")]
            assert all(hand.can_complete_bet_or_raise_to(amount) for amount in amounts)
            assert hand.can_complete_bet_or_raise_to() == bool(amounts)
            node = chance.choice(after)
            name = tree.action[node]
            if name == "fold":
                hand.fold()
            elif name in ("check", "call"):
                hand.check_or_call()
            else:
                hand.complete_bet_or_raise_to(int(name.split()[-1]))
        assert hand.actor_index is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"last": "river", "variant": "holdem", "stack": 90},
            "the tables of this spot take at least .* [GT]B even in 16 bits, and .* free: begin on a later street",
        ),
        ({"last": "fifth"}, "last must be the street that ends the game"),
        ({"board": "Ks Qd Jh Th", "pot": 4, "oop": "AA", "ip": "AA"}, "last is the flop, and the board has the cards"),
        ({"board": "Ks Qd Jh", "pot": 4, "oop": "AA", "ip": "AA"}, "blinds are posted before the flop"),
        ({"blinds": "2,2"}, "blinds must be a small one and a larger big one"),
        ({"blinds": "2"}, "blinds must be the small one and the big one"),
        ({"blinds": "1,x"}, "blinds must be two numbers of chips"),
        ({"blinds": None}, "a spot needs 'pot'"),
        ({"stack": 2}, "stack must be more than the big blind of 2"),
        ({"limit": "2,2,2"}, "one each for preflop and flop, not"),
        ({"oop": "99"}, "range.oop has no hand that is possible in a royal deck"),
        ({"board": "Ks Qd 9h", "pot": 4, "oop": "AA", "ip": "AA", "blinds": None}, "which a royal deck does not have"),
    ],
)
def test_mistakes_get_one_sentence(options, says):
    with pytest.raises(ValueError, match=says):
        lay_out(royal(**options))


def test_spots_before_the_flop_round_trip():
    for spot in (*SMALL.values(), no_limit(), royal()):
        assert parse_spot(to_toml(spot)) == spot
    assert (royal().weights > 0).sum(axis=1).tolist() == [190, 190]
    assert COMBO_CARDS[royal().weights[0] > 0].min() == 32
