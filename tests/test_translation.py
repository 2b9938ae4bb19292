"""Bets off the menu: the mapping's properties, what is legal, and hands played with such bets."""

import json
from fractions import Fraction
from itertools import pairwise

import pytest

import counterplay
from counterplay.engine.rules import LEAF
from counterplay.games.holdem.lines import read_line
from counterplay.games.holdem.rules import HoldemRules
from counterplay.games.holdem.spot import parse_spot, spot_from_flags
from counterplay.games.holdem.translation import read_amount, share_of_smaller, taken
from counterplay.games.holdem.trees import children, street_trees

GIVEN = {"board": "Ks 9d 4c 7h 2s", "oop": "TT+,AKs,76s", "ip": "QQ+,98s,T9s", "pot": 60, "stack": 170}
F = Fraction
SIZES = [(F(0), F(1)), (F(1, 3), F(3, 4)), (F(1, 2), F(17, 6)), (F(1, 100), F(50))]


@pytest.mark.parametrize(("small", "large"), SIZES)
def test_the_mapping_has_the_properties_of_its_paper(small, large):
    steps = [small + (large - small) * k / 24 for k in range(25)]
    shares = [share_of_smaller(small, large, x) for x in steps]
    assert (shares[0], shares[-1]) == (1, 0)  # boundaries
    assert all(one > other for one, other in pairwise(shares))  # monotone
    for x, share in zip(steps, shares, strict=True):
        # A bluff is worth as little as before: who calls 1 / (1 + size) of the time does so on average.
        assert share / (1 + small) + (1 - share) / (1 + large) == 1 / (1 + x)
    # Robust: a little change of a size changes the share little.
    near = share_of_smaller(small, large + F(1, 10**6), steps[12])
    assert abs(near - shares[12]) < F(1, 10**5)


def test_the_threshold_of_the_paper():
    """Half of bets of (A + B + 2AB) / (A + B + 2) are taken for A: the threshold of the deterministic mapping."""
    for small, large in SIZES:
        median = (small + large + 2 * small * large) / (small + large + 2)
        assert share_of_smaller(small, large, median) == F(1, 2)
    assert share_of_smaller(F(0), F(1), F(1, 3)) == F(1, 2)


def decision(spot, line=""):
    way = read_line(line, spot.board, spot.trees, spot.betting, spot.deck)
    return spot.trees[way.start], way.node, spot.betting


def named(spot, line, text):
    tree, node, betting = decision(spot, line)
    found = taken(tree, node, betting, text)
    return None if found is None else dict(zip((tree.action[n] for n in found.nodes), found.shares, strict=True))


def test_stakes_may_be_counted_in_anything():
    """Scale invariance: chips, or cents, or tenths of a chip."""
    one = spot_from_flags(**GIVEN, bets="33%,100%", raises="60%,all-in")
    cents = spot_from_flags(**{**GIVEN, "pot": 6000, "stack": 17000}, bets="33.3333%,100%", raises="60%,all-in")
    tenths = spot_from_flags(**{**GIVEN, "pot": 6.1, "stack": 17.2}, bets="2.1c,6.1c")
    whole = spot_from_flags(**{**GIVEN, "pot": 61, "stack": 172}, bets="21c,61c", raise_cap=0)
    assert list(named(one, "", "bet 37").values()) == list(named(cents, "", "bet 3700").values())
    assert list(named(tenths, "", "bet 3.7").values()) == list(named(whole, "", "bet 37").values())


def test_what_a_bet_is_taken_for():
    spot = spot_from_flags(**GIVEN, bets="33%,100%", raises="60%,all-in")
    share = share_of_smaller(F(20, 60), F(1), F(37, 60))
    assert named(spot, "", "bet 37") == {"bet 20": share, "bet 60": 1 - share}
    for text in ("37", "raise to 37", "raise 37", " BET  37 ", "bet 37.0"):
        assert named(spot, "", text) == {"bet 20": share, "bet 60": 1 - share}
    assert named(spot, "", "bet 20") == {"bet 20": 1}
    assert named(spot, "", "bet 3") == {"bet 20": 1}
    assert named(spot, "", "bet 100") == {"bet 60": 1}
    assert named(spot, "", "all-in") == {"bet 60": 1}
    assert named(spot, "bet 20", "a") == {"all-in 170": 1}
    # A raise is what it adds to the call, over the pot after the call: 80 adds 60 and 170 adds 150 to a pot of 100.
    share = share_of_smaller(F(60, 100), F(150, 100), F(100, 100))
    assert named(spot, "bet 20", "raise to 120") == {"raise to 80": share, "all-in 170": 1 - share}
    for text in ("check", "c", "", "q", "bet", "raise to", "bet -3", "bet x", "bet 3 4"):
        assert named(spot, "", text) is None
    assert read_amount("all in", F(7)) == 7


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        ("", "bet 0", "'bet 0' is not legal: a bet is 2 to 170 chips, for OOP on the river"),
        ("", "bet 1", "a bet is 2 to 170 chips"),
        ("", "bet 171", "a bet is 2 to 170 chips"),
        (
            "bet 20",
            "raise to 39",
            "'raise to 39' is not legal: a raise is to at least 40 and at most 170 chips, for IP on the river",
        ),
        ("bet 20 raise to 80", "139", "a raise is to at least 140 and at most 170 chips"),
        ("bet 20 raise to 80 all-in", "170", "nothing can be bet there: the actions are fold, call"),
    ],
)
def test_amounts_that_are_not_legal(line, text, said):
    spot = spot_from_flags(**GIVEN, bets="33%,100%", raises="60%,all-in", min_bet=2)
    with pytest.raises(ValueError, match=said):
        named(spot, line, text)


def test_blinds_are_bets():
    spot = spot_from_flags(board="", stack=100, blinds="1,2", bets="50%", raises="100%,all-in", last="preflop")
    with pytest.raises(ValueError, match="a raise is to at least 4 and at most 100 chips, for IP before the flop"):
        named(spot, "", "raise to 3")
    assert list(named(spot, "", "raise to 4")) == ["raise to 6"]
    with pytest.raises(ValueError, match="a raise is to at least 4 and at most 100 chips, for OOP"):
        named(spot, "call", "raise to 3")
    with pytest.raises(ValueError, match="a raise is to at least 10 and at most 100 chips, for OOP"):
        named(spot, "raise to 6", "raise to 9")


def test_limit_poker_has_one_size():
    spot = spot_from_flags(**GIVEN, limit="10")
    assert named(spot, "", "bet 10") == {"bet 10": 1}
    with pytest.raises(ValueError, match="bets have one size in limit poker: the actions are check, bet 10"):
        named(spot, "", "bet 11")


def test_menus_of_all_sizes_cover_what_is_legal():
    """Each amount from the least to all-in is taken for sizes around it, with probabilities that sum to one."""
    spot = spot_from_flags(**GIVEN, bets="10%,33%,100%,all-in")
    tree = next(iter(street_trees(spot.betting, "river", 60, 170).values()))
    for node in range(len(tree.kind)):
        if tree.kind[node] > 1 or tree.action[node].startswith("all-in"):
            continue
        sizes = [max(tree.paid[n]) for n in children(tree, node)]
        for amount in range(int(tree.paid[node].max()) + 1, 171, 7):
            try:
                found = taken(tree, node, spot.betting, f"{amount}")
            except ValueError:
                continue
            assert sum(found.shares) == 1
            assert min(found.shares) >= 0
            assert all(max(tree.paid[n]) in sizes for n in found.nodes)


SPOT = """
board = "Ks 9s 4s 7s 2d"
pot = 60
stack = 170
range = { oop = "AA,8c7c,8d7d,8h7h", ip = "KK,QcJc,QdJd,QhJh" }
bets.river = { bet = ["33%", "100%"], raise = ["60%"] }
"""


def test_a_person_may_bet_what_it_likes(run, tmp_path):
    counterplay.solve(parse_spot(SPOT), iterations=50).save(tmp_path / "river.cps")

    def play(*answers: str, seed: int = 1) -> str:
        answered = "\n".join(answers) + "\n"
        code, out, _ = run("play", tmp_path / "river.cps", "--seat", 0, "--hands", 1, "--seed", seed, answers=answered)
        assert code == 0
        return out

    out = play("bet 1000", "bet 0", "bet 37", "call", "")
    assert "'bet 1000' is not legal: a bet is 1 to 170 chips, for OOP on the river" in out
    assert "bet 37 is taken as bet 20 (47 %)" in out or "bet 37 is taken as bet 60 (53 %)" in out
    assert out == play("bet 1000", "bet 0", "bet 37", "call", "")
    both = {line for seed in range(8) for line in play("37", "call", "", seed=seed).splitlines() if "taken" in line}
    assert {line.strip() for line in both} == {"37 is taken as bet 20 (47 %)", "37 is taken as bet 60 (53 %)"}
    assert "bet 3 is taken as bet 20, the nearest there is" in play("bet 3", "call", "")
    assert "all-in is taken as bet 60, the nearest there is" in play("all-in", "call", "")
    assert "taken" not in play("bet 20", "call", "")
    assert "taken" not in play("ch", "call", "")


def test_show_takes_bets_off_the_menu(run, tmp_path):
    counterplay.solve(parse_spot(SPOT), iterations=20).save(tmp_path / "river.cps")
    code, out, _ = run("show", tmp_path / "river.cps", "--node", "bet 37 raise 150", "--no-pager")
    assert code == 0
    assert "bet 37 is taken as bet 60, the nearest there is (53%)" in out
    assert "raise 150 is taken as raise to 168, the nearest there is\n" in out
    assert "OOP after bet 60 raise to 168" in out
    code, out, _ = run("show", tmp_path / "river.cps", "--node", "bet 20", "--no-pager")
    assert "taken" not in out
    code, out, _ = run("show", tmp_path / "river.cps", "--node", "bet 30", "--json")
    assert json.loads(out)["taken"] == ["bet 30 is taken as bet 20, the nearest there is (67%)"]
    code, _, err = run("show", tmp_path / "river.cps", "--node", "bet 300")
    assert code == 2
    assert "'bet 300' is not legal: a bet is 1 to 170 chips" in err
    with pytest.raises(ValueError, match="OOP cannot 'bet 30' there"):  # Python and locks are taken at their word
        counterplay.load(tmp_path / "river.cps").view("bet 30")


def test_all_in_before_the_flop_the_flop_comes_first():
    """All boards of 52 cards at once are too many to choose one from."""
    spot = spot_from_flags(board="", stack=10, blinds="1,2", bets="all-in")
    rules = HoldemRules(spot)
    state = rules.root()
    for action in ("all-in 10", "call"):
        state = rules.play(state, list(rules.moves(state)).index(action))
    assert len(rules.moves(state)) == 22_100
    flop = rules.play(state, 0)
    assert (flop.due, len(flop.board), len(rules.moves(flop))) == (2, 3, 49 * 48 // 2)
    assert rules.turn(rules.play(flop, 5)) == LEAF


def test_the_least_amount_is_that_of_the_menus():
    """The smallest size of a menu, one per cent, is rounded up to the least legal amount at every decision."""
    spot = spot_from_flags(board="", stack=40, blinds="0.5,1", bets="1%,50%", raises="1%,100%", raise_cap=2)
    below = 0
    for tree in spot.trees.values():
        unit = tree.start.unit
        for node in range(len(tree.kind)):
            bets = [] if tree.kind[node] > 1 else children(tree, node)
            bets = [n for n in bets if tree.paid[n].max() > tree.paid[node].max()]
            if not bets:
                continue
            least = int(tree.paid[bets[0]].max())
            found = taken(tree, node, spot.betting, f"{least / unit}")
            assert (found.nodes, found.exact) == ((bets[0],), True)
            if least < tree.start.stack:
                with pytest.raises(ValueError, match="is not legal"):
                    taken(tree, node, spot.betting, f"{(least - 1) / unit}")
                below += 1
        if below > 500:
            break
    assert below > 500
