"""Bet sizes and betting trees: amounts worked out by hand, and legality against PokerKit on random play."""

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pokerkit import Automation, BettingStructure, Deck, Opening, StandardHighHand, State
from pokerkit import Street as PokerKitStreet

from counterplay.games.holdem.betting import STREETS, FixedLimit, Menu, NoLimit
from counterplay.games.holdem.cards import HOLDEM
from counterplay.games.holdem.sizes import Facing, amounts, parse_size, parse_sizes, round_chips
from counterplay.games.holdem.trees import (
    ALLIN,
    FOLD,
    NEXT,
    SHOWDOWN,
    Street,
    children,
    follow,
    street_tree,
    street_trees,
)

NONE = Fraction(0)


def menu(bet: str, raises: str = "none", lead: str | None = None) -> Menu:
    """Return a menu from texts."""
    return Menu(
        parse_sizes(bet, "bet"), parse_sizes(raises, "raise"), None if lead is None else parse_sizes(lead, "lead")
    )


def no_limit(bet: str, raises: str = "none", lead: str | None = None, **options: object) -> NoLimit:
    """Return rules with the same menu for both players on all streets."""
    both = (menu(bet, raises, lead), menu(bet, raises))
    return NoLimit((None, both, both, both), **options)  # type: ignore[arg-type]


def actions(tree: Street, line: str = "") -> list[str]:
    """Return what can be done after a line."""
    return [tree.action[child] for child in children(tree, follow(tree, line))]


@pytest.mark.parametrize(
    ("text", "role", "printed"),
    [
        ("33%", "bet", "33%"),
        (" 33.5 % ", "lead", "33.5%"),
        ("20C", "raise", "20c"),
        ("16.4c", "bet", "16.4c"),
        ("2.50x", "raise", "2.5x"),
        ("e", "bet", "e"),
        ("2e", "raise", "2e"),
        ("a", "bet", "all-in"),
        ("All-In", "raise", "all-in"),
        ("1000%", "bet", "1000%"),
        ("1/2", "bet", "50%"),
        ("2 / 3", "raise", "2/3"),
        ("1/8", "bet", "12.5%"),
        ("pot", "bet", "100%"),
        ("min", "raise", "min"),
        ("3e200%", "bet", "3e200%"),
        ("e66.6%", "bet", "e66.6%"),
    ],
)
def test_sizes_are_read_and_printed(text, role, printed):
    size = parse_size(text, role)
    assert str(size) == printed
    assert parse_size(str(size), role) == size


@pytest.mark.parametrize(
    ("text", "role", "says"),
    [
        ("", "bet", "is not a bet size"),
        ("big", "bet", "is not a bet size"),
        ("-5%", "raise", "is not a raise size"),
        ("1e5", "bet", "is not a bet size"),
        ("0%", "bet", "no legal bet"),
        ("0%", "lead", "no legal lead"),
        ("0x", "raise", "more than once"),
        ("1x", "raise", "more than once"),
        ("2.5x", "bet", "size for raises"),
        ("0.5", "bet", "write '0.5%' or '0.5c'"),
        (33, "raise", "write '33%' or '33c'"),
        ("0.0001c", "bet", "three decimals"),
        ("4e", "bet", "1, 2 or 3 streets"),
        ("0e", "bet", "1, 2 or 3 streets"),
        ("4e200%", "bet", "1, 2 or 3 streets"),
        ("3e0%", "bet", "no legal bet"),
        ("0/3", "bet", "is not a bet size"),
        ("1/0", "bet", "is not a bet size"),
        ("20c3r", "raise", "write '20c', and raise_cap = 3 for all sizes"),
    ],
)
def test_what_is_no_size_is_refused(text, role, says):
    with pytest.raises(ValueError, match=says) as caught:
        parse_size(text, role)
    assert "\n" not in str(caught.value)


def test_lists_of_sizes():
    assert parse_sizes("33%, 75%,all-in", "bet") == parse_sizes(["33%", "75%", "a"], "bet")
    assert parse_sizes(["20c", "20.0c"], "bet") == (parse_size("20c", "bet"),)
    assert parse_sizes("none", "bet") == parse_sizes([], "bet") == ()
    for wrong in (True, {"a": 1}.values, [[20]], [None], None, 10**30, [10**5000]):
        with pytest.raises(ValueError, match="size"):
            parse_sizes(wrong, "bet")


@given(st.integers(0, 10**6), st.integers(1, 10**4))
def test_rounding_is_half_up(numerator, denominator):
    rounded = round_chips(numerator, Fraction(1, denominator))
    assert rounded - Fraction(1, 2) <= Fraction(numerator, denominator) < rounded + Fraction(1, 2)


@pytest.mark.parametrize(
    ("sizes", "role", "facing", "expected"),
    [
        ("33%,75%,all-in", "bet", Facing(60, 0, 1, 170, 1), [20, 45, 170]),
        ("60%", "raise", Facing(100, 20, 40, 170, 1), [80]),  # pot 60, bet 20: the call makes 100, and 60 % of it 60
        ("2.5x,3x", "raise", Facing(100, 20, 40, 170, 1), [50, 60]),
        ("50%", "bet", Facing(45, 0, 1, 170, 1), [23]),  # 22.5
        ("1%", "bet", Facing(10, 0, 1, 170, 1), [1]),  # the least bet
        ("1%", "bet", Facing(10, 0, 4, 170, 1), [4]),
        ("1%,1.5x", "raise", Facing(100, 20, 40, 170, 1), [40]),  # the least raise
        ("30c,90c", "raise", Facing(100, 20, 40, 170, 1), [90]),  # a raise to 30 is not legal
        ("300c", "raise", Facing(400, 90, 180, 170, 1), [170]),
        ("300%,200c,all-in", "bet", Facing(60, 0, 1, 170, 1), [170]),  # above the stack, and merged
        ("33%,20c", "bet", Facing(60, 0, 1, 170, 1), [20]),  # equal
        ("60%,all-in", "raise", Facing(400, 170, 340, 170, 1), []),  # all-in already
        ("e", "bet", Facing(60, 0, 1, 170, 1), [170]),
        ("e", "bet", Facing(100, 0, 1, 400, 2), [100]),  # 100 + 2 x 400 is 3 x 3 pots: a pot on both streets
        ("2e", "bet", Facing(100, 0, 1, 400, 1), [100]),
        ("e", "bet", Facing(100, 0, 1, 1300, 3), [100]),  # 27 pots
        ("2e", "raise", Facing(100, 20, 40, 420, 3), [120]),
        ("3e50%", "bet", Facing(100, 0, 1, 1300, 3), [50]),  # half the pot, where a whole one is geometric
        ("3e200%", "bet", Facing(100, 0, 1, 1300, 3), [100]),
        ("2e50%", "raise", Facing(100, 20, 40, 420, 3), [70]),
        ("e50%", "bet", Facing(100, 0, 1, 400, 1), [50]),  # the last street too
        ("min", "bet", Facing(100, 0, 4, 400, 1), [4]),
        ("min,pot", "raise", Facing(100, 20, 40, 400, 1), [40, 120]),
        ("1/3", "bet", Facing(60, 0, 1, 170, 1), [20]),
    ],
)
def test_amounts_by_hand(sizes, role, facing, expected):
    assert amounts(parse_sizes(sizes, role), facing, NONE, NONE) == expected


def test_thresholds():
    facing, third = Facing(60, 0, 1, 170, 1), parse_sizes("33%", "bet")
    assert amounts(third, facing, Fraction(170, 60), NONE) == [20, 170]
    assert amounts(third, facing, Fraction(169, 60), NONE) == [20]
    # A bet of 20 leaves 150 behind a pot of 100; of the raise to 80, 90 behind a pot of 220.
    assert amounts(third, facing, NONE, Fraction(150, 100)) == [170]
    assert amounts(third, facing, NONE, Fraction(149, 100)) == [20]
    raising, raises = Facing(100, 20, 40, 170, 1), parse_sizes("60%", "raise")
    assert amounts(raises, raising, NONE, Fraction(90, 220)) == [170]
    assert amounts(raises, raising, NONE, Fraction(89, 220)) == [80]
    assert amounts(raises, raising, Fraction(150, 100), NONE) == [80, 170]
    assert amounts(raises, raising, Fraction(149, 100), NONE) == [80]


def test_river_a():
    tree = street_tree(no_limit("33%,75%,all-in", "60%,all-in"), "river", 60, 170)
    assert actions(tree) == ["check", "bet 20", "bet 45", "all-in 170"]
    assert actions(tree, "check") == ["check", "bet 20", "bet 45", "all-in 170"]
    assert actions(tree, "bet 20") == ["fold", "call", "raise to 80", "all-in 170"]
    assert actions(tree, "bet 20 raise to 80") == ["fold", "call", "all-in 170"]
    assert actions(tree, "check bet 45") == ["fold", "call", "raise to 135", "all-in 170"]
    assert actions(tree, "check, all-in") == ["fold", "call"]
    for written in ("a", "allin", "all-in 170", "raise 170", "raise to 170"):
        assert follow(tree, f"bet 20 {written} call") == follow(tree, "bet 20 all-in call")
    assert follow(tree, "bet 170") == follow(tree, "all-in")
    called = follow(tree, "bet 20 raise 80 call")
    assert tree.kind[called] == SHOWDOWN
    assert tree.paid[called].tolist() == [80, 80]
    assert tree.pot(called) == 220
    folded = follow(tree, "bet 20 raise 80 fold")
    assert tree.kind[folded] == FOLD
    assert tree.folder[folded] == 0
    assert tree.paid[folded].tolist() == [20, 80]
    assert tree.pot(folded) == 100
    for line, says in [("check bet 30", "IP cannot 'bet 30' there"), ("fold", "OOP"), ("check check check", "ended")]:
        with pytest.raises(ValueError, match=says):
            follow(tree, line)


def test_chips_with_decimals_are_the_same_tree_in_other_units():
    """A pot of 16.4 is one of 164 tenths, whole amounts rounded alike."""
    rules, tenths = no_limit("33%,7.5c", "60%,a", min_bet=0.5), no_limit("33%,75c", "60%,a", min_bet=5)
    tree, scaled = street_tree(rules, "turn", 16.4, 97.5), street_tree(tenths, "turn", 164, 975)
    assert tree.start == (2, 164, 975, False, 10)
    np.testing.assert_array_equal(tree.paid, scaled.paid)
    assert actions(tree) == ["check", "bet 5.4", "bet 7.5"]
    assert actions(tree, "bet 5.4") == ["fold", "call", "raise to 21.7", "all-in 97.5"]
    called = follow(tree, "bet 5.4 raise 21.7 call")
    assert tree.pot(called) == pytest.approx(16.4 + 2 * 21.7)
    after = tree.following(called, rules)
    assert after == (3, 598, 758, False, 10)
    assert street_trees(rules, "turn", 16.4, 97.5)[after].start == after


@settings(max_examples=50)
@given(
    st.integers(1, 200),
    st.integers(1, 500),
    st.sampled_from(STREETS[1:]),
    st.lists(st.sampled_from(["33%", "75%", "all-in", "7c", "e"]), max_size=3),
    st.lists(st.sampled_from(["60%", "2.5x", "50c", "a"]), max_size=2),
    st.integers(0, 3) | st.none(),
)
def test_every_tree_is_sound(pot, stack, street, bets, raises, cap):
    tree = street_tree(no_limit(",".join(bets), ",".join(raises), raise_cap=cap), street, pot, stack)
    nodes = len(tree.kind)
    for node in range(nodes):
        below = children(tree, node)
        kind, paid = tree.kind[node], tree.paid[node]
        assert all(tree.parent[child] == node for child in below)
        assert 1 + sum(tree.size[child] for child in below) == tree.size[node]
        assert paid.max() <= stack
        assert (tree.folder[node] >= 0) == (kind == FOLD)
        if kind < FOLD:
            labels = [tree.action[child] for child in below]
            assert len(set(labels)) == len(labels)
            facing = paid.max() > paid[kind]
            assert labels[: 1 + facing] == (["fold", "call"] if facing else ["check"])
            sizes = [int(label.split()[-1]) for label in labels[1 + facing :]]
            assert sizes == sorted(sizes)
            assert all(tree.kind[child] == 1 - kind for child in below[1 + facing :])
        else:
            assert not below
            if kind != FOLD:
                assert paid[0] == paid[1]
                over = SHOWDOWN if street == "river" else ALLIN if paid[0] == stack else NEXT
                assert kind == over
    most = max(tree.action[node].startswith("raise") for node in range(nodes))
    assert cap != 0 or most == 0


def test_cap_on_raises():
    def longest(cap: int | None) -> int:
        tree = street_tree(no_limit("1c", "2x", raise_cap=cap), "flop", 10, 1000)
        lines = [0] * len(tree.kind)
        for node in range(1, len(tree.kind)):
            raised = tree.paid[node].max() > tree.paid[tree.parent[node]].max() > 0
            lines[node] = lines[tree.parent[node]] + raised
        return max(lines)

    assert [longest(cap) for cap in (0, 1, 3)] == [0, 1, 3]
    assert longest(None) == 10  # 2, 4, ..., 512, 1000


def test_streets_follow_one_another():
    rules = no_limit("50%", "60%", lead="100%")
    trees = street_trees(rules, "flop", 60, 170)
    flop = next(iter(trees.values()))
    start = flop.following(follow(flop, "check bet 30 call"), rules)
    assert start == (2, 120, 140, True, 1)
    assert actions(trees[start]) == ["check", "bet 120"]
    assert actions(trees[start], "check") == ["check", "bet 60"]
    start = flop.following(follow(flop, "bet 30 call"), rules)
    assert start == (2, 120, 140, False, 1)
    assert actions(trees[start]) == ["check", "bet 60"]
    assert flop.following(follow(flop, "check check"), rules) == (2, 60, 170, False, 1)
    assert not any(tree.start.lead for tree in street_trees(no_limit("50%"), "flop", 60, 170).values())
    barred = street_tree(no_limit("50%", lead="none", add_allin=Fraction(100)), "turn", 60, 170, lead=True)
    assert actions(barred) == ["check"]
    seen = {start.street for start in trees}
    assert seen == {1, 2, 3}
    reached = {tree.following(int(n), rules) for tree in trees.values() for n in np.flatnonzero(tree.kind == NEXT)}
    assert reached | {flop.start} == set(trees)


def test_refusals():
    rules = no_limit("50%")
    for arguments, says in [
        (("showdown", 60, 170), "preflop, flop, turn, river"),
        (("preflop", 60, 170), "no bet sizes are given for the preflop"),
        (("river", 0, 170), "more than no chips"),
        (("river", 60, 0), "more than no chips"),
    ]:
        with pytest.raises(ValueError, match=says):
            street_tree(rules, *arguments)
    with pytest.raises(ValueError, match="more than 1,000 nodes"):
        street_tree(no_limit("1c", "2c,3c,4c,5c,6c,7c,8c,9c,10c,11c,12c,13c"), "river", 60, 1000, max_nodes=1000)
    with pytest.raises(ValueError, match="more than 100 nodes"):
        street_trees(no_limit("50%", "60%"), "flop", 60, 170, max_nodes=100)
    with pytest.raises(ValueError, match="no bet sizes are given for the turn"):
        street_trees(NoLimit((None, rules.menus[1], None, None)), "flop", 60, 170)
    with pytest.raises(ValueError, match="smallest bet is 4"):
        no_limit("3c", min_bet=4)
    for options in ({"add_allin": Fraction(-1)}, {"raise_cap": -1}, {"min_bet": 0}):
        with pytest.raises(ValueError, match="must be"):
            no_limit("50%", **options)
    for bets, cap in [((2, 4), 4), ((0, 4, 4), 4), ((2, 4, 4), -1)]:
        with pytest.raises(ValueError, match="limit"):
            FixedLimit(bets, cap)


def test_fixed_limit():
    tree = street_tree(FixedLimit((None, 2, 4, 4)), "turn", 10, 100)
    assert actions(tree) == ["check", "bet 4"]
    assert actions(tree, "bet 4 raise 8 raise 12") == ["fold", "call", "raise to 16"]
    assert actions(tree, "bet 4 raise 8 raise 12 raise 16") == ["fold", "call"]
    short = street_tree(FixedLimit((None, 2, 4, 4)), "turn", 10, 5)
    assert actions(short, "bet 4") == ["fold", "call", "all-in 5"]
    assert short.kind[follow(short, "bet 4 raise 5 call")] == ALLIN


def pokerkit(first: int, pot: int, stack: int, least: list[int], limit: int | None) -> State:
    """Return a hand of PokerKit's that starts on a street with this pot, made of antes, and these stacks."""
    automations = set(Automation) - {Automation.CHIPS_PUSHING, Automation.CHIPS_PULLING}
    streets = tuple(
        PokerKitStreet(
            False,
            (False, False) if street == first else (),
            HOLDEM.board[street] if street == first else 1,
            False,
            Opening.POSITION,
            least[street],
            limit,
        )
        for street in range(first, len(STREETS))
    )
    return State(
        tuple(automations),
        Deck.STANDARD,
        (StandardHighHand,),
        streets,
        BettingStructure.NO_LIMIT if limit is None else BettingStructure.FIXED_LIMIT,
        True,
        pot // 2,
        (0, 0),
        0,
        stack + pot // 2,
        2,
    )


def check_a_hand(rules: NoLimit | FixedLimit, chance: random.Random) -> int:
    """Play a random hand by our trees and by PokerKit at once; return the number of decisions."""
    street, pot, stack = chance.randint(1, 3), 2 * chance.randint(1, 60), chance.randint(1, 400)
    limited = isinstance(rules, FixedLimit)
    least = [bet or 1 for bet in rules.bets] if isinstance(rules, FixedLimit) else [rules.min_bet] * 4
    hand = pokerkit(street, pot, stack, least, rules.cap if isinstance(rules, FixedLimit) else None)
    tree, node, decisions = street_tree(rules, STREETS[street], pot, stack), 0, 0
    while True:
        kind = tree.kind[node]
        if kind == NEXT:
            start = tree.following(node, rules)
            tree, node = street_tree(rules, STREETS[start.street], start.pot, start.stack, start.lead), 0
            continue
        if kind >= FOLD:
            assert hand.actor_index is None
            assert hand.street_index is None
            won = sum(p.amount for p in hand.pots) if kind != FOLD else None
            assert won in (None, tree.pot(node))
            return decisions
        decisions += 1
        assert hand.actor_index == kind
        assert hand.bets == tree.paid[node].tolist()
        assert hand.stacks == [tree.start.stack - chips for chips in hand.bets]
        below = children(tree, node)
        labels = [tree.action[child] for child in below]
        assert ("fold" in labels) == (hand.checking_or_calling_amount > 0)
        sizes = [int(label.split()[-1]) for label in labels if label.split()[-1].isdigit()]
        assert all(map(hand.can_complete_bet_or_raise_to, sizes))
        smallest = hand.min_completion_betting_or_raising_to_amount
        if limited:
            assert bool(sizes) == hand.can_complete_bet_or_raise_to()
            assert sizes in ([], [smallest])
        elif rules == no_limit("1%", "1%", min_bet=rules.min_bet):
            assert sizes[:1] == ([] if smallest is None else [smallest])
        node = chance.choice(below)
        word, amount = tree.action[node].split()[0], tree.action[node].split()[-1]
        if word == "fold":
            hand.fold()
        elif word in ("check", "call"):
            hand.check_or_call()
        else:
            hand.complete_bet_or_raise_to(int(amount))


@pytest.mark.parametrize("limited", [False, True])
def test_legality_against_pokerkit(limited):
    chance = random.Random(7)
    bets, raises = ["1%", "33%", "75%", "150%", "e", "2e", "15c", "all-in"], ["1%", "60%", "2.5x", "70c", "e", "a"]
    decisions = 0
    for _ in range(150):
        rules: NoLimit | FixedLimit
        if limited:
            rules = FixedLimit(
                (None, chance.randint(1, 9), chance.randint(1, 9), chance.randint(1, 9)), chance.randint(1, 5)
            )
        else:
            rules = no_limit(
                ",".join(chance.sample(bets, chance.randint(1, 3))),
                ",".join(chance.sample(raises, chance.randint(1, 2))),
                min_bet=chance.choice([1, 2, 10]),
                raise_cap=chance.choice([3, 6]),
                force_allin=Fraction(chance.choice([0, 1]), 5),
            )
        decisions += check_a_hand(rules, chance)
    for _ in range(0 if limited else 50):
        decisions += check_a_hand(no_limit("1%", "1%", min_bet=chance.randint(5, 30)), chance)
    assert decisions > 500
